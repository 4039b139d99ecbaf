//! The queue ahead of one resting order: three estimates over one ledger of what happened at its price.
//!
//! Invariants: `optimistic <= model <= pessimistic`; where own orders at better prices took evidence in one world and not
//! in another, the world that fills stays as it is and the others give way, so what a strategy sees never depends on them
//! (law 7). A trade and the drop of depth that it causes count once, whichever is seen first (law 5): prints are remembered
//! for the netting window, and a drop that they explain moves nobody; any other drop is a cancel at once, and is remembered
//! with the advance that it gave, which a print within the window that explains it takes back. So the advance over a window
//! is at most max(traded, dropped), and no order waits out a window to learn what the book already says. An order behind a
//! queue of unknown length keeps its place (law 4). Lots are counted in 2^-20 parts; arithmetic is integer, but for the
//! split of cancels, which uses + - * / of `f64` and a bundled logarithm alone, so every machine gets the same bits.
//! Cost: O(1) a print and a book, nothing allocated.

use super::advance::cancelled_ahead;
use super::config::{ExchangeConfig, Join, Netting, QueueModel};
use crate::book::LevelState;
use crate::wire::Displayed;

/// One lot, in the parts that queues are counted in.
pub const LOT: i64 = 1 << 20;
/// A queue of unknown length: the price was out of view when the order joined.
pub const AHEAD_UNKNOWN: i64 = crate::wire::AHEAD_UNKNOWN;
/// Estimates of an order.
pub const WORLDS: usize = 3;
/// The world of the configured model.
const MODEL: usize = 1;

/// Lots seen within the netting window: of the current stretch of it, and of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Recent {
    current: u32,
    previous: u32,
}

impl Recent {
    fn total(self) -> u32 {
        self.current.saturating_add(self.previous)
    }

    fn add(&mut self, qty: u32) {
        self.current = self.current.saturating_add(qty);
    }

    /// Takes at most `qty`, the older first; returns how many.
    fn take(&mut self, qty: u32) -> u32 {
        let old = self.previous.min(qty);
        let new = self.current.min(qty - old);
        self.previous -= old;
        self.current -= new;
        old + new
    }

    /// Moves on by one stretch, or by more; returns what has become too old.
    fn expire(&mut self, all: bool) -> u32 {
        let expired = if all { self.total() } else { self.previous };
        self.previous = if all { 0 } else { self.current };
        self.current = 0;
        expired
    }
}

/// An event of the instrument, to a queue.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Its stamp, ns.
    pub ts_ns: i64,
    /// Valid books of the instrument so far, itself included, modulo 2^32.
    pub books: u32,
}

/// How queues are estimated: a model for each of the three worlds, and the netting window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueRules {
    /// Models, from the longest queue to the shortest: see [`super::config::Estimate`].
    pub worlds: [QueueModel; WORLDS],
    /// The world that fills.
    pub fills_in: usize,
    /// Netting window.
    pub netting: Netting,
}

impl QueueRules {
    /// The rules of a config: its model between the two ends.
    pub fn new(config: &ExchangeConfig) -> Self {
        QueueRules {
            worlds: [QueueModel::PESSIMISTIC, config.queue, QueueModel::OPTIMISTIC],
            fills_in: config.estimate as usize,
            netting: config.netting,
        }
    }
}

/// The queue ahead of one order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Queue {
    /// Lots of others ahead, in parts of [`LOT`], by world; [`AHEAD_UNKNOWN`].
    pub ahead: [i64; WORLDS],
    /// Lots of others displayed at the price when it was last in view.
    shown: u32,
    /// Whether the last book showed the price.
    is_known: bool,
    /// Whether no book came since the order did.
    is_new: bool,
    /// Whether what came up on arrival is still to be learnt from the first book after it.
    is_joining: bool,
    /// Printed at the price, and not yet seen to leave the book.
    traded: Recent,
    /// Left the book, and not yet seen to trade.
    dropped: Recent,
    /// What of `shown` is known with hindsight alone, and displayed by no book yet.
    foreseen: u32,
    /// What of the queue on arrival each world leaves out until the first book after it.
    withheld: [i64; WORLDS],
    /// What of the model's queue may have come later than the order: it is the first to cancel.
    doubt: i64,
    /// Advance that `dropped` gave in each world, in parts of [`LOT`]; at most all of it.
    credit: [i64; WORLDS],
    /// First instant of the next stretch of the netting window, ns.
    stretch_end_ns: i64,
    /// Valid books of the instrument up to the last event that was taken in.
    books: u32,
    /// Book in force on arrival, and arrival, ns.
    ts_book_ns: i64,
    ts_join_ns: i64,
}

