//! Finds the engine's library where `install.sh` puts it.
//!
//! Invariants. It never installs anything: a test without the library is skipped, with a line that
//! says so, and the choice to download half a gigabyte stays with the person.

use std::path::{Path, PathBuf};

/// Where the package keeps the library, below the folder `install.sh` fills.
const INSIDE: &str = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so";

/// The library: in the folder that `BT_CHDB_DIR` names, or in `target/chdb` of this package or of
/// a folder above it.
pub fn library() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("BT_CHDB_DIR") {
        return Some(PathBuf::from(dir).join(INSIDE)).filter(|path| path.is_file());
    }
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|dir| dir.join("target/chdb").join(INSIDE)).find(|path| path.is_file())
}
