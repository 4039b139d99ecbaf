//! Where the rows of a member's lane go.
//!
//! Invariants: the trading days are kept, the tables are written where they are wanted; what a strategy complains of
//! is said once the pass has come to something, so that a pass that runs again does not say it twice.

use super::spec::Outputs;
use crate::config::Config;
use crate::output::OutputError;
use crate::output::dir::Staging;
use crate::output::marks::Marks;
use crate::output::tables::{LaneTables, Names};
use crate::pipeline::Written;
use crate::run;
use btcore::recorder::{DayRow, FillRow, OrderRow, SentRow, SeriesRow, Sink};
use btcore::wire::QueueRow;

/// Lines of a lane's strategies that are shown at most.
const TALK_MAX: usize = 20;

/// Where a lane's rows go: its days are kept, its tables written if they are wanted.
pub struct LaneSink {
    /// Its tables, if they are wanted.
    pub tables: Option<LaneTables>,
    /// Its trading days.
    pub days: Vec<DayRow>,
    about: String,
    strategies: Vec<String>,
    talk: Vec<String>,
    unsaid: u64,
}

/// Adds the sinks of a member's lanes.
///
/// # Errors
/// A file of its tables cannot be made.
pub fn open(
    outputs: Outputs,
    config: &Config,
    staging: &Staging,
    sinks: &mut Vec<LaneSink>,
) -> Result<(), OutputError> {
    let instruments = run::instruments(config);
    let dir = staging.path();
    let target = staging.target().file_name().unwrap_or_default().to_string_lossy();
    for (index, lane) in config.lanes.iter().enumerate() {
        let strategies: Vec<String> = lane.strategies.iter().map(|s| s.name.clone()).collect();
        let names = Names {
            lane: lane.config.name.clone(),
            strategies: strategies.clone(),
            instruments: instruments.clone(),
        };
        let tables = match outputs {
            Outputs::Full => Some(LaneTables::open(dir, index, names)?),
            Outputs::Summary => None,
        };
        let about = format!("lane '{}' of member {target}", lane.config.name);
        let (days, talk) = (Vec::new(), Vec::new());
        sinks.push(LaneSink { tables, days, about, strategies, talk, unsaid: 0 });
    }
    Ok(())
}

impl LaneSink {
    /// Says what the strategies complained of.
    pub fn tell(&self) {
        self.talk.iter().for_each(|line| eprintln!("{line}"));
        if self.unsaid > 0 {
            eprintln!("warning: {} further lines of {} are not shown", self.unsaid, self.about);
        }
    }
}

impl Written for LaneSink {
    fn check(&mut self) -> Result<(), OutputError> {
        self.tables.as_mut().map_or(Ok(()), LaneTables::check)
    }
    fn wants_marks(&self) -> bool {
        self.tables.is_some()
    }
    fn settle(&mut self, marks: &Marks) {
        if let Some(tables) = &mut self.tables {
            tables.settle(marks);
        }
    }
    fn oldest_ns(&self) -> i64 {
        self.tables.as_ref().map_or(i64::MAX, LaneTables::oldest_ns)
    }
}

impl Sink for LaneSink {
    fn order(&mut self, row: &OrderRow) {
        if let Some(tables) = &mut self.tables {
            tables.order(row);
        }
    }
    fn sent(&mut self, row: &SentRow) {
        if let Some(tables) = &mut self.tables {
            tables.sent(row);
        }
    }
    fn fill(&mut self, row: &FillRow) {
        if let Some(tables) = &mut self.tables {
            tables.fill(row);
        }
    }
    fn queue(&mut self, row: &QueueRow) {
        if let Some(tables) = &mut self.tables {
            tables.queue(row);
        }
    }
    fn series(&mut self, row: &SeriesRow) {
        if let Some(tables) = &mut self.tables {
            tables.series(row);
        }
    }
    fn day(&mut self, row: &DayRow) {
        self.days.push(*row);
    }
    fn log(&mut self, ts_ns: i64, strategy: u32, level: u8, text: &str) {
        if level <= 1 {
            let word = if level == 0 { "error" } else { "warning" };
            let name = self.strategies.get(strategy as usize).map_or("?", String::as_str);
            if self.talk.len() < TALK_MAX {
                self.talk.push(format!("{word}: strategy '{name}' of {}: {text}", self.about));
            } else {
                self.unsaid += 1;
            }
        }
        if let Some(tables) = &mut self.tables {
            tables.log(ts_ns, strategy, level, text);
        }
    }
}
