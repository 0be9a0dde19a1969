//! Merging small files keeps every row, races with nothing, and deletes late.

use crate::support::*;
use lake::{Access, Lake, limits::GRACE_NS};

async fn all_rows(lake: &Lake) -> lake::Table {
    ask(
        lake,
        "SELECT seq, observed_at, observed_ns, command_line, arguments, extra FROM process ORDER BY seq",
    )
    .await
}

#[tokio::test]
async fn p4_compaction_keeps_rows_and_sums() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    for first in [1, 11, 21, 31, 41, 51] {
        let mut batch = commit(first, first + 9);
        batch.alerts = vec![alert(&batch.events[0], u128::from(first))];
        lake.commit(batch).await.expect("commits");
    }
    let before = all_rows(&lake).await;
    let reader = Lake::open(folder.path(), Access::Read).await.expect("reads");
    let now = at("2026-08-21T07:00:00Z");
    let done = lake.compact(now).await.expect("compacts");
    assert_eq!((done.files_merged, done.files_written, done.rows), (12, 2, 66));
    assert_eq!(done.files_deleted, 0, "readers of older snapshots still open them");
    assert_eq!(all_rows(&lake).await, before);
    assert_eq!(all_rows(&reader).await, before);
    assert_sums(&lake).await;
    assert_eq!(files(folder.path()).len(), 14);
    let status = lake.status().await.expect("status");
    assert_eq!(status.tables.iter().map(|table| table.files).sum::<u64>(), 2);

    let again = lake.compact(now.plus_nanos(GRACE_NS / 2)).await.expect("compacts");
    assert_eq!((again.files_merged, again.files_deleted), (0, 0));
    let late = lake.compact(now.plus_nanos(GRACE_NS + 1_000)).await.expect("compacts");
    assert_eq!(late.files_deleted, 12);
    assert_eq!(files(folder.path()).len(), 2);
    assert_eq!(all_rows(&reader).await, before);
    drop(lake);
    let lake = open(folder.path()).await;
    assert_eq!(all_rows(&lake).await, before);
    assert_sums(&lake).await;
    lake.commit(commit(61, 62)).await.expect("goes on");
    assert_sums(&lake).await;
}

#[tokio::test]
async fn commits_queries_and_compactions_run_beside_each_other() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    let writing = async {
        for first in (1..=120).step_by(4) {
            lake.commit(commit(first, first + 3)).await.expect("commits");
        }
    };
    let compacting = async {
        let mut merged = 0;
        for _ in 0..6 {
            merged +=
                lake.compact(at("2026-08-21T07:00:00Z")).await.expect("compacts").files_merged;
            tokio::task::yield_now().await;
        }
        merged
    };
    let asking = async {
        let mut last = 0;
        for _ in 0..10 {
            let now = number(&lake, "SELECT count(*) FROM process").await;
            assert!(now >= last && now % 4 == 0, "{now} after {last}: half a commit was seen");
            last = now;
        }
    };
    let ((), _, ()) = tokio::join!(writing, compacting, asking);
    let merged = lake.compact(at("2026-08-22T07:00:00Z")).await.expect("compacts");
    assert!(merged.files_merged > 0);
    assert_sums(&lake).await;
    assert_eq!(number(&lake, "SELECT count(DISTINCT seq) FROM process").await, 120);
}

#[tokio::test]
async fn a_day_that_is_over_ends_as_one_sorted_file() {
    let folder = tempfile::tempdir().expect("folder");
    let lake = open(folder.path()).await;
    lake.commit(commit(1, 5)).await.expect("commits");
    lake.commit(commit(6, 9)).await.expect("commits");
    let today = lake.compact(at("2026-08-21T23:00:00Z")).await.expect("compacts");
    assert_eq!(today.files_merged, 0, "two files of a day that goes on are left alone");
    let tomorrow = lake.compact(at("2026-08-22T01:00:00Z")).await.expect("compacts");
    assert_eq!((tomorrow.files_merged, tomorrow.files_written), (2, 1));
    let order = ask(&lake, "SELECT seq FROM process").await;
    let seqs: Vec<_> = order.rows.iter().map(|row| row[0].as_int().expect("number")).collect();
    assert_eq!(seqs, (1..=9).collect::<Vec<_>>());
}
