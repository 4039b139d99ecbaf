//! Holds the screen to its words: a long life is cut where nothing happens and says so, and numbers are exact.

use super::{Life, prose, screen};
use btcore::exchange::LOT;
use btcore::recorder::{OrderEnd, OrderRow};
use btcore::wire::{
    AHEAD_UNKNOWN, Displayed, Event, Place, QueueRow, Reason, ReportKind, Side, TraceRow,
    TraceWhat, UNDEF_TIME, kind,
};
use jiff::tz::TimeZone;
use serde_json::json;

const T0: i64 = 1_775_609_100_000_000_000;
const MS: i64 = 1_000_000;
const E6: i64 = 1_000_000;

fn row(ms: i64, what: TraceWhat) -> TraceRow {
    TraceRow::plain(T0 + ms * MS, what, 20_150 * E6, 1)
}

/// An order behind a queue of `books` lots, of which every book takes one, and which a print fills at the end.
fn life(books: i64) -> Life {
    let place = |lots: i64| {
        let ahead =
            [if lots == books { AHEAD_UNKNOWN } else { lots * LOT }, lots * LOT, lots * LOT / 2];
        Some(Place { displayed: Displayed::Lots(lots as u32), ahead })
    };
    let mut rows = vec![
        row(-36, TraceWhat::SentSubmit),
        row(0, TraceWhat::Answered(ReportKind::Accepted, Reason::None)),
        TraceRow { after: place(books), ..row(0, TraceWhat::Joined) },
    ];
    rows.extend((1..=books).map(|n| {
        let (bid_price, ask_price) = (20_150 * E6, 20_151 * E6);
        TraceRow {
            event: Event { kind: kind::BOOK, bid_price, ask_price, ..Event::EMPTY },
            before: place(books - n + 1),
            after: place(books - n),
            ..row(n * 125, TraceWhat::Book)
        }
    }));
    let print = Event {
        kind: kind::TRADE,
        trade_price: 20_150 * E6,
        trade_qty: 3,
        aggressor: -1,
        ..Event::EMPTY
    };
    let end_ms = books * 125 + 1;
    rows.push(TraceRow {
        event: print,
        lots: [0, 1, 1],
        filled: [0, 1, 1],
        netted: 2,
        before: place(0),
        after: place(0),
        ..row(end_ms, TraceWhat::PrintAt)
    });
    let end_ns = T0 + end_ms * MS;
    Life {
        dir: "out/demo".into(),
        run_id: "id".into(),
        digest: "digest".into(),
        warning: None,
        lane: "demo".into(),
        strategy: "maker".into(),
        symbol: "TXF".into(),
        zone: TimeZone::get("Asia/Taipei").unwrap(),
        zone_name: "Asia/Taipei".into(),
        beliefs: json!({ "queue": { "join": "next_book", "advance": { "power3": 5 } }, "hindsight": "next_book", "netting": "next_book", "unseen": "mean" }),
        fills_in: 1,
        order: OrderRow {
            order_id: 7,
            tag: 0,
            ts_submit_ns: T0 - 36 * MS,
            ts_accept_ns: T0,
            ts_end_ns: end_ns,
            price: 20_150 * E6,
            qty: 1,
            filled_qty: 1,
            amends: 0,
            instrument: 0,
            strategy: 0,
            side: Side::Buy,
            order_type: 1,
            tif: 1,
            post_only: 0,
            end: OrderEnd::Filled,
            reason: Reason::None,
        },
        queue: Some(QueueRow {
            order_id: 7,
            ts_join_ns: T0,
            ts_end_ns: end_ns,
            ts_first_ns: [UNDEF_TIME, end_ns, end_ns],
            filled_qty: [0, 1, 1],
            ahead_qty: [0, 0, 0],
        }),
        rows,
        idle: 0,
    }
}

#[test]
fn the_screen_reads_as_it_should() {
    let expected = "\
order 7: buy 1 lot of TXF at 20150, limit, ROD; strategy maker, lane demo
  sent     2026-04-08 08:44:59.964 Asia/Taipei, -36.000 ms
  arrived  0
  acked    never: the run ended before
  end      filled +376.000 ms, 1 of 1 filled

lots of others shown at its price, and ahead of it by each estimate; ? not known
time               ms   shown  pessimistic   model  optimistic  event
08:44:59.964  -36.000                                           strategy sends: buy 1 at 20150
08:45:00.000   +0.000                                           exchange: accepted
08:45:00.000   +0.000       3            ?       3         1.5  joins the queue at 20150
08:45:00.125  +125.000";
    let text = screen(&life(3), false);
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeeze(&text).starts_with(&squeeze(expected)), "{text}");
    let print = "print of 3 at 20150, a seller took; 2 had left the queue before; FILLS 1 at 20150 by evidence \
                 `at`; so would optimistic 1";
    assert!(text.contains(print), "{text}");
    assert!(text.contains("3 -> 2  "), "{text}");
    assert!(!text.contains("left out"), "{text}");
}

#[test]
fn a_long_life_is_cut_where_nothing_happens_and_says_so() {
    let life = life(5_000);
    let text = screen(&life, false);
    assert!(text.lines().count() < 60, "{text}");
    assert!(text.contains("... 4,968 lines left out; --all shows them"), "{text}");
    assert!(text.contains("FILLS 1 at 20150"), "{text}");
    let whole = screen(&life, true);
    assert!(whole.lines().count() > 5_000 && !whole.contains("left out"));
}

#[test]
fn numbers_are_told_as_they_are() {
    assert_eq!(prose::offset_ms(-36_000_000), "-36.000");
    assert_eq!(prose::offset_ms(1), "+0.000001");
    assert_eq!(prose::ahead(AHEAD_UNKNOWN), "?");
    assert_eq!(prose::ahead(3 * LOT), "3");
    assert_eq!(prose::ahead(1), "<0.1");
    assert_eq!(prose::ahead(LOT * 5 / 4), "1.2");
    assert_eq!(prose::price(20_150_500_000), "20150.5");
}
