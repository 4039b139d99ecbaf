//! The front's HTTP manners, seen byte by byte: statuses, headers, data of inserts, joined streams,
//! failures after the first byte, compression, access, and what survives a crash.
//!
//! Invariants. Each test has a database of its own where it writes anything.

use std::path::Path;

use crate::common::{BIN, database, exchange, fresh_dir, library, post, send, url};
use chfront::{ChildFront, Front};

#[test]
fn answers_ping_and_plain_statements() {
    let Some(url) = url() else { return };
    let pong = exchange(url, b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!((pong.status, pong.text().as_str()), (200, "Ok.\n"));
    let one = post(url, &[], "SELECT 1 FORMAT TabSeparated");
    assert_eq!((one.status, one.text().as_str(), one.complete), (200, "1\n", true));
    assert_eq!(one.header("x-clickhouse-format"), "TabSeparated");
    assert_eq!(one.header("x-clickhouse-query-id").len(), 36);
    assert!(one.header("x-clickhouse-summary").starts_with("{\"read_rows\":\""));
    // The address and the body are one statement.
    assert_eq!(post(url, &[("query", "SELE")], "CT 2").text(), "2\n");
    let json = [("default_format", "JSONEachRow"), ("query_id", "abc")];
    let named = post(url, &json, "SELECT 1 AS a");
    assert_eq!(
        (named.text().as_str(), named.header("x-clickhouse-query-id")),
        ("{\"a\":1}\n", "abc")
    );
    let header = send(url, "POST", &[], &[("X-ClickHouse-Format", "CSV")], b"SELECT 'a'");
    assert_eq!(header.text(), "\"a\"\n");
}

#[test]
fn refuses_with_a_status_and_a_code() {
    let Some(url) = url() else { return };
    let cases = [
        ("SELECT * FROM nowhere", 404, "60"),
        ("SELEC 1", 400, "62"),
        ("", 400, "62"),
        ("SELECT 1; SELECT 2", 400, "62"),
        ("SELECT throwIf(1)", 500, "395"),
        ("INSERT INTO nowhere FORMAT CSV 1", 404, "60"),
    ];
    for (sql, status, code) in cases {
        let refused = post(url, &[], sql);
        let text = refused.text();
        assert_eq!(refused.status, status, "{sql}: {text}");
        assert_eq!(refused.header("x-clickhouse-exception-code"), code, "{sql}");
        assert!(text.starts_with(&format!("Code: {code}. DB::Exception: ")), "{text}");
        assert!(text.ends_with(" (official build))\n") && text.matches("(version").count() == 1);
    }
    let setting = post(url, &[("no_such_setting", "1")], "SELECT 1");
    assert_eq!((setting.status, setting.header("x-clickhouse-exception-code")), (404, "115"));
    let database = post(url, &[("database", "no`where")], "SELECT 1");
    assert_eq!((database.status, database.header("x-clickhouse-exception-code")), (404, "81"));
    let changed = send(url, "GET", &[("query", "CREATE DATABASE no_get")], &[], b"");
    assert_eq!((changed.status, changed.header("x-clickhouse-exception-code")), (500, "164"));
    let asked = send(url, "GET", &[("query", "SELECT 3"), ("max_threads", "1")], &[], b"");
    assert_eq!((asked.status, asked.text().as_str()), (200, "3\n"));
}

#[test]
fn applies_settings_and_parameters_to_one_request() {
    let Some(url) = url() else { return };
    let sql = "SELECT getSetting('max_memory_usage')";
    assert_eq!(post(url, &[("max_memory_usage", "123456789")], sql).text(), "123456789\n");
    assert_ne!(post(url, &[], sql).text(), "123456789\n");
    let params = [("param_a", "x'; DROP"), ("param_b", "[1,2]"), ("param_c", "-7")];
    let sql = "SELECT {a:String}, {b:Array(Int64)}, {c:Int64} FORMAT TSV";
    assert_eq!(post(url, &params, sql).text(), "x\\'; DROP\t[1,2]\t-7\n");
    let missing = post(url, &params[..1], sql);
    assert_eq!(missing.header("x-clickhouse-exception-code"), "456", "{}", missing.text());
}

/// Rows of `(s String, n Int64)` whose bytes are the ones SQL text could trip over.
fn awkward_rows() -> Vec<u8> {
    let mut rows = Vec::new();
    for text in [&b"\n;\x00"[..], b"';--\n", b"", b"\x00\x00FORMAT", b" \r\n"] {
        rows.push(text.len() as u8);
        rows.extend_from_slice(text);
        rows.extend_from_slice(&0x0a3b_0027_000d_200a_i64.to_le_bytes());
    }
    rows
}

#[test]
fn inserts_take_any_bytes() {
    let Some(url) = url() else { return };
    database(url, "bytes");
    let db = [("database", "bytes")];
    post(url, &db, "CREATE TABLE t (s String, n Int64) ENGINE = MergeTree ORDER BY tuple()");
    let rows = awkward_rows();
    let insert = "INSERT INTO t (s, n) FORMAT RowBinary";
    let by_address = post(url, &[db[0], ("query", insert)], &rows);
    assert_eq!(by_address.status, 200, "{}", by_address.text());
    assert!(by_address.header("x-clickhouse-summary").contains("\"written_rows\":\"5\""));
    let by_body = post(url, &db, [insert.as_bytes(), b"\n", &rows].concat());
    assert_eq!(by_body.status, 200, "{}", by_body.text());
    let back = post(url, &db, "SELECT s, n FROM t FORMAT RowBinary");
    assert_eq!(back.body, [rows.clone(), rows.clone()].concat());
    // A cut row refuses the insert, and none of it stays.
    let cut = post(url, &[db[0], ("query", insert)], &rows[..rows.len() - 1]);
    assert_eq!(cut.header("x-clickhouse-exception-code"), "33", "{}", cut.text());
    for sql in ["INSERT INTO t VALUES ('a', 1), ('b', 1 + 1);", "INSERT INTO t SELECT 'c', 3"] {
        assert_eq!(post(url, &db, sql).status, 200, "{sql}");
    }
    let by_both = post(url, &[db[0], ("query", "INSERT INTO t (s, n) VALUES")], "('d', 4)");
    assert_eq!(by_both.status, 200, "{}", by_both.text());
    let empty = post(url, &[db[0], ("query", insert)], "");
    assert_eq!(empty.status, 200, "{}", empty.text());
    assert_eq!(post(url, &db, "SELECT count(), max(s) FROM t").text(), "14\td\n");
}

#[test]
fn joined_streams_equal_whole_answers() {
    let Some(url) = url() else { return };
    let selects = [
        "SELECT number AS n, toString(number) AS s, [number, 1] AS a FROM numbers(100000)",
        "SELECT number AS n FROM numbers(9000000) WHERE number % 3000000 = 2999999",
        "SELECT number AS n FROM numbers(10) WHERE number > 10",
        "WITH 2 AS k SELECT k * number AS n FROM numbers(3) ORDER BY n DESC",
    ];
    for format in ["TabSeparated", "RowBinary", "RowBinaryWithNamesAndTypes"] {
        for sql in selects {
            let streamed = post(url, &[("default_format", format)], sql);
            let whole = post(url, &[("default_format", format), ("wait_end_of_query", "1")], sql);
            assert!(streamed.complete && whole.complete, "{format}: {sql}");
            assert!(streamed.body == whole.body, "{format}: {sql}");
        }
        let long = post(url, &[("default_format", format)], selects[0]);
        assert!(long.chunks.len() > 5, "{format} is streamed");
    }
}

#[test]
fn a_joined_native_stream_is_one_document() {
    let Some(url) = url() else { return };
    database(url, "native");
    let db = ("database", "native");
    post(url, &[db], "CREATE TABLE t (n UInt64, a Array(UInt64)) ENGINE = MergeTree ORDER BY n");
    let sql = "SELECT number AS n, [n, n] AS a FROM numbers(100000) FORMAT Native";
    let native = post(url, &[], sql);
    assert!(native.chunks.len() > 5, "the answer was streamed");
    let put = post(url, &[db, ("query", "INSERT INTO t (n, a) FORMAT Native")], &native.body);
    assert_eq!(put.status, 200, "{}", put.text());
    let sums = post(url, &[db], "SELECT count(), sum(n), sum(a[2]) FROM t");
    assert_eq!(sums.text(), "100000\t4999950000\t4999950000\n");
}

#[test]
fn other_formats_come_whole() {
    let Some(url) = url() else { return };
    let sql = "SELECT number AS n FROM numbers(100000)";
    let named = post(url, &[("default_format", "TabSeparatedWithNames")], sql);
    assert_eq!(named.text().lines().filter(|l| *l == "n").count(), 1);
    assert_eq!(named.text().lines().count(), 100_001);
    let parquet = post(url, &[], format!("{sql} FORMAT Parquet"));
    assert!(parquet.body.starts_with(b"PAR1") && parquet.body.ends_with(b"PAR1"));
    assert_eq!(parquet.text().matches("PAR1").count(), 2);
    assert!(parquet.chunks.len() > 1, "a long answer leaves in several chunks");
}

const FAILS_LATE: &str = "SELECT throwIf(number = 150000) FROM numbers(300000) FORMAT TabSeparated";

#[test]
fn a_late_failure_is_told_and_cuts_the_body() {
    let Some(url) = url() else { return };
    let late = post(url, &[], FAILS_LATE);
    assert_eq!((late.status, late.complete), (200, false));
    let tag = late.header("x-clickhouse-exception-tag").to_owned();
    let text = late.text();
    assert!(text.starts_with("0\n0\n"));
    assert!(text.contains(&format!("\r\n__exception__\r\n{tag}\r\nCode: 395. DB::Exception: ")));
    assert!(text.ends_with(&format!(" {tag}\r\n__exception__\r\n")));
    let whole = post(url, &[("wait_end_of_query", "1")], FAILS_LATE);
    assert_eq!((whole.status, whole.complete), (500, true));
}

#[test]
fn answers_in_native_blocks() {
    let Some(url) = url() else { return };
    let sql = "SELECT number FROM numbers(50000) FORMAT RowBinary";
    let plain = post(url, &[], sql).body;
    let coded = post(url, &[("compress", "1")], sql).body;
    assert!(coded.len() < plain.len());
    let (mut opened, mut rest) = (Vec::new(), &coded[..]);
    while !rest.is_empty() {
        assert_eq!(rest[16], 0x82, "an LZ4 block");
        let size =
            |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().expect("four")) as usize;
        let (stored, size_plain) = (size(17), size(21));
        let block = lz4_flex::block::decompress(&rest[25..16 + stored], size_plain);
        opened.extend_from_slice(&block.expect("the block opens"));
        rest = &rest[16 + stored..];
    }
    assert!(opened == plain);
    // A server's insert of the same blocks.
    database(url, "native_blocks");
    let db = ("database", "native_blocks");
    post(url, &[db], "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let insert = ("query", "INSERT INTO t FORMAT RowBinary");
    let put = post(url, &[db, insert, ("decompress", "1")], &coded);
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(post(url, &[db], "SELECT count(), max(n) FROM t").text(), "50000\t49999\n");
    let broken = post(url, &[db, insert, ("decompress", "1")], &coded[..coded.len() - 1]);
    assert_ne!(broken.status, 200);
}

#[test]
fn answers_in_an_lz4_frame_when_asked() {
    let Some(url) = url() else { return };
    let sql = b"SELECT number FROM numbers(100000)";
    let plain = send(url, "POST", &[], &[], sql);
    let coded = send(url, "POST", &[], &[("Accept-Encoding", "gzip, lz4")], sql);
    assert_eq!((plain.header("content-encoding"), coded.header("content-encoding")), ("", "lz4"));
    let mut opened = Vec::new();
    let mut frame = lz4_flex::frame::FrameDecoder::new(&coded.body[..]);
    std::io::Read::read_to_end(&mut frame, &mut opened).expect("the frame opens");
    assert!(opened == plain.body && coded.chunks.len() > 5);
}

#[test]
fn a_reader_that_leaves_cancels_its_statement() {
    let Some(url) = url() else { return };
    let sql = "SELECT number AS cancel_me FROM numbers(1000000000000) FORMAT RowBinary";
    let address = url.strip_prefix("http://").expect("an http address");
    let mut socket = std::net::TcpStream::connect(address).expect("the front accepts");
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", sql.len());
    std::io::Write::write_all(&mut socket, &[head.as_bytes(), sql.as_bytes()].concat())
        .expect("the request is sent");
    std::io::Read::read_exact(&mut socket, &mut [0; 100_000]).expect("rows arrive");
    let running = "SELECT count() FROM system.processes WHERE query LIKE '%AS cancel\\_me%'
                   AND query NOT LIKE '%system.processes%'";
    assert_eq!(post(url, &[], running).text(), "1\n");
    drop(socket);
    for _ in 0..200 {
        if post(url, &[], running).text() == "0\n" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the statement still runs");
}

#[test]
fn serves_several_at_once() {
    let Some(url) = url() else { return };
    let ask =
        |i: u64| move || post(url, &[], format!("SELECT sum(number) + {i} FROM numbers(1000000)"));
    let asked: Vec<_> = (0..8).map(|i| std::thread::spawn(ask(i))).collect();
    for (i, thread) in (0_u64..).zip(asked) {
        let answer = thread.join().expect("the client ends");
        assert_eq!(answer.text(), format!("{}\n", 499_999_500_000 + i));
    }
}

#[test]
fn a_cut_request_inserts_nothing() {
    let Some(url) = url() else { return };
    database(url, "cut");
    let db = ("database", "cut");
    post(url, &[db], "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let address = url.strip_prefix("http://").expect("an http address");
    let mut socket = std::net::TcpStream::connect(address).expect("the front accepts");
    let head = "POST /?database=cut&query=INSERT+INTO+t+FORMAT+RowBinary HTTP/1.1\r\nHost: x\r\n\
                Content-Length: 16\r\n\r\n";
    std::io::Write::write_all(&mut socket, head.as_bytes()).expect("sent");
    std::io::Write::write_all(&mut socket, &[0; 8]).expect("sent");
    drop(socket);
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(post(url, &[db], "SELECT count() FROM t").text(), "0\n");
}

#[test]
fn a_user_of_a_readonly_profile_sets_and_writes_nothing() {
    let Some(url) = url() else { return };
    let user = [("X-ClickHouse-User", chfront::READONLY_USER)];
    let ask = |query: &[(&str, &str)], sql: &str| send(url, "POST", query, &user, sql.as_bytes());
    for name in ["max_block_size", "max_execution_time", "http_send_timeout", "readonly"] {
        let refused = ask(&[(name, "7")], "SELECT 1");
        let text = refused.text();
        assert_eq!((refused.status, refused.header("x-clickhouse-exception-code")), (500, "164"));
        let words = format!("Cannot modify '{name}' setting in readonly mode. (READONLY)");
        assert!(text.contains(&words), "{text}");
    }
    assert_eq!(
        ask(&[], "CREATE DATABASE by_a_reader").header("x-clickhouse-exception-code"),
        "164"
    );
    // Names of the protocol are no settings.
    let query = [
        ("database", "default"),
        ("default_format", "CSV"),
        ("query_id", "by-a-reader"),
        ("wait_end_of_query", "1"),
        ("session_id", "s"),
        ("param_x", "7"),
    ];
    let asked = ask(&query, "SELECT {x:UInt8}, getSetting('max_block_size')");
    assert_eq!((asked.status, asked.text().as_str()), (200, "7,65409\n"));
    assert_eq!(ask(&[("compress", "1")], "SELECT 1").status, 200);
}

#[test]
fn a_login_keeps_others_out() {
    let Some(lib) = library() else { return };
    let args = ["--user", "reader", "--password", "s3"];
    let front = ChildFront::spawn_with(Path::new(BIN), &lib, &fresh_dir("login"), &args);
    let front = front.expect("the front starts");
    let stranger = post(front.url(), &[], "SELECT 1");
    assert_eq!((stranger.status, stranger.header("x-clickhouse-exception-code")), (403, "516"));
    let key = [("X-ClickHouse-User", "reader"), ("X-ClickHouse-Key", "s3")];
    assert_eq!(send(front.url(), "POST", &[], &key, b"SELECT 1").text(), "1\n");
}

#[test]
fn rows_survive_a_crash() {
    let Some(lib) = library() else { return };
    let data = fresh_dir("crash");
    let start = || ChildFront::spawn(Path::new(BIN), &lib, &data).expect("the front starts");
    let front = start();
    database(front.url(), "d");
    post(front.url(), &[], "CREATE TABLE d.t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let put = post(front.url(), &[], "INSERT INTO d.t SELECT number FROM numbers(1000)");
    assert_eq!(put.status, 200, "{}", put.text());
    let second = ChildFront::spawn(Path::new(BIN), &lib, &data);
    assert!(second.is_err(), "one directory serves one front");
    front.kill().expect("the child dies");
    assert_eq!(post(start().url(), &[], "SELECT count() FROM d.t").text(), "1000\n");
}

#[test]
fn runs_inside_the_process_too() {
    let Some(lib) = library() else { return };
    for name in ["inside-1", "inside-2"] {
        let front = Front::start(&lib, &fresh_dir(name)).expect("the front starts");
        assert_eq!(post(front.url(), &[], "SELECT 1").text(), "1\n");
        front.stop();
    }
}
