//! Columns to rows: one record batch of `hft.market_data`'s columns into rows of the core.
//!
//! `BidAsk` and `Snapshot` rows are books, `Tick` rows are trades. Units: price 1e-6, quantity in lots, ns.
//!
//! A level of zero size is not there, whatever its price: recorders write an empty side as an empty list or as
//! zeros. A level at a sentinel price (999,999,999 either way; zero or below where prices cannot be) is left out and
//! the row is flagged; a trade at one is kept and flagged. More than five levels are cut to five, and counted.
//! Quantities must be whole lots. A displayed size beyond 32 bits is shown as the largest; a trade beyond it is
//! an error whatever the policy, since leaving it out would change what traded.
//!
//! Stamps are snapped to the source's grid where they lie within a microsecond of it, and it is the snapped stamp
//! that the span is asked about: a session's first row does not fall out of it for a float's error.
//!
//! Cost: about 20 ns a row on raw buffers; nothing is allocated for a row.

use super::columns::{Columns, Lists, SideColumns};
use super::{Chunk, DecodeConfig, SourceError, SourceStats};
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, PrimitiveArray, RecordBatch};
use btcore::wire::{Depth, Event, LEVELS_MAX, PRICE_SCALE, UNDEF_PRICE, UNDEF_TIME, flags, kind};
use std::ops::Range;
use std::sync::Arc;

/// Prices this large, either way, are words and not prices.
const SENTINEL: u64 = 999_999_999 * PRICE_SCALE as u64;
/// Stamps this near to the grid went through a float; farther ones are their own.
pub(super) const SNAP_NS: i64 = 1_000;

/// A batch being decoded, from its first row to its last.
pub struct Batch {
    columns: Columns,
    place: Arc<str>,
    row_first: u64,
    rows: Range<usize>,
}

/// Why a row cannot be read: a short reason for counting, the column, and the detail.
struct Bad {
    reason: &'static str,
    column: &'static str,
    detail: String,
    /// Whether it is an error under every policy.
    is_fatal: bool,
}

#[cold]
fn bad(reason: &'static str, column: &'static str, detail: impl Into<String>) -> Bad {
    Bad { reason, column, detail: detail.into(), is_fatal: false }
}

/// How far a stamp as recorded can lie from the snapped one.
fn margin_ns(config: &DecodeConfig) -> i64 {
    if config.ts_grid_ns > 1 { SNAP_NS } else { 0 }
}

/// The stamps, as recorded, of rows whose snapped stamps can lie within the config's span.
pub fn span_recorded(config: &DecodeConfig) -> (i64, i64) {
    let margin_ns = margin_ns(config);
    (config.from_ns.saturating_sub(margin_ns), config.to_ns.saturating_add(margin_ns))
}

/// The same, without the gaps: spans that begin and end later each. Where gaps are that short, they are not left out here.
pub fn spans_recorded(config: &DecodeConfig) -> Vec<(i64, i64)> {
    let (margin_ns, (mut begin_ns, end_ns)) = (margin_ns(config), span_recorded(config));
    let mut spans = Vec::new();
    for &(from_ns, to_ns) in &*config.gaps_ns {
        let (last_ns, next_ns) =
            (from_ns.saturating_add(margin_ns), to_ns.saturating_sub(margin_ns));
        if last_ns >= next_ns {
            continue;
        }
        if begin_ns < last_ns {
            spans.push((begin_ns, last_ns));
        }
        begin_ns = begin_ns.max(next_ns);
    }
    if begin_ns < end_ns {
        spans.push((begin_ns, end_ns));
    }
    spans
}

/// The stamps, as recorded, of rows whose snapped stamps lie within the config's span whatever they are.
pub fn span_inner(config: &DecodeConfig) -> (i64, i64) {
    let margin_ns = config.from_ns.saturating_sub(span_recorded(config).0);
    (config.from_ns.saturating_add(margin_ns), config.to_ns.saturating_sub(margin_ns))
}

impl Batch {
    /// Finds the columns of a batch whose first row is number `row_first` of `place`.
    ///
    /// # Errors
    /// A column is missing or of a wrong type.
    pub fn new(batch: &RecordBatch, place: &Arc<str>, row_first: u64) -> Result<Self, SourceError> {
        let columns = Columns::of(batch, place)?;
        Ok(Batch { columns, place: place.clone(), row_first, rows: 0..batch.num_rows() })
    }

