//! Packs of rules: folders with a description, a version and perhaps a signature; and lists for placeholders.
//!
//! In the data folder, `rules/` holds own rules, each folder in `packs/` is a pack, and `lists/` holds values of
//! placeholders. A pack that claims a signature (`pack.sig`) must verify by a key in `packs/trusted/NAME.pub`, or
//! nothing of it is loaded. One without is loaded and marked, unless the file `packs/require-signature` is there:
//! then every pack outside of `rules/` must be signed.

pub(crate) mod git;
pub(crate) mod signature;

use crate::layout::Layout;
use crate::rule_files::{RuleFile, RuleFiles, Unreadable, is_rule};
use anyhow::{Context, bail};
use control::view::rule_lists::{PackTrust, RuleListFile, RulePack};
use detect::Compiled;
use sha2::Digest as _;
use signature::{Listing, MANIFEST_FILE, Signature};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Bytes of a description.
const MANIFEST_BYTES_MAX: u64 = 256 * 1024;
/// Characters of one text of a description.
const MANIFEST_TEXT_CHARS_MAX: usize = 1_000;
/// Authors that are shown.
const AUTHORS_MAX: usize = 50;
/// Bytes of a list of values.
const LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files of lists.
const LIST_FILES_MAX: usize = 1_000;

/// What `pack.toml` says.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    authors: Vec<String>,
}

/// Keys whose signatures are believed: public key in hex, and name.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    keys: BTreeMap<String, String>,
    /// Whether every pack must be signed.
    required: bool,
}

impl Trusted {
    /// Every `NAME.pub` of a folder, which may be absent.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut trusted = Self::default();
        if !folder.is_dir() {
            return Ok(trusted);
        }
        for path in sorted(folder)? {
            if path.extension().is_some_and(|ext| ext == "pub") {
                trusted.add(&path)?;
            }
        }
        Ok(trusted)
    }

    /// Trusts one more key, by its file.
    pub(crate) fn add(&mut self, path: &Path) -> anyhow::Result<()> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.keys.insert(signature::read_public(path)?, name);
        Ok(())
    }
}

/// Everything that rules are made of in files.
#[derive(Default)]
pub(crate) struct RuleSources {
    /// The rules.
    pub(crate) files: RuleFiles,
    /// The packs, those that were refused among them; rules and refusals are not counted yet.
    pub(crate) packs: Vec<RulePack>,
    /// The lists for placeholders.
    pub(crate) lists: Vec<RuleListFile>,
}

impl RuleSources {
    /// The embedded pack, what lies in the data folder, and the folders named.
    pub(crate) fn gather(layout: &Layout, named: &[PathBuf]) -> anyhow::Result<Self> {
        let mut sources = Self::default();
        sources.add_embedded();
        let packs = layout.rule_packs();
        let mut trusted = Trusted::read(&packs.join("trusted"))?;
        trusted.required = packs.join("require-signature").is_file();
        for folder in named {
            sources.add_pack(folder, &trusted)?;
        }
        if layout.own_rules().is_dir() {
            // Who may write there needs nobody's signature.
            let own = Trusted { required: false, ..Trusted::read(&packs.join("trusted"))? };
            sources.add_pack(&layout.own_rules(), &own)?;
        }
        if packs.is_dir() {
            for folder in sorted(&packs)? {
                let is_pack = folder.is_dir() && folder.file_name() != Some("trusted".as_ref());
                if is_pack {
                    sources.add_pack(&folder, &trusted)?;
                }
            }
        }
        sources.lists = lists(&layout.rule_lists())?;
        Ok(sources)
    }

    fn add_embedded(&mut self) {
        let files = RuleFiles::embedded();
        let hashed = |file: &RuleFile| {
            let hash = sha2::Sha256::digest(&file.text);
            (file.name.clone(), hash.iter().map(|byte| format!("{byte:02x}")).collect())
        };
        let listing: Listing = files.files.iter().map(hashed).collect();
        self.packs.push(RulePack {
            name: "Mimamori".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            description: String::new(),
            licence: env!("CARGO_PKG_LICENSE").to_owned(),
            authors: Vec::new(),
            folder: None,
            trust: PackTrust::Embedded,
            files: files.files.len() as u64,
            rules: 0,
            refused: 0,
            digest: signature::digest(&listing),
            commit: String::new(),
        });
        self.files = std::mem::take(&mut self.files).and(files);
    }

