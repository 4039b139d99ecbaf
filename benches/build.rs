//! Compiles the strategies of `strategies/` as anyone would compile theirs, into shared objects that are opened at run time,
//! and notes what they and the core are compiled by and for.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where"));
    for name in ["noop", "touch", "ten", "quote", "maker", "maker_books", "round_trip"] {
        let source = Path::new("strategies").join(name).with_extension("c");
        let mut command = Command::new(&compiler);
        command.args(["-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror"]);
        command.args(["-shared", "-fPIC", "-I", "../include"]);
        command.arg(&source).arg("-o").arg(out.join(name).with_extension("so"));
        let done = command.status();
        assert!(done.is_ok_and(|status| status.success()), "`{compiler}` on {}", source.display());
    }
    println!("cargo:rustc-env=BENCH_STRATEGIES={}", out.display());
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    println!("cargo:rustc-env=BENCH_RUSTC={}", first_line(&rustc));
    println!("cargo:rustc-env=BENCH_CC={}", first_line(&compiler));
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    println!("cargo:rustc-env=BENCH_TARGET_FEATURES={features}");
    println!("cargo:rerun-if-env-changed=CC");
    for path in ["build.rs", "strategies", "../include/btcore.h"] {
        println!("cargo:rerun-if-changed={path}");
    }
}

fn first_line(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_default()
}
