//! `bt-host`: the command line. Results go to standard output, talk and errors to standard error.
//!
//! Exit codes: 0 done; 1 unexpected; 2 usage; 3 config invalid; 4 no data selected; 5 data refused; 6 strategy
//! cannot be loaded; 7 strategy failed; 8 some members of a sweep failed; 9 the run to be explained or the database differs; 69 service unavailable; 74 input or output
//! failed; 130, 143 stopped by a signal; 141 nobody reads standard output.

use bt_host::calibrate::{self, Fit, latency, report};
use bt_host::config::{
    self, ClickHouseOutput, Config, Exists, LoadOptions,
    data::{Server, SourceSpec},
    fault::Faults,
    shape::Shape,
};
use bt_host::demo;
use bt_host::explain::{self, Question};
use bt_host::export::{self, Format};
use bt_host::huge_pages::HugePages;
use bt_host::import;
use bt_host::inspect;
use bt_host::output::{invocation, summary, table};
use bt_host::progress::{Mode, Progress};
use bt_host::provenance::BUILD;
use bt_host::quality;
use bt_host::run::{self, Options, RunError};
use bt_host::stamps;
use bt_host::store::{self, Bars};
use bt_host::sweep::{self, Fate, SweepError};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: HugePages = HugePages;

/// Backtests strategies against recorded order books, exactly and repeatably.
#[derive(Parser)]
#[command(name = "bt-host", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 unexpected, 2 usage, 3 config invalid, 4 no data, \
    5 data refused, 6 strategy cannot be loaded, 7 strategy failed, 8 some members of a sweep failed, \
    9 the run to be explained or the database differs, 69 service unavailable, 74 input or output failed, 130 and 143 stopped by a signal, 141 standard output closed.";

