//! Statements that folds can answer say the same as without them.

use crate::plant::{Folding, Plant, SECOND, START, answer};
use tagwerk_model::{DataType, Value};
use tagwerk_sql::Sql;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What a tag shows at a time: samples that came twice are equal, so that either may be the last.
fn value(data_type: DataType, at: i64) -> Value {
    let mixed = (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    match data_type {
        DataType::Bool => Value::Bool(mixed.is_multiple_of(3)),
        DataType::Int64 => Value::I64(i64::MIN / 2 + mixed as i64),
        DataType::Uint64 => Value::U64(u64::MAX - mixed),
        DataType::Text => Value::Text(format!("R{}", mixed % 5).into()),
        _ => Value::F64((mixed % 10_000) as f64 / 100.0 - 20.0),
    }
}

const BOILER: [(&str, DataType); 4] = [
    ("temperature", DataType::Float64),
    ("running", DataType::Bool),
    ("level", DataType::Int64),
    ("wild", DataType::Float64),
];
const KETTLE: [(&str, DataType); 2] =
    [("temperature", DataType::Float64), ("level", DataType::Float64)];
const PRESS: [(&str, DataType); 2] = [("strokes", DataType::Uint64), ("recipe", DataType::Text)];

/// Devices for some minutes: bad samples, gaps, late samples, samples that came twice, some that
/// are not numbers; the end of it in memory.
fn made(seed: u64, devices: &[(&str, &[(&str, DataType)])]) -> Plant {
    let mut random = Random(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) | 1);
    let mut plant = Plant::new();
    let devices: Vec<_> =
        devices.iter().map(|(name, tags)| (plant.device(name, tags), *tags)).collect();
    let mut now = START;
    for round in 0..600 {
        now += match random.below(40) {
            0 => 45 * SECOND,
            1 => 0,
            _ => 500_000_000 + random.below(1_000_000_000) as i64,
        };
        let at = if random.below(15) == 0 { now - random.below(120) as i64 * SECOND } else { now };
        for (device, tags) in &devices {
            let mut sample = |(name, data_type): &(&str, DataType)| match random.below(12) {
                0 => None,
                _ if *name == "wild" && at % 7 == 0 => Some(Value::F64(f64::NAN)),
                _ => Some(value(*data_type, at)),
            };
            let values: Vec<Option<Value>> = tags.iter().map(&mut sample).collect();
            plant.read(device, at, &values);
        }
        if round % 20 == 0 && round < 550 {
            plant.maintain();
        }
    }
    plant
}

fn plant(seed: u64) -> Plant {
    made(seed, &[("boiler", &BOILER), ("press", &PRESS)])
}

/// With two devices of a template, whose tags have the same names.
pub fn heaters(seed: u64) -> Plant {
    let mut plant = made(seed, &[("boiler", &BOILER), ("press", &PRESS), ("kettle", &KETTLE)]);
    plant.template("heaters", &["boiler", "kettle"]);
    plant
}

/// Equal but for the last digits of numbers.
fn alike(a: &str, b: &str) -> bool {
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let (a, b) = (cells(a), cells(b));
    let cell = |(a, b): (&String, &String)| match (a.parse::<f64>(), b.parse::<f64>()) {
        _ if a == b => true,
        (Ok(x), Ok(y)) if a.contains(['.', 'e']) || b.contains(['.', 'e']) => {
            (x - y).abs() <= 1e-9 * x.abs().max(y.abs()).max(1e-3)
        }
        _ => false,
    };
    a.len() == b.len() && a.iter().zip(&b).all(cell)
}

async fn is_folded(sql: &Sql, text: &str) -> bool {
    answer(sql, &format!("EXPLAIN {text}")).await.iter().any(|line| line.contains("folds"))
}

const RANGES: [&str; 3] = [
    "true",
    "time >= '2026-11-01T00:01:03.3Z' AND time < '2026-11-01T00:04:17.9Z'",
    "time BETWEEN '2026-11-01T00:02:00Z' AND '2026-11-01T00:02:01Z'",
];

