//! Columns to rows: one record batch of `hft.market_data`'s columns into rows of the core.
//!
//! Columns are found by name; others are ignored. `trade_direction` is the aggressor, or `side` where that is
//! missing. `BidAsk` and `Snapshot` rows are books, `Tick` rows are trades.
//!
//! A level of zero quantity is not there. A level at a sentinel price (999,999,999 either way; zero or below where
//! prices cannot be) is left out and the row flagged. More than five levels are cut to five. A displayed size
//! beyond 32 bits is shown as the largest; a trade beyond it is always an error. Quantities must be whole lots.
//!
//! Cost: about 30 ns a row; nothing is allocated for a row.

use super::{Chunk, DecodeConfig, SourceError, SourceStats};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, Int8Array, Int64Array, ListArray, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use btcore::wire::{Depth, Event, LEVELS_MAX, PRICE_SCALE, UNDEF_TIME, flags, kind};
use std::sync::Arc;

/// Columns that every source must have, besides the aggressor's.
pub const COLUMNS: [&str; 11] = [
    "symbol",
    "type",
    "exch_ts",
    "ingest_ts",
    "price_scaled",
    "volume",
    "bids_price",
    "bids_vol",
    "asks_price",
    "asks_vol",
    "seq_no",
];

/// Names of the aggressor's column, the first that is there counts.
pub const AGGRESSOR: [&str; 2] = ["trade_direction", "side"];

/// Prices this large, either way, are words and not prices.
const SENTINEL: i64 = 999_999_999 * PRICE_SCALE;
/// Stamps this near to the grid went through a float; farther ones are their own.
const SNAP_NS: i64 = 1_000;

/// The aggressor's column of a schema.
pub fn aggressor(schema: &Schema) -> Option<&'static str> {
    AGGRESSOR.into_iter().find(|name| schema.column_with_name(name).is_some())
}

/// The columns of one batch, by name and of their types.
struct Columns {
    symbol: StringArray,
    kind: StringArray,
    exch_ts: Int64Array,
    ingest_ts: Int64Array,
    price: Int64Array,
    volume: Int64Array,
    bids: (ListArray, ListArray),
    asks: (ListArray, ListArray),
    seq: UInt64Array,
    aggressor: Int8Array,
}

/// Why a row cannot be read: a short reason for counting, the column, and the detail.
struct Bad {
    reason: &'static str,
    column: &'static str,
    detail: String,
}

fn bad(reason: &'static str, column: &'static str, detail: impl Into<String>) -> Bad {
    Bad { reason, column, detail: detail.into() }
}

/// Appends the rows of `batch` that belong to the stream. `row_first` is the number of its first row.
///
/// # Errors
/// A column is missing or of a wrong type, or a row cannot be read and the policy is to fail.
pub fn decode(
    batch: &RecordBatch,
    place: &str,
    row_first: u64,
    config: &DecodeConfig,
    out: &mut Chunk,
    stats: &mut SourceStats,
) -> Result<(), SourceError> {
    let columns = Columns::of(batch, place)?;
    stats.rows_read += batch.num_rows() as u64;
    for row in 0..batch.num_rows() {
        let done = columns.row(row, config, out);
        match done {
            Ok(taken) => stats.rows_selected += u64::from(taken),
            Err(bad) => {
                let row = row_first + row as u64;
                let Bad { reason, column, detail } = bad;
                if !config.malformed_skip {
                    return Err(SourceError::Row {
                        place: place.into(),
                        row,
                        column,
                        message: detail,
                    });
                }
                *stats.skipped.entry(reason.into()).or_default() += 1;
                stats.skipped_first.get_or_insert_with(|| {
                    format!("{place}, row {row}, column `{column}`: {detail}")
                });
            }
        }
    }
    Ok(())
}

impl Columns {
    fn of(batch: &RecordBatch, place: &str) -> Result<Self, SourceError> {
        let get = |name: &'static str, wanted: DataType| column(batch, place, name, wanted);
        let list = |name| {
            let item = Arc::new(Field::new("item", DataType::Int64, true));
            Ok(get(name, DataType::List(item))?.as_list::<i32>().clone())
        };
        let int = |name| Ok(get(name, DataType::Int64)?.as_primitive::<Int64Type>().clone());
        let side = aggressor(&batch.schema()).ok_or_else(|| SourceError::Column {
            place: place.into(),
            column: AGGRESSOR[0],
            message: "is missing, and so is `side`".into(),
        })?;
        Ok(Columns {
            symbol: get("symbol", DataType::Utf8)?.as_string::<i32>().clone(),
            kind: get("type", DataType::Utf8)?.as_string::<i32>().clone(),
            exch_ts: int("exch_ts")?,
            ingest_ts: int("ingest_ts")?,
            price: int("price_scaled")?,
            volume: int("volume")?,
            bids: (list("bids_price")?, list("bids_vol")?),
            asks: (list("asks_price")?, list("asks_vol")?),
            seq: get("seq_no", DataType::UInt64)?.as_primitive::<UInt64Type>().clone(),
            aggressor: get(side, DataType::Int8)?.as_primitive::<Int8Type>().clone(),
        })
    }

