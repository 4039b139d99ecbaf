//! A run from config to results: open, replay, write.
//!
//! Invariants: the results appear whole, after everything else has succeeded, or not at all; what a strategy
//! logged as an error or a warning is on standard error even when the run fails. Everything that the results
//! depend on comes from the config, the rows and the build.

use crate::config::Config;
use crate::config::data::SourceSpec;
use crate::config::lane::{LaneSpec, StrategySpec};
use crate::config::origin;
use crate::output::dir::Staging;
use crate::output::invocation::Invocation;
use crate::output::marks::Marks;
use crate::output::result::{DataResult, LaneResult, RunResult};
use crate::output::table::Speed;
use crate::output::tables::{LaneTables, Names};
use crate::output::{OutputError, dir, summary, tables};
use crate::pipeline::times::Times;
use crate::pipeline::{Layout, Written, drive};
use crate::plugin::{self, Code, PluginError};
use crate::progress::{Mode, Progress};
use crate::quality::{self, QualityError};
use crate::server::talk::Retries;
use crate::source::pending::FeedError;
use crate::source::{self, RowSource, SourceError};
use crate::store::{self, Published, StoreError};
use btcore::engine::{Fault, LaneSummary, Replay, StrategySlot};
use btcore::recorder::{DayRow, FillRow, OrderRow, SentRow, SeriesRow, Sink};
use btcore::wire::{Instrument, QueueRow, Status};
use btcore_ffi::CStrategy;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// Why a run failed. The exit code of each is part of the command line's contract.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Rows could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Rows could not be looked at, or are not good enough.
    #[error(transparent)]
    Quality(#[from] QualityError),
    /// A strategy could not be loaded.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// Results could not be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The results could not be published.
    #[error("{error}{}", files.as_ref().map(|dir| format!(". The result files are whole: {}", dir.display())).unwrap_or_default())]
    Store {
        /// Why.
        error: StoreError,
        /// Where the files are, if they are kept.
        files: Option<PathBuf>,
    },
    /// The core stopped.
    #[error("{0}")]
    Core(#[from] Fault),
    /// The span holds no rows of the instruments.
    #[error("no rows: {sources} hold none of {symbols} from {from} to {to}")]
    NoData {
        /// Sources.
        sources: String,
        /// Symbols.
        symbols: String,
        /// First instant.
        from: String,
        /// First instant after the span.
        to: String,
    },
    /// A signal asked to stop.
    #[error("stopped by signal {0}; nothing was written")]
    Signal(u8),
    /// A thread cannot be had.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// The core panicked; its message is on standard error.
    #[error("the simulation panicked: {0}. This is a bug in btcore; nothing was written")]
    Panic(String),
}

impl From<FeedError> for RunError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Source(error) => RunError::Source(error),
            FeedError::Fault(fault) => RunError::Core(fault),
        }
    }
}

impl RunError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            RunError::NoData { .. } => 4,
            RunError::Plugin(_) => 6,
            RunError::Source(error) => error.exit_code(),
            RunError::Store { error, .. } => error.exit_code(),
            RunError::Quality(QualityError::Inspect(error)) => error.exit_code(),
            RunError::Quality(QualityError::Refused(_)) => 5,
            RunError::Output(OutputError::Taken { .. }) => 2,
            RunError::Output(_) => 74,
            RunError::Core(fault) => match fault.status {
                Status::StrategyStopped | Status::RoundsExceeded | Status::Exception => 7,
                Status::InvalidConfig => 3,
                Status::BadData => 5,
                _ => 1,
            },
            RunError::Signal(number) => 128 + number,
            RunError::Panic(_) | RunError::Thread(_) => 1,
        }
    }
}

/// How to run.
pub struct Options<'a> {
    /// Replace results that are there.
    pub force: bool,
    /// Progress.
    pub progress: Mode,
    /// The config's file, for `invocation.json`.
    pub config_path: String,
    /// Writes further files into the results before they appear.
    pub extra: &'a dyn Fn(&Path) -> Result<(), OutputError>,
}

/// A finished run, already on disk.
pub struct Finished {
    /// What it came to.
    pub result: RunResult,
    /// How fast it was.
    pub speed: Speed,
    /// Where the time went.
    pub times: Times,
    /// Where its files are.
    pub dir: PathBuf,
    /// Where it is published, if the config asks for it.
    pub published: Option<Published>,
}

