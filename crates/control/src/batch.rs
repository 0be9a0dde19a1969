//! Many rows in one statement. A parameter's number is all that is ever written into a statement's text.

use crate::ControlError;
use crate::store::{Row, Writing};
use sqlx::{Any, AssertSqlSafe};
use std::fmt::Write;

/// One value.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Text(String),
    Int(i64),
    MaybeInt(Option<i64>),
    Real(f64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<Option<i64>> for Cell {
    fn from(number: Option<i64>) -> Self {
        Self::MaybeInt(number)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}

/// `INSERT INTO … VALUES` of every row, in as few statements as the databases take. `head` ends before `VALUES`,
/// `tail` follows the rows (`ON CONFLICT …`). With `DO UPDATE` no two rows may have the same key.
pub(crate) async fn insert(
    writing: &mut Writing,
    head: &str,
    rows: &[Vec<Cell>],
    tail: &str,
) -> Result<(), ControlError> {
    let columns = rows.first().map_or(0, Vec::len);
    if columns == 0 {
        return Ok(());
    }
    for chunk in rows.chunks((PARAMETERS_MAX / columns).clamp(1, ROWS_MAX)) {
        let mut sql = format!("{head} VALUES ");
        for place in 0..chunk.len() {
            sql.push_str(if place == 0 { "(" } else { ", (" });
            sql.push_str(&places(columns, place * columns + 1));
            sql.push(')');
        }
        write!(sql, " {tail}").expect("invariant: writing to a String cannot fail");
        // Full chunks have one text and are prepared once; the rest is different every time.
        let full = chunk.len() == (PARAMETERS_MAX / columns).clamp(1, ROWS_MAX);
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(full);
        for cell in chunk.iter().flatten() {
            query = bound(query, cell);
        }
        query.execute(&mut **writing).await?;
    }
    Ok(())
}

/// Runs a statement that ends in `IN (…)` for many values, in chunks; `fixed` are its first parameters. Gives the rows.
pub(crate) async fn fetch_in(
    connection: &mut sqlx::AnyConnection,
    head: &str,
    fixed: &[&str],
    values: &[&str],
    tail: &str,
) -> Result<Vec<Row>, ControlError> {
    let mut found = Vec::new();
    for chunk in values.chunks(ROWS_MAX) {
        let sql = format!("{head} IN ({}){tail}", places(chunk.len(), fixed.len() + 1));
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for value in fixed.iter().chain(chunk) {
            query = query.bind((*value).to_owned());
        }
        found.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

/// The same for a statement that changes rows.
pub(crate) async fn execute_in(
    writing: &mut Writing,
    head: &str,
    fixed: &[&str],
    values: &[&str],
) -> Result<(), ControlError> {
    for chunk in values.chunks(ROWS_MAX) {
        let sql = format!("{head} IN ({})", places(chunk.len(), fixed.len() + 1));
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for value in fixed.iter().chain(chunk) {
            query = query.bind((*value).to_owned());
        }
        query.execute(&mut **writing).await?;
    }
    Ok(())
}

/// `$3, $4, $5`.
pub(crate) fn places(count: usize, from: usize) -> String {
    let mut text = String::with_capacity(count * 5);
    for place in 0..count {
        let comma = if place == 0 { "" } else { ", " };
        write!(text, "{comma}${}", from + place)
            .expect("invariant: writing to a String cannot fail");
    }
    text
}

type Query<'q> = sqlx::query::Query<'q, Any, sqlx::any::AnyArguments>;

fn bound<'q>(query: Query<'q>, cell: &Cell) -> Query<'q> {
    match cell {
        Cell::Text(text) => query.bind(text.clone()),
        Cell::Int(number) => query.bind(*number),
        Cell::MaybeInt(number) => query.bind(*number),
        Cell::Real(number) => query.bind(*number),
    }
}

/// SQLite takes 32,766 parameters.
const PARAMETERS_MAX: usize = 6_000;
const ROWS_MAX: usize = 500;
