//! # btcore: the simulation core
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod account;
pub mod engine;
pub mod feed;
pub mod latency;
pub mod recorder;
pub mod strategy;
pub mod wire;
