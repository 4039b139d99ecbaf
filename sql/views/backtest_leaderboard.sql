-- Runs by Sharpe ratio, those without one last. The best of many looks good by luck: see the deflated ratio of `bt-host sweep`.
CREATE OR REPLACE VIEW backtest_leaderboard AS
SELECT
    row_number() OVER (ORDER BY isNaN(sharpe_ratio), sharpe_ratio DESC, run_id) AS place,
    run_id,
    run_name,
    lane,
    strategy_id,
    total_pnl,
    total_pnl_scaled,
    sharpe_ratio,
    max_drawdown,
    win_rate,
    total_trades,
    qty_filled / qty_accepted AS fill_rate,
    total_turnover_scaled / capital_scaled AS turnover_of_capital,
    trading_days,
    config_hash,
    data_hash,
    published_at
FROM backtest_runs
