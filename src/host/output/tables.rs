//! `orders.parquet`, `fills.parquet`, `timeseries.parquet`, `queues.parquet`, `hours.parquet` and `strategy.log`, written as
//! lanes are drained and marks become known.
//!
//! Invariants: the bytes do not depend on when a lane is drained: rows are written in batches of a fixed size,
//! lane after lane. The first lane writes straight into the result, the others into a spool that is appended
//! when the run is over. Columns ending in `_e6` and `price_scaled` are integers at 1e-6, times are ns since
//! the epoch in UTC. Cost: memory is bounded by one row group of each lane and table.

use super::OutputError;
use super::file::{GROUP_ROWS, TableFile};
use super::hours::{HourRow, Hours};
use super::marks::{HORIZONS, Marks, MidX2};
use super::waiting::{MarkedFill, MarkedOrder, Waiting};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use btcore::recorder::{DayRow, FillRow, OrderEnd, OrderRow, SentRow, SeriesRow, Sink};
use btcore::wire::{Evidence, Instrument, QueueRow, Side, UNDEF_TIME};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of one batch, whatever the drains: a row group.
const BATCH_ROWS: usize = GROUP_ROWS;

/// Names of the result files that hold rows.
pub const FILES: [&str; 5] =
    ["orders.parquet", "fills.parquet", "timeseries.parquet", "queues.parquet", "hours.parquet"];
/// Name of the file of the strategies' own lines; only there when there are any.
pub const LOG_FILE: &str = "strategy.log";

/// What stands for the numbers in a lane's rows.
#[derive(Clone, Debug)]
pub struct Names {
    /// Lane.
    pub lane: String,
    /// Strategies of the lane.
    pub strategies: Vec<String>,
    /// Instruments of the run.
    pub instruments: Arc<Vec<Instrument>>,
}

impl Names {
    fn symbol(&self, instrument: u32) -> &str {
        self.instruments.get(instrument as usize).map_or("?", |known| known.symbol.as_str())
    }

    fn multiplier_e6(&self, instrument: u32) -> i64 {
        self.instruments.get(instrument as usize).map_or(0, |known| known.multiplier_e6)
    }
}

/// The rows of one lane, on their way to the files.
pub struct LaneTables {
    names: Names,
    waiting: Waiting,
    attributed: Hours,
    orders: Spool<MarkedOrder>,
    fills: Spool<MarkedFill>,
    series: Spool<SeriesRow>,
    queues: Spool<QueueRow>,
    hours: Spool<HourRow>,
    log: Option<BufWriter<File>>,
    log_path: PathBuf,
    days: Vec<DayRow>,
    error: Option<OutputError>,
}

impl LaneTables {
    /// Opens the files of lane `index` in `dir`.
    ///
    /// # Errors
    /// A file cannot be made.
    pub fn open(dir: &Path, index: usize, names: Names) -> Result<Self, OutputError> {
        let path = |file: &str| {
            if index == 0 { dir.join(file) } else { dir.join(format!(".{index}.{file}")) }
        };
        Ok(LaneTables {
            waiting: Waiting::default(),
            attributed: Hours::default(),
            orders: Spool::open(path(FILES[0]), orders_batch, &names)?,
            fills: Spool::open(path(FILES[1]), fills_batch, &names)?,
            series: Spool::open(path(FILES[2]), series_batch, &names)?,
            queues: Spool::open(path(FILES[3]), queues_batch, &names)?,
            hours: Spool::open(path(FILES[4]), hours_batch, &names)?,
            log: None,
            log_path: path(LOG_FILE),
            days: Vec::new(),
            error: None,
            names,
        })
    }

    /// The first failure of a write since the last call.
    ///
    /// # Errors
    /// That failure.
    pub fn check(&mut self) -> Result<(), OutputError> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Writes what the marks so far are enough for. The lane's rows up to those marks must have come.
    pub fn settle(&mut self, marks: &Marks) {
        let done = self.settle_rows(marks);
        self.note(done);
    }

    fn settle_rows(&mut self, marks: &Marks) -> Result<(), OutputError> {
        let LaneTables { names, waiting, attributed, orders, fills, hours, .. } = self;
        let instruments = &names.instruments;
        waiting.take_orders(marks, |row| orders.push(row, names))?;
        waiting.take_fills(
            marks,
            instruments,
            |marked| attributed.take(marked, instruments),
            |row| fills.push(row, names),
        )?;
        attributed.tell(marks, instruments, |row| hours.push(row, names))
    }

