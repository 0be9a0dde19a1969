//! A disk in memory that does what real ones do at the worst moment: what was not synced vanishes or is torn
//! at 512 bytes when the power fails, bits flip, and the n-th call fails.

use spool::{Disk, DiskFile, DiskLock};
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

const SECTOR_BYTES: usize = 512;

#[derive(Default, Clone)]
struct Node {
    /// What a running system sees.
    now: Vec<u8>,
    /// What survives a power failure for certain.
    synced: Vec<u8>,
}

#[derive(Default)]
struct State {
    nodes: Vec<Node>,
    /// Names as a running system sees them.
    names: BTreeMap<String, usize>,
    /// Names that survive a power failure for certain.
    synced_names: BTreeMap<String, usize>,
    /// Calls that change something, until the failing one.
    calls_until_failure: Option<u64>,
    failure: Option<io::ErrorKind>,
    capacity_bytes: Option<usize>,
    /// A process that lost its disk: every call of handles of an older generation fails.
    generation: u64,
}

/// The disk; clones share it.
#[derive(Clone, Default)]
pub(crate) struct SimDisk {
    state: Arc<Mutex<State>>,
    locked: Arc<AtomicBool>,
}

/// A small generator (xorshift), so that a failing case is repeated exactly.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let end = u64::try_from(end.max(1)).expect("fits");
        usize::try_from(self.0 % end).expect("below an usize")
    }
}

impl SimDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread panicked")
    }

    /// The power fails: of what was not synced, each sector survives or not, and each name change too.
    pub(crate) fn crash(&self, seed: u64) {
        let mut chance = Chance::new(seed);
        let mut state = self.state();
        let state = &mut *state;
        for node in &mut state.nodes {
            if node.now == node.synced {
                continue;
            }
            // The length may have become durable or not; the content sector by sector.
            let longest = node.now.len().max(node.synced.len());
            let len = match chance.below(3) {
                0 => node.synced.len(),
                1 => node.now.len(),
                _ => {
                    let shortest = node.now.len().min(node.synced.len());
                    shortest + chance.below(longest - shortest + 1)
                }
            };
            let mut survived = node.synced.clone();
            survived.resize(len, 0);
            for sector in 0..len.div_ceil(SECTOR_BYTES) {
                if chance.below(2) == 0 {
                    let begin = sector * SECTOR_BYTES;
                    let end = (begin + SECTOR_BYTES).min(len).min(node.now.len());
                    if begin < end {
                        survived[begin..end].copy_from_slice(&node.now[begin..end]);
                    }
                }
            }
            node.now.clone_from(&survived);
            node.synced = survived;
        }
        let mut names = state.synced_names.clone();
        let changed: Vec<String> = state
            .names
            .keys()
            .chain(state.synced_names.keys())
            .filter(|name| state.names.get(*name) != state.synced_names.get(*name))
            .cloned()
            .collect();
        for name in changed {
            if chance.below(2) == 0 {
                match state.names.get(&name) {
                    Some(node) => names.insert(name, *node),
                    None => names.remove(&name),
                };
            }
        }
        state.names.clone_from(&names);
        state.synced_names = names;
        self.end_process(state);
    }

    /// The process is killed: everything written stays, nothing more is written.
    pub(crate) fn kill(&self) {
        self.end_process(&mut self.state());
    }

    fn end_process(&self, state: &mut State) {
        state.generation += 1;
        state.calls_until_failure = None;
        self.locked.store(false, Ordering::SeqCst);
    }

    /// The n-th changing call from now fails once.
    pub(crate) fn fail_call(&self, number: u64, kind: io::ErrorKind) {
        let mut state = self.state();
        state.calls_until_failure = Some(number);
        state.failure = Some(kind);
    }

    /// Bytes that all files may take.
    pub(crate) fn set_capacity(&self, bytes: Option<usize>) {
        self.state().capacity_bytes = bytes;
    }

    /// Flips one bit, chosen by `at`, of a file.
    pub(crate) fn flip_bit(&self, name: &str, at: usize) {
        let mut state = self.state();
        let node = state.names[name];
        for bytes in {
            let node = &mut state.nodes[node];
            [&mut node.now, &mut node.synced]
        } {
            if let Some(byte) = bytes.get_mut(at / 8) {
                *byte ^= 1 << (at % 8);
            }
        }
    }

    /// Cuts a file, as a copy that was interrupted.
    pub(crate) fn cut(&self, name: &str, len: usize) {
        let mut state = self.state();
        let node = state.names[name];
        state.nodes[node].now.truncate(len);
        state.nodes[node].synced.truncate(len);
    }

    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let node = state.nodes.len();
        state.nodes.push(Node { now: bytes.clone(), synced: bytes });
        state.names.insert(name.to_owned(), node);
        state.synced_names.insert(name.to_owned(), node);
    }

    pub(crate) fn bytes_of(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.nodes[state.names[name]].now.clone()
    }

    pub(crate) fn delete(&self, name: &str) {
        let mut state = self.state();
        state.names.remove(name);
        state.synced_names.remove(name);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    fn change(&self, generation: u64) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if state.generation != generation {
            return Err(io::Error::other("the process is dead"));
        }
        if let Some(left) = state.calls_until_failure {
            if left == 0 {
                state.calls_until_failure = None;
                return Err(state.failure.unwrap_or(io::ErrorKind::Other).into());
            }
            state.calls_until_failure = Some(left - 1);
        }
        Ok(state)
    }

    fn file(&self, node: usize) -> Arc<dyn DiskFile> {
        let generation = self.state().generation;
        Arc::new(SimFile { disk: self.clone(), node, generation })
    }

    fn generation(&self) -> u64 {
        self.state().generation
    }
}

