//! A run into the database, whole or not at all.
//!
//! The protocol, for all lanes of a run together: look whether the run is visible already; stage its rows under (run, attempt) in
//! blocks that are cut alike each time, each with a token by which the server takes it once; count every table back and compare a
//! sum over every column, lane by lane; then write the rows of `backtest_runs_rows`, one for each lane, as one block. A file is read
//! once, however many lanes it holds. Invariants: before that
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
use arrow_schema::SchemaRef;
use clickhouse::Row;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use std::collections::BTreeMap;
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
    #[serde(with = "clickhouse::serde::uuid")]
    run_id: Uuid,
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
    let mut counts = vec![Counts::new(); lanes];
    for file in FILES {
        let path = dir.join(file);
        let mut stage = Stage::new(&db, table_of(file), &run_ids, attempt);
        stage.file(&path, &names)?;
        stage.prove(&mut counts)?;
    }
    let mut stage = Stage::new(&db, DAILY, &run_ids, attempt);
    for lane in 0..lanes {
        let days = run.days(lane)?;
        if days.num_rows() > 0 {
            stage.rows(lane, &days, dir)?;
        }
    }
    stage.prove(&mut counts)?;
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

/// Where the rows of one table go, lane by lane.
struct Stage<'a> {
    db: &'a Db,
    table: &'static str,
    run_ids: &'a [Uuid],
    attempt: Uuid,
    /// By lane: what was sent, and how many blocks that was.
    sent: Vec<(Sum, usize)>,
    /// The columns of a block, once there was one.
    schema: Option<SchemaRef>,
}

impl<'a> Stage<'a> {
    fn new(db: &'a Db, table: &'static str, run_ids: &'a [Uuid], attempt: Uuid) -> Self {
        let sent = vec![(Sum::default(), 0); run_ids.len()];
        Stage { db, table, run_ids, attempt, sent, schema: None }
    }

    /// Stages the rows of a file, in which those of a lane lie together.
    fn file(&mut self, path: &Path, names: &[String]) -> Result<(), StoreError> {
        let not = |message: String| StoreError::Results { path: path.into(), message };
        let file = File::open(path).map_err(|e| OutputError::io(path, e))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(BLOCK_ROWS).build())
            .map_err(|e| OutputError::parquet(path, e))?;
        for batch in reader {
            let batch = batch.map_err(|e| OutputError::arrow(path, e))?;
            let lanes = batch.column_by_name("lane").and_then(|lanes| lanes.as_string_opt::<i32>());
            let lanes = lanes.ok_or_else(|| not("has no column `lane` of texts".into()))?;
            let mut first = 0;
            while first < batch.num_rows() {
                let name = lanes.value(first);
                let rows =
                    (first..batch.num_rows()).take_while(|row| lanes.value(*row) == name).count();
                let lane = names.iter().position(|known| known == name);
                let lane =
                    lane.ok_or_else(|| not(format!("has rows of `{name}`, which is no lane")))?;
                self.rows(lane, &batch.slice(first, rows), path)?;
                first += rows;
            }
        }
        Ok(())
    }

    /// Stages rows of a lane, a block at most, that come from a file.
    fn rows(&mut self, lane: usize, rows: &RecordBatch, path: &Path) -> Result<(), StoreError> {
        let block = staged(rows, self.run_ids[lane], self.attempt);
        let block = block.map_err(|e| OutputError::arrow(path, e))?;
        let (sum, blocks) = &mut self.sent[lane];
        sum.add(&block).map_err(|e| OutputError::arrow(path, e))?;
        let token = format!("{}:{}:{}:{blocks}", self.run_ids[lane], self.attempt, self.table);
        *blocks += 1;
        self.schema = Some(block.schema());
        self.db.insert(self.table, &block, &token)
    }

    /// Counts back what was staged, and notes how many rows that is.
    fn prove(self, counts: &mut [Counts]) -> Result<(), StoreError> {
        let mut found: BTreeMap<Uuid, Sum> = BTreeMap::new();
        if let Some(schema) = &self.schema {
            let (table, hash) = (self.table, sum_sql(schema));
            let sql = format!(
                "SELECT run_id, count() AS rows, {hash} AS hash FROM {table} WHERE attempt = {{attempt:UUID}} \
                 AND run_id IN {{runs:Array(UUID)}} GROUP BY run_id"
            );
            let ids: Vec<String> = self.run_ids.iter().map(Uuid::to_string).collect();
            let counted = self.db.ask::<Counted>(&sql, |query| {
                query.param("attempt", self.attempt.to_string()).param("runs", &ids)
            })?;
            found.extend(counted.iter().map(|c| (c.run_id, Sum { rows: c.rows, hash: c.hash })));
        }
        for ((run_id, (want, _)), counts) in self.run_ids.iter().zip(&self.sent).zip(counts) {
            let found = found.get(run_id).copied().unwrap_or_default();
            if found != *want {
                let (place, table) = (self.db.place().into(), self.table);
                let (want, found) = (want.text(), found.text());
                return Err(StoreError::Staged { place, table, want, found });
            }
            counts.insert(self.table, want.rows);
        }
        Ok(())
    }
}
