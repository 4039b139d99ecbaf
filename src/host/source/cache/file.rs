//! One segment on disk: a header, blocks of rows, and what the source said about rows that it left out.
//!
//! Invariants: a file appears under its name by one rename, when it is whole; writers of one segment at a time end with one
//! file or the other, of the same bytes. Header, every block and the trailer carry a checksum, those of blocks over
//! the segment's key and the block's number too, so that a block of another place is refused; the file's length must
//! be what the header says. What is refused is never used. Blocks are read one by one into a buffer rather than mapped:
//! a checked copy cannot change under the reader, and a file cut short is an error, not a signal.
//!
//! Integers are little-endian, whatever the machine.

use super::block::{self, BLOCK_ROWS, Encoder, RowsRef};
use crate::source::{Chunk, SourceStats};
use btcore::wire::{Depth, Event, kind};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Says which rows a segment holds: everything that they are a function of.
pub type Key = [u8; 32];

/// Version of the layout of header and blocks.
pub const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"bt-tape\0";
const HEADER_BYTES: usize = 92;
const FRAME_BYTES: usize = 8;
/// More than the block of any rows takes.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;
const BUFFER_BYTES: usize = 256 << 10;

/// What the header tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Header {
    rows: u64,
    books: u64,
    blocks: u64,
    blocks_bytes: u64,
    trailer_bytes: u32,
    trailer_crc: u32,
}

/// A number that differs where rows are laid out otherwise in memory: a block is rows of one layout.
fn layout() -> u32 {
    let sizes = [size_of::<Event>(), size_of::<Depth>(), BLOCK_ROWS];
    crc32fast::hash(&sizes.map(|size| size as u64).map(u64::to_le_bytes).concat())
}

impl Header {
    fn bytes(&self, key: &Key) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&layout().to_le_bytes());
        bytes.extend_from_slice(key);
        for word in [self.rows, self.books, self.blocks, self.blocks_bytes] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&self.trailer_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.trailer_crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        let mut out = [0; HEADER_BYTES];
        out.copy_from_slice(&bytes);
        out
    }

    fn read(bytes: &[u8; HEADER_BYTES], key: &Key) -> Result<Self, &'static str> {
        let word = |at: usize| -> [u8; 8] { std::array::from_fn(|n| bytes[at + n]) };
        let half = |at: usize| -> [u8; 4] { std::array::from_fn(|n| bytes[at + n]) };
        if bytes[..8] != MAGIC {
            return Err("is no tape");
        }
        if crc32fast::hash(&bytes[..HEADER_BYTES - 4]) != u32::from_le_bytes(half(HEADER_BYTES - 4))
        {
            return Err("has a damaged header");
        }
        if u32::from_le_bytes(half(8)) != VERSION || u32::from_le_bytes(half(12)) != layout() {
            return Err("is of another version");
        }
        if bytes[16..48] != *key {
            return Err("holds other rows");
        }
        Ok(Header {
            rows: u64::from_le_bytes(word(48)),
            books: u64::from_le_bytes(word(56)),
            blocks: u64::from_le_bytes(word(64)),
            blocks_bytes: u64::from_le_bytes(word(72)),
            trailer_bytes: u32::from_le_bytes(half(80)),
            trailer_crc: u32::from_le_bytes(half(84)),
        })
    }
}

