//! Where the rows come from, which span of them, and how they are read.
//!
//! Invariants: exactly one source; the span `[from_ns, to_ns)` is in UTC ns; a password is named, never written.
//! Paths are relative to the file that holds them.

use super::fault::SECRET_KEYS;
use super::glob;
use super::quality::{self, QualitySpec};
use super::reader::{Cursor, Map};
use super::shape::{self, Shape};
use super::span::{self, Span};
use btcore::feed::FeedConfig;
use btcore::wire::limits::LATENCY_NS_MAX;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Nobody waits longer.
const DAY_NS: i64 = 86_400_000_000_000;
/// Nobody asks more often.
const RETRIES_MAX: i64 = 1_000;

/// Rows of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSpec {
    /// Where they come from.
    pub source: SourceSpec,
    /// How the source says it. No result depends on it beside the rows themselves.
    pub shape: Shape,
    /// First instant that any instrument is taken at, ns.
    pub from_ns: i64,
    /// First instant after the last, ns.
    pub to_ns: i64,
    /// What the config asks for.
    pub span: Span,
    /// The source's stamps lie on this grid after rounding, ns; 1 for exact stamps.
    pub ts_grid_ns: i64,
    /// Skip and count rows that cannot be read, instead of stopping at the first.
    pub malformed_skip: bool,
    /// Rules of the feed.
    pub feed: FeedConfig,
    /// Rows decoded ahead of the replay, over all streams. No result depends on it.
    pub chunk_rows: usize,
    /// Where decoded rows are kept for the next run. No result depends on it.
    pub cache: Option<CacheSpec>,
    /// How many odd rows a run stands. No result depends on it, but whether there is one.
    pub quality: QualitySpec,
}

/// A directory of decoded rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSpec {
    /// Directory; made when it is needed.
    pub dir: PathBuf,
    /// Beyond this many bytes, what was not used for longest goes.
    pub bytes_max: Option<u64>,
}

/// A source of rows.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceSpec {
    /// Parquet files, in the order of their names.
    Parquet {
        /// Files, globs resolved.
        files: Vec<PathBuf>,
    },
    /// Arrow IPC files, in the order of their names.
    Arrow {
        /// Files, globs resolved.
        files: Vec<PathBuf>,
    },
    /// A ClickHouse table.
    ClickHouse(Server, String),
    /// The synthetic exchange.
    Synth {
        /// Name of the flow's preset.
        preset: String,
        /// Seed of the flow.
        seed: u64,
        /// Books appear on this grid when they changed, ns; 0 shows every change.
        book_interval_ns: i64,
    },
}

/// A ClickHouse server and how to get in.
#[derive(Clone, PartialEq)]
pub struct Server {
    /// Address, `http://host:8123` or `https://host:8443`.
    pub url: String,
    /// The authorities that an https address is checked against; those of the machine where there is none.
    pub ca_file: Option<PathBuf>,
    /// Database.
    pub database: String,
    /// User.
    pub user: String,
    /// Where the password is found.
    pub password: PasswordFrom,
    /// How long it is waited for, and how often it is asked again.
    pub patience: Patience,
}

/// How long a server is waited for, and how often what failed is tried again. No result depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A server that does not take a connection, or does not tell its columns, within this time does not answer.
    pub connect_timeout: Duration,
    /// A server that makes no progress for this long does not answer.
    pub receive_timeout: Duration,
    /// How often a request or a transfer that failed is tried again; 0 is never.
    pub retries: u32,
    /// The pause before the first retry. It doubles with each, up to [`Patience::PAUSE_MAX`].
    pub back_off: Duration,
}

impl Patience {
    /// No pause is longer, unless the first one is.
    pub const PAUSE_MAX: Duration = Duration::from_secs(30);

