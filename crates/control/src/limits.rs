//! Limits on what people and endpoints send to the use cases, and lifetimes of what they are given.

/// Nanoseconds of a second.
pub const SECOND_NS: i64 = 1_000_000_000;
/// Nanoseconds of a minute.
pub const MINUTE_NS: i64 = 60 * SECOND_NS;
/// Nanoseconds of an hour.
pub const HOUR_NS: i64 = 60 * MINUTE_NS;
/// Nanoseconds of a day.
pub const DAY_NS: i64 = 24 * HOUR_NS;

/// How long a sign-in link may be used.
pub const SIGN_IN_TOKEN_LIFE_NS: i64 = 15 * MINUTE_NS;
/// How long a session lasts at most.
pub const SESSION_LIFE_NS: i64 = 8 * HOUR_NS;
/// How long a session lasts without use.
pub const SESSION_IDLE_NS: i64 = 30 * MINUTE_NS;
/// How exactly the last use of a session is noted; saves a disk write on every request.
pub const SESSION_TOUCH_NS: i64 = 30 * SECOND_NS;
/// How long an enrolment token may be used.
pub const ENROLMENT_TOKEN_LIFE_NS: i64 = 7 * DAY_NS;
/// How often an enrolment token may be used at most.
pub const ENROLMENT_USES_MAX: u32 = 10_000;
/// How long an agent's certificate is valid.
pub const AGENT_CERTIFICATE_LIFE_NS: i64 = 90 * DAY_NS;
/// Certificates of one agent that are valid at once. A sound agent has two at most while it renews; the rest is
/// for one whose disk was restored from a copy.
pub const CERTIFICATES_OF_AGENT_MAX: i64 = 8;
/// How long the server's certificate is valid.
pub const SERVER_CERTIFICATE_LIFE_NS: i64 = 365 * DAY_NS;
/// How long the private authority's certificate is valid.
pub const AUTHORITY_LIFE_NS: i64 = 3_650 * DAY_NS;
/// Certificates are valid from a little earlier, for clocks that are slow.
pub const CERTIFICATE_BACKDATE_NS: i64 = 10 * MINUTE_NS;

/// Bytes of a token or session secret that are looked at.
pub const SECRET_BYTES_MAX: usize = 128;
/// Bytes of a certificate signing request in PEM.
pub const CSR_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a host name or of the name of an operating system.
pub const HOST_TEXT_BYTES_MAX: usize = 253;
/// Characters of a person's name.
pub const PERSON_NAME_CHARS_MAX: usize = 100;

/// Refusals of strangers that are written into the audit chain one by one per minute; the rest is counted.
pub const REFUSALS_PER_MINUTE_MAX: u64 = 60;
/// Problems that a check of the audit chain lists.
pub const AUDIT_PROBLEMS_MAX: usize = 100;
/// Bytes of the detail of an audit entry.
pub const AUDIT_DETAIL_BYTES_MAX: usize = 16 * 1024;

/// Field conditions of a search.
pub const FILTERS_MAX: usize = 16;
/// Free words of a search.
pub const WORDS_MAX: usize = 8;
/// Bytes of a field name, a value or a word of a search.
pub const SEARCH_TEXT_BYTES_MAX: usize = 1_024;
/// Events of a family that a search counts; more are said as "at least".
pub const COUNTED_EVENTS_MAX: usize = 1_000_000;
/// Slices of a search's histogram.
pub const HISTOGRAM_SLICES: i64 = 48;
/// Names suggested for an unknown field.
pub const SUGGESTIONS_MAX: usize = 3;
/// Levels of a process's ancestors.
pub const ANCESTORS_MAX: usize = 16;
/// Alerts of one event, and alerts looked through for the events of one page.
pub const ALERTS_OF_PAGE_MAX: usize = 10_000;
/// Alerts on the first page.
pub const ALERTS_OF_TODAY: usize = 10;
/// Rows of a sum by class or of a list of losses.
pub const SUM_ROWS_MAX: usize = 100_000;
/// Declared gaps on a page.
pub const LOST_ROWS_MAX: usize = 200;

const _: () = assert!(SESSION_TOUCH_NS * 2 < SESSION_IDLE_NS);
const _: () = assert!(SESSION_IDLE_NS < SESSION_LIFE_NS);
const _: () = assert!(crate::view::PAGE_ROWS_MAX < ALERTS_OF_PAGE_MAX);
const _: () = assert!(
    (FILTERS_MAX + WORDS_MAX) * SEARCH_TEXT_BYTES_MAX * 2 < 4 * AUDIT_DETAIL_BYTES_MAX,
    "a whole search nearly fits into the audit entry that records it"
);
