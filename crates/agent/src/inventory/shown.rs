//! The inventory for people: what would be told, and whether each source can be read.

use crate::{
    error::AgentError,
    home::Home,
    inventory::ledger::{Ledger, Line},
};
use model::inventory::{InventoryItem, SoftwareSource};
use sensor::inventory::{Memory, Place, READABLE, Reading, State};
use std::{collections::BTreeMap, fmt::Write as _, path::Path};

/// Reads sources of the machine whose root folder this is, one or all.
///
/// # Errors
/// [`AgentError::File`] when the folder can not be opened.
pub fn read(
    root: &Path,
    only: Option<SoftwareSource>,
) -> Result<Vec<(SoftwareSource, Reading)>, AgentError> {
    let place = Place::new(root).map_err(AgentError::file("open", root))?;
    let look = place.look();
    let mut memory = Memory::default();
    let wanted = READABLE.into_iter().filter(|source| only.is_none_or(|only| only == *source));
    Ok(wanted.map(|source| (source, look.read(source, &mut memory))).collect())
}

/// The programs without a package that the agent of this directory knows to have run.
///
/// # Errors
/// [`AgentError::File`] when its journal can not be read.
pub fn programs(home: &Home) -> Result<Vec<InventoryItem>, AgentError> {
    let mut known = BTreeMap::new();
    for line in Ledger::open(home)?.programs()? {
        match line {
            Line::Known(program) => {
                known.insert(program.item.path.clone(), program.item);
            }
            Line::Gone(path) => {
                known.remove(&path);
            }
        }
    }
    Ok(known.into_values().collect())
}

/// A source in words: how many items, and whether that is all.
#[must_use]
pub fn words(source: SoftwareSource, reading: &Reading) -> String {
    let (name, count) = (source.name(), reading.items.len());
    match &reading.state {
        State::Absent(what) => format!("{name}: absent ({})", harmless(what)),
        State::Whole => format!("{name}: {count} items"),
        State::Partial(why) => format!("{name}: {count} items, not all: {}", harmless(why)),
    }
}

/// An item as a block of lines.
#[must_use]
pub fn item(item: &InventoryItem) -> String {
    let mut text = format!("  {}\n", harmless(&item.key));
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing into a text does not fail.
            let written = writeln!(text, "      {name:<12} {}", harmless(value));
            debug_assert!(written.is_ok());
        }
    };
    line("name", &item.name);
    line("version", &item.version);
    line("publisher", &item.publisher);
    line("identifier", &item.identifier);
    line("path", &item.path);
    line("user", &item.user);
    line("permissions", &item.permissions.join(", "));
    line("source", &item.install_source);
    line("origin", &item.origin_url);
    line("sha256", &item.sha256);
    line("enabled", item.enabled.map_or("", |enabled| if enabled { "yes" } else { "no" }));
    text
}

/// Text that does nothing to a terminal and reads in the order in which it is stored.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}');
        if character.is_control() || turns {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_nothing_to_a_terminal() {
        let mut hostile =
            InventoryItem::new(SoftwareSource::Chrome, "k\n", "\u{1b}]0;x\u{7}a\u{202e}exe.日本");
        hostile.enabled = Some(false);
        let text = item(&hostile);
        assert!(text.contains("\\u{1b}]0;x\\u{7}a\\u{202e}exe.日本"), "{text}");
        assert_eq!(text.lines().count(), 3);
    }
}
