//! Law 10, money is exact: spread + inventory - fees = profit, to the last unit; overflow is an error that names the
//! event. `money.rs` works one round trip out by hand.

mod support;

use btcore::engine::Replay;
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::wire::{
    Fee, FeeBase, FeeSide, Instrument, OrderReq, Rounding, Side, Status, TickStep, Tif,
};
use support::*;

fn fee(base: FeeBase, side: FeeSide, unit: i64, rounding: Rounding) -> Fee {
    Fee { name: "fee".into(), side, base, unit, rounding }
}

fn venue(multiplier_e6: i64) -> Instrument {
    Instrument {
        multiplier_e6,
        fees: vec![
            fee(FeeBase::PerLot { amount: 1_500_000 }, FeeSide::Both, 1, Rounding::HalfUp),
            fee(FeeBase::ValuePerLot { rate_e9: 20_000 }, FeeSide::Both, E6, Rounding::HalfUp),
            fee(FeeBase::ValuePerFill { rate_e9: 3_000_000 }, FeeSide::Sell, E6, Rounding::Down),
        ],
        ..instrument("A")
    }
}

/// What a fee schedule of [`venue`] takes for a fill, by hand in wide integers.
fn fees_by_hand(multiplier_e6: i64, price: i64, qty: u32, buy: bool) -> i128 {
    let lot = i128::from(price) * i128::from(multiplier_e6) / 1_000_000;
    let qty = i128::from(qty);
    let unit = 1_000_000_i128;
    let tax =
        (lot * 20_000 / 1_000 + 500_000 * unit / 1_000_000 * 1_000_000) / (1_000_000 * unit) * unit;
    let stamp = if buy { 0 } else { lot * qty * 3_000_000 / 1_000_000_000 / unit * unit };
    1_500_000 * qty + tax * qty + stamp
}

#[test]
fn spread_plus_inventory_less_fees_is_the_profit() {
    let mut fills = 0;
    for seed in 0..60 {
        let mut draw = Draw::new(seed);
        let multiplier_e6 = [E6, 200 * E6, 10 * E6, 1_000][draw.below(4) as usize];
        let mut price = 35_000;
        let rows: Vec<Raw> = (0..300)
            .map(|n| {
                price += draw.below(7) as i64 - 3;
                book(n * 10, &[(price, 40)], &[(price + 1 + draw.below(3) as i64, 40)])
            })
            .collect();
        let mut actions: Vec<(Side, u32)> = rows
            .iter()
            .map(|_| {
                (if draw.below(2) == 0 { Side::Buy } else { Side::Sell }, 1 + draw.below(7) as u32)
            })
            .collect();
        actions.reverse();
        let venue = venue(multiplier_e6);
        let (summary, written, _) =
            run_one(venue, Latency::default(), &rows, move |context, told| {
                if let Told::Event { .. } = told {
                    let (side, qty) = actions.pop().expect("one for each row");
                    context.order_submit(&market(side, qty)).expect("it is taken");
                }
            });
        // By hand, in twice the money so that mids are whole: spread paid against the mid, and inventory carried.
        let money =
            |price_x2: i128, qty: i128| price_x2 * qty * i128::from(multiplier_e6) / 1_000_000;
        let mid_x2 = |row: usize| i128::from(rows[row].event.bid_price + rows[row].event.ask_price);
        let (mut spread, mut inventory, mut fees, mut held, mut at) = (0, 0, 0, 0_i128, 0);
        for row in &written.fills {
            let fill = &row.fill;
            let now = ((fill.ts_exch_ns - T0) / 10) as usize;
            inventory += money(mid_x2(now) - mid_x2(at), held);
            at = now;
            let sign = if fill.side == Side::Buy as u8 { 1 } else { -1 };
            spread += sign * money(mid_x2(now) - 2 * i128::from(fill.price), i128::from(fill.qty));
            held += sign * i128::from(fill.qty);
            assert_eq!(i128::from(row.position_qty), held, "seed {seed}");
            let by_hand = fees_by_hand(multiplier_e6, fill.price, fill.qty, sign == 1);
            assert_eq!(i128::from(fill.fee), by_hand, "seed {seed}: {fill:?}");
            fees += by_hand;
        }
        inventory += money(mid_x2(rows.len() - 1) - mid_x2(at), held);
        assert_eq!(i128::from(summary.fees), fees, "seed {seed}");
        assert_eq!(2 * i128::from(summary.pnl), spread + inventory - 2 * fees, "seed {seed}");
        assert_eq!(summary.pnl, summary.pnl_realised + summary.pnl_unrealised - summary.fees);
        assert_eq!(summary.open_qty, held.unsigned_abs() as u64);
        let booked: i64 = written.fills.iter().map(|row| row.pnl_realised).sum();
        assert_eq!(booked, summary.pnl_realised, "seed {seed}");
        fills += written.fills.len();
    }
    assert!(fills > 10_000, "the test looked: {fills} fills");
}

