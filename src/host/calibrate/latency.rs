//! `bt-host calibrate --latency`: quantiles of recorded order latencies, by action, as a table, JSON and a profile.
//!
//! A quantile of q % is the smallest recorded value that q % of the values do not exceed (nearest rank); 0 % is the least of
//! all. Of one leg, two requests need not share a clock with each other, only both ends of each do.

use crate::config::scalar::{duration_text, instant_text};
use crate::output::OutputError;
use crate::output::table::{aligned, count};
use crate::stamps::{Action, Stamps};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::path::Path;

/// Shares that a profile holds, in thousandths of a percent.
const POINTS: [u32; 12] =
    [0, 1_000, 5_000, 10_000, 25_000, 50_000, 75_000, 90_000, 95_000, 99_000, 99_900, 100_000];

/// One leg as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegFit {
    /// Its name in a config.
    pub name: &'static str,
    /// Recorded messages.
    pub count: u64,
    /// Quantiles: thousandths of a percent, ns. Empty where nothing was recorded.
    pub points: Vec<(u32, i64)>,
}

/// What a file of stamps says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyFit {
    /// First and last request, ns.
    pub span_ns: (i64, i64),
    /// Requests.
    pub count: u64,
    /// The entry leg of each action, and the response leg.
    pub legs: Vec<LegFit>,
}

/// Fits quantiles to recorded requests, at least one.
pub fn fit(rows: &[Stamps]) -> LatencyFit {
    let entry = |action: Action| {
        let of = rows.iter().filter(|row| row.action == action);
        leg(action.name(), of.map(Stamps::entry_ns).collect())
    };
    let mut legs: Vec<LegFit> = Action::ALL.into_iter().map(entry).collect();
    legs.push(leg("response", rows.iter().map(Stamps::back_ns).collect()));
    let times = || rows.iter().map(|row| row.request_ns);
    let span_ns = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    LatencyFit { span_ns, count: rows.len() as u64, legs }
}

fn leg(name: &'static str, mut values: Vec<i64>) -> LegFit {
    values.sort_unstable();
    let at = |share: u32| {
        let rank = (values.len() as u64 * u64::from(share)).div_ceil(100_000).max(1);
        (share, values[rank as usize - 1])
    };
    let points = if values.is_empty() { Vec::new() } else { POINTS.map(at).to_vec() };
    LegFit { name, count: values.len() as u64, points }
}

fn percent(share: u32) -> String {
    let text = format!("{}.{:03}", share / 1_000, share % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The table, in ms.
pub fn table(fit: &LatencyFit) -> String {
    let shown = [0, 50_000, 90_000, 95_000, 99_000, 100_000];
    let header = ["leg", "messages", "least ms", "p50 ms", "p90 ms", "p95 ms", "p99 ms", "most ms"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for leg in &fit.legs {
        let mut row = vec![leg.name.to_owned(), count(leg.count)];
        row.extend(shown.map(|share| {
            let point = leg.points.iter().find(|(at, _)| *at == share);
            point.map_or("-".into(), |(_, ns)| format!("{:.3}", *ns as f64 / 1e6))
        }));
        rows.push(row);
    }
    let (from_ns, to_ns) = fit.span_ns;
    let mut text = aligned(&rows, false);
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} requests from {} to {}",
        count(fit.count),
        instant_text(from_ns),
        instant_text(to_ns)
    );
    for leg in fit.legs.iter().filter(|leg| leg.count == 0) {
        let _ = writeln!(text, "no {0} was recorded: state `{0}` beside the profile", leg.name);
    }
    text
}

/// The same as JSON.
pub fn document(fit: &LatencyFit) -> Value {
    let legs = fit.legs.iter().map(|leg| {
        let points = leg.points.iter().map(|(share, ns)| json!([f64::from(*share) / 1e3, ns]));
        let value =
            json!({ "count": leg.count, "quantiles_percent_ns": points.collect::<Vec<_>>() });
        (leg.name.to_owned(), value)
    });
    json!({
        "requests": fit.count,
        "ts_first_ns": fit.span_ns.0,
        "ts_last_ns": fit.span_ns.1,
        "legs": legs.collect::<Map<String, Value>>(),
    })
}

/// The profile: the legs of a lane's `latency`, in the config's own words.
pub fn profile(fit: &LatencyFit) -> String {
    let (from_ns, to_ns) = (instant_text(fit.span_ns.0), instant_text(fit.span_ns.1));
    let mut text = format!(
        "# Fitted to {} recorded requests, {from_ns} to {to_ns}. Name it as `latency: {{ profile: THIS FILE, feed: ... }}`.\n",
        fit.count
    );
    for leg in fit.legs.iter().filter(|leg| leg.count > 0) {
        let points = leg
            .points
            .iter()
            .map(|(share, ns)| format!("[{}, {}]", percent(*share), duration_text(*ns)));
        let points = points.collect::<Vec<_>>().join(", ");
        let _ =
            writeln!(text, "{}: {{ quantiles: [{points}] }} # {} messages", leg.name, leg.count);
    }
    text
}

/// Writes the profile.
///
/// # Errors
/// The file cannot be written.
pub fn write_profile(path: &Path, fit: &LatencyFit) -> Result<(), OutputError> {
    std::fs::write(path, profile(fit)).map_err(|error| OutputError::io(path, error))
}
