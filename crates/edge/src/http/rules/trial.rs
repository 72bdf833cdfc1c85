//! Trials of rules: what one would have given and done, over history or over rows that are sent.

use super::super::devices::instant;
use super::super::extract::Sent;
use super::super::refusal::Refusal;
use super::{columns, plan, row, values};
use crate::app::{App, RULE_TRIALS_MAX, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tagwerk_api::{
    ErrorCode, RuleAction, RuleComparison, RuleDifference, RuleError, RuleRow, RuleTrial,
    RuleTrialAlarm, RuleTrialAnswer, RuleTrialChange, RuleTrialWrite, Time,
};
use tagwerk_config::{CheckedRule, RuleStage};
use tagwerk_historian::{Scan, TagInfo};
use tagwerk_model::{DataType, SampleBatch, TagId, limits};
use tagwerk_rules::{
    Cell, Column, Output, Past, PastedRow, Program, Runner, Trial, Tried, pasted, within,
};
use tagwerk_sql::stream::Stream;
use tagwerk_sql::{Cancel, Pieces, Source, TagTable};

const ROWS: u64 = 100;
const ROWS_MAX: u64 = 1_000;
/// How long one trial works. Longer: what it has by then is answered.
const TIME_MAX: Duration = Duration::from_secs(60);
/// Tags that a trial over history reads side by side. More: refused.
const TAGS_MAX: usize = 20_000;
/// Rows of the live rule that a trial is compared with. More: it is not compared.
const COMPARED_MAX: usize = 200_000;
/// How long after its time a live rule's row may have been written to be compared, beside what it
/// waits for late rows.
const WRITTEN_WITHIN: i64 = 3_600_000_000_000;
/// Rows of equal values are the same when their times are no farther apart: what history says of a time
/// moves by what the gateway's clock was corrected since.
const SAME_WITHIN: i64 = 10_000_000;
const LATENESS: Duration = Duration::from_millis(200);

pub async fn try_rule(
    State(app): State<Shared>,
    Sent(sent): Sent<RuleTrial>,
) -> Result<Json<RuleTrialAnswer>, Refusal> {
    let permit = app.rule_trials.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Limit,
            format!("{RULE_TRIALS_MAX} trials of rules are under way"),
            "try again when one of them has ended",
        )
    })?;
    let asked = Asked::of(&app, &sent)?;
    let planned = plan(&app, sent.name.clone(), sent.sql.clone()).await?;
    let (program, rule) = planned
        .map_err(|finding| Refusal::invalid(finding.to_string(), "check the SQL of the rule"))?;
    let actions = Actions::of(&sent.actions, &program.columns)?;
    // Dropped with the request.
    let cancel = Cancelled(Arc::new(AtomicBool::new(false)));
    let flag = cancel.0.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let answer = Trying { app: &app, asked: &asked, cancel: flag }.run(program, rule, actions);
        drop(permit);
        answer
    });
    let answer = answer.await.map_err(|_| Refusal::internal("the trial failed"))?;
    drop(cancel);
    answer.map(Json)
}

struct Cancelled(Arc<AtomicBool>);

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is asked, read.
struct Asked {
    name: Option<String>,
    lateness: Duration,
    over: Over,
    limit: usize,
}

enum Over {
    History { from: i64, to: i64 },
    Rows(BTreeMap<String, Vec<PastedRow>>),
}

impl Asked {
    fn of(app: &App, sent: &RuleTrial) -> Result<Asked, Refusal> {
        let limit = sent.limit.unwrap_or(ROWS);
        if limit == 0 || limit > ROWS_MAX {
            let cause = format!("a trial answers with 1 to {ROWS_MAX} rows, not {limit}");
            return Err(Refusal::invalid(cause, "ask for less, over less time"));
        }
        let lateness = match sent.lateness.as_deref() {
            None => LATENESS,
            Some(text) => match tagwerk_component::Duration::parse(text) {
                Some(lateness) if lateness.0 <= limits::RULE_LATENESS_MAX => lateness.0,
                _ => {
                    let cause = format!("`lateness` is no duration up to an hour: {text}");
                    return Err(Refusal::invalid(cause, "write it like 200ms"));
                }
            },
        };
        let over = match (&sent.from, &sent.to, &sent.rows) {
            (Some(from), Some(to), None) => {
                let (from, to) = (instant("from", &from.0)?, instant("to", &to.0)?);
                if from >= to {
                    return Err(Refusal::invalid("`from` is not before `to`", "exchange them"));
                }
                if let Some(problem) = app.books.problem() {
                    return Err(Refusal::unavailable(problem.cause, problem.remedy));
                }
                Over::History { from, to }
            }
            (None, None, Some(rows)) => Over::Rows(read(rows)?),
            _ => {
                return Err(Refusal::invalid(
                    "a trial is over history or over rows",
                    "send `from` and `to`, or `rows`",
                ));
            }
        };
        Ok(Asked { name: sent.name.clone(), lateness, over, limit: limit as usize })
    }
}

