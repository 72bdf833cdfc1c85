//! Tables as people and spreadsheet programs write them.
#![allow(clippy::unwrap_used)]

#[path = "../../config/tests/fake/mod.rs"]
mod fake;

use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::{Cursor, Write};
use tagwerk_bulk::{Format, Import, Mode, export, import};
use tagwerk_config::Weight;

const DOCUMENT: &str = "version: 1\nedge: { name: plant }\ndevices:\n  - name: press\n    driver: \
    modbus-tcp\n    settings: { host: 10.0.0.5, port: 502 }\n    groups:\n      - name: fast\n        \
    interval: 1s\n        tags:\n          - { name: a, address: \"input:0\", type: int16, unit: bar }\n\
    \x20         - { name: b, address: \"input:1\", type: int16 }\n      - name: slow\n        interval: \
    1m\n        tags:\n          - { name: c, address: \"input:2\", type: int16 }\n  - name: oven\n    \
    driver: modbus-tcp\n    settings: { host: 10.0.0.6 }\nsinks:\n  - name: s\n    kind: mqtt\n    \
    settings: { url: \"mqtt://h\", topic: t }\n";

fn run(bytes: &[u8], mode: Mode) -> Import {
    import(bytes, Format::Auto, DOCUMENT, mode, &fake::CATALOGUE)
}

