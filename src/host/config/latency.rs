//! Latency of a lane: a model for each leg, the recorded clock for the feed, the broker's throttle.
//!
//! Invariants: every leg is stated, here or in the profile that is named, so none is zero by accident; a key beside
//! `profile` takes the place of the profile's. Units: durations in ns, quantiles in millionths.

use super::reader::{Cursor, Figure, Map, tagged};
use super::scalar::decimal_text;
use super::session::clock;
use crate::stamps::{self, Action, Stamps};
use btcore::latency::{Excess, FeedLeg, Leg, Legs, Quantile, ThrottleConfig};
use btcore::wire::limits::LATENCY_NS_MAX;
use serde_json::{Map as Object, Value, json};
use std::path::Path;

/// Half a day: the largest offset of local time.
const OFFSET_NS_MAX: i64 = 14 * 3_600_000_000_000;

/// The keys that are there, each with its value unless that has a fault; the others may come from a profile.
#[derive(Default)]
struct Parts {
    feed: Option<Option<FeedLeg>>,
    submit: Option<Option<Leg>>,
    amend: Option<Option<Leg>>,
    cancel: Option<Option<Leg>>,
    response: Option<Option<Leg>>,
    throttle: Option<Option<ThrottleConfig>>,
}

/// Reads the legs of a lane; `base` is the directory of the config.
pub fn read(at: &Cursor<'_>, base: &Path) -> Option<Legs> {
    let map = at.map()?;
    let profile = match map.get("profile") {
        Some(at) => read_profile(&at, base),
        None => Some(Parts::default()),
    };
    let own = read_parts(&map, base);
    // Of a profile with a fault nobody knows what it lacks.
    let is_known = profile.is_some();
    let profile = profile.unwrap_or_default();
    fn either<T>(
        own: Option<Option<T>>,
        profile: Option<Option<T>>,
        missing: impl FnOnce(),
    ) -> Option<T> {
        let there = own.or(profile);
        if there.is_none() {
            missing();
        }
        there.flatten()
    }
    let need = |name: &'static str| {
        if is_known {
            map.need(name);
        }
    };
    let feed = either(own.feed, profile.feed, || need("feed"));
    let submit = either(own.submit, profile.submit, || need("submit"));
    let amend = either(own.amend, profile.amend, || need("amend"));
    let cancel = either(own.cancel, profile.cancel, || need("cancel"));
    let response = either(own.response, profile.response, || need("response"));
    let throttle = own.throttle.or(profile.throttle).map_or(Some(None), |read| read.map(Some));
    map.finish();
    let legs = Legs {
        feed: feed?,
        submit: submit?,
        amend: amend?,
        cancel: cancel?,
        response: response?,
        throttle: throttle?,
    };
    if let Some(fault) = legs.fault() {
        at.fault(fault, "");
        return None;
    }
    Some(legs)
}

fn read_profile(at: &Cursor<'_>, base: &Path) -> Option<Parts> {
    let file = at.file(base)?;
    let path = base.join(at.text()?);
    let map = Cursor::root(&file, "", at.collector()).map()?;
    let parts = read_parts(&map, path.parent().unwrap_or(Path::new("")));
    map.finish();
    Some(parts)
}

fn read_parts(map: &Map<'_>, base: &Path) -> Parts {
    let leg = |name: &'static str, pick: Pick| {
        map.get(name).map(|at| read_leg(&at, base, Some(pick), true))
    };
    let entry = |action: Action| -> Pick {
        Box::new(move |row: &Stamps| {
            (row.action == action).then(|| (row.request_ns, row.entry_ns()))
        })
    };
    Parts {
        feed: map.get("feed").map(|at| read_feed(&at, base)),
        submit: leg("submit", entry(Action::Submit)),
        amend: leg("amend", entry(Action::Amend)),
        cancel: leg("cancel", entry(Action::Cancel)),
        response: leg("response", Box::new(|row| Some((row.exchange_ns, row.back_ns())))),
        throttle: map.get("throttle").map(|at| read_throttle(&at)),
    }
}

/// What a leg takes of a recorded row: when, and how long.
type Pick = Box<dyn Fn(&Stamps) -> Option<(i64, i64)>>;

fn duration(at: &Cursor<'_>) -> Option<i64> {
    at.duration(0..=LATENCY_NS_MAX)
}

