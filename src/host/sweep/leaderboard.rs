//! Members side by side, best first, and how far the best may be luck.
//!
//! Invariants: made of the members' `summary.json` alone, so that it is a function of (sweep, data, build): threads,
//! packing, order and resume cannot show. A row is one lane of one member. A trial is a lane too, but lanes that are
//! equal in rows, instruments, config and code are one trial, since they are one run. A trial without a Sharpe ratio
//! counts in N, not in V. Ranked by Sharpe ratio, those without behind and by profit; equals in the order of the
//! members.

use super::deflated::{self, Moments};
use super::failure::Failure;
use super::spec::{Member, SweepSpec};
use crate::config::scalar::decimal;
use crate::output::OutputError;
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A deflated Sharpe ratio above this is significant at 95 %.
const SIGNIFICANT: f64 = 0.95;

/// A figure, or why there is none.
pub type Figure = Result<f64, &'static str>;

/// One lane of one member.
#[derive(Clone, Debug)]
pub struct Row {
    /// Member, its number in the sweep.
    pub member: usize,
    /// Lane.
    pub lane: String,
    /// What makes it a trial of its own.
    pub trial: [u8; 32],
    /// The member that is the same trial and comes first, if it is not this one.
    pub same_as: Option<usize>,
    /// Run id.
    pub run_id: String,
    /// Order digest.
    pub digest: String,
    /// Trading days and their profits, money 1e-6.
    pub days: Vec<u64>,
    /// See `days`.
    pub daily: Vec<i64>,
    /// Capital, profit, fees, value traded, largest fall of equity, money 1e-6.
    pub capital: i64,
    /// See `capital`.
    pub pnl: i64,
    /// See `capital`.
    pub fees: i64,
    /// See `capital`.
    pub turnover: i64,
    /// See `capital`.
    pub drawdown: i64,
    /// Orders sent.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Moments of the daily profits.
    pub moments: Result<Moments, &'static str>,
    /// Probability that the true Sharpe ratio is above zero.
    pub probabilistic: Figure,
    /// Probability that it is above what luck gives the best of all trials.
    pub deflated: Figure,
}

/// The whole of a sweep.
#[derive(Debug)]
pub struct Board<'a> {
    /// The sweep.
    pub spec: &'a SweepSpec,
    /// Rows, best first.
    pub rows: Vec<Row>,
    /// Members without results.
    pub failed: Vec<(usize, Failure)>,
    /// Trials.
    pub trials: usize,
    /// Trials with a Sharpe ratio.
    pub trials_with_sharpe: usize,
    /// Variance of their Sharpe ratios of a day.
    pub variance: Figure,
    /// Sharpe ratio of a day to be expected of the best of as many worthless trials.
    pub expected_best: Figure,
    /// Mean correlation of the trials' daily profits.
    pub correlation: Figure,
    /// How many independent trials they come to.
    pub independent: Figure,
    /// The best row's deflated Sharpe ratio over that number.
    pub deflated_independent: Figure,
}

/// Reads the members' summaries and ranks them.
///
/// # Errors
/// A summary cannot be read.
pub fn board<'a>(
    spec: &'a SweepSpec,
    done: &[usize],
    failed: Vec<(usize, Failure)>,
    dir: &dyn Fn(&Member) -> std::path::PathBuf,
) -> Result<Board<'a>, OutputError> {
    let mut rows = Vec::new();
    for &member in done {
        rows.extend(read(member, &dir(&spec.members[member]).join("summary.json"))?);
    }
    Ok(rank(spec, rows, failed))
}

fn read(member: usize, path: &Path) -> Result<Vec<Row>, OutputError> {
    let text = std::fs::read_to_string(path).map_err(|e| OutputError::io(path, e))?;
    let broken = || {
        let error = std::io::Error::other("is not a summary of this program; --force runs again");
        OutputError::io(path, error)
    };
    let summary: Value = serde_json::from_str(&text).map_err(|_| broken())?;
    let lanes = summary["lanes"].as_array().ok_or_else(broken)?;
    let row = |(index, lane)| row(member, &summary, index, lane).ok_or_else(broken);
    lanes.iter().enumerate().map(row).collect()
}

/// What a lane's run depends on, its name apart, as one word.
fn trial(summary: &Value, index: usize, lane: &Value) -> Option<[u8; 32]> {
    let config = &summary["config"];
    let mut own = config["lanes"].get(index)?.clone();
    own.as_object_mut()?.remove("name");
    let parts =
        [&summary["data_hash"], &config["data"], &config["instruments"], &own, &lane["strategies"]];
    Some(blake3::hash(json!(parts).to_string().as_bytes()).into())
}

fn row(member: usize, summary: &Value, index: usize, lane: &Value) -> Option<Row> {
    let money = |at: &Value| decimal(at.as_str()?, 6).ok();
    let mut days = Vec::new();
    let mut daily = Vec::new();
    for day in lane["daily"].as_array()? {
        days.push(day["trading_day"].as_u64()?);
        daily.push(money(&day["pnl"])?);
    }
    let moments = Moments::of(&daily);
    Some(Row {
        member,
        lane: lane["name"].as_str()?.into(),
        trial: trial(summary, index, lane)?,
        same_as: None,
        run_id: summary["run_id"].as_str()?.into(),
        digest: lane["order_digest"].as_str()?.into(),
        days,
        daily,
        capital: money(&lane["capital"])?,
        pnl: money(&lane["pnl"])?,
        fees: money(&lane["fees"])?,
        turnover: money(&lane["turnover"])?,
        drawdown: money(&lane["drawdown_max"])?,
        orders: lane["orders"].as_u64()?,
        fills: lane["fills"].as_u64()?,
        moments,
        probabilistic: moments.and_then(|moments| moments.probabilistic(0.0)),
        deflated: Err(""),
    })
}

