-- Equity and drawdown of each run: money exact at 1e-6, `drawdown_pct` in percent of the peak so far.
CREATE OR REPLACE VIEW backtest_equity AS
SELECT
    run_id,
    ts,
    equity,
    equity_scaled,
    equity_scaled + drawdown_scaled AS peak_scaled,
    drawdown_scaled,
    drawdown_pct
FROM backtest_timeseries
