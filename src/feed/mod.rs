//! The feed: total order, merge of streams, session clock, quality flags.

/// Rules of the feed. Part of the effective config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// At one stamp, trades come before books.
    pub trade_first: bool,
    /// How far back in time a row of a stream may lie behind the newest one, ns; beyond it the row is refused.
    pub reorder_ns: i64,
    /// Rows that a stream may hold back while their order is open.
    pub reorder_rows_max: usize,
    /// Drop rows that equal another in every column, sequence number included (0 is no number).
    pub drop_exact_duplicates: bool,
    /// Rows of the replay window; at least twice what arrives within the longest feed latency.
    pub window_rows: usize,
}

/// What happened to the rows of one instrument. Every row is in exactly one of `rows_used` and the `excluded_*`;
/// an excluded row is still delivered, with its flag, unless it was a dropped duplicate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedStats {
    /// Rows in.
    pub rows_in: u64,
    /// Books among them.
    pub books_in: u64,
    /// Trades among them.
    pub trades_in: u64,
    /// Rows that may fill.
    pub rows_used: u64,
    /// Outside every session.
    pub excluded_out_of_session: u64,
    /// Crossed or locked book.
    pub excluded_crossed: u64,
    /// Book without any level.
    pub excluded_empty_book: u64,
    /// Sentinel price.
    pub excluded_sentinel: u64,
    /// Dropped as an exact duplicate.
    pub dropped_duplicates: u64,
    /// Trades of unknown aggressor (used; side inferred).
    pub unknown_aggressor: u64,
    /// Rows whose order in time was mended (used).
    pub reordered: u64,
    /// Rows off the declared time grid (used).
    pub off_grid: u64,
    /// Rows with a saturated size (used).
    pub qty_saturated: u64,
    /// Rows without a usable receive clock (used).
    pub no_recv_clock: u64,
    /// One-sided books (used).
    pub one_sided: u64,
}
