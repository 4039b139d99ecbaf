//! What was written comes back, what was damaged never does, and a stream over the cache is the stream without it.

use super::block::BLOCK_ROWS;
use super::file::{Key, Reader, TEMP, Writer};
use super::store::TAPE;
use super::{Cache, CachedSource, Origin, identity};
use crate::config::data::CacheSpec;
use crate::source::{Chunk, DecodeConfig, RowSource, SourceError, SourceStats};
use btcore::wire::{Depth, Event, UNDEF_TIME, kind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

const KEY: Key = [9; 32];

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bt-cache-{name}-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn cache(&self, bytes_max: Option<u64>) -> Arc<Cache> {
        Arc::new(Cache::open(&CacheSpec { dir: self.0.clone(), bytes_max }).unwrap())
    }

    fn files(&self, end: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|found| found == end)).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left-over files of a test that failed harm nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// splitmix64.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Rows as a decoder makes them, odd ones among them: absent sides, extreme prices, sizes and stamps.
fn rows(seed: u64, count: usize) -> Chunk {
    let (mut draw, mut out) = (Draws(seed), Chunk::default());
    let mut ts_ns = 1_775_609_100_000_000_000;
    for row in 0..count {
        ts_ns += draw.below(500) as i64 * 1_000_000;
        let is_odd = draw.below(40) == 0;
        let mut event =
            Event { ts_exch_ns: ts_ns, ts_recv_ns: ts_ns, instrument: 3, ..Event::EMPTY };
        match draw.below(9) {
            0 => event.ts_recv_ns = UNDEF_TIME,
            1 => event.ts_recv_ns -= draw.below(1 << 40) as i64,
            _ => {}
        }
        event.flags = if is_odd { draw.below(1 << 16) as u16 } else { 0 };
        let extreme = [i64::MIN, -1, 0, 1, i64::MAX - 1][draw.below(5) as usize];
        if draw.below(4) == 0 {
            event.kind = kind::TRADE;
            event.trade_price = if is_odd { extreme } else { 34_600_000_000 };
            event.trade_qty = if is_odd { u32::MAX } else { 1 + draw.below(9) as u32 };
            event.aggressor = draw.below(3) as i8 - 1;
        } else {
            event.kind = kind::BOOK;
            let mut depth = Depth::EMPTY;
            let mid = 34_600 + draw.below(30) as i64;
            let bids = if is_odd { draw.below(6) } else { 5 } as usize;
            let asks = if draw.below(40) == 0 { draw.below(6) } else { 5 } as usize;
            (depth.bid_levels, depth.ask_levels) = (bids as u8, asks as u8);
            for level in 0..bids {
                let (price, qty) = ((mid - level as i64) * 1_000_000, draw.below(60) as u32 + 1);
                match level {
                    0 => (event.bid_price, event.bid_qty) = (price, qty),
                    n => (depth.bid_price[n - 1], depth.bid_qty[n - 1]) = (price, qty),
                }
            }
            for level in 0..asks {
                let far = if is_odd { 1 << 40 } else { 1_000_000 };
                let (price, qty) = ((mid + 1) * 1_000_000 + level as i64 * far, u32::MAX);
                match level {
                    0 => (event.ask_price, event.ask_qty) = (price, qty),
                    n => (depth.ask_price[n - 1], depth.ask_qty[n - 1]) = (price, qty),
                }
            }
            out.depths.push(depth);
        }
        out.events.push(event);
        out.seqs.push(if is_odd { draw.next() } else { row as u64 });
    }
    out
}

fn stats(rows: &Chunk) -> SourceStats {
    SourceStats {
        rows_read: rows.events.len() as u64 + 7,
        rows_selected: rows.events.len() as u64,
        skipped: [("broken lot".into(), 4), ("null".into(), 3)].into(),
        skipped_first: [("null".into(), "a \"file\", row 5".into())].into(),
        books_cut: 2,
    }
}

fn write(path: &Path, rows: &Chunk) {
    let mut writer = Writer::create(path, KEY).unwrap();
    writer.push(rows).unwrap();
    let bytes = writer.finish(&stats(rows)).unwrap();
    assert_eq!(bytes, std::fs::metadata(path).unwrap().len());
}

