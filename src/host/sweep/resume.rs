//! Which members are done already.
//!
//! Invariants: a member is done when its directory is whole and its config, its strategies' code, this program's
//! sources and its rows are those of now. Rows are known by the data hash, which only a run can find; until then a
//! source key stands for them: path, length and time of change of each file, or a table's address. What a server
//! holds under one address may change unseen; where a member of the same market runs again, its data hash tells.

use super::plan::Planned;
use super::spec::Outputs;
use crate::config::data::{DataSpec, SourceSpec};
use crate::config::origin;
use crate::output::tables::FILES;
use crate::provenance::{hex, run_id};
use serde_json::Value;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What stands for the content of a source. The synthetic exchange is a function of config and build.
pub fn source_key(data: &DataSpec) -> String {
    let mut hasher = blake3::Hasher::new();
    if !data.shape.is_plain() {
        // The same bytes in another shape are other rows.
        hasher.update(data.shape.text().as_bytes()).update(b"\0");
    }
    match &data.source {
        SourceSpec::Synth { .. } => return "synth".into(),
        SourceSpec::ClickHouse(server, table) => {
            for word in [&server.url, &server.database, &server.user, table] {
                hasher.update(word.as_bytes()).update(b"\0");
            }
        }
        SourceSpec::Parquet { files } | SourceSpec::Arrow { files } => {
            for file in files {
                let path = std::path::absolute(file).unwrap_or_else(|_| file.clone());
                hasher.update(path.as_os_str().as_encoded_bytes()).update(b"\0");
                // A file that is not there any more fails when its pass opens it.
                let Ok(meta) = std::fs::metadata(file) else { continue };
                let changed =
                    meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                hasher.update(&meta.len().to_le_bytes());
                hasher.update(&changed.map_or(0, |since| since.as_nanos()).to_le_bytes());
            }
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// The data hash of a member that is done, hexadecimal; `None` for one that must run.
pub fn done(dir: &Path, planned: &Planned, source_key: &str, outputs: Outputs) -> Option<String> {
    let read = |name: &str| -> Option<Value> {
        serde_json::from_str(&std::fs::read_to_string(dir.join(name)).ok()?).ok()
    };
    let (summary, invocation) = (read("summary.json")?, read("invocation.json")?);
    let data_hash = summary["data_hash"].as_str()?;
    let rows = blake3::Hash::from_hex(data_hash).ok()?;
    let id = run_id(&planned.config_hash, rows.as_bytes(), &planned.build_id);
    let is_same = summary["config_hash"] == hex(&planned.config_hash)
        && summary["build_id"] == hex(&planned.build_id)
        && summary["run_id"] == id.to_string()
        && invocation["sweep"]["source_key"] == source_key
        && dir.join(origin::FILE).is_file()
        && (outputs == Outputs::Summary || FILES.iter().all(|name| dir.join(name).is_file()));
    is_same.then(|| data_hash.to_owned())
}
