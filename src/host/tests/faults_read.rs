//! Reading from a server whose answers break: each read ends with every row once, or with a clean error.
//!
//! A proxy between the source and the server strikes at seeded bytes of seeded requests; a failure prints its seed. The
//! server is the one that CH_URL names, else the engine that `scripts/test` installs; without either each test says that it is
//! skipped. One server serves the program, each test has a database.

mod source_support;

use bt_host::config::fault::SourceText;
use bt_host::config::{Config, LoadOptions, parse, server};
use bt_host::export::{self, Format::Parquet};
use bt_host::source::{Chunk, ClickHouseConn, RowSource, Secret, SourceError, clickhouse};
use bt_host::store;
use chfront::{Act, Asked, At, Fault, Proxy};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use source_support::{Draws, Scratch, T0, config, drain};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const ROWS: u64 = 2_400;
const SCHEDULES: u64 = 100;

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

/// Rows of a market, in which three share each key and those from 1,000 to 1,300 one key: more than some blocks.
fn fill(url: &str, database: &str, rows: u64, seq_type: &str, seq: &str) {
    execute(url, &format!("CREATE DATABASE {database}"));
    execute(
        url,
        &format!(
            "CREATE TABLE {database}.market_data (symbol String, type String, exch_ts Int64, ingest_ts Int64, \
             price_scaled Int64, volume Int64, bids_price Array(Int64), bids_vol Array(Int64), asks_price \
             Array(Int64), asks_vol Array(Int64), seq_no {seq_type}, side Int8) ENGINE = MergeTree ORDER BY \
             (symbol, exch_ts, ingest_ts) SETTINGS index_granularity = 64"
        ),
    );
    execute(url, &format!("INSERT INTO {database}.market_data {}", select(rows, seq)));
}

fn select(rows: u64, seq: &str) -> String {
    format!(
        "WITH if(number >= 1000 AND number < 1300, 333, intDiv(number, 3)) AS key, number % 4 = 3 AS is_trade, \
         (cityHash64(number) % 40) * 1000000 + 34000000000 AS mid \
         SELECT 'TXF', if(is_trade, 'Tick', 'BidAsk'), {T0} + key * 1000000, {T0} + key * 1000000 + 500, \
         if(is_trade, mid, 0), if(is_trade, 1 + number % 5, 0), if(is_trade, [], arrayMap(i -> toInt64(mid - i * 1000000), \
         range(1, 6))), if(is_trade, [], arrayMap(i -> toInt64(i + number % 7 + 1), range(5))), if(is_trade, [], \
         arrayMap(i -> toInt64(mid + i * 1000000), range(1, 6))), if(is_trade, [], arrayMap(i -> toInt64(i + number % 11 \
         + 1), range(5))), {seq}, number % 3 - 1 FROM numbers({rows})"
    )
}

/// A table behind an address, with small blocks and little patience.
fn conn(url: &str, database: &str) -> ClickHouseConn {
    let mut conn = ClickHouseConn::new(url, database, "market_data");
    conn.settings.push(("max_block_size".into(), "64".into()));
    conn.patience.connect_timeout = Duration::from_secs(3);
    conn.patience.receive_timeout = Duration::from_millis(250);
    conn.patience.retries = 4;
    conn.patience.back_off = Duration::from_millis(1);
    conn
}

fn open(conn: &ClickHouseConn) -> Result<Box<dyn RowSource>, SourceError> {
    Ok(clickhouse::open(conn, &[config("TXF")])?.remove(0))
}

fn read(conn: &ClickHouseConn) -> Result<Chunk, SourceError> {
    drain(open(conn)?.as_mut(), 65_536)
}

