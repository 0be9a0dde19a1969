//! Exclusions proposed from what repeats among the hits.

use crate::digest::sha256_hex;
use crate::limits::BACKTEST_VALUE_BYTES_MAX;
use crate::view::backtest::{FieldHits, ProposedExclusion};
use detect::{CompileOptions, Rule, RuleSource};

/// A value must make up this share of the hits, in percent.
const SHARE_PERCENT_MIN: u64 = 10;
/// Fewer hits need no exclusion.
const HITS_MIN: u64 = 3;
/// Exclusions proposed at most.
const PROPOSED_MAX: usize = 6;

/// Proposes exclusions for a rule, those that take away most first. None takes away every hit: that would be
/// to switch the rule off.
pub(super) fn propose(
    rule: &Rule,
    options: &CompileOptions,
    hits: u64,
    fields: &[FieldHits],
) -> Vec<ProposedExclusion> {
    let mut proposed: Vec<ProposedExclusion> = Vec::new();
    for field in fields.iter().filter(|field| is_telling(&field.field)) {
        for (value, of_value) in &field.values {
            let repeats = *of_value >= HITS_MIN && of_value * 100 >= hits * SHARE_PERCENT_MIN;
            if !repeats || *of_value >= hits || value.len() > BACKTEST_VALUE_BYTES_MAX {
                continue;
            }
            let text = filter_text(rule, &field.field, value);
            if loads(rule, options, &text) {
                let (field, value) = (field.field.clone(), value.clone());
                proposed.push(ProposedExclusion { field, value, hits: *of_value, text });
            }
        }
    }
    proposed.sort_by_key(|one| std::cmp::Reverse(one.hits));
    proposed.truncate(PROPOSED_MAX);
    proposed
}

/// Fields by whose value people exclude: what was run by whom, not numbers of processes.
fn is_telling(field: &str) -> bool {
    const TELLING: [&str; 12] = [
        "Image",
        "ParentImage",
        "CommandLine",
        "ParentCommandLine",
        "User",
        "TargetFilename",
        "TargetObject",
        "ImageLoaded",
        "DestinationHostname",
        "DestinationIp",
        "QueryName",
        "CurrentDirectory",
    ];
    TELLING.contains(&field)
}

/// A filter that takes away the matches of a rule with one value of a field.
fn filter_text(rule: &Rule, field: &str, value: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let source = &rule.logsource;
    let mut log_source = String::new();
    for (name, part) in
        [("product", &source.product), ("service", &source.service), ("category", &source.category)]
    {
        if let Some(part) = part {
            log_source.push_str(&format!("\n  {name}: {}", quoted(part)));
        }
    }
    if log_source.is_empty() {
        log_source.push_str(" {}");
    }
    format!(
        "title: {title}\nid: {id}\ndescription: proposed from what repeated in the past\n\
         logsource:{log_source}\nfilter:\n  rules:\n    - {rule}\n  selection:\n    {field}: {value}\n  \
         condition: not selection\n",
        title = quoted(&format!("{}: not when {field} is this", rule.title)),
        id = id_of(&[&rule.id, field, value]),
        rule = quoted(&rule.id),
        value = quoted(&escaped(value)),
    )
}

/// The value as a Sigma pattern that means exactly this text.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | '*' | '?') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// The same exclusion proposed again has the same id.
fn id_of(parts: &[&str]) -> String {
    let digest = sha256_hex(parts.join("\u{0}").as_bytes());
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default().to_owned();
    let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
    parts.join("-")
}

/// Whether the rule and the filter load together: a proposal that would be refused helps nobody.
fn loads(rule: &Rule, options: &CompileOptions, filter: &str) -> bool {
    let sources = [
        RuleSource { name: &rule.source_name, text: &rule.text },
        RuleSource { name: "exclusion", text: filter },
    ];
    let compiled = detect::compile(sources, options);
    compiled.refused.is_empty()
        && compiled.rules.rules().iter().any(|loaded| loaded.filters.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AgentId, DeviceId, EpochId, Event, EventKind, Observation, StreamKey, Timestamp};

    fn rule() -> Rule {
        let text = "title: T\nid: t\nlogsource: {product: linux}\ndetection: {s: {Image|endswith: x}, condition: s}\n";
        let compiled =
            detect::compile([RuleSource { name: "t.yml", text }], &CompileOptions::default());
        assert_eq!(compiled.refused, []);
        (*compiled.rules.rules()[0]).clone()
    }

    fn matches(filter: &str, image: &str) -> bool {
        let rule = rule();
        let sources = [
            RuleSource { name: "t.yml", text: &rule.text },
            RuleSource { name: "f.yml", text: filter },
        ];
        let compiled = detect::compile(sources, &CompileOptions::default());
        assert_eq!(compiled.refused, []);
        let seen = Observation {
            kind: EventKind::ProcessStart,
            observed_at: Timestamp::from_nanos(0),
            fields: [("Image", image)].into_iter().collect(),
        };
        let key = StreamKey { agent: AgentId::from_bits(1), epoch: EpochId::from_bits(1), seq: 1 };
        let event =
            Event::of_linux_agent(seen, DeviceId::from_bits(1), key, Timestamp::from_nanos(0));
        !compiled.rules.evaluate(&event).is_empty()
    }

    #[test]
    fn a_proposal_excludes_its_value_and_nothing_else_whatever_the_value() {
        let values = ["/a/x", "C:\\a\\x", "\\\\h\\*x", "a?x", "a\\*x", "\"': #x", "\nx", "日本x"];
        for value in values {
            let fields = [FieldHits {
                field: "Image".to_owned(),
                asked: true,
                distinct: 2,
                values: vec![(value.to_owned(), 4), ("other".to_owned(), 1)],
            }];
            let proposed = propose(&rule(), &CompileOptions::default(), 5, &fields);
            assert_eq!(proposed.len(), 1, "{value:?}");
            assert!(!matches(&proposed[0].text, value), "{}", proposed[0].text);
            for other in values.iter().filter(|other| **other != value) {
                assert!(matches(&proposed[0].text, other), "{} {other}", proposed[0].text);
            }
        }
    }

    #[test]
    fn what_makes_up_all_hits_or_nearly_none_is_not_proposed() {
        let fields = [FieldHits {
            field: "Image".to_owned(),
            asked: true,
            distinct: 1,
            values: vec![("a".to_owned(), 100)],
        }];
        let options = CompileOptions::default();
        assert_eq!(propose(&rule(), &options, 100, &fields), []);
        assert_eq!(propose(&rule(), &options, 100_000, &fields), []);
    }
}
