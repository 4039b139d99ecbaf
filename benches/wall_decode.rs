//! Decoding beside the whole way of a run: Parquet, ClickHouse over HTTP, and the tape cache, in rows a second.
//!
//! `cargo bench -p bt-host --bench wall_decode [-- ROWS [ROUNDS]]`; a million rows and five rounds where nothing is said.
//! ClickHouse needs the engine that `tests/chfront/install.sh` fetches, and is left out, with a message, where it is not.
//!
//! *Decode* opens the streams of a config, as a run does, and reads them to their end on one thread, giving every chunk back as
//! soon as it has it. *Whole* is `bt-host run` of the same config: decoding, merging and checking, the data hash, the window,
//! and one lane of a strategy in C that does nothing. Both clocks begin with the first read, behind the opening. In every
//! round the cases run in turn, in this process. The least times of any round are told, the ratio of the two, and the middle
//! of the rounds' own ratios. The whole works on two threads: where a neighbour on the machine has one of the cores, decode
//! does not feel it and the whole does. *CPU* is what this process worked for a row in the best round of each, which a neighbour
//! hardly moves; *busy* is how long the reader and the replay were at it in the whole's best round, beside each other: the one
//! that takes longer is what bounds it. *Peak* is the resident set of each. The engine is another process, in none of these.
//! *Bytes* is the answer that ClickHouse is decoded from, only received, with nothing decoded; *from memory* decodes such an
//! answer, of a million rows at most, that lies in memory. Both ratios to the bytes alone are told behind the table.
//!
//! The rows are those of the synthetic exchange, seed 1, in one Parquet file and in one table of the platform's columns; all
//! of it lies in a folder of its own under `CARGO_TARGET_TMPDIR`, and goes with the bench.
//!
//! Figures of a million rows, release build, two cores, this bench before its neighbours, least of seven rounds; M rows/s, ns a
//! row, MB. Ten million rows peak no higher: 78, 80 and 81 MB.
//!
//! | source | decode | whole | whole/decode | middle | CPU | reader, replay busy | peak |
//! |---|---|---|---|---|---|---|---|
//! | Parquet | 2.41 | 2.36 | 1.03 | 1.01 | 414, 641 | 419, 260 | 72, 84 |
//! | ClickHouse | 1.41 | 1.13 | 1.24 | 1.18 | 368, 654 | 879, 363 | 63, 84 |
//! | tape cache | 20.86 | 4.72 | 4.42 | 3.90 | 48, 329 | 126, 208 | 63, 84 |
//! | ClickHouse, bytes | 1.49 | | | | | | |
//!
//! Twenty million rows, two rounds, a faster machine: ClickHouse decoded 2.51 M rows/s and ran 1.92, with 185 and 383 ns of this
//! process a row and a peak of 98 MB; the bytes alone came at 3.17, so that is 0.79 and 0.60 of their rate; a million rows
//! from memory 8.78. There the engine and this process share two cores and both are full, so every instruction of ours is one
//! that the engine does not get. With a core for each (`taskset`, five million rows) the bytes alone came at 1.92, decoded 2.08, and
//! the run took 2.06: it keeps up with whatever the engine gives, 1.08 of the bytes.
//!
//! The reader bounds the first two, and the engine, which shares the two cores, the second: nearly all of decoding from it is
//! its answer on the way. From the cache the merge, the hash and the lane are what takes the time.
//!
//! The budget: from Parquet and from ClickHouse, whole / decode is at most 1.5. Nothing here fails on it. A regression means
//! that the lane waits for more than its rows, or that decoding has become cheap enough for the merge to be what counts.

use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use bt_host::config::fault::SourceText;
use bt_host::config::{Config, LoadOptions, parse};
use bt_host::pipeline::times::Times;
use bt_host::progress::Mode;
use bt_host::run::{self, Options};
use bt_host::source::decode::Batch;
use bt_host::source::{self, Chunk, SourceStats, synth};
use bt_host::synth::{Synth, parquet::TableWriter};
use bytes::Bytes;
use chfront::{ChildFront, Front};
use clickhouse::{Client, Compression};
use jiff::ToSpan;
use std::ffi::OsString;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The most that the whole way may take of decoding alone.
const RATIO_MAX: f64 = 1.5;
/// The least share of the rate of the bytes alone.
const OF_BYTES_MIN: f64 = 0.8;
/// Rows of an answer that lies in memory.
const MEMORY_ROWS: u64 = 1_000_000;
/// Fewer rows than a day of the synthetic exchange has.
const DAY_ROWS: u64 = 100_000;
/// Rows of a chunk, as a run of one stream has them: a fourth of `data.chunk_rows`.
const CHUNK_ROWS: usize = 16_384;
const DATABASE: &str = "bench";

