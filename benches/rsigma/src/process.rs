//! Whole programs: start, load the rules, read, decode, judge, print.

use crate::corpus::{self, Corpus};
use detect::{CompileOptions, RuleSource, Scratch};
use model::{AgentId, DeviceId, EpochId, StreamKey, Timestamp};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ROUNDS: usize = 3;

/// CPU time of this thread, as the scheduler counts it; exact to some milliseconds, so measure long runs.
pub fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|first| first.parse().ok()).expect("a number")
}

/// CPU time of ended children, in ticks of 10 ms.
fn children_cpu_ms() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let behind_name = text.rsplit(')').next().unwrap_or_default();
    let numbers: Vec<u64> =
        behind_name.split(' ').map(|number| number.parse().unwrap_or(0)).collect();
    // Fields 16 and 17 of the whole line; the state behind the name is the third.
    (numbers[14] + numbers[15]) * 10
}

/// CPU time and peak memory of a program run to its end.
fn run(command: &mut Command) -> (u64, u64) {
    let before = children_cpu_ms();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kb = 0;
    while child.try_wait().expect("a child").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0);
        peak_kb = peak_kb.max(kb);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    (children_cpu_ms() - before, peak_kb / 1024)
}

pub fn compare(data: &Path, rsigma: &Path, mimamori: Option<&PathBuf>, corpora: &[(&str, &Corpus, usize)]) {
    let folder = std::env::temp_dir().join(format!("bench-rsigma-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    // One folder of links, because the other program takes one folder.
    let rules = folder.join("rules");
    std::fs::create_dir_all(&rules).expect("a folder");
    for from in corpus::rule_folders(data) {
        let name = from.file_name().expect("a name");
        std::os::unix::fs::symlink(std::fs::canonicalize(&from).expect("there"), rules.join(name)).expect("a link");
    }
    println!("\nwhole process, CPU per event with start and rules, of that per event beyond 1 event, peak memory");
    for (name, corpus, times) in corpora {
        let file = folder.join("events.ndjson");
        write(&file, corpus, *times);
        let single = folder.join("one.ndjson");
        std::fs::write(&single, format!("{}\n", corpus.lines[0])).expect("written");
        let events = corpus.lines.len() * times;
        ndjson_and_evtx(&format!("NDJSON {name}"), [&file, &single], events, &rules, rsigma, mimamori);
    }
    let logs = folder.join("logs");
    let single = folder.join("single");
    let records = copy_logs(data, &logs, 10);
    copy_logs(data, &single, 0);
    ndjson_and_evtx("EVTX attacks x10", [&logs, &single], records, &rules, rsigma, mimamori);
    std::fs::remove_dir_all(&folder).expect("removed");
}

fn write(file: &Path, corpus: &Corpus, times: usize) {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file).expect("a file"));
    for line in std::iter::repeat_n(&corpus.lines, times).flatten() {
        writeln!(out, "{line}").expect("written");
    }
    out.flush().expect("written");
}

/// Copies of the event logs in one folder; with `times` 0, of the first one alone. How many records.
fn copy_logs(data: &Path, folder: &Path, times: usize) -> usize {
    std::fs::create_dir_all(folder).expect("a folder");
    let logs = corpus::files(&data.join("evtx-attack-samples"), "evtx");
    let mut records = 0;
    for (place, log) in logs.iter().enumerate().take(if times == 0 { 1 } else { usize::MAX }) {
        let bytes = std::fs::read(log).expect("readable");
        for copy in 0..times.max(1) {
            std::fs::write(folder.join(format!("{place}-{copy}.evtx")), &bytes).expect("written");
        }
        if let Ok(reader) = decode::evtx::Reader::new(bytes) {
            records += reader.filter(Result::is_ok).count() * times.max(1);
        }
    }
    records
}

