//! What is measured, and what it may cost: one list for instructions and for time.
//!
//! Units: instructions and ns of a lane for an event (its strategy included, decoding and merging excluded), but where the
//! name says otherwise.

use crate::plugin::Plugin;
use crate::tape::Tape;
use btcore::wire::{Depth, Event, kind};

/// Lanes of one strategy over one tape.
pub struct Case {
    /// Name in tables and in the file of counts.
    pub name: &'static str,
    /// File of `strategies/`.
    pub strategy: &'static str,
    /// Its parameters.
    pub params: &'static [(&'static str, i64)],
    /// Instruments of the tape.
    pub instruments: usize,
    /// Lanes of the lesser and of the greater pass whose difference is taken.
    pub lanes: [usize; 2],
    /// Rows of the shorter and of the longer pass under callgrind.
    pub rows: [usize; 2],
    /// What a row costs memory, bytes: the event, and for a reader of ten levels the depth row of those that own one.
    pub reads_depth: bool,
    /// Most instructions an event may take.
    pub instructions_max: Option<f64>,
    /// Most ns of CPU that an event may take.
    pub ns_max: Option<f64>,
}

const NOOP: Case = Case {
    name: "noop",
    strategy: "noop",
    params: &[],
    instruments: 1,
    lanes: [1, 2],
    rows: [10_000, 30_000],
    reads_depth: false,
    instructions_max: Some(50.0),
    ns_max: None,
};
const QUOTE100: Case = Case {
    name: "quote100",
    strategy: "quote",
    params: &[("every", 100)],
    instructions_max: Some(120.0),
    ..NOOP
};

/// Every case but the round trip.
pub const CASES: &[Case] = &[
    NOOP,
    Case { name: "touch", strategy: "touch", instructions_max: None, ..NOOP },
    Case { name: "ten", strategy: "ten", reads_depth: true, instructions_max: None, ..NOOP },
    QUOTE100,
    Case { name: "quote10", params: &[("every", 10)], instructions_max: None, ..QUOTE100 },
    Case {
        name: "taker100",
        params: &[("every", 100), ("takes", 1)],
        instructions_max: None,
        ..QUOTE100
    },
    Case { name: "maker", strategy: "maker", params: &[], instructions_max: None, ..QUOTE100 },
    Case {
        name: "maker_books",
        strategy: "maker_books",
        params: &[],
        instructions_max: None,
        ..QUOTE100
    },
    Case { name: "quote100_lanes10", lanes: [1, 10], rows: [10_000, 20_000], ..QUOTE100 },
    Case {
        name: "quote100_lanes100",
        lanes: [10, 100],
        rows: [5_000, 10_000],
        ns_max: Some(16.0),
        ..QUOTE100
    },
    Case { name: "noop_instruments4", instruments: 4, ..NOOP },
    Case { name: "noop_instruments64", instruments: 64, instructions_max: None, ..NOOP },
    Case { name: "quote100_instruments64", instruments: 64, instructions_max: None, ..QUOTE100 },
];

/// The most that an event among 64 instruments may cost of an event of one.
pub const INSTRUMENTS_RATIO_MAX: f64 = 1.3;
/// Instructions of one round trip: submit, accepted, cancel, cancelled.
pub const ORDER_INSTRUCTIONS_MAX: f64 = 600.0;
/// Instructions of one request, submit or cancel, with its answer and all that its order does while it rests.
pub const REQUEST_INSTRUCTIONS_MAX: f64 = 300.0;
/// Least share of the read bandwidth, of memory and of the cache.
pub const BANDWIDTH_SHARE_MIN: [f64; 2] = [0.85, 0.5];

impl Case {
    /// The case of this name.
    pub fn named(name: &str) -> Option<&'static Case> {
        CASES.iter().find(|case| case.name == name)
    }

    /// Its code.
    pub fn plugin(&self) -> Plugin {
        Plugin::open(self.strategy)
    }

    /// Whether it sends orders.
    pub fn quotes(&self) -> bool {
        matches!(self.strategy, "quote" | "maker" | "maker_books")
    }
}

/// The tape of the round trips: a book, four hours in which nothing happens, the same book.
pub fn quiet_tape() -> Tape {
    let first = Tape::of(1, 65_536);
    let at = first.events().iter().position(|event| event.kind == kind::BOOK).expect("a book");
    let event = first.events()[at];
    let later = Event { ts_exch_ns: event.ts_exch_ns + 4 * 3_600_000_000_000, ..event };
    let depths: [Depth; 2] = [first.depths()[0]; 2];
    Tape::of_rows(&[event, Event { ts_recv_ns: later.ts_exch_ns, ..later }], &depths)
}