    /// Whether every row is decoded.
    pub fn is_done(&self) -> bool {
        self.rows.is_empty()
    }

    /// Appends the selected ones of its rows until `out` holds `rows_max`.
    ///
    /// # Errors
    /// A row cannot be read and the policy is to fail, or a trade does not fit.
    pub fn decode(
        &mut self,
        rows_max: usize,
        config: &DecodeConfig,
        out: &mut Chunk,
        stats: &mut SourceStats,
    ) -> Result<(), SourceError> {
        while out.events.len() < rows_max {
            let Some(row) = self.rows.next() else { break };
            stats.rows_read += 1;
            match self.columns.row(row, config, out, stats) {
                Ok(is_taken) => stats.rows_selected += u64::from(is_taken),
                Err(bad) => self.refuse(row, bad, config, stats)?,
            }
        }
        Ok(())
    }

    #[cold]
    fn refuse(
        &self,
        row: usize,
        bad: Bad,
        config: &DecodeConfig,
        stats: &mut SourceStats,
    ) -> Result<(), SourceError> {
        let number = match &self.columns.row_number {
            Some(numbers) => numbers.value(row).unsigned_abs(),
            None => self.row_first + row as u64,
        };
        let Bad { reason, column, detail, is_fatal } = bad;
        let error = SourceError::Row {
            place: self.place.to_string(),
            row: number,
            column,
            message: detail,
        };
        if is_fatal || !config.malformed_skip {
            return Err(error);
        }
        *stats.skipped.entry(reason.into()).or_default() += 1;
        stats.skipped_first.entry(reason.into()).or_insert_with(|| error.to_string());
        Ok(())
    }
}

impl Columns {
    /// Appends one row if it is selected.
    fn row(
        &self,
        row: usize,
        config: &DecodeConfig,
        out: &mut Chunk,
        stats: &mut SourceStats,
    ) -> Result<bool, Bad> {
        present(&self.symbol, row, "symbol")?;
        if self.symbol.value(row) != config.symbol {
            return Ok(false);
        }
        let recorded_ns = int(&self.exch_ts, row, "exch_ts")?;
        if recorded_ns <= 0 {
            let detail = format!("the stamp is {recorded_ns}");
            return Err(bad("stamp not above zero", "exch_ts", detail));
        }
        let mut event = self.stamps(row, recorded_ns, config);
        if !config.takes(event.ts_exch_ns) {
            return Ok(false);
        }
        if event.ts_exch_ns >= config.expired_ns {
            let detail = "the row lies behind the contract's last trading day".to_owned();
            return Err(bad("after the last trading day", "exch_ts", detail));
        }
        event.instrument = config.instrument;
        present(&self.kind, row, "type")?;
        let seq = int(&self.seq, row, "seq_no")?;
        match self.kind.value(row) {
            "BidAsk" | "Snapshot" => {
                let (depth, is_cut) = self.book(row, config, &mut event)?;
                stats.books_cut += u64::from(is_cut);
                out.depths.push(depth);
            }
            "Tick" => self.trade(row, config, &mut event)?,
            other => {
                let detail = format!("`{other}` is none of BidAsk, Snapshot, Tick");
                return Err(bad("unknown type", "type", detail));
            }
        }
        out.events.push(event);
        out.seqs.push(seq);
        Ok(true)
    }

    /// The row's times, snapped to the grid, and what is odd about them.
    fn stamps(&self, row: usize, recorded_ns: i64, config: &DecodeConfig) -> Event {
        let mut event = Event { ts_exch_ns: recorded_ns, ..Event::EMPTY };
        match snap(recorded_ns, config.ts_grid_ns) {
            Some(ts_ns) => event.ts_exch_ns = ts_ns,
            None => event.flags |= flags::OFF_GRID,
        }
        // A source without a clock of its own repeats the exchange's stamp, which is then snapped alike. The feed
        // flags NO_RECV_CLOCK, from this stamp, for every kind of source.
        event.ts_recv_ns = match self.ingest_ts.value(row) {
            _ if self.ingest_ts.is_null(row) => UNDEF_TIME,
            0 => UNDEF_TIME,
            ts_ns if ts_ns == recorded_ns => event.ts_exch_ns,
            ts_ns => ts_ns,
        };
        event
    }

