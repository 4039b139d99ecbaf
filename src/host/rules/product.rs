//! What the rules say about one instrument over the days of a run.
//!
//! Invariants: hours go by the rows of the day on which a session opens, everything else by those of its trading day, so
//! that a night has the limits, caps and bands of the day it belongs to. Only sessions that touch the run's span are made.

use super::calendar::Calendar;
use super::contract;
use super::lookup::Lookup;
use super::references::References;
use super::row::{CostRow, ProductRow, Row, RowPhase, SessionRow};
use crate::config::session::{
    DayRule, Hours, close_up, day_number, is_night, local_date, local_ns, open_before,
};
use crate::config::span::{Span, Taken};
use btcore::wire::{Phase, Session, TickStep};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// What is asked for.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Symbol.
    pub symbol: &'a str,
    /// Product.
    pub product: &'a str,
    /// Venue, where the config says it.
    pub venue: Option<&'a str>,
    /// Last trading day, where the config says it.
    pub expiry: Option<Date>,
    /// Days that the config adds to the calendar and takes off it.
    pub days: &'a DayRule,
    /// What the run asks for.
    pub span: Span,
    /// Reference prices.
    pub references: Option<&'a References>,
    /// Whether the config states limits of its own, which win.
    pub has_limits: bool,
}

/// What the rules say.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// IANA name of the venue's clock.
    pub time_zone: String,
    /// Venue.
    pub venue: String,
    /// Last trading day of a contract.
    pub expiry: Option<Date>,
    /// First instant after the last trading day, ns; `i64::MAX` where there is none.
    pub expired_ns: i64,
    /// Tick ladder.
    pub ticks: Vec<TickStep>,
    /// Money of a lot for a point, 1e-6.
    pub multiplier_e6: i64,
    /// Fees and taxes.
    pub costs: Vec<CostRow>,
    /// Sessions.
    pub sessions: Vec<Session>,
    /// The part of the time that they leave.
    pub taken: Taken,
    /// Points of protection, 1e-6, where the references state them.
    pub protection: Option<i64>,
    /// Trading days whose limits nobody knows.
    pub days_without_limits: BTreeSet<u32>,
    /// Lines of the product, ladder and session rows, for faults.
    pub lines: Lines,
}

/// Lines of the rows that a config may contradict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Multiplier, tick.
    pub product: u32,
    /// Ladder; 0 where the product has a tick.
    pub ladder: u32,
    /// The first session.
    pub session: u32,
    /// Size cap of limit orders.
    pub order: u32,
    /// Fees, in the order of `Terms::costs`.
    pub costs: Vec<u32>,
}

/// What holds once for the whole run.
#[derive(Clone, Debug, PartialEq)]
struct Fixed {
    product: ProductRow,
    ticks: Vec<TickStep>,
    costs: Vec<CostRow>,
    lines: Lines,
}

/// A session before its limits, with the day that it belongs to.
type Opened = (Hours, Date);

/// The rows, and what is asked of them.
pub(super) struct Finder<'a> {
    pub(super) lookup: &'a Lookup<'a>,
    pub(super) ask: &'a Ask<'a>,
    pub(super) venue: String,
    zone: TimeZone,
    pub(super) calendar: &'a Calendar,
    pub(super) expiry: Option<Date>,
}

/// Looks everything up.
///
/// # Errors
/// A sentence that names the day, and the row or calendar that is missing.
pub fn resolve<'a>(lookup: &'a Lookup<'a>, ask: &'a Ask<'a>) -> Result<Terms, String> {
    let rules = &lookup.book.rules;
    let venue = venue(lookup, ask)?;
    let known = rules.venues.iter().find(|known| known.name == venue);
    let (Some(known), Some(calendar)) = (known, lookup.book.calendar(&venue)) else {
        return Err(format!("the rules `{}` have no venue `{venue}`", rules.name));
    };
    let zone = TimeZone::get(&known.time_zone).map_err(|error| error.to_string())?;
    let (first, last) = match ask.span.trading_days {
        Some(days) => days,
        None => (local_date(&zone, ask.span.from_ns)?, local_date(&zone, ask.span.to_ns - 1)?),
    };
    let product = lookup.need(&rules.products, ask.product, first)?;
    let expiry = match (product.rule.expires, ask.expiry) {
        (true, Some(day)) => Some(day),
        (true, None) => {
            let is_option = product.rule.order_kind == "option";
            Some(contract::expiry(ask.symbol, is_option, first, calendar)?)
        }
        (false, Some(_)) => return Err(format!("`{}` has no expiry", ask.product)),
        (false, None) => None,
    };
    if let Some(expiry) = expiry.filter(|expiry| *expiry < first) {
        return Err(format!("it expired on {expiry}, and the run begins on {first}"));
    }
    let finder = Finder { lookup, ask, venue, zone, calendar, expiry };
    let opened = finder.opened(first, last)?;
    finder.terms(&opened)
}

