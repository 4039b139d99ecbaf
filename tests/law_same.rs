//! Law 11, same in, same out: one digest over chunk sizes, window sizes, lanes beside it and their order; and golden
//! digests of a fixed tape. A change of a golden digest changes results: it gets a "Results change" line in CHANGELOG.

mod support;

use btcore::engine::{Context, LaneConfig};
use btcore::exchange::ExchangeConfig;
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::wire::{Instrument, OrderReq, Session, Side, Tif, kind};
use support::*;

/// Quotes both sides at the touch and replaces them now and then, by what it sees.
fn quoter() -> Scripted {
    let mut rows = 0_u64;
    Scripted::new(move |context: &mut Context<'_>, told| {
        let Told::Event { event, .. } = told else { return };
        rows += 1;
        if event.kind != kind::BOOK || !event.is_book_valid() {
            return;
        }
        let tag = rows;
        // A refusal (a full slab, an order that is gone) is part of the run, and the same in every repetition.
        let _ = match rows % 7 {
            0 => context.order_submit(&OrderReq {
                tag,
                price: event.bid_price,
                ..limit(Side::Buy, 0, 2, Tif::Rod)
            }),
            1 => context.order_submit(&OrderReq {
                tag,
                price: event.ask_price,
                ..limit(Side::Sell, 0, 2, Tif::Gtc)
            }),
            2 => context.order_submit(&OrderReq { tag, ..market(Side::Buy, 1) }),
            3 => context.order_cancel(rows / 9).map(|()| 0),
            4 => context.order_amend(rows / 8, event.bid_price, 1).map(|()| 0),
            _ => Ok(0),
        };
    })
}

fn tape() -> Vec<Raw> {
    let mut draw = Draw::new(20_260_408);
    let (mut at_ns, mut price) = (0, 1_000);
    (0..4_000)
        .map(|index| {
            at_ns += draw.below(4) as i64 * MS;
            price += draw.below(3) as i64 - 1;
            let mut raw = if draw.below(4) == 0 {
                trade(
                    at_ns,
                    price + draw.below(2) as i64,
                    1 + draw.below(5) as u32,
                    draw.below(3) as i8 - 1,
                )
            } else {
                let qty = |draw: &mut Draw| 1 + draw.below(9) as u32;
                let bids: Vec<_> = (0..5).map(|n| (price - n, qty(&mut draw))).collect();
                let asks: Vec<_> = (0..5).map(|n| (price + 1 + n, qty(&mut draw))).collect();
                book(at_ns, &bids, &asks)
            };
            raw.seq = index + 1;
            raw
        })
        .collect()
}

fn venue() -> Instrument {
    let session = |open, close, day| Session::continuous(T0 + open * MS, T0 + close * MS, day);
    Instrument {
        sessions: vec![session(100, 3_000, 20260408), session(3_500, 9_000, 20260409)],
        ..instrument("A")
    }
}

fn latency(feed_ms: i64) -> Latency {
    Latency {
        feed_ns: feed_ms * MS,
        submit_ns: 3 * MS,
        amend_ns: 2 * MS,
        cancel_ns: MS,
        response_ns: MS,
    }
}

/// Digests of the lanes with these feed latencies, in that order, and what each wrote.
fn run(feeds_ms: &[i64], chunk_rows: usize, window_rows: usize) -> Vec<([u8; 32], Written)> {
    run_as(lane("", latency(0)).exchange, feeds_ms, chunk_rows, window_rows)
}

