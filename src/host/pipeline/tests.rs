//! The threads against the loop without any: equal results whatever the chunks, the rings and the speeds, and an
//! end to every thread whoever fails.

mod marks;
#[path = "../../../tests/support/mod.rs"]
mod support;

use super::pin::Pin;
use super::{Layout, Written, drive};
use crate::output::OutputError;
use crate::progress::{Mode, Progress};
use crate::run::RunError;
use crate::source::pending::Pending;
use crate::source::{Chunk, RowSource, SourceError, SourceStats};
use btcore::engine::{Capacity, Context, LaneConfig, Need, Replay, StrategySlot};
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::recorder::{DayRow, FillRow, OrderRow, SeriesRow, Sink};
use btcore::strategy::Strategy;
use btcore::wire::{Depth, Event, QueueRow, Side, Status, Tif, kind};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use support::{Draw, MS, Raw, book, instrument, lane, limit, trade};

/// What a side is made to do when it gets to its chunk or batch of this number.
#[derive(Clone, Copy, PartialEq)]
enum Mishap {
    Nap(u64),
    Fail,
    Panic,
}

/// A source out of memory.
struct Taped {
    rows: Vec<Raw>,
    next: usize,
    chunk_rows: usize,
    calls: usize,
    mishap: Option<(usize, Mishap)>,
    stats: SourceStats,
}

impl RowSource for Taped {
    fn next_chunk(&mut self, out: &mut Chunk) -> Result<bool, SourceError> {
        out.clear();
        self.calls += 1;
        match self.mishap {
            Some((at, Mishap::Nap(ms))) if self.calls.is_multiple_of(at) => {
                thread::sleep(Duration::from_millis(ms));
            }
            Some((at, Mishap::Fail)) if self.calls == at => {
                return Err(SourceError::NoSession { message: "the tape tore".into() });
            }
            Some((at, Mishap::Panic)) if self.calls == at => panic!("the tape burns"),
            _ => {}
        }
        let end = (self.next + self.chunk_rows).min(self.rows.len());
        for raw in &self.rows[self.next..end] {
            out.events.push(raw.event);
            out.seqs.push(raw.seq);
            if raw.event.kind == kind::BOOK {
                out.depths.push(raw.depth);
            }
        }
        self.next = end;
        Ok(!out.events.is_empty())
    }
    fn stats(&self) -> &SourceStats {
        &self.stats
    }
    fn describe(&self) -> String {
        "the tape".into()
    }
    fn rows_total_hint(&self) -> Option<u64> {
        Some(self.rows.len() as u64)
    }
}

/// A lane's rows in memory.
#[derive(Default)]
struct Kept {
    written: support::Written,
    drains: usize,
    mishap: Option<(usize, Mishap)>,
}

impl Written for Kept {
    fn check(&mut self) -> Result<(), OutputError> {
        self.drains += 1;
        match self.mishap {
            Some((_, Mishap::Nap(ms))) => thread::sleep(Duration::from_millis(ms)),
            Some((at, Mishap::Fail)) if self.drains >= at => {
                let full = std::io::Error::other("the disk is full");
                return Err(OutputError::io(&PathBuf::from("orders.parquet"), full));
            }
            Some((at, Mishap::Panic)) if self.drains == at => panic!("the disk burns"),
            _ => {}
        }
        Ok(())
    }
}

impl Sink for Kept {
    fn order(&mut self, row: &OrderRow) {
        self.written.order(row);
    }
    fn fill(&mut self, row: &FillRow) {
        self.written.fill(row);
    }
    fn queue(&mut self, row: &QueueRow) {
        self.written.queue(row);
    }
    fn series(&mut self, row: &SeriesRow) {
        self.written.series(row);
    }
    fn day(&mut self, row: &DayRow) {
        self.written.day(row);
    }
    fn log(&mut self, ts_ns: i64, strategy: u32, level: u8, text: &str) {
        self.written.log(ts_ns, strategy, level, text);
    }
}

/// Quotes at the touch, takes now and then, and talks.
struct Quoter {
    every: u64,
    seen: u64,
    order_id: u64,
    stops_at: u64,
}

