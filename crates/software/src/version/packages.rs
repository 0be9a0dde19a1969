//! The orders of Debian and RPM packages, which are total on all texts by themselves.

use super::order::Number;
use std::cmp::Ordering;

/// deb-version(7): epoch as a number, then upstream version and revision by the same comparison.
pub(super) fn debian(left: &str, right: &str) -> Ordering {
    let (left_epoch, left) = epoch(left);
    let (right_epoch, right) = epoch(right);
    let (left_upstream, left_revision) = left.rsplit_once('-').unwrap_or((left, ""));
    let (right_upstream, right_revision) = right.rsplit_once('-').unwrap_or((right, ""));
    left_epoch
        .cmp(&right_epoch)
        .then_with(|| debian_part(left_upstream, right_upstream))
        .then_with(|| debian_part(left_revision, right_revision))
}

/// Epoch, version and release; a release counts only when both have one, as `rpm` itself compares them, but here
/// a missing one is older so that the order is total.
pub(super) fn rpm(left: &str, right: &str) -> Ordering {
    let (left_epoch, left) = epoch(left);
    let (right_epoch, right) = epoch(right);
    let (left_version, left_release) = left.rsplit_once('-').unwrap_or((left, ""));
    let (right_version, right_release) = right.rsplit_once('-').unwrap_or((right, ""));
    left_epoch
        .cmp(&right_epoch)
        .then_with(|| rpm_part(left_version, right_version))
        .then_with(|| rpm_part(left_release, right_release))
}

fn epoch(text: &str) -> (Number<'_>, &str) {
    match text.split_once(':') {
        Some((epoch, rest))
            if !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (Number::new(epoch), rest)
        }
        _ => (Number::ZERO, text),
    }
}

/// Alternately a part without digits, by [`weight`], and a number.
fn debian_part(mut left: &str, mut right: &str) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = until(left, |character| character.is_ascii_digit());
        let (right_text, right_rest) = until(right, |character| character.is_ascii_digit());
        let (mut left_chars, mut right_chars) = (left_text.chars(), right_text.chars());
        loop {
            let (one, other) = (left_chars.next(), right_chars.next());
            match weight(one).cmp(&weight(other)) {
                Ordering::Equal if one.is_none() => break,
                Ordering::Equal => {}
                decided => return decided,
            }
        }
        let (left_digits, left_rest) = until(left_rest, |character| !character.is_ascii_digit());
        let (right_digits, right_rest) = until(right_rest, |character| !character.is_ascii_digit());
        match Number::new(left_digits).cmp(&Number::new(right_digits)) {
            Ordering::Equal => {}
            decided => return decided,
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

/// A tilde before the end, the end before letters, letters before everything else.
fn weight(character: Option<char>) -> u32 {
    match character {
        Some('~') => 0,
        None => 1,
        Some(letter) if letter.is_ascii_alphabetic() => 2 + u32::from(letter),
        Some(other) => 0x200 + u32::from(other),
    }
}

fn until(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

/// One segment of `rpmvercmp`, in the order of age; the end of the text stands among them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Tilde,
    End,
    Caret,
    Word(&'a str),
    Number(Number<'a>),
}

fn rpm_part(mut left: &str, mut right: &str) -> Ordering {
    loop {
        let (one, left_rest) = segment(left);
        let (other, right_rest) = segment(right);
        match one.cmp(&other) {
            Ordering::Equal if one == Segment::End => return Ordering::Equal,
            Ordering::Equal => (left, right) = (left_rest, right_rest),
            decided => return decided,
        }
    }
}

fn segment(text: &str) -> (Segment<'_>, &str) {
    let text = text.trim_start_matches(|character: char| {
        !character.is_ascii_alphanumeric() && !matches!(character, '~' | '^')
    });
    match text.chars().next() {
        None => (Segment::End, text),
        Some('~') => (Segment::Tilde, text.get(1..).unwrap_or_default()),
        Some('^') => (Segment::Caret, text.get(1..).unwrap_or_default()),
        Some(first) if first.is_ascii_digit() => {
            let (digits, rest) = until(text, |character| !character.is_ascii_digit());
            (Segment::Number(Number::new(digits)), rest)
        }
        Some(_) => {
            let (letters, rest) = until(text, |character| !character.is_ascii_alphabetic());
            (Segment::Word(letters), rest)
        }
    }
}
