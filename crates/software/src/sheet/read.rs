//! Reading a sheet: what each column is, and every row.

use super::cells::{Encoding, decode, header_row, records, separator_of};
use super::{Column, SheetVerdict};
use crate::SoftwareError;
use crate::fold::{clean, plain, search_key};
use crate::identify::Step;
use crate::limits::{CELL_CHARS_MAX, SHEET_BYTES_MAX, SHEET_COLUMNS_MAX, SHEET_ROWS_MAX};
use crate::name::normalise;
use crate::publisher::normalise_publisher;
use crate::title::{Category, Identifier, IdentifierKind};
use std::cmp::Ordering;
use std::collections::HashMap;

/// What a row that describes a title says. Empty: the sheet has no such column or the cell is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SheetTitle {
    /// Its name.
    pub name: String,
    /// Its Japanese name.
    pub name_ja: String,
    /// Who makes it.
    pub publisher: String,
    /// Which version.
    pub version: String,
    /// What was decided, where the cell was understood.
    pub verdict: Option<SheetVerdict>,
    /// Under which conditions.
    pub conditions: String,
    /// Why.
    pub reason: String,
    /// What to use instead.
    pub alternative: String,
    /// Where it is offered.
    pub url: String,
    /// What it is for, where the cell was understood.
    pub categories: Vec<Category>,
    /// Its identifiers.
    pub identifiers: Vec<Identifier>,
    /// Every other cell that is not empty, with its header: nothing is thrown away.
    pub others: Vec<(String, String)>,
    /// What was not understood and how it is taken.
    pub remarks: Vec<Step>,
}

/// How a row is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It describes a title.
    Title(Box<SheetTitle>),
    /// It stands above the table: its title, the date.
    Above,
    /// It is the row of headers.
    Headers,
    /// All its cells are empty.
    Blank,
    /// It says again what an earlier row says (same name, publisher and version).
    Repeats {
        /// The earlier row's line.
        line: u64,
    },
    /// It cannot be read.
    Refused(Step),
}

/// A row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its cells as they are meant, without formula guards.
    pub cells: Vec<String>,
    /// How it is read.
    pub reading: Reading,
}

/// How many rows are read in which way; the parts add up to `rows`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All rows.
    pub rows: usize,
    /// Titles.
    pub titles: usize,
    /// Above the table.
    pub above: usize,
    /// The row of headers.
    pub headers: usize,
    /// Blank.
    pub blank: usize,
    /// Repetitions.
    pub repeats: usize,
    /// Refused.
    pub refused: usize,
}

/// A sheet as it will be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Of the file.
    pub encoding: Encoding,
    /// Between cells.
    pub separator: char,
    /// Of the table, cleaned.
    pub headers: Vec<String>,
    /// What each column is taken for.
    pub columns: Vec<Option<Column>>,
    /// Every row.
    pub rows: Vec<Row>,
}

impl Preview {
    /// How many rows are read in which way.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { rows: self.rows.len(), ..Counts::default() };
        for row in &self.rows {
            let part = match row.reading {
                Reading::Title(_) => &mut counts.titles,
                Reading::Above => &mut counts.above,
                Reading::Headers => &mut counts.headers,
                Reading::Blank => &mut counts.blank,
                Reading::Repeats { .. } => &mut counts.repeats,
                Reading::Refused(_) => &mut counts.refused,
            };
            *part += 1;
        }
        counts
    }
}

impl Row {
    /// How the row is read, in words.
    #[must_use]
    pub fn says(&self) -> Step {
        let (en, ja) = match &self.reading {
            Reading::Title(title) => {
                let verdict = |japanese| {
                    title
                        .verdict
                        .map_or(if japanese { "判定なし" } else { "no decision" }, |verdict| {
                            verdict.label(japanese)
                        })
                };
                let remarks = |pick: fn(&Step) -> &String| {
                    title
                        .remarks
                        .iter()
                        .map(|remark| format!("; {}", pick(remark)))
                        .collect::<String>()
                };
                (
                    format!("{}: {}{}", title.name, verdict(false), remarks(|one| &one.en)),
                    format!("{}: {}{}", title.name, verdict(true), remarks(|one| &one.ja)),
                )
            }
            Reading::Above => {
                ("above the table: not read".to_owned(), "表より上の行です".to_owned())
            }
            Reading::Headers => ("the headings".to_owned(), "見出しの行です".to_owned()),
            Reading::Blank => ("blank".to_owned(), "空行です".to_owned()),
            Reading::Repeats { line } => (
                format!("says the same title as line {line}"),
                format!("{line} 行目と同じソフトウェアです"),
            ),
            Reading::Refused(step) => return step.clone(),
        };
        Step { en, ja }
    }
}

