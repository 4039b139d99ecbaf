//! A ClickHouse table to rows: the same rows as from a file, in every chunk size; a proved end; servers that are dead,
//! silent, strange, or that stop in the middle.
//!
//! The first half runs on the server that CH_URL names, else on the engine that `scripts/test` installs, and says so when it skips;
//! the second half talks to servers of a few lines that the test makes itself. One server serves the program, each test has a database.

mod source_support;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use bt_host::config::fault::{Faults, SourceText};
use bt_host::config::{Config, LoadOptions, parse};
use bt_host::export::{self, Format::Parquet};
use bt_host::output::result::RunResult;
use bt_host::progress::Mode;
use bt_host::run;
use bt_host::source::{
    Chunk, ClickHouseConn, DecodeConfig, RowSource, Secret, SourceError, clickhouse, parquet,
};
use chfront::compress;
use source_support::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// A symbol that would end a literal, a parameter or a name.
const ODD: &str = "A'B\\C\tD`{x:String}?%27";

/// The server of this program, if there is one.
fn front() -> Option<&'static str> {
    chfront::shared(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

fn execute(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = ::clickhouse::Client::default().with_url(url);
    let sql = sql.replace('?', "??");
    runtime.block_on(client.query(&sql).execute()).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// A table of the platform's columns, the aggressor's under `direction`.
fn create(url: &str, database: &str, direction: &str) {
    execute(url, &format!("CREATE DATABASE {database}"));
    execute(
        url,
        &format!(
            "CREATE TABLE {database}.market_data (exchange String, symbol String, {direction} Int8, type String, \
             ingest_ts Int64, exch_ts Int64, instrument_type LowCardinality(String) DEFAULT '', price_scaled \
             Int64, volume Int64, bids_price Array(Int64), bids_vol Array(Int64), asks_price Array(Int64), \
             asks_vol Array(Int64), seq_no UInt64) ENGINE = MergeTree ORDER BY (symbol, exch_ts, ingest_ts)"
        ),
    );
}

fn import(url: &str, database: &str, direction: &str, file: &Path) {
    if std::env::var_os("CH_URL").is_some() {
        // A server elsewhere does not see our files.
        let server = bt_host::config::server([("url", url), ("database", database)].into_iter());
        let server = server.unwrap_or_else(|faults| panic!("{faults}"));
        let (files, options) = ([file.to_owned()], bt_host::import::Options::default());
        bt_host::import::import(&server, "market_data", &files, &options, |_, _, _| ())
            .expect("an import");
        return;
    }
    let columns = "symbol, exchange, type, exch_ts, ingest_ts, price_scaled, volume, bids_price, bids_vol, \
                   asks_price, asks_vol, seq_no";
    let sql = format!(
        "INSERT INTO {database}.market_data ({columns}, {direction}) SELECT {columns}, side FROM \
         file('{}', 'Parquet')",
        file.display()
    );
    execute(url, &sql);
}

/// Rows without nulls, which the table cannot hold, in the order of its key.
fn rows(symbol: &str, count: i64) -> Vec<Raw> {
    let row = |n: i64| {
        let row = if n % 4 == 3 {
            trade(n, (95 + n % 9) * PX, n % 5 + 1, (n % 3) as i8 - 1)
        } else {
            plain(n)
        };
        Raw { symbol: Some(symbol.into()), ingest_ts: Some(T0 + n * MS + n % 1_000), ..row }
    };
    (0..count).map(row).collect()
}

fn conn(url: &str, database: &str) -> ClickHouseConn {
    ClickHouseConn::new(url, database, "market_data")
}

fn open_one(
    conn: &ClickHouseConn,
    config: &DecodeConfig,
) -> Result<Box<dyn RowSource>, SourceError> {
    let mut streams = clickhouse::open(conn, std::slice::from_ref(config))?;
    assert_eq!(streams.len(), 1);
    Ok(streams.remove(0))
}

/// A config of a future whose references come from a table.
fn with_references(url: &str, table: &str) -> Result<Config, Faults> {
    let text = format!(
        "version: 1\nname: refs\ndata: {{ synth: {{}}, from: 2026-04-08, to: 2026-04-09, time_zone: Asia/Taipei }}\n\
         rules: taiwan\nreferences: {{ clickhouse: {{ url: \"{url}\", database: bt_test_refs, table: {table} }} }}\n\
         instruments: [{{ symbol: TXFD6, product: TXF }}]\ncapital: 1\n\
         latency: {{ feed: 0, submit: 0, amend: 0, cancel: 0, response: 0 }}\n\
         strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\n"
    );
    let source = SourceText { name: "refs.yaml".into(), text };
    parse(source, Path::new(""), &LoadOptions::default()).0
}

#[test]
fn references_come_from_a_table_too() {
    let Some(url) = front() else { return };
    execute(url, "CREATE DATABASE bt_test_refs");
    for (table, day) in [("dated", "Date"), ("numbered", "UInt32")] {
        execute(
            url,
            &format!(
                "CREATE TABLE bt_test_refs.{table} (symbol String, trading_day {day}, reference Decimal(18, 2), \
                 limit_up_scaled Nullable(Int64), note String) ENGINE = MergeTree ORDER BY symbol"
            ),
        );
        let day =
            |text: &str| if day == "Date" { format!("'{text}'") } else { text.replace('-', "") };
        execute(
            url,
            &format!(
                "INSERT INTO bt_test_refs.{table} VALUES ('TXFD6', {}, 34567, NULL, ''), ('TXFD6', {}, 1, 36000000000, ''), \
                 ('TXFD6', {}, 2, 0, 'long ago'), ('OTHER', {}, 3, NULL, '')",
                day("2026-04-08"),
                day("2026-04-09"),
                day("2020-01-02"),
                day("2026-04-08")
            ),
        );
        let config = with_references(url, table).unwrap_or_else(|faults| panic!("{faults}"));
        let sessions = &config.instruments[0].instrument.sessions;
        let limits: Vec<_> =
            sessions.iter().map(|s| (s.trading_day, s.limit_down, s.limit_up)).collect();
        assert_eq!(limits[0], (20260408, 31_111_000_000, 38_023_000_000));
        assert!(limits.contains(&(20260409, i64::MIN, 36_000_000_000)), "{limits:?}");
        assert_eq!(config.rules.unwrap().limit_days_without_reference["TXFD6"], 1);
    }
    let faults = with_references(url, "bt_test_nowhere").map(|_| ()).unwrap_err().to_string();
    assert!(faults.contains("references.clickhouse: ClickHouse http://"), "{faults}");
    assert!(faults.contains("there is no such table"), "{faults}");
}

#[test]
fn rows_are_those_of_a_file_in_every_chunk_size() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("same");
    let all = [rows("TXF", 20_000), rows(ODD, 5_000)].concat();
    let file = scratch.write("rows.parquet", &batch(columns(&all)), 4_000);
    for (direction, grid) in [("trade_direction", 1), ("side", MS)] {
        let database = format!("bt_test_same_{direction}");
        create(url, &database, direction);
        import(url, &database, direction, &file);
        for (symbol, count) in [("TXF", 20_000), (ODD, 5_000), ("none", 0)] {
            let base = DecodeConfig { ts_grid_ns: grid, ..config(symbol) };
            let mut expected =
                parquet::open(std::slice::from_ref(&file), std::slice::from_ref(&base)).unwrap();
            let expected = drain(expected[0].as_mut(), base.chunk_rows).unwrap();
            assert_eq!(expected.events.len(), count, "{symbol}");
            for chunk_rows in [1, 7, 1_000, 1_000_000] {
                let config = DecodeConfig { chunk_rows, ..base.clone() };
                let mut source = open_one(&conn(url, &database), &config).unwrap();
                assert_eq!(source.rows_total_hint(), Some(count as u64));
                let found = drain(source.as_mut(), chunk_rows).unwrap();
                assert_same(
                    &found,
                    &expected,
                    &format!("{database}, {symbol}, chunks of {chunk_rows}"),
                );
                assert_eq!(source.stats().rows_selected, count as u64);
            }
        }
        let span = DecodeConfig { from_ns: T0 + 100 * MS, to_ns: T0 + 9_000 * MS, ..config("TXF") };
        let mut source = open_one(&conn(url, &database), &span).unwrap();
        let found = drain(source.as_mut(), span.chunk_rows).unwrap();
        assert_eq!((found.events.len(), found.seqs[0], found.seqs[8_899]), (8_900, 101, 9_000));
    }
}

/// A symbol that would leave its folder, a literal and an address.
const STRANGE: &str = "../A'B\\C`D?%2F";

/// A config of two futures over a table, or over what `data` says instead; without rules, so that any symbol will do.
fn of_two_days(name: &str, data: &str, dir: &Path) -> Config {
    let symbols = ["TXF", STRANGE].map(|symbol| serde_json::to_string(symbol).expect("a string"));
    let instruments = symbols.map(|symbol| {
        format!(
            "{{ symbol: {symbol}, exchange: X, tick: \"1\", multiplier: \"200\", sessions: {{ time_zone: \
             Asia/Taipei, list: [{{ open: \"08:45\", close: \"13:45\" }}] }} }}"
        )
    });
    let text = format!(
        "version: 1\nname: {name}\ndata: {{ {data}, from: 2026-04-08, to: 2026-04-09, time_zone: Asia/Taipei }}\n\
         instruments: [{}]\ncapital: \"1000000\"\n\
         latency: {{ feed: 1ms, submit: 5ms, amend: 5ms, cancel: 5ms, response: 1ms }}\n\
         strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\noutput: {{ dir: {} }}\n",
        instruments.join(", "),
        dir.display()
    );
    let source = SourceText { name: format!("{name}.yaml"), text };
    let config = parse(source, Path::new(""), &LoadOptions::default()).0;
    config.unwrap_or_else(|faults| panic!("{faults}"))
}

fn table_of(url: &str, database: &str, table: &str) -> String {
    format!("clickhouse: {{ url: \"{url}\", database: {database}, table: {table} }}")
}

/// Rows of both symbols on two days, in the order of the table's key.
fn two_days() -> Vec<Raw> {
    const DAY_NS: i64 = 86_400_000_000_000;
    let later = |row: Raw| Raw {
        exch_ts: row.exch_ts.map(|ts| ts + DAY_NS),
        ingest_ts: row.ingest_ts.map(|ts| ts + DAY_NS),
        seq: row.seq.map(|seq| seq + 1_000_000),
        ..row
    };
    ["TXF", STRANGE]
        .into_iter()
        .flat_map(|symbol| {
            let second = rows(symbol, 9_000).into_iter().map(later).collect();
            [rows(symbol, 20_000), second].concat()
        })
        .collect()
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

#[test]
fn a_run_over_an_export_is_the_run_over_the_table() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("export");
    let file = scratch.write("rows.parquet", &batch(columns(&two_days())), 10_000);
    create(url, "bt_test_exported", "trade_direction");
    import(url, "bt_test_exported", "trade_direction", &file);
    let (out, dir) = (scratch.0.join("out"), scratch.0.join("tape"));
    let config = of_two_days("table", &table_of(url, "bt_test_exported", "market_data"), &out);

    let mut told = (0, None);
    let done =
        export::export(&config, Parquet, &dir, false, |rows, all, _| told = (rows, all)).unwrap();
    assert_eq!(told, (58_000, Some(58_000)));
    let found: Vec<_> =
        done.files.iter().map(|f| (f.symbol.as_str(), f.day.as_str(), f.rows)).collect();
    let (first, second) = ("2026-04-08", "2026-04-09");
    let expected = [
        (STRANGE, first, 20_000),
        (STRANGE, second, 9_000),
        ("TXF", first, 20_000),
        ("TXF", second, 9_000),
    ];
    assert_eq!(found, expected);
    for file in &done.files {
        let bytes = std::fs::read(dir.join(&file.path)).expect("the file is there");
        assert_eq!((bytes.len() as u64, *blake3::hash(&bytes).as_bytes()), (file.bytes, file.hash));
    }
    let text = std::fs::read_to_string(dir.join(export::MANIFEST)).expect("there is a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!((&manifest, &manifest["rows"]), (&done.manifest, &58_000.into()));
    assert!(text.contains("ORDER BY `exch_ts`, `ingest_ts`, `seq_no`"), "{text}");

    let files = format!("parquet: {{ files: [\"{}/symbol=*/*.parquet\"] }}", dir.display());
    let copy = of_two_days("table", &files, &out);
    let original =
        of_two_days("table", &format!("parquet: {{ files: [{}] }}", file.display()), &out);
    let runs = [&config, &copy, &original].map(run_of);
    assert!(runs[0].lanes[0].summary.orders > 100, "{:?}", runs[0].lanes[0].summary);
    for run in &runs[1..] {
        assert_eq!((run.data_hash, run.run_id), (runs[0].data_hash, runs[0].run_id));
        assert_eq!(run.lanes[0].summary, runs[0].lanes[0].summary);
    }

    let again =
        export::export(&config, Parquet, &dir, false, |_, _, _| ()).expect_err("it is taken");
    assert!(again.to_string().contains("--force"), "{again}");
    let again = export::export(&config, Parquet, &dir, true, |_, _, _| ()).expect("it is replaced");
    assert_eq!(again.manifest, done.manifest, "equal tables give equal bytes");
    let other = export::export(&copy, Parquet, &scratch.0.join("x"), false, |_, _, _| ())
        .expect_err("a refusal");
    assert_eq!((other.exit_code(), scratch.0.join("x").exists()), (3, false));
}

#[test]
fn an_export_that_fails_leaves_nothing_and_what_was_there() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("export-fails");
    let file = scratch.write("rows.parquet", &batch(columns(&two_days())), 10_000);
    create(url, "bt_test_halfway", "side");
    import(url, "bt_test_halfway", "side", &file);
    execute(
        url,
        "CREATE VIEW bt_test_halfway.late AS SELECT * REPLACE (price_scaled + throwIf(seq_no = 15000 AND symbol = 'TXF', \
         'late') AS price_scaled) FROM bt_test_halfway.market_data",
    );
    let (out, dir) = (scratch.0.join("out"), scratch.0.join("tape"));
    let late = of_two_days("late", &table_of(url, "bt_test_halfway", "late"), &out);
    let names = || {
        let entries = std::fs::read_dir(&scratch.0).expect("it is there");
        let mut names: Vec<_> = entries.map(|e| e.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let error =
        export::export(&late, Parquet, &dir, false, |_, _, _| ()).expect_err("an exception");
    assert!(error.to_string().contains("late") && error.exit_code() == 69, "{error}");
    assert_eq!(names(), before, "nothing is left");
    let whole = of_two_days("whole", &table_of(url, "bt_test_halfway", "market_data"), &out);
    let done = export::export(&whole, Parquet, &dir, false, |_, _, _| ()).expect("it is exported");
    export::export(&late, Parquet, &dir, true, |_, _, _| ()).expect_err("an exception");
    let text = std::fs::read_to_string(dir.join(export::MANIFEST)).expect("the old one is there");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), done.manifest);
    execute(url, "TRUNCATE TABLE bt_test_halfway.market_data");
    let error = export::export(&whole, Parquet, &scratch.0.join("y"), false, |_, _, _| ())
        .expect_err("a refusal");
    assert_eq!((error.exit_code(), scratch.0.join("y").exists()), (4, false), "{error}");
}

#[test]
fn many_streams_are_open_at_once() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("many");
    let names: Vec<String> = (0..12).map(|n| format!("S{n:02}")).collect();
    let all: Vec<Raw> = names.iter().flat_map(|name| rows(name, 2_000)).collect();
    create(url, "bt_test_many", "trade_direction");
    let file = scratch.write("rows.parquet", &batch(columns(&all)), 100_000);
    import(url, "bt_test_many", "trade_direction", &file);
    let recipes: Vec<DecodeConfig> =
        names.iter().map(|name| DecodeConfig { chunk_rows: 10, ..config(name) }).collect();
    let mut streams = clickhouse::open(&conn(url, "bt_test_many"), &recipes).unwrap();
    let (mut chunk, mut counts) = (Chunk::default(), [0; 12]);
    for _ in 0..201 {
        for (stream, count) in streams.iter_mut().zip(&mut counts) {
            stream.next_chunk(&mut chunk).unwrap();
            *count += chunk.events.len();
        }
    }
    assert_eq!(counts, [2_000; 12]);
    // A stream that is left in the middle holds nobody up.
    let mut streams = clickhouse::open(&conn(url, "bt_test_many"), &recipes).unwrap();
    assert!(streams[0].next_chunk(&mut chunk).unwrap());
    drop(streams);
}

