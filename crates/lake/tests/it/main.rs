//! Tests of the lake through its public interface: one binary, because each links the query engine.

mod compaction;
mod crash;
mod duckdb;
mod evolution;
mod history;
mod ingest;
mod query;
mod support;
