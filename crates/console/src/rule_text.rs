//! A rule's document with the lines marked whose conditions held.
//!
//! The marks are a help for the eye: found by the selection's name, the field's name and the value as
//! written. A condition whose line is not found is still in the table of evidence, which is exact.

use crate::language::Language;
use model::Why;

/// One line of a rule's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    /// The line.
    pub(crate) text: String,
    /// Numbers of the conditions (from 1, in the order of the evidence) that held by this line.
    pub(crate) held: Vec<usize>,
}

/// The lines of a rule's document with the conditions that held.
pub(crate) fn lines(rule_text: &str, why: &[Why]) -> Vec<Line> {
    let mut lines: Vec<Line> = rule_text
        .lines()
        .enumerate()
        .map(|(place, text)| Line { number: place + 1, text: text.to_owned(), held: Vec::new() })
        .collect();
    for (place, condition) in why.iter().enumerate() {
        if let Some(line) = place_of(&lines, condition) {
            lines[line].held.push(place + 1);
        }
    }
    lines
}

/// A rule's title in the reader's language: `title_ja` in Japanese where the rule has it, else its title.
pub(crate) fn title(rule_text: &str, title: &str, language: Language) -> String {
    match language {
        Language::Ja => Some(paragraph(rule_text, "title_ja:", "")),
        Language::En => None,
    }
    .filter(|own| !own.is_empty())
    .unwrap_or_else(|| title.to_owned())
}

/// A rule's description as one paragraph in the reader's language (`description_ja` in Japanese where the
/// rule has it); empty when it has none.
pub(crate) fn description(rule_text: &str, language: Language) -> String {
    let own = match language {
        // Japanese knows no blanks between words: a line's end is none.
        Language::Ja => paragraph(rule_text, "description_ja:", ""),
        Language::En => String::new(),
    };
    if own.is_empty() { paragraph(rule_text, "description:", " ") } else { own }
}

/// The text of a key at a rule's top level, its lines joined.
fn paragraph(rule_text: &str, key: &str, joint: &str) -> String {
    let mut lines = rule_text.lines().skip_while(|line| !line.starts_with(key));
    let Some(first) = lines.next() else { return String::new() };
    let mut out = scalar_of(first);
    if matches!(out.as_str(), "|" | ">" | "|-" | ">-") {
        out.clear();
    }
    for line in lines.take_while(|line| line.starts_with(' ') || line.is_empty()) {
        out.push_str(joint);
        out.push_str(line.trim());
    }
    out.trim().to_owned()
}

/// The items of a list at a rule's top level; empty when it has none.
pub(crate) fn list(rule_text: &str, key: &str) -> Vec<String> {
    let mut lines = rule_text.lines();
    if !lines.any(|line| line.strip_prefix(key).is_some_and(|rest| rest.trim_end() == ":")) {
        return Vec::new();
    }
    lines
        .map_while(|line| line.trim_start().strip_prefix("- "))
        .map(|item| item.trim().trim_matches(['\'', '"']).to_owned())
        .collect()
}

fn place_of(lines: &[Line], why: &Why) -> Option<usize> {
    let detection = lines.iter().position(|line| line.text.trim_end() == "detection:")?;
    let end = block_end(lines, detection);
    let selection =
        (detection + 1..end).find(|at| key_of(&lines[*at].text) == Some(&why.selection))?;
    let selection_end = block_end(lines, selection).min(end);
    let Some(field) = &why.field else {
        return value_line(lines, selection..selection_end, &why.pattern);
    };
    let named =
        if why.modifier.is_empty() { field.clone() } else { format!("{field}|{}", why.modifier) };
    for at in selection + 1..selection_end {
        if key_of(&lines[at].text) != Some(named.as_str()) {
            continue;
        }
        if let Some(found) =
            value_line(lines, at..block_end(lines, at).min(selection_end), &why.pattern)
        {
            return Some(found);
        }
    }
    None
}

/// The line of the block that holds the value: the whole scalar when there is one, else the first that
/// contains it.
fn value_line(lines: &[Line], block: std::ops::Range<usize>, pattern: &str) -> Option<usize> {
    let scalar = |at: &usize| scalar_of(&lines[*at].text) == pattern;
    let doubled = pattern.replace('\'', "''");
    let contains =
        |at: &usize| lines[*at].text.contains(pattern) || lines[*at].text.contains(&doubled);
    block.clone().find(scalar).or_else(|| block.clone().find(contains)).or(Some(block.start))
}

/// The line after the last one that is indented deeper than line `at` (list items may stand at the same depth).
fn block_end(lines: &[Line], at: usize) -> usize {
    let own = indent(&lines[at].text);
    let belongs = |text: &str| {
        let text_indent = indent(text);
        text.trim().is_empty()
            || text_indent > own
            || (text_indent == own && text.trim_start().starts_with("- "))
    };
    (at + 1..lines.len()).find(|next| !belongs(&lines[*next].text)).unwrap_or(lines.len())
}

