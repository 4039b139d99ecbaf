//! A ClickHouse table with the columns of `hft.market_data` as streams of rows, one symbol a stream, over HTTP.
//!
//! Invariants: the server sorts each stream by its key, the run merges them, so the server never sorts the market.
//! Values and names are bound as parameters of the query, names from an allow-list; text from a config never becomes
//! SQL. The end is proved: as many rows must arrive as a count of the same selection says, or it is an error. A
//! thread of its own reads each answer ahead by a block and then waits, so memory is a few blocks and a slow replay
//! slows the answer down; nothing is dropped. Cost: about 0.5 us a row, most of it the server's.

mod reader;

use super::cache::{self, Cache, CachedSource, Origin, file::Key};
use super::columns::{self, COLUMNS};
use super::decode::{Batch, span_recorded};
use super::{Chunk, DecodeConfig, RowSource, SourceError, SourceStats, share};
use crate::config::data::Patience;
use ::clickhouse::{Client, Compression};
use arrow_array::RecordBatch;
use reader::{Reader, within};
use std::fmt;
use std::sync::Arc;

/// Rows of a block of the answer, few enough streams provided.
const BLOCK_ROWS_MAX: usize = 16_384;
/// Rows of a block of the answer, however many streams.
const BLOCK_ROWS_MIN: usize = 1_024;
/// Rows of the blocks of all answers together, roughly: four streams have large blocks.
const BLOCK_ROWS_ALL: usize = 4 * BLOCK_ROWS_MAX;

/// A word that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a word.
    pub fn new(word: String) -> Self {
        Secret(word)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// A table and how to get to it. Shows itself without user and password.
#[derive(Clone)]
pub struct ClickHouseConn {
    /// Address, `http://host:8123`.
    pub url: String,
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
    /// User; the server's default where there is none.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Settings of the queries, beside those that the source needs.
    pub settings: Vec<(String, String)>,
    /// How long it is waited for, and how often it is asked again.
    pub patience: Patience,
}

impl ClickHouseConn {
    /// A table on a server that lets everybody in.
    pub fn new(url: &str, database: &str, table: &str) -> Self {
        ClickHouseConn {
            url: url.into(),
            database: database.into(),
            table: table.into(),
            user: None,
            password: None,
            settings: Vec::new(),
            patience: Patience::default(),
        }
    }

    /// A client with connections of its own. A connection is driven by the runtime that opened it, so a client must
    /// not serve two runtimes: the one would wait on a connection that the other no longer drives.
    fn client(&self, block_rows: usize) -> Client {
        let mut client = Client::default().with_url(&self.url).with_compression(Compression::Lz4);
        client = client.with_setting("max_block_size", block_rows.to_string());
        if let Some(user) = &self.user {
            client = client.with_user(user);
        }
        if let Some(Secret(password)) = &self.password {
            client = client.with_password(password);
        }
        for (name, value) in &self.settings {
            client = client.with_setting(name, value);
        }
        client
    }
}

impl fmt::Display for ClickHouseConn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What stands before an `@` in an address is a user and a password; what follows a `?` may hold them.
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("http", &self.url));
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let host = rest.rsplit('@').next().unwrap_or_default();
        write!(f, "{scheme}://{host} ({}.{})", self.database, self.table)
    }
}

impl fmt::Debug for ClickHouseConn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The rows of one symbol.
pub struct ClickHouseSource {
    config: DecodeConfig,
    answer: Answer,
    batch: Option<Batch>,
    stats: SourceStats,
}

/// The rows of one symbol as the server sends them: record batches of the needed columns, in the order of its key.
pub struct Answer {
    request: Request,
    place: Arc<str>,
    rows_total: u64,
    rows_received: u64,
    state: State,
}

enum State {
    /// Nothing is asked yet: a server is not kept waiting for a stream that the run does not need yet.
    Waiting,
    Reading(Reader),
    Done,
}

/// What is asked for one symbol.
#[derive(Clone)]
struct Request {
    conn: Arc<ClickHouseConn>,
    block_rows: usize,
    columns: Arc<str>,
    symbol: String,
    span_ns: (i64, i64),
}

/// The selection, over bound parameters.
const FROM: &str = "FROM {database:Identifier}.{table:Identifier} \
     WHERE symbol = {symbol:String} AND exch_ts >= {from_ns:Int64} AND exch_ts < {to_ns:Int64}";

/// Opens one stream for each recipe, checking that the server and the table are there.
///
/// # Errors
/// The server is dead or refuses, or the table lacks a column.
pub fn open(
    conn: &ClickHouseConn,
    recipes: &[DecodeConfig],
) -> Result<Vec<Box<dyn RowSource>>, SourceError> {
    open_cached(conn, recipes, None)
}

