//! Fields that have no column: their names, read from the dictionary of a column chunk instead of its pages, and
//! their values.

use super::StripTexts;
use super::pages::is_by_dictionary;
use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _};
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
    if !is_by_dictionary(chunk) {
        return Ok(None);
    }
    let mut pages = SerializedPageReader::new(Arc::new(file), chunk, rows, None)?;
    let Some(Page::DictionaryPage { buf, num_values, .. }) = pages.get_next_page()? else {
        return Ok(None);
    };
    Ok(dictionary(&buf, num_values))
}

/// Appends the values of a piece of the map; `None` when it is not what we write.
pub(super) fn append(
    array: &ArrayRef,
    rows: &mut impl Iterator<Item = usize>,
    into: &mut StripTexts,
) -> Option<()> {
    let map = array.as_map_opt()?;
    let values = map.values().as_string_opt::<i32>()?;
    let (first, last) = (*map.offsets().first()?, *map.offsets().last()?);
    let values = values.slice(usize::try_from(first).ok()?, usize::try_from(last - first).ok()?);
    let base = into.text_ends.len();
    // A value that is null says nothing: it is no text.
    let mut told: Vec<usize> = Vec::new();
    if values.null_count() == 0 {
        let offsets = values.value_offsets();
        let (begin, end) = (*offsets.first()?, *offsets.last()?);
        let bytes = values.value_data();
        let bytes = bytes.get(usize::try_from(begin).ok()?..usize::try_from(end).ok()?)?;
        let before = into.texts.len();
        into.texts.push_str(std::str::from_utf8(bytes).ok()?);
        for end in offsets.iter().skip(1) {
            into.text_ends.push(before + usize::try_from(end - begin).ok()?);
        }
    } else {
        told.reserve(values.len() + 1);
        told.push(0);
        for value in &values {
            if let Some(text) = value {
                into.texts.push_str(text);
                into.text_ends.push(into.texts.len());
            }
            told.push(into.text_ends.len() - base);
        }
    }
    for end in map.offsets().iter().skip(1) {
        let row = rows.next()?;
        let before = into.row_ends.last().copied().unwrap_or(base);
        into.row_ends.resize(row.max(into.row_ends.len()), before);
        let end = usize::try_from(end - first).ok()?;
        into.row_ends.push(base + if told.is_empty() { end } else { *told.get(end)? });
    }
    Some(())
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
    use datafusion::arrow::array::{MapBuilder, StringBuilder};

    #[test]
    fn texts_of_a_map_go_to_their_rows_and_null_is_none() {
        let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        for row in
            [&[("a", Some("x")), ("b", None)][..], &[], &[("a", Some("")), ("c", Some("yz"))]]
        {
            for (name, value) in row {
                builder.keys().append_value(name);
                builder.values().append_option(*value);
            }
            builder.append(!row.is_empty()).expect("a row");
        }
        let all: ArrayRef = Arc::new(builder.finish());
        let mut texts = StripTexts::default();
        append(&all, &mut [1, 2, 4].into_iter(), &mut texts).expect("read");
        append(&all.slice(2, 1), &mut [5].into_iter(), &mut texts).expect("read");
        assert_eq!(texts.texts, "xyzyz");
        assert_eq!(texts.text_ends, [1, 1, 3, 3, 5]);
        assert_eq!(texts.row_ends, [0, 1, 1, 1, 3, 5]);
    }

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
