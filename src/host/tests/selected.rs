//! Which rows a run takes: those of trading days, of the day or the night, and those that `where` lets pass. Files, tables and the
//! cache give the same ones, and they are those that a clock on the wall would choose.
//!
//! The tests of tables run on the server that CH_URL names, else on the engine that `scripts/test` installs; they say so when they skip.

mod source_support;

use bt_host::config::fault::SourceText;
use bt_host::config::{self, Config, LoadOptions, parse};
use bt_host::import::{Options, import};
use bt_host::output::result::RunResult;
use bt_host::progress::Mode;
use bt_host::{run, source};
use source_support::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MINUTE: i64 = 60_000 * MS;
/// 2026-04-09, a Thursday, 00:00 in Taipei.
const THURSDAY: i64 = T0 - (8 * 60 + 45) * MINUTE + 1_440 * MINUTE;
/// Days of the rows from then on: to Tuesday, 2026-04-14.
const DAYS: i64 = 6;
const SYMBOLS: [&str; 2] = ["STK", "TXF"];

/// A book of each symbol every five minutes, at night and on Sundays too, and trades in between.
fn rows() -> Vec<Raw> {
    let mut rows = Vec::new();
    for n in 0..DAYS * 288 {
        for symbol in SYMBOLS {
            let ts_ns = THURSDAY + n * 5 * MINUTE;
            for (row, ts_ns) in
                [(plain(n), ts_ns), (trade(n, (97 + n % 7) * PX, 1 + n % 3, 1), ts_ns + 2 * MINUTE)]
            {
                let seq = Some(rows.len() as u64);
                // As recorders have it: beside the grid, on both sides.
                let ts_ns = ts_ns + (rows.len() as i64 * 7 % 5 - 2) * 64;
                let (symbol, ts_ns) = (Some(symbol.into()), Some(ts_ns));
                rows.push(Raw { symbol, exch_ts: ts_ns, ingest_ts: ts_ns, seq, ..row });
            }
        }
    }
    rows
}

