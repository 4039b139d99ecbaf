//! The writer: takes what the lanes are drained of off the replay's hands, and writes it behind it.
//!
//! Invariants: batches are written in the order of the drains, each drain into its lane and each kind of row in its own
//! order, so every file has the bytes it would have without the thread. The first failure is kept and stops the
//! replay at its next drain; batches that still come are given to their lanes all the same, since what a strategy complained of is
//! to be told.

use super::{Gone, LOOK_UP, WakeOnDrop};
use crate::output::OutputError;
use crate::output::marks::{Change, Changes, Marks};
use crate::run::RunError;
use crate::signal;
use arrayvec::ArrayVec;
use btcore::engine::{Replay, Settled};
use btcore::recorder::{DayRow, FillRow, OrderRow, SentRow, SeriesRow, Sink, rows_wanted};
use btcore::strategy::Strategy;
use btcore::wire::{Event, QueueRow, TraceRow};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Batches between the replay and the writer, being filled and being written included: as many drains as a row group of the
/// results has, so that the replay goes on while one is encoded.
const BATCHES: usize = 8;

/// Where a lane's rows go, and whether they have got there.
pub(crate) trait Written: Sink {
    /// The first failure of a write since the last call.
    fn check(&mut self) -> Result<(), OutputError>;
    /// Whether it wants to know the marks, and orders as they are sent.
    fn wants_marks(&self) -> bool {
        false
    }
    /// Writes what the marks so far are enough for, when its rows up to those marks have come.
    fn settle(&mut self, _marks: &Marks) {}
    /// From when on it needs the marks for what it has and could not write yet, ns; `i64::MAX` for nothing.
    fn oldest_ns(&self) -> i64 {
        i64::MAX
    }
}

/// Drains of lanes, behind the marks that were told until the last of them.
struct Batch {
    marks: Vec<Change>,
    newest_ns: i64,
    /// Where every lane has been drained and no older row is to come.
    settled: Option<Settled>,
    /// Whose the rows are, drain by drain; none for marks alone.
    parts: Vec<Part>,
    /// Rows of a kind with which it is sent.
    rows_full: usize,
    sents: Vec<SentRow>,
    orders: Vec<OrderRow>,
    fills: Vec<FillRow>,
    queues: Vec<QueueRow>,
    series: Vec<SeriesRow>,
    days: Vec<DayRow>,
    lines: Vec<LogLine>,
    text: String,
    traces: Vec<TraceRow>,
}

/// The rows of one drain: from where those of the part before it end.
#[derive(Clone, Copy, Default)]
struct Part {
    lane: usize,
    sents: usize,
    orders: usize,
    fills: usize,
    queues: usize,
    series: usize,
    days: usize,
    lines: usize,
    traces: usize,
}

struct LogLine {
    ts_ns: i64,
    strategy: u32,
    level: u8,
    /// Where its text ends; it begins where the line before ends.
    end: usize,
}

impl Sink for Batch {
    fn order(&mut self, row: &OrderRow) {
        self.orders.push(*row);
    }
    fn sent(&mut self, row: &SentRow) {
        self.sents.push(*row);
    }
    fn fill(&mut self, row: &FillRow) {
        self.fills.push(*row);
    }
    fn queue(&mut self, row: &QueueRow) {
        self.queues.push(*row);
    }
    fn series(&mut self, row: &SeriesRow) {
        self.series.push(*row);
    }
    fn day(&mut self, row: &DayRow) {
        self.days.push(*row);
    }
    fn log(&mut self, ts_ns: i64, strategy: u32, level: u8, text: &str) {
        self.text.push_str(text);
        self.lines.push(LogLine { ts_ns, strategy, level, end: self.text.len() });
    }
    fn trace(&mut self, row: &TraceRow) {
        self.traces.push(*row);
    }
}

/// Bytes of a line of a strategy, on average.
const LINE_BYTES: usize = 64;

