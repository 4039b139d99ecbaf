//! Formats of the tape cache against one another: bytes a row, and rows a second written, read cold and read warm.
//!
//! Usage: `cargo bench -p bt-host --bench wall_cache -- [FILE.parquet SYMBOL]...`. Without arguments it takes a synthetic day; a
//! recording has columns of the platform's market_data table. Scratch files go to `CARGO_TARGET_TMPDIR`.
//!
//! "Read" is up to rows in memory, of which one word of every cache line is then added up, as a replay would touch
//! them: for rows that are mapped the page faults are thus in, and for all others the rows' way through the cache.
//! Cold: the file was synced and the kernel told to forget it. Warm: best of five.
//!
//! Figures, M rows/s, of a recorded day of TAIFEX's TXF (234,464 rows, 72 % books) and of eight synthetic days (999,048
//! rows, 67 % books), release build, two cores shared with others at a load of 4; runs differ by a factor of up to two:
//!
//! | format | B/row | write | cold | warm | B/row | write | cold | warm |
//! |---|---|---|---|---|---|---|---|---|
//! | **packed columns** | 8.3 | 2.6 | 13.5 | 19.7 | 9.2 | 2.3 | 10.3 | 10.6 |
//! | rows, mapped | 164.5 | 15.6 | 2.4 | 11.2 | 157.9 | 11.3 | 2.4 | 12.9 |
//! | rows, mapped and populated | 164.5 | 8.4 | 4.3 | 19.8 | 157.9 | 8.2 | 1.4 | 33.9 |
//! | rows, read | 164.5 | 5.9 | 4.0 | 18.6 | 157.9 | 6.6 | 3.4 | 22.9 |
//! | Arrow IPC | 162.1 | 2.6 | 2.3 | 7.4 | 162.1 | 3.6 | 2.3 | 7.4 |
//! | Arrow IPC, lz4 | 49.2 | 1.3 | 1.8 | 2.9 | 48.8 | 1.7 | 2.2 | 2.4 |
//! | Arrow IPC, zstd | 23.8 | 0.9 | 1.7 | 2.2 | 23.9 | 0.9 | 1.9 | 2.0 |
//!
//! The choice: packed columns. They take a twentieth of the bytes (the Parquet files have 15 to 27 B/row), so three years of a
//! day's million rows are 7 GB instead of 120 and stay in the page cache; cold they are three to five times as fast as
//! anything else. Rows as they are win by up to three once they are in memory, where either is many times faster than a
//! replay takes rows; they would be worth it again for a replay of more than 10 M rows/s.
//!
//! A regression here means slower later passes, or a tape that no longer fits where it did.

use arrow_array::{ArrayRef, Int8Array, Int64Array, RecordBatch, UInt8Array, UInt16Array};
use arrow_array::{UInt32Array, UInt64Array, cast::AsArray, types};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use bt_host::source::cache::block::BLOCK_ROWS;
use bt_host::source::cache::file::{Reader, Writer};
use bt_host::source::synth::SynthSource;
use bt_host::source::{Chunk, DecodeConfig, RowSource, SourceStats, parquet};
use bt_host::synth::SynthConfig;
use btcore::wire::{Depth, Event, UNDEF_PRICE, kind};
use memmap2::{Advice, Mmap};
use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Rows handed over at a time.
const CHUNK_ROWS: usize = 16_384;
const WARM_RUNS: usize = 5;

