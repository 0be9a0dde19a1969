//! The agent: its resume logic against a model, its uploader against a real TLS server that fails in every
//! way, and the program itself.

mod intents;
mod plans;
mod program;
mod receiver;
mod renewals;
mod uploads;
