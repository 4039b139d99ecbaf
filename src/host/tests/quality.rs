//! `data.quality`: a threshold is exceeded by more than it allows and never by as much; a run over such rows, and every
//! member of a sweep, ends before there are results, with code 5; `inspect` says the same of the same rows.

mod source_support;

use bt_host::config::fault::SourceText;
use bt_host::config::quality::{Limit, Reason};
use bt_host::config::{Config, LoadOptions, effective, parse};
use bt_host::inspect;
use bt_host::quality::{self, Breach, QualityError};
use source_support::*;
use std::path::Path;
use std::process::Command;

const DAY: i64 = 86_400_000;

fn yaml(file: &Path, out: &Path, data: &str) -> String {
    format!(
        "version: 1\nname: judged\ndata: {{ parquet: {{ files: [{}] }}, from: 2026-04-08, to: 2026-04-09, \
         time_zone: Asia/Taipei{data} }}\ncapital: \"1000000\"\n\
         instruments: [{{ symbol: TXF, exchange: X, tick: \"1\", multiplier: \"200\", sessions: {{ time_zone: \
         Asia/Taipei, list: [{{ open: \"08:45\", close: \"13:45\" }}] }} }}]\n\
         latency: {{ feed: 1ms, submit: 5ms, amend: 5ms, cancel: 5ms, response: 1ms }}\n\
         strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\noutput: {{ dir: {} }}\n",
        file.display(),
        out.display()
    )
}

fn try_config(text: String) -> Result<Config, String> {
    let source = SourceText { name: "judged.yaml".into(), text };
    parse(source, Path::new(""), &LoadOptions::default()).0.map_err(|faults| faults.to_string())
}

/// Two days of a thousand rows each; on the second one, ten crossed books, five empty ones, three prices off the ladder,
/// two rows twice, one behind its time, and seven trades while the book stands still for three seconds.
fn rows() -> Vec<Raw> {
    let seq = |n: i64, row: Raw| Raw { seq: Some(n as u64 + 1), ..row };
    let mut rows: Vec<Raw> = (0..1_000).map(plain).collect();
    let mut second = |n: i64, row: Raw| rows.push(seq(DAY + n, row));
    for n in 0..940 {
        second(n, plain(DAY + n));
    }
    (940..950).for_each(|n| second(n, book(DAY + n, &[(101 * PX, 1)], &[(101 * PX, 1)])));
    (950..955).for_each(|n| second(n, book(DAY + n, &[], &[])));
    (955..958).for_each(|n| second(n, trade(DAY + n, 100 * PX + PX / 2, 1, 1)));
    for n in [958, 958, 959, 959, 960, 970, 965] {
        second(n, plain(DAY + n));
    }
    // The first of them waits for a book, the second is as old as is allowed, the others are stale.
    for n in [0, 1_000, 1_001, 1_500, 2_000, 2_500, 2_900, 3_000, 3_001] {
        second(1_000 + n, trade(DAY + 1_000 + n, 100 * PX, 1, 1));
    }
    (0..26).for_each(|n| second(5_000 + n, plain(DAY + 5_000 + n)));
    rows
}

fn breaches(scratch: &Scratch, limits: &str) -> Vec<Breach> {
    let file = scratch.0.join("rows.parquet");
    if !file.is_file() {
        scratch.write("rows.parquet", &batch(columns(&rows())), 300);
    }
    let data = format!(", reorder: 10ms, quality: {{ stale_after: 1s, {limits} }}");
    let config = try_config(yaml(&file, &scratch.0.join("out"), &data))
        .unwrap_or_else(|faults| panic!("{faults}"));
    let days = inspect::inspect(&config, None, None).unwrap_or_else(|error| panic!("{error}"));
    let judged = quality::judge(&config.data.quality, &days);
    match quality::check(&config) {
        Ok(()) => assert_eq!(judged, [], "{limits}: inspect finds what a run does not"),
        Err(QualityError::Refused(refused)) => assert_eq!(refused.breaches, judged, "{limits}"),
        Err(error) => panic!("{error}"),
    }
    judged
}