/// `{}` is the range.
const FOLDED: [&str; 22] = [
    "SELECT device, tag, count(*), count(value), sum(value), avg(value) FROM samples WHERE {} GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT tag, min(value), max(value), min(time), max(time), first(value, time), last(value, time) FROM samples WHERE {} AND tag <> 'wild' GROUP BY tag ORDER BY tag",
    "SELECT time_bucket('7 seconds', time) AS t, device, tag, count(*) AS n, avg(value), time_weighted_average(time, value) FROM samples WHERE {} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "SELECT tag, time_weighted_average(time, value), count(value) FROM samples WHERE {} GROUP BY tag ORDER BY tag",
    "SELECT date_bin(INTERVAL '10 seconds', time, TIMESTAMP '2027-01-01T00:00:03Z') AS t, tag, max(value), first(value, time) FROM samples WHERE {} AND tag IN ('temperature', 'strokes') GROUP BY 1, tag ORDER BY 1, 2",
    "SELECT date_trunc('minute', time) AS t, count(value_text), count(value_bool), min(value_i64), max(value_i64), max(value_u64), min(value_u64) FROM samples WHERE {} GROUP BY 1 ORDER BY 1",
    "SELECT floor(extract(epoch from time)/30)*30 AS \"time\", device AS metric, avg(value) FROM samples WHERE {} GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT count(*), count(time), count(1), count(quality), avg(value_f64), max(value_u64), min(time) FROM samples WHERE {}",
    "SELECT avg(value_i64), sum(value_f64), avg(value_u64), min(value_bool), max(value_bool) FROM samples WHERE {}",
    "SELECT seconds_where(time, value_bool), first(value_bool, time), last(value_bool, time) FROM samples WHERE {} AND tag = 'running'",
    "SELECT first(value_u64, time), last(value_u64, time), time_weighted_average(time, value_u64) FROM samples WHERE {} AND tag = 'strokes'",
    "SELECT DISTINCT device, tag FROM samples WHERE {} ORDER BY 1, 2",
    "SELECT count(DISTINCT tag) FROM samples WHERE {}",
    "SELECT s.d, avg(s.v) AS mean, max(s.t) FROM (SELECT device AS d, tag AS g, value AS v, time AS t FROM samples x WHERE {}) s WHERE s.g <> 'level' GROUP BY s.d ORDER BY 1",
    "SELECT a.tag, a.late, b.n FROM (SELECT tag, max(time) AS late FROM samples WHERE {} GROUP BY tag) a JOIN (SELECT tag, count(*) AS n FROM samples WHERE {} GROUP BY tag) b ON a.tag = b.tag ORDER BY 1",
    "SELECT extract(minute from time) AS m, upper(tag) AS u, count(*) FROM samples WHERE {} AND extract(minute from time) <> 3 GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT type, count(*), max(tag), min(device) FROM samples WHERE {} GROUP BY type ORDER BY type",
    "SELECT tag, count(*) AS n FROM samples WHERE {} GROUP BY tag HAVING count(*) > 5 AND avg(value) IS NOT NULL ORDER BY n, tag",
    "SELECT date_trunc('hour', time) AS h, time_bucket('90 seconds', time) AS t, CASE WHEN tag LIKE 'r%' THEN 'r' ELSE 'other' END AS kind, count(value) FROM samples WHERE {} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "SELECT date_trunc('month', time) AS m, date_part('dow', time) AS d, avg(value) FROM samples WHERE {} AND tag = 'temperature' GROUP BY 1, 2 ORDER BY 1",
    "SELECT tag, max(n) FROM (SELECT tag, time_bucket('1 minute', time) AS t, count(*) AS n FROM samples WHERE {} GROUP BY 1, 2) m GROUP BY tag ORDER BY tag",
    "SELECT max(time) - min(time), count(*) FROM samples WHERE {} AND device = 'nowhere'",
];