fn need(map: &Map<'_>, key: &'static str) -> Option<i64> {
    map.need(key).and_then(|at| duration(&at))
}

fn read_feed(at: &Cursor<'_>, base: &Path) -> Option<FeedLeg> {
    if at.is_word("recorded") {
        return Some(FeedLeg::Recorded { skew_ns: 0, otherwise: None });
    }
    if let Some(at) = at.only_key("recorded") {
        let map = at.map()?;
        let skew =
            map.get("skew").map_or(Some(0), |at| at.duration(-LATENCY_NS_MAX..=LATENCY_NS_MAX));
        let otherwise = map
            .get("otherwise")
            .map_or(Some(None), |at| read_leg(&at, base, None, false).map(Some));
        map.finish();
        return Some(FeedLeg::Recorded { skew_ns: skew?, otherwise: otherwise? });
    }
    read_leg(at, base, None, true).map(FeedLeg::Drawn)
}

/// Reads a leg: a duration, or a model with its figures. `pick` is there where recorded stamps tell of this leg.
fn read_leg(at: &Cursor<'_>, base: &Path, pick: Option<Pick>, by_hour: bool) -> Option<Leg> {
    if at.is_scalar() {
        return duration(at).map(Leg::Constant);
    }
    let uniform = |at: &Cursor<'_>| {
        let map = at.map()?;
        let (min, max) = (need(&map, "min"), need(&map, "max"));
        map.finish();
        Some(Leg::Uniform { min_ns: min?, max_ns: max? })
    };
    let normal = |at: &Cursor<'_>| {
        let map = at.map()?;
        let [mean, sd, min, max] = ["mean", "sd", "min", "max"].map(|key| need(&map, key));
        map.finish();
        Some(Leg::Normal { mean_ns: mean?, sd_ns: sd?, min_ns: min?, max_ns: max? })
    };
    let lognormal = |at: &Cursor<'_>| {
        let map = at.map()?;
        let [floor, median, max] = ["floor", "median", "max"].map(|key| need(&map, key));
        let sigma = map.need("sigma").and_then(|at| at.decimal(6));
        map.finish();
        Some(Leg::LogNormal {
            floor_ns: floor?,
            median_ns: median?,
            sigma_e6: sigma?,
            max_ns: max?,
        })
    };
    let replay = |at: &Cursor<'_>| read_replay(at, base, pick.as_ref());
    let hours = |at: &Cursor<'_>| read_hours(at, base);
    let mut figures: Vec<(&'static str, Figure<'_, Leg>)> = vec![
        ("uniform", &uniform),
        ("normal", &normal),
        ("lognormal", &lognormal),
        ("quantiles", &read_quantiles),
    ];
    if pick.is_some() {
        figures.push(("replay", &replay));
    }
    if by_hour {
        figures.push(("time_of_day", &hours));
    }
    tagged(at, &[], &figures)
}

fn read_quantiles(at: &Cursor<'_>) -> Option<Leg> {
    let read = |at: &Cursor<'_>| match at.list()?.as_slice() {
        [percent, time] => {
            let (share, ns) = (percent.decimal(4), duration(time));
            let Some(ppm) = share.and_then(|share| u32::try_from(share).ok()) else {
                percent.fault("a quantile is a share of 0 to 100 percent", "");
                return None;
            };
            Some(Quantile { ppm, ns: ns? })
        }
        other => {
            let found = other.len();
            at.fault(format!("a quantile is [percent, time], found {found} values"), "");
            None
        }
    };
    let points: Vec<Option<Quantile>> = at.list_some()?.iter().map(read).collect();
    Some(Leg::Quantiles(points.into_iter().collect::<Option<_>>()?))
}

fn read_replay(at: &Cursor<'_>, base: &Path, pick: Option<&Pick>) -> Option<Leg> {
    let name = at.name()?;
    let rows = match stamps::read(&base.join(&name)) {
        Ok(rows) => rows,
        Err(error) => {
            at.fault(error.to_string(), "paths are relative to the file that holds them");
            return None;
        }
    };
    let mut pairs: Vec<(i64, i64)> = rows.iter().filter_map(|row| pick?(row)).collect();
    pairs.sort_unstable();
    pairs.dedup_by_key(|(ts_ns, _)| *ts_ns);
    if pairs.is_empty() {
        at.fault(format!("`{name}` holds no row of this leg"), "");
        return None;
    }
    Some(Leg::Replay(pairs))
}

