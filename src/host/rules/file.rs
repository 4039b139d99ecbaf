//! A rules file: rows of dated data about venues and products, read as they stand.
//!
//! Invariants: every row says from when it holds and where it comes from; two rows of one name never overlap; a key that
//! nobody reads is a fault. What is kept as data and simulated nowhere is listed in [`DATA_ONLY`], key by key.
//! Units: prices, money and percentages 1e-6, times in seconds after midnight of the venue's clock.

use super::row::{
    BandRow, CostRow, LimitRow, OrderRow, ProductRow, ReferenceKind, Row, RowPhase, Rules,
    SessionRow, Source, Venue,
};
use crate::config::instrument::{above_zero, fee, read_ladder};
use crate::config::reader::{Cursor, Map};
use crate::config::session::clock;
use crate::config::tree::Place;
use btcore::wire::{OrderType, Tif};
use jiff::civil::Date;

/// Keys that are kept as data and simulated nowhere, by kind of row.
pub const DATA_ONLY: [(&str, &[&str]); 7] = [
    ("session", &["first", "every_s", "trial"]),
    ("product", &["exchange_code"]),
    ("order_rule", &["pre_open_tif", "points_pct_of_prev_index", "lot_shares", "amend"]),
    ("cost", &["min_order"]),
    (
        "interruption",
        &[
            "venues",
            "pct",
            "reference",
            "halt_s",
            "active_to",
            "cancel_pct",
            "window_s",
            "start",
            "name",
        ],
    ),
    ("throttle", &["name", "requests", "per_s"]),
    // The version of the format; checked, and then there is nothing to simulate.
    ("", &["schema"]),
];

/// The version of the format.
const SCHEMA: i64 = 1;

/// Reads a file's tree.
pub fn read(root: &Cursor<'_>) -> Option<Rules> {
    let map = root.map()?;
    if let Some(at) = map.need("schema") {
        at.int(SCHEMA..=SCHEMA);
    }
    let name = map.need("name").and_then(|at| at.name());
    let venues = map.need("venue").and_then(|at| read_venues(&at));
    let sessions = rows(&map, "session", read_session);
    let ladders = rows(&map, "ladder", |_, map| {
        Some((vec![name_of(map)?], map.need("steps").and_then(|at| read_ladder(&at))?))
    });
    let products = rows(&map, "product", read_product);
    // What cannot be read of the products is told already.
    let known: Option<Vec<&str>> = products
        .as_ref()
        .map(|rows| rows.iter().flat_map(|row| &row.keys).map(String::as_str).collect());
    let known = known.as_deref();
    let limits = rows(&map, "limit", |_, map| {
        let keys = map.need("products").and_then(|at| products_of(&at, known));
        let pct = map.get("pct").map_or(Some(None), |at| above_zero(&at, 6).map(Some));
        let reference = map.need("reference").and_then(|at| at.choice(&REFERENCES));
        Some((keys?, LimitRow { pct_e6: pct?, reference: reference? }))
    });
    let bands = rows(&map, "band", |_, map| read_band(map, known));
    let orders = rows(&map, "order_rule", read_order);
    let costs = rows(&map, "cost", |at, map| read_cost(at, map, known));
    // Kept as data: read, dated, and done with.
    for kind in ["interruption", "throttle"] {
        rows(&map, kind, |_, map| Some((vec![name_of(map)?], ())));
    }
    map.finish();
    Some(Rules {
        name: name?,
        venues: venues?,
        sessions: sessions?,
        ladders: ladders?,
        products: products?,
        limits: limits?,
        bands: bands?,
        orders: orders?,
        costs: costs?,
    })
}

/// Reads a list of rows; `read` gives the keys and the rule of one.
fn rows<T>(
    map: &Map<'_>,
    kind: &'static str,
    read: impl Fn(&Cursor<'_>, &Map<'_>) -> Option<(Vec<String>, T)>,
) -> Option<Vec<Row<T>>> {
    let Some(at) = map.get(kind) else { return Some(Vec::new()) };
    let mut rows: Vec<Row<T>> = Vec::new();
    let mut whole = true;
    for item in at.list()? {
        let Some(row) = read_row(&item, kind, &read) else {
            whole = false;
            continue;
        };
        let clash = rows.iter().find_map(|before| {
            let key = row.keys.iter().find(|key| before.keys.contains(key))?;
            before.overlaps(&row).then(|| (key.clone(), before.line))
        });
        if let Some((key, line)) = clash {
            item.fault(
                format!("two rows hold for `{key}` at once: this one, and that of line {line}"),
                "end the older one by `valid_to`",
            );
            whole = false;
        }
        rows.push(row);
    }
    whole.then_some(rows)
}

