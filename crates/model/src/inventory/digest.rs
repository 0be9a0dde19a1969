//! Digests of items and of sets of items.

use super::InventoryItem;
use sha2::{Digest as _, Sha256};

impl InventoryItem {
    /// A digest of every field.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut say = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        say(self.source.name().as_bytes());
        for (_, text) in self.texts() {
            say(text.as_bytes());
        }
        say(&(self.permissions.len() as u64).to_le_bytes());
        for permission in &self.permissions {
            say(permission.as_bytes());
        }
        let size = self.size_bytes.map(u64::to_le_bytes);
        say(size.as_ref().map_or(&[], |bytes| bytes));
        say(self.enabled.map_or(&[], |enabled| if enabled { b"1" } else { b"0" }));
        let time = self.installed_at.map(|at| at.nanos().to_le_bytes());
        say(time.as_ref().map_or(&[], |bytes| bytes));
        hash.finalize().into()
    }
}

/// A digest over a set of items that can be kept up to date item by item: the sum of the items' digests
/// modulo 2^256. It tells accidents, not attacks: a device that lies about its items can lie in many ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ItemsDigest([u64; 4]);

impl ItemsDigest {
    /// With one more item.
    pub fn add(&mut self, item: &InventoryItem) {
        let mut carry = false;
        for (limb, more) in self.0.iter_mut().zip(limbs(&item.digest())) {
            let (sum, over) = limb.overflowing_add(more);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over || over_again);
        }
    }

    /// Without an item that was added before.
    pub fn remove(&mut self, item: &InventoryItem) {
        let mut borrow = false;
        for (limb, less) in self.0.iter_mut().zip(limbs(&item.digest())) {
            let (rest, under) = limb.overflowing_sub(less);
            let (rest, under_again) = rest.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (rest, under || under_again);
        }
    }

    /// As 64 characters of lower case hex, for [`SnapshotSummary::items_hash`].
    #[must_use]
    pub fn to_hex(self) -> String {
        let [lowest, low, high, highest] = self.0;
        format!("{highest:016x}{high:016x}{low:016x}{lowest:016x}")
    }

    /// Reads [`Self::to_hex`] back; `None` for any other text.
    #[must_use]
    pub fn of_hex(text: &str) -> Option<Self> {
        let mut limbs = [0u64; 4];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (place, limb) in limbs.iter_mut().enumerate() {
            let from = 48 - place * 16;
            *limb = u64::from_str_radix(text.get(from..from + 16)?, 16).ok()?;
        }
        Some(Self(limbs))
    }
}

/// The digest of a set of items, whatever their order, over every field; lower case hex.
#[must_use]
pub fn items_hash<'a>(items: impl Iterator<Item = &'a InventoryItem>) -> String {
    let mut digest = ItemsDigest::default();
    for item in items {
        digest.add(item);
    }
    digest.to_hex()
}

fn limbs(digest: &[u8; 32]) -> [u64; 4] {
    let mut limbs = [0u64; 4];
    for (limb, bytes) in limbs.iter_mut().zip(digest.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*bytes);
    }
    limbs
}
