//! Parquet and Arrow files into a table: the rows of a run, whole and once, whatever became of the start before.
//!
//! The tests run on the server that CH_URL names, else on the engine that `scripts/test` installs, and say so when they skip. One
//! server serves the program, each test has a database. The recorded day is not part of the project; a synthetic one stands in for it.

mod source_support;

use bt_host::config::data::Server;
use bt_host::config::fault::SourceText;
use bt_host::config::{self, Config, LoadOptions, parse};
use bt_host::export::{self, Format::Arrow, Format::Parquet};
use bt_host::import::{Import, ImportError, Options, import};
use bt_host::output::result::RunResult;
use bt_host::progress::Mode;
use bt_host::run;
use source_support::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The server of this program, if there is one.
fn front() -> Option<&'static str> {
    chfront::shared(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

fn client(url: &str) -> (tokio::runtime::Runtime, clickhouse::Client) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    (runtime.expect("a runtime"), clickhouse::Client::default().with_url(url))
}

fn execute(url: &str, sql: &str) {
    let (runtime, client) = client(url);
    runtime.block_on(client.query(sql).execute()).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

fn ask(url: &str, sql: &str) -> u64 {
    let (runtime, client) = client(url);
    let answer = runtime.block_on(client.query(sql).fetch_one::<u64>());
    answer.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn rows_in(url: &str, database: &str) -> u64 {
    ask(url, &format!("SELECT count() FROM {database}.market_data"))
}

fn server(url: &str, database: &str) -> Server {
    config::server([("url", url), ("database", database)].into_iter())
        .unwrap_or_else(|faults| panic!("{faults}"))
}

static CREATE: LazyLock<Options> = LazyLock::new(|| Options { create: true, ..Options::default() });
static APPEND: LazyLock<Options> = LazyLock::new(|| Options { append: true, ..Options::default() });

fn bring(
    url: &str,
    database: &str,
    files: &[PathBuf],
    options: &Options,
) -> Result<Import, ImportError> {
    import(&server(url, database), "market_data", files, options, |_, _, _| ())
}

/// Rows, and those of them that were new.
fn counts(done: &Import) -> (u64, u64) {
    done.files.iter().fold((0, 0), |sum, file| (sum.0 + file.rows, sum.1 + file.rows_new))
}

/// Rows of several blocks over midnight in UTC, a null here and there where nothing reads it.
fn rows(symbol: &str, from: i64, count: i64) -> Vec<Raw> {
    let row = |n: i64| {
        let row = if n % 4 == 3 {
            let row = trade(n, (95 + n % 9) * PX, n % 5 + 1, (n % 3) as i8 - 1);
            Raw { bids: (None, None), ..row }
        } else {
            Raw { price: None, side: None, ..plain(n) }
        };
        let ingest_ts = (n % 50 > 0).then_some(T0 + n * MS + n % 1_000);
        Raw { symbol: Some(symbol.into()), ingest_ts, ..row }
    };
    (from..from + count).map(row).collect()
}

/// A day that was recorded, or one that is made up, as a file, and the config of a run over `data`.
struct DayOf {
    file: PathBuf,
    is_recorded: bool,
}

impl DayOf {
    fn find(scratch: &Scratch) -> Self {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        let dir = std::env::var_os("BT_DATA_DIR").map_or(beside, PathBuf::from);
        if let Ok(file) = dir.join("taifex_txfd6_2026-04-08.parquet").canonicalize() {
            return DayOf { file, is_recorded: true };
        }
        println!("no recording: a synthetic day stands in for it");
        let file =
            scratch.write("day.parquet", &batch(columns(&rows("TXFD6", 0, 150_000))), 40_000);
        DayOf { file, is_recorded: false }
    }

    fn config(&self, data: &str, out: &Path) -> Config {
        let grid = if self.is_recorded { 1_000_000 } else { 1 };
        let text = format!(
            "version: 1\nname: day\ndata: {{ {data}, from: 2026-04-08, to: 2026-04-08, time_zone: Asia/Taipei, ts_grid_ns: \
             {grid} }}\ninstruments: [{{ symbol: TXFD6, exchange: TAIFEX, tick: \"1\", multiplier: \"200\", sessions: {{ \
             time_zone: Asia/Taipei, list: [{{ open: \"08:45\", close: \"13:45\" }}] }} }}]\ncapital: \"1000000\"\n\
             latency: {{ feed: 1ms, submit: 5ms, amend: 5ms, cancel: 5ms, response: 1ms }}\n\
             strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\noutput: {{ dir: {} }}\n",
            out.display()
        );
        let source = SourceText { name: "day.yaml".into(), text };
        let config = parse(source, Path::new(""), &LoadOptions::default()).0;
        config.unwrap_or_else(|faults| panic!("{faults}"))
    }
}

fn run_of(config: &Config) -> RunResult {
    let options = run::Options {
        force: true,
        progress: Mode::Quiet,
        config_path: "test".into(),
        extra: &|_| Ok(()),
    };
    run::run(config, &options).unwrap_or_else(|error| panic!("{error}")).result
}

fn assert_same_run(found: &RunResult, expected: &RunResult, what: &str) {
    assert!(expected.lanes[0].summary.orders > 100, "{:?}", expected.lanes[0].summary);
    assert_eq!(found.data_hash, expected.data_hash, "{what}");
    assert_eq!(
        (found.config_hash, found.run_id),
        (expected.config_hash, expected.run_id),
        "{what}"
    );
    assert_eq!(found.lanes[0].summary, expected.lanes[0].summary, "{what}");
}

fn table_of(url: &str, database: &str) -> String {
    format!("clickhouse: {{ url: \"{url}\", database: {database}, table: market_data }}")
}

#[test]
fn a_run_is_the_same_over_files_their_import_and_its_export() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("import-day");
    let day = DayOf::find(&scratch);
    let files = std::slice::from_ref(&day.file);
    let out = scratch.0.join("out");
    let mut told = (0, 0);
    let tell = |rows, all, _| told = (rows, all);
    let done = import(&server(url, "bt_test_day"), "market_data", files, &CREATE, tell)
        .expect("an import");
    let (rows, new) = counts(&done);
    assert_eq!((new, told, rows_in(url, "bt_test_day")), (rows, (rows, rows), rows));
    assert!(rows > 65_536 && done.warnings.is_empty(), "{done:?}");
    let again = bring(url, "bt_test_day", files, &CREATE).expect("nothing to do");
    assert_eq!((counts(&again), rows_in(url, "bt_test_day")), ((rows, 0), rows));

    let of_table = day.config(&table_of(url, "bt_test_day"), &out);
    let dir = scratch.0.join("tape");
    export::export(&of_table, Parquet, &dir, false, |_, _, _| ()).expect("an export");
    let of_files = day.config(&format!("parquet: {{ files: [\"{}\"] }}", day.file.display()), &out);
    let exported = format!("parquet: {{ files: [\"{}/symbol=*/*.parquet\"] }}", dir.display());
    let expected = run_of(&of_files);
    assert_same_run(&run_of(&of_table), &expected, "the table");
    assert_same_run(&run_of(&day.config(&exported, &out)), &expected, "its export");
    // So it is over Arrow files, decoded or out of a cache.
    let arrow = scratch.0.join("arrow");
    let done = export::export(&of_table, Arrow, &arrow, false, |_, _, _| ()).expect("an export");
    let of_arrow = format!("arrow: {{ files: [\"{}/symbol=*/*.arrow\"] }}", arrow.display());
    assert_same_run(&run_of(&day.config(&of_arrow, &out)), &expected, "its export as Arrow");
    let cached = format!("{of_arrow}, cache: {{ dir: {} }}", scratch.0.join("tapes").display());
    for what in ["the pass that fills a cache", "the cache"] {
        assert_same_run(&run_of(&day.config(&cached, &out)), &expected, what);
    }
    assert!(std::fs::read_dir(scratch.0.join("tapes")).is_ok_and(|dir| dir.count() > 0));
    // And goes back as Parquet does; the rows are the same, so a table of either has nothing new in the other.
    bring(url, "bt_test_day_arrow", std::slice::from_ref(&arrow), &CREATE).expect("an import");
    assert_same_run(
        &run_of(&day.config(&table_of(url, "bt_test_day_arrow"), &out)),
        &expected,
        "back",
    );
    let again = bring(url, "bt_test_day_arrow", std::slice::from_ref(&dir), &Options::default());
    assert_eq!(counts(&again.expect("nothing to do")).1, 0);
    // A file is what its bytes say it is.
    let (file, other) = (arrow.join(&done.files[0].path), scratch.0.join("rows.parquet"));
    let whole = std::fs::read(&file).expect("it can be read");
    std::fs::write(&other, &whole).expect("it can be written");
    let again = bring(url, "bt_test_day_arrow", std::slice::from_ref(&other), &Options::default());
    assert_eq!(counts(&again.expect("nothing to do")).1, 0);
    std::fs::write(&other, &whole[..whole.len() / 2]).expect("it can be written");
    let error = bring(url, "bt_test_day_arrow", std::slice::from_ref(&other), &Options::default());
    let text = error.expect_err("it is cut").to_string();
    assert!(text.contains("rows.parquet: is not an Arrow file that can be read: "), "{text}");
    // An export goes back, by its directory or file by file.
    bring(url, "bt_test_day_back", std::slice::from_ref(&dir), &CREATE).expect("an import");
    assert_same_run(
        &run_of(&day.config(&table_of(url, "bt_test_day_back"), &out)),
        &expected,
        "back",
    );
    let mut names = Vec::new();
    for folder in std::fs::read_dir(&dir).expect("it is there").flatten() {
        if folder.path().is_dir() {
            names.extend(std::fs::read_dir(folder.path()).expect("so is it").flatten());
        }
    }
    let file = names[0].path();
    let again = bring(url, "bt_test_day_back", std::slice::from_ref(&file), &Options::default());
    assert_eq!(counts(&again.expect("nothing to do")).1, 0);
    let mut bytes = std::fs::read(&file).expect("it can be read");
    bytes.push(0);
    std::fs::write(&file, bytes).expect("it can be written");
    for named in [&dir, &file] {
        let error =
            bring(url, "bt_test_day_back", std::slice::from_ref(named), &Options::default());
        let error = error.expect_err("it is another file");
        assert!(error.to_string().contains("is not the file that manifest.json names"), "{error}");
        assert_eq!(error.exit_code(), 5);
    }
}

#[test]
fn a_start_that_stops_leaves_first_blocks_and_the_next_one_the_rest() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("import-stops");
    let all = batch(columns(&rows("TXF", 0, 200_000)));
    let files = [scratch.write("rows.parquet", &all, 30_000)];
    let mut blocks = 0;
    let stopped = catch_unwind(AssertUnwindSafe(|| {
        import(&server(url, "bt_test_stops"), "market_data", &files, &CREATE, |_, _, _| {
            blocks += 1;
            assert!(blocks < 3, "this is where it dies");
        })
    }));
    assert!(stopped.is_err());
    let left = rows_in(url, "bt_test_stops");
    assert!(left > 0 && left < 200_000, "{left}");
    let done = bring(url, "bt_test_stops", &files, &Options::default()).expect("it goes on");
    assert_eq!(
        (counts(&done), rows_in(url, "bt_test_stops")),
        ((200_000, 200_000 - left), 200_000)
    );
    // Neither is the memory of blocks what it goes by: this table has none.
    execute(url, "CREATE DATABASE bt_test_stops_plain");
    execute(url, "CREATE TABLE bt_test_stops_plain.market_data AS bt_test_stops.market_data");
    execute(
        url,
        "ALTER TABLE bt_test_stops_plain.market_data MODIFY SETTING non_replicated_deduplication_window = 0",
    );
    for dies_at in [2, 4, 99] {
        let mut blocks = 0;
        let _ = catch_unwind(AssertUnwindSafe(|| {
            import(
                &server(url, "bt_test_stops_plain"),
                "market_data",
                &files,
                &CREATE,
                |_, _, _| {
                    blocks += 1;
                    assert!(blocks < dies_at, "this is where it dies");
                },
            )
        }));
    }
    assert_eq!(rows_in(url, "bt_test_stops_plain"), 200_000);
    let done = bring(url, "bt_test_stops_plain", &files, &CREATE).expect("nothing to do");
    assert!(done.warnings[0].contains("remembers no blocks"), "{:?}", done.warnings);
}

