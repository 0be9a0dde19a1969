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
/// How long an invitation may be used.
pub const INVITATION_LIFE_NS: i64 = 3 * DAY_NS;
/// How long after a link began a session a new password may be set without the old one.
pub const LINK_TRUST_NS: i64 = 15 * MINUTE_NS;
/// Failed passwords of one account, and the span in which they are counted.
pub const PASSWORD_TRIES_OF_ACCOUNT_MAX: u32 = 10;
/// Failed passwords from one peer address (IPv6: one /64 network) in the same span; an office shares one.
pub const PASSWORD_TRIES_OF_PEER_MAX: u32 = 50;
/// The span.
pub const PASSWORD_TRIES_SPAN_NS: i64 = 15 * MINUTE_NS;
/// Accounts and peers whose failures are remembered at once.
pub const PASSWORD_TRIES_REMEMBERED_MAX: usize = 16_384;
/// Passwords that are computed at once; each takes 19 MiB and a processor.
pub const PASSWORDS_AT_ONCE_MAX: usize = 2;
/// Characters of a password at least.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Bytes of a password at most.
pub const PASSWORD_BYTES_MAX: usize = 256;
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

/// Groups of devices.
pub const DEVICE_GROUPS_MAX: i64 = 500;
/// Groups that one device is in.
pub const GROUPS_OF_DEVICE_MAX: usize = 16;
/// Characters of a group's name.
pub const GROUP_NAME_CHARS_MAX: usize = 60;
/// Software items that the context of events knows, the newest of them.
pub const CONTEXT_ITEMS_MAX: usize = 200_000;
/// Programs of one device that the context of events knows by their path.
pub const CONTEXT_PROGRAMS_OF_DEVICE_MAX: i64 = 20_000;

/// Bytes of a token or session secret that are looked at.
pub const SECRET_BYTES_MAX: usize = 128;
/// Bytes of a certificate signing request in PEM.
pub const CSR_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a host name or of the name of an operating system.
pub const HOST_TEXT_BYTES_MAX: usize = 253;
/// Characters of a person's name.
pub const PERSON_NAME_CHARS_MAX: usize = 100;

/// People on a list.
pub const PEOPLE_MAX: usize = 20_000;
/// Departments.
pub const DEPARTMENTS_MAX: usize = 2_000;
/// Devices on the list of owners.
pub const OWNED_DEVICES_MAX: usize = 20_000;

/// Bytes of the subject of a message.
pub const MESSAGE_SUBJECT_BYTES_MAX: usize = 1_024;
/// Bytes of the text of a message.
pub const MESSAGE_BODY_BYTES_MAX: usize = 32 * 1024;
/// Buttons of a message.
pub const MESSAGE_BUTTONS_MAX: usize = 6;
/// Messages that one round delivers.
pub const MESSAGES_PER_ROUND: usize = 200;
/// Messages on a page.
pub const MESSAGES_ON_PAGE: usize = 200;
/// How often a channel is tried for a message.
pub const DELIVERIES_MAX: i64 = 8;

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

