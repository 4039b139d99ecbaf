//! `bt-host inspect`: what the rows of a config are like, by symbol and trading day, before anybody bets on them.
//!
//! Each (symbol, day) is read by itself and goes through the feed that a run has, so its counts are those of a run over that
//! day; rows that cannot be read are counted, whatever `data.malformed` says. Invariants: every row is in exactly one of used,
//! excluded by a reason, dropped or skipped; each reason comes with its first row. Whether equal ticks are legal at a
//! venue or double writes of a source cannot be told from one of them: of all ticks that equal another at their stamp, those in
//! even numbers are told, before any are dropped. Memory: a window and a chunk a stream.
//!
//! [`whole`] looks at all days of a symbol in one reading, for `crate::quality`; every count but that of the rows that cannot
//! be read, which have no sure day, is the same.

mod scale;

use crate::config::Config;
use crate::config::data::SourceSpec;
use crate::config::scalar::{decimal_text, instant_text};
use crate::output::result::feed_counts;
use crate::output::table::{aligned, count};
use crate::quality::{self, Breach};
use crate::signal;
use crate::source::pending::{FeedError, Pending};
use crate::source::{self, Chunk, Day, SourceStats};
use btcore::exchange::is_on_tick;
use btcore::feed::{Feed, FeedStats};
use btcore::wire::{Event, Instrument, UNDEF_PRICE, flags, kind};
use scale::{Misscaled, Prices};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Why rows could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// Rows could not be read.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The question names something that the config does not have.
    #[error("{0}")]
    Nothing(String),
    /// A signal asked to stop.
    #[error("stopped by signal {0}")]
    Signal(u8),
}

impl InspectError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            InspectError::Feed(FeedError::Source(error)) => error.exit_code(),
            InspectError::Feed(FeedError::Fault(_)) => 5,
            InspectError::Nothing(_) => 4,
            InspectError::Signal(number) => 128 + number,
        }
    }
}

/// Ticks that equal another one at their stamp in price, quantity and aggressor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// All ticks.
    pub all: u64,
    /// Those that equal another.
    pub alike: u64,
    /// Those of them that come in an even number.
    pub even: u64,
}

/// One symbol on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Symbol.
    pub symbol: String,
    /// Trading day, or the date in UTC where the instrument has no sessions; `all` for a synthetic market.
    pub day: String,
    /// What the feed made of the rows.
    pub stats: FeedStats,
    /// What the source left out before.
    pub source: SourceStats,
    /// Ticks that equal another.
    pub ticks: Ticks,
    /// Rows whose price, or a best price, is not on the instrument's ladder.
    pub off_ladder: u64,
    /// Trades while the book stands still, where the config looks for them.
    pub stale: u64,
    /// What the prices look like, where they do not look like this instrument's.
    pub scale: Option<Misscaled>,
    /// The first row of each count that is not plain.
    pub first: BTreeMap<String, String>,
}

/// Looks at the rows of a config; of one symbol or one day (`yyyy-mm-dd`), where they are given.
///
/// # Errors
/// Rows cannot be read, or there are none.
pub fn inspect(
    config: &Config,
    symbol: Option<&str>,
    day: Option<&str>,
) -> Result<Vec<Inspected>, InspectError> {
    let mut found = Vec::new();
    for spec in &config.instruments {
        let name = &spec.instrument.symbol;
        if symbol.is_some_and(|symbol| symbol != name) {
            continue;
        }
        let is_synthetic = matches!(config.data.source, SourceSpec::Synth { .. });
        let days = if is_synthetic {
            vec![Day { label: "all".into(), to_ns: i64::MAX }]
        } else {
            source::days(spec, &config.data)
        };
        let mut from_ns = config.data.from_ns;
        for Day { label, to_ns } in days {
            let to_ns = to_ns.min(config.data.to_ns);
            let span_ns = (from_ns, to_ns);
            from_ns = from_ns.max(to_ns);
            if span_ns.0 < span_ns.1 && day.is_none_or(|day| day == label) {
                let mut part = config.clone();
                part.instruments = vec![spec.clone()];
                (part.data.from_ns, part.data.to_ns) = span_ns;
                (part.data.malformed_skip, part.data.cache) = (true, None);
                found.extend(of_part(&part, vec![Day { label, to_ns: i64::MAX }], true)?);
            }
        }
    }
    let rows: u64 = found.iter().map(|day| day.stats.rows_in + skipped(&day.source)).sum();
    if rows == 0 {
        let symbol = symbol.map_or_else(|| "the config's symbols".into(), |s| format!("`{s}`"));
        let day = day.map_or_else(|| "its span".into(), |day| format!("trading day {day}"));
        return Err(InspectError::Nothing(format!("no rows of {symbol} in {day}")));
    }
    found.retain(|day| day.stats.rows_in + skipped(&day.source) > 0);
    Ok(found)
}

