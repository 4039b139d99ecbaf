//! The cases one by one, by criterion: cycles and wall time of a pass with one lane, of many, of an order's round trip, beside
//! reading the same tape.
//!
//! `cargo bench -p btcore-benches --bench wall_lane [-- FILTER]`. One measurement gives both: it counts the time-stamp counter,
//! and tells cycles by what the core was measured to run at when the bench started, and ns by the counter's own rate.
//! Throughput is for each event, or lane and event. The lanes' own share of a pass, ratios and budgets are `wall_table`'s,
//! which takes the cases in turn; criterion takes them one after the other, and knows its own spread. A regression means
//! that every backtest got slower.

use btcore_benches::case::{CASES, Case, quiet_tape};
use btcore_benches::clock::{Core, ticks};
use btcore_benches::pass::{bench_pass, counts, replay};
use btcore_benches::plugin::Plugin;
use btcore_benches::scan;
use btcore_benches::tape::Tape;
use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{Criterion, SamplingMode, Throughput};
use std::time::Duration;

const ROWS: usize = 1_000_000;
const ROWS_MANY: usize = 100_000;
const TRIPS: i64 = 100_000;

/// Ticks of the time-stamp counter, told as cycles and ns.
struct Cycles(Formatter);

struct Formatter {
    core: Core,
}

impl Measurement for Cycles {
    type Intermediate = u64;
    type Value = u64;
    fn start(&self) -> u64 {
        ticks()
    }
    fn end(&self, start: u64) -> u64 {
        ticks() - start
    }
    fn add(&self, a: &u64, b: &u64) -> u64 {
        a + b
    }
    fn zero(&self) -> u64 {
        0
    }
    fn to_f64(&self, ticks: &u64) -> f64 {
        *ticks as f64
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        &self.0
    }
}

impl Formatter {
    fn tell(&self, ticks: f64, each: &str) -> String {
        let ns = ticks / self.core.ticks_per_ns;
        let (cycles, unit, scale) = match ns * self.core.ghz {
            cycles if cycles < 1e5 => (cycles, "", 1.0),
            cycles => (cycles / 1e6, "M", 1e6),
        };
        let (name, ns) = if scale > 1.0 { ("ms", ns / 1e6) } else { ("ns", ns) };
        format!("{cycles:.1} {unit}cycles = {ns:.2} {name}{each}")
    }

    fn elements(throughput: &Throughput) -> f64 {
        match throughput {
            Throughput::Bytes(count) | Throughput::Elements(count) => *count as f64,
            _ => 1.0,
        }
    }
}

impl ValueFormatter for Formatter {
    fn format_value(&self, value: f64) -> String {
        self.tell(value, "")
    }
    fn format_throughput(&self, throughput: &Throughput, value: f64) -> String {
        match throughput {
            Throughput::Bytes(bytes) => {
                format!("{:.2} GB/s", *bytes as f64 / (value / self.core.ticks_per_ns))
            }
            _ => self.tell(value / Formatter::elements(throughput), " each"),
        }
    }
    fn scale_values(&self, _: f64, values: &mut [f64]) -> &'static str {
        values.iter_mut().for_each(|value| *value *= self.core.ghz / self.core.ticks_per_ns);
        "cycles"
    }
    fn scale_throughputs(&self, _: f64, per: &Throughput, values: &mut [f64]) -> &'static str {
        let elements = Formatter::elements(per);
        self.scale_values(0.0, values);
        values.iter_mut().for_each(|value| *value /= elements);
        "cycles each"
    }
    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "ticks"
    }
}

fn main() {
    let core = Core::calibrate();
    println!("core {:.2} GHz, {:.2} ticks of the counter a ns", core.ghz, core.ticks_per_ns);
    let mut criterion = Criterion::default()
        .with_measurement(Cycles(Formatter { core }))
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    scans(&mut criterion);
    CASES.iter().for_each(|case| lanes(&mut criterion, case));
    round_trip(&mut criterion);
    criterion.final_summary();
}

fn scans(criterion: &mut Criterion<Cycles>) {
    let tape = Tape::of(1, ROWS);
    let (events, depths) = (scan::words(tape.events()), scan::words(tape.depths()));
    let mut group = criterion.benchmark_group("scan");
    for way in 0..scan::WAYS.len() {
        group.throughput(Throughput::Bytes(size_of_val(events) as u64));
        group.bench_function(format!("events_{way}"), |bench| {
            bench.iter(|| scan::read(way, events))
        });
        group.throughput(Throughput::Bytes((size_of_val(events) + size_of_val(depths)) as u64));
        group.bench_function(format!("events_and_depth_{way}"), |bench| {
            bench.iter(|| [events, depths].map(|words| scan::read(way, words)));
        });
    }
    group.finish();
}

fn lanes(criterion: &mut Criterion<Cycles>, case: &Case) {
    let (tape, plugin) = (Tape::of(case.instruments, ROWS), case.plugin());
    let (lanes, rows) = match case.lanes {
        [1, 2] => (1, ROWS),
        [_, many] => (many, ROWS_MANY),
    };
    let mut group = criterion.benchmark_group("pass");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements((rows * lanes) as u64));
    group.bench_function(case.name, |bench| {
        bench.iter_custom(|times| {
            let mut sum = 0;
            for _ in 0..times {
                let mut replay = replay(&tape, &plugin, case.params, lanes);
                let start = ticks();
                bench_pass(&mut replay, &tape, rows);
                sum += ticks() - start;
                counts(&mut replay, case.quotes());
            }
            sum
        });
    });
    group.finish();
}

fn round_trip(criterion: &mut Criterion<Cycles>) {
    let (tape, plugin) = (quiet_tape(), Plugin::open("round_trip"));
    let mut group = criterion.benchmark_group("order");
    group.throughput(Throughput::Elements(TRIPS as u64));
    group.bench_function("round_trip", |bench| {
        bench.iter_custom(|times| {
            let mut sum = 0;
            for _ in 0..times {
                let mut replay = replay(&tape, &plugin, &[("trips", TRIPS)], 1);
                let start = ticks();
                bench_pass(&mut replay, &tape, tape.len());
                sum += ticks() - start;
                assert_eq!(counts(&mut replay, false)[0].summary.cancels, TRIPS as u64);
            }
            sum
        });
    });
    group.finish();
}
