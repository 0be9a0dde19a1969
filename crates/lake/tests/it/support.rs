//! Events, commits and the invariants that every test ends with.

use lake::{Access, Advance, Commit, Lake, Table};
use model::{
    AgentId, Alert, AlertId, DeviceId, EpochId, Event, EventKind, Fields, Level, LogSource,
    StreamKey, Timestamp, Value, Why,
};
use std::path::Path;

pub(crate) const AGENT: AgentId = AgentId::from_bits(11);
pub(crate) const EPOCH: EpochId = EpochId::from_bits(22);
pub(crate) const DEVICE: DeviceId = DeviceId::from_bits(33);

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

pub(crate) async fn open(root: &Path) -> Lake {
    Lake::open(root, Access::Write).await.expect("opens")
}

/// A process start with a command line.
pub(crate) fn event(seq: u64, command_line: &str) -> Event {
    event_at(seq, command_line, at("2026-08-21T05:00:00Z").plus_nanos(seq as i64 * 1_000_001))
}

pub(crate) fn event_at(seq: u64, command_line: &str, observed_at: Timestamp) -> Event {
    let fields: Fields = [
        ("Image", Value::from("/usr/bin/env")),
        ("CommandLine", Value::from(command_line)),
        ("ProcessId", Value::Int(4_000 + seq as i64)),
        ("Arguments", Value::List(vec![Value::from("env"), Value::from(command_line)])),
    ]
    .into_iter()
    .collect();
    event_of(EventKind::ProcessStart, seq, observed_at, fields)
}

pub(crate) fn event_of(kind: EventKind, seq: u64, observed_at: Timestamp, fields: Fields) -> Event {
    Event {
        kind,
        device: DEVICE,
        stream: StreamKey { agent: AGENT, epoch: EPOCH, seq },
        observed_at,
        received_at: observed_at.plus_nanos(5_000_000),
        source: LogSource::of_linux_sensor(kind),
        fields,
        raw: None,
    }
}

/// Process starts `first..=last`, as one advance of the one stream.
pub(crate) fn commit(first: u64, last: u64) -> Commit {
    commit_of((first..=last).map(|seq| event(seq, &format!("env {seq}"))).collect())
}

/// Events with contiguous sequence numbers, as one advance.
pub(crate) fn commit_of(events: Vec<Event>) -> Commit {
    let first = events.first().expect("not empty").stream.seq;
    let last = events.last().expect("not empty").stream.seq;
    Commit {
        committed_at: events[0].received_at.plus_nanos(1_000_000_000),
        events,
        alerts: Vec::new(),
        advances: vec![Advance { agent: AGENT, epoch: EPOCH, first, last, lost: Vec::new() }],
        checkpoint: None,
        tallies: Vec::new(),
    }
}

pub(crate) fn alert(event: &Event, bits: u128) -> Alert {
    Alert {
        id: AlertId::from_bits(bits),
        rule_id: "a-rule".to_owned(),
        rule_title: "env was run".to_owned(),
        rule_revision: "00".repeat(32),
        level: Level::High,
        device: event.device,
        stream: event.stream,
        kind: event.kind,
        observed_at: event.observed_at,
        detected_at: event.received_at,
        why: vec![Why {
            selection: "selection".to_owned(),
            field: Some("Image".to_owned()),
            modifier: "endswith".to_owned(),
            pattern: "/env".to_owned(),
            value: Some("/usr/bin/env".to_owned()),
        }],
        fields: event.fields.clone(),
        rule_text: "title: env was run\n".to_owned(),
    }
}

pub(crate) async fn ask(lake: &Lake, sql: &str) -> Table {
    lake.query(sql, 10_000).await.unwrap_or_else(|err| panic!("{sql}: {err}"))
}

/// The one number that a query answers.
pub(crate) async fn number(lake: &Lake, sql: &str) -> i64 {
    let table = ask(lake, sql).await;
    table.rows[0][0].as_int().unwrap_or_else(|| panic!("{sql}: {:?}", table.rows))
}

/// The sums of every stream, from the positions and from the files, and what SQL counts.
pub(crate) async fn assert_sums(lake: &Lake) {
    let positions = lake.positions().await.expect("positions");
    let counted = lake.count_stored().await.expect("counted");
    let mut rows = 0;
    for position in &positions {
        assert_eq!(
            position.last_seq - position.first_seq + 1,
            position.stored + position.lost,
            "{position:?}"
        );
        rows += position.stored;
        if position.stored > 0 {
            let count = counted
                .iter()
                .find(|count| count.agent == position.agent && count.epoch == position.epoch)
                .expect("a stream with rows is counted");
            assert_eq!((count.stored, count.duplicates), (position.stored, 0), "{position:?}");
        }
    }
    assert_eq!(counted.iter().map(|count| count.stored).sum::<u64>(), rows);
    let status = lake.status().await.expect("status");
    for table in &status.tables {
        let sql = format!("SELECT count(*) FROM {}", table.table);
        assert_eq!(number(lake, &sql).await as u64, table.rows, "{}", table.table);
    }
}

/// Says why a test did not run.
#[expect(clippy::print_stdout, reason = "a skipped test says so where its result is read")]
pub(crate) fn skipped(reason: &str) {
    println!("skipped: {reason}");
}

/// Every file below the data folder.
pub(crate) fn files(root: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("data")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