/// Reads as far as it goes; the error with the rows before it.
fn read(path: &Path) -> (Chunk, Result<SourceStats, String>) {
    let mut out = Chunk::default();
    let mut reader = match Reader::open(path, &KEY, 3) {
        Ok(reader) => reader.unwrap(),
        Err(refusal) => return (out, Err(refusal)),
    };
    loop {
        match reader.next(&mut out) {
            Ok(true) => {}
            Ok(false) => return (out, Ok(reader.stats().clone())),
            Err(refusal) => return (out, Err(refusal)),
        }
    }
}

fn assert_same(found: &Chunk, rows: &Chunk, what: &str) {
    assert!(found.events == rows.events, "{what}: events");
    assert!(found.depths == rows.depths, "{what}: depths");
    assert!(found.seqs == rows.seqs, "{what}: sequence numbers");
}

/// The same rows, piece by piece.
fn pieces(rows: &Chunk, sizes: &[usize]) -> Vec<Chunk> {
    let (mut out, mut row, mut book) = (Vec::new(), 0, 0);
    for size in sizes.iter().cycle() {
        if row == rows.events.len() {
            return out;
        }
        let events = rows.events[row..(row + size).min(rows.events.len())].to_vec();
        let books = events.iter().filter(|event| event.kind == kind::BOOK).count();
        let seqs = rows.seqs[row..row + events.len()].to_vec();
        (row, book) = (row + events.len(), book + books);
        out.push(Chunk { depths: rows.depths[book - books..book].to_vec(), events, seqs });
    }
    out
}

#[test]
fn rows_come_back_and_the_counts_with_them() {
    let scratch = Scratch::new("back");
    let path = scratch.0.join("x.tape");
    for count in [0, 1, 2, 1_023, 1_024, 1_025, 9_000] {
        for seed in 0..4 {
            let rows = rows(seed, count);
            write(&path, &rows);
            let (found, done) = read(&path);
            assert_same(&found, &rows, &format!("{count} rows"));
            assert_eq!(done.unwrap(), stats(&rows));
        }
    }
    // The bytes do not depend on the pieces that the rows came in.
    let rows = rows(5, 3_000);
    write(&path, &rows);
    let whole = std::fs::read(&path).unwrap();
    let mut writer = Writer::create(&path, KEY).unwrap();
    pieces(&rows, &[1, 700, 33]).iter().for_each(|piece| writer.push(piece).unwrap());
    writer.finish(&stats(&rows)).unwrap();
    assert!(std::fs::read(&path).unwrap() == whole);
}

#[test]
fn rows_that_the_format_has_no_place_for_are_not_written() {
    let scratch = Scratch::new("place");
    type Spoil = (&'static str, fn(&mut Chunk));
    let odd: [Spoil; 5] = [
        ("a trade with a book", |rows| {
            let trade = rows.events.iter_mut().find(|e| e.kind == kind::TRADE).unwrap();
            trade.bid_price = 5;
        }),
        ("a level behind the last", |rows| {
            rows.depths[4].bid_levels = 2;
        }),
        ("a reserved byte", |rows| rows.depths[0].reserved[29] = 1),
        ("a mark of the feed", |rows| rows.events[7].kind = kind::SESSION_OPEN),
        ("another instrument", |rows| rows.events[9].instrument = 4),
    ];
    for (what, spoil) in odd {
        let mut rows = rows(1, 2_000);
        spoil(&mut rows);
        let mut writer = Writer::create(&scratch.0.join("x.tape"), KEY).unwrap();
        assert!(writer.push(&rows).is_err(), "{what}");
        drop(writer);
        assert!(std::fs::read_dir(&scratch.0).unwrap().next().is_none(), "{what}: a file is left");
    }
}

#[test]
fn no_damage_is_overlooked() {
    let scratch = Scratch::new("damage");
    let (path, damaged) = (scratch.0.join("x.tape"), scratch.0.join("y.tape"));
    let rows = rows(2, 2_500);
    write(&path, &rows);
    let whole = std::fs::read(&path).unwrap();
    assert!(read(&path).1.is_ok());
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&damaged, bytes).unwrap();
        let (found, done) = read(&damaged);
        assert!(done.is_err(), "{what}: it is taken for whole");
        // Rows that were given before it was found out are true ones.
        let mut known = rows_start(&rows, found.events.len());
        known.seqs.truncate(found.seqs.len());
        assert_same(&found, &known, what);
    };
    // Every bit of the header, and of the rest every bit of some bytes.
    for at in (0..92).chain((92..whole.len()).step_by(211)).chain(whole.len() - 40..whole.len()) {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            refused(&bytes, &format!("bit {bit} of byte {at}"));
        }
    }
    for len in (0..200).chain((200..whole.len()).step_by(331)).chain([whole.len() - 1]) {
        refused(&whole[..len], &format!("cut to {len} bytes"));
    }
    refused(&[whole.as_slice(), &[0]].concat(), "a byte too many");
    // Two blocks that are whole, in each other's place: only the number in their checksums tells.
    let len = |at: usize| 8 + u32::from_le_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
    let second = 92 + len(92);
    let third = second + len(second);
    let swapped = [&whole[..92], &whole[second..third], &whole[92..second], &whole[third..]];
    refused(&swapped.concat(), "two blocks change places");
    // Of another key, and so of other rows.
    assert!(Reader::open(&path, &[8; 32], 3).is_err());
    // A version of the layout that does not exist, with a checksum that fits.
    for at in [8, 12] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let crc = crc32fast::hash(&bytes[..88]);
        bytes[88..92].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(&damaged, &bytes).unwrap();
        let refusal = Reader::open(&damaged, &KEY, 3).map(|_| ()).unwrap_err();
        assert!(refusal.contains("version"), "{refusal}");
    }
}

