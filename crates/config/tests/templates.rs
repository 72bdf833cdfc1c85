//! What templates make of devices, what a change of one touches, and trials of single devices.
#![allow(clippy::unwrap_used)]

mod fake;

use serde_json::json;
use tagwerk_config::{
    ChangeKind, Checked, TemplateChange, TemplateSource, Weight, diff, library, lint, lint_device,
};

const DOCUMENT: &str = include_str!("../../../cases/config/template-valid.yaml");

fn checked(text: &str) -> Checked {
    let lint = lint(text.as_bytes(), &fake::CATALOGUE);
    assert!(lint.findings.is_empty(), "{:?}", lint.findings);
    lint.checked.unwrap()
}

#[test]
fn devices_are_what_their_template_makes_them() {
    let checked = checked(DOCUMENT);
    let [first, second] = &checked.devices[..] else { panic!() };
    assert_eq!(first.template.as_deref(), Some("meter"));
    let groups = |device: &tagwerk_config::CheckedDevice| -> Vec<String> {
        let tags = |group: &tagwerk_config::CheckedGroup| {
            let tags = group.tags.iter().map(|tag| format!("{}={}", tag.name, tag.address));
            tags.collect::<Vec<_>>().join(" ")
        };
        let group = |group: &tagwerk_config::CheckedGroup| {
            format!("{} {:?} {}", group.name, group.interval, tags(group))
        };
        device.groups.iter().map(group).collect()
    };
    assert_eq!(
        groups(first),
        ["fast 5s a=holding:0 b=holding:12 c=holding:4", "hall-slow 60s d=input:3"]
    );
    assert_eq!(groups(second), ["fast 2s a=holding:500 see=holding:104", "own 10s e=coil:1"]);
    let b = &first.groups[0].tags[1];
    assert_eq!(b.description.as_deref(), Some("In hall, ${not} filled"));
    assert_eq!(b.scale.unwrap().slope, 0.5);
    let [a, see] = &second.groups[0].tags[..] else { panic!() };
    assert_eq!((&*a.unit, see.deadband), ("W", None));
    assert_eq!(second.plan.link, "10.0.0.2");
    let [template] = &checked.templates[..] else { panic!() };
    assert_eq!((&*template.driver, template.version, template.devices.len()), ("modbus-tcp", 1, 2));
    let secret = ("sinks/cloud/settings/password".to_owned(), "broker.password".to_owned());
    assert_eq!(checked.secrets, [secret]);
}

#[test]
fn secrets_are_found_in_every_depth() {
    let text = include_str!("../../../cases/config/secret-valid.yaml");
    let secret = ("devices/m1/settings/login/password".to_owned(), "m1-password".to_owned());
    assert_eq!(checked(text).secrets, [secret]);
}

/// What a change of the document does to templates, one line for each device.
#[track_caller]
fn touched(from: &str, to: &str) -> (Vec<String>, Vec<String>) {
    assert!(DOCUMENT.contains(from), "{from}");
    let new = DOCUMENT.replace(from, to);
    let diff = diff(DOCUMENT.as_bytes(), new.as_bytes()).unwrap();
    let lines = |template: &TemplateChange| {
        let name = &template.name;
        let mut lines = vec![format!("{:?} {name}", template.change)];
        for device in &template.devices {
            let changes = device.changes.iter().map(|change| {
                let side = |side: &Option<String>| side.clone().unwrap_or_default();
                format!("{} {} -> {}", change.path, side(&change.before), side(&change.after))
            });
            lines.push(format!("{}: {}", device.name, changes.collect::<Vec<_>>().join(", ")));
        }
        lines
    };
    let templates = diff.templates.iter().flat_map(lines).collect();
    (templates, diff.findings.iter().map(ToString::to_string).collect())
}

#[test]
fn a_changed_template_tells_what_it_changes_where() {
    let warning = "line 5, templates[meter].version: the template `meter` has changed, and is still \
                   version 1; write `version: 2`";
    let (templates, findings) = touched("unit: kW", "unit: MW");
    let expected = ["Changed meter", "m1: devices[m1].groups[fast].tags[a].unit \"kW\" -> \"MW\""];
    assert_eq!(templates, expected, "m2 has a unit of its own");
    assert_eq!(findings, [warning]);
    let (templates, _) = touched("base + 4", "base + 6");
    let expected = [
        "Changed meter",
        "m1: devices[m1].groups[fast].tags[c].address \"holding:4\" -> \"holding:6\"",
        "m2: devices[m2].groups[fast].tags[see].address \"holding:104\" -> \"holding:106\"",
    ];
    assert_eq!(templates, expected);
    assert_eq!(touched("version: 1\n    driver", "version: 2\n    driver").0, ["Changed meter"]);
    assert_eq!(touched("base: 100", "base: 200").0, [] as [&str; 0], "the template is the same");
    let (templates, _) = touched(": meter\n", ": gauge\n");
    assert_eq!(templates, ["Added gauge", "Removed meter"], "nothing differs in the devices");
    let emptied = diff(DOCUMENT.as_bytes(), b"version: 1\nedge: { name: p }").unwrap();
    let [gone] = &emptied.templates[..] else { panic!() };
    let devices: Vec<&str> = gone.devices.iter().map(|device| &*device.name).collect();
    assert_eq!((gone.change, devices), (ChangeKind::Removed, vec!["m1", "m2"]));
}

