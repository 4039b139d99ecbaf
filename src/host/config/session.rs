//! Sessions: from the venue's own clock to sorted, disjoint intervals in UTC.
//!
//! Invariants: the core knows no time zones, so everything local ends here. Sessions open on Monday to Friday
//! except on the holidays that the config or a calendar lists; a session marked `trading_day: next` belongs to the next
//! such day (a Friday night belongs to Monday). A list that comes out empty would mean "always open" to the core, so it is
//! an error here.

use super::reader::{Cursor, Map};
use super::scalar;
use super::span::{DayPart, Span, Taken};
use crate::rules::calendar::{self, Calendar};
use btcore::wire::{Phase, Session};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::BTreeSet;
use std::path::Path;

/// Longest freeze, and longest wait for a print, ns.
const WAIT_NS_MAX: i64 = 3_600_000_000_000;

/// How long after its match an auction's print is waited for where the config does not say, ns.
const PRINT_WITHIN_NS: i64 = 60_000_000_000;

/// One window of a day, on the venue's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Opening, seconds after midnight of the day.
    pub open_s: i64,
    /// Close, and match of an auction, seconds after midnight of the day; beyond 86,400 on the next one.
    pub close_s: i64,
    /// Whether it belongs to the next trading day.
    pub trading_day_next: bool,
    /// How orders meet.
    pub phase: Phase,
    /// Orders are neither amended nor cancelled for so long before its end, ns.
    pub frozen_ns: i64,
    /// An auction's print is stamped within this after its match, ns; 0 in continuous trading.
    pub print_within_ns: i64,
}

/// Days that a config adds to the usual ones and takes off them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayRule {
    /// Days without a session.
    pub holidays: BTreeSet<Date>,
    /// Days with sessions nevertheless: working Saturdays, and holidays of the calendar that were none.
    pub extra_days: BTreeSet<Date>,
}

impl DayRule {
    /// Whether sessions open on a day; `is_holiday` asks a calendar.
    ///
    /// # Errors
    /// Those of the calendar.
    pub fn is_open(
        &self,
        day: Date,
        is_holiday: impl Fn() -> Result<bool, String>,
    ) -> Result<bool, String> {
        if self.extra_days.contains(&day) {
            return Ok(true);
        }
        let is_weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        Ok(!is_weekend && !self.holidays.contains(&day) && !is_holiday()?)
    }
}

/// The session rule of an instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRule {
    /// IANA name of the venue's clock.
    pub time_zone: String,
    /// Windows; none means always open.
    pub windows: Vec<Window>,
    /// Days of the config.
    pub days: DayRule,
    /// The calendar, where one is named.
    pub calendar: Option<Calendar>,
}

impl SessionRule {
    /// The rule of an instrument that never closes.
    pub fn always() -> Self {
        SessionRule {
            time_zone: "UTC".into(),
            windows: Vec::new(),
            days: DayRule::default(),
            calendar: None,
        }
    }

    fn is_open(&self, day: Date) -> Result<bool, String> {
        let calendar = self.calendar.as_ref();
        self.days.is_open(day, || calendar.map_or(Ok(false), |calendar| calendar.is_holiday(day)))
    }
}

/// The `sessions` of an instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionsGiven {
    /// Hours; `None` where they are left to a product's rules.
    pub hours: Option<SessionRule>,
    /// Days of the config.
    pub days: DayRule,
}

const fn hm(hour: i64, minute: i64) -> i64 {
    (hour * 60 + minute) * 60
}

/// Reads `sessions`: `always`, or a map. Only those of a product may leave hours out.
pub fn read(at: &Cursor<'_>, is_product: bool) -> Option<SessionsGiven> {
    if let super::tree::Value::Scalar { .. } = at.node.value {
        let hours = at.choice(&[("always", SessionRule::always())])?;
        return Some(SessionsGiven { hours: Some(hours), days: DayRule::default() });
    }
    let map = at.map()?;
    let zone = map.get("time_zone");
    let list = map.get("list");
    let days = |key| map.get(key).map_or(Some(BTreeSet::new()), |at| read_days(&at));
    let (holidays, extra_days) = (days("holidays"), days("extra_days"));
    let calendar = map
        .get("calendar")
        .map_or(Some(None), |at| calendar::load(&at.name()?, Path::new(""), &at).map(Some));
    let hours = match list {
        Some(list) => read_windows(&map, zone.as_ref(), &list).map(Some),
        None if is_product => {
            if let Some(zone) = zone {
                zone.fault("the rules bring their own time zone", "remove this line");
            }
            Some(None)
        }
        None => {
            map.fault("needs a `list` of windows", "");
            None
        }
    };
    map.finish();
    let days = DayRule { holidays: holidays?, extra_days: extra_days? };
    let (hours, calendar) = (hours?, calendar?);
    let hours = hours.map(|rule| SessionRule { days: days.clone(), calendar, ..rule });
    Some(SessionsGiven { hours, days })
}

