//! The Sigma filter of a form. Text from people stands in it only between double quotes, with every character
//! escaped that could end them, or that an eye cannot see.

use crate::limits::{
    EXCLUSION_CONDITIONS_MAX, EXCLUSION_FIELD_CHARS_MAX, EXCLUSION_RULES_MAX,
    EXCLUSION_VALUE_BYTES_MAX, EXCLUSION_VALUES_MAX,
};
use crate::rule_fault::{Counted, RuleFault};
use crate::view::rule_exclusions::{Compared, ExclusionForm, FieldCondition};
use detect::RuleLogSource;
use std::fmt::Write as _;

/// What the filter says about itself.
pub(super) struct Heading<'a> {
    pub(super) title: &'a str,
    pub(super) filter_id: &'a str,
    pub(super) reason: &'a str,
    pub(super) log_source: &'a RuleLogSource,
}

/// Refuses a form that has nothing to compare, or too much.
pub(super) fn check(form: &ExclusionForm) -> Result<(), RuleFault> {
    let too_many = |what, found, limit| RuleFault::TooMany { what, found, limit };
    if form.conditions.is_empty() {
        return Err(RuleFault::NoCondition);
    }
    if form.conditions.len() > EXCLUSION_CONDITIONS_MAX {
        return Err(too_many(Counted::Conditions, form.conditions.len(), EXCLUSION_CONDITIONS_MAX));
    }
    if form.rules.len() > EXCLUSION_RULES_MAX {
        return Err(too_many(Counted::Rules, form.rules.len(), EXCLUSION_RULES_MAX));
    }
    let values: usize = form.conditions.iter().map(|one| one.values.len()).sum();
    if values > EXCLUSION_VALUES_MAX {
        return Err(too_many(Counted::Values, values, EXCLUSION_VALUES_MAX));
    }
    for condition in &form.conditions {
        let known = |letter: char| letter.is_alphanumeric() || "_-. @".contains(letter);
        let length = condition.field.chars().count();
        let field = condition.field.trim();
        if field.is_empty() || length > EXCLUSION_FIELD_CHARS_MAX || !field.chars().all(known) {
            let field = condition.field.chars().take(60).collect();
            return Err(RuleFault::Field { field });
        }
        if condition.values.is_empty() {
            return Err(RuleFault::NoCondition);
        }
        let longest = condition.values.iter().map(String::len).max().unwrap_or(0);
        if longest > EXCLUSION_VALUE_BYTES_MAX {
            return Err(too_many(Counted::ValueBytes, longest, EXCLUSION_VALUE_BYTES_MAX));
        }
    }
    Ok(())
}

/// The log source of a form for any rule.
pub(super) fn log_source(form: &ExclusionForm) -> RuleLogSource {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    RuleLogSource { product: given(&form.product), service: None, category: given(&form.category) }
}

/// The filter, as one document.
pub(super) fn document(heading: &Heading<'_>, form: &ExclusionForm) -> String {
    let source = heading.log_source;
    let mut text = format!(
        "title: {}\nid: {}\ndescription: {}\nlogsource:",
        quoted(heading.title),
        quoted(heading.filter_id),
        quoted(heading.reason)
    );
    let attributes = [
        ("product", &source.product),
        ("service", &source.service),
        ("category", &source.category),
    ];
    let mut empty = true;
    for (name, value) in attributes {
        if let Some(value) = value {
            add(&mut text, format_args!("\n  {name}: {}", quoted(value)));
            empty = false;
        }
    }
    if empty {
        text.push_str(" {}");
    }
    text.push_str("\nfilter:\n  rules:");
    if form.rules.is_empty() {
        text.push_str(" any");
    }
    for rule in &form.rules {
        add(&mut text, format_args!("\n    - {}", quoted(rule)));
    }
    let mut names = Vec::with_capacity(form.conditions.len());
    for (place, condition) in form.conditions.iter().enumerate() {
        let name = match form.conditions.len() {
            1 => "selection".to_owned(),
            _ => format!("selection_{}", place + 1),
        };
        add_selection(&mut text, &name, condition);
        names.push(name);
    }
    let condition = match names.as_slice() {
        [only] => format!("not {only}"),
        all => format!("not ({})", all.join(" and ")),
    };
    add(&mut text, format_args!("\n  condition: {condition}\n"));
    text
}

fn add_selection(text: &mut String, name: &str, condition: &FieldCondition) {
    let modifier = match condition.how {
        Compared::Is => "",
        Compared::StartsWith => "|startswith",
        Compared::EndsWith => "|endswith",
        Compared::Contains => "|contains",
        Compared::Cidr => "|cidr",
    };
    let field = condition.field.trim();
    add(text, format_args!("\n  {name}:\n    {}:", quoted(&format!("{field}{modifier}"))));
    let written = |value: &String| match condition.how {
        // A network has no wildcards.
        Compared::Cidr => quoted(value.trim()),
        _ => quoted(&escaped(value)),
    };
    match condition.values.as_slice() {
        [only] => add(text, format_args!(" {}", written(only))),
        values => {
            for value in values {
                add(text, format_args!("\n      - {}", written(value)));
            }
        }
    }
}

fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail; the result is only there for other writers.
    text.write_fmt(more).unwrap_or_default();
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

