//! Writing CSV. A cell that begins like a formula gets an apostrophe before it; reading takes it off again.

use std::borrow::Cow;

/// A cell as it is written. Spreadsheets take `=`, `+`, `-`, `@` (also the wide forms, with Japanese input) and
/// cells after a tab, a line end or NUL for formulas. A cell that already looks guarded is guarded once more, so that
/// [`unguard`] gives back exactly what was there.
#[must_use]
pub fn guard(cell: &str) -> Cow<'_, str> {
    if is_risky(cell.trim_start_matches('\'')) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// A cell as it is meant: without the apostrophe of [`guard`].
#[must_use]
pub fn unguard(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_risky(rest.trim_start_matches('\'')) => rest,
        _ => cell,
    }
}

/// Writes rows as CSV with CRLF, as RFC 4180 says; with a byte order mark Excel reads it as UTF-8.
#[must_use]
pub fn write<R, C>(rows: impl IntoIterator<Item = R>, byte_order_mark: bool) -> Vec<u8>
where
    R: IntoIterator<Item = C>,
    C: AsRef<str>,
{
    let mut bytes = if byte_order_mark { b"\xEF\xBB\xBF".to_vec() } else { Vec::new() };
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .flexible(true)
        .from_writer(&mut bytes);
    for row in rows {
        let cells: Vec<String> =
            row.into_iter().map(|cell| guard(cell.as_ref()).into_owned()).collect();
        writer
            .write_record(&cells)
            .expect("invariant: a flexible writer into memory has nothing to refuse");
    }
    writer.flush().expect("invariant: memory takes every byte");
    drop(writer);
    bytes
}

fn is_risky(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'])
}
