//! The synthetic exchange of the host, from the host's own files, without the host: of what it depends on, only the writers
//! of Parquet are heavy, and they stay behind.

#[path = "../../src/host/synth/config.rs"]
#[allow(dead_code, reason = "the host's own list of presets")]
mod config;
#[path = "../../src/host/synth/exchange.rs"]
mod exchange;
#[path = "../../src/host/synth/flow.rs"]
mod flow;
#[path = "../../src/host/synth/queues.rs"]
mod queues;
#[path = "../../src/host/synth/rng.rs"]
mod rng;
#[path = "../../src/host/synth/rows.rs"]
mod rows;

pub use config::{FlowConfig, SessionSpan, SynthConfig};
pub use exchange::{Synth, SynthStats};
pub use rng::Rng;
pub use rows::{Body, L3Event, SynthRow, TruthRow};

/// Why a tape could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// A parameter breaks a rule.
    #[error("synthetic exchange: {0}")]
    Config(&'static str),
}
