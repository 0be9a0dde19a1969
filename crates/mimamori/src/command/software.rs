//! `mimamori software`: what is on the devices, and how it was judged.

use crate::cli::{self, Format};
use crate::command::admin::open;
use crate::terminal::{flush, note, print_line, print_table, visible, width_of};
use anyhow::{Context as _, bail};
use case::judgement::Verdict;
use control::Export;
use control::view::findings::{Explained, SoftwareFilter, SoftwareRow, StepRow};
use control::view::requests::{ImportPlan, ImportPreview};
use model::inventory::SoftwareSource;
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;

/// Items that one explanation shows at most.
const EXPLAINED_SHOWN_MAX: usize = 20;
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
    if args.json || args.format == Format::Jsonl {
        return rows.iter().try_for_each(|row| print_line(&software_json(row)));
    }
    if rows.is_empty() {
        let asked = !args.words.is_empty() || args.judgement.is_some() || args.source.is_some();
        note(if asked {
            "no device has software like that; without words and filters everything is listed"
        } else {
            "no software yet; an agent's inventory arrives within a minute of its start"
        });
        return Ok(());
    }
    let cells: Vec<Vec<String>> = rows.iter().map(software_cells).collect();
    print_table(&["software", "version", "publisher", "source", "judgement", "devices"], &cells)?;
    if more {
        note(&format!("only {} are shown; ask for more with --rows", rows.len()));
    }
    note("why something is judged so: mimamori software explain NAME");
    Ok(())
}

/// A word of one of our enumerations; the error names what there is.
pub(crate) fn named<T>(
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
    let mut versions = visible(&row.versions.join(" "));
    let more = row.version_count.saturating_sub(row.versions.len() as u64);
    if more > 0 {
        versions.push_str(&format!(" +{more}"));
    }
    vec![
        visible(&row.name),
        versions,
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
    if args.name.trim().is_empty() {
        bail!("an empty name; write the name as a device or a person would, such as Zoom");
    }
    let explanation = open(&args.data).await?.explain_here(&args.name).await?;
    if args.json {
        return explanation.items.iter().try_for_each(|one| print_line(&explained_json(one)));
    }
    let japanese = args.language == cli::Language::Ja;
    if explanation.items.iter().all(|one| one.devices == 0) {
        note(if japanese {
            "この名前のソフトウェアはどの端末にもありません。名前だけから次のように判断します"
        } else {
            "no device has it; this is how the name alone is read"
        });
    }
    for (number, one) in explanation.items.iter().enumerate() {
        if number > 0 {
            print_line("")?;
        }
        print_explained(one, japanese)?;
    }
    if explanation.items.len() >= EXPLAINED_SHOWN_MAX {
        note(if japanese {
            "これより多くのソフトウェアが当てはまります。名前を詳しく書いてください"
        } else {
            "there may be more of that name; write more of it"
        });
    }
    Ok(())
}

fn print_explained(one: &Explained, japanese: bool) -> anyhow::Result<()> {
    let item = &one.item;
    let devices = match (one.devices, japanese) {
        (0, true) => "端末なし".to_owned(),
        (count, true) => format!("{count} 台"),
        (0, false) => "on no device".to_owned(),
        (1, false) => "on 1 device".to_owned(),
        (count, false) => format!("on {count} devices"),
    };
    // Of a bare name nobody knows a source.
    let source = if one.devices == 0 { "" } else { item.source.name() };
    let head = [visible(&item.name), visible(&item.version), source.to_owned(), devices];
    let head: Vec<String> = head.into_iter().filter(|part| !part.is_empty()).collect();
    print_line(&head.join("  "))?;
    let (identity, judgement, next) =
        if japanese { ("特定", "判定", "次に") } else { ("identity", "judgement", "next") };
    let titles = visible(&one.titles.join(", "));
    print_line(format!("  {}{} {titles}", padded(identity), one.outcome).trim_end())?;
    print_steps(&one.identification, japanese)?;
    let verdict = if japanese { one.verdict.label_ja() } else { one.verdict.label_en() };
    print_line(&format!("  {}{} ({})", padded(judgement), verdict, one.verdict.name()))?;
    print_steps(&one.judgement, japanese)?;
    match next_step(one.verdict, japanese) {
        Some(words) => print_line(&format!("  {}{words}", padded(next))),
        None => Ok(()),
    }
}

/// A label in a column of its own.
fn padded(label: &str) -> String {
    format!("{label}{}", " ".repeat(11usize.saturating_sub(width_of(label))))
}

/// What a person may do about it, in the console; nothing where nothing is to be done.
const fn next_step(verdict: Verdict, japanese: bool) -> Option<&'static str> {
    Some(match (verdict, japanese) {
        (Verdict::Approved | Verdict::ApprovedWithConditions | Verdict::Excluded, _) => {
            return None;
        }
        (Verdict::Unapproved, true) => "申請する (/requests)、または除外を作る (/exclusions)",
        (Verdict::Unapproved, false) => "request it (/requests), or exclude it (/exclusions)",
        (Verdict::Candidate, true) => "どのソフトウェアかを確定する (/software/candidates)",
        (Verdict::Candidate, false) => "say which title it is (/software/candidates)",
        (Verdict::NewVersion, true) => "新しい版を確認する (/review/rechecks)",
        (Verdict::NewVersion, false) => "look at the new version (/review/rechecks)",
        (Verdict::ConditionBroken, true) => {
            "条件を満たすか、削除する。検出に詳細があります (/findings)"
        }
        (Verdict::ConditionBroken, false) => {
            "meet the condition or remove it; see its finding (/findings)"
        }
        (Verdict::Denied | Verdict::Revoked | Verdict::EndOfLife, true) => {
            "端末から削除する。代わりのソフトウェアはカタログにあります (/catalogue)"
        }
        (Verdict::Denied | Verdict::Revoked | Verdict::EndOfLife, false) => {
            "remove it; the catalogue names alternatives (/catalogue)"
        }
    })
}

fn explained_json(one: &Explained) -> String {
    let steps = |steps: &[StepRow]| -> Vec<serde_json::Value> {
        steps
            .iter()
            .map(|step| json!({ "en": step.en, "ja": step.ja, "held": step.held }))
            .collect()
    };
    json!({
        "subject": one.subject,
        "name": one.item.name,
        "version": one.item.version,
        "publisher": one.item.publisher,
        "identifier": one.item.identifier,
        "source": (one.devices > 0).then(|| one.item.source.name()),
        "devices": one.devices,
        "identity": one.outcome,
        "titles": one.titles,
        "identification": steps(&one.identification),
        "judgement": one.verdict.name(),
        "steps": steps(&one.judgement),
    })
    .to_string()
}

fn print_steps(steps: &[StepRow], japanese: bool) -> anyhow::Result<()> {
    for (number, step) in steps.iter().enumerate() {
        let mark = match step.held {
            Some(true) => "+",
            Some(false) => "-",
            None => " ",
        };
        let words = if japanese { &step.ja } else { &step.en };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_somebody_says_what_to_do_next_in_both_languages() {
        for verdict in Verdict::ALL {
            let fine = matches!(
                verdict,
                Verdict::Approved | Verdict::ApprovedWithConditions | Verdict::Excluded
            );
            for japanese in [true, false] {
                assert_eq!(next_step(*verdict, japanese).is_none(), fine, "{}", verdict.name());
            }
        }
    }
}