fn main() {
    let words: Vec<OsString> = std::env::args_os().skip(1).filter(|w| w != "--bench").collect();
    if let [name, lib, flag, data] = words.as_slice()
        && name == "--lib"
        && flag == "--data"
    {
        return serve(Path::new(lib), Path::new(data));
    }
    let number = |at: usize, default: u64| {
        let word = words.get(at).map(|word| word.to_str().and_then(|word| word.parse().ok()));
        word.map_or(default, |number| number.expect("a number"))
    };
    let (rows, rounds) = (number(0, 1_000_000), number(1, 5));
    let bench = Bench::new(rows);
    let server = bench.server();
    let mut cases = vec![
        Case::new("Parquet", bench.config("")),
        Case::new("tape cache", bench.config(", cache: { dir: tapes }")),
    ];
    if let Some(server) = &server {
        let table = format!("{{ url: \"{}\", database: {DATABASE} }}", server.url());
        cases.insert(1, Case::new("ClickHouse", bench.config_of("clickhouse", &table, "")));
    }
    // The first pass fills the cache.
    bench.whole(&cases[cases.len() - 1].config);
    let (mut bytes, mut from_memory) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for case in &mut cases {
            case.round(&bench);
        }
        bytes.extend(server.as_ref().map(|server| received(server.url(), rows, "", |_| ())));
        from_memory.extend(server.as_ref().map(|server| bench.decode_in_memory(server.url())));
    }
    println!("{rows} rows, {rounds} rounds; M rows/s, ns a row, MB\n");
    println!(
        "| source | decode | whole | whole/decode | middle | CPU | reader, replay busy | peak |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for case in &mut cases {
        case.print(rows);
    }
    if let (Some((time, length)), Some(decoded)) =
        (bytes.into_iter().min(), from_memory.into_iter().min())
    {
        let rate = |rows: u64, time: Duration| rows as f64 / time.as_secs_f64() / 1e6;
        println!(
            "| ClickHouse, bytes ({} a row) | {:.2} | | | | | | |",
            length / rows,
            rate(rows, time)
        );
        let in_memory = rows.min(MEMORY_ROWS);
        println!("| ClickHouse, from memory | {:.2} | | | | | | |", rate(in_memory, decoded));
        let [decode, whole] =
            [cases[1].decode.iter().min(), cases[1].whole.iter().map(|t| &t.total).min()]
                .map(|least| time.as_secs_f64() / least.expect("a round").as_secs_f64());
        println!(
            "\nof the rate of the bytes alone: decoded {decode:.2}, to a no-op lane {whole:.2}; to be {OF_BYTES_MIN} at least"
        );
    }
    println!("\nfrom Parquet and ClickHouse, whole/decode is to be {RATIO_MAX} at most");
}

/// A source, and what it took.
struct Case {
    name: &'static str,
    config: Config,
    decode: Vec<Duration>,
    whole: Vec<Times>,
    /// Of decoding, and of the whole.
    cpu: [Duration; 2],
    peak_bytes: [u64; 2],
}

impl Case {
    fn new(name: &'static str, config: Config) -> Self {
        let (decode, whole) = (Vec::new(), Vec::new());
        Case { name, config, decode, whole, cpu: [Duration::MAX; 2], peak_bytes: [0; 2] }
    }

    fn round(&mut self, bench: &Bench) {
        for is_whole in [false, true] {
            forget_peak();
            let since = cpu();
            if is_whole {
                self.whole.push(bench.whole(&self.config));
            } else {
                self.decode.push(bench.decode(&self.config));
            }
            let (cpu, peak) = (cpu() - since, peak_bytes());
            let of = usize::from(is_whole);
            self.cpu[of] = self.cpu[of].min(cpu);
            self.peak_bytes[of] = self.peak_bytes[of].max(peak);
        }
    }

    fn print(&mut self, rows: u64) {
        let ratio =
            |(decode, whole): (&Duration, &Times)| whole.total.as_secs_f64() / decode.as_secs_f64();
        let mut ratios: Vec<f64> = self.decode.iter().zip(&self.whole).map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        self.whole.sort_by_key(|times| times.total);
        let decode = self.decode.iter().min().expect("a round");
        let whole = &self.whole[0];
        let rate = |time: Duration| rows as f64 / time.as_secs_f64() / 1e6;
        let each = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e9 / rows as f64);
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {} | {} | {} |",
            self.name,
            rate(*decode),
            rate(whole.total),
            ratio((decode, whole)),
            ratios[ratios.len() / 2],
            self.cpu.map(each).join(", "),
            [whole.decode, whole.replay()].map(each).join(", "),
            self.peak_bytes.map(|bytes| (bytes >> 20).to_string()).join(", "),
        );
    }
}

/// The rows, the strategy, and the folder of both.
struct Bench {
    dir: PathBuf,
    rows: u64,
}

