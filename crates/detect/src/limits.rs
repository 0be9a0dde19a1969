//! Limits on everything a rule author or a rule feed may send us, and how they relate.

/// Bytes of one rule document. The largest public rule (a list of driver hashes) has 295 kB.
pub const RULE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of one source, which may hold several documents.
pub const SOURCE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Nesting of lists and maps in a document.
pub const YAML_DEPTH_MAX: usize = 32;
/// Nodes of a document once its aliases are resolved: the fence against "a billion laughs".
pub const YAML_NODES_MAX: usize = 200_000;
/// Bytes of one value of a rule.
pub const PATTERN_BYTES_MAX: usize = 16 * 1024;
/// Values of a rule's condition, counted as often as the condition names their selection.
pub const LEAVES_MAX: usize = 100_000;
/// Words and parentheses of a condition.
pub const CONDITION_WORDS_MAX: usize = 2_000;
/// Nesting of parentheses and `not` in a condition.
pub const CONDITION_DEPTH_MAX: usize = 64;
/// Patterns that one value may become by placeholders and encodings.
pub const ALTERNATIVES_MAX: usize = 20_000;
/// Regular expressions of one rule.
pub const REGEXES_PER_RULE_MAX: usize = 200;
/// What the values of one rule may cost together, in the rough units of the engine: a substring of a field
/// costs 4, a keyword twenty times as much, a regular expression 40.
pub const RULE_COST_MAX: u32 = 500_000;
/// Bytes of a compiled regular expression.
pub const REGEX_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes a regular expression may use for its cache of states while it searches.
pub const REGEX_CACHE_BYTES_MAX: usize = 512 * 1024;
/// Groups within groups of a regular expression.
pub const REGEX_NEST_MAX: u32 = 64;
/// Nesting of an event's values that keywords and dotted names look into.
pub const EVENT_DEPTH_MAX: usize = model::limits::VALUE_DEPTH_MAX;
/// Comparisons of a literal with a text that a search may make for each byte of the text, on average, before
/// an automaton takes over. Real texts need one for every ten bytes or so.
pub const COMPARISONS_PER_BYTE: usize = 2;
/// Comparisons that no text is too short for.
pub const COMPARISONS_FREE: usize = 256;
/// Values whose answers are kept from event to event, for each thread that judges.
pub const MEMO_PLACES: usize = 1 << 13;
/// Bytes of a value that is kept at least; shorter ones are sooner read than looked up.
pub const MEMO_TEXT_BYTES_MIN: usize = 24;
/// Bytes of a value that is kept at most.
pub const MEMO_TEXT_BYTES_MAX: usize = 512;
/// Events after which a plan is made again by what they were like.
pub const LEARNING_EVENTS: u32 = 2_000;
/// Fields of an event whose places are remembered for the next one of its kind.
pub const SHAPE_FIELDS_MAX: usize = 256;
/// Kinds of events (log source and event id) for which a rule set prepares itself; beyond it begins anew.
pub const CLASSES_MAX: usize = 1_024;
/// Bytes of event values that one match repeats in full to explain itself. Fifty patterns on one long command
/// line would otherwise store it fifty times; the alert keeps the fields in full anyway.
pub const WHY_BYTES_MAX: usize = model::limits::FIELD_TEXT_BYTES_MAX;
/// Bytes of each further value once that is used up.
pub const WHY_VALUE_CUT_BYTES: usize = 1024;
/// Characters of a hostile text that a message repeats.
pub const SHOWN_CHARS_MAX: usize = 80;
/// Rules that one correlation refers to: each is a bit of a mask.
pub const CORRELATION_RULES_MAX: usize = 64;
/// Fields that one correlation looks at, for itself and for the correlations above it.
pub const CORRELATION_FIELDS_MAX: usize = 32;
/// Seconds of a correlation's window.
pub const TIMESPAN_SECONDS_MAX: i64 = 90 * 86_400;
/// Events of one group that a correlation keeps; the oldest give way and are counted.
pub const EVENTS_PER_WINDOW_MAX: usize = 10_000;
/// Groups of one correlation; those without news for longest give way and are counted.
pub const GROUPS_PER_CORRELATION_MAX: usize = 20_000;
/// Events that all correlations together keep.
pub const CORRELATED_EVENTS_MAX: usize = 200_000;
/// Bytes of one value that a correlation keeps; longer values count as their beginning.
pub const CORRELATED_VALUE_BYTES_MAX: usize = 1_024;
/// How much later than the newest event of its group an event may be beyond the window, in nanoseconds.
pub const LATE_NS_MAX: i64 = 600 * 1_000_000_000;
/// Events that are looked at again because one came late, at most; beyond it windows are left out and counted.
pub const LATE_WORK_MAX: usize = 1_000_000;
/// How long the end of a window is awaited from a silent agent, by the server's clock, in nanoseconds.
pub const SILENCE_NS_MAX: i64 = 900 * 1_000_000_000;
/// A group without news is forgotten after its window and this time, by the server's clock, in nanoseconds.
pub const GROUP_IDLE_NS: i64 = 86_400 * 1_000_000_000;
/// Agents whose newest time is remembered for windows that must be awaited.
pub const AGENTS_HEARD_MAX: usize = 100_000;
/// Events that an alert of a correlation names; the others are counted.
pub const EVENTS_NAMED_MAX: usize = 50;
/// Groups of another correlation in which one match of a correlation counts.
pub const GROUPS_PER_MATCH_MAX: usize = 100;
/// Bytes of a checkpoint that is read back.
pub const CHECKPOINT_BYTES_MAX: usize = 512 * 1024 * 1024;

const _: () = assert!(CORRELATION_RULES_MAX <= u64::BITS as usize);
const _: () = assert!(EVENTS_PER_WINDOW_MAX < CORRELATED_EVENTS_MAX);
const _: () = assert!(PATTERN_BYTES_MAX < RULE_BYTES_MAX);
const _: () = assert!(RULE_BYTES_MAX < SOURCE_BYTES_MAX);
const _: () = assert!(MEMO_PLACES.is_power_of_two());
const _: () = assert!(REGEX_CACHE_BYTES_MAX < REGEX_BYTES_MAX);
