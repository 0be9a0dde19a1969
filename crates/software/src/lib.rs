//! What a piece of software is called, which version it is, who made it, and which title of the catalogue it is.
//!
//! Invariant: knows nothing of people, requests, devices' owners and outside services.
//! Invariant: pure. Values in, values out; the same input gives the same answer.
