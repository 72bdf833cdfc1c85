//! Statements over two devices of a made-up past.

mod pieces;

use crate::{
    Cancel, EventRow, Fault, Format, Latest, LedgerRow, Limits, Pieces, Rows, Source, Sql,
    SqlError, TagEntry, TagTable,
};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Env;
use tagwerk_historian::{Piece, Scan, Values};
use tagwerk_model::{DataType, Qualities, Quality, TagId, Value};

const SECOND: i64 = 1_000_000_000;
/// 2026-11-01T00:00:00Z
const START: i64 = 1_793_491_200 * SECOND;
const SAMPLES: i64 = 600;

const LIMITS: Limits =
    Limits { memory_max: 64 << 20, rows_max: 10_000, time_max: Duration::from_secs(60) };

/// `boiler` with a temperature every second, a counter every ten, a state; `Press-1` with an exact
/// 64-bit counter and a text.
struct Plant(Arc<TagTable>);

fn entry(id: u32, device: &str, name: &str, data_type: DataType) -> TagEntry {
    TagEntry {
        id: TagId(id),
        device: device.into(),
        name: name.into(),
        data_type,
        unit: "u".into(),
    }
}

fn plant() -> Sql {
    let tags = TagTable::new(vec![
        entry(1, "boiler", "temperature", DataType::Float64),
        entry(2, "boiler", "energy", DataType::Uint64),
        entry(3, "boiler", "running", DataType::Bool),
        entry(4, "Press-1", "strokes", DataType::Uint64),
        entry(5, "Press-1", "recipe", DataType::Text),
    ]);
    Sql::start(&Env::system(), Arc::new(Plant(Arc::new(tags)))).unwrap()
}

fn piece(tag: TagId, from: i64, to: i64) -> Piece {
    let every = if tag.0 == 2 { 10 } else { 1 };
    let numbers =
        (0..SAMPLES).step_by(every).filter(|n| (from..to).contains(&(START + n * SECOND)));
    let numbers: Vec<i64> = numbers.collect();
    let bad = |n: &i64| tag.0 == 1 && n % 100 == 99;
    let quality = |n: &i64| if bad(n) { Quality::BAD_TIMEOUT } else { Quality::GOOD };
    let (data_type, values) = match tag.0 {
        1 => (DataType::Float64, Values::F64(numbers.iter().map(|n| *n as f64 / 4.0).collect())),
        2 => (DataType::Uint64, Values::U64(numbers.iter().map(|n| *n as u64 * 3).collect())),
        3 => (DataType::Bool, Values::Bool(numbers.iter().map(|n| n % 60 < 20).collect())),
        4 => {
            (DataType::Uint64, Values::U64(numbers.iter().map(|n| u64::MAX - *n as u64).collect()))
        }
        _ => (
            DataType::Text,
            Values::Text(numbers.iter().map(|n| format!("R{}", n / 300).into()).collect()),
        ),
    };
    let times = numbers.iter().map(|n| START + n * SECOND).collect();
    let mut piece = Piece::new(tag, data_type, "u".into(), times, values);
    piece.qualities = Qualities::Each(numbers.iter().map(quality).collect());
    piece
}

impl Source for Plant {
    fn tags(&self) -> Arc<TagTable> {
        self.0.clone()
    }

    fn history(&self, scan: &Scan) -> Pieces {
        let (from, to) = (scan.from_unix_ns, scan.to_unix_ns);
        let tags = scan.tags.clone().into_iter();
        Box::new(tags.map(move |tag| Ok(piece(tag, from, to))))
    }

    fn latest(&self, tags: &[TagId]) -> Vec<Latest> {
        let newest = |tag: &TagId| Latest {
            tag: *tag,
            unix_ns: START + (SAMPLES - 1) * SECOND,
            source_time: None,
            quality: Quality::GOOD,
            value: Some(match tag.0 {
                1 => Value::F64(1.5),
                3 => Value::Bool(true),
                5 => Value::Text("R1".into()),
                _ => Value::U64(u64::MAX),
            }),
        };
        tags.iter().map(newest).collect()
    }

