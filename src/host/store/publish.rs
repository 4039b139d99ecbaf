//! A run into the database, whole or not at all.
//!
//! The protocol, for all lanes of a run together: look whether the run is visible already; stage its rows under (run, attempt) in
//! blocks that are cut alike each time, each with a token by which the server takes it once; count every table back and compare a
//! sum over every column; then write the rows of `backtest_runs_rows`, one for each lane, as one block. Invariants: before that
//! block nothing is visible, after it everything; a server that dies or forgets in between is noticed by the counts. Money
//! becomes a float on the server, from the exact integer beside it. Cost: one request for 65,536 rows; memory, one such block.

use super::db::Db;
use super::headline::{Counts, Headline};
use super::rows::{Sum, staged, sum_sql};
use super::{StoreError, schema};
use crate::config::{ClickHouseOutput, Exists};
use crate::output::OutputError;
use crate::output::tables::FILES;
use crate::provenance::{self, lane_id};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_schema::{ArrowError, Schema};
use clickhouse::Row;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use std::fmt;
use std::fs::File;
use std::path::Path;
use uuid::Uuid;

/// Rows of a block at most.
const BLOCK_ROWS: usize = 65_536;
/// The table whose rows make a run visible.
const RUNS: &str = "backtest_runs_rows";
/// The table of trading days, which are in no file of their own.
const DAILY: &str = "backtest_daily_rows";

/// What is visible now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Server and database.
    pub place: String,
    /// Ids of the lanes, in the config's order.
    pub run_ids: Vec<Uuid>,
    /// The attempt.
    pub attempt: Uuid,
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.run_ids.iter().map(Uuid::to_string).collect();
        write!(f, "server   {}: run {}", self.place, ids.join(", "))
    }
}

#[derive(Row, Deserialize)]
struct Visible {
    id: String,
    by: String,
    at: String,
}

#[derive(Row, Deserialize)]
struct Counted {
    rows: u64,
    hash: u64,
}

/// Publishes the run whose finished files are in `dir`.
///
/// # Errors
/// The server cannot be reached, refuses, or does not hold what was sent; the run is not visible then. Or it is visible already and
/// the config says to refuse.
pub fn publish(
    output: &ClickHouseOutput,
    dir: &Path,
    attempt: Uuid,
) -> Result<Published, StoreError> {
    let run = Headline::read(dir)?;
    let db = Db::new(&output.server)?;
    if output.create {
        schema::apply_to(&db, None)?;
    } else {
        schema::check(&db)?;
    }
    let names = run.lane_names()?;
    let lanes = names.len();
    let base = match output.exists {
        Exists::New => provenance::attempt_id(run.run_id, attempt),
        Exists::Refuse | Exists::Replace => run.run_id,
    };
    let run_ids: Vec<Uuid> = (0..lanes).map(|index| lane_id(base, index, lanes)).collect();
    if output.exists == Exists::Refuse {
        refuse_visible(&db, &run_ids)?;
    }
    let mut counts = Vec::with_capacity(lanes);
    for (index, (name, run_id)) in names.iter().zip(&run_ids).enumerate() {
        let stage = Stage { db: &db, run_id: *run_id, attempt };
        let mut rows = Counts::new();
        for file in FILES {
            let table = table_of(file);
            rows.insert(table, stage.file(table, &dir.join(file), name)?);
        }
        rows.insert(DAILY, stage.rows(DAILY, &run.days(index)?)?);
        counts.push(rows);
    }
    let block = run.rows(&run_ids, attempt, &counts)?;
    let sent = db.insert(RUNS, &block, &format!("{base}:{attempt}:{RUNS}"));
    // Whether it failed on the way there or on the way back is for the server to say.
    let shown = visible_lanes(&db, &run_ids, attempt);
    match (sent, shown) {
        (_, Ok(shown)) if shown == lanes as u64 => {}
        (Ok(()), Ok(shown)) => {
            let (want, found) = (format!("{lanes} lanes"), format!("{shown} lanes"));
            return Err(StoreError::Staged { place: db.place().into(), table: RUNS, want, found });
        }
        (Err(error), Ok(_)) => return Err(error),
        (_, Err(error)) => {
            return Err(db.fail(format!("it is not known whether the run is visible: {error}")));
        }
    }
    Ok(Published { place: db.place().into(), run_ids, attempt })
}

/// Lanes that this attempt has made visible.
fn visible_lanes(db: &Db, run_ids: &[Uuid], attempt: Uuid) -> Result<u64, StoreError> {
    // Written twice would be seen once.
    let sql = format!(
        "SELECT uniqExact(run_id) FROM {RUNS} WHERE attempt = {{attempt:UUID}} AND run_id IN {{runs:Array(UUID)}}"
    );
    let ids: Vec<String> = run_ids.iter().map(Uuid::to_string).collect();
    let found = db.ask::<u64>(&sql, |query| {
        query.param("attempt", attempt.to_string()).param("runs", &ids)
    })?;
    Ok(found.first().copied().unwrap_or(0))
}