/// The devices of the new document, and what was assumed.
#[track_caller]
fn devices(bytes: &[u8], mode: Mode) -> (Value, Vec<String>) {
    let found = run(bytes, mode);
    let errors: Vec<_> = found.findings.iter().filter(|f| f.weight == Weight::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let document = found.document.unwrap();
    let document = tagwerk_config::document_value(document.as_bytes()).unwrap();
    assert_eq!(document["sinks"][0]["name"], "s", "the rest of the document stays");
    (document["devices"].clone(), found.assumed)
}

#[track_caller]
fn problems(bytes: &[u8]) -> Vec<String> {
    let found = run(bytes, Mode::Merge);
    assert!(found.document.is_none());
    let line = |f: &tagwerk_bulk::RowFinding| {
        let row = f.row.map_or_else(|| "-".to_owned(), |row| row.to_string());
        format!("{row} {}: {}", f.column.as_deref().unwrap_or("-"), f.problem)
    };
    found.findings.iter().filter(|f| f.weight == Weight::Error).map(line).collect()
}

#[test]
fn what_a_file_says_of_a_device_is_changed_and_the_rest_stays() {
    let file = b"device,tag,unit,group\npress,a,mbar,\npress,c,degC,fast\nnew,x,,g\n";
    let text = String::from_utf8_lossy(file).replace("new,x,,g\n", "");
    let (found, _) = devices(text.as_bytes(), Mode::Merge);
    let fast = json!([
        { "name": "a", "address": "input:0", "type": "int16", "unit": "mbar" },
        { "name": "b", "address": "input:1", "type": "int16" },
        { "name": "c", "address": "input:2", "type": "int16", "unit": "degC" },
    ]);
    assert_eq!(found[0]["groups"][0]["tags"], fast);
    assert_eq!(found[0]["groups"][1], json!({ "name": "slow", "interval": "1m" }));
    assert_eq!(found[1]["name"], "oven");
    let told = problems(file);
    assert!(
        told.iter().any(|line| line.starts_with("4 address: `address` is missing")),
        "{told:?}"
    );
    let whole = "device,driver,settings.host,group,interval,tag,address,type\n\
                 new,modbus-tcp,h,g,1s,x,input:5,bool\n";
    assert_eq!(devices(whole.as_bytes(), Mode::Merge).0.as_array().unwrap().len(), 3);
    assert_eq!(devices(whole.as_bytes(), Mode::Replace).0.as_array().unwrap().len(), 1);
}

#[test]
fn separators_decimal_marks_and_encodings_are_found_out() {
    let rows = [
        ["device", "group", "tag", "deadband", "unit", "settings.timeout"],
        ["press", "fast", "a", "0,5", "°C", "2s"],
    ];
    let table = |separator: &str| rows.map(|row| row.join(separator)).join("\r\n");
    let check = |bytes: &[u8], assumed: &str| {
        let (found, told) = devices(bytes, Mode::Merge);
        let tag = &found[0]["groups"][0]["tags"][0];
        assert_eq!((&tag["deadband"], &tag["unit"]), (&json!(0.5), &json!("°C")));
        assert_eq!(found[0]["settings"]["timeout"], "2s");
        assert!(told.iter().any(|text| text.contains(assumed)), "{told:?}");
    };
    check(table(";").as_bytes(), "semicolons");
    check(table("\t").as_bytes(), "tabs");
    check(format!("sep=;\r\n{}", table(";")).as_bytes(), "semicolons");
    check(table(";").replace("0,5", "0.5").as_bytes(), "semicolons");
    check(table(",").replace("0,5", "0.5").as_bytes(), "commas");
    check(table(",").replace("0,5", "\"0.5\"").as_bytes(), "commas");
    let utf_16: Vec<u8> =
        [0xfeff].into_iter().chain(table("\t").encode_utf16()).flat_map(u16::to_le_bytes).collect();
    check(&utf_16, "UTF-16");
    let latin: Vec<u8> = table(";").chars().map(|c| u32::from(c) as u8).collect();
    check(&latin, "Windows-1252");
    let told = problems(table(";").replace("0,5", "1.000,5").as_bytes());
    assert_eq!(told, ["2 deadband: `1.000,5` is not a number"]);
}

#[test]
fn rows_are_counted_as_spreadsheets_count_them() {
    let file = "device,group,tag,description,deadband\n\n\npress,fast,a,\"two\nlines\",1\n\npress,fast,b,,x\n";
    let told = problems(file.as_bytes());
    assert_eq!(told, ["6 deadband: `x` is not a number"]);
    let named = format!("sep=,\n{file}");
    assert_eq!(problems(named.as_bytes()), ["7 deadband: `x` is not a number"]);
}

#[test]
fn headers_that_are_wrong_are_told_once() {
    let told = problems(b"device,tagg,Device Description,unit,unit\npress,a,b,c,d\n");
    assert_eq!(
        told,
        [
            "1 tagg: the column `tagg` is not known",
            "1 unit: the column `unit` stands twice",
            "2 tag: the row has a `unit` and no tag"
        ]
    );
    assert_eq!(problems(b"tag,address\na,b\n"), ["1 -: there is no column `device`"]);
    assert_eq!(problems(b""), ["- -: the file holds no devices"]);
    let (found, _) = devices(b"Device;Device-Description\npress;The old one\n", Mode::Merge);
    assert_eq!(found[0]["description"], "The old one");
}

#[test]
fn the_example_of_the_guide_is_imported() {
    let guide = include_str!("../../../docs/guides/bulk.md");
    let example = guide.split("```csv\n").nth(1).unwrap().split("```").next().unwrap();
    let (found, _) = devices(example.as_bytes(), Mode::Replace);
    assert_eq!(found[0]["groups"][0]["tags"][1]["unit"], "%");
    assert_eq!(found[1]["settings"], json!({ "host": "10.0.0.6" }));
}

#[test]
fn comments_of_the_document_are_not_lost_unsaid() {
    let current = format!("# Hall 3\n{DOCUMENT}");
    let file = export(&current, Format::Csv, None).unwrap();
    let found = import(&file, Format::Auto, &current, Mode::Merge, &fake::CATALOGUE);
    assert!(found.document.is_some());
    assert!(found.findings[0].problem.contains("comments"), "{:?}", found.findings);
    let broken = import(&file, Format::Auto, "a: [", Mode::Merge, &fake::CATALOGUE);
    assert!(broken.document.is_none() && broken.findings[0].problem.contains("present"));
}

#[test]
fn workbooks_are_read_by_their_sheets() {
    let file = export(DOCUMENT, Format::Xlsx, None).unwrap();
    let found = run(&file, Mode::Replace);
    assert_eq!((found.kind, found.devices, found.tags, found.rows), (Format::Xlsx, 2, 3, 5));
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet().set_name("tags").unwrap();
    let cells = [["device", "group", "tag", "type"], ["press", "fast", "a", "flaot32"]];
    for (r, row) in cells.iter().enumerate() {
        for (c, cell) in row.iter().enumerate() {
            sheet.write_string(r as u32 * 4, c as u16, *cell).unwrap();
        }
    }
    sheet.write_formula(4, 4, rust_xlsxwriter::Formula::new("=1+1").set_result("5")).unwrap();
    sheet.write_string(0, 4, "deadband").unwrap();
    book.add_worksheet().set_name("notes").unwrap().write_string(0, 0, "see there").unwrap();
    let found = run(&book.save_to_buffer().unwrap(), Mode::Merge);
    let errors: Vec<_> = found.findings.iter().filter(|f| f.weight == Weight::Error).collect();
    let [finding] = errors[..] else { panic!("{errors:?}") };
    let place = (finding.sheet.as_deref(), finding.row, finding.column.as_deref());
    assert_eq!(place, (Some("tags"), Some(5), Some("type")));
    assert_eq!(finding.value.as_deref(), Some("flaot32"));
    assert!(found.assumed.iter().any(|text| text.contains("notes")));
}

/// An archive with these parts.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn files_that_would_take_too_much_are_refused() {
    let workbook = br#"<workbook><sheets><sheet name="tags" r:id="r1"/></sheets></workbook>"#;
    let links = br#"<Relationships><Relationship Id="r1" Target="s.xml"/></Relationships>"#;
    let book = |sheet: &[u8]| {
        archive(&[
            ("xl/workbook.xml", workbook.as_slice()),
            ("xl/_rels/workbook.xml.rels", links.as_slice()),
            ("xl/s.xml", sheet),
        ])
    };
    let refused = |bytes: &[u8], part: &str| {
        let told = problems(bytes);
        assert!(told.iter().any(|line| line.contains(part)), "{part} not in {told:?}");
    };
    let bomb = book(&vec![b' '; 130 * 1024 * 1024]);
    assert!(bomb.len() < 1024 * 1024, "a bomb is small");
    refused(&bomb, "unpacks to more than");
    refused(&book(b"<r><row><c r=\"XFD1048576\"><v>1</v></c></row></r>"), "a cell in column 16384");
    refused(&book("<row/>".repeat(500_001).as_bytes()), "more than 500000 rows");
    refused(&book(b"<row><c><v>1</"), "not a workbook");
    refused(b"PK\x03\x04 and nothing else", "not a workbook");
    refused(&vec![b','; 17 * 1024 * 1024], "are allowed");
    refused(",".repeat(600).as_bytes(), "601 cells");
    let far = book(b"<r><row r=\"4294967295\"><c r=\"A4294967295\" t=\"inlineStr\"><is><t>device</t></is></c></row></r>");
    refused(&far, "holds no devices");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_file_is_survived(
        bytes: Vec<u8>,
        text in "[-=,;\t\"'\r\na-z0-9{}\\[\\]:.!#éü]{0,200}",
        cut in 0usize..4000, at in 0usize..4000, byte: u8,
    ) {
        for format in [Format::Auto, Format::Csv, Format::Xlsx, Format::Neuron, Format::ThingsPro] {
            import(&bytes, format, DOCUMENT, Mode::Merge, &fake::LOOSE);
            import(text.as_bytes(), format, "", Mode::Replace, &fake::LOOSE);
        }
        let header = format!("device,driver,settings.a.b,settings.a,group,tag,range_low,overrides\n{text}");
        run(header.as_bytes(), Mode::Merge);
        let mut book = export(DOCUMENT, Format::Xlsx, None).unwrap();
        book.truncate(book.len().saturating_sub(cut % 64));
        let at = at % book.len();
        book[at] = byte;
        run(&book, Mode::Merge);
    }
}