fn read_row<T>(
    item: &Cursor<'_>,
    kind: &'static str,
    read: &impl Fn(&Cursor<'_>, &Map<'_>) -> Option<(Vec<String>, T)>,
) -> Option<Row<T>> {
    let map = item.map()?;
    let body = read(item, &map);
    let from = map.need("valid_from").and_then(|at| match at.is_word("unknown") {
        true => Some(None),
        false => date(&at).map(Some),
    });
    let to = map.get("valid_to").map_or(Some(None), |at| date(&at).map(Some));
    let source = map.need("source").and_then(|at| {
        at.choice(&[
            ("read", Source::Read),
            ("known", Source::Known),
            ("check", Source::Check),
            ("chosen", Source::Chosen),
        ])
    });
    let note = map.get("note").map_or(Some(String::new()), |at| at.text().map(Into::into));
    for key in DATA_ONLY.iter().filter(|(name, _)| *name == kind).flat_map(|(_, keys)| *keys) {
        map.get(key);
    }
    map.finish();
    let line = match item.node.place {
        Place::File { line, .. } => line,
        Place::Set { .. } => 0,
    };
    let ((keys, rule), from, to) = (body?, from?, to?);
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        item.fault("`valid_to` lies before `valid_from`", "");
        return None;
    }
    Some(Row { kind, keys, line, from, to, source: source?, note: note?, rule })
}

fn read_venues(at: &Cursor<'_>) -> Option<Vec<Venue>> {
    let read = |item: &Cursor<'_>| {
        let map = item.map()?;
        let name = name_of(&map);
        let zone = map.need("time_zone");
        let zone = zone.and_then(|at| crate::config::session::time_zone_name(&at));
        let calendar = map.need("calendar").and_then(|at| at.name());
        map.finish();
        Some(Venue { name: name?, time_zone: zone?, calendar: calendar? })
    };
    at.list_some()?.iter().map(read).collect()
}

fn read_session(at: &Cursor<'_>, map: &Map<'_>) -> Option<(Vec<String>, SessionRow)> {
    let venues = map.need("venues").and_then(|at| words(&at));
    let name = name_of(map);
    let phase = map.need("phase").and_then(|at| {
        at.choice(&[
            ("auction", RowPhase::Auction),
            ("continuous", RowPhase::Continuous),
            ("periodic", RowPhase::Periodic),
            ("fixed", RowPhase::Fixed),
        ])
    });
    let start = map.need("start").and_then(|at| clock(&at));
    let end = map.need("end").and_then(|at| clock(&at));
    let end_last = map.get("end_last_trading_day").map_or(Some(None), |at| clock(&at).map(Some));
    let next = map
        .get("trading_day")
        .map_or(Some(false), |at| at.choice(&[("same", false), ("next", true)]));
    let flag = |key| map.get(key).map_or(Some(false), |at| at.boolean());
    let skips_last = flag("skip_last_trading_day");
    let seconds = |key| map.get(key).map_or(Some(0), |at| at.int(0..=3_600));
    let (freeze, print) = (seconds("freeze_cancel_s"), seconds("print_within_s"));
    let (start_s, end_s, name) = (start?, end?, name?);
    if start_s >= end_s || end_last?.is_some_and(|end| start_s >= end) {
        at.fault("the session ends before it begins", "\"05:00:00+1\" is on the next day");
        return None;
    }
    let rule = SessionRow {
        phase: phase?,
        start_s,
        end_s,
        end_last_s: end_last?,
        is_next_day: next?,
        skips_last: skips_last?,
        freeze_s: freeze?,
        print_within_s: print?,
    };
    Some((venues?.into_iter().map(|venue| format!("{venue} {name}")).collect(), rule))
}

fn read_product(at: &Cursor<'_>, map: &Map<'_>) -> Option<(Vec<String>, ProductRow)> {
    let name = name_of(map);
    let venues = map.need("venues").and_then(|at| words(&at));
    let order_kind = map.need("order_kind").and_then(|at| at.name());
    let multiplier = map.need("multiplier").and_then(|at| above_zero(&at, 6));
    let tick = map.get("tick").map_or(Some(None), |at| above_zero(&at, 6).map(Some));
    let ladder = map.get("ladder").map_or(Some(None), |at| at.name().map(Some));
    let sessions = map.need("sessions").and_then(|at| words(&at));
    let expires = map
        .get("expires")
        .map_or(Some(false), |at| at.choice(&[("third_wednesday", true), ("never", false)]));
    let (tick, ladder) = (tick?, ladder?);
    if tick.is_some() == ladder.is_some() {
        at.fault("needs either `tick` or `ladder`", "");
        return None;
    }
    let rule = ProductRow {
        venues: venues?,
        order_kind: order_kind?,
        multiplier_e6: multiplier?,
        tick,
        ladder,
        sessions: sessions?,
        expires: expires?,
    };
    Some((vec![name?], rule))
}

