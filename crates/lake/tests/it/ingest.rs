//! Commits, positions, refusals.

use crate::support::*;
use lake::{Access, Advance, Commit, ErrorClass, Lake, LakeError};
use model::{EpochId, EventKind, Fields, LostReason, StreamKey, Value};

#[tokio::test]
async fn p2_what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    let mut first = commit(1, 3);
    first.alerts = vec![alert(&first.events[1], 7)];
    let done = lake.commit(first).await.expect("commits");
    assert_eq!((done.events, done.alerts, done.files), (3, 1, 2));
    drop(lake);

    let lake = open(folder.path()).await;
    lake.commit(commit(4, 5)).await.expect("continues");
    assert_sums(&lake).await;
    let positions = lake.positions().await.expect("positions");
    assert_eq!(positions.len(), 1);
    assert_eq!((positions[0].first_seq, positions[0].last_seq, positions[0].lost), (1, 5, 0));
    let found = ask(
        &lake,
        "SELECT seq, device, kind, class_uid, activity_id, observed_at, observed_ns, command_line, \
         arguments, process_id, categories, extra, raw FROM process WHERE seq = 2",
    )
    .await;
    assert_eq!(
        found.rows,
        vec![vec![
            Value::Int(2),
            Value::from(DEVICE.to_string()),
            Value::from("process_start"),
            Value::Int(1007),
            Value::Int(1),
            Value::from("2026-08-21T05:00:00.002Z"),
            Value::Int(2),
            Value::from("env 2"),
            Value::List(vec![Value::from("env"), Value::from("env 2")]),
            Value::Int(4_002),
            Value::from("process_creation"),
            Value::Null,
            Value::Null,
        ]]
    );
    let alerts = ask(&lake, "SELECT id, level, level_rank, seq, why, image, user FROM alert").await;
    assert_eq!(alerts.rows.len(), 1);
    assert_eq!(alerts.rows[0][1..4], [Value::from("high"), Value::Int(3), Value::Int(2)]);
    let why = alerts.rows[0][4].as_text().expect("text");
    assert!(why.contains("\"pattern\":\"/env\""), "{why}");
    assert_eq!(alerts.rows[0][5..], [Value::from("/usr/bin/env"), Value::Null]);
    let status = lake.status().await.expect("status");
    assert_eq!(
        status.observed_at_newest().map(|time| time.to_string()).as_deref(),
        Some("2026-08-21T05:00:00.005Z")
    );
}

#[tokio::test]
async fn p4_replayed_and_overlapping_commits_change_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    lake.commit(commit(1, 10)).await.expect("commits");
    let before = files(folder.path());
    for (first, last) in [(1, 10), (1, 3), (10, 10), (5, 20)] {
        match lake.commit(commit(first, last)).await {
            Err(err @ LakeError::AlreadyCommitted { first: at, through: 10, .. }) => {
                assert_eq!(at, first);
                assert_eq!(err.class(), ErrorClass::Reject);
            }
            other => panic!("{first}-{last}: {other:?}"),
        }
    }
    match lake.commit(commit(12, 13)).await {
        Err(LakeError::Hole { first: 12, expected: 11, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(files(folder.path()), before, "a refused commit leaves no file");
    lake.commit(commit(11, 12)).await.expect("continues");
    assert_sums(&lake).await;
    assert_eq!(number(&lake, "SELECT count(*) FROM process").await, 12);
}

#[tokio::test]
async fn p4_two_commits_of_the_same_batch_at_once_store_it_once() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    let (a, b, c) = tokio::join!(
        lake.commit(commit(1, 50)),
        lake.commit(commit(1, 50)),
        lake.commit(commit(1, 50))
    );
    assert_eq!([a.is_ok(), b.is_ok(), c.is_ok()].iter().filter(|ok| **ok).count(), 1);
    assert_sums(&lake).await;
}

#[tokio::test]
async fn p3_declared_losses_are_kept_with_reason() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    let mut with_gap = commit_of(vec![event(5, "a"), event(9, "b")]);
    with_gap.advances[0].lost = vec![(6, 8, LostReason::Quota)];
    lake.commit(with_gap).await.expect("commits");
    let only_lost = Commit {
        advances: vec![Advance {
            agent: AGENT,
            epoch: EPOCH,
            first: 10,
            last: 19,
            lost: vec![(10, 19, LostReason::Corrupt)],
        }],
        committed_at: at("2026-08-21T06:00:00Z"),
        ..Commit::default()
    };
    lake.commit(only_lost).await.expect("a loss alone moves the position");
    let position = lake.positions().await.expect("positions")[0];
    assert_eq!((position.first_seq, position.last_seq), (5, 19));
    assert_eq!((position.stored, position.lost), (2, 13));
    assert_sums(&lake).await;
}

#[tokio::test]
async fn a_checkpoint_is_kept_with_the_positions_or_not_at_all() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    assert_eq!(lake.checkpoint().await.expect("reads"), None);
    let with = |first, last, state: &[u8]| Commit {
        checkpoint: Some(state.to_vec()),
        ..commit(first, last)
    };
    lake.commit(with(1, 2, b"one")).await.expect("commits");
    // A commit without one keeps it; a refused one changes nothing.
    lake.commit(commit(3, 4)).await.expect("commits");
    assert!(lake.commit(with(3, 4, b"again")).await.is_err());
    assert_eq!(lake.checkpoint().await.expect("reads").as_deref(), Some(&b"one"[..]));
    lake.commit(with(5, 5, b"two")).await.expect("commits");
    drop(lake);
    let reopened = open(folder.path()).await;
    assert_eq!(reopened.checkpoint().await.expect("reads").as_deref(), Some(&b"two"[..]));
}

