//! The life of one order: the run is made again with a tracer on it, and proved to be the same run.
//!
//! Invariants: a run is a function of (config, data, build), so its copy tells what it did. Nothing is told unless the
//! lane's order digest, the config hash and the data hash are those of `summary.json`; a program that was built anew and
//! gives the same digest is a warning. Nothing is written. Cost: one replay of the lane alone.

mod document;
mod prose;
mod screen;
#[cfg(test)]
mod tests;

pub use document::document;
pub use screen::screen;

use crate::config::fault::{Faults, SourceText};
use crate::config::origin::{self, Origin};
use crate::config::{self, Config, LoadOptions, effective};
use crate::output::OutputError;
use crate::pipeline::{Layout, Written, drive};
use crate::progress::{Mode, Progress};
use crate::provenance::{self, BUILD, hex};
use crate::run::{self, RunError};
use crate::source;
use btcore::recorder::{DayRow, FillRow, OrderRow, SeriesRow, Sink};
use btcore::wire::{QueueRow, TraceRow};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::path::Path;

/// Which order of which results.
pub struct Question<'a> {
    /// Directory of the results.
    pub dir: &'a Path,
    /// Order, counted from 1 in its lane.
    pub order_id: u64,
    /// Lane; may be left out where there is one.
    pub lane: Option<&'a str>,
    /// Keep rows that were looked at and came to nothing.
    pub all: bool,
    /// Progress.
    pub progress: Mode,
}

/// The life of an order.
pub struct Life {
    /// Directory of the results.
    pub dir: String,
    /// Id of the run.
    pub run_id: String,
    /// Order digest of the lane.
    pub digest: String,
    /// What is to be said about the program that made the results, if it is not this one.
    pub warning: Option<String>,
    /// Lane.
    pub lane: String,
    /// Strategy that sent it.
    pub strategy: String,
    /// Symbol.
    pub symbol: String,
    /// The venue's clock.
    pub zone: TimeZone,
    /// IANA name of it.
    pub zone_name: String,
    /// What the lane's exchange believes, by the names of the config.
    pub beliefs: Value,
    /// The estimate that fills.
    pub fills_in: usize,
    /// The order as it ended.
    pub order: OrderRow,
    /// What the estimates made of it, if it rested.
    pub queue: Option<QueueRow>,
    /// What happened to it.
    pub rows: Vec<TraceRow>,
    /// Rows that were looked at, came to nothing and were not kept.
    pub idle: u64,
}

/// Why an order could not be explained. Exit codes are part of the command line's contract.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The directory does not hold results that can be made again.
    #[error("{0}")]
    NotResults(String),
    /// There is no such lane or order.
    #[error("{0}")]
    Unknown(String),
    /// What is there now gives other results.
    #[error("{0}")]
    Differs(String),
    /// The config cannot be read again.
    #[error("{0}")]
    Config(Faults),
    /// The run failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl ExplainError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            ExplainError::NotResults(_) => 74,
            ExplainError::Unknown(_) => 2,
            ExplainError::Differs(_) => 9,
            ExplainError::Config(_) => 3,
            ExplainError::Run(error) => error.exit_code(),
        }
    }
}

