//! The life of an order on one screen: what it was, what moved it, what each estimate made of it.
//!
//! Invariants: a long life shows its head, every fill with its surroundings and its tail, and says how much is left out;
//! with everything kept, all of it. The text is a function of the life.

use super::{Life, prose};
use crate::output::table::{aligned, count};
use btcore::exchange::Estimate;
use btcore::recorder::OrderEnd;
use btcore::wire::{OrderType, Reason, TraceRow, TraceWhat, UNDEF_TIME};
use std::fmt::Write;

/// Rows that a screen shows uncut.
const ROWS_MAX: usize = 60;
/// Rows of a cut one at the start, at the end, and around a fill.
const HEAD: usize = 24;
const TAIL: usize = 12;
const AROUND: usize = 3;

/// The screen. `all` shows every row that was kept.
pub fn screen(life: &Life, all: bool) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(text, "{}", head(life));
    text.push_str(&table(life, all));
    if life.idle > 0 {
        let idle = count(life.idle);
        let _ = writeln!(text, "{idle} more rows met it and changed nothing; --all shows them");
    }
    text.push('\n');
    text.push_str(&foot(life));
    text
}

/// When the order reached the exchange, or the strategy sent it, where it never did.
pub fn arrival_ns(life: &Life) -> i64 {
    let answered = life.rows.iter().find(|row| matches!(row.what, TraceWhat::Answered(..)));
    answered.map_or(life.order.ts_submit_ns, |row| row.ts_ns)
}

/// The order's terms when it was sent: price and quantity.
pub fn sent(life: &Life) -> (i64, u32) {
    let sent = life.rows.iter().find(|row| row.what == TraceWhat::SentSubmit);
    sent.map_or((life.order.price, life.order.qty), |row| (row.price, row.qty))
}

fn head(life: &Life) -> String {
    let order = &life.order;
    let (price, qty) = sent(life);
    let is_limit = order.order_type == OrderType::Limit as u8;
    let at = if is_limit { format!(" at {}", prose::price(price)) } else { String::new() };
    let arrival_ns = arrival_ns(life);
    let offset = |ns: i64| format!("{} ms", prose::offset_ms(ns - arrival_ns));
    let told = life.rows.iter().find(|row| matches!(row.what, TraceWhat::ToldReport(_)));
    let never = || "never: the run ended before".to_owned();
    let has_arrived = order.ts_accept_ns != UNDEF_TIME;
    let arrived = if has_arrived { "0".to_owned() } else { never() };
    let moment = |ns| prose::clock(life, ns, true, digits(&[ns]));
    let end = match order.end {
        OrderEnd::Open => "still open when the run ended".into(),
        OrderEnd::Filled => format!("filled {}", offset(order.ts_end_ns)),
        end => {
            let word = format!("{end:?}").to_lowercase();
            let why = if order.reason == Reason::None {
                String::new()
            } else {
                format!(" ({})", order.reason.name())
            };
            format!("{word}{why} {}", offset(order.ts_end_ns))
        }
    };
    format!(
        "order {}: {} {} of {}{at}, {}; strategy {}, lane {}\n  \
         sent     {} {}, {}\n  arrived  {arrived}\n  acked    {}\n  end      {end}, {} of {} filled\n",
        order.order_id,
        prose::side(order.side),
        prose::lots(qty),
        life.symbol,
        prose::terms(life),
        life.strategy,
        life.lane,
        moment(order.ts_submit_ns),
        life.zone_name,
        offset(order.ts_submit_ns),
        told.map_or_else(never, |row| offset(row.ts_ns)),
        order.filled_qty,
        order.qty,
    )
}

/// Digits of a second that the times need.
fn digits(times_ns: &[i64]) -> usize {
    let exact = |unit_ns: i64| times_ns.iter().all(|ns| ns % unit_ns == 0);
    if exact(1_000_000) { 3 } else { 6 + 3 * usize::from(!exact(1_000)) }
}

