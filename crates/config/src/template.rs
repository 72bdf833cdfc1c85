//! Templates as they are declared: their parameters, and what is wrong with them whatever a device
//! says. Making a device of one is `expand`'s.

use crate::conform::quoted;
use crate::document::ParameterForm;
use crate::placeholder::{self, Given};
use crate::report::Report;
use crate::scalar::Scalar;
use crate::shape::Shapes;
use crate::source::{Form, Node, shortened};
use crate::value_types::ParameterKind;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use tagwerk_component::nearest;
use tagwerk_model::limits;

/// The templates of a document, in its order.
#[derive(Default)]
pub(crate) struct Templates<'s> {
    pub list: Vec<Template<'s>>,
    by_name: HashMap<&'s str, usize>,
}

pub(crate) struct Template<'s> {
    pub node: Node<'s>,
    /// Empty when there is none.
    pub name: &'s str,
    pub parameters: Vec<Parameter<'s>>,
    /// What `parameters` of a device may hold.
    pub shapes: Shapes,
    /// Declared well enough to make devices of it.
    pub sound: bool,
    /// The devices that use it.
    pub devices: Vec<&'s str>,
    /// How many of them could be made.
    pub made: usize,
}

pub(crate) struct Parameter<'s> {
    pub node: Node<'s>,
    pub name: &'s str,
    pub kind: ParameterKind,
    pub default: Option<Node<'s>>,
    /// The only values allowed; empty when all are.
    values: Vec<Node<'s>>,
}

