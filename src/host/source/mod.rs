//! Where rows come from: streams of decoded rows out of Parquet or Arrow files, a ClickHouse table, or the synthetic exchange.
//!
//! Invariants: a stream holds the rows of one instrument, in the source's own order, in bounded chunks; its end is
//! proved, never assumed from a closed connection. A row that cannot be read is an error that names file or query,
//! position and column, or is skipped and counted, by policy; nothing is dropped silently.

pub mod arrow;
pub mod cache;
pub mod clickhouse;
pub mod columns;
pub mod decode;
mod files;
pub mod flat;
pub mod ipc;
pub mod parquet;
pub mod pending;
pub mod shape;
pub mod synth;

use crate::config::Config;
use crate::config::data::{DataSpec, Server, SourceSpec};
use crate::config::instrument::InstrumentSpec;
use crate::config::scalar::instant_text;
use crate::config::shape::Shape;
use crate::server::talk::Retries;
use btcore::wire::{Depth, Event};
use cache::Cache;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use crate::server::Secret;
pub use clickhouse::ClickHouseConn;

/// Rows of one stream, reused between reads.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Rows, unfinished: the feed completes them.
    pub events: Vec<Event>,
    /// One depth row for each book of `events`, in order.
    pub depths: Vec<Depth>,
    /// Sequence number of each row.
    pub seqs: Vec<u64>,
}

impl Chunk {
    /// An empty one with room for so many rows, whatever they are.
    pub fn with_room(rows: usize) -> Self {
        Chunk {
            events: Vec::with_capacity(rows),
            depths: Vec::with_capacity(rows),
            seqs: Vec::with_capacity(rows),
        }
    }

    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.depths.clear();
        self.seqs.clear();
    }
}

/// What a stream did with the rows that it met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Rows looked at, other symbols and times included.
    pub rows_read: u64,
    /// Rows given on.
    pub rows_selected: u64,
    /// Rows left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// The first row left out for each reason, with its place.
    pub skipped_first: BTreeMap<String, String>,
    /// Books of more than five levels, cut to five and given on.
    pub books_cut: u64,
}

/// A stream of rows.
pub trait RowSource: Send {
    /// Replaces `out` with the next rows; false at the proved end, with `out` empty.
    ///
    /// # Errors
    /// The rows cannot be read, or end too early.
    fn next_chunk(&mut self, out: &mut Chunk) -> Result<bool, SourceError>;
    /// Counts so far.
    fn stats(&self) -> &SourceStats;
    /// What it reads, for messages and `invocation.json`.
    fn describe(&self) -> String;
    /// Rows in all at most, where that is known before reading.
    fn rows_total_hint(&self) -> Option<u64>;
    /// What a server had to be asked again, for `invocation.json`.
    fn retries(&self) -> Retries {
        Retries::default()
    }
}

/// How rows are read. One for each instrument, so that what a stream holds, and with it every count of the feed, does
/// not depend on how a source lays several instruments out.
#[derive(Clone, Debug)]
pub struct DecodeConfig {
    /// Symbol of the stream.
    pub symbol: String,
    /// Its number in the run.
    pub instrument: u32,
    /// Units of the source's quantities in one lot.
    pub lot: u64,
    /// Whether prices of zero and below are prices.
    pub negative_prices: bool,
    /// First instant, ns. Asked about the stamp on the grid.
    pub from_ns: i64,
    /// First instant after the last, ns.
    pub to_ns: i64,
    /// What is left out between them, from and to, ns: sorted and disjoint.
    pub gaps_ns: Arc<[(i64, i64)]>,
    /// First instant after the contract's last trading day, ns; `i64::MAX` where it has none.
    pub expired_ns: i64,
    /// Stamps lie on this grid after rounding, ns; 1 for exact stamps.
    pub ts_grid_ns: i64,
    /// Skip and count rows that cannot be read.
    pub malformed_skip: bool,
    /// How the source says it.
    pub shape: Arc<Shape>,
    /// Rows of a chunk at most. No row depends on it.
    pub chunk_rows: usize,
}

