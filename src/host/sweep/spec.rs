//! The sweep file: which config is the base, what its members change, and how they are run.
//!
//! Invariants: read by the config's own reader, so every fault is told at once with its place, and a key that nobody
//! knows is one. A member is a list of `--set KEY.PATH=VALUE` words over the base. Paths are relative to the file,
//! except `output.dir`, which is relative to the working directory like `--out`.

use super::draw::{self, Law, Span};
use super::word::word;
use crate::config::fault::{Faults, SECRET_KEYS, SourceText};
use crate::config::reader::{Collector, Cursor, Map, tagged};
use crate::config::tree;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The version of the sweep file's format.
pub const VERSION: i64 = 1;
/// Members at most.
const MEMBERS_MAX: usize = 100_000;

/// A sweep as its file states it.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepSpec {
    /// Name, for the table and for `output.dir`.
    pub name: String,
    /// Text of the sweep file.
    pub text: String,
    /// The base config's file, as it is shown.
    pub base: PathBuf,
    /// Text of the base config.
    pub base_text: String,
    /// Members, the base last if it is one.
    pub members: Vec<Member>,
    /// What of a member's results is kept.
    pub outputs: Outputs,
    /// Threads; `None` for as many as the machine has.
    pub threads: Option<usize>,
    /// Lanes that share a pass at most.
    pub lanes_per_pass: usize,
    /// Where the results go.
    pub dir: PathBuf,
    /// Rows of the table on standard output.
    pub top: usize,
    /// Periods of a year, for the annual Sharpe ratio.
    pub periods_per_year: u32,
}

/// One variant of the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number, four digits at least, or `base`; the name of its directory.
    pub name: String,
    /// Key paths and their values, as `--set` takes them.
    pub changes: Vec<(String, String)>,
}

impl Member {
    /// The changes as `--set` words.
    pub fn sets(&self) -> Vec<String> {
        self.changes.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }
}

/// What of a member's results is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// `summary.json`, `config.yaml` and `invocation.json`.
    Summary,
    /// Everything that a run writes.
    Full,
}

/// What the command line adds to a sweep file.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `--set a.b=1` on the sweep file, in order.
    pub sets: Vec<String>,
    /// `--out`.
    pub out: Option<PathBuf>,
}

/// Reads and checks a sweep file.
///
/// # Errors
/// Every fault of the file, with its place.
pub fn load(path: &Path, options: &LoadOptions) -> Result<SweepSpec, Faults> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| crate::config::unreadable(&name, &error))?;
    let stem = path.file_stem().map_or("sweep".into(), |stem| stem.to_string_lossy().into_owned());
    let base = path.parent().unwrap_or(Path::new(""));
    parse(SourceText { name, text }, base, &stem, options).0
}

