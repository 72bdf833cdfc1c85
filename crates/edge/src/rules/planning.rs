//! The tables that rules read: of a document that is checked, and of what runs.

use super::{Known, RuleText};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, LazyLock, OnceLock};
use tagwerk_config::{
    CheckedDevice, CheckedFunction, CheckedGroup, CheckedRule, CheckedTable, CheckedTemplate,
    FormulaFinding, FunctionFinding, Lint, RESERVED_TAG, RuleFinding, SqlCheck, Weight, lint_with,
};
use tagwerk_env::{Clock, Env};
use tagwerk_model::{DataType, Table, TagDefinition, TagId};
use tagwerk_rules::{Column, Finding, Planner, Program, Tags, plan_all, reads};
use tagwerk_runtime::{Runtime, TagIds};
use tagwerk_sql::TagEntry;
use tagwerk_sql::stream::Stream;

/// What is known of the columns of a table that is read in this very way.
type KnownTables<'a> = &'a dyn Fn(&CheckedTable) -> Option<Arc<Table>>;

/// Checks the SQL of a document by planning it.
struct Planning<'a> {
    known: KnownTables<'a>,
    /// With the functions of the document, once they are known.
    planner: OnceLock<Planner>,
}

/// Everything that is wrong with a document, the SQL of its rules included. Blocks; not for a thread
/// that runs tasks.
pub fn check_sql(text: &[u8]) -> Lint {
    check_sql_with(text, &|_| None)
}

/// The same with what is known of lookup tables by having read them.
pub fn check_sql_with(text: &[u8], known: KnownTables<'_>) -> Lint {
    lint_with(text, &crate::registry::CATALOGUE, &Planning { known, planner: OnceLock::new() })
}

/// One is enough for all documents.
static PLANNER: LazyLock<Result<Planner, Finding>> = LazyLock::new(Planner::new);

/// Calls end by it while a document is checked.
static CLOCK: LazyLock<Arc<dyn Clock>> = LazyLock::new(|| Env::system().clock);

impl Planning<'_> {
    fn planner(&self) -> Result<&Planner, Finding> {
        match (self.planner.get(), &*PLANNER) {
            (Some(planner), _) => Ok(planner),
            (None, Ok(planner)) => Ok(planner),
            (None, Err(finding)) => Err(finding.clone()),
        }
    }
}

impl SqlCheck for Planning<'_> {
    fn functions(&self, functions: &[CheckedFunction]) -> Vec<FunctionFinding> {
        // The rules' check tells it.
        let Ok(plain) = &*PLANNER else { return Vec::new() };
        let (findings, prepared) = crate::functions::check(plain, &CLOCK, functions);
        self.planner.get_or_init(|| plain.with_functions(prepared));
        findings
    }

    fn formulas(&self, devices: &[CheckedDevice]) -> Vec<FormulaFinding> {
        match self.planner() {
            Ok(planner) => crate::formulas::check(planner, devices),
            // The rules' check tells it.
            Err(_) => Vec::new(),
        }
    }

    fn rules(
        &self,
        rules: &[CheckedRule],
        devices: &[CheckedDevice],
        tables: &[CheckedTable],
    ) -> Vec<RuleFinding> {
        if rules.is_empty() {
            return Vec::new();
        }
        let texts: Vec<RuleText<'_>> =
            rules.iter().map(|rule| RuleText { name: &rule.name, sql: &rule.sql }).collect();
        let mut next = 0;
        let mut made_up = |count: usize| -> Vec<TagId> {
            let first = next;
            next += count as u32;
            (first..next).map(TagId).collect()
        };
        let tags = of_devices(devices, &mut |_, names| Ok(made_up(names.len())));
        let lookups = Arc::new(crate::lookups::of_document(tables, self.known));
        let (planner, tags) = match (self.planner(), tags) {
            (Ok(planner), Ok(tags)) => (planner, Tags { lookups, ..tags }),
            (Err(finding), _) => return vec![found(0, finding)],
            (_, Err(error)) => return vec![found(0, Finding::new(error, "try again"))],
        };
        let planned = plan_all(planner, &texts, tags, &mut |_, columns| Ok(made_up(columns.len())));
        let mut findings = Vec::new();
        for (place, (rule, program)) in rules.iter().zip(planned.programs).enumerate() {
            match program {
                Ok(program) => {
                    named_columns(place, rule, &program.columns, &mut findings);
                    findings.extend(never_together(place, &program, devices));
                }
                Err(finding) => findings.push(found(place, finding)),
            }
        }
        findings
    }
}

fn found(rule: usize, finding: Finding) -> RuleFinding {
    let Finding { line, column, problem, remedy, waits } = finding;
    // The rule runs once its table was read, if nothing else is wrong with it.
    let weight = if waits { Weight::Warning } else { Weight::Error };
    RuleFinding { rule, weight, line, column, problem, remedy }
}

