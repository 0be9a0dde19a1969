//! The past column by column: strips give back exactly what was committed.

use crate::support::{DEVICE, at, commit_of, event_of, open};
use lake::{NO_VALUE, Sought, Strip};
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

/// So many that the dictionary of the command lines is full long before their end.
const MANY: u64 = 45_000;
/// Rows whose command line has a word that no other has: in the dictionary, and far behind it.
const MARKED: [u64; 3] = [12, 30_000, 44_999];

/// Command lines that never come twice, programs that always do, lists, nothing, and values outside the columns.
fn many() -> Vec<Event> {
    let event = |seq: u64| {
        let mut fields = Fields::new();
        let mark = if MARKED.contains(&seq) { " Marked\u{212a}" } else { "" };
        let noise = seq.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        fields.set("CommandLine", format!("x.exe {seq:016x} {noise:016x} {noise:064b}{mark}"));
        fields.set("Image", if seq.is_multiple_of(2) { "C:\\even.exe" } else { "C:\\odd.exe" });
        fields.set("ProcessId", seq.cast_signed());
        if seq == 31_000 {
            fields.set("User", "seldom");
            fields.set("Arguments", Value::List(vec!["".into(), "listed".into()]));
        }
        fields.set("Note", format!("outside {seq:016x} {noise:064b}"));
        if seq == 40_000 {
            let inner = Value::List(vec!["back\\slash".into(), Value::Null]);
            fields.set("Nested", Value::Map(vec![("name".to_owned(), inner)]));
        }
        event_of(EventKind::ProcessStart, seq, at(BEGIN).plus_nanos(seq.cast_signed()), fields)
    };
    (1..=MANY).map(event).collect()
}

#[tokio::test]
async fn pages_are_searched_before_they_become_values() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let lake = open(folder.path()).await;
    lake.commit(commit_of(many())).await.expect("committed");
    let all = strips(&lake, at(BEGIN), at(BEGIN).plus_nanos(1_000_000_000)).await;
    let [strip] = all.as_slice() else { panic!("{} strips", all.len()) };
    let rows = strip.rows();
    assert_eq!(rows as u64, MANY);
    let wanted = vec![true; rows];
    let look = |column: Option<&str>, word: &str, hidden: &str, wanted: &[bool]| {
        let sought = Sought {
            in_texts: &|texts| String::from_utf8_lossy(texts).contains(word),
            in_nested: &|json| !hidden.is_empty() && String::from_utf8_lossy(json).contains(hidden),
        };
        let found = match column {
            Some(column) => strip.may_hold(column, &sought, wanted),
            None => strip.may_hold_outside(&sought, wanted),
        };
        let found = found.expect("searched")?;
        Some(
            found
                .iter()
                .enumerate()
                .filter(|(_, may)| **may)
                .map(|(row, _)| row as u64 + 1)
                .collect(),
        )
    };
    let is_some_of = |found: Option<Vec<u64>>, there: &[u64], at_most: usize| {
        let found = found.expect("rows");
        assert!(there.iter().all(|seq| found.contains(seq)), "{there:?}");
        assert!(found.len() <= at_most, "{} of {at_most}", found.len());
    };
    // Rows are in the order of their numbers: all of one device, one after the other.
    let command_line = Some("command_line");
    is_some_of(look(command_line, "Marked", "", &wanted), &MARKED, rows - 1);
    is_some_of(look(command_line, "\u{212a}", "", &wanted), &MARKED, rows - 1);
    let late = look(command_line, &format!("{:016x}", 44_000), "", &wanted);
    is_some_of(late, &[44_000], rows / 2);
    assert_eq!(look(command_line, "marked", "", &wanted), None);
    is_some_of(look(Some("image"), "even", "", &wanted), &[2, 4, 44_000], rows);
    assert_eq!(look(Some("image"), "neither", "", &wanted), None);
    is_some_of(look(Some("user"), "seldom", "", &wanted), &[31_000], rows);
    is_some_of(look(Some("arguments"), "listed", "", &wanted), &[31_000], rows);
    assert_eq!(look(Some("arguments"), "Listed", "", &wanted), None);
    assert_eq!(look(Some("parent_image"), "", "", &wanted), None, "no row has one");
    is_some_of(look(Some("process_id"), "no text", "", &wanted), &[1, MANY], rows);
    is_some_of(look(None, &format!("outside {:016x}", 44_000), "", &wanted), &[44_000], rows / 2);
    is_some_of(look(None, "no text", "\\\\", &wanted), &[40_000], rows / 2);
    assert_eq!(look(None, "no text", "no JSON", &wanted), None);
    // Only wanted rows come back, and their columns are as if all had been asked for.
    let few: Vec<bool> = (1..=MANY).map(|seq| seq % 1_000 == 0).collect();
    is_some_of(look(command_line, "Marked", "", &few), &[30_000], 45);
    let here: Vec<bool> = (1..=MANY).map(|seq| MARKED.contains(&seq)).collect();
    let column = strip.column("command_line", &here).expect("a column");
    let seen = column.keys.iter().enumerate().filter(|(_, key)| **key != NO_VALUE);
    let seen: Vec<u64> = seen.map(|(row, _)| row as u64 + 1).collect();
    assert_eq!(seen, MARKED);
    for seq in MARKED {
        let value = &column.values[column.keys[seq as usize - 1] as usize];
        assert!(value.as_text().is_some_and(|text| text.ends_with(" Marked\u{212a}")), "{value:?}");
    }
}
