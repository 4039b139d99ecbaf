//! A server that is killed while it works and started again over the same data, and one whose disk is full: what a run makes of it.
//!
//! The engine runs as a process of its own, behind a proxy that says at which byte of which request it is killed; a failure prints
//! the seed. The full disk is a small one in memory, mounted where this process and its children alone see it. Needs the engine that
//! `scripts/test` installs, and the second half the right to mount; says so when it skips.

use bt_host::config;
use bt_host::store;
use chfront::{Act, Asked, At, ChildFront, Fault, Proxy, Upstream};
use clickhouse::Client;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const SEED: u64 = 20_260_408;
/// Several blocks of the size that a run asks for.
const ROWS: u64 = 60_000;

/// A seeded generator.
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// The program that serves the engine, and the engine; `None`, with a line that says so, where either is missing.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let beside = || Path::new(env!("CARGO_BIN_EXE_bt-host")).with_file_name("chfront");
    let front = std::env::var_os("BT_CHFRONT_BIN").map_or_else(beside, PathBuf::from);
    let library = std::env::var_os("BT_CHDB_LIB").map(PathBuf::from).or_else(chfront::library);
    match library {
        Some(library) if front.is_file() => Some((front, library)),
        _ => {
            println!("skipped: no ClickHouse engine, or no chfront; scripts/test brings both");
            None
        }
    }
}

fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("the scratch folder can be made");
    dir
}

fn is_transfer(asked: &Asked) -> bool {
    asked.query.contains("ORDER BY `exch_ts`")
}

fn is_insert(asked: &Asked) -> bool {
    asked.target.contains("INSERT") || asked.query.starts_with("INSERT")
}

/// A server that can be killed. It comes back at another address: its port may be another's by then.
struct Mortal {
    front: Mutex<Option<ChildFront>>,
    kills: AtomicUsize,
    address: Upstream,
    start: Box<dyn Fn() -> ChildFront + Send + Sync>,
}

impl Mortal {
    fn start(front: PathBuf, library: PathBuf, data: PathBuf) -> Arc<Self> {
        let start = move || ChildFront::spawn(&front, &library, &data).expect("the engine starts");
        let first = start();
        let address = Arc::new(Mutex::new(first.url().to_owned()));
        let (front, kills) = (Mutex::new(Some(first)), AtomicUsize::new(0));
        Arc::new(Mortal { front, kills, address, start: Box::new(start) })
    }

    /// Kills the process, and lets another take its place when it is ready.
    fn kill(self: &Arc<Self>) {
        let Some(front) = self.front.lock().unwrap().take() else { return };
        front.kill().expect("SIGKILL is sent");
        self.address.lock().unwrap().clear();
        self.kills.fetch_add(1, Ordering::SeqCst);
        let again = self.clone();
        thread::spawn(move || {
            let mut front = again.front.lock().unwrap();
            let started = (again.start)();
            started.url().clone_into(&mut again.address.lock().unwrap());
            *front = Some(started);
        });
    }

