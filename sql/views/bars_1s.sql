-- Bars of a second: prices at 1e-6, volume in the source's lots, `ts` the bar's beginning.
CREATE OR REPLACE VIEW bars_1s AS
SELECT
    symbol,
    ts,
    argMinMerge(open) AS open_scaled,
    max(high) AS high_scaled,
    min(low) AS low_scaled,
    argMaxMerge(close) AS close_scaled,
    sum(volume) AS volume,
    sum(trades) AS trades
FROM bars_1s_rows
GROUP BY symbol, ts
