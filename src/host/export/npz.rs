//! An array of hftbacktest's events in a file: `data.npy` in a zip, what numpy's `savez_compressed` writes.
//!
//! Invariants: the bytes are a function of the rows. An array begins with its length, and the length is known only at its end, behind
//! which a compressed stream cannot be changed: rows go into a plain file beside it first, 64 bytes each, and from there into
//! the archive. Memory: two buffers.

use crate::output::OutputError;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Name of the array; hftbacktest looks for no other.
const ARRAY: &str = "data.npy";
/// Bytes of a row.
const ROW_BYTES: usize = 64;
/// hftbacktest maps the rows where they are, so they must begin on a cache line.
const ALIGN_BYTES: usize = 64;
/// An entry of a zip from here on needs larger fields.
const ENTRY_BYTES_MAX: u64 = u32::MAX as u64;

/// One event of theirs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// What it is, see [`super::encode::ev`].
    pub ev: u64,
    /// When it happens, ns.
    pub exch_ts: i64,
    /// When it is heard of, ns.
    pub local_ts: i64,
    /// Price, units of the currency.
    pub px: f64,
    /// Lots.
    pub qty: f64,
}

impl Row {
    fn bytes(&self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        // The last three are of order by order feeds.
        let words = [
            self.ev,
            self.exch_ts.cast_unsigned(),
            self.local_ts.cast_unsigned(),
            self.px.to_bits(),
            self.qty.to_bits(),
        ];
        for (word, place) in words.iter().zip(bytes.chunks_exact_mut(8)) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// What stands before the rows.
fn header(rows: u64) -> Vec<u8> {
    const PREFIX: [u8; 8] = *b"\x93NUMPY\x01\x00";
    let text = format!(
        "{{'descr': [('ev', '<u8'), ('exch_ts', '<i8'), ('local_ts', '<i8'), ('px', '<f8'), ('qty', '<f8'), \
         ('order_id', '<u8'), ('ival', '<i8'), ('fval', '<f8')], 'fortran_order': False, 'shape': ({rows},), }}"
    );
    // Prefix, length of the text, text, spaces, end of line.
    let before = PREFIX.len() + 2;
    let bytes = (before + text.len() + 1).next_multiple_of(ALIGN_BYTES);
    let mut header = PREFIX.to_vec();
    header.extend_from_slice(&((bytes - before) as u16).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header.resize(bytes - 1, b' ');
    header.push(b'\n');
    header
}

/// A file that is being written.
pub struct EventFile {
    path: PathBuf,
    plain_path: PathBuf,
    plain: BufWriter<File>,
    rows: u64,
}

impl EventFile {
    /// Makes the file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: PathBuf) -> Result<Self, OutputError> {
        let plain_path = path.with_extension("rows");
        let plain = File::create_new(&plain_path);
        let plain = plain.map_err(|e| OutputError::io(&plain_path, e))?;
        Ok(EventFile { path, plain_path, plain: BufWriter::new(plain), rows: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, row: &Row) -> Result<(), OutputError> {
        self.rows += 1;
        let written = self.plain.write_all(&row.bytes());
        written.map_err(|e| OutputError::io(&self.plain_path, e))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn close(self) -> Result<PathBuf, OutputError> {
        let EventFile { path, plain_path, plain, rows } = self;
        let at_plain = |e| OutputError::io(&plain_path, e);
        let mut plain = plain.into_inner().map_err(|e| at_plain(e.into_error()))?;
        drop(plain);
        plain = File::open(&plain_path).map_err(at_plain)?;
        archive(&path, rows, &mut BufReader::new(plain)).map_err(|e| OutputError::io(&path, e))?;
        fs::remove_file(&plain_path).map_err(at_plain)?;
        Ok(path)
    }
}

/// Writes the archive of `rows` rows that `plain` holds.
fn archive(path: &Path, rows: u64, plain: &mut impl io::Read) -> io::Result<()> {
    let header = header(rows);
    let bytes = header.len() as u64 + rows * ROW_BYTES as u64;
    // A day of its own would make other bytes of the same rows.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .large_file(bytes >= ENTRY_BYTES_MAX);
    let mut zip = ZipWriter::new(BufWriter::new(File::create_new(path)?));
    zip.start_file(ARRAY, options)?;
    zip.write_all(&header)?;
    io::copy(plain, &mut zip)?;
    zip.finish()?.flush()
}