/// The checksum of a block that stands at place `number` of a segment.
fn block_crc(key: &Key, number: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&number.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// A segment being written. Dropped before [`Writer::finish`], it leaves nothing.
pub struct Writer {
    key: Key,
    target: PathBuf,
    temp: PathBuf,
    file: BufWriter<File>,
    header: Header,
    encoder: Encoder,
    /// Rows that do not fill a block yet.
    rest: Chunk,
    block: Vec<u8>,
    is_published: bool,
}

impl Writer {
    /// Begins a segment beside `target`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(target: &Path, key: Key) -> io::Result<Self> {
        let id = uuid::Uuid::now_v7();
        let temp = target.with_extension(format!("{id}.{TEMP}"));
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create_new(&temp)?);
        // Its place; a header of zeros is no header.
        file.write_all(&[0; HEADER_BYTES])?;
        Ok(Writer {
            key,
            target: target.into(),
            temp,
            file,
            header: Header::default(),
            encoder: Encoder::default(),
            rest: Chunk::default(),
            block: Vec::new(),
            is_published: false,
        })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// The disk refuses, or the rows have no place in the format.
    pub fn push(&mut self, rows: &Chunk) -> io::Result<()> {
        let mut rest = std::mem::take(&mut self.rest);
        rest.events.extend_from_slice(&rows.events);
        rest.depths.extend_from_slice(&rows.depths);
        rest.seqs.extend_from_slice(&rows.seqs);
        let (mut row, mut book) = (0, 0);
        while rest.events.len() - row >= BLOCK_ROWS {
            let events = &rest.events[row..row + BLOCK_ROWS];
            let books = events.iter().filter(|event| event.kind == kind::BOOK).count();
            let depths = rest.depths.get(book..book + books).unwrap_or_default();
            self.put(RowsRef { events, depths, seqs: &rest.seqs[row..row + BLOCK_ROWS] })?;
            (row, book) = (row + BLOCK_ROWS, book + books);
        }
        rest.events.drain(..row);
        rest.depths.drain(..book);
        rest.seqs.drain(..row);
        self.rest = rest;
        Ok(())
    }

    fn put(&mut self, rows: RowsRef<'_>) -> io::Result<()> {
        self.block.clear();
        if !self.encoder.encode(rows, &mut self.block) {
            return Err(io::Error::other("the rows have no place in the format"));
        }
        let crc = block_crc(&self.key, self.header.blocks, &self.block);
        self.file.write_all(&(self.block.len() as u32).to_le_bytes())?;
        self.file.write_all(&crc.to_le_bytes())?;
        self.file.write_all(&self.block)?;
        self.header.rows += rows.events.len() as u64;
        self.header.books += rows.depths.len() as u64;
        self.header.blocks += 1;
        self.header.blocks_bytes += (FRAME_BYTES + self.block.len()) as u64;
        Ok(())
    }

    /// Ends the segment, gives it its name, and says how many bytes it has.
    ///
    /// # Errors
    /// The disk refuses; nothing appears then.
    pub fn finish(mut self, stats: &SourceStats) -> io::Result<u64> {
        let rest = std::mem::take(&mut self.rest);
        if !rest.events.is_empty() {
            self.put(RowsRef { events: &rest.events, depths: &rest.depths, seqs: &rest.seqs })?;
        }
        let trailer = trailer_text(stats);
        self.header.trailer_bytes = trailer.len() as u32;
        self.header.trailer_crc = crc32fast::hash(trailer.as_bytes());
        self.file.write_all(trailer.as_bytes())?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&self.header.bytes(&self.key))?;
        self.file.flush()?;
        // Not synced: what a crash leaves half written is found out by its checksums and made again.
        std::fs::rename(&self.temp, &self.target)?;
        self.is_published = true;
        Ok(HEADER_BYTES as u64 + self.header.blocks_bytes + trailer.len() as u64)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_published {
            // Nothing more can be done about a file that does not go away.
            let _ = std::fs::remove_file(&self.temp);
        }
    }
}

/// Last part of the names of files that are being written.
pub const TEMP: &str = "partial";

fn trailer_text(stats: &SourceStats) -> String {
    let SourceStats { rows_read, rows_selected, skipped, skipped_first, books_cut } = stats;
    json!({
        "rows_read": rows_read,
        "rows_selected": rows_selected,
        "skipped": skipped,
        "skipped_first": skipped_first,
        "books_cut": books_cut,
    })
    .to_string()
}

fn trailer_stats(text: &[u8]) -> Option<SourceStats> {
    let value: Value = serde_json::from_slice(text).ok()?;
    let skipped = value["skipped"].as_object()?.iter();
    let first = value["skipped_first"].as_object()?.iter();
    Some(SourceStats {
        rows_read: value["rows_read"].as_u64()?,
        rows_selected: value["rows_selected"].as_u64()?,
        skipped: skipped.map(|(k, v)| Some((k.clone(), v.as_u64()?))).collect::<Option<_>>()?,
        skipped_first: first
            .map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
            .collect::<Option<_>>()?,
        books_cut: value["books_cut"].as_u64()?,
    })
}

