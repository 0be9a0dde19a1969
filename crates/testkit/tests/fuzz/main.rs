//! Whatever bytes come, nothing panics, everything ends, and a rule that loads means the same to both
//! evaluators. Real rules and event logs, changed at random: a few hundred in the ordinary run, a hundred
//! thousand per target with `MIMAMORI_LONG=1`.

mod mutate;
mod targets;

use mutate::Mutator;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::path::{Path, PathBuf};

/// Runs a target on changed seeds; `of_long` is the share of the long run that it gets.
fn fuzz(cases: u32, of_long: u32, seeds: &[Vec<u8>], target: impl Fn(&[u8])) {
    if seeds.is_empty() {
        return;
    }
    let cases = match std::env::var_os("MIMAMORI_LONG") {
        Some(_) => 100_000 / of_long,
        None => cases,
    };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let strategy = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u64>());
    TestRunner::new(config)
        .run(&strategy, |(one, other, random)| {
            let (one, other) = (one.get(seeds), other.get(seeds));
            target(&Mutator::new(random).changed(one, other));
            Ok(())
        })
        .unwrap_or_else(|err| panic!("{err}"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The content of files below a folder with this end of their name, the smallest first.
fn seeds(folder: &Path, end: &str, at_most: usize, bytes_max: u64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Ok(listing) = std::fs::read_dir(&folder) else { continue };
        for entry in listing.flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                let bytes = entry.metadata().map_or(u64::MAX, |meta| meta.len());
                found.push((bytes, path));
            }
        }
    }
    found.sort();
    found.retain(|(bytes, _)| *bytes <= bytes_max);
    // Spread over all sizes, so that large ones are among them.
    let step = found.len().div_ceil(at_most.max(1)).max(1);
    let chosen = found.iter().step_by(step);
    chosen.filter_map(|(_, path)| std::fs::read(path).ok()).collect()
}

fn rule_seeds() -> Vec<Vec<u8>> {
    let mut all = seeds(&root().join("rules"), ".yml", 60, 100_000);
    all.extend(seeds(&root().join("crates/detect/tests/it/data"), ".yml", 60, 100_000));
    all.extend(seeds(&root().join("../shared/data/sigma/rules"), ".yml", 200, 100_000));
    all.extend(targets::FILTERS_AND_CORRELATIONS.iter().map(|text| text.as_bytes().to_vec()));
    all
}

#[test]
fn p9_rules_filters_and_correlations() {
    fuzz(400, 1, &rule_seeds(), targets::rules);
}

#[test]
fn p9_conditions() {
    let seeds: Vec<Vec<u8>> =
        targets::CONDITIONS.iter().map(|text| text.as_bytes().to_vec()).collect();
    fuzz(600, 1, &seeds, targets::condition);
}

#[test]
fn p9_values_of_regular_expressions() {
    let seeds: Vec<Vec<u8>> =
        targets::REGEXES.iter().map(|text| text.as_bytes().to_vec()).collect();
    fuzz(600, 1, &seeds, targets::regex);
}

#[test]
fn p9_rule_tests() {
    fuzz(300, 1, &seeds(&root().join("rules"), ".test.yml", 60, 100_000), targets::rule_test);
}

#[test]
fn p9_event_logs() {
    let folder = root().join("../shared/data/sigma/regression_data");
    let seeds = seeds(&folder, ".evtx", 40, 80_000);
    if seeds.is_empty() {
        println!("skipped: no shared folder with event logs");
    }
    fuzz(80, 10, &seeds, targets::event_log);
}

#[test]
fn p9_checkpoints() {
    fuzz(300, 1, &[targets::checkpoint_seed()], targets::checkpoint);
}
