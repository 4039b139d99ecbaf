//! The rows of any source as hftbacktest's events, in npz files.
//!
//! Rows are those that a run sees: decoded by the config's rules, in the order of the feed, flagged by its sessions; then `encode` says
//! what is written. The local time is the recorded time of receipt; where there is none, or it lies before the exchange's
//! or more than an hour behind it, the exchange's stands in, and the rows are counted. Invariants: a file is in order by both clocks, and so
//! are a symbol's files one behind the other, since the levels left alive and the rows on their way go on into the next day.
//! Memory: a window and a chunk a stream, and the rows on their way.

use super::encode::{Change, Encoder, Fate, LeftOut, ev};
use super::npz::{EventFile, Row};
use super::two_clocks::{Moment, TwoClocks};
use super::{About, Days, ExportError, Folder};
use crate::config::Config;
use crate::output::OutputError;
use crate::signal;
use crate::source::pending::Pending;
use crate::source::{self, RowSource};
use btcore::feed::Feed;
use btcore::wire::limits::LATENCY_NS_MAX;
use btcore::wire::{Depth, Event, PRICE_SCALE, UNDEF_TIME};
use serde_json::{Value, json};
use std::slice::from_ref;

/// Writes every symbol's files, and tells what of its rows is in them.
pub fn export(
    config: &Config,
    folder: &mut Folder,
    mut tell: impl FnMut(u64, Option<u64>, i64),
) -> Result<About, ExportError> {
    let (mut places, mut symbols) = (Vec::new(), Vec::new());
    let mut rows_before = 0;
    for spec in &config.instruments {
        let mut part = config.clone();
        part.instruments = vec![spec.clone()];
        let mut sources = source::open(&part)?;
        let rows_total: Option<u64> = sources.iter().map(|one| one.rows_total_hint()).sum();
        let mut symbol = Symbol {
            name: &spec.instrument.symbol,
            days: Days::new(spec, &config.data),
            encoder: Encoder::new(spec.instrument.depth_max.into()),
            clocks: TwoClocks::default(),
            unclocked: 0,
            split: 0,
            open: None,
            folder: &mut *folder,
        };
        let mut feed = Feed::new(config.data.feed, sources.len(), from_ref(&spec.instrument));
        let mut pending: Vec<Pending> = sources.iter().map(|_| Pending::default()).collect();
        let mut rows = 0;
        loop {
            feed.pump();
            let window = feed.window();
            for event in window.events_from(rows) {
                symbol.take(event, window.depth(event.depth_ix))?;
            }
            if let Some(last) = window.events_from(rows).last() {
                tell(rows_before + window.row_end(), rows_total, last.ts_exch_ns);
            }
            rows = window.row_end();
            feed.free_before(rows);
            if feed.is_done() {
                break;
            }
            if let Some(stream) = feed.starving() {
                pending[stream].feed(&mut feed, stream, sources[stream].as_mut(), |_| {})?;
            }
            if let Some(number) = signal::caught() {
                return Err(ExportError::Signal(number));
            }
        }
        rows_before += rows;
        symbols.push(symbol.finish(&sources, feed.stats()[0].dropped_duplicates)?);
        places.extend(sources.iter().map(|one| one.describe()));
    }
    places.dedup();
    let place = places.join(", ");
    if folder.files.is_empty() {
        return Err(ExportError::NoData(place));
    }
    Ok(About { place, more: ("symbols", symbols) })
}

/// The rows of one symbol on their way into its files, one of which is open at a time.
struct Symbol<'a> {
    name: &'a str,
    days: Days,
    encoder: Encoder,
    clocks: TwoClocks,
    /// Rows without a usable time of receipt.
    unclocked: u64,
    /// Rows that are there twice, once for each clock.
    split: u64,
    open: Option<EventFile>,
    folder: &'a mut Folder,
}

