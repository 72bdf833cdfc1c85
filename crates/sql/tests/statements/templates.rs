//! A table per template: the reads of all its devices, with a column that says whose each is.

use crate::plant::{Folding, Plant, SECOND, START, answer, ask};
use tagwerk_model::{DataType, TagId, Value};
use tagwerk_sql::{Sql, TableKind};

/// Two boilers of which one has another type and a tag more, and a press that is none.
fn plant() -> Plant {
    let mut plant = Plant::new();
    let one = [("device", DataType::Text), ("level", DataType::Int64), ("t", DataType::Float64)];
    let two = [("extra", DataType::Bool), ("level", DataType::Float64), ("t", DataType::Float64)];
    let (one, two) = (plant.device("boiler-1", &one), plant.device("boiler-2", &two));
    let press = plant.device("press", &[("t", DataType::Float64)]);
    for n in 0..100i64 {
        let (at, t) = (START + n * SECOND, Some(Value::F64(n as f64)));
        let name = Some(Value::Text("A".into()));
        plant.read(&one, at, &[name, Some(Value::I64(n)), t.clone()]);
        let level = (n % 10 != 0).then_some(Value::F64(n as f64 / 4.0));
        plant.read(&two, at + SECOND / 2, &[Some(Value::Bool(true)), level, t.clone()]);
        plant.read(&press, at, &[t]);
    }
    plant.template("Boilers", &["boiler-2", "boiler-1", "boiler-3"]);
    plant.template("press", &["press"]);
    plant.template("unused", &["boiler-3"]);
    plant
}

fn sql(plant: &Plant) -> Sql {
    plant.sql(Folding::Yes)
}

#[tokio::test]
async fn a_template_is_a_table_of_all_its_devices() {
    let sql = sql(&plant());
    let cases: [(&str, &[&str]); 7] = [
        (
            "SELECT device, count(*), count(level), count(extra), sum(t) FROM \"Boilers\" \
             GROUP BY device ORDER BY device",
            &["boiler-1,100,100,0,4950.0", "boiler-2,100,90,100,4950.0"],
        ),
        (
            "SELECT time, device, level, level_quality, device_value, extra FROM boilers \
             WHERE time < '2026-11-01T00:00:01.6Z' AND time >= '2026-11-01T00:00:01Z' ORDER BY time",
            &[
                "2026-11-01T00:00:01Z,boiler-1,1.0,good,A,",
                "2026-11-01T00:00:01.500Z,boiler-2,0.25,good,,true",
            ],
        ),
        (
            "SELECT level_quality, extra_quality, count(*) FROM boilers \
             WHERE device LIKE '%-2' AND level IS NULL GROUP BY 1, 2",
            &["bad,good,10"],
        ),
        ("SELECT count(*) FROM boilers WHERE device = 'press'", &["0"]),
        ("SELECT count(*) FROM boilers WHERE upper(device) = device_value", &["0"]),
        (
            "SELECT b.device, time_weighted_average(b.time, b.t) FROM boilers b \
             GROUP BY b.device ORDER BY 1",
            &["boiler-1,49.0", "boiler-2,49.0"],
        ),
        ("SELECT count(*) FROM press", &["100"]),
    ];
    for (text, wanted) in cases {
        assert_eq!(answer(&sql, text).await, wanted, "{text}");
    }
    assert!(ask(&sql, "SELECT device FROM press").await.is_err(), "the device has the name");
    assert!(ask(&sql, "SELECT * FROM unused").await.is_err());
}

#[tokio::test]
async fn what_is_said_of_device_and_time_is_read_and_nothing_else() {
    let plant = plant();
    let sql = sql(&plant);
    let text = "SELECT time, level FROM boilers WHERE device = 'boiler-2' \
                AND time >= '2026-11-01T00:01:00Z' ORDER BY time";
    assert_eq!(answer(&sql, text).await.len(), 40);
    let asked = plant.asked.lock().unwrap().clone();
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), [4, 5, 6].map(TagId));
    let plan = answer(&sql, &format!("EXPLAIN {text}")).await.join("\n");
    assert!(!plan.contains("FilterExec") && !plan.contains("SortExec"), "{plan}");
    let both = answer(&sql, "EXPLAIN SELECT t FROM boilers ORDER BY time").await.join("\n");
    assert!(both.contains("SortExec"), "{both}");
}

#[tokio::test]
async fn lists_of_tables_have_templates() {
    let sql = sql(&plant());
    let tables = sql.tables();
    let named = |name: &str| tables.iter().filter(|t| t.name == name).collect::<Vec<_>>();
    let [boilers] = named("Boilers")[..] else { panic!("{tables:?}") };
    assert_eq!(boilers.kind, TableKind::Template);
    let columns = boilers.columns.iter().map(|c| (c.name.as_str(), c.data_type.as_str()));
    let values = columns.filter(|(name, _)| !name.contains("_quality") && !name.contains("_time"));
    assert_eq!(
        values.collect::<Vec<_>>(),
        [
            ("time", "TIMESTAMP"),
            ("device", "VARCHAR"),
            ("device_value", "VARCHAR"),
            ("extra", "BOOLEAN"),
            ("level", "DOUBLE"),
            ("t", "DOUBLE"),
        ]
    );
    let [press] = named("press")[..] else { panic!("{tables:?}") };
    assert_eq!(press.kind, TableKind::Device);
    assert!(press.description.contains("the template of the same name has no table"));
    assert!(named("unused").is_empty());
    let listed = answer(
        &sql,
        "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'Boil%'",
    );
    assert_eq!(listed.await, ["Boilers"]);
}
