//! Holds the rules to law 9: what a run gets is what the rows and the calendar of its days say, and what they do not say is
//! told by name.

use super::file::DATA_ONLY;
use super::lookup::Lookup;
use super::product::{Ask, Terms, resolve};
use super::*;
use crate::config::fault::{Faults, SourceText};
use crate::config::reader::Collector;
use crate::config::session::DayRule;
use crate::config::span::{DayPart, Span};
use crate::config::toml_tree;
use crate::config::tree::{Node, Place};
use crate::config::{Config, LoadOptions, parse, scalar};
use btcore::wire::{FeeBase, OrderType, Phase, Session, Tif};
use std::collections::BTreeSet;
use std::path::Path;

const TAIWAN: &str = BUILT_IN[0].1;

fn ns(text: &str) -> i64 {
    scalar::instant_ns(text.parse().unwrap()).unwrap()
}

/// Taipei's clock time of an instant.
fn clock(ns: i64) -> String {
    let at = jiff::Timestamp::from_nanosecond(ns.into()).unwrap();
    at.in_tz("Asia/Taipei").unwrap().strftime("%d %H:%M:%S").to_string()
}

/// A config of instruments over a span, with more lines at the top; paths are relative to `base`.
fn try_config(
    instruments: &str,
    span: (&str, &str),
    top: &str,
    base: &Path,
) -> Result<Config, Faults> {
    let (from, to) = span;
    let zone = if to.contains("trading") { "" } else { ", time_zone: Asia/Taipei" };
    let text = format!(
        "version: 1\nname: rules\ndata: {{ synth: {{}}, from: {from}, to: {to}{zone} }}\n{top}\n\
         instruments: [{instruments}]\ncapital: 1\n\
         latency: {{ feed: 0, submit: 0, amend: 0, cancel: 0, response: 0 }}\n\
         strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\n"
    );
    parse(SourceText { name: "run.yaml".into(), text }, base, &LoadOptions::default()).0
}

fn config(instrument: &str, span: (&str, &str)) -> Config {
    try_config(instrument, span, "rules: taiwan", Path::new("")).unwrap_or_else(|f| panic!("{f}"))
}

fn refused(instrument: &str, span: (&str, &str)) -> String {
    let made = try_config(instrument, span, "rules: taiwan", Path::new(""));
    made.map(|_| panic!("it is taken")).unwrap_err().to_string()
}

fn sessions(config: &Config) -> &[Session] {
    &config.instruments[0].instrument.sessions
}

const TXF: &str = "{ symbol: TXFD6, product: TXF }";
const STOCK: &str = "{ symbol: 2330, product: stock, venue: TWSE }";
const DAY: (&str, &str) = ("2026-04-08", "2026-04-08");

