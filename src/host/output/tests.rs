//! Holds the outputs to their words: golden table, stable summary, files that read back, drains that do not
//! show.

use super::marks::Marks;
use super::result::{DataResult, LaneResult, RunResult};
use super::table::{Speed, grouped, render};
use super::tables::{self, FILES, LaneTables, Names};
use crate::config::fault::SourceText;
use crate::config::{Config, LoadOptions, parse};
use arrow_array::{Array, Int64Array, RecordBatch, StringArray};
use btcore::engine::LaneSummary;
use btcore::feed::FeedStats;
use btcore::recorder::{DayRow, FillRow, OrderEnd, OrderRow, SentRow, SeriesRow, Sink};
use btcore::wire::{Fill, QueueRow, Reason, Side, UNDEF_TIME};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use uuid::Uuid;

fn config() -> Config {
    let text = "
version: 1
name: golden
data: { synth: {}, from: 2026-04-08T00:00:00Z, to: 2026-04-09T00:00:00Z }
instruments: [{ symbol: TXFD6, tick: 1, multiplier: 200, sessions: always }]
lanes:
  - &a
    name: fast
    capital: 1000000
    latency: { feed: 0, submit: 1ms, amend: 1ms, cancel: 1ms, response: 1ms }
    strategies: [{ name: maker, path: \"builtin:market_maker\" }]
  - { <<: *a, name: slow }
";
    let source = SourceText { name: "golden.yaml".into(), text: text.into() };
    parse(source, Path::new(""), &LoadOptions::default()).0.unwrap_or_else(|f| panic!("{f}"))
}

fn run() -> RunResult {
    let fast = LaneSummary {
        order_digest: [7; 32],
        rows_delivered: 231_757,
        orders: 1_234,
        orders_accepted: 1_230,
        orders_rejected: 4,
        orders_filled: 500,
        cancels: 700,
        fills: 510,
        fills_inferred: 12,
        qty_accepted: 2_000,
        qty_filled: 510,
        turnover: 3_570_000_000_000_000,
        pnl_realised: 12_345_600_000,
        pnl_unrealised: -200_000_000,
        fees: 30_600_050_000,
        pnl: -18_454_450_000,
        drawdown_max: 20_000_000_000,
        trips_won: 150,
        trips_lost: 100,
        open_qty: 1,
        ts_first_ns: 1_775_609_100_000_000_000,
        ts_last_ns: 1_775_627_100_000_000_000,
        ..LaneSummary::default()
    };
    let day = |trading_day, pnl| DayRow { trading_day, pnl, fees: 0, fills: 255 };
    let lane = |name: &str, summary: LaneSummary, days| LaneResult {
        name: name.into(),
        strategies: vec!["maker".into()],
        strategy_hashes: vec![[1; 32]],
        seed: 0,
        capital: 1_000_000_000_000,
        summary,
        days,
    };
    let stats = FeedStats {
        rows_in: 234_464,
        books_in: 169_388,
        trades_in: 65_076,
        rows_used: 231_700,
        excluded_out_of_session: 2_764,
        ..FeedStats::default()
    };
    let data = DataResult {
        hash: [9; 32],
        feed: vec![("TXFD6".into(), stats)],
        source_skipped: BTreeMap::from([("bad price".into(), 3)]),
    };
    let lanes = vec![
        lane("fast", fast, vec![day(20260408, -20_000_000_000), day(20260409, 1_545_550_000)]),
        lane("slow", LaneSummary::default(), vec![]),
    ];
    RunResult::new(&config(), data, lanes)
}

#[test]
fn the_table_reads_as_it_should() {
    let run = run();
    let text = render(&run, Speed { rows: 231_757, seconds: 0.5 }, "out/golden");
    let expected = format!(
        "\
golden  2026-04-08T00:00:00Z to 2026-04-09T00:00:00Z

                           fast  slow
PnL                  -18,454.45  0.00  currency
  realised            12,345.60  0.00  currency
  unrealised            -200.00  0.00  currency
  fees                30,600.05  0.00  currency
fills                       510     0
  inferred                   12     0
filled                      510     0  lots
open at end                   1     0  lots
orders                    1,234     0
  rejected                    4     0
  cancels                   700     0
  amends                      0     0
fill rate                 25.50  none  % of qty
win rate                  60.00  none  % of trips
Sharpe, daily             -9.61  none  a year
max drawdown          20,000.00  0.00  currency
turnover       3,570,000,000.00  0.00  currency
trading days                  2     0
rows seen               231,757     0
no Sharpe for slow: fewer than 2 trading days

rows        in  books in  trades in     used  excluded out of session
TXFD6  234,464   169,388     65,076  231,700                    2,764
skipped by the source: 3 bad price

speed    231,757 rows in 0.50 s, 463,514 rows/s
digest   {}  fast
digest   {}  slow
run id   {}
files    out/golden
",
        "07".repeat(32),
        "00".repeat(32),
        run.run_id
    );
    assert_eq!(text, expected);
}

#[test]
fn thousands_are_apart() {
    assert_eq!(grouped("-1234567.5"), "-1,234,567.5");
    assert_eq!(grouped("999"), "999");
}

#[test]
fn the_summary_is_stable_and_complete() {
    let text = super::summary::text(&run());
    assert_eq!(text, super::summary::text(&run()));
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document, crate::config::effective::sorted(&document));
    let lane = &document["lanes"][0];
    assert_eq!(lane["pnl"], "-18454.45");
    assert_eq!(lane["turnover"], "3570000000");
    assert_eq!(lane["daily"][1]["pnl"], "1545.55");
    assert!(lane["sharpe"]["value"].is_f64());
    assert_eq!(document["lanes"][1]["sharpe"]["reason"], "fewer than 2 trading days");
    assert_eq!(document["data"]["symbols"]["TXFD6"]["excluded_out_of_session"], 2_764);
    assert_eq!(document["config"]["lanes"][1]["name"], "slow");
}

fn order(id: u64) -> OrderRow {
    OrderRow {
        order_id: id,
        tag: id * 10,
        ts_submit_ns: 5,
        ts_accept_ns: 6,
        ts_end_ns: UNDEF_TIME,
        price: 35_000_000_000,
        qty: 1,
        filled_qty: 0,
        amends: 0,
        instrument: 0,
        strategy: 0,
        side: Side::Sell,
        order_type: 1,
        tif: 1,
        post_only: 1,
        end: OrderEnd::Open,
        reason: Reason::None,
    }
}

fn sent(id: u64) -> SentRow {
    SentRow { order_id: id, ts_submit_ns: 5, ts_arrive_ns: 6, rows_seen: 0, instrument: 0 }
}

fn fill(id: u64) -> FillRow {
    let fill = Fill {
        ts_exch_ns: 7,
        ts_local_ns: 8,
        order_id: id,
        tag: 1,
        price: 35_000_000_000,
        fee: 60_000_000,
        qty: 1,
        leaves_qty: 0,
        instrument: 0,
        strategy: 0,
        side: 1,
        evidence: 2,
        inferred: 0,
        reserved: [0; 5],
    };
    FillRow { fill, ahead_qty: [u32::MAX; 3], position_qty: -1, pnl_realised: 5 }
}

fn series(ts_ns: i64) -> SeriesRow {
    SeriesRow {
        ts_ns,
        equity: 1,
        pnl_realised: 2,
        pnl_unrealised: 3,
        fees: 4,
        exposure_gross: 5,
        exposure_net: 6,
        drawdown: 7,
    }
}

fn queue(id: u64) -> QueueRow {
    QueueRow {
        order_id: id,
        ts_join_ns: 6,
        ts_end_ns: 9,
        ts_first_ns: [UNDEF_TIME, 8, 7],
        filled_qty: [0, 1, 1],
        ahead_qty: [u32::MAX, 2, 0],
    }
}

/// Writes two lanes of 20,000 orders, drained in turns of `turn` rows.
fn write(turn: u64) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("bt-host-tables-{}", Uuid::now_v7()));
    fs::create_dir_all(&dir).unwrap();
    let instruments = crate::run::instruments(&config());
    let mut marks = Marks::new(1);
    let mut lanes: Vec<LaneTables> = ["a", "b"]
        .into_iter()
        .enumerate()
        .map(|(index, lane)| {
            let strategies = vec![format!("maker-{lane}")];
            let names = Names { lane: lane.into(), strategies, instruments: instruments.clone() };
            LaneTables::open(&dir, index, names).unwrap()
        })
        .collect();
    for start in (0..20_000).step_by(turn as usize) {
        for lane in &mut lanes {
            for id in start..(start + turn).min(20_000) {
                lane.sent(&sent(id));
                lane.order(&order(id));
                if id % 100 == 0 {
                    lane.fill(&fill(id));
                    lane.series(&series(id as i64));
                    lane.queue(&queue(id));
                }
                if id == 10 {
                    lane.log(1_000, 0, 2, "hello");
                }
            }
            lane.settle(&marks);
            lane.check().unwrap();
        }
    }
    marks.close();
    lanes.iter_mut().for_each(|lane| lane.settle(&marks));
    tables::finish(lanes).unwrap();
    dir
}

