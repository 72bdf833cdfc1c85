//! Rules over HTTP: how they fare, and what is wrong with one. Trials are in a file of their own.

mod formula;
mod trial;

pub use formula::check_formula;
pub use trial::try_rule;

use super::devices::window;
use super::extract::{Asked, At, Sent};
use super::refusal::Refusal;
use crate::app::{App, Shared};
use crate::rules::{Configured, unit};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;
use tagwerk_api::{
    Anything, Page, Rule, RuleCheck, RuleCheckAnswer, RuleColumn, RuleDetail, RuleError,
    RuleFinding, RuleParameters, RuleRow, RuleRows, RuleStage, RuleState, Time,
};
use tagwerk_config::CheckedRule;
use tagwerk_model::limits;
use tagwerk_rules::{Column, Finding, Output, Program, RuleView};

pub async fn list(
    State(app): State<Shared>,
    Asked(asked): Asked<RuleParameters>,
) -> Result<Json<Page<Rule>>, Refusal> {
    let (offset, limit) = window(asked.offset, asked.limit)?;
    let text = asked.text.as_deref().map(str::to_lowercase).unwrap_or_default();
    let holds = |part: &str| part.to_lowercase().contains(&text);
    let mut found: Vec<Rule> = Vec::new();
    for known in app.rules.known().values() {
        let rule = &known.rule;
        if asked.stage.is_some_and(|wanted| wanted != stage(rule))
            || asked.label.as_deref().is_some_and(|l| !rule.labels.iter().any(|own| **own == *l))
            || !(holds(&rule.name) || rule.text.as_deref().is_some_and(holds))
        {
            continue;
        }
        let shown = show(&app, known);
        if asked.state.is_none_or(|wanted| wanted == shown.state) {
            found.push(shown);
        }
    }
    let total = found.len();
    let items = found.into_iter().skip(offset).take(limit).collect();
    Ok(Json(Page::new(items, offset, total)))
}

pub async fn one(
    State(app): State<Shared>,
    At(name): At<String>,
) -> Result<Json<RuleDetail>, Refusal> {
    let rules = app.rules.known();
    let known = rules.get(&*name).ok_or_else(|| {
        Refusal::not_found(format!("there is no rule {name}"), "list the rules first")
    })?;
    let program = known.program.as_ref().ok();
    let columns = program.map(|program| &program.columns[..]).unwrap_or_default();
    let rows = app.rules.board().newest(&name);
    let newest = RuleRows {
        columns: columns.iter().map(|column| column.name.clone()).collect(),
        rows: rows.iter().map(|output| row(columns, output)).collect(),
    };
    Ok(Json(RuleDetail {
        rule: show(&app, known),
        sql: known.rule.sql.to_string(),
        plan: program.map(|program| program.plan.clone()).unwrap_or_default(),
        newest,
    }))
}

pub async fn check(
    State(app): State<Shared>,
    Sent(sent): Sent<RuleCheck>,
) -> Result<Json<RuleCheckAnswer>, Refusal> {
    let RuleCheck { name, sql } = sent;
    let planned = plan(&app, name, sql).await?;
    Ok(Json(match planned {
        Ok((program, rule)) => RuleCheckAnswer {
            findings: Vec::new(),
            columns: columns(&program.columns, rule.as_deref()),
            tables: program.tables(),
            plan: Some(program.plan.clone()),
        },
        Err(finding) => RuleCheckAnswer {
            findings: vec![show_finding(finding)],
            columns: Vec::new(),
            tables: Vec::new(),
            plan: None,
        },
    }))
}

/// A statement that was planned, and the rule that it is to be where that is there already.
type Planned = Result<(Program, Option<Arc<CheckedRule>>), Finding>;

/// Plans a statement over what runs now.
async fn plan(app: &Shared, name: Option<String>, sql: String) -> Result<Planned, Refusal> {
    if sql.len() > limits::RULE_SQL_BYTES_MAX {
        let problem = format!("the SQL has {} bytes", sql.len());
        let max = limits::RULE_SQL_BYTES_MAX;
        return Err(Refusal::invalid(problem, format!("shorten it to {max} bytes")));
    }
    let app = app.clone();
    let planned = tokio::task::spawn_blocking(move || {
        let name = name.as_deref();
        if let Some(other) = name.and_then(|name| app.rules.circle(name, &sql)) {
            let problem = match name == Some(&*other) {
                true => format!("the rule {other} reads itself"),
                false => format!("the rule {other} in the end reads this one again"),
            };
            return Err(Finding::new(problem, "let it read what does not depend on it"));
        }
        let tags = app.rules.tags(&app.runtime, app.configuration.templates(), name);
        let program = app.rules.plan(&sql, &tags.table())?;
        let known = name.and_then(|name| app.rules.known().get(name).cloned());
        Ok((program, known.map(|known| known.rule)))
    });
    planned.await.map_err(|_| Refusal::internal("planning the statement failed"))
}

