//! Real orders and what became of them, from a Parquet file.
//!
//! Columns: `symbol`, `side` (1 buy, -1 sell), `price_scaled` (1e-6), `qty` (lots), `add_ts`, `end_ts` (ns; when it was
//! cancelled, filled or lost sight of, 0 or null where it outlived the rows; `last_ts` stands in where it is missing), `filled_qty`, `first_fill_ts` (0 or null
//! for none), and optionally `add_after_seq_no`, the sequence number of the last row before it at its own stamp, and
//! `queue_ahead_qty`, the lots that were really ahead, which decides the order's stratum and nothing else. Where the file has `tag` and `level`, only ordinary orders (0) of the first five levels are taken.

use crate::config::Config;
use crate::source::SourceError;
use crate::source::flat::{self, FlatRows};
use crate::source::synth;
use crate::synth::{End, Synth, SynthConfig, TruthRow};
use arrow_array::Array;
use btcore::wire::Side;
use std::path::Path;

/// A real order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RealOrder {
    /// Instrument of the run.
    pub instrument: u32,
    /// Side.
    pub side: Side,
    /// Price, 1e-6.
    pub price: i64,
    /// Quantity, lots.
    pub qty: u32,
    /// When it joined, ns.
    pub add_ns: i64,
    /// Rows at its own stamp with at most this sequence number were before it.
    pub add_after_seq: Option<u64>,
    /// When it ended, ns.
    pub end_ns: i64,
    /// Filled quantity, lots.
    pub filled_qty: u32,
    /// First fill, ns.
    pub first_fill_ns: Option<i64>,
    /// Lots that were really ahead, where the file knows.
    pub ahead_qty: Option<u32>,
}

impl RealOrder {
    /// Lots of it that a book of `ts_ns` shows: all until its first fill, then what was never filled, then none.
    pub fn shown_at(&self, ts_ns: i64) -> u32 {
        if ts_ns >= self.end_ns {
            return 0;
        }
        let has_traded = self.first_fill_ns.is_some_and(|first_ns| first_ns <= ts_ns);
        if has_traded { self.qty.saturating_sub(self.filled_qty) } else { self.qty }
    }
}

/// Reads the orders of the config's symbols and span, by time of joining.
///
/// # Errors
/// The file is not there, lacks a column, or holds a value that no order can have; row and column are named.
pub fn read(path: &Path, config: &Config) -> Result<Vec<RealOrder>, SourceError> {
    let mut orders = Vec::new();
    flat::read(path, |rows| read_rows(rows, config, &mut orders))?;
    orders.sort_by_key(|order: &RealOrder| (order.add_ns, order.end_ns));
    Ok(orders)
}

fn read_rows(
    rows: &FlatRows<'_>,
    config: &Config,
    orders: &mut Vec<RealOrder>,
) -> Result<(), SourceError> {
    let symbols = rows.text("symbol")?;
    let end = if rows.has("end_ts") { "end_ts" } else { "last_ts" };
    let (side, price, qty) = (rows.int("side")?, rows.int("price_scaled")?, rows.int("qty")?);
    let (add, ends) = (rows.int("add_ts")?, rows.int(end)?);
    let (filled, first) = (rows.int("filled_qty")?, rows.int("first_fill_ts")?);
    let [seq, tag, level, ahead] =
        ["add_after_seq_no", "tag", "level", "queue_ahead_qty"].map(|name| rows.int_if_any(name));
    let (seq, tag, level, ahead) = (seq?, tag?, level?, ahead?);
    for row in 0..rows.count() {
        let ordinary = tag.as_ref().is_none_or(|tag| tag.get(row) == Some(0))
            && level.as_ref().is_none_or(|level| level.get(row).is_some_and(|level| level < 5));
        let symbol = if symbols.is_null(row) { "" } else { symbols.value(row) };
        let instrument =
            config.instruments.iter().position(|spec| spec.instrument.symbol == symbol);
        let add_ns = add.need(row)?;
        let is_selected = (config.data.from_ns..config.data.to_ns).contains(&add_ns);
        let Some(instrument) = instrument.filter(|_| ordinary && is_selected) else { continue };
        let order = RealOrder {
            instrument: instrument as u32,
            side: match side.need(row)? {
                1 => Side::Buy,
                -1 => Side::Sell,
                other => {
                    let message = format!("is {other}; 1 buys, -1 sells");
                    return Err(rows.bad(row, "side", &message));
                }
            },
            price: price.need(row)?,
            qty: qty.lots(row)?,
            add_ns,
            add_after_seq: seq.as_ref().and_then(|seq| u64::try_from(seq.get(row)?).ok()),
            end_ns: ends.get(row).filter(|end_ns| *end_ns != 0).unwrap_or(config.data.to_ns),
            filled_qty: filled.lots(row)?,
            first_fill_ns: first.get(row).filter(|first_ns| *first_ns > 0),
            ahead_qty: ahead.as_ref().and_then(|ahead| u32::try_from(ahead.get(row)?).ok()),
        };
        if order.qty == 0 {
            return Err(rows.bad(row, "qty", "is zero"));
        }
        if order.end_ns < order.add_ns {
            return Err(rows.bad(row, end, "lies before add_ts"));
        }
        if (order.filled_qty > 0) != order.first_fill_ns.is_some() {
            return Err(rows.bad(row, "first_fill_ts", "does not go with filled_qty"));
        }
        orders.push(order);
    }
    Ok(())
}

/// The orders that rested in the config's own synthetic exchange, by time of joining.
///
/// # Errors
/// The config's source is another one, or cannot be made.
pub fn of_synth(config: &Config) -> Result<Vec<RealOrder>, SourceError> {
    let refuse = |message: String| SourceError::Synth { message };
    let recipe = synth::recipe(config)?;
    let recipe =
        recipe.ok_or_else(|| refuse("only a synthetic exchange knows its truth".into()))?;
    let recipe = SynthConfig { record_truth: true, ..recipe };
    let mut synth = Synth::new(recipe).map_err(|error| refuse(error.to_string()))?;
    let mut orders = Vec::new();
    while synth.next().is_some() {
        orders.extend(synth.drain_truth().filter_map(|row| real(&row, config.data.to_ns)));
    }
    orders.extend(synth.drain_truth().filter_map(|row| real(&row, config.data.to_ns)));
    orders.sort_by_key(|order: &RealOrder| (order.add_ns, order.end_ns));
    Ok(orders)
}

/// An ordinary order of the first five levels.
fn real(row: &TruthRow, to_ns: i64) -> Option<RealOrder> {
    // As its rows do: no order is left out.
    let lots = |qty: i64| u32::try_from(qty).unwrap_or(u32::MAX);
    let is_over = row.end != End::Open;
    (row.tag == 0 && row.level < 5).then_some(RealOrder {
        instrument: 0,
        side: if row.side == 1 { Side::Buy } else { Side::Sell },
        price: row.price_e6,
        qty: lots(row.qty_lots),
        add_ns: row.add_ts_ns,
        add_after_seq: Some(row.add_after_seq_no),
        end_ns: if is_over { row.last_ts_ns } else { to_ns },
        filled_qty: lots(row.filled_lots),
        first_fill_ns: (row.first_fill_ts_ns > 0).then_some(row.first_fill_ts_ns),
        ahead_qty: Some(lots(row.queue_ahead_lots)),
    })
}