fn read(path: &Path) -> Vec<RecordBatch> {
    let file = fs::File::open(path).unwrap();
    ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn files_read_back_and_do_not_show_the_drains() {
    let (one, other) = (write(17), write(5_000));
    for file in FILES.into_iter().chain([tables::LOG_FILE]) {
        assert_eq!(
            fs::read(one.join(file)).unwrap(),
            fs::read(other.join(file)).unwrap(),
            "{file}"
        );
    }
    assert_eq!(fs::read_dir(&one).unwrap().count(), 6, "no spool is left");
    let orders = read(&one.join("orders.parquet"));
    assert_eq!(orders.iter().map(RecordBatch::num_rows).sum::<usize>(), 40_000);
    let last = orders.last().unwrap();
    let text = |name: &str| {
        let column = last.column_by_name(name).unwrap();
        column.as_any().downcast_ref::<StringArray>().unwrap().value(last.num_rows() - 1).to_owned()
    };
    assert_eq!((text("lane"), text("strategy")), ("b".into(), "maker-b".into()));
    assert_eq!(
        (text("side"), text("end"), text("symbol")),
        ("sell".into(), "open".into(), "TXFD6".into())
    );
    assert!(last.column_by_name("ts_end_ns").unwrap().is_null(0));
    let fills = read(&one.join("fills.parquet"));
    let fees = fills[0].column_by_name("fee_e6").unwrap();
    assert_eq!(fees.as_any().downcast_ref::<Int64Array>().unwrap().value(0), 60_000_000);
    assert!(fills[0].column_by_name("ahead_model_qty").unwrap().is_null(0));
    for (file, rows) in [("timeseries.parquet", 400), ("queues.parquet", 400)] {
        let batches = read(&one.join(file));
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), rows, "{file}");
    }
    let log = fs::read_to_string(one.join(tables::LOG_FILE)).unwrap();
    assert_eq!(log.lines().count(), 2);
    assert!(log.ends_with("b/maker-b info: hello\n"), "{log}");
    fs::remove_dir_all(one).unwrap();
    fs::remove_dir_all(other).unwrap();
}
