//! Law 11 for the tape cache, as a user meets it: results are the same bytes without a cache, over the pass that
//! fills it and over later ones, whatever happened to its files; and a source that has changed gives its new rows.
//!
//! The rows are those that the sources' own tests draw, oddities included, so that counts of skipped rows are
//! part of what must be equal. The ClickHouse half needs the engine that `scripts/test` installs.

mod source_support;

use chfront::Front;
use source_support::{Draws, MS, Raw, Scratch, T0, batch, columns};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const DAY_NS: i64 = 86_400_000_000_000;

/// Rows of two symbols on one day, some of which cannot be read; stamps that are none only on the first day, since they
/// leave open which days a file holds.
fn day(seed: u64, day: i64, count: i64) -> Vec<Raw> {
    let mut draws = Draws(seed);
    (0..count)
        .map(|n| {
            let mut row = draws.row(n);
            if day > 0 && row.exch_ts.is_none_or(|ns| !(T0 - MS..T0 + DAY_NS).contains(&ns)) {
                row.exch_ts = Some(T0 + n / 3 * MS);
            }
            for stamp in [&mut row.exch_ts, &mut row.ingest_ts] {
                *stamp = stamp.map(|ns| if ns < T0 { ns } else { ns.saturating_add(day * DAY_NS) });
            }
            row
        })
        .collect()
}

fn files(scratch: &Scratch, seed: u64) -> Vec<PathBuf> {
    let write = |n: i64| {
        let rows = batch(columns(&day(seed + n as u64, n, 6_000)));
        scratch.write(&format!("day{n}.parquet"), &rows, 2_500)
    };
    (0..3).map(write).collect()
}

fn config(source: &str) -> String {
    format!(
        "version: 1\nname: cached\ndata:\n{source}  from: 2026-04-08\n  to: 2026-04-10\n  ts_grid_ns: 1000000\n  \
         malformed: skip\n  reorder: 10ms\ninstruments:\n  - {{ symbol: TXF, tick: 1, multiplier: 200, sessions: \
         always }}\n  - {{ symbol: MXF, tick: 1, multiplier: 50, sessions: always }}\nlatency: {{ feed: 1ms, submit: 2ms, \
         amend: 2ms, cancel: 2ms, response: 1ms }}\ncapital: 1000000\nstrategies:\n  - {{ name: maker, path: \
         \"builtin:market_maker\", params: {{ max_position: 3 }} }}\n"
    )
}

/// Everything that a run left but when and how fast it was, and what it said.
type Outcome = (BTreeMap<String, Vec<u8>>, String);

fn run(scratch: &Scratch, config: &str, sets: &[&str]) -> Outcome {
    let (file, out) = (scratch.0.join("run.yaml"), scratch.0.join("out"));
    std::fs::write(&file, config).expect("the config can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
    command.args(["run", "-q", "--force", "--config"]).arg(&file).arg("--out").arg(&out);
    command.args(sets.iter().flat_map(|set| ["--set", set]));
    let output = command.output().expect("bt-host starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{sets:?}: {told}");
    let mut results = BTreeMap::new();
    for entry in std::fs::read_dir(&out).expect("there are results") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name != "invocation.json" {
            results.insert(name, std::fs::read(&path).expect("a file"));
        }
    }
    (results, told)
}

fn tapes(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut tapes: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "tape")).collect();
    tapes.sort();
    tapes
}

fn assert_same(found: &Outcome, plain: &Outcome, what: &str) {
    let names = |outcome: &Outcome| outcome.0.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(plain), "{what}");
    for (name, bytes) in &plain.0 {
        assert!(found.0[name] == *bytes, "{what}: {name} differs");
    }
}

#[test]
fn results_from_files_are_the_same_with_and_without_a_cache() {
    let scratch = Scratch::new("cache-files");
    files(&scratch, 40);
    let config = config("  parquet: { files: [\"day*.parquet\"] }\n");
    let cached = "data.cache={dir: tapes}";
    let dir = scratch.0.join("tapes");
    let plain = run(&scratch, &config, &[]);
    let summary = String::from_utf8_lossy(&plain.0["summary.json"]).into_owned();
    assert!(summary.contains("unsorted levels"), "rows are skipped and counted: {summary}");
    assert_same(&run(&scratch, &config, &[cached]), &plain, "the first pass");
    let made = tapes(&dir);
    assert_eq!(made.len(), 6, "three days of two symbols");
    let later = run(&scratch, &config, &[cached]);
    assert_same(&later, &plain, "a later pass");
    assert_eq!(later.1, plain.1, "nothing is to be said");
    let chunks = run(&scratch, &config, &[cached, "data.chunk_rows=1"]);
    assert_same(&chunks, &plain, "a later pass in other chunks");
    assert_eq!(tapes(&dir), made);

    // A shorter span shares the days that it holds whole.
    let span = ["data.from=2026-04-09", "data.to=2026-04-09T06:00:00Z"];
    let short = run(&scratch, &config, &span);
    assert_same(&run(&scratch, &config, &[cached, span[0], span[1]]), &short, "another span");
    let both = ["data.from=2026-04-09"];
    let two_days = run(&scratch, &config, &both);
    let before = tapes(&dir).len();
    assert_same(&run(&scratch, &config, &[cached, both[0]]), &two_days, "two days of three");
    // The first day's odd stamps leave open that its file holds rows of any span, so it is looked into, for both symbols.
    assert_eq!(tapes(&dir).len(), before + 2, "the last two days are those of the first pass");

    // Other settings of the decoder are other rows.
    let strict = ["data.ts_grid_ns=1", "data.reorder=30ms"];
    let exact = run(&scratch, &config, &strict);
    let found = run(&scratch, &config, &[cached, strict[0], strict[1]]);
    assert_same(&found, &exact, "stamps as they are");
    assert!(exact.0["summary.json"] != plain.0["summary.json"], "the grid matters");

    // Damage is told of and made good.
    for (tape, spoil) in made.iter().zip([3, 60, 95, 4_000, 9_000]) {
        let mut bytes = std::fs::read(tape).expect("a tape");
        let at = spoil.min(bytes.len() - 1);
        bytes[at] ^= 0x10;
        std::fs::write(tape, bytes).expect("it can be written");
    }
    let mended = run(&scratch, &config, &[cached]);
    assert_same(&mended, &plain, "a damaged cache");
    assert_eq!(mended.1.matches("it is made again").count(), 5, "{}", mended.1);
    assert_eq!(run(&scratch, &config, &[cached]).1, plain.1, "it is whole again");

    // Another day's rows under the same name, as many bytes or not.
    files(&scratch, 50);
    let changed = run(&scratch, &config, &[]);
    assert!(changed.0["summary.json"] != plain.0["summary.json"], "the rows matter");
    assert_same(&run(&scratch, &config, &[cached]), &changed, "a source that has changed");
    assert_same(&run(&scratch, &config, &[cached]), &changed, "and once more");
}

