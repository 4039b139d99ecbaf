//! The strategy: the trait that the engine calls, and the parameters it was given.
//!
//! Invariants: callbacks run on the thread that runs the replay, one at a time, never nested; requests
//! made in a callback are queued with their latency. A non-zero return stops the run with that code.

use crate::engine::Context;
use crate::feed::class;
use crate::wire::{Depth, Event, Fill, Report};
use alloc::string::String;

/// A trading strategy. The C vtable of `btcore-ffi` is one implementor, a Rust struct another.
pub trait Strategy {
    /// Classes of rows, of [`crate::feed::class`], that `on_event` is called for; asked once. Whoever wants few rows is not
    /// asked about the others: they cost it nothing.
    fn wants(&self) -> u8 {
        class::ALL
    }
    /// Before the first row.
    fn on_start(&mut self, _ctx: &mut Context<'_>) -> i32 {
        0
    }
    /// A market row of a wanted class was delivered; `depth` is the depth row in force. Valid only during the call.
    fn on_event(&mut self, ctx: &mut Context<'_>, event: &Event, depth: &Depth) -> i32;
    /// The exchange answered about an order.
    fn on_report(&mut self, _ctx: &mut Context<'_>, _report: &Report) -> i32 {
        0
    }
    /// An order traded.
    fn on_fill(&mut self, _ctx: &mut Context<'_>, _fill: &Fill) -> i32 {
        0
    }
    /// A timer set by this strategy is due.
    fn on_timer(&mut self, _ctx: &mut Context<'_>, _timer_id: u64) -> i32 {
        0
    }
    /// After the last row; orders are refused from here on.
    fn on_end(&mut self, _ctx: &mut Context<'_>) -> i32 {
        0
    }
}

/// A parameter of a strategy, from the config.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A word.
    Text(String),
}
