//! Opens strategy plugins: a shared object with the one symbol `bt_strategy_entry`.
//!
//! Invariants: the library stays loaded until its strategies were destroyed; it is opened with its symbols kept
//! to itself; what was hashed for the build id is what was opened. Errors name the file and every fault found.

use crate::config::effective;
use crate::config::lane::{CodeFrom, StrategySpec};
use btcore_ffi::{CStrategy, StrategyEntryFn};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The example market maker that this program carries, compiled from `examples/c/market_maker.c`.
const BUILTIN_BYTES: &[u8] = include_bytes!(env!("BT_EXAMPLE"));

/// Why a strategy could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The file could not be read.
    #[error("strategy '{strategy}': {}: {error}", path.display())]
    Read {
        /// Strategy.
        strategy: String,
        /// File.
        path: PathBuf,
        /// Cause.
        error: std::io::Error,
    },
    /// The file is not a shared object that fits, or lacks the symbol.
    #[error("strategy '{strategy}': {}: {message}", path.display())]
    Open {
        /// Strategy.
        strategy: String,
        /// File.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The descriptor was refused.
    #[error("{}: {error}", path.display())]
    Refused {
        /// File.
        path: PathBuf,
        /// Every fault.
        error: btcore_ffi::PluginError,
    },
}

/// A strategy's code and where it came from.
#[derive(Debug, Clone)]
pub struct Code {
    /// File.
    pub path: PathBuf,
    /// BLAKE3 of the file.
    pub hash: [u8; 32],
    library: Arc<Library>,
}

/// Opens the code of a strategy.
///
/// # Errors
/// The file cannot be read, or is not a shared object.
pub fn open(spec: &StrategySpec) -> Result<Code, PluginError> {
    let (path, _keep) = match &spec.code {
        CodeFrom::File(path) => (path.clone(), None),
        CodeFrom::Builtin => {
            let file = unpack().map_err(|error| PluginError::Read {
                strategy: spec.name.clone(),
                path: std::env::temp_dir(),
                error,
            })?;
            (file.0.clone(), Some(file))
        }
    };
    // A path without a slash would be searched for in the system's folders.
    let absolute = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    let bytes = std::fs::read(&absolute).map_err(|error| PluginError::Read {
        strategy: spec.name.clone(),
        path: path.clone(),
        error,
    })?;
    // SAFETY: opening a shared object runs its constructors; that is what running a strategy means.
    let library = unsafe { Library::open(Some(&absolute), RTLD_NOW | RTLD_LOCAL) };
    let library = library.map_err(|error| open_error(spec, &path, &error))?;
    Ok(Code { path, hash: blake3::hash(&bytes).into(), library: Arc::new(library) })
}

/// Makes one instance of a strategy.
///
/// # Errors
/// The symbol is missing, or the descriptor was refused, with every fault.
pub fn instance(spec: &StrategySpec, code: &Code) -> Result<CStrategy, PluginError> {
    // SAFETY: the type is the contract of the symbol's name; the header states it.
    let entry = unsafe { code.library.get::<StrategyEntryFn>(b"bt_strategy_entry\0") };
    let entry = *entry.map_err(|_| PluginError::Open {
        strategy: spec.name.clone(),
        path: code.path.clone(),
        message: "it does not export `bt_strategy_entry`; a strategy must define that function \
                  (see include/btcore.h), with C linkage and default visibility"
            .into(),
    })?;
    let params = effective::params(&spec.params).to_string();
    // SAFETY: the entry comes from the loaded library, which the strategy keeps loaded.
    let strategy = unsafe { CStrategy::from_entry(&spec.name, entry, &params) };
    let strategy =
        strategy.map_err(|error| PluginError::Refused { path: code.path.clone(), error })?;
    Ok(strategy.keep_alive(code.library.clone()))
}

fn open_error(spec: &StrategySpec, path: &Path, error: &libloading::Error) -> PluginError {
    use std::error::Error;
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    // The loader begins with the path that it was given, and so does this error.
    let cause = cause.rsplit_once(".so: ").map_or(cause.as_str(), |(_, rest)| rest).to_owned();
    PluginError::Open { strategy: spec.name.clone(), path: path.into(), message: cause }
}

/// A file that is removed when it is no longer needed.
struct TempFile(PathBuf);

impl Drop for TempFile {
    fn drop(&mut self) {
        // It is a copy in the system's folder for such: leaving it behind harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes the built-in example to a file that can be opened; once opened, the file may go.
fn unpack() -> std::io::Result<TempFile> {
    let name = format!("btcore-{}-market_maker.so", uuid::Uuid::now_v7());
    let file = TempFile(std::env::temp_dir().join(name));
    std::fs::write(&file.0, BUILTIN_BYTES)?;
    Ok(file)
}
