//! Reference prices and limits of days, from a file or a ClickHouse table.
//!
//! Columns: `symbol`, `trading_day` (yyyymmdd or a date), and at least one of `reference` (a decimal) or `reference_scaled`
//! (1e-6), `limit_down_scaled` and `limit_up_scaled`, `protection_scaled`. Others are left alone. Invariants: a symbol has one
//! row a day; no price was ever a float. Every source comes down to lines of text, so that there is one reader.

use crate::config::data::{self, Server};
use crate::config::reader::Cursor;
use crate::config::scalar;
use crate::source::{self, clickhouse, flat};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The columns, in the order in which lines hold them.
pub const COLUMNS: [&str; 7] = [
    "symbol",
    "trading_day",
    "reference",
    "reference_scaled",
    "limit_down_scaled",
    "limit_up_scaled",
    "protection_scaled",
];

/// What is known of a symbol's day, 1e-6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// Reference price.
    pub price: Option<i64>,
    /// Lowest legal price.
    pub limit_down: Option<i64>,
    /// Highest legal price.
    pub limit_up: Option<i64>,
    /// Points of protection of a market order with protection.
    pub protection: Option<i64>,
}

impl Reference {
    /// Whether limits are stated.
    pub fn has_limits(&self) -> bool {
        self.limit_down.is_some() || self.limit_up.is_some()
    }

    /// The stated limits.
    pub fn limits(&self) -> (i64, i64) {
        (self.limit_down.unwrap_or(i64::MIN), self.limit_up.unwrap_or(i64::MAX))
    }
}

/// References of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    days: BTreeMap<(String, u32), Reference>,
}

impl References {
    /// What is known of a symbol's trading day.
    pub fn get(&self, symbol: &str, trading_day: u32) -> Option<Reference> {
        self.days.get(&(symbol.to_owned(), trading_day)).copied()
    }

    /// The protection of a symbol, which must be one over the days that state it.
    ///
    /// # Errors
    /// It changes.
    pub fn protection(&self, symbol: &str, days: &[u32]) -> Result<Option<i64>, String> {
        let of_day = |day: &u32| Some((*day, self.get(symbol, *day)?.protection?));
        let mut stated = days.iter().filter_map(of_day);
        let Some((first, held)) = stated.next() else { return Ok(None) };
        match stated.find(|(_, points)| *points != held) {
            None => Ok(Some(held)),
            Some((day, _)) => Err(format!(
                "the references' protection on {day} is not that of {first}, and a run has one: split it, the second part \
                 from {day} on"
            )),
        }
    }

    /// Takes a line in: one text for each of [`COLUMNS`], empty where there is none.
    fn push(&mut self, fields: &[&str]) -> Result<(), String> {
        let &[symbol, day, price, scaled, down, up, protection] = fields else {
            return Err(format!("{} values, {} are needed", fields.len(), COLUMNS.len()));
        };
        let whole = |column: &str, text: &str| match text {
            "" => Ok(None),
            text => text
                .parse::<i64>()
                .map(Some)
                .map_err(|_| format!("column `{column}`: `{text}` is not a whole number")),
        };
        let exact = match price {
            "" => None,
            text => Some(scalar::decimal(text, 6).map_err(|e| format!("column `reference`: {e}"))?),
        };
        let scaled = whole("reference_scaled", scaled)?;
        if exact.zip(scaled).is_some_and(|(a, b)| a != b) {
            return Err("`reference` and `reference_scaled` differ".into());
        }
        let row = Reference {
            price: exact.or(scaled),
            limit_down: whole("limit_down_scaled", down)?,
            limit_up: whole("limit_up_scaled", up)?,
            protection: whole("protection_scaled", protection)?,
        };
        if row.limits().0 > row.limits().1 || row.price.is_some_and(|price| price <= 0) {
            return Err("a reference is above zero, and `down` lies below `up`".into());
        }
        let day = day_of(day)?;
        match self.days.insert((symbol.to_owned(), day), row) {
            Some(before) if before != row => {
                Err(format!("`{symbol}` has two different rows on {day}"))
            }
            _ => Ok(()),
        }
    }
}

/// A trading day as yyyymmdd.
fn day_of(text: &str) -> Result<u32, String> {
    let plain: String = text.chars().filter(|c| *c != '-').collect();
    let dashed = match plain.len() {
        8 if plain.is_ascii() => format!("{}-{}-{}", &plain[..4], &plain[4..6], &plain[6..]),
        _ => String::new(),
    };
    let fault = || format!("column `trading_day`: `{text}` is neither 20260408 nor 2026-04-08");
    dashed.parse::<jiff::civil::Date>().map_err(|_| fault())?;
    plain.parse().map_err(|_| fault())
}