/// Why a file is not used. The text is a predicate.
pub type Refusal = String;

/// A segment being read.
pub struct Reader {
    key: Key,
    instrument: u32,
    file: BufReader<File>,
    header: Header,
    blocks_read: u64,
    rows_read: u64,
    books_read: u64,
    payload: Vec<u8>,
    stats: SourceStats,
}

impl Reader {
    /// Opens a segment; `None` if there is none. Its rows will be those of `instrument`.
    ///
    /// # Errors
    /// The file is not to be used.
    pub fn open(path: &Path, key: &Key, instrument: u32) -> Result<Option<Self>, Refusal> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let fail = |error: io::Error| format!("cannot be read: {error}");
        let len = file.metadata().map_err(fail)?.len();
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut bytes = [0; HEADER_BYTES];
        file.read_exact(&mut bytes).map_err(fail)?;
        let header = Header::read(&bytes, key)?;
        let trailer_at = (HEADER_BYTES as u64).saturating_add(header.blocks_bytes);
        if len != trailer_at.saturating_add(header.trailer_bytes.into()) {
            return Err("is not as long as it says".into());
        }
        file.seek(SeekFrom::Start(trailer_at)).map_err(fail)?;
        let mut trailer = vec![0; header.trailer_bytes as usize];
        file.read_exact(&mut trailer).map_err(fail)?;
        if crc32fast::hash(&trailer) != header.trailer_crc {
            return Err("has a damaged trailer".into());
        }
        let stats = trailer_stats(&trailer).ok_or("has a trailer that cannot be read")?;
        file.seek(SeekFrom::Start(HEADER_BYTES as u64)).map_err(fail)?;
        Ok(Some(Reader {
            key: *key,
            instrument,
            file,
            header,
            blocks_read: 0,
            rows_read: 0,
            books_read: 0,
            payload: Vec::new(),
            stats,
        }))
    }

    /// Appends the next block to `out`; false at the end, which is proved.
    ///
    /// # Errors
    /// The block is not to be used, and nothing behind it; `out` is as it was.
    pub fn next(&mut self, out: &mut Chunk) -> Result<bool, Refusal> {
        let Header { rows, books, blocks, .. } = self.header;
        if self.blocks_read == blocks {
            let is_whole = (self.rows_read, self.books_read) == (rows, books);
            return if is_whole { Ok(false) } else { Err("lacks rows".into()) };
        }
        let fail = |error: io::Error| format!("cannot be read: {error}");
        let mut frame = [0; FRAME_BYTES];
        self.file.read_exact(&mut frame).map_err(fail)?;
        let [a, b, c, d, e, f, g, h] = frame;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        let number = self.blocks_read;
        if len > PAYLOAD_BYTES_MAX {
            return Err(format!("has a damaged block {number}"));
        }
        self.payload.resize(len, 0);
        self.file.read_exact(&mut self.payload).map_err(fail)?;
        if block_crc(&self.key, number, &self.payload) != u32::from_le_bytes([e, f, g, h]) {
            return Err(format!("has a damaged block {number}"));
        }
        let (events, depths, seqs) = (out.events.len(), out.depths.len(), out.seqs.len());
        if block::decode(&self.payload, self.instrument, out).is_none() {
            out.events.truncate(events);
            out.depths.truncate(depths);
            out.seqs.truncate(seqs);
            return Err(format!("has a block {number} that cannot be read"));
        }
        self.blocks_read += 1;
        self.rows_read += (out.events.len() - events) as u64;
        self.books_read += (out.depths.len() - depths) as u64;
        Ok(true)
    }

    /// The segment's key.
    pub fn key(&self) -> Key {
        self.key
    }

    /// What the source did with the segment's rows.
    pub fn stats(&self) -> &SourceStats {
        &self.stats
    }
}
