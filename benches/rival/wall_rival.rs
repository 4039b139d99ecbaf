//! btcore beside hftbacktest 0.9.4: one feed, one clock, one process, taken in turn.
//!
//! `cargo run --release -p btcore-rival [-- ROUNDS]`. The feed is a tape of the synthetic exchange. Theirs comes in two forms: each
//! book as ten restated levels and the deletions that it implies (what a recorder of five-level pictures has, and what its
//! queue models need), and changed levels alone, which is cheaper and forgets what was restated. Theirs runs in Rust, with
//! both of its books, one queue estimate, its trade-through fills, without a digest, time series or money checks; ours in C
//! through the ABI with all of its defaults. Both have the same legs. A strategy is woken at every row; the quoting one
//! withdraws and sends one lot a side at the touch every 100 rows.
//!
//! Units: ns of CPU for each row of the tape, picture or trade, of the quickest pass. `pass` of ours takes rows out of memory,
//! orders, hashes and merges them, and runs one lane; `lane` is what a further lane costs. Theirs is a pass.

use btcore::wire::kind;
use btcore_benches::case::Case;
use btcore_benches::clock;
use btcore_benches::clock::Core;
use btcore_benches::tape::Tape;
use btcore_benches::wall::Best;
use hftbacktest::backtest::assettype::LinearAsset;
use hftbacktest::backtest::data::{Data, DataSource};
use hftbacktest::backtest::models::{
    CommonFees, ConstantLatency, PowerProbQueueFunc3, ProbQueueModel, TradingValueFeeModel,
};
use hftbacktest::backtest::{Backtest, ExchangeKind, L2AssetBuilder};
use hftbacktest::depth::{HashMapMarketDepth, L2MarketDepth, MarketDepth, ROIVectorMarketDepth};
use hftbacktest::types::{
    BUY_EVENT, Bot, DEPTH_EVENT, ElapseResult, Event, LOCAL_EVENT, OrdType, TimeInForce,
};
use hftbacktest_twin::feed;
use std::collections::BTreeMap;

const ROWS: usize = 300_000;
const TICK: i64 = 1_000_000;
const FEED_NS: i64 = 1_000_000;

fn main() {
    let rounds = std::env::args().nth(1).map_or(5, |word| word.parse().expect("rounds"));
    let tape = Tape::of(1, ROWS);
    let pictures = theirs(&tape);
    let changes = changed(&pictures);
    let prices = pictures.iter().filter(|row| row.ev & DEPTH_EVENT == DEPTH_EVENT);
    let (low, high) =
        prices.fold((f64::MAX, 0.0_f64), |(low, high), row| (low.min(row.px), high.max(row.px)));
    let roi = move || ROIVectorMarketDepth::new(1.0, 1.0, low - 100.0, high + 100.0);
    let map = || HashMapMarketDepth::new(1.0, 1.0);
    let mut table: Vec<(String, f64, f64)> = vec![];
    let mut note = |name: String, noop_ns: f64, quoting_ns: f64| match table
        .iter_mut()
        .find(|row| row.0 == name)
    {
        Some(row) => (row.1, row.2) = (row.1.min(noop_ns), row.2.min(quoting_ns)),
        None => table.push((name, noop_ns, quoting_ns)),
    };
    let [noop, quoting] = ["noop", "quote100"].map(|name| Case::named(name).expect("a case"));
    let mut best = [noop, quoting].map(|case| (case, case.plugin(), Best::new([1, 5], ROWS)));
    let mut ghz = 0.0_f64;
    for number in 0..rounds {
        eprintln!("round {} of {rounds}", number + 1);
        ghz = ghz.max(Core::calibrate().ghz);
        for (case, plugin, best) in &mut best {
            best.round(case, &tape, plugin);
        }
        let [noop, quoting] = [&best[0].2, &best[1].2];
        note("btcore, pass".into(), noop.pass_ns(), quoting.pass_ns());
        note("btcore, lane".into(), noop.lane_ns(), quoting.lane_ns());
        for (feed, rows) in [("ten levels", &pictures), ("changes", &changes)] {
            let name = |book| format!("hftbacktest, {feed}, {book}");
            note(name("vector"), pass(rows, roi, false), pass(rows, roi, true));
            note(name("map"), pass(rows, map, false), pass(rows, map, true));
        }
    }
    let books = tape.depths().len() as f64 / ROWS as f64;
    println!("{ROWS} rows, {:.0} % of them books; core {ghz:.2} GHz", 100.0 * books);
    println!(
        "theirs: {:.2} rows for each of ours as ten levels, {:.2} as changes\n",
        pictures.len() as f64 / ROWS as f64,
        changes.len() as f64 / ROWS as f64
    );
    println!(
        "{:<36} {:>9} {:>8} {:>8}  {:>9} {:>8} {:>8}",
        "ns a row", "no-op", "of pass", "of lane", "quoting", "of pass", "of lane"
    );
    let (pass, lane) = (table[0].clone(), table[1].clone());
    for (name, noop, quoting) in table {
        println!(
            "{name:<36} {noop:>9.1} {:>8.2} {:>8.2}  {quoting:>9.1} {:>8.2} {:>8.2}",
            noop / pass.1,
            noop / lane.1,
            quoting / pass.2,
            quoting / lane.2
        );
    }
    println!(
        "\nbudget: ten levels with the vector, no-op at least 20 times ours and quoting 15 times"
    );
}

