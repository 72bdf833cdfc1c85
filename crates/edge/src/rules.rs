//! Rules on the edge: the thread that runs them, and the rules of a configuration.

mod outlet;
mod planning;

pub use planning::{check_sql, check_sql_with};

use crate::lookups::LookupTables;
use anyhow::Context;
use outlet::{Commanding, Done, Writer, Writes};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use tagwerk_config::{Checked, CheckedFunction, CheckedRule, RuleStage};
use tagwerk_env::{Clock, Env};
use tagwerk_journal::Journal;
use tagwerk_model::DataType;
use tagwerk_rules::{
    Board, Definition, Finding, Formula, FormulaTags, Keeper, Planner, Program, RuleState,
    RuleText, Stage, Tags,
};
use tagwerk_runtime::view::{Problem, ProblemKind};
use tagwerk_runtime::{Formulas, OutputColumn, RuleOutput, Runtime, TagIds};
use tagwerk_sql::{Lookups, TagTable, UserFunction};
use tokio::sync::watch;

/// The thread that runs rules.
pub struct Ruling {
    rules: Rules,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Ruling {
    /// Commands of rules are sent from the runtime that this is called in.
    pub fn start(
        env: &Env,
        journal: &Journal,
        runtime: &Runtime,
        lookups: &LookupTables,
    ) -> anyhow::Result<Ruling> {
        let planner = Planner::new().map_err(|finding| anyhow::anyhow!("{finding}"))?;
        let writes = Writes::default();
        let commanding = Commanding::start(env, runtime, &writes);
        let outlet = Writer::new(env, runtime, writes.clone(), commanding);
        let versions = lookups.versions();
        let (keeper, board) = Keeper::open_with(env, journal, Box::new(outlet), versions)
            .context("the thread of rules cannot be prepared")?;
        let (stop, stopping) = watch::channel(false);
        let thread = std::thread::Builder::new().name("rules".to_owned()).spawn(move || {
            tagwerk_env::yield_to_other_threads();
            tagwerk_rules::run(keeper, stopping);
        });
        let thread = thread.context("the thread of rules cannot be started")?;
        let current = Arc::new(Current {
            planner: planner.clone(),
            checked: Vec::new(),
            functions: Vec::new(),
        });
        let inner = Inner {
            board,
            clock: env.clock.clone(),
            plain: planner,
            writes,
            lookups: lookups.clone(),
            known: RwLock::default(),
            current: RwLock::new(current),
        };
        Ok(Ruling { rules: Rules(Arc::new(inner)), stop, thread })
    }

    pub fn rules(&self) -> Rules {
        self.rules.clone()
    }

    /// Takes what there is and ends. Blocking.
    pub fn end(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the thread of rules panicked");
        }
    }
}

/// The rules of the running configuration. Cheap to clone.
#[derive(Clone)]
pub struct Rules(Arc<Inner>);

struct Inner {
    board: Board,
    clock: Arc<dyn Clock>,
    /// Without functions of the user's own.
    plain: Planner,
    writes: Writes,
    lookups: LookupTables,
    known: RwLock<Arc<Known>>,
    current: RwLock<Arc<Current>>,
}

/// What the running configuration is planned with.
struct Current {
    planner: Planner,
    /// Of the user's own, as they are written and as they are called.
    checked: Vec<CheckedFunction>,
    functions: Vec<UserFunction>,
}

/// The rules as they are configured, by name.
pub type Known = BTreeMap<Arc<str>, Configured>;

/// A rule of the configuration, and what became of planning it.
#[derive(Clone)]
pub struct Configured {
    pub rule: Arc<CheckedRule>,
    pub program: Result<Arc<Program>, Finding>,
}

/// All rules of a configuration, planned, before they run.
pub struct Prepared {
    definitions: Vec<Definition>,
    known: Known,
    outputs: Vec<RuleOutput>,
    current: Arc<Current>,
}

impl Rules {
    fn current(&self) -> Arc<Current> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Functions of the user's own, as they are called.
    pub fn functions(&self) -> Vec<UserFunction> {
        self.current().functions.clone()
    }

    /// Functions of the user's own, as they are written.
    pub fn checked_functions(&self) -> Vec<CheckedFunction> {
        self.current().checked.clone()
    }

    /// Why a function of the user's own cannot be called so.
    pub fn name_taken(&self, name: &str) -> Option<String> {
        self.0.plain.name_taken(name)
    }

    /// Plans one formula; blocks.
    pub fn plan_formula(
        &self,
        text: &str,
        device: &str,
        gives: DataType,
        tags: &dyn FormulaTags,
    ) -> Result<Formula, Finding> {
        self.current().planner.formula(text, device, gives, tags)
    }

