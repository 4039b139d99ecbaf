//! What the exchange of a lane believes where the data are silent: queue models, evidence, used liquidity, slippage.
//!
//! Invariants: every choice is a value here, none a constant in the code that applies it. Defaults are the ones that
//! `bt-host calibrate` found best on order-by-order truth; what each does is said where it is applied.

use super::queue::LOT;

/// Which of an order's three queue estimates fills it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimate {
    /// Everything that may be ahead is, and nobody ahead cancels.
    Pessimistic = 0,
    /// The configured model.
    Model = 1,
    /// Nothing is ahead but what was displayed, and who is ahead cancels as readily as who is behind.
    Optimistic = 2,
}

impl Estimate {
    /// All three, from the longest queue to the shortest.
    pub const ALL: [Estimate; 3] = [Estimate::Pessimistic, Estimate::Model, Estimate::Optimistic];

    /// A word for configs, tables and files; stable.
    pub fn name(self) -> &'static str {
        match self {
            Estimate::Pessimistic => "pessimistic",
            Estimate::Model => "model",
            Estimate::Optimistic => "optimistic",
        }
    }
}

/// How much of what came up at the price between the last book before an order and the first one after it is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// None: the queue is what was displayed on arrival.
    Displayed,
    /// All of it.
    NextBook,
    /// The share of the interval that had passed on arrival.
    Proportional,
    /// This share, in parts of [`LOT`].
    Share(i64),
    /// Until that book the proportional share and half of the rest, from then on all of it; what is beyond the
    /// proportional share may have come later, and is the first to cancel.
    InDoubt,
}

/// Which of the lots that left the price without a trade stood ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Advance {
    /// None, as long as there is anybody behind.
    RiskAverse,
    /// A share by `behind^n / (behind^n + ahead^n)` behind: hftbacktest's `PowerProbQueueFunc`.
    Power(u32),
    /// The same by `ln(1 + x)`: `LogProbQueueFunc`.
    Log,
    /// `behind^n / (behind + ahead)^n` behind: `PowerProbQueueFunc2`.
    Power2(u32),
    /// `ln(1 + behind) / ln(1 + behind + ahead)` behind: `LogProbQueueFunc2`.
    Log2,
    /// `1 - (ahead / (ahead + behind))^n` behind: `PowerProbQueueFunc3`.
    Power3(u32),
    /// In proportion: the same as a power of one.
    ProRata,
    /// All of them.
    FrontOptimistic,
    /// This share of the pro-rata one, in parts of [`LOT`].
    Part(i64),
}

/// How far a trade and the drop of depth that it causes may be apart (law 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Netting {
    /// The trade comes first, and its drop by the next book: for feeds that promise this.
    TradeFirst,
    /// Either comes first, and the other before the book after it.
    NextBook,
    /// Either comes first, and the other within this time, ns.
    Window(i64),
}

/// What the model assumes ahead of an order that joins at a price out of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Nobody knows: the order waits until the price is in view.
    Wait,
    /// As much as the shown side has at a price on average; nothing where the market has just printed.
    Mean,
    /// Nobody is ahead: what simulators that know displayed prices alone assume.
    Nobody,
}

/// The queue model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueModel {
    /// What is ahead on arrival.
    pub join: Join,
    /// Who cancels.
    pub advance: Advance,
}

impl QueueModel {
    /// The longest queue that the data allow: all that came up by the next book is ahead, and nobody of it cancels. Without
    /// hindsight it is without end before that book.
    pub const PESSIMISTIC: QueueModel =
        QueueModel { join: Join::NextBook, advance: Advance::RiskAverse };
    /// A short one: only what was displayed is ahead, a quarter less before the next book, and cancels are spread evenly where
    /// they really come from behind. (With everybody ahead cancelling first, the three would rarely agree.)
    pub const OPTIMISTIC: QueueModel =
        QueueModel { join: Join::Displayed, advance: Advance::ProRata };
}

/// What opposite size displayed at or through an order's price is evidence for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossedFills {
    /// Nothing.
    Never,
    /// As many lots as are displayed and were not used before.
    Volume,
    /// The whole order: it must have traded before others could stand there.
    Full,
}

/// What a print through an order's price is evidence for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThroughFills {
    /// As many lots as were printed.
    Volume,
    /// The whole order: it stood in front of what was hit.
    Full,
}

/// When lots that a lane took from the displayed book are there again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replenish {
    /// Once the displayed size has fallen by them, or the price has left the book.
    UntilReplenished,
    /// As above, and half of them after every such time, ns.
    HalfLife(i64),
    /// In the next book.
    NextBook,
}

/// What an order that may trade beyond the last displayed level finds there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// Nothing: the rest lapses or rests.
    Reject,
    /// All it needs, so many ticks behind the last displayed level.
    PenaltyTicks(u32),
    /// Levels like the displayed ones: the mean size, the mean distance.
    Extrapolate,
}

