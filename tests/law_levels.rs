//! Law 4, levels are Known, Empty or Unknown: what that means for the place of a resting order.

mod support;

use btcore::latency::Latency;
use btcore::wire::{Instrument, Side, Tif};
use support::*;

/// Rests one buy of 1 at `price` on the first row; returns the queue ahead at each of its fills.
fn ahead_at_fill(instrument: Instrument, price: i64, rows: &[Raw]) -> Vec<u32> {
    let mut sent = false;
    let (_, written, _) = run_one(instrument, Latency::default(), rows, move |context, _| {
        if !std::mem::replace(&mut sent, true) {
            context.order_submit(&limit(Side::Buy, price, 1, Tif::Rod)).expect("it is taken");
        }
    });
    written.fills.iter().map(|row| row.ahead_qty[1]).collect()
}

fn three_levels() -> Instrument {
    Instrument { depth_max: 3, ..instrument("A") }
}

const ASKS: [(i64, u32); 1] = [(110, 5)];

#[test]
fn a_price_that_leaves_a_full_side_keeps_its_queue() {
    let rows = |back: u32| {
        vec![
            book(0, &[(100, 5), (99, 5), (98, 5)], &ASKS),
            // 98 leaves the three levels: unknown, and five lots are still ahead.
            book(10, &[(101, 5), (100, 5), (99, 5)], &ASKS),
            book(20, &[(98, back), (97, 5), (96, 5)], &ASKS),
            trade(30, 98, 4, -1),
            trade(40, 98, 1, -1),
            trade(50, 98, 1, -1),
        ]
    };
    // It comes back larger: five are still ahead, so the sixth lot is ours.
    assert_eq!(ahead_at_fill(three_levels(), 98, &rows(9)), [0]);
    let lots = |rows: Vec<Raw>| {
        let at = |n: usize| ahead_at_fill(three_levels(), 98, &rows[..n]).len();
        (at(4), at(5), at(6))
    };
    assert_eq!(lots(rows(9)), (0, 0, 1), "five lots are ahead when it comes back larger");
    assert_eq!(lots(rows(3)), (1, 1, 1), "three lots are ahead when it comes back with three");
}

#[test]
fn a_price_absent_between_two_levels_is_empty_and_nobody_is_ahead() {
    let rows = [
        book(0, &[(100, 5), (99, 5), (98, 5)], &ASKS),
        book(10, &[(100, 5), (98, 5), (97, 5)], &ASKS),
        trade(20, 99, 1, -1),
    ];
    assert_eq!(ahead_at_fill(three_levels(), 99, &rows), [0]);
    assert_eq!(
        ahead_at_fill(three_levels(), 99, &[rows[0], rows[2]]),
        [],
        "five are ahead otherwise"
    );
}

#[test]
fn beyond_a_side_that_shows_fewer_levels_it_is_empty() {
    let rows = [book(0, &[(100, 5), (99, 5)], &ASKS), trade(20, 97, 1, -1)];
    assert_eq!(ahead_at_fill(three_levels(), 97, &rows), [0], "the side is complete");
    let full = Instrument { depth_max: 2, ..instrument("A") };
    assert_eq!(ahead_at_fill(full, 97, &rows), [], "the side is full: nobody knows who is ahead");
}

#[test]
fn a_join_beyond_view_takes_its_place_when_the_price_comes_into_view() {
    let rows = [
        book(0, &[(100, 5), (99, 5), (98, 5)], &ASKS),
        trade(10, 95, 50, -1),
        book(20, &[(96, 5), (95, 2), (94, 5)], &ASKS),
        trade(30, 95, 2, -1),
        trade(40, 95, 1, -1),
    ];
    assert_eq!(ahead_at_fill(three_levels(), 95, &rows[..4]), [], "two lots are ahead");
    assert_eq!(ahead_at_fill(three_levels(), 95, &rows), [0]);
    // Going through it needs no place in the queue.
    let through = [rows[0], trade(10, 94, 1, -1)];
    assert_eq!(ahead_at_fill(three_levels(), 95, &through), [u32::MAX]);
}
