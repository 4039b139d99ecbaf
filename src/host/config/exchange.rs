//! `exchange` of a lane: queue model, evidence, used liquidity, slippage.
//!
//! Invariants: a choice is a word, or a map of that one word to its figure; every key may be left out. What each choice
//! means is said at `btcore::exchange`.

use super::reader::{Cursor, tagged};
use super::scalar::decimal_text;
use btcore::exchange::{
    Advance, Beyond, CrossedFills, Estimate, ExchangeConfig, Join, LOT, Netting, OwnCross,
    QueueModel, Replenish, Slippage, ThroughFills, Unseen,
};
use serde_json::{Value, json};

const DAY_NS: i64 = 86_400_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

/// Reads it.
pub fn read(at: &Cursor<'_>) -> Option<ExchangeConfig> {
    let map = at.map()?;
    let default = ExchangeConfig::default();
    let queue = map.get("queue").map_or(Some(default.queue), |at| read_queue(&at, default.queue));
    let estimate = map.get("estimate").map_or(Some(default.estimate), |at| {
        at.choice(&Estimate::ALL.map(|estimate| (estimate.name(), estimate)))
    });
    let netting = map.get("netting").map_or(Some(default.netting), |at| {
        tagged(
            &at,
            &[("trade_first", Netting::TradeFirst), ("next_book", Netting::NextBook)],
            &[("window", &|at| Some(Netting::Window(at.duration(1..=MINUTE_NS)?)))],
        )
    });
    let hindsight = map
        .get("hindsight")
        .map_or(Some(default.hindsight), |at| at.choice(&[("none", false), ("next_book", true)]));
    let unseen = map.get("unseen").map_or(Some(default.unseen), |at| {
        at.choice(&[("wait", Unseen::Wait), ("mean", Unseen::Mean), ("nobody", Unseen::Nobody)])
    });
    let crossed = map.get("crossed_fills").map_or(Some(default.crossed), |at| {
        at.choice(&[
            ("never", CrossedFills::Never),
            ("volume", CrossedFills::Volume),
            ("full", CrossedFills::Full),
        ])
    });
    let through = map.get("through_fills").map_or(Some(default.through), |at| {
        at.choice(&[("volume", ThroughFills::Volume), ("full", ThroughFills::Full)])
    });
    let taken = map.get("taken").map_or(Some(default.replenish), |at| read_taken(&at));
    let beyond = map.get("beyond").map_or(Some(default.beyond), |at| read_beyond(&at));
    let slippage = map.get("slippage").map_or(Some(default.slippage), |at| read_slippage(&at));
    let own_cross = map.get("own_cross").map_or(Some(default.own_cross), |at| {
        at.choice(&[
            ("allow", OwnCross::Allow),
            ("cancel_new", OwnCross::CancelNew),
            ("cancel_old", OwnCross::CancelOld),
        ])
    });
    let stale = map.get("stale").map_or(Some(default.stale_ns), |at| at.duration(1..=DAY_NS));
    let auction = map.get("auction").map_or(Some(default.auction_share), |at| {
        tagged(&at, &[("back", 0)], &[("share", &|at| share(at))])
    });
    let ghosts = map.get("ghosts").map_or(Some(default.ghosts_max), |at| at.count(0..=4_096));
    map.finish();
    Some(ExchangeConfig {
        queue: queue?,
        estimate: estimate?,
        hindsight: hindsight?,
        netting: netting?,
        unseen: unseen?,
        crossed: crossed?,
        through: through?,
        replenish: taken?,
        beyond: beyond?,
        slippage: slippage?,
        own_cross: own_cross?,
        stale_ns: stale?,
        auction_share: auction?,
        ghosts_max: ghosts?,
    })
}

/// Reads the queue model.
pub fn read_queue(at: &Cursor<'_>, default: QueueModel) -> Option<QueueModel> {
    let map = at.map()?;
    let join = map.get("join").map_or(Some(default.join), |at| {
        tagged(
            &at,
            &[
                ("displayed", Join::Displayed),
                ("next_book", Join::NextBook),
                ("proportional", Join::Proportional),
                ("in_doubt", Join::InDoubt),
            ],
            &[("share", &|at| Some(Join::Share(share(at)?)))],
        )
    });
    let advance = map.get("advance").map_or(Some(default.advance), |at| {
        tagged(
            &at,
            &[
                ("risk_averse", Advance::RiskAverse),
                ("pro_rata", Advance::ProRata),
                ("front_optimistic", Advance::FrontOptimistic),
                ("log", Advance::Log),
                ("log2", Advance::Log2),
            ],
            &[
                ("power", &|at| Some(Advance::Power(power(at)?))),
                ("power2", &|at| Some(Advance::Power2(power(at)?))),
                ("power3", &|at| Some(Advance::Power3(power(at)?))),
                ("part", &|at| Some(Advance::Part(share(at)?))),
            ],
        )
    });
    map.finish();
    Some(QueueModel { join: join?, advance: advance? })
}

fn read_taken(at: &Cursor<'_>) -> Option<Replenish> {
    tagged(
        at,
        &[("until_replenished", Replenish::UntilReplenished), ("next_book", Replenish::NextBook)],
        &[("half_life", &|at| Some(Replenish::HalfLife(at.duration(1..=DAY_NS)?)))],
    )
}

