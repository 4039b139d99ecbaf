//! Every view of the results database against the same figure computed here, from the result files of the same run: alike to the
//! last digit where it is an integer. Two recorded days where they are, else two synthetic ones.
//!
//! Runs on the server that CH_URL names, else on the engine that `scripts/test` installs; says that it was skipped where there is
//! neither. Beside the recordings' own rows, bars are held to the trades that they were made of.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use bt_host::store::{self, Bars};
use bt_host::{config, import};
use chfront::Front;
use clickhouse::Client;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

const HOUR_NS: i64 = 3_600_000_000_000;

struct Place {
    url: String,
    database: String,
    client: Client,
    runtime: tokio::runtime::Runtime,
    out: PathBuf,
}

impl Place {
    /// The rows of an answer, each its values with tabs between them, sorted.
    fn lines(&self, sql: &str) -> BTreeSet<String> {
        let sql = sql.replace("{}", &self.database);
        let bytes = self.runtime.block_on(async {
            let mut cursor = self.client.query(&sql).fetch_bytes("TabSeparated").unwrap();
            let mut all = Vec::new();
            while let Some(piece) = cursor.next().await.unwrap_or_else(|e| panic!("{sql}: {e}")) {
                all.extend_from_slice(&piece);
            }
            all
        });
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let set: BTreeSet<String> = lines.iter().cloned().collect();
        assert_eq!(set.len(), lines.len(), "no line is there twice: {sql}");
        set
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {}", self.database);
        let _ = self.runtime.block_on(self.client.query(&sql).execute());
        let _ = std::fs::remove_dir_all(&self.out);
    }
}

/// Rows of a Parquet file, value by value.
struct Rows {
    batches: Vec<RecordBatch>,
}

impl Rows {
    fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        Rows { batches: reader.map(Result::unwrap).collect() }
    }

    fn each(&self, mut take: impl FnMut(&Row<'_>)) {
        for batch in &self.batches {
            (0..batch.num_rows()).for_each(|at| take(&Row { batch, at }));
        }
    }
}

/// One row.
struct Row<'a> {
    batch: &'a RecordBatch,
    at: usize,
}

impl Row<'_> {
    fn text(&self, name: &str) -> String {
        let column = self.batch.column_by_name(name).unwrap_or_else(|| panic!("{name}"));
        match column.data_type() {
            DataType::Utf8 => column.as_string::<i32>().value(self.at).to_owned(),
            other => panic!("{name} is {other}"),
        }
    }

    fn int_or_null(&self, name: &str) -> Option<i64> {
        let column = self.batch.column_by_name(name).unwrap_or_else(|| panic!("{name}"));
        if column.is_null(self.at) {
            return None;
        }
        Some(match column.data_type() {
            DataType::Int64 => column.as_primitive::<Int64Type>().value(self.at),
            DataType::UInt64 => {
                i64::try_from(column.as_primitive::<UInt64Type>().value(self.at)).unwrap()
            }
            DataType::UInt32 => column.as_primitive::<UInt32Type>().value(self.at).into(),
            DataType::Int8 => column.as_primitive::<Int8Type>().value(self.at).into(),
            other => panic!("{name} is {other}"),
        })
    }

    fn int(&self, name: &str) -> i64 {
        self.int_or_null(name).unwrap_or_else(|| panic!("{name} is null"))
    }

    fn sign(&self) -> i64 {
        if self.text("side") == "buy" { 1 } else { -1 }
    }
}

/// Sums by key; lines of keys and sums.
type Sums<const N: usize> = BTreeMap<String, [i64; N]>;

