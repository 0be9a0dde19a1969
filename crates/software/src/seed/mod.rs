//! The titles that come along: what Japanese companies really meet, with Japanese and English names, publishers,
//! identifiers, categories and official hosts.

use crate::SoftwareError;
use crate::title::Title;
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::LazyLock;

/// The titles that come along, in the order of the data file.
#[must_use]
pub fn titles() -> &'static [Title] {
    &TITLES
}

/// Reads a list of titles in the form of `titles.toml`, for example a company's own.
///
/// # Errors
/// [`SoftwareError::BadTitles`] when the text is not of that form or an id stands twice.
pub fn parse(text: &str) -> Result<Vec<Title>, SoftwareError> {
    let list: List =
        toml::from_str(text).map_err(|error| SoftwareError::BadTitles(error.to_string()))?;
    let mut seen = HashSet::new();
    for title in &list.title {
        if !seen.insert(&title.id) {
            return Err(SoftwareError::BadTitles(format!("the id {} stands twice", title.id)));
        }
    }
    Ok(list.title)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    title: Vec<Title>,
}

static TITLES: LazyLock<Vec<Title>> = LazyLock::new(|| {
    parse(include_str!("titles.toml"))
        .expect("invariant: the data file is part of the source and read by every test")
});
