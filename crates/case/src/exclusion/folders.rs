//! The wizard for programs without a package: folders in which people build or keep programs of the company's own.
//!
//! Whoever compiles runs hundreds of new programs a day, all from a few folders. Each such folder is proposed once, the
//! one below the home of several people with `*` for the person.
//!
//! Invariant: where downloads land (temporary folders, downloads, the desktop) is never proposed, nor a whole home.

use super::Class;
use super::wizard::{GROUP_ITEMS_MIN, Proposal};
use crate::predicate::{Operator, Predicate};
use model::inventory::SoftwareSource;
use std::collections::{BTreeMap, BTreeSet};

/// A program without a package that was run on a device and needs an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its path.
    pub path: String,
    /// Who ran it first.
    pub user: String,
    /// The device.
    pub device: String,
}

/// Proposes folders, the one with most programs first. `devices`: how many were looked at.
#[must_use]
pub fn propose_folders(ran: &[Ran], devices: u64) -> Vec<Proposal> {
    let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
    for one in ran {
        let Some(folder) = Folder::of(&one.path) else { continue };
        let group = groups.entry(folder.anybody()).or_default();
        group.programs.insert(&one.path);
        group.users.insert(&one.user);
        group.devices.insert(&one.device);
        group.installed += 1;
        group.folders.insert(folder.own());
    }
    let everybody = ran.iter().map(|one| one.user.as_str()).collect::<BTreeSet<_>>().len();
    let mut proposals: Vec<Proposal> = groups
        .iter()
        .filter(|(_, group)| group.programs.len() >= GROUP_ITEMS_MIN)
        .map(|(anybody, group)| group.proposal(anybody, everybody, devices))
        .collect();
    proposals.sort_by_key(|one| std::cmp::Reverse(one.items));
    proposals.truncate(FOLDERS_MAX);
    proposals
}

#[derive(Default)]
struct Group<'a> {
    programs: BTreeSet<&'a str>,
    users: BTreeSet<&'a str>,
    devices: BTreeSet<&'a str>,
    folders: BTreeSet<String>,
    installed: u64,
}

impl Group<'_> {
    fn proposal(&self, anybody: &str, everybody: usize, devices: u64) -> Proposal {
        let (op, folder) = match self.folders.first().filter(|_| self.folders.len() == 1) {
            Some(own) => (Operator::StartsWith, own.as_str()),
            None => (Operator::Glob, anybody),
        };
        let value = if op == Operator::Glob { format!("{folder}*") } else { folder.to_owned() };
        let sources = [SoftwareSource::Executed, SoftwareSource::AppImage];
        let sources = sources.map(|source| source.name().to_owned()).to_vec();
        let (programs, users) = (self.programs.len(), self.users.len());
        let percent = share(users as u64, everybody as u64);
        Proposal {
            class: Class::InHouse,
            predicate: Predicate::All(vec![
                Predicate::one_of("source", Operator::Equals, sources),
                Predicate::is("path", op, &value),
            ]),
            reason_ja: format!(
                "{folder} から実行された {programs} 件のプログラム（社内でビルドしたもの。利用者 {users} 人、{percent}%）"
            ),
            reason_en: format!(
                "{programs} programs run from {folder} by {users} people ({percent} %): built in the company"
            ),
            items: programs as u64,
            installed: self.installed,
            devices_percent: share(self.devices.len() as u64, devices),
            broad: true,
        }
    }
}

fn share(part: u64, whole: u64) -> u8 {
    let percent = part.saturating_mul(100).checked_div(whole).unwrap_or(0).min(100);
    u8::try_from(percent).unwrap_or(100)
}

/// The folder that a program is counted to.
struct Folder<'a> {
    /// Below `/home`: whose.
    user: Option<&'a str>,
    /// The rest, or the whole path elsewhere.
    parts: Vec<&'a str>,
}

impl<'a> Folder<'a> {
    /// The build folder above a program, else the folder that it lies in; `None` where strangers' programs land.
    fn of(path: &'a str) -> Option<Self> {
        let inside = path.strip_prefix('/')?;
        let mut parts: Vec<&str> = inside.split('/').collect();
        parts.pop()?;
        let odd = |part: &&str| part.is_empty() || *part == ".." || part.contains(['*', '?']);
        let landing = |part: &&str| LANDINGS.iter().any(|name| part.eq_ignore_ascii_case(name));
        if parts.iter().any(|part| odd(part) || landing(part)) {
            return None;
        }
        let user = match parts.as_slice() {
            ["home", user, ..] => Some(*user),
            _ => None,
        };
        if user.is_some() {
            parts.drain(..2);
        }
        if let Some(place) = parts.iter().position(|part| BUILDS.contains(part)) {
            parts.truncate(place + 1);
        }
        let deep_enough = if user.is_some() { 1 } else { 2 };
        (parts.len() >= deep_enough).then_some(Self { user, parts })
    }

