//! A value of a sweep file as the word that `--set KEY.PATH=VALUE` takes, so that a member is a run that anyone can
//! make by hand.
//!
//! Invariants: reading the word gives the value again, quotes included: `"7"` stays a text, `0.10` keeps its zero.

use crate::config::tree::{Entry, Node, Value};

/// The value as one line of YAML.
pub fn word(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, quoted: false } if !text.contains('\n') => text.clone(),
        _ => inside(node),
    }
}

/// The value as it stands inside a list or a map.
fn inside(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".into(),
        Value::Scalar { text, quoted } => {
            let is_plain =
                !quoted && !text.contains([',', '[', ']', '{', '}', '#', '"', '\'', '\n']);
            if is_plain && !text.contains(": ") { text.clone() } else { quote(text) }
        }
        Value::List(items) => {
            format!("[{}]", items.iter().map(inside).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            let key = |key: &str| {
                if !key.is_empty() && key.chars().all(is_plain) {
                    key.to_owned()
                } else {
                    quote(key)
                }
            };
            let pair = |entry: &Entry| format!("{}: {}", key(&entry.key), inside(&entry.node));
            format!("{{{}}}", entries.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text in double quotes; JSON's escapes are YAML's.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::{Place, parse};

    /// A tree without its places.
    fn bare(mut node: Node) -> Node {
        fn strip(node: &mut Node) {
            node.place = Place::Set { index: 0 };
            match &mut node.value {
                Value::List(items) => items.iter_mut().for_each(strip),
                Value::Map(entries) => entries.iter_mut().for_each(|entry| {
                    entry.place = Place::Set { index: 0 };
                    strip(&mut entry.node);
                }),
                Value::Null | Value::Scalar { .. } => {}
            }
        }
        strip(&mut node);
        node
    }

    #[test]
    fn a_word_reads_back_as_the_value() {
        for text in [
            "7",
            "\"7\"",
            "0.10",
            "0050",
            "36ms",
            "null",
            "plain, with a comma",
            "\"a \\\" quote\"",
            "[1, \"2\", {share: 0.3}]",
            "{ power3: 5, deep: [[\"0\", 0.01], [50, 0.05]], at: \"08:45\", 2026-04-08T09:00:00+08:00: x }",
            "{ join: in_doubt, note: \"a: b, c\" }",
        ] {
            let tree = parse(text, 0).unwrap();
            let again = word(&tree);
            assert_eq!(bare(parse(&again, 0).unwrap()), bare(tree), "{text} became {again}");
            assert!(!again.contains('\n'), "{again}");
        }
        assert_eq!(word(&parse("{ share: 0.30 }", 0).unwrap()), "{share: 0.30}");
        assert_eq!(word(&parse("|\n  two\n  lines\n", 0).unwrap()), "\"two\\nlines\\n\"");
    }
}
