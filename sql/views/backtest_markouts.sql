-- Where the mid was 0.1 s to 300 s after each fill, by strategy, symbol, evidence and horizon; positive is in the fill's favour.
-- `markout_x2` is exact: the sum over lots of bid plus ask at the horizon less twice the price, times the side, at 1e-6; `markout`
-- is that of a lot in the quote's unit. Fills whose session or rows end before the horizon are `censored` and in no sum.
CREATE OR REPLACE VIEW backtest_markouts AS
SELECT
    run_id,
    strategy,
    symbol,
    evidence,
    tupleElement(after, 1) AS horizon_ms,
    count() AS fills,
    countIf(tupleElement(after, 2) IS NULL) AS censored,
    sumIf(toUInt64(qty), tupleElement(after, 2) IS NOT NULL) AS qty_known,
    sum(if(side = 'buy', 1, -1) * (tupleElement(after, 2) - 2 * price_scaled) * qty) AS markout_x2,
    markout_x2 / 2000000. / qty_known AS markout
FROM backtest_fills
ARRAY JOIN
    [
        (100, mid_x2_100ms),
        (1000, mid_x2_1s),
        (5000, mid_x2_5s),
        (10000, mid_x2_10s),
        (30000, mid_x2_30s),
        (60000, mid_x2_60s),
        (300000, mid_x2_300s)
    ] AS after
GROUP BY run_id, strategy, symbol, evidence, horizon_ms
