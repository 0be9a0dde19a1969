//! `mimamori query`: read-only SQL over the lake, also while the server runs.

use crate::cli::{self, Format};
use crate::layout::Layout;
use crate::terminal::{cell, flush, note, print_line, print_table};
use lake::{Access, Lake, Table};
use model::{Fields, Value};
use std::process::ExitCode;

pub(crate) async fn run(args: &cli::Query) -> anyhow::Result<ExitCode> {
    let layout = Layout::existing(&args.data.directory)?;
    let lake = Lake::open(&layout.lake(), Access::Read).await?;
    let table = lake.query(&args.sql, args.rows).await?;
    print(&table, args.format)?;
    if table.truncated {
        note(&format!("only the first {} rows are shown; ask for more with --rows", args.rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an answer of the lake.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn print(table: &Table, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Table => {
            let names: Vec<&str> =
                table.columns.iter().map(|column| column.name.as_str()).collect();
            let rows: Vec<Vec<String>> =
                table.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
            print_table(&names, &rows)
        }
        Format::Jsonl => {
            for row in &table.rows {
                let fields: Fields = table
                    .columns
                    .iter()
                    .zip(row)
                    .map(|(column, value)| (column.name.clone(), Value::clone(value)))
                    .collect();
                print_line(&serde_json::to_string(&fields)?)?;
            }
            flush()
        }
    }
}