/// A way to keep rows in a file.
struct Format {
    name: &'static str,
    write: fn(&Path, &[Chunk]),
    /// Reads a file and gives the sum of its rows' lines.
    read: fn(&Path) -> u64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let mut tapes: Vec<(String, Vec<Chunk>)> = Vec::new();
    for pair in args.chunks_exact(2) {
        tapes.push((pair[0].clone(), recorded(Path::new(&pair[0]), &pair[1])));
    }
    if tapes.is_empty() {
        tapes.push(("a synthetic day".into(), synthetic()));
    }
    let dir = PathBuf::from(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("target/tmp"));
    std::fs::create_dir_all(&dir).expect("a folder for scratch files");
    for (name, tape) in &tapes {
        let rows: usize = tape.iter().map(|chunk| chunk.events.len()).sum();
        let books: usize = tape.iter().map(|chunk| chunk.depths.len()).sum();
        println!("{name}: {rows} rows, {books} of them books");
        println!("| format | B/row | write M rows/s | cold | warm |");
        println!("|---|---|---|---|---|");
        let expected: u64 = tape.iter().map(sum_chunk).fold(0, u64::wrapping_add);
        for format in FORMATS {
            measure(format, tape, rows, expected, &dir);
        }
    }
}

fn measure(format: &Format, tape: &[Chunk], rows: usize, expected: u64, dir: &Path) {
    let path = dir.join(format!("wall-cache-{}.bin", std::process::id()));
    let since = Instant::now();
    (format.write)(&path, tape);
    let wrote = since.elapsed().as_secs_f64();
    let file = File::open(&path).expect("the file is there");
    file.sync_all().expect("the disk takes it");
    let bytes = file.metadata().expect("metadata").len();
    // SAFETY: the descriptor is open; the call only advises.
    let forgot = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    assert_eq!(forgot, 0, "the kernel forgets the file");
    let mut seconds = [0.0; 1 + WARM_RUNS];
    for second in &mut seconds {
        let since = Instant::now();
        assert_eq!((format.read)(&path), expected, "{}: the rows are the same", format.name);
        *second = since.elapsed().as_secs_f64();
    }
    let warm = seconds[1..].iter().copied().fold(f64::INFINITY, f64::min);
    let rate = |seconds: f64| rows as f64 / seconds / 1e6;
    println!(
        "| {} | {:.1} | {:.1} | {:.1} | {:.1} |",
        format.name,
        bytes as f64 / rows as f64,
        rate(wrote),
        rate(seconds[0]),
        rate(warm)
    );
    std::fs::remove_file(&path).expect("the file goes away");
}

const FORMATS: &[Format] = &[
    Format { name: "packed columns (the choice)", write: packed_write, read: packed_read },
    Format { name: "rows, mapped", write: rows_write, read: rows_map },
    Format { name: "rows, mapped and populated", write: rows_write, read: rows_populate },
    Format { name: "rows, read", write: rows_write, read: rows_read },
    Format { name: "Arrow IPC", write: |p, t| ipc_write(p, t, None), read: ipc_read },
    Format {
        name: "Arrow IPC, lz4",
        write: |p, t| ipc_write(p, t, Some(CompressionType::LZ4_FRAME)),
        read: ipc_read,
    },
    Format {
        name: "Arrow IPC, zstd",
        write: |p, t| ipc_write(p, t, Some(CompressionType::ZSTD)),
        read: ipc_read,
    },
];

fn synthetic() -> Vec<Chunk> {
    let config = SynthConfig::preset("txf").expect("the preset is there");
    all(&mut SynthSource::new(config, CHUNK_ROWS).expect("a tape"))
}

fn recorded(path: &Path, symbol: &str) -> Vec<Chunk> {
    let recipe = DecodeConfig {
        symbol: symbol.into(),
        instrument: 0,
        lot: 1,
        negative_prices: false,
        from_ns: 0,
        to_ns: i64::MAX,
        gaps_ns: [].into(),
        expired_ns: i64::MAX,
        ts_grid_ns: 1_000_000,
        malformed_skip: true,
        shape: Default::default(),
        chunk_rows: CHUNK_ROWS * 4,
    };
    let mut streams = parquet::open(&[path.into()], &[recipe]).expect("the file can be read");
    all(streams[0].as_mut())
}

fn all(source: &mut dyn RowSource) -> Vec<Chunk> {
    let (mut tape, mut chunk) = (Vec::new(), Chunk::default());
    while source.next_chunk(&mut chunk).expect("the tape can be read") {
        tape.push(std::mem::take(&mut chunk));
    }
    tape
}

