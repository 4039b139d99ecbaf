//! The synthetic exchange as a source of rows: the demo's market, and any config's that says `data.synth`.
//!
//! Invariants: rows are made as they are asked for, so memory does not grow with the tape; the tape is a
//! function of preset, seed, symbol, tick and sessions. Every stamp is exact, every side is shown whole.

use super::{Chunk, RowSource, SourceError, SourceStats};
use crate::config::Config;
use crate::config::data::SourceSpec;
use crate::synth::{Body, SessionSpan, Synth, SynthConfig, SynthRow};
use btcore::wire::{Depth, Event, LEVELS_MAX, kind};

/// A tape in the making.
pub struct SynthSource {
    synth: Synth,
    chunk_rows: usize,
    stats: SourceStats,
}

/// The recipe of the tape that a config's synthetic exchange makes; `None` where its source is another one.
///
/// # Errors
/// The preset is unknown, or the config's instrument does not fit it.
pub fn recipe(config: &Config) -> Result<Option<SynthConfig>, SourceError> {
    let data = &config.data;
    let SourceSpec::Synth { preset, seed, book_interval_ns } = &data.source else {
        return Ok(None);
    };
    let refuse = |what: String| SourceError::Synth { message: what };
    let [spec] = config.instruments.as_slice() else {
        let count = config.instruments.len();
        return Err(refuse(format!("it makes one instrument, and the config has {count}")));
    };
    let (instrument, from_ns, to_ns) = (&spec.instrument, data.from_ns, data.to_ns);
    let mut config = SynthConfig::preset(preset)
        .ok_or_else(|| refuse(format!("there is no preset `{preset}`")))?;
    config.seed = *seed;
    config.book_interval_ns = *book_interval_ns;
    if *book_interval_ns == 0 {
        config.ts_grid_ns = 1; // Else books and trades of one stamp would alternate.
    }
    config.symbol.clone_from(&instrument.symbol);
    config.exchange.clone_from(&instrument.exchange);
    let clip = |open_ns: i64, close_ns: i64| SessionSpan {
        start_ts_ns: open_ns.max(from_ns),
        end_ts_ns: close_ns.min(to_ns),
    };
    config.sessions = match instrument.sessions.as_slice() {
        [] => vec![clip(from_ns, to_ns)],
        sessions => sessions.iter().map(|s| clip(s.open_ns, s.close_ns)).collect(),
    };
    config.sessions.retain(|span| span.start_ts_ns < span.end_ts_ns);
    if config.sessions.is_empty() {
        let symbol = &instrument.symbol;
        let message = format!("no session of {symbol} lies within data.from and data.to");
        return Err(SourceError::NoSession { message });
    }
    let fits = instrument.ticks.iter().rfind(|step| step.price_from <= config.start_price_e6);
    if fits.is_none_or(|step| config.tick_e6 % step.tick != 0) {
        return Err(refuse(format!(
            "preset `{preset}` trades around {}e-6 in ticks of {}e-6, which is not on the ladder of {}",
            config.start_price_e6, config.tick_e6, instrument.symbol
        )));
    }
    Ok(Some(config))
}

impl SynthSource {
    /// A source of the tape. The instrument is number 0 of the run.
    ///
    /// # Errors
    /// A parameter breaks a rule.
    pub fn new(config: SynthConfig, chunk_rows: usize) -> Result<Self, SourceError> {
        let synth =
            Synth::new(config).map_err(|e| SourceError::Synth { message: e.to_string() })?;
        Ok(SynthSource { synth, chunk_rows, stats: SourceStats::default() })
    }
}

impl RowSource for SynthSource {
    fn next_chunk(&mut self, out: &mut Chunk) -> Result<bool, SourceError> {
        out.clear();
        for row in self.synth.by_ref().take(self.chunk_rows) {
            push(&row, out);
        }
        self.stats.rows_read += out.events.len() as u64;
        self.stats.rows_selected += out.events.len() as u64;
        Ok(!out.events.is_empty())
    }

    fn stats(&self) -> &SourceStats {
        &self.stats
    }

    fn describe(&self) -> String {
        let config = self.synth.config();
        format!("synthetic exchange, seed {}", config.seed)
    }

    fn rows_total_hint(&self) -> Option<u64> {
        None
    }
}

fn push(row: &SynthRow, out: &mut Chunk) {
    let lots = |qty: i64| u32::try_from(qty).unwrap_or(u32::MAX);
    let mut event =
        Event { ts_exch_ns: row.ts_exch_ns, ts_recv_ns: row.ts_exch_ns, ..Event::EMPTY };
    match &row.body {
        Body::Trade { price_e6, qty_lots, side } => {
            event.kind = kind::TRADE;
            (event.trade_price, event.trade_qty) = (*price_e6, lots(*qty_lots));
            event.aggressor = *side;
        }
        Body::Book { bids, asks } => {
            event.kind = kind::BOOK;
            let mut depth = Depth {
                bid_levels: bids.len().min(LEVELS_MAX) as u8,
                ask_levels: asks.len().min(LEVELS_MAX) as u8,
                ..Depth::EMPTY
            };
            for (index, &(price, qty)) in bids.iter().enumerate() {
                match index {
                    0 => (event.bid_price, event.bid_qty) = (price, lots(qty)),
                    n => (depth.bid_price[n - 1], depth.bid_qty[n - 1]) = (price, lots(qty)),
                }
            }
            for (index, &(price, qty)) in asks.iter().enumerate() {
                match index {
                    0 => (event.ask_price, event.ask_qty) = (price, lots(qty)),
                    n => (depth.ask_price[n - 1], depth.ask_qty[n - 1]) = (price, lots(qty)),
                }
            }
            out.depths.push(depth);
        }
    }
    out.events.push(event);
    out.seqs.push(row.seq_no);
}
