//! Parity: the set of (rule, file, record) of all matches of the SigmaHQ rules over a folder of event
//! logs equals what an independent evaluator of the specification found.

use crate::{compiled, each_event, files_below, read_all, shared};
use detect::{Scratch, plain};
use model::{Event, Value, Why};
use std::collections::BTreeSet;
use std::path::Path;

/// Rule id, file relative to the folder, number of the record in the file.
type Hit = (String, String, u64);

/// Differences that are mistakes of the list, each with its reason. Empty is the aim.
const MISTAKES_OF_THE_LIST: &[(&str, &str, u64, &str)] = &[];

#[test]
fn every_match_that_the_specification_asks_for_and_no_other_in_the_attack_samples() {
    check("data/evtx-attack-samples", "data/expected/evtx-attack-samples.tsv");
}

#[test]
fn every_match_that_the_specification_asks_for_and_no_other_in_the_regression_data() {
    check("data/sigma/regression_data", "data/expected/regression.tsv");
}

fn check(folder: &str, list: &str) {
    let (Some(folder), Some(list)) = (shared(folder), shared(list)) else { return };
    let Some(rules) = shared("data/sigma/rules") else { return };
    let wanted = hits_of_list(&std::fs::read_to_string(list).expect("can be read"));
    let found = hits_in(&sigmahq(&rules), &folder);
    let allowed: BTreeSet<Hit> = MISTAKES_OF_THE_LIST
        .iter()
        .map(|(rule, file, record, _)| ((*rule).to_owned(), (*file).to_owned(), *record))
        .collect();
    let differing = |of: &BTreeSet<Hit>, to: &BTreeSet<Hit>| -> Vec<String> {
        of.difference(to)
            .filter(|hit| !allowed.contains(*hit))
            .map(|(rule, file, record)| format!("{rule}\t{file}\t{record}"))
            .collect()
    };
    let (missing, surplus) = (differing(&wanted, &found), differing(&found, &wanted));
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{} wanted, {} found; {} missing:\n{}\n{} too many:\n{}",
        wanted.len(),
        found.len(),
        missing.len(),
        missing.join("\n"),
        surplus.len(),
        surplus.join("\n"),
    );
}

/// The three folders of rules that the lists were made with. Refused may be only what the specification
/// wants refused: placeholders without values.
fn sigmahq(rules: &Path) -> detect::RuleSet {
    let parent = rules.parent().expect("lies in a folder");
    let folders = ["rules", "rules-emerging-threats", "rules-threat-hunting"];
    let files = folders.iter().flat_map(|name| files_below(&parent.join(name), ".yml")).collect();
    let compiled = compiled(&read_all(files));
    for refused in &compiled.refused {
        let text = std::fs::read_to_string(&refused.source).expect("can be read");
        assert!(text.contains("|expand"), "{}: {}", refused.source, refused.reason);
    }
    assert_eq!(compiled.rules.rules().len() + compiled.refused.len(), 3_754);
    compiled.rules
}

fn hits_of_list(text: &str) -> BTreeSet<Hit> {
    let hit = |line: &str| {
        let mut columns = line.split('\t');
        let mut column = || columns.next().expect("three columns").to_owned();
        (column(), column(), column().parse().expect("a number"))
    };
    text.lines().map(hit).collect()
}

fn hits_in(rules: &detect::RuleSet, folder: &Path) -> BTreeSet<Hit> {
    let mut hits = BTreeSet::new();
    let mut scratch = Scratch::default();
    let mut next = 0;
    each_event(folder, |file, event| {
        let matches = rules.evaluate_with(event, &mut scratch);
        // One rule after the other is asked of the plain evaluator too, whether it matches or not.
        let rule = &rules.rules()[next % rules.rules().len()];
        next += 1;
        let matched = rule.is_active() && matches.iter().any(|found| found.rule.id == rule.id);
        let explained = plain::explain(&rule.text, event).expect("a loaded rule can be judged");
        assert_eq!(explained.verdict && rule.is_active(), matched, "{} {file}", rule.id);
        for found in matches {
            let explained = plain::explain(&found.rule.text_with_filters(), event);
            assert!(explained.is_ok_and(|it| it.verdict), "{}: both must agree", found.rule.id);
            assert!(!found.why.is_empty(), "{}: a match without a reason", found.rule.id);
            for why in &found.why {
                check_reason(event, why);
            }
            hits.insert((found.rule.id.clone(), file.to_owned(), event.stream.seq));
        }
    });
    hits
}

/// An explanation shows what the event really says: its value is that of the field, or of one of the
/// field's values.
fn check_reason(event: &Event, why: &Why) {
    let Some(field) = &why.field else { return };
    let value = event.fields.get(field);
    let real = match (value, &why.value) {
        (Some(Value::List(values)), Some(shown)) => {
            values.iter().any(|one| one.scalar_text().as_deref() == Some(shown))
        }
        (Some(value), shown) => value.scalar_text().as_deref() == shown.as_deref(),
        (None, shown) => shown.is_none(),
    };
    assert!(real, "{why:?} does not fit {value:?}");
}
