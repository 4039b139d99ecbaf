//! Runs one request on the engine, on a thread of its own, and hands the answer out piece by piece.
//!
//! Invariants. Exactly one `Reply` leaves per request, and its status is right: a streamed answer
//! waits for its first block, so a statement that fails at once is refused with a status of its
//! own. One that fails later ends in an exception block and a body cut off, never in a clean end. A
//! reader that goes away cancels the statement. Each request has a fresh connection: nothing it
//! sets outlives it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::sync::{mpsc, oneshot};

use crate::blocks::Coding;
use crate::engine::{Answer, Blocks, Connection, Counts, Engine};
use crate::errors::{Refusal, exception_block};
use crate::request::{Call, quoted};
use crate::splice::Splice;
use crate::sql::{self, Plan};

/// Bytes of a whole answer sent at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Pieces waiting for a slow reader before the statement waits too.
const PIECES_WAITING: usize = 4;

/// Time given to the exception block to leave before the connection is cut: cutting it drops what
/// has not been written yet.
const CUT_DELAY: Duration = Duration::from_millis(50);

/// A user whose profile says `readonly = 1`: it reads, and sets nothing.
pub const READONLY_USER: &str = "readonly";

/// The format of an answer for which nobody named one.
const FORMAT_DEFAULT: &str = "TabSeparated";

/// A piece of a body; an error cuts the connection.
pub type Piece = Result<Bytes, io::Error>;

