//! The rows of a ClickHouse table into Parquet or Arrow files.
//!
//! The files hold the columns that a run reads, as the server tells them, rows in the order of its key: nothing is decoded, so
//! nothing is lost, and a run over them has the digest of a run over the table. Invariant: as many rows as the server counted
//! before. Memory: a block of the answer, and a row group or
//! a batch.

use super::arrow::ArrowFile;
use super::{About, Days, ExportError, Folder, Format};
use crate::config::Config;
use crate::config::data::SourceSpec;
use crate::output::OutputError;
use crate::output::file::TableFile;
use crate::signal;
use crate::source::clickhouse::{self, Answer};
use crate::source::columns::Columns;
use crate::source::{SourceError, conn, recipes};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde_json::json;
use std::path::PathBuf;

/// Writes every symbol's files, and tells what was asked for.
pub fn export(
    config: &Config,
    folder: &mut Folder,
    mut tell: impl FnMut(u64, Option<u64>, i64),
) -> Result<About, ExportError> {
    let SourceSpec::ClickHouse(server, table) = &config.data.source else {
        return Err(ExportError::NoTable);
    };
    let conn = conn(server, table)?;
    let answers = clickhouse::answers(&conn, &recipes(config))?;
    let rows_total: u64 = answers.iter().map(Answer::rows_total).sum();
    let place = conn.to_string();
    if rows_total == 0 {
        return Err(ExportError::NoData(place));
    }
    let (mut queries, mut rows) = (Vec::new(), 0);
    for (mut answer, spec) in answers.into_iter().zip(&config.instruments) {
        let symbol = &spec.instrument.symbol;
        queries.push(json!({
            "sql": answer.sql(),
            "database": server.database,
            "table": table,
            "symbol": symbol,
            "spans_ns": answer.spans_ns(),
            "where": config.data.shape.only,
            "rows": answer.rows_total(),
        }));
        let days = Days::new(spec, &config.data);
        let mut parts = Parts { symbol, days, open: None, folder };
        loop {
            let next = answer.next_block();
            if let Some(number) = signal::caught() {
                return Err(ExportError::Signal(number));
            }
            let Some((batch, row_first)) = next? else { break };
            parts.write(&batch, row_first, &place)?;
            rows += batch.num_rows() as u64;
            let ts_ns = parts.folder.files.last().map_or(0, |file| file.ts_ns.1);
            tell(rows, Some(rows_total), ts_ns);
        }
        parts.close()?;
    }
    Ok(About { place, more: ("queries", queries) })
}

/// A file that is being written.
enum OpenFile {
    Parquet(TableFile),
    Arrow(ArrowFile),
}

impl OpenFile {
    fn create(format: Format, path: PathBuf, schema: SchemaRef) -> Result<Self, OutputError> {
        match format {
            Format::Arrow => ArrowFile::create(path, schema).map(OpenFile::Arrow),
            _ => TableFile::create(path, schema).map(OpenFile::Parquet),
        }
    }

    fn write(&mut self, rows: RecordBatch) -> Result<(), OutputError> {
        match self {
            OpenFile::Parquet(file) => file.write(rows),
            OpenFile::Arrow(file) => file.write(rows),
        }
    }

    fn close(self) -> Result<PathBuf, OutputError> {
        match self {
            OpenFile::Parquet(file) => file.close(),
            OpenFile::Arrow(file) => file.close(),
        }
    }
}

/// The files of one symbol, one open at a time.
struct Parts<'a> {
    symbol: &'a str,
    days: Days,
    open: Option<OpenFile>,
    folder: &'a mut Folder,
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
            if self.days.reach(first_ns) {
                self.close()?;
            }
            let to_ns = self.days.day.to_ns;
            let to = from + stamps[from..].partition_point(|stamp| *stamp < to_ns);
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
        let file = match &mut self.open {
            Some(file) => file,
            none => {
                let path = self.folder.begin(self.symbol, &self.days.day.label, first_ns)?;
                none.insert(OpenFile::create(self.folder.format, path, rows.schema())?)
            }
        };
        file.write(rows.clone())?;
        self.folder.count(rows.num_rows() as u64, last_ns);
        Ok(())
    }

    /// Ends the open file, if there is one.
    fn close(&mut self) -> Result<(), OutputError> {
        match self.open.take() {
            Some(file) => self.folder.end(&file.close()?),
            None => Ok(()),
        }
    }
}
