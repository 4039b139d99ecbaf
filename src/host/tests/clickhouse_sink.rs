//! Writes a run into a ClickHouse and reads it back: whole, once, whatever an earlier start left behind.
//!
//! Runs on the server that CH_URL names, else on the engine that `scripts/test` installs; says that it was skipped
//! where there is neither. Uses a database of its own, and drops it.

use chfront::Front;
use clickhouse::Client;
use std::path::Path;
use std::process::Command;

fn run(url: &str, database: &str, out: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO_BIN_EXE_bt-host"))
        .current_dir(root)
        .args(["run", "--config", "configs/demo.yaml", "-q", "--force", "--out"])
        .arg(out)
        .args(["--set", &format!("output.clickhouse.url={url}")])
        .args(["--set", &format!("output.clickhouse.database={database}")])
        .args(["--set", "output.clickhouse.create=true"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_run_is_there_whole_and_once() {
    let database = format!("btcore_test_{}", std::process::id());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&database);
    let named = std::env::var("CH_URL").ok();
    let library = if named.is_none() { chfront::library() } else { None };
    let front = library.map(|library| {
        Front::start(&library, &out.with_extension("engine")).expect("the engine starts")
    });
    let Some(url) = named.or_else(|| front.as_ref().map(|front| front.url().to_string())) else {
        println!(
            "skipped: CH_URL names no ClickHouse, and scripts/test did not install the engine"
        );
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::default().with_url(&url);
    let count = |table: &str| {
        let sql = format!("SELECT count() FROM {database}.{table}");
        runtime.block_on(client.query(&sql).fetch_one::<u64>()).unwrap()
    };
    run(&url, &database, &out);
    let samples = count("backtest_timeseries");
    assert_eq!(count("backtest_runs"), 1);
    assert!(samples >= 300, "{samples} samples of five hours");
    run(&url, &database, &out);
    assert_eq!((count("backtest_runs"), count("backtest_timeseries")), (1, samples), "run again");
    let sql = format!("TRUNCATE TABLE {database}.backtest_runs");
    runtime.block_on(client.query(&sql).execute()).unwrap();
    run(&url, &database, &out);
    assert_eq!(
        (count("backtest_runs"), count("backtest_timeseries")),
        (1, samples),
        "series alone"
    );
    let sql = format!("DROP DATABASE {database}");
    runtime.block_on(client.query(&sql).execute()).unwrap();
    std::fs::remove_dir_all(out).unwrap();
}
