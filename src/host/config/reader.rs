//! Reads a tree of words with known keys and collects every fault on the way, instead of stopping at one.
//!
//! Invariants: a reader method returns `None` only after it noted why; a key that nobody asked for is a fault
//! when its map is done, with the nearest key that was asked for. The keys asked for are what the config knows,
//! so the list of known keys cannot drift from the code that reads them.

use super::fault::{Fault, SECRET_KEYS, SourceText};
use super::scalar;
use super::toml_tree;
use super::tree::{self, Entry, Node, Place, SyntaxFault, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

/// Collects faults, and the keys that were asked for.
#[derive(Debug, Default)]
pub struct Collector {
    faults: RefCell<Vec<Fault>>,
    asked: RefCell<BTreeSet<String>>,
    /// Files that were named and read; the config itself is before them.
    files: RefCell<Vec<SourceText>>,
}

impl Collector {
    /// Notes a fault.
    pub fn note(
        &self,
        place: Place,
        path: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let (path, message, help) = (path.into(), message.into(), help.into());
        let fault = Fault { place: Some(place), path, message, help, is_of_service: false };
        self.faults.borrow_mut().push(fault);
    }

    /// The faults so far, in the order of the files.
    pub fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.place);
        faults
    }

    /// Files that were named and read, from the second source on.
    pub fn files(&self) -> Vec<SourceText> {
        self.files.borrow().clone()
    }

    /// How many faults there are so far.
    pub fn count(&self) -> usize {
        self.faults.borrow().len()
    }

    /// Every key path that was asked for, list numbers written as `[]`.
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.borrow().clone()
    }
}

/// A value with its place and path, and the collector to complain to.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    /// The value.
    pub node: &'a Node,
    /// Path of the value, such as `instruments[0].tick`.
    pub path: String,
    collector: &'a Collector,
}

impl<'a> Cursor<'a> {
    /// A cursor at the root of a tree.
    pub fn root(node: &'a Node, path: &str, collector: &'a Collector) -> Self {
        Cursor { node, path: path.into(), collector }
    }

    /// Notes a fault at this value.
    pub fn fault(&self, message: impl Into<String>, help: impl Into<String>) {
        self.collector.note(self.node.place, &self.path, message, help);
    }

    /// Notes that a server, named here, failed.
    pub fn service_fault(&self, message: impl Into<String>) {
        self.fault(message, "");
        if let Some(fault) = self.collector.faults.borrow_mut().last_mut() {
            fault.is_of_service = true;
        }
    }

