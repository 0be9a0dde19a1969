//! Files of programs that changed after the last snapshot was read: what was inventoried since, and what was written
//! since and not looked at again. So that a program that replaces an approved one is not taken for it.

use super::limits::FRESH_FILES_MAX;
use control::context::Program;
use model::DeviceId;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

/// What is known of a file by the stream alone.
#[derive(Debug, Clone)]
pub(super) enum Fresh {
    /// It was inventoried and is this.
    Program(Arc<Program>),
    /// It was written, moved or deleted; nobody looked at it since.
    Written,
}

/// The files that were last heard of, in two generations; the older one goes when the younger is full.
#[derive(Debug, Default)]
pub(super) struct FreshFiles {
    keys: RandomState,
    young: HashMap<u64, Fresh>,
    old: HashMap<u64, Fresh>,
}

impl FreshFiles {
    pub(super) fn get(&self, device: DeviceId, path: &str) -> Option<&Fresh> {
        if self.young.is_empty() && self.old.is_empty() {
            return None;
        }
        let key = self.keys.hash_one((device, path));
        self.young.get(&key).or_else(|| self.old.get(&key))
    }

    pub(super) fn put(&mut self, device: DeviceId, path: &str, fresh: Fresh) {
        if self.young.len() >= FRESH_FILES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(self.keys.hash_one((device, path)), fresh);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_word_counts_and_memory_is_bounded() {
        let mut files = FreshFiles::default();
        let device = DeviceId::from_bits(1);
        assert!(files.get(device, "/a").is_none());
        for number in 0..3 * FRESH_FILES_MAX {
            files.put(device, &number.to_string(), Fresh::Written);
        }
        assert!(files.young.len() + files.old.len() <= 2 * FRESH_FILES_MAX);
        assert!(files.get(device, "1").is_none());
        let newest = (3 * FRESH_FILES_MAX - 1).to_string();
        assert!(matches!(files.get(device, &newest), Some(Fresh::Written)));
        assert!(files.get(DeviceId::from_bits(2), &newest).is_none());
    }
}
