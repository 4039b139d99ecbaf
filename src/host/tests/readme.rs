//! The README's own strategy: compiles as it stands, warnings as errors, runs over the demo's market and trades.

use std::path::Path;
use std::process::Command;

#[test]
fn the_strategy_in_the_readme_compiles_runs_and_trades() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).expect("there is a README");
    let (_, rest) = readme.split_once("```c\n").expect("it shows a strategy in C");
    let (code, _) = rest.split_once("```").expect("the block ends");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    std::fs::create_dir_all(&dir).expect("the scratch folder can be made");
    std::fs::write(dir.join("mine.c"), code).expect("the code can be written");
    let compiled = Command::new("cc")
        .current_dir(&dir)
        .args([
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-pedantic",
            "-Werror",
            "-O2",
            "-shared",
            "-fPIC",
            "-I",
        ])
        .arg(root.join("include"))
        .args(["mine.c", "-o", "mine.so"])
        .output()
        .expect("the compiler starts");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let ran = Command::new(env!("CARGO_BIN_EXE_bt-host"))
        .args(["run", "-q", "--json", "--force", "--config"])
        .arg(root.join("configs/demo.yaml"))
        .arg("--strategy")
        .arg(dir.join("mine.so"))
        .arg("--out")
        .arg(dir.join("out"))
        .output()
        .expect("bt-host starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("it prints JSON");
    assert!(summary["lanes"][0]["fills"].as_u64() > Some(100), "it trades: {summary:#}");
}
