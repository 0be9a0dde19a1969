//! Files that are given with requests: kept by hash below the control folder, looked at and never run.
//!
//! Invariant: the bytes under a hash are those of the hash: they are counted and hashed while they are written to a
//! scratch file, which takes its place in one rename.
//! Invariant: a file is readable by the server's user only and executable by nobody.
//! Invariant: of paid software nothing is taken, and what was taken before it was called so is removed.

use crate::limits::{UPLOAD_BYTES_MAX, UPLOADS_BYTES_MAX, UPLOADS_OF_PERSON_BYTES_MAX};
use crate::request_rows::load;
use crate::view::requests::{Attachment, Command, Refusal, State};
use crate::{Actor, Control, ControlError, Permission, digest, random};
use sha2::{Digest, Sha256};
use sqlx::Row as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that is being taken. Dropped without [`Control::attach_end`], it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    request: String,
    name: String,
    scratch: PathBuf,
    file: File,
    hasher: Sha256,
    size_bytes: u64,
}

impl Upload {
    /// Takes the next bytes. Writes to the disk: for chunks of a body, not for whole files.
    ///
    /// # Errors
    /// [`ControlError::BadArgument`] above [`UPLOAD_BYTES_MAX`], [`ControlError::Io`].
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), ControlError> {
        self.size_bytes += chunk.len() as u64;
        if self.size_bytes > UPLOAD_BYTES_MAX {
            return Err(bad("it is larger than 512 MiB; give its SHA-256 instead"));
        }
        self.hasher.update(chunk);
        self.file.write_all(chunk).map_err(|source| io("write", &self.scratch, source))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After the rename there is nothing of this name any more; either way nothing is left.
        if let Err(err) = std::fs::remove_file(&self.scratch)
            && err.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(file = %self.scratch.display(), error = %err, "could not remove an unfinished upload");
        }
    }
}

