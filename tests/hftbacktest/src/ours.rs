//! The same through btcore, by beliefs that are as near to theirs as its config has them.

use crate::{Action, Ask, End, Legs, Life, Lives, Model, Row};
use btcore::engine::{Capacity, Context, LaneConfig, Need, Replay, Rows, StrategySlot};
use btcore::exchange::{
    Advance, CrossedFills, ExchangeConfig, Join, QueueModel, Replenish, ThroughFills,
};
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::recorder::{DayRow, FillRow, OrderEnd, OrderRow, SeriesRow, Sink};
use btcore::strategy::Strategy;
use btcore::wire::{Depth, Event, Instrument, OrderReq, OrderType, QueueRow, kind};

/// Beliefs like theirs: who a print or a picture reaches is filled whole, and taken lots are there again in the next book.
pub fn beliefs(model: Model) -> ExchangeConfig {
    let advance = match model {
        Model::RiskAverse => Advance::RiskAverse,
        Model::Power(n) => Advance::Power(n),
        Model::Power2(n) => Advance::Power2(n),
        Model::Power3(n) => Advance::Power3(n),
        Model::Log => Advance::Log,
        Model::Log2 => Advance::Log2,
    };
    ExchangeConfig {
        queue: QueueModel { join: Join::Displayed, advance },
        crossed: CrossedFills::Full,
        through: ThroughFills::Full,
        replenish: Replenish::NextBook,
        ghosts_max: 256,
        ..ExchangeConfig::RISK_AVERSE
    }
}

/// Plays the orders. Rows are fed as they are, flagged ones included.
///
/// # Errors
/// The run failed.
pub fn play(
    instrument: &Instrument,
    rows: &[Row],
    actions: &[Action],
    legs: Legs,
    beliefs: ExchangeConfig,
) -> Result<Lives, String> {
    let latency = Latency {
        feed_ns: 0,
        submit_ns: legs.entry_ns,
        amend_ns: legs.entry_ns,
        cancel_ns: legs.entry_ns,
        response_ns: legs.response_ns,
    };
    let config = LaneConfig {
        name: "twin".into(),
        seed: 0,
        latency: latency.into(),
        exchange: beliefs,
        timeseries_ns: 3_600_000_000_000,
        capital: 1,
        capacity: Capacity { orders_live: 1_024, in_flight: 1_024, timers: 4, records: 8_192 },
    };
    let code = Player { actions: actions.to_vec(), next: 0, has_begun: false };
    let slot = StrategySlot { name: "player".into(), params: vec![], code };
    let feed = FeedConfig { reorder_ns: 0, drop_exact_duplicates: false, ..FeedConfig::default() };
    let instruments = vec![instrument.clone()];
    let mut lives = Written::default();
    let replay = Replay::new(instruments, feed, 1, vec![(config, vec![slot])]);
    let mut replay = replay.map_err(|fault| fault.message)?;
    let raw: Vec<&Row> =
        rows.iter().filter(|row| matches!(row.0.kind, kind::BOOK | kind::TRADE)).collect();
    let mut next = 0;
    loop {
        match replay.run().map_err(|fault| fault.message)? {
            Need::Nothing => break,
            Need::Drain(lane) => replay.drain(lane, &mut lives),
            Need::Rows(stream) => {
                let chunk = &raw[next..raw.len().min(next + 4_096)];
                if chunk.is_empty() {
                    replay.close(stream);
                    continue;
                }
                let events: Vec<Event> = chunk.iter().map(|row| unfinished(&row.0)).collect();
                let books = chunk.iter().filter(|row| row.0.kind == kind::BOOK);
                let depths: Vec<Depth> = books.map(|row| row.1).collect();
                let seqs: Vec<u64> = (next as u64..).take(chunk.len()).collect();
                let rows = Rows { events: &events, depths: &depths, seqs: &seqs };
                next += replay.push(stream, rows).map_err(|fault| fault.message)?;
            }
        }
    }
    replay.drain(0, &mut lives);
    Ok(lives.0)
}

/// A row as a source gives it: the feed sets flags, and the touch of prints.
fn unfinished(event: &Event) -> Event {
    let touch = Event { flags: 0, depth_ix: 0, ..*event };
    match event.kind {
        kind::TRADE => Event {
            bid_price: Event::EMPTY.bid_price,
            ask_price: Event::EMPTY.ask_price,
            bid_qty: 0,
            ask_qty: 0,
            ..touch
        },
        _ => touch,
    }
}

/// Does what the script says, each at its time.
struct Player {
    actions: Vec<Action>,
    next: usize,
    has_begun: bool,
}

impl Player {
    fn act(&mut self, context: &mut Context<'_>) -> i32 {
        let now_ns = context.now_ns();
        while let Some(action) = self.actions.get(self.next) {
            if action.ts_ns > now_ns {
                break;
            }
            self.next += 1;
            let done = match action.ask {
                Ask::Submit { side, price, qty, tif, post_only } => {
                    let req = OrderReq {
                        struct_size: size_of::<OrderReq>() as u32,
                        instrument: 0,
                        price,
                        qty,
                        side: side as u8,
                        order_type: OrderType::Limit as u8,
                        tif: tif as u8,
                        post_only: u8::from(post_only),
                        tag: 0,
                    };
                    context.order_submit(&req).map(drop)
                }
                Ask::Cancel { order } => {
                    let _ = context.order_cancel(order); // It may be gone, and they leave it then.
                    Ok(())
                }
            };
            if done.is_err() {
                return 1;
            }
        }
        let at_ns = self.actions.get(self.next).map(|action| action.ts_ns);
        let set = at_ns.map(|at_ns| context.timer_set(at_ns.max(now_ns), 0));
        if set.is_some_and(|set| set.is_err()) { 1 } else { 0 }
    }
}

impl Strategy for Player {
    fn on_event(&mut self, context: &mut Context<'_>, _: &Event, _: &Depth) -> i32 {
        if std::mem::replace(&mut self.has_begun, true) { 0 } else { self.act(context) }
    }

    fn on_timer(&mut self, context: &mut Context<'_>, _: u64) -> i32 {
        self.act(context)
    }
}

#[derive(Default)]
struct Written(Lives);

impl Sink for Written {
    fn order(&mut self, row: &OrderRow) {
        let life = self.0.entry(row.order_id).or_default();
        life.end = match row.end {
            OrderEnd::Open => End::Open,
            OrderEnd::Filled => End::Filled,
            OrderEnd::Cancelled => End::Cancelled(row.ts_end_ns),
            OrderEnd::Rejected | OrderEnd::Expired => End::Lapsed,
        };
    }
    fn fill(&mut self, row: &FillRow) {
        let life: &mut Life = self.0.entry(row.fill.order_id).or_default();
        life.fill(row.fill.ts_exch_ns, row.fill.qty);
    }
    fn queue(&mut self, _: &QueueRow) {}
    fn series(&mut self, _: &SeriesRow) {}
    fn day(&mut self, _: &DayRow) {}
    fn log(&mut self, _: i64, _: u32, _: u8, _: &str) {}
}