#[derive(Subcommand)]
enum Command {
    /// Run a config: replay its rows through its strategies and write the results.
    Run(RunArgs),
    /// Run many variants of a config, those over the same rows in shared passes, and rank them: a leaderboard with the
    /// deflated Sharpe ratio of the best. The same command goes on where it stopped.
    Sweep(SweepArgs),
    /// Check a config, its files and its strategies without running it.
    Validate(ValidateArgs),
    /// Run a synthetic session through the example market maker; needs nothing but this program.
    Demo(DemoArgs),
    /// Tell the life of one order: run the results' run again, prove that it is the same, and show what moved the
    /// order, its queue by the three estimates, and the evidence of each fill.
    Explain(ExplainArgs),
    /// Hold the models against reality: replay real orders as shadows and tell how far each queue model is from what
    /// became of them, or fit latencies to recorded requests.
    Calibrate(CalibrateArgs),
    /// Look at the rows of a config, by symbol and trading day: how many are used, how many are excluded and why, with the
    /// first of each, and what tells legal equal ticks from double writes.
    Inspect(InspectArgs),
    /// Copy the rows of a config into files, one for each symbol and trading day, with a manifest of counts and hashes: a
    /// ClickHouse table into Parquet or Arrow, over which a run has the digest of a run over the table; or any source into arrays of
    /// hftbacktest's events.
    Export(ExportArgs),
    /// Copy Parquet or Arrow files, of `export` or with the columns that a run reads, into a ClickHouse table of the platform's layout. Given
    /// again it writes what is missing and nothing twice, whatever became of it before.
    Import(ImportArgs),
    /// Publish results that are there already in a ClickHouse: of a run that had none, or whose server was away.
    Publish(PublishArgs),
    /// Schemas: the config's, for editors, and the results database's, on a server.
    Schema {
        #[command(subcommand)]
        what: SchemaOf,
    },
    /// Print what this program was built from.
    Version {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum SchemaOf {
    /// Print the JSON Schema of a config; point your editor at it.
    Config,
    /// Print the JSON Schema of a sweep file.
    SweepFile,
    /// Make the database, its tables and views where they are not there. Again, it changes nothing.
    Apply {
        #[command(flatten)]
        server: ServerArgs,
        /// Keep bars of a second and of a minute of the trades of this table, from now on.
        #[arg(long, value_name = "DATABASE.TABLE")]
        bars_from: Option<String>,
        /// And of the trades that are there now. Nobody may write to the table meanwhile.
        #[arg(long, requires = "bars_from")]
        bars_backfill: bool,
    },
    /// Tell where the database is not what this program writes to; exit code 9 if it is not.
    Diff {
        #[command(flatten)]
        server: ServerArgs,
        /// Print JSON instead of the table.
        #[arg(long)]
        json: bool,
    },
    /// Remove rows that no view shows: of starts that died, and of attempts that a newer one replaced.
    Sweep {
        #[command(flatten)]
        server: ServerArgs,
        /// Leave what was staged within this time: somebody may be at it.
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = age)]
        older_than: Duration,
        /// Tell what would be removed, and remove nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Args)]
struct PublishArgs {
    /// Results of `run`.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
    /// What to do with a run that is there already.
    #[arg(long, value_enum, default_value_t = ExistsArg::Refuse)]
    exists: ExistsArg,
    /// Make the database, its tables and views if they are not there.
    #[arg(long)]
    create: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ExistsArg {
    /// Leave it; exit code 2.
    Refuse,
    /// Show this attempt in its place.
    Replace,
    /// Show this attempt beside it, under an id of its own.
    New,
}

#[derive(Args)]
struct ServerArgs {
    /// Config whose `output.clickhouse` names server and database.
    #[arg(long, value_name = "FILE", required_unless_present = "url")]
    config: Option<PathBuf>,
    /// Change one value of the config; may be given again.
    #[arg(long = "set", value_name = "KEY.PATH=VALUE", requires = "config")]
    sets: Vec<String>,
    /// Server without a config: its address, http://host:8123.
    #[arg(long, conflicts_with = "config")]
    url: Option<String>,
    /// Database there; btcore if not given.
    #[arg(long, requires = "url", value_name = "NAME")]
    database: Option<String>,
    /// User; default if not given.
    #[arg(long, requires = "url", value_name = "NAME")]
    user: Option<String>,
    /// Environment variable that holds the password.
    #[arg(long, requires = "url", value_name = "NAME")]
    password_env: Option<String>,
    /// File that holds the password in its first line.
    #[arg(long, requires = "url", value_name = "FILE")]
    password_file: Option<String>,
}

impl ServerArgs {
    fn load(&self) -> Result<Server, ExitCode> {
        let Some(path) = &self.config else {
            let keys = [
                ("url", &self.url),
                ("database", &self.database),
                ("user", &self.user),
                ("password_env", &self.password_env),
                ("password_file", &self.password_file),
            ];
            let given = keys.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?)));
            return config::server(given).map_err(|faults| invalid(&faults));
        };
        let options = LoadOptions { sets: self.sets.clone(), ..LoadOptions::default() };
        let config = config::load(path, &options).map_err(|faults| invalid(&faults))?;
        config.output.clickhouse.map(|output| output.server).ok_or_else(|| {
            eprintln!("error: {}: there is no output.clickhouse", path.display());
            ExitCode::from(3)
        })
    }
}

#[derive(Args)]
struct ConfigArgs {
    /// Config, YAML or JSON.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Take this shared object as the code of every strategy.
    #[arg(long, value_name = "PATH.so")]
    strategy: Option<PathBuf>,
    /// Change one value of the config; may be given again.
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    sets: Vec<String>,
}

impl ConfigArgs {
    fn load(&self, out: Option<PathBuf>) -> Result<Config, Faults> {
        let options = LoadOptions { sets: self.sets.clone(), strategy: self.strategy.clone(), out };
        config::load(&self.config, &options)
    }
}

#[derive(Args)]
struct OutputArgs {
    /// Where the results go; output.dir of the config if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace results that are there.
    #[arg(long)]
    force: bool,
    /// Print summary.json instead of the table.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(short, long)]
    quiet: bool,
    /// Say on standard error how fast it was and where the time went.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Args)]
struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct SweepArgs {
    /// Sweep file, YAML or JSON: a base config, and what its members change.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Take this shared object as the code of every strategy.
    #[arg(long, value_name = "PATH.so")]
    strategy: Option<PathBuf>,
    /// Change one value of the sweep file; may be given again.
    #[arg(long = "set", value_name = "KEY.PATH=VALUE")]
    sets: Vec<String>,
    /// Where the results go; output.dir of the sweep file if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Run every member again, done or not.
    #[arg(long)]
    force: bool,
    /// Say what each member changes and whether it would run; run nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print leaderboard.json instead of the table.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(short, long)]
    quiet: bool,
    /// Say on standard error how fast it was and where the time went.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Args)]
struct ValidateArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Args)]
struct InspectArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Of this symbol alone.
    #[arg(long)]
    symbol: Option<String>,
    /// Of this trading day alone.
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Option<String>,
    /// Print JSON instead of the tables.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ExportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where the files go.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What they are.
    #[arg(long, value_enum, default_value_t = FormatArg::Parquet)]
    format: FormatArg,
    /// Replace an export that is there.
    #[arg(long)]
    force: bool,
    /// Print manifest.json instead of the table.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatArg {
    /// The columns of a ClickHouse table.
    Parquet,
    /// The same as Arrow IPC files.
    Arrow,
    /// Rows of any source, as a run sees them, for hftbacktest.
    Npz,
}

