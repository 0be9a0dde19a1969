//! Programs that belong to no package and were run: what is known of them, and what is to be told. Pure.

use model::{
    Timestamp,
    inventory::{InventoryItem, InventoryMessage, ItemsDigest, SoftwareSource},
};
use sensor::inventory::{FileId, Program};
use std::collections::BTreeMap;

/// What is known of a program.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Known {
    /// As it was told.
    pub item: InventoryItem,
    /// Its file, when it was seen at its path; without, the file was already gone, or lies in a container.
    pub file: Option<FileId>,
    /// When it was last told that it ran.
    pub told_at: Timestamp,
}

/// The programs that are known, by path.
#[derive(Debug, Default)]
pub struct Programs {
    known: BTreeMap<String, Known>,
    digest: ItemsDigest,
    /// Left out because there were too many.
    forgotten: u64,
}

/// A program is told again when it runs a day later; one without a visible file is kept as long.
pub const AGAIN_AFTER_NS: i64 = 24 * 3_600 * 1_000_000_000;
/// Programs that are known at most.
pub const PROGRAMS_MAX: usize = 10_000;

impl Programs {
    /// Whether a run of this program, whose file is this one now, is worth a look.
    #[must_use]
    pub fn is_news(&self, path: &str, file: Option<FileId>, now: Timestamp) -> bool {
        let Some(known) = self.known.get(path) else { return true };
        known.file.is_none() || known.file != file || is_old(known.told_at, now)
    }

    /// A program was run. `file` is what lies at its path now, `program` what its file says, unless nobody
    /// could read it. Returns what is to be told, if anything.
    pub fn ran(
        &mut self,
        path: &str,
        user: &str,
        program: Option<&Program>,
        file: Option<FileId>,
        now: Timestamp,
    ) -> Option<InventoryMessage> {
        let mut item = item(path, user, program);
        // As it is told: very long paths are cut.
        let path = item.path.as_str();
        // Visible: what runs is what lies there.
        let file = program
            .map(|program| program.id)
            .filter(|id| file.is_some_and(|found| found.is_same_file(id)));
        let Some(known) = self.known.get_mut(path) else {
            self.make_room();
            self.put(Known { item: item.clone(), file, told_at: now });
            return Some(InventoryMessage::Added { item });
        };
        // Whose it was first stays; and what could not be read this time is known from before.
        item.user.clone_from(&known.item.user);
        if program.is_none() {
            item = known.item.clone();
        }
        let same = item == known.item;
        // A run that ended, or whose file was taken away, before anybody looked says nothing of where the file
        // lies: the next look for what is gone must still ask for the file that was seen there.
        let looked_at = program.map(|program| program.id);
        if file.is_some() || looked_at.is_some_and(|id| known.file != Some(id)) {
            known.file = file;
        }
        let file = known.file;
        if same && !is_old(known.told_at, now) {
            return None;
        }
        self.put(Known { item: item.clone(), file, told_at: now });
        Some(InventoryMessage::Changed { item, previous_version: String::new() })
    }

    /// What is not there any more: the file is gone or another one, or it was never visible and has not run
    /// for a day. `file_at` asks what lies at a path; an error means that nobody knows.
    pub fn gone(
        &mut self,
        now: Timestamp,
        mut file_at: impl FnMut(&str) -> std::io::Result<Option<FileId>>,
    ) -> Vec<InventoryMessage> {
        let mut messages = Vec::new();
        let is_gone = |(path, known): (&String, &Known)| {
            let gone = match known.file {
                // A new mode or a second name is no removal.
                Some(file) => file_at(path)
                    .is_ok_and(|found| found.is_none_or(|found| !found.is_same_file(&file))),
                None => is_old(known.told_at, now),
            };
            gone.then(|| path.clone())
        };
        let paths: Vec<String> = self.known.iter().filter_map(is_gone).collect();
        for path in paths {
            if let Some(known) = self.take(&path) {
                messages.push(InventoryMessage::Removed { item: known.item });
            }
        }
        messages
    }

