//! `bt-host export --format npz` read by hftbacktest itself: its loader takes the files, the rows are those of this package's
//! own feed, and a run over them ends with the book that was displayed last.
//!
//! A recorded day where there is one (see `recorded`), else a synthetic one.

use bt_host::config::Config;
use bt_host::export::{Export, Format, export};
use btcore::book::Book;
use btcore::wire::{Side, kind};
use hftbacktest::backtest::assettype::LinearAsset;
use hftbacktest::backtest::data::{Data, DataSource, read_npz_file};
use hftbacktest::backtest::models::{
    CommonFees, ConstantLatency, RiskAdverseQueueModel, TradingValueFeeModel,
};
use hftbacktest::backtest::{Backtest, ExchangeKind, L2AssetBuilder};
use hftbacktest::depth::{HashMapMarketDepth, MarketDepth};
use hftbacktest::types::{Bot, EXCH_EVENT, ElapseResult, Event, LOCAL_EVENT};
use hftbacktest_twin::{Row, feed, recorded};
use std::path::{Path, PathBuf};

const TICK: i64 = 1_000_000;

/// A day to be exported, and what it is.
fn day() -> (Config, &'static str) {
    match recorded::recordings() {
        Some(dir) => (recorded::config(&dir, "2026-04-08"), "recorded"),
        None => {
            println!("no recordings beside the checkout: a synthetic day stands in for them");
            (recorded::over("synth: { preset: txf, seed: 7 }", "2026-04-08"), "synthetic")
        }
    }
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        Scratch(dir)
    }

    fn export(&self, config: &Config) -> Export {
        export(config, Format::Npz, &self.0, false, |_, _, _| ()).expect("an export")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The files of an export, in the order of days.
fn paths(done: &Export) -> Vec<String> {
    done.files.iter().map(|file| done.dir.join(&file.path).display().to_string()).collect()
}

fn events(done: &Export) -> Vec<Event> {
    let mut all = Vec::new();
    for (path, file) in paths(done).iter().zip(&done.files) {
        let data: Data<Event> = read_npz_file(path, "data").expect("they read it");
        assert_eq!(data.len() as u64, file.rows, "{path}");
        all.extend((0..data.len()).map(|row| data[row].clone()));
    }
    all
}

/// Those for a clock, without it and without the other time, which another row may have.
fn heard(events: &[Event], clock: u64) -> Vec<Event> {
    let of_clock = events.iter().filter(|event| event.ev & clock != 0);
    of_clock
        .map(|event| Event { ev: event.ev & !(EXCH_EVENT | LOCAL_EVENT), ..event.clone() })
        .collect()
}

#[test]
fn their_loader_reads_the_rows_of_our_feed() {
    let (config, what) = day();
    let scratch = Scratch::new("npz-rows");
    let done = scratch.export(&config);
    let found = events(&done);
    let rows = recorded::rows(&config);
    let expected = feed::encode(&rows, TICK, 5).theirs;
    println!(
        "{what}: {} rows of ours, {} of theirs, {:#}",
        rows.len(),
        found.len(),
        done.manifest["symbols"]
    );
    assert!(expected.len() > 100_000, "{}", expected.len());

    let exch = heard(&found, EXCH_EVENT);
    assert_eq!(exch.len(), expected.len());
    for (found, expected) in exch.iter().zip(&expected) {
        let (ev, local_ts) = (expected.ev & !EXCH_EVENT, found.local_ts);
        assert_eq!(*found, Event { ev, local_ts, ..expected.clone() });
        assert!(found.local_ts >= found.exch_ts, "{found:?}");
    }
    assert!(exch.is_sorted_by_key(|event| event.exch_ts));
    // The same rows, in the order in which they are heard of.
    let local = heard(&found, LOCAL_EVENT);
    let mut sorted = exch;
    sorted.sort_by_key(|event| event.local_ts);
    assert_eq!(local, sorted);
}

/// Levels of a side, best first, by their book.
fn levels(depth: &HashMapMarketDepth, side: Side, count: usize) -> Vec<(i64, u32)> {
    let (best, step) = match side {
        Side::Buy => (depth.best_bid_tick(), -1),
        Side::Sell => (depth.best_ask_tick(), 1),
    };
    let at = |tick| match side {
        Side::Buy => depth.bid_qty_at_tick(tick),
        Side::Sell => depth.ask_qty_at_tick(tick),
    };
    let ticks = (0..10_000).map(|n| best + n * step);
    ticks
        .map(|tick| (tick * TICK, at(tick) as u32))
        .filter(|level| level.1 > 0)
        .take(count)
        .collect()
}

#[test]
fn a_run_over_it_ends_with_the_book_that_was_displayed_last() {
    let (config, _) = day();
    let scratch = Scratch::new("npz-run");
    let done = scratch.export(&config);
    let asset = L2AssetBuilder::new()
        .data(paths(&done).into_iter().map(DataSource::File).collect())
        .latency_model(ConstantLatency::new(1, 1))
        .asset_type(LinearAsset::new(200.0))
        .fee_model(TradingValueFeeModel::new(CommonFees::new(0.0, 0.0)))
        .queue_model(RiskAdverseQueueModel::new())
        .exchange(ExchangeKind::NoPartialFillExchange)
        .depth(|| HashMapMarketDepth::new(1.0, 1.0))
        .build()
        .expect("an asset");
    let mut run = Backtest::builder().add_asset(asset).build().expect("a run");
    let rows = recorded::rows(&config);
    let books: Vec<&Row> =
        rows.iter().filter(|row| row.0.kind == kind::BOOK && row.0.is_book_valid()).collect();
    // On its way, and at its end.
    let same = |run: &Backtest<HashMapMarketDepth>, row: &Row| {
        let book = Book { event: &row.0, depth: &row.1 };
        for side in [Side::Buy, Side::Sell] {
            let shown: Vec<(i64, u32)> = (0..5).map_while(|n| book.level(side, n)).collect();
            assert_eq!(
                levels(run.depth(0), side, shown.len()),
                shown,
                "{side:?} at {}",
                row.0.ts_exch_ns
            );
        }
    };
    assert_eq!(run.elapse(1).expect("it begins"), ElapseResult::Ok);
    let mut seen = 0;
    let last = books[books.len() - 1];
    for pair in books.windows(2).step_by(997) {
        let [row, next] = pair else { continue };
        let heard_ns = row.0.ts_recv_ns.max(row.0.ts_exch_ns);
        // Where the next book is not heard of meanwhile.
        if heard_ns <= run.current_timestamp()
            || next.0.ts_recv_ns.max(next.0.ts_exch_ns) <= heard_ns
        {
            continue;
        }
        run.elapse(heard_ns - run.current_timestamp()).expect("it goes on");
        same(&run, row);
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
    while run.elapse(3_600_000_000_000).expect("it goes on") == ElapseResult::Ok {}
    same(&run, last);
}