impl Queue {
    /// No queue.
    pub const NONE: Queue = Queue {
        ahead: [0; WORLDS],
        shown: 0,
        is_known: false,
        is_new: false,
        is_joining: false,
        traded: Recent { current: 0, previous: 0 },
        dropped: Recent { current: 0, previous: 0 },
        credit: [0; WORLDS],
        foreseen: 0,
        withheld: [0; WORLDS],
        doubt: 0,
        stretch_end_ns: i64::MIN,
        books: 0,
        ts_book_ns: 0,
        ts_join_ns: 0,
    };

    /// Becomes the queue that an order joins at `now_ns`, when the book in force, of `ts_book_ns`, shows so much at its price that
    /// prints have left `left` of it. Until a later book says what came up and what went in between, the longest queue is
    /// without end, and of the shortest one a quarter may have left. Out of view the model assumes `unseen`, in parts of
    /// [`LOT`], or [`AHEAD_UNKNOWN`].
    #[inline]
    pub fn join(&mut self, left: LevelState, unseen: i64, ts_book_ns: i64, now_ns: i64) {
        let shown = if let LevelState::Known(qty) = left { qty } else { 0 };
        let (ahead, is_known) = match left {
            LevelState::Unknown => ([AHEAD_UNKNOWN, unseen, 0], false),
            _ => ([AHEAD_UNKNOWN, lots(shown), lots(shown) - lots(shown) / 4], true),
        };
        *self = Queue {
            ahead,
            withheld: [0, 0, lots(shown) / 4],
            shown,
            is_known,
            is_new: true,
            is_joining: true,
            ts_book_ns,
            ts_join_ns: now_ns,
            ..Queue::NONE
        };
    }

    /// Takes in, on arrival, what the next book, of `ts_next_ns`, will say: with the prints until then it accounts for
    /// `qty` lots of others at the price. The longest queue is then all of them.
    pub fn foresee(&mut self, rules: &QueueRules, ts_next_ns: i64, qty: u32) {
        let came_up = qty.saturating_sub(self.shown);
        self.is_joining = false;
        self.ahead[0] = lots(self.shown);
        self.foreseen = came_up;
        self.shown = self.shown.saturating_add(came_up);
        if came_up == 0 {
            self.doubt = 0;
            return self.order(rules);
        }
        let span_ns = self.span_ns(ts_next_ns);
        for (world, model) in rules.worlds.iter().enumerate() {
            let [now, then, certain] = shares(model.join, span_ns);
            self.ahead[world] += part(lots(came_up), now);
            self.withheld[world] += part(lots(came_up), then - now);
            if world == MODEL {
                self.doubt = part(lots(came_up), then - certain);
            }
        }
        self.order(rules);
    }

    /// Takes a print of `qty` lots at the price into the ledger, and lengthens the queues by the advance that its drop
    /// gave before it: the print will shorten them by all of it. The advance is the caller's, who knows the evidence.
    pub fn note_print(&mut self, rules: &QueueRules, now: Now, qty: u32) {
        self.catch_up(rules, now, now.books);
        let before = self.dropped.total();
        if before == 0 {
            return self.traded.add(qty);
        }
        let seen = self.dropped.take(qty);
        self.traded.add(qty - seen);
        for (ahead, credit) in self.ahead.iter_mut().zip(&mut self.credit) {
            let back = part_of(*credit, seen, before);
            *credit -= back;
            if *ahead != AHEAD_UNKNOWN {
                *ahead += back;
            }
        }
        self.order(rules);
    }

