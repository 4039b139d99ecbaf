//! `kill -9` at every step of publishing: before a request, in the middle of one, and behind it, before its answer is there. Readers
//! see whole runs or none; the next start publishes; what is left over is swept.
//!
//! A relay in front of the server counts requests and kills. Runs on the server that CH_URL names, else on the engine that
//! `scripts/test` installs; says that it was skipped where there is neither.

use bt_host::config;
use bt_host::store;
use chfront::Front;
use clickhouse::Client;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// When a request kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The server hears nothing of it.
    Before,
    /// The server has half of what came first of it.
    Amid,
    /// The server has done it, and nobody knows.
    Behind,
}

/// Passes bytes on, and kills a child at a moment of its n-th request.
struct Relay {
    url: String,
    state: Arc<State>,
}

struct State {
    requests: AtomicUsize,
    at: Mutex<Option<(usize, Moment)>>,
    child: Mutex<Option<Child>>,
    has_killed: AtomicBool,
}

impl State {
    fn kill(&self) {
        self.has_killed.store(true, Ordering::SeqCst);
        if let Some(child) = self.child.lock().unwrap().as_mut() {
            child.kill().expect("SIGKILL is sent");
        }
    }

    fn is_due(&self, request: usize, moment: Moment) -> bool {
        *self.at.lock().unwrap() == Some((request, moment))
    }
}

impl Relay {
    fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            requests: AtomicUsize::new(0),
            at: Mutex::new(None),
            child: Mutex::new(None),
            has_killed: AtomicBool::new(false),
        });
        let (shared, server) = (state.clone(), server.trim_start_matches("http://").to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&server)) else {
                    return;
                };
                relay(client, server, &shared);
            }
        });
        Relay { url, state }
    }
}

/// One connection. A request begins where the client speaks first, or speaks after the server has.
fn relay(client: TcpStream, server: TcpStream, state: &Arc<State>) {
    let request = Arc::new(AtomicUsize::new(0));
    let is_answered = Arc::new(AtomicBool::new(true));
    let pair = |a: &TcpStream, b: &TcpStream| (a.try_clone().unwrap(), b.try_clone().unwrap());
    let (mut from, mut to) = pair(&client, &server);
    let (up, up_request, up_answered) = (state.clone(), request.clone(), is_answered.clone());
    std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 20];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if up_answered.swap(false, Ordering::SeqCst) {
                let number = up.requests.fetch_add(1, Ordering::SeqCst) + 1;
                up_request.store(number, Ordering::SeqCst);
            }
            let number = up_request.load(Ordering::SeqCst);
            if up.is_due(number, Moment::Before) {
                up.kill();
                break;
            }
            if up.is_due(number, Moment::Amid) {
                let _ = to.write_all(&bytes[..length / 2]);
                up.kill();
                break;
            }
            if to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = pair(&server, &client);
    let down = state.clone();
    std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            if down.is_due(request.load(Ordering::SeqCst), Moment::Behind) {
                down.kill();
                break;
            }
            is_answered.store(true, Ordering::SeqCst);
            if to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}

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

    let relay = Relay::start(&url);
    let publish = |at: Option<(usize, Moment)>| {
        relay.state.requests.store(0, Ordering::SeqCst);
        relay.state.has_killed.store(false, Ordering::SeqCst);
        *relay.state.at.lock().unwrap() = at;
        let child = Command::new(env!("CARGO_BIN_EXE_bt-host"))
            .args([
                "publish",
                "--exists",
                "replace",
                "--url",
                &relay.url,
                "--database",
                &name,
                "--run",
            ])
            .arg(&results)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        *relay.state.child.lock().unwrap() = Some(child);
        loop {
            let done = relay.state.child.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
            if let Some(status) = done {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    assert!(publish(None), "undisturbed");
    let requests = relay.state.requests.load(Ordering::SeqCst);
    let moments = [Moment::Before, Moment::Amid, Moment::Behind];
    let (mut kills, mut unseen, mut shown) = (0, 0, 0);
    for request in 1..=requests {
        // Every moment of the first steps and of the last; one of each in between, where one table is as another.
        let is_edge = request <= 3 || request + 3 > requests;
        for moment in moments {
            if !is_edge && moment != moments[request % 3] {
                continue;
            }
            let before = count("SELECT count() FROM {}.backtest_runs_rows");
            publish(Some((request, moment)));
            assert_eq!(count(TORN), 0, "request {request}, {moment:?}");
            assert!(relay.state.has_killed.load(Ordering::SeqCst), "request {request}, {moment:?}");
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
    assert!(publish(None), "the next start publishes");
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
