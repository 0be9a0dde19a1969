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
    let begin = buffer.len();
    let mut rest = text;
    // Most texts are ASCII, and those that are not mostly are between a few letters.
    while !rest.is_ascii() {
        let at = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(0);
        let (ascii, from) = rest.split_at(at);
        buffer.push_str(ascii);
        let mut letters = from.chars();
        while let Some(letter) = letters.next() {
            buffer.push(fold_char(letter));
            if letters.as_str().as_bytes().first().is_none_or(u8::is_ascii) {
                break;
            }
        }
        rest = letters.as_str();
    }
    buffer.push_str(rest);
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

    #[test]
    fn folding_onto_a_text_is_folding() {
        for text in ["", "abC", "é", "ABÉcdÈÉ", "日本語 Windows® System®", "®", "ΑΣ\u{212a}X", "İI"]
        {
            let mut buffer = "X".to_owned();
            fold_onto(text, &mut buffer);
            assert_eq!(buffer, format!("X{}", fold(text)));
        }
    }
}
