SELECT
    symbol,
    toDateTime(intDiv(exch_ts + 500, 60000000000) * 60, 'UTC') AS ts,
    argMinState(price_scaled, (exch_ts, seq_no, ingest_ts)) AS open,
    max(price_scaled) AS high,
    min(price_scaled) AS low,
    argMaxState(price_scaled, (exch_ts, seq_no, ingest_ts)) AS close,
    sum(volume) AS volume,
    toUInt64(count()) AS trades
FROM {source}
WHERE type = 'Tick' AND price_scaled > 0
GROUP BY symbol, ts