/// The venue that is meant.
fn venue(lookup: &Lookup<'_>, ask: &Ask<'_>) -> Result<String, String> {
    let rules = &lookup.book.rules;
    let products = &rules.products;
    let of_product = |row: &&Row<ProductRow>| row.keys.iter().any(|key| key == ask.product);
    let Some(row) = products.iter().find(of_product) else {
        let names: Vec<&str> = products.iter().flat_map(|row| &row.keys).map(|s| &**s).collect();
        return Err(format!(
            "the rules `{}` have no product `{}`; they have {}",
            rules.name,
            ask.product,
            names.join(", ")
        ));
    };
    let venues = row.rule.venues.join(", ");
    match (ask.venue, row.rule.venues.as_slice()) {
        (Some(venue), known) if known.iter().any(|name| name == venue) => Ok(venue.to_owned()),
        (None, [only]) => Ok(only.clone()),
        (Some(venue), _) => {
            Err(format!("`{}` is not listed on `{venue}`, but on {venues}", ask.product))
        }
        (None, _) => Err(format!("`{}` needs `venue`, one of {venues}", ask.product)),
    }
}

impl Finder<'_> {
    /// Whether there is trading on a day.
    fn is_open(&self, day: Date) -> Result<bool, String> {
        self.ask.days.is_open(day, || self.calendar.is_holiday(day))
    }

    /// The sessions that touch the run, in order.
    fn opened(&self, first: Date, last: Date) -> Result<Vec<Opened>, String> {
        let text = |error: jiff::Error| error.to_string();
        let next = |day: Date| day.tomorrow().map_err(text);
        let mut opened: Vec<Opened> = Vec::new();
        // The evening before may reach into the first day, or belong to it.
        let mut day = match self.ask.span.trading_days {
            Some(_) if !self.names(first.yesterday().map_err(text)?, first)?.is_empty() => {
                open_before(first, |day| self.is_open(day))?
            }
            Some(_) => first,
            None => first.yesterday().map_err(text)?,
        };
        while day <= last {
            self.open_day(day, first, &mut opened)?;
            day = next(day)?;
        }
        opened.sort_by_key(|(hours, _)| hours.open_ns);
        let span = &self.ask.span;
        opened.retain(|(hours, day)| match span.trading_days {
            Some(_) => (first..=last).contains(day),
            None => {
                hours.open_ns < span.to_ns && hours.end_ns + hours.print_within_ns > span.from_ns
            }
        });
        if opened.is_empty() {
            return Err(format!("no session of `{}` lies between {first} and {last}", self.venue));
        }
        Ok(opened)
    }

    /// The product's sessions of a day, by name. Of the evening before the run those that, by the rows of its first day,
    /// reach into it or belong to it: whether the others had rows then is nobody's concern.
    fn names(&self, day: Date, first: Date) -> Result<Vec<&str>, String> {
        let rules = &self.lookup.book.rules;
        let row = self.lookup.need(&rules.products, self.ask.product, day.max(first))?;
        let mut names = Vec::new();
        for name in &row.rule.sessions {
            let key = self.session_key(name);
            let rows = rules.sessions.iter().filter(|row| row.keys.contains(&key));
            let mut rows = rows.filter(|row| row.covers(first));
            let reaches = match self.ask.span.trading_days {
                Some(_) => rows.any(|row| row.rule.is_next_day),
                None => {
                    let end_s = rows.map(|row| row.rule.end_s).max().unwrap_or(0);
                    local_ns(&self.zone, day, end_s)? > self.ask.span.from_ns
                }
            };
            if day >= first || reaches {
                names.push(name.as_str());
            }
        }
        Ok(names)
    }

    pub(super) fn session_key(&self, name: &str) -> String {
        format!("{} {name}", self.venue)
    }

    fn open_day(&self, day: Date, first: Date, out: &mut Vec<Opened>) -> Result<(), String> {
        let rules = &self.lookup.book.rules;
        let names = self.names(day, first)?;
        let is_over = self.expiry.is_some_and(|expiry| day > expiry);
        if names.is_empty() || is_over || !self.is_open(day)? {
            return Ok(());
        }
        for name in names {
            let row = self.lookup.need(&rules.sessions, &self.session_key(name), day)?;
            let rule = &row.rule;
            let is_last = self.expiry == Some(day);
            if is_last && rule.skips_last {
                continue;
            }
            if matches!(rule.phase, RowPhase::Periodic | RowPhase::Fixed) {
                return Err(format!(
                    "on {day}, `{name}` of {} matches in periodic auctions, which are not simulated",
                    self.venue
                ));
            }
            if rule.is_next_day && self.ask.span.trading_days.is_some_and(|(_, last)| day == last) {
                // Another day's, and the calendar may not know of which.
                continue;
            }
            let trading_day = if rule.is_next_day { self.next_open(day)? } else { day };
            out.push((self.hours(rule, day, trading_day, is_last)?, trading_day));
        }
        Ok(())
    }

    fn next_open(&self, day: Date) -> Result<Date, String> {
        let mut day = day;
        loop {
            day = day.tomorrow().map_err(|error| error.to_string())?;
            if self.is_open(day)? {
                return Ok(day);
            }
        }
    }

    fn hours(
        &self,
        rule: &SessionRow,
        day: Date,
        trading_day: Date,
        is_last: bool,
    ) -> Result<Hours, String> {
        let end_s = rule.end_last_s.filter(|_| is_last).unwrap_or(rule.end_s);
        let is_auction = rule.phase == RowPhase::Auction;
        Ok(Hours {
            open_ns: local_ns(&self.zone, day, rule.start_s)?,
            end_ns: local_ns(&self.zone, day, end_s)?,
            trading_day: day_number(trading_day),
            phase: if is_auction { Phase::Auction } else { Phase::Continuous },
            frozen_ns: rule.freeze_s * 1_000_000_000,
            print_within_ns: rule.print_within_s * 1_000_000_000,
        })
    }

    /// Everything, for these sessions.
    fn terms(&self, opened: &[Opened]) -> Result<Terms, String> {
        let days: BTreeSet<Date> = opened.iter().map(|(_, day)| *day).collect();
        let mut fixed: Option<(Date, Fixed)> = None;
        for &day in &days {
            let found = self.fixed(day)?;
            match &fixed {
                None => fixed = Some((day, found)),
                Some((before, held)) => same(held, &found, *before, day)?,
            }
        }
        let Some((_, mut fixed)) = fixed else { return Err("there is no session".into()) };
        let hours: Vec<Hours> = opened.iter().map(|(hours, _)| *hours).collect();
        let mut sessions = close_up(&hours);
        let mut days_without_limits = BTreeSet::new();
        let mut lines = (0, 0);
        for (session, (_, day)) in sessions.iter_mut().zip(opened) {
            let is_night = is_night(&self.zone, session)?;
            lines = self.set_types(session, &fixed.product, *day, is_night)?;
            if session.phase == Phase::Continuous {
                session.band_ppm = self.band(*day)?;
            }
            if !self.ask.has_limits && !self.set_limits(session, &fixed.ticks, *day)? {
                days_without_limits.insert(session.trading_day);
            }
        }
        (fixed.lines.order, fixed.lines.session) = lines;
        let numbers: Vec<u32> = days.iter().map(|day| day_number(*day)).collect();
        let protection = match self.ask.references {
            Some(references) => references.protection(self.ask.symbol, &numbers)?,
            None => None,
        };
        let expired_ns = match self.expiry {
            Some(day) => local_ns(&self.zone, day, 86_400)?,
            None => i64::MAX,
        };
        let (sessions, taken) = self.ask.span.choose(sessions, &self.zone)?;
        Ok(Terms {
            time_zone: self.zone.iana_name().unwrap_or("UTC").to_owned(),
            venue: self.venue.clone(),
            expiry: self.expiry,
            expired_ns,
            ticks: fixed.ticks,
            multiplier_e6: fixed.product.multiplier_e6,
            costs: fixed.costs,
            sessions,
            taken,
            protection,
            days_without_limits,
            lines: fixed.lines,
        })
    }

    /// What must be one thing over the run, as of a day.
    fn fixed(&self, day: Date) -> Result<Fixed, String> {
        let rules = &self.lookup.book.rules;
        let row = self.lookup.need(&rules.products, self.ask.product, day)?;
        let mut lines = Lines { product: row.line, ..Lines::default() };
        let ticks = match (&row.rule.ladder, row.rule.tick) {
            (Some(name), _) => {
                let ladder = self.lookup.need(&rules.ladders, name, day)?;
                lines.ladder = ladder.line;
                ladder.rule.clone()
            }
            (None, tick) => vec![TickStep { price_from: 0, tick: tick.unwrap_or(1) }],
        };
        let prefix = format!("{} ", self.ask.product);
        let keys: BTreeSet<&String> = rules
            .costs
            .iter()
            .filter(|row| row.rule.is_simulated)
            .flat_map(|row| &row.keys)
            .filter(|key| key.starts_with(&prefix))
            .collect();
        let mut costs = Vec::new();
        for key in keys {
            let cost = self.lookup.need(&rules.costs, key, day)?;
            lines.costs.push(cost.line);
            costs.push(cost.rule.clone());
        }
        Ok(Fixed { product: row.rule.clone(), ticks, costs, lines })
    }
}

/// Refuses what the core cannot follow within a run.
fn same(held: &Fixed, found: &Fixed, before: Date, day: Date) -> Result<(), String> {
    let what = if held.ticks != found.ticks {
        "the tick ladder"
    } else if held.product != found.product {
        "the product's terms"
    } else if held.costs != found.costs {
        "the fees"
    } else {
        return Ok(());
    };
    Err(format!(
        "{what} on {day} are not those of {before}, and a run has one: split it, the second part from {day} on"
    ))
}
