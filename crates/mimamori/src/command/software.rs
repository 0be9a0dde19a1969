//! `mimamori software` and `mimamori findings`: what is on the devices, how it was judged, what needs somebody.

use crate::cli::{self, Format};
use crate::command::admin::open;
use crate::terminal::{flush, note, print_line, print_table, visible};
use anyhow::{Context as _, bail};
use case::finding::{Kind, Status};
use case::judgement::Verdict;
use control::Export;
use control::view::findings::{
    Explained, FindingFilter, FindingRow, SoftwareFilter, SoftwareRow, StepRow,
};
use control::view::requests::{ImportPlan, ImportPreview};
use model::inventory::SoftwareSource;
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;

/// Bytes of a spreadsheet.
const SHEET_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(crate) async fn software(command: &cli::Software) -> anyhow::Result<ExitCode> {
    match command {
        cli::Software::List(args) => list(args).await?,
        cli::Software::Explain(args) => explain(args).await?,
        cli::Software::Import(args) => import(args).await?,
        cli::Software::Export(args) => {
            let format = if args.json { Export::Json } else { Export::Csv };
            let bytes = open(&args.data).await?.export_catalogue(None, format).await?;
            let mut out = std::io::stdout().lock();
            out.write_all(&bytes).context("could not write the catalogue")?;
        }
    }
    flush()?;
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &cli::SoftwareList) -> anyhow::Result<()> {
    let mut filter = SoftwareFilter {
        words: args.words.join(" "),
        verdict: named(args.judgement.as_deref(), "judgement", Verdict::of_name, || {
            Verdict::ALL.iter().map(|one| one.name()).collect()
        })?,
        source: named(args.source.as_deref(), "source", SoftwareSource::of_name, || {
            SoftwareSource::ALL.iter().map(|one| one.name()).collect()
        })?,
        baseline: false,
        after: None,
    };
    let control = open(&args.data).await?;
    let mut rows = Vec::new();
    while rows.len() < args.rows {
        let page = control.software_here(&filter).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => filter.after = Some(next),
            None => break,
        }
    }
    let more = rows.len() > args.rows || filter.after.is_some() && rows.len() == args.rows;
    rows.truncate(args.rows);
    match args.format {
        Format::Jsonl => rows.iter().try_for_each(|row| print_line(&software_json(row)))?,
        Format::Table => {
            let cells: Vec<Vec<String>> = rows.iter().map(software_cells).collect();
            print_table(
                &["software", "version", "publisher", "source", "judgement", "devices"],
                &cells,
            )?;
        }
    }
    if rows.is_empty() {
        note("no software yet; an agent's inventory arrives within a minute of its start");
    } else if more {
        note(&format!("only {} are shown; ask for more with --rows", rows.len()));
    }
    Ok(())
}

/// A word of one of our enumerations; the error names what there is.
fn named<T>(
    given: Option<&str>,
    what: &str,
    of_name: impl Fn(&str) -> Option<T>,
    known: impl Fn() -> Vec<&'static str>,
) -> anyhow::Result<Option<T>> {
    let Some(name) = given else { return Ok(None) };
    match of_name(name) {
        Some(one) => Ok(Some(one)),
        None => bail!("unknown {what} {name}; use one of {}", known().join(", ")),
    }
}

fn software_cells(row: &SoftwareRow) -> Vec<String> {
    let sources: Vec<&str> = row.sources.iter().map(|source| source.name()).collect();
    vec![
        visible(&row.name),
        visible(&row.versions.join(" ")),
        visible(&row.publisher),
        sources.join(" "),
        row.verdict.name().to_owned(),
        row.devices.to_string(),
    ]
}

fn software_json(row: &SoftwareRow) -> String {
    let sources: Vec<&str> = row.sources.iter().map(|source| source.name()).collect();
    json!({
        "subject": row.subject,
        "name": row.name,
        "versions": row.versions,
        "publisher": row.publisher,
        "sources": sources,
        "judgement": row.verdict.name(),
        "devices": row.devices,
    })
    .to_string()
}

async fn explain(args: &cli::SoftwareExplain) -> anyhow::Result<()> {
    let explanation = open(&args.data).await?.explain_here(&args.name).await?;
    for one in &explanation.items {
        print_explained(one, args.language)?;
    }
    if explanation.items.iter().all(|one| one.devices == 0) {
        note("no device has it; this is how the name alone is read");
    }
    Ok(())
}

