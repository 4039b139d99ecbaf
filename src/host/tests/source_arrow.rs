//! Arrow files to rows: the same as from Parquet, whatever their batches, their shape and their number; and what is cut, damaged or not
//! Arrow is an error that names the file.

mod source_support;

use arrow_array::{ArrayRef, Float64Array};
use arrow_ipc::writer::StreamWriter;
use bt_host::config::shape::Shape;
use bt_host::source::{Chunk, DecodeConfig, SourceError, SourceStats, arrow, parquet};
use source_support::*;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// All streams, one behind the other.
fn read(
    files: &[PathBuf],
    configs: &[DecodeConfig],
) -> Result<Vec<(Chunk, SourceStats)>, SourceError> {
    let streams = arrow::open(files, configs, None)?.into_iter();
    let rows =
        streams.map(|mut stream| Ok((drain(stream.as_mut(), 65_536)?, stream.stats().clone())));
    rows.collect()
}

fn error(file: &PathBuf, config: &DecodeConfig) -> SourceError {
    read(std::slice::from_ref(file), std::slice::from_ref(config)).expect_err("a fault")
}

#[test]
fn rows_are_those_of_parquet_whatever_the_batches() {
    let scratch = Scratch::new("arrow-random");
    let skip = |symbol| DecodeConfig { malformed_skip: true, ..config(symbol) };
    let narrow = DecodeConfig { from_ns: T0 + 100 * MS, to_ns: T0 + 500 * MS, ..skip("TXF") };
    let grid = DecodeConfig { ts_grid_ns: MS, ..narrow.clone() };
    for seed in 0..20 {
        let mut draws = Draws(seed);
        let rows: Vec<Raw> = (0..3_000).map(|n| draws.row(n)).collect();
        let all = batch(columns(&rows));
        let from = [scratch.write("rows.parquet", &all, 10_000)];
        for batch_rows in [1 + draws.below(500) as usize, 10_000] {
            let file = [scratch.write_arrow("rows.arrow", &all, batch_rows, Some(3_000))];
            for config in [&skip("TXF"), &skip("MXF"), &narrow, &grid] {
                let config = std::slice::from_ref(config);
                let mut expected = parquet::open(&from, config).expect("Parquet opens");
                let expected: Vec<Chunk> = expected
                    .iter_mut()
                    .map(|one| drain(one.as_mut(), 65_536).expect("Parquet is read"))
                    .collect();
                let found = read(&file, config).expect("Arrow is read");
                assert_eq!((found.len(), expected.len()), (1, 1));
                assert_same(&found[0].0, &expected[0], &format!("seed {seed}, {batch_rows}"));
            }
        }
    }
}

#[test]
fn files_form_chains_and_batches_of_others_are_not_read() {
    let scratch = Scratch::new("arrow-chains");
    let part = |name: &str, from: i64, to: i64| {
        let rows: Vec<Raw> = (from..to).map(plain).collect();
        scratch.write_arrow(name, &batch(columns(&rows)), 100, None)
    };
    let files = [part("b.arrow", 500, 1_000), part("a.arrow", 0, 500), part("c.arrow", 900, 1_200)];
    let found = read(&files[..2], &[config("TXF")]).expect("they are read");
    assert_eq!((found.len(), found[0].0.events.len()), (1, 1_000));
    assert!(found[0].0.events.is_sorted_by_key(|event| event.ts_exch_ns));
    let found = read(&files, &[config("TXF")]).expect("they are read");
    assert_eq!(found.len(), 2, "what overlaps is a stream of its own");
    let narrow = DecodeConfig { from_ns: T0 + 650 * MS, to_ns: T0 + 720 * MS, ..config("TXF") };
    let found = read(&files, &[narrow]).expect("they are read");
    assert_eq!((found[0].0.events.len(), found[0].1.rows_read), (70, 200));
    let none = read(&files, &[config("MXF")]).expect("they are read");
    assert_eq!((none.len(), none[0].0.events.len(), none[0].1.rows_read), (1, 0, 0));
}

