//! Counts what the files really hold, row by row, for the sums of the audit.

use crate::catalog::DataFile;
use crate::{LakeError, StreamCount};
use datafusion::arrow::array::types::Int64Type;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use model::{AgentId, EpochId};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

/// Sequence numbers of one stream as a set of bits, in pages; repeated ones are counted.
#[derive(Debug, Default)]
struct Seen {
    rows: u64,
    duplicates: u64,
    first: Option<u64>,
    last: u64,
    pages: HashMap<u64, Box<[u64; PAGE_WORDS]>>,
}

const PAGE_WORDS: usize = 1_024;
const PAGE_BITS: u64 = 64 * PAGE_WORDS as u64;

impl Seen {
    fn note(&mut self, seq: u64) {
        self.rows += 1;
        self.first = Some(self.first.map_or(seq, |first| first.min(seq)));
        self.last = self.last.max(seq);
        let page = self.pages.entry(seq / PAGE_BITS).or_insert_with(|| Box::new([0; PAGE_WORDS]));
        let bit = seq % PAGE_BITS;
        let word = &mut page[(bit / 64) as usize];
        let mask = 1 << (bit % 64);
        if *word & mask != 0 {
            self.duplicates += 1;
        }
        *word |= mask;
    }
}

/// Reads the stream keys of every file. Blocks.
pub(crate) fn count(data: &Path, files: &[DataFile]) -> Result<Vec<StreamCount>, LakeError> {
    let mut streams: BTreeMap<(String, String), Seen> = BTreeMap::new();
    for file in files {
        count_file(&data.join(&file.path), &mut streams)?;
    }
    streams
        .into_iter()
        .map(|((agent, epoch), seen)| {
            let corrupt = |reason: String| LakeError::Corrupt { path: data.to_owned(), reason };
            Ok(StreamCount {
                agent: AgentId::parse(&agent).map_err(|err| corrupt(err.to_string()))?,
                epoch: EpochId::parse(&epoch).map_err(|err| corrupt(err.to_string()))?,
                stored: seen.rows,
                duplicates: seen.duplicates,
                first_seq: seen.first.unwrap_or_default(),
                last_seq: seen.last,
            })
        })
        .collect()
}

fn count_file(
    path: &Path,
    streams: &mut BTreeMap<(String, String), Seen>,
) -> Result<(), LakeError> {
    let damaged = |err: &dyn std::fmt::Display| LakeError::Corrupt {
        path: path.to_owned(),
        reason: err.to_string(),
    };
    let file = File::open(path).map_err(|err| LakeError::io("open", path, err))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|err| damaged(&err))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["agent", "epoch", "seq"]);
    let reader = builder.with_projection(mask).build().map_err(|err| damaged(&err))?;
    for batch in reader {
        let batch = batch.map_err(|err| damaged(&err))?;
        count_rows(&batch, streams)
            .ok_or_else(|| damaged(&"a row without agent, epoch and sequence number"))?;
    }
    Ok(())
}

/// `None` when a key is missing.
fn count_rows(batch: &RecordBatch, streams: &mut BTreeMap<(String, String), Seen>) -> Option<()> {
    let agents = batch.column_by_name("agent")?.as_string_opt::<i32>()?;
    let epochs = batch.column_by_name("epoch")?.as_string_opt::<i32>()?;
    let seqs = batch.column_by_name("seq")?.as_primitive_opt::<Int64Type>()?;
    if agents.null_count() + epochs.null_count() + seqs.null_count() > 0 {
        return None;
    }
    let mut row = 0;
    while row < batch.num_rows() {
        // Rows are sorted by device: a stream's rows stand together, so it is looked up once per run.
        let (agent, epoch) = (agents.value(row), epochs.value(row));
        let seen = streams.entry((agent.to_owned(), epoch.to_owned())).or_default();
        while row < batch.num_rows() && agents.value(row) == agent && epochs.value(row) == epoch {
            seen.note(u64::try_from(seqs.value(row)).ok()?);
            row += 1;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_numbers_are_counted_across_pages() {
        let mut seen = Seen::default();
        for seq in [1, 2, PAGE_BITS, PAGE_BITS * 3 + 63, 2, PAGE_BITS] {
            seen.note(seq);
        }
        assert_eq!((seen.rows, seen.duplicates), (6, 2));
        assert_eq!((seen.first, seen.last), (Some(1), PAGE_BITS * 3 + 63));
    }
}
