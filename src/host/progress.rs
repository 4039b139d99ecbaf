//! Progress of a run: a line that moves on a terminal, plain lines elsewhere, all on standard error.
//!
//! Invariants: nothing here can change a result; a silent run prints nothing. Cost: one clock read a chunk.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Elsewhere than on a terminal, a line each so often.
pub(crate) const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// How a run shows its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On a terminal a moving line, elsewhere plain lines.
    Auto,
    /// Not at all.
    Quiet,
}

/// The line on a terminal, in thousandths; `None` elsewhere.
pub(crate) fn bar(mode: Mode) -> Option<ProgressBar> {
    let terminal = std::io::stderr().is_terminal()
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    (mode == Mode::Auto && terminal).then(|| {
        let bar = ProgressBar::new(1_000);
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        // The template is a constant; were it wrong, the default style would do.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3}%  {msg}") {
            bar.set_style(style);
        }
        bar
    })
}

/// Parts that the whole of one lane's work is told in.
pub const GAUGE_PARTS: u64 = 1_000_000;

/// Adds the share of a pass that is done, times its lanes, to the sum of several passes, for as long as it lives: who
/// drops it says what has come of the pass.
pub struct Gauge {
    sum: Arc<AtomicU64>,
    lanes: u64,
    told: u64,
}

impl Gauge {
    /// A gauge of a pass of so many lanes.
    pub fn new(sum: &Arc<AtomicU64>, lanes: usize) -> Self {
        Gauge { sum: Arc::clone(sum), lanes: lanes as u64, told: 0 }
    }

    fn tell(&mut self, share: f64) {
        let now = (share * GAUGE_PARTS as f64) as u64 * self.lanes;
        if now > self.told {
            self.sum.fetch_add(now - self.told, Ordering::Relaxed);
            self.told = now;
        }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.sum.fetch_sub(self.told, Ordering::Relaxed);
    }
}

/// The progress of one run over a span of market time.
pub struct Progress {
    bar: Option<ProgressBar>,
    gauge: Option<Gauge>,
    plain: bool,
    from_ns: i64,
    to_ns: i64,
    started: Instant,
    told: Instant,
}

impl Progress {
    /// Starts. The span is what share is measured against where the number of rows is not known.
    pub fn start(mode: Mode, from_ns: i64, to_ns: i64) -> Self {
        let bar = bar(mode);
        let now = Instant::now();
        let plain = mode == Mode::Auto && bar.is_none();
        Progress { bar, gauge: None, plain, from_ns, to_ns, started: now, told: now }
    }

    /// The progress of one pass of several: prints nothing, and moves their gauge.
    pub fn gauged(gauge: Gauge, from_ns: i64, to_ns: i64) -> Self {
        Progress { gauge: Some(gauge), ..Progress::start(Mode::Quiet, from_ns, to_ns) }
    }

    /// Tells how far the run is: rows so far, of so many if that is known, and the market time reached.
    pub fn tell(&mut self, rows: u64, rows_total: Option<u64>, ts_ns: i64) {
        let is_due = self.plain && self.told.elapsed() >= PLAIN_EVERY;
        if self.bar.is_none() && self.gauge.is_none() && !is_due {
            return;
        }
        let share = match rows_total {
            Some(total) if total > 0 => rows as f64 / total as f64,
            _ => (ts_ns - self.from_ns) as f64 / (self.to_ns - self.from_ns).max(1) as f64,
        }
        .clamp(0.0, 1.0);
        if let Some(gauge) = &mut self.gauge {
            return gauge.tell(share);
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = (rows as f64 / seconds.max(1e-9)) as u64;
        let left = if share > 0.0 { seconds * (1.0 - share) / share } else { 0.0 };
        let text = format!(
            "{} events, {}/s, {left:.0} s left, at {}",
            HumanCount(rows),
            HumanCount(rate),
            crate::config::scalar::instant_text(ts_ns)
        );
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

    /// Takes the line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
