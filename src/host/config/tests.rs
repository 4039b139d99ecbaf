//! Holds the reader to its word: every fault at once with its exact place, the schema key for key, the hash
//! stable, secrets out of sight.

use super::data::Patience;
use super::fault::{Faults, SourceText};
use super::*;
use btcore::latency::{Excess, FeedLeg, Leg, Legs, Quantile, ThrottleConfig};
use btcore::strategy::Param;
use btcore::wire::{FeeBase, Rounding, TickStep};
use std::time::Duration;

const GOOD: &str = r#"version: 1
name: txf-maker
data:
  synth: { preset: txf, seed: 7 }
  from: 2026-04-08
  to: 2026-04-09
  time_zone: Asia/Taipei
  ts_grid_ns: 1_000_000
  reorder: 5ms
instruments:
  - symbol: 0050
    exchange: TWSE
    ladder: [["0", "0.01"], ["50", 0.05]]
    multiplier: 1000
    sessions: { time_zone: Asia/Taipei, list: [{ open: "09:00", close: "13:25" }] }
  - symbol: TXFD6
    tick: 1
    multiplier: "200"
    sessions:
      time_zone: Asia/Taipei
      list:
        - { open: "08:45", close: "13:45" }
        - { open: "15:00", close: "05:00+1", trading_day: next }
    fees:
      - { name: commission, per_lot: "60" }
      - { name: tax, rate: "0.00002", unit: "1" }
capital: 1000000
latency: { feed: 0, submit: 36ms, amend: 43ms, cancel: 47ms, response: 250us }
strategies:
  - name: maker
    path: builtin:market_maker
    params: { qty: 1, skew: 0.5, mode: "7", word: calm }
"#;

fn try_parse(text: &str, sets: &[&str]) -> Result<Config, Faults> {
    let source = SourceText { name: "run.yaml".into(), text: text.into() };
    let options =
        LoadOptions { sets: sets.iter().map(|s| (*s).into()).collect(), ..LoadOptions::default() };
    parse(source, Path::new(""), &options).0
}

fn faults(text: &str, sets: &[&str]) -> Vec<(String, String, String)> {
    let faults = try_parse(text, sets).expect_err("the config has faults");
    faults.list.iter().map(|f| (faults.place_text(f), f.path.clone(), f.message.clone())).collect()
}

#[test]
fn a_good_config_is_read_exactly() {
    let config = try_parse(GOOD, &[]).unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(config.name, "txf-maker");
    assert_eq!(config.data.from_ns, 1_775_577_600_000_000_000);
    assert_eq!(config.data.to_ns - config.data.from_ns, 2 * 86_400_000_000_000);
    assert_eq!(config.data.feed.reorder_ns, 5_000_000);
    let [etf, txf] = config.instruments.as_slice() else { panic!() };
    assert_eq!(etf.instrument.symbol, "0050");
    let ladder = [
        TickStep { price_from: 0, tick: 10_000 },
        TickStep { price_from: 50_000_000, tick: 50_000 },
    ];
    assert_eq!(etf.instrument.ticks, ladder);
    assert_eq!(txf.instrument.multiplier_e6, 200_000_000);
    assert_eq!(txf.instrument.fees[0].base, FeeBase::PerLot { amount: 60_000_000 });
    assert_eq!(txf.instrument.fees[1].base, FeeBase::ValuePerLot { rate_e9: 20_000 });
    assert_eq!(txf.instrument.fees[1].unit, 1_000_000);
    assert_eq!(txf.instrument.fees[1].rounding, Rounding::HalfUp);
    let lane = &config.lanes[0];
    assert_eq!(lane.config.latency.response, Leg::Constant(250_000));
    assert_eq!(lane.config.capital, 1_000_000_000_000);
    assert_eq!(
        lane.strategies[0].params,
        [
            ("mode".into(), Param::Text("7".into())),
            ("qty".into(), Param::Int(1)),
            ("skew".into(), Param::Float(0.5)),
            ("word".into(), Param::Text("calm".into())),
        ]
    );
    assert_eq!(config.output.dir, Path::new("out/txf-maker"));
}

