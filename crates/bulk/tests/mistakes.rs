//! Five thousand rows with twenty kinds of mistake: each is told clearly, in its row, and nothing is
//! imported.
#![allow(clippy::unwrap_used)]

#[path = "../../config/tests/fake/mod.rs"]
mod fake;

use std::collections::{BTreeMap, BTreeSet};
use tagwerk_bulk::{Format, Mode, import};

const HEADER: &str = "device,driver,enabled,settings.host,settings.port,group,interval,tag,address,type,\
                      access,slope,raw_low,raw_high,value_low,value_high,range_low,range_high,deadband,\
                      report,unit";

/// A row that is in order, with some cells in place of its own.
fn row(number: usize, cells: &[(&str, &str)]) -> String {
    let names: Vec<&str> = HEADER.split(',').collect();
    let tag = format!("tag_{number}");
    let address = format!("holding:{number}");
    names
        .iter()
        .map(|name| {
            let given = cells.iter().find(|(column, _)| column == name).map(|(_, cell)| *cell);
            given.unwrap_or(match *name {
                "device" => "press",
                "driver" => "modbus-tcp",
                "settings.host" => "10.0.0.5",
                "group" => "fast",
                "interval" => "1s",
                "tag" => &tag,
                "address" => &address,
                "type" => "int16",
                _ => "",
            })
        })
        .collect::<Vec<_>>()
        .join(",")
}