/// Reads a sheet, guessing what each column is.
///
/// # Errors
/// [`SoftwareError::TooLarge`], and [`SoftwareError::BadSheet`] when it is no text or no column holds names.
pub fn read(bytes: &[u8]) -> Result<Preview, SoftwareError> {
    read_as(bytes, &[])
}

/// As [`read`], with columns named by a person: pairs of a column's number (from 0) and its meaning, or nothing for
/// a column that shall not be read.
///
/// # Errors
/// As [`read`].
pub fn read_as(bytes: &[u8], named: &[(usize, Option<Column>)]) -> Result<Preview, SoftwareError> {
    if bytes.len() > SHEET_BYTES_MAX {
        return Err(SoftwareError::TooLarge {
            what: "the sheet (in bytes)",
            size: bytes.len(),
            limit: SHEET_BYTES_MAX,
        });
    }
    let (text, encoding) = decode(bytes)?;
    let separator = separator_of(&text);
    let records = records(&text, separator, SHEET_ROWS_MAX + 1)?;
    if records.len() > SHEET_ROWS_MAX {
        return Err(SoftwareError::TooLarge {
            what: "the sheet (in rows)",
            size: records.len(),
            limit: SHEET_ROWS_MAX,
        });
    }
    let header_at = header_row(&records);
    let headers: Vec<String> = match header_at.and_then(|place| records.get(place)) {
        Some((_, cells)) => cells.iter().map(|cell| clean(cell).text).collect(),
        None => Vec::new(),
    };
    let mut columns: Vec<Option<Column>> = Vec::new();
    for header in headers.iter().take(SHEET_COLUMNS_MAX) {
        let column = Column::of_header(header).filter(|column| !columns.contains(&Some(*column)));
        columns.push(column);
    }
    for (place, column) in named.iter().filter(|(place, _)| *place < SHEET_COLUMNS_MAX) {
        if columns.len() <= *place {
            columns.resize(*place + 1, None);
        }
        for (at, known) in columns.iter_mut().enumerate() {
            if at == *place {
                *known = *column;
            } else if known.is_some() && *known == *column {
                *known = None;
            }
        }
    }
    if !columns.contains(&Some(Column::Name)) {
        return Err(SoftwareError::BadSheet(
            "no column holds names of software; name one, for example ソフトウェア名 or Name",
        ));
    }
    let mut reader = Rows { separator, headers: &headers, columns: &columns, seen: HashMap::new() };
    let rows = records
        .into_iter()
        .enumerate()
        .map(|(place, (line, cells))| {
            let reading = match header_at.map(|header| place.cmp(&header)) {
                Some(Ordering::Less) => Reading::Above,
                Some(Ordering::Equal) => Reading::Headers,
                Some(Ordering::Greater) | None => reader.reading(line, &cells),
            };
            Row { line, cells, reading }
        })
        .collect();
    Ok(Preview { encoding, separator, headers, columns, rows })
}

struct Rows<'a> {
    separator: char,
    headers: &'a [String],
    columns: &'a [Option<Column>],
    seen: HashMap<(String, String, String, String), u64>,
}