    fn trade(&self, row: usize, config: &DecodeConfig, event: &mut Event) -> Result<(), Bad> {
        event.kind = kind::TRADE;
        event.trade_price = int(&self.price, row, "price_scaled")?;
        if event.trade_price == UNDEF_PRICE {
            return Err(bad("no trade price", "price_scaled", "the price is the largest integer"));
        }
        if is_sentinel(event.trade_price, config) {
            event.flags |= flags::SENTINEL;
        }
        let volume = int(&self.volume, row, "volume")?;
        if volume <= 0 {
            let detail = format!("a trade of {volume}");
            return Err(bad("trade quantity not above zero", "volume", detail));
        }
        let lots = lots(volume, config, "volume")?;
        event.trade_qty = u32::try_from(lots).map_err(|_| Bad {
            is_fatal: true,
            ..bad("trade beyond 32 bits", "volume", format!("a trade of {lots} lots"))
        })?;
        let aggressor = int(&self.aggressor, row, self.aggressor_name)?;
        event.aggressor = match aggressor {
            -1..=1 => aggressor as i8,
            other => {
                let detail = format!("{other} is none of -1, 0, 1");
                return Err(bad("unknown aggressor", self.aggressor_name, detail));
            }
        };
        Ok(())
    }

    /// The row's book, and whether it had more levels than are kept.
    fn book(
        &self,
        row: usize,
        config: &DecodeConfig,
        event: &mut Event,
    ) -> Result<(Depth, bool), Bad> {
        event.kind = kind::BOOK;
        let bids = Side::read::<true>(&self.bids, row, config)?;
        let asks = Side::read::<false>(&self.asks, row, config)?;
        event.flags |= bids.flags | asks.flags;
        (event.bid_price, event.bid_qty) = (bids.price[0], bids.qty[0]);
        (event.ask_price, event.ask_qty) = (asks.price[0], asks.qty[0]);
        let mut depth =
            Depth { bid_levels: bids.count as u8, ask_levels: asks.count as u8, ..Depth::EMPTY };
        depth.bid_price.copy_from_slice(&bids.price[1..]);
        depth.ask_price.copy_from_slice(&asks.price[1..]);
        depth.bid_qty.copy_from_slice(&bids.qty[1..]);
        depth.ask_qty.copy_from_slice(&asks.qty[1..]);
        Ok((depth, bids.is_cut || asks.is_cut))
    }
}

/// The levels of one side, best first; absent ones hold `UNDEF_PRICE` and 0.
struct Side {
    price: [i64; LEVELS_MAX],
    qty: [u32; LEVELS_MAX],
    count: usize,
    is_cut: bool,
    flags: u16,
}

impl Side {
    const EMPTY: Side = Side {
        price: [UNDEF_PRICE; LEVELS_MAX],
        qty: [0; LEVELS_MAX],
        count: 0,
        is_cut: false,
        flags: 0,
    };

    /// A side with nothing odd about it, which nearly all are: no more levels than are kept, each with a price and a
    /// size that stand as they are. `None` leaves it to the rules, one by one. The two agree: what passes here passes there.
    #[inline]
    fn plain<const IS_BID: bool>(
        prices: &[i64],
        sizes: &[i64],
        config: &DecodeConfig,
    ) -> Option<Self> {
        if prices.len() > LEVELS_MAX || config.lot > 1 {
            return None;
        }
        let lowest = if config.negative_prices { 1 - SENTINEL.cast_signed() } else { 1 };
        let prices_fit = |price: &i64| (lowest..SENTINEL.cast_signed()).contains(price);
        // Not cut short at the first odd one: there is none, and a branch a level costs more.
        let mut is_plain = true;
        for (price, size) in prices.iter().zip(sizes) {
            is_plain &= prices_fit(price) & (1..=i64::from(u32::MAX)).contains(size);
        }
        for pair in prices.windows(2) {
            is_plain &= if IS_BID { pair[1] < pair[0] } else { pair[1] > pair[0] };
        }
        if !is_plain {
            return None;
        }
        let mut side = Side { count: prices.len(), ..Side::EMPTY };
        side.price[..prices.len()].copy_from_slice(prices);
        for (qty, size) in side.qty.iter_mut().zip(sizes) {
            *qty = *size as u32;
        }
        Some(side)
    }

