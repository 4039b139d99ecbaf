-- Profit by strategy, symbol and hour (UTC), and where it came from: `spread_scaled` + `inventory_scaled` - `fees_scaled` is
-- `pnl_scaled`, exactly, and the sum over a run is its `total_pnl_scaled`. Staged: read the view `backtest_hours`. Money `_scaled`
-- at 1e-6; `position_qty` and `mid_x2` (bid plus ask) are those of the hour's end. No TTL. Cost: one row an hour that traded or held.
CREATE TABLE IF NOT EXISTS backtest_hours_rows
(
    run_id           UUID,
    attempt          UUID,
    strategy         LowCardinality(String),
    symbol           LowCardinality(String),
    ts_hour          DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),
    position_qty     Int64,
    mid_x2           Nullable(Int64),
    fills            UInt64,
    qty              UInt64,
    turnover_scaled  Int64,
    spread_scaled    Int64,
    inventory_scaled Int64,
    fees_scaled      Int64,
    pnl_scaled       Int64,
    staged_at        DateTime DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (run_id, attempt, strategy, symbol, ts_hour)
SETTINGS non_replicated_deduplication_window = 10000