fn read_hours(at: &Cursor<'_>, base: &Path) -> Option<Leg> {
    let map = at.map()?;
    let offset = map.need("utc_offset").and_then(|at| at.duration(-OFFSET_NS_MAX..=OFFSET_NS_MAX));
    let read = |at: &Cursor<'_>| match at.list()?.as_slice() {
        [time, leg] => {
            let (clock_s, leg) = (clock(time), read_leg(leg, base, None, false));
            Some((clock_s? * 1_000_000_000, leg?))
        }
        other => {
            at.fault(format!("expected [clock time, leg], found {} values", other.len()), "");
            None
        }
    };
    let legs = map.need("legs").and_then(|at| {
        let legs: Vec<Option<(i64, Leg)>> = at.list_some()?.iter().map(read).collect();
        legs.into_iter().collect::<Option<Vec<_>>>()
    });
    map.finish();
    Some(Leg::TimeOfDay { utc_offset_ns: offset?, legs: legs? })
}

fn read_throttle(at: &Cursor<'_>) -> Option<ThrottleConfig> {
    let map = at.map()?;
    let requests = map.need("requests").and_then(|at| at.int(1..=100_000));
    let per = map.need("per").and_then(|at| at.duration(1..=LATENCY_NS_MAX));
    let excess = map.need("excess");
    let excess =
        excess.and_then(|at| at.choice(&[("reject", Excess::Reject), ("wait", Excess::Wait)]));
    map.finish();
    Some(ThrottleConfig { requests: requests? as u32, per_ns: per?, excess: excess? })
}

/// The same with every value stated.
pub fn effective(legs: &Legs) -> Value {
    let feed = match &legs.feed {
        FeedLeg::Drawn(leg) => effective_leg(leg),
        FeedLeg::Recorded { skew_ns, otherwise } => json!({
            "recorded": { "skew_ns": skew_ns, "otherwise": otherwise.as_ref().map(effective_leg) },
        }),
    };
    let mut all = Object::new();
    all.insert("feed".into(), feed);
    for (name, leg) in [
        ("submit", &legs.submit),
        ("amend", &legs.amend),
        ("cancel", &legs.cancel),
        ("response", &legs.response),
    ] {
        all.insert(name.into(), effective_leg(leg));
    }
    if let Some(throttle) = &legs.throttle {
        let excess = if throttle.excess == Excess::Wait { "wait" } else { "reject" };
        let limit =
            json!({ "requests": throttle.requests, "per_ns": throttle.per_ns, "excess": excess });
        all.insert("throttle".into(), limit);
    }
    Value::Object(all)
}

fn effective_leg(leg: &Leg) -> Value {
    match leg {
        Leg::Constant(ns) => json!(ns),
        Leg::Uniform { min_ns, max_ns } => {
            json!({ "uniform": { "min_ns": min_ns, "max_ns": max_ns } })
        }
        Leg::Normal { mean_ns, sd_ns, min_ns, max_ns } => json!({
            "normal": { "mean_ns": mean_ns, "sd_ns": sd_ns, "min_ns": min_ns, "max_ns": max_ns },
        }),
        Leg::LogNormal { floor_ns, median_ns, sigma_e6, max_ns } => json!({
            "lognormal": {
                "floor_ns": floor_ns,
                "median_ns": median_ns,
                "sigma": decimal_text(i128::from(*sigma_e6), 6),
                "max_ns": max_ns,
            },
        }),
        Leg::Quantiles(points) => {
            let points = points.iter().map(|q| json!([q.ppm, q.ns])).collect::<Vec<_>>();
            json!({ "quantiles_ppm_ns": points })
        }
        Leg::Replay(pairs) => {
            let mut hasher = blake3::Hasher::new();
            for (ts_ns, ns) in pairs {
                hasher.update(&ts_ns.to_le_bytes());
                hasher.update(&ns.to_le_bytes());
            }
            let hash = hasher.finalize().to_hex().to_string();
            json!({ "replay": { "rows": pairs.len(), "blake3": hash } })
        }
        Leg::TimeOfDay { utc_offset_ns, legs } => {
            let legs = legs
                .iter()
                .map(|(from, leg)| json!([from, effective_leg(leg)]))
                .collect::<Vec<_>>();
            json!({ "time_of_day": { "utc_offset_ns": utc_offset_ns, "legs": legs } })
        }
    }
}