impl Batch {
    /// One that is sent with `rows_full` rows of a kind. Before the last drain it has fewer, that brings a few more, and an
    /// instant's rows.
    fn of(rows_full: usize, marks: usize) -> Self {
        let records = 3 * rows_full;
        Batch {
            marks: Vec::with_capacity(marks),
            newest_ns: i64::MIN,
            settled: None,
            parts: Vec::with_capacity(rows_full),
            rows_full,
            sents: Vec::with_capacity(if marks > 0 { records } else { 0 }),
            orders: Vec::with_capacity(records),
            fills: Vec::with_capacity(records),
            queues: Vec::with_capacity(records),
            series: Vec::with_capacity(records),
            days: Vec::with_capacity(records),
            lines: Vec::with_capacity(records),
            text: String::with_capacity(records.saturating_mul(LINE_BYTES)),
            // Only where an order is traced.
            traces: Vec::new(),
        }
    }

    /// Drains a lane.
    fn fill_from<S: Strategy>(&mut self, replay: &mut Replay<S>, lane: usize) {
        replay.drain(lane, self);
        self.parts.push(Part {
            lane,
            sents: self.sents.len(),
            orders: self.orders.len(),
            fills: self.fills.len(),
            queues: self.queues.len(),
            series: self.series.len(),
            days: self.days.len(),
            lines: self.lines.len(),
            traces: self.traces.len(),
        });
    }

    /// Whether it is to be sent: it has as many rows of a kind as a lane has that asks for a drain, or as many parts.
    fn is_full(&self) -> bool {
        let Batch { sents, orders, fills, queues, series, days, lines, traces, parts, .. } = self;
        let rows = [sents.len(), orders.len(), fills.len(), queues.len(), series.len(), days.len()];
        let most = rows.into_iter().chain([lines.len(), traces.len(), parts.len()]).max();
        most >= Some(self.rows_full) || self.text.len() >= self.rows_full.saturating_mul(LINE_BYTES)
    }

    /// Gives every part to its lane, in the recorder's own order.
    fn pour<W: Sink>(&self, lanes: &mut [W]) {
        let (mut from, mut text_start) = (Part::default(), 0);
        for &to in &self.parts {
            let lane = &mut lanes[to.lane];
            self.sents[from.sents..to.sents].iter().for_each(|row| lane.sent(row));
            self.orders[from.orders..to.orders].iter().for_each(|row| lane.order(row));
            self.fills[from.fills..to.fills].iter().for_each(|row| lane.fill(row));
            self.queues[from.queues..to.queues].iter().for_each(|row| lane.queue(row));
            self.series[from.series..to.series].iter().for_each(|row| lane.series(row));
            self.days[from.days..to.days].iter().for_each(|row| lane.day(row));
            for line in &self.lines[from.lines..to.lines] {
                let text = &self.text[text_start..line.end];
                lane.log(line.ts_ns, line.strategy, line.level, text);
                text_start = line.end;
            }
            self.traces[from.traces..to.traces].iter().for_each(|row| lane.trace(row));
            from = to;
        }
    }

    /// The lanes that it has rows of, each once.
    fn lanes(&self) -> impl Iterator<Item = usize> + '_ {
        let is_first = |at: usize, lane| self.parts[..at].iter().all(|part| part.lane != lane);
        let parts = self.parts.iter().enumerate();
        parts.filter(move |(at, part)| is_first(*at, part.lane)).map(|(_, part)| part.lane)
    }

    /// Forgets its rows, and keeps the memory.
    fn clear(&mut self) {
        self.parts.clear();
        self.sents.clear();
        self.orders.clear();
        self.fills.clear();
        self.queues.clear();
        self.series.clear();
        self.days.clear();
        self.lines.clear();
        self.text.clear();
        self.traces.clear();
    }
}

