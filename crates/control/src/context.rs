//! What is known of devices and programs, as one value in memory that the server asks for every event.
//!
//! Invariant: asking is free of SQL, locks on the store and waiting; [`Control::refresh_context`] reads what changed.
//! Invariant: memory is bounded by the limits of devices, items and programs; what does not fit is not known, and what
//! is not known is told as nothing.

mod load;

use crate::ground::{Ground, Judged, Place};
use crate::{Control, ControlError};
use case::judgement::Verdict;
use model::inventory::InventoryItem;
use model::{DeviceId, Timestamp};
use software::origin;
use sqlx::Row as _;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is known of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Id of the catalogue's title, when one was confirmed.
    pub title: Option<Arc<str>>,
    /// What the title is for, by the stored names.
    pub categories: Arc<[&'static str]>,
    /// How it stands.
    pub decision: Verdict,
    /// Who signed it; empty when that is not known.
    pub signer: Arc<str>,
    /// Where it was downloaded from; empty when that is not known.
    pub origin_url: Arc<str>,
    /// That place against the title's official ones: `official`, `unofficial`, `look_alike`.
    pub origin_verdict: Option<&'static str>,
    /// SHA-256 of its file.
    pub sha256: Option<[u8; 32]>,
}

/// What is known of a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceContext {
    /// Name of its department, or of its owner's.
    pub department: Option<Arc<str>>,
    /// Names of its groups, in order.
    pub groups: Arc<[String]>,
    person: String,
    department_id: String,
    /// How far its inventory was read.
    clock: i64,
    /// Its programs by path.
    programs: Arc<HashMap<Box<str>, ItemId>>,
}

/// The id of a distinct item, as a number.
type ItemId = u128;

/// Everything that is known, at one moment.
#[derive(Debug)]
pub struct Snapshot {
    devices: HashMap<DeviceId, Arc<DeviceContext>>,
    items: Arc<HashMap<ItemId, Arc<Known>>>,
    by_hash: Arc<HashMap<[u8; 32], ItemId>>,
    /// By identifier: the item that came last, hence the newest version that anybody has.
    by_package: Arc<HashMap<Box<str>, (i64, ItemId)>>,
    ground: Arc<Ground>,
    /// The newest batch of judgements that was read.
    batch: i64,
    /// Judgements that hold on one device only.
    there: Mutex<HashMap<(DeviceId, ItemId), Arc<Program>>>,
}

/// The items of a snapshot, and what leads to them.
struct Items {
    items: Arc<HashMap<ItemId, Arc<Known>>>,
    by_hash: Arc<HashMap<[u8; 32], ItemId>>,
    by_package: Arc<HashMap<Box<str>, (i64, ItemId)>>,
}

/// An item with its judgement.
#[derive(Debug)]
struct Known {
    program: Arc<Program>,
    /// The item, when its judgement depends on the device.
    per_device: Option<InventoryItem>,
}

impl Control {
    /// What is known now; `None` when that is what `known` says already. Called by the server every few seconds.
    ///
    /// # Errors
    /// The store's; what was known stays true enough meanwhile.
    pub async fn refresh_context(
        &self,
        known: Option<&Arc<Snapshot>>,
    ) -> Result<Option<Arc<Snapshot>>, ControlError> {
        // The number first: what is judged meanwhile is read now or next time, never missed.
        let row = sqlx::query("SELECT newest FROM judged_batch WHERE only_row = 1")
            .fetch_one(self.store.pool())
            .await?;
        let newest: i64 = row.try_get(0)?;
        let ground = self.ground().await?;
        let before = known.map_or(-1, |known| known.batch);
        let Items { items, by_hash, by_package } = match known {
            Some(known) if before == newest => Items {
                items: Arc::clone(&known.items),
                by_hash: Arc::clone(&known.by_hash),
                by_package: Arc::clone(&known.by_package),
            },
            _ => self.context_items(known, before, &ground).await?,
        };
        let devices = self.context_devices(known).await?;
        let same = known.is_some_and(|known| {
            before == newest && Arc::ptr_eq(&known.ground, &ground) && known.devices == devices
        });
        let there = Mutex::default();
        let snapshot =
            Snapshot { devices, items, by_hash, by_package, ground, batch: newest, there };
        Ok((!same).then(|| Arc::new(snapshot)))
    }
}