/// Checks a sweep file that is in memory; also gives every key path that was looked for.
pub fn parse(
    source: SourceText,
    base: &Path,
    stem: &str,
    options: &LoadOptions,
) -> (Result<SweepSpec, Faults>, BTreeSet<String>) {
    let mut faults = Faults { sources: vec![source], sets: options.sets.clone(), list: Vec::new() };
    let text = faults.sources[0].text.clone();
    let mut tree = match tree::parse(&text, 0) {
        Ok(tree) => tree,
        Err(fault) => {
            faults.list.push(crate::config::syntax(fault));
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
    let spec = read(&tree, base, stem, options, &collector).map(|spec| SweepSpec { text, ..spec });
    let asked = collector.asked();
    faults.list = collector.into_faults();
    match spec {
        Some(spec) if faults.list.is_empty() => (Ok(spec), asked),
        _ => {
            debug_assert!(!faults.list.is_empty(), "Invariant: what is refused has a fault");
            (Err(faults), asked)
        }
    }
}

fn read(
    tree: &tree::Node,
    base: &Path,
    stem: &str,
    options: &LoadOptions,
    collector: &Collector,
) -> Option<SweepSpec> {
    let root = Cursor::root(tree, "", collector);
    let map = root.map()?;
    crate::config::read_version(&map, VERSION);
    let name = match map.get("name") {
        Some(at) => crate::config::run_name(&at),
        None => Some(stem.to_owned()),
    };
    let base = map.need("base").and_then(|at| read_base(&at, base));
    let seed = map.get("seed").map_or(Some(0), |at| at.seed());
    // Draws need the seed; the other faults of the members are told without it.
    let members = map.need("members").and_then(|at| read_members(&at, seed.unwrap_or_default()));
    let include_base = map.get("include_base").map_or(Some(false), |at| at.boolean());
    let outputs = map.get("outputs").map_or(Some(Outputs::Summary), |at| {
        at.choice(&[("summary", Outputs::Summary), ("full", Outputs::Full)])
    });
    let threads = map.get("threads").map_or(Some(None), |at| at.count(1..=1_024).map(Some));
    let lanes = map.get("lanes_per_pass").map(|at| at.count(1..=65_536));
    let top = map.get("top").map_or(Some(10), |at| at.count(1..=MEMBERS_MAX as i64));
    let periods = map.get("periods_per_year").map_or(Some(252), |at| at.int(1..=100_000));
    let dir = read_dir(&map, options);
    map.finish();
    let (name, (base, base_text), outputs) = (name?, base?, outputs?);
    let mut members = members?;
    if include_base? {
        members.push(Member { name: "base".into(), changes: Vec::new() });
    }
    seed?;
    Some(SweepSpec {
        text: String::new(),
        base,
        base_text,
        members,
        outputs,
        threads: threads?,
        lanes_per_pass: lanes.unwrap_or(Some(default_lanes(outputs)))?,
        dir: dir?.unwrap_or_else(|| Path::new("out").join(&name)),
        top: top?,
        periods_per_year: u32::try_from(periods?).ok()?,
        name,
    })
}

/// With full outputs a lane holds its tables in memory and four files open.
fn default_lanes(outputs: Outputs) -> usize {
    match outputs {
        Outputs::Summary => 64,
        Outputs::Full => 16,
    }
}

fn read_base(at: &Cursor<'_>, dir: &Path) -> Option<(PathBuf, String)> {
    let path = dir.join(at.name()?);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some((path, text)),
        Err(error) => {
            at.fault(
                format!("`{}` cannot be read: {error}", path.display()),
                "paths are relative to the file that holds them",
            );
            None
        }
    }
}

fn read_dir(map: &Map<'_>, options: &LoadOptions) -> Option<Option<PathBuf>> {
    let dir = match map.get("output") {
        None => Some(None),
        Some(at) => {
            let map = at.map()?;
            let dir = map.get("dir").map_or(Some(None), |at| at.name().map(|dir| Some(dir.into())));
            map.finish();
            dir
        }
    };
    dir.map(|dir| options.out.clone().or(dir))
}

fn read_members(at: &Cursor<'_>, seed: u64) -> Option<Vec<Member>> {
    let random = |at: &Cursor<'_>| read_random(at, seed);
    let changes =
        tagged(at, &[], &[("grid", &read_grid), ("list", &read_list), ("random", &random)])?;
    let member = |(number, changes)| Member { name: format!("{number:04}"), changes };
    Some(changes.into_iter().enumerate().map(member).collect())
}

type Changes = Vec<(String, String)>;

/// Every combination of the values, the last key fastest.
fn read_grid(at: &Cursor<'_>) -> Option<Vec<Changes>> {
    let axes = read_keys(at, |value| {
        Some(value.list_some()?.iter().map(|item| word(item.node)).collect::<Vec<_>>())
    })?;
    let count = axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.1.len()));
    if count.is_none_or(|count| count > MEMBERS_MAX) {
        at.fault(too_many(), "draw a `random` part of it");
        return None;
    }
    let mut members: Vec<Changes> = vec![Vec::new()];
    for (key, words) in &axes {
        let longer = |member: &Changes| {
            let member = member.clone();
            let with = move |value: &String| {
                let mut member = member.clone();
                member.push((key.clone(), value.clone()));
                member
            };
            words.iter().map(with).collect::<Vec<_>>()
        };
        members = members.iter().flat_map(longer).collect();
    }
    Some(members)
}

