//! What every conversation with a ClickHouse server needs, whichever way the rows go: a client, what a failure
//! means, and when to try again.
//!
//! Invariants: nothing here repeats a request by itself; who asks says what may be asked again. No message holds the
//! password, also where a server's own words do. A pause ends at a signal. Speaks HTTP and HTTPS only.

pub mod body;
pub mod client;
pub mod failure;
pub mod talk;

pub use failure::Failure;
pub use talk::Talk;

use std::fmt;

/// A word that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a word.
    pub fn new(word: String) -> Self {
        Secret(word)
    }

    /// The word, for the server alone.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// A text without the word.
    pub fn scrub(&self, text: &str) -> String {
        if self.0.is_empty() { text.into() } else { text.replace(&self.0, "(hidden)") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