impl Bench {
    fn new(rows: u64) -> Self {
        let dir = PathBuf::from(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("target/tmp"));
        let bench = Bench { dir: dir.join(format!("wall-decode-{}", std::process::id())), rows };
        fs::create_dir_all(&bench.dir).expect("a folder for scratch files");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/strategies/noop.c");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let mut command = Command::new(&compiler);
        command.args(["-std=c99", "-O2", "-shared", "-fPIC", "-I"]);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include"));
        command.arg(&source).arg("-o").arg(bench.dir.join("noop.so"));
        let done = command.status();
        assert!(done.is_ok_and(|status| status.success()), "`{compiler}` on {}", source.display());

        let config = bench.config_of("synth", "{ preset: txf, seed: 1 }", "");
        let recipe = synth::recipe(&config).expect("a market").expect("a recipe");
        let file = File::create(bench.tape()).expect("a file");
        let mut writer = TableWriter::market(file, "TXF", "SYNTH").expect("a writer");
        let tape = Synth::new(recipe).expect("a tape").take(rows as usize);
        tape.for_each(|row| writer.push(row).expect("the disk takes it"));
        assert_eq!(writer.finish().expect("the disk takes it"), rows, "the market is long enough");
        bench
    }

    fn tape(&self) -> PathBuf {
        self.dir.join("tape.parquet")
    }

    /// A config over the file.
    fn config(&self, options: &str) -> Config {
        let files = format!("{{ files: [\"{}\"] }}", self.tape().display());
        self.config_of("parquet", &files, options)
    }