type SentRows = BTreeMap<String, Vec<BTreeMap<String, tagwerk_api::Anything>>>;

fn read(tables: &SentRows) -> Result<BTreeMap<String, Vec<PastedRow>>, Refusal> {
    let value = |(column, given): (&String, &tagwerk_api::Anything)| {
        let value = serde_json::from_str(given.text());
        let value = value.map_err(|error| {
            Refusal::invalid(format!("`{column}` cannot be read: {error}"), "write another value")
        });
        Ok::<_, Refusal>((column.clone(), value?))
    };
    let rows = |rows: &Vec<BTreeMap<String, tagwerk_api::Anything>>| {
        rows.iter().map(|row| row.iter().map(value).collect()).collect::<Result<Vec<_>, _>>()
    };
    tables.iter().map(|(table, given)| Ok((table.clone(), rows(given)?))).collect()
}

/// The actions by the places of their columns.
struct Actions {
    alarms: Vec<(usize, Option<bool>)>,
    writes: Vec<(usize, String)>,
}

impl Actions {
    fn of(actions: &[RuleAction], columns: &[Column]) -> Result<Actions, Refusal> {
        let place = |name: &str| {
            columns.iter().position(|column| column.name == name).ok_or_else(|| {
                let cause = format!("the rule gives no column {name}, which an action names");
                Refusal::invalid(cause, "choose one of its columns")
            })
        };
        let (mut alarms, mut writes) = (Vec::new(), Vec::new());
        for action in actions {
            if let Some(alarm) = &action.alarm {
                let column = place(&alarm.column)?;
                if columns[column].data_type() != DataType::Bool {
                    let cause = format!("the column {} is not true or false", alarm.column);
                    return Err(Refusal::invalid(cause, "compare it with something"));
                }
                alarms.push((column, None));
            }
            if let Some(write) = &action.write {
                writes.push((place(&write.column)?, write.tag.clone()));
            }
        }
        Ok(Actions { alarms, writes })
    }
}

struct Trying<'a> {
    app: &'a App,
    asked: &'a Asked,
    cancel: Cancel,
}

