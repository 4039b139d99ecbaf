//! Publishing through a network that breaks: each attempt ends visible and whole, or with a clean error and out of sight.
//!
//! A proxy between the program and the server strikes at seeded bytes of seeded inserts; a failure prints its seed. Needs the server
//! that CH_URL names, or the engine that `scripts/test` installs; says so when it skips.

use bt_host::config::{self, ClickHouseOutput, Exists};
use bt_host::store::{self, StoreError};
use chfront::{Act, Asked, At, Fault, Proxy};
use clickhouse::Client;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Schedules of one database, and databases that are written to beside each other.
const SCHEDULES: u64 = 25;
const DATABASES: u64 = 4;
const MEMORY: &str = "Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED) (version 25.12.3.21 (official build))\n";
const DISK: &str = "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE) (version 25.12.3.21 (official build))\n";

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

fn is_insert(asked: &Asked) -> bool {
    asked.target.contains("INSERT") || asked.query.starts_with("INSERT")
}

/// One fault of an insert, mostly within its body.
fn draw(draws: &mut Draws) -> Fault {
    let at = At::Body(1 + draws.below(900));
    match draws.below(20) {
        0..5 => Fault(at, Act::Reset),
        5..9 => Fault(at, Act::Close),
        9..13 => Fault(at, Act::Flip),
        13 => Fault(at, Act::Stall),
        14 => Fault(at, Act::Trickle(Duration::from_millis(20))),
        15..17 => Fault(at, Act::Down(Duration::from_millis(3))),
        17 => Fault(At::Answer(0), Act::Reset),
        18 => Fault(At::Head, Act::Status(500, MEMORY.into())),
        _ => Fault(At::Body(1 + draws.below(900)), Act::Status(500, DISK.into())),
    }
}

struct Place {
    runtime: tokio::runtime::Runtime,
    client: Client,
    database: String,
}

impl Place {
    fn ask(&self, sql: &str) -> Vec<String> {
        self.runtime
            .block_on(self.client.query(sql).fetch_all::<String>())
            .unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// The attempt that readers see of each run.
    fn visible(&self) -> Vec<String> {
        self.ask(&format!(
            "SELECT toString(attempt) FROM {}.backtest_runs ORDER BY run_id",
            self.database
        ))
    }

    /// What readers see of every table, whoever published it and when.
    fn seen(&self) -> Vec<String> {
        let tables = ["orders", "fills", "timeseries", "queues", "hours", "daily"];
        let hash = |table: &str| {
            self.ask(&format!(
                "SELECT concat('{table} ', toString(count()), ' ', toString(sum(cityHash64(tuple(* EXCEPT attempt))))) FROM \
                 {}.backtest_{table}",
                self.database
            ))
        };
        let runs = self.ask(&format!(
            "SELECT toString(sum(cityHash64(tuple(* EXCEPT (attempt, created_at, published_at))))) FROM {}.backtest_runs",
            self.database
        ));
        tables.iter().flat_map(|table| hash(table)).chain(runs).collect()
    }
}

/// What the schedules of a database came to.
#[derive(Default)]
struct Tally {
    struck: usize,
    hits: usize,
    open: usize,
    recovered: usize,
    refused: usize,
}

#[test]
fn a_hundred_schedules_end_whole_or_out_of_sight() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let Some(url) = chfront::shared(scratch) else { return };
    let dir = scratch.join(format!("faults-write-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let results = dir.join("results");
    let made = Command::new(env!("CARGO_BIN_EXE_bt-host"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .args(["run", "-q", "--config", "configs/demo.yaml"])
        .args(["--set", "data.to=2026-04-08T09:00:00+08:00", "--out"])
        .arg(&results)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let begun = Instant::now();
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let start = |number| {
            scope.spawn({
                let results = results.as_path();
                move || schedules(url, number, results)
            })
        };
        let threads: Vec<_> = (0..DATABASES).map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("its schedules hold")).collect()
    });
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let (struck, hits, open) = (sum(|t| t.struck), sum(|t| t.hits), sum(|t| t.open));
    let (recovered, refused) = (sum(|t| t.recovered), sum(|t| t.refused));
    let all = (SCHEDULES * DATABASES) as usize;
    println!(
        "{all} schedules, {struck} struck, {hits} hits, {open} of them in an open transfer; {recovered} recovered, \
         {refused} clean errors, in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    assert!(struck * 100 >= all * 90, "{struck} schedules were struck");
    assert!(open * 100 >= hits * 80, "{open} of {hits} hits were in an open transfer");
    assert!(recovered * 100 >= struck * 75, "{recovered} of {struck} recovered");
    assert!(refused > 0, "a full disk is told");
    let _ = std::fs::remove_dir_all(&dir);
}

/// The schedules of one database, one after the other.
fn schedules(url: &str, number: u64, results: &Path) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = format!("bt_test_faults_{number}");
    let place = Place { runtime, client: Client::default().with_url(url), database };
    let output = |url: &str, create| {
        let keys = [("url", url), ("database", &place.database)];
        let mut server =
            config::server(keys.into_iter()).unwrap_or_else(|faults| panic!("{faults}"));
        server.patience.connect_timeout = Duration::from_secs(3);
        server.patience.receive_timeout = Duration::from_millis(1_500);
        server.patience.retries = 4;
        server.patience.back_off = Duration::from_millis(1);
        ClickHouseOutput { server, create, exists: Exists::Replace }
    };
    store::publish(&output(url, true), results, Uuid::now_v7()).unwrap();
    let whole = place.seen();
    let mut tally = Tally::default();
    for seed in number * SCHEDULES..(number + 1) * SCHEDULES {
        let mut draws = Draws(seed);
        let (mut inserts, mut left) = (0, 1 + draws.below(3));
        let proxy = Proxy::start(url, move |asked| {
            inserts += u64::from(is_insert(asked));
            // Of seven inserts, one in three, and always the last: it is what makes a run visible.
            let is_due = is_insert(asked) && left > 0 && (inserts >= 7 || draws.below(3) == 0);
            if !is_due {
                return vec![];
            }
            left -= 1;
            vec![draw(&mut draws)]
        });
        let proxy = proxy.unwrap();
        let (before, attempt) = (place.visible(), Uuid::now_v7());
        let done = store::publish(&output(proxy.url(), false), results, attempt);
        let (now, all) = (place.visible(), proxy.hits());
        tally.hits += all.len();
        tally.open += all.iter().filter(|hit| hit.is_open).count();
        tally.struck += usize::from(!all.is_empty());
        assert_eq!(place.seen(), whole, "seed {seed}: readers see one whole run: {all:?}");
        match done {
            Ok(_) => {
                assert_eq!(now, [attempt.to_string()], "seed {seed}: {all:?}");
                tally.recovered += usize::from(!all.is_empty());
            }
            Err(error) => {
                let told = error.to_string();
                assert!(matches!(error, StoreError::Server { .. }), "seed {seed}: {told} {all:?}");
                let is_clean = told.contains("Code: 243") || told.contains("tried 5 times");
                assert!(is_clean, "seed {seed}: {told} {all:?}");
                assert_eq!(now, before, "seed {seed}: {told} {all:?}");
                tally.refused += 1;
            }
        }
    }
    tally
}
