//! Types, hostile text, what is refused, and how wrong names are answered.

use crate::support::*;
use lake::{Lake, LakeError};
use model::{EventKind, Fields, Value};

async fn lake_with(events: Vec<model::Event>) -> (tempfile::TempDir, Lake) {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    lake.commit(commit_of(events)).await.expect("commits");
    (folder, lake)
}

#[tokio::test]
async fn values_keep_their_types() {
    let (_folder, lake) = lake_with(vec![event(1, "a"), event(2, "b")]).await;
    let sql = "SELECT 1, -1.5, true, NULL, 'x', [1, 2], observed_at, date '2026-01-02', \
               arguments, count(*) OVER (), CAST(18446744073709551615 AS BIGINT UNSIGNED), \
               struct(1 AS a), timestamp '2026-01-02 03:04:05' \
               FROM process ORDER BY seq LIMIT 1";
    let sql = sql.replace("struct(1 AS a)", "named_struct('a', 1)");
    let table = ask(&lake, &sql).await;
    assert_eq!(
        table.rows[0],
        [
            Value::Int(1),
            Value::Float(-1.5),
            Value::Bool(true),
            Value::Null,
            Value::from("x"),
            Value::List(vec![Value::Int(1), Value::Int(2)]),
            Value::from("2026-08-21T05:00:00.001Z"),
            Value::from("2026-01-02"),
            Value::List(vec![Value::from("env"), Value::from("a")]),
            Value::Int(2),
            Value::UInt(u64::MAX),
            Value::Map(vec![("a".to_owned(), Value::Int(1))]),
            Value::from("2026-01-02T03:04:05Z"),
        ]
    );
    assert_eq!(table.columns.len(), 13);
    assert_eq!(table.columns[6].name, "observed_at");
}

