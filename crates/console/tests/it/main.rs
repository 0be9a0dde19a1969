//! The console as a browser meets it: pages, refusals, catalogues, and a real browser at the end.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that cannot go on should fail there"
)]

mod browser;
mod catalogue;
mod defence;
mod hostile;
mod pages;
mod support;
mod vendored;
