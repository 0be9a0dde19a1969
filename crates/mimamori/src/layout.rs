//! Where what lies in the data folder.
//!
//! ```text
//! mimamori-data/
//!   server/   lock, inbox/ (spool), lake/ (Parquet and catalog), control.sqlite, authority/ (keys), status.json
//!   agent/    the local agent's spool, certificate and status.json
//!   rules/    own rules, read at each start of the server; may be absent
//!   packs/    packs of rules, a folder each; trusted/ (public keys); require-signature; may be absent
//!   lists/    values of placeholders of rules (NAME.txt, NAME.yml); may be absent
//!   inspect/  own hash lists (hashes/*.deny.txt, *.allow.txt) and YARA rules (yara/*.yar); may be absent
//!   log/      what the two programs say, when `up` runs them
//! ```

use std::path::{Path, PathBuf};

/// The data folder, absolute.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Makes the folder if it is missing and its path absolute.
    pub(crate) fn create(root: &Path) -> anyhow::Result<Self> {
        let layout = Self { root: std::path::absolute(root)? };
        for folder in [layout.server(), layout.inbox(), layout.lake(), layout.log()] {
            create_private(&folder)?;
        }
        Ok(layout)
    }

    /// Takes an existing folder; the error says how to make one.
    pub(crate) fn existing(root: &Path) -> anyhow::Result<Self> {
        let layout = Self { root: std::path::absolute(root)? };
        if !layout.server().is_dir() {
            anyhow::bail!(
                "{} holds no Mimamori data; start with `mimamori up --data {}` or name the right folder with --data",
                layout.root.display(),
                root.display()
            );
        }
        Ok(layout)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
    pub(crate) fn server(&self) -> PathBuf {
        self.root.join("server")
    }
    pub(crate) fn inbox(&self) -> PathBuf {
        self.server().join("inbox")
    }
    pub(crate) fn lake(&self) -> PathBuf {
        self.server().join("lake")
    }
    pub(crate) fn server_status(&self) -> PathBuf {
        self.server().join("status.json")
    }
    pub(crate) fn server_lock(&self) -> PathBuf {
        self.server().join("lock")
    }
    pub(crate) fn agent(&self) -> PathBuf {
        self.root.join("agent")
    }
    /// Where the console listened last, as text.
    pub(crate) fn console_address(&self) -> PathBuf {
        self.server().join("console.address")
    }
    /// The address of the database, when it is not the file in this folder.
    pub(crate) fn database_address(&self) -> PathBuf {
        self.server().join("database.address")
    }
    /// Whether the local agent has its certificate.
    pub(crate) fn agent_is_enrolled(&self) -> bool {
        self.agent().join("certificate.pem").is_file()
    }
    pub(crate) fn own_rules(&self) -> PathBuf {
        self.root.join("rules")
    }
    pub(crate) fn rule_packs(&self) -> PathBuf {
        self.root.join("packs")
    }
    pub(crate) fn rule_lists(&self) -> PathBuf {
        self.root.join("lists")
    }
    /// Own hash lists (`hashes/`) and YARA rules (`yara/`) for files of requests.
    pub(crate) fn inspect(&self) -> PathBuf {
        self.root.join("inspect")
    }
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("log")
    }
}

/// Makes a folder that only its owner may enter: it will hold what people did on their computers.
fn create_private(folder: &Path) -> anyhow::Result<()> {
    use anyhow::Context as _;
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
        format!(
            "could not make the folder {}; choose another with --data or free the disk",
            folder.display()
        )
    })
}
