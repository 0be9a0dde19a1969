//! Every public rule loads, or is refused for a reason that nobody can remedy without local knowledge.

use crate::support;
use detect::{CompileOptions, RuleError, RuleSource};
use std::collections::BTreeSet;
use std::path::Path;

fn rule_files(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rule_files(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            let text = std::fs::read_to_string(&path).expect("readable");
            out.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn every_sigmahq_rule_loads_or_says_why_not() {
    let Some(shared) = support::shared() else {
        println!("skipped: no shared folder with public rules");
        return;
    };
    let mut files = Vec::new();
    for folder in ["rules", "rules-emerging-threats", "rules-threat-hunting"] {
        rule_files(&shared.join("data/sigma").join(folder), &mut files);
    }
    files.sort();
    let sources = files.iter().map(|(name, text)| RuleSource { name, text });
    let fields = Some(detect::SuppliedFields::of_this_version());
    let compiled =
        detect::compile(sources, &CompileOptions { fields, ..CompileOptions::default() });
    println!(
        "{} files, {} rules loaded, {} refused, {} remarks",
        files.len(),
        compiled.rules.rules().len(),
        compiled.refused.len(),
        compiled.lints.len()
    );
    for refused in &compiled.refused {
        println!("refused: {refused}");
    }
    // Of thousands of rules only few may ask for fields that nobody supplies; else the lists are wrong.
    let unsupplied: Vec<String> = compiled
        .lints
        .iter()
        .filter(|lint| lint.message.contains("supplies the field"))
        .map(ToString::to_string)
        .collect();
    println!("{}", unsupplied.join("\n"));
    assert!(unsupplied.len() < 60, "{} fields that no source supplies", unsupplied.len());
    assert_eq!(compiled.rules.rules().len() + compiled.refused.len(), files.len());
    let unexpected: Vec<String> = compiled
        .refused
        .iter()
        .filter(|refused| !matches!(refused.cause, RuleError::UnresolvedPlaceholder { .. }))
        .map(ToString::to_string)
        .collect();
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));

    // What the oracle found must be findable: no expected match belongs to a refused rule.
    let loaded: BTreeSet<&str> =
        compiled.rules.rules().iter().map(|rule| rule.id.as_str()).collect();
    for expected in ["regression.tsv", "evtx-attack-samples.tsv"] {
        let text =
            std::fs::read_to_string(shared.join("data/expected").join(expected)).expect("readable");
        for line in text.lines() {
            let id = line.split('\t').next().expect("an id");
            assert!(loaded.contains(id), "{expected} expects matches of {id}, which is not loaded");
        }
    }
}