fn show_finding(finding: Finding) -> RuleFinding {
    RuleFinding {
        line: u64::from(finding.line),
        column: u64::from(finding.column),
        problem: finding.problem,
        remedy: finding.remedy,
    }
}

fn columns(columns: &[Column], rule: Option<&CheckedRule>) -> Vec<RuleColumn> {
    let show = |column: &Column| RuleColumn {
        name: column.name.clone(),
        data_type: column.data_type().name().to_owned(),
        unit: rule.and_then(|rule| unit(rule, &column.name)).map(str::to_owned),
    };
    columns.iter().map(show).collect()
}

fn row(columns: &[Column], output: &Output) -> RuleRow {
    RuleRow { time: Time::from_unix_ns(output.time_ns), values: values(columns, output) }
}

fn values(columns: &[Column], output: &Output) -> Vec<Anything> {
    let both = columns.iter().zip(&output.cells);
    both.map(|(column, cell)| Anything::of(cell.value().as_ref(), column.data_type())).collect()
}

fn stage(rule: &CheckedRule) -> RuleStage {
    match rule.stage {
        tagwerk_config::RuleStage::Draft => RuleStage::Draft,
        tagwerk_config::RuleStage::Trial => RuleStage::Trial,
        tagwerk_config::RuleStage::Live => RuleStage::Live,
    }
}

fn show(app: &App, known: &Configured) -> Rule {
    let rule = &*known.rule;
    let view = app.rules.board().one(&rule.name);
    let (state, reason) = state(known, view.as_ref());
    let program = known.program.as_ref().ok();
    let counts = view.as_ref().map(|view| view.counts.clone()).unwrap_or_default();
    let time = Time::from_unix_ns;
    Rule {
        name: rule.name.to_string(),
        stage: stage(rule),
        state,
        reason,
        text: rule.text.as_deref().map(str::to_owned),
        labels: rule.labels.iter().map(ToString::to_string).collect(),
        tables: program.map(|program| program.tables()).unwrap_or_default(),
        columns: program.map(|p| columns(&p.columns, Some(rule))).unwrap_or_default(),
        rows_in: counts.rows_in,
        rows_out: counts.rows_out,
        rows_late: counts.rows_late,
        errors: counts.errors,
        last_error: view
            .as_ref()
            .and_then(|view| view.last_error.clone())
            .map(|(at, text)| RuleError { time: time(at), text }),
        last_output: view.as_ref().and_then(|view| view.last_output_unix_ns).map(time),
        busy_seconds: view.as_ref().map_or(0.0, |view| view.busy.as_secs_f64()),
        memory_bytes: view.as_ref().map_or(0, |view| view.memory as u64),
        behind_samples: view.as_ref().map_or(0, |view| view.behind),
    }
}

fn state(known: &Configured, view: Option<&RuleView>) -> (RuleState, Option<String>) {
    use tagwerk_rules::RuleState as Own;
    let waiting = |why: &str| (RuleState::Waiting, Some(why.to_owned()));
    match (&known.program, view) {
        (Err(finding), _) if stage(&known.rule) == RuleStage::Draft => {
            (RuleState::Stopped, Some(format!("its SQL is not finished: {finding}")))
        }
        (Err(finding), _) if finding.waits => (RuleState::Waiting, Some(finding.problem.clone())),
        (Err(finding), _) => (RuleState::Failed, Some(finding.to_string())),
        (Ok(_), None) => waiting("it is being started"),
        (Ok(_), Some(view)) => match &view.state {
            Own::Stopped => (RuleState::Stopped, Some("it is a draft".to_owned())),
            Own::Failed(reason) => (RuleState::Failed, Some(reason.clone())),
            Own::Running if view.counts.rows_in == 0 => {
                waiting("nothing of what it reads has come yet")
            }
            Own::Running => (RuleState::Running, None),
        },
    }
}
