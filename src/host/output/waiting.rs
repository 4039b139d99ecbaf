//! Orders and fills of a lane that wait for their marks, on the way from the recorder to the tables.
//!
//! An order is marked as it is sent, and its row comes when it has ended, maybe days later: its marks are kept by its id until
//! then. A fill waits for the last of its horizons, at most 300 s or to the end of its session, and those behind it wait with it,
//! so rows leave in the order in which they came. Invariants: what a row is given depends on the marks alone, not on when it came or
//! left. Memory: some 50 bytes for each order alive and 300 for each fill of the last 300 s, however long the run is; nothing caps
//! the rate of fills.

use super::OutputError;
use super::marks::{HORIZONS, Marks, MidX2};
use btcore::account::money;
use btcore::feed::session_at;
use btcore::recorder::{FillRow, OrderRow, SentRow};
use btcore::wire::{Evidence, Fill, Instrument, Side, UNDEF_TIME};
use std::collections::{HashMap, VecDeque};

/// An order, and the marks of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkedOrder {
    /// As the recorder has it.
    pub row: OrderRow,
    /// What the strategy had seen when it sent it.
    pub decision: MidX2,
    /// The market then.
    pub send: MidX2,
    /// The market when it arrived; none where it did not.
    pub arrival: MidX2,
}

/// A fill, and the marks from its time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkedFill {
    /// As the recorder has it.
    pub row: FillRow,
    /// The market before it; for a taker, as it met it.
    pub mid: MidX2,
    /// The market after each of [`HORIZONS`].
    pub later: [MidX2; HORIZONS.len()],
    /// What it earned against that mid, money 1e-6; `None` without one.
    pub spread: Option<i64>,
}

/// What is known of an order before it has ended.
#[derive(Clone, Copy, Debug)]
struct Sent {
    decision: MidX2,
    send: MidX2,
    /// `None` while it is under way.
    arrival: Option<MidX2>,
}

/// The rows of a lane that wait.
#[derive(Debug, Default)]
pub struct Waiting {
    sents: Vec<SentRow>,
    orders: Vec<OrderRow>,
    /// Fills that are not priced yet.
    fills: Vec<FillRow>,
    alive: HashMap<u64, Sent>,
    /// Orders on their way to the exchange.
    under_way: VecDeque<SentRow>,
    priced: VecDeque<MarkedFill>,
}

impl Waiting {
    /// An order was sent.
    pub fn sent(&mut self, row: SentRow) {
        self.sents.push(row);
    }

    /// An order ended.
    pub fn order(&mut self, row: OrderRow) {
        self.orders.push(row);
    }

    /// A fill was delivered.
    pub fn fill(&mut self, row: FillRow) {
        self.fills.push(row);
    }