#[test]
fn a_device_is_checked_before_it_is_saved() {
    let device = json!({ "driver": "modbus-tcp", "settings": { "host": "h", "prot": 1 } });
    let lint = lint_device(&device, TemplateSource::None, &fake::CATALOGUE);
    assert_eq!(lint.findings.len(), 1, "{:?}", lint.findings);
    assert_eq!(lint.findings[0].path, "settings.prot");
    let device = json!({ "driver": "modbus-tcp", "settings": { "host": "h" } });
    let lint = lint_device(&device, TemplateSource::None, &fake::CATALOGUE);
    assert!(lint.findings.is_empty(), "no groups is no finding: {:?}", lint.findings);
    assert_eq!(&*lint.device.unwrap().name, "new");

    let device = json!({ "name": "x", "template": "meter", "parameters": { "host": "h" } });
    let source = TemplateSource::Document(DOCUMENT.as_bytes());
    let lint = lint_device(&device, source, &fake::CATALOGUE);
    assert!(lint.findings.is_empty(), "{:?}", lint.findings);
    assert_eq!(lint.device.unwrap().groups.len(), 2);
    let none = lint_device(&device, TemplateSource::None, &fake::CATALOGUE);
    assert_eq!((&*none.findings[0].path, none.device.is_none()), ("template", true));
    let templates = json!([{ "name": "meter", "version": 1, "driver": "modbus-tcp" }]);
    let lint = lint_device(&device, TemplateSource::List(&templates), &fake::CATALOGUE);
    let paths: Vec<&str> = lint.findings.iter().map(|finding| &*finding.path).collect();
    assert_eq!(paths, ["parameters.host"]);
    for wrong in [json!(null), json!([]), json!({ "name": 5 }), json!({ "name": "a/b" })] {
        let lint = lint_device(&wrong, TemplateSource::None, &fake::CATALOGUE);
        assert!(lint.device.is_none() && !lint.findings.is_empty(), "{wrong}");
    }
}

#[test]
fn the_library_makes_devices() {
    let library = library();
    assert_eq!(library.len(), 3);
    for template in &library {
        let indented: String =
            template.document.lines().map(|line| format!("    {line}\n")).collect();
        let host = "    parameters: { host: 10.0.0.5 }\n";
        let text = format!(
            "version: 1\nedge: {{ name: p }}\ntemplates:\n  -\n{indented}devices:\n  - name: d\n    \
             template: {}\n{host}",
            template.name
        );
        let lint = lint(text.as_bytes(), &fake::WIDE);
        assert!(lint.findings.is_empty(), "{}: {:?}", template.name, lint.findings);
        assert_eq!(lint.checked.unwrap().tag_count(), template.tags, "{}", template.name);
        assert!(template.parameters.iter().all(|parameter| parameter.description.is_some()));
        let required: Vec<&str> =
            template.parameters.iter().filter(|p| p.required).map(|p| &*p.name).collect();
        assert_eq!(required, ["host"]);
        assert!(!template.summary.is_empty());
    }
    let meter = &library[0];
    assert!(meter.document.contains(r#"name: energy_imported, address: "holding:${model + 68}""#));
}

#[test]
fn what_templates_make_is_bounded() {
    let groups: String = (0..2_000)
        .map(|i| format!("          - {{ name: \"t{i}\", address: \"input:{i}\", type: bool }}\n"))
        .collect();
    let devices: String = (0..50)
        .map(|i| format!("  - {{ name: d{i}, template: big, settings: {{ host: h }} }}\n"))
        .collect();
    let text = format!(
        "version: 1\nedge: {{ name: p }}\ntemplates:\n  - name: big\n    version: 1\n    driver: \
         modbus-tcp\n    groups:\n      - name: g\n        interval: 1s\n        tags:\n{groups}\
         devices:\n{devices}"
    );
    assert_eq!(checked(&text).tag_count(), 100_000);
    let many = "${a}".repeat(1_000);
    let text = format!(
        "version: 1\nedge: {{ name: p }}\ntemplates:\n  - name: big\n    version: 1\n    driver: \
         modbus-tcp\n    parameters: [ {{ name: a, type: text }} ]\n    settings: {{ host: \
         \"{many}x\" }}\ndevices:\n  - {{ name: d, template: big, parameters: {{ a: {} }} }}\n",
        "y".repeat(1_000)
    );
    let lint = lint(text.as_bytes(), &fake::CATALOGUE);
    assert_eq!(lint.findings[0].weight, Weight::Error);
    assert!(lint.findings[0].problem.contains("longer than"), "{}", lint.findings[0]);
}

#[test]
fn the_examples_of_the_guide_have_no_findings() {
    let guide = include_str!("../../../docs/guides/templates.md");
    let examples: Vec<&str> =
        guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let tags: Vec<usize> = examples.iter().map(|text| checked(text).tag_count()).collect();
    assert_eq!(tags, [4, 3]);
}