fn table(life: &Life, all: bool) -> String {
    let shown = if all { vec![true; life.rows.len()] } else { pick(&life.rows, life.fills_in) };
    let times: Vec<i64> = life.rows.iter().map(|row| row.ts_ns).collect();
    let day = |ns: i64| prose::clock(life, ns, true, 3)[..10].to_owned();
    let with_date = times.first().map(|ns| day(*ns)) != times.last().map(|ns| day(*ns));
    let (digits, arrival_ns) = (digits(&times), arrival_ns(life));
    let head = ["time", "ms", "shown", "pessimistic", "model", "optimistic", "event"];
    let mut lines: Vec<Vec<String>> = vec![head.map(Into::into).to_vec()];
    let mut gaps: Vec<(usize, u64)> = Vec::new();
    let mut skipped = 0;
    for (row, is_shown) in life.rows.iter().zip(shown) {
        if !is_shown {
            skipped += 1;
            continue;
        }
        if skipped > 0 {
            gaps.push((lines.len() + gaps.len(), skipped));
            skipped = 0;
        }
        let mut line = vec![
            prose::clock(life, row.ts_ns, with_date, digits),
            prose::offset_ms(row.ts_ns - arrival_ns),
            prose::change(row, |place| prose::displayed(place.displayed)),
        ];
        for world in 0..3 {
            line.push(prose::change(row, |place| prose::ahead(place.ahead[world])));
        }
        let mut words = vec![prose::event(life, row)];
        words.extend(prose::effect(life, row));
        line.push(words.join("; "));
        lines.push(line);
    }
    let body = aligned(&lines, true);
    let mut rows: Vec<String> = body.lines().map(Into::into).collect();
    for (at, skipped) in gaps {
        rows.insert(at, format!("... {} lines left out; --all shows them", count(skipped)));
    }
    let legend = "lots of others shown at its price, and ahead of it by each estimate; ? not known";
    format!("{legend}\n{}\n", rows.join("\n"))
}

/// Which rows of a long life to show.
fn pick(rows: &[TraceRow], fills_in: usize) -> Vec<bool> {
    let last = rows.len();
    if last <= ROWS_MAX {
        return vec![true; last];
    }
    let mut shown = vec![false; last];
    shown[..HEAD].fill(true);
    shown[last - TAIL..].fill(true);
    let mut first_in = [true; 3];
    for (index, row) in rows.iter().enumerate() {
        // Every fill of the order, and the first one of each other estimate.
        let mut is_fill = row.lots[fills_in] > 0;
        for (first, lots) in first_in.iter_mut().zip(row.lots) {
            is_fill |= *first && lots > 0;
            *first &= lots == 0;
        }
        if is_fill {
            shown[index.saturating_sub(AROUND)..(index + AROUND + 1).min(last)].fill(true);
        }
    }
    shown
}

fn foot(life: &Life) -> String {
    let mut text = String::new();
    let arrival_ns = arrival_ns(life);
    match &life.queue {
        None => text.push_str("it never rested, so it had no queue\n"),
        Some(queue) => {
            let head = ["estimate", "filled", "first fill, ms", "ahead at the end", ""];
            let mut lines = vec![head.map(String::from).to_vec()];
            let (_, qty) = sent(life);
            let qty = qty.max(life.order.qty);
            for estimate in Estimate::ALL {
                let world = estimate as usize;
                let first_ns = queue.ts_first_ns[world];
                let first = if first_ns == UNDEF_TIME {
                    "none".into()
                } else {
                    prose::offset_ms(first_ns - arrival_ns)
                };
                let ahead = queue.ahead_qty[world];
                lines.push(vec![
                    estimate.name().into(),
                    format!("{} of {qty}", queue.filled_qty[world]),
                    first,
                    if ahead == u32::MAX { "?".into() } else { ahead.to_string() },
                    if world == life.fills_in { "fills the order".into() } else { String::new() },
                ]);
            }
            text.push_str(&aligned(&lines, true));
        }
    }
    let plain = |value: &serde_json::Value| value.to_string().replace('"', "");
    let beliefs = &life.beliefs;
    let _ = writeln!(
        text,
        "model: join {}, advance {}, hindsight {}, netting {}, unseen {}; pessimistic: next_book, risk_averse; \
         optimistic: displayed, pro_rata",
        plain(&beliefs["queue"]["join"]),
        plain(&beliefs["queue"]["advance"]),
        plain(&beliefs["hindsight"]),
        plain(&beliefs["netting"]),
        plain(&beliefs["unseen"]),
    );
    let _ = writeln!(text, "the run of {}, made again: id {}", life.dir, life.run_id);
    let _ = writeln!(text, "config, data and order digest {} are the same", &life.digest);
    text
}
