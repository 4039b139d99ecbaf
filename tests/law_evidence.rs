//! Law 6, bounded by evidence: a fill needs evidence, evidence is spent once over all own orders, better prices first,
//! and what a taker took stays taken. Single cases, and a naive twin over random scripts.

mod naive;
mod support;

use btcore::engine::Context;
use btcore::latency::Latency;
use btcore::wire::{OrderReq, Side, Tif};
use naive::{NaiveBook, NaiveExchange, NaiveFill, NaiveSide};
use support::*;

/// (order, price in units, lots, evidence) of every fill.
fn fills(written: &Written) -> Vec<NaiveFill> {
    written
        .fills
        .iter()
        .map(|f| (f.fill.order_id, f.fill.price / E6, f.fill.qty, f.fill.evidence))
        .collect()
}

/// Acts once on each delivered row, by its number from 1; zero latency.
fn scripted(
    rows: &[Raw],
    mut act: impl FnMut(&mut Context<'_>, usize) + 'static,
) -> Vec<NaiveFill> {
    let mut row = 0;
    let (_, written, _) =
        run_one(instrument("A"), Latency::default(), rows, move |context, told| {
            if let Told::Event { .. } = told {
                row += 1;
                act(context, row);
            }
        });
    fills(&written)
}

fn send(context: &mut Context<'_>, side: Side, price: i64, qty: u32, tif: Tif) {
    context.order_submit(&limit(side, price, qty, tif)).expect("it is taken");
}

const BIDS: [(i64, u32); 2] = [(100, 4), (99, 4)];
const ASKS: [(i64, u32); 2] = [(102, 4), (103, 4)];

fn quiet(at_ns: i64) -> Raw {
    book(at_ns, &BIDS, &ASKS)
}

#[test]
fn two_orders_share_one_print_better_prices_first() {
    let rows = [quiet(0), trade(10, 99, 5, -1), quiet(20)];
    let got = scripted(&rows, |context, row| {
        if row == 1 {
            send(context, Side::Buy, 99, 3, Tif::Rod);
            send(context, Side::Buy, 101, 2, Tif::Rod);
            send(context, Side::Buy, 100, 2, Tif::Rod);
        }
    });
    // Five lots: two go through 101, two through 100 (whose queue the print left behind), one is others' at 99.
    assert_eq!(got, [(2, 101, 2, 1), (3, 100, 2, 1)]);
}

#[test]
fn own_orders_at_one_price_fill_in_turn_with_the_queue_between() {
    let rows = [
        quiet(0),
        // Two more lots of others join behind the first order.
        book(10, &[(100, 6), (99, 4)], &ASKS),
        trade(20, 100, 5, -1),
        trade(21, 100, 1, -1),
        trade(22, 100, 2, -1),
    ];
    let got = scripted(&rows, |context, row| match row {
        1 => send(context, Side::Buy, 100, 2, Tif::Rod),
        2 => send(context, Side::Buy, 100, 1, Tif::Rod),
        _ => {}
    });
    // Four ahead, one of ours; then the other of ours; then two of others who came between; never more than printed.
    assert_eq!(got, [(1, 100, 1, 2), (1, 100, 1, 2)]);
}

#[test]
fn a_taker_walks_the_levels_and_leaves_them_used() {
    let rows: Vec<Raw> = (0..8).map(|n| quiet(n * 125)).collect();
    let got = scripted(&rows, |context, _| send(context, Side::Buy, 103, 6, Tif::Ioc));
    let taken: u32 = got.iter().map(|fill| fill.2).sum();
    assert_eq!(got, [(1, 102, 4, 4), (1, 103, 2, 4), (2, 103, 2, 4)]);
    assert_eq!(taken, 8, "eight times a second does not drink the same lots again");
}

#[test]
fn used_lots_come_back_when_the_display_falls_or_the_price_leaves() {
    let rows = [
        book(0, &[(100, 4)], &[(102, 4)]),
        book(10, &[(100, 4)], &[(102, 3)]),
        book(20, &[(100, 4)], &[(102, 9)]),
        book(30, &[(100, 4)], &[(103, 1)]),
        book(40, &[(100, 4)], &[(102, 4)]),
    ];
    let got = scripted(&rows, |context, _| send(context, Side::Buy, 102, 9, Tif::Ioc));
    // Four taken; at 3 shown one has gone, three of ours are in it; at 9 shown six are new; 102 left; four are new.
    assert_eq!(got, [(1, 102, 4, 4), (3, 102, 6, 4), (5, 102, 4, 4)]);
}

#[test]
fn a_crossing_book_fills_what_it_shows_and_no_lot_twice() {
    let rows = [
        quiet(0),
        book(10, &[(98, 4)], &[(99, 3)]),
        book(20, &[(98, 4)], &[(99, 3)]),
        book(30, &[(98, 4)], &[(99, 5)]),
    ];
    let got = scripted(&rows, |context, row| {
        if row == 1 {
            send(context, Side::Buy, 100, 2, Tif::Rod);
            send(context, Side::Buy, 99, 4, Tif::Rod);
        }
        if row == 3 {
            send(context, Side::Buy, 99, 1, Tif::Ioc);
        }
    });
    // Three lots at 99: two for the better price, one for the other; shown again they are the same lots; two are new.
    assert_eq!(got, [(1, 100, 2, 3), (2, 99, 1, 3), (2, 99, 2, 3)]);
}

#[test]
fn a_print_of_unknown_aggressor_fills_one_side_once() {
    let rows = [quiet(0), trade(10, 101, 3, 0), quiet(20)];
    let got = scripted(&rows, |context, row| {
        if row == 1 {
            send(context, Side::Buy, 101, 2, Tif::Rod);
            send(context, Side::Sell, 101, 2, Tif::Rod);
        }
    });
    let lots: u32 = got.iter().map(|fill| fill.2).sum();
    assert_eq!(lots, 3, "three lots were printed, whoever hit whom: {got:?}");
    // At the ask it was a buyer: only sells fill.
    let got = scripted(&[quiet(0), trade(10, 102, 9, 0)], |context, row| {
        if row == 1 {
            send(context, Side::Buy, 101, 1, Tif::Rod);
            send(context, Side::Sell, 101, 1, Tif::Rod);
        }
    });
    assert_eq!(got, [(2, 101, 1, 1)]);
}

fn random_book(draw: &mut Draw) -> NaiveBook {
    let mid = 100 + draw.below(7) as i64;
    let mut side = |step: i64| {
        let mut price = mid;
        let count = draw.below(4) as usize;
        let mut levels = Vec::new();
        for _ in 0..count {
            price += step * (1 + draw.below(2) as i64);
            levels.push((price, 1 + draw.below(6) as u32));
        }
        levels
    };
    NaiveBook { bids: side(-1), asks: side(1) }
}

#[test]
fn the_exchange_equals_its_naive_twin_over_random_scripts() {
    let mut total = [0_u64; 5];
    for seed in 0..3_000 {
        let mut draw = Draw::new(seed);
        let mut twin = NaiveExchange::new(3);
        let mut script: Vec<Option<OrderReq>> = Vec::new();
        let mut cancels: Vec<Option<u64>> = Vec::new();
        let (mut rows, mut next_id) = (Vec::new(), 1);
        for step in 0..60 {
            let at_ns = step * 10;
            if draw.below(3) == 0 {
                let (price, qty) = (98 + draw.below(11) as i64, 1 + draw.below(8) as u32);
                let aggressor = if draw.below(2) == 0 { 1 } else { -1 };
                rows.push(trade(at_ns, price, qty, aggressor));
                twin.trade(price, qty, aggressor);
            } else {
                let shown = random_book(&mut draw);
                rows.push(book(at_ns, &shown.bids, &shown.asks));
                // A book without any level is not valid, and changes nothing.
                if !(shown.bids.is_empty() && shown.asks.is_empty()) {
                    twin.book(shown);
                }
            }
            // With zero latency the request arrives behind the row that it answers.
            let (mut req, mut cancel) = (None, None);
            match draw.below(4) {
                0 => {
                    let id = 1 + draw.below(next_id);
                    cancel = Some(id);
                    twin.cancel(id);
                }
                1 => {}
                _ => {
                    let buy = draw.below(2) == 0;
                    let rests = draw.below(4) != 0;
                    let (price, qty) = (97 + draw.below(13) as i64, 1 + draw.below(5) as u32);
                    let side = if buy { Side::Buy } else { Side::Sell };
                    req = Some(limit(side, price, qty, if rests { Tif::Rod } else { Tif::Ioc }));
                    let side = if buy { NaiveSide::Buy } else { NaiveSide::Sell };
                    twin.submit(next_id, side, price, qty, rests);
                    next_id += 1;
                }
            }
            script.push(req);
            cancels.push(cancel);
        }
        let venue = btcore::wire::Instrument { depth_max: 3, ..instrument("A") };
        let mut row = 0;
        let (summary, written, _) =
            run_one(venue, Latency::default(), &rows, move |context, told| {
                if let Told::Event { .. } = told {
                    if let Some(req) = &script[row] {
                        context.order_submit(req).expect("it is taken");
                    }
                    if let Some(id) = cancels[row] {
                        // An order that the strategy knows to be gone cannot be cancelled: the twin ignores it too.
                        let _ = context.order_cancel(id);
                    }
                    row += 1;
                }
            });
        assert_eq!(fills(&written), twin.fills, "seed {seed}");
        assert_eq!(summary.taken_forgotten, 0);
        twin.fills.iter().for_each(|fill| total[usize::from(fill.3)] += 1);
    }
    assert!(
        total[1..].iter().all(|count| *count > 500),
        "every kind of evidence was seen: {total:?}"
    );
}

#[test]
fn a_full_table_of_used_lots_forgets_the_farthest_price_and_counts_it() {
    // Five levels are taken on each row, and the next row lies five prices lower: what was taken is out of view, and
    // stays used. Seven rows use 35 prices; 32 are remembered, so the three highest are forgotten.
    let asks = |best: i64| -> Vec<(i64, u32)> { (0..5).map(|n| (best + n, 1)).collect() };
    let mut rows: Vec<Raw> = (0..7).map(|n| book(n * 10, &[(50, 1)], &asks(200 - 5 * n))).collect();
    // Back up, two prices at a time: a price that the touch has left below is out of the book, and its lots are new.
    rows.extend([book(100, &[(50, 1)], &asks(195)), book(110, &[(50, 1)], &asks(200))]);
    let (summary, written, _) =
        run_one(instrument("A"), Latency::default(), &rows, move |context, told| {
            if let Told::Event { .. } = told {
                send(context, Side::Buy, 300, 5, Tif::Ioc);
            }
        });
    assert_eq!(summary.taken_forgotten, 3);
    let late: Vec<_> = written
        .fills
        .iter()
        .filter(|f| f.fill.ts_exch_ns >= T0 + 100)
        .map(|f| (f.fill.ts_exch_ns - T0, f.fill.price / E6))
        .collect();
    assert_eq!(late, [(110, 202), (110, 203), (110, 204)], "200 and 201 are remembered");
}
