//! What a run came to, before it is written anywhere.
//!
//! Invariants: everything here is a function of (effective config, data, build); speed and place are not in it.

use super::metrics::{self, Ratios};
use crate::config::Config;
use crate::provenance;
use crate::rules::RulesNote;
use btcore::engine::LaneSummary;
use btcore::feed::FeedStats;
use btcore::recorder::DayRow;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A finished run.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// Name of the run.
    pub name: String,
    /// Effective config.
    pub effective: Value,
    /// BLAKE3 of the effective config.
    pub config_hash: [u8; 32],
    /// BLAKE3 of the decoded rows.
    pub data_hash: [u8; 32],
    /// BLAKE3 of sources and strategies.
    pub build_id: [u8; 32],
    /// Id of the run.
    pub run_id: Uuid,
    /// First instant of the span, ns.
    pub from_ns: i64,
    /// First instant after the span, ns.
    pub to_ns: i64,
    /// What is to say about the rules that it went by.
    pub rules: Option<RulesNote>,
    /// One for each instrument.
    pub feed: Vec<(String, FeedStats)>,
    /// Rows that the sources left out, by reason, before the feed saw them.
    pub source_skipped: BTreeMap<String, u64>,
    /// One for each lane.
    pub lanes: Vec<LaneResult>,
}

/// What a lane came to.
#[derive(Clone, Debug)]
pub struct LaneResult {
    /// Name.
    pub name: String,
    /// Names of its strategies.
    pub strategies: Vec<String>,
    /// BLAKE3 of each strategy's code.
    pub strategy_hashes: Vec<[u8; 32]>,
    /// Seed.
    pub seed: u64,
    /// Capital, money 1e-6.
    pub capital: i64,
    /// Figures.
    pub summary: LaneSummary,
    /// Profit by trading day.
    pub days: Vec<DayRow>,
}

impl LaneResult {
    /// Ratios of the lane.
    pub fn ratios(&self) -> Ratios {
        metrics::ratios(&self.summary, &self.days, self.capital)
    }
}

/// What a run's rows came to.
#[derive(Clone, Debug, Default)]
pub struct DataResult {
    /// BLAKE3 of the decoded rows.
    pub hash: [u8; 32],
    /// One for each instrument.
    pub feed: Vec<(String, FeedStats)>,
    /// Rows that the sources left out, by reason.
    pub source_skipped: BTreeMap<String, u64>,
}

impl RunResult {
    /// Puts a result together and derives its ids. `lanes` come in the config's order.
    pub fn new(config: &Config, data: DataResult, lanes: Vec<LaneResult>) -> Self {
        let effective = crate::config::effective::document(config);
        let config_hash = crate::config::effective::hash(&effective);
        let codes: Vec<[u8; 32]> =
            lanes.iter().flat_map(|lane| lane.strategy_hashes.iter().copied()).collect();
        let build_id = provenance::build_id(&codes);
        RunResult {
            name: config.name.clone(),
            effective,
            config_hash,
            data_hash: data.hash,
            build_id,
            run_id: provenance::run_id(&config_hash, &data.hash, &build_id),
            from_ns: config.data.from_ns,
            to_ns: config.data.to_ns,
            rules: config.rules.clone(),
            feed: data.feed,
            source_skipped: data.source_skipped,
            lanes,
        }
    }
}

/// Counts of a symbol's rows by name, in the order of tables: how many, why left out, what was noted.
pub fn feed_counts(stats: &FeedStats) -> [(&'static str, u64); 17] {
    [
        ("rows_in", stats.rows_in),
        ("books_in", stats.books_in),
        ("trades_in", stats.trades_in),
        ("rows_used", stats.rows_used),
        ("excluded_out_of_session", stats.excluded_out_of_session),
        ("excluded_auction", stats.excluded_auction),
        ("excluded_crossed", stats.excluded_crossed),
        ("excluded_empty_book", stats.excluded_empty_book),
        ("excluded_sentinel", stats.excluded_sentinel),
        ("dropped_duplicates", stats.dropped_duplicates),
        ("unknown_aggressor", stats.unknown_aggressor),
        ("reordered", stats.reordered),
        ("off_grid", stats.off_grid),
        ("qty_saturated", stats.qty_saturated),
        ("no_recv_clock", stats.no_recv_clock),
        ("one_sided", stats.one_sided),
        ("auction_prints", stats.auction_prints),
    ]
}