#[test]
fn how_the_machine_is_used_is_no_part_of_the_hash() {
    let hash = |config: &Config| effective::hash(&effective::document(config));
    let plain = try_parse(GOOD, &[]).unwrap();
    assert_eq!((&plain.run.pin, &plain.data.cache), (&Pin::Auto, &None));
    let sets = ["run.pin=[1, 0]", "data.cache={dir: tapes, max_bytes: 5000}"];
    let tuned = try_parse(GOOD, &sets).unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(tuned.run.pin, Pin::Cores(vec![1, 0]));
    let cache = data::CacheSpec { dir: "tapes".into(), bytes_max: Some(5_000) };
    assert_eq!(tuned.data.cache, Some(cache));
    assert_eq!(hash(&plain), hash(&tuned));
    let off = try_parse(GOOD, &["run.pin=off", "data.cache=off"]).unwrap();
    assert_eq!((&off.run.pin, &off.data.cache), (&Pin::Off, &None));
    for (set, path, says) in [
        ("run.pin=[1, 1]", "run.pin[1]", "named twice"),
        ("run.pin=on", "run.pin", "auto, off"),
        ("run.pin=[]", "run.pin", "empty"),
        ("run.pins=off", "run.pins", "unknown key"),
        ("data.cache=on", "data.cache", "off"),
        ("data.cache={}", "data.cache.dir", "missing"),
        ("data.cache={dir: x, max_bytes: 0}", "data.cache.max_bytes", "out of range"),
    ] {
        let found = faults(GOOD, &[set]);
        let is_there = found.iter().any(|(_, at, text)| at == path && text.contains(says));
        assert!(is_there, "{set}: {found:?}");
    }
}

#[test]
fn patience_with_a_server_is_read_and_no_part_of_the_hash() {
    let hash = |config: &Config| effective::hash(&effective::document(config));
    let from = "  synth: { preset: txf, seed: 7 }\n";
    assert!(GOOD.contains(from));
    let with = |keys: &str| {
        let table = format!("  clickhouse: {{ url: \"http://h:8123\"{keys} }}\n");
        let output = format!("output: {{ clickhouse: {{ url: \"http://h:8123\"{keys} }} }}\n");
        GOOD.replace(from, &table) + &output
    };
    let servers = |config: &Config| {
        let data::SourceSpec::ClickHouse(server, _) = &config.data.source else { panic!() };
        let output = config.output.clickhouse.as_ref().expect("it is there");
        [server.patience, output.server.patience]
    };
    let plain = try_parse(&with(""), &[]).unwrap_or_else(|f| panic!("{f}"));
    let (ms, s) = (Duration::from_millis, Duration::from_secs);
    let default =
        Patience { connect_timeout: s(9), receive_timeout: s(60), retries: 5, back_off: ms(200) };
    assert_eq!(servers(&plain), [default; 2]);
    let keys = ", connect_timeout: 1s, receive_timeout: 2m, retries: 0, back_off: 0";
    let tuned = try_parse(&with(keys), &[]).unwrap_or_else(|f| panic!("{f}"));
    let patience =
        Patience { connect_timeout: s(1), receive_timeout: s(120), retries: 0, back_off: ms(0) };
    assert_eq!(servers(&tuned), [patience; 2]);
    assert_eq!(hash(&plain), hash(&tuned));
    for (key, says) in [
        ("connect_timeout: 0", "out of range"),
        ("receive_timeout: 5", "has no unit"),
        ("retries: -1", "out of range"),
        ("retries: many", "whole number"),
        ("back_off: 25h", "out of range"),
        ("backoff: 1s", "unknown key"),
    ] {
        let found = faults(&with(&format!(", {key}")), &[]);
        for map in ["data.clickhouse", "output.clickhouse"] {
            let path = format!("{map}.{}", key.split(':').next().unwrap());
            let is_there = found.iter().any(|(_, at, text)| *at == path && text.contains(says));
            assert!(is_there, "{key}: {found:?}");
        }
    }
}

