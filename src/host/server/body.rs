//! The body of an answer: its bytes, checked, at a pace that is worth waiting for.
//!
//! Invariants: a body is asked for in the server's own compressed blocks, each behind a checksum of 128 bits, so that no
//! byte that was changed on the way is taken for data; an LZ4 frame, which HTTP's own compression uses, has none. A
//! body that ends within a block is an error, and one that ends between two is for the caller to judge. An exception that
//! a server adds to a begun answer is found whether it lies in a block or behind them. A server that sends less than
//! `LEAST_BYTES` while it is waited for as long as patience goes is taken for dead, so a byte now and then does
//! not keep a run alive; only time that is spent waiting for it counts.
//!
//! Cost: a copy, a hash and an LZ4 block, together some 0.5 ns a byte.

use super::failure::{Failure, chain, wait, within};
use bytes::{Bytes, BytesMut};
use clickhouse::query::{BytesCursor, Query};
use std::time::{Duration, Instant};

const CHECKSUM_BYTES: usize = 16;
/// Method, size of the block from here on, size of what it holds.
const HEADER_BYTES: usize = 9;
const METHOD_NONE: u8 = 0x02;
const METHOD_LZ4: u8 = 0x82;
/// A server's blocks are of 1 MiB; a size beyond this is no size.
const BLOCK_BYTES_MAX: usize = 16 << 20;
/// A server that sends less within its time is not worth waiting for.
const LEAST_BYTES: u64 = 4_096;
/// Bytes of an answer's end that are searched for an exception's text.
const TAIL_BYTES: usize = 16_384;
/// What follows a broken block is waited for so long: it may be an exception that says why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A body being read.
pub struct Body {
    cursor: BytesCursor,
    /// Bytes of blocks that are not whole yet.
    closed: BytesMut,
    tails: [Tail; 2],
    patience: Duration,
    /// What is left of it, and how much came meanwhile.
    window: (Duration, u64),
}

impl Body {
    /// Sends a query.
    ///
    /// # Errors
    /// It cannot be sent.
    pub fn start(query: Query, format: &str, patience: Duration) -> Result<Self, Failure> {
        let cursor = query.with_setting("compress", "1").fetch_bytes(format)?;
        Ok(Body {
            cursor,
            closed: BytesMut::new(),
            tails: Default::default(),
            patience,
            window: (patience, 0),
        })
    }

    /// The next bytes; `None` where the body ends behind a block.
    ///
    /// # Errors
    /// It cannot be read on, or the server has failed.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match open(&mut self.closed) {
                Ok(Some(block)) => {
                    self.tails[1].push(&block);
                    return Ok(Some(block));
                }
                Ok(None) => {}
                Err(failure) => {
                    self.hear().await;
                    return Err(self.because(failure));
                }
            }
            match self.pull().await {
                Ok(Some(bytes)) => self.closed.extend_from_slice(&bytes),
                Ok(None) if self.closed.is_empty() => return Ok(None),
                Ok(None) => {
                    return Err(self.because(Failure::passing("it ends within a block")));
                }
                Err(failure) => return Err(self.because(failure)),
            }
        }
    }

    /// What really happened, where the server has said it.
    pub fn because(&self, failure: Failure) -> Failure {
        let told = self.tails.iter().rev().find_map(Tail::exception);
        told.map_or(failure, |text| Failure::told(&text))
    }

    async fn pull(&mut self) -> Result<Option<Bytes>, Failure> {
        let begun = Instant::now();
        let cursor = &mut self.cursor;
        let next = wait(self.window.0, async { Ok(cursor.next().await?) }).await?;
        let Some(next) = next else {
            let (seconds, count) = (self.patience.as_secs_f64(), self.window.1);
            return Err(Failure::passing(match count {
                0 => format!("no answer within {seconds} s"),
                _ => format!("no more than {count} bytes within {seconds} s"),
            }));
        };
        self.window.0 = self.window.0.saturating_sub(begun.elapsed());
        if let Some(bytes) = &next {
            self.tails[0].push(bytes);
            self.window.1 += bytes.len() as u64;
            if self.window.1 >= LEAST_BYTES {
                self.window = (self.patience, 0);
            }
        }
        Ok(next)
    }

    /// Reads the rest, if it is short and comes soon.
    async fn hear(&mut self) {
        let cursor = &mut self.cursor;
        let mut left = TAIL_BYTES;
        let tail = &mut self.tails[0];
        let rest = async {
            while let Some(bytes) = cursor.next().await? {
                tail.push(&bytes);
                left = left.saturating_sub(bytes.len());
                if left == 0 {
                    break;
                }
            }
            Ok(())
        };
        // It only helps to say what happened.
        let _ = within(LAST_WORDS.min(self.patience), rest).await;
    }
}