impl DecodeConfig {
    /// The same over another span, with those gaps that touch it.
    pub fn over(mut self, from_ns: i64, to_ns: i64) -> Self {
        (self.from_ns, self.to_ns) = (from_ns, to_ns.max(from_ns));
        if !self.gaps_ns.is_empty() {
            let touches = |gap: &&(i64, i64)| gap.0 < to_ns && from_ns < gap.1;
            self.gaps_ns = self.gaps_ns.iter().filter(touches).copied().collect();
        }
        self
    }

    /// Whether an instant is the stream's.
    #[inline]
    pub fn takes(&self, ts_ns: i64) -> bool {
        (self.from_ns..self.to_ns).contains(&ts_ns)
            && (self.gaps_ns.is_empty() || !self.leaves_out(ts_ns))
    }

    fn leaves_out(&self, ts_ns: i64) -> bool {
        let after = self.gaps_ns.partition_point(|gap| gap.1 <= ts_ns);
        self.gaps_ns.get(after).is_some_and(|gap| gap.0 <= ts_ns)
    }
}

/// Why rows could not be read. The text names the place.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file cannot be opened or read.
    #[error("{}: {message}", path.display())]
    File {
        /// File.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A column is missing or of a type that cannot be its.
    #[error("{place}: column `{column}`: {message}")]
    Column {
        /// File or query.
        place: String,
        /// Column.
        column: &'static str,
        /// What was found and what is needed.
        message: String,
    },
    /// A row cannot be read.
    #[error("{place}, row {row}, column `{column}`: {message}")]
    Row {
        /// File or query.
        place: String,
        /// Row, counted from 0 in the file or answer.
        row: u64,
        /// Column.
        column: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The server cannot be used.
    #[error("ClickHouse {place}: {message}")]
    Server {
        /// Address, database and table; never the password.
        place: String,
        /// What happened.
        message: String,
    },
    /// The span holds no session, so no row.
    #[error("no rows: {message}")]
    NoSession {
        /// Of what.
        message: String,
    },
    /// The synthetic exchange cannot make this tape.
    #[error("synthetic exchange: {message}")]
    Synth {
        /// Why.
        message: String,
    },
}

impl SourceError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            SourceError::File { .. } => 74,
            SourceError::Column { .. } | SourceError::Row { .. } => 5,
            SourceError::Server { .. } => 69,
            SourceError::Synth { .. } => 3,
            SourceError::NoSession { .. } => 4,
        }
    }
}

/// Chunks of a stream between its reader and the replay.
pub(crate) const CHUNKS: usize = 4;
/// Smaller chunks than this cost more to hand over than to fill.
const CHUNK_ROWS_MIN: usize = 512;

/// Rows of one chunk of each of `streams` streams, when all their chunks together are to hold `chunk_rows`: so memory
/// grows neither with the streams, as long as the chunks are not tiny, nor with the rings.
pub(crate) fn share(chunk_rows: usize, streams: usize) -> usize {
    (chunk_rows / (CHUNKS * streams.max(1))).max(chunk_rows.min(CHUNK_ROWS_MIN))
}

