//! Placeholders of the `expand` modifier: `%name%` in a rule's value becomes each value of a list.

use crate::error::RuleError;
use crate::limits;
use std::collections::BTreeMap;
use std::ops::Range;

/// Every text that a value stands for once its placeholders are filled in.
///
/// # Errors
/// A placeholder without values, or more texts than the limit allows.
pub(crate) fn expand(
    text: &str,
    lists: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<String>, RuleError> {
    let mut done = Vec::new();
    // Each entry is a finished beginning and what is left to look at; inserted values are never looked at.
    let mut open = vec![(String::new(), text)];
    while let Some((beginning, rest)) = open.pop() {
        let Some((place, name)) = placeholder(rest) else {
            done.push(beginning + rest);
            continue;
        };
        let values = lists.get(name).filter(|values| !values.is_empty());
        let values =
            values.ok_or_else(|| RuleError::UnresolvedPlaceholder { name: name.to_owned() })?;
        let before = rest.get(..place.start).unwrap_or_default();
        let behind = rest.get(place.end..).unwrap_or_default();
        if before.ends_with('\\') {
            return Err(RuleError::BadValue {
                field: String::new(),
                value: crate::error::shown(text),
                reason: format!(
                    "a backslash before %{name}% leaves open whether it is a placeholder"
                ),
            });
        }
        if done.len() + open.len() + values.len() > limits::ALTERNATIVES_MAX {
            return Err(RuleError::too_large("values by placeholders", limits::ALTERNATIVES_MAX));
        }
        open.extend(
            values.iter().rev().map(|value| (format!("{beginning}{before}{value}"), behind)),
        );
    }
    Ok(done)
}

/// The first `%name%` of a text.
fn placeholder(text: &str) -> Option<(Range<usize>, &str)> {
    let mut start = text.find('%')?;
    loop {
        let behind = text.get(start + 1..)?;
        let length = behind.find('%')?;
        let name = behind.get(..length)?;
        let end = start + 1 + length;
        if !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        {
            return Some((start..end + 1, name));
        }
        // This percent sign ends nothing; it may begin the next placeholder.
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_between_percent_signs() {
        assert_eq!(placeholder("%Servers%"), Some((0..9, "Servers")));
        assert_eq!(placeholder("100% %a_1%"), Some((5..10, "a_1")));
        for text in ["%%", "50%", "%a b%", ""] {
            assert_eq!(placeholder(text), None, "{text}");
        }
    }

    #[test]
    fn every_combination_is_made_and_values_are_not_expanded_again() {
        let lists = BTreeMap::from([
            ("a".to_owned(), vec!["1".to_owned(), "%b%".to_owned()]),
            ("b".to_owned(), vec!["x".to_owned(), "y".to_owned()]),
        ]);
        assert_eq!(
            expand("<%a%|%b%>", &lists).expect("expands"),
            ["<1|x>", "<1|y>", "<%b%|x>", "<%b%|y>"]
        );
        assert_eq!(expand("none", &lists).expect("expands"), ["none"]);
        assert_eq!(
            expand("%c%", &lists),
            Err(RuleError::UnresolvedPlaceholder { name: "c".to_owned() })
        );
        assert!(expand(r"\%a%", &lists).is_err());
    }
}
