//! The lake itself: what is open, and how the parts work together.

use crate::catalog::{Catalog, Change, PublishError, Published};
use crate::disk::{Disk, LocalDisk};
use crate::layout::{ALERT, StoredTable, WantedTable, wanted_tables};
use crate::limits::GRACE_NS;
use crate::query::Engine;
use crate::store::Store;
use crate::{
    Access, Commit, Committed, Compacted, LakeError, LakeStatus, StreamCount, StreamPosition,
    Table, TallySum, audit, commit, compact,
};
use model::registry::{FIELDS, FieldSpec};
use model::{Timestamp, Value};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// What a lake is opened with; [`Lake::open`] takes the usual.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The fields that get columns.
    pub fields: &'static [FieldSpec],
    /// Where files are written.
    pub disk: Arc<dyn Disk>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { fields: FIELDS, disk: Arc::new(LocalDisk) }
    }
}

/// A lake in a folder: `catalog.sqlite`, `lake.lock`, and `data/<table>/day=YYYY-MM-DD/<name>.parquet`.
#[derive(Debug)]
pub struct Lake {
    data: PathBuf,
    catalog: Catalog,
    engine: Engine,
    writer: Option<Arc<Writer>>,
}

/// What only the one writer has.
#[derive(Debug)]
struct Writer {
    store: Store,
    tables: Vec<StoredTable>,
    wanted: Vec<WantedTable>,
    /// Held from the check of the positions to the end of the transaction. A compaction takes it only for
    /// its transaction, so that it never holds up commits.
    committing: Mutex<()>,
    /// One compaction at a time.
    compacting: Mutex<()>,
    /// Held as long as the lake is open; the operating system gives it back when the process dies.
    _lock: File,
}

impl Lake {
    /// Opens the lake in `root`; with [`Access::Write`] creates it when there is none.
    ///
    /// # Errors
    /// [`LakeError::InUse`] when another process writes, [`LakeError::NoLake`] when a reader finds none,
    /// [`LakeError::Format`] and [`LakeError::ColumnType`] when the stored lake does not fit this version.
    pub async fn open(root: &Path, access: Access) -> Result<Self, LakeError> {
        Self::open_with(root, access, Settings::default()).await
    }