#[derive(Args)]
struct ImportArgs {
    /// Config whose `data.clickhouse` names the table, or whose `data.parquet` or `data.arrow` names the files.
    #[arg(long, value_name = "FILE", required_unless_present_all = ["files", "url"])]
    config: Option<PathBuf>,
    /// Change one value of the config; may be given again.
    #[arg(long = "set", value_name = "KEY.PATH=VALUE", requires = "config")]
    sets: Vec<String>,
    /// Files, or directories that `export` wrote, instead of the config's.
    #[arg(long = "file", value_name = "FILE|DIR", num_args = 1..)]
    files: Vec<PathBuf>,
    /// Server instead of the config's: its address, http://host:8123.
    #[arg(long)]
    url: Option<String>,
    /// Database there; hft if not given.
    #[arg(long, requires = "url", value_name = "NAME")]
    database: Option<String>,
    /// Table there; market_data if not given.
    #[arg(long, requires = "url", value_name = "NAME")]
    table: Option<String>,
    /// User; default if not given.
    #[arg(long, requires = "url", value_name = "NAME")]
    user: Option<String>,
    /// Environment variable that holds the password.
    #[arg(long, requires = "url", value_name = "NAME")]
    password_env: Option<String>,
    /// File that holds the password in its first line.
    #[arg(long, requires = "url", value_name = "FILE")]
    password_file: Option<String>,
    /// Make the database and the table if they are not there.
    #[arg(long)]
    create: bool,
    /// Add the rows to others of the same symbols and span, which are refused otherwise.
    #[arg(long)]
    append: bool,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
    /// No progress.
    #[arg(short, long)]
    quiet: bool,
}

/// What an import reads and where it writes.
struct ImportPlan {
    files: Vec<PathBuf>,
    server: Server,
    table: String,
    shape: Shape,
}

impl ImportArgs {
    fn load(&self) -> Result<ImportPlan, ExitCode> {
        let options = LoadOptions { sets: self.sets.clone(), ..LoadOptions::default() };
        let config = self.config.as_ref().map(|path| config::load(path, &options)).transpose();
        let config = config.map_err(|faults| invalid(&faults))?;
        let shape = config.as_ref().map(|config| config.data.shape.clone()).unwrap_or_default();
        let source = config.map(|config| config.data.source);
        let usage = |message: &str| {
            eprintln!("error: {message}");
            ExitCode::from(2)
        };
        let named = self.url.as_ref().map(|url| {
            let keys = [
                ("url", Some(url.as_str())),
                ("database", Some(self.database.as_deref().unwrap_or("hft"))),
                ("user", self.user.as_deref()),
                ("password_env", self.password_env.as_deref()),
                ("password_file", self.password_file.as_deref()),
            ];
            let given = keys.iter().filter_map(|(key, value)| Some((*key, (*value)?)));
            config::server(given).map_err(|faults| invalid(&faults))
        });
        let (server, table) = match (named.transpose()?, &source) {
            (Some(server), _) => {
                (server, self.table.as_deref().unwrap_or("market_data").to_owned())
            }
            (None, Some(SourceSpec::ClickHouse(server, table))) if shape.is_plain() => {
                (server.clone(), table.clone())
            }
            (None, Some(SourceSpec::ClickHouse(..))) => {
                return Err(usage(
                    "the table is of another shape, or not all of it is the run's (`where`); rows are imported into the \
                     platform's only",
                ));
            }
            (None, _) => {
                return Err(usage("no table: give --url, or a config with data.clickhouse"));
            }
        };
        // It is that of the files if the config is about files.
        let is_of_files =
            matches!(source, Some(SourceSpec::Parquet { .. } | SourceSpec::Arrow { .. }));
        let shape = if is_of_files { shape } else { Shape::default() };
        if !shape.only.is_empty() {
            return Err(usage("files are imported whole; remove the `where` of their source"));
        }
        let files = match (self.files.as_slice(), source) {
            ([], Some(SourceSpec::Parquet { files } | SourceSpec::Arrow { files })) => files,
            ([], _) => {
                return Err(usage(
                    "no files: give --file, or a config with data.parquet or data.arrow",
                ));
            }
            (files, _) => files.to_vec(),
        };
        Ok(ImportPlan { files, server, table, shape })
    }
}

