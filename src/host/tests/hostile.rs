//! Names that would be SQL, and a password that must be seen nowhere.
//!
//! Names: each of a list of hostile words as a symbol, a database, a table, a user, a run's and a strategy's name is refused or bound,
//! never executed: a table of witnesses is as it was, and no other table appears. The password: it comes from the environment and
//! from a file, stands in places where it does not belong, and is quoted by a server that is no friend; nothing that is written
//! anywhere holds it. Needs the ClickHouse engine; says so when it skips.

use chfront::Front;
use clickhouse::Client;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CANARY: &str = "c4nary-hunter2-9f31";

/// Words that mean something to somebody.
fn hostile() -> Vec<String> {
    let mut words: Vec<String> = [
        "'; DROP TABLE witness.rows; --",
        "x' OR '1'='1",
        "\\",
        "\\'",
        "a\\\\'b",
        "nul\0byte",
        "`witness`.`rows`",
        "x`; TRUNCATE TABLE witness.rows",
        "\"rows\"",
        "..",
        "../../etc/passwd",
        "{symbol:String}",
        "%s%n",
        "$(reboot)",
        "\u{202e}swor",
        "tab\tline\n",
        "/* x */",
        "x) UNION ALL SELECT * FROM witness.rows --",
        "名前",
    ]
    .map(str::to_owned)
    .into();
    words.push("A".repeat(10_240));
    words
}

struct Place {
    front: Front,
    client: Client,
    runtime: tokio::runtime::Runtime,
    dir: PathBuf,
}

