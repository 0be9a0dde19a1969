//! Texts of which one must stand in every value that a regular expression fits, in folded form.
//!
//! An expression is slow to ask; a literal is not. Where nothing is found the expression is simply asked.

use crate::fold;
use crate::grams::LITERAL_BYTES_MIN;
use crate::predicate::RegexFlags;
use regex_syntax::hir::{Class, Dot, Hir, HirKind};

/// Alternatives at most; beyond it waiting for them saves little.
const ALTERNATIVES_MAX: usize = 64;
/// Bytes of a text at most, where an expression repeats one.
const TEXT_BYTES_MAX: usize = 64;

/// One of these is in every text that fits, each at least [`LITERAL_BYTES_MIN`] long; `None` when nothing is known.
pub(crate) fn literals(source: &str, flags: RegexFlags) -> Option<Vec<String>> {
    one_of(&parse(source, flags).ok()?).filter(|texts| worth(texts) > 0)
}

/// Bytes of the shortest text that fits.
pub(crate) fn bytes_min(source: &str, flags: RegexFlags) -> usize {
    parse(source, flags).ok().and_then(|hir| hir.properties().minimum_len()).unwrap_or(0)
}

/// The number of characters, and whether line breaks count, when the expression asks for nothing else.
pub(crate) fn only_length(source: &str, flags: RegexFlags) -> Option<(usize, bool)> {
    let hir = parse(source, flags).ok()?;
    let HirKind::Repetition(repeated) = hir.kind() else { return None };
    // An upper limit says nothing: more characters hold as many.
    let chars_min = usize::try_from(repeated.min).ok().filter(|min| *min > 0)?;
    let across_lines = match &*repeated.sub {
        any if *any == Hir::dot(Dot::AnyChar) => true,
        one_line if *one_line == Hir::dot(Dot::AnyCharExceptLF) => false,
        _ => return None,
    };
    Some((chars_min, across_lines))
}

/// Parses an expression as the engine does.
pub(crate) fn parse(source: &str, flags: RegexFlags) -> Result<Hir, Box<regex_syntax::Error>> {
    regex_syntax::ParserBuilder::new()
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .nest_limit(crate::limits::REGEX_NEST_MAX)
        .build()
        .parse(source)
        .map_err(Box::new)
}

/// How much a set of alternatives says: the length of its shortest text, or nothing.
fn worth(texts: &[String]) -> usize {
    let shortest = texts.iter().map(String::len).min().unwrap_or(0);
    if texts.len() > ALTERNATIVES_MAX || shortest < LITERAL_BYTES_MIN { 0 } else { shortest }
}

fn one_of(hir: &Hir) -> Option<Vec<String>> {
    if let Some(text) = exact(hir) {
        return Some(vec![text]);
    }
    match hir.kind() {
        HirKind::Capture(group) => one_of(&group.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => one_of(&repeated.sub),
        HirKind::Alternation(parts) => {
            let mut texts = Vec::new();
            for part in parts {
                texts.extend(one_of(part)?);
                if texts.len() > ALTERNATIVES_MAX {
                    return None;
                }
            }
            Some(texts)
        }
        HirKind::Concat(parts) => {
            let mut best: Option<Vec<String>> = None;
            let mut offer = |texts: Vec<String>| {
                if worth(&texts) > best.as_deref().map_or(0, worth) {
                    best = Some(texts);
                }
            };
            let mut run = String::new();
            for part in parts {
                if let Some(text) = exact(part) {
                    run.push_str(&text);
                    continue;
                }
                // A part that repeats begins or ends nothing that is certain.
                offer(vec![std::mem::take(&mut run)]);
                if let Some(texts) = one_of(part) {
                    offer(texts);
                }
            }
            offer(vec![run]);
            best
        }
        _ => None,
    }
}

/// The one text that the part fits, after folding.
fn exact(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(String::new()),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            Some(fold::fold(text).into_owned())
        }
        HirKind::Class(Class::Unicode(class)) => {
            let mut letters =
                class.iter().flat_map(|range| range.start()..=range.end()).map(fold::fold_char);
            let first = letters.next()?;
            // Letters and their other cases; a wide class is given up at its second letter.
            letters.all(|letter| letter == first).then(|| first.to_string())
        }
        HirKind::Capture(group) => exact(&group.sub),
        HirKind::Concat(parts) => parts.iter().map(exact).collect(),
        HirKind::Repetition(repeated) if repeated.max == Some(repeated.min) => {
            let text = exact(&repeated.sub)?;
            let times = repeated.min as usize;
            (text.len().saturating_mul(times) <= TEXT_BYTES_MAX).then(|| text.repeat(times))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: Option<&[&str]>) {
        let found = literals(source, RegexFlags::default());
        let expected = expected.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn the_longest_certain_text_is_found() {
        check("abcd", Some(&["abcd"]));
        check("ABC.*DEFGH", Some(&["defgh"]));
        check("(?i)PowerShell\\s+-enc", Some(&["powershell"]));
        check("^abcd$", Some(&["abcd"]));
        check("ab(cd)ef", Some(&["abcdef"]));
        check("ab(c|d)efgh", Some(&["efgh"]));
        check("(?:wget|curl\\.exe)x?", Some(&["wget", "curl.exe"]));
        check("(abcd)+", Some(&["abcd"]));
        check("x{2}yy", Some(&["xxyy"]));
        check("[Ss]oft", Some(&["soft"]));
    }

    #[test]
    fn expressions_that_ask_for_length_only_are_known() {
        let of = |source| only_length(source, RegexFlags::default());
        assert_eq!(of(".{1000,}"), Some((1000, false)));
        assert_eq!(of("(?s).{5,9}"), Some((5, true)));
        assert_eq!(of(".+"), Some((1, false)));
        for source in [".*", "^.{3,}", ".{3,}$", "\\w{3,}", "a{3,}"] {
            assert_eq!(of(source), None, "{source}");
        }
        assert_eq!(bytes_min("ab+[cd]", RegexFlags::default()), 3);
    }

    #[test]
    fn what_is_not_certain_is_not_claimed() {
        for source in ["(abcd)*", "(abcd)?", "a?", "abcd|e?", "[a-z]+", ".*", "\\d{4}", "[ab].[cd]"]
        {
            check(source, None);
        }
    }
}
