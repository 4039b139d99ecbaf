//! One pass over a market's rows: the lanes of several members in one replay, and the members' results.
//!
//! Invariants: a member's files hold what `run` writes of its config alone, byte for byte where they are results; they
//! appear whole or not at all. A lane that fails ends its replay, so the pass is made again without it: the member that
//! the fault names runs alone, the others in two halves; where no member is named, the halves find it. A lane is
//! therefore run at most log2 of the pass times more, however many fail. What every lane would meet (the source, its
//! rows) fails the whole pass at once.

use super::failure::{Failure, SweepError};
use super::plan::{Ground, Pass, Plan, halve, pass_of};
use super::sink::{self, LaneSink};
use super::spec::Member;
use crate::config::Config;
use crate::config::origin;
use crate::output::dir::Staging;
use crate::output::invocation::Invocation;
use crate::output::result::RunResult;
use crate::output::{OutputError, summary, tables};
use crate::pipeline::pin::Pin;
use crate::pipeline::times::Times;
use crate::pipeline::{Layout, drive, panic_text};
use crate::plugin::Code;
use crate::progress::{GAUGE_PARTS, Gauge, Progress};
use crate::provenance::hex;
use crate::quality;
use crate::run::{self, RunError};
use crate::signal;
use crate::source::{self, RowSource};
use crate::store::{self, StoreError};
use btcore::engine::{Replay, StrategySlot};
use btcore::wire::Status;
use btcore_ffi::CStrategy;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;
use uuid::Uuid;

/// What a pass came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Members with results, and the hash of their rows.
    pub done: Vec<(usize, String)>,
    /// Members without.
    pub failed: Vec<(usize, Failure)>,
    /// What is to be run again.
    pub again: Vec<Pass>,
    /// Where its time went; `None` if it did not come to its end.
    pub times: Option<Times>,
}

/// What the passes of one start have in common.
pub struct Start<'a> {
    /// The sweep.
    pub ground: &'a Ground<'a>,
    /// What it is going to do.
    pub plan: &'a Plan,
    /// Id of this start.
    pub attempt: Uuid,
    /// When it began, RFC 3339.
    pub started: String,
    /// The sweep's file, as it was given.
    pub config_path: String,
    /// Progress of all passes: parts of lanes.
    pub gauge: Arc<AtomicU64>,
    /// Whether each market's rows are good enough; looked at once, by the first of its passes.
    pub verdicts: Mutex<BTreeMap<usize, Verdict>>,
}

/// Whether the rows of one market are good enough, once somebody has looked.
type Verdict = Arc<OnceLock<Result<(), Failure>>>;

impl Start<'_> {
    /// Whether the rows of a market are good enough for its members.
    fn verdict(&self, market: usize, config: &Config) -> Result<(), Failure> {
        let slot = {
            let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
            verdicts.entry(market).or_default().clone()
        };
        let look = || quality::check(config).map_err(|error| Failure::of_run(&error.into()));
        slot.get_or_init(look).clone()
    }
}

/// Runs a pass.
///
/// # Errors
/// What ends the sweep: results cannot be written, or a signal.
pub fn run(start: &Start<'_>, pass: &Pass) -> Result<Outcome, SweepError> {
    let mut outcome = Outcome::default();
    let tried = catch_unwind(AssertUnwindSafe(|| replay(start, pass, &mut outcome)));
    let is_settled = |outcome: &Outcome, member: usize| {
        outcome.done.iter().any(|(known, _)| *known == member)
            || outcome.failed.iter().any(|(known, _)| *known == member)
    };
    let left = pass.members.iter().copied().filter(|&member| !is_settled(&outcome, member));
    let left: Vec<usize> = left.collect();
    match tried {
        Ok(Ok(())) => debug_assert!(left.is_empty(), "Invariant: a pass settles every member"),
        Ok(Err(Trouble::Sweep(error))) => return Err(error),
        Ok(Err(Trouble::Market(error))) => outcome.failed.extend(all_fail(&left, &error)),
        Ok(Err(Trouble::Pass(error))) => settle(start, pass, &left, &error, &mut outcome),
        Err(payload) => {
            let error = RunError::Panic(panic_text(payload.as_ref()));
            settle(start, pass, &left, &error, &mut outcome);
        }
    }
    let again: u64 = outcome.again.iter().map(|pass| pass.lanes as u64).sum();
    let over = (pass.lanes as u64).saturating_sub(again);
    start.gauge.fetch_add(over * GAUGE_PARTS, Ordering::Relaxed);
    Ok(outcome)
}

/// What ends a pass.
enum Trouble {
    /// And the sweep.
    Sweep(SweepError),
    /// And every other pass over the same rows.
    Market(RunError),
    /// For which one of its lanes is to blame.
    Pass(RunError),
}

impl From<SweepError> for Trouble {
    fn from(error: SweepError) -> Self {
        Trouble::Sweep(error)
    }
}

impl From<OutputError> for Trouble {
    fn from(error: OutputError) -> Self {
        Trouble::Sweep(error.into())
    }
}

