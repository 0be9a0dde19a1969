//! The pages, one module each.

pub(crate) mod account;
pub(crate) mod alert;
pub(crate) mod alerts;
pub(crate) mod cards;
pub(crate) mod catalogue;
pub(crate) mod desk;
pub(crate) mod devices;
pub(crate) mod event;
pub(crate) mod exclusions;
pub(crate) mod findings;
pub(crate) mod imports;
pub(crate) mod metrics;
pub(crate) mod my_pc;
pub(crate) mod outbox;
pub(crate) mod people;
pub(crate) mod policies;
pub(crate) mod requests;
mod rows;
pub(crate) mod rules;
pub(crate) mod search;
mod search_state;
pub(crate) mod settings;
pub(crate) mod signin;
pub(crate) mod software;
pub(crate) mod today;
pub(crate) mod upkeep;
pub(crate) mod waiting;
