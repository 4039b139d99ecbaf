//! Recorded order latencies: when a request left, when the exchange acted, when the answer was back.
//!
//! Columns of the Parquet file: `action` (submit, amend, cancel), `request_ts`, `exchange_ts`, `response_ts`, ns. The two
//! legs of a row are `exchange_ts - request_ts` and `response_ts - exchange_ts`: the clocks of both sides must agree.

use crate::source::SourceError;
use crate::source::flat;
use arrow_array::Array;
use btcore::wire::limits::LATENCY_NS_MAX;
use std::path::Path;

/// What a request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A new order.
    Submit,
    /// A change of an order.
    Amend,
    /// The end of an order.
    Cancel,
}

impl Action {
    /// Every action, in the order of tables.
    pub const ALL: [Action; 3] = [Action::Submit, Action::Amend, Action::Cancel];

    /// Its word in files and configs.
    pub fn name(self) -> &'static str {
        match self {
            Action::Submit => "submit",
            Action::Amend => "amend",
            Action::Cancel => "cancel",
        }
    }
}

/// One request that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamps {
    /// When it left, ns.
    pub request_ns: i64,
    /// What it asked for.
    pub action: Action,
    /// When the exchange acted, ns.
    pub exchange_ns: i64,
    /// When the answer was back, ns.
    pub response_ns: i64,
}

impl Stamps {
    /// Of the way there, ns.
    pub fn entry_ns(&self) -> i64 {
        self.exchange_ns - self.request_ns
    }

    /// Of the way back, ns.
    pub fn back_ns(&self) -> i64 {
        self.response_ns - self.exchange_ns
    }
}

/// Reads a file, by time of request.
///
/// # Errors
/// The file cannot be read, lacks a column, or holds a row whose times do not follow each other within an hour.
pub fn read(path: &Path) -> Result<Vec<Stamps>, SourceError> {
    let mut all = Vec::new();
    flat::read(path, |rows| {
        let actions = rows.text("action")?;
        let [request, exchange, response] =
            ["request_ts", "exchange_ts", "response_ts"].map(|name| rows.int(name));
        let (request, exchange, response) = (request?, exchange?, response?);
        for row in 0..rows.count() {
            let word = if actions.is_null(row) { "" } else { actions.value(row) };
            let action = Action::ALL.into_iter().find(|action| action.name() == word);
            let action = action.ok_or_else(|| {
                rows.bad(row, "action", &format!("is `{word}`; submit, amend or cancel"))
            })?;
            let stamps = Stamps {
                request_ns: request.need(row)?,
                action,
                exchange_ns: exchange.need(row)?,
                response_ns: response.need(row)?,
            };
            let follows = |from_ns: i64, to_ns: i64| {
                to_ns.checked_sub(from_ns).is_some_and(|ns| (0..=LATENCY_NS_MAX).contains(&ns))
            };
            if !follows(stamps.request_ns, stamps.exchange_ns) {
                return Err(rows.bad(
                    row,
                    "exchange_ts",
                    "is not within the hour after request_ts",
                ));
            }
            if !follows(stamps.exchange_ns, stamps.response_ns) {
                return Err(rows.bad(
                    row,
                    "response_ts",
                    "is not within the hour after exchange_ts",
                ));
            }
            all.push(stamps);
        }
        Ok(())
    })?;
    if all.is_empty() {
        return Err(SourceError::File { path: path.into(), message: "holds no row".into() });
    }
    all.sort_unstable();
    Ok(all)
}