/// Says who fails and who runs again, after a pass ended in an error. Only a member whose pass was its own fails: others'
/// faults may name their lanes as the pass called them.
fn settle(start: &Start<'_>, pass: &Pass, left: &[usize], error: &RunError, outcome: &mut Outcome) {
    if pass.members.len() == 1 {
        outcome.failed.extend(all_fail(left, error));
        return;
    }
    let text = error.to_string();
    let is_named = |&member: &usize| {
        text.contains(&format!("lane '{}", tag(&start.ground.spec.members[member])))
    };
    let named: Vec<usize> = left.iter().copied().filter(is_named).collect();
    let others: Vec<usize> = match named.as_slice() {
        [one] => {
            outcome.again.push(pass_of(start.plan, &[*one]));
            left.iter().copied().filter(|member| member != one).collect()
        }
        _ => left.to_vec(),
    };
    outcome.again.extend(halve(start.plan, &others));
}

fn all_fail(members: &[usize], error: &RunError) -> Vec<(usize, Failure)> {
    members.iter().map(|&member| (member, Failure::of_run(error))).collect()
}

/// What stands before the names of a member's lanes while they share a pass.
fn tag(member: &Member) -> String {
    format!("{}/", member.name)
}

/// A member in a pass.
struct Seat {
    member: usize,
    config: Config,
    codes: Vec<Vec<Code>>,
    staging: Staging,
    /// Its first lane in the replay.
    lane_first: usize,
}

type Lanes = Vec<(btcore::engine::LaneConfig, Vec<StrategySlot<CStrategy>>)>;

