//! `bt-host schema apply`: the database's tables and views as this program's files have them, and whether they are.
//!
//! Invariants: applying again changes nothing. What was applied stands in `schema_ledger` with the hash of its text; a table whose
//! text is another one is refused, never altered behind anybody's back, and a name that something else has is refused before
//! anything is made. A view is replaced when its text changed: it holds no rows.

use super::StoreError;
use super::db::Db;
use super::ddl::{self, File, TABLES, VIEWS};
use super::diff::differences;
use crate::config::data::{Server, is_plain};
use crate::output::table::aligned;
use crate::provenance::BUILD;
use clickhouse::Row;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What became of one table or view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is new.
    Made,
    /// Its text is another one than before.
    Replaced,
    /// It was there.
    AsItWas,
}

/// One table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its name in the database.
    pub object: String,
    /// What became of it.
    pub fate: Fate,
}

/// Where bars come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bars {
    /// `database.table` of market data.
    pub source: String,
    /// Whether what is there now is counted too. Nobody may write to it meanwhile.
    pub backfill: bool,
}

#[derive(Row, Deserialize)]
struct Object {
    name: String,
    engine: String,
}

#[derive(Row, Deserialize)]
struct Entry {
    name: String,
    hash: String,
}

const OBJECTS: &str = "SELECT name, engine FROM system.tables WHERE database = {database:String}";
const LEDGER: &str = "schema_ledger";

/// Makes the database, its tables and views where they are not there.
///
/// # Errors
/// The server refuses, or a name is taken by something else.
pub fn apply(server: &Server, bars: Option<&Bars>) -> Result<Vec<Applied>, StoreError> {
    let db = Db::new(server)?;
    apply_to(&db, bars)
}

pub(super) fn apply_to(db: &Db, bars: Option<&Bars>) -> Result<Vec<Applied>, StoreError> {
    let unlike = |message: String| StoreError::Unlike { place: db.place().into(), message };
    if let Some(bars) = bars {
        let parts: Vec<&str> = bars.source.split('.').collect();
        if parts.len() != 2 || !parts.iter().all(|part| is_plain(part)) {
            let source = &bars.source;
            return Err(unlike(format!(
                "`{source}` is no table: DATABASE.TABLE, letters, digits and _ only"
            )));
        }
    }
    if !exists(db)? {
        db.execute_outside("CREATE DATABASE IF NOT EXISTS {database:Identifier}")?;
    }
    let there = objects(db)?;
    for file in TABLES.iter().chain(VIEWS) {
        let is_view = file.sql.contains("CREATE OR REPLACE VIEW");
        let object = file.object();
        if let Some(engine) = there.get(object)
            && (engine == "View") != is_view
        {
            let kind = if is_view { "a view" } else { "a table" };
            return Err(unlike(format!(
                "`{object}` is there with engine {engine} and is {kind} here; give btcore a database of its own"
            )));
        }
    }
    let mut applied = Vec::new();
    if !there.contains_key(LEDGER) {
        db.execute(TABLES[0].sql, |query| query)?;
    }
    let known = ledger(db)?;
    for file in TABLES {
        let is_there = there.contains_key(file.object());
        let fate = match known.get(file.name) {
            Some(hash) if *hash != file.hash() => return Err(unlike(other_text(file.object()))),
            Some(_) if is_there => Fate::AsItWas,
            _ => make(db, file.sql, file.name, &file.hash())?,
        };
        applied.push(Applied { object: file.object().into(), fate });
    }
    // A table that was there before the ledger knew it may be anything.
    if let Some(found) = differences(db)?.into_iter().find(|found| !found.is_of_view) {
        return Err(unlike(format!(
            "{found}; give btcore a database of its own, or drop what is there"
        )));
    }
    for file in VIEWS {
        let is_there = there.contains_key(file.object());
        let fate = match known.get(file.name) {
            Some(hash) if *hash == file.hash() && is_there => Fate::AsItWas,
            Some(_) if is_there => {
                make(db, file.sql, file.name, &file.hash())?;
                Fate::Replaced
            }
            _ => make(db, file.sql, file.name, &file.hash())?,
        };
        applied.push(Applied { object: file.object().into(), fate });
    }
    if let Some(bars) = bars {
        fill_bars(db, bars, &there, &known, &mut applied)?;
    }
    Ok(applied)
}

