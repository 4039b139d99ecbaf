//! `bt-host calibrate`: the simulator's models against what really happened. [`latency`] fits the legs to recorded
//! requests; the rest tells how far the queue models are from what really happened to real orders.
//!
//! Every recorded order is placed as a *shadow*: an order of the same side, price and quantity that joins when the real
//! one did, does not trade on arrival, shares no evidence with other shadows, and whose own lots are taken off the
//! displayed books. What the models say of it is held against its real fate. Measures: see [`measure`].

pub mod latency;
pub mod measure;
pub mod orders;
pub mod report;
pub mod shadow;

use crate::config::Config;
use crate::run::RunError;
use crate::source::SourceError;
use btcore::exchange::{
    Advance, CrossedFills, ExchangeConfig, Join, QueueModel, ThroughFills, Unseen,
};
use measure::{Half, Scores};
use orders::RealOrder;
use std::path::Path;

/// Where the parameters of the fitted model come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fit {
    /// The config's model as it stands.
    None,
    /// All orders, which are then also the ones reported.
    All,
    /// The first half by time of joining; the second half is reported.
    FirstHalf,
    /// An earlier fit.
    Model(QueueModel),
}

/// A model under test.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Name in the report.
    pub name: String,
    /// The queue model.
    pub queue: QueueModel,
    /// Whether it fills like hftbacktest, rather than by the evidence that the config asks for.
    pub like_hftbacktest: bool,
}

impl Candidate {
    /// All its beliefs, where the config's are `own`.
    fn beliefs(&self, own: &ExchangeConfig) -> ExchangeConfig {
        if !self.like_hftbacktest {
            return ExchangeConfig { queue: self.queue, ..*own };
        }
        // An order that a print goes through or an opposite quote touches is filled whole, its queue is what is displayed,
        // and nobody is ahead where nothing is: held equal to the original, fill by fill, by `tests/hftbacktest`.
        ExchangeConfig {
            queue: self.queue,
            crossed: CrossedFills::Full,
            through: ThroughFills::Full,
            unseen: Unseen::Nobody,
            ghosts_max: own.ghosts_max,
            ..ExchangeConfig::RISK_AVERSE
        }
    }
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Candidates, the config's own (or the fitted one) first.
    pub candidates: Vec<Candidate>,
    /// Their scores.
    pub scores: Scores,
    /// The fitted model, if one was fitted.
    pub fitted: Option<QueueModel>,
    /// Orders that the exchange would not take, and orders without a book.
    pub refused: u64,
}

/// Plays the orders of a file, or else those of the config's synthetic exchange, against every model.
///
/// # Errors
/// The file cannot be read, the config's data cannot, or no order lies within it.
pub fn fills(config: &Config, orders: Option<&Path>, fit: Fit) -> Result<Calibration, RunError> {
    let path = orders;
    let orders = match path {
        Some(path) => orders::read(path, config)?,
        None => orders::of_synth(config)?,
    };
    if orders.is_empty() {
        let path = path.unwrap_or(Path::new("the synthetic exchange")).into();
        let message = "holds no order of the config's symbols and span".to_owned();
        return Err(SourceError::File { path, message }.into());
    }
    let own = config.lanes[0].config.exchange;
    let mut half = Half::All;
    let mut fitted = None;
    match fit {
        Fit::None => {}
        Fit::Model(queue) => fitted = Some(queue),
        Fit::All | Fit::FirstHalf => {
            if fit == Fit::FirstHalf {
                half = Half::Second;
            }
            let learn = if fit == Fit::All { Half::All } else { Half::First };
            fitted = Some(best_fit(config, &own, &orders, learn)?);
        }
    }
    let mut candidates = standard();
    let own_model = fitted.unwrap_or(own.queue);
    let name = if fitted.is_some() { "fitted" } else { "model" };
    let first = Candidate { name: name.into(), queue: own_model, like_hftbacktest: false };
    candidates.insert(0, first);
    let models: Vec<ExchangeConfig> = candidates.iter().map(|c| c.beliefs(&own)).collect();
    let played = shadow::play(config, &orders, &models)?;
    let scores = measure::score(&orders, &played.outcomes, half, models.len());
    Ok(Calibration { candidates, scores, fitted, refused: played.refused })
}

const JOINS: [(&str, Join); 4] = [
    ("displayed", Join::Displayed),
    ("proportional", Join::Proportional),
    ("next_book", Join::NextBook),
    ("in_doubt", Join::InDoubt),
];

/// The models of the literature, by join and advance.
fn standard() -> Vec<Candidate> {
    let advances = [
        ("risk_averse", Advance::RiskAverse),
        ("power3", Advance::Power(3)),
        ("power1", Advance::Power(1)),
        ("log", Advance::Log),
        ("pro_rata", Advance::ProRata),
        ("front_optimistic", Advance::FrontOptimistic),
    ];
    let pairs = JOINS.iter().flat_map(|join| advances.iter().map(move |advance| (join, advance)));
    let own = pairs
        // A power of one and pro-rata are one model; the former is named once, for whoever looks for it.
        .filter(|((join, _), (advance, _))| *join == "displayed" || *advance != "pro_rata")
        .map(|((join_name, join), (name, advance))| Candidate {
            name: format!("{join_name}/{name}"),
            queue: QueueModel { join: *join, advance: *advance },
            like_hftbacktest: false,
        });
    let theirs = [
        ("risk_averse", Advance::RiskAverse),
        ("power2", Advance::Power(2)),
        ("power3_3", Advance::Power3(3)),
        ("log", Advance::Log),
        ("log2", Advance::Log2),
    ];
    let theirs = theirs.map(|(name, advance)| Candidate {
        name: format!("hftbacktest/{name}"),
        queue: QueueModel { join: Join::Displayed, advance },
        like_hftbacktest: true,
    });
    own.chain(theirs).collect()
}

/// The join and the advance that have the least sum of both Brier scores over `learn`.
fn best_fit(
    config: &Config,
    own: &ExchangeConfig,
    orders: &[RealOrder],
    learn: Half,
) -> Result<QueueModel, RunError> {
    let advances = [
        Advance::RiskAverse,
        Advance::Power3(8),
        Advance::Power3(5),
        Advance::Power3(3),
        Advance::Power(3),
        Advance::ProRata,
    ];
    let grid: Vec<QueueModel> = JOINS
        .iter()
        .flat_map(|(_, join)| advances.map(|advance| QueueModel { join: *join, advance }))
        .collect();
    let models: Vec<ExchangeConfig> =
        grid.iter().map(|queue| ExchangeConfig { queue: *queue, ..*own }).collect();
    let played = shadow::play(config, orders, &models)?;
    let scores = measure::score(orders, &played.outcomes, learn, models.len());
    let all = &scores.strata[0].models;
    let sum = |index: usize| all[index].brier.value + all[index].brier_10s.value;
    let best = (0..grid.len()).min_by(|a, b| sum(*a).total_cmp(&sum(*b))).unwrap_or(0);
    Ok(grid[best])
}