fn rows_start(rows: &Chunk, count: usize) -> Chunk {
    if count == 0 { Chunk::default() } else { pieces(rows, &[count]).swap_remove(0) }
}

/// An origin out of memory that counts how often it is asked for rows.
struct Taped {
    rows: Arc<Chunk>,
    chunk_rows: usize,
    key: Arc<AtomicU64>,
    opened: Arc<AtomicUsize>,
}

fn key(number: u64) -> Key {
    std::array::from_fn(|n| if n == 0 { number as u8 } else { 1 })
}

struct Playing {
    pieces: std::vec::IntoIter<Chunk>,
    stats: SourceStats,
}

impl RowSource for Playing {
    fn next_chunk(&mut self, out: &mut Chunk) -> Result<bool, SourceError> {
        out.clear();
        let Some(piece) = self.pieces.next() else { return Ok(false) };
        *out = piece;
        Ok(true)
    }
    fn stats(&self) -> &SourceStats {
        &self.stats
    }
    fn describe(&self) -> String {
        "a tape".into()
    }
    fn rows_total_hint(&self) -> Option<u64> {
        None
    }
}

impl Origin for Taped {
    fn key(&self) -> Result<Key, String> {
        match self.key.load(Ordering::Relaxed) {
            0 => Err("there is no telling".into()),
            number => Ok(key(number)),
        }
    }
    fn open(&self) -> Result<Box<dyn RowSource>, SourceError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Playing {
            pieces: pieces(&self.rows, &[self.chunk_rows]).into_iter(),
            stats: stats(&self.rows),
        }))
    }
}

/// Two segments and what there is to ask about them.
struct Stage {
    rows: [Arc<Chunk>; 2],
    keys: [Arc<AtomicU64>; 2],
    opened: Arc<AtomicUsize>,
}

impl Stage {
    fn new() -> Self {
        Stage {
            rows: [Arc::new(rows(3, 5_000)), Arc::new(rows(4, 700))],
            keys: [Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(2))],
            opened: Arc::default(),
        }
    }

    fn source(&self, cache: &Arc<Cache>, chunk_rows: usize) -> CachedSource {
        let origin = |n: usize| {
            let (rows, key) = (self.rows[n].clone(), self.keys[n].clone());
            let opened = self.opened.clone();
            Box::new(Taped { rows, chunk_rows, key, opened }) as Box<dyn Origin>
        };
        let origins = vec![origin(0), origin(1)];
        CachedSource::new(cache.clone(), &config(chunk_rows), origins, "a tape".into(), None)
    }

    /// Reads to the end, holds it against the rows and the counts, and says how often an origin was opened.
    fn pass(&self, cache: &Arc<Cache>, chunk_rows: usize) -> usize {
        let before = self.opened.load(Ordering::Relaxed);
        let mut source = self.source(cache, chunk_rows);
        let (mut all, mut chunk) = (Chunk::default(), Chunk::default());
        while source.next_chunk(&mut chunk).unwrap() {
            assert!((1..=chunk_rows).contains(&chunk.events.len()));
            all.events.append(&mut chunk.events);
            all.depths.append(&mut chunk.depths);
            all.seqs.append(&mut chunk.seqs);
        }
        assert!(!source.next_chunk(&mut chunk).unwrap(), "the end stays the end");
        let [first, second] = &self.rows;
        let rows = Chunk {
            events: [first.events.as_slice(), &second.events].concat(),
            depths: [first.depths.as_slice(), &second.depths].concat(),
            seqs: [first.seqs.as_slice(), &second.seqs].concat(),
        };
        assert_same(&all, &rows, &format!("chunks of {chunk_rows}"));
        let mut counts = stats(first);
        super::add(&mut counts, &stats(second));
        assert_eq!(source.stats(), &counts);
        assert_eq!((counts.books_cut, counts.skipped["null"]), (4, 6));
        self.opened.load(Ordering::Relaxed) - before
    }
}

