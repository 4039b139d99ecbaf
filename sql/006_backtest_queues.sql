-- What the three queue estimates made of each order that rested. Staged: read the view `backtest_queues`. Quantities in lots,
-- times that never came are NULL; `ahead_*_qty` was still ahead of it at its end. No TTL. Cost: one row for each order that rested.
CREATE TABLE IF NOT EXISTS backtest_queues_rows
(
    run_id                 UUID,
    attempt                UUID,
    order_id               UInt64,
    ts_join                DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),
    ts_end                 DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),
    filled_pessimistic_qty UInt32,
    filled_model_qty       UInt32,
    filled_optimistic_qty  UInt32,
    ts_first_pessimistic   Nullable(DateTime64(9, 'UTC')),
    ts_first_model         Nullable(DateTime64(9, 'UTC')),
    ts_first_optimistic    Nullable(DateTime64(9, 'UTC')),
    ahead_pessimistic_qty  Nullable(UInt32),
    ahead_model_qty        Nullable(UInt32),
    ahead_optimistic_qty   Nullable(UInt32),
    staged_at              DateTime DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (run_id, attempt, order_id)
SETTINGS non_replicated_deduplication_window = 10000
