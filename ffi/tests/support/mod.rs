//! What the tests of the ABI share: compilers, the built library, scratch folders.
//!
//! Invariants: nothing is written outside the target folder; a tool that fails shows what it said.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Warnings that every C and C++ file of ours is free of.
pub const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-pedantic", "-Werror"];

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("ffi lies in the repository").into()
}

/// A tool by name.
pub fn tool(name: &str) -> Command {
    Command::new(name)
}

/// Runs a command that must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?} did not start: {e}"));
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("tools print UTF-8")
}

/// A folder of this test.
pub fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A library that cargo built for this test run: beside the test, or one folder up.
pub fn library(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().expect("a test lies in a folder");
    let places = [deps.join(name), deps.parent().expect("deps lies in a profile").join(name)];
    let newest = places
        .iter()
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max_by_key(|(modified, _)| *modified);
    newest.unwrap_or_else(|| panic!("{name} is not at {places:?}")).1.clone()
}

static PLUGINS: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());

/// Compiles a plugin into a shared object, once for each test program, and returns its path.
pub fn plugin(source: &str) -> PathBuf {
    let mut plugins = PLUGINS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = plugins.get(source) {
        return path.clone();
    }
    let is_c = source.ends_with(".c");
    let test = std::env::current_exe().unwrap();
    let test = test.file_stem().unwrap().to_string_lossy().into_owned();
    let out = scratch(&format!("plugins_{test}_{}", std::env::var_os("BT_TEST_THROW").is_some()))
        .join(format!("{}.so", source.replace(['/', '.'], "_")));
    let (compiler, dialect) = if is_c { ("gcc", "-std=c99") } else { ("g++", "-std=c++17") };
    let mut command = tool(compiler);
    command.arg(dialect).args(WARNINGS).args(["-O2", "-shared", "-fPIC"]);
    run(command.arg("-I").arg(root().join("include")).arg(root().join(source)).arg("-o").arg(&out));
    plugins.insert(source.into(), out.clone());
    out
}
