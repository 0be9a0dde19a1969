//! What software is on this machine: packages, browser extensions of every user and profile, AppImages.
//!
//! [`Place`] is where to look, [`Place::look`] opens the homes for one look; [`Look::fingerprint`] says
//! cheaply whether a source may have changed, [`Look::read`] reads it. Parsing is separate from opening, and
//! everything that is parsed is hostile: sizes are limited, a broken manifest costs its name and nothing
//! else, texts are kept as they are (bounded), links are not followed out of a home.
//!
//! What can not be read is never taken for empty: [`State::Partial`] says what and why.

mod appimage;
mod chromium;
mod dpkg;
mod executable;
mod firefox;
mod flatpak;
mod helper;
mod homes;
mod manifest;
mod origins;
mod packaged;
mod rpm;
mod snap;
mod stanzas;
mod tree;
mod whereabouts;

pub use executable::{Examined, FileId, Hashes, Program, examine};
pub use packaged::Packaged;
pub use whereabouts::{Whereabouts, is_flatpak_of_user, whereabouts};

use crate::limits::PROBLEMS_SAID_MAX;
use model::inventory::{InventoryItem, SoftwareSource};
use model::limits::INVENTORY_ITEMS_MAX;
use std::hash::{DefaultHasher, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use tree::Tree;

/// The sources that lie on the disk: all but the executed programs, which are watched.
pub const READABLE: [SoftwareSource; 12] = [
    SoftwareSource::Dpkg,
    SoftwareSource::Rpm,
    SoftwareSource::Flatpak,
    SoftwareSource::Snap,
    SoftwareSource::AppImage,
    SoftwareSource::Chrome,
    SoftwareSource::Chromium,
    SoftwareSource::Edge,
    SoftwareSource::Brave,
    SoftwareSource::Vivaldi,
    SoftwareSource::Opera,
    SoftwareSource::Firefox,
];

/// How much of a source was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There is no such thing on this machine; what was looked for.
    Absent(String),
    /// All of it.
    Whole,
    /// Not all of it, and why.
    Partial(String),
}

/// What a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The items, by key, each key once.
    pub items: Vec<InventoryItem>,
    /// Whether that is all.
    pub state: State,
}

/// Where to look.
#[derive(Debug)]
pub struct Place {
    root: PathBuf,
    system: Tree,
}

/// What is remembered from one reading to the next, so that nothing is computed twice.
#[derive(Debug, Default)]
pub struct Memory {
    origins: origins::Origins,
    hashes: Hashes,
}

/// One look: the homes are open.
#[derive(Debug)]
pub struct Look<'a> {
    place: &'a Place,
    homes: Vec<homes::Home>,
    problems: Problems,
}

impl Place {
    /// The machine whose root folder this is; `/` for this one.
    ///
    /// # Errors
    /// When the folder can not be opened.
    pub fn new(root: &Path) -> io::Result<Self> {
        Ok(Self { root: root.to_owned(), system: Tree::system(root)? })
    }

    /// Begins a look.
    #[must_use]
    pub fn look(&self) -> Look<'_> {
        let mut problems = Problems::default();
        let homes = homes::open(&self.system, &mut problems);
        Look { place: self, homes, problems }
    }
}

impl Look<'_> {
    /// A number that changes when the source may have changed. Opens nothing but folders.
    #[must_use]
    pub fn fingerprint(&self, source: SoftwareSource) -> u64 {
        let mut hasher = DefaultHasher::new();
        let (system, homes) = (&self.place.system, self.homes.as_slice());
        hasher.write_usize(homes.len());
        match source {
            SoftwareSource::Dpkg => dpkg::stamp(system, &mut hasher),
            SoftwareSource::Rpm => rpm::stamp(system, &mut hasher),
            SoftwareSource::Flatpak => flatpak::stamp(system, homes, &mut hasher),
            SoftwareSource::Snap => snap::stamp(system, &mut hasher),
            SoftwareSource::AppImage => appimage::stamp(system, homes, &mut hasher),
            SoftwareSource::Firefox => firefox::stamp(homes, &mut hasher),
            SoftwareSource::Executed => {}
            browser => chromium::stamp(browser, homes, &mut hasher),
        }
        hasher.finish()
    }

    /// Reads a source. Executed programs are not on the disk as such: their reading is empty.
    #[must_use]
    pub fn read(&self, source: SoftwareSource, memory: &mut Memory) -> Reading {
        let (system, homes) = (&self.place.system, self.homes.as_slice());
        let mut found = Found::default();
        let of_homes = source.is_browser()
            || matches!(source, SoftwareSource::Flatpak | SoftwareSource::AppImage);
        if of_homes {
            found.problems = self.problems.clone();
        }
        let whole_machine = self.place.root == Path::new("/");
        match source {
            SoftwareSource::Dpkg => {
                dpkg::read(system, whole_machine, &mut memory.origins, &mut found);
            }
            SoftwareSource::Rpm => rpm::read(system, &self.place.root, &mut found),
            SoftwareSource::Flatpak => flatpak::read(system, homes, &mut found),
            SoftwareSource::Snap => snap::read(system, &mut found),
            SoftwareSource::AppImage => {
                appimage::read(system, homes, &mut memory.hashes, &mut found);
            }
            SoftwareSource::Firefox => firefox::read(homes, &mut found),
            SoftwareSource::Executed => {}
            browser => chromium::read(browser, system, homes, &mut found),
        }
        crate::linux::sys::give_back_memory();
        found.into_reading()
    }
}

/// What a reader found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    items: Vec<InventoryItem>,
    /// What was looked for and is not there; of no meaning when anything is there.
    absent: Option<String>,
    problems: Problems,
}

impl Found {
    fn push(&mut self, item: InventoryItem) {
        if self.items.len() < INVENTORY_ITEMS_MAX {
            self.items.push(item.bounded());
        } else if self.items.len() == INVENTORY_ITEMS_MAX {
            self.problems.say_words(format!("more than {INVENTORY_ITEMS_MAX} items"));
        }
    }

    fn into_reading(mut self) -> Reading {
        self.items.sort_by(|one, other| one.key.cmp(&other.key));
        // Keys are cut, and files may say the same thing twice: the first counts.
        self.items.dedup_by(|later, first| later.key == first.key);
        let state = match (self.problems.words(), self.absent) {
            (Some(why), _) => State::Partial(why),
            (None, Some(what)) if self.items.is_empty() => State::Absent(what),
            _ => State::Whole,
        };
        Reading { items: self.items, state }
    }
}

/// What could not be read: some of it in words, the rest as a number.
#[derive(Debug, Default, Clone)]
pub(crate) struct Problems {
    said: Vec<String>,
    more: usize,
}

impl Problems {
    /// Something at a path failed.
    pub(crate) fn say(&mut self, path: &str, err: &impl std::fmt::Display) {
        self.say_words(format!("{path}: {err}"));
    }

    pub(crate) fn say_words(&mut self, mut words: String) {
        const WORDS_BYTES_MAX: usize = 300;
        words.truncate(words.floor_char_boundary(WORDS_BYTES_MAX));
        if self.said.contains(&words) {
        } else if self.said.len() < PROBLEMS_SAID_MAX {
            self.said.push(words);
        } else {
            self.more += 1;
        }
    }

    fn words(&self) -> Option<String> {
        let mut words = self.said.join("; ");
        if self.more > 0 {
            words.push_str(&format!("; and {} more", self.more));
        }
        (!words.is_empty()).then_some(words)
    }
}

const _: () = assert!(PROBLEMS_SAID_MAX * 302 + 32 < model::limits::INVENTORY_TEXT_BYTES_MAX);
