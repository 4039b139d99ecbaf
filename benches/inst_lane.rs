//! Instructions that a lane spends on an event, on a request and on an order's round trip, counted by callgrind.
//!
//! `inst_lane` measures every case, compares with `benches/instructions.toml` and fails on more than 3 % either way: a loss
//! is a regression, a gain is to be kept by `--bless`. `inst_lane CASE...` measures some. Built and run by
//! `scripts/instructions`. A regression means that every backtest got slower by about as much, on every machine.
//!
//! How: a case runs four passes, a shorter and a longer piece of one tape with fewer and with more lanes, each inside
//! `bench_pass`. The difference of lanes leaves out what rows cost however many lanes there are, the difference of lengths
//! what a run costs however long it is; what is left is the lane. `feed_row` is what the first difference leaves out:
//! taking, ordering and merging a row. `order_round_trip` is the slope over the number of trips of a strategy that does
//! nothing else, between two rows hours apart: submit, accepted, cancel, cancelled, each at an instant of its own.
//!
//! Why callgrind alone, without gungraun: its benchmarks are absolute counts of one function beside a stored baseline in the
//! target folder, and what we want is a difference of four, divided by counts that the run itself tells, beside a committed
//! file that knows its tools. None of it can be had from gungraun but the call of valgrind, and its runner takes minutes to
//! install.
//!
//! Invariants: one binary gives the same counts every time; every pass asserts calls = rows delivered, where all were asked for,
//! and orders and fills above zero where it quotes.

use btcore_benches::case::{
    CASES, Case, INSTRUMENTS_RATIO_MAX, ORDER_INSTRUCTIONS_MAX, REQUEST_INSTRUCTIONS_MAX,
    quiet_tape,
};
use btcore_benches::instructions::Instructions;
use btcore_benches::pass::{bench_pass, counts, replay};
use btcore_benches::plugin::Plugin;
use btcore_benches::tape::Tape;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const TAPE_ROWS: usize = 65_536;
const TRIPS: [i64; 2] = [1_000, 3_000];
const ORDER: &str = "order_round_trip";
/// Further than this from the committed count is a loss, or a gain to be kept.
const TOLERANCE: f64 = 0.03;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--passes", ORDER] => round_trips(),
        ["--passes", name] => passes(Case::named(name).expect("a case")),
        ["--tapes"] => Tape::checksums().for_each(|line| println!("{line}")),
        ["--features"] => println!("{}", features()),
        ["--bless"] => return judge(&names(), true),
        [] => return judge(&names(), false),
        some if some.iter().all(|name| names().contains(name)) => return judge(some, false),
        _ => {
            eprintln!("usage: inst_lane [--bless | CASE...]; cases: {}", names().join(" "));
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn names() -> Vec<&'static str> {
    CASES.iter().map(|case| case.name).chain([ORDER]).collect()
}

/// The four passes of a case, under callgrind: shorter with fewer lanes, with more, longer with fewer, with more.
fn passes(case: &Case) {
    let (tape, plugin) = (Tape::of(case.instruments, TAPE_ROWS), case.plugin());
    for rows in case.rows {
        for lanes in case.lanes {
            let mut replay = replay(&tape, &plugin, case.params, lanes);
            bench_pass(&mut replay, &tape, rows);
            let counts = counts(&mut replay, case.quotes());
            let requests: u64 = counts.iter().map(|lane| lane.requests).sum();
            println!("{lanes} {} {requests}", counts[0].summary.rows_delivered);
        }
    }
}

fn round_trips() {
    let (tape, plugin) = (quiet_tape(), Plugin::open("round_trip"));
    for trips in TRIPS {
        let mut replay = replay(&tape, &plugin, &[("trips", trips)], 1);
        bench_pass(&mut replay, &tape, tape.len());
        let counts = counts(&mut replay, false);
        assert_eq!(counts[0].summary.orders, trips as u64, "every trip was made");
        assert_eq!(counts[0].summary.cancels, trips as u64, "and ended");
        println!("1 {} {}", counts[0].summary.rows_delivered, counts[0].requests);
    }
}

