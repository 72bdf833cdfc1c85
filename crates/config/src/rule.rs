//! Checks rules: their names, what they say of their SQL, and their actions. The SQL itself is for
//! whoever knows the SQL, through [`SqlCheck`].

use crate::alarm::Alarms;
use crate::check::{Checker, Names};
use crate::checked::{
    AlarmCondition, CheckedAlarm, CheckedDevice, CheckedFunction, CheckedRule, CheckedRuleAlarm,
    CheckedTable, CheckedWrite,
};
use crate::document::{Lenient, Part};
use crate::function::FunctionFinding;
use crate::names::{check_name, check_tag_name};
use crate::pattern::TagPattern;
use crate::scalar::Scalar;
use crate::source::{Form, Node, shortened};
use crate::value_types::{Access, AlarmPriority, RuleStage};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use tagwerk_component::{Duration, Weight, nearest};
use tagwerk_model::{Value, limits};

/// The group that the tags of a rule's output are in.
pub const RULE_OUTPUT_GROUP: &str = "output";

const LATENESS_DEFAULT: std::time::Duration = std::time::Duration::from_millis(200);
const EXPIRES_MIN: std::time::Duration = std::time::Duration::from_secs(1);

/// SQL over streams. What it gives are samples of a device that has the rule's name.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Rule", deny_unknown_fields)]
pub(crate) struct RuleForm<'s> {
    /// Letters, digits, `.`, `_` and `-`; no other rule, device or template has it.
    #[serde(borrow)]
    pub name: Lenient<&'s str>,
    /// One SELECT over devices, templates, `samples` and other rules.
    #[serde(borrow)]
    #[schemars(extend("examples" = ["SELECT temperature > 90 AS hot FROM boiler"]))]
    pub sql: Lenient<&'s str>,
    /// How far the rule is. Default: live.
    #[serde(default)]
    pub stage: Lenient<Option<RuleStage>>,
    /// How long rows that come late are waited for, up to an hour. Default: 200ms.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub lateness: Lenient<Option<Duration>>,
    /// For choosing and grouping rules.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(max = limits::RULE_LABELS_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    labels: Part,
    /// What it is for.
    #[serde(default, borrow)]
    pub text: Lenient<Option<&'s str>>,
    /// The units of output columns, by their names.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    units: Part,
    /// What is done with the output, besides keeping it.
    #[serde(default)]
    #[schemars(with = "Vec<ActionForm>", length(max = limits::RULE_ACTIONS_MAX))]
    #[expect(dead_code, reason = "declared for the schema, read part by part")]
    actions: Part,
}

/// What is done with the output of a rule: one of the two.
#[derive(JsonSchema)]
#[schemars(rename = "Action", deny_unknown_fields)]
#[expect(dead_code, reason = "declared for the schema, read part by part")]
pub(crate) struct ActionForm {
    #[schemars(with = "Option<RuleAlarmForm>")]
    alarm: Part,
    #[schemars(with = "Option<RuleWriteForm>")]
    write: Part,
}

/// An alarm that is raised while a column is true, and over while it is false.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "RuleAlarm", deny_unknown_fields)]
pub(crate) struct RuleAlarmForm<'s> {
    /// An output column, true or false.
    #[serde(borrow)]
    pub column: Lenient<&'s str>,
    /// Unique among all alarms. Default: the rule's name.
    #[serde(default, borrow)]
    pub name: Lenient<Option<&'s str>>,
    /// How soon somebody must act. Default: medium.
    #[serde(default)]
    pub priority: Lenient<Option<AlarmPriority>>,
    /// The column must be true for so long. Default: 0s.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub on_delay: Lenient<Option<Duration>>,
    /// The column must be false for so long. Default: 0s.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub off_delay: Lenient<Option<Duration>>,
    /// True: the alarm stays when the column is false, until somebody resets it. Default: false.
    #[serde(default)]
    pub latching: Lenient<Option<bool>>,
    /// What it means, for those who read it.
    #[serde(default, borrow)]
    pub text: Lenient<Option<&'s str>>,
    /// What to do about it.
    #[serde(default, borrow)]
    pub response: Lenient<Option<&'s str>>,
}

