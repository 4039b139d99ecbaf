//! Positions, fees and profit, exact in integers.

/// A position of one strategy in one instrument, as that strategy knows it now. Money in 1e-6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Position {
    /// Open quantity, lots; negative when short.
    pub qty: i64,
    /// What the open quantity cost, money 1e-6; negative when short.
    pub open_cost: i64,
    /// Average price of the open quantity, 1e-6, rounded to nearest; 0 when flat.
    pub price_avg: i64,
    /// Profit realised by closing, fees not included, money 1e-6.
    pub pnl_realised: i64,
    /// Profit of the open quantity at the mark, money 1e-6.
    pub pnl_unrealised: i64,
    /// Fees and taxes paid, money 1e-6.
    pub fees: i64,
}

const _: () = assert!(core::mem::size_of::<Position>() == 48);
