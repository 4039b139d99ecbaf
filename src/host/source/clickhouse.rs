//! A ClickHouse table with the columns of `hft.market_data` as streams of rows, one symbol a stream, over HTTP.
//!
//! Invariants: the server sorts each stream by its key, the run merges them, so the server never sorts the market.
//! Values and names are bound as parameters of the query, names from an allow-list; text from a config never becomes
//! SQL. The end is proved: as many rows must arrive as a count of the same selection says, or it is an error. A
//! thread of its own reads each answer ahead by a block and then waits, so memory is a few blocks and a slow replay
//! slows the answer down; nothing is dropped.
//!
//! What fails and may pass is tried again, as `crate::server` says. An answer that was cut off is taken up behind the
//! last key that is complete (`held`), once the server has proved that its table is what it was: as many rows up to that
//! key as were handed on, as many behind it as are missing. A row is handed on once or, where that cannot be had, not at
//! all: then it is an error. What two counts do not notice: rows that took the place of others under keys of the same side.
//!
//! SELECT is enough of a right: settings are given where they may be, and left out where they may not (`leave`). The server's
//! own blocks are then handed on in slices of ours, and none is asked for before the last of them is taken.
//!
//! Cost: about 0.5 us a row, most of it the server's.

mod held;
mod leave;
mod reader;

use super::cache::{self, Cache, CachedSource, Origin, file::Key};
use super::columns::{self, COLUMNS};
use super::decode::{Batch, span_recorded, spans_recorded};
use super::{Chunk, DecodeConfig, RowSource, SourceError, SourceStats, shape, share};
use crate::config::data::{Patience, is_plain};
use crate::config::shape::Shape;
use crate::server::body::texts;
use crate::server::client::{Trust, client};
use crate::server::talk::Retries;
use crate::server::{Failure, Secret, Talk};
use ::clickhouse::query::Query;
use ::clickhouse::{Client, Compression};
use arrow_array::RecordBatch;
use held::{Held, RowKey};
use leave::{Leave, Settings, with};
use reader::Reader;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Rows of a block of the answer, few enough streams provided.
const BLOCK_ROWS_MAX: usize = 16_384;
/// Rows of a block of the answer, however many streams.
const BLOCK_ROWS_MIN: usize = 1_024;
/// Rows of the blocks of all answers together, roughly: four streams have large blocks.
const BLOCK_ROWS_ALL: usize = 4 * BLOCK_ROWS_MAX;

/// A read of all rows may take as long as it takes.
const UNHURRIED: (&str, &str) = ("max_execution_time", "0");
/// How rows are sent.
const ROWS: [(&str, &str); 4] = [
    ("output_format_arrow_compression_method", "none"),
    ("output_format_arrow_string_as_string", "1"),
    // A replay of many symbols may leave one of them unread for long; the server must not give up on it.
    ("http_send_timeout", "86400"),
    UNHURRIED,
];

/// A table and how to get to it. Shows itself without user and password.
#[derive(Clone)]
pub struct ClickHouseConn {
    /// Address, `http://host:8123` or `https://host:8443`.
    pub url: String,
    /// The authorities that an https address is checked against; those of the machine where there is none.
    pub ca_file: Option<PathBuf>,
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
    /// User; the server's default where there is none.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Settings of the queries, beside those that the source gives where it may; these it always gives.
    pub settings: Vec<(String, String)>,
    /// How long it is waited for, and how often it is asked again.
    pub patience: Patience,
}

impl ClickHouseConn {
    /// A table on a server that lets everybody in.
    pub fn new(url: &str, database: &str, table: &str) -> Self {
        ClickHouseConn {
            url: url.into(),
            ca_file: None,
            database: database.into(),
            table: table.into(),
            user: None,
            password: None,
            settings: Vec::new(),
            patience: Patience::default(),
        }
    }

    fn client(&self, trust: &Trust) -> Client {
        let mut client = client(&self.url, trust, self.patience.connect_timeout)
            .with_compression(Compression::None);
        if let Some(user) = &self.user {
            client = client.with_user(user);
        }
        if let Some(password) = &self.password {
            client = client.with_password(password.reveal());
        }
        for (name, value) in &self.settings {
            client = client.with_setting(name, value);
        }
        client
    }

