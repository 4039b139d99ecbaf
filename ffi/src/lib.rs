//! # btcore-ffi: the C ABI of btcore
//!
//! Rooms: [`version`] numbers and build; [`status`] what every call returns; [`guard`] the border that no panic
//! crosses; [`host_table`] what a strategy may call; [`strategy`] the descriptor that a strategy fills in, and
//! [`CStrategy`], the adapter that the engine calls; [`config`] and [`rows`] the records of embedding; [`engine`]
//! the `bt_engine_*` functions; [`plugin`] the same descriptor for strategies written in Rust.
//!
//! Invariants: no logic of trading lives here; there is no process state; outputs are written only on success;
//! a null pointer, an unknown value and a wrong size are statuses; nothing allocates between two rows. The header
//! `include/btcore.h` is generated from this crate and the `wire` room by `tests/header.rs`, and the comments on
//! public items are its text, written for a reader of C.
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![allow(
    clippy::missing_safety_doc,
    reason = "the rules on pointers at the top of the header are the safety section of every function"
)]

pub mod config;
pub mod engine;
pub mod guard;
pub mod host_table;
pub mod plugin;
pub mod rows;
pub mod status;
pub mod strategy;
pub mod version;

pub use host_table::{Ctx, HOST_API, HostApi};
pub use strategy::{CStrategy, PluginError, StrategyDesc, StrategyEntryFn, params_json};
pub use version::BT_ABI_VERSION;
