//! The names of fields that have no column, read from the dictionary of a column chunk instead of its pages.

use datafusion::parquet::basic::Encoding;
use datafusion::parquet::column::page::{Page, PageReader as _};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::ColumnChunkMetaData;
use datafusion::parquet::file::serialized_reader::SerializedPageReader;
use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

/// The distinct texts of a chunk, when its footer or its dictionary tells them all; `None`: read its pages.
pub(super) fn texts(
    file: File,
    chunk: &ColumnChunkMetaData,
    rows: usize,
) -> Result<Option<BTreeSet<String>>, ParquetError> {
    let values = u64::try_from(chunk.num_values()).ok();
    let nulls = chunk.statistics().and_then(|statistics| statistics.null_count_opt());
    if values.is_some() && values == nulls {
        return Ok(Some(BTreeSet::new()));
    }
    let by_dictionary = chunk.dictionary_page_offset().is_some()
        && chunk.page_encoding_stats_mask().is_some_and(|pages| {
            pages.is_only(Encoding::RLE_DICTIONARY) || pages.is_only(Encoding::PLAIN_DICTIONARY)
        });
    if !by_dictionary {
        return Ok(None);
    }
    let mut pages = SerializedPageReader::new(Arc::new(file), chunk, rows, None)?;
    let Some(Page::DictionaryPage { buf, num_values, .. }) = pages.get_next_page()? else {
        return Ok(None);
    };
    Ok(dictionary(&buf, num_values))
}

/// The texts of a dictionary page: each behind its length, four bytes little endian.
fn dictionary(mut bytes: &[u8], count: u32) -> Option<BTreeSet<String>> {
    let mut texts = BTreeSet::new();
    for _ in 0..count {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (text, rest) = rest.split_at_checked(length)?;
        texts.insert(std::str::from_utf8(text).ok()?.to_owned());
        bytes = rest;
    }
    bytes.is_empty().then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_read_whole_or_not_at_all() {
        let page = [1, 0, 0, 0, b'a', 2, 0, 0, 0, b'b', b'c'];
        let both: BTreeSet<String> = ["a".to_owned(), "bc".to_owned()].into();
        assert_eq!(dictionary(&page, 2), Some(both));
        assert_eq!(dictionary(&page, 1), None, "more than it says");
        assert_eq!(dictionary(&page, 3), None, "less than it says");
        assert_eq!(dictionary(&[1, 0, 0, 0, 0xff], 1), None, "no text");
        assert_eq!(dictionary(&[0xff; 8], 1), None, "a length beyond the page");
    }
}
