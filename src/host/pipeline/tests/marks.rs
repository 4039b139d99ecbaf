//! The marks of orders and fills, and where profit came from by the hour, against a twin that keeps every row and scans them all, over lanes, strategies, instruments,
//! sessions, latencies and every kind of bad book; the same bytes whatever the threads; and a tape worked out by hand.
//!
//! The twin shares no code with what it judges: it has the rows of a feed of its own, and says itself which are marks.

use super::super::pin::Pin;
use super::super::{Layout, Written, drive};
use super::support::{
    self, Draw, E6, MS, Raw, Scripted, T0, Told, book, instrument, lane, limit, trade,
};
use super::{Taped, boxed, in_time, quiet};
use crate::output::OutputError;
use crate::output::hours::HOUR_NS;
use crate::output::marks::{HORIZONS, Marks};
use crate::output::tables::{self, FILES, LaneTables, Names};
use crate::source::SourceStats;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type, UInt64Type};
use btcore::engine::{Capacity, Context, LaneConfig, LaneSummary, Replay, StrategySlot};
use btcore::feed::{Feed, FeedConfig, Rows};
use btcore::latency::Latency;
use btcore::recorder::{DayRow, FillRow, OrderRow, SentRow, SeriesRow, Sink};
use btcore::strategy::Strategy;
use btcore::wire::{
    Depth, Event, Evidence, Fee, FeeBase, FeeSide, Fill, Instrument, QueueRow, Rounding, Session,
    Side, Tif, UNDEF_TIME, flags, kind,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

const S: i64 = 1_000 * MS;

/// A lane's tables, and its rows as they came.
struct Both {
    tables: LaneTables,
    kept: support::Written,
}

impl Written for Both {
    fn check(&mut self) -> Result<(), OutputError> {
        self.tables.check()
    }
    fn wants_marks(&self) -> bool {
        true
    }
    fn settle(&mut self, marks: &Marks) {
        self.tables.settle(marks);
    }
    fn oldest_ns(&self) -> i64 {
        self.tables.oldest_ns()
    }
}

impl Sink for Both {
    fn order(&mut self, row: &OrderRow) {
        self.tables.order(row);
        self.kept.order(row);
    }
    fn sent(&mut self, row: &SentRow) {
        self.tables.sent(row);
    }
    fn fill(&mut self, row: &FillRow) {
        self.tables.fill(row);
        self.kept.fill(row);
    }
    fn queue(&mut self, row: &QueueRow) {
        self.tables.queue(row);
    }
    fn series(&mut self, row: &SeriesRow) {
        self.tables.series(row);
    }
    fn day(&mut self, row: &DayRow) {
        self.tables.day(row);
    }
    fn log(&mut self, _: i64, _: u32, _: u8, _: &str) {}
}

/// What a lane came to.
struct Came {
    dir: PathBuf,
    kept: support::Written,
    summary: LaneSummary,
}

impl Came {
    fn bytes(&self) -> Vec<Vec<u8>> {
        FILES.iter().map(|file| fs::read(self.dir.join(file)).unwrap()).collect()
    }

    fn table(&self, file: &str) -> Table {
        let file = fs::File::open(self.dir.join(file)).unwrap();
        let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        Table(batches.map(Result::unwrap).collect())
    }
}

impl Drop for Came {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A file read back.
struct Table(Vec<RecordBatch>);

impl Table {
    fn i64(&self, name: &str) -> Vec<Option<i64>> {
        let column = |batch: &RecordBatch| -> Vec<Option<i64>> {
            let column = batch.column_by_name(name).unwrap_or_else(|| panic!("{name}"));
            let unsigned = |value: u64| i64::try_from(value).unwrap();
            if let Some(column) = column.as_primitive_opt::<Int64Type>() {
                column.iter().collect()
            } else if let Some(column) = column.as_primitive_opt::<UInt64Type>() {
                column.iter().map(|value| value.map(unsigned)).collect()
            } else {
                column.as_primitive::<UInt32Type>().iter().map(|v| v.map(i64::from)).collect()
            }
        };
        self.0.iter().flat_map(column).collect()
    }
}

/// How a run is made.
#[derive(Clone, Copy)]
struct How {
    chunk_rows: usize,
    ahead: usize,
    marks: usize,
    records: usize,
    window_rows: usize,
    reorder_rows: usize,
}

const PLAIN: How = How {
    chunk_rows: 256,
    ahead: 2,
    marks: 64,
    records: 320,
    window_rows: 4_096,
    reorder_rows: 64,
};

/// A lane to be: its config and its strategies.
type Draft<S> = (LaneConfig, Vec<S>);

fn run<S: Strategy>(
    instruments: Vec<Instrument>,
    streams: Vec<Vec<Raw>>,
    drafts: Vec<Draft<S>>,
    how: How,
) -> Vec<Came> {
    let mut sinks = Vec::new();
    let mut dirs = Vec::new();
    let known = Arc::new(instruments.clone());
    let lanes = drafts.into_iter().map(|(config, codes)| {
        let dir = std::env::temp_dir().join(format!("bt-host-marks-{}", Uuid::now_v7()));
        fs::create_dir_all(&dir).unwrap();
        let strategies: Vec<String> = (0..codes.len()).map(|n| format!("s{n}")).collect();
        let lane = config.name.clone();
        let names = Names { lane, strategies: strategies.clone(), instruments: known.clone() };
        let tables = LaneTables::open(&dir, 0, names).unwrap();
        sinks.push(Both { tables, kept: support::Written::default() });
        dirs.push(dir);
        let capacity =
            Capacity { orders_live: 110, in_flight: 512, timers: 8, records: how.records };
        let slot = |(name, code)| StrategySlot { name, params: vec![], code };
        let slots = strategies.into_iter().zip(codes).map(slot).collect();
        (LaneConfig { capacity, ..config }, slots)
    });
    let lanes = lanes.collect();
    let feed = FeedConfig {
        window_rows: how.window_rows,
        reorder_rows_max: how.reorder_rows,
        ..FeedConfig::default()
    };
    let mut replay = Replay::new(instruments, feed, streams.len(), lanes).unwrap();
    let taped = streams.into_iter().map(|rows| Taped {
        rows,
        next: 0,
        chunk_rows: how.chunk_rows,
        calls: 0,
        mishap: None,
        stats: SourceStats::default(),
    });
    let mut sources = boxed(taped.collect());
    let layout = Layout {
        pin: Pin::Off,
        ahead: how.ahead,
        chunk_rows: 1_000,
        records: how.records,
        marks: how.marks,
    };
    drive(&mut replay, &mut sources, &mut sinks, &mut quiet(), &layout).unwrap();
    let came = sinks.into_iter().zip(dirs).enumerate().map(|(index, (sink, dir))| {
        tables::finish(vec![sink.tables]).unwrap();
        Came { dir, kept: sink.kept, summary: replay.summary(index).unwrap() }
    });
    came.collect()
}

/// Every row of a run, as a feed of its own finishes them.
fn rows_of(instruments: &[Instrument], streams: &[Vec<Raw>]) -> Vec<Event> {
    let config =
        FeedConfig { window_rows: 1 << 16, reorder_rows_max: 1 << 16, ..FeedConfig::default() };
    let mut feed = Feed::new(config, streams.len(), instruments);
    for (stream, rows) in streams.iter().enumerate() {
        let events: Vec<Event> = rows.iter().map(|raw| raw.event).collect();
        let seqs: Vec<u64> = rows.iter().map(|raw| raw.seq).collect();
        let books = rows.iter().filter(|raw| raw.event.kind == kind::BOOK);
        let depths: Vec<Depth> = books.map(|raw| raw.depth).collect();
        let taken = feed.push(stream, Rows { events: &events, depths: &depths, seqs: &seqs });
        assert_eq!(taken.unwrap(), rows.len());
        feed.close(stream);
    }
    feed.pump();
    assert!(feed.is_done());
    feed.window().events_from(0).to_vec()
}

/// What a market's rows say, by going over all of them.
struct Twin {
    rows: Vec<Event>,
    instruments: Vec<Instrument>,
}

impl Twin {
    /// Bid plus ask of the last mark among the rows that `is_behind` holds for.
    fn last(&self, instrument: u32, is_behind: impl Fn(usize, &Event) -> bool) -> Option<i64> {
        let mut found = None;
        for (index, row) in self.rows.iter().enumerate() {
            if row.instrument == instrument && is_mark(row) && is_behind(index, row) {
                found = Some(row.bid_price + row.ask_price);
            }
        }
        found
    }

    fn later(&self, fill: &Fill, horizon_ns: i64) -> Option<i64> {
        let at_ns = fill.ts_exch_ns + horizon_ns;
        let sessions = &self.instruments[fill.instrument as usize].sessions;
        let is_held = |s: &&Session| s.open_ns <= fill.ts_exch_ns && fill.ts_exch_ns < s.close_ns;
        let is_open = sessions.is_empty()
            || sessions.iter().find(is_held).is_some_and(|session| at_ns < session.close_ns);
        let is_within = self.rows.last().is_some_and(|last| at_ns <= last.ts_exch_ns);
        if !is_open || !is_within {
            return None;
        }
        self.last(fill.instrument, |_, row| row.ts_exch_ns <= at_ns)
    }

    fn mid(&self, fill: &Fill) -> Option<i64> {
        let is_taken = fill.evidence == Evidence::Taken as u8;
        self.last(fill.instrument, |_, row| {
            row.ts_exch_ns < fill.ts_exch_ns || is_taken && row.ts_exch_ns == fill.ts_exch_ns
        })
    }
}

fn is_mark(row: &Event) -> bool {
    let unfit = flags::OUT_OF_SESSION | flags::CROSSED | flags::EMPTY_BOOK | flags::SENTINEL;
    let unfit = unfit | flags::NO_BOOK | flags::AUCTION | flags::NO_BID | flags::NO_ASK;
    row.kind == kind::BOOK && row.flags & unfit == 0
}

fn sign(side: u8) -> i64 {
    if side == Side::Buy as u8 { 1 } else { -1 }
}

/// Every column of a lane's orders and fills that marks make, against the twin.
fn judge(came: &Came, twin: &Twin) {
    let orders = came.table("orders.parquet");
    let of_order = |read: &dyn Fn(&OrderRow) -> Option<i64>| -> Vec<Option<i64>> {
        came.kept.orders.iter().map(read).collect()
    };
    let at =
        |row: &OrderRow, ts_ns| twin.last(row.instrument, |_, event| event.ts_exch_ns <= ts_ns);
    let seen = |row: &OrderRow| (row.tag != 0).then_some(row.tag as i64);
    assert_eq!(orders.i64("mid_x2_decision"), of_order(&seen));
    assert_eq!(orders.i64("mid_x2_send"), of_order(&|row| at(row, row.ts_submit_ns)));
    let arrival = |row: &OrderRow| match row.ts_accept_ns {
        UNDEF_TIME => None,
        ts_ns => at(row, ts_ns),
    };
    assert_eq!(orders.i64("mid_x2_arrival"), of_order(&arrival));
    assert_eq!(orders.i64("amends"), of_order(&|row| Some(row.amends.into())));

    let fills = came.table("fills.parquet");
    let of_fill = |read: &dyn Fn(&Fill) -> Option<i64>| -> Vec<Option<i64>> {
        came.kept.fills.iter().map(|row| read(&row.fill)).collect()
    };
    assert_eq!(fills.i64("mid_x2"), of_fill(&|fill| twin.mid(fill)));
    for (name, horizon_ns) in HORIZONS {
        assert_eq!(fills.i64(name), of_fill(&|fill| twin.later(fill, horizon_ns)), "{name}");
    }
    let multiplier = |fill: &Fill| twin.instruments[fill.instrument as usize].multiplier_e6;
    assert_eq!(fills.i64("multiplier_e6"), of_fill(&|fill| Some(multiplier(fill))));
    let spread = |fill: &Fill| {
        let lots =
            i128::from(sign(fill.side)) * i128::from(fill.qty) * i128::from(multiplier(fill));
        // A price times the multiplier is a whole 1e-6, a mid may lie half of one beside it.
        let worth_e12_x2 = i128::from(twin.mid(fill)?) * lots;
        let worth = (worth_e12_x2 + worth_e12_x2.signum() * 1_000_000) / 2_000_000;
        Some((worth - i128::from(fill.price) * lots / 1_000_000) as i64)
    };
    assert_eq!(fills.i64("spread_e6"), of_fill(&spread));
}

/// The hours of a lane against the twin, and their sum against its profit. Whether something was held through an hour without
/// a fill.
fn judge_hours(came: &Came, twin: &Twin) -> bool {
    let hour_of = |ts_ns: i64| ts_ns.div_euclid(HOUR_NS);
    let last_ns = twin.rows.last().unwrap().ts_exch_ns;
    let fills: Vec<&FillRow> = came.kept.fills.iter().collect();
    let mut expected = Vec::new();
    let mut holds_position = false;
    let end = fills.iter().map(|row| row.fill.ts_exch_ns).chain([last_ns]).max().map(hour_of);
    for hour in hour_of(T0)..=end.unwrap() {
        let (from_ns, to_ns) = (hour * HOUR_NS, (hour + 1) * HOUR_NS);
        for strategy in 0..8 {
            for instrument in 0..twin.instruments.len() as u32 {
                let own = |row: &&&FillRow| {
                    (row.fill.strategy, row.fill.instrument) == (strategy, instrument)
                };
                let own: Vec<&FillRow> = fills.iter().filter(own).copied().collect();
                let lots = |row: &FillRow| sign(row.fill.side) * i64::from(row.fill.qty);
                let before = |row: &&&FillRow| row.fill.ts_exch_ns < from_ns;
                let held: i64 = own.iter().filter(before).map(|row| lots(row)).sum();
                let within = |row: &&&FillRow| hour_of(row.fill.ts_exch_ns) == hour;
                let within: Vec<&FillRow> = own.iter().filter(within).copied().collect();
                if within.is_empty() && (held == 0 || from_ns > last_ns) {
                    continue;
                }
                holds_position |= within.is_empty();
                let mark = |ns| twin.last(instrument, |_, row| row.ts_exch_ns < ns);
                let multiplier = i128::from(twin.instruments[instrument as usize].multiplier_e6);
                // What is held, by the way of the mid; each fill from the mid that it met.
                let to = mark(to_ns).expect("a mark before the first fill");
                let mut way = match held {
                    0 => 0,
                    held => i128::from(held) * i128::from(to - mark(from_ns).unwrap()),
                };
                for row in &within {
                    way += i128::from(lots(row)) * i128::from(to - twin.mid(&row.fill).unwrap());
                }
                let sum = |read: &dyn Fn(&Fill) -> i64| -> i64 {
                    within.iter().map(|row| read(&row.fill)).sum()
                };
                let value = |fill: &Fill| {
                    (i128::from(fill.price) * i128::from(fill.qty) * multiplier / 1_000_000) as i64
                };
                expected.push(vec![
                    from_ns,
                    held + within.iter().map(|row| lots(row)).sum::<i64>(),
                    to,
                    within.len() as i64,
                    sum(&|fill| i64::from(fill.qty)),
                    sum(&value),
                    sum(&|fill| fill.fee),
                    (way * multiplier / 2_000_000) as i64,
                ]);
            }
        }
    }
    let hours = came.table("hours.parquet");
    let names = [
        "ts_hour_ns",
        "position_qty",
        "mid_x2",
        "fills",
        "qty",
        "turnover_e6",
        "fees_e6",
        "inventory_e6",
    ];
    let columns = names.map(|name| hours.i64(name));
    assert_eq!(columns[0].len(), expected.len(), "rows of hours");
    for (index, expected) in expected.iter().enumerate() {
        let found: Vec<i64> = columns.iter().map(|column| column[index].unwrap()).collect();
        assert_eq!(found[..7], expected[..7], "hour {index}: {names:?}");
        // Half a 1e-6 for each worth that was rounded: those of the fills, of the hour's end and of its beginning.
        let off = (found[7] - expected[7]).abs();
        assert!(2 * off <= found[3] + 3, "hour {index}: inventory {found:?} {expected:?}");
    }
    let [spread, inventory, fees, pnl] =
        ["spread_e6", "inventory_e6", "fees_e6", "pnl_e6"].map(|name| hours.i64(name));
    for index in 0..pnl.len() {
        let of = |column: &[Option<i64>]| column[index].unwrap();
        assert_eq!(of(&spread) + of(&inventory) - of(&fees), of(&pnl), "hour {index}");
    }
    let total = |column: &[Option<i64>]| column.iter().flatten().sum::<i64>();
    assert_eq!(total(&pnl), came.summary.pnl, "the hours of a lane make its profit");
    assert_eq!(total(&fees), came.summary.fees);
    assert_eq!(total(&columns[5]), came.summary.turnover);
    assert_eq!(total(&spread), total(&came.table("fills.parquet").i64("spread_e6")));
    holds_position
}

/// Trades at random, and marks each order with what it has seen.
struct Wanderer {
    draw: Draw,
    every: u64,
    seen: u64,
    /// It sends nothing after so many rows.
    seen_max: u64,
    mids: Vec<i64>,
    books: Vec<(i64, i64)>,
    open: Vec<u64>,
}

impl Wanderer {
    fn new(seed: u64, every: u64) -> Self {
        let (mids, books) = (vec![0; SYMBOLS.len()], vec![(0, 0); SYMBOLS.len()]);
        Wanderer {
            draw: Draw::new(seed),
            every,
            seen: 0,
            seen_max: u64::MAX,
            mids,
            books,
            open: vec![],
        }
    }

    fn act(&mut self, context: &mut Context<'_>) {
        let instrument = self.draw.below(SYMBOLS.len() as u64) as usize;
        let (bid, ask) = self.books[instrument];
        if bid == 0 || self.seen > self.seen_max {
            return;
        }
        let side = if self.draw.below(2) == 0 { Side::Buy } else { Side::Sell };
        let (near, far) = if side == Side::Buy { (bid, ask) } else { (ask, bid) };
        let (price, tif) = match self.draw.below(6) {
            0 => (far, Tif::Ioc),
            1 => (far, Tif::Rod),
            _ => (near, Tif::Rod),
        };
        let mut order = limit(side, 0, 1 + self.draw.below(3) as u32, tif);
        (order.price, order.instrument) = (price, instrument as u32);
        order.tag = self.mids[instrument] as u64;
        if let Ok(id) = context.order_submit(&order) {
            self.open.push(id);
        }
        while self.open.len() > 12 {
            let id = self.open.remove(0);
            if self.draw.below(3) == 0 && context.order_amend(id, price, 4).is_ok() {
                self.open.push(id);
            } else {
                let _ = context.order_cancel(id);
            }
        }
    }
}

impl Strategy for Wanderer {
    fn on_event(&mut self, context: &mut Context<'_>, event: &Event, _: &Depth) -> i32 {
        if is_mark(event) {
            self.mids[event.instrument as usize] = event.bid_price + event.ask_price;
            self.books[event.instrument as usize] = (event.bid_price, event.ask_price);
        }
        if self.draw.below(self.every) == 0 {
            let _ = context.timer_set(context.now_ns() + self.draw.below(3_000) as i64 * MS, 1);
        }
        self.seen += 1;
        // At the end something is under way.
        if self.draw.below(self.every) == 0 || self.seen > 3 * ROWS {
            self.act(context);
        }
        0
    }
    fn on_fill(&mut self, context: &mut Context<'_>, _: &Fill) -> i32 {
        if self.draw.below(3) == 0 {
            self.act(context);
        }
        0
    }
    fn on_timer(&mut self, context: &mut Context<'_>, _: u64) -> i32 {
        self.act(context);
        0
    }
}

const SYMBOLS: [&str; 3] = ["A", "B", "C"];
const ROWS: u64 = 1_800;

/// Three hours and a half of rows of an instrument: stamps that meet, marks that stand for minutes, and books of every bad kind.
fn tape(seed: u64, rows: u64) -> Vec<Raw> {
    let mut draw = Draw::new(seed);
    let (mut at_ns, mut price) = (0, 1_000);
    let row = |index| {
        at_ns += match draw.below(40) {
            0 => 120 * S,
            1..10 => 0,
            _ => draw.below(5) as i64 * S,
        };
        price += draw.below(3) as i64 - 1;
        let qty = |draw: &mut Draw| 1 + draw.below(9) as u32;
        let mut raw = match draw.below(12) {
            0..4 => {
                trade(at_ns, price + draw.below(2) as i64, qty(&mut draw), draw.below(3) as i8 - 1)
            }
            4 => book(at_ns, &[(price, qty(&mut draw))], &[]),
            5 => book(at_ns, &[], &[(price, qty(&mut draw))]),
            6 => book(at_ns, &[(price + 2, 1)], &[(price + draw.below(3) as i64, 1)]),
            _ => {
                let bids: Vec<_> = (0..5).map(|n| (price - n, qty(&mut draw))).collect();
                let asks: Vec<_> = (0..5).map(|n| (price + 1 + n, qty(&mut draw))).collect();
                book(at_ns, &bids, &asks)
            }
        };
        if draw.below(30) == 0 && raw.event.kind == kind::BOOK {
            raw.event.flags |= flags::SENTINEL;
        }
        raw.seq = index + 1;
        raw
    };
    (0..rows).map(row).collect()
}

fn market() -> (Vec<Instrument>, Vec<Vec<Raw>>) {
    let session = |open, close, day| Session::continuous(T0 + open * S, T0 + close * S, day);
    let sessions = vec![session(50, 4_100, 20260408), session(4_400, 90_000, 20260409)];
    let fee = Fee {
        name: "commission".into(),
        side: FeeSide::Both,
        base: FeeBase::PerLot { amount: 1_250_000 },
        unit: 1,
        rounding: Rounding::HalfUp,
    };
    let plain = |symbol| Instrument { fees: vec![fee.clone()], ..instrument(symbol) };
    let instruments = vec![
        Instrument { sessions: sessions.clone(), ..plain("A") },
        // Half a tick is half a 1e-6 of money: worth is rounded.
        Instrument { multiplier_e6: 1, ..plain("B") },
        Instrument { sessions, multiplier_e6: 2_500_000, ..plain("C") },
    ];
    let streams = (0..SYMBOLS.len() as u64).map(|n| {
        let mut rows = tape(31 + n, ROWS);
        rows.iter_mut().for_each(|raw| raw.event.instrument = n as u32);
        rows
    });
    (instruments, streams.collect())
}

fn drafts() -> Vec<Draft<Wanderer>> {
    let latency = |feed, submit, response| Latency {
        feed_ns: feed * MS,
        submit_ns: submit * MS,
        amend_ns: submit * MS + 7,
        cancel_ns: 2 * submit * MS,
        response_ns: response * MS,
    };
    let holder = Wanderer { seen_max: 200, ..Wanderer::new(8, 3) };
    vec![
        (lane("holder", latency(5, 36, 10)), vec![holder]),
        (lane("slow", latency(900, 2_000, 3_000)), vec![Wanderer::new(1, 4), Wanderer::new(2, 9)]),
        (lane("near", latency(0, 0, 0)), vec![Wanderer::new(3, 5)]),
        (lane("far", latency(1, 36, 10)), (4..7).map(|seed| Wanderer::new(seed, 15)).collect()),
    ]
}

#[test]
fn marks_are_those_of_a_twin_that_scans_every_row() {
    let (instruments, streams) = market();
    let twin = Twin { rows: rows_of(&instruments, &streams), instruments: instruments.clone() };
    let came = in_time(move || run(instruments, streams, drafts(), PLAIN));
    let (mut evidence, mut holds_position) = (BTreeMap::new(), false);
    for lane in &came {
        let kept = &lane.kept;
        println!("{} orders, {} fills", kept.orders.len(), kept.fills.len());
        kept.fills.iter().for_each(|row| *evidence.entry(row.fill.evidence).or_insert(0) += 1);
        judge(lane, &twin);
        holds_position |= judge_hours(lane, &twin);
        if kept.fills.len() < 100 {
            continue;
        }
        assert!(kept.orders.iter().any(|row| row.amends > 0), "none was amended");
        let fills = lane.table("fills.parquet");
        for name in ["mid_x2", "mid_x2_300s"] {
            let some = fills.i64(name).iter().flatten().collect::<BTreeSet<_>>().len();
            assert!(some > 10, "{some} values of {name} test little");
        }
        assert!(fills.i64("mid_x2_60s").contains(&None), "none is censored");
    }
    assert!(holds_position, "nothing was held through an hour without a fill");
    println!("evidence {evidence:?}");
    assert!(evidence.len() >= 4 && evidence.values().all(|&fills| fills > 10), "{evidence:?}");
    // The last row's stamp is asked for as well as what lies behind it.
    let under_way = |row: &OrderRow| row.ts_accept_ns == UNDEF_TIME;
    assert!(came[1].kept.orders.iter().any(under_way), "no order was under way at the end");
}

#[test]
fn the_files_do_not_show_chunks_drains_or_how_often_marks_are_told() {
    let expected: Vec<_> = {
        let (instruments, streams) = market();
        in_time(|| run(instruments, streams, drafts(), PLAIN)).iter().map(Came::bytes).collect()
    };
    let hows = [
        How { chunk_rows: 1, marks: 1, ..PLAIN },
        How { chunk_rows: 3_000, marks: 100_000, ahead: 7, ..PLAIN },
        // So small a window that rows come and go within one turn of the replay.
        How { window_rows: 256, reorder_rows: 2_048, chunk_rows: 2_048, marks: 16, ..PLAIN },
        How { records: 1_024, marks: 1_000, ..PLAIN },
    ];
    for (index, how) in hows.into_iter().enumerate() {
        let (instruments, streams) = market();
        let came = in_time(move || run(instruments, streams, drafts(), how));
        for (lane, expected) in came.iter().zip(&expected) {
            assert!(lane.bytes() == *expected, "how {index}: {}", lane.dir.display());
        }
    }
    for (alone, expected) in expected.iter().enumerate() {
        let (instruments, streams) = market();
        let came =
            in_time(move || run(instruments, streams, vec![drafts().swap_remove(alone)], PLAIN));
        assert!(came[0].bytes() == *expected, "lane {alone} is another one alone");
    }
}

/// The feed leg takes 300 ms, an order 500 ms, an answer 100 ms. Prices and marks in whole units:
///
/// ```text
///   0.000  trade 100          is delivered at 0.300: order 1, buy 50, is sent, before any book; it arrives at 0.800
///   0.350  book  99 | 101     200, the market when it arrives
///   1.000  book 100 | 102     202, is delivered at 1.300: order 2, buy 2 at 100, is sent on sight of it
///   1.200  book 101 | 103     204, the market at that time
///   1.800  book  98 | 103     201, the market when it arrives, stamped at the very instant
///   3.000  trade 99           goes through order 2: 2 lots at 100, half a unit under the mid of 201 / 2: earned 2 * 0.5 = 1
///   3.000  book  96 |  98     194, after it
///   4.000  book  97 | 100     197, a second later to the nanosecond
///   8.000  book  95 |  97     192, a nanosecond more than five seconds later; is delivered at 8.300: order 3, sell 1 at 94,
///                             at once, on sight of it; it arrives at 8.800
///   8.800  book  94 |  99     193, which it meets: sold at 94, two and a half under the mid: -2.5
///  20.000  book  99 |  98     crossed: no mark
///  21.000  book  99           one side: no mark
///  32.000  book  90 |  92     182
///  40.000  the session closes: order 1 ends; what lies 60 s behind the fills lies in the next session
///  62.000  book  80 |  82     is not looked at
/// 400.000  book  80 |  82
/// ```
#[test]
fn a_tape_by_hand_has_the_marks_worked_out_by_hand() {
    let session = |open, close| Session::continuous(T0 + open * S, T0 + close * S, 20260408);
    let instruments =
        vec![Instrument { sessions: vec![session(0, 40), session(50, 1_000)], ..instrument("X") }];
    let ms = |at: i64, bid, ask| book(at * MS, &[(bid, 9)], &[(ask, 9)]);
    let late = |mut raw: Raw| {
        (raw.event.ts_exch_ns, raw.event.ts_recv_ns) = (raw.event.ts_exch_ns + 1, T0 + 9 * S);
        raw
    };
    let mut rows = vec![
        trade(0, 100, 1, 1),
        ms(350, 99, 101),
        ms(1_000, 100, 102),
        ms(1_200, 101, 103),
        ms(1_800, 98, 103),
        trade(3_000 * MS, 99, 5, -1),
        ms(3_000, 96, 98),
        ms(4_000, 97, 100),
        late(ms(8_000, 95, 97)),
        ms(8_800, 94, 99),
        ms(20_000, 99, 98),
        book(21 * S, &[(99, 1)], &[]),
        ms(32_000, 90, 92),
        ms(62_000, 80, 82),
        ms(400_000, 80, 82),
    ];
    (1..).zip(&mut rows).for_each(|(seq, raw)| raw.seq = seq);
    let latency = Latency {
        feed_ns: 300 * MS,
        submit_ns: 500 * MS,
        amend_ns: 500 * MS,
        cancel_ns: 500 * MS,
        response_ns: 100 * MS,
    };
    let code = Scripted::new(|context, told| {
        let Told::Event { event, .. } = told else { return };
        let order = match event.ts_exch_ns - T0 {
            0 if event.kind == kind::TRADE => limit(Side::Buy, 50, 1, Tif::Rod),
            at_ns if at_ns == S => limit(Side::Buy, 100, 2, Tif::Rod),
            at_ns if at_ns == 8 * S + 1 => limit(Side::Sell, 94, 1, Tif::Ioc),
            _ => return,
        };
        context.order_submit(&order).unwrap();
    });
    let came = run(instruments, vec![rows], vec![(lane("hand", latency), vec![code])], PLAIN);
    let units = |values: &[i64]| -> Vec<Option<i64>> {
        values.iter().map(|&value| (value != 0).then_some(value * E6)).collect()
    };
    let orders = came[0].table("orders.parquet");
    assert_eq!(orders.i64("order_id"), [2, 3, 1].map(Some));
    assert_eq!(orders.i64("mid_x2_decision"), units(&[202, 192, 0]));
    assert_eq!(orders.i64("mid_x2_send"), units(&[204, 192, 0]));
    assert_eq!(orders.i64("mid_x2_arrival"), units(&[201, 193, 200]));
    let fills = came[0].table("fills.parquet");
    let told: Vec<u8> = came[0].kept.fills.iter().map(|row| row.fill.evidence).collect();
    assert_eq!(told, [Evidence::Through as u8, Evidence::Taken as u8]);
    assert_eq!(fills.i64("price_scaled"), units(&[100, 94]));
    assert_eq!(fills.i64("mid_x2"), units(&[201, 193]));
    assert_eq!(fills.i64("spread_e6"), [1_000_000, -2_500_000].map(Some));
    let later = [
        ("mid_x2_100ms", [194, 193]),
        ("mid_x2_1s", [197, 193]),
        ("mid_x2_5s", [197, 193]),
        ("mid_x2_10s", [193, 193]),
        ("mid_x2_30s", [182, 182]),
        ("mid_x2_60s", [0, 0]),
        ("mid_x2_300s", [0, 0]),
    ];
    for (name, values) in later {
        assert_eq!(fills.i64(name), units(&values), "{name}");
    }
}

/// One lot is worth 200 a unit and costs 5. Latencies are zero, prices and mids in whole units:
///
/// ```text
/// 00:10  book     | 100     one side: bought 1 at 100, without a mark: no spread, worth its cost; fees 5
/// 01:30  book 103 | 105     the first mark, 104: the lot is worth 4 * 200 = 800 more than it cost
///                           02 to 03: nothing happens, and the lot is held
/// 03:00  book 105 | 107     106, in the hour that begins there: 2 * 200 = 400
/// 03:20  book 105 | 107     sold 2 at 105, a unit under the mid: -2 * 1 * 200 = -400; fees 10; 1 short from here on
/// 03:50  book 110 | 112     111: -5 * 200 = -1000
/// 04:10  book 110 | 112     the last row; the hour is there, and nothing in it
/// ```
///
/// Paid 100, got 210, short 1 at 111: -1 * 200 = -200, less 15 of fees.
#[test]
fn a_tape_by_hand_has_the_hours_worked_out_by_hand() {
    let fee = Fee {
        name: "commission".into(),
        side: FeeSide::Both,
        base: FeeBase::PerLot { amount: 5 * E6 },
        unit: 1,
        rounding: Rounding::HalfUp,
    };
    let instruments =
        vec![Instrument { multiplier_e6: 200 * E6, fees: vec![fee], ..instrument("X") }];
    let at = |minute: i64, bids: &[(i64, u32)], ask| book(minute * 60 * S, bids, &[(ask, 9)]);
    let mut rows = vec![
        at(10, &[], 100),
        at(90, &[(103, 9)], 105),
        at(180, &[(105, 9)], 107),
        at(200, &[(105, 9)], 107),
        at(230, &[(110, 9)], 112),
        at(250, &[(110, 9)], 112),
    ];
    (1..).zip(&mut rows).for_each(|(seq, raw)| raw.seq = seq);
    let code = Scripted::new(|context, told| {
        let Told::Event { event, .. } = told else { return };
        let order = match (event.ts_exch_ns - T0) / (60 * S) {
            10 => limit(Side::Buy, 100, 1, Tif::Ioc),
            200 => limit(Side::Sell, 105, 2, Tif::Ioc),
            _ => return,
        };
        context.order_submit(&order).unwrap();
    });
    let drafts = vec![(lane("hand", Latency::default()), vec![code])];
    let came = run(instruments, vec![rows], drafts, PLAIN);
    let fills = came[0].table("fills.parquet");
    assert_eq!(fills.i64("mid_x2"), [None, Some(212 * E6)]);
    assert_eq!(fills.i64("spread_e6"), [None, Some(-400 * E6)]);
    let hours = came[0].table("hours.parquet");
    let hour_ns = hours.i64("ts_hour_ns").into_iter().map(|ns| (ns.unwrap() - T0) / HOUR_NS);
    assert_eq!(hour_ns.collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(hours.i64("position_qty"), [1, 1, 1, -1, -1].map(Some));
    let marks = [None, Some(208), Some(208), Some(222), Some(222)];
    assert_eq!(hours.i64("mid_x2"), marks.map(|mark: Option<i64>| mark.map(|units| units * E6)));
    assert_eq!(hours.i64("fills"), [1, 0, 0, 1, 0].map(Some));
    assert_eq!(hours.i64("qty"), [1, 0, 0, 2, 0].map(Some));
    let money = [
        ("turnover_e6", [20_000, 0, 0, 42_000, 0]),
        ("spread_e6", [0, 0, 0, -400, 0]),
        ("inventory_e6", [0, 800, 0, 400 - 1_000, 0]),
        ("fees_e6", [5, 0, 0, 10, 0]),
        ("pnl_e6", [-5, 800, 0, -1_010, 0]),
    ];
    for (name, units) in money {
        assert_eq!(hours.i64(name), units.map(|units| Some(units * E6)), "{name}");
    }
    assert_eq!(came[0].summary.pnl, -215 * E6);
}
