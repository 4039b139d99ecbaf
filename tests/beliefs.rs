//! Queues, evidence and estimates over random books, prints and orders, under random models: 10,000 cases each.
//!
//! The exchange is driven row by row, and after every row it must hold: nobody is ahead who is not displayed; a queue
//! advances by no more than what traded or what dropped; a print is spent once in every world; the longest queue fills no
//! more than the model, and the model no more than the shortest; a row that is not valid does nothing.

mod support;

use btcore::exchange::{
    Advance, Ask, Exchange, ExchangeConfig, Join, LOT, Market, Netting, Origin, Outbox, QueueModel,
    Request, Terms, Unseen,
};
use btcore::feed::{Feed, FeedConfig, Rows};
use btcore::latency::Leg;
use btcore::wire::{Instrument, OrderType, QueueRow, Side, Tif, kind};
use support::*;

const CASES: u64 = 10_000;
const ORDERS: u32 = 8;

fn model(draw: &mut Draw) -> ExchangeConfig {
    let joins = [
        Join::Displayed,
        Join::NextBook,
        Join::Proportional,
        Join::Share(draw.below(LOT as u64 + 1) as i64),
        Join::InDoubt,
    ];
    let n = 1 + draw.below(4) as u32;
    let advances = [
        Advance::RiskAverse,
        Advance::Power(n),
        Advance::Power2(n),
        Advance::Power3(n),
        Advance::Log,
        Advance::Log2,
        Advance::ProRata,
        Advance::FrontOptimistic,
        Advance::Part(draw.below(LOT as u64 + 1) as i64),
    ];
    // A window shorter than the time between two books would promise nothing about what happens between them.
    let nettings =
        [Netting::TradeFirst, Netting::NextBook, Netting::Window(200 + draw.below(400) as i64)];
    ExchangeConfig {
        queue: QueueModel {
            join: joins[draw.below(5) as usize],
            advance: advances[draw.below(9) as usize],
        },
        hindsight: draw.below(2) == 0,
        netting: nettings[draw.below(3) as usize],
        unseen: [Unseen::Wait, Unseen::Mean][draw.below(2) as usize],
        ghosts_max: ORDERS as usize,
        ..ExchangeConfig::RISK_AVERSE
    }
}

/// Books of up to three levels around a mid that hardly moves, so that prices stay long enough to have queues.
fn random_rows(draw: &mut Draw) -> Vec<Raw> {
    let mut rows = Vec::new();
    for step in 0..30 {
        let at_ns = step * 10;
        let mid = 100 + i64::from(draw.below(8) == 0);
        if draw.below(3) == 0 {
            let price = mid - 2 + draw.below(5) as i64;
            let aggressor = [1, -1, 0][draw.below(3) as usize];
            rows.push(trade(at_ns, price, 1 + draw.below(6) as u32, aggressor));
            continue;
        }
        // Now and then a book that is crossed, and must do nothing.
        let mid_ask = if draw.below(12) == 0 { mid - 2 } else { mid };
        let mut side = |from: i64, step: i64| -> Vec<(i64, u32)> {
            let levels = 1 + draw.below(3) as i64;
            (1..=levels).map(|n| (from + step * n, 1 + draw.below(9) as u32)).collect()
        };
        rows.push(book(at_ns, &side(mid, -1), &side(mid_ask, 1)));
    }
    rows
}

/// What an order was, for the checks.
#[derive(Clone, Copy, Debug)]
struct Sent {
    side: Side,
    price: i64,
    row: usize,
}

struct Stage {
    config: ExchangeConfig,
    instruments: Vec<Instrument>,
    feed: Feed,
    exchange: Exchange,
    out: Outbox,
    /// What orders came to that have left.
    gone: Vec<Option<QueueRow>>,
    sent: Vec<Sent>,
}

