//! `bt-host export`: the rows of a config in files, one for each symbol and trading day, with a manifest.
//!
//! Parquet and Arrow hold the columns that a run reads, as a ClickHouse server tells them (`table`); npz holds the rows of any source as
//! hftbacktest's events (`events`). Invariants: the directory appears whole or not at all, behind whatever proves the end of its source; a
//! symbol's name is a part of a path only in letters that no file system reads as more.

mod arrow;
pub mod encode;
mod events;
pub mod npz;
mod table;
pub mod two_clocks;

use crate::config::Config;
use crate::config::data::DataSpec;
use crate::config::instrument::InstrumentSpec;
use crate::output::OutputError;
use crate::output::dir::Staging;
use crate::output::table::{aligned, count};
use crate::provenance::hex;
use crate::source::pending::FeedError;
use crate::source::{self, Day, SourceError};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};
use uuid::Uuid;

/// The file that tells what an export holds.
pub const MANIFEST: &str = "manifest.json";

/// What the files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The columns of a ClickHouse table.
    Parquet,
    /// The same as Arrow IPC.
    Arrow,
    /// Arrays of hftbacktest's events.
    Npz,
}

impl Format {
    /// How the files' names end, and what the manifest calls them.
    pub fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Arrow => "arrow",
            Format::Npz => "npz",
        }
    }
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Rows could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Rows could not be put in order.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// Files could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The config's rows are not in a table.
    #[error(
        "export copies a ClickHouse table, and the rows of this config come from elsewhere; see data.clickhouse, or --format npz"
    )]
    NoTable,
    /// The span holds no rows of the instruments.
    #[error("no rows: {0} holds none of the config's symbols in its span")]
    NoData(String),
    /// A signal asked to stop.
    #[error("stopped by signal {0}; nothing was written")]
    Signal(u8),
}

impl ExportError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            ExportError::Source(error) | ExportError::Feed(FeedError::Source(error)) => {
                error.exit_code()
            }
            ExportError::Feed(FeedError::Fault(_)) => 5,
            ExportError::Output(_) => 74,
            ExportError::NoTable => 3,
            ExportError::NoData(_) => 4,
            ExportError::Signal(number) => 128 + number,
        }
    }
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Within the directory.
    pub path: PathBuf,
    /// Symbol.
    pub symbol: String,
    /// Trading day, or the date in UTC where the instrument has no sessions.
    pub day: String,
    /// Rows.
    pub rows: u64,
    /// Stamps of the first row and of the last, ns.
    pub ts_ns: (i64, i64),
    /// Size.
    pub bytes: u64,
    /// BLAKE3 of its bytes.
    pub hash: [u8; 32],
}

/// What was exported.
#[derive(Clone, Debug)]
pub struct Export {
    /// Where it is.
    pub dir: PathBuf,
    /// What the files are.
    pub format: Format,
    /// The files, by symbol and day.
    pub files: Vec<Exported>,
    /// What the manifest says.
    pub manifest: Value,
}

/// Exports the rows of a config into `dir`, which must not hold anything else; `tell` hears the rows so far, how many
/// there are where that is known, and where in time it is.
///
/// # Errors
/// Rows cannot be read, or files not written; `dir` is as before then.
pub fn export(
    config: &Config,
    format: Format,
    dir: &Path,
    force: bool,
    tell: impl FnMut(u64, Option<u64>, i64),
) -> Result<Export, ExportError> {
    let attempt = Uuid::now_v7();
    let staging = Staging::marked(dir, force, attempt, MANIFEST)?;
    let mut folder = Folder { root: staging.path().into(), format, files: Vec::new() };
    let about = match format {
        Format::Parquet | Format::Arrow => table::export(config, &mut folder, tell)?,
        Format::Npz => events::export(config, &mut folder, tell)?,
    };
    let files = folder.files;
    let manifest = manifest(&about, format, &files);
    staging.write(MANIFEST, &format!("{manifest:#}\n"))?;
    Ok(Export { dir: staging.publish(attempt)?, format, files, manifest })
}

/// What an export tells of where its rows are from.
struct About {
    /// The source.
    place: String,
    /// Key and value of the manifest.
    more: (&'static str, Vec<Value>),
}

/// The files of an export.
struct Folder {
    root: PathBuf,
    format: Format,
    files: Vec<Exported>,
}

impl Folder {
    /// Names the file of a symbol's day, which is to be made there.
    fn begin(&mut self, symbol: &str, day: &str, first_ns: i64) -> Result<PathBuf, OutputError> {
        let folder = PathBuf::from(format!("symbol={}", path_word(symbol)));
        let path = folder.join(format!("day={day}.{}", self.format.name()));
        let folder = self.root.join(folder);
        fs::create_dir_all(&folder).map_err(|e| OutputError::io(&folder, e))?;
        let place = self.root.join(&path);
        self.files.push(Exported {
            path,
            symbol: symbol.into(),
            day: day.into(),
            rows: 0,
            ts_ns: (first_ns, first_ns),
            bytes: 0,
            hash: [0; 32],
        });
        Ok(place)
    }

