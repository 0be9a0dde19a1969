//! The whole product, as its users run it: real programs, real kernel events, real kills.

mod bad_input;
mod context;
mod filter_hits;
mod first_light;
mod full_disk;
mod installation;
mod lookback;
mod public_url;
mod replacement;
mod rule_life;
mod rule_packs;
mod scan;
