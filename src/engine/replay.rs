//! A replay: streams of rows in, lanes over one window of them; or lanes over a tape.
//!
//! Invariants: a lane runs only instants before the newest known row, less as far as its exchange may look ahead, so no
//! chunk edge shows; rows are dropped only behind every lane. The caller's loop is `run`, and then what [`Need`] says, until `Nothing`.

use super::lane::{
    Lane, LaneConfig, LaneSummary, Phase, Settled, Slabs, StrategySlot, check_money,
};
use super::step::{self, Pause};
use super::tape::Tape;
use crate::exchange::{Market, Trace};
use crate::feed::{Feed, FeedConfig, FeedStats, Rows, Window};
use crate::recorder::Sink;
use crate::strategy::Strategy;
use crate::wire::limits::{
    FEES_MAX, INSTRUMENTS_MAX, ORDERS_LIVE_MAX, STRATEGIES_MAX, TICK_STEPS_MAX,
};
use crate::wire::{Event, Fault, Instrument, LEVELS_MAX, Status};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a run needs before it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Rows of this stream, or its close.
    Rows(usize),
    /// A drain of this lane's recorder: it has written much, or another lane is next. `run` says the same until it is drained.
    Drain(usize),
    /// Nothing: the run is over.
    Nothing,
}

/// Where the rows of a replay come from.
enum Source {
    Streams(Box<Feed>),
    Tape(Arc<Tape>),
}

impl Source {
    #[inline]
    fn feed(&self) -> &Feed {
        match self {
            Source::Streams(feed) => feed,
            Source::Tape(tape) => &tape.feed,
        }
    }
}

/// Streams of rows in, or a tape, and lanes over them.
pub struct Replay<S> {
    instruments: Vec<Instrument>,
    source: Source,
    lanes: Vec<Lane<S>>,
    block_rows: u64,
    is_fed: bool,
    /// The pass that a drain interrupted.
    pass: Option<Pass>,
    /// Slabs, and the lane that they are lent to, if they are.
    slabs: Slabs,
    lent: Option<usize>,
}

/// A pass of the lanes over the rows at hand, block by block.
#[derive(Clone, Copy, Debug)]
struct Pass {
    /// Rows of the window before the feed moved.
    row_end_before: u64,
    /// Where the block in progress ends.
    row: u64,
    /// The next lane of it.
    lane: usize,
}

/// Rows that fit a core's own cache together with what the lanes read of their depth.
const BLOCK_ROWS: u64 = 2_048;

impl<S: Strategy> Replay<S> {
    /// Builds the feed and every lane; nothing allocates afterwards.
    ///
    /// Instruments may come in any order; they are numbered by the rank of their symbol's bytes.
    ///
    /// # Errors
    /// `INVALID_CONFIG` with every fault in one text.
    pub fn new(
        mut instruments: Vec<Instrument>,
        feed: FeedConfig,
        streams: usize,
        lanes: Vec<(LaneConfig, Vec<StrategySlot<S>>)>,
    ) -> Result<Self, Fault> {
        instruments.sort_by(|a, b| a.symbol.as_bytes().cmp(b.symbol.as_bytes()));
        let mut faults = market_faults(&instruments, &feed, streams);
        faults.extend(lane_faults(&lanes));
        if !faults.is_empty() {
            return Err(Fault::new(Status::InvalidConfig, faults.join("; ")));
        }
        let (block_rows, slabs) = (block_rows(lanes.len()), slabs(&lanes));
        let mut feed = Feed::new(feed, streams, &instruments);
        let lane = |(config, strategies)| {
            let mut lane = Lane::new(config, strategies, &instruments);
            lane.list = lane.list_wanted().map(|mask| feed.list(mask));
            lane
        };
        let lanes = lanes.into_iter().map(lane).collect();
        let source = Source::Streams(Box::new(feed));
        Ok(Replay {
            source,
            instruments,
            lanes,
            block_rows,
            is_fed: false,
            pass: None,
            slabs,
            lent: None,
        })
    }

