//! Readers: each decodes some streams ahead of the replay, into chunks that come back to it empty.
//!
//! Invariants: a stream's chunks, then its error or its end, come in order; a stream never has more than its share of
//! chunks, all made before the first row. A reader decodes for the stream that has the fewest chunks ready, the one that the
//! replay waits for first among equals, and parks when every ring is full. It ends when every stream has ended or
//! when the replay's side is gone.

use super::{LOOK_UP, WakeOnDrop};
use crate::signal;
use crate::source::{Chunk, RowSource, SourceError};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// What a reader tells of a stream.
enum Read {
    Rows(Chunk),
    End,
    Failed(SourceError),
}

/// Why there are no more rows, though the stream has not ended.
pub(super) enum Gone {
    /// The source failed.
    Source(SourceError),
    /// A signal asked to stop.
    Signal(u8),
    /// The reader's thread is gone.
    Thread,
}

/// The replay's side of one stream.
struct Line {
    ready: Consumer<Read>,
    spent: Producer<Chunk>,
}

/// The reader's side of one stream.
pub(super) struct Supply<'a> {
    stream: usize,
    source: &'a mut dyn RowSource,
    ready: Producer<Read>,
    spent: Consumer<Chunk>,
    is_done: bool,
}

/// The replay's side of all streams. Dropping it ends the readers.
pub(super) struct Lines {
    lines: Vec<Line>,
    readers: Vec<Thread>,
    /// The stream that the replay waits for.
    wanted: Arc<AtomicUsize>,
}

/// Makes the two sides of every stream, the readers' dealt out to `readers` of them: `ahead` chunks for each stream, and
/// one more in the replay's hand.
pub(super) fn join(
    sources: &mut [Box<dyn RowSource>],
    ahead: usize,
    readers: usize,
    chunk: impl Fn() -> Chunk,
) -> (Lines, Vec<Vec<Supply<'_>>>) {
    let mut lines = Vec::with_capacity(sources.len());
    let mut supplies: Vec<Vec<Supply<'_>>> = (0..readers).map(|_| Vec::new()).collect();
    for (stream, source) in sources.iter_mut().enumerate() {
        // Room for every chunk that there is and for the end: a push never finds a ring full.
        let (ready_in, ready_out) = RingBuffer::new(ahead + 2);
        let (mut spent_in, spent_out) = RingBuffer::new(ahead + 1);
        for _ in 0..ahead {
            // There is room for one more than this.
            let _ = spent_in.push(chunk());
        }
        lines.push(Line { ready: ready_out, spent: spent_in });
        supplies[stream % readers].push(Supply {
            stream,
            source: source.as_mut(),
            ready: ready_in,
            spent: spent_out,
            is_done: false,
        });
    }
    let wanted = Arc::new(AtomicUsize::new(usize::MAX));
    (Lines { lines, readers: Vec::new(), wanted }, supplies)
}

impl Lines {
    /// The number that says which stream is waited for.
    pub fn wanted(&self) -> Arc<AtomicUsize> {
        self.wanted.clone()
    }

    /// Tells whom to wake, stream `n` being of reader `n` modulo their number.
    pub fn with_readers(mut self, readers: Vec<Thread>) -> Self {
        self.readers = readers;
        self
    }

    /// The next chunk of a stream for a spent one, `None` at its end; adds to `waited` the time that it took to come.
    pub fn next(
        &mut self,
        stream: usize,
        spent: Chunk,
        waited: &mut Duration,
    ) -> Result<Option<Chunk>, Gone> {
        let line = &mut self.lines[stream];
        let reader = &self.readers[stream % self.readers.len()];
        // Never full: the stream's chunks are no more than its places.
        let _ = line.spent.push(spent);
        reader.unpark();
        let mut since = None;
        let read = loop {
            // Asked before the ring is looked into: what was put there before the reader went is still to be had.
            let is_gone = line.ready.is_abandoned();
            if let Ok(read) = line.ready.pop() {
                break Ok(read);
            }
            if is_gone {
                break Err(Gone::Thread);
            }
            if let Some(number) = signal::caught() {
                break Err(Gone::Signal(number));
            }
            if since.is_none() {
                since = Some(Instant::now());
                self.wanted.store(stream, Ordering::Release);
                reader.unpark();
            }
            thread::park_timeout(LOOK_UP);
        };
        if let Some(since) = since {
            *waited += since.elapsed();
            self.wanted.store(usize::MAX, Ordering::Release);
        }
        match read? {
            Read::Rows(chunk) => Ok(Some(chunk)),
            Read::End => Ok(None),
            Read::Failed(error) => Err(Gone::Source(error)),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.lines.clear();
        self.readers.iter().for_each(Thread::unpark);
    }
}

/// Decodes until every stream has ended or nobody wants more; returns the time spent decoding.
pub(super) fn run(supplies: Vec<Supply<'_>>, wanted: &AtomicUsize, replay: Thread) -> Duration {
    // The rings go before the wake-up: whoever is woken finds them gone.
    let wake = WakeOnDrop(replay);
    let mut supplies = supplies;
    let mut busy = Duration::ZERO;
    loop {
        let first = wanted.load(Ordering::Acquire);
        let open = supplies.iter_mut().filter(|supply| !supply.is_done);
        let urgency = |supply: &&mut Supply<'_>| (supply.ready_count(), supply.stream != first);
        let next = open.filter(|supply| !supply.spent.is_empty()).min_by_key(urgency);
        let Some(supply) = next else {
            let is_over = |supply: &Supply<'_>| supply.is_done || supply.ready.is_abandoned();
            if supplies.iter().all(is_over) {
                return busy;
            }
            thread::park_timeout(LOOK_UP);
            continue;
        };
        if supply.ready.is_abandoned() {
            return busy;
        }
        let Ok(mut chunk) = supply.spent.pop() else { continue };
        let since = Instant::now();
        let read = match supply.source.next_chunk(&mut chunk) {
            Ok(true) => Read::Rows(chunk),
            Ok(false) => Read::End,
            Err(error) => Read::Failed(error),
        };
        busy += since.elapsed();
        supply.is_done = !matches!(read, Read::Rows(_));
        // Never full: there is a place for every chunk and one for the end.
        let _ = supply.ready.push(read);
        wake.0.unpark();
    }
}

impl Supply<'_> {
    /// Chunks that the replay has not taken yet.
    fn ready_count(&self) -> usize {
        self.ready.buffer().capacity() - self.ready.slots()
    }
}
