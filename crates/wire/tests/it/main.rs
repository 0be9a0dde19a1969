//! The wire with values, with hostile bytes, and the receiver against a reference model.

mod batches;
mod hostile;
mod receiver;
mod values;