/// A command to a device for every row whose column is not NULL.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "RuleWrite", deny_unknown_fields)]
pub(crate) struct RuleWriteForm<'s> {
    /// The output column whose value is written.
    #[serde(borrow)]
    pub column: Lenient<&'s str>,
    /// Where it is written: `device/tag`.
    #[serde(borrow)]
    #[schemars(extend("examples" = ["boiler-1/setpoint"]))]
    pub tag: Lenient<&'s str>,
    /// A command that could not be sent for so long is given up; `1s` to `1h`. Default: 10s.
    #[serde(default)]
    #[schemars(with = "Option<Duration>")]
    pub expires: Lenient<Option<Duration>>,
}

/// What is wrong with the SQL of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFinding {
    /// The rule's place in the list that was checked.
    pub rule: usize,
    pub weight: Weight,
    /// Of the SQL text, from 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    pub problem: String,
    pub remedy: String,
}

/// What is wrong with the formula of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaFinding {
    /// The places of the device, of the group in it, and of the tag in that.
    pub tag: (usize, usize, usize),
    /// Of the formula's text, from 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    pub problem: String,
    pub remedy: String,
}

/// Checks the SQL of a document. Pure.
pub trait SqlCheck {
    /// The functions of the user's own. Asked first: formulas and rules are checked with these.
    fn functions(&self, functions: &[CheckedFunction]) -> Vec<FunctionFinding>;

    /// All rules, which may read each other, and that the columns that they name are there.
    fn rules(
        &self,
        rules: &[CheckedRule],
        devices: &[CheckedDevice],
        tables: &[CheckedTable],
    ) -> Vec<RuleFinding>;

    /// The formulas of all tags, which may read each other.
    fn formulas(&self, devices: &[CheckedDevice]) -> Vec<FormulaFinding>;
}

/// What rules are checked against.
struct Surroundings<'s, 'd> {
    /// The names of rules so far.
    names: Names<'s>,
    /// What has a name that a rule cannot have: its kind and its line.
    taken: HashMap<&'s str, (&'static str, u32)>,
    targets: Targets<'d>,
}

