//! Which commit a git checkout is at, read by hand: git need not be there, and nothing of the checkout is run.

use std::path::{Path, PathBuf};

/// Bytes of a small file of git.
const SMALL_BYTES_MAX: u64 = 4 * 1024;
/// Bytes of the file of packed references.
const PACKED_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Folders above the given one that are looked into.
const ABOVE_MAX: usize = 16;

/// The commit, in hex, of the checkout that a folder is or lies in; `None` when there is none, or it cannot be told.
pub(crate) fn commit_of(folder: &Path) -> Option<String> {
    let absolute = std::path::absolute(folder).ok()?;
    let found = absolute.ancestors().take(ABOVE_MAX).map(|above| above.join(".git"));
    let git = found.filter_map(|git| git_folder(&git)).next()?;
    let head = read_small(&git.join("HEAD"))?;
    let Some(reference) = head.trim().strip_prefix("ref: ") else { return hash(&head) };
    let common = common_folder(&git);
    if !is_reference(reference) {
        return None;
    }
    let loose = [&git, &common].into_iter().find_map(|git| read_small(&git.join(reference)));
    loose.as_deref().and_then(hash).or_else(|| packed(&common, reference))
}

/// The folder itself, or the one that a file of this name points to (worktrees, submodules).
fn git_folder(git: &Path) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git.to_owned());
    }
    let text = read_small(git)?;
    let target = text.trim().strip_prefix("gitdir: ")?;
    let folder = git.parent()?.join(target);
    folder.is_dir().then_some(folder)
}

/// Where a worktree shares its references with others.
fn common_folder(git: &Path) -> PathBuf {
    let shared = read_small(&git.join("commondir"));
    shared.map_or_else(|| git.to_owned(), |text| git.join(text.trim()))
}

/// A reference is a path below `refs`, and nothing in it leads elsewhere.
fn is_reference(text: &str) -> bool {
    let sound = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\0');
    text.starts_with("refs/") && text.split('/').all(sound)
}

fn packed(common: &Path, reference: &str) -> Option<String> {
    let text = read(&common.join("packed-refs"), PACKED_BYTES_MAX)?;
    let line = text.lines().find_map(|line| {
        let (commit, name) = line.split_once(' ')?;
        (name == reference).then_some(commit)
    });
    line.and_then(hash)
}

/// A commit's name: 40 or 64 hexadecimal digits.
fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| text.to_ascii_lowercase())
}

fn read_small(path: &Path) -> Option<String> {
    read(path, SMALL_BYTES_MAX)
}

fn read(path: &Path, bytes_max: u64) -> Option<String> {
    let meta = std::fs::metadata(path).ok()?;
    (meta.is_file() && meta.len() <= bytes_max).then(|| std::fs::read_to_string(path).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn checkout(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        folder
    }

    #[test]
    fn a_checkout_says_its_commit_in_every_form_that_git_writes() {
        let line = format!("{COMMIT}\n");
        let packed = format!("# pack-refs with: peeled\n{COMMIT} refs/heads/main\n^{COMMIT}\n");
        let cases: [&[(&str, &str)]; 4] = [
            &[(".git/HEAD", &line)],
            &[(".git/HEAD", "ref: refs/heads/main\n"), (".git/refs/heads/main", &line)],
            &[(".git/HEAD", "ref: refs/heads/main\n"), (".git/packed-refs", &packed)],
            &[
                (".git", "gitdir: other/worktrees/w\n"),
                ("other/worktrees/w/HEAD", "ref: refs/heads/main\n"),
                ("other/worktrees/w/commondir", "../..\n"),
                ("other/packed-refs", &packed),
            ],
        ];
        for files in cases {
            let folder = checkout(files);
            std::fs::create_dir_all(folder.path().join("rules/windows")).expect("made");
            for place in ["", "rules/windows"] {
                let found = commit_of(&folder.path().join(place));
                assert_eq!(found.as_deref(), Some(COMMIT), "{files:?}");
            }
        }
    }

    #[test]
    fn what_is_no_commit_is_none() {
        for head in [
            "ref: ../../secret",
            "ref: refs/heads/../../../secret",
            "ref: refs//x",
            "not a commit",
            "",
        ] {
            let folder = checkout(&[(".git/HEAD", head), ("secret", COMMIT)]);
            assert_eq!(commit_of(folder.path()), None, "{head}");
        }
    }
}
