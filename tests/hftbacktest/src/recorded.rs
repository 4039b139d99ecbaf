//! Recorded TAIFEX days, and the rows of a config as the core finishes them.
//!
//! The recordings are not part of the project: they are looked for in `../shared/data` beside the checkout, or in the folder
//! that `BT_DATA_DIR` names.

use crate::Row;
use bt_host::config::{self, Config, LoadOptions, fault::SourceText};
use bt_host::source::{self, pending::Pending};
use btcore::feed::Feed;
use btcore::wire::{Instrument, flags, kind};
use std::path::{Path, PathBuf};

/// The folder of recordings, if it is there.
pub fn recordings() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let dir = std::env::var_os("BT_DATA_DIR").map_or(beside, PathBuf::from);
    let dir = dir.canonicalize().ok()?;
    dir.join("taifex_txfd6_2026-04-08.parquet").is_file().then_some(dir)
}

/// The config of a recorded day.
pub fn config(dir: &Path, day: &str) -> Config {
    let file = format!("parquet: {{ files: [\"{}/taifex_txfd6_{day}.parquet\"] }}", dir.display());
    over(&file, day)
}

/// The config of a day of TXFD6 over a source of rows.
pub fn over(source: &str, day: &str) -> Config {
    let text = format!(
        "version: 1\nname: twin\ndata: {{ {source}, from: {day}, to: {day}, \
         ts_grid_ns: 1000000, duplicates: drop_exact }}\ninstruments: [{{ symbol: TXFD6, exchange: TAIFEX, tick: 1, \
         multiplier: 200, sessions: {{ time_zone: Asia/Taipei, list: [{{ open: \"08:45\", close: \"13:45\" }}, \
         {{ open: \"15:00\", close: \"05:00+1\", trading_day: next }}] }} }}]\ncapital: 1\nlatency: {{ feed: 0, submit: 0, amend: 0, cancel: 0, \
         response: 0 }}\nstrategies: [{{ name: m, path: \"builtin:market_maker\" }}]\n"
    );
    let source = SourceText { name: "twin.yaml".into(), text };
    let config = config::parse(source, Path::new(""), &LoadOptions::default()).0;
    config.unwrap_or_else(|faults| panic!("{faults}"))
}

/// The rows of a config as the core finishes them, those within a session.
pub fn rows(config: &Config) -> Vec<Row> {
    let instruments: Vec<Instrument> =
        config.instruments.iter().map(|spec| spec.instrument.clone()).collect();
    let mut sources = source::open(config).expect("the rows open");
    let mut pending: Vec<Pending> = sources.iter().map(|_| Pending::default()).collect();
    let mut feed = Feed::new(config.data.feed, sources.len(), &instruments);
    let mut rows = Vec::new();
    let mut row = 0;
    loop {
        feed.pump();
        let window = feed.window();
        while let Some(event) = window.event(row) {
            if matches!(event.kind, kind::BOOK | kind::TRADE)
                && event.flags & flags::OUT_OF_SESSION == 0
            {
                rows.push((*event, *window.depth(event.depth_ix)));
            }
            row += 1;
        }
        if feed.is_done() {
            return rows;
        }
        if !window.has_room() {
            feed.free_before(row);
        } else if let Some(stream) = feed.starving() {
            let source = sources[stream].as_mut();
            pending[stream].feed(&mut feed, stream, source, |_| {}).expect("the rows are read");
        }
    }
}
