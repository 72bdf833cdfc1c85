//! Functions of the user's own in rules and formulas: those that a text names, and how their calls fare.

use crate::error::RuleError;
use crate::finding::Finding;
use crate::parse;
use crate::program::Planner;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::SessionState;
use datafusion::sql::sqlparser::ast::Expr;
use std::sync::Arc;
use tagwerk_sql::{Calls, UserFunction, rule_functions, statement_functions, stopped};

/// The functions of one program. Each program counts for itself.
#[derive(Default)]
pub struct Used(Vec<(UserFunction, Arc<Calls>)>);

impl Planner {
    /// The same planner with functions of the user's own, and no others of these.
    pub fn with_functions(&self, functions: Vec<UserFunction>) -> Planner {
        Planner { functions, ..self.clone() }
    }

    /// Why a function of the user's own cannot be called so.
    pub fn name_taken(&self, name: &str) -> Option<String> {
        let infos = || statement_functions().iter().chain(rule_functions());
        let engine = self.state.scalar_functions().contains_key(name)
            || self.state.aggregate_functions().contains_key(name)
            || self.state.window_functions().contains_key(name)
            || self.state.table_functions().contains_key(name);
        if engine || infos().any(|info| info.name == name || info.aliases.contains(&name)) {
            return Some(format!("there is a function {name} already"));
        }
        let read = tagwerk_sql::stream::parse_expression(&format!("{name}(1)"));
        let called = matches!(&read, Ok(Expr::Function(call)) if parse::plain_name(call) == name);
        // Where it cannot stand by itself it is a word of SQL's.
        (!called).then(|| format!("{name} is a word of SQL"))
    }

    /// Those that a text names.
    pub(crate) fn used(&self, text: &str) -> Used {
        let named = self.functions.iter().filter(|function| function.is_named_in(text));
        Used(named.map(|function| (function.clone(), Arc::default())).collect())
    }
}

impl Used {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn register(&self, state: &mut SessionState) -> Result<(), Finding> {
        for (function, calls) in &self.0 {
            state.register_udf(Arc::new(function.udf(calls)))?;
        }
        Ok(())
    }

    /// A change of a function is a change of what uses it.
    pub fn fingerprint(&self) -> String {
        self.0.iter().map(|(function, _)| format!("\n{}", function.fingerprint())).collect()
    }

    /// One that takes too long again and again ends the rule.
    pub fn hold(&self) -> Result<(), RuleError> {
        match self.0.iter().find(|(_, calls)| calls.are_stopped()) {
            Some((function, _)) => Err(RuleError::Limit(stopped(&function.name))),
            None => Ok(()),
        }
    }
}
