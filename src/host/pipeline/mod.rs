//! The threads of a run: readers decode ahead, the calling thread replays, a writer writes behind.
//!
//! ```text
//! reader(s) --chunks--> replay --batches--> writer        rings of fixed length, one way
//!           <--empties--       <--empties--               and the same memory back
//! ```
//!
//! Invariants: every result is that of the loop without threads, whatever the rings' lengths and whoever is slow: rows
//! of a stream come in its own order, a stream's error and its end come behind its rows, and a lane's rows are
//! written in the order of its drains. A side that is ahead waits, parked; nothing is dropped, and no thread waits for
//! one that waits for it: a reader fills any ring with room, so it has something to do for every stream that the
//! replay can ask for. Whoever fails or panics, every thread has ended when `drive` returns.
//!
//! Cost: a wake-up or two a chunk; nothing is allocated for one.
//! Memory: `ahead` + 1 chunks a stream, and `BATCHES` batches of a busy lane's drain each, or of as many rows of several lanes,
//! of which only those are touched that are needed at once.

pub mod pin;
mod reader;
#[cfg(test)]
mod tests;
pub mod times;
mod writer;

pub(crate) use writer::Written;

use crate::config::Config;
use crate::progress::Progress;
use crate::run::RunError;
use crate::signal;
use crate::source::pending::Pending;
use crate::source::{CHUNKS, Chunk, RowSource, share};
use btcore::engine::{Need, Replay};
use btcore::strategy::Strategy;
use pin::{Pin, Places};
use reader::{Gone, Lines, Supply};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, Scope, ScopedJoinHandle, Thread};
use std::time::{Duration, Instant};
use times::Times;
use writer::Recorders;

/// A thread that waits looks up this often even if nobody woke it, for signals.
const LOOK_UP: Duration = Duration::from_millis(100);
/// Threads that decode, at most.
const READERS_MAX: usize = 8;

/// How a run is laid out over threads. No result depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Where the threads run.
    pub pin: Pin,
    /// Chunks of a stream that are decoded ahead of the replay, at least one.
    pub ahead: usize,
    /// Rows of all chunks together.
    pub chunk_rows: usize,
    /// Rows of each kind that a lane is drained of at a time, at most.
    pub records: usize,
    /// Changes of marks that are told at a time; the rows of an instant, and those that come at once, make it more.
    pub marks: usize,
}

impl Layout {
    /// The layout of a config.
    pub fn of(config: &Config) -> Self {
        let records = config.lanes.iter().map(|lane| lane.config.capacity.records);
        Layout {
            pin: config.run.pin.clone(),
            // The one more is in the replay's hand.
            ahead: CHUNKS - 1,
            chunk_rows: config.data.chunk_rows,
            records: records.max().unwrap_or(0),
            marks: 4_096,
        }
    }
}

/// Wakes a thread when it is dropped, however its owner ends.
struct WakeOnDrop(Thread);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

/// Runs a replay to its end: the replay says what it needs, and gets it. Every lane is drained whole into `lanes`,
/// after a failure too.
///
/// # Errors
/// The first failure of a write, else whatever stopped the replay.
pub(crate) fn drive<S: Strategy, W: Written + Send>(
    replay: &mut Replay<S>,
    sources: &mut [Box<dyn RowSource>],
    lanes: &mut [W],
    progress: &mut Progress,
    layout: &Layout,
) -> Result<Times, RunError> {
    let rows_total = sources.iter().map(|source| source.rows_total_hint()).sum::<Option<u64>>();
    let places = Places::of(&layout.pin);
    let names: Vec<String> = sources.iter().map(|source| source.describe()).collect();
    // Grown by and by, chunks would leave their smaller selves behind in the heap.
    let room = || Chunk::with_room(share(layout.chunk_rows, names.len()));
    let (lines, supplies) = reader::join(sources, layout.ahead, reader_count(names.len()), room);
    let lane_count = lanes.len();
    thread::scope(|scope| {
        let began = Instant::now();
        let is_marked = lanes.iter().any(Written::wants_marks);
        if is_marked {
            replay.keep_sent();
        }
        let marked = is_marked.then(|| (replay.instruments().len(), layout.marks));
        let (records, inlet) = writer::join(layout.records, marked);
        let mut readers = Vec::with_capacity(supplies.len());
        for supplies in supplies {
            readers.push(start_reader(scope, supplies, &lines, &places)?);
        }
        let lines = lines.with_readers(readers.iter().map(|r| r.thread().clone()).collect());
        let writer = {
            let (replay, places) = (thread::current(), &places);
            start(scope, "writer", move || {
                places.take_other();
                writer::run(lanes, inlet, replay)
            })?
        };
        let mut records = records.with_writer(writer.thread().clone());
        let pinned = places.take_replay();
        let mut turn = Turn {
            lines,
            pending: names.iter().map(|_| Pending::of(room())).collect(),
            names: &names,
            times: Times::default(),
            began,
            rows_total,
        };
        let done = turn.run(replay, &mut records, progress);
        let Turn { lines, mut times, .. } = turn;
        drop(lines);
        drop(pinned);
        records.finish(replay);
        times.wait_write += records.waited();
        drop(records);
        times.total = began.elapsed();
        times.rows = replay.progress().0;
        times.lanes = lane_count;
        let read: Vec<thread::Result<Duration>> = readers.into_iter().map(|r| r.join()).collect();
        let (written, write) = ended(writer.join(), "the writer of results")?;
        times.write = write;
        written?;
        for busy in read {
            times.decode += ended(busy, "a reader of rows")?;
        }
        done?;
        Ok(times)
    })
}