/// The replay's side. Dropping it lets the writer end once everything is written.
pub(super) struct Recorders {
    full: Option<Producer<Batch>>,
    spent: Consumer<Batch>,
    /// Batches to fill. The one that came back last is filled first: as long as the writer keeps up, it is always the same
    /// one, and the memory of the others is never touched.
    idle: ArrayVec<Batch, BATCHES>,
    /// The one in the making: lanes that are many are drained often, of a few rows each.
    open: Option<Batch>,
    has_failed: Arc<AtomicBool>,
    writer: Option<Thread>,
    /// Marks to tell, if a lane wants them, and how many at a time.
    changes: Option<Changes>,
    changes_told: usize,
    waited: Duration,
}

/// The writer's side.
pub(super) struct Inlet {
    full: Consumer<Batch>,
    spent: Producer<Batch>,
    has_failed: Arc<AtomicBool>,
    marks: Option<Marks>,
}

/// Makes the two sides; with the marks of so many instruments, told so many changes at a time, where a lane wants them.
///
/// A batch has room from the start for what a lane is drained of, `records` rows of each kind at most: grown by and by, it
/// would leave its smaller selves behind in the heap. Only an instant of very many rows makes it grow.
pub(super) fn join(records: usize, marked: Option<(usize, usize)>) -> (Recorders, Inlet) {
    let rows_full = rows_wanted(records);
    let told = marked.map_or(0, |(_, told)| told);
    let (full_in, full_out) = RingBuffer::new(BATCHES);
    let (spent_in, spent_out) = RingBuffer::new(BATCHES);
    let has_failed = Arc::new(AtomicBool::new(false));
    let recorders = Recorders {
        full: Some(full_in),
        spent: spent_out,
        idle: (0..BATCHES).map(|_| Batch::of(rows_full, 2 * told)).collect(),
        open: None,
        has_failed: has_failed.clone(),
        writer: None,
        changes: marked.map(|(instruments, _)| Changes::new(instruments, 2 * told)),
        changes_told: told,
        waited: Duration::ZERO,
    };
    let marks = marked.map(|(instruments, _)| Marks::new(instruments));
    (recorders, Inlet { full: full_out, spent: spent_in, has_failed, marks })
}

impl Recorders {
    /// Tells whom to wake.
    pub fn with_writer(mut self, writer: Thread) -> Self {
        self.writer = Some(writer);
        self
    }

    /// Drains a lane of a replay that is to go on, waiting for the writer if it is behind. The writer hears of it when there is
    /// enough to tell.
    pub fn drain<S: Strategy>(
        &mut self,
        replay: &mut Replay<S>,
        lane: usize,
    ) -> Result<(), RunError> {
        let batch = self.batch(true)?;
        self.fill(batch, replay, lane);
        self.check()
    }

    fn check(&self) -> Result<(), RunError> {
        if self.has_failed.load(Ordering::Acquire) {
            // Stops the replay; the writer tells why when it is joined.
            return Err(Gone::Thread.into());
        }
        Ok(())
    }

    /// Drains every lane of a replay that is over. A writer that is gone is told of when it is joined.
    pub fn finish<S: Strategy>(&mut self, replay: &mut Replay<S>) {
        for lane in 0..replay.lane_count() {
            let Ok(batch) = self.batch(false) else { return };
            self.fill(batch, replay, lane);
        }
        if let Some(batch) = self.open.take() {
            self.send(batch);
        }
    }

    /// Looks at rows that come into the window, the first of which has number `row`.
    pub fn look(&mut self, row: u64, events: &[Event]) {
        if let Some(changes) = &mut self.changes {
            changes.look(row, events);
        }
    }

    /// Tells the marks, where there are many, so that older ones can be forgotten; every lane's rows that belong to them first.
    pub fn tell<S: Strategy>(&mut self, replay: &mut Replay<S>) -> Result<(), RunError> {
        if self.changes.as_ref().is_none_or(|changes| changes.changes.len() < self.changes_told) {
            return Ok(());
        }
        for lane in 0..replay.lane_count() {
            if replay.holds_marked(lane) {
                self.drain(replay, lane)?;
            }
        }
        let mut batch = self.batch(true)?;
        batch.settled = Some(replay.settled());
        self.send(batch);
        self.check()
    }

