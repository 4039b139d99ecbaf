//! The table that a sweep ends with: the best members, those that failed, and what the best is worth.
//!
//! Invariants: a function of the leaderboard and of the sweep's speed; the most useful lines come last.

use super::leaderboard::{Board, Figure, Row};
use super::{Fate, Finished, Listed, ListedMember};
use crate::output::table::{aligned, count, grouped, money};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

/// Letters of a value in the table.
const VALUE_MAX: usize = 32;
/// Failed members that are told one by one.
const FAILED_MAX: usize = 10;

/// The table.
pub fn render(finished: &Finished<'_>) -> String {
    let board = &finished.board;
    let spec = board.spec;
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        text,
        "{}  {} members over {}\n",
        spec.name,
        count(spec.members.len() as u64),
        spec.base.display()
    );
    text.push_str(&ranks(board));
    text.push_str(&failed(board));
    text.push('\n');
    let _ = writeln!(text, "{}", wrapped(&board.verdict()));
    if let Some(line) = alike(board) {
        let _ = writeln!(text, "{}", wrapped(&line));
    }
    text.push('\n');
    let _ = writeln!(text, "trials   {}", trials(board));
    let _ = writeln!(text, "speed    {}", speed(finished));
    if let Some(best) = board.rows.first() {
        let sets: String =
            spec.members[best.member].sets().iter().fold(String::new(), |sets, word| {
                format!("{sets} --set '{}'", word.replace('\'', "'\\''"))
            });
        let strategy = finished
            .strategy
            .as_ref()
            .map_or_else(String::new, |path| format!(" --strategy {}", path.display()));
        let _ =
            writeln!(text, "best     bt-host run --config {}{strategy}{sets}", spec.base.display());
    }
    let _ = writeln!(text, "files    {}", finished.dir.display());
    text
}

/// Where the time went, for `-v`.
pub fn timing(finished: &Finished<'_>) -> String {
    finished.times.table(Duration::from_secs_f64(finished.seconds))
}

/// What a sweep would do: a line for each member.
pub fn listing(listed: &Listed) -> String {
    let row = |member: &ListedMember| {
        let fate = match &member.fate {
            Fate::Run => "runs".to_owned(),
            Fate::Done => "is done".to_owned(),
            Fate::Fails(failure) => format!("FAILS: {}: {}", failure.kind, failure.text),
        };
        format!("{}  {}  {fate}", member.name, member.sets.join("  "))
    };
    let mut text = listed.members.iter().map(|member| row(member) + "\n").collect::<String>();
    let runs = listed.members.iter().filter(|member| matches!(member.fate, Fate::Run)).count();
    let (all, runs) = (count(listed.members.len() as u64), count(runs as u64));
    let _ = writeln!(
        text,
        "{runs} of {all} members would run, in {} passes over the rows",
        listed.passes
    );
    text
}