fn indent(text: &str) -> usize {
    // In `- Image|endswith: x` the key stands two columns further right than the dash.
    let spaces = text.len() - text.trim_start().len();
    if key_of(text).is_some() && text.trim_start().starts_with("- ") { spaces + 2 } else { spaces }
}

fn key_of(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let text = text.strip_prefix("- ").unwrap_or(text);
    let (key, rest) = text.split_once(':')?;
    let plain = !key.is_empty() && !key.contains([' ', '\'', '"', '#']) || quoted(key);
    (plain && (rest.is_empty() || rest.starts_with(' '))).then(|| key.trim_matches(['\'', '"']))
}

fn quoted(key: &str) -> bool {
    key.len() > 2 && (key.starts_with('\'') && key.ends_with('\''))
}

/// The scalar of `key: scalar` or `- scalar`, without quotes and comment.
fn scalar_of(text: &str) -> String {
    let text = text.trim();
    let text = match key_of(text) {
        Some(_) => text.split_once(':').map_or("", |(_, rest)| rest).trim(),
        None => text.strip_prefix("- ").unwrap_or(text).trim(),
    };
    let inner = |quote| text.strip_prefix(quote).and_then(|rest: &str| rest.split_once(quote));
    if let Some((single, _)) = inner('\'').filter(|_| !text.contains("''")) {
        return single.to_owned();
    }
    if let Some((double, _)) = inner('"').filter(|_| !text.contains('\\')) {
        return double.to_owned();
    }
    match text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(with_quotes) => with_quotes.replace("''", "'"),
        None => text.split(" #").next().unwrap_or(text).trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "\
title: T
detection:
    selection_img:
        - Image|endswith:
            - '/bash'
            - /sh  # a shell
        - OriginalFileName: 'bash'
    selection_cli:
        CommandLine|contains|all:
            - 'echo ''x'''
            - '| sh'
        User: root
    words:
        - 'evil'
    condition: all of selection_*
fields:
    - CommandLine
";

    #[test]
    fn the_line_of_each_condition_is_found() {
        let why = |selection: &str, field: Option<&str>, modifier: &str, pattern: &str| Why {
            selection: selection.to_owned(),
            field: field.map(str::to_owned),
            modifier: modifier.to_owned(),
            pattern: pattern.to_owned(),
            value: Some(String::new()),
        };
        for (condition, expected) in [
            (why("selection_img", Some("Image"), "endswith", "/bash"), Some(5)),
            (why("selection_img", Some("Image"), "endswith", "/sh"), Some(6)),
            (why("selection_img", Some("OriginalFileName"), "", "bash"), Some(7)),
            (why("selection_cli", Some("CommandLine"), "contains|all", "echo 'x'"), Some(10)),
            (why("selection_cli", Some("CommandLine"), "contains|all", "| sh"), Some(11)),
            (why("selection_cli", Some("User"), "", "root"), Some(12)),
            (why("words", None, "", "evil"), Some(14)),
            (why("absent", Some("User"), "", "root"), None),
            (why("selection_cli", Some("Absent"), "", "root"), None),
        ] {
            let marked = lines(RULE, std::slice::from_ref(&condition));
            let found = marked.iter().find(|line| line.held == [1]).map(|line| line.number);
            assert_eq!(found, expected, "{condition:?}");
        }
    }

    #[test]
    fn description_and_lists() {
        let rule = "title: T\ndescription: |\n    Two\n    lines.\ntags:\n    - attack.t1059\n    - 'x'\nlevel: high\n";
        assert_eq!(description(rule, Language::Ja), "Two lines.");
        assert_eq!(list(rule, "tags"), ["attack.t1059", "x"]);
        assert_eq!(list(rule, "falsepositives"), Vec::<String>::new());
        assert_eq!(description("description: 'a: b'", Language::En), "a: b");
        let rule = "title: T\ntitle_ja: 題\ndescription: D\ndescription_ja: |\n    二\n    行\nlevel: low\n";
        assert_eq!(description(rule, Language::Ja), "二行");
        assert_eq!(description(rule, Language::En), "D");
        assert_eq!(title(rule, "T", Language::Ja), "題");
        assert_eq!(title(rule, "T", Language::En), "T");
        assert_eq!(title("title: T\n", "T", Language::Ja), "T");
    }

    #[test]
    fn hostile_documents_are_only_text() {
        for text in
            ["", "detection:", "detection:\n  - - -:\n:", "\u{202e}:\n  '", "detection:\n'''"]
        {
            let why = Why {
                selection: String::new(),
                field: Some(String::new()),
                modifier: String::new(),
                pattern: String::new(),
                value: None,
            };
            assert_eq!(lines(text, &[why]).len(), text.lines().count());
        }
    }
}