    /// Drains a lane into a batch; sends that, or keeps it open.
    fn fill<S: Strategy>(&mut self, mut batch: Batch, replay: &mut Replay<S>, lane: usize) {
        batch.fill_from(replay, lane);
        if batch.is_full() {
            self.send(batch);
        } else {
            self.open = Some(batch);
        }
    }

    /// Time spent waiting for the writer.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    fn send(&mut self, mut batch: Batch) {
        if let Some(changes) = &mut self.changes {
            std::mem::swap(&mut batch.marks, &mut changes.changes);
            batch.newest_ns = changes.newest_ns;
        }
        if let Some(full) = &mut self.full {
            // Never full: there is a place for every batch.
            let _ = full.push(batch);
        }
        self.wake();
    }

    fn batch(&mut self, heeds_signals: bool) -> Result<Batch, Gone> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        let mut since = None;
        let batch = loop {
            let is_gone = self.spent.is_abandoned();
            while let Ok(batch) = self.spent.pop() {
                self.idle.push(batch);
            }
            if is_gone {
                break Err(Gone::Thread);
            }
            if let Some(batch) = self.idle.pop() {
                break Ok(batch);
            }
            match signal::caught() {
                Some(number) if heeds_signals => break Err(Gone::Signal(number)),
                _ => {}
            }
            since.get_or_insert_with(Instant::now);
            thread::park_timeout(LOOK_UP);
        };
        self.waited += since.map_or(Duration::ZERO, |since| since.elapsed());
        batch
    }

    fn wake(&self) {
        if let Some(writer) = &self.writer {
            writer.unpark();
        }
    }
}

impl Drop for Recorders {
    fn drop(&mut self) {
        self.full = None;
        self.wake();
    }
}

/// Writes until the replay's side is gone and every batch is written; returns the first failure and the time spent
/// writing.
pub(super) fn run<W: Written>(
    lanes: &mut [W],
    inlet: Inlet,
    replay: Thread,
) -> (Result<(), OutputError>, Duration) {
    // The rings go before the wake-up: whoever is woken finds them gone.
    let wake = WakeOnDrop(replay);
    let Inlet { mut full, mut spent, has_failed, mut marks } = inlet;
    let (mut first, mut busy) = (Ok(()), Duration::ZERO);
    let mut note = |done: Result<(), OutputError>| {
        if first.is_ok() && done.is_err() {
            first = done;
            has_failed.store(true, Ordering::Release);
        }
    };
    loop {
        // Asked before the ring is looked into: what was put there before the replay went is still to be written.
        let is_gone = full.is_abandoned();
        let Ok(mut batch) = full.pop() else {
            if is_gone {
                break;
            }
            thread::park_timeout(LOOK_UP);
            continue;
        };
        let since = Instant::now();
        if let Some(marks) = &mut marks {
            marks.take(&mut batch.marks, batch.newest_ns);
        }
        batch.pour(lanes);
        for lane in batch.lanes() {
            if let Some(marks) = &marks {
                lanes[lane].settle(marks);
            }
            note(lanes[lane].check());
        }
        batch.clear();
        if let (Some(marks), Some(settled)) = (&mut marks, batch.settled.take()) {
            marks.settle(settled);
            settle(lanes, marks, &mut note);
            marks.trim(lanes.iter().map(Written::oldest_ns).min().unwrap_or(i64::MAX));
        }
        busy += since.elapsed();
        // Never full: there is a place for every batch.
        let _ = spent.push(batch);
        wake.0.unpark();
    }
    let since = Instant::now();
    if let Some(marks) = &mut marks {
        marks.close();
        settle(lanes, marks, &mut note);
    }
    (first, busy + since.elapsed())
}

/// Lets every lane write what the marks are enough for.
fn settle<W: Written>(
    lanes: &mut [W],
    marks: &Marks,
    note: &mut impl FnMut(Result<(), OutputError>),
) {
    for lane in lanes {
        lane.settle(marks);
        note(lane.check());
    }
}