    /// Where the faults go.
    pub fn collector(&self) -> &'a Collector {
        self.collector
    }

    /// Turns a scalar reader's answer into a value or a fault.
    pub fn take<T>(&self, answer: Result<T, String>) -> Option<T> {
        answer.map_err(|message| self.fault(message, "")).ok()
    }

    /// What stands here, in words.
    pub fn kind(&self) -> &'static str {
        match &self.node.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a plain value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    fn expected(&self, what: &str) {
        self.fault(format!("expected {what}, found {}", self.kind()), "");
    }

    /// A word.
    pub fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar { text, .. } => Some(text),
            _ => {
                self.expected("a text");
                None
            }
        }
    }

    /// A word that is not empty.
    pub fn name(&self) -> Option<String> {
        let text = self.text()?;
        if text.trim().is_empty() {
            self.fault("must not be empty", "");
            return None;
        }
        Some(text.into())
    }

    /// A whole number in a range.
    pub fn int(&self, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let text = match &self.node.value {
            Value::Scalar { text, quoted: false } => text,
            Value::Scalar { text, quoted: true } => {
                self.fault(
                    format!("expected a whole number, found the text \"{text}\""),
                    "remove the quotes",
                );
                return None;
            }
            _ => {
                self.expected("a whole number");
                return None;
            }
        };
        let digits = text.replace('_', "");
        let Ok(value) = digits.parse::<i64>() else {
            self.fault(format!("expected a whole number, found `{text}`"), "");
            return None;
        };
        if !range.contains(&value) {
            self.fault(
                format!("{value} is out of range; {} to {} is allowed", range.start(), range.end()),
                "",
            );
            return None;
        }
        Some(value)
    }

    /// A seed: any whole number from 0 to 2^64-1.
    pub fn seed(&self) -> Option<u64> {
        let text = self.text()?;
        self.take(
            text.parse()
                .map_err(|_| format!("expected a whole number from 0 to 2^64-1, found `{text}`")),
        )
    }

    /// A count that fits memory.
    pub fn count(&self, range: std::ops::RangeInclusive<i64>) -> Option<usize> {
        self.int(range).and_then(|value| usize::try_from(value).ok())
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        match self.text()? {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                self.fault(format!("expected true or false, found `{other}`"), "");
                None
            }
        }
    }

    /// One word out of a few, as the value it stands for.
    pub fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let help = scalar::did_you_mean(text, words.iter().copied())
            .map_or(String::new(), |near| format!("did you mean `{near}`?"));
        self.fault(format!("`{text}` is not one of {}", words.join(", ")), help);
        None
    }

    /// An exact decimal at `10^-places`.
    pub fn decimal(&self, places: u32) -> Option<i64> {
        let text = self.text()?;
        self.take(scalar::decimal(text, places))
    }

    /// A duration in ns within a range.
    pub fn duration(&self, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let text = self.text()?;
        let ns = self.take(scalar::duration_ns(text))?;
        if !range.contains(&ns) {
            let (low, high) =
                (scalar::duration_text(*range.start()), scalar::duration_text(*range.end()));
            self.fault(format!("{text} is out of range; {low} to {high} is allowed"), "");
            return None;
        }
        Some(ns)
    }

    /// The elements of a list.
    pub fn list(&self) -> Option<Vec<Cursor<'a>>> {
        let Value::List(items) = &self.node.value else {
            self.expected("a list");
            return None;
        };
        let element = |(number, node)| Cursor {
            node,
            path: format!("{}[{number}]", self.path),
            collector: self.collector,
        };
        Some(items.iter().enumerate().map(element).collect())
    }

    /// The elements of a list that must have at least one.
    pub fn list_some(&self) -> Option<Vec<Cursor<'a>>> {
        let items = self.list()?;
        if items.is_empty() {
            self.fault("the list is empty; at least one element is needed", "");
            return None;
        }
        Some(items)
    }

    /// Whether a plain value stands here.
    pub fn is_scalar(&self) -> bool {
        matches!(self.node.value, Value::Scalar { .. })
    }

    /// Whether this plain value stands here.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(&self.node.value, Value::Scalar { text, .. } if text == word)
    }

    /// What stands under `key`, if a map with this one key stands here.
    pub fn only_key(&self, key: &'static str) -> Option<Cursor<'a>> {
        let Value::Map(entries) = &self.node.value else { return None };
        if entries.len() != 1 || entries[0].key != key {
            return None;
        }
        self.map()?.get(key)
    }

    /// The tree of the YAML file that is named here, relative to `base`.
    pub fn file(&self, base: &Path) -> Option<Node> {
        let (name, text) = self.content(base, &self.name()?)?;
        self.tree_of(name, text, tree::parse, "this file is not YAML")
    }

    /// The tree of the TOML file that is named here, relative to `base`.
    pub fn toml_file(&self, base: &Path) -> Option<Node> {
        self.toml_named(base, &self.name()?)
    }

    /// The tree of a TOML file of this name.
    pub fn toml_named(&self, base: &Path, name: &str) -> Option<Node> {
        let (name, text) = self.content(base, name)?;
        self.tree_of(name, text, toml_tree::parse, "this file is not TOML")
    }

    /// The tree of a TOML text that is built in.
    pub fn built_in(&self, name: &str, text: &str) -> Option<Node> {
        let name = format!("{name} (built in)");
        self.tree_of(name, text.to_owned(), toml_tree::parse, "this text is not TOML")
    }

    /// A named file's path and text.
    fn content(&self, base: &Path, name: &str) -> Option<(String, String)> {
        let path = base.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Some((path.display().to_string(), text)),
            Err(error) => {
                self.fault(
                    format!("`{name}` cannot be read: {error}"),
                    "paths are relative to the file that holds them",
                );
                None
            }
        }
    }

    /// Takes a text in as one more source and gives its tree.
    fn tree_of(
        &self,
        name: String,
        text: String,
        parse: impl Fn(&str, usize) -> Result<Node, SyntaxFault>,
        help: &str,
    ) -> Option<Node> {
        let mut files = self.collector.files.borrow_mut();
        let parsed = parse(&text, files.len() + 1);
        files.push(SourceText { name, text });
        match parsed {
            Ok(node) => Some(node),
            Err(fault) => {
                let place = fault.place.unwrap_or(self.node.place);
                self.collector.note(place, "", fault.message, help);
                None
            }
        }
    }

    /// A map. Repeated keys are faults; call [`Map::finish`] when every key was asked for.
    pub fn map(&self) -> Option<Map<'a>> {
        let Value::Map(entries) = &self.node.value else {
            self.expected("a map");
            return None;
        };
        for (number, entry) in entries.iter().enumerate() {
            if entries[..number].iter().any(|before| before.key == entry.key) {
                let path = join(&self.path, &entry.key);
                self.collector.note(
                    entry.place,
                    &path,
                    "this key stands twice in one map",
                    "remove one of them",
                );
            }
        }
        Some(Map {
            entries,
            path: self.path.clone(),
            place: self.node.place,
            asked: RefCell::default(),
            collector: self.collector,
        })
    }
}

