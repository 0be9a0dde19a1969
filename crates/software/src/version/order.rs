//! Keys of the schemes whose versions are parsed: two versions compare as their keys do.

use std::cmp::Ordering;

/// An integer of any length, written in decimal: no version overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number<'a>(&'a str);

impl<'a> Number<'a> {
    pub(super) const ZERO: Self = Self("");

    /// The digits of a text that consists of ASCII digits.
    pub(super) fn new(digits: &'a str) -> Self {
        Self(digits.trim_start_matches('0'))
    }

    fn parse(text: &'a str) -> Option<Self> {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| Self::new(text))
    }

    fn between(self, low: u32, high: u32) -> bool {
        let value: u32 = if self.0.is_empty() { 0 } else { self.0.parse().unwrap_or(u32::MAX) };
        (low..=high).contains(&value)
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A piece of a text without a scheme: words are older than numbers, as in rpm.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece<'a> {
    Word(String),
    Number(Number<'a>),
}

/// Digits and words of a text that fits no scheme.
pub(super) fn natural(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest
            .find(|next: char| {
                next.is_ascii_digit() != digits || (!digits && !next.is_alphanumeric())
            })
            .unwrap_or(rest.len())
            .max(first.len_utf8());
        let (piece, after) = rest.split_at(end);
        if digits {
            pieces.push(Piece::Number(Number::new(piece)));
        } else if piece.chars().any(char::is_alphanumeric) {
            pieces.push(Piece::Word(piece.to_lowercase()));
        }
        rest = after;
    }
    pieces
}

/// `v5.17.5`, `5,17,5`, `5.17.5 (29101)`; zeros at the end do not count.
pub(super) fn dotted(text: &str) -> Option<Vec<Number<'_>>> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let text = match text.split_once(" (") {
        Some((version, build)) if build.ends_with(')') => version,
        _ => text,
    };
    let numbers: Option<Vec<_>> =
        text.split(['.', ',', '_']).map(|part| Number::parse(part.trim())).collect();
    numbers.map(without_zeros)
}

fn without_zeros(mut numbers: Vec<Number<'_>>) -> Vec<Number<'_>> {
    while numbers.last() == Some(&Number::ZERO) {
        numbers.pop();
    }
    numbers
}

/// An identifier of a pre-release: numbers are older than words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pre<'a> {
    Number(Number<'a>),
    Word(&'a str),
}

/// What comes before the release: `Some` parts are older than none.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage<T> {
    Before(T),
    Release,
}

/// Semantic versioning; missing numbers are zero, build metadata does not count.
pub(super) fn semver(text: &str) -> Option<(Vec<Number<'_>>, Stage<Vec<Pre<'_>>>)> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let text = text.split_once('+').map_or(text, |(version, _build)| version);
    let (numbers, pre) = match text.split_once('-') {
        Some((numbers, pre)) => (numbers, Some(pre)),
        None => (text, None),
    };
    let numbers: Option<Vec<_>> = numbers.split('.').map(Number::parse).collect();
    let stage = match pre {
        None => Stage::Release,
        Some(pre) => {
            let parts: Option<Vec<_>> = pre
                .split('.')
                .map(|part| match Number::parse(part) {
                    Some(number) => Some(Pre::Number(number)),
                    None if part.is_empty() => None,
                    None => Some(Pre::Word(part)),
                })
                .collect();
            Stage::Before(parts?)
        }
    };
    Some((without_zeros(numbers?), stage))
}

/// Year, month, day and what follows (a time, a serial), from the digits of the text.
pub(super) fn date(text: &str) -> Option<Vec<Number<'_>>> {
    let mut groups: Vec<&str> = text
        .split(|character: char| !character.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .collect();
    let first = *groups.first()?;
    if first.len() == 8 || first.len() == 14 {
        let (year, rest) = first.split_at(4);
        let (month, rest) = rest.split_at(2);
        let (day, time) = rest.split_at(2);
        let mut split = vec![year, month, day];
        if !time.is_empty() {
            split.push(time);
        }
        groups.splice(0..1, split);
    }
    let numbers: Vec<Number<'_>> = groups.into_iter().map(Number::new).collect();
    let fits = numbers.first()?.between(1970, 2199)
        && numbers.get(1)?.between(1, 12)
        && numbers.get(2).is_none_or(|day| day.between(0, 31));
    fits.then(|| without_zeros(numbers))
}

/// Numbers, letters (the longer the newer), a number after them, and what comes before the release.
pub(super) type LetterKey<'a> = (Vec<Number<'a>>, Stage<Vec<Piece<'a>>>, usize, String, Number<'a>);

/// `1.0.2zg`, `9.6p1`, `3.0.0-beta1`.
pub(super) fn letter(text: &str) -> Option<LetterKey<'_>> {
    let (main, stage) = match text.split_once(['-', '~']) {
        Some((main, pre)) => {
            let word = pre.trim_start_matches(|character: char| !character.is_ascii_alphabetic());
            let early = ["alpha", "beta", "pre", "rc", "dev"];
            let is_early = early.iter().any(|name| word.to_ascii_lowercase().starts_with(name));
            (main, if is_early { Stage::Before(natural(pre)) } else { return None })
        }
        None => (text, Stage::Release),
    };
    let letters_at =
        main.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(main.len());
    let (numbers, suffix) = main.split_at(letters_at);
    let digits_at =
        suffix.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(suffix.len());
    let (letters, last) = suffix.split_at(digits_at);
    let last = if last.is_empty() { Number::ZERO } else { Number::parse(last)? };
    let numbers: Option<Vec<_>> = numbers.split('.').map(Number::parse).collect();
    Some((without_zeros(numbers?), stage, letters.len(), letters.to_ascii_lowercase(), last))
}

/// Numbers, then nightly before beta before release; `esr` is the release.
pub(super) fn browser(text: &str) -> Option<(Vec<Number<'_>>, u8, Number<'_>)> {
    let text = text.strip_suffix("esr").unwrap_or(text);
    let letters_at =
        text.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(text.len());
    let (numbers, suffix) = text.split_at(letters_at);
    let (stage, number) = match suffix.split_at_checked(1) {
        None => (RELEASE, Number::ZERO),
        Some(("a", number)) => (0, Number::parse(number)?),
        Some(("b", number)) => (1, Number::parse(number)?),
        Some(_) => return None,
    };
    let numbers: Option<Vec<_>> = numbers.split('.').map(Number::parse).collect();
    Some((without_zeros(numbers?), stage, number))
}

const RELEASE: u8 = 2;
