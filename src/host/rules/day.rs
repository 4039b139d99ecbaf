//! What a session carries of its trading day: order types and caps, the price band, price limits.

use super::limits;
use super::product::Finder;
use super::row::{OrderRow, ProductRow, ReferenceKind, Row, SessionRow};
use btcore::wire::{Phase, Session, TickStep, TypeRule};
use jiff::civil::Date;

impl Finder<'_> {
    /// Sets what is taken of each order type; gives the lines of the rows for limit orders and the session.
    pub(super) fn set_types(
        &self,
        session: &mut Session,
        product: &ProductRow,
        day: Date,
        is_night: bool,
    ) -> Result<(u32, u32), String> {
        let rules = &self.lookup.book.rules;
        let mut line = 0;
        for (index, (word, _)) in super::file::ORDER_TYPES.iter().enumerate() {
            let key = format!("{} {} {word}", self.venue, product.order_kind);
            session.types[index] = match self.lookup.find(&rules.orders, &key, day)? {
                Some(row) => {
                    line = if index == 0 { row.line } else { line };
                    type_rule(&row.rule, session.phase, is_night)
                }
                None => TypeRule::NONE,
            };
        }
        let key = self.session_key(product.sessions.first().map_or("", |name| name));
        let of_key = |row: &&Row<SessionRow>| row.keys.contains(&key);
        Ok((line, rules.sessions.iter().find(of_key).map_or(0, |row| row.line)))
    }

    /// The price band of a day, parts per million; 0 where there is none.
    pub(super) fn band(&self, day: Date) -> Result<u32, String> {
        let rules = &self.lookup.book.rules;
        let product = self.ask.product;
        if let Some(expiry) = self.expiry {
            let prefix = format!("{product}, nearest ");
            let near = rules
                .bands
                .iter()
                .filter(|row| row.keys.iter().any(|key| key.starts_with(&prefix)));
            if let Some(months) = near.filter_map(|row| row.rule.months).min()
                && self.calendar.months_until(day, expiry)? <= months
            {
                let key = format!("{prefix}{months} months");
                return self.lookup.need(&rules.bands, &key, day).map(|row| row.rule.ppm);
            }
        }
        let row = self.lookup.find(&rules.bands, product, day)?;
        Ok(row.map_or(0, |row| row.rule.ppm))
    }

    /// Sets the limits of a session; false where nobody knows them.
    pub(super) fn set_limits(
        &self,
        session: &mut Session,
        ticks: &[TickStep],
        day: Date,
    ) -> Result<bool, String> {
        let rules = &self.lookup.book.rules;
        let rule = self.lookup.find(&rules.limits, self.ask.product, day)?.map(|row| &row.rule);
        let given = self.ask.references.and_then(|r| r.get(self.ask.symbol, session.trading_day));
        if let Some(given) = given.filter(|given| given.has_limits()) {
            (session.limit_down, session.limit_up) = given.limits();
            return Ok(true);
        }
        let Some(rule) = rule else { return Ok(true) };
        let is_given = rule.reference == ReferenceKind::Given;
        let price = given.and_then(|given| given.price).filter(|_| is_given);
        match (price, rule.pct_e6) {
            (Some(price), Some(pct_e6)) => {
                (session.limit_down, session.limit_up) = limits::around(price, pct_e6, ticks);
                Ok(true)
            }
            _ => {
                session.is_limit_unknown = true;
                Ok(false)
            }
        }
    }
}

fn type_rule(rule: &OrderRow, phase: Phase, is_night: bool) -> TypeRule {
    let tifs = match phase {
        Phase::Continuous => rule.tifs,
        Phase::Auction => rule.tifs_auction,
    };
    let qty_max = if is_night { rule.lots_max_night } else { rule.lots_max };
    if tifs == 0 { TypeRule::NONE } else { TypeRule { tifs, qty_max } }
}
