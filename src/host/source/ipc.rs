//! An Arrow IPC file: its schema, its rows by its own count, and its record batches, one at a time.
//!
//! Invariants: what the footer says is held against the file before anything is read by it, and what a batch says against the batch
//! before anything is decoded, so a file that is cut or damaged is an error and neither the end of the program nor an allocation of its choice. Memory:
//! one batch, as large as whoever wrote the file made it, and its dictionaries.

use arrow_array::RecordBatch;
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, CompressionType, MessageHeader};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What a file of this format begins with.
pub const MAGIC: [u8; 6] = *b"ARROW1";

/// Key of the footer under which an export says how many rows there are.
pub const ROWS_KEY: &str = "btcore_rows";

/// Length of the footer and magic.
const TRAILER_BYTES: u64 = 10;
/// What stands before a message: a mark and a length.
const PREFIX_BYTES: usize = 8;
/// No batch is larger once it is decompressed: a buffer of it would be larger than offsets can tell.
const BATCH_BYTES_MAX: u64 = i32::MAX as u64;

/// A file that is open.
pub struct IpcFile {
    file: File,
    schema: SchemaRef,
    decoder: FileDecoder,
    blocks: Vec<Block>,
    rows_told: Option<u64>,
}

impl IpcFile {
    /// Opens a file and reads its footer and its dictionaries.
    ///
    /// # Errors
    /// It is not what it should be, in words.
    pub fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|e| e.to_string())?;
        Self::read(file).map_err(|e| format!("is not an Arrow file that can be read: {e}"))
    }

    fn read(mut file: File) -> Result<Self, ArrowError> {
        let parse = |message: &str| ArrowError::ParseError(message.into());
        let bytes = file.seek(SeekFrom::End(0))?;
        let footer_to = bytes.checked_sub(TRAILER_BYTES).ok_or_else(|| parse("it is too short"))?;
        let mut trailer = [0; TRAILER_BYTES as usize];
        file.seek(SeekFrom::Start(footer_to))?;
        file.read_exact(&mut trailer)?;
        let footer_bytes = read_footer_length(trailer)?;
        let footer_from = footer_to
            .checked_sub(footer_bytes as u64)
            .ok_or_else(|| parse("its footer is longer than the file"))?;
        let mut footer = vec![0; footer_bytes];
        file.seek(SeekFrom::Start(footer_from))?;
        file.read_exact(&mut footer)?;
        let footer = arrow_ipc::root_as_footer(&footer)
            .map_err(|e| ArrowError::ParseError(format!("its footer is damaged: {e}")))?;
        let schema = footer.schema().ok_or_else(|| parse("its footer has no schema"))?;
        if !schema.endianness().equals_to_target_endianness() {
            return Err(parse("its bytes are in another order than this machine's"));
        }
        let schema: SchemaRef = arrow_ipc::convert::try_fb_to_schema(schema)?.into();
        let blocks: Vec<Block> = footer
            .recordBatches()
            .map(|blocks| blocks.iter().copied().collect())
            .unwrap_or_default();
        let mut decoder = FileDecoder::new(schema.clone(), footer.version());
        for block in blocks.iter().chain(footer.dictionaries().iter().flatten()) {
            let ends = block_bytes(block)
                .and_then(|bytes| u64::try_from(block.offset()).ok()?.checked_add(bytes as u64));
            if ends.is_none_or(|end| end > footer_from) {
                return Err(parse("its footer names a batch that is not in the file"));
            }
        }
        for block in footer.dictionaries().iter().flatten() {
            let buffer = read_block(&mut file, block)?;
            caught(|| decoder.read_dictionary(block, &buffer))?;
        }
        let told = footer.custom_metadata().iter().flatten().find(|kv| kv.key() == Some(ROWS_KEY));
        let rows_told = match told.and_then(|kv| kv.value()) {
            Some(rows) => Some(rows.parse().map_err(|_| parse("its count of rows is no number"))?),
            None => None,
        };
        Ok(IpcFile { file, schema, decoder, blocks, rows_told })
    }

    /// Gives no other columns than these from here on.
    pub fn only(mut self, names: &[&str]) -> Self {
        let is_named = |at: &usize| names.contains(&self.schema.field(*at).name().as_str());
        let columns = (0..self.schema.fields().len()).filter(is_named).collect();
        self.decoder = self.decoder.with_projection(columns);
        self
    }

    /// All columns of the file.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many batches there are, by the footer.
    pub fn batches(&self) -> usize {
        self.blocks.len()
    }

    /// How many rows there are, by the footer, if it says.
    pub fn rows_told(&self) -> Option<u64> {
        self.rows_told
    }

    /// Reads a batch.
    ///
    /// # Errors
    /// It is damaged, in words.
    pub fn batch(&mut self, index: usize) -> Result<RecordBatch, String> {
        let block = self.blocks[index];
        let read = read_block(&mut self.file, &block)
            .and_then(|buffer| caught(|| self.decoder.read_record_batch(&block, &buffer)));
        match read {
            Ok(Some(batch)) => Ok(batch),
            Ok(None) => Err(format!("record batch {index} has no content")),
            Err(e) => Err(format!("record batch {index}: {e}")),
        }
    }
}

