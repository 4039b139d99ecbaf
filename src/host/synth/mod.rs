//! A synthetic exchange: order-driven, seeded, with real price-time queues, for demos and benches.
//!
//! Seeded order flow (`flow`) meets first-come queues (`queues`); the exchange (`exchange`) publishes
//! what a subscriber of a throttled five-level feed would see, and keeps the truth about every order
//! that rested, which no such feed tells. Invariants: equal configs give equal rows on every
//! platform; memory does not grow with the length of the tape. Units: ns UTC, price 1e-6, lots.
//! Cost: some 1 us a published row.

mod config;
mod exchange;
mod flow;
pub mod parquet;
pub mod profile;
mod queues;
pub mod rng;
mod rows;
#[cfg(test)]
mod tests;

pub use config::{BurstLaw, FlowConfig, PRESETS, SessionSpan, SizeLaw, SynthConfig};
pub use exchange::{Synth, SynthStats};
pub use rng::Rng;
pub use rows::{Body, DEPTH_MAX, End, L3Action, L3Event, Levels, SynthRow, TruthRow};

/// Why a tape could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// A parameter breaks a rule.
    #[error("synthetic exchange: {0}")]
    Config(&'static str),
    /// A Parquet file could not be written.
    #[error("synthetic exchange: writing Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// Columns did not fit their schema.
    #[error("synthetic exchange: building columns: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
}