    /// Ends a print at the price, which has shortened the queues: what own orders at better prices took of it may have
    /// left them longer than what is displayed.
    pub fn settle(&mut self, rules: &QueueRules) {
        if self.is_known {
            self.cap();
        }
        self.order(rules);
    }

    /// Takes a valid book that shows `state` at the price, own lots taken off. The first one after an order counts whatever it
    /// shows. Behind it those change nothing here that show the same as the one before, or do not show a price that was out of
    /// view already; the ledger catches up with them when it is needed.
    #[inline]
    pub fn on_book(&mut self, rules: &QueueRules, now: Now, state: LevelState) {
        match state {
            // Nobody left: what printed before has not moved the book, and whoever came is behind.
            LevelState::Known(qty)
                if qty >= self.shown
                    && self.is_known
                    && !(self.is_new | self.is_joining)
                    && !matches!(rules.netting, Netting::Window(_)) =>
            {
                (self.shown, self.books) = (qty, now.books);
                self.empty();
            }
            _ => self.take_book(rules, now, state),
        }
    }

    #[inline(never)]
    fn take_book(&mut self, rules: &QueueRules, now: Now, state: LevelState) {
        self.catch_up(rules, now, now.books.wrapping_sub(1));
        self.books = now.books;
        let shown = match state {
            LevelState::Known(qty) => qty,
            LevelState::Empty => 0,
            LevelState::Unknown => {
                // Nobody can trade there before the price is back in view: the place is kept (law 4).
                self.is_known = false;
                return;
            }
        };
        if core::mem::take(&mut self.is_new) {
            self.foreseen = 0;
            for (ahead, withheld) in self.ahead.iter_mut().zip(&mut self.withheld) {
                if *ahead != AHEAD_UNKNOWN {
                    *ahead += core::mem::take(withheld);
                }
            }
        }
        if !self.is_known {
            // It is back. Who is ahead was ahead before, and is displayed now.
            self.is_known = true;
            self.empty();
            self.shown = shown;
            self.cap();
            if self.is_joining {
                self.joined(rules, now.ts_ns);
            }
            return self.order(rules);
        }
        let (before, ahead_before) = (self.shown, self.ahead);
        self.shown = shown;
        let drop = before.saturating_sub(shown);
        let left = drop - self.traded.take(drop);
        if left > 0 {
            self.cancel(rules, left, before);
        }
        self.cap();
        if self.is_joining {
            self.joined(rules, now.ts_ns);
        }
        self.order(rules);
        if !matches!(rules.netting, Netting::Window(_)) {
            self.empty();
        }
        if rules.netting == Netting::TradeFirst || left == 0 {
            return;
        }
        self.dropped.add(left);
        for (world, credit) in self.credit.iter_mut().enumerate() {
            if ahead_before[world] != AHEAD_UNKNOWN {
                *credit += (ahead_before[world] - self.ahead[world]).clamp(0, lots(left));
            }
        }
    }

    /// The venue cleared its book: the price is out of view.
    pub fn lose_sight(&mut self, rules: &QueueRules, now: Now) {
        self.catch_up(rules, now, now.books);
        self.is_known = false;
    }

    /// What is displayed at the price. For the tracer.
    pub fn displayed(&self) -> Displayed {
        match (self.is_known, self.shown - self.foreseen.min(self.shown)) {
            (false, _) => Displayed::Unknown,
            (true, 0) => Displayed::Empty,
            (true, lots) => Displayed::Lots(lots),
        }
    }

    /// Lots that have printed and are not yet seen to leave the book, and that have left it and are not yet seen to trade,
    /// as an event at `now_ns` finds them. For the tracer.
    pub fn unmatched(&self, rules: &QueueRules, now_ns: i64) -> (u32, u32) {
        let mut aged = *self;
        if let Netting::Window(window_ns) = rules.netting {
            aged.age_by(window_ns, now_ns);
        }
        (aged.traded.total(), aged.dropped.total())
    }

