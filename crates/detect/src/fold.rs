//! Letter case, folded the same way on both sides of a comparison.
//!
//! Sigma compares without regard to case. One character folds to one character, so that `?` still
//! stands for exactly one; `ß` and `SS` therefore stay different, as with every simple folding.

use std::borrow::Cow;

/// The folded form of a character.
pub(crate) fn fold_char(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    match letter {
        // Dotless i and dotted capital I are letters of their own everywhere but in Turkish.
        'ı' | 'İ' => letter,
        // The capital sharp s has no single lower-case partner by way of its upper case.
        'ẞ' => 'ß',
        _ => single(single(letter, char::to_uppercase), char::to_lowercase),
    }
}

/// The folded form of a text; borrowed when nothing changes.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    Cow::Owned(text.chars().map(fold_char).collect())
}

/// Appends the folded form of a text.
pub(crate) fn fold_onto(text: &str, buffer: &mut String) {
    if !text.is_ascii() {
        buffer.extend(text.chars().map(fold_char));
        return;
    }
    let begin = buffer.len();
    buffer.push_str(text);
    if let Some(added) = buffer.get_mut(begin..) {
        added.make_ascii_lowercase();
    }
}

/// Going through the upper case first joins what shares it: `ς` and `σ`, `ſ` and `s`, `µ` and `μ`.
fn single<I: Iterator<Item = char>>(letter: char, mapping: impl Fn(char) -> I) -> char {
    let mut mapped = mapping(letter);
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_agrees_with_the_simple_case_folding_of_unicode() {
        // The regex crate carries Unicode's own table. Only characters that change are asked, and only
        // those it knows: the standard library may follow a newer version of Unicode.
        let unknown = regex::Regex::new(r"\p{Cn}").expect("valid");
        let changing = ('\u{80}'..=char::MAX).filter(|letter| fold_char(*letter) != *letter);
        for letter in changing.filter(|letter| !unknown.is_match(&letter.to_string())) {
            let folded = regex::escape(&fold_char(letter).to_string());
            let same = regex::RegexBuilder::new(&format!("^{folded}$"))
                .case_insensitive(true)
                .build()
                .expect("valid")
                .is_match(&letter.to_string());
            assert!(same, "U+{:04X} folds to U+{:04X}", letter as u32, fold_char(letter) as u32);
        }
        assert_eq!(fold("ÄÖ ΣΑΣ ſ\u{212a}"), fold("äö σας Sk"));
        assert_eq!(fold("ẞ"), "ß");
    }
}