impl<'s> Templates<'s> {
    /// Reads what can be read; the document's shape has been checked.
    pub fn read(root: Node<'s>, report: &mut Report) -> Templates<'s> {
        let mut templates = Templates::default();
        let Some(list) = root.get("templates") else { return templates };
        if list.len() > limits::TEMPLATES_MAX {
            let problem = format!("the edge has {} templates", list.len());
            report.error(list, problem, format!("keep {}", limits::TEMPLATES_MAX));
        }
        for node in list.items().filter(|node| node.form() == Form::Map) {
            let template = Template::read(node, report);
            templates.by_name.entry(template.name).or_insert(templates.list.len());
            templates.list.push(template);
        }
        templates
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied().filter(|_| !name.is_empty())
    }

    /// There is no template of this name.
    pub fn unknown(&self, node: Node<'_>, name: &str, report: &mut Report) {
        let mut known: Vec<&str> = self.list.iter().map(|template| template.name).collect();
        let near = nearest(name, known.iter().copied());
        known.truncate(8);
        let remedy = match (near, known.is_empty()) {
            (Some(near), _) => format!("write `{near}`, or add the template"),
            (None, true) => "add it under `templates:`".to_owned(),
            (None, false) => format!("choose another, such as {}, or add it", quoted(&known)),
        };
        report.error(node, format!("there is no template `{}`", shortened(name)), remedy);
    }
}

impl<'s> Template<'s> {
    fn read(node: Node<'s>, report: &mut Report) -> Template<'s> {
        let name = text_of(node, "name").unwrap_or_default();
        let before = report.errors();
        let parameters = parameters(node, report);
        let template = Template {
            node,
            name,
            shapes: Shapes::compile(&schema(&parameters)),
            parameters,
            sound: true,
            devices: Vec::new(),
            made: 0,
        };
        for parameter in &template.parameters {
            template.default(parameter, report);
        }
        for key in ["settings", "groups"] {
            if let Some(part) = node.get(key) {
                template.texts(part, report);
            }
        }
        Template { sound: report.errors() == before, ..template }
    }

    pub fn parameter(&self, name: &str) -> Option<&Parameter<'s>> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Whether a node of the document lies in this template.
    pub fn holds(&self, at: u32) -> bool {
        (self.node.at()..self.node.at() + self.node.entry().span()).contains(&at)
    }

    /// Checks the values that `owner`, a device, gives. They are looked up by the parameters' order.
    pub fn values(&self, owner: Node<'s>, report: &mut Report) -> Option<Vec<Node<'s>>> {
        let given = owner.get("parameters").filter(|node| node.form() == Form::Map);
        let before = report.errors();
        match given {
            Some(given) => {
                self.shapes.conform(given, report);
            }
            None => self.left_out(owner, report),
        }
        let mut values = Vec::with_capacity(self.parameters.len());
        for parameter in &self.parameters {
            let value = given.and_then(|given| given.get(parameter.name));
            if let Some(value) = value {
                parameter.allows(value, report);
            }
            values.extend(value.or(parameter.default));
        }
        (report.errors() == before && values.len() == self.parameters.len()).then_some(values)
    }

    fn left_out(&self, owner: Node<'s>, report: &mut Report) {
        let needed = self.parameters.iter().filter(|p| p.default.is_none()).map(|p| p.name);
        let needed: Vec<&str> = needed.collect();
        let empty = |node: Node<'_>| node.scalar() == Some(Scalar::Null);
        if !needed.is_empty() && owner.get("parameters").is_none_or(empty) {
            let remedy = format!("add `parameters:` with {}", quoted(&needed));
            report.missing(owner, "parameters", remedy);
        }
    }

    fn default(&self, parameter: &Parameter<'s>, report: &mut Report) {
        let Some(default) = parameter.default else { return };
        let crate::shape::Shape::Map(map) = self.shapes.get(self.shapes.root) else { return };
        let fits = map
            .field(parameter.name)
            .is_none_or(|field| self.shapes.check(default, field.shape, report));
        if fits {
            parameter.allows(default, report);
        }
    }

    /// Checks the placeholders below a node, as far as that can be done without values.
    fn texts(&self, node: Node<'s>, report: &mut Report) {
        match node.form() {
            Form::List => node.items().for_each(|item| self.texts(item, report)),
            Form::Map => {
                for (key, value) in node.pairs() {
                    if placeholder::has_any(key.text()) {
                        let problem = "a key holds a placeholder, which only values can";
                        report.error(key, problem, "write the key out");
                    }
                    self.texts(value, report);
                }
            }
            Form::Plain | Form::Text if !placeholder::has_any(node.text()) => {}
            Form::Plain | Form::Text => {
                let sample = |name: &str| match self.parameter(name)?.kind {
                    ParameterKind::Integer => Some(Given::Whole(1)),
                    _ => Some(Given::Text("")),
                };
                match placeholder::fill(node.text(), &sample) {
                    Ok(_) | Err(placeholder::Wrong::TooLarge) => {}
                    Err(wrong) => self.wrong_text(node, &wrong, report),
                }
            }
        }
    }

    fn wrong_text(&self, node: Node<'s>, wrong: &placeholder::Wrong<'_>, report: &mut Report) {
        let known: Vec<&str> = self.parameters.iter().map(|parameter| parameter.name).collect();
        let remedy = match wrong {
            placeholder::Wrong::Unknown(name) => match nearest(name, known.iter().copied()) {
                Some(near) => format!("write `${{{near}}}`, or declare the parameter"),
                None if known.is_empty() => "declare it under `parameters:`".to_owned(),
                None => format!("declare it, or use one of {}", quoted(&known)),
            },
            placeholder::Wrong::NotWhole(name) => {
                format!("declare `{name}` with `type: integer`")
            }
            _ => "write `${name}` or whole-number arithmetic such as `${base + 12}`; `$${` stands \
                  for `${`"
                .to_owned(),
        };
        report.error(node, wrong.to_string(), remedy);
    }
}

impl Parameter<'_> {
    /// What the schema of a value does not say: a choice among values that are not texts.
    fn allows(&self, value: Node<'_>, report: &mut Report) {
        let same = |allowed: &Node<'_>| match (allowed.scalar(), value.scalar()) {
            (Some(a), Some(b)) => as_number(a).zip(as_number(b)).map_or(a == b, |(a, b)| a == b),
            _ => false,
        };
        if self.kind == ParameterKind::Text
            || self.values.is_empty()
            || self.values.iter().any(same)
        {
            return;
        }
        let allowed: Vec<String> = self.values.iter().map(|node| shortened(node.text())).collect();
        let problem = format!("{} is not among the values of `{}`", value.text(), self.name);
        report.error(value, problem, format!("write one of {}", allowed.join(", ")));
    }
}

fn as_number(scalar: Scalar<'_>) -> Option<f64> {
    match scalar {
        Scalar::Integer(n) => Some(n as f64),
        Scalar::Float(f) => Some(f),
        _ => None,
    }
}

fn text_of<'s>(node: Node<'s>, key: &str) -> Option<&'s str> {
    match node.get(key)?.scalar()? {
        Scalar::Text(text) => Some(text),
        _ => None,
    }
}

