//! The engine: it alone knows every room, and moves records between them.
//!
//! `step.rs` is the hot path, one screen. `lane.rs` is one simulated trader, `context.rs` what its strategies
//! see, `replay.rs` the lanes of a run over one window of rows.
//!
//! Invariants: lanes share the rows and nothing else. An instant is run only when a later row is known (or the
//! feed has ended), so chunking cannot change anything. At one instant: the exchange applies rows; requests
//! arrive; reports are delivered; rows are delivered; timers fire; what was sent with zero latency forms the
//! next round.

mod context;
mod lane;
mod replay;
mod step;

pub use context::Context;
pub use lane::{Capacity, Lane, LaneConfig, LaneSummary, StrategySlot};
pub use replay::{Need, Replay, Rows};

use crate::wire::Status;
use alloc::string::String;

/// What went wrong, with the place named in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Kind.
    pub status: Status,
    /// A sentence that names the row, event or field.
    pub message: String,
}

impl Fault {
    /// A fault.
    #[cold]
    pub fn new(status: Status, message: String) -> Self {
        Fault { status, message }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.status.name(), self.message)
    }
}

impl core::error::Error for Fault {}