fn read_days(at: &Cursor<'_>) -> Option<BTreeSet<Date>> {
    at.list()?.iter().map(crate::rules::file::date).collect()
}

fn read_windows(
    map: &Map<'_>,
    zone: Option<&Cursor<'_>>,
    list: &Cursor<'_>,
) -> Option<SessionRule> {
    if zone.is_none() {
        map.fault("needs `time_zone`, such as Asia/Taipei", "");
    }
    let time_zone = zone.and_then(time_zone_name);
    let mut windows = Vec::new();
    let mut whole = true;
    for item in list.list_some()? {
        match read_window(&item) {
            Some(window) => windows.push(window),
            None => whole = false,
        }
    }
    if !whole {
        return None;
    }
    windows.sort_by_key(|window| window.open_s);
    let day = 86_400;
    let wraps =
        windows.last().zip(windows.first()).is_some_and(|(l, f)| l.close_s > f.open_s + day);
    if wraps || windows.windows(2).any(|pair| pair[0].close_s > pair[1].open_s) {
        list.fault("two windows overlap", "a session must close before the next one opens");
        return None;
    }
    Some(SessionRule { time_zone: time_zone?, windows, ..SessionRule::always() })
}

fn read_window(at: &Cursor<'_>) -> Option<Window> {
    let map = at.map()?;
    let open = map.need("open").and_then(|at| clock(&at));
    let close_at = map.need("close");
    let close = close_at.as_ref().and_then(clock);
    let next = map
        .get("trading_day")
        .map_or(Some(false), |at| at.choice(&[("same", false), ("next", true)]));
    let phase = map.get("phase").map_or(Some(Phase::Continuous), |at| {
        at.choice(&[("continuous", Phase::Continuous), ("auction", Phase::Auction)])
    });
    let frozen = map.get("frozen").map_or(Some(0), |at| at.duration(0..=WAIT_NS_MAX));
    let print_at = map.get("print_within");
    let print = print_at.as_ref().map_or(Some(None), |at| at.duration(0..=WAIT_NS_MAX).map(Some));
    map.finish();
    let (open_s, close_s, phase) = (open?, close?, phase?);
    if open_s >= 86_400 {
        at.fault("a session opens on its own day", "take `+1` off `open`");
        return None;
    }
    if close_s <= open_s {
        at.fault(
            "the session closes before it opens",
            "write `+1` behind a close on the next day, such as \"05:00+1\"",
        );
        return None;
    }
    if let (Some(at), Phase::Continuous) = (print_at, phase) {
        at.fault("only an auction prints", "add `phase: auction`, or remove this");
        return None;
    }
    let print_within_ns = match phase {
        Phase::Auction => print?.unwrap_or(PRINT_WITHIN_NS),
        Phase::Continuous => 0,
    };
    Some(Window {
        open_s,
        close_s,
        trading_day_next: next?,
        phase,
        frozen_ns: frozen?,
        print_within_ns,
    })
}

/// A clock time `HH:MM` or `HH:MM:SS`, with `+1` for the next day, in seconds after midnight.
pub fn clock(at: &Cursor<'_>) -> Option<i64> {
    let text = at.text()?;
    let (time, days) = match text.strip_suffix("+1") {
        Some(time) => (time, 1),
        None => (text, 0),
    };
    let parts: Option<Vec<i64>> = time
        .split(':')
        .map(|part| if part.len() == 2 { part.parse().ok() } else { None })
        .collect();
    let seconds = match parts.as_deref() {
        Some([h @ 0..=24, m @ 0..=59]) => Some(hm(*h, *m)),
        Some([h @ 0..=24, m @ 0..=59, s @ 0..=59]) => Some(hm(*h, *m) + s),
        _ => None,
    };
    let Some(seconds) = seconds.filter(|s| *s <= 86_400) else {
        at.fault(
            format!("`{text}` is not a clock time"),
            "write it as \"08:45\", or \"05:00+1\" on the next day, in quotes",
        );
        return None;
    };
    Some(seconds + days * 86_400)
}

