//! Where a lane's profit came from, by strategy, instrument and hour in UTC: spread, inventory, fees.
//!
//! A fill earns its spread against the mid that it met; what is held earns the way of the mid, from there on and from hour to hour.
//! A row is there for every hour in which a strategy filled or held something. What a position is worth at the end of an hour is
//! what the account would say there: its lots at the mark, rounded as the account rounds; at their cost, before the first mark. A
//! fill that met no mark stands at its own price: it earns no spread.
//!
//! Invariants: spread + inventory - fees = profit in every row, and the profits of a lane's rows are the lane's profit, to the last
//! digit (law 10): profit is the change of cash and worth, and inventory what spread and fees do not explain of it, so the
//! account's rounding to 1e-6 lies there. Rows come in the order of (hour, strategy, instrument), an hour once all of its fills have
//! come, so nothing shows when they came. Cost: a look-up a fill; all positions once an hour. Memory: a few words for each
//! position, and for each hour that is not over.

use super::OutputError;
use super::marks::{Marks, MidX2};
use super::waiting::{MarkedFill, signed_qty};
use btcore::account::money;
use btcore::wire::{Instrument, Status};
use std::collections::BTreeMap;

/// Of what hours are made.
pub const HOUR_NS: i64 = 3_600_000_000_000;

/// One strategy in one instrument in one hour. Money 1e-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourRow {
    /// Strategy within the lane.
    pub strategy: u32,
    /// Instrument.
    pub instrument: u32,
    /// First instant of the hour, ns.
    pub ts_hour_ns: i64,
    /// Position at its end, lots.
    pub position_qty: i64,
    /// The mark at its end.
    pub mid: MidX2,
    /// Fills.
    pub fills: u64,
    /// Lots filled.
    pub qty: u64,
    /// Value traded, both sides.
    pub turnover: i64,
    /// What the fills earned against the mid that they met.
    pub spread: i64,
    /// What the position earned by the way of the mid.
    pub inventory: i64,
    /// Fees and taxes.
    pub fees: i64,
    /// Spread + inventory - fees.
    pub pnl: i64,
}

/// The fills of an hour.
#[derive(Clone, Copy, Debug, Default)]
struct Traded {
    fills: u64,
    qty: u64,
    lots: i64,
    cost: i128,
    turnover: i128,
    spread: i128,
    fees: i128,
    realised: i128,
}

/// A position at the end of the last hour that was told.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    lots: i64,
    /// What was paid for lots, less what was got for them, in all.
    cost: i128,
    realised: i128,
    /// Profit before fees.
    gross: i128,
}

/// The hours of a lane.
#[derive(Debug, Default)]
pub struct Hours {
    /// By hour, strategy and instrument.
    traded: BTreeMap<(i64, u32, u32), Traded>,
    /// By strategy and instrument.
    held: BTreeMap<(u32, u32), Held>,
    /// The hour behind the last one that was told, if something is held there.
    held_ns: Option<i64>,
}

impl Hours {
    /// Takes a fill into its hour.
    ///
    /// # Errors
    /// Its money leaves its type.
    pub fn take(
        &mut self,
        marked: &MarkedFill,
        instruments: &[Instrument],
    ) -> Result<(), OutputError> {
        let fill = &marked.row.fill;
        let instrument = &instruments[fill.instrument as usize];
        let hour_ns = hour_of(fill.ts_exch_ns);
        let (lots, key) = (signed_qty(fill), (hour_ns, fill.strategy, fill.instrument));
        let cost = money::value(instrument, fill.price, lots)
            .map_err(|_| overflow("the value of a fill", instrument, fill.ts_exch_ns))?;
        let hour = self.traded.entry(key).or_default();
        hour.fills += 1;
        hour.qty += u64::from(fill.qty);
        hour.lots += lots;
        hour.cost += cost;
        hour.turnover += cost.abs();
        hour.spread += i128::from(marked.spread.unwrap_or(0));
        hour.fees += i128::from(fill.fee);
        hour.realised += i128::from(marked.row.pnl_realised);
        Ok(())
    }

    /// Gives out the hours that are over and whose fills have all come; all hours, if the run is over.
    ///
    /// # Errors
    /// Money leaves its type; those of `write`.
    pub fn tell(
        &mut self,
        marks: &Marks,
        instruments: &[Instrument],
        mut write: impl FnMut(HourRow) -> Result<(), OutputError>,
    ) -> Result<(), OutputError> {
        while let Some(hour_ns) = self.next_ns(marks) {
            let end_ns = hour_ns.saturating_add(HOUR_NS);
            let mut traded = self.traded.split_off(&(end_ns, 0, 0));
            std::mem::swap(&mut traded, &mut self.traded);
            for &(_, strategy, instrument) in traded.keys() {
                self.held.entry((strategy, instrument)).or_default();
            }
            let mut is_held = false;
            for (&(strategy, instrument), held) in &mut self.held {
                let hour = traded.get(&(hour_ns, strategy, instrument)).copied();
                if hour.is_none() && held.lots == 0 {
                    continue;
                }
                let known = &instruments[instrument as usize];
                let mid = marks.before(instrument, end_ns);
                let row = held
                    .pass(hour.unwrap_or_default(), known, mid)
                    .map_err(|_| overflow("the profit of an hour", known, hour_ns))?;
                is_held |= held.lots != 0;
                write(HourRow { strategy, instrument, ts_hour_ns: hour_ns, ..row })?;
            }
            self.held_ns = is_held.then_some(end_ns);
        }
        Ok(())
    }

    /// The next hour that can be told.
    fn next_ns(&self, marks: &Marks) -> Option<i64> {
        let traded_ns = self.traded.keys().next().map(|&(hour_ns, _, _)| hour_ns);
        // What is held at the end of the run is held until the last row.
        let held_ns =
            self.held_ns.filter(|&held_ns| marks.end_ns().is_none_or(|end_ns| held_ns <= end_ns));
        let next_ns = traded_ns.into_iter().chain(held_ns).min()?;
        let is_over = marks.end_ns().is_some() || next_ns + HOUR_NS <= marks.settled_ns();
        is_over.then_some(next_ns)
    }
}

impl Held {
    /// Goes on to the end of an hour, at its mark; what it came to, but for its names.
    fn pass(
        &mut self,
        hour: Traded,
        instrument: &Instrument,
        mid: MidX2,
    ) -> Result<HourRow, Status> {
        self.lots += hour.lots;
        self.cost += hour.cost;
        self.realised += hour.realised;
        let gross = match mid.get() {
            Some(mid_x2) => money::value_at_mid(instrument, mid_x2, self.lots)? - self.cost,
            None => self.realised,
        };
        let earned = gross - std::mem::replace(&mut self.gross, gross);
        Ok(HourRow {
            strategy: 0,
            instrument: 0,
            ts_hour_ns: 0,
            position_qty: self.lots,
            mid,
            fills: hour.fills,
            qty: hour.qty,
            turnover: money::narrow(hour.turnover)?,
            spread: money::narrow(hour.spread)?,
            inventory: money::narrow(earned - hour.spread)?,
            fees: money::narrow(hour.fees)?,
            pnl: money::narrow(earned - hour.fees)?,
        })
    }
}

/// First instant of the hour of an instant.
fn hour_of(ts_ns: i64) -> i64 {
    ts_ns - ts_ns.rem_euclid(HOUR_NS)
}

#[cold]
fn overflow(what: &str, instrument: &Instrument, ts_ns: i64) -> OutputError {
    OutputError::Money { what: what.into(), symbol: instrument.symbol.clone(), ts_ns }
}
