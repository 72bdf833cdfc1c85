//! Plans all rules of a configuration, each after those that it reads. What a rule gives is a table as
//! any device is.

use crate::columns::Column;
use crate::finding::Finding;
use crate::parse::{self, TableUse};
use crate::program::{Planner, Program};
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_model::TagId;
use tagwerk_sql::{Lookups, TagEntry, TagTable};

/// A rule that is to be planned.
#[derive(Clone, Copy, Debug)]
pub struct RuleText<'a> {
    pub name: &'a str,
    pub sql: &'a str,
}

/// What rules read beside each other.
#[derive(Clone, Debug, Default)]
pub struct Tags {
    pub tags: Vec<TagEntry>,
    /// Their names, and the names of their devices.
    pub templates: Vec<(Arc<str>, Vec<Arc<str>>)>,
    pub lookups: Arc<Lookups>,
}

/// All rules, planned.
pub struct Planned {
    /// In the order of the rules.
    pub programs: Vec<Result<Arc<Program>, Finding>>,
    /// Devices, templates, and every rule that could be planned.
    pub tags: Arc<TagTable>,
}

/// Numbers for the columns of a rule; or why there are none.
pub type Number<'a> = &'a mut dyn FnMut(&str, &[Column]) -> Result<Vec<TagId>, String>;

impl Tags {
    pub fn table(&self) -> TagTable {
        let table = TagTable::new(self.tags.clone());
        table.with_templates(self.templates.iter().cloned()).with_lookups(self.lookups.clone())
    }

    /// What a rule gives, as a table.
    pub fn add_rule(&mut self, rule: &str, columns: &[Column], ids: &[TagId]) {
        let device: Arc<str> = rule.into();
        self.tags.extend(columns.iter().zip(ids).map(|(column, id)| TagEntry {
            id: *id,
            device: device.clone(),
            name: column.name.as_str().into(),
            data_type: column.data_type(),
            unit: "".into(),
        }));
    }
}

/// The tables that a statement reads, by the names that it calls them.
pub fn reads(sql: &str) -> Result<Vec<String>, Finding> {
    Ok(parse::read(sql, &|_| false, &|_| true)?
        .tables
        .into_iter()
        .map(|table| table.name)
        .collect())
}

/// Plans rules in the order in which they read each other. Blocks.
pub fn plan_all(
    planner: &Planner,
    rules: &[RuleText<'_>],
    mut tags: Tags,
    number: Number<'_>,
) -> Planned {
    let mut planning = Planning::new(rules);
    let mut table = Arc::new(tags.table());
    loop {
        let wave = planning.ready();
        if wave.is_empty() {
            break;
        }
        let known = tags.tags.len();
        for rule in wave {
            let planned = match planning.hindered(rule) {
                Some(finding) => Err(finding),
                None => planner.plan(rules[rule].sql, &table).map(Arc::new),
            };
            let planned = planned.and_then(|program| {
                let ids = number(rules[rule].name, &program.columns);
                let ids = ids.map_err(|error| Finding::new(error, "try again"))?;
                tags.add_rule(rules[rule].name, &program.columns, &ids);
                Ok(program)
            });
            planning.programs[rule] = Some(planned);
        }
        if tags.tags.len() != known {
            table = Arc::new(tags.table());
        }
    }
    Planned { programs: planning.finish(rules), tags: table }
}

struct Planning<'a> {
    rules: &'a [RuleText<'a>],
    /// Of each rule the rules that it reads, and where.
    reads: Vec<Vec<(usize, TableUse)>>,
    programs: Vec<Option<Result<Arc<Program>, Finding>>>,
}