/// Runs the results' run again and tells what happened to the order.
///
/// # Errors
/// The results are not there, the order is not known, or the run is not the same any more; says what differs.
pub fn explain(question: &Question<'_>) -> Result<Life, ExplainError> {
    let results = Results::read(question.dir)?;
    let (index, digest) = results.lane(question)?;
    let whole = results.load()?;
    results.check_config(&whole)?;
    let codes = run::open_codes(&whole).map_err(RunError::from)?;
    let hashes: Vec<[u8; 32]> = codes.iter().flatten().map(|code| code.hash).collect();
    let build_note = results.build_note(&provenance::build_id(&hashes));
    // Lanes share nothing but the rows: this one alone is as it was beside the others.
    let config = Config { lanes: vec![whole.lanes[index].clone()], ..whole };
    let mut sources = source::open(&config).map_err(RunError::from)?;
    let mut replay = run::build(&config, &codes[index..=index], sources.len())?;
    replay.trace(0, question.order_id).map_err(RunError::from)?;
    let mut witness = [Witness::new(question)];
    let mut progress = Progress::start(question.progress, config.data.from_ns, config.data.to_ns);
    let done = drive(&mut replay, &mut sources, &mut witness, &mut progress, &Layout::of(&config));
    progress.finish();
    // A run that stopped early has seen part of the data, so its hash says nothing.
    done?;
    results.check_data(&hex(&replay.data_hash()))?;
    let summary = replay.summary(0).map_err(RunError::from)?;
    results.check_digest(&hex(&summary.order_digest), digest, build_note.as_deref())?;
    let [witness] = witness;
    let lane = &config.lanes[0];
    let unknown = || ExplainError::Unknown(format!("order {} left no row", question.order_id));
    let order = witness.order.ok_or_else(unknown)?;
    let instrument = &config.instruments[order.instrument as usize];
    let zone_name = instrument.time_zone.clone();
    Ok(Life {
        dir: question.dir.display().to_string(),
        run_id: results.text("run_id").into(),
        digest: digest.into(),
        warning: build_note,
        lane: lane.config.name.clone(),
        strategy: lane.strategies[order.strategy as usize].name.clone(),
        symbol: instrument.instrument.symbol.clone(),
        zone: TimeZone::get(&zone_name).unwrap_or(TimeZone::UTC),
        zone_name,
        beliefs: config::exchange::effective(&lane.config.exchange),
        fills_in: lane.config.exchange.estimate as usize,
        order,
        queue: witness.queue,
        rows: witness.rows,
        idle: witness.idle,
    })
}

/// A directory of results.
struct Results<'a> {
    dir: &'a Path,
    summary: Value,
    invocation: Value,
    origin: Origin,
}

impl<'a> Results<'a> {
    fn read(dir: &'a Path) -> Result<Self, ExplainError> {
        let file = |name: &str| {
            let path = dir.join(name);
            std::fs::read_to_string(&path).map_err(|error| {
                let path = path.display();
                ExplainError::NotResults(format!(
                    "{path}: {error}; --run names a directory that `bt-host run` or `demo` has written"
                ))
            })
        };
        let parsed = |name: &str| {
            serde_json::from_str::<Value>(&file(name)?).map_err(|error| {
                ExplainError::NotResults(format!("{}: {error}", dir.join(name).display()))
            })
        };
        let (summary, invocation) = (parsed("summary.json")?, parsed("invocation.json")?);
        let old = || {
            ExplainError::NotResults(format!(
                "{}: written by a bt-host that did not keep the config beside its results; run it again",
                dir.display()
            ))
        };
        if invocation["config"].is_null() {
            return Err(old());
        }
        let origin = Origin::read(&invocation["config"], file(origin::FILE)?).ok_or_else(old)?;
        Ok(Results { dir, summary, invocation, origin })
    }

    fn text(&self, key: &str) -> &str {
        self.summary[key].as_str().unwrap_or_default()
    }

    /// Number and order digest of the lane that is meant, once it has the order.
    fn lane(&self, question: &Question<'_>) -> Result<(usize, &str), ExplainError> {
        let lanes = self.summary["lanes"].as_array().map_or(&[][..], Vec::as_slice);
        let name = |lane: &'_ Value| lane["name"].as_str().unwrap_or_default().to_owned();
        let names = || lanes.iter().map(name).collect::<Vec<_>>().join(", ");
        let index = match question.lane {
            Some(wanted) => {
                let unknown = format!("no lane `{wanted}`; the lanes are {}", names());
                lanes.iter().position(|lane| name(lane) == wanted).ok_or(unknown)
            }
            None if lanes.len() == 1 => Ok(0),
            None => Err(format!(
                "several lanes, and orders count from 1 in each; add --lane: {}",
                names()
            )),
        };
        let lane = &lanes[*index.as_ref().map_err(|text| ExplainError::Unknown(text.clone()))?];
        let orders = lane["orders"].as_u64().unwrap_or_default();
        if !(1..=orders).contains(&question.order_id) {
            let range =
                if orders == 0 { "it sent none".into() } else { format!("they are 1 to {orders}") };
            return Err(ExplainError::Unknown(format!(
                "no order {} in lane {}: {range}",
                question.order_id,
                name(lane)
            )));
        }
        Ok((index.unwrap_or_default(), lane["order_digest"].as_str().unwrap_or_default()))
    }

    fn load(&self) -> Result<Config, ExplainError> {
        let name = self.dir.join(origin::FILE).display().to_string();
        let source = SourceText { name, text: self.origin.text.clone() };
        let options = LoadOptions {
            sets: self.origin.sets.clone(),
            strategy: self.origin.strategy.clone(),
            out: None,
        };
        config::parse(source, &self.origin.base, &options).0.map_err(ExplainError::Config)
    }

