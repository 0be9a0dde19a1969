//! The lake: events as Parquet files, an SQL catalog beside them, and SQL over both.
//!
//! Under construction: the types are final, the engine follows.

mod error;
pub mod limits;
mod types;

pub use error::{ErrorClass, LakeError};
pub use types::{
    Access, Advance, Column, Commit, Committed, Compacted, LakeStatus, StreamCount, StreamPosition,
    Table, TableStatus,
};

use model::{Timestamp, Value};
use std::path::{Path, PathBuf};

/// A lake in a folder.
#[derive(Debug)]
pub struct Lake {
    root: PathBuf,
}

fn pending<T>(root: &Path) -> Result<T, LakeError> {
    Err(LakeError::NoLake { root: root.to_owned() })
}

#[expect(clippy::unused_async, reason = "the engine behind these signatures follows")]
impl Lake {
    /// Opens a lake.
    ///
    /// # Errors
    /// See [`LakeError`].
    pub async fn open(root: &Path, _access: Access) -> Result<Self, LakeError> {
        Ok(Self { root: root.to_owned() })
    }
    /// Commits.
    ///
    /// # Errors
    /// See [`LakeError`].
    pub async fn commit(&self, _commit: Commit) -> Result<Committed, LakeError> {
        pending(&self.root)
    }
    /// Queries.
    ///
    /// # Errors
    /// See [`LakeError`].
    pub async fn query(&self, _sql: &str, _rows_max: usize) -> Result<Table, LakeError> {
        pending(&self.root)
    }
    /// Queries with parameters.
    ///
    /// # Errors
    /// See [`LakeError`].
    pub async fn query_with(
        &self,
        _sql: &str,
        _parameters: &[Value],
        _rows_max: usize,
    ) -> Result<Table, LakeError> {
        pending(&self.root)
    }
    /// Positions of every stream.
    ///
    /// # Errors
    /// See [`LakeError`].
    pub async fn positions(&self) -> Result<Vec<StreamPosition>, LakeError> {
        pending(&self.root)
    }
    /// Rows really counted.
    ///
    /// # Errors
    /// See [`LakeError`].
    pub async fn count_stored(&self) -> Result<Vec<StreamCount>, LakeError> {
        pending(&self.root)
    }
    /// Merges small files.
    ///
    /// # Errors
    /// See [`LakeError`].
    pub async fn compact(&self, _now: Timestamp) -> Result<Compacted, LakeError> {
        pending(&self.root)
    }
    /// The state.
    ///
    /// # Errors
    /// See [`LakeError`].
    pub async fn status(&self) -> Result<LakeStatus, LakeError> {
        pending(&self.root)
    }
}
