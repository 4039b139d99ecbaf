//! Law 12, fixed memory: once lanes run, nothing allocates: not the core, not the ABI, not the C strategy that was opened at
//! run time. Over a million rows of the synthetic exchange and many windows, with orders, amends, cancels, takers, fills,
//! timers, log lines, drains, a traced order, and feed legs of 0 and 400 ms side by side.

use btcore::engine::{LaneConfig, Need, Replay, StrategySlot};
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::recorder::{DayRow, FillRow, OrderRow, SeriesRow, Sink};
use btcore::wire::{Depth, Event, QueueRow, TraceRow};
use btcore_benches::plugin::Plugin;
use btcore_benches::{pass, tape};
use btcore_ffi::CStrategy;
use law_memory::{Calls, counted};
use std::path::Path;
use std::process::Command;

const ROWS: usize = 1_000_000;
const CHUNK_ROWS: usize = 1_000;

/// Compiles the strategy, once for each test.
fn busy(test: &str) -> Plugin {
    let (here, out) = (env!("CARGO_MANIFEST_DIR"), env!("CARGO_TARGET_TMPDIR"));
    let out = Path::new(out).join(format!("busy_{test}.so"));
    let mut command = Command::new("cc");
    command.args(["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]);
    command.arg(format!("-I{here}/../../include")).arg(format!("{here}/busy.c"));
    let status = command.arg("-o").arg(&out).status().expect("a C compiler");
    assert!(status.success(), "{command:?}");
    Plugin::open_file("busy", &out)
}

/// What came out of the drains.
#[derive(Debug, Default)]
struct Written {
    orders: u64,
    fills: u64,
    queues: u64,
    series: u64,
    days: u64,
    lines: u64,
    traced: u64,
    /// Submits, amends, cancels, takers, timers, lines, reports, fills: the strategies' own sums.
    did: [u64; 8],
}

impl Sink for Written {
    fn order(&mut self, _: &OrderRow) {
        self.orders += 1;
    }
    fn fill(&mut self, _: &FillRow) {
        self.fills += 1;
    }
    fn queue(&mut self, _: &QueueRow) {
        self.queues += 1;
    }
    fn series(&mut self, _: &SeriesRow) {
        self.series += 1;
    }
    fn day(&mut self, _: &DayRow) {
        self.days += 1;
    }
    fn log(&mut self, _: i64, _: u32, _: u8, text: &str) {
        self.lines += 1;
        if let Some(told) = text.strip_prefix("did ") {
            for (sum, number) in self.did.iter_mut().zip(told.split(' ')) {
                *sum += number.parse::<u64>().expect("a number");
            }
        }
    }
    fn trace(&mut self, _: &TraceRow) {
        self.traced += 1;
    }
}

/// Runs so many rows through the lanes, and counts what happens inside the core's own calls.
fn run(replay: &mut Replay<CStrategy>, rows: usize) -> (Calls, Written, u64) {
    let mut market = tape::endless().take(rows);
    let (mut events, mut depths): (Vec<Event>, Vec<Depth>) = (Vec::new(), Vec::new());
    let (mut calls, mut written, mut drains) = (Calls::default(), Written::default(), 0);
    loop {
        match counted(&mut calls, || replay.run().expect("it runs")) {
            Need::Nothing => break,
            Need::Drain(lane) => {
                drains += 1;
                counted(&mut calls, || replay.drain(lane, &mut written));
            }
            Need::Rows(stream) => {
                events.clear();
                depths.clear();
                for row in market.by_ref().take(CHUNK_ROWS) {
                    let (event, depth) = tape::wire(&row, 0);
                    events.push(event);
                    depths.extend(depth);
                }
                if events.is_empty() {
                    counted(&mut calls, || replay.close(stream));
                    continue;
                }
                let chunk = tape::Tape::of_rows(&events, &depths);
                let rows = chunk.rows(0, chunk.len());
                let taken = counted(&mut calls, || replay.push(stream, rows).expect("it is good"));
                assert_eq!(taken, chunk.len(), "the feed's buffer holds a chunk");
            }
        }
    }
    for lane in 0..replay.lane_count() {
        counted(&mut calls, || replay.drain(lane, &mut written));
    }
    (calls, written, drains)
}

fn lane(feed_ns: i64) -> LaneConfig {
    let latency = Latency {
        feed_ns,
        submit_ns: 5_000_000,
        amend_ns: 9_000_000,
        cancel_ns: 3_000_000,
        response_ns: 1_000_000,
    };
    LaneConfig { latency: latency.into(), ..pass::lane(feed_ns as usize) }
}

fn replay(lanes: Vec<(LaneConfig, Vec<StrategySlot<CStrategy>>)>) -> Replay<CStrategy> {
    let feed = FeedConfig { window_rows: 4_096, ..FeedConfig::default() };
    let instruments = vec![pass::instrument(0, tape::endless_sessions())];
    let mut replay = Replay::new(instruments, feed, 1, lanes).expect("it is valid");
    // As a run that writes tables does.
    replay.keep_sent();
    replay
}

#[test]
fn nothing_allocates_once_lanes_run() {
    let plugin = busy("quiet");
    let slot = || plugin.slot(&[]);
    let mut replay =
        replay(vec![(lane(0), vec![slot()]), (lane(400_000_000), vec![slot(), slot()])]);
    // A tracer's slab is made here too: an order lives and dies while it is drained like the rest.
    replay.trace(0, 40).expect("it has not started");
    let (calls, written, drains) = run(&mut replay, ROWS);
    assert!(replay.progress().0 >= ROWS as u64, "every row was merged");
    assert!(written.did.iter().all(|count| *count > 10_000), "everything was done: {written:?}");
    assert!(written.orders > 100_000 && written.fills > 10_000, "{written:?}");
    assert!(written.queues > 10_000 && written.series > 1_000 && written.days > 5, "{written:?}");
    assert!(written.traced > 2 && drains > 10, "{drains} drains, {written:?}");
    assert_eq!(calls, Calls::default(), "nothing is asked for or given back while lanes run");
}

/// The canary: what a strategy in C asks for is seen, to the last call.
#[test]
fn a_strategy_in_c_that_allocates_is_seen() {
    let plugin = busy("leaks");
    let mut replay = replay(vec![(lane(0), vec![plugin.slot(&[("leaks", 1)])])]);
    let (calls, _, _) = run(&mut replay, 10_000);
    let events = replay.summary(0).expect("a lane").rows_delivered;
    let leaks = events.div_ceil(1_000);
    assert_eq!(calls, Calls { asked: leaks, freed: leaks });
}

#[test]
fn every_way_to_ask_is_seen() {
    let mut calls = Calls::default();
    counted(&mut calls, || drop(std::hint::black_box(Vec::<u64>::with_capacity(10))));
    assert_eq!(calls, Calls { asked: 1, freed: 1 }, "malloc by Rust");
    counted(&mut calls, || drop(std::hint::black_box(vec![0_u8; 10])));
    assert_eq!(calls, Calls { asked: 2, freed: 2 }, "calloc by Rust");
    let mut vec = vec![1_u8; 10];
    counted(&mut calls, || vec.reserve_exact(std::hint::black_box(1_000)));
    assert_eq!(calls.asked, 3, "realloc");
    counted(&mut calls, || drop(std::hint::black_box(Box::new(Aligned([0; 64])))));
    assert_eq!(calls.asked, 4, "an aligned one");
    // SAFETY: each asks for memory that is given back at once, by the function that belongs to it.
    unsafe {
        counted(&mut calls, || libc::free(std::hint::black_box(libc::aligned_alloc(64, 64))));
        assert_eq!(calls.asked, 5, "aligned_alloc");
        counted(&mut calls, || {
            let (size, flags) = (4_096, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let at = libc::mmap(std::ptr::null_mut(), size, libc::PROT_READ, flags, -1, 0);
            assert_eq!(libc::munmap(at, size), 0);
        });
    }
    assert_eq!(calls.asked, 6, "mmap");
}

#[repr(align(64))]
struct Aligned(#[allow(dead_code, reason = "it only takes room")] [u8; 64]);