/// What taking costs at least, measured from the touch. Never added to the walk: the greater of both is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slippage {
    /// Nothing but the walk.
    None,
    /// So many ticks.
    FixedTicks(u32),
    /// `ticks_e6` millionths of a tick for each lot of the order (Kyle).
    Linear {
        /// Millionths of a tick a lot.
        ticks_e6: u64,
    },
    /// `y x sigma x sqrt(lots / volume)`, with `y x sigma` in millionths of a tick and the day's volume in lots.
    SquareRoot {
        /// Millionths of a tick for an order of a whole day's volume.
        ticks_e6: u64,
        /// Lots traded in a day.
        volume: u64,
    },
}

/// What happens to an order that would trade with another one of the same lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnCross {
    /// Nothing: own orders do not see each other.
    Allow,
    /// The new one is refused.
    CancelNew,
    /// The old ones are cancelled.
    CancelOld,
}

/// The beliefs of one lane's exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExchangeConfig {
    /// Queue model of the middle estimate.
    pub queue: QueueModel,
    /// The estimate that fills.
    pub estimate: Estimate,
    /// Whether the queue on arrival is judged by the first book after it (law 3), as far as that is within
    /// [`super::HINDSIGHT_NS`]; else only once that book has come.
    pub hindsight: bool,
    /// How far a trade and the drop of depth that it causes may be apart.
    pub netting: Netting,
    /// Orders at prices out of view.
    pub unseen: Unseen,
    /// Crossed evidence.
    pub crossed: CrossedFills,
    /// Through evidence.
    pub through: ThroughFills,
    /// Used liquidity.
    pub replenish: Replenish,
    /// Beyond the last level.
    pub beyond: Beyond,
    /// Least cost of taking.
    pub slippage: Slippage,
    /// Own orders that would meet.
    pub own_cross: OwnCross,
    /// A book older than this is stale once a trade came after it, ns; `i64::MAX` never.
    pub stale_ns: i64,
    /// Share of an order at the very price of an auction that trades, in parts of [`LOT`], to the nearest lot; 0: who is
    /// there stands at the back.
    pub auction_share: i64,
    /// Filled orders whose other estimates are followed at once.
    pub ghosts_max: usize,
}

impl ExchangeConfig {
    /// The simplest beliefs: what is displayed on arrival is ahead, and who cancels stands behind.
    pub const RISK_AVERSE: ExchangeConfig = ExchangeConfig {
        queue: QueueModel { join: Join::Displayed, advance: Advance::RiskAverse },
        estimate: Estimate::Model,
        hindsight: false,
        netting: Netting::TradeFirst,
        unseen: Unseen::Wait,
        crossed: CrossedFills::Volume,
        through: ThroughFills::Volume,
        replenish: Replenish::UntilReplenished,
        beyond: Beyond::Reject,
        slippage: Slippage::None,
        own_cross: OwnCross::Allow,
        stale_ns: i64::MAX,
        auction_share: 0,
        ghosts_max: 64,
    };

    /// What is out of range, in words.
    pub fn fault(&self) -> Option<&'static str> {
        let power_ok = match self.queue.advance {
            Advance::Power(n) | Advance::Power2(n) | Advance::Power3(n) => (1..=8).contains(&n),
            Advance::Part(share) => (0..=LOT).contains(&share),
            _ => true,
        };
        let share_ok = match self.queue.join {
            Join::Share(share) => (0..=LOT).contains(&share),
            _ => true,
        };
        let netting_ok =
            !matches!(self.netting, Netting::Window(ns) if !(1..=MINUTE_NS).contains(&ns));
        let half_life_ok = !matches!(self.replenish, Replenish::HalfLife(ns) if ns <= 0);
        let volume_ok = !matches!(self.slippage, Slippage::SquareRoot { volume: 0, .. });
        [
            (power_ok, "a queue power is 1 to 8, a share 0 to 1"),
            (share_ok, "a join share is 0 to 1"),
            (netting_ok, "the netting window is above 0 and at most one minute"),
            (half_life_ok, "a half-life is above 0"),
            (volume_ok, "the day's volume is above 0"),
            (self.stale_ns > 0, "the age of a stale book is above 0"),
            ((0..=LOT).contains(&self.auction_share), "an auction share is 0 to 1"),
            (self.ghosts_max <= 4_096, "at most 4096 filled orders are followed"),
        ]
        .into_iter()
        .find(|(holds, _)| !holds)
        .map(|(_, text)| text)
    }
}

const MINUTE_NS: i64 = 60_000_000_000;

impl Default for ExchangeConfig {
    fn default() -> Self {
        ExchangeConfig {
            queue: QueueModel { join: Join::InDoubt, advance: Advance::Power3(5) },
            hindsight: true,
            netting: Netting::NextBook,
            unseen: Unseen::Mean,
            ..ExchangeConfig::RISK_AVERSE
        }
    }
}
