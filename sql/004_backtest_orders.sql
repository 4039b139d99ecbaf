-- Each order with its end. Staged: read the view `backtest_orders`. Prices at 1e-6 of the quote unit, quantities in lots;
-- `mid_x2_*` is bid plus ask, twice the mid, at 1e-6: as the strategy had been told when it decided, as the market was when the
-- order left, and when it arrived. Times that never came and mids that nobody knew are NULL. No TTL. Cost: one row an order.
CREATE TABLE IF NOT EXISTS backtest_orders_rows
(
    run_id          UUID,
    attempt         UUID,
    strategy        LowCardinality(String),
    symbol          LowCardinality(String),
    order_id        UInt64,
    tag             UInt64,
    ts_submit       DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),
    ts_accept       Nullable(DateTime64(9, 'UTC')),
    ts_end          Nullable(DateTime64(9, 'UTC')),
    side            LowCardinality(String),
    order_type      LowCardinality(String),
    tif             LowCardinality(String),
    post_only       Bool,
    price_scaled    Int64,
    qty             UInt32,
    filled_qty      UInt32,
    end             LowCardinality(String),
    reason          LowCardinality(String),
    amends          UInt32,
    mid_x2_decision Nullable(Int64),
    mid_x2_send     Nullable(Int64),
    mid_x2_arrival  Nullable(Int64),
    staged_at       DateTime DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (run_id, attempt, order_id)
SETTINGS non_replicated_deduplication_window = 10000
