//! Plays recorded orders as shadows on the rows of a run, under many models in one pass.
//!
//! Invariants: every shadow has an exchange to itself, a copy of one that has seen every row and no order, so shadows
//! share nothing. It joins behind the rows that were before it, leaves behind the rows of its end, and its own lots are
//! off the displayed books in between. One that was really filled ended by that and would have stayed: it is followed on for [`FOLLOW_NS`], without its lots, so that a model that is late can be told from one that never fills. Cost: O(rows x live shadows x models).

use super::orders::RealOrder;
use crate::config::Config;
use crate::run::RunError;
use crate::source::{self, Chunk, pending::Pending};
use btcore::book::{Book, LevelState};
use btcore::exchange::{
    Ask, Exchange, ExchangeConfig, HINDSIGHT_NS, Market, Origin, Outbox, Request, Terms, WORLDS,
};
use btcore::feed::Feed;
use btcore::latency::Leg;
use btcore::wire::{Event, Fault, Instrument, OrderType, QueueRow, Status, Tif, UNDEF_TIME, kind};
use std::collections::HashMap;

/// How long a shadow is followed beyond the end of an order that was filled, ns.
pub const FOLLOW_NS: i64 = 60_000_000_000;
/// Answers of one shadow within one row, at most.
const ANSWERS_MAX: usize = 16;

/// What one world of one model made of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Fate {
    /// Filled, lots.
    pub filled_qty: u32,
    /// First fill, ns.
    pub first_ns: Option<i64>,
}

/// What became of one order's shadows.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Lots displayed ahead on arrival; `u32::MAX` where the price was out of view.
    pub ahead_qty: u32,
    /// Whether a valid book came while it was alive.
    pub saw_book: bool,
    /// The longest and the shortest queue.
    pub ends: [Fate; 2],
    /// The middle estimate of each model.
    pub models: Vec<Fate>,
}

/// All of them, in the order of the orders; `None` where the exchange did not take the order, or no row came.
pub struct Played {
    /// Outcomes.
    pub outcomes: Vec<Option<Outcome>>,
    /// Orders that were not played.
    pub refused: u64,
}

/// Plays `orders`, sorted by time of joining, under each of `models`.
///
/// # Errors
/// The rows cannot be read.
pub fn play(
    config: &Config,
    orders: &[RealOrder],
    models: &[ExchangeConfig],
) -> Result<Played, RunError> {
    let instruments: Vec<Instrument> =
        config.instruments.iter().map(|spec| spec.instrument.clone()).collect();
    let mut sources = source::open(config)?;
    let mut chunks: Vec<Pending> = sources.iter().map(|_| Pending::default()).collect();
    let mut feed = Feed::new(config.data.feed, sources.len(), &instruments);
    let mut stage = Stage::new(&instruments, orders, models);
    loop {
        feed.pump();
        stage.run(&feed)?;
        if feed.is_done() {
            break;
        }
        let window = feed.window();
        if !window.has_room() {
            if stage.row == window.row_first() {
                let message =
                    "more rows come within a second than the window holds; raise data.window_rows";
                return Err(Fault::new(Status::Full, message.into()).into());
            }
            feed.free_before(stage.row);
        } else if let Some(stream) = feed.starving() {
            let note = |chunk: &Chunk| stage.note(chunk);
            chunks[stream].feed(&mut feed, stream, sources[stream].as_mut(), note)?;
        }
    }
    stage.close();
    let refused = stage.outcomes.iter().filter(|outcome| outcome.is_none()).count() as u64;
    Ok(Played { outcomes: stage.outcomes, refused })
}

/// One order on the stage, under every model.
struct Shadow {
    order: usize,
    exchanges: Vec<Exchange>,
    /// What a model's exchange made of the order that it has let go.
    gone: Vec<Option<QueueRow>>,
    outcome: Outcome,
    /// Whether the print that filled the real order has been applied.
    has_printed: bool,
    calm: Calm,
}

/// Whether a book would change nothing for an order: most do not, and are not applied to all its models.
struct Calm {
    /// What the last book showed at its price, its own lots taken off; `None` before the first.
    state: Option<LevelState>,
    /// Whether that was nothing new, and nothing has printed at its price or beyond since: no ledger waits for a book.
    is_settled: bool,
    /// Whether a book has reached its price: lots may have been used, and every book counts from then on.
    was_reached: bool,
}

impl Calm {
    /// Takes in a valid book; says whether it must be applied.
    fn must_apply(&mut self, order: &RealOrder, book: &Book<'_>, depth_max: u8) -> bool {
        let own = order.shown_at(book.event.ts_exch_ns);
        let state = book.state(order.side, order.price, depth_max).without(own);
        let touch = book.level(order.side.opposite(), 0);
        self.was_reached |=
            touch.is_some_and(|(touch, _)| !order.side.is_better(touch, order.price));
        let is_new = self.state.replace(state) != Some(state);
        !(std::mem::replace(&mut self.is_settled, !is_new) && !is_new && !self.was_reached)
    }
}