fn config(chunk_rows: usize) -> DecodeConfig {
    DecodeConfig {
        symbol: "TXF".into(),
        instrument: 3,
        lot: 1,
        negative_prices: false,
        from_ns: 0,
        to_ns: i64::MAX,
        gaps_ns: [].into(),
        expired_ns: i64::MAX,
        ts_grid_ns: 1,
        malformed_skip: false,
        shape: Default::default(),
        chunk_rows,
    }
}

#[test]
fn every_pass_gives_the_same_rows_and_only_the_first_one_decodes() {
    for chunk_rows in [1, 17, 512, BLOCK_ROWS, 1_500, 4_096, 65_536] {
        let scratch = Scratch::new("passes");
        let (stage, cache) = (Stage::new(), scratch.cache(None));
        assert_eq!(stage.pass(&cache, chunk_rows), 2);
        assert_eq!((scratch.files(TAPE).len(), scratch.files(TEMP).len()), (2, 0));
        for later in [1, 700, 65_536] {
            assert_eq!(stage.pass(&cache, later), 0, "a later pass decodes");
        }
    }
}

#[test]
fn a_damaged_segment_is_made_again_in_the_middle_of_a_run() {
    let scratch = Scratch::new("again");
    let (stage, cache) = (Stage::new(), scratch.cache(None));
    stage.pass(&cache, 512);
    let files = scratch.files(TAPE);
    let large = files.iter().max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap();
    let whole = std::fs::read(large).unwrap();
    for (at, chunk_rows) in
        [(5, 512), (100, 17), (whole.len() / 2, 333), (whole.len() * 3 / 4, 9_999)]
    {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        std::fs::write(large, bytes).unwrap();
        assert_eq!(stage.pass(&cache, chunk_rows), 1, "byte {at}: one segment is decoded again");
        assert!(std::fs::read(large).unwrap() == whole, "byte {at}: the segment is as it was");
        assert_eq!(stage.pass(&cache, chunk_rows), 0);
    }
    std::fs::write(large, &whole[..whole.len() / 3]).unwrap();
    assert_eq!(stage.pass(&cache, 100), 1);
    assert_eq!(scratch.files(TEMP).len(), 0);
}

#[test]
fn a_source_that_changes_has_another_key_and_leaves_nothing_half_true() {
    let scratch = Scratch::new("changes");
    let (stage, cache) = (Stage::new(), scratch.cache(None));
    stage.pass(&cache, 512);
    stage.keys[0].store(77, Ordering::Relaxed);
    assert_eq!(stage.pass(&cache, 512), 1, "what has another key is decoded");
    assert_eq!(scratch.files(TAPE).len(), 3);
    // It changes while it is read: the rows go on, and no file gets the name.
    stage.keys[0].store(78, Ordering::Relaxed);
    let (mut source, mut chunk) = (stage.source(&cache, 512), Chunk::default());
    assert!(source.next_chunk(&mut chunk).unwrap());
    stage.keys[0].store(79, Ordering::Relaxed);
    while source.next_chunk(&mut chunk).unwrap() {}
    assert_eq!((scratch.files(TAPE).len(), scratch.files(TEMP).len()), (3, 0));
    // Nobody can tell what it is: the run goes on without a cache.
    stage.keys[0].store(0, Ordering::Relaxed);
    assert_eq!((stage.pass(&cache, 512), stage.pass(&cache, 512)), (1, 1));
    // A run that ends early leaves nothing either.
    stage.keys[0].store(80, Ordering::Relaxed);
    let mut source = stage.source(&cache, 512);
    assert!(source.next_chunk(&mut chunk).unwrap());
    assert_eq!(scratch.files(TEMP).len(), 1);
    drop(source);
    assert_eq!((scratch.files(TAPE).len(), scratch.files(TEMP).len()), (3, 0));
}