    fn ledger(&self, span: Range<i64>, tags: &[TagId], _: Cancel) -> Rows<LedgerRow> {
        let tags: Vec<_> =
            self.0.tags().iter().filter(|tag| tags.contains(&tag.id)).cloned().collect();
        let minutes = (0..10).map(|minute| START + minute * 60 * SECOND);
        let minutes = minutes.filter(move |minute| span.contains(minute));
        Box::new(minutes.flat_map(move |unix_ns| {
            let row = |tag: &TagEntry| LedgerRow {
                unix_ns,
                device: tag.device.clone(),
                group: "g".into(),
                tag: tag.name.clone(),
                expected: 60,
                good: 58,
                uncertain: 0,
                bad: 1,
                suppressed: 0,
                missed: 1,
                stored: 59,
                reason: Some("the device does not answer".into()),
            };
            tags.iter().map(row).map(Ok).collect::<Vec<_>>()
        }))
    }

    fn events(&self) -> Vec<EventRow> {
        vec![EventRow {
            unix_ns: START,
            kind: "system".into(),
            severity: "info".into(),
            about: "edge".into(),
            text: "started".into(),
            by: None,
        }]
    }
}

async fn ask_within(sql: &Sql, text: &str, limits: Limits) -> Result<String, SqlError> {
    let mut query = sql.query(text, limits).await?;
    let mut encoder = query.encoder(Format::JsonRows { text: false })?;
    let mut out = Vec::new();
    while let Some(batch) = query.next().await {
        out.extend(encoder.batch(&batch?)?);
    }
    out.extend(encoder.end()?);
    let more = if query.truncated() { "…" } else { "" };
    Ok(String::from_utf8(out).unwrap() + more)
}

async fn ask(text: &str) -> Result<String, SqlError> {
    ask_within(&plant(), text, LIMITS).await
}

async fn answer(text: &str) -> String {
    ask(text).await.unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[tokio::test]
async fn samples_are_chosen_by_tag_and_time() {
    let text = "SELECT time, value, quality FROM samples WHERE device = 'boiler' AND tag = 'temperature' \
                AND time >= '2026-11-01T00:01:38Z' AND time < '2026-11-01T00:01:41Z' ORDER BY time";
    let rows = answer(text).await;
    assert_eq!(
        rows,
        "[\"2026-11-01T00:01:38Z\",24.5,\"good\"],[\"2026-11-01T00:01:39Z\",null,\"bad\"],\
         [\"2026-11-01T00:01:40Z\",25,\"good\"]"
    );
    let counts =
        answer("SELECT device, count(*), count(value) FROM samples GROUP BY device ORDER BY 1")
            .await;
    assert_eq!(counts, "[\"Press-1\",1200,600],[\"boiler\",1260,1254]");
}

#[tokio::test]
async fn filled_rows_have_what_was_read_last() {
    // Energy is read every ten seconds, the others each second.
    let counts = |age: &str| format!("SELECT count(*), count(energy) FROM filled(boiler, '{age}')");
    assert_eq!(answer(&counts("5s")).await, "[600,360]");
    assert_eq!(answer(&counts("1 minute")).await, "[600,600]");
    let text = "SELECT time, energy, temperature, temperature_quality FROM filled(boiler, '1m') AS b \
                WHERE b.time >= '2026-11-01T00:01:38Z' AND b.time < '2026-11-01T00:01:40Z' \
                ORDER BY time";
    // What was read before the first second that is asked for, and a bad read that is not hidden.
    assert_eq!(
        answer(text).await,
        "[\"2026-11-01T00:01:38Z\",270,24.5,\"good\"],[\"2026-11-01T00:01:39Z\",270,null,\"bad\"]"
    );
    let sum = "SELECT max(energy), min(energy) FROM filled('boiler', INTERVAL '10 seconds') \
               WHERE running AND time >= '2026-11-01T00:09:00Z'";
    assert_eq!(answer(sum).await, "[1650,1620]");
    for (text, part) in [
        ("SELECT 1 FROM filled(boiler)", "filled takes the name of a device"),
        ("SELECT 1 FROM filled(kettle, '1s')", "and kettle is none"),
        ("SELECT 1 FROM filled(boiler, 'often')", "how long a value lasts"),
    ] {
        let error = ask(text).await.unwrap_err();
        assert!(error.message.contains(part), "{error}");
    }
}

#[tokio::test]
async fn each_statement_has_its_own_now_and_its_own_settings() {
    // What a statement was planned with serves the next one.
    let sql = plant();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let now = ask_within(&sql, "SELECT now() FROM samples LIMIT 1", LIMITS).await.unwrap();
        assert!(seen.insert(now), "{seen:?}");
        // One that is planned by all rules, and one that fails, lie between.
        let join = "SELECT count(*) FROM boiler b JOIN boiler c ON b.time = c.time";
        assert_eq!(ask_within(&sql, join, LIMITS).await.unwrap(), "[600]");
        assert!(ask_within(&sql, "SELECT kettle FROM boiler", LIMITS).await.is_err());
    }
}