#[test]
fn an_address_is_http_or_https_and_authorities_are_for_the_latter() {
    let from = "  synth: { preset: txf, seed: 7 }\n";
    let with = |keys: &str| GOOD.replace(from, &format!("  clickhouse: {{ {keys} }}\n"));
    let read = |keys: &str| {
        let config = try_parse(&with(keys), &[]).unwrap_or_else(|f| panic!("{f}"));
        let data::SourceSpec::ClickHouse(server, _) = config.data.source else { panic!() };
        (server.url, server.ca_file)
    };
    let url = "https://h:8443".to_owned();
    assert_eq!(read("url: \"https://h:8443/\""), (url.clone(), None));
    let keys = "url: \"https://h:8443\", ca_file: tls/ca.pem";
    assert_eq!(read(keys), (url, Some("tls/ca.pem".into())));
    for (keys, path, says) in [
        ("url: \"http://h:8123\", ca_file: ca.pem", "data.clickhouse.ca_file", "https"),
        ("url: \"tcp://h:9000\"", "data.clickhouse.url", "http:// or https://"),
        ("url: \"https://me:hush@h\"", "data.clickhouse.url", "user or password"),
    ] {
        let found = faults(&with(keys), &[]);
        let is_there = found.iter().any(|(_, at, text)| at == path && text.contains(says));
        assert!(is_there, "{keys}: {found:?}");
    }
}

#[test]
fn a_pause_doubles_and_ends() {
    let patience = Patience { back_off: Duration::from_millis(200), ..Patience::default() };
    let pauses: Vec<u128> =
        [1, 2, 3, 8, 9, 40, 1_000].map(|retry| patience.pause(retry).as_millis()).to_vec();
    assert_eq!(pauses, [200, 400, 800, 25_600, 30_000, 30_000, 30_000]);
    let long = Patience { back_off: Duration::from_secs(60), ..patience };
    assert_eq!((long.pause(1), long.pause(9)), (Duration::from_secs(60), Duration::from_secs(60)));
    assert_eq!(Patience { back_off: Duration::ZERO, ..patience }.pause(1_000), Duration::ZERO);
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    let text = r#"version: 2
name: bad run
data:
  parquet: { files: ["nothing/*.parquet"] }
  synth: {}
  from: 2026-04-09
  to: 2026-04-08
  time_zone: Asia/Taipe
  malformed: skipp
  chunk_rows: "12"
instruments:
  - symbol: TXFD6
    tick: 0
    multiplyer: 200
    multiplier: 200
    sessions: always
  - symbol: TXFD6
    tick: 0.0000001
    multiplier: 1e3
    sessions: { time_zone: Asia/Taipei, list: [{ open: "13:45", close: "08:45" }] }
    fees: [{ name: tax, rate: 2, base: value_per_lot }]
capital: 0
latency: { feed: 0, submit: 2h, amend: -1ms, cancel: 36 }
strategies:
  - name: maker
    path: ./missing.so
    params: { on: true }
    password: hunter2
"#;
    let told: Vec<(String, String)> =
        faults(text, &[]).into_iter().map(|(place, path, _)| (place, path)).collect();
    let expected = [
        ("1:10", "version"),
        ("2:7", "name"),
        ("4:22", "data.parquet.files[0]"),
        ("5:10", "data.synth"),
        ("8:14", "data.time_zone"),
        ("9:14", "data.malformed"),
        ("10:15", "data.chunk_rows"),
        ("13:11", "instruments[0].tick"),
        ("14:5", "instruments[0].multiplyer"),
        ("17:13", "instruments[1].symbol"),
        ("18:11", "instruments[1].tick"),
        ("19:17", "instruments[1].multiplier"),
        ("20:48", "instruments[1].sessions.list[0]"),
        ("21:31", "instruments[1].fees[0].rate"),
        ("22:10", "capital"),
        ("23:10", "latency.response"),
        ("23:29", "latency.submit"),
        ("23:40", "latency.amend"),
        ("23:54", "latency.cancel"),
        ("26:11", "strategies[0].path"),
        ("27:19", "strategies[0].params.on"),
        ("28:5", "strategies[0].password"),
    ];
    let expected: Vec<(String, String)> =
        expected.iter().map(|(at, path)| (format!("run.yaml:{at}"), (*path).into())).collect();
    assert_eq!(told, expected);
}

#[test]
fn faults_are_shown_with_their_line_and_a_way_out() {
    let text =
        GOOD.replace("reorder: 5ms", "reordr: 5ms").replace("capital: 1000000", "capital: -1");
    let shown = try_parse(&text, &[]).unwrap_err().to_string();
    let expected = "\
error: data.reordr: unknown key
  --> run.yaml:9:3
  |
9 |   reordr: 5ms
  |   ^^^^^^
  help: did you mean `reorder`?

error: capital: must be above zero
  --> run.yaml:27:10
   |
27 | capital: -1
   |          ^^
  help: drawdown and turnover are shares of it

2 faults in run.yaml";
    assert_eq!(shown, expected);
}