#[test]
fn money_beyond_64_bits_is_an_error_that_names_the_instant() {
    let huge = Instrument { multiplier_e6: 1_000_000_000 * E6, ..instrument("A") };
    let rows = [
        book(0, &[(9_000_000, 4_000_000_000)], &[(9_000_001, 4_000_000_000)]),
        book(10, &[(1, 1)], &[(2, 1)]),
    ];
    let scripted = Scripted::new(|context, told| {
        if let Told::Event { .. } = told {
            context.order_submit(&market(Side::Buy, 4_000_000_000)).expect("it is taken");
        }
    });
    let lanes = vec![(lane("rich", Latency::default()), scripted)];
    let fault = run_lanes(vec![huge], FeedConfig::default(), &[rows.to_vec()], 9, lanes)
        .expect_err("too much");
    assert_eq!(fault.status, Status::Overflow, "{fault}");
    // Inside the account sums are wide; realising the loss is what does not fit.
    assert!(fault.message.contains(&(T0 + 10).to_string()), "{fault}");
}

#[test]
fn a_tick_that_is_not_whole_money_is_refused_at_construction() {
    let broken = Instrument {
        ticks: vec![TickStep { price_from: 0, tick: 10 }],
        multiplier_e6: 1_000,
        ..instrument("A")
    };
    let slot = btcore::engine::StrategySlot {
        name: "s".into(),
        params: vec![],
        code: Scripted::new(|_, _| {}),
    };
    let lanes = vec![(lane("l", Latency::default()), vec![slot])];
    let fault =
        Replay::new(vec![broken], FeedConfig::default(), 1, lanes).err().expect("it is refused");
    assert_eq!(fault.status, Status::InvalidConfig);
    assert!(fault.message.contains("whole 1e-6 of money"), "{fault}");
}

#[test]
fn an_average_price_is_the_cost_over_the_lots() {
    let rows = [book(0, &[(100, 9)], &[(101, 1), (102, 9)]), book(10, &[(99, 9)], &[(101, 9)])];
    let (_, _, told) = run_one(instrument("A"), Latency::default(), &rows, |context, told| {
        if let Told::Event { event, .. } = told
            && event.ts_exch_ns == T0
        {
            context
                .order_submit(&OrderReq { qty: 3, ..limit(Side::Buy, 102, 3, Tif::Ioc) })
                .expect("taken");
        }
        if let Told::Fill { fill, .. } = told
            && fill.leaves_qty == 0
        {
            let position = context.position(0).expect("a position");
            assert_eq!((position.qty, position.open_cost), (3, 305 * E6));
            assert_eq!(position.price_avg, 101_666_667);
            // The mark is the mid of 100 and 101.
            assert_eq!(position.pnl_unrealised, 3 * 100_500_000 - 305 * E6);
        }
    });
    assert!(told.iter().any(|t| matches!(t, Told::Fill { .. })));
}