impl Stage {
    fn new(config: &ExchangeConfig, rows: &[Raw]) -> Self {
        let instruments = vec![Instrument { depth_max: 3, ..instrument("A") }];
        let feed = FeedConfig { window_rows: 64, ..FeedConfig::default() };
        let mut feed = Feed::new(feed, 1, &instruments);
        let events: Vec<_> = rows.iter().map(|raw| raw.event).collect();
        let depths: Vec<_> =
            rows.iter().filter(|raw| raw.event.kind == kind::BOOK).map(|raw| raw.depth).collect();
        let seqs: Vec<_> = (0..rows.len() as u64).collect();
        let taken = feed.push(0, Rows { events: &events, depths: &depths, seqs: &seqs });
        assert_eq!(taken.expect("the rows are good"), rows.len());
        feed.close(0);
        feed.pump();
        Stage {
            config: *config,
            exchange: Exchange::new(config, ORDERS as usize, 1),
            instruments,
            feed,
            out: Outbox::new(256, 64, &Leg::Constant(0), 0),
            gone: vec![],
            sent: vec![],
        }
    }

    fn send(&mut self, draw: &mut Draw, row: usize, now_ns: i64) {
        let side = if draw.below(2) == 0 { Side::Buy } else { Side::Sell };
        let away = draw.below(3) as i64;
        let price = (if side == Side::Buy { 99 - away } else { 101 + away }) * E6;
        let slot = self.sent.len() as u32;
        let request = Request {
            is_throttled: false,
            order_id: u64::from(slot) + 1,
            slot,
            origin: Origin { tag: 0, instrument: 0, strategy: 0, side },
            ask: Ask::Submit(Terms {
                price,
                qty: 1 + draw.below(4) as u32,
                order_type: OrderType::Limit,
                tif: Tif::Gtc,
                post_only: true,
                own_shown: 0,
                own_until_ns: i64::MAX,
            }),
        };
        let market = Market { window: self.feed.window(), instruments: &self.instruments };
        self.exchange.on_request(&market, &request, now_ns, &mut self.out).expect("it has room");
        self.sent.push(Sent { side, price, row });
        self.gone.push(None);
        self.note();
    }

    fn apply(&mut self, row: usize) -> usize {
        let market = Market { window: self.feed.window(), instruments: &self.instruments };
        let event = market.window.event(row as u64).expect("it is held");
        self.exchange.on_row(&market, row as u64, event, &mut self.out).expect("it has room");
        self.note()
    }

    /// Takes in the rows up to this one.
    fn catch_up(&mut self, row: usize) {
        let market = Market { window: self.feed.window(), instruments: &self.instruments };
        self.exchange.catch_up(&market, row as u64 + 1, &mut self.out.trace);
    }

    /// Takes in what was said; returns how many answers there were.
    fn note(&mut self) -> usize {
        for row in self.out.queues.drain(..) {
            self.gone[row.order_id as usize - 1] = Some(row);
        }
        let mut answers = 0;
        while self.out.line.pop_due(i64::MAX).is_some() {
            answers += 1;
        }
        answers
    }

    /// Estimates of an order; `None` for one that never rested.
    fn estimates(&self, slot: usize) -> Option<QueueRow> {
        self.gone[slot].or_else(|| self.exchange.estimates(slot as u64 + 1))
    }

    fn all(&self) -> Vec<Option<QueueRow>> {
        (0..self.sent.len()).map(|slot| self.estimates(slot)).collect()
    }
}

/// Lots shown at a price: `None` where it is out of view.
fn shown(raw: &Raw, side: Side, price: i64) -> Option<u32> {
    let (e, d) = (&raw.event, &raw.depth);
    let (levels, touch, prices, qtys) = match side {
        Side::Buy => (d.bid_levels, (e.bid_price, e.bid_qty), d.bid_price, d.bid_qty),
        Side::Sell => (d.ask_levels, (e.ask_price, e.ask_qty), d.ask_price, d.ask_qty),
    };
    let mut list = vec![touch];
    list.extend(prices.into_iter().zip(qtys));
    list.truncate(usize::from(levels));
    let found = list.iter().find(|level| level.0 == price).map(|level| level.1);
    let beyond = list.len() == 3
        && list.iter().all(|l| if side == Side::Buy { price < l.0 } else { price > l.0 });
    if beyond { None } else { Some(found.unwrap_or(0)) }
}

