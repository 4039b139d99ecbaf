//! `bt-host schema sweep`: staged rows that no view shows, left by starts that died or by attempts that a newer one replaced.
//!
//! Invariants: what is visible is never touched; what is younger than an age is left, since somebody may be staging it. Exactly the
//! attempts that were told are removed. Their rows of `backtest_runs_rows` stay as a record. Cost: a read of two columns.

use super::StoreError;
use super::db::Db;
use super::ddl::STAGED;
use crate::config::data::Server;
use crate::output::table::{aligned, count};
use clickhouse::Row;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Rows of one attempt in one table.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Leftover {
    /// The run.
    #[serde(with = "clickhouse::serde::uuid")]
    pub run_id: Uuid,
    /// The attempt.
    #[serde(with = "clickhouse::serde::uuid")]
    pub attempt: Uuid,
    /// Rows.
    pub rows: u64,
    /// When the last of them was staged.
    pub staged: String,
    /// The table.
    #[serde(skip)]
    pub table: &'static str,
}

/// Attempts that one statement removes.
const ATTEMPTS: usize = 1_000;

/// Finds leftovers whose last row is older than `age`, and removes them unless it is only asked for.
///
/// # Errors
/// The server refuses, or cannot be reached.
pub fn sweep(server: &Server, age: Duration, dry_run: bool) -> Result<Vec<Leftover>, StoreError> {
    let db = Db::new(server)?;
    super::schema::check(&db)?;
    let mut all = Vec::new();
    for table in STAGED {
        let sql = format!(
            "SELECT run_id, attempt, count() AS rows, toString(max(staged_at)) AS staged FROM {table} \
             WHERE (run_id, attempt) NOT IN (SELECT run_id, attempt FROM backtest_runs) \
             GROUP BY run_id, attempt HAVING max(staged_at) <= now() - {{age:UInt64}} ORDER BY run_id, attempt"
        );
        let found = db.ask::<Leftover>(&sql, |query| query.param("age", age.as_secs()))?;
        if !dry_run {
            for part in found.chunks(ATTEMPTS) {
                let attempts: Vec<String> =
                    part.iter().map(|leftover| leftover.attempt.to_string()).collect();
                let sql = format!(
                    "ALTER TABLE {table} DELETE WHERE attempt IN {{attempts:Array(UUID)}} \
                     AND (run_id, attempt) NOT IN (SELECT run_id, attempt FROM backtest_runs) SETTINGS mutations_sync = 1"
                );
                db.execute(&sql, |query| query.param("attempts", &attempts))?;
            }
        }
        all.extend(found.into_iter().map(|leftover| Leftover { table, ..leftover }));
    }
    Ok(all)
}

/// Leftovers as a table.
pub fn table(found: &[Leftover], dry_run: bool) -> String {
    if found.is_empty() {
        return "nothing is left over\n".into();
    }
    let head = ["run", "attempt", "table", "rows", "staged"].map(String::from).to_vec();
    let mut rows = vec![head];
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for one in found {
        *totals.entry(one.table).or_default() += one.rows;
        let (run, attempt) = (one.run_id.to_string(), one.attempt.to_string());
        rows.push(vec![run, attempt, one.table.into(), count(one.rows), one.staged.clone()]);
    }
    let all = count(totals.values().sum());
    let done = if dry_run { "would be removed" } else { "removed" };
    format!("{}\n{all} rows {done}\n", aligned(&rows, true))
}