struct SimFile {
    disk: SimDisk,
    node: usize,
    generation: u64,
}

struct Unlock(Arc<AtomicBool>, SimDisk, u64);

impl Drop for Unlock {
    fn drop(&mut self) {
        if self.1.generation() == self.2 {
            self.0.store(false, Ordering::SeqCst);
        }
    }
}

impl Disk for SimDisk {
    fn location(&self) -> String {
        "simulated disk".to_owned()
    }
    fn create_directory(&self) -> io::Result<()> {
        Ok(())
    }
    fn lock(&self) -> Result<DiskLock, Result<Option<u32>, io::Error>> {
        if self.locked.swap(true, Ordering::SeqCst) {
            return Err(Ok(None));
        }
        Ok(DiskLock::new(Unlock(Arc::clone(&self.locked), self.clone(), self.generation())))
    }
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.change(self.generation())?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = state.nodes.len();
        state.nodes.push(Node::default());
        state.names.insert(name.to_owned(), node);
        drop(state);
        Ok(self.file(node))
    }
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let node = self.state().names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(node))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.change(self.generation())?;
        let node = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), node);
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.change(self.generation())?;
        state.names.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.change(self.generation())?;
        state.synced_names = state.names.clone();
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.disk.state().nodes[self.node].now.len() as u64)
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.state();
        let begin = usize::try_from(offset).expect("fits");
        let found = state.nodes[self.node].now.get(begin..begin + buffer.len());
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let begin = usize::try_from(offset).expect("fits");
        let failed = match self.disk.change(self.generation) {
            Ok(_) => None,
            Err(err) if self.disk.generation() != self.generation => return Err(err),
            Err(err) => Some(err),
        };
        let mut state = self.disk.state();
        let elsewhere: usize = state
            .names
            .values()
            .filter(|node| **node != self.node)
            .map(|node| state.nodes[*node].now.len())
            .sum();
        let room = state.capacity_bytes.map_or(usize::MAX, |all| all.saturating_sub(elsewhere));
        let node = &mut state.nodes[self.node];
        let end = if failed.is_some() { begin + bytes.len() / 2 } else { begin + bytes.len() };
        let fits = end.min(room.max(begin));
        if node.now.len() < fits {
            node.now.resize(fits, 0);
        }
        node.now[begin..fits].copy_from_slice(&bytes[..fits - begin]);
        match failed {
            Some(err) => Err(err),
            None if fits < end => Err(io::ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }
    fn truncate(&self, len_bytes: u64) -> io::Result<()> {
        let mut state = self.disk.change(self.generation)?;
        state.nodes[self.node].now.truncate(usize::try_from(len_bytes).expect("fits"));
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        // After a failed sync the system forgets that anything was dirty: what it says later proves nothing.
        let mut state = self.disk.change(self.generation)?;
        let node = &mut state.nodes[self.node];
        node.synced.clone_from(&node.now);
        Ok(())
    }
}
