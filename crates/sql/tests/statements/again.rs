//! Statements that come again with other texts say what they say when they are asked for the first
//! time.

use crate::folds::heaters;
use crate::plant::{Folding, Plant, answer, ask};
use tagwerk_model::DataType;
use tagwerk_sql::Sql;

/// `$t` stands for a condition on time, `$g` for one on tags.
const FORMS: [&str; 12] = [
    "SELECT time, value FROM samples WHERE $g AND $t ORDER BY time, tag, value",
    "SELECT value, time, tag FROM samples s WHERE $t AND $g ORDER BY s.value DESC, 2, 3 LIMIT 7",
    "SELECT tag, avg(value), count(*) FROM samples WHERE $g AND $t GROUP BY tag ORDER BY tag",
    "SELECT date_trunc('minute', time) AS t, tag, max(value) FROM samples WHERE $g AND $t \
     GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT count(*) FROM (SELECT DISTINCT tag FROM samples WHERE $t) n",
    "SELECT count(DISTINCT tag), max(value), min(time) FROM samples WHERE $g AND $t AND value > '3'",
    "SELECT time, temperature, level FROM boiler WHERE $t ORDER BY temperature DESC, time LIMIT 5",
    "SELECT avg(temperature), max(level), count(running) FROM boiler WHERE $t",
    "SELECT time_bucket('20 seconds', time) AS t, max(temperature) FROM heaters WHERE $t AND \
     device IN ('boiler', 'kettle') GROUP BY 1 ORDER BY 1",
    "SELECT count(*), count(level) FROM filled(boiler, '1 minute') WHERE $t",
    "SELECT time, tag, max FROM samples_by_minute WHERE $g AND $t ORDER BY 1, 2",
    "SELECT tag, value FROM latest WHERE $g ORDER BY 1",
];

const TIMES: [&str; 6] = [
    "time >= '2026-11-01T00:01:03.3Z' AND time < '2026-11-01T00:04:17.9Z'",
    "time >= '2026-11-01T00:00:00Z' AND time < '2026-11-01T01:00:00Z'",
    "time >= '2026-11-01' AND time < '2026-11-01 00:02:00'",
    "time >= '2027-01-01' AND time < '2026-11-01'",
    "time BETWEEN '2026-11-01T00:02:00Z' AND '2026-11-01T00:02:30Z'",
    "time BETWEEN '2026-11-01T00:03:00Z' AND '2026-11-01T00:06:00Z'",
];

const TAGS: [&str; 8] = [
    "device = 'boiler' AND tag = 'level'",
    "device = 'kettle' AND tag = 'level'",
    "device = 'press' AND tag = 'temperature'",
    "tag IN ('level', 'running', 'strokes', 'x')",
    "tag IN ('level', 'level', 'level', 'level')",
    "tag IN ('temperature', 'wild', 'running', 'strokes')",
    "(device = 'boiler' OR tag = 'level')",
    "(device = 'press' OR tag = 'temperature')",
];

fn statements() -> Vec<String> {
    let of = |form: &&str| -> Vec<String> {
        let with_time = TIMES.iter().map(|time| form.replace("$t", time));
        let times: Vec<String> = with_time.collect();
        let tags: Vec<&str> = if form.contains("$g") { TAGS.to_vec() } else { vec![""] };
        times.iter().flat_map(|text| tags.iter().map(|tag| text.replace("$g", tag))).collect()
    };
    let mut all: Vec<String> = FORMS.iter().flat_map(of).collect();
    all.sort();
    all.dedup();
    all
}

#[tokio::test]
async fn statements_with_other_texts_say_what_they_say_alone() {
    let plant = heaters(7);
    for folding in [Folding::Yes, Folding::No] {
        let warm = plant.sql(folding);
        let statements = statements();
        let mut alone = Vec::new();
        for text in &statements {
            let said = answer(&warm, text).await;
            assert_eq!(answer(&plant.sql(folding), text).await, said, "{text}");
            alone.push(said);
        }
        let order = (0..statements.len()).map(|turn| turn * 31 % statements.len());
        for place in order {
            assert_eq!(answer(&warm, &statements[place]).await, alone[place]);
        }
    }
}

#[tokio::test]
async fn statements_at_work_at_once_do_not_mix() {
    let plant = heaters(3);
    let sql = plant.sql(Folding::No);
    let text = |tag: &str| {
        format!(
            "SELECT tag, value FROM samples WHERE tag = '{tag}' ORDER BY value DESC, time LIMIT 40"
        )
    };
    let tags = ["level", "temperature", "strokes", "running"];
    let mut alone = Vec::new();
    for tag in tags {
        alone.push(answer(&plant.sql(Folding::No), &text(tag)).await);
    }
    for _ in 0..20 {
        let asked = tags.map(|tag| {
            let (sql, text) = (sql.clone(), text(tag));
            tokio::spawn(async move { answer(&sql, &text).await })
        });
        for (said, alone) in asked.into_iter().zip(&alone) {
            assert_eq!(&said.await.unwrap(), alone);
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_of_the_statement_as_it_is_written() {
    let plant = heaters(1);
    let warm = plant.sql(Folding::Yes);
    let text =
        |time: &str| format!("SELECT value FROM samples\nWHERE tag = 'x' AND time > '{time}'");
    answer(&warm, &text("2026-11-01")).await;
    for wrong in ["yesterday", "", "2026-13-01"] {
        let first = ask(&plant.sql(Folding::Yes), &text(wrong)).await.unwrap_err();
        let again = ask(&warm, &text(wrong)).await.unwrap_err();
        assert_eq!(again, first);
    }
    let error = ask(&warm, "SELECT value FROM samples WHERE tag = 'x' AND kettle = '3'").await;
    let error = error.unwrap_err();
    assert_eq!(error.place, Some((1, 47)), "{error}");
    assert!(!error.message.contains('$'), "{error}");
}

/// Devices get tags and lose them while the edge runs.
#[tokio::test]
async fn a_table_of_other_columns_is_planned_anew() {
    let mut plant = Plant::new();
    let plain = [("level", DataType::Float64)];
    plant.device("boiler", &plain);
    let table = plant.changing(Folding::Yes);
    let sql: &Sql = &table.sql;
    let text = |time: &str| format!("SELECT * FROM boiler WHERE time > '{time}'");
    let columns = async |time: &str| {
        let query = sql.query(&text(time), crate::plant::LIMITS).await.unwrap();
        query.columns().len()
    };
    assert_eq!((columns("2026-11-01").await, columns("2026-11-02").await), (4, 4));
    plant.device("boiler", &[("pressure", DataType::Float64)]);
    table.change(&plant);
    assert_eq!((columns("2026-11-01").await, columns("2026-11-02").await), (7, 7));
}
