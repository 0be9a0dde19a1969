//! What the next commit will hold, and how a refused commit is taken apart.

use super::inbox::StreamId;
use super::judge::FilterHits;
use lake::limits::COMMIT_ALERTS_MAX;
use lake::{Advance, Commit, Tally};
use model::{AgentId, Alert, Event, LostReason, Timestamp};
use wire::Batch;

/// Gathered since the last commit.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) events: Vec<Event>,
    pub(super) alerts: Vec<Alert>,
    pub(super) advances: Vec<Advance>,
    /// The inbox is read up to here.
    pub(super) inbox_through: u64,
    /// When the first of it came, by the monotonic clock.
    pub(super) since_ns: Option<u64>,
}

impl Pending {
    /// Continues the stream's advance of this commit, or begins one.
    pub(super) fn advance(&mut self, agent: AgentId, batch: &Batch) {
        let lost = batch.gaps.iter().map(|gap| (gap.first, gap.last, gap.reason));
        let open =
            self.advances.iter_mut().find(|open| open.agent == agent && open.epoch == batch.epoch);
        match open {
            Some(advance) => {
                advance.last = batch.last;
                advance.lost.extend(lost);
            }
            None => self.advances.push(Advance {
                agent,
                epoch: batch.epoch,
                first: batch.first,
                last: batch.last,
                lost: lost.collect(),
            }),
        }
    }

    pub(super) fn into_commit(
        self,
        committed_at: Timestamp,
        checkpoint: Option<Vec<u8>>,
        hits: FilterHits,
    ) -> Commit {
        let Self { events, alerts, advances, .. } = self;
        let tally =
            |(((agent, epoch), name, part), count)| Tally { agent, epoch, name, part, count };
        let tallies = hits.into_iter().map(tally).collect();
        Commit { events, alerts, advances, committed_at, checkpoint, tallies }
    }
}

/// How far each stream of a commit gets.
pub(super) fn ends(commit: &Commit) -> Vec<(StreamId, u64)> {
    commit.advances.iter().map(|one| ((one.agent, one.epoch), one.last)).collect()
}

/// One commit for each advance, with its events, alerts and counts. The last one carries the rest: alerts of
/// correlations whose event was committed before, and the state of correlations.
pub(super) fn by_stream(whole: Commit) -> Vec<Commit> {
    let Commit { mut events, mut alerts, advances, committed_at, checkpoint, mut tallies } = whole;
    let mut parts: Vec<Commit> = advances
        .into_iter()
        .map(|advance| {
            let id = (advance.agent, advance.epoch);
            let own = events.extract_if(.., |event| (event.stream.agent, event.stream.epoch) == id);
            let events = own.collect();
            let own = alerts.extract_if(.., |alert| (alert.stream.agent, alert.stream.epoch) == id);
            let alerts = own.collect();
            let own = tallies.extract_if(.., |tally| (tally.agent, tally.epoch) == id);
            let tallies = own.collect();
            let advances = vec![advance];
            Commit { events, alerts, advances, committed_at, checkpoint: None, tallies }
        })
        .collect();
    if let Some(last) = parts.last_mut() {
        last.alerts.append(&mut alerts);
        last.checkpoint = checkpoint;
    }
    parts
}

/// The commit in parts that the lake takes, however many alerts its events raise: first by stream, then each stream cut
/// between two events. As with [`by_stream`], the last part carries the rest.
pub(super) fn within_limits(whole: Commit) -> Vec<Commit> {
    if whole.alerts.len() <= COMMIT_ALERTS_MAX {
        return vec![whole];
    }
    let mut parts = Vec::new();
    // The earliest comes out first.
    let mut open = by_stream(whole);
    open.reverse();
    while let Some(mut part) = open.pop() {
        if part.alerts.len() <= COMMIT_ALERTS_MAX {
            parts.push(part);
            continue;
        }
        match halves(part) {
            Ok([first, second]) => open.extend([second, first]),
            Err(one) => {
                part = *one;
                let surplus = part.alerts.len() - COMMIT_ALERTS_MAX;
                part.alerts.sort_by_key(|alert| std::cmp::Reverse(alert.level));
                part.alerts.truncate(COMMIT_ALERTS_MAX);
                tracing::error!(
                    alerts = surplus,
                    "one event raised more alerts than are kept; the least severe were left out"
                );
                parts.push(part);
            }
        }
    }
    parts
}

