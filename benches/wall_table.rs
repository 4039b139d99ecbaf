//! One table of everything: ns, cycles and instructions of a lane for an event, beside what memory gives and the budgets.
//!
//! `cargo bench -p btcore-benches --bench wall_table [-- ROUNDS [CASE...]]`. Rounds take all cases in turn, in one process; a
//! figure is of the quickest passes. Nothing here fails: a machine with neighbours would fail it for theirs.
//!
//! `lane` is a lane over rows that were just merged, by the difference of five lanes and one; `pass` is everything with one
//! lane: taking a million rows out of memory, ordering, hashing and merging them, and the lane. Shares are the bytes that the
//! case needs of each event, over that time, beside the best of three ways to read the same tape (out of cache: a million
//! rows; in cache: 8 MiB of them). Cycles are ns times what the core was measured to run at beside them.

use btcore_benches::case::{
    BANDWIDTH_SHARE_MIN, CASES, Case, INSTRUMENTS_RATIO_MAX, ORDER_INSTRUCTIONS_MAX, quiet_tape,
};
use btcore_benches::clock::Core;
use btcore_benches::instructions::Instructions;
use btcore_benches::plugin::Plugin;
use btcore_benches::tape::Tape;
use btcore_benches::wall::{self, Best};
use btcore_benches::{clock, pass, scan};
use std::collections::BTreeMap;

const ROWS: usize = 1_000_000;
/// Rows of a pass with many lanes.
const ROWS_MANY: usize = 170_000;
const TRIPS: [i64; 2] = [20_000, 220_000];

struct Row<'a> {
    case: &'a Case,
    tape: &'a Tape,
    plugin: Plugin,
    best: Best,
}

/// What the machine gives: the best of all rounds.
#[derive(Default)]
struct Machine {
    ghz: f64,
    /// Bytes a ns: of events, and of events and depth rows.
    memory: [f64; 2],
    cache: f64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let rounds = words.first().map_or(5, |word| word.parse().expect("rounds"));
    let wanted = |case: &&Case| words.len() < 2 || words[1..].iter().any(|name| name == case.name);
    let cases: Vec<&Case> = CASES.iter().filter(wanted).collect();
    let instruments = cases.iter().map(|case| case.instruments).chain([1]);
    let tapes: BTreeMap<usize, Tape> = instruments.map(|n| (n, Tape::of(n, ROWS))).collect();
    let row = |case: &&'static Case| {
        let best = match case.lanes {
            [1, 2] => Best::new([1, 5], ROWS),
            lanes => Best::new(lanes, ROWS_MANY),
        };
        Row { case, tape: &tapes[&case.instruments], plugin: case.plugin(), best }
    };
    let mut rows: Vec<Row> = cases.iter().map(row).collect();
    let one = &tapes[&1];
    let (events, depths) = (scan::words(one.events()), scan::words(one.depths()));
    let (mut machine, mut trip_ns) = (Machine::default(), f64::MAX);
    for number in 0..rounds {
        eprintln!("round {} of {rounds}", number + 1);
        machine.ghz = machine.ghz.max(Core::calibrate().ghz);
        machine.memory[0] = machine.memory[0].max(wall::bandwidth(&[events]));
        machine.memory[1] = machine.memory[1].max(wall::bandwidth(&[events, depths]));
        machine.cache = machine.cache.max(wall::bandwidth_cached(events));
        rows.iter_mut().for_each(|row| row.best.round(row.case, row.tape, &row.plugin));
        trip_ns = trip_ns.min(round_trip_ns());
    }
    print(&rows, &machine, trip_ns);
}