fn ndjson_and_evtx(
    name: &str,
    [many, one]: [&Path; 2],
    events: usize,
    rules: &Path,
    rsigma: &Path,
    mimamori: Option<&PathBuf>,
) {
    let folders: Vec<PathBuf> = std::fs::read_dir(rules).expect("a folder").flatten().map(|entry| std::fs::canonicalize(entry.path()).expect("there")).collect();
    let ours = |path: &Path| {
        let mut command;
        match mimamori {
            Some(program) => {
                command = Command::new(program);
                command.args(["scan", "--format", "jsonl"]).arg(path);
                folders.iter().for_each(|folder| { command.arg("--rules").arg(folder); });
            }
            None => {
                command = Command::new(std::env::current_exe().expect("this program"));
                command.arg("scan").arg(path).args(&folders);
            }
        }
        command
    };
    let theirs = |path: &Path| -> Vec<Command> {
        let mut files = if path.is_dir() { corpus::files(path, "evtx") } else { vec![path.to_owned()] };
        // One file at a time is what it takes; loading the rules again for each would not be fair.
        files.truncate(1);
        let command = |options: &[&str]| {
            let mut command = Command::new(rsigma);
            command.args(["engine", "eval", "--output-format", "ndjson"]).args(options);
            command.arg("-r").arg(rules).arg("-e").arg(format!("@{}", files[0].display()));
            command
        };
        let told = ["--logsource-routing", "--event-logsource", "product=windows"];
        if path.is_dir() { Vec::new() } else { vec![command(&["--input-format", "json"]), command(&["--input-format", "json", told[0], told[1], told[2]])] }
    };
    let fastest = |command: &dyn Fn(&Path) -> Command| {
        let least = |path: &Path| (0..ROUNDS).map(|_| run(&mut command(path))).min().expect("a round");
        (least(many), least(one))
    };
    let show = |who: &str, ((all_ms, peak_mb), (start_ms, _)): ((u64, u64), (u64, u64))| {
        let whole = all_ms as f64 * 1e3 / events as f64;
        let beyond = all_ms.saturating_sub(start_ms) as f64 * 1e3 / events as f64;
        println!("  {who:30}{whole:8.2} µs {beyond:8.2} µs {peak_mb:6} MB");
    };
    println!("{name}, {events} events");
    show(if mimamori.is_some() { "mimamori scan" } else { "mimamori's crates" }, fastest(&ours));
    for way in 0..theirs(many).len() {
        show(["rsigma", "rsigma, told the product"][way], fastest(&|path| theirs(path).swap_remove(way)));
    }
}

/// This program as a scanner: decode, judge, print matches as JSON lines.
pub fn scan(arguments: &[PathBuf]) {
    let [path, folders @ ..] = arguments else { return };
    let texts: Vec<(String, String)> = folders
        .iter()
        .flat_map(|folder| corpus::files(folder, "yml"))
        .map(|file| (file.display().to_string(), std::fs::read_to_string(&file).expect("readable")))
        .collect();
    let sources = texts.iter().map(|(name, text)| RuleSource { name, text });
    let compiled = detect::compile(sources, &CompileOptions::default());
    drop(texts);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut scratch = Scratch::default();
    let mut judge = |record: decode::Record| {
        let key = StreamKey { agent: AgentId::from_bits(0), epoch: EpochId::from_bits(0), seq: record.record_id };
        let event = record.into_event(DeviceId::from_bits(0), key, Timestamp::from_nanos(0));
        for found in compiled.rules.evaluate_with(&event, &mut scratch) {
            let line = Line { rule: &found.rule.id, title: &found.rule.title, event: &event.fields, why: &found.why };
            serde_json::to_writer(&mut out, &line).expect("standard output");
            out.write_all(b"\n").expect("standard output");
        }
        event.fields
    };
    if path.is_dir() {
        for file in corpus::files(path, "evtx") {
            let reader = decode::evtx::Reader::new(std::fs::read(file).expect("readable"));
            for record in reader.into_iter().flatten().filter_map(Result::ok) {
                judge(record);
            }
        }
    } else {
        let file = std::io::BufReader::with_capacity(1 << 16, std::fs::File::open(path).expect("readable"));
        let mut reader = decode::ndjson::Reader::new(file).without_raw();
        while let Some(record) = reader.next() {
            if let Ok(record) = record {
                reader.reuse(judge(record));
            }
        }
    }
}

/// A match, as `mimamori scan --format jsonl` prints it.
#[derive(serde::Serialize)]
struct Line<'a> {
    rule: &'a str,
    title: &'a str,
    event: &'a model::Fields,
    why: &'a [model::Why],
}
