//! The files of `sql/`: tables by number, views by name, and what a table's text says about its columns.
//!
//! Invariants: a file is one statement without a database's name, so that it is run in whatever database it is applied to, by this
//! program or by hand. A numbered file does not change once it was released; a view may. A column is a line: name, type,
//! `DEFAULT` and `CODEC`, spelled as the server spells them, which is what [`columns`] relies on and a test holds.

/// A statement that is part of this program.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Its name without the ending.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
}

/// Lists files of a folder below `sql/`.
macro_rules! files {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(File { name: $name, sql: include_str!(concat!("../../../sql/", $folder, $name, ".sql")) }),*]
    };
}

/// The tables, in the order of their numbers.
pub const TABLES: &[File] = files!("":
    "001_schema_ledger", "002_backtest_runs", "003_backtest_timeseries", "004_backtest_orders", "005_backtest_fills",
    "006_backtest_queues", "007_backtest_hours", "008_backtest_daily", "009_bars_1s", "010_bars_1m",
);

/// The views, each behind those that it reads.
pub const VIEWS: &[File] = files!("views/":
    "backtest_runs", "backtest_timeseries", "backtest_orders", "backtest_fills", "backtest_queues", "backtest_hours",
    "backtest_daily", "backtest_equity", "backtest_order_behaviour", "backtest_slippage", "backtest_markouts",
    "backtest_attribution", "backtest_leaderboard", "bars_1s", "bars_1m",
);

/// What fills the bars from a table of market data, `{source}` being its name; each with the table that it fills.
pub const BARS: &[(&str, File)] =
    &[("bars_1s_rows", BARS_FILES[0]), ("bars_1m_rows", BARS_FILES[1])];

const BARS_FILES: &[File] = files!("bars/": "bars_1s_select", "bars_1m_select");

/// The tables that hold rows of runs, staged.
pub const STAGED: [&str; 6] = [
    "backtest_timeseries_rows",
    "backtest_orders_rows",
    "backtest_fills_rows",
    "backtest_queues_rows",
    "backtest_hours_rows",
    "backtest_daily_rows",
];

impl File {
    /// BLAKE3 of its text, hexadecimal.
    pub fn hash(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex().to_string()
    }

    /// The name that it creates: the word behind `TABLE IF NOT EXISTS` or `VIEW`.
    pub fn object(&self) -> &'static str {
        let create = self.sql.lines().find(|line| line.starts_with("CREATE ")).unwrap_or_default();
        create.split_whitespace().rfind(|word| *word != "AS").unwrap_or_default()
    }
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type.
    pub kind: String,
    /// What it is where it is not given; empty for the type's own.
    pub default: String,
    /// How it is packed; empty for the server's own.
    pub codec: String,
}

/// The columns that the text of a table states.
pub fn columns(sql: &str) -> Vec<Column> {
    let lines = sql.lines().skip_while(|line| *line != "(").skip(1);
    lines.take_while(|line| *line != ")").map(column).collect()
}

fn column(line: &str) -> Column {
    let line = line.trim().trim_end_matches(',');
    let (line, codec) = match line.split_once(" CODEC(") {
        Some((rest, codec)) => (rest, format!("CODEC({codec}")),
        None => (line, String::new()),
    };
    let (line, default) = line.split_once(" DEFAULT ").unwrap_or((line, ""));
    let (name, kind) = line.split_once(' ').unwrap_or((line, ""));
    Column { name: name.into(), kind: kind.trim().into(), default: default.into(), codec }
}

/// The sorting key that the text of a table states.
pub fn sorting_key(sql: &str) -> &str {
    let key = sql.lines().find_map(|line| line.strip_prefix("ORDER BY ")).unwrap_or_default();
    key.trim_start_matches('(').trim_end_matches(')')
}

/// The engine that the text of a table states.
pub fn engine(sql: &str) -> &str {
    sql.lines().find_map(|line| line.strip_prefix("ENGINE = ")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_file_of_the_folder_is_part_of_the_program() {
        let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql");
        for (folder, files) in [("", TABLES), ("views", VIEWS), ("bars", BARS_FILES)] {
            let names = std::fs::read_dir(sql.join(folder)).unwrap().filter_map(|entry| {
                let path = entry.unwrap().path();
                let is_sql = path.extension().is_some_and(|ending| ending == "sql");
                is_sql.then(|| path.file_stem().unwrap().to_str().unwrap().to_owned())
            });
            let there: BTreeSet<String> = names.collect();
            assert_eq!(there, files.iter().map(|file| file.name.to_owned()).collect(), "{folder}");
        }
    }

    #[test]
    fn a_file_says_what_it_makes() {
        for file in TABLES.iter().chain(VIEWS) {
            let object = file.object();
            let stem = file.name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
            assert!(object == stem || object == format!("{stem}_rows"), "{} {object}", file.name);
            assert!(file.sql.starts_with("-- "), "{} says what it is", file.name);
        }
        for table in STAGED {
            let file = TABLES.iter().find(|file| file.object() == table).unwrap();
            let columns = columns(file.sql);
            assert_eq!([&columns[0].name, &columns[1].name], ["run_id", "attempt"]);
            assert_eq!(columns.last().unwrap().name, "staged_at");
        }
    }

    #[test]
    fn columns_are_read_from_their_lines() {
        let sql = "CREATE TABLE t\n(\n    a  DateTime64(9, 'UTC') CODEC(DoubleDelta, LZ4),\n    bc Float64 DEFAULT d / 2.,\n    d  Int64\n)\nENGINE = MergeTree\nORDER BY (a, d)\n";
        let expected = [
            ("a", "DateTime64(9, 'UTC')", "", "CODEC(DoubleDelta, LZ4)"),
            ("bc", "Float64", "d / 2.", ""),
            ("d", "Int64", "", ""),
        ];
        let found = columns(sql);
        assert_eq!(found.len(), expected.len());
        for (found, (name, kind, default, codec)) in found.iter().zip(expected) {
            assert_eq!((&*found.name, &*found.kind), (name, kind));
            assert_eq!((&*found.default, &*found.codec), (default, codec));
        }
        assert_eq!((engine(sql), sorting_key(sql)), ("MergeTree", "a, d"));
    }
}
