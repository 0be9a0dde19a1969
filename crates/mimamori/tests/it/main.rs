//! The whole product, as its users run it: real programs, real kernel events, real kills.

mod bad_input;
mod first_light;
mod installation;
mod scan;
