//! The JSON Schema of the config, for editors: shapes and one sentence for each key.
//!
//! Invariants: these types are never read into; the reader modules are. A test holds the two key for key.
//! Exact decimals and durations are texts or numbers, see `Decimal` and `Duration`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The schema as a document.
pub fn document() -> serde_json::Value {
    schemars::schema_for!(RunConfig).to_value()
}

/// Declares types that only describe.
macro_rules! shape {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(JsonSchema)]
            #[serde(deny_unknown_fields)]
            #[expect(dead_code, reason = "described, never made")]
            struct $name { $($(#[$field_meta])* $field: $type,)* }
        )*
    };
}

/// Declares a word out of a few.
macro_rules! words {
    ($($(#[$meta:meta])* enum $name:ident { $($word:ident,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(JsonSchema)]
            #[serde(rename_all = "snake_case")]
            #[expect(dead_code, reason = "described, never made")]
            enum $name { $($word,)* }
        )*
    };
}

/// Declares a scalar with a pattern.
macro_rules! scalar {
    ($name:ident, $types:tt, $pattern:literal, $text:literal) => {
        struct $name;
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                false
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $types, "pattern": $pattern, "description": $text })
            }
        }
    };
}

scalar!(
    Decimal,
    ["string", "number"],
    r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$",
    "An exact decimal. Never goes through a float; quote it where other tools rewrite the file."
);
scalar!(
    Duration,
    ["string", "integer"],
    r"^(0|-?[0-9.]+ ?(ns|us|µs|ms|s|m|h))$",
    "A duration with its unit: 36ms, 250us, 1.5s; or 0."
);
scalar!(
    Edge,
    "string",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?$",
    "A date in data.time_zone, or an RFC 3339 instant with its offset."
);
scalar!(
    Clock,
    "string",
    r"^[0-9]{2}:[0-9]{2}(:[0-9]{2})?(\+1)?$",
    "A clock time; +1 is the next day. Quote it."
);
scalar!(
    FeedWord,
    ["string", "integer"],
    r"^(recorded|0|[0-9.]+ ?(ns|us|µs|ms|s|m|h))$",
    "A duration with its unit, or `recorded`."
);
scalar!(
    ClockOrTime,
    ["string", "integer"],
    r"^([0-9]{2}:[0-9]{2}(:[0-9]{2})?|0|[0-9.]+ ?(ns|us|µs|ms|s|m|h))$",
    "A clock time in quotes, or a duration with its unit."
);
scalar!(
    PercentOrTime,
    ["string", "number"],
    r"^[0-9.]+ ?(ns|us|µs|ms|s|m|h)?$",
    "A percentage, or a duration with its unit."
);
scalar!(
    Threshold,
    ["string", "integer"],
    r"^(off|[0-9_]+|[0-9.]+ ?%)$",
    "A count such as 0, a share of the rows in such as 0.1%, or off."
);
scalar!(
    DurationOrOff,
    ["string", "integer"],
    r"^(off|[0-9.]+ ?(ns|us|µs|ms|s|m|h))$",
    "A duration with its unit, or off."
);
scalar!(Date, "string", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "A date.");
scalar!(
    Word,
    ["string", "number"],
    r"^\S+$",
    "A word without spaces; numbers are taken as written, 0050 included."
);
scalar!(
    OneOrMore,
    ["string", "number", "array"],
    "",
    "A value as a text, or a list of them; numbers are taken as written."
);
scalar!(
    Param,
    ["string", "number"],
    "",
    "A whole number, a number, or a text. Quotes make a text."
);
scalar!(Seed, ["string", "integer"], r"^[0-9]+$", "A whole number from 0 to 2^64-1.");

