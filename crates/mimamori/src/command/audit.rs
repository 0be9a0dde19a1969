//! `mimamori audit events`: the sums, from the kernel's hook to the lake's files.

use crate::cli::{self, Format};
use crate::terminal::{flush, print_line, print_table};
use control::{ClassAudit, EventAudit, StreamAudit};
use serde_json::json;
use std::process::ExitCode;

pub(crate) async fn run(command: &cli::Audit) -> anyhow::Result<ExitCode> {
    let cli::Audit::Events(args) = command;
    let audit = super::admin::open(&args.data).await?.audit_events().await?;
    match args.format {
        Format::Jsonl => print_jsonl(&audit)?,
        Format::Table => print_for_people(&audit)?,
    }
    Ok(if audit.agrees() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Names of the counters as columns.
const CLASS_COLUMNS: [&str; 14] = [
    "agent",
    "class",
    "seen",
    "filtered",
    "submitted",
    "ring full",
    "oversize",
    "received",
    "decode error",
    "merged",
    "emitted",
    "queued",
    "shed",
    "sums",
];
const STREAM_COLUMNS: [&str; 8] =
    ["agent", "epoch", "first", "last", "stored", "lost", "rows in the lake", "sums"];

fn print_for_people(audit: &EventAudit) -> anyhow::Result<()> {
    print_line("per class, as the agents counted")?;
    print_table(&CLASS_COLUMNS, &audit.classes.iter().map(class_row).collect::<Vec<_>>())?;
    print_line("\nper stream, as the lake holds: last − first + 1 = stored + lost")?;
    print_table(&STREAM_COLUMNS, &audit.streams.iter().map(stream_row).collect::<Vec<_>>())?;
    if !audit.lost.is_empty() {
        print_line("\ndeclared gaps")?;
        let rows: Vec<Vec<String>> = audit.lost.iter().map(lost_row).collect();
        print_table(&["device", "class", "events", "reason", "from", "to"], &rows)?;
    }
    for class in &audit.classes {
        for disagreement in &class.disagreements {
            print_line(&format!("{}: {disagreement}", class.sums.class.name()))?;
        }
    }
    print_line(if audit.agrees() { "\nall sums agree" } else { "\nthe sums do not agree" })?;
    flush()
}

fn class_row(class: &ClassAudit) -> Vec<String> {
    let mut row = vec![class.sums.agent.to_string(), class.sums.class.name().to_owned()];
    row.extend(class.sums.counters.named().iter().map(|(_, value)| value.to_string()));
    row.push(verdict(class.disagreements.is_empty()));
    row
}

fn stream_row(stream: &StreamAudit) -> Vec<String> {
    let sums = &stream.sums;
    vec![
        sums.agent.to_string(),
        sums.epoch.to_string(),
        sums.first_seq.to_string(),
        sums.last_seq.to_string(),
        sums.stored.to_string(),
        sums.lost.to_string(),
        stream.counted.to_string(),
        verdict(stream.agrees()),
    ]
}

fn lost_row(row: &control::view::LostRow) -> Vec<String> {
    let lost = &row.lost;
    vec![
        crate::terminal::visible(&row.device_name),
        lost.class.map_or("", |class| class.name()).to_owned(),
        lost.count.map_or_else(|| "unknown".to_owned(), |count| count.to_string()),
        lost.reason.name().to_owned(),
        lost.from.to_string(),
        lost.to.to_string(),
    ]
}

fn verdict(agrees: bool) -> String {
    if agrees { "agree".to_owned() } else { "DISAGREE".to_owned() }
}

fn print_jsonl(audit: &EventAudit) -> anyhow::Result<()> {
    for class in &audit.classes {
        let counters: serde_json::Map<String, serde_json::Value> = class
            .sums
            .counters
            .named()
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        print_line(
            &json!({
                "agent": class.sums.agent, "class": class.sums.class.name(), "counters": counters,
                "disagreements":
                    class.disagreements.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
            .to_string(),
        )?;
    }
    for stream in &audit.streams {
        let sums = &stream.sums;
        print_line(&json!({
            "agent": sums.agent, "epoch": sums.epoch, "first": sums.first_seq, "last": sums.last_seq,
            "stored": sums.stored, "lost": sums.lost, "rows": stream.counted,
            "duplicates": stream.duplicates, "agrees": stream.agrees(),
        }).to_string())?;
    }
    print_line(&json!({ "agrees": audit.agrees() }).to_string())?;
    flush()
}
