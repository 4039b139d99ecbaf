//! A ClickHouse table with the columns of `hft.market_data` as streams of rows, one symbol a stream, over HTTP.
//!
//! Invariants: the server sorts each stream by its key, the run merges them, so the server never sorts the market.
//! Values are bound as parameters and names come from an allow-list; text from a config never becomes SQL. The end is
//! proved: as many rows must arrive as a count of the same selection says, or it is an error. Memory is one block of
//! the server's answer; a slow replay slows the answer down. Cost: about 0.5 us a row, most of it the server's.

use super::decode::{self, COLUMNS};
use super::{Chunk, DecodeConfig, RowSource, SourceError, SourceStats};
use crate::config::data::Server;
use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use clickhouse::query::{BytesCursor, Query};
use clickhouse::{Client, Compression};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// A server that says nothing for so long is taken for dead.
const SILENCE: Duration = Duration::from_secs(60);
/// Checking that a server is there takes no longer.
const HELLO: Duration = Duration::from_secs(10);
/// Rows of a block of the answer.
const BLOCK_ROWS: &str = "16384";

/// The rows of one symbol.
pub struct ClickHouseSource {
    config: DecodeConfig,
    place: String,
    runtime: Arc<Runtime>,
    client: Client,
    selection: Selection,
    rows_total: u64,
    answer: Option<Answer>,
    is_done: bool,
    stats: SourceStats,
}

/// What is selected, as SQL over bound parameters.
#[derive(Clone)]
struct Selection {
    columns: String,
    table: String,
}

struct Answer {
    cursor: BytesCursor,
    decoder: StreamDecoder,
    rest: Buffer,
    batch: Option<RecordBatch>,
    row: u64,
}

/// Opens one stream for each recipe, checking that the server and the table are there.
///
/// # Errors
/// The server is dead or refuses, or the table lacks a column.
pub fn open(
    server: &Server,
    table: &str,
    recipes: &[DecodeConfig],
) -> Result<Vec<Box<dyn RowSource>>, SourceError> {
    let place = format!("{} ({}.{table})", server.url, server.database);
    let fail = |message: String| SourceError::Server { place: place.clone(), message };
    let names = [server.database.as_str(), table];
    if let Some(name) = names.iter().find(|name| !is_plain(name)) {
        return Err(fail(format!("`{name}` cannot be a name: letters, digits and _ only")));
    }
    let password = server.password.read().map_err(&fail)?;
    let client = Client::default()
        .with_url(&server.url)
        .with_user(&server.user)
        .with_password(password)
        .with_compression(Compression::Lz4);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = Arc::new(runtime.map_err(|e| fail(e.to_string()))?);
    let found = call(&runtime, HELLO, columns(&client, &server.database, table)).map_err(&fail)?;
    let selection = select(&found, server, table, &place)?;
    let mut streams: Vec<Box<dyn RowSource>> = Vec::new();
    for config in recipes {
        let count = count(&client, &selection, config);
        let rows_total = call(&runtime, SILENCE, count).map_err(&fail)?;
        streams.push(Box::new(ClickHouseSource {
            config: config.clone(),
            place: place.clone(),
            runtime: runtime.clone(),
            client: client.clone(),
            selection: selection.clone(),
            rows_total,
            answer: None,
            is_done: false,
            stats: SourceStats::default(),
        }));
    }
    Ok(streams)
}

fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.len() <= 128 && name.chars().all(plain)
}

