//! A hundred quoting strategies over one tape: in one pass, in two threads of fifty, and as a hundred processes.
//!
//! `cargo bench -p btcore-benches --bench wall_sweep [-- LANES ROWS]`. Figures are CPU of all threads, for each lane and event,
//! and wall time. A process counts its pass alone: its start and its reading of the tape are told apart, and decoding, which
//! each process would do again, is not in the figures at all. The last line says what the measured figure comes to for 100
//! strategies x 750 days x 1 M events on two cores; only the rows above were run.

use btcore_benches::case::Case;
use btcore_benches::tape::Tape;
use btcore_benches::{clock, wall};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// 60 MB, twice the last-level cache here; each process reads it.
const TAPE_ROWS: usize = 300_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |at: usize, default: usize| {
        words.get(at).map_or(default, |word| word.parse().expect("a number"))
    };
    if words.first().is_some_and(|word| word == "--one") {
        return one(number(1, 0));
    }
    let (lanes, rows) = (number(0, 100), number(1, TAPE_ROWS));
    let case = Case::named("quote100").expect("a case");
    let (tape, plugin) = (Tape::of(1, TAPE_ROWS), case.plugin());

    let events = rows - wall::WARM_ROWS;
    let time = |lanes| wall::time_pass(case, &tape, &plugin, lanes, rows).ns as f64;
    let each = |ns: f64| ns / lanes as f64 / events as f64;
    println!("{lanes} lanes of {}, {events} events and {} before them", case.name, wall::WARM_ROWS);
    println!("one lane alone:              {:>6.1} ns an event", time(1) / events as f64);

    let start = Instant::now();
    say("one pass", each(time(lanes)), start);

    let start = Instant::now();
    let threads_ns: f64 = std::thread::scope(|scope| {
        let halves = [scope.spawn(|| time(lanes / 2)), scope.spawn(|| time(lanes / 2))];
        halves.into_iter().map(|half| half.join().expect("it runs")).sum()
    });
    say("two threads, half each", each(threads_ns), start);

    let (next, own_ns, before_ns) =
        (AtomicUsize::new(0), AtomicUsize::new(0), clock::children_cpu_ns());
    let start = Instant::now();
    let work = || {
        while next.fetch_add(1, Ordering::Relaxed) < lanes {
            own_ns.fetch_add(process(rows), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| drop([scope.spawn(work), scope.spawn(work)]));
    let own_ns = own_ns.into_inner() as f64;
    say("a process each, two at once", each(own_ns), start);
    let rest_ms = ((clock::children_cpu_ns() - before_ns) as f64 - own_ns) / 1e6 / lanes as f64;
    println!(
        "  and {rest_ms:.0} ms of CPU each for its start, reading the tape, and the events before"
    );

    let minutes = each(threads_ns) / 2.0 * 100.0 * 750.0 * 1e6 / 60e9;
    println!(
        "extrapolated from two threads: 100 strategies x 750 days x 1 M events on two cores, rows in memory: {minutes:.0} min \
         (16 ns of CPU a lane and event would be 10)"
    );
}

fn say(what: &str, each_ns: f64, start: Instant) {
    let wall = start.elapsed().as_secs_f64();
    println!(
        "{:<28} {each_ns:>4.1} ns a lane and event, {wall:.2} s of wall time",
        format!("{what}:")
    );
}

/// Runs one lane in a process of its own; ns of its pass.
fn process(rows: usize) -> usize {
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new(own);
    command.args(["--one", &rows.to_string()]);
    let output = command.stderr(Stdio::inherit()).output().expect("it starts");
    assert!(output.status.success(), "a process failed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(' ').next().and_then(|word| word.parse().ok()).expect("ns")
}

/// What such a process does.
fn one(rows: usize) {
    let case = Case::named("quote100").expect("a case");
    let timed = wall::time_pass(case, &Tape::of(1, TAPE_ROWS), &case.plugin(), 1, rows);
    println!("{} {}", timed.ns, timed.warm_ns);
}
