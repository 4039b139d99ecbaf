//! The results database on a real engine: its schema, and runs that are published there whole, once, whatever died before.
//!
//! Runs on the server that CH_URL names, else on the engine that `scripts/test` installs; says that it was skipped
//! where there is neither. Each part uses a database of its own, and drops it.

use bt_host::config::{self, data::Server};
use bt_host::store::{self, Bars, StoreError};
use chfront::Front;
use clickhouse::{Client, Row};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// A server and a database of one part's own.
struct Place {
    url: String,
    database: String,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    fn new(url: &str, part: &str) -> Self {
        let database = format!("btcore_{part}_{}", std::process::id());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::default().with_url(url).with_database("default");
        Place { url: url.into(), database, client, runtime }
    }

    fn server(&self) -> Server {
        let keys = [("url", self.url.as_str()), ("database", &self.database)];
        config::server(keys.into_iter()).unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// Runs a statement, `{}` in it being the database.
    fn execute(&self, sql: &str) {
        let sql = sql.replace("{}", &self.database);
        self.runtime.block_on(self.client.query(&sql).execute()).unwrap();
    }

    fn count(&self, sql: &str) -> u64 {
        let sql = sql.replace("{}", &self.database);
        self.runtime.block_on(self.client.query(&sql).fetch_one::<u64>()).unwrap()
    }

    fn rows(&self, table: &str) -> u64 {
        self.count(&format!("SELECT count() FROM {{}}.{table}"))
    }

    fn out(&self) -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(&self.database)
    }

