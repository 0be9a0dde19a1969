//! Integration tests of the use cases.