    /// Lanes over a tape that is whole: it needs drains alone.
    ///
    /// # Errors
    /// `INVALID_CONFIG` with every fault in one text; `INVALID_STATE` where rows are still to come.
    pub fn over(
        tape: Arc<Tape>,
        lanes: Vec<(LaneConfig, Vec<StrategySlot<S>>)>,
    ) -> Result<Self, Fault> {
        if !tape.feed.is_done() {
            return Err(Fault::new(Status::InvalidState, "the tape is not whole".into()));
        }
        let faults = lane_faults(&lanes);
        if !faults.is_empty() {
            return Err(Fault::new(Status::InvalidConfig, faults.join("; ")));
        }
        let (block_rows, slabs) = (block_rows(lanes.len()), slabs(&lanes));
        let instruments = tape.instruments.clone();
        let lane = |(config, strategies)| {
            let mut lane = Lane::new(config, strategies, &instruments);
            lane.list = lane.list_wanted().and_then(|mask| tape.feed.find_list(mask));
            lane
        };
        let lanes = lanes.into_iter().map(lane).collect();
        let source = Source::Tape(tape);
        Ok(Replay {
            source,
            instruments,
            lanes,
            block_rows,
            is_fed: true,
            pass: None,
            slabs,
            lent: None,
        })
    }

    /// Instruments in the run's order: the index is `Event::instrument`.
    pub fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// Takes rows of a stream until its buffer is full; returns how many were taken. Push the rest after `run`.
    ///
    /// # Errors
    /// `BAD_DATA` naming the row, when it lies too far back in time or cannot be a row.
    pub fn push(&mut self, stream: usize, rows: Rows<'_>) -> Result<usize, Fault> {
        match &mut self.source {
            Source::Streams(feed) => feed.push(stream, rows),
            Source::Tape(_) => Err(Fault::new(
                Status::InvalidState,
                format!("rows of stream {stream} for a replay of a tape"),
            )),
        }
    }

    /// No more rows will come from this stream.
    pub fn close(&mut self, stream: usize) {
        if let Source::Streams(feed) = &mut self.source {
            feed.close(stream);
        }
    }

    /// Runs every lane as far as the rows at hand allow. The first call that finds a row runs `on_start`, the
    /// last one `on_end`.
    ///
    /// # Errors
    /// Whatever a lane met, named by lane and time. The replay must not be used after it.
    pub fn run(&mut self) -> Result<Need, Fault> {
        self.run_watched(|_, _| {})
    }

    /// As [`Replay::run`]; shows `watch` every row of the streams as it enters the window, before any lane gets to it: the number
    /// of the first, and the rows.
    ///
    /// # Errors
    /// As [`Replay::run`].
    pub fn run_watched(&mut self, mut watch: impl FnMut(u64, &[Event])) -> Result<Need, Fault> {
        loop {
            let mut pass = match self.pass.take() {
                Some(pass) => pass,
                None => self.begin_pass(&mut watch),
            };
            if let Some(lane) = self.run_lanes(&mut pass)? {
                self.pass = Some(pass);
                return Ok(Need::Drain(lane));
            }
            if self.is_fed {
                return Ok(Need::Nothing);
            }
            if !self.window().has_room() {
                self.make_room()?;
            } else if let Some(stream) = self.source.feed().starving() {
                return Ok(Need::Rows(stream));
            } else if self.window().row_end() == pass.row_end_before {
                return Err(Fault::new(Status::InvalidState, "the feed does not move".into()));
            }
        }
    }

    /// Lets the feed take in what there is.
    fn begin_pass(&mut self, watch: &mut impl FnMut(u64, &[Event])) -> Pass {
        let row_end_before = self.window().row_end();
        if let Source::Streams(feed) = &mut self.source {
            feed.pump();
            watch(row_end_before, feed.window().events_from(row_end_before));
        }
        self.is_fed = self.source.feed().is_done();
        Pass { row_end_before, row: self.block_end(self.row_oldest()), lane: 0 }
    }

