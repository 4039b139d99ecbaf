-- Each fill with its evidence and what the market did afterwards. Staged: read the view `backtest_fills`. Money `_scaled` is
-- exact, at 1e-6. `mid_x2` is bid plus ask, twice the mid, before the fill; `mid_x2_1s` that of a second later, and so on, NULL
-- where the session or the rows end before. `spread_scaled` is what the fill earned against the mid. No TTL. Cost: one row a fill.
CREATE TABLE IF NOT EXISTS backtest_fills_rows
(
    run_id                UUID,
    attempt               UUID,
    strategy              LowCardinality(String),
    symbol                LowCardinality(String),
    order_id              UInt64,
    tag                   UInt64,
    ts_exch               DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),
    ts_local              DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),
    side                  LowCardinality(String),
    price_scaled          Int64,
    qty                   UInt32,
    leaves_qty            UInt32,
    fee_scaled            Int64,
    evidence              LowCardinality(String),
    inferred              Bool,
    ahead_pessimistic_qty Nullable(UInt32),
    ahead_model_qty       Nullable(UInt32),
    ahead_optimistic_qty  Nullable(UInt32),
    position_qty          Int64,
    pnl_realised_scaled   Int64,
    multiplier_scaled     Int64,
    spread_scaled         Nullable(Int64),
    mid_x2                Nullable(Int64),
    mid_x2_100ms          Nullable(Int64),
    mid_x2_1s             Nullable(Int64),
    mid_x2_5s             Nullable(Int64),
    mid_x2_10s            Nullable(Int64),
    mid_x2_30s            Nullable(Int64),
    mid_x2_60s            Nullable(Int64),
    mid_x2_300s           Nullable(Int64),
    staged_at             DateTime DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (run_id, attempt, ts_exch, order_id)
SETTINGS non_replicated_deduplication_window = 10000
