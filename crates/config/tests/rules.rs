//! What becomes of rules, and of what is found in their SQL.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod fake;

use std::time::Duration;
use tagwerk_config::{
    AlarmCondition, CheckedDevice, CheckedFunction, CheckedRule, CheckedTable, FormulaFinding,
    FunctionFinding, FunctionPart, Lint, RuleFinding, RuleStage, SqlCheck, Weight, diff,
    document_schema, lint_with,
};
use tagwerk_model::Value;

const DOCUMENT: &str = include_str!("../../../cases/config/rules.yaml");

/// Finds the word `nonsense`, and shows what it was given.
struct Words;

impl SqlCheck for Words {
    fn functions(&self, functions: &[CheckedFunction]) -> Vec<FunctionFinding> {
        let finding = |(function, text): (usize, &CheckedFunction)| {
            let (line, found) =
                text.javascript.lines().enumerate().find(|(_, l)| l.contains("nonsense"))?;
            let column = u32::try_from(found.find("nonsense")?).unwrap() + 1;
            let place = (u32::try_from(line).unwrap() + 1, column);
            Some(FunctionFinding {
                function,
                part: FunctionPart::JavaScript(Some(place)),
                problem: format!("nonsense, with {:?}", text.arguments),
                remedy: "write sense".to_owned(),
            })
        };
        functions.iter().enumerate().filter_map(finding).collect()
    }

    fn formulas(&self, devices: &[CheckedDevice]) -> Vec<FormulaFinding> {
        let mut findings = Vec::new();
        for (d, device) in devices.iter().enumerate() {
            for (g, group) in device.groups.iter().enumerate() {
                for (t, tag) in group.tags.iter().enumerate() {
                    let Some(formula) = &tag.formula else { continue };
                    let Some(at) = formula.text.find("nonsense") else { continue };
                    let problem = format!("nonsense in {}", formula.text);
                    let remedy = "write sense".to_owned();
                    let column = u32::try_from(at).unwrap() + 1;
                    findings.push(FormulaFinding {
                        tag: (d, g, t),
                        line: 1,
                        column,
                        problem,
                        remedy,
                    });
                }
            }
        }
        findings
    }

    fn rules(
        &self,
        rules: &[CheckedRule],
        devices: &[CheckedDevice],
        _tables: &[CheckedTable],
    ) -> Vec<RuleFinding> {
        let names: Vec<&str> = devices.iter().map(|device| &*device.name).collect();
        let finding = |(rule, text): (usize, &CheckedRule)| {
            let lines = text.sql.lines().enumerate();
            let mut places = lines.filter_map(|(line, text)| Some((line, text.find("nonsense")?)));
            let (line, column) = places.next()?;
            Some(RuleFinding {
                rule,
                weight: Weight::Error,
                line: u32::try_from(line).unwrap() + 1,
                column: u32::try_from(column).unwrap() + 1,
                problem: format!("nonsense in {}, beside {}", text.name, names.join(", ")),
                remedy: format!("wait {} ms", text.lateness.as_millis()),
            })
        };
        rules.iter().enumerate().filter_map(finding).collect()
    }
}

fn check(text: &str) -> Lint {
    lint_with(text.as_bytes(), &fake::CATALOGUE, &Words)
}

fn findings(text: &str) -> Vec<String> {
    let shown = |finding: &tagwerk_config::LocatedFinding| match finding.weight {
        Weight::Error => finding.to_string(),
        Weight::Warning => format!("warning: {finding}"),
    };
    check(text).findings.iter().map(shown).collect()
}

#[test]
fn rules_say_what_was_written() {
    let checked = check(DOCUMENT).checked.unwrap();
    let [overheat, means, follow] = &checked.rules[..] else { panic!() };
    assert!(overheat.sql.starts_with("SELECT temperature > 90 AS hot, temperature\nFROM"));
    assert_eq!((overheat.stage, overheat.lateness), (RuleStage::Live, Duration::from_millis(500)));
    assert_eq!((means.stage, means.lateness), (RuleStage::Trial, Duration::ZERO));
    assert_eq!((follow.stage, follow.lateness), (RuleStage::Draft, Duration::from_millis(200)));
    assert_eq!(overheat.labels, ["boilers".into(), "safety".into()]);
    let [(column, unit)] = &overheat.units[..] else { panic!() };
    assert_eq!((&**column, &**unit), ("temperature", "°C"));
    let [first, second] = &follow.writes[..] else { panic!() };
    assert_eq!((&*first.column, &*first.device, &*first.tag), ("setpoint", "boiler-1", "setpoint"));
    assert_eq!((first.expires.as_secs(), second.expires.as_secs()), (30, 10));
}

