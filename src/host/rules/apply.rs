//! From instruments as a config states them, and the rules, to what the core is given.
//!
//! Invariants: what a config states against the rules is a fault that names the row, unless the instrument says
//! `override: true`, and then the config's holds; what a run must be told about the rows that it used is gathered here.

use super::lookup::Lookup;
use super::product::{self, Ask, Terms};
use super::references::References;
use super::row::CostRow;
use super::{RuleBook, RulesNote};
use crate::config::instrument::{Draft, Given, InstrumentSpec};
use crate::config::reader::Collector;
use crate::config::scalar::decimal_text;
use crate::config::session::{self, DayRule};
use crate::config::span::Span;
use btcore::wire::limits::FEES_MAX;
use btcore::wire::{Fee, OrderType, TickStep};

/// What a run goes by.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Rules, where the config names any.
    pub book: Option<&'a RuleBook>,
    /// Reference prices.
    pub references: Option<&'a References>,
    /// What the run asks for.
    pub span: Span,
}

/// Fills in what the config leaves to the rules, and the sessions of the run. Instruments come out sorted by the bytes of
/// their symbols.
pub fn resolve(
    mut drafts: Vec<Draft>,
    context: &Context<'_>,
    collector: &Collector,
) -> Option<(Vec<InstrumentSpec>, Option<RulesNote>)> {
    drafts.sort_by(|a, b| a.symbol.value.as_bytes().cmp(b.symbol.value.as_bytes()));
    let lookup = context.book.map(Lookup::new);
    let mut note = RulesNote::default();
    let mut specs = Vec::new();
    for draft in &drafts {
        specs.push(match (&draft.product, &lookup) {
            (None, _) => plain(draft, context, collector),
            (Some(given), None) => {
                given.fault(collector, "there are no rules", "add `rules: taiwan` at the top");
                None
            }
            (Some(_), Some(lookup)) => of_product(draft, lookup, context, collector, &mut note),
        });
    }
    let note = lookup.map(|lookup| {
        note.name.clone_from(&lookup.book.rules.name);
        let days = lookup.warnings();
        note.warnings.splice(0..0, days);
        note
    });
    Some((specs.into_iter().collect::<Option<Vec<_>>>()?, note))
}

/// An instrument that states everything itself.
fn plain(draft: &Draft, context: &Context<'_>, collector: &Collector) -> Option<InstrumentSpec> {
    let rule = draft.sessions.as_ref()?.value.hours.as_ref()?;
    let mut instrument = draft.instrument();
    let (sessions, taken) = match session::resolve(rule, &context.span) {
        Ok(found) => found,
        Err(message) => {
            draft.sessions.as_ref()?.fault(collector, message, "");
            return None;
        }
    };
    instrument.sessions = sessions;
    Some(InstrumentSpec {
        instrument,
        lot: draft.lot,
        sessions: Some(rule.clone()),
        time_zone: rule.time_zone.clone(),
        product: None,
        expiry: None,
        expired_ns: i64::MAX,
        taken,
    })
}

fn of_product<'a>(
    draft: &Draft,
    lookup: &'a Lookup<'a>,
    context: &Context<'_>,
    collector: &Collector,
    note: &mut RulesNote,
) -> Option<InstrumentSpec> {
    let given = draft.product.as_ref()?;
    let usual = DayRule::default();
    let ask = Ask {
        symbol: &draft.symbol.value,
        product: &given.value,
        venue: draft.venue.as_ref().map(|venue| venue.value.as_str()),
        expiry: draft.expiry.as_ref().map(|expiry| expiry.value),
        days: draft.sessions.as_ref().map_or(&usual, |sessions| &sessions.value.days),
        span: context.span,
        references: context.references,
        has_limits: draft.limits.is_some(),
    };
    let terms = match product::resolve(lookup, &ask) {
        Ok(terms) => terms,
        Err(message) => {
            given.fault(collector, format!("{}: {message}", draft.symbol.value), "");
            return None;
        }
    };
    let count = terms.days_without_limits.len();
    if let Some(day) = terms.days_without_limits.first() {
        let symbol = &draft.symbol.value;
        note.limit_days_without_reference.insert(symbol.clone(), count);
        note.warnings.push(format!(
            "{symbol}: no reference price on {count} trading day{}, {day} the first: orders of those days are not checked \
             against price limits",
            if count == 1 { "" } else { "s" }
        ));
    }
    let judge = Judge { draft, rules: &lookup.book.rules.name, product: &given.value, collector };
    judge.settle(terms, context)
}

/// Holds what the config states against the rules.
struct Judge<'a> {
    draft: &'a Draft,
    rules: &'a str,
    product: &'a str,
    collector: &'a Collector,
}

