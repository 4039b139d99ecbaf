//! Words of an order's life: times on the venue's clock, prices, queues, and what each event was.
//!
//! Invariants: prices and times are exact; a queue is told to a tenth of a lot. Units: see [`btcore::wire`].

use super::Life;
use crate::config::scalar::decimal_text;
use btcore::exchange::{Estimate, LOT};
use btcore::wire::{
    AHEAD_UNKNOWN, Aggressor, Displayed, Evidence, Fill, OrderType, Place, Reason, Report,
    ReportKind, Side, Tif, TraceRow, TraceWhat, UNDEF_PRICE,
};
use jiff::Timestamp;

/// A price.
pub fn price(price: i64) -> String {
    if price == UNDEF_PRICE { "none".into() } else { decimal_text(i128::from(price), 6) }
}

/// Lots, with the word.
pub fn lots(qty: u32) -> String {
    format!("{qty} lot{}", if qty == 1 { "" } else { "s" })
}

/// A queue in 2^-20 lots.
pub fn ahead(parts: i64) -> String {
    let whole = parts / LOT;
    match parts {
        AHEAD_UNKNOWN => "?".into(),
        _ if parts % LOT == 0 => whole.to_string(),
        _ if parts < LOT / 10 => "<0.1".into(),
        _ => format!("{:.1}", parts as f64 / LOT as f64),
    }
}

/// What is displayed at a price.
pub fn displayed(displayed: Displayed) -> String {
    match displayed {
        Displayed::Unknown => "?".into(),
        Displayed::Empty => "0".into(),
        Displayed::Lots(lots) => lots.to_string(),
    }
}

/// A time since the order's arrival, in ms, exact.
pub fn offset_ms(ns: i64) -> String {
    let text = decimal_text(i128::from(ns), 6);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let sign = if ns < 0 { "" } else { "+" };
    format!("{sign}{whole}.{fraction:0<3}")
}

/// A time on the venue's clock, to `digits` of a second.
pub fn clock(life: &Life, ts_ns: i64, with_date: bool, digits: usize) -> String {
    let Ok(instant) = Timestamp::from_nanosecond(i128::from(ts_ns)) else {
        return format!("{ts_ns} ns");
    };
    let date = if with_date { "%Y-%m-%d " } else { "" };
    life.zone.to_datetime(instant).strftime(&format!("{date}%H:%M:%S%.{digits}f")).to_string()
}

/// Type and time in force.
pub fn terms(life: &Life) -> String {
    let order = &life.order;
    let kind = match OrderType::from_u8(order.order_type) {
        Some(OrderType::Limit) | None => "limit",
        Some(OrderType::Market) => "market",
        Some(OrderType::MarketProtected) => "market with protection",
    };
    let post_only = if order.post_only == 1 { ", post-only" } else { "" };
    format!("{kind}, {}{post_only}", tif(order.tif))
}

/// A time in force.
pub fn tif(value: u8) -> &'static str {
    match Tif::from_u8(value) {
        Some(Tif::Rod) => "ROD",
        Some(Tif::Gtc) => "GTC",
        Some(Tif::Ioc) => "IOC",
        Some(Tif::Fok) => "FOK",
        None => "?",
    }
}

/// A side, as a verb.
pub fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// A report's kind.
pub fn report_kind(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Accepted => "accepted",
        ReportKind::Rejected => "rejected",
        ReportKind::Amended => "amended",
        ReportKind::AmendRejected => "amend rejected",
        ReportKind::Cancelled => "cancelled",
        ReportKind::CancelRejected => "cancel rejected",
        ReportKind::Expired => "expired",
    }
}

fn report_kind_of(report: &Report) -> &'static str {
    use ReportKind::{
        Accepted, AmendRejected, Amended, CancelRejected, Cancelled, Expired, Rejected,
    };
    [Accepted, Rejected, Amended, AmendRejected, Cancelled, CancelRejected, Expired]
        .into_iter()
        .find(|kind| *kind as u8 == report.kind)
        .map_or("?", report_kind)
}

fn evidence_of(fill: &Fill) -> &'static str {
    use Evidence::{At, Auction, Crossed, Taken, Through};
    [Through, At, Crossed, Taken, Auction]
        .into_iter()
        .find(|evidence| *evidence as u8 == fill.evidence)
        .map_or("?", Evidence::name)
}