/// An order's round trip, ns.
fn round_trip_ns() -> f64 {
    let (tape, plugin) = (quiet_tape(), Plugin::open("round_trip"));
    let [few, many] = TRIPS.map(|trips| {
        let mut replay = pass::replay(&tape, &plugin, &[("trips", trips)], 1);
        let start_ns = clock::cpu_ns();
        pass::bench_pass(&mut replay, &tape, tape.len());
        let ns = clock::cpu_ns() - start_ns;
        assert_eq!(pass::counts(&mut replay, false)[0].summary.cancels, trips as u64);
        ns as f64
    });
    (many - few) / (TRIPS[1] - TRIPS[0]) as f64
}

fn print(rows: &[Row], machine: &Machine, trip_ns: f64) {
    let known = Instructions::read().unwrap_or_default();
    let line = |name: &str, lane_ns: f64, pass_ns: Option<f64>, beside: &str, budget: &str| {
        let instructions = known.counts.get(name).map_or("-".into(), |count| format!("{count:.0}"));
        let pass_ns = pass_ns.map_or(String::new(), |ns| format!("{ns:.1}"));
        let cycles = lane_ns * machine.ghz;
        println!(
            "{name:<22} {lane_ns:>8.2} {cycles:>8.1} {instructions:>7} {pass_ns:>8}  {beside:<50} {budget}"
        );
    };
    let Machine { ghz, memory: [memory, both], cache } = machine;
    println!(
        "core {ghz:.2} GHz; reads {memory:.1} GB/s of events, {both:.1} with depth rows, {cache:.1} in cache"
    );
    println!("instructions as committed: {}\n", Instructions::path().display());
    println!(
        "{:<22} {:>8} {:>8} {:>7} {:>8}  {:<50} budget",
        "case", "lane ns", "cycles", "instr", "pass ns", "ratio"
    );
    let of_one =
        |name: &str| rows.iter().find(|row| row.case.name == name).map(|row| row.best.lane_ns());
    for row in rows {
        let (case, lane_ns) = (row.case, row.best.lane_ns());
        let mut pass_ns = Some(row.best.pass_ns());
        let (mut beside, mut budget) = (String::new(), vec![]);
        budget.extend(case.instructions_max.map(|most| format!("{most:.0} instr")));
        budget.extend(case.ns_max.map(|most| format!("{most:.0} ns")));
        if case.lanes[1] > 2 {
            pass_ns = None;
            let lanes = case.lanes[1];
            beside = format!(
                "{:.1} ns a lane and event, feed included, by {lanes}",
                row.best.shared_ns()
            );
        } else if case.instruments > 1 {
            budget.push(format!("{INSTRUMENTS_RATIO_MAX:.1} of one"));
            let one = if case.quotes() { "quote100" } else { "noop" };
            beside =
                of_one(one).map_or(beside, |ns| format!("{:.2} of one instrument", lane_ns / ns));
        } else if !case.quotes() {
            let depth = size_of_val(row.tape.depths()) as f64 / row.tape.len() as f64;
            let bytes = 64.0 + if case.reads_depth { depth } else { 0.0 };
            let memory = machine.memory[usize::from(case.reads_depth)];
            beside = format!(
                "{:.3} of memory, {:.3} of cache; pass {:.3} of memory",
                bytes / lane_ns / memory,
                bytes / lane_ns / cache,
                bytes / row.best.pass_ns() / memory
            );
            budget.push(format!(
                "{} of memory, {} of cache",
                BANDWIDTH_SHARE_MIN[0], BANDWIDTH_SHARE_MIN[1]
            ));
        }
        line(case.name, lane_ns, pass_ns, &beside, &budget.join("; "));
    }
    let budget = format!("{ORDER_INSTRUCTIONS_MAX:.0} instr");
    line("order_round_trip", trip_ns, None, "ns of a round trip", &budget);
    if let Some(noop) = rows.iter().find(|row| row.case.name == "noop") {
        let best = &noop.best;
        let touch = format!("a pass touching its memory first: {:.1} ns", best.first_touch_ns());
        line("feed_row", best.pass_ns() - best.lane_ns(), Some(best.pass_ns()), &touch, "");
    }
}
