//! The engine's errors in the words of the lake.

use super::suggest::nearest;
use crate::LakeError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use std::path::PathBuf;

/// Tells who is wrong: the query, its appetite, a file, or we.
pub(super) fn query_error(err: DataFusionError) -> LakeError {
    match err {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            query_error(*inner)
        }
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => query_error(first),
            None => LakeError::Engine { reason: "an empty list of errors".to_owned() },
        },
        DataFusionError::Shared(inner) => LakeError::Sql { reason: inner.strip_backtrace() },
        DataFusionError::External(inner) => match inner.downcast::<LakeError>() {
            Ok(ours) => *ours,
            Err(other) => LakeError::Engine { reason: other.to_string() },
        },
        DataFusionError::SchemaError(schema, _) => schema_error(*schema),
        DataFusionError::ResourcesExhausted(reason) => LakeError::TooExpensive { reason },
        DataFusionError::IoError(source) => {
            LakeError::Io { action: "read", path: PathBuf::from("the lake's files"), source }
        }
        err @ (DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_)) => {
            LakeError::Corrupt {
                path: PathBuf::from("a file of the lake"),
                reason: err.strip_backtrace(),
            }
        }
        err @ (DataFusionError::Internal(_) | DataFusionError::ExecutionJoin(_)) => {
            LakeError::Engine { reason: first_line(&err) }
        }
        err => LakeError::Sql { reason: first_line(&err) },
    }
}

fn first_line(err: &DataFusionError) -> String {
    err.strip_backtrace().lines().next().unwrap_or_default().to_owned()
}

fn schema_error(err: SchemaError) -> LakeError {
    match err {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let known: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
            LakeError::UnknownColumn {
                suggestion: nearest(&field.name, &known, "columns"),
                name: field.name,
            }
        }
        other => LakeError::Sql { reason: other.to_string() },
    }
}
