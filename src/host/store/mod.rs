//! The ClickHouse database that results go to: its tables, how a run gets into them whole, and what is left over.
//!
//! Invariants (law 14): rows of a run are staged under its attempt in `*_rows` tables, counted back and summed up, and one block
//! of `backtest_runs_rows` makes them visible through the views that readers use. Whatever dies in between leaves rows that no view
//! shows. Nothing is deleted to make room for something newer. Speaks HTTP only; names in statements are constants of this
//! program or plain words, values are bound.

mod db;
mod ddl;
mod diff;
mod headline;
mod publish;
mod rows;
mod schema;
mod sweep;

pub(crate) use db::Db;
pub use diff::{Difference, diff, document as diff_document, table as diff_table};
pub use publish::{Published, publish};
pub(crate) use rows::Sum;
pub use schema::{Applied, Bars, apply, table as applied_table};
pub use sweep::{Leftover, sweep, table as leftover_table};

use crate::output::OutputError;
use std::path::PathBuf;

/// Why the database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The server cannot be reached, or refuses.
    #[error("ClickHouse {place}: {message}")]
    Server {
        /// Server and database.
        place: String,
        /// What happened.
        message: String,
    },
    /// The tables are not what this program writes.
    #[error("ClickHouse {place}: {message}")]
    Unlike {
        /// Server and database.
        place: String,
        /// What is there, and what to do.
        message: String,
    },
    /// The run is there already.
    #[error(
        "ClickHouse {place}: run {run_id} was published at {published_at} by attempt {attempt}, and `exists` is \
         `refuse`; nothing was written there. `replace` shows this attempt instead, `new` beside it"
    )]
    Exists {
        /// Server and database.
        place: String,
        /// The run.
        run_id: String,
        /// The attempt that made it visible.
        attempt: String,
        /// When.
        published_at: String,
    },
    /// What arrived is not what was sent.
    #[error(
        "ClickHouse {place}: {table} holds {found} where {want} were staged; the run is not visible there"
    )]
    Staged {
        /// Server and database.
        place: String,
        /// The table.
        table: &'static str,
        /// Rows and their sum that were sent.
        want: String,
        /// Those that were counted back.
        found: String,
    },
    /// A directory does not hold results.
    #[error("{}: {message}", path.display())]
    Results {
        /// File.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A result file cannot be read.
    #[error(transparent)]
    File(Box<OutputError>),
}

impl StoreError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            StoreError::Server { .. } | StoreError::Staged { .. } => 69,
            StoreError::Unlike { .. } => 3,
            StoreError::Exists { .. } => 2,
            StoreError::Results { .. } | StoreError::File(_) => 74,
        }
    }
}

impl From<OutputError> for StoreError {
    fn from(error: OutputError) -> Self {
        StoreError::File(Box::new(error))
    }
}
