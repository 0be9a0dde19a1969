//! The spool against a disk that forgets, tears, flips and refuses.

mod corruption;
mod model;
mod real_disk;
mod sim_disk;