#[test]
fn an_answer_of_another_length_than_its_count_is_an_error() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("count");
    let file = scratch.write("rows.parquet", &batch(columns(&rows("TXF", 1_000))), 100_000);
    create(url, "bt_test_counted", "side");
    import(url, "bt_test_counted", "side", &file);
    let mut source = open_one(&conn(url, "bt_test_counted"), &config("TXF")).unwrap();
    let table = "bt_test_counted.market_data";
    execute(url, &format!("INSERT INTO {table} SELECT * FROM {table}"));
    let error = drain(source.as_mut(), 65_536).expect_err("too many rows").to_string();
    assert!(error.contains("ended after 2000 rows, and a count before it said 1000"), "{error}");
    let mut source = open_one(&conn(url, "bt_test_counted"), &config("TXF")).unwrap();
    execute(url, "TRUNCATE TABLE bt_test_counted.market_data");
    let error = drain(source.as_mut(), 65_536).expect_err("too few rows").to_string();
    assert!(error.contains("ended after 0 rows, and a count before it said 2000"), "{error}");
    let mut source = open_one(&conn(url, "bt_test_counted"), &config("TXF")).unwrap();
    execute(url, "DROP TABLE bt_test_counted.market_data");
    let error = drain(source.as_mut(), 65_536).expect_err("no table").to_string();
    assert!(error.contains("DB::Exception"), "{error}");
}

