//! # btcore: the simulation core
//!
//! Replays recorded five-level order books through trading strategies, exactly and repeatably.
//!
//! Rooms, in the order in which a market row travels: [`feed`] puts rows into one total order and flags them;
//! [`latency`] delays them; [`book`] reads five levels from them; [`exchange`] fills a lane's orders by them;
//! [`strategy`] is called with them; [`gateway`] carries requests back; [`account`] keeps positions and money;
//! [`recorder`] writes down; [`analytics`] sums up. [`wire`] holds the records that cross rooms, and [`engine`]
//! alone moves them: its `step.rs` is the hot path. The one backward arrow is time: an order reaches the
//! exchange, and a report the strategy, by being due at a later instant or a later round of the same one.
//!
//! Invariants: no I/O, no clock, no threads, no globals (the crate is `no_std`, so they cannot be named); no
//! allocation after a lane is built; money, prices and times are integers; the same rows and configuration give
//! the same bytes. Units are stated in [`wire`].
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;

pub mod account;
pub mod analytics;
pub mod book;
pub mod engine;
pub mod exchange;
pub mod feed;
pub mod gateway;
pub mod latency;
pub mod recorder;
pub mod strategy;
pub mod wire;
