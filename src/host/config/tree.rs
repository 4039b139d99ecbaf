//! A config file as a tree of words, each with its place, before anything is known about their meaning.
//!
//! Invariants: a scalar keeps its literal text (`0050` stays `0050`, `0.10` stays `0.10`), so no number passes
//! through a float. YAML syntax faults stop at the first; everything else is found later, all at once.
//! JSON is YAML and is read the same way.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use std::fmt;

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file: index of the source, line and column from 1, length in characters.
    File {
        /// Index of the source.
        source: usize,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
        /// Length in characters, at least 1.
        len: u32,
    },
    /// On the command line: index of the `--set`.
    Set {
        /// Index of the `--set`, from 0.
        index: usize,
    },
}

/// A value of the tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing was written.
    Null,
    /// A word.
    Scalar {
        /// The word as written, without quotes.
        text: String,
        /// Whether it stood in quotes, which makes it a text even when it looks like a number.
        quoted: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file, repeated keys included.
    Map(Vec<Entry>),
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// What stands there.
    pub value: Value,
}

/// A key of a map with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Value.
    pub node: Node,
}

/// Why a text is not YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxFault {
    /// Where, if the reader can tell.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
}

/// Reads a text as a tree. `source` is the index that its places will carry.
///
/// # Errors
/// The first fault of syntax.
pub fn parse(text: &str, source: usize) -> Result<Node, SyntaxFault> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    };
    let raw: Spanned<Raw> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let error = error.without_snippet();
            let place = error.location().map(|at| place_of(&at, source));
            SyntaxFault { place, message: strip_place(&error.to_string()) }
        })?;
    Ok(node(raw, text, source))
}

/// Sets the value at a dotted path, making maps on the way; list elements go by their `name` or `symbol`, or
/// by their number.
///
/// # Errors
/// A sentence that says which step of the path does not fit the tree.
pub fn set(root: &mut Node, index: usize, path: &str, text: &str) -> Result<(), String> {
    let mut value = parse(text, 0).map_err(|fault| fault.message)?;
    mark(&mut value, Place::Set { index });
    let mut at = root;
    for step in path.split('.') {
        if step.is_empty() {
            return Err(format!("`{path}` has an empty step"));
        }
        if matches!(at.value, Value::Null) {
            at.value = Value::Map(Vec::new());
        }
        at = match &mut at.value {
            Value::Map(entries) => {
                let place = Place::Set { index };
                let found =
                    entries.iter().position(|entry| entry.key == step).unwrap_or_else(|| {
                        let node = Node { place, value: Value::Null };
                        entries.push(Entry { key: step.into(), place, node });
                        entries.len() - 1
                    });
                &mut entries[found].node
            }
            Value::List(items) => {
                let number = element(items, step)?;
                &mut items[number]
            }
            Value::Scalar { .. } | Value::Null => {
                return Err(format!("`{step}` would lie inside a plain value"));
            }
        };
    }
    *at = value;
    Ok(())
}

/// Number of the element that a step means: the first one of that `name` or `symbol`, else the one of that number.
fn element(items: &[Node], step: &str) -> Result<usize, String> {
    let named: Vec<&str> = items.iter().map(|item| name_of(item).unwrap_or_default()).collect();
    if let Some(found) = named.iter().position(|name| *name == step) {
        return Ok(found);
    }
    let count = items.len();
    match step.parse::<usize>() {
        Ok(number) if number < count => Ok(number),
        Ok(number) => Err(format!("there is no element {number}; the list has {count}")),
        Err(_) => {
            let names: Vec<&str> = named.into_iter().filter(|name| !name.is_empty()).collect();
            let or_name = match names.as_slice() {
                [] => String::new(),
                names => format!(", or one of {}", names.join(", ")),
            };
            let last = count.max(1) - 1;
            Err(format!(
                "`{step}` must be a number from 0 to {last}{or_name}: the path leads into a list"
            ))
        }
    }
}

/// What an element of a list is called, if it says so.
fn name_of(item: &Node) -> Option<&str> {
    let Value::Map(entries) = &item.value else { return None };
    entries.iter().find_map(|entry| match (entry.key.as_str(), &entry.node.value) {
        ("name" | "symbol", Value::Scalar { text, .. }) => Some(text.as_str()),
        _ => None,
    })
}

/// Gives a whole subtree one place.
fn mark(node: &mut Node, place: Place) {
    node.place = place;
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| mark(item, place)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| {
            entry.place = place;
            mark(&mut entry.node, place);
        }),
        Value::Null | Value::Scalar { .. } => {}
    }
}

/// What the YAML reader hands over. Numbers and booleans are taken from the text again, see [`node`].
enum Raw {
    Null,
    Plain,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }
    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.into()))
    }
    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

fn place_of(at: &serde_saphyr::Location, source: usize) -> Place {
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    Place::File {
        source,
        line: narrow(at.line()),
        column: narrow(at.column()),
        len: narrow(at.span().len()).max(1),
    }
}