#[test]
fn an_exception_while_rows_are_read_is_an_error() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("throws");
    let file = scratch.write("rows.parquet", &batch(columns(&rows("TXF", 60_000))), 100_000);
    create(url, "bt_test_throws", "side");
    import(url, "bt_test_throws", "side", &file);
    execute(
        url,
        "CREATE VIEW bt_test_throws.late AS SELECT * REPLACE (price_scaled + throwIf(seq_no = 50000, 'late') AS \
         price_scaled) FROM bt_test_throws.market_data",
    );
    let conn = ClickHouseConn::new(url, "bt_test_throws", "late");
    let mut source = open_one(&conn, &config("TXF")).unwrap();
    let error = drain(source.as_mut(), 65_536).expect_err("an exception").to_string();
    assert!(error.contains("late") && error.contains("throws.late"), "{error}");
}

#[test]
fn tables_that_are_not_there_or_lack_a_column_are_named() {
    let Some(url) = front() else { return };
    create(url, "bt_test_lacks", "side");
    execute(url, "ALTER TABLE bt_test_lacks.market_data DROP COLUMN asks_vol");
    let error =
        open_one(&conn(url, "bt_test_lacks"), &config("TXF")).err().expect("a column").to_string();
    assert!(
        error.contains("(bt_test_lacks.market_data): column `asks_vol`: is missing"),
        "{error}"
    );
    let error = open_one(&conn(url, "bt_test_nowhere"), &config("TXF")).err().expect("no table");
    assert_eq!(error.exit_code(), 69);
    let error = error.to_string();
    assert!(error.contains("(bt_test_nowhere.market_data): there is no such table"), "{error}");
    execute(url, "ALTER TABLE bt_test_lacks.market_data ADD COLUMN asks_vol String");
    execute(url, "INSERT INTO bt_test_lacks.market_data (symbol, exch_ts) VALUES ('TXF', 5)");
    let mut source = open_one(&conn(url, "bt_test_lacks"), &config("TXF")).unwrap();
    let error = drain(source.as_mut(), 65_536).expect_err("a string").to_string();
    assert!(error.contains("column `asks_vol`: is Utf8, and a list of"), "{error}");
}

