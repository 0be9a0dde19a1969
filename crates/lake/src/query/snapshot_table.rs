//! A table of one snapshot as the engine sees it: an explicit list of files.

use super::prune::FileStatistics;
use crate::LakeError;
use crate::catalog::{Catalog, DataFile};
use crate::layout::StoredTable;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{ToDFSchema as _, project_schema};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct SnapshotTable {
    catalog: Catalog,
    snapshot: i64,
    table: StoredTable,
    schema: SchemaRef,
    store_url: ObjectStoreUrl,
}

impl SnapshotTable {
    pub(super) fn new(
        catalog: Catalog,
        snapshot: i64,
        table: StoredTable,
        store_url: ObjectStoreUrl,
    ) -> Self {
        let schema = table.query_schema();
        Self { catalog, snapshot, table, schema, store_url }
    }

    /// The files that may hold a matching row.
    async fn files(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<DataFile>> {
        let files = self.catalog.files(self.table.id, self.snapshot).await.map_err(outside)?;
        let Some(filter) = conjunction(filters.iter().cloned()) else { return Ok(files) };
        let statistics = FileStatistics::load(&self.catalog, &self.table, &files, filters)
            .await
            .map_err(outside)?;
        let schema = Arc::clone(&self.schema).to_dfschema()?;
        let filter = state.create_physical_expr(filter, &schema)?;
        // A filter that bounds cannot judge keeps every file.
        let judge =
            PruningPredicateBuilder::new().with_file_schema(Arc::clone(&self.schema)).build(filter);
        let Some(predicate) = judge else { return Ok(files) };
        let kept = predicate.prune(&statistics)?;
        Ok(files.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(file, _)| file).collect())
    }
}

fn outside(err: LakeError) -> DataFusionError {
    DataFusionError::External(Box::new(err))
}

#[async_trait::async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.files(state, filters).await?;
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema, projection)?)));
        }
        let store = state.runtime_env().object_store(&self.store_url)?;
        let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
        let options = TableParquetOptions {
            global: state.config().options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        let source = ParquetSource::new(Arc::clone(&self.schema))
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(
                store, cache,
            )));
        let files = files
            .into_iter()
            .map(|file| PartitionedFile::new(file.path, file.bytes))
            .collect::<Vec<_>>();
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let config = FileScanConfigBuilder::new(self.store_url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