    /// Runs the demo's config over a few minutes, into this database.
    fn run(&self, sets: &[&str]) -> Output {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
        command.current_dir(root).args(["run", "--config", "configs/demo.yaml", "-q", "--force"]);
        command.arg("--out").arg(self.out());
        command.args(["--set", "data.to=2026-04-08T09:15:00+08:00"]);
        command.args(["--set", &format!("output.clickhouse.url={}", self.url)]);
        command.args(["--set", &format!("output.clickhouse.database={}", self.database)]);
        for set in sets {
            command.args(["--set", set]);
        }
        command.output().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {}", self.database);
        let _ = self.runtime.block_on(self.client.query(&sql).execute());
        let _ = std::fs::remove_dir_all(self.out());
    }
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The server's address, and the engine that must live as long; `None` where there is no server.
fn server() -> Option<(String, Option<Front>)> {
    if let Ok(url) = std::env::var("CH_URL") {
        return Some((url, None));
    }
    let Some(library) = chfront::library() else {
        println!(
            "skipped: CH_URL names no ClickHouse, and scripts/test did not install the engine"
        );
        return None;
    };
    let data = format!("btcore_store_engine_{}", std::process::id());
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(data);
    let front = Front::start(&library, &data).expect("the engine starts");
    Some((front.url().to_string(), Some(front)))
}

/// One engine serves a process, so one test holds all parts.
#[test]
fn a_results_database() {
    let Some((url, _front)) = server() else { return };
    applied_twice_is_applied_once(&Place::new(&url, "apply"));
    what_differs_is_told(&Place::new(&url, "diff"));
    what_is_there_is_not_taken(&Place::new(&url, "taken"));
    bars_are_counted_once(&Place::new(&url, "bars"));
    a_run_is_there_whole_and_once(&Place::new(&url, "run"));
    rows_that_went_astray_are_noticed(&Place::new(&url, "astray"));
    members_of_a_sweep(&Place::new(&url, "sweep"));
}

fn applied_twice_is_applied_once(place: &Place) {
    let server = place.server();
    let first = store::apply(&server, None).unwrap();
    assert!(first.len() >= 20, "{}", first.len());
    assert!(store::applied_table(&first).contains("backtest_runs_rows  made") || first.len() > 20);
    let again = store::applied_table(&store::apply(&server, None).unwrap());
    assert!(!again.contains("made") && !again.contains("replaced"), "{again}");
    assert_eq!(place.rows("schema_ledger"), first.len() as u64);
    assert_eq!(store::diff(&server).unwrap(), vec![], "columns are spelled as the server has them");
    let fresh = place.count(
        "SELECT count() FROM system.tables WHERE database = '{}' AND create_table_query LIKE '%TTL%'",
    );
    assert_eq!(fresh, 0, "a result must be there a year later");
}

fn what_differs_is_told(place: &Place) {
    let server = place.server();
    assert!(!store::diff(&server).unwrap().is_empty(), "there is no database at all");
    store::apply(&server, None).unwrap();
    place.execute("ALTER TABLE {}.backtest_fills_rows DROP COLUMN evidence");
    place.execute("ALTER TABLE {}.backtest_fills_rows ADD COLUMN mine String");
    place.execute("ALTER TABLE {}.backtest_orders_rows MODIFY COLUMN tag Int64");
    place.execute("ALTER TABLE {}.backtest_daily_rows MODIFY COLUMN fills UInt64 CODEC(ZSTD(3))");
    place.execute("ALTER TABLE {}.backtest_runs_rows MODIFY COLUMN total_pnl DEFAULT 0.");
    place.execute("DROP VIEW {}.backtest_equity");
    let found = store::diff(&server).unwrap();
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected = [
        "the default of `total_pnl` of `backtest_runs_rows` is `0.` there and `total_pnl_scaled / 1000000.` here",
        "the type of `tag` of `backtest_orders_rows` is `Int64` there and `UInt64` here",
        "column `evidence` of `backtest_fills_rows` is nothing there and `LowCardinality(String)` here",
        "column `mine` of `backtest_fills_rows` is `String` there and nothing here",
        "the codec of `fills` of `backtest_daily_rows` is `CODEC(ZSTD(3))` there and nothing here",
        "the engine of `backtest_equity` is nothing there and `View` here",
    ];
    assert_eq!(told, expected);
    // A table is never altered behind anybody's back.
    let error = store::apply(&server, None).unwrap_err();
    assert!(matches!(error, StoreError::Unlike { .. }) && error.exit_code() == 3, "{error}");
}

fn what_is_there_is_not_taken(place: &Place) {
    place.execute("CREATE DATABASE {}");
    place.execute("CREATE TABLE {}.backtest_runs (x Int8) ENGINE = MergeTree ORDER BY x");
    place.execute("INSERT INTO {}.backtest_runs VALUES (1)");
    let error = store::apply(&place.server(), None).unwrap_err().to_string();
    assert!(
        error.contains("`backtest_runs` is there with engine MergeTree and is a view"),
        "{error}"
    );
    assert_eq!(place.rows("backtest_runs"), 1, "the platform's own rows are as they were");
    assert_eq!(place.count("SELECT count() FROM system.tables WHERE database = '{}'"), 1);
    let run = place.run(&[]);
    assert_eq!(run.status.code(), Some(3), "{}", talk(&run));
    assert!(talk(&run).contains("`bt-host schema apply`, or `create: true`"), "{}", talk(&run));
}

fn bars_are_counted_once(place: &Place) {
    let source = format!("{}.market", place.database);
    place.execute("CREATE DATABASE {}");
    place.execute(
        "CREATE TABLE {}.market (symbol String, type String, exch_ts Int64, ingest_ts Int64, price_scaled Int64, \
         volume Int64, seq_no UInt64) ENGINE = MergeTree ORDER BY (symbol, exch_ts)",
    );
    // A second's first trade is by its stamp, then its number; a stamp that went through a float counts for the second it means.
    let early = "('A', 'Tick', 59999999872, 0, 103, 7, 4)";
    place.execute(&format!(
        "INSERT INTO {{}}.market VALUES ('A', 'Tick', 1000000000, 0, 100, 1, 2), ('A', 'Tick', 1000000000, 0, 99, 2, 1), \
         ('A', 'Tick', 1900000000, 0, 101, 3, 3), ('A', 'BidAsk', 1950000000, 0, 0, 0, 9), {early}"
    ));
    let bars = Bars { source, backfill: true };
    store::apply(&place.server(), Some(&bars)).unwrap();
    store::apply(&place.server(), Some(&bars)).unwrap();
    place.execute("INSERT INTO {}.market VALUES ('A', 'Tick', 61000000000, 0, 98, 5, 5)");
    #[derive(Debug, PartialEq, Row, Deserialize)]
    struct Bar {
        ts: u32,
        prices: Vec<i64>,
        volume: i64,
        trades: u64,
    }
    let of = |bars: &str| {
        let sql = format!(
            "SELECT ts, [open_scaled, high_scaled, low_scaled, close_scaled] AS prices, volume, trades FROM {}.{bars} ORDER BY ts",
            place.database
        );
        place.runtime.block_on(place.client.query(&sql).fetch_all::<Bar>()).unwrap()
    };
    let bar =
        |ts, prices: [i64; 4], volume, trades| Bar { ts, prices: prices.into(), volume, trades };
    let seconds =
        [bar(1, [99, 101, 99, 101], 6, 3), bar(60, [103; 4], 7, 1), bar(61, [98; 4], 5, 1)];
    assert_eq!(of("bars_1s"), seconds);
    assert_eq!(
        of("bars_1m"),
        [bar(0, [99, 101, 99, 101], 6, 3), bar(60, [103, 103, 98, 98], 12, 2)]
    );
    for source in ["market", "a.b.c", "x.y; DROP TABLE z", "`a`.b", ""] {
        let bars = Bars { source: source.into(), backfill: false };
        let error = store::apply(&place.server(), Some(&bars)).unwrap_err();
        assert!(error.to_string().contains("is no table"), "{error}");
    }
}

/// The tables that users read, and how many rows of a run they must have by its own row.
const READ: [&str; 6] = ["orders", "fills", "timeseries", "queues", "hours", "daily"];

/// Holds the visible rows of every table to what the runs' own rows say.
fn assert_whole(place: &Place, runs: u64) {
    assert_eq!(place.rows("backtest_runs"), runs);
    for table in READ {
        let said = place.count(&format!("SELECT sum({table}_rows) FROM {{}}.backtest_runs"));
        assert_eq!(place.rows(&format!("backtest_{table}")), said, "{table}");
    }
}

fn a_run_is_there_whole_and_once(place: &Place) {
    let run = place.run(&["output.clickhouse.create=true"]);
    assert!(run.status.success(), "{}", talk(&run));
    assert_whole(place, 1);
    assert!(place.rows("backtest_orders") > 100 && place.rows("backtest_timeseries") > 20);
    let mirrored = "SELECT countIf(total_pnl != total_pnl_scaled / 1e6 OR total_turnover != total_turnover_scaled / 1e6) FROM {}.backtest_runs";
    assert_eq!(place.count(mirrored), 0);
    // Again: the same run id.
    let again = place.run(&[]);
    assert_eq!(again.status.code(), Some(2), "{}", talk(&again));
    assert!(talk(&again).contains("was published at"), "{}", talk(&again));
    assert!(talk(&again).contains("The result files are whole"), "{}", talk(&again));
    assert_whole(place, 1);
    let staged = place.rows("backtest_orders_rows");
    let replaced = place.run(&["output.clickhouse.exists=replace"]);
    assert!(replaced.status.success(), "{}", talk(&replaced));
    assert_whole(place, 1);
    assert_eq!(place.rows("backtest_orders_rows"), 2 * staged, "nothing is deleted first");
    assert_eq!(place.rows("backtest_runs_rows"), 2);
    let beside = place.run(&["output.clickhouse.exists=new"]);
    assert!(beside.status.success(), "{}", talk(&beside));
    assert_whole(place, 2);
    assert_eq!(place.count("SELECT uniqExact(base_run_id) FROM {}.backtest_runs"), 1);
    // What was replaced is left over, when it is old enough.
    let server = place.server();
    assert_eq!(store::sweep(&server, Duration::from_secs(3_600), false).unwrap(), vec![]);
    let told = store::sweep(&server, Duration::ZERO, true).unwrap();
    assert!(told.len() >= 4 && told.iter().any(|left| left.rows == staged), "{told:?}");
    assert_eq!(place.rows("backtest_orders_rows"), 3 * staged, "it was only asked");
    assert_eq!(store::sweep(&server, Duration::ZERO, false).unwrap(), told);
    assert_eq!(place.rows("backtest_orders_rows"), 2 * staged);
    assert_eq!(store::sweep(&server, Duration::ZERO, false).unwrap(), vec![]);
    assert_whole(place, 2);
    results_are_published_later(place);
}

/// Results that are on disk need no second run.
fn results_are_published_later(place: &Place) {
    let publish = |exists: &str| {
        Command::new(env!("CARGO_BIN_EXE_bt-host"))
            .args(["publish", "--url", &place.url, "--database", &place.database, "--run"])
            .arg(place.out())
            .args(["--exists", exists])
            .output()
            .unwrap()
    };
    let again = publish("refuse");
    assert_eq!(again.status.code(), Some(2), "{}", talk(&again));
    let beside = publish("new");
    assert!(beside.status.success(), "{}", talk(&beside));
    assert_whole(place, 3);
    let differ = "SELECT toUInt64(uniqExact(* EXCEPT (run_id, attempt, created_at, published_at))) FROM {}.backtest_runs";
    assert_eq!(
        place.count(differ),
        2,
        "two starts took two times, and the third is the second's files"
    );
    let differ = "SELECT toUInt64(uniqExact(* EXCEPT (run_id, attempt, created_at, published_at, runtime_seconds))) FROM {}.backtest_runs";
    assert_eq!(place.count(differ), 1, "and nothing else");
    let path = place.out().join("summary.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"fees\": \"", "\"fees\": \"x", 1)).unwrap();
    let broken = publish("new");
    assert_eq!(broken.status.code(), Some(74), "{}", talk(&broken));
    assert!(talk(&broken).contains("summary.json: `lanes.0."), "{}", talk(&broken));
    assert!(talk(&broken).contains("fees` is not an amount of money"), "{}", talk(&broken));
    assert_whole(place, 3);
}

