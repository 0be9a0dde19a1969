//! Windows whose end is awaited, because something must not happen in them.

use super::group::{Entry, Moment};
use super::plan::Plan;
use model::{AgentId, StreamKey};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A window that is awaited: sorted by agent and deadline, and by deadline alone.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    by_agent: BTreeSet<(AgentId, Window)>,
    pub(super) by_deadline: BTreeSet<Window>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Window {
    pub(super) deadline: i64,
    pub(super) plan: usize,
    pub(super) begin: Moment,
    pub(super) group: Arc<str>,
}

impl Awaited {
    pub(super) fn insert(&mut self, window: Window) {
        self.by_agent.insert((window.begin.1.agent, window.clone()));
        self.by_deadline.insert(window);
    }

    pub(super) fn remove(&mut self, window: &Window) {
        self.by_agent.remove(&(window.begin.1.agent, window.clone()));
        self.by_deadline.remove(window);
    }

    pub(super) fn forget(&mut self, place: usize, plan: &Plan, key: &Arc<str>, entry: &Entry) {
        if entry.awaited {
            let deadline = entry.time.saturating_add(plan.span_ns);
            let (begin, group) = (entry.moment(), Arc::clone(key));
            self.remove(&Window { deadline, plan: place, begin, group });
        }
    }

    pub(super) fn first_of(&self, agent: AgentId) -> Option<Window> {
        let zero =
            StreamKey { agent: AgentId::from_bits(0), epoch: model::EpochId::from_bits(0), seq: 0 };
        let from =
            Window { deadline: i64::MIN, plan: 0, begin: (i64::MIN, zero), group: "".into() };
        let (of, window) = self.by_agent.range((agent, from)..).next()?;
        (*of == agent).then(|| window.clone())
    }
}
