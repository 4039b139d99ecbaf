//! An instrument as the exchange and the account know it: prices, sizes, sessions, fees.
//!
//! Invariants: tick steps rise strictly from the first; sessions are sorted and disjoint, in UTC ns,
//! already resolved from the venue's local clock by the caller (the core has no time zones).
//! Units: price 1e-6; multiplier 1e-6; money 1e-6.

use alloc::string::String;
use alloc::vec::Vec;

/// From `price_from` upwards the tick is `tick`, both 1e-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickStep {
    /// Lowest price of the step, inclusive, 1e-6.
    pub price_from: i64,
    /// Tick size of the step, 1e-6; above zero.
    pub tick: i64,
}

/// One continuous-trading session: `[open_ns, close_ns)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// First instant of the session, ns.
    pub open_ns: i64,
    /// First instant after the session, ns.
    pub close_ns: i64,
    /// Trading day the session belongs to, as the decimal number yyyymmdd.
    pub trading_day: u32,
}

/// Which fills a fee row applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeSide {
    /// Buys and sells.
    Both,
    /// Buys only.
    Buy,
    /// Sells only.
    Sell,
}

/// What a fee row multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeBase {
    /// A fixed amount of money (1e-6) for each lot.
    PerLot {
        /// Money for one lot, 1e-6.
        amount: i64,
    },
    /// A share of one lot's value, rounded for each lot, then times the lots.
    ValuePerLot {
        /// Rate, 1e-9 of the value.
        rate_e9: i64,
    },
    /// A share of the whole fill's value, rounded once.
    ValuePerFill {
        /// Rate, 1e-9 of the value.
        rate_e9: i64,
    },
}

/// How a fee row is rounded to its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Towards zero.
    Down,
    /// To the nearest; a half goes away from zero.
    HalfUp,
    /// Away from zero.
    Up,
}

/// One fee or tax row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fee {
    /// Name for tables.
    pub name: String,
    /// Fills it applies to.
    pub side: FeeSide,
    /// What it multiplies.
    pub base: FeeBase,
    /// Unit it is rounded to, money 1e-6; 1 is the finest.
    pub unit: i64,
    /// How it is rounded.
    pub rounding: Rounding,
}

/// An instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Symbol; its bytes decide the instrument's number.
    pub symbol: String,
    /// Exchange, for tables.
    pub exchange: String,
    /// Tick ladder; the first step starts at the lowest legal price.
    pub ticks: Vec<TickStep>,
    /// Value of one lot for one quote unit, 1e-6 (TXF: 200 is 200_000_000).
    pub multiplier_e6: i64,
    /// Lowest legal order price, 1e-6; `i64::MIN` where there is none.
    pub limit_down: i64,
    /// Highest legal order price, 1e-6; `i64::MAX` where there is none.
    pub limit_up: i64,
    /// Levels a side of this source shows at most, 1 to 5: beyond a full side the book is unknown.
    pub depth_max: u8,
    /// Largest quantity of one order, lots; `u32::MAX` where there is no cap.
    pub order_qty_max: u32,
    /// Points of protection of a market order with protection, 1e-6; 0 where the venue has none.
    pub protection: i64,
    /// Whether prices of zero and below are prices (calendar spreads) rather than sentinels.
    pub negative_prices: bool,
    /// Sessions of the run; empty means always open.
    pub sessions: Vec<Session>,
    /// Fees and taxes.
    pub fees: Vec<Fee>,
}
