-- Orders of published attempts, with prices at 1e-6 and the mids that they were decided, sent and received at.
CREATE OR REPLACE VIEW backtest_orders AS
SELECT * EXCEPT (staged_at)
FROM backtest_orders_rows
WHERE (run_id, attempt) IN (SELECT run_id, attempt FROM backtest_runs)
