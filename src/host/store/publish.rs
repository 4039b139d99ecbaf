//! A run into the database, whole or not at all.
//!
//! The protocol, for all lanes of a run together: look whether the run is visible already; stage its rows under (run, attempt) in
//! blocks that are cut alike each time, each with a token by which the server takes it once; count every table back and compare a
//! sum over every column; then write the rows of `backtest_runs_rows`, one for each lane, as one block. Invariants: before that
//! block nothing is visible, after it everything; a server that dies or forgets in between is noticed by the counts. Money
//! becomes a float on the server, from the exact integer beside it. Cost: one request for 65,536 rows; memory, one such block.

use super::db::Db;
use super::rows::{Sum, ids, staged, sum_sql};
use super::{StoreError, schema};
use crate::config::{ClickHouseOutput, Exists};
use crate::output::OutputError;
use crate::output::result::{LaneResult, RunResult};
use crate::output::tables::FILES;
use crate::provenance::{self, BUILD, hex, lane_id};
use arrow_array::cast::AsArray;
use arrow_array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow_schema::{ArrowError, Schema};
use clickhouse::Row;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
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

/// Rows of a lane by table.
type Counts = BTreeMap<&'static str, u64>;

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

/// Publishes a run whose finished files are in `dir`.
///
/// # Errors
/// The server cannot be reached, refuses, or does not hold what was sent; the run is not visible then. Or it is visible already and
/// the config says to refuse.
pub fn publish(
    output: &ClickHouseOutput,
    run: &RunResult,
    dir: &Path,
    attempt: Uuid,
    seconds: f64,
) -> Result<Published, StoreError> {
    let db = Db::new(&output.server)?;
    if output.create {
        schema::apply_to(&db, None)?;
    } else {
        schema::check(&db)?;
    }
    let lanes = run.lanes.len();
    let base = match output.exists {
        Exists::New => provenance::attempt_id(run.run_id, attempt),
        Exists::Refuse | Exists::Replace => run.run_id,
    };
    let run_ids: Vec<Uuid> = (0..lanes).map(|index| lane_id(base, index, lanes)).collect();
    if output.exists == Exists::Refuse {
        refuse_visible(&db, &run_ids)?;
    }
    let mut counts = Vec::with_capacity(lanes);
    for (lane, run_id) in run.lanes.iter().zip(&run_ids) {
        let mut stage = Stage { db: &db, run_id: *run_id, attempt };
        let mut rows = Counts::new();
        for file in FILES {
            let table = table_of(file);
            rows.insert(table, stage.file(table, &dir.join(file), &lane.name)?);
        }
        rows.insert(DAILY, stage.rows(DAILY, &days(lane).map_err(|e| arrow(&db, e))?)?);
        counts.push(rows);
    }
    let block = runs(run, &run_ids, attempt, &counts, seconds).map_err(|e| arrow(&db, e))?;
    db.insert(RUNS, &block, &format!("{base}:{attempt}:{RUNS}"))?;
    let wanted = Sum { rows: lanes as u64, hash: 0 };
    // Written twice would be seen once.
    let sql = format!(
        "SELECT uniqExact(run_id) AS rows, toUInt64(0) AS hash FROM {RUNS} \
         WHERE attempt = {{attempt:UUID}} AND run_id IN {{runs:Array(UUID)}}"
    );
    let ids: Vec<String> = run_ids.iter().map(Uuid::to_string).collect();
    let found = db.ask::<Counted>(&sql, |query| {
        query.param("attempt", attempt.to_string()).param("runs", &ids)
    })?;
    compare(&db, RUNS, wanted, &found)?;
    Ok(Published { place: db.place().into(), run_ids, attempt })
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
    fn file(&mut self, table: &'static str, path: &Path, lane: &str) -> Result<u64, StoreError> {
        let file = File::open(path).map_err(|e| OutputError::io(path, e))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(BLOCK_ROWS).build())
            .map_err(|e| OutputError::parquet(path, e))?;
        let mut sum = Sum::default();
        let mut schema = None;
        for (block, batch) in reader.enumerate() {
            let batch = batch.map_err(|e| OutputError::arrow(path, e))?;
            let batch = of_lane(&batch, lane);
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
    fn rows(&mut self, table: &'static str, batch: &RecordBatch) -> Result<u64, StoreError> {
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
fn of_lane(batch: &RecordBatch, lane: &str) -> RecordBatch {
    let Some(column) = batch.column_by_name("lane") else { return batch.clone() };
    let lanes = column.as_string::<i32>();
    let is_its = |row: &usize| lanes.value(*row) == lane;
    let first = (0..batch.num_rows()).find(is_its).unwrap_or(batch.num_rows());
    let rows = (first..batch.num_rows()).take_while(is_its).count();
    batch.slice(first.min(batch.num_rows()), rows)
}

fn days(lane: &LaneResult) -> Result<RecordBatch, ArrowError> {
    let day = |number: u32| {
        let part = |value: u32| i8::try_from(value).unwrap_or(1);
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        let date =
            jiff::civil::Date::new(i16::try_from(year).unwrap_or(1970), part(month), part(day));
        let epoch = jiff::civil::date(1970, 1, 1);
        date.ok().and_then(|date| (date - epoch).get_days().into()).unwrap_or(0)
    };
    let days = lane.days.iter();
    let columns: [(&str, ArrayRef); 4] = [
        (
            "trading_day",
            Arc::new(Date32Array::from_iter_values(days.clone().map(|d| day(d.trading_day)))),
        ),
        ("pnl_e6", Arc::new(Int64Array::from_iter_values(days.clone().map(|d| d.pnl)))),
        ("fees_e6", Arc::new(Int64Array::from_iter_values(days.clone().map(|d| d.fees)))),
        ("fills", Arc::new(UInt64Array::from_iter_values(days.map(|d| d.fills)))),
    ];
    RecordBatch::try_from_iter(columns)
}

/// The block that makes a run visible: a row for each lane.
fn runs(
    run: &RunResult,
    run_ids: &[Uuid],
    attempt: Uuid,
    counts: &[Counts],
    seconds: f64,
) -> Result<RecordBatch, ArrowError> {
    let lanes = || run.lanes.iter();
    let text = |of: &dyn Fn(&LaneResult) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(lanes().map(of)))
    };
    let money = |of: &dyn Fn(&LaneResult) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(lanes().map(of)))
    };
    let number = |of: &dyn Fn(&LaneResult) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(lanes().map(of)))
    };
    let small = |of: &dyn Fn(usize) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values((0..run.lanes.len()).map(of)))
    };
    let ratio = |of: &dyn Fn(&LaneResult) -> Option<f64>| -> ArrayRef {
        let values = lanes().map(|lane| of(lane).unwrap_or(f64::NAN));
        Arc::new(Float64Array::from_iter_values(values))
    };
    let stamp = |ns: i64| -> ArrayRef {
        let stamps = TimestampNanosecondArray::from_iter_values(lanes().map(|_| ns));
        Arc::new(stamps.with_timezone("UTC"))
    };
    let id = |of: &dyn Fn(usize) -> Uuid| -> Result<ArrayRef, ArrowError> {
        let ids = (0..run.lanes.len()).map(of).map(Uuid::into_bytes);
        Ok(Arc::new(arrow_array::FixedSizeBinaryArray::try_from_iter(ids)?))
    };
    let rows = |table: &str| -> ArrayRef {
        let of_lane = |rows: &Counts| rows.get(table).copied().unwrap_or(0);
        Arc::new(UInt64Array::from_iter_values(counts.iter().map(of_lane)))
    };
    let count = run.lanes.len();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("run_id", id(&|index| run_ids[index])?),
        ("strategy_id", text(&|lane| lane.strategies.join("+"))),
        ("git_commit", text(&|_| BUILD.commit_text())),
        ("config_hash", text(&|_| hex(&run.config_hash))),
        ("start_ts", stamp(run.from_ns)),
        ("end_ts", stamp(run.to_ns)),
        ("config_json", text(&|lane| about(run, lane))),
        ("sharpe_ratio", ratio(&|lane| lane.ratios().sharpe.value)),
        ("win_rate", ratio(&|lane| lane.ratios().win_rate.value)),
        ("total_trades", number(&|lane| lane.summary.fills)),
        ("runtime_seconds", ratio(&|_| Some(seconds))),
        ("attempt", ids(attempt, count)?),
        ("base_run_id", ids(run.run_id, count)?),
        ("run_name", text(&|_| run.name.clone())),
        ("lane", text(&|lane| lane.name.clone())),
        ("lane_index", small(&|index| index as u32)),
        ("lanes", small(&|_| count as u32)),
        ("seed", number(&|lane| lane.seed)),
        ("data_hash", text(&|_| hex(&run.data_hash))),
        ("build_id", text(&|_| hex(&run.build_id))),
        ("order_digest", text(&|lane| hex(&lane.summary.order_digest))),
        ("capital_scaled", money(&|lane| lane.capital)),
        ("total_pnl_scaled", money(&|lane| lane.summary.pnl)),
        ("pnl_realised_scaled", money(&|lane| lane.summary.pnl_realised)),
        ("pnl_unrealised_scaled", money(&|lane| lane.summary.pnl_unrealised)),
        ("fees_scaled", money(&|lane| lane.summary.fees)),
        ("max_drawdown_scaled", money(&|lane| lane.summary.drawdown_max)),
        ("total_turnover_scaled", money(&|lane| lane.summary.turnover)),
        ("orders", number(&|lane| lane.summary.orders)),
        ("orders_accepted", number(&|lane| lane.summary.orders_accepted)),
        ("orders_rejected", number(&|lane| lane.summary.orders_rejected)),
        ("orders_filled", number(&|lane| lane.summary.orders_filled)),
        ("cancels", number(&|lane| lane.summary.cancels)),
        ("amends", number(&|lane| lane.summary.amends)),
        ("fills_inferred", number(&|lane| lane.summary.fills_inferred)),
        ("qty_accepted", number(&|lane| lane.summary.qty_accepted)),
        ("qty_filled", number(&|lane| lane.summary.qty_filled)),
        ("open_qty", number(&|lane| lane.summary.open_qty)),
        ("trading_days", small(&|index| run.lanes[index].days.len() as u32)),
        ("orders_rows", rows("backtest_orders_rows")),
        ("fills_rows", rows("backtest_fills_rows")),
        ("timeseries_rows", rows("backtest_timeseries_rows")),
        ("queues_rows", rows("backtest_queues_rows")),
        ("hours_rows", rows("backtest_hours_rows")),
        ("daily_rows", rows(DAILY)),
    ];
    RecordBatch::try_from_iter(columns)
}

/// The effective config, and where the lane comes from.
fn about(run: &RunResult, lane: &LaneResult) -> String {
    let about = json!({
        "config": run.effective,
        "lane": lane.name,
        "seed": lane.seed.to_string(),
        "run_id": run.run_id.to_string(),
        "data_hash": hex(&run.data_hash),
        "build_id": hex(&run.build_id),
        "order_digest": hex(&lane.summary.order_digest),
        "total_pnl_exact_e6": lane.summary.pnl.to_string(),
    });
    crate::config::effective::sorted(&about).to_string()
}
