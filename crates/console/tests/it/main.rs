//! The console as a browser meets it: pages, refusals, catalogues, and a real browser at the end.

mod browser;
mod catalogue;
mod defence;
mod hostile;
mod pages;
mod support;
mod vendored;
