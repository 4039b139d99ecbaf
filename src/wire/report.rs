//! What the exchange answers: the order report, and the numbered reason of every refusal.
//!
//! Invariants: numbers are part of the ABI, are never reused, and a retired one stays as a comment.
//! The order in which reasons are checked is documented at `exchange::rules`.

use core::mem::{offset_of, size_of};

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReportKind {
    /// The order reached the exchange and was taken in.
    Accepted = 1,
    /// The order was refused; it never lived.
    Rejected = 2,
    /// An amend was carried out.
    Amended = 3,
    /// An amend was refused; the order is as it was.
    AmendRejected = 4,
    /// A cancel was carried out; the order is gone.
    Cancelled = 5,
    /// A cancel was refused; the order is as it was.
    CancelRejected = 6,
    /// The rest of the order lapsed (IOC, FOK, session close); the order is gone.
    Expired = 7,
}

/// Why. Zero means no reason was needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum Reason {
    /// No reason was needed.
    None = 0,
    /// The instrument's session is closed.
    SessionClosed = 1,
    /// The price does not lie on the tick ladder.
    OffTick = 2,
    /// The price lies outside the day's limits.
    OutsideLimits = 3,
    /// The quantity is larger than one order may have.
    SizeCap = 4,
    /// This time in force does not go with this type (a market order cannot rest).
    TifNotAllowed = 5,
    /// A post-only order would have taken liquidity.
    PostOnlyWouldTake = 6,
    /// A fill-or-kill order could not be filled whole.
    FokNotFilled = 7,
    /// An immediate order's rest found nothing more to trade with.
    IocRest = 8,
    /// The order is not live at the exchange: filled, cancelled, expired or rejected before.
    OrderGone = 9,
    /// The amended total is not larger than what is already filled.
    QtyBelowFilled = 10,
    /// No valid book was seen yet, so there is nothing to take.
    NoBook = 11,
    /// The session closed while the order rested.
    SessionEnd = 12,
    /// Post-only does not go with this type or time in force.
    PostOnlyNotAllowed = 13,
    /// More requests than the broker lets through.
    Throttled = 14,
    /// This type of order is not offered, or not now.
    TypeNotAllowed = 15,
    /// A market order with protection found nothing on its own side to be measured from.
    NoProtectionBase = 17,
    /// It would have traded with another order of its own lane.
    OwnCross = 18,
    /// Orders are neither amended nor cancelled in the last minutes before a match.
    Frozen = 19,
    /// It would have traded too far from the middle of the book (a venue's dynamic price band).
    PriceBand = 20,
    // last added: 20
}

impl Reason {
    /// Every reason, in numerical order.
    pub const ALL: [Reason; 20] = [
        Reason::None,
        Reason::SessionClosed,
        Reason::OffTick,
        Reason::OutsideLimits,
        Reason::SizeCap,
        Reason::TifNotAllowed,
        Reason::PostOnlyWouldTake,
        Reason::FokNotFilled,
        Reason::IocRest,
        Reason::OrderGone,
        Reason::QtyBelowFilled,
        Reason::NoBook,
        Reason::SessionEnd,
        Reason::PostOnlyNotAllowed,
        Reason::Throttled,
        Reason::TypeNotAllowed,
        Reason::NoProtectionBase,
        Reason::OwnCross,
        Reason::Frozen,
        Reason::PriceBand,
    ];

    /// A word for tables and messages; stable.
    pub fn name(self) -> &'static str {
        match self {
            Reason::None => "none",
            Reason::SessionClosed => "session_closed",
            Reason::OffTick => "off_tick",
            Reason::OutsideLimits => "outside_limits",
            Reason::SizeCap => "size_cap",
            Reason::TifNotAllowed => "tif_not_allowed",
            Reason::PostOnlyWouldTake => "post_only_would_take",
            Reason::FokNotFilled => "fok_not_filled",
            Reason::IocRest => "ioc_rest",
            Reason::OrderGone => "order_gone",
            Reason::QtyBelowFilled => "qty_below_filled",
            Reason::NoBook => "no_book",
            Reason::SessionEnd => "session_end",
            Reason::PostOnlyNotAllowed => "post_only_not_allowed",
            Reason::Throttled => "throttled",
            Reason::TypeNotAllowed => "type_not_allowed",
            Reason::NoProtectionBase => "no_protection_base",
            Reason::OwnCross => "own_cross",
            Reason::Frozen => "frozen",
            Reason::PriceBand => "price_band",
        }
    }
}

impl Report {
    /// The reason, as the number that it is in the record.
    pub fn reason(&self) -> Reason {
        Reason::ALL.iter().copied().find(|r| *r as u16 == self.reason).unwrap_or(Reason::None)
    }
}

/// One answer to a strategy about one of its orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Report {
    /// When the exchange decided, ns.
    pub ts_exch_ns: i64,
    /// When the strategy is told, ns.
    pub ts_local_ns: i64,
    /// Order.
    pub order_id: u64,
    /// The strategy's own mark on the order.
    pub tag: u64,
    /// Price in force after this report, 1e-6.
    pub price: i64,
    /// Total quantity in force after this report, lots.
    pub qty: u32,
    /// Quantity still open after this report, lots; 0 when the order is gone.
    pub leaves_qty: u32,
    /// Instrument.
    pub instrument: u32,
    /// Strategy within the lane.
    pub strategy: u32,
    /// A [`ReportKind`].
    pub kind: u8,
    /// A [`super::Side`].
    pub side: u8,
    /// A [`Reason`].
    pub reason: u16,
    /// Zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Report>() == 64 && offset_of!(Report, reserved) == 60);
