//! One pass of lanes over a tape: what `bt-host run` does between its decoder and its writer.
//!
//! Invariants: rows are handed over 4,096 at a time, recorders are drained into nothing; [`bench_pass`] is the whole of what
//! is measured, building a replay and reading its results lie outside; a pass whose counts are not what the case promises
//! is a panic, so that nothing is measured that did not happen.

use crate::plugin::Plugin;
use crate::tape::Tape;
use btcore::engine::{Capacity, LaneConfig, LaneSummary, Need, Replay};
use btcore::exchange::ExchangeConfig;
use btcore::feed::{FeedConfig, class};
use btcore::latency::Latency;
use btcore::recorder::{DayRow, FillRow, OrderRow, SeriesRow, Sink};
use btcore::strategy::Strategy;
use btcore::wire::{Instrument, QueueRow, Session, TickStep};
use btcore_ffi::CStrategy;

/// Rows handed over at once.
const CHUNK_ROWS: usize = 4_096;

/// What a lane came to.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Requests that were taken.
    pub requests: u64,
    /// The core's own figures.
    pub summary: LaneSummary,
}

/// An instrument of the tape.
pub fn instrument(number: usize, sessions: Vec<Session>) -> Instrument {
    Instrument {
        symbol: format!("SYN{number:02}"),
        exchange: "SYNTH".into(),
        ticks: vec![TickStep { price_from: 0, tick: 1_000_000 }],
        multiplier_e6: 200_000_000,
        limit_down: i64::MIN,
        limit_up: i64::MAX,
        depth_max: 5,
        order_qty_max: u32::MAX,
        protection: 0,
        negative_prices: false,
        sessions,
        fees: vec![],
    }
}

/// A lane as the host sets one by default.
pub fn lane(number: usize) -> LaneConfig {
    let latency = Latency {
        feed_ns: 1_000_000,
        submit_ns: 5_000_000,
        amend_ns: 5_000_000,
        cancel_ns: 5_000_000,
        response_ns: 1_000_000,
    };
    LaneConfig {
        name: format!("lane {number}"),
        seed: 1,
        latency: latency.into(),
        exchange: ExchangeConfig::default(),
        timeseries_ns: 60_000_000_000,
        capital: 1_000_000_000_000,
        capacity: Capacity::default(),
    }
}

/// Lanes in a pass, and what their strategies say of themselves at its end.
pub struct Lanes {
    replay: Replay<CStrategy>,
    told: Vec<Told>,
    /// Whether their strategies asked for every row.
    want_all: bool,
}

impl Lanes {
    /// Those of a replay, whose strategies asked for every row.
    pub fn of(replay: Replay<CStrategy>) -> Self {
        let told = vec![Told::default(); replay.lane_count()];
        Lanes { replay, told, want_all: true }
    }

    /// Runs as far as the rows at hand allow; the stream whose rows are wanted, if they are not over.
    fn run(&mut self) -> Option<usize> {
        loop {
            match self.replay.run().expect("it runs") {
                Need::Nothing => return None,
                Need::Drain(lane) => self.replay.drain(lane, &mut self.told[lane]),
                Need::Rows(stream) => return Some(stream),
            }
        }
    }
}

/// A replay of so many lanes, one strategy each; lane n begins n events after the first.
///
/// # Panics
/// The core refuses the config.
pub fn replay(tape: &Tape, plugin: &Plugin, params: &[(&str, i64)], lanes: usize) -> Lanes {
    let sessions = tape.sessions();
    let instruments = (0..tape.instruments).map(|n| instrument(n, sessions.clone())).collect();
    let lanes = (0..lanes).map(|number| {
        let mut params = params.to_vec();
        params.push(("phase", number as i64));
        (lane(number), vec![plugin.slot(&params)])
    });
    let lanes: Vec<_> = lanes.collect();
    let want_all = lanes
        .iter()
        .flat_map(|(_, slots)| slots)
        .all(|slot| slot.code.wants() & class::ALL == class::ALL);
    let replay = Replay::new(instruments, FeedConfig::default(), 1, lanes);
    let mut replay = replay.expect("a valid config");
    // As a run that writes tables does.
    replay.keep_sent();
    Lanes { want_all, ..Lanes::of(replay) }
}

/// Runs the first `rows` rows of the tape, to the end of the run. Callgrind knows it by its name.
///
/// # Panics
/// The run fails.
#[inline(never)]
#[unsafe(no_mangle)]
pub fn bench_pass(lanes: &mut Lanes, tape: &Tape, rows: usize) {
    feed(lanes, tape, 0, rows);
    end(lanes);
}

/// Feeds rows from `first` to before `last` and runs as far as they allow.
///
/// # Panics
/// The run fails.
pub fn feed(lanes: &mut Lanes, tape: &Tape, first: usize, last: usize) {
    let mut next = first;
    while let Some(stream) = lanes.run()
        && next < last
    {
        let chunk = tape.rows(next, last.min(next + CHUNK_ROWS));
        next += lanes.replay.push(stream, chunk).expect("the rows are good");
    }
}

/// Says that no more rows come, and runs to the end.
///
/// # Panics
/// The run fails.
pub fn end(lanes: &mut Lanes) {
    while let Some(stream) = lanes.run() {
        lanes.replay.close(stream);
    }
}

/// What every lane came to; `bench_pass` is over.
///
/// # Panics
/// A strategy was not called once for every row that it asked for, or `quotes` and it neither ordered nor filled.
pub fn counts(lanes: &mut Lanes, quotes: bool) -> Vec<Counts> {
    let Lanes { replay, told, want_all } = lanes;
    let lane_count = replay.lane_count();
    let count = |lane| {
        replay.drain(lane, &mut told[lane]);
        let summary = replay.summary(lane).expect("a lane");
        let Told { calls, requests } = told[lane];
        let rows = summary.rows_delivered;
        let is_met = if *want_all { calls == rows } else { 0 < calls && calls < rows };
        assert!(is_met, "it asked for every row, or for some: called for {calls} of {rows}");
        assert!(!quotes || summary.orders > 0 && summary.fills > 0, "it trades: {summary:?}");
        Counts { requests, summary }
    };
    (0..lane_count).map(count).collect()
}

/// Hears what a strategy says in `on_end`, and nothing else.
#[derive(Clone, Copy, Default)]
struct Told {
    calls: u64,
    requests: u64,
}

impl Sink for Told {
    fn order(&mut self, _: &OrderRow) {}
    fn fill(&mut self, _: &FillRow) {}
    fn queue(&mut self, _: &QueueRow) {}
    fn series(&mut self, _: &SeriesRow) {}
    fn day(&mut self, _: &DayRow) {}
    fn log(&mut self, _: i64, _: u32, _: u8, text: &str) {
        let mut words = text.split(' ');
        if words.next() == Some("bench") {
            let mut number = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            (self.calls, self.requests) = (number(), number());
        }
    }
}