impl Strategy for Quoter {
    fn on_event(&mut self, context: &mut Context<'_>, event: &Event, _: &Depth) -> i32 {
        self.seen += 1;
        if self.seen == self.stops_at {
            return 7;
        }
        if self.seen.is_multiple_of(self.every) && event.bid_qty > 0 && event.ask_qty > 0 {
            if self.order_id > 0 {
                let _ = context.order_cancel(self.order_id);
            }
            let (side, price) = match self.seen % 3 {
                0 => (Side::Buy, event.bid_price),
                1 => (Side::Sell, event.ask_price),
                _ => (Side::Buy, event.ask_price),
            };
            let mut order = limit(side, 0, 1, Tif::Rod);
            (order.price, order.instrument) = (price, event.instrument);
            self.order_id = context.order_submit(&order).unwrap_or(0);
            let _ = context.log(2, &format!("row {} of {}", self.seen, event.instrument));
        }
        0
    }
}

const STREAMS: usize = 5;

/// Rows of five instruments, one a stream, of very unequal lengths; one stream is empty.
fn tapes() -> Vec<Vec<Raw>> {
    let mut draw = Draw::new(7);
    (0..STREAMS)
        .map(|stream| {
            let rows = [3_000, 700, 1, 0, 1_900][stream];
            let mut at_ns = 0;
            (0..rows)
                .map(|seq| {
                    at_ns += draw.below(9) as i64 * MS;
                    let mid = 1_000 + draw.below(9) as i64;
                    let qty = |draw: &mut Draw| 1 + draw.below(50) as u32;
                    let mut raw = if draw.below(4) == 0 {
                        trade(at_ns, mid, qty(&mut draw), 1 - 2 * draw.below(2) as i8)
                    } else {
                        let bids = [(mid - 1, qty(&mut draw)), (mid - 2, qty(&mut draw))];
                        book(at_ns, &bids, &[(mid + 1, qty(&mut draw)), (mid + 2, 3)])
                    };
                    raw.event.instrument = stream as u32;
                    raw.seq = seq;
                    raw
                })
                .collect()
        })
        .collect()
}

fn sources(chunk_rows: usize) -> Vec<Taped> {
    tapes()
        .into_iter()
        .map(|rows| Taped {
            rows,
            next: 0,
            chunk_rows,
            calls: 0,
            mishap: None,
            stats: SourceStats::default(),
        })
        .collect()
}

fn boxed(sources: Vec<Taped>) -> Vec<Box<dyn RowSource>> {
    sources.into_iter().map(|source| Box::new(source) as Box<dyn RowSource>).collect()
}

fn replay(stops_at: u64) -> Replay<Quoter> {
    let latency = Latency {
        feed_ns: MS,
        submit_ns: 2 * MS,
        amend_ns: 2 * MS,
        cancel_ns: 3 * MS,
        response_ns: MS,
    };
    // Slabs so small that a lane is drained every few dozen orders.
    let capacity = Capacity { orders_live: 16, in_flight: 64, timers: 4, records: 128 };
    let lanes = [4, 9, 50].map(|every| {
        let config = LaneConfig { capacity, ..lane(&format!("every {every}"), latency) };
        let code = Quoter { every, seen: 0, order_id: 0, stops_at };
        (config, vec![StrategySlot { name: "q".into(), params: vec![], code }])
    });
    let instruments = (0..STREAMS).map(|n| instrument(&format!("S{n}"))).collect();
    let feed = FeedConfig { window_rows: 1_024, reorder_rows_max: 64, ..FeedConfig::default() };
    Replay::new(instruments, feed, STREAMS, lanes.into()).unwrap()
}

fn kept() -> Vec<Kept> {
    (0..3).map(|_| Kept::default()).collect()
}

fn quiet() -> Progress {
    Progress::start(Mode::Quiet, 0, 1)
}

fn layout(ahead: usize) -> Layout {
    Layout { pin: Pin::Off, ahead, chunk_rows: 1_000, records: 128, marks: 64 }
}

