//! What a piece of software is called, which version it is, who made it, and which title of the catalogue it is.
//!
//! Invariant: knows nothing of people, requests, devices' owners and outside services.
//! Invariant: pure. Values in, values out; the same input gives the same answer.
//! Invariant: what was observed is never changed; a normal form stands beside it, with the version of the normaliser.
//! Invariant: nothing is confirmed by one word alone. An answer is confirmed, some candidates, or none, with evidence.

pub mod cpe;
mod error;
mod explain;
mod fold;
mod identify;
pub mod limits;
mod memo;
mod name;
pub mod origin;
mod publisher;
mod search;
pub mod seed;
pub mod sheet;
mod title;
mod titles;
pub mod version;

pub use error::SoftwareError;
pub use fold::{Cleaned, clean, plain, search_key};
pub use identify::{Candidate, Evidence, EvidenceKind, Identification, Observed, Outcome, Step};
pub use memo::Memo;
pub use name::{Attribute, AttributeKind, NORMALISER_VERSION, NormalName, normalise};
pub use publisher::{NormalPublisher, normalise_publisher};
pub use search::{Hit, How};
pub use title::{Alias, Category, Identifier, IdentifierKind, Title, TitleId};
pub use titles::Titles;