fn rank(spec: &SweepSpec, mut rows: Vec<Row>, failed: Vec<(usize, Failure)>) -> Board<'_> {
    // In the order of the members here, so that sums do not depend on ranks.
    let mut first: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    for row in &mut rows {
        match first.entry(row.trial) {
            Entry::Vacant(free) => drop(free.insert(row.member)),
            Entry::Occupied(known) => row.same_as = Some(*known.get()),
        }
    }
    let trials: Vec<&Row> = rows.iter().filter(|row| row.same_as.is_none()).collect();
    let ratios: Vec<f64> = trials.iter().filter_map(|r| Some(r.moments.ok()?.sharpe)).collect();
    let count = trials.len();
    let variance = deflated::variance(&ratios);
    let expected_best = variance.and_then(|v| deflated::expected_best(v, count as f64));
    let together = together(&trials);
    let independent = together.map(|(_, count)| count);
    for row in &mut rows {
        let deflated = |moments: Moments| moments.probabilistic(expected_best?);
        row.deflated = row.moments.and_then(deflated);
    }
    rows.sort_by(compare);
    let best_of_fewer = variance.and_then(|v| deflated::expected_best(v, independent?));
    let deflated_independent = rows
        .first()
        .map_or(Err("no member has results"), |best| best.moments)
        .and_then(|moments| moments.probabilistic(best_of_fewer?));
    Board {
        spec,
        rows,
        failed,
        trials: count,
        trials_with_sharpe: ratios.len(),
        variance,
        expected_best,
        correlation: together.map(|(correlation, _)| correlation),
        independent,
        deflated_independent,
    }
}

/// Best first.
fn compare(a: &Row, b: &Row) -> Ordering {
    let by_sharpe = match (a.moments, b.moments) {
        (Ok(a), Ok(b)) => b.sharpe.total_cmp(&a.sharpe),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => b.pnl.cmp(&a.pnl),
    };
    by_sharpe.then(a.member.cmp(&b.member)).then(a.lane.cmp(&b.lane))
}

/// Mean correlation of the trials with a Sharpe ratio, and how many independent ones all trials come to.
fn together(trials: &[&Row]) -> Result<(f64, f64), &'static str> {
    let able: Vec<&&Row> = trials.iter().filter(|row| row.moments.is_ok()).collect();
    if able.windows(2).any(|pair| pair[0].days != pair[1].days) {
        return Err("the trials do not share their trading days");
    }
    let series: Vec<&[i64]> = able.iter().map(|row| row.daily.as_slice()).collect();
    deflated::independent(&series)
}

impl Board<'_> {
    /// A member's name.
    pub fn name(&self, member: usize) -> &str {
        &self.spec.members[member].name
    }

    /// Whether lanes of several names are ranked.
    pub fn has_lanes(&self) -> bool {
        self.rows.windows(2).any(|pair| pair[0].lane != pair[1].lane)
    }

    /// The annual form of a Sharpe ratio of a day.
    pub fn annual(&self, sharpe: f64) -> f64 {
        sharpe * libm::sqrt(f64::from(self.spec.periods_per_year))
    }

    /// Whether the best is significant at 95 %; `None` where that cannot be said.
    pub fn is_significant(&self) -> Option<bool> {
        Some(self.rows.first()?.deflated.ok()? > SIGNIFICANT)
    }

    /// What the deflated Sharpe ratio says of the best, in a plain sentence.
    pub fn verdict(&self) -> String {
        let Some(best) = self.rows.first() else { return "No member has results.".into() };
        let lane = if self.has_lanes() { format!(", lane {}", best.lane) } else { String::new() };
        let who = format!("member {}{lane}", self.name(best.member));
        let (deflated, moments) = match (best.deflated, best.moments) {
            (Ok(deflated), Ok(moments)) => (deflated, moments),
            (Err(reason), _) | (_, Err(reason)) => {
                return format!("No deflated Sharpe ratio for the best, {who}: {reason}.");
            }
        };
        let (is, means) = if deflated > SIGNIFICANT {
            ("significant", "more than luck is likely to give")
        } else {
            ("not significant", "no more than luck may give")
        };
        let luck = self.expected_best.map_or(f64::NAN, |sharpe| self.annual(sharpe));
        format!(
            "The best, {who}, is {is} at 95 %: its deflated Sharpe is {deflated:.3}. The best of {} trials that are worth \
             nothing and differ as much as these would show a Sharpe of about {luck:.2} a year; this one shows {:.2} over {} \
             trading days, {means}.",
            self.trials,
            self.annual(moments.sharpe),
            moments.count,
        )
    }

    /// Every key that a member changes, in the order of the sweep file.
    pub fn keys(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let keys = self.spec.members.iter().flat_map(|member| &member.changes);
        keys.map(|(key, _)| key.as_str()).filter(|key| seen.insert(*key)).collect()
    }
}
