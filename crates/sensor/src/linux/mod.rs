//! The Linux sensor: BPF programs and fanotify.

mod file_records;
mod files;
mod kernel;
mod mounts;
mod observations;
mod processes;
mod record;
mod ring;
mod sensor;
mod snapshot;
mod sys;
mod tally;
mod text;
mod users;

pub use kernel::unload;
pub use sensor::{Sensor, doctor};
