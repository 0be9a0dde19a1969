//! Packs of rules: folders with a description, a version and perhaps a signature; and lists for placeholders.
//!
//! In the data folder, `rules/` holds own rules, each folder in `packs/` is a pack, and `lists/` holds values of
//! placeholders. A pack that claims a signature (`pack.sig`) must verify by a key in `packs/trusted/NAME.pub`, or
//! nothing of it is loaded. One without is loaded and marked, unless the file `packs/require-signature` is there:
//! then every pack outside of `rules/` must be signed.

pub(crate) mod fault;
pub(crate) mod git;
pub(crate) mod signature;

use crate::layout::Layout;
use crate::rule_files::{RuleFile, RuleFiles, Unreadable, is_rule};
use anyhow::Context;
use control::view::rule_lists::{PackTrust, RuleListFile, RulePack};
use detect::Compiled;
use fault::{FileFault, ListFault, PackFault};
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
    /// Keys and policy of an installation: `trusted/` and `require-signature` in its folder of packs. Either may be
    /// absent.
    pub(crate) fn of_installation(packs: &Path) -> anyhow::Result<Self> {
        let required = packs.join("require-signature").is_file();
        Ok(Self { required, ..Self::read(&packs.join("trusted"))? })
    }

    /// Every `NAME.pub` of a folder, which may be absent.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut trusted = Self::default();
        if !folder.is_dir() {
            return Ok(trusted);
        }
        for path in sorted(folder)? {
            // A key that cannot be read trusts nobody; the packs that it signed are refused and say so.
            if path.extension().is_some_and(|ext| ext == "pub")
                && let Err(err) = trusted.add(&path)
            {
                tracing::error!(
                    error = format!("{err:#}"),
                    "a key in packs/trusted cannot be read"
                );
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
        let trusted = Trusted::of_installation(&packs)?;
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

    /// The folders named and nothing else, each under the policy for packs.
    pub(crate) fn of_folders(named: &[PathBuf], trusted: &Trusted) -> anyhow::Result<Self> {
        let mut sources = Self::default();
        for folder in named {
            // What is not there is a mistake on the command line, no refused pack.
            std::fs::metadata(folder).with_context(|| {
                format!(
                    "could not read the rules {}; check the path after --rules",
                    folder.display()
                )
            })?;
            sources.add_pack(folder, trusted)?;
        }
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
            Err(fault) => (refused(folder, &fault), RuleFiles::default()),
        };
        if let PackTrust::Refused(reason) = &pack.trust {
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
pub(crate) fn read_pack(
    folder: &Path,
    trusted: &Trusted,
) -> Result<(RulePack, RuleFiles), PackFault> {
    let signature = Signature::read(folder)?;
    let manifest = manifest(folder)?;
    let is_plain = signature.is_none() && manifest.is_none();
    let manifest = manifest.unwrap_or_else(|| Manifest {
        name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        ..Manifest::default()
    });
    if trusted.required && signature.is_none() {
        return Err(PackFault::SignatureRequired);
    }
    let (files, digest) = if is_plain {
        // Own rules may hold what a pack may not: links, files that cannot be read.
        let files = RuleFiles::read(&[folder.to_owned()])
            .map_err(|err| PackFault::Rules { words: format!("{err:#}") })?;
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
            None => {
                let key = signature.key.chars().take(64).collect();
                return Err(PackFault::UnknownKey { key });
            }
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

fn refused(folder: &Path, fault: &PackFault) -> RulePack {
    RulePack {
        name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        version: String::new(),
        description: String::new(),
        licence: String::new(),
        authors: Vec::new(),
        folder: Some(folder.to_owned()),
        trust: PackTrust::Refused(fault.words()),
        files: 0,
        rules: 0,
        refused: 0,
        digest: String::new(),
        commit: git::commit_of(folder).unwrap_or_default(),
    }
}

/// The description of a pack; `None` when it has none.
fn manifest(folder: &Path) -> Result<Option<Manifest>, PackFault> {
    let path = folder.join(MANIFEST_FILE);
    let Ok(meta) = std::fs::metadata(&path) else { return Ok(None) };
    if !meta.is_file() || meta.len() > MANIFEST_BYTES_MAX {
        return Err(PackFault::ManifestTooLarge { path, bytes_max: MANIFEST_BYTES_MAX });
    }
    let text = std::fs::read_to_string(&path).map_err(PackFault::unreadable(&path))?;
    let manifest: Manifest = match toml::from_str(&text) {
        Ok(manifest) => manifest,
        Err(err) => return Err(PackFault::Manifest { path, words: err.message().to_owned() }),
    };
    if manifest.name.trim().is_empty() {
        return Err(PackFault::NoName { path });
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
            Err(_) => {
                let fault = FileFault::Io(std::io::ErrorKind::InvalidData.into());
                files.unreadable.push(Unreadable { name, reason: fault.words() });
            }
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
        let values = list_values(&path, &stem, ending).map_err(|fault| fault.words());
        lists.push(RuleListFile { name: stem, file: path.display().to_string(), values });
    }
    Ok(lists)
}

fn list_values(path: &Path, name: &str, ending: &str) -> Result<Vec<String>, ListFault> {
    if control::rule_lists::check_name(name)? != name {
        return Err(ListFault::Percent);
    }
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() || meta.len() > LIST_BYTES_MAX {
        return Err(ListFault::File(FileFault::TooLarge { bytes_max: LIST_BYTES_MAX }));
    }
    let text = std::fs::read_to_string(path)?;
    if ending == "txt" {
        return Ok(control::rule_lists::values_of_lines(&text)?);
    }
    let values = detect::list_values(&text);
    let values = values.map_err(|(line, cause)| ListFault::Yaml { line, cause })?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const RULE: &str =
        "title: T\nid: t\nlogsource: {product: linux}\ndetection: {s: {A: 1}, condition: s}\n";
    const MANIFEST: &str =
        "name = \"Example\"\nversion = \"1.2\"\nlicence = \"MIT\"\nauthors = [\"A\"]\n";

    /// A data folder with a signed pack in it, and its key.
    struct Place {
        folder: tempfile::TempDir,
        layout: Layout,
        pack: PathBuf,
        public: PathBuf,
        secret: PathBuf,
    }

    fn put(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    fn sign_folder(pack: &Path, secret: &Path) {
        let (listing, _) = signature::listing(pack, is_rule).expect("listed");
        let key = signature::read_secret(secret).expect("a key");
        put(&pack.join("pack.sig"), &signature::sign(&listing, &key));
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("data");
        let layout = Layout::create(&root).expect("made");
        let pack = layout.rule_packs().join("example");
        put(&pack.join("pack.toml"), MANIFEST);
        put(&pack.join("linux/t.yml"), RULE);
        put(&pack.join("README.md"), "words");
        let (secret_text, public_text) = signature::new_key().expect("a key");
        let (secret, public) = (folder.path().join("me.key"), folder.path().join("me.pub"));
        put(&secret, &secret_text);
        put(&public, &public_text);
        sign_folder(&pack, &secret);
        Place { folder, layout, pack, public, secret }
    }

    impl Place {
        fn trust(&self) {
            let trusted = self.layout.rule_packs().join("trusted/me.pub");
            put(&trusted, &std::fs::read_to_string(&self.public).expect("read"));
        }

        /// The pack as it is shown, and whether its rule is loaded.
        fn gather(&self) -> (RulePack, bool) {
            let sources = RuleSources::gather(&self.layout, &[]).expect("gathered");
            let compiled = sources.files.compile();
            let loaded = compiled.rules.rules().iter().any(|rule| rule.id == "t");
            let folder = Some(self.pack.clone());
            let shown = sources.shown(&compiled).into_iter().find(|pack| pack.folder == folder);
            (shown.expect("shown"), loaded)
        }

        fn refusal(&self) -> String {
            match self.gather() {
                (RulePack { trust: PackTrust::Refused(reason), .. }, false) => {
                    assert!(!reason.ja.is_ascii(), "{reason:?}");
                    reason.en
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_signed_pack_is_loaded_when_its_key_is_trusted() {
        let place = place();
        assert!(place.refusal().contains("not trusted"));
        place.trust();
        let (pack, loaded) = place.gather();
        assert!(loaded);
        assert_eq!(pack.trust, PackTrust::Signed("me".to_owned()));
        assert_eq!((pack.name.as_str(), pack.version.as_str(), pack.rules), ("Example", "1.2", 1));
        assert_eq!((pack.digest.len(), pack.commit.as_str()), (64, ""));
    }

    #[test]
    fn what_was_changed_after_signing_is_named_and_nothing_is_loaded() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 6] = [
            ("linux/t.yml was changed", |pack| put(&pack.join("linux/t.yml"), &format!("{RULE}#"))),
            ("README.md is missing", |pack| {
                std::fs::remove_file(pack.join("README.md")).expect("removed")
            }),
            ("linux/u.yml was added", |pack| put(&pack.join("linux/u.yml"), RULE)),
            ("pack.toml was changed", |pack| put(&pack.join("pack.toml"), "name = \"Other\"\n")),
            ("is a link", |pack| symlink("t.yml", pack.join("linux/link.yml")).expect("a link")),
            ("pack.sig was changed", |pack| {
                let text = std::fs::read_to_string(pack.join("pack.sig")).expect("read");
                put(&pack.join("pack.sig"), &text.replace("README.md", "README.nd"));
            }),
        ];
        for (culprit, change) in changes {
            let place = place();
            place.trust();
            change(&place.pack);
            let reason = place.refusal();
            assert!(reason.contains(culprit), "{culprit}: {reason}");
        }
        // Another key's signature over the same list, under the trusted key's name.
        let place = place();
        place.trust();
        let (other, _) = signature::new_key().expect("a key");
        put(&place.folder.path().join("other.key"), &other);
        let own = std::fs::read_to_string(place.pack.join("pack.sig")).expect("read");
        let key = own.lines().find(|line| line.starts_with("key")).expect("a key").to_owned();
        sign_folder(&place.pack, &place.folder.path().join("other.key"));
        let forged = std::fs::read_to_string(place.pack.join("pack.sig")).expect("read");
        let lines = forged.lines().map(|line| if line.starts_with("key") { &key } else { line });
        put(&place.pack.join("pack.sig"), &lines.collect::<Vec<_>>().join("\n"));
        assert!(place.refusal().contains("the signature is not of its list"));
        put(&place.pack.join("pack.sig"), "nonsense");
        assert!(place.refusal().contains("is no signature"));
        sign_folder(&place.pack, &place.secret);
        assert!(place.gather().1);
    }

    #[test]
    fn packs_without_signature_are_marked_or_refused_as_the_installation_says() {
        let place = place();
        std::fs::remove_file(place.pack.join("pack.sig")).expect("removed");
        let (pack, loaded) = place.gather();
        assert_eq!((pack.trust, loaded), (PackTrust::Unsigned, true));
        put(&place.layout.rule_packs().join("require-signature"), "");
        assert!(place.refusal().contains("require-signature"));
        put(&place.layout.own_rules().join("own.yml"), &RULE.replace("id: t", "id: own"));
        let sources = RuleSources::gather(&place.layout, &[]).expect("gathered");
        let own = sources.files.files.iter().any(|file| file.name.ends_with("own.yml"));
        assert!(own, "own rules need no signature");
        put(&place.pack.join("pack.toml"), "name = 5");
        std::fs::remove_file(place.layout.rule_packs().join("require-signature")).expect("removed");
        assert!(place.refusal().contains("no description of a pack"));
    }

    #[test]
    fn lists_come_from_text_and_yaml_and_say_why_not() {
        let place = place();
        let folder = place.layout.rule_lists();
        for (name, text) in [
            ("Servers.txt", "# ours\ndb-1\ndb-2\n"),
            ("Jump.yml", "- j1\n- j2\n"),
            ("Wrong.yml", "a: b\n"),
            ("bad-name.txt", "x\n"),
            ("notes.md", "x"),
        ] {
            put(&folder.join(name), text);
        }
        let lists = RuleSources::gather(&place.layout, &[]).expect("gathered").lists;
        let values = |name: &str| {
            lists.iter().find(|list| list.name == name).map(|list| list.values.clone())
        };
        assert_eq!(values("Servers"), Some(Ok(vec!["db-1".to_owned(), "db-2".to_owned()])));
        assert_eq!(values("Jump"), Some(Ok(vec!["j1".to_owned(), "j2".to_owned()])));
        let wrong = values("Wrong").expect("listed").expect_err("no list");
        assert!(wrong.en.contains("values") && wrong.ja.contains("values"), "{wrong:?}");
        assert!(values("bad-name").expect("listed").is_err());
        assert_eq!(values("notes"), None);
    }

    #[test]
    fn the_embedded_pack_has_a_version_and_a_digest() {
        let place = place();
        let sources = RuleSources::gather(&place.layout, &[]).expect("gathered");
        let embedded = &sources.shown(&sources.files.compile())[0];
        assert_eq!(embedded.trust, PackTrust::Embedded);
        assert!(embedded.rules > 100 && embedded.refused == 0, "{embedded:?}");
        assert_eq!(
            (embedded.version.as_str(), embedded.digest.len()),
            (env!("CARGO_PKG_VERSION"), 64)
        );
    }
}
