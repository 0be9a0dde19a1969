//! Inventory messages as an event's kind and fields, and back. What comes back comes from an endpoint:
//! everything is checked.

use super::{InventoryFault, InventoryItem, InventoryMessage, SnapshotSummary, SoftwareSource};
use crate::{
    Event, EventKind, Fields, Timestamp, Value,
    limits::{
        INVENTORY_PERMISSIONS_BYTES_MAX, INVENTORY_PERMISSIONS_MAX, INVENTORY_TEXT_BYTES_MAX,
    },
};

impl InventoryMessage {
    /// The source that it speaks of.
    #[must_use]
    pub const fn source(&self) -> SoftwareSource {
        match self {
            Self::Present { item, .. }
            | Self::Added { item }
            | Self::Removed { item }
            | Self::Changed { item, .. } => item.source,
            Self::Snapshot(summary) => summary.source,
        }
    }

    /// As an event's kind and fields.
    #[must_use]
    pub fn kind_and_fields(&self) -> (EventKind, Fields) {
        let mut fields = Fields::new();
        let kind = match self {
            Self::Present { snapshot, item } => {
                item.set(&mut fields);
                fields.set("SnapshotId", snapshot.as_str());
                EventKind::SoftwarePresent
            }
            Self::Added { item } => {
                item.set(&mut fields);
                EventKind::SoftwareAdded
            }
            Self::Removed { item } => {
                item.set(&mut fields);
                EventKind::SoftwareRemoved
            }
            Self::Changed { item, previous_version } => {
                item.set(&mut fields);
                if !previous_version.is_empty() {
                    fields.set("PreviousVersion", previous_version.as_str());
                }
                EventKind::SoftwareChanged
            }
            Self::Snapshot(summary) => {
                fields.set("SoftwareSource", summary.source.name());
                fields.set("SnapshotId", summary.id.as_str());
                fields.set("ItemCount", summary.items);
                fields.set("ItemsHash", summary.items_hash.as_str());
                fields.set("Complete", summary.complete);
                if !summary.reason.is_empty() {
                    fields.set("Reason", summary.reason.as_str());
                }
                EventKind::SoftwareSnapshot
            }
        };
        (kind, fields)
    }

    /// The message of an event; `None` when the event is not of the inventory.
    ///
    /// # Errors
    /// [`InventoryFault`] when an inventory event lacks what it must say or exceeds a limit. The event stays
    /// in the lake; only what it says of the inventory is not taken.
    pub fn of_event(event: &Event) -> Result<Option<Self>, InventoryFault> {
        Self::of_kind_and_fields(event.kind, &event.fields)
    }

    /// As [`Self::of_event`], from the parts that matter.
    ///
    /// # Errors
    /// As [`Self::of_event`].
    pub fn of_kind_and_fields(
        kind: EventKind,
        fields: &Fields,
    ) -> Result<Option<Self>, InventoryFault> {
        let item = || InventoryItem::of_fields(fields);
        Ok(Some(match kind {
            EventKind::SoftwarePresent => {
                Self::Present { snapshot: required(fields, "SnapshotId")?, item: item()? }
            }
            EventKind::SoftwareAdded => Self::Added { item: item()? },
            EventKind::SoftwareRemoved => Self::Removed { item: item()? },
            EventKind::SoftwareChanged => {
                let previous_version = text(fields, "PreviousVersion")?.unwrap_or_default();
                Self::Changed { item: item()?, previous_version: previous_version.to_owned() }
            }
            EventKind::SoftwareSnapshot => Self::Snapshot(SnapshotSummary {
                source: source_of(fields)?,
                id: required(fields, "SnapshotId")?,
                items: number(fields, "ItemCount")?
                    .ok_or(InventoryFault::Missing { field: "ItemCount" })?,
                items_hash: required(fields, "ItemsHash")?,
                complete: truth(fields, "Complete")?
                    .ok_or(InventoryFault::Missing { field: "Complete" })?,
                reason: text(fields, "Reason")?.unwrap_or_default().to_owned(),
            }),
            _ => return Ok(None),
        }))
    }
}

