//! Speaking to a terminal. Text from events is hostile there too: control and bidirectional characters
//! are shown, not obeyed.

use anyhow::Context;
use model::Value;
use std::fmt::Write as _;
use std::io::Write as _;

/// Prints a line to standard output.
///
/// # Errors
/// When standard output is closed (`| head`).
pub(crate) fn print_line(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .context("could not write to standard output")
}

/// Flushes standard output.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn flush() -> anyhow::Result<()> {
    std::io::stdout().flush().context("could not write to standard output")
}

/// Prints a line to standard error; a closed standard error, or one on a full disk, is nobody's loss and
/// must not end the program (`eprintln!` would).
pub(crate) fn note(line: &str) {
    drop(std::io::stderr().write_all(format!("{line}\n").as_bytes()));
}

/// Text with control, bidirectional and zero-width characters written out.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_invisible(character) {
            // Writing to a string cannot fail.
            write!(out, "⟪U+{:04X}⟫", u32::from(character))
                .expect("invariant: a string takes every write");
        } else {
            out.push(character);
        }
    }
    out
}

const fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

/// A value in one line for a table.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::List(_) | Value::Map(_) => {
            visible(&serde_json::to_string(value).unwrap_or_default())
        }
        other => visible(other.scalar_text().unwrap_or_default().as_ref()),
    }
}

/// Prints rows under their column names, columns as wide as their widest cell (at most 60).
///
/// # Errors
/// When standard output is closed.
pub(crate) fn print_table(columns: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    table(columns, rows).iter().try_for_each(|line| print_line(line))?;
    flush()
}

/// The lines of a table. Widths are columns of a terminal, in which Japanese takes two for a character.
fn table(columns: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    const WIDTH_MAX: usize = 60;
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| width_of(cell)).max().unwrap_or(0);
        let name = columns.get(column).map_or(0, |name| width_of(name));
        widest.max(name).min(WIDTH_MAX)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width.saturating_sub(width_of(cell)) + 2));
        }
        line.trim_end().to_owned()
    };
    let ruler: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    let mut lines = vec![line(columns.to_vec()), ruler.join("  ")];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines
}

/// Columns of a terminal that a text takes. Unicode's East Asian Width (UAX #11) by its blocks, which is what terminals
/// draw: wide and full-width characters take two, marks that combine none.
pub(crate) fn width_of(text: &str) -> usize {
    text.chars()
        .map(|character| match character {
            '\u{0300}'..='\u{036F}' | '\u{3099}'..='\u{309A}' | '\u{FE00}'..='\u{FE0F}' => 0,
            '\u{1100}'..='\u{115F}'
            | '\u{2E80}'..='\u{303E}'
            | '\u{3041}'..='\u{33FF}'
            | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{A4CF}'
            | '\u{A960}'..='\u{A97F}'
            | '\u{AC00}'..='\u{D7A3}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{FE30}'..='\u{FE6F}'
            | '\u{FF01}'..='\u{FF60}'
            | '\u{FFE0}'..='\u{FFE6}'
            | '\u{1F300}'..='\u{1F64F}'
            | '\u{1F680}'..='\u{1F6FF}'
            | '\u{1F900}'..='\u{1FAFF}'
            | '\u{20000}'..='\u{3FFFD}' => 2,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_bidi_tricks_are_shown_not_obeyed() {
        assert_eq!(visible("a\u{1b}[31mb\u{202e}c"), "a⟪U+001B⟫[31mb⟪U+202E⟫c");
        assert_eq!(visible("日本語 ok"), "日本語 ok");
    }

    #[test]
    fn columns_stand_under_one_another_also_in_japanese() {
        assert_eq!(width_of("Zoom"), 4);
        assert_eq!(width_of("ズーム"), 6);
        assert_eq!(width_of("ｽﾞｰﾑ"), 4, "half-width katakana");
        assert_eq!(width_of("か\u{3099}"), 2, "a mark on the character before it");
        assert_eq!(width_of("⟪U+202E⟫"), 8);
        let rows =
            [vec!["ズーム".to_owned(), "1".to_owned()], vec!["Zoom".to_owned(), "2".to_owned()]];
        let lines = table(&["software", "version"], &rows);
        assert_eq!(lines, ["software  version", "────────  ───────", "ズーム    1", "Zoom      2"]);
    }
}
