//! `invocation.json`: when, where and how fast a run was made, and by what. No result is in it.

use crate::pipeline::times::Times;
use crate::provenance::{BUILD, hex};
use crate::server::talk::Retries;
use serde_json::{Value, json};
use uuid::Uuid;

/// One start of a run.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Id of this start; a new one each time.
    pub attempt: Uuid,
    /// Id of the run, equal for equal (config, data, build).
    pub run_id: Uuid,
    /// Id of sources and strategies.
    pub build_id: [u8; 32],
    /// Start, RFC 3339.
    pub started: String,
    /// Command line, secrets are never on it.
    pub command: Vec<String>,
    /// The config's file.
    pub config_path: String,
    /// All that it takes to read the config's copy again.
    pub origin: Value,
    /// Inputs: files, or server and table.
    pub sources: Vec<String>,
    /// What a server had to be asked again, and what else was told of it.
    pub retries: Retries,
    /// Strategies' files.
    pub strategies: Vec<String>,
    /// Where the results are.
    pub output_dir: String,
    /// Rows through the lanes' window.
    pub rows: u64,
    /// Loading the strategies and opening the sources, seconds.
    pub open_seconds: f64,
    /// Replay with decoding, seconds.
    pub replay_seconds: f64,
    /// Which member of which sweep it was, if it was one.
    pub sweep: Option<Value>,
    /// Where the replay's time went.
    pub times: Times,
}

impl Invocation {
    /// The document as the file holds it.
    pub fn text(&self) -> String {
        let rate =
            if self.replay_seconds > 0.0 { self.rows as f64 / self.replay_seconds } else { 0.0 };
        let mut document = json!({
            "format": "btcore-invocation",
            "version": 1,
            "attempt_id": self.attempt.to_string(),
            "run_id": self.run_id.to_string(),
            "started": self.started,
            "command": self.command,
            "host": host_name(),
            "cpus": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            "working_dir": std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default(),
            "config_path": self.config_path,
            "config": self.origin,
            "sources": self.sources,
            "retries": {
                "count": self.retries.count,
                "first": self.retries.first,
                "notes": self.retries.notes,
            },
            "strategies": self.strategies,
            "output_dir": self.output_dir,
            "build": build(Some(&self.build_id)),
            "timings": {
                "open_s": self.open_seconds,
                "replay_s": self.replay_seconds,
                "rows": self.rows,
                "rows_per_s": rate,
                "parts": self.times.document(),
            },
        });
        if let Some(sweep) = &self.sweep {
            document["sweep"] = sweep.clone();
        }
        format!("{:#}\n", crate::config::effective::sorted(&document))
    }
}

/// What this binary was built from, as a document.
pub fn build(id: Option<&[u8; 32]>) -> Value {
    json!({
        "version": BUILD.version,
        "abi_version": btcore_ffi::BT_ABI_VERSION,
        "git_commit": BUILD.git_commit,
        "git_dirty": BUILD.git_dirty == "true",
        "rustc": BUILD.rustc,
        "target": BUILD.target,
        "profile": BUILD.profile,
        "source_blake3": BUILD.source_hash,
        "build_id": id.map(hex),
    })
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_else(|_| "unknown".into())
}
