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
        // What cannot be called, or means something of its own, is a word of SQL's.
        (!called || is_reserved(name)).then(|| format!("{name} is a word of SQL"))
    }

    /// Those that a text names.
    pub(crate) fn used(&self, text: &str) -> Used {
        let named = self.functions.iter().filter(|function| function.is_named_in(text));
        Used(named.map(|function| (function.clone(), Arc::default())).collect())
    }
}

/// Reserved in PostgreSQL (its documentation, appendix C), or with a form of call of its own.
const WORDS: &str = "all analyse analyze and any array as asc asymmetric between both case cast check \
                     collate column constraint create default deferrable desc distinct do else end \
                     except exists extract false fetch for foreign from grant group having in \
                     initially intersect interval into is lateral leading like limit localtime \
                     localtimestamp not null offset on only or order overlay placing position \
                     primary references returning row select session_user some struct substring \
                     symmetric table then to trailing trim true union unique user using values \
                     variadic when where window with";

fn is_reserved(name: &str) -> bool {
    WORDS.split_whitespace().any(|word| word == name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Program;
    use tagwerk_model::{DataType, TagId, Value, ValueRef};
    use tagwerk_sql::{TagEntry, TagTable};

    fn twice(text: &str) -> UserFunction {
        UserFunction {
            name: "twice".into(),
            arguments: vec![DataType::Int64],
            returns: DataType::Int64,
            text: text.into(),
            call: Arc::new(|rows| {
                let twice = |row: &Vec<Option<ValueRef<'_>>>| match row[0] {
                    Some(ValueRef::I64(number)) => Ok(Some(Value::I64(number * 2))),
                    _ => Ok(None),
                };
                rows.iter().map(twice).collect()
            }),
        }
    }

    fn plan(functions: Vec<UserFunction>, sql: &str) -> Result<Program, Finding> {
        let tag = |id, name: &str, data_type| TagEntry {
            id: TagId(id),
            device: "boiler".into(),
            name: name.into(),
            data_type,
            unit: "".into(),
        };
        let tags = vec![tag(1, "n", DataType::Int64), tag(2, "name", DataType::Text)];
        Planner::new().unwrap().with_functions(functions).plan(sql, &TagTable::new(tags))
    }

    #[test]
    fn a_rule_changes_with_the_functions_that_it_names() {
        let print = |text: &str, sql: &str| plan(vec![twice(text)], sql).unwrap().fingerprint;
        let uses = "SELECT Twice(n) + 1 AS x FROM boiler";
        assert_eq!(print("a", uses), print("a", uses));
        assert_ne!(print("a", uses), print("b", uses));
        let other = "SELECT n + 1 AS x, 'not_twice' AS y FROM boiler";
        assert_eq!(print("a", other), print("b", other));
        assert_eq!(print("a", other), plan(Vec::new(), other).unwrap().fingerprint);
    }

    #[test]
    fn wrong_types_are_told_by_both_names() {
        for (sql, says) in [
            ("SELECT twice(name) AS x FROM boiler", "takes int64 as argument 1, and text is given"),
            ("SELECT twice(n / 2.0) AS x FROM boiler", "and float64 is given"),
            ("SELECT twice() AS x FROM boiler", "takes 1 arguments, and 0 are given"),
            ("SELECT thrice(n) AS x FROM boiler", "thrice"),
        ] {
            let finding = plan(vec![twice("a")], sql).err().unwrap();
            assert!(finding.problem.contains(says), "{sql}: {finding}");
        }
        for sql in ["SELECT twice(NULL) AS x FROM boiler", "SELECT twice(3) AS x FROM boiler"] {
            assert!(plan(vec![twice("a")], sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn names_that_are_taken_are_known() {
        let planner = Planner::new().unwrap();
        for taken in
            ["abs", "avg", "lag", "time_bucket", "coalesce", "tumbling_window", "select", "case"]
        {
            assert!(planner.name_taken(taken).is_some(), "{taken}");
        }
        for free in ["dew_margin", "f", "twice"] {
            assert_eq!(planner.name_taken(free), None);
        }
    }
}