/// Cuts the commit of one stream between two of its events; gives it back when it has only one.
fn halves(whole: Commit) -> Result<[Commit; 2], Box<Commit>> {
    let cut = whole.events.get(whole.events.len() / 2).map(|event| event.stream.seq);
    let is_one = |cut: u64| whole.events.first().is_none_or(|first| first.stream.seq >= cut);
    let (Some(cut), [advance]) = (cut.filter(|cut| !is_one(*cut)), whole.advances.as_slice())
    else {
        return Err(Box::new(whole));
    };
    let (lost_before, lost): (Vec<_>, Vec<_>) =
        advance.lost.iter().copied().partition(|(_, last, _)| *last < cut);
    let before = Advance { last: cut - 1, lost: lost_before, ..advance.clone() };
    let from = Advance { first: cut, lost, ..advance.clone() };
    let Commit { events, alerts, committed_at, checkpoint, tallies, .. } = whole;
    let id = (from.agent, from.epoch);
    let (events_before, events): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|event| event.stream.seq < cut);
    let is_before =
        |alert: &Alert| (alert.stream.agent, alert.stream.epoch) == id && alert.stream.seq < cut;
    let (alerts_before, alerts): (Vec<_>, Vec<_>) = alerts.into_iter().partition(is_before);
    let first = Commit {
        events: events_before,
        alerts: alerts_before,
        advances: vec![before],
        committed_at,
        ..Commit::default()
    };
    let advances = vec![from];
    Ok([first, Commit { events, alerts, advances, committed_at, checkpoint, tallies }])
}

