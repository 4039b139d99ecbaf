//! The thread that reads one answer of a server: bytes of an ArrowStream in, record batches out.
//!
//! Invariants: it is at most one batch ahead of who takes them, and reads nothing while it waits, so that TCP slows
//! the server down. A block that is larger than was asked for is handed on in slices, so that no more than two of them are held. The end of the answer is told by a message of its own; a thread that goes away without one, by a
//! panic too, is an error to the taker. It ends when the taker goes away. Patience counts only while it waits for the
//! server, never while it waits for the taker.

use crate::server::body::Body;
use crate::server::failure::{Failure, chain};
use crate::signal;
use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use clickhouse::query::Query;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Batches read ahead.
const BATCHES_AHEAD: usize = 1;
/// A signal is looked for this often.
const LOOK_UP: Duration = Duration::from_millis(100);

/// An answer being read.
pub(super) struct Reader {
    messages: Receiver<Message>,
}

enum Message {
    Batch(RecordBatch),
    End,
    Failed(Failure),
}

impl Reader {
    /// Sends a query and reads its answer on a thread, in batches of so many rows at most.
    ///
    /// # Errors
    /// There is no thread or runtime to be had.
    pub fn start(query: Query, rows_max: usize, patience: Duration) -> std::io::Result<Self> {
        let (sender, messages) = sync_channel(BATCHES_AHEAD);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("clickhouse".into()).spawn(move || {
            let last = match runtime.block_on(read(query, rows_max, patience, &sender)) {
                Ok(()) => Message::End,
                Err(failure) => Message::Failed(failure),
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
    pub fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        loop {
            match self.messages.recv_timeout(LOOK_UP) {
                Ok(Message::Batch(batch)) => return Ok(Some(batch)),
                Ok(Message::End) => return Ok(None),
                Ok(Message::Failed(failure)) => return Err(failure),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::lasting("its reader went away before the end"));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(number) = signal::caught() {
                        return Err(Failure::lasting(format!("stopped by signal {number}")));
                    }
                }
            }
        }
    }
}

async fn read(
    query: Query,
    rows_max: usize,
    patience: Duration,
    sender: &SyncSender<Message>,
) -> Result<(), Failure> {
    let mut body = Body::start(query, "ArrowStream", patience)?;
    let mut decoder = StreamDecoder::new();
    while let Some(bytes) = body.next().await? {
        let mut rest = Buffer::from(bytes);
        while !rest.is_empty() {
            let batch = decoder.decode(&mut rest);
            // The bytes are the server's own, so it would say the same again.
            let unreadable = |e| Failure::lasting(format!("cannot be read: {}", chain(&e)));
            let batch = batch.map_err(|e| body.because(unreadable(e)))?;
            let Some(batch) = batch else { continue };
            for slice in slices(&batch, rows_max) {
                // Blocks this thread, and with it the connection, until the taker has room.
                if sender.send(Message::Batch(slice)).is_err() {
                    return Ok(());
                }
            }
        }
    }
    let cut = |e| Failure::passing(format!("it was cut off: {}", chain(&e)));
    decoder.finish().map_err(|e| body.because(cut(e)))
}

/// A batch in parts of so many rows at most, which share its memory.
fn slices(batch: &RecordBatch, rows_max: usize) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    (0..rows).step_by(rows_max.max(1)).map(move |at| batch.slice(at, rows_max.min(rows - at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int64Array};
    use std::sync::Arc;

    #[test]
    fn slices_are_the_batch() {
        for rows in [0, 1, 63, 64, 65, 640, 1_000] {
            let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
            let batch = RecordBatch::try_from_iter([("n", column)]).expect("a batch");
            let parts: Vec<RecordBatch> = slices(&batch, 64).collect();
            assert!(parts.iter().all(|part| (1..=64).contains(&part.num_rows())), "{rows}");
            let whole = arrow_select::concat::concat_batches(&batch.schema(), &parts);
            assert_eq!(whole.expect("one schema"), batch);
        }
    }
}
