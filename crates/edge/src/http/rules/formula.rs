//! What a formula gives now, before it is part of the configuration.

use super::super::extract::Sent;
use super::super::refusal::Refusal;
use super::show_finding;
use crate::app::{App, Shared};
use crate::formulas::{Planned, Running};
use crate::show;
use axum::Json;
use axum::extract::State;
use tagwerk_api::{Anything, FormulaCheck, FormulaCheckAnswer, FormulaInput};
use tagwerk_model::{DataType, Quality, limits};
use tagwerk_runtime::{Formula, Seen, compute};

pub async fn check_formula(
    State(app): State<Shared>,
    Sent(sent): Sent<FormulaCheck>,
) -> Result<Json<FormulaCheckAnswer>, Refusal> {
    let FormulaCheck { device, formula, data_type } = sent;
    let max = limits::FORMULA_BYTES_MAX;
    if formula.len() > max {
        let problem = format!("the formula has {} bytes", formula.len());
        return Err(Refusal::invalid(problem, format!("shorten it to {max} bytes")));
    }
    let gives = DataType::from_name(&data_type).ok_or_else(|| {
        let names: Vec<&str> = DataType::ALL.iter().map(|known| known.name()).collect();
        let remedy = format!("write one of {}", names.join(", "));
        Refusal::invalid(format!("there is no type `{data_type}`"), remedy)
    })?;
    let planned = tokio::task::spawn_blocking(move || {
        let tags = Running::of(&app.runtime);
        let plan = app.rules.plan_formula(&formula, &device, gives, &tags)?;
        Ok(answer(&app, gives, &Planned::new(plan)))
    });
    let planned = planned.await.map_err(|_| Refusal::internal("planning the formula failed"))?;
    Ok(Json(planned.unwrap_or_else(|finding| FormulaCheckAnswer {
        findings: vec![show_finding(finding)],
        inputs: Vec::new(),
        value: Anything::of(None, gives),
        text: None,
        quality: None,
        reason: None,
    })))
}

fn answer(app: &App, gives: DataType, formula: &Planned) -> FormulaCheckAnswer {
    let none = || (None, Quality::BAD_CONFIGURATION);
    let inputs = formula.inputs();
    let seen = inputs.iter().map(|i| app.runtime.seen(&i.device, &i.tag).unwrap_or_else(none));
    let seen: Vec<Seen> = seen.collect();
    let outcome = compute(formula, &seen);
    let shown = inputs.iter().zip(&seen).map(|(input, (value, quality))| {
        let tag = app.runtime.tag(&input.device, &input.tag);
        let data_type = tag.as_ref().map_or(DataType::Text, |tag| tag.data_type);
        FormulaInput {
            device: input.device.to_string(),
            tag: input.tag.to_string(),
            value: Anything::of(value.as_ref(), data_type),
            text: value.as_ref().map(|value| value.as_ref().to_text(data_type)),
            unit: tag.map(|tag| tag.unit.to_string()).filter(|unit| !unit.is_empty()),
            quality: show::quality(*quality),
            may_be_bad: input.may_be_bad,
        }
    });
    FormulaCheckAnswer {
        findings: Vec::new(),
        inputs: shown.collect(),
        value: Anything::of(outcome.value.as_ref(), gives),
        text: outcome.value.as_ref().map(|value| value.as_ref().to_text(gives)),
        quality: Some(show::quality(outcome.quality)),
        reason: outcome.reason,
    }
}
