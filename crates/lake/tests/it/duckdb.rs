//! The lake against the official DuckDB with its `ducklake` extension: the same rows, before and after
//! compaction, after a column was added, with pruning, lists and maps.
//!
//! `MIMAMORI_DUCKDB_PYTHON` names a Python that has the packages of `tests/requirements.txt`.

use crate::support::*;
use lake::{Access, Lake, LocalDisk, Settings};
use model::registry::{FIELDS, FieldSpec, FieldType, IndexKind};
use model::{EventKind, Family, Fields, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn python() -> Option<PathBuf> {
    let Some(path) = std::env::var_os("MIMAMORI_DUCKDB_PYTHON").map(PathBuf::from) else {
        skipped("MIMAMORI_DUCKDB_PYTHON is not set");
        return None;
    };
    if !path.is_file() {
        skipped(&format!("{} is not there", path.display()));
        return None;
    }
    Some(path)
}

/// The answers of DuckDB as JSON, one per statement.
#[expect(clippy::disallowed_methods, reason = "the official DuckDB is the judge of this test")]
fn duckdb(python: &Path, root: &Path, statements: &[&str]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/conformance.py");
    let output = std::process::Command::new(python)
        .arg(script)
        .arg(root.join("catalog.sqlite"))
        .args(statements)
        .output()
        .expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

fn events() -> Vec<model::Event> {
    let mut events = Vec::new();
    for (place, day) in ["2026-08-19", "2026-08-20", "2026-08-21"].into_iter().enumerate() {
        for step in 0..4 {
            let seq = place as u64 * 4 + step + 1;
            let time = at(&format!("{day}T1{step}:00:00.123456789Z"));
            let kind = if step == 3 { EventKind::NetworkConnect } else { EventKind::ProcessStart };
            let mut event = event_at(seq, &format!("env 'quoted' {seq}"), time);
            event.kind = kind;
            if step == 1 {
                event.fields.set("Unknown.Field", Value::from("a\u{0}b 日本"));
                event.fields.set("User", Value::from("z".repeat(5_000)));
                event.fields.set("EventID", Value::Int(seq as i64));
            }
            events.push(event);
        }
    }
    events
}

const COUNTS: &str = "SELECT (SELECT count(*) FROM process), (SELECT count(*) FROM network), \
                      (SELECT count(*) FROM alert), (SELECT count(*) FROM file)";

/// What must hold whatever the files look like.
fn check(python: &Path, root: &Path) {
    let statements = [
        (COUNTS, "[[9, 3, 3, 0]]"),
        (
            "SELECT seq FROM process WHERE observed_at >= TIMESTAMPTZ '2026-08-20 00:00:00+00' \
             AND observed_at < TIMESTAMPTZ '2026-08-21 00:00:00+00' ORDER BY seq",
            "[[5], [6], [7]]",
        ),
        (
            "SELECT count(*) FROM process WHERE observed_at > TIMESTAMPTZ '2027-01-01 00:00:00+00'",
            "[[0]]",
        ),
        ("SELECT seq FROM process WHERE seq = 10", "[[10]]"),
        ("SELECT seq FROM process WHERE event_id >= 6 ORDER BY seq", "[[6], [10]]"),
        ("SELECT count(*) FROM process WHERE event_id IS NULL", "[[6]]"),
        ("SELECT count(*) FROM process WHERE command_line = 'env ''quoted'' 2'", "[[1]]"),
        ("SELECT count(*), max(length(\"user\")) FROM process WHERE \"user\" > 'y'", "[[3, 5000]]"),
        ("SELECT arguments FROM process WHERE seq = 1", r#"[[["env", "env 'quoted' 1"]]]"#),
        (
            "SELECT hex(extra['Unknown.Field']), observed_ns, epoch_us(observed_at) % 1000000 \
             FROM process WHERE seq = 2",
            r#"[["61006220E697A5E69CAC", 789, 123456]]"#,
        ),
        ("SELECT count(*) FROM process WHERE extra IS NULL", "[[6]]"),
        ("SELECT min(seq), max(seq), min(device) = max(device) FROM process", "[[1, 11, true]]"),
        (
            "SELECT level, level_rank, rule_id FROM alert WHERE seq = 1",
            r#"[["high", 3, "a-rule"]]"#,
        ),
        ("SELECT min(observed_at)::VARCHAR FROM process", r#"[["2026-08-19 10:00:00.123456+00"]]"#),
    ];
    let asked: Vec<&str> = statements.iter().map(|(sql, _)| *sql).collect();
    let answers = duckdb(python, root, &asked);
    for ((sql, expected), answer) in statements.iter().zip(&answers) {
        assert_eq!(answer, expected, "{sql}");
    }
    assert_eq!(answers.len(), statements.len());
}

async fn filled(root: &Path) -> Lake {
    let lake = open(root).await;
    let events = events();
    for some in events.chunks(4) {
        let mut batch = commit_of(some.to_vec());
        batch.alerts = vec![alert(&some[0], u128::from(some[0].stream.seq))];
        lake.commit(batch).await.expect("commits");
    }
    lake
}

#[tokio::test]
async fn official_duckdb_reads_the_same_rows_before_and_after_compaction() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("folder");
    let lake = filled(folder.path()).await;
    check(&python, folder.path());
    // More files of one day, so that there is something to merge.
    let seq = |seq: u64| event_at(seq, "env", at("2026-08-18T00:00:00Z"));
    for number in 13..=16 {
        lake.commit(commit_of(vec![seq(number)])).await.expect("commits");
    }
    let older = "SELECT count(*), min(seq), max(seq) FROM process \
                 WHERE observed_at < TIMESTAMPTZ '2026-08-19 00:00:00+00'";
    let snapshot = lake.status().await.expect("status").snapshot;
    assert_eq!(duckdb(&python, folder.path(), &[older]), ["[[4, 13, 16]]"]);
    let now = at("2026-08-22T07:00:00Z");
    let merged = lake.compact(now).await.expect("compacts");
    assert_eq!((merged.files_merged, merged.files_written), (4, 1));
    let travel = format!("SELECT count(*) FROM process AT (VERSION => {snapshot})");
    let changes = "SELECT count(*) > 0 FROM ducklake_snapshots('lake')";
    assert_eq!(
        duckdb(&python, folder.path(), &[older, &travel, changes]),
        ["[[4, 13, 16]]", "[[13]]", "[[true]]"]
    );
    let later = now.plus_nanos(2 * lake::limits::GRACE_NS);
    assert_eq!(lake.compact(later).await.expect("deletes").files_deleted, 4);
    assert_eq!(duckdb(&python, folder.path(), &[older]), ["[[4, 13, 16]]"]);
    for table in lake.status().await.expect("status").tables {
        let sql = format!("SELECT count(*) FROM {}", table.table);
        assert_eq!(
            duckdb(&python, folder.path(), &[&sql]),
            [format!("[[{}]]", table.rows)],
            "{sql}"
        );
    }
    assert_sums(&lake).await;
}

#[tokio::test]
async fn official_duckdb_prunes_files_by_time() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("folder");
    let _lake = filled(folder.path()).await;
    for path in files(folder.path()) {
        if path.display().to_string().contains("2026-08-19") {
            std::fs::remove_file(path).expect("removed");
        }
    }
    let sql =
        "SELECT sum(seq) FROM process WHERE observed_at >= TIMESTAMPTZ '2026-08-20 00:00:00+00'";
    assert_eq!(duckdb(&python, folder.path(), &[sql]), ["[[48]]"]);
}

#[tokio::test]
async fn official_duckdb_reads_a_column_that_was_added_later() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("folder");
    drop(filled(folder.path()).await);
    let added = FieldSpec {
        family: Some(Family::Process),
        column: "mood",
        sigma: "Mood",
        ty: FieldType::Text,
        index: IndexKind::MinMax,
        ocsf: "unmapped.mood",
        ecs: "mood",
        label_ja: "x",
        label_en: "x",
    };
    let fields: Vec<FieldSpec> = FIELDS.iter().chain([&added]).copied().collect();
    let settings = Settings { fields: fields.leak(), disk: Arc::new(LocalDisk) };
    let lake = Lake::open_with(folder.path(), Access::Write, settings).await.expect("opens");
    let fields: Fields = [("Mood", "good")].into_iter().collect();
    let time = at("2026-08-21T20:00:00Z");
    lake.commit(commit_of(vec![event_of(EventKind::ProcessStart, 13, time, fields)]))
        .await
        .expect("commits");
    let statements = [
        "SELECT seq, mood FROM process WHERE mood = 'good'",
        "SELECT count(*) FROM process WHERE mood IS NULL",
        "SELECT count(*), count(mood) FROM process",
    ];
    let expected = [r#"[[13, "good"]]"#, "[[9]]", "[[10, 1]]"];
    assert_eq!(duckdb(&python, folder.path(), &statements), expected);
    lake.compact(at("2026-08-22T07:00:00Z")).await.expect("compacts");
    assert_eq!(duckdb(&python, folder.path(), &statements), expected);
}

#[tokio::test]
async fn official_duckdb_reads_a_lake_that_grew_the_context() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("folder");
    let old = crate::evolution::before_context();
    let lake = Lake::open_with(folder.path(), Access::Write, old).await.expect("opens");
    let start = event_at(1, "env", at("2026-08-21T05:00:00Z"));
    lake.commit(commit_of(vec![start])).await.expect("commits");
    drop(lake);
    let lake = open(folder.path()).await;
    let stamped = crate::evolution::stamped(EventKind::ProcessStart, 2);
    lake.commit(commit_of(vec![stamped])).await.expect("commits");
    let statements = [
        "SELECT seq, software_decision, prevalence_30d, array_to_string(device_groups, ',') FROM process ORDER BY seq",
        "SELECT seq FROM process WHERE list_contains(device_groups, 'canary')",
        "SELECT count(*), count(signer), count(parent_chain) FROM process",
    ];
    let expected = [
        r#"[[1, null, null, null], [2, "unapproved", 2, "canary,pilot"]]"#,
        "[[2]]",
        "[[2, 1, 0]]",
    ];
    assert_eq!(duckdb(&python, folder.path(), &statements), expected);
    lake.compact(at("2026-08-22T07:00:00Z")).await.expect("compacts");
    assert_eq!(duckdb(&python, folder.path(), &statements), expected);
}

#[tokio::test]
async fn official_duckdb_reads_rows_of_many_days_in_one_file() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    let day = 86_400_000_000_000;
    let events = (1..=60_u64)
        .map(|seq| event_at(seq, "env", at("2026-01-01T12:00:00Z").plus_nanos(day * seq as i64)))
        .collect();
    lake.commit(commit_of(events)).await.expect("commits");
    let statements = [
        "SELECT count(*) FROM process",
        "SELECT seq FROM process WHERE observed_at::DATE = DATE '2026-02-20'",
        "SELECT count(*) FROM process WHERE observed_at < TIMESTAMPTZ '2026-02-01 00:00:00+00'",
    ];
    let expected = ["[[60]]", "[[50]]", "[[30]]"];
    assert_eq!(duckdb(&python, folder.path(), &statements), expected);
}
