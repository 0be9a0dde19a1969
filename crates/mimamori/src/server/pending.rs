//! What the next commit will hold, and how a refused commit is taken apart.

use super::inbox::StreamId;
use lake::{Advance, Commit};
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
    ) -> Commit {
        let Self { events, alerts, advances, .. } = self;
        Commit { events, alerts, advances, committed_at, checkpoint }
    }
}

/// How far each stream of a commit gets.
pub(super) fn ends(commit: &Commit) -> Vec<(StreamId, u64)> {
    commit.advances.iter().map(|one| ((one.agent, one.epoch), one.last)).collect()
}

/// One commit for each advance, with its events and alerts. The last one carries the rest: alerts of
/// correlations whose event was committed before, and the state of correlations.
pub(super) fn by_stream(whole: Commit) -> Vec<Commit> {
    let Commit { mut events, mut alerts, advances, committed_at, checkpoint } = whole;
    let mut parts: Vec<Commit> = advances
        .into_iter()
        .map(|advance| {
            let id = (advance.agent, advance.epoch);
            let own = events.extract_if(.., |event| (event.stream.agent, event.stream.epoch) == id);
            let events = own.collect();
            let own = alerts.extract_if(.., |alert| (alert.stream.agent, alert.stream.epoch) == id);
            let alerts = own.collect();
            let advances = vec![advance];
            Commit { events, alerts, advances, committed_at, checkpoint: None }
        })
        .collect();
    if let Some(last) = parts.last_mut() {
        last.alerts.append(&mut alerts);
        last.checkpoint = checkpoint;
    }
    parts
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
