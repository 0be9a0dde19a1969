//! Limits of the sensor, and how they relate.

/// Size of the kernel's ring unless told otherwise.
pub const RING_BYTES_DEFAULT: u32 = 32 << 20;
/// The smallest ring: a few of the largest records.
pub const RING_BYTES_MIN: u32 = 1 << 20;
/// The largest ring.
pub const RING_BYTES_MAX: u32 = 1 << 30;
/// Observations that one `observe` appends at most from the ring, and again from the file queue.
pub const OBSERVED_AT_ONCE_MAX: usize = 1_024;
/// Bytes of a path as the kernel program walks it.
pub const PATH_BYTES_MAX: usize = 4_096;
/// Bytes of an argument vector as the kernel program copies it.
pub const ARGUMENTS_BYTES_MAX: usize = model::limits::ARGUMENTS_BYTES_MAX;
/// Bytes that `CommandLine` and `Arguments` may take together in an observation, with 16 bytes allowed for
/// the framing of each argument. More is cut and flagged.
pub const ARGUMENTS_RECORD_BYTES_MAX: usize = 400 * 1024;
/// Bytes of a command line kept for the children of a process.
pub const PARENT_COMMAND_LINE_BYTES_MAX: usize = 4_096;
/// Processes known at once; far more than run on an endpoint.
pub const PROCESSES_LIVE_MAX: usize = 32_768;
/// Ended processes still known, for events that arrive after the exit.
pub const PROCESSES_ENDED_MAX: usize = 4_096;
/// File changes waiting to be observed; more are counted as `ring_full`.
pub const FILE_QUEUE_MAX: usize = 65_536;
/// Directories whose path is remembered.
pub const DIRECTORY_PATHS_MAX: usize = 8_192;
/// Created files whose first close is still expected.
pub const CREATED_FILES_MAX: usize = 16_384;
/// Bytes of `/proc/<pid>/cmdline` and of `/etc/passwd` that are read.
pub const SMALL_FILE_BYTES_MAX: u64 = 4 << 20;
/// Bytes of a package database that is read as text.
pub const PACKAGE_DATABASE_BYTES_MAX: u64 = 256 << 20;
/// Bytes of one line of a package database; the rest of a longer line is skipped.
pub const PACKAGE_LINE_BYTES_MAX: usize = 64 << 10;
/// Bytes of a browser's preferences and of Firefox's list of extensions.
pub const PREFERENCES_BYTES_MAX: u64 = 32 << 20;
/// Bytes of an extension's manifest and of its translated texts.
pub const MANIFEST_BYTES_MAX: u64 = 4 << 20;
/// Homes that are looked into.
pub const HOMES_MAX: usize = 1_000;
/// Entries of one folder that are looked at.
pub const FOLDER_ENTRIES_MAX: usize = 4_096;
/// Profiles of one browser of one user.
pub const PROFILES_MAX: usize = 64;
/// Bytes that a helper program (`rpm`, `apt-helper`) may print.
pub const HELPER_BYTES_MAX: u64 = 512 << 20;
/// How long a helper program may run, in milliseconds.
pub const HELPER_MS_MAX: u64 = 60_000;
/// Bytes of a program whose hash is computed; larger ones are reported without one.
pub const HASHED_BYTES_MAX: u64 = 2 << 30;
/// Bytes that one reading of a source hashes: files that are all holes cost nothing to make and much to read.
pub const HASHED_BYTES_AT_ONCE_MAX: u64 = 4 << 30;
/// Hashes of files that are remembered.
pub const HASHES_MAX: usize = 4_096;
/// Paths of packages that are remembered, 12 bytes each.
pub const PACKAGED_PATHS_MAX: usize = 4_000_000;
/// Things that could not be read, said one by one; more are counted.
pub const PROBLEMS_SAID_MAX: usize = 8;

const _: () = assert!(RING_BYTES_MIN as usize > 4 * (ARGUMENTS_BYTES_MAX + 4 * PATH_BYTES_MAX));
const _: () =
    assert!(ARGUMENTS_RECORD_BYTES_MAX + 16 * PATH_BYTES_MAX < model::limits::RECORD_BYTES_MAX);
const _: () = assert!(PARENT_COMMAND_LINE_BYTES_MAX <= ARGUMENTS_BYTES_MAX);
const _: () = assert!(HASHED_BYTES_MAX <= HASHED_BYTES_AT_ONCE_MAX);
