//! Tests of the public face of `detect`.

mod correlation_model;
mod correlations;
mod engine;
mod explanation;
mod filters;
mod hostile;
mod modifiers;
mod oracle;
mod refusals;
mod rule_tests;
mod sigmahq;
mod support;
mod vectors;
