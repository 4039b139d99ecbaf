//! A block of rows as packed columns.
//!
//! Invariants: `encode` proves its own work: it decodes what it encoded, and gives nothing back unless the rows are the
//! same, field by field; rows that the format has no place for are thus never cached, rather than changed. Prices
//! are stored against the price before them in time or depth, so that a column spans a few ticks. The instrument is
//! not stored: it is the reader's number of the symbol.
//!
//! Cost: measured in `benches/wall_cache.rs`.

use super::pack::{self, Columns, PAD_BYTES};
use crate::source::Chunk;
use btcore::wire::{Depth, Event, LEVELS_MAX, UNDEF_PRICE, UNDEF_TIME, kind};

/// Rows of a block; the last one of a segment may hold fewer.
pub const BLOCK_ROWS: usize = 1_024;
/// Different (kind, aggressor, flags) that a block may hold.
const SORTS_MAX: usize = 256;
const DEEPER: usize = LEVELS_MAX - 1;

/// Buffers of the encoder, kept from block to block.
#[derive(Default)]
pub struct Encoder {
    column: Vec<i64>,
    sorts: Vec<u64>,
    proof: Chunk,
}

/// A borrowed run of rows.
#[derive(Clone, Copy)]
pub struct RowsRef<'a> {
    /// Rows.
    pub events: &'a [Event],
    /// Depth rows of the books among them.
    pub depths: &'a [Depth],
    /// Sequence numbers.
    pub seqs: &'a [u64],
}

/// Kind, aggressor, flags and whether there is a receive stamp, in one word.
fn sort_of(event: &Event) -> u64 {
    u64::from(event.kind)
        | u64::from(event.aggressor.cast_unsigned()) << 8
        | u64::from(event.flags) << 16
        | u64::from(event.ts_recv_ns == UNDEF_TIME) << 32
}

impl Encoder {
    /// Appends the block of `rows` to `out`; false, with `out` as it was, if the format cannot hold them.
    pub fn encode(&mut self, rows: RowsRef<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let instrument = rows.events.first().map_or(0, |event| event.instrument);
        let mut proof = std::mem::take(&mut self.proof);
        proof.clear();
        let is_whole = self.try_encode(rows, out)
            && decode(&out[start..], instrument, &mut proof).is_some()
            && proof.events == rows.events
            && proof.depths == rows.depths
            && proof.seqs == rows.seqs;
        self.proof = proof;
        if !is_whole {
            out.truncate(start);
        }
        is_whole
    }

    fn try_encode(&mut self, rows: RowsRef<'_>, out: &mut Vec<u8>) -> bool {
        let RowsRef { events, depths, seqs } = rows;
        let books = || events.iter().filter(|event| event.kind == kind::BOOK).zip(depths);
        let trades = || events.iter().filter(|event| event.kind == kind::TRADE);
        let counts = (events.len(), books().count(), trades().count());
        if seqs.len() != counts.0 || depths.len() != counts.1 || counts.1 + counts.2 != counts.0 {
            return false;
        }
        self.sorts.clear();
        self.sorts.extend(events.iter().map(sort_of));
        self.sorts.sort_unstable();
        self.sorts.dedup();
        if self.sorts.len() > SORTS_MAX {
            return false;
        }
        let sorts = std::mem::take(&mut self.sorts);
        out.extend_from_slice(&(events.len() as u32).to_le_bytes());
        out.extend_from_slice(&(depths.len() as u32).to_le_bytes());
        out.extend_from_slice(&(sorts.len() as u32).to_le_bytes());
        sorts.iter().for_each(|sort| out.extend_from_slice(&sort.to_le_bytes()));
        let place = |event| sorts.binary_search(&sort_of(event)).unwrap_or(0) as i64;
        self.put(out, events.iter().map(place));
        self.sorts = sorts;
        self.put_steps(out, events.iter().map(|event| event.ts_exch_ns));
        self.put(
            out,
            events.iter().map(|event| match event.ts_recv_ns {
                UNDEF_TIME => 0,
                ts_ns => ts_ns.wrapping_sub(event.ts_exch_ns),
            }),
        );
        self.put_steps(out, seqs.iter().map(|seq| seq.cast_signed()));
        self.put_steps(out, trades().map(|event| event.trade_price));
        self.put(out, trades().map(|event| event.trade_qty.into()));
        let levels = |(_, depth): (&Event, &Depth)| {
            i64::from(depth.bid_levels) | i64::from(depth.ask_levels) << 8
        };
        self.put(out, books().map(levels));
        // An absent touch repeats the one before, so that it takes no bits.
        let mut last = 0;
        let bids: Vec<i64> = books()
            .map(|(event, depth)| {
                last = if depth.bid_levels > 0 { event.bid_price } else { last };
                last
            })
            .collect();
        self.put_steps(out, bids.iter().copied());
        let mut spread = 0;
        self.put(
            out,
            books().zip(&bids).map(|((event, depth), bid)| {
                let is_there = depth.ask_levels > 0;
                spread = if is_there { event.ask_price.wrapping_sub(*bid) } else { spread };
                spread
            }),
        );
        self.put(out, books().map(|(event, _)| event.bid_qty.into()));
        self.put(out, books().map(|(event, _)| event.ask_qty.into()));
        for level in 0..DEEPER {
            let bid = |(e, d): (&Event, &Depth)| {
                let above = if level == 0 { e.bid_price } else { d.bid_price[level - 1] };
                let is_there = usize::from(d.bid_levels) > level + 1;
                if is_there { above.wrapping_sub(d.bid_price[level]) } else { 0 }
            };
            let ask = |(e, d): (&Event, &Depth)| {
                let above = if level == 0 { e.ask_price } else { d.ask_price[level - 1] };
                let is_there = usize::from(d.ask_levels) > level + 1;
                if is_there { d.ask_price[level].wrapping_sub(above) } else { 0 }
            };
            self.put_or_last(out, books().map(bid));
            self.put_or_last(out, books().map(ask));
            self.put(out, books().map(|(_, depth)| depth.bid_qty[level].into()));
            self.put(out, books().map(|(_, depth)| depth.ask_qty[level].into()));
        }
        out.extend_from_slice(&[0; PAD_BYTES]);
        true
    }

