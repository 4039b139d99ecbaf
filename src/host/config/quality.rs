//! Which shares of odd rows a run stands: thresholds by reason, over each symbol and trading day.
//!
//! Invariants: a threshold only decides whether there are results, never what they are, so none is in the effective config.
//! A share is exact, in parts of a hundred million of the rows in; equal to the threshold passes, beyond it fails.

use super::reader::Cursor;
use super::scalar;
use btcore::wire::limits::LATENCY_NS_MAX;

/// Parts that a share counts in: 1e-6 of a percent.
pub const SHARE_WHOLE: u64 = 100_000_000;

/// Why a row is odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Dropped: it equals another, by `data.duplicates`.
    Duplicates,
    /// A book without any level.
    EmptyBook,
    /// A crossed or locked book.
    Crossed,
    /// A price that is a word.
    Sentinel,
    /// Outside every session.
    OutOfSession,
    /// A book without bids or without asks.
    OneSided,
    /// A trade of unknown aggressor.
    UnknownAggressor,
    /// Off the declared time grid.
    OffGrid,
    /// Without a usable receive clock.
    NoRecvClock,
    /// A price that is not on the instrument's ladder.
    OffLadder,
    /// A trade while the book stands still, see [`QualitySpec::stale_after_ns`].
    Stale,
    /// Behind a newer row of its source.
    BackwardTime,
    /// Cannot be read, and `data.malformed` lets it be left out.
    Skipped,
}

impl Reason {
    /// All of them, as tables show them.
    pub const ALL: [Reason; 13] = [
        Reason::Duplicates,
        Reason::EmptyBook,
        Reason::Crossed,
        Reason::Sentinel,
        Reason::OutOfSession,
        Reason::OneSided,
        Reason::UnknownAggressor,
        Reason::OffGrid,
        Reason::NoRecvClock,
        Reason::OffLadder,
        Reason::Stale,
        Reason::BackwardTime,
        Reason::Skipped,
    ];

    /// Its key in a config.
    pub fn key(self) -> &'static str {
        match self {
            Reason::Duplicates => "duplicates",
            Reason::EmptyBook => "empty_book",
            Reason::Crossed => "crossed",
            Reason::Sentinel => "sentinel",
            Reason::OutOfSession => "out_of_session",
            Reason::OneSided => "one_sided",
            Reason::UnknownAggressor => "unknown_aggressor",
            Reason::OffGrid => "off_grid",
            Reason::NoRecvClock => "no_recv_clock",
            Reason::OffLadder => "off_ladder",
            Reason::Stale => "stale",
            Reason::BackwardTime => "backward_time",
            Reason::Skipped => "skipped",
        }
    }
}

/// How many odd rows are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many.
    Rows(u64),
    /// So many of [`SHARE_WHOLE`] parts of the rows in.
    Share(u64),
}

impl Limit {
    /// Whether `found` of `rows` are too many. Exactly as many as are allowed are not.
    pub fn is_exceeded(self, found: u64, rows: u64) -> bool {
        match self {
            Limit::Rows(allowed) => found > allowed,
            Limit::Share(share) => {
                u128::from(found) * u128::from(SHARE_WHOLE) > u128::from(rows) * u128::from(share)
            }
        }
    }

    /// As it is written.
    pub fn text(self) -> String {
        match self {
            Limit::Rows(rows) => rows.to_string(),
            Limit::Share(share) => format!("{}%", scalar::decimal_text(share.into(), 6)),
        }
    }
}

/// Thresholds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QualitySpec {
    /// The reasons that have one.
    pub limits: Vec<(Reason, Limit)>,
    /// A trade in a session is stale when another one, so much earlier and since opened, has not been followed by any book
    /// of the symbol yet: every trade changes a book, so trades move and the book does not. ns; `None` looks for none.
    pub stale_after_ns: Option<i64>,
}

/// Reads `data.quality`.
pub fn read(at: &Cursor<'_>) -> Option<QualitySpec> {
    if at.is_scalar() {
        return at.choice(&[("off", QualitySpec::default())]);
    }
    let map = at.map()?;
    let mut limits = Some(Vec::new());
    for reason in Reason::ALL {
        let Some(at) = map.get(reason.key()) else { continue };
        match (read_limit(&at), &mut limits) {
            (Some(limit), Some(limits)) => limits.extend(limit.map(|limit| (reason, limit))),
            (None, _) => limits = None,
            (Some(_), None) => {}
        }
    }
    let stale_after_ns = match map.get("stale_after") {
        None => Some(None),
        Some(at) if at.is_word("off") => Some(None),
        Some(at) => at.duration(1..=LATENCY_NS_MAX).map(Some),
    };
    if stale_after_ns == Some(None)
        && let Some(at) = map.get("stale").filter(|at| !at.is_word("off"))
    {
        at.fault(
            "nothing is stale without `stale_after`",
            "such as { stale_after: 2s, stale: 1% }",
        );
        limits = None;
    }
    map.finish();
    Some(QualitySpec { limits: limits?, stale_after_ns: stale_after_ns? })
}

/// A count, a share with its `%`, or `off`.
fn read_limit(at: &Cursor<'_>) -> Option<Option<Limit>> {
    let text = at.text()?;
    if text == "off" {
        return Some(None);
    }
    let help = "a count such as 0, a share of the rows in such as 0.1%, or off";
    if let Some(percent) = text.strip_suffix('%') {
        return match scalar::decimal(percent.trim_end(), 6) {
            Ok(share @ 0..=100_000_000) => Some(Some(Limit::Share(share.unsigned_abs()))),
            Ok(_) => {
                at.fault(format!("{text} is out of range; 0% to 100% is allowed"), "");
                None
            }
            Err(message) => {
                at.fault(message, help);
                None
            }
        };
    }
    match text.replace('_', "").parse() {
        Ok(rows) => Some(Some(Limit::Rows(rows))),
        Err(_) => {
            at.fault(format!("`{text}` is no threshold"), help);
            None
        }
    }
}
