-- Profit by strategy, symbol and hour of the day (UTC), and where it came from: spread + inventory - fees = PnL, exactly. Money at 1e-6.
CREATE OR REPLACE VIEW backtest_attribution AS
SELECT
    run_id,
    strategy,
    symbol,
    toHour(ts_hour) AS hour_utc,
    sum(fills) AS fills,
    sum(qty) AS qty,
    sum(turnover_scaled) AS turnover_scaled,
    sum(spread_scaled) AS spread_scaled,
    sum(inventory_scaled) AS inventory_scaled,
    sum(fees_scaled) AS fees_scaled,
    sum(pnl_scaled) AS pnl_scaled
FROM backtest_hours
GROUP BY run_id, strategy, symbol, hour_utc
