//! Cases that need a person, as pure state machines: request, review, decision, exclusion, finding, remedy.
//!
//! Invariant: `step(state, event, now)` returns the next state and its effects, or a refusal that says why;
//! nothing happens elsewhere.
//! Invariant: knows nothing of SQL, HTTP and of who is signed in; the caller says who acts.

pub mod predicate;

pub use predicate::{Operator, Predicate, Subject, Truth};
