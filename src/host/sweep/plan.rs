//! What a sweep is going to do: every member's config read and checked, those over one market put together.
//!
//! Invariants: two members share a market only when data, instruments and every rule of the feed are equal, so that
//! what a lane meets in a shared pass is what it meets alone. A config is dropped once it was looked at and read again
//! for its pass, so memory does not grow with the members. Packing changes no result.

use super::failure::Failure;
use super::resume;
use super::spec::{Member, SweepSpec};
use super::{SweepError, crew};
use crate::config::data::DataSpec;
use crate::config::fault::{Faults, SourceText};
use crate::config::instrument::InstrumentSpec;
use crate::config::lane::{CodeFrom, LaneSpec, StrategySpec};
use crate::config::{self, Config, LoadOptions, effective};
use crate::plugin::{self, Code, PluginError};
use crate::provenance;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The sweep, its strategies' code, and where its members go.
pub struct Ground<'a> {
    /// What is asked.
    pub spec: &'a SweepSpec,
    /// `--strategy`.
    pub strategy: Option<PathBuf>,
    codes: Mutex<BTreeMap<CodeFrom, Code>>,
}

impl<'a> Ground<'a> {
    /// The ground of a sweep.
    pub fn new(spec: &'a SweepSpec, strategy: Option<PathBuf>) -> Self {
        Ground { spec, strategy, codes: Mutex::default() }
    }

    /// A member's directory.
    pub fn dir(&self, member: &Member) -> PathBuf {
        self.spec.dir.join("members").join(&member.name)
    }

    /// A member's config, as `run` would read it.
    pub fn load(&self, member: &Member) -> Result<Config, Faults> {
        let spec = self.spec;
        let options = LoadOptions {
            sets: member.sets(),
            strategy: self.strategy.clone(),
            out: Some(self.dir(member)),
        };
        let name = spec.base.display().to_string();
        let source = SourceText { name, text: spec.base_text.clone() };
        config::parse(source, spec.base.parent().unwrap_or(Path::new("")), &options).0
    }

    /// Files of the strategies that were opened.
    pub fn opened(&self) -> BTreeSet<String> {
        let known = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().map(|code| code.path.display().to_string()).collect()
    }

    /// The code of every strategy, lane by lane. A file is opened once for the whole sweep, so that all its lanes run
    /// the same instructions.
    pub fn codes(&self, lanes: &[LaneSpec]) -> Result<Vec<Vec<Code>>, PluginError> {
        let mut known = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut code = |spec: &StrategySpec| {
            if let Some(code) = known.get(&spec.code) {
                return Ok(code.clone());
            }
            let code = plugin::open(spec)?;
            known.insert(spec.code.clone(), code.clone());
            Ok(code)
        };
        let mut lane = |lane: &LaneSpec| lane.strategies.iter().map(&mut code).collect();
        lanes.iter().map(&mut lane).collect()
    }
}

/// A member whose config is valid.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    /// Its market.
    pub market: usize,
    /// Its lanes.
    pub lanes: usize,
    /// BLAKE3 of its effective config.
    pub config_hash: [u8; 32],
    /// BLAKE3 of the sources and its strategies.
    pub build_id: [u8; 32],
}

/// Rows that members share.
#[derive(Debug)]
pub struct Market {
    data: DataSpec,
    instruments: Vec<InstrumentSpec>,
    /// What stands for the content of the source, see `resume`.
    pub source_key: String,
}

/// What a sweep is going to do.
#[derive(Debug)]
pub struct Plan {
    /// Each member, or why it cannot be run.
    pub members: Vec<Result<Planned, Failure>>,
    /// Rows that members share.
    pub markets: Vec<Market>,
    /// What is not sure about the rules, each text once.
    pub warnings: BTreeSet<String>,
}

/// Reads and checks every member.
///
/// # Errors
/// A thread cannot be started.
pub fn plan(ground: &Ground<'_>, threads: usize) -> Result<Plan, SweepError> {
    let count = ground.spec.members.len();
    let slots: Mutex<Vec<Option<Result<Planned, Failure>>>> = Mutex::new(vec![None; count]);
    let markets: Mutex<Vec<Market>> = Mutex::default();
    let warnings: Mutex<BTreeSet<String>> = Mutex::default();
    let look = |member: usize| {
        let found = look(ground, member, &markets, &warnings);
        slots.lock().unwrap_or_else(PoisonError::into_inner)[member] = Some(found);
        crate::signal::caught().is_none().then(Vec::new)
    };
    crew::work(threads, (0..count).collect(), look, || {}).map_err(SweepError::Thread)?;
    if let Some(number) = crate::signal::caught() {
        return Err(SweepError::Signal { number, done: 0, total: count });
    }
    let slots = slots.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Plan {
        members: slots.into_iter().flatten().collect(),
        markets: markets.into_inner().unwrap_or_else(PoisonError::into_inner),
        warnings: warnings.into_inner().unwrap_or_else(PoisonError::into_inner),
    })
}

