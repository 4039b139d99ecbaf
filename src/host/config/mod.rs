//! The config of a run: read from YAML or JSON, checked whole, all faults told at once.
//!
//! Invariants: a [`Config`] that exists is valid; prices, money and rates were never floats; secrets are named
//! and never held. Paths are relative to the file that holds them, except `output.dir`, which is relative to
//! the working directory like `--out`. Cost: milliseconds.

pub mod data;
pub mod effective;
pub mod exchange;
pub mod fault;
mod glob;
pub mod instrument;
pub mod lane;
pub mod latency;
pub mod origin;
pub mod quality;
pub mod reader;
pub mod scalar;
pub mod schema;
pub mod session;
pub mod shape;
pub mod span;
#[cfg(test)]
mod tests;
pub mod toml_tree;
pub mod tree;

use crate::pipeline::pin::Pin;
use crate::rules::{self, RulesNote, apply, references};
use btcore::exchange::{ExchangeConfig, QueueModel};
use data::{DataSpec, Server};
use fault::{Fault, Faults, SourceText};
use instrument::{Draft, InstrumentSpec};
use jiff::tz::TimeZone;
use lane::{LaneOptions, LaneSpec};
use origin::Origin;
use reader::{Collector, Cursor, Map};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The version of the config's format.
pub const VERSION: i64 = 1;

/// Names of the synthetic exchange's presets.
pub const SYNTH_PRESETS: [&str; 4] = ["txf", "queue_heavy", "rush", "thin"];

/// A valid config.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Name of the run, for tables and paths.
    pub name: String,
    /// Rows.
    pub data: DataSpec,
    /// Instruments, sorted by the bytes of their symbols, sessions resolved.
    pub instruments: Vec<InstrumentSpec>,
    /// What to say about the rules of the instruments, where the config names any.
    pub rules: Option<RulesNote>,
    /// Lanes, at least one.
    pub lanes: Vec<LaneSpec>,
    /// Where results go.
    pub output: OutputSpec,
    /// How the machine is used. No result depends on it.
    pub run: RunSpec,
    /// What it was read from.
    pub origin: Origin,
}

/// How the machine is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSpec {
    /// Where the threads run.
    pub pin: Pin,
}

/// Where results go.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputSpec {
    /// Directory of the result files.
    pub dir: PathBuf,
    /// A ClickHouse that the run is published in.
    pub clickhouse: Option<ClickHouseOutput>,
}

/// A ClickHouse that results are written to.
#[derive(Clone, Debug, PartialEq)]
pub struct ClickHouseOutput {
    /// Server and database.
    pub server: Server,
    /// Make the database, its tables and views if they are not there.
    pub create: bool,
    /// What to do with a run that is there already.
    pub exists: Exists,
}

/// What to do with a run that the database shows already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exists {
    /// Leave it, and say so.
    #[default]
    Refuse,
    /// Show the newer attempt in its place.
    Replace,
    /// Show the newer attempt beside it, under an id of its own.
    New,
}

/// What the command line adds to a config.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `--set a.b=1`, in order.
    pub sets: Vec<String>,
    /// `--strategy`: the code of every strategy.
    pub strategy: Option<PathBuf>,
    /// `--out`.
    pub out: Option<PathBuf>,
}

/// Reads and checks a config file.
///
/// # Errors
/// Every fault of the config, with its place.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Config, Faults> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let base = path.parent().unwrap_or(Path::new(""));
            parse(SourceText { name, text }, base, options).0
        }
        Err(error) => Err(unreadable(&name, &error)),
    }
}

/// Reads the queue model that a fit has written.
///
/// # Errors
/// Every fault of the file, with its place.
pub fn load_queue(path: &Path) -> Result<QueueModel, Faults> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&name, &error))?;
    let mut faults =
        Faults { sources: vec![SourceText { name, text }], sets: Vec::new(), list: Vec::new() };
    let tree = match tree::parse(&faults.sources[0].text, 0) {
        Ok(tree) => tree,
        Err(fault) => {
            faults.list.push(syntax(fault));
            return Err(faults);
        }
    };
    let collector = Collector::default();
    let queue = exchange::read_queue(
        &Cursor::root(&tree, "queue", &collector),
        ExchangeConfig::default().queue,
    );
    faults.list = collector.into_faults();
    queue.filter(|_| faults.list.is_empty()).ok_or(faults)
}

