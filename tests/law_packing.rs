//! Law 11 over packing: what a lane comes to is the same alone, beside 6, 63 or 299 others, on one thread or several, in
//! any order, with any chunks and windows, whatever feed latencies stand beside it.
//!
//! The lanes go quiet now and then and come back, trade in one of three instruments and look at the books of the others, so
//! that the cursors of each stand at places of their own.

mod support;

use btcore::engine::{
    Capacity, Context, LaneConfig, LaneSummary, Need, Replay, Rows, StrategySlot, Tape,
};
use btcore::exchange::ExchangeConfig;
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::strategy::Strategy;
use btcore::wire::{Depth, Event, Fill, Instrument, OrderReq, Report, Session, Side, Tif, kind};
use std::collections::BTreeMap;
use std::sync::Arc;
use support::*;

const ROWS: usize = 1_500;
const SYMBOLS: [&str; 3] = ["A", "B", "C"];

/// Rows of each instrument, at stamps that meet now and then.
fn tapes() -> Vec<Vec<Raw>> {
    (0..SYMBOLS.len() as u64).map(|n| tape(&mut Draw::new(77 + n))).collect()
}

fn tape(draw: &mut Draw) -> Vec<Raw> {
    let (mut at_ns, mut price) = (0, 1_000);
    let row = |index| {
        at_ns += draw.below(9) as i64 * 2 * MS;
        price += draw.below(3) as i64 - 1;
        let qty = |draw: &mut Draw| 1 + draw.below(9) as u32;
        let mut raw = if draw.below(3) == 0 {
            trade(at_ns, price + draw.below(2) as i64, qty(draw), draw.below(3) as i8 - 1)
        } else {
            let bids: Vec<_> = (0..5).map(|n| (price - n, qty(draw))).collect();
            let asks: Vec<_> = (0..5).map(|n| (price + 1 + n, qty(draw))).collect();
            book(at_ns, &bids, &asks)
        };
        raw.seq = index + 1;
        raw
    };
    (0..ROWS as u64).map(row).collect()
}

fn instruments() -> Vec<Instrument> {
    let session = |open, close, day| Session::continuous(T0 + open * MS, T0 + close * MS, day);
    let sessions = vec![session(50, 5_000, 20260408), session(5_500, 90_000, 20260409)];
    SYMBOLS.map(|symbol| Instrument { sessions: sessions.clone(), ..instrument(symbol) }).into()
}

/// Trades in bursts, by what it is told and by the books of all instruments.
struct Burster {
    lane: u64,
    rows: u64,
    told: u64,
    open: Vec<u64>,
}

impl Burster {
    fn note(&mut self, word: u64) {
        self.told = (self.told ^ word).wrapping_mul(0x0100_0000_01B3).rotate_left(17);
    }
}

impl Strategy for Burster {
    fn on_event(&mut self, context: &mut Context<'_>, event: &Event, _: &Depth) -> i32 {
        self.rows += 1;
        self.note(event.ts_exch_ns as u64 ^ event.bid_price as u64);
        let burst = (self.rows / 150 + self.lane) % 3;
        if burst == 0 || !self.rows.is_multiple_of(3 + self.lane % 5) {
            if burst == 0 {
                // Off the market altogether, for the exchange to fall asleep.
                for id in self.open.drain(..) {
                    let _ = context.order_cancel(id);
                }
            }
            return 0;
        }
        let instrument = (self.told % 3) as u32;
        let Some((book, _)) = context.book(instrument) else { return 0 };
        if book.kind != kind::BOOK || !book.is_book_valid() {
            return 0;
        }
        let held = context.position(instrument).map_or(0, |position| position.qty);
        let side = if (self.told >> 8) % 7 < 3 || held < -8 { Side::Buy } else { Side::Sell };
        let price = match (side, self.told >> 16 & 3) {
            (Side::Buy, 0) | (Side::Sell, 1..) => book.ask_price,
            _ => book.bid_price,
        };
        let qty = 1 + (self.told >> 20 & 3) as u32;
        let tif = if self.told >> 24 & 7 == 0 { Tif::Ioc } else { Tif::Rod };
        let req = OrderReq { instrument, price, ..limit(side, 0, qty, tif) };
        // A full slab is part of the run, and the same in every repetition.
        if let Ok(id) = context.order_submit(&req) {
            self.open.push(id);
        }
        if self.told >> 28 & 3 == 0
            && let Some(&id) = self.open.first()
        {
            let _ = context.order_amend(id, price, 2);
        }
        if self.told >> 32 & 7 == 0 {
            let _ = context.timer_set(context.now_ns() + 7 * MS, self.told);
        }
        0
    }

    fn on_report(&mut self, _: &mut Context<'_>, report: &Report) -> i32 {
        self.note(report.order_id << 8 | u64::from(report.kind));
        0
    }