/// Counts of the one stream.
fn counted(first: u64, last: u64, counts: &[(&str, &str, u64)]) -> Commit {
    let tally = |(name, part, count): &(&str, &str, u64)| lake::Tally {
        agent: AGENT,
        epoch: EPOCH,
        name: (*name).to_owned(),
        part: (*part).to_owned(),
        count: *count,
    };
    Commit { tallies: counts.iter().map(tally).collect(), ..commit(first, last) }
}

#[tokio::test]
async fn p4_counts_move_with_the_positions_or_not_at_all() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    let first = counted(1, 2, &[("f", "r1", 2), ("f", "r2", 1), ("g", "r1", 5)]);
    let at = first.committed_at;
    lake.commit(first.clone()).await.expect("commits");
    assert!(lake.commit(first).await.is_err(), "the same again");
    let day_later = Commit {
        committed_at: at.plus_nanos(86_400_000_000_000),
        ..counted(3, 3, &[("f", "r1", 1)])
    };
    lake.commit(day_later).await.expect("commits");
    drop(lake);
    let lake = open(folder.path()).await;
    let sums = lake.tallies("2026-08-22").await.expect("sums");
    let told: Vec<(&str, &str, u64, u64)> = sums
        .iter()
        .map(|sum| (sum.name.as_str(), sum.part.as_str(), sum.total, sum.since))
        .collect();
    assert_eq!(told, [("f", "r1", 3, 1), ("f", "r2", 1, 0), ("g", "r1", 5, 0)]);
    let at = model::Timestamp::from_micros(at.micros());
    assert_eq!((sums[0].last_at, sums[2].last_at), (at.plus_nanos(86_400_000_000_000), at));
    let days = lake.tally_days("f", "2026-08-01").await.expect("days");
    assert_eq!(days, [("2026-08-22".to_owned(), 1), ("2026-08-21".to_owned(), 3)]);
    let mut stray = counted(4, 4, &[("f", "r1", 1)]);
    stray.tallies[0].epoch = EpochId::from_bits(77);
    assert!(matches!(lake.commit(stray).await, Err(LakeError::Malformed { .. })));
    let reader = lake::Lake::open(folder.path(), lake::Access::Read).await.expect("opens");
    assert_eq!(reader.tallies("2026-08-22").await.expect("sums").len(), 3);
}

#[tokio::test]
async fn several_streams_and_families_share_a_commit() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    let mut both = commit(1, 2);
    let other = EpochId::from_bits(99);
    let time = at("2026-08-22T00:00:00Z");
    for (seq, kind) in [(1, EventKind::NetworkConnect), (2, EventKind::AgentCounters)] {
        let fields: Fields = [("Image", "/bin/x")].into_iter().collect();
        let mut event = event_of(kind, seq, time, fields);
        event.stream = StreamKey { agent: AGENT, epoch: other, seq };
        both.events.push(event);
    }
    both.advances.push(Advance { agent: AGENT, epoch: other, first: 1, last: 1, lost: vec![] });
    both.advances.push(Advance { agent: AGENT, epoch: other, first: 2, last: 2, lost: vec![] });
    let done = lake.commit(both).await.expect("commits");
    assert_eq!(done.files, 3);
    assert_eq!(lake.positions().await.expect("positions").len(), 2);
    assert_sums(&lake).await;
}

#[tokio::test]
async fn events_outside_an_advance_are_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    let mut stray = commit(1, 3);
    stray.advances[0].last = 2;
    for bad in [stray, Commit { advances: vec![], ..commit(1, 1) }] {
        match lake.commit(bad).await {
            Err(LakeError::Malformed { reason }) => assert!(reason.contains("advance"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(files(folder.path()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn p9_a_device_with_a_mad_clock_makes_few_files_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    let day = 86_400_000_000_000;
    let times = [i64::MIN, i64::MAX, 0, -1].into_iter().chain((0..200).map(|n| n * day));
    let events = times
        .zip(1..)
        .map(|(nanos, seq)| event_at(seq, "env", model::Timestamp::from_nanos(nanos)))
        .collect();
    let done = lake.commit(commit_of(events)).await.expect("commits");
    assert_eq!(done.files, lake::limits::DAYS_PER_COMMIT_MAX);
    assert_sums(&lake).await;
    assert_eq!(number(&lake, "SELECT count(*) FROM process").await, 204);
}

#[tokio::test]
async fn a_second_writer_is_refused_and_a_reader_is_not() {
    let folder = tempfile::tempdir().expect("folder");
    let missing = Lake::open(folder.path(), Access::Read).await;
    assert!(matches!(missing, Err(LakeError::NoLake { .. })), "{missing:?}");
    let lake = open(folder.path()).await;
    match Lake::open(folder.path(), Access::Write).await {
        Err(err @ LakeError::InUse { .. }) => {
            let shown = err.to_string();
            assert!(shown.contains(&folder.path().display().to_string()), "{shown}");
            assert!(shown.contains("stop it"), "{shown}");
        }
        other => panic!("{other:?}"),
    }
    let reader = Lake::open(folder.path(), Access::Read).await.expect("reads");
    assert_eq!(number(&reader, "SELECT count(*) FROM process").await, 0);
    lake.commit(commit(1, 4)).await.expect("commits");
    assert_eq!(number(&reader, "SELECT count(*) FROM process").await, 4);
    assert!(matches!(reader.commit(commit(5, 5)).await, Err(LakeError::ReadOnly)));
    drop(lake);
    open(folder.path()).await;
}