/// Asks for a list of texts: one row of one `Array(String)`, in which every length stands before what it is of, so that
/// no part is taken for the whole.
///
/// # Errors
/// There is no such answer in time.
pub async fn texts(query: Query, patience: Duration) -> Result<Vec<String>, Failure> {
    let asked = async {
        let query = query.with_setting("wait_end_of_query", "1");
        let (mut body, mut all) = (Body::start(query, "RowBinary", patience)?, Vec::new());
        while let Some(bytes) = body.next().await? {
            all.extend_from_slice(&bytes);
        }
        let texts = read_texts(&mut all.as_slice());
        texts.ok_or_else(|| body.because(Failure::passing("the answer is not whole")))
    };
    within(patience, asked).await
}

fn read_texts(rest: &mut &[u8]) -> Option<Vec<String>> {
    let count = varint(rest)?;
    // Each takes a byte at least.
    let mut texts = Vec::with_capacity(count.min(rest.len()));
    for _ in 0..count {
        let length = varint(rest)?;
        let (text, behind) = rest.split_at_checked(length)?;
        *rest = behind;
        texts.push(String::from_utf8_lossy(text).into_owned());
    }
    rest.is_empty().then_some(texts)
}

fn varint(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for shift in (0..56).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        value |= usize::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Opens the first block, if all of it is there.
fn open(closed: &mut BytesMut) -> Result<Option<Bytes>, Failure> {
    let Some(header) = closed.get(CHECKSUM_BYTES..CHECKSUM_BYTES + HEADER_BYTES) else {
        return Ok(None);
    };
    let size = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize
    };
    let (method, size_closed, size_open) = (header[0], size(1), size(5));
    let is_size = |size: usize| size <= BLOCK_BYTES_MAX;
    if size_closed < HEADER_BYTES || !is_size(size_closed) || !is_size(size_open) {
        return Err(damaged("a block of no possible size"));
    }
    if closed.len() < CHECKSUM_BYTES + size_closed {
        return Ok(None);
    }
    let checksum = closed.split_to(CHECKSUM_BYTES);
    let block = closed.split_to(size_closed);
    // The two halves of the hash stand in the other order.
    if *checksum != cityhash_rs::cityhash_102_128(&block).rotate_right(64).to_le_bytes() {
        return Err(damaged("a block that its checksum does not fit"));
    }
    let data = &block[HEADER_BYTES..];
    match method {
        METHOD_NONE if data.len() == size_open => Ok(Some(Bytes::copy_from_slice(data))),
        METHOD_LZ4 => match lz4_flex::block::decompress(data, size_open) {
            Ok(opened) if opened.len() == size_open => Ok(Some(opened.into())),
            Ok(_) => Err(Failure::lasting("an LZ4 block is shorter than it says")),
            Err(error) => Err(Failure::lasting(format!("an LZ4 block: {}", chain(&error)))),
        },
        _ => Err(Failure::lasting(format!("blocks are compressed by method {method:#04x}"))),
    }
}

fn damaged(what: &str) -> Failure {
    Failure::passing(format!("bytes were damaged on the way: {what}"))
}

/// The last two pieces of a body: an exception may lie across both.
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
        let is_one = line.contains("DB::") && line.contains("Exception");
        is_one.then(|| line.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(data: &[u8]) -> Vec<u8> {
        let mut block = vec![METHOD_NONE];
        block.extend(((HEADER_BYTES + data.len()) as u32).to_le_bytes());
        block.extend((data.len() as u32).to_le_bytes());
        block.extend(data);
        let sum = cityhash_rs::cityhash_102_128(&block).rotate_right(64).to_le_bytes();
        [sum.as_slice(), &block].concat()
    }

    #[test]
    fn no_bit_of_a_block_may_be_another() {
        let closed = close(b"five levels");
        let whole = open(&mut BytesMut::from(closed.as_slice()));
        assert_eq!(whole, Ok(Some(Bytes::from_static(b"five levels"))));
        for bit in 0..closed.len() * 8 {
            let mut other = BytesMut::from(closed.as_slice());
            other[bit / 8] ^= 1 << (bit % 8);
            // A size that grew waits for more, which a body that ends does not have.
            let is_refused = !matches!(open(&mut other), Ok(Some(_)));
            assert!(is_refused, "bit {bit}");
        }
        for length in 0..closed.len() {
            assert_eq!(open(&mut BytesMut::from(&closed[..length])), Ok(None), "{length}");
        }
        let text = b"\r\n__exception__\r\nabcdefgh Code: 1";
        assert!(open(&mut BytesMut::from(text.as_slice())).is_err(), "a text is no block");
    }

    #[test]
    fn a_list_of_texts_is_whole_or_none() {
        let bytes = b"\x02\x03abc\x00".as_slice();
        let read = |mut bytes: &[u8]| read_texts(&mut bytes);
        assert_eq!(read(bytes), Some(vec!["abc".into(), String::new()]));
        assert_eq!(read(b"\x00"), Some(vec![]));
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), None, "{length}");
        }
        assert_eq!(read(b"\x00\x00"), None);
        assert_eq!(read(b"\xff\xff\xff\xff\xff\xff\x7f"), None);
    }
}
