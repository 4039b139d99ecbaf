//! Which part of the recorded time a run takes: `from`, `to`, `time_zone`, `days`, `session`.
//!
//! Invariants: dates are days of a calendar in `time_zone`, or trading days of the venues; a trading day is all sessions that
//! belong to it, the night before it included, so it begins and ends at other instants for each instrument. The night of a
//! trading day is what opens on an earlier date of the venue's clock.

use super::reader::{Cursor, Map};
use super::scalar::{self, Edge};
use super::session::{day_number, is_night, time_zone_name};
use btcore::wire::Session;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Sessions of a trading day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DayPart {
    /// All of them.
    #[default]
    All,
    /// Those that open on its own date.
    Day,
    /// Those that open on an earlier one.
    Night,
}

impl DayPart {
    /// Its name in a config.
    pub fn name(self) -> &'static str {
        match self {
            DayPart::All => "all",
            DayPart::Day => "day",
            DayPart::Night => "night",
        }
    }
}

/// What a run asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First instant, ns. Of trading days only the date counts, in the venue's own clock.
    pub from_ns: i64,
    /// First instant after the last, ns.
    pub to_ns: i64,
    /// First and last trading day, where it asks for those.
    pub trading_days: Option<(Date, Date)>,
    /// Which sessions of each day.
    pub part: DayPart,
}

/// The part of an instrument's time that a run takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// First instant and first instant after the last, ns, where they are not the run's.
    pub span_ns: Option<(i64, i64)>,
    /// What lies between two sessions that are taken, before the first or behind the last, where a session that is not
    /// taken is there; from and to, ns: sorted and disjoint.
    pub gaps_ns: Vec<(i64, i64)>,
}

impl Span {
    /// Of an instrument's sessions, sorted, those that the run takes.
    ///
    /// # Errors
    /// There are none: a sentence that says of what.
    pub fn choose(
        &self,
        sessions: Vec<Session>,
        zone: &TimeZone,
    ) -> Result<(Vec<Session>, Taken), String> {
        if self.trading_days.is_none() && self.part == DayPart::All {
            return Ok((sessions, Taken::default()));
        }
        let (mut chosen, mut taken): (Vec<Session>, _) = (Vec::new(), Taken::default());
        // Where the last session that is not taken leaves a gap open.
        let mut gap_from_ns = None;
        for session in sessions {
            let is_of_days = self.trading_days.is_none_or(|(first, last)| {
                (day_number(first)..=day_number(last)).contains(&session.trading_day)
            });
            if !is_of_days {
                continue;
            }
            let is_night = is_night(zone, &session)?;
            let is_taken = match self.part {
                DayPart::All => true,
                DayPart::Day => !is_night,
                DayPart::Night => is_night,
            };
            if !is_taken {
                let last_ns = chosen.last().map_or(i64::MIN, |last| last.close_ns);
                gap_from_ns = Some(last_ns);
                continue;
            }
            if let Some(from_ns) = gap_from_ns.take() {
                taken.gaps_ns.push((from_ns, session.open_ns));
            }
            chosen.push(session);
        }
        taken.gaps_ns.extend(gap_from_ns.map(|from_ns| (from_ns, i64::MAX)));
        let touches = |session: &Session| {
            self.trading_days.is_some()
                || session.open_ns < self.to_ns && session.close_ns > self.from_ns
        };
        let (true, Some(first), Some(last)) =
            (chosen.iter().any(touches), chosen.first(), chosen.last())
        else {
            let what = match self.part {
                DayPart::All => "session",
                DayPart::Day => "day session",
                DayPart::Night => "night session",
            };
            return Err(format!("no {what} lies in the span; see data.days and data.session"));
        };
        taken.span_ns = self.trading_days.map(|_| (first.open_ns, last.close_ns));
        Ok((chosen, taken))
    }
}

/// Reads the keys of the span.
pub fn read(map: &Map<'_>) -> Option<Span> {
    let zone_at = map.get("time_zone");
    let zone = zone_at.as_ref().map_or(Some("UTC".into()), time_zone_name);
    let days = map.get("days");
    let is_trading = days
        .as_ref()
        .map_or(Some(false), |at| at.choice(&[("calendar", false), ("trading", true)]));
    let part = map.get("session").map_or(Some(DayPart::All), |at| {
        at.choice(&[DayPart::All, DayPart::Day, DayPart::Night].map(|part| (part.name(), part)))
    });
    let from = map.need("from").and_then(read_edge);
    let to = map.need("to").and_then(read_edge);
    let zone = TimeZone::get(&zone?).ok()?;
    let ((from_at, from), (to_at, to)) = (from?, to?);
    let too_far = "lies beyond the years that fit in nanoseconds (1678 to 2261)";
    let start = match from {
        Edge::Day(day) => scalar::day_start_ns(day, &zone),
        Edge::Instant(instant) => scalar::instant_ns(instant),
    };
    let end = match to {
        Edge::Day(day) => day.tomorrow().ok().and_then(|next| scalar::day_start_ns(next, &zone)),
        Edge::Instant(instant) => scalar::instant_ns(instant),
    };
    if start.is_none() {
        from_at.fault(too_far, "");
    }
    if end.is_none() {
        to_at.fault(too_far, "");
    }
    let (from_ns, to_ns) = (start?, end?);
    if from_ns >= to_ns {
        let (from, to) = (from_at.text()?, to_at.text()?);
        to_at.fault(
            format!("`to` ({to}) does not lie after `from` ({from})"),
            "a date includes its whole day",
        );
        return None;
    }
    let trading_days = match (is_trading?, from, to) {
        (false, ..) => None,
        (true, Edge::Day(first), Edge::Day(last)) => {
            if let Some(at) = zone_at {
                at.fault("trading days are those of the venues' own clocks", "remove this line");
                return None;
            }
            Some((first, last))
        }
        (true, from, _) => {
            let at = if matches!(from, Edge::Instant(_)) { from_at } else { to_at };
            at.fault("`days: trading` needs a date", "an instant lies within a trading day");
            return None;
        }
    };
    Some(Span { from_ns, to_ns, trading_days, part: part? })
}

fn read_edge(at: Cursor<'_>) -> Option<(Cursor<'_>, Edge)> {
    let edge = at.text().and_then(|text| at.take(scalar::edge(text)))?;
    Some((at, edge))
}