/// The first rows, with what differs between members.
fn ranks(board: &Board<'_>) -> String {
    let spec = board.spec;
    let value = |member: usize, key: &str| {
        let changes = &spec.members[member].changes;
        changes.iter().find(|(known, _)| known == key).map_or("", |(_, value)| value.as_str())
    };
    // The base changes nothing, and would make every key vary.
    let changed: Vec<usize> =
        (0..spec.members.len()).filter(|&member| spec.members[member].name != "base").collect();
    let who = if changed.len() < spec.members.len() {
        "every member but the base"
    } else {
        "every member"
    };
    let (mut varying, mut fixed) = (Vec::new(), Vec::new());
    for key in board.keys() {
        let values: BTreeSet<&str> = changed.iter().map(|&member| value(member, key)).collect();
        if values.len() > 1 { varying.push(key) } else { fixed.push((key, value(0, key))) }
    }
    let mut text = String::new();
    for (key, value) in fixed {
        let _ = writeln!(text, "{who}: {key} = {value}");
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let has_lanes = board.has_lanes();
    let mut head: Vec<String> = ["rank", "member"].map(String::from).to_vec();
    if has_lanes {
        head.push("lane".into());
    }
    head.extend(labels(&varying));
    let figures =
        ["PnL", "Sharpe/year", "/day", "max drawdown", "fills", "turnover/capital", "PSR", "DSR"];
    head.extend(figures.map(String::from));
    let mut table = vec![head];
    let trials = board.rows.iter().enumerate().filter(|(_, row)| row.same_as.is_none());
    for (index, row) in trials.take(spec.top) {
        let mut cells = vec![(index + 1).to_string(), board.name(row.member).to_owned()];
        if has_lanes {
            cells.push(row.lane.clone());
        }
        cells.extend(varying.iter().map(|key| short(value(row.member, key))));
        cells.extend(numbers(board, row));
        table.push(cells);
    }
    text.push_str(&aligned(&table, false));
    let left = board.trials.saturating_sub(spec.top);
    if left > 0 {
        let _ = writeln!(text, "and {} more, see leaderboard.csv", count(left as u64));
    }
    let same = (board.rows.len() - board.trials) as u64;
    if same > 0 {
        let _ = writeln!(
            text,
            "{} more are the same run as one of these and no trials of their own",
            count(same)
        );
    }
    let reasons: BTreeSet<&str> = board.rows.iter().filter_map(|row| row.moments.err()).collect();
    for reason in reasons {
        let rows = board.rows.iter().filter(|row| row.moments == Err(reason)).count();
        let _ = writeln!(text, "no Sharpe for {}: {reason}; ranked by PnL", count(rows as u64));
    }
    text
}

/// A value that fits a column; the whole of it is in the leaderboard's files.
fn short(value: &str) -> String {
    let mut letters = value.chars();
    let start: String = letters.by_ref().take(VALUE_MAX - 1).collect();
    match letters.as_str().chars().count() {
        0 | 1 => value.to_owned(),
        _ => format!("{start}…"),
    }
}

fn numbers(board: &Board<'_>, row: &Row) -> [String; 8] {
    let sharpe = row.moments.map(|moments| moments.sharpe);
    let figure = |figure: Figure, places: usize| {
        figure.map_or_else(|_| "none".to_owned(), |value| format!("{value:.places$}"))
    };
    [
        money(row.pnl),
        figure(sharpe.map(|sharpe| board.annual(sharpe)), 2),
        figure(sharpe, 3),
        money(row.drawdown),
        count(row.fills),
        grouped(&format!("{:.1}", row.turnover as f64 / row.capital as f64)),
        figure(row.probabilistic, 3),
        figure(row.deflated, 3),
    ]
}

/// The last step of each key, with as many before it as it takes to tell them apart.
fn labels(keys: &[&str]) -> Vec<String> {
    let ends_with = |key: &str, tail: &str| {
        key == tail || key.strip_suffix(tail).is_some_and(|rest| rest.ends_with('.'))
    };
    let label = |key: &&str| {
        let mut starts: Vec<usize> = key.match_indices('.').map(|(at, _)| at + 1).collect();
        starts.insert(0, 0);
        let tails = starts.iter().rev().map(|&at| &key[at..]);
        let alone = |tail: &&str| keys.iter().filter(|other| ends_with(other, tail)).count() == 1;
        tails.clone().find(alone).unwrap_or(key).to_owned()
    };
    keys.iter().map(label).collect()
}

fn failed(board: &Board<'_>) -> String {
    if board.failed.is_empty() {
        return String::new();
    }
    let (few, all) = (board.failed.len() as u64, board.spec.members.len() as u64);
    let mut text = format!("\nfailed: {} of {} members\n", count(few), count(all));
    for (member, failure) in board.failed.iter().take(FAILED_MAX) {
        let _ = writeln!(text, "  {}  {}: {}", board.name(*member), failure.kind, failure.text);
    }
    if board.failed.len() > FAILED_MAX {
        let left = (board.failed.len() - FAILED_MAX) as u64;
        let _ = writeln!(text, "  and {} more, see leaderboard.json", count(left));
    }
    text
}

/// What the deflated Sharpe ratio of the best is when trials that go together count as fewer.
fn alike(board: &Board<'_>) -> Option<String> {
    let (correlation, independent) = (board.correlation.ok()?, board.independent.ok()?);
    if board.trials < 2 || independent > 0.9 * board.trials as f64 {
        return None;
    }
    let then = board.deflated_independent.ok()?;
    Some(format!(
        "The trials go together (mean correlation {correlation:.2}) and come to about {independent:.1} independent ones; \
         over those the deflated Sharpe is {then:.3}."
    ))
}

fn trials(board: &Board<'_>) -> String {
    let mut text = count(board.trials as u64);
    if board.trials_with_sharpe < board.trials {
        let _ = write!(text, ", {} with a Sharpe ratio", count(board.trials_with_sharpe as u64));
    }
    text
}

fn speed(finished: &Finished<'_>) -> String {
    let done = format!(
        "{} run, {} were done, in {:.1} s on {} thread{}",
        count(finished.run as u64),
        count(finished.skipped as u64),
        finished.seconds,
        finished.threads,
        if finished.threads == 1 { "" } else { "s" }
    );
    if finished.run == 0 || finished.seconds <= 0.0 {
        return done;
    }
    let rate = |events: u64| grouped(&format!("{:.0}", events as f64 / finished.seconds));
    format!(
        "{done}: {} rows/s, {} lanes x rows/s",
        rate(finished.times.sum.rows),
        rate(finished.times.lane_rows)
    )
}

/// A paragraph of at most 100 columns.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > 100 {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_as_short_as_they_can_be() {
        let keys = ["strategies.a.params.qty", "strategies.b.params.qty", "latency.submit", "seed"];
        assert_eq!(labels(&keys), ["a.params.qty", "b.params.qty", "submit", "seed"]);
        assert_eq!(labels(&["a.b", "b"]), ["a.b", "b"]);
    }

    #[test]
    fn paragraphs_are_narrow() {
        let text = wrapped(&"word ".repeat(100));
        assert!(text.lines().all(|line| line.len() <= 100 && !line.ends_with(' ')), "{text}");
        assert_eq!(text.split_whitespace().count(), 100);
    }
}