fn print_explained(one: &Explained, language: cli::Language) -> anyhow::Result<()> {
    let item = &one.item;
    print_line(&format!(
        "{} {}  [{}]  {} device(s)",
        visible(&item.name),
        visible(&item.version),
        item.source.name(),
        one.devices
    ))?;
    print_line(&format!("  identity   {} {}", one.outcome, visible(&one.titles.join(", "))))?;
    print_steps(&one.identification, language)?;
    print_line(&format!("  judgement  {}", one.verdict.name()))?;
    print_steps(&one.judgement, language)
}

fn print_steps(steps: &[StepRow], language: cli::Language) -> anyhow::Result<()> {
    for (number, step) in steps.iter().enumerate() {
        let mark = match step.held {
            Some(true) => "+",
            Some(false) => "-",
            None => " ",
        };
        let words = if language == cli::Language::Ja { &step.ja } else { &step.en };
        print_line(&format!("    {:2} {mark} {}", number + 1, visible(words)))?;
    }
    Ok(())
}

async fn import(args: &cli::SoftwareImport) -> anyhow::Result<()> {
    let about = || format!("could not read {}", args.file.display());
    let size = std::fs::metadata(&args.file).with_context(about)?.len();
    if size > SHEET_BYTES_MAX {
        bail!("{} is larger than {SHEET_BYTES_MAX} bytes; split it", args.file.display());
    }
    let bytes = std::fs::read(&args.file).with_context(about)?;
    let control = open(&args.data).await?;
    let person = match &args.commit_as {
        Some(name) => Some(control.person_of_name(name).await?),
        None => None,
    };
    let preview = control.import_here(&bytes, person.as_deref()).await?;
    print_preview(&preview)?;
    match preview.committed_at {
        Some(_) => note("imported"),
        None => note("nothing was changed; import it with --commit-as NAME (who decided)"),
    }
    Ok(())
}

fn print_preview(preview: &ImportPreview) -> anyhow::Result<()> {
    for (heading, taken_for) in &preview.columns {
        print_line(&format!("column {:24} {}", visible(heading), visible(taken_for)))?;
    }
    let cells: Vec<Vec<String>> = preview
        .rows
        .iter()
        .map(|row| {
            let plan = match &row.plan {
                ImportPlan::NewTitle(id) => format!("new title {id}"),
                ImportPlan::Known(id, name) => format!("known as {name} ({id})"),
                ImportPlan::Repeats(line) => format!("repeats line {line}"),
                ImportPlan::Skipped => "skipped".to_owned(),
                ImportPlan::Aside => "not a row".to_owned(),
            };
            let outcome = row.outcome.map_or("", |outcome| outcome.name());
            vec![
                row.line.to_string(),
                visible(&row.name),
                visible(&plan),
                outcome.to_owned(),
                visible(
                    &row.remarks.iter().map(|one| one.en.as_str()).collect::<Vec<_>>().join("; "),
                ),
            ]
        })
        .collect();
    print_table(&["line", "name", "plan", "decision", "remarks"], &cells)?;
    let aside = match preview.aside {
        0 => String::new(),
        1 => "; besides, 1 line of headings".to_owned(),
        many => format!("; besides, {many} lines of headings or blanks"),
    };
    print_line(&format!(
        "{} rows: {} new, {} known, {} repeated, {} skipped; {} decisions{aside}",
        preview.rows_of_table(),
        preview.new_titles,
        preview.known,
        preview.repeated,
        preview.skipped,
        preview.decisions
    ))
}

pub(crate) async fn findings(command: &cli::Findings) -> anyhow::Result<ExitCode> {
    let cli::Findings::List(args) = command;
    let mut filter = FindingFilter {
        kind: named(args.kind.as_deref(), "kind", Kind::of_name, || {
            Kind::ALL.iter().map(|one| one.name()).collect()
        })?,
        status: named(args.status.as_deref(), "status", Status::of_name, || {
            Status::ALL.iter().map(|one| one.name()).collect()
        })?,
        closed: args.closed,
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
    rows.truncate(args.rows);
    match args.format {
        Format::Jsonl => rows.iter().try_for_each(|row| print_line(&finding_json(row)))?,
        Format::Table => {
            let cells: Vec<Vec<String>> = rows.iter().map(finding_cells).collect();
            let head = ["kind", "software", "version", "device", "owner", "status", "opened", "id"];
            print_table(&head, &cells)?;
        }
    }
    if rows.is_empty() {
        note("no finding");
    }
    flush()?;
    Ok(ExitCode::SUCCESS)
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
        row.opened_at.to_string(),
        row.id.clone(),
    ]
}

fn finding_json(row: &FindingRow) -> String {
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
    })
    .to_string()
}
