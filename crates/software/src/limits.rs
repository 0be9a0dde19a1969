//! Limits on names, sheets and titles: all of them come from endpoints, files and people.

/// Characters of a raw name that are looked at; the rest is cut and the cut is flagged.
pub const RAW_CHARS_MAX: usize = 4_096;
/// Characters of a cleaned name; the longest real ones have about 150.
pub const NAME_CHARS_MAX: usize = 256;
/// Combining marks in a row; more only serve to draw over other lines.
pub const MARKS_MAX: usize = 3;
/// Parts (edition, architecture, version …) taken off one name.
pub const ATTRIBUTES_MAX: usize = 16;
/// Characters of a search query that are looked at.
pub const QUERY_CHARS_MAX: usize = 64;
/// Hits of one search at most, whatever the caller asks for.
pub const HITS_MAX: usize = 200;
/// Hits of a duplicate warning.
pub const SIMILAR_MAX: usize = 8;
/// Candidates shown to a reviewer.
pub const CANDIDATES_MAX: usize = 8;
/// Bytes of a version that are compared.
pub const VERSION_BYTES_MAX: usize = 256;
/// Alternatives of one version range, and bounds of one alternative.
pub const RANGE_PARTS_MAX: usize = 32;
/// Bytes of a CPE name; NISTIR 7695 knows none, the longest name of the public dictionary has about 300.
pub const CPE_BYTES_MAX: usize = 2_048;
/// Characters of a title's id.
pub const TITLE_ID_CHARS_MAX: usize = 64;
/// Bytes of a sheet.
pub const SHEET_BYTES_MAX: usize = 16 << 20;
/// Rows of a sheet.
pub const SHEET_ROWS_MAX: usize = 50_000;
/// Columns of a sheet.
pub const SHEET_COLUMNS_MAX: usize = 128;
/// Characters of one cell; a row with a longer one is refused, not cut.
pub const CELL_CHARS_MAX: usize = 8_192;
/// Rows above the table (its title, the date …) among which the row with the column names is looked for.
pub const SHEET_PREAMBLE_MAX: usize = 10;
/// Bytes of an address.
pub const URL_BYTES_MAX: usize = 8_192;
/// Distinct items a [`crate::Memo`] remembers.
pub const MEMO_ENTRIES_MAX: usize = 200_000;

const _: () = assert!(NAME_CHARS_MAX < RAW_CHARS_MAX);
const _: () = assert!(QUERY_CHARS_MAX <= NAME_CHARS_MAX);
const _: () = assert!(SIMILAR_MAX <= HITS_MAX);
