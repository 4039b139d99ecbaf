-- One row for each lane of each finished run. Written last, so a row here means that the run is whole.
-- Columns are the platform's; money in the account's currency, `max_drawdown` is the largest fall of equity
-- in money, ratios that do not exist are NaN. Seed, hashes, order digest and the effective config are in
-- `config_json`. No TTL: a result must be there a year later. Cost: one row a lane.
CREATE TABLE IF NOT EXISTS {database}.backtest_runs
(
    run_id          UUID,
    strategy_id     String,
    git_commit      String,
    config_hash     String,
    start_ts        DateTime64(9, 'UTC'),
    end_ts          DateTime64(9, 'UTC'),
    config_json     String,
    total_pnl       Float64,
    sharpe_ratio    Float64,
    max_drawdown    Float64,
    win_rate        Float64,
    total_turnover  Float64,
    total_trades    UInt64,
    runtime_seconds Float64,
    created_at      DateTime DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (strategy_id, start_ts)
