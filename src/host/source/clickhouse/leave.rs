//! Whether a user may give settings with a query, as one of `readonly = 1` may not.
//!
//! Invariants: what this program sets changes how an answer comes and not what is in it, so it may be left out; what a caller
//! sets may not, and is none of this. A server that refuses is asked the same again without settings, once, by all who
//! share a connection, and that is told. Nothing is kept longer than a connection: its user may be another one tomorrow.

use crate::server::{Failure, Talk};
use clickhouse::query::Query;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Settings of a query: names and values.
pub(super) type Settings = [(&'static str, String)];

/// Whether settings may be given. Shared by all who ask over one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Leave {
    is_refused: Arc<AtomicBool>,
}

impl Leave {
    /// Asks with settings, and without them where the server refuses those.
    ///
    /// # Errors
    /// What an attempt fails with.
    pub fn ask<T>(
        &self,
        talk: &Talk,
        settings: &Settings,
        attempt: impl Fn(&Settings) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.is_refused.load(Ordering::Relaxed) {
            return attempt(&[]);
        }
        let refusal = match attempt(settings) {
            Err(failure) if failure.is_of_a_setting() => failure,
            done => return done,
        };
        let done = attempt(&[]);
        // Where that fails as well, it may be a setting that is not ours, or no setting at all.
        if done.is_ok() && !self.is_refused.swap(true, Ordering::Relaxed) {
            talk.note(&format!(
                "this user may not give settings, so it is asked without: the server's own hold for the size of blocks, for the time a \
                 query may take and for the time an answer may wait to be read ({})",
                refusal.message.trim_end()
            ));
        }
        done
    }
}

/// A query with settings.
pub(super) fn with(query: Query, settings: &Settings) -> Query {
    settings.iter().fold(query, |query, (name, value)| query.with_setting(*name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::data::Patience;
    use std::cell::Cell;

    const READONLY: &str = "Code: 164. DB::Exception: Cannot modify 'max_block_size' setting in readonly mode. (READONLY)";
    const CONSTRAINT: &str = "Code: 452. DB::Exception: Setting max_execution_time shouldn't be less than 1. \
                              (SETTING_CONSTRAINT_VIOLATION)";

    fn settings() -> Vec<(&'static str, String)> {
        vec![("max_block_size", "64".into())]
    }

    #[test]
    fn what_is_refused_is_left_out_from_then_on_and_told_once() {
        for text in [READONLY, CONSTRAINT] {
            let talk = Talk::new("http://h".into(), Patience::default(), None);
            let (leave, asked) = (Leave::default(), Cell::new(0));
            let attempt = |settings: &Settings| {
                asked.set(asked.get() + 1);
                if settings.is_empty() { Ok(7) } else { Err(Failure::told(text)) }
            };
            assert_eq!(leave.ask(&talk, &settings(), attempt), Ok(7));
            assert_eq!(leave.clone().ask(&talk, &settings(), attempt), Ok(7));
            assert_eq!(asked.get(), 3, "{text}");
            let told = talk.retries();
            assert_eq!((told.count, told.notes.len()), (0, 1));
            assert!(told.notes[0].contains(text), "{told:?}");
        }
    }

    #[test]
    fn what_is_no_refusal_of_ours_is_not_taken_for_one() {
        let talk = Talk::new("http://h".into(), Patience::default(), None);
        for (text, tries) in [
            (READONLY, 2),
            ("Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)", 1),
            ("Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)", 1),
        ] {
            let (leave, asked) = (Leave::default(), Cell::new(0));
            let told = leave.ask(&talk, &settings(), |_| {
                asked.set(asked.get() + 1);
                Err::<(), _>(Failure::told(text))
            });
            assert_eq!((told, asked.get()), (Err(Failure::told(text)), tries));
            let again = leave.ask(&talk, &settings(), |settings| Ok(settings.len()));
            assert_eq!(again, Ok(1), "settings are still given");
        }
        assert!(talk.retries().notes.is_empty());
    }
}
