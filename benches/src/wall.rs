//! Time of passes: cases taken in turn, round by round, in one process, so that what a neighbour on the machine takes is
//! taken from all of them, and the least that any round took.
//!
//! Units: ns of CPU of the thread, per event, or per lane and event. A lane is the difference of a pass with many lanes and one
//! with few, as under callgrind: what is left is the lane over rows that are in cache, since the rows were just merged.
//! Invariant: the first [`WARM_ROWS`] rows of a pass fault its memory in and are timed apart; everything else is steady.

use crate::case::Case;
use crate::pass::{self, counts, replay};
use crate::plugin::Plugin;
use crate::tape::Tape;
use crate::{clock, scan};

/// Rows that fill the replay window once, and the lanes' slabs for the most part.
pub const WARM_ROWS: usize = 70_000;

/// One pass, ns of CPU.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    /// Its first [`WARM_ROWS`] rows.
    pub warm_ns: u64,
    /// The rest.
    pub ns: u64,
    /// Rows of the rest.
    pub rows: usize,
}

/// Runs one pass over so many rows, more than [`WARM_ROWS`].
///
/// # Panics
/// The pass is not what the case promises.
pub fn time_pass(case: &Case, tape: &Tape, plugin: &Plugin, lanes: usize, rows: usize) -> Timed {
    let mut replay = replay(tape, plugin, case.params, lanes);
    let start_ns = clock::cpu_ns();
    pass::feed(&mut replay, tape, 0, WARM_ROWS);
    let warm_ns = clock::cpu_ns();
    pass::feed(&mut replay, tape, WARM_ROWS, rows);
    pass::end(&mut replay);
    let ns = clock::cpu_ns() - warm_ns;
    counts(&mut replay, case.quotes());
    Timed { warm_ns: warm_ns - start_ns, ns, rows: rows - WARM_ROWS }
}

/// The quickest passes of a case so far, with fewer and with more lanes.
#[derive(Clone, Copy, Debug)]
pub struct Best {
    lanes: [usize; 2],
    rows: usize,
    ns: [u64; 2],
    warm_ns: u64,
}

impl Best {
    /// Before the first round.
    pub fn new(lanes: [usize; 2], rows: usize) -> Best {
        Best { lanes, rows, ns: [u64::MAX; 2], warm_ns: u64::MAX }
    }

    /// Times the case once more.
    pub fn round(&mut self, case: &Case, tape: &Tape, plugin: &Plugin) {
        for (best_ns, lanes) in self.ns.iter_mut().zip(self.lanes) {
            let timed = time_pass(case, tape, plugin, lanes, self.rows);
            *best_ns = timed.ns.min(*best_ns);
            self.warm_ns = timed.warm_ns.min(self.warm_ns);
        }
    }

    fn each(&self, ns: u64) -> f64 {
        ns as f64 / (self.rows - WARM_ROWS) as f64
    }

    /// A lane, for each event.
    pub fn lane_ns(&self) -> f64 {
        (self.each(self.ns[1]) - self.each(self.ns[0])) / (self.lanes[1] - self.lanes[0]) as f64
    }

    /// The whole of a pass with the fewer lanes, for each event.
    pub fn pass_ns(&self) -> f64 {
        self.each(self.ns[0])
    }

    /// The whole of a pass with the more lanes, for each lane and event.
    pub fn shared_ns(&self) -> f64 {
        self.each(self.ns[1]) / self.lanes[1] as f64
    }

    /// The same as [`Best::pass_ns`] while memory is touched for the first time.
    pub fn first_touch_ns(&self) -> f64 {
        self.warm_ns as f64 / WARM_ROWS as f64
    }
}

/// The best of some scans of these words, in every way, bytes a ns.
pub fn bandwidth(parts: &[&[u64]]) -> f64 {
    let bytes: usize = parts.iter().map(|words| size_of_val(*words)).sum();
    let mut best_ns = u64::MAX;
    for _ in 0..3 {
        for way in 0..scan::WAYS.len() {
            let start_ns = clock::cpu_ns();
            parts.iter().for_each(|words| scan::read(way, words));
            best_ns = best_ns.min(clock::cpu_ns() - start_ns);
        }
    }
    bytes as f64 / best_ns as f64
}

/// The bandwidth of what stays in cache: the first 8 MiB, read often.
pub fn bandwidth_cached(words: &[u64]) -> f64 {
    let part = &words[..words.len().min(1 << 20)];
    let (mut best, times) = (0.0_f64, 16);
    for way in 0..scan::WAYS.len() {
        scan::read(way, part);
        let start_ns = clock::cpu_ns();
        (0..times).for_each(|_| scan::read(way, part));
        let ns = clock::cpu_ns() - start_ns;
        best = best.max((times * size_of_val(part)) as f64 / ns as f64);
    }
    best
}
