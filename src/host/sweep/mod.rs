//! A sweep: many variants of one config, those over one market in shared passes, and a leaderboard that says how far
//! the best of them may be luck.
//!
//! Invariants: a member's results are those of `run` with its config alone; the leaderboard is a function of (sweep,
//! data, build). Threads, packing, the order of members and the point where a sweep went on show nowhere but in
//! `invocation.json`. A member that fails takes nobody along. A directory `members/NNNN` is a member's whole results,
//! so a sweep that died goes on where it stood. Cost: decoding once for each pass, memory by lanes in passes at work.

mod crew;
mod deflated;
mod draw;
mod failure;
mod leaderboard;
mod pass;
mod place;
mod plan;
mod resume;
pub mod schema;
mod screen;
mod sheet;
mod sink;
mod spec;
#[cfg(test)]
mod tests;
mod watch;
mod word;

pub use failure::{Failure, SweepError};
pub use leaderboard::{Board, Row};
pub use screen::{listing, render, timing};
pub use spec::{LoadOptions, Member, Outputs, SweepSpec, load};

use crate::config::effective::sorted;
use crate::output::invocation;
use crate::pipeline::times::PassTimes;
use crate::progress::Mode;
use crate::provenance::hex;
use pass::Start;
use plan::{Ground, Plan};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use uuid::Uuid;
use watch::Watch;

/// How often members run again because their rows have changed meanwhile.
const ROUNDS_MAX: usize = 3;

/// How to run.
pub struct Options {
    /// Run every member again, done or not.
    pub force: bool,
    /// Progress.
    pub progress: Mode,
    /// `--strategy`: the code of every strategy.
    pub strategy: Option<PathBuf>,
    /// The sweep's file, for `invocation.json`.
    pub config_path: String,
}

/// A finished sweep, already on disk.
pub struct Finished<'a> {
    /// Members side by side.
    pub board: Board<'a>,
    /// Where everything is.
    pub dir: PathBuf,
    /// `--strategy`.
    pub strategy: Option<PathBuf>,
    /// Members that were run, those that failed included.
    pub run: usize,
    /// Members that were done before.
    pub skipped: usize,
    /// Threads.
    pub threads: usize,
    /// Where the time of the passes went that came to their end.
    pub times: PassTimes,
    /// Time of planning and passes, seconds.
    pub seconds: f64,
}

/// What would be done.
pub struct Listed {
    /// Each member.
    pub members: Vec<ListedMember>,
    /// Passes over the rows.
    pub passes: usize,
}

/// A member, and what would become of it.
pub struct ListedMember {
    /// Name.
    pub name: String,
    /// What it changes, as `--set` words.
    pub sets: Vec<String>,
    /// What would become of it.
    pub fate: Fate,
}

/// What would become of a member.
pub enum Fate {
    /// It would run.
    Run,
    /// It is done.
    Done,
    /// It cannot run.
    Fails(Failure),
}

/// Says what a sweep would do, and does nothing.
///
/// # Errors
/// A thread cannot be started.
pub fn list(spec: &SweepSpec, options: &Options) -> Result<Listed, SweepError> {
    let ground = Ground::new(spec, options.strategy.clone());
    let threads = threads(spec);
    let plan = plan::plan(&ground, threads)?;
    let done = if options.force { BTreeMap::new() } else { find_done(&ground, &plan) };
    let fate = |member: usize| match &plan.members[member] {
        Err(failure) => Fate::Fails(failure.clone()),
        Ok(_) if done.contains_key(&member) => Fate::Done,
        Ok(_) => Fate::Run,
    };
    let members = spec.members.iter().enumerate();
    let to_run = to_run(&plan, &done);
    Ok(Listed {
        members: members
            .map(|(i, member)| ListedMember {
                name: member.name.clone(),
                sets: member.sets(),
                fate: fate(i),
            })
            .collect(),
        passes: plan::pack(&plan, &to_run, spec.lanes_per_pass, threads).len(),
    })
}

