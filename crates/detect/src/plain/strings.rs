//! Sigma strings, letter by letter.

/// One sign of a Sigma string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Letter(char),
    /// `*`
    Run,
    /// `?`
    One,
    /// What `windash` makes of a dash that begins a word.
    Dash,
}

/// Hyphen, slash, en dash, em dash, horizontal bar.
const DASHES: &str = "-/\u{2013}\u{2014}\u{2015}";

/// Reads wildcards; a backslash before `*`, `?` or `\` takes the meaning of what follows away.
pub(super) fn signs(text: &str) -> Vec<Sign> {
    let letters: Vec<char> = text.chars().collect();
    let mut signs = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let next = letters.get(at + 1).copied();
        match (letters[at], next) {
            ('\\', Some(escaped @ ('*' | '?' | '\\'))) => {
                signs.push(Sign::Letter(escaped));
                at += 1;
            }
            ('*', _) => signs.push(Sign::Run),
            ('?', _) => signs.push(Sign::One),
            (letter, _) => signs.push(Sign::Letter(letter)),
        }
        at += 1;
    }
    signs
}

/// A text without wildcards.
pub(super) fn literal(text: &str) -> Vec<Sign> {
    text.chars().map(Sign::Letter).collect()
}

/// The text, when there is no wildcard in it.
pub(super) fn text_of(signs: &[Sign]) -> Option<String> {
    let mut text = String::new();
    for sign in signs {
        let Sign::Letter(letter) = sign else { return None };
        text.push(*letter);
    }
    Some(text)
}

/// Dashes at the beginning of a word become any dash.
pub(super) fn with_dashes(signs: &[Sign]) -> Vec<Sign> {
    let word = |place: Option<usize>| {
        let sign = place.and_then(|place| signs.get(place));
        matches!(sign, Some(Sign::Letter(letter)) if letter.is_alphanumeric() || *letter == '_')
    };
    let mut changed = Vec::new();
    for (place, sign) in signs.iter().enumerate() {
        changed.push(match sign {
            Sign::Letter(letter)
                if DASHES.contains(*letter)
                    && !word(place.checked_sub(1))
                    && word(Some(place + 1)) =>
            {
                Sign::Dash
            }
            other => *other,
        });
    }
    changed
}

/// Whether the whole text fits: one row per sign, one column per letter, nothing clever.
pub(super) fn fits(signs: &[Sign], text: &str, cased: bool) -> bool {
    let letters: Vec<char> = text.chars().collect();
    // row[n]: the signs so far fit the first n letters.
    let mut row: Vec<bool> = (0..=letters.len()).map(|place| place == 0).collect();
    for sign in signs {
        let mut next = vec![false; letters.len() + 1];
        for place in 0..=letters.len() {
            next[place] = match (sign, place.checked_sub(1)) {
                (Sign::Run, None) => row[place],
                (Sign::Run, Some(before)) => row[place] || next[before],
                (_, None) => false,
                (Sign::One, Some(before)) => row[before],
                (Sign::Dash, Some(before)) => row[before] && DASHES.contains(letters[before]),
                (Sign::Letter(wanted), Some(before)) => {
                    row[before] && same(*wanted, letters[before], cased)
                }
            };
        }
        row = next;
    }
    row[letters.len()]
}

/// Whether two letters are the same one, without regard to case unless asked. Beyond ASCII the tables of
/// the regex crate decide, which are Unicode's own.
pub(super) fn same(left: char, right: char, cased: bool) -> bool {
    if left == right {
        return true;
    }
    if cased {
        return false;
    }
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(&right);
    }
    let has_case =
        |letter: char| !letter.to_lowercase().eq([letter]) || !letter.to_uppercase().eq([letter]);
    has_case(left)
        && has_case(right)
        && regex::RegexBuilder::new(&regex::escape(&left.to_string()))
            .case_insensitive(true)
            .build()
            .is_ok_and(|letter| letter.is_match(&right.to_string()))
}
