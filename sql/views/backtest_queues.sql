-- What the three queue estimates made of the orders of published attempts.
CREATE OR REPLACE VIEW backtest_queues AS
SELECT * EXCEPT (staged_at)
FROM backtest_queues_rows
WHERE (run_id, attempt) IN (SELECT run_id, attempt FROM backtest_runs)