/// All rows, whatever the order of those that share a key; the sequence numbers say that the keys are in order.
fn digest(rows: &Chunk) -> blake3::Hash {
    let mut texts: Vec<String> = rows.events.iter().map(|event| format!("{event:?}")).collect();
    texts.sort_unstable();
    let mut depths: Vec<String> = rows.depths.iter().map(|depth| format!("{depth:?}")).collect();
    depths.sort_unstable();
    blake3::hash(format!("{texts:?}{depths:?}{:?}", rows.seqs).as_bytes())
}

fn is_transfer(asked: &Asked) -> bool {
    asked.query.contains("ORDER BY `exch_ts`")
}

/// The bytes of an undisturbed answer.
fn answer_bytes(url: &str, database: &str) -> (u64, blake3::Hash) {
    let proxy = Proxy::start(url, |_| vec![]).unwrap();
    let rows = read(&conn(proxy.url(), database)).expect("nothing disturbs it");
    assert_eq!(digest(&rows), digest(&read(&conn(url, database)).unwrap()), "the proxy is clear");
    let whole = proxy.whole();
    let (_, bytes) = whole.iter().find(|(asked, _)| is_transfer(asked)).expect("a transfer");
    (*bytes, digest(&rows))
}

const MEMORY: &str = "Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED) (version 25.12.3.21 (official build))\n";
const DIVISION: &str = "Code: 153. DB::Exception: Division by zero. (ILLEGAL_DIVISION) (version 25.12.3.21 (official build))\n";

/// One fault, mostly within a transfer.
fn draw(draws: &mut Draws, bytes: u64) -> Fault {
    let at = At::Answer(1 + draws.below(bytes - 1));
    match draws.below(23) {
        0..4 => Fault(at, Act::Reset),
        4..8 => Fault(at, Act::Close),
        8..12 => Fault(at, Act::Flip),
        12..14 => Fault(at, Act::Text(MEMORY.into())),
        14 => Fault(at, Act::Text(DIVISION.into())),
        15 => Fault(at, Act::Stall),
        16 => Fault(at, Act::Trickle(Duration::from_millis(20))),
        17..20 => Fault(at, Act::Down(Duration::from_millis(3))),
        20 => Fault(at, Act::Delay(Duration::from_millis(20))),
        21 => Fault(At::Answer(0), Act::Reset),
        _ if draws.below(2) == 0 => {
            Fault(At::Head, Act::Status(503, "503 Service Unavailable".into()))
        }
        _ => Fault(At::Head, Act::Status(500, MEMORY.into())),
    }
}

/// What came of a schedule.
struct Tally {
    hits: usize,
    open: usize,
    is_whole: bool,
}

/// Reads through the faults of a seed.
fn schedule(url: &str, seed: u64, bytes: u64, whole: blake3::Hash) -> Tally {
    let mut draws = Draws(seed);
    let (mut left, mut room) = (1 + draws.below(3), bytes);
    let proxy = Proxy::start(url, move |asked| {
        let is_due = if is_transfer(asked) { left > 0 } else { draws.below(60) == 0 };
        if !is_due {
            return vec![];
        }
        left = left.saturating_sub(1);
        if is_transfer(asked) {
            let fault = draw(&mut draws, room);
            // What is taken up is shorter.
            if let Fault(At::Answer(at), _) = fault {
                room = (room - at).max(2);
            }
            return vec![fault];
        }
        vec![Fault(At::Head, if draws.below(2) == 0 { Act::Reset } else { Act::Close })]
    });
    let proxy = proxy.unwrap();
    let found = read(&conn(proxy.url(), "bt_test_schedules"));
    let hits = proxy.hits();
    match &found {
        Ok(rows) => {
            assert_eq!(rows.events.len() as u64, ROWS, "seed {seed}: {hits:?}");
            assert_eq!(digest(rows), whole, "seed {seed}: {hits:?}");
        }
        Err(error) => {
            let is_clean = matches!(error, SourceError::Server { .. });
            let text = error.to_string();
            assert!(is_clean && !text.contains('\n'), "seed {seed}: {text}");
            let is_meant = text.contains("Division") || text.contains("tried 5 times");
            assert!(is_meant, "seed {seed}: {text} {hits:?}");
        }
    }
    let open = hits.iter().filter(|hit| hit.is_open).count();
    Tally { hits: hits.len(), open, is_whole: found.is_ok() }
}

