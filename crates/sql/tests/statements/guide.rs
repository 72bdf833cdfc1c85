//! The statements of `docs/guides/sql.md` can be asked as they stand there.

use crate::plant::{Folding, Plant, answer};
use tagwerk_model::DataType;

#[tokio::test]
async fn the_guides_statements_are_answered() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/sql.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let mut plant = Plant::new();
    let boiler = [("temperature", DataType::Float64), ("running", DataType::Bool)];
    plant.device("boiler-1", &boiler);
    plant.device("pump-1", &[("running", DataType::Bool)]);
    plant.device("meter-1", &[("energy", DataType::Float64)]);
    plant.device("meter-2", &[("power", DataType::Float64)]);
    plant.template("meter", &["meter-1", "meter-2"]);
    plant.device("tank-1", &[("level", DataType::Float64)]);
    let sql = plant.sql(Folding::Yes);
    let blocks = guide.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    // What has macros of Grafana's is not SQL yet.
    let statements: Vec<&str> = blocks.filter(|block| !block.contains("$__")).collect();
    assert!(statements.len() >= 5, "{statements:?}");
    for statement in statements {
        answer(&sql, statement).await;
    }
}