/// Looks at all days of one instrument of a config in one reading, and at what the source left out of all of them.
///
/// # Errors
/// Rows cannot be read.
pub fn whole(config: &Config, index: usize) -> Result<(Vec<Inspected>, SourceStats), InspectError> {
    let spec = &config.instruments[index];
    let mut part = config.clone();
    part.instruments = vec![spec.clone()];
    let mut found = of_part(&part, source::days(spec, &config.data), false)?;
    let source = found.iter_mut().rfind(|day| day.source != SourceStats::default());
    let source = source.map(|day| std::mem::take(&mut day.source)).unwrap_or_default();
    found.retain(|day| day.stats.rows_in > 0);
    Ok((found, source))
}

/// Looks at all rows of a config of one instrument, and says on which of these days they lie.
fn of_part(
    config: &Config,
    days: Vec<Day>,
    is_scale_asked: bool,
) -> Result<Vec<Inspected>, InspectError> {
    let instrument = &config.instruments[0].instrument;
    let mut sources = source::open(config).map_err(FeedError::from)?;
    let mut feed = Feed::new(config.data.feed, sources.len(), std::slice::from_ref(instrument));
    let mut pending: Vec<Pending> = sources.iter().map(|_| Pending::default()).collect();
    let mut raws: Vec<Raw> = sources.iter().map(|_| Raw::default()).collect();
    let mut look = Look {
        instrument,
        stale_after_ns: config.data.quality.stale_after_ns,
        trade_first_ns: None,
        prices: is_scale_asked.then(Prices::default),
    };
    let mut found = Days::new(&instrument.symbol, days);
    let mut seen = 0;
    loop {
        feed.pump();
        for event in feed.window().events_from(seen) {
            look.at(found.of(event.ts_exch_ns), event);
        }
        seen = feed.window().row_end();
        feed.free_before(seen);
        if feed.is_done() {
            break;
        }
        if let Some(stream) = feed.starving() {
            let (raw, found) = (&mut raws[stream], &mut found);
            let note = |chunk: &Chunk| raw.take(chunk, found);
            pending[stream].feed(&mut feed, stream, sources[stream].as_mut(), note)?;
        }
        if let Some(number) = signal::caught() {
            return Err(InspectError::Signal(number));
        }
    }
    raws.iter_mut().for_each(|raw| raw.close(&mut found));
    let mut found = found.days;
    for day in &mut found {
        // What came in and did not get into the window.
        let FeedStats { rows_in, books_in, trades_in, .. } = day.stats;
        day.stats.dropped_duplicates = rows_in - books_in - trades_in;
        if day.stats.dropped_duplicates == 0 {
            day.first.remove("dropped_duplicates");
        }
    }
    debug_assert!(
        found.len() != 1 || found[0].stats == feed.stats()[0],
        "Invariant: the counts are those of the feed"
    );
    let Some(last) = found.last_mut() else { return Ok(found) };
    for source in &sources {
        let stats = source.stats();
        last.source.rows_read += stats.rows_read;
        last.source.rows_selected += stats.rows_selected;
        last.source.books_cut += stats.books_cut;
        for (reason, rows) in &stats.skipped {
            *last.source.skipped.entry(reason.clone()).or_default() += rows;
        }
        for (reason, place) in &stats.skipped_first {
            last.source.skipped_first.entry(reason.clone()).or_insert_with(|| place.clone());
        }
    }
    let price_scale = config.data.shape.price_scale.map_or(1_000_000, i64::unsigned_abs);
    last.scale = look.prices.and_then(|prices| prices.judge(instrument, price_scale));
    Ok(found)
}