    /// Opens a lake with other fields or another disk than usual.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(
        root: &Path,
        access: Access,
        settings: Settings,
    ) -> Result<Self, LakeError> {
        match access {
            Access::Read => Self::open_to_read(root).await,
            Access::Write => Self::open_to_write(root, settings).await,
        }
    }

    async fn open_to_read(root: &Path) -> Result<Self, LakeError> {
        let no_lake = || LakeError::NoLake { root: root.to_owned() };
        let root = root.canonicalize().map_err(|_| no_lake())?;
        let path = root.join(CATALOG_FILE);
        let data = root.join(DATA_FOLDER);
        if !path.is_file() || !data.is_dir() {
            return Err(no_lake());
        }
        let catalog = Catalog::open_to_read(&path).await?;
        let engine = Engine::new(catalog.clone(), &data)?;
        Ok(Self { data, catalog, engine, writer: None })
    }

    async fn open_to_write(root: &Path, settings: Settings) -> Result<Self, LakeError> {
        let wanted = wanted_tables(settings.fields)?;
        let make = |path: &Path| {
            settings
                .disk
                .create_directory(path)
                .map_err(|err| LakeError::io("create the folder", path, err))
        };
        make(root)?;
        let root =
            root.canonicalize().map_err(|err| LakeError::io("find the folder", root, err))?;
        let data = root.join(DATA_FOLDER);
        make(&data)?;
        let lock = lock(&root)?;
        let catalog = Catalog::open_to_write(&root.join(CATALOG_FILE), &data).await?;
        settings
            .disk
            .sync_directory(&root)
            .map_err(|err| LakeError::io("make durable the names in", &root, err))?;
        let tables = catalog.evolve(&wanted).await?;
        let generation = catalog.next_generation().await?;
        let store = Store::new(data.clone(), settings.disk, generation);
        let removed = store.remove_left_over(&catalog.named_paths().await?)?;
        if removed > 0 {
            tracing::info!(
                removed,
                "removed files that an interrupted commit left; nothing of them was committed"
            );
        }
        let engine = Engine::new(catalog.clone(), &data)?;
        let writer = Writer {
            store,
            tables,
            wanted,
            committing: Mutex::new(()),
            compacting: Mutex::new(()),
            _lock: lock,
        };
        Ok(Self { data, catalog, engine, writer: Some(Arc::new(writer)) })
    }

    /// Makes events, alerts and stream positions visible and durable at once; when it returns, they survive
    /// power loss. On an error nothing changed, except that after [`LakeError::Catalog`] the commit may
    /// have happened: then the same commit is refused with [`LakeError::AlreadyCommitted`].
    ///
    /// # Errors
    /// [`LakeError::AlreadyCommitted`] and [`LakeError::Hole`] when an advance does not continue its stream,
    /// [`LakeError::Malformed`] when events and declared losses do not add up to the advances,
    /// [`LakeError::DiskFull`], [`LakeError::Io`], [`LakeError::Busy`] when it may be tried again.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, LakeError> {
        let writer = self.writer()?;
        commit::check(&commit)?;
        let committing = writer.committing.lock().await;
        self.catalog.check_advances(&commit.advances).await?;
        let commit = Arc::new(commit);
        let files = {
            let (writer, commit) = (Arc::clone(writer), Arc::clone(&commit));
            blocking(move || {
                commit::write_files(&writer.store, &writer.tables, &writer.wanted, &commit)
            })
            .await?
        };
        let files = Arc::new(files);
        let change = Change {
            at: commit.committed_at,
            advances: &commit.advances,
            checkpoint: commit.checkpoint.as_deref(),
            tallies: &commit.tallies,
            files: &files,
            replaced: &[],
        };
        let published = self.catalog.publish(&change).await;
        drop(committing);
        match published {
            Ok(Published::Done(snapshot)) => Ok(Committed {
                snapshot,
                events: commit.events.len(),
                alerts: commit.alerts.len(),
                files: files.len(),
                bytes: files.iter().filter_map(|file| u64::try_from(file.bytes).ok()).sum(),
            }),
            Ok(Published::Raced) => {
                Err(LakeError::Engine { reason: "a commit raced with itself".to_owned() })
            }
            Err(PublishError::Unknown(err)) => Err(err),
            Err(PublishError::Before(err)) => {
                let (writer, files) = (Arc::clone(writer), Arc::clone(&files));
                blocking(move || {
                    commit::discard(&writer.store, &writer.tables, &files);
                    Ok(())
                })
                .await?;
                Err(err)
            }
        }
    }

    /// The state of the last commit that carried one: it belongs to exactly the positions of now.
    ///
    /// # Errors
    /// [`LakeError::Catalog`] when the catalog cannot be read.
    pub async fn checkpoint(&self) -> Result<Option<Vec<u8>>, LakeError> {
        self.catalog.checkpoint().await
    }

    /// Everything that commits counted ([`Commit::tallies`]), by name and part; `since_day` (`2026-08-21`, UTC) begins
    /// the second sum.
    ///
    /// # Errors
    /// [`LakeError::Catalog`] when the catalog cannot be read.
    pub async fn tallies(&self, since_day: &str) -> Result<Vec<TallySum>, LakeError> {
        self.catalog.tallies(since_day).await
    }

    /// What commits counted under a name, by UTC day from one on, the newest first.
    ///
    /// # Errors
    /// [`LakeError::Catalog`] when the catalog cannot be read.
    pub async fn tally_days(
        &self,
        name: &str,
        since_day: &str,
    ) -> Result<Vec<(String, u64)>, LakeError> {
        self.catalog.tally_days(name, since_day).await
    }

    /// Answers a read-only query over the newest snapshot with at most `rows_max` rows.
    ///
    /// # Errors
    /// As [`Self::query_with`].
    pub async fn query(&self, sql: &str, rows_max: usize) -> Result<Table, LakeError> {
        self.query_with(sql, &[], rows_max).await
    }

    /// The same with parameters for `$1`, `$2` …: the only way in which text of users may reach SQL.
    /// Times are passed as RFC 3339 text.
    ///
    /// # Errors
    /// [`LakeError::Refused`] for what is not one reading statement, [`LakeError::UnknownTable`] and
    /// [`LakeError::UnknownColumn`] with the nearest names, [`LakeError::Sql`] for other mistakes,
    /// [`LakeError::TooExpensive`] when it needs more memory or time than a query may use.
    pub async fn query_with(
        &self,
        sql: &str,
        parameters: &[Value],
        rows_max: usize,
    ) -> Result<Table, LakeError> {
        self.engine.query(sql, parameters, rows_max).await
    }

    /// How far each stream is committed.
    ///
    /// # Errors
    /// [`LakeError::Catalog`] and its relatives.
    pub async fn positions(&self) -> Result<Vec<StreamPosition>, LakeError> {
        self.catalog.positions().await
    }

    /// Counts the rows of every stream in the Parquet files themselves, not from what the catalog says.
    /// Reads the keys of the whole lake.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`] and [`LakeError::Io`] naming the file.
    pub async fn count_stored(&self) -> Result<Vec<StreamCount>, LakeError> {
        let snapshot = self.catalog.snapshot().await?;
        let mut files = Vec::new();
        for table in self.catalog.tables(snapshot).await? {
            if table.name != ALERT {
                files.extend(self.catalog.files(table.id, snapshot).await?);
            }
        }
        let data = self.data.clone();
        blocking(move || audit::count(&data, &files)).await
    }

    /// Merges small files of a table and day, and deletes replaced files whose grace period is over. Commits
    /// go on meanwhile.
    ///
    /// # Errors
    /// [`LakeError::ReadOnly`] for a reader, [`LakeError::DiskFull`] and others as for [`Self::commit`]; what
    /// was merged before the error stays merged.
    pub async fn compact(&self, now: Timestamp) -> Result<Compacted, LakeError> {
        let writer = self.writer()?;
        let _one = writer.compacting.lock().await;
        let mut done = Compacted::default();
        for merge in compact::plan(self.catalog.live_files().await?, now) {
            self.merge(writer, merge, now, &mut done).await?;
        }
        done.files_deleted = self.delete_expired(writer, now).await?;
        Ok(done)
    }

    async fn merge(
        &self,
        writer: &Arc<Writer>,
        merge: compact::Merge,
        now: Timestamp,
        done: &mut Compacted,
    ) -> Result<(), LakeError> {
        let Some(place) = writer.tables.iter().position(|table| table.id == merge.table) else {
            return Ok(());
        };
        let replaced: Vec<i64> = merge.files.iter().map(|source| source.file.id).collect();
        let file = {
            let (writer, data) = (Arc::clone(writer), self.data.clone());
            blocking(move || {
                let table = &writer.tables[place];
                let wanted = writer.wanted.iter().find(|wanted| wanted.name == table.name);
                compact::merge(&writer.store, &data, table, wanted, &merge)
            })
            .await?
        };
        let files = [file];
        let change = Change {
            at: now,
            advances: &[],
            checkpoint: None,
            tallies: &[],
            files: &files,
            replaced: &replaced,
        };
        let published = {
            let _committing = writer.committing.lock().await;
            self.catalog.publish(&change).await
        };
        match published {
            Ok(Published::Done(_)) => {
                done.files_merged += replaced.len();
                done.files_written += 1;
                done.rows += u64::try_from(files[0].rows).unwrap_or_default();
                Ok(())
            }
            Ok(Published::Raced) => {
                writer.store.discard(&writer.tables[place], &files);
                Ok(())
            }
            Err(PublishError::Before(err)) => {
                writer.store.discard(&writer.tables[place], &files);
                Err(err)
            }
            Err(PublishError::Unknown(err)) => Err(err),
        }
    }

    async fn delete_expired(&self, writer: &Writer, now: Timestamp) -> Result<usize, LakeError> {
        self.catalog.expire(now.plus_nanos(-GRACE_NS), now).await?;
        let scheduled = self.catalog.scheduled().await?;
        let gone: Vec<i64> = scheduled
            .iter()
            .filter(|(_, path)| writer.store.remove(path))
            .map(|(file, _)| *file)
            .collect();
        self.catalog.unschedule(&gone).await?;
        Ok(gone.len())
    }

    /// Files, bytes and rows per table.
    ///
    /// # Errors
    /// [`LakeError::Catalog`] and its relatives.
    pub async fn status(&self) -> Result<LakeStatus, LakeError> {
        self.catalog.status().await
    }

    /// Closes the catalog in good order. Dropping the lake is safe too; this also folds SQLite's write-ahead
    /// log into the catalog file.
    pub async fn close(&self) {
        self.catalog.close().await;
    }

    pub(crate) const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    fn writer(&self) -> Result<&Arc<Writer>, LakeError> {
        self.writer.as_ref().ok_or(LakeError::ReadOnly)
    }
}

/// Runs what blocks on disk or processor beside the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LakeError> + Send + 'static,
) -> Result<T, LakeError> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(err) => Err(LakeError::Engine { reason: err.to_string() }),
    }
}

fn lock(root: &Path) -> Result<File, LakeError> {
    let path = root.join(LOCK_FILE);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|err| LakeError::io("open", &path, err))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LakeError::InUse { root: root.to_owned() }),
        Err(TryLockError::Error(err)) => Err(LakeError::io("lock", &path, err)),
    }
}

const CATALOG_FILE: &str = "catalog.sqlite";
const LOCK_FILE: &str = "lake.lock";
const DATA_FOLDER: &str = "data";
