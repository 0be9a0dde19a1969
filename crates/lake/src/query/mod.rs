//! Read-only SQL over one snapshot.
//!
//! Each query gets its own session with the tables of the newest snapshot and nothing else: no files, no
//! URLs, no statement that writes. It runs as a task of its own, which ends with the caller and whose panic
//! is an error of this query alone.

mod failure;
mod guard;
mod prune;
mod snapshot_table;
mod suggest;
mod values;

use crate::catalog::Catalog;
use crate::limits::{
    QUERY_ANSWER_BYTES_MAX, QUERY_BYTES_MAX, QUERY_MEMORY_BYTES_MAX, QUERY_PARAMETERS_MAX,
    QUERY_ROWS_MAX, QUERY_SECONDS_MAX,
};
use crate::{Column, LakeError, Table};
use datafusion::common::ParamValues;
use datafusion::config::{ConfigOptions, Dialect};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use failure::query_error;
use futures_util::StreamExt as _;
use model::Value;
use snapshot_table::SnapshotTable;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
pub(crate) use values::{append_rows, values_of};

/// What all queries of a lake share: memory, caches, the folder of files.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    catalog: Catalog,
    runtime: Arc<RuntimeEnv>,
    store_url: ObjectStoreUrl,
}

/// The name of the one schema, as in the catalog.
const SCHEMA: &str = "main";
const CATALOG: &str = "lake";

impl Engine {
    /// An engine over the files in `data`, which must exist.
    pub(crate) fn new(catalog: Catalog, data: &Path) -> Result<Self, LakeError> {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(QUERY_MEMORY_BYTES_MAX)))
            .with_disk_manager_builder(
                DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
            )
            .build_arc()
            .map_err(query_error)?;
        let store_url = ObjectStoreUrl::parse("mimamori://lake").map_err(query_error)?;
        let files = LocalFileSystem::new_with_prefix(data)
            .map_err(|err| LakeError::Engine { reason: err.to_string() })?;
        runtime.register_object_store(store_url.as_ref(), Arc::new(files));
        Ok(Self { catalog, runtime, store_url })
    }

    /// Runs a query; see [`crate::Lake::query_with`].
    pub(crate) async fn query(
        &self,
        sql: &str,
        parameters: &[Value],
        rows_max: usize,
    ) -> Result<Table, LakeError> {
        if sql.len() > QUERY_BYTES_MAX {
            return Err(LakeError::Refused {
                reason: format!(
                    "the query has {} bytes, at most {QUERY_BYTES_MAX} are allowed",
                    sql.len()
                ),
            });
        }
        if parameters.len() > QUERY_PARAMETERS_MAX {
            return Err(LakeError::Refused {
                reason: format!("at most {QUERY_PARAMETERS_MAX} parameters are allowed"),
            });
        }
        let parameters = parameters.iter().map(values::to_scalar).collect::<Result<Vec<_>, _>>()?;
        let (engine, sql) = (self.clone(), sql.to_owned());
        let rows_max = rows_max.min(QUERY_ROWS_MAX);
        let mut task = JoinSet::new();
        task.spawn(async move { engine.run(&sql, ParamValues::from(parameters), rows_max).await });
        let answer =
            tokio::time::timeout(Duration::from_secs(QUERY_SECONDS_MAX), task.join_next()).await;
        match answer {
            Ok(Some(Ok(answer))) => answer,
            Ok(Some(Err(err))) => Err(LakeError::Engine { reason: err.to_string() }),
            Ok(None) => Err(LakeError::Engine { reason: "the query vanished".to_owned() }),
            Err(_) => Err(LakeError::TooExpensive {
                reason: format!("it ran longer than {QUERY_SECONDS_MAX} seconds"),
            }),
        }
    }

    async fn run(
        &self,
        sql: &str,
        parameters: ParamValues,
        rows_max: usize,
    ) -> Result<Table, LakeError> {
        let context = self.session().await?;
        let state = context.state();
        let statement = guard::parse(&state, sql)?;
        guard::check_tables(&context, &state, &statement)?;
        let plan = state.statement_to_plan(statement).await.map_err(query_error)?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(|_| guard::refused())?;
        let plan = plan.with_param_values(parameters).map_err(query_error)?;
        collect(&context, plan, rows_max).await
    }

    /// A session that knows the tables of the newest snapshot.
    async fn session(&self) -> Result<SessionContext, LakeError> {
        let snapshot = self.catalog.snapshot().await?;
        let tables = self.catalog.tables(snapshot).await?;
        let context = SessionContext::new_with_config_rt(config(), Arc::clone(&self.runtime));
        for table in tables {
            let name = table.name.clone();
            let provider =
                SnapshotTable::new(self.catalog.clone(), snapshot, table, self.store_url.clone());
            context.register_table(name.as_str(), Arc::new(provider)).map_err(query_error)?;
        }
        Ok(context)
    }
}

fn config() -> SessionConfig {
    let mut options = ConfigOptions::new();
    // The dialect of DuckDB: the same text runs on the official DuckDB over the same lake, and `user` is a
    // column there, not a function.
    options.sql_parser.dialect = Dialect::DuckDB;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    SessionConfig::from(options)
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
}

/// Runs a plan until it ends or the answer is full.
async fn collect(
    context: &SessionContext,
    plan: LogicalPlan,
    rows_max: usize,
) -> Result<Table, LakeError> {
    let frame = context.execute_logical_plan(plan).await.map_err(query_error)?;
    let mut stream = frame.execute_stream().await.map_err(query_error)?;
    let columns = stream
        .schema()
        .fields()
        .iter()
        .map(|field| Column {
            name: field.name().clone(),
            type_name: field.data_type().to_string(),
        })
        .collect();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut bytes = 0;
    let mut truncated = false;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(query_error)?;
        let room = rows_max - rows.len();
        let taken = batch.num_rows().min(room);
        bytes += batch.get_array_memory_size();
        values::append_rows(&batch.slice(0, taken), &mut rows)?;
        if taken < batch.num_rows() || bytes > QUERY_ANSWER_BYTES_MAX {
            truncated = true;
            break;
        }
    }
    Ok(Table { columns, rows, truncated })
}
