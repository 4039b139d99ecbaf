//! `bt-host explain`, end to end: an order that filled, one that was cancelled, one that was refused; and what it says
//! when the results, the order, the config or the data are not what they were.

use arrow_array::{Array, StringArray, UInt32Array, UInt64Array};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory of one test, gone when the test passes.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("explain-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("the scratch folder can be made");
        Scratch(dir)
    }

    fn at(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
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

/// Exit code, standard output and standard error.
fn told(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bt-host"))
        .args(args)
        .current_dir(root())
        .output()
        .expect("bt-host starts");
    let text = |bytes| String::from_utf8(bytes).expect("it talks UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const SHORT: &str = "data.to=2026-04-08T09:00:00+08:00";

/// Runs the demo's config over a quarter of an hour.
fn run(out: &str, sets: &[&str]) {
    let mut args = vec!["run", "--config", "configs/demo.yaml", "-q", "--out", out, "--set", SHORT];
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    let (code, _, talk) = told(&args);
    assert_eq!(code, Some(0), "{talk}");
}

fn explain(out: &str, order: u64, more: &[&str]) -> (Option<i32>, String, String) {
    let order = order.to_string();
    let mut args = vec!["explain", "-q", "--run", out, "--order", &order];
    args.extend(more);
    told(&args)
}

fn json(out: &str, order: u64) -> Value {
    let (code, text, talk) = explain(out, order, &["--json"]);
    assert_eq!(code, Some(0), "{talk}");
    serde_json::from_str(&text).expect("it prints JSON")
}

/// Orders of a run: id, end, quantity that filled.
fn orders(out: &str) -> Vec<(u64, String, u32)> {
    let file = fs::File::open(Path::new(out).join("orders.parquet")).expect("it is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
    let mut rows = Vec::new();
    for batch in reader.build().expect("it can be read") {
        let batch = batch.expect("it can be read");
        let column = |name: &str| batch.column_by_name(name).expect("a column").as_any();
        let ids: &UInt64Array = column("order_id").downcast_ref().expect("ids");
        let ends: &StringArray = column("end").downcast_ref().expect("ends");
        let filled: &UInt32Array = column("filled_qty").downcast_ref().expect("lots");
        rows.extend((0..ids.len()).map(|i| (ids.value(i), ends.value(i).into(), filled.value(i))));
    }
    rows
}

fn events<'a>(life: &'a Value, what: &str) -> Vec<&'a Value> {
    let list = life["events"].as_array().expect("events");
    list.iter().filter(|event| event["what"] == what).collect()
}

#[test]
fn the_life_of_a_filled_order_is_told() {
    let scratch = Scratch::new("lives");
    let out = scratch.at("run");
    run(&out, &[]);
    let orders = orders(&out);
    let first = |end: &str| orders.iter().find(|row| row.1 == end).expect("one such order").0;

    let filled = json(&out, first("filled"));
    assert_eq!(filled["format"], "btcore-explain");
    assert_eq!(filled["order"]["end"], "filled");
    assert_eq!(filled["order"]["filled_qty"], 1);
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(scratch.0.join("run/summary.json")).unwrap())
            .unwrap();
    assert_eq!(filled["run_id"], summary["run_id"]);
    assert_eq!(filled["order_digest"], summary["lanes"][0]["order_digest"]);
    let order = filled["events"].as_array().expect("events");
    let words: Vec<&str> = order.iter().filter_map(|event| event["what"].as_str()).collect();
    assert_eq!(words[..2], ["sent_submit", "answered"], "{words:?}");
    assert_eq!(order[0]["after_arrival_ns"], -36_000_000, "the submit leg");
    let told = events(&filled, "told_report")[0];
    assert_eq!(told["after_arrival_ns"], 10_000_000, "the response leg");
    assert_eq!(events(&filled, "told_fill").len(), 1);
    let fills: Vec<&Value> = order.iter().filter(|event| event["fills"]["model"] == 1).collect();
    assert_eq!(fills.len(), 1, "{filled:#}");
    assert!(fills[0]["evidence"].is_string(), "{:#}", fills[0]);
    assert_eq!(filled["estimates"]["model"]["filled_qty"], 1);
}

/// Rests an order below the bid and cancels it later; sends another one off the tick ladder.
const PATIENT: &str = "#include <btcore.h>
    static const bt_host_api *host;
    static uint64_t id, bad;
    static int books;
    static int32_t on_event(void *u, bt_ctx *c, const bt_event *e, const bt_depth *d) {
      (void)u, (void)d;
      if (e->kind != BT_KIND_BOOK || e->flags & BT_FLAG_BOOK_INVALID) return BT_STATUS_OK;
      bt_order_req req = bt_order(e->instrument, BT_SIDE_BUY, BT_ORDER_TYPE_LIMIT, BT_TIF_ROD,
                                  e->bid_price - 2000000, 3);
      switch (++books) {
      case 5: return host->order_submit(c, &req, &id);
      case 6: req.price += 500000; return host->order_submit(c, &req, &bad);
      case 60: return host->order_cancel(c, id);
      default: return BT_STATUS_OK;
      }
    }
    int32_t bt_strategy_entry(const bt_host_api *api, bt_strategy_desc *out) {
      host = api;
      *out = (bt_strategy_desc){.struct_size = sizeof *out, .abi_version = BT_ABI_VERSION,
                                .want = BT_WANT_BOOK, .on_event = on_event};
      return BT_STATUS_OK;
    }";

#[test]
fn lives_of_a_cancelled_and_of_a_refused_order_are_told() {
    let scratch = Scratch::new("ends");
    let (out, source, object) = (scratch.at("run"), scratch.at("p.c"), scratch.at("p.so"));
    fs::write(&source, PATIENT).unwrap();
    let compile = || {
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let built = Command::new(compiler)
            .args(["-std=c99", "-shared", "-fPIC", "-I"])
            .arg(root().join("include"))
            .args([&source, "-o", &object])
            .status();
        assert!(built.expect("the compiler starts").success());
    };
    compile();
    let config = ["run", "--config", "configs/demo.yaml", "-q", "--out", &out, "--set", SHORT];
    let args: Vec<&str> = config.into_iter().chain(["--strategy", &object]).collect();
    let (code, _, talk) = told(&args);
    assert_eq!(code, Some(0), "{talk}");

    let cancelled = json(&out, 1);
    assert_eq!(cancelled["order"]["end"], "cancelled");
    assert_eq!(events(&cancelled, "sent_cancel").len(), 1);
    assert_eq!(events(&cancelled, "joined").len(), 1);
    let (code, screen, talk) = explain(&out, 1, &[]);
    assert_eq!(code, Some(0), "{talk}");
    for word in ["strategy asks to cancel", "exchange: cancelled", "Asia/Taipei", "pessimistic"] {
        assert!(screen.contains(word), "{word}: {screen}");
    }
    let (_, all, _) = explain(&out, 1, &["--all"]);
    assert!(all.lines().count() > screen.lines().count(), "{all}");

    let (code, screen, talk) = explain(&out, 2, &[]);
    assert_eq!(code, Some(0), "{talk}");
    for word in ["exchange: rejected, off_tick", "it never rested", "rejected (off_tick)"] {
        assert!(screen.contains(word), "{word}: {screen}");
    }

    // A strategy that was built anew and does the same is a warning; one that does something else is refused.
    fs::write(&source, format!("int anew;\n{PATIENT}")).unwrap();
    compile();
    let (code, _, talk) = explain(&out, 1, &[]);
    assert_eq!(code, Some(0), "{talk}");
    assert!(talk.contains("a strategy's code has changed"), "{talk}");
    fs::write(&source, PATIENT.replace("case 60", "case 61")).unwrap();
    compile();
    let (code, _, talk) = explain(&out, 1, &[]);
    assert_eq!(code, Some(9), "{talk}");
    assert!(talk.contains("a strategy's code has changed"), "{talk}");
}

#[test]
fn the_life_of_an_order_that_the_broker_refused_is_told() {
    let scratch = Scratch::new("refused");
    let out = scratch.at("run");
    run(&out, &["latency.throttle={requests: 3, per: 60s, excess: reject}"]);
    let orders = orders(&out);
    let (id, ..) = orders.iter().find(|row| row.1 == "rejected").expect("a refused order");
    let (code, screen, talk) = explain(&out, *id, &[]);
    assert_eq!(code, Some(0), "{talk}");
    for word in ["exchange: rejected, throttled", "it never rested", "strategy is told: rejected"] {
        assert!(screen.contains(word), "{word}: {screen}");
    }
}

#[test]
fn the_demo_can_be_explained() {
    let scratch = Scratch::new("demo");
    let out = scratch.at("d");
    let (code, _, talk) = told(&["demo", "-q", "--out", &out, "--seed", "3"]);
    assert_eq!(code, Some(0), "{talk}");
    let kept = fs::read(scratch.0.join("d/config.yaml")).expect("the config is kept");
    assert!(kept == fs::read(root().join("configs/demo.yaml")).unwrap(), "byte for byte");
    let (code, screen, talk) = explain(&out, 1, &[]);
    assert_eq!(code, Some(0), "{talk}");
    assert!(screen.starts_with("order 1: "), "{screen}");
}

#[test]
fn what_is_not_there_is_named() {
    let scratch = Scratch::new("unknown");
    let out = scratch.at("run");
    run(&out, &["interval=true"]);
    let (code, _, talk) = explain(&out, 1, &[]);
    assert_eq!(code, Some(2), "{talk}");
    assert!(talk.contains("demo.pessimistic, demo.model, demo.optimistic"), "{talk}");
    let (code, _, talk) = explain(&out, 1, &["--lane", "none"]);
    assert_eq!(code, Some(2), "{talk}");
    assert!(talk.contains("no lane `none`"), "{talk}");
    let (code, screen, talk) = explain(&out, 1, &["--lane", "demo.optimistic"]);
    assert_eq!(code, Some(0), "a lane alone is as it was beside others: {talk}");
    assert!(screen.contains("lane demo.optimistic"), "{screen}");
    let count = orders(&out).len();
    let (code, _, talk) = explain(&out, 1_000_000, &["--lane", "demo.model"]);
    assert_eq!(code, Some(2), "{talk}");
    assert!(talk.contains("they are 1 to "), "{talk} {count}");
    let (code, _, talk) = explain(&scratch.at("nothing"), 1, &[]);
    assert_eq!(code, Some(74), "{talk}");
    assert!(talk.contains("nothing/summary.json"), "{talk}");
    // Results from before the config was kept.
    let invocation = scratch.0.join("run/invocation.json");
    let text = fs::read_to_string(&invocation).unwrap().replace("\"config\":", "\"konfig\":");
    fs::write(&invocation, text).unwrap();
    let (code, _, talk) = explain(&out, 1, &["--lane", "demo.model"]);
    assert_eq!(code, Some(74), "{talk}");
    assert!(talk.contains("run it again"), "{talk}");
}

#[test]
fn a_run_that_is_not_the_same_any_more_is_not_explained() {
    let scratch = Scratch::new("differs");
    let out = scratch.at("run");
    run(&out, &[]);

    // Another config.
    let config = scratch.0.join("run/config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("submit: 36ms", "submit: 37ms")).unwrap();
    let (code, screen, talk) = explain(&out, 1, &[]);
    assert_eq!((code, screen.as_str()), (Some(9), ""), "{talk}");
    assert!(
        talk.contains("the config differs") && talk.contains("lanes[0].latency.submit"),
        "{talk}"
    );
    fs::write(&config, &text).unwrap();
    assert_eq!(explain(&out, 1, &[]).0, Some(0));

    // Another digest of the same config and data, by this build and by another one.
    let summary = scratch.0.join("run/summary.json");
    let whole = fs::read_to_string(&summary).unwrap();
    let document: Value = serde_json::from_str(&whole).unwrap();
    let text_of = |value: &Value| value.as_str().expect("a text").to_owned();
    let digest = text_of(&document["lanes"][0]["order_digest"]);
    let build = text_of(&document["build_id"]);
    fs::write(&summary, whole.replace(&digest, &"0".repeat(64))).unwrap();
    let (code, _, talk) = explain(&out, 1, &[]);
    assert_eq!(code, Some(9), "{talk}");
    assert!(talk.contains("its orders differ") && talk.contains("report it"), "{talk}");
    let other = whole.replace(&build, &"0".repeat(64));
    fs::write(&summary, other.replace(&digest, &"0".repeat(64))).unwrap();
    let (code, _, talk) = explain(&out, 1, &[]);
    assert_eq!(code, Some(9), "{talk}");
    assert!(talk.contains("another build"), "{talk}");
    // The same digest by another build is told, with a warning.
    fs::write(&summary, other).unwrap();
    let (code, screen, talk) = explain(&out, 1, &[]);
    assert_eq!(code, Some(0), "{talk}");
    assert!(talk.starts_with("warning: another build") && screen.contains("order 1: "), "{talk}");
}

#[test]
fn other_data_are_named() {
    let scratch = Scratch::new("data");
    for seed in ["1", "2"] {
        let out = scratch.at(seed);
        let (code, _, talk) = told(&["demo", "-q", "--out", &out, "--seed", seed]);
        assert_eq!(code, Some(0), "{talk}");
    }
    let rows = |seed: &str| scratch.0.join(seed).join("market_data.parquet");
    let file = scratch.0.join("rows.parquet");
    fs::copy(rows("1"), &file).unwrap();
    let text = fs::read_to_string(root().join("configs/demo.yaml")).unwrap();
    let text =
        text.replace("synth: { preset: txf, seed: 1 }", "parquet: { files: [rows.parquet] }");
    let config = scratch.at("run.yaml");
    fs::write(&config, text).unwrap();
    let out = scratch.at("run");
    let (code, _, talk) = told(&["run", "-q", "--config", &config, "--out", &out, "--set", SHORT]);
    assert_eq!(code, Some(0), "{talk}");
    assert_eq!(explain(&out, 1, &[]).0, Some(0), "paths are those of the config's own directory");
    fs::copy(rows("2"), &file).unwrap();
    let (code, screen, talk) = explain(&out, 1, &[]);
    assert_eq!((code, screen.as_str()), (Some(9), ""), "{talk}");
    assert!(talk.contains("the data differ") && talk.contains("rows.parquet"), "{talk}");
}