/// How long a source's "no objection" is worth something.
pub const EVIDENCE_LIFE_NS: i64 = 30 * DAY_NS;
/// How long a question to sources of evidence may be in somebody's hands before somebody else takes it.
pub const EVIDENCE_TAKEN_NS: i64 = 5 * MINUTE_NS;
/// Bytes of one file that is given with a request.
pub const UPLOAD_BYTES_MAX: u64 = 512 << 20;
/// Bytes of all files of one person's requests.
pub const UPLOADS_OF_PERSON_BYTES_MAX: u64 = 2 << 30;
/// Bytes of all files of all requests.
pub const UPLOADS_BYTES_MAX: u64 = 50 << 30;
/// Drafts of one person.
pub const DRAFTS_MAX: i64 = 50;
/// Open requests of one person.
pub const OPEN_REQUESTS_MAX: i64 = 100;
/// After this time an unchanged draft is thrown away.
pub const DRAFT_LIFE_NS: i64 = 180 * DAY_NS;
/// Hits of the warning before a duplicate.
pub const SIMILAR_SHOWN: usize = 8;
/// Open requests that the warning before a duplicate compares with.
pub const OPEN_COMPARED_MAX: i64 = 2_000;
/// Requests that a dry run of a policy rule looks at.
pub const DRY_RUN_REQUESTS_MAX: i64 = 2_000;
/// Hits of a dry run that are listed.
pub const DRY_RUN_SHOWN: usize = 100;
/// Rules of the policy.
pub const POLICY_RULES_MAX: i64 = 200;
/// Cards of recommended tools.
pub const CARDS_MAX: i64 = 500;
/// Characters of a card's text.
pub const CARD_TEXT_CHARS_MAX: usize = 2_000;
/// Bytes of a title's document.
pub const TITLE_BYTES_MAX: usize = 256 * 1024;
/// Characters of what changed in software that is looked at again.
pub const RECHECK_DETAIL_CHARS_MAX: usize = 500;
/// Sightings on a review page.
pub const SIGHTINGS_SHOWN: i64 = 50;
/// Previews of sheets that are kept.
pub const IMPORTS_KEPT: i64 = 50;

/// Bytes of a rule that is written in the console.
pub const RULE_TEXT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of its tests.
pub const RULE_TESTS_BYTES_MAX: usize = 256 * 1024;
/// Repeated events of all its tests together.
pub const RULE_TEST_EVENTS_MAX: u64 = 200_000;
/// Characters of a rule's id.
pub const RULE_ID_CHARS_MAX: usize = 200;
/// Characters of what was changed and why.
pub const RULE_COMMENT_CHARS_MAX: usize = 1_000;
/// Rules that are written in the console.
pub const OWN_RULES_MAX: i64 = 5_000;
/// Revisions of a rule that are listed.
pub const RULE_REVISIONS_SHOWN: i64 = 200;

/// How long a look back at a rule may take, in nanoseconds.
pub const BACKTEST_NS_MAX: u64 = 60 * 1_000_000_000;
/// Threads that look back: the stream must go on.
pub const BACKTEST_THREADS_MAX: usize = 8;
/// Looks back that run at once; others wait.
pub const BACKTESTS_AT_ONCE_MAX: usize = 2;
/// A look back that runs in the background tells this often what it has found, in nanoseconds.
pub const BACKTEST_TOLD_EVERY_NS: u64 = 250_000_000;
/// A look back in the background that nobody asks about for this long ends, in nanoseconds.
pub const BACKTEST_PATIENCE_NS: u64 = 15 * 1_000_000_000;
/// Its answer is kept this long after it was asked for, in nanoseconds.
pub const BACKTEST_KEPT_NS: u64 = 600 * 1_000_000_000;
/// Days that one look back reaches over.
pub const BACKTEST_DAYS_MAX: i64 = 400;
/// Bytes of the rule and of its filters together.
pub const BACKTEST_TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Rules of one text.
pub const BACKTEST_RULES_MAX: usize = 64;
/// Events that are read whole at once by a thread.
pub const BACKTEST_EVENTS_AT_ONCE_MAX: usize = 16_384;
/// Events that correlations of one look back see.
pub const BACKTEST_CORRELATED_EVENTS_MAX: usize = 100_000;
/// Fields of a rule whose values are counted.
pub const BACKTEST_FIELDS_MAX: usize = 12;
/// Hits whose values are counted, for each thread.
pub const BACKTEST_VALUES_OF_HITS_MAX: u64 = 1_000_000;
/// Different values of a field that are counted.
pub const BACKTEST_VALUES_OF_FIELD_MAX: usize = 20_000;
/// Bytes of a value that are looked at when values are counted.
pub const BACKTEST_VALUE_BYTES_MAX: usize = 300;
/// Devices and values that are listed.
pub const BACKTEST_LISTED_MAX: usize = 10;
/// Hits that are shown with their explanation, whatever the caller asks for.
pub const BACKTEST_SAMPLES_MAX: usize = 10_000;