impl Place {
    fn execute(&self, sql: &str) {
        let done = self.runtime.block_on(self.client.query(sql).execute());
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    fn count(&self, sql: &str) -> u64 {
        self.runtime
            .block_on(self.client.query(sql).fetch_one::<u64>())
            .unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// Runs a config that holds `text`, without results of earlier ones.
    fn run(&self, text: &str, verb: &[&str]) -> Output {
        let file = self.dir.join("run.yaml");
        std::fs::write(&file, text).unwrap();
        let out = self.dir.join("out");
        let _ = std::fs::remove_dir_all(&out);
        let mut command = Command::new(env!("CARGO_BIN_EXE_bt-host"));
        command.args(verb).arg("--config").arg(&file);
        if verb[0] == "run" {
            command.arg("-q").arg("--out").arg(out);
        }
        command.env("RUST_BACKTRACE", "full").env("BT_TEST_CANARY", CANARY).output().unwrap()
    }
}

fn talk(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}: {}{}", output.status.code(), text(&output.stderr), text(&output.stdout))
}

/// A word as YAML has it, whatever it holds.
fn quoted(word: &str) -> String {
    serde_json::to_string(word).unwrap()
}

fn config(source: &str, symbol: &str, strategy: &str, output: &str) -> String {
    format!(
        "version: 1\nname: hostile\ndata:\n  clickhouse: {source}\n  from: 2026-04-08\n  to: 2026-04-08\ninstruments:\n  - {{ \
         symbol: {symbol}, exchange: X, tick: 1, multiplier: 1, sessions: always }}\ncapital: 1000\nlatency: {{ feed: 0, \
         submit: 1ms, amend: 1ms, cancel: 1ms, response: 1ms }}\nstrategies: [{{ name: {strategy}, path: \
         \"builtin:market_maker\" }}]\n{output}"
    )
}

fn market(place: &Place, symbols: &[String]) {
    place.execute("CREATE DATABASE m");
    place.execute(
        "CREATE TABLE m.market_data (symbol String, type String, exch_ts Int64, ingest_ts Int64, price_scaled Int64, volume \
         Int64, bids_price Array(Int64), bids_vol Array(Int64), asks_price Array(Int64), asks_vol Array(Int64), seq_no UInt64, \
         trade_direction Int8) ENGINE = MergeTree ORDER BY (symbol, exch_ts, ingest_ts)",
    );
    // As many rows as the word's place in the list says, so that one is not taken for another.
    for (index, symbol) in symbols.iter().enumerate() {
        let rows = 10 + index;
        let sql = format!(
            "INSERT INTO m.market_data SELECT {{symbol:String}}, 'BidAsk', 1775609100000000000 + number * 1000000, \
             1775609100000000000 + number * 1000000, 0, 0, [99000000 - number % 3 * 1000000], [5], [101000000 + number % 3 * 1000000], [5], number, 0 \
             FROM numbers({rows})"
        );
        let query = place.client.query(&sql).param("symbol", symbol);
        place.runtime.block_on(query.execute()).unwrap_or_else(|e| panic!("{symbol:?}: {e}"));
    }
}

#[test]
fn nobody_is_fooled_and_nobody_tells() {
    let Some(library) = chfront::library() else {
        println!("skipped: scripts/test did not install the engine");
        return;
    };
    let dir =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let front = Front::start(&library, &dir.join("engine")).expect("the engine starts");
    let client = Client::default().with_url(front.url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let place = Place { front, client, runtime, dir };
    place.execute("CREATE DATABASE witness");
    place.execute("CREATE TABLE witness.rows (x Int64) ENGINE = MergeTree ORDER BY x");
    place.execute("INSERT INTO witness.rows SELECT number FROM numbers(1000)");
    names_are_refused_or_bound(&place);
    the_password_is_nowhere(&place);
    let _ = std::fs::remove_dir_all(&place.dir);
}

fn names_are_refused_or_bound(place: &Place) {
    let words = hostile();
    market(place, &words);
    let url = place.front.url().to_string();
    let output =
        format!("output: {{ clickhouse: {{ url: \"{url}\", create: true, exists: replace }} }}\n");
    let source = format!("{{ url: \"{url}\", database: m }}");
    let mut bound = 0;
    for (index, word) in words.iter().enumerate() {
        // As a symbol, and as a strategy's name, in a run that is published.
        let run =
            place.run(&config(&source, &quoted(word), &quoted(word), &output), &["run", "--json"]);
        let told = talk(&run);
        match run.status.code() {
            Some(0) => {
                let rows = format!("\"books_in\": {}", 10 + index);
                assert!(told.contains(&rows), "the rows of this word and of no other: {told}");
                let sql =
                    "SELECT count() FROM btcore.backtest_runs WHERE strategy_id = {word:String}";
                let query = place.client.query(sql).param("word", word);
                let found = place.runtime.block_on(query.fetch_one::<u64>()).unwrap();
                assert_eq!(found, 1, "the word itself, byte for byte: {word:?}");
                bound += 1;
            }
            Some(3) => {}
            _ => panic!("{word:?}: {told}"),
        }
        // As a value of `where` it is the same rows, and as a column nothing.
        let quoted_word = quoted(word);
        let source_of =
            |only: String| format!("{{ url: \"{url}\", database: m, where: {{ {only} }} }}");
        let only = source_of(format!("symbol: [\"no such\", {quoted_word}]"));
        let chosen = place.run(&config(&only, &quoted_word, "s", ""), &["run", "--json"]);
        assert_eq!(chosen.status.code(), run.status.code(), "{}", talk(&chosen));
        let rows = format!("\"books_in\": {}", 10 + index);
        assert!(run.status.code() != Some(0) || talk(&chosen).contains(&rows), "{}", talk(&chosen));
        let only = source_of(format!("{quoted_word}: a"));
        let refused = place.run(&config(&only, "A", "s", ""), &["run"]);
        assert_eq!(refused.status.code(), Some(3), "{only}: {}", talk(&refused));
        // Where only names may stand.
        let word = quoted(word);
        for source in [
            format!("{{ url: \"{url}\", database: {word} }}"),
            format!("{{ url: \"{url}\", database: m, table: {word} }}"),
        ] {
            let run = place.run(&config(&source, "A", "s", ""), &["run"]);
            assert_eq!(run.status.code(), Some(3), "{source}: {}", talk(&run));
        }
        let output = format!(
            "output: {{ clickhouse: {{ url: \"{url}\", database: {word}, create: true }} }}\n"
        );
        let run = place.run(&config(&source, "A", "s", &output), &["run"]);
        assert_eq!(run.status.code(), Some(3), "{output}: {}", talk(&run));
        let text = config(&source, "A", "s", "").replace("name: hostile", &format!("name: {word}"));
        let run = place.run(&text, &["run"]);
        assert!(matches!(run.status.code(), Some(3 | 4)), "{word}: {}", talk(&run));
        // A user is a value; there is none of that name, and the engine lets everybody in.
        let source = format!("{{ url: \"{url}\", database: m, user: {word} }}");
        let run = place.run(&config(&source, "A", "s", ""), &["run"]);
        assert!(matches!(run.status.code(), Some(3 | 4 | 69)), "{source}: {}", talk(&run));
    }
    println!("{bound} of {} words were bound, the others refused", words.len());
    assert!(bound >= 5, "a symbol may hold quotes, backslashes and backticks");
    assert_eq!(place.count("SELECT toUInt64(count() + sum(x)) FROM witness.rows"), 1_000 + 499_500);
    assert_eq!(
        place.count("SELECT count() FROM system.databases WHERE name NOT IN ('witness', 'm', 'btcore', 'default', 'system', 'INFORMATION_SCHEMA', 'information_schema', '_chdb_temporary')"),
        0,
        "no other database"
    );
    assert_eq!(
        place.count(
            "SELECT count() FROM system.tables WHERE database IN ('m', 'witness', 'default')"
        ),
        2
    );
}

/// A server that quotes back whatever it is sent, in an error.
fn echo_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut head = [0; 8_192];
                let Ok(length) = stream.read(&mut head) else { return };
                let head = String::from_utf8_lossy(&head[..length]).replace(['\r', '\n'], " ");
                let body =
                    format!("Code: 516. DB::Exception: you said {head}. (AUTHENTICATION_FAILED)\n");
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 403 Forbidden\r\nContent-Length: {length}\r\nX-ClickHouse-Exception-Code: 516\r\nConnection: \
                     close\r\n\r\n{body}"
                );
            });
        }
    });
    url
}