fn replay(start: &Start<'_>, pass: &Pass, outcome: &mut Outcome) -> Result<(), Trouble> {
    let opened = Instant::now();
    let (mut seats, mut lanes) = (Vec::new(), Lanes::new());
    for &member in &pass.members {
        match seat(start, member, pass.members.len() > 1, &mut lanes) {
            Ok(taken) => seats.push(taken),
            Err(Refused::Member(failure)) => outcome.failed.push((member, failure)),
            Err(Refused::Sweep(error)) => return Err(error.into()),
        }
    }
    let Some(first) = seats.first() else { return Ok(()) };
    if let Ok(planned) = &start.plan.members[first.member]
        && let Err(failure) = start.verdict(planned.market, &first.config)
    {
        if let Some(number) = signal::caught() {
            return Err(SweepError::Signal { number, done: 0, total: 0 }.into());
        }
        outcome.failed.extend(seats.iter().map(|seat| (seat.member, failure.clone())));
        return Ok(());
    }
    let mut sources = source::open(&first.config).map_err(|error| Trouble::Market(error.into()))?;
    let data = &first.config.data;
    let (feed, span) = (data.feed, (data.from_ns, data.to_ns));
    let instruments = first.config.instruments.iter().map(|spec| spec.instrument.clone()).collect();
    let mut sinks = Vec::with_capacity(lanes.len());
    for seat in &seats {
        sink::open(start.ground.spec.outputs, &seat.config, &seat.staging, &mut sinks)?;
    }
    let lane_count = lanes.len() as u64;
    let mut replay = Replay::new(instruments, feed, sources.len(), lanes)
        .map_err(|fault| Trouble::Pass(fault.into()))?;
    let open_seconds = opened.elapsed().as_secs_f64();

    let replayed = Instant::now();
    let gauge = Gauge::new(&start.gauge, pass.lanes);
    let mut progress = Progress::gauged(gauge, span.0, span.1);
    // Passes share the cores as they come; each has one replay, a reader and a writer.
    let layout = Layout { pin: Pin::Off, ..Layout::of(&first.config) };
    let ran = drive(&mut replay, &mut sources, &mut sinks, &mut progress, &layout);
    let is_alone = pass.members.len() == 1;
    let describe: Vec<String> = sources.iter().map(|source| source.describe()).collect();
    let times = match ran {
        Ok(times) => times,
        Err(error) => {
            if is_alone {
                sinks.iter().for_each(LaneSink::tell);
            }
            return Err(trouble(error, &describe));
        }
    };
    if replay.feed_stats().iter().all(|stats| stats.rows_in == 0) {
        return Err(Trouble::Market(run::no_data(&first.config, &describe)));
    }
    let rows = replay.progress().0;
    outcome.times = Some(times);
    let about = About {
        rows,
        open_seconds,
        replay_seconds: replayed.elapsed().as_secs_f64(),
        sources: describe,
        lanes: lane_count,
        times,
    };
    for seat in seats {
        let member = seat.member;
        let rest = sinks.split_off(seat.config.lanes.len().min(sinks.len()));
        let own = std::mem::replace(&mut sinks, rest);
        own.iter().for_each(LaneSink::tell);
        match publish(start, seat, own, &replay, &sources, &about) {
            Ok(data_hash) => outcome.done.push((member, data_hash)),
            Err(Refused::Member(failure)) => outcome.failed.push((member, failure)),
            Err(Refused::Sweep(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whose fault it is that a replay stopped. A row that the core refuses is named with its source.
fn trouble(error: RunError, sources: &[String]) -> Trouble {
    let is_of_row = |fault: &btcore::engine::Fault| {
        fault.status == Status::BadData
            && sources.iter().any(|source| fault.message.starts_with(source.as_str()))
    };
    match error {
        RunError::Signal(number) => {
            Trouble::Sweep(SweepError::Signal { number, done: 0, total: 0 })
        }
        RunError::Output(error) => error.into(),
        RunError::Source(_) => Trouble::Market(error),
        RunError::Core(ref fault) if is_of_row(fault) => Trouble::Market(error),
        error => Trouble::Pass(error),
    }
}

/// Why a member gets no seat, or no results.
enum Refused {
    Member(Failure),
    Sweep(OutputError),
}

impl From<OutputError> for Refused {
    fn from(error: OutputError) -> Self {
        Refused::Sweep(error)
    }
}

/// Reads a member's config once more and makes its strategies.
fn seat(
    start: &Start<'_>,
    member: usize,
    is_tagged: bool,
    lanes: &mut Lanes,
) -> Result<Seat, Refused> {
    let ground = start.ground;
    let spec = &ground.spec.members[member];
    let config = ground.load(spec).map_err(|f| Refused::Member(Failure::of_config(&f)))?;
    let hash = crate::config::effective::hash(&crate::config::effective::document(&config));
    let was = start.plan.members[member].as_ref().map(|planned| planned.config_hash);
    if was.as_ref() != Ok(&hash) {
        return Err(Refused::Member(Failure {
            kind: "config",
            text: "a file that the config names has changed since the sweep began".into(),
            detail: String::new(),
            exit_code: 3,
        }));
    }
    let codes = ground.codes(&config.lanes).map_err(|e| Refused::Member(Failure::of_code(e)))?;
    let (lane_first, mut made) = (lanes.len(), Vec::new());
    for (lane, codes) in config.lanes.iter().zip(&codes) {
        let slots = run::slots(lane, codes).map_err(|e| Refused::Member(Failure::of_code(e)))?;
        let mut config = lane.config.clone();
        if is_tagged {
            // Only faults name a lane; this tells whose it is.
            config.name.insert_str(0, &tag(spec));
        }
        made.push((config, slots));
    }
    lanes.extend(made);
    let staging = Staging::create(&config.output.dir, true, start.attempt)?;
    Ok(Seat { member, config, codes, staging, lane_first })
}

/// What a member's `invocation.json` says of the pass.
struct About {
    rows: u64,
    open_seconds: f64,
    replay_seconds: f64,
    sources: Vec<String>,
    lanes: u64,
    times: Times,
}

/// Writes a member's results and gives them their name; returns the hash of its rows.
fn publish(
    start: &Start<'_>,
    seat: Seat,
    sinks: Vec<LaneSink>,
    replay: &Replay<CStrategy>,
    sources: &[Box<dyn RowSource>],
    about: &About,
) -> Result<String, Refused> {
    let Seat { member, config, codes, staging, lane_first } = seat;
    let mut lanes = Vec::with_capacity(config.lanes.len());
    let mut written = Vec::new();
    for (index, (spec, sink)) in config.lanes.iter().zip(sinks).enumerate() {
        let figures = replay.summary(lane_first + index);
        let figures = figures.map_err(|fault| Refused::Member(Failure::of_run(&fault.into())))?;
        lanes.push(run::lane_result(spec, &codes[index], figures, sink.days));
        written.extend(sink.tables);
    }
    let result = RunResult::new(&config, run::data_result(replay, sources), lanes);
    tables::finish(written)?;
    staging.write("summary.json", &summary::text(&result))?;
    let spec = &start.ground.spec.members[member];
    let changes: Map<String, Value> =
        spec.changes.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    let source_key =
        start.plan.members[member].as_ref().map(|p| &start.plan.markets[p.market].source_key);
    let invocation = Invocation {
        attempt: start.attempt,
        run_id: result.run_id,
        build_id: result.build_id,
        started: start.started.clone(),
        command: std::env::args().collect(),
        config_path: start.ground.spec.base.display().to_string(),
        origin: config.origin.document(),
        sources: about.sources.clone(),
        retries: run::retries(sources),
        strategies: codes.iter().flatten().map(|code| code.path.display().to_string()).collect(),
        output_dir: staging.target().display().to_string(),
        rows: about.rows,
        open_seconds: about.open_seconds,
        replay_seconds: about.replay_seconds,
        times: about.times,
        sweep: Some(json!({
            "file": start.config_path,
            "member": spec.name,
            "changes": changes,
            "source_key": source_key.ok(),
            "lanes_in_pass": about.lanes,
        })),
    };
    staging.write("invocation.json", &invocation.text())?;
    staging.write(origin::FILE, &config.origin.text)?;
    if let Some(output) = &config.output.clickhouse {
        // Before the directory gets its name: a start that dies between the two finds the run there and goes on.
        match store::publish(output, staging.path(), start.attempt) {
            Ok(_) | Err(StoreError::Exists { .. }) => {}
            Err(error) => {
                let error = RunError::Store { error, files: None };
                return Err(Refused::Member(Failure::of_run(&error)));
            }
        }
    }
    staging.publish(start.attempt)?;
    Ok(hex(&result.data_hash))
}
