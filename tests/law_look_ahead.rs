//! Law 3, no look-ahead: what a strategy is told and does up to a time depends only on rows that could have arrived by
//! then. Every row behind a cut is scrambled or removed, and nothing before the cut changes. With hindsight the exchange
//! may know the next book, and the prints until then, and nothing behind it.

mod support;

use btcore::engine::LaneConfig;
use btcore::exchange::ExchangeConfig;
use btcore::latency::Latency;
use btcore::strategy::Strategy;
use btcore::wire::{Depth, Event, Fill, OrderReq, Report, Side, Tif, kind};
use support::*;

/// Trades on what it sees, by a hash of it: any peek ahead shows in its orders.
struct Reader {
    told: std::rc::Rc<std::cell::RefCell<Vec<(i64, String)>>>,
    state: u64,
}

impl Reader {
    fn note(&mut self, context: &mut btcore::engine::Context<'_>, what: String) {
        for byte in what.bytes() {
            self.state = (self.state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        let position = context.position(0).expect("a position");
        let book = context.book(0).map(|(event, depth)| (Event { depth_ix: 0, ..*event }, *depth));
        self.told.borrow_mut().push((context.now_ns(), format!("{what} {position:?} {book:?}")));
    }

    fn act(&mut self, context: &mut btcore::engine::Context<'_>, price: i64) {
        let side = if self.state & 1 == 0 { Side::Buy } else { Side::Sell };
        let tif = [Tif::Rod, Tif::Gtc, Tif::Ioc, Tif::Fok][(self.state >> 1) as usize & 3];
        let offset = (self.state >> 8) as i64 % 5 - 2;
        let id = self.state >> 16 & 15;
        // A refusal is a result like any other, and is compared like any other.
        let done = match self.state >> 4 & 3 {
            0 => context.order_cancel(id).map(|()| 0),
            1 => context
                .order_amend(id, price + offset * E6, 1 + (self.state >> 20) as u32 % 3)
                .map(|()| 0),
            _ => context.order_submit(&OrderReq {
                price: price + offset * E6,
                ..limit(side, 0, 1 + (self.state >> 24) as u32 % 4, tif)
            }),
        };
        self.told.borrow_mut().push((context.now_ns(), format!("{done:?}")));
    }
}

impl Strategy for Reader {
    fn on_event(
        &mut self,
        context: &mut btcore::engine::Context<'_>,
        event: &Event,
        depth: &Depth,
    ) -> i32 {
        let event = Event { depth_ix: 0, ..*event };
        self.note(context, format!("{event:?} {depth:?}"));
        if event.kind == kind::BOOK {
            self.act(context, event.bid_price);
        }
        0
    }
    fn on_report(&mut self, context: &mut btcore::engine::Context<'_>, report: &Report) -> i32 {
        self.note(context, format!("{report:?}"));
        0
    }
    fn on_fill(&mut self, context: &mut btcore::engine::Context<'_>, fill: &Fill) -> i32 {
        self.note(context, format!("{fill:?}"));
        0
    }
}

fn random_row(draw: &mut Draw, at_ns: i64) -> Raw {
    let price = 100 + draw.below(4) as i64;
    if draw.below(3) == 0 {
        return trade(at_ns, price, 1 + draw.below(6) as u32, draw.below(3) as i8 - 1);
    }
    let qty = |draw: &mut Draw| 1 + draw.below(9) as u32;
    let bids = [(price, qty(draw)), (price - 1, qty(draw)), (price - 2, qty(draw))];
    let asks = [(price + 1, qty(draw)), (price + 2, qty(draw)), (price + 3, qty(draw))];
    book(at_ns, &bids, &asks)
}

fn told_until(
    rows: &[Raw],
    latency: Latency,
    exchange: ExchangeConfig,
    cut_ns: i64,
) -> (Vec<(i64, String)>, usize) {
    let told = std::rc::Rc::default();
    let reader = Reader { told: std::rc::Rc::clone(&told), state: 1 };
    let lanes = vec![(LaneConfig { exchange, ..lane("l", latency) }, reader)];
    run_lanes(vec![instrument("A")], Default::default(), &[rows.to_vec()], 17, lanes)
        .expect("it runs");
    let told = told.take();
    let fills = told.iter().filter(|(_, what)| what.starts_with("Fill")).count();
    (told.into_iter().filter(|(now_ns, _)| *now_ns < T0 + cut_ns).collect(), fills)
}

#[test]
fn scrambling_the_future_does_not_change_the_past() {
    let exchange = ExchangeConfig { hindsight: false, ghosts_max: 16, ..ExchangeConfig::default() };
    let (mut fills, mut compared) = (0, 0);
    for seed in 0..150 {
        let mut draw = Draw::new(seed);
        let latency = Latency {
            feed_ns: draw.below(30) as i64,
            submit_ns: draw.below(30) as i64,
            amend_ns: draw.below(30) as i64,
            cancel_ns: draw.below(30) as i64,
            response_ns: draw.below(30) as i64,
        };
        let mut at_ns = 0;
        let rows: Vec<Raw> = (0..200)
            .map(|_| {
                at_ns += draw.below(3) as i64 * 5;
                random_row(&mut draw, at_ns)
            })
            .collect();
        let cut_ns = draw.below(at_ns as u64) as i64;
        let (before, count) = told_until(&rows, latency, exchange, cut_ns);
        let mut other: Vec<Raw> =
            rows.iter().filter(|r| r.event.ts_exch_ns < T0 + cut_ns).copied().collect();
        // Half of the time other rows follow, half of the time one that only tells that time went on.
        let end_ns = at_ns + 10_000;
        if seed % 2 == 0 {
            let mut at_ns = cut_ns;
            for _ in 0..100 {
                other.push(random_row(&mut draw, at_ns));
                at_ns += draw.below(20) as i64;
            }
        }
        other.push(book(end_ns, &[(100, 1)], &[(101, 1)]));
        let (after, _) = told_until(&other, latency, exchange, cut_ns);
        assert_eq!(before, after, "seed {seed}, cut at {cut_ns}");
        fills += count;
        compared += before.len();
    }
    assert!(
        fills > 1_000 && compared > 10_000,
        "the test looked: {fills} fills, {compared} events"
    );
}

/// A market that stands still: queues at the touch of a few lots, and prints into them.
fn steady_row(draw: &mut Draw, at_ns: i64) -> Raw {
    if draw.below(2) == 0 {
        let is_buy = draw.below(2) == 0;
        let (price, aggressor) = if is_buy { (101, 1) } else { (100, -1) };
        return trade(at_ns, price, 1 + draw.below(3) as u32, aggressor);
    }
    let qty = |draw: &mut Draw| 1 + draw.below(12) as u32;
    // The touch is empty in one book and full in the next, so that much comes up between two of them.
    let mut side = |touch: i64, behind: i64| match draw.below(2) {
        0 => vec![(behind, qty(draw))],
        _ => vec![(touch, qty(draw)), (behind, qty(draw))],
    };
    book(at_ns, &side(100, 99), &side(101, 102))
}

/// Everything told before the cut to who joins the touch at every row.
fn joiner_told(rows: &[Raw], hindsight: bool, cut_ns: i64) -> (Vec<String>, usize) {
    let mut row = 0_u64;
    let scripted = Scripted::new(move |context, told| {
        let Told::Event { .. } = told else { return };
        row += 1;
        let (side, price) =
            if row.is_multiple_of(2) { (Side::Buy, 100) } else { (Side::Sell, 101) };
        // A full slab is part of the run, in both of its versions.
        let _ = context.order_submit(&limit(side, price, 1, Tif::Gtc));
        if row > 6 {
            let _ = context.order_cancel(row - 6);
        }
    });
    let told = scripted.told.clone();
    let exchange = ExchangeConfig { hindsight, ghosts_max: 16, ..ExchangeConfig::default() };
    let latency = Latency { submit_ns: 3, cancel_ns: 3, ..Latency::default() };
    let config = LaneConfig { exchange, ..lane("l", latency) };
    let lanes = vec![(config, scripted)];
    run_lanes(vec![instrument("A")], Default::default(), &[rows.to_vec()], 17, lanes)
        .expect("it runs");
    let all = told.take();
    let fills = all.iter().filter(|told| matches!(told, Told::Fill { .. })).count();
    let at_ns = |told: &Told| match told {
        Told::Event { now_ns, .. }
        | Told::Report { now_ns, .. }
        | Told::Fill { now_ns, .. }
        | Told::Timer { now_ns, .. }
        | Told::End { now_ns } => *now_ns,
    };
    let before = all.iter().filter(|told| at_ns(told) < T0 + cut_ns);
    (before.map(|told| format!("{told:?}")).collect(), fills)
}

/// On how many of 2,000 tapes the past comes out otherwise when everything behind a cut is scrambled, but for so many books.
fn pasts_that_differ(hindsight: bool, books_kept: usize) -> usize {
    let mut fills = 0;
    let differs = |seed| {
        let mut draw = Draw::new(seed);
        let mut rows: Vec<Raw> = (0..60).map(|n| steady_row(&mut draw, n * 10)).collect();
        rows.push(book(5_000, &[(100, 1)], &[(101, 1)]));
        // Between two rows, where requests are on their way and orders have just joined.
        let cut_ns = draw.below(50) as i64 * 10 + 5;
        let first = rows.partition_point(|r| r.event.ts_exch_ns < T0 + cut_ns);
        let behind = (first..60).filter(|at| rows[*at].event.kind == kind::BOOK);
        let keep = behind.take(books_kept).last().map_or(first, |at| at + 1);
        let mut other = rows.clone();
        for (n, raw) in other.iter_mut().enumerate().take(60).skip(keep) {
            *raw = steady_row(&mut draw, n as i64 * 10);
        }
        let (before, count) = joiner_told(&rows, hindsight, cut_ns);
        fills += count;
        before != joiner_told(&other, hindsight, cut_ns).0
    };
    let differ = (0..2_000).map(differs).filter(|differs| *differs).count();
    assert!(fills > 10_000, "the test looked: {fills} fills");
    differ
}

#[test]
fn hindsight_ends_with_the_next_book() {
    assert_eq!(pasts_that_differ(false, 0), 0, "without it nothing behind the cut is known");
    assert!(pasts_that_differ(true, 0) > 10, "with it the next book is");
    assert_eq!(pasts_that_differ(true, 1), 0, "and nothing behind that");
}

/// The same order and the same print: what the next book shows says whether others were there first.
#[test]
fn the_next_book_decides_where_an_order_stands() {
    let fills = |hindsight: bool, next_qty: Option<u32>| {
        let next: &[(i64, u32)] = &[(99, 5), (98, 5), (97, 5)];
        let next = match next_qty {
            Some(qty) => [&[(100, qty)], next].concat(),
            None => next.to_vec(),
        };
        let rows = [
            book(0, &[(100, 1)], &[(101, 9)]),
            trade(10, 100, 3, -1),
            book(20, &next, &[(101, 9)]),
            book(5_000, &next, &[(101, 9)]),
        ];
        let mut sent = false;
        let scripted = Scripted::new(move |context, _| {
            if !std::mem::replace(&mut sent, true) {
                context.order_submit(&limit(Side::Buy, 100, 1, Tif::Rod)).expect("taken");
            }
        });
        let exchange = ExchangeConfig { hindsight, ghosts_max: 16, ..ExchangeConfig::default() };
        let latency = Latency { submit_ns: 5, ..Latency::default() };
        let config = LaneConfig { exchange, ..lane("l", latency) };
        let outcome = run_lanes(
            vec![instrument("A")],
            Default::default(),
            &[rows.to_vec()],
            2,
            vec![(config, scripted)],
        );
        let fills = &outcome.expect("it runs").lanes[0].1.fills;
        fills.iter().map(|row| row.fill.ts_exch_ns - T0).collect::<Vec<_>>()
    };
    assert_eq!(fills(false, Some(9)), [10], "one lot was displayed, three printed");
    assert_eq!(
        fills(true, None),
        [10],
        "two lots came up beside it, and at most one was before it"
    );
    assert_eq!(
        fills(true, Some(9)),
        [] as [i64; 0],
        "eleven came up, and six of them at least before it"
    );
}

/// The book that a strategy asks for, of any instrument, is the last row that it was told, however far the exchange is
/// ahead and whether the row is still in the window or not; and its position is marked by no later one.
#[test]
fn the_book_in_the_context_is_the_last_row_delivered() {
    use btcore::feed::FeedConfig;
    for (feed_ns, window_rows) in [(0, 64), (300, 128), (300, 4_096)] {
        let mut draw = Draw::new(feed_ns as u64 + window_rows as u64);
        let mut rows = vec![Raw { ..book(0, &[(100, 9)], &[(101, 9)]) }];
        for n in 1..900 {
            let mut raw = random_row(&mut draw, n * 10);
            // The second instrument speaks seldom: its last row has often left the window.
            raw.event.instrument = u32::from(draw.below(100) == 0);
            rows.push(raw);
        }
        let mut last = [None, None];
        let mut mark = None;
        let scripted = Scripted::new(move |context, told| {
            if let Told::Event { event, depth, .. } = told {
                let index = event.instrument as usize;
                last[index] = Some((*event, *depth));
                if index == 0 && event.kind == kind::BOOK {
                    mark = Some(event.bid_price + event.ask_price);
                }
                if event.ts_exch_ns == T0 {
                    context.order_submit(&market(Side::Buy, 1)).expect("taken");
                }
            }
            for (index, known) in last.iter().enumerate() {
                let book = context.book(index as u32).map(|(event, depth)| (*event, *depth));
                assert_eq!(book.map(|b| b.0), known.map(|k| k.0), "the row");
                assert_eq!(book.map(|b| b.1), known.map(|k| k.1), "its depth");
            }
            let position = context.position(0).expect("a position");
            if position.qty == 1 {
                assert_eq!(
                    2 * position.pnl_unrealised,
                    mark.expect("a mark") - 2 * position.open_cost
                );
            }
        });
        let latency = Latency { feed_ns, ..Latency::default() };
        let feed = FeedConfig { window_rows, ..FeedConfig::default() };
        let instruments = vec![instrument("A"), instrument("B")];
        let outcome =
            run_lanes(instruments, feed, &[rows], 5, vec![(lane("l", latency), scripted)])
                .expect("it runs");
        assert_eq!(outcome.lanes[0].0.open_qty, 1);
    }
}
