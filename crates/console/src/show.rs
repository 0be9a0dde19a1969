//! How values become text that a person can trust: nothing invisible, nothing that reorders a line.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text of one line in which every character can be seen: control characters become their pictures (`␛`),
/// bidirectional marks, zero-width characters and look-alikes of the space become `⟪U+202E⟫`.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    shown(text, false)
}

/// The same for text of several lines: line ends and tabs stay.
pub(crate) fn visible_lines(text: &str) -> Cow<'_, str> {
    shown(text, true)
}

/// The beginning of a text, with an ellipsis when it was cut.
pub(crate) fn shortened(text: &str, chars_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars_max) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
    }
}

/// A number with thousands separated.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The last part of a path of any operating system.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(path)
}

/// A part of a value, and whether it is the part that a rule's pattern met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The text.
    pub(crate) text: String,
    /// Whether it met the pattern.
    pub(crate) met: bool,
}

/// Splits a value where a pattern met it. Patterns with wildcards inside, expressions and numbers mark the
/// whole value: that the condition held is certain, which characters did it is then a guess.
pub(crate) fn met(value: &str, pattern: &str, modifier: &str) -> Vec<Segment> {
    let whole = || vec![Segment { text: value.to_owned(), met: true }];
    let needle = pattern.trim_matches('*');
    let inexact = needle.is_empty() || needle.contains(['*', '?', '\\']) && pattern.contains('*');
    let computed = ["re", "cidr", "base64", "wide", "utf16", "gt", "lt", "fieldref", "exists"];
    if inexact || modifier.split('|').any(|part| computed.iter().any(|name| part.starts_with(name)))
    {
        return whole();
    }
    let has = |name: &str| modifier.split('|').any(|part| part == name);
    let (open_start, open_end) = (
        has("contains") || has("endswith") || pattern.starts_with('*'),
        has("contains") || has("startswith") || pattern.ends_with('*'),
    );
    let value_chars: Vec<(usize, char)> = value.char_indices().collect();
    let needle_chars: Vec<char> = needle.chars().collect();
    let Some(last) = value_chars.len().checked_sub(needle_chars.len()) else { return whole() };
    let same = |at: usize| {
        needle_chars
            .iter()
            .zip(value_chars.get(at..).unwrap_or_default())
            .all(|(want, (_, is))| want == is || want.to_lowercase().eq(is.to_lowercase()))
    };
    let found = match (open_start, open_end) {
        (true, true) => (0..=last).find(|at| same(*at)),
        (false, _) => Some(0).filter(|at| same(*at)),
        (true, false) => Some(last).filter(|at| same(*at)),
    };
    let Some(found) = found else { return whole() };
    let byte_of = |place: usize| value_chars.get(place).map_or(value.len(), |(at, _)| *at);
    let (from, to) = (byte_of(found), byte_of(found + needle_chars.len()));
    [(0, from, false), (from, to, true), (to, value.len(), false)]
        .into_iter()
        .filter(|(start, end, _)| start < end)
        .map(|(start, end, met)| Segment {
            text: value.get(start..end).unwrap_or_default().to_owned(),
            met,
        })
        .collect()
}

fn shown(text: &str, keep_lines: bool) -> Cow<'_, str> {
    let hidden = |c: char| is_deceptive(c) && !(keep_lines && matches!(c, '\n' | '\t'));
    if !text.chars().any(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !hidden(c) {
            out.push(c);
        } else if let Some(picture) = picture_of(c) {
            out.push(picture);
        } else {
            // Writing to a String cannot fail; the result is only there for other writers.
            write!(out, "⟪U+{:04X}⟫", u32::from(c)).unwrap_or_default();
        }
    }
    Cow::Owned(out)
}

fn picture_of(c: char) -> Option<char> {
    match u32::from(c) {
        code @ 0..=0x1f => char::from_u32(0x2400 + code),
        0x7f => Some('␡'),
        _ => None,
    }
}

/// Whether a character cannot be seen, or changes how its neighbours are seen, or is one of the marks that
/// this module itself writes.
fn is_deceptive(c: char) -> bool {
    matches!(u32::from(c),
        0..=0x1f | 0x7f..=0xa0 | 0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5
        | 0x180b..=0x180f | 0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x206f
        | 0x2400..=0x2421 | 0x27ea..=0x27eb | 0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
        | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff
        | 0xe000..=0xf8ff | 0xf0000..=0x10ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deceptive_characters_are_shown() {
        for (given, expected) in [
            ("plain 日本語　全角", "plain 日本語　全角"),
            ("a\u{202e}gpj.exe", "a⟪U+202E⟫gpj.exe"),
            ("\u{1b}[31mred", "␛[31mred"),
            ("zero\u{200b}width", "zero⟪U+200B⟫width"),
            ("line\nend", "line␊end"),
            ("\u{7f}", "␡"),
            ("⟪U+202E⟫", "⟪U+27EA⟫U+202E⟪U+27EB⟫"),
            ("tag\u{e0041}", "tag⟪U+E0041⟫"),
        ] {
            assert_eq!(visible(given), expected);
        }
        assert_eq!(visible_lines("a\n\tb\r"), "a\n\tb␍");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn the_part_that_met_the_pattern_is_marked() {
        let marked = |value, pattern, modifier| {
            met(value, pattern, modifier)
                .into_iter()
                .map(|part| if part.met { format!("[{}]", part.text) } else { part.text })
                .collect::<String>()
        };
        for (value, pattern, modifier, expected) in [
            ("/usr/bin/whoami", "/whoami", "endswith", "/usr/bin[/whoami]"),
            ("/usr/bin/whoami", "*/whoami", "", "/usr/bin[/whoami]"),
            ("C:\\Windows\\CMD.exe", "\\cmd.exe", "endswith", "C:\\Windows[\\CMD.exe]"),
            ("curl http://x | sh", " | sh", "contains|all", "curl http://x[ | sh]"),
            ("whoami", "WHOAMI", "", "[whoami]"),
            ("aXbX", "x", "contains", "a[X]bX"),
            ("abc", "a.*", "re", "[abc]"),
            ("abc", "a*c", "", "[abc]"),
            ("éclair", "É", "startswith", "[é]clair"),
        ] {
            assert_eq!(marked(value, pattern, modifier), expected, "{pattern} {modifier}");
        }
    }
}