    fn block_end(&self, row: u64) -> u64 {
        row.saturating_add(self.block_rows).min(self.window().row_end())
    }

    /// Runs the lanes over the rows at hand, block by block, so that a block is in cache for all of them. Stops where a lane is to
    /// be drained: it wants to, or the next one wants the slabs. The pass goes on from there; lanes before it have nothing to do.
    fn run_lanes(&mut self, pass: &mut Pass) -> Result<Option<usize>, Fault> {
        loop {
            while pass.lane < self.lanes.len() {
                if let Some(full) = self.lend_slabs(pass.lane) {
                    return Ok(Some(full));
                }
                if self.run_lane(pass.lane, pass.row)? == Pause::Drain {
                    return Ok(Some(pass.lane));
                }
                pass.lane += 1;
            }
            if pass.row == self.window().row_end() {
                return Ok(None);
            }
            *pass = Pass { row: self.block_end(pass.row), lane: 0, ..*pass };
        }
    }

    /// Lends a lane the slabs; or names the one that has them, whose rows wait.
    fn lend_slabs(&mut self, index: usize) -> Option<usize> {
        if self.lent == Some(index) {
            return None;
        }
        if let Some(lent) = self.lent {
            let state = &mut self.lanes[lent].state;
            if state.holds_rows() {
                return Some(lent);
            }
            state.swap(&mut self.slabs);
        }
        self.lanes[index].state.swap(&mut self.slabs);
        self.lent = Some(index);
        None
    }

    /// Runs a lane as far as the rows before number `row_end` allow; to its end, if they are the last.
    fn run_lane(&mut self, index: usize, row_end: u64) -> Result<Pause, Fault> {
        let window = self.source.feed().window();
        let market = Market { window, instruments: &self.instruments };
        let is_last = self.is_fed && row_end == window.row_end();
        let lane = &mut self.lanes[index];
        if lane.state.phase == Phase::Ended {
            return Ok(Pause::Limit);
        }
        if lane.state.phase == Phase::Created {
            match window.event(0) {
                Some(first) => lane.start(&market, first.ts_exch_ns)?,
                None if is_last => lane.start(&market, 0)?,
                None => return Ok(Pause::Limit),
            }
        }
        // What a lane may look at from its own instants is known.
        let newest_ns = row_end.checked_sub(1).and_then(|row| window.ts_exch_ns(row));
        let ahead_ns = lane.state.exchange.hindsight_ns();
        let limit_ns = newest_ns.unwrap_or(i64::MIN).saturating_sub(ahead_ns);
        if step::run(lane, &market, limit_ns)? == Pause::Drain {
            return Ok(Pause::Drain);
        }
        if is_last {
            if step::run_out(lane, &market)? == Pause::Drain {
                return Ok(Pause::Drain);
            }
            lane.end(&market)?;
        }
        Ok(Pause::Limit)
    }

    /// The first row that a lane has still to deliver.
    fn row_oldest(&self) -> u64 {
        let row_end = self.window().row_end();
        self.lanes.iter().map(|lane| lane.state.seen.row).min().unwrap_or(row_end).min(row_end)
    }

    /// Drops the rows behind every lane.
    fn make_room(&mut self) -> Result<(), Fault> {
        let window = self.window();
        let oldest = self.row_oldest();
        let held = window.row_end() - oldest;
        if oldest == window.row_first() {
            return Err(Fault::new(
                Status::Full,
                format!(
                    "{held} rows and more arrive within the longest feed latency and the second that \
                     hindsight looks ahead, which is all that the window holds; raise data.window_rows to at least {}",
                    held * 4
                ),
            ));
        }
        if let Source::Streams(feed) = &mut self.source {
            feed.free_before(oldest);
        }
        Ok(())
    }