impl Snapshot {
    /// What is known of a device.
    #[must_use]
    pub fn device(&self, device: DeviceId) -> Option<&DeviceContext> {
        self.devices.get(&device).map(|known| &**known)
    }

    /// The program that lies at a path of a device.
    #[must_use]
    pub fn at_path(&self, device: DeviceId, path: &str, now: Timestamp) -> Option<Arc<Program>> {
        let id = *self.devices.get(&device)?.programs.get(path)?;
        self.on_device(device, id, now)
    }

    /// The program with a hash, wherever it was found, as it stands on a device.
    #[must_use]
    pub fn of_hash(
        &self,
        device: DeviceId,
        sha256: &[u8; 32],
        now: Timestamp,
    ) -> Option<Arc<Program>> {
        let id = *self.by_hash.get(sha256)?;
        self.on_device(device, id, now)
    }

    /// The program of a package (`deb:zoom`), as the newest version that anybody has stands on a device.
    #[must_use]
    pub fn of_package(
        &self,
        device: DeviceId,
        identifier: &str,
        now: Timestamp,
    ) -> Option<Arc<Program>> {
        let (_, id) = *self.by_package.get(identifier)?;
        self.on_device(device, id, now)
    }

    /// What an inventory item is, judged now for a device.
    #[must_use]
    pub fn of_item(&self, device: DeviceId, item: &InventoryItem, now: Timestamp) -> Arc<Program> {
        let judged = self.judge(device, item, now);
        Arc::new(self.program(item, &judged))
    }

    fn on_device(&self, device: DeviceId, id: ItemId, now: Timestamp) -> Option<Arc<Program>> {
        let known = self.items.get(&id)?;
        let Some(item) = &known.per_device else { return Some(Arc::clone(&known.program)) };
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = there.get(&(device, id)) {
            return Some(Arc::clone(program));
        }
        let program = self.of_item(device, item, now);
        if there.len() >= JUDGED_THERE_MAX {
            there.clear();
        }
        there.insert((device, id), Arc::clone(&program));
        Some(program)
    }

    fn judge(&self, device: DeviceId, item: &InventoryItem, now: Timestamp) -> Judged {
        let place = self.device(device).map_or_else(Place::default, |of| Place {
            person: &of.person,
            department: &of.department_id,
            groups: &of.groups,
            titles: None,
        });
        self.ground.judge(item, place, now)
    }

    fn program(&self, item: &InventoryItem, judged: &Judged) -> Program {
        program_of(&self.ground, item, &judged.title, judged.judgement.verdict)
    }
}

/// A program of its item, title and judgement.
fn program_of(ground: &Ground, item: &InventoryItem, title: &str, decision: Verdict) -> Program {
    let title = software::TitleId::parse(title).ok().and_then(|id| ground.titles.get(&id));
    let official = title.map_or(&[][..], |title| &title.official_hosts);
    let origin_verdict = match item.origin_url.as_str() {
        "" => None,
        url => match origin::judge(url, official).verdict {
            origin::Verdict::Official => Some("official"),
            origin::Verdict::Unofficial => Some("unofficial"),
            origin::Verdict::LookAlike => Some("look_alike"),
            origin::Verdict::Unknown => None,
        },
    };
    Program {
        title: title.map(|title| Arc::from(title.id.as_str())),
        categories: title
            .iter()
            .flat_map(|title| &title.categories)
            .map(|one| one.name())
            .collect(),
        decision,
        signer: Arc::from(item.signer.as_str()),
        origin_url: Arc::from(item.origin_url.as_str()),
        origin_verdict,
        sha256: sha256_of(&item.sha256),
    }
}

/// The bytes of a SHA-256 in hex, of either case.
#[must_use]
pub fn sha256_of(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|one| u8::try_from(one).ok());
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Some(bytes)
}

/// Judgements for one device that are remembered until the next snapshot.
const JUDGED_THERE_MAX: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_in_either_case_and_nothing_else_is() {
        let bytes = sha256_of(&"aF".repeat(32)).expect("a hash");
        assert_eq!(bytes, [0xaf; 32]);
        for bad in ["", "af", &"ag".repeat(32), &"あ".repeat(32), &"a".repeat(65)] {
            assert_eq!(sha256_of(bad), None, "{bad}");
        }
    }
}
