//! `bt-host inspect`: what the rows of a config are like, by symbol and trading day, before anybody bets on them.
//!
//! Each (symbol, day) is read by itself and goes through the feed that a run has, so its counts are those of a run over that
//! day; rows that cannot be read are counted, whatever `data.malformed` says. Invariants: every row is in exactly one of used,
//! excluded by a reason, dropped or skipped; each reason comes with its first row. Whether equal ticks are legal at a
//! venue or double writes of a source cannot be told from one of them: of all ticks that equal another at their stamp, those in
//! even numbers are told, before any are dropped. Memory: a window and a chunk a stream.

use crate::config::Config;
use crate::config::data::SourceSpec;
use crate::config::scalar::{decimal_text, instant_text};
use crate::output::result::feed_counts;
use crate::output::table::{aligned, count};
use crate::signal;
use crate::source::pending::{FeedError, Pending};
use crate::source::{self, Chunk, Day, SourceStats};
use btcore::exchange::is_on_tick;
use btcore::feed::{Feed, FeedStats};
use btcore::wire::{Event, Instrument, UNDEF_PRICE, kind};
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
                found.push(of_part(&part, label)?);
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

/// Looks at all rows of a config of one instrument.
fn of_part(config: &Config, day: String) -> Result<Inspected, InspectError> {
    let instrument = &config.instruments[0].instrument;
    let mut sources = source::open(config).map_err(FeedError::from)?;
    let mut feed = Feed::new(config.data.feed, sources.len(), std::slice::from_ref(instrument));
    let mut pending: Vec<Pending> = sources.iter().map(|_| Pending::default()).collect();
    let mut stamps: Vec<Stamp> = sources.iter().map(|_| Stamp::default()).collect();
    let mut found = Inspected {
        symbol: instrument.symbol.clone(),
        day,
        stats: FeedStats::default(),
        source: SourceStats::default(),
        ticks: Ticks::default(),
        off_ladder: 0,
        first: BTreeMap::new(),
    };
    let mut seen = 0;
    loop {
        feed.pump();
        for event in feed.window().events_from(seen) {
            found.look(instrument, event);
        }
        seen = feed.window().row_end();
        feed.free_before(seen);
        if feed.is_done() {
            break;
        }
        if let Some(stream) = feed.starving() {
            let (stamp, ticks) = (&mut stamps[stream], &mut found.ticks);
            let note = |chunk: &Chunk| stamp.take(chunk, ticks);
            pending[stream].feed(&mut feed, stream, sources[stream].as_mut(), note)?;
        }
        if let Some(number) = signal::caught() {
            return Err(InspectError::Signal(number));
        }
    }
    stamps.iter_mut().for_each(|stamp| stamp.close(&mut found.ticks));
    found.stats = feed.stats()[0];
    for source in &sources {
        let stats = source.stats();
        found.source.rows_read += stats.rows_read;
        found.source.rows_selected += stats.rows_selected;
        found.source.books_cut += stats.books_cut;
        for (reason, rows) in &stats.skipped {
            *found.source.skipped.entry(reason.clone()).or_default() += rows;
        }
        for (reason, place) in &stats.skipped_first {
            found.source.skipped_first.entry(reason.clone()).or_insert_with(|| place.clone());
        }
    }
    Ok(found)
}

fn skipped(source: &SourceStats) -> u64 {
    source.skipped.values().sum()
}

/// Counts that every plain row is in.
const PLAIN: [&str; 4] = ["rows_in", "books_in", "trades_in", "rows_used"];

impl Inspected {
    fn look(&mut self, instrument: &Instrument, event: &Event) {
        if !matches!(event.kind, kind::BOOK | kind::TRADE) {
            return;
        }
        let is_off = |price: i64| price != UNDEF_PRICE && !is_on_tick(instrument, price);
        let is_off = match event.kind {
            kind::TRADE => is_off(event.trade_price),
            _ => is_off(event.bid_price) || is_off(event.ask_price),
        };
        if is_off {
            self.off_ladder += 1;
            self.note("off_ladder", event);
        }
        let mut alone = FeedStats::default();
        alone.count(event);
        for (name, rows) in feed_counts(&alone) {
            if rows > 0 && !PLAIN.contains(&name) {
                self.note(name, event);
            }
        }
    }

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
        let ladder = std::iter::once(("off_ladder".to_owned(), self.off_ladder));
        feed.chain(ladder).chain(skipped).collect()
    }

    /// The first row of a count.
    fn first_of(&self, name: &str) -> Option<&str> {
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

/// The ticks of one stream at one stamp.
#[derive(Default)]
struct Stamp {
    ts_ns: i64,
    /// Price, quantity, aggressor; and how many of them.
    groups: Vec<((i64, u32, i8), u64)>,
}

impl Stamp {
    fn take(&mut self, chunk: &Chunk, ticks: &mut Ticks) {
        for event in chunk.events.iter().filter(|event| event.kind == kind::TRADE) {
            if event.ts_exch_ns != self.ts_ns {
                self.close(ticks);
                self.ts_ns = event.ts_exch_ns;
            }
            let tick = (event.trade_price, event.trade_qty, event.aggressor);
            match self.groups.iter_mut().find(|(known, _)| *known == tick) {
                Some((_, rows)) => *rows += 1,
                None => self.groups.push((tick, 1)),
            }
        }
    }

    fn close(&mut self, ticks: &mut Ticks) {
        for (_, rows) in self.groups.drain(..) {
            ticks.all += rows;
            ticks.alike += if rows > 1 { rows } else { 0 };
            ticks.even += if rows % 2 == 0 { rows } else { 0 };
        }
    }
}

/// As JSON, every count of every day.
pub fn document(days: &[Inspected]) -> Value {
    let of_day = |day: &Inspected| {
        let counts: Map<String, Value> = feed_counts(&day.stats)
            .into_iter()
            .map(|(name, rows)| (name.to_owned(), rows.into()))
            .chain([("off_ladder".to_owned(), day.off_ladder.into())])
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
            "ticks": { "all": day.ticks.all, "alike": day.ticks.alike, "even": day.ticks.even },
        })
    };
    json!({
        "format": "btcore-inspect",
        "version": 1,
        "days": days.iter().map(of_day).collect::<Vec<_>>(),
    })
}

/// As tables: rows by symbol and day, the first of each reason, and what tells equal ticks apart.
pub fn table(days: &[Inspected]) -> String {
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
        let of = |name: &String| count(counts.get(name).copied().unwrap_or(0));
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
    text
}