impl Trying<'_> {
    /// Blocks.
    fn run(
        &self,
        program: Program,
        rule: Option<Arc<CheckedRule>>,
        actions: Actions,
    ) -> Result<RuleTrialAnswer, Refusal> {
        let begun = self.app.env.clock.now();
        let program = Arc::new(program);
        let live = match (&self.asked.over, &rule) {
            (Over::History { from, to }, Some(rule)) if rule.stage == RuleStage::Live => {
                self.live_rows(&program, (*from, *to))?
            }
            _ => None,
        };
        let mut gathered = Gathered {
            columns: program.columns.clone(),
            limit: self.asked.limit,
            rows: Vec::new(),
            truncated: false,
            actions,
            alarms: Vec::new(),
            writes: Vec::new(),
            compared: live,
        };
        let tried = self.try_it(&program, &mut gathered)?;
        let seconds = self.app.env.clock.now().since(begun).as_secs_f64();
        let now = self.app.env.clock.wall().unix_ns;
        let stopped = tried.stopped.clone();
        let error = stopped.clone().or(tried.last_error);
        Ok(RuleTrialAnswer {
            columns: columns(&program.columns, rule.as_deref()),
            rows: gathered.rows,
            truncated: gathered.truncated || stopped.is_some(),
            rows_in: tried.counts.rows_in,
            rows_out: tried.counts.rows_out,
            rows_late: tried.counts.rows_late,
            errors: tried.counts.errors,
            last_error: error.map(|text| RuleError { time: Time::from_unix_ns(now), text }),
            seconds,
            alarms: gathered.alarms,
            writes: gathered.writes,
            lookups: program.lookups.iter().map(|lookup| lookup.name.to_string()).collect(),
            // Half of a trial has too few rows to be compared.
            compared: gathered.compared.filter(|_| stopped.is_none()).map(Compared::end),
        })
    }

    fn try_it(&self, program: &Arc<Program>, gathered: &mut Gathered) -> Result<Tried, Refusal> {
        let clock = self.app.env.clock.clone();
        let runner = Runner::new(clock.clone())
            .map_err(|error| Refusal::internal(format!("the trial cannot be begun: {error}")))?;
        let deadline = clock.now().after(TIME_MAX);
        let stop = || match self.cancel.load(Ordering::Relaxed) {
            true => Some("the trial was given up".to_owned()),
            false if clock.now() > deadline => {
                let seconds = TIME_MAX.as_secs();
                Some(format!("the trial ended after {seconds} s; choose less time"))
            }
            false => None,
        };
        let rules = self.app.rules.known();
        let is_rule = |device: &str| rules.contains_key(device);
        let name = self.asked.name.as_deref();
        let tags = self.app.rules.tags(&self.app.runtime, self.app.configuration.templates(), name);
        let (mut batches, end_ns): (Box<dyn Iterator<Item = _>>, i64) = match &self.asked.over {
            Over::History { from, to } => {
                let tags = self.read_tags(program, &is_rule)?;
                (Box::new(self.past(tags, (*from, *to))?), *to)
            }
            Over::Rows(rows) => {
                let all = self.pasted(&tags.table(), rows)?;
                // The clock goes on until all windows that end by themselves have.
                (Box::new(all.into_iter().map(Ok)), i64::MAX)
            }
        };
        let trial = Trial { program: program.clone(), lateness: self.asked.lateness, end_ns };
        Ok(trial.run(&runner, &mut batches, &is_rule, &stop, &mut |row| gathered.take(row)))
    }

    fn pasted(
        &self,
        tags: &TagTable,
        rows: &BTreeMap<String, Vec<PastedRow>>,
    ) -> Result<Vec<SampleBatch>, Refusal> {
        let now = self.app.env.clock.wall().unix_ns;
        let made = pasted(tags, rows, &crate::instant::parse_unix_ns, now);
        made.map_err(|problem| Refusal::invalid(problem, "correct the row, or leave it out"))
    }

    /// The tags whose history the program reads.
    fn read_tags(
        &self,
        program: &Program,
        is_rule: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<TagInfo>, Refusal> {
        let mut wanted: HashSet<TagId> = HashSet::new();
        let mut all = false;
        for source in &program.sources {
            match &source.stream {
                Stream::Samples => all = true,
                Stream::Reads(shape) => {
                    let tags = shape.devices.iter().flat_map(|device| &device.tags);
                    wanted.extend(tags.map(|(tag, _)| *tag));
                }
            }
        }
        let mut tags = self.app.historian.tags();
        tags.retain(|tag| wanted.contains(&tag.id) || (all && !is_rule(&tag.device)));
        if tags.len() > TAGS_MAX {
            let cause = format!("the rule reads {} tags; a trial reads {TAGS_MAX}", tags.len());
            return Err(Refusal::invalid(cause, "try it over devices instead of all samples"));
        }
        Ok(tags)
    }

    fn past(&self, tags: Vec<TagInfo>, (from, to): (i64, i64)) -> Result<Past, Refusal> {
        let open = |tag: TagId| -> Pieces {
            self.app.tables.history(&Scan {
                tags: vec![tag],
                from_unix_ns: from,
                to_unix_ns: to,
                cancel: Some(self.cancel.clone()),
                ..Scan::default()
            })
        };
        Past::open(tags, &open).map_err(Refusal::internal)
    }

    /// What the rule gave in this time while it was live; nothing where it is too much.
    fn live_rows(
        &self,
        program: &Program,
        (from, to): (i64, i64),
    ) -> Result<Option<Compared>, Refusal> {
        let Some(name) = self.asked.name.as_deref() else { return Ok(None) };
        let mut tags = self.app.historian.tags();
        tags.retain(|tag| *tag.device == *name);
        let late = i64::try_from(self.asked.lateness.as_nanos()).unwrap_or(0);
        let until = to.saturating_add(late).saturating_add(WRITTEN_WITHIN);
        let mut compared = Compared { span: within(program, from, to), ..Compared::default() };
        let mut count = 0;
        for batch in self.past(tags, (from, until))? {
            let batch = batch.map_err(Refusal::internal)?;
            let Some(time) = batch.samples().find_map(|sample| sample.source_time) else {
                continue;
            };
            if !compared.span.contains(&time) {
                continue;
            }
            count += 1;
            if count > COMPARED_MAX {
                return Ok(None);
            }
            compared.live(time, shown(&batch, &program.columns));
        }
        Ok(Some(compared))
    }
}