/// Waits for an answer, not for ever.
fn call<T>(
    runtime: &Runtime,
    patience: Duration,
    answer: impl Future<Output = Result<T, clickhouse::error::Error>>,
) -> Result<T, String> {
    // The timer must be made inside of the runtime.
    match runtime.block_on(async { tokio::time::timeout(patience, answer).await }) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err(format!("no answer within {} s", patience.as_secs())),
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

async fn columns(
    client: &Client,
    database: &str,
    table: &str,
) -> Result<Vec<String>, clickhouse::error::Error> {
    client
        .query(
            "SELECT name FROM system.columns WHERE database = {database:String} AND \
             table = {table:String} ORDER BY position",
        )
        .param("database", database)
        .param("table", table)
        .fetch_all::<String>()
        .await
}

fn select(
    found: &[String],
    server: &Server,
    table: &str,
    place: &str,
) -> Result<Selection, SourceError> {
    let has = |name: &str| found.iter().any(|column| column == name);
    if found.is_empty() {
        let message = "there is no such table, or this user may not see it".into();
        return Err(SourceError::Server { place: place.into(), message });
    }
    let missing =
        |column| SourceError::Column { place: place.into(), column, message: "is missing".into() };
    if let Some(column) = COLUMNS.into_iter().find(|name| !has(name)) {
        return Err(missing(column));
    }
    let aggressor = decode::AGGRESSOR.into_iter().find(|name| has(name));
    let aggressor = aggressor.ok_or_else(|| missing(decode::AGGRESSOR[0]))?;
    let names: Vec<String> =
        COLUMNS.iter().chain([&aggressor]).map(|name| format!("`{name}`")).collect();
    Ok(Selection { columns: names.join(", "), table: format!("`{}`.`{table}`", server.database) })
}

const WHERE: &str =
    "WHERE symbol = {symbol:String} AND exch_ts >= {from_ns:Int64} AND exch_ts < {to_ns:Int64}";

/// Gives a query the values of [`WHERE`]; the server puts them in, so that no text of a config becomes SQL.
fn of_stream(query: Query, config: &DecodeConfig) -> Query {
    query
        .param("symbol", config.symbol.as_str())
        .param("from_ns", config.from_ns)
        .param("to_ns", config.to_ns)
}

async fn count(
    client: &Client,
    selection: &Selection,
    config: &DecodeConfig,
) -> Result<u64, clickhouse::error::Error> {
    let query = client.query(&format!("SELECT count() FROM {} {WHERE}", selection.table));
    of_stream(query, config).fetch_one::<u64>().await
}

impl ClickHouseSource {
    fn fail(&self, message: String) -> SourceError {
        SourceError::Server { place: self.place.clone(), message }
    }

    fn ask(&self) -> Result<Answer, SourceError> {
        let Selection { columns, table } = &self.selection;
        let sql =
            format!("SELECT {columns} FROM {table} {WHERE} ORDER BY exch_ts, ingest_ts, seq_no");
        let config = &self.config;
        let query = of_stream(self.client.query(&sql), config);
        let query = query
            .with_setting("output_format_arrow_compression_method", "none")
            .with_setting("output_format_arrow_string_as_string", "1")
            .with_setting("max_block_size", BLOCK_ROWS);
        let cursor = query.fetch_bytes("ArrowStream").map_err(|e| self.fail(chain(&e)))?;
        Ok(Answer {
            cursor,
            decoder: StreamDecoder::new(),
            rest: Buffer::from_vec(Vec::<u8>::new()),
            batch: None,
            row: 0,
        })
    }

    /// The next block of the answer; `None` at its end.
    fn next_batch(&self, answer: &mut Answer) -> Result<Option<RecordBatch>, SourceError> {
        loop {
            if !answer.rest.is_empty() {
                let decoded = answer.decoder.decode(&mut answer.rest);
                match decoded.map_err(|e| self.fail(format!("the answer cannot be read: {e}")))? {
                    Some(batch) => return Ok(Some(batch)),
                    None => continue,
                }
            }
            let next = call(&self.runtime, SILENCE, answer.cursor.next());
            match next.map_err(|message| self.fail(message))? {
                Some(bytes) => answer.rest = Buffer::from(bytes),
                None => return Ok(None),
            }
        }
    }

    /// Decodes at most `rows` rows of the answer into `out`; false at its proved end.
    fn read(&mut self, rows: usize, out: &mut Chunk) -> Result<bool, SourceError> {
        let mut answer = match self.answer.take() {
            Some(answer) => answer,
            None => self.ask()?,
        };
        let batch = match answer.batch.take() {
            Some(batch) => Some(batch),
            None => self.next_batch(&mut answer)?,
        };
        let Some(batch) = batch else {
            if answer.row != self.rows_total {
                return Err(self.fail(format!(
                    "the answer for `{}` ended after {} rows of {}",
                    self.config.symbol, answer.row, self.rows_total
                )));
            }
            self.is_done = true;
            return Ok(false);
        };
        let take = rows.min(batch.num_rows());
        if take < batch.num_rows() {
            answer.batch = Some(batch.slice(take, batch.num_rows() - take));
        }
        let part = batch.slice(0, take);
        let place = format!(
            "{}, symbol `{}` by exch_ts, ingest_ts, seq_no",
            self.place, self.config.symbol
        );
        decode::decode(&part, &place, answer.row, &self.config, out, &mut self.stats)?;
        answer.row += take as u64;
        self.answer = Some(answer);
        Ok(true)
    }
}

impl RowSource for ClickHouseSource {
    fn next_chunk(&mut self, out: &mut Chunk) -> Result<bool, SourceError> {
        out.clear();
        while !self.is_done && out.events.len() < self.config.chunk_rows {
            let rows = self.config.chunk_rows - out.events.len();
            if !self.read(rows, out)? {
                break;
            }
        }
        Ok(!out.events.is_empty())
    }

    fn stats(&self) -> &SourceStats {
        &self.stats
    }

    fn describe(&self) -> String {
        format!("{}, symbol {}", self.place, self.config.symbol)
    }

    fn rows_total_hint(&self) -> Option<u64> {
        Some(self.rows_total)
    }
}
