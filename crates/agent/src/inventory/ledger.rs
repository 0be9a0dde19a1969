//! What the server was last told, on the disk: one file for each source, and a journal of the programs that
//! were run. Written only after the records are durable in the spool (programs: before, because a repeated
//! message does no harm and a forgotten program does).
//!
//! ```text
//! inventory/dpkg.json       {"items":[…]}
//! inventory/programs.jsonl  a line for each change of what is known of a program, the last of a path counts
//! ```

use crate::{
    error::AgentError,
    home::{Home, write_whole},
    inventory::programs::Known,
    limits::{LEDGER_BYTES_MAX, PROGRAM_LINE_BYTES_MAX},
};
use model::inventory::{InventoryItem, SoftwareSource};
use std::{
    fs::OpenOptions,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    folder: PathBuf,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Items<T> {
    items: T,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    /// What is known of a program.
    Known(Box<Known>),
    /// The program at this path is forgotten.
    Gone(String),
}

impl Ledger {
    /// Opens the folder, made when it is missing.
    pub(crate) fn open(home: &Home) -> Result<Self, AgentError> {
        let folder = home.inventory();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(AgentError::file("create", &folder))?;
        Ok(Self { folder })
    }

    /// What was last told of a source, by key; `None` when nothing usable is kept.
    pub(crate) fn items(&self, source: SoftwareSource) -> Option<Vec<InventoryItem>> {
        let path = self.path(source);
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return None,
            Err(err) => {
                tracing::warn!(path = %path.display(), error = %err, "could not read what was told");
                return None;
            }
        };
        let mut bytes = Vec::new();
        let read = file.take(LEDGER_BYTES_MAX).read_to_end(&mut bytes);
        let parsed = read.map_err(|err| err.to_string()).and_then(|_| {
            serde_json::from_slice::<Items<Vec<InventoryItem>>>(&bytes)
                .map_err(|err| err.to_string())
        });
        match parsed {
            Ok(items) => Some(items.items),
            Err(err) => {
                tracing::warn!(path = %path.display(), error = err, "what was told is damaged; all is told again");
                None
            }
        }
    }

    /// Keeps what was told of a source.
    pub(crate) fn keep(
        &self,
        source: SoftwareSource,
        items: &[InventoryItem],
    ) -> Result<(), AgentError> {
        let path = self.path(source);
        let bytes = serde_json::to_vec(&Items { items })
            .map_err(|err| AgentError::BadFile { path: path.clone(), why: err.to_string() })?;
        write_whole(&path, &bytes, true)
    }

    /// The journal's lines in order; a torn or damaged one is left out.
    pub(crate) fn programs(&self) -> Result<Vec<Line>, AgentError> {
        let path = self.journal();
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(err) => return Err(AgentError::file("open", &path)(err)),
        };
        let mut input = BufReader::new(file.take(LEDGER_BYTES_MAX));
        let mut lines = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = input.by_ref().take(PROGRAM_LINE_BYTES_MAX).read_until(b'\n', &mut line);
            if read.map_err(AgentError::file("read", &path))? == 0 {
                return Ok(lines);
            }
            match serde_json::from_slice(&line) {
                Ok(line) => lines.push(line),
                Err(err) => {
                    tracing::warn!(error = %err, "a line of the programs' journal is damaged")
                }
            }
        }
    }

    /// Appends to the journal, durably.
    pub(crate) fn append(&self, lines: &[Line]) -> Result<(), AgentError> {
        let path = self.journal();
        let bytes = self.bytes(lines)?;
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
            file.write_all(&bytes)?;
            file.sync_data()
        };
        write().map_err(AgentError::file("extend", &path))
    }

    /// Writes the journal anew.
    pub(crate) fn rewrite(&self, lines: &[Line]) -> Result<(), AgentError> {
        write_whole(&self.journal(), &self.bytes(lines)?, true)
    }

    fn bytes(&self, lines: &[Line]) -> Result<Vec<u8>, AgentError> {
        let mut bytes = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut bytes, line).map_err(|err| AgentError::BadFile {
                path: self.journal(),
                why: err.to_string(),
            })?;
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    fn path(&self, source: SoftwareSource) -> PathBuf {
        self.folder.join(format!("{}.json", source.name()))
    }

    fn journal(&self) -> PathBuf {
        self.folder.join("programs.jsonl")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_kept_and_damage_is_nothing() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let ledger = Ledger::open(&Home::open(scratch.path()).expect("opens")).expect("opens");
        let source = SoftwareSource::Dpkg;
        assert_eq!(ledger.items(source), None);
        let items = vec![InventoryItem::new(source, "a", "\u{202e}A\u{7}")];
        ledger.keep(source, &items).expect("keeps");
        assert_eq!(ledger.items(source), Some(items));
        std::fs::write(ledger.path(source), "{\"items\":[").expect("writes");
        assert_eq!(ledger.items(source), None);
    }

    #[test]
    fn a_torn_line_of_the_journal_costs_itself() {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let ledger = Ledger::open(&Home::open(scratch.path()).expect("opens")).expect("opens");
        let gone = |path: &str| Line::Gone(path.to_owned());
        ledger.append(&[gone("a"), gone("b")]).expect("appends");
        std::fs::write(ledger.journal(), "{\"gone\":\"a\"}\n{\"gone\":\n{\"gone\":\"c\"}\n{\"kno")
            .expect("writes");
        assert_eq!(ledger.programs().expect("reads"), [gone("a"), gone("c")]);
    }
}