/// Opens the streams of a config's source.
///
/// # Errors
/// The source cannot be opened.
pub fn open(config: &Config) -> Result<Vec<Box<dyn RowSource>>, SourceError> {
    let data = &config.data;
    let recipes = recipes(config);
    let cache = data.cache.as_ref().and_then(Cache::open).map(Arc::new);
    match &data.source {
        SourceSpec::Parquet { files } => parquet::open_cached(files, &recipes, cache.as_ref()),
        SourceSpec::Arrow { files } => arrow::open(files, &recipes, cache.as_ref()),
        SourceSpec::ClickHouse(server, table) => {
            let conn = conn(server, table)?;
            let cuts: Vec<Vec<i64>> = match &cache {
                Some(_) => config.instruments.iter().map(|spec| cuts(spec, data)).collect(),
                None => Vec::new(),
            };
            let cache = cache.as_ref().map(|cache| (cache, cuts.as_slice()));
            clickhouse::open_cached(&conn, &recipes, cache)
        }
        SourceSpec::Synth { .. } => {
            let Some(recipe) = synth::recipe(config)? else { return Ok(Vec::new()) };
            Ok(vec![Box::new(synth::SynthSource::new(recipe, share(data.chunk_rows, 1))?)])
        }
    }
}

/// How the rows of each instrument are read.
pub fn recipes(config: &Config) -> Vec<DecodeConfig> {
    let data = &config.data;
    let instruments = config.instruments.iter();
    let shape = Arc::new(data.shape.clone());
    instruments
        .enumerate()
        .map(|(index, spec)| {
            let (from_ns, to_ns) = spec.taken.span_ns.unwrap_or((data.from_ns, data.to_ns));
            DecodeConfig {
                symbol: spec.instrument.symbol.clone(),
                instrument: index as u32,
                lot: spec.lot,
                negative_prices: spec.instrument.negative_prices,
                from_ns: 0,
                to_ns: 0,
                gaps_ns: spec.taken.gaps_ns.as_slice().into(),
                expired_ns: spec.expired_ns,
                ts_grid_ns: data.ts_grid_ns,
                malformed_skip: data.malformed_skip,
                shape: shape.clone(),
                chunk_rows: data.chunk_rows,
            }
            .over(from_ns.max(data.from_ns), to_ns.min(data.to_ns))
        })
        .collect()
}

/// A table and how to get to it.
///
/// # Errors
/// The password is not where the config says.
pub fn conn(server: &Server, table: &str) -> Result<ClickHouseConn, SourceError> {
    let password = server.password.read().map_err(|message| SourceError::Server {
        place: format!("{} ({}.{table})", server.url, server.database),
        message,
    })?;
    Ok(ClickHouseConn {
        ca_file: server.ca_file.clone(),
        user: Some(server.user.clone()),
        password: Some(Secret::new(password)),
        patience: server.patience,
        ..ClickHouseConn::new(&server.url, &server.database, table)
    })
}

/// A trading day of an instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Its date.
    pub label: String,
    /// First instant of the next one, ns; `i64::MAX` for the last.
    pub to_ns: i64,
}

/// The trading days of an instrument in a span; days of UTC where it has no sessions.
pub fn days(spec: &InstrumentSpec, data: &DataSpec) -> Vec<Day> {
    let sessions = &spec.instrument.sessions;
    let mut days: Vec<Day> = Vec::new();
    if sessions.is_empty() {
        const DAY_NS: i64 = 86_400_000_000_000;
        for day in data.from_ns.div_euclid(DAY_NS)..=(data.to_ns - 1).div_euclid(DAY_NS) {
            let label = instant_text(day * DAY_NS).chars().take(10).collect();
            days.push(Day { label, to_ns: (day + 1).saturating_mul(DAY_NS) });
        }
    } else {
        for session in sessions.chunk_by(|a, b| a.trading_day == b.trading_day) {
            let day = session[0].trading_day;
            let label = format!("{}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100);
            days.push(Day { label, to_ns: session[session.len() - 1].close_ns });
        }
    }
    if let Some(last) = days.last_mut() {
        last.to_ns = i64::MAX;
    }
    days
}

/// Where one trading day of an instrument ends and the next begins. Any cuts give the same rows; those that every run finds
/// alike let runs over other spans share segments.
fn cuts(spec: &InstrumentSpec, data: &DataSpec) -> Vec<i64> {
    days(spec, data).into_iter().map(|day| day.to_ns).filter(|to_ns| *to_ns != i64::MAX).collect()
}