/// The days of one symbol, and which was the last one looked for.
struct Days {
    ends_ns: Vec<i64>,
    days: Vec<Inspected>,
    at: usize,
}

impl Days {
    fn new(symbol: &str, days: Vec<Day>) -> Self {
        let ends_ns = days.iter().map(|day| day.to_ns).collect();
        let empty = |day: Day| Inspected {
            symbol: symbol.into(),
            day: day.label,
            stats: FeedStats::default(),
            source: SourceStats::default(),
            ticks: Ticks::default(),
            off_ladder: 0,
            stale: 0,
            scale: None,
            first: BTreeMap::new(),
        };
        Days { ends_ns, days: days.into_iter().map(empty).collect(), at: 0 }
    }

    /// The day of an instant; the last has no end.
    fn of(&mut self, ts_ns: i64) -> &mut Inspected {
        let is_here =
            ts_ns < self.ends_ns[self.at] && (self.at == 0 || ts_ns >= self.ends_ns[self.at - 1]);
        if !is_here {
            let at = self.ends_ns.partition_point(|end_ns| *end_ns <= ts_ns);
            self.at = at.min(self.days.len() - 1);
        }
        &mut self.days[self.at]
    }
}

fn skipped(source: &SourceStats) -> u64 {
    source.skipped.values().sum()
}

/// Counts that every plain row is in.
const PLAIN: [&str; 4] = ["rows_in", "books_in", "trades_in", "rows_used"];

/// What finished rows are held against.
struct Look<'a> {
    instrument: &'a Instrument,
    stale_after_ns: Option<i64>,
    /// Stamp of the first trade in the session that no book has followed.
    trade_first_ns: Option<i64>,
    prices: Option<Prices>,
}

impl Look<'_> {
    fn at(&mut self, day: &mut Inspected, event: &Event) {
        let is_trade = event.kind == kind::TRADE;
        if !is_trade {
            self.trade_first_ns = None;
        }
        if !matches!(event.kind, kind::BOOK | kind::TRADE) {
            return;
        }
        let prices: &[i64] = match is_trade {
            true => &[event.trade_price],
            false => &[event.bid_price, event.ask_price],
        };
        if let Some(seen) = &mut self.prices
            && event.flags & flags::SENTINEL == 0
        {
            seen.take(prices);
        }
        let is_off = |&price: &i64| price != UNDEF_PRICE && !is_on_tick(self.instrument, price);
        if prices.iter().any(is_off) {
            day.off_ladder += 1;
            day.note("off_ladder", event);
        }
        if let Some(after_ns) = self.stale_after_ns
            && is_trade
            && event.flags & (flags::OUT_OF_SESSION | flags::AUCTION | flags::AUCTION_PRINT) == 0
        {
            let first_ns = *self.trade_first_ns.get_or_insert(event.ts_exch_ns);
            if event.ts_exch_ns.saturating_sub(first_ns) > after_ns {
                day.stale += 1;
                day.note("stale", event);
            }
        }
        day.stats.count(event);
        let mut alone = FeedStats::default();
        alone.count(event);
        for (name, rows) in feed_counts(&alone) {
            if rows > 0 && !PLAIN.contains(&name) {
                day.note(name, event);
            }
        }
    }
}

impl Inspected {
    fn note(&mut self, name: &str, event: &Event) {
        if !self.first.contains_key(name) {
            self.first.insert(name.into(), text_of(event));
        }
    }