    fn differs(&self, text: &str) -> ExplainError {
        let dir = self.dir.display();
        ExplainError::Differs(format!("this is not the run of {dir} any more: {text}"))
    }

    fn check_config(&self, config: &Config) -> Result<(), ExplainError> {
        let now = effective::document(config);
        if hex(&effective::hash(&now)) == self.text("config_hash") {
            return Ok(());
        }
        let mut places = Vec::new();
        differences(&self.summary["config"], &now, "", &mut places);
        let more = places.len().saturating_sub(5);
        places.truncate(5);
        let mut text = format!("the config differs\n  {}", places.join("\n  "));
        if more > 0 {
            text.push_str(&format!("\n  and {more} more"));
        }
        for path in self.origin.files_changed() {
            text.push_str(&format!("\n  changed or gone: {}", path.display()));
        }
        Err(self.differs(&text))
    }

    fn check_data(&self, now: &str) -> Result<(), ExplainError> {
        let was = self.text("data_hash");
        if now == was {
            return Ok(());
        }
        let sources = self.invocation["sources"].as_array().map_or(&[][..], Vec::as_slice);
        let names: Vec<&str> = sources.iter().filter_map(Value::as_str).collect();
        Err(self.differs(&format!(
            "the data differ\n  rows of {}\n  data hash {was} then, {now} now",
            names.join(", ")
        )))
    }

    fn check_digest(&self, now: &str, was: &str, build: Option<&str>) -> Result<(), ExplainError> {
        if now == was {
            return Ok(());
        }
        let cause = build.unwrap_or(
            "config, data and build are the same, so this is a bug in btcore: please report it",
        );
        let digests = format!("order digest {was} then, {now} now");
        Err(self.differs(&format!("its orders differ\n  {cause}\n  {digests}")))
    }

    /// What differs of the build, if it is another one.
    fn build_note(&self, build_id: &[u8; 32]) -> Option<String> {
        if hex(build_id) == self.text("build_id") {
            return None;
        }
        let build = &self.invocation["build"];
        let commit = build["git_commit"].as_str().unwrap_or("unknown");
        let mark = if build["git_dirty"] == true { "-dirty" } else { "" };
        let is_host =
            build["source_blake3"] != BUILD.source_hash || build["version"] != BUILD.version;
        Some(if is_host {
            let now = BUILD.commit_text();
            format!("another build: the results are of bt-host {commit}{mark}, this is {now}")
        } else {
            "another build: a strategy's code has changed since".into()
        })
    }
}

/// Where two documents differ, each as one line.
fn differences(was: &Value, now: &Value, path: &str, found: &mut Vec<String>) {
    let join = |key: &str| if path.is_empty() { key.into() } else { format!("{path}.{key}") };
    match (was, now) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                differences(&was[key.as_str()], &now[key.as_str()], &join(key), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{path}[{index}]"), found);
            }
        }
        _ if was != now => found.push(format!("{path}: {was} then, {now} now")),
        _ => {}
    }
}

/// Keeps what is told about one order, and lets everything else go by.
struct Witness {
    order_id: u64,
    all: bool,
    order: Option<OrderRow>,
    queue: Option<QueueRow>,
    rows: Vec<TraceRow>,
    idle: u64,
}

impl Witness {
    fn new(question: &Question<'_>) -> Self {
        Witness {
            order_id: question.order_id,
            all: question.all,
            order: None,
            queue: None,
            rows: Vec::new(),
            idle: 0,
        }
    }
}

impl Written for Witness {
    fn check(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

impl Sink for Witness {
    fn order(&mut self, row: &OrderRow) {
        if row.order_id == self.order_id {
            self.order = Some(*row);
        }
    }
    fn queue(&mut self, row: &QueueRow) {
        if row.order_id == self.order_id {
            self.queue = Some(*row);
        }
    }
    fn trace(&mut self, row: &TraceRow) {
        if self.all || row.is_change() {
            self.rows.push(*row);
        } else {
            self.idle += 1;
        }
    }
    fn fill(&mut self, _: &FillRow) {}
    fn series(&mut self, _: &SeriesRow) {}
    fn day(&mut self, _: &DayRow) {}
    fn log(&mut self, _: i64, _: u32, _: u8, _: &str) {}
}