    /// Waits until it has been killed so often, and somebody serves.
    fn settle(&self, kills: usize) {
        let is_settled =
            || self.kills.load(Ordering::SeqCst) >= kills && self.front.lock().unwrap().is_some();
        while !is_settled() {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A server's tables, as one who asks past all proxies sees them.
struct Place {
    runtime: tokio::runtime::Runtime,
    address: Upstream,
}

impl Place {
    fn new(address: Upstream) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Place { runtime, address }
    }

    /// A client without connections: those to a server that was killed are dead.
    fn client(&self) -> Client {
        Client::default().with_url(self.address.lock().unwrap().as_str())
    }

    fn execute(&self, sql: &str) {
        let done = self.runtime.block_on(self.client().query(sql).execute());
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    fn ask(&self, sql: &str) -> Vec<String> {
        let found = self.runtime.block_on(self.client().query(sql).fetch_all::<String>());
        found.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// The attempts that readers see.
    fn visible(&self, database: &str) -> Vec<String> {
        self.ask(&format!("SELECT toString(attempt) FROM {database}.backtest_runs ORDER BY run_id"))
    }

    /// What readers see of every table, whoever published it and when.
    fn seen(&self, database: &str) -> Vec<String> {
        let tables = ["orders", "fills", "timeseries", "queues", "hours", "daily"];
        let hash = |table: &str, but: &str| {
            self.ask(&format!(
                "SELECT concat('{table} ', toString(count()), ' ', toString(sum(cityHash64(tuple(* EXCEPT ({but})))))) \
                 FROM {database}.backtest_{table}"
            ))
        };
        let rows = tables.iter().flat_map(|table| hash(table, "attempt"));
        rows.chain(hash("runs", "attempt, created_at, published_at, runtime_seconds")).collect()
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A market in which three rows share each key.
fn fill(place: &Place) {
    place.execute("CREATE DATABASE market");
    place.execute(
        "CREATE TABLE market.market_data (symbol String, type String, exch_ts Int64, ingest_ts Int64, price_scaled Int64, volume \
         Int64, bids_price Array(Int64), bids_vol Array(Int64), asks_price Array(Int64), asks_vol Array(Int64), seq_no UInt64, \
         side Int8) ENGINE = MergeTree ORDER BY (symbol, exch_ts, ingest_ts)",
    );
    place.execute(&format!(
        "INSERT INTO market.market_data WITH intDiv(number, 3) AS key, number % 4 = 3 AS is_trade, (cityHash64(key) % 9) * 1000000 \
         + 34000000000 AS mid SELECT 'TXF', if(is_trade, 'Tick', 'BidAsk'), 1775609100000000000 + key * 100000000, \
         1775609100000000000 + key * 100000000 + 500, if(is_trade, mid, 0), if(is_trade, 1 + number % 5, 0), if(is_trade, [], \
         arrayMap(i -> toInt64(mid - i * 1000000), range(1, 6))), if(is_trade, [], arrayMap(i -> toInt64(i + number % 7 + 1), \
         range(5))), if(is_trade, [], arrayMap(i -> toInt64(mid + i * 1000000), range(1, 6))), if(is_trade, [], arrayMap(i -> \
         toInt64(i + number % 11 + 1), range(5))), number + 1, number % 3 - 1 FROM numbers({ROWS})"
    ));
}

/// A run from a table into a database, both behind `url`, as patient as a run is by default.
fn run(url: &str, dir: &Path) -> Output {
    let text = format!(
        "version: 1\nname: dies\ndata: {{ clickhouse: {{ url: \"{url}\", database: market }}, from: 2026-04-08, to: 2026-04-08, \
         time_zone: Asia/Taipei }}\ninstruments: [{{ symbol: TXF, exchange: X, tick: \"1\", multiplier: \"200\", sessions: {{ \
         time_zone: Asia/Taipei, list: [{{ open: \"08:45\", close: \"13:45\" }}] }} }}]\ncapital: \"1000000\"\n\
         latency: {{ feed: 1ms, submit: 5ms, amend: 5ms, cancel: 5ms, response: 1ms }}\n\
         strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\n\
         output: {{ clickhouse: {{ url: \"{url}\", database: results, exists: replace }} }}\n"
    );
    let file = dir.join("run.yaml");
    std::fs::write(&file, text).expect("a config");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
    command.args(["run", "-q", "--force", "--config"]).arg(&file).arg("--out").arg(dir.join("out"));
    command.output().expect("it starts")
}

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many bytes of the rows went on, and some did not.
    Read(u64),
    /// The server has a part of this insert.
    Begun(u64),
    /// It has all of this insert, and works at it for so many ms.
    Working(u64, u64),
    /// It has done this insert, and nobody knows.
    Done(u64),
}

/// A proxy that kills at a moment, once.
fn killer(server: &Arc<Mortal>, moment: Moment) -> Proxy {
    let (victim, mut left, mut inserts) = (server.clone(), true, 0);
    let plan = move |asked: &Asked| {
        inserts += u64::from(is_insert(asked));
        let (is_due, at, pause) = match moment {
            Moment::Read(byte) => (is_transfer(asked), At::Answer(byte), 0),
            Moment::Begun(n) => (is_insert(asked) && inserts == n, At::Body(20), 0),
            Moment::Working(n, ms) => (is_insert(asked) && inserts == n, At::Body(20), ms),
            Moment::Done(n) => (is_insert(asked) && inserts == n, At::Answer(0), 0),
        };
        if !(left && is_due) {
            return vec![];
        }
        left = false;
        let victim = victim.clone();
        let kill = move || match pause {
            0 => victim.kill(),
            // The rest of the insert goes on meanwhile.
            _ => drop(thread::spawn(move || {
                thread::sleep(Duration::from_millis(pause));
                victim.kill();
            })),
        };
        vec![Fault(at, Act::Call(Box::new(kill)))]
    };
    Proxy::start_before(&server.address, plan).expect("a proxy")
}

#[test]
fn a_run_outlives_a_server_that_is_killed_and_started_again() {
    let Some((front, library)) = programs() else { return };
    let dir = scratch("server-dies");
    let begun = Instant::now();
    let server = Mortal::start(front, library, dir.join("engine"));
    let place = Place::new(server.address.clone());
    fill(&place);
    let url = server.address.lock().unwrap().clone();
    let keys = [("url", url.as_str()), ("database", "results")];
    let results = config::server(keys.into_iter()).unwrap_or_else(|faults| panic!("{faults}"));
    store::apply(&results, None).expect("a schema");

    // Undisturbed.
    let proxy = Proxy::start(&url, |_| vec![]).expect("a proxy");
    let plain = run(proxy.url(), &dir);
    assert!(plain.status.success(), "{}", told(&plain));
    let summary = || std::fs::read_to_string(dir.join("out/summary.json")).expect("a summary");
    let (whole, shown) = (summary(), place.seen("results"));
    let transfer = proxy.whole().into_iter().find(|(asked, _)| is_transfer(asked));
    let bytes = transfer.expect("rows were read").1;
    let inserts = proxy.asked().iter().filter(|asked| is_insert(asked)).count() as u64;
    drop(proxy);

    let mut draws = Draws(SEED);
    // The last fifth may have left the server before it is asked for.
    let part = bytes / 5;
    let mut moments: Vec<Moment> =
        (0..4).map(|n| Moment::Read(1 + n * part + draws.below(part - 1))).collect();
    // The last insert is what makes a run visible.
    let any = |draws: &mut Draws| 1 + draws.below(inserts - 1);
    moments.push(Moment::Begun(any(&mut draws)));
    moments.push(Moment::Working(any(&mut draws), 1 + draws.below(8)));
    moments.push(Moment::Done(any(&mut draws)));
    moments.push(Moment::Working(inserts, 1 + draws.below(8)));
    moments.push(Moment::Done(inserts));
    let (mut reads, mut writes, mut refused) = (0, 0, 0);
    for (index, moment) in moments.into_iter().enumerate() {
        let what = format!("seed {SEED}, {moment:?} of {bytes} bytes and {inserts} inserts");
        let before = place.visible("results");
        let proxy = killer(&server, moment);
        let ran = run(proxy.url(), &dir);
        server.settle(index + 1);
        let (told, hits, now) = (told(&ran), proxy.hits(), place.visible("results"));
        assert_eq!(hits.len(), 1, "{what}: {told}");
        assert_eq!(place.seen("results"), shown, "{what}: readers see one whole run: {told}");
        if !ran.status.success() {
            // A word of why, and nothing to be seen of it, unless it says that it does not know.
            let is_unknown = told.contains("it is not known whether the run is visible");
            assert!(is_unknown || now == before, "{what}: {told}");
            assert_eq!(ran.status.code(), Some(69), "{what}: {told}");
            assert!(told.contains("tried 6 times"), "{what}: {told}");
            refused += 1;
            continue;
        }
        assert_eq!(summary(), whole, "{what}: one run id, one digest, one summary: {told}");
        assert_ne!(now, before, "{what}: this attempt is what readers see");
        // A kill that came when all was in the network's hands is none.
        let went_on = usize::from(told.contains("trying again"));
        match moment {
            Moment::Read(_) => reads += went_on,
            _ => writes += went_on,
        }
    }
    println!(
        "9 kills: {reads} of 4 reads and {writes} of 5 writes went on, {refused} ended with a clean error, in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    assert!(reads >= 1 && writes >= 1, "{reads} reads and {writes} writes recovered");
    drop(server);
    let _ = std::fs::remove_dir_all(&dir);
}

/// A small disk in memory, mounted for a server alone: it is gone with the server's process, however that ends.
struct Disk {
    /// Where this process finds it.
    seen: PathBuf,
}

impl Disk {
    /// Starts a server over a disk of its own; `None`, with a line that says so, where none may be mounted.
    fn serve(front: &Path, library: &Path, dir: &Path) -> Option<(ChildFront, Self)> {
        const MOUNT: &str = "mount -t tmpfs -o size=64m btcore \"$0\"";
        let place = dir.join("disk");
        std::fs::create_dir_all(&place).expect("a folder can be made");
        let probe = Command::new("unshare").args(["-m", "sh", "-c", MOUNT]).arg(&place).output();
        let refusal = match probe {
            Ok(probe) if probe.status.success() => None,
            Ok(probe) => Some(told(&probe)),
            Err(error) => Some(format!("unshare: {error}")),
        };
        if let Some(why) = refusal {
            println!("skipped: no disk can be mounted here: {}", why.trim());
            return None;
        }
        let script = dir.join("over-a-disk");
        let text = format!(
            "#!/bin/sh\nexec unshare -m sh -c '{MOUNT} && exec \"$@\"' '{}' '{}' \"$@\"\n",
            place.display(),
            front.display()
        );
        std::fs::write(&script, text).expect("a script");
        let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, runs).expect("it may run");
        let front = ChildFront::spawn(&script, library, &place.join("engine"));
        let front = front.expect("the engine starts");
        let place = place.strip_prefix("/").expect("it is absolute");
        let seen = Path::new("/proc").join(front.id().to_string()).join("root").join(place);
        assert!(seen.join("engine").is_dir(), "the engine's data lie on it");
        Some((front, Disk { seen }))
    }

    /// Takes what room there is.
    fn fill(seen: &Path) {
        let mut file = std::fs::File::create(seen.join("filler")).expect("a file");
        for size in [1 << 20, 4_096, 1] {
            while std::io::Write::write(&mut file, &vec![0; size]).is_ok() {}
        }
    }

    /// Gives it back.
    fn free(&self) {
        std::fs::remove_file(self.seen.join("filler")).expect("it is there");
    }
}

#[test]
fn a_full_disk_is_told_and_what_is_kept_is_published_later() {
    let Some((program, library)) = programs() else { return };
    let dir = scratch("server-full");
    let Some((front, disk)) = Disk::serve(&program, &library, &dir) else { return };
    let place = Place::new(Arc::new(Mutex::new(front.url().to_owned())));
    for database in ["roomy", "full_2", "full_7"] {
        let keys = [("url", front.url()), ("database", database)];
        let server = config::server(keys.into_iter()).unwrap_or_else(|faults| panic!("{faults}"));
        store::apply(&server, None).expect("a schema");
    }
    let publish = |results: &Path, database: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
        command.args(["publish", "--url", front.url(), "--database", database, "--run"]);
        command.arg(results).output().expect("it starts")
    };
    // In the middle, and at the last insert, where nothing is missing but the row that makes all visible.
    for number in [2, 7] {
        let (database, results) = (format!("full_{number}"), dir.join(format!("out-{number}")));
        let (seen, mut inserts) = (disk.seen.clone(), 0);
        let proxy = Proxy::start(front.url(), move |asked| {
            inserts += u64::from(is_insert(asked));
            if !is_insert(asked) || inserts != number {
                return vec![];
            }
            let seen = seen.clone();
            vec![Fault(At::Head, Act::Call(Box::new(move || Disk::fill(&seen))))]
        });
        let proxy = proxy.expect("a proxy");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        command.args(["run", "-q", "--config", "configs/demo.yaml"]);
        command.args(["--set", "data.to=2026-04-08T09:00:00+08:00", "--out"]).arg(&results);
        command.args(["--set", &format!("output.clickhouse.url={}", proxy.url())]);
        command.args(["--set", &format!("output.clickhouse.database={database}")]);
        let ran = command.output().expect("it starts");
        let is_full = |output: &Output| {
            let told = told(output);
            assert_eq!(output.status.code(), Some(69), "insert {number}: {told}");
            assert!(told.contains("the server's disk is full: "), "insert {number}: {told}");
            assert!(!told.contains("trying again"), "insert {number}: it is full yet: {told}");
            told
        };
        let told = is_full(&ran);
        println!("insert {number}: {}", told.trim());
        assert!(told.contains(&results.display().to_string()), "it says what is kept: {told}");
        assert_eq!(proxy.hits().len(), 1, "it was filled");
        assert_eq!(place.visible(&database), [""; 0], "insert {number}");
        is_full(&publish(&results, &database));
        assert_eq!(place.visible(&database), [""; 0], "insert {number}");
        disk.free();
        let done = publish(&results, &database);
        assert!(done.status.success(), "insert {number}: {}", self::told(&done));
        assert_eq!(place.visible(&database).len(), 1);
        if place.visible("roomy").is_empty() {
            let done = publish(&results, "roomy");
            assert!(done.status.success(), "{}", self::told(&done));
        }
        assert_eq!(place.seen(&database), place.seen("roomy"), "insert {number}: it is whole");
    }
    drop(front);
    let _ = std::fs::remove_dir_all(&dir);
}
