//! # bt-host: runs btcore backtests from a config
#![deny(missing_docs)]

pub mod config;
pub mod output;
pub mod provenance;
pub mod synth;