#[tokio::test]
async fn conditions_on_the_tag_are_decided_before_reading() {
    let rows =
        answer("SELECT count(*) FROM samples WHERE tag LIKE 'st%' OR upper(tag) = 'RECIPE'").await;
    assert_eq!(rows, "[1200]");
    let rows =
        answer("SELECT count(*) FROM samples s WHERE s.type = 'bool' AND s.value_bool").await;
    assert_eq!(rows, "[200]");
    let rows = answer("EXPLAIN SELECT time FROM samples WHERE tag = 'recipe' ORDER BY time").await;
    assert!(!rows.contains("SortExec") && !rows.contains("FilterExec"), "{rows}");
}

#[tokio::test]
async fn integers_are_exact() {
    let rows =
        answer("SELECT max(value_u64), min(value_u64) FROM samples WHERE tag = 'strokes'").await;
    assert_eq!(rows, format!("[{},{}]", u64::MAX, u64::MAX - 599));
    let rows = answer("SELECT strokes FROM \"Press-1\" ORDER BY time LIMIT 2").await;
    assert_eq!(rows, format!("[{}],[{}]", u64::MAX, u64::MAX - 1));
    let rows =
        answer("SELECT strokes * 3, 1 - strokes FROM \"Press-1\" ORDER BY time LIMIT 1").await;
    assert_eq!(rows, "[55340232221128654845,-18446744073709551614]");
}

#[tokio::test]
async fn a_device_is_a_table_with_a_row_per_read() {
    let text = "SELECT time, temperature, energy, running, temperature_quality FROM boiler \
                WHERE time BETWEEN '2026-11-01T00:00:09Z' AND '2026-11-01T00:00:11Z'";
    let rows = answer(text).await;
    assert_eq!(
        rows,
        "[\"2026-11-01T00:00:09Z\",2.25,null,true,\"good\"],\
         [\"2026-11-01T00:00:10Z\",2.5,30,true,\"good\"],\
         [\"2026-11-01T00:00:11Z\",2.75,null,true,\"good\"]"
    );
    assert_eq!(answer("SELECT count(*), count(energy) FROM boiler").await, "[600,60]");
    assert_eq!(answer("SELECT recipe FROM \"press-1\" ORDER BY time LIMIT 1").await, "[\"R0\"]");
}

#[tokio::test]
async fn a_historians_functions() {
    let text = "SELECT time_bucket('5 minutes', time) AS t, count(*), counter_delta(time, value) \
                FROM samples WHERE device = 'boiler' AND tag = 'energy' GROUP BY t ORDER BY t";
    let rows = answer(text).await;
    assert_eq!(rows, "[\"2026-11-01T00:00:00Z\",30,870],[\"2026-11-01T00:05:00Z\",30,870]");
    let text = "SELECT seconds_where(time, value_bool), first(value_bool, time), last(value, time), \
                rate(time, value) FROM samples WHERE tag = 'running'";
    assert_eq!(answer(text).await, "[200,true,0,0.015025041736227046]");
    let text = "SELECT tag, time_weighted_average(time, value) FROM samples \
                WHERE device = 'boiler' AND tag <> 'running' GROUP BY tag ORDER BY tag";
    let rows = answer(text).await;
    assert!(rows.starts_with("[\"energy\",870"), "{rows}");
    let mixed = ask("SELECT time_weighted_average(time, value) FROM samples").await.unwrap_err();
    assert!(mixed.message.contains("GROUP BY"), "{mixed}");
}

