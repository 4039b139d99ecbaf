//! A calibration as a table, as JSON, and the fitted model as a file.
//!
//! Invariants: shares are percentages in the table and fractions in the JSON; a figure's 95 % interval stands beside it in
//! the JSON. A model file is the `queue` map of a lane's `exchange`, so it can be pasted into a config.

use super::measure::{Bracket, Figure, ModelScore, Stratum};
use super::{Calibration, Candidate};
use crate::config::exchange::effective_queue;
use crate::output::OutputError;
use crate::output::table::{aligned, count};
use btcore::exchange::QueueModel;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// The table.
pub fn table(done: &Calibration) -> String {
    let mut text = String::new();
    for stratum in &done.scores.strata {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{}: {} orders, {} really filled, {} lots",
            stratum.name,
            count(stratum.orders),
            count(stratum.real_filled_orders),
            count(stratum.real_filled_qty),
        );
        text.push_str(&models(done, stratum));
        let bracket = &stratum.bracket;
        let _ = writeln!(
            text,
            "bracket: {} contested, {:.2} % of them covered, {:.2} % of all undecided\n",
            count(bracket.contested),
            bracket.coverage * 100.0,
            bracket.undecided * 100.0,
        );
    }
    if done.refused > 0 {
        let _ = writeln!(text, "{} orders were outside the rules or the rows", count(done.refused));
    }
    if let Some(best) = best(done) {
        let model = effective_queue(&best.queue);
        let _ = writeln!(text, "best: {} = {model}", best.name);
    }
    text
}

const HEADER: [&str; 10] = [
    "model",
    "filled",
    "lots",
    "bias %",
    "Brier",
    "10 s bias %",
    "10 s Brier",
    "TTF err p50 ms",
    "p90 ms",
    "late + early %",
];

fn models(done: &Calibration, stratum: &Stratum) -> String {
    let mut rows: Vec<Vec<String>> = vec![HEADER.map(str::to_owned).to_vec()];
    let bias = |figure: Figure| format!("{:+.2}", figure.value * 100.0);
    let brier = |value: f64| format!("{value:.5}");
    for (candidate, score) in done.candidates.iter().zip(&stratum.models) {
        let ms = |ns: Option<i64>| ns.map_or("-".into(), |ns| format!("{:.1}", ns as f64 / 1e6));
        rows.push(vec![
            candidate.name.clone(),
            count(score.filled_orders),
            count(score.filled_qty),
            bias(score.bias),
            brier(score.brier.value),
            bias(score.bias_10s),
            brier(score.brier_10s.value),
            ms(score.ttf_err_p50_ns),
            ms(score.ttf_err_p90_ns),
            format!("{:.2} + {:.2}", score.late * 100.0, score.early * 100.0),
        ]);
    }
    let bare = |name: &str, value: f64| {
        let mut row = vec![String::from("-"); HEADER.len()];
        (row[0], row[4]) = (name.to_owned(), brier(value));
        row
    };
    rows.push(bare("never fills", stratum.never_brier));
    rows.push(bare("base rate", stratum.base_rate_brier));
    aligned(&rows, false)
}

/// The candidate of the least sum of both Brier scores over all orders.
fn best(done: &Calibration) -> Option<&Candidate> {
    let all = &done.scores.strata.first()?.models;
    let sum = |score: &ModelScore| score.brier.value + score.brier_10s.value;
    let scored = done.candidates.iter().zip(all);
    scored.min_by(|a, b| sum(a.1).total_cmp(&sum(b.1))).map(|(candidate, _)| candidate)
}

/// The same as JSON.
pub fn document(done: &Calibration) -> Value {
    let strata = done.scores.strata.iter().map(|stratum| {
        let models: Vec<Value> = done
            .candidates
            .iter()
            .zip(&stratum.models)
            .map(|(candidate, score)| model(candidate, score))
            .collect();
        let Bracket { contested, coverage, undecided } = stratum.bracket;
        let value = json!({
            "orders": stratum.orders,
            "real_filled_orders": stratum.real_filled_orders,
            "real_filled_qty": stratum.real_filled_qty,
            "base_rate_brier": stratum.base_rate_brier,
            "never_brier": stratum.never_brier,
            "models": models,
            "bracket": { "contested": contested, "coverage": coverage, "undecided": undecided },
        });
        (stratum.name.to_owned(), value)
    });
    json!({
        "strata": strata.collect::<serde_json::Map<String, Value>>(),
        "best": best(done).map(|candidate| &candidate.name),
        "orders_refused": done.refused,
        "fitted": done.fitted.as_ref().map(effective_queue),
    })
}

fn model(candidate: &Candidate, score: &ModelScore) -> Value {
    json!({
        "name": candidate.name,
        "params": effective_queue(&candidate.queue),
        "filled_orders": score.filled_orders,
        "filled_qty": score.filled_qty,
        "bias": score.bias.value,
        "bias_ci95": score.bias.interval,
        "brier": score.brier.value,
        "brier_ci95": score.brier.interval,
        "bias_10s": score.bias_10s.value,
        "bias_10s_ci95": score.bias_10s.interval,
        "brier_10s": score.brier_10s.value,
        "brier_10s_ci95": score.brier_10s.interval,
        "ttf_err_p50_ns": score.ttf_err_p50_ns,
        "ttf_err_p90_ns": score.ttf_err_p90_ns,
        "late": score.late,
        "early": score.early,
    })
}

/// Writes a model.
///
/// # Errors
/// The file cannot be written.
pub fn write_model(path: &Path, queue: &QueueModel) -> Result<(), OutputError> {
    let text = format!("{:#}\n", effective_queue(queue));
    std::fs::write(path, text).map_err(|error| OutputError::io(path, error))
}