struct Stage<'a> {
    instruments: &'a [Instrument],
    orders: &'a [RealOrder],
    /// Exchanges without orders, one a model.
    empty: Vec<Exchange>,
    out: Outbox,
    outcomes: Vec<Option<Outcome>>,
    live: Vec<Shadow>,
    /// The next order to join.
    next: usize,
    /// The next row to apply.
    row: u64,
    /// Stamp of the last row, and how many rows it has had, by instrument.
    stamps: Vec<(i64, usize)>,
    /// Whether the orders' sequence numbers can be those of the rows, as far as rows have come.
    seqs_fit: bool,
    /// The first order that is not older than the newest row, by instrument.
    noted: Vec<usize>,
    /// Sequence numbers of the rows at the stamps at which orders join behind a certain row.
    seqs: HashMap<(u32, i64), Vec<u64>>,
}

impl<'a> Stage<'a> {
    fn new(
        instruments: &'a [Instrument],
        orders: &'a [RealOrder],
        models: &[ExchangeConfig],
    ) -> Self {
        let places = orders.iter().filter(|order| order.add_after_seq.is_some());
        let one = |model: &ExchangeConfig| {
            let config = ExchangeConfig { ghosts_max: 1, ..*model };
            Exchange::new(&config, 1, instruments.len())
        };
        Stage {
            instruments,
            orders,
            empty: models.iter().map(one).collect(),
            out: Outbox::new(ANSWERS_MAX, ANSWERS_MAX, &Leg::Constant(0), 0),
            outcomes: vec![None; orders.len()],
            live: Vec::new(),
            next: 0,
            row: 0,
            stamps: vec![(i64::MIN, 0); instruments.len()],
            seqs_fit: true,
            noted: vec![0; instruments.len()],
            seqs: places.map(|order| ((order.instrument, order.add_ns), Vec::new())).collect(),
        }
    }

    /// Remembers where the rows of a chunk stand in their source.
    fn note(&mut self, chunk: &Chunk) {
        for (event, seq) in chunk.events.iter().zip(&chunk.seqs) {
            if let Some(seqs) = self.seqs.get_mut(&(event.instrument, event.ts_exch_ns)) {
                seqs.push(*seq);
            }
            // A row behind an order has a higher number than the last one before it.
            let noted = &mut self.noted[event.instrument as usize];
            while let Some(order) = self.orders.get(*noted)
                && (order.add_ns < event.ts_exch_ns || order.instrument != event.instrument)
            {
                let is_own = order.instrument == event.instrument;
                self.seqs_fit &= !is_own || order.add_after_seq.is_none_or(|after| after < *seq);
                *noted += 1;
            }
        }
    }

    /// Applies the rows at hand.
    fn run(&mut self, feed: &Feed) -> Result<(), Fault> {
        let market = Market { window: feed.window(), instruments: self.instruments };
        let newest_ns = market.window.last().map_or(i64::MIN, |event| event.ts_exch_ns);
        while let Some(event) = market.window.event(self.row) {
            // The exchanges look ahead as far as this.
            if !feed.is_done() && event.ts_exch_ns >= newest_ns.saturating_sub(HINDSIGHT_NS) {
                break;
            }
            self.join(&market, event)?;
            self.leave(event.ts_exch_ns);
            self.apply(&market, event)?;
            self.row += 1;
        }
        Ok(())
    }

    /// Takes off the stage whoever has ended before `ts_ns`.
    fn leave(&mut self, ts_ns: i64) {
        let mut index = 0;
        while index < self.live.len() {
            let shadow = &self.live[index];
            let is_known = shadow.gone.iter().all(Option::is_some);
            if is_known || last_ns(&self.orders[shadow.order]) < ts_ns {
                let shadow = self.live.swap_remove(index);
                let order = shadow.order;
                self.outcomes[order] = Some(shadow.told());
            } else {
                index += 1;
            }
        }
    }

    /// Lets join whoever came before the row `event`.
    fn join(&mut self, market: &Market<'_>, event: &Event) -> Result<(), Fault> {
        let ts_ns = event.ts_exch_ns;
        while let Some(order) = self.orders.get(self.next) {
            let is_before =
                order.add_ns < ts_ns || order.add_ns == ts_ns && self.is_next(order, event);
            if !is_before {
                break;
            }
            self.enter(market, self.next)?;
            self.next += 1;
        }
        let (stamp_ns, rows) = &mut self.stamps[event.instrument as usize];
        *rows = if *stamp_ns == ts_ns { *rows + 1 } else { 1 };
        *stamp_ns = ts_ns;
        Ok(())
    }