/// Rows that arrive altered, twice or not at all are found by the counts and sums, and the run stays out of sight.
fn rows_that_went_astray_are_noticed(place: &Place) {
    store::apply(&place.server(), None).unwrap();
    let harm = [
        ("a row is left out", "WHERE order_id != 7"),
        ("a quantity is another", "qty"),
        ("a row comes twice", "UNION"),
    ];
    for (what, how) in harm {
        // A server that does something else with an insert than it was asked.
        place.execute("RENAME TABLE {}.backtest_orders_rows TO {}.true_orders");
        place.execute("CREATE TABLE {}.backtest_orders_rows AS {}.true_orders ENGINE = Null");
        let select = match how {
            "qty" => "SELECT * REPLACE (if(order_id = 7, qty + 1, qty) AS qty) FROM {}.backtest_orders_rows".into(),
            "UNION" => "SELECT * FROM {}.backtest_orders_rows ARRAY JOIN if(order_id = 7, [1, 2], [1]) AS n".replace("SELECT *", "SELECT * EXCEPT (n)"),
            condition => format!("SELECT * FROM {{}}.backtest_orders_rows {condition}"),
        };
        place.execute(&format!(
            "CREATE MATERIALIZED VIEW {{}}.harm TO {{}}.true_orders AS {select}"
        ));
        let run = place.run(&[]);
        assert_eq!(run.status.code(), Some(69), "{what}: {}", talk(&run));
        assert!(talk(&run).contains("backtest_orders_rows holds"), "{what}: {}", talk(&run));
        place.execute("DROP TABLE {}.harm");
        place.execute("DROP TABLE {}.backtest_orders_rows");
        place.execute("RENAME TABLE {}.true_orders TO {}.backtest_orders_rows");
        assert_eq!(place.rows("backtest_runs"), 0, "{what}");
    }
    assert!(place.run(&[]).status.success());
    assert_whole(place, 1);
}