#[test]
fn a_process_that_is_killed_leaves_what_the_next_one_completes() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("import-killed");
    let all = batch(columns(&rows("TXF", 0, 400_000)));
    let file = scratch.write("rows.parquet", &all, 100_000);
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
        command.args([
            "import",
            "-q",
            "--json",
            "--create",
            "--url",
            url,
            "--database",
            "bt_test_killed",
        ]);
        command.arg("--file").arg(&file);
        command
    };
    execute(url, "CREATE DATABASE bt_test_killed");
    let mut child = command().stdout(Stdio::null()).spawn().expect("bt-host starts");
    let there =
        "SELECT ifNull(max(total_rows), 0) FROM system.tables WHERE database = 'bt_test_killed'";
    let begun = Instant::now();
    while ask(url, there) == 0 && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it is dead");
    let left = rows_in(url, "bt_test_killed");
    println!("killed with {left} rows there");
    assert!(left > 0, "it had begun");
    let done = command().output().expect("bt-host runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).expect("it tells JSON");
    assert_eq!((&told["rows"], rows_in(url, "bt_test_killed")), (&400_000.into(), 400_000));
    assert_eq!(ask(url, "SELECT uniqExact(seq_no) FROM bt_test_killed.market_data"), 400_000);
}

#[test]
fn equal_blocks_are_not_one_block() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("import-equal");
    // Two blocks, each of the same row over and over.
    let all = vec![plain(0); 2 * 65_536];
    let files = [scratch.write("rows.parquet", &batch(columns(&all)), 1 << 20)];
    let done = bring(url, "bt_test_equal", &files, &CREATE).expect("an import");
    assert_eq!((counts(&done), rows_in(url, "bt_test_equal")), ((131_072, 131_072), 131_072));
}

