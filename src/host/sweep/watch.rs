//! Progress of a sweep: members done, share of the work, time left; on standard error.
//!
//! Invariants: nothing here can change a result.

use crate::progress::{GAUGE_PARTS, Mode, PLAIN_EVERY, bar};
use indicatif::ProgressBar;
use std::time::Instant;

/// The progress of all passes.
pub struct Watch {
    bar: Option<ProgressBar>,
    is_plain: bool,
    parts: u64,
    members: usize,
    started: Instant,
    told: Instant,
}

impl Watch {
    /// Starts, over so many members and lanes to run.
    pub fn start(mode: Mode, members: usize, lanes: u64) -> Self {
        let bar = bar(mode);
        let is_plain = mode == Mode::Auto && bar.is_none();
        let now = Instant::now();
        let parts = (lanes * GAUGE_PARTS).max(1);
        Watch { bar, is_plain, parts, members, started: now, told: now }
    }

    /// Tells how many members have results, how many failed, and how far the work is.
    pub fn tell(&mut self, done: usize, failed: usize, parts: u64) {
        let is_due = self.is_plain && self.told.elapsed() >= PLAIN_EVERY;
        if self.bar.is_none() && !is_due {
            return;
        }
        let share = (parts as f64 / self.parts as f64).clamp(0.0, 1.0);
        let seconds = self.started.elapsed().as_secs_f64();
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        let left = if share > 0.0 {
            format!(", {:.0} s left", seconds * (1.0 - share) / share)
        } else {
            String::new()
        };
        let text = format!("{done} of {} members done{failed}{left}", self.members);
        match &self.bar {
            Some(bar) => {
                bar.set_position((share * 1_000.0) as u64);
                bar.set_message(text);
            }
            None => {
                self.told = Instant::now();
                eprintln!("{:.0}%  {text}", share * 100.0);
            }
        }
    }

    /// Says something for good, above the line.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
