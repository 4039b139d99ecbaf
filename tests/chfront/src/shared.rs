//! One engine for all tests of a program.

use crate::{Front, library};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

/// The address of the engine of this test program, started below `dir` when it is first asked for; `None`, with a line that says so,
/// where there is no library. It lives as long as the program, and each test has a database of its own.
///
/// # Panics
/// The engine does not start.
pub fn shared(dir: &Path) -> Option<&'static str> {
    static FRONT: OnceLock<Option<(Mutex<Front>, String)>> = OnceLock::new();
    let front = FRONT.get_or_init(|| {
        let named = std::env::var_os("BT_CHDB_LIB").map(Into::into);
        let library = named.or_else(library)?;
        let dir = dir.join(format!("engine-{}", std::process::id()));
        let front = Front::start(&library, &dir).expect("the engine starts");
        let url = front.url().to_owned();
        Some((Mutex::new(front), url))
    });
    if front.is_none() {
        println!("skipped: no ClickHouse engine; scripts/test installs it");
    }
    front.as_ref().map(|(_, url)| url.as_str())
}