/// What one pass of a case counted.
struct Pass {
    instructions: f64,
    lanes: f64,
    rows: f64,
    requests: f64,
}

/// Runs the passes of a case under callgrind.
fn count(case: &str, folder: &Path) -> Result<Vec<Pass>, String> {
    let out = folder.join(case);
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=bench_pass", "--dump-after=bench_pass"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().map_err(|error| error.to_string())?)
        .args(["--passes", case])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        return Err(format!("{case}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let pass = |(index, line): (usize, &str)| {
        let dump = folder.join(format!("{case}.{}", index + 1));
        let text =
            std::fs::read_to_string(&dump).map_err(|e| format!("{}: {e}", dump.display()))?;
        let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
        let totals = totals.and_then(|word| word.trim().parse().ok());
        let instructions = totals.ok_or_else(|| format!("{}: no totals", dump.display()))?;
        let mut words = line.split(' ').map(|word| word.parse().unwrap_or(f64::NAN));
        let mut number = || words.next().unwrap_or(f64::NAN);
        Ok(Pass { instructions, lanes: number(), rows: number(), requests: number() })
    };
    told.lines().enumerate().map(pass).collect()
}

/// Counts the cases, as many at once as there are cores.
fn count_all(cases: &[&str]) -> Result<BTreeMap<String, f64>, String> {
    let folder = std::env::temp_dir().join(format!("btcore-inst-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for case in CASES.iter().filter(|case| cases.contains(&case.name)) {
        Tape::of(case.instruments, TAPE_ROWS); // Made here, where it is quick.
    }
    Tape::of(1, TAPE_ROWS);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let passes = count(case, &folder);
            done.lock().expect("no thread panics").push((*case, passes));
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        (0..threads).for_each(|_| drop(scope.spawn(work)));
    });
    let _ = std::fs::remove_dir_all(&folder); // What is left is the system's to remove.
    let mut counts = BTreeMap::new();
    let mut requests_each = 0.0;
    for (case, passes) in done.into_inner().expect("no thread panics") {
        match passes?.as_slice() {
            [few, many] => {
                let trips = (TRIPS[1] - TRIPS[0]) as f64;
                counts.insert(ORDER.into(), (many.instructions - few.instructions) / trips);
            }
            [short_few, short_many, long_few, long_many] => {
                let few = long_few.instructions - short_few.instructions;
                let many = long_many.instructions - short_many.instructions;
                let events = long_few.rows - short_few.rows;
                let lane = (many - few) / (long_many.lanes - long_few.lanes) / events;
                counts.insert(case.into(), lane);
                if case == "noop" {
                    counts.insert("feed_row".into(), few / events - long_few.lanes * lane);
                }
                if case == "quote10" {
                    requests_each = (long_few.requests - short_few.requests) / events;
                }
            }
            passes => return Err(format!("{case}: {} passes", passes.len())),
        }
    }
    if let (Some(noop), Some(quotes)) = (counts.get("noop"), counts.get("quote10")) {
        counts.insert("request".into(), (quotes - noop) / requests_each);
    }
    // As the file keeps them.
    counts.values_mut().for_each(|count| *count = (*count * 100.0).round() / 100.0);
    Ok(counts)
}

/// Compile-time target features, and those that code may find at run time where callgrind counts.
fn features() -> String {
    let mut features: Vec<&str> = env!("BENCH_TARGET_FEATURES").split(',').collect();
    #[cfg(target_arch = "x86_64")]
    for (name, is_there) in [
        ("(avx2)", std::is_x86_feature_detected!("avx2")),
        ("(bmi2)", std::is_x86_feature_detected!("bmi2")),
        ("(avx512f)", std::is_x86_feature_detected!("avx512f")),
    ] {
        features.extend(is_there.then_some(name));
    }
    features.join(",")
}

