//! Whether rows are good enough to be traded on: thresholds of the config, held against every symbol and trading day.
//!
//! A run that has thresholds looks at its rows before it replays any: they are read twice then, by the same feed and with the
//! counts of `inspect`. So nothing of a run over bad rows is there to be believed, no strategy has been started, and what
//! is refused is told by day with its first row. With a cache the second reading costs next to nothing.
//!
//! Invariants: a threshold is exceeded by more than it allows, never by as much; the whole is the rows in of the symbol and
//! day, skipped rows among them. Rows that cannot be read have no sure day: those are judged over all days of a symbol.

use crate::config::Config;
use crate::config::quality::{Limit, QualitySpec, Reason};
use crate::inspect::{self, InspectError, Inspected};
use crate::output::table::{aligned, count};
use crate::source::SourceStats;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// Days in the table of refusals, at most.
const TOLD_MAX: usize = 50;

/// A threshold that was exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Symbol.
    pub symbol: String,
    /// Trading day, or `all`.
    pub day: String,
    /// Why the rows are odd.
    pub reason: Reason,
    /// How many are.
    pub found: u64,
    /// Rows in.
    pub rows: u64,
    /// The threshold.
    pub limit: Limit,
    /// The first of them.
    pub first: String,
}

/// Rows that are not good enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is exceeded, at least one.
    pub breaches: Vec<Breach>,
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.headline(), table(&self.breaches).trim_end())
    }
}

impl Refused {
    /// What it comes to, on one line.
    pub fn headline(&self) -> String {
        let (count, first) = (self.breaches.len(), self.breaches.first());
        let plural = if count == 1 { "threshold" } else { "thresholds" };
        let first = first.map_or(String::new(), |b| {
            format!(", the first {} of {} on {}", b.reason.key(), b.symbol, b.day)
        });
        format!("data quality: {count} {plural} of data.quality exceeded{first}")
    }
}

/// Why the rows of a config were not found good.
#[derive(Debug, thiserror::Error)]
pub enum QualityError {
    /// They could not be looked at.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// Thresholds are exceeded.
    #[error(transparent)]
    Refused(Refused),
}

/// Looks at every row of a config that has thresholds.
///
/// # Errors
/// A threshold is exceeded, or rows cannot be read.
pub fn check(config: &Config) -> Result<(), QualityError> {
    let spec = &config.data.quality;
    if spec.limits.is_empty() {
        return Ok(());
    }
    let mut breaches = Vec::new();
    for index in 0..config.instruments.len() {
        let (days, source) = inspect::whole(config, index)?;
        let symbol = &config.instruments[index].instrument.symbol;
        breaches.extend(of_days(spec, &days));
        breaches.extend(of_source(spec, symbol, &days, &source));
    }
    if breaches.is_empty() { Ok(()) } else { Err(QualityError::Refused(Refused { breaches })) }
}

/// What days that were inspected one by one exceed.
pub fn judge(spec: &QualitySpec, days: &[Inspected]) -> Vec<Breach> {
    let mut breaches = of_days(spec, days);
    let mut symbols: BTreeMap<&str, (Vec<Inspected>, SourceStats)> = BTreeMap::new();
    for day in days {
        let (of, source) = symbols.entry(&day.symbol).or_default();
        for (reason, rows) in &day.source.skipped {
            *source.skipped.entry(reason.clone()).or_default() += rows;
        }
        for (reason, place) in &day.source.skipped_first {
            source.skipped_first.entry(reason.clone()).or_insert_with(|| place.clone());
        }
        of.push(day.clone());
    }
    for (symbol, (days, source)) in symbols {
        breaches.extend(of_source(spec, symbol, &days, &source));
    }
    breaches
}

fn of_days(spec: &QualitySpec, days: &[Inspected]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for day in days {
        let rows = day.stats.rows_in + day.source.skipped.values().sum::<u64>();
        for &(reason, limit) in &spec.limits {
            let Some((found, name)) = of_reason(day, reason) else { continue };
            if limit.is_exceeded(found, rows) {
                let (symbol, label) = (day.symbol.clone(), day.day.clone());
                let first = day.first_of(name).unwrap_or("-").to_owned();
                breaches.push(Breach { symbol, day: label, reason, found, rows, limit, first });
            }
        }
    }
    breaches
}

/// What the rows that cannot be read exceed.
fn of_source(
    spec: &QualitySpec,
    symbol: &str,
    days: &[Inspected],
    source: &SourceStats,
) -> Option<Breach> {
    let &(reason, limit) = spec.limits.iter().find(|(reason, _)| *reason == Reason::Skipped)?;
    let found = source.skipped.values().sum::<u64>();
    let rows = found + days.iter().map(|day| day.stats.rows_in).sum::<u64>();
    limit.is_exceeded(found, rows).then(|| Breach {
        symbol: symbol.into(),
        day: "all".into(),
        reason,
        found,
        rows,
        limit,
        first: source.skipped_first.values().next().cloned().unwrap_or_default(),
    })
}

/// How many rows of a day are odd by a reason, and what that count is called; `None` for a reason without a day.
pub fn of_reason(day: &Inspected, reason: Reason) -> Option<(u64, &'static str)> {
    let stats = &day.stats;
    Some(match reason {
        Reason::Duplicates => (stats.dropped_duplicates, "dropped_duplicates"),
        Reason::EmptyBook => (stats.excluded_empty_book, "excluded_empty_book"),
        Reason::Crossed => (stats.excluded_crossed, "excluded_crossed"),
        Reason::Sentinel => (stats.excluded_sentinel, "excluded_sentinel"),
        Reason::OutOfSession => (stats.excluded_out_of_session, "excluded_out_of_session"),
        Reason::OneSided => (stats.one_sided, "one_sided"),
        Reason::UnknownAggressor => (stats.unknown_aggressor, "unknown_aggressor"),
        Reason::OffGrid => (stats.off_grid, "off_grid"),
        Reason::NoRecvClock => (stats.no_recv_clock, "no_recv_clock"),
        Reason::OffLadder => (day.off_ladder, "off_ladder"),
        Reason::Stale => (day.stale, "stale"),
        Reason::BackwardTime => (stats.reordered, "reordered"),
        Reason::Skipped => return None,
    })
}

/// The thresholds that are exceeded, as a table.
pub fn table(breaches: &[Breach]) -> String {
    let head = ["symbol", "day", "reason", "rows in", "found", "allowed", "first"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for breach in breaches.iter().take(TOLD_MAX) {
        let share = match breach.limit {
            Limit::Rows(_) => String::new(),
            Limit::Share(_) => {
                format!(" ({:.6} %)", breach.found as f64 * 100.0 / breach.rows.max(1) as f64)
            }
        };
        rows.push(vec![
            breach.symbol.clone(),
            breach.day.clone(),
            breach.reason.key().into(),
            count(breach.rows),
            format!("{}{share}", count(breach.found)),
            breach.limit.text(),
            breach.first.clone(),
        ]);
    }
    let mut text = aligned(&rows, true);
    if breaches.len() > TOLD_MAX {
        text.push_str(&format!("and {} more\n", breaches.len() - TOLD_MAX));
    }
    text
}

/// As JSON.
pub fn document(breaches: &[Breach]) -> Value {
    let row = |breach: &Breach| {
        json!({
            "symbol": breach.symbol,
            "day": breach.day,
            "reason": breach.reason.key(),
            "rows_in": breach.rows,
            "found": breach.found,
            "allowed": breach.limit.text(),
            "first": breach.first,
        })
    };
    breaches.iter().map(row).collect()
}