    fn window(&self) -> &Window {
        self.source.feed().window()
    }

    /// Empties a lane's recorder into `sink`.
    pub fn drain(&mut self, lane: usize, sink: &mut dyn Sink) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.state.drain(sink);
        }
    }

    /// Writes down whatever happens to one order of a lane, for [`Sink::trace`]. Before the first `run`: it allocates.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown lane, `INVALID_STATE` once it has started.
    pub fn trace(&mut self, lane: usize, order_id: u64) -> Result<(), Fault> {
        let unknown = || Fault::new(Status::NotFound, format!("lane {lane} does not exist"));
        let state = &mut self.lanes.get_mut(lane).ok_or_else(unknown)?.state;
        if state.phase != Phase::Created {
            let message = format!("order {order_id} is to be traced, but the run has started");
            return Err(Fault::new(Status::InvalidState, message));
        }
        state.out.trace = Trace::of(order_id);
        state.exchange.watch_closely();
        Ok(())
    }

    /// Keeps the orders of every lane as they are sent, for [`Sink::sent`]. Before the first `run`: it allocates.
    pub fn keep_sent(&mut self) {
        debug_assert!(self.lent.is_none(), "Invariant: no lane has run");
        self.slabs.keep_sent();
        self.lanes.iter_mut().for_each(|lane| lane.state.recorder.keep_sent());
    }

    /// Whether the recorder of a lane holds rows that marks belong to: an order sent, or a fill.
    pub fn holds_marked(&self, lane: usize) -> bool {
        self.lanes.get(lane).is_some_and(|lane| lane.state.recorder.holds_marked())
    }

    /// How far back the rows that any lane has still to write down may reach, those in the recorders left out.
    pub fn settled(&self) -> Settled {
        let end = Settled { ts_ns: i64::MAX, row: u64::MAX };
        self.lanes
            .iter()
            .map(|lane| lane.state.settled())
            .fold(end, |a, b| Settled { ts_ns: a.ts_ns.min(b.ts_ns), row: a.row.min(b.row) })
    }

    /// Lanes of the run.
    pub fn lane_count(&self) -> usize {
        self.lanes.len()
    }

    /// The figures of a lane; final once `run` said `Nothing`.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown lane, `OVERFLOW` where a sum leaves 64 bits.
    pub fn summary(&self, lane: usize) -> Result<LaneSummary, Fault> {
        let unknown = || Fault::new(Status::NotFound, format!("lane {lane} does not exist"));
        self.lanes.get(lane).ok_or_else(unknown)?.state.summary()
    }

    /// What happened to the rows, one per instrument.
    pub fn feed_stats(&self) -> &[FeedStats] {
        self.source.feed().stats()
    }

    /// BLAKE3 over the decoded rows, instrument by instrument. See `feed`.
    pub fn data_hash(&self) -> [u8; 32] {
        self.source.feed().data_hash(&self.instruments)
    }

    /// Rows merged so far, session marks included, and the exchange time of the last one.
    pub fn progress(&self) -> (u64, i64) {
        let window = self.window();
        (window.row_end(), window.last().map_or(0, |event| event.ts_exch_ns))
    }
}

/// Rows that every lane runs over before the next ones; one lane alone takes all at once.
fn block_rows(lanes: usize) -> u64 {
    if lanes == 1 { u64::MAX } else { BLOCK_ROWS }
}

/// Slabs for whichever lane writes most.
fn slabs<S>(lanes: &[(LaneConfig, Vec<StrategySlot<S>>)]) -> Slabs {
    Slabs::new(lanes.iter().map(|(config, _)| config.capacity.records).max().unwrap_or(0))
}