#[test]
fn a_malformed_row_names_query_row_and_column() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("bad");
    let mut all = rows("TXF", 300);
    all[200] = Raw { ingest_ts: all[200].ingest_ts, ..trade(200, 99 * PX, 0, 0) };
    create(url, "bt_test_bad", "trade_direction");
    let file = scratch.write("rows.parquet", &batch(columns(&all)), 100_000);
    import(url, "bt_test_bad", "trade_direction", &file);
    let mut source = open_one(&conn(url, "bt_test_bad"), &config("TXF")).unwrap();
    let error = drain(source.as_mut(), 65_536).expect_err("a fault").to_string();
    let place = "(bt_test_bad.market_data), symbol `TXF` by exch_ts, ingest_ts, seq_no, row 200, column `volume`";
    assert!(error.contains(place), "{error}");
}

#[test]
fn names_that_are_not_plain_never_reach_a_server() {
    for name in ["", "a b", "a`b", "a;DROP TABLE x", "a.b", "é"] {
        let conn = ClickHouseConn::new("http://127.0.0.1:1", "hft", name);
        let error = open_one(&conn, &config("TXF")).err().expect("a refusal").to_string();
        assert!(error.contains("cannot be a name"), "{error}");
    }
}

#[test]
fn a_password_is_never_shown() {
    let mut conn = ClickHouseConn::new("http://me:hush@host:8123/?password=hush", "hft", "t");
    conn.password = Some(Secret::new("hush".into()));
    let shown = format!("{conn} {conn:?} {:?}", conn.password);
    assert!(shown.contains("http://host:8123/ (hft.t)") && !shown.contains("hush"), "{shown}");
    assert!(!shown.contains("me:"), "{shown}");
}

