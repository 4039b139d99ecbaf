//! Calendars: on which days from Monday to Friday a venue is closed, and on which days monthly contracts end.
//!
//! Invariants: a day outside the calendar's span is an error that names the calendar, never an open day.

use super::file::date;
use crate::config::reader::Cursor;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::path::Path;

/// Calendars that are built in: name and text.
const BUILT_IN: [(&str, &str); 2] = [
    ("XTAI", include_str!("../../../configs/calendars/XTAI.toml")),
    ("XNYS", include_str!("../../../configs/calendars/XNYS.toml")),
];

/// How to get a newer one.
const REFRESH: &str = "scripts/calendars writes newer ones";

/// A calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Name.
    pub name: String,
    /// First day that it knows.
    pub first: Date,
    /// Last day that it knows.
    pub last: Date,
    /// Closed days.
    pub holidays: BTreeSet<Date>,
    /// Last trading days of monthly contracts, rising.
    pub third_wednesdays: Vec<Date>,
}

impl Calendar {
    /// Whether a day from Monday to Friday is closed.
    ///
    /// # Errors
    /// The calendar does not know the day.
    pub fn is_holiday(&self, day: Date) -> Result<bool, String> {
        if !(self.first..=self.last).contains(&day) {
            return Err(format!(
                "the calendar {} knows {} to {}, not {day}; {REFRESH}",
                self.name, self.first, self.last
            ));
        }
        Ok(self.holidays.contains(&day))
    }

    /// The day on which monthly contracts of a month end.
    ///
    /// # Errors
    /// The calendar does not list the month.
    pub fn expiry(&self, year: i16, month: i8) -> Result<Date, String> {
        let of_month = |day: &&Date| (day.year(), day.month()) == (year, month);
        self.third_wednesdays.iter().find(of_month).copied().ok_or_else(|| {
            format!(
                "the calendar {} lists no expiry in {year}-{month:02}; give `expiry`, or: {REFRESH}",
                self.name
            )
        })
    }

    /// How many monthly contracts end from `day` until `expiry`, this one included: 1 for the nearest.
    ///
    /// # Errors
    /// The calendar does not list the month of `day`.
    pub fn months_until(&self, day: Date, expiry: Date) -> Result<u32, String> {
        let months = |day: Date| i32::from(day.year()) * 12 + i32::from(day.month());
        let this_month = self.expiry(day.year(), day.month())?;
        let count = months(expiry) - months(day) + i32::from(day <= this_month);
        Ok(u32::try_from(count).unwrap_or(0).max(1))
    }
}

/// A built-in calendar by its name, or a file in `folder`.
pub fn load(name: &str, folder: &Path, at: &Cursor<'_>) -> Option<Calendar> {
    let tree = match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => at.built_in(&format!("configs/calendars/{name}.toml"), text)?,
        None if name.ends_with(".toml") => at.toml_named(folder, name)?,
        None => {
            let names = BUILT_IN.map(|(name, _)| name).join(", ");
            at.fault(
                format!("there is no calendar `{name}`"),
                format!("known: {names}, or a file NAME.toml beside this one"),
            );
            return None;
        }
    };
    read(&Cursor::root(&tree, "", at.collector()))
}

fn read(root: &Cursor<'_>) -> Option<Calendar> {
    let map = root.map()?;
    let name = map.need("name").and_then(|at| at.name());
    let first = map.need("first").and_then(|at| date(&at));
    let last = map.need("last").and_then(|at| date(&at));
    let dates = |at: &Cursor<'_>| at.list()?.iter().map(date).collect::<Option<Vec<_>>>();
    let holidays = map.need("holidays").and_then(|at| dates(&at));
    let mut third_wednesdays = Some(Vec::new());
    if let Some(at) = map.get("expiries") {
        third_wednesdays = at.map().and_then(|map| {
            let listed = map.get("third_wednesday").map_or(Some(Vec::new()), |at| dates(&at));
            map.finish();
            listed
        });
    }
    map.finish();
    let mut third_wednesdays = third_wednesdays?;
    third_wednesdays.sort();
    Some(Calendar {
        name: name?,
        first: first?,
        last: last?,
        holidays: holidays?.into_iter().collect(),
        third_wednesdays,
    })
}
