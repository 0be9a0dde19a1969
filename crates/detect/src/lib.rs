//! Sigma rules → one shared plan → matches that explain themselves.
//!
//! ```text
//! text ─► yaml ─► rule + selection + modifier + condition ─► tree of tests
//!                                                               │ equal tests of all rules become one predicate
//!                                                               ▼
//! event ─► view (fields by number, text folded once) ─► ruleset ─► matches ─► alerts
//!                                                                     └──► correlation ─► alerts
//! ```
//!
//! A document is a rule of single events, a filter that is added to such rules, or a [`correlation`] over
//! them. [`plain`] is a second evaluator by the letter of the specification, the oracle of this one.
//!
//! Invariant: pure. No files, network, clock, randomness or async; callers bring text and events.
//! Invariant: knows neither where events come from nor who reads the alerts.
//! Invariant: a rule is evaluated exactly as Sigma 2.1 says or refused at load with source, line, cause and
//! remedy; never skipped, never approximated.
//! Invariant: one bad document stops only itself (P9).
//! Invariant: every cause of a refusal and every remark is a value with words in Japanese and English ([`cause`]).
//! Invariant: a predicate is asked at most once per event, however many rules share it.
//!
//! Where the specification leaves a choice, the conformance vectors decide: `neq` also matches when the
//! field is missing; `windash` changes a dash only where a word begins; base 64 text is compared without
//! regard to case; an IPv4 address mapped into IPv6 is in no IPv4 network; keywords look at values, never
//! at field names. Regular expressions have neither look-around nor back references; `\d`, `\w` and letter
//! case are those of Unicode, and `$` also fits before a line break that ends the text.

mod attributes;
pub mod cause;
mod class;
pub mod columnar;
mod compile;
mod condition;
pub mod correlation;
pub mod coverage;
mod encode;
pub mod error;
mod expand;
mod explain;
mod fields;
mod filter;
mod flood;
mod fold;
mod grams;
mod hash;
mod index;
mod judge;
mod keywords;
pub mod limits;
mod list;
mod matched;
mod memo;
mod modifier;
mod necessary;
mod net;
mod number;
mod ordinary;
mod pattern;
pub mod plain;
mod predicate;
mod refused;
mod rule;
mod ruleset;
mod selection;
pub mod sentence;
mod tally;
pub mod testing;
mod text;
mod tree;
mod view;
mod yaml;

pub use compile::{CompileOptions, Compiled, RuleSource, compile};
pub use correlation::{CorrelationMatch, Correlations, Correlator};
pub use coverage::{Coverage, Supply};
pub use error::RuleError;
pub use fields::SuppliedFields;
pub use filter::{Filter, filters_of};
pub use flood::{Flood, FloodGuard};
pub use list::list_values;
pub use matched::Match;
pub use refused::{Lint, Refused};
pub use rule::{Related, RelationKind, Rule, RuleLogSource, Status};
pub use ruleset::{RuleCost, RuleSet, Scratch};
pub use tally::RuleCounts;
