//! Groups of devices as shown.

/// A group of devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceGroupRow {
    /// Its name, which is the group.
    pub name: String,
    /// How many devices are in it.
    pub devices: u64,
}