/// Reads `references`; of a table, these symbols from one day to another.
pub fn read(
    at: &Cursor<'_>,
    base: &Path,
    symbols: &BTreeSet<String>,
    days: (u32, u32),
) -> Option<References> {
    let map = at.map()?;
    let (file, server) = (map.get("file"), map.get("clickhouse"));
    let lines = match (file, server) {
        (Some(at), None) => {
            let path = base.join(at.name()?);
            at.take(if path.extension().is_some_and(|ending| ending == "csv") {
                csv(&path)
            } else {
                parquet(&path)
            })
        }
        (None, Some(at)) => at.map().and_then(|map| {
            let server = data::read_server(&map, base, "hft");
            let table = map.need("table").and_then(|at| data::identifier(&at));
            map.finish();
            let lines = table_lines(&server?, &table?, symbols, days);
            lines.map_err(|message| at.service_fault(message)).ok()
        }),
        (Some(_), Some(at)) => {
            if let Some(map) = at.map() {
                data::read_server(&map, base, "hft");
                map.get("table");
                map.finish();
            }
            at.fault("`file` and `clickhouse` exclude each other", "keep one of them");
            None
        }
        (None, None) => {
            map.fault("needs `file`, or `clickhouse`", "");
            None
        }
    };
    map.finish();
    at.take(of_lines(&lines?))
}

/// References of lines: one text for each of [`COLUMNS`], tabs between them.
pub fn of_lines<'a>(lines: impl IntoIterator<Item = &'a String>) -> Result<References, String> {
    let mut references = References::default();
    for (number, line) in lines.into_iter().enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        references.push(&fields).map_err(|error| format!("row {}: {error}", number + 1))?;
    }
    Ok(references)
}

/// Where each of [`COLUMNS`] is, given the columns that are there.
fn places(found: &[&str]) -> Result<Vec<Option<usize>>, String> {
    let place = |name: &&str| found.iter().position(|column| column == name);
    let places: Vec<Option<usize>> = COLUMNS.iter().map(place).collect();
    match COLUMNS.iter().zip(&places).find(|(name, at)| at.is_none() && COLUMNS[..2].contains(name))
    {
        Some((name, _)) => {
            Err(format!("there is no column `{name}`; there are {}", found.join(", ")))
        }
        None if places[2..].iter().all(Option::is_none) => {
            Err(format!("none of the columns {} is there", COLUMNS[2..].join(", ")))
        }
        None => Ok(places),
    }
}

fn csv(path: &Path) -> Result<Vec<String>, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let places = places(&header).map_err(|error| format!("{name}: {error}"))?;
    let mut out = Vec::new();
    for (number, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if fields.len() != header.len() || line.contains('"') {
            return Err(format!(
                "{name}, line {}: {} values, the header has {}; quotes are not read",
                number + 2,
                fields.len(),
                header.len()
            ));
        }
        let of = |place: &Option<usize>| place.map_or("", |at| fields[at]);
        out.push(places.iter().map(of).collect::<Vec<_>>().join("\t"));
    }
    Ok(out)
}

fn parquet(path: &Path) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let done = flat::read(path, |rows| {
        let found = rows.columns();
        let names: Vec<&str> = found.iter().map(String::as_str).collect();
        let places = places(&names).map_err(|error| rows.fault("symbol", error))?;
        let mut texts = Vec::new();
        for (name, place) in COLUMNS.iter().zip(&places) {
            texts.push(if place.is_some() { Some(rows.exact_text(name)?) } else { None });
        }
        for row in 0..rows.count() {
            let of = |text: &Option<flat::TextColumn>| {
                text.as_ref().map_or(String::new(), |text| text.get(row))
            };
            out.push(texts.iter().map(of).collect::<Vec<_>>().join("\t"));
        }
        Ok(())
    });
    done.map(|()| out).map_err(|error| error.to_string())
}

fn table_lines(
    server: &Server,
    table: &str,
    symbols: &BTreeSet<String>,
    days: (u32, u32),
) -> Result<Vec<String>, String> {
    let conn = source::conn(server, table).map_err(|error| error.to_string())?;
    let symbols: Vec<String> = symbols.iter().cloned().collect();
    let read = clickhouse::read_texts(&conn, &COLUMNS, places, &symbols, days);
    read.map_err(|error| error.to_string())
}
