//! How matches and the summary are printed.

use super::files::LogFile;
use crate::cli::Format;
use crate::rule_files::Unreadable;
use crate::terminal::{note, print_line, visible};
use detect::{Compiled, CorrelationMatch, Match};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::{Event, Fields, Level, Timestamp, Why};
use serde::Serialize;

/// One match of one rule on one record: a line of the output.
#[derive(Serialize)]
pub(crate) struct Found {
    rule: RuleName,
    file: String,
    record_id: u64,
    time: Timestamp,
    event: Fields,
    why: Vec<Why>,
}

#[derive(Serialize)]
struct RuleName {
    id: String,
    title: String,
    level: Level,
}

impl Found {
    pub(crate) fn new(file: &LogFile, record_id: u64, event: &Event, matched: Match) -> Self {
        let rule = &matched.rule;
        Self {
            rule: RuleName { id: rule.id.clone(), title: rule.title.clone(), level: rule.level },
            file: file.name.clone(),
            record_id,
            time: event.observed_at,
            event: event.fields.clone(),
            why: matched.why,
        }
    }
}

impl Found {
    /// The match of a correlation, under the file of the event that decided. Its events are called by file
    /// and record.
    pub(crate) fn of_correlation(
        file: &LogFile,
        files: &[LogFile],
        matched: CorrelationMatch,
        now: Timestamp,
    ) -> Self {
        let names: Vec<String> = matched
            .events
            .iter()
            .map(|(stream, _)| {
                let place = usize::try_from(stream.epoch.bits()).ok();
                let name = place.and_then(|place| files.get(place)).map_or("", |file| &file.name);
                format!("{name} record {}", stream.seq)
            })
            .collect();
        let record_id = matched.stream.seq;
        let mut alert = matched.into_alert(now);
        let of_events = alert.why.iter_mut().filter(|why| why.selection == "event");
        for (why, name) in of_events.zip(names) {
            why.value = Some(name);
        }
        Self {
            rule: RuleName { id: alert.rule_id, title: alert.rule_title, level: alert.level },
            file: file.name.clone(),
            record_id,
            time: alert.observed_at,
            event: alert.fields,
            why: alert.why,
        }
    }
}

/// Prints matches as they come.
pub(crate) struct Printer {
    format: Format,
    file: Option<String>,
}

impl Printer {
    pub(crate) const fn new(format: Format) -> Self {
        Self { format, file: None }
    }

    /// # Errors
    /// When standard output is closed.
    pub(crate) fn print(&mut self, found: &Found) -> anyhow::Result<()> {
        match self.format {
            Format::Jsonl => print_line(&serde_json::to_string(found)?),
            Format::Table => self.print_for_people(found),
        }
    }

    fn print_for_people(&mut self, found: &Found) -> anyhow::Result<()> {
        if self.file.as_deref() != Some(found.file.as_str()) {
            print_line(&visible(&found.file))?;
            self.file = Some(found.file.clone());
        }
        print_line(&format!(
            "  {:13} {}  record {}  {}",
            found.rule.level.name(),
            found.time,
            found.record_id,
            visible(&found.rule.title)
        ))?;
        for why in &found.why {
            let field = why.field.as_deref().unwrap_or("any field");
            let modifier =
                if why.modifier.is_empty() { String::new() } else { format!("|{}", why.modifier) };
            print_line(&format!(
                "      {}: {field}{modifier} {}  ⇐ {}",
                why.selection,
                visible(&why.pattern),
                why.value.as_deref().map_or_else(|| "(missing)".to_owned(), visible)
            ))?;
        }
        Ok(())
    }

    /// # Errors
    /// When standard output is closed.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        crate::terminal::flush()
    }
}

/// What the whole run came to, for standard error.
pub(crate) struct Summary {
    rules: usize,
    refused: Vec<String>,
    files: u64,
    files_read: u64,
    events: u64,
    matches: usize,
    problems: Vec<String>,
}

impl Summary {
    pub(crate) fn new(compiled: &Compiled, unreadable: &[Unreadable]) -> Self {
        let mut refused: Vec<String> = compiled.refused.iter().map(ToString::to_string).collect();
        refused.extend(unreadable.iter().map(|file| format!("{}: {}", file.name, file.reason.en)));
        Self {
            rules: compiled.rules.rules().len(),
            refused,
            files: 0,
            files_read: 0,
            events: 0,
            matches: 0,
            problems: Vec::new(),
        }
    }

    pub(crate) fn add(
        &mut self,
        readable: bool,
        events: u64,
        matches: usize,
        problems: Vec<String>,
    ) {
        self.files += 1;
        self.files_read += u64::from(readable);
        self.events += events;
        self.matches += matches;
        self.problems.extend(problems);
    }

    /// Adds the matches of correlations, and what is to be said of them.
    pub(crate) fn correlated(&mut self, matches: usize, note: Option<String>) {
        self.matches += matches;
        self.problems.extend(note);
    }

    pub(crate) const fn nothing_read(&self) -> bool {
        self.files_read == 0
    }

    pub(crate) fn print(&self, elapsed_ns: u64) {
        for refused in &self.refused {
            note(&format!("rule refused: {}", visible(refused)));
        }
        for problem in &self.problems {
            note(&format!("not read: {}", visible(problem)));
        }
        note(&format!(
            "rules loaded {}, refused {}; files {} of {}; events {}, not decoded {}; matches {}; {:.1} s",
            self.rules,
            self.refused.len(),
            self.files_read,
            self.files,
            self.events,
            self.problems.len(),
            self.matches,
            elapsed_ns as f64 / 1e9
        ));
    }
}

/// A progress bar on standard error, when that is a terminal.
pub(crate) fn progress(files: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files  {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style)
}
