//! The direction of imports: `wire` knows nobody, each room the few it reads, `engine` all; then host -> ffi -> core.
//! Read from the sources' own paths, so an arrow that turns around fails here and names its line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each room of the core, and the rooms that it may name.
const ROOMS: [(&str, &[&str]); 11] = [
    ("wire", &[]),
    ("book", &["wire"]),
    ("latency", &["wire"]),
    ("recorder", &["wire"]),
    ("account", &["wire"]),
    ("analytics", &["wire"]),
    ("feed", &["wire", "book"]),
    ("exchange", &["wire", "book", "feed", "latency", "recorder"]),
    ("gateway", &["wire", "exchange", "latency", "recorder"]),
    // A strategy is handed the context that the engine makes.
    ("strategy", &["wire", "engine", "feed"]),
    (
        "engine",
        &[
            "wire",
            "book",
            "latency",
            "recorder",
            "account",
            "analytics",
            "feed",
            "exchange",
            "gateway",
            "strategy",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).into()
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// Lines of code, comments taken off, with their numbers from 1.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).expect("the source can be read");
    let strip = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines().enumerate().map(|(index, line)| (index + 1, strip(line))).collect()
}

/// Names that follow `prefix` on a line: `crate::feed::Kept` names `feed`.
fn named<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let mut names = Vec::new();
    for (at, _) in line.match_indices(prefix) {
        let rest = &line[at + prefix.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        names.push(&rest[..end]);
    }
    names
}

/// What is wrong with the imports of the core's sources under `dir`.
fn faults(dir: &Path) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.into_iter().collect();
    let mut faults = Vec::new();
    for path in sources(dir) {
        let inside = path.strip_prefix(dir).expect("it is inside");
        let room =
            inside.components().next().expect("a room").as_os_str().to_string_lossy().into_owned();
        if room == "host" || room == "lib.rs" {
            continue;
        }
        let Some(allowed) = allowed.get(room.as_str()) else {
            faults.push(format!("{room}: a room that this test does not know"));
            continue;
        };
        for (number, line) in code(&path) {
            let place = format!("{}:{number}", inside.display());
            for name in named(&line, "crate::") {
                let known = ROOMS.iter().any(|(known, _)| *known == name);
                if !known || (name != room && !allowed.contains(&name)) {
                    faults.push(format!("{place}: {room} may not name crate::{name}"));
                }
            }
            for foreign in ["std::", "btcore_ffi::", "bt_host::"] {
                if line.contains(foreign) {
                    faults.push(format!("{place}: the core may not name {foreign}"));
                }
            }
        }
    }
    faults
}

#[test]
fn the_rooms_of_the_core_import_one_way() {
    assert_eq!(faults(&root().join("src")), Vec::<String>::new());
}

#[test]
fn the_test_sees_an_arrow_that_turns_around() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("imports");
    std::fs::create_dir_all(dir.join("wire")).expect("the scratch folder can be made");
    std::fs::write(dir.join("wire/mod.rs"), "use crate::feed::Feed;\nuse std::io;\n")
        .expect("written");
    let faults = faults(&dir);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("wire/mod.rs:1") && faults[1].contains("std::"), "{faults:?}");
}

#[test]
fn ffi_never_names_the_host() {
    for path in sources(&root().join("ffi/src")) {
        for (number, line) in code(&path) {
            let place = path.display();
            assert!(!line.contains("bt_host::"), "{place}:{number}: the C ABI names the host");
        }
    }
    let manifest = std::fs::read_to_string(root().join("ffi/Cargo.toml")).expect("a manifest");
    assert!(!manifest.contains("bt-host"), "the C ABI depends on the host");
}

#[test]
fn the_core_and_what_it_uses_do_without_std() {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).expect("the core");
    assert!(text.contains("#![no_std]") && text.contains("#![forbid(unsafe_code)]"));
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    let (_, rest) = manifest.split_once("[dependencies]").expect("dependencies");
    let section = rest.split("\n[").next().unwrap_or_default();
    for line in section.lines().filter(|line| line.contains('=')) {
        assert!(
            line.contains("default-features = false"),
            "a dependency with its defaults: {line}"
        );
    }
}