#[test]
fn alarms_of_rules_are_alarms() {
    let checked = check(DOCUMENT).checked.unwrap();
    let names: Vec<&str> = checked.alarms.iter().map(|alarm| &*alarm.name).collect();
    assert_eq!(names, ["above", "lost", "overheat", "overheat-late"]);
    let alarm = &checked.alarms[2];
    assert_eq!(alarm.condition, AlarmCondition::Equals(Value::Bool(true)));
    assert!(alarm.tags[0].matches("overheat", "output", "hot"));
    assert!(!alarm.tags[0].matches("overheat", "output", "temperature"));
    assert!(alarm.enabled && alarm.latching && alarm.acknowledge);
    assert_eq!(alarm.on_delay, Duration::from_secs(5));
    assert_eq!(alarm.response.as_deref(), Some("close V3"));
    let of_rule: Vec<(&str, &str)> =
        checked.rules[0].alarms.iter().map(|alarm| (&*alarm.column, &*alarm.name)).collect();
    assert_eq!(of_rule, [("hot", "overheat"), ("hot", "overheat-late")]);
    let trial = DOCUMENT.replacen("    lateness: 500ms", "    stage: trial", 1);
    assert!(!check(&trial).checked.unwrap().alarms[2].enabled);
}

/// Where a mistake in the first rule's SQL is told to be: line, column and the SQL's own place.
#[track_caller]
fn place(sql: &str, expected: &str) {
    let block = "|\n      SELECT temperature > 90 AS hot, temperature\n      FROM \"boiler-1\"\n";
    assert!(DOCUMENT.contains(block));
    let lint = check(&DOCUMENT.replacen(block, sql, 1));
    let [finding] = &lint.findings[..] else { panic!("{:?}", lint.findings) };
    assert_eq!(finding.path, "rules[overheat].sql");
    let (inner, _) = finding.problem.split_once(" of the SQL: nonsense in overheat").unwrap();
    assert_eq!(format!("{}:{}, {inner}", finding.line, finding.column), expected);
}

#[test]
fn findings_in_sql_stand_at_the_rule() {
    assert_eq!(findings(DOCUMENT), [""; 0]);
    place("|\n      SELECT x\n      FROM nonsense\n", "17:12, line 2, column 6");
    place("|-\n\n        SELECT x\n          FROM nonsense\n", "18:16, line 3, column 8");
    place("|1\n      SELECT x\n      FROM nonsense\n", "17:12, line 2, column 7");
    place("SELECT x FROM nonsense\n", "15:10, line 1, column 15");
    place("\"SELECT x\\nFROM nonsense\"\n", "15:10, line 2, column 6");
    place(">\n      SELECT x\n      FROM nonsense\n", "16:7, line 1, column 15");
    let draft = check(&DOCUMENT.replacen("FROM means", "FROM nonsense", 1));
    assert_eq!(draft.findings[0].weight, Weight::Warning, "a draft may be unfinished");
    assert_eq!(draft.checked.unwrap().rules.len(), 3);
}

#[test]
fn sql_is_left_alone_while_what_it_reads_is_not_known() {
    let wrong = DOCUMENT.replacen("FROM \"boiler-1\"\n", "FROM nonsense\n", 1);
    for (from, to) in [
        ("address: \"input:0\", ", ""),
        ("driver: modbus-tcp", "driver: modbus-tcq"),
        ("sql: SELECT mean + 1 AS setpoint FROM means", "text: no SQL"),
    ] {
        let found = findings(&wrong.replacen(from, to, 1));
        assert!(!found.is_empty() && !found.iter().any(|f| f.contains("nonsense")), "{found:?}");
    }
    let beside = findings(&wrong.replacen("kind: mqtt", "kind: mq", 1));
    assert_eq!(beside.len(), 2, "a sink has no say: {beside:?}");
}

