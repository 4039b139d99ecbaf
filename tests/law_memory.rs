//! Law 12, fixed memory: once lanes run, the core allocates nothing, over a tape of many windows with orders, amends,
//! cancels, fills and drains. Counted by this program's allocator.

mod support;

use btcore::engine::{Need, Replay, Rows, StrategySlot};
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::recorder::{DayRow, FillRow, OrderRow, SeriesRow, Sink};
use btcore::strategy::Strategy;
use btcore::wire::{Depth, Event, OrderReq, Side, Tif, kind};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use support::*;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Sends something on every row, without memory of its own.
struct Busy(u64);

impl Strategy for Busy {
    fn on_event(
        &mut self,
        context: &mut btcore::engine::Context<'_>,
        event: &Event,
        _: &Depth,
    ) -> i32 {
        self.0 += 1;
        if event.kind == kind::BOOK {
            let (side, price) = if self.0 & 1 == 0 {
                (Side::Buy, event.bid_price)
            } else {
                (Side::Sell, event.ask_price)
            };
            // Refusals are part of the load.
            let _ = match self.0 % 5 {
                0 => context.order_cancel(self.0 / 3).map(|()| 0),
                1 => context.order_amend(self.0 / 3, price, 2).map(|()| 0),
                2 => context.order_submit(&market(side, 3)),
                _ => context.order_submit(&OrderReq { price, ..limit(side, 0, 2, Tif::Rod) }),
            };
            let _ = context.timer_set(context.now_ns() + 5, self.0);
            let _ = context.log(2, "a line of the strategy");
        }
        0
    }
}

#[derive(Default)]
struct Counts {
    fills: u64,
    orders: u64,
    traced: u64,
}

impl Sink for Counts {
    fn queue(&mut self, _: &btcore::wire::QueueRow) {}
    fn order(&mut self, _: &OrderRow) {
        self.orders += 1;
    }
    fn fill(&mut self, _: &FillRow) {
        self.fills += 1;
    }
    fn series(&mut self, _: &SeriesRow) {}
    fn day(&mut self, _: &DayRow) {}
    fn log(&mut self, _: i64, _: u32, _: u8, _: &str) {}
    fn trace(&mut self, _: &btcore::wire::TraceRow) {
        self.traced += 1;
    }
}

#[test]
fn nothing_allocates_once_lanes_run() {
    let mut draw = Draw::new(1);
    let mut price = 1_000;
    let (mut events, mut depths, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..200_000_i64 {
        price += draw.below(3) as i64 - 1;
        let raw = if draw.below(4) == 0 {
            trade(index * 1_000, price, 1 + draw.below(5) as u32, draw.below(3) as i8 - 1)
        } else {
            let bids = [(price, 5), (price - 1, 5), (price - 2, 5), (price - 3, 5), (price - 4, 5)];
            let asks =
                [(price + 1, 5), (price + 2, 5), (price + 3, 5), (price + 4, 5), (price + 5, 5)];
            book(index * 1_000, &bids, &asks)
        };
        events.push(raw.event);
        seqs.push(index as u64 + 1);
        if raw.event.kind == kind::BOOK {
            depths.push(raw.depth);
        }
    }
    let latency = |feed_ns| Latency {
        feed_ns,
        submit_ns: 700,
        amend_ns: 900,
        cancel_ns: 300,
        response_ns: 400,
    };
    let slot = || StrategySlot { name: "busy".into(), params: vec![], code: Busy(0) };
    let lanes = vec![
        (lane("near", latency(0)), vec![slot()]),
        (lane("far", latency(50_000)), vec![slot(), slot()]),
    ];
    let feed = FeedConfig { window_rows: 4_096, ..FeedConfig::default() };
    let mut replay = Replay::new(vec![instrument("A")], feed, 1, lanes).expect("it is valid");
    // A tracer's slab is made here too: the lane's first orders live and die while it is drained like the rest.
    replay.trace(0, 40).expect("it has not started");
    let mut counts = Counts::default();
    let (mut row, mut books) = (0, 0);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    loop {
        match replay.run().expect("it runs") {
            Need::Nothing => break,
            Need::Drain(lane) => replay.drain(lane, &mut counts),
            Need::Rows(stream) if row == events.len() => replay.close(stream),
            Need::Rows(stream) => {
                let rest = &events[row..(row + 1_000).min(events.len())];
                let shown = rest.iter().filter(|e| e.kind == kind::BOOK).count();
                let rows = Rows {
                    events: rest,
                    depths: &depths[books..books + shown],
                    seqs: &seqs[row..row + rest.len()],
                };
                let taken = replay.push(stream, rows).expect("it is taken");
                books += rest[..taken].iter().filter(|e| e.kind == kind::BOOK).count();
                row += taken;
            }
        }
    }
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert!(counts.fills > 50_000 && counts.orders > 50_000, "{} {}", counts.fills, counts.orders);
    assert!(counts.traced > 5, "the traced order moved: {}", counts.traced);
    assert_eq!(allocated, 0, "allocations while lanes run");
}