/// The same over tables of devices.
const OF_DEVICES: [&str; 10] = [
    "SELECT time_bucket('7 seconds', time) AS t, avg(temperature), count(running), max(level) FROM boiler WHERE {} GROUP BY 1 ORDER BY 1",
    "SELECT date_trunc('minute', time) AS t, min(temperature), max(temperature), first(temperature, time), last(level, time), sum(temperature), max(wild) FROM boiler WHERE {} GROUP BY 1 ORDER BY 1",
    "SELECT avg(temperature), count(level), avg(level), min(running), max(running), min(time), max(time) FROM boiler WHERE {}",
    "SELECT avg(b.temperature) - avg(b.level), count(b.wild) FROM (SELECT * FROM boiler WHERE {}) b",
    "SELECT max(strokes), min(strokes), avg(strokes), count(recipe) FROM press WHERE {}",
    "SELECT time_bucket('30 seconds', time) AS t, time_weighted_average(time, temperature), seconds_where(time, running), first(running, time) FROM boiler WHERE {} GROUP BY 1 ORDER BY 1",
    "SELECT device, time_bucket('20 seconds', time) AS t, avg(temperature), max(level), count(level), avg(level), count(running) FROM heaters WHERE {} GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT avg(temperature), last(level, time), max(device) FROM heaters WHERE {} AND device = 'kettle'",
    "SELECT device, count(temperature) FROM heaters WHERE {} AND device <> 'boiler' GROUP BY device",
    "SELECT DISTINCT time_bucket('11 seconds', time) AS t FROM press WHERE {} ORDER BY 1",
];

async fn check(plant: &Plant, statements: &[&str], seed: u64) {
    let without = plant.sql(Folding::No);
    for folding in [Folding::Yes, Folding::Shared] {
        check_with(&plant.sql(folding), &without, statements, seed).await;
    }
}

async fn check_with(with: &Sql, without: &Sql, statements: &[&str], seed: u64) {
    for (range, text) in RANGES.iter().flat_map(|range| statements.iter().map(move |s| (range, s)))
    {
        let text = text.replace("{}", range);
        let (found, wanted) = (answer(with, &text).await, answer(without, &text).await);
        assert_eq!(found.len(), wanted.len(), "seed {seed}: {text}");
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!(alike(found, wanted), "seed {seed}: {text}\n{found}\n{wanted}");
        }
    }
}

#[tokio::test]
async fn what_folds_say_is_what_samples_say() {
    for seed in 1..=2 {
        check(&plant(seed), &FOLDED, seed).await;
    }
}

#[tokio::test]
async fn what_folds_say_of_devices_is_what_their_rows_say() {
    for seed in 3..=4 {
        check(&heaters(seed), &OF_DEVICES, seed).await;
    }
}

#[tokio::test]
async fn explain_tells_of_folds() {
    for (plant, statements) in [(plant(9), &FOLDED[..]), (heaters(9), &OF_DEVICES)] {
        let (with, without) = (plant.sql(Folding::Yes), plant.sql(Folding::No));
        for text in statements {
            let text = text.replace("{}", RANGES[1]);
            if text.contains("nowhere") {
                continue;
            }
            assert!(is_folded(&with, &text).await, "{text}");
            assert!(!is_folded(&without, &text).await, "{text}");
        }
    }
}