#[test]
fn a_threshold_is_exceeded_by_more_than_it_allows() {
    let scratch = Scratch::new("quality");
    // Rows of the second day: 940 + 10 + 5 + 3 + 7 + 9 + 26.
    for (reason, found, first) in [
        ("crossed", 10, "book 101 x 1 | 101 x 1"),
        ("empty_book", 5, "book - x 0 | - x 0"),
        ("off_ladder", 3, "trade 100.5 x 1"),
        ("duplicates", 2, "2026-04-09T00:45:00.958Z book"),
        ("backward_time", 1, "2026-04-09T00:45:00.965Z book"),
        ("stale", 7, "2026-04-09T00:45:02.001Z trade 100 x 1"),
    ] {
        let exceeded = |limit: &str| breaches(&scratch, &format!("{reason}: {limit}"));
        assert_eq!(exceeded(&found.to_string()), [], "{reason}: as many as are allowed");
        let over = exceeded(&(found - 1).to_string());
        let [breach] = over.as_slice() else { panic!("{reason}: {over:?}") };
        assert_eq!((breach.found, breach.rows, breach.day.as_str()), (found, 1_000, "2026-04-09"));
        assert_eq!(breach.reason.key(), reason);
        assert!(breach.first.contains(first), "{reason}: {}", breach.first);
        // The same as a share: 1,000 rows came in on that day, the other day's do not count.
        let share = format!("{}.{}%", found / 10, found % 10);
        assert_eq!(exceeded(&share), [], "{reason}: {share}");
        let less = format!("{}.{}99999%", (found - 1) / 10, (found - 1) % 10);
        assert_eq!(exceeded(&less).len(), 1, "{reason}: {less}");
    }
    let all = breaches(&scratch, "crossed: 0, empty_book: 1%, off_ladder: 0, stale: off");
    let reasons: Vec<_> = all.iter().map(|breach| breach.reason).collect();
    assert_eq!(reasons, [Reason::Crossed, Reason::OffLadder]);
}

#[test]
fn the_boundary_of_a_share_is_exact() {
    let one_in_a_million = Limit::Share(100);
    assert!(
        !one_in_a_million.is_exceeded(1, 1_000_000) && one_in_a_million.is_exceeded(1, 999_999)
    );
    let all = Limit::Share(100_000_000);
    assert!(!all.is_exceeded(u64::MAX, u64::MAX) && !Limit::Rows(0).is_exceeded(0, 5));
    assert!(Limit::Share(0).is_exceeded(1, u64::MAX) && !Limit::Share(0).is_exceeded(0, 0));
}

#[test]
fn thresholds_are_read_with_their_places_and_are_no_part_of_the_hash() {
    let scratch = Scratch::new("quality-config");
    let file = scratch.write("rows.parquet", &batch(columns(&[plain(1)])), 10);
    let config = |data: &str| try_config(yaml(&file, &scratch.0.join("out"), data));
    let hash = |data: &str| {
        let config = config(data).unwrap_or_else(|faults| panic!("{faults}"));
        effective::hash(&effective::document(&config))
    };
    let spec = config(", quality: { crossed: 0.5%, skipped: 1_000, one_sided: off }");
    let limits = spec.unwrap_or_else(|faults| panic!("{faults}")).data.quality.limits;
    let expected =
        [(Reason::Crossed, Limit::Share(500_000)), (Reason::Skipped, Limit::Rows(1_000))];
    assert_eq!(limits, expected);
    assert_eq!(hash(""), hash(", quality: off"));
    assert_eq!(hash(""), hash(", quality: { crossed: 0, stale_after: 2s, stale: 1% }"));
    for (quality, path, says) in [
        ("{ crosed: 0 }", "data.quality.crosed", "did you mean `crossed`"),
        ("{ crossed: 0.5 }", "data.quality.crossed", "no threshold"),
        ("{ crossed: -1 }", "data.quality.crossed", "no threshold"),
        ("{ crossed: 101% }", "data.quality.crossed", "0% to 100%"),
        ("{ crossed: 0.0000001% }", "data.quality.crossed", "finer"),
        ("{ stale: 1% }", "data.quality.stale", "stale_after"),
        ("{ stale_after: 2 }", "data.quality.stale_after", "no unit"),
        ("on", "data.quality", "off"),
    ] {
        let faults = config(&format!(", quality: {quality}")).expect_err(quality);
        assert!(faults.contains(path) && faults.contains(says), "{quality}: {faults}");
    }
}

