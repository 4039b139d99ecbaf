-- Profit by strategy, symbol and hour of published attempts: spread + inventory - fees = PnL, exactly.
CREATE OR REPLACE VIEW backtest_hours AS
SELECT * EXCEPT (staged_at)
FROM backtest_hours_rows
WHERE (run_id, attempt) IN (SELECT run_id, attempt FROM backtest_runs)