#[test]
fn limits_of_rules_are_kept() {
    let sql = |bytes: usize| format!("SELECT '{}' AS x FROM \"boiler-1\"", "x".repeat(bytes - 30));
    let with = |sql: &str| {
        DOCUMENT.replacen("SELECT mean + 1 AS setpoint FROM means", &format!("'{sql}'"), 1)
    };
    assert_eq!(findings(&with(&sql(65_536).replace('\'', "''"))), [""; 0]);
    let long = findings(&with(&sql(65_537).replace('\'', "''")));
    assert!(long[0].contains("the SQL has 65537 bytes"), "{long:?}");
    let labels: Vec<String> = (0..17).map(|n| format!("l{n}")).collect();
    let labels = findings(&DOCUMENT.replacen("boilers, safety", &labels.join(", "), 1));
    assert!(labels[0].contains("the list has 17 items; give 0 to 16"), "{labels:?}");
    let action = "      - write: { column: setpoint, tag: boiler-1/setpoint }\n";
    let actions = findings(&DOCUMENT.replacen(action, &action.repeat(32), 1));
    assert!(actions[0].contains("the list has 33 items; give 0 to 32"), "{actions:?}");
}

#[test]
fn many_rules_are_checked_and_their_alarms_counted() {
    let document = |rules: usize, actions: usize| {
        let mut text = "version: 1\nedge: { name: plant }\nrules:\n".to_owned();
        for rule in 0..rules {
            text.push_str(&format!("  - name: r{rule}\n    sql: SELECT 1 AS x\n    actions:\n"));
            for action in 0..actions {
                let alarm = format!("{{ alarm: {{ column: x, name: a{rule}-{action} }} }}");
                text.push_str(&format!("      - {alarm}\n"));
            }
        }
        text + "alarms: [{ name: lost, tags: [\"*/*\"], condition: bad }]\n"
    };
    let checked = check(&document(10_000, 9)).checked.unwrap();
    assert_eq!((checked.rules.len(), checked.alarms.len()), (10_000, 90_001));
    let found = findings(&document(10_000, 10));
    assert!(found[0].contains("with those of rules there are 110000 alarms"), "{found:?}");
    let found = findings(&document(10_001, 1));
    assert!(found[0].contains("the list has 10001 items; give 0 to 10000"), "{found:?}");
}

#[test]
fn changes_of_rules_are_told_by_name() {
    let changed = DOCUMENT.replacen("lateness: 500ms", "lateness: 1s", 1);
    let changes = diff(DOCUMENT.as_bytes(), changed.as_bytes()).unwrap().changes;
    let paths: Vec<&str> = changes.iter().map(|change| &*change.path).collect();
    assert_eq!(paths, ["rules[overheat].lateness"]);
}

