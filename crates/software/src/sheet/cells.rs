//! From bytes to cells: the encoding, the separator, and where the table begins.

use super::{Column, unguard};
use crate::SoftwareError;
use crate::limits::{SHEET_COLUMNS_MAX, SHEET_PREAMBLE_MAX};

/// How the file's characters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-8 with a byte order mark, as Excel saves "CSV UTF-8".
    Utf8Mark,
    /// UTF-16 with a byte order mark, as Excel saves "Unicode text".
    Utf16,
    /// Shift_JIS in Microsoft's form (code page 932), as Japanese Excel saves "CSV".
    ShiftJis,
}

impl Encoding {
    /// The name shown to people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8Mark => "UTF-8 (BOM)",
            Self::Utf16 => "UTF-16",
            Self::ShiftJis => "Shift_JIS",
        }
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<(String, Encoding), SoftwareError> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        let text = String::from_utf8(rest.to_vec());
        return text.map(|text| (text, Encoding::Utf8Mark)).map_err(|_| NO_TEXT);
    }
    for (mark, encoding) in
        [(b"\xFF\xFE", encoding_rs::UTF_16LE), (b"\xFE\xFF", encoding_rs::UTF_16BE)]
    {
        if let Some(rest) = bytes.strip_prefix(mark) {
            let text = encoding
                .decode_without_bom_handling_and_without_replacement(rest)
                .ok_or(NO_TEXT)?;
            return Ok((text.into_owned(), Encoding::Utf16));
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok((text.to_owned(), Encoding::Utf8));
    }
    let text = encoding_rs::SHIFT_JIS
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or(NO_TEXT)?;
    Ok((text.into_owned(), Encoding::ShiftJis))
}

/// The separator with which most headers are known.
pub(super) fn separator_of(text: &str) -> char {
    let mut best = (',', 0);
    for separator in [',', '\t', ';'] {
        let Ok(records) = records(text, separator, SHEET_PREAMBLE_MAX + 1) else { continue };
        let known = records.iter().map(|(_, cells)| headers_known(cells)).max().unwrap_or(0);
        if known > best.1 {
            best = (separator, known);
        }
    }
    best.0
}

fn headers_known(cells: &[String]) -> usize {
    cells.iter().take(SHEET_COLUMNS_MAX).filter(|cell| Column::of_header(cell).is_some()).count()
}

/// The first rows' best row of headers; nothing when no row has a header that is known.
pub(super) fn header_row(records: &[(u64, Vec<String>)]) -> Option<usize> {
    let mut best: Option<(usize, usize)> = None;
    for (place, (_, cells)) in records.iter().take(SHEET_PREAMBLE_MAX + 1).enumerate() {
        let known = headers_known(cells);
        if known > best.map_or(0, |(_, known)| known) {
            best = Some((place, known));
        }
    }
    best.map(|(place, _)| place)
}

pub(super) fn records(
    text: &str,
    separator: char,
    most: usize,
) -> Result<Vec<(u64, Vec<String>)>, SoftwareError> {
    let separator = u8::try_from(separator).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    while rows.len() < most {
        let line = reader.position().line();
        let more = reader.read_record(&mut record).map_err(|_| NO_TEXT)?;
        if !more {
            break;
        }
        let line = record.position().map_or(line, |at| line_of(text, at));
        rows.push((line, record.iter().map(|cell| unguard(cell).to_owned()).collect()));
    }
    Ok(rows)
}

/// The line on which a record begins. The reader gives the place where the record before it ended, which with CRLF is
/// before the line feed.
fn line_of(text: &str, at: &csv::Position) -> u64 {
    let rest = usize::try_from(at.byte()).ok().and_then(|byte| text.as_bytes().get(byte..));
    let ends = rest.unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    at.line() + ends.filter(|byte| **byte == b'\n').count() as u64
}

const NO_TEXT: SoftwareError =
    SoftwareError::BadSheet("it is no text in UTF-8, UTF-16 or Shift_JIS; save it as CSV");
