//! The records that cross rooms: market rows, order requests, reports, fills; their units, limits and sentinels.
//!
//! Invariants: every record is `#[repr(C)]`, fixed width, without implicit padding, and its size and
//! offsets are asserted at compile time. `wire` knows no other room.
//!
//! Units, everywhere: price is `i64` at 1e-6 of the quote unit; quantity is `u32` lots; time is `i64`
//! nanoseconds since the Unix epoch, UTC; money is 1e-6 of the account currency, `i128` inside and `i64`
//! at the edge.

pub mod event;
pub mod fault;
pub mod fill;
pub mod instrument;
pub mod limits;
pub mod order;
pub mod queue;
pub mod report;
pub mod status;
pub mod trace;

pub use event::{Aggressor, Depth, Event, Level, flags, kind};
pub use fault::Fault;
pub use fill::{Evidence, Fill};
pub use instrument::{
    Fee, FeeBase, FeeSide, Instrument, Phase, Rounding, Session, TickStep, TypeRule,
};
pub use order::{OrderReq, OrderType, Side, Tif};
pub use queue::QueueRow;
pub use report::{Reason, Report, ReportKind};
pub use status::Status;
pub use trace::{AHEAD_UNKNOWN, Displayed, Place, TraceRow, TraceWhat};

/// One price unit: prices are integers at 1e-6 of the quote unit.
pub const PRICE_SCALE: i64 = 1_000_000;
/// One money unit: money is integers at 1e-6 of the account currency.
pub const MONEY_SCALE: i64 = 1_000_000;
/// The price that is not one: an empty side of a book, a trade price on a book row.
pub const UNDEF_PRICE: i64 = i64::MAX;
/// The time that is not one: a receive clock that was not recorded.
pub const UNDEF_TIME: i64 = i64::MIN;
/// Levels a side shows at most.
pub const LEVELS_MAX: usize = 5;
