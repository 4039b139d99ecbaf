//! Capability masks: a strategy that wants few rows comes to the same as one that gets every row and leaves the others out
//! itself, whatever the latencies; and it is called for no other row.

mod support;

use btcore::engine::{Context, LaneConfig};
use btcore::exchange::ExchangeConfig;
use btcore::feed::{FeedConfig, class};
use btcore::latency::Latency;
use btcore::strategy::Strategy;
use btcore::wire::{Depth, Event, Fill, Instrument, OrderReq, Report, Session, Side, Tif, kind};
use std::cell::RefCell;
use std::rc::Rc;
use support::*;

/// Acts at rows of the classes of `mask` alone: told so by the engine, or by looking itself.
struct Picky {
    mask: u8,
    looks_itself: bool,
    touch: [Option<(i64, i64)>; 2],
    acts: u64,
    log: Rc<RefCell<Vec<(i64, i64)>>>,
}

impl Picky {
    fn class(&mut self, event: &Event) -> u8 {
        let own = 1 << event.kind;
        if event.kind != kind::BOOK {
            return own;
        }
        let now = Some((event.bid_price, event.ask_price));
        let before = std::mem::replace(&mut self.touch[event.instrument as usize], now);
        own | if before == now { 0 } else { class::TOUCH }
    }

    fn act(&mut self, context: &mut Context<'_>, event: &Event) {
        self.acts += 1;
        self.log.borrow_mut().push((context.now_ns(), event.ts_exch_ns));
        let other = 1 - event.instrument;
        let Some((book, _)) = context.book(other).map(|(event, depth)| (*event, *depth)) else {
            return;
        };
        if self.acts.is_multiple_of(4) && book.is_book_valid() && book.kind == kind::BOOK {
            let (side, price) = match self.acts % 8 {
                0 => (Side::Buy, book.bid_price + self.acts as i64 % 3 * E6),
                _ => (Side::Sell, book.ask_price - self.acts as i64 % 3 * E6),
            };
            let req = OrderReq { instrument: other, price, ..limit(side, 0, 1, Tif::Rod) };
            let _ = context.order_submit(&req);
        }
        if self.acts.is_multiple_of(5) {
            let _ = context.order_cancel(self.acts / 12);
        }
        if self.acts.is_multiple_of(11) {
            let _ = context.timer_set(context.now_ns() + self.acts as i64 % 3 * MS, self.acts);
        }
    }
}

impl Strategy for Picky {
    fn wants(&self) -> u8 {
        if self.looks_itself { class::ALL } else { self.mask }
    }

    fn on_start(&mut self, context: &mut Context<'_>) -> i32 {
        // A strategy of timers alone needs a first one.
        i32::from(context.timer_set(context.now_ns() + 50 * MS, 1).is_err())
    }

    fn on_event(&mut self, context: &mut Context<'_>, event: &Event, _: &Depth) -> i32 {
        let is_wanted = !self.looks_itself || self.class(event) & self.mask != 0;
        if is_wanted {
            self.act(context, event);
        }
        0
    }

    fn on_report(&mut self, context: &mut Context<'_>, report: &Report) -> i32 {
        self.log.borrow_mut().push((context.now_ns(), report.order_id as i64));
        0
    }

    fn on_fill(&mut self, context: &mut Context<'_>, fill: &Fill) -> i32 {
        self.log.borrow_mut().push((context.now_ns(), -(fill.order_id as i64)));
        0
    }

    fn on_timer(&mut self, context: &mut Context<'_>, timer_id: u64) -> i32 {
        let seen = context.book(0).map_or(0, |(event, _)| event.ts_exch_ns);
        self.log.borrow_mut().push((context.now_ns(), seen));
        i32::from(context.timer_set(context.now_ns() + 70 * MS, timer_id + 1).is_err())
    }
}

fn tape(seed: u64) -> Vec<Raw> {
    let mut draw = Draw::new(seed);
    let (mut at_ns, mut price) = (0, 1_000);
    (0..1_200)
        .map(|index| {
            at_ns += draw.below(4) as i64 * 5 * MS;
            price += [0, 0, 0, 1, -1][draw.below(5) as usize];
            let qty = |draw: &mut Draw| 1 + draw.below(9) as u32;
            let mut raw = if draw.below(3) == 0 {
                trade(at_ns, price + draw.below(2) as i64, qty(&mut draw), draw.below(3) as i8 - 1)
            } else {
                let bids: Vec<_> = (0..5).map(|n| (price - n, qty(&mut draw))).collect();
                let asks: Vec<_> = (0..5).map(|n| (price + 1 + n, qty(&mut draw))).collect();
                book(at_ns, &bids, &asks)
            };
            raw.seq = index + 1;
            raw
        })
        .collect()
}

#[test]
fn a_mask_is_the_same_as_looking_away() {
    let session = |open, close, day| Session::continuous(T0 + open * MS, T0 + close * MS, day);
    let sessions = vec![session(50, 3_000, 20260408), session(3_500, 90_000, 20260409)];
    let instruments: Vec<_> = ["A", "B"]
        .map(|symbol| Instrument { sessions: sessions.clone(), ..instrument(symbol) })
        .into();
    let mut tapes = [tape(5), tape(6)];
    tapes[1].iter_mut().for_each(|raw| raw.event.instrument = 1);
    for mask in [
        0,
        class::SESSION,
        class::TRADE,
        class::BOOK,
        class::TOUCH,
        class::TOUCH | class::TRADE,
        class::TRADE | class::SESSION,
        class::ALL,
    ] {
        for (feed, submit, cancel, response) in
            [(0, 0, 0, 0), (1, 5, 5, 1), (400, 0, 1, 0), (0, 3, 0, 2), (7, 20, 20, 20)]
        {
            let latency = Latency {
                feed_ns: feed * MS,
                submit_ns: submit * MS,
                amend_ns: MS,
                cancel_ns: cancel * MS,
                response_ns: response * MS,
            };
            let run = |looks_itself| {
                let log = Rc::new(RefCell::new(Vec::new()));
                let code =
                    Picky { mask, looks_itself, touch: [None; 2], acts: 0, log: log.clone() };
                let exchange = ExchangeConfig { ghosts_max: 16, ..ExchangeConfig::default() };
                let config = LaneConfig { exchange, ..lane("picky", latency) };
                let feed = FeedConfig { window_rows: 2_048, ..FeedConfig::default() };
                let outcome =
                    run_lanes(instruments.clone(), feed, &tapes, 100, vec![(config, code)]);
                let mut lanes = outcome.expect("it runs").lanes;
                let (summary, written) = lanes.remove(0);
                (summary, written, log.take())
            };
            let (told, looked) = (run(false), run(true));
            let place = format!("mask {mask:#b}, legs {feed} {submit} {cancel} {response} ms");
            assert_eq!(told.2.len(), looked.2.len(), "{place}");
            assert!(told == looked, "{place}");
            assert!(told.2.len() > 80, "timers at least: {place}");
            let trades = mask & !class::SESSION != 0;
            assert!(!trades || told.0.fills > 5, "{} fills, {place}", told.0.fills);
        }
    }
}
