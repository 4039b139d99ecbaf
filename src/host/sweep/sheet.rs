//! `leaderboard.json` and `leaderboard.csv`: every row of a sweep, best first, and every member that failed.
//!
//! Invariants: money is an exact decimal, a figure that cannot be had has a reason; nothing of threads, times or places
//! is in it.

use super::failure::Failure;
use super::leaderboard::{Board, Figure, Row};
use crate::config::effective::sorted;
use crate::config::scalar::decimal_text;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Version of the document.
pub const VERSION: u32 = 1;

impl Board<'_> {
    /// The document.
    pub fn document(&self) -> Value {
        let rows: Vec<Value> =
            self.rows.iter().enumerate().map(|(index, row)| self.row(index + 1, row)).collect();
        let failed = |(member, failure): &(usize, Failure)| {
            json!({
                "member": self.name(*member),
                "changes": self.changes(*member),
                "kind": failure.kind,
                "text": failure.text,
                "exit_code": failure.exit_code,
            })
        };
        let best = self.rows.first().map(|best| {
            json!({
                "member": self.name(best.member),
                "lane": best.lane,
                "deflated_sharpe": figure(best.deflated),
                "deflated_sharpe_of_independent": figure(self.deflated_independent),
                "is_significant_95": self.is_significant(),
                "text": self.verdict(),
            })
        });
        let done: BTreeSet<usize> = self.rows.iter().map(|row| row.member).collect();
        sorted(&json!({
            "format": "btcore-leaderboard",
            "version": VERSION,
            "name": self.spec.name,
            "periods_per_year": self.spec.periods_per_year,
            "members": {
                "total": self.spec.members.len(),
                "done": done.len(),
                "failed": self.failed.len(),
            },
            "trials": {
                "count": self.trials,
                "with_sharpe": self.trials_with_sharpe,
                "sharpe_daily_variance": figure(self.variance),
                "sharpe_daily_expected_best": figure(self.expected_best),
                "mean_correlation": figure(self.correlation),
                "independent": figure(self.independent),
            },
            "best": best,
            "rows": rows,
            "failed": self.failed.iter().map(failed).collect::<Vec<_>>(),
        }))
    }

    fn changes(&self, member: usize) -> Value {
        let changes = self.spec.members[member].changes.iter();
        Value::Object(
            changes.map(|(key, value)| (key.clone(), json!(value))).collect::<Map<_, _>>(),
        )
    }

    fn row(&self, rank: usize, row: &Row) -> Value {
        let sharpe = row.moments.map(|moments| moments.sharpe);
        let share = |amount: i64| amount as f64 / row.capital as f64;
        json!({
            "rank": rank,
            "member": self.name(row.member),
            "lane": row.lane,
            "changes": self.changes(row.member),
            "same_as": row.same_as.map(|member| self.name(member)),
            "run_id": row.run_id,
            "order_digest": row.digest,
            "trading_days": row.days.len(),
            "capital": money(row.capital),
            "pnl": money(row.pnl),
            "fees": money(row.fees),
            "turnover": money(row.turnover),
            "turnover_of_capital": share(row.turnover),
            "drawdown_max": money(row.drawdown),
            "drawdown_of_capital": share(row.drawdown),
            "orders": row.orders,
            "fills": row.fills,
            "sharpe": figure(sharpe.map(|sharpe| self.annual(sharpe))),
            "sharpe_daily": figure(sharpe),
            "skewness": figure(row.moments.map(|moments| moments.skewness)),
            "kurtosis": figure(row.moments.map(|moments| moments.kurtosis)),
            "probabilistic_sharpe": figure(row.probabilistic),
            "deflated_sharpe": figure(row.deflated),
        })
    }

    /// The rows for a spreadsheet; what a member changes is under `set.KEY`. Failed members come last.
    pub fn csv(&self) -> String {
        let keys = self.keys();
        let mut columns: Vec<String> = ["rank", "member", "lane"].map(String::from).to_vec();
        columns.extend(keys.iter().map(|key| format!("set.{key}")));
        columns.extend(CSV_FIGURES.iter().map(|(name, _)| (*name).to_owned()));
        columns.push("failure".into());
        let mut text = line(&columns);
        let values = |member: usize| {
            let changes = &self.spec.members[member].changes;
            let value = |key: &&str| {
                let found = changes.iter().find(|(known, _)| known == key);
                found.map_or(String::new(), |(_, value)| value.clone())
            };
            keys.iter().map(value).collect::<Vec<_>>()
        };
        for (index, row) in self.rows.iter().enumerate() {
            let mut cells =
                vec![(index + 1).to_string(), self.name(row.member).into(), row.lane.clone()];
            cells.extend(values(row.member));
            cells.extend(CSV_FIGURES.iter().map(|(_, read)| read(self, row)));
            cells.push(String::new());
            text.push_str(&line(&cells));
        }
        for (member, failure) in &self.failed {
            let mut cells = vec![String::new(), self.name(*member).into(), String::new()];
            cells.extend(values(*member));
            cells.extend(CSV_FIGURES.iter().map(|_| String::new()));
            cells.push(format!("{}: {}", failure.kind, failure.text));
            text.push_str(&line(&cells));
        }
        text
    }
}

/// A column of the spreadsheet and how to read it off a row.
type Column = (&'static str, fn(&Board<'_>, &Row) -> String);

const CSV_FIGURES: [Column; 17] = [
    ("same_as", |board, row| row.same_as.map_or(String::new(), |member| board.name(member).into())),
    ("pnl", |_, row| money(row.pnl)),
    ("fees", |_, row| money(row.fees)),
    ("capital", |_, row| money(row.capital)),
    ("turnover", |_, row| money(row.turnover)),
    ("drawdown_max", |_, row| money(row.drawdown)),
    ("orders", |_, row| row.orders.to_string()),
    ("fills", |_, row| row.fills.to_string()),
    ("trading_days", |_, row| row.days.len().to_string()),
    ("sharpe", |board, row| plain(row.moments.map(|moments| board.annual(moments.sharpe)))),
    ("sharpe_daily", |_, row| plain(row.moments.map(|moments| moments.sharpe))),
    ("skewness", |_, row| plain(row.moments.map(|moments| moments.skewness))),
    ("kurtosis", |_, row| plain(row.moments.map(|moments| moments.kurtosis))),
    ("probabilistic_sharpe", |_, row| plain(row.probabilistic)),
    ("deflated_sharpe", |_, row| plain(row.deflated)),
    ("run_id", |_, row| row.run_id.clone()),
    ("order_digest", |_, row| row.digest.clone()),
];

fn plain(figure: Figure) -> String {
    figure.map_or_else(|_| String::new(), |value| json!(value).to_string())
}

fn line(cells: &[String]) -> String {
    let cell = |cell: &String| {
        if cell.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell.clone()
        }
    };
    format!("{}\n", cells.iter().map(cell).collect::<Vec<_>>().join(","))
}

fn money(value: i64) -> String {
    decimal_text(i128::from(value), 6)
}

fn figure(figure: Figure) -> Value {
    match figure {
        Ok(value) => json!({ "value": value }),
        Err(reason) => json!({ "value": null, "reason": reason }),
    }
}