/// Everything below a folder, and whether any of it holds the password.
fn assert_clean(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_clean(&path);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
        assert!(!found, "{} holds the password", path.display());
    }
}

fn the_password_is_nowhere(place: &Place) {
    let url = place.front.url().to_string();
    let secret = place.dir.join("secret");
    std::fs::create_dir_all(&secret).unwrap();
    std::fs::write(secret.join("password"), format!("{CANARY}\n")).unwrap();
    let file = secret.join("password").display().to_string();
    let ways = ["password_env: BT_TEST_CANARY".to_owned(), format!("password_file: \"{file}\"")];
    let mut told = String::new();
    for way in &ways {
        // All goes well: results, tables, what is told.
        let source = format!("{{ url: \"{url}\", database: m, {way} }}");
        let output = format!(
            "output: {{ clickhouse: {{ url: \"{url}\", create: true, exists: replace, {way} }} }}\n"
        );
        for verb in [
            &["run", "--json", "-v"][..],
            &["run"],
            &["validate"],
            &["inspect"],
            &["schema", "diff"],
        ] {
            let run = place.run(
                &config(&source, "A", "s", &output).replace("symbol: A", "symbol: \"..\""),
                verb,
            );
            told.push_str(&talk(&run));
            assert!(run.status.success(), "{verb:?}: {}", talk(&run));
            if verb[0] == "run" {
                assert_clean(&place.dir.join("out"));
            }
        }
        // A strategy that panics, and everything that the runtime tells of it.
        let program = std::env::current_exe().expect("a path");
        let object = program.with_file_name("libpanics.so").display().to_string();
        let text = config(&source, "\"..\"", "s", "").replace("builtin:market_maker", &object);
        let run = place.run(&text, &["run", "-v"]);
        assert_eq!(run.status.code(), Some(7), "{}", talk(&run));
        assert!(talk(&run).contains("row ten was too much"), "{}", talk(&run));
        told.push_str(&talk(&run));
        // A server that is no friend.
        let echo = echo_server();
        let source =
            format!("{{ url: \"{echo}\", database: m, retries: 1, back_off: 1ms, {way} }}");
        let run = place.run(&config(&source, "A", "s", ""), &["run"]);
        assert_eq!(run.status.code(), Some(69), "{}", talk(&run));
        assert!(talk(&run).contains("you said"), "the server's words are told: {}", talk(&run));
        told.push_str(&talk(&run));
        let source = format!("{{ url: \"{url}\", database: m, {way} }}");
        let output = format!(
            "output: {{ clickhouse: {{ url: \"{echo}\", retries: 1, back_off: 1ms, {way} }} }}\n"
        );
        for verb in [&["run"][..], &["schema", "apply"], &["schema", "sweep"]] {
            let text = config(&source, "\"..\"", "s", &output);
            let run = place.run(&text, verb);
            assert_eq!(run.status.code(), Some(69), "{}", talk(&run));
            assert!(talk(&run).contains("you said"), "the server's words are told: {}", talk(&run));
            told.push_str(&talk(&run));
        }
    }
    // Where it does not belong.
    for source in [
        format!("{{ url: \"{url}\", password: {CANARY} }}"),
        format!("{{ url: \"http://default:{CANARY}@127.0.0.1:1\" }}"),
        format!("{{ url: \"http://127.0.0.1:1/?password={CANARY}\" }}"),
        format!("{{ url: \"{url}\", passwd: {CANARY} }}"),
    ] {
        let run = place.run(&config(&source, "A", "s", ""), &["run"]);
        assert_eq!(run.status.code(), Some(3), "{}", talk(&run));
        told.push_str(&talk(&run));
    }
    let set = format!("data.clickhouse.password={CANARY}");
    let run = place
        .run(&config("{ url: \"http://127.0.0.1:1\" }", "A", "s", ""), &["run", "--set", &set]);
    assert_eq!(run.status.code(), Some(3), "{}", talk(&run));
    told.push_str(&talk(&run));
    let lines: Vec<&str> = told.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(lines.is_empty(), "told: {lines:#?}");
    // What the server was given to keep.
    let sql = "SELECT countIf(position(concat(config_json, strategy_id, run_name, git_commit), {word:String}) > 0) FROM \
               btcore.backtest_runs";
    let query = place.client.query(sql).param("word", CANARY);
    assert_eq!(place.runtime.block_on(query.fetch_one::<u64>()).unwrap(), 0);
}
