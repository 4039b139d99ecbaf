//! Records what this binary was built from, and compiles the example strategy that it carries.
//!
//! Invariants: the source hash covers names and bytes of everything that can change a result, so it is equal
//! for debug and release, with and without git, and differs with any edit. The example is compiled with fixed
//! flags and without debug data, so its bytes do not depend on the profile.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../..");
    let out = PathBuf::from(variable("OUT_DIR"));
    git(&root);
    let rustc =
        output(Command::new(variable("RUSTC")).arg("-V")).unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=BT_RUSTC={rustc}");
    println!("cargo::rustc-env=BT_TARGET={}", variable("TARGET"));
    println!("cargo::rustc-env=BT_PROFILE={}", variable("PROFILE"));
    println!("cargo::rustc-env=BT_SOURCE_HASH={}", source_hash(&root));
    compile_example(&root, &out);
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The commit and whether the tree differs from it; `unknown` outside of a repository.
fn git(root: &Path) {
    let run = |args: &[&str]| output(Command::new("git").arg("-C").arg(root).args(args));
    let commit = run(&["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".into());
    let dirty = run(&["status", "--porcelain"]).is_some_and(|text| !text.is_empty());
    println!("cargo::rustc-env=BT_GIT_COMMIT={commit}");
    println!("cargo::rustc-env=BT_GIT_DIRTY={dirty}");
    for name in ["HEAD", "index"] {
        if let Some(path) = run(&["rev-parse", "--git-path", name]) {
            println!("cargo::rerun-if-changed={}", root.join(path).display());
        }
    }
}

/// BLAKE3 over the sorted names and bytes of the workspace's sources.
fn source_hash(root: &Path) -> String {
    let mut files = Vec::new();
    for start in ["Cargo.toml", "Cargo.lock", "src", "ffi", "include", "examples/c"] {
        let path = root.join(start);
        println!("cargo::rerun-if-changed={}", path.display());
        collect(&path, &mut files);
    }
    let mut named: Vec<(String, PathBuf)> = files
        .into_iter()
        .filter_map(|file| {
            let name = file.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/");
            Some((name, file))
        })
        .collect();
    named.sort();
    let mut hasher = blake3::Hasher::new();
    for (name, file) in named {
        let bytes = fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex().to_string()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            collect(&entry.path(), files);
        }
    } else if path.extension().is_some_and(|e| {
        ["rs", "toml", "lock", "c", "h", "hpp", "sql"].iter().any(|known| e == *known)
    }) {
        files.push(path.to_owned());
    }
}

/// Compiles the example market maker to a shared object that the program carries along.
fn compile_example(root: &Path, out: &Path) {
    let source = root.join("examples/c/market_maker.c");
    let object = out.join("market_maker.so");
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    println!("cargo::rerun-if-env-changed=CC");
    let mut words = compiler.split_whitespace();
    let program = words.next().unwrap_or("cc");
    let mut command = Command::new(program);
    command.args(words).args(["-std=c99", "-O2", "-fPIC", "-shared", "-Wl,--build-id=none"]);
    // A relative name, so that no path of this machine enters the object.
    command.current_dir(root.join("examples/c"));
    command.arg("-I../../include").arg("market_maker.c").arg("-o").arg(&object);
    match command.output() {
        Ok(result) if result.status.success() => {}
        Ok(result) => panic!(
            "the example strategy {} does not compile with `{compiler}`:\n{}",
            source.display(),
            String::from_utf8_lossy(&result.stderr)
        ),
        Err(error) => panic!(
            "bt-host carries an example strategy in C and needs a C compiler to build it: \
             `{compiler}`: {error}. Install one (Debian: apt-get install gcc), or name yours in CC."
        ),
    }
    println!("cargo::rustc-env=BT_EXAMPLE={}", object.display());
}