#[test]
fn a_hundred_schedules_end_with_every_row_or_a_clean_error() {
    let Some(url) = front() else { return };
    fill(url, "bt_test_schedules", ROWS, "UInt64", "key + 1");
    let (bytes, whole) = answer_bytes(url, "bt_test_schedules");
    let begun = Instant::now();
    // Most of it is waiting, so several go at once.
    const AT_ONCE: u64 = 4;
    let tallies = thread::scope(|scope| {
        let part = |first: u64| {
            scope.spawn(move || {
                let seeds = (first..SCHEDULES).step_by(AT_ONCE as usize);
                seeds.map(|seed| schedule(url, seed, bytes, whole)).collect::<Vec<_>>()
            })
        };
        let parts: Vec<_> = (0..AT_ONCE).map(part).collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("its seed is told"))
            .collect::<Vec<_>>()
    });
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let (hits, open) = (sum(|tally| tally.hits), sum(|tally| tally.open));
    let struck = sum(|tally| usize::from(tally.hits > 0));
    let recovered = sum(|tally| usize::from(tally.hits > 0 && tally.is_whole));
    let refused = sum(|tally| usize::from(!tally.is_whole));
    println!(
        "{SCHEDULES} schedules, {struck} struck, {hits} hits, {open} of them in an open transfer; {recovered} recovered, \
         {refused} clean errors, in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    assert!(open * 100 >= hits * 80, "{open} of {hits} hits were in an open transfer");
    assert!(recovered * 100 >= struck * 75, "{recovered} of {struck} recovered");
    assert!(refused > 0, "a lasting exception ends a read");
}

/// Strikes the first transfer at a byte.
fn cut_first(at: u64, act: impl FnOnce() -> Vec<Act>) -> impl FnMut(&Asked) -> Vec<Fault> {
    let mut acts = Some(act());
    move |asked| {
        if !is_transfer(asked) {
            return vec![];
        }
        let acts = acts.take().unwrap_or_default();
        acts.into_iter().map(|act| Fault(At::Answer(at), act)).collect()
    }
}

#[test]
fn rows_of_one_key_are_neither_lost_nor_doubled_wherever_it_breaks() {
    let Some(url) = front() else { return };
    fill(url, "bt_test_equal", ROWS, "UInt64", "key + 1");
    let (bytes, whole) = answer_bytes(url, "bt_test_equal");
    let mut taken_up = 0;
    for step in 0..50 {
        let at = 1 + step * (bytes - 1) / 50;
        let proxy = Proxy::start(url, cut_first(at, || vec![Act::Reset])).unwrap();
        let found =
            read(&conn(proxy.url(), "bt_test_equal")).unwrap_or_else(|e| panic!("byte {at}: {e}"));
        assert_eq!(digest(&found), whole, "byte {at}");
        assert!(proxy.hits()[0].is_open);
        taken_up += usize::from(proxy.asked().iter().any(|a| a.query.contains("countIf")));
    }
    assert!(taken_up >= 40, "{taken_up} of 50 were taken up behind a key");
}

#[test]
fn a_table_that_was_written_to_meanwhile_is_not_taken_up() {
    let Some(url) = front() else { return };
    for (name, key) in [("before", 1_u64), ("behind", 1_300)] {
        let database = format!("bt_test_written_{name}");
        fill(url, &database, ROWS, "UInt64", "key + 1");
        let (bytes, _) = answer_bytes(url, &database);
        let one = select(1, "1").replace("intDiv(number, 3)", &key.to_string());
        let sql = format!("INSERT INTO {database}.market_data {one}");
        let write = Box::new(move || execute(url, &sql));
        let acts = || vec![Act::Call(write), Act::Reset];
        let proxy = Proxy::start(url, cut_first(bytes / 2, acts)).unwrap();
        let error = read(&conn(proxy.url(), &database)).expect_err("another table").to_string();
        assert!(error.contains("written to meanwhile"), "{name}: {error}");
        assert!(error.contains("cannot be taken up"), "{name}: {error}");
    }
}

