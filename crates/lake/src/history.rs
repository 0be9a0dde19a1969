//! Looking back column by column: what a new rule would have found, without making rows of what it would not.
//!
//! A [`Strip`] is one row group of one file. Its columns are read one at a time, each value once however many
//! rows hold it, and only for the rows that are still wanted. The files of the snapshot at the time of
//! [`crate::Lake::strips`] stay readable for [`crate::limits::GRACE_NS`].

mod event;
mod outside;
mod pages;
mod strip;

pub use event::nested_outside;
pub use pages::Sought;
pub use strip::{NO_VALUE, Strip, StripColumn, StripTexts};

use crate::catalog::{Catalog, DataFile};
use crate::layout::{OBSERVED_AT, parse_catalog_time};
use crate::{Lake, LakeError};
use model::{Family, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use strip::StripFile;

impl Lake {
    /// The strips of a family's table that may hold events observed from `from` to before `to`, the newest
    /// file first. Opens each file's footer.
    ///
    /// # Errors
    /// [`LakeError::Catalog`] and its relatives, [`LakeError::Corrupt`] and [`LakeError::Io`] naming the file.
    pub async fn strips(
        &self,
        family: Family,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Strip>, LakeError> {
        let files = files_between(self.catalog(), family, from, to).await?;
        let data = self.data().to_owned();
        match tokio::task::spawn_blocking(move || open(&data, &files, family, from, to)).await {
            Ok(strips) => strips,
            Err(err) => Err(LakeError::Engine { reason: err.to_string() }),
        }
    }
}

async fn files_between(
    catalog: &Catalog,
    family: Family,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<DataFile>, LakeError> {
    let snapshot = catalog.snapshot().await?;
    let tables = catalog.tables(snapshot).await?;
    let Some(table) = tables.into_iter().find(|table| table.name == family.table()) else {
        return Ok(Vec::new());
    };
    let mut files = catalog.files(table.id, snapshot).await?;
    if let Some(column) = table.columns.iter().find(|column| column.name == OBSERVED_AT) {
        let bounds = catalog.bounds(table.id, column.id).await?;
        files.retain(|file| {
            let Some((low, high, _)) = bounds.get(&file.id) else { return true };
            let time = |text: &Option<String>| text.as_deref().and_then(parse_catalog_time);
            time(low).is_none_or(|low| low < to) && time(high).is_none_or(|high| high >= from)
        });
    }
    files.reverse();
    Ok(files)
}

fn open(
    data: &std::path::Path,
    files: &[DataFile],
    family: Family,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Strip>, LakeError> {
    let mut strips = Vec::new();
    for file in files {
        let path: PathBuf = data.join(&file.path);
        let file = Arc::new(StripFile::open(path, family)?);
        strips.extend(Strip::all_of(&file, from, to));
    }
    Ok(strips)
}
