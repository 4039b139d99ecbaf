//! Where a run's time went.
//!
//! Invariants: nothing here is part of a result; it goes to standard error and into `invocation.json`. Clocks are read
//! once or twice a chunk and a drain, never for an event. Decoding and writing run beside the replay, so the parts do
//! not add up to the whole. A strategy's callbacks are part of the replay: to tell them apart would take two clock
//! reads an event, many times the cost of the event itself.

use crate::output::table::{aligned, count, grouped};
use serde_json::{Value, json};
use std::time::Duration;

/// The times of one replay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Rows through the lanes' window.
    pub rows: u64,
    /// Lanes that ran over them.
    pub lanes: usize,
    /// From the first thread's start to the last row drained.
    pub total: Duration,
    /// Until the first rows were there.
    pub first_rows: Option<Duration>,
    /// Rows of the first chunk and the time until they were replayed: what was read for the first time, page by page.
    pub first: Option<(u64, Duration)>,
    /// Readers at work, all together.
    pub decode: Duration,
    /// The replay waiting for rows.
    pub wait_rows: Duration,
    /// The replay waiting for the writer.
    pub wait_write: Duration,
    /// The writer at work.
    pub write: Duration,
}

impl Times {
    /// The replay at work, strategies included.
    pub fn replay(&self) -> Duration {
        self.total.saturating_sub(self.wait_rows).saturating_sub(self.wait_write)
    }

    /// Rows a second behind the first chunk.
    pub fn steady_rate(&self) -> f64 {
        let (rows, time) = self.first.unwrap_or_default();
        rate(self.rows.saturating_sub(rows), self.total.saturating_sub(time))
    }

    /// For `invocation.json`.
    pub fn document(&self) -> Value {
        let (first_rows, first_time) = self.first.unwrap_or_default();
        json!({
            "first_rows_s": self.first_rows.unwrap_or_default().as_secs_f64(),
            "first_chunk_rows": first_rows,
            "first_chunk_s": first_time.as_secs_f64(),
            "steady_rows_per_s": self.steady_rate(),
            "decode_busy_s": self.decode.as_secs_f64(),
            "replay_busy_s": self.replay().as_secs_f64(),
            "replay_waits_for_rows_s": self.wait_rows.as_secs_f64(),
            "replay_waits_for_writer_s": self.wait_write.as_secs_f64(),
            "write_busy_s": self.write.as_secs_f64(),
        })
    }

    /// For `-v`.
    pub fn table(&self) -> String {
        let (first_rows, first_time) = self.first.unwrap_or_default();
        let whole = rate(self.rows, self.total);
        let mut rows: Vec<[String; 3]> = vec![
            ["events".into(), count(self.rows), per_second(whole)],
            [
                "lanes x events".into(),
                count(self.rows.saturating_mul(self.lanes as u64)),
                per_second(whole * self.lanes as f64),
            ],
            ["first chunk".into(), count(first_rows), seconds(first_time)],
            [
                "behind it".into(),
                count(self.rows.saturating_sub(first_rows)),
                per_second(self.steady_rate()),
            ],
        ];
        rows.extend(self.parts("wall"));
        table_of(rows)
    }

    /// What each side did, and its share of the whole, which is called `whole`.
    fn parts(&self, whole: &str) -> [[String; 3]; 5] {
        let parts = [
            ("decode, beside the replay", self.decode),
            ("replay, strategies included", self.replay()),
            ("  waits for rows", self.wait_rows),
            ("  waits for the writer", self.wait_write),
            ("write, beside the replay", self.write),
        ];
        parts.map(|(name, time)| {
            let share = 100.0 * time.as_secs_f64() / self.total.as_secs_f64().max(1e-9);
            [name.into(), seconds(time), format!("{share:.0} % of {whole}")]
        })
    }
}

/// The times of several replays, some of them beside others.
#[derive(Clone, Copy, Debug, Default)]
pub struct PassTimes {
    /// How many.
    pub passes: u64,
    /// Rows times lanes that they went through.
    pub lane_rows: u64,
    /// Their sums, `lanes` and what concerns first rows left out.
    pub sum: Times,
}

impl PassTimes {
    /// Adds a replay.
    pub fn add(&mut self, times: &Times) {
        let lane_rows = times.rows.saturating_mul(times.lanes as u64);
        self.merge(&PassTimes { passes: 1, lane_rows, sum: *times });
    }

    /// Adds others.
    pub fn merge(&mut self, other: &PassTimes) {
        self.passes += other.passes;
        self.lane_rows = self.lane_rows.saturating_add(other.lane_rows);
        self.sum.rows += other.sum.rows;
        self.sum.total += other.sum.total;
        self.sum.decode += other.sum.decode;
        self.sum.wait_rows += other.sum.wait_rows;
        self.sum.wait_write += other.sum.wait_write;
        self.sum.write += other.sum.write;
    }

    /// For `invocation.json`.
    pub fn document(&self) -> Value {
        json!({
            "passes": self.passes,
            "passes_s": self.sum.total.as_secs_f64(),
            "decode_busy_s": self.sum.decode.as_secs_f64(),
            "replay_busy_s": self.sum.replay().as_secs_f64(),
            "replay_waits_for_rows_s": self.sum.wait_rows.as_secs_f64(),
            "replay_waits_for_writer_s": self.sum.wait_write.as_secs_f64(),
            "write_busy_s": self.sum.write.as_secs_f64(),
        })
    }

    /// For `-v`: rates over `wall`, which is planning, opening and publishing too, and parts of the passes' own time.
    pub fn table(&self, wall: Duration) -> String {
        let mut rows = vec![
            ["events".into(), count(self.sum.rows), per_second(rate(self.sum.rows, wall))],
            [
                "lanes x events".into(),
                count(self.lane_rows),
                per_second(rate(self.lane_rows, wall)),
            ],
            ["wall, all included".into(), String::new(), seconds(wall)],
            ["passes, side by side".into(), count(self.passes), seconds(self.sum.total)],
        ];
        rows.extend(self.sum.parts("passes"));
        table_of(rows)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

fn per_second(rate: f64) -> String {
    format!("{} /s", grouped(&format!("{rate:.0}")))
}

fn table_of(rows: Vec<[String; 3]>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
    aligned(&rows, false)
}

fn rate(rows: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { rows as f64 / time.as_secs_f64() }
}
