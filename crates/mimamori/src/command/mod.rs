//! The commands that look at an installation or at rules and print something.

pub(crate) mod admin;
pub(crate) mod alerts;
pub(crate) mod audit;
mod backtest;
mod coverage;
pub(crate) mod demo;
pub(crate) mod findings;
pub(crate) mod people;
pub(crate) mod query;
pub(crate) mod rules;
pub(crate) mod software;
mod verify;
