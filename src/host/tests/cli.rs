//! Runs the program itself: exit codes, files, equal bytes, and what is left behind when a run dies.
//!
//! Cost: some seconds; the long run is stopped by a signal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A directory of one test, gone when the test passes.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }
    fn at(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
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

fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn code(args: &[&str]) -> (Option<i32>, String) {
    let output = run(args);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

const DEMO: [&str; 5] = ["run", "--config", "configs/demo.yaml", "-q", "--out"];

fn demo<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    DEMO.iter().copied().chain([out]).chain(more.iter().copied()).collect()
}

#[test]
fn a_reader_that_has_had_enough_is_no_panic() {
    let mut child = command(&["schema", "config"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    let talk = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!((done.status.code(), talk.as_str()), (Some(141), ""));
}

#[test]
fn verbose_tells_where_the_time_went_and_changes_no_result() {
    let scratch = Scratch::new("verbose");
    let plain = run(&demo(&scratch.at("plain"), &["--json", "--set", "run.pin=off"]));
    let told = run(&demo(&scratch.at("told"), &["--json", "-v"]));
    assert_eq!((plain.status.code(), told.status.code()), (Some(0), Some(0)));
    assert_eq!(plain.stdout, told.stdout, "the summary holds no time");
    assert!(plain.stderr.is_empty());
    let talk = String::from_utf8_lossy(&told.stderr);
    for word in ["events ", "lanes x events", "first chunk", "decode", "waits for rows", "write"] {
        assert!(talk.contains(word), "{word}: {talk}");
    }
    let text = fs::read(scratch.0.join("told/invocation.json")).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let parts = &document["timings"]["parts"];
    assert!(parts["decode_busy_s"].as_f64().unwrap() > 0.0, "{parts}");
    assert!(parts["replay_busy_s"].as_f64().unwrap() > 0.0, "{parts}");
}

#[test]
fn the_demo_writes_results_and_tells_them() {
    let scratch = Scratch::new("demo");
    let output = run(&["demo", "--out", &scratch.at("d"), "--seed", "3"]);
    let (table, talk) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{talk}");
    for word in ["PnL", "fills", "digest", "run id", "files", "spread p50, ticks"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let mut names: Vec<String> = fs::read_dir(scratch.at("d"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "config.yaml",
        "fills.parquet",
        "hours.parquet",
        "invocation.json",
        "market_data.parquet",
        "orders.parquet",
        "orders_truth.parquet",
        "queues.parquet",
        "summary.json",
        "timeseries.parquet",
    ];
    assert_eq!(names, expected);
    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(scratch.0.join("d/summary.json")).unwrap()).unwrap();
    assert!(summary["lanes"][0]["fills"].as_u64().unwrap() > 0);
    assert_eq!(summary["config"]["data"]["synth"]["seed"], "3");
}

#[test]
fn what_is_not_sure_about_the_rules_is_told_by_validate_run_and_the_summary() {
    let scratch = Scratch::new("rules");
    let rules = ["--set", "rules=taiwan", "--set", "instruments=[{symbol: TXFD6, product: TXF}]"];
    let out = scratch.at("d");
    let short = ["--set", "data.to=2026-04-08T09:15:00+08:00"];
    let more: Vec<&str> = short.iter().chain(&rules).copied().collect();
    let (status, ran) = code(&demo(&out, &more));
    assert_eq!(status, Some(0), "{ran}");
    let mut args = vec!["validate", "--config", "configs/demo.yaml"];
    args.extend(&more);
    let (status, validated) = code(&args);
    assert_eq!(status, Some(0), "{validated}");
    let told: Vec<&str> = ran.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
    assert_eq!(
        told,
        validated.lines().filter_map(|line| line.strip_prefix("warning: ")).collect::<Vec<_>>()
    );
    assert!(
        told.iter().any(|text| text.contains("product `TXF`: its first day is unknown")),
        "{ran}"
    );
    let text = fs::read_to_string(scratch.0.join("d/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["rules"]["warnings"], serde_json::json!(told));
    assert_eq!(summary["rules"]["limit_days_without_reference"]["TXFD6"], 1);
    assert!(summary["lanes"][0]["limits_unknown"].as_u64() > Some(0), "{text}");
}

#[test]
fn equal_runs_give_equal_bytes_whatever_the_chunks() {
    let scratch = Scratch::new("equal");
    let short = ["--set", "data.to=2026-04-08T09:15:00+08:00"];
    let sizes = [
        vec![],
        vec!["--set", "data.chunk_rows=17"],
        vec!["--set", "data.window_rows=512", "--set", "capacity={orders_live: 8, records: 208}"],
    ];
    for (index, size) in sizes.iter().enumerate() {
        let out = scratch.at(&index.to_string());
        let more: Vec<&str> = short.iter().chain(size).copied().collect();
        let (status, talk) = code(&demo(&out, &more));
        assert_eq!(status, Some(0), "{talk}");
    }
    for file in
        ["summary.json", "orders.parquet", "fills.parquet", "timeseries.parquet", "hours.parquet"]
    {
        let bytes = |run: &str| fs::read(scratch.0.join(run).join(file)).unwrap();
        assert!(bytes("0") == bytes("1") && bytes("0") == bytes("2"), "{file} differs");
    }
    let invocation = fs::read_to_string(scratch.0.join("0/invocation.json")).unwrap();
    assert!(invocation.contains("attempt_id"), "{invocation}");
}

#[test]
fn lanes_of_one_run_equal_the_same_lanes_alone() {
    let scratch = Scratch::new("lanes");
    let text = fs::read_to_string(root().join("configs/demo.yaml")).unwrap();
    let at = text.find("capital:").unwrap();
    let lane = |name: &str, ms: u32| {
        format!(
            "  - name: {name}\n    capital: 1000000\n    latency: {{ feed: 0, submit: {ms}ms, amend: {ms}ms, cancel: {ms}ms, response: 0 }}\n    strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\n"
        )
    };
    let head = text[..at].replace("to: 2026-04-08", "to: 2026-04-08T09:15:00+08:00");
    let (fast, slow) = (lane("fast", 1), lane("slow", 300));
    let runs = [("both", format!("{fast}{slow}")), ("slow", slow.clone())];
    let mut summaries = Vec::new();
    for (name, lanes) in runs {
        let config = scratch.at(&format!("{name}.yaml"));
        fs::write(&config, format!("{head}lanes:\n{lanes}")).unwrap();
        let output = run(&["run", "--config", &config, "-q", "--json", "--out", &scratch.at(name)]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        summaries.push(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap());
    }
    assert_eq!(summaries[0]["lanes"][1], summaries[1]["lanes"][0]);
    assert_ne!(summaries[0]["lanes"][0]["order_digest"], summaries[0]["lanes"][1]["order_digest"]);
}

#[test]
fn each_failure_has_its_code_and_leaves_nothing() {
    let scratch = Scratch::new("codes");
    let out = scratch.at("x");
    assert_eq!(code(&["run"]).0, Some(2));
    assert_eq!(code(&["demo", "--seed", "x"]).0, Some(2));
    let (status, talk) = code(&demo(&out, &["--set", "latensy.submit=1ms"]));
    assert_eq!(status, Some(3));
    assert!(
        talk.contains("did you mean `latency`?") && talk.contains("--set latensy.submit=1ms"),
        "{talk}"
    );
    assert_eq!(code(&["validate", "--config", "none.yaml"]).0, Some(3));
    let night = [
        "--set",
        "data.from=2026-04-08T06:00:00+08:00",
        "--set",
        "data.to=2026-04-08T07:00:00+08:00",
    ];
    assert_eq!(code(&demo(&out, &night)).0, Some(4));
    let (status, talk) = code(&demo(&out, &["--strategy", "none.so"]));
    assert_eq!(status, Some(6), "{talk}");
    assert!(talk.contains("none.so"), "{talk}");
    assert_eq!(code(&demo("/dev/null/x", &[])).0, Some(74));
    assert_eq!(scratch.names(), Vec::<String>::new(), "nothing is left of a run that failed");
    let server = [
        "--set",
        "output.clickhouse.url=http://127.0.0.1:1",
        "--set",
        "data.to=2026-04-08T08:50:00+08:00",
    ];
    let (status, talk) = code(&demo(&out, &server));
    assert_eq!(status, Some(69), "{talk}");
    assert!(talk.contains("result files are whole"), "{talk}");
    let (status, talk) = code(&demo(&out, &[]));
    assert_eq!(status, Some(2));
    assert!(talk.contains("--force"), "{talk}");
    assert_eq!(
        code(&demo(&out, &["--force", "--set", "data.to=2026-04-08T08:50:00+08:00"])).0,
        Some(0)
    );
}

#[test]
fn a_failing_strategy_stops_the_run() {
    let scratch = Scratch::new("strategy");
    let source = "#include <btcore.h>\n\
        static int32_t on_event(void *u, bt_ctx *c, const bt_event *e, const bt_depth *d)\n\
        { (void)u; (void)c; (void)e; (void)d; return 4711; }\n\
        int32_t bt_strategy_entry(const bt_host_api *host, bt_strategy_desc *out) {\n\
          (void)host; out->want = BT_WANT_BOOK; out->on_event = on_event; return 0; }\n";
    let (file, object) = (scratch.at("bad.c"), scratch.at("bad.so"));
    fs::write(&file, source).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let include = root().join("include");
    let built = Command::new(compiler)
        .args(["-shared", "-fPIC", "-I"])
        .arg(include)
        .args([&file, "-o", &object])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (status, talk) = code(&demo(&scratch.at("x"), &["--strategy", &object]));
    assert_eq!(status, Some(7), "{talk}");
    assert!(talk.contains("4711"), "{talk}");
    assert!(!Path::new(&scratch.at("x")).exists());
}

#[test]
fn a_signal_stops_a_run_and_leaves_nothing() {
    let scratch = Scratch::new("signal");
    let out = scratch.at("x");
    let mut child = command(&demo(&out, &["--set", "data.to=2026-07-31"]))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let limit = Instant::now() + Duration::from_secs(30);
    while scratch.names().is_empty() && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(200));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(scratch.names(), Vec::<String>::new());
}

#[test]
fn schema_version_and_validate_print_what_they_say() {
    let schema: serde_json::Value =
        serde_json::from_slice(&run(&["schema", "config"]).stdout).unwrap();
    assert!(schema["properties"]["data"].is_object());
    let version: serde_json::Value =
        serde_json::from_slice(&run(&["version", "--json"]).stdout).unwrap();
    assert_eq!(version["abi_version"], 1);
    let output = run(&["validate", "--config", "configs/demo.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("config hash"));
}

#[test]
fn an_interval_is_the_three_estimates_side_by_side() {
    let scratch = Scratch::new("interval");
    let digests = |name: &str, set: &str| -> Vec<serde_json::Value> {
        let out = scratch.at(name);
        let output = run(&demo(&out, &["--json", "--set", set]));
        let talk = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{talk}");
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        summary["lanes"].as_array().unwrap().iter().map(|l| l["order_digest"].clone()).collect()
    };
    let three = digests("three", "interval=true");
    let alone: Vec<_> = ["pessimistic", "model", "optimistic"]
        .iter()
        .flat_map(|estimate| digests(estimate, &format!("exchange.estimate={estimate}")))
        .collect();
    assert_eq!(three, alone);
    assert!(three[0] != three[1] && three[1] != three[2]);
    let words =
        demo("nowhere", &["--set", "interval=true", "--set", "exchange.estimate=optimistic"]);
    let (status, talk) = code(&words);
    assert_eq!(status, Some(3));
    assert!(talk.contains("interval: runs every estimate, and a lane names one"), "{talk}");
}