    /// When the oldest fill that waits for marks has traded, ns; `i64::MAX` where none does.
    pub fn oldest_ns(&self) -> i64 {
        self.waiting.oldest_ns()
    }

    /// Trading days so far.
    pub fn days(&self) -> &[DayRow] {
        &self.days
    }

    fn note(&mut self, done: Result<(), OutputError>) {
        if let Err(error) = done
            && self.error.is_none()
        {
            self.error = Some(error);
        }
    }

    fn write_log(
        &mut self,
        ts_ns: i64,
        strategy: u32,
        level: u8,
        text: &str,
    ) -> Result<(), OutputError> {
        let path = &self.log_path;
        let log = match &mut self.log {
            Some(log) => log,
            none => none
                .insert(BufWriter::new(File::create(path).map_err(|e| OutputError::io(path, e))?)),
        };
        let strategy = name_at(&self.names.strategies, strategy);
        let level = ["error", "warn", "info", "debug"].get(usize::from(level)).unwrap_or(&"debug");
        let time = crate::config::scalar::instant_text(ts_ns);
        let lane = &self.names.lane;
        writeln!(log, "{time} {lane}/{strategy} {level}: {}", text.replace('\n', "\\n"))
            .map_err(|e| OutputError::io(path, e))
    }
}

impl Sink for LaneTables {
    fn order(&mut self, row: &OrderRow) {
        self.waiting.order(*row);
    }
    fn sent(&mut self, row: &SentRow) {
        self.waiting.sent(*row);
    }
    fn fill(&mut self, row: &FillRow) {
        self.waiting.fill(*row);
    }
    fn queue(&mut self, row: &QueueRow) {
        let done = self.queues.push(*row, &self.names);
        self.note(done);
    }
    fn series(&mut self, row: &SeriesRow) {
        let done = self.series.push(*row, &self.names);
        self.note(done);
    }
    fn day(&mut self, row: &DayRow) {
        self.days.push(*row);
    }
    fn log(&mut self, ts_ns: i64, strategy: u32, level: u8, text: &str) {
        let done = self.write_log(ts_ns, strategy, level, text);
        self.note(done);
    }
}

/// Ends the files: the spools of the later lanes go behind the first lane's rows.
///
/// # Errors
/// A file cannot be written or read back.
pub fn finish(lanes: Vec<LaneTables>) -> Result<(), OutputError> {
    let mut lanes = lanes.into_iter();
    let Some(mut first) = lanes.next() else { return Ok(()) };
    debug_assert!(first.waiting.is_empty(), "Invariant: the marks were closed");
    first.orders.flush(&first.names)?;
    first.fills.flush(&first.names)?;
    first.series.flush(&first.names)?;
    first.queues.flush(&first.names)?;
    first.hours.flush(&first.names)?;
    for lane in lanes {
        debug_assert!(lane.waiting.is_empty(), "Invariant: the marks were closed");
        first.orders.append(lane.orders, &lane.names)?;
        first.fills.append(lane.fills, &lane.names)?;
        first.series.append(lane.series, &lane.names)?;
        first.queues.append(lane.queues, &lane.names)?;
        first.hours.append(lane.hours, &lane.names)?;
        if let Some(log) = lane.log {
            append_log(&mut first.log, &first.log_path, log, &lane.log_path)?;
        }
    }
    if let Some(mut log) = first.log {
        log.flush().map_err(|e| OutputError::io(&first.log_path, e))?;
    }
    first.orders.close()?;
    first.fills.close()?;
    first.series.close()?;
    first.queues.close()?;
    first.hours.close()?;
    Ok(())
}

fn append_log(
    into: &mut Option<BufWriter<File>>,
    into_path: &Path,
    mut log: BufWriter<File>,
    path: &Path,
) -> Result<(), OutputError> {
    log.flush().map_err(|e| OutputError::io(path, e))?;
    let target = match into {
        Some(target) => target,
        none => none.insert(BufWriter::new(
            File::create(into_path).map_err(|e| OutputError::io(into_path, e))?,
        )),
    };
    let mut reader = BufReader::new(File::open(path).map_err(|e| OutputError::io(path, e))?);
    loop {
        let bytes = reader.fill_buf().map_err(|e| OutputError::io(path, e))?;
        if bytes.is_empty() {
            break;
        }
        target.write_all(bytes).map_err(|e| OutputError::io(into_path, e))?;
        let count = bytes.len();
        reader.consume(count);
    }
    std::fs::remove_file(path).map_err(|e| OutputError::io(path, e))
}

