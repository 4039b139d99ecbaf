//! A TOML file as the same tree of words as the config, so that rules and calendars are read with the same readers and
//! have the same faults.
//!
//! Invariants: a number or date keeps its literal text; every word has its place. A syntax fault stops at the first.

use super::tree::{Entry, Node, Place, SyntaxFault, Value};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Reads a text as a tree. `source` is the index that its places will carry.
///
/// # Errors
/// The first fault of syntax.
pub fn parse(text: &str, source: usize) -> Result<Node, SyntaxFault> {
    let lines = Lines::new(text, source);
    match DeTable::parse(text) {
        Ok(table) => Ok(Node {
            place: lines.place(table.span()),
            value: Value::Map(entries(table.get_ref(), &lines)),
        }),
        Err(error) => Err(SyntaxFault {
            place: error.span().map(|span| lines.place(span)),
            message: error.message().to_owned(),
        }),
    }
}

fn entries(table: &DeTable<'_>, lines: &Lines<'_>) -> Vec<Entry> {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let key: &toml::Spanned<std::borrow::Cow<'_, str>> = key;
        Entry {
            key: key.get_ref().to_string(),
            place: lines.place(key.span()),
            node: node(value, lines),
        }
    };
    table.iter().map(entry).collect()
}

fn node(value: &toml::Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Node {
    let Range { start, end } = value.span();
    // A whole row is shown by its beginning.
    let is_plain = !matches!(value.get_ref(), DeValue::Array(_) | DeValue::Table(_));
    let end = if is_plain { end } else { start + 1 };
    Node { place: lines.place(start..end), value: read(value.get_ref(), lines) }
}

fn read(value: &DeValue<'_>, lines: &Lines<'_>) -> Value {
    let plain = |text: String| Value::Scalar { text, quoted: false };
    match value {
        DeValue::String(text) => Value::Scalar { text: text.to_string(), quoted: true },
        DeValue::Integer(whole) => plain(whole.as_str().to_owned()),
        DeValue::Float(number) => plain(number.as_str().to_owned()),
        DeValue::Boolean(is_true) => plain(is_true.to_string()),
        DeValue::Datetime(date) => plain(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(item, lines)).collect()),
        DeValue::Table(table) => Value::Map(entries(table, lines)),
    }
}

/// Finds the line and column of a byte.
struct Lines<'a> {
    text: &'a str,
    source: usize,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, source: usize) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines { text, source, starts: std::iter::once(0).chain(after).collect() }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let line = self.starts.partition_point(|start| *start <= span.start).max(1);
        let start = self.starts[line - 1];
        let count = |from, to| self.text.get(from..to).map_or(0, |text| text.chars().count());
        let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Place::File {
            source: self.source,
            line: narrow(line),
            column: narrow(count(start, span.start) + 1),
            len: narrow(count(span.start, span.end)).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_text_and_place() {
        let tree = parse("a = \"é\"\nrow = [\n  { d = 2026-04-08, n = 0.50 },\n]\n", 3).unwrap();
        let Value::Map(top) = &tree.value else { panic!("{tree:?}") };
        assert_eq!(top[0].node.value, Value::Scalar { text: "é".into(), quoted: true });
        let Value::List(rows) = &top[1].node.value else { panic!("{tree:?}") };
        let Value::Map(row) = &rows[0].value else { panic!("{tree:?}") };
        let plain = |text: &str| Value::Scalar { text: text.into(), quoted: false };
        assert_eq!(row[0].node.value, plain("2026-04-08"));
        assert_eq!(row[1].node.value, plain("0.50"));
        assert_eq!(row[1].place, Place::File { source: 3, line: 3, column: 21, len: 1 });
        assert_eq!(row[1].node.place, Place::File { source: 3, line: 3, column: 25, len: 4 });
    }

    #[test]
    fn syntax_faults_name_their_place() {
        let fault = parse("a = 1\nb = [\nc = = 2\n", 0).unwrap_err();
        assert!(matches!(fault.place, Some(Place::File { line: 3, .. })), "{fault:?}");
        let twice = parse("a = 1\na = 2\n", 0).unwrap_err();
        assert!(matches!(twice.place, Some(Place::File { line: 2, column: 1, .. })), "{twice:?}");
    }
}