#[test]
fn another_shape_is_read_as_it_is_described() {
    let scratch = Scratch::new("arrow-shape");
    let rows = [plain(0), trade(1, 101 * PX, 7, 1), trade(2, 99 * PX + PX / 4, 1, -1)];
    let expected = [scratch.write_arrow("ours.arrow", &batch(columns(&rows)), 10, None)];
    let expected = read(&expected, &[config("TXF")]).expect("ours");
    let mut theirs = columns(&rows);
    for column in &mut theirs {
        match column.0 {
            "symbol" => column.0 = "code",
            "exch_ts" => column.0 = "t",
            "price_scaled" => {
                let prices = rows.iter().map(|row| row.price.map(|price| price as f64 / PX as f64));
                *column = ("px", Arc::new(prices.collect::<Float64Array>()) as ArrayRef);
            }
            _ => {}
        }
    }
    let names = [("symbol", "code"), ("exch_ts", "t"), ("price_scaled", "px")];
    let shape = Shape {
        columns: names.map(|(ours, theirs)| (ours, theirs.to_owned())).into_iter().collect(),
        ..Shape::default()
    };
    let config = DecodeConfig { shape: Arc::new(shape), ..config("TXF") };
    let file = scratch.write_arrow("theirs.arrow", &batch(theirs), 10, None);
    let found = read(std::slice::from_ref(&file), std::slice::from_ref(&config)).expect("theirs");
    assert_same(&found[0].0, &expected[0].0, "theirs");
    let ours = scratch.0.join("ours.arrow");
    let text = error(&ours, &config).to_string();
    assert!(text.contains("ours.arrow: column `exch_ts`: is `t` by the config"), "{text}");
}

#[test]
fn faults_name_file_row_and_column() {
    let scratch = Scratch::new("arrow-faults");
    let mut rows: Vec<Raw> = (0..250).map(plain).collect();
    rows[230].bids.1 = Some(vec![Some(-1); 5]);
    let file = scratch.write_arrow("bad.arrow", &batch(columns(&rows)), 100, None);
    let found = error(&file, &config("TXF"));
    assert!(
        found.to_string().contains("bad.arrow, row 230, column `bids_vol`: level 0 shows -1"),
        "{found}"
    );
    assert_eq!(found.exit_code(), 5);
    let mut without = columns(&rows);
    without.retain(|column| column.0 != "asks_vol");
    let file = scratch.write_arrow("lacks.arrow", &batch(without), 100, None);
    let found = error(&file, &config("TXF")).to_string();
    assert!(found.contains("lacks.arrow: column `asks_vol`: is missing"), "{found}");
    let file = scratch.write_arrow("told.arrow", &batch(columns(&rows)), 100, Some(251));
    let found = error(&file, &config("TXF")).to_string();
    assert!(found.contains("told.arrow: holds 250 rows, its footer says 251"), "{found}");

    let parquet = scratch.write("rows.parquet", &batch(columns(&rows)), 100);
    let stream = scratch.0.join("stream.arrow");
    let all = batch(columns(&rows));
    let mut writer = StreamWriter::try_new(File::create(&stream).expect("a file"), &all.schema())
        .expect("a writer");
    writer.write(&all).and_then(|()| writer.finish()).expect("a stream");
    for file in [parquet, stream] {
        let found = error(&file, &config("TXF"));
        assert!(found.to_string().contains("is not an Arrow file that can be read: "), "{found}");
        assert_eq!(found.exit_code(), 74);
    }
}

#[test]
fn what_is_cut_or_damaged_is_an_error_or_rows_and_never_more() {
    let scratch = Scratch::new("arrow-damage");
    let rows: Vec<Raw> = (0..30).map(plain).collect();
    let file = scratch.write_arrow("rows.arrow", &batch(columns(&rows)), 10, Some(30));
    let whole = std::fs::read(&file).expect("it can be read");
    let broken = scratch.0.join("broken.arrow");
    let read_bytes = |bytes: &[u8]| {
        std::fs::write(&broken, bytes).expect("it can be written");
        read(std::slice::from_ref(&broken), &[config("TXF")])
    };
    for length in (0..whole.len()).step_by(7) {
        let found = read_bytes(&whole[..length]).expect_err("it is cut").to_string();
        assert!(found.contains("broken.arrow: is not an Arrow file that can be read: "), "{found}");
    }
    let (mut tried, mut refused) = (0, 0);
    for at in (0..whole.len()).step_by(5) {
        tried += 1;
        let mut bytes = whole.clone();
        bytes[at] ^= [0xFF, 0x80, 0x01][at % 3];
        match read_bytes(&bytes) {
            Ok(found) => assert!(found[0].0.events.len() <= 30),
            Err(found) => {
                assert!(found.to_string().contains("broken.arrow"), "{found}");
                refused += 1;
            }
        }
    }
    println!("{refused} of {tried} damaged files are refused");
    assert!(refused * 4 > tried, "{refused} of {tried}");
}