    /// A config over some source.
    fn config_of(&self, kind: &str, source: &str, options: &str) -> Config {
        let first = jiff::civil::date(2026, 1, 5);
        // A week has five days of trading, and a few of them may be none.
        let days = i64::try_from(self.rows / DAY_ROWS * 7 / 5 + 14).expect("a span");
        let last = first.checked_add(days.days()).expect("a day");
        let text = format!(
            "version: 1\nname: {kind}\n\
             data: {{ {kind}: {source}, from: {first}, to: {last}, time_zone: Asia/Taipei{options} }}\n\
             instruments:\n  - {{ symbol: TXF, exchange: SYNTH, tick: 1, multiplier: 200, sessions: {{ time_zone: \
             Asia/Taipei, list: [{{ open: \"08:45\", close: \"13:45\" }}] }} }}\n\
             capital: 1000000\ntimeseries: 60s\n\
             latency: {{ feed: 5ms, submit: 36ms, amend: 43ms, cancel: 47ms, response: 10ms }}\n\
             strategies: [{{ name: noop, path: \"{}\" }}]\noutput: {{ dir: \"{}\" }}\n",
            self.dir.join("noop.so").display(),
            self.dir.join("out").display()
        );
        let source = SourceText { name: "wall_decode.yaml".into(), text };
        let config = parse(source, &self.dir, &LoadOptions::default()).0;
        config.unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// The engine with the rows in a table, where there is one.
    fn server(&self) -> Option<ChildFront> {
        let named = std::env::var_os("BT_CHDB_LIB").map(Into::into);
        let Some(library) = named.or_else(chfront::library) else {
            println!("ClickHouse is left out: no engine; tests/chfront/install.sh fetches it\n");
            return None;
        };
        let program = std::env::current_exe().expect("this program has a name");
        let front = ChildFront::spawn(&program, &library, &self.dir.join("engine"));
        let front = front.expect("the engine starts");
        let columns = "symbol, exchange, type, exch_ts, ingest_ts, price_scaled, volume, bids_price, bids_vol, \
                       asks_price, asks_vol, seq_no";
        let statements = [
            format!("CREATE DATABASE {DATABASE}"),
            format!(
                "CREATE TABLE {DATABASE}.market_data (exchange String, symbol String, trade_direction Int8, type \
                 String, ingest_ts Int64, exch_ts Int64, price_scaled Int64, volume Int64, bids_price Array(Int64), \
                 bids_vol Array(Int64), asks_price Array(Int64), asks_vol Array(Int64), seq_no UInt64) ENGINE = \
                 MergeTree ORDER BY (symbol, exch_ts, ingest_ts)"
            ),
            format!(
                "INSERT INTO {DATABASE}.market_data ({columns}, trade_direction) SELECT {columns}, side FROM \
                 file('{}', 'Parquet')",
                self.tape().display()
            ),
            // What lies in one part is read in order; merging parts on the way would be the engine's time alone.
            format!("OPTIMIZE TABLE {DATABASE}.market_data FINAL"),
        ];
        let client = Client::default().with_url(front.url());
        for sql in statements {
            block_on(client.query(&sql).execute()).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        Some(front)
    }

    /// The time to read every row of a config's source, and to do nothing with it.
    fn decode(&self, config: &Config) -> Duration {
        let mut sources = source::open(config).expect("the source opens");
        assert_eq!(sources.len(), 1, "one stream");
        let (mut chunk, mut rows) = (Chunk::with_room(CHUNK_ROWS), 0);
        let since = Instant::now();
        while sources[0].next_chunk(&mut chunk).expect("the rows can be read") {
            rows += black_box(&chunk).events.len() as u64;
        }
        let time = since.elapsed();
        assert_eq!(rows, self.rows);
        time
    }

    /// The time to decode an answer that lies in memory.
    fn decode_in_memory(&self, url: &str) -> Duration {
        let rows = self.rows.min(MEMORY_ROWS);
        let mut pieces = Vec::new();
        let limit = format!(" LIMIT {rows}");
        received(url, rows, &limit, |piece| pieces.push(piece.clone()));
        let recipe = &source::recipes(&self.config(""))[0];
        let place = "memory".into();
        let (mut chunk, mut stats) = (Chunk::with_room(CHUNK_ROWS), SourceStats::default());
        let mut decoder = StreamDecoder::new();
        let since = Instant::now();
        for piece in pieces {
            let mut rest = Buffer::from(piece);
            while !rest.is_empty() {
                let Some(block) = decoder.decode(&mut rest).expect("a stream") else { continue };
                let mut batch = Batch::new(&block, &place, stats.rows_read).expect("the columns");
                while !batch.is_done() {
                    chunk.clear();
                    batch.decode(CHUNK_ROWS, recipe, &mut chunk, &mut stats).expect("the rows");
                    black_box(&chunk);
                }
            }
        }
        let time = since.elapsed();
        assert_eq!(stats.rows_selected, rows);
        time
    }

    /// The times of a run.
    fn whole(&self, config: &Config) -> Times {
        let options = Options {
            force: true,
            progress: Mode::Quiet,
            config_path: String::new(),
            extra: &|_| Ok(()),
        };
        let done = run::run(config, &options).unwrap_or_else(|error| panic!("{error}"));
        let lane = &done.result.lanes[0].summary;
        let log = fs::read_to_string(done.dir.join("strategy.log")).expect("the strategy has told");
        let calls = format!("bench {} 0 0", lane.rows_delivered);
        assert!(log.contains(&calls), "the strategy saw {}: {log}", lane.rows_delivered);
        assert!(done.times.rows >= self.rows && lane.rows_delivered >= self.rows, "every row");
        done.times
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Left-over files harm nobody.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The engine's process: serves until its input closes.
fn serve(library: &Path, data: &Path) {
    let front = Front::start(library, data).expect("the engine starts");
    println!("listening on {}", front.url());
    std::io::stdout().flush().expect("somebody reads");
    let _ = std::io::stdin().read(&mut [0; 1]);
    front.shutdown();
}

/// The time to receive the answer that the source would decode, of so many rows, and its length; `take` gets its pieces.
fn received(url: &str, rows: u64, limit: &str, mut take: impl FnMut(&Bytes)) -> (Duration, u64) {
    let client = Client::default().with_url(url).with_compression(Compression::Lz4);
    let sql = format!(
        "SELECT symbol, type, exch_ts, ingest_ts, price_scaled, volume, bids_price, bids_vol, asks_price, asks_vol, \
         seq_no, trade_direction FROM {DATABASE}.market_data WHERE symbol = 'TXF' AND exch_ts >= 0 AND exch_ts < {} \
         ORDER BY exch_ts, ingest_ts, seq_no{limit}",
        i64::MAX
    );
    let query = client
        .query(&sql)
        .with_setting("max_block_size", CHUNK_ROWS.to_string())
        .with_setting("output_format_arrow_compression_method", "none")
        .with_setting("output_format_arrow_string_as_string", "1");
    let (mut length, since) = (0, Instant::now());
    block_on(async {
        let mut cursor = query.fetch_bytes("ArrowStream").expect("a query");
        while let Some(bytes) = cursor.next().await.expect("an answer") {
            length += black_box(&bytes).len() as u64;
            take(&bytes);
        }
    });
    assert!(length > rows * 64, "the whole answer");
    (since.elapsed(), length)
}

fn block_on<F: Future>(answer: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(answer)
}

/// CPU time of all threads of this process so far.
fn cpu() -> Duration {
    // SAFETY: the struct is plain integers, and written by the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let micros = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    Duration::from_micros(micros(usage.ru_utime) + micros(usage.ru_stime))
}

/// Gives freed memory back and begins a new peak.
fn forget_peak() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator may be asked at any time.
    unsafe {
        libc::malloc_trim(0);
    }
    // Where the kernel refuses, the peak is that of everything before, too.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most that was resident; 0 where nobody tells.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kb.unwrap_or(0) << 10
}