/// Status, headers and the body to come.
pub struct Reply {
    pub status: StatusCode,
    pub headers: Vec<(&'static str, String)>,
    pub body: mpsc::Receiver<Piece>,
}

/// The reader went away.
struct Gone;

/// Makes the reply to a refused request.
pub fn refuse(refusal: &Refusal, version: &str, query_id: &str) -> Reply {
    let (sender, body) = mpsc::channel(1);
    // A fresh channel has room for one.
    let _ = sender.try_send(Ok(refusal.body(version).into()));
    let headers = vec![
        ("Content-Type", "text/plain; charset=UTF-8".to_owned()),
        ("X-ClickHouse-Exception-Code", refusal.code.to_string()),
        ("X-ClickHouse-Query-Id", query_id.to_owned()),
    ];
    Reply { status: refusal.status(), headers, body }
}

/// A random word of `len` lower-case letters, for query names and exception tags.
pub fn random_word(len: usize) -> String {
    let state = RandomState::new();
    (0..len).map(|i| char::from(b'a' + (state.hash_one(i) % 26) as u8)).collect()
}

/// A random query name in the shape of a UUID.
pub fn random_id() -> String {
    let half = |seed: u8| {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u8(seed);
        hasher.finish()
    };
    let (a, b) = (half(1), half(2));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

/// Runs `call` and answers through `reply`. Blocks; call it from a thread that may.
pub fn run(engine: &Arc<Engine>, call: Call, reply: oneshot::Sender<Reply>) {
    let mut out = Out::new(&call, engine.version(), reply);
    let served = engine
        .connect()
        .map_err(|e| Refusal::new(210, &e.to_string(), "NETWORK_ERROR"))
        .and_then(|connection| serve(&connection, &call, &mut out));
    if let Err(refusal) = served {
        out.fail(&refusal);
    }
}

/// Prepares the session, then runs the statement.
fn serve(connection: &Connection, call: &Call, out: &mut Out<'_>) -> Result<(), Refusal> {
    let run = |sql: String| {
        connection
            .query(sql.as_bytes(), FORMAT_DEFAULT, &[])
            .map(drop)
            .map_err(Refusal::from_engine)
    };
    if !call.database.is_empty() {
        run(format!("USE {}", quoted(&call.database, '`')))?;
    }
    // The engine refuses settings from here on, in its own words; the size of blocks is a server's own.
    let is_readonly = call.user == READONLY_USER;
    if is_readonly {
        run("SET max_block_size = 65409, readonly = 1".to_owned())?;
    }
    if let Some(set) = call.set_statement()? {
        run(set)?;
    }
    if call.readonly && !is_readonly {
        run("SET readonly = 2".to_owned())?;
    }
    if sql::is_insert(call.query.as_bytes())
        && let Plan::Insert { head, format, data } = sql::plan(call.query.as_bytes())?
    {
        // The usual case, data in the body alone, is not copied.
        if data.is_empty() {
            return insert(connection, call, head, format, &call.body, out);
        }
        return insert(connection, call, head, format, &[data, &call.body].concat(), out);
    }
    let text = [call.query.as_bytes(), &call.body].concat();
    match sql::plan(&text)? {
        Plan::Insert { head, format, data } => insert(connection, call, head, format, data, out),
        Plan::Query { select, format } => {
            let format = format.as_deref().or(call.format.as_deref()).unwrap_or(FORMAT_DEFAULT);
            out.format = format.to_owned();
            query(connection, call, &text, select, out)
        }
    }
}

fn insert(
    connection: &Connection,
    call: &Call,
    head: &[u8],
    format: Option<String>,
    data: &[u8],
    out: &mut Out<'_>,
) -> Result<(), Refusal> {
    let format = format.as_deref().or(call.format.as_deref()).unwrap_or("Values");
    let answer = connection.insert(head, format, &call.params, data);
    let counts = answer.map_err(Refusal::from_engine)?.counts();
    // A reader that is gone does not undo an insert.
    let _ = out.start(counts).and_then(|()| out.end());
    Ok(())
}

fn query(
    connection: &Connection,
    call: &Call,
    text: &[u8],
    select: bool,
    out: &mut Out<'_>,
) -> Result<(), Refusal> {
    let splice = Splice::of(&out.format).filter(|_| select && !call.whole);
    if let Some(splice) = splice
        && let Some((blocks, first)) = first_block(connection, call, text, &out.format, &splice)?
    {
        return stream(blocks, first, splice, out);
    }
    let answer = connection.query(text, &out.format, &call.params).map_err(Refusal::from_engine)?;
    // A reader that is gone needs no answer.
    let _ = send_whole(&answer, out);
    Ok(())
}

fn send_whole(answer: &Answer<'_>, out: &mut Out<'_>) -> Result<(), Gone> {
    out.start(answer.counts())?;
    for piece in answer.bytes().chunks(PIECE_BYTES) {
        out.send(piece)?;
    }
    out.end()
}

type Started<'c> = (Blocks<'c>, Option<Answer<'c>>);

/// Starts a stream and waits for its first block. Gives nothing when the answer must be made whole:
/// the engine does not stream this statement, or there are no rows but a header is due.
fn first_block<'c>(
    connection: &'c Connection,
    call: &Call,
    text: &[u8],
    format: &str,
    splice: &Splice,
) -> Result<Option<Started<'c>>, Refusal> {
    let mut blocks = match connection.stream(text, format, &call.params) {
        Ok(blocks) => blocks,
        Err(e) if e.contains("Streaming query is not supported") => return Ok(None),
        Err(e) => return Err(Refusal::from_engine(e)),
    };
    let first = blocks.next_block().map_err(Refusal::from_engine)?;
    Ok((first.is_some() || !splice.needs_header()).then_some((blocks, first)))
}

fn stream<'c>(
    mut blocks: Blocks<'c>,
    first: Option<Answer<'c>>,
    mut splice: Splice,
    out: &mut Out<'_>,
) -> Result<(), Refusal> {
    if out.start(Counts::default()).is_err() {
        return Ok(());
    }
    let mut next = first;
    while let Some(block) = next {
        let part = splice.part(block.bytes()).map_err(Refusal::from_engine)?;
        if out.send(part).is_err() {
            return Ok(());
        }
        next = blocks.next_block().map_err(Refusal::from_engine)?;
    }
    // A reader that is gone needs no end.
    let _ = out.send(splice.end()).and_then(|()| out.end());
    Ok(())
}

/// The answer on its way out.
struct Out<'v> {
    version: &'v str,
    query_id: String,
    format: String,
    tag: String,
    coding: Coding,
    reply: Option<oneshot::Sender<Reply>>,
    body: Option<mpsc::Sender<Piece>>,
}

