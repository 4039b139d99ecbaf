//! The thread that reads one answer of a server: bytes of an ArrowStream in, record batches out.
//!
//! Invariants: it is at most one batch ahead of who takes them, and reads nothing while it waits, so that TCP slows
//! the server down. The end of the answer is told by a message of its own; a thread that goes away without one, by a
//! panic too, is an error to the taker. It ends when the taker goes away. Patience counts only while it waits for the
//! server, never while it waits for the taker.

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use bytes::Bytes;
use clickhouse::query::{BytesCursor, Query};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Batches read ahead.
const BATCHES_AHEAD: usize = 1;
/// Bytes of an answer's end that are searched for an exception's text.
const TAIL_BYTES: usize = 16_384;

/// An answer being read.
pub(super) struct Reader {
    messages: Receiver<Message>,
}

enum Message {
    Batch(RecordBatch),
    End,
    Failed(String),
}

impl Reader {
    /// Sends a query and reads its answer on a thread.
    ///
    /// # Errors
    /// There is no thread or runtime to be had.
    pub fn start(query: Query, patience: Duration) -> std::io::Result<Self> {
        let (sender, messages) = sync_channel(BATCHES_AHEAD);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("clickhouse".into()).spawn(move || {
            let last = match runtime.block_on(read(query, patience, &sender)) {
                Ok(()) => Message::End,
                Err(message) => Message::Failed(message),
            };
            // Nobody to tell it to means that nobody needs it.
            let _ = sender.send(last);
        })?;
        Ok(Reader { messages })
    }

    /// The next batch; `None` at the end of the answer.
    ///
    /// # Errors
    /// The answer cannot be read on.
    pub fn next(&mut self) -> Result<Option<RecordBatch>, String> {
        match self.messages.recv() {
            Ok(Message::Batch(batch)) => Ok(Some(batch)),
            Ok(Message::End) => Ok(None),
            Ok(Message::Failed(message)) => Err(message),
            Err(_) => Err("its reader went away before the end".into()),
        }
    }
}

/// Waits for an answer, not for ever.
pub(super) async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, clickhouse::error::Error>>,
) -> Result<T, String> {
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err(format!("no answer within {} s", patience.as_secs_f64())),
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

async fn read(
    query: Query,
    patience: Duration,
    sender: &SyncSender<Message>,
) -> Result<(), String> {
    let mut cursor: BytesCursor = query.fetch_bytes("ArrowStream").map_err(|e| chain(&e))?;
    let mut decoder = StreamDecoder::new();
    let mut tail = Tail::default();
    loop {
        let next = within(patience, cursor.next()).await;
        let Some(bytes) = next.map_err(|message| tail.exception().unwrap_or(message))? else {
            break;
        };
        tail.push(&bytes);
        let mut rest = Buffer::from(bytes);
        while !rest.is_empty() {
            let batch = decoder.decode(&mut rest);
            let batch = batch.map_err(|e| tail.exception().unwrap_or_else(|| unreadable(&e)))?;
            let Some(batch) = batch else { continue };
            // Blocks this thread, and with it the connection, until the taker has room.
            if sender.send(Message::Batch(batch)).is_err() {
                return Ok(());
            }
        }
    }
    decoder.finish().map_err(|e| tail.exception().unwrap_or_else(|| unreadable(&e)))
}

fn unreadable(error: &dyn std::error::Error) -> String {
    format!("cannot be read: {}", chain(error))
}

/// The last two pieces of an answer: an exception that a server adds to a begun answer may lie across both, where
/// the client does not see it.
#[derive(Default)]
struct Tail {
    pieces: [Bytes; 2],
}

impl Tail {
    fn push(&mut self, piece: &Bytes) {
        self.pieces.swap(0, 1);
        self.pieces[1] = piece.clone();
    }

    /// The text of an exception at the end.
    fn exception(&self) -> Option<String> {
        let all: Vec<u8> = self.pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        let end = String::from_utf8_lossy(&all[all.len().saturating_sub(TAIL_BYTES)..]);
        let text = &end[end.rfind("Code: ")?..];
        let line = text.lines().next().unwrap_or(text);
        line.contains("DB::Exception").then(|| line.trim().to_owned())
    }
}