    /// Appends one row if it is selected.
    fn row(&self, row: usize, config: &DecodeConfig, out: &mut Chunk) -> Result<bool, Bad> {
        present(&self.symbol, row, "symbol")?;
        if self.symbol.value(row) != config.symbol {
            return Ok(false);
        }
        present(&self.exch_ts, row, "exch_ts")?;
        let ts_ns = self.exch_ts.value(row);
        if ts_ns <= 0 {
            return Err(bad("stamp not above zero", "exch_ts", format!("the stamp is {ts_ns}")));
        }
        if !(config.from_ns..config.to_ns).contains(&ts_ns) {
            return Ok(false);
        }
        present(&self.kind, row, "type")?;
        present(&self.seq, row, "seq_no")?;
        let mut event = self.stamps(row, config);
        event.instrument = config.instrument;
        match self.kind.value(row) {
            "BidAsk" | "Snapshot" => {
                let depth = self.book(row, config, &mut event)?;
                out.depths.push(depth);
            }
            "Tick" => self.trade(row, config, &mut event)?,
            other => {
                let detail = format!("`{other}` is none of BidAsk, Snapshot, Tick");
                return Err(bad("unknown type", "type", detail));
            }
        }
        out.events.push(event);
        out.seqs.push(self.seq.value(row));
        Ok(true)
    }

    /// The row's times, snapped to the grid, and what is odd about them.
    fn stamps(&self, row: usize, config: &DecodeConfig) -> Event {
        let recorded_ns = self.exch_ts.value(row);
        let mut event = Event { ts_exch_ns: recorded_ns, ..Event::EMPTY };
        match snap(recorded_ns, config.ts_grid_ns) {
            Some(ts_ns) => event.ts_exch_ns = ts_ns,
            None => event.flags |= flags::OFF_GRID,
        }
        // A source without a clock of its own repeats the exchange's stamp, which is then snapped alike.
        event.ts_recv_ns = match self.ingest_ts.value(row) {
            _ if self.ingest_ts.is_null(row) => UNDEF_TIME,
            0 => UNDEF_TIME,
            ts_ns if ts_ns == recorded_ns => event.ts_exch_ns,
            ts_ns => ts_ns,
        };
        event
    }

    fn trade(&self, row: usize, config: &DecodeConfig, event: &mut Event) -> Result<(), Bad> {
        present(&self.price, row, "price_scaled")?;
        present(&self.volume, row, "volume")?;
        present(&self.aggressor, row, "side")?;
        event.kind = kind::TRADE;
        event.trade_price = self.price.value(row);
        if is_sentinel(event.trade_price, config) {
            event.flags |= flags::SENTINEL;
        }
        let volume = self.volume.value(row);
        if volume <= 0 {
            let detail = format!("a trade of {volume}");
            return Err(bad("trade quantity not above zero", "volume", detail));
        }
        let lots = lots(volume, config, "volume")?;
        event.trade_qty = u32::try_from(lots).map_err(|_| {
            let detail = format!("a trade of {lots} lots is beyond 32 bits");
            bad("trade beyond 32 bits", "volume", detail)
        })?;
        event.aggressor = self.aggressor.value(row);
        if !(-1..=1).contains(&event.aggressor) {
            let detail = format!("{} is none of -1, 0, 1", event.aggressor);
            return Err(bad("unknown aggressor", "side", detail));
        }
        Ok(())
    }

    fn book(&self, row: usize, config: &DecodeConfig, event: &mut Event) -> Result<Depth, Bad> {
        event.kind = kind::BOOK;
        let mut depth = Depth::EMPTY;
        let mut flags_seen = 0;
        let bids = levels(&self.bids, row, true, config, &mut flags_seen)?;
        let asks = levels(&self.asks, row, false, config, &mut flags_seen)?;
        event.flags |= flags_seen;
        depth.bid_levels = bids.count as u8;
        depth.ask_levels = asks.count as u8;
        if bids.count > 0 {
            (event.bid_price, event.bid_qty) = bids.level[0];
        }
        if asks.count > 0 {
            (event.ask_price, event.ask_qty) = asks.level[0];
        }
        for n in 1..LEVELS_MAX {
            if n < bids.count {
                (depth.bid_price[n - 1], depth.bid_qty[n - 1]) = bids.level[n];
            }
            if n < asks.count {
                (depth.ask_price[n - 1], depth.ask_qty[n - 1]) = asks.level[n];
            }
        }
        Ok(depth)
    }
}

struct SideLevels {
    level: [(i64, u32); LEVELS_MAX],
    count: usize,
}

