//! Looking back over ten million stored events: several rules, each asked of a lake that is filled first.
//!
//! `MIMAMORI_BENCH_EVENTS` makes it smaller, `MIMAMORI_BENCH_FOLDER` keeps the filled lake for the next run.
//! `MIMAMORI_BENCH_RULE` asks only rules with these words in their name. docs/benchmarks.md has the results.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use control::backtest::{BacktestQuery, look_back};
use control::view::TimeRange;
use control::view::backtest::Backtest;
use lake::{Access, Advance, Commit, Lake};
use model::{AgentId, Clock, DeviceId, EpochId, Event, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const EVENTS: usize = 10_000_000;
const EVENTS_PER_COMMIT: usize = 250_000;
const DAYS: usize = 30;
const DEVICES: u64 = 400;
const BEGIN: &str = "2026-08-01T00:00:00Z";
const DAY_NS: i64 = 86_400_000_000_000;

struct Watch(Instant);

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::parse(BEGIN).expect("a time")
    }
    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).expect("not for ages")
    }
}

#[tokio::main]
async fn main() {
    let events: usize = std::env::var("MIMAMORI_BENCH_EVENTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(EVENTS);
    let scratch = tempfile::TempDir::new().expect("a scratch folder");
    let kept = std::env::var_os("MIMAMORI_BENCH_FOLDER").map(PathBuf::from);
    let folder = kept.unwrap_or_else(|| scratch.path().to_owned());
    let lake = Lake::open(&folder, Access::Write).await.expect("a lake");
    if lake.positions().await.expect("positions").is_empty() {
        fill(&lake, events).await;
    }
    let only = std::env::var("MIMAMORI_BENCH_RULE").unwrap_or_default();
    for (name, detection) in RULES.iter().filter(|(name, _)| name.contains(&only)) {
        ask(&lake, name, detection).await;
    }
}

async fn fill(lake: &Lake, events: usize) {
    let began = Instant::now();
    let begin = Timestamp::parse(BEGIN).expect("a time");
    let commits = events.div_ceil(EVENTS_PER_COMMIT);
    for number in 0..commits {
        let day = begin.plus_nanos((number * DAYS / commits) as i64 * DAY_NS);
        let mut all = testkit::everyday::events(number as u64, EVENTS_PER_COMMIT);
        let first = (number * EVENTS_PER_COMMIT) as u64;
        for event in &mut all {
            place(event, first, day);
        }
        let (agent, epoch) = (AgentId::from_bits(1), EpochId::from_bits(1));
        let last = first + EVENTS_PER_COMMIT as u64;
        let advance = Advance { agent, epoch, first: first + 1, last, lost: Vec::new() };
        let commit = Commit {
            events: all,
            advances: vec![advance],
            committed_at: day.plus_nanos(DAY_NS),
            ..Commit::default()
        };
        lake.commit(commit).await.expect("committed");
    }
    println!(
        "{} events stored in {:.0} s",
        commits * EVENTS_PER_COMMIT,
        began.elapsed().as_secs_f64()
    );
}

/// Gives an event its place in the one stream, and spreads events over the day and the devices.
fn place(event: &mut Event, first: u64, day: Timestamp) {
    let number = event.stream.seq;
    event.stream.agent = AgentId::from_bits(1);
    event.stream.epoch = EpochId::from_bits(1);
    event.stream.seq = first + number;
    event.device = DeviceId::from_bits(u128::from(number * 2_654_435_761 % DEVICES) + 1);
    let share = DAY_NS / EVENTS_PER_COMMIT as i64;
    event.observed_at = day.plus_nanos(number as i64 * share);
    event.received_at = event.observed_at.plus_nanos(1_000_000_000);
}

async fn ask(lake: &Lake, name: &str, detection: &str) {
    let begin = Timestamp::parse(BEGIN).expect("a time");
    let query = BacktestQuery {
        rule_text: format!(
            "title: {name}\nid: bench\nlevel: low\nlogsource: {{product: windows}}\ndetection: {detection}\n"
        ),
        filters: Vec::new(),
        range: TimeRange { from: begin, to: begin.plus_nanos(40 * DAY_NS) },
        time_zone: "Asia/Tokyo".to_owned(),
        samples_max: 20,
    };
    let mut fastest = f64::MAX;
    let mut line = String::new();
    for _ in 0..2 {
        let clock = Arc::new(Watch(Instant::now()));
        let began = Instant::now();
        let answer = look_back(lake, clock, query.clone()).await.expect("looked back");
        fastest = fastest.min(began.elapsed().as_secs_f64());
        let Backtest::Answered(answer) = answer else { panic!("{name}: {answer:?}") };
        line = format!(
            "{:>10} events, {:>10} hits, {:>10} read whole{}",
            answer.events,
            answer.hits,
            answer.events_read,
            if answer.complete { "" } else { ", time ran out" }
        );
    }
    println!("{name:<34} {fastest:7.2} s  {line}");
}

const RULES: [(&str, &str); 7] = [
    ("a rare program", r"{s: {Image|endswith: '\schtasks.exe'}, condition: s}"),
    ("a substring of the command line", "{s: {CommandLine|contains: 'a7f'}, condition: s}"),
    (
        "program, parent and arguments",
        r"{s: {Image|endswith: ['\powershell.exe', '\cmd.exe'], ParentImage|endswith: '\explorer.exe', CommandLine|contains: ['-enc', 'hidden', 'bypass']}, f: {User|contains: 'admin'}, condition: s and not f}",
    ),
    (
        "a regular expression",
        r"{s: {CommandLine|re: '[0-9a-f]{8}-[0-9a-f]{4}.*\.tmp'}, condition: s}",
    ),
    ("a keyword in every field", "{k: [mimikatz, sekurlsa], condition: k}"),
    ("two fields compared", "{s: {Image|fieldref: ParentImage}, condition: s}"),
    ("everything", "{s: {EventID|gte: 0}, condition: s}"),
];
