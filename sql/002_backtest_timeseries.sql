-- Equity samples of each lane of each run, keyed by the `run_id` of `backtest_runs`. Written before that row,
-- so read through a join with it: rows without one belong to a run that did not finish.
-- Money in the account's currency; `drawdown_pct` is the fall from the highest equity so far in percent of it.
-- No TTL. Cost: one row a sample.
CREATE TABLE IF NOT EXISTS {database}.backtest_timeseries
(
    run_id         UUID,
    ts             DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),
    equity         Float64,
    gross_exposure Float64,
    net_exposure   Float64,
    drawdown_pct   Float64,
    pnl_realized   Float64,
    pnl_unrealized Float64
)
ENGINE = MergeTree
ORDER BY (run_id, ts)