/// Runs a sweep and writes its results.
///
/// # Errors
/// What kept it from its leaderboard. Members that were done by then stay.
pub fn run<'a>(spec: &'a SweepSpec, options: &Options) -> Result<Finished<'a>, SweepError> {
    let begun = Instant::now();
    let ground = Ground::new(spec, options.strategy.clone());
    let threads = threads(spec);
    let plan = plan::plan(&ground, threads)?;
    plan.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let invalid: Vec<(usize, Failure)> = plan
        .members
        .iter()
        .enumerate()
        .filter_map(|(member, planned)| Some((member, planned.as_ref().err()?.clone())))
        .collect();
    if invalid.len() == spec.members.len() {
        let exit_code = invalid.first().map_or(3, |(_, failure)| failure.exit_code);
        return Err(SweepError::NoMember { told: told(spec, &invalid), exit_code });
    }
    eprint!("{}", told(spec, &invalid));
    let _lock = place::take(&spec.dir)?;
    let mut done = if options.force { BTreeMap::new() } else { find_done(&ground, &plan) };
    let skipped = done.len();
    place::prepare(spec)?;
    let start = Start {
        ground: &ground,
        plan: &plan,
        attempt: Uuid::now_v7(),
        started: jiff::Timestamp::now().to_string(),
        config_path: options.config_path.clone(),
        gauge: Arc::new(AtomicU64::new(0)),
        verdicts: Mutex::default(),
    };
    let mut failed: BTreeMap<usize, Failure> = invalid.into_iter().collect();
    let mut times = PassTimes::default();
    let mut pending = to_run(&plan, &done);
    let mut rounds = 0;
    let is_at_work = !pending.is_empty();
    if is_at_work {
        place::withdraw(&spec.dir)?;
    }
    if spec.outputs == Outputs::Full {
        place::raise_open_files();
    }
    while !pending.is_empty() {
        let ended = work(&start, threads, options.progress, &pending, &done, &failed)?;
        done.extend(ended.done.iter().cloned());
        failed.extend(ended.failed);
        times.merge(&ended.times);
        pending = outdated(&plan, &done, &ended.data);
        if !pending.is_empty() {
            rounds += 1;
            if rounds > ROUNDS_MAX {
                return Err(SweepError::Restless { members: pending.len() });
            }
            let count = pending.len();
            eprintln!(
                "warning: the data have changed since {count} members were run; they run again"
            );
            pending.iter().for_each(|member| drop(done.remove(member)));
            start.verdicts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
    place::strangers(&ground, failed.keys().copied());
    let all: Vec<usize> = done.keys().copied().collect();
    let board =
        leaderboard::board(spec, &all, failed.into_iter().collect(), &|member| ground.dir(member))?;
    let finished = Finished {
        run: spec.members.len() - skipped,
        skipped,
        threads,
        times,
        seconds: begun.elapsed().as_secs_f64(),
        dir: std::path::absolute(&spec.dir).unwrap_or_else(|_| spec.dir.clone()),
        strategy: options.strategy.clone(),
        board,
    };
    place::write_whole(&spec.dir, "sweep.yaml", &spec.text)?;
    if is_at_work {
        // A start that found everything done leaves what the one at work has said.
        place::write_whole(&spec.dir, "invocation.json", &about(&start, &finished))?;
    }
    place::write_whole(&spec.dir, place::LEADERBOARD_FILES[1], &finished.board.csv())?;
    place::write_whole(
        &spec.dir,
        place::LEADERBOARD_FILES[0],
        &format!("{:#}\n", finished.board.document()),
    )?;
    Ok(finished)
}

fn threads(spec: &SweepSpec) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    spec.threads.unwrap_or_else(all)
}

/// Members that are done, with the hash of their rows.
fn find_done(ground: &Ground<'_>, plan: &Plan) -> BTreeMap<usize, String> {
    let members = ground.spec.members.iter().zip(&plan.members).enumerate();
    let found = members.filter_map(|(index, (member, planned))| {
        let planned = planned.as_ref().ok()?;
        let key = &plan.markets[planned.market].source_key;
        Some((index, resume::done(&ground.dir(member), planned, key, ground.spec.outputs)?))
    });
    found.collect()
}

fn to_run(plan: &Plan, done: &BTreeMap<usize, String>) -> Vec<usize> {
    let is_left = |&member: &usize| plan.members[member].is_ok() && !done.contains_key(&member);
    (0..plan.members.len()).filter(is_left).collect()
}

/// What the passes of some members came to.
#[derive(Default)]
struct Ended {
    done: Vec<(usize, String)>,
    /// Hash of the rows that each market's last pass found.
    data: BTreeMap<usize, String>,
    failed: BTreeMap<usize, Failure>,
    times: PassTimes,
    stopped: Option<SweepError>,
    /// Failures that have not been told yet.
    news: Vec<(usize, Failure)>,
}

