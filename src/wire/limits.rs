//! Every limit of the core in one place, with its reason; limits that depend on one another are asserted here.

/// Instruments of one run. Bounds the per-lane tables.
pub const INSTRUMENTS_MAX: usize = 4_096;
/// Strategies of one lane. A position is kept for each (strategy, instrument).
pub const STRATEGIES_MAX: usize = 64;
/// Live orders of one lane, requests in flight included.
pub const ORDERS_LIVE_MAX: usize = 65_536;
/// Rounds of zero-latency messages within one instant: a ping-pong between a strategy and the exchange ends here.
pub const ROUNDS_MAX: u32 = 1_000;
/// Prices whose used-up liquidity is remembered per side of an instrument.
pub const TAKEN_PRICES_MAX: usize = 32;
/// Steps of a tick ladder.
pub const TICK_STEPS_MAX: usize = 16;
/// Rows of one kind after which a lane asks for a drain, if half a slab is not less. As many as that are on their way
/// through the host at a time; a slab that filled to the half would touch memory for thousands in each place that they pass.
pub const DRAIN_ROWS: usize = 1_024;
/// Rows of a traced order between two drains.
pub const TRACE_ROWS_MAX: usize = 16_384;
/// Fee rows of one instrument.
pub const FEES_MAX: usize = 8;
/// Farthest time of a row from the epoch, either way (about 126 years): what is added to it stays within 64 bits.
pub const TS_NS_MAX: i64 = 4_000_000_000_000_000_000;
/// Longest latency of one leg: one hour. Beyond it the run's window could not be bounded.
pub const LATENCY_NS_MAX: i64 = 3_600_000_000_000;

const _: () = assert!(TS_NS_MAX < i64::MAX - 2 * LATENCY_NS_MAX, "a due time must fit");
const _: () = assert!(TAKEN_PRICES_MAX >= super::LEVELS_MAX, "one walk must fit the ledger");