    /// Settings of ours, but for those that a caller has given.
    fn ours(
        &self,
        block_rows: usize,
        more: &[(&'static str, &str)],
    ) -> Vec<(&'static str, String)> {
        let size = ("max_block_size", block_rows.to_string());
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let is_ours = |name: &str| self.settings.iter().all(|(given, _)| given != name);
        std::iter::once(size).chain(more).filter(|(name, _)| is_ours(name)).collect()
    }

    fn talk(&self) -> Talk {
        Talk::new(self.to_string(), self.patience, self.password.clone())
    }

    fn error(&self, message: String) -> SourceError {
        SourceError::Server { place: self.to_string(), message }
    }

    /// Says whether the names may stand in a query.
    fn check_names(&self) -> Result<(), SourceError> {
        for name in [&self.database, &self.table] {
            if !is_plain(name) {
                let message = format!("`{name}` cannot be a name: letters, digits and _ only");
                return Err(self.error(message));
            }
        }
        Ok(())
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
    /// Rows handed on, and the key of the last of them.
    given: (u64, Option<RowKey>),
    held: Held,
    /// How often it failed since a row was handed on.
    failed: u32,
    state: State,
}

enum State {
    /// Nothing is asked yet: a server is not kept waiting for a stream that the run does not need yet.
    Waiting,
    Reading(Reader),
    Done,
}

/// More spans than this do not fit into an address. The decoder leaves out what no query does.
const SPANS_MAX: usize = 1_000;

/// What to ask for.
fn spans(config: &DecodeConfig) -> Vec<(i64, i64)> {
    let spans = spans_recorded(config);
    if spans.is_empty() || spans.len() > SPANS_MAX { vec![span_recorded(config)] } else { spans }
}

/// What is asked for one symbol.
#[derive(Clone)]
struct Request {
    conn: Arc<ClickHouseConn>,
    trust: Trust,
    leave: Leave,
    talk: Talk,
    block_rows: usize,
    shape: Arc<Shape>,
    columns: Arc<str>,
    words: Arc<Words>,
    symbol: String,
    /// Without what is left out, where a query can say so; later each.
    spans_ns: Vec<(i64, i64)>,
}

/// The parts of a question: plain names, allowed by the config or our own, and bound parameters.
struct Words {
    /// The selection.
    from: String,
    /// What it leaves out within, where it does.
    spans: String,
    /// The columns of the key, in their order.
    order: String,
    /// Rows up to a key, and rows behind it. A null is on neither side where it decides.
    up_to: String,
    behind: String,
    /// Of the rows behind it, what an index understands.
    since: String,
}

impl Words {
    fn of(shape: &Shape, types: &BTreeMap<String, String>) -> Self {
        let [symbol, exch, ingest, seq] =
            ["symbol", "exch_ts", "ingest_ts", "seq_no"].map(|ours| shape.theirs(ours));
        let stamp = |theirs: &str, name: &str| match types.get(theirs) {
            Some(kind) if kind.contains("DateTime64(") => {
                format!("fromUnixTimestamp64Nano({{{name}:Int64}})")
            }
            _ => format!("{{{name}:Int64}}"),
        };
        let (key_exch, key_ingest) = (stamp(exch, "key_exch"), stamp(ingest, "key_ingest"));
        let (from_ns, to_ns) = (stamp(exch, "from_ns"), stamp(exch, "to_ns"));
        let mut from = format!(
            "FROM {{database:Identifier}}.{{table:Identifier}} WHERE `{symbol}` = {{symbol:String}} AND `{exch}` >= \
             {from_ns} AND `{exch}` < {to_ns}"
        );
        for (index, theirs) in shape.only.keys().enumerate() {
            let _ = write!(from, " AND toString(`{theirs}`) IN {{only_{index}:Array(String)}}");
        }
        let ns = match types.get(exch) {
            Some(kind) if kind.contains("DateTime64(") => {
                format!("toUnixTimestamp64Nano(`{exch}`)")
            }
            _ => format!("toInt64(`{exch}`)"),
        };
        let side = |than: &str, last: &str| {
            format!(
                "(`{exch}` {than} {key_exch} OR `{exch}` = {key_exch} AND (`{ingest}` {than} {key_ingest} \
                 OR `{ingest}` = {key_ingest} AND `{seq}` {last} {{key_seq:UInt64}}))"
            )
        };
        Words {
            from,
            // Of the spans that begin at or before it, a row lies in the last one or in none.
            spans: format!(
                " AND {ns} < transform(roundDown({ns}, {{begins_ns:Array(Int64)}}), {{begins_ns:Array(Int64)}}, \
                 {{ends_ns:Array(Int64)}}, toInt64(0))"
            ),
            order: format!("`{exch}`, `{ingest}`, `{seq}`"),
            up_to: side("<", "<="),
            behind: side(">", ">"),
            since: format!("`{exch}` >= {key_exch}"),
        }
    }
}

/// What to select: constants of `columns`, or names that the config gave and the table has, each once.
fn select(shape: &Shape, needed: &[&'static str]) -> String {
    let mut items: Vec<String> = Vec::new();
    for ours in needed {
        let theirs = shape.theirs(ours);
        let item = match *ours {
            // An enum or a number is a word, too.
            "type" if !shape.kinds.is_empty() => format!("toString(`{theirs}`) AS `{theirs}`"),
            _ => format!("`{theirs}`"),
        };
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items.join(", ")
}

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
    conn.check_names()?;
    let block_rows = (BLOCK_ROWS_ALL / recipes.len().max(1)).clamp(BLOCK_ROWS_MIN, BLOCK_ROWS_MAX);
    let questions = Questions::of(conn, block_rows)?;
    // What is asked for all streams is told with the first one.
    let talk = conn.talk();
    let found = questions.columns(&talk, "name")?;
    let shape = recipes.first().map(|recipe| recipe.shape.clone()).unwrap_or_default();
    let (place, has) = (format!("ClickHouse {conn}"), |name: &str| found.iter().any(|c| c == name));
    shape::check(&shape, &place, has)?;
    let needed = columns::needed(&place, |name| has(shape.theirs(name)))?;
    let mut types = BTreeMap::new();
    if !shape.is_plain() {
        types = found.into_iter().zip(questions.columns(&talk, "type")?).collect();
        shape::check_only_types(&shape, &types, &place)?;
    }
    let columns: Arc<str> = select(&shape, &needed).into();
    let words = Arc::new(Words::of(&shape, &types));
    debug_assert_eq!(needed.len(), COLUMNS.len() + 1);
    let conn = Arc::new(conn.clone());
    let asked = |(index, config): (usize, &DecodeConfig)| {
        let request = Request {
            conn: conn.clone(),
            trust: questions.trust.clone(),
            leave: questions.leave.clone(),
            talk: if index == 0 { talk.clone() } else { conn.talk() },
            block_rows,
            shape: shape.clone(),
            columns: columns.clone(),
            words: words.clone(),
            symbol: config.symbol.clone(),
            spans_ns: spans(config),
        };
        let rows_total = request.count(&questions).map_err(|message| conn.error(message))?;
        Ok((request, rows_total))
    };
    recipes.iter().enumerate().map(asked).collect()
}

/// Asks a server short questions, on this thread.
struct Questions {
    runtime: Runtime,
    client: Client,
    trust: Trust,
    leave: Leave,
    block_rows: usize,
    conn: ClickHouseConn,
}

impl Questions {
    fn of(conn: &ClickHouseConn, block_rows: usize) -> Result<Self, SourceError> {
        let trust = Trust::of(&conn.url, conn.ca_file.as_deref());
        let trust = trust.map_err(|failure| conn.error(failure.message))?;
        let made = Self::with(conn, trust, Leave::default(), block_rows);
        made.map_err(|failure| conn.error(failure.message))
    }

    fn with(
        conn: &ClickHouseConn,
        trust: Trust,
        leave: Leave,
        block_rows: usize,
    ) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::lasting(error.to_string()))?;
        let client = conn.client(&trust);
        Ok(Questions { runtime, client, trust, leave, block_rows, conn: conn.clone() })
    }

    /// Asks once, giving more settings than the size of blocks.
    fn once(
        &self,
        talk: &Talk,
        query: &Query,
        more: &[(&'static str, &str)],
        patience: Duration,
    ) -> Result<Vec<String>, Failure> {
        let settings = self.conn.ours(self.block_rows, more);
        self.leave.ask(talk, &settings, |settings: &Settings| {
            self.runtime.block_on(texts(with(query.clone(), settings), patience))
        })
    }

    /// The `name` or the `type` of each of the table's columns.
    fn columns(&self, talk: &Talk, what: &'static str) -> Result<Vec<String>, SourceError> {
        let sql = format!(
            "SELECT groupArray({what}) FROM (SELECT {what} FROM system.columns \
             WHERE database = {{database:String}} AND table = {{table:String}} ORDER BY position)"
        );
        let asked = || {
            let query = self.client.query(&sql);
            let query = query.param("database", &self.conn.database);
            let query = query.param("table", &self.conn.table);
            self.once(talk, &query, &[], self.conn.patience.connect_timeout)
        };
        let found = talk.persist("the table's columns", asked);
        let found = found.map_err(|message| self.conn.error(message))?;
        if found.is_empty() {
            let message = "there is no such table, or this user may not see it";
            return Err(self.conn.error(message.into()));
        }
        Ok(found)
    }
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
    let talk = request.talk.clone();
    let inner = cuts.iter().copied().filter(|cut| (config.from_ns + 1..config.to_ns).contains(cut));
    let starts = std::iter::once(config.from_ns).chain(inner.clone());
    let origin = |(from_ns, to_ns)| {
        let config = config.clone().over(from_ns, to_ns);
        let request = Request { spans_ns: spans(&config), ..request.clone() };
        Box::new(TableOrigin { config, request }) as Box<dyn Origin>
    };
    let origins = starts.zip(inner.chain([config.to_ns])).map(origin).collect();
    let source = CachedSource::new(cache.clone(), config, origins, name, Some(rows_total));
    Box::new(source.with_talk(talk))
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
    fn questions(&self) -> Result<Questions, String> {
        let request = &self.request;
        request.questions().map_err(|failure| failure.message)
    }
}

impl Origin for TableOrigin {
    fn key(&self) -> Result<Key, String> {
        let columns = &self.request.columns;
        // As one tuple: a null among plain arguments would take its row out of the sum.
        let sql = format!(
            "SELECT [concat(toString(count()), ' ', toString(sum(cityHash64(tuple({columns})))))] {}",
            self.request.from()
        );
        let questions = self.questions()?;
        let content = self.request.talk.persist("a hash over the rows", || {
            let query = self.request.query(&questions.client, &sql);
            let patience = self.request.conn.patience.receive_timeout;
            one(questions.once(&self.request.talk, &query, &[UNHURRIED], patience)?)
        })?;
        let mut hasher = cache::begin_key(&self.config);
        cache::add_text(&mut hasher, "clickhouse");
        cache::add_text(&mut hasher, columns);
        cache::add_text(&mut hasher, &content);
        Ok(hasher.finalize().into())
    }

    fn open(&self) -> Result<Box<dyn RowSource>, SourceError> {
        let counted = self.questions().and_then(|questions| self.request.count(&questions));
        let rows_total = counted.map_err(|message| self.request.conn.error(message))?;
        let (config, request) = (self.config.clone(), self.request.clone());
        Ok(Box::new(ClickHouseSource::new(config, request, rows_total)))
    }
}

/// The only text of an answer.
fn one(texts: Vec<String>) -> Result<String, Failure> {
    match <[String; 1]>::try_from(texts) {
        Ok([text]) => Ok(text),
        Err(texts) => {
            Err(Failure::lasting(format!("{} values where one was asked for", texts.len())))
        }
    }
}

fn number(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::lasting(format!("`{text}` is no count")))
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
    conn.check_names()?;
    let fail = |message: String| conn.error(message);
    let (talk, questions) = (conn.talk(), Questions::of(conn, BLOCK_ROWS_MAX)?);
    let found = questions.columns(&talk, "name")?;
    let names: Vec<&str> = found.iter().map(String::as_str).collect();
    let places = places(&names).map_err(fail)?;
    // Only names that the caller knows stand in the query, never those that the server told.
    let value = |(name, place): (&&str, &Option<usize>)| match place {
        Some(_) => format!("ifNull(toString(`{name}`), '')"),
        None => "''".into(),
    };
    let values: Vec<String> = columns.iter().zip(&places).map(value).collect();
    let sql = format!(
        "SELECT groupArray(concat({})) FROM {{database:Identifier}}.{{table:Identifier}} \
         WHERE symbol IN {{symbols:Array(String)}} \
         AND replaceAll(toString(trading_day), '-', '') >= {{first:String}} \
         AND replaceAll(toString(trading_day), '-', '') <= {{last:String}}",
        values.join(", '\\t', ")
    );
    let asked = || {
        let query = questions.client.query(&sql);
        let query = query.param("database", &conn.database).param("table", &conn.table);
        let query = query.param("symbols", symbols);
        let query = query.param("first", days.0.to_string()).param("last", days.1.to_string());
        questions.once(&talk, &query, &[], conn.patience.receive_timeout)
    };
    let mut lines = talk.persist("the table's rows", asked).map_err(fail)?;
    lines.sort_unstable();
    Ok(lines)
}

impl Request {
    /// Short questions beside a stream, by the same rights.
    fn questions(&self) -> Result<Questions, Failure> {
        Questions::with(&self.conn, self.trust.clone(), self.leave.clone(), self.block_rows)
    }

    fn query(&self, client: &Client, sql: &str) -> Query {
        let (from_ns, to_ns) = self.span_ns();
        let mut query = client
            .query(sql)
            .param("database", &self.conn.database)
            .param("table", &self.conn.table)
            .param("symbol", &self.symbol)
            .param("from_ns", from_ns)
            .param("to_ns", to_ns);
        for (index, values) in self.shape.only.values().enumerate() {
            query = query.param(&format!("only_{index}"), values);
        }
        if self.spans_ns.len() > 1 {
            let (begins_ns, ends_ns): (Vec<i64>, Vec<i64>) = self.spans_ns.iter().copied().unzip();
            query = query.param("begins_ns", begins_ns).param("ends_ns", ends_ns);
        }
        query
    }

    /// From the first instant to the last.
    fn span_ns(&self) -> (i64, i64) {
        let edge = |span: Option<&(i64, i64)>| span.copied().unwrap_or_default();
        (edge(self.spans_ns.first()).0, edge(self.spans_ns.last()).1)
    }

    /// The selection.
    fn from(&self) -> String {
        let Words { from, spans, .. } = self.words.as_ref();
        if self.spans_ns.len() > 1 { format!("{from}{spans}") } else { from.clone() }
    }

    fn count(&self, questions: &Questions) -> Result<u64, String> {
        self.talk.persist(&format!("a count for `{}`", self.symbol), || {
            let sql = format!("SELECT [toString(count())] {}", self.from());
            let query = self.query(&questions.client, &sql);
            let patience = self.conn.patience.receive_timeout;
            number(&one(questions.once(&self.talk, &query, &[], patience)?)?)
        })
    }

    fn sql(&self, more: &str) -> String {
        let (from, order) = (self.from(), &self.words.order);
        format!("SELECT {} {from}{more} ORDER BY {order}", self.columns)
    }

    /// The rows behind a place in their order, or all of them. Over connections of its own: a thread of its own reads them.
    fn rows(&self, behind: Option<Place>) -> Query {
        let client = self.conn.client(&self.trust);
        match behind {
            None => self.query(&client, &self.sql("")),
            Some(place) => {
                // The first condition is what an index understands.
                let Words { since, behind, .. } = self.words.as_ref();
                let more = format!(" AND {since} AND {behind}");
                place.bound(self.query(&client, &self.sql(&more)))
            }
        }
    }

    /// How many rows there are up to a place and behind it.
    fn sides(&self, place: Place) -> Result<(u64, u64), Failure> {
        let questions = self.questions()?;
        let (from, Words { up_to, behind, .. }) = (self.from(), self.words.as_ref());
        let sql =
            format!("SELECT [toString(countIf({up_to})), toString(countIf({behind}))] {from}");
        let query = place.bound(self.query(&questions.client, &sql));
        let patience = self.conn.patience.receive_timeout;
        let counts = questions.once(&self.talk, &query, &[UNHURRIED], patience)?;
        match counts.as_slice() {
            [up_to, behind] => Ok((number(up_to)?, number(behind)?)),
            _ => Err(Failure::lasting(format!("{} values where two were asked for", counts.len()))),
        }
    }
}

/// A key without nulls: a place that an answer can be taken up at.
#[derive(Clone, Copy)]
struct Place {
    exch_ts: i64,
    ingest_ts: i64,
    seq_no: u64,
}

impl Place {
    fn of(key: RowKey) -> Option<Self> {
        let RowKey { exch_ts, ingest_ts, seq_no } = key;
        Some(Place { exch_ts: exch_ts?, ingest_ts: ingest_ts?, seq_no: seq_no? })
    }

    fn bound(self, query: Query) -> Query {
        query
            .param("key_exch", self.exch_ts)
            .param("key_ingest", self.ingest_ts)
            .param("key_seq", self.seq_no)
    }
}

impl Answer {
    fn new(request: Request, rows_total: u64) -> Self {
        let place = format!(
            "ClickHouse {}, symbol `{}` by exch_ts, ingest_ts, seq_no",
            request.conn, request.symbol
        );
        Answer {
            request,
            place: place.into(),
            rows_total,
            given: (0, None),
            held: Held::default(),
            failed: 0,
            state: State::Waiting,
        }
    }

    /// Rows that a count of the selection promises.
    pub fn rows_total(&self) -> u64 {
        self.rows_total
    }

    /// The query, its parameters apart.
    pub fn sql(&self) -> String {
        self.request.sql("")
    }

    /// The recorded stamps that are asked for: from, and to without it, ns.
    pub fn spans_ns(&self) -> &[(i64, i64)] {
        &self.request.spans_ns
    }

    fn what(&self) -> String {
        format!("the answer for `{}`", self.request.symbol)
    }

    /// The next block of the answer, and the number of its first row; `None` at its proved end.
    ///
    /// # Errors
    /// The answer can be neither read on nor taken up again, or ends after another number of rows than was promised.
    pub fn next_block(&mut self) -> Result<Option<(RecordBatch, u64)>, SourceError> {
        loop {
            if let Some((batch, key)) = self.held.next() {
                let row_first = self.given.0;
                self.given = (row_first + batch.num_rows() as u64, Some(key));
                self.failed = 0;
                return Ok(Some((batch, row_first)));
            }
            let read = match &mut self.state {
                State::Waiting => self.begin(),
                State::Reading(reader) => reader.next(),
                State::Done => return Ok(None),
            };
            match read {
                Ok(Some(batch)) => {
                    let batch = shape::standard(&self.request.shape, &batch, &self.place)?;
                    self.held.push(batch, &self.place)?;
                }
                Ok(None) => self.end()?,
                Err(failure) => self.take_up(failure)?,
            }
        }
    }

    /// Sends the query, for the rows behind those that were handed on.
    fn begin(&mut self) -> Result<Option<RecordBatch>, Failure> {
        let (request, place) = (&self.request, self.given.1.and_then(Place::of));
        let settings = request.conn.ours(request.block_rows, &ROWS);
        let (reader, first) = request.leave.ask(&request.talk, &settings, |settings| {
            let query = with(request.rows(place), settings);
            let reader =
                Reader::start(query, request.block_rows, request.conn.patience.receive_timeout);
            let mut reader = reader.map_err(|error| Failure::lasting(error.to_string()))?;
            let first = reader.next()?;
            Ok((reader, first))
        })?;
        self.state = State::Reading(reader);
        Ok(first)
    }

    /// Proves the end.
    fn end(&mut self) -> Result<(), SourceError> {
        let (received, total) = (self.given.0 + self.held.rows(), self.rows_total);
        if received != total {
            return Err(self.request.conn.error(format!(
                "{} ended after {received} rows, and a count before it said {total}; either it was cut off or the \
                 table was written to meanwhile",
                self.what()
            )));
        }
        self.held.release();
        self.state = State::Done;
        Ok(())
    }

    /// Goes on behind the rows that were handed on, after a failure that may pass.
    fn take_up(&mut self, failure: Failure) -> Result<(), SourceError> {
        let (what, rows) = (self.what(), self.given.0);
        self.held.forget();
        self.state = State::Waiting;
        let place = self.given.1.map(Place::of);
        if let (true, Some(None)) = (failure.may_pass, place) {
            return Err(self.request.conn.error(self.request.talk.scrub(&format!(
                "{what}: {}; it cannot be taken up behind row {}, whose stamps or number are null",
                failure.message,
                rows - 1
            ))));
        }
        let mut failure = failure;
        loop {
            let again = self.request.talk.again(&what, &mut self.failed, failure);
            again.map_err(|message| self.request.conn.error(message))?;
            let Some(place) = place.flatten() else { return Ok(()) };
            match self.prove(place) {
                Ok(()) => return Ok(()),
                Err(next) => failure = next,
            }
        }
    }

    /// Says whether the table is what it was when its rows were counted.
    fn prove(&self, place: Place) -> Result<(), Failure> {
        let (rows, rest) = (self.given.0, self.rows_total.saturating_sub(self.given.0));
        let (up_to, behind) = self.request.sides(place)?;
        if (up_to, behind) == (rows, rest) {
            return Ok(());
        }
        Err(Failure::lasting(format!(
            "it was cut off after {rows} rows and cannot be taken up, since the table was written to meanwhile: up to \
             there it holds {up_to} rows now, and behind {behind} where {rest} are missing"
        )))
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

    fn retries(&self) -> Retries {
        self.answer.request.talk.retries()
    }
}