/// An IANA time zone's name that is known here.
pub fn time_zone_name(at: &Cursor<'_>) -> Option<String> {
    let text = at.text()?;
    if TimeZone::get(text).is_err() {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let help = scalar::did_you_mean(text, names.iter().map(String::as_str))
            .map_or("use an IANA name such as Asia/Taipei or UTC".into(), |near| {
                format!("did you mean `{near}`?")
            });
        at.fault(format!("unknown time zone `{text}`"), help);
        return None;
    }
    Some(text.into())
}

/// The sessions that a run takes: those that touch its span, with one day more on both sides, or those of its trading days.
///
/// # Errors
/// A sentence that names the day or the rule that does not fit.
pub fn resolve(rule: &SessionRule, span: &Span) -> Result<(Vec<Session>, Taken), String> {
    if rule.windows.is_empty() {
        return match (span.trading_days, span.part) {
            (None, DayPart::All) => Ok((Vec::new(), Taken::default())),
            _ => Err("it never closes, so it has no trading days and no night".into()),
        };
    }
    let zone = TimeZone::get(&rule.time_zone).map_err(|error| error.to_string())?;
    let shift =
        |day: Date, days: i64| day.checked_add(days.days()).map_err(|error| error.to_string());
    // A calendar must know the run's own days; of those beside them, whether they are there is enough.
    let (mut day, own, end) = match span.trading_days {
        Some((first, last)) => {
            let has_nights = rule.windows.iter().any(|window| window.trading_day_next);
            let is_open = |day| rule.is_open(day);
            let begin = if has_nights { open_before(first, is_open)? } else { first };
            (begin, (begin, last), last)
        }
        None => {
            let (first, last) = (local_date(&zone, span.from_ns)?, local_date(&zone, span.to_ns)?);
            let last_own = local_date(&zone, span.to_ns - 1)?;
            (shift(first, -1)?, (first, last_own), shift(last, 1)?)
        }
    };
    let mut hours = Vec::new();
    while day <= end {
        let is_beside = day < own.0 || day > own.1;
        match rule.is_open(day) {
            Ok(true) => {
                // The last day's night is another day's, and the calendar may not know of which.
                let is_last = span.trading_days.is_some_and(|(_, last)| day == last);
                for window in rule.windows.iter().filter(|w| !(is_last && w.trading_day_next)) {
                    match open(rule, &zone, day, window) {
                        Err(_) if is_beside => {}
                        found => hours.push(found?),
                    }
                }
            }
            Err(text) if !is_beside => return Err(text),
            _ => {}
        }
        day = shift(day, 1)?;
    }
    hours.sort_by_key(|hours| hours.open_ns);
    if let Some(pair) = hours.windows(2).find(|pair| pair[0].end_ns > pair[1].open_ns) {
        let at = scalar::instant_text(pair[1].open_ns);
        return Err(format!("two sessions overlap at {at}"));
    }
    if hours.is_empty() {
        return Err(format!("no session opens between {} and {}", own.0, own.1));
    }
    span.choose(close_up(&hours), &zone)
}

/// The last day before `day` on which sessions open: its night belongs to `day`, or to a day between.
///
/// # Errors
/// Those of `is_open`, or there is none within a year.
pub fn open_before(
    day: Date,
    is_open: impl Fn(Date) -> Result<bool, String>,
) -> Result<Date, String> {
    let mut before = day;
    for _ in 0..366 {
        before = before.yesterday().map_err(|error| error.to_string())?;
        if is_open(before)? {
            return Ok(before);
        }
    }
    Err(format!("no session opens in the year before {day}"))
}

/// A window on one day.
fn open(rule: &SessionRule, zone: &TimeZone, day: Date, window: &Window) -> Result<Hours, String> {
    let mut trading_day = day;
    if window.trading_day_next {
        loop {
            trading_day = trading_day.tomorrow().map_err(|error| error.to_string())?;
            if rule.is_open(trading_day)? {
                break;
            }
        }
    }
    Ok(Hours {
        open_ns: local_ns(zone, day, window.open_s)?,
        end_ns: local_ns(zone, day, window.close_s)?,
        trading_day: day_number(trading_day),
        phase: window.phase,
        frozen_ns: window.frozen_ns,
        print_within_ns: window.print_within_ns,
    })
}

/// When a session is, before it is known what comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// First instant, ns.
    pub open_ns: i64,
    /// Close, or match of an auction, ns.
    pub end_ns: i64,
    /// Trading day, yyyymmdd.
    pub trading_day: u32,
    /// How orders meet.
    pub phase: Phase,
    /// Orders are neither amended nor cancelled for so long before the end, ns.
    pub frozen_ns: i64,
    /// An auction's print is stamped within this after its match, ns.
    pub print_within_ns: i64,
}