/// A scratch folder, removed when it is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = std::env::temp_dir().join(format!("bt-host-rules-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&dir).unwrap();
        for (name, text) in files {
            std::fs::write(dir.join(name), text).unwrap();
        }
        Scratch(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_day_of_txf_has_its_auctions_its_freezes_and_the_night_before() {
    let config = config(TXF, DAY);
    let told: Vec<_> = sessions(&config)
        .iter()
        .map(|s| {
            (clock(s.open_ns), clock(s.match_ns), clock(s.frozen_from_ns), s.phase, s.trading_day)
        })
        .collect();
    let row = |open: &str, end: &str, frozen: &str, phase, day| {
        (open.to_owned(), end.to_owned(), frozen.to_owned(), phase, day)
    };
    let expected = [
        row("07 15:00:00", "08 05:00:00", "08 05:00:00", Phase::Continuous, 20260408),
        row("08 08:30:00", "08 08:45:00", "08 08:43:00", Phase::Auction, 20260408),
        row("08 08:45:00", "08 13:45:00", "08 13:45:00", Phase::Continuous, 20260408),
        row("08 14:50:00", "08 15:00:00", "08 14:58:00", Phase::Auction, 20260409),
        row("08 15:00:00", "09 05:00:00", "09 05:00:00", Phase::Continuous, 20260409),
    ];
    assert_eq!(told, expected);
    let [night, call, day, ..] = sessions(&config) else { panic!() };
    assert_eq!(call.print_until_ns - call.match_ns, 60_000_000_000);
    assert_eq!((call.close_ns, call.band_ppm), (call.match_ns, 0));
    // A percent for the nearest months, market orders of 10 lots by day and 5 at night, none in a call.
    assert_eq!((day.band_ppm, night.band_ppm), (10_000, 10_000));
    let cap = |s: &Session, kind| s.rule(kind).qty_max;
    assert_eq!((cap(day, OrderType::Market), cap(night, OrderType::Market)), (10, 5));
    assert_eq!((cap(day, OrderType::Limit), cap(night, OrderType::Limit)), (100, 100));
    assert_eq!(call.rule(OrderType::Market).tifs, 0);
    let takes = |s: &Session, tif| s.rule(OrderType::Limit).takes(tif);
    assert!(takes(day, Tif::Ioc) && takes(call, Tif::Rod) && !takes(call, Tif::Ioc));
    assert!(!takes(day, Tif::Gtc) && day.rule(OrderType::MarketProtected).takes(Tif::Rod));
}

#[test]
fn the_last_trading_day_ends_early_and_has_no_night() {
    let config = config(TXF, ("2026-04-15", "2026-04-16"));
    let ends: Vec<String> = sessions(&config).iter().map(|s| clock(s.close_ns)).collect();
    assert_eq!(ends, ["15 05:00:00", "15 08:45:00", "15 13:30:00"]);
    assert_eq!(config.instruments[0].expiry.unwrap().to_string(), "2026-04-15");
    assert_eq!(config.instruments[0].expired_ns, ns("2026-04-16T00:00:00+08:00"));
    let late = refused(TXF, ("2026-04-16", "2026-04-16"));
    assert!(
        late.contains("TXFD6: it expired on 2026-04-15, and the run begins on 2026-04-16"),
        "{late}"
    );
    // The third Wednesday of February 2026 is a holiday.
    let february = self::config("{ symbol: TXFB6, product: TXF }", ("2026-02-10", "2026-02-10"));
    assert_eq!(february.instruments[0].expiry.unwrap().to_string(), "2026-02-23");
    // The same digit ten years before.
    let old = self::config("{ symbol: TXFD0, product: TXF }", ("2020-03-02", "2020-03-02"));
    assert_eq!(old.instruments[0].expiry.unwrap().to_string(), "2020-04-15");
    let named = "{ symbol: TXFR1, product: TXF, expiry: 2026-04-15 }";
    assert_eq!(self::config(named, DAY).instruments[0].expiry.unwrap().to_string(), "2026-04-15");
    let alias = refused("{ symbol: TXFR1, product: TXF }", DAY);
    assert!(alias.contains("does not end in a month code"), "{alias}");
}

#[test]
fn far_months_have_the_wider_band_and_the_band_changed_in_2019() {
    let band = |symbol: &str, day: &str| {
        let text = format!("{{ symbol: {symbol}, product: TXF }}");
        let config = config(&text, (day, day));
        sessions(&config).iter().map(|s| s.band_ppm).max().unwrap()
    };
    assert_eq!([band("TXFD6", "2026-04-08"), band("TXFE6", "2026-04-08")], [10_000, 10_000]);
    assert_eq!([band("TXFF6", "2026-04-08"), band("TXFF6", "2026-04-16")], [20_000, 10_000]);
    // 2019-09-30 was a typhoon day: the night before it belongs to October already.
    let config = config("{ symbol: TXFJ9, product: TXF }", ("2019-09-27", "2019-10-01"));
    let bands: BTreeSet<_> = sessions(&config)
        .iter()
        .filter(|s| s.phase == Phase::Continuous)
        .map(|s| (s.trading_day, s.band_ppm))
        .collect();
    let expected = [(20190927, 20_000), (20191001, 10_000), (20191002, 10_000)];
    assert_eq!(bands.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_stock_has_an_opening_and_a_closing_auction() {
    let config = config(STOCK, DAY);
    let told: Vec<_> = sessions(&config)
        .iter()
        .map(|s| (clock(s.open_ns), clock(s.match_ns), clock(s.close_ns), s.phase))
        .collect();
    let row = |open: &str, end: &str, close: &str, phase| {
        (format!("08 {open}"), format!("08 {end}"), format!("08 {close}"), phase)
    };
    let expected = [
        row("08:30:00", "09:00:00", "09:00:00", Phase::Auction),
        row("09:00:00", "13:25:00", "13:25:00", Phase::Continuous),
        row("13:25:00", "13:30:00", "13:31:00", Phase::Auction),
    ];
    assert_eq!(told, expected);
    let instrument = &config.instruments[0].instrument;
    assert_eq!((instrument.multiplier_e6, instrument.ticks.len()), (1_000_000_000, 6));
    assert_eq!(instrument.exchange, "TWSE");
    let fees: Vec<_> = instrument.fees.iter().map(|f| (f.name.as_str(), f.base)).collect();
    let rate = |rate_e9| FeeBase::ValuePerFill { rate_e9 };
    assert_eq!(fees, [("brokerage", rate(1_425_000)), ("transaction_tax", rate(3_000_000))]);
    let early = refused(STOCK, ("2020-03-20", "2020-03-20"));
    assert!(early.contains("matches in periodic auctions, which are not simulated"), "{early}");
}

#[test]
fn fees_are_those_of_the_rows_and_the_configs_own() {
    let own = "{ symbol: TXFD6, product: TXF, fees: [{ name: commission, per_lot: \"40\" }] }";
    let config = config(own, DAY);
    let fees: Vec<_> =
        config.instruments[0].instrument.fees.iter().map(|f| (f.name.as_str(), f.base)).collect();
    let expected = [
        ("exchange", FeeBase::PerLot { amount: 20_000_000 }),
        ("futures_tax", FeeBase::ValuePerLot { rate_e9: 20_000 }),
        ("commission", FeeBase::PerLot { amount: 40_000_000 }),
    ];
    assert_eq!(fees, expected);
    // A negotiable fee gives way to the config's, a tax does not.
    let with =
        |fee: &str| format!("{{ symbol: 2330, product: stock, venue: TWSE, fees: [{fee}] }}");
    let discount =
        with("{ name: brokerage, rate: \"0.0004\", base: value_per_fill, round: down, unit: 1 }");
    let fees = self::config(&discount, DAY).instruments[0].instrument.fees.clone();
    assert_eq!(fees.len(), 2);
    assert_eq!(fees[1].base, FeeBase::ValuePerFill { rate_e9: 400_000 });
    let tax = refused(&with("{ name: transaction_tax, rate: \"0.001\" }"), DAY);
    assert!(tax.contains("the cost row for `stock` (rules taiwan, line "), "{tax}");
}

#[test]
fn what_contradicts_the_rules_is_a_fault_that_names_the_row() {
    let text = "{ symbol: TXFD6, product: TXF, tick: 1, multiplier: 50, order_qty_max: 200, \
                sessions: { time_zone: Asia/Taipei, list: [{ open: \"08:45\", close: \"13:45\" }] }OVERRIDE }";
    let faults = try_config(&text.replace("OVERRIDE", ""), DAY, "rules: taiwan", Path::new(""));
    let faults = faults.map(|_| panic!("it is taken")).unwrap_err();
    let line = 1 + TAIWAN.lines().position(|line| line.contains("name = \"TXF\"")).unwrap();
    let told: Vec<_> = faults.list.iter().map(|f| (f.path.as_str(), f.message.as_str())).collect();
    assert_eq!(told.len(), 3, "{faults}");
    let multiplier = format!(
        "contradicts the rules: the product row for `TXF` (rules taiwan, line {line}) says 200"
    );
    assert_eq!(told[0], ("instruments[0].multiplier", multiplier.as_str()));
    assert_eq!(told[1].0, "instruments[0].order_qty_max");
    assert!(told[1].1.ends_with("says 100 lots at most"), "{faults}");
    assert_eq!(told[2].0, "instruments[0].sessions");
    assert!(faults.list[0].help.contains("`override: true`"), "{faults}");
    let config = config(&text.replace("OVERRIDE", ", override: true"), DAY);
    let instrument = &config.instruments[0].instrument;
    assert_eq!((instrument.multiplier_e6, instrument.order_qty_max), (50_000_000, 200));
    assert!(instrument.sessions.iter().all(|s| s.phase == Phase::Continuous));
    // A tighter cap contradicts nothing.
    self::config("{ symbol: TXFD6, product: TXF, order_qty_max: 5 }", DAY);
}

#[test]
fn days_beyond_rows_and_calendars_are_refused_by_name() {
    let early = refused("{ symbol: TXFF8, product: TXF }", ("2018-05-02", "2018-05-02"));
    assert!(
        early.contains(
            "no session row of the rules `taiwan` covers `TAIFEX day_accept` on 2018-05-02"
        ),
        "{early}"
    );
    // The night before the first day that the rows know reaches into it, unless the run begins behind its end.
    let night = refused("{ symbol: TXFK8, product: TXF }", ("2018-11-13", "2018-11-13"));
    assert!(night.contains("covers `TAIFEX night_index` on 2018-11-12"), "{night}");
    let late = ("2018-11-13T05:00:00+08:00", "2018-11-13");
    let costs = TAIWAN.replace("valid_from = 2019-01-01", "valid_from = 2018-01-01");
    let scratch = Scratch::new(&[("my.toml", &costs)]);
    let top = "rules: { file: my.toml }";
    let morning = try_config("{ symbol: TXFK8, product: TXF }", late, top, &scratch.0);
    assert_eq!(sessions(&morning.unwrap_or_else(|f| panic!("{f}"))).len(), 4);
    let tmf = refused("{ symbol: TMFG4, product: TMF }", ("2024-07-15", "2024-07-15"));
    assert!(
        tmf.contains("no product row of the rules `taiwan` covers `TMF` on 2024-07-15"),
        "{tmf}"
    );
    let waiver = "{ symbol: 00679B, product: bond_etf, venue: TPEX }";
    assert_eq!(
        config(waiver, ("2026-12-30", "2026-12-30")).instruments[0].instrument.fees.len(),
        2
    );
    let late = refused(STOCK, ("2026-12-30", "2027-01-04"));
    assert!(
        late.contains("the calendar XTAI knows 2015-01-01 to 2026-12-31, not 2027-01-01"),
        "{late}"
    );
    assert!(late.contains("scripts/calendars"), "{late}");
    let month = refused("{ symbol: TXFA7, product: TXF }", DAY);
    assert!(month.contains("the calendar XTAI lists no expiry in 2027-01"), "{month}");
    let own = "{ symbol: A, tick: 1, multiplier: 1, sessions: { time_zone: America/New_York, calendar: XNYS, \
               list: [{ open: \"09:30\", close: \"16:00\" }] } }";
    let late = refused(own, ("2026-12-30", "2027-01-04"));
    assert!(late.contains("the calendar XNYS knows"), "{late}");
    let days: Vec<u32> = sessions(&config(own, ("2026-11-25", "2026-11-27")))
        .iter()
        .map(|s| s.trading_day)
        .collect();
    assert!(days.contains(&20261125) && !days.contains(&20261126) && days.contains(&20261127));
}

#[test]
fn holidays_have_no_session_and_a_typhoon_can_be_added() {
    // 2026-04-03 and -06 are holidays, a weekend between them.
    let span = ("2026-04-02", "2026-04-07");
    let days = |config: &Config| -> BTreeSet<u32> {
        sessions(config).iter().map(|s| s.trading_day).collect()
    };
    assert_eq!(days(&config(STOCK, span)), BTreeSet::from([20260402, 20260407]));
    let changed =
        STOCK.replace(" }", ", sessions: { holidays: [2026-04-02], extra_days: [2026-04-04] } }");
    assert_eq!(days(&config(&changed, span)), BTreeSet::from([20260404, 20260407]));
}

#[test]
fn trading_days_have_the_night_before_them_over_holidays_too() {
    // 2026-04-03 and -06 are holidays, a weekend between them: the night of the 2nd belongs to the 7th.
    let opens = |config: &Config| -> Vec<String> {
        sessions(config).iter().map(|s| clock(s.open_ns)).collect()
    };
    let span = |config: &Config| (clock(config.data.from_ns), clock(config.data.to_ns));
    let of = |first, last| config(TXF, (first, last));
    let two = of("2026-04-02", "2026-04-07, days: trading");
    let (first, second) = (
        ["01 14:50:00", "01 15:00:00", "02 08:30:00", "02 08:45:00"],
        ["02 14:50:00", "02 15:00:00", "07 08:30:00", "07 08:45:00"],
    );
    assert_eq!(opens(&two), [first, second].concat());
    assert_eq!(span(&two), ("01 14:50:00".into(), "07 13:45:00".into()));
    assert_eq!(opens(&of("2026-04-03", "2026-04-07, days: trading")), second);
    let days = of("2026-04-02", "2026-04-07, days: trading, session: day");
    assert_eq!(opens(&days), [&first[2..], &second[2..]].concat());
    let taken = &days.instruments[0].taken;
    let gaps: Vec<_> = taken.gaps_ns.iter().map(|gap| clock(gap.1)).collect();
    assert_eq!(gaps, ["02 08:30:00", "07 08:30:00"], "up to each day, nights and pauses left out");
    let last = of("2026-04-15", "2026-04-15, days: trading");
    assert_eq!(span(&last), ("14 14:50:00".into(), "15 13:30:00".into()));
    let stock = config(STOCK, ("2026-04-02", "2026-04-07, days: trading"));
    assert_eq!(span(&stock), ("02 08:30:00".into(), "07 13:31:00".into()));
    // What the calendar does not know is whose the last night would be.
    let own = "{ symbol: A, tick: 1, multiplier: 1, sessions: { time_zone: Asia/Taipei, calendar: XTAI, list: [{ open: \
               \"08:45\", close: \"13:45\" }, { open: \"15:00\", close: \"05:00+1\", trading_day: next }] } }";
    let end = config(own, ("2026-12-31", "2026-12-31, days: trading"));
    assert_eq!(opens(&end), ["30 15:00:00", "31 08:45:00"]);
    let none = refused(TXF, ("2026-04-03", "2026-04-06, days: trading"));
    assert!(
        none.contains("no session of `TAIFEX` lies between 2026-04-03 and 2026-04-06"),
        "{none}"
    );
    let late = refused(TXF, ("2026-04-16", "2026-04-16, days: trading"));
    assert!(late.contains("it expired on 2026-04-15, and the run begins on 2026-04-16"), "{late}");
}

#[test]
fn a_rule_that_changes_within_a_run_splits_it() {
    let row = "{ name = \"stock\", steps = [[\"0\", \"0.01\"]";
    assert!(TAIWAN.contains(row));
    let line = TAIWAN.lines().find(|line| line.contains(row)).unwrap();
    let old = line.replace("valid_from", "valid_to = 2026-04-08, valid_from");
    let new =
        line.replace("[\"1000\", \"5\"]", "[\"1000\", \"1\"]").replace("2005-03-01", "2026-04-09");
    let text = TAIWAN.replace(line, &format!("{old}\n{new}"));
    let scratch = Scratch::new(&[("my.toml", &text)]);
    let top = "rules: { file: my.toml }";
    let run = |span| try_config(STOCK, span, top, &scratch.0);
    let faults = run(("2026-04-08", "2026-04-10")).unwrap_err().to_string();
    assert!(
        faults.contains("the tick ladder on 2026-04-09 are not those of 2026-04-08"),
        "{faults}"
    );
    assert!(faults.contains("split it, the second part from 2026-04-09 on"), "{faults}");
    let last = |config: &Config| config.instruments[0].instrument.ticks.last().unwrap().tick;
    assert_eq!(last(&run(("2026-04-08", "2026-04-08")).unwrap()), 5_000_000);
    assert_eq!(last(&run(("2026-04-09", "2026-04-10")).unwrap()), 1_000_000);
}

#[test]
fn faults_of_a_rules_file_name_its_line() {
    let row = "  { name = \"ivi\", ";
    let text = TAIWAN
        .replacen("halt_s = 120", "halt_z = 120", 1)
        .replacen("valid_from = 2024-07-29, source = \"read\" },", "source = \"read\" },", 1)
        .replacen("valid_to = 2022-12-18", "valid_to = 2022-12-31", 1);
    assert!(!text.contains(row));
    let scratch = Scratch::new(&[("my.toml", &text)]);
    let faults = try_config(STOCK, DAY, "rules: { file: my.toml }", &scratch.0).unwrap_err();
    let told: Vec<_> = faults.list.iter().map(|f| (f.path.as_str(), f.message.as_str())).collect();
    assert_eq!(told.len(), 3, "{faults}");
    assert_eq!(told[0].0, "session[6]");
    assert!(told[0].1.contains("two rows hold for `TWSE odd_intraday` at once"), "{faults}");
    assert_eq!(told[1], ("product[2].valid_from", "is missing"));
    assert_eq!(told[2], ("interruption[0].halt_z", "unknown key"));
    let shown = faults.to_string();
    assert!(shown.contains("my.toml:") && shown.contains("did you mean `halt_s`?"), "{shown}");
    // A row for a product that there is not would never be used.
    let text = TAIWAN.replacen("products = [\"EXF\", \"ZEF\"", "products = [\"EFX\", \"ZEF\"", 1);
    let scratch = Scratch::new(&[("my.toml", &text)]);
    let faults = try_config(STOCK, DAY, "rules: { file: my.toml }", &scratch.0).unwrap_err();
    assert_eq!(faults.list.len(), 1, "{faults}");
    assert_eq!(faults.list[0].path, "band[5].products[0]");
}

#[test]
fn rows_that_are_not_sure_are_told() {
    let note = config(TXF, DAY).rules.unwrap();
    assert_eq!(note.name, "taiwan");
    let line = |part: &str| 1 + TAIWAN.lines().position(|line| line.contains(part)).unwrap();
    let product = format!(
        "rules taiwan, line {}, product `TXF`: its first day is unknown",
        line("{ name = \"TXF\"")
    );
    assert!(note.warnings.contains(&product), "{:#?}", note.warnings);
    let freeze = format!(
        "rules taiwan, line {}, session `TAIFEX day_accept`: general knowledge, not read in a source (hours read; that \
         orders are frozen for the last two minutes was read for the night only)",
        line("name = \"day_accept\"")
    );
    assert!(note.warnings.contains(&freeze), "{:#?}", note.warnings);
    // What is read and dated is no warning.
    assert!(!note.warnings.iter().any(|w| w.contains("`TAIFEX day`")), "{:#?}", note.warnings);
    let plain = "{ symbol: A, tick: 1, multiplier: 1, sessions: always }";
    assert_eq!(try_config(plain, DAY, "", Path::new("")).unwrap().rules, None);
}

#[test]
fn references_give_limits_and_missing_days_are_counted() {
    let csv = "symbol,trading_day,reference,limit_down_scaled,limit_up_scaled,note\n\
               TXFD6,20260408,34567,,,x\nTXFD6,2026-04-10,,30000000000,36000000000,x\nOTHER,20260409,1,,,x\n";
    let scratch = Scratch::new(&[("refs.csv", csv)]);
    let top = "rules: taiwan\nreferences: { file: refs.csv }";
    let config = try_config(TXF, ("2026-04-08", "2026-04-10"), top, &scratch.0)
        .unwrap_or_else(|f| panic!("{f}"));
    let limits: BTreeSet<_> = sessions(&config)
        .iter()
        .map(|s| (s.trading_day, s.limit_down, s.limit_up, s.is_limit_unknown))
        .collect();
    let expected = [
        (20260408, 31_111_000_000, 38_023_000_000, false),
        (20260409, i64::MIN, i64::MAX, true),
        (20260410, 30_000_000_000, 36_000_000_000, false),
        (20260413, i64::MIN, i64::MAX, true),
    ];
    assert_eq!(limits.into_iter().collect::<Vec<_>>(), expected);
    let note = config.rules.clone().unwrap();
    assert_eq!(note.limit_days_without_reference["TXFD6"], 2);
    assert!(
        note.warnings
            .iter()
            .any(|w| w
                .starts_with("TXFD6: no reference price on 2 trading days, 20260409 the first")),
        "{:#?}",
        note.warnings
    );
    // A stated limit of the config wins and needs no reference.
    let own = "{ symbol: TXFD6, product: TXF, price_limits: { down: 1, up: 2 } }";
    let own = self::config(own, DAY);
    assert!(sessions(&own).iter().all(|s| !s.is_limit_unknown));
    assert!(own.rules.unwrap().limit_days_without_reference.is_empty());
    for (csv, says) in [
        ("symbol,day\n", "there is no column `trading_day`"),
        ("symbol,trading_day\n", "none of the columns reference"),
        ("symbol,trading_day,reference\nA,20260431,1\n", "`20260431` is neither"),
        ("symbol,trading_day,reference\nA,20260401,1e3\n", "row 1: column `reference`"),
        ("symbol,trading_day,reference\nA,20260401,1\nA,20260401,2\n", "two different rows"),
    ] {
        let scratch = Scratch::new(&[("refs.csv", csv)]);
        let faults = try_config(TXF, DAY, top, &scratch.0).unwrap_err().to_string();
        assert!(faults.contains(says), "{faults}");
    }
}

#[test]
fn protection_comes_from_the_references_and_must_be_one() {
    let run = |csv: &str| {
        let scratch = Scratch::new(&[("refs.csv", csv)]);
        let top = "rules: taiwan\nreferences: { file: refs.csv }";
        try_config(TXF, ("2026-04-08", "2026-04-09"), top, &scratch.0)
    };
    let one = "symbol,trading_day,protection_scaled\nTXFD6,20260408,173000000\n";
    assert_eq!(run(one).unwrap().instruments[0].instrument.protection, 173_000_000);
    let faults = run(&format!("{one}TXFD6,20260409,174000000\n")).unwrap_err().to_string();
    assert!(faults.contains("protection on 20260409 is not that of 20260408"), "{faults}");
    assert!(faults.contains("split it"), "{faults}");
}

#[test]
fn a_table_that_nobody_serves_is_a_fault_of_the_service() {
    let top =
        "rules: taiwan\nreferences: { clickhouse: { url: \"http://127.0.0.1:1\", table: t } }";
    let faults = try_config(TXF, DAY, top, Path::new("")).map(|_| ()).unwrap_err();
    assert!(faults.list.iter().all(|fault| fault.is_of_service), "{faults}");
    assert!(faults.to_string().contains("references.clickhouse: ClickHouse http://127.0.0.1:1"));
}

#[test]
fn references_of_parquet_are_exact() {
    use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
    use std::sync::Arc;
    let scratch = Scratch::new(&[]);
    let write = |price: ArrayRef, name: &str| {
        let batch = RecordBatch::try_from_iter([
            ("symbol", Arc::new(StringArray::from(vec!["2330"])) as ArrayRef),
            ("trading_day", Arc::new(Int64Array::from(vec![20260408])) as ArrayRef),
            (name, price),
        ])
        .unwrap();
        let file = std::fs::File::create(scratch.0.join("refs.parquet")).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    let top = "rules: taiwan\nreferences: { file: refs.parquet }";
    write(Arc::new(Int64Array::from(vec![950_000_000])), "reference_scaled");
    let config = try_config(STOCK, DAY, top, &scratch.0).unwrap_or_else(|f| panic!("{f}"));
    let day = sessions(&config)[1];
    assert_eq!((day.limit_down, day.limit_up), (855_000_000, 1_045_000_000));
    write(Arc::new(Float64Array::from(vec![950.0])), "reference");
    let faults = try_config(STOCK, DAY, top, &scratch.0).unwrap_err().to_string();
    assert!(faults.contains("holds floats"), "{faults}");
}

#[test]
fn the_hash_of_a_config_holds_what_the_rules_say() {
    let hash = |top: &str, base: &Path, span| {
        let config = try_config(TXF, span, top, base).unwrap_or_else(|f| panic!("{f}"));
        crate::config::effective::hash(&crate::config::effective::document(&config))
    };
    let changed = [
        ("freeze_cancel_s = 120", "freeze_cancel_s = 60"),
        ("print_within_s = 60", "print_within_s = 61"),
        ("max_lots_night = 5", "max_lots_night = 6"),
        ("months = 2, pct = \"1\"", "months = 2, pct = \"3\""),
        ("auction_tif = [\"ROD\"]", "auction_tif = [\"ROD\", \"IOC\"]"),
        ("per_lot = \"20\"", "per_lot = \"21\""),
    ];
    let base = hash("rules: taiwan", Path::new(""), DAY);
    for (from, to) in changed {
        assert!(TAIWAN.contains(from), "{from}");
        let scratch = Scratch::new(&[("my.toml", &TAIWAN.replace(from, to))]);
        assert_ne!(hash("rules: { file: my.toml }", &scratch.0, DAY), base, "{to}");
    }
    let scratch = Scratch::new(&[
        ("my.toml", TAIWAN),
        ("r.csv", "symbol,trading_day,reference\nTXFD6,20260408,34567\n"),
    ]);
    assert_eq!(hash("rules: { file: my.toml }", &scratch.0, DAY), base);
    assert_ne!(hash("rules: taiwan\nreferences: { file: r.csv }", &scratch.0, DAY), base);
}

/// Symbols, products, venues and spans that together use every row that is simulated.
const PROBES: [(&str, &str, Option<&str>, &str, &str); 26] = [
    ("TXFD6", "TXF", None, "2026-04-08", "2026-04-09"),
    ("TXFD6", "TXF", None, "2026-04-15", "2026-04-15"),
    ("TXFF6", "TXF", None, "2026-04-08", "2026-04-08"),
    ("MXFJ9", "MXF", None, "2019-09-27", "2019-10-01"),
    ("MXFD6", "MXF", None, "2026-04-08", "2026-04-08"),
    ("TMFD6", "TMF", None, "2026-04-08", "2026-04-08"),
    ("EXFD6", "EXF", None, "2026-04-08", "2026-04-08"),
    ("ZEFD6", "ZEF", None, "2026-04-08", "2026-04-08"),
    ("FXFD6", "FXF", None, "2026-04-08", "2026-04-08"),
    ("ZFFD6", "ZFF", None, "2026-04-08", "2026-04-08"),
    ("TXO35000Q6", "TXO", None, "2026-04-28", "2026-04-28"),
    ("CDFD6", "stock_future", None, "2026-04-08", "2026-04-08"),
    ("QFFD6", "stock_future_mini", None, "2026-04-08", "2026-04-08"),
    ("NYFD6", "etf_future", None, "2026-04-08", "2026-04-08"),
    ("SRFD6", "etf_future_mini", None, "2026-04-08", "2026-04-08"),
    ("OAFD6", "foreign_etf_future", None, "2026-04-08", "2026-04-08"),
    ("2330", "stock", Some("TWSE"), "2026-04-08", "2026-04-08"),
    ("2330", "stock", Some("TWSE"), "2020-03-20", "2020-03-20"),
    ("6488", "stock", Some("TPEX"), "2026-04-08", "2026-04-08"),
    ("0050", "etf", Some("TWSE"), "2026-04-08", "2026-04-08"),
    ("00646", "foreign_etf", Some("TWSE"), "2026-04-08", "2026-04-08"),
    ("00631L", "leveraged_etf", Some("TWSE"), "2026-04-08", "2026-04-08"),
    ("00679B", "bond_etf", Some("TPEX"), "2026-04-08", "2026-04-08"),
    ("020000", "etn", Some("TWSE"), "2026-04-08", "2026-04-08"),
    ("030001", "warrant", Some("TWSE"), "2026-04-08", "2026-04-08"),
    ("TXFD9", "TXF", None, "2019-03-04", "2019-03-04"),
];

fn book(text: &str) -> Option<RuleBook> {
    let collector = Collector::default();
    let tree = toml_tree::parse(text, 0).ok()?;
    let root = Cursor::root(&tree, "", &collector);
    let rules = file::read(&root)?;
    let mut calendars = BTreeMap::new();
    for venue in &rules.venues {
        let known = calendar::load(&venue.calendar, Path::new(""), &root)?;
        calendars.insert(venue.name.clone(), known);
    }
    (collector.count() == 0).then_some(RuleBook { rules, calendars })
}

/// Everything that the rules say about a probe.
fn outcome(book: &RuleBook, probe: usize) -> String {
    let (symbol, product, venue, from, to) = PROBES[probe];
    let csv = PROBES.map(|(symbol, ..)| format!("{symbol}\t20260408\t100\t\t\t\t"));
    let references = references::of_lines(&csv.into_iter().collect::<BTreeSet<_>>()).unwrap();
    let ask = Ask {
        symbol,
        product,
        venue,
        expiry: None,
        days: &DayRule::default(),
        span: Span {
            from_ns: ns(&format!("{from}T00:00:00+08:00")),
            to_ns: ns(&format!("{to}T23:59:59+08:00")),
            trading_days: None,
            part: DayPart::All,
        },
        references: Some(&references),
        has_limits: false,
    };
    let lookup = Lookup::new(book);
    let said: Result<Terms, String> = resolve(&lookup, &ask);
    format!("{said:?} {:?}", lookup.warnings())
}

#[test]
fn every_row_is_read_and_every_key_has_an_effect_or_is_listed_as_data_only() {
    let whole = book(TAIWAN).expect("the rules are valid");
    let base: Vec<String> = (0..PROBES.len()).map(|probe| outcome(&whole, probe)).collect();
    for (probe, said) in PROBES.iter().zip(&base) {
        assert_eq!(said.starts_with("Ok"), probe.3 != "2020-03-20", "{probe:?}: {said}");
    }
    // What stands under each key of each kind of row, with its place.
    let mut words: BTreeMap<(String, String), Vec<(Place, String)>> = BTreeMap::new();
    let tree = toml_tree::parse(TAIWAN, 0).unwrap();
    let Value::Map(top) = &tree.value else { panic!() };
    for entry in top {
        match &entry.node.value {
            Value::List(rows) => {
                for row in rows {
                    let Value::Map(keys) = &row.value else { panic!() };
                    for key in keys {
                        let place = (entry.key.clone(), key.key.clone());
                        scalars(&key.node, words.entry(place).or_default());
                    }
                }
            }
            _ => scalars(&entry.node, words.entry((String::new(), entry.key.clone())).or_default()),
        }
    }
    let mut idle = Vec::new();
    for ((kind, key), found) in &words {
        let listed =
            DATA_ONLY.iter().find(|(name, _)| name == kind).map_or(&[][..], |(_, keys)| *keys);
        // A kind whose names are data only is so as a whole.
        // Other rows name the products, so that one of another name is refused: nothing else has an effect to see.
        let is_named_elsewhere = (kind.as_str(), key.as_str()) == ("product", "name");
        if listed.contains(&key.as_str()) || listed.contains(&"name") || is_named_elsewhere {
            continue;
        }
        let has_effect = found.iter().any(|(place, old)| {
            others(old, found).iter().any(|new| {
                let Some(changed) = book(&replaced(*place, new)) else { return false };
                (0..PROBES.len()).any(|probe| outcome(&changed, probe) != base[probe])
            })
        });
        if !has_effect {
            idle.push(format!("{kind}.{key}"));
        }
    }
    assert!(
        idle.is_empty(),
        "read and without effect: {idle:?}; list them in DATA_ONLY or use them"
    );
}

/// The plain values under a node.
fn scalars(node: &Node, out: &mut Vec<(Place, String)>) {
    match &node.value {
        Value::Scalar { text, .. } => out.push((node.place, text.clone())),
        Value::List(items) => items.iter().for_each(|item| scalars(item, out)),
        _ => panic!("a map within a row"),
    }
}

/// What could stand in a word's place.
fn others(old: &str, found: &[(Place, String)]) -> Vec<String> {
    let fixed: &[&str] = match old {
        "true" => &["false"],
        "false" => &["true"],
        "Asia/Taipei" => &["Asia/Tokyo"],
        "XTAI" => &["XNYS"],
        "ROD" => &["GTC"],
        "next" => &["same"],
        "check" | "read" | "known" => &["read", "known"],
        "third_wednesday" => &["never"],
        _ if old.contains(':') => &["10:00:00", "14:00:00", "15:30:00", "14:00:00+1"],
        _ if old.len() == 10 && old.starts_with("20") => {
            &["2026-04-09", "2019-09-26", "2030-01-01"]
        }
        _ if old.parse::<f64>().is_ok() => &["7", "0.5"],
        _ => &["other"],
    };
    let seen: BTreeSet<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
    let few = seen.into_iter().filter(|text| *text != old).take(6);
    few.chain(fixed.iter().copied()).map(str::to_owned).collect()
}

/// The rules with one word replaced.
fn replaced(place: Place, new: &str) -> String {
    let Place::File { line, column, len, .. } = place else { panic!() };
    let edit = |(number, text): (usize, &str)| {
        if number + 1 != line as usize {
            return text.to_owned();
        }
        let (from, to) = (column as usize - 1, (column + len) as usize - 1);
        assert!(text.is_ascii(), "columns are bytes here");
        let quote = if text[from..].starts_with('"') { "\"" } else { "" };
        format!("{}{quote}{new}{quote}{}", &text[..from], &text[to..])
    };
    TAIWAN.lines().enumerate().map(edit).collect::<Vec<_>>().join("\n")
}