/// Reads the keys that say where a server is, given one by one.
///
/// # Errors
/// Every fault of theirs.
pub fn server<'a>(keys: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Server, Faults> {
    let keys: serde_json::Map<String, serde_json::Value> =
        keys.map(|(key, value)| (key.to_owned(), value.into())).collect();
    let text = serde_json::Value::Object(keys).to_string();
    let name = "the command line".into();
    let mut faults =
        Faults { sources: vec![SourceText { name, text }], sets: Vec::new(), list: Vec::new() };
    let tree = match tree::parse(&faults.sources[0].text, 0) {
        Ok(tree) => tree,
        Err(fault) => {
            faults.list.push(syntax(fault));
            return Err(faults);
        }
    };
    let collector = Collector::default();
    let server = Cursor::root(&tree, "", &collector)
        .map()
        .and_then(|map| data::read_server(&map, Path::new(""), "btcore"));
    faults.list = collector.into_faults();
    server.filter(|_| faults.list.is_empty()).ok_or(faults)
}

pub(crate) fn unreadable(name: &str, error: &std::io::Error) -> Faults {
    Faults {
        sources: vec![SourceText { name: name.to_owned(), text: String::new() }],
        sets: Vec::new(),
        list: vec![Fault {
            place: None,
            path: String::new(),
            message: format!("cannot be read: {error}"),
            help: String::new(),
            is_of_service: false,
        }],
    }
}

/// Checks a config that is in memory; also gives every key path that was looked for.
pub fn parse(
    source: SourceText,
    base: &Path,
    options: &LoadOptions,
) -> (Result<Config, Faults>, BTreeSet<String>) {
    let mut faults = Faults { sources: vec![source], sets: options.sets.clone(), list: Vec::new() };
    let mut tree = match tree::parse(&faults.sources[0].text, 0) {
        Ok(tree) => tree,
        Err(fault) => {
            faults.list.push(syntax(fault));
            return (Err(faults), BTreeSet::new());
        }
    };
    let collector = Collector::default();
    for (index, word) in options.sets.iter().enumerate() {
        let done = match word.split_once('=') {
            Some((path, value)) => tree::set(&mut tree, index, path.trim(), value),
            None => Err("write it as key.path=value".into()),
        };
        if let Err(message) = done {
            collector.note(tree::Place::Set { index }, "", message, "");
        }
    }
    let config = read(&tree, base, options, &collector).map(|config| {
        let origin = Origin::new(&faults.sources[0].text, base, options, &collector.files());
        Config { origin, ..config }
    });
    faults.sources.extend(collector.files());
    let asked = collector.asked();
    faults.list = collector.into_faults();
    match config {
        Some(config) if faults.list.is_empty() => (Ok(config), asked),
        _ => {
            debug_assert!(!faults.list.is_empty(), "Invariant: what is refused has a fault");
            (Err(faults), asked)
        }
    }
}

pub(crate) fn syntax(fault: tree::SyntaxFault) -> Fault {
    Fault {
        place: fault.place,
        path: String::new(),
        message: fault.message,
        help: "this is not YAML; nothing else was checked".into(),
        is_of_service: false,
    }
}

fn read(
    tree: &tree::Node,
    base: &Path,
    options: &LoadOptions,
    collector: &Collector,
) -> Option<Config> {
    let root = Cursor::root(tree, "", collector);
    let map = root.map()?;
    read_version(&map, VERSION);
    let name = map.need("name").and_then(|at| run_name(&at));
    let data = map.need("data").and_then(|at| data::read(&at, base));
    let drafts = read_instruments(&map, base, collector);
    let rules_at = map.get("rules");
    let book = rules_at.as_ref().map_or(Some(None), |at| rules::read(at, base).map(Some));
    let options_lane = LaneOptions { base, code: options.strategy.as_deref() };
    let lanes = lane::read(&map, name.as_deref().unwrap_or("lane"), options_lane);
    let lanes = match map.get("interval") {
        Some(at) => lane::interval(&at, lanes),
        None => lanes,
    };
    let output = read_output(&map, name.as_deref(), base, options);
    let run = map.get("run").map_or(Some(RunSpec::default()), |at| read_run(&at));
    let references = read_references(&map, base, drafts.as_deref(), data.as_ref());
    map.finish();
    let (mut data, drafts) = (data?, drafts?);
    let (book, references) = (book?, references?);
    let context =
        apply::Context { book: book.as_ref(), references: references.as_ref(), span: data.span };
    let (instruments, note) = apply::resolve(drafts, &context, collector)?;
    let spans = || instruments.iter().filter_map(|spec| spec.taken.span_ns);
    if let (Some(from_ns), Some(to_ns)) = (spans().map(|s| s.0).min(), spans().map(|s| s.1).max()) {
        (data.from_ns, data.to_ns) = (from_ns, to_ns);
    }
    let origin = Origin::default();
    Some(Config {
        name: name?,
        data,
        instruments,
        rules: note,
        lanes: lanes?,
        output: output?,
        run: run?,
        origin,
    })
}