    /// The pause before retry number `retry`, counted from 1.
    pub fn pause(&self, retry: u32) -> Duration {
        let doubled = 1_u32.checked_shl(retry.saturating_sub(1)).unwrap_or(u32::MAX);
        self.back_off.saturating_mul(doubled).min(Self::PAUSE_MAX.max(self.back_off))
    }
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect_timeout: Duration::from_secs(9),
            receive_timeout: Duration::from_secs(60),
            retries: 5,
            back_off: Duration::from_millis(200),
        }
    }
}

/// Where a password is found. The password itself is read when it is needed and never kept in the config.
#[derive(Clone, Debug, PartialEq)]
pub enum PasswordFrom {
    /// There is none.
    None,
    /// In an environment variable.
    Env(String),
    /// In a file, first line.
    File(PathBuf),
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}) as {}", self.url, self.database, self.user)
    }
}

impl PasswordFrom {
    /// Reads the password.
    ///
    /// # Errors
    /// A sentence that names the variable or file, never its content.
    pub fn read(&self) -> Result<String, String> {
        match self {
            PasswordFrom::None => Ok(String::new()),
            PasswordFrom::Env(name) => std::env::var(name)
                .map_err(|_| format!("the environment variable {name} (password_env) is not set")),
            PasswordFrom::File(path) => std::fs::read_to_string(path)
                .map(|text| text.lines().next().unwrap_or_default().to_owned())
                .map_err(|error| format!("password_file {}: {error}", path.display())),
        }
    }
}

/// Reads `data`. `base` is the directory of the file that is being read.
pub fn read(at: &Cursor<'_>, base: &Path) -> Option<DataSpec> {
    let map = at.map()?;
    let source = read_source(&map, base);
    let span = span::read(&map);
    let ts_grid_ns = map.get("ts_grid_ns").map_or(Some(1), |at| at.int(1..=60_000_000_000));
    let malformed_skip = map
        .get("malformed")
        .map_or(Some(false), |at| at.choice(&[("fail", false), ("skip", true)]));
    let feed = read_feed(&map);
    let chunk_rows = map.get("chunk_rows").map_or(Some(65_536), |at| at.count(1..=16_777_216));
    let cache = map.get("cache").map_or(Some(None), |at| read_cache(&at, base));
    let quality = map.get("quality").map_or(Some(QualitySpec::default()), |at| quality::read(&at));
    map.finish();
    let span = span?;
    let (source, shape) = source?;
    Some(DataSpec {
        source,
        shape,
        from_ns: span.from_ns,
        to_ns: span.to_ns,
        span,
        ts_grid_ns: ts_grid_ns?,
        malformed_skip: malformed_skip?,
        feed: feed?,
        chunk_rows: chunk_rows?,
        cache: cache?,
        quality: quality?,
    })
}

fn read_cache(at: &Cursor<'_>, base: &Path) -> Option<Option<CacheSpec>> {
    if at.is_scalar() {
        return at.choice(&[("off", None)]);
    }
    let map = at.map()?;
    let dir = map.need("dir").and_then(|at| at.name());
    let bytes_max = match map.get("max_bytes") {
        None => Some(None),
        Some(at) => at.int(1..=i64::MAX).map(|bytes| Some(bytes.unsigned_abs())),
    };
    map.finish();
    Some(Some(CacheSpec { dir: base.join(dir?), bytes_max: bytes_max? }))
}

fn read_feed(map: &Map<'_>) -> Option<FeedConfig> {
    let default = FeedConfig::default();
    let trade_first = map.get("trade_first").map_or(Some(default.trade_first), |at| at.boolean());
    let reorder =
        map.get("reorder").map_or(Some(default.reorder_ns), |at| at.duration(0..=LATENCY_NS_MAX));
    let reorder_rows = map
        .get("reorder_rows_max")
        .map_or(Some(default.reorder_rows_max), |at| at.count(2..=16_777_216));
    let drop = map.get("duplicates").map_or(Some((true, false)), |at| {
        at.choice(&[
            ("keep", (false, false)),
            ("drop_exact", (true, false)),
            ("drop_second_tick", (true, true)),
        ])
    });
    let window =
        map.get("window_rows").map_or(Some(default.window_rows), |at| at.count(64..=1 << 28));
    let (drop_exact_duplicates, drop_second_ticks) = drop?;
    Some(FeedConfig {
        trade_first: trade_first?,
        reorder_ns: reorder?,
        reorder_rows_max: reorder_rows?,
        drop_exact_duplicates,
        drop_second_ticks,
        window_rows: window?,
    })
}

