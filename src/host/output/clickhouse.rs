//! A copy of the headline and the time series in ClickHouse, for dashboards.
//!
//! Invariants: columns are named; the series of a lane go first and are counted back, its run row goes last, so
//! a reader who starts from `backtest_runs` sees whole runs only. A run that is already there is left alone;
//! series left by a start that died are removed first. Money becomes a float only here. Speaks HTTP only.

use super::OutputError;
use super::result::{LaneResult, RunResult};
use super::tables::FILES;
use crate::config::ClickHouseOutput;
use crate::provenance::{BUILD, hex, lane_id};
use arrow_array::{Array, Int64Array, RecordBatch, StringArray};
use clickhouse::{Client, Row};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Serialize;
use serde_json::json;
use std::fs::File;
use std::path::Path;
use uuid::Uuid;

const RUNS_SQL: &str = include_str!("../../../sql/001_backtest_runs.sql");
const SERIES_SQL: &str = include_str!("../../../sql/002_backtest_timeseries.sql");

#[derive(Row, Serialize)]
struct RunRow {
    #[serde(with = "clickhouse::serde::uuid")]
    run_id: Uuid,
    strategy_id: String,
    git_commit: String,
    config_hash: String,
    start_ts: i64,
    end_ts: i64,
    config_json: String,
    total_pnl: f64,
    sharpe_ratio: f64,
    max_drawdown: f64,
    win_rate: f64,
    total_turnover: f64,
    total_trades: u64,
    runtime_seconds: f64,
}

#[derive(Row, Serialize)]
struct SeriesPoint {
    #[serde(with = "clickhouse::serde::uuid")]
    run_id: Uuid,
    ts: i64,
    equity: f64,
    gross_exposure: f64,
    net_exposure: f64,
    drawdown_pct: f64,
    pnl_realized: f64,
    pnl_unrealized: f64,
}

/// Writes the run. `dir` holds its finished files.
///
/// # Errors
/// The server cannot be reached or refuses; the message says what it left behind.
pub fn write(
    output: &ClickHouseOutput,
    run: &RunResult,
    dir: &Path,
    seconds: f64,
) -> Result<(), OutputError> {
    let place = format!("{} ({})", output.server.url, output.server.database);
    let fail = |message: String| OutputError::ClickHouse { place: place.clone(), message };
    let password = output.server.password.read().map_err(&fail)?;
    let client = Client::default()
        .with_url(&output.server.url)
        .with_user(&output.server.user)
        .with_password(password)
        .with_database(&output.server.database);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| fail(e.to_string()))?;
    runtime.block_on(write_all(output, &client, run, dir, seconds)).map_err(|e| match e {
        Failure::Server(error) => fail(format!(
            "{error}. The run is not in backtest_runs; its result files are whole. Run again to retry"
        )),
        Failure::Count { want, found } => fail(format!(
            "{found} samples arrived where {want} were sent; the run is not in backtest_runs"
        )),
        Failure::Output(error) => error,
    })
}

enum Failure {
    Server(clickhouse::error::Error),
    Count { want: u64, found: u64 },
    Output(OutputError),
}

impl From<clickhouse::error::Error> for Failure {
    fn from(error: clickhouse::error::Error) -> Self {
        Failure::Server(error)
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        Failure::Output(error)
    }
}

async fn write_all(
    output: &ClickHouseOutput,
    client: &Client,
    run: &RunResult,
    dir: &Path,
    seconds: f64,
) -> Result<(), Failure> {
    if output.create {
        create(client, &output.server.database).await?;
    }
    for (index, lane) in run.lanes.iter().enumerate() {
        let id = lane_id(run.run_id, index, run.lanes.len());
        if count(client, "backtest_runs", id).await? > 0 {
            continue;
        }
        if count(client, "backtest_timeseries", id).await? > 0 {
            client
                .query("DELETE FROM backtest_timeseries WHERE run_id = toUUID(?)")
                .bind(id.to_string())
                .execute()
                .await?;
        }
        let want = write_series(client, &dir.join(FILES[2]), &lane.name, id).await?;
        let found = count(client, "backtest_timeseries", id).await?;
        if found != want {
            return Err(Failure::Count { want, found });
        }
        let mut insert = client.insert::<RunRow>("backtest_runs").await?;
        insert.write(&run_row(run, lane, id, seconds)).await?;
        insert.end().await?;
    }
    Ok(())
}