#[test]
fn other_rows_of_the_span_are_refused_unless_they_are_added_to() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("import-others");
    let file = |name: &str, rows: &[Raw]| [scratch.write(name, &batch(columns(rows)), 10_000)];
    let first = file("first.parquet", &rows("TXF", 0, 3_000));
    bring(url, "bt_test_others", &first, &CREATE).expect("an import");
    // Another symbol, and another span, are nobody's rows yet.
    let mxf = file("mxf.parquet", &rows("MXF", 0, 3_000));
    bring(url, "bt_test_others", &mxf, &CREATE).expect("another symbol");
    let later = file("later.parquet", &rows("TXF", 3_000, 2_000));
    bring(url, "bt_test_others", &later, &CREATE).expect("another span");
    assert_eq!(rows_in(url, "bt_test_others"), 8_000);
    // Every second row of a span that is there: a resend, or another recorder's.
    let odd: Vec<Raw> = rows("TXF", 0, 6_000).into_iter().step_by(2).collect();
    let odd = file("odd.parquet", &odd);
    let error = bring(url, "bt_test_others", &odd, &CREATE).expect_err("a refusal");
    let text = error.to_string();
    assert!(text.contains("holds 5000 rows of sum") && text.contains("of TXF from 2026"), "{text}");
    assert_eq!((error.exit_code(), rows_in(url, "bt_test_others")), (2, 8_000));
    let done = bring(url, "bt_test_others", &odd, &APPEND).expect("it is added");
    assert_eq!((counts(&done), rows_in(url, "bt_test_others")), ((3_000, 3_000), 11_000));
    // And once, as long as the server remembers it.
    let done = bring(url, "bt_test_others", &odd, &APPEND).expect("it is there");
    assert_eq!((counts(&done), rows_in(url, "bt_test_others")), ((3_000, 0), 11_000));
    // Rows that were removed behind its back are missed: the server takes their blocks for known.
    execute(
        url,
        "ALTER TABLE bt_test_others.market_data DELETE WHERE symbol = 'MXF' SETTINGS mutations_sync = 1",
    );
    match bring(url, "bt_test_others", &mxf, &CREATE) {
        Ok(done) => assert_eq!((counts(&done).1, rows_in(url, "bt_test_others")), (3_000, 11_000)),
        Err(error) => assert!(error.to_string().contains("were deleted since"), "{error}"),
    }
    // Two files that share a span are one import, in any order.
    let halves: Vec<PathBuf> = (0..2)
        .flat_map(|half| {
            let rows: Vec<Raw> = rows("TXF", 0, 4_000).into_iter().skip(half).step_by(2).collect();
            file(&format!("half-{half}.parquet"), &rows)
        })
        .collect();
    bring(url, "bt_test_halves", &halves, &CREATE).expect("both");
    let turned: Vec<PathBuf> = halves.iter().rev().cloned().collect();
    let done = bring(url, "bt_test_halves", &turned, &CREATE).expect("nothing to do");
    assert_eq!((counts(&done), rows_in(url, "bt_test_halves")), ((4_000, 0), 4_000));
    let twice = [halves[0].clone(), halves[0].clone()];
    let error = bring(url, "bt_test_halves", &twice, &APPEND).expect_err("it is named twice");
    assert!(error.to_string().contains("are the same file"), "{error}");
}

