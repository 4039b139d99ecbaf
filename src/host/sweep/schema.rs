//! The JSON Schema of the sweep file, for editors: shapes and one sentence for each key.
//!
//! Invariants: these types are never read into; the reader is. A test holds the two key for key.

use schemars::JsonSchema;
use serde_json::Value;
use std::collections::BTreeMap;

/// The schema as a document.
pub fn document() -> Value {
    schemars::schema_for!(Sweep).to_value()
}

/// Declares types that only describe.
macro_rules! shape {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(JsonSchema)]
            #[serde(deny_unknown_fields)]
            #[expect(dead_code, reason = "described, never made")]
            struct $name { $($(#[$field_meta])* $field: $type,)* }
        )*
    };
}

shape! {
    /// A sweep of btcore: variants of one config, side by side.
    struct Sweep {
        /// Version of this format.
        #[schemars(range(min = 1, max = 1))]
        version: u32,
        /// Name of the sweep; the file's own if not given.
        name: Option<String>,
        /// The config that the members vary, relative to this file.
        base: String,
        /// Seed of random draws; 0 if not given.
        seed: Option<u64>,
        /// What the members change: keys are those of `--set`.
        members: Members,
        /// Also run the base as it stands, as the member `base`.
        include_base: Option<bool>,
        /// What of each member's results is kept; `summary` if not given.
        outputs: Option<Outputs>,
        /// Threads; as many as the machine has if not given.
        #[schemars(range(min = 1, max = 1024))]
        threads: Option<u32>,
        /// Lanes that share a pass over the rows at most; 64 if not given, 16 with full outputs.
        #[schemars(range(min = 1, max = 65536))]
        lanes_per_pass: Option<u32>,
        /// Where the results go.
        output: Option<Output>,
        /// Rows of the table on standard output; 10 if not given.
        #[schemars(range(min = 1, max = 100_000))]
        top: Option<u32>,
        /// Periods of a year, for the annual Sharpe ratio; 252 if not given.
        #[schemars(range(min = 1, max = 100_000))]
        periods_per_year: Option<u32>,
    }
    /// One of a grid, a list, or random draws.
    struct Members {
        /// Every combination of the values, the last key fastest.
        grid: Option<BTreeMap<String, Vec<Value>>>,
        /// The changes of each member.
        list: Option<Vec<BTreeMap<String, Value>>>,
        /// Draws that are a function of seed, member and key.
        random: Option<Random>,
    }
    /// Random members.
    struct Random {
        /// How many.
        #[schemars(range(min = 1, max = 100_000))]
        count: u32,
        /// How each key's value is drawn.
        keys: BTreeMap<String, Law>,
    }
    /// One way of drawing a value.
    struct Law {
        /// Equally likely between two ends, such as [0, 1] or [10ms, 50ms].
        uniform: Option<[Value; 2]>,
        /// With an equally likely logarithm between two ends above zero.
        log_uniform: Option<[Value; 2]>,
        /// A whole number between two, both included.
        int: Option<[i64; 2]>,
        /// One of some values.
        choice: Option<Vec<Value>>,
    }
    /// Where the results go.
    struct Output {
        /// Directory, relative to the working directory; out/ and the name if not given.
        dir: Option<String>,
    }
}

/// What of a member's results is kept.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "described, never made")]
enum Outputs {
    /// `summary.json`, `config.yaml`, `invocation.json`.
    Summary,
    /// Orders, fills, queues and time series as well.
    Full,
}