    /// Whether `order` joins before `event`, a row of its own stamp: as the file says; where it does not, a book that is
    /// stamped with the order's own time is the first that shows it, and a print was there first.
    fn is_next(&self, order: &RealOrder, event: &Event) -> bool {
        let Some(after) = order.add_after_seq.filter(|_| self.seqs_fit) else {
            return event.kind == kind::BOOK && event.instrument == order.instrument;
        };
        let seqs = self.seqs.get(&(order.instrument, order.add_ns));
        let before = seqs.map_or(0, |seqs| seqs.iter().filter(|seq| **seq <= after).count());
        let (stamp_ns, rows) = self.stamps[order.instrument as usize];
        before <= if stamp_ns == order.add_ns { rows } else { 0 }
    }

    fn enter(&mut self, market: &Market<'_>, index: usize) -> Result<(), Fault> {
        let order = &self.orders[index];
        let request = Request {
            is_throttled: false,
            order_id: index as u64 + 1,
            slot: 0,
            origin: Origin { tag: 0, instrument: order.instrument, strategy: 0, side: order.side },
            ask: Ask::Submit(Terms {
                price: order.price,
                qty: order.qty,
                order_type: OrderType::Limit,
                tif: Tif::Gtc,
                post_only: false,
                own_shown: order.qty,
                own_until_ns: if order.filled_qty > 0 { i64::MAX } else { order.end_ns },
            }),
        };
        let mut shadow = Shadow {
            order: index,
            exchanges: self.empty.clone(),
            gone: vec![None; self.empty.len()],
            outcome: Outcome::default(),
            has_printed: false,
            calm: Calm { state: None, is_settled: false, was_reached: false },
        };
        for exchange in &mut shadow.exchanges {
            exchange.on_request(market, &request, order.add_ns, &mut self.out)?;
            self.out.line.clear();
            // A refusal leaves no order behind.
            let Some(row) = exchange.estimates(request.order_id) else { return Ok(()) };
            shadow.outcome.ahead_qty = row.ahead_qty[2];
        }
        self.live.push(shadow);
        Ok(())
    }

    fn apply(&mut self, market: &Market<'_>, event: &Event) -> Result<(), Fault> {
        for exchange in &mut self.empty {
            exchange.on_row(market, self.row, event, &mut self.out)?;
        }
        let is_book = event.kind == kind::BOOK && event.is_book_valid();
        for shadow in &mut self.live {
            let order = &self.orders[shadow.order];
            // A print at a worse price than its own is none of its business.
            let is_beside =
                event.kind == kind::TRADE && order.side.is_better(event.trade_price, order.price);
            if order.instrument != event.instrument || is_beside {
                continue;
            }
            shadow.outcome.saw_book |= is_book && event.ts_exch_ns <= order.end_ns;
            let calm = &mut shadow.calm;
            if is_book {
                let book = Book { event, depth: market.window.depth(event.depth_ix) };
                let depth_max = self.instruments[event.instrument as usize].depth_max;
                if !calm.must_apply(order, &book, depth_max) {
                    continue;
                }
            } else {
                calm.is_settled = false;
            }
            let order_id = shadow.order as u64 + 1;
            let shown = order.shown_at(event.ts_exch_ns);
            // Its own lots are in the first print at its price when it traded.
            let is_own = order.first_fill_ns == Some(event.ts_exch_ns)
                && event.trade_price == order.price
                && !std::mem::replace(&mut shadow.has_printed, true);
            let printed = if is_own { order.filled_qty } else { 0 };
            for (exchange, gone) in shadow.exchanges.iter_mut().zip(&mut shadow.gone) {
                if gone.is_some() {
                    continue;
                }
                exchange.show_own(order_id, shown, printed);
                exchange.on_row(market, self.row, event, &mut self.out)?;
                self.out.line.clear();
                *gone = self.out.queues.pop();
            }
        }
        Ok(())
    }

    /// The rows are over.
    fn close(&mut self) {
        self.leave(i64::MAX);
    }
}

impl Shadow {
    fn told(mut self) -> Outcome {
        let order_id = self.order as u64 + 1;
        for (index, exchange) in self.exchanges.iter().enumerate() {
            let row = self.gone[index].or_else(|| exchange.estimates(order_id));
            let fates = row.map_or([Fate::default(); WORLDS], |row| {
                std::array::from_fn(|world| Fate {
                    filled_qty: row.filled_qty[world],
                    first_ns: Some(row.ts_first_ns[world]).filter(|ns| *ns != UNDEF_TIME),
                })
            });
            if index == 0 {
                self.outcome.ends = [fates[0], fates[2]];
            }
            self.outcome.models.push(fates[1]);
        }
        self.outcome
    }
}

/// The last instant at which a shadow may fill, ns.
fn last_ns(order: &RealOrder) -> i64 {
    let follow_ns = if order.filled_qty > 0 { FOLLOW_NS } else { 0 };
    order.end_ns.saturating_add(follow_ns)
}