/// What is written, in which column it is told, and a part of the problem.
type Mistake = (&'static [(&'static str, &'static str)], &'static str, &'static str);

const MISTAKES: &[Mistake] = &[
    (&[("type", "flaot32")], "type", "not known here"),
    (&[("type", "")], "type", "is missing"),
    (&[("address", "hodling:1")], "address", "names no area"),
    (&[("address", "")], "address", "is missing"),
    (&[("tag", "drum pressure")], "tag", "contains a space"),
    (&[("tag", "status")], "tag", "taken by the device's own state"),
    (&[("tag", "tag_5")], "tag", "stands in row 6 already"),
    (&[("tag", "")], "tag", "no tag"),
    (&[("device", "")], "device", "names no device"),
    (&[("group", "")], "group", "has no group"),
    (&[("interval", "2s")], "interval", "is `2s` here and `1s` in row 2"),
    (&[("driver", "s7")], "driver", "is `s7` here and `modbus-tcp` in row 2"),
    (&[("settings.host", "10.0.0.6")], "settings.host", "is `10.0.0.6` here and"),
    (&[("enabled", "maybe")], "enabled", "neither true nor false"),
    (&[("access", "readwrite")], "access", "not known here"),
    (&[("access", "read_write"), ("address", "input:4")], "access", "cannot be written"),
    (&[("deadband", "abc")], "deadband", "is not a number"),
    (&[("deadband", "-1")], "deadband", "out of range"),
    (&[("slope", "0")], "slope", "makes every value the same"),
    (
        &[
            ("slope", "2"),
            ("raw_low", "0"),
            ("raw_high", "9"),
            ("value_low", "0"),
            ("value_high", "1"),
        ],
        "slope",
        "given in two ways",
    ),
    (&[("raw_low", "0"), ("value_low", "0"), ("value_high", "1")], "raw_high", "is given and"),
    (&[("range_low", "9"), ("range_high", "1"), ("access", "write")], "range_low", "begins at 9"),
    (&[("range_low", "1"), ("range_high", "9")], "range_low", "bounds what may be written"),
    (&[("type", "bool"), ("deadband", "1")], "deadband", "is for numbers"),
    (&[("report", "changes")], "report", "not known here"),
    (&[("unit", "kilowatt hours per square kilometre and year")], "unit", "the unit has"),
    (&[("device", "a b"), ("tag", "x")], "device", "contains a space"),
    (&[("device", "d2"), ("settings.port", "99999")], "settings.port", "out of range"),
    (&[("device", "d3"), ("driver", "modbus")], "driver", "no driver `modbus`"),
    (&[("group", "quick"), ("interval", "5")], "interval", "is not a duration"),
    (&[("group", "quicker"), ("interval", "1ms")], "interval", "too short"),
];

#[test]
fn every_kind_of_mistake_is_told_in_its_row() {
    let mut text = format!("{HEADER}\r\n");
    let mut mistakes: BTreeMap<u32, &Mistake> = BTreeMap::new();
    for number in 1..5_000 {
        // The first rows are in order; then all kinds one after the other, then one now and then.
        let at = match number {
            n if (100..100 + 2 * MISTAKES.len()).contains(&n) => Some((n - 100) / 2),
            n if n > 300 && n % 7 == 0 => Some(n / 7 % MISTAKES.len()),
            _ => None,
        };
        let mistake = at.filter(|at| number < 300 || at % 3 < 2).map(|at| &MISTAKES[at]);
        // Wrong names would be repeated the second time, and what is said of a device is told once.
        let once = |m: &&Mistake| {
            m.0.iter().all(|(c, _)| !matches!(*c, "tag" | "device" | "group" | "enabled"))
        };
        let mistake = mistake.filter(|m| number < 300 && number % 2 == 0 || once(m));
        text.push_str(&row(number, mistake.map_or(&[], |mistake| mistake.0)));
        text.push_str(if number == 4_000 { ",,,much\r\n" } else { "\r\n" });
        if let Some(mistake) = mistake {
            mistakes.insert(number as u32 + 1, mistake);
        }
    }
    let found = import(text.as_bytes(), Format::Auto, "", Mode::Merge, &fake::CATALOGUE);
    assert_eq!((found.kind, found.rows), (Format::Csv, 4_999));
    assert_eq!(found.document, None, "nothing is imported");
    assert!(found.findings.len() <= 1_000);
    let told: Vec<u32> = found.findings.iter().filter_map(|finding| finding.row).collect();
    assert!(told.is_sorted());
    for finding in &found.findings {
        assert!(finding.row.is_some(), "{finding:?}");
        assert!(!finding.problem.is_empty() && !finding.remedy.is_empty(), "{finding:?}");
        assert!(!finding.problem.contains("on line"), "{finding:?}");
    }
    let last = told.last().copied().unwrap();
    let mut kinds = BTreeSet::new();
    for (row, (cells, column, part)) in &mistakes {
        if *row > last {
            continue;
        }
        let fits = found.findings.iter().any(|finding| {
            finding.row == Some(*row)
                && finding.column.as_deref() == Some(column)
                && finding.problem.contains(part)
        });
        let of_row: Vec<_> = found.findings.iter().filter(|f| f.row == Some(*row)).collect();
        assert!(fits, "row {row} with {cells:?}: {part} not in {of_row:?}");
        kinds.insert((column, part));
    }
    let all_kinds: BTreeSet<_> = MISTAKES.iter().map(|(_, column, part)| (column, part)).collect();
    assert!(all_kinds.len() >= 28 && kinds == all_kinds);
    let all = found.findings.len() + found.findings_dropped;
    assert!(all >= mistakes.len(), "{all} findings of {} mistakes", mistakes.len());
    let wrong_rows: Vec<u32> =
        told.iter().copied().filter(|row| !mistakes.contains_key(row) && *row != 4_001).collect();
    assert!(wrong_rows.is_empty(), "told of rows that are in order: {wrong_rows:?}");
}

#[test]
fn a_table_without_mistakes_is_imported() {
    let rows: String = (1..5_000).map(|number| row(number, &[]) + "\n").collect();
    let found = import(
        format!("{HEADER}\n{rows}").as_bytes(),
        Format::Csv,
        "",
        Mode::Merge,
        &fake::CATALOGUE,
    );
    assert_eq!(found.findings, []);
    assert_eq!((found.devices, found.tags), (1, 4_999));
    assert!(found.document.unwrap().contains("tag_4999"));
}