fn read_band(map: &Map<'_>, known: Option<&[&str]>) -> Option<(Vec<String>, BandRow)> {
    let products = map.need("products").and_then(|at| products_of(&at, known));
    let months = map.get("months").map_or(Some(None), |at| at.int(1..=12).map(Some))?;
    // 1e-4 of a percent is a part per million.
    let ppm = map.need("pct").and_then(|at| above_zero(&at, 4));
    let near = months.map_or(String::new(), |months| format!(", nearest {months} months"));
    let keys = products?.into_iter().map(|product| format!("{product}{near}")).collect();
    let months = months.and_then(|months| u32::try_from(months).ok());
    Some((keys, BandRow { months, ppm: u32::try_from(ppm?).ok()? }))
}

fn read_order(_: &Cursor<'_>, map: &Map<'_>) -> Option<(Vec<String>, OrderRow)> {
    let venues = map.need("venues").and_then(|at| words(&at));
    let kinds = map.need("order_kinds").and_then(|at| words(&at));
    let order_type = map.need("type").and_then(|at| at.choice(&ORDER_TYPES));
    let tifs = map.need("tif").and_then(|at| tifs(&at));
    let tifs_auction = map.get("auction_tif").map_or(Some(0), |at| tifs_of(&at));
    let lots = |at: &Cursor<'_>| u32::try_from(at.int(1..=i64::from(u32::MAX))?).ok();
    let lots_max = map.need("max_lots").and_then(|at| lots(&at))?;
    let lots_max_night = map.get("max_lots_night").map_or(Some(lots_max), |at| lots(&at));
    let order_type = order_type?;
    let word = ORDER_TYPES[order_type as usize - 1].0;
    let (venues, kinds) = (venues?, kinds?);
    let keys = venues
        .iter()
        .flat_map(|venue| kinds.iter().map(move |kind| format!("{venue} {kind} {word}")))
        .collect();
    let rule = OrderRow {
        order_type,
        tifs: tifs?,
        tifs_auction: tifs_auction?,
        lots_max,
        lots_max_night: lots_max_night?,
    };
    Some((keys, rule))
}

/// What a percentage of limits is taken of, by name.
const REFERENCES: [(&str, ReferenceKind); 3] = [
    ("regular_settlement", ReferenceKind::Given),
    ("opening_reference", ReferenceKind::Given),
    ("underlying_close", ReferenceKind::Other),
];

/// Order types by name, in the order of their numbers.
pub const ORDER_TYPES: [(&str, OrderType); 3] = [
    ("limit", OrderType::Limit),
    ("market", OrderType::Market),
    ("market_protected", OrderType::MarketProtected),
];

fn tifs(at: &Cursor<'_>) -> Option<u8> {
    tifs_of(at).filter(|bits| {
        let any = *bits != 0;
        if !any {
            at.fault("the list is empty", "a type that is not offered has no row");
        }
        any
    })
}

fn tifs_of(at: &Cursor<'_>) -> Option<u8> {
    let words = [("ROD", Tif::Rod), ("GTC", Tif::Gtc), ("IOC", Tif::Ioc), ("FOK", Tif::Fok)];
    let read = |item: &Cursor<'_>| item.choice(&words).map(|tif| 1 << tif as u8);
    at.list()?.iter().map(read).try_fold(0, |bits, bit| Some(bits | bit?))
}

fn read_cost(
    at: &Cursor<'_>,
    map: &Map<'_>,
    known: Option<&[&str]>,
) -> Option<(Vec<String>, CostRow)> {
    let products = map.need("products").and_then(|at| match map.get("simulated") {
        Some(flag) if flag.is_word("false") => words(&at),
        _ => products_of(&at, known),
    });
    let fee = fee(at, map);
    let is_negotiable = map.get("negotiable").map_or(Some(false), |at| at.boolean());
    let is_simulated = map.get("simulated").map_or(Some(true), |at| at.boolean());
    let fee = fee?;
    let keys = products?.into_iter().map(|product| format!("{product} {}", fee.name)).collect();
    Some((keys, CostRow { fee, is_negotiable: is_negotiable?, is_simulated: is_simulated? }))
}

fn name_of(map: &Map<'_>) -> Option<String> {
    map.need("name").and_then(|at| at.name())
}

/// A list of words, at least one.
fn words(at: &Cursor<'_>) -> Option<Vec<String>> {
    at.list_some()?.iter().map(|item| item.name()).collect()
}

/// A list of products, each of which has rows where those are known.
fn products_of(at: &Cursor<'_>, known: Option<&[&str]>) -> Option<Vec<String>> {
    let Some(known) = known else { return words(at) };
    let read = |item: &Cursor<'_>| {
        let choices: Vec<(&str, &str)> = known.iter().map(|name| (*name, *name)).collect();
        item.choice(&choices).map(str::to_owned)
    };
    at.list_some()?.iter().map(read).collect()
}

/// A day.
pub fn date(at: &Cursor<'_>) -> Option<Date> {
    let text = at.text()?;
    at.take(text.parse().map_err(|_| format!("`{text}` is not a date such as 2026-04-08")))
}
