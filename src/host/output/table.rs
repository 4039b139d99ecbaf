//! The table that a run ends with: figures by lane, rows by symbol, and where everything is.
//!
//! Invariants: numbers are right-aligned, with thousands separators and their unit; the most useful lines
//! come last. The text is a function of the result and the run's speed.

use super::metrics::Ratio;
use super::result::{LaneResult, RunResult, feed_counts};
use crate::config::scalar::instant_text;
use crate::provenance::hex;
use std::fmt::Write;

/// What the table tells beside the result.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
    /// Rows through the lanes' window.
    pub rows: u64,
    /// Time of the replay, decoding included, seconds.
    pub seconds: f64,
}

/// The table. `dir` is where the files are.
pub fn render(run: &RunResult, speed: Speed, dir: &str) -> String {
    let mut text = String::new();
    let (from, to) = (instant_text(run.from_ns), instant_text(run.to_ns));
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "{}  {from} to {to}\n", run.name);
    text.push_str(&lanes(run));
    text.push('\n');
    text.push_str(&symbols(run));
    if !run.source_skipped.is_empty() {
        let word = |(reason, n): (&String, &u64)| format!("{} {reason}", count(*n));
        let words: Vec<String> = run.source_skipped.iter().map(word).collect();
        let _ = writeln!(text, "skipped by the source: {}", words.join(", "));
    }
    text.push('\n');
    let rate = if speed.seconds > 0.0 { speed.rows as f64 / speed.seconds } else { 0.0 };
    let (rows, rate) = (count(speed.rows), grouped(&format!("{rate:.0}")));
    let _ = writeln!(text, "speed    {rows} rows in {:.2} s, {rate} rows/s", speed.seconds);
    for lane in &run.lanes {
        let name = if run.lanes.len() > 1 { format!("  {}", lane.name) } else { String::new() };
        let _ = writeln!(text, "digest   {}{name}", hex(&lane.summary.order_digest));
    }
    let _ = writeln!(text, "run id   {}", run.run_id);
    let _ = writeln!(text, "files    {dir}");
    text
}

/// One row of the lane table: a label, a unit, and how to read it off a lane.
type Figure = (&'static str, &'static str, fn(&LaneResult) -> String);

const FIGURES: [Figure; 19] = [
    ("PnL", "currency", |l| money(l.summary.pnl)),
    ("  realised", "currency", |l| money(l.summary.pnl_realised)),
    ("  unrealised", "currency", |l| money(l.summary.pnl_unrealised)),
    ("  fees", "currency", |l| money(l.summary.fees)),
    ("fills", "", |l| count(l.summary.fills)),
    ("  inferred", "", |l| count(l.summary.fills_inferred)),
    ("filled", "lots", |l| count(l.summary.qty_filled)),
    ("open at end", "lots", |l| count(l.summary.open_qty)),
    ("orders", "", |l| count(l.summary.orders)),
    ("  rejected", "", |l| count(l.summary.orders_rejected)),
    ("  cancels", "", |l| count(l.summary.cancels)),
    ("  amends", "", |l| count(l.summary.amends)),
    ("fill rate", "% of qty", |l| percent(l.ratios().fill_rate)),
    ("win rate", "% of trips", |l| percent(l.ratios().win_rate)),
    ("Sharpe, daily", "a year", |l| plain(l.ratios().sharpe)),
    ("max drawdown", "currency", |l| money(l.summary.drawdown_max)),
    ("turnover", "currency", |l| money(l.summary.turnover)),
    ("trading days", "", |l| count(l.days.len() as u64)),
    ("rows seen", "", |l| count(l.summary.rows_delivered)),
];

fn lanes(run: &RunResult) -> String {
    let names = run.lanes.iter().map(|lane| lane.name.clone());
    let mut rows: Vec<Vec<String>> =
        vec![std::iter::once(String::new()).chain(names).chain([String::new()]).collect()];
    for (label, unit, read) in FIGURES {
        let mut row = vec![label.to_owned()];
        row.extend(run.lanes.iter().map(read));
        row.push(unit.to_owned());
        rows.push(row);
    }
    let mut text = aligned(&rows, true);
    for lane in &run.lanes {
        let reason = lane.ratios().sharpe.reason;
        let name = if run.lanes.len() > 1 { format!(" for {}", lane.name) } else { String::new() };
        if !reason.is_empty() {
            let _ = writeln!(text, "no Sharpe{name}: {reason}");
        }
    }
    text
}

fn symbols(run: &RunResult) -> String {
    let counts: Vec<_> = run.feed.iter().map(|(_, stats)| feed_counts(stats)).collect();
    let Some(first) = counts.first() else { return String::new() };
    // A column that is zero for every symbol would only hide the others; the first four always stand.
    let shown: Vec<usize> =
        (0..first.len()).filter(|&i| i < 4 || counts.iter().any(|c| c[i].1 > 0)).collect();
    let names = shown.iter().map(|&i| first[i].0.replace("rows_", "").replace('_', " "));
    let mut rows: Vec<Vec<String>> =
        vec![std::iter::once("rows".to_owned()).chain(names).collect()];
    for ((symbol, _), counts) in run.feed.iter().zip(&counts) {
        let mut row = vec![symbol.clone()];
        row.extend(shown.iter().map(|&i| count(counts[i].1)));
        rows.push(row);
    }
    aligned(&rows, false)
}

/// Columns two spaces apart; the first is left-aligned, and so is the last when it holds units.
pub fn aligned(rows: &[Vec<String>], units: bool) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let left = column == 0 || units && column == columns - 1;
            let gap = if column == 0 { "" } else { "  " };
            let _ = if left {
                write!(line, "{gap}{cell:<width$}")
            } else {
                write!(line, "{gap}{cell:>width$}")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A whole number with thousands separators.
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// Money to two places, a half away from zero; the exact figure is in `summary.json`.
pub fn money(value: i64) -> String {
    let cents = (value.unsigned_abs() + 5_000) / 10_000;
    let sign = if value < 0 && cents > 0 { "-" } else { "" };
    grouped(&format!("{sign}{}.{:02}", cents / 100, cents % 100))
}

fn percent(ratio: Ratio) -> String {
    ratio.value.map_or_else(|| "none".into(), |value| format!("{:.2}", value * 100.0))
}

fn plain(ratio: Ratio) -> String {
    ratio.value.map_or_else(|| "none".into(), |value| format!("{value:.2}"))
}

/// A decimal with its thousands apart.
pub fn grouped(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}
