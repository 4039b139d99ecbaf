//! Sessions: from the venue's own clock to sorted, disjoint intervals in UTC.
//!
//! Invariants: the core knows no time zones, so everything local ends here. Sessions open on Monday to Friday
//! except on the holidays that the config lists; a session marked `trading_day: next` belongs to the next such
//! day (a Friday night belongs to Monday). Not modelled: a contract's last trading day, working Saturdays.
//! A list that comes out empty would mean "always open" to the core, so it is an error here.

use super::reader::{Cursor, Map};
use super::scalar;
use btcore::wire::Session;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::collections::BTreeSet;

/// One window of a day, on the venue's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Opening, seconds after midnight of the day.
    pub open_s: i64,
    /// Close, seconds after midnight of the day; beyond 86,400 on the next one.
    pub close_s: i64,
    /// Whether it belongs to the next trading day.
    pub trading_day_next: bool,
}

/// The session rule of an instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRule {
    /// IANA name of the venue's clock.
    pub time_zone: String,
    /// Windows; none means always open.
    pub windows: Vec<Window>,
    /// Days without a session.
    pub holidays: BTreeSet<Date>,
    /// First day that the rule is known to hold for.
    pub valid_from: Option<Date>,
}

impl SessionRule {
    /// The rule of an instrument that never closes.
    pub fn always() -> Self {
        SessionRule {
            time_zone: "UTC".into(),
            windows: Vec::new(),
            holidays: BTreeSet::new(),
            valid_from: None,
        }
    }
}

const fn hm(hour: i64, minute: i64) -> i64 {
    (hour * 60 + minute) * 60
}

/// Names of the presets.
pub const PRESETS: [&str; 3] = ["always", "taifex_index", "twse"];

/// A preset: continuous trading only, as in force today.
fn preset(name: &str) -> Option<SessionRule> {
    let day = |open_s, close_s| Window { open_s, close_s, trading_day_next: false };
    let (windows, valid_from) = match name {
        "always" => return Some(SessionRule::always()),
        "taifex_index" => {
            let night = Window { open_s: hm(15, 0), close_s: hm(29, 0), trading_day_next: true };
            (vec![day(hm(8, 45), hm(13, 45)), night], Date::constant(2018, 11, 13))
        }
        // The closing call from 13:25 is an auction; the engine trades continuously only.
        "twse" => (vec![day(hm(9, 0), hm(13, 25))], Date::constant(2020, 3, 23)),
        _ => return None,
    };
    Some(SessionRule {
        time_zone: "Asia/Taipei".into(),
        windows,
        holidays: BTreeSet::new(),
        valid_from: Some(valid_from),
    })
}

/// Reads `sessions`: a preset's name, or a map.
pub fn read(at: &Cursor<'_>) -> Option<SessionRule> {
    if let super::tree::Value::Scalar { .. } = at.node.value {
        return read_preset(at);
    }
    let map = at.map()?;
    let named = map.get("preset");
    let zone = map.get("time_zone");
    let list = map.get("list");
    let holidays = map.get("holidays").map_or(Some(BTreeSet::new()), |at| read_holidays(&at));
    let rule = match (named, list) {
        (Some(named), None) => {
            if let Some(zone) = zone {
                zone.fault("a preset brings its own time zone", "remove this line");
            }
            read_preset(&named)
        }
        (None, Some(list)) => read_windows(&map, zone.as_ref(), &list),
        (Some(_), Some(list)) => {
            list.fault("`preset` and `list` exclude each other", "keep one of them");
            None
        }
        (None, None) => {
            map.fault("needs a `list` of windows, or a `preset`", "");
            None
        }
    };
    map.finish();
    Some(SessionRule { holidays: holidays?, ..rule? })
}

fn read_preset(at: &Cursor<'_>) -> Option<SessionRule> {
    let choices: Vec<(&str, &str)> = PRESETS.iter().map(|name| (*name, *name)).collect();
    preset(at.choice(&choices)?)
}

fn read_holidays(at: &Cursor<'_>) -> Option<BTreeSet<Date>> {
    let days = at.list()?;
    let read = |day: &Cursor<'_>| {
        let text = day.text()?;
        day.take(
            text.parse::<Date>().map_err(|_| format!("`{text}` is not a date such as 2026-04-08")),
        )
    };
    days.iter().map(read).collect()
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
    Some(SessionRule {
        time_zone: time_zone?,
        windows,
        holidays: BTreeSet::new(),
        valid_from: None,
    })
}

