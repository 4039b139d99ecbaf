//! The table that rows are imported into: made, looked at, summed up.
//!
//! Invariants: the text is the platform's, but without its TTL, which would remove what was just imported, with partitions by the UTC day whatever
//! the server's time zone, and with a memory of blocks. Columns of a table that is there may lie in any order and be more; those that
//! are written must have the platform's types, so that a value cannot change on its way.

use super::block::{EXTRAS, Layout};
use crate::config::shape::Shape;
use crate::source::columns::{AGGRESSOR, COLUMNS};
use crate::store::{Db, StoreError, Sum};
use clickhouse::Row;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS {table:Identifier}
(
    symbol String,
    exchange String,
    type String,
    exch_ts Int64 CODEC(DoubleDelta, LZ4),
    ingest_ts Int64 CODEC(DoubleDelta, LZ4),
    price_scaled Int64,
    volume Int64,
    bids_price Array(Int64) CODEC(LZ4),
    bids_vol Array(Int64) CODEC(LZ4),
    asks_price Array(Int64) CODEC(LZ4),
    asks_vol Array(Int64) CODEC(LZ4),
    seq_no UInt64,
    trade_direction Int8 DEFAULT 0,
    instrument_type LowCardinality(String) DEFAULT '',
    underlying LowCardinality(String) DEFAULT '',
    option_right LowCardinality(String) DEFAULT '',
    strike_scaled Int64 DEFAULT 0,
    expiry Date DEFAULT toDate('1970-01-01')
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(toDateTime(intDiv(ingest_ts, 1000000000), 'UTC'))
ORDER BY (symbol, exch_ts, ingest_ts)
SETTINGS non_replicated_deduplication_window = 1000";

/// Makes the database and the table where they are not there.
///
/// # Errors
/// The server refuses.
pub fn create(db: &Db, table: &str) -> Result<(), StoreError> {
    db.execute_outside("CREATE DATABASE IF NOT EXISTS {database:Identifier}")?;
    db.execute(CREATE, |query| query.param("table", table))
}

#[derive(Row, Deserialize)]
struct Column {
    name: String,
    kind: String,
    default_kind: String,
}

/// The columns to write.
///
/// # Errors
/// There is no table, or not of the platform's layout.
pub fn layout(db: &Db, table: &str, place: &str) -> Result<Layout, StoreError> {
    let unlike = |message: String| StoreError::Unlike { place: place.into(), message };
    let sql = "SELECT name, type AS kind, default_kind FROM system.columns \
               WHERE database = {database:String} AND table = {table:String}";
    let found = db.ask_system_of::<Column>(sql, |query| query.param("table", table))?;
    if found.is_empty() {
        return Err(unlike(
            "there is no such table, or this user may not see it; --create makes it".into(),
        ));
    }
    let columns: BTreeMap<&str, &Column> =
        found.iter().map(|column| (column.name.as_str(), column)).collect();
    let aggressor = AGGRESSOR.into_iter().find(|name| columns.contains_key(name));
    let aggressor =
        aggressor.ok_or_else(|| unlike("column `trade_direction` is missing".into()))?;
    for name in COLUMNS.into_iter().chain([aggressor]) {
        let Some(column) = columns.get(name) else {
            return Err(unlike(format!("column `{name}` is missing")));
        };
        let wanted: &[&str] = match name {
            "symbol" | "type" => &["String", "LowCardinality(String)"],
            "seq_no" => &["UInt64"],
            "bids_price" | "bids_vol" | "asks_price" | "asks_vol" => &["Array(Int64)"],
            name if name == aggressor => &["Int8"],
            _ => &["Int64"],
        };
        if !wanted.contains(&column.kind.as_str()) {
            let message = format!(
                "column `{name}` is {}, and {} is needed; rows are imported into the platform's layout only",
                column.kind, wanted[0]
            );
            return Err(unlike(message));
        }
    }
    let is_written = |name: &str| {
        let column = columns.get(name)?;
        let wanted: &[&str] = match name {
            "strike_scaled" => &["Int64"],
            "expiry" => &["Date", "Date32"],
            _ => &["String", "LowCardinality(String)"],
        };
        let is_its_own = matches!(column.default_kind.as_str(), "" | "DEFAULT");
        (wanted.contains(&column.kind.as_str()) && is_its_own).then_some(())
    };
    let extras = EXTRAS.into_iter().filter(|(name, _)| is_written(name).is_some()).collect();
    Ok(Layout { aggressor, extras, shape: Shape::default() })
}

/// Whether the server takes a block of this table once, by its token.
///
/// # Errors
/// The server refuses.
pub fn remembers(db: &Db, table: &str) -> Result<bool, StoreError> {
    let sql = "SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = {table:String}";
    let found = db.ask_system_of::<String>(sql, |query| query.param("table", table))?;
    Ok(found.iter().any(|engine| {
        engine.starts_with("Replicated")
            || engine.contains("non_replicated_deduplication_window =")
                && !engine.contains("non_replicated_deduplication_window = 0")
    }))
}

#[derive(Row, Deserialize)]
struct Counted {
    rows: u64,
    hash: u64,
}

/// What the table holds of symbols in a span, its last stamp included.
///
/// # Errors
/// The server refuses.
pub fn sum(
    db: &Db,
    table: &str,
    layout: &Layout,
    symbols: &BTreeSet<String>,
    (first_ns, last_ns): (i64, i64),
) -> Result<Sum, StoreError> {
    let sql = format!(
        "SELECT count() AS rows, {} AS hash FROM {{table:Identifier}} \
         WHERE symbol IN {{symbols:Array(String)}} AND exch_ts >= {{first:Int64}} AND exch_ts <= {{last:Int64}}",
        layout.sum_sql()
    );
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let found = db.ask::<Counted>(&sql, |query| {
        query
            .param("table", table)
            .param("symbols", &symbols)
            .param("first", first_ns)
            .param("last", last_ns)
    })?;
    Ok(found.first().map_or_else(Sum::default, |one| Sum { rows: one.rows, hash: one.hash }))
}
