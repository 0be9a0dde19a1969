//! The catalogues: equal, used, and the only place of prose.

use crate::support::folder;
use case::catalogue::{May, Why};
use case::check::{CheckKind, Verdict};
use case::decision::{Cause, Life, Outcome};
use case::detection::{self, Status};
use case::form::{Audience, Kind};
use case::judgement::ITEM_FIELDS;
use case::predicate::Operator;
use case::request::State;
use control::Role;
use control::view::people::MessageState;
use control::view::requests::Scheme;
use control::view::rule_exclusions::{Compared, ExclusionState};
use model::inventory::SoftwareSource;
use model::{Class, EventKind, Family, LostReason};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn both_languages_have_the_same_keys_in_the_same_files() {
    for entry in fs::read_dir(folder("texts/ja")).unwrap() {
        let name = entry.unwrap().file_name();
        let keys = |language: &str| {
            let text = fs::read_to_string(folder("texts").join(language).join(&name)).unwrap();
            keys_of(&text)
        };
        assert_eq!(keys("ja"), keys("en"), "{name:?}");
    }
    let count = |language: &str| fs::read_dir(folder("texts").join(language)).unwrap().count();
    assert_eq!(count("ja"), count("en"));
}

#[test]
fn every_key_is_used_and_every_used_key_exists() {
    let mut known = BTreeSet::new();
    for entry in fs::read_dir(folder("texts/en")).unwrap() {
        known.extend(keys_of(&fs::read_to_string(entry.unwrap().path()).unwrap()));
    }
    let mut sources = String::new();
    collect(&folder("src"), &mut sources);
    collect(&folder("templates"), &mut sources);
    let dashed = |name: &str| name.replace('_', "-");
    let made: BTreeSet<String> = EventKind::ALL
        .iter()
        .map(|kind| format!("kind-{}", dashed(kind.name())))
        .chain(Family::ALL.iter().map(|family| format!("family-{}", family.table())))
        .chain(Class::ALL.iter().map(|class| format!("class-{}", class.name())))
        .chain(LostReason::ALL.iter().map(|reason| format!("lost-{}", dashed(reason.name()))))
        .chain(words_of_the_software_check().iter().map(|key| dashed(key)))
        .collect();
    for key in &known {
        let used = sources.contains(&format!("\"{key}\"")) || made.contains(key);
        assert!(used, "{key} is not used");
    }
    for key in made {
        assert!(known.contains(&key), "{key} is missing");
    }
    for call in ["page.t(\"", "page.tn(\"", "page.tnm(\"", "page.ts(\"", "self.t(\"", "self.tn(\""]
    {
        for rest in sources.split(call).skip(1) {
            let key = rest.split('"').next().unwrap();
            // `kind-{}` and its like are made from names; the list above has them.
            assert!(key.is_empty() || known.contains(key), "{key} is missing");
        }
    }
}

/// Keys that are made from stored names, by the enums that hold the names.
fn words_of_the_software_check() -> Vec<String> {
    let mut keys = Vec::new();
    let mut add = |of: &str, names: &mut dyn Iterator<Item = &str>| {
        keys.extend(names.map(|name| format!("{of}-{name}")));
    };
    add("may", &mut May::ALL.iter().map(|one| one.name()));
    add("why", &mut Why::ALL.iter().map(|one| one.name()));
    add("outcome", &mut Outcome::ALL.iter().map(|one| one.name()));
    add("life", &mut Life::ALL.iter().map(|one| one.name()));
    add("cause", &mut Cause::ALL.iter().map(|one| one.name()));
    add("state", &mut State::ALL.iter().map(|one| one.name()));
    add("request-kind", &mut Kind::ALL.iter().map(|one| one.name()));
    add("audience", &mut Audience::ALL.iter().map(|one| one.name()));
    add("check", &mut CheckKind::ALL.iter().map(|one| one.name()));
    add("verdict", &mut Verdict::ALL.iter().map(|one| one.name()));
    add("source", &mut SoftwareSource::ALL.iter().map(|one| one.name()));
    add("item", &mut ITEM_FIELDS.iter().copied());
    add("op", &mut Operator::ALL.iter().map(|one| one.name()));
    add("compared", &mut Compared::ALL.iter().map(|one| one.name()));
    add("message", &mut MessageState::ALL.iter().map(|one| one.name()));
    add("role", &mut Role::ALL.iter().map(|one| one.name()));
    add("scheme", &mut Scheme::ALL.iter().map(|one| one.name()));
    add("origin", &mut ["seed", "import", "request", "person"].into_iter());
    add("same-by", &mut ["title", "hash", "extension"].into_iter());
    let form = std::fs::read_to_string(folder("../case/src/form.rs")).unwrap();
    let faults: Vec<String> = quoted_after(&form, "fault: ")
        .map(|fault| fault.to_lowercase().replace(' ', "-"))
        .collect();
    add("fault", &mut faults.iter().map(String::as_str));
    add("field", &mut REQUEST_FIELDS.into_iter());
    let detection = std::fs::read_to_string(folder("../case/src/detection.rs")).unwrap();
    let steps = detection.split("impl Event {").nth(1).expect("the names of steps");
    let steps = steps.split("\n}").next().unwrap();
    let mut steps: Vec<&str> = quoted_after(steps, "=> ").collect();
    assert!(steps.len() >= 5, "{steps:?}");
    steps.push("opened");
    add("detection-cause", &mut steps.into_iter());
    add("detection-status", &mut Status::ALL.iter().map(|one| one.name()));
    add("detection-verdict", &mut detection::Verdict::ALL.iter().map(|one| one.name()));
    let notes: Vec<String> =
        detection::Verdict::ALL.iter().map(|one| format!("{}-note", one.name())).collect();
    add("detection-verdict", &mut notes.iter().map(String::as_str));
    add("rule-exclusion-state", &mut ExclusionState::ALL.iter().map(|one| one.name()));
    let rule_page = std::fs::read_to_string(folder("src/pages/rule_page.rs")).unwrap();
    add("rules-step", &mut quoted_after(&rule_page, "=> ("));
    let words = std::fs::read_to_string(folder("src/words.rs")).unwrap();
    for (of, list) in [("done", "DONE"), ("looked", "LOOKED"), ("finding-step", "STEPS")] {
        let at = words.split(&format!("const {list}: &[&str] = &[")).nth(1).expect("the list");
        let names = at.split(']').next().unwrap().split('"').skip(1).step_by(2);
        add(of, &mut names.chain(["other"]));
    }
    keys
}