    fn read<const IS_BID: bool>(
        columns: &SideColumns,
        row: usize,
        config: &DecodeConfig,
    ) -> Result<Self, Bad> {
        let (price_name, size_name) = (columns.prices.name, columns.sizes.name);
        let prices = list(&columns.prices, row)?;
        let sizes = list(&columns.sizes, row)?;
        if prices.len() != sizes.len() {
            let detail = format!("{} sizes for {} prices", sizes.len(), prices.len());
            return Err(bad("unequal arrays", size_name, detail));
        }
        if let Some(side) = Side::plain::<IS_BID>(prices, sizes, config) {
            return Ok(side);
        }
        let mut side = Side::EMPTY;
        let mut previous = None;
        for (level, (&price, &size)) in prices.iter().zip(sizes).enumerate() {
            if size <= 0 {
                if size < 0 {
                    let detail = format!("level {level} shows {size}");
                    return Err(bad("negative size", size_name, detail));
                }
                continue;
            }
            if is_sentinel(price, config) {
                side.flags |= flags::SENTINEL;
                continue;
            }
            let is_worse = |better: i64| if IS_BID { price < better } else { price > better };
            if !previous.is_none_or(is_worse) {
                let detail = format!("level {level} at {price} is not worse than the one before");
                return Err(bad("unsorted levels", price_name, detail));
            }
            previous = Some(price);
            let lots = lots(size, config, size_name)?;
            if side.count == LEVELS_MAX {
                side.is_cut = true;
                continue;
            }
            side.price[side.count] = price;
            side.qty[side.count] = u32::try_from(lots).unwrap_or_else(|_| {
                side.flags |= flags::QTY_SATURATED;
                u32::MAX
            });
            side.count += 1;
        }
        Ok(side)
    }
}

/// The values of one list, without copying them.
fn list(lists: &Lists, row: usize) -> Result<&[i64], Bad> {
    present(&lists.lists, row, lists.name)?;
    let offsets = lists.lists.value_offsets();
    let range = offsets[row] as usize..offsets[row + 1] as usize;
    if lists.values.nulls().is_some() {
        let null = range.clone().position(|at| lists.values.is_null(at));
        if let Some(level) = null {
            let detail =
                format!("level {level} is null, does not fit 64 bits, or is no price at 1e-6");
            return Err(bad("null", lists.name, detail));
        }
    }
    Ok(&lists.values.values()[range])
}

fn int<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    row: usize,
    column: &'static str,
) -> Result<T::Native, Bad> {
    present(array, row, column)?;
    Ok(array.value(row))
}

fn present(array: &impl Array, row: usize, column: &'static str) -> Result<(), Bad> {
    if array.is_null(row) {
        return Err(bad(
            "null",
            column,
            "the value is null, does not fit the column's type, or is no price at 1e-6",
        ));
    }
    Ok(())
}

fn is_sentinel(price: i64, config: &DecodeConfig) -> bool {
    price.unsigned_abs() >= SENTINEL || (price <= 0 && !config.negative_prices)
}

fn lots(qty: i64, config: &DecodeConfig, column: &'static str) -> Result<u64, Bad> {
    let units = qty.unsigned_abs();
    if config.lot <= 1 {
        return Ok(units);
    }
    if !units.is_multiple_of(config.lot) {
        let detail = format!("{qty} is not a whole number of lots of {}", config.lot);
        return Err(bad("broken lot", column, detail));
    }
    Ok(units / config.lot)
}

/// The nearest point of the grid, if it is near enough for the difference to be a float's.
fn snap(ts_ns: i64, grid_ns: i64) -> Option<i64> {
    if grid_ns <= 1 {
        return Some(ts_ns);
    }
    let over = ts_ns.rem_euclid(grid_ns);
    let nearest = if over > grid_ns / 2 {
        ts_ns.checked_add(grid_ns - over)?
    } else {
        ts_ns.checked_sub(over)?
    };
    (nearest.abs_diff(ts_ns) <= SNAP_NS.unsigned_abs()).then_some(nearest)
}
