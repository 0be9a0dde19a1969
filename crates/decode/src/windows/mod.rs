//! Windows events: the shape of the event record, the Sigma names of its fields, and where an event
//! belongs (kind, services, categories) by channel, provider, event id and further conditions.

mod aliases;
mod record;
mod sources;

pub use aliases::{ALIASES, Alias, Made};
pub use record::{Decoded, of_json};
pub(crate) use record::{of_flat, of_members, without_beat};
pub use sources::{
    CATEGORIES, CHANNELS, Category, Condition, KINDS, Kind, PROVIDERS, kind_of, services_of,
    source_of,
};
