//! `bt-host export`: the rows of a ClickHouse table into Parquet files, one for each symbol and trading day, with a manifest.
//!
//! The files hold the columns that a run reads, as the server tells them, rows in the order of its key: nothing is decoded, so
//! nothing is lost, and a run over them has the digest of a run over the table. Invariants: the directory appears whole or
//! not at all, behind the count that the server gave before; a symbol's name is a part of a path only in letters that
//! no file system reads as more. Memory: a block of the answer, and a row group.

use crate::config::Config;
use crate::config::data::SourceSpec;
use crate::output::OutputError;
use crate::output::dir::Staging;
use crate::output::file::TableFile;
use crate::output::table::{aligned, count};
use crate::provenance::hex;
use crate::signal;
use crate::source::clickhouse::{self, Answer};
use crate::source::columns::Columns;
use crate::source::{Day, SourceError, conn, days, recipes};
use arrow_array::RecordBatch;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};
use uuid::Uuid;

/// The file that tells what an export holds.
pub const MANIFEST: &str = "manifest.json";

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Rows could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Files could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The config's rows are not in a table.
    #[error(
        "export reads a ClickHouse table, and the rows of this config come from elsewhere; see data.clickhouse"
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
            ExportError::Source(error) => error.exit_code(),
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
    /// The files, by symbol and day.
    pub files: Vec<Exported>,
    /// What the manifest says.
    pub manifest: Value,
}

/// Exports the rows of a config into `dir`, which must not hold anything else; `tell` hears the rows so far, and how many
/// there are.
///
/// # Errors
/// Rows cannot be read, or files not written; `dir` is as before then.
pub fn export(
    config: &Config,
    dir: &Path,
    force: bool,
    mut tell: impl FnMut(u64, u64, i64),
) -> Result<Export, ExportError> {
    let SourceSpec::ClickHouse(server, table) = &config.data.source else {
        return Err(ExportError::NoTable);
    };
    let conn = conn(server, table)?;
    let attempt = Uuid::now_v7();
    let staging = Staging::marked(dir, force, attempt, MANIFEST)?;
    let answers = clickhouse::answers(&conn, &recipes(config))?;
    let rows_total: u64 = answers.iter().map(Answer::rows_total).sum();
    if rows_total == 0 {
        return Err(ExportError::NoData(conn.to_string()));
    }
    let (mut files, mut queries, mut rows) = (Vec::new(), Vec::new(), 0);
    for (mut answer, spec) in answers.into_iter().zip(&config.instruments) {
        let symbol = &spec.instrument.symbol;
        queries.push(json!({
            "sql": answer.sql(),
            "database": server.database,
            "table": table,
            "symbol": symbol,
            "from_ns": answer.span_ns().0,
            "to_ns": answer.span_ns().1,
            "rows": answer.rows_total(),
        }));
        let mut parts = Parts {
            root: staging.path(),
            symbol,
            days: days(spec, &config.data).into_iter(),
            day: Day { label: String::new(), to_ns: i64::MIN },
            open: None,
            files: &mut files,
        };
        loop {
            let next = answer.next_block();
            if let Some(number) = signal::caught() {
                return Err(ExportError::Signal(number));
            }
            let Some((batch, row_first)) = next? else { break };
            parts.write(&batch, row_first, &conn.to_string())?;
            rows += batch.num_rows() as u64;
            tell(rows, rows_total, parts.files.last().map_or(0, |file| file.ts_ns.1));
        }
        parts.close()?;
    }
    let manifest = manifest(&conn.to_string(), &queries, &files);
    staging.write(MANIFEST, &format!("{manifest:#}\n"))?;
    Ok(Export { dir: staging.publish(attempt)?, files, manifest })
}

/// The files of one symbol, one open at a time.
struct Parts<'a> {
    root: &'a Path,
    symbol: &'a str,
    days: std::vec::IntoIter<Day>,
    day: Day,
    open: Option<TableFile>,
    files: &'a mut Vec<Exported>,
}

impl Parts<'_> {
    /// Writes rows, stamps rising, into the files of their days.
    fn write(
        &mut self,
        batch: &RecordBatch,
        row_first: u64,
        place: &str,
    ) -> Result<(), ExportError> {
        let stamps = Columns::of(batch, place)?.exch_ts;
        let stamps = stamps.values();
        let mut from = 0;
        while let Some(&first_ns) = stamps.get(from) {
            while first_ns >= self.day.to_ns {
                self.close()?;
                // The last day has no end.
                let Some(day) = self.days.next() else { break };
                self.day = day;
            }
            let to = from + stamps[from..].partition_point(|stamp| *stamp < self.day.to_ns);
            if to == from || !stamps[from..to].is_sorted() {
                return Err(ExportError::Source(SourceError::Row {
                    place: place.into(),
                    row: row_first + from as u64,
                    column: "exch_ts",
                    message: "is not in the order that was asked for".into(),
                }));
            }
            self.add(&batch.slice(from, to - from), (first_ns, stamps[to - 1]))?;
            from = to;
        }
        Ok(())
    }

    fn add(
        &mut self,
        rows: &RecordBatch,
        (first_ns, last_ns): (i64, i64),
    ) -> Result<(), OutputError> {
        if self.open.is_none() {
            let folder = PathBuf::from(format!("symbol={}", path_word(self.symbol)));
            let path = folder.join(format!("day={}.parquet", self.day.label));
            let folder = self.root.join(folder);
            fs::create_dir_all(&folder).map_err(|e| OutputError::io(&folder, e))?;
            self.open = Some(TableFile::create(self.root.join(&path), rows.schema())?);
            self.files.push(Exported {
                path,
                symbol: self.symbol.into(),
                day: self.day.label.clone(),
                rows: 0,
                ts_ns: (first_ns, last_ns),
                bytes: 0,
                hash: [0; 32],
            });
        }
        if let (Some(open), Some(file)) = (&mut self.open, self.files.last_mut()) {
            open.write(rows.clone())?;
            file.rows += rows.num_rows() as u64;
            file.ts_ns.1 = last_ns;
        }
        Ok(())
    }

    /// Ends the open file, if there is one.
    fn close(&mut self) -> Result<(), OutputError> {
        let (Some(open), Some(file)) = (self.open.take(), self.files.last_mut()) else {
            return Ok(());
        };
        let path = open.close()?;
        let mut hasher = blake3::Hasher::new();
        let read = fs::File::open(&path).and_then(|mut bytes| io::copy(&mut bytes, &mut hasher));
        file.bytes = read.map_err(|e| OutputError::io(&path, e))?;
        file.hash = *hasher.finalize().as_bytes();
        Ok(())
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

fn manifest(place: &str, queries: &[Value], files: &[Exported]) -> Value {
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
    json!({
        "format": "btcore-export",
        "version": 1,
        "source": place,
        "queries": queries,
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
    let _ =
        writeln!(text, "to read  data: {{ parquet: {{ files: [\"{dir}/symbol=*/*.parquet\"] }} }}");
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
