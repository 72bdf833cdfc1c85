//! What is written reads back to the bit, for us and for others; what is altered is never believed.

use crate::feed::{START, Sample, name, numbers, samples};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType, UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tagwerk_archive::{ArchiveError, Format, Output, TagName, image, scan};
use tagwerk_historian::{NO_SOURCE_TIME, Piece, Values};
use tagwerk_model::{DataType, Qualities, Quality, TagId, Value};

const EDGE: &str = "edge-1";

fn piece(data_type: DataType, values: Values) -> Piece {
    let times = (0..values.len() as i64).map(|i| START + i * i * 1_000_000_007).collect();
    Piece::new(TagId(0), data_type, "°C".into(), times, values)
}

/// Every type with its extremes, and all that may stand beside a value.
fn everything() -> Vec<(TagName, Piece)> {
    let floats = [
        0.0,
        -0.0,
        f64::MIN_POSITIVE / 2.0,
        f64::MAX,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        f64::from_bits(0x7ff0_0000_0000_0001),
        f64::from_bits(0xfff8_dead_beef_0001),
        0.1,
    ];
    let texts = ["", "ü", "a,\"b\"\n", "\u{0}", "the same", "the same"];
    let bytes: [&[u8]; 3] = [b"", &[0, 255], b"PAR1"];
    let lists = [vec![], vec![Value::I64(i64::MIN), Value::Text("x".into()), Value::U64(u64::MAX)]];
    let mut all = vec![
        piece(DataType::Bool, Values::Bool(vec![true, false, true])),
        piece(DataType::Int64, Values::I64(vec![i64::MIN, -1, 0, 1, (1 << 53) + 1, i64::MAX])),
        piece(DataType::Uint64, Values::U64(vec![0, (1 << 53) + 1, i64::MAX as u64 + 1, u64::MAX])),
        piece(DataType::Float64, Values::F64(floats.to_vec())),
        piece(DataType::Float32, Values::F64(vec![f64::from(0.1f32), f64::from(f32::MAX)])),
        piece(DataType::Text, Values::Text(texts.iter().map(|t| (*t).into()).collect())),
        piece(DataType::Bytes, Values::Bytes(bytes.iter().map(|b| (*b).into()).collect())),
        piece(DataType::List, Values::List(lists.into_iter().map(Vec::into).collect())),
    ];
    let mut bad = piece(DataType::Int32, Values::I64(vec![1, 2, 3, 4]));
    bad.qualities = Qualities::Each(vec![
        Quality::GOOD,
        Quality::BAD_TIMEOUT.with_detail(7),
        Quality::UNCERTAIN_LAST_USABLE,
        Quality(u32::MAX),
    ]);
    bad.source_times = Some(vec![NO_SOURCE_TIME, i64::MIN + 1, 0, i64::MAX]);
    all.push(bad);
    let mut all_bad = piece(DataType::Text, Values::Text(vec!["".into(); 2]));
    all_bad.qualities = Qualities::One(Quality::BAD_NOT_CONNECTED);
    all.push(all_bad);
    let tag = |i: usize| name("press", &format!("tag {i:02}"));
    all.into_iter().enumerate().map(|(i, piece)| (tag(i), piece)).collect()
}

/// As they come back: lists as their JSON, floats as their bits.
fn comparable(piece: &Piece) -> Vec<(Sample, Option<u64>)> {
    let text = |value: Value| match value {
        Value::List(_) => Value::Text(value.as_ref().to_text(DataType::List).into()),
        Value::F64(_) => Value::Bool(true),
        other => other,
    };
    let bits = |row: usize| match piece.value(row)?.to_value() {
        Value::F64(number) => Some(number.to_bits()),
        _ => None,
    };
    let rows = samples(piece).into_iter().enumerate();
    rows.map(|(row, (a, b, c, value))| ((a, b, c, value.map(text)), bits(row))).collect()
}

fn check(found: &[(TagName, Piece)], wanted: &[(TagName, Piece)]) {
    assert_eq!(found.len(), wanted.len());
    for ((tag, found), (wanted_tag, wanted)) in found.iter().zip(wanted) {
        assert_eq!(tag, wanted_tag);
        assert_eq!((found.data_type, &found.unit), (wanted.data_type, &wanted.unit), "{tag:?}");
        assert_eq!(comparable(found), comparable(wanted), "{tag:?}");
    }
}

#[test]
fn every_type_comes_back_to_the_bit() {
    let pieces = everything();
    let image = image(EDGE, &pieces).unwrap();
    check(&scan(&image, EDGE).unwrap(), &pieces);
}

#[test]
fn a_type_or_unit_that_changes_keeps_its_rows_apart() {
    let tag = name("press", "pressure");
    let mut pieces = vec![(tag.clone(), numbers(1, &[START, START + 1]))];
    let mut other = piece(DataType::Uint16, Values::U64(vec![7]));
    other.times = vec![START + 2];
    pieces.push((tag.clone(), other));
    let mut unit = numbers(1, &[START + 3]);
    unit.unit = "psi".into();
    pieces.push((tag, unit));
    let image = image(EDGE, &pieces).unwrap();
    check(&scan(&image, EDGE).unwrap(), &pieces);
}

