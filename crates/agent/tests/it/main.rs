//! The agent: its resume logic against a model, its uploader against a real TLS server that fails in every
//! way, the inventory's differences against a model, and the program itself.

mod intents;
mod inventories;
mod plans;
mod program;
mod receiver;
mod renewals;
mod uploads;