const _: () = assert!(UPLOAD_BYTES_MAX <= UPLOADS_OF_PERSON_BYTES_MAX);
const _: () = assert!(UPLOADS_OF_PERSON_BYTES_MAX <= UPLOADS_BYTES_MAX);
const _: () = assert!(SESSION_TOUCH_NS * 2 < SESSION_IDLE_NS);
const _: () = assert!(SESSION_IDLE_NS < SESSION_LIFE_NS);
const _: () = assert!(crate::view::PAGE_ROWS_MAX < ALERTS_OF_PAGE_MAX);
const _: () = assert!(
    (FILTERS_MAX + WORDS_MAX) * SEARCH_TEXT_BYTES_MAX * 2 < 4 * AUDIT_DETAIL_BYTES_MAX,
    "a whole search nearly fits into the audit entry that records it"
);

/// Items of one source of one device: as many as an agent tells, so that no sound snapshot is refused.
pub const INVENTORY_ITEMS_OF_SOURCE_MAX: u64 = model::limits::INVENTORY_ITEMS_MAX as u64;
/// Bytes of an item's key as it is stored; longer ones are stored as their digest.
pub const INVENTORY_KEY_BYTES_MAX: usize = 1_000;
/// So many removals that a device reports one by one are never "too many at once".
pub const REMOVED_AT_ONCE_MIN: u64 = 10;
/// Different reasons for refusing inventory events that are kept of one device.
pub const REFUSAL_REASONS_OF_DEVICE_MAX: i64 = 50;
/// Refusals that one call lists.
pub const REFUSED_SHOWN_MAX: usize = 1_000;
/// Messages of the product about findings that one person gets in a day.
pub const FINDING_LETTERS_PER_DAY_MAX: i64 = 20;
/// Installed items on one page.
pub const INSTALLED_ROWS_MAX: i64 = 10_000;
/// Distinct items that one round of timers identifies and judges in a transaction.
pub const JUDGED_AT_ONCE_MAX: i64 = 2_000;
/// Devices whose findings are brought up to date in one transaction.
pub const RECONCILED_AT_ONCE_MAX: i64 = 50;
/// Findings whose timers are run in one transaction.
pub const TIMERS_AT_ONCE_MAX: i64 = 500;
/// Items of one finding that are remembered with it.
pub const FINDING_ITEMS_MAX: usize = 50;
/// Characters of a reason, a note, a line of a message.
pub const FINDING_TEXT_CHARS_MAX: usize = 2_000;

/// Days for which an exclusion of rules may be made or extended.
pub const EXCLUSION_DAYS_MAX: i64 = 366;
/// Characters of the title of an exclusion of rules.
pub const EXCLUSION_TITLE_CHARS_MAX: usize = 200;
/// Characters of its reason.
pub const EXCLUSION_REASON_CHARS_MAX: usize = 2_000;
/// Bytes of its Sigma filter.
pub const EXCLUSION_TEXT_BYTES_MAX: usize = 128 * 1024;
/// Conditions of its form.
pub const EXCLUSION_CONDITIONS_MAX: usize = 16;
/// Values of all its conditions.
pub const EXCLUSION_VALUES_MAX: usize = 1_000;
/// Bytes of one value.
pub const EXCLUSION_VALUE_BYTES_MAX: usize = 4_096;
/// Characters of the name of a field.
pub const EXCLUSION_FIELD_CHARS_MAX: usize = 100;
/// Rules that one exclusion names.
pub const EXCLUSION_RULES_MAX: usize = 50;
/// Exclusions of rules in force at once; each costs time with every match of its rules.
pub const EXCLUSIONS_IN_FORCE_MAX: i64 = 2_000;
/// Exclusions on the list.
pub const EXCLUSIONS_SHOWN_MAX: i64 = 5_000;
/// Matches that a preview shows.
pub const EXCLUSION_SAMPLES_MAX: usize = 20;
/// Days that a preview looks back at most.
pub const EXCLUSION_PREVIEW_DAYS_MAX: i64 = 90;

