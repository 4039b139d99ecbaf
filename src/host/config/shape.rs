//! How a table that is not the platform's says the same: its names of the columns, its unit of prices, its words for kinds of rows.
//!
//! Invariants: names are plain words, so that they may stand in a query; our names are those of `hft.market_data`. All of it says
//! where rows are and none of it what they are: the same rows in another shape have the same data hash, so no key here is in
//! the effective config. `where` is of that kind, too: it says which of the rows that a table holds are the run's, of those of
//! two recorders say.

use super::data::{PLAIN, identifier, is_plain};
use super::reader::Map;
use crate::source::columns::{AGGRESSOR, COLUMNS};
use std::collections::BTreeMap;

/// Words of the platform for kinds of rows.
pub const KINDS: [&str; 3] = ["BidAsk", "Snapshot", "Tick"];
/// Nobody counts prices in smaller units.
const PRICE_SCALE_MAX: i64 = 1_000_000_000_000;

/// The shape of a source. The default is the platform's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Its names by ours, where they differ.
    pub columns: BTreeMap<&'static str, String>,
    /// Its units in one unit of price; where it is not said, 1,000,000 for integers and 1 for floats and decimals.
    pub price_scale: Option<i64>,
    /// Our words by its, where they differ.
    pub kinds: BTreeMap<String, &'static str>,
    /// The values that its columns may have, by its names of them; each is compared as a text.
    pub only: BTreeMap<String, Vec<String>>,
}

impl Shape {
    /// Whether it is the platform's.
    pub fn is_plain(&self) -> bool {
        *self == Shape::default()
    }

    /// The source's name of a column.
    pub fn theirs<'a>(&'a self, ours: &'a str) -> &'a str {
        self.columns.get(ours).map_or(ours, String::as_str)
    }

    /// One line that tells it apart from every other.
    pub fn text(&self) -> String {
        format!("{self:?}")
    }
}

/// Reads `columns`, `price_scale`, `types` and `where` of a source.
pub fn read(map: &Map<'_>) -> Option<Shape> {
    let mut shape = Shape::default();
    let mut is_whole = true;
    if let Some(at) = map.get("columns") {
        let columns = at.map()?;
        for ours in COLUMNS.into_iter().chain([AGGRESSOR[0]]) {
            let Some(at) = columns.get(ours) else { continue };
            match identifier(&at) {
                Some(theirs) if theirs == ours => {}
                Some(theirs) => drop(shape.columns.insert(ours, theirs)),
                None => is_whole = false,
            }
        }
        columns.finish();
    }
    if let Some(at) = map.get("price_scale") {
        shape.price_scale = at.int(1..=PRICE_SCALE_MAX);
        is_whole &= shape.price_scale.is_some();
    }
    if let Some(at) = map.get("types") {
        let types = at.map()?;
        for ours in KINDS {
            let Some(at) = types.get(ours) else { continue };
            let Some(theirs) = at.name() else {
                is_whole = false;
                continue;
            };
            if let Some(other) = shape.kinds.insert(theirs.clone(), ours) {
                at.fault(format!("`{theirs}` is {other} already"), "a row has one kind");
                is_whole = false;
            }
        }
        types.finish();
    }
    if let Some(at) = map.get("where") {
        for (entry, at) in at.map()?.entries() {
            if !is_plain(&entry.key) {
                at.fault(format!("`{}` is not a plain name", entry.key), PLAIN);
                is_whole = false;
                continue;
            }
            let items = if at.is_scalar() { Some(vec![at]) } else { at.list_some() };
            let values = items
                .and_then(|items| items.iter().map(|at| Some(at.text()?.to_owned())).collect());
            match values {
                Some(values) => drop(shape.only.insert(entry.key.clone(), values)),
                None => is_whole = false,
            }
        }
    }
    is_whole.then_some(shape)
}