/// Every fault of a market.
pub(super) fn market_faults(
    instruments: &[Instrument],
    feed: &FeedConfig,
    streams: usize,
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut must = |holds: bool, text: String| {
        if !holds {
            faults.push(text);
        }
    };
    must(
        (1..=INSTRUMENTS_MAX).contains(&instruments.len()),
        format!("{} instruments; 1 to {INSTRUMENTS_MAX} are possible", instruments.len()),
    );
    must(streams > 0, "no stream of rows".into());
    must(feed.reorder_ns >= 0, "the reorder window is negative".into());
    must(feed.reorder_rows_max >= 2, "reorder_rows_max is below 2".into());
    must(
        (64..=1 << 28).contains(&feed.window_rows),
        format!("window_rows is {}; 64 to {} are possible", feed.window_rows, 1 << 28),
    );
    for pair in instruments.windows(2) {
        must(pair[0].symbol != pair[1].symbol, format!("{}: named twice", pair[0].symbol));
    }
    for instrument in instruments {
        let symbol = &instrument.symbol;
        let rising = instrument.ticks.windows(2).all(|w| w[0].price_from < w[1].price_from);
        let ticks = instrument.ticks.len();
        must(
            (1..=TICK_STEPS_MAX).contains(&ticks)
                && rising
                && instrument.ticks.iter().all(|step| step.tick > 0),
            format!(
                "{symbol}: a tick ladder has 1 to {TICK_STEPS_MAX} rising steps, ticks above 0"
            ),
        );
        must(instrument.multiplier_e6 > 0, format!("{symbol}: the multiplier is not above 0"));
        must(
            (1..=LEVELS_MAX as u8).contains(&instrument.depth_max),
            format!("{symbol}: depth_max is {}; 1 to 5 are possible", instrument.depth_max),
        );
        must(
            instrument.limit_down <= instrument.limit_up,
            format!("{symbol}: the lower price limit lies above the upper one"),
        );
        let sorted = instrument.sessions.windows(2).all(|w| w[0].close_ns <= w[1].open_ns)
            && instrument.sessions.iter().all(|s| {
                s.open_ns < s.match_ns && s.match_ns <= s.close_ns && s.limit_down <= s.limit_up
            });
        must(
            sorted,
            format!(
                "{symbol}: sessions are not sorted and disjoint, or limits or a match lie amiss"
            ),
        );
        must(
            instrument.fees.len() <= FEES_MAX && instrument.fees.iter().all(|fee| fee.unit > 0),
            format!("{symbol}: at most {FEES_MAX} fee rows, each with a unit above 0"),
        );
        if let Some(text) = check_money(instrument) {
            must(false, text);
        }
    }
    faults
}

/// Every fault of the lanes.
fn lane_faults<S>(lanes: &[(LaneConfig, Vec<StrategySlot<S>>)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut must = |holds: bool, text: String| {
        if !holds {
            faults.push(text);
        }
    };
    must(!lanes.is_empty(), "no lane".into());
    for (config, strategies) in lanes {
        let name = &config.name;
        must(
            (1..=STRATEGIES_MAX).contains(&strategies.len()),
            format!("lane '{name}': 1 to {STRATEGIES_MAX} strategies are possible"),
        );
        if let Some(text) = config.latency.fault() {
            must(false, format!("lane '{name}': {text}"));
        }
        if let Some(text) = config.exchange.fault() {
            must(false, format!("lane '{name}': {text}"));
        }
        must(
            config.timeseries_ns > 0,
            format!("lane '{name}': the time series grid is not above 0"),
        );
        let capacity = &config.capacity;
        must(
            (1..=ORDERS_LIVE_MAX).contains(&capacity.orders_live)
                && capacity.in_flight > 0
                && capacity.records / 2 >= capacity.orders_live + config.exchange.ghosts_max + 32,
            format!(
                "lane '{name}': capacity is 1 to {ORDERS_LIVE_MAX} orders, at least one message in \
                 flight, and records for twice the orders, the ghosts and 32 more"
            ),
        );
    }
    faults
}
