//! The front under test: its HTTP seen byte by byte, and an unmodified client against it.
//!
//! Invariants. One binary, so that all tests share one engine in one child process.

mod client;
mod common;
mod http;
