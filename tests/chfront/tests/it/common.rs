//! What the tests share: one front in a child process, a bare HTTP client that sees exactly what
//! was sent, and the platform's market data table.
//!
//! Invariants. One child serves all tests of a binary, so each test keeps to a database of its own.
//! Without the engine's library there is no front and every test says that it was skipped.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chfront::ChildFront;

/// The program under test.
pub const BIN: &str = env!("CARGO_BIN_EXE_chfront");

/// A data directory that does not exist yet.
pub fn fresh_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).expect("an old data directory is removed");
    }
    dir
}

/// The library, or a line that says why the test does nothing.
pub fn library() -> Option<PathBuf> {
    let found = chfront::library();
    if found.is_none() {
        println!("skipped: no libchdb.so; run install.sh to have these tests run");
    }
    found
}

/// The address of the shared front.
pub fn url() -> Option<&'static str> {
    static FRONT: OnceLock<Option<ChildFront>> = OnceLock::new();
    let front = FRONT.get_or_init(|| {
        let data = fresh_dir("shared");
        Some(ChildFront::spawn(Path::new(BIN), &library()?, &data).expect("the front starts"))
    });
    if front.is_none() {
        library();
    }
    front.as_ref().map(ChildFront::url)
}

/// Makes an empty database.
pub fn database(url: &str, name: &str) {
    let made = post(url, &[], format!("CREATE DATABASE {name}"));
    assert_eq!(made.status, 200, "{}", made.text());
}

/// An answer as it came over the wire.
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    /// The sizes of the HTTP chunks.
    pub chunks: Vec<usize>,
    /// Did the body reach its end mark?
    pub complete: bool,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Sends a statement as the body.
pub fn post(url: &str, query: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    send(url, "POST", query, &[], body.as_ref())
}

/// Sends one request and reads the answer to the end of the connection.
pub fn send(
    url: &str,
    method: &str,
    query: &[(&str, &str)],
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let pairs: Vec<_> = query.iter().map(|(n, v)| format!("{n}={}", encode(v))).collect();
    let mut head = format!(
        "{method} /?{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n",
        pairs.join("&"),
        body.len()
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    exchange(url, &[head.as_bytes(), b"\r\n", body].concat())
}

/// Sends bytes and reads the answer to them.
pub fn exchange(url: &str, request: &[u8]) -> Answer {
    let address = url.strip_prefix("http://").expect("an http address");
    let mut socket = TcpStream::connect(address).expect("the front accepts");
    socket.write_all(request).expect("the request is sent");
    let mut raw = Vec::new();
    socket.read_to_end(&mut raw).expect("the answer is read");
    parse(&raw)
}

fn encode(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

fn parse(raw: &[u8]) -> Answer {
    let end = raw.windows(4).position(|w| w == b"\r\n\r\n").expect("the answer has a head");
    let head = String::from_utf8_lossy(&raw[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok());
    let headers: HashMap<_, _> = lines
        .filter_map(|l| l.split_once(": "))
        .map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()))
        .collect();
    let mut rest = &raw[end + 4..];
    let (mut body, mut chunks, mut complete) = (Vec::new(), Vec::new(), false);
    if headers.get("transfer-encoding").is_some_and(|v| v == "chunked") {
        while let Some(line) = rest.windows(2).position(|w| w == b"\r\n") {
            let size = String::from_utf8_lossy(&rest[..line]);
            let size = usize::from_str_radix(&size, 16).expect("a chunk has a size");
            let Some(data) = rest.get(line + 2..line + 2 + size) else { break };
            body.extend_from_slice(data);
            complete = size == 0;
            if complete {
                break;
            }
            chunks.push(size);
            rest = &rest[line + 2 + size + 2..];
        }
    } else {
        body.extend_from_slice(rest);
        complete = headers.get("content-length").is_none_or(|n| *n == rest.len().to_string());
    }
    Answer { status: status.expect("the answer has a status"), headers, body, chunks, complete }
}

/// The platform's table, as its migrations leave it.
pub const MARKET_DATA: &str = "CREATE TABLE market_data (
    symbol String, exchange String, type String,
    exch_ts Int64 CODEC(DoubleDelta, LZ4), ingest_ts Int64 CODEC(DoubleDelta, LZ4),
    price_scaled Int64, volume Int64,
    bids_price Array(Int64) CODEC(LZ4), bids_vol Array(Int64) CODEC(LZ4),
    asks_price Array(Int64) CODEC(LZ4), asks_vol Array(Int64) CODEC(LZ4),
    seq_no UInt64, trade_direction Int8 DEFAULT 0,
    instrument_type LowCardinality(String) DEFAULT '',
    underlying LowCardinality(String) DEFAULT '',
    option_right LowCardinality(String) DEFAULT '',
    strike_scaled Int64 DEFAULT 0, expiry Date DEFAULT '1970-01-01'
) ENGINE = MergeTree
PARTITION BY toYYYYMMDD(toDateTime(intDiv(ingest_ts, 1000000000), 'UTC'))
ORDER BY (symbol, exch_ts, ingest_ts)";