fn read_window(at: &Cursor<'_>) -> Option<Window> {
    let map = at.map()?;
    let open = map.need("open").and_then(|at| clock(&at));
    let close_at = map.need("close");
    let close = close_at.as_ref().and_then(clock);
    let next = map
        .get("trading_day")
        .map_or(Some(false), |at| at.choice(&[("same", false), ("next", true)]));
    map.finish();
    let (open_s, close_s) = (open?, close?);
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
    Some(Window { open_s, close_s, trading_day_next: next? })
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

/// The sessions that touch `[from_ns, to_ns)`, with one day more on both sides.
///
/// # Errors
/// A sentence that names the day or the rule that does not fit.
pub fn resolve(rule: &SessionRule, from_ns: i64, to_ns: i64) -> Result<Vec<Session>, String> {
    if rule.windows.is_empty() {
        return Ok(Vec::new());
    }
    let zone = TimeZone::get(&rule.time_zone).map_err(|error| error.to_string())?;
    let local = |ns: i64| -> Result<Date, String> {
        let at = Timestamp::from_nanosecond(i128::from(ns)).map_err(|error| error.to_string())?;
        Ok(zone.to_datetime(at).date())
    };
    let (first, last) = (local(from_ns)?, local(to_ns)?);
    if let Some(valid_from) = rule.valid_from.filter(|valid_from| first < *valid_from) {
        return Err(format!(
            "these sessions are known from {valid_from} on; no rule covers {first}"
        ));
    }
    let shift =
        |day: Date, days: i64| day.checked_add(days.days()).map_err(|error| error.to_string());
    let (mut day, end) = (shift(first, -1)?, shift(last, 1)?);
    let mut sessions = Vec::new();
    while day <= end {
        if is_open(rule, day) {
            for window in &rule.windows {
                sessions.push(session(rule, &zone, day, window)?);
            }
        }
        day = shift(day, 1)?;
    }
    sessions.sort_by_key(|session| session.open_ns);
    if let Some(pair) = sessions.windows(2).find(|pair| pair[0].close_ns > pair[1].open_ns) {
        let at = scalar::instant_text(pair[1].open_ns);
        return Err(format!("two sessions overlap at {at}"));
    }
    if sessions.is_empty() {
        return Err(format!("no session opens between {first} and {last}"));
    }
    Ok(sessions)
}

fn session(
    rule: &SessionRule,
    zone: &TimeZone,
    day: Date,
    window: &Window,
) -> Result<Session, String> {
    let instant = |seconds: i64| -> Result<i64, String> {
        let midnight = day.at(0, 0, 0, 0);
        let at =
            midnight.checked_add(SignedDuration::from_secs(seconds)).map_err(|e| e.to_string())?;
        let at = zone.to_ambiguous_timestamp(at).compatible().map_err(|e| e.to_string())?;
        scalar::instant_ns(at).ok_or_else(|| format!("{day} lies beyond the years that fit"))
    };
    let mut trading_day = day;
    if window.trading_day_next {
        loop {
            trading_day = trading_day.tomorrow().map_err(|error| error.to_string())?;
            if is_open(rule, trading_day) {
                break;
            }
        }
    }
    Ok(Session::continuous(
        instant(window.open_s)?,
        instant(window.close_s)?,
        day_number(trading_day),
    ))
}

fn is_open(rule: &SessionRule, day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !rule.holidays.contains(&day)
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

    #[test]
    fn a_friday_night_belongs_to_monday() {
        let rule = preset("taifex_index").unwrap();
        let found =
            resolve(&rule, ns("2026-04-10T00:00:00+08:00"), ns("2026-04-11T00:00:00+08:00"))
                .unwrap();
        let days: Vec<u32> = found.iter().map(|s| s.trading_day).collect();
        assert_eq!(days, [20260409, 20260410, 20260410, 20260413]);
        assert_eq!(found[3].open_ns, ns("2026-04-10T15:00:00+08:00"));
        assert_eq!(found[3].close_ns, ns("2026-04-11T05:00:00+08:00"));
    }

    #[test]
    fn holidays_have_no_session_and_push_the_night_on() {
        let mut rule = preset("taifex_index").unwrap();
        rule.holidays.insert(Date::constant(2026, 4, 13));
        let found =
            resolve(&rule, ns("2026-04-10T16:00:00+08:00"), ns("2026-04-10T17:00:00+08:00"))
                .unwrap();
        assert_eq!(found.last().unwrap().trading_day, 20260414);
    }

    #[test]
    fn days_before_the_rule_and_empty_spans_are_refused() {
        let rule = preset("twse").unwrap();
        let early = resolve(&rule, ns("2020-01-02T00:00:00Z"), ns("2020-01-03T00:00:00Z"));
        assert!(early.unwrap_err().contains("no rule covers 2020-01-02"));
        let mut rule = preset("twse").unwrap();
        rule.holidays.extend([20, 21, 22].map(|d| Date::constant(2026, 4, d)));
        let none = resolve(&rule, ns("2026-04-21T00:00:00Z"), ns("2026-04-21T01:00:00Z"));
        assert!(none.unwrap_err().contains("no session opens"));
    }

    #[test]
    fn sessions_are_sorted_and_disjoint_over_a_clock_change() {
        let rule = SessionRule {
            time_zone: "America/New_York".into(),
            windows: vec![Window {
                open_s: hm(9, 30),
                close_s: hm(16, 0),
                trading_day_next: false,
            }],
            ..SessionRule::always()
        };
        let found = resolve(&rule, ns("2026-03-05T00:00:00Z"), ns("2026-03-12T00:00:00Z")).unwrap();
        assert!(found.windows(2).all(|p| p[0].close_ns <= p[1].open_ns));
        assert_eq!(found[0].open_ns, ns("2026-03-03T14:30:00Z"));
        assert_eq!(found.last().unwrap().open_ns, ns("2026-03-12T13:30:00Z"));
    }
}