    /// Takes over what was known before, without a word.
    pub fn put(&mut self, known: Known) {
        let path = known.item.path.clone();
        self.take(&path);
        self.digest.add(&known.item);
        self.known.insert(path, known);
    }

    /// Forgets a program.
    pub fn take(&mut self, path: &str) -> Option<Known> {
        let known = self.known.remove(path)?;
        self.digest.remove(&known.item);
        Some(known)
    }

    /// What is known of a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Known> {
        self.known.get(path)
    }

    /// Everything known, by path.
    pub fn iter(&self) -> impl Iterator<Item = &Known> {
        self.known.values()
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The digest over all items.
    #[must_use]
    pub const fn digest(&self) -> ItemsDigest {
        self.digest
    }

    /// How many had to be forgotten to make room.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The program that was told the longest ago makes room; its item is not told as removed, because nobody
    /// knows that it is.
    fn make_room(&mut self) {
        if self.known.len() < PROGRAMS_MAX {
            return;
        }
        let oldest = self.known.iter().min_by_key(|(_, known)| known.told_at);
        if let Some(path) = oldest.map(|(path, _)| path.clone()) {
            self.take(&path);
            self.forgotten += 1;
        }
    }
}

fn is_old(told_at: Timestamp, now: Timestamp) -> bool {
    // A clock that was set back must not silence a program for ever.
    now.nanos().saturating_sub(told_at.nanos()).unsigned_abs() >= AGAIN_AFTER_NS.unsigned_abs()
}