#[test]
fn a_key_with_a_null_is_no_place_to_go_on_from() {
    let Some(url) = front() else { return };
    fill(url, "bt_test_nulls", ROWS, "Nullable(UInt64)", "NULL");
    let whole = read(&conn(url, "bt_test_nulls"));
    let proxy = Proxy::start(url, |_| vec![]).unwrap();
    // Nulls are malformed rows, so nothing of this table is decoded; its export is not.
    let (told, bytes) = (whole.expect_err("a null").to_string(), {
        let scratch = Scratch::new("nulls");
        export::export(
            &over(proxy.url(), "bt_test_nulls"),
            Parquet,
            &scratch.0.join("x"),
            false,
            |_, _, _| (),
        )
        .expect("an export");
        proxy.whole().iter().find(|(asked, _)| is_transfer(asked)).expect("a transfer").1
    });
    assert!(told.contains("seq_no"), "{told}");
    let proxy = Proxy::start(url, cut_first(bytes / 2, || vec![Act::Reset])).unwrap();
    let mut answers =
        clickhouse::answers(&conn(proxy.url(), "bt_test_nulls"), &[config("TXF")]).unwrap();
    let error = loop {
        match answers[0].next_block() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it went on"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("are null"), "{error}");
}

#[test]
fn what_would_recur_is_asked_once() {
    let Some(url) = front() else { return };
    fill(url, "bt_test_once", 10, "UInt64", "key + 1");
    for text in [
        "Code: 516. DB::Exception: me: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)",
        "Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)",
        "Code: 53. DB::Exception: Type mismatch. (TYPE_MISMATCH)",
        "<html>403 Forbidden</html>",
    ] {
        let plan = move |_: &Asked| vec![Fault(At::Head, Act::Status(403, text.into()))];
        let proxy = Proxy::start(url, plan).unwrap();
        let error = read(&conn(proxy.url(), "bt_test_once")).expect_err("a refusal");
        assert_eq!((proxy.asked().len(), error.exit_code()), (1, 69), "{error}");
        assert!(
            error.to_string().contains(text) && !error.to_string().contains("tried"),
            "{error}"
        );
    }
}

#[test]
fn trying_ends_and_says_how_often_it_was_tried() {
    let Some(url) = front() else { return };
    fill(url, "bt_test_ends", 1_000, "UInt64", "key + 1");
    // At the first question, and at each transfer.
    type Plan = fn(&Asked) -> Vec<Fault>;
    let plans: [(Plan, usize, &str); 3] = [
        (|_| vec![Fault(At::Head, Act::Reset)], 5, "the table's columns"),
        (
            |asked| {
                if is_transfer(asked) { vec![Fault(At::Answer(1), Act::Reset)] } else { vec![] }
            },
            7,
            "the answer for `TXF`",
        ),
        (
            // A byte now and then is no progress.
            |asked| match is_transfer(asked) {
                true => vec![Fault(At::Answer(1), Act::Trickle(Duration::from_millis(10)))],
                false => vec![],
            },
            7,
            "bytes within 0.25 s",
        ),
    ];
    for (plan, asked, says) in plans {
        let proxy = Proxy::start(url, plan).unwrap();
        let error = read(&conn(proxy.url(), "bt_test_ends")).expect_err("it never goes well");
        assert_eq!((error.exit_code(), proxy.asked().len()), (69, asked), "{error}");
        let error = error.to_string();
        assert!(error.contains(says) && error.contains("tried 5 times"), "{error}");
    }
    let proxy = Proxy::start(url, |_| vec![Fault(At::Head, Act::Reset)]).unwrap();
    let mut never = conn(proxy.url(), "bt_test_ends");
    never.patience.retries = 0;
    let error = read(&never).expect_err("it is asked once").to_string();
    assert_eq!(proxy.asked().len(), 1);
    assert!(error.contains("not tried again"), "{error}");
}

#[test]
fn no_message_holds_the_password_that_a_server_echoes() {
    let Some(url) = front() else { return };
    for (code, tries) in [(516, 1), (241, 5)] {
        let text = format!("Code: {code}. DB::Exception: me with hush-hush is refused");
        let plan = move |_: &Asked| vec![Fault(At::Head, Act::Status(403, text.clone()))];
        let proxy = Proxy::start(url, plan).unwrap();
        let mut conn = conn(proxy.url(), "bt_test_none");
        conn.password = Some(Secret::new("hush-hush".into()));
        let error = read(&conn).expect_err("a refusal").to_string();
        assert_eq!(proxy.asked().len(), tries);
        assert!(error.contains("me with (hidden)") && !error.contains("hush-hush"), "{error}");
    }
}

fn text_of(url: &str, database: &str, more: &str, dir: &Path) -> String {
    format!(
        "version: 1\nname: faults\ndata: {{ clickhouse: {{ url: \"{url}\", database: {database}, back_off: 1ms{more} }}, \
         from: 2026-04-08, to: 2026-04-08, time_zone: Asia/Taipei }}\n\
         instruments: [{{ symbol: TXF, exchange: X, tick: \"1\", multiplier: \"200\", sessions: {{ time_zone: \
         Asia/Taipei, list: [{{ open: \"08:45\", close: \"13:45\" }}] }} }}]\ncapital: \"1000000\"\n\
         latency: {{ feed: 1ms, submit: 5ms, amend: 5ms, cancel: 5ms, response: 1ms }}\n\
         strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\noutput: {{ dir: {} }}\n",
        dir.display()
    )
}

fn over(url: &str, database: &str) -> Config {
    let text = text_of(url, database, "", Path::new("unused"));
    let source = SourceText { name: "faults.yaml".into(), text };
    let config = parse(source, Path::new(""), &LoadOptions::default()).0;
    config.unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn a_run_and_an_export_over_a_broken_transfer_are_those_of_a_whole_one() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("faults");
    // Several blocks of the size that a run asks for.
    fill(url, "bt_test_whole_run", 80_000, "UInt64", "number + 1");
    let measured = Proxy::start(url, |_| vec![]).unwrap();
    let run = |url: &str, name: &str| {
        let file = scratch.0.join(format!("{name}.yaml"));
        let out = scratch.0.join(name);
        std::fs::write(&file, text_of(url, "bt_test_whole_run", "", &out)).expect("a config");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
        let ran = command.args(["run", "-q", "--config"]).arg(&file).output().expect("it starts");
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{told}");
        let read = |name: &str| std::fs::read_to_string(out.join(name)).expect("a result");
        let invocation: serde_json::Value =
            serde_json::from_str(&read("invocation.json")).expect("JSON");
        (read("summary.json"), invocation["retries"].clone(), told)
    };
    let (summary, retries, told) = run(measured.url(), "plain");
    assert_eq!((&retries["count"], told.as_str()), (&0.into(), ""));
    let whole = measured.whole();
    let bytes = whole.iter().find(|(asked, _)| is_transfer(asked)).expect("a transfer").1;

    let proxy = Proxy::start(url, cut_first(bytes * 3 / 4, || vec![Act::Reset])).unwrap();
    let (again, retries, told) = run(proxy.url(), "bt_test_broken");
    assert!(proxy.hits()[0].is_open);
    let asked = proxy.asked();
    assert!(asked.iter().any(|asked| asked.query.contains("countIf")), "it was taken up: {told}");
    assert!(again == summary, "one run id, one digest, one summary");
    assert_eq!(retries["count"], 1);
    assert!(
        told.starts_with("warning: ClickHouse http://127.0.0.1") && told.contains("1 of 5"),
        "{told}"
    );
    assert_eq!(told.trim().strip_prefix("warning: "), retries["first"][0].as_str());

    let plain = export::export(
        &over(url, "bt_test_whole_run"),
        Parquet,
        &scratch.0.join("a"),
        false,
        |_, _, _| (),
    );
    let proxy = Proxy::start(url, cut_first(bytes / 2, || vec![Act::Reset])).unwrap();
    let config = over(proxy.url(), "bt_test_whole_run");
    let broken = export::export(&config, Parquet, &scratch.0.join("b"), false, |_, _, _| ());
    let files = |done: Result<export::Export, export::ExportError>| {
        let files = done.unwrap_or_else(|error| panic!("{error}")).files;
        files.into_iter().map(|f| (f.path, f.rows, f.ts_ns)).collect::<Vec<_>>()
    };
    assert_eq!(files(plain), files(broken));
    assert_eq!(proxy.hits().len(), 1);
}

#[test]
fn https_is_spoken_to_who_is_vouched_for() {
    let Some(url) = front() else { return };
    fill(url, "bt_test_secure", ROWS, "UInt64", "key + 1");
    let scratch = Scratch::new("secure");
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let other = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let (own, foreign) = (scratch.0.join("own.pem"), scratch.0.join("foreign.pem"));
    std::fs::write(&own, made.cert.pem()).unwrap();
    std::fs::write(&foreign, other.cert.pem()).unwrap();
    std::fs::write(scratch.0.join("empty.pem"), "none").unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let tls = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .and_then(|b| b.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key));
    let tls = Arc::new(tls.expect("a server"));
    let (bytes, whole) = answer_bytes(url, "bt_test_secure");
    let plan = cut_first(bytes / 2, || vec![Act::Reset]);
    let proxy = Proxy::start_with(url, plan, Some(tls)).unwrap();
    let with = |ca_file: Option<&Path>| {
        let ca_file = ca_file.map(Path::to_path_buf);
        ClickHouseConn { ca_file, ..conn(proxy.url(), "bt_test_secure") }
    };
    for ca_file in [None, Some(foreign.as_path())] {
        let error = read(&with(ca_file)).expect_err("a stranger").to_string();
        let is_clear = error.contains("invalid peer certificate")
            || ca_file.is_none() && error.contains("knows no authorities");
        assert!(is_clear && !error.contains("tried"), "{error}");
    }
    let error = read(&with(Some(&scratch.0.join("empty.pem")))).expect_err("no authority");
    assert!(error.to_string().contains("empty.pem: holds no certificate"), "{error}");
    assert_eq!(proxy.asked().len(), 0, "nothing was asked of a stranger");
    let found = read(&with(Some(&own))).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(digest(&found), whole);
    assert_eq!(proxy.hits().len(), 1, "a reset in the middle, and it was taken up");
    // Results go there by the same trust.
    for (ca_file, is_trusted) in [(&foreign, false), (&own, true)] {
        let ca_file = ca_file.display().to_string();
        let keys =
            [("url", proxy.url()), ("database", "bt_test_secure_results"), ("ca_file", &ca_file)];
        let server = server(keys.into_iter()).unwrap_or_else(|faults| panic!("{faults}"));
        let applied = store::apply(&server, None);
        assert_eq!(applied.is_ok(), is_trusted, "{:?}", applied.err().map(|e| e.to_string()));
    }
    // Plain words to it are an error and not a silence.
    let plain = proxy.url().replace("https://", "http://");
    let error = read(&conn(&plain, "bt_test_secure")).expect_err("it speaks TLS");
    assert_eq!(error.exit_code(), 69, "{error}");
}