fn read_list(at: &Cursor<'_>) -> Option<Vec<Changes>> {
    let items = at.list_some()?;
    if items.len() > MEMBERS_MAX {
        at.fault(too_many(), "");
        return None;
    }
    let read = |item: &Cursor<'_>| read_keys(item, |value| Some(word(value.node)));
    let members: Vec<Option<Changes>> = items.iter().map(read).collect();
    members.into_iter().collect()
}

fn too_many() -> String {
    format!("more than {MEMBERS_MAX} members")
}

fn read_random(at: &Cursor<'_>, seed: u64) -> Option<Vec<Changes>> {
    let map = at.map()?;
    let count = map.need("count").and_then(|at| at.count(1..=MEMBERS_MAX as i64));
    let keys = map.need("keys").and_then(|at| read_keys(&at, read_law));
    map.finish();
    let (count, keys) = (count?, keys?);
    let draw = |member: u64| {
        let value = |(key, law): &(String, Law)| (key.clone(), draw::word(law, seed, member, key));
        keys.iter().map(value).collect()
    };
    Some((0..count as u64).map(draw).collect())
}

fn read_law(at: &Cursor<'_>) -> Option<Law> {
    tagged(
        at,
        &[],
        &[
            ("uniform", &|at| read_span(at).map(Law::Uniform)),
            ("log_uniform", &|at| {
                let span = read_span(at)?;
                if !span.is_positive() {
                    at.fault("needs both ends above zero", "the logarithm of zero is not a number");
                    return None;
                }
                Some(Law::LogUniform(span))
            }),
            ("int", &|at| {
                let [low, high] = two(at)?;
                let any = i64::MIN..=i64::MAX;
                let (from, to) = (low.int(any.clone())?, high.int(any)?);
                if from > to {
                    high.fault(format!("{to} lies below {from}"), "");
                    return None;
                }
                Some(Law::Int(from, to))
            }),
            ("choice", &|at| {
                let words = at.list_some()?.iter().map(|item| word(item.node)).collect();
                Some(Law::Choice(words))
            }),
        ],
    )
}

fn read_span(at: &Cursor<'_>) -> Option<Span> {
    let [low, high] = two(at)?;
    at.take(Span::read(low.text()?, high.text()?))
}

fn two<'a>(at: &Cursor<'a>) -> Option<[Cursor<'a>; 2]> {
    let found: Option<[Cursor<'a>; 2]> = at.list()?.try_into().ok();
    if found.is_none() {
        at.fault("needs two ends", "such as [1, 10]");
    }
    found
}

/// A map from key paths of the base to something.
fn read_keys<T>(
    at: &Cursor<'_>,
    read: impl Fn(&Cursor<'_>) -> Option<T>,
) -> Option<Vec<(String, T)>> {
    let map = at.map()?;
    let mut keys = Vec::new();
    for (entry, value) in map.entries() {
        let fault = key_fault(&entry.key);
        let is_key = fault.is_none();
        if let Some((message, help)) = fault {
            at.collector().note(entry.place, &value.path, message, help);
        }
        // The value's own faults are told even when its key has one.
        let value = read(&value);
        keys.push(value.filter(|_| is_key).map(|value| (entry.key.clone(), value)));
    }
    if keys.is_empty() && !at.path.contains("list[") {
        at.fault("names no key", "such as { \"strategies.0.params.qty\": ... }");
        return None;
    }
    keys.into_iter().collect()
}

/// Why a key cannot be one of a member.
fn key_fault(key: &str) -> Option<(String, &'static str)> {
    let steps: Vec<&str> = key.split('.').collect();
    if steps.iter().any(|step| step.trim().is_empty()) || key.contains('=') {
        return Some((format!("`{key}` is not a key path"), "such as strategies.0.params.qty"));
    }
    if steps[0] == "output" {
        let message = "a member's results go to the sweep's own directory";
        return Some((message.into(), "see `output.dir` and `outputs` of this file"));
    }
    let last = steps[steps.len() - 1].to_ascii_lowercase();
    SECRET_KEYS.contains(&last.as_str()).then(|| {
        ("a secret must not stand in a sweep".into(), "use `password_env` or `password_file`")
    })
}
