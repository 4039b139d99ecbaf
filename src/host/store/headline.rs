//! The rows that make a run visible, from its `summary.json` and `invocation.json`: one for each lane.
//!
//! Invariants: what stands in the database is what stands in the files, so results are published by whoever has their directory; a
//! figure that is missing or is none is an error that names it. Money stays an exact integer at 1e-6.

use super::StoreError;
use super::rows::ids;
use crate::config::effective::sorted;
use crate::config::scalar::{decimal, instant_ns};
use crate::output::OutputError;
use arrow_array::{
    ArrayRef, Date32Array, FixedSizeBinaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow_schema::ArrowError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Rows of a lane by table.
pub type Counts = BTreeMap<&'static str, u64>;

/// What the files say of a run.
pub struct Headline {
    summary: Value,
    invocation: Value,
    path: PathBuf,
    /// Id of the run.
    pub run_id: Uuid,
}

/// A value of a document, and where it stands.
struct At<'a> {
    value: &'a Value,
    path: &'a Path,
    key: String,
}

impl<'a> At<'a> {
    fn get(&self, key: &str) -> At<'a> {
        At { value: &self.value[key], path: self.path, key: format!("{}.{key}", self.key) }
    }

    fn fail(&self, what: &str) -> StoreError {
        let (path, key) = (self.path.to_owned(), self.key.trim_start_matches('.'));
        StoreError::Results { path, message: format!("`{key}` is not {what}") }
    }

    fn text(&self) -> Result<String, StoreError> {
        self.value.as_str().map(str::to_owned).ok_or_else(|| self.fail("a text"))
    }

    fn number(&self) -> Result<u64, StoreError> {
        self.value.as_u64().ok_or_else(|| self.fail("a count"))
    }

    fn money(&self) -> Result<i64, StoreError> {
        decimal(&self.text()?, 6).map_err(|_| self.fail("an amount of money"))
    }

    fn instant(&self) -> Result<i64, StoreError> {
        let stamp = self.text()?.parse::<jiff::Timestamp>().ok().and_then(instant_ns);
        stamp.ok_or_else(|| self.fail("an instant"))
    }

    /// The value of a ratio, NaN where there is none.
    fn ratio(&self) -> Result<f64, StoreError> {
        let value = &self.value["value"];
        if value.is_null() && self.value.is_object() {
            return Ok(f64::NAN);
        }
        value.as_f64().ok_or_else(|| self.fail("a ratio"))
    }

    fn list(&self) -> Result<Vec<At<'a>>, StoreError> {
        let list = self.value.as_array().ok_or_else(|| self.fail("a list"))?;
        let item =
            |(index, value)| At { value, path: self.path, key: format!("{}.{index}", self.key) };
        Ok(list.iter().enumerate().map(item).collect())
    }
}

impl Headline {
    /// Reads the files of a directory of results.
    ///
    /// # Errors
    /// There are none, or they are something else.
    pub fn read(dir: &Path) -> Result<Self, StoreError> {
        let read = |name: &str, format: &str| {
            let path = dir.join(name);
            let text = std::fs::read_to_string(&path).map_err(|e| OutputError::io(&path, e))?;
            let document = serde_json::from_str::<Value>(&text);
            match document {
                Ok(document) if document["format"] == format => Ok((document, path)),
                Ok(_) => {
                    let message = format!("is no {format}: --run names results of `bt-host run`");
                    Err(StoreError::Results { path, message })
                }
                Err(error) => Err(StoreError::Results { path, message: error.to_string() }),
            }
        };
        let (summary, path) = read("summary.json", "btcore-summary")?;
        let (invocation, _) = read("invocation.json", "btcore-invocation")?;
        let text = summary["run_id"].as_str().unwrap_or_default();
        let run_id = Uuid::parse_str(text).map_err(|_| StoreError::Results {
            path: path.clone(),
            message: "`run_id` is not an id".into(),
        })?;
        Ok(Headline { summary, invocation, path, run_id })
    }