/// Sessions of these hours, which are sorted. An auction closes at its match where the next session opens at once, else when it
/// must have printed, or the next session opens.
pub fn close_up(hours: &[Hours]) -> Vec<Session> {
    let session = |(index, hours_now): (usize, &Hours)| {
        let Hours { open_ns, end_ns, trading_day, .. } = *hours_now;
        let next_ns = hours.get(index + 1).map_or(i64::MAX, |next| next.open_ns);
        let mut session = match hours_now.phase {
            Phase::Continuous => Session::continuous(open_ns, end_ns, trading_day),
            Phase::Auction => {
                let is_followed = next_ns == end_ns;
                let until_ns = end_ns + hours_now.print_within_ns;
                // What the next session prints is not the auction's, unless it follows at once.
                let until_ns = if is_followed { until_ns } else { until_ns.min(next_ns) };
                Session::auction(open_ns, end_ns, until_ns, is_followed, trading_day)
            }
        };
        session.frozen_from_ns = if hours_now.frozen_ns == 0 {
            session.frozen_from_ns
        } else {
            (end_ns - hours_now.frozen_ns).max(open_ns)
        };
        session
    };
    hours.iter().enumerate().map(session).collect()
}

/// Whether a session is of the night: it opens on an earlier date than its trading day's.
///
/// # Errors
/// It lies beyond the years that fit.
pub fn is_night(zone: &TimeZone, session: &Session) -> Result<bool, String> {
    Ok(day_number(local_date(zone, session.open_ns)?) != session.trading_day)
}

/// The day of an instant on a clock.
///
/// # Errors
/// The instant lies beyond the years that fit.
pub fn local_date(zone: &TimeZone, ns: i64) -> Result<Date, String> {
    let at = Timestamp::from_nanosecond(i128::from(ns)).map_err(|error| error.to_string())?;
    Ok(zone.to_datetime(at).date())
}

/// The instant of a clock time, seconds after midnight of a day.
///
/// # Errors
/// It lies beyond the years that fit.
pub fn local_ns(zone: &TimeZone, day: Date, seconds: i64) -> Result<i64, String> {
    let at = day.at(0, 0, 0, 0).checked_add(SignedDuration::from_secs(seconds));
    let at = at.map_err(|error| error.to_string())?;
    let at = zone.to_ambiguous_timestamp(at).compatible().map_err(|error| error.to_string())?;
    scalar::instant_ns(at).ok_or_else(|| format!("{day} lies beyond the years that fit"))
}

