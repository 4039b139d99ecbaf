//! Drives hftbacktest's own exchange and local side, in the order of time.
//!
//! At one instant rows come first, then arriving requests, then responses, then what the strategy does: their rule and
//! ours, and the scripts avoid ties beyond it.

use crate::feed::Feed;
use crate::{Action, Ask, End, Fills, Legs, Life, Lives, Model};
use btcore::wire::{Side, Tif};
use hftbacktest::backtest::BacktestError;
use hftbacktest::backtest::assettype::LinearAsset;
use hftbacktest::backtest::models::{
    CommonFees, ConstantLatency, LogProbQueueFunc, LogProbQueueFunc2, PowerProbQueueFunc,
    PowerProbQueueFunc2, PowerProbQueueFunc3, ProbQueueModel, QueueModel, RiskAdverseQueueModel,
    TradingValueFeeModel,
};
use hftbacktest::backtest::order::order_bus;
use hftbacktest::backtest::proc::{
    Local, LocalProcessor, NoPartialFillExchange, PartialFillExchange, Processor,
};
use hftbacktest::backtest::state::State;
use hftbacktest::depth::HashMapMarketDepth;
use hftbacktest::types::{OrdType, Order, Side as TheirSide, Status, TimeInForce};
use std::collections::BTreeMap;

type Depth = HashMapMarketDepth;
type Asset = State<LinearAsset, TradingValueFeeModel<CommonFees>>;

/// Half a lot more than asked for: a fill by exactly what is left would leave a zombie behind, and end their run at the next
/// print (defect B3). The half is never counted.
const DUST: f64 = 0.5;

/// Plays the orders.
///
/// # Errors
/// Their simulator gave up.
pub fn play(
    feed: &Feed,
    tick: i64,
    actions: &[Action],
    legs: Legs,
    model: Model,
    fills: Fills,
) -> Result<Lives, String> {
    match model {
        Model::RiskAverse => with(feed, tick, actions, legs, fills, RiskAdverseQueueModel::new()),
        Model::Power(n) => {
            let func = PowerProbQueueFunc::new(f64::from(n));
            with(feed, tick, actions, legs, fills, ProbQueueModel::new(func))
        }
        Model::Power2(n) => {
            let func = PowerProbQueueFunc2::new(f64::from(n));
            with(feed, tick, actions, legs, fills, ProbQueueModel::new(func))
        }
        Model::Power3(n) => {
            let func = PowerProbQueueFunc3::new(f64::from(n));
            with(feed, tick, actions, legs, fills, ProbQueueModel::new(func))
        }
        Model::Log => {
            let func = LogProbQueueFunc::new();
            with(feed, tick, actions, legs, fills, ProbQueueModel::new(func))
        }
        Model::Log2 => {
            let func = LogProbQueueFunc2::new();
            with(feed, tick, actions, legs, fills, ProbQueueModel::new(func))
        }
    }
}

fn state() -> Asset {
    State::new(LinearAsset::new(1.0), TradingValueFeeModel::new(CommonFees::new(0.0, 0.0)))
}

fn with<Q: QueueModel<Depth>>(
    feed: &Feed,
    tick: i64,
    actions: &[Action],
    legs: Legs,
    fills: Fills,
    queue: Q,
) -> Result<Lives, String> {
    let book = || Depth::new(1.0, 1.0);
    let (to_local, to_exchange) = order_bus(ConstantLatency::new(legs.entry_ns, legs.response_ns));
    let local = Local::new(book(), state(), 0, to_exchange);
    match fills {
        Fills::Whole => {
            let exchange = NoPartialFillExchange::new(book(), state(), queue, to_local);
            run(feed, tick, actions, local, exchange, 0.0)
        }
        Fills::Partial => {
            let exchange = PartialFillExchange::new(book(), state(), queue, to_local);
            run(feed, tick, actions, local, exchange, DUST)
        }
    }
    .map_err(|error| error.to_string())
}

type Client = Local<LinearAsset, ConstantLatency, Depth, TradingValueFeeModel<CommonFees>>;