fn look(
    ground: &Ground<'_>,
    member: usize,
    markets: &Mutex<Vec<Market>>,
    warnings: &Mutex<BTreeSet<String>>,
) -> Result<Planned, Failure> {
    let config = ground.load(&ground.spec.members[member]).map_err(|f| Failure::of_config(&f))?;
    if config.output.clickhouse.is_some() && ground.spec.outputs == super::spec::Outputs::Summary {
        let text = "`output.clickhouse` of the base needs a member's series";
        let help = "give the sweep `outputs: full`, or take `output.clickhouse` off the base";
        return Err(Failure {
            kind: "config",
            text: text.into(),
            detail: format!("error: {text}\n  help: {help}"),
            exit_code: 3,
        });
    }
    let codes = ground.codes(&config.lanes).map_err(Failure::of_code)?;
    let hashes: Vec<[u8; 32]> = codes.iter().flatten().map(|code| code.hash).collect();
    if let Some(note) = &config.rules {
        let mut warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.extend(note.warnings.iter().cloned());
    }
    let config_hash = effective::hash(&effective::document(&config));
    let build_id = provenance::build_id(&hashes);
    let lanes = config.lanes.len();
    let Config { data, instruments, .. } = config;
    let mut markets = markets.lock().unwrap_or_else(PoisonError::into_inner);
    let known = markets.iter().position(|m| m.data == data && m.instruments == instruments);
    let market = known.unwrap_or_else(|| {
        let source_key = resume::source_key(&data);
        markets.push(Market { data, instruments, source_key });
        markets.len() - 1
    });
    Ok(Planned { market, lanes, config_hash, build_id })
}

/// Members that share a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Members, over one market.
    pub members: Vec<usize>,
    /// Their lanes.
    pub lanes: usize,
}

/// Packs members into passes of one market each: as many lanes as are allowed, no more than an even share of the
/// threads, so that none idles while another has all the work, and a market's passes of one size.
pub fn pack(plan: &Plan, members: &[usize], lanes_per_pass: usize, threads: usize) -> Vec<Pass> {
    let mut markets: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for &member in members {
        if let Ok(planned) = &plan.members[member] {
            markets.entry(planned.market).or_default().push((member, planned.lanes));
        }
    }
    let lanes_of =
        |members: &[(usize, usize)]| members.iter().map(|(_, lanes)| lanes).sum::<usize>();
    let total: usize = markets.values().map(|members| lanes_of(members)).sum();
    let room = lanes_per_pass.min(total.div_ceil(threads.max(1))).max(1);
    let mut passes = Vec::new();
    for members in markets.values() {
        let lanes = lanes_of(members);
        let even = lanes.div_ceil(lanes.div_ceil(room).max(1));
        let mut pass = Pass { members: Vec::new(), lanes: 0 };
        for &(member, lanes) in members {
            if pass.lanes > 0 && pass.lanes + lanes > even {
                passes.push(std::mem::replace(&mut pass, Pass { members: Vec::new(), lanes: 0 }));
            }
            pass.members.push(member);
            pass.lanes += lanes;
        }
        passes.push(pass);
    }
    passes
}

/// The same members in two passes.
pub fn halve(plan: &Plan, members: &[usize]) -> Vec<Pass> {
    let (first, second) = members.split_at(members.len() / 2);
    [first, second].iter().filter(|half| !half.is_empty()).map(|half| pass_of(plan, half)).collect()
}

/// One pass of these members.
pub fn pass_of(plan: &Plan, members: &[usize]) -> Pass {
    let lanes = members.iter().filter_map(|&m| plan.members[m].as_ref().ok());
    Pass { members: members.to_vec(), lanes: lanes.map(|planned| planned.lanes).sum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(markets_and_lanes: &[(usize, usize)]) -> Plan {
        let planned = |&(market, lanes): &(usize, usize)| {
            Ok(Planned { market, lanes, config_hash: [0; 32], build_id: [0; 32] })
        };
        let members = markets_and_lanes.iter().map(planned).collect();
        Plan { members, markets: Vec::new(), warnings: BTreeSet::new() }
    }

    fn packed(plan: &Plan, lanes_per_pass: usize, threads: usize) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..plan.members.len()).collect();
        pack(plan, &all, lanes_per_pass, threads).into_iter().map(|pass| pass.members).collect()
    }

    #[test]
    fn passes_hold_one_market_and_no_more_lanes_than_allowed() {
        let seven = plan(&[(0, 1); 7]);
        assert_eq!(packed(&seven, 64, 1), [vec![0, 1, 2, 3, 4, 5, 6]]);
        assert_eq!(packed(&seven, 64, 2), [vec![0, 1, 2, 3], vec![4, 5, 6]]);
        assert_eq!(packed(&seven, 3, 1), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        assert_eq!(packed(&seven, 5, 1), [vec![0, 1, 2, 3], vec![4, 5, 6]]);
        let mixed = plan(&[(0, 1), (1, 1), (0, 1), (1, 1), (0, 1)]);
        assert_eq!(packed(&mixed, 2, 1), [vec![0, 2], vec![4], vec![1, 3]]);
        // A member's own lanes stay together, however many.
        let wide = plan(&[(0, 3), (0, 3), (0, 1)]);
        assert_eq!(packed(&wide, 2, 1), [vec![0], vec![1], vec![2]]);
        assert_eq!(packed(&wide, 4, 1), [vec![0], vec![1, 2]]);
    }

    #[test]
    fn halves_are_whole() {
        let three = plan(&[(0, 1), (0, 2), (0, 3)]);
        let halves = halve(&three, &[0, 1, 2]);
        assert_eq!(halves[0], Pass { members: vec![0], lanes: 1 });
        assert_eq!(halves[1], Pass { members: vec![1, 2], lanes: 5 });
        assert_eq!(halve(&three, &[1]), [Pass { members: vec![1], lanes: 2 }]);
    }
}