impl<'v> Out<'v> {
    fn new(call: &Call, version: &'v str, reply: oneshot::Sender<Reply>) -> Self {
        let coding = match (call.compress, call.accepts_lz4) {
            (true, _) => Coding::Blocks,
            (false, true) => Coding::frame(),
            (false, false) => Coding::Plain,
        };
        Self {
            version,
            query_id: call.query_id.clone(),
            format: FORMAT_DEFAULT.to_owned(),
            tag: random_word(16),
            coding,
            reply: Some(reply),
            body: None,
        }
    }

    /// Sends status and headers.
    fn start(&mut self, counts: Counts) -> Result<(), Gone> {
        let mut headers = vec![
            ("Content-Type", content_type(&self.format).to_owned()),
            ("X-ClickHouse-Query-Id", self.query_id.clone()),
            ("X-ClickHouse-Format", self.format.clone()),
            ("X-ClickHouse-Timezone", "UTC".to_owned()),
            ("X-ClickHouse-Exception-Tag", self.tag.clone()),
            ("X-ClickHouse-Summary", summary(&counts)),
        ];
        headers.extend(self.coding.header().map(|v| ("Content-Encoding", v.to_owned())));
        let (sender, body) = mpsc::channel(PIECES_WAITING);
        self.body = Some(sender);
        let reply = self.reply.take().ok_or(Gone)?;
        reply.send(Reply { status: StatusCode::OK, headers, body }).map_err(|_| Gone)
    }

    fn send(&mut self, piece: &[u8]) -> Result<(), Gone> {
        if piece.is_empty() {
            return Ok(());
        }
        let coded = self.coding.push(piece);
        self.pass(coded)
    }

    fn end(&mut self) -> Result<(), Gone> {
        let coded = self.coding.finish();
        self.pass(coded)
    }

    fn pass(&self, coded: io::Result<Vec<u8>>) -> Result<(), Gone> {
        let body = self.body.as_ref().ok_or(Gone)?;
        match coded {
            Ok(bytes) if bytes.is_empty() => Ok(()),
            coded => body.blocking_send(coded.map(Bytes::from)).map_err(|_| Gone),
        }
    }

    /// Refuses with a status if none went out yet; otherwise ends the body with an exception block
    /// and cuts it off.
    fn fail(&mut self, refusal: &Refusal) {
        if let Some(reply) = self.reply.take() {
            // A reader that is gone hears nothing.
            let _ = reply.send(refuse(refusal, self.version, &self.query_id));
            return;
        }
        let block = exception_block(&refusal.body(self.version), &self.tag);
        if self.send(block.as_bytes()).is_ok() {
            std::thread::sleep(CUT_DELAY);
            let _ = self.pass(Err(io::Error::other("the statement failed")));
        }
    }
}

fn content_type(format: &str) -> &'static str {
    match format {
        "TabSeparated" | "TSV" | "TabSeparatedWithNames" | "TSVWithNames" => {
            "text/tab-separated-values; charset=UTF-8"
        }
        "CSV" | "CSVWithNames" => "text/csv; charset=UTF-8; header=absent",
        f if f.starts_with("JSON") => "application/json; charset=UTF-8",
        "RowBinary" | "RowBinaryWithNamesAndTypes" | "Native" | "ArrowStream" | "Parquet" => {
            "application/octet-stream"
        }
        _ => "text/plain; charset=UTF-8",
    }
}

fn summary(c: &Counts) -> String {
    let fields = [
        ("read_rows", c.read_rows),
        ("read_bytes", c.read_bytes),
        ("written_rows", c.written_rows),
        ("written_bytes", c.written_bytes),
        ("total_rows_to_read", 0),
        ("result_rows", c.result_rows),
        ("result_bytes", c.result_bytes),
        ("elapsed_ns", c.elapsed_ns),
    ];
    let fields = fields.map(|(name, value)| format!("\"{name}\":\"{value}\""));
    format!("{{{}}}", fields.join(","))
}
