//! What stops a run: a status, and a sentence that names the place.
//!
//! Invariants: made on cold paths only; the one record of `wire` that owns memory.

use super::Status;
use alloc::string::String;

/// What went wrong, with the place named in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Kind.
    pub status: Status,
    /// A sentence that names the row, event or field.
    pub message: String,
}

impl Fault {
    /// A fault.
    #[cold]
    pub fn new(status: Status, message: String) -> Self {
        Fault { status, message }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.status.name(), self.message)
    }
}

impl core::error::Error for Fault {}
