//! `kill -9` at every step of publishing: before a request, in the middle of one, and behind it, before its answer is there. Readers
//! see whole runs or none; the next start publishes; what is left over is swept.
//!
//! A proxy in front of the server counts requests and kills. Runs on the server that CH_URL names, else on the engine that
//! `scripts/test` installs; says that it was skipped where there is neither.

use bt_host::config;
use bt_host::store;
use chfront::{Act, At, Fault, Front, Proxy};
use clickhouse::Client;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// When a request kills: the server hears nothing of it; it has the beginning of it; it has done it, and nobody knows.
const MOMENTS: [At; 3] = [At::Head, At::Body(20), At::Answer(0)];

/// What a reader sees of every table: runs whose rows are not all there. Must be none at any time.
const TORN: &str = "SELECT count() FROM {}.backtest_runs AS r \
    LEFT JOIN (SELECT run_id, count() AS n FROM {}.backtest_orders GROUP BY run_id) AS o ON o.run_id = r.run_id \
    LEFT JOIN (SELECT run_id, count() AS n FROM {}.backtest_fills GROUP BY run_id) AS f ON f.run_id = r.run_id \
    LEFT JOIN (SELECT run_id, count() AS n FROM {}.backtest_timeseries GROUP BY run_id) AS t ON t.run_id = r.run_id \
    LEFT JOIN (SELECT run_id, count() AS n FROM {}.backtest_queues GROUP BY run_id) AS q ON q.run_id = r.run_id \
    LEFT JOIN (SELECT run_id, count() AS n FROM {}.backtest_hours GROUP BY run_id) AS h ON h.run_id = r.run_id \
    LEFT JOIN (SELECT run_id, count() AS n FROM {}.backtest_daily GROUP BY run_id) AS d ON d.run_id = r.run_id \
    WHERE o.n != r.orders_rows OR f.n != r.fills_rows OR t.n != r.timeseries_rows OR q.n != r.queues_rows \
    OR h.n != r.hours_rows OR d.n != r.daily_rows OR r.lanes != 3";

#[test]
fn a_kill_at_any_step_leaves_whole_runs_or_none() {
    let name = format!("btcore_kill_{}", std::process::id());
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    std::fs::create_dir_all(&out).unwrap();
    let url = std::env::var("CH_URL").ok();
    let front = match (&url, chfront::library()) {
        (Some(_), _) => None,
        (None, Some(library)) => {
            Some(Front::start(&library, &out.join("engine")).expect("the engine starts"))
        }
        (None, None) => {
            println!(
                "skipped: CH_URL names no ClickHouse, and scripts/test did not install the engine"
            );
            return;
        }
    };
    let url = url.unwrap_or_else(|| front.as_ref().map_or(String::new(), |f| f.url().to_string()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::default().with_url(&url);
    let count = |sql: &str| {
        let sql = sql.replace("{}", &name);
        runtime
            .block_on(client.query(&sql).fetch_one::<u64>())
            .unwrap_or_else(|e| panic!("{sql}: {e}"))
    };
    let keys = [("url", url.as_str()), ("database", &name)];
    let server = config::server(keys.into_iter()).unwrap_or_else(|faults| panic!("{faults}"));
    store::apply(&server, None).unwrap();

    // Three lanes, so that a run is more than one row of the table that makes it visible.
    let results = out.join("results");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let made = Command::new(env!("CARGO_BIN_EXE_bt-host"))
        .current_dir(&root)
        .args(["run", "-q", "--config", "configs/demo.yaml", "--set", "interval=true"])
        .args(["--set", "data.to=2026-04-08T08:55:00+08:00", "--out"])
        .arg(&results)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    // Starts `publish`, kills it at a moment of its n-th request; says how many requests there were, and whether it was killed.
    let publish = |kill: Option<(usize, At)>| {
        let child: Arc<Mutex<Option<Child>>> = Arc::default();
        let victim = child.clone();
        let proxy = Proxy::start(&url, move |asked| match kill {
            Some((number, at)) if number == asked.number => {
                let victim = victim.clone();
                let kill = move || {
                    // The lock is held while it starts, so that there is somebody to kill.
                    let mut victim = victim.lock().unwrap();
                    victim.as_mut().expect("it has started").kill().expect("SIGKILL is sent");
                };
                vec![Fault(at, Act::Call(Box::new(kill))), Fault(at, Act::Reset)]
            }
            _ => vec![],
        });
        let proxy = proxy.unwrap();
        let mut started = child.lock().unwrap();
        let one = Command::new(env!("CARGO_BIN_EXE_bt-host"))
            .args(["publish", "--exists", "replace", "--url", proxy.url(), "--database", &name])
            .arg("--run")
            .arg(&results)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        *started = Some(one);
        drop(started);
        let is_done = loop {
            let ended = child.lock().unwrap().as_mut().expect("it has started").try_wait().unwrap();
            match ended {
                Some(status) => break status.success(),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let is_killed = proxy.hits().iter().any(|hit| hit.act == "call");
        assert_ne!(is_done, is_killed, "{kill:?}");
        (proxy.asked().len(), is_killed)
    };
    let (requests, _) = publish(None);
    let (mut kills, mut unseen, mut shown) = (0, 0, 0);
    for request in 1..=requests {
        // Every moment of the first steps and of the last; one of each in between, where one table is as another.
        let is_edge = request <= 3 || request + 3 > requests;
        for moment in MOMENTS {
            if !is_edge && moment != MOMENTS[request % 3] {
                continue;
            }
            let before = count("SELECT count() FROM {}.backtest_runs_rows");
            let (_, is_killed) = publish(Some((request, moment)));
            assert!(is_killed, "request {request}, {moment:?}");
            assert_eq!(count(TORN), 0, "request {request}, {moment:?}");
            kills += 1;
            let after = count("SELECT count() FROM {}.backtest_runs_rows") - before;
            assert!(after == 0 || after == 3, "all lanes or none: {after}");
            unseen += usize::from(after == 0);
            shown += usize::from(after == 3);
        }
    }
    println!(
        "{kills} kills over {requests} requests: {unseen} left nothing to see, {shown} a whole run"
    );
    assert!(kills > requests && unseen > requests / 2, "{kills} kills, {unseen} unseen");
    assert!(shown >= 1, "a kill behind the last block leaves the run visible");
    assert!(!publish(None).1, "the next start publishes");
    assert_eq!(count("SELECT count() FROM {}.backtest_runs"), 3);
    let left = store::sweep(&server, Duration::ZERO, false).unwrap();
    assert!(left.len() > requests, "{} leftovers of {kills} kills", left.len());
    assert_eq!(count(TORN), 0);
    for table in ["orders", "fills", "timeseries", "queues", "hours", "daily"] {
        let staged = count(&format!("SELECT count() FROM {{}}.backtest_{table}_rows"));
        assert_eq!(staged, count(&format!("SELECT count() FROM {{}}.backtest_{table}")), "{table}");
    }
    runtime.block_on(client.query(&format!("DROP DATABASE {name}")).execute()).unwrap();
    let _ = std::fs::remove_dir_all(&out);
}
