//! Tests from outside.

mod decisions;
mod requests;