    fn put(&mut self, out: &mut Vec<u8>, values: impl Iterator<Item = i64>) {
        self.column.clear();
        self.column.extend(values);
        pack::put(out, &self.column);
    }

    /// A column that repeats its last value where there is none, which is told by a 0.
    fn put_or_last(&mut self, out: &mut Vec<u8>, values: impl Iterator<Item = i64>) {
        let mut last = 0;
        self.put(
            out,
            values.map(|value| {
                last = if value == 0 { last } else { value };
                last
            }),
        );
    }

    /// A column as steps from the value before.
    fn put_steps(&mut self, out: &mut Vec<u8>, values: impl Iterator<Item = i64>) {
        // The first one stands alone: as a step from zero it would widen all others.
        let mut values = values.peekable();
        let mut last = values.peek().copied().unwrap_or(0);
        out.extend_from_slice(&last.to_le_bytes());
        self.put(
            out,
            values.map(|value| {
                let step = value.wrapping_sub(last);
                last = value;
                step
            }),
        );
    }
}

/// Appends the rows of a block to `out`, as those of `instrument`; `None`, with rubbish in `out`, if it is none.
pub fn decode(block: &[u8], instrument: u32, out: &mut Chunk) -> Option<()> {
    let word = |at: usize| Some(u32::from_le_bytes(block.get(at..at + 4)?.try_into().ok()?));
    let (rows, books, sorts) = (word(0)? as usize, word(4)? as usize, word(8)? as usize);
    if rows > BLOCK_ROWS || books > rows || sorts > SORTS_MAX {
        return None;
    }
    let mut table = [0_u64; SORTS_MAX];
    for (sort, bytes) in table.iter_mut().zip(block.get(12..12 + 8 * sorts)?.chunks_exact(8)) {
        *sort = u64::from_le_bytes(bytes.try_into().ok()?);
    }
    let (event_first, depth_first) = (out.events.len(), out.depths.len());
    out.events.resize(event_first + rows, Event { instrument, ..Event::EMPTY });
    out.depths.resize(depth_first + books, Depth::EMPTY);
    let (events, depths) = (&mut out.events[event_first..], &mut out.depths[depth_first..]);
    let mut columns = Columns::of(&block[12 + 8 * sorts..]);
    // Where the books and the trades stand among the rows.
    let (mut book_at, mut trade_at) = ([0_u16; BLOCK_ROWS], [0_u16; BLOCK_ROWS]);
    let (mut book_count, mut trade_count) = (0, 0);
    let mut is_undefined = [false; BLOCK_ROWS];
    columns.take(rows, |row, sort| {
        let sort = table[sort as usize % SORTS_MAX];
        let event = &mut events[row];
        event.kind = sort as u8;
        event.aggressor = ((sort >> 8) as u8).cast_signed();
        event.flags = (sort >> 16) as u16;
        is_undefined[row] = sort >> 32 != 0;
        // Both are written and one counts: no branch on what cannot be foreseen.
        book_at[book_count % BLOCK_ROWS] = row as u16;
        trade_at[trade_count % BLOCK_ROWS] = row as u16;
        let is_book = event.kind == kind::BOOK;
        book_count += usize::from(is_book);
        trade_count += usize::from(!is_book);
    })?;
    if book_count != books {
        return None;
    }
    let (book_at, trade_at) = (&book_at[..books], &trade_at[..rows - books]);
    steps(&mut columns, rows, |row, ts_ns| events[row].ts_exch_ns = ts_ns)?;
    columns.take(rows, |row, after_ns| {
        let event = &mut events[row];
        let ts_ns = event.ts_exch_ns.wrapping_add(after_ns);
        event.ts_recv_ns = if is_undefined[row] { UNDEF_TIME } else { ts_ns };
    })?;
    let seqs = &mut out.seqs;
    steps(&mut columns, rows, |_, seq| seqs.push(seq.cast_unsigned()))?;
    steps(&mut columns, trade_at.len(), |n, price| {
        events[usize::from(trade_at[n])].trade_price = price;
    })?;
    columns.take(trade_at.len(), |n, qty| {
        events[usize::from(trade_at[n])].trade_qty = qty as u32;
    })?;
    columns.take(books, |n, levels| {
        depths[n].bid_levels = levels as u8;
        depths[n].ask_levels = (levels >> 8) as u8;
    })?;
    // Absent levels are put right at the end, when the prices below them no longer need them.
    steps(&mut columns, books, |n, price| events[usize::from(book_at[n])].bid_price = price)?;
    columns.take(books, |n, spread| {
        let event = &mut events[usize::from(book_at[n])];
        event.ask_price = event.bid_price.wrapping_add(spread);
    })?;
    columns.take(books, |n, qty| events[usize::from(book_at[n])].bid_qty = qty as u32)?;
    columns.take(books, |n, qty| events[usize::from(book_at[n])].ask_qty = qty as u32)?;
    for level in 0..DEEPER {
        columns.take(books, |n, step| {
            let (event, depth) = (&events[usize::from(book_at[n])], &mut depths[n]);
            let above = if level == 0 { event.bid_price } else { depth.bid_price[level - 1] };
            depth.bid_price[level] = above.wrapping_sub(step);
        })?;
        columns.take(books, |n, step| {
            let (event, depth) = (&events[usize::from(book_at[n])], &mut depths[n]);
            let above = if level == 0 { event.ask_price } else { depth.ask_price[level - 1] };
            depth.ask_price[level] = above.wrapping_add(step);
        })?;
        columns.take(books, |n, qty| depths[n].bid_qty[level] = qty as u32)?;
        columns.take(books, |n, qty| depths[n].ask_qty[level] = qty as u32)?;
    }
    for (n, depth) in depths.iter_mut().enumerate() {
        if usize::from(depth.bid_levels.min(depth.ask_levels)) >= LEVELS_MAX {
            continue;
        }
        let event = &mut events[usize::from(book_at[n])];
        let (bids, asks) = (usize::from(depth.bid_levels), usize::from(depth.ask_levels));
        event.bid_price = if bids == 0 { UNDEF_PRICE } else { event.bid_price };
        event.ask_price = if asks == 0 { UNDEF_PRICE } else { event.ask_price };
        depth.bid_price.iter_mut().skip(bids.saturating_sub(1)).for_each(|p| *p = UNDEF_PRICE);
        depth.ask_price.iter_mut().skip(asks.saturating_sub(1)).for_each(|p| *p = UNDEF_PRICE);
    }
    columns.is_done().then_some(())
}

/// The next column of `count` values that are stored as steps.
#[inline]
fn steps(columns: &mut Columns<'_>, count: usize, mut take: impl FnMut(usize, i64)) -> Option<()> {
    let mut value = columns.word()?;
    columns.take(count, |index, step| {
        value = value.wrapping_add(step);
        take(index, value);
    })
}
