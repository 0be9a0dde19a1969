//! What a commit must satisfy before anything is written, and the files it becomes.

use crate::LakeError;
use crate::catalog::NewFile;
use crate::layout::{ALERT, Day, StoredTable, WantedTable};
use crate::limits::{COMMIT_ALERTS_MAX, COMMIT_EVENTS_MAX, DAYS_PER_COMMIT_MAX};
use crate::rows::{alert_rows, day_of_event, event_rows};
use crate::store::Store;
use crate::{Advance, Commit};
use model::{Alert, Event};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Checks that events and declared losses add up to the advances exactly.
pub(crate) fn check(commit: &Commit) -> Result<(), LakeError> {
    if commit.events.len() > COMMIT_EVENTS_MAX || commit.alerts.len() > COMMIT_ALERTS_MAX {
        return malformed(format!(
            "{} events and {} alerts; at most {COMMIT_EVENTS_MAX} and {COMMIT_ALERTS_MAX} fit one commit",
            commit.events.len(),
            commit.alerts.len()
        ));
    }
    let mut places: HashMap<_, Vec<u64>> = HashMap::new();
    for event in &commit.events {
        places.entry((event.stream.agent, event.stream.epoch)).or_default().push(event.stream.seq);
    }
    for seqs in places.values_mut() {
        seqs.sort_unstable();
    }
    let mut covered = 0;
    for advance in &commit.advances {
        let seqs = places.get(&(advance.agent, advance.epoch)).map_or(&[][..], Vec::as_slice);
        covered += check_advance(advance, seqs)?;
    }
    if covered != commit.events.len() {
        return malformed(format!(
            "{} of {} events lie in no advance",
            commit.events.len().abs_diff(covered),
            commit.events.len()
        ));
    }
    let known: HashSet<_> = commit.advances.iter().map(|one| (one.agent, one.epoch)).collect();
    if commit.tallies.iter().any(|tally| !known.contains(&(tally.agent, tally.epoch))) {
        return malformed("a count is of a stream that does not advance".to_owned());
    }
    Ok(())
}

fn malformed<T>(reason: String) -> Result<T, LakeError> {
    Err(LakeError::Malformed { reason })
}

/// Checks one advance against the sorted sequence numbers of its stream; returns how many it covers.
fn check_advance(advance: &Advance, seqs: &[u64]) -> Result<usize, LakeError> {
    let Advance { agent, epoch, first, last, lost } = advance;
    if first > last || *last > i64::MAX as u64 {
        return malformed(format!("stream {agent}/{epoch} advances from {first} to {last}"));
    }
    let mut expected = *first;
    let mut gaps = lost.iter().peekable();
    let from = seqs.partition_point(|seq| seq < first);
    let to = seqs.partition_point(|seq| seq <= last);
    for seq in &seqs[from..to] {
        while let Some((gap_first, gap_last, _)) = gaps.next_if(|(gap, _, _)| *gap == expected) {
            if gap_last < gap_first || gap_last > last {
                return malformed(format!(
                    "stream {agent}/{epoch} loses {gap_first} to {gap_last}"
                ));
            }
            expected = gap_last + 1;
        }
        if *seq != expected {
            return malformed(format!(
                "stream {agent}/{epoch}: expected event or declared loss {expected}, found {seq}"
            ));
        }
        expected += 1;
    }
    for (gap_first, gap_last, _) in gaps {
        if *gap_first != expected || gap_last < gap_first || gap_last > last {
            return malformed(format!("stream {agent}/{epoch} loses {gap_first} to {gap_last}"));
        }
        expected = gap_last + 1;
    }
    if expected != last + 1 {
        return malformed(format!(
            "stream {agent}/{epoch}: {expected} is neither an event nor declared lost"
        ));
    }
    Ok(to - from)
}