/// Runs a config and writes its results.
///
/// # Errors
/// Whatever went wrong, naming the place; nothing is left that looks like results.
pub fn run(config: &Config, options: &Options<'_>) -> Result<Finished, RunError> {
    let opened = Instant::now();
    let started = jiff::Timestamp::now().to_string();
    let attempt = Uuid::now_v7();
    dir::check_target(&config.output.dir, options.force)?;
    let codes = open_codes(config)?;
    quality::check(config)?;
    let mut sources = source::open(config)?;
    let staging = Staging::create(&config.output.dir, options.force, attempt)?;
    let mut lanes = open_lanes(config, staging.path())?;
    let mut replay = build(config, &codes, sources.len())?;
    let open_seconds = opened.elapsed().as_secs_f64();

    let replayed = Instant::now();
    let mut progress = Progress::start(options.progress, config.data.from_ns, config.data.to_ns);
    let layout = Layout::of(config);
    let done = drive(&mut replay, &mut sources, &mut lanes, &mut progress, &layout);
    progress.finish();
    let times = done?;
    let speed = Speed { rows: times.rows, seconds: replayed.elapsed().as_secs_f64() };

    let describe: Vec<String> = sources.iter().map(|source| source.describe()).collect();
    let result = collect(config, &replay, &sources, &lanes, &codes)?;
    if result.feed.iter().all(|(_, stats)| stats.rows_in == 0) {
        return Err(no_data(config, &describe));
    }
    drop(replay);
    tables::finish(lanes.into_iter().map(|lane| lane.tables).collect())?;
    staging.write("summary.json", &summary::text(&result))?;
    let invocation = Invocation {
        attempt,
        run_id: result.run_id,
        build_id: result.build_id,
        started,
        command: std::env::args().collect(),
        config_path: options.config_path.clone(),
        origin: config.origin.document(),
        sources: describe,
        retries: retries(&sources),
        strategies: codes.iter().flatten().map(|code| code.path.display().to_string()).collect(),
        output_dir: staging.target().display().to_string(),
        rows: speed.rows,
        open_seconds,
        replay_seconds: speed.seconds,
        times,
        sweep: None,
    };
    staging.write("invocation.json", &invocation.text())?;
    staging.write(origin::FILE, &config.origin.text)?;
    (options.extra)(staging.path())?;
    let dir = staging.publish(attempt)?;
    let published = match &config.output.clickhouse {
        None => None,
        Some(output) => {
            let done = store::publish(output, &dir, attempt);
            Some(done.map_err(|error| RunError::Store { error, files: Some(dir.clone()) })?)
        }
    };
    Ok(Finished { result, speed, times, dir, published })
}

/// Opens everything that a run would open, and runs nothing. Tells what it found.
///
/// # Errors
/// Everything that is wrong.
pub fn check(config: &Config) -> Result<Vec<String>, Vec<RunError>> {
    let (mut told, mut errors) = (Vec::new(), Vec::new());
    for lane in &config.lanes {
        for spec in &lane.strategies {
            let made = plugin::open(spec).and_then(|code| plugin::instance(spec, &code));
            match made {
                Ok(_) => told.push(format!("strategy '{}': loads", spec.name)),
                Err(error) => errors.push(error.into()),
            }
        }
    }
    match source::open(config) {
        Ok(sources) => told.extend(sources.iter().map(|source| {
            let rows = source.rows_total_hint().map(|rows| format!(", {rows} rows at most"));
            format!("{}{}", source.describe(), rows.unwrap_or_default())
        })),
        Err(error) => errors.push(error.into()),
    }
    if errors.is_empty() { Ok(told) } else { Err(errors) }
}

/// Opens the code of every strategy, lane by lane.
pub(crate) fn open_codes(config: &Config) -> Result<Vec<Vec<Code>>, PluginError> {
    let lane = |lane: &LaneSpec| lane.strategies.iter().map(plugin::open).collect();
    config.lanes.iter().map(lane).collect()
}

/// Builds the replay of a config: its feed, and its lanes with the code of their strategies.
pub(crate) fn build(
    config: &Config,
    codes: &[Vec<Code>],
    streams: usize,
) -> Result<Replay<CStrategy>, RunError> {
    let mut lanes = Vec::with_capacity(config.lanes.len());
    for (lane, codes) in config.lanes.iter().zip(codes) {
        lanes.push((lane.config.clone(), slots(lane, codes)?));
    }
    let instruments = config.instruments.iter().map(|spec| spec.instrument.clone()).collect();
    Ok(Replay::new(instruments, config.data.feed, streams, lanes)?)
}

/// One instance of each strategy of a lane.
pub(crate) fn slots(
    lane: &LaneSpec,
    codes: &[Code],
) -> Result<Vec<StrategySlot<CStrategy>>, PluginError> {
    let slot = |(spec, code): (&StrategySpec, &Code)| {
        let (name, params) = (spec.name.clone(), spec.params.clone());
        Ok(StrategySlot { name, params, code: plugin::instance(spec, code)? })
    };
    lane.strategies.iter().zip(codes).map(slot).collect()
}

/// A lane's tables, and its strategies' complaints on standard error.
struct LaneSink {
    tables: LaneTables,
    lane: String,
    strategies: Vec<String>,
}

