//! Limits on what people and sources of evidence put into a case.

/// Nanoseconds of a minute.
pub const MINUTE_NS: i64 = 60 * 1_000_000_000;
/// Nanoseconds of a day.
pub const DAY_NS: i64 = 24 * 60 * MINUTE_NS;

/// Characters of a name, a version, a publisher.
pub const FORM_WORD_CHARS_MAX: usize = 200;
/// Characters of an address.
pub const FORM_URL_CHARS_MAX: usize = 2_048;
/// Characters of a purpose, a reason, a question or an answer.
pub const FORM_TEXT_CHARS_MAX: usize = 4_000;
/// Files of one request.
pub const ATTACHMENTS_MAX: usize = 8;
/// People who follow one request.
pub const FOLLOWERS_MAX: usize = 1_000;
/// Answers of sources on one request.
pub const CHECKS_MAX: usize = 2_000;
/// Questions, answers and remarks on one request.
pub const MESSAGES_MAX: usize = 500;
/// Characters of what a source of evidence says; the rest is cut.
pub const CHECK_TEXT_CHARS_MAX: usize = 1_000;
/// Conditions of one decision.
pub const CONDITIONS_MAX: usize = 20;
/// Departments, groups and people in the scope of one decision.
pub const SCOPE_NAMES_MAX: usize = 200;
/// Versions and hashes that one decision remembers as looked at.
pub const VERSIONS_SEEN_MAX: usize = 2_000;

/// After this time a source that has not answered counts as one that failed.
pub const CHECK_ANSWER_NS_MAX: i64 = 15 * MINUTE_NS;
/// After this time without an answer the requester is reminded of a question, once.
pub const QUESTION_REMINDER_NS: i64 = 3 * DAY_NS;

const _: () = assert!(CHECK_ANSWER_NS_MAX < QUESTION_REMINDER_NS);
/// Characters of the reason for closing or reopening a detection.
pub const DETECTION_REASON_CHARS_MAX: usize = 1_000;
/// Characters of a person's identifier.
pub const PERSON_ID_CHARS_MAX: usize = 64;