    /// Its counts that are not always there, by name: those of the feed, of the ladder, and of the source.
    fn counts(&self) -> Vec<(String, u64)> {
        let feed = feed_counts(&self.stats).into_iter().filter(|(name, _)| !PLAIN.contains(name));
        let feed = feed.map(|(name, rows)| (name.to_owned(), rows));
        let skipped =
            self.source.skipped.iter().map(|(why, rows)| (format!("skipped_{why}"), *rows));
        let own = [("off_ladder".to_owned(), self.off_ladder), ("stale".to_owned(), self.stale)];
        feed.chain(own).chain(skipped).collect()
    }

    /// The first row of a count.
    pub fn first_of(&self, name: &str) -> Option<&str> {
        let skipped =
            name.strip_prefix("skipped_").and_then(|why| self.source.skipped_first.get(why));
        skipped.or_else(|| self.first.get(name)).map(String::as_str)
    }
}

/// A row in words.
fn text_of(event: &Event) -> String {
    let price = |price: i64| match price {
        UNDEF_PRICE => "-".into(),
        price => decimal_text(price.into(), 6),
    };
    let what = match event.kind {
        kind::TRADE => format!("trade {} x {}", price(event.trade_price), event.trade_qty),
        _ => format!(
            "book {} x {} | {} x {}",
            price(event.bid_price),
            event.bid_qty,
            price(event.ask_price),
            event.ask_qty
        ),
    };
    format!("{} {what}", instant_text(event.ts_exch_ns))
}

/// The raw rows of one stream: its ticks at one stamp, and what only raw rows tell.
struct Raw {
    ts_newest_ns: i64,
    ts_ns: i64,
    /// Price, quantity, aggressor; and how many of them.
    groups: Vec<((i64, u32, i8), u64)>,
    /// The row before, with its number.
    previous: Option<(Event, u64)>,
}

impl Default for Raw {
    fn default() -> Self {
        Raw { ts_newest_ns: i64::MIN, ts_ns: 0, groups: Vec::new(), previous: None }
    }
}

impl Raw {
    fn take(&mut self, chunk: &Chunk, days: &mut Days) {
        for (event, &seq) in chunk.events.iter().zip(&chunk.seqs) {
            if event.kind == kind::TRADE {
                if event.ts_exch_ns != self.ts_ns {
                    self.close(days);
                    self.ts_ns = event.ts_exch_ns;
                }
                let tick = (event.trade_price, event.trade_qty, event.aggressor);
                match self.groups.iter_mut().find(|(known, _)| *known == tick) {
                    Some((_, rows)) => *rows += 1,
                    None => self.groups.push((tick, 1)),
                }
            }
            let day = days.of(event.ts_exch_ns);
            day.stats.rows_in += 1;
            if event.ts_exch_ns < self.ts_newest_ns {
                day.stats.reordered += 1;
                day.note("reordered", event);
            }
            self.ts_newest_ns = self.ts_newest_ns.max(event.ts_exch_ns);
            if seq != 0 && self.previous == Some((*event, seq)) {
                // The likely first; whether the feed drops it, it decides itself.
                day.note("dropped_duplicates", event);
            }
            self.previous = Some((*event, seq));
        }
    }

    fn close(&mut self, days: &mut Days) {
        if self.groups.is_empty() {
            return;
        }
        let ticks = &mut days.of(self.ts_ns).ticks;
        for (_, rows) in self.groups.drain(..) {
            ticks.all += rows;
            ticks.alike += if rows > 1 { rows } else { 0 };
            ticks.even += if rows % 2 == 0 { rows } else { 0 };
        }
    }
}

/// As JSON, every count of every day.
pub fn document(days: &[Inspected], breaches: &[Breach]) -> Value {
    let of_day = |day: &Inspected| {
        let counts: Map<String, Value> = feed_counts(&day.stats)
            .into_iter()
            .map(|(name, rows)| (name.to_owned(), rows.into()))
            .chain([("off_ladder".to_owned(), day.off_ladder.into())])
            .chain([("stale".to_owned(), day.stale.into())])
            .collect();
        let names = day.counts();
        let first: Map<String, Value> = names
            .iter()
            .filter_map(|(name, _)| Some((name.clone(), day.first_of(name)?.into())))
            .collect();
        json!({
            "symbol": day.symbol,
            "day": day.day,
            "rows_read": day.source.rows_read,
            "rows_selected": day.source.rows_selected,
            "books_cut": day.source.books_cut,
            "skipped": day.source.skipped,
            "counts": counts,
            "first": first,
            "scale": day.scale.as_ref().map(Misscaled::text),
            "ticks": { "all": day.ticks.all, "alike": day.ticks.alike, "even": day.ticks.even },
        })
    };
    json!({
        "format": "btcore-inspect",
        "version": 1,
        "days": days.iter().map(of_day).collect::<Vec<_>>(),
        "exceeded": quality::document(breaches),
    })
}