impl Symbol<'_> {
    fn take(&mut self, event: &Event, depth: &Depth) -> Result<(), OutputError> {
        let mut changes = Vec::new();
        if matches!(self.encoder.encode(event, depth, &mut changes), Fate::Book | Fate::Trade(_)) {
            let exch_ns = event.ts_exch_ns;
            let local_ns = received_ns(event);
            self.unclocked += u64::from(local_ns.is_none());
            let local_ns = local_ns.unwrap_or(exch_ns);
            self.clocks.push(Moment { exch_ns, local_ns, changes });
        }
        self.write()
    }

    /// Writes the rows whose place is sure.
    fn write(&mut self) -> Result<(), OutputError> {
        while let Some((clocks, moment)) = self.clocks.pop() {
            let happens = clocks & ev::EXCH != 0;
            // What is only heard of stays where the sequence is.
            if (happens || self.open.is_none()) && self.days.reach(moment.exch_ns) {
                self.close()?;
            }
            self.split += u64::from(clocks == ev::LOCAL);
            let file = match &mut self.open {
                Some(file) => file,
                none => {
                    let day = &self.days.day.label;
                    let path = self.folder.begin(self.name, day, moment.exch_ns)?;
                    none.insert(EventFile::create(path)?)
                }
            };
            for change in &moment.changes {
                file.write(&row(clocks, &moment, change))?;
            }
            self.folder.count(moment.changes.len() as u64, moment.exch_ns);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), OutputError> {
        match self.open.take() {
            Some(file) => self.folder.end(&file.close()?),
            None => Ok(()),
        }
    }

    /// Ends the last file, and says what became of the symbol's rows.
    fn finish(
        mut self,
        sources: &[Box<dyn RowSource>],
        duplicates: u64,
    ) -> Result<Value, OutputError> {
        self.clocks.close();
        self.write()?;
        self.close()?;
        let LeftOut { books_invalid, trades_invalid, trades_unsided } = self.encoder.left_out();
        let skipped = sources.iter().flat_map(|one| one.stats().skipped.values()).sum::<u64>();
        let books_cut = sources.iter().map(|one| one.stats().books_cut).sum::<u64>();
        Ok(json!({
            "symbol": self.name,
            "left_out": {
                "books_invalid": books_invalid,
                "trades_invalid": trades_invalid,
                "trades_unsided": trades_unsided,
                "duplicates": duplicates,
                "skipped": skipped,
            },
            "books_cut_to_five_levels": books_cut,
            "no_receive_time": self.unclocked,
            "out_of_receive_order": self.split,
        }))
    }
}

/// When a row was received, if its clock can be believed.
fn received_ns(event: &Event) -> Option<i64> {
    let is_usable = event.ts_recv_ns != UNDEF_TIME
        && (0..=LATENCY_NS_MAX).contains(&event.ts_recv_ns.saturating_sub(event.ts_exch_ns));
    is_usable.then_some(event.ts_recv_ns)
}

fn row(clocks: u64, moment: &Moment, change: &Change) -> Row {
    Row {
        ev: change.ev | clocks,
        exch_ts: moment.exch_ns,
        local_ts: moment.local_ns,
        // The nearest float to the decimal price: both are exact.
        px: change.price as f64 / PRICE_SCALE as f64,
        qty: f64::from(change.qty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Folder, Format};
    use crate::source::Day;
    use btcore::wire::kind;

    #[test]
    fn a_row_that_is_heard_of_before_any_happens_has_a_day() {
        let root = std::env::temp_dir().join(format!("bt-host-npz-{}", uuid::Uuid::now_v7()));
        let mut folder = Folder { root: root.clone(), format: Format::Npz, files: Vec::new() };
        let days = Days {
            rest: vec![Day { label: "2026-04-08".into(), to_ns: i64::MAX }].into_iter(),
            day: Day { label: String::new(), to_ns: i64::MIN },
        };
        let mut symbol = Symbol {
            name: "TXF",
            days,
            encoder: Encoder::new(5),
            clocks: TwoClocks::default(),
            unclocked: 0,
            split: 0,
            open: None,
            folder: &mut folder,
        };
        let trade = |ts_exch_ns, ts_recv_ns| Event {
            ts_exch_ns,
            ts_recv_ns,
            kind: kind::TRADE,
            trade_price: PRICE_SCALE,
            trade_qty: 1,
            aggressor: 1,
            ..Event::EMPTY
        };
        // The second one of a stamp is received before the first.
        for event in [trade(10, 30), trade(10, 20), trade(40, 41)] {
            symbol.take(&event, &Depth::EMPTY).expect("it is written");
        }
        let told = symbol.finish(&[], 3).expect("it is written");
        let _ = std::fs::remove_dir_all(&root);
        assert_eq!(told["left_out"]["duplicates"], 3);
        let files: Vec<(&str, u64)> =
            folder.files.iter().map(|file| (file.day.as_str(), file.rows)).collect();
        assert_eq!(files, [("2026-04-08", 4)], "two at once, one for each clock");
    }
}
