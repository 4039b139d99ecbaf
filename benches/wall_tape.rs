//! Lanes over rows that are merged already: how near a replay comes to reading its rows, which is all that it must do.
//!
//! `cargo bench -p btcore-benches --bench wall_tape [-- ROUNDS]`. A million rows, more than any cache holds, and 65,536, which
//! a core's outer cache does. In every round the scans and the cases run in turn, on one thread; a share is the bytes that a
//! case needs of each event over its time, beside those of the best scan of the same tape.
//!
//! Shares of the least times of any round are printed, and the middle of the rounds' own shares, which a neighbour on the
//! machine moves less. Nothing here fails.

use btcore::engine::{Need, Replay, Tape as Merged};
use btcore::feed::FeedConfig;
use btcore_benches::case::{BANDWIDTH_SHARE_MIN, Case};
use btcore_benches::tape::Tape;
use btcore_benches::{clock, pass, scan, wall};
use std::sync::Arc;

const LENGTHS: [(&str, usize, usize); 2] = [("memory", 1_000_000, 1), ("cache", 65_536, 15)];
const CASES: [&str; 3] = ["noop", "touch", "ten"];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let rounds = words.first().map_or(9, |word| word.parse().expect("rounds"));
    println!(
        "{:<8} {:<6} {:>8} {:>8} {:>8}  share at least",
        "tape", "case", "ns", "share", "middle"
    );
    for ((place, rows, times), least) in LENGTHS.into_iter().zip(BANDWIDTH_SHARE_MIN) {
        let tape = Tape::of(1, rows);
        let merged = merge(&tape);
        let (events, depths) = (scan::words(tape.events()), scan::words(tape.depths()));
        let depth = size_of_val(tape.depths()) as f64 / tape.len() as f64;
        // For each case, by round: ns an event, and its share.
        let mut figures = vec![Vec::new(); CASES.len()];
        for _ in 0..rounds {
            let reads = [
                wall::bandwidth(&vec![events; times]),
                wall::bandwidth(&vec![[events, depths]; times].concat()),
            ];
            for (name, figures) in CASES.iter().zip(&mut figures) {
                let case = Case::named(name).expect("a case");
                let ns = lane_ns(case, &merged, &tape, times);
                let bytes = 64.0 + if case.reads_depth { depth } else { 0.0 };
                figures.push((ns, bytes / ns / reads[usize::from(case.reads_depth)]));
            }
        }
        for (name, mut figures) in CASES.iter().zip(figures) {
            figures.sort_by(|a, b| a.1.total_cmp(&b.1));
            let best = figures
                .iter()
                .fold((f64::MAX, 0.0_f64), |best, one| (best.0.min(one.0), best.1.max(one.1)));
            let middle = figures[figures.len() / 2].1;
            println!("{place:<8} {name:<6} {:>8.2} {:>8.3} {middle:>8.3}  {least}", best.0, best.1);
        }
    }
}

fn merge(tape: &Tape) -> Arc<Merged> {
    let instruments = vec![pass::instrument(0, tape.sessions())];
    let config = FeedConfig { window_rows: tape.len() + 1_024, ..FeedConfig::default() };
    let mut merged = Merged::new(instruments, config, 1).expect("a valid config");
    let mut next = 0;
    while let Need::Rows(stream) = merged.load().expect("it holds them") {
        if next == tape.len() {
            merged.close(stream);
        } else {
            let rows = tape.rows(next, tape.len().min(next + 4_096));
            next += merged.push(stream, rows).expect("the rows are good");
        }
    }
    Arc::new(merged)
}

/// CPU ns of one lane, for each event.
fn lane_ns(case: &Case, merged: &Arc<Merged>, tape: &Tape, times: usize) -> f64 {
    let plugin = case.plugin();
    let mut ns = 0;
    for _ in 0..times {
        let slot = plugin.slot(&[("phase", 0)]);
        let replay = Replay::over(merged.clone(), vec![(pass::lane(0), vec![slot])]);
        let mut lanes = pass::Lanes::of(replay.expect("it is whole"));
        let start_ns = clock::cpu_ns();
        pass::end(&mut lanes);
        ns += clock::cpu_ns() - start_ns;
        pass::counts(&mut lanes, false);
    }
    ns as f64 / (tape.len() * times) as f64
}