#[test]
fn dead_and_silent_servers_are_errors_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let begun = Instant::now();
    let mut patient = conn(&silent, "hft");
    patient.patience.connect_timeout = Duration::from_millis(200);
    patient.patience.retries = 0;
    let error = open_one(&patient, &config("TXF")).err().expect("silence").to_string();
    assert!(error.contains(&silent) && error.contains("no answer within 0.2 s"), "{error}");
    drop(listener);
    let error = open_one(&patient, &config("TXF")).err().expect("nobody");
    assert_eq!(error.exit_code(), 69);
    let error = error.to_string();
    assert!(error.contains(&silent) && error.contains("hft.market_data"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(
        conn(&silent, "hft").patience.connect_timeout < Duration::from_secs(10),
        "the default too"
    );
}

/// What a server of a few lines says to the rows' query.
#[derive(Clone)]
enum Says {
    /// A whole answer.
    Whole(Vec<u8>),
    /// These pieces of a body that is said to be longer, each in blocks, then the end of the connection.
    Pieces(Vec<Vec<u8>>),
    /// The same, as they are.
    Raw(Vec<Vec<u8>>),
    /// A piece, then nothing.
    Hangs(Vec<u8>),
}

/// A server that knows the columns, counts `count` rows, and then says what it is told to.
fn server(count: u64, says: Says) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, says) = (stream.unwrap(), says.clone());
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).unwrap_or(0) > 2 {
                    let lower = line.to_ascii_lowercase();
                    if let Some(value) = lower.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let body = String::from_utf8_lossy(&body).into_owned();
                let mut send = |length: usize, pieces: &[Vec<u8>]| {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
                    );
                    stream.write_all(head.as_bytes()).unwrap();
                    for piece in pieces {
                        stream.write_all(piece).unwrap();
                        stream.flush().unwrap();
                        // Long enough for the client to see a piece of its own.
                        thread::sleep(Duration::from_millis(50));
                    }
                };
                let whole = |bytes: Vec<u8>| {
                    let closed = compress(&bytes);
                    (closed.len(), vec![closed])
                };
                let (length, pieces) = if body.contains("system.columns") {
                    whole(names())
                } else if body.contains("count()") {
                    let digits = count.to_string();
                    whole([&[1, digits.len() as u8], digits.as_bytes()].concat())
                } else {
                    match says {
                        Says::Whole(bytes) => whole(bytes),
                        Says::Pieces(pieces) => {
                            (1 << 30, pieces.iter().map(|piece| compress(piece)).collect())
                        }
                        Says::Raw(pieces) => (1 << 30, pieces),
                        Says::Hangs(piece) => {
                            send(1 << 30, &[compress(&piece)]);
                            return thread::sleep(Duration::from_secs(5));
                        }
                    }
                };
                send(length, &pieces);
            });
        }
    });
    url
}