impl<'s> Checker<'s> {
    /// The names of all rules, for those who choose tags.
    pub fn rule_names(root: Node<'s>) -> Vec<&'s str> {
        let rules = root.get("rules").into_iter().flat_map(Node::items);
        let names: BTreeMap<&str, ()> =
            rules.filter_map(|rule| Some((rule.get("name")?.text(), ()))).collect();
        names.into_keys().filter(|name| !name.is_empty()).collect()
    }

    pub fn rules(
        &mut self,
        root: Node<'s>,
        (devices, tables): (&[CheckedDevice], &[CheckedTable]),
        alarms: &mut Alarms<'s>,
        sql: Option<&dyn SqlCheck>,
    ) -> Vec<CheckedRule> {
        let Some(list) = root.get("rules") else { return Vec::new() };
        let before = alarms.instances;
        let mut surroundings = Surroundings {
            names: Names::default(),
            taken: taken(root),
            targets: Targets::new(devices, self.devices_complete),
        };
        let mut rules = Vec::with_capacity(list.len());
        let mut nodes = Vec::with_capacity(list.len());
        for node in list.items() {
            let Some(rule) = self.rule(node, &mut surroundings, alarms) else { continue };
            rules.push(rule);
            nodes.push(node);
        }
        if alarms.instances > limits::ALARMS_MAX && before <= limits::ALARMS_MAX {
            let problem = format!("with those of rules there are {} alarms", alarms.instances);
            let remedy = format!("keep fewer; an edge has {} at most", limits::ALARMS_MAX);
            self.report.error(list, problem, remedy);
        }
        // What rules read is not known while devices or rules are missing.
        let complete = rules.len() == list.len();
        self.incomplete |= !complete;
        let all_tables = root.get("tables").map_or(0, Node::len) == tables.len();
        if let Some(sql) = sql.filter(|_| complete && self.devices_complete && all_tables) {
            self.sql_of_rules(&rules, &nodes, (devices, tables), sql);
        }
        rules
    }

    /// What templates make wrong in the same way in several devices is told once.
    pub fn formulas(&mut self, devices: &[CheckedDevice], sql: &dyn SqlCheck) {
        let mut told = HashSet::new();
        for finding in sql.formulas(devices) {
            let FormulaFinding { tag: (device, group, tag), line, column, problem, remedy } =
                finding;
            let tag = devices.get(device).and_then(|d| d.groups.get(group)?.tags.get(tag));
            let Some(formula) = tag.and_then(|tag| tag.formula.as_ref()) else { continue };
            if !told.insert((formula.at, problem.clone())) {
                continue;
            }
            let place = if line > 1 { format!("line {line}, ") } else { String::new() };
            let problem = format!("{place}column {column} of the formula: {problem}");
            let node = self.source.node(formula.at);
            let node = node.get("formula").unwrap_or(node);
            self.report.in_text(node, Weight::Error, (line, column), problem, remedy);
        }
    }

    fn sql_of_rules(
        &mut self,
        rules: &[CheckedRule],
        nodes: &[Node<'s>],
        (devices, tables): (&[CheckedDevice], &[CheckedTable]),
        sql: &dyn SqlCheck,
    ) {
        for finding in sql.rules(rules, devices, tables) {
            let Some((rule, node)) = rules.get(finding.rule).zip(nodes.get(finding.rule)) else {
                continue;
            };
            let RuleFinding { line, column, problem, remedy, .. } = finding;
            let problem = format!("line {line}, column {column} of the SQL: {problem}");
            // A draft may be unfinished: it is not run.
            let weight = match rule.stage {
                RuleStage::Draft => Weight::Warning,
                RuleStage::Trial | RuleStage::Live => finding.weight,
            };
            let node = node.get("sql").unwrap_or(*node);
            self.report.in_text(node, weight, (line, column), problem, remedy);
        }
    }

    /// `None` when it lacks its name or its SQL.
    fn rule(
        &mut self,
        node: Node<'s>,
        surroundings: &mut Surroundings<'s, '_>,
        alarms: &mut Alarms<'s>,
    ) -> Option<CheckedRule> {
        let form = RuleForm::deserialize(node).ok()?;
        let name = form.name.get();
        self.named(node, name.and_then(check_name));
        self.unique(node, name, "rule", &mut surroundings.names);
        self.taken_name(node, name, &surroundings.taken);
        let text = form.text.optional();
        self.lengths(node, [("text", text)]);
        let lateness = form.lateness.optional().map_or(LATENESS_DEFAULT, |lateness| lateness.0);
        if lateness > limits::RULE_LATENESS_MAX {
            let problem = format!("a lateness of {} is longer than an hour", Duration(lateness));
            self.report.error(node.get("lateness").unwrap_or(node), problem, "write a shorter one");
        }
        let mut rule = CheckedRule {
            name: name.unwrap_or_default().into(),
            sql: form.sql.get().and_then(|sql| self.sql(node, sql)).unwrap_or_default().into(),
            stage: form.stage.optional().unwrap_or_default(),
            lateness,
            labels: self.labels(node),
            text: text.map(Into::into),
            units: self.units_of_columns(node),
            alarms: Vec::new(),
            writes: Vec::new(),
        };
        for action in node.get("actions").into_iter().flat_map(Node::items) {
            self.action(node, action, &mut rule, &mut surroundings.targets, alarms);
        }
        (name.is_some() && !rule.sql.is_empty()).then_some(rule)
    }

    /// Its output is a device and a table, which nothing else may be.
    fn taken_name(
        &mut self,
        node: Node<'s>,
        name: Option<&str>,
        taken: &HashMap<&str, (&'static str, u32)>,
    ) {
        let Some(name) = name else { return };
        let problem = match (name, taken.get(name)) {
            ("samples", _) => "`samples` is the stream of all samples".to_owned(),
            // Beside `/rules/{name}`.
            ("check" | "trial", _) => format!("`/rules/{name}` is an address of the API"),
            (_, Some((kind, line))) => {
                format!("a {kind} is called `{name}` already, on line {line}")
            }
            _ => return,
        };
        let remedy = "give the rule another name, which no other table has";
        self.report.error(node.get("name").unwrap_or(node), problem, remedy);
    }

    /// `None` when there is none that could be checked.
    fn sql(&mut self, rule: Node<'s>, sql: &'s str) -> Option<&'s str> {
        let node = rule.get("sql").unwrap_or(rule);
        let max = limits::RULE_SQL_BYTES_MAX;
        if sql.trim().is_empty() {
            let remedy = "write a SELECT, such as `SELECT temperature > 90 AS hot FROM boiler`";
            self.report.error(node, "the SQL is empty", remedy);
            return None;
        }
        if sql.len() > max {
            let problem = format!("the SQL has {} bytes", sql.len());
            let remedy = format!("shorten it to {max} bytes, such as by a rule that others read");
            self.report.error(node, problem, remedy);
            return None;
        }
        Some(sql)
    }

    fn labels(&mut self, rule: Node<'s>) -> Vec<Box<str>> {
        let mut labels: Vec<Box<str>> = Vec::new();
        for item in rule.get("labels").into_iter().flat_map(Node::items) {
            let Ok(label) = <&str>::deserialize(item) else { continue };
            if let Some((problem, remedy)) = check_name(label) {
                self.report.error(item, label_not_name(&problem), remedy);
            }
            if !labels.iter().any(|known| **known == *label) {
                labels.push(label.into());
            }
        }
        labels
    }

    fn units_of_columns(&mut self, rule: Node<'s>) -> Vec<(Box<str>, std::sync::Arc<str>)> {
        let units = rule.get("units").filter(|units| units.form() == Form::Map);
        let mut checked = Vec::new();
        for (column, unit) in units.into_iter().flat_map(Node::pairs) {
            self.column_name(column);
            if let Ok(text) = <&str>::deserialize(unit) {
                checked.push((column.text().into(), self.unit(unit, Some(text))));
            }
        }
        checked
    }

    /// Columns become tags.
    fn column_name(&mut self, node: Node<'s>) {
        if let Some((problem, remedy)) = check_tag_name(node.text()) {
            let problem = format!("a column of this name cannot be a tag: {problem}");
            self.report.error(node, problem, format!("name it anew by `AS …`: {remedy}"));
        }
    }

    fn action(
        &mut self,
        owner: Node<'s>,
        node: Node<'s>,
        rule: &mut CheckedRule,
        targets: &mut Targets<'_>,
        alarms: &mut Alarms<'s>,
    ) {
        if node.form() != Form::Map {
            return;
        }
        let given = |key: &str| node.get(key).filter(|part| part.scalar() != Some(Scalar::Null));
        let part = |key: &str| given(key).filter(|part| part.form() == Form::Map);
        match (given("alarm"), given("write")) {
            // Of an unknown key, which may be meant for one of them, is told already.
            (None, None)
                if node.pairs().all(|(key, _)| matches!(key.text(), "alarm" | "write")) =>
            {
                let remedy = "write `alarm: { column: … }` or `write: { column: …, tag: … }`";
                self.report.error(node, "the action does nothing", remedy);
            }
            (Some(_), Some(write)) => {
                let problem = "an action is an alarm or a write, not both";
                self.report.error(write, problem, "put it into an action of its own");
            }
            _ => {}
        }
        if let Some(part) = part("alarm") {
            self.rule_alarm(owner, part, rule, alarms);
        }
        if let Some(part) = part("write")
            && let Some(write) = self.rule_write(part, targets)
        {
            rule.writes.push(write);
        }
    }

    /// Becomes an alarm like any other, on the tag that the column is.
    fn rule_alarm(
        &mut self,
        owner: Node<'s>,
        node: Node<'s>,
        rule: &mut CheckedRule,
        alarms: &mut Alarms<'s>,
    ) {
        let Ok(form) = RuleAlarmForm::deserialize(node) else { return };
        let own = form.name.optional();
        self.named(node, own.and_then(check_name));
        let name = own.or(owner.get("name").map(Node::text).filter(|name| !name.is_empty()));
        self.unique(node, name, "alarm", &mut alarms.names);
        if let Some(column) = node.get("column").filter(|_| form.column.is_some()) {
            self.column_name(column);
        }
        let (text, response) = (form.text.optional(), form.response.optional());
        self.lengths(node, [("text", text), ("response", response)]);
        let delays = [("on_delay", form.on_delay), ("off_delay", form.off_delay)];
        let [on_delay, off_delay] = delays.map(|(key, delay)| self.delay(node, key, delay));
        let (Some(name), Some(column)) = (name, form.column.get()) else { return };
        let Some(tag) = TagPattern::parse(&format!("{}/{column}", rule.name)) else { return };
        rule.alarms.push(CheckedRuleAlarm { column: column.into(), name: name.into() });
        alarms.instances += 1;
        alarms.list.push(CheckedAlarm {
            name: name.into(),
            tags: vec![tag],
            // What a rule gave while it was live says nothing once it is not.
            enabled: rule.stage == RuleStage::Live,
            condition: AlarmCondition::Equals(Value::Bool(true)),
            priority: form.priority.optional().unwrap_or_default(),
            on_delay,
            off_delay,
            samples: None,
            latching: form.latching.optional().unwrap_or(false),
            suppress_when: None,
            acknowledge: true,
            text: text.map(Into::into),
            response: response.map(Into::into),
        });
    }

    fn rule_write(&mut self, node: Node<'s>, targets: &mut Targets<'_>) -> Option<CheckedWrite> {
        let form = RuleWriteForm::deserialize(node).ok()?;
        if let Some(column) = node.get("column").filter(|_| form.column.is_some()) {
            self.column_name(column);
        }
        let expires = form.expires.optional().map(|expires| expires.0);
        let expires = expires.unwrap_or(limits::COMMAND_EXPIRY_DEFAULT);
        if !(EXPIRES_MIN..=limits::COMMAND_EXPIRY_MAX).contains(&expires) {
            let problem = format!("a command cannot expire after {}", Duration(expires));
            let remedy = "write a time from `1s` to `1h`";
            self.report.error(node.get("expires").unwrap_or(node), problem, remedy);
        }
        let written = form.tag.get()?;
        let place = node.get("tag").unwrap_or(node);
        let parts = written.split_once('/').filter(|(_, tag)| !tag.contains('/'));
        let Some((device, tag)) = parts else {
            let problem = format!("`{}` is not a tag", shortened(written));
            self.report.error(place, problem, "write `device/tag`, such as `boiler-1/setpoint`");
            return None;
        };
        if let Err((problem, remedy)) = targets.find(device, tag, self.report.errors()) {
            self.report.error(place, problem, remedy);
            return None;
        }
        let column = form.column.get()?.into();
        Some(CheckedWrite { column, device: device.into(), tag: tag.into(), expires })
    }
}

fn label_not_name(problem: &str) -> String {
    problem.replacen("the name", "the label", 1)
}

/// Names that rules cannot have.
pub(crate) fn taken<'s>(root: Node<'s>) -> HashMap<&'s str, (&'static str, u32)> {
    let mut taken = HashMap::new();
    for (key, kind) in [("templates", "template"), ("devices", "device")] {
        for item in root.get(key).into_iter().flat_map(Node::items) {
            if let Some(name) = item.get("name") {
                taken.entry(name.text()).or_insert((kind, name.line()));
            }
        }
    }
    taken
}

