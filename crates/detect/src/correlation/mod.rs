//! Correlations: what several events mean together.
//!
//! ```text
//! document ─► read ─► plan (references, circles, the way of each field) ─► Correlations
//!                                                                            │
//! event + matches ─► Correlator: groups of entries in order of time ─► CorrelationMatch ─► alert
//! ```
//!
//! Invariant: the state is a value, bounded, and goes on after [`Correlator::restore`] as though nothing
//! had happened. What a limit made it give up is counted in [`Statistics`].
//!
//! What the specification leaves open is settled here:
//!
//! - **Windows slide.** The window of an event reaches back by `timespan`, both ends included. A condition is
//!   looked at whenever an event comes, of the window that it ends. Among events of the same time the place
//!   in the stream decides the order.
//! - **Told once.** While a condition goes on holding, a group's match is told again only after `timespan`.
//!   Correlations above see every one of them.
//! - **Late events** take their place in time, up to the window and [`crate::limits::LATE_NS_MAX`] behind the
//!   newest event of their group, and the windows that they change are looked at again. What was told is not
//!   taken back.
//! - **Groups** compare their values without regard to letter case. An event without a value for a field of
//!   `group-by` belongs to no group. `DeviceId` in `group-by` is the device, our extension.
//! - **One event counts once**, whatever number of rules it matches.
//! - `value_count` counts rows of the values of its fields; a row with a missing value does not count.
//!   Sums, averages and percentiles pass over what is no number. A percentile lies between its neighbours in
//!   a straight line; the median is the percentile 50.
//! - **Chains.** A match of a correlation is an event for those above it, at the time at which its condition
//!   began to hold. It belongs to each of their groups that its own events name, and counts once in each.
//! - `generate`: rules that are referred to raise no alerts of their own unless one of the correlations that
//!   refer to them says `generate: true`.
//!
//! Extensions, drafted for version 2.2 of the specification: a condition as text over the rules (`a and not
//! b`), with `2 of them` for n of m beside `gte: 2`. A condition with `not` opens a window *forward* from
//! each event of a rule that must be there, and is looked at when the window is over: when the agent of that
//! event has sent a later one, or has been silent for [`crate::limits::SILENCE_NS_MAX`]. In
//! `temporal_ordered`, the rules stand in the order of `rules` and the denied ones anywhere in the window.

mod awaited;
mod checkpoint;
mod correlator;
mod expression;
mod found;
mod group;
mod input;
pub(crate) mod plan;
pub(crate) mod read;

pub use checkpoint::CheckpointError;
pub use correlator::{Correlator, Statistics};
pub use found::CorrelationMatch;
pub use plan::Correlations;