/// The same through a cache, where there is one: with the instants, for each recipe, at which a segment ends and the next
/// begins, rising.
///
/// # Errors
/// As [`open`].
pub fn open_cached(
    conn: &ClickHouseConn,
    recipes: &[DecodeConfig],
    cache: Option<(&Arc<Cache>, &[Vec<i64>])>,
) -> Result<Vec<Box<dyn RowSource>>, SourceError> {
    let mut streams: Vec<Box<dyn RowSource>> = Vec::new();
    for (index, (request, rows_total)) in ask(conn, recipes)?.into_iter().enumerate() {
        let config = &recipes[index];
        let chunk_rows = share(config.chunk_rows, recipes.len());
        let config = DecodeConfig { chunk_rows, ..config.clone() };
        streams.push(match cache {
            Some((cache, cuts)) => through(cache, &config, &request, rows_total, &cuts[index]),
            None => Box::new(ClickHouseSource::new(config, request, rows_total)),
        });
    }
    Ok(streams)
}

/// The rows of each recipe as the server sends them, checking that the server and the table are there.
///
/// # Errors
/// As [`open`].
pub fn answers(
    conn: &ClickHouseConn,
    recipes: &[DecodeConfig],
) -> Result<Vec<Answer>, SourceError> {
    let asked = ask(conn, recipes)?.into_iter();
    Ok(asked.map(|(request, rows_total)| Answer::new(request, rows_total)).collect())
}

/// What to ask for each recipe, and how many rows there are.
fn ask(
    conn: &ClickHouseConn,
    recipes: &[DecodeConfig],
) -> Result<Vec<(Request, u64)>, SourceError> {
    let fail = |message: String| SourceError::Server { place: conn.to_string(), message };
    for name in [&conn.database, &conn.table] {
        if !is_plain(name) {
            return Err(fail(format!("`{name}` cannot be a name: letters, digits and _ only")));
        }
    }
    let block_rows = (BLOCK_ROWS_ALL / recipes.len().max(1)).clamp(BLOCK_ROWS_MIN, BLOCK_ROWS_MAX);
    let client = conn.client(block_rows);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| fail(e.to_string()))?;
    let found = within(conn.patience.connect_timeout, found_columns(&client, conn));
    let found = runtime.block_on(found).map_err(fail)?;
    if found.is_empty() {
        return Err(fail("there is no such table, or this user may not see it".into()));
    }
    let needed = columns::needed(&format!("ClickHouse {conn}"), |name| {
        found.iter().any(|column| column == name)
    })?;
    // The names are constants of `columns`, `type` among them, hence the quotes.
    let columns: Arc<str> = needed.map(|name| format!("`{name}`")).join(", ").into();
    debug_assert_eq!(needed.len(), COLUMNS.len() + 1);
    let conn = Arc::new(conn.clone());
    let asked = |config: &DecodeConfig| {
        let request = Request {
            conn: conn.clone(),
            block_rows,
            columns: columns.clone(),
            symbol: config.symbol.clone(),
            span_ns: span_recorded(config),
        };
        let count = within(conn.patience.receive_timeout, request.count(&client));
        let rows_total = runtime.block_on(count).map_err(fail)?;
        Ok((request, rows_total))
    };
    recipes.iter().map(asked).collect()
}

/// A stream through a cache, one segment between two cuts. The server sorts by time, so segments lie one behind the other.
fn through(
    cache: &Arc<Cache>,
    config: &DecodeConfig,
    request: &Request,
    rows_total: u64,
    cuts: &[i64],
) -> Box<dyn RowSource> {
    let name = ClickHouseSource::new(config.clone(), request.clone(), rows_total).describe();
    let inner = cuts.iter().copied().filter(|cut| (config.from_ns + 1..config.to_ns).contains(cut));
    let starts = std::iter::once(config.from_ns).chain(inner.clone());
    let origin = |(from_ns, to_ns)| {
        let config = DecodeConfig { from_ns, to_ns, ..config.clone() };
        let request = Request { span_ns: span_recorded(&config), ..request.clone() };
        Box::new(TableOrigin { config, request }) as Box<dyn Origin>
    };
    let origins = starts.zip(inner.chain([config.to_ns])).map(origin).collect();
    Box::new(CachedSource::new(cache.clone(), config, origins, name, Some(rows_total)))
}

/// The rows of one symbol between two instants, as they are in the table now.
///
/// What guards against stale rows: the server is asked for their count and for a sum of hashes over every column that
/// is decoded, and again before a segment is kept. That costs it one unsorted read of them, which all its cores
/// can share. Neither the address nor the table's name is part of the key: the same rows are the same rows. A sum of 64-bit
/// hashes is proof against accidents, not against somebody who forges rows.
struct TableOrigin {
    config: DecodeConfig,
    request: Request,
}

