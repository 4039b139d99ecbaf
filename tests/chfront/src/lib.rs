//! A test fixture: an HTTP server with the manners of ClickHouse over the `libchdb` engine, which
//! is ClickHouse's own query engine as a library. It lets client code be tested against the real
//! SQL, types and formats where no server binary is at hand.
//!
//! Invariants. The SQL is the engine's; the HTTP is this crate's own, so nothing about a server's
//! timeouts, access rights or compression may be concluded from it. One process runs one engine on
//! one data directory, so tests that need their own directory start the program as a child with
//! [`ChildFront`], and tests that share one use a database each.

mod blocks;
mod child;
mod engine;
mod errors;
mod framing;
mod front;
mod locate;
mod proxy;
mod request;
mod shared;
mod splice;
mod sql;
mod work;

pub use blocks::compress;
pub use child::ChildFront;
pub use front::{Front, Options};
pub use locate::library;
pub use proxy::{Act, Asked, At, Fault, Hit, Proxy, Upstream};
pub use shared::shared;
pub use work::READONLY_USER;