    /// With `*` for whose it is.
    fn anybody(&self) -> String {
        self.with(self.user.map(|_| "*"))
    }

    fn own(&self) -> String {
        self.with(self.user)
    }

    fn with(&self, user: Option<&str>) -> String {
        let home = user.map(|user| format!("/home/{user}")).unwrap_or_default();
        format!("{home}/{}/", self.parts.join("/"))
    }
}

/// Folders that tools make for what they build.
const BUILDS: [&str; 12] = [
    "target",
    "node_modules",
    "build",
    "dist",
    "out",
    "obj",
    "_build",
    "bazel-bin",
    "venv",
    ".venv",
    ".tox",
    "cmake-build-debug",
];
/// Folders in which a program from outside is first.
const LANDINGS: [&str; 7] =
    ["tmp", "shm", "downloads", "download", "desktop", "ダウンロード", "デスクトップ"];
const FOLDERS_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::{ITEM_FIELDS, ItemFacts};
    use model::inventory::InventoryItem;

    fn ran(path: &str, user: &str) -> Ran {
        Ran { path: path.to_owned(), user: user.to_owned(), device: format!("pc-{user}") }
    }

    fn covers(proposal: &Proposal, path: &str) -> bool {
        let item = InventoryItem {
            path: path.to_owned(),
            ..InventoryItem::new(SoftwareSource::Executed, path, "x")
        };
        proposal.predicate.holds(&ItemFacts { item: &item, title: None })
    }

    #[test]
    fn build_folders_are_proposed_once_each() {
        let mut all = Vec::new();
        for number in 0..40 {
            all.push(ran(&format!("/home/aoi/src/app/target/debug/deps/it-{number}"), "aoi"));
            all.push(ran(&format!("/home/ci/app/target/release/build/b{number}/run"), "root"));
        }
        let proposals = propose_folders(&all, 2);
        assert_eq!(proposals.len(), 2, "{proposals:?}");
        for proposal in &proposals {
            assert_eq!(proposal.predicate.check(ITEM_FIELDS), Ok(()));
            assert_eq!(
                (proposal.class, proposal.items, proposal.broad),
                (Class::InHouse, 40, true)
            );
            assert_eq!(proposal.devices_percent, 50);
            assert!(proposal.reason_en.contains("by 1 people (50 %)"), "{}", proposal.reason_en);
        }
        let home = proposals.iter().find(|one| one.reason_en.contains("/home/aoi/")).expect("hers");
        assert!(covers(home, "/home/aoi/src/app/target/debug/new"));
        assert!(
            !covers(home, "/home/aoi/src/app/other") && !covers(home, "/home/ren/src/app/target/x")
        );
    }

    #[test]
    fn what_several_people_build_in_the_same_place_is_one_proposal() {
        let all: Vec<Ran> = ["aoi", "ren", "yui"]
            .iter()
            .flat_map(|user| {
                (0..5)
                    .map(move |number| ran(&format!("/home/{user}/src/tool/dist/t{number}"), user))
            })
            .collect();
        let [one] = &propose_folders(&all, 4)[..] else { panic!("one") };
        assert!(covers(one, "/home/hana/src/tool/dist/t9"));
        assert!(!covers(one, "/home/hana/Downloads/dist/t9"));
        assert_eq!((one.items, one.devices_percent), (15, 75));
        assert!(one.reason_ja.contains("利用者 3 人、100%"), "{}", one.reason_ja);
    }

    #[test]
    fn where_downloads_land_and_whole_homes_are_never_proposed() {
        let mut all = Vec::new();
        for number in 0..20 {
            for folder in [
                "/tmp/x/target",
                "/home/aoi/Downloads/build",
                "/home/aoi/ダウンロード",
                "/home/aoi/Desktop",
                "/home/aoi",
                "/opt",
                "/dev/shm/build",
                "/home/aoi/a*b/target",
                "/home/aoi/../ren/target",
                "",
            ] {
                all.push(ran(&format!("{folder}/p{number}"), "aoi"));
            }
            all.push(ran("relative/target/x", "aoi"));
        }
        assert_eq!(propose_folders(&all, 1), []);
    }
}