fn item(path: &str, user: &str, program: Option<&Program>) -> InventoryItem {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut item = InventoryItem {
        path: path.to_owned(),
        user: user.to_owned(),
        ..InventoryItem::new(SoftwareSource::Executed, path, name)
    };
    if let Some(program) = program {
        program.architecture.clone_into(&mut item.architecture);
        item.sha256.clone_from(&program.sha256);
        item.origin_url.clone_from(&program.origin_url);
        item.size_bytes = Some(program.id.size);
        item.installed_at = Some(program.changed_at());
        if program.is_appimage {
            "appimage".clone_into(&mut item.install_source);
        }
    }
    item.bounded()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_nanos(hours * HOUR)
    }

    fn program(inode: u64) -> Program {
        Program {
            id: FileId { device: 1, inode, size: 9, changed_ns: 5, status_ns: 7 },
            sha256: format!("{inode:064}"),
            architecture: "amd64",
            is_appimage: false,
            origin_url: String::new(),
        }
    }

    fn told(message: Option<InventoryMessage>) -> Option<&'static str> {
        message.map(|message| message.kind_and_fields().0.name())
    }

    #[test]
    fn first_run_is_added_the_next_day_changed_new_content_at_once() {
        let mut programs = Programs::default();
        let mut run = |inode, hours| {
            let program = program(inode);
            told(programs.ran("/home/a/x", "a", Some(&program), Some(program.id), at(hours)))
        };
        assert_eq!(run(1, 0), Some("software_added"));
        assert_eq!(run(1, 1), None);
        assert_eq!(run(1, 24), Some("software_changed"));
        assert_eq!(run(1, 25), None);
        assert_eq!(run(2, 26), Some("software_changed"));
        assert_eq!(run(2, -99), Some("software_changed"), "a clock that was set back");
        let item = &programs.get("/home/a/x").expect("is known").item;
        assert_eq!((item.name.as_str(), item.user.as_str()), ("x", "a"));
        assert_eq!(programs.digest().to_hex(), model::inventory::items_hash([item].into_iter()));
    }

    #[test]
    fn a_file_that_is_gone_or_another_is_removed_one_that_nobody_can_see_is_kept_a_day() {
        let mut programs = Programs::default();
        let seen = program(1);
        for path in ["/gone", "/other", "/same", "/unknown"] {
            programs.ran(path, "a", Some(&seen), Some(seen.id), at(0));
        }
        programs.ran("/container", "a", Some(&seen), None, at(0));
        programs.ran("/vanished", "a", None, None, at(0));
        let file_at = |path: &str| match path {
            "/gone" => Ok(None),
            "/other" => Ok(Some(program(2).id)),
            "/unknown" => Err(std::io::ErrorKind::PermissionDenied.into()),
            _ => Ok(Some(seen.id)),
        };
        let removed = |programs: &mut Programs, hours| {
            let messages = programs.gone(at(hours), file_at);
            let path = |message| match message {
                InventoryMessage::Removed { item } => item.path,
                other => panic!("{other:?}"),
            };
            messages.into_iter().map(path).collect::<Vec<_>>()
        };
        assert_eq!(removed(&mut programs, 1), ["/gone", "/other"]);
        assert_eq!(removed(&mut programs, 1), [] as [&str; 0]);
        assert_eq!(removed(&mut programs, 24), ["/container", "/vanished"]);
        assert!(!programs.is_news("/same", Some(seen.id), at(1)));
        assert!(programs.is_news("/same", Some(program(2).id), at(1)));
        assert!(programs.is_news("/gone", Some(seen.id), at(1)));
    }

    #[test]
    fn a_file_removed_right_after_its_second_run_is_told_as_removed() {
        let seen = program(1);
        // The second run is looked at when the file is gone: its process has ended, or still holds the file.
        for second in [None, Some(&seen)] {
            let mut programs = Programs::default();
            programs.ran("/x", "a", Some(&seen), Some(seen.id), at(0));
            assert_eq!(told(programs.ran("/x", "a", second, None, at(1))), None);
            let gone = programs.gone(at(1), |_| Ok(None));
            assert!(matches!(&gone[..], [InventoryMessage::Removed { .. }]), "{gone:?}");
        }
        // Another file ran from there and is gone: nobody knows whether it still lies somewhere.
        let mut programs = Programs::default();
        programs.ran("/x", "a", Some(&seen), Some(seen.id), at(0));
        let other = program(2);
        assert_eq!(
            told(programs.ran("/x", "a", Some(&other), None, at(1))),
            Some("software_changed")
        );
        assert_eq!(programs.gone(at(1), |_| Ok(None)), []);
    }

    #[test]
    fn what_changed_under_its_old_time_is_looked_at_and_not_taken_for_gone() {
        let mut programs = Programs::default();
        let seen = program(1);
        programs.ran("/x", "a", Some(&seen), Some(seen.id), at(0));
        let touched = FileId { status_ns: 8, ..seen.id };
        assert!(programs.is_news("/x", Some(touched), at(1)));
        assert_eq!(programs.gone(at(1), |_| Ok(Some(touched))), []);
        let rewritten = Program { id: touched, sha256: "f".repeat(64), ..seen };
        let said = programs.ran("/x", "a", Some(&rewritten), Some(touched), at(1));
        assert_eq!(told(said), Some("software_changed"));
        assert!(!programs.is_news("/x", Some(touched), at(1)));
    }

    #[test]
    fn what_could_not_be_read_again_keeps_its_hash() {
        let mut programs = Programs::default();
        let seen = program(1);
        programs.ran("/x", "a", Some(&seen), Some(seen.id), at(0));
        assert_eq!(told(programs.ran("/x", "b", None, None, at(1))), None);
        assert_eq!(programs.get("/x").expect("known").item.sha256, seen.sha256);
    }

    #[test]
    fn ten_thousand_programs_do_not_hide_the_next_one() {
        let mut programs = Programs::default();
        let seen = program(1);
        for number in 0..=PROGRAMS_MAX {
            let path = format!("/{number}");
            let now = Timestamp::from_nanos(i64::try_from(number).expect("small"));
            let message = programs.ran(&path, "a", Some(&seen), Some(seen.id), now);
            assert_eq!(told(message), Some("software_added"));
        }
        assert_eq!((programs.len(), programs.forgotten()), (PROGRAMS_MAX, 1));
        assert!(programs.get("/0").is_none());
    }
}