/// Makes columns of rows: all of them, or the one of this number.
type MakeBatch<R> = fn(&Names, &[R], Option<usize>) -> Result<RecordBatch, OutputError>;

/// Rows of one table of one lane, batched to a fixed size.
struct Spool<R> {
    rows: Vec<R>,
    batch: MakeBatch<R>,
    file: TableFile,
}

impl<R: Copy> Spool<R> {
    fn open(path: PathBuf, batch: MakeBatch<R>, names: &Names) -> Result<Self, OutputError> {
        let file = TableFile::create(path, batch(names, &[], None)?.schema())?;
        Ok(Spool { rows: Vec::with_capacity(BATCH_ROWS), batch, file })
    }

    fn push(&mut self, row: R, names: &Names) -> Result<(), OutputError> {
        self.rows.push(row);
        if self.rows.len() < BATCH_ROWS {
            return Ok(());
        }
        let column = |index| Ok((self.batch)(names, &self.rows, Some(index))?.columns().to_vec());
        self.file.write_group(column)?;
        self.rows.clear();
        Ok(())
    }

    /// Writes what is left, which others may follow.
    fn flush(&mut self, names: &Names) -> Result<(), OutputError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let batch = (self.batch)(names, &self.rows, None)?;
        self.rows.clear();
        self.file.write(batch)
    }

    fn append(&mut self, mut other: Spool<R>, names: &Names) -> Result<(), OutputError> {
        other.flush(names)?;
        let path = other.close()?;
        let file = File::open(&path).map_err(|e| OutputError::io(&path, e))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
            .map_err(|e| OutputError::parquet(&path, e))?;
        for batch in reader {
            self.file.write(batch.map_err(|e| OutputError::arrow(&path, e))?)?;
        }
        std::fs::remove_file(&path).map_err(|e| OutputError::io(&path, e))
    }

    fn close(self) -> Result<PathBuf, OutputError> {
        self.file.close()
    }
}

fn name_at(names: &[String], index: u32) -> &str {
    names.get(index as usize).map_or("?", String::as_str)
}

fn side_name(side: u8) -> &'static str {
    match Side::from_u8(side) {
        Some(Side::Buy) => "buy",
        Some(Side::Sell) => "sell",
        None => "?",
    }
}

fn evidence_name(evidence: u8) -> &'static str {
    [Evidence::Through, Evidence::At, Evidence::Crossed, Evidence::Taken, Evidence::Auction]
        .into_iter()
        .find(|known| *known as u8 == evidence)
        .map_or("?", Evidence::name)
}

fn end_name(end: OrderEnd) -> &'static str {
    match end {
        OrderEnd::Open => "open",
        OrderEnd::Filled => "filled",
        OrderEnd::Cancelled => "cancelled",
        OrderEnd::Expired => "expired",
        OrderEnd::Rejected => "rejected",
    }
}

fn order_type_name(value: u8) -> &'static str {
    ["?", "limit", "market", "market_protected"].get(usize::from(value)).copied().unwrap_or("?")
}

fn tif_name(value: u8) -> &'static str {
    ["?", "rod", "gtc", "ioc", "fok"].get(usize::from(value)).copied().unwrap_or("?")
}

/// Columns of a batch, by name.
struct Columns<'a, R> {
    rows: &'a [R],
    only: Option<usize>,
    named: usize,
    columns: Vec<(&'static str, ArrayRef, bool)>,
}