fn arrow(db: &Db, error: ArrowError) -> StoreError {
    db.fail(format!("the rows make no block: {error}"))
}

/// The table that takes the rows of a result file.
fn table_of(file: &str) -> &'static str {
    match file {
        "orders.parquet" => "backtest_orders_rows",
        "fills.parquet" => "backtest_fills_rows",
        "timeseries.parquet" => "backtest_timeseries_rows",
        "queues.parquet" => "backtest_queues_rows",
        _ => "backtest_hours_rows",
    }
}

fn refuse_visible(db: &Db, run_ids: &[Uuid]) -> Result<(), StoreError> {
    // An alias that is a column's name would stand for it in the condition too.
    let sql = "SELECT toString(run_id) AS id, toString(attempt) AS by, toString(published_at) AS at \
               FROM backtest_runs WHERE run_id IN {runs:Array(UUID)} ORDER BY run_id LIMIT 1";
    let ids: Vec<String> = run_ids.iter().map(Uuid::to_string).collect();
    let found = db.ask::<Visible>(sql, |query| query.param("runs", &ids))?;
    match found.into_iter().next() {
        None => Ok(()),
        Some(Visible { id, by, at }) => Err(StoreError::Exists {
            place: db.place().into(),
            run_id: id,
            attempt: by,
            published_at: at,
        }),
    }
}

/// Where the rows of one lane go.
struct Stage<'a> {
    db: &'a Db,
    run_id: Uuid,
    attempt: Uuid,
}

impl Stage<'_> {
    /// Stages a lane's rows of a file; returns how many.
    fn file(&self, table: &'static str, path: &Path, lane: &str) -> Result<u64, StoreError> {
        let file = File::open(path).map_err(|e| OutputError::io(path, e))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(BLOCK_ROWS).build())
            .map_err(|e| OutputError::parquet(path, e))?;
        let mut sum = Sum::default();
        let mut schema = None;
        for (block, batch) in reader.enumerate() {
            let batch = batch.map_err(|e| OutputError::arrow(path, e))?;
            let batch = of_lane(&batch, lane).ok_or_else(|| StoreError::Results {
                path: path.into(),
                message: "has no column `lane` of texts".into(),
            })?;
            let batch = staged(&batch, self.run_id, self.attempt)
                .map_err(|e| OutputError::arrow(path, e))?;
            schema = Some(batch.schema());
            self.block(table, block, &batch, &mut sum)?;
        }
        match schema {
            Some(schema) => self.prove(table, &schema, sum),
            None => Ok(0),
        }
    }

    /// Stages rows that fit one block; returns how many.
    fn rows(&self, table: &'static str, batch: &RecordBatch) -> Result<u64, StoreError> {
        let batch = staged(batch, self.run_id, self.attempt).map_err(|e| arrow(self.db, e))?;
        let mut sum = Sum::default();
        self.block(table, 0, &batch, &mut sum)?;
        self.prove(table, &batch.schema(), sum)
    }

    fn block(
        &self,
        table: &'static str,
        block: usize,
        batch: &RecordBatch,
        sum: &mut Sum,
    ) -> Result<(), StoreError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        sum.add(batch).map_err(|e| arrow(self.db, e))?;
        let token = format!("{}:{}:{table}:{block}", self.run_id, self.attempt);
        self.db.insert(table, batch, &token)
    }

    /// Counts back what was staged.
    fn prove(&self, table: &'static str, schema: &Schema, sum: Sum) -> Result<u64, StoreError> {
        let hash = sum_sql(schema);
        let sql = format!(
            "SELECT count() AS rows, {hash} AS hash FROM {table} WHERE run_id = {{run:UUID}} AND attempt = {{attempt:UUID}}"
        );
        let found = self.db.ask::<Counted>(&sql, |query| {
            query.param("run", self.run_id.to_string()).param("attempt", self.attempt.to_string())
        })?;
        compare(self.db, table, sum, &found)?;
        Ok(sum.rows)
    }
}

fn compare(db: &Db, table: &'static str, want: Sum, found: &[Counted]) -> Result<(), StoreError> {
    let found = found.first().map_or_else(Sum::default, |f| Sum { rows: f.rows, hash: f.hash });
    if found == want {
        return Ok(());
    }
    let (want, found) = (want.text(), found.text());
    Err(StoreError::Staged { place: db.place().into(), table, want, found })
}

/// The rows of one lane, which lie together.
fn of_lane(batch: &RecordBatch, lane: &str) -> Option<RecordBatch> {
    let lanes = batch.column_by_name("lane")?.as_string_opt::<i32>()?;
    let is_its = |row: &usize| lanes.value(*row) == lane;
    let first = (0..batch.num_rows()).find(is_its).unwrap_or(batch.num_rows());
    let rows = (first..batch.num_rows()).take_while(is_its).count();
    Some(batch.slice(first, rows))
}
