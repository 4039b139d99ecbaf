//! An instrument as the exchange and the account know it: prices, sizes, sessions, fees.
//!
//! What changes from day to day, or from phase to phase, belongs to a session: limits, order types, size caps.
//! Invariants: tick steps rise strictly from the first; sessions are sorted and disjoint, in UTC ns,
//! already resolved from the venue's local clock by the caller (the core has no time zones).
//! Units: price 1e-6; multiplier 1e-6; money 1e-6.

use super::order::{OrderType, Tif};
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

/// How orders meet during a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Each on arrival.
    Continuous,
    /// All at once, at the call's match; what is displayed until then is indicative.
    Auction,
}

/// What a venue takes of one order type during a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRule {
    /// Times in force that it takes, bit by bit: `1 << Tif`. None: the type is not offered.
    pub tifs: u8,
    /// Largest quantity of one order, lots; `u32::MAX` where there is no cap.
    pub qty_max: u32,
}

impl TypeRule {
    /// Every time in force, any quantity.
    pub const ANY: TypeRule = TypeRule { tifs: u8::MAX, qty_max: u32::MAX };
    /// Not offered.
    pub const NONE: TypeRule = TypeRule { tifs: 0, qty_max: 0 };

    /// Whether orders of this time in force are taken.
    pub fn takes(self, tif: Tif) -> bool {
        self.tifs & (1 << tif as u8) != 0
    }
}

/// One session, `[open_ns, close_ns)`, with the rules that hold on its day.
///
/// A call auction takes orders until `match_ns`. Its print may be stamped later: the first trade of
/// `[match_ns, print_until_ns)`, with what else is stamped and priced alike, is the auction's, whatever session is open by
/// then, unless a valid book came before it. Between two sessions of a trading day of which one is an auction, orders pass
/// from one into the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// First instant of the session, ns.
    pub open_ns: i64,
    /// First instant after the session, ns.
    pub close_ns: i64,
    /// Trading day the session belongs to, as the decimal number yyyymmdd.
    pub trading_day: u32,
    /// How orders meet.
    pub phase: Phase,
    /// When an auction matches, ns, at most `close_ns`; `close_ns` in continuous trading.
    pub match_ns: i64,
    /// An auction's print is stamped before this, ns; `close_ns` in continuous trading.
    pub print_until_ns: i64,
    /// From here to its end orders are neither amended nor cancelled, ns; `close_ns` where they always are.
    pub frozen_from_ns: i64,
    /// Lowest legal order price of the day, 1e-6; `i64::MIN` where there is none.
    pub limit_down: i64,
    /// Highest legal order price of the day, 1e-6; `i64::MAX` where there is none.
    pub limit_up: i64,
    /// Prices are limited on this day, and nobody knows to what: orders are not checked, and counted.
    pub is_limit_unknown: bool,
    /// A new order that would trade, or wait to trade, farther than this from the mid of the last valid book is refused: parts
    /// per million of that mid; 0 where the venue has no such band.
    pub band_ppm: u32,
    /// What is taken of each order type, in the order of [`OrderType`].
    pub types: [TypeRule; 3],
}

impl Session {
    /// A continuous session without rules of its own.
    pub const fn continuous(open_ns: i64, close_ns: i64, trading_day: u32) -> Self {
        Session {
            open_ns,
            close_ns,
            trading_day,
            phase: Phase::Continuous,
            match_ns: close_ns,
            print_until_ns: close_ns,
            frozen_from_ns: close_ns,
            limit_down: i64::MIN,
            limit_up: i64::MAX,
            is_limit_unknown: false,
            band_ppm: 0,
            types: [TypeRule::ANY; 3],
        }
    }

    /// A call auction that takes orders in `[open_ns, match_ns)` and has printed by `print_until_ns`. It closes at its
    /// match where the next session opens at once, else when it must have printed.
    pub const fn auction(
        open_ns: i64,
        match_ns: i64,
        print_until_ns: i64,
        is_followed: bool,
        trading_day: u32,
    ) -> Self {
        let close_ns = if is_followed { match_ns } else { print_until_ns };
        Session {
            phase: Phase::Auction,
            match_ns,
            print_until_ns,
            frozen_from_ns: match_ns,
            types: [TypeRule::ANY, TypeRule::NONE, TypeRule::NONE],
            ..Session::continuous(open_ns, close_ns, trading_day)
        }
    }

    /// What is taken of a type.
    pub fn rule(&self, order_type: OrderType) -> TypeRule {
        self.types[order_type as usize - 1]
    }
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
