-- Fills of published attempts, with their evidence and the mids before and after them.
CREATE OR REPLACE VIEW backtest_fills AS
SELECT * EXCEPT (staged_at)
FROM backtest_fills_rows
WHERE (run_id, attempt) IN (SELECT run_id, attempt FROM backtest_runs)
