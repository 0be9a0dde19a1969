//! NDJSON: three shapes, and lines that are no events.

use decode::ndjson::Reader;
use decode::{Record, RecordError};
use model::{EventKind, Timestamp, Value};

fn read(text: &str) -> Vec<Result<Record, RecordError>> {
    Reader::new(text.as_bytes()).collect()
}

fn only(text: &str) -> Record {
    let mut all = read(text);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).expect("an event")
}

#[test]
fn flat_nested_and_shipped_events_become_the_same_event() {
    let flat = only(
        r#"{"Channel":"Microsoft-Windows-Sysmon/Operational","Provider_Name":"Microsoft-Windows-Sysmon","EventID":"1","UtcTime":"2026-08-21 05:03:22.123","Image":"C:\\a.exe"}"#,
    );
    let nested = only(
        r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon"}},"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational"},"EventData":{"UtcTime":"2026-08-21 05:03:22.123","Image":"C:\\a.exe"}}}"##,
    );
    let shipped = only(
        r#"{"@timestamp":"2026-08-21T05:03:22.123Z","winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","provider_name":"Microsoft-Windows-Sysmon","event_id":1,"event_data":{"Image":"C:\\a.exe"}}}"#,
    );
    for record in [&flat, &nested, &shipped] {
        assert_eq!(record.kind, EventKind::ProcessStart);
        assert_eq!(record.source.product, "windows");
        assert_eq!(record.source.services, ["sysmon"]);
        assert_eq!(record.source.categories, ["process_creation"]);
        assert_eq!(record.fields.get("EventID"), Some(&Value::Int(1)));
        assert_eq!(record.fields.text("Image"), Some("C:\\a.exe"));
    }
    let when = Timestamp::parse("2026-08-21T05:03:22.123Z").expect("a time");
    assert_eq!((flat.observed_at, shipped.observed_at), (when, when));
}

#[test]
fn events_of_other_systems_say_where_they_belong() {
    let record = only(
        r#"{"product":"AWS","service":"cloudtrail","userIdentity":{"type":"Root"},"eventName":"x"}"#,
    );
    assert_eq!(record.source.product, "aws");
    assert_eq!(record.source.services, ["cloudtrail"]);
    assert!(matches!(record.fields.get("userIdentity"), Some(Value::Map(_))));
}

#[test]
fn a_payload_of_a_shipped_event_cannot_pass_for_another_event() {
    let record = only(
        r#"{"winlog":{"channel":"Security","event_id":4624,"event_data":{"EventID":"4688","Computer":"x"}}}"#,
    );
    assert_eq!(record.fields.int("EventID"), Some(4624));
    assert_eq!(record.fields.get("Computer"), None);
}

#[test]
fn a_bad_line_costs_itself_only_and_is_named() {
    let long = "x".repeat(decode::limits::LINE_BYTES_MAX);
    let text = format!("\u{feff}{{\"A\":1}}\r\n\n{{\"A\":\n[1]\n{{\"A\":\"{long}\"}}\n{{\"A\":2}}");
    let found: Vec<String> = read(&text)
        .into_iter()
        .map(|item| match item {
            Ok(record) => format!("{} A={:?}", record.record_id, record.fields.int("A")),
            Err(err) => err.to_string().chars().take(40).collect(),
        })
        .collect();
    assert_eq!(
        found,
        [
            "1 A=Some(1)",
            "line 3 cannot be decoded: its JSON is br",
            "line 4 cannot be decoded: it is not a JS",
            "line 5 cannot be decoded: it has more th",
            "6 A=Some(2)",
        ]
    );
}

#[test]
fn deep_and_wide_values_are_cut_and_the_event_says_so() {
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let record = only(&format!("{{\"A\":{deep},\"B\":1}}"));
    assert_eq!(record.fields.get("Truncated"), Some(&Value::Bool(true)));
    assert_eq!(record.fields.int("B"), Some(1));
}