#[test]
fn secrets_never_show() {
    let text = GOOD.replace(
        "synth: { preset: txf, seed: 7 }",
        "clickhouse: { url: \"http://u:hunter2@db:8123\", password: hunter2 }",
    );
    let faults = try_parse(&text, &["output.clickhouse.password=hunter2"]).unwrap_err();
    let shown = faults.to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("password_env"), "{shown}");
}

#[test]
fn from_after_to_names_both() {
    let text = GOOD.replace("to: 2026-04-09", "to: 2026-04-07");
    let told = faults(&text, &[]);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].0.as_str(), told[0].1.as_str()), ("run.yaml:6:7", "data.to"));
}

#[test]
fn overrides_are_checked_and_named() {
    let config =
        try_parse(GOOD, &["data.synth.seed=9", "latency.submit=1ms", "output.dir=x/y"]).unwrap();
    assert_eq!(config.lanes[0].config.latency.submit, Leg::Constant(1_000_000));
    assert_eq!(config.output.dir, Path::new("x/y"));
    let told =
        faults(GOOD, &["latency.submit=2h", "latensy.submit=1ms", "instruments.7.tick=1", "x"]);
    let places: Vec<&str> = told.iter().map(|t| t.0.as_str()).collect();
    assert_eq!(
        places,
        [
            "--set latency.submit=2h",
            "--set latensy.submit=1ms",
            "--set instruments.7.tick=1",
            "--set x"
        ]
    );
}

