//! Limits on everything that comes from outside, and how they relate.

/// Bytes of one record in a spool or on the wire.
pub const RECORD_BYTES_MAX: usize = 512 * 1024;
/// Bytes of a batch before compression.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Records of a batch.
pub const BATCH_RECORDS_MAX: usize = 4_096;
/// Bytes of a field's text; longer text is cut and the event says so.
pub const FIELD_TEXT_BYTES_MAX: usize = 256 * 1024;
/// Fields of an event.
pub const FIELDS_MAX: usize = 512;
/// Nesting of a field's value.
pub const VALUE_DEPTH_MAX: usize = 16;
/// Bytes of a process's argument vector that the sensor records; more is cut and flagged.
pub const ARGUMENTS_BYTES_MAX: usize = 128 * 1024;
/// Bytes of one text of an inventory item; readers cut longer ones, receivers refuse them.
pub const INVENTORY_TEXT_BYTES_MAX: usize = 4 * 1024;
/// Permissions of an inventory item; of more, one says how many are left out.
pub const INVENTORY_PERMISSIONS_MAX: usize = 256;
/// Bytes of all permissions of an inventory item together.
pub const INVENTORY_PERMISSIONS_BYTES_MAX: usize = 64 * 1024;
/// Items of one inventory source of one device.
pub const INVENTORY_ITEMS_MAX: usize = 50_000;

const _: () = assert!(ARGUMENTS_BYTES_MAX * 2 <= FIELD_TEXT_BYTES_MAX);
const _: () = assert!(FIELD_TEXT_BYTES_MAX < RECORD_BYTES_MAX);
const _: () = assert!(RECORD_BYTES_MAX < BATCH_BYTES_MAX);
const _: () =
    assert!(INVENTORY_PERMISSIONS_BYTES_MAX + 20 * INVENTORY_TEXT_BYTES_MAX < RECORD_BYTES_MAX);