#[derive(Args)]
struct CalibrateArgs {
    /// Config, YAML or JSON: the rows, and the exchange's beliefs of its first lane.
    #[arg(long, value_name = "FILE", requires = "orders")]
    config: Option<PathBuf>,
    /// Change one value of the config; may be given again.
    #[arg(long = "set", value_name = "KEY.PATH=VALUE", requires = "config")]
    sets: Vec<String>,
    /// Real orders and what became of them, Parquet: symbol, side, price_scaled, qty, add_ts, end_ts, filled_qty,
    /// first_fill_ts, and optionally add_after_seq_no, queue_ahead_qty. Or `synth`: those of the config's own
    /// synthetic exchange.
    #[arg(
        long,
        value_name = "FILE.parquet|synth",
        requires = "config",
        required_unless_present = "latency"
    )]
    orders: Option<PathBuf>,
    /// Recorded requests, Parquet: action (submit, amend, cancel), request_ts, exchange_ts, response_ts, ns. --save
    /// writes a profile for a lane's `latency`.
    #[arg(long, value_name = "FILE.parquet", conflicts_with_all = ["config", "orders", "fit"])]
    latency: Option<PathBuf>,
    /// Fit the model to `all` orders, to the `first-half` and report the second, or take it from a FILE that
    /// --save has written.
    #[arg(long, value_name = "all|first-half|FILE")]
    fit: Option<String>,
    /// Write what was fitted here: the `queue` of a lane's `exchange` (needs --fit), or a latency profile.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct ExplainArgs {
    /// Results of `run` or `demo`. What their config names must still be there: data, files, strategies.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The order, as orders.parquet and fills.parquet number it: from 1 in each lane.
    #[arg(long, value_name = "ID")]
    order: u64,
    /// Its lane; needed where there are several.
    #[arg(long, value_name = "NAME")]
    lane: Option<String>,
    /// Print JSON instead of the screen.
    #[arg(long)]
    json: bool,
    /// Show everything: rows that met the order and changed nothing too, however long it lived.
    #[arg(long)]
    all: bool,
    /// No progress.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Args)]
struct DemoArgs {
    #[command(flatten)]
    output: OutputArgs,
    /// Seed of the synthetic market.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take this shared object instead of the example market maker.
    #[arg(long, value_name = "PATH.so")]
    strategy: Option<PathBuf>,
}

fn age(text: &str) -> Result<Duration, String> {
    let ns = config::scalar::duration_ns(text)?;
    u64::try_from(ns).map(Duration::from_nanos).map_err(|_| "an age is not below zero".into())
}

