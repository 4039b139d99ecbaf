//! Runs sweeps as a user does: members that are runs, packing that does not show, members that fail, sweeps that go on, and
//! noise that is told from skill. Needs a C compiler. Cost: some tens of seconds.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A directory of one test, gone when the test passes.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("sweep-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("the scratch folder can be made");
        Scratch(dir)
    }
    fn at(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
    /// A sweep over the demo with a base of its own.
    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).expect("a file of the scratch folder can be written");
        self.at(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
    command.args(args).current_dir(root());
    command
}

fn bt_host(args: &[&str]) -> Output {
    command(args).output().expect("bt-host starts")
}

/// Runs a sweep and gives its exit code, its table and its talk.
fn sweep(file: &str, out: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let args = [&["sweep", "-q", "--config", file, "--out", out], more].concat();
    let output = bt_host(&args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn done(file: &str, out: &str, more: &[&str]) -> (String, String) {
    let (code, table, talk) = sweep(file, out, more);
    assert_eq!(code, Some(0), "{talk}{table}");
    (table, talk)
}

fn bytes(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&bytes(path)).expect("it is JSON")
}

fn names(dir: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{dir}: {error}"));
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("a plain name")
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// What must not depend on how a sweep was run: both leaderboards, and every member's summary.
fn results(out: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = ["leaderboard.json", "leaderboard.csv"]
        .map(|name| (name.to_owned(), bytes(Path::new(out).join(name))))
        .into();
    for member in names(&format!("{out}/members")) {
        let path = Path::new(out).join("members").join(&member).join("summary.json");
        files.insert(member, bytes(path));
    }
    files
}

/// When a member was written: the id of the start that wrote it.
fn attempt(out: &str, member: &str) -> String {
    json(format!("{out}/members/{member}/invocation.json"))["attempt_id"].to_string()
}

/// A sweep file over the demo's first minutes.
fn over_demo(scratch: &Scratch, members: &str) -> String {
    let base = root().join("configs/demo.yaml").display().to_string();
    scratch.write("sweep.yaml", &format!("version: 1\nname: s\nbase: \"{base}\"\n{members}\n"))
}

/// Compiles a strategy in C.
fn compile(scratch: &Scratch, name: &str, source: &str) -> String {
    let (file, object) =
        (scratch.write(&format!("{name}.c"), source), scratch.at(&format!("{name}.so")));
    compile_file(&file, &object);
    object
}

fn compile_file(file: &str, object: &str) {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2", "-shared", "-fPIC"];
    let built = Command::new(compiler)
        .args(flags)
        .arg("-I")
        .arg(root().join("include"))
        .args([file, "-o", object])
        .output()
        .expect("the compiler starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// Two markets, feed legs of 0 and 400 ms, two parameters, three lanes each: in shared passes and alone.
#[test]
fn a_member_is_the_run_of_its_config_byte_for_byte() {
    let scratch = Scratch::new("alone");
    let file = over_demo(
        &scratch,
        "members:
  grid:
    data.to: [2026-04-08T08:52:00+08:00]
    interval: [true]
    data.synth.seed: [1, 2]
    latency.feed: [0, 400ms]
    strategies.market_maker.params.max_position: [1, 3]
outputs: full
threads: 2
lanes_per_pass: 9",
    );
    let out = scratch.at("out");
    done(&file, &out, &[]);
    let members = names(&format!("{out}/members"));
    assert_eq!(members.len(), 8);
    let board = json(format!("{out}/leaderboard.json"));
    assert_eq!(board["trials"]["count"], 24, "each lane is a trial");
    assert!(board["rows"].as_array().expect("rows").iter().all(|row| row["same_as"].is_null()));
    for member in &members {
        let dir = format!("{out}/members/{member}");
        let invocation = json(format!("{dir}/invocation.json"));
        assert!(invocation["sweep"]["lanes_in_pass"].as_u64() > Some(3), "passes are shared");
        let sets = invocation["config"]["set"].as_array().expect("its changes").clone();
        let alone = scratch.at("alone");
        let mut args =
            vec!["run", "-q", "--force", "--config", "configs/demo.yaml", "--out", &alone];
        sets.iter().for_each(|set| args.extend(["--set", set.as_str().expect("a word")]));
        let output = bt_host(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(names(&dir), names(&alone), "{member}");
        for name in names(&alone).iter().filter(|name| *name != "invocation.json") {
            let (here, there) = (bytes(format!("{dir}/{name}")), bytes(format!("{alone}/{name}")));
            assert!(here == there, "{member}/{name} differs from the run alone");
        }
        let summary = json(format!("{dir}/summary.json"));
        assert!(summary["lanes"][0]["fills"].as_u64() > Some(10), "{summary:#}");
    }
    // A member's results are results: an order of it can be explained.
    let first = format!("{out}/members/0000");
    let explained =
        bt_host(&["explain", "-q", "--run", &first, "--order", "1", "--lane", "demo.model"]);
    assert!(explained.status.success(), "{}", String::from_utf8_lossy(&explained.stderr));
}

const PACKED: &str = "members:
  random:
    count: 10
    keys:
      data.to: { choice: [2026-04-08T08:47:00+08:00, 2026-04-09T08:47:00+08:00] }
      latency.submit: { log_uniform: [1ms, 100ms] }
      strategies.market_maker.params.max_position: { int: [1, 5] }
seed: 5
include_base: false";

#[test]
fn threads_and_packing_do_not_show() {
    let scratch = Scratch::new("packing");
    let file = over_demo(&scratch, PACKED);
    let mut first = None;
    for (threads, lanes) in [("1", "64"), ("1", "1"), ("2", "3"), ("3", "4"), ("8", "64")] {
        let out = scratch.at(&format!("{threads}-{lanes}"));
        let set = [format!("threads={threads}"), format!("lanes_per_pass={lanes}")];
        done(&file, &out, &["--set", &set[0], "--set", &set[1]]);
        let found = results(&out);
        assert_eq!(found.len(), 12);
        let first = first.get_or_insert_with(|| found.clone());
        assert!(*first == found, "{threads} threads, {lanes} lanes a pass");
    }
}

#[test]
fn verbose_tells_where_the_time_went_and_changes_no_result() {
    let scratch = Scratch::new("verbose");
    let file = over_demo(&scratch, PACKED);
    let set = ["--set", "threads=2", "--set", "lanes_per_pass=3"];
    let (plain, told) = (scratch.at("plain"), scratch.at("told"));
    let talk = sweep(&file, &told, &[&set[..], &["-v"]].concat()).2;
    assert!(sweep(&file, &plain, &set).2.is_empty());
    assert!(results(&plain) == results(&told), "results hold no time");
    let line = |name: &str| {
        let found = talk.lines().find(|line| line.trim_start().starts_with(name));
        found.unwrap_or_else(|| panic!("{name}: {talk}")).to_owned()
    };
    for name in ["decode", "replay", "waits for rows", "waits for the writer", "write"] {
        assert!(line(name).ends_with("% of passes"), "{talk}");
    }
    let timings = json(format!("{told}/invocation.json"))["timings"].clone();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let lane_rows = timings["lane_rows"].as_u64().expect("a count").to_string();
    let cell = line("lanes x events").split_whitespace().nth(3).map(digits);
    assert_eq!(cell, Some(lane_rows), "{talk}");
    assert!(timings["parts"]["passes"].as_u64() > Some(1), "{timings}");
    assert!(timings["parts"]["replay_busy_s"].as_f64() > Some(0.0), "{timings}");
}

/// Fails when it is made, at its thousandth event, or never, as its parameter says.
const FRAGILE: &str = "#include <btcore.h>
#include <stdlib.h>
#include <string.h>
typedef struct { const bt_host_api *host; int64_t fail, events; } fragile;
static int32_t on_start(void *user, bt_ctx *ctx) {
  fragile *f = user;
  f->host->param_int(ctx, \"fail\", &f->fail);
  return BT_STATUS_OK;
}
static int32_t on_event(void *user, bt_ctx *ctx, const bt_event *event, const bt_depth *depth) {
  fragile *f = user;
  uint64_t id;
  (void)depth;
  f->events++;
  if (f->events == 1000 && f->fail) return (int32_t)f->fail;
  if (f->events % 100) return BT_STATUS_OK;
  bt_order_req req = bt_order(event->instrument, f->events % 200 ? BT_SIDE_BUY : BT_SIDE_SELL, BT_ORDER_TYPE_MARKET,
                              BT_TIF_IOC, 0, 1);
  return f->host->order_submit(ctx, &req, &id);
}
static int32_t create(const bt_host_api *host, const char *params_json, void **user_out) {
  fragile *f = params_json && !strstr(params_json, \"-1\") ? malloc(sizeof *f) : NULL;
  if (f) *(fragile *)(*user_out = f) = (fragile){host, 0, 0};
  return f ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *out) {
  *out = (bt_strategy_desc){.struct_size = sizeof *out, .abi_version = BT_ABI_VERSION, .want = BT_WANT_BOOK,
                            .create = create, .on_start = on_start, .on_event = on_event, .destroy = free};
  return host ? BT_STATUS_OK : BT_STATUS_INVALID_ARGUMENT;
}
";

#[test]
fn members_that_fail_are_told_and_take_nobody_along() {
    let scratch = Scratch::new("failing");
    let object = compile(&scratch, "fragile", FRAGILE);
    let member = |changes: &str| format!("    - {{ {changes} }}\n");
    let short = |changes: &str| member(&format!("data.to: 2026-04-08T08:50:00+08:00, {changes}"));
    let good: Vec<String> = (1..=5).map(|ms| short(&format!("latency.submit: {ms}ms"))).collect();
    let bad = [
        short("latency.submit: soon"),
        short("strategies.market_maker.params.fail: -1"),
        short("strategies.market_maker.params.fail: 4711"),
        // No lane is named by the fault: a full slab says what to raise.
        short("capacity.in_flight: 1, latency.response: 900s"),
        member("data.from: 2026-04-08T08:30:00+08:00, data.to: 2026-04-08T08:45:00+08:00"),
    ];
    let interleaved: String =
        good.iter().zip(&bad).flat_map(|(good, bad)| [good, bad]).cloned().collect();
    // Two that share a pass: one is not made, and the other fails in a pass that has become its own.
    let last = [
        short("strategies.market_maker.params.fail: -1"),
        short("strategies.market_maker.params.fail: 99"),
    ];
    let interleaved = interleaved + &last.concat();
    let with_bad = over_demo(&scratch, &format!("members:\n  list:\n{interleaved}threads: 1"));
    let (out, strategy) = (scratch.at("out"), ["--strategy", object.as_str()]);
    let (code, table, talk) = sweep(&with_bad, &out, &strategy);
    println!("{table}{talk}");
    assert_eq!(code, Some(8));
    assert!(table.contains("failed: 7 of 12 members"), "{table}");
    let board = json(format!("{out}/leaderboard.json"));
    let failed = board["failed"].as_array().expect("the failed");
    let kinds: Vec<&str> = failed.iter().filter_map(|f| f["kind"].as_str()).collect();
    let expected =
        ["config", "strategy_load", "strategy", "core", "no_data", "strategy_load", "strategy"];
    assert_eq!(kinds, expected);
    assert_eq!(names(&format!("{out}/members")), ["0000", "0002", "0004", "0006", "0008"]);
    for (threads, lanes) in [("3", "2"), ("2", "64")] {
        let again = scratch.at(&format!("again{threads}"));
        let set = [format!("threads={threads}"), format!("lanes_per_pass={lanes}")];
        let more = [&strategy[..], &["--set", &set[0], "--set", &set[1]]].concat();
        assert_eq!(sweep(&with_bad, &again, &more).0, Some(8));
        assert!(results(&again) == results(&out), "{threads} threads, {lanes} lanes a pass");
    }
    // What a member's failure says is what its run says.
    for (failure, changes) in failed.iter().zip(bad.iter().chain(&last)) {
        let alone = scratch.at("alone");
        let changes = changes.trim().trim_start_matches("- { ").trim_end_matches(" }");
        let sets: Vec<String> = changes.split(", ").map(|set| set.replacen(": ", "=", 1)).collect();
        let mut args = vec!["run", "-q", "--config", "configs/demo.yaml", "--out", &alone];
        args.extend(strategy);
        sets.iter().for_each(|set| args.extend(["--set", set.as_str()]));
        let output = bt_host(&args);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(failure["exit_code"].as_i64(), output.status.code().map(i64::from), "{told}");
        let text = failure["text"].as_str().expect("a text");
        let one_line = told.replace('\n', " ");
        assert!(one_line.contains(text), "{text}\nbeside\n{told}");
        assert!(talk.replace('\n', " ").contains(text), "{text}\nis not in\n{talk}");
    }
    // The others are as they are without them, in one pass and many.
    let without = over_demo(&scratch, &format!("members:\n  list:\n{}threads: 1", good.concat()));
    let clean = scratch.at("clean");
    done(&without, &clean, &strategy);
    for (member, name) in
        names(&format!("{clean}/members")).iter().zip(["0000", "0002", "0004", "0006", "0008"])
    {
        let (here, there) = (
            bytes(format!("{clean}/members/{member}/summary.json")),
            bytes(format!("{out}/members/{name}/summary.json")),
        );
        assert!(here == there, "{member} and {name}");
    }
}

#[test]
fn no_member_at_all_is_an_invalid_sweep() {
    let scratch = Scratch::new("none");
    let file =
        over_demo(&scratch, "members: { grid: { strategies.market_maker.prams.qty: [1, 2, 3] } }");
    let out = scratch.at("out");
    let (code, table, talk) = sweep(&file, &out, &[]);
    assert_eq!(code, Some(3), "{talk}");
    assert!(table.is_empty() && !Path::new(&out).exists());
    assert!(
        talk.contains("did you mean `params`?") && talk.contains("3 members, 0000 to 0002"),
        "{talk}"
    );
    assert_eq!(talk.matches("unknown key").count(), 1, "one text is told once: {talk}");
}

#[test]
fn a_sweep_goes_on_by_member() {
    let scratch = Scratch::new("resume");
    let file = over_demo(&scratch, PACKED);
    let out = scratch.at("out");
    done(&file, &out, &[]);
    let (fresh, first) = (results(&out), attempt(&out, "0000"));
    // Nothing to do.
    let (table, _) = done(&file, &out, &[]);
    assert!(table.contains("0 run, 10 were done"), "{table}");
    assert!(results(&out) == fresh);
    // One is gone, one is torn, one was another run's.
    fs::remove_dir_all(format!("{out}/members/0003")).unwrap();
    let torn = format!("{out}/members/0005/summary.json");
    fs::write(&torn, &bytes(&torn)[..1_000]).unwrap();
    fs::copy(
        format!("{out}/members/0000/summary.json"),
        format!("{out}/members/0007/summary.json"),
    )
    .unwrap();
    fs::create_dir_all(format!("{out}/members/.0003.x.partial")).unwrap();
    let (table, _) = done(&file, &out, &[]);
    assert!(table.contains("3 run, 7 were done"), "{table}");
    assert!(results(&out) == fresh);
    for member in names(&format!("{out}/members")) {
        let is_new = ["0003", "0005", "0007"].contains(&member.as_str());
        assert_eq!(attempt(&out, &member) != first, is_new, "{member}");
    }
    // Full outputs are more than is there; --force runs again; a member more is only that member.
    let (table, _) = done(&file, &out, &["--set", "outputs=full"]);
    assert!(table.contains("10 run, 0 were done"), "{table}");
    let (table, _) = done(&file, &out, &["--force"]);
    assert!(table.contains("10 run, 0 were done"), "{table}");
    assert!(results(&out) == fresh);
    let (table, _) = done(&file, &out, &["--set", "members.random.count=11"]);
    assert!(table.contains("1 run, 10 were done"), "{table}");
    let (_, talk) = done(&file, &out, &[]);
    assert!(talk.contains("1 of an earlier sweep, 0010"), "{talk}");
    // Other code is another run.
    let object = compile(&scratch, "fragile", FRAGILE);
    let (table, _) = done(&file, &out, &["--strategy", &object]);
    assert!(table.contains("10 run, 0 were done"), "{table}");
}

#[test]
fn other_rows_are_another_run() {
    let scratch = Scratch::new("rows");
    let tape = |seed: &str| {
        let demo = scratch.at(&format!("demo{seed}"));
        let output = bt_host(&["demo", "-q", "--seed", seed, "--out", &demo]);
        assert!(output.status.success());
        format!("{demo}/market_data.parquet")
    };
    let (one, two, tape) = (tape("1"), tape("2"), scratch.at("tape.parquet"));
    let demo = fs::read_to_string(root().join("configs/demo.yaml")).unwrap();
    let source = "  parquet: { files: [tape.parquet] }";
    scratch.write("base.yaml", &demo.replace("  synth: { preset: txf, seed: 1 }", source));
    let file = scratch.write(
        "sweep.yaml",
        "version: 1\nbase: base.yaml\nmembers: { grid: { data.to: [2026-04-08T09:00:00+08:00], latency.submit: [1ms, 2ms] } }\n",
    );
    fs::copy(&one, &tape).unwrap();
    let out = scratch.at("out");
    done(&file, &out, &[]);
    let old = results(&out);
    let (table, _) = done(&file, &out, &[]);
    assert!(table.contains("0 run, 2 were done"), "{table}");
    // Another file is seen before it is read.
    fs::copy(&two, &tape).unwrap();
    let (table, _) = done(&file, &out, &[]);
    assert!(table.contains("2 run, 0 were done"), "{table}");
    let new = results(&out);
    assert!(new != old);
    // Other rows that nothing tells of are seen when a member of the same market runs.
    fs::copy(&one, &tape).unwrap();
    let other = scratch.at("other");
    done(&file, &other, &[]);
    let key = |out: &str| {
        json(format!("{out}/members/0000/invocation.json"))["sweep"]["source_key"].to_string()
    };
    let path = format!("{out}/members/0000/invocation.json");
    let text = fs::read_to_string(&path).unwrap().replace(&key(&out), &key(&other));
    fs::write(&path, text).unwrap();
    let (_, talk) = done(&file, &out, &[]);
    assert!(talk.contains("the data have changed since 1 members were run"), "{talk}");
    assert!(results(&out) == old);
    // The same bytes in another shape are other rows.
    let same = "{ files: [tape.parquet], price_scale: 1000000 }";
    let base = fs::read_to_string(scratch.at("base.yaml")).unwrap();
    scratch.write("base.yaml", &base.replace("{ files: [tape.parquet] }", same));
    let (table, _) = done(&file, &out, &[]);
    assert!(table.contains("2 run, 0 were done"), "{table}");
    assert!(results(&out) == old, "said or not, it is one scale");
}

#[test]
fn a_sweep_that_dies_leaves_whole_members_and_goes_on() {
    let scratch = Scratch::new("killed");
    let file = over_demo(
        &scratch,
        "members: { grid: { data.to: [2026-04-09], latency.submit: [1ms, 2ms, 3ms, 4ms, 5ms, 6ms] } }
threads: 1
lanes_per_pass: 1",
    );
    let whole = scratch.at("whole");
    done(&file, &whole, &[]);
    let expected = results(&whole);
    for (signal, code) in [("-INT", Some(130)), ("-KILL", None)] {
        let out = scratch.at(signal);
        let args = ["sweep", "-q", "--config", &file, "--out", &out];
        let mut child = command(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("bt-host starts");
        let members = format!("{out}/members");
        let whole_ones = || -> Vec<String> {
            let entries = fs::read_dir(&members).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name().into_string().unwrap());
            names.filter(|name| !name.starts_with('.')).collect()
        };
        let limit = Instant::now() + Duration::from_secs(60);
        while whole_ones().len() < 2 && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(5));
        }
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(killed.expect("kill starts").success());
        assert_eq!(child.wait().unwrap().code(), code);
        let left = whole_ones();
        assert!((2..6).contains(&left.len()), "{signal}: {left:?}");
        for member in &left {
            let there = bytes(format!("{members}/{member}/summary.json"));
            assert!(expected[member] == there, "{signal}: {member} is not whole");
        }
        assert!(!Path::new(&out).join("leaderboard.json").exists());
        let (table, _) = done(&file, &out, &[]);
        let count = left.len();
        assert!(table.contains(&format!("{} run, {count} were done", 6 - count)), "{table}");
        assert!(results(&out) == expected, "{signal}");
    }
}

#[test]
fn places_that_are_not_a_sweeps_are_left_alone() {
    let scratch = Scratch::new("place");
    let file = over_demo(&scratch, "members: { grid: { data.to: [2026-04-08T08:46:00+08:00] } }");
    let taken = scratch.at("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(format!("{taken}/precious.txt"), "x").unwrap();
    for more in [&[][..], &["--force"]] {
        let (code, _, talk) = sweep(&file, &taken, more);
        assert_eq!(code, Some(2), "{talk}");
        assert!(talk.contains("something else than a sweep"), "{talk}");
    }
    assert_eq!(names(&taken), ["precious.txt"]);
    // One trading day is no Sharpe ratio, and one trial no choice.
    let out = scratch.at("out");
    let (table, _) = done(&file, &out, &[]);
    assert!(table.contains("no Sharpe for 1: fewer than 2 trading days; ranked by PnL"), "{table}");
    assert!(table.contains("No deflated Sharpe ratio for the best, member 0000"), "{table}");
    let (listed, _) = done(&file, &out, &["--dry-run"]);
    assert!(listed.contains("0000  data.to=2026-04-08T08:46:00+08:00  is done"), "{listed}");
    assert!(listed.contains("0 of 1 members would run"), "{listed}");
    // A second sweep does not write where one is at work.
    let lock = fs::File::open(format!("{out}/.lock")).unwrap();
    lock.lock().unwrap();
    let (code, _, talk) = sweep(&file, &out, &[]);
    assert_eq!(code, Some(2), "{talk}");
    assert!(talk.contains("in use by another sweep"), "{talk}");
}

/// One lane is varied and the other is not: what is equal is one run, whatever it is called.
#[test]
fn equal_lanes_are_one_trial() {
    let scratch = Scratch::new("equal");
    let demo = fs::read_to_string(root().join("configs/demo.yaml")).unwrap();
    let (head, lane) = demo.split_once("capital:").expect("the demo has one lane");
    let lane = format!("capital:{lane}").replace('\n', "\n    ");
    let lanes = ["a", "b"].map(|name| format!("  - name: {name}\n    {lane}\n"));
    let head = head.replace("to: 2026-04-08", "to: 2026-04-10");
    let head = head.replace("close: \"13:45\"", "close: \"08:50\"");
    scratch.write("base.yaml", &format!("{head}lanes:\n{}", lanes.concat()));
    let file = scratch.write(
        "sweep.yaml",
        "version: 1\nbase: base.yaml\ninclude_base: true
members: { grid: { lanes.b.latency.submit: [36ms, 5ms, 10ms] } }\n",
    );
    let (table, _) = done(&file, &scratch.at("out"), &[]);
    println!("{table}");
    let board = json(format!("{}/leaderboard.json", scratch.at("out")));
    // Lane a is one trial however often; lane b of 0000 and of the base are equal to it.
    assert_eq!(board["trials"]["count"], 3);
    let rows = board["rows"].as_array().unwrap();
    let same = |member: &str, lane: &str| {
        let row = rows.iter().find(|row| row["member"] == member && row["lane"] == lane);
        row.expect("a row")["same_as"].as_str().map(String::from)
    };
    assert_eq!(same("0000", "a"), None);
    for (member, lane) in
        [("0000", "b"), ("0001", "a"), ("0002", "a"), ("base", "a"), ("base", "b")]
    {
        assert_eq!(same(member, lane).as_deref(), Some("0000"), "{member} {lane}");
    }
    assert_eq!((same("0001", "b"), same("0002", "b")), (None, None));
    assert!(table.contains("5 more are the same run"), "{table}");
}

#[test]
fn the_example_is_valid() {
    let output = bt_host(&["sweep", "--dry-run", "--config", "configs/sweep.yaml"]);
    let listed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        listed.contains("12 of 12 members would run") || listed.contains("is done"),
        "{listed}"
    );
    let schema: Value = serde_json::from_slice(&bt_host(&["schema", "sweep-file"]).stdout).unwrap();
    assert!(schema["properties"]["members"].is_object());
}

/// The normal distribution by Simpson's rule, and its inverse by halving: nothing of the program's own.
fn normal_below(z: f64) -> f64 {
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let (steps, width) = (4_000, z / 4_000.0);
    let weight = |step: usize| match step {
        0 | 4_000 => 1.0,
        odd if odd % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let sum: f64 = (0..=steps).map(|step| weight(step) * density(step as f64 * width)).sum();
    0.5 + sum * width / 3.0
}

fn normal_inverse(p: f64) -> f64 {
    let (mut low, mut high) = (-8.0, 8.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if normal_below(middle) < p { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// A hundred coin-flippers over sixty days. The best looks good alone; the deflated Sharpe ratio, computed here from the
/// daily profits once more, says that it is luck.
#[test]
fn noise_is_not_significant_and_its_figure_is_the_one_by_hand() {
    let scratch = Scratch::new("noise");
    let object = scratch.at("noise.so");
    compile_file(&root().join("examples/c/noise.c").display().to_string(), &object);
    let out = scratch.at("out");
    let (table, _) = done("configs/sweep_noise.yaml", &out, &["--strategy", &object]);
    println!("{table}");

    let mut trials: Vec<(String, Vec<f64>)> = Vec::new();
    for member in names(&format!("{out}/members")) {
        let summary = json(format!("{out}/members/{member}/summary.json"));
        let lane = &summary["lanes"][0];
        let number = |value: &Value| -> f64 { value.as_str().unwrap().parse().unwrap() };
        let capital = number(&lane["capital"]);
        let days = lane["daily"].as_array().unwrap();
        trials.push((member, days.iter().map(|day| number(&day["pnl"]) / capital).collect()));
    }
    assert!(trials.len() == 100 && trials.iter().all(|(_, returns)| returns.len() == 60));
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let moment = |x: &[f64], power: i32| {
        mean(&x.iter().map(|v| (v - mean(x)).powi(power)).collect::<Vec<_>>())
    };
    let sharpe =
        |x: &[f64]| mean(x) / (moment(x, 2) * x.len() as f64 / (x.len() as f64 - 1.0)).sqrt();
    let ratios: Vec<f64> = trials.iter().map(|(_, returns)| sharpe(returns)).collect();
    let variance = moment(&ratios, 2) * 100.0 / 99.0;
    let gamma = 0.577_215_664_901_532_9;
    let luck = variance.sqrt()
        * ((1.0 - gamma) * normal_inverse(1.0 - 1.0 / 100.0)
            + gamma * normal_inverse(1.0 - 1.0 / (100.0 * std::f64::consts::E)));
    let best = (0..100).max_by(|&a, &b| ratios[a].total_cmp(&ratios[b])).unwrap();
    let (returns, ratio) = (&trials[best].1, ratios[best]);
    let skewness = moment(returns, 3) / moment(returns, 2).powf(1.5);
    let kurtosis = moment(returns, 4) / moment(returns, 2).powi(2);
    let error = (1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio * ratio).sqrt();
    let alone = normal_below(ratio * 59.0_f64.sqrt() / error);
    let deflated = normal_below((ratio - luck) * 59.0_f64.sqrt() / error);

    let board = json(format!("{out}/leaderboard.json"));
    let is_near = |found: &Value, expected: f64| {
        let found = found["value"].as_f64().expect("a figure");
        assert!((found - expected).abs() < 1e-9, "{found} in the leaderboard, {expected} by hand");
    };
    assert_eq!(board["best"]["member"].as_str(), Some(trials[best].0.as_str()));
    assert_eq!(board["trials"]["count"], 100);
    is_near(&board["best"]["deflated_sharpe"], deflated);
    is_near(&board["rows"][0]["probabilistic_sharpe"], alone);
    is_near(&board["rows"][0]["sharpe_daily"], ratio);
    is_near(&board["rows"][0]["sharpe"], ratio * 252.0_f64.sqrt());
    is_near(&board["trials"]["sharpe_daily_variance"], variance);
    is_near(&board["trials"]["sharpe_daily_expected_best"], luck);
    assert!(alone > 0.95, "alone, the best looks significant: {alone}");
    assert!(deflated < 0.95, "noise is significant: {deflated}");
    assert_eq!(board["best"]["is_significant_95"], false);
    assert!(table.contains("is not significant at 95 %"), "{table}");
}