impl<'a, R> Columns<'a, R> {
    fn of(rows: &'a [R], only: Option<usize>) -> Self {
        Columns { rows, only, named: 0, columns: Vec::new() }
    }
    fn put<A: Array + 'static>(
        &mut self,
        name: &'static str,
        nullable: bool,
        make: impl FnOnce(std::slice::Iter<'a, R>) -> A,
    ) {
        if self.only.is_none_or(|only| only == self.named) {
            self.columns.push((name, Arc::new(make(self.rows.iter())), nullable));
        }
        self.named += 1;
    }
    fn text<'b>(&mut self, name: &'static str, read: impl Fn(&R) -> &'b str) {
        self.put(name, false, |rows| StringArray::from_iter_values(rows.map(read)));
    }
    fn i64(&mut self, name: &'static str, read: impl Fn(&R) -> i64) {
        self.put(name, false, |rows| Int64Array::from_iter_values(rows.map(read)));
    }
    fn time_or_null(&mut self, name: &'static str, read: impl Fn(&R) -> i64) {
        let value = |row| Some(read(row)).filter(|ns| *ns != UNDEF_TIME);
        self.put(name, true, |rows| rows.map(value).collect::<Int64Array>());
    }
    fn mid(&mut self, name: &'static str, read: impl Fn(&R) -> MidX2) {
        self.put(name, true, |rows| MidX2::column(rows.map(read)));
    }
    fn u64(&mut self, name: &'static str, read: impl Fn(&R) -> u64) {
        self.put(name, false, |rows| UInt64Array::from_iter_values(rows.map(read)));
    }
    fn u32(&mut self, name: &'static str, read: impl Fn(&R) -> u32) {
        self.put(name, false, |rows| UInt32Array::from_iter_values(rows.map(read)));
    }
    fn u32_or_null(&mut self, name: &'static str, read: impl Fn(&R) -> u32) {
        let value = |row| Some(read(row)).filter(|v| *v != u32::MAX);
        self.put(name, true, |rows| rows.map(value).collect::<UInt32Array>());
    }
    fn boolean(&mut self, name: &'static str, read: impl Fn(&R) -> bool) {
        let value = |row| Some(read(row));
        self.put(name, false, |rows| rows.map(value).collect::<BooleanArray>());
    }
    fn batch(self) -> Result<RecordBatch, OutputError> {
        RecordBatch::try_from_iter_with_nullable(self.columns)
            .map_err(|e| OutputError::arrow(Path::new("result rows"), e))
    }
}

fn orders_batch(
    names: &Names,
    rows: &[MarkedOrder],
    only: Option<usize>,
) -> Result<RecordBatch, OutputError> {
    let mut c = Columns::of(rows, only);
    c.text("lane", |_| names.lane.as_str());
    c.text("strategy", |r| name_at(&names.strategies, r.row.strategy));
    c.text("symbol", |r| names.symbol(r.row.instrument));
    c.u64("order_id", |r| r.row.order_id);
    c.u64("tag", |r| r.row.tag);
    c.i64("ts_submit_ns", |r| r.row.ts_submit_ns);
    c.time_or_null("ts_accept_ns", |r| r.row.ts_accept_ns);
    c.time_or_null("ts_end_ns", |r| r.row.ts_end_ns);
    c.text("side", |r| side_name(r.row.side as u8));
    c.text("order_type", |r| order_type_name(r.row.order_type));
    c.text("tif", |r| tif_name(r.row.tif));
    c.boolean("post_only", |r| r.row.post_only != 0);
    c.i64("price_scaled", |r| r.row.price);
    c.u32("qty", |r| r.row.qty);
    c.u32("filled_qty", |r| r.row.filled_qty);
    c.text("end", |r| end_name(r.row.end));
    c.text("reason", |r| r.row.reason.name());
    c.mid("mid_x2_decision", |r| r.decision);
    c.mid("mid_x2_send", |r| r.send);
    c.mid("mid_x2_arrival", |r| r.arrival);
    c.u32("amends", |r| r.row.amends);
    c.batch()
}

