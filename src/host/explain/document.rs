//! The life of an order as one JSON document.
//!
//! Invariants: keys are sorted and stable; times are RFC 3339 texts in UTC and ns since the order's arrival; prices are exact
//! decimal texts; queues are lots to three decimals, `null` where they are not known. Arrays of three are objects by
//! estimate.

use super::{Life, prose, screen};
use crate::config::effective::sorted;
use crate::config::scalar::instant_text;
use btcore::exchange::{Estimate, LOT};
use btcore::wire::{
    AHEAD_UNKNOWN, Displayed, Event, Evidence, Place, TraceRow, TraceWhat, UNDEF_TIME, kind,
};
use serde_json::{Map, Value, json};

/// Version of the document.
pub const VERSION: u32 = 1;

/// The document.
pub fn document(life: &Life) -> Value {
    let order = &life.order;
    let (price, qty) = screen::sent(life);
    let arrival_ns = screen::arrival_ns(life);
    let instant = |ns: i64| (ns != UNDEF_TIME).then(|| instant_text(ns));
    sorted(&json!({
        "format": "btcore-explain",
        "version": VERSION,
        "run_id": life.run_id,
        "order_digest": life.digest,
        "warning": life.warning,
        "lane": life.lane,
        "order": {
            "order_id": order.order_id,
            "strategy": life.strategy,
            "symbol": life.symbol,
            "side": prose::side(order.side),
            "terms": prose::terms(life),
            "price": prose::price(price),
            "qty": qty,
            "sent": instant(order.ts_submit_ns),
            "arrived": instant(order.ts_accept_ns),
            "ended": instant(order.ts_end_ns),
            "end": format!("{:?}", order.end).to_lowercase(),
            "reason": order.reason.name(),
            "filled_qty": order.filled_qty,
        },
        "fills_in": Estimate::ALL[life.fills_in].name(),
        "beliefs": life.beliefs,
        "time_zone": life.zone_name,
        "events": life.rows.iter().map(|row| event(life, row, arrival_ns)).collect::<Vec<_>>(),
        "events_idle": life.idle,
        "estimates": life.queue.map(|queue| {
            let first = queue.ts_first_ns.map(instant);
            let ahead = queue.ahead_qty.map(|qty| (qty != u32::MAX).then_some(qty));
            by_estimate(|world| json!({
                "filled_qty": queue.filled_qty[world],
                "ts_first": first[world],
                "ahead_qty": ahead[world],
            }))
        }),
    }))
}

fn by_estimate(read: impl Fn(usize) -> Value) -> Value {
    let entry = |estimate: &Estimate| (estimate.name().to_owned(), read(*estimate as usize));
    Value::Object(Estimate::ALL.iter().map(entry).collect::<Map<_, _>>())
}

fn event(life: &Life, row: &TraceRow, arrival_ns: i64) -> Value {
    let is_fill = row.lots != [0; 3];
    let evidence = prose::evidence(row.what).filter(|_| is_fill).map(Evidence::name);
    json!({
        "ts": instant_text(row.ts_ns),
        "after_arrival_ns": row.ts_ns - arrival_ns,
        "what": word(row.what),
        "text": prose::event(life, row),
        "price": prose::price(row.price),
        "qty": row.qty,
        "row": market(&row.event),
        "before": row.before.as_ref().map(place),
        "after": row.after.as_ref().map(place),
        "netted_qty": row.netted,
        "fills": by_estimate(|world| json!(row.lots[world])),
        "filled_qty": by_estimate(|world| json!(row.filled[world])),
        "evidence": evidence,
    })
}

fn place(place: &Place) -> Value {
    let shown = match place.displayed {
        Displayed::Unknown => Value::Null,
        Displayed::Empty => json!(0),
        Displayed::Lots(lots) => json!(lots),
    };
    json!({ "shown_qty": shown, "ahead": by_estimate(|world| ahead(place.ahead[world])) })
}

fn ahead(parts: i64) -> Value {
    if parts == AHEAD_UNKNOWN {
        return Value::Null;
    }
    json!((parts as f64 / LOT as f64 * 1_000.0).round() / 1_000.0)
}

/// The market row that did it.
fn market(event: &Event) -> Value {
    match event.kind {
        0 => Value::Null,
        kind::TRADE => json!({
            "trade_price": prose::price(event.trade_price),
            "trade_qty": event.trade_qty,
            "aggressor": event.aggressor,
        }),
        kind::BOOK => json!({
            "bid_price": prose::price(event.bid_price),
            "bid_qty": event.bid_qty,
            "ask_price": prose::price(event.ask_price),
            "ask_qty": event.ask_qty,
        }),
        _ => json!({}),
    }
}

/// A word for each kind of event; stable.
fn word(what: TraceWhat) -> &'static str {
    match what {
        TraceWhat::SentSubmit => "sent_submit",
        TraceWhat::SentAmend => "sent_amend",
        TraceWhat::SentCancel => "sent_cancel",
        TraceWhat::Answered(..) => "answered",
        TraceWhat::Taken => "taken",
        TraceWhat::Joined => "joined",
        TraceWhat::PrintAt => "print_at",
        TraceWhat::PrintThrough => "print_through",
        TraceWhat::Book => "book",
        TraceWhat::Crossed => "crossed",
        TraceWhat::Auction => "auction",
        TraceWhat::SightLost => "sight_lost",
        TraceWhat::Haunts => "followed_on",
        TraceWhat::Gone => "gone",
        TraceWhat::ToldReport(_) => "told_report",
        TraceWhat::ToldFill(_) => "told_fill",
    }
}