#[tokio::test]
async fn gaps_are_filled_with_what_the_engine_has() {
    let text = "WITH b AS (SELECT time_bucket('1 minute', time) AS t, avg(value) AS v FROM samples \
                WHERE tag = 'energy' AND time < '2026-11-01T00:02:00Z' GROUP BY 1) \
                SELECT g.value, last_value(b.v) IGNORE NULLS OVER (ORDER BY g.value) FROM \
                generate_series(TIMESTAMP '2026-11-01T00:00:00', TIMESTAMP '2026-11-01T00:03:00', \
                INTERVAL '1 minute') AS g LEFT JOIN b ON b.t = g.value ORDER BY 1";
    let rows = answer(text).await;
    assert_eq!(rows.matches("255").count(), 3, "{rows}");
}

#[tokio::test]
async fn latest_and_events_are_tables() {
    let rows = answer(
        "SELECT tag, value_u64, value_text FROM latest WHERE device = 'Press-1' ORDER BY tag",
    )
    .await;
    assert_eq!(rows, format!("[\"recipe\",null,\"R1\"],[\"strokes\",{},null]", u64::MAX));
    assert_eq!(answer("SELECT text FROM events WHERE kind = 'system'").await, "[\"started\"]");
    let names = answer("SHOW TABLES").await;
    assert!(names.contains("\"Press-1\"") && names.contains("\"samples\""), "{names}");
}

#[tokio::test]
async fn nothing_but_reading() {
    let forbidden = [
        "CREATE TABLE x AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "COPY samples TO '/tmp/x.csv'",
        "COPY (SELECT 1) TO '/tmp/x.csv' STORED AS CSV",
        "INSERT INTO samples VALUES (1)",
        "DELETE FROM samples",
        "UPDATE samples SET value = 1",
        "DROP TABLE samples",
        "TRUNCATE TABLE samples",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "PREPARE x AS SELECT 1",
        "EXPLAIN ANALYZE DELETE FROM samples",
        "EXPLAIN COPY samples TO '/tmp/x.csv'",
        "BEGIN",
    ];
    for text in forbidden {
        let refused = ask(text).await;
        assert!(
            matches!(&refused, Err(e) if e.fault == Fault::NotAllowed || e.fault == Fault::Statement),
            "{text}: {refused:?}"
        );
    }
    let refused = ask("SELECT * FROM '/etc/passwd'").await.unwrap_err();
    assert_eq!(refused.fault, Fault::Statement);
}

#[tokio::test]
async fn mistakes_are_told_with_their_place() {
    let error = ask("SELECT\n  time FROM samples WHERE ) x").await.unwrap_err();
    assert_eq!(error.place.map(|place| place.0), Some(2), "{error:?}");
    let error = ask("SELECT valeu FROM samples").await.unwrap_err();
    assert_eq!(error.fault, Fault::Statement);
    assert!(error.message.contains("valeu"), "{error}");
    assert_eq!(error.place, Some((1, 8)));
    let error = ask("SELECT * FROM sampels").await.unwrap_err();
    assert!(error.message.contains("sampels"), "{error}");
    assert_eq!(ask("").await.unwrap_err().message, "there is no statement");
    assert_eq!(ask("SELECT 1; SELECT 2").await.unwrap_err().fault, Fault::Statement);
    let deep = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(ask(&deep).await.unwrap_err().fault, Fault::Statement);
}

