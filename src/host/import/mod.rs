//! `bt-host import`: Parquet and Arrow files into a ClickHouse table of the platform's layout, whole and once.
//!
//! Invariants: files whose spans overlap for a symbol make one part, and a part is cut into the same blocks each time: rows of one file and
//! one UTC ingest day, so that a block is one part of the table too and lands whole or not at all. Before anything is written
//! every row is read once, so a row that cannot be is refused while the table is as it was. What the table already holds of a
//! part's symbols and span must be its first blocks (nothing, after a stop some, else all), told by rows and a sum
//! over every column; other rows there are refused, unless the caller appends. The same sum proves the part afterwards. So the same
//! command may be given again whatever became of the last one. Each block also has a token of its content and its number, by
//! which a server that remembers tokens takes it once, however often it is sent. Memory: one block. Cost: every
//! file is read twice, and every row is hashed on both sides.

mod block;
mod files;
mod rows;
mod table;

use crate::config::data::Server;
use crate::config::shape::Shape;
use crate::output::table::{aligned, count};
use crate::signal;
use crate::source::SourceError;
use crate::store::{Db, StoreError, Sum};
use block::Layout;
use files::{File, Part};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// Why nothing was imported, or not all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file or a row of it cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The server cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file is not what the manifest beside it says.
    #[error("{}: {message}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What differs.
        message: String,
    },
    /// Two files are the same.
    #[error("{} and {} are the same file: its rows would be there twice", .0.display(), .1.display())]
    Twice(PathBuf, PathBuf),
    /// There are no files, or no rows in them.
    #[error("no rows: {0}")]
    NoRows(String),
    /// The table holds other rows of these symbols and this span.
    #[error(
        "ClickHouse {place}: the table holds {found} of {of} already, and they are not the first blocks of {files}, \
         which have {want}; nothing more was written. --append adds these rows to those"
    )]
    There {
        /// Server, database and table.
        place: String,
        /// Rows and sum of what is there.
        found: String,
        /// Symbols and span.
        of: String,
        /// The files.
        files: String,
        /// Their rows and sum.
        want: String,
    },
    /// The table does not hold what was sent.
    #[error(
        "ClickHouse {place}: the table holds {found} of {of} after the import, and it should be {want}: somebody writes to \
         it meanwhile, or the server remembers blocks that were deleted since and did not take them again"
    )]
    Proof {
        /// Server, database and table.
        place: String,
        /// Rows and sum of what is there.
        found: String,
        /// Symbols and span.
        of: String,
        /// What was expected.
        want: String,
    },
    /// A signal asked to stop.
    #[error("stopped by signal {0}; the same command goes on where this one stopped")]
    Signal(u8),
}

impl ImportError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            ImportError::Source(error) => error.exit_code(),
            ImportError::Store(error) => error.exit_code(),
            ImportError::Manifest { .. } => 5,
            ImportError::Twice(..) | ImportError::There { .. } => 2,
            ImportError::NoRows(_) => 4,
            ImportError::Proof { .. } => 69,
            ImportError::Signal(number) => 128 + number,
        }
    }
}

/// How rows are imported.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Make the database and the table if they are not there.
    pub create: bool,
    /// Add rows to those that are there of the same symbols and span.
    pub append: bool,
    /// How the files say it.
    pub shape: Shape,
}

/// One file of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The file.
    pub path: PathBuf,
    /// Its symbols.
    pub symbols: Vec<String>,
    /// Stamps of its first row and its last in time, ns.
    pub ts_ns: (i64, i64),
    /// Its rows.
    pub rows: u64,
    /// Those that the table did not hold before.
    pub rows_new: u64,
}

/// What was imported.
#[derive(Clone, Debug)]
pub struct Import {
    /// Server, database and table.
    pub place: String,
    /// The files, by time and path.
    pub files: Vec<Imported>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Imports `files`, each a Parquet or Arrow file or a directory that `export` wrote, into a table; `tell` hears the rows done so far, and how
/// many there are.
///
/// # Errors
/// A file or row cannot be read, or the table holds other rows, and nothing was written; or the server fails, and the same command goes on.
pub fn import(
    server: &Server,
    table: &str,
    files: &[PathBuf],
    options: &Options,
    mut tell: impl FnMut(u64, u64, i64),
) -> Result<Import, ImportError> {
    let db = Db::new(server)?;
    let place = format!("{} ({}.{table})", server.url, server.database);
    let found = files::found(files)?;
    if options.create {
        table::create(&db, table)?;
    }
    let layout = Layout { shape: options.shape.clone(), ..table::layout(&db, table, &place)? };
    let mut warnings = Vec::new();
    if !table::remembers(&db, table)? {
        warnings.push(format!(
            "ClickHouse {place}: the table remembers no blocks (non_replicated_deduplication_window is 0): one whose answer is \
             lost may be there twice, which the proof then tells"
        ));
    }
    let parts = files::parts(&found, &layout)?;
    let rows_total = parts.iter().map(|part| part.total().rows).sum();
    let import =
        Importing { db: &db, table, place: &place, layout: &layout, append: options.append };
    // Every part is judged before the first one is written.
    let states = parts.iter().map(|part| import.state(part)).collect::<Result<Vec<_>, _>>()?;
    let mut rows = 0;
    let mut done = Vec::new();
    for (part, state) in parts.iter().zip(states) {
        import.write(part, &state, |block_rows, ts_ns| {
            rows += block_rows;
            tell(rows, rows_total, ts_ns);
        })?;
        done.extend(import.prove(part, &state)?);
    }
    done.sort_by(|a, b| (a.ts_ns, &a.path).cmp(&(b.ts_ns, &b.path)));
    Ok(Import { place, files: done, warnings })
}

/// What a table held of a part before.
struct State {
    /// Rows and their sum.
    before: Sum,
    /// Blocks of the part that are among them; they are not sent again.
    blocks: usize,
}

struct Importing<'a> {
    db: &'a Db,
    table: &'a str,
    place: &'a str,
    layout: &'a Layout,
    append: bool,
}

