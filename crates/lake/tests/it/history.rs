//! The past column by column: strips give back exactly what was committed.

use crate::support::{DEVICE, at, commit_of, event_of, open};
use lake::{NO_VALUE, Strip};
use model::{Event, EventKind, Family, Fields, LogSource, Timestamp, Value};
use std::collections::BTreeMap;

const BEGIN: &str = "2026-08-21T05:00:00Z";

/// Events of every family with values of every type, in columns and outside.
fn varied() -> Vec<Event> {
    let kinds = [
        EventKind::ProcessStart,
        EventKind::FileCreate,
        EventKind::RegistrySet,
        EventKind::NetworkConnect,
        EventKind::LogonFailure,
        EventKind::Script,
        EventKind::Other,
    ];
    let mut events = Vec::new();
    for (seq, number) in (1..).zip(0..700_i64) {
        let mut fields = Fields::new();
        if number % 2 == 0 {
            fields.set("Image", format!("C:\\a\\{}.exe", number % 5));
            fields.set("EventID", number % 9);
            fields.set("User", "佐藤");
        }
        if number % 3 == 0 {
            fields.set("CommandLine", format!("x.exe {number} \n\u{0}\"'"));
            fields.set("ProcessId", number);
            let list = vec![Value::from("a"), Value::from(""), Value::from("ü")];
            fields.set("Arguments", Value::List(list));
        }
        if number % 5 == 0 {
            fields.set("Unknown Field", "text");
            fields.set("Missing", Value::Null);
            fields.set("Big", Value::UInt(u64::MAX));
            fields.set("Truth", true);
            fields.set("Share", Value::Float(1.5));
            let inner = vec![("deep".to_owned(), Value::List(vec![Value::Int(1), Value::Null]))];
            fields.set("Map", Value::Map(inner));
        }
        if number % 7 == 0 {
            fields.set("User", Value::Null);
            fields.set("ProcessId", "0x1f");
        }
        let kind = kinds[usize::try_from(number).expect("small") % kinds.len()];
        let observed_at = at(BEGIN).plus_nanos(number * 1_000_000_007);
        let mut event = event_of(kind, seq, observed_at, fields);
        if number % 4 == 0 {
            event.source = LogSource {
                product: "windows".into(),
                services: vec!["sysmon".into(), "security".into()],
                categories: vec!["registry_event".into(), "registry_set".into()],
            };
            event.raw = Some("<xml/>".to_owned());
        }
        events.push(event);
    }
    events
}

/// Fields by name, with texts as rules see them: a number that was stored as text is the same to them.
fn seen(event: &Event) -> BTreeMap<String, Value> {
    let as_text = |value: &Value| match value {
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            Value::from(value.scalar_text().expect("one value").into_owned())
        }
        other => other.clone(),
    };
    event.fields.iter().map(|(name, value)| (name.to_owned(), as_text(value))).collect()
}

async fn strips(lake: &lake::Lake, from: Timestamp, to: Timestamp) -> Vec<Strip> {
    let mut all = Vec::new();
    for family in Family::ALL {
        all.extend(lake.strips(family, from, to).await.expect("strips"));
    }
    all
}

#[tokio::test]
async fn strips_give_back_exactly_what_was_committed() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let lake = open(folder.path()).await;
    let events = varied();
    for part in events.chunks(300) {
        lake.commit(commit_of(part.to_vec())).await.expect("committed");
    }
    let (from, to) = (at("2026-08-21T00:00:00Z"), at("2026-08-22T00:00:00Z"));
    let mut found: BTreeMap<u64, Event> = BTreeMap::new();
    for strip in strips(&lake, from, to).await {
        let wanted = strip.in_time().expect("times");
        for event in strip.events(&wanted).expect("events") {
            assert!(found.insert(event.stream.seq, event).is_none(), "an event twice");
        }
    }
    assert_eq!(found.len(), events.len());
    for event in &events {
        let back = &found[&event.stream.seq];
        assert_eq!(seen(back), seen(event), "{:?}", event.stream);
        assert_eq!(
            (back.kind, back.device, back.stream, back.observed_at, &back.source, &back.raw),
            (event.kind, DEVICE, event.stream, event.observed_at, &event.source, &event.raw)
        );
        assert_eq!(back.received_at.micros(), event.received_at.micros());
    }
}

#[tokio::test]
async fn columns_say_what_events_say_for_the_rows_that_are_wanted() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let lake = open(folder.path()).await;
    lake.commit(commit_of(varied())).await.expect("committed");
    let (from, to) = (at(BEGIN).plus_nanos(100_000_000_000), at(BEGIN).plus_nanos(500_000_000_000));
    let mut rows = 0;
    for strip in strips(&lake, from, to).await {
        let in_time = strip.in_time().expect("times");
        let wanted: Vec<bool> =
            in_time.iter().enumerate().map(|(row, wanted)| *wanted && row % 3 != 1).collect();
        let events = strip.events(&wanted).expect("events");
        let times = strip.times(&wanted).expect("times");
        rows += events.len();
        let mut next = events.iter();
        let fields = [("image", "Image"), ("process_id", "ProcessId"), ("arguments", "Arguments")];
        let columns = fields.map(|(column, _)| strip.column(column, &wanted).expect("a column"));
        let outside = strip.names_outside().expect("names");
        for (row, wanted) in wanted.iter().enumerate() {
            let event = wanted.then(|| next.next().expect("as many events as wanted rows"));
            assert_eq!(times[row], event.map_or(i64::MIN, |event| event.observed_at.micros()));
            for ((_, sigma), column) in fields.iter().zip(&columns) {
                let value = match column.keys[row] {
                    NO_VALUE => None,
                    key => Some(&column.values[key as usize]),
                };
                let said = event.and_then(|event| event.fields.get(sigma));
                // A value that is no number lies outside of the column of numbers.
                let elsewhere = value.is_none() && said.is_some() && outside.contains(*sigma);
                assert!(elsewhere || value == said, "{sigma} of row {row}: {value:?} {said:?}");
            }
        }
        assert!(next.next().is_none());
    }
    assert!(rows > 200, "{rows}");
}
