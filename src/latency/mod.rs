//! The three legs: feed, order entry (submit, amend, cancel apart), response. Constant for now.

/// Constant latency of each leg, ns, each 0 to `LATENCY_NS_MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Latency {
    /// Exchange to strategy, market rows.
    pub feed_ns: i64,
    /// Strategy to exchange, new orders.
    pub submit_ns: i64,
    /// Strategy to exchange, amends.
    pub amend_ns: i64,
    /// Strategy to exchange, cancels.
    pub cancel_ns: i64,
    /// Exchange to strategy, reports and fills.
    pub response_ns: i64,
}