fn run(
    feed: &Feed,
    tick: i64,
    actions: &[Action],
    mut local: Client,
    mut exchange: impl Processor,
    dust: f64,
) -> Result<Lives, BacktestError> {
    let mut lives: Lives = BTreeMap::new();
    let mut asked: BTreeMap<u64, u32> = BTreeMap::new();
    let (mut next_row, mut next_action) = (0, 0);
    loop {
        let row_ns = feed.theirs.get(next_row).map_or(i64::MAX, |row| row.exch_ts);
        let request_ns = exchange.earliest_recv_order_timestamp();
        let response_ns = local.earliest_recv_order_timestamp();
        let action_ns = actions.get(next_action).map_or(i64::MAX, |action| action.ts_ns);
        let now_ns = row_ns.min(request_ns).min(response_ns).min(action_ns);
        if next_row == feed.theirs.len() && response_ns == i64::MAX {
            return Ok(lives); // Requests behind the last row never arrive.
        }
        if row_ns == now_ns {
            exchange.process(&feed.theirs[next_row])?;
            next_row += 1;
        } else if request_ns == now_ns && next_row < feed.theirs.len() {
            exchange.process_recv_order(now_ns, None)?;
        } else if response_ns == now_ns {
            local.process_recv_order_::<true, _>(now_ns, None, |order| {
                note(&mut lives, order, asked.get(&order.order_id).copied().unwrap_or(0));
            })?;
            local.clear_inactive_orders();
        } else if next_row == feed.theirs.len() {
            // Only responses count from here on.
            local.process_recv_order_::<true, _>(response_ns, None, |order| {
                note(&mut lives, order, asked.get(&order.order_id).copied().unwrap_or(0));
            })?;
        } else {
            act(&mut local, &mut lives, &mut asked, &actions[next_action], tick, dust)?;
            next_action += 1;
        }
    }
}

fn act(
    local: &mut Client,
    lives: &mut Lives,
    asked: &mut BTreeMap<u64, u32>,
    action: &Action,
    tick: i64,
    dust: f64,
) -> Result<(), BacktestError> {
    match action.ask {
        Ask::Submit { side, price, qty, tif, post_only } => {
            let id = asked.len() as u64 + 1;
            asked.insert(id, qty);
            lives.insert(id, Life::default());
            let side = if side == Side::Buy { TheirSide::Buy } else { TheirSide::Sell };
            let (tif, dust) = match tif {
                Tif::Ioc => (TimeInForce::IOC, 0.0),
                Tif::Fok => (TimeInForce::FOK, 0.0),
                _ if post_only => (TimeInForce::GTX, dust),
                _ => (TimeInForce::GTC, dust),
            };
            let price = (price / tick) as f64;
            let qty = f64::from(qty) + dust;
            local.submit_order(id, side, price, qty, OrdType::Limit, tif, action.ts_ns)
        }
        Ask::Cancel { order } => {
            let known = local.orders().get(&order);
            let active = known.is_some_and(|o| {
                o.req == Status::None && matches!(o.status, Status::New | Status::PartiallyFilled)
            });
            if active { local.cancel(order, action.ts_ns) } else { Ok(()) }
        }
    }
}

/// Takes a response down. Fills of takers over several levels tell their last level only (defect B2), so what is filled is
/// what is not left.
fn note(lives: &mut Lives, order: &Order, asked: u32) {
    let life = lives.entry(order.order_id).or_default();
    if order.req == Status::Rejected || life.end == End::Filled {
        return;
    }
    let left = order.leaves_qty.max(0.0) as u32; // Whole lots: the half is nobody's.
    let filled = asked.saturating_sub(left);
    let is_fill =
        matches!(order.status, Status::Filled | Status::PartiallyFilled | Status::Expired);
    if is_fill && filled > life.filled() {
        life.fill(order.exch_timestamp, filled - life.filled());
    }
    life.end = match order.status {
        _ if life.filled() == asked => End::Filled,
        Status::Canceled => End::Cancelled(order.exch_timestamp),
        Status::Expired => End::Lapsed,
        _ => life.end,
    };
}
