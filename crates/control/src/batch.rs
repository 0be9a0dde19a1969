//! Many rows in one statement. A parameter's number is all that is ever written into a statement's text.

use crate::ControlError;
use crate::store::{Row, Writing, is_nameless};
use sqlx::{Any, AnyConnection, AssertSqlSafe};
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
    let nameless = is_nameless(writing);
    let rows_max = (PARAMETERS_MAX / columns).clamp(1, ROWS_MAX);
    for chunk in rows.chunks(rows_max) {
        let mut sql = format!("{head} VALUES ");
        for place in 0..chunk.len() {
            sql.push_str(if place == 0 { "(" } else { ", (" });
            push_places(&mut sql, nameless, columns, place * columns + 1);
            sql.push(')');
        }
        write!(sql, " {tail}").expect("invariant: writing to a String cannot fail");
        // Full chunks and single rows have one text each and are prepared once; the rest is different every time.
        let often = chunk.len() == rows_max || chunk.len() == 1;
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(often);
        for cell in chunk.iter().flatten() {
            query = bound(query, cell);
        }
        query.execute(&mut **writing).await?;
    }
    Ok(())
}

/// Runs a statement that ends in `IN (…)` for many values, in chunks; `fixed` are its first parameters, each written
/// once in `head` in their order. `tail` follows the list and has none. Gives the rows.
pub(crate) async fn fetch_in(
    connection: &mut AnyConnection,
    head: &str,
    fixed: &[&str],
    values: &[&str],
    tail: &str,
) -> Result<Vec<Row>, ControlError> {
    let mut found = Vec::new();
    for chunk in values.chunks(ROWS_MAX) {
        let query = with_list(connection, head, fixed, chunk, tail);
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
    execute_within(writing, head, fixed, values, "").await
}

/// The same where the list stands within the statement.
pub(crate) async fn execute_within(
    writing: &mut Writing,
    head: &str,
    fixed: &[&str],
    values: &[&str],
    tail: &str,
) -> Result<(), ControlError> {
    for chunk in values.chunks(ROWS_MAX) {
        with_list(writing, head, fixed, chunk, tail).execute(&mut **writing).await?;
    }
    Ok(())
}

fn with_list(
    connection: &AnyConnection,
    head: &str,
    fixed: &[&str],
    values: &[&str],
    tail: &str,
) -> Query<'static> {
    let nameless = is_nameless(connection);
    let mut sql = head.to_owned();
    if nameless {
        for place in (1..=fixed.len()).rev() {
            sql = sql.replace(&format!("${place}"), "?");
        }
    }
    sql.push_str(" IN (");
    push_places(&mut sql, nameless, values.len(), fixed.len() + 1);
    sql.push(')');
    sql.push_str(tail);
    let often = values.len() == ROWS_MAX || values.len() == 1;
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(often);
    for value in fixed.iter().chain(values) {
        query = query.bind((*value).to_owned());
    }
    query
}

/// `$3, $4, $5`, or `?, ?, ?`.
fn push_places(sql: &mut String, nameless: bool, count: usize, from: usize) {
    for place in from..from + count {
        if place > from {
            sql.push_str(", ");
        }
        if nameless {
            sql.push('?');
        } else {
            write!(sql, "${place}").expect("invariant: writing to a String cannot fail");
        }
    }
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