/// The columns' names as a list of texts.
fn names() -> Vec<u8> {
    let columns = columns(&[]);
    let mut all = vec![columns.len() as u8];
    for (name, _) in columns {
        all.push(name.len() as u8);
        all.extend(name.as_bytes());
    }
    all
}

fn arrow(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn answer(count: u64, says: Says) -> Result<Chunk, SourceError> {
    let mut conn = conn(&server(count, says), "hft");
    conn.patience.receive_timeout = Duration::from_millis(700);
    conn.patience.retries = 0;
    drain(open_one(&conn, &config("TXF"))?.as_mut(), 65_536)
}

#[test]
fn a_connection_that_closes_is_not_the_end() {
    let batch = batch(columns(&rows("TXF", 100)));
    let bytes = arrow(&[batch.clone(), batch]);
    let whole = answer(200, Says::Whole(bytes.clone())).unwrap();
    assert_eq!(whole.events.len(), 200);
    let error = |count, says| answer(count, says).expect_err("no proof of the end").to_string();
    // A clean end, but not of the rows that were counted.
    let short = error(201, Says::Whole(bytes.clone()));
    assert!(short.contains("ended after 200 rows, and a count before it said 201"), "{short}");
    let long = error(100, Says::Whole(bytes.clone()));
    assert!(long.contains("ended after 200 rows"), "{long}");
    // Cut between two messages, within one, and before the first; with and without a word of the protocol.
    for at in [bytes.len() - 8, bytes.len() / 2, bytes.len() / 4, 10, 0] {
        error(200, Says::Pieces(vec![bytes[..at].to_vec()]));
        if at < bytes.len() - 8 {
            let cut = error(200, Says::Whole(bytes[..at].to_vec()));
            assert!(cut.contains("the answer for `TXF`"), "{cut}");
        }
    }
    let more = error(200, Says::Whole([bytes.as_slice(), b"more"].concat()));
    assert!(more.contains("cannot be read"), "{more}");
    let hangs = error(200, Says::Hangs(bytes[..bytes.len() / 2].to_vec()));
    assert!(hangs.contains("within 0.7 s"), "{hangs}");
}

#[test]
fn an_exception_in_the_answer_is_told_in_its_words() {
    let bytes = arrow(&[batch(columns(&rows("TXF", 100)))]);
    let text = b"Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED) (version 25.12.3.21)";
    // After the rows, in the middle of them, and in two pieces of which neither is one.
    for (rows, at) in [(bytes.len() - 8, 0), (bytes.len() / 2, 0), (bytes.len() - 8, 20)] {
        let first = [&bytes[..rows], &text[..at]].concat();
        let says = Says::Pieces(vec![first, text[at..].to_vec()]);
        let error = answer(100, says).expect_err("an exception").to_string();
        assert!(error.contains("Memory limit exceeded"), "{rows} {at}: {error}");
        // Behind the blocks and not in them.
        let first = [compress(&bytes[..rows]).as_slice(), &text[..at]].concat();
        let says = Says::Raw(vec![first, text[at..].to_vec()]);
        let error = answer(100, says).expect_err("an exception").to_string();
        assert!(error.contains("Memory limit exceeded"), "{rows} {at}, raw: {error}");
    }
}

#[test]
fn a_refusal_is_told_without_the_password() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 65_536];
        // The refusal stands whatever was asked.
        let _ = stream.read(&mut head).unwrap();
        let text = "Code: 516. DB::Exception: me: Authentication failed: password is incorrect.";
        write!(stream, "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{text}", text.len())
            .unwrap();
    });
    let conn = ClickHouseConn {
        user: Some("me".into()),
        password: Some(Secret::new("hush".into())),
        ..conn(&url, "bt_test_hft")
    };
    let error = open_one(&conn, &config("TXF")).err().expect("a refusal").to_string();
    assert!(error.contains(&url) && error.contains("Authentication failed"), "{error}");
    assert!(!error.contains("hush"), "{error}");
}

