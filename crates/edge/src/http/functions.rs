//! Functions of the user's own over HTTP: which there are, and what one gives before it is kept.

use super::extract::Sent;
use super::refusal::Refusal;
use crate::app::{RULE_TRIALS_MAX, Shared};
use crate::functions::compile;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_api::{
    Anything, ErrorCode, FunctionTrial, FunctionTrialAnswer, List, RuleFinding, UserFunction,
};
use tagwerk_config::CheckedFunction;
use tagwerk_env::Clock;
use tagwerk_model::{DataType, Value, ValueRef, limits};
use tagwerk_script::Fault;

const TYPES: [DataType; 6] = [
    DataType::Bool,
    DataType::Int64,
    DataType::Uint64,
    DataType::Float64,
    DataType::Text,
    DataType::Bytes,
];

pub async fn list(State(app): State<Shared>) -> Json<List<UserFunction>> {
    let items = app.rules.checked_functions().iter().map(show).collect();
    Json(List { items })
}

fn show(function: &CheckedFunction) -> UserFunction {
    let names: Vec<String> = function.arguments.iter().map(|of| of.name().to_owned()).collect();
    UserFunction {
        name: function.name.to_string(),
        signature: crate::functions::call_of(function),
        arguments: names,
        returns: function.returns.name().to_owned(),
        description: function.description.as_deref().map(str::to_owned),
        javascript: function.javascript.to_string(),
    }
}

pub async fn try_function(
    State(app): State<Shared>,
    Sent(sent): Sent<FunctionTrial>,
) -> Result<Json<FunctionTrialAnswer>, Refusal> {
    let permit = app.rule_trials.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Limit,
            format!("{RULE_TRIALS_MAX} trials are under way"),
            "try again when one of them has ended",
        )
    })?;
    let (function, values) = read(sent)?;
    if let Some(problem) = app.rules.name_taken(&function.name) {
        return Err(Refusal::invalid(problem, "give the function another name"));
    }
    let clock = app.env.clock.clone();
    let tried = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        run(&clock, &function, &values)
    });
    let (tried, took) = tried.await.map_err(|_| Refusal::internal("trying the function failed"))?;
    let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let answer = |findings, value| FunctionTrialAnswer { findings, value, microseconds };
    Ok(Json(match tried {
        Ok(value) => answer(Vec::new(), value),
        Err(fault) => answer(vec![finding(fault)], Anything::null()),
    }))
}

type Tried = (Result<Anything, Fault>, Duration);

fn run(clock: &Arc<dyn Clock>, function: &CheckedFunction, values: &[Option<Value>]) -> Tried {
    let script = match compile(clock, function) {
        Ok(script) => script,
        Err(fault) => return (Err(fault), Duration::ZERO),
    };
    // As statements have it: what is given NULL gives NULL.
    if values.iter().any(Option::is_none) {
        return (Ok(Anything::null()), Duration::ZERO);
    }
    let arguments: Vec<Option<ValueRef<'_>>> =
        values.iter().map(|value| value.as_ref().map(Value::as_ref)).collect();
    let begun = clock.now();
    let given = script.call(&arguments);
    let took = clock.now().since(begun);
    (given.map(|value| Anything::of(value.as_ref(), function.returns)), took)
}

fn finding(fault: Fault) -> RuleFinding {
    let (line, column) = fault.place.unwrap_or((1, 1));
    RuleFinding {
        line: u64::from(line),
        column: u64::from(column),
        remedy: fault.remedy().to_owned(),
        problem: fault.message,
    }
}

/// The function, and what it is to be called with.
fn read(sent: FunctionTrial) -> Result<(CheckedFunction, Vec<Option<Value>>), Refusal> {
    let FunctionTrial { name, arguments, returns, javascript, values } = sent;
    if let Some((problem, remedy)) = tagwerk_config::check_function_name(&name) {
        return Err(Refusal::invalid(problem, remedy));
    }
    let max = limits::FUNCTION_BYTES_MAX;
    if javascript.len() > max {
        let problem = format!("the JavaScript has {} bytes", javascript.len());
        return Err(Refusal::invalid(problem, format!("shorten it to {max} bytes")));
    }
    let most = limits::FUNCTION_ARGUMENTS_MAX;
    if arguments.len() > most {
        let problem = format!("the function has {} arguments", arguments.len());
        return Err(Refusal::invalid(problem, format!("keep {most}")));
    }
    let arguments: Vec<DataType> =
        arguments.iter().map(|name| data_type(name)).collect::<Result<_, _>>()?;
    if values.len() != arguments.len() {
        let problem = format!(
            "the function has {} arguments, and {} are given",
            arguments.len(),
            values.len()
        );
        return Err(Refusal::invalid(problem, "give as many `values` as it has `arguments`"));
    }
    let values = values.iter().zip(&arguments).map(|(value, of)| argument(value, *of));
    let values = values.collect::<Result<_, _>>()?;
    let function = CheckedFunction {
        name: name.into(),
        arguments,
        returns: data_type(&returns)?,
        javascript: javascript.into(),
        description: None,
    };
    Ok((function, values))
}

fn data_type(name: &str) -> Result<DataType, Refusal> {
    let known = DataType::from_name(name).filter(|known| TYPES.contains(known));
    known.ok_or_else(|| {
        let names: Vec<&str> = TYPES.iter().map(|known| known.name()).collect();
        let remedy = format!("write one of {}", names.join(", "));
        Refusal::invalid(format!("a function takes and gives no `{name}`"), remedy)
    })
}

fn argument(value: &Anything, of: DataType) -> Result<Option<Value>, Refusal> {
    let wrong = || {
        let shown: String = value.text().chars().take(100).collect();
        let remedy = "give a value of the argument's type, or null";
        Refusal::invalid(format!("{shown} is no {of}"), remedy)
    };
    let json: serde_json::Value = serde_json::from_str(value.text()).map_err(|_| wrong())?;
    if json.is_null() {
        return Ok(None);
    }
    tagwerk_runtime::value_from_json(&json, of).map(Some).ok_or_else(wrong)
}
