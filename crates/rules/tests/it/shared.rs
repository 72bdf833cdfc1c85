//! Rules that read the same have its rows gathered once, and each gives what it gives by itself.

use crate::case::BASE_NS;
use crate::kills::{append, columns, tags};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Clock;
use tagwerk_journal::{CommitBy, Journal, Options};
use tagwerk_model::{DataType, TagSet, TagSetDefinition, Value};
use tagwerk_rules::{Definition, Keeper, Outlet, Output, Planner, Stage};
use tagwerk_testkit::simulated::machine;

const RULES: &[(&str, &str)] = &[
    ("warm", "SELECT temperature FROM boiler WHERE temperature > 30"),
    ("hot", "SELECT temperature FROM boiler WHERE temperature > 60"),
    ("both", "SELECT temperature, pressure FROM boiler"),
    ("pressed", "SELECT pressure, temperature FROM boiler WHERE pressure > 5"),
    ("counted", "SELECT count(temperature) AS n FROM boiler GROUP BY tumbling_window('3s')"),
    ("all", "SELECT tag, value FROM samples"),
    ("every", "SELECT value, tag FROM samples WHERE value > 40"),
    ("chained", "SELECT temperature * 2 AS twice FROM warm"),
    ("chained_too", "SELECT temperature - 1 AS less FROM warm"),
];

/// What each rule gave.
type Given = Arc<Mutex<BTreeMap<String, Vec<Output>>>>;

/// Rows of rules go into the journal, as on an edge.
struct Back {
    journal: Journal,
    clock: Arc<dyn Clock>,
    sets: BTreeMap<String, Arc<TagSet>>,
    given: Given,
}

impl Outlet for Back {
    fn publish(&mut self, rule: &str, rows: &[Output]) -> Result<(), (usize, String)> {
        self.given.lock().entry(rule.to_owned()).or_default().extend(rows.iter().cloned());
        for row in rows {
            let values: Vec<Option<Value>> = row.cells.iter().map(|cell| cell.value()).collect();
            append(&self.journal, &*self.clock, &self.sets[rule], Some(row.time_ns), &values);
        }
        Ok(())
    }
}

/// Those rules whose name is wanted over a minute of two devices; `late` comes in the middle of it.
fn given(wanted: &dyn Fn(&str) -> bool, late: Option<&str>) -> BTreeMap<String, Vec<Output>> {
    let (env, _, clock) = machine();
    clock.set_wall(BASE_NS, true);
    let (float, text) = (DataType::Float64, DataType::Text);
    let boiler = columns("boiler", &[("temperature", float), ("pressure", float)], 1);
    let mixer = columns("mixer", &[("speed", float)], 11);
    let mut sets = vec![boiler, mixer];
    let planner = Planner::new().unwrap();
    let mut definitions = Vec::new();
    for (place, (name, sql)) in RULES.iter().enumerate() {
        let program = planner.plan(sql, &tags(&sets)).unwrap();
        let of = program.columns.iter().map(|c| match c.data_type() {
            DataType::Text => (c.name.as_str(), text),
            other => (c.name.as_str(), other),
        });
        sets.push(columns(name, &of.collect::<Vec<_>>(), 100 * (place as u32 + 1)));
        definitions.push(Definition {
            name: Arc::from(*name),
            sql: Arc::from(*sql),
            lateness: Duration::ZERO,
            stage: Stage::Live,
            program: Ok(Arc::new(program)),
        });
    }
    definitions.retain(|definition| wanted(&definition.name));
    let of = |set: TagSetDefinition| (set.device.to_string(), Arc::new(TagSet::new(set)));
    let sets: BTreeMap<String, Arc<TagSet>> = sets.into_iter().map(of).collect();
    let options = Options { commit_by: CommitBy::Caller, reserve_bytes: 0, ..Options::default() };
    let (journal, _) = Journal::open(&env, Path::new("/journal"), options).unwrap();
    let given = Given::default();
    let outlet = Back {
        journal: journal.clone(),
        clock: env.clock.clone(),
        sets: sets.clone(),
        given: given.clone(),
    };
    let (mut keeper, board) = Keeper::open(&env, &journal, Box::new(outlet)).unwrap();
    let first = definitions.iter().filter(|of| Some(&*of.name) != late).cloned();
    board.define(first.collect());
    for second in 0..60 {
        if second == 30 {
            board.define(definitions.clone());
        }
        let value = |factor: u32| Some(Value::F64(f64::from(second * factor % 100)));
        append(&journal, &*clock, &sets["boiler"], None, &[value(7), value(3)]);
        append(&journal, &*clock, &sets["mixer"], None, &[value(11)]);
        // Several readings in a step, and one.
        if second % 4 == 0 {
            while keeper.step() {}
        }
        clock.advance(Duration::from_secs(1));
    }
    for _ in 0..4 {
        while keeper.step() {}
    }
    drop(keeper);
    Arc::into_inner(given).map(Mutex::into_inner).unwrap_or_default()
}

#[test]
fn rules_that_read_the_same_give_what_each_gives_alone() {
    let together = given(&|_| true, None);
    assert_eq!(together.len(), RULES.len(), "every rule gives something");
    for (name, _) in RULES {
        // What a rule reads has to be there.
        let alone = given(&|of| of == *name || (name.starts_with("chained") && of == "warm"), None);
        assert_eq!(together[*name], alone[*name], "{name}");
    }
}

#[test]
fn a_rule_that_comes_later_has_the_rows_from_then_on() {
    let together = given(&|_| true, Some("hot"));
    let alone = given(&|of| of == "hot", Some("hot"));
    assert_eq!(together["hot"], alone["hot"]);
    let whole = given(&|_| true, None);
    let behind = whole["hot"].len() - together["hot"].len();
    assert!(behind > 0 && whole["hot"][behind..] == together["hot"][..]);
    assert_eq!(whole["warm"], together["warm"]);
}