/// The views that keep bars up to date, and what was there before them.
fn fill_bars(
    db: &Db,
    bars: &Bars,
    there: &BTreeMap<String, String>,
    known: &BTreeMap<String, String>,
    applied: &mut Vec<Applied>,
) -> Result<(), StoreError> {
    for (table, file) in ddl::BARS {
        let name = table.replace("_rows", "_mv");
        let select = file.sql.replace("{source}", &bars.source);
        let hash = blake3::hash(select.as_bytes()).to_hex().to_string();
        let fate = match known.get(&name) {
            Some(found) if *found == hash && there.contains_key(&name) => Fate::AsItWas,
            Some(found) if *found != hash => {
                return Err(StoreError::Unlike {
                    place: db.place().into(),
                    message: format!(
                        "`{name}` fills bars from another table or by another text; drop it and {table} first"
                    ),
                });
            }
            _ => {
                let sql =
                    format!("CREATE MATERIALIZED VIEW IF NOT EXISTS {name} TO {table} AS {select}");
                let fate = make(db, &sql, &name, &hash)?;
                if bars.backfill {
                    db.execute_once(&format!("INSERT INTO {table} {select}"))?;
                }
                fate
            }
        };
        applied.push(Applied { object: name, fate });
    }
    Ok(())
}

/// Says whether a database is what this program writes to.
///
/// # Errors
/// It is not, or cannot be asked.
pub(super) fn check(db: &Db) -> Result<(), StoreError> {
    let unlike = |message: String| StoreError::Unlike { place: db.place().into(), message };
    let there = if exists(db)? { objects(db)? } else { BTreeMap::new() };
    let known = if there.contains_key(LEDGER) { ledger(db)? } else { BTreeMap::new() };
    for file in TABLES {
        let object = file.object();
        match known.get(file.name) {
            Some(hash) if *hash != file.hash() => return Err(unlike(other_text(object))),
            Some(_) if there.contains_key(object) => {}
            _ => {
                return Err(unlike(format!(
                    "there is no `{object}` of btcore: `bt-host schema apply`, or `create: true`"
                )));
            }
        }
    }
    Ok(())
}

fn other_text(object: &str) -> String {
    format!(
        "`{object}` was made by another version of btcore, and its text is another one here; `bt-host schema diff` tells \
         what differs"
    )
}

/// Runs a statement and writes it down.
fn make(db: &Db, sql: &str, name: &str, hash: &str) -> Result<Fate, StoreError> {
    db.execute(sql, |query| query)?;
    let program = format!("{} ({})", BUILD.version, BUILD.commit_text());
    let sql = "INSERT INTO schema_ledger (name, hash, program) SELECT {name:String}, {hash:String}, {program:String}";
    db.execute(sql, |query| {
        query.param("name", name).param("hash", hash).param("program", &program)
    })?;
    Ok(Fate::Made)
}

fn exists(db: &Db) -> Result<bool, StoreError> {
    let sql = "SELECT count() FROM system.databases WHERE name = {database:String}";
    Ok(db.ask_system::<u64>(sql)? == [1])
}

/// The engine of everything in the database, by name.
fn objects(db: &Db) -> Result<BTreeMap<String, String>, StoreError> {
    let found = db.ask_system::<Object>(OBJECTS)?;
    Ok(found.into_iter().map(|object| (object.name, object.engine)).collect())
}

/// The hash of what was applied last, by name.
pub(super) fn ledger(db: &Db) -> Result<BTreeMap<String, String>, StoreError> {
    let sql = "SELECT name, argMax(hash, applied_at) AS hash FROM schema_ledger GROUP BY name";
    let found = db.ask::<Entry>(sql, |query| query)?;
    Ok(found.into_iter().map(|entry| (entry.name, entry.hash)).collect())
}

/// The files by the name that the ledger has for them.
pub(super) fn files() -> impl Iterator<Item = &'static File> {
    TABLES.iter().chain(VIEWS)
}

/// What was applied, as a table.
pub fn table(applied: &[Applied]) -> String {
    let mut rows = vec![vec!["name".to_owned(), "what".to_owned()]];
    for one in applied {
        let what = match one.fate {
            Fate::Made => "made",
            Fate::Replaced => "replaced",
            Fate::AsItWas => "as it was",
        };
        rows.push(vec![one.object.clone(), what.into()]);
    }
    aligned(&rows, true)
}