#[test]
fn several_may_write_and_read_one_segment_at_a_time() {
    let scratch = Scratch::new("several");
    let stage = Stage::new();
    std::thread::scope(|scope| {
        for chunk_rows in [100, 512, 5_000, 65_536] {
            let (stage, cache) = (&stage, scratch.cache(Some(1 << 30)));
            // How many of them decode is for chance to say.
            scope.spawn(move || (0..5).for_each(|_| _ = stage.pass(&cache, chunk_rows)));
        }
    });
    assert_eq!((scratch.files(TAPE).len(), scratch.files(TEMP).len()), (2, 0));
    assert_eq!(stage.pass(&scratch.cache(None), 512), 0);
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let scratch = Scratch::new("full");
    let stage = Stage::new();
    stage.pass(&scratch.cache(None), 512);
    let sizes: Vec<u64> =
        scratch.files(TAPE).iter().map(|path| std::fs::metadata(path).unwrap().len()).collect();
    let (large, all) = (*sizes.iter().max().unwrap(), sizes.iter().sum::<u64>());
    let cache = scratch.cache(Some(all + large / 2));
    assert_eq!(stage.pass(&cache, 512), 0);
    // The small segment is used once more; a third one then pushes the large one out, and not the small.
    std::thread::sleep(Duration::from_millis(20));
    assert!(cache.reader(&key(2), 3).is_some());
    std::thread::sleep(Duration::from_millis(20));
    stage.keys[0].store(44, Ordering::Relaxed);
    assert_eq!(stage.pass(&cache, 512), 1);
    let bytes: u64 =
        scratch.files(TAPE).iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= all + large / 2, "{bytes} bytes are more than {}", all + large / 2);
    assert_eq!(stage.pass(&cache, 512), 0, "the newest two are there");
    stage.keys[0].store(1, Ordering::Relaxed);
    assert_eq!(stage.pass(&cache, 512), 1, "the oldest is not");
    // One that is larger than all that is allowed does not stay.
    let small = scratch.cache(Some(10));
    stage.keys[1].store(55, Ordering::Relaxed);
    stage.pass(&small, 512);
    assert_eq!(scratch.files(TAPE).len(), 0);
}

#[test]
fn a_directory_that_cannot_be_is_no_cache_and_no_failure() {
    let scratch = Scratch::new("nowhere");
    let file = scratch.0.join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(Cache::open(&CacheSpec { dir: file, bytes_max: None }).is_none());
    // It goes away while the run is on: the run does not mind.
    let dir = scratch.0.join("dir");
    let cache = Arc::new(Cache::open(&CacheSpec { dir: dir.clone(), bytes_max: None }).unwrap());
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(Stage::new().pass(&cache, 512), 2);
}

#[test]
fn a_file_is_known_by_its_bytes_whatever_its_clocks_say() {
    let scratch = Scratch::new("identity");
    let path = scratch.0.join("data.parquet");
    std::fs::write(&path, "one row").unwrap();
    let content = || identity::content(&scratch.0, &path).unwrap();
    let one = content();
    assert_eq!(one, <[u8; 32]>::from(blake3::hash(b"one row")));
    assert!(scratch.files("file").is_empty(), "what is this young is not remembered");
    std::thread::sleep(Duration::from_millis(3_200));
    assert_eq!(content(), one);
    assert_eq!(scratch.files("file").len(), 1, "what is older is");
    // The memo is believed: a wrong one would be told on.
    let memo = scratch.files("file").remove(0);
    let text = std::fs::read_to_string(&memo).unwrap();
    let other = blake3::hash(b"other").to_hex();
    std::fs::write(&memo, text.replace(blake3::Hash::from(one).to_hex().as_str(), &other)).unwrap();
    assert_eq!(content(), <[u8; 32]>::from(blake3::hash(b"other")));
    // As many other bytes, and the time of modification set back.
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, "two row").unwrap();
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(content(), <[u8; 32]>::from(blake3::hash(b"two row")));
    std::fs::write(&memo, "{ torn").unwrap();
    assert_eq!(content(), <[u8; 32]>::from(blake3::hash(b"two row")));
    assert!(identity::content(&scratch.0, &scratch.0.join("none")).is_err());
}