/// Everything that a run can be told by.
fn told(replay: &Replay<Quoter>, lanes: &[Kept]) -> String {
    let summaries: Vec<_> = (0..lanes.len()).map(|lane| replay.summary(lane).unwrap()).collect();
    let rows: Vec<_> = lanes.iter().map(|lane| &lane.written).collect();
    format!("{:?} {:?} {summaries:?} {rows:?}", replay.data_hash(), replay.feed_stats())
}

/// The twin: one loop, one thread, no ring.
fn inline(
    replay: &mut Replay<Quoter>,
    sources: &mut [Taped],
    lanes: &mut [Kept],
) -> Result<(), RunError> {
    let mut chunks: Vec<Pending> = sources.iter().map(|_| Pending::default()).collect();
    loop {
        match replay.run()? {
            Need::Nothing => break,
            Need::Drain(lane) => replay.drain(lane, &mut lanes[lane]),
            Need::Rows(stream) => {
                chunks[stream].feed(replay, stream, &mut sources[stream], |_| {})?;
            }
        }
    }
    (0..lanes.len()).for_each(|lane| replay.drain(lane, &mut lanes[lane]));
    Ok(())
}

/// Runs on a thread, and fails when it does not come back: a deadlock is a failure, not a hang.
fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let runner = thread::spawn(move || {
        let _ = sender.send(body());
    });
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Ok(answer) => answer,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the threads wait for one another"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match runner.join() {
            Err(payload) => std::panic::resume_unwind(payload),
            Ok(()) => panic!("no answer"),
        },
    }
}

fn expected() -> String {
    let (mut replay, mut sources, mut lanes) = (replay(0), sources(64), kept());
    inline(&mut replay, &mut sources, &mut lanes).unwrap();
    let orders = lanes[0].written.orders.len();
    assert!(orders > 500 && !lanes[0].written.fills.is_empty(), "{orders} orders test little");
    told(&replay, &lanes)
}

#[test]
fn the_threads_come_to_what_the_loop_comes_to() {
    let expected = expected();
    for chunk_rows in [1, 2, 17, 256, 65_536] {
        for ahead in [1, 2, 7] {
            let found = in_time(move || {
                let (mut replay, mut lanes) = (replay(0), kept());
                let mut sources = boxed(sources(chunk_rows));
                let layout = layout(ahead);
                let done = drive(&mut replay, &mut sources, &mut lanes, &mut quiet(), &layout);
                let times = done.unwrap();
                assert_eq!((times.rows, times.lanes), (5_601, 3));
                told(&replay, &lanes)
            });
            assert!(found == expected, "chunks of {chunk_rows}, {ahead} ahead: the rows differ");
        }
    }
}

#[test]
fn whoever_is_slow_is_waited_for() {
    let expected = expected();
    let cases: [(Option<Mishap>, Option<Mishap>); 3] = [
        (Some(Mishap::Nap(20)), None),
        (None, Some(Mishap::Nap(30))),
        (Some(Mishap::Nap(7)), Some(Mishap::Nap(11))),
    ];
    for (source_naps, writer_naps) in cases {
        let found = in_time(move || {
            let (mut replay, mut lanes, mut sources) = (replay(0), kept(), sources(50));
            // One stream starves; the others are far ahead of it.
            sources[1].mishap = source_naps.map(|nap| (2, nap));
            lanes[0].mishap = writer_naps.map(|nap| (1, nap));
            let mut sources = boxed(sources);
            let done = drive(&mut replay, &mut sources, &mut lanes, &mut quiet(), &layout(1));
            let times = done.unwrap();
            if source_naps.is_some() {
                assert!(times.wait_rows > Duration::from_millis(5), "{times:?}");
            }
            if writer_naps.is_some() {
                assert!(times.wait_write > Duration::from_millis(5), "{times:?}");
            }
            told(&replay, &lanes)
        });
        assert!(found == expected);
    }
}