/// One word of every cache line.
fn sum(events: &[Event], depths: &[Depth], seqs: &[u64]) -> u64 {
    let mut total = 0_u64;
    for event in events {
        total = total.wrapping_add(event.ts_exch_ns.cast_unsigned());
    }
    for depth in depths {
        total = total.wrapping_add(depth.bid_price[0].cast_unsigned());
        total = total.wrapping_add(depth.bid_qty[0].into());
    }
    for seq in seqs.iter().step_by(8) {
        total = total.wrapping_add(*seq);
    }
    total
}

fn sum_chunk(chunk: &Chunk) -> u64 {
    sum(&chunk.events, &chunk.depths, &chunk.seqs)
}

fn packed_write(path: &Path, tape: &[Chunk]) {
    let mut writer = Writer::create(path, [7; 32]).expect("a file");
    tape.iter().for_each(|chunk| writer.push(chunk).expect("the disk takes it"));
    writer.finish(&SourceStats::default()).expect("the disk takes it");
}

fn packed_read(path: &Path) -> u64 {
    let mut reader = Reader::open(path, &[7; 32], 0).expect("a tape").expect("is there");
    let (mut total, mut chunk) = (0_u64, Chunk::default());
    loop {
        let is_more = reader.next(&mut chunk).expect("a block");
        if !is_more || chunk.events.len() + BLOCK_ROWS > CHUNK_ROWS {
            total = total.wrapping_add(sum_chunk(black_box(&chunk)));
            chunk.clear();
        }
        if !is_more {
            return total;
        }
    }
}

/// The bytes of rows as they lie in memory.
fn bytes<T>(rows: &[T]) -> &[u8] {
    // SAFETY: the rows are plain integers without a spare byte, and as many bytes long as is told.
    unsafe { std::slice::from_raw_parts(rows.as_ptr().cast(), size_of_val(rows)) }
}

/// The same the other way.
fn rows_of<T>(bytes: &[u8]) -> &[T] {
    assert!(bytes.as_ptr().cast::<T>().is_aligned() && bytes.len().is_multiple_of(size_of::<T>()));
    // SAFETY: aligned, of the right length, and any bytes are a row of integers; checked above.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>()) }
}

/// Where depths and sequence numbers begin, 64 bytes each.
fn rows_write(path: &Path, tape: &[Chunk]) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).expect("a file"));
    let count = |of: fn(&Chunk) -> usize| tape.iter().map(of).sum::<usize>() as u64;
    let mut head = [0_u64; 8];
    (head[0], head[1]) = (count(|c| c.events.len()), count(|c| c.depths.len()));
    let mut put = |bytes: &[u8]| file.write_all(bytes).expect("the disk takes it");
    put(bytes(&head));
    tape.iter().for_each(|chunk| put(bytes(&chunk.events)));
    tape.iter().for_each(|chunk| put(bytes(&chunk.depths)));
    tape.iter().for_each(|chunk| put(bytes(&chunk.seqs)));
    file.flush().expect("the disk takes it");
}

fn map(path: &Path) -> Mmap {
    // SAFETY: nobody else writes this program's scratch file.
    unsafe { Mmap::map(&File::open(path).expect("the file")) }.expect("a map")
}

fn rows_sum(map: &[u8]) -> u64 {
    let head = rows_of::<u64>(&map[..64]);
    let (events, depths) = (64 * head[0] as usize, 128 * head[1] as usize);
    let events_of: &[Event] = rows_of(&map[64..64 + events]);
    let depths_of: &[Depth] = rows_of(&map[64 + events..64 + events + depths]);
    let seqs_of: &[u64] = rows_of(&map[64 + events + depths..]);
    // In chunks, as a replay would: the three streams at once.
    let (mut total, mut book) = (0_u64, 0);
    for (events, seqs) in events_of.chunks(CHUNK_ROWS).zip(seqs_of.chunks(CHUNK_ROWS)) {
        let books = events.iter().filter(|event| event.kind == kind::BOOK).count();
        total = total.wrapping_add(sum(events, &depths_of[book..book + books], seqs));
        book += books;
    }
    total
}

