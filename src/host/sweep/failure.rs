//! Why a member, or the whole sweep, came to nothing.
//!
//! Invariants: a member's failure is what `run` says of the member alone, so it does not depend on who shared the pass.

use crate::config::fault::Faults;
use crate::output::OutputError;
use crate::plugin::PluginError;
use crate::quality::QualityError;
use crate::run::RunError;
use crate::source::SourceError;
use btcore::wire::Status;

/// Why a member has no results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Kind, one word.
    pub kind: &'static str,
    /// What is wrong, on one line.
    pub text: String,
    /// The same at length, where there is more to say.
    pub detail: String,
    /// The exit code that `run` has for it.
    pub exit_code: u8,
}

impl Failure {
    /// A member's config is not valid.
    pub fn of_config(faults: &Faults) -> Self {
        let line = |fault: &crate::config::fault::Fault| {
            let colon = if fault.path.is_empty() { "" } else { ": " };
            format!("{}{colon}{}", fault.path, fault.message)
        };
        let lines: Vec<String> = faults.list.iter().map(line).collect();
        let is_of_service = faults.list.iter().all(|fault| fault.is_of_service);
        Failure {
            kind: "config",
            text: lines.join("; "),
            detail: faults.to_string(),
            exit_code: if is_of_service { 69 } else { 3 },
        }
    }

    /// The code of a member's strategy cannot be loaded.
    pub fn of_code(error: PluginError) -> Self {
        Failure::of_run(&error.into())
    }

    /// A member's run failed.
    pub fn of_run(error: &RunError) -> Self {
        let kind = match error {
            RunError::Plugin(_) => "strategy_load",
            RunError::NoData { .. } | RunError::Source(SourceError::NoSession { .. }) => "no_data",
            RunError::Source(_) => "source",
            RunError::Quality(QualityError::Inspect(_)) => "source",
            RunError::Quality(QualityError::Refused(_)) => "data",
            RunError::Output(_) => "output",
            RunError::Store { .. } => "publish",
            RunError::Panic(_) => "panic",
            RunError::Thread(_) => "thread",
            RunError::Signal(_) => "signal",
            RunError::Core(fault) => match fault.status {
                Status::StrategyStopped | Status::RoundsExceeded | Status::Exception => "strategy",
                Status::InvalidConfig => "config",
                Status::BadData => "data",
                _ => "core",
            },
        };
        let (text, detail) = match error {
            RunError::Quality(QualityError::Refused(refused)) => {
                (refused.headline(), error.to_string())
            }
            _ => (error.to_string().replace('\n', " "), String::new()),
        };
        Failure { kind, text, detail, exit_code: error.exit_code() }
    }

    /// The program itself failed over a member.
    pub fn of_panic(text: String) -> Self {
        Failure::of_run(&RunError::Panic(text))
    }
}

/// Why a sweep ended before its leaderboard. The exit code of each is part of the command line's contract.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// No member has a valid config.
    #[error("no member of the sweep can be run")]
    NoMember {
        /// What is wrong with them, one text once.
        told: String,
        /// The exit code that `run` has for the first.
        exit_code: u8,
    },
    /// Results cannot be written or read back.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The rows change while the sweep runs.
    #[error(
        "the data change while the sweep runs: {members} members are over other rows than the rest; run it again"
    )]
    Restless {
        /// Members over other rows.
        members: usize,
    },
    /// A thread cannot be started.
    #[error("a thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// A signal asked to stop.
    #[error(
        "stopped by signal {number}; {done} of {total} members are whole, and the same command goes on from there"
    )]
    Signal {
        /// Signal.
        number: u8,
        /// Members with results.
        done: usize,
        /// Members.
        total: usize,
    },
}

impl SweepError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            SweepError::NoMember { exit_code, .. } => *exit_code,
            SweepError::Output(OutputError::Taken { .. }) => 2,
            SweepError::Output(_) => 74,
            SweepError::Restless { .. } => 5,
            SweepError::Thread(_) => 1,
            SweepError::Signal { number, .. } => 128 + number,
        }
    }
}