impl TableOrigin {
    /// Asks the server, by a runtime of its own.
    fn ask<T, F: Future<Output = Result<T, ::clickhouse::error::Error>>>(
        &self,
        question: impl FnOnce(Client) -> F,
    ) -> Result<T, String> {
        let conn = &self.request.conn;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let answer = question(conn.client(self.request.block_rows));
        runtime.map_err(|e| e.to_string())?.block_on(within(conn.patience.receive_timeout, answer))
    }
}

impl Origin for TableOrigin {
    fn key(&self) -> Result<Key, String> {
        let columns = &self.request.columns;
        // As one tuple: a null among plain arguments would take its row out of the sum.
        let sql = format!(
            "SELECT concat(toString(count()), ' ', toString(sum(cityHash64(tuple({columns}))))) {FROM}"
        );
        let asked = async |client: Client| {
            let query = self.request.query(&client, &sql).with_setting("max_execution_time", "0");
            query.fetch_one::<String>().await
        };
        let content = self.ask(asked)?;
        let mut hasher = cache::begin_key(&self.config);
        cache::add_text(&mut hasher, "clickhouse");
        cache::add_text(&mut hasher, columns);
        cache::add_text(&mut hasher, &content);
        Ok(hasher.finalize().into())
    }

    fn open(&self) -> Result<Box<dyn RowSource>, SourceError> {
        let count = async |client: Client| self.request.count(&client).await;
        let rows_total = self.ask(count).map_err(|message| SourceError::Server {
            place: self.request.conn.to_string(),
            message,
        })?;
        let (config, request) = (self.config.clone(), self.request.clone());
        Ok(Box::new(ClickHouseSource::new(config, request, rows_total)))
    }
}

/// Reads a small table with the columns `symbol` and `trading_day` (a date, or yyyymmdd) as lines of text: the values of
/// `columns`, tabs between them, empty for a column that is not there. `places` says where each of them is among those that
/// are found, and refuses a table that lacks what it must have.
///
/// # Errors
/// The server is dead or refuses, or the table is refused.
pub fn read_texts(
    conn: &ClickHouseConn,
    columns: &[&str],
    places: impl Fn(&[&str]) -> Result<Vec<Option<usize>>, String>,
    symbols: &[String],
    days: (u32, u32),
) -> Result<Vec<String>, SourceError> {
    let fail = |message: String| SourceError::Server { place: conn.to_string(), message };
    for name in [&conn.database, &conn.table] {
        if !is_plain(name) {
            return Err(fail(format!("`{name}` cannot be a name: letters, digits and _ only")));
        }
    }
    let client = conn.client(BLOCK_ROWS_MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| fail(e.to_string()))?;
    let found = within(conn.patience.connect_timeout, found_columns(&client, conn));
    let found = runtime.block_on(found).map_err(fail)?;
    if found.is_empty() {
        return Err(fail("there is no such table, or this user may not see it".into()));
    }
    let names: Vec<&str> = found.iter().map(String::as_str).collect();
    let places = places(&names).map_err(fail)?;
    // Only names that the caller knows stand in the query, never those that the server told.
    let value = |(name, place): (&&str, &Option<usize>)| match place {
        Some(_) => format!("ifNull(toString(`{name}`), '')"),
        None => "''".into(),
    };
    let values: Vec<String> = columns.iter().zip(&places).map(value).collect();
    let sql = format!(
        "SELECT concat({}) FROM {{database:Identifier}}.{{table:Identifier}} \
         WHERE symbol IN {{symbols:Array(String)}} \
         AND replaceAll(toString(trading_day), '-', '') >= {{first:String}} \
         AND replaceAll(toString(trading_day), '-', '') <= {{last:String}} ORDER BY symbol, trading_day",
        values.join(", '\\t', ")
    );
    let query = client
        .query(&sql)
        .param("database", &conn.database)
        .param("table", &conn.table)
        .param("symbols", symbols)
        .param("first", days.0.to_string())
        .param("last", days.1.to_string());
    runtime
        .block_on(within(conn.patience.receive_timeout, query.fetch_all::<String>()))
        .map_err(fail)
}

fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.len() <= 128 && name.chars().all(plain)
}

async fn found_columns(
    client: &Client,
    conn: &ClickHouseConn,
) -> Result<Vec<String>, ::clickhouse::error::Error> {
    client
        .query(
            "SELECT name FROM system.columns \
             WHERE database = {database:String} AND table = {table:String} ORDER BY position",
        )
        .param("database", &conn.database)
        .param("table", &conn.table)
        .fetch_all::<String>()
        .await
}