#[tokio::test]
async fn what_fits_no_column_is_kept_in_extra() {
    let fields: Fields = [
        ("CommandLine", Value::List(vec![Value::from("a"), Value::Int(1)])),
        ("ProcessId", Value::from("0x1a4")),
        ("ParentProcessId", Value::from("420")),
        ("ExitCode", Value::UInt(u64::MAX)),
        ("ArgumentsTruncated", Value::from("true")),
        ("Arguments", Value::from("no list")),
        ("LogonId", Value::Int(999)),
        ("Image", Value::Null),
        ("Made.Up", Value::Map(vec![("k".to_owned(), Value::Bool(true))])),
        ("'; DROP TABLE process; --", Value::from("'; DROP TABLE process; --")),
    ]
    .into_iter()
    .collect();
    let time = at("2026-08-21T05:00:00Z");
    let (_folder, lake) = lake_with(vec![event_of(EventKind::ProcessStart, 1, time, fields)]).await;
    let table = ask(
        &lake,
        "SELECT command_line, process_id, parent_process_id, exit_code, arguments_truncated, \
         arguments, logon_id, image, extra FROM process",
    )
    .await;
    let pair = |name: &str, text: &str| (name.to_owned(), Value::from(text));
    assert_eq!(
        table.rows[0],
        [
            Value::Null,
            Value::Null,
            Value::Int(420),
            Value::Null,
            Value::Bool(true),
            Value::Null,
            Value::from("999"),
            Value::Null,
            Value::Map(vec![
                pair("CommandLine", r#"["a",1]"#),
                pair("ProcessId", "0x1a4"),
                pair("ExitCode", "18446744073709551615"),
                pair("Arguments", "no list"),
                ("Image".to_owned(), Value::Null),
                pair("Made.Up", r#"{"k":true}"#),
                pair("'; DROP TABLE process; --", "'; DROP TABLE process; --"),
            ]),
        ]
    );
    let found = ask(&lake, "SELECT seq FROM process WHERE extra['ProcessId'] = '0x1a4'").await;
    assert_eq!(found.rows.len(), 1);
}

#[tokio::test]
async fn hostile_text_comes_back_as_it_went_in() {
    let long = "x".repeat(model::limits::FIELD_TEXT_BYTES_MAX);
    let texts = [
        "",
        "\0",
        "a\0b",
        "'\"\\`$1; -- \n\r\t",
        "\u{202e}gnp.exe",
        "日本語 🏯",
        "\u{ffff}\u{10ffff}",
        "%_%",
        long.as_str(),
    ];
    let events = texts.iter().zip(1..).map(|(text, seq)| event(seq, text)).collect();
    let (_folder, lake) = lake_with(events).await;
    let table = ask(&lake, "SELECT command_line FROM process ORDER BY seq").await;
    let stored: Vec<_> = table.rows.iter().map(|row| row[0].as_text().expect("text")).collect();
    assert_eq!(stored, texts);
    for text in texts {
        let found = lake
            .query_with("SELECT seq FROM process WHERE command_line = $1", &[Value::from(text)], 10)
            .await
            .expect("asks");
        assert_eq!(found.rows.len(), 1, "{:?}", text.chars().take(20).collect::<String>());
    }
}

#[tokio::test]
async fn parameters_reach_every_type() {
    let (_folder, lake) = lake_with((1..=20).map(|seq| event(seq, "env")).collect()).await;
    let cases: [(&str, Vec<Value>, usize); 7] = [
        ("seq > $1", vec![Value::Int(15)], 5),
        ("observed_at >= $1", vec![Value::from("2026-08-21T05:00:00.018Z")], 3),
        (
            "observed_at >= $1 AND observed_at < $2",
            vec![
                Value::from("2026-08-21T14:00:00+09:00"),
                Value::from("2026-08-21T14:00:00.003+09:00"),
            ],
            2,
        ),
        ("device = $1 AND seq = $2", vec![Value::from(DEVICE.to_string()), Value::Int(3)], 1),
        ("command_line LIKE $1", vec![Value::from("%nv")], 20),
        ("array_has($1, CAST(seq AS TEXT))", vec![Value::List(vec!["3".into(), "7".into()])], 2),
        ("user IS NULL AND $1", vec![Value::Bool(true)], 20),
    ];
    for (condition, parameters, expected) in cases {
        let sql = format!("SELECT seq FROM process WHERE {condition}");
        let found = lake.query_with(&sql, &parameters, 100).await;
        assert_eq!(
            found.unwrap_or_else(|err| panic!("{sql}: {err}")).rows.len(),
            expected,
            "{sql}"
        );
    }
    let missing = lake.query("SELECT seq FROM process WHERE seq = $1", 10).await;
    assert!(matches!(missing, Err(LakeError::Sql { .. })), "{missing:?}");
}

#[tokio::test]
async fn rows_are_capped_and_the_answer_says_so() {
    let (_folder, lake) = lake_with((1..=20).map(|seq| event(seq, "env")).collect()).await;
    for (rows_max, truncated) in [(0, true), (19, true), (20, false), (usize::MAX, false)] {
        let table = lake.query("SELECT seq FROM process", rows_max).await.expect("asks");
        assert_eq!(
            (table.rows.len(), table.truncated),
            (rows_max.min(20), truncated),
            "{rows_max}"
        );
    }
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let (folder, lake) = lake_with(vec![event(1, "env")]).await;
    let outside = folder.path().join("outside.csv");
    std::fs::write(&outside, "secret\n1\n").expect("written");
    let outside = outside.display();
    for sql in [
        "INSERT INTO process SELECT * FROM process".to_owned(),
        "UPDATE process SET seq = 1".to_owned(),
        "DELETE FROM process".to_owned(),
        "DROP TABLE process".to_owned(),
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "CREATE VIEW v AS SELECT 1".to_owned(),
        "SELECT * INTO t FROM process".to_owned(),
        format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{outside}'"),
        format!("COPY (SELECT 1) TO '{outside}.out' STORED AS PARQUET"),
        format!("EXPLAIN COPY (SELECT 1) TO '{outside}.out' STORED AS PARQUET"),
        format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{outside}.out' STORED AS PARQUET"),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "RESET datafusion.execution.batch_size".to_owned(),
        "EXPLAIN ANALYZE INSERT INTO process SELECT * FROM process".to_owned(),
        "PREPARE p AS SELECT 1".to_owned(),
        "BEGIN".to_owned(),
    ] {
        match lake.query(&sql, 10).await {
            Err(LakeError::Refused { .. }) => {}
            other => panic!("{sql}: {other:?}"),
        }
    }
    for sql in [
        format!("SELECT * FROM '{outside}'"),
        format!("SELECT * FROM read_csv('{outside}')"),
        format!("SELECT * FROM read_parquet('{outside}')"),
        "SELECT 1; SELECT 2".to_owned(),
        "WITH t AS (INSERT INTO process SELECT * FROM process) SELECT 1".to_owned(),
        String::new(),
        ")".to_owned(),
    ] {
        assert!(lake.query(&sql, 10).await.is_err(), "{sql}");
    }
    let long = format!("SELECT '{}'", "x".repeat(lake::limits::QUERY_BYTES_MAX));
    assert!(matches!(lake.query(&long, 1).await, Err(LakeError::Refused { .. })));
    for sql in [
        "SHOW TABLES",
        "DESCRIBE process",
        "SHOW COLUMNS FROM process",
        "EXPLAIN SELECT * FROM process",
        "EXPLAIN ANALYZE SELECT * FROM process",
        "SELECT * FROM main.process",
        "WITH p AS (SELECT * FROM process) SELECT count(*) FROM p",
        "SELECT value FROM generate_series(1, 3)",
    ] {
        ask(&lake, sql).await;
    }
    assert_sums(&lake).await;
}

#[tokio::test]
async fn wrong_names_are_answered_with_the_right_ones() {
    let (_folder, lake) = lake_with(vec![event(1, "env")]).await;
    let table = lake.query("SELECT * FROM proces", 1).await.expect_err("unknown");
    assert_eq!(table.to_string(), "there is no table \"proces\"; did you mean process?");
    for sql in ["SELECT comand_line FROM process", "SELECT 1 FROM process WHERE comand_line = 'x'"]
    {
        let column = lake.query(sql, 1).await.expect_err("unknown");
        assert_eq!(
            column.to_string(),
            "there is no column \"comand_line\"; did you mean command_line?"
        );
    }
    let other = lake.query("SELECT seq + 'x' FROM process GROUP BY", 1).await;
    assert!(matches!(other, Err(LakeError::Sql { .. })), "{other:?}");
}

#[tokio::test]
async fn p9_a_query_that_wants_too_much_memory_stops_alone() {
    let (_folder, lake) = lake_with(vec![event(1, "env")]).await;
    let hungry = "SELECT array_agg(repeat('x', 10000) || value) FROM generate_series(1, 300000)";
    match lake.query(hungry, 1).await {
        Err(LakeError::TooExpensive { .. }) => {}
        other => panic!("{:?}", other.map(|table| table.rows.len())),
    }
    assert_eq!(number(&lake, "SELECT count(*) FROM process").await, 1);
}

#[tokio::test]
async fn files_outside_the_time_range_or_device_are_not_opened() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    for (place, day) in ["2026-08-19", "2026-08-20", "2026-08-21"].into_iter().enumerate() {
        let seq = place as u64 + 1;
        let mut one = commit_of(vec![event_at(seq, "env", at(&format!("{day}T12:00:00Z")))]);
        one.events[0].device = model::DeviceId::from_bits(u128::from(seq));
        lake.commit(one).await.expect("commits");
    }
    let stored = files(folder.path());
    assert_eq!(stored.len(), 3);
    let other_days = "SELECT count(*) FROM process WHERE observed_at >= '2026-08-21T00:00:00Z'";
    let other_device =
        format!("SELECT count(*) FROM process WHERE device = '{}'", model::DeviceId::from_bits(3));
    let by_seq = "SELECT count(*) FROM process WHERE seq >= 3";
    // With the two older files gone, only a query that leaves them out still works.
    for path in stored.iter().filter(|path| !path.display().to_string().contains("2026-08-21")) {
        std::fs::remove_file(path).expect("removed");
    }
    for sql in [other_days, &other_device, by_seq] {
        assert_eq!(number(&lake, sql).await, 1, "{sql}");
    }
    let all = lake.query("SELECT count(command_line) FROM process", 1).await;
    assert!(matches!(all, Err(LakeError::Corrupt { .. })), "{all:?}");
}
