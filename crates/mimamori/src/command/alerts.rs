//! `mimamori alerts`: the newest alerts, each with why.

use crate::cli::{self, AlertsAct, Format};
use crate::layout::Layout;
use crate::terminal::{flush, note, print_line, visible};
use anyhow::Context;
use case::detection::{Standing, Status};
use control::view::detections::DetectionFilter;
use lake::{Access, Lake, Table};
use model::{Level, Value, Why};
use std::process::ExitCode;

const COLUMNS: &str =
    "id, level, rule_id, rule_title, device, observed_at, image, command_line, \"user\", why";

pub(crate) async fn run(args: &cli::Alerts) -> anyhow::Result<ExitCode> {
    match &args.act {
        Some(AlertsAct::Findings(args)) => return findings(args).await,
        Some(AlertsAct::Show(args)) => return super::verify::show(args).await,
        Some(AlertsAct::Verify(args)) => return super::verify::verify(args).await,
        Some(AlertsAct::Test(args)) => return super::verify::test_case(args).await,
        None => {}
    }
    let level_min = match &args.level {
        None => Level::Informational,
        Some(name) => Level::of_name(name).with_context(|| {
            format!("unknown level {name}; use informational, low, medium, high or critical")
        })?,
    };
    let layout = Layout::existing(&args.data.directory)?;
    let lake = Lake::open(&layout.lake(), Access::Read).await?;
    let levels = [Level::Informational, Level::Low, Level::Medium, Level::High, Level::Critical];
    let parameters: Vec<Value> = levels
        .iter()
        .map(|level| Value::from(if *level >= level_min { level.name() } else { "" }))
        .collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM alert WHERE level IN ($1, $2, $3, $4, $5) ORDER BY observed_at DESC, id"
    );
    let table = lake.query_with(&sql, &parameters, args.rows).await?;
    match args.format {
        Format::Jsonl => super::query::print(&table, Format::Jsonl)?,
        Format::Table => print_for_people(&table)?,
    }
    if table.rows.is_empty() {
        note("no alert yet; `mimamori rules check` lists the rules in force");
    } else if table.truncated {
        note(&format!("only the newest {} are shown; ask for more with --rows", args.rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// `mimamori alerts findings`: what alerts fold into.
async fn findings(args: &cli::FoldedAlerts) -> anyhow::Result<ExitCode> {
    let control = super::admin::open(&args.data).await?;
    let status = args.closed.then_some(Status::Closed);
    let mut filter = DetectionFilter { status, ..DetectionFilter::default() };
    let mut rows = Vec::new();
    while rows.len() < args.rows {
        let page = control.detections_here(&filter).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => filter.after = Some(next),
            None => break,
        }
    }
    rows.truncate(args.rows);
    for row in &rows {
        match args.format {
            Format::Jsonl => print_line(&row.to_ocsf().to_string())?,
            Format::Table => {
                let Standing { status, verdict, .. } = &row.state.now;
                let verdict = verdict.map_or_else(String::new, |it| format!(" ({})", it.name()));
                print_line(&format!(
                    "{:13} {:>6} alerts {:>5} devices  {}  {}{verdict}  {}",
                    row.level.name(),
                    row.alerts,
                    row.devices,
                    row.last_at,
                    status.name(),
                    visible(&row.title)
                ))?;
            }
        }
    }
    if rows.is_empty() {
        note("no finding");
    }
    flush()?;
    Ok(ExitCode::SUCCESS)
}

fn print_for_people(table: &Table) -> anyhow::Result<()> {
    for row in &table.rows {
        let text = |name: &str| {
            let place = table.columns.iter().position(|column| column.name == name);
            place.and_then(|place| row[place].as_text()).unwrap_or_default()
        };
        print_line(&format!(
            "{:13} {}  {}",
            text("level"),
            text("observed_at"),
            visible(text("rule_title"))
        ))?;
        print_line(&format!("    {}", visible(text("command_line"))))?;
        let whys: Vec<Why> = serde_json::from_str(text("why")).unwrap_or_default();
        for why in &whys {
            print_why(why)?;
        }
        print_line(&format!("    rule {}  alert {}", text("rule_id"), text("id")))?;
    }
    flush()
}

/// One condition that held, with the value that made it hold.
pub(crate) fn print_why(why: &Why) -> anyhow::Result<()> {
    let modifier =
        if why.modifier.is_empty() { String::new() } else { format!("|{}", why.modifier) };
    print_line(&format!(
        "    {}: {}{modifier} {}  ⇐ {}",
        visible(&why.selection),
        visible(why.field.as_deref().unwrap_or("any field")),
        visible(&why.pattern),
        why.value.as_deref().map_or_else(|| "(missing)".to_owned(), visible)
    ))
}