#[test]
fn several_lanes_stand_side_by_side() {
    let at = GOOD.find("capital:").unwrap();
    let text = format!(
        "{}lanes:\n{}",
        &GOOD[..at],
        ["a", "b"].map(|name| format!(
            "  - name: {name}\n    capital: 1\n    latency: {{ feed: 0, submit: 1ms, amend: 1ms, cancel: 1ms, response: 0 }}\n    strategies: [{{ name: s, path: \"builtin:market_maker\" }}]\n"
        ))
        .concat()
    );
    let config = try_parse(&text, &[]).unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(config.lanes.iter().map(|l| l.config.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let both = format!("{text}capital: 1\n");
    assert_eq!(faults(&both, &[])[0].1, "capital");
    let twice = text.replace("name: b", "name: a");
    assert_eq!(faults(&twice, &[])[0].1, "lanes[1].name");
}

#[test]
fn the_hash_ignores_what_no_result_depends_on() {
    let hash = |text: &str| {
        let config = try_parse(text, &[]).unwrap_or_else(|f| panic!("{f}"));
        blake3::Hash::from(effective::hash(&effective::document(&config))).to_hex().to_string()
    };
    let base = hash(GOOD);
    let moved = GOOD
        .replace("  reorder: 5ms", "  chunk_rows: 17\n  window_rows: 1000\n  reorder: 0.005s")
        .replace("capital: 1000000", "output: { dir: elsewhere }\ncapital: 1000000.0");
    assert_eq!(hash(&moved), base);
    assert_ne!(hash(&GOOD.replace("seed: 7", "seed: 8")), base);
    assert_ne!(hash(&GOOD.replace("submit: 36ms", "submit: 37ms")), base);
    let document = effective::document(&try_parse(GOOD, &[]).unwrap());
    assert_eq!(document, effective::sorted(&document));
    assert_eq!(base, "00b11832140a181528debd8843e097dd1241c0f7e288ce0c51c39e62351e1b70");
}

/// Every key path of a schema, list elements written as `[]`.
fn schema_paths(
    schema: &serde_json::Value,
    at: &serde_json::Value,
    path: &str,
    out: &mut BTreeSet<String>,
) {
    if let Some(reference) = at["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return schema_paths(schema, &schema["$defs"][name], path, out);
    }
    for choice in ["anyOf", "oneOf"] {
        for item in at[choice].as_array().into_iter().flatten() {
            schema_paths(schema, item, path, out);
        }
    }
    if at["items"].is_object() {
        schema_paths(schema, &at["items"], &format!("{path}[]"), out);
    }
    for (key, value) in at["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        schema_paths(schema, value, &path, out);
        out.insert(path);
    }
}

#[test]
fn the_schema_knows_the_keys_that_the_reader_reads() {
    // Three configs that together take every branch of the reader.
    let one_lane = r#"
version: 1
name: x
data: { parquet: { columns: {}, types: {} }, arrow: { columns: {}, types: {} }, clickhouse: { columns: {}, types: {} }, synth: {}, cache: {}, quality: {} }
run: {}
rules: {}
references: { file: none.csv, clickhouse: {} }
instruments: [{ sessions: { list: [{}] }, price_limits: {}, fees: [{}] }]
capacity: {}
latency: LEGS
exchange: { queue: { join: {}, advance: {} }, netting: {}, auction: {}, taken: {}, beyond: {}, slippage: { linear: {}, square_root: {} } }
strategies: [{ params: {} }]
output: { clickhouse: {} }
"#;
    let lanes = "lanes: [{ latency: LEGS, capacity: {}, exchange: {queue: {join: {}, advance: {}}, netting: {}, auction: {}, taken: {}, beyond: {}, \
         slippage: {linear: {}, square_root: {}}}, strategies: [{}] }]\ninstruments_file: none.yaml\n";
    let mut read = BTreeSet::new();
    let plain = "uniform: {}, normal: {}, lognormal: {}";
    let hours = format!("time_of_day: {{ legs: [[\"08:45\", {{ {plain} }}]] }}");
    let entry = format!("{{ {plain}, {hours} }}");
    let legs = [
        format!(
            "{{ submit: {entry}, amend: {entry}, cancel: {entry}, response: {entry}, throttle: {{}}, feed: {entry} }}"
        ),
        format!("{{ feed: {{ recorded: {{ otherwise: {{ {plain} }} }} }} }}"),
    ];
    let texts =
        legs.iter().flat_map(|legs| [one_lane, lanes].map(|text| text.replace("LEGS", legs)));
    for text in texts {
        let source = SourceText { name: "x".into(), text };
        read.extend(parse(source, Path::new(""), &LoadOptions::default()).1);
    }
    let document = schema::document();
    let mut described = BTreeSet::new();
    schema_paths(&document, &document, "", &mut described);
    let unread: Vec<_> = described.difference(&read).collect();
    let undescribed: Vec<_> = read.difference(&described).collect();
    assert!(unread.is_empty(), "the schema has keys that nobody reads: {unread:?}");
    assert!(undescribed.is_empty(), "the schema does not have: {undescribed:?}");
}

#[test]
fn the_examples_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // The recordings are not part of the project; any file stands in for them here.
    let recording = format!("data.parquet.files=[{}]", root.join("Cargo.toml").display());
    for (name, sets) in [
        ("demo", vec![]),
        ("txf", vec![recording.clone()]),
        ("twse", vec![recording.clone()]),
        ("txf-clickhouse", vec![]),
    ] {
        let options = LoadOptions { sets, ..LoadOptions::default() };
        let config = load(&root.join(format!("configs/{name}.yaml")), &options);
        let config = config.unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(config.name, name);
    }
    let options = LoadOptions { sets: vec![recording], ..LoadOptions::default() };
    let config = load(&root.join("configs/txf.yaml"), &options).unwrap();
    assert_eq!(config.lanes.len(), 2);
    // The end of a night, then two days of two auctions, a day and a night.
    assert_eq!(config.instruments[0].instrument.sessions.len(), 9);
}

/// A config whose latency is these words, in a directory of its own with the files that they name.
fn with_latency(words: &str, files: &[(&str, &str)]) -> Result<Config, Faults> {
    let dir = std::env::temp_dir().join(format!("bt-host-latency-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&dir).unwrap();
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
    let from = "latency: { feed: 0, submit: 36ms, amend: 43ms, cancel: 47ms, response: 250us }";
    assert!(GOOD.contains(from));
    let text = GOOD.replace(from, &format!("latency: {words}"));
    let source = SourceText { name: "run.yaml".into(), text };
    let config = parse(source, &dir, &LoadOptions::default()).0;
    std::fs::remove_dir_all(&dir).unwrap();
    config
}

#[test]
fn a_latency_profile_is_read_and_keys_beside_it_win() {
    let profile = "submit: { quantiles: [[50, 1ms], [99.9, 8ms]] }\ncancel: 2ms\nresponse: 3ms\n\
                   throttle: { requests: 5, per: 1s, excess: wait }\n";
    let words = "{ profile: p.yaml, feed: { recorded: { skew: -1ms, otherwise: { uniform: { min: 0, max: 5ms } } } }, \
                 amend: { lognormal: { floor: 1ms, median: 2ms, sigma: 0.5, max: 9ms } }, cancel: 4ms }";
    let config = with_latency(words, &[("p.yaml", profile)]).unwrap_or_else(|f| panic!("{f}"));
    let ms = 1_000_000;
    assert_eq!(
        config.lanes[0].config.latency,
        Legs {
            feed: FeedLeg::Recorded {
                skew_ns: -ms,
                otherwise: Some(Leg::Uniform { min_ns: 0, max_ns: 5 * ms }),
            },
            submit: Leg::Quantiles(vec![
                Quantile { ppm: 500_000, ns: ms },
                Quantile { ppm: 999_000, ns: 8 * ms },
            ]),
            amend: Leg::LogNormal {
                floor_ns: ms,
                median_ns: 2 * ms,
                sigma_e6: 500_000,
                max_ns: 9 * ms,
            },
            cancel: Leg::Constant(4 * ms),
            response: Leg::Constant(3 * ms),
            throttle: Some(ThrottleConfig {
                requests: 5,
                per_ns: 1_000 * ms,
                excess: Excess::Wait,
            }),
        }
    );
}

#[test]
fn faults_of_latencies_name_their_place() {
    let rest = "amend: 0, cancel: 0, response: 0";
    for (submit, files, place, says) in [
        (
            "{ uniform: { min: 5ms, max: 1ms } }",
            vec![],
            "latency",
            "submit latency: 5000000 to 1000000 ns",
        ),
        ("{ quantiles: [[50, 2ms], [95, 1ms]] }", vec![], "latency", "quantiles rise"),
        (
            "{ quantiles: [[50, 2ms, 3ms]] }",
            vec![],
            "latency.submit.quantiles[0]",
            "found 3 values",
        ),
        (
            "{ normal: { mean: 1ms, min: 0, max: 2ms } }",
            vec![],
            "latency.submit.normal.sd",
            "missing",
        ),
        ("{ gamma: 1ms }", vec![], "latency.submit.gamma", "unknown key"),
        (
            "{ time_of_day: { utc_offset: 8h, legs: [[\"25:00\", 1ms]] } }",
            vec![],
            "latency.submit.time_of_day.legs[0][0]",
            "not a clock time",
        ),
        (
            "{ time_of_day: { utc_offset: 8h, legs: [[\"09:00\", { time_of_day: {} }]] } }",
            vec![],
            "latency.submit.time_of_day.legs[0][1].time_of_day",
            "unknown key",
        ),
        ("{ replay: none.parquet }", vec![], "latency.submit.replay", "No such file"),
        ("1ms, profile: none.yaml", vec![], "latency.profile", "cannot be read"),
        ("1ms, profile: p.yaml", vec![("p.yaml", "amend: 2\n")], "amend", "has no unit"),
        (
            "1ms, throttle: { requests: 0, per: 1s, excess: drop }",
            vec![],
            "latency.throttle.excess",
            "reject, wait",
        ),
        ("recorded", vec![], "latency.submit", "`recorded`"),
    ] {
        let faults = with_latency(&format!("{{ feed: 0, {rest}, submit: {submit} }}"), &files);
        let faults = faults.map(|_| panic!("{submit} is taken")).unwrap_err();
        let found = faults.list.iter().any(|f| f.path == place && f.message.contains(says));
        assert!(found, "{submit}: {faults}");
    }
    // What neither the config nor the profile states is missing at the config.
    let faults = with_latency("{ profile: p.yaml, feed: 0 }", &[("p.yaml", "submit: 1ms\n")]);
    let faults = faults.map(|_| panic!("it is taken")).unwrap_err();
    let paths: Vec<&str> = faults.list.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["latency.amend", "latency.cancel", "latency.response"]);
}