impl Rows<'_> {
    fn reading(&mut self, line: u64, cells: &[String]) -> Reading {
        let refused = |en: String, ja: String| Reading::Refused(Step { en, ja });
        if cells.iter().all(|cell| clean(cell).text.is_empty()) {
            return Reading::Blank;
        }
        if cells.len() > SHEET_COLUMNS_MAX {
            return refused(
                format!("has {} cells, more than {SHEET_COLUMNS_MAX}", cells.len()),
                format!("セルが {} 個あります（上限 {SHEET_COLUMNS_MAX}）", cells.len()),
            );
        }
        if let Some((place, cell)) =
            cells.iter().enumerate().find(|(_, cell)| cell.chars().count() > CELL_CHARS_MAX)
        {
            return refused(
                format!(
                    "cell {} has {} characters, more than {CELL_CHARS_MAX}",
                    place + 1,
                    cell.chars().count()
                ),
                format!(
                    "{} 番目のセルが {} 文字あります（上限 {CELL_CHARS_MAX}）",
                    place + 1,
                    cell.chars().count()
                ),
            );
        }
        if let Some(rows) = cells.iter().find_map(|cell| self.swallowed(cell)) {
            return refused(
                format!("a quotation mark is not closed: {rows} rows or more stand in one cell"),
                format!(
                    "引用符 (\") が閉じられていません。{rows} 行以上が一つのセルに入っています"
                ),
            );
        }
        let title = self.title(cells);
        let name = normalise(&title.name);
        if name.key.is_empty() {
            return refused(
                "has no name of a software".to_owned(),
                "ソフトウェア名がありません".to_owned(),
            );
        }
        let key = (
            name.key.clone(),
            name.edition_key(),
            normalise_publisher(&title.publisher).key,
            search_key(&title.version),
        );
        match self.seen.get(&key) {
            Some(first) => Reading::Repeats { line: *first },
            None => {
                self.seen.insert(key, line);
                Reading::Title(Box::new(title))
            }
        }
    }

    /// How many lines of a cell are rows of this table by their number of separators, when that is no accident.
    fn swallowed(&self, cell: &str) -> Option<usize> {
        let separators = self.columns.len().checked_sub(1).filter(|count| *count >= 2)?;
        let is_row = |line: &&str| line.matches(self.separator).count() == separators;
        let rows = cell.lines().skip(1).filter(is_row).count();
        (rows >= 2).then_some(rows)
    }

    fn title(&self, cells: &[String]) -> SheetTitle {
        let mut title = SheetTitle::default();
        for (place, raw) in cells.iter().enumerate() {
            let cell = plain(raw);
            if cell.is_empty() {
                continue;
            }
            match self.columns.get(place).copied().flatten() {
                Some(Column::Name) => {
                    let cleaned = clean(raw);
                    if cleaned.hidden || cleaned.cut {
                        title.remarks.push(Step {
                            en: "the name held hidden characters or was too long".to_owned(),
                            ja: "名称に見えない文字があるか、長すぎたため整えました".to_owned(),
                        });
                    }
                    title.name = cleaned.text;
                }
                Some(Column::NameJa) => title.name_ja = clean(&cell).text,
                Some(Column::Publisher) => title.publisher = clean(&cell).text,
                Some(Column::Version) => title.version = clean(&cell).text,
                Some(Column::Conditions) => title.conditions = cell,
                Some(Column::Reason) => title.reason = cell,
                Some(Column::Alternative) => title.alternative = cell,
                Some(Column::Url) => title.url = cell,
                Some(Column::Verdict) => verdict_into(&mut title, cell),
                Some(Column::Category) => categories_into(&mut title, cell),
                Some(Column::Identifier) => identifiers_into(&mut title, &cell),
                Some(other) => title.others.push((other.name().to_owned(), cell)),
                None => {
                    let header = self.headers.get(place).filter(|header| !header.is_empty());
                    title
                        .others
                        .push((header.cloned().unwrap_or_else(|| format!("#{}", place + 1)), cell));
                }
            }
        }
        // Conditions in their own column make an approval conditional: dropping them would approve too much.
        if title.verdict == Some(SheetVerdict::Approved)
            && SheetVerdict::of_cell(&title.conditions) != Some(SheetVerdict::Approved)
        {
            let none = ["", "なし", "無し", "無", "特になし", "none", "-", "n/a"];
            if !none.contains(&clean(&title.conditions).text.to_lowercase().as_str()) {
                title.verdict = Some(SheetVerdict::Conditional);
            }
        }
        title
    }
}

fn verdict_into(title: &mut SheetTitle, cell: String) {
    title.verdict = SheetVerdict::of_cell(&cell);
    if title.verdict.is_none() {
        let shown = clean(&cell).text;
        title.remarks.push(Step {
            en: format!("the decision \"{shown}\" is not understood and stays open"),
            ja: format!("判定「{shown}」を読み取れないため、判定なしとして扱います"),
        });
        title.others.push((Column::Verdict.name().to_owned(), cell));
    }
}

fn categories_into(title: &mut SheetTitle, cell: String) {
    for word in cell.split([',', '、', '/', ';', '・', '\n']) {
        let key = search_key(word);
        let known = Category::ALL.iter().find(|category| {
            [category.name(), category.label(true), category.label(false)]
                .iter()
                .any(|name| search_key(name) == key)
        });
        title.categories.extend(known.filter(|category| !title.categories.contains(category)));
    }
    title.others.push((Column::Category.name().to_owned(), cell));
}

fn identifiers_into(title: &mut SheetTitle, cell: &str) {
    for word in cell.split([',', '、', ';', ' ', '\n']).filter(|word| !word.is_empty()) {
        let extension = word.len() == 32 && word.bytes().all(|byte| (b'a'..=b'p').contains(&byte));
        match Identifier::parse(word) {
            Ok(identifier) => title.identifiers.push(identifier),
            Err(_) if extension => {
                title.identifiers.push(Identifier::new(IdentifierKind::ChromeExtension, word))
            }
            Err(_) => title.others.push((Column::Identifier.name().to_owned(), word.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second row of a sheet with CRLF was said to stand on line 1.
    #[test]
    fn lines_are_counted_alike_with_every_line_end() {
        for end in ["\n", "\r\n"] {
            let sheet = ["name,status", "a,ok", "\"b\nb\",ok", "c,ok"].join(end);
            let read = read(sheet.as_bytes()).expect("a sheet");
            let lines: Vec<u64> = read.rows.iter().map(|row| row.line).collect();
            assert_eq!(lines, [1, 2, 3, 5], "{end:?}");
        }
    }
}