fn main() -> ExitCode {
    bt_host::signal::install();
    match Cli::parse().command {
        Command::Run(args) => match args.config.load(args.output.out.clone()) {
            Ok(config) => {
                let path = args.config.config.display().to_string();
                execute(&config, &args.output, path, false)
            }
            Err(faults) => invalid(&faults),
        },
        Command::Sweep(args) => sweep(&args),
        Command::Validate(args) => match args.config.load(None) {
            Ok(config) => validate(&config),
            Err(faults) => invalid(&faults),
        },
        Command::Demo(args) => {
            let out = args.output.out.clone().unwrap_or_else(|| "out/demo".into());
            let options = LoadOptions {
                sets: vec![format!("data.synth.seed={}", args.seed)],
                strategy: args.strategy.clone(),
                out: Some(out),
            };
            match demo::config(&options) {
                Ok(config) => {
                    // The demo's own directory is its to replace; one that was named is not.
                    let force = args.output.force || args.output.out.is_none();
                    let output = OutputArgs { force, ..args.output };
                    execute(&config, &output, "configs/demo.yaml (built in)".into(), true)
                }
                Err(faults) => invalid(&faults),
            }
        }
        Command::Explain(args) => explain(&args),
        Command::Calibrate(args) => calibrate(&args),
        Command::Inspect(args) => match args.config.load(None) {
            Ok(config) => inspect_rows(&config, &args),
            Err(faults) => invalid(&faults),
        },
        Command::Export(args) => match args.config.load(None) {
            Ok(config) => export_rows(&config, &args),
            Err(faults) => invalid(&faults),
        },
        Command::Import(args) => import_rows(&args),
        Command::Publish(args) => publish(&args),
        Command::Schema { what } => schema(&what),
        Command::Version { json } => {
            if json {
                say(format_args!("{:#}\n", invocation::build(None)));
            } else {
                say(format_args!("bt-host {} ({})\n", BUILD.version, BUILD.commit_text()));
            }
            ExitCode::SUCCESS
        }
    }
}

/// Prints to standard output; where nobody reads it any more (`| head`), the program ends as a signal would end it.
fn say(text: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) {
        if error.kind() != ErrorKind::BrokenPipe {
            eprintln!("error: standard output: {error}");
        }
        std::process::exit(if error.kind() == ErrorKind::BrokenPipe { 141 } else { 74 });
    }
}

/// Says on standard error what is not sure about the rules of a run.
fn warn(config: &Config) {
    let note = config.rules.iter();
    note.flat_map(|note| &note.warnings).for_each(|warning| eprintln!("warning: {warning}"));
}

fn execute(config: &Config, output: &OutputArgs, config_path: String, is_demo: bool) -> ExitCode {
    warn(config);
    let options = Options {
        force: output.force,
        progress: if output.quiet { Mode::Quiet } else { Mode::Auto },
        config_path,
        extra: &|dir| if is_demo { demo::write_tape(config, dir) } else { Ok(()) },
    };
    let finished = match run::run(config, &options) {
        Ok(finished) => finished,
        Err(error) => return failed(&error),
    };
    if output.verbose {
        eprint!("{}", finished.times.table());
    }
    if output.json {
        say(format_args!("{}", summary::text(&finished.result)));
        return ExitCode::SUCCESS;
    }
    if is_demo {
        say(format_args!(
            "The synthetic market beside TXF as recorded on two days of April 2026:\n\n{}\n",
            demo::profile_text(config)
        ));
    }
    let dir = finished.dir.display().to_string();
    say(format_args!("{}", table::render(&finished.result, finished.speed, &dir)));
    if let Some(published) = &finished.published {
        say(format_args!("{published}\n"));
    }
    ExitCode::SUCCESS
}

fn sweep(args: &SweepArgs) -> ExitCode {
    let load = sweep::LoadOptions { sets: args.sets.clone(), out: args.out.clone() };
    let spec = match sweep::load(&args.config, &load) {
        Ok(spec) => spec,
        Err(faults) => return invalid(&faults),
    };
    let options = sweep::Options {
        force: args.force,
        progress: if args.quiet { Mode::Quiet } else { Mode::Auto },
        strategy: args.strategy.clone(),
        config_path: args.config.display().to_string(),
    };
    let stopped = |error: SweepError| {
        if let SweepError::NoMember { told, .. } = &error {
            eprint!("{told}");
        }
        eprintln!("error: {error}");
        ExitCode::from(error.exit_code())
    };
    let has_failed = if args.dry_run {
        match sweep::list(&spec, &options) {
            Ok(listed) => {
                say(format_args!("{}", sweep::listing(&listed)));
                listed.members.iter().any(|member| matches!(member.fate, Fate::Fails(_)))
            }
            Err(error) => return stopped(error),
        }
    } else {
        let done = sweep::run(&spec, &options);
        if let (Ok(finished), true) = (&done, args.verbose) {
            eprint!("{}", sweep::timing(finished));
        }
        match done {
            Ok(finished) if args.json => {
                say(format_args!("{:#}\n", finished.board.document()));
                !finished.board.failed.is_empty()
            }
            Ok(finished) => {
                say(format_args!("{}", sweep::render(&finished)));
                !finished.board.failed.is_empty()
            }
            Err(error) => return stopped(error),
        }
    };
    if has_failed { ExitCode::from(8) } else { ExitCode::SUCCESS }
}