fn read_beyond(at: &Cursor<'_>) -> Option<Beyond> {
    tagged(
        at,
        &[("reject", Beyond::Reject), ("extrapolate", Beyond::Extrapolate)],
        &[("penalty_ticks", &|at| Some(Beyond::PenaltyTicks(at.count(0..=10_000)? as u32)))],
    )
}

fn read_slippage(at: &Cursor<'_>) -> Option<Slippage> {
    tagged(
        at,
        &[("none", Slippage::None)],
        &[
            ("fixed_ticks", &|at| Some(Slippage::FixedTicks(at.count(0..=10_000)? as u32))),
            ("linear", &|at| {
                let map = at.map()?;
                let ticks = map.need("ticks_per_lot").and_then(|at| positive(&at));
                map.finish();
                Some(Slippage::Linear { ticks_e6: ticks? })
            }),
            ("square_root", &|at| {
                let map = at.map()?;
                let ticks = map.need("ticks").and_then(|at| positive(&at));
                let volume = map.need("volume").and_then(|at| at.int(1..=i64::MAX));
                map.finish();
                Some(Slippage::SquareRoot { ticks_e6: ticks?, volume: volume? as u64 })
            }),
        ],
    )
}

fn power(at: &Cursor<'_>) -> Option<u32> {
    Some(at.count(1..=8)? as u32)
}

/// A share of 0 to 1, in parts of [`LOT`].
fn share(at: &Cursor<'_>) -> Option<i64> {
    let millionths = at.decimal(6)?;
    if !(0..=1_000_000).contains(&millionths) {
        at.fault("must be a share of 0 to 1", "");
        return None;
    }
    Some(millionths * LOT / 1_000_000)
}

fn positive(at: &Cursor<'_>) -> Option<u64> {
    let value = at.decimal(6)?;
    if value < 0 {
        at.fault("must not be below zero", "");
    }
    u64::try_from(value).ok()
}

/// The same with every value stated.
pub fn effective(config: &ExchangeConfig) -> Value {
    let ticks = |ticks_e6: u64| json!(decimal_text(i128::from(ticks_e6), 6));
    let taken = match config.replenish {
        Replenish::UntilReplenished => json!("until_replenished"),
        Replenish::NextBook => json!("next_book"),
        Replenish::HalfLife(ns) => json!({ "half_life_ns": ns }),
    };
    let beyond = match config.beyond {
        Beyond::Reject => json!("reject"),
        Beyond::Extrapolate => json!("extrapolate"),
        Beyond::PenaltyTicks(ticks) => json!({ "penalty_ticks": ticks }),
    };
    let slippage = match config.slippage {
        Slippage::None => json!("none"),
        Slippage::FixedTicks(ticks) => json!({ "fixed_ticks": ticks }),
        Slippage::Linear { ticks_e6 } => json!({ "linear": { "ticks_per_lot": ticks(ticks_e6) } }),
        Slippage::SquareRoot { ticks_e6, volume } => {
            json!({ "square_root": { "ticks": ticks(ticks_e6), "volume": volume } })
        }
    };
    let netting = match config.netting {
        Netting::TradeFirst => json!("trade_first"),
        Netting::NextBook => json!("next_book"),
        Netting::Window(ns) => json!({ "window_ns": ns }),
    };
    let unseen = match config.unseen {
        Unseen::Wait => "wait",
        Unseen::Mean => "mean",
        Unseen::Nobody => "nobody",
    };
    let crossed = match config.crossed {
        CrossedFills::Never => "never",
        CrossedFills::Volume => "volume",
        CrossedFills::Full => "full",
    };
    let through = match config.through {
        ThroughFills::Volume => "volume",
        ThroughFills::Full => "full",
    };
    let own_cross = match config.own_cross {
        OwnCross::Allow => "allow",
        OwnCross::CancelNew => "cancel_new",
        OwnCross::CancelOld => "cancel_old",
    };
    json!({
        "queue": effective_queue(&config.queue),
        "estimate": config.estimate.name(),
        "hindsight": if config.hindsight { "next_book" } else { "none" },
        "netting": netting,
        "unseen": unseen,
        "crossed_fills": crossed,
        "through_fills": through,
        "taken": taken,
        "beyond": beyond,
        "slippage": slippage,
        "own_cross": own_cross,
        "stale_ns": (config.stale_ns != i64::MAX).then_some(config.stale_ns),
        "auction": match config.auction_share {
            0 => json!("back"),
            parts => json!({ "share": parts as f64 / LOT as f64 }),
        },
        "ghosts": config.ghosts_max,
    })
}

/// The queue model alone.
pub fn effective_queue(queue: &QueueModel) -> Value {
    let parts = |parts: i64| json!(parts as f64 / LOT as f64);
    let join = match queue.join {
        Join::Displayed => json!("displayed"),
        Join::NextBook => json!("next_book"),
        Join::Proportional => json!("proportional"),
        Join::InDoubt => json!("in_doubt"),
        Join::Share(share) => json!({ "share": parts(share) }),
    };
    let advance = match queue.advance {
        Advance::RiskAverse => json!("risk_averse"),
        Advance::ProRata => json!("pro_rata"),
        Advance::FrontOptimistic => json!("front_optimistic"),
        Advance::Log => json!("log"),
        Advance::Log2 => json!("log2"),
        Advance::Power(n) => json!({ "power": n }),
        Advance::Power2(n) => json!({ "power2": n }),
        Advance::Power3(n) => json!({ "power3": n }),
        Advance::Part(part) => json!({ "part": parts(part) }),
    };
    json!({ "join": join, "advance": advance })
}
