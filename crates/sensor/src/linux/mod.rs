//! The Linux sensor: BPF programs and fanotify.

mod file_records;
mod files;
mod kernel;
pub(crate) mod mounts;
mod observations;
mod opening;
mod pins;
mod processes;
mod record;
mod refusal;
mod ring;
mod sensor;
mod snapshot;
pub(crate) mod sys;
mod tally;
pub(crate) mod text;
mod users;

pub use opening::doctor;
pub use pins::unload;
pub use sensor::Sensor;
