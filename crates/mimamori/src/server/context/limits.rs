//! Bounds of what the context of events remembers. All of it together stays below 100 MB.

/// Programs whose devices are counted.
pub(super) const PROGRAMS_MAX: usize = 400_000;
/// Pairs of program and device.
pub(super) const RUNS_MAX: usize = 4_000_000;
/// Programs that one device may add in a day: more is a build farm or somebody who wants the table full.
pub(super) const NEW_PROGRAMS_OF_DEVICE_PER_DAY_MAX: u32 = 5_000;
/// Processes of one generation; two are kept.
pub(super) const PROCESSES_MAX: usize = 100_000;
/// Bytes of distinct image names of one generation.
pub(super) const IMAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of an image name that is remembered: as long as a path can be.
pub(super) const IMAGE_MAX: usize = 4_096;
/// Files of one generation that were written or inventoried since the last snapshot; two are kept.
pub(super) const FRESH_FILES_MAX: usize = 50_000;
