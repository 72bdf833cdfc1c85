//! Functions of the user's own: compiled, and made ready for whoever plans SQL.

use std::sync::Arc;
use tagwerk_config::{CheckedFunction, FunctionFinding, FunctionPart};
use tagwerk_env::Clock;
use tagwerk_rules::Planner;
use tagwerk_script::{Fault, Script, Signature};
use tagwerk_sql::{CallError, UserFunction};

/// Reads the text of one.
pub fn compile(clock: &Arc<dyn Clock>, function: &CheckedFunction) -> Result<Script, Fault> {
    let signature = Signature { arguments: function.arguments.clone(), returns: function.returns };
    Script::compile(clock.clone(), &function.name, &function.javascript, signature)
}

/// All of a configuration. One whose text is wrong is there, and fails when it is called: what uses it
/// is not wrong for that.
pub fn prepare(clock: &Arc<dyn Clock>, functions: &[CheckedFunction]) -> Vec<UserFunction> {
    let prepared = functions.iter().map(|function| {
        let compiled = compile(clock, function);
        if let Err(fault) = &compiled {
            tracing::error!(function = &*function.name, %fault, "a function cannot be compiled");
        }
        user_function(function, compiled)
    });
    prepared.collect()
}

/// Everything that is wrong with functions, and the functions, whatever is wrong with them. Pure; blocks.
pub fn check(
    planner: &Planner,
    clock: &Arc<dyn Clock>,
    functions: &[CheckedFunction],
) -> (Vec<FunctionFinding>, Vec<UserFunction>) {
    let mut findings = Vec::new();
    let mut prepared = Vec::new();
    for (place, function) in functions.iter().enumerate() {
        if let Some(problem) = planner.name_taken(&function.name) {
            let remedy = "give the function another name".to_owned();
            findings.push(FunctionFinding {
                function: place,
                part: FunctionPart::Name,
                problem,
                remedy,
            });
            continue;
        }
        let compiled = compile(clock, function);
        if let Err(fault) = &compiled {
            findings.push(FunctionFinding {
                function: place,
                part: FunctionPart::JavaScript(fault.place),
                problem: fault.message.clone(),
                remedy: fault.remedy().to_owned(),
            });
        }
        prepared.push(user_function(function, compiled));
    }
    (findings, prepared)
}

/// As people write it: `dew_margin(float64, float64)`.
pub fn call_of(function: &CheckedFunction) -> String {
    let names: Vec<&str> = function.arguments.iter().map(|of| of.name()).collect();
    format!("{}({})", function.name, names.join(", "))
}

fn user_function(function: &CheckedFunction, compiled: Result<Script, Fault>) -> UserFunction {
    UserFunction {
        name: Arc::from(&*function.name),
        arguments: function.arguments.clone(),
        returns: function.returns,
        text: Arc::from(&*function.javascript),
        call: Arc::new(move |rows| match &compiled {
            Ok(script) => {
                let given = script.call_each(rows).into_iter();
                given.map(|given| given.map_err(|fault| failed(&fault))).collect()
            }
            Err(fault) => vec![Err(failed(fault))],
        }),
    }
}

fn failed(fault: &Fault) -> CallError {
    CallError { message: fault.to_string(), late: fault.is_late() }
}