/// The values of a stored row in the order of these columns.
fn shown(batch: &SampleBatch, columns: &[Column]) -> Vec<String> {
    let mut values = vec!["null".to_owned(); columns.len()];
    for sample in batch.samples() {
        let tag = &batch.set.tags()[sample.index];
        let place = columns.iter().position(|column| *column.name == *tag.name);
        if let (Some(place), Some(value)) = (place, sample.value) {
            let value = value.to_value();
            let json = tagwerk_api::Anything::of(Some(&value), tag.data_type);
            values[place] = json.text().to_owned();
        }
    }
    values
}

/// What an answer takes of the rows of a trial.
struct Gathered {
    columns: Vec<Column>,
    limit: usize,
    rows: Vec<RuleRow>,
    truncated: bool,
    actions: Actions,
    alarms: Vec<RuleTrialAlarm>,
    writes: Vec<RuleTrialWrite>,
    compared: Option<Compared>,
}

impl Gathered {
    fn take(&mut self, output: Output) {
        let time = || Time::from_unix_ns(output.time_ns);
        for (column, before) in &mut self.actions.alarms {
            let Some(Cell::Bool(now)) = output.cells.get(*column) else { continue };
            let change = match (before.replace(*now), *now) {
                (Some(true), false) => RuleTrialChange::Cleared,
                (None | Some(false), true) => RuleTrialChange::Raised,
                _ => continue,
            };
            if self.alarms.len() < self.limit {
                let column = self.columns[*column].name.clone();
                self.alarms.push(RuleTrialAlarm { time: time(), column, change });
            }
        }
        let shown = values(&self.columns, &output);
        for (column, tag) in &self.actions.writes {
            let nothing = output.cells.get(*column).is_none_or(Cell::is_null);
            if !nothing && self.writes.len() < self.limit {
                let value = shown[*column].clone();
                self.writes.push(RuleTrialWrite { time: time(), tag: tag.clone(), value });
            }
        }
        if let Some(compared) = &mut self.compared {
            let values = shown.iter().map(|value| value.text().to_owned()).collect();
            compared.trial(output.time_ns, values);
        }
        match self.rows.len() < self.limit {
            true => self.rows.push(row(&self.columns, &output)),
            false => self.truncated = true,
        }
    }
}

type Row = (i64, Vec<String>);

/// Rows of the live rule beside those of the trial.
#[derive(Default)]
struct Compared {
    span: std::ops::Range<i64>,
    /// Rows of the live rule that the trial has not given: the times at which there were such values.
    live: HashMap<Vec<String>, BTreeSet<(i64, u64)>>,
    rows: u64,
    same: u64,
    only_trial: u64,
    first_trial: Option<Row>,
}

impl Compared {
    fn live(&mut self, time: i64, values: Vec<String>) {
        self.rows += 1;
        self.live.entry(values).or_default().insert((time, self.rows));
    }

    fn trial(&mut self, time: i64, values: Vec<String>) {
        if !self.span.contains(&time) {
            return;
        }
        let near =
            (time.saturating_sub(SAME_WITHIN), 0)..=(time.saturating_add(SAME_WITHIN), u64::MAX);
        let times = self.live.get_mut(&values);
        let nearest = times
            .as_ref()
            .and_then(|times| times.range(near).min_by_key(|(at, _)| at.abs_diff(time)).copied());
        if let (Some(times), Some(nearest)) = (times, nearest) {
            times.remove(&nearest);
            self.same += 1;
            return;
        }
        self.only_trial += 1;
        let row = (time, values);
        if self.first_trial.as_ref().is_none_or(|first| row < *first) {
            self.first_trial = Some(row);
        }
    }

    fn end(self) -> RuleComparison {
        let only_live = self.live.values().map(|times| times.len() as u64).sum();
        let left = self.live.into_iter();
        let first = |(values, times): (Vec<String>, BTreeSet<(i64, u64)>)| {
            times.first().map(|(time, _)| (*time, values))
        };
        let first_live = left.filter_map(first).min();
        let times = self.first_trial.iter().chain(&first_live).map(|(time, _)| *time);
        let first_difference = times.min().map(|time| {
            let at = |row: Option<Row>| {
                let (_, values) = row.filter(|(at, _)| *at == time)?;
                Some(values.iter().filter_map(|value| json(value)).collect())
            };
            let (trial, live) = (at(self.first_trial), at(first_live));
            RuleDifference { time: Time::from_unix_ns(time), trial, live }
        });
        RuleComparison { same: self.same, only_trial: self.only_trial, only_live, first_difference }
    }
}

fn json(text: &str) -> Option<tagwerk_api::Anything> {
    let value = serde_json::value::RawValue::from_string(text.to_owned()).ok()?;
    Some(tagwerk_api::Anything(value))
}
