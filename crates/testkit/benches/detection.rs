//! What decoding and judging cost per event, side by side in one run: the project's own pack against the
//! public rules, over the events of real attacks. `cargo xtask bench`; docs/benchmarks.md has the results.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use detect::{CompileOptions, RuleSource, Scratch};
use model::{AgentId, DeviceId, EpochId, Event, StreamKey, Timestamp};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Rounds over all events; the fastest counts.
const ROUNDS: usize = 5;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = root.join("../shared/data");
    if !data.is_dir() {
        println!("skipped: the shared test data is absent, and there are no other real events");
        return;
    }
    let logs: Vec<Vec<u8>> = files(&data.join("evtx-attack-samples"), "evtx")
        .iter()
        .map(|log| std::fs::read(log).expect("readable"))
        .collect();
    let (events, decoding) = decode(&logs);
    println!("events {}", events.len());
    println!("decode                     {:8.2} µs per event", per_event(decoding, events.len()));
    let own = judge("own pack", &[root.join("rules")], &events);
    let public = ["rules", "rules-emerging-threats", "rules-threat-hunting"];
    let all = judge("public rules", &public.map(|folder| data.join("sigma").join(folder)), &events);
    println!("public / own               {:8.2}", all / own);
}

fn decode(logs: &[Vec<u8>]) -> (Vec<Event>, Duration) {
    let mut fastest = Duration::MAX;
    let mut events = Vec::new();
    for _ in 0..ROUNDS {
        let copies = logs.to_vec();
        let began = Instant::now();
        let records: Vec<_> = copies
            .into_iter()
            .filter_map(|bytes| decode::evtx::Reader::new(bytes).ok())
            .flat_map(|reader| reader.filter_map(Result::ok).collect::<Vec<_>>())
            .collect();
        fastest = fastest.min(began.elapsed());
        events = records
            .into_iter()
            .enumerate()
            .map(|(place, record)| {
                let (agent, epoch) = (AgentId::from_bits(0), EpochId::from_bits(0));
                let key = StreamKey { agent, epoch, seq: place as u64 + 1 };
                record.into_event(DeviceId::from_bits(0), key, Timestamp::from_nanos(0))
            })
            .collect();
    }
    (events, fastest)
}

/// Microseconds per event.
fn judge(name: &str, folders: &[PathBuf], events: &[Event]) -> f64 {
    let texts: Vec<(String, String)> = folders
        .iter()
        .flat_map(|folder| files(folder, "yml"))
        .filter(|path| !path.to_string_lossy().ends_with(".test.yml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("readable")))
        .collect();
    let sources = texts.iter().map(|(name, text)| RuleSource { name, text });
    let began = Instant::now();
    let compiled = detect::compile(sources, &CompileOptions::default());
    let loading = began.elapsed();
    let mut scratch = Scratch::default();
    let (mut fastest, mut matches) = (Duration::MAX, 0);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        matches = events
            .iter()
            .map(|event| compiled.rules.evaluate_with(event, &mut scratch).len())
            .sum();
        fastest = fastest.min(began.elapsed());
    }
    let cost = per_event(fastest, events.len());
    println!(
        "{name:14} {:5} rules {cost:8.2} µs per event, {:6.0} events per second; {matches} matches; loaded in {} ms",
        compiled.rules.rules().len(),
        1e6 / cost,
        loading.as_millis()
    );
    cost
}

fn per_event(time: Duration, events: usize) -> f64 {
    time.as_secs_f64() * 1e6 / events as f64
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ext| ext == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
