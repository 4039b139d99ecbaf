-- Profit by trading day, fees taken off. Staged: read the view `backtest_daily`. Money `_scaled` is exact, at 1e-6. No TTL. Cost: one
-- row a trading day.
CREATE TABLE IF NOT EXISTS backtest_daily_rows
(
    run_id      UUID,
    attempt     UUID,
    trading_day Date,
    pnl         Float64 DEFAULT pnl_scaled / 1000000.,
    fees        Float64 DEFAULT fees_scaled / 1000000.,
    pnl_scaled  Int64,
    fees_scaled Int64,
    fills       UInt64,
    staged_at   DateTime DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (run_id, attempt, trading_day)
SETTINGS non_replicated_deduplication_window = 10000