/// The session of a row by the clock on the wall: its trading day in April, and whether it is a night.
fn session(symbol: &str, ts_ns: i64) -> Option<(i64, bool)> {
    let minutes = (ts_ns - THURSDAY) / MINUTE;
    let (day, minute) = (9 + minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
    let is_weekday = |day: i64| !matches!(day, 11 | 12);
    let next = |day: i64| if day == 10 { 13 } else { day + 1 };
    match symbol {
        "STK" => (is_weekday(day) && (540..810).contains(&minute)).then_some((day, false)),
        _ if is_weekday(day) && (525..825).contains(&minute) => Some((day, false)),
        _ if is_weekday(day) && minute >= 900 => Some((next(day), true)),
        _ if is_weekday(day - 1) && minute < 300 => Some((next(day - 1), true)),
        _ => None,
    }
}

/// What a config asks for: its keys, and the same for the naive twin.
struct Asked {
    text: &'static str,
    days: (i64, i64),
    is_trading: bool,
    part: Option<bool>,
}

const ASKED: [Asked; 7] = [
    Asked {
        text: "from: 2026-04-10, to: 2026-04-13, time_zone: Asia/Taipei",
        days: (10, 13),
        is_trading: false,
        part: None,
    },
    Asked {
        text: "from: 2026-04-10, to: 2026-04-13, time_zone: Asia/Taipei, session: day",
        days: (10, 13),
        is_trading: false,
        part: Some(false),
    },
    Asked {
        text: "from: 2026-04-10, to: 2026-04-13, days: trading",
        days: (10, 13),
        is_trading: true,
        part: None,
    },
    Asked {
        text: "from: 2026-04-13, to: 2026-04-13, days: trading",
        days: (13, 13),
        is_trading: true,
        part: None,
    },
    Asked {
        text: "from: 2026-04-10, to: 2026-04-13, days: trading, session: day",
        days: (10, 13),
        is_trading: true,
        part: Some(false),
    },
    Asked {
        text: "from: 2026-04-11, to: 2026-04-12, time_zone: Asia/Taipei",
        days: (11, 12),
        is_trading: false,
        part: None,
    },
    Asked {
        text: "from: 2026-04-10, to: 2026-04-14, days: trading, session: night",
        days: (10, 14),
        is_trading: true,
        part: Some(true),
    },
];

/// The stamps that a run must be given, by symbol, in order.
fn naive(rows: &[Raw], asked: &Asked) -> BTreeMap<String, Vec<i64>> {
    let mut all = BTreeMap::new();
    for symbol in SYMBOLS {
        let mut stamps: Vec<i64> = rows
            .iter()
            .filter(|row| row.symbol.as_deref() == Some(symbol))
            .filter_map(|row| Some((row.exch_ts? + 128) / 1_000 * 1_000))
            .collect();
        stamps.sort_unstable();
        let is_of_part = |is_night: bool| asked.part.is_none_or(|part| part == is_night);
        // Between the first row and the last that are of its days, what is of no other session.
        let is_own = |ts_ns: &i64| {
            session(symbol, *ts_ns).is_some_and(|(day, is_night)| {
                (asked.days.0..=asked.days.1).contains(&day) && is_of_part(is_night)
            })
        };
        let (first, last) = if asked.is_trading {
            (stamps.iter().position(is_own), stamps.iter().rposition(is_own))
        } else {
            let day = |ts_ns: &i64| 9 + (ts_ns - THURSDAY).div_euclid(1_440 * MINUTE);
            let is_in = |ts_ns: &i64| (asked.days.0..=asked.days.1).contains(&day(ts_ns));
            (stamps.iter().position(is_in), stamps.iter().rposition(is_in))
        };
        let own = match (first, last) {
            (Some(first), Some(last)) => &stamps[first..=last],
            _ => &[],
        };
        // A stock has no night, so nothing is left out of it; of the future all that is not of the sessions that are asked for.
        let is_left = |ts_ns: &&i64| match session(symbol, **ts_ns) {
            Some((_, is_night)) => is_of_part(is_night),
            None => asked.part.is_none() || symbol == "STK",
        };
        all.insert(symbol.to_owned(), own.iter().filter(is_left).copied().collect());
    }
    all
}

const TXF: &str = "{ symbol: TXF, exchange: X, tick: 1, multiplier: 200, sessions: { time_zone: Asia/Taipei, list: [{ open: \
                   \"08:45\", close: \"13:45\" }, { open: \"15:00\", close: \"05:00+1\", trading_day: next }] } }";
const STK: &str = "{ symbol: STK, exchange: X, tick: 1, multiplier: 1000, sessions: { time_zone: Asia/Taipei, list: [{ open: \
                   \"09:00\", close: \"13:30\" }] } }";

fn parsed(source: &str, asked: &str, instruments: &str, out: &Path) -> Result<Config, String> {
    let text = format!(
        "version: 1\nname: selected\ndata: {{ {source}, {asked}, ts_grid_ns: 1_000_000 }}\ninstruments: [{instruments}]\ncapital: \"100000000\"\n\
         latency: {{ feed: 1ms, submit: 5ms, amend: 5ms, cancel: 5ms, response: 1ms }}\n\
         strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\noutput: {{ dir: {} }}\n",
        out.display()
    );
    let source = SourceText { name: "selected.yaml".into(), text };
    parse(source, Path::new(""), &LoadOptions::default()).0.map_err(|faults| faults.to_string())
}

fn config_of(source: &str, asked: &str, instruments: &str, out: &Path) -> Config {
    parsed(source, asked, instruments, out).unwrap_or_else(|faults| panic!("{asked}: {faults}"))
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

/// The stamps that a source gives, by symbol, in order.
fn given(config: &Config) -> BTreeMap<String, Vec<i64>> {
    let mut all: BTreeMap<String, Vec<i64>> = SYMBOLS.map(|s| (s.to_owned(), Vec::new())).into();
    for mut source in source::open(config).expect("a source") {
        for event in drain(source.as_mut(), config.data.chunk_rows).expect("rows").events {
            let symbol = &config.instruments[event.instrument as usize].instrument.symbol;
            all.get_mut(symbol).expect("a known symbol").push(event.ts_exch_ns);
        }
    }
    all.values_mut().for_each(|stamps| stamps.sort_unstable());
    all
}

fn front() -> Option<&'static str> {
    chfront::shared(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

fn execute(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = ::clickhouse::Client::default().with_url(url);
    runtime.block_on(client.query(sql).execute()).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// Rows in a file of small groups, and in a table if there is an engine.
fn written(scratch: &Scratch, rows: &[Raw], database: &str) -> (PathBuf, Option<String>) {
    let file = scratch.write("rows.parquet", &batch(columns(rows)), 500);
    let Some(url) = front() else { return (file, None) };
    let server = config::server([("url", url), ("database", database)].into_iter());
    let server = server.unwrap_or_else(|faults| panic!("{faults}"));
    let options = Options { create: true, ..Options::default() };
    let files = std::slice::from_ref(&file);
    import(&server, "market_data", files, &options, |_, _, _| ()).expect("an import");
    (file, Some(format!("clickhouse: {{ url: \"{url}\", database: {database} }}")))
}

#[test]
fn days_and_nights_are_those_of_the_clock_on_the_wall() {
    let scratch = Scratch::new("selected");
    let rows = rows();
    let (file, table) = written(&scratch, &rows, "bt_test_selected");
    let parquet = format!("parquet: {{ files: [{}] }}", file.display());
    let arrow = scratch.write_arrow("rows.arrow", &batch(columns(&rows)), 500, None);
    let arrow = format!("arrow: {{ files: [{}] }}", arrow.display());
    let cache = format!("cache: {{ dir: {} }}", scratch.0.join("cache").display());
    let out = scratch.0.join("out");
    for asked in &ASKED {
        // A stock has no night.
        let instruments =
            if asked.part == Some(true) { TXF.into() } else { format!("{TXF}, {STK}") };
        let mut wanted = naive(&rows, asked);
        if asked.part == Some(true) {
            wanted.insert("STK".into(), Vec::new());
        }
        let of = |source: &str| config_of(source, asked.text, &instruments, &out);
        let config = of(&parquet);
        assert!(given(&config) == wanted, "{}", asked.text);
        let result = (wanted.values().any(|stamps| stamps.len() > 100)).then(|| run_of(&config));
        let mut sources =
            vec![format!("{parquet}, {cache}"), arrow.clone(), format!("{arrow}, {cache}")];
        sources.extend(table.iter().flat_map(|table| [table.clone(), format!("{table}, {cache}")]));
        for source in sources {
            for pass in ["first", "second"] {
                let config = of(&source);
                assert!(given(&config) == wanted, "{}, {source}, {pass} time", asked.text);
                let Some(result) = &result else { continue };
                let found = run_of(&config);
                assert_eq!(found.data_hash, result.data_hash, "{}, {source}", asked.text);
                assert_eq!(found.config_hash, result.config_hash, "{}, {source}", asked.text);
                assert_eq!(found.lanes[0].summary, result.lanes[0].summary);
            }
        }
    }
}

/// A market that somebody quotes in anew now and then.
fn moving(n: i64) -> Raw {
    let mid = 100 + n / 40 % 7;
    let side = |step: i64| -> Vec<(i64, i64)> {
        (1..=5).map(|i| ((mid + step * i) * PX, i + n % 7)).collect()
    };
    if n % 5 == 2 { trade(n, (mid - 1) * PX, 2, 1) } else { book(n, &side(-1), &side(1)) }
}

#[test]
fn only_rows_that_where_lets_pass_are_there() {
    let scratch = Scratch::new("where");
    // Two recorders of one market: the second one is late, and deaf to the first two hours.
    let first: Vec<Raw> = (0..6_000).map(moving).collect();
    let second = |row: &Raw| Raw { volume: Some(row.volume.unwrap() + 1), ..row.clone() };
    let second: Vec<Raw> = first.iter().skip(2_000).map(second).collect();
    let out = scratch.0.join("out");
    let asked = "from: 2026-04-08, to: 2026-04-08, time_zone: Asia/Taipei";
    let plain_file = scratch.write("plain.parquet", &batch(columns(&first)), 1_000);
    let expected = run_of(&config_of(
        &format!("parquet: {{ files: [{}] }}", plain_file.display()),
        asked,
        TXF,
        &out,
    ));
    assert!(expected.lanes[0].summary.amends > 100, "{:?}", expected.lanes[0].summary);
    let second_file = scratch.write("second.parquet", &batch(columns(&second)), 1_000);
    let mut both: Vec<(Raw, &str)> = first.into_iter().map(|row| (row, "a")).collect();
    both.extend(second.into_iter().map(|row| (row, "b")));
    both.sort_by_key(|(row, _)| row.exch_ts);
    let (rows, names): (Vec<Raw>, Vec<&str>) = both.into_iter().unzip();
    let mut with_names = columns(&rows);
    with_names.push(("source", std::sync::Arc::new(arrow_array::StringArray::from(names))));
    let all = batch(with_names);
    let file = scratch.write("both.parquet", &all, 1_000);
    let arrow = scratch.write_arrow("both.arrow", &all, 1_000, None);
    let cache = format!("cache: {{ dir: {} }}", scratch.0.join("cache").display());
    let mut sources = vec![
        format!("parquet: {{ files: [{}]WHERE }}", file.display()),
        format!("arrow: {{ files: [{}]WHERE }}", arrow.display()),
    ];
    if let Some(url) = front() {
        let server = config::server([("url", url), ("database", "bt_test_chosen")].into_iter());
        let server = server.unwrap_or_else(|faults| panic!("{faults}"));
        let options = Options { create: true, ..Options::default() };
        for (table, file) in [("a", &plain_file), ("b", &second_file)] {
            let files = std::slice::from_ref(file);
            import(&server, table, files, &options, |_, _, _| ()).expect("an import");
        }
        let of = |table: &str| {
            format!(
                "SELECT *, CAST('{table}' AS Enum8('a' = 1, 'b' = 2)) AS source, toUInt8(7) AS gateway FROM bt_test_chosen.{table}"
            )
        };
        execute(
            url,
            &format!(
                "CREATE TABLE bt_test_chosen.market_data ENGINE = MergeTree ORDER BY (symbol, exch_ts, ingest_ts) AS {} UNION ALL {}",
                of("a"),
                of("b")
            ),
        );
        sources.push(format!("clickhouse: {{ url: \"{url}\", database: bt_test_chosenWHERE }}"));
    }
    for source in &sources {
        for more in [
            ", where: { source: a }",
            ", where: { source: [a, \"x' OR 1 = 1 --\"], exchange: [TAIFEX] }",
        ] {
            let source = source.replace("WHERE", more);
            for source in
                [source.clone(), format!("{source}, {cache}"), format!("{source}, {cache}")]
            {
                let found = run_of(&config_of(&source, asked, TXF, &out));
                assert_eq!(found.data_hash, expected.data_hash, "{source}");
                assert_eq!(found.config_hash, expected.config_hash, "{source}");
                assert_eq!(found.lanes[0].summary, expected.lanes[0].summary, "{source}");
            }
        }
        // The other recorder's rows are others, also out of one cache.
        let other = format!("{}, {cache}", source.replace("WHERE", ", where: { source: b }"));
        assert_ne!(
            run_of(&config_of(&other, asked, TXF, &out)).data_hash,
            expected.data_hash,
            "{source}"
        );
        let missing =
            config_of(&source.replace("WHERE", ", where: { recorder: a }"), asked, TXF, &out);
        let error = source::open(&missing).err().expect("no such column").to_string();
        assert!(
            error.contains("column `where`: names `recorder`, and there is no such column"),
            "{error}"
        );
        let odd = config_of(&source.replace("WHERE", ", where: { bids_vol: 1 }"), asked, TXF, &out);
        let error = source::open(&odd).err().expect("no text").to_string();
        assert!(error.contains("column `where`: `bids_vol` is "), "{error}");
    }
    if let [_, _, table] = sources.as_slice() {
        // A number is a text, too.
        let source = table.replace("WHERE", ", where: { gateway: 7, source: a }");
        assert_eq!(run_of(&config_of(&source, asked, TXF, &out)).data_hash, expected.data_hash);
    }
}

#[test]
fn a_segment_of_the_cache_knows_a_gap_that_begins_with_its_last_row() {
    let scratch = Scratch::new("edge");
    // Of Friday's session alone, so that no other gap touches the file; its close, recorded a little before.
    let close_ns = THURSDAY + (1_440 + 825) * MINUTE;
    let mut rows: Vec<Raw> = rows()
        .into_iter()
        .filter(|row| {
            row.exch_ts
                .is_some_and(|ts_ns| (close_ns - 290 * MINUTE..close_ns - MINUTE).contains(&ts_ns))
        })
        .collect();
    let (ts_ns, seq) = (Some(close_ns - 64), Some(rows.len() as u64));
    rows.push(Raw { exch_ts: ts_ns, ingest_ts: ts_ns, seq, ..plain(1) });
    let file = scratch.write("rows.parquet", &batch(columns(&rows)), 500);
    let arrow = scratch.write_arrow("rows.arrow", &batch(columns(&rows)), 500, None);
    for files in [
        format!("parquet: {{ files: [{}] }}", file.display()),
        format!("arrow: {{ files: [{}] }}", arrow.display()),
    ] {
        let cache = format!("{files}, cache: {{ dir: {} }}", scratch.0.join("cache").display());
        for more in ["", ", session: day", "", ", session: day"] {
            let asked = format!("from: 2026-04-08, to: 2026-04-12, time_zone: Asia/Taipei{more}");
            let of = |source: &str| {
                given(&config_of(source, &asked, &format!("{TXF}, {STK}"), &scratch.0))
            };
            assert!(of(&cache) == of(&files), "{asked}: {files}");
        }
    }
}

#[test]
fn what_cannot_be_asked_for_is_told() {
    let scratch = Scratch::new("selected-faults");
    let file = scratch.write("rows.parquet", &batch(columns(&rows()[..10])), 500);
    let parquet = format!("parquet: {{ files: [{}] }}", file.display());
    let taipei = "time_zone: Asia/Taipei";
    let always = "{ symbol: TXF, exchange: X, tick: 1, multiplier: 1, sessions: always }";
    for (asked, instruments, words) in [
        (
            "from: 2026-04-10, to: 2026-04-13, days: trading, session: night",
            STK,
            "no night session lies in the span",
        ),
        ("from: 2026-04-11, to: 2026-04-12, days: trading", TXF, "no session"),
        (
            "from: \"2026-04-09T09:00:00+08:00\", to: \"2026-04-09T12:00:00+08:00\", session: night",
            TXF,
            "no night session lies in the span",
        ),
        (
            "from: 2026-04-10, to: 2026-04-13, days: trading",
            always,
            "it never closes, so it has no trading days",
        ),
        ("from: 2026-04-10, to: 2026-04-13, session: day", always, "it never closes"),
        (
            "from: \"2026-04-10T00:00:00Z\", to: 2026-04-13, days: trading",
            TXF,
            "`days: trading` needs a date",
        ),
        ("from: 2026-04-10, to: 2026-04-13, days: working", TXF, "trading"),
        ("from: 2026-04-10, to: 2026-04-13, session: evening", TXF, "night"),
    ] {
        let error = parsed(&parquet, asked, instruments, &scratch.0).expect_err(asked);
        assert!(error.contains(words), "{asked}: {error}");
    }
    let both = format!("from: 2026-04-10, to: 2026-04-13, days: trading, {taipei}");
    let error = parsed(&parquet, &both, TXF, &scratch.0).expect_err("two clocks");
    assert!(error.contains("trading days are those of the venues' own clocks"), "{error}");
    for (more, words) in [
        ("where: { \"a b\": x }", "`a b` is not a plain name"),
        ("where: { \"x) OR (1\": x }", "is not a plain name"),
        ("where: { source: [] }", "where"),
        ("where: { source: { a: b } }", "where"),
        ("where: a", "where"),
    ] {
        let source = format!("parquet: {{ files: [{}], {more} }}", file.display());
        let asked = format!("from: 2026-04-10, to: 2026-04-13, {taipei}");
        let error = parsed(&source, &asked, TXF, &scratch.0).expect_err(more);
        assert!(error.contains(words), "{more}: {error}");
    }
}
