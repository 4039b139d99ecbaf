-- Bars of a minute of the trades of a table with `hft.market_data`'s columns, kept as states so that late rows still count right:
-- read them through the view `bars_1m`. Filled by `bars_1m_mv` from what is written to the table from then on, and by `schema apply
-- --bars-backfill` from what was there. A stamp that went through a float is up to 0.3 us early, so half a microsecond is added.
-- Rows are taken as they are: what was written twice counts twice. Cost: one row a bar.
CREATE TABLE IF NOT EXISTS bars_1m_rows
(
    symbol       String,
    ts           DateTime('UTC') CODEC(DoubleDelta, LZ4),
    open         AggregateFunction(argMin, Int64, Tuple(Int64, UInt64, Int64)),
    high         SimpleAggregateFunction(max, Int64),
    low          SimpleAggregateFunction(min, Int64),
    close        AggregateFunction(argMax, Int64, Tuple(Int64, UInt64, Int64)),
    volume       SimpleAggregateFunction(sum, Int64),
    trades       SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (symbol, ts)
