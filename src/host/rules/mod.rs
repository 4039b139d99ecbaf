//! Rules of a market as dated data: from the rows of a rules file and a calendar to what the core is given for a run.
//!
//! Invariants: a date that no row covers is an error that names it; a row whose first day is unknown, or that nobody has
//! read in a source, is a warning that names it. What the core holds once for a run (ladder, multiplier, fees) must be one
//! thing over its days; what belongs to a session (hours, limits, caps, bands) may change with the rows.

pub mod apply;
pub mod calendar;
pub mod contract;
pub mod day;
pub mod file;
pub mod limits;
pub mod lookup;
pub mod product;
pub mod references;
pub mod row;
#[cfg(test)]
mod tests;

use crate::config::reader::Cursor;
use crate::config::tree::Value;
use calendar::Calendar;
use row::Rules;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rules that are built in: name and text.
const BUILT_IN: [(&str, &str); 1] =
    [("taiwan", include_str!("../../../configs/rules/taiwan.toml"))];

/// What a run says about the rules it went by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesNote {
    /// Name of the rules.
    pub name: String,
    /// Rows that are not sure, and days that miss something; sorted.
    pub warnings: Vec<String>,
    /// Trading days whose limits nobody knows, by symbol.
    pub limit_days_without_reference: BTreeMap<String, usize>,
}

/// A rules file with the calendars of its venues.
#[derive(Clone, Debug)]
pub struct RuleBook {
    /// Its rows.
    pub rules: Rules,
    calendars: BTreeMap<String, Calendar>,
}

impl RuleBook {
    /// The calendar of a venue.
    pub fn calendar(&self, venue: &str) -> Option<&Calendar> {
        self.calendars.get(venue)
    }
}

/// Reads `rules`: a name, or `{ file: my.toml }`.
pub fn read(at: &Cursor<'_>, base: &Path) -> Option<RuleBook> {
    let (tree, folder) = match at.node.value {
        Value::Scalar { .. } => {
            let choices = BUILT_IN.map(|(name, text)| (name, (name, text)));
            let (name, text) = at.choice(&choices)?;
            (at.built_in(&format!("configs/rules/{name}.toml"), text)?, PathBuf::new())
        }
        _ => {
            let map = at.map()?;
            let file = map.need("file");
            map.finish();
            let file = file?;
            let path = base.join(file.name()?);
            let folder = path.parent().map_or(PathBuf::new(), Path::to_path_buf);
            (file.toml_file(base)?, folder)
        }
    };
    let root = Cursor::root(&tree, "", at.collector());
    let rules = file::read(&root)?;
    let mut calendars = BTreeMap::new();
    for venue in &rules.venues {
        let calendar = calendar::load(&venue.calendar, &folder, &root)?;
        calendars.insert(venue.name.clone(), calendar);
    }
    Some(RuleBook { rules, calendars })
}