    fn root(&self) -> At<'_> {
        At { value: &self.summary, path: &self.path, key: String::new() }
    }

    fn lanes(&self) -> Result<Vec<At<'_>>, StoreError> {
        self.root().get("lanes").list()
    }

    /// The names of the lanes, in the config's order.
    ///
    /// # Errors
    /// The summary does not say.
    pub fn lane_names(&self) -> Result<Vec<String>, StoreError> {
        self.lanes()?.iter().map(|lane| lane.get("name").text()).collect()
    }

    /// The trading days of a lane, as rows.
    ///
    /// # Errors
    /// A figure is missing.
    pub fn days(&self, lane: usize) -> Result<RecordBatch, StoreError> {
        let lanes = self.lanes()?;
        let days = lanes[lane].get("daily").list()?;
        let date = |day: &At<'_>| {
            let number = day.get("trading_day");
            let days = number.number().ok().and_then(days_since_1970);
            days.ok_or_else(|| number.fail("a day, yyyymmdd"))
        };
        let all =
            |of: &dyn Fn(&At<'_>) -> Result<i64, StoreError>| -> Result<ArrayRef, StoreError> {
                let values = days.iter().map(of).collect::<Result<Vec<_>, _>>()?;
                Ok(Arc::new(Int64Array::from(values)))
            };
        let dates = days.iter().map(date).collect::<Result<Vec<_>, _>>()?;
        let fills =
            days.iter().map(|day| day.get("fills").number()).collect::<Result<Vec<_>, _>>()?;
        let columns: [(&str, ArrayRef); 4] = [
            ("trading_day", Arc::new(Date32Array::from(dates))),
            ("pnl_e6", all(&|day| day.get("pnl").money())?),
            ("fees_e6", all(&|day| day.get("fees").money())?),
            ("fills", Arc::new(UInt64Array::from(fills))),
        ];
        RecordBatch::try_from_iter(columns).map_err(|e| self.no_block(&e))
    }

    fn no_block(&self, error: &ArrowError) -> StoreError {
        let message = format!("its figures make no rows: {error}");
        StoreError::Results { path: self.path.clone(), message }
    }

    /// The block that makes the run visible: a row for each lane.
    ///
    /// # Errors
    /// A figure is missing.
    pub fn rows(
        &self,
        run_ids: &[Uuid],
        attempt: Uuid,
        counts: &[Counts],
    ) -> Result<RecordBatch, StoreError> {
        let (root, lanes) = (self.root(), self.lanes()?);
        let count = lanes.len();
        let each = |key: &str| lanes.iter().map(|lane| lane.get(key)).collect::<Vec<_>>();
        let texts = |of: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(of)) };
        let same = |text: String| texts(vec![text; count]);
        let text = |key: &str| -> Result<ArrayRef, StoreError> {
            Ok(texts(each(key).iter().map(At::text).collect::<Result<_, _>>()?))
        };
        let money = |key: &str| -> Result<ArrayRef, StoreError> {
            let values = each(key).iter().map(At::money).collect::<Result<Vec<_>, _>>()?;
            Ok(Arc::new(Int64Array::from(values)))
        };
        let number = |key: &str| -> Result<ArrayRef, StoreError> {
            let values = each(key).iter().map(At::number).collect::<Result<Vec<_>, _>>()?;
            Ok(Arc::new(UInt64Array::from(values)))
        };
        let ratio = |key: &str| -> Result<ArrayRef, StoreError> {
            let values = each(key).iter().map(At::ratio).collect::<Result<Vec<_>, _>>()?;
            Ok(Arc::new(Float64Array::from(values)))
        };
        let small = |of: &dyn Fn(usize) -> u32| -> ArrayRef {
            Arc::new(UInt32Array::from_iter_values((0..count).map(of)))
        };
        let stamp = |at: At<'_>| -> Result<ArrayRef, StoreError> {
            let stamps = TimestampNanosecondArray::from(vec![at.instant()?; count]);
            Ok(Arc::new(stamps.with_timezone("UTC")))
        };
        let rows = |table: &str| -> ArrayRef {
            let of_lane = |rows: &Counts| rows.get(table).copied().unwrap_or(0);
            Arc::new(UInt64Array::from_iter_values(counts.iter().map(of_lane)))
        };
        let one_id = |id: Uuid| ids(id, count).map_err(|e| self.no_block(&e));
        let lane_ids =
            FixedSizeBinaryArray::try_from_iter(run_ids.iter().map(|id| id.into_bytes()));
        let names = |lane: &At<'_>| -> Result<Vec<String>, StoreError> {
            let list = lane.get("strategies").list()?;
            list.iter().map(|strategy| strategy.get("name").text()).collect()
        };
        let strategies: Vec<String> = lanes
            .iter()
            .map(|lane| Ok(names(lane)?.join("+")))
            .collect::<Result<_, StoreError>>()?;
        let seeds = each("seed");
        let seeds = seeds.iter().map(|at| at.text()?.parse().map_err(|_| at.fail("a seed")));
        let seeds = seeds.collect::<Result<Vec<u64>, StoreError>>()?;
        let days: Vec<usize> = each("daily")
            .iter()
            .map(|days| Ok(days.list()?.len()))
            .collect::<Result<_, StoreError>>()?;
        let build =
            At { value: &self.invocation, path: &self.path, key: "invocation".into() }.get("build");
        let mark = if build.get("git_dirty").value == &Value::Bool(true) { "-dirty" } else { "" };
        let commit = format!("{}{mark}", build.get("git_commit").text()?);
        let seconds = self.invocation["timings"]["replay_s"].as_f64().unwrap_or(f64::NAN);
        let about = lanes.iter().map(|lane| self.about(lane)).collect::<Result<_, _>>()?;
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("run_id", Arc::new(lane_ids.map_err(|e| self.no_block(&e))?)),
            ("strategy_id", texts(strategies)),
            ("git_commit", same(commit)),
            ("config_hash", same(root.get("config_hash").text()?)),
            ("start_ts", stamp(root.get("data").get("from"))?),
            ("end_ts", stamp(root.get("data").get("to"))?),
            ("config_json", texts(about)),
            ("sharpe_ratio", ratio("sharpe")?),
            ("win_rate", ratio("win_rate")?),
            ("total_trades", number("fills")?),
            ("runtime_seconds", Arc::new(Float64Array::from(vec![seconds; count]))),
            ("attempt", one_id(attempt)?),
            ("base_run_id", one_id(self.run_id)?),
            ("run_name", same(root.get("name").text()?)),
            ("lane", text("name")?),
            ("lane_index", small(&|index| index as u32)),
            ("lanes", small(&|_| count as u32)),
            ("seed", Arc::new(UInt64Array::from(seeds))),
            ("data_hash", same(root.get("data_hash").text()?)),
            ("build_id", same(root.get("build_id").text()?)),
            ("order_digest", text("order_digest")?),
            ("capital_scaled", money("capital")?),
            ("total_pnl_scaled", money("pnl")?),
            ("pnl_realised_scaled", money("pnl_realised")?),
            ("pnl_unrealised_scaled", money("pnl_unrealised")?),
            ("fees_scaled", money("fees")?),
            ("max_drawdown_scaled", money("drawdown_max")?),
            ("total_turnover_scaled", money("turnover")?),
            ("orders", number("orders")?),
            ("orders_accepted", number("orders_accepted")?),
            ("orders_rejected", number("orders_rejected")?),
            ("orders_filled", number("orders_filled")?),
            ("cancels", number("cancels")?),
            ("amends", number("amends")?),
            ("fills_inferred", number("fills_inferred")?),
            ("qty_accepted", number("qty_accepted")?),
            ("qty_filled", number("qty_filled")?),
            ("open_qty", number("open_qty")?),
            ("trading_days", small(&|index| days[index] as u32)),
            ("orders_rows", rows("backtest_orders_rows")),
            ("fills_rows", rows("backtest_fills_rows")),
            ("timeseries_rows", rows("backtest_timeseries_rows")),
            ("queues_rows", rows("backtest_queues_rows")),
            ("hours_rows", rows("backtest_hours_rows")),
            ("daily_rows", rows("backtest_daily_rows")),
        ];
        RecordBatch::try_from_iter(columns).map_err(|e| self.no_block(&e))
    }

    /// The effective config, and where the lane comes from.
    fn about(&self, lane: &At<'_>) -> Result<String, StoreError> {
        let about = json!({
            "config": self.summary["config"],
            "lane": lane.get("name").text()?,
            "seed": lane.get("seed").text()?,
            "run_id": self.run_id.to_string(),
            "data_hash": self.summary["data_hash"],
            "build_id": self.summary["build_id"],
            "order_digest": lane.get("order_digest").text()?,
            "total_pnl_exact_e6": lane.get("pnl").money()?.to_string(),
        });
        Ok(sorted(&about).to_string())
    }
}