#[test]
fn the_program_ends_with_5_before_there_are_results() {
    let scratch = Scratch::new("quality-cli");
    let mut all = rows();
    all.truncate(1_960);
    all.push(Raw { volume: Some(0), ..trade(DAY + 1_000, 100 * PX, 1, 1) });
    let file = scratch.write("rows.parquet", &batch(columns(&all)), 300);
    let (path, out) = (scratch.0.join("judged.yaml"), scratch.0.join("out"));
    let write = |data: &str| std::fs::write(&path, yaml(&file, &out, data)).expect("written");
    let ask = |words: &[&str], config: &Path| {
        let ran = Command::new(env!("CARGO_BIN_EXE_bt-host"))
            .args(words)
            .arg("--config")
            .arg(config)
            .output()
            .expect("it starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (ran.status.code(), text(ran.stdout), text(ran.stderr))
    };
    write(", malformed: skip, quality: { crossed: 1%, skipped: 0, off_ladder: 1 }");
    let (code, told, error) = ask(&["run", "-q"], &path);
    assert_eq!((code, told.as_str(), out.exists()), (Some(5), "", false), "{error}");
    assert!(
        error.contains("error: data quality: 3 thresholds of data.quality exceeded"),
        "{error}"
    );
    for part in ["TXF", "2026-04-09", "crossed", "1%", "101 x 1 | 101 x 1", "a trade of 0", "all"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let (code, told, _) = ask(&["inspect"], &path);
    assert_eq!(code, Some(5), "{told}");
    for part in ["10!", "3!", "thresholds of data.quality that are exceeded", "skipped"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (code, told, _) = ask(&["inspect", "--json"], &path);
    let document: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((code, document["exceeded"].as_array().map(Vec::len)), (Some(5), Some(3)));
    assert_eq!(document["exceeded"][0]["found"], 10);

    // A sweep: members of both markets, of which one is good enough.
    let sweep = scratch.0.join("sweep.yaml");
    let text = "base: judged.yaml\nmembers: { list: [{ seed: 1 }, { seed: 2 }, { data.quality: off }] }\n\
                lanes_per_pass: 1\n";
    std::fs::write(&sweep, format!("version: 1\nname: judged\n{text}")).expect("written");
    let out = scratch.0.join("swept");
    let (code, _, error) = ask(&["sweep", "-q", "--out", out.to_str().expect("a path")], &sweep);
    assert_eq!(code, Some(8), "{error}");
    let summary = |member: &str| out.join("members").join(member).join("summary.json").exists();
    assert_eq!(
        [summary("0000"), summary("0001"), summary("0002")],
        [false, false, true],
        "{error}"
    );
    let board = std::fs::read_to_string(out.join("leaderboard.json")).expect("a leaderboard");
    assert!(board.contains("3 thresholds of data.quality exceeded"), "{board}");

    write(", malformed: skip, quality: { crossed: 2%, skipped: 1, off_ladder: 3 }");
    let (code, _, error) = ask(&["run", "-q"], &path);
    assert_eq!(code, Some(0), "{error}");
    let (code, told, _) = ask(&["inspect"], &path);
    assert!(code == Some(0) && !told.contains('!'), "{told}");
}

#[test]
fn prices_of_another_scale_are_told() {
    let scratch = Scratch::new("quality-scale");
    let small: Vec<Raw> = (0..50).map(|n| trade(n, (34_801 + n) * 10_000, 1, 1)).collect();
    let file = scratch.write("rows.parquet", &batch(columns(&small)), 300);
    let config = try_config(yaml(&file, &scratch.0.join("out"), "")).expect("a config");
    let days = inspect::inspect(&config, None, None).unwrap_or_else(|error| panic!("{error}"));
    let told = inspect::table(&days, &[]);
    assert!(told.contains("TXF 2026-04-08: prices look 100 times too small"), "{told}");
    assert!(told.contains("set price_scale: 10000"), "{told}");
    // Read by that scale they are the instrument's own; by one that is too large, the hint starts from there.
    let told = |scale: u64| {
        let text = yaml(&file, &scratch.0.join("out"), "");
        let config =
            try_config(text.replace("] }, from", &format!("], price_scale: {scale} }}, from")));
        let days = inspect::inspect(&config.expect("a config"), None, None);
        inspect::table(&days.unwrap_or_else(|error| panic!("{error}")), &[])
    };
    assert!(!told(10_000).contains("prices look"), "{}", told(10_000));
    assert!(told(100_000_000).contains("set price_scale: 10000 "), "{}", told(100_000_000));
}