    /// Gives out the orders that came since the last call, marked.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn take_orders(
        &mut self,
        marks: &Marks,
        mut write: impl FnMut(MarkedOrder) -> Result<(), OutputError>,
    ) -> Result<(), OutputError> {
        for row in self.sents.drain(..) {
            let decision = marks.seen(row.instrument, row.rows_seen);
            let send = marks.at(row.instrument, row.ts_submit_ns);
            self.alive.insert(row.order_id, Sent { decision, send, arrival: None });
            if row.ts_arrive_ns != UNDEF_TIME {
                self.under_way.push_back(row);
            }
        }
        while let Some(row) = self.under_way.front().filter(|row| marks.is_known(row.ts_arrive_ns))
        {
            if let Some(sent) = self.alive.get_mut(&row.order_id) {
                sent.arrival = Some(marks.at(row.instrument, row.ts_arrive_ns));
            }
            self.under_way.pop_front();
        }
        for row in self.orders.drain(..) {
            let sent = self.alive.remove(&row.order_id);
            debug_assert!(sent.is_some(), "Invariant: an order was sent before it ends");
            // One that ended at its arrival, behind the last row of the run, may be told before the end of the rows.
            let arrival = match (row.ts_accept_ns, sent.and_then(|sent| sent.arrival)) {
                (UNDEF_TIME, _) => MidX2::NONE,
                (_, Some(arrival)) => arrival,
                (ts_ns, None) => marks.at(row.instrument, ts_ns),
            };
            let (decision, send) =
                sent.map_or((MidX2::NONE, MidX2::NONE), |sent| (sent.decision, sent.send));
            write(MarkedOrder { row, decision, send, arrival })?;
        }
        Ok(())
    }

    /// Shows the fills that came since the last call with the mid that they met, then gives out those whose horizons are past.
    ///
    /// # Errors
    /// A fill's money leaves its type; those of `show` and `write`.
    pub fn take_fills(
        &mut self,
        marks: &Marks,
        instruments: &[Instrument],
        mut show: impl FnMut(&MarkedFill) -> Result<(), OutputError>,
        mut write: impl FnMut(MarkedFill) -> Result<(), OutputError>,
    ) -> Result<(), OutputError> {
        for row in self.fills.drain(..) {
            let mid = mid_of(marks, &row.fill);
            let spread = spread_of(&instruments[row.fill.instrument as usize], &row.fill, mid)?;
            let marked = MarkedFill { row, mid, later: [MidX2::NONE; HORIZONS.len()], spread };
            show(&marked)?;
            self.priced.push_back(marked);
        }
        while let Some(first) = self.priced.front_mut() {
            let fill = &first.row.fill;
            let close_ns = close_of(&instruments[fill.instrument as usize], fill.ts_exch_ns);
            // From the farthest: if that is known, all are.
            for (later, (_, horizon_ns)) in first.later.iter_mut().zip(HORIZONS).rev() {
                let found = marks.later(fill.instrument, fill.ts_exch_ns, horizon_ns, close_ns);
                let Some(mid) = found else { return Ok(()) };
                *later = mid;
            }
            write(*first)?;
            self.priced.pop_front();
        }
        Ok(())
    }

    /// When the oldest fill that still waits has traded, ns; `i64::MAX` where none waits.
    pub fn oldest_ns(&self) -> i64 {
        self.priced.iter().map(|fill| fill.row.fill.ts_exch_ns).next().unwrap_or(i64::MAX)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.sents.is_empty()
            && self.orders.is_empty()
            && self.fills.is_empty()
            && self.priced.is_empty()
    }
}

/// The mark that a fill met. A row that proves a fill shows the market behind it, so it must not be among those that are looked at;
/// a taker met what was displayed when it arrived.
fn mid_of(marks: &Marks, fill: &Fill) -> MidX2 {
    if fill.evidence == Evidence::Taken as u8 {
        marks.at(fill.instrument, fill.ts_exch_ns)
    } else {
        marks.before(fill.instrument, fill.ts_exch_ns)
    }
}

/// Quantity, negative where it was sold.
pub fn signed_qty(fill: &Fill) -> i64 {
    let qty = i64::from(fill.qty);
    if fill.side == Side::Buy as u8 { qty } else { -qty }
}

fn spread_of(instrument: &Instrument, fill: &Fill, mid: MidX2) -> Result<Option<i64>, OutputError> {
    let Some(mid_x2) = mid.get() else { return Ok(None) };
    let qty = signed_qty(fill);
    let spread = money::value_at_mid(instrument, mid_x2, qty)
        .and_then(|worth| Ok(worth - money::value(instrument, fill.price, qty)?))
        .and_then(money::narrow);
    spread.map(Some).map_err(|_| OutputError::Money {
        what: format!("the spread of order {}'s fill", fill.order_id),
        symbol: instrument.symbol.clone(),
        ts_ns: fill.ts_exch_ns,
    })
}

/// The end of the session that holds an instant; the instant itself, where none does.
fn close_of(instrument: &Instrument, ts_ns: i64) -> i64 {
    if instrument.sessions.is_empty() {
        return i64::MAX;
    }
    session_at(instrument, ts_ns).map_or(ts_ns, |session| session.close_ns)
}