shape! {
    /// A run of btcore: rows of a span, through lanes of strategies, to results.
    struct RunConfig {
        /// Version of this format.
        #[schemars(range(min = 1, max = 1))]
        version: u32,
        /// Name of the run; names its output directory.
        name: String,
        /// Rows: where from, which span, how they are read.
        data: Data,
        /// Rules of a market as dated data: `taiwan`, or a file of your own.
        rules: Option<Rules>,
        /// Reference prices of trading days, for price limits.
        references: Option<References>,
        /// Instruments. Excludes `instruments_file`.
        instruments: Option<Vec<Instrument>>,
        /// A file that holds `instruments`, relative to this one.
        instruments_file: Option<String>,
        /// Lanes, each one simulated trader. Excludes the lane keys at this level.
        lanes: Option<Vec<Lane>>,
        /// Run each lane three times in the one pass, once for every queue estimate. Default false.
        interval: Option<bool>,
        /// Strategies of the only lane.
        strategies: Option<Vec<Strategy>>,
        /// Latency of the only lane.
        latency: Option<Latency>,
        /// What its exchange believes. Excludes `lanes`.
        exchange: Option<Exchange>,
        /// Seed of the only lane's draws. Default 0.
        seed: Option<Seed>,
        /// Capital of the only lane, in the account's currency.
        capital: Option<Decimal>,
        /// Grid of the only lane's equity samples. Default 60s.
        timeseries: Option<Duration>,
        /// Sizes of the only lane's slabs. No result depends on them.
        capacity: Option<Capacity>,
        /// Where results go.
        output: Option<Output>,
        /// How the machine is used. No result depends on it.
        run: Option<Run>,
    }

    /// How the machine is used.
    struct Run {
        /// Cores of the threads. Default auto: the replay on one of its own, everybody else on the others.
        pin: Option<Pin>,
    }

    /// Rows of the run. Give exactly one of parquet, arrow, clickhouse, synth.
    struct Data {
        /// Parquet files.
        parquet: Option<Files>,
        /// Arrow IPC files, those with a footer (`.arrow`, Feather 2), not streams.
        arrow: Option<Files>,
        /// A ClickHouse table.
        clickhouse: Option<ClickHouse>,
        /// The synthetic exchange.
        synth: Option<Synth>,
        /// Beginning of the span, inclusive.
        from: Edge,
        /// End of the span: a date includes its whole day, an instant is exclusive.
        to: Edge,
        /// Time zone of the dates above. Default UTC.
        time_zone: Option<String>,
        /// Days of the dates above. Default calendar; trading takes every session that belongs to a trading day, the night
        /// before it included, by each instrument's own sessions.
        days: Option<Days>,
        /// Sessions of each trading day: those that open on its own date (day), or on an earlier one (night). Default all.
        session: Option<DayPart>,
        /// Stamps lie on this grid after rounding, ns. Default 1, exact.
        #[schemars(range(min = 1, max = 60_000_000_000_i64))]
        ts_grid_ns: Option<i64>,
        /// What to do with rows that cannot be read. Default fail.
        malformed: Option<Malformed>,
        /// At one stamp, trades come before books. Default true.
        trade_first: Option<bool>,
        /// How far back in time a row may lie behind the newest one of its source. Default 0.
        reorder: Option<Duration>,
        /// Rows that may be held back while their order is open.
        #[schemars(range(min = 2, max = 16_777_216))]
        reorder_rows_max: Option<u32>,
        /// What to do with rows that equal another in every column, sequence number included. Default drop_exact;
        /// drop_second_tick also drops every second of equal ticks at one stamp, for a source that writes each twice.
        duplicates: Option<Duplicates>,
        /// Rows decoded ahead of the replay, over all streams; at least 512 a chunk. Default 65536. No result depends on it.
        #[schemars(range(min = 1, max = 16_777_216))]
        chunk_rows: Option<u32>,
        /// Rows of the replay window; at least twice what arrives within the longest feed latency and a second more.
        #[schemars(range(min = 64, max = 268_435_456))]
        window_rows: Option<u32>,
        /// Where decoded rows are kept for the next run. Default off. No result depends on it.
        cache: Option<CacheOrOff>,
        /// How many odd rows of a symbol and trading day end a run before it begins, by reason. Default off.
        quality: Option<QualityOrOff>,
    }

    /// Thresholds by reason, over each symbol and trading day: a count, or a share of the rows in.
    struct Quality {
        /// Rows that equal another and were dropped, by `duplicates`.
        duplicates: Option<Threshold>,
        /// Books without any level.
        empty_book: Option<Threshold>,
        /// Crossed and locked books.
        crossed: Option<Threshold>,
        /// Prices that are words.
        sentinel: Option<Threshold>,
        /// Rows outside every session.
        out_of_session: Option<Threshold>,
        /// Books without bids or without asks.
        one_sided: Option<Threshold>,
        /// Trades of unknown aggressor.
        unknown_aggressor: Option<Threshold>,
        /// Stamps off `ts_grid_ns`.
        off_grid: Option<Threshold>,
        /// Rows without a usable receive clock.
        no_recv_clock: Option<Threshold>,
        /// Prices that are not on the instrument's ladder.
        off_ladder: Option<Threshold>,
        /// Trades while the book stands still; needs `stale_after`.
        stale: Option<Threshold>,
        /// Rows behind a newer one of their source; `reorder` says how far they may lie.
        backward_time: Option<Threshold>,
        /// Rows that cannot be read, where `malformed: skip` leaves them out; over all days.
        skipped: Option<Threshold>,
        /// A trade so long behind another one, with no book of the symbol since, is stale. Default off.
        stale_after: Option<DurationOrOff>,
    }

    /// A directory of decoded rows.
    struct Cache {
        /// Directory, relative to this file; made when it is needed.
        dir: String,
        /// Beyond this many bytes, what was not used for longest goes. Default no limit.
        #[schemars(range(min = 1))]
        max_bytes: Option<u64>,
    }

    /// Files of rows.
    struct Files {
        /// Paths relative to this file; * and ? match within one step.
        files: Vec<String>,
        /// Their names of the columns, where they differ. No result depends on it.
        columns: Option<Columns>,
        /// Their units in one unit of price. Default 1000000 for integers, 1 for floats and decimals.
        #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
        price_scale: Option<u64>,
        /// Their words for kinds of rows, where they differ.
        types: Option<RowKinds>,
        /// The rows to take, by column (texts, enums, whole numbers, booleans): a value, or a list of them, each as a text.
        r#where: Option<BTreeMap<String, OneOrMore>>,
    }

    /// The source's name of each column of rows: letters, digits and _ only.
    struct Columns {
        /// The instrument.
        symbol: Option<String>,
        /// Kind of the row.
        r#type: Option<String>,
        /// When the exchange said it: ns since the epoch, or a timestamp.
        exch_ts: Option<String>,
        /// When it was received: ns since the epoch, or a timestamp.
        ingest_ts: Option<String>,
        /// Price of a trade: integers, floats or decimals.
        price_scaled: Option<String>,
        /// Quantity of a trade.
        volume: Option<String>,
        /// Prices of bids, best first.
        bids_price: Option<String>,
        /// Their sizes.
        bids_vol: Option<String>,
        /// Prices of asks, best first.
        asks_price: Option<String>,
        /// Their sizes.
        asks_vol: Option<String>,
        /// Number of the row.
        seq_no: Option<String>,
        /// Aggressor of a trade: 1 buys, -1 sells, 0 is unknown.
        trade_direction: Option<String>,
    }

    /// The source's word for each kind of row.
    struct RowKinds {
        /// A book.
        #[serde(rename = "BidAsk")]
        bid_ask: Option<String>,
        /// A book that was asked for.
        #[serde(rename = "Snapshot")]
        snapshot: Option<String>,
        /// A trade.
        #[serde(rename = "Tick")]
        tick: Option<String>,
    }

    /// A ClickHouse table to read.
    struct ClickHouse {
        /// Address, http://host:8123 or https://host:8443.
        url: String,
        /// PEM file of the authorities that an https address is checked against. Default those of the machine.
        ca_file: Option<String>,
        /// Database. Default hft.
        database: Option<String>,
        /// Table. Default market_data.
        table: Option<String>,
        /// Its names of the columns, where they differ. No result depends on it.
        columns: Option<Columns>,
        /// Its units in one unit of price. Default 1000000 for integers, 1 for floats and decimals.
        #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
        price_scale: Option<u64>,
        /// Its words for kinds of rows, where they differ.
        types: Option<RowKinds>,
        /// The rows to take, by column (texts, enums, whole numbers, booleans): a value, or a list of them, each as a text.
        r#where: Option<BTreeMap<String, OneOrMore>>,
        /// User. Default default.
        user: Option<String>,
        /// Environment variable that holds the password.
        password_env: Option<String>,
        /// File that holds the password in its first line.
        password_file: Option<String>,
        /// How long a connection, or the table's columns, may take. Default 9s.
        connect_timeout: Option<Duration>,
        /// How long the server may make no progress. Default 60s.
        receive_timeout: Option<Duration>,
        /// How often a failed request or transfer is tried again; 0 is never. Default 5. No result depends on it.
        #[schemars(range(min = 0, max = 1_000))]
        retries: Option<u32>,
        /// Pause before the first retry, doubled each time up to 30s. Default 200ms.
        back_off: Option<Duration>,
    }

    /// The synthetic exchange: one stream of rows for each instrument.
    struct Synth {
        /// The order flow. Default txf.
        preset: Option<SynthPreset>,
        /// Seed of the flow. Default 1.
        seed: Option<Seed>,
        /// Books appear on this grid when they changed, whole ms; 0 shows every change. Default 125ms.
        book_interval: Option<Duration>,
    }

    /// A rules file.
    struct RulesFigure {
        /// TOML, relative to this file.
        file: String,
    }

    /// Reference prices. Give exactly one of file, clickhouse.
    struct References {
        /// Parquet or CSV, relative to this file: symbol, trading_day, reference or reference_scaled, limit_down_scaled,
        /// limit_up_scaled, protection_scaled.
        file: Option<String>,
        /// A table with the same columns.
        clickhouse: Option<ReferencesTable>,
    }

    /// A ClickHouse table of references.
    struct ReferencesTable {
        /// Address, http://host:8123 or https://host:8443.
        url: String,
        /// PEM file of the authorities that an https address is checked against. Default those of the machine.
        ca_file: Option<String>,
        /// Database. Default hft.
        database: Option<String>,
        /// Table.
        table: String,
        /// User. Default default.
        user: Option<String>,
        /// Environment variable that holds the password.
        password_env: Option<String>,
        /// File that holds the password in its first line.
        password_file: Option<String>,
        /// How long a connection, or the table's columns, may take. Default 9s.
        connect_timeout: Option<Duration>,
        /// How long the server may make no progress. Default 60s.
        receive_timeout: Option<Duration>,
        /// How often a failed request or transfer is tried again; 0 is never. Default 5. No result depends on it.
        #[schemars(range(min = 0, max = 1_000))]
        retries: Option<u32>,
        /// Pause before the first retry, doubled each time up to 30s. Default 200ms.
        back_off: Option<Duration>,
    }

    /// An instrument. With `product`, what is left out comes from the rules; without it, tick or ladder, multiplier and
    /// sessions are needed.
    struct Instrument {
        /// Symbol, as in the source.
        symbol: Word,
        /// Product of the rules: a root such as TXF, or a class such as stock.
        product: Option<String>,
        /// Venue of the product, where it is listed on several.
        venue: Option<String>,
        /// Last trading day. Default: by the month code of the symbol and the calendar.
        expiry: Option<Date>,
        /// What stands here may contradict the rules. Default false.
        #[serde(rename = "override")]
        is_override: Option<bool>,
        /// Exchange, for tables.
        exchange: Option<Word>,
        /// Tick size at every price. Excludes `ladder`.
        tick: Option<Decimal>,
        /// Tick sizes by price: [from, tick] steps. Excludes `tick`.
        ladder: Option<Vec<(Decimal, Decimal)>>,
        /// Money of one lot for one quote unit.
        multiplier: Option<Decimal>,
        /// Units of the source's quantities in one lot. Default 1.
        #[schemars(range(min = 1, max = 1_000_000_000))]
        lot: Option<u64>,
        /// Levels a side of the source shows at most. Default 5.
        #[schemars(range(min = 1, max = 5))]
        depth_max: Option<u8>,
        /// Lowest and highest legal order price.
        price_limits: Option<PriceLimits>,
        /// Largest quantity of one order, lots.
        #[schemars(range(min = 1))]
        order_qty_max: Option<u32>,
        /// Points of protection of market orders with protection. Default: the venue has none.
        protection: Option<Decimal>,
        /// Prices of zero and below are prices (spreads), not sentinels. Default false.
        negative_prices: Option<bool>,
        /// Sessions: `always`, or windows; of a product, only days that are not as in its calendar.
        sessions: Option<SessionsOrPreset>,
        /// Fees and taxes. Default none.
        fees: Option<Vec<Fee>>,
    }

    /// Price limits.
    struct PriceLimits {
        /// Lowest.
        down: Option<Decimal>,
        /// Highest.
        up: Option<Decimal>,
    }

    /// Sessions on the venue's own clock, Monday to Friday.
    struct Sessions {
        /// IANA name of the venue's clock.
        time_zone: Option<String>,
        /// Windows of a day.
        list: Option<Vec<Window>>,
        /// Holidays from a calendar, such as XTAI or XNYS.
        calendar: Option<String>,
        /// Days without a session, a typhoon's say.
        holidays: Option<Vec<Date>>,
        /// Days with sessions nevertheless, such as working Saturdays.
        extra_days: Option<Vec<Date>>,
    }

    /// A session window.
    struct Window {
        /// First instant.
        open: Clock,
        /// First instant after the session, and match of an auction.
        close: Clock,
        /// How orders meet. Default continuous.
        phase: Option<SessionPhase>,
        /// Orders are neither amended nor cancelled for so long before the close. Default 0.
        frozen: Option<Duration>,
        /// An auction's print is stamped within this after its match. Default 60s.
        print_within: Option<Duration>,
        /// Trading day it belongs to. Default same.
        trading_day: Option<TradingDay>,
    }

    /// A fee or tax. Give exactly one of per_lot, rate.
    struct Fee {
        /// Name for tables.
        name: String,
        /// Money for each lot.
        per_lot: Option<Decimal>,
        /// Share of the value.
        rate: Option<Decimal>,
        /// What the rate applies to: one lot's value, rounded for each lot, or the fill's. Default value_per_lot.
        base: Option<FeeBase>,
        /// Fills it applies to. Default both.
        side: Option<FeeSide>,
        /// Rounding to `unit`. Default half_up.
        round: Option<Round>,
        /// Unit of rounding, money. Default 0.000001.
        unit: Option<Decimal>,
    }

    /// One simulated trader.
    struct Lane {
        /// Name for tables.
        name: String,
        /// Its strategies.
        strategies: Vec<Strategy>,
        /// Its latency.
        latency: Latency,
        /// What its exchange believes where the data are silent.
        exchange: Option<Exchange>,
        /// Seed of its draws. Default 0.
        seed: Option<Seed>,
        /// Capital, in the account's currency.
        capital: Decimal,
        /// Grid of equity samples. Default 60s.
        timeseries: Option<Duration>,
        /// Sizes of its slabs. No result depends on them.
        capacity: Option<Capacity>,
    }

    /// A strategy.
    struct Strategy {
        /// Name for tables.
        name: String,
        /// Shared object, relative to this file, or builtin:market_maker. `--strategy` takes its place.
        path: Option<String>,
        /// Parameters.
        params: Option<BTreeMap<String, Param>>,
    }

    /// What the exchange of a lane believes where the data are silent. Every key may be left out.
    struct Exchange {
        /// Queue model of the middle estimate.
        queue: Option<Queue>,
        /// The estimate that fills. Default model.
        estimate: Option<Estimate>,
        /// What the exchange knows of the queue that an order joins. Default next_book: the first book after it.
        hindsight: Option<Hindsight>,
        /// How far a trade and the drop of depth that it causes may be apart. Default next_book.
        netting: Option<Netting>,
        /// What the model assumes ahead at a price out of view. Default mean.
        unseen: Option<Unseen>,
        /// What opposite size displayed at or through a price is evidence for. Default volume.
        crossed_fills: Option<CrossedFills>,
        /// What a print through a price is evidence for. Default volume.
        through_fills: Option<ThroughFills>,
        /// When lots taken from the book are there again. Default until_replenished.
        taken: Option<Taken>,
        /// What lies beyond the last displayed level. Default reject.
        beyond: Option<Beyond>,
        /// Least cost of taking, from the touch; the greater of it and the walk is charged. Default none.
        slippage: Option<Slippage>,
        /// Own orders that would meet. Default allow.
        own_cross: Option<OwnCross>,
        /// Age at which a book that trades have left behind is stale. Default never.
        stale: Option<Duration>,
        /// What of an order at the very price of a call auction trades. Default back, none of it.
        auction: Option<Auction>,
        /// Filled orders whose other estimates are followed at once. Default 64.
        ghosts: Option<u32>,
    }

    /// The queue model.
    struct Queue {
        /// What is ahead on arrival, beside what is displayed.
        join: Option<Join>,
        /// Who cancels.
        advance: Option<Advance>,
    }

    /// A join by a figure.
    struct JoinFigure {
        /// Share of what came up by the next book that is ahead, 0 to 1.
        share: Option<Decimal>,
    }

    /// An advance by a figure.
    struct AdvanceFigure {
        /// Power of behind^n / (behind^n + ahead^n), 1 to 8.
        power: Option<u32>,
        /// Power of behind^n / (behind + ahead)^n, 1 to 8.
        power2: Option<u32>,
        /// Power of 1 - (ahead / (ahead + behind))^n, 1 to 8.
        power3: Option<u32>,
        /// Share of the pro-rata advance, 0 to 1.
        part: Option<Decimal>,
    }

    /// A window.
    struct NettingFigure {
        /// Either comes first, and the other within this time, at most 1m.
        window: Option<Duration>,
    }

    /// A share of an order.
    struct AuctionFigure {
        /// 0 to 1.
        share: Option<Decimal>,
    }

    /// A half-life.
    struct TakenFigure {
        /// Half of the lots are back after it.
        half_life: Option<Duration>,
    }

    /// A penalty.
    struct BeyondFigure {
        /// Ticks behind the last displayed level.
        penalty_ticks: Option<u32>,
    }

    /// A slippage model.
    struct SlippageFigure {
        /// Ticks.
        fixed_ticks: Option<u32>,
        /// In proportion to the order.
        linear: Option<LinearSlippage>,
        /// By the square root of its share of a day.
        square_root: Option<SquareRootSlippage>,
    }

    /// In proportion to the order.
    struct LinearSlippage {
        /// Ticks for each lot.
        ticks_per_lot: Decimal,
    }

    /// By the square root of the order's share of a day.
    struct SquareRootSlippage {
        /// Ticks for an order of a whole day's volume.
        ticks: Decimal,
        /// Lots of a day.
        volume: u64,
    }

    /// Latency of each leg, 0 to 1h. Every leg is stated, here or in the profile.
    struct Latency {
        /// A file that holds such a map, relative to this one; keys beside it take the place of the file's.
        profile: Option<String>,
        /// Exchange to strategy, market rows; `recorded` goes by the recorded receive time.
        feed: Option<FeedLeg>,
        /// Strategy to exchange, new orders.
        submit: Option<Leg>,
        /// Strategy to exchange, amends.
        amend: Option<Leg>,
        /// Strategy to exchange, cancels.
        cancel: Option<Leg>,
        /// Exchange to strategy, reports and fills.
        response: Option<Leg>,
        /// The broker's limit on requests, before the entry leg. Default none.
        throttle: Option<Throttle>,
    }

    /// A model of a leg.
    struct LegFigure {
        /// Anything between two bounds, equally likely.
        uniform: Option<UniformLeg>,
        /// A normal distribution, cut off at both bounds.
        normal: Option<NormalLeg>,
        /// A floor, and a lognormal distribution above it.
        lognormal: Option<LogNormalLeg>,
        /// Measured quantiles, [percent, time] each, rising; straight lines between them.
        quantiles: Option<Vec<Vec<PercentOrTime>>>,
        /// A Parquet file of recorded stamps: action, request_ts, exchange_ts, response_ts.
        replay: Option<String>,
        /// By time of day.
        time_of_day: Option<HoursLeg>,
    }

    /// A model of the feed leg.
    struct FeedLegFigure {
        /// Anything between two bounds, equally likely.
        uniform: Option<UniformLeg>,
        /// A normal distribution, cut off at both bounds.
        normal: Option<NormalLeg>,
        /// A floor, and a lognormal distribution above it.
        lognormal: Option<LogNormalLeg>,
        /// Measured quantiles, [percent, time] each, rising; straight lines between them.
        quantiles: Option<Vec<Vec<PercentOrTime>>>,
        /// By time of day.
        time_of_day: Option<HoursLeg>,
        /// The recorded receive time.
        recorded: Option<RecordedLeg>,
    }

    /// A model of a leg at a time of day, or of rows without a clock.
    struct PlainLegFigure {
        /// Anything between two bounds, equally likely.
        uniform: Option<UniformLeg>,
        /// A normal distribution, cut off at both bounds.
        normal: Option<NormalLeg>,
        /// A floor, and a lognormal distribution above it.
        lognormal: Option<LogNormalLeg>,
        /// Measured quantiles, [percent, time] each, rising; straight lines between them.
        quantiles: Option<Vec<Vec<PercentOrTime>>>,
    }

    /// Two bounds.
    struct UniformLeg {
        /// Shortest.
        min: Duration,
        /// Longest.
        max: Duration,
    }

    /// A normal distribution, cut off.
    struct NormalLeg {
        /// Mean before the cut.
        mean: Duration,
        /// Standard deviation before the cut.
        sd: Duration,
        /// Shortest.
        min: Duration,
        /// Longest.
        max: Duration,
    }

    /// A floor, and a lognormal distribution above it.
    struct LogNormalLeg {
        /// Nothing is faster.
        floor: Duration,
        /// Half of all messages take less; above the floor.
        median: Duration,
        /// Longest.
        max: Duration,
        /// Standard deviation of the logarithm.
        sigma: Decimal,
    }

    /// Legs by time of day.
    struct HoursLeg {
        /// Local time less UTC, such as 8h.
        utc_offset: Duration,
        /// [clock time from which it holds, leg] each, rising; before the first, the last one holds.
        legs: Vec<Vec<ClockOrLeg>>,
    }

    /// The recorded receive time.
    struct RecordedLeg {
        /// Added to it. Default 0.
        skew: Option<Duration>,
        /// For rows without a receive time, or with one before the exchange's; without this they stop the run.
        otherwise: Option<PlainLeg>,
    }

    /// A limit on requests.
    struct Throttle {
        /// Submits, amends and cancels together.
        #[schemars(range(min = 1, max = 100_000))]
        requests: u32,
        /// Within this time.
        per: Duration,
        /// What becomes of one more.
        excess: Excess,
    }

    /// Sizes of a lane's slabs.
    struct Capacity {
        /// Orders alive at once.
        #[schemars(range(min = 1, max = 65_536))]
        orders_live: Option<u32>,
        /// Requests, and separately reports, in flight.
        #[schemars(range(min = 1, max = 1_048_576))]
        in_flight: Option<u32>,
        /// Timers set at once.
        #[schemars(range(min = 1, max = 1_048_576))]
        timers: Option<u32>,
        /// Output rows of each kind between two drains.
        #[schemars(range(min = 1, max = 16_777_216))]
        records: Option<u32>,
    }

    /// Where results go.
    struct Output {
        /// Directory, relative to the working directory. Default out/NAME.
        dir: Option<String>,
        /// A ClickHouse that the run is published in, all of it or nothing.
        clickhouse: Option<OutputClickHouse>,
    }

    /// A ClickHouse to write to.
    struct OutputClickHouse {
        /// Address, http://host:8123 or https://host:8443.
        url: String,
        /// PEM file of the authorities that an https address is checked against. Default those of the machine.
        ca_file: Option<String>,
        /// Database. Default btcore.
        database: Option<String>,
        /// User. Default default.
        user: Option<String>,
        /// Environment variable that holds the password.
        password_env: Option<String>,
        /// File that holds the password in its first line.
        password_file: Option<String>,
        /// How long a connection, or the table's columns, may take. Default 9s.
        connect_timeout: Option<Duration>,
        /// How long the server may make no progress. Default 60s.
        receive_timeout: Option<Duration>,
        /// How often a failed request or transfer is tried again; 0 is never. Default 5. No result depends on it.
        #[schemars(range(min = 0, max = 1_000))]
        retries: Option<u32>,
        /// Pause before the first retry, doubled each time up to 30s. Default 200ms.
        back_off: Option<Duration>,
        /// Make the database, its tables and views if they are not there. Default false.
        create: Option<bool>,
        /// What to do with a run that is there already. Default refuse: it is left, and the run ends with code 2; a member of a
        /// sweep goes on. `replace` shows the new attempt in its place, `new` beside it under an id of its own.
        exists: Option<ExistsWord>,
    }
}

