//! The strategies of `strategies/`, compiled by the build script and opened as the host opens anyone's.

use btcore::engine::StrategySlot;
use btcore::strategy::Param;
use btcore_ffi::{CStrategy, StrategyEntryFn, params_json};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::path::Path;
use std::sync::Arc;

/// The code of a strategy.
pub struct Plugin {
    name: String,
    library: Arc<Library>,
}

impl Plugin {
    /// One of the benches' own strategies.
    ///
    /// # Panics
    /// It is none, or cannot be opened.
    pub fn open(name: &str) -> Plugin {
        let folder = Path::new(env!("BENCH_STRATEGIES"));
        Plugin::open_file(name, &folder.join(name).with_extension("so"))
    }

    /// Any shared object.
    ///
    /// # Panics
    /// It cannot be opened.
    pub fn open_file(name: &str, path: &Path) -> Plugin {
        // SAFETY: the file was compiled from strategies of this repository, whose start-up code does nothing.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let library = library.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Plugin { name: name.into(), library: Arc::new(library) }
    }

    /// A new instance with these parameters.
    ///
    /// # Panics
    /// The strategy refuses.
    pub fn slot(&self, params: &[(&str, i64)]) -> StrategySlot<CStrategy> {
        let params: Vec<(String, Param)> =
            params.iter().map(|(name, value)| ((*name).into(), Param::Int(*value))).collect();
        // SAFETY: the symbol has the type that the header gives it, and the library is kept beside the strategy.
        let code = unsafe {
            let entry = self.library.get::<StrategyEntryFn>(b"bt_strategy_entry\0");
            let entry = entry.unwrap_or_else(|error| panic!("{}: {error}", self.name));
            CStrategy::from_entry(&self.name, *entry, &params_json(&params))
        };
        let code = code.unwrap_or_else(|error| panic!("{error}"));
        let code = code.keep_alive(self.library.clone());
        StrategySlot { name: self.name.clone(), params, code }
    }
}