    /// Plans the rules of a configuration; changes nothing of what runs. Blocks.
    pub fn prepare(
        &self,
        checked: &Checked,
        ids: &dyn TagIds,
        lookups: &Arc<Lookups>,
    ) -> Result<Prepared, String> {
        let functions = crate::functions::prepare(&self.0.clock, &checked.functions);
        let planner = self.0.plain.with_functions(functions.clone());
        let checked_functions = checked.functions.clone();
        let mut prepared = Prepared {
            definitions: Vec::new(),
            known: Known::new(),
            outputs: Vec::new(),
            current: Arc::new(Current { planner, checked: checked_functions, functions }),
        };
        if checked.rules.is_empty() {
            return Ok(prepared);
        }
        let mut tags = planning::of_configuration(&checked.devices, ids)?;
        tags.lookups = lookups.clone();
        let texts: Vec<RuleText<'_>> = checked
            .rules
            .iter()
            .map(|rule| RuleText { name: &rule.name, sql: &rule.sql })
            .collect();
        let planner = &prepared.current.planner;
        let planned = tagwerk_rules::plan_all(planner, &texts, tags, &mut |rule, columns| {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            ids.tag_ids(rule, &names)
        });
        for (rule, program) in checked.rules.iter().zip(planned.programs) {
            prepared.add(rule, program);
        }
        Ok(prepared)
    }

    /// Stops what will not go on, so that the outputs may become these.
    pub fn make_way(&self, mut prepared: Prepared) -> (Prepared, Vec<RuleOutput>) {
        self.0.board.stop_others(&prepared.definitions);
        let outputs = std::mem::take(&mut prepared.outputs);
        (prepared, outputs)
    }

    /// Runs rules whose outputs are there.
    pub fn run(&self, prepared: Prepared) {
        let live = prepared.known.values().filter(|known| known.rule.stage == RuleStage::Live);
        let live = live.filter_map(|known| Some((&known.rule, known.program.as_ref().ok()?)));
        self.0.writes.set(live);
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = prepared.current;
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(prepared.known);
        self.0.board.define(prepared.definitions);
    }

    pub fn board(&self) -> &Board {
        &self.0.board
    }

    pub fn known(&self) -> Arc<Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Plans one statement over tables; blocks.
    pub fn plan(&self, sql: &str, tags: &TagTable) -> Result<Program, Finding> {
        self.current().planner.plan(sql, tags)
    }

    /// Rules that are to run and cannot; `since` is told of those that never could.
    pub fn problems(&self, since: i64) -> Vec<Problem> {
        let known = self.known();
        let meant = |rule: &CheckedRule| rule.stage != RuleStage::Draft;
        let meant = known.iter().filter(|(_, known)| meant(&known.rule));
        let failed = meant.filter_map(|(name, known)| {
            let (cause, at) = match &known.program {
                // The problem is the table's.
                Err(finding) if finding.waits => return None,
                Err(finding) => (finding.to_string(), None),
                Ok(_) => {
                    let view = self.0.board.one(name)?;
                    let RuleState::Failed(reason) = view.state else { return None };
                    (reason, view.last_error.map(|(at, _)| at).or(view.last_output_unix_ns))
                }
            };
            Some(Problem {
                kind: ProblemKind::Task,
                error: true,
                subject: format!("rule {name}").into(),
                since_unix_ns: at.unwrap_or(since),
                cause,
                doing: "the rule gives nothing; the other rules go on".to_owned(),
                remedy: "correct the rule, or make it a draft; applying a change starts it again"
                    .to_owned(),
                tags: 0,
            })
        });
        failed.collect()
    }

    /// What became of the commands of each rule that has some.
    pub fn commands(&self) -> Vec<(Arc<str>, Done)> {
        self.0.writes.done()
    }

    /// The tables that a rule of this name may read now: devices, templates, and what other rules
    /// give.
    pub fn tags(
        &self,
        runtime: &Runtime,
        templates: Vec<tagwerk_config::CheckedTemplate>,
        own: Option<&str>,
    ) -> Tags {
        let known = self.known();
        let lookups = self.0.lookups.lookups();
        Tags { lookups, ..planning::running(runtime, templates, &known, own) }
    }

    /// The rule, by way of others, that reads `name` and is read by the statement.
    pub fn circle(&self, name: &str, sql: &str) -> Option<String> {
        planning::circle(&self.known(), name, sql)
    }
}

impl Prepared {
    /// Plans the formulas of a configuration; what cannot be planned is left out, and its tags are bad.
    pub fn formulas(&self, checked: &Checked) -> Formulas {
        crate::formulas::prepare(&self.current.planner, &checked.devices)
    }

    fn add(&mut self, rule: &CheckedRule, program: Result<Arc<Program>, Finding>) {
        if let (Ok(program), RuleStage::Live) = (&program, rule.stage) {
            let column = |column: &tagwerk_rules::Column| OutputColumn {
                name: column.name.as_str().into(),
                data_type: column.data_type(),
                unit: unit(rule, &column.name).unwrap_or_default().into(),
            };
            self.outputs.push(RuleOutput {
                rule: rule.name.clone(),
                columns: program.columns.iter().map(column).collect(),
            });
        }
        let name: Arc<str> = Arc::from(&*rule.name);
        self.definitions.push(Definition {
            name: name.clone(),
            sql: Arc::from(&*rule.sql),
            lateness: rule.lateness,
            stage: match rule.stage {
                RuleStage::Draft => Stage::Draft,
                RuleStage::Trial => Stage::Trial,
                RuleStage::Live => Stage::Live,
            },
            program: program.clone(),
        });
        self.known.insert(name, Configured { rule: Arc::new(rule.clone()), program });
    }
}

/// The unit of an output's column.
pub fn unit<'a>(rule: &'a CheckedRule, column: &str) -> Option<&'a str> {
    let found = rule.units.iter().find(|(name, _)| **name == *column);
    found.map(|(_, unit)| &**unit).filter(|unit| !unit.is_empty())
}
