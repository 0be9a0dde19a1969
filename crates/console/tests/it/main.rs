//! The console as a browser meets it: pages, refusals, catalogues, and a real browser at the end.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that cannot go on should fail there"
)]

mod browser;
mod browser_alerts;
mod browser_rules;
mod browser_software;
mod catalogue;
mod defence;
mod device_groups;
mod hostile;
mod office;
mod pages;
mod request_form;
mod rule_care;
mod rule_edit;
mod rules;
mod software;
mod support;
mod timeline;
mod vendored;