impl Written for LaneSink {
    fn check(&mut self) -> Result<(), OutputError> {
        self.tables.check()
    }
    fn wants_marks(&self) -> bool {
        true
    }
    fn settle(&mut self, marks: &Marks) {
        self.tables.settle(marks);
    }
    fn oldest_ns(&self) -> i64 {
        self.tables.oldest_ns()
    }
}

impl Sink for LaneSink {
    fn order(&mut self, row: &OrderRow) {
        self.tables.order(row);
    }
    fn sent(&mut self, row: &SentRow) {
        self.tables.sent(row);
    }
    fn fill(&mut self, row: &FillRow) {
        self.tables.fill(row);
    }
    fn queue(&mut self, row: &QueueRow) {
        self.tables.queue(row);
    }
    fn series(&mut self, row: &SeriesRow) {
        self.tables.series(row);
    }
    fn day(&mut self, row: &DayRow) {
        self.tables.day(row);
    }
    fn log(&mut self, ts_ns: i64, strategy: u32, level: u8, text: &str) {
        if level <= 1 {
            let word = if level == 0 { "error" } else { "warning" };
            let name = self.strategies.get(strategy as usize).map_or("?", String::as_str);
            eprintln!("{word}: strategy '{name}' of lane '{}': {text}", self.lane);
        }
        self.tables.log(ts_ns, strategy, level, text);
    }
}

/// The instruments of a config, by number.
pub(crate) fn instruments(config: &Config) -> Arc<Vec<Instrument>> {
    Arc::new(config.instruments.iter().map(|spec| spec.instrument.clone()).collect())
}

fn open_lanes(config: &Config, dir: &Path) -> Result<Vec<LaneSink>, OutputError> {
    let instruments = instruments(config);
    let open = |(index, lane): (usize, &LaneSpec)| {
        let strategies: Vec<String> = lane.strategies.iter().map(|s| s.name.clone()).collect();
        let names = Names {
            lane: lane.config.name.clone(),
            strategies: strategies.clone(),
            instruments: instruments.clone(),
        };
        let tables = LaneTables::open(dir, index, names)?;
        Ok(LaneSink { tables, lane: lane.config.name.clone(), strategies })
    };
    config.lanes.iter().enumerate().map(open).collect()
}

fn collect(
    config: &Config,
    replay: &Replay<CStrategy>,
    sources: &[Box<dyn RowSource>],
    sinks: &[LaneSink],
    codes: &[Vec<Code>],
) -> Result<RunResult, RunError> {
    let mut lanes = Vec::with_capacity(sinks.len());
    for (index, (spec, sink)) in config.lanes.iter().zip(sinks).enumerate() {
        let days = sink.tables.days().to_vec();
        lanes.push(lane_result(spec, &codes[index], replay.summary(index)?, days));
    }
    Ok(RunResult::new(config, data_result(replay, sources), lanes))
}

/// What servers had to be asked again.
pub(crate) fn retries(sources: &[Box<dyn RowSource>]) -> Retries {
    let mut all = Retries::default();
    sources.iter().for_each(|source| all.add(source.retries()));
    all
}

/// What the rows of a replay came to.
pub(crate) fn data_result(
    replay: &Replay<CStrategy>,
    sources: &[Box<dyn RowSource>],
) -> DataResult {
    let symbols = replay.instruments().iter().map(|instrument| instrument.symbol.clone());
    let mut source_skipped: BTreeMap<String, u64> = BTreeMap::new();
    for source in sources {
        for (reason, count) in &source.stats().skipped {
            *source_skipped.entry(reason.clone()).or_default() += count;
        }
    }
    DataResult {
        hash: replay.data_hash(),
        feed: symbols.zip(replay.feed_stats().iter().copied()).collect(),
        source_skipped,
    }
}

/// What a lane came to, with the code of its strategies.
pub(crate) fn lane_result(
    spec: &LaneSpec,
    codes: &[Code],
    summary: LaneSummary,
    days: Vec<DayRow>,
) -> LaneResult {
    LaneResult {
        name: spec.config.name.clone(),
        strategies: spec.strategies.iter().map(|strategy| strategy.name.clone()).collect(),
        strategy_hashes: codes.iter().map(|code| code.hash).collect(),
        seed: spec.config.seed,
        capital: spec.config.capital,
        summary,
        days,
    }
}

/// That the span holds no rows.
pub(crate) fn no_data(config: &Config, sources: &[String]) -> RunError {
    let symbols: Vec<&str> =
        config.instruments.iter().map(|spec| spec.instrument.symbol.as_str()).collect();
    let instant = crate::config::scalar::instant_text;
    let named = match &config.data.source {
        SourceSpec::Parquet { files } | SourceSpec::Arrow { files } if sources.is_empty() => {
            format!("{} files", files.len())
        }
        _ => sources.join(", "),
    };
    RunError::NoData {
        sources: named,
        symbols: symbols.join(", "),
        from: instant(config.data.from_ns),
        to: instant(config.data.to_ns),
    }
}
