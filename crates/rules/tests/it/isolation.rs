//! What a rule may not do to others, or to the memory.

use crate::kills::{append, columns, tags};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, TimestampNanosecondArray};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Env;
use tagwerk_journal::{Journal, Options};
use tagwerk_model::{DataType, TagSet, Value};
use tagwerk_rules::{
    Board, Definition, Instance, Keeper, Outlet, Output, Planner, RuleState, RuleView, Runner,
    Stage,
};
use tagwerk_sql::TagTable;
use tokio::sync::watch;

/// Rows are counted by the rules themselves.
struct Nowhere;

impl Outlet for Nowhere {
    fn publish(&mut self, _rule: &str, _rows: &[Output]) -> Result<(), (usize, String)> {
        Ok(())
    }
}

const QUICK: &str = "SELECT temperature FROM boiler";
/// Two thousand rows are eight thousand million combinations.
const LONG: &str = "SELECT count(*) AS n FROM boiler a CROSS JOIN boiler b CROSS JOIN boiler c \
                    WHERE a.temperature + b.temperature + c.temperature < 0 \
                    GROUP BY session_window('500ms', '1m')";

fn boiler() -> (Arc<TagSet>, TagTable) {
    let set = Arc::new(TagSet::new(columns("boiler", &[("temperature", DataType::Float64)], 1)));
    let tags = tags(std::slice::from_ref(&set.definition));
    (set, tags)
}

/// Three million rows are more than a rule may keep.
#[test]
fn a_window_of_millions_of_rows_is_a_few_numbers() {
    const ROWS: i64 = 10_000;
    let (_, tags) = boiler();
    let sql = "SELECT count(*) AS n, avg(temperature) AS mean, max(temperature) AS high FROM boiler \
               GROUP BY tumbling_window('1d'), temperature > 50 HAVING count(*) > 1 ORDER BY high";
    let program = Arc::new(Planner::new().unwrap().plan(sql, &tags).unwrap());
    let runner = Runner::new(Env::system().clock).unwrap();
    let mut instance = Instance::new(program.clone(), 0);
    let mut given = Vec::new();
    for part in 0..300 {
        let times = (part * ROWS..(part + 1) * ROWS).map(|row| row * 1_000_000);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("+00:00")),
            Arc::new(Float64Array::from_iter_values((0..ROWS).map(|row| (row % 100) as f64))),
        ];
        let rows = RecordBatch::try_new(program.sources[0].base(), columns).unwrap();
        instance.take(&runner, 0, &rows, &mut given).unwrap();
        assert!(instance.memory() < 4 * 1024 * 1024, "{} bytes", instance.memory());
    }
    assert!(instance.save().unwrap().len() < 10_000);
    instance.tick(&runner, 86_400_000_000_000, &mut given).unwrap();
    let given: Vec<Vec<Option<Value>>> =
        given.iter().map(|row| row.cells.iter().map(|cell| cell.value()).collect()).collect();
    let row =
        |n, mean, high| vec![Some(Value::I64(n)), Some(Value::F64(mean)), Some(Value::F64(high))];
    assert_eq!(given, [row(1_530_000, 25.0, 50.0), row(1_470_000, 75.0, 99.0)]);
}

fn until(board: &Board, rule: &str, holds: impl Fn(&RuleView) -> bool) -> RuleView {
    for _ in 0..12_000 {
        if let Some(view) = board.one(rule).filter(&holds) {
            return view;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it never came: {:?}", board.one(rule));
}

#[test]
fn a_rule_that_works_for_long_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let env = Env::system();
    let (journal, _) = Journal::open(&env, folder.path(), Options::default()).unwrap();
    let (set, tags) = boiler();
    let planner = Planner::new().unwrap();
    let rule = |(name, sql): (&str, &str)| Definition {
        name: name.into(),
        sql: sql.into(),
        lateness: Duration::ZERO,
        stage: Stage::Live,
        program: Ok(Arc::new(planner.plan(sql, &tags).unwrap())),
    };
    let (keeper, board) = Keeper::open(&env, &journal, Box::new(Nowhere)).unwrap();
    board.define([("quick", QUICK), ("long", LONG)].map(rule).into());
    let (stop, stopping) = watch::channel(false);
    let thread = std::thread::spawn(move || tagwerk_rules::run(keeper, stopping));
    until(&board, "quick", |view| view.state == RuleState::Running);

    let rows = |many: usize| {
        for n in 0..many {
            append(&journal, &*env.clock, &set, None, &[Some(Value::F64(n as f64))]);
        }
    };
    rows(2_000);
    until(&board, "quick", |view| view.counts.rows_out == 2_000);
    // Its rows are taken; what it is at then is the window.
    until(&board, "long", |view| view.at_work && view.counts.rows_in == 2_000);
    rows(10);
    until(&board, "quick", |view| view.counts.rows_out == 2_010);
    let long = board.one("long").unwrap();
    assert!(long.at_work, "{long:?}");

    let failed = until(&board, "long", |view| view.state != RuleState::Running);
    let RuleState::Failed(reason) = &failed.state else { panic!("{failed:?}") };
    assert!(reason.contains("worked for more than 10 s"), "{reason}");
    rows(10);
    until(&board, "quick", |view| view.counts.rows_out == 2_020);
    stop.send_replace(true);
    thread.join().unwrap();
}