/// Columns that the rule names beside its SQL, and does not give.
fn named_columns(
    place: usize,
    rule: &CheckedRule,
    columns: &[Column],
    findings: &mut Vec<RuleFinding>,
) {
    let column = |name: &str| columns.iter().find(|column| column.name == *name);
    let missing = |name: &str, who: &str, weight: Weight| {
        let problem = format!("the rule gives no column `{name}`, which {who}");
        let remedy = "name one of its columns, or give one this name with AS";
        RuleFinding { weight, ..found(place, Finding::new(problem, remedy)) }
    };
    for (name, _) in &rule.units {
        if column(name).is_none() {
            findings.push(missing(name, "has a unit", Weight::Warning));
        }
    }
    for write in &rule.writes {
        if column(&write.column).is_none() {
            let who = format!("is to be written to {}/{}", write.device, write.tag);
            findings.push(missing(&write.column, &who, Weight::Error));
        }
    }
    for alarm in &rule.alarms {
        let who = format!("the alarm {} watches", alarm.name);
        match column(&alarm.column) {
            None => findings.push(missing(&alarm.column, &who, Weight::Error)),
            Some(column) if column.data_type() == DataType::Bool => {}
            Some(column) => {
                let data_type = column.data_type();
                let problem = format!(
                    "the column `{}`, which {who}, is not true or false but {data_type}",
                    alarm.column
                );
                let remedy = "compare it with something, or watch the column in `alarms:`";
                findings.push(found(place, Finding::new(problem, remedy)));
            }
        }
    }
}

/// What the rule needs in the same row, and no read of the device has: its groups are read one by one.
fn never_together(
    place: usize,
    program: &Program,
    devices: &[CheckedDevice],
) -> Option<RuleFinding> {
    let Some(Stream::Reads(shape)) = program.sources.first().map(|source| &source.stream) else {
        return None;
    };
    let read: Vec<&CheckedDevice> = shape
        .devices
        .iter()
        .map(|own| devices.iter().find(|device| *device.name == *own.name))
        .collect::<Option<_>>()?;
    let needs = program.needs().into_iter().find(|needs| {
        let split = |names: &BTreeSet<String>| read.iter().all(|device| are_apart(device, names));
        needs.ways.iter().all(split)
    })?;
    let device = read.first()?;
    let names = needs.ways.first()?.iter();
    let known = names.filter_map(|name| Some((name, group_of(device, name)?)));
    let listed: Vec<String> =
        known.map(|(name, group)| format!("`{name}` (group {group})")).collect();
    let what = match &needs.column {
        Some(column) => format!("the column `{column}` is always NULL"),
        None => "the condition is never true".to_owned(),
    };
    let problem = format!(
        "{what}: no row has values of {}, because groups are read one by one",
        listed.join(" and ")
    );
    let remedy = format!(
        "read `filled({}, '1 minute')`, in which the last values of other groups stand, or move the \
         tags into one group",
        program.sources[0].table
    );
    let finding = found(place, Finding::new(problem, remedy));
    Some(RuleFinding { weight: Weight::Warning, ..finding })
}

/// Tags of these names are in more than one group of the device.
fn are_apart(device: &CheckedDevice, names: &BTreeSet<String>) -> bool {
    let groups: BTreeSet<&str> = names.iter().filter_map(|name| group_of(device, name)).collect();
    groups.len() > 1
}

fn group_of<'a>(device: &'a CheckedDevice, tag: &str) -> Option<&'a str> {
    let has = |group: &&CheckedGroup| group.tags.iter().any(|own| *own.name == *tag);
    device.groups.iter().find(has).map(|group| &*group.name)
}

type Number<'a> = &'a mut dyn FnMut(&str, &[&str]) -> Result<Vec<TagId>, String>;

/// The tables of a configuration's devices and templates, with the numbers that the edge gives.
pub fn of_configuration(devices: &[CheckedDevice], ids: &dyn TagIds) -> Result<Tags, String> {
    of_devices(devices, &mut |device, names| ids.tag_ids(device, names))
}

fn of_devices(devices: &[CheckedDevice], number: Number<'_>) -> Result<Tags, String> {
    let mut tags = Tags::default();
    let mut templates: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
    for device in devices {
        let name: Arc<str> = Arc::from(&*device.name);
        if let Some(template) = &device.template {
            templates.entry(Arc::from(&**template)).or_default().push(name.clone());
        }
        let all = || device.groups.iter().flat_map(|group| &group.tags);
        let names: Vec<&str> =
            std::iter::once(RESERVED_TAG).chain(all().map(|tag| &*tag.name)).collect();
        let ids = number(&device.name, &names)?;
        let no_unit: Arc<str> = Arc::from("");
        let own = (RESERVED_TAG, DataType::Bool, no_unit);
        let known = all().map(|tag| (&*tag.name, tag.published, tag.unit.clone()));
        let known = std::iter::once(own).chain(known);
        tags.tags.extend(known.zip(ids).map(|((tag, data_type, unit), id)| TagEntry {
            id,
            device: name.clone(),
            name: tag.into(),
            data_type,
            unit,
        }));
    }
    tags.templates = templates.into_iter().collect();
    Ok(tags)
}