/// The evidence that a row's fill rests on.
pub fn evidence(what: TraceWhat) -> Option<Evidence> {
    match what {
        TraceWhat::Taken => Some(Evidence::Taken),
        TraceWhat::PrintAt => Some(Evidence::At),
        TraceWhat::PrintThrough => Some(Evidence::Through),
        TraceWhat::Crossed => Some(Evidence::Crossed),
        TraceWhat::Auction => Some(Evidence::Auction),
        _ => None,
    }
}

fn because(reason: Reason) -> String {
    if reason == Reason::None { String::new() } else { format!(", {}", reason.name()) }
}

/// What an event was, without what it did to the order.
pub fn event(life: &Life, row: &TraceRow) -> String {
    let at = price(row.price);
    let print = || {
        let who = match row.event.aggressor {
            a if a == Aggressor::Buy as i8 => ", a buyer took",
            a if a == Aggressor::Sell as i8 => ", a seller took",
            _ => "",
        };
        format!("print of {} at {}{who}", row.event.trade_qty, price(row.event.trade_price))
    };
    let book = || {
        let (bid, ask) = (price(row.event.bid_price), price(row.event.ask_price));
        format!("book {bid} x {ask}")
    };
    match row.what {
        TraceWhat::SentSubmit if life.order.order_type == OrderType::Limit as u8 => {
            format!("strategy sends: {} {} at {at}", side(life.order.side), row.qty)
        }
        TraceWhat::SentSubmit => {
            format!("strategy sends: {} {} at market", side(life.order.side), row.qty)
        }
        TraceWhat::SentAmend => format!("strategy asks for {} at {at}", row.qty),
        TraceWhat::SentCancel => "strategy asks to cancel".into(),
        TraceWhat::Answered(ReportKind::Amended, _) => {
            format!("exchange: amended to {} at {at}", row.qty)
        }
        TraceWhat::Answered(kind, reason) => {
            format!("exchange: {}{}", report_kind(kind), because(reason))
        }
        TraceWhat::Taken => "takes what is displayed".into(),
        TraceWhat::Joined => format!("joins the queue at {at}"),
        TraceWhat::PrintAt => print(),
        TraceWhat::PrintThrough => format!("{}, through its price", print()),
        TraceWhat::Book => book(),
        TraceWhat::Crossed => format!("{} crosses its price", book()),
        TraceWhat::Auction => format!("auction, {}", print()),
        TraceWhat::SightLost => "the venue clears its book".into(),
        TraceWhat::Haunts => "filled whole; the longer queues are followed on".into(),
        TraceWhat::Gone => "gone by every estimate".into(),
        TraceWhat::ToldReport(report) => {
            format!("strategy is told: {}{}", report_kind_of(&report), because(report.reason()))
        }
        TraceWhat::ToldFill(fill) => format!(
            "strategy is told: filled {} at {} ({}), {} open",
            fill.qty,
            price(fill.price),
            evidence_of(&fill),
            fill.leaves_qty
        ),
    }
}

/// What an event did to the order, beyond its queue.
pub fn effect(life: &Life, row: &TraceRow) -> Vec<String> {
    let mut effects = Vec::new();
    if row.netted > 0 {
        effects.push(match row.what {
            TraceWhat::PrintAt => format!("{} had left the queue before", row.netted),
            _ => format!("{} had printed before", row.netted),
        });
    }
    let name = evidence(row.what).map_or("", Evidence::name);
    let own = row.lots[life.fills_in];
    if own > 0 {
        effects.push(format!("FILLS {own} at {} by evidence `{name}`", price(row.price)));
    }
    let others: Vec<String> = Estimate::ALL
        .iter()
        .zip(row.lots)
        .filter(|(estimate, lots)| **estimate as usize != life.fills_in && *lots > 0)
        .map(|(estimate, lots)| format!("{} {lots}", estimate.name()))
        .collect();
    if !others.is_empty() && row.what != TraceWhat::Taken {
        let word = if own > 0 { "so would" } else { "would fill:" };
        effects.push(format!("{word} {}", others.join(", ")));
    }
    effects
}

/// `a -> b`, or one of them where they are the same; empty where the order was in no queue.
pub fn change(row: &TraceRow, read: impl Fn(&Place) -> String) -> String {
    match (row.before.as_ref().map(&read), row.after.as_ref().map(&read)) {
        (Some(before), Some(after)) if before != after => format!("{before} -> {after}"),
        (_, Some(after)) => after,
        (Some(before), None) => before,
        (None, None) => String::new(),
    }
}
