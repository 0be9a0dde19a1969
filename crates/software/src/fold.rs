//! Text from strangers made comparable: what is hidden is taken out, what only looks different is made equal.

use crate::limits::{MARKS_MAX, NAME_CHARS_MAX, RAW_CHARS_MAX};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// A text that is safe to show and to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// NFKC, one space where there was any white space, nothing hidden, at most 256 characters.
    pub text: String,
    /// Control, bidirectional or invisible characters were taken out: somebody may want to deceive.
    pub hidden: bool,
    /// The text was longer than what is kept.
    pub cut: bool,
}

/// Takes out what cannot be seen and brings the rest into compatibility form (NFKC), bounded.
#[must_use]
pub fn clean(raw: &str) -> Cleaned {
    let end = raw.char_indices().nth(RAW_CHARS_MAX).map_or(raw.len(), |(place, _)| place);
    let head = raw.get(..end).unwrap_or_default();
    let mut cut = head.len() < raw.len();
    let mut hidden = false;
    let mut text = pass(head, &mut hidden);
    // One pass is nearly always a fixed point; composition after removal may need another.
    for _ in 0..PASSES_MAX {
        let next = pass(&text, &mut hidden);
        if next == text {
            break;
        }
        text = next;
    }
    if let Some((place, _)) = text.char_indices().nth(NAME_CHARS_MAX) {
        text.truncate(place);
        text.truncate(text.trim_end().len());
        cut = true;
    }
    Cleaned { text, hidden, cut }
}

/// A longer text as it was written, without what is hidden: line ends stay, width and letters too.
#[must_use]
pub fn plain(raw: &str) -> String {
    raw.replace("\r\n", "\n")
        .chars()
        .filter(|character| *character == '\n' || *character == '\t' || !is_hidden(*character))
        .collect::<String>()
        .trim()
        .to_owned()
}

/// The form in which names are compared while searching: width, case, kana, long vowels, accents and
/// punctuation do not count. `+` and `#` do (`C++`, `C#`).
#[must_use]
pub fn search_key(text: &str) -> String {
    let mut key = folded(text);
    // What stood apart may stand side by side now: Korean jamo become one letter, marks one row too many.
    for _ in 0..PASSES_MAX {
        if key.is_ascii() {
            break;
        }
        let next = folded(&key);
        if next == key {
            break;
        }
        key = next;
    }
    key
}

fn folded(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for character in clean(text).text.chars() {
        fold_into(character, &mut key);
    }
    key
}

/// The words of a text, each as a search key; kana and Latin letters side by side are two words.
pub(crate) fn key_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for part in clean(text).text.split(|character: char| !is_word(character)) {
        word.clear();
        for character in part.chars() {
            fold_into(character, &mut word);
        }
        if !word.is_empty() {
            words.push(word.clone());
        }
    }
    words
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric()
        || matches!(character, '+' | '#' | 'ー')
        || is_combining_mark(character)
}

/// One character as it counts in comparisons; most punctuation counts as nothing.
fn fold_into(character: char, key: &mut String) {
    if character.is_ascii() {
        if character.is_ascii_alphanumeric() || matches!(character, '+' | '#') {
            key.push(character.to_ascii_lowercase());
        }
        return;
    }
    if let Some(kana) = fold_kana(character) {
        key.extend(kana);
        return;
    }
    for lower in character.to_lowercase() {
        // Accents of Latin letters do not count: the base letter of the decomposition stands for it.
        let base = std::iter::once(lower).nfd().next().unwrap_or(lower);
        let folded = if base.is_ascii_alphabetic() { base } else { lower };
        if folded.is_alphanumeric() {
            key.push(folded);
        }
    }
}

/// Hiragana becomes katakana, small kana large, the long vowel mark nothing, `ヴ` becomes `ブ`.
/// `Some(None)` is a kana that counts as nothing.
fn fold_kana(character: char) -> Option<Option<char>> {
    let katakana = match character {
        '\u{3041}'..='\u{3096}' => char::from_u32(u32::from(character) + 0x60)?,
        '\u{30A1}'..='\u{30FA}' => character,
        'ー' | '・' | 'ゝ' | 'ヽ' => return Some(None),
        _ => return None,
    };
    Some(Some(match katakana {
        'ァ' => 'ア',
        'ィ' => 'イ',
        'ゥ' => 'ウ',
        'ェ' => 'エ',
        'ォ' => 'オ',
        'ッ' => 'ツ',
        'ャ' => 'ヤ',
        'ュ' => 'ユ',
        'ョ' => 'ヨ',
        'ヮ' => 'ワ',
        'ヵ' => 'カ',
        'ヶ' => 'ケ',
        'ヴ' => 'ブ',
        other => other,
    }))
}

fn pass(text: &str, hidden: &mut bool) -> String {
    let visible = text.chars().filter_map(|character| visible(character, hidden));
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for character in visible.nfkc() {
        if character.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            marks = 0;
            continue;
        }
        marks = if is_combining_mark(character) { marks + 1 } else { 0 };
        if marks <= MARKS_MAX {
            out.push(character);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// What stands for this character; nothing for what cannot be seen.
fn visible(character: char, hidden: &mut bool) -> Option<char> {
    match character {
        '\t' | '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' => Some('-'),
        '\u{2018}' | '\u{2019}' | '\u{201B}' => Some('\''),
        '\u{201C}' | '\u{201D}' => Some('"'),
        '\u{301C}' | '\u{223C}' => Some('~'),
        // Trade marks are no part of a name; soft hyphens and variation selectors are invisible and harmless.
        '®' | '©' | '™' | '℠' | '\u{AD}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' => {
            None
        }
        _ if is_hidden(character) => {
            *hidden = true;
            None
        }
        other => Some(other),
    }
}

/// Control, bidirectional, zero-width and filler characters, tags and what is no character at all.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFF}'
            | '\u{FDD0}'..='\u{FDEF}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
        || u32::from(character) & 0xFFFE == 0xFFFE
}

const PASSES_MAX: usize = 4;
