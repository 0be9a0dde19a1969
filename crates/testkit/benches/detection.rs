//! What decoding and judging cost per event, side by side in one run: the project's own pack, the public
//! rules, and rule sets that grow, over the events of real attacks and of an ordinary day. CPU time, the
//! fastest of several rounds. `cargo xtask bench`; docs/benchmarks.md has the results.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]

use detect::{CompileOptions, Compiled, RuleSource, Scratch};
use model::{AgentId, DeviceId, EpochId, Event, StreamKey, Timestamp};
use std::path::{Path, PathBuf};

/// Rounds over all events; the fastest counts.
const ROUNDS: usize = 7;
/// Events of an ordinary day.
const EVERYDAY: usize = 40_000;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let everyday = testkit::everyday::events(1, EVERYDAY);
    let own = texts(&[root.join("rules")]);
    let data = root.join("../shared/data");
    if !data.is_dir() {
        println!("the shared test data is absent: the own pack over an ordinary day only");
        judge("own pack, everyday", &load(&own), &everyday);
        return;
    }
    let logs: Vec<Vec<u8>> = files(&data.join("evtx-attack-samples"), "evtx")
        .iter()
        .map(|log| std::fs::read(log).expect("readable"))
        .collect();
    let attacks = decode(&logs);
    let public = ["rules", "rules-emerging-threats", "rules-threat-hunting"];
    let public = texts(&public.map(|folder| data.join("sigma").join(folder)));
    let own = load(&own);
    let before_kb = memory_kb();
    let all = load(&public);
    judge("own pack, attacks", &own, &attacks);
    judge("public rules, attacks", &all, &attacks);
    judge("own pack, everyday", &own, &everyday);
    judge("public rules, everyday", &all, &everyday);
    println!("memory of the public rules and their plans {} MB", (memory_kb() - before_kb) / 1024);
    drop(all);
    grow(&public, &attacks, &everyday);
    println!("peak memory of everything here {} MB", peak_kb() / 1024);
}

fn decode(logs: &[Vec<u8>]) -> Vec<Event> {
    let mut fastest = u64::MAX;
    let mut events = Vec::new();
    for _ in 0..ROUNDS {
        let copies = logs.to_vec();
        let began = cpu_ns();
        let records: Vec<_> = copies
            .into_iter()
            .filter_map(|bytes| decode::evtx::Reader::new(bytes).ok())
            .flat_map(|reader| reader.filter_map(Result::ok).collect::<Vec<_>>())
            .collect();
        fastest = fastest.min(cpu_ns() - began);
        events = records
            .into_iter()
            .zip(1..)
            .map(|(record, seq)| {
                let (agent, epoch) = (AgentId::from_bits(0), EpochId::from_bits(0));
                let key = StreamKey { agent, epoch, seq };
                record.into_event(DeviceId::from_bits(0), key, Timestamp::from_nanos(0))
            })
            .collect();
    }
    println!("attack events {}, everyday events {EVERYDAY}", events.len());
    println!("{:28}            {:8.2} µs per event", "decode EVTX", per_event(fastest, &events));
    events
}

fn load(texts: &[(String, String)]) -> Compiled {
    let sources = texts.iter().map(|(name, text)| RuleSource { name, text });
    let began = cpu_ns();
    let compiled = detect::compile(sources, &CompileOptions::default());
    let (rules, ms) = (compiled.rules.rules().len(), (cpu_ns() - began) / 1_000_000);
    println!("{rules} rules loaded in {ms} ms, {} refused", compiled.refused.len());
    compiled
}

/// Microseconds per event when nothing is remembered of earlier values.
fn judge(name: &str, compiled: &Compiled, events: &[Event]) -> f64 {
    let mut kept = Scratch::default();
    let run = |scratch: Option<&mut Scratch>| {
        let mut new = Scratch::default();
        let scratch = scratch.unwrap_or(&mut new);
        let began = cpu_ns();
        let matches: usize =
            events.iter().map(|event| compiled.rules.evaluate_with(event, scratch).len()).sum();
        (cpu_ns() - began, matches)
    };
    let (first, matches) = run(Some(&mut kept));
    let asked: u64 = kept.take_costs(&compiled.rules).iter().map(|cost| cost.asked).sum();
    let (mut cold, mut warm) = (u64::MAX, u64::MAX);
    for _ in 0..ROUNDS {
        cold = cold.min(run(None).0);
        warm = warm.min(run(Some(&mut kept)).0);
    }
    let cost = per_event(cold, events);
    println!(
        "{name:28} {:5} rules {cost:8.2} µs per event ({:.2} with values remembered, {:.2} with plans to \
         make), {:7.0} events per second; {matches} matches, {:.1} rules asked per event",
        compiled.rules.rules().len(),
        per_event(warm, events),
        per_event(first, events),
        1e6 / cost,
        asked as f64 / events.len() as f64,
    );
    cost
}

/// 3,000 rules, and the same with 7,000 variants of them.
fn grow(public: &[(String, String)], attacks: &[Event], everyday: &[Event]) {
    let small: Vec<_> = public.iter().take(3_000).cloned().collect();
    let variants = (0..7_000).map(|number| {
        let (name, text) = &small[number % small.len()];
        (format!("{name}-{number}"), testkit::variants::of(text, number))
    });
    let large: Vec<_> = small.iter().cloned().chain(variants).collect();
    let (small, large) = (load(&small), load(&large));
    for (name, events) in [("attacks", attacks), ("everyday", everyday)] {
        let one = judge(&format!("3,000 rules, {name}"), &small, events);
        let other = judge(&format!("10,000 rules, {name}"), &large, events);
        println!("10,000 / 3,000, {name}: {:.2}", other / one);
    }
}

fn per_event(ns: u64, events: &[Event]) -> f64 {
    ns as f64 / 1e3 / events.len() as f64
}

/// CPU time of this thread, as the scheduler counts it.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|first| first.parse().ok()).expect("a number")
}

fn memory_kb() -> u64 {
    status("VmRSS:")
}

fn peak_kb() -> u64 {
    status("VmHWM:")
}

fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().split(' ').next().and_then(|kb| kb.parse().ok()).unwrap_or(0)
}

fn texts(folders: &[PathBuf]) -> Vec<(String, String)> {
    folders
        .iter()
        .flat_map(|folder| files(folder, "yml"))
        .filter(|path| !path.to_string_lossy().ends_with(".test.yml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("readable")))
        .collect()
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
