//! `mimamori findings`: what needs somebody.

use crate::cli::{self, Format};
use crate::command::admin::{console_origin, open};
use crate::command::software::named;
use crate::terminal::{flush, note, print_line, print_table, visible};
use case::finding::{Kind, Status};
use control::view::findings::{FindingFilter, FindingRow};
use serde_json::json;
use std::process::ExitCode;

pub(crate) async fn findings(command: &cli::Findings) -> anyhow::Result<ExitCode> {
    let cli::Findings::List(args) = command;
    let status = named(args.status.as_deref(), "status", Status::of_name, || {
        Status::ALL.iter().map(|one| one.name()).collect()
    })?;
    let mut filter = FindingFilter {
        kind: named(args.kind.as_deref(), "kind", Kind::of_name, || {
            Kind::ALL.iter().map(|one| one.name()).collect()
        })?,
        status,
        // Who asks for resolved ones wants to see them.
        closed: args.closed || status == Some(Status::Resolved),
        words: args.words.join(" "),
        ..FindingFilter::default()
    };
    let control = open(&args.data).await?;
    let mut rows = Vec::new();
    while rows.len() < args.rows {
        let page = control.findings_here(&filter).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => filter.after = Some(next),
            None => break,
        }
    }
    let more = rows.len() > args.rows || filter.after.is_some() && rows.len() == args.rows;
    rows.truncate(args.rows);
    // Known once the server has been started.
    let origin = console_origin(&args.data, None).ok();
    if args.json || args.format == Format::Jsonl {
        rows.iter().try_for_each(|row| print_line(&finding_json(row, origin.as_deref())))?;
        flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        note(nothing_found(args));
        return Ok(ExitCode::SUCCESS);
    }
    let cells: Vec<Vec<String>> = rows.iter().map(finding_cells).collect();
    print_table(
        &["kind", "software", "version", "device", "owner", "status", "opened (UTC)"],
        &cells,
    )?;
    if more {
        note(&format!("only {} are shown; ask for more with --rows", rows.len()));
    }
    if let Some(origin) = origin {
        note(&format!("details and what to do: {origin}/findings"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Why there is nothing, as far as it can be said.
fn nothing_found(args: &cli::FindingsList) -> &'static str {
    if !args.words.is_empty() || args.kind.is_some() || args.status.is_some() {
        "no finding like that; without words and filters all open ones are listed"
    } else if args.closed {
        "no finding yet: software that comes after a device's first inventory and that nobody permitted becomes one"
    } else {
        "no open finding; with --closed those that were resolved are listed too"
    }
}

fn finding_cells(row: &FindingRow) -> Vec<String> {
    let closing = row.closing.map_or_else(String::new, |closing| format!(" ({})", closing.name()));
    vec![
        row.kind.name().to_owned(),
        visible(&row.name),
        visible(&row.version),
        visible(&row.device_name),
        visible(&row.owner),
        format!("{}{closing}", row.status.name()),
        // To the minute.
        row.opened_at
            .to_string()
            .chars()
            .take(16)
            .map(|c| if c == 'T' { ' ' } else { c })
            .collect(),
    ]
}

fn finding_json(row: &FindingRow, origin: Option<&str>) -> String {
    json!({
        "id": row.id,
        "kind": row.kind.name(),
        "status": row.status.name(),
        "closing": row.closing.map(|closing| closing.name()),
        "name": row.name,
        "version": row.version,
        "device": row.device.to_string(),
        "device_name": row.device_name,
        "owner": row.owner,
        "opened_at": row.opened_at.to_string(),
        "last_seen_at": row.last_seen_at.to_string(),
        "link": origin.map(|origin| format!("{origin}/findings/{}", row.id)),
    })
    .to_string()
}