/// Runs these members, in passes over threads.
fn work(
    start: &Start<'_>,
    threads: usize,
    progress: Mode,
    pending: &[usize],
    done: &BTreeMap<usize, String>,
    failed: &BTreeMap<usize, Failure>,
) -> Result<Ended, SweepError> {
    let spec = start.ground.spec;
    let passes = plan::pack(start.plan, pending, spec.lanes_per_pass, threads);
    let lanes = passes.iter().map(|pass| pass.lanes as u64).sum();
    start.gauge.store(0, Ordering::Relaxed);
    let mut watch = Watch::start(progress, spec.members.len(), lanes);
    let ended = Mutex::new(Ended::default());
    let lock = || ended.lock().unwrap_or_else(PoisonError::into_inner);
    let one = |pass: plan::Pass| match pass::run(start, &pass) {
        Ok(outcome) => {
            let mut ended = lock();
            outcome.times.iter().for_each(|times| ended.times.add(times));
            for (member, hash) in &outcome.done {
                if let Ok(planned) = &start.plan.members[*member] {
                    ended.data.insert(planned.market, hash.clone());
                }
            }
            ended.done.extend(outcome.done);
            ended.news.extend(outcome.failed.iter().cloned());
            ended.failed.extend(outcome.failed);
            Some(outcome.again)
        }
        Err(error) => {
            lock().stopped.get_or_insert(error);
            None
        }
    };
    let look = || {
        let (news, so_far) = {
            let mut ended = lock();
            (std::mem::take(&mut ended.news), (ended.done.len(), ended.failed.len()))
        };
        if !news.is_empty() {
            watch.say(told(spec, &news).trim_end());
        }
        let parts = start.gauge.load(Ordering::Relaxed);
        watch.tell(done.len() + so_far.0, failed.len() + so_far.1, parts);
    };
    let crew = crew::work(threads, passes, one, look);
    watch.finish();
    crew.map_err(SweepError::Thread)?;
    let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    eprint!("{}", told(spec, &ended.news));
    match ended.stopped.take() {
        None => Ok(ended),
        Some(SweepError::Signal { number, .. }) => {
            let done = done.len() + ended.done.len();
            Err(SweepError::Signal { number, done, total: spec.members.len() })
        }
        Some(error) => Err(error),
    }
}

/// Members whose rows are not those that the last pass over their market found.
fn outdated(
    plan: &Plan,
    done: &BTreeMap<usize, String>,
    now: &BTreeMap<usize, String>,
) -> Vec<usize> {
    let is_other = |(member, hash): &(&usize, &String)| {
        let market = plan.members[**member].as_ref().map(|planned| planned.market);
        market.is_ok_and(|market| now.get(&market).is_some_and(|now| now != *hash))
    };
    done.iter().filter(is_other).map(|(member, _)| *member).collect()
}

/// Failures in words, those with one text told once.
fn told(spec: &SweepSpec, failures: &[(usize, Failure)]) -> String {
    let mut by_text: Vec<(&Failure, Vec<&str>)> = Vec::new();
    for (member, failure) in failures {
        let name = spec.members[*member].name.as_str();
        match by_text.iter_mut().find(|(known, _)| known.text == failure.text) {
            Some((_, names)) => names.push(name),
            None => by_text.push((failure, vec![name])),
        }
    }
    by_text.iter().map(|(failure, names)| saying(failure, names)).collect()
}

fn saying(failure: &Failure, names: &[&str]) -> String {
    let who = match names {
        [one] => format!("member {one}"),
        [first, .., last] => format!("{} members, {first} to {last}", names.len()),
        [] => return String::new(),
    };
    match failure.detail.trim_end() {
        "" => format!("error: {who}: {}: {}\n", failure.kind, failure.text),
        detail => format!("{detail}\nerror: {who}: {} is not valid\n", failure.kind),
    }
}

/// `invocation.json`: when, how fast, with how many threads.
fn about(start: &Start<'_>, finished: &Finished<'_>) -> String {
    let spec = start.ground.spec;
    let codes: BTreeSet<String> = start.ground.opened();
    let document = json!({
        "format": "btcore-sweep-invocation",
        "version": 1,
        "attempt_id": start.attempt.to_string(),
        "started": start.started,
        "command": std::env::args().collect::<Vec<_>>(),
        "working_dir": std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default(),
        "config_path": start.config_path,
        "base_path": spec.base.display().to_string(),
        "base_blake3": hex(blake3::hash(spec.base_text.as_bytes()).as_bytes()),
        "strategies": codes,
        "output_dir": finished.dir.display().to_string(),
        "build": invocation::build(None),
        "threads": finished.threads,
        "lanes_per_pass": spec.lanes_per_pass,
        "members_run": finished.run,
        "members_done_before": finished.skipped,
        "timings": {
            "total_s": finished.seconds,
            "rows": finished.times.sum.rows,
            "lane_rows": finished.times.lane_rows,
            "parts": finished.times.document(),
        },
    });
    format!("{:#}\n", sorted(&document))
}