#[test]
fn a_row_that_cannot_be_read_fails_with_a_cache_as_without() {
    let scratch = Scratch::new("cache-fails");
    files(&scratch, 60);
    let config = config("  parquet: { files: [\"day*.parquet\"] }\n");
    std::fs::write(scratch.0.join("run.yaml"), config).expect("the config can be written");
    let fails = |sets: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
        command.args(["run", "-q", "--config"]).arg(scratch.0.join("run.yaml"));
        command.arg("--out").arg(scratch.0.join("out")).args(["--set", "data.malformed=fail"]);
        command.args(sets.iter().flat_map(|set| ["--set", set]));
        let output = command.output().expect("bt-host starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let plain = fails(&[]);
    assert_eq!(plain.0, Some(5), "{}", plain.1);
    let cached = ["data.cache={dir: tapes}"];
    assert_eq!(fails(&cached), plain);
    assert_eq!(fails(&cached), plain, "no half segment stands for the whole");
}

#[test]
fn results_from_a_table_are_the_same_with_and_without_a_cache() {
    let Some(library) = chfront::library() else {
        println!("skipped: no ClickHouse engine; scripts/test installs it");
        return;
    };
    let scratch = Scratch::new("cache-table");
    let files = files(&scratch, 70);
    let front = Front::start(&library, &scratch.0.join("engine")).expect("the engine starts");
    let insert = |file: &Path| {
        format!(
            "INSERT INTO cached.market_data SELECT symbol, type, exch_ts, ingest_ts, price_scaled, volume, \
             bids_price, bids_vol, asks_price, asks_vol, seq_no, side FROM file('{}', 'Parquet') WHERE \
             isNotNull(symbol) AND isNotNull(exch_ts)",
            file.display()
        )
    };
    execute(front.url(), "CREATE DATABASE cached");
    execute(
        front.url(),
        "CREATE TABLE cached.market_data (symbol String, type Nullable(String), exch_ts Int64, ingest_ts \
         Nullable(Int64), price_scaled Nullable(Int64), volume Nullable(Int64), bids_price Array(Nullable(Int64)), \
         bids_vol Array(Nullable(Int64)), asks_price Array(Nullable(Int64)), asks_vol Array(Nullable(Int64)), seq_no \
         Nullable(UInt64), side Nullable(Int8)) ENGINE = MergeTree ORDER BY (symbol, exch_ts)",
    );
    files[..2].iter().for_each(|file| execute(front.url(), &insert(file)));
    let source = format!("  clickhouse: {{ url: \"{}\", database: cached }}\n", front.url());
    let config = config(&source);
    let cached = "data.cache={dir: tapes}";
    let dir = scratch.0.join("tapes");
    let plain = run(&scratch, &config, &[]);
    let first = run(&scratch, &config, &[cached]);
    assert_same(&first, &plain, "the first pass");
    assert_eq!(first.1, plain.1, "nothing is to be said");
    let made = tapes(&dir);
    assert_eq!(made.len(), 6, "three days of two symbols, of which one is empty");
    assert_same(&run(&scratch, &config, &[cached]), &plain, "a later pass");
    assert_eq!(tapes(&dir), made);
    let day = ["data.from=2026-04-09", "data.to=2026-04-09"];
    let one = run(&scratch, &config, &day);
    assert_same(&run(&scratch, &config, &[cached, day[0], day[1]]), &one, "one day");
    assert_eq!(tapes(&dir), made, "the day is that of the first pass");
    // One value of one row changes, as many rows as before; then a day comes in.
    let change = format!(
        "ALTER TABLE cached.market_data UPDATE volume = volume + 1 WHERE symbol = 'TXF' AND type = 'Tick' AND \
         exch_ts < {} SETTINGS mutations_sync = 1",
        T0 + 100 * MS
    );
    for sql in [change, insert(&files[2])] {
        execute(front.url(), &sql);
        let changed = run(&scratch, &config, &[]);
        assert!(changed.0["summary.json"] != plain.0["summary.json"], "{sql}: it matters");
        assert_same(&run(&scratch, &config, &[cached]), &changed, &sql);
    }
    assert_eq!(tapes(&dir).len(), 6 + 1 + 2, "only what had changed was made again");
}

fn execute(url: &str, sql: &str) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    let client = clickhouse::Client::default().with_url(url);
    runtime.block_on(client.query(sql).execute()).unwrap_or_else(|e| panic!("{sql}: {e}"));
}
