-- What was applied to this database: one row for each application of a file of this folder, `hash` being BLAKE3 of its text.
-- Written by `bt-host schema apply`, read by `schema diff` and before results are published. Cost: nothing.
CREATE TABLE IF NOT EXISTS schema_ledger
(
    name       String,
    hash       String,
    program    String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (name, applied_at)