/// The same advances, with nothing in them but the statement that it is lost.
pub(super) fn declared_lost(part: Commit) -> Commit {
    let lose = |advance: Advance| Advance {
        lost: vec![(advance.first, advance.last, LostReason::Undecodable)],
        ..advance
    };
    let advances = part.advances.into_iter().map(lose).collect();
    Commit { advances, committed_at: part.committed_at, ..Commit::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{DeviceId, EpochId, EventKind, Observation, StreamKey};

    fn event(agent: u128, seq: u64) -> Event {
        let seen = Observation {
            kind: EventKind::Other,
            observed_at: Timestamp::from_nanos(0),
            fields: model::Fields::new(),
        };
        let key = StreamKey { agent: AgentId::from_bits(agent), epoch: EpochId::from_bits(0), seq };
        Event::of_linux_agent(seen, DeviceId::from_bits(agent), key, Timestamp::from_nanos(0))
    }

    fn advance(agent: u128, first: u64, last: u64) -> Advance {
        let (agent, epoch) = (AgentId::from_bits(agent), EpochId::from_bits(0));
        Advance { agent, epoch, first, last, lost: Vec::new() }
    }

    #[test]
    fn p4_what_filters_took_away_goes_with_the_stream_of_its_events() {
        let id = |agent| (AgentId::from_bits(agent), EpochId::from_bits(0));
        let hits = [(1, 3), (2, 5)].map(|(agent, hits)| {
            let key = (id(agent), "filter".to_owned(), "rule".to_owned());
            (key, hits)
        });
        let pending =
            Pending { advances: vec![advance(1, 1, 2), advance(2, 7, 7)], ..Pending::default() };
        let whole = pending.into_commit(Timestamp::from_nanos(0), None, hits.into());
        let counts =
            |part: &Commit| part.tallies.iter().map(|tally| tally.count).collect::<Vec<_>>();
        let parts = by_stream(whole);
        assert_eq!(parts.iter().map(counts).collect::<Vec<_>>(), [[3], [5]]);
        // What is declared lost was counted for nobody.
        assert!(parts.into_iter().map(declared_lost).all(|lost| lost.tallies.is_empty()));
    }

    fn alert(agent: u128, seq: u64, number: u128) -> Alert {
        let event = event(agent, seq);
        Alert {
            id: model::AlertId::from_bits(number),
            rule_id: format!("rule {number}"),
            rule_title: String::new(),
            rule_revision: String::new(),
            level: if number.is_multiple_of(7) { model::Level::High } else { model::Level::Low },
            device: event.device,
            stream: event.stream,
            kind: event.kind,
            observed_at: event.observed_at,
            detected_at: event.observed_at,
            why: Vec::new(),
            fields: event.fields,
            rule_text: String::new(),
        }
    }

    #[test]
    fn p1_events_that_raise_more_alerts_than_a_commit_takes_are_committed_all_the_same() {
        let many = (COMMIT_ALERTS_MAX * 3 / 2) as u128;
        let mut lost = advance(1, 1, 12);
        lost.lost = vec![(3, 4, LostReason::Quota), (11, 12, LostReason::Quota)];
        let seqs = [1, 2, 5, 6, 7, 8, 9, 10];
        let events = seqs.iter().map(|seq| event(1, *seq)).chain([event(2, 1)]).collect();
        let of_first = (0..many).map(|n| alert(1, seqs[(n % 8) as usize], n));
        // One event alone has too many.
        let of_second = (0..many).map(|n| alert(2, 1, many + n));
        let whole = Commit {
            events,
            alerts: of_first.chain(of_second).collect(),
            advances: vec![lost, advance(2, 1, 1)],
            checkpoint: Some(vec![1]),
            ..Commit::default()
        };
        let parts = within_limits(whole);
        assert!(parts.iter().all(|part| part.alerts.len() <= COMMIT_ALERTS_MAX));
        let told: Vec<_> = parts
            .iter()
            .flat_map(|part| &part.advances)
            .map(|one| (one.agent.bits(), one.first, one.last, one.lost.len()))
            .collect();
        assert_eq!(told, [(1, 1, 6, 1), (1, 7, 12, 1), (2, 1, 1, 0)]);
        for part in &parts {
            let own = &part.advances[0];
            let within = |stream: StreamKey| {
                stream.agent == own.agent && (own.first..=own.last).contains(&stream.seq)
            };
            assert!(part.events.iter().all(|event| within(event.stream)));
            assert!(part.alerts.iter().all(|alert| within(alert.stream)));
        }
        assert_eq!(parts.iter().map(|part| part.events.len()).sum::<usize>(), 9);
        // Only of the one event, and the least severe of its alerts.
        let kept = parts.iter().map(|part| part.alerts.len() as u128).sum::<u128>();
        assert_eq!(kept, many + COMMIT_ALERTS_MAX as u128);
        assert!(parts[2].alerts[0].level == model::Level::High);
        assert_eq!(parts.iter().filter(|part| part.checkpoint.is_some()).count(), 1);
        assert!(parts[2].checkpoint.is_some());
    }

    #[test]
    fn p9_a_refused_commit_is_taken_apart_by_stream_and_nothing_is_left_over() {
        let whole = Commit {
            events: vec![event(1, 1), event(2, 7), event(1, 2)],
            advances: vec![advance(1, 1, 2), advance(2, 7, 7)],
            ..Commit::default()
        };
        let parts = by_stream(whole);
        let seqs =
            |part: &Commit| part.events.iter().map(|event| event.stream.seq).collect::<Vec<_>>();
        assert_eq!(parts.iter().map(seqs).collect::<Vec<_>>(), [vec![1, 2], vec![7]]);
        assert_eq!(ends(&parts[1]), [((AgentId::from_bits(2), EpochId::from_bits(0)), 7)]);
    }

    #[test]
    fn p3_a_stream_that_the_lake_refuses_is_declared_lost_as_a_whole() {
        let part = Commit {
            events: vec![event(1, 1)],
            advances: vec![advance(1, 1, 3)],
            ..Commit::default()
        };
        let lost = declared_lost(part);
        assert!(lost.events.is_empty());
        assert_eq!(lost.advances[0].lost, [(1, 3, LostReason::Undecodable)]);
    }
}
