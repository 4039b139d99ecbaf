//! Call auctions: what an auction's print means for the orders that took part in it.
//!
//! Invariants: orders that came before the match took part, later ones did not. One price for all: who bid more or asked
//! less than it trades at it, within what was printed; every printed lot has a buyer and a seller, so each side may spend
//! it once (law 6). Who stands at that very price shares with others nobody has seen: by the config's share in the model's
//! world, not at all in the pessimistic one, whole in the optimistic one. What took part is neither amended nor cancelled
//! from the match until a valid book, or until the auction must have printed: it may have traded.

use super::queue::{LOT, WORLDS};
use super::resting::NO_SLOT;
use super::{Exchange, Outbox};
use crate::wire::{Event, Evidence, Fault, Phase, Session, Side, TraceWhat};

/// No auction is under way.
pub(super) const NO_MATCH: i64 = i64::MAX;

impl Exchange {
    /// Notes the auction that is open, if one is: when it opens and when an order comes, since a run may begin in the middle
    /// of one.
    pub(super) fn note_auction(&mut self, instrument: u32, session: Option<&Session>) {
        if let Some(session) = session.filter(|session| session.phase == Phase::Auction) {
            let venue = &mut self.venues[instrument as usize];
            (venue.match_ns, venue.match_known_ns) = (session.match_ns, session.print_until_ns);
        }
    }

    /// The print of the auction: fills whoever took part.
    #[cold]
    pub(super) fn on_auction_print(
        &mut self,
        event: &Event,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let (price, ts_ns) = (event.trade_price, event.ts_exch_ns);
        let match_ns = self.venues[event.instrument as usize].match_ns;
        if match_ns == NO_MATCH {
            return Ok(()); // The run began behind the match.
        }
        let shares = [0, self.config.auction_share, LOT];
        for side in [Side::Buy, Side::Sell] {
            let mut evidence = [event.trade_qty; WORLDS];
            let mut slot = self.orders.first(event.instrument, side);
            while slot != NO_SLOT {
                let next = self.orders.after(slot);
                let order = self.orders.get(slot);
                if side.is_better(price, order.price) {
                    break;
                }
                let order_id = order.order_id;
                let mut lots = [0; WORLDS];
                if order.ts_join_ns < match_ns {
                    for (world, lots) in lots.iter_mut().enumerate() {
                        let leaves = order.leaves_in(world);
                        // Of the whole order, so that a print in several rows is shared once.
                        let share = (i64::from(order.qty) * shares[world] + LOT / 2) / LOT;
                        let due = match order.price == price {
                            true => (share as u32).saturating_sub(order.filled[world]),
                            false => leaves,
                        };
                        *lots = due.min(leaves).min(evidence[world]);
                        evidence[world] -= *lots;
                    }
                }
                let is_traced = out.trace.look(order, &self.rules, ts_ns);
                if is_traced {
                    out.trace.saw(order, TraceWhat::Auction, event, lots);
                }
                self.fill_resting(slot, lots, price, Evidence::Auction, ts_ns, out)?;
                slot = self.orders.behind(next, order_id);
            }
        }
        Ok(())
    }
}
