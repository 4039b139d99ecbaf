//! `bt-host schema diff`: where a live database is not what this program's files say.
//!
//! Compared are engines, sorting keys, and every column's type, default and codec, as the server tells them; for views the hash
//! that was applied, and that they are there. What the database holds besides is nobody's business here.

use super::StoreError;
use super::db::Db;
use super::ddl::{self, Column, TABLES};
use super::schema;
use crate::config::data::Server;
use crate::output::table::aligned;
use clickhouse::Row;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Table or view.
    pub object: String,
    /// What of it.
    pub what: String,
    /// As this program's files have it; empty for nothing.
    pub wanted: String,
    /// As the server has it; empty for nothing.
    pub found: String,
    /// Whether it is a view, which can be replaced.
    pub is_of_view: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none =
            |text: &str| if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") };
        let (found, wanted) = (or_none(&self.found), or_none(&self.wanted));
        write!(f, "{} of `{}` is {found} there and {wanted} here", self.what, self.object)
    }
}

#[derive(Row, Deserialize)]
struct FoundTable {
    name: String,
    engine: String,
    sorting_key: String,
}

#[derive(Row, Deserialize)]
struct FoundColumn {
    table: String,
    name: String,
    kind: String,
    default_expression: String,
    codec: String,
}

/// Compares the database with this program's files.
///
/// # Errors
/// The server cannot be asked.
pub fn diff(server: &Server) -> Result<Vec<Difference>, StoreError> {
    differences(&Db::new(server)?)
}

pub(super) fn differences(db: &Db) -> Result<Vec<Difference>, StoreError> {
    let tables = db.ask_system::<FoundTable>(
        "SELECT name, engine, sorting_key FROM system.tables WHERE database = {database:String}",
    )?;
    let tables: BTreeMap<&str, &FoundTable> =
        tables.iter().map(|table| (table.name.as_str(), table)).collect();
    let columns = db.ask_system::<FoundColumn>(
        "SELECT table, name, type AS kind, default_expression, compression_codec AS codec \
         FROM system.columns WHERE database = {database:String} ORDER BY table, position",
    )?;
    let ledger = match tables.contains_key(TABLES[0].object()) {
        true => schema::ledger(db)?,
        false => BTreeMap::new(),
    };
    let mut found = Vec::new();
    for file in schema::files() {
        let object = file.object();
        let is_of_view = !TABLES.iter().any(|table| table.name == file.name);
        let mut note = |what: String, wanted: &str, there: &str| {
            if wanted != there {
                let (wanted, there) = (wanted.to_owned(), there.to_owned());
                found.push(Difference {
                    object: object.into(),
                    what,
                    wanted,
                    found: there,
                    is_of_view,
                });
            }
        };
        let Some(table) = tables.get(object) else {
            note("the engine".into(), if is_of_view { "View" } else { ddl::engine(file.sql) }, "");
            continue;
        };
        if is_of_view {
            note("the engine".into(), "View", &table.engine);
            let hash = ledger.get(file.name).map_or("", String::as_str);
            note("the text's hash".into(), &file.hash(), hash);
            continue;
        }
        note("the engine".into(), ddl::engine(file.sql), &table.engine);
        note("the sorting key".into(), ddl::sorting_key(file.sql), &table.sorting_key);
        let there: BTreeMap<&str, &FoundColumn> = columns
            .iter()
            .filter(|column| column.table == object)
            .map(|column| (column.name.as_str(), column))
            .collect();
        let wanted = ddl::columns(file.sql);
        for Column { name, kind, default, codec } in &wanted {
            let Some(column) = there.get(name.as_str()) else {
                note(format!("column `{name}`"), kind, "");
                continue;
            };
            note(format!("the type of `{name}`"), kind, &column.kind);
            note(format!("the default of `{name}`"), default, &column.default_expression);
            note(format!("the codec of `{name}`"), codec, &column.codec);
        }
        for name in there.keys().filter(|name| !wanted.iter().any(|column| column.name == **name)) {
            note(format!("column `{name}`"), "", &there[*name].kind);
        }
    }
    Ok(found)
}

/// What differs, as a document.
pub fn document(found: &[Difference]) -> Value {
    let one = |one: &Difference| json!({ "object": one.object, "what": one.what, "wanted": one.wanted, "found": one.found });
    let differences: Vec<Value> = found.iter().map(one).collect();
    json!({ "format": "btcore-schema-diff", "version": 1, "differences": differences })
}

/// What differs, as a table.
pub fn table(found: &[Difference]) -> String {
    if found.is_empty() {
        return "nothing differs\n".into();
    }
    let mut rows = vec![["table or view", "what", "here", "there"].map(String::from).to_vec()];
    let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    for one in found {
        let (wanted, there) = (or_none(&one.wanted), or_none(&one.found));
        rows.push(vec![one.object.clone(), one.what.clone(), wanted, there]);
    }
    aligned(&rows, true)
}