/// A map being read.
#[derive(Debug)]
pub struct Map<'a> {
    entries: &'a [Entry],
    path: String,
    place: Place,
    asked: RefCell<Vec<&'static str>>,
    collector: &'a Collector,
}

impl<'a> Map<'a> {
    /// The value of a key, if it is there and not null.
    pub fn get(&self, key: &'static str) -> Option<Cursor<'a>> {
        self.asked.borrow_mut().push(key);
        let path = join(&self.path, key);
        self.collector.asked.borrow_mut().insert(without_numbers(&path));
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        if entry.node.value == Value::Null {
            return None;
        }
        Some(Cursor { node: &entry.node, path, collector: self.collector })
    }

    /// The value of a key that must be there.
    pub fn need(&self, key: &'static str) -> Option<Cursor<'a>> {
        let found = self.get(key);
        if found.is_none() {
            let empty = self.entries.iter().find(|entry| entry.key == key);
            let place = empty.map_or(self.place, |entry| entry.place);
            let message = if empty.is_some() { "has no value" } else { "is missing" };
            self.collector.note(place, &join(&self.path, key), message, "");
        }
        found
    }

    /// Notes a fault at the map itself.
    pub fn fault(&self, message: impl Into<String>, help: impl Into<String>) {
        self.collector.note(self.place, &self.path, message, help);
    }

    /// Every entry, for maps with free keys.
    pub fn entries(&self) -> impl Iterator<Item = (&'a Entry, Cursor<'a>)> + '_ {
        self.entries.iter().map(|entry| {
            let path = join(&self.path, &entry.key);
            (entry, Cursor { node: &entry.node, path, collector: self.collector })
        })
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self) {
        let asked = self.asked.into_inner();
        for entry in self.entries {
            if asked.contains(&entry.key.as_str()) {
                continue;
            }
            let path = join(&self.path, &entry.key);
            let key = entry.key.to_ascii_lowercase();
            if SECRET_KEYS.contains(&key.as_str()) {
                self.collector.note(
                    entry.place,
                    &path,
                    "a secret must not stand in a config",
                    "name an environment variable by `password_env`, or a file by `password_file`",
                );
                continue;
            }
            let help = match scalar::did_you_mean(&entry.key, asked.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", asked.join(", ")),
            };
            self.collector.note(entry.place, &path, "unknown key", help);
        }
    }
}

/// How a choice's figure is read.
pub type Figure<'f, T> = &'f dyn Fn(&Cursor<'_>) -> Option<T>;

/// A word, or a map of one word to its figure.
pub fn tagged<T: Clone>(
    at: &Cursor<'_>,
    words: &[(&str, T)],
    figures: &[(&'static str, Figure<'_, T>)],
) -> Option<T> {
    if !matches!(at.node.value, Value::Map(_)) {
        let figure = |word: &&str| at.text() == Some(*word);
        if let Some(word) = figures.iter().map(|(word, _)| *word).find(|word| figure(word)) {
            at.fault(format!("`{word}` needs a figure"), format!("such as {{ {word}: ... }}"));
            return None;
        }
        return at.choice(words);
    }
    let map = at.map()?;
    let mut found = None;
    for (word, read) in figures {
        if let Some(at) = map.get(word) {
            found = Some(read(&at));
        }
    }
    let count = map.entries().count();
    map.finish();
    if found.is_none() || count != 1 {
        let names: Vec<&str> = figures.iter().map(|(word, _)| *word).collect();
        at.fault(
            "must be one choice",
            format!("a word, or one of {} with its figure", names.join(", ")),
        );
        return None;
    }
    found?
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

/// A path with its list numbers taken out: `a[3].b` is `a[].b`.
fn without_numbers(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|c| {
            match c {
                '[' => inside = true,
                ']' => inside = false,
                _ => return !inside,
            }
            true
        })
        .collect()
}
