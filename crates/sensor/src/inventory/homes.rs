//! Whose homes there are: those of `/etc/passwd`, and every folder of `/home`, whose owners a directory service
//! may know.

use super::Problems;
use super::tree::Tree;
use crate::limits::{FOLDER_ENTRIES_MAX, HOMES_MAX, SMALL_FILE_BYTES_MAX};
use crate::linux::text::escape;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A user's home.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) user: String,
    pub(crate) tree: Tree,
}

/// Opens every home. What can not be opened is a problem.
pub(crate) fn open(system: &Tree, problems: &mut Problems) -> Vec<Home> {
    let mut wanted: BTreeMap<PathBuf, String> = BTreeMap::new();
    match system.read(Path::new("/etc/passwd"), SMALL_FILE_BYTES_MAX) {
        Ok(Some(bytes)) => {
            for (user, home) in parse(&String::from_utf8_lossy(&bytes)) {
                wanted.entry(home).or_insert(user);
            }
        }
        Ok(None) => {}
        Err(err) => problems.say("/etc/passwd", &err),
    }
    let parent = Path::new("/home");
    match system.names(parent, FOLDER_ENTRIES_MAX) {
        Ok(names) => {
            for name in names.unwrap_or_default() {
                let user = escape(name.as_bytes()).0;
                wanted.entry(parent.join(name)).or_insert(user);
            }
        }
        Err(err) => problems.say("/home", &err),
    }
    let mut homes = Vec::new();
    for (path, user) in wanted {
        if homes.len() == HOMES_MAX {
            problems.say_words(format!("more than {HOMES_MAX} homes"));
            break;
        }
        match system.private(&path) {
            Ok(Some(tree)) => homes.push(Home { user, tree }),
            Ok(None) => {}
            Err(err) => problems.say(&path.to_string_lossy(), &err),
        }
    }
    homes
}

/// Users and their homes: people's (1000 and up) and root's. Accounts of services have no browsers.
fn parse(text: &str) -> Vec<(String, PathBuf)> {
    const PEOPLE_FROM: u32 = 1_000;
    let mut homes = Vec::new();
    for line in text.lines() {
        let parts: Vec<&str> = line.split(':').collect();
        let [user, _, uid, _, _, home, ..] = parts[..] else { continue };
        let Ok(uid) = uid.parse::<u32>() else { continue };
        let usable = home.len() > 1 && home.starts_with('/');
        if usable && (uid == 0 || uid >= PEOPLE_FROM) {
            homes.push((user.to_owned(), PathBuf::from(home)));
        }
    }
    homes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_root_have_homes_services_have_none() {
        let text = "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/var/www:/x\nalice:x:1000:1000:A,,:/home/alice:/bin/sh\nbad\nslash:x:1001:1::/:x\nrel:x:1002:1::home:x\n";
        let homes: Vec<_> = parse(text).into_iter().map(|(user, _)| user).collect();
        assert_eq!(homes, ["root", "alice"]);
    }
}
