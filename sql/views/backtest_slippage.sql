-- What fills cost against the mid at decision, at sending and at arrival, by strategy, symbol, hour of the fill (UTC) and order
-- type; positive is a cost. `*_cost_x2` is exact: the sum over lots of twice the price less bid plus ask, times the side, at 1e-6;
-- `*_qty` are the lots with a mid; `*_slippage` is the cost of a lot in the quote's unit. A cost in money is that times the multiplier.
CREATE OR REPLACE VIEW backtest_slippage AS
SELECT
    f.run_id AS run_id,
    f.strategy AS strategy,
    f.symbol AS symbol,
    toStartOfHour(f.ts_exch) AS ts_hour,
    o.order_type AS order_type,
    count() AS fills,
    sum(toUInt64(f.qty)) AS qty,
    sum(if(f.side = 'buy', 1, -1) * (2 * f.price_scaled - o.mid_x2_decision) * f.qty) AS decision_cost_x2,
    sum(if(f.side = 'buy', 1, -1) * (2 * f.price_scaled - o.mid_x2_send) * f.qty) AS send_cost_x2,
    sum(if(f.side = 'buy', 1, -1) * (2 * f.price_scaled - o.mid_x2_arrival) * f.qty) AS arrival_cost_x2,
    sumIf(toUInt64(f.qty), o.mid_x2_decision IS NOT NULL) AS decision_qty,
    sumIf(toUInt64(f.qty), o.mid_x2_send IS NOT NULL) AS send_qty,
    sumIf(toUInt64(f.qty), o.mid_x2_arrival IS NOT NULL) AS arrival_qty,
    decision_cost_x2 / 2000000. / decision_qty AS decision_slippage,
    send_cost_x2 / 2000000. / send_qty AS send_slippage,
    arrival_cost_x2 / 2000000. / arrival_qty AS arrival_slippage
FROM backtest_fills AS f
INNER JOIN backtest_orders AS o ON o.run_id = f.run_id AND o.order_id = f.order_id
GROUP BY run_id, strategy, symbol, ts_hour, order_type