#[tokio::test]
async fn a_statement_is_bounded_in_rows_memory_and_time() {
    let sql = plant();
    let few = Limits { rows_max: 3, ..LIMITS };
    let rows = ask_within(&sql, "SELECT value FROM samples WHERE tag = 'energy'", few).await;
    assert_eq!(rows.unwrap(), "[0],[30],[60]…");
    let small = Limits { memory_max: 100_000, ..LIMITS };
    let wide = "SELECT * FROM samples a ORDER BY a.value DESC, a.time";
    // Before its first row, what goes wrong is the statement's, and no row's.
    let error = sql.query(wide, small).await.err().unwrap();
    assert_eq!(error.fault, Fault::TooLarge, "{error:?}");
    let short = Limits { time_max: Duration::from_millis(50), ..LIMITS };
    let long = "SELECT count(*) FROM samples a, samples b, samples c, samples d";
    let error = ask_within(&sql, long, short).await.unwrap_err();
    assert_eq!(error.fault, Fault::TimedOut, "{error:?}");
}

#[tokio::test]
async fn rows_leave_as_csv_and_arrow() {
    let sql = plant();
    let text = "SELECT time, tag, value FROM samples WHERE tag = 'energy' ORDER BY time LIMIT 1";
    let mut query = sql.query(text, LIMITS).await.unwrap();
    let mut encoder = query.encoder(Format::Csv).unwrap();
    let batch = query.next().await.unwrap().unwrap();
    let csv = String::from_utf8(encoder.batch(&batch).unwrap()).unwrap();
    assert_eq!(csv, "time,tag,value\n2026-11-01T00:00:00Z,energy,0.0\n");
    let mut encoder = query.encoder(Format::Arrow).unwrap();
    let mut bytes = encoder.batch(&batch).unwrap();
    bytes.extend(encoder.end().unwrap());
    let mut reader = arrow::ipc::reader::StreamReader::try_new(bytes.as_slice(), None).unwrap();
    assert_eq!(reader.next().unwrap().unwrap(), batch);
    let names: Vec<String> = query.columns().into_iter().map(|c| c.data_type).collect();
    assert_eq!(names, ["TIMESTAMP", "VARCHAR", "DOUBLE"]);
}

#[tokio::test]
async fn the_list_of_tables_tells_every_column() {
    let tables = plant().tables();
    let boiler = tables.iter().find(|table| table.name == "boiler").unwrap();
    let names: Vec<&str> = boiler.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names[..4], ["time", "energy", "energy_quality", "energy_source_time"]);
    let samples = tables.iter().find(|table| table.name == "samples").unwrap();
    assert!(samples.columns.iter().all(|column| column.description.is_some()));
}

#[tokio::test]
async fn the_ledger_is_a_table_by_tag_and_minute() {
    let text = "SELECT tag, sum(expected) AS e, sum(missed) AS m FROM ledger \
                WHERE device = 'boiler' GROUP BY tag ORDER BY tag LIMIT 1";
    let rows = answer(text).await;
    assert!(rows.contains("600,10"), "{rows}");
    let of_a_time = "SELECT count(*) AS n FROM ledger WHERE tag = 'temperature' AND time < \
                     '2026-11-01T00:05:00Z'";
    assert_eq!(answer(of_a_time).await, "[5]");
    assert_eq!(answer("SELECT count(*) AS n FROM ledger_sinks").await, "[0]");
    let by_both =
        "SELECT sum(lost) AS l FROM ledger_delivery WHERE tag = 'temperature' AND sink = 'a'";
    assert_eq!(answer(by_both).await, "[null]");
}

#[tokio::test]
async fn sub_queries_stand_in_conditions_of_outer_joins() {
    let text = "SELECT l.tag, r.n FROM latest l LEFT JOIN (SELECT tag, count(*) AS n FROM samples GROUP BY tag) \
                AS r ON r.tag = l.tag AND l.device IN (SELECT device FROM latest WHERE tag = 'recipe') \
                AND r.tag NOT IN (SELECT tag FROM latest WHERE tag LIKE 'st%') ORDER BY 1";
    let rows = answer(text).await;
    let others = "[\"running\",null],[\"strokes\",null],[\"temperature\",null]";
    assert_eq!(rows, format!("[\"energy\",null],[\"recipe\",600],{others}"));
}