    /// Reads a pack, or a plain folder or file of rules. What is wrong with a pack refuses that one alone.
    fn add_pack(&mut self, folder: &Path, trusted: &Trusted) -> anyhow::Result<()> {
        if !folder.is_dir() {
            self.files =
                std::mem::take(&mut self.files).and(RuleFiles::read(&[folder.to_owned()])?);
            return Ok(());
        }
        let (pack, files) = match read_pack(folder, trusted) {
            Ok(read) => read,
            Err(err) => (refused(folder, &format!("{err:#}")), RuleFiles::default()),
        };
        if let PackTrust::Refused(reason) = &pack.trust {
            tracing::error!(pack = %folder.display(), reason, "a pack of rules is refused; the others are in force");
            let name = folder.display().to_string();
            self.files.unreadable.push(Unreadable { name, reason: reason.clone() });
        }
        self.packs.push(pack);
        self.files = std::mem::take(&mut self.files).and(files);
        Ok(())
    }

    /// The packs with what became of their rules.
    pub(crate) fn shown(&self, compiled: &Compiled) -> Vec<RulePack> {
        let mut packs = self.packs.clone();
        let place_of = |source: &str| {
            let of_pack = |pack: &RulePack| match &pack.folder {
                Some(folder) => Path::new(source).starts_with(folder),
                None => source.starts_with("rules/"),
            };
            // A folder within another one is a pack of its own.
            let longest = |(_, pack): &(usize, &RulePack)| {
                pack.folder.as_ref().map_or(0, |folder| folder.as_os_str().len())
            };
            let all = self.packs.iter().enumerate().filter(|(_, pack)| of_pack(pack));
            all.max_by_key(longest).map(|(place, _)| place)
        };
        let rules = compiled.rules.rules().iter().map(|rule| &rule.source_name);
        let correlations = compiled.correlations.rules().map(|rule| &rule.source_name);
        let filters = compiled.filters.iter().map(|filter| &filter.source_name);
        for source in rules.chain(correlations).chain(filters) {
            if let Some(pack) = place_of(source).and_then(|place| packs.get_mut(place)) {
                pack.rules += 1;
            }
        }
        for refused in &compiled.refused {
            if let Some(pack) = place_of(&refused.source).and_then(|place| packs.get_mut(place)) {
                pack.refused += 1;
            }
        }
        packs
    }
}

/// Reads the pack of a folder, and says by whom it is signed. The error refuses it.
pub(crate) fn read_pack(folder: &Path, trusted: &Trusted) -> anyhow::Result<(RulePack, RuleFiles)> {
    let signature = Signature::read(folder)?;
    let manifest = manifest(folder)?;
    let is_plain = signature.is_none() && manifest.is_none();
    let manifest = manifest.unwrap_or_else(|| Manifest {
        name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        ..Manifest::default()
    });
    if trusted.required && signature.is_none() {
        bail!(
            "it is not signed, and packs/require-signature asks for it; sign it, or remove that file"
        );
    }
    let (files, digest) = if is_plain {
        // Own rules may hold what a pack may not: links, files that cannot be read.
        let files = RuleFiles::read(&[folder.to_owned()])?;
        let digest = plain_digest(&files);
        (files, digest)
    } else {
        let (listing, contents) = signature::listing(folder, is_rule)?;
        if let Some(signature) = &signature {
            signature.verify(&listing)?;
        }
        (files_of(folder, contents), signature::digest(&listing))
    };
    let trust = match &signature {
        None => PackTrust::Unsigned,
        Some(signature) => match trusted.keys.get(&signature.key) {
            Some(name) => PackTrust::Signed(name.clone()),
            None => bail!(
                "it is signed by the key {}, which is not trusted here; ask its author for the public key and put it \
                 into packs/trusted",
                signature.key.chars().take(64).collect::<String>()
            ),
        },
    };
    let text = |text: String| text.chars().take(MANIFEST_TEXT_CHARS_MAX).collect::<String>();
    let pack = RulePack {
        name: text(manifest.name),
        version: text(manifest.version),
        description: text(manifest.description),
        licence: text(manifest.licence),
        authors: manifest.authors.into_iter().take(AUTHORS_MAX).map(text).collect(),
        folder: Some(folder.to_owned()),
        trust,
        files: files.files.len() as u64,
        rules: 0,
        refused: 0,
        digest,
        commit: git::commit_of(folder).unwrap_or_default(),
    };
    Ok((pack, files))
}

