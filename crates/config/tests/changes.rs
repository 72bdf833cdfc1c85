//! What two documents differ in, and what fingerprints make of it.
#![allow(clippy::unwrap_used)]

mod fake;

use tagwerk_config::{ChangeKind, Checked, diff, document_schema, lint};

const DOCUMENT: &str = include_str!("../../../cases/config/valid-full.yaml");

/// The changes of the document with `from` replaced by `to`, one per line.
#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(DOCUMENT.contains(from));
    let changes =
        diff(DOCUMENT.as_bytes(), DOCUMENT.replacen(from, to, 1).as_bytes()).unwrap().changes;
    let lines: Vec<String> = changes
        .iter()
        .map(|change| match change.kind {
            ChangeKind::Added => format!("+ {} {}", change.path, change.after.as_ref().unwrap()),
            ChangeKind::Removed => format!("- {} {}", change.path, change.before.as_ref().unwrap()),
            ChangeKind::Changed => format!(
                "~ {} {} -> {}",
                change.path,
                change.before.as_ref().unwrap(),
                change.after.as_ref().unwrap()
            ),
        })
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn changes_are_told_by_name() {
    check("# A whole plant.", "# The same plant.", &[]);
    check("port: 5020", "port: 5021", &["~ devices[boiler-1].settings.port 5020 -> 5021"]);
    check(
        "    enabled: false\n    settings: { host",
        "    settings: { retries: 1, host",
        &["+ devices[boiler-1].settings.retries 1", "- devices[boiler-1].enabled false"],
    );
    check("250ms", "\"250ms\"", &[]);
    check(
        "range: [4, 12]",
        "range: [4, 13]",
        &["~ devices[boiler-1].groups[process].tags[setpoint].range [4,12] -> [4,13]"],
    );
    check(
        "name: pump",
        "name: fan",
        &[
            "+ devices[boiler-1].groups[process].tags[fan] \
         {\"access\":\"write\",\"address\":\"coil:0\",\"name\":\"fan\",\"type\":\"bool\"}",
            "- devices[boiler-1].groups[process].tags[pump] \
         {\"access\":\"write\",\"address\":\"coil:0\",\"name\":\"pump\",\"type\":\"bool\"}",
        ],
    );
    check(
        "name: boiler-1",
        "name: boiler-2",
        &[
            "+ devices[boiler-2] driver modbus-tcp, 2 groups, 6 tags",
            "- devices[boiler-1] driver modbus-tcp, 2 groups, 6 tags",
        ],
    );
}

#[test]
fn a_document_that_cannot_be_read_has_no_changes() {
    assert_eq!(diff(b"a: [", DOCUMENT.as_bytes()).unwrap_err().line, 1);
}

fn checked(text: &str) -> Checked {
    let lint = lint(text.as_bytes(), &fake::CATALOGUE);
    assert!(lint.findings.is_empty(), "{:?}", lint.findings);
    lint.checked.unwrap()
}

/// Whether link, groups and sink are told to be the same after an edit.
fn same(from: &str, to: &str) -> (bool, Vec<bool>, bool) {
    assert!(DOCUMENT.contains(from), "{from}");
    let (old, new) = (checked(DOCUMENT), checked(&DOCUMENT.replacen(from, to, 1)));
    let (a, b) = (&old.devices[0], &new.devices[0]);
    let groups = a.groups.iter().zip(&b.groups);
    (
        a.settings_fingerprint == b.settings_fingerprint,
        groups.map(|(a, b)| a.fingerprint == b.fingerprint).collect(),
        old.sinks[0].settings_fingerprint == new.sinks[0].settings_fingerprint,
    )
}

#[test]
fn fingerprints_change_with_what_they_stand_for_alone() {
    assert!(same("host: 127.0.0.1, port: 5020", "port: 5020, host: 127.0.0.1").0);
    assert_eq!(same("# A whole plant.", ""), (true, vec![true, true], true));
    assert_eq!(same("port: 5020", "port: 5021"), (false, vec![true, true], true));
    assert_eq!(same("250ms", "500ms"), (true, vec![false, true], true));
    assert_eq!(same("input:100", "input:102"), (true, vec![true, false], true));
    assert_eq!(same("unit: bar", "unit: mbar"), (true, vec![false, true], true));
    assert_eq!(same("qos: 1", "qos: 2"), (true, vec![true, true], false));
}

#[test]
fn the_checked_document_says_what_was_written() {
    let checked = checked(DOCUMENT);
    assert_eq!(checked.edge.name, "plant-demo");
    assert_eq!(checked.tag_count(), 6);
    let device = &checked.devices[0];
    assert_eq!((device.enabled, device.driver_name), (false, "modbus-tcp"));
    let [pressure, level, setpoint, fill, pump] = &device.groups[0].tags[..] else { panic!() };
    assert_eq!((pressure.deadband, pressure.on_change), (Some(0.1), true));
    assert_eq!(level.published, tagwerk_model::DataType::Float64);
    assert_eq!(level.scale.unwrap().apply(27648.0), 100.0);
    assert_eq!(setpoint.range, Some((4.0, 12.0)));
    assert_eq!((fill.on_change, fill.access.writes()), (true, false));
    assert_eq!((pump.access.reads(), pump.access.writes()), (false, true));
    assert_eq!(checked.sinks[0].from, tagwerk_config::Start::Oldest);
    assert!(checked.sinks[0].tags[1].matches("boiler-1", "process", "pump"));
    assert!(checked.sinks[1].tags[0].matches("boiler-1", "slow", "hours"));
    assert!(size_of::<tagwerk_config::CheckedTag>() <= 150);
}

#[test]
fn the_published_schema_names_what_is_required() {
    let schema = document_schema();
    let required = |name: &str| schema.as_value()["$defs"][name]["required"].to_string();
    assert_eq!(schema.as_value()["required"].to_string(), r#"["version","edge"]"#);
    assert_eq!(required("Device"), r#"["name"]"#);
    assert_eq!(required("Template"), r#"["name","version","driver"]"#);
    assert_eq!(required("Parameter"), r#"["name","type"]"#);
    assert_eq!(required("Group"), r#"["name","interval"]"#);
    assert_eq!(required("Tag"), r#"["name","type"]"#);
    assert_eq!(required("Sink"), r#"["name","kind"]"#);
    assert_eq!(schema.as_value()["$defs"]["Tag"]["additionalProperties"], false);
}