#[test]
fn sixty_four_streams_share_a_reader() {
    let found = in_time(|| {
        let instruments: Vec<_> = (0..64).map(|n| instrument(&format!("S{n:02}"))).collect();
        let code = Quoter { every: 40, seen: 0, order_id: 0, stops_at: 0 };
        let slot = StrategySlot { name: "q".into(), params: vec![], code };
        let latency = Latency::default();
        let lanes = vec![(lane("one", latency), vec![slot])];
        let feed = FeedConfig { window_rows: 256, reorder_rows_max: 8, ..FeedConfig::default() };
        let mut replay = Replay::new(instruments, feed, 64, lanes).unwrap();
        let mut sources: Vec<Box<dyn RowSource>> = Vec::new();
        for stream in 0..64 {
            let mut source = sources_of(stream);
            source.rows.iter_mut().for_each(|raw| raw.event.instrument = stream as u32);
            sources.push(Box::new(source));
        }
        let mut lanes = [Kept::default()];
        drive(&mut replay, &mut sources, &mut lanes, &mut quiet(), &layout(1)).unwrap().rows
    });
    assert_eq!(found, 64 * 700);

    fn sources_of(stream: usize) -> Taped {
        let mut source = sources(1 + stream % 9).swap_remove(1);
        // Each begins where the one before is half through, so that they starve in turn.
        source.rows.iter_mut().for_each(|raw| raw.event.ts_exch_ns += stream as i64 * 1_400 * MS);
        source
    }
}

/// Drives with what goes wrong, and gives the error with the lanes.
fn failing(
    stops_at: u64,
    source: Option<(usize, Mishap)>,
    writer: Option<(usize, Mishap)>,
) -> (RunError, Vec<Kept>) {
    in_time(move || {
        let (mut replay, mut lanes, mut sources) = (replay(stops_at), kept(), sources(50));
        sources[4].mishap = source;
        lanes[1].mishap = writer;
        let mut sources = boxed(sources);
        let done = drive(&mut replay, &mut sources, &mut lanes, &mut quiet(), &layout(2));
        (done.expect_err("it fails"), lanes)
    })
}

#[test]
fn a_source_that_fails_stops_the_run_behind_its_rows() {
    let (error, lanes) = failing(0, Some((9, Mishap::Fail)), None);
    assert!(matches!(&error, RunError::Source(e) if e.to_string().contains("the tape tore")));
    // What the loop without threads had drained by then, whole.
    let (mut replay, mut sources, mut twin) = (replay(0), sources(50), kept());
    sources[4].mishap = Some((9, Mishap::Fail));
    inline(&mut replay, &mut sources, &mut twin).expect_err("it fails");
    (0..3).for_each(|lane| replay.drain(lane, &mut twin[lane]));
    for (lane, twin) in lanes.iter().zip(&twin) {
        assert!(!twin.written.orders.is_empty() && lane.written == twin.written);
    }
}

#[test]
fn a_source_that_panics_is_an_error() {
    let (error, _) = failing(0, Some((3, Mishap::Panic)), None);
    let text = error.to_string();
    assert!(text.contains("reader of rows") && text.contains("the tape burns"), "{text}");
}

#[test]
fn a_writer_that_fails_stops_the_run_and_still_hears_the_rest() {
    let (error, lanes) = failing(0, None, Some((2, Mishap::Fail)));
    assert!(matches!(&error, RunError::Output(e) if e.to_string().contains("the disk is full")));
    let whole = expected();
    assert!(lanes[0].written.orders.len() > 10 && !whole.is_empty());
    assert!(lanes.iter().all(|lane| lane.drains > 0), "every lane was drained at the end");
    // It stopped: a run to its end drains the first lane more often.
    let (mut replay, mut sources, mut twin) = (replay(0), sources(50), kept());
    inline(&mut replay, &mut sources, &mut twin).unwrap();
    assert!(lanes[0].written.orders.len() < twin[0].written.orders.len());
}

#[test]
fn a_writer_that_panics_is_an_error() {
    let (error, _) = failing(0, None, Some((2, Mishap::Panic)));
    let text = error.to_string();
    assert!(text.contains("writer of results") && text.contains("the disk burns"), "{text}");
}

#[test]
fn a_strategy_that_stops_ends_every_thread() {
    for nap in [None, Some((1, Mishap::Nap(40)))] {
        let (error, _) = failing(300, nap, None);
        assert!(matches!(&error, RunError::Core(f) if f.status == Status::StrategyStopped));
    }
}