fn node(raw: Spanned<Raw>, text: &str, source: usize) -> Node {
    let literal = || {
        let span = raw.defined.span();
        let (from, len) = (span.byte_offset()?, span.byte_len()?);
        let from = usize::try_from(from).ok()?;
        text.get(from..from + usize::try_from(len).ok()?)
    };
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Plain => {
            Value::Scalar { text: literal().unwrap_or_default().trim().into(), quoted: false }
        }
        Raw::Text(text) => {
            let quoted = literal().is_some_and(|l| l.starts_with(['"', '\'', '|', '>']));
            Value::Scalar { text, quoted }
        }
        Raw::List(items) => {
            Value::List(items.into_iter().map(|item| node(item, text, source)).collect())
        }
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    place: place_of(&key.defined, source),
                    key: key.value,
                    node: node(value, text, source),
                })
                .collect(),
        ),
    };
    Node { place: place_of(&raw.defined, source), value }
}

/// The reader's message ends with its own words for the place; the place is shown apart.
fn strip_place(message: &str) -> String {
    match message.rfind(" at line ") {
        Some(at) => message[..at].trim_end_matches([':', ',']).into(),
        None => message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(node: &'a Node, path: &[&str]) -> &'a Node {
        path.iter().fold(node, |at, step| match &at.value {
            Value::Map(entries) => &entries.iter().find(|e| e.key == *step).unwrap().node,
            Value::List(items) => &items[step.parse::<usize>().unwrap()],
            _ => panic!("{step} in a scalar"),
        })
    }

    fn scalar<'a>(node: &'a Node, path: &[&str]) -> (&'a str, u32, u32, bool) {
        let at = at(node, path);
        let Value::Scalar { text, quoted } = &at.value else { panic!("{at:?}") };
        let Place::File { line, column, .. } = at.place else { panic!("{at:?}") };
        (text, line, column, *quoted)
    }

    #[test]
    fn words_keep_their_text_and_place() {
        let text =
            "a: 0050\nb:\n  - 0.10\n  - \"7\"\n  - {x: 1e3, y: true}\né: plain words # note\n";
        let tree = parse(text, 0).unwrap();
        assert_eq!(scalar(&tree, &["a"]), ("0050", 1, 4, false));
        assert_eq!(scalar(&tree, &["b", "0"]), ("0.10", 3, 5, false));
        assert_eq!(scalar(&tree, &["b", "1"]), ("7", 4, 5, true));
        assert_eq!(scalar(&tree, &["b", "2", "x"]), ("1e3", 5, 9, false));
        assert_eq!(scalar(&tree, &["b", "2", "y"]), ("true", 5, 17, false));
        assert_eq!(scalar(&tree, &["é"]), ("plain words", 6, 4, false));
    }

    #[test]
    fn json_is_read_too() {
        let tree = parse("{\"a\": {\"b\": [1, 2.50]}}", 0).unwrap();
        assert_eq!(scalar(&tree, &["a", "b", "1"]), ("2.50", 1, 17, false));
    }

    #[test]
    fn anchors_and_repeated_keys_survive() {
        let tree = parse("a: &x {p: 1}\nb: *x\nb: 2\nc:\n  <<: *x\n  q: 3\n", 0).unwrap();
        assert_eq!(scalar(&tree, &["b", "p"]), ("1", 1, 11, false));
        assert_eq!(scalar(&tree, &["c", "p"]).0, "1");
        let Value::Map(entries) = &tree.value else { panic!() };
        assert_eq!(entries.iter().filter(|e| e.key == "b").count(), 2);
    }

    #[test]
    fn syntax_faults_name_their_place() {
        let fault = parse("a: 1\nb: [1, 2\nc: 3\n", 0).unwrap_err();
        assert!(matches!(fault.place, Some(Place::File { line: 2..=4, .. })), "{fault:?}");
        assert!(!fault.message.contains("line"), "{fault:?}");
    }

    #[test]
    fn set_reaches_into_lists_and_makes_maps() {
        let mut tree = parse("a: [{b: 1}]\n", 0).unwrap();
        set(&mut tree, 0, "a.0.b", "9ms").unwrap();
        set(&mut tree, 1, "x.y", "[1, 2]").unwrap();
        let Value::Map(entries) = &tree.value else { panic!() };
        assert_eq!(entries[1].key, "x");
        assert!(set(&mut tree, 2, "a.5.b", "1").unwrap_err().contains("the list has 1"));
        assert!(set(&mut tree, 2, "a.0.b.c", "1").unwrap_err().contains("plain value"));
    }

    #[test]
    fn set_finds_list_elements_by_name_before_number() {
        let mut tree = parse("a: [{name: x, p: 1}, {symbol: 0050}, {name: \"0\"}]\n", 0).unwrap();
        set(&mut tree, 0, "a.x.p", "2").unwrap();
        set(&mut tree, 1, "a.0050.q", "3").unwrap();
        set(&mut tree, 2, "a.0.r", "4").unwrap();
        set(&mut tree, 3, "a.1.s", "5").unwrap();
        for (path, word) in [
            (["a", "0", "p"], "2"),
            (["a", "1", "q"], "3"),
            (["a", "2", "r"], "4"),
            (["a", "1", "s"], "5"),
        ] {
            let Value::Scalar { text, .. } = &at(&tree, &path).value else { panic!("{path:?}") };
            assert_eq!(text, word, "{path:?}");
        }
        let told = set(&mut tree, 4, "a.y.p", "2").unwrap_err();
        assert!(told.contains("one of x, 0050, 0"), "{told}");
    }
}
