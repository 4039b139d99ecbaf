-- The newest published attempt of each run and lane. A run is here whole or not at all: its row is written last.
CREATE OR REPLACE VIEW backtest_runs AS
SELECT *
FROM backtest_runs_rows
ORDER BY published_at DESC, attempt DESC
LIMIT 1 BY run_id
