//! One server for all tests of a program: the one that `CH_URL` names, or the engine.

use crate::{Front, library};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

/// What the databases of tests are called, on a server that may hold others.
const PREFIX: &str = "bt_test_";

/// Where the server of this test program is: the one that the environment's `CH_URL` names (`http://host:port`, and whoever asks is let in), of
/// which every database that tests had left is dropped first, or the engine, started below `dir` when it is first asked for.
/// `None`, with a line that says so, where there is neither. It lives as long as the program, and each test has a database of
/// its own, called `bt_test_` and more.
///
/// # Panics
/// The engine does not start, or the server does not answer.
pub fn shared(dir: &Path) -> Option<&'static str> {
    static PLACE: OnceLock<Option<(Option<Mutex<Front>>, String)>> = OnceLock::new();
    let place = PLACE.get_or_init(|| {
        if let Ok(url) = std::env::var("CH_URL") {
            sweep(&url).unwrap_or_else(|e| panic!("CH_URL, {url}: {e}"));
            return Some((None, url));
        }
        let named = std::env::var_os("BT_CHDB_LIB").map(Into::into);
        let library = named.or_else(library)?;
        let dir = dir.join(format!("engine-{}", std::process::id()));
        let front = Front::start(&library, &dir).expect("the engine starts");
        let url = front.url().to_owned();
        Some((Some(Mutex::new(front)), url))
    });
    if place.is_none() {
        println!(
            "skipped: CH_URL names no ClickHouse, and scripts/test did not install the engine"
        );
    }
    place.as_ref().map(|(_, url)| url.as_str())
}

/// Drops what tests have left on a server.
fn sweep(url: &str) -> io::Result<()> {
    let sql = format!(
        "SELECT name FROM system.databases WHERE startsWith(name, '{PREFIX}') FORMAT TabSeparated"
    );
    for name in ask(url, &sql)?.lines() {
        ask(url, &format!("DROP DATABASE `{name}` SYNC"))?;
    }
    Ok(())
}

/// Asks once, over a connection of its own.
fn ask(url: &str, sql: &str) -> io::Result<String> {
    let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let mut stream = TcpStream::connect(host)?;
    let length = sql.len();
    // By the older version of HTTP an answer ends with its connection, and comes in one piece.
    write!(stream, "POST / HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{sql}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.lines().next().is_some_and(|line| line.contains(" 200")) {
        return Ok(body.to_owned());
    }
    Err(io::Error::other(format!("{sql}: {answer}")))
}
