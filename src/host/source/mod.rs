//! Where rows come from.
pub mod synth;

use btcore::wire::{Depth, Event};
use std::collections::BTreeMap;

/// Rows of one stream, reused between reads.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Rows.
    pub events: Vec<Event>,
    /// One for each book.
    pub depths: Vec<Depth>,
    /// One for each row.
    pub seqs: Vec<u64>,
}

impl Chunk {
    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.depths.clear();
        self.seqs.clear();
    }
}

/// Counts.
#[derive(Debug, Default, Clone)]
pub struct SourceStats {
    /// Rows read.
    pub rows_read: u64,
    /// Rows given on.
    pub rows_selected: u64,
    /// Rows left out, by reason.
    pub skipped: BTreeMap<String, u64>,
}

/// A stream of rows.
pub trait RowSource: Send {
    /// The next rows; false at the proved end.
    fn next_chunk(&mut self, out: &mut Chunk) -> Result<bool, SourceError>;
    /// Counts so far.
    fn stats(&self) -> &SourceStats;
    /// For messages.
    fn describe(&self) -> String;
    /// Rows in all, where it is known.
    fn rows_total_hint(&self) -> Option<u64>;
}

/// Errors.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Synthetic.
    #[error("synthetic exchange: {message}")]
    Synth {
        /// Why.
        message: String,
    },
}

impl SourceError {
    /// Exit code.
    pub fn exit_code(&self) -> u8 {
        3
    }
}

/// Opens the sources of a config.
pub fn open(config: &crate::config::Config) -> Result<Vec<Box<dyn RowSource>>, SourceError> {
    use crate::config::data::SourceSpec;
    let data = &config.data;
    match &data.source {
        SourceSpec::Synth { preset, seed } => {
            let [spec] = config.instruments.as_slice() else {
                return Err(SourceError::Synth { message: "it makes one instrument".into() });
            };
            let recipe = synth::config(preset, *seed, &spec.instrument, data.from_ns, data.to_ns)?;
            Ok(vec![Box::new(synth::SynthSource::new(recipe, data.chunk_rows)?)])
        }
        _ => todo!(),
    }
}