#[test]
fn large_files_have_many_row_groups_and_read_back() {
    let times: Vec<i64> = (0..5_000).map(|i| START + i * 17).collect();
    let pieces: Vec<(TagName, Piece)> =
        (0..60).map(|tag| (name("press", &format!("{tag:03}")), numbers(tag, &times))).collect();
    let image = image(EDGE, &pieces).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(image.clone()));
    let groups = reader.unwrap().metadata().row_groups().len();
    assert!((10..=20).contains(&groups), "{groups}");
    let found = scan(&image, EDGE).unwrap();
    let all = |pieces: &[(TagName, Piece)]| -> Vec<Sample> {
        pieces.iter().flat_map(|(_, piece)| samples(piece)).collect()
    };
    assert_eq!(all(&found), all(&pieces));
}

#[test]
fn others_read_the_same_from_an_export() {
    let pieces = everything();
    let mut out = Output::new(Format::Parquet, Vec::new()).unwrap();
    pieces.iter().for_each(|(tag, piece)| out.push(tag, piece).unwrap());
    let file = out.end().unwrap();
    assert!(matches!(scan(&file, EDGE), Err(ArchiveError::Foreign { .. })));
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap();
    let names: Vec<String> =
        reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names.len(), 15);
    let rows: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let rows = arrow::compute::concat_batches(&rows[0].schema(), &rows).unwrap();
    let column = |name: &str| rows.column_by_name(name).unwrap().clone();
    let times = column("time");
    let wanted: Vec<i64> = pieces.iter().flat_map(|(_, piece)| piece.times.clone()).collect();
    assert_eq!(*times.as_primitive::<TimestampNanosecondType>().values(), wanted[..]);
    let integers = column("value_i64");
    let integers = integers.as_primitive::<Int64Type>();
    assert!(integers.iter().flatten().any(|v| v == i64::MIN));
    let integers = column("value_u64");
    assert!(integers.as_primitive::<UInt64Type>().iter().flatten().any(|v| v == u64::MAX));
    let floats = column("value_f64");
    let floats = floats.as_primitive::<Float64Type>();
    assert!(floats.iter().flatten().any(|v| v.to_bits() == 0xfff8_dead_beef_0001));
    let qualities = column("quality");
    assert!(qualities.as_string::<i32>().iter().flatten().any(|q| q == "uncertain"));
    assert_eq!(column("device").null_count(), 0);
}

#[test]
fn csv_has_every_digit() {
    let mut out = Output::new(Format::Csv, Vec::new()).unwrap();
    everything().iter().for_each(|(tag, piece)| out.push(tag, piece).unwrap());
    let text = String::from_utf8(out.end().unwrap()).unwrap();
    let wanted = [
        "time,device,tag,value,quality,code,source_time,value_f64,value_i64,value_u64,value_bool,\
         value_text,value_bytes,unit,type\n",
        "2026-11-18T00:00:00.000000000Z,press,tag 00,1.0,good,0,,,,,true,,,°C,bool\n",
        ",good,0,,,-9223372036854775808,,,,,°C,int64\n",
        ",good,0,,,,18446744073709551615,,,,°C,uint64\n",
        "NaN,good,0,,NaN,,,,,,°C,float64\n",
        "tag 05,,good,0,,,,,,\"\",,°C,text\n",
        "\"a,\"\"b\"\"\n\"",
        ",00ff,°C,bytes\n",
        ",bad,2148139015,1677-09-21T00:12:43.145224193Z,,,,,,,°C,int32\n",
    ];
    for part in wanted {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn altered_bytes_are_never_a_wrong_value() {
    let pieces = everything();
    let image = image(EDGE, &pieces).unwrap();
    let wanted = scan(&image, EDGE).unwrap();
    let mut refused = 0;
    for at in 0..image.len() {
        let mut altered = image.clone();
        altered[at] ^= 1 << (at % 8);
        match scan(&altered, EDGE) {
            // Statistics, which nobody here reads.
            Ok(found) => check(&found, &wanted),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > image.len() / 2, "{refused} of {}", image.len());
    for end in 0..image.len() {
        assert!(scan(&image[..end], EDGE).is_err(), "cut at {end}");
    }
}

#[test]
fn files_of_others_are_told_apart() {
    let image = image(EDGE, &everything()).unwrap();
    let error = scan(&image, "edge-2").unwrap_err();
    assert!(error.to_string().contains("the edge `edge-1` wrote it, this one is `edge-2`"));
    assert!(scan(b"", EDGE).is_err());
    assert!(scan(b"PAR1PAR1", EDGE).is_err());
    assert!(scan(&[0; 4_096], EDGE).is_err());
}
