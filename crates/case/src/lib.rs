//! Cases that need a person, as pure state machines: request, review, decision, exclusion, finding, remedy.
//!
//! Invariant: `step(state, event, now)` returns the next state and its effects, or a refusal that says why;
//! nothing happens elsewhere.
//! Invariant: knows nothing of SQL, HTTP and of who is signed in; the caller says who acts.

pub mod calendar;
pub mod catalogue;
pub mod check;
pub mod command;
pub mod decision;
pub mod detection;
pub mod exclusion;
pub mod fact_words;
pub mod finding;
pub mod form;
pub mod judgement;
pub mod limits;
pub mod message;
pub mod policy;
pub mod policy_defaults;
pub mod predicate;
pub mod recheck;
pub mod refusal;
pub mod remedy;
pub mod request;
pub mod review;
pub mod risk;
pub mod rule_life;
pub mod ruling;
mod screening;

pub use predicate::{Operator, Predicate, Subject, Truth};
