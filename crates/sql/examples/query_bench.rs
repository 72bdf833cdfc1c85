//! Measures statements over what `history_bench FOLDER ingest` left: `query_bench FOLDER PARQUET`
//! writes all samples to the Parquet file, unless it is there already, and prints as JSON the
//! statements with their times. `query_bench FOLDER STATEMENTS.sql` measures each line of a file.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::temporal_conversions::timestamp_s_to_datetime;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use std::error::Error;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tagwerk_env::Env;
use tagwerk_historian::{Buckets, FoldRow, Historian, Need, Options, Scan, Values, Wanted};
use tagwerk_model::{DataType as TagType, TagId};
use tagwerk_sql::{Limits, Pieces, Rows, Source, Sql, TagEntry, TagTable};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SECOND: i64 = 1_000_000_000;
const LIMITS: Limits =
    Limits { memory_max: 64 << 20, rows_max: 1_000_000, time_max: Duration::from_secs(300) };

struct History {
    historian: Historian,
    tags: Arc<TagTable>,
}

impl Source for History {
    fn tags(&self) -> Arc<TagTable> {
        self.tags.clone()
    }

    fn history(&self, scan: &Scan) -> Pieces {
        Box::new(self.historian.scan(scan).map(|piece| piece.map_err(|error| error.to_string())))
    }

    fn history_columns(&self, scan: &Scan, wanted: Wanted) -> Pieces {
        let pieces = self.historian.scan_columns(scan, wanted);
        Box::new(pieces.map(|piece| piece.map_err(|error| error.to_string())))
    }

    fn can_fold(&self, _span: &Range<i64>) -> bool {
        true
    }

    fn folds(&self, scan: &Scan, buckets: Option<Buckets>, need: Need) -> Rows<Vec<FoldRow>> {
        let folds = self.historian.folds(scan, buckets, need);
        Box::new(folds.map(|row| row.map_err(|error| error.to_string())))
    }

    fn types(&self, tag: TagId, span: &Range<i64>) -> Option<Vec<TagType>> {
        self.historian.types(tag, span.start, span.end).ok()
    }

    fn samples_about(&self, tags: &[TagId], span: &Range<i64>) -> Option<u64> {
        self.historian.samples_about(tags, span.start, span.end)
    }
}

fn tags(historian: &Historian) -> Vec<TagEntry> {
    let entry = |tag: tagwerk_historian::TagInfo| TagEntry {
        id: tag.id,
        device: tag.device,
        name: tag.name,
        data_type: tag.data_type,
        unit: tag.unit,
    };
    historian.tags().into_iter().map(entry).collect()
}

/// Tag by tag, as one would lay the file out for questions about tags.
fn export(historian: &Historian, tags: &TagTable, path: &Path) -> Result<()> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("time", DataType::Timestamp(TimeUnit::Microsecond, None), false),
        Field::new("device", DataType::Utf8, false),
        Field::new("tag", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
    ]));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = std::fs::File::create(path)?;
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))?;
    for tag in tags.tags() {
        for piece in historian.scan(&Scan { tags: vec![tag.id], ..Scan::default() }) {
            let piece = piece?;
            let Values::F64(values) = &piece.values else { continue };
            let text = |text: &str| -> ArrayRef {
                Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, piece.len())))
            };
            let times = piece.times.iter().map(|time| time / 1_000);
            let arrays: Vec<ArrayRef> = vec![
                Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
                text(&tag.device),
                text(&tag.name),
                Arc::new(Float64Array::from(values.clone())),
            ];
            writer.write(&RecordBatch::try_new(schema.clone(), arrays)?)?;
        }
    }
    writer.close()?;
    Ok(())
}

/// What is asked: a name, and statements of that kind with different tags.
fn statements(tags: &TagTable, newest: i64) -> Vec<(&'static str, Vec<String>)> {
    let before = |seconds: i64| {
        let at = (newest - seconds * SECOND).div_euclid(SECOND);
        timestamp_s_to_datetime(at).map_or_else(String::new, |at| format!("'{at}'"))
    };
    let tags = tags.tags();
    let tag = |turn: usize| &tags[turn * 97 % tags.len()];
    let hour = |turn: usize| {
        let TagEntry { device, name, .. } = tag(turn);
        let from = before(3_600);
        format!(
            "SELECT time, value FROM samples WHERE device = '{device}' AND tag = '{name}' \
             AND time >= {from} ORDER BY time"
        )
    };
    let minutes = |turn: usize| {
        let (device, from) = (&tag(turn).device, before(86_400));
        let of_device = tags.iter().filter(|tag| tag.device == *device).take(10);
        let names: Vec<String> = of_device.map(|tag| format!("'{}'", tag.name)).collect();
        format!(
            "SELECT date_trunc('minute', time) AS t, tag, avg(value) FROM samples WHERE \
             device = '{device}' AND tag IN ({}) AND time >= {from} GROUP BY 1, 2 ORDER BY 1, 2",
            names.join(", ")
        )
    };
    let averages = "SELECT device, tag, avg(value) FROM samples GROUP BY device, tag";
    vec![
        ("hour", (0..50).map(hour).collect()),
        ("minutes", (0..20).map(minutes).collect()),
        ("averages", vec![averages.to_owned(); 5]),
        ("scan", vec!["SELECT max(value + 0) FROM samples".to_owned(); 5]),
    ]
}

async fn timed(sql: &Sql, statement: &str) -> Result<(f64, usize)> {
    let begun = Instant::now();
    let mut query = sql.query(statement, LIMITS).await?;
    let mut rows = 0;
    while let Some(batch) = query.next().await {
        rows += batch?.num_rows();
    }
    Ok((begun.elapsed().as_secs_f64() * 1e3, rows))
}

async fn measure(sql: &Sql, statements: Vec<(&str, Vec<String>)>) -> Result<String> {
    let mut out = Vec::new();
    for (name, statements) in statements {
        let mut times = Vec::new();
        let mut rows = 0;
        for statement in &statements {
            let (time, found) = timed(sql, statement).await?;
            times.push(time);
            rows = found;
        }
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        let texts: Vec<String> = statements.iter().map(|text| format!("{text:?}")).collect();
        out.push(format!(
            "{name:?}:{{\"ms\":{median:.4},\"rows\":{rows},\"statements\":[{}]}}",
            texts.join(",")
        ));
    }
    Ok(format!("{{{}}}", out.join(",")))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, file] = &arguments[..] else { return Err("FOLDER PARQUET".into()) };
    let env = Env::system();
    let (historian, _) = Historian::open(&env, Path::new(folder), Options::default())?;
    // What an edge does in its first minute.
    while historian.maintain(&|_| Ok(()))?.more {}
    let newest = historian.usage().newest_unix_ns.ok_or("the history is empty")?;
    let table = Arc::new(TagTable::new(tags(&historian)));
    let lines = match file.ends_with(".sql") {
        true => std::fs::read_to_string(file)?,
        false => String::new(),
    };
    if lines.is_empty() && !Path::new(file).exists() {
        export(&historian, &table, Path::new(file))?;
    }
    let statements = match lines.is_empty() {
        true => statements(&table, newest),
        false => lines.lines().map(|line| (line, vec![line.to_owned(); 9])).collect(),
    };
    let sql = Sql::start(&env, Arc::new(History { historian, tags: table }))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    println!("{}", runtime.block_on(measure(&sql, statements))?);
    Ok(())
}
