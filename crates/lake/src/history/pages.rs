//! Which rows of a column may hold what is looked for: its pages are searched as they are stored, many values at
//! once, and become values only where something may be.

use super::Strip;
use crate::LakeError;
use datafusion::parquet::basic::{Encoding, Type};
use datafusion::parquet::column::page::{Page, PageReader};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::ColumnChunkMetaData;
use datafusion::parquet::file::serialized_reader::SerializedPageReader;
use std::sync::Arc;

/// What is looked for. Both may say yes where there is nothing, and never no where there is something.
pub struct Sought<'s> {
    /// Whether one of many texts may hold it, which lie one behind the other with anything between them.
    pub in_texts: &'s dyn Fn(&[u8]) -> bool,
    /// Whether a list or map may hold it that is kept as this JSON, besides as it stands there.
    pub in_nested: &'s dyn Fn(&[u8]) -> bool,
}

impl Strip {
    /// The wanted rows whose texts in a column may hold what is looked for; `None` when there is none. Texts, and
    /// lists of them, are searched; a column of another type gives back all wanted rows.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`], [`LakeError::Io`].
    pub fn may_hold(
        &self,
        column: &str,
        sought: &Sought<'_>,
        wanted: &[bool],
    ) -> Result<Option<Vec<bool>>, LakeError> {
        if let Some(value) = self.constant(column) {
            let text = value.as_text().unwrap_or_default();
            return Ok((sought.in_texts)(text.as_bytes()).then(|| wanted.to_vec()));
        }
        self.rows_with(sought, wanted, false, |path| {
            path.first().is_some_and(|first| first == column)
        })
    }

    /// As [`Strip::may_hold`] for what events keep outside the columns.
    ///
    /// # Errors
    /// [`LakeError::Corrupt`], [`LakeError::Io`].
    pub fn may_hold_outside(
        &self,
        sought: &Sought<'_>,
        wanted: &[bool],
    ) -> Result<Option<Vec<bool>>, LakeError> {
        self.rows_with(sought, wanted, true, |path| {
            path.first().is_some_and(|first| first == "extra")
                && path.last().is_some_and(|last| last == "value")
        })
    }

    fn rows_with(
        &self,
        sought: &Sought<'_>,
        wanted: &[bool],
        nested: bool,
        is_column: impl Fn(&[String]) -> bool,
    ) -> Result<Option<Vec<bool>>, LakeError> {
        let metadata = self.metadata();
        let Some(group) = metadata.row_groups().get(self.group) else {
            return Ok(Some(wanted.to_vec()));
        };
        let is_column = |chunk: &ColumnChunkMetaData| is_column(chunk.column_path().parts());
        let Some(place) = group.columns().iter().position(is_column) else { return Ok(None) };
        let chunk = group.column(place);
        let index = metadata.offset_index().and_then(|groups| groups.get(self.group)?.get(place));
        let Some(index) = index.filter(|_| chunk.column_type() == Type::BYTE_ARRAY) else {
            return Ok(Some(wanted.to_vec()));
        };
        let nulls = chunk.statistics().and_then(|statistics| statistics.null_count_opt());
        if nulls.is_some() && nulls == u64::try_from(chunk.num_values()).ok() {
            return Ok(None);
        }
        let locations = Some(index.page_locations().clone());
        let file = Arc::new(self.file()?);
        let rows = SerializedPageReader::new(file, chunk, self.rows, locations)
            .and_then(|pages| Search { chunk, sought, nested }.rows(pages, wanted));
        rows.map_err(|err| self.damaged(&err))
    }
}

struct Search<'s> {
    chunk: &'s ColumnChunkMetaData,
    sought: &'s Sought<'s>,
    /// Texts that begin with a bracket may be lists or maps.
    nested: bool,
}

impl Search<'_> {
    fn rows(
        &self,
        mut pages: impl PageReader,
        wanted: &[bool],
    ) -> Result<Option<Vec<bool>>, ParquetError> {
        let mut rows = wanted.to_vec();
        let mut in_dictionary = false;
        let mut first = 0_usize;
        while let Some(next) = pages.peek_next_page()? {
            if next.is_dict {
                in_dictionary = match pages.get_next_page()? {
                    Some(page) if page.encoding() == Encoding::PLAIN => self.holds(page.buffer()),
                    _ => true,
                };
                if !in_dictionary && is_by_dictionary(self.chunk) {
                    return Ok(None);
                }
                continue;
            }
            let Some(count) = next.num_rows else { return Ok(Some(wanted.to_vec())) };
            let here = rows.get_mut(first..first.saturating_add(count));
            first = first.saturating_add(count);
            let Some(here) = here.filter(|here| here.contains(&true)) else {
                pages.skip_next_page()?;
                continue;
            };
            let Some(page) = pages.get_next_page()? else { break };
            let may_hold = match page.encoding() {
                Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => in_dictionary,
                Encoding::PLAIN => self.values(&page).is_none_or(|values| self.holds(values)),
                _ => true,
            };
            if !may_hold {
                here.fill(false);
            }
        }
        Ok(rows.contains(&true).then_some(rows))
    }

    /// Whether values may hold it: each behind its length, four bytes little endian.
    fn holds(&self, values: &[u8]) -> bool {
        (self.sought.in_texts)(values) || self.nested && self.hides(values).unwrap_or(true)
    }

    /// Whether a list or map among values may hold it; `None` when the values are not what they should be.
    fn hides(&self, mut values: &[u8]) -> Option<bool> {
        while let Some((length, rest)) = values.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (text, rest) = rest.split_at_checked(length)?;
            if matches!(text.first(), Some(b'[' | b'{')) && (self.sought.in_nested)(text) {
                return Some(true);
            }
            values = rest;
        }
        values.is_empty().then_some(false)
    }

    /// The values of a page, behind what says to which row and list they belong; `None` when that is written in
    /// an unknown way.
    fn values<'p>(&self, page: &'p Page) -> Option<&'p [u8]> {
        match page {
            Page::DataPage { buf, def_level_encoding, rep_level_encoding, .. } => {
                let mut rest: &[u8] = buf;
                let column = self.chunk.column_descr();
                for (level_max, encoding) in [
                    (column.max_rep_level(), rep_level_encoding),
                    (column.max_def_level(), def_level_encoding),
                ] {
                    if level_max == 0 {
                        continue;
                    }
                    let (length, levels) = rest.split_first_chunk::<4>()?;
                    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
                    rest = levels.get(length..).filter(|_| *encoding == Encoding::RLE)?;
                }
                Some(rest)
            }
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let levels = def_levels_byte_len.checked_add(*rep_levels_byte_len)?;
                buf.get(usize::try_from(levels).ok()?..)
            }
            Page::DictionaryPage { .. } => None,
        }
    }
}

/// Whether all values of a chunk are in its dictionary.
pub(super) fn is_by_dictionary(chunk: &ColumnChunkMetaData) -> bool {
    chunk.dictionary_page_offset().is_some()
        && chunk.page_encoding_stats_mask().is_some_and(|pages| {
            pages.is_only(Encoding::RLE_DICTIONARY) || pages.is_only(Encoding::PLAIN_DICTIONARY)
        })
}
