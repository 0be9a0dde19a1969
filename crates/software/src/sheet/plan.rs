//! What importing a sheet would do to the titles that are already there.

use super::read::{Preview, Reading};
use crate::identify::{Observed, Outcome};
use crate::search::{Hit, How};
use crate::title::TitleId;
use crate::titles::Titles;
use std::collections::HashMap;

/// Where a row of a sheet goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It is this title.
    Known(TitleId),
    /// It may be one of these; somebody must say.
    Ambiguous(Vec<Hit>),
    /// It becomes a new title.
    New,
    /// It is the same title as an earlier row, under another name.
    SameAs {
        /// The earlier row's line.
        line: u64,
        /// The title.
        title: TitleId,
    },
    /// It is not imported; the row's reading says why.
    Left,
}

/// The place of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The row's line in the file.
    pub line: u64,
    /// Where it goes.
    pub place: Place,
}

impl Preview {
    /// Says of every row where it goes, in the order of the rows.
    #[must_use]
    pub fn plan(&self, titles: &Titles) -> Vec<Plan> {
        let mut taken: HashMap<(TitleId, String), u64> = HashMap::new();
        self.rows
            .iter()
            .map(|row| {
                let Reading::Title(read) = &row.reading else {
                    return Plan { line: row.line, place: Place::Left };
                };
                let place = match place_of(titles, read) {
                    Place::Known(title) => {
                        match taken.get(&(title.clone(), read.version.clone())) {
                            Some(line) => Place::SameAs { line: *line, title },
                            None => {
                                taken.insert((title.clone(), read.version.clone()), row.line);
                                Place::Known(title)
                            }
                        }
                    }
                    other => other,
                };
                Plan { line: row.line, place }
            })
            .collect()
    }
}

fn place_of(titles: &Titles, read: &super::SheetTitle) -> Place {
    for identifier in &read.identifiers {
        if let [title] = titles.by_identifier(identifier).as_slice() {
            return Place::Known(title.id.clone());
        }
    }
    let observed = Observed {
        name: &read.name,
        publisher: &read.publisher,
        origin_url: &read.url,
        ..Observed::default()
    };
    let identified = titles.identify(&observed);
    if let Outcome::Confirmed(title) = identified.outcome {
        return Place::Known(title);
    }
    // A list is written by the company's own people: a name that fits exactly one title is enough here, unless the
    // publisher says otherwise.
    let hits = titles.similar(&read.name);
    let differs = |title: &TitleId| {
        identified
            .evidence
            .iter()
            .any(|one| one.title == *title && one.kind == crate::EvidenceKind::PublisherDiffers)
    };
    let exact: Vec<&Hit> = hits.iter().filter(|hit| hit.how == How::Exact).collect();
    match exact.as_slice() {
        [one] if !differs(&one.title) => Place::Known(one.title.clone()),
        [] if hits.iter().all(|hit| hit.how != How::Typo) => Place::New,
        _ => Place::Ambiguous(hits),
    }
}
