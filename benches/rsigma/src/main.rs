//! Side by side with rsigma: the same rules, the same events, in turns, in one run; CPU time, the fastest round.
//!
//! `bench-rsigma DATA RSIGMA [MIMAMORI]`: the folder of the test data, the rsigma program, and the mimamori
//! program. Without the last, the whole-process rows use this program's own loop over the same crates.

mod corpus;
mod engines;
mod process;

use corpus::Corpus;
use std::path::PathBuf;

const ROUNDS: usize = 7;

fn main() {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if arguments.first().is_some_and(|first| first == "scan") {
        return process::scan(&arguments[1..]);
    }
    let [data, rsigma, rest @ ..] = arguments.as_slice() else {
        println!("usage: bench-rsigma DATA RSIGMA [MIMAMORI]");
        return;
    };
    let rules = corpus::rules(data);
    let attacks = Corpus::attacks(data);
    let everyday = Corpus::everyday(1, 40_000);
    println!("rules {}, attack events {}, everyday events {}", rules.len(), attacks.events.len(), everyday.events.len());
    engines::compare(&rules, &[("attacks", &attacks), ("everyday", &everyday)]);
    process::compare(data, rsigma, rest.first(), &[("attacks x10", &attacks, 10), ("everyday x2", &everyday, 2)]);
}