    fn on_fill(&mut self, _: &mut Context<'_>, fill: &Fill) -> i32 {
        self.note(fill.order_id << 8 | u64::from(fill.qty));
        0
    }

    fn on_timer(&mut self, context: &mut Context<'_>, timer_id: u64) -> i32 {
        self.note(timer_id ^ context.now_ns() as u64);
        0
    }
}

fn config(lane: u64) -> LaneConfig {
    let latency = Latency {
        feed_ns: [0, 400, 1, 30][lane as usize % 4] * MS,
        submit_ns: [3, 0, 20][lane as usize % 3] * MS,
        amend_ns: 2 * MS,
        cancel_ns: [1, 0][lane as usize % 2] * MS,
        response_ns: [1, 0, 5][lane as usize % 3] * MS,
    };
    LaneConfig {
        name: format!("lane {lane}"),
        seed: lane,
        latency: latency.into(),
        exchange: ExchangeConfig { ghosts_max: 16, ..ExchangeConfig::default() },
        timeseries_ns: 100 * MS,
        capital: 0,
        capacity: Capacity { orders_live: 64, in_flight: 256, timers: 64, records: 1_024 },
    }
}

/// What each lane came to and wrote.
type Outcomes = BTreeMap<u64, (LaneSummary, Written)>;

/// Hands chunks of the tapes to whoever asks for a stream's.
struct Feeder {
    tapes: Vec<Vec<Raw>>,
    next: [usize; SYMBOLS.len()],
    chunk_rows: usize,
}

impl Feeder {
    fn new(chunk_rows: usize) -> Self {
        Feeder { tapes: tapes(), next: [0; SYMBOLS.len()], chunk_rows }
    }