/// Every member is a run of its own there, once.
fn members_of_a_sweep(place: &Place) {
    let (url, database, out) = (&place.url, &place.database, place.out());
    std::fs::create_dir_all(&out).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let demo = std::fs::read_to_string(root.join("configs/demo.yaml")).unwrap();
    let to = format!(
        "output: {{ clickhouse: {{ url: \"{url}\", database: {database}, create: true }} }}"
    );
    let short = demo.replace("to: 2026-04-08", "to: 2026-04-08T08:50:00+08:00");
    std::fs::write(out.join("base.yaml"), format!("{short}{to}\n")).unwrap();
    let file = out.join("sweep.yaml");
    let members = "members: { grid: { latency.submit: [1ms, 2ms, 3ms] } }\nthreads: 2\n";
    std::fs::write(&file, format!("version: 1\nbase: base.yaml\n{members}")).unwrap();
    let sweep = |outputs: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_bt-host"))
            .args(["sweep", "-q", "--config"])
            .arg(&file)
            .arg("--out")
            .arg(out.join("results"))
            .args(["--set", &format!("outputs={outputs}")])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, _, told) = sweep("summary");
    assert!(code == Some(3) && told.contains("outputs: full"), "{code:?} {told}");
    for expected in ["3 run, 0 were done", "0 run, 3 were done"] {
        let (code, table, told) = sweep("full");
        assert!(code == Some(0) && table.contains(expected), "{code:?} {table}{told}");
        assert_whole(place, 3);
    }
    // A start that died behind the server and before the directory: the member runs again, and is there once.
    std::fs::remove_dir_all(out.join("results/members/0001")).unwrap();
    let (code, table, told) = sweep("full");
    assert!(code == Some(0) && table.contains("1 run, 2 were done"), "{code:?} {table}{told}");
    assert_whole(place, 3);
}
