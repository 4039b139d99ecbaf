//! A conversation with one server: how patient, what was tried again, and the word that no message may hold.
//!
//! Invariants: what failed is tried again only where it may pass, at most so often in a row as the config says, with a
//! pause that doubles; each time is told in one line on standard error and kept for `invocation.json`. So is what else there is
//! to tell of a server, once. No result depends on it. A signal ends a pause and with it the trying.

use super::{Failure, Secret};
use crate::config::data::Patience;
use crate::signal;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Lines that are kept; all are counted.
const KEPT_MAX: usize = 20;
/// A signal is looked for this often.
const LOOK_UP: Duration = Duration::from_millis(50);

/// A conversation, shared by all who take part in it.
#[derive(Clone, Debug)]
pub struct Talk {
    place: String,
    patience: Patience,
    secret: Option<Secret>,
    retries: Arc<Mutex<Retries>>,
}

/// What was tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retries {
    /// How often.
    pub count: u64,
    /// The first of them, each in a line.
    pub first: Vec<String>,
    /// What else was told, each once.
    pub notes: Vec<String>,
}

impl Retries {
    /// Adds those of another stream.
    pub fn add(&mut self, other: Retries) {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(KEPT_MAX);
        for note in other.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }
}

impl Talk {
    /// A conversation with the server at `place`, which is shown.
    pub fn new(place: String, patience: Patience, secret: Option<Secret>) -> Self {
        Talk { place, patience, secret, retries: Arc::default() }
    }

    /// How patient it is.
    pub fn patience(&self) -> Patience {
        self.patience
    }

    /// A text without the password.
    pub fn scrub(&self, text: &str) -> String {
        self.secret.as_ref().map_or_else(|| text.into(), |secret| secret.scrub(text))
    }

    /// What was tried again so far.
    pub fn retries(&self) -> Retries {
        self.retries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells something about the server, without the password: on standard error once, however many conversations tell it.
    pub fn note(&self, message: &str) {
        static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        let line = format!("ClickHouse {}: {}", self.place, self.scrub(message));
        if TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
            eprintln!("warning: {line}");
        }
        self.retries.lock().unwrap_or_else(PoisonError::into_inner).notes.push(line);
    }

    /// Asks until there is an answer, or a failure that is not to be tried again.
    ///
    /// # Errors
    /// What happened last, without the password.
    pub fn persist<T>(
        &self,
        what: &str,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, String> {
        let mut failed = 0;
        loop {
            match attempt() {
                Ok(value) => return Ok(value),
                Err(failure) => self.again(what, &mut failed, failure)?,
            }
        }
    }

    /// Counts a failure and pauses before the next attempt at `what`; `failed` is how many there were in a row.
    ///
    /// # Errors
    /// It is not to be tried again: what happened, without the password.
    pub fn again(&self, what: &str, failed: &mut u32, failure: Failure) -> Result<(), String> {
        let message = self.scrub(&failure.message);
        if !failure.may_pass {
            return Err(format!("{what}: {message}"));
        }
        let retries = self.patience.retries;
        if *failed >= retries {
            let tried = match retries {
                0 => "; it is not tried again, as `retries` says".into(),
                _ => format!("; tried {} times, as `retries` says", u64::from(retries) + 1),
            };
            return Err(format!("{what}: {message}{tried}"));
        }
        *failed += 1;
        let pause = self.patience.pause(*failed);
        let line = format!(
            "ClickHouse {}: {what}: {message}; trying again in {} s, {failed} of {retries}",
            self.place,
            pause.as_secs_f64()
        );
        eprintln!("warning: {line}");
        let mut kept = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
        kept.count += 1;
        if kept.first.len() < KEPT_MAX {
            kept.first.push(line);
        }
        drop(kept);
        let begun = Instant::now();
        while let Some(left) = pause.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            if let Some(number) = signal::caught() {
                return Err(format!("{what}: {message}; stopped by signal {number}"));
            }
            thread::sleep(left.min(LOOK_UP));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(retries: u32) -> Talk {
        let patience = Patience { retries, back_off: Duration::ZERO, ..Patience::default() };
        Talk::new("http://h".into(), patience, Some(Secret::new("hush".into())))
    }

    #[test]
    fn it_is_tried_so_often_and_no_more() {
        for retries in [0, 1, 5] {
            let (talk, mut asked) = (talk(retries), 0);
            let told = talk.persist("a count", || {
                asked += 1;
                Err::<(), _>(Failure::passing("reset"))
            });
            assert_eq!((asked, talk.retries().count), (retries + 1, u64::from(retries)));
            let told = told.unwrap_err();
            let says = if retries == 0 { "not tried again" } else { "tried 2 times" };
            assert!(retries == 5 || told.contains(says), "{told}");
        }
        let (talk, mut asked) = (talk(5), 0);
        let answer = talk.persist("a count", || {
            asked += 1;
            if asked < 3 { Err(Failure::passing("reset")) } else { Ok(7) }
        });
        assert_eq!((answer, asked), (Ok(7), 3));
    }

    #[test]
    fn what_would_recur_is_asked_once_and_no_message_holds_the_password() {
        let (talk, mut asked) = (talk(5), 0);
        let told = talk.persist("a count", || {
            asked += 1;
            Err::<(), _>(Failure::lasting("me with hush is refused"))
        });
        assert_eq!((asked, talk.retries()), (1, Retries::default()));
        assert_eq!(told.unwrap_err(), "a count: me with (hidden) is refused");
        let again = talk.again("a count", &mut 0, Failure::passing("key=hush"));
        assert_eq!(again, Ok(()));
        let kept = talk.retries();
        assert!(kept.first[0].contains("key=(hidden); trying again"), "{kept:?}");
    }
}
