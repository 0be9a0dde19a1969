//! Tests from outside.

mod decisions;
mod findings;
mod requests;
