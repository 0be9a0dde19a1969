//! Tests from outside, data driven; every promise about hostile input is a property.

mod cpe;
mod identify;
mod name;
mod origin;
mod properties;
mod search;
mod sheet;
mod version;