fn read_source(map: &Map<'_>, base: &Path) -> Option<(SourceSpec, Shape)> {
    let keys = ["parquet", "arrow", "clickhouse", "synth"].map(|key| map.get(key));
    let given: Vec<&Cursor<'_>> = keys.iter().flatten().collect();
    match given.as_slice() {
        [] => {
            map.fault("no source of rows", "give one of `parquet`, `arrow`, `clickhouse`, `synth`");
            return None;
        }
        [_] => {}
        [first, others @ ..] => {
            for other in others {
                other.fault(
                    format!("a run has one source, and `{}` is given already", first.path),
                    "remove one of them",
                );
            }
        }
    }
    // Each is read even when there are too many, so that their own faults are told too.
    let [parquet, arrow, clickhouse, synth] = keys;
    let of_files = |at: Cursor<'_>, source: fn(Vec<PathBuf>) -> SourceSpec| {
        read_files(&at, base).map(|(files, shape)| (source(files), shape))
    };
    let sources = [
        parquet.map(|at| of_files(at, |files| SourceSpec::Parquet { files })),
        arrow.map(|at| of_files(at, |files| SourceSpec::Arrow { files })),
        clickhouse.map(|at| read_clickhouse(&at, base)),
        synth.map(|at| Some((read_synth(&at)?, Shape::default()))),
    ];
    let mut sources = sources.into_iter().flatten();
    let source = sources.next()?;
    source.filter(|_| sources.next().is_none())
}

fn read_files(at: &Cursor<'_>, base: &Path) -> Option<(Vec<PathBuf>, Shape)> {
    let map = at.map()?;
    let list = map.need("files").and_then(|at| at.list_some());
    let shape = shape::read(&map);
    map.finish();
    let mut files = Vec::new();
    let mut whole = true;
    for item in list? {
        let Some(pattern) = item.name() else {
            whole = false;
            continue;
        };
        match glob::expand(base, &pattern) {
            Ok(found) if found.is_empty() => {
                let (message, help) = if glob::is_pattern(&pattern) {
                    (format!("no file matches `{pattern}`"), "")
                } else {
                    (
                        format!("there is no file `{pattern}`"),
                        "paths are relative to the config's own directory",
                    )
                };
                item.fault(message, help);
                whole = false;
            }
            Ok(found) => files.extend(found),
            Err(error) => {
                item.fault(format!("`{pattern}`: {error}"), "");
                whole = false;
            }
        }
    }
    files.sort();
    if let Some(pair) = files.windows(2).find(|pair| pair[0] == pair[1]) {
        at.fault(format!("{} is named twice", pair[0].display()), "each row would be read twice");
        whole = false;
    }
    whole.then_some((files, shape?))
}

fn read_clickhouse(at: &Cursor<'_>, base: &Path) -> Option<(SourceSpec, Shape)> {
    let map = at.map()?;
    let server = read_server(&map, base, "hft");
    let table = map.get("table").map_or(Some("market_data".into()), |at| identifier(&at));
    let shape = shape::read(&map);
    map.finish();
    Some((SourceSpec::ClickHouse(server?, table?), shape?))
}

