//! What goes wrong, as a user meets it: each failure names the thing, exits with its code, and leaves no results.
//!
//! The plugins are those of the C ABI's own tests, compiled here. Needs a C and a C++ compiler.

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("failures-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("the scratch folder can be made");
    path
}

/// Compiles a plugin from its source, C or C++.
fn compile(source: &Path, into: &Path) -> PathBuf {
    let object = into.join(source.file_stem().expect("a name")).with_extension("so");
    let cpp = source.extension().is_some_and(|e| e == "cpp");
    let (compiler, standard) = if cpp { ("c++", "-std=c++17") } else { ("cc", "-std=c99") };
    let output = Command::new(compiler)
        .args([standard, "-O1", "-shared", "-fPIC", "-I"])
        .arg(root().join("include"))
        .arg(source)
        .arg("-o")
        .arg(&object)
        .output()
        .expect("the compiler starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    object
}

fn bt_host(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_bt-host");
    Command::new(program).args(args).output().expect("bt-host starts")
}

/// Runs the demo's config with these words added, and holds the failure to its code, its words and its silence.
fn fails(name: &str, words: &[&str], code: Option<i32>, told: &[&str]) {
    let out = scratch(name).join("out");
    let config = root().join("configs/demo.yaml");
    let (config, target) = (config.display().to_string(), out.display().to_string());
    let mut args = vec!["run", "-q", "--config", &config, "--out", &target];
    args.extend(words);
    let output = bt_host(&args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    println!("{name}: {:?}\n{stderr}", output.status);
    assert!(!output.status.success(), "{name}: it succeeded");
    if code.is_some() {
        assert_eq!(output.status.code(), code, "{name}: {stderr}");
    }
    for word in told {
        assert!(stderr.contains(word), "{name}: no `{word}` in: {stderr}");
    }
    assert!(output.stdout.is_empty(), "{name}: results on standard output");
    assert!(!out.exists(), "{name}: left something that looks like results");
}

#[test]
fn strategies_that_cannot_be_loaded_or_fail_are_named() {
    let dir = scratch("plugins");
    let plugins = root().join("ffi/tests/plugins");
    let object = |file: &str| compile(&plugins.join(file), &dir).display().to_string();
    let text = dir.join("text.so");
    std::fs::write(&text, "this is not a shared object").expect("it can be written");
    let text = text.display().to_string();
    fails("missing", &["--strategy", "/nowhere/at/all.so"], Some(6), &["/nowhere/at/all.so"]);
    fails("text", &["--strategy", &text], Some(6), &["text.so", "market_maker"]);
    fails(
        "no entry",
        &["--strategy", &object("no_entry.c")],
        Some(6),
        &["no_entry.so", "bt_strategy_entry"],
    );
    fails(
        "version",
        &["--strategy", &object("wrong_version.c")],
        Some(6),
        &["wrong_version.so", "ABI"],
    );
    fails(
        "create",
        &["--strategy", &object("create_fails.c")],
        Some(6),
        &["create_fails.so", "create"],
    );
    fails(
        "seven",
        &["--strategy", &object("returns_seven.c")],
        Some(7),
        &["market_maker", " 7 ", "on_event"],
    );
    let wrapped = object("throws_wrapped.cpp");
    fails("wrapped", &["--strategy", &wrapped], Some(7), &["market_maker", "13"]);
    // The process ends where it stands: no exit code of ours, but a line that names the strategy.
    fails("bare", &["--strategy", &object("throws_bare.cpp")], None, &["market_maker", "on_event"]);
}

#[test]
fn a_rust_strategy_that_panics_is_named_with_its_words() {
    // Built as a dependency of these tests, beside their own program.
    let program = std::env::current_exe().expect("a path");
    let object = program.with_file_name("libpanics.so").display().to_string();
    fails(
        "panic",
        &["--strategy", &object],
        Some(7),
        &["market_maker", "row ten was too much", "on_event"],
    );
}

/// A Parquet file with the columns of `market_data` but for the one that is left out.
fn market_file(path: &Path, left_out: &str) {
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let int = |value: i64| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let list = || {
        let mut builder =
            arrow_array::builder::ListBuilder::new(arrow_array::builder::Int64Builder::new());
        builder.values().append_value(-5);
        builder.append(true);
        Arc::new(builder.finish()) as ArrayRef
    };
    let columns = [
        ("symbol", text("TXF")),
        ("type", text("BidAsk")),
        ("exch_ts", int(1_775_612_700_000_000_000)),
        ("ingest_ts", int(0)),
        ("price_scaled", int(0)),
        ("volume", int(0)),
        ("bids_price", list()),
        ("bids_vol", list()),
        ("asks_price", list()),
        ("asks_vol", list()),
        ("seq_no", int(1)),
        ("side", int(0)),
    ];
    let columns = columns.into_iter().filter(|(name, _)| *name != left_out);
    let batch = RecordBatch::try_from_iter(columns).expect("the columns fit");
    let file = std::fs::File::create(path).expect("the file can be made");
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("it can be written");
    writer.close().expect("it can be closed");
}

/// The demo's config over a Parquet file.
fn over(dir: &Path, file: &Path) -> String {
    let text =
        std::fs::read_to_string(root().join("configs/demo.yaml")).expect("the config is there");
    let source = format!("  parquet: {{ files: [\"{}\"] }}", file.display());
    let text = text.replace("  synth: { preset: txf, seed: 1 }", &source);
    let config = dir.join(file.file_stem().expect("a name")).with_extension("yaml");
    std::fs::write(&config, text).expect("the config can be written");
    config.display().to_string()
}

#[test]
fn rows_that_cannot_be_read_are_named() {
    let dir = scratch("rows");
    let (garbage, no_volume, negative) =
        (dir.join("garbage.parquet"), dir.join("no_volume.parquet"), dir.join("negative.parquet"));
    std::fs::write(&garbage, "PAR1 but not really PAR1").expect("it can be written");
    market_file(&no_volume, "volume");
    market_file(&negative, "");
    let run = |config: &str| {
        let out = dir.join("out");
        let output =
            bt_host(&["run", "-q", "--config", config, "--out", &out.display().to_string()]);
        assert!(!out.exists(), "nothing that looks like results");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = run(&over(&dir, &garbage));
    assert!(code == Some(74) && told.contains("garbage.parquet"), "{code:?} {told}");
    let (code, told) = run(&over(&dir, &no_volume));
    assert!(
        code == Some(5) && told.contains("no_volume.parquet") && told.contains("`volume`"),
        "{code:?} {told}"
    );
    let (code, told) = run(&over(&dir, &negative));
    let named =
        ["negative.parquet", "row 0", "bids_vol", "-5"].iter().all(|word| told.contains(word));
    assert!(code == Some(5) && named, "{code:?} {told}");
}

#[test]
fn a_dead_server_is_named_and_its_password_is_not() {
    let dir = scratch("server");
    let text =
        std::fs::read_to_string(root().join("configs/demo.yaml")).expect("the config is there");
    // A port that was free a moment ago: nobody listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let source = format!(
        "  clickhouse: {{ url: \"{url}\", database: hft, table: market_data, user: me, password_env: BT_CANARY }}"
    );
    let config = dir.join("dead.yaml");
    std::fs::write(&config, text.replace("  synth: { preset: txf, seed: 1 }", &source))
        .expect("written");
    let out = dir.join("out");
    let output = Command::new(env!("CARGO_BIN_EXE_bt-host"))
        .env("BT_CANARY", "correct-horse-battery")
        .args(["run", "-q", "--config"])
        .arg(&config)
        .arg("--out")
        .arg(&out)
        .output()
        .expect("bt-host starts");
    let told = String::from_utf8_lossy(&output.stderr);
    println!("{told}");
    assert_eq!(output.status.code(), Some(69), "{told}");
    assert!(told.contains(&url) && told.contains("market_data"), "{told}");
    assert!(!told.contains("correct-horse"), "the password is shown: {told}");
    assert!(!out.exists());
}