/// The tables of what runs, with what rules other than `own` give.
pub fn running(
    runtime: &Runtime,
    templates: Vec<CheckedTemplate>,
    rules: &Known,
    own: Option<&str>,
) -> Tags {
    let mut tags = Tags::default();
    let mut devices: HashSet<Arc<str>> = HashSet::new();
    runtime.each_tag(&mut |device: &str, _: &str, tag: &TagDefinition| {
        if own == Some(device) {
            return;
        }
        let device = match devices.get(device) {
            Some(known) => known.clone(),
            None => {
                let new: Arc<str> = device.into();
                devices.insert(new.clone());
                new
            }
        };
        tags.tags.push(TagEntry::of(device, tag));
    });
    let mut made_up = u32::MAX;
    for (name, rule) in rules {
        // One that gives nothing yet is a table too, without rows.
        if devices.contains(name) || own == Some(&**name) {
            continue;
        }
        let Ok(program) = &rule.program else { continue };
        let ids: Vec<TagId> = program
            .columns
            .iter()
            .map(|_| {
                made_up -= 1;
                TagId(made_up)
            })
            .collect();
        tags.add_rule(name, &program.columns, &ids);
    }
    let of = |template: CheckedTemplate| {
        let devices = template.devices.into_iter().map(Arc::from).collect();
        (Arc::from(template.name), devices)
    };
    tags.templates = templates.into_iter().map(of).collect();
    tags
}

/// The rule, by way of others, that reads `name` and is read by the statement.
pub fn circle(rules: &Known, name: &str, sql: &str) -> Option<String> {
    let by_name: HashMap<String, &Arc<str>> =
        rules.keys().map(|rule| (rule.to_ascii_lowercase(), rule)).collect();
    let rules_of = |sql: &str| -> Vec<Arc<str>> {
        let tables = reads(sql).unwrap_or_default();
        let known = tables.iter().filter_map(|table| by_name.get(&table.to_ascii_lowercase()));
        known.map(|rule| Arc::clone(rule)).collect()
    };
    let mut open: Vec<(Arc<str>, Arc<str>)> =
        rules_of(sql).into_iter().map(|rule| (rule.clone(), rule)).collect();
    let mut seen: HashSet<Arc<str>> = HashSet::new();
    while let Some((first, rule)) = open.pop() {
        if *rule == *name {
            return Some(first.to_string());
        }
        if seen.insert(rule.clone())
            && let Some(known) = rules.get(&rule)
        {
            open.extend(rules_of(&known.rule.sql).into_iter().map(|next| (first.clone(), next)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(sql: &str) -> Vec<String> {
        let document = format!(
            "version: 1
edge: {{ name: plant }}
devices:
  - name: boiler
    driver: modbus-tcp
    settings: {{ host: 127.0.0.1, port: 5020, unit: 1 }}
    groups:
      - name: fast
        interval: 1s
        tags:
          - {{ name: temperature, address: \"input:0\", type: float32 }}
          - {{ name: pressure, address: \"input:2\", type: float32 }}
      - name: slow
        interval: 10s
        tags:
          - {{ name: level, address: \"input:4\", type: float32 }}
rules:
  - name: watch
    sql: {sql:?}
"
        );
        let lint = check_sql(document.as_bytes());
        assert!(lint.checked.is_some(), "{:?}", lint.findings);
        lint.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rule_that_waits_for_what_no_row_has_is_told_of() {
        let said = findings("SELECT level FROM boiler WHERE temperature > 90 AND level < 3");
        let [said] = &said[..] else { panic!("{said:?}") };
        for part in [
            "rules[watch].sql",
            "the condition is never true",
            "`level` (group slow) and `temperature` (group fast)",
            "filled(boiler, '1 minute')",
        ] {
            assert!(said.contains(part), "{said}");
        }
        let said = findings("SELECT temperature - level AS gap FROM boiler");
        assert!(said.len() == 1 && said[0].contains("the column `gap` is always NULL"), "{said:?}");
        for fine in [
            "SELECT pressure FROM boiler WHERE temperature > 90 AND pressure > 3",
            "SELECT level FROM boiler WHERE temperature > 90 OR level < 3",
            "SELECT level FROM filled(boiler, '1 minute') WHERE temperature > 90 AND level < 3",
            "SELECT temperature FROM boiler WHERE temperature > 90 AND latest(level) < 3",
        ] {
            assert_eq!(findings(fine), Vec::<String>::new(), "{fine}");
        }
    }
}