fn days_since_1970(number: u64) -> Option<i32> {
    let part = |value: u64| i8::try_from(value).ok();
    let year = i16::try_from(number / 10_000).ok()?;
    let (month, day) = (part(number / 100 % 100)?, part(number % 100)?);
    let date = jiff::civil::Date::new(year, month, day).ok()?;
    Some((date - jiff::civil::date(1970, 1, 1)).get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_1970() {
        assert_eq!(days_since_1970(19_700_102), Some(1));
        assert_eq!(days_since_1970(20_260_408), Some(20_551));
        assert_eq!(days_since_1970(20_260_230), None);
    }

    #[test]
    fn a_figure_that_is_none_is_named() {
        let summary =
            json!({ "lanes": [{ "pnl": "1.5", "fees": 3, "win_rate": { "value": null } }] });
        let path = Path::new("summary.json");
        let root = At { value: &summary, path, key: String::new() };
        let lane = &root.get("lanes").list().unwrap()[0];
        assert_eq!(lane.get("pnl").money().unwrap(), 1_500_000);
        assert!(lane.get("win_rate").ratio().unwrap().is_nan());
        let error = lane.get("fees").money().unwrap_err().to_string();
        assert_eq!(error, "summary.json: `lanes.0.fees` is not a text");
        let error = lane.get("sharpe").ratio().unwrap_err().to_string();
        assert_eq!(error, "summary.json: `lanes.0.sharpe` is not a ratio");
    }
}
