-- What became of orders, by strategy, symbol, hour of sending (UTC) and type. `accepted` orders are those that the exchange took
-- in; `fill_rate` is filled over accepted lots; `cancels_per_fill` counts cancelled orders and amendments over orders with any
-- fill. Time to fill, in ns: from acceptance to the first fill, of the orders that filled; quantiles are exact, the upper of two.
CREATE OR REPLACE VIEW backtest_order_behaviour AS
SELECT
    o.run_id AS run_id,
    o.strategy AS strategy,
    o.symbol AS symbol,
    toStartOfHour(o.ts_submit) AS ts_hour,
    o.order_type AS order_type,
    count() AS orders,
    countIf(o.ts_accept IS NOT NULL AND o.end != 'rejected') AS accepted,
    countIf(o.end = 'rejected') AS rejected,
    countIf(o.filled_qty > 0) AS filled_any,
    countIf(o.end = 'filled') AS filled_whole,
    countIf(o.end = 'cancelled') AS cancelled,
    countIf(o.end = 'expired') AS expired,
    countIf(o.end = 'open') AS still_open,
    sum(o.amends) AS amended,
    sumIf(toUInt64(o.qty), o.ts_accept IS NOT NULL AND o.end != 'rejected') AS qty_accepted,
    sum(toUInt64(o.filled_qty)) AS qty_filled,
    qty_filled / qty_accepted AS fill_rate,
    (cancelled + amended) / filled_any AS cancels_per_fill,
    sum(f.ts_first_ns - toUnixTimestamp64Nano(o.ts_accept)) AS time_to_fill_sum_ns,
    quantileExact(0.5)(f.ts_first_ns - toUnixTimestamp64Nano(o.ts_accept)) AS time_to_fill_median_ns,
    quantileExact(0.9)(f.ts_first_ns - toUnixTimestamp64Nano(o.ts_accept)) AS time_to_fill_p90_ns
FROM backtest_orders AS o
LEFT JOIN
(
    SELECT run_id, order_id, toNullable(min(toUnixTimestamp64Nano(ts_exch))) AS ts_first_ns
    FROM backtest_fills
    GROUP BY run_id, order_id
) AS f ON f.run_id = o.run_id AND f.order_id = o.order_id
GROUP BY run_id, strategy, symbol, ts_hour, order_type
