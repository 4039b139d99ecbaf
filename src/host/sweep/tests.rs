//! Holds the sweep file's reader to its word: every fault at once with its place, members in their order, the schema
//! key for key.

use super::schema;
use super::spec::{LoadOptions, Outputs, SweepSpec, parse};
use crate::config::fault::{Faults, SourceText};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

fn read(text: &str, sets: &[&str]) -> Result<SweepSpec, Faults> {
    let source = SourceText { name: "sweep.yaml".into(), text: text.into() };
    let sets = sets.iter().map(|set| (*set).into()).collect();
    parse(source, &configs(), "sweep", &LoadOptions { sets, out: None }).0
}

fn members(text: &str) -> Vec<String> {
    let text = format!("version: 1\nbase: demo.yaml\nseed: 7\n{text}\n");
    let spec = read(&text, &[]).unwrap_or_else(|faults| panic!("{faults}"));
    spec.members.iter().map(|m| format!("{}: {}", m.name, m.sets().join(" "))).collect()
}

#[test]
fn a_grid_is_every_combination_with_the_last_key_fastest() {
    let found = members("members: { grid: { a.b: [1, 2], c: [x, \"7\", [0, {d: 1}]] } }");
    let expected = [
        "0000: a.b=1 c=x",
        "0001: a.b=1 c=\"7\"",
        "0002: a.b=1 c=[0, {d: 1}]",
        "0003: a.b=2 c=x",
        "0004: a.b=2 c=\"7\"",
        "0005: a.b=2 c=[0, {d: 1}]",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_list_is_taken_as_it_stands_and_the_base_comes_last() {
    let found = members("include_base: true\nmembers: { list: [{ a: 1 }, {}, { b: 36ms, a: 2 }] }");
    assert_eq!(found, ["0000: a=1", "0001: ", "0002: b=36ms a=2", "base: "]);
}

#[test]
fn random_members_do_not_depend_on_their_number_or_on_other_keys() {
    let few = members("members: { random: { count: 3, keys: { k: { uniform: [0, 1] } } } }");
    let many = members(
        "members: { random: { count: 9, keys: { j: { int: [1, 9] }, k: { uniform: [0, 1] } } } }",
    );
    assert_eq!(few.len(), 3);
    for (few, many) in few.iter().zip(&many) {
        let (name, value) = few.split_once(": ").unwrap();
        assert!(many.starts_with(name) && many.ends_with(value), "{few} beside {many}");
    }
}

#[test]
fn defaults_and_the_command_line() {
    let text = "version: 1\nbase: demo.yaml\nmembers: { random: { count: 3, keys: { k: { int: [1, 2] } } } }";
    let spec = read(text, &["members.random.count=5", "threads=3", "output.dir=here"]).unwrap();
    assert_eq!((spec.members.len(), spec.threads, spec.lanes_per_pass), (5, Some(3), 64));
    assert_eq!((spec.top, spec.periods_per_year, spec.outputs), (10, 252, Outputs::Summary));
    assert_eq!((spec.name.as_str(), spec.dir.as_path()), ("sweep", Path::new("here")));
    let full = read(text, &["outputs=full"]).unwrap();
    assert_eq!((full.lanes_per_pass, full.dir.as_path()), (16, Path::new("out/sweep")));
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    let text = "version: 2
base: none.yaml
memebrs: {}
seed: -1
members:
  grid:
    output.dir: [a]
    data.clickhouse.password: [b]
    a..b: [1]
    c=d: [1]
    e: 1
    f: []
threads: 0
top: many
outputs: all
";
    let faults = read(text, &[]).unwrap_err();
    let found: Vec<(String, String)> =
        faults.list.iter().map(|f| (faults.place_text(f), f.path.clone())).collect();
    let expected = [
        ("sweep.yaml:1:10", "version"),
        ("sweep.yaml:2:7", "base"),
        ("sweep.yaml:3:1", "memebrs"),
        ("sweep.yaml:4:7", "seed"),
        ("sweep.yaml:7:5", "members.grid.output.dir"),
        ("sweep.yaml:8:5", "members.grid.data.clickhouse.password"),
        ("sweep.yaml:9:5", "members.grid.a..b"),
        ("sweep.yaml:10:5", "members.grid.c=d"),
        ("sweep.yaml:11:8", "members.grid.e"),
        ("sweep.yaml:12:8", "members.grid.f"),
        ("sweep.yaml:13:10", "threads"),
        ("sweep.yaml:14:6", "top"),
        ("sweep.yaml:15:10", "outputs"),
    ];
    assert_eq!(
        found,
        expected.map(|(place, path)| (place.to_owned(), path.to_owned())),
        "{faults}"
    );
    let text = faults.to_string();
    assert!(text.contains("did you mean `members`?") && text.contains("13 faults"), "{text}");
}

#[test]
fn members_that_cannot_be_are_refused() {
    let told = |members: &str| {
        let text = format!("version: 1\nbase: demo.yaml\nmembers: {members}\n");
        read(&text, &[]).expect_err("it has faults").to_string()
    };
    for (members, words) in [
        ("{ grid: { e: 1, f: [] } }", "expected a list"),
        ("{ grid: { e: [1], f: [] } }", "at least one element"),
        ("{}", "must be one choice"),
        ("{ grid: { a: [1] }, list: [{}] }", "must be one choice"),
        ("{ grid: {} }", "names no key"),
        ("{ list: [] }", "at least one element"),
        ("{ random: { keys: { a: { int: [1, 2] } } } }", "count"),
        ("{ random: { count: 1, keys: { a: { int: [2, 1] } } } }", "1 lies below 2"),
        ("{ random: { count: 1, keys: { a: { uniform: [1] } } } }", "two ends"),
        ("{ random: { count: 1, keys: { a: { uniform: [1ms, 2] } } } }", "same unit"),
        ("{ random: { count: 1, keys: { a: { log_uniform: [0, 2] } } } }", "above zero"),
        ("{ random: { count: 1, keys: { a: { triangle: [0, 2] } } } }", "unknown key"),
    ] {
        let text = told(members);
        assert!(text.contains(words), "{members}: {text}");
    }
    let digits = "[1,2,3,4,5,6,7,8,9,0]";
    let keys: Vec<String> = (0..6).map(|key| format!("k{key}: {digits}")).collect();
    let text = told(&format!("{{ grid: {{ {} }} }}", keys.join(", ")));
    assert!(text.contains("more than 100000 members"), "{text}");
}

/// Every key path of a schema; free keys are not among them.
fn schema_paths(
    schema: &serde_json::Value,
    at: &serde_json::Value,
    path: &str,
    out: &mut BTreeSet<String>,
) {
    if let Some(reference) = at["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return schema_paths(schema, &schema["$defs"][name], path, out);
    }
    for item in at["anyOf"].as_array().into_iter().flatten() {
        schema_paths(schema, item, path, out);
    }
    if at["additionalProperties"].is_object() {
        schema_paths(schema, &at["additionalProperties"], &format!("{path}.k"), out);
    }
    for (key, value) in at["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        schema_paths(schema, value, &path, out);
        out.insert(path);
    }
}

#[test]
fn the_schema_knows_the_keys_that_the_reader_reads() {
    let text = "members: { grid: {}, list: [], random: { keys: { k: {} } } }\noutput: {}\n";
    let source = SourceText { name: "x".into(), text: text.into() };
    let read = parse(source, Path::new(""), "x", &LoadOptions::default()).1;
    let document = schema::document();
    let mut described = BTreeSet::new();
    schema_paths(&document, &document, "", &mut described);
    assert_eq!(read, described);
}
