//! Rows of a rules file as they are used: dated, with where each comes from.
//!
//! Invariants: two rows of one key never overlap. Units: prices, money and percentages 1e-6, times in seconds after midnight
//! of the venue's clock.

use btcore::wire::{Fee, OrderType, TickStep};
use jiff::civil::Date;

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Read in a rule book.
    Read,
    /// General knowledge.
    Known,
    /// Read, and something about it must be confirmed.
    Check,
    /// The project's own choice.
    Chosen,
}

/// What every row has.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<T> {
    /// Kind of the row, its list's name in the file.
    pub kind: &'static str,
    /// What it is a rule for, such as `TAIFEX day`; several where it names several venues or products.
    pub keys: Vec<String>,
    /// Line of the file.
    pub line: u32,
    /// First day; `None` where it is unknown.
    pub from: Option<Date>,
    /// Last day; `None` where it still holds.
    pub to: Option<Date>,
    /// Where it comes from.
    pub source: Source,
    /// What is to say about that.
    pub note: String,
    /// The rule.
    pub rule: T,
}

impl<T> Row<T> {
    /// Whether it holds on a day.
    pub fn covers(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    /// Whether there is a day on which both hold.
    pub fn overlaps(&self, other: &Row<T>) -> bool {
        let begins_by =
            |a: &Row<T>, b: &Row<T>| a.from.zip(b.to).is_none_or(|(from, to)| from <= to);
        begins_by(self, other) && begins_by(other, self)
    }
}

/// A venue.
#[derive(Clone, Debug, PartialEq)]
pub struct Venue {
    /// Name.
    pub name: String,
    /// IANA name of its clock.
    pub time_zone: String,
    /// Its calendar: the name of a built-in one, or a file beside the rules.
    pub calendar: String,
}

/// How orders meet, of what is known of venues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowPhase {
    /// A call auction.
    Auction,
    /// On arrival.
    Continuous,
    /// Auctions every few seconds or minutes: not simulated.
    Periodic,
    /// At the closing price: not simulated.
    Fixed,
}

/// A session of a venue's day.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// How orders meet.
    pub phase: RowPhase,
    /// Opening.
    pub start_s: i64,
    /// Close, and match of an auction.
    pub end_s: i64,
    /// Close on a contract's last trading day.
    pub end_last_s: Option<i64>,
    /// Whether it belongs to the next trading day.
    pub is_next_day: bool,
    /// Whether there is none on a contract's last trading day.
    pub skips_last: bool,
    /// Orders are neither amended nor cancelled for so long before the end.
    pub freeze_s: i64,
    /// An auction's print is stamped within this after its match.
    pub print_within_s: i64,
}

/// A kind of contract or security.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductRow {
    /// Venues that it is listed on.
    pub venues: Vec<String>,
    /// The kind that order rules are written for.
    pub order_kind: String,
    /// Money of a lot for a point, 1e-6.
    pub multiplier_e6: i64,
    /// One tick at every price, 1e-6; `None` where it has a ladder.
    pub tick: Option<i64>,
    /// Name of its ladder.
    pub ladder: Option<String>,
    /// Its sessions of a day, by name.
    pub sessions: Vec<String>,
    /// Whether its contracts end on the third Wednesday of a month.
    pub expires: bool,
}

/// Price limits of a day.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitRow {
    /// Distance from the reference, 1e-6 of a percent; `None` where limits must be given.
    pub pct_e6: Option<i64>,
    /// What the percentage is taken of.
    pub reference: ReferenceKind,
}

/// What a percentage of limits is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// The reference price of the day: the last settlement, or what the exchange announces for the open.
    Given,
    /// Another price, so that only stated limits will do.
    Other,
}

/// A price band.
#[derive(Clone, Debug, PartialEq)]
pub struct BandRow {
    /// For the nearest so many monthly contracts; `None` for the rest.
    pub months: Option<u32>,
    /// Distance from the mid, parts per million.
    pub ppm: u32,
}

/// What is taken of an order type.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderRow {
    /// The type.
    pub order_type: OrderType,
    /// Times in force in continuous trading, bit by bit.
    pub tifs: u8,
    /// Times in force in call auctions.
    pub tifs_auction: u8,
    /// Largest order, lots.
    pub lots_max: u32,
    /// The same in sessions of the next trading day.
    pub lots_max_night: u32,
}

/// A fee or tax.
#[derive(Clone, Debug, PartialEq)]
pub struct CostRow {
    /// As the core takes it.
    pub fee: Fee,
    /// Whether a config may have its own in its place.
    pub is_negotiable: bool,
    /// Whether it is applied.
    pub is_simulated: bool,
}

/// The rows of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Name, for messages.
    pub name: String,
    /// Venues.
    pub venues: Vec<Venue>,
    /// Sessions, `VENUE NAME`.
    pub sessions: Vec<Row<SessionRow>>,
    /// Ladders.
    pub ladders: Vec<Row<Vec<TickStep>>>,
    /// Products.
    pub products: Vec<Row<ProductRow>>,
    /// Limits, by product.
    pub limits: Vec<Row<LimitRow>>,
    /// Bands, by product.
    pub bands: Vec<Row<BandRow>>,
    /// Order types, `VENUE KIND TYPE`.
    pub orders: Vec<Row<OrderRow>>,
    /// Fees and taxes, `PRODUCT NAME`.
    pub costs: Vec<Row<CostRow>>,
}