/// Lists for placeholders that people keep.
pub const RULE_LISTS_MAX: usize = 1_000;
/// Values of one list.
pub const RULE_LIST_VALUES_MAX: usize = 20_000;
/// Bytes of one value of a list.
pub const RULE_LIST_VALUE_BYTES_MAX: usize = 1_024;
/// Characters of the name of a list.
pub const RULE_LIST_NAME_CHARS_MAX: usize = 64;

/// Days for which the work of rules is kept.
pub const RULE_WORK_DAYS_KEPT: i64 = 90;
/// Rules of one hand-over of work.
pub const RULE_WORK_ROWS_MAX: usize = 50_000;
/// Rules listed of those from which a filter took something away.
pub const FILTERED_RULES_SHOWN: usize = 100;

/// Alerts read from the lake at once when detections catch up.
pub const CATCH_UP_ROWS: usize = 2_000;
/// How far before the newest alert that was taken catching up begins: for clocks that were set back.
pub const CATCH_UP_MARGIN_NS: i64 = HOUR_NS;
/// How far back alerts are folded when none ever was.
pub const CATCH_UP_NS_MAX: i64 = 30 * DAY_NS;
/// Days for which folded alerts and closed detections are kept, when nobody says otherwise: a year, and the month in
/// which it is looked back at.
pub const DETECTION_DAYS_KEPT: i64 = 400;
/// The fewest days: risk has faded by then.
pub const DETECTION_DAYS_KEPT_MIN: i64 = 90;
/// The most.
pub const DETECTION_DAYS_KEPT_MAX: i64 = 3_650;
/// Folded alerts that one transaction removes.
pub const FOLDED_REMOVED_AT_ONCE: i64 = 1_000;
/// Folded alerts that one round removes: more in a day than floods of rules can raise.
pub const FOLDED_REMOVED_PER_ROUND: i64 = 10_000;
/// Closed detections that one transaction removes.
pub const DETECTIONS_REMOVED_AT_ONCE: i64 = 50;
/// Characters of an account's name as it is kept for the risk.
pub const RISK_ENTITY_CHARS_MAX: usize = 200;
/// How late an alert may arrive and count for the risk as old as it says: longer than agents keep events without a
/// server.
pub const RISK_LATE_NS_MAX: i64 = 30 * DAY_NS;
/// Devices or users on the page of risk.
pub const RISK_ROWS_MAX: usize = 100;
/// Detections shown as what contributes to a risk.
pub const RISK_PARTS_MAX: usize = 20;
/// Alerts shown of one detection.
pub const DETECTION_ALERTS_SHOWN: i64 = 50;
/// Devices shown of one detection.
pub const DETECTION_DEVICES_SHOWN: i64 = 200;
/// Steps shown of a detection's history, the newest.
pub const DETECTION_STEPS_SHOWN: i64 = 200;
/// Alerts of one timeline.
pub const TIMELINE_ALERTS_MAX: usize = 300;
/// Events of one table in one timeline.
pub const TIMELINE_EVENTS_MAX: usize = 200;
/// Processes whose events a timeline shows.
pub const TIMELINE_PROCESSES_MAX: usize = 100;
/// Streams whose alerts' events a timeline looks up.
pub const TIMELINE_STREAMS_MAX: usize = 40;
/// The longest interval of a timeline.
pub const TIMELINE_NS_MAX: i64 = 7 * DAY_NS;
/// Devices and users on the first page's list of risk.
pub const RISKY_OF_TODAY: usize = 6;
/// Events of the window of a correlation's alert that is judged again.
pub const VERIFIED_EVENTS_MAX: usize = 200_000;
/// Of events received within this time of each other nobody knows which was judged first.
pub const VERIFIED_RECEIPT_NS: i64 = 5 * SECOND_NS;