    /// Lots ahead in each world, rounded up; `u32::MAX` where it is not known.
    pub fn ahead_lots(&self) -> [u32; WORLDS] {
        self.ahead.map(|ahead| match ahead {
            AHEAD_UNKNOWN => u32::MAX,
            parts => u32::try_from((parts.max(0) as u64).div_ceil(LOT as u64)).unwrap_or(u32::MAX),
        })
    }

    /// Takes in what the first book after the arrival, which has been taken in, says about the queue on arrival: of the
    /// lots that came up at the price since the book before, a share was there first.
    fn joined(&mut self, rules: &QueueRules, ts_book_ns: i64) {
        self.is_joining = false;
        let span_ns = self.span_ns(ts_book_ns);
        for (world, model) in rules.worlds.iter().enumerate() {
            let [_, share, certain] = shares(model.join, span_ns);
            let came_up = lots(self.shown).saturating_sub(self.ahead[world]).max(0);
            self.ahead[world] += part(came_up, share);
            if world == MODEL {
                self.doubt = part(came_up, share - certain);
            }
        }
    }

    /// How long after the book before it the order came, and how long after it the next one, of `ts_next_ns`.
    fn span_ns(&self, ts_next_ns: i64) -> [i128; 2] {
        let since = |ts_ns: i64| i128::from(ts_ns) - i128::from(self.ts_book_ns);
        [since(self.ts_join_ns), since(ts_next_ns)]
    }

    /// Takes in the time and the books, `books` by now, that went by without changing anything displayed at the price: they
    /// end the ledger's window.
    #[inline]
    fn catch_up(&mut self, rules: &QueueRules, now: Now, books: u32) {
        match rules.netting {
            Netting::Window(window_ns) => self.age_by(window_ns, now.ts_ns),
            // Out of view the ledger waits.
            _ if self.is_known && self.books != books => self.empty(),
            _ => {}
        }
        self.books = books;
    }

    /// Forgets the ledger.
    fn empty(&mut self) {
        (self.traded, self.dropped) = (Recent::default(), Recent::default());
        self.credit = [0; WORLDS];
    }

    /// Lets what is older than the netting window go: drops that no print came for were the cancels they were taken for.
    fn age_by(&mut self, window_ns: i64, now_ns: i64) {
        if now_ns < self.stretch_end_ns {
            return;
        }
        let all = now_ns.saturating_sub(self.stretch_end_ns) >= window_ns;
        self.stretch_end_ns = now_ns - now_ns.rem_euclid(window_ns) + window_ns;
        self.traded.expire(all);
        let before = self.dropped.total();
        let cancelled = self.dropped.expire(all);
        for credit in &mut self.credit {
            *credit -= part_of(*credit, cancelled, before);
        }
    }

    /// `qty` of `level` lots were cancelled: every world has its own view of who they were.
    #[inline(never)]
    fn cancel(&mut self, rules: &QueueRules, qty: u32, level: u32) {
        for (world, model) in rules.worlds.iter().enumerate() {
            let ahead = &mut self.ahead[world];
            if *ahead == AHEAD_UNKNOWN {
                continue;
            }
            if *ahead == 0 {
                // Nobody is there to leave.
                if world == MODEL {
                    self.doubt = 0;
                }
                continue;
            }
            let doubt = if world == MODEL { self.doubt.clamp(0, *ahead) } else { 0 };
            let sure = *ahead - doubt;
            let gone = cancelled_ahead(model.advance, sure, lots(level), lots(qty)).min(sure);
            // Who came last leaves first.
            let recent = (lots(qty) - gone).clamp(0, doubt);
            *ahead -= gone + recent;
            if world == MODEL {
                self.doubt = doubt - recent;
            }
        }
    }

    /// Keeps the three in order around the one that fills.
    fn order(&mut self, rules: &QueueRules) {
        let [longest, model, shortest] = self.ahead;
        self.ahead = match rules.fills_in {
            0 => {
                let model = model.min(longest);
                [longest, model, shortest.min(model)]
            }
            1 => [longest.max(model), model, shortest.min(model)],
            _ => {
                let model = model.max(shortest);
                [longest.max(model), model, shortest]
            }
        };
    }

