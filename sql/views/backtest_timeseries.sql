-- Equity samples of published attempts: the platform's columns, and the exact ones.
CREATE OR REPLACE VIEW backtest_timeseries AS
SELECT * EXCEPT (staged_at)
FROM backtest_timeseries_rows
WHERE (run_id, attempt) IN (SELECT run_id, attempt FROM backtest_runs)
