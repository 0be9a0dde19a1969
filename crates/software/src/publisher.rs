//! Names of publishers in normal form: the company form and the contact are taken off and kept.

use crate::fold::{clean, search_key};
use regex::Regex;
use std::sync::LazyLock;

/// A publisher's name in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalPublisher {
    /// The whole name, cleaned: safe to show.
    pub shown: String,
    /// Without company forms and contact.
    pub base: String,
    /// [`search_key`] of the base; equal keys are the same publisher.
    pub key: String,
    /// Company forms as they stood: `株式会社`, `Inc.`
    pub forms: Vec<String>,
    /// What stood in angle brackets, usually a mail address.
    pub contact: String,
}

/// Brings a publisher's name into normal form; idempotent on the base.
#[must_use]
pub fn normalise_publisher(raw: &str) -> NormalPublisher {
    let shown = clean(raw).text;
    let (mut base, contact) = match shown.split_once('<') {
        Some((name, rest)) if !search_key(name).is_empty() => {
            (name.trim().to_owned(), rest.trim_end().trim_end_matches('>').trim().to_owned())
        }
        _ => (shown.clone(), String::new()),
    };
    let mut forms = Vec::new();
    while let Some((shorter, form)) = shorten(&base) {
        base = shorter;
        forms.push(form);
    }
    let key = search_key(&base);
    NormalPublisher { shown, base, key, forms, contact }
}

fn shorten(name: &str) -> Option<(String, String)> {
    for pattern in FORMS.iter() {
        let Some(found) = pattern.captures(name) else { continue };
        let (Some(rest), Some(form)) = (found.name("rest"), found.name("form")) else { continue };
        let rest = rest.as_str().trim_matches([' ', ',', '-', '、']);
        if !search_key(rest).is_empty() {
            return Some((rest.to_owned(), form.as_str().to_owned()));
        }
    }
    None
}

static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"^(?P<form>株式会社|有限会社|合同会社|合資会社|一般社団法人|\((?:株|有|同|合)\))\s?(?P<rest>.+)$",
        r"^(?P<rest>.+?)\s?(?P<form>株式会社|有限会社|合同会社|合資会社|\((?:株|有|同|合)\))$",
        r"(?i)^(?P<rest>.+?)[\s,]+(?P<form>incorporated|inc|llc|l\.l\.c|ltd|limited|gmbh(?:\s&\sco\.?\s?kg)?|mbh|kg|ag|se|s\.a|sa|sas|s\.a\.s|s\.r\.l|srl|s\.p\.a|spa|b\.v|bv|n\.v|nv|oy|oyj|ab|a/s|aps|asa|plc|pty|pte|corp|corporation|co|company|k\.k|kk|llp|sarl|s\.r\.o|z\.o\.o|sp\.\sz\so\.o)\.?$",
        r"(?i)^(?P<form>the)\s(?P<rest>.+)$",
    ]
    .iter()
    .map(|text| Regex::new(text).expect("invariant: a constant of this file, compiled by its tests"))
    .collect()
});
