//! The two ways bodies are compressed. Native blocks (`decompress=1`, `compress=1`): a 128-bit
//! checksum, then a header of method, compressed size with the header, plain size, then the data.
//! And the LZ4 frame of `Content-Encoding: lz4`.
//!
//! Invariants. A block is opened only after its checksum and both its sizes agree. Each piece given
//! to an encoder leaves it whole and at once, so a reader sees a streamed answer as it is made.

use std::io::{self, Write};

use lz4_flex::block;
use lz4_flex::frame::FrameEncoder;

use crate::errors::Refusal;

const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 9;
const METHOD_NONE: u8 = 0x02;
const METHOD_LZ4: u8 = 0x82;

/// Plain bytes per block written, as the server writes them.
const BLOCK_BYTES: usize = 1 << 20;

/// The largest plain block taken, the server's own limit.
const BLOCK_BYTES_MAX: usize = 1 << 30;

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    // The hash's two halves are stored low half first.
    cityhash_rs::cityhash_102_128(bytes).rotate_right(64).to_le_bytes()
}

/// Opens a body of native blocks.
pub fn decompress(mut body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut plain = Vec::with_capacity(body.len() * 3);
    while !body.is_empty() {
        body = open_block(body, &mut plain)?;
    }
    Ok(plain)
}

fn open_block<'a>(body: &'a [u8], plain: &mut Vec<u8>) -> Result<&'a [u8], Refusal> {
    let short =
        || Refusal::new(33, "Cannot read all data of a compressed block", "CANNOT_READ_ALL_DATA");
    let (sum, rest) = body.split_at_checked(CHECKSUM_BYTES).ok_or_else(short)?;
    let header = rest.get(..HEADER_BYTES).ok_or_else(short)?;
    let size = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize
    };
    let (size_stored, size_plain) = (size(1), size(5));
    if size_stored < HEADER_BYTES || size_plain > BLOCK_BYTES_MAX {
        return Err(Refusal::new(271, "Wrong sizes of a compressed block", "CANNOT_DECOMPRESS"));
    }
    let (stored, rest) = rest.split_at_checked(size_stored).ok_or_else(short)?;
    if sum != checksum(stored) {
        return Err(Refusal::new(
            40,
            "Checksum doesn't match: corrupted data of a compressed block",
            "CHECKSUM_DOESNT_MATCH",
        ));
    }
    let data = &stored[HEADER_BYTES..];
    match header[0] {
        METHOD_NONE if data.len() == size_plain => plain.extend_from_slice(data),
        METHOD_LZ4 => {
            let opened = block::decompress(data, size_plain).ok().filter(|d| d.len() == size_plain);
            let opened = opened.ok_or_else(|| {
                Refusal::new(271, "Cannot decompress an LZ4 block", "CANNOT_DECOMPRESS")
            })?;
            plain.extend_from_slice(&opened);
        }
        method => {
            let text = format!("Unknown compression method 0x{method:02x} of a block");
            return Err(Refusal::new(89, &text, "UNKNOWN_COMPRESSION_METHOD"));
        }
    }
    Ok(rest)
}

/// Closes `plain` into native LZ4 blocks.
pub fn compress(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() / 2 + CHECKSUM_BYTES + HEADER_BYTES);
    for piece in plain.chunks(BLOCK_BYTES) {
        let data = block::compress(piece);
        let mut stored = Vec::with_capacity(HEADER_BYTES + data.len());
        stored.push(METHOD_LZ4);
        // Both sizes are far below 4 GiB: a piece is at most `BLOCK_BYTES`.
        stored.extend_from_slice(&((HEADER_BYTES + data.len()) as u32).to_le_bytes());
        stored.extend_from_slice(&(piece.len() as u32).to_le_bytes());
        stored.extend_from_slice(&data);
        out.extend_from_slice(&checksum(&stored));
        out.extend_from_slice(&stored);
    }
    out
}

/// How the body of an answer is coded.
pub enum Coding {
    Plain,
    Blocks,
    Frame(Box<FrameEncoder<Vec<u8>>>),
}

impl Coding {
    pub fn frame() -> Self {
        Coding::Frame(Box::new(FrameEncoder::new(Vec::new())))
    }

    /// The value of `Content-Encoding`. Native blocks have none: the client asked by `compress`.
    pub fn header(&self) -> Option<&'static str> {
        matches!(self, Coding::Frame(_)).then_some("lz4")
    }

    /// Codes one piece of the answer.
    pub fn push(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Coding::Plain => Ok(piece.to_vec()),
            Coding::Blocks => Ok(compress(piece)),
            Coding::Frame(encoder) => {
                encoder.write_all(piece)?;
                encoder.flush()?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }

    /// What follows the last piece.
    pub fn finish(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Coding::Plain | Coding::Blocks => Ok(Vec::new()),
            Coding::Frame(encoder) => {
                encoder.try_finish().map_err(io::Error::other)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_survive_the_round_trip() {
        let plain: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
        assert_eq!(decompress(&compress(&plain)).expect("opens"), plain);
        assert_eq!(decompress(&[]).expect("opens"), Vec::<u8>::new());
    }

    #[test]
    fn broken_blocks_are_refused() {
        let mut closed = compress(b"some bytes, some bytes, some bytes");
        assert_eq!(decompress(&closed[..closed.len() - 1]).expect_err("short").code, 33);
        let last = closed.len() - 1;
        closed[last] ^= 1;
        assert_eq!(decompress(&closed).expect_err("flipped").code, 40);
    }
}
