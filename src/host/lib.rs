//! # bt-host: runs btcore backtests from a config
#![deny(missing_docs)]

pub mod calibrate;
pub mod config;
pub mod demo;
pub mod explain;
pub mod export;
pub mod huge_pages;
pub mod import;
pub mod inspect;
pub mod output;
pub mod pipeline;
pub mod plugin;
pub mod progress;
pub mod provenance;
pub mod quality;
pub mod rules;
pub mod run;
pub mod server;
pub mod signal;
pub mod source;
pub mod stamps;
pub mod store;
pub mod sweep;
pub mod synth;