#[test]
fn the_schema_has_rules() {
    let schema = document_schema();
    let required = |name: &str| schema.as_value()["$defs"][name]["required"].to_string();
    assert_eq!(required("Rule"), r#"["name","sql"]"#);
    assert_eq!(required("RuleAlarm"), r#"["column"]"#);
    assert_eq!(required("RuleWrite"), r#"["column","tag"]"#);
    assert_eq!(required("Action"), "null");
    assert_eq!(schema.as_value()["$defs"]["Rule"]["properties"]["actions"]["maxItems"], 32);
}

#[test]
fn the_examples_of_the_guide_have_no_findings() {
    const PLANT: &str = "
version: 1
edge: { name: plant }
devices:
  - name: boiler
    driver: modbus-tcp
    settings: { host: 127.0.0.1, port: 5020, unit: 1 }
    groups:
      - name: process
        interval: 1s
        tags:
          - { name: temperature, address: \"input:0\", type: float32 }
          - { name: setpoint, address: \"holding:0\", type: float32, access: read_write }
";
    let guide = include_str!("../../../docs/guides/rules.md");
    let examples = guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    // Devices are of drivers that are not known here.
    let examples: Vec<&str> = examples.filter(|text| !text.starts_with("devices:")).collect();
    for example in &examples {
        let text = format!("{PLANT}{example}");
        assert_eq!(findings(&text), [""; 0], "{example}");
        assert_eq!(check(&text).checked.unwrap().rules.len(), 1);
    }
    assert_eq!(examples.len(), 4);
}

#[test]
fn rules_that_come_of_ekuiper_are_a_configuration() {
    let tag = |name: &str, place: usize| {
        format!(
            "          - {{ name: {name}, address: \"holding:{place}\", type: float32, access: \
             read_write }}\n"
        )
    };
    let mut plant = "version: 1\nedge: { name: plant }\ndevices:\n".to_owned();
    for (device, tags) in
        [("boiler", ["setpoint", "x"]), ("mixer", ["a", "b"]), ("tank", ["valve", "x"])]
    {
        plant += &format!(
            "  - name: {device}\n    driver: modbus-tcp\n    settings: {{ host: 127.0.0.1, port: 5020, \
             unit: 1 }}\n    groups:\n      - name: g\n        interval: 1s\n        tags:\n{}{}",
            tag(tags[0], 0),
            tag(tags[1], 2)
        );
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cases/import/ekuiper");
    let mut rules = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // Kinds of sinks and drivers are not this crate's.
        let text = text.split("\nsinks:\n").next().unwrap();
        let text = text.split("\ndevices:\n").next().unwrap();
        let checked = check(&format!("{plant}{text}\n"));
        let errors = checked.findings.iter().filter(|finding| finding.weight == Weight::Error);
        let errors: Vec<String> = errors.map(ToString::to_string).collect();
        assert_eq!(errors, [""; 0], "{}", path.display());
        rules += checked.checked.unwrap().rules.len();
    }
    assert!(rules > 50, "only {rules} rules found");
}

const FUNCTIONS: &str = "version: 1
edge: { name: e }
functions:
  - name: sum_of
    arguments: [float64, int64]
    returns: float64
    description: Adds
    javascript: |
      function sum_of(a, b) {
        return a + Number(b)
      }
";

#[test]
fn functions_say_what_was_written() {
    let checked = check(FUNCTIONS).checked.unwrap();
    let [function] = &checked.functions[..] else { panic!() };
    use tagwerk_model::DataType::{Float64, Int64};
    assert_eq!((&*function.name, &function.arguments[..]), ("sum_of", &[Float64, Int64][..]));
    assert_eq!((function.returns, function.description.as_deref()), (Float64, Some("Adds")));
    assert!(function.javascript.starts_with("function sum_of(a, b) {\n"));
}

#[test]
fn what_is_wrong_with_a_function_stands_where_it_is() {
    for (from, to, place, says) in [
        (
            "return a",
            "return nonsense",
            "line 10,",
            "line 2, column 10 of the JavaScript: nonsense, with",
        ),
        ("name: sum_of", "name: SumOf", "line 4,", "`SumOf` cannot be called in SQL"),
        ("name: sum_of", "name: sum-of", "line 4,", "`sum-of` cannot be called in SQL"),
        ("float64, int64", "float64, int16", "line 5,", "int16"),
        ("returns: float64", "returns: list", "line 6,", "list"),
        ("description: Adds", "text: Adds", "line 7,", "text"),
    ] {
        let text = FUNCTIONS.replacen(from, to, 1);
        let found = findings(&text);
        assert!(found.iter().any(|f| f.contains(place) && f.contains(says)), "{to}: {found:#?}");
    }
    let twice = FUNCTIONS.replace(
        "functions:\n",
        "functions:\n  - { name: sum_of, returns: bool, javascript: x }\n",
    );
    assert!(
        findings(&twice)[0].contains("the function `sum_of` exists already"),
        "{:?}",
        findings(&twice)
    );
    let long = format!("{FUNCTIONS}{}", "      // x\n".repeat(20_000));
    assert!(findings(&long)[0].contains("bytes"), "{:?}", findings(&long));
    let item = "  - { name: x, returns: bool, javascript: x }\n";
    let many = format!("version: 1\nedge: {{ name: e }}\nfunctions:\n{}", item.repeat(201));
    assert!(findings(&many).iter().any(|f| f.contains("200")), "{:?}", findings(&many)[0]);
}
