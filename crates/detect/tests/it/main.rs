//! Tests of the public face of `detect`.

mod allocations;
mod columns;
mod correlation_model;
mod correlations;
mod engine;
mod explanation;
mod filters;
mod hostile;
mod languages;
mod modifiers;
mod oracle;
mod refusals;
mod replay;
mod rule_tests;
mod sentences;
mod sigmahq;
mod specification;
mod support;
mod vectors;