/// Reference prices, where the config names any: a table's of these instruments and days.
fn read_references(
    map: &Map<'_>,
    base: &Path,
    drafts: Option<&[Draft]>,
    data: Option<&DataSpec>,
) -> Option<Option<references::References>> {
    let Some(at) = map.get("references") else { return Some(None) };
    let drafts = drafts.unwrap_or_default();
    if !drafts.is_empty() && drafts.iter().all(|draft| draft.product.is_none()) {
        at.fault("no instrument has a `product`, so nobody asks for references", "remove this");
    }
    let symbols = drafts.iter().map(|draft| draft.symbol.value.clone()).collect();
    let day = |ns: i64| {
        let date = session::local_date(&TimeZone::UTC, ns);
        date.map_or(0, session::day_number)
    };
    // A venue's day may be the one before or behind that of UTC, and a night belongs to a day after holidays.
    let near_ns = 30 * 86_400_000_000_000;
    let days = data.map_or((0, 0), |data| {
        (day(data.from_ns.saturating_sub(near_ns)), day(data.to_ns.saturating_add(near_ns)))
    });
    references::read(&at, base, &symbols, days).map(Some)
}

pub(crate) fn read_version(map: &Map<'_>, known: i64) {
    if let Some(at) = map.need("version")
        && let Some(version) = at.int(i64::MIN..=i64::MAX)
        && version != known
    {
        at.fault(format!("this program reads version {known}, found {version}"), "");
    }
}

/// A name that can be a directory's.
pub(crate) fn run_name(at: &Cursor<'_>) -> Option<String> {
    let name = at.name()?;
    let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !plain || name.starts_with('.') {
        at.fault(
            format!("`{name}` cannot name a run"),
            "letters, digits, - _ and . only; it names a directory",
        );
        return None;
    }
    Some(name)
}

fn read_instruments(map: &Map<'_>, base: &Path, collector: &Collector) -> Option<Vec<Draft>> {
    let inline = map.get("instruments");
    let named = map.get("instruments_file");
    match (inline, named) {
        (Some(at), None) => instrument::read_list(&at),
        (None, Some(at)) => {
            let file = at.file(base)?;
            let root = Cursor::root(&file, "", collector);
            let map = root.map()?;
            let list = map.need("instruments").and_then(|at| instrument::read_list(&at));
            map.finish();
            list
        }
        (Some(_), Some(at)) => {
            at.fault("`instruments` and `instruments_file` exclude each other", "keep one of them");
            None
        }
        (None, None) => {
            map.fault("no instruments", "give `instruments`, or `instruments_file`");
            None
        }
    }
}

fn read_run(at: &Cursor<'_>) -> Option<RunSpec> {
    let map = at.map()?;
    let pin = map.get("pin").map_or(Some(Pin::Auto), |at| read_pin(&at));
    map.finish();
    Some(RunSpec { pin: pin? })
}

fn read_pin(at: &Cursor<'_>) -> Option<Pin> {
    if at.is_scalar() {
        return at.choice(&[("auto", Pin::Auto), ("off", Pin::Off)]);
    }
    let mut cores: Vec<usize> = Vec::new();
    for core in at.list_some()? {
        let number = core.count(0..=1_023)?;
        if cores.contains(&number) {
            core.fault(format!("core {number} is named twice"), "");
            return None;
        }
        cores.push(number);
    }
    Some(Pin::Cores(cores))
}

fn read_output(
    map: &Map<'_>,
    name: Option<&str>,
    base: &Path,
    options: &LoadOptions,
) -> Option<OutputSpec> {
    let default = PathBuf::from("out").join(name.unwrap_or("run"));
    let Some(at) = map.get("output") else {
        let dir = options.out.clone().unwrap_or(default);
        return Some(OutputSpec { dir, clickhouse: None });
    };
    let map = at.map()?;
    let dir = map.get("dir").map_or(Some(default), |at| at.name().map(PathBuf::from));
    let clickhouse = match map.get("clickhouse") {
        None => Some(None),
        Some(at) => at.map().and_then(|map| {
            let server = data::read_server(&map, base, "btcore");
            let create = map.get("create").map_or(Some(false), |at| at.boolean());
            let exists = map.get("exists").map_or(Some(Exists::Refuse), |at| {
                at.choice(&[
                    ("refuse", Exists::Refuse),
                    ("replace", Exists::Replace),
                    ("new", Exists::New),
                ])
            });
            map.finish();
            Some(Some(ClickHouseOutput { server: server?, create: create?, exists: exists? }))
        }),
    };
    map.finish();
    Some(OutputSpec { dir: options.out.clone().or(dir)?, clickhouse: clickhouse? })
}
