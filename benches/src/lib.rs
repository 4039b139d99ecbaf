//! What the benches share: tapes, strategies, lanes as `bt-host run` sets them, passes over a tape, clocks, the memory's limit.
//!
//! [`tape`] makes rows by the synthetic exchange ([`synth`]), keeps them in a file and proves them by a checksum; [`plugin`]
//! opens the C strategies; [`pass`] builds a replay over them and runs it; [`case`] names what is measured and what it may
//! cost; [`instructions`] is the committed file of counts; [`clock`],
//! [`scan`] and [`wall`] measure time and what memory gives.
//!
//! Invariants: the host is not among the dependencies, so counting the core compiles the core; everything that `bt-host run`
//! does by default is on (digest, marking, time series, three queue estimates, hindsight, validity), and every leg is above
//! zero; the strategies are C, compiled apart and opened at run time.

pub mod case;
pub mod clock;
#[path = "../../src/host/huge_pages.rs"]
pub mod huge_pages;
pub mod instructions;
pub mod pass;
pub mod plugin;
pub mod scan;
pub mod synth;
pub mod tape;
pub mod wall;

/// As in `bt-host`.
#[global_allocator]
static ALLOCATOR: huge_pages::HugePages = huge_pages::HugePages;