fn fills_batch(
    names: &Names,
    rows: &[MarkedFill],
    only: Option<usize>,
) -> Result<RecordBatch, OutputError> {
    let mut c = Columns::of(rows, only);
    c.text("lane", |_| names.lane.as_str());
    c.text("strategy", |r| name_at(&names.strategies, r.row.fill.strategy));
    c.text("symbol", |r| names.symbol(r.row.fill.instrument));
    c.u64("order_id", |r| r.row.fill.order_id);
    c.u64("tag", |r| r.row.fill.tag);
    c.i64("ts_exch_ns", |r| r.row.fill.ts_exch_ns);
    c.i64("ts_local_ns", |r| r.row.fill.ts_local_ns);
    c.text("side", |r| side_name(r.row.fill.side));
    c.i64("price_scaled", |r| r.row.fill.price);
    c.u32("qty", |r| r.row.fill.qty);
    c.u32("leaves_qty", |r| r.row.fill.leaves_qty);
    c.i64("fee_e6", |r| r.row.fill.fee);
    c.text("evidence", |r| evidence_name(r.row.fill.evidence));
    c.boolean("inferred", |r| r.row.fill.inferred != 0);
    c.u32_or_null("ahead_pessimistic_qty", |r| r.row.ahead_qty[0]);
    c.u32_or_null("ahead_model_qty", |r| r.row.ahead_qty[1]);
    c.u32_or_null("ahead_optimistic_qty", |r| r.row.ahead_qty[2]);
    c.i64("position_qty", |r| r.row.position_qty);
    c.i64("pnl_realised_e6", |r| r.row.pnl_realised);
    c.mid("mid_x2", |r| r.mid);
    for (index, (name, _)) in HORIZONS.into_iter().enumerate() {
        c.mid(name, |r| r.later[index]);
    }
    c.i64("multiplier_e6", |r| names.multiplier_e6(r.row.fill.instrument));
    c.put("spread_e6", true, |rows| rows.map(|r| r.spread).collect::<Int64Array>());
    c.batch()
}

fn queues_batch(
    names: &Names,
    rows: &[QueueRow],
    only: Option<usize>,
) -> Result<RecordBatch, OutputError> {
    let mut c = Columns::of(rows, only);
    c.text("lane", |_| names.lane.as_str());
    c.u64("order_id", |r| r.order_id);
    c.i64("ts_join_ns", |r| r.ts_join_ns);
    c.i64("ts_end_ns", |r| r.ts_end_ns);
    c.u32("filled_pessimistic_qty", |r| r.filled_qty[0]);
    c.u32("filled_model_qty", |r| r.filled_qty[1]);
    c.u32("filled_optimistic_qty", |r| r.filled_qty[2]);
    c.time_or_null("ts_first_pessimistic_ns", |r| r.ts_first_ns[0]);
    c.time_or_null("ts_first_model_ns", |r| r.ts_first_ns[1]);
    c.time_or_null("ts_first_optimistic_ns", |r| r.ts_first_ns[2]);
    c.u32_or_null("ahead_pessimistic_qty", |r| r.ahead_qty[0]);
    c.u32_or_null("ahead_model_qty", |r| r.ahead_qty[1]);
    c.u32_or_null("ahead_optimistic_qty", |r| r.ahead_qty[2]);
    c.batch()
}

fn hours_batch(
    names: &Names,
    rows: &[HourRow],
    only: Option<usize>,
) -> Result<RecordBatch, OutputError> {
    let mut c = Columns::of(rows, only);
    c.text("lane", |_| names.lane.as_str());
    c.text("strategy", |r| name_at(&names.strategies, r.strategy));
    c.text("symbol", |r| names.symbol(r.instrument));
    c.i64("ts_hour_ns", |r| r.ts_hour_ns);
    c.i64("position_qty", |r| r.position_qty);
    c.mid("mid_x2", |r| r.mid);
    c.u64("fills", |r| r.fills);
    c.u64("qty", |r| r.qty);
    c.i64("turnover_e6", |r| r.turnover);
    c.i64("spread_e6", |r| r.spread);
    c.i64("inventory_e6", |r| r.inventory);
    c.i64("fees_e6", |r| r.fees);
    c.i64("pnl_e6", |r| r.pnl);
    c.batch()
}

fn series_batch(
    names: &Names,
    rows: &[SeriesRow],
    only: Option<usize>,
) -> Result<RecordBatch, OutputError> {
    let mut c = Columns::of(rows, only);
    c.text("lane", |_| names.lane.as_str());
    c.i64("ts_ns", |r| r.ts_ns);
    c.i64("equity_e6", |r| r.equity);
    c.i64("pnl_realised_e6", |r| r.pnl_realised);
    c.i64("pnl_unrealised_e6", |r| r.pnl_unrealised);
    c.i64("fees_e6", |r| r.fees);
    c.i64("exposure_gross_e6", |r| r.exposure_gross);
    c.i64("exposure_net_e6", |r| r.exposure_net);
    c.i64("drawdown_e6", |r| r.drawdown);
    c.batch()
}