impl Request {
    fn query(&self, client: &Client, sql: &str) -> ::clickhouse::query::Query {
        client
            .query(sql)
            .param("database", &self.conn.database)
            .param("table", &self.conn.table)
            .param("symbol", &self.symbol)
            .param("from_ns", self.span_ns.0)
            .param("to_ns", self.span_ns.1)
    }

    async fn count(&self, client: &Client) -> Result<u64, ::clickhouse::error::Error> {
        self.query(client, &format!("SELECT count() {FROM}")).fetch_one::<u64>().await
    }

    fn sql(&self) -> String {
        format!("SELECT {} {FROM} ORDER BY exch_ts, ingest_ts, seq_no", self.columns)
    }

    fn rows(&self) -> ::clickhouse::query::Query {
        self.query(&self.conn.client(self.block_rows), &self.sql())
            .with_setting("output_format_arrow_compression_method", "none")
            .with_setting("output_format_arrow_string_as_string", "1")
            // A replay of many symbols may leave one of them unread for long; the server must not give up on it.
            .with_setting("http_send_timeout", "86400")
            .with_setting("max_execution_time", "0")
    }
}

impl Answer {
    fn new(request: Request, rows_total: u64) -> Self {
        let place = format!(
            "ClickHouse {}, symbol `{}` by exch_ts, ingest_ts, seq_no",
            request.conn, request.symbol
        );
        Answer { request, place: place.into(), rows_total, rows_received: 0, state: State::Waiting }
    }

    /// Rows that a count of the selection promises.
    pub fn rows_total(&self) -> u64 {
        self.rows_total
    }

    /// The query, its parameters apart.
    pub fn sql(&self) -> String {
        self.request.sql()
    }

    /// The recorded stamps that are asked for: from, and to without it, ns.
    pub fn span_ns(&self) -> (i64, i64) {
        self.request.span_ns
    }

    fn fail(&self, message: String) -> SourceError {
        SourceError::Server { place: self.request.conn.to_string(), message }
    }

    /// The next block of the answer, and the number of its first row; `None` at its proved end.
    ///
    /// # Errors
    /// The answer cannot be read on, or ends after another number of rows than was promised.
    pub fn next_block(&mut self) -> Result<Option<(RecordBatch, u64)>, SourceError> {
        if let State::Waiting = self.state {
            let patience = self.request.conn.patience.receive_timeout;
            let reader = Reader::start(self.request.rows(), patience);
            self.state = State::Reading(reader.map_err(|e| self.fail(e.to_string()))?);
        }
        let State::Reading(reader) = &mut self.state else { return Ok(None) };
        let answer = format!("the answer for `{}`", self.request.symbol);
        let (received, total) = (self.rows_received, self.rows_total);
        match reader.next().map_err(|message| self.fail(format!("{answer}: {message}")))? {
            Some(batch) => {
                self.rows_received += batch.num_rows() as u64;
                Ok(Some((batch, received)))
            }
            None if received == total => {
                self.state = State::Done;
                Ok(None)
            }
            None => Err(self.fail(format!(
                "{answer} ended after {received} rows, and a count before it said {total}; either it was cut off \
                 or the table was written to meanwhile"
            ))),
        }
    }
}

impl ClickHouseSource {
    fn new(config: DecodeConfig, request: Request, rows_total: u64) -> Self {
        let (answer, stats) = (Answer::new(request, rows_total), SourceStats::default());
        ClickHouseSource { config, answer, batch: None, stats }
    }
}

impl RowSource for ClickHouseSource {
    fn next_chunk(&mut self, out: &mut Chunk) -> Result<bool, SourceError> {
        out.clear();
        while out.events.len() < self.config.chunk_rows {
            match &mut self.batch {
                Some(batch) if !batch.is_done() => {
                    batch.decode(self.config.chunk_rows, &self.config, out, &mut self.stats)?;
                }
                _ => {
                    // Freed before the next one is waited for.
                    self.batch = None;
                    let Some((batch, row_first)) = self.answer.next_block()? else { break };
                    self.batch = Some(Batch::new(&batch, &self.answer.place, row_first)?);
                }
            }
        }
        Ok(!out.events.is_empty())
    }

    fn stats(&self) -> &SourceStats {
        &self.stats
    }

    fn describe(&self) -> String {
        format!("{}, symbol {}", self.answer.request.conn, self.config.symbol)
    }

    fn rows_total_hint(&self) -> Option<u64> {
        Some(self.answer.rows_total)
    }
}