fn parameters<'s>(template: Node<'s>, report: &mut Report) -> Vec<Parameter<'s>> {
    let Some(list) = template.get("parameters") else { return Vec::new() };
    let max = limits::PARAMETERS_MAX;
    if list.len() > max {
        let problem = format!("the template has {} parameters", list.len());
        report.error(list, problem, format!("keep {max}"));
    }
    let mut parameters: Vec<Parameter<'s>> = Vec::new();
    for node in list.items().take(max) {
        let Some(parameter) = parameter(node, report) else { continue };
        if let Some(first) = parameters.iter().find(|other| other.name == parameter.name) {
            let line = first.node.line();
            let problem = format!("the parameter `{}` exists already, on line {line}", first.name);
            let name = node.get("name").unwrap_or(node);
            report.error(name, problem, "rename one of the two, or remove it");
            continue;
        }
        parameters.push(parameter);
    }
    parameters
}

fn parameter<'s>(node: Node<'s>, report: &mut Report) -> Option<Parameter<'s>> {
    let form = ParameterForm::deserialize(node).ok()?;
    let (name, kind) = (form.name.get()?, form.kind.get()?);
    let name_node = node.get("name").unwrap_or(node);
    if !placeholder::is_name(name) || name.len() > limits::NAME_BYTES_MAX {
        let problem = format!("`{}` cannot be the name of a parameter", shortened(name));
        let remedy = "use letters from a to z, digits and `_`, beginning with a letter";
        report.error(name_node, problem, remedy);
        return None;
    }
    let description = form.description.optional().unwrap_or_default();
    if description.len() > limits::DESCRIPTION_BYTES_MAX {
        let max = limits::DESCRIPTION_BYTES_MAX;
        report.error(node, format!("the description is longer than {max} bytes"), "shorten it");
    }
    let numeric = matches!(kind, ParameterKind::Integer | ParameterKind::Number);
    if let Some(range) = node.get("range").filter(|range| range.form() == Form::List) {
        let [low, high] = form.range.optional().unwrap_or_default();
        if !numeric {
            report.error(range, "`range` is for numbers", "remove it, or choose a type of number");
        } else if low > high {
            let problem = format!("the range begins at {low} and ends at {high}");
            report.error(range, problem, "write the smaller number first");
        }
    }
    let values = node.get("values").map(|list| list.items().collect()).unwrap_or_default();
    let null = |node: &Node<'_>| node.scalar() != Some(Scalar::Null);
    Some(Parameter { node, name, kind, default: node.get("default").filter(null), values })
}

/// The schema of `parameters:` of a device.
fn schema(parameters: &[Parameter<'_>]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in parameters {
        properties.insert(parameter.name.to_owned(), parameter_schema(parameter));
        if parameter.default.is_none() {
            required.push(parameter.name);
        }
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn parameter_schema(parameter: &Parameter<'_>) -> Value {
    let text = |node: &Node<'_>| matches!(node.scalar(), Some(Scalar::Text(_)));
    if parameter.kind == ParameterKind::Text
        && !parameter.values.is_empty()
        && parameter.values.iter().all(text)
    {
        let words: Vec<&str> = parameter.values.iter().map(|node| node.text()).collect();
        return json!({ "type": "string", "enum": words });
    }
    let name = match parameter.kind {
        ParameterKind::Text => "string",
        ParameterKind::Integer => "integer",
        ParameterKind::Number => "number",
        ParameterKind::Boolean => "boolean",
    };
    let mut schema = json!({ "type": name });
    if let Some([Some(low), Some(high)]) = parameter.node.get("range").map(bounds)
        && low.as_f64() <= high.as_f64()
    {
        schema["minimum"] = low;
        schema["maximum"] = high;
    }
    schema
}

fn bounds(range: Node<'_>) -> [Option<Value>; 2] {
    let mut items = range.items().map(|item| Some(item.to_json()).filter(Value::is_number));
    [items.next().flatten(), items.next().flatten()]
}