    /// Counts rows into the last file.
    fn count(&mut self, rows: u64, last_ns: i64) {
        if let Some(file) = self.files.last_mut() {
            file.rows += rows;
            file.ts_ns.1 = file.ts_ns.1.max(last_ns);
        }
    }

    /// Takes down what the last file is, now that it is whole.
    fn end(&mut self, path: &Path) -> Result<(), OutputError> {
        let mut hasher = blake3::Hasher::new();
        let read = fs::File::open(path).and_then(|mut bytes| io::copy(&mut bytes, &mut hasher));
        let bytes = read.map_err(|e| OutputError::io(path, e))?;
        if let Some(file) = self.files.last_mut() {
            (file.bytes, file.hash) = (bytes, *hasher.finalize().as_bytes());
        }
        Ok(())
    }
}

/// The trading days of a symbol, as its rows come to them.
struct Days {
    rest: std::vec::IntoIter<Day>,
    day: Day,
}

impl Days {
    fn new(spec: &InstrumentSpec, data: &DataSpec) -> Self {
        let day = Day { label: String::new(), to_ns: i64::MIN };
        Days { rest: source::days(spec, data).into_iter(), day }
    }

    /// Goes on to the day of an instant, which is never before the last one; whether it is another day.
    fn reach(&mut self, ts_ns: i64) -> bool {
        let mut is_other = false;
        while ts_ns >= self.day.to_ns {
            // The last day has no end.
            let Some(day) = self.rest.next() else { break };
            self.day = day;
            is_other = true;
        }
        is_other
    }
}

/// A symbol as a part of a path: letters, digits, `-`, `_` and dots behind the first letter as they are, other bytes as `%` and two digits.
fn path_word(symbol: &str) -> String {
    let mut word = String::new();
    for byte in symbol.bytes() {
        let is_plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_')
            || byte == b'.' && !word.is_empty();
        if is_plain {
            word.push(byte.into());
        } else {
            let _ = write!(word, "%{byte:02X}");
        }
    }
    word
}

fn manifest(about: &About, format: Format, files: &[Exported]) -> Value {
    let mut all = blake3::Hasher::new();
    for file in files {
        all.update(
            format!("{}\t{}\t{}\n", file.path.display(), file.rows, hex(&file.hash)).as_bytes(),
        );
    }
    let row = |file: &Exported| {
        json!({
            "path": file.path.display().to_string(),
            "symbol": file.symbol,
            "day": file.day,
            "rows": file.rows,
            "ts_first_ns": file.ts_ns.0,
            "ts_last_ns": file.ts_ns.1,
            "bytes": file.bytes,
            "blake3": hex(&file.hash),
        })
    };
    let (key, values) = &about.more;
    json!({
        "format": "btcore-export",
        "version": 1,
        "files_format": format.name(),
        "source": about.place,
        (*key): values,
        "files": files.iter().map(row).collect::<Vec<_>>(),
        "rows": files.iter().map(|file| file.rows).sum::<u64>(),
        "content_hash": hex(all.finalize().as_bytes()),
    })
}

/// The files as a table, and how a config reads them.
pub fn table(export: &Export) -> String {
    let words = |words: [&str; 4]| words.map(String::from).to_vec();
    let mut rows = vec![words(["symbol", "day", "rows", "bytes"])];
    for file in &export.files {
        rows.push(vec![file.symbol.clone(), file.day.clone(), count(file.rows), count(file.bytes)]);
    }
    let sum = |of: fn(&Exported) -> u64| count(export.files.iter().map(of).sum());
    rows.push(vec!["all".into(), String::new(), sum(|f| f.rows), sum(|f| f.bytes)]);
    let dir = export.dir.display();
    let mut text = aligned(&rows, false);
    let _ = writeln!(text, "\nfiles    {dir}");
    let name = export.format.name();
    let _ = match export.format {
        Format::Parquet | Format::Arrow => writeln!(
            text,
            "to read  data: {{ {name}: {{ files: [\"{dir}/symbol=*/*.{name}\"] }} }}"
        ),
        Format::Npz => {
            writeln!(text, "to read  hftbacktest: a symbol's files, in the order of days")
        }
    };
    text
}

#[cfg(test)]
mod tests {
    use super::path_word;

    #[test]
    fn a_symbol_is_one_part_of_a_path_whatever_it_is() {
        for (symbol, word) in [
            ("TXFD6", "TXFD6"),
            ("BRK.B", "BRK.B"),
            ("..", "%2E."),
            (".hidden", "%2Ehidden"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            ("a%2Fb", "a%252Fb"),
            ("A'B\\`\0", "A%27B%5C%60%00"),
            ("\u{202e}x", "%E2%80%AEx"),
        ] {
            assert_eq!(path_word(symbol), word);
        }
    }
}