    /// Nobody is ahead who is not displayed; before a book comes, nobody knows what is.
    fn cap(&mut self) {
        let most = lots(self.shown);
        for ahead in &mut self.ahead {
            if !(self.is_new && *ahead == AHEAD_UNKNOWN) {
                *ahead = (*ahead).min(most);
            }
        }
    }
}

/// Share of what came up at the price between two books that is ahead of an order that joined in between: until the later
/// one, from then on, and what of it is no matter of doubt.
#[inline]
fn shares(join: Join, span_ns: [i128; 2]) -> [i64; 3] {
    match join {
        Join::Displayed => [0; 3],
        Join::NextBook => [LOT; 3],
        Join::Share(share) => [share; 3],
        Join::Proportional => [proportional(span_ns); 3],
        Join::InDoubt => {
            let share = proportional(span_ns);
            [share + (LOT - share) / 2, LOT, share]
        }
    }
}

/// The share of a span that had passed.
fn proportional([passed_ns, whole_ns]: [i128; 2]) -> i64 {
    match (i64::try_from(passed_ns), i64::try_from(whole_ns)) {
        (_, Ok(..=0)) => LOT,
        // A division of 64 bits is an instruction, one of 128 a function.
        (Ok(passed), Ok(whole)) if (0..1 << 42).contains(&passed) => passed * LOT / whole,
        _ if whole_ns <= 0 => LOT,
        _ => (passed_ns * i128::from(LOT) / whole_ns) as i64,
    }
}

fn lots(qty: u32) -> i64 {
    i64::from(qty) * LOT
}

/// `x * qty / all`.
fn part_of(x: i64, qty: u32, all: u32) -> i64 {
    let all = i64::from(all.max(1));
    match x.checked_mul(i64::from(qty)) {
        // A division of 64 bits is an instruction, one of 128 a function.
        Some(product) => product / all,
        None => (i128::from(x) * i128::from(qty) / i128::from(all)) as i64,
    }
}

fn part(x: i64, share: i64) -> i64 {
    ((i128::from(x) * i128::from(share)) >> 20) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An order behind ten lots, of which four left with the last book and none is known to have traded.
    fn behind_a_drop(rules: &QueueRules) -> Queue {
        behind_a_drop_of(rules, 4)
    }

    fn behind_a_drop_of(rules: &QueueRules, lots: u32) -> Queue {
        let mut queue = Queue::NONE;
        queue.join(LevelState::Known(10), 0, 0, 1);
        for (books, qty) in [(1, 10), (2, 10 - lots)] {
            let now = Now { ts_ns: i64::from(books) * 100, books };
            queue.on_book(rules, now, LevelState::Known(qty));
        }
        queue
    }

    #[test]
    fn a_drop_waits_for_its_print_until_the_next_book_and_out_of_view_longer() {
        let rules = QueueRules::new(&ExchangeConfig::default());
        let print = |queue: &mut Queue, books| {
            let before = queue.ahead;
            queue.note_print(&rules, Now { ts_ns: 900, books }, 4);
            queue.ahead != before
        };
        assert!(print(&mut behind_a_drop(&rules), 2), "the advance of the drop is taken back");
        assert!(print(&mut behind_a_drop_of(&rules, 1), 2), "of one lot, too");
        assert!(!print(&mut behind_a_drop(&rules), 3), "a book that showed the same came between");
        let mut queue = behind_a_drop(&rules);
        queue.on_book(&rules, Now { ts_ns: 300, books: 3 }, LevelState::Unknown);
        assert!(print(&mut queue, 5), "books that do not show the price end nothing");
        let mut queue = behind_a_drop(&rules);
        queue.on_book(&rules, Now { ts_ns: 500, books: 5 }, LevelState::Unknown);
        assert!(!print(&mut queue, 5), "but one that did came before those");
    }
}