/// Folds cannot answer these, or not all of them.
const NOT_FOLDED: [&str; 27] = [
    "SELECT count(*) FROM samples WHERE quality = 'good'",
    "SELECT tag, max(value) FROM samples WHERE value > 3 GROUP BY tag ORDER BY 1",
    "SELECT count(DISTINCT value) FROM samples WHERE tag = 'level'",
    "SELECT count(*) FILTER (WHERE value > 1) FROM samples",
    "SELECT quality, count(*) FROM samples GROUP BY quality ORDER BY 1",
    "SELECT time, count(*) FROM samples GROUP BY time ORDER BY 1 LIMIT 5",
    "SELECT stddev(value) FROM samples WHERE tag = 'temperature'",
    "SELECT sum(value_i64 / 1000000000000) FROM samples",
    "SELECT counter_delta(time, value) FROM samples WHERE tag = 'temperature'",
    "SELECT count(*) FROM (SELECT * FROM samples LIMIT 10)",
    "SELECT count(*) FROM latest",
    "SELECT unit, count(*) FROM samples GROUP BY unit",
    "SELECT max(value_f64 + 0) FROM samples WHERE tag = 'temperature'",
    "SELECT max(value_text) FROM samples",
    "SELECT time_bucket('1 month', time) AS t, count(*) FROM samples GROUP BY 1",
    "SELECT count(*) FROM samples a JOIN (SELECT DISTINCT unit FROM samples) b ON a.unit = b.unit",
    "SELECT tag, max(time) FROM samples WHERE code = 0 GROUP BY tag ORDER BY 1",
    "SELECT max(cast(value_text AS VARCHAR)) FROM samples WHERE tag = 'recipe'",
    "SELECT count(*) FROM boiler",
    "SELECT count(time) FROM boiler",
    "SELECT time_bucket('1 minute', time) AS t, count(1), avg(level) FROM boiler GROUP BY 1 ORDER BY 1",
    "SELECT max(recipe) FROM press",
    "SELECT avg(temperature) FROM boiler WHERE running",
    "SELECT sum(level / 1000000000000) FROM boiler",
    "SELECT temperature_quality, count(temperature) FROM boiler GROUP BY 1 ORDER BY 1",
    "SELECT running, max(level) FROM boiler GROUP BY running ORDER BY 1",
    "SELECT avg(temperature) FILTER (WHERE running) FROM boiler",
];

#[tokio::test]
async fn what_folds_cannot_say_is_read() {
    let plant = plant(10);
    let (with, without) = (plant.sql(Folding::Yes), plant.sql(Folding::No));
    for text in NOT_FOLDED {
        assert!(!is_folded(&with, text).await, "{text}");
        assert_eq!(answer(&with, text).await, answer(&without, text).await, "{text}");
    }
}

#[tokio::test]
async fn a_column_of_a_tag_that_had_another_type_is_read() {
    use DataType::{Bool, Float64, Int64, Text, Uint64};
    let changes =
        [(Int64, Float64), (Float64, Int64), (Text, Float64), (Bool, Text), (Uint64, Int64)];
    for (before, after) in changes {
        let mut plant = Plant::new();
        let mut mill = plant.device("mill", &[("speed", before)]);
        for round in 0..80 {
            let at = START + round * SECOND;
            if round == 40 {
                mill = plant.retyped(&mill, after);
            }
            plant.read(&mill, at, &[Some(value(if round < 40 { before } else { after }, at))]);
            plant.maintain();
        }
        let (with, without) = (plant.sql(Folding::Yes), plant.sql(Folding::No));
        let of = |aggregates: &str| {
            format!(
                "SELECT time_bucket('30 seconds', time) AS t, {aggregates} FROM mill GROUP BY 1 ORDER BY 1"
            )
        };
        for aggregates in
            ["count(speed)", "max(speed), min(speed)", "first(speed, time), last(speed, time)"]
        {
            let text = of(aggregates);
            let (found, wanted) = (answer(&with, &text).await, answer(&without, &text).await);
            assert!(
                found.iter().zip(&wanted).all(|(a, b)| alike(a, b)),
                "{text}\n{found:?}\n{wanted:?}"
            );
            assert_eq!(found.len(), wanted.len(), "{text}");
        }
        let folded = is_folded(&with, &of("count(speed)")).await;
        assert_eq!(folded, (before, after) == (Int64, Float64), "{before:?}, {after:?}");
    }
}