/// A date as the decimal number yyyymmdd.
pub fn day_number(day: Date) -> u32 {
    let year = u32::from(day.year().unsigned_abs());
    year * 10_000
        + u32::from(day.month().unsigned_abs()) * 100
        + u32::from(day.day().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(text: &str) -> i64 {
        scalar::instant_ns(text.parse().unwrap()).unwrap()
    }

    fn between(from: &str, to: &str) -> Span {
        Span { from_ns: ns(from), to_ns: ns(to), trading_days: None, part: DayPart::All }
    }

    fn found(rule: &SessionRule, span: &Span) -> Vec<Session> {
        resolve(rule, span).unwrap().0
    }

    fn window(open_s: i64, close_s: i64, trading_day_next: bool) -> Window {
        Window {
            open_s,
            close_s,
            trading_day_next,
            phase: Phase::Continuous,
            frozen_ns: 0,
            print_within_ns: 0,
        }
    }

    /// A day, and a night that belongs to the next one.
    fn taipei() -> SessionRule {
        let day = window(hm(8, 45), hm(13, 45), false);
        let night = window(hm(15, 0), hm(29, 0), true);
        SessionRule {
            time_zone: "Asia/Taipei".into(),
            windows: vec![day, night],
            ..SessionRule::always()
        }
    }

    #[test]
    fn a_friday_night_belongs_to_monday() {
        let rule = taipei();
        let found =
            found(&rule, &between("2026-04-10T00:00:00+08:00", "2026-04-11T00:00:00+08:00"));
        let days: Vec<u32> = found.iter().map(|s| s.trading_day).collect();
        assert_eq!(days, [20260409, 20260410, 20260410, 20260413]);
        assert_eq!(found[3].open_ns, ns("2026-04-10T15:00:00+08:00"));
        assert_eq!(found[3].close_ns, ns("2026-04-11T05:00:00+08:00"));
    }

    #[test]
    fn holidays_have_no_session_and_push_the_night_on() {
        let mut rule = taipei();
        rule.days.holidays.insert(Date::constant(2026, 4, 13));
        let span = between("2026-04-10T16:00:00+08:00", "2026-04-10T17:00:00+08:00");
        assert_eq!(found(&rule, &span).last().unwrap().trading_day, 20260414);
        rule.days.extra_days.insert(Date::constant(2026, 4, 11)); // a working Saturday
        let found = found(&rule, &span);
        let open = |day: u32| found.iter().filter(|s| s.trading_day == day).count();
        assert_eq!((open(20260411), open(20260414)), (2, 1));
    }

    #[test]
    fn empty_spans_are_refused() {
        let mut rule = taipei();
        rule.days.holidays.extend([20, 21, 22].map(|d| Date::constant(2026, 4, d)));
        let none = resolve(&rule, &between("2026-04-21T00:00:00Z", "2026-04-21T01:00:00Z"));
        assert!(none.unwrap_err().contains("no session opens"));
    }

    #[test]
    fn a_trading_day_is_its_sessions_and_the_night_before_it() {
        let mut rule = taipei();
        rule.days.holidays.insert(Date::constant(2026, 4, 13));
        let days =
            |first, last| Some((Date::constant(2026, 4, first), Date::constant(2026, 4, last)));
        // Monday is a holiday: Friday's night belongs to Tuesday.
        let mut span = between("2026-04-14T00:00:00Z", "2026-04-15T00:00:00Z");
        span.trading_days = days(14, 14);
        let (sessions, taken) = resolve(&rule, &span).unwrap();
        let opens: Vec<i64> = sessions.iter().map(|session| session.open_ns).collect();
        let (night, day) = (ns("2026-04-10T15:00:00+08:00"), ns("2026-04-14T08:45:00+08:00"));
        let close = ns("2026-04-14T13:45:00+08:00");
        assert_eq!(opens, [night, day]);
        assert_eq!(taken, Taken { span_ns: Some((night, close)), gaps_ns: vec![] });
        for (part, left) in [(DayPart::Day, 0), (DayPart::Night, 1)] {
            span.part = part;
            let (one, taken) = resolve(&rule, &span).unwrap();
            assert_eq!(one, [sessions[1 - left]]);
            assert_eq!(taken.span_ns, Some((one[0].open_ns, one[0].close_ns)));
        }
        span = Span { trading_days: days(14, 15), part: DayPart::Day, ..span };
        let (two, taken) = resolve(&rule, &span).unwrap();
        let night = (ns("2026-04-14T15:00:00+08:00"), ns("2026-04-15T05:00:00+08:00"));
        assert_eq!((two.len(), two[0]), (2, sessions[1]));
        // The night before the first of them lies before the span.
        assert_eq!(taken.gaps_ns, [(i64::MIN, two[0].open_ns), (two[0].close_ns, two[1].open_ns)]);
        assert!(two[0].close_ns < night.0 && night.1 < two[1].open_ns);
        span.trading_days = days(11, 13);
        assert!(resolve(&rule, &span).unwrap_err().contains("no day session"));
        assert!(resolve(&SessionRule::always(), &span).unwrap_err().contains("never closes"));
    }

    #[test]
    fn an_auction_closes_at_its_match_only_where_the_next_session_opens_at_once() {
        let hours = |open_ns, end_ns, phase| Hours {
            open_ns,
            end_ns,
            trading_day: 20260408,
            phase,
            frozen_ns: 0,
            print_within_ns: 60,
        };
        let found = close_up(&[
            hours(0, 100, Phase::Auction),
            hours(100, 200, Phase::Continuous),
            Hours { frozen_ns: 20, ..hours(200, 300, Phase::Auction) },
            hours(340, 400, Phase::Auction),
        ]);
        let ends: Vec<_> =
            found.iter().map(|s| (s.match_ns, s.print_until_ns, s.close_ns)).collect();
        assert_eq!(ends, [(100, 160, 100), (200, 200, 200), (300, 340, 340), (400, 460, 460)]);
        assert_eq!(found[0].frozen_from_ns, 100);
        assert_eq!(found[2].frozen_from_ns, 280);
    }

    #[test]
    fn sessions_are_sorted_and_disjoint_over_a_clock_change() {
        let rule = SessionRule {
            time_zone: "America/New_York".into(),
            windows: vec![window(hm(9, 30), hm(16, 0), false)],
            ..SessionRule::always()
        };
        let found = found(&rule, &between("2026-03-05T00:00:00Z", "2026-03-12T00:00:00Z"));
        assert!(found.windows(2).all(|p| p[0].close_ns <= p[1].open_ns));
        assert_eq!(found[0].open_ns, ns("2026-03-03T14:30:00Z"));
        assert_eq!(found.last().unwrap().open_ns, ns("2026-03-12T13:30:00Z"));
    }
}