impl InventoryItem {
    fn set(&self, fields: &mut Fields) {
        fields.set("SoftwareSource", self.source.name());
        for (name, text) in self.texts() {
            if !text.is_empty() {
                fields.set(name, text.as_str());
            }
        }
        // The one field that rules about programs look for.
        if self.source == SoftwareSource::Executed && !self.path.is_empty() {
            fields.set("Image", self.path.as_str());
        }
        if !self.permissions.is_empty() {
            let list = self.permissions.iter().map(|text| Value::from(text.as_str())).collect();
            fields.set("Permissions", Value::List(list));
        }
        if let Some(size) = self.size_bytes {
            fields.set("SizeBytes", size);
        }
        if let Some(enabled) = self.enabled {
            fields.set("Enabled", enabled);
        }
        if let Some(at) = self.installed_at {
            fields.set("InstalledAt", at.to_string());
        }
    }

    fn of_fields(fields: &Fields) -> Result<Self, InventoryFault> {
        let mut item = Self::new(source_of(fields)?, "", "");
        for (name, slot) in item.texts_mut() {
            text(fields, name)?.unwrap_or_default().clone_into(slot);
        }
        if item.key.is_empty() {
            return Err(InventoryFault::Missing { field: "ItemKey" });
        }
        item.permissions = permissions_of(fields)?;
        item.size_bytes = number(fields, "SizeBytes")?;
        item.enabled = truth(fields, "Enabled")?;
        item.installed_at = match text(fields, "InstalledAt")? {
            None => None,
            Some(at) => Some(
                Timestamp::parse(at)
                    .map_err(|_| InventoryFault::Missing { field: "InstalledAt" })?,
            ),
        };
        Ok(item)
    }
}

fn source_of(fields: &Fields) -> Result<SoftwareSource, InventoryFault> {
    let name = required(fields, "SoftwareSource")?;
    SoftwareSource::of_name(&name)
        .ok_or_else(|| InventoryFault::UnknownSource { shown: name.chars().take(40).collect() })
}

fn required(fields: &Fields, field: &'static str) -> Result<String, InventoryFault> {
    match text(fields, field)? {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(InventoryFault::Missing { field }),
    }
}

fn text<'a>(fields: &'a Fields, field: &'static str) -> Result<Option<&'a str>, InventoryFault> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Text(text)) => {
            within(field, text.len(), INVENTORY_TEXT_BYTES_MAX)?;
            Ok(Some(text))
        }
        Some(_) => Err(InventoryFault::Missing { field }),
    }
}

fn permissions_of(fields: &Fields) -> Result<Vec<String>, InventoryFault> {
    const FIELD: &str = "Permissions";
    let list = match fields.get(FIELD) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::List(list)) => list,
        Some(_) => return Err(InventoryFault::Missing { field: FIELD }),
    };
    within(FIELD, list.len(), INVENTORY_PERMISSIONS_MAX)?;
    let mut bytes = 0;
    let mut permissions = Vec::with_capacity(list.len());
    for value in list {
        let text = value.as_text().ok_or(InventoryFault::Missing { field: FIELD })?;
        bytes += text.len();
        within(FIELD, bytes, INVENTORY_PERMISSIONS_BYTES_MAX)?;
        permissions.push(text.to_owned());
    }
    Ok(permissions)
}

fn number(fields: &Fields, field: &'static str) -> Result<Option<u64>, InventoryFault> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_int().and_then(|number| u64::try_from(number).ok());
            number.map(Some).ok_or(InventoryFault::Missing { field })
        }
    }
}

fn truth(fields: &Fields, field: &'static str) -> Result<Option<bool>, InventoryFault> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(truth)) => Ok(Some(*truth)),
        Some(_) => Err(InventoryFault::Missing { field }),
    }
}

const fn within(field: &'static str, size: usize, limit: usize) -> Result<(), InventoryFault> {
    if size > limit { Err(InventoryFault::TooLarge { field, size, limit }) } else { Ok(()) }
}