    /// The next rows of a stream to `push`, which says how many it took; false when there are none.
    fn feed(&mut self, stream: usize, push: impl FnOnce(Rows<'_>) -> usize) -> bool {
        let next = &mut self.next[stream];
        let end = (*next + self.chunk_rows).min(ROWS);
        let rows = &self.tapes[stream][*next..end];
        let mut events: Vec<_> = rows.iter().map(|raw| raw.event).collect();
        events.iter_mut().for_each(|event| event.instrument = stream as u32);
        let books = rows.iter().filter(|raw| raw.event.kind == kind::BOOK);
        let depths: Vec<_> = books.map(|raw| raw.depth).collect();
        let seqs: Vec<_> = rows.iter().map(|raw| raw.seq).collect();
        *next += push(Rows { events: &events, depths: &depths, seqs: &seqs });
        !events.is_empty()
    }
}

fn made(lanes: &[u64]) -> Vec<(LaneConfig, Vec<StrategySlot<Burster>>)> {
    let code = |lane| Burster { lane, rows: 0, told: lane, open: Vec::new() };
    let slot = |lane| StrategySlot { name: "b".into(), params: vec![], code: code(lane) };
    lanes.iter().map(|lane| (config(*lane), vec![slot(*lane)])).collect()
}

/// Runs lanes over all tapes in one replay.
fn run(lanes: &[u64], chunk_rows: usize, window_rows: usize) -> Outcomes {
    let feed = FeedConfig { window_rows, ..FeedConfig::default() };
    let replay = Replay::new(instruments(), feed, SYMBOLS.len(), made(lanes));
    finish(lanes, replay.expect("it is valid"), Feeder::new(chunk_rows))
}

/// The tapes, merged once.
fn whole(chunk_rows: usize) -> Arc<Tape> {
    let feed = FeedConfig { window_rows: 2 * SYMBOLS.len() * ROWS, ..FeedConfig::default() };
    let mut tape = Tape::new(instruments(), feed, SYMBOLS.len()).expect("it is valid");
    let mut feeder = Feeder::new(chunk_rows);
    while let Need::Rows(stream) = tape.load().expect("it holds them") {
        if !feeder.feed(stream, |rows| tape.push(stream, rows).expect("the rows are good")) {
            tape.close(stream);
        }
    }
    Arc::new(tape)
}

fn finish(lanes: &[u64], mut replay: Replay<Burster>, mut feeder: Feeder) -> Outcomes {
    let mut written: Vec<Written> = lanes.iter().map(|_| Written::default()).collect();
    loop {
        match replay.run().expect("it runs") {
            Need::Nothing => break,
            Need::Drain(lane) => replay.drain(lane, &mut written[lane]),
            Need::Rows(stream) => {
                let push = |rows: Rows<'_>| replay.push(stream, rows).expect("the rows are good");
                if !feeder.feed(stream, push) {
                    replay.close(stream);
                }
            }
        }
    }
    let lanes = lanes.iter().zip(written).enumerate();
    lanes
        .map(|(index, (lane, mut written))| {
            replay.drain(index, &mut written);
            let summary = replay.summary(index).expect("it has ended");
            let estimated = [0, 1, 2].map(|world| {
                written.queues.iter().map(|row| u64::from(row.filled_qty[world])).sum::<u64>()
            });
            assert_eq!(summary.qty_estimated, estimated, "lane {lane}: what its orders came to");
            (*lane, (summary, written))
        })
        .collect()
}

/// Deals lanes out to threads, in the order that `turn` makes of them, and runs each pack.
fn run_packed(
    lanes: u64,
    threads: u64,
    turn: usize,
    run: impl Fn(&[u64]) -> Outcomes + Sync,
) -> Outcomes {
    let packs: Vec<Vec<u64>> = (0..threads)
        .map(|thread| {
            let mut pack: Vec<u64> = (0..lanes).filter(|lane| lane % threads == thread).collect();
            let turn = (turn + thread as usize) % pack.len().max(1);
            pack.rotate_left(turn);
            pack
        })
        .filter(|pack| !pack.is_empty())
        .collect();
    std::thread::scope(|scope| {
        let run = &run;
        let runs: Vec<_> = packs.iter().map(|pack| scope.spawn(move || run(pack))).collect();
        runs.into_iter().flat_map(|run| run.join().expect("it runs")).collect()
    })
}

#[test]
fn a_lane_is_the_same_however_lanes_are_packed() {
    let alone: Outcomes = (0..300).flat_map(|lane| run(&[lane], 65_536, 65_536)).collect();
    let fills: u64 = alone.values().map(|(summary, _)| summary.fills).sum();
    assert!(fills > 20_000, "they trade: {fills}");
    let digests: std::collections::BTreeSet<_> =
        alone.values().map(|(summary, _)| summary.order_digest).collect();
    assert_eq!(digests.len(), 300, "no two lanes are alike");
    for lanes in [1, 7, 64, 300] {
        for threads in [1, 2, 3] {
            for (chunk_rows, window_rows) in
                [(1, 65_536), (2, 2_048), (17, 65_536), (1_000, 1_024), (65_536, 65_536)]
            {
                let run = |pack: &[u64]| run(pack, chunk_rows, window_rows);
                let packed = run_packed(lanes, threads, chunk_rows, run);
                assert_eq!(packed.len(), lanes as usize);
                for (lane, outcome) in &packed {
                    assert!(
                        *outcome == alone[lane],
                        "lane {lane} of {lanes} on {threads} threads, chunks of {chunk_rows}"
                    );
                }
            }
        }
    }
    let tape = whole(17);
    assert!(tape.len() > (SYMBOLS.len() * ROWS) as u64);
    for (lanes, threads) in [(1, 1), (7, 2), (64, 3), (300, 1)] {
        let over = |pack: &[u64]| {
            let replay = Replay::over(tape.clone(), made(pack)).expect("it is valid");
            finish(pack, replay, Feeder::new(1))
        };
        for (lane, outcome) in &run_packed(lanes, threads, 5, over) {
            assert!(*outcome == alone[lane], "lane {lane} of {lanes} over a tape");
        }
    }
}

/// A lane of small slabs that fills thirty orders one by one, then forty in one instant, each answer asking for the next.
fn rush(lanes: usize, chunk: usize) -> Result<Vec<usize>, String> {
    let rows: Vec<_> = (0..60).map(|n| book(n * 10, &[(98, 500)], &[(102, 500)])).collect();
    let one = |number: usize| {
        let (mut seen, mut left) = (0, 0);
        let code = Scripted::new(move |context, told| {
            match told {
                Told::Event { .. } => {
                    seen += 1;
                    left = [1, 40, 0][usize::from(seen > 30) + usize::from(seen > 31)];
                }
                Told::Fill { .. } => {}
                _ => return,
            }
            if left > 0 {
                left -= 1;
                context.order_submit(&limit(Side::Buy, 102, 1, Tif::Ioc)).expect("it is sent");
            }
        });
        let mut config = lane(&format!("lane {number}"), Latency::default());
        config.exchange.ghosts_max = 0;
        config.capacity = Capacity { orders_live: 2, in_flight: 64, timers: 4, records: 68 };
        (config, code)
    };
    let lanes = (0..lanes).map(one).collect();
    let outcome = run_lanes(vec![instrument("A")], FeedConfig::default(), &[rows], chunk, lanes);
    outcome
        .map(|outcome| outcome.lanes.iter().map(|(_, written)| written.fills.len()).collect())
        .map_err(|fault| fault.message)
}

/// Slabs are drained for another lane, too, at every block of rows; an instant that writes too much is too much all the same.
#[test]
fn an_instant_that_is_too_much_is_so_beside_others_and_in_pieces() {
    for lanes in [1, 2, 3] {
        for chunk in [1, 7, 1_000] {
            let fault = rush(lanes, chunk).expect_err("30 and 40 rows are more than 68");
            let is_named = fault.contains("one instant wrote more than 68 rows");
            assert!(is_named, "{lanes} lanes, chunks of {chunk}: {fault}");
        }
    }
}