#[test]
fn a_reader_that_uses_memory_again_gives_the_same_events() {
    let long = "x".repeat(10_000);
    let lines = [
        r#"{"Channel":"Security","EventID":"4624","A":"one","B":["two"],"C":1}"#.to_owned(),
        r#"{"A":"longer than before","EventID":18446744073709551615,"A":"again","x y":2}"#
            .to_owned(),
        "{\"A\":".to_owned(),
        format!("{{\"B\":\"{long}\",\"A\":\"\\u00e9\"}}"),
        r#"{"winlog":{"channel":"Security","event_id":1,"event_data":{"A":"in"}},"A":"out"}"#
            .to_owned(),
        r##"{"Event":{"System":{"EventID":1,"Channel":"Security"},"EventData":{"A":"x"}}}"##
            .to_owned(),
        r#"{"A":"a"}"#.to_owned(),
    ];
    let text = [lines.clone(), lines.clone(), lines.clone()].concat().join("\n");
    let expected: Vec<_> = read(&text);
    let mut reader = Reader::new(text.as_bytes()).without_raw();
    for expected in expected {
        let found = reader.next().expect("as many");
        match (expected, found) {
            (Ok(expected), Ok(found)) => {
                assert_eq!(
                    expected.raw.as_deref(),
                    Some(lines[(found.record_id as usize - 1) % 7].as_str())
                );
                assert_eq!(found, Record { raw: None, ..expected });
                reader.reuse(found.fields);
            }
            (expected, found) => assert_eq!(expected, found),
        }
    }
    assert_eq!(reader.next(), None);
}

#[test]
fn numbers_texts_and_names_are_kept_as_they_were_written() {
    let record = only(
        r#"{"Max":18446744073709551615,"Min":-9223372036854775808,"Half":0.5,"Twice":1,"Twice":2,"Text":"\u0041\t\ud83d\ude00","":"empty","a b":"blank"}"#,
    );
    let expected: Vec<(&str, Value)> = vec![
        ("Max", Value::UInt(u64::MAX)),
        ("Min", Value::Int(i64::MIN)),
        ("Half", Value::Float(0.5)),
        ("Twice", Value::Int(2)),
        ("Text", Value::from("A\t\u{1f600}")),
        ("", Value::from("empty")),
        ("ab", Value::from("blank")),
    ];
    let found: Vec<(&str, Value)> =
        record.fields.iter().map(|(name, value)| (name, value.clone())).collect();
    assert_eq!(found, expected);
    for broken in [r#"{"A":"\ud83d"}"#, r#"{"A":01}"#, r#"{"A":1,}"#, r#"{"A":1}{}"#, r#"{"A":"x"#]
    {
        assert!(matches!(&read(broken)[..], [Err(RecordError::Line { line: 1, .. })]), "{broken}");
    }
    for (time, written) in [
        ("2026-08-21T05:03:22.123Z", "2026-08-21 05:03:22.123"),
        ("2026-08-21T05:03:22Z", "2026-08-21T05:03:22"),
        ("2026-08-21T05:03:22Z", "2026-08-21T14:03:22+09:00"),
        ("1970-01-01T00:00:00Z", "yesterday 5:00"),
    ] {
        let record = only(&format!(r#"{{"UtcTime":"{written}"}}"#));
        assert_eq!(record.observed_at, Timestamp::parse(time).expect("a time"), "{written}");
    }
}

#[test]
fn an_event_never_has_more_fields_than_the_limit_whatever_is_added() {
    let many: Vec<String> = (0..700).map(|number| format!("\"F{number}\":{number}")).collect();
    let record = only(&format!(
        r#"{{"Channel":"Security","EventID":4688,"NewProcessName":"C:\\a.exe","ProcessId":"0x10",{}}}"#,
        many.join(",")
    ));
    assert!(record.fields.len() <= model::limits::FIELDS_MAX, "{}", record.fields.len());
    assert_eq!(record.fields.get("Truncated"), Some(&Value::Bool(true)));
    assert_eq!(record.fields.text("Image"), Some("C:\\a.exe"));
}