fn run_as(
    exchange: ExchangeConfig,
    feeds_ms: &[i64],
    chunk_rows: usize,
    window_rows: usize,
) -> Vec<([u8; 32], Written)> {
    let feed = FeedConfig { window_rows, ..FeedConfig::default() };
    let config = |ms: &i64| LaneConfig { exchange, ..lane(&format!("feed {ms}"), latency(*ms)) };
    let lanes = feeds_ms.iter().map(|ms| (config(ms), quoter())).collect();
    let outcome = run_lanes(vec![venue()], feed, &[tape()], chunk_rows, lanes).expect("it runs");
    outcome.lanes.into_iter().map(|(summary, written)| (summary.order_digest, written)).collect()
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn chunks_windows_and_neighbours_leave_a_lane_alone() {
    let near = run(&[0], 1_000_000, 65_536).remove(0);
    let far = run(&[400], 1_000_000, 65_536).remove(0);
    assert!(near.1.fills.len() > 100 && far.1.fills.len() > 100, "they trade");
    assert_ne!(near.0, far.0);
    for (chunk_rows, window_rows) in
        [(1, 65_536), (1, 512), (7, 600), (1_000, 1_024), (65_536, 4_096)]
    {
        let place = format!("chunks of {chunk_rows}, window of {window_rows}");
        assert!(run(&[0], chunk_rows, window_rows).remove(0) == near, "near alone, {place}");
        let both = run(&[0, 400], chunk_rows, window_rows);
        assert!(both[0] == near && both[1] == far, "near and far, {place}");
        let turned = run(&[400, 0, 400], chunk_rows, window_rows);
        assert!(
            turned[0] == far && turned[1] == near && turned[2] == far,
            "the other way, {place}"
        );
    }
}

/// The default beliefs look at the next book, which may be in a later chunk.
#[test]
fn hindsight_does_not_show_the_chunks() {
    let exchange = ExchangeConfig { ghosts_max: 16, ..ExchangeConfig::default() };
    let near = run_as(exchange, &[0], 1_000_000, 65_536).remove(0);
    let blind = ExchangeConfig { hindsight: false, ..exchange };
    assert_ne!(run_as(blind, &[0], 1_000_000, 65_536)[0].0, near.0, "it is looked at");
    for (chunk_rows, window_rows) in [(1, 4_096), (7, 2_048), (100, 1_600), (1_000, 65_536)] {
        let both = run_as(exchange, &[0, 400], chunk_rows, window_rows);
        assert!(both[0] == near, "chunks of {chunk_rows}, window of {window_rows}");
    }
}

#[test]
fn digests_are_golden() {
    let digests: Vec<String> =
        [0, 5, 400].iter().map(|ms| hex(&run(&[*ms], 1_000, 4_096)[0].0)).collect();
    let golden = [
        "79cec4434b8a06dde7e725922ab11e3d693ebacbefbf603fddbf42ce81a4b201",
        "5f5cd85a79dc8e1e8db54d23135605751f4130eb2de27dc2000367dd57f8583e",
        "fb9baebedfd780eb689c5e429bb4b2a667f2b2577881922586cdca4f6ad71136",
    ];
    assert_eq!(digests, golden, "results changed: say so in CHANGELOG under Results change");
}

#[test]
fn a_window_too_small_for_the_latency_says_what_to_raise() {
    let feed = FeedConfig { window_rows: 64, ..FeedConfig::default() };
    let lanes = vec![(lane("far", latency(400)), quoter())];
    let fault = run_lanes(vec![venue()], feed, &[tape()], 100, lanes)
        .expect_err("400 ms hold more rows than that");
    assert!(fault.message.contains("window_rows"), "{fault}");
}

#[test]
fn the_data_hash_is_of_every_column_and_of_nothing_else() {
    let rows = [
        book(0, &[(99, 3), (98, 4)], &[(101, 5), (103, 6)]),
        trade(10, 100, 2, 1),
        book(20, &[(99, 3)], &[(101, 5)]),
    ];
    let hash = |rows: &[Raw], symbols: [&str; 2]| {
        let instruments =
            symbols.iter().map(|symbol| Instrument { ..instrument(symbol) }).collect();
        let lanes = vec![(lane("l", Latency::default()), quoter())];
        let feed = FeedConfig { reorder_ns: 0, ..FeedConfig::default() };
        run_lanes(instruments, feed, &[rows.to_vec()], 2, lanes).expect("it runs").data_hash
    };
    let whole = hash(&rows, ["A", "B"]);
    type Change<'a> = (&'a str, &'a dyn Fn(&mut [Raw; 3]));
    let changes: [Change<'_>; 15] = [
        ("exchange time", &|r| r[1].event.ts_exch_ns += 1),
        ("receive time", &|r| r[1].event.ts_recv_ns += 1),
        ("aggressor", &|r| r[1].event.aggressor = -1),
        ("trade price", &|r| r[1].event.trade_price += E6),
        ("trade quantity", &|r| r[1].event.trade_qty += 1),
        ("bid price", &|r| r[0].event.bid_price += 1),
        ("bid quantity", &|r| r[0].event.bid_qty += 1),
        ("ask price", &|r| r[0].event.ask_price += 1),
        ("ask quantity", &|r| r[0].event.ask_qty += 1),
        ("second bid price", &|r| r[0].depth.bid_price[0] -= 1),
        ("second bid quantity", &|r| r[0].depth.bid_qty[0] += 1),
        ("second ask price", &|r| r[0].depth.ask_price[0] += 1),
        ("second ask quantity", &|r| r[0].depth.ask_qty[0] += 1),
        ("levels", &|r| r[0].depth.bid_levels = 1),
        ("instrument", &|r| r[1].event.instrument = 1),
    ];
    for (name, change) in changes {
        let mut other = rows;
        change(&mut other);
        assert_ne!(hash(&other, ["A", "B"]), whole, "{name} is data");
    }
    assert_ne!(hash(&rows[..2], ["A", "B"]), whole, "a row less");
    assert_ne!(hash(&rows, ["A", "C"]), whole, "another symbol");
    assert_eq!(hash(&rows, ["B", "A"]), whole, "the config's order is none");
    let mut numbered = rows;
    numbered.iter_mut().for_each(|raw| raw.seq = 5);
    assert_eq!(hash(&numbered, ["A", "B"]), whole, "numbers order rows, and are not in them");
}