/// Decodes. What a schema says and a batch does not hold to is asserted by the decoder rather than told: such a panic is an error too.
fn caught<T>(decode: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    decoded.unwrap_or_else(|_| Err(ArrowError::ParseError("it does not fit its schema".into())))
}

/// Bytes of a block, if there can be so many.
fn block_bytes(block: &Block) -> Option<usize> {
    let metadata = usize::try_from(block.metaDataLength()).ok().filter(|n| *n >= PREFIX_BYTES)?;
    metadata.checked_add(usize::try_from(block.bodyLength()).ok()?)
}

/// Reads a block whose place is in the file, and holds its buffers against its body.
fn read_block(file: &mut File, block: &Block) -> Result<Buffer, ArrowError> {
    let parse = |message: &str| ArrowError::ParseError(message.into());
    let bytes = block_bytes(block).ok_or_else(|| parse("it has no length"))?;
    file.seek(SeekFrom::Start(block.offset().unsigned_abs()))?;
    let mut buffer = MutableBuffer::from_len_zeroed(bytes);
    file.read_exact(&mut buffer)?;
    let (head, body) = buffer.split_at(bytes - block.bodyLength().unsigned_abs() as usize);
    let head = if head.starts_with(&[0xFF; 4]) { &head[PREFIX_BYTES..] } else { &head[4..] };
    let message = arrow_ipc::root_as_message(head)
        .map_err(|e| ArrowError::ParseError(format!("its head is damaged: {e}")))?;
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => {
            message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data())
        }
        _ => None,
    };
    let batch = batch.ok_or_else(|| parse("there is no batch where the footer names one"))?;
    let is_compressed = match batch.compression().map(|compression| compression.codec()) {
        None => false,
        Some(CompressionType::LZ4_FRAME | CompressionType::ZSTD) => true,
        Some(_) => return Err(parse("its compression is unknown")),
    };
    if batch.length() < 0 || batch.nodes().iter().flatten().any(|node| node.length() < 0) {
        return Err(parse("it has less than no rows"));
    }
    let mut plain_bytes = 0_u64;
    for part in batch.buffers().iter().flatten() {
        let from = usize::try_from(part.offset()).ok();
        let to = from.and_then(|from| from.checked_add(usize::try_from(part.length()).ok()?));
        let part = from.zip(to).and_then(|(from, to)| body.get(from..to));
        let part = part.ok_or_else(|| parse("a buffer of it lies outside of it"))?;
        if is_compressed && let Some(plain) = part.first_chunk::<8>() {
            // -1 says that it is not compressed.
            let plain = i64::from_le_bytes(*plain);
            if plain != -1 {
                plain_bytes = plain_bytes.saturating_add(plain.unsigned_abs());
            }
            if plain_bytes > BATCH_BYTES_MAX {
                return Err(parse("it is too large when it is decompressed"));
            }
        }
    }
    Ok(buffer.into())
}
