//! The three legs: feed, order entry (submit, amend, cancel apart), response; how long each takes, the broker's
//! throttle before the entry leg, and the line that a leg is.
//!
//! Invariants: messages of one leg never overtake each other; what a leg draws depends on the lane's seed and on the
//! message, never on how many were drawn before it (law 11). Units: ns. Cost: a branch a message on constant legs, up to
//! 100 ns where a logarithm is drawn; nothing allocates.

mod arrival;
mod draw;
mod fifo;
mod leg;
mod normal;
mod throttle;

pub use arrival::{Arrival, FeedLeg};
pub use draw::{ENTRY, RESPONSE, draw, name_key};
pub use fifo::Fifo;
pub use leg::{Leg, Quantile};
pub use throttle::{Excess, Throttle, ThrottleConfig};

use crate::wire::limits::LATENCY_NS_MAX;
use alloc::format;
use alloc::string::String;

/// Every leg of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legs {
    /// Exchange to strategy, market rows.
    pub feed: FeedLeg,
    /// Strategy to exchange, new orders.
    pub submit: Leg,
    /// Strategy to exchange, amends.
    pub amend: Leg,
    /// Strategy to exchange, cancels.
    pub cancel: Leg,
    /// Exchange to strategy, reports and fills.
    pub response: Leg,
    /// What the broker lets through to the entry leg.
    pub throttle: Option<ThrottleConfig>,
}

/// Constant legs, ns, each 0 to `LATENCY_NS_MAX`; no throttle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Latency {
    /// Exchange to strategy, market rows.
    pub feed_ns: i64,
    /// Strategy to exchange, new orders.
    pub submit_ns: i64,
    /// Strategy to exchange, amends.
    pub amend_ns: i64,
    /// Strategy to exchange, cancels.
    pub cancel_ns: i64,
    /// Exchange to strategy, reports and fills.
    pub response_ns: i64,
}

impl From<Latency> for Legs {
    fn from(latency: Latency) -> Self {
        Legs {
            feed: FeedLeg::Drawn(Leg::Constant(latency.feed_ns)),
            submit: Leg::Constant(latency.submit_ns),
            amend: Leg::Constant(latency.amend_ns),
            cancel: Leg::Constant(latency.cancel_ns),
            response: Leg::Constant(latency.response_ns),
            throttle: None,
        }
    }
}

impl Legs {
    /// The first fault, in words that name the leg.
    pub fn fault(&self) -> Option<String> {
        let feed = match &self.feed {
            FeedLeg::Drawn(leg) | FeedLeg::Recorded { otherwise: Some(leg), .. } => leg.fault(),
            FeedLeg::Recorded { .. } => None,
        };
        let skew = match self.feed {
            FeedLeg::Recorded { skew_ns, .. } if !is_bounded(skew_ns.saturating_abs()) => {
                Some("a skew beyond one hour".into())
            }
            _ => feed,
        };
        let legs = [
            ("feed", skew),
            ("submit", self.submit.fault()),
            ("amend", self.amend.fault()),
            ("cancel", self.cancel.fault()),
            ("response", self.response.fault()),
        ];
        let leg = legs.into_iter().find_map(|(name, fault)| Some((name, fault?)));
        leg.map(|(name, fault)| format!("{name} latency: {fault}"))
            .or_else(|| self.throttle.and_then(|throttle| throttle.fault()))
    }
}

fn is_bounded(ns: i64) -> bool {
    (0..=LATENCY_NS_MAX).contains(&ns)
}
