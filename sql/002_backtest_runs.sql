-- One row for each lane of each published attempt of a run, written last and all lanes in one block: a row here makes the
-- attempt's rows visible. Read it through the view `backtest_runs`, which shows the newest attempt of a run.
-- `run_id` to `created_at` are the platform's columns. Money in the account's currency: `_scaled` is exact, at 1e-6, and the
-- Float64 of the name without it mirrors it. `max_drawdown` is the largest fall of equity, in money; ratios that do not
-- exist are NaN. `base_run_id` is derived from config, data and build; `run_id` is it, or the lane's own where a run has
-- several, or one of this attempt alone (`exists: new`). `*_rows` columns are how many rows were staged and counted back. No TTL: a
-- result must be there a year later. Cost: one row a lane.
CREATE TABLE IF NOT EXISTS backtest_runs_rows
(
    run_id                UUID,
    strategy_id           String,
    git_commit            String,
    config_hash           String,
    start_ts              DateTime64(9, 'UTC'),
    end_ts                DateTime64(9, 'UTC'),
    config_json           String,
    total_pnl             Float64 DEFAULT total_pnl_scaled / 1000000.,
    sharpe_ratio          Float64,
    max_drawdown          Float64 DEFAULT max_drawdown_scaled / 1000000.,
    win_rate              Float64,
    total_turnover        Float64 DEFAULT total_turnover_scaled / 1000000.,
    total_trades          UInt64,
    runtime_seconds       Float64,
    created_at            DateTime DEFAULT now(),
    attempt               UUID,
    base_run_id           UUID,
    run_name              String,
    lane                  String,
    lane_index            UInt32,
    lanes                 UInt32,
    seed                  UInt64,
    data_hash             String,
    build_id              String,
    order_digest          String,
    capital_scaled        Int64,
    total_pnl_scaled      Int64,
    pnl_realised_scaled   Int64,
    pnl_unrealised_scaled Int64,
    fees_scaled           Int64,
    max_drawdown_scaled   Int64,
    total_turnover_scaled Int64,
    orders                UInt64,
    orders_accepted       UInt64,
    orders_rejected       UInt64,
    orders_filled         UInt64,
    cancels               UInt64,
    amends                UInt64,
    fills_inferred        UInt64,
    qty_accepted          UInt64,
    qty_filled            UInt64,
    open_qty              UInt64,
    trading_days          UInt32,
    orders_rows           UInt64,
    fills_rows            UInt64,
    timeseries_rows       UInt64,
    queues_rows           UInt64,
    hours_rows            UInt64,
    daily_rows            UInt64,
    published_at          DateTime64(9, 'UTC') DEFAULT now64(9)
)
ENGINE = MergeTree
ORDER BY (strategy_id, start_ts, run_id)
SETTINGS non_replicated_deduplication_window = 10000
