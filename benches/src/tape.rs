//! Tapes: rows of the synthetic exchange, made once, kept in a file under the target folder, proved by a checksum.
//!
//! Invariants: a tape is a function of (instruments, rows) alone; a file is read only if its BLAKE3 is the committed one, so
//! that all figures are figures of the same rows; instruments tick apart by a millisecond, as their books would, and share
//! a clock. Rows lie in memory as the core takes them: 64 bytes an event, 128 a book. Cost: some 1 us a row to make, once;
//! a read and a hash from then on. The memory asks for huge pages, where they are to be had.

use crate::synth::{Body, SessionSpan, Synth, SynthConfig, SynthRow};
use btcore::engine::Rows;
use btcore::wire::{Depth, Event, Session, kind};
use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

const DAY_NS: i64 = 86_400_000_000_000;
/// Rows of one instrument and day session are more than this.
const DAY_ROWS_MIN: usize = 90_000;

/// Every tape that a bench reads: instruments, rows, BLAKE3 of the file. Another hash means another synthetic exchange:
/// figures before and after do not compare, and the file of instruction counts is to be blessed anew.
const KNOWN: &[(usize, usize, &str)] = &[
    (1, 65_536, "80a58f1aea6858d2acd7ad81a5159f54e5389d7fb6ae2ae2c95cf81c30c199f1"),
    (4, 65_536, "84f5e6d1cbf1a3d6c4e68d3d32034df258e35067e31a8c5c76beee5babb5b3cd"),
    (64, 65_536, "3024376b8e8e7a49714c8ea63b70e7951dab9a25eb352b018e2123b777b835e0"),
    (1, 300_000, "24759b2fc948257b7b910deb3fb130b02e672e9ea63e5d655dc3b47277c30667"),
    (1, 1_000_000, "96edc405289cf5d25abd60440cc7f52e3e21f1d1af7619e988dc1b909e2135b3"),
    (4, 1_000_000, "51c50fc86ae3ab18b6ee65be747d4992f9280acbfc281715bdfa1137b9b9ce9c"),
    (64, 1_000_000, "3195cdb7c1649db01e9112f54948b2817c83206d918ee5eb7b85918513afd312"),
];

/// Rows in time order, of one stream.
pub struct Tape {
    events: Slab<Event>,
    depths: Slab<Depth>,
    seqs: Vec<u64>,
    /// Books before each row, and all of them at the end.
    books: Vec<u32>,
    /// How many instruments tick.
    pub instruments: usize,
}

