//! Values of attributes: ANY, NA, or a string in which punctuation is quoted and wildcards stand at the ends.

use super::bad;
use crate::SoftwareError;

/// The value of an attribute. A string that exists is well formed: letters, digits and underscores as they are, other
/// printable ASCII after a backslash, `*` and `?` without one only at its ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Value {
    /// Every value.
    #[default]
    Any,
    /// Not applicable.
    Na,
    /// A string.
    Text(Text),
}

/// The string of a [`Value`], quoted, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(String);

/// One character of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Stands for itself.
    Literal(char),
    /// `?`: one character or none.
    One,
    /// `*`: any characters or none.
    Many,
}

impl Value {
    /// A string in a WFN's own notation.
    ///
    /// # Errors
    /// [`SoftwareError::BadCpe`].
    pub fn quoted(text: &str) -> Result<Self, SoftwareError> {
        let mut units = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            units.push(match character {
                '\\' => Unit::Literal(
                    characters.next().ok_or_else(|| bad("nothing follows the backslash", text))?,
                ),
                '*' => Unit::Many,
                '?' => Unit::One,
                plain if plain.is_ascii_alphanumeric() || plain == '_' => Unit::Literal(plain),
                _ => return Err(bad("punctuation needs a backslash", text)),
            });
        }
        Self::of_units(&units, text)
    }

    /// A string of which every character stands for itself, for example a version as an inventory has it.
    ///
    /// # Errors
    /// [`SoftwareError::BadCpe`] for an empty text, a lone hyphen, and what is not printable ASCII.
    pub fn literal(text: &str) -> Result<Self, SoftwareError> {
        let units: Vec<Unit> = text.chars().map(Unit::Literal).collect();
        Self::of_units(&units, text)
    }

    /// The quoted string, when it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(&text.0),
            Self::Any | Self::Na => None,
        }
    }

    pub(super) fn of_units(units: &[Unit], shown: &str) -> Result<Self, SoftwareError> {
        if units.is_empty() {
            return Err(bad("a value is empty", shown));
        }
        if matches!(units, [Unit::Literal('-')]) {
            return Err(bad("a hyphen alone means NA and cannot be a value", shown));
        }
        let last = units.len() - 1;
        let first_inner = units.iter().position(|unit| *unit != Unit::One).unwrap_or(units.len());
        let last_inner = units.iter().rposition(|unit| *unit != Unit::One).unwrap_or(0);
        let mut text = String::with_capacity(units.len());
        for (place, unit) in units.iter().enumerate() {
            match unit {
                Unit::Many if place != 0 && place != last => {
                    return Err(bad("an asterisk stands inside a value", shown));
                }
                Unit::One if place > first_inner && place < last_inner => {
                    return Err(bad("a question mark stands inside a value", shown));
                }
                Unit::Many => text.push('*'),
                Unit::One => text.push('?'),
                Unit::Literal(plain) if plain.is_ascii_alphanumeric() || *plain == '_' => {
                    text.push(plain.to_ascii_lowercase());
                }
                Unit::Literal(quoted) if quoted.is_ascii_graphic() => {
                    text.push('\\');
                    text.push(*quoted);
                }
                Unit::Literal(_) => return Err(bad("a character is not printable ASCII", shown)),
            }
        }
        if units.iter().filter(|unit| **unit == Unit::Many).count() == units.len() {
            return Err(bad("asterisks alone mean ANY", shown));
        }
        Ok(Self::Text(Text(text)))
    }

    pub(super) fn units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        let mut characters = self.text().unwrap_or_default().chars();
        while let Some(character) = characters.next() {
            units.push(match character {
                '\\' => Unit::Literal(characters.next().unwrap_or('\\')),
                '*' => Unit::Many,
                '?' => Unit::One,
                plain => Unit::Literal(plain),
            });
        }
        units
    }
}
