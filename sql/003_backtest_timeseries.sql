-- Equity samples of each lane. Staged: read them through the view `backtest_timeseries`, which shows those of published
-- attempts alone. Money in the account's currency: `_scaled` is exact, at 1e-6, the platform's Float64 columns mirror it.
-- `drawdown_pct` is the fall from the highest equity so far in percent of it. No TTL. Cost: one row a sample.
CREATE TABLE IF NOT EXISTS backtest_timeseries_rows
(
    run_id                UUID,
    attempt               UUID,
    ts                    DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),
    equity                Float64 DEFAULT equity_scaled / 1000000.,
    gross_exposure        Float64 DEFAULT exposure_gross_scaled / 1000000.,
    net_exposure          Float64 DEFAULT exposure_net_scaled / 1000000.,
    drawdown_pct          Float64 DEFAULT if((equity_scaled + drawdown_scaled) > 0, (drawdown_scaled / (equity_scaled + drawdown_scaled)) * 100., 0.),
    pnl_realized          Float64 DEFAULT pnl_realised_scaled / 1000000.,
    pnl_unrealized        Float64 DEFAULT pnl_unrealised_scaled / 1000000.,
    equity_scaled         Int64 CODEC(DoubleDelta, LZ4),
    pnl_realised_scaled   Int64 CODEC(DoubleDelta, LZ4),
    pnl_unrealised_scaled Int64 CODEC(DoubleDelta, LZ4),
    fees_scaled           Int64 CODEC(DoubleDelta, LZ4),
    exposure_gross_scaled Int64 CODEC(DoubleDelta, LZ4),
    exposure_net_scaled   Int64 CODEC(DoubleDelta, LZ4),
    drawdown_scaled       Int64 CODEC(DoubleDelta, LZ4),
    staged_at             DateTime DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (run_id, attempt, ts)
SETTINGS non_replicated_deduplication_window = 10000
