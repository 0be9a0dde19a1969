//! Which rules a text refers to: what it needs besides itself to be looked at.

use crate::{correlation, yaml};
use std::collections::BTreeSet;

/// The rules of a text by what they are called, and the rules that its correlations refer to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct References {
    /// Ids and names of its own rules.
    pub called: BTreeSet<String>,
    /// Ids and names of rules that its correlations refer to and that it does not hold.
    pub missing: BTreeSet<String>,
}

impl References {
    /// Of every document that can be read; the others say so when they are compiled.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut found = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for document in yaml::documents(text) {
            let Ok(root) = yaml::parse(document) else { continue };
            if root.get("filter").is_some() {
                continue;
            }
            let names = ["id", "name"].iter().filter_map(|key| root.get(key)?.text());
            found.called.extend(names.map(ToOwned::to_owned));
            if root.get("correlation").is_some()
                && let Ok(draft) = correlation::read::read(&root, document, "")
            {
                found.missing.extend(draft.references);
            }
        }
        found.missing.retain(|name| !found.called.contains(name));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_correlation_refers_to_is_missing_unless_the_text_holds_it() {
        let text = "
title: Own
id: own
name: by_name
logsource: {product: linux}
detection: {s: {A: x}, condition: s}
---
title: Both
id: both
correlation: {type: temporal, rules: [by_name, elsewhere], group-by: [User], timespan: 1m}
---
title: By its condition
id: third
correlation: {type: temporal, rules: [both, far], group-by: [User], timespan: 1m, condition: far and not both}
---
title: Filter
id: f
logsource: {product: linux}
filter: {rules: [nobody], s: {A: y}, condition: not s}
";
        let found = References::of(text);
        let texts = |all: &BTreeSet<String>| all.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(texts(&found.called), "both by_name own third");
        assert_eq!(texts(&found.missing), "elsewhere far");
        assert_eq!(References::of("correlation: ["), References::default());
    }
}