/// The tape as theirs, each book as its ten levels, seen by both sides.
fn theirs(tape: &Tape) -> Vec<Event> {
    let mut depths = tape.depths().iter();
    let mut depth = tape.depths()[0];
    let rows: Vec<_> = tape
        .events()
        .iter()
        .map(|event| {
            if event.kind == kind::BOOK {
                depth = *depths.next().expect("a book has its depth row");
            }
            (*event, depth)
        })
        .collect();
    let mut feed = feed::encode(&rows, TICK, 5);
    assert_eq!(feed.left_out, feed::LeftOut::default(), "every row has its twin");
    for row in &mut feed.theirs {
        row.ev |= LOCAL_EVENT;
        row.local_ts += FEED_NS;
    }
    feed.theirs
}

/// Without the levels that say what was known.
fn changed(rows: &[Event]) -> Vec<Event> {
    let mut known: BTreeMap<(bool, i64), f64> = BTreeMap::new();
    let is_new = |row: &&Event| {
        let is_depth = row.ev & 0xff == DEPTH_EVENT;
        let key = (row.ev & BUY_EVENT != 0, row.px as i64);
        !is_depth || known.insert(key, row.qty) != Some(row.qty)
    };
    rows.iter().filter(is_new).cloned().collect()
}

/// One pass, ns of CPU for each row of the tape.
fn pass<MD>(rows: &[Event], depth: impl Fn() -> MD + 'static, quotes: bool) -> f64
where
    MD: MarketDepth + L2MarketDepth + 'static,
{
    let asset = L2AssetBuilder::new()
        .data(vec![DataSource::Data(Data::from_data(rows))])
        .latency_model(ConstantLatency::new(5_000_000, 1_000_000))
        .asset_type(LinearAsset::new(1.0))
        .fee_model(TradingValueFeeModel::new(CommonFees::new(0.0, 0.0)))
        .exchange(ExchangeKind::NoPartialFillExchange)
        .queue_model(ProbQueueModel::new(PowerProbQueueFunc3::new(3.0)))
        .depth(depth)
        .build()
        .expect("an asset");
    let mut backtest = Backtest::builder().add_asset(asset).build().expect("a backtest");
    let start_ns = clock::cpu_ns();
    let wakes = if quotes { quote(&mut backtest) } else { idle(&mut backtest) };
    let ns = clock::cpu_ns() - start_ns;
    let trades = backtest.state_values(0).num_trades;
    assert!(wakes > ROWS / 2, "it was woken {wakes} times");
    assert!(!quotes || trades > 0, "it trades");
    ns as f64 / ROWS as f64
}

/// Longer than any gap of the tape.
const DAYS_NS: i64 = 40 * 86_400_000_000_000;

fn idle<MD: MarketDepth>(backtest: &mut Backtest<MD>) -> usize {
    let mut wakes = 0;
    while backtest.wait_next_feed(false, DAYS_NS).expect("it runs") != ElapseResult::EndOfData {
        wakes += 1;
    }
    wakes
}

fn quote<MD: MarketDepth>(backtest: &mut Backtest<MD>) -> usize {
    let (mut wakes, mut id) = (0, 0_u64);
    while backtest.wait_next_feed(false, DAYS_NS).expect("it runs") != ElapseResult::EndOfData {
        wakes += 1;
        if wakes % 100 != 0 {
            continue;
        }
        backtest.clear_inactive_orders(Some(0));
        for old in [id.max(1) - 1, id] {
            if backtest.orders(0).get(&old).is_some_and(|order| order.cancellable()) {
                backtest.cancel(0, old, false).expect("it is there");
            }
        }
        let (bid, ask) = (backtest.depth(0).best_bid(), backtest.depth(0).best_ask());
        if !bid.is_finite() || !ask.is_finite() {
            continue;
        }
        id += 2;
        let (tif, kind) = (TimeInForce::GTC, OrdType::Limit);
        backtest.submit_buy_order(0, id - 1, bid, 1.0, tif, kind, false).expect("it is sent");
        backtest.submit_sell_order(0, id, ask, 1.0, tif, kind, false).expect("it is sent");
    }
    wakes
}
