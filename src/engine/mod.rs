//! The engine: it alone knows every room, and moves records between them.
//!
//! `step.rs` is the hot path: rows in a loop, and instants at which more happens. `answer.rs` is what an answer of the
//! exchange does, `lane.rs` one simulated trader, `context.rs` what its strategies see, `replay.rs` the lanes of a run over
//! one window of rows, `tape.rs` rows that many replays share.
//!
//! Invariants: lanes share the rows and nothing else. An instant is run only when a later row is known (or the
//! feed has ended), so chunking cannot change anything. At one instant: the exchange applies rows; requests
//! arrive; reports are delivered; rows are delivered; timers fire; what was sent with zero latency forms the
//! next round.

mod answer;
mod context;
mod lane;
mod replay;
mod step;
mod tape;

pub use context::Context;
pub use lane::{Capacity, Lane, LaneConfig, LaneSummary, Settled, StrategySlot};
pub use replay::{Need, Replay};
pub use tape::Tape;

pub use crate::feed::Rows;
pub use crate::wire::Fault;
