//! `bt-host inspect`: each row in one place, the counts those of a run, the first of each reason, and equal ticks told apart.

mod source_support;

use bt_host::config::fault::SourceText;
use bt_host::config::{Config, LoadOptions, parse};
use bt_host::inspect::{self, Inspected, Ticks};
use bt_host::progress::Mode;
use bt_host::run;
use source_support::*;
use std::path::Path;
use std::process::Command;

const DAY: i64 = 86_400_000;

fn yaml(file: &Path, out: &Path) -> String {
    format!(
        "version: 1\nname: looked-at\ndata: {{ parquet: {{ files: [{}] }}, from: 2026-04-08, to: 2026-04-09, \
         time_zone: Asia/Taipei, malformed: skip }}\ncapital: \"1000000\"\n\
         instruments: [{{ symbol: TXF, exchange: X, tick: \"1\", multiplier: \"200\", sessions: {{ time_zone: \
         Asia/Taipei, list: [{{ open: \"08:45\", close: \"13:45\" }}] }} }}]\n\
         latency: {{ feed: 1ms, submit: 5ms, amend: 5ms, cancel: 5ms, response: 1ms }}\n\
         strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\noutput: {{ dir: {} }}\n",
        file.display(),
        out.display()
    )
}

fn config(text: String) -> Config {
    let source = SourceText { name: "looked-at.yaml".into(), text };
    let config = parse(source, Path::new(""), &LoadOptions::default()).0;
    config.unwrap_or_else(|faults| panic!("{faults}"))
}

/// Two days of rows with one of everything: what is before the open, crossed, empty, off the ladder, malformed, twice.
fn odd_rows() -> Vec<Raw> {
    let seq = |row: Raw, seq: u64| Raw { seq: Some(seq), ..row };
    let (bid, ask) = ([(99 * PX, 1)], [(101 * PX, 1)]);
    let mut rows = vec![book(-1_000, &bid, &ask)];
    rows.extend((0..10).map(plain));
    rows.push(book(20, &[(101 * PX, 1)], &[(101 * PX, 1)]));
    rows.push(book(21, &[], &[]));
    rows.push(book(22, &bid, &[]));
    rows.push(trade(30, 100 * PX + PX / 2, 1, 1));
    // A tick twice at one stamp, another twice with one number, and one of three.
    rows.push(seq(trade(40, 100 * PX, 2, 1), 41));
    rows.push(seq(trade(40, 100 * PX, 2, 1), 42));
    rows.push(seq(trade(50, 100 * PX, 3, -1), 51));
    rows.push(seq(trade(50, 100 * PX, 3, -1), 51));
    rows.extend((61..64).map(|n| seq(trade(60, 99 * PX, 1, 0), n)));
    rows.push(Raw { bids: (bid_prices(2), sizes(1)), ..book(70, &bid, &ask) });
    rows.extend((DAY..DAY + 5).map(|n| Raw { seq: Some(n as u64), ..plain(n) }));
    rows
}

fn bid_prices(count: i64) -> Option<Vec<Option<i64>>> {
    Some((0..count).map(|n| Some((99 - n) * PX)).collect())
}

fn sizes(count: usize) -> Option<Vec<Option<i64>>> {
    Some(vec![Some(1); count])
}

fn count_of(day: &Inspected, name: &str) -> u64 {
    let document = inspect::document(std::slice::from_ref(day), &[]);
    document["days"][0]["counts"][name].as_u64().unwrap_or_else(|| panic!("there is no {name}"))
}

#[test]
fn each_row_is_in_one_place_and_the_counts_are_those_of_a_run() {
    let scratch = Scratch::new("inspect");
    let file = scratch.write("rows.parquet", &batch(columns(&odd_rows())), 7);
    let config = config(yaml(&file, &scratch.0.join("out")));
    let days = inspect::inspect(&config, None, None).unwrap_or_else(|error| panic!("{error}"));
    let [first, second] = days.as_slice() else { panic!("two days: {days:?}") };
    assert_eq!((first.day.as_str(), second.day.as_str()), ("2026-04-08", "2026-04-09"));

    let expected = [
        ("rows_in", 22),
        ("rows_used", 18),
        ("excluded_out_of_session", 1),
        ("excluded_crossed", 1),
        ("excluded_empty_book", 1),
        ("dropped_duplicates", 1),
        ("unknown_aggressor", 3),
        ("one_sided", 1),
        ("off_ladder", 1),
        ("excluded_sentinel", 0),
    ];
    for (name, rows) in expected {
        assert_eq!(count_of(first, name), rows, "{name}: {:?}", first.stats);
    }
    assert_eq!(first.source.skipped.values().sum::<u64>(), 1, "{:?}", first.source);
    assert_eq!(first.ticks, Ticks { all: 8, alike: 7, even: 4 });
    assert_eq!(second.ticks, Ticks::default());
    assert_eq!((count_of(second, "rows_in"), count_of(second, "rows_used")), (5, 5));

    let of = |name: &str| first.first.get(name).map_or("", String::as_str);
    assert_eq!(of("excluded_crossed"), "2026-04-08T00:45:00.02Z book 101 x 1 | 101 x 1");
    assert_eq!(of("excluded_empty_book"), "2026-04-08T00:45:00.021Z book - x 0 | - x 0");
    assert_eq!(of("off_ladder"), "2026-04-08T00:45:00.03Z trade 100.5 x 1");
    assert!(of("excluded_out_of_session").starts_with("2026-04-08T00:44:59Z"), "{:?}", first.first);

    let options = run::Options {
        force: true,
        progress: Mode::Quiet,
        config_path: "test".into(),
        extra: &|_| Ok(()),
    };
    let ran = run::run(&config, &options).unwrap_or_else(|error| panic!("{error}")).result;
    for (name, rows) in bt_host::output::result::feed_counts(&ran.feed[0].1) {
        assert_eq!(days.iter().map(|day| count_of(day, name)).sum::<u64>(), rows, "{name}");
    }
}

#[test]
fn the_program_prints_tables_or_json_and_says_what_is_not_there() {
    let scratch = Scratch::new("inspect-cli");
    let file = scratch.write("rows.parquet", &batch(columns(&odd_rows())), 100);
    let path = scratch.0.join("looked-at.yaml");
    std::fs::write(&path, yaml(&file, &scratch.0.join("out"))).expect("it can be written");
    let ask = |more: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_bt-host"))
            .args(["inspect", "--config"])
            .arg(&path)
            .args(more)
            .output()
            .expect("it starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    };
    let (code, told, _) = ask(&[]);
    assert_eq!(code, Some(0), "{told}");
    for part in ["crossed", "the first of each", "101 x 1 | 101 x 1", "drop_second_tick", "87.5 %"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (_, told, _) = ask(&["--json", "--day", "2026-04-09"]);
    let document: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(document["days"].as_array().map(Vec::len), Some(1));
    assert_eq!(document["days"][0]["counts"]["rows_in"], 5);
    let (code, told, error) = ask(&["--symbol", "MXF"]);
    assert_eq!((code, told.as_str()), (Some(4), ""), "{error}");
    assert!(error.contains("no rows of `MXF`"), "{error}");
    let (code, _, error) = ask(&["--day", "2026-04-10"]);
    assert!(code == Some(4) && error.contains("trading day 2026-04-10"), "{error}");
}
