//! `mimamori scan`: Windows event logs and events as lines of JSON judged by Sigma rules, without a server.

mod correlate;
mod files;
mod output;

use crate::cli;
use crate::rule_files::RuleFiles;
use crate::rule_packs::{RuleSources, Trusted};
use anyhow::{Context, bail};
use correlate::Gathered;
use decode::{Record, RecordError};
use detect::{Compiled, Scratch};
use files::{LogFile, find};
use model::{AgentId, Clock, DeviceId, EpochId, Fields, StreamKey};
use output::{Found, Printer, Summary};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Bytes of one event log that are read into memory at once.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Bytes of a file that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// What became of one file.
struct Judged {
    /// Position in the list of files, so that the output has their order whatever finishes first.
    place: usize,
    found: Vec<Found>,
    gathered: Gathered,
    events: u64,
    problems: Vec<String>,
    readable: bool,
}

/// Scans, prints matches to standard output and the summary to standard error.
///
/// Exit 0 when at least one file was read (problems with others are named), 2 when none was.
pub(crate) fn run(args: &cli::Scan, clock: &dyn Clock) -> anyhow::Result<ExitCode> {
    let began_ns = clock.monotonic_ns();
    let sources = sources(args)?;
    let compiled = sources.compile();
    if compiled.rules.rules().is_empty() {
        let why = sources.unreadable.first();
        let why =
            why.map(|file| format!(" ({}: {})", file.name, file.reason.en)).unwrap_or_default();
        bail!(
            "no rule could be loaded from {}{why}; give a folder of Sigma rules with --rules",
            listed(&args.rules)
        );
    }
    let files = find(&args.paths)?;
    if files.is_empty() {
        bail!(
            "no .evtx, .ndjson or .jsonl file under {}; name a file or another folder",
            listed(&args.paths)
        );
    }
    let mut printer = Printer::new(args.format);
    let mut summary = Summary::new(&compiled, &sources.unreadable);
    let mut gathered = Gathered::default();
    judge_all(&files, &compiled, clock, |judged| {
        summary.add(judged.readable, judged.events, judged.found.len(), judged.problems);
        gathered.add(judged.gathered);
        judged.found.iter().try_for_each(|found| printer.print(found))
    })?;
    let (correlated, note) = gathered.judge(&compiled, &files, clock);
    correlated.iter().try_for_each(|found| printer.print(found))?;
    summary.correlated(correlated.len(), note);
    printer.finish()?;
    summary.print(clock.monotonic_ns() - began_ns);
    Ok(if summary.nothing_read() { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// The rules, under the same policy for packs as the server's: a signature that is claimed must hold and be trusted,
/// and where the installation asks for signatures, a folder without one is refused.
fn sources(args: &cli::Scan) -> anyhow::Result<RuleFiles> {
    if args.rules.is_empty() {
        return Ok(RuleFiles::embedded());
    }
    let mut trusted = Trusted::of_installation(&args.data.join("packs"))?;
    for key in &args.trust {
        trusted.add(key)?;
    }
    Ok(RuleSources::of_folders(&args.rules, &trusted)?.files)
}

fn listed(paths: &[std::path::PathBuf]) -> String {
    if paths.is_empty() {
        return "the rules that come along".to_owned();
    }
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Judges the files on all cores and hands the results on in the files' order.
fn judge_all(
    files: &[LogFile],
    compiled: &Compiled,
    clock: &dyn Clock,
    mut each: impl FnMut(Judged) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let progress = output::progress(files.len());
    let next = AtomicUsize::new(0);
    let workers =
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(files.len());
    let (sender, receiver) = mpsc::sync_channel::<Judged>(workers * 4);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let sender = sender.clone();
            let next = &next;
            scope.spawn(move || {
                let mut scratch = Scratch::default();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(place) else { return };
                    if sender.send(judge(place, file, compiled, &mut scratch, clock)).is_err() {
                        return; // The receiver gave up: printing failed.
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = std::collections::BTreeMap::new();
        let mut place = 0;
        for judged in receiver {
            waiting.insert(judged.place, judged);
            while let Some(judged) = waiting.remove(&place) {
                place += 1;
                progress.inc(1);
                progress.suspend(|| each(judged))?;
            }
        }
        progress.finish_and_clear();
        Ok(())
    })
}

fn judge(
    place: usize,
    file: &LogFile,
    compiled: &Compiled,
    scratch: &mut Scratch,
    clock: &dyn Clock,
) -> Judged {
    let mut judged = Judged {
        place,
        found: Vec::new(),
        gathered: Gathered::default(),
        events: 0,
        problems: Vec::new(),
        readable: false,
    };
    let mut reader = match open(file) {
        Ok(reader) => reader,
        Err(err) => {
            judged.problems.push(format!("{}: {err:#}", file.path.display()));
            return judged;
        }
    };
    judged.readable = true;
    while let Some(record) = reader.next() {
        match record {
            Ok(record) => {
                judged.events += 1;
                let record_id = record.record_id;
                let key = StreamKey {
                    agent: AgentId::from_bits(0),
                    epoch: EpochId::from_bits(0),
                    seq: record_id,
                };
                let event = record.into_event(DeviceId::from_bits(0), key, clock.now());
                let matches = compiled.rules.evaluate_with(&event, scratch);
                if !compiled.correlations.is_empty() {
                    judged.gathered.keep(compiled, place, &event, &matches);
                }
                let told =
                    matches.into_iter().filter(|it| !compiled.correlations.silences(&it.rule.id));
                judged.found.extend(told.map(|it| Found::new(file, record_id, &event, it)));
                reader.reuse(event.fields);
            }
            Err(err) => judged.problems.push(format!("{}: {err}", file.path.display())),
        }
    }
    judged
}

/// The records of one file.
enum Records {
    Lines(Box<decode::ndjson::Reader<BufReader<std::fs::File>>>),
    Log(Box<decode::evtx::Reader>),
}

impl Records {
    fn next(&mut self) -> Option<Result<Record, RecordError>> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Log(log) => log.next(),
        }
    }

    /// Takes the fields of a record that is done.
    fn reuse(&mut self, fields: Fields) {
        if let Self::Lines(lines) = self {
            lines.reuse(fields);
        }
    }
}

/// Lines of JSON are read one by one, an event log as a whole. What the file is shows its beginning.
fn open(file: &LogFile) -> anyhow::Result<Records> {
    const PROBLEM: &str = "could not read the file";
    let opened = std::fs::File::open(&file.path).context(PROBLEM)?;
    let bytes = opened.metadata().context(PROBLEM)?.len();
    let mut content = BufReader::with_capacity(READ_BYTES, opened);
    let beginning = content.fill_buf().context(PROBLEM)?;
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    if text.trim_ascii_start().starts_with(b"{") {
        let lines = decode::ndjson::Reader::new(content).without_raw();
        return Ok(Records::Lines(Box::new(lines)));
    }
    if bytes > FILE_BYTES_MAX {
        bail!("the file has {bytes} bytes, more than {FILE_BYTES_MAX}; split the log");
    }
    let mut all = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    content.read_to_end(&mut all).context(PROBLEM)?;
    Ok(Records::Log(Box::new(decode::evtx::Reader::new(all)?)))
}
