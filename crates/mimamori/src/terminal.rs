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
    const WIDTH_MAX: usize = 60;
    let width = |column: usize| {
        let widest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        widest.max(columns[column].chars().count()).min(WIDTH_MAX)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}", width = *width))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    print_line(&line(columns.to_vec()))?;
    print_line(&widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("  "))?;
    for row in rows {
        print_line(&line(row.iter().map(String::as_str).collect()))?;
    }
    flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_bidi_tricks_are_shown_not_obeyed() {
        assert_eq!(visible("a\u{1b}[31mb\u{202e}c"), "a⟪U+001B⟫[31mb⟪U+202E⟫c");
        assert_eq!(visible("日本語 ok"), "日本語 ok");
    }
}
