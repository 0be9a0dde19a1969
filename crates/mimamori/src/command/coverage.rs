//! `mimamori rules coverage`: the ATT&CK techniques that rules look for, and whether events reach them.

use crate::cli::{self, CoverageFormat};
use crate::rule_files::RuleFiles;
use crate::terminal::{flush, note, print_line, print_table, visible};
use anyhow::bail;
use detect::coverage::Technique;
use detect::{Coverage, Supply};
use model::{EventKind, LogSource};
use std::process::ExitCode;

pub(crate) fn run(args: &cli::RulesCoverage) -> anyhow::Result<ExitCode> {
    let sources =
        if args.paths.is_empty() { RuleFiles::embedded() } else { RuleFiles::read(&args.paths)? };
    if sources.files.is_empty() {
        bail!("no .yml file there; name a folder of Sigma rules");
    }
    let compiled = sources.compile();
    for refused in &compiled.refused {
        note(&format!("refused: {}", visible(&refused.to_string())));
    }
    let coverage = Coverage::of(&compiled, &supplies());
    match args.format {
        CoverageFormat::Navigator => {
            let layer = coverage.navigator_layer("Mimamori", ABOUT);
            print_line(&serde_json::to_string_pretty(&layer)?)?;
        }
        CoverageFormat::Table => table(&coverage)?,
    }
    flush()?;
    Ok(ExitCode::SUCCESS)
}

fn table(coverage: &Coverage) -> anyhow::Result<()> {
    let row = |technique: &Technique| {
        let mut sources: Vec<&str> = technique
            .seen_by
            .iter()
            .flat_map(|(_, sources)| sources.iter().map(String::as_str))
            .collect();
        sources.sort_unstable();
        sources.dedup();
        let sources = if sources.is_empty() { "none" } else { &sources.join(", ") };
        vec![
            technique.id.clone(),
            technique.seen_by.len().to_string(),
            technique.blind.len().to_string(),
            sources.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = coverage.techniques.iter().map(row).collect();
    print_table(&["technique", "rules", "rules without events", "events from"], &rows)?;
    print_line(&format!(
        "{} techniques have rules, and events reach rules of {} of them",
        coverage.techniques.len(),
        coverage.seen()
    ))
}

/// What supplies events in this version: our agent on Linux, and Windows event logs that are scanned. Nothing
/// supplies those of macOS yet.
fn supplies() -> [Supply; 2] {
    let mut agent = Supply {
        name: "agent on Linux".to_owned(),
        product: "linux".to_owned(),
        services: [].into(),
        categories: [].into(),
    };
    for kind in LINUX_AGENT_KINDS {
        let source = LogSource::of_linux_sensor(*kind);
        agent.categories.extend(source.categories.iter().map(ToString::to_string));
    }
    let services = decode::windows::CHANNELS.iter().chain(decode::windows::PROVIDERS);
    let categories = decode::windows::CATEGORIES.iter().flat_map(|row| row.categories);
    let logs = Supply {
        name: "Windows event logs".to_owned(),
        product: "windows".to_owned(),
        services: services.map(|(_, service)| (*service).to_owned()).collect(),
        categories: categories.map(|category| (*category).to_owned()).collect(),
    };
    [agent, logs]
}

const ABOUT: &str = "Rules of Mimamori by technique. The score is the number of rules that events reach: from the \
                     agent on Linux and from Windows event logs.";

/// What the agent records on Linux with root.
const LINUX_AGENT_KINDS: &[EventKind] = &[
    EventKind::ProcessStart,
    EventKind::ProcessExit,
    EventKind::FileCreate,
    EventKind::FileWrite,
    EventKind::FileRename,
    EventKind::FileDelete,
    EventKind::NetworkConnect,
    EventKind::NetworkAccept,
    EventKind::SoftwareAdded,
    EventKind::SoftwareChanged,
    EventKind::SoftwareRemoved,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_rules_are_seen_where_a_source_is_and_blind_on_macos() {
        let coverage = Coverage::of(&RuleFiles::embedded().compile(), &supplies());
        assert!(coverage.seen() >= 100, "{}", coverage.seen());
        let technique = |id: &str| coverage.techniques.iter().find(|one| one.id == id);
        let shell = technique("T1059.004").expect("Unix shells are covered");
        assert!(shell.seen_by.iter().all(|(_, sources)| sources == &["agent on Linux"]));
        let of_macos = |rule: &detect::Rule| rule.logsource.product.as_deref() == Some("macos");
        let mut blind = coverage.techniques.iter().flat_map(|one| &one.blind);
        assert!(blind.clone().count() > 0 && blind.all(|rule| of_macos(rule)));
    }
}