/// The levels of one side, best first.
fn levels(
    side: &(ListArray, ListArray),
    row: usize,
    is_bid: bool,
    config: &DecodeConfig,
    flags_seen: &mut u16,
) -> Result<SideLevels, Bad> {
    let (price_name, qty_name) =
        if is_bid { ("bids_price", "bids_vol") } else { ("asks_price", "asks_vol") };
    present(&side.0, row, price_name)?;
    present(&side.1, row, qty_name)?;
    let (prices, qtys) = (values(&side.0, row), values(&side.1, row));
    if prices.len() != qtys.len() {
        let detail = format!("{} quantities for {} prices", qtys.len(), prices.len());
        return Err(bad("unequal arrays", qty_name, detail));
    }
    let mut out = SideLevels { level: [(0, 0); LEVELS_MAX], count: 0 };
    let mut previous: Option<i64> = None;
    for index in 0..prices.len() {
        let (price, qty) = (prices.get(index), qtys.get(index));
        let price =
            price.ok_or_else(|| bad("null", price_name, format!("level {index} is null")))?;
        let qty = qty.ok_or_else(|| bad("null", qty_name, format!("level {index} is null")))?;
        if qty < 0 {
            let detail = format!("level {index} shows {qty}");
            return Err(bad("negative size", qty_name, detail));
        }
        if qty == 0 {
            continue;
        }
        if is_sentinel(price, config) {
            *flags_seen |= flags::SENTINEL;
            continue;
        }
        if previous.is_some_and(|better| if is_bid { price >= better } else { price <= better }) {
            let detail = format!("level {index} at {price} is not worse than the one before it");
            return Err(bad("unsorted levels", price_name, detail));
        }
        previous = Some(price);
        let lots = lots(qty, config, qty_name)?;
        let shown = u32::try_from(lots).unwrap_or_else(|_| {
            *flags_seen |= flags::QTY_SATURATED;
            u32::MAX
        });
        if out.count < LEVELS_MAX {
            out.level[out.count] = (price, shown);
            out.count += 1;
        }
    }
    Ok(out)
}

/// The values of one list, without copying them.
struct Values<'a> {
    values: &'a Int64Array,
    start: usize,
    end: usize,
}

impl Values<'_> {
    fn len(&self) -> usize {
        self.end - self.start
    }

    fn get(&self, index: usize) -> Option<i64> {
        let at = self.start + index;
        (!self.values.is_null(at)).then(|| self.values.value(at))
    }
}

fn values(list: &ListArray, row: usize) -> Values<'_> {
    let offsets = list.value_offsets();
    Values {
        values: list.values().as_primitive::<Int64Type>(),
        start: offsets[row] as usize,
        end: offsets[row + 1] as usize,
    }
}

fn present(array: &dyn Array, row: usize, column: &'static str) -> Result<(), Bad> {
    if array.is_null(row) { Err(bad("null", column, "the value is null")) } else { Ok(()) }
}

fn is_sentinel(price: i64, config: &DecodeConfig) -> bool {
    price.unsigned_abs() >= SENTINEL.unsigned_abs() || (price <= 0 && !config.negative_prices)
}

fn lots(qty: i64, config: &DecodeConfig, column: &'static str) -> Result<u64, Bad> {
    let units = qty.unsigned_abs();
    if config.lot == 1 {
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
    let below = ts_ns - ts_ns.rem_euclid(grid_ns);
    let nearest = if ts_ns - below > grid_ns / 2 { below + grid_ns } else { below };
    ((ts_ns - nearest).abs() <= SNAP_NS).then_some(nearest)
}

/// The column of this name, as the wanted type if its own is a narrower or a wider form of it.
fn column(
    batch: &RecordBatch,
    place: &str,
    name: &'static str,
    wanted: DataType,
) -> Result<ArrayRef, SourceError> {
    let fail = |message: String| SourceError::Column { place: place.into(), column: name, message };
    let array = batch.column_by_name(name).ok_or_else(|| fail("is missing".into()))?;
    let found = array.data_type();
    if !fits(found, &wanted) {
        return Err(fail(format!("is {found}, and {wanted} is needed")));
    }
    if same(found, &wanted) {
        return Ok(array.clone());
    }
    // `safe: false`: a value that does not fit is an error, not a null.
    let options = arrow_cast::CastOptions { safe: false, ..Default::default() };
    arrow_cast::cast_with_options(array, &wanted, &options).map_err(|e| fail(e.to_string()))
}

fn same(found: &DataType, wanted: &DataType) -> bool {
    match (found, wanted) {
        // The name of the item does not matter.
        (DataType::List(item), DataType::List(_)) => item.data_type() == &DataType::Int64,
        _ => found == wanted,
    }
}

fn fits(found: &DataType, wanted: &DataType) -> bool {
    use DataType::{Binary, Dictionary, LargeBinary, LargeList, LargeUtf8, List, Utf8, Utf8View};
    match (found, wanted) {
        (Dictionary(_, values), Utf8) => fits(values, wanted),
        (Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary, Utf8) => true,
        (List(item) | LargeList(item), List(_)) => item.data_type().is_integer(),
        (_, DataType::Int64 | DataType::UInt64 | DataType::Int8) => found.is_integer(),
        _ => false,
    }
}
