//! The mark of every instrument as time goes by, as far back as somebody may still ask: what orders and fills are compared with.
//!
//! A mark is bid plus ask (1e-6 each, so twice the mid, exact) of the last valid book of two sides, which is what the account values
//! positions at. The replay tells its changes as rows enter the window, so whoever waits for a mark that lies ahead is served once
//! the rows have gone past it.
//!
//! Invariants: a mark is a function of the rows, the instrument and the instant, whenever it is asked for and however the changes
//! were told; the rows at the asked instant are all known before an answer is given. Cost: a comparison a row where the
//! replay is; a search by halves a question. Memory: 24 bytes for each change of a mark within the longest horizon and the latencies.

use arrow_array::Int64Array;
use btcore::engine::Settled;
use btcore::wire::{Event, UNDEF_PRICE};
use std::collections::VecDeque;

/// How long after a fill the mark is looked at again: name of the column, ns.
pub const HORIZONS: [(&str, i64); 7] = [
    ("mid_x2_100ms", 100_000_000),
    ("mid_x2_1s", 1_000_000_000),
    ("mid_x2_5s", 5_000_000_000),
    ("mid_x2_10s", 10_000_000_000),
    ("mid_x2_30s", 30_000_000_000),
    ("mid_x2_60s", 60_000_000_000),
    ("mid_x2_300s", 300_000_000_000),
];

/// A mark that may be missing, in the place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MidX2(i64);

impl MidX2 {
    /// No mark.
    pub const NONE: MidX2 = MidX2(UNDEF_PRICE);

    /// The mark, if there is one.
    pub fn get(self) -> Option<i64> {
        (self != MidX2::NONE).then_some(self.0)
    }

    /// A nullable column of them.
    pub fn column(mids: impl Iterator<Item = MidX2>) -> Int64Array {
        mids.map(MidX2::get).collect()
    }
}

impl From<Option<i64>> for MidX2 {
    fn from(mid_x2: Option<i64>) -> Self {
        mid_x2.map_or(MidX2::NONE, MidX2)
    }
}

/// A mark that differs from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Number of the row that brought it.
    pub row: u64,
    /// Exchange time of that row, ns.
    pub ts_ns: i64,
    /// The mark.
    pub mid_x2: MidX2,
    /// Instrument.
    pub instrument: u32,
}

/// The changes that the replay has seen and not told yet.
#[derive(Debug)]
pub struct Changes {
    last: Vec<Option<MidX2>>,
    /// In the order of the rows.
    pub changes: Vec<Change>,
    /// Exchange time of the last row that was looked at, ns.
    pub newest_ns: i64,
}

impl Changes {
    /// Nothing seen; room for `room` changes.
    pub fn new(instruments: usize, room: usize) -> Self {
        Changes {
            last: vec![None; instruments],
            changes: Vec::with_capacity(room),
            newest_ns: i64::MIN,
        }
    }

    /// Looks at rows, the first of which has number `row`.
    pub fn look(&mut self, row: u64, events: &[Event]) {
        for (row, event) in (row..).zip(events) {
            if event.is_mark() {
                let mid_x2 = MidX2::from(event.bid_price.checked_add(event.ask_price));
                let last = &mut self.last[event.instrument as usize];
                if *last != Some(mid_x2) {
                    *last = Some(mid_x2);
                    let (ts_ns, instrument) = (event.ts_exch_ns, event.instrument);
                    self.changes.push(Change { row, ts_ns, mid_x2, instrument });
                }
            }
        }
        self.newest_ns = events.last().map_or(self.newest_ns, |event| event.ts_exch_ns);
    }
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    row: u64,
    ts_ns: i64,
    mid_x2: MidX2,
}

/// The marks told so far.
#[derive(Debug)]
pub struct Marks {
    /// By instrument.
    series: Vec<VecDeque<Mark>>,
    newest_ns: i64,
    is_over: bool,
    settled: Settled,
}

impl Marks {
    /// Before the first row.
    pub fn new(instruments: usize) -> Self {
        Marks {
            series: vec![VecDeque::new(); instruments],
            newest_ns: i64::MIN,
            is_over: false,
            settled: Settled { ts_ns: i64::MIN, row: 0 },
        }
    }

    /// Takes changes in; the rows up to `newest_ns` have been looked at.
    pub fn take(&mut self, changes: &mut Vec<Change>, newest_ns: i64) {
        for Change { row, ts_ns, mid_x2, instrument } in changes.drain(..) {
            self.series[instrument as usize].push_back(Mark { row, ts_ns, mid_x2 });
        }
        self.newest_ns = newest_ns;
    }

    /// Every order and fill before this has come.
    pub fn settle(&mut self, settled: Settled) {
        self.settled = settled;
    }

    /// No row follows.
    pub fn close(&mut self) {
        self.is_over = true;
        self.settled = Settled { ts_ns: i64::MAX, row: u64::MAX };
    }

    /// Every order and fill before this has come, ns.
    pub fn settled_ns(&self) -> i64 {
        self.settled.ts_ns
    }

    /// Exchange time of the last row of the run, once it is over, ns.
    pub fn end_ns(&self) -> Option<i64> {
        self.is_over.then_some(self.newest_ns)
    }

    /// Whether every row stamped `ts_ns` or earlier has been seen.
    pub fn is_known(&self, ts_ns: i64) -> bool {
        self.is_over || ts_ns < self.newest_ns
    }

    /// The mark of an instrument at an instant, the rows of that instant included.
    pub fn at(&self, instrument: u32, ts_ns: i64) -> MidX2 {
        self.last(instrument, |mark| mark.ts_ns <= ts_ns)
    }

    /// The mark just before an instant.
    pub fn before(&self, instrument: u32, ts_ns: i64) -> MidX2 {
        self.last(instrument, |mark| mark.ts_ns < ts_ns)
    }

    /// The mark for whoever has seen the first `rows` rows of the run.
    pub fn seen(&self, instrument: u32, rows: u64) -> MidX2 {
        self.last(instrument, |mark| mark.row < rows)
    }

    /// The mark `horizon_ns` after `ts_ns`; none where that is `close_ns` or later, or later than the last row of the run. The
    /// outer `None` while it is not known yet.
    pub fn later(
        &self,
        instrument: u32,
        ts_ns: i64,
        horizon_ns: i64,
        close_ns: i64,
    ) -> Option<MidX2> {
        let at_ns = ts_ns.saturating_add(horizon_ns);
        if at_ns >= close_ns || self.end_ns().is_some_and(|end_ns| at_ns > end_ns) {
            return Some(MidX2::NONE);
        }
        self.is_known(at_ns).then(|| self.at(instrument, at_ns))
    }

    fn last(&self, instrument: u32, is_behind: impl FnMut(&Mark) -> bool) -> MidX2 {
        let series = &self.series[instrument as usize];
        let end = series.partition_point(is_behind);
        end.checked_sub(1).and_then(|last| series.get(last)).map_or(MidX2::NONE, |m| m.mid_x2)
    }

    /// Forgets what nobody asks for any more: what was replaced before everything that is still to come, and before `oldest_ns`,
    /// when the oldest of those that wait has traded.
    pub fn trim(&mut self, oldest_ns: i64) {
        let Settled { ts_ns, row } = self.settled;
        let ts_ns = ts_ns.min(oldest_ns);
        for series in &mut self.series {
            // The one in force there stays.
            while series.get(1).is_some_and(|next| next.ts_ns < ts_ns && next.row < row) {
                series.pop_front();
            }
        }
    }
}