fn publish(args: &PublishArgs) -> ExitCode {
    let server = match args.server.load() {
        Ok(server) => server,
        Err(code) => return code,
    };
    let exists = match args.exists {
        ExistsArg::Refuse => Exists::Refuse,
        ExistsArg::Replace => Exists::Replace,
        ExistsArg::New => Exists::New,
    };
    let output = ClickHouseOutput { server, create: args.create, exists };
    match store::publish(&output, &args.run, Uuid::now_v7()) {
        Ok(published) => say(format_args!("{published}\n")),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(error.exit_code());
        }
    }
    ExitCode::SUCCESS
}

fn schema(what: &SchemaOf) -> ExitCode {
    let server = match what {
        SchemaOf::Config => {
            say(format_args!("{:#}\n", config::schema::document()));
            return ExitCode::SUCCESS;
        }
        SchemaOf::SweepFile => {
            say(format_args!("{:#}\n", sweep::schema::document()));
            return ExitCode::SUCCESS;
        }
        SchemaOf::Apply { server, .. }
        | SchemaOf::Diff { server, .. }
        | SchemaOf::Sweep { server, .. } => server.load(),
    };
    let done = match (what, server) {
        (_, Err(code)) => return code,
        (SchemaOf::Apply { bars_from, bars_backfill, .. }, Ok(server)) => {
            let bars = bars_from.clone().map(|source| Bars { source, backfill: *bars_backfill });
            store::apply(&server, bars.as_ref()).map(|applied| {
                say(format_args!("{}", store::applied_table(&applied)));
                ExitCode::SUCCESS
            })
        }
        (SchemaOf::Diff { json, .. }, Ok(server)) => store::diff(&server).map(|found| {
            if *json {
                say(format_args!("{:#}\n", store::diff_document(&found)));
            } else {
                say(format_args!("{}", store::diff_table(&found)));
            }
            ExitCode::from(if found.is_empty() { 0 } else { 9 })
        }),
        (SchemaOf::Sweep { older_than, dry_run, .. }, Ok(server)) => {
            store::sweep(&server, *older_than, *dry_run).map(|found| {
                say(format_args!("{}", store::leftover_table(&found, *dry_run)));
                ExitCode::SUCCESS
            })
        }
        (SchemaOf::Config | SchemaOf::SweepFile, Ok(_)) => return ExitCode::SUCCESS,
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(error.exit_code())
    })
}

/// Checks what a run would meet before its first row.
fn validate(config: &Config) -> ExitCode {
    warn(config);
    match run::check(config) {
        Ok(told) => {
            told.iter().for_each(|line| say(format_args!("{line}\n")));
            let document = config::effective::document(config);
            let hash = bt_host::provenance::hex(&config::effective::hash(&document));
            say(format_args!("{}: the config is valid; config hash {hash}\n", config.name));
            ExitCode::SUCCESS
        }
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("error: {error}"));
            ExitCode::from(errors.first().map_or(1, RunError::exit_code))
        }
    }
}

fn inspect_rows(config: &Config, args: &InspectArgs) -> ExitCode {
    let days = match inspect::inspect(config, args.symbol.as_deref(), args.day.as_deref()) {
        Ok(days) => days,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(error.exit_code());
        }
    };
    let breaches = quality::judge(&config.data.quality, &days);
    if args.json {
        say(format_args!("{:#}\n", inspect::document(&days, &breaches)));
    } else {
        say(format_args!("{}", inspect::table(&days, &breaches)));
    }
    if breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(5) }
}

fn export_rows(config: &Config, args: &ExportArgs) -> ExitCode {
    let mode = if args.quiet { Mode::Quiet } else { Mode::Auto };
    let mut progress = Progress::start(mode, config.data.from_ns, config.data.to_ns);
    let tell = |rows, rows_total, ts_ns| progress.tell(rows, rows_total, ts_ns);
    let format = match args.format {
        FormatArg::Parquet => Format::Parquet,
        FormatArg::Arrow => Format::Arrow,
        FormatArg::Npz => Format::Npz,
    };
    let done = export::export(config, format, &args.out, args.force, tell);
    progress.finish();
    match done {
        Ok(done) if args.json => say(format_args!("{:#}\n", done.manifest)),
        Ok(done) => say(format_args!("{}", export::table(&done))),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(error.exit_code());
        }
    }
    ExitCode::SUCCESS
}