fn is_crossed(raw: &Raw) -> bool {
    raw.event.kind == kind::BOOK && raw.event.bid_price >= raw.event.ask_price
}

/// Plays `CASES` random scripts, and shows `check` the state before and after every row.
fn play(mut check: impl FnMut(&Stage, &[Raw], usize, &[Option<QueueRow>], usize)) {
    for seed in 0..CASES {
        let mut draw = Draw::new(seed);
        let config = model(&mut draw);
        let rows = random_rows(&mut draw);
        let mut stage = Stage::new(&config, &rows);
        for (index, raw) in rows.iter().enumerate() {
            let before = stage.all();
            let answers = stage.apply(index);
            check(&stage, &rows, index, &before, answers);
            let has_room = stage.sent.len() < ORDERS as usize;
            if has_room && draw.below(4) == 0 {
                stage.send(&mut draw, index, raw.event.ts_exch_ns);
            }
        }
    }
}

#[test]
fn nobody_is_ahead_who_is_not_displayed() {
    let mut checked = 0_u64;
    play(|stage, rows, index, _, _| {
        let Some(last) =
            rows[..=index].iter().rfind(|r| r.event.kind == kind::BOOK && !is_crossed(r))
        else {
            return;
        };
        for (slot, sent) in stage.sent.iter().enumerate() {
            let live = stage.exchange.estimates(slot as u64 + 1);
            let Some((row, most)) = live.zip(shown(last, sent.side, sent.price)) else { continue };
            checked += 1;
            for (world, ahead) in row.ahead_qty.into_iter().enumerate() {
                // Until a book comes after it, nobody knows who is ahead at most.
                let is_new = last.event.ts_exch_ns <= row.ts_join_ns;
                let ok = match world {
                    0 | 1 if is_new && stage.config.hindsight => true,
                    0 if is_new => ahead == u32::MAX,
                    _ => ahead <= most,
                };
                assert!(ok, "{ahead} of {most} ahead: {row:?} at row {index}");
            }
        }
    });
    assert!(checked > 100_000, "{checked}");
}

#[test]
fn a_queue_advances_by_no_more_than_what_traded_or_what_dropped() {
    let mut checked = 0_u64;
    // By order: queue at the last valid book, lots printed at the price since, and that book.
    let mut since: Vec<(usize, [u32; 3], u32, usize)> = Vec::new();
    play(|stage, rows, index, _, _| {
        if index == 0 {
            since.clear();
        }
        let raw = &rows[index];
        if raw.event.kind == kind::TRADE {
            for (slot, _, traded, _) in &mut since {
                if stage.sent[*slot].price == raw.event.trade_price {
                    *traded += raw.event.trade_qty;
                }
            }
            return;
        }
        if is_crossed(raw) {
            return;
        }
        for (slot, before, traded, book) in since.drain(..) {
            let sent = stage.sent[slot];
            let Some(row) = stage.exchange.estimates(slot as u64 + 1) else { continue };
            let shown = [&rows[book], raw].map(|raw| shown(raw, sent.side, sent.price));
            let [Some(was), Some(is)] = shown else { continue };
            let dropped = was.saturating_sub(is);
            checked += 1;
            for (before, after) in before.iter().zip(row.ahead_qty) {
                // The figures are rounded up to whole lots.
                let advance = before.saturating_sub(after);
                let most = traded.max(dropped) + 1;
                assert!(
                    *before == u32::MAX || advance <= most,
                    "{before} to {after}: {traded} traded, {was} to {is} shown; {sent:?} at row {index}, {:?}",
                    stage.config
                );
            }
        }
        for (slot, sent) in stage.sent.iter().enumerate() {
            // The book after the arrival settles the join as well; it is told apart from the advance.
            let has_joined = rows[sent.row + 1..=index]
                .iter()
                .any(|r| r.event.kind == kind::BOOK && !is_crossed(r));
            if let Some(row) = stage.exchange.estimates(slot as u64 + 1)
                && has_joined
            {
                since.push((slot, row.ahead_qty, 0, index));
            }
        }
    });
    assert!(checked > 50_000, "{checked}");
}