/// A double-quoted scalar of YAML.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            plain if is_plain(plain) => out.push(plain),
            hidden if u32::from(hidden) <= 0xffff => {
                add(&mut out, format_args!("\\u{:04X}", u32::from(hidden)));
            }
            hidden => add(&mut out, format_args!("\\U{:08X}", u32::from(hidden))),
        }
    }
    out.push('"');
    out
}

/// Whether a character can stand in a document as it is: it is seen, and does not change how others are seen.
fn is_plain(letter: char) -> bool {
    !letter.is_control()
        && !matches!(u32::from(letter),
            0xa0 | 0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
            | 0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f | 0x3164 | 0xfe00..=0xfe0f
            | 0xfeff | 0xffa0 | 0xfff0..=0xffff | 0xe000..=0xf8ff | 0xe0000..=0x10ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use detect::{CompileOptions, RuleSource};
    use model::{AgentId, DeviceId, EpochId, Event, EventKind, Observation, StreamKey, Timestamp};

    const RULE: &str = "title: T\nid: t\nlogsource: {product: linux}\ndetection: {s: {Any|exists: true}, condition: s}\n";

    fn form(conditions: &[(&str, Compared, &[&str])]) -> ExclusionForm {
        let made = conditions.iter().map(|(field, how, values)| FieldCondition {
            field: (*field).to_owned(),
            how: *how,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        });
        ExclusionForm {
            rules: vec!["t".to_owned()],
            conditions: made.collect(),
            ..ExclusionForm::default()
        }
    }

    fn text_of(form: &ExclusionForm) -> String {
        check(form).expect("sound");
        let heading = Heading {
            title: "a \"title\": \u{202e}#",
            filter_id: "f",
            reason: "because\nof it",
            log_source: &RuleLogSource {
                product: Some("linux".to_owned()),
                ..RuleLogSource::default()
            },
        };
        document(&heading, form)
    }

    fn takes_away(filter: &str, fields: &[(&str, &str)]) -> bool {
        let sources =
            [("t.yml", RULE), ("f.yml", filter)].map(|(name, text)| RuleSource { name, text });
        let compiled = detect::compile(sources, &CompileOptions::default());
        assert_eq!(compiled.refused, [], "{filter}");
        let seen = Observation {
            kind: EventKind::ProcessStart,
            observed_at: Timestamp::from_nanos(0),
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .chain([("Any".to_owned(), "x".to_owned())])
                .collect(),
        };
        let key = StreamKey { agent: AgentId::from_bits(1), epoch: EpochId::from_bits(1), seq: 1 };
        let event =
            Event::of_linux_agent(seen, DeviceId::from_bits(1), key, Timestamp::from_nanos(0));
        compiled.rules.evaluate(&event).is_empty()
    }

    #[test]
    fn a_value_means_itself_whatever_it_is() {
        let values = [
            "/a/x",
            "C:\\a\\x",
            "\\\\h\\*x",
            "a?x",
            "a\\*x",
            "\"': #x",
            "\nx",
            "\u{0}x",
            "\u{85}x",
            "日本\u{202e}x",
            "\u{e0041}x",
            "- x",
            "{x: y}",
            "%x%",
            " x ",
            "null",
            "5",
        ];
        for value in values {
            for how in [Compared::Is, Compared::StartsWith, Compared::EndsWith, Compared::Contains]
            {
                let filter = text_of(&form(&[("Image", how, &[value])]));
                assert!(takes_away(&filter, &[("Image", value)]), "{filter}");
                for other in values.iter().filter(|other| !other.contains(value)) {
                    assert!(!takes_away(&filter, &[("Image", other)]), "{filter} {other}");
                }
                assert!(!filter.contains(['\u{202e}', '\u{0}', '\u{85}']), "{filter}");
            }
        }
    }

    #[test]
    fn every_condition_must_hold_and_one_of_its_values() {
        let filter = text_of(&form(&[
            ("Image", Compared::Is, &["/a", "/b"]),
            ("User", Compared::StartsWith, &["svc-"]),
            ("DestinationIp", Compared::Cidr, &["10.0.0.0/8"]),
        ]));
        let whole = [("Image", "/B"), ("User", "svc-x"), ("DestinationIp", "10.1.2.3")];
        assert!(takes_away(&filter, &whole));
        for place in 0..whole.len() {
            let mut part = whole.to_vec();
            part.remove(place);
            assert!(!takes_away(&filter, &part), "{filter}");
        }
    }

    #[test]
    fn what_compares_nothing_or_too_much_is_refused() {
        assert_eq!(check(&form(&[])), Err(RuleFault::NoCondition));
        assert_eq!(check(&form(&[("A", Compared::Is, &[])])), Err(RuleFault::NoCondition));
        for field in ["", " ", "A|re", "A\nB", "A: x", "\u{202e}A", "\"A"] {
            let fault = check(&form(&[(field, Compared::Is, &["x"])]));
            assert!(matches!(fault, Err(RuleFault::Field { .. })), "{field:?}");
        }
        let many = vec!["x"; EXCLUSION_VALUES_MAX + 1];
        let fault = check(&form(&[("A", Compared::Is, &many)]));
        assert!(matches!(fault, Err(RuleFault::TooMany { what: Counted::Values, .. })));
        let long = "x".repeat(1 << 20);
        let fault = check(&form(&[("A", Compared::Is, &[&long])]));
        assert!(matches!(fault, Err(RuleFault::TooMany { what: Counted::ValueBytes, .. })));
    }
}
