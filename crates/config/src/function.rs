//! Checks functions of the user's own: their names and types. Whether a name is free and what is wrong with
//! the JavaScript is for whoever knows that, through [`crate::SqlCheck`].

use crate::check::{Checker, Names};
use crate::checked::CheckedFunction;
use crate::document::{Lenient, Part};
use crate::rule::SqlCheck;
use crate::source::Node;
use crate::value_types::FunctionType;
use schemars::JsonSchema;
use serde::Deserialize;
use tagwerk_component::Weight;
use tagwerk_model::limits;

/// A function of the user's own, for rules, formulas and statements.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Function", deny_unknown_fields)]
pub(crate) struct FunctionForm<'s> {
    /// Small letters, digits and `_`, beginning with a letter; no other function has it.
    #[serde(borrow)]
    #[schemars(extend("examples" = ["dew_margin"]))]
    pub name: Lenient<&'s str>,
    /// The types of its arguments, in their order. Default: none.
    #[serde(default)]
    #[schemars(with = "Vec<FunctionType>", length(max = limits::FUNCTION_ARGUMENTS_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    arguments: Part,
    /// The type of what it gives.
    pub returns: Lenient<FunctionType>,
    /// A text with a function of this name.
    #[serde(borrow)]
    #[schemars(extend("examples" = ["function dew_margin(t, dew) { return t - dew }"]))]
    pub javascript: Lenient<&'s str>,
    /// What it is for.
    #[serde(default, borrow)]
    pub description: Lenient<Option<&'s str>>,
}

/// What is wrong with a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionFinding {
    /// The function's place in the list that was checked.
    pub function: usize,
    pub part: FunctionPart,
    pub problem: String,
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionPart {
    Name,
    /// Line and column of the text, from 1, where they are known.
    JavaScript(Option<(u32, u32)>),
}

impl<'s> Checker<'s> {
    pub fn functions(
        &mut self,
        root: Node<'s>,
        sql: Option<&dyn SqlCheck>,
    ) -> Vec<CheckedFunction> {
        let Some(list) = root.get("functions") else { return Vec::new() };
        let mut names = Names::default();
        let (mut functions, mut nodes) = (Vec::new(), Vec::new());
        for node in list.items() {
            let Some(function) = self.function(node, &mut names) else { continue };
            functions.push(function);
            nodes.push(node);
        }
        self.incomplete |= functions.len() != list.len();
        for finding in sql.map(|sql| sql.functions(&functions)).unwrap_or_default() {
            let Some(node) = nodes.get(finding.function) else { continue };
            let FunctionFinding { part, problem, remedy, .. } = finding;
            match part {
                FunctionPart::Name => {
                    self.report.error(node.get("name").unwrap_or(*node), problem, remedy);
                }
                FunctionPart::JavaScript(place) => {
                    let node = node.get("javascript").unwrap_or(*node);
                    let problem = match place {
                        Some((line, column)) => {
                            format!("line {line}, column {column} of the JavaScript: {problem}")
                        }
                        None => problem,
                    };
                    let place = place.unwrap_or((1, 1));
                    self.report.in_text(node, Weight::Error, place, problem, remedy);
                }
            }
        }
        functions
    }

    /// `None` when it lacks what makes it a function.
    fn function(&mut self, node: Node<'s>, names: &mut Names<'s>) -> Option<CheckedFunction> {
        let form = FunctionForm::deserialize(node).ok()?;
        let name = form.name.get();
        self.named(node, name.and_then(check_function_name));
        self.unique(node, name, "function", names);
        let description = form.description.optional();
        self.description(node, description);
        let listed = node.get("arguments");
        let items = || listed.into_iter().flat_map(Node::items);
        let arguments: Vec<FunctionType> =
            items().filter_map(|item| FunctionType::deserialize(item).ok()).collect();
        let whole = arguments.len() == items().count();
        let javascript = form.javascript.get();
        if let Some(text) = javascript {
            let place = node.get("javascript").unwrap_or(node);
            let max = limits::FUNCTION_BYTES_MAX;
            if text.len() > max {
                let problem = format!("the JavaScript has {} bytes", text.len());
                self.report.error(place, problem, format!("shorten it to {max} bytes"));
                return None;
            }
        }
        let fits = name.is_some_and(|name| check_function_name(name).is_none());
        let checked = CheckedFunction {
            name: name?.into(),
            arguments: arguments.into_iter().map(FunctionType::data_type).collect(),
            returns: form.returns.get()?.data_type(),
            javascript: javascript?.into(),
            description: description.map(Into::into),
        };
        Some(checked).filter(|_| whole && fits)
    }
}

/// What is wrong with a name, and what to do. It is one without quotes, in SQL and in JavaScript.
pub fn check_function_name(name: &str) -> Option<(String, String)> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain);
    if fits && name.len() <= limits::NAME_BYTES_MAX {
        return None;
    }
    let problem = format!("`{}` cannot be called in SQL", crate::source::shortened(name));
    let remedy = "use small letters, digits and `_`, beginning with a letter, such as `dew_margin`";
    Some((problem, remedy.to_owned()))
}
