//! Limits on what a browser may send and on what one page shows.

/// Bytes of a form's body; the largest is a request or an exclusion with its reasons. Files have a limit of their own.
pub(crate) const BODY_BYTES_MAX: usize = 256 * 1024;
/// Bytes of the body that carries a file for a request: what control takes, and the form around it.
pub(crate) const UPLOAD_BODY_BYTES_MAX: usize =
    control::limits::UPLOAD_BYTES_MAX as usize + 64 * 1024;
/// Bytes of the body that carries a spreadsheet: what `software` reads, and the form around it.
pub(crate) const SHEET_BODY_BYTES_MAX: usize = (16 << 20) + 64 * 1024;
/// Bytes of the body that carries a list of values for rules.
pub(crate) const LIST_BODY_BYTES_MAX: usize = 4 << 20;
/// Titles on one page of the catalogue's upkeep.
pub(crate) const UPKEEP_ROWS_MAX: usize = 100;
/// People, and devices, on the page of people; a search narrows them.
pub(crate) const PEOPLE_ROWS_MAX: usize = 200;
/// Rows of a spreadsheet's preview on one page.
pub(crate) const IMPORT_ROWS_MAX: usize = 100;
/// Bytes of a query string; a search with many filters stays far below.
pub(crate) const QUERY_BYTES_MAX: usize = 8 * 1024;
/// Characters of a cookie value that is looked at.
pub(crate) const COOKIE_CHARS_MAX: usize = 256;
/// Filters and free words of one search.
pub(crate) const SEARCH_TERMS_MAX: usize = 32;
/// Characters of one value of a search filter.
pub(crate) const SEARCH_VALUE_CHARS_MAX: usize = 2_048;
/// Characters of a value that a filter link may carry; longer values get no link.
pub(crate) const LINK_VALUE_CHARS_MAX: usize = 512;
/// Characters of a summary in a list; the full text is one key away, and command lines of alerts are never cut.
pub(crate) const SUMMARY_CHARS_MAX: usize = 400;
/// Rows of alerts on the first page.
pub(crate) const TODAY_ALERTS_MAX: usize = 12;
/// Refused rules on the first page; the command line lists all.
pub(crate) const TODAY_REFUSED_MAX: usize = 50;
/// Different texts about what is not recorded on the first page; each device's own page has its text.
pub(crate) const TODAY_SILENCES_MAX: usize = 4;
/// Entries of an `Accept-Language` header that are looked at.
pub(crate) const ACCEPT_LANGUAGES_MAX: usize = 16;

const _: () = assert!(LINK_VALUE_CHARS_MAX <= SEARCH_VALUE_CHARS_MAX);
const _: () = assert!(SEARCH_VALUE_CHARS_MAX < QUERY_BYTES_MAX);
