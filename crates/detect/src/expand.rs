//! Placeholders of the `expand` modifier: `%name%` in a rule's value becomes each value of a list.

use crate::cause::{Measure, Plain, ValueFault};
use crate::error::RuleError;
use crate::limits;
use std::collections::BTreeMap;

/// Every text that a value stands for once its placeholders are filled in. `\%` is a percent sign that
/// begins no placeholder.
///
/// # Errors
/// A placeholder without values, or more texts than the limit allows.
pub(crate) fn expand(
    text: &str,
    lists: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<String>, RuleError> {
    let mut done = vec![String::new()];
    let ambiguous =
        |name: String| RuleError::value("", text, ValueFault::Ambiguous(Plain::of(&name)));
    for part in parts(text).map_err(ambiguous)? {
        match part {
            Part::Plain(plain) => done.iter_mut().for_each(|one| one.push_str(&plain)),
            Part::Placeholder(name) => {
                let values = lists.get(&name).filter(|values| !values.is_empty());
                let values =
                    values.ok_or_else(|| RuleError::UnresolvedPlaceholder(Plain::of(&name)))?;
                if done.len().saturating_mul(values.len()) > limits::ALTERNATIVES_MAX {
                    let limit = limits::ALTERNATIVES_MAX;
                    return Err(RuleError::too_large(Measure::PlaceholderValues, limit));
                }
                done = done
                    .iter()
                    .flat_map(|one| values.iter().map(move |value| format!("{one}{value}")))
                    .collect();
            }
        }
    }
    Ok(done)
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Plain(String),
    Placeholder(String),
}

/// Cuts a text at its placeholders, or names one of which nobody can say whether it is one.
fn parts(text: &str) -> Result<Vec<Part>, String> {
    let letters: Vec<char> = text.chars().collect();
    let (mut parts, mut plain) = (Vec::new(), String::new());
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        at += 1;
        let Some((name, behind)) = (*letter == '%').then(|| placeholder(&letters, at)).flatten()
        else {
            if *letter == '%' && backslashes_before(&plain) == 1 {
                plain.pop();
            }
            plain.push(*letter);
            continue;
        };
        let backslashes = backslashes_before(&plain);
        match backslashes {
            0 => {
                parts.push(Part::Plain(std::mem::take(&mut plain)));
                parts.push(Part::Placeholder(name));
                at = behind;
            }
            1 => {
                plain.pop();
                plain.push('%');
            }
            _ => return Err(name),
        }
    }
    parts.push(Part::Plain(plain));
    Ok(parts)
}

fn backslashes_before(plain: &str) -> usize {
    plain.chars().rev().take_while(|letter| *letter == '\\').count()
}

/// The name between a percent sign before `start` and the next one, and the place behind that.
fn placeholder(letters: &[char], start: usize) -> Option<(String, usize)> {
    let rest = letters.get(start..)?;
    let length = rest.iter().position(|letter| *letter == '%')?;
    let name: String = rest.iter().take(length).collect();
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, start + length + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_between_percent_signs() {
        let found = |text: &str| -> Vec<String> {
            let parts = parts(text).expect("clear").into_iter();
            let shown = parts.map(|part| match part {
                Part::Plain(plain) => plain,
                Part::Placeholder(name) => format!("<{name}>"),
            });
            shown.filter(|shown| !shown.is_empty()).collect()
        };
        assert_eq!(found("%Servers%"), ["<Servers>"]);
        assert_eq!(found("100% %a_1%"), ["100% ", "<a_1>"]);
        assert_eq!(found("%a%b%"), ["<a>", "b%"]);
        // The specification's own example.
        assert_eq!(found(r"\%plain%name%"), ["%plain", "<name>"]);
        assert_eq!(found(r"50\%"), ["50%"]);
        for text in ["%%", "50%", "%a b%"] {
            assert_eq!(found(text), [text]);
        }
        assert_eq!(parts(r"\\%a%"), Err("a".to_owned()));
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
        assert_eq!(expand(r"\%a%", &lists).expect("expands"), ["%a%"]);
        assert_eq!(expand("%c%", &lists), Err(RuleError::UnresolvedPlaceholder(Plain::of("c"))));
        assert!(expand(r"\\%a%", &lists).is_err());
        let long = BTreeMap::from([("l".to_owned(), vec![String::new(); 200])]);
        assert!(expand("%l%%l%%l%", &long).is_err());
    }
}