words! {
    /// What to do with rows that cannot be read.
    enum Malformed { Fail, Skip, }
    /// What to do with equal rows.
    enum Duplicates { Keep, DropExact, DropSecondTick, }
    /// What to do with a run that is there already.
    enum ExistsWord { Refuse, Replace, New, }
    /// An order flow.
    enum SynthPreset { Txf, QueueHeavy, Rush, Thin, }
    /// Days of dates.
    enum Days { Calendar, Trading, }
    /// Sessions of a trading day.
    enum DayPart { All, Day, Night, }
    /// Sessions by name.
    enum SessionPreset { Always, }
    /// How orders meet.
    enum SessionPhase { Continuous, Auction, }
    /// Rules that are built in.
    enum RulesWord { Taiwan, }
    /// The trading day of a window.
    enum TradingDay { Same, Next, }
    /// What a rate applies to.
    enum FeeBase { ValuePerLot, ValuePerFill, }
    /// Fills that a fee applies to.
    enum FeeSide { Both, Buy, Sell, }
    /// Rounding of a fee.
    enum Round { Down, HalfUp, Up, }
}

/// Declares a choice: a word, or one figure under its name.
macro_rules! choices {
    ($($(#[$meta:meta])* $name:ident: $word:ident | $figure:ident,)*) => {
        $(
            $(#[$meta])*
            #[derive(JsonSchema)]
            #[serde(untagged)]
            #[expect(dead_code, reason = "described, never made")]
            enum $name { Word($word), Figure($figure), }
        )*
    };
}

choices! {
    /// A cache, or none.
    CacheOrOff: CacheWord | Cache,
    /// Thresholds, or none.
    QualityOrOff: CacheWord | Quality,
    /// Rules of a market: built in, or a file.
    Rules: RulesWord | RulesFigure,
    /// What is ahead on arrival, beside what is displayed.
    Join: JoinWord | JoinFigure,
    /// Who cancels.
    Advance: AdvanceWord | AdvanceFigure,
    /// How far a trade and its drop of depth may be apart.
    Netting: NettingWord | NettingFigure,
    /// When taken lots are there again.
    Taken: TakenWord | TakenFigure,
    /// What of an order at the price of an auction trades.
    Auction: AuctionWord | AuctionFigure,
    /// What lies beyond the last displayed level.
    Beyond: BeyondWord | BeyondFigure,
    /// Least cost of taking.
    Slippage: SlippageWord | SlippageFigure,
    /// A time, or a model.
    Leg: Duration | LegFigure,
    /// A time, `recorded`, or a model.
    FeedLeg: FeedWord | FeedLegFigure,
    /// A time, or a model.
    PlainLeg: Duration | PlainLegFigure,
    /// A clock time, a time, or a model.
    ClockOrLeg: ClockOrTime | PlainLegFigure,
}

words! {
    /// No cache.
    enum CacheWord { Off, }
    /// Where the threads run.
    enum PinWord { Auto, Off, }
    /// Requests beyond a limit.
    enum Excess { Reject, Wait, }
    /// The estimate that fills.
    enum Estimate { Pessimistic, Model, Optimistic, }
    /// Evidence of displayed size.
    enum CrossedFills { Never, Volume, Full, }
    /// Evidence of a print through.
    enum ThroughFills { Volume, Full, }
    /// Queues at prices out of view.
    enum Unseen { Wait, Mean, Nobody, }
    /// How far a trade and its drop of depth may be apart.
    enum NettingWord { TradeFirst, NextBook, }
    /// Own orders that would meet.
    enum OwnCross { Allow, CancelNew, CancelOld, }
    /// A join by name.
    enum JoinWord { Displayed, NextBook, Proportional, InDoubt, }
    /// What the exchange knows of the queue that an order joins.
    enum Hindsight { None, NextBook, }
    /// An advance by name.
    enum AdvanceWord { RiskAverse, ProRata, FrontOptimistic, Log, Log2, }
    /// Who stands at the price of an auction trades last.
    enum AuctionWord { Back, }
    /// When taken lots are there again.
    enum TakenWord { UntilReplenished, NextBook, }
    /// What lies beyond the last displayed level.
    enum BeyondWord { Reject, Extrapolate, }
    /// No slippage model.
    enum SlippageWord { None, }
}

/// The name of a preset, or windows.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "described, never made")]
enum SessionsOrPreset {
    /// Always open.
    Preset(SessionPreset),
    /// Windows.
    Windows(Sessions),
}

/// A word, or cores: the replay's first, then everybody else's.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "described, never made")]
enum Pin {
    /// A word.
    Word(PinWord),
    /// Numbers of cores.
    Cores(Vec<u16>),
}