/// A config over a table of futures and their references, as a user.
fn over_as(url: &str, user: &str, out: &Path) -> String {
    format!(
        "version: 1\nname: rights\ndata: {{ clickhouse: {{ url: \"{url}\", database: bt_test_rights, user: {user} }}, from: 2026-04-08, \
         to: 2026-04-08, time_zone: Asia/Taipei }}\nrules: taiwan\nreferences: {{ clickhouse: {{ url: \"{url}\", database: \
         bt_test_rights, table: refs, user: {user} }} }}\ninstruments: [{{ symbol: TXFD6, product: TXF }}]\ncapital: \"1000000\"\n\
         latency: {{ feed: 1ms, submit: 5ms, amend: 5ms, cancel: 5ms, response: 1ms }}\n\
         strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\noutput: {{ dir: {} }}\n",
        out.display()
    )
}

#[test]
fn a_user_who_may_set_nothing_reads_the_same_rows() {
    if std::env::var_os("CH_URL").is_some() {
        println!("skipped: the user `{}` is the engine's front's", chfront::READONLY_USER);
        return;
    }
    let Some(url) = front() else { return };
    let scratch = Scratch::new("rights");
    create(url, "bt_test_rights", "side");
    // More than a block of any size.
    let file = scratch.write("rows.parquet", &batch(columns(&rows("TXFD6", 40_000))), 1 << 20);
    import(url, "bt_test_rights", "side", &file);
    execute(
        url,
        "CREATE TABLE bt_test_rights.refs (symbol String, trading_day Date, reference Decimal(18, 2)) ENGINE = MergeTree ORDER BY symbol",
    );
    execute(url, "INSERT INTO bt_test_rights.refs VALUES ('TXFD6', '2026-04-08', 100)");
    let other = ClickHouseConn::new(url, "bt_test_rights", "market_data");
    let reader = ClickHouseConn { user: Some(chfront::READONLY_USER.into()), ..other.clone() };
    let read = |conn: &ClickHouseConn| {
        let mut stream = open_one(conn, &config("TXFD6")).unwrap_or_else(|e| panic!("{e}"));
        let rows = drain(stream.as_mut(), 65_536).unwrap_or_else(|e| panic!("{e}"));
        (rows, stream.retries())
    };
    let ((whole, plain), (same, told)) = (read(&other), read(&reader));
    assert_eq!(whole.events.len(), 40_000);
    assert_same(&whole, &same, "a user who may set nothing");
    assert!(plain.notes.is_empty(), "{plain:?}");
    assert_eq!((told.count, told.notes.len()), (0, 1), "{told:?}");
    assert!(told.notes[0].contains("Code: 164") && told.notes[0].contains("readonly"), "{told:?}");
    // What a caller sets is not left out behind its back.
    let settings = vec![("max_result_rows".to_owned(), "7".to_owned())];
    let refused = open_one(&ClickHouseConn { settings, ..reader.clone() }, &config("TXFD6"));
    let error = refused.err().expect("it may not set that").to_string();
    assert!(error.contains("Code: 164") && error.contains("max_result_rows"), "{error}");

    let verb = |user: &str, words: &[&str]| {
        let (file, out) = (scratch.0.join(format!("{user}.yaml")), scratch.0.join(user));
        std::fs::write(&file, over_as(url, user, &out)).expect("a config");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
        command.args(words).arg("--config").arg(&file);
        if words[0] == "export" {
            command.arg("--out").arg(scratch.0.join(format!("{user}-tape")));
        }
        let ran = command.output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&ran.stdout), text(&ran.stderr));
        assert!(ran.status.success(), "{user} {words:?}: {stderr}");
        (stdout, stderr, out)
    };
    let refusals = |stderr: &str| stderr.matches("may not give settings").count();
    for words in [
        &["run", "-q", "--set", "data.quality={ crossed: 50% }"][..],
        &["inspect", "--json"],
        &["export"],
    ] {
        let (all, quiet, _) = verb("default", words);
        let (found, warned, out) = verb(chfront::READONLY_USER, words);
        assert_eq!(refusals(&quiet), 0, "{quiet}");
        // One for each table, however often it is asked: the references are another.
        assert_eq!(refusals(&warned), 2, "{words:?}: {warned}");
        match words[0] {
            "run" => {
                let document = |dir: &str, name: &str| {
                    std::fs::read_to_string(scratch.0.join(dir).join(name)).expect("a result")
                };
                let digests = |dir: &str| {
                    let text = document(dir, "summary.json");
                    let summary: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                    (summary["lanes"].clone(), summary["data"].clone())
                };
                assert_eq!(digests("default"), digests(chfront::READONLY_USER));
                let text = std::fs::read_to_string(out.join("invocation.json")).expect("a result");
                let invocation: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(invocation["retries"]["count"], 0);
                let note = invocation["retries"]["notes"][0].as_str().unwrap_or_default();
                assert!(warned.contains(note) && note.contains("Code: 164"), "{invocation:#}");
            }
            "inspect" => assert_eq!(all, found),
            _ => {
                let manifest = |user: &str| {
                    let path = scratch.0.join(format!("{user}-tape/manifest.json"));
                    let text = std::fs::read_to_string(path).expect("a manifest");
                    let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                    manifest["files"].clone()
                };
                assert_eq!(manifest("default"), manifest(chfront::READONLY_USER));
            }
        }
    }
}

/// Not a test of anything: prints how fast rows arrive. `cargo test --release -- --ignored --nocapture speed`
#[test]
#[ignore = "measures, asserts nothing"]
fn speed() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("speed");
    create(url, "bt_test_speed", "side");
    let file = scratch.write("rows.parquet", &batch(columns(&rows("TXF", 500_000))), 1 << 20);
    import(url, "bt_test_speed", "side", &file);
    for _ in 0..3 {
        let files = std::slice::from_ref(&file);
        let mut sources = parquet::open(files, &[config("TXF")]).unwrap();
        sources.push(open_one(&conn(url, "bt_test_speed"), &config("TXF")).unwrap());
        for source in &mut sources {
            let (mut chunk, mut rows, begun) = (Chunk::default(), 0, Instant::now());
            while source.next_chunk(&mut chunk).unwrap() {
                rows += chunk.events.len();
            }
            let rate = rows as f64 / begun.elapsed().as_secs_f64() / 1e6;
            println!("{rate:.2} M rows/s: {}", source.describe());
        }
    }
}
