//! Buckets without samples are made up.

use crate::plant::{Folding, LIMITS, Plant, SECOND, START, answer, ask};
use tagwerk_model::{DataType, Value};
use tagwerk_sql::postgres::{self, Command, Session};
use tagwerk_sql::{Fault, Sql};

/// Two tanks whose levels are read now and then over six minutes.
fn tanks() -> (Plant, Sql) {
    let mut plant = Plant::new();
    let first = plant.device("tank-1", &[("level", DataType::Float64)]);
    let second = plant.device("tank-2", &[("level", DataType::Float64)]);
    for (minute, level) in [(0, 10.0), (1, 20.0), (5, 60.0)] {
        plant.read(&first, START + minute * 60 * SECOND, &[Some(Value::F64(level))]);
    }
    plant.read(&first, START + 2 * 60 * SECOND, &[None]);
    plant.read(&second, START + 2 * 60 * SECOND, &[Some(Value::F64(5.0))]);
    plant.maintain();
    let sql = plant.sql(Folding::Yes);
    (plant, sql)
}

const RANGE: &str = "time >= '2026-11-01T00:00:00Z' AND time < '2026-11-01T00:06:00Z'";

async fn check(text: &str, rows: &[&str]) {
    let (_plant, sql) = tanks();
    let text = text.replace("{}", RANGE);
    assert_eq!(answer(&sql, &text).await, rows, "{text}");
}

#[tokio::test]
async fn gaps_are_null_or_carried_or_on_a_line() {
    check(
        "SELECT time_bucket_gapfill('1 minute', time) AS t, device, avg(value), locf(avg(value)), \
         interpolate(avg(value)) FROM samples WHERE {} GROUP BY 1, 2 ORDER BY 2, 1",
        &[
            "2026-11-01T00:00:00Z,tank-1,10.0,10.0,10.0",
            "2026-11-01T00:01:00Z,tank-1,20.0,20.0,20.0",
            "2026-11-01T00:02:00Z,tank-1,,20.0,30.0",
            "2026-11-01T00:03:00Z,tank-1,,20.0,40.0",
            "2026-11-01T00:04:00Z,tank-1,,20.0,50.0",
            "2026-11-01T00:05:00Z,tank-1,60.0,60.0,60.0",
            "2026-11-01T00:00:00Z,tank-2,,,",
            "2026-11-01T00:01:00Z,tank-2,,,",
            "2026-11-01T00:02:00Z,tank-2,5.0,5.0,5.0",
            "2026-11-01T00:03:00Z,tank-2,,5.0,",
            "2026-11-01T00:04:00Z,tank-2,,5.0,",
            "2026-11-01T00:05:00Z,tank-2,,5.0,",
        ],
    )
    .await;
}

