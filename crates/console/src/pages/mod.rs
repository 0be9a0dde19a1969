//! The pages, one module each.

pub(crate) mod alert;
pub(crate) mod alerts;
pub(crate) mod devices;
pub(crate) mod event;
mod rows;
pub(crate) mod search;
mod search_state;
pub(crate) mod settings;
pub(crate) mod signin;
pub(crate) mod today;