fn import_rows(args: &ImportArgs) -> ExitCode {
    let plan = match args.load() {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let mode = if args.quiet { Mode::Quiet } else { Mode::Auto };
    let mut progress = Progress::start(mode, 0, 1);
    let tell = |rows, rows_total, ts_ns| progress.tell(rows, Some(rows_total), ts_ns);
    let options = import::Options { create: args.create, append: args.append, shape: plan.shape };
    let done = import::import(&plan.server, &plan.table, &plan.files, &options, tell);
    progress.finish();
    match done {
        Ok(done) => {
            done.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            if args.json {
                say(format_args!("{:#}\n", import::document(&done)));
            } else {
                say(format_args!("{}", import::table(&done)));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn explain(args: &ExplainArgs) -> ExitCode {
    let question = Question {
        dir: &args.run,
        order_id: args.order,
        lane: args.lane.as_deref(),
        all: args.all,
        progress: if args.quiet { Mode::Quiet } else { Mode::Auto },
    };
    let life = match explain::explain(&question) {
        Ok(life) => life,
        Err(explain::ExplainError::Config(faults)) => return invalid(&faults),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(error.exit_code());
        }
    };
    if let Some(warning) = &life.warning {
        eprintln!("warning: {warning}; config, data and orders are the same");
    }
    if args.json {
        say(format_args!("{:#}\n", explain::document(&life)));
    } else {
        say(format_args!("{}", explain::screen(&life, args.all)));
    }
    ExitCode::SUCCESS
}

fn calibrate(args: &CalibrateArgs) -> ExitCode {
    match (&args.latency, &args.config, &args.orders) {
        (Some(path), _, _) => calibrate_latency(path, args),
        (None, Some(config), Some(orders)) => calibrate_fills(config, orders, args),
        // The command line's own rules leave nothing else.
        _ => ExitCode::from(2),
    }
}

fn calibrate_latency(path: &Path, args: &CalibrateArgs) -> ExitCode {
    let fit = match stamps::read(path) {
        Ok(rows) => latency::fit(&rows),
        Err(error) => return failed(&error.into()),
    };
    if let Some(path) = &args.save
        && let Err(error) = latency::write_profile(path, &fit)
    {
        return failed(&error.into());
    }
    if args.json {
        say(format_args!("{:#}\n", latency::document(&fit)));
    } else {
        say(format_args!("{}", latency::table(&fit)));
    }
    ExitCode::SUCCESS
}

fn calibrate_fills(config: &Path, orders: &Path, args: &CalibrateArgs) -> ExitCode {
    if args.save.is_some() && args.fit.is_none() {
        eprintln!("error: --save needs --fit: without one there is nothing to write");
        return ExitCode::from(2);
    }
    let fit = match args.fit.as_deref() {
        None => Ok(Fit::None),
        Some("all") => Ok(Fit::All),
        Some("first-half") => Ok(Fit::FirstHalf),
        Some(file) => config::load_queue(file.as_ref()).map(Fit::Model),
    };
    let options = LoadOptions { sets: args.sets.clone(), ..LoadOptions::default() };
    let (config, fit) = match (config::load(config, &options), fit) {
        (Ok(config), Ok(fit)) => (config, fit),
        (Err(faults), _) | (_, Err(faults)) => return invalid(&faults),
    };
    let orders = (orders.as_os_str() != "synth").then_some(orders);
    let done = match calibrate::fills(&config, orders, fit) {
        Ok(done) => done,
        Err(error) => return failed(&error),
    };
    if let (Some(path), Some(queue)) = (&args.save, &done.fitted)
        && let Err(error) = report::write_model(path, queue)
    {
        return failed(&error.into());
    }
    if args.json {
        say(format_args!("{:#}\n", report::document(&done)));
    } else {
        say(format_args!("{}", report::table(&done)));
    }
    ExitCode::SUCCESS
}

fn invalid(faults: &Faults) -> ExitCode {
    eprint!("{faults}");
    let is_of_service = faults.list.iter().all(|fault| fault.is_of_service);
    ExitCode::from(if is_of_service { 69 } else { 3 })
}

fn failed(error: &RunError) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(error.exit_code())
}