/// Where rules may write. The tags of a device are looked through once, however many rules name it.
struct Targets<'d> {
    list: &'d [CheckedDevice],
    devices: HashMap<&'d str, &'d CheckedDevice>,
    tags: HashMap<&'d str, HashMap<&'d str, Access>>,
    /// All devices of the document are there.
    complete: bool,
}

impl<'d> Targets<'d> {
    fn new(list: &'d [CheckedDevice], complete: bool) -> Targets<'d> {
        let devices = list.iter().map(|device| (&*device.name, device)).collect();
        Targets { list, devices, tags: HashMap::new(), complete }
    }

    /// What is wrong with writing there, and what to do. With `errors` beyond those that are listed
    /// nothing is looked for that is like a wrong name.
    fn find(&mut self, device: &str, tag: &str, errors: usize) -> Result<(), (String, String)> {
        let listed = errors < limits::FINDINGS_MAX;
        let Some((name, known)) = self.devices.get_key_value(device) else {
            if !self.complete {
                return Ok(());
            }
            let names = self.list.iter().map(|device| &*device.name);
            let remedy = match like(device, names, listed) {
                Some(near) => format!("write `{near}/{tag}`"),
                None => "choose a tag of a device, or add the device".to_owned(),
            };
            return Err((format!("there is no device `{}`", shortened(device)), remedy));
        };
        let all = || known.groups.iter().flat_map(|group| &group.tags);
        let tags = self
            .tags
            .entry(name)
            .or_insert_with(|| all().map(|tag| (&*tag.name, tag.access)).collect());
        match tags.get(tag) {
            Some(access) if access.writes() => Ok(()),
            Some(_) => {
                let problem = format!("the tag `{device}/{tag}` cannot be written");
                let remedy = "write `access: read_write` at the tag, or choose another";
                Err((problem, remedy.to_owned()))
            }
            None if !self.complete => Ok(()),
            None => {
                let remedy = match like(tag, all().map(|tag| &*tag.name), listed) {
                    Some(near) => format!("write `{device}/{near}`"),
                    None => "choose another, or add the tag to the device".to_owned(),
                };
                Err((format!("the device `{device}` has no tag `{}`", shortened(tag)), remedy))
            }
        }
    }
}

fn like<'a>(given: &str, known: impl Iterator<Item = &'a str>, listed: bool) -> Option<&'a str> {
    /// Names compared, so that a device of a million tags takes no time that anybody notices.
    const COMPARED_MAX: usize = 10_000;
    let compared = listed && given.len() <= limits::NAME_BYTES_MAX;
    compared.then(|| nearest(given, known.take(COMPARED_MAX))).flatten()
}