fn rows_map(path: &Path) -> u64 {
    let map = map(path);
    map.advise(Advice::Sequential).expect("advice");
    rows_sum(&map)
}

fn rows_populate(path: &Path) -> u64 {
    let map = map(path);
    map.advise(Advice::PopulateRead).expect("advice");
    rows_sum(&map)
}

fn rows_read(path: &Path) -> u64 {
    let mut files: [BufReader<File>; 3] = std::array::from_fn(|_| {
        BufReader::with_capacity(256 << 10, File::open(path).expect("the file"))
    });
    let mut head = [0_u8; 64];
    files[0].read_exact(&mut head).expect("the head");
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|n| head[at + n]));
    let (events, depths) = (word(0), word(8));
    files[1].seek_relative((64 + 64 * events) as i64).expect("depths");
    files[2].seek_relative((64 + 64 * events + 128 * depths) as i64).expect("numbers");
    let mut chunk = Chunk::default();
    let (mut total, mut left) = (0_u64, events as usize);
    while left > 0 {
        let count = left.min(CHUNK_ROWS);
        chunk.events.resize(count, Event::EMPTY);
        chunk.seqs.resize(count, 0);
        files[0].read_exact(bytes_mut(&mut chunk.events)).expect("events");
        files[2].read_exact(bytes_mut(&mut chunk.seqs)).expect("numbers");
        let books = chunk.events.iter().filter(|event| event.kind == kind::BOOK).count();
        chunk.depths.resize(books, Depth::EMPTY);
        files[1].read_exact(bytes_mut(&mut chunk.depths)).expect("depths");
        total = total.wrapping_add(sum_chunk(&chunk));
        left -= count;
    }
    total
}

fn bytes_mut<T>(rows: &mut [T]) -> &mut [u8] {
    let len = size_of_val(rows);
    // SAFETY: as `bytes`, and any bytes are rows again.
    unsafe { std::slice::from_raw_parts_mut(rows.as_mut_ptr().cast(), len) }
}

/// One column for each field; those of books are 0 on trades.
fn ipc_batch(chunk: &Chunk) -> RecordBatch {
    let mut depths = chunk.depths.iter();
    let none = Depth { bid_price: [0; 4], ask_price: [0; 4], ..Depth::EMPTY };
    let of = |event: &Event| if event.kind == kind::BOOK { depths.next().copied() } else { None };
    let depths: Vec<Depth> = chunk.events.iter().map(of).map(|d| d.unwrap_or(none)).collect();
    let (events, mut columns) = (&chunk.events, Vec::<(String, ArrayRef)>::new());
    let mut put = |name: String, array: ArrayRef| columns.push((name, array));
    macro_rules! column {
        ($name:expr, $array:ty, $rows:expr, $read:expr) => {
            put($name.to_string(), Arc::new(<$array>::from_iter_values($rows.iter().map($read))))
        };
    }
    column!("ts_exch_ns", Int64Array, events, |e| e.ts_exch_ns);
    column!("ts_recv_ns", Int64Array, events, |e| e.ts_recv_ns);
    column!("bid_price", Int64Array, events, |e| e.bid_price);
    column!("ask_price", Int64Array, events, |e| e.ask_price);
    column!("bid_qty", UInt32Array, events, |e| e.bid_qty);
    column!("ask_qty", UInt32Array, events, |e| e.ask_qty);
    column!("trade_price", Int64Array, events, |e| e.trade_price);
    column!("trade_qty", UInt32Array, events, |e| e.trade_qty);
    column!("kind", UInt8Array, events, |e| e.kind);
    column!("aggressor", Int8Array, events, |e| e.aggressor);
    column!("flags", UInt16Array, events, |e| e.flags);
    column!("seq", UInt64Array, chunk.seqs, |s| *s);
    column!("bid_levels", UInt8Array, depths, |d| d.bid_levels);
    column!("ask_levels", UInt8Array, depths, |d| d.ask_levels);
    for level in 0..4 {
        column!(format!("bid_price_{level}"), Int64Array, depths, |d| d.bid_price[level]);
        column!(format!("ask_price_{level}"), Int64Array, depths, |d| d.ask_price[level]);
        column!(format!("bid_qty_{level}"), UInt32Array, depths, |d| d.bid_qty[level]);
        column!(format!("ask_qty_{level}"), UInt32Array, depths, |d| d.ask_qty[level]);
    }
    RecordBatch::try_from_iter(columns).expect("a batch")
}

