//! Limits on what is read.

/// A file larger than this is not judged.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// How many first bytes tell the kind.
pub const HEAD_BYTES: usize = 4096;
/// All rules and all lists together, each.
pub const RULE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Entries of a package.
pub const PACKAGE_ENTRIES_MAX: usize = 10_000;
/// Unpacked bytes of all entries of a package together.
pub const PACKAGE_BYTES_MAX: u64 = 200 * 1024 * 1024;
/// Unpacked to packed, for any entry.
pub const PACKAGE_RATIO_MAX: u64 = 100;
/// Bytes of an extension's manifest, or of a file of its texts.
pub const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;
/// Characters of a name or text taken from a package.
pub const TEXT_CHARS_MAX: usize = 500;
/// Characters of what another program or library says, that are repeated.
pub const WORDS_CHARS_MAX: usize = 500;
/// Permissions taken from a manifest.
pub const PERMISSIONS_MAX: usize = 500;
/// Seconds of processor time of the whole process.
pub const CPU_SECONDS_MAX: u64 = 120;
/// Seconds that the YARA-X rules may take on one file.
pub const YARA_SECONDS_MAX: u64 = 60;
/// Matches that one report names.
pub const MATCHES_MAX: usize = 100;

const _: () = assert!(YARA_SECONDS_MAX < CPU_SECONDS_MAX);
const _: () = assert!(MANIFEST_BYTES_MAX < PACKAGE_BYTES_MAX);