impl<'a> Planning<'a> {
    fn new(rules: &'a [RuleText<'a>]) -> Planning<'a> {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, rule) in rules.iter().enumerate() {
            by_name.entry(rule.name.to_ascii_lowercase()).or_default().push(place);
        }
        let mut reads = Vec::with_capacity(rules.len());
        for rule in rules {
            let mut own = Vec::new();
            // What is wrong with it, its planning says.
            let read = parse::read(rule.sql, &|_| false, &|_| true);
            for table in read.as_ref().map(|text| &text.tables[..]).unwrap_or_default() {
                let alike = by_name.get(&table.name.to_ascii_lowercase());
                let alike = alike.map(|places| &places[..]).unwrap_or_default();
                let exact = alike.iter().copied().find(|place| rules[*place].name == table.name);
                let found = exact.or_else(|| (alike.len() == 1).then(|| alike[0]));
                own.extend(found.map(|place| (place, table.clone())));
            }
            reads.push(own);
        }
        let programs = rules.iter().map(|_| None).collect();
        Planning { rules, reads, programs }
    }

    /// Those that are not planned yet, and whose rules are.
    fn ready(&self) -> Vec<usize> {
        let open = |rule: &usize| self.programs[*rule].is_none();
        let all = (0..self.rules.len()).filter(open);
        all.filter(|rule| !self.reads[*rule].iter().any(|(other, _)| open(other))).collect()
    }

    /// It reads a rule that could not be planned.
    fn hindered(&self, rule: usize) -> Option<Finding> {
        let failed = |other: usize| match &self.programs[other] {
            Some(Err(finding)) => Some(finding.waits),
            _ => None,
        };
        let mut failed = self.reads[rule].iter().filter_map(|(other, table)| {
            failed(*other).map(|waits| (waits, self.rules[*other].name, table))
        });
        let (waits, other, table) = failed.next()?;
        let (problem, remedy) = match waits {
            true => (format!("the rule {other} waits for a table"), "see that rule"),
            false => (format!("the rule {other} cannot be planned"), "mend that rule first"),
        };
        Some(Finding { waits, ..Finding::placed(table.ident.span, problem, remedy) })
    }

    /// What is left reads itself, by way of others.
    fn finish(self, rules: &[RuleText<'_>]) -> Vec<Result<Arc<Program>, Finding>> {
        let open: Vec<bool> = self.programs.iter().map(Option::is_none).collect();
        let circle = |rule: usize| {
            let found = self.reads[rule].iter().find(|(other, _)| open[*other]);
            let Some((other, table)) = found else {
                return Finding::new("the rule cannot be planned", "try again");
            };
            let problem = match *other == rule {
                true => format!("the rule {} reads itself", rules[rule].name),
                false => format!("the rule {} in the end reads this one again", rules[*other].name),
            };
            let remedy = "let it read devices, or rules that do not depend on it; lag() and the \
                          running functions look back";
            Finding::placed(table.ident.span, problem, remedy)
        };
        let findings: Vec<Option<Finding>> =
            (0..rules.len()).map(|rule| open[rule].then(|| circle(rule))).collect();
        let both = self.programs.into_iter().zip(findings);
        both.map(|(program, finding)| match (program, finding) {
            (Some(program), _) => program,
            (None, Some(finding)) => Err(finding),
            (None, None) => Err(Finding::new("the rule was not planned", "try again")),
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_model::DataType;

    fn tags() -> Tags {
        let tag = |id: u32, device: &str, name: &str| TagEntry {
            id: TagId(id),
            device: device.into(),
            name: name.into(),
            data_type: DataType::Float64,
            unit: "".into(),
        };
        let templates = vec![("pumps".into(), vec!["one".into(), "two".into()])];
        let tags = vec![tag(1, "one", "level"), tag(2, "two", "flow")];
        Tags { tags, templates, lookups: Arc::default() }
    }

    fn plan(rules: &[(&str, &str)]) -> Vec<Result<Vec<String>, String>> {
        let rules: Vec<RuleText<'_>> =
            rules.iter().map(|(name, sql)| RuleText { name, sql }).collect();
        let planner = Planner::new().unwrap();
        let planned = plan_all(&planner, &rules, tags(), &mut |_, columns| {
            Ok((100..).map(TagId).take(columns.len()).collect())
        });
        let of = |program: Result<Arc<Program>, Finding>| match program {
            Ok(program) => Ok(program.columns.iter().map(|column| column.name.clone()).collect()),
            Err(Finding { line, column, problem, .. }) => Err(format!("{line}:{column} {problem}")),
        };
        planned.programs.into_iter().map(of).collect()
    }

    #[test]
    fn a_rule_is_planned_after_those_that_it_reads() {
        let planned = plan(&[
            ("last", "SELECT deep, high FROM \"Middle\" WHERE deep IS NOT NULL"),
            ("Middle", "SELECT high, high * 2 AS deep FROM first"),
            ("first", "SELECT level + flow AS high FROM pumps"),
        ]);
        let names = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(planned, [names(&["deep", "high"]), names(&["high", "deep"]), names(&["high"])]);
    }

    #[test]
    fn rules_that_read_themselves_are_told_where() {
        let planned = plan(&[
            ("own", "SELECT x FROM own"),
            ("a", "SELECT x FROM b"),
            ("b", "SELECT x\nFROM a"),
            ("after", "SELECT x FROM a"),
            ("wrong", "SELECT nothing FROM one"),
            ("hindered", "SELECT nothing FROM wrong"),
            ("good", "SELECT level FROM one"),
        ]);
        let of = |place: usize| planned[place].clone().unwrap_err();
        assert_eq!(of(0), "1:15 the rule own reads itself");
        assert_eq!(of(1), "1:15 the rule b in the end reads this one again");
        assert_eq!(of(2), "2:6 the rule a in the end reads this one again");
        assert!(of(3).starts_with("1:15 the rule a"), "{}", of(3));
        assert!(of(4).contains("nothing"), "{}", of(4));
        assert_eq!(of(5), "1:21 the rule wrong cannot be planned");
        assert!(planned[6].is_ok());
    }
}