/// The rows of a table by day; the days with the fewest rows share one file when there are too many.
fn by_day<'a, T>(rows: &[&'a T], day: impl Fn(&T) -> Day) -> Vec<(Option<Day>, Vec<&'a T>)> {
    let mut days: BTreeMap<Day, Vec<&'a T>> = BTreeMap::new();
    for row in rows {
        days.entry(day(row)).or_default().push(row);
    }
    let mut groups: Vec<(Option<Day>, Vec<&'a T>)> =
        days.into_iter().map(|(day, rows)| (Some(day), rows)).collect();
    if groups.len() > DAYS_PER_COMMIT_MAX {
        groups.sort_by_key(|(day, rows)| (std::cmp::Reverse(rows.len()), *day));
        let rest = groups.split_off(DAYS_PER_COMMIT_MAX - 1);
        groups.push((None, rest.into_iter().flat_map(|(_, rows)| rows).collect()));
    }
    groups
}

/// Writes every file of a commit; on an error none is left. Blocks.
pub(crate) fn write_files(
    store: &Store,
    tables: &[StoredTable],
    wanted: &[WantedTable],
    commit: &Commit,
) -> Result<Vec<NewFile>, LakeError> {
    let mut files = Vec::new();
    let done = write_each(store, tables, wanted, commit, &mut files);
    if let Err(err) = done {
        discard(store, tables, &files);
        return Err(err);
    }
    Ok(files)
}

/// Removes the files of a refused commit. Blocks.
pub(crate) fn discard(store: &Store, tables: &[StoredTable], files: &[NewFile]) {
    for table in tables {
        store.discard(table, files);
    }
}

fn write_each(
    store: &Store,
    tables: &[StoredTable],
    wanted: &[WantedTable],
    commit: &Commit,
    files: &mut Vec<NewFile>,
) -> Result<(), LakeError> {
    let mut families: BTreeMap<&'static str, Vec<&Event>> = BTreeMap::new();
    for event in &commit.events {
        families.entry(event.kind.family().table()).or_default().push(event);
    }
    for (name, events) in families {
        let (table, wanted) = find(tables, wanted, name)?;
        for (day, rows) in by_day(&events, day_of_event) {
            let batch = event_rows(table, wanted, &rows)?;
            files.push(store.write(table, Some(wanted), day, &batch)?);
        }
    }
    if !commit.alerts.is_empty() {
        let (table, wanted) = find(tables, wanted, ALERT)?;
        let alerts: Vec<&Alert> = commit.alerts.iter().collect();
        for (day, rows) in by_day(&alerts, |alert| Day::of(alert.observed_at)) {
            let batch = alert_rows(table, &rows)?;
            files.push(store.write(table, Some(wanted), day, &batch)?);
        }
    }
    Ok(())
}

fn find<'a>(
    tables: &'a [StoredTable],
    wanted: &'a [WantedTable],
    name: &str,
) -> Result<(&'a StoredTable, &'a WantedTable), LakeError> {
    let table = tables.iter().find(|table| table.name == name);
    let wanted = wanted.iter().find(|table| table.name == name);
    table.zip(wanted).ok_or_else(|| LakeError::Engine { reason: format!("no table {name}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AgentId, EpochId, LostReason};

    fn verdict(first: u64, last: u64, seqs: &[u64], lost: &[(u64, u64)]) -> Result<usize, String> {
        let advance = Advance {
            agent: AgentId::from_bits(1),
            epoch: EpochId::from_bits(2),
            first,
            last,
            lost: lost.iter().map(|(from, to)| (*from, *to, LostReason::Quota)).collect(),
        };
        check_advance(&advance, seqs).map_err(|err| err.to_string())
    }

    #[test]
    fn p3_events_and_declared_losses_add_up_or_the_commit_is_refused() {
        assert_eq!(verdict(1, 3, &[1, 2, 3], &[]), Ok(3));
        assert_eq!(verdict(4, 9, &[4, 7, 8], &[(5, 6), (9, 9)]), Ok(3));
        assert_eq!(verdict(4, 9, &[], &[(4, 5), (6, 9)]), Ok(0));
        for (first, last, seqs, lost) in [
            (1, 3, &[1, 3][..], &[][..]),
            (1, 3, &[1, 2, 2], &[]),
            (1, 3, &[1, 2, 2, 3], &[]),
            (1, 2, &[1], &[]),
            (3, 1, &[], &[]),
            (1, 3, &[1, 2, 3], &[(2, 2)]),
            (1, 3, &[1], &[(2, 4)]),
            (1, 3, &[1], &[(3, 2)]),
            (1, u64::MAX, &[1], &[(2, u64::MAX)]),
        ] {
            assert!(verdict(first, last, seqs, lost).is_err(), "{first}-{last} {seqs:?} {lost:?}");
        }
    }

    #[test]
    fn more_days_than_files_share_one_file() {
        let rows: Vec<i64> = (0..100).chain([5; 10]).collect();
        let groups = by_day(&rows.iter().collect::<Vec<_>>(), |day| Day(*day));
        assert_eq!(groups.len(), DAYS_PER_COMMIT_MAX);
        assert_eq!(groups[0].0, Some(Day(5)));
        assert_eq!(groups.iter().map(|(_, rows)| rows.len()).sum::<usize>(), 110);
        assert_eq!(groups.iter().filter(|(day, _)| day.is_none()).count(), 1);
    }
}