/// What the counts depend on beside the sources. `None` where valgrind cannot be had.
fn tools() -> Option<BTreeMap<String, String>> {
    let line = |command: &mut Command| {
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let valgrind = line(Command::new("valgrind").arg("--version"))?;
    let own = std::env::current_exe().ok()?;
    let seen =
        line(Command::new("valgrind").args(["--tool=none", "-q"]).arg(own).arg("--features"));
    let tools = [
        ("rustc", env!("BENCH_RUSTC").to_owned()),
        ("cc", env!("BENCH_CC").to_owned()),
        ("features", seen.unwrap_or_default()),
        ("valgrind", valgrind),
    ];
    Some(tools.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn judge(cases: &[&str], bless: bool) -> ExitCode {
    let Some(tools) = tools() else {
        println!("instructions: valgrind is not on this machine; nothing was counted");
        return ExitCode::SUCCESS;
    };
    let (known, counts) = match (Instructions::read(), count_all(cases)) {
        (Ok(known), Ok(counts)) => (known, counts),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("instructions: {error}");
            return ExitCode::from(1);
        }
    };
    print_table(&counts, &known);
    if bless {
        let blessed = Instructions { tools, counts };
        return match blessed.write() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{}: {error}", Instructions::path().display());
                ExitCode::from(1)
            }
        };
    }
    if known.tools != tools {
        println!("\nNot compared: {} was counted by other tools.", Instructions::path().display());
        for (name, value) in
            tools.iter().filter(|(name, value)| known.tools.get(*name) != Some(value))
        {
            let theirs = known.tools.get(name).map_or("nothing", String::as_str);
            println!("  {name}: here {value}, there {theirs}");
        }
        return ExitCode::SUCCESS;
    }
    let change = |(name, count): (&String, &f64)| {
        known.counts.get(name).map_or(f64::INFINITY, |known| count / known - 1.0)
    };
    let worse: Vec<_> = counts.iter().filter(|count| change(*count) > TOLERANCE).collect();
    let better: Vec<_> = counts.iter().filter(|count| change(*count) < -TOLERANCE).collect();
    for (name, _) in &worse {
        eprintln!("{name}: more than 3 % over what is committed, or not committed at all");
    }
    for (name, _) in &better {
        eprintln!("{name}: more than 3 % under what is committed: a gain to keep");
    }
    if worse.is_empty() && better.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "scripts/instructions --bless writes the counts of this build to {}; commit it with the change that made them, and say \
         why if any rose",
        Instructions::path().display()
    );
    ExitCode::from(1)
}

fn print_table(counts: &BTreeMap<String, f64>, known: &Instructions) {
    println!(
        "{:<24} {:>12} {:>8} {:>10} {:>8}",
        "instructions", "counted", "budget", "committed", "change"
    );
    let row = |name: &str, budget: Option<f64>| {
        let Some(count) = counts.get(name) else { return };
        let budget = budget.map_or(String::new(), |budget| format!("{budget:.0}"));
        let (committed, change) = match known.counts.get(name) {
            Some(known) => {
                (format!("{known:.2}"), format!("{:+.1} %", 100.0 * (count / known - 1.0)))
            }
            None => (String::new(), String::new()),
        };
        println!("{name:<24} {count:>12.2} {budget:>8} {committed:>10} {change:>8}");
    };
    for case in CASES {
        let of_one = |strategy| counts.get(strategy).map(|one| one * INSTRUMENTS_RATIO_MAX);
        let budget = match case.name {
            "noop_instruments64" => of_one("noop"),
            "quote100_instruments64" => of_one("quote100"),
            _ => case.instructions_max,
        };
        row(case.name, budget);
    }
    row(ORDER, Some(ORDER_INSTRUCTIONS_MAX));
    row("request", Some(REQUEST_INSTRUCTIONS_MAX));
    row("feed_row", None);
}
