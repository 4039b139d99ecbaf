//! The demo: a synthetic session through the example market maker, no server, no network.
//!
//! Invariants: it is a run like any other, of the config that the repository ships as `configs/demo.yaml`; beside
//! the results it writes the tape that was traded and the truth about every order that rested in it.

use crate::config::fault::{Faults, SourceText};
use crate::config::{self, Config, LoadOptions};
use crate::output::OutputError;
use crate::source::synth;
use crate::synth::{SynthError, profile};
use std::fs::File;
use std::path::Path;

/// The demo's config, as the repository ships it.
pub const CONFIG: &str = include_str!("../../configs/demo.yaml");

/// Name of the file of published rows.
const TAPE_FILE: &str = "market_data.parquet";
/// Name of the file of order-level truth.
const TRUTH_FILE: &str = "orders_truth.parquet";

/// The demo's config with the command line's changes.
///
/// # Errors
/// Faults of the changes.
pub fn config(options: &LoadOptions) -> Result<Config, Faults> {
    let source = SourceText { name: "configs/demo.yaml (built in)".into(), text: CONFIG.into() };
    config::parse(source, Path::new(""), options).0
}

/// The tape that a config's synthetic exchange makes, if it has one.
fn tape(config: &Config) -> Option<crate::synth::Synth> {
    crate::synth::Synth::new(synth::recipe(config).ok()??).ok()
}

/// Writes the tape and its truth into `dir`.
///
/// # Errors
/// A file cannot be written.
pub fn write_tape(config: &Config, dir: &Path) -> Result<(), OutputError> {
    let Some(recipe) = tape(config).map(|synth| synth.config().clone()) else { return Ok(()) };
    let recorded = crate::synth::SynthConfig { record_truth: true, ..recipe };
    let (market, truth) = (dir.join(TAPE_FILE), dir.join(TRUTH_FILE));
    let create = |path: &Path| File::create(path).map_err(|e| OutputError::io(path, e));
    let (market_file, truth_file) = (create(&market)?, create(&truth)?);
    let made = crate::synth::Synth::new(recorded).and_then(|mut synth| {
        crate::synth::parquet::write_tape(&mut synth, market_file, Some(truth_file), None)
    });
    match made {
        Ok(_) => Ok(()),
        Err(SynthError::Parquet(error)) => Err(OutputError::parquet(&market, error)),
        Err(SynthError::Arrow(error)) => Err(OutputError::arrow(&market, error)),
        Err(error @ SynthError::Config(_)) => {
            Err(OutputError::io(&market, std::io::Error::other(error)))
        }
    }
}

/// What the tape looks like, beside TXF as recorded.
pub fn profile_text(config: &Config) -> String {
    let Some(synth) = tape(config) else { return String::new() };
    let recipe = synth.config().clone();
    let mut builder = profile::Builder::new(recipe.tick_e6);
    synth.for_each(|row| builder.push(&row));
    let made = builder.finish(recipe.duration_ns());
    profile::table(("synthetic", &made), ("TXF", &profile::TXF_APRIL_2026))
}
