//! Tests from outside.

mod decisions;
mod findings;
mod ladder;
mod requests;
