//! Money by hand: a round trip through the book, fees included, equals what the lane reports to the last unit.

mod support;

use btcore::latency::Latency;
use btcore::wire::{Fee, FeeBase, FeeSide, Rounding, Side};
use support::*;

#[test]
fn one_bought_and_sold_at_market_gives_the_pnl_worked_out_by_hand() {
    // TXF: multiplier 200, commission 60 a contract and side, tax 0.00002 of the value to whole NTD.
    let mut txf = instrument("TXFD6");
    txf.multiplier_e6 = 200 * E6;
    txf.fees = vec![
        Fee {
            name: "commission".into(),
            side: FeeSide::Both,
            base: FeeBase::PerLot { amount: 60 * E6 },
            unit: 1,
            rounding: Rounding::HalfUp,
        },
        Fee {
            name: "tax".into(),
            side: FeeSide::Both,
            base: FeeBase::ValuePerLot { rate_e9: 20_000 },
            unit: E6,
            rounding: Rounding::HalfUp,
        },
    ];
    let rows = [
        book(0, &[(34_990, 5)], &[(35_001, 5)]),
        book(100 * MS, &[(35_010, 5)], &[(35_012, 5)]),
        book(200 * MS, &[(35_020, 5)], &[(35_022, 5)]),
    ];
    let mut step = 0;
    let (summary, written, _) = run_one(txf, Latency::default(), &rows, move |context, told| {
        if let Told::Event { .. } = told {
            step += 1;
            match step {
                1 => drop(context.order_submit(&market(Side::Buy, 1)).unwrap()),
                3 => drop(context.order_submit(&market(Side::Sell, 1)).unwrap()),
                _ => {}
            }
        }
    });
    // Bought at 35,001, sold at 35,020: 19 points x 200 = 3,800 NTD.
    // Tax: 35,001 x 200 x 0.00002 = 140.004 -> 140; 35,020 x 200 x 0.00002 = 140.08 -> 140.
    // Fees: 60 + 140 + 60 + 140 = 400. Profit: 3,400.
    assert_eq!(written.fills.len(), 2);
    assert_eq!(summary.pnl_realised, 3_800 * E6);
    assert_eq!(summary.fees, 400 * E6);
    assert_eq!(summary.pnl, 3_400 * E6);
    assert_eq!(summary.pnl_unrealised, 0);
    assert_eq!((summary.orders, summary.fills, summary.trips_won), (2, 2, 1));
}
