//! Results: tables of rows, the summary, the invocation, the table on stdout.
//!
//! Invariants: `summary.json` and the row files are functions of (effective config, data, build); a directory
//! of results appears whole or not at all.

pub mod dir;
pub mod file;
pub mod hours;
pub mod invocation;
pub mod marks;
pub mod metrics;
pub mod result;
pub mod summary;
pub mod table;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod waiting;

use std::path::{Path, PathBuf};

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The place is taken.
    #[error("{}: {why}", path.display())]
    Taken {
        /// Place.
        path: PathBuf,
        /// Why it is not written to.
        why: &'static str,
    },
    /// A file failed.
    #[error("{}: {error}", path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Cause.
        error: std::io::Error,
    },
    /// A Parquet file failed.
    #[error("{}: {error}", path.display())]
    Parquet {
        /// File.
        path: PathBuf,
        /// Cause.
        error: parquet::errors::ParquetError,
    },
    /// Columns failed.
    #[error("{}: {error}", path.display())]
    Arrow {
        /// File.
        path: PathBuf,
        /// Cause.
        error: arrow_schema::ArrowError,
    },
    /// Money leaves its type.
    #[error("{what} in {symbol} at {ts_ns} is more than 64 bits of 1e-6")]
    Money {
        /// What was computed.
        what: String,
        /// Of which instrument.
        symbol: String,
        /// When, ns.
        ts_ns: i64,
    },
}

impl OutputError {
    /// A file failed.
    pub fn io(path: &Path, error: std::io::Error) -> Self {
        OutputError::Io { path: path.into(), error }
    }
    /// A Parquet file failed.
    pub fn parquet(path: &Path, error: parquet::errors::ParquetError) -> Self {
        OutputError::Parquet { path: path.into(), error }
    }
    /// Columns failed.
    pub fn arrow(path: &Path, error: arrow_schema::ArrowError) -> Self {
        OutputError::Arrow { path: path.into(), error }
    }
}
