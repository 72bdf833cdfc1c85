//! The control port of the plant: what a test may look at and meddle with. HTTP itself is
//! `http.rs`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::http::{Answer, Request, refusal};
use crate::serve::Shared;
use crate::table::Value;
use crate::transport_fault::Order;

/// One hour of simulated time in one request is enough, and takes well under a second.
const STEPS_MAX: u64 = 36_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    unit: u8,
    tag: String,
    value: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Steps of 100 ms; the default is one.
    steps: Option<u64>,
    seconds: Option<f64>,
}

pub fn answer(shared: &Shared, request: &Request) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/state") => (200, shared.plant().state()),
        ("GET", "/counts") => (200, shared.plant().counts()),
        ("GET", "/log") => {
            let plant = shared.plant();
            (200, json!({ "writes": plant.log(request.number("since").unwrap_or(0)) }))
        }
        ("POST", "/fault") => with_body(request, |order: Order| {
            let now_ms = shared.now_ms();
            shared.plant().faults.add(&order, now_ms);
            Ok(json!({}))
        }),
        ("POST", "/set") => with_body(request, |set: Set| {
            let value = match &set.value {
                serde_json::Value::Null => None,
                json => Some(Value::from_json(json).ok_or("a value is a number, text or bool")?),
            };
            shared.plant().force(set.unit, &set.tag, value)?;
            Ok(json!({}))
        }),
        ("POST", "/step") => with_body(request, |step: Step| step_plant(shared, &step)),
        _ => refusal(404, "try GET /state /counts /log, POST /fault /set /step"),
    }
}

fn step_plant(shared: &Shared, step: &Step) -> Result<serde_json::Value, String> {
    if !shared.frozen() {
        return Err("time runs by itself; start the plant with --frozen to step it".into());
    }
    let steps = match (step.steps, step.seconds) {
        (Some(steps), None) => steps,
        (None, Some(seconds)) => (seconds * 10.0).round() as u64,
        (None, None) => 1,
        (Some(_), Some(_)) => return Err("give steps or seconds, not both".into()),
    };
    if steps > STEPS_MAX {
        return Err(format!("{steps} steps at once; the most is {STEPS_MAX}"));
    }
    let mut plant = shared.plant();
    for _ in 0..steps {
        plant.step();
    }
    Ok(json!({ "plant_ms": plant.plant_ms() }))
}

fn with_body<B: DeserializeOwned>(
    request: &Request,
    act: impl FnOnce(B) -> Result<serde_json::Value, String>,
) -> Answer {
    let body: &[u8] = if request.body.is_empty() { b"{}" } else { &request.body };
    let outcome = serde_json::from_slice(body)
        .map_err(|why| format!("the body is not what {} takes: {why}", request.path))
        .and_then(act);
    outcome.map_or_else(|why| refusal(400, why), |body| (200, body))
}
