//! Finds the row that holds on a day, and keeps account of the rows that are not sure.

use super::RuleBook;
use super::row::{Row, Source};
use jiff::civil::Date;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Rules being looked up.
#[derive(Debug)]
pub struct Lookup<'a> {
    /// The rules.
    pub book: &'a RuleBook,
    /// Rows that were used and are not sure: line, and what is to say.
    unsure: RefCell<BTreeSet<(u32, String)>>,
}

impl<'a> Lookup<'a> {
    /// Nothing was looked up yet.
    pub fn new(book: &'a RuleBook) -> Self {
        Lookup { book, unsure: RefCell::default() }
    }

    /// What is to say about the rows that were used, by line.
    pub fn warnings(self) -> Vec<String> {
        self.unsure.into_inner().into_iter().map(|(_, text)| text).collect()
    }

    /// The row for a key that must have one on a day.
    ///
    /// # Errors
    /// No row covers the day.
    pub fn need<T>(&self, rows: &'a [Row<T>], key: &str, day: Date) -> Result<&'a Row<T>, String> {
        let of_key = rows.iter().filter(|row| row.keys.iter().any(|known| known == key));
        let found = of_key.clone().find(|row| row.covers(day));
        found.inspect(|row| self.note(row, key)).ok_or_else(|| {
            let kind = rows.first().map_or("", |row| row.kind);
            self.uncovered(kind, key, day, of_key)
        })
    }

    /// The row for a key on a day; `None` where no row names the key at all, so that there is no such rule.
    ///
    /// # Errors
    /// Rows name the key, and none covers the day.
    pub fn find<T>(
        &self,
        rows: &'a [Row<T>],
        key: &str,
        day: Date,
    ) -> Result<Option<&'a Row<T>>, String> {
        let is_named = rows.iter().any(|row| row.keys.iter().any(|known| known == key));
        if is_named { self.need(rows, key, day).map(Some) } else { Ok(None) }
    }

    /// The sentence for a day without a row.
    fn uncovered<T: 'a>(
        &self,
        kind: &str,
        key: &str,
        day: Date,
        rows: impl Iterator<Item = &'a Row<T>>,
    ) -> String {
        let span = |row: &Row<T>| {
            let from = row.from.map_or("unknown".into(), |day| day.to_string());
            row.to.map_or(format!("from {from} on"), |to| format!("from {from} to {to}"))
        };
        let spans: Vec<String> = rows.map(span).collect();
        let known = if spans.is_empty() { "none at all".into() } else { spans.join(", ") };
        let name = &self.book.rules.name;
        format!(
            "no {kind} row of the rules `{name}` covers `{key}` on {day}; there are rows: {known}"
        )
    }

    /// Notes a row that is used.
    fn note<T>(&self, row: &Row<T>, key: &str) {
        let mut said = Vec::new();
        if row.from.is_none() {
            said.push("its first day is unknown".to_owned());
        }
        let source = match row.source {
            Source::Known => Some("general knowledge, not read in a source"),
            Source::Check => Some("to be confirmed"),
            Source::Read | Source::Chosen => None,
        };
        if let Some(source) = source {
            let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
            said.push(format!("{source}{note}"));
        }
        if !said.is_empty() {
            let (name, kind, line) = (&self.book.rules.name, row.kind, row.line);
            let text = format!("rules {name}, line {line}, {kind} `{key}`: {}", said.join("; "));
            self.unsure.borrow_mut().insert((line, text));
        }
    }
}
