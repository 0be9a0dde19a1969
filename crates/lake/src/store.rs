//! Files on the disk: how they get their names, how they become durable, and which are left over.
//!
//! A file is written as `<name>.parquet.tmp`, made durable, renamed, and its folder made durable; only then
//! does the catalog learn of it. So what the catalog names exists, and what it does not name (after a crash
//! or a refused commit) is left over and removed by the next writer.

use crate::LakeError;
use crate::catalog::NewFile;
use crate::disk::Disk;
use crate::layout::{Day, StoredTable, WantedTable, day_folder};
use crate::parquet_file::{encode, sort_rows};
use datafusion::arrow::array::RecordBatch;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The writer's side of the folder of files.
#[derive(Debug)]
pub(crate) struct Store {
    data: PathBuf,
    disk: Arc<dyn Disk>,
    generation: i64,
    written: AtomicU64,
}

impl Store {
    pub(crate) fn new(data: PathBuf, disk: Arc<dyn Disk>, generation: i64) -> Self {
        Self { data, disk, generation, written: AtomicU64::new(0) }
    }

    /// Sorts, encodes and writes the rows of one file; it is durable when this returns. Blocks.
    pub(crate) fn write(
        &self,
        table: &StoredTable,
        wanted: Option<&WantedTable>,
        day: Option<Day>,
        rows: &RecordBatch,
    ) -> Result<NewFile, LakeError> {
        let encoded = encode(table, wanted, &sort_rows(rows)?)?;
        let folder = day_folder(day);
        let directory = self.data.join(&table.name).join(&folder);
        self.disk
            .create_directory(&directory)
            .map_err(|err| LakeError::io("create the folder", &directory, err))?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:06}-{number:08}.parquet", self.generation);
        let path = directory.join(&name);
        if let Err(err) = self.make_durable(&directory, &name, &encoded.bytes) {
            // The next writer would remove what is left; on a full disk it should not wait for that.
            self.remove_quietly(&directory.join(format!("{name}.tmp")));
            self.remove_quietly(&path);
            return Err(err);
        }
        let bytes = i64::try_from(encoded.bytes.len()).unwrap_or(i64::MAX);
        Ok(NewFile {
            table: table.id,
            partition: table.partition_id.zip(day),
            path: format!("{folder}/{name}"),
            rows: encoded.rows,
            bytes,
            footer_bytes: encoded.footer_bytes,
            statistics: encoded.statistics,
        })
    }

    fn make_durable(&self, directory: &Path, name: &str, bytes: &[u8]) -> Result<(), LakeError> {
        let path = directory.join(name);
        let temporary = directory.join(format!("{name}.tmp"));
        self.disk
            .write_new(&temporary, bytes)
            .map_err(|err| LakeError::io("write", &temporary, err))?;
        self.disk
            .rename(&temporary, &path)
            .map_err(|err| LakeError::io("rename", &temporary, err))?;
        self.disk
            .sync_directory(directory)
            .map_err(|err| LakeError::io("make durable the names in", directory, err))
    }

    /// Removes files that the catalog refused.
    pub(crate) fn discard(&self, table: &StoredTable, files: &[NewFile]) {
        for file in files.iter().filter(|file| file.table == table.id) {
            self.remove_quietly(&self.data.join(&table.name).join(&file.path));
        }
    }

    /// Removes a file below the folder of files; `true` when it is gone.
    pub(crate) fn remove(&self, path: &str) -> bool {
        let path = self.data.join(path);
        match self.disk.remove(&path) {
            Ok(()) => true,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => true,
            Err(err) => {
                tracing::warn!(path = %path.display(), error = %err, "could not remove a replaced file; it is tried again");
                false
            }
        }
    }

    fn remove_quietly(&self, path: &Path) {
        match self.disk.remove(path) {
            Ok(()) => {}
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
            Err(err) => {
                tracing::warn!(path = %path.display(), error = %err, "could not remove a left-over file; the next start does");
            }
        }
    }

    /// Removes what a crash left: files with our kind of name that the catalog does not name. Anything else
    /// in the folder is not ours and stays. Says loudly when a named file is missing.
    pub(crate) fn remove_left_over(&self, named: &BTreeSet<String>) -> Result<usize, LakeError> {
        let mut removed = 0;
        let mut present = BTreeSet::new();
        for table in entries(&self.data)? {
            for folder in entries(&self.data.join(&table))? {
                for name in entries(&self.data.join(&table).join(&folder))? {
                    let path = format!("{table}/{folder}/{name}");
                    if named.contains(&path) {
                        present.insert(path);
                    } else if is_our_name(&name) && self.remove(&path) {
                        removed += 1;
                    }
                }
            }
        }
        for missing in named.difference(&present) {
            tracing::error!(path = %missing, data = %self.data.display(), "a file of the lake is missing; restore it from a backup");
        }
        Ok(removed)
    }
}

/// Names in a folder; none when it is a file or is not there.
fn entries(path: &Path) -> Result<Vec<String>, LakeError> {
    let listed = match std::fs::read_dir(path) {
        Ok(listed) => listed,
        Err(err)
            if matches!(
                err.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(err) => return Err(LakeError::io("list", path, err)),
    };
    let mut names = Vec::new();
    for entry in listed {
        let entry = entry.map_err(|err| LakeError::io("list", path, err))?;
        if let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

/// `000001-00000000.parquet`, finished or not.
fn is_our_name(name: &str) -> bool {
    let stem = name.strip_suffix(".tmp").unwrap_or(name).strip_suffix(".parquet");
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    stem.and_then(|stem| stem.split_once('-'))
        .is_some_and(|(generation, number)| digits(generation) && digits(number))
}

#[cfg(test)]
mod tests {
    use super::is_our_name;

    #[test]
    fn only_our_own_names_may_be_removed() {
        for ours in ["000001-00000000.parquet", "000012-00000345.parquet.tmp"] {
            assert!(is_our_name(ours), "{ours}");
        }
        for foreign in
            ["notes.txt", "ducklake-01a2.parquet", "1-.parquet", "a-1.parquet", ".parquet"]
        {
            assert!(!is_our_name(foreign), "{foreign}");
        }
    }
}
