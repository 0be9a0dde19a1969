//! What may be asked: one statement that only reads.

use super::failure::query_error;
use super::suggest::nearest;
use super::{CATALOG, SCHEMA};
use crate::LakeError;
use datafusion::config::Dialect;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as Sql;

pub(super) fn refused() -> LakeError {
    LakeError::Refused {
        reason: "queries only read; write SELECT, EXPLAIN, SHOW TABLES or DESCRIBE".to_owned(),
    }
}

/// Parses one statement and refuses what is not of a reading kind. What hides inside (`SELECT … INTO`, a
/// writing part of a `WITH`) is refused again when the plan is known.
pub(super) fn parse(state: &SessionState, sql: &str) -> Result<Statement, LakeError> {
    let statement = state.sql_to_statement(sql, &Dialect::DuckDB).map_err(query_error)?;
    if reads(&statement) { Ok(statement) } else { Err(refused()) }
}

fn reads(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(sql) => matches!(
            sql.as_ref(),
            Sql::Query(_)
                | Sql::ExplainTable { .. }
                | Sql::ShowTables { .. }
                | Sql::ShowColumns { .. }
                | Sql::ShowFunctions { .. }
                | Sql::ShowVariable { .. }
        ),
        Statement::Explain(explain) => reads(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}

/// Names a wrong table with the nearest right one, before the planner says it in its own words.
pub(super) fn check_tables(
    context: &SessionContext,
    state: &SessionState,
    statement: &Statement,
) -> Result<(), LakeError> {
    let known = context
        .catalog(CATALOG)
        .and_then(|catalog| catalog.schema(SCHEMA))
        .map(|schema| schema.table_names())
        .unwrap_or_default();
    for reference in state.resolve_table_references(statement).map_err(query_error)? {
        let (schema, name) = (reference.schema().unwrap_or(SCHEMA), reference.table());
        let elsewhere = schema != SCHEMA || state.table_functions().contains_key(name);
        if elsewhere || known.iter().any(|table| table == name) {
            continue;
        }
        let mut names: Vec<&str> = known.iter().map(String::as_str).collect();
        names.sort_unstable();
        return Err(LakeError::UnknownTable {
            name: name.to_owned(),
            suggestion: nearest(name, &names, "tables"),
        });
    }
    Ok(())
}