/// As tables: rows by symbol and day, those marked that exceed a threshold, the first of each reason, what tells equal ticks
/// apart, and prices that look odd.
pub fn table(days: &[Inspected], breaches: &[Breach]) -> String {
    let mut totals: BTreeMap<String, u64> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for day in days {
        for (name, rows) in day.counts() {
            if !names.contains(&name) {
                names.push(name.clone());
            }
            *totals.entry(name).or_default() += rows;
        }
    }
    names.retain(|name| totals[name] > 0);
    let word = |name: &String| name.replace("excluded_", "").replace('_', " ");
    let fixed = ["symbol", "day", "rows in", "used"].map(String::from).into_iter();
    let mut rows = vec![fixed.chain(names.iter().map(word)).collect::<Vec<_>>()];
    for day in days {
        let counts: BTreeMap<String, u64> = day.counts().into_iter().collect();
        let rows_in = day.stats.rows_in + skipped(&day.source);
        let fixed =
            [day.symbol.clone(), day.day.clone(), count(rows_in), count(day.stats.rows_used)];
        let is_over = |name: &str| {
            breaches.iter().any(|breach| {
                (&breach.symbol, &breach.day) == (&day.symbol, &day.day)
                    && quality::of_reason(day, breach.reason).is_some_and(|(_, of)| of == name)
            })
        };
        let of = |name: &String| {
            let mark = if is_over(name) { "!" } else { "" };
            format!("{}{mark}", count(counts.get(name).copied().unwrap_or(0)))
        };
        rows.push(fixed.into_iter().chain(names.iter().map(of)).collect());
    }
    let mut text = aligned(&rows, false);
    let mut rows = Vec::new();
    for name in &names {
        let day = days.iter().find_map(|day| Some((day, day.first_of(name)?)));
        rows.extend(
            day.map(|(day, first)| {
                vec![word(name), format!("{} {}: {first}", day.symbol, day.day)]
            }),
        );
    }
    if !rows.is_empty() {
        text.push_str("\nthe first of each\n");
        text.push_str(&aligned(&rows, true));
    }
    let alike: u64 = days.iter().map(|day| day.ticks.alike).sum();
    if alike > 0 {
        let share = |part: u64, all: u64| match all {
            0 => "-".into(),
            all => format!("{:.1} %", part as f64 * 100.0 / all as f64),
        };
        text.push_str("\nticks that equal another at their stamp\n");
        let mut rows = vec![
            ["symbol", "day", "ticks", "alike", "share", "in even numbers"]
                .map(String::from)
                .to_vec(),
        ];
        for day in days.iter().filter(|day| day.ticks.all > 0) {
            let Ticks { all, alike, even } = day.ticks;
            let (symbol, label) = (day.symbol.clone(), day.day.clone());
            rows.push(vec![
                symbol,
                label,
                count(all),
                count(alike),
                share(alike, all),
                share(even, all),
            ]);
        }
        text.push_str(&aligned(&rows, false));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "a few are one order that met several; nearly all in even numbers is a source that writes each twice: \
             data.duplicates: drop_second_tick"
        );
    }
    for day in days {
        if let Some(scale) = &day.scale {
            let _ = writeln!(text, "\n{} {}: {}", day.symbol, day.day, scale.text());
        }
    }
    if !breaches.is_empty() {
        text.push_str("\nthresholds of data.quality that are exceeded (marked ! above)\n");
        text.push_str(&quality::table(breaches));
    }
    text
}
