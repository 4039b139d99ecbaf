//! The unmodified `clickhouse` crate against the front, on the platform's market data table:
//! inserts with LZ4, rows back with and without parameters, Arrow batches, errors, and a bulk load
//! from a Parquet file.
//!
//! Invariants. Each test has a database of its own; rows are made from their number alone, so what
//! comes back is compared in full.

use std::time::Instant;

use crate::common::{MARKET_DATA, database, fresh_dir, post, url};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_ipc::reader::StreamReader;
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};

const ROWS: u64 = 10_000;

#[derive(Clone, Debug, PartialEq, Row, Serialize, Deserialize)]
struct MarketRow {
    symbol: String,
    exchange: String,
    r#type: String,
    exch_ts: i64,
    ingest_ts: i64,
    price_scaled: i64,
    volume: i64,
    bids_price: Vec<i64>,
    bids_vol: Vec<i64>,
    asks_price: Vec<i64>,
    asks_vol: Vec<i64>,
    seq_no: u64,
    trade_direction: i8,
}

fn row(seq_no: u64) -> MarketRow {
    let tick = seq_no.is_multiple_of(4);
    let n = seq_no as i64;
    let levels = |step: i64| if tick { vec![] } else { (1..=5).map(|i| n + i * step).collect() };
    MarketRow {
        symbol: if seq_no.is_multiple_of(2) { "TXFD6" } else { "TMFD6" }.to_owned(),
        exchange: "FUT".to_owned(),
        r#type: if tick { "Tick" } else { "BidAsk" }.to_owned(),
        exch_ts: 1_772_000_000_000_000_000 + n * 1_000_000,
        ingest_ts: 1_772_000_000_000_000_000 + n * 1_000_000 + 777,
        price_scaled: if tick { 18_000_000_000 + n } else { 0 },
        volume: i64::from(tick),
        bids_price: levels(-1_000_000),
        bids_vol: levels(1),
        asks_price: levels(1_000_000),
        asks_vol: levels(2),
        seq_no,
        trade_direction: if tick { -1 } else { 0 },
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(test);
}

/// A client of a new database with the table in it.
async fn client_of(url: &str, name: &str) -> Client {
    database(url, name);
    let client = Client::default().with_url(url).with_database(name);
    client.query(MARKET_DATA).execute().await.expect("the table is made");
    client
}

async fn insert(client: &Client, seq_nos: std::ops::Range<u64>) {
    let mut insert = client.insert::<MarketRow>("market_data").await.expect("the insert starts");
    for seq_no in seq_nos {
        insert.write(&row(seq_no)).await.expect("a row is written");
    }
    insert.end().await.expect("the insert ends");
}

#[test]
fn rows_come_back_as_they_went() {
    let Some(url) = url() else { return };
    run(async {
        let client = client_of(url, "round_trip").await;
        let started = Instant::now();
        insert(&client, 0..ROWS).await;
        println!("{ROWS} rows inserted in {:?}", started.elapsed());
        let started = Instant::now();
        let sql = "SELECT ?fields FROM market_data ORDER BY seq_no";
        let back = client.query(sql).fetch_all::<MarketRow>().await.expect("rows come back");
        println!("{ROWS} rows read in {:?}", started.elapsed());
        assert!(back == (0..ROWS).map(row).collect::<Vec<_>>());

        let sql = "SELECT ?fields FROM market_data WHERE symbol = ? AND seq_no < ? ORDER BY seq_no";
        let bound = client.query(sql).bind("TMFD6").bind(10).fetch_all::<MarketRow>().await;
        let want: Vec<_> = (0..10).filter(|n| n % 2 == 1).map(row).collect();
        assert_eq!(bound.expect("a bound query runs"), want);

        let sql = "SELECT count() FROM market_data WHERE symbol = {symbol:String}";
        let count = client.query(sql).param("symbol", "TXFD6").fetch_one::<u64>().await;
        assert_eq!(count.expect("a server-side parameter is taken"), ROWS / 2);
    });
}

/// Reads every batch and returns the number of batches and the sum of one column.
async fn arrow_sum(client: &Client, sql: &str, column: &str) -> (usize, u64, i64) {
    let query = client.query(sql).with_setting("output_format_arrow_compression_method", "none");
    let mut cursor = query.fetch_bytes("ArrowStream").expect("the query starts");
    let bytes = cursor.collect().await.expect("the stream ends well");
    let (mut batches, mut rows, mut sum) = (0, 0, 0);
    for batch in StreamReader::try_new(&bytes[..], None).expect("the stream has a schema") {
        let batch = batch.expect("a batch is sound");
        let values = batch.column_by_name(column).expect("the column is there");
        sum += match values.as_primitive_opt::<Int64Type>() {
            Some(values) => values.values().iter().sum::<i64>(),
            None => values.as_primitive::<UInt64Type>().values().iter().sum::<u64>() as i64,
        };
        batches += 1;
        rows += batch.num_rows() as u64;
    }
    (batches, rows, sum)
}

#[test]
fn arrow_batches_join_into_one_stream() {
    let Some(url) = url() else { return };
    run(async {
        let client = client_of(url, "arrow").await;
        insert(&client, 0..ROWS).await;
        let sql = "SELECT symbol, exch_ts, bids_price, volume FROM market_data ORDER BY exch_ts";
        let (_, rows, volume) = arrow_sum(&client, sql, "volume").await;
        assert_eq!((rows, volume), (ROWS, 2_500));
        let sql = "SELECT number FROM numbers(200000)";
        let (batches, rows, sum) = arrow_sum(&client, sql, "number").await;
        assert!(batches > 5, "the answer was streamed");
        assert_eq!((rows, sum), (200_000, 19_999_900_000));
        let sql = "SELECT volume FROM market_data WHERE seq_no > 1000000";
        assert_eq!(arrow_sum(&client, sql, "volume").await.1, 0, "no rows, but a schema");
    });
}

#[test]
fn failures_reach_the_caller() {
    let Some(url) = url() else { return };
    run(async {
        let client = Client::default().with_url(url);
        let lost = client.query("SELECT a FROM lost_table").fetch_all::<u64>().await;
        let text = lost.expect_err("there is no such table").to_string();
        assert!(text.contains("Code: 60") && text.contains("lost_table"), "{text}");
        let lost = client.insert::<MarketRow>("lost_table").await.map(drop);
        let text = lost.expect_err("there is no such table").to_string();
        assert!(text.contains("lost_table"), "{text}");
        let sql = "SELECT throwIf(number = 150000) FROM numbers(300000)";
        for client in [client.clone(), client.with_compression(clickhouse::Compression::None)] {
            let late = client.query(sql).fetch_all::<u8>().await;
            let text = late.expect_err("it fails after the first rows").to_string();
            assert!(text.contains("Code: 395"), "{text}");
        }
    });
}

#[test]
fn databases_are_separate() {
    let Some(url) = url() else { return };
    run(async {
        let (one, two) = (client_of(url, "one").await, client_of(url, "two").await);
        insert(&one, 0..10).await;
        insert(&two, 0..20).await;
        for (client, want) in [(one, 10), (two, 20)] {
            let sql = "SELECT count() FROM market_data";
            assert_eq!(client.query(sql).fetch_one::<u64>().await.expect("counts"), want);
        }
    });
}

#[test]
fn parquet_files_load_by_path_and_by_body() {
    let Some(url) = url() else { return };
    run(async {
        let client = client_of(url, "parquet").await;
        insert(&client, 0..ROWS).await;
        let dir = fresh_dir("parquet-files");
        std::fs::create_dir_all(&dir).expect("the directory is made");
        let sql = "SELECT * FROM parquet.market_data ORDER BY seq_no FORMAT Parquet";
        let file = post(url, &[], sql).body;
        let path = dir.join("day.parquet");
        std::fs::write(&path, &file).expect("the file is written");
        let path = path.to_str().expect("a plain path");

        let clear = || client.query("TRUNCATE TABLE market_data").execute();
        let sum = || client.query("SELECT sum(seq_no) FROM market_data").fetch_one::<u64>();
        let want = ROWS * (ROWS - 1) / 2;

        clear().await.expect("the table is emptied");
        let load = "INSERT INTO market_data SELECT * FROM file(?, 'Parquet')";
        client.query(load).bind(path).execute().await.expect("the file loads by its path");
        assert_eq!(sum().await.expect("sums"), want);

        clear().await.expect("the table is emptied");
        let load = ("query", "INSERT INTO market_data FORMAT Parquet");
        let put = post(url, &[("database", "parquet"), load], &file);
        assert_eq!(put.status, 200, "{}", put.text());
        assert_eq!(sum().await.expect("sums"), want);
    });
}