fn read_synth(at: &Cursor<'_>) -> Option<SourceSpec> {
    let map = at.map()?;
    let presets = crate::config::SYNTH_PRESETS.map(|name| (name, name));
    let preset = map.get("preset").map_or(Some("txf"), |at| at.choice(&presets));
    let seed = map.get("seed").map_or(Some(1), |at| at.seed());
    let interval = map.get("book_interval").map_or(Some(125_000_000), |at| {
        let ns = at.duration(0..=60_000_000_000)?;
        if ns % 1_000_000 != 0 {
            at.fault("must be whole milliseconds", "0 shows every change");
            return None;
        }
        Some(ns)
    });
    map.finish();
    Some(SourceSpec::Synth { preset: preset?.into(), seed: seed?, book_interval_ns: interval? })
}

/// Reads the keys that say where a server is.
pub fn read_server(map: &Map<'_>, base: &Path, database: &str) -> Option<Server> {
    let url = map.need("url").and_then(|at| address(&at));
    let ca_file = match map.get("ca_file") {
        None => Some(None),
        Some(at) if url.as_ref().is_some_and(|url| !url.starts_with("https://")) => {
            at.fault("`ca_file` is for an https address", "");
            None
        }
        Some(at) => at.name().map(|path| Some(base.join(path))),
    };
    let database = map.get("database").map_or(Some(database.into()), |at| identifier(&at));
    let user = map.get("user").map_or(Some("default".into()), |at| at.name());
    let password = match (map.get("password_env"), map.get("password_file")) {
        (None, None) => Some(PasswordFrom::None),
        (Some(env), None) => env.name().map(PasswordFrom::Env),
        (None, Some(file)) => file.name().map(|path| PasswordFrom::File(base.join(path))),
        (Some(_), Some(file)) => {
            file.fault("`password_env` and `password_file` exclude each other", "keep one of them");
            None
        }
    };
    let patience = read_patience(map);
    Some(Server {
        url: url?,
        ca_file: ca_file?,
        database: database?,
        user: user?,
        password: password?,
        patience: patience?,
    })
}

/// Reads the keys that say how long a server is waited for.
fn read_patience(map: &Map<'_>) -> Option<Patience> {
    let default = Patience::default();
    let time = |key, least_ns, default| match map.get(key) {
        None => Some(default),
        Some(at) => {
            let ns = at.duration(least_ns..=DAY_NS)?;
            Some(Duration::from_nanos(ns.unsigned_abs()))
        }
    };
    let connect_timeout = time("connect_timeout", 1_000_000, default.connect_timeout);
    let receive_timeout = time("receive_timeout", 1_000_000, default.receive_timeout);
    let back_off = time("back_off", 0, default.back_off);
    let retries = map.get("retries").map_or(Some(default.retries), |at| {
        at.int(0..=RETRIES_MAX).and_then(|count| u32::try_from(count).ok())
    });
    Some(Patience {
        connect_timeout: connect_timeout?,
        receive_timeout: receive_timeout?,
        retries: retries?,
        back_off: back_off?,
    })
}

fn address(at: &Cursor<'_>) -> Option<String> {
    let text = at.name()?;
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        at.fault(
            "an address begins with http:// or https://",
            "ClickHouse's HTTP port is 8123 by default, and 8443 with TLS",
        );
        return None;
    };
    if rest.contains('@') || SECRET_KEYS.iter().any(|key| rest.contains(key)) {
        at.fault(
            "an address must not carry a user or password",
            "use `user` with `password_env` or `password_file`",
        );
        return None;
    }
    Some(text.trim_end_matches('/').into())
}

/// The longest name that a server is asked for.
const NAME_BYTES: usize = 128;

/// What [`is_plain`] asks for.
pub const PLAIN: &str = "letters, digits and _ only, 128 at most, not beginning with a digit";

/// Whether a word may stand in a query as a name.
pub fn is_plain(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() <= NAME_BYTES
        && name.bytes().all(is_letter)
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// A name that may stand in a query unquoted.
pub fn identifier(at: &Cursor<'_>) -> Option<String> {
    let name = at.name()?;
    if !is_plain(&name) {
        let shown: String = name.chars().take(NAME_BYTES).collect();
        at.fault(format!("`{shown}` is not a plain name"), PLAIN);
        return None;
    }
    Some(name)
}