#[tokio::test]
async fn counts_expressions_and_conditions_on_groups() {
    check(
        "SELECT time_bucket_gapfill(INTERVAL '2 minutes', time) AS t, count(*), \
         coalesce(count(value), 0) AS n, round(locf(max(value) + 1)) AS m \
         FROM samples WHERE {} AND device = 'tank-1' GROUP BY t HAVING count(value) > 0 ORDER BY t",
        &[
            "2026-11-01T00:00:00Z,2,2,21.0",
            "2026-11-01T00:02:00Z,,0,21.0",
            "2026-11-01T00:04:00Z,1,1,61.0",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_range_may_be_given_beside_the_conditions() {
    check(
        "SELECT time_bucket_gapfill('1 minute', s.time, '2026-11-01T00:03:00Z', \
         TIMESTAMP '2026-11-01T00:05:00Z') AS t, count(*) FROM samples s GROUP BY 1 ORDER BY 1",
        &[
            "2026-11-01T00:00:00Z,1",
            "2026-11-01T00:01:00Z,1",
            "2026-11-01T00:02:00Z,2",
            "2026-11-01T00:03:00Z,",
            "2026-11-01T00:04:00Z,",
            "2026-11-01T00:05:00Z,1",
        ],
    )
    .await;
}

#[tokio::test]
async fn what_stands_around_it_works_on_filled_rows() {
    let inner = "SELECT time_bucket_gapfill('1 minute', time) AS t, locf(last(value, time)) AS v \
                 FROM samples WHERE {} AND device = 'tank-1' GROUP BY 1";
    check(
        &format!("SELECT t, v FROM ({inner}) f WHERE t > '2026-11-01T00:03:00Z' AND v < 50"),
        &["2026-11-01T00:04:00Z,20.0"],
    )
    .await;
    check(&format!("SELECT count(*), sum(v) FROM ({inner}) f"), &["6,150.0"]).await;
    check(
        "SELECT time_bucket_gapfill('1 minute', time) AS t, \
         last_value(max(value)) IGNORE NULLS OVER (ORDER BY time_bucket_gapfill('1 minute', time)) \
         FROM samples WHERE {} AND device = 'tank-1' GROUP BY 1 ORDER BY 1 LIMIT 3 OFFSET 2",
        &["2026-11-01T00:02:00Z,20.0", "2026-11-01T00:03:00Z,20.0", "2026-11-01T00:04:00Z,20.0"],
    )
    .await;
}

#[tokio::test]
async fn without_samples_there_are_buckets_for_a_statement_of_one_series() {
    let nothing = "FROM samples WHERE tag = 'none' AND {} GROUP BY 1";
    check(
        &format!(
            "SELECT time_bucket_gapfill('3 minutes', time) AS t, avg(value) {nothing} ORDER BY 1"
        ),
        &["2026-11-01T00:00:00Z,", "2026-11-01T00:03:00Z,"],
    )
    .await;
    check(&format!("SELECT time_bucket_gapfill('3 minutes', time) AS t, tag {nothing}, tag"), &[])
        .await;
}

#[tokio::test]
async fn folds_lie_under_filled_gaps() {
    let (_plant, sql) = tanks();
    let text = format!(
        "EXPLAIN SELECT time_bucket_gapfill('1 minute', time), locf(avg(value)) FROM samples \
         WHERE {RANGE} GROUP BY 1"
    );
    let plan = answer(&sql, &text).await.join("\n");
    assert!(plan.contains("folds") && plan.contains("GapFillExec"), "{plan}");
}

#[tokio::test]
async fn the_end_of_the_range_is_the_present() {
    let (_plant, sql) = tanks();
    let text = "SELECT time_bucket_gapfill('1 minute', time) AS t, count(*) FROM samples \
                WHERE time > now() - INTERVAL '10 minutes' GROUP BY 1";
    assert_eq!(answer(&sql, text).await.len(), 11);
}

#[tokio::test]
async fn what_cannot_be_filled_is_told() {
    let (_plant, sql) = tanks();
    let cases = [
        (
            "SELECT time_bucket_gapfill('1 minute', time), count(*) FROM samples GROUP BY 1",
            "time >=",
        ),
        (
            "SELECT time_bucket_gapfill('1 second', time), count(*) FROM samples WHERE \
             time > '2020-01-01T00:00:00Z' GROUP BY 1",
            "larger buckets",
        ),
        (
            "SELECT time_bucket_gapfill('1 month', time), count(*) FROM samples WHERE {} GROUP BY 1",
            "always the same length",
        ),
        ("SELECT locf(value) FROM samples WHERE {}", "groups by time_bucket_gapfill"),
        ("SELECT time_bucket_gapfill('1 minute', time) FROM samples WHERE {}", "GROUP BY"),
        (
            "SELECT time_bucket_gapfill('1 minute', time), interpolate(max(tag)) FROM samples \
             WHERE {} GROUP BY 1",
            "takes a number",
        ),
        (
            "SELECT time_bucket_gapfill('1 minute', time), locf(interpolate(max(value))) FROM \
             samples WHERE {} GROUP BY 1",
            "filled once",
        ),
    ];
    for (text, wanted) in cases {
        let text = text.replace("{}", RANGE);
        let error = ask(&sql, &text).await.expect_err(&text);
        assert!(error.message.contains(wanted), "{text}: {error}");
        assert_eq!(error.fault, Fault::Statement, "{text}: {error}");
    }
}

#[tokio::test]
async fn postgresqls_clients_get_the_same() {
    let (_plant, sql) = tanks();
    let text = format!(
        "SELECT time_bucket_gapfill('120.000s', time) AS \"time\", locf(avg(value)) AS value \
         FROM samples WHERE {RANGE} AND device = 'tank-1' GROUP BY 1 ORDER BY 1"
    );
    let commands = postgres::commands(&text).unwrap();
    let [Command::Ask(ask)] = &commands[..] else { panic!("{commands:?}") };
    let session = Session::default();
    let shape = sql.shape(&session, ask, Vec::new(), LIMITS).await.unwrap();
    let mut query = sql.answer(&session, ask, Vec::new(), LIMITS).await.unwrap();
    assert_eq!(query.schema().fields().len(), shape.schema.fields().len());
    let mut rows = 0;
    while let Some(batch) = query.next().await {
        rows += batch.unwrap().num_rows();
    }
    assert_eq!(rows, 3);
}