/// Makes the database and the tables, where they are not there. The name was checked to be a plain word.
async fn create(client: &Client, database: &str) -> Result<(), Failure> {
    // The database cannot be the session's before it exists.
    let bare = client.clone().with_database("default");
    bare.query(&format!("CREATE DATABASE IF NOT EXISTS {database}")).execute().await?;
    for sql in [RUNS_SQL, SERIES_SQL] {
        bare.query(&sql.replace("{database}", database)).execute().await?;
    }
    Ok(())
}

async fn count(client: &Client, table: &str, id: Uuid) -> Result<u64, Failure> {
    let sql = format!("SELECT count() FROM {table} WHERE run_id = toUUID(?)");
    Ok(client.query(&sql).bind(id.to_string()).fetch_one::<u64>().await?)
}

fn run_row(run: &RunResult, lane: &LaneResult, id: Uuid, seconds: f64) -> RunRow {
    let (s, ratios) = (&lane.summary, lane.ratios());
    let about = json!({
        "config": run.effective,
        "lane": lane.name,
        "seed": lane.seed.to_string(),
        "run_id": run.run_id.to_string(),
        "data_hash": hex(&run.data_hash),
        "build_id": hex(&run.build_id),
        "order_digest": hex(&s.order_digest),
        "total_pnl_exact_e6": s.pnl.to_string(),
    });
    RunRow {
        run_id: id,
        strategy_id: lane.strategies.join("+"),
        git_commit: BUILD.commit_text(),
        config_hash: hex(&run.config_hash),
        start_ts: run.from_ns,
        end_ts: run.to_ns,
        config_json: crate::config::effective::sorted(&about).to_string(),
        total_pnl: money(s.pnl),
        sharpe_ratio: ratios.sharpe.value.unwrap_or(f64::NAN),
        max_drawdown: money(s.drawdown_max),
        win_rate: ratios.win_rate.value.unwrap_or(f64::NAN),
        total_turnover: money(s.turnover),
        total_trades: s.fills,
        runtime_seconds: seconds,
    }
}

/// Sends a lane's samples from the finished file; returns how many.
async fn write_series(client: &Client, path: &Path, lane: &str, id: Uuid) -> Result<u64, Failure> {
    let file = File::open(path).map_err(|e| OutputError::io(path, e))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.build())
        .map_err(|e| OutputError::parquet(path, e))?;
    let mut insert = client.insert::<SeriesPoint>("backtest_timeseries").await?;
    let mut sent = 0;
    for batch in reader {
        let batch = batch.map_err(|e| OutputError::arrow(path, e))?;
        for row in 0..batch.num_rows() {
            let Some(point) = series_point(&batch, row, lane, id) else { continue };
            insert.write(&point).await?;
            sent += 1;
        }
    }
    insert.end().await?;
    Ok(sent)
}

/// One sample, if it is of this lane.
fn series_point(batch: &RecordBatch, row: usize, lane: &str, id: Uuid) -> Option<SeriesPoint> {
    let of = batch.column_by_name("lane")?.as_any().downcast_ref::<StringArray>()?;
    if of.value(row) != lane {
        return None;
    }
    let read = |name: &str| {
        let column = batch.column_by_name(name)?.as_any().downcast_ref::<Int64Array>()?;
        Some(column.value(row))
    };
    let (equity, fall) = (money(read("equity_e6")?), money(read("drawdown_e6")?));
    let peak = equity + fall;
    Some(SeriesPoint {
        run_id: id,
        ts: read("ts_ns")?,
        equity,
        gross_exposure: money(read("exposure_gross_e6")?),
        net_exposure: money(read("exposure_net_e6")?),
        drawdown_pct: if peak > 0.0 { fall / peak * 100.0 } else { 0.0 },
        pnl_realized: money(read("pnl_realised_e6")?),
        pnl_unrealized: money(read("pnl_unrealised_e6")?),
    })
}

fn money(value: i64) -> f64 {
    value as f64 / 1e6
}