fn ipc_write(path: &Path, tape: &[Chunk], compression: Option<CompressionType>) {
    let file = BufWriter::with_capacity(1 << 20, File::create(path).expect("a file"));
    let options = IpcWriteOptions::default().try_with_compression(compression).expect("options");
    let schema = ipc_batch(&Chunk::default()).schema();
    let mut writer = StreamWriter::try_new_with_options(file, &schema, options).expect("a writer");
    tape.iter().for_each(|chunk| writer.write(&ipc_batch(chunk)).expect("the disk takes it"));
    writer.finish().expect("the disk takes it");
}

fn ipc_read(path: &Path) -> u64 {
    let file = BufReader::with_capacity(1 << 20, File::open(path).expect("the file"));
    let (mut total, mut chunk) = (0_u64, Chunk::default());
    for batch in StreamReader::try_new(file, None).expect("a stream") {
        ipc_rows(&batch.expect("a batch"), &mut chunk);
        total = total.wrapping_add(sum_chunk(&chunk));
    }
    total
}

fn ipc_rows(batch: &RecordBatch, out: &mut Chunk) {
    macro_rules! column {
        ($index:expr, $type:ty) => {
            batch.column($index).as_primitive::<$type>().values()
        };
    }
    use types::{Int8Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
    out.clear();
    out.seqs.extend_from_slice(column!(11, UInt64Type));
    out.events.resize(batch.num_rows(), Event::EMPTY);
    let books = column!(8, UInt8Type).iter().filter(|of| **of == kind::BOOK).count();
    out.depths.resize(books, Depth::EMPTY);
    macro_rules! scatter {
        ($index:expr, $type:ty, $field:ident) => {
            for (event, value) in out.events.iter_mut().zip(column!($index, $type)) {
                event.$field = *value;
            }
        };
    }
    scatter!(0, Int64Type, ts_exch_ns);
    scatter!(1, Int64Type, ts_recv_ns);
    scatter!(2, Int64Type, bid_price);
    scatter!(3, Int64Type, ask_price);
    scatter!(4, UInt32Type, bid_qty);
    scatter!(5, UInt32Type, ask_qty);
    scatter!(6, Int64Type, trade_price);
    scatter!(7, UInt32Type, trade_qty);
    scatter!(8, UInt8Type, kind);
    scatter!(9, Int8Type, aggressor);
    scatter!(10, UInt16Type, flags);
    let kinds = column!(8, UInt8Type);
    macro_rules! deep {
        ($index:expr, $type:ty, |$depth:ident| $place:expr) => {
            let books = column!($index, $type).iter().zip(kinds).filter(|(_, k)| **k == kind::BOOK);
            for ($depth, (value, _)) in out.depths.iter_mut().zip(books) {
                $place = *value;
            }
        };
    }
    deep!(12, UInt8Type, |d| d.bid_levels);
    deep!(13, UInt8Type, |d| d.ask_levels);
    for level in 0..4 {
        deep!(14 + 4 * level, Int64Type, |d| d.bid_price[level]);
        deep!(15 + 4 * level, Int64Type, |d| d.ask_price[level]);
        deep!(16 + 4 * level, UInt32Type, |d| d.bid_qty[level]);
        deep!(17 + 4 * level, UInt32Type, |d| d.ask_qty[level]);
    }
    debug_assert!(out.depths.iter().all(|d| d.bid_levels > 0 || d.bid_price[0] == UNDEF_PRICE));
}