impl Control {
    /// Begins to take a file for a request of one's own.
    ///
    /// # Errors
    /// [`ControlError::Refused`] for paid software and in a state that takes none, [`ControlError::BadArgument`] when
    /// a quota is used up.
    pub async fn attach_begin(
        &self,
        actor: &Actor,
        id: &str,
        name: &str,
    ) -> Result<Upload, ControlError> {
        self.require(actor, &[Permission::FileRequest], "attach").await?;
        let stored = load(self.store.pool(), &actor.own(), id).await?;
        if stored.request.form.paid {
            return Err(Refusal::PaidSoftware.into());
        }
        if !matches!(stored.request.state, State::Draft | State::NeedsInfo) {
            return Err(Refusal::State { state: stored.request.state }.into());
        }
        self.refuse_quota(actor, 0).await?;
        let folder = self.attachments();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|source| io("create", &folder, source))?;
        let scratch = folder.join(format!("{:032x}.part", random::id_bits()?));
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&scratch)
            .map_err(|source| io("create", &scratch, source))?;
        Ok(Upload {
            request: id.to_owned(),
            name: shown_name(name),
            scratch,
            file,
            hasher: Sha256::new(),
            size_bytes: 0,
        })
    }

    /// Ends taking a file: it lies under its hash and belongs to the request.
    ///
    /// # Errors
    /// Those of [`Control::attach_begin`], and [`ControlError::Io`].
    pub async fn attach_end(
        &self,
        actor: &Actor,
        mut upload: Upload,
    ) -> Result<Attachment, ControlError> {
        self.require(actor, &[Permission::FileRequest], "attach").await?;
        if upload.size_bytes == 0 {
            return Err(bad("it is empty"));
        }
        self.refuse_quota(actor, upload.size_bytes).await?;
        upload.file.sync_all().map_err(|source| io("write", &upload.scratch, source))?;
        let sha256 = digest::hex(&std::mem::take(&mut upload.hasher).finalize());
        let attachment = Attachment {
            sha256: sha256.clone(),
            name: upload.name.clone(),
            size_bytes: upload.size_bytes,
            by: actor.id().to_owned(),
            at: self.clock.now(),
        };
        let mut writing = self.store.write().await?;
        let stored = load(&mut *writing, &actor.own(), &upload.request).await?;
        let command = Command::Attach(attachment.clone());
        self.take_step(&mut writing, stored, &command, actor.into()).await?;
        sqlx::query(
            "INSERT INTO attachment (request_id, sha256, person_id, size_bytes, at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (request_id, sha256) DO NOTHING",
        )
        .bind(&upload.request)
        .bind(&sha256)
        .bind(actor.id())
        .bind(i64::try_from(upload.size_bytes).unwrap_or(i64::MAX))
        .bind(attachment.at.nanos())
        .execute(&mut *writing)
        .await?;
        // In place before the row that names it: a crash between the two leaves a file that the sweep removes.
        let place = self.attachments().join(&sha256);
        std::fs::rename(&upload.scratch, &place).map_err(|source| io("name", &place, source))?;
        let folder = self.attachments();
        File::open(&folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| io("write", &folder, source))?;
        writing.commit().await?;
        Ok(attachment)
    }

    /// Where the bytes of a hash lie.
    pub(crate) fn attachment_path(&self, sha256: &str) -> PathBuf {
        self.attachments().join(sha256)
    }

    fn attachments(&self) -> PathBuf {
        self.directory.join("attachments")
    }

    /// Removes files that no request names any more: of paid software, of drafts thrown away, of a crash.
    /// Once an hour.
    pub(crate) async fn sweep_attachments(&self) -> Result<(), ControlError> {
        if !self.evidence.sweep_is_due(self.clock.now()) {
            return Ok(());
        }
        let folder = self.attachments();
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(io("read", &folder, source)),
        };
        for entry in entries.filter_map(Result::ok) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_left = if case::form::is_sha256(&name) {
                // First without the write lock: nearly every file is somebody's.
                unused(self.store.pool(), &name).await?
            } else {
                name.ends_with(".part") && self.is_old(&entry)
            };
            if !is_left {
                continue;
            }
            // Under the write lock, so that nobody names the file just now.
            let mut writing = self.store.write().await?;
            if unused(&mut *writing, &name).await? {
                let path = folder.join(&name);
                std::fs::remove_file(&path).map_err(|source| io("remove", &path, source))?;
            }
            writing.commit().await?;
        }
        Ok(())
    }

    /// Whether a scratch file is of an upload that ended long ago.
    fn is_old(&self, entry: &std::fs::DirEntry) -> bool {
        let since_epoch = entry
            .metadata()
            .and_then(|of| of.modified())
            .ok()
            .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let nanos = since_epoch.and_then(|time| i64::try_from(time.as_nanos()).ok());
        nanos.is_some_and(|at| self.clock.now().nanos() - at > crate::limits::DAY_NS)
    }

    async fn refuse_quota(&self, actor: &Actor, more: u64) -> Result<(), ControlError> {
        let mine = "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM attachment WHERE person_id = $1";
        let used: i64 =
            sqlx::query(mine).bind(actor.id()).fetch_one(self.store.pool()).await?.try_get(0)?;
        if u64::try_from(used).unwrap_or(0) + more > UPLOADS_OF_PERSON_BYTES_MAX {
            return Err(bad(
                "your files take too much space; discard old drafts, or give a SHA-256",
            ));
        }
        let all = "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM attachment";
        let used: i64 = sqlx::query(all).fetch_one(self.store.pool()).await?.try_get(0)?;
        if u64::try_from(used).unwrap_or(0) + more > UPLOADS_BYTES_MAX {
            return Err(bad("the space for files is used up; give its SHA-256 instead"));
        }
        Ok(())
    }
}

async fn unused(reading: impl sqlx::AnyExecutor<'_>, sha256: &str) -> Result<bool, ControlError> {
    let found = sqlx::query("SELECT request_id FROM attachment WHERE sha256 = $1 LIMIT 1")
        .bind(sha256)
        .fetch_optional(reading)
        .await?;
    Ok(found.is_none())
}

/// A name for showing: the last part of what may be a path, without control characters, bounded.
fn shown_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> ControlError {
    ControlError::Io { action, path: path.to_owned(), source }
}

const fn bad(reason: &'static str) -> ControlError {
    ControlError::BadArgument { what: "the file", reason }
}