/// Fields of a request that can be at fault.
const REQUEST_FIELDS: [&str; 8] =
    ["name", "title", "version", "publisher", "url", "extension_id", "sha256", "purpose"];

fn quoted_after<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    let quoted = text.split(mark).skip(1).filter_map(|rest| rest.strip_prefix('"'));
    quoted.map(|rest| rest.split('"').next().unwrap())
}

#[test]
fn templates_hold_no_prose() {
    // Commands are the same in every language.
    let commands = [
        "mimamori admin sign-in-link",
        "mimamori admin enrolment-token",
        "mimamori rules check",
        "mimamori rules pack keygen NAME",
        "mimamori rules pack sign FOLDER --key NAME.key",
        "mimamori rules pack verify FOLDER --trust NAME.pub",
        "sh -c 'curl -s file:///dev/null | sh'",
    ];
    for entry in fs::read_dir(folder("templates")).unwrap() {
        let path = entry.unwrap().path();
        let mut text = without(&fs::read_to_string(&path).unwrap(), "{{", "}}");
        text = without(&text, "{%", "%}");
        for attribute in [" title=\"", " alt=\"", " aria-label=\"", " placeholder=\""] {
            for rest in text.split(attribute).skip(1) {
                let value = rest.split('"').next().unwrap();
                assert!(!has_prose(value), "{}: {attribute}{value}", path.display());
            }
        }
        let mut prose = without(&text, "<", ">");
        for command in commands {
            prose = prose.replace(command, "");
        }
        assert!(!has_prose(&prose), "{}: {}", path.display(), prose.trim());
    }
}

#[test]
fn links_are_made_by_the_link_type_and_attributes_are_quoted() {
    for entry in fs::read_dir(folder("templates")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for attribute in [" href=", " action=", " src=", " hx-get="] {
            for rest in text.split(attribute).skip(1) {
                let value = rest.strip_prefix('"').expect("quoted").split("\">").next().unwrap();
                let Some(inner) = value.strip_prefix("{{ ") else {
                    // A literal path, or a place within the page made of numbers.
                    assert!(
                        rest.starts_with("\"/") || rest.starts_with("\"#"),
                        "{attribute}{rest}"
                    );
                    continue;
                };
                let expression = inner.split(" }}").next().unwrap();
                let last = expression.rsplit('.').next().unwrap();
                // A method of the page whose name ends so returns the link type.
                let made = expression
                    .strip_prefix("page.")
                    .and_then(|call| call.split_once('('))
                    .is_some_and(|(name, _)| name == "asset" || name.ends_with("_href"));
                let safe = last.contains("href") || made;
                let named = ["only", "without", "alert", "more", "here"].contains(&last);
                assert!(safe || named, "{}: {attribute}{expression}", path.display());
            }
        }
        assert!(!text.contains("={{"), "{}: an unquoted attribute", path.display());
    }
}

fn keys_of(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.split_once(" ="))
        .map(|(key, _)| key)
        .filter(|key| key.starts_with(|c: char| c.is_ascii_lowercase()) && !key.contains(' '))
        .map(str::to_owned)
        .collect()
}

fn collect(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

fn without(text: &str, open: &str, close: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        out.push_str(before);
        rest = after.split_once(close).map_or("", |(_, after)| after);
    }
    out + rest
}

fn has_prose(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphabetic()).count() > 1
}
