//! Measures how soon the work on a statement ends when nobody wants its answer any more: prints a line
//! of JSON with the milliseconds of processor time and of waiting behind the moment it was dropped.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tagwerk_env::Env;
use tagwerk_historian::{Piece, Scan, Values};
use tagwerk_model::{DataType, TagId, limits};
use tagwerk_sql::{Limits, Pieces, Source, Sql, TagEntry, TagTable};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SECOND: i64 = 1_000_000_000;
const PIECES: i64 = 20_000;
const SAMPLES: i64 = 512;
/// As much memory as statements have; what is done in one go depends on it.
const LIMITS: Limits = Limits {
    memory_max: limits::SQL_MEMORY_MAX,
    rows_max: 100_000_000,
    time_max: Duration::from_secs(300),
};

/// Two tags of texts, of which many are long, and two of numbers.
struct Texts(Arc<TagTable>);

fn piece(tag: TagId, number: i64) -> Piece {
    let seconds = (0..SAMPLES).map(|place| number * SAMPLES + place);
    let times = seconds.clone().map(|second| second * SECOND).collect();
    let (data_type, values) = match tag.0 % 2 {
        0 => {
            let text = |place: i64| Arc::from(format!("{} {place}", "long ".repeat(40)));
            let texts: Vec<Arc<str>> = (0..32).map(|place| text(number * 32 + place)).collect();
            let all = seconds.map(|second| texts[second as usize % 32].clone()).collect();
            (DataType::Text, Values::Text(all))
        }
        _ => (DataType::Float64, Values::F64(seconds.map(|second| second as f64).collect())),
    };
    Piece::new(tag, data_type, "".into(), times, values)
}

impl Source for Texts {
    fn tags(&self) -> Arc<TagTable> {
        self.0.clone()
    }

    fn history(&self, scan: &Scan) -> Pieces {
        let tags = scan.tags.clone().into_iter();
        Box::new(tags.flat_map(|tag| (0..PIECES).map(move |number| Ok(piece(tag, number)))))
    }
}

/// Processor time of the threads that work on statements.
fn used() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let time = |thread: std::fs::DirEntry| {
        let name = std::fs::read_to_string(thread.path().join("comm")).ok()?;
        let stat = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let time = stat.split_whitespace().next()?.parse::<f64>().ok()?;
        name.starts_with("sql").then_some(time / 1e6)
    };
    threads.filter_map(time).sum()
}

const STATEMENTS: [(&str, &str); 12] = [
    ("texts", "SELECT value_text, count(*) FROM samples WHERE type = 'text' GROUP BY value_text"),
    ("longest", "SELECT max(value_text) FROM samples WHERE type = 'text'"),
    ("upper", "SELECT max(upper(value_text)) FROM samples WHERE type = 'text'"),
    ("groups", "SELECT time, value, count(*) FROM samples GROUP BY 1, 2"),
    ("sorted", "SELECT value_text, time FROM samples WHERE type = 'text' ORDER BY 1, 2 LIMIT 9"),
    ("all sorted", "SELECT value, time FROM samples WHERE type = 'float64' ORDER BY 1 DESC, 2"),
    (
        "numbered",
        "SELECT time, row_number() OVER (PARTITION BY tag ORDER BY value DESC) FROM samples",
    ),
    ("distinct", "SELECT count(DISTINCT value), count(DISTINCT time) FROM samples"),
    ("median", "SELECT tag, median(value) FROM samples GROUP BY tag"),
    (
        "joined",
        "SELECT count(*) FROM samples a JOIN samples b ON a.time = b.time AND a.tag < b.tag",
    ),
    ("crossed", "SELECT count(*) FROM samples a JOIN samples b ON a.value + b.value < 0"),
    ("device", "SELECT text_0, count(*), max(number_1) FROM press GROUP BY 1"),
];

async fn measure(sql: &Sql, text: &str, after: Duration) -> Result<(f64, f64)> {
    let begin = {
        let (sql, text) = (sql.clone(), text.to_owned());
        async move {
            let mut query = sql.query(&text, LIMITS).await?;
            while let Some(batch) = query.next().await {
                batch?;
            }
            Ok::<(), tagwerk_sql::SqlError>(())
        }
    };
    // When it is over sooner, there is nothing to measure.
    if tokio::time::timeout(after, begin).await.is_ok() {
        return Ok((0.0, 0.0));
    }
    let (dropped, before) = (Instant::now(), used());
    let (mut last, mut known) = (0.0, before);
    while dropped.elapsed() < Duration::from_millis(1_500) {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let now = used();
        if now - known > 0.3 {
            last = dropped.elapsed().as_secs_f64() * 1e3;
        }
        known = now;
    }
    Ok((known - before, last))
}

fn main() -> Result<()> {
    let entry = |id: u32| TagEntry {
        id: TagId(id),
        device: "press".into(),
        name: format!("{}_{id}", if id.is_multiple_of(2) { "text" } else { "number" }).into(),
        data_type: if id.is_multiple_of(2) { DataType::Text } else { DataType::Float64 },
        unit: "".into(),
    };
    let table = Arc::new(TagTable::new((0..4).map(entry).collect()));
    let sql = Sql::start(&Env::system(), Arc::new(Texts(table)))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut out = Vec::new();
    for (name, text) in STATEMENTS {
        for after in [60, 150, 400, 900] {
            let measured = measure(&sql, text, Duration::from_millis(after));
            let (used, last) = runtime.block_on(measured)?;
            out.push(format!("\"{name} {after}\":[{used:.1},{last:.1}]"));
        }
    }
    println!("{{{}}}", out.join(","));
    Ok(())
}