#[test]
fn a_print_is_spent_once_in_every_world() {
    let mut spent = [0_u64; 3];
    play(|stage, rows, index, before, _| {
        let event = &rows[index].event;
        if event.kind != kind::TRADE {
            return;
        }
        let filled = |rows: &[Option<QueueRow>], world: usize| -> u32 {
            rows.iter().flatten().map(|row| row.filled_qty[world]).sum()
        };
        let after = stage.all();
        for (world, spent) in spent.iter_mut().enumerate() {
            let lots = filled(&after, world) - filled(before, world);
            assert!(lots <= event.trade_qty, "world {world}: {lots} of {}", event.trade_qty);
            *spent += u64::from(lots);
        }
    });
    assert!(spent.iter().all(|lots| *lots > 10_000), "{spent:?}");
}

#[test]
fn a_shorter_queue_fills_no_less() {
    let mut total = [0_u64; 3];
    play(|stage, all_rows, index, _, _| {
        if index + 1 < all_rows.len() {
            return;
        }
        let rows = stage.all();
        let filled: [u32; 3] =
            [0, 1, 2].map(|world| rows.iter().flatten().map(|row| row.filled_qty[world]).sum());
        let [pessimistic, model, optimistic] = filled;
        assert!(pessimistic <= model && model <= optimistic, "{filled:?}");
        for (world, total) in total.iter_mut().enumerate() {
            *total += u64::from(filled[world]);
        }
    });
    assert!(total[0] < total[1] && total[1] < total[2], "{total:?}");
}

/// The exchange as the engine drives it, which applies only rows that may fill, and takes in the others when it is asked, but for
/// those that change nothing, against one that is made to look at everything.
#[test]
fn rows_that_are_passed_by_change_nothing() {
    let (mut still, mut fills) = (0_u64, 0_u64);
    for seed in 0..CASES {
        let mut draw = Draw::new(seed);
        let config = model(&mut draw);
        let rows = random_rows(&mut draw);
        let (mut fast, mut slow) = (Stage::new(&config, &rows), Stage::new(&config, &rows));
        for (index, raw) in rows.iter().enumerate() {
            let market = Market { window: fast.feed.window(), instruments: &fast.instruments };
            let event = market.window.event(index as u64).expect("it is held");
            // It looks as far ahead as it likes: an order that comes behind makes it look again.
            let until_ns = event.ts_exch_ns + 1 + 10 * draw.below(4) as i64;
            fast.exchange.look_ahead(market.window, until_ns);
            let is_next = fast.exchange.row_next() == index as u64;
            if is_next && fast.exchange.is_felt() {
                fast.exchange.apply_found(&market, event, &mut fast.out).expect("it has room");
            } else {
                still += u64::from(!fast.exchange.is_idle());
            }
            // Whoever takes an order to change it makes the next row count for it.
            (1..=u64::from(ORDERS)).for_each(|order_id| slow.exchange.show_own(order_id, 0, 0));
            let answers = slow.apply(index);
            assert_eq!(fast.note(), answers, "seed {seed}, row {index}");
            fills += answers as u64;
            let sends = fast.sent.len() < ORDERS as usize && draw.below(4) == 0;
            // A request needs the queues as they are; else nobody asks, and it shows in the fills if one is late.
            if sends || draw.below(4) == 0 || index + 1 == rows.len() {
                fast.catch_up(index);
                assert_eq!(fast.all(), slow.all(), "seed {seed}, row {index}");
            }
            if sends {
                let mut twin = draw.clone();
                fast.send(&mut twin, index, raw.event.ts_exch_ns);
                slow.send(&mut draw, index, raw.event.ts_exch_ns);
            }
        }
    }
    assert!(still > 20_000 && fills > 10_000, "{still} still, {fills} fills");
}

#[test]
fn a_crossed_book_does_nothing() {
    let mut checked = 0_u64;
    play(|stage, rows, index, before, answers| {
        if is_crossed(&rows[index]) {
            checked += 1;
            assert_eq!((stage.all().as_slice(), answers), (before, 0));
        }
    });
    assert!(checked > 10_000, "{checked}");
}
