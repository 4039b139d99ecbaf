-- Profit by trading day of published attempts.
CREATE OR REPLACE VIEW backtest_daily AS
SELECT * EXCEPT (staged_at)
FROM backtest_daily_rows
WHERE (run_id, attempt) IN (SELECT run_id, attempt FROM backtest_runs)