fn refused(folder: &Path, reason: &str) -> RulePack {
    RulePack {
        name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        version: String::new(),
        description: String::new(),
        licence: String::new(),
        authors: Vec::new(),
        folder: Some(folder.to_owned()),
        trust: PackTrust::Refused(reason.to_owned()),
        files: 0,
        rules: 0,
        refused: 0,
        digest: String::new(),
        commit: git::commit_of(folder).unwrap_or_default(),
    }
}

/// The description of a pack; `None` when it has none.
fn manifest(folder: &Path) -> anyhow::Result<Option<Manifest>> {
    let path = folder.join(MANIFEST_FILE);
    let Ok(meta) = std::fs::metadata(&path) else { return Ok(None) };
    if !meta.is_file() || meta.len() > MANIFEST_BYTES_MAX {
        bail!("{} is larger than {MANIFEST_BYTES_MAX} bytes or no file", path.display());
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("could not read {}", path.display()))?;
    let manifest: Manifest = toml::from_str(&text).with_context(|| {
        format!(
            "{} is no description of a pack; write name, version, description, licence and authors",
            path.display()
        )
    })?;
    if manifest.name.trim().is_empty() {
        bail!("{} gives the pack no name", path.display());
    }
    Ok(Some(manifest))
}

/// Rules from what was hashed, so that what is judged by is what was verified.
fn files_of(folder: &Path, contents: BTreeMap<String, Vec<u8>>) -> RuleFiles {
    let mut files = RuleFiles::default();
    for (path, bytes) in contents {
        let name = folder.join(path).display().to_string();
        match String::from_utf8(bytes) {
            Ok(text) => files.files.push(RuleFile { name, text }),
            Err(err) => files.unreadable.push(Unreadable { name, reason: err.to_string() }),
        }
    }
    files
}

fn plain_digest(files: &RuleFiles) -> String {
    let hash = |file: &RuleFile| {
        let hash = sha2::Sha256::digest(&file.text);
        (file.name.clone(), hash.iter().map(|byte| format!("{byte:02x}")).collect())
    };
    signature::digest(&files.files.iter().map(hash).collect())
}

/// The lists of a folder, which may be absent: `NAME.txt` with a value a line, `NAME.yml` with a list.
fn lists(folder: &Path) -> anyhow::Result<Vec<RuleListFile>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut lists = Vec::new();
    for path in sorted(folder)?.into_iter().take(LIST_FILES_MAX) {
        let ending = path.extension().and_then(|ext| ext.to_str()).unwrap_or_default();
        if !matches!(ending, "txt" | "yml" | "yaml") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let values = list_values(&path, &stem, ending).map_err(|err| format!("{err:#}"));
        if let Err(reason) = &values {
            tracing::warn!(file = %path.display(), reason, "a list of values cannot be read");
        }
        lists.push(RuleListFile { name: stem, file: path.display().to_string(), values });
    }
    Ok(lists)
}

fn list_values(path: &Path, name: &str, ending: &str) -> anyhow::Result<Vec<String>> {
    if control::rule_lists::check_name(name)? != name {
        bail!("leave the percent signs out of the file's name");
    }
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() || meta.len() > LIST_BYTES_MAX {
        bail!("it is larger than {LIST_BYTES_MAX} bytes or no file");
    }
    let text = std::fs::read_to_string(path)?;
    if ending == "txt" {
        return Ok(control::rule_lists::values_of_lines(&text)?);
    }
    let values = detect::list_values(&text).map_err(|(line, err)| {
        let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        anyhow::anyhow!("{line}{err}; {}", err.remedy())
    })?;
    Ok(control::rule_lists::values_of_list(values)?)
}

fn sorted(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("could not read the folder {}", folder.display()))?;
    let mut paths: Vec<PathBuf> =
        entries.collect::<Result<Vec<_>, _>>()?.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    Ok(paths)
}