impl Judge<'_> {
    fn settle(&self, mut terms: Terms, context: &Context<'_>) -> Option<InstrumentSpec> {
        let draft = self.draft;
        let mut instrument = draft.instrument();
        let faults = self.collector.count();
        let line = if terms.lines.ladder > 0 { terms.lines.ladder } else { terms.lines.product };
        let kind = if terms.lines.ladder > 0 { "ladder" } else { "product" };
        instrument.ticks = self.pick(&draft.ticks, terms.ticks.clone(), kind, line, ladder_text);
        instrument.multiplier_e6 = self.pick(
            &draft.multiplier_e6,
            terms.multiplier_e6,
            "product",
            terms.lines.product,
            |value| decimal_text(i128::from(*value), 6),
        );
        self.cap(&mut terms);
        if let Some(hours) = draft.sessions.as_ref().filter(|given| given.value.hours.is_some()) {
            if !draft.is_override {
                let says = "the hours of a day, auctions included";
                self.contradicts(hours, "session", terms.lines.session, says);
            }
            match session::resolve(hours.value.hours.as_ref()?, &context.span) {
                Ok(found) => (terms.sessions, terms.taken) = found,
                Err(message) => hours.fault(self.collector, message, ""),
            }
        }
        instrument.sessions.clone_from(&terms.sessions);
        instrument.fees = self.fees(&terms);
        if draft.protection.is_none() {
            instrument.protection = terms.protection.unwrap_or(0);
        }
        if draft.exchange.is_none() {
            instrument.exchange.clone_from(&terms.venue);
        }
        (self.collector.count() == faults).then(|| InstrumentSpec {
            instrument,
            lot: draft.lot,
            sessions: draft.sessions.as_ref().and_then(|given| given.value.hours.clone()),
            time_zone: terms.time_zone.clone(),
            product: Some(self.product.to_owned()),
            expiry: terms.expiry,
            expired_ns: terms.expired_ns,
            taken: terms.taken,
        })
    }

    /// The config's value if it is there and may be, else the rules'.
    fn pick<T: PartialEq + Clone>(
        &self,
        given: &Option<Given<T>>,
        rule: T,
        kind: &str,
        line: u32,
        text: impl Fn(&T) -> String,
    ) -> T {
        match given {
            Some(given) if given.value != rule => {
                if !self.draft.is_override {
                    self.contradicts(given, kind, line, &text(&rule));
                }
                given.value.clone()
            }
            _ => rule,
        }
    }

    fn contradicts<T>(&self, given: &Given<T>, kind: &str, line: u32, says: &str) {
        let (rules, product) = (self.rules, self.product);
        given.fault(
            self.collector,
            format!(
                "contradicts the rules: the {kind} row for `{product}` (rules {rules}, line {line}) says {says}"
            ),
            "remove it, or say `override: true` on the instrument",
        );
    }

    /// A cap of the config may be tighter than the rules'; a wider one would have no effect.
    fn cap(&self, terms: &mut Terms) {
        let Some(given) = &self.draft.order_qty_max else { return };
        let caps = terms.sessions.iter().map(|session| session.rule(OrderType::Limit).qty_max);
        let widest = caps.max().unwrap_or(0);
        if given.value <= widest {
            return;
        }
        if !self.draft.is_override {
            let says = format!("{widest} lots at most");
            return self.contradicts(given, "order_rule", terms.lines.order, &says);
        }
        for rule in terms.sessions.iter_mut().flat_map(|session| &mut session.types) {
            if rule.tifs != 0 {
                rule.qty_max = given.value;
            }
        }
    }

    /// The rules' fees and the config's own.
    fn fees(&self, terms: &Terms) -> Vec<Fee> {
        let own = &self.draft.fees;
        let mut fees = Vec::new();
        for (CostRow { fee, is_negotiable, .. }, line) in terms.costs.iter().zip(&terms.lines.costs)
        {
            let Some(given) = own.iter().find(|given| given.value.name == fee.name) else {
                fees.push(fee.clone());
                continue;
            };
            if given.value != *fee && !is_negotiable && !self.draft.is_override {
                self.contradicts(given, "cost", *line, &format!("what `{}` is", fee.name));
            }
        }
        fees.extend(own.iter().map(|given| given.value.clone()));
        if fees.len() > FEES_MAX {
            let text =
                format!("{} fee rows with those of the rules; {FEES_MAX} is the most", fees.len());
            self.draft.symbol.fault(self.collector, text, "");
        }
        fees
    }
}

fn ladder_text(ticks: &Vec<TickStep>) -> String {
    let price = |value: i64| decimal_text(i128::from(value), 6);
    match ticks.as_slice() {
        [only] => format!("a tick of {}", price(only.tick)),
        steps => {
            let step = |s: &TickStep| format!("[{}, {}]", price(s.price_from), price(s.tick));
            format!("[{}]", steps.iter().map(step).collect::<Vec<_>>().join(", "))
        }
    }
}