impl Importing<'_> {
    fn sum(&self, part: &Part) -> Result<Sum, ImportError> {
        Ok(table::sum(self.db, self.table, self.layout, &part.symbols, part.ts_ns)?)
    }

    /// Holds what is there of a part against its blocks.
    fn state(&self, part: &Part) -> Result<State, ImportError> {
        let before = self.sum(part)?;
        let first = part.sums.iter().position(|sum| *sum == before);
        match first {
            Some(blocks) => Ok(State { before, blocks }),
            None if self.append => Ok(State { before, blocks: 0 }),
            None => Err(ImportError::There {
                place: self.place.into(),
                found: before.text(),
                of: part.name(),
                files: part.files_text(),
                want: part.total().text(),
            }),
        }
    }

    fn write(
        &self,
        part: &Part,
        state: &State,
        mut tell: impl FnMut(u64, i64),
    ) -> Result<(), ImportError> {
        let mut number = 0;
        for file in &part.files {
            file.blocks(self.layout, |block, ts_last_ns| {
                if number >= state.blocks {
                    let token = token(file, self.table, number, &block);
                    self.db.insert(self.table, &block, &token)?;
                }
                number += 1;
                if let Some(number) = signal::caught() {
                    return Err(ImportError::Signal(number));
                }
                tell(block.num_rows() as u64, ts_last_ns);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Holds what is there now against what must be.
    fn prove(&self, part: &Part, state: &State) -> Result<Vec<Imported>, ImportError> {
        let after = self.sum(part)?;
        // What is new are the last blocks of the part: all that were sent, but those that an appending start that was stopped had left.
        let new_from = (state.blocks..part.sums.len())
            .find(|from| after == state.before.plus(part.total().minus(part.sums[*from])));
        let is_whole = self.append || after == part.total();
        let Some(new_from) = new_from.filter(|_| is_whole) else {
            let want = match state.blocks {
                0 => state.before.plus(part.total()),
                _ => part.total(),
            };
            return Err(ImportError::Proof {
                place: self.place.into(),
                found: after.text(),
                of: part.name(),
                want: want.text(),
            });
        };
        let mut first = 0;
        let file = |file: &File| {
            let (from, to) = (first, first + file.blocks);
            first = to;
            let new = part.sums[to].minus(part.sums[new_from.clamp(from, to)]);
            Imported {
                path: file.path.clone(),
                symbols: file.symbols.iter().cloned().collect(),
                ts_ns: file.ts_ns,
                rows: part.sums[to].minus(part.sums[from]).rows,
                rows_new: new.rows,
            }
        };
        Ok(part.files.iter().map(file).collect())
    }
}

/// By what a server knows a block that it has taken: what is in it, which file's it is, and which one. The number matters: two blocks of a
/// file may hold the same rows.
fn token(file: &File, table: &str, number: usize, block: &arrow_array::RecordBatch) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&file.hash);
    block::hash(block, &mut hasher);
    format!("btcore-import:{table}:{number}:{}", hasher.finalize().to_hex())
}

/// The files as a document.
pub fn document(import: &Import) -> Value {
    let file = |file: &Imported| {
        json!({
            "path": file.path.display().to_string(),
            "symbols": file.symbols,
            "ts_first_ns": file.ts_ns.0,
            "ts_last_ns": file.ts_ns.1,
            "rows": file.rows,
            "rows_new": file.rows_new,
        })
    };
    json!({
        "table": import.place,
        "files": import.files.iter().map(file).collect::<Vec<_>>(),
        "rows": import.files.iter().map(|file| file.rows).sum::<u64>(),
        "rows_new": import.files.iter().map(|file| file.rows_new).sum::<u64>(),
    })
}

/// The files as a table.
pub fn table(import: &Import) -> String {
    let words = |words: [&str; 5]| words.map(String::from).to_vec();
    let mut rows = vec![words(["file", "symbols", "rows", "new", "there before"])];
    let row = |name: String, symbols: String, rows: u64, new: u64| {
        vec![name, symbols, count(rows), count(new), count(rows - new)]
    };
    for file in &import.files {
        let symbols = match file.symbols.as_slice() {
            [one] => one.clone(),
            many => count(many.len() as u64),
        };
        rows.push(row(file.path.display().to_string(), symbols, file.rows, file.rows_new));
    }
    let sum = |of: fn(&Imported) -> u64| import.files.iter().map(of).sum();
    rows.push(row("all".into(), String::new(), sum(|f| f.rows), sum(|f| f.rows_new)));
    let mut text = aligned(&rows, false);
    let _ = writeln!(text, "\ntable    {}: every row counted back", import.place);
    text
}
