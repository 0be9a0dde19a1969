//! Rules from folders and from the pack that comes along with this program.

use crate::rule_packs::fault::FileFault;
use anyhow::{Context, bail};
use case::rule_life::Stage;
use control::view::detections::Said;
use control::view::rulebook::Rulebook;
use detect::{CompileOptions, Compiled, RuleSource, SuppliedFields};
use std::path::{Path, PathBuf};

/// The pack of the project, embedded: `(path, text)`.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/rule_pack.rs"));
}

/// Bytes of one rule file; a rule is a page of text.
const RULE_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Rule files in all folders together.
const RULE_FILES_MAX: usize = 100_000;

/// A rule file as read.
pub(crate) struct RuleFile {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A rule file that could not be read.
pub(crate) struct Unreadable {
    pub(crate) name: String,
    pub(crate) reason: Said,
}

/// Everything found: what could be read, and what could not with the reason.
#[derive(Default)]
pub(crate) struct RuleFiles {
    pub(crate) files: Vec<RuleFile>,
    pub(crate) unreadable: Vec<Unreadable>,
}

impl RuleFiles {
    /// The embedded pack.
    pub(crate) fn embedded() -> Self {
        let files = embedded::RULE_PACK
            .iter()
            .map(|(name, text)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() })
            .collect();
        Self { files, unreadable: Vec::new() }
    }

    /// Every `.yml` and `.yaml` under the given folders and files, except rule tests.
    pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        Self::read_matching(paths, is_rule)
    }

    fn read_matching(paths: &[PathBuf], wanted: fn(&Path) -> bool) -> anyhow::Result<Self> {
        let mut found = Self::default();
        for path in paths {
            let kind = std::fs::metadata(path).with_context(|| {
                format!("could not read the rules {}; check the path after --rules", path.display())
            })?;
            if kind.is_dir() {
                found.read_folder(path, wanted)?;
            } else {
                found.read_file(path);
            }
        }
        Ok(found)
    }

    /// Adds what another place holds.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.unreadable.extend(other.unreadable);
        self
    }

    /// Compiles them; unreadable files count as refused.
    pub(crate) fn compile(&self) -> Compiled {
        detect::compile(
            self.files.iter().map(|file| RuleSource { name: &file.name, text: &file.text }),
            &CompileOptions {
                fields: Some(SuppliedFields::of_this_version()),
                ..CompileOptions::default()
            },
        )
    }

    /// Compiles them with what people wrote: own rules, exclusions, lists. A stopped rule is loaded and not asked.
    pub(crate) fn compile_with(&self, book: &Rulebook, today: String) -> Compiled {
        let of_files =
            self.files.iter().map(|file| RuleSource { name: &file.name, text: &file.text });
        let own = book.own.iter().map(|own| RuleSource { name: &own.source, text: &own.text });
        let exclusions = book.exclusions.iter().map(|(name, text)| RuleSource { name, text });
        let stopped = book.lives.iter().filter(|(_, life)| life.stage == Stage::Stopped);
        let options = CompileOptions {
            lists: book.lists.clone(),
            today: Some(today),
            fields: Some(SuppliedFields::of_this_version()),
            stopped: stopped.map(|(id, _)| id.clone()).collect(),
        };
        detect::compile(of_files.chain(own).chain(exclusions), &options)
    }

    fn read_folder(&mut self, folder: &Path, wanted: fn(&Path) -> bool) -> anyhow::Result<()> {
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            let listing = match std::fs::read_dir(&folder) {
                Ok(listing) => listing,
                Err(err) => {
                    self.unreadable.push(Unreadable::new(&folder, &FileFault::Io(err)));
                    continue;
                }
            };
            let mut entries: Vec<_> = listing.filter_map(Result::ok).collect();
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries {
                let path = entry.path();
                // Links are followed for files only: a link to a folder may lead in a circle.
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && entry.file_name() == ".git" => {}
                    Ok(kind) if kind.is_dir() => open.push(path),
                    Ok(_) if wanted(&path) => self.read_file(&path),
                    _ => {}
                }
                if self.files.len() > RULE_FILES_MAX {
                    bail!("more than {RULE_FILES_MAX} rule files; name a smaller folder");
                }
            }
        }
        self.files.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(())
    }

    fn read_file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let refused = |fault: &FileFault| Unreadable::new(path, fault);
        match std::fs::metadata(path) {
            Err(err) => return self.unreadable.push(refused(&FileFault::Io(err))),
            Ok(meta) if meta.len() > RULE_FILE_BYTES_MAX => {
                let fault = FileFault::TooLarge { bytes_max: RULE_FILE_BYTES_MAX };
                return self.unreadable.push(refused(&fault));
            }
            Ok(_) => {}
        }
        match std::fs::read_to_string(path) {
            Ok(text) => self.files.push(RuleFile { name, text }),
            Err(err) => self.unreadable.push(refused(&FileFault::Io(err))),
        }
    }
}

impl Unreadable {
    pub(crate) fn new(path: &Path, fault: &FileFault) -> Self {
        Self { name: path.display().to_string(), reason: fault.words() }
    }
}

/// The test files beside rules.
pub(crate) struct RuleTests {
    pub(crate) files: Vec<RuleFile>,
}

impl RuleTests {
    /// The tests of the embedded pack.
    pub(crate) fn embedded() -> Self {
        let files = embedded::RULE_PACK_TESTS
            .iter()
            .map(|(name, text)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned() })
            .collect();
        Self { files }
    }

    /// Every `.test.yml` under the given folders.
    pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let found = RuleFiles::read_matching(paths, is_rule_test)?;
        if let Some(file) = found.unreadable.first() {
            bail!("could not read {}: {}", file.name, file.reason.en);
        }
        let files =
            found.files.into_iter().filter(|file| is_rule_test(Path::new(&file.name))).collect();
        Ok(Self { files })
    }
}

/// A rule's file name: YAML, and not a rule test.
pub(crate) fn is_rule(path: &Path) -> bool {
    let yaml = path.extension().is_some_and(|ext| ext == "yml" || ext == "yaml");
    yaml && !is_rule_test(path)
}

/// A rule test's file name.
fn is_rule_test(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".test.yml") || name.ends_with(".test.yaml")
}
