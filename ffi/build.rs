//! Stamps the build identity into the library: commit, dirty flag, compiler, target, profile.
//!
//! Outside a git checkout the commit reads "unknown". Runs again when the commit or the sources change.

use std::process::Command;

fn main() {
    let commit = output("git", &["rev-parse", "HEAD"]);
    let changed = output("git", &["status", "--porcelain", "--untracked-files=no"]);
    let dirty = match (&commit, changed) {
        (Some(_), Some(changed)) => {
            if changed.is_empty() {
                "no"
            } else {
                "yes"
            }
        }
        _ => "unknown",
    };
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let rustc = output(&rustc, &["--version"]).unwrap_or_else(|| "unknown".into());
    println!(
        "cargo:rustc-env=BT_BUILD_INFO=commit={} dirty={dirty} rustc={} target={} profile={}",
        commit.unwrap_or_else(|| "unknown".into()),
        rustc.split(' ').nth(1).unwrap_or("unknown"),
        std::env::var("TARGET").unwrap_or_default(),
        std::env::var("PROFILE").unwrap_or_default(),
    );
    if let Some(head) =
        output("git", &["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])
    {
        println!("cargo:rerun-if-changed={head}");
    }
    for path in ["build.rs", "src", "../src", "../Cargo.toml"] {
        println!("cargo:rerun-if-changed={path}");
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}