/// Threads that decode `streams` streams, on what cores there are beside the replay's.
fn reader_count(streams: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.saturating_sub(1).clamp(1, READERS_MAX).min(streams.max(1))
}

fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    body: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, RunError> {
    thread::Builder::new().name(name.into()).spawn_scoped(scope, body).map_err(RunError::Thread)
}

fn start_reader<'scope, 'env: 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    supplies: Vec<Supply<'env>>,
    lines: &Lines,
    places: &'scope Places,
) -> Result<ScopedJoinHandle<'scope, Duration>, RunError> {
    let (replay, wanted) = (thread::current(), lines.wanted());
    start(scope, "reader", move || {
        places.take_other();
        reader::run(supplies, &wanted, replay)
    })
}

/// What a thread came to; its panic as an error.
fn ended<T>(result: thread::Result<T>, who: &str) -> Result<T, RunError> {
    result.map_err(|payload| {
        RunError::Panic(format!("{who} stopped: {}", panic_text(payload.as_ref())))
    })
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "?".into())
}

/// The replay's turn: the one loop of a run.
struct Turn<'a> {
    lines: Lines,
    pending: Vec<Pending>,
    names: &'a [String],
    times: Times,
    began: Instant,
    rows_total: Option<u64>,
}

impl Turn<'_> {
    fn run<S: Strategy>(
        &mut self,
        replay: &mut Replay<S>,
        records: &mut Recorders,
        progress: &mut Progress,
    ) -> Result<(), RunError> {
        loop {
            if let Some(number) = signal::caught() {
                return Err(RunError::Signal(number));
            }
            let watched = || replay.run_watched(|row, events| records.look(row, events));
            let need = catch_unwind(AssertUnwindSafe(watched))
                .map_err(|payload| RunError::Panic(panic_text(payload.as_ref())))??;
            records.tell(replay)?;
            match need {
                Need::Nothing => return Ok(()),
                Need::Drain(lane) => records.drain(replay, lane)?,
                Need::Rows(stream) => {
                    let (rows, ts_ns) = replay.progress();
                    progress.tell(rows, self.rows_total, ts_ns);
                    self.feed(replay, stream, rows)?;
                }
            }
        }
    }

    /// Gives the replay rows of a stream, or closes it.
    fn feed<S: Strategy>(
        &mut self,
        replay: &mut Replay<S>,
        stream: usize,
        rows: u64,
    ) -> Result<(), RunError> {
        let pending = &mut self.pending[stream];
        if pending.is_taken() {
            if rows > 0 && self.times.first.is_none() {
                self.times.first = Some((rows, self.began.elapsed()));
            }
            let spent = pending.replace(Default::default());
            let Some(chunk) = self.lines.next(stream, spent, &mut self.times.wait_rows)? else {
                replay.close(stream);
                return Ok(());
            };
            if self.times.first_rows.is_none() {
                self.times.first_rows = Some(self.began.elapsed());
            }
            pending.replace(chunk);
        }
        Ok(pending.push(replay, stream, || self.names[stream].clone())?)
    }
}

impl From<Gone> for RunError {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Source(error) => RunError::Source(error),
            Gone::Signal(number) => RunError::Signal(number),
            // Told by whoever joins the thread; this stands if it ended without a panic.
            Gone::Thread => RunError::Panic("a thread went away before the end".into()),
        }
    }
}
