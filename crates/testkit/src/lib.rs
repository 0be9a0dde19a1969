//! What tests and benchmarks need beside the product: events as machines produce them on an ordinary day, and
//! rule sets of any size.
//!
//! Invariant: the same seed gives the same events; no clock, no randomness from outside.

pub mod everyday;
pub mod variants;