fn add<const N: usize>(sums: &mut Sums<N>, key: String, values: [i64; N]) {
    let sum = sums.entry(key).or_insert([0; N]);
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

fn lines<const N: usize>(sums: &Sums<N>) -> BTreeSet<String> {
    sums.iter()
        .map(|(key, values)| format!("{key}\t{}", values.map(|v| v.to_string()).join("\t")))
        .collect()
}

/// Holds an answer to what it should be, and says where they part.
fn assert_same(what: &str, found: &BTreeSet<String>, wanted: &BTreeSet<String>) {
    assert!(!wanted.is_empty(), "{what}: nothing to compare");
    let lacks: Vec<&String> = wanted.difference(found).take(3).collect();
    let has: Vec<&String> = found.difference(wanted).take(3).collect();
    assert!(lacks.is_empty() && has.is_empty(), "{what}: here {lacks:#?}, there {has:#?}");
}

fn recordings() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let dir = std::env::var_os("BT_DATA_DIR").map_or(beside, PathBuf::from);
    let dir = dir.canonicalize().ok()?;
    dir.join("taifex_txfd6_2026-04-08.parquet").is_file().then_some(dir)
}

#[test]
fn views_are_what_the_result_files_say() {
    let library = chfront::library();
    let url = std::env::var("CH_URL").ok();
    let name = format!("btcore_views_{}", std::process::id());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    std::fs::create_dir_all(&out).unwrap();
    let front = match (&url, &library) {
        (Some(_), _) => None,
        (None, Some(library)) => {
            Some(Front::start(library, &out.join("engine")).expect("the engine starts"))
        }
        (None, None) => {
            println!(
                "skipped: CH_URL names no ClickHouse, and scripts/test did not install the engine"
            );
            return;
        }
    };
    let url = url
        .unwrap_or_else(|| front.as_ref().map_or(String::new(), |front| front.url().to_string()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::default().with_url(&url);
    let place = Place { url, database: name, client, runtime, out };
    let summary = run(&place);
    // The views know a lane by its run.
    let lanes: BTreeMap<String, String> = place
        .lines("SELECT lane, toString(run_id) FROM {}.backtest_runs")
        .iter()
        .map(|line| {
            line.split_once('\t').map(|(lane, id)| (lane.to_owned(), id.to_owned())).unwrap()
        })
        .collect();
    assert_eq!(lanes.len(), 2);
    let files = |name: &str| Rows::read(&place.out.join("results").join(name));
    bars(&place);
    headline(&place, &summary);
    series(&place, &files("timeseries.parquet"), &lanes);
    let (orders, fills) = (files("orders.parquet"), files("fills.parquet"));
    behaviour(&place, &orders, &fills, &lanes);
    slippage(&place, &orders, &fills, &lanes);
    markouts(&place, &fills, &lanes);
    attribution(&place, &fills, &files("hours.parquet"), &summary, &lanes);
}

/// Two lanes over two days, into files and the database.
fn run(place: &Place) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
    command.current_dir(&root).args(["run", "-q", "--json", "--config", "configs/txf.yaml"]);
    if let Some(dir) = recordings() {
        let files = format!("data.parquet.files=[{}/taifex_txfd6_*.parquet]", dir.display());
        command.args(["--set", &files]);
    } else {
        println!("the recorded days are not there: two synthetic ones instead");
        let file = place.out.join("synth.yaml");
        let text = std::fs::read_to_string(root.join("configs/txf.yaml")).unwrap();
        let from = "parquet: { files: [\"data/taifex_txfd6_*.parquet\"] }";
        assert!(text.contains(from));
        let latency = root.join("configs/latency").canonicalize().unwrap();
        let text = text
            .replace(from, "synth: { preset: txf, seed: 3 }")
            .replace("latency/", &format!("{}/", latency.display()));
        std::fs::write(&file, text).unwrap();
        command.args(["--config"]).arg(file);
    }
    command.args(["--set", &format!("output.clickhouse.url={}", place.url)]);
    command.args(["--set", &format!("output.clickhouse.database={}", place.database)]);
    command
        .args(["--set", "output.clickhouse.create=true", "--out"])
        .arg(place.out.join("results"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn e6(value: &Value) -> i64 {
    let text = value.as_str().unwrap();
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    format!("{whole}{part:0<6}").parse().unwrap()
}

fn headline(place: &Place, summary: &Value) {
    let lanes = summary["lanes"].as_array().unwrap();
    let found = place.lines(
        "SELECT lane, total_pnl_scaled, pnl_realised_scaled, pnl_unrealised_scaled, fees_scaled, max_drawdown_scaled, \
         total_turnover_scaled, orders, total_trades, qty_filled, order_digest FROM {}.backtest_runs",
    );
    let wanted = lanes.iter().map(|lane| {
        let money = ["pnl", "pnl_realised", "pnl_unrealised", "fees", "drawdown_max", "turnover"];
        let money = money.map(|name| e6(&lane[name]).to_string()).join("\t");
        let name = lane["name"].as_str().unwrap();
        let digest = lane["order_digest"].as_str().unwrap();
        format!(
            "{name}\t{money}\t{}\t{}\t{}\t{digest}",
            lane["orders"], lane["fills"], lane["qty_filled"]
        )
    });
    assert_same("runs", &found, &wanted.collect());
    // Two days: a Sharpe ratio to rank by.
    let best = |a: &&Value, b: &&Value| {
        let sharpe = |lane: &Value| lane["sharpe"]["value"].as_f64().unwrap();
        sharpe(a).total_cmp(&sharpe(b))
    };
    let best = lanes.iter().max_by(best).unwrap()["name"].as_str().unwrap();
    let first = place.lines("SELECT lane FROM {}.backtest_leaderboard WHERE place = 1");
    assert_same("leaderboard", &first, &BTreeSet::from([best.to_owned()]));
    let daily = place.lines(
        "SELECT r.lane, toYYYYMMDD(d.trading_day), d.pnl_scaled, d.fees_scaled, d.fills FROM {}.backtest_daily AS d \
         INNER JOIN {}.backtest_runs AS r ON r.run_id = d.run_id",
    );
    let wanted = lanes.iter().flat_map(|lane| {
        lane["daily"].as_array().unwrap().iter().map(|day| {
            let (pnl, fees) = (e6(&day["pnl"]), e6(&day["fees"]));
            let name = lane["name"].as_str().unwrap();
            format!("{name}\t{}\t{pnl}\t{fees}\t{}", day["trading_day"], day["fills"])
        })
    });
    assert_same("daily", &daily, &wanted.collect());
}

fn series(place: &Place, series: &Rows, lanes: &BTreeMap<String, String>) {
    let mut wanted = BTreeSet::new();
    let mut mirrored = BTreeSet::new();
    series.each(|row| {
        let id = &lanes[&row.text("lane")];
        let (ts, equity, fall) = (row.int("ts_ns"), row.int("equity_e6"), row.int("drawdown_e6"));
        wanted.insert(format!("{id}\t{ts}\t{equity}\t{}\t{fall}", equity + fall));
        let float = |name: &str| (row.int(name) as f64 / 1e6).to_bits();
        let percent = fall as f64 / (equity + fall) as f64 * 100.0;
        mirrored.insert(format!(
            "{id}\t{ts}\t{}\t{}\t{}\t{}\t{}\t{}",
            float("equity_e6"),
            float("exposure_gross_e6"),
            float("exposure_net_e6"),
            float("pnl_realised_e6"),
            float("pnl_unrealised_e6"),
            percent.to_bits()
        ));
    });
    let found = place.lines(
        "SELECT run_id, toUnixTimestamp64Nano(ts), equity_scaled, peak_scaled, drawdown_scaled FROM {}.backtest_equity",
    );
    assert_same("equity", &found, &wanted);
    let found = place.lines(
        "SELECT run_id, toUnixTimestamp64Nano(ts), reinterpretAsUInt64(equity), reinterpretAsUInt64(gross_exposure), \
         reinterpretAsUInt64(net_exposure), reinterpretAsUInt64(pnl_realized), reinterpretAsUInt64(pnl_unrealized), \
         reinterpretAsUInt64(drawdown_pct) FROM {}.backtest_timeseries",
    );
    assert_same("the platform's columns, bit for bit", &found, &mirrored);
}

fn behaviour(place: &Place, orders: &Rows, fills: &Rows, lanes: &BTreeMap<String, String>) {
    let mut first: BTreeMap<(String, i64), i64> = BTreeMap::new();
    fills.each(|row| {
        let ts = row.int("ts_exch_ns");
        let at = first.entry((row.text("lane"), row.int("order_id"))).or_insert(ts);
        *at = ts.min(*at);
    });
    let mut sums: Sums<12> = Sums::new();
    let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    orders.each(|row| {
        let lane = row.text("lane");
        let hour = row.int("ts_submit_ns").div_euclid(HOUR_NS) * HOUR_NS / 1_000_000_000;
        let key = [
            &lanes[&lane],
            &row.text("strategy"),
            &row.text("symbol"),
            &hour.to_string(),
            &row.text("order_type"),
        ]
        .map(|part| part.as_str())
        .join("\t");
        let end = row.text("end");
        let accept = row.int_or_null("ts_accept_ns");
        let is = |yes: bool| i64::from(yes);
        let accepted = accept.is_some() && end != "rejected";
        let filled = row.int("filled_qty");
        let time = first.get(&(lane, row.int("order_id"))).map(|ts| ts - accept.unwrap());
        if let Some(time) = time {
            times.entry(key.clone()).or_default().push(time);
        }
        let values = [
            1,
            is(accepted),
            is(end == "rejected"),
            is(filled > 0),
            is(end == "filled"),
            is(end == "cancelled"),
            is(end == "expired"),
            is(end == "open"),
            row.int("amends"),
            if accepted { row.int("qty") } else { 0 },
            filled,
            time.unwrap_or(0),
        ];
        add(&mut sums, key, values);
    });
    let wanted = sums.iter().filter(|(key, _)| times.contains_key(*key)).map(|(key, values)| {
        let mut times = times[key].clone();
        times.sort_unstable();
        let at = |share: f64| times[((times.len() as f64 * share) as usize).min(times.len() - 1)];
        let values = values.map(|v| v.to_string()).join("\t");
        format!("{key}\t{values}\t{}\t{}", at(0.5), at(0.9))
    });
    let sql = "SELECT run_id, strategy, symbol, toUnixTimestamp(ts_hour), order_type, orders, accepted, rejected, filled_any, \
               filled_whole, cancelled, expired, still_open, amended, qty_accepted, qty_filled, time_to_fill_sum_ns, \
               time_to_fill_median_ns, time_to_fill_p90_ns FROM {}.backtest_order_behaviour WHERE filled_any > 0";
    assert_same("order behaviour", &place.lines(sql), &wanted.collect());
    let of_unfilled = sums.keys().filter(|key| !times.contains_key(*key)).count();
    let sql = "SELECT count() FROM {}.backtest_order_behaviour WHERE filled_any = 0 AND fill_rate <= 0 AND \
               time_to_fill_median_ns IS NULL";
    assert_eq!(place.lines(sql), BTreeSet::from([of_unfilled.to_string()]), "hours without a fill");
}

fn slippage(place: &Place, orders: &Rows, fills: &Rows, lanes: &BTreeMap<String, String>) {
    type Order = (String, [Option<i64>; 3]);
    let mut known: BTreeMap<(String, i64), Order> = BTreeMap::new();
    orders.each(|row| {
        let mids =
            ["mid_x2_decision", "mid_x2_send", "mid_x2_arrival"].map(|name| row.int_or_null(name));
        known.insert((row.text("lane"), row.int("order_id")), (row.text("order_type"), mids));
    });
    let mut sums: Sums<8> = Sums::new();
    fills.each(|row| {
        let lane = row.text("lane");
        let hour = row.int("ts_exch_ns").div_euclid(HOUR_NS) * HOUR_NS / 1_000_000_000;
        let id = lanes[&lane].clone();
        let (kind, mids) = &known[&(lane, row.int("order_id"))];
        let key = [&id, &row.text("strategy"), &row.text("symbol"), &hour.to_string(), kind]
            .map(|part| part.as_str())
            .join("\t");
        let (sign, price, qty) = (row.sign(), row.int("price_scaled"), row.int("qty"));
        let cost = mids.map(|mid| mid.map_or(0, |mid| sign * (2 * price - mid) * qty));
        let lots = mids.map(|mid| mid.map_or(0, |_| qty));
        add(&mut sums, key, [1, qty, cost[0], cost[1], cost[2], lots[0], lots[1], lots[2]]);
    });
    let sql = "SELECT run_id, strategy, symbol, toUnixTimestamp(ts_hour), order_type, fills, qty, decision_cost_x2, send_cost_x2, \
               arrival_cost_x2, decision_qty, send_qty, arrival_qty FROM {}.backtest_slippage";
    assert_same("slippage", &place.lines(sql), &lines(&sums));
    let sql = "SELECT count() FROM {}.backtest_slippage WHERE abs(decision_slippage * decision_qty * 2e6 - decision_cost_x2) > 1";
    assert_eq!(place.lines(sql), BTreeSet::from(["0".to_owned()]));
}

fn markouts(place: &Place, fills: &Rows, lanes: &BTreeMap<String, String>) {
    let horizons = [
        (100, "mid_x2_100ms"),
        (1_000, "mid_x2_1s"),
        (5_000, "mid_x2_5s"),
        (10_000, "mid_x2_10s"),
        (30_000, "mid_x2_30s"),
        (60_000, "mid_x2_60s"),
        (300_000, "mid_x2_300s"),
    ];
    let mut sums: Sums<4> = Sums::new();
    fills.each(|row| {
        for (ms, name) in horizons {
            let id = &lanes[&row.text("lane")];
            let (strategy, symbol, evidence) =
                (row.text("strategy"), row.text("symbol"), row.text("evidence"));
            let key = format!("{id}\t{strategy}\t{symbol}\t{evidence}\t{ms}");
            let (sign, price, qty) = (row.sign(), row.int("price_scaled"), row.int("qty"));
            let values = match row.int_or_null(name) {
                Some(mid) => [1, 0, qty, sign * (mid - 2 * price) * qty],
                None => [1, 1, 0, 0],
            };
            add(&mut sums, key, values);
        }
    });
    assert!(sums.values().any(|sum| sum[1] > 0), "a horizon beyond a session's end is censored");
    let sql = "SELECT run_id, strategy, symbol, evidence, horizon_ms, fills, censored, qty_known, ifNull(markout_x2, 0) \
               FROM {}.backtest_markouts";
    assert_same("markouts", &place.lines(sql), &lines(&sums));
}

fn attribution(
    place: &Place,
    fills: &Rows,
    hours: &Rows,
    summary: &Value,
    lanes: &BTreeMap<String, String>,
) {
    let mut sums: Sums<6> = Sums::new();
    hours.each(|row| {
        let hour = row.int("ts_hour_ns").div_euclid(HOUR_NS) % 24;
        let id = &lanes[&row.text("lane")];
        let key = format!("{id}\t{}\t{}\t{hour}", row.text("strategy"), row.text("symbol"));
        let names = ["fills", "qty", "spread_e6", "inventory_e6", "fees_e6", "pnl_e6"];
        add(&mut sums, key, names.map(|name| row.int(name)));
    });
    let sql = "SELECT run_id, strategy, symbol, hour_utc, fills, qty, spread_scaled, inventory_scaled, fees_scaled, pnl_scaled \
               FROM {}.backtest_attribution";
    assert_same("attribution", &place.lines(sql), &lines(&sums));
    // The spread from the fills alone, by hour; fees too; and the whole is the account's own.
    let mut from_fills: Sums<4> = Sums::new();
    fills.each(|row| {
        let hour = row.int("ts_exch_ns").div_euclid(HOUR_NS) % 24;
        let id = &lanes[&row.text("lane")];
        let key = format!("{id}\t{}\t{}\t{hour}", row.text("strategy"), row.text("symbol"));
        let (sign, price, qty) = (row.sign(), row.int("price_scaled"), row.int("qty"));
        let multiplier = row.int("multiplier_e6") / 1_000_000;
        let spread_x2 =
            row.int_or_null("mid_x2").map_or(0, |mid| sign * (mid - 2 * price) * qty * multiplier);
        assert_eq!(spread_x2 % 2, 0);
        assert_eq!(row.int_or_null("spread_e6").unwrap_or(0), spread_x2 / 2);
        add(&mut from_fills, key, [1, qty, spread_x2 / 2, row.int("fee_e6")]);
    });
    let sql = "SELECT run_id, strategy, symbol, hour_utc, fills, qty, spread_scaled, fees_scaled FROM {}.backtest_attribution \
               WHERE fills > 0";
    assert_same("spread and fees", &place.lines(sql), &lines(&from_fills));
    let sql = "SELECT run_id, sum(pnl_scaled), sum(spread_scaled) + sum(inventory_scaled) - sum(fees_scaled), sum(fees_scaled) \
               FROM {}.backtest_attribution GROUP BY run_id";
    let wanted = summary["lanes"].as_array().unwrap().iter().map(|lane| {
        let id = &lanes[lane["name"].as_str().unwrap()];
        let (pnl, fees) = (e6(&lane["pnl"]), e6(&lane["fees"]));
        format!("{id}\t{pnl}\t{pnl}\t{fees}")
    });
    assert_same("spread + inventory - fees", &place.lines(sql), &wanted.collect());
}

/// Bars of the recordings, against their trades one by one.
fn bars(place: &Place) {
    let Some(dir) = recordings() else {
        println!("bars are not compared: the recorded days are not there");
        return;
    };
    let keys = [("url", place.url.as_str()), ("database", &place.database)];
    let server = config::server(keys.into_iter()).unwrap_or_else(|faults| panic!("{faults}"));
    let insert = |day: &str| {
        let files = [dir.join(format!("taifex_txfd6_{day}.parquet"))];
        let options = import::Options { create: true, ..Default::default() };
        import::import(&server, "market_data", &files, &options, |_, _, _| ()).expect("an import");
    };
    // One day is there before the bars are, the other comes afterwards.
    insert("2026-04-08");
    let bars = Bars { source: format!("{}.market_data", place.database), backfill: true };
    store::apply(&server, Some(&bars)).unwrap();
    insert("2026-04-09");
    let mut trades: Vec<(String, [i64; 3], i64, i64)> = Vec::new();
    for day in ["2026-04-08", "2026-04-09"] {
        Rows::read(&dir.join(format!("taifex_txfd6_{day}.parquet"))).each(|row| {
            if row.text("type") == "Tick" && row.int("price_scaled") > 0 {
                let at = ["exch_ts", "seq_no", "ingest_ts"].map(|name| row.int(name));
                trades.push((row.text("symbol"), at, row.int("price_scaled"), row.int("volume")));
            }
        });
    }
    trades.sort();
    for (name, span_s) in [("bars_1s", 1), ("bars_1m", 60)] {
        let mut wanted: BTreeMap<(String, i64), [i64; 6]> = BTreeMap::new();
        for (symbol, at, price, volume) in &trades {
            let ts = (at[0] + 500) / (span_s * 1_000_000_000) * span_s;
            let bar =
                wanted.entry((symbol.clone(), ts)).or_insert([*price, *price, *price, 0, 0, 0]);
            bar[1] = bar[1].max(*price);
            bar[2] = bar[2].min(*price);
            bar[3] = *price;
            bar[4] += volume;
            bar[5] += 1;
        }
        let wanted = wanted.iter().map(|((symbol, ts), bar)| {
            format!("{symbol}\t{ts}\t{}", bar.map(|v| v.to_string()).join("\t"))
        });
        let sql = format!(
            "SELECT symbol, toUnixTimestamp(ts), open_scaled, high_scaled, low_scaled, close_scaled, volume, trades FROM {{}}.{name}"
        );
        assert_same(name, &place.lines(&sql), &wanted.collect());
    }
}
