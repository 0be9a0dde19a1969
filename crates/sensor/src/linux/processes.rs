//! The processes that are known: what an event needs of its process and of its parents.
//!
//! Invariant: bounded. Ended processes go first, oldest first; then the living, oldest first.

use super::record::ProcessKey;
use crate::limits::{PROCESSES_ENDED_MAX, PROCESSES_LIVE_MAX};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What is kept of a process.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) parent: ProcessKey,
    pub(crate) uid: u32,
    pub(crate) image: Arc<str>,
    /// Cut at [`crate::limits::PARENT_COMMAND_LINE_BYTES_MAX`].
    pub(crate) command_line: Arc<str>,
    ended: bool,
}

impl Process {
    pub(crate) fn new(
        parent: ProcessKey,
        uid: u32,
        image: impl Into<Arc<str>>,
        command_line: impl Into<Arc<str>>,
    ) -> Self {
        let (image, command_line) = (image.into(), command_line.into());
        Self { parent, uid, image, command_line, ended: false }
    }
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    known: HashMap<ProcessKey, Process>,
    /// The newest process of each number.
    newest: HashMap<u32, ProcessKey>,
    /// In order of appearance; may name processes that are gone or ended.
    appeared: VecDeque<ProcessKey>,
    ended: VecDeque<ProcessKey>,
}

impl Processes {
    /// A process appeared or runs another program now.
    pub(crate) fn put(&mut self, key: ProcessKey, process: Process) {
        if self.known.insert(key, process).is_none() {
            self.appeared.push_back(key);
        }
        match self.newest.get(&key.pid) {
            Some(newest) if newest.start_ns > key.start_ns => {}
            _ => {
                self.newest.insert(key.pid, key);
            }
        }
        self.keep_bounds();
    }

    /// A process was forked: it is what its parent is.
    pub(crate) fn fork(&mut self, key: ProcessKey, parent: ProcessKey, uid: u32) {
        let (image, command_line) = match self.known.get(&parent) {
            Some(known) => (Arc::clone(&known.image), Arc::clone(&known.command_line)),
            None => (Arc::from(""), Arc::from("")),
        };
        self.put(key, Process::new(parent, uid, image, command_line));
    }

    /// A process ended; it stays known for a while. Tells whether it had ended before.
    pub(crate) fn end(&mut self, key: ProcessKey) -> bool {
        let Some(process) = self.known.get_mut(&key) else { return false };
        if std::mem::replace(&mut process.ended, true) {
            return true;
        }
        self.ended.push_back(key);
        self.keep_bounds();
        false
    }

    /// What is known of a process.
    pub(crate) fn get(&self, key: ProcessKey) -> Option<&Process> {
        self.known.get(&key)
    }

    /// The process that had a number at a time since boot, as far as it is known.
    pub(crate) fn at(&self, pid: u32, at_ns: u64) -> Option<ProcessKey> {
        self.newest.get(&pid).copied().filter(|key| key.start_ns <= at_ns)
    }

    fn keep_bounds(&mut self) {
        while self.ended.len() > PROCESSES_ENDED_MAX {
            if let Some(key) = self.ended.pop_front() {
                self.forget(key);
            }
        }
        while self.known.len() > PROCESSES_LIVE_MAX + PROCESSES_ENDED_MAX {
            let Some(key) = self.appeared.pop_front() else { break };
            self.forget(key);
        }
        // Names of processes that are gone pile up in front of the living ones.
        if self.appeared.len() > 2 * (PROCESSES_LIVE_MAX + PROCESSES_ENDED_MAX) {
            self.appeared.retain(|key| self.known.contains_key(key));
        }
    }

    fn forget(&mut self, key: ProcessKey) {
        self.known.remove(&key);
        if self.newest.get(&key.pid) == Some(&key) {
            self.newest.remove(&key.pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pid: u32, start_ns: u64) -> ProcessKey {
        ProcessKey { pid, start_ns }
    }

    #[test]
    fn a_child_is_what_its_parent_is_until_it_runs_another_program() {
        let mut processes = Processes::default();
        processes.put(key(1, 1), Process::new(key(0, 0), 0, "/bin/sh", "sh -c x"));
        processes.fork(key(2, 5), key(1, 1), 7);
        let child = processes.get(key(2, 5)).expect("known");
        assert_eq!((&*child.image, child.uid, child.parent), ("/bin/sh", 7, key(1, 1)));
        assert_eq!(processes.at(2, 4), None, "it did not exist yet");
        assert_eq!(processes.at(2, 9), Some(key(2, 5)));
    }

    #[test]
    fn the_table_is_bounded_and_the_ended_go_first() {
        let mut processes = Processes::default();
        processes.put(key(1, 1), Process::new(key(0, 0), 0, "/init", "init"));
        for pid in 2..200_000 {
            processes.fork(key(pid, u64::from(pid)), key(1, 1), 0);
            assert!(!processes.end(key(pid, u64::from(pid))));
        }
        assert!(processes.known.len() <= PROCESSES_ENDED_MAX + 1);
        assert!(processes.appeared.len() <= 2 * (PROCESSES_LIVE_MAX + PROCESSES_ENDED_MAX));
        assert!(processes.get(key(1, 1)).is_some());
        assert!(processes.get(key(199_999, 199_999)).is_some());
        assert!(processes.end(key(199_999, 199_999)), "a second end is told");
        for pid in 200_000..300_000 {
            processes.fork(key(pid, u64::from(pid)), key(1, 1), 0);
        }
        assert!(processes.known.len() <= PROCESSES_LIVE_MAX + PROCESSES_ENDED_MAX);
    }
}