impl Tape {
    /// The tape of so many instruments and rows, from its file, which is made where it is missing.
    ///
    /// # Panics
    /// The tape is none of the known ones, its rows are not what they were, or the file cannot be written.
    pub fn of(instruments: usize, rows: usize) -> Tape {
        let known = KNOWN.iter().find(|known| (known.0, known.1) == (instruments, rows));
        let known = known.unwrap_or_else(|| panic!("no tape of {instruments} x {rows} is known"));
        let path = folder().join(format!("{instruments}x{rows}.tape"));
        let bytes = fs::read(&path).unwrap_or_else(|_| {
            let bytes = Tape::make(instruments, rows).to_bytes();
            keep(&path, &bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            bytes
        });
        let hash = blake3::hash(&bytes).to_hex();
        assert!(
            hash.as_str() == known.2,
            "{}: BLAKE3 is {hash}, not {}. If the file is damaged, remove it; if the synthetic exchange was changed on \
             purpose, `inst_lane --tapes` says what {} should, and the instruction counts are to be blessed anew",
            path.display(),
            known.2,
            file!()
        );
        Tape::from_bytes(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A tape that no file holds.
    pub fn of_rows(events: &[Event], depths: &[Depth]) -> Tape {
        let mut tape = Tape::with_room(1, events.len(), depths.len());
        for (index, event) in events.iter().enumerate() {
            tape.events.push(*event);
            tape.seqs.push(index as u64 + 1);
        }
        depths.iter().for_each(|depth| tape.depths.push(*depth));
        tape.count_books();
        tape
    }

    /// What the committed list of checksums should say, line by line, of tapes made anew.
    pub fn checksums() -> impl Iterator<Item = String> {
        KNOWN.iter().map(|&(instruments, rows, _)| {
            let hash = blake3::hash(&Tape::make(instruments, rows).to_bytes()).to_hex();
            format!("({instruments}, {rows}, \"{hash}\"),")
        })
    }

    fn make(instruments: usize, rows: usize) -> Tape {
        let mut tape = Tape::with_room(instruments, rows, rows);
        let mut streams: Vec<_> = (0..instruments)
            .map(|number| synth(number, days(instruments, rows)).peekable())
            .collect();
        for _ in 0..rows {
            let first = streams
                .iter_mut()
                .enumerate()
                .filter_map(|(number, stream)| stream.peek().map(|row| (row.ts_exch_ns, number)));
            let (_, number) = first.min().expect("the sessions are long enough");
            let row = streams[number].next().expect("it was seen");
            let (event, depth) = wire(&row, number as u32);
            tape.events.push(event);
            tape.seqs.push(row.seq_no);
            depth.iter().for_each(|depth| tape.depths.push(*depth));
        }
        tape.count_books();
        tape
    }

    fn with_room(instruments: usize, rows: usize, depths: usize) -> Tape {
        Tape {
            events: Slab::with_room(rows),
            depths: Slab::with_room(depths),
            seqs: Vec::with_capacity(rows),
            books: Vec::new(),
            instruments,
        }
    }

    fn count_books(&mut self) {
        let mut books = 0;
        self.books = Vec::with_capacity(self.len() + 1);
        self.books.push(0);
        for event in self.events.as_slice() {
            books += u32::from(event.kind == kind::BOOK);
            self.books.push(books);
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let (events, depths) = (self.events.as_slice(), self.depths.as_slice());
        let sizes = [self.instruments, events.len(), depths.len()];
        let mut bytes: Vec<u8> = sizes.iter().flat_map(|n| (*n as u64).to_le_bytes()).collect();
        bytes.extend_from_slice(as_bytes(events));
        bytes.extend_from_slice(as_bytes(depths));
        bytes.extend(self.seqs.iter().flat_map(|seq| seq.to_le_bytes()));
        bytes
    }

    fn from_bytes(mut bytes: &[u8]) -> io::Result<Tape> {
        let mut number = [0; 8];
        let mut next =
            |bytes: &mut &[u8]| bytes.read_exact(&mut number).map(|()| u64::from_le_bytes(number));
        let instruments = next(&mut bytes)? as usize;
        let (rows, depths) = (next(&mut bytes)? as usize, next(&mut bytes)? as usize);
        let mut tape = Tape::with_room(instruments, rows, depths);
        tape.events.read(rows, &mut bytes)?;
        tape.depths.read(depths, &mut bytes)?;
        for _ in 0..rows {
            tape.seqs.push(next(&mut bytes)?);
        }
        tape.count_books();
        Ok(tape)
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.events.as_slice().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events, 64 bytes each.
    pub fn events(&self) -> &[Event] {
        self.events.as_slice()
    }

    /// The depth rows, 128 bytes each.
    pub fn depths(&self) -> &[Depth] {
        self.depths.as_slice()
    }

    /// Rows from `first` to before `end`, as the core takes them.
    pub fn rows(&self, first: usize, end: usize) -> Rows<'_> {
        let books = self.books[first] as usize..self.books[end] as usize;
        Rows {
            events: &self.events()[first..end],
            depths: &self.depths()[books],
            seqs: &self.seqs[first..end],
        }
    }

    /// The day sessions that the rows lie in.
    pub fn sessions(&self) -> Vec<Session> {
        let days = (0..days(self.instruments, self.len())).zip(20_260_408..);
        let session = |(n, date)| {
            let span = day(0, n);
            Session::continuous(span.start_ts_ns, span.end_ts_ns + 1_000_000_000, date)
        };
        days.map(session).collect()
    }
}

/// Days that hold so many rows.
fn days(instruments: usize, rows: usize) -> i64 {
    let days = 1 + rows / instruments / DAY_ROWS_MIN;
    assert!(days <= 22, "the tape is longer than the month");
    days as i64
}

fn day(number: usize, day: i64) -> SessionSpan {
    let first = SynthConfig::default().sessions[0];
    let shift_ns = day * DAY_NS + number as i64 * 1_000_000;
    SessionSpan { start_ts_ns: first.start_ts_ns + shift_ns, end_ts_ns: first.end_ts_ns + shift_ns }
}

fn synth(number: usize, days: i64) -> Synth {
    let config = SynthConfig {
        seed: 1 + number as u64,
        sessions: (0..days).map(|n| day(number, n)).collect(),
        ..SynthConfig::default()
    };
    Synth::new(config).expect("the preset is valid")
}

/// The default market, endless for practical purposes: rows of one instrument, day after day.
pub fn endless() -> Synth {
    synth(0, 22)
}

/// The sessions of [`endless`].
pub fn endless_sessions() -> Vec<Session> {
    let session = |(n, date)| {
        let span = day(0, n);
        Session::continuous(span.start_ts_ns, span.end_ts_ns, date)
    };
    (0..22).zip(20_260_408..).map(session).collect()
}

/// A row of the synthetic exchange as a source would hand it to the core.
pub fn wire(row: &SynthRow, instrument: u32) -> (Event, Option<Depth>) {
    let ts_ns = row.ts_exch_ns;
    let mut event = Event { ts_exch_ns: ts_ns, ts_recv_ns: ts_ns, instrument, ..Event::EMPTY };
    let (bids, asks) = match &row.body {
        Body::Trade { price_e6, qty_lots, side } => {
            (event.kind, event.aggressor) = (kind::TRADE, *side);
            (event.trade_price, event.trade_qty) = (*price_e6, *qty_lots as u32);
            return (event, None);
        }
        Body::Book { bids, asks } => (bids, asks),
    };
    event.kind = kind::BOOK;
    let (bid_levels, ask_levels) = (bids.len() as u8, asks.len() as u8);
    let mut depth = Depth { bid_levels, ask_levels, ..Depth::EMPTY };
    for (n, &(price, qty)) in bids.iter().enumerate() {
        match n {
            0 => (event.bid_price, event.bid_qty) = (price, qty as u32),
            n => (depth.bid_price[n - 1], depth.bid_qty[n - 1]) = (price, qty as u32),
        }
    }
    for (n, &(price, qty)) in asks.iter().enumerate() {
        match n {
            0 => (event.ask_price, event.ask_qty) = (price, qty as u32),
            n => (depth.ask_price[n - 1], depth.ask_qty[n - 1]) = (price, qty as u32),
        }
    }
    (event, Some(depth))
}

fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
        PathBuf::from,
    );
    target.join("tapes")
}

/// Writes a file whole or not at all: two processes may want it at once.
fn keep(path: &PathBuf, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder())?;
    let unfinished = path.with_extension(std::process::id().to_string());
    fs::File::create(&unfinished)?.write_all(bytes)?;
    fs::rename(&unfinished, path)
}

/// Rows of plain integers without padding.
trait Plain: Copy {}
impl Plain for Event {}
impl Plain for Depth {}

fn as_bytes<T: Plain>(rows: &[T]) -> &[u8] {
    // SAFETY: a `Plain` type is `repr(C)`, integers only, without padding.
    unsafe { std::slice::from_raw_parts(rows.as_ptr().cast(), size_of_val(rows)) }
}

/// A vector of rows that does not grow.
struct Slab<T> {
    rows: Vec<T>,
}

impl<T: Plain> Slab<T> {
    fn with_room(rows: usize) -> Slab<T> {
        Slab { rows: Vec::with_capacity(rows) }
    }

    fn push(&mut self, row: T) {
        debug_assert!(self.rows.len() < self.rows.capacity(), "Invariant: there is room");
        self.rows.push(row);
    }

    /// Appends rows as their bytes.
    fn read(&mut self, rows: usize, bytes: &mut &[u8]) -> io::Result<()> {
        assert!(rows <= self.rows.capacity() - self.rows.len(), "there is room");
        let room = self.rows.spare_capacity_mut();
        // SAFETY: the room is that of `rows` rows at least, and any bytes are a valid row: integers only.
        let room = unsafe {
            std::slice::from_raw_parts_mut(room.as_mut_ptr().cast(), rows * size_of::<T>())
        };
        bytes.read_exact(room)?;
        // SAFETY: so many rows were just written.
        unsafe { self.rows.set_len(self.rows.len() + rows) };
        Ok(())
    }

    fn as_slice(&self) -> &[T] {
        &self.rows
    }
}
