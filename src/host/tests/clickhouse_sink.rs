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

/// The server's address, and the engine that must live as long; `None` where there is no server.
fn server(out: &Path) -> Option<(String, Option<Front>)> {
    if let Ok(url) = std::env::var("CH_URL") {
        return Some((url, None));
    }
    let Some(library) = chfront::library() else {
        println!(
            "skipped: CH_URL names no ClickHouse, and scripts/test did not install the engine"
        );
        return None;
    };
    let front = Front::start(&library, &out.with_extension("engine")).expect("the engine starts");
    Some((front.url().to_string(), Some(front)))
}

/// Every member is a run of its own there, once.
fn members_of_a_sweep(url: &str) {
    let database = format!("btcore_sweep_test_{}", std::process::id());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&database);
    std::fs::create_dir_all(&out).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let demo = std::fs::read_to_string(root.join("configs/demo.yaml")).unwrap();
    let to = format!(
        "output: {{ clickhouse: {{ url: \"{url}\", database: {database}, create: true }} }}"
    );
    let short = demo.replace("to: 2026-04-08", "to: 2026-04-08T08:50:00+08:00");
    std::fs::write(out.join("base.yaml"), format!("{short}{to}\n")).unwrap();
    let file = out.join("sweep.yaml");
    let members = "members: { grid: { latency.submit: [1ms, 2ms, 3ms] } }\nthreads: 2\n";
    std::fs::write(&file, format!("version: 1\nbase: base.yaml\n{members}")).unwrap();
    let sweep = |outputs: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_bt-host"))
            .args(["sweep", "-q", "--config"])
            .arg(&file)
            .arg("--out")
            .arg(out.join("results"))
            .args(["--set", &format!("outputs={outputs}")])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, _, talk) = sweep("summary");
    assert!(code == Some(3) && talk.contains("outputs: full"), "{code:?} {talk}");
    let client = Client::default().with_url(url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for expected in ["3 run, 0 were done", "0 run, 3 were done"] {
        let (code, table, talk) = sweep("full");
        assert!(code == Some(0) && table.contains(expected), "{code:?} {table}{talk}");
        for table in ["backtest_runs", "backtest_timeseries"] {
            let sql = format!("SELECT uniqExact(run_id) FROM {database}.{table}");
            assert_eq!(runtime.block_on(client.query(&sql).fetch_one::<u64>()).unwrap(), 3);
        }
    }
    let sql = format!("DROP DATABASE {database}");
    runtime.block_on(client.query(&sql).execute()).unwrap();
    std::fs::remove_dir_all(out).unwrap();
}

/// One engine serves a process, so one test holds both.
#[test]
fn runs_and_members_of_sweeps_are_there_whole_and_once() {
    let engine = format!("btcore_engine_{}", std::process::id());
    let engine = Path::new(env!("CARGO_TARGET_TMPDIR")).join(engine);
    let Some((url, _front)) = server(&engine) else { return };
    one_run(&url);
    members_of_a_sweep(&url);
}

fn one_run(url: &str) {
    let database = format!("btcore_test_{}", std::process::id());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&database);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::default().with_url(url);
    let count = |table: &str| {
        let sql = format!("SELECT count() FROM {database}.{table}");
        runtime.block_on(client.query(&sql).fetch_one::<u64>()).unwrap()
    };
    run(url, &database, &out);
    let samples = count("backtest_timeseries");
    assert_eq!(count("backtest_runs"), 1);
    assert!(samples >= 300, "{samples} samples of five hours");
    run(url, &database, &out);
    assert_eq!((count("backtest_runs"), count("backtest_timeseries")), (1, samples), "run again");
    let sql = format!("TRUNCATE TABLE {database}.backtest_runs");
    runtime.block_on(client.query(&sql).execute()).unwrap();
    run(url, &database, &out);
    assert_eq!(
        (count("backtest_runs"), count("backtest_timeseries")),
        (1, samples),
        "series alone"
    );
    let sql = format!("DROP DATABASE {database}");
    runtime.block_on(client.query(&sql).execute()).unwrap();
    std::fs::remove_dir_all(out).unwrap();
}