#[test]
fn what_cannot_be_a_row_is_refused_before_anything_is_written() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("import-refused");
    let file = |name: &str, rows: &[Raw]| scratch.write(name, &batch(columns(rows)), 10_000);
    let good = file("good.parquet", &rows("AAA", 0, 1_000));
    let bad = |at: usize, change: fn(&mut Raw)| {
        let mut rows = rows("TXF", 0, 70_000);
        change(&mut rows[at]);
        rows
    };
    let cases: [(&str, Vec<Raw>); 6] = [
        ("row 69000, column `bids_price`: the value is null, ", bad(69_000, |r| r.bids.0 = None)),
        ("row 69003, column `price_scaled`: the value is null, ", bad(69_003, |r| r.price = None)),
        ("row 5, column `symbol`: the value is null, ", bad(5, |r| r.symbol = None)),
        ("row 69999, column `exch_ts`: the value is null, ", bad(69_999, |r| r.exch_ts = None)),
        ("row 8, column `type`: `Trade` is none of", bad(8, |r| r.kind = Some("Trade".into()))),
        ("row 4, column `asks_vol`: a level is null", bad(4, |r| r.asks.1 = Some(vec![None]))),
    ];
    for (words, rows) in cases {
        let bad = file("bad.parquet", &rows);
        let error =
            bring(url, "bt_test_refused", &[good.clone(), bad], &CREATE).expect_err("a bad row");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!((error.exit_code(), rows_in(url, "bt_test_refused")), (5, 0));
    }
    execute(url, "CREATE DATABASE bt_test_refused_shape");
    execute(
        url,
        "CREATE TABLE bt_test_refused_shape.market_data (symbol String) ENGINE = MergeTree ORDER BY symbol",
    );
    let good = std::slice::from_ref(&good);
    let error = bring(url, "bt_test_refused_shape", good, &CREATE).expect_err("no such column");
    assert!(error.to_string().contains("column `trade_direction` is missing"), "{error}");
    let error =
        bring(url, "bt_test_refused_none", good, &Options::default()).expect_err("no table");
    assert!(error.to_string().contains("there is no such table"), "{error}");
}
