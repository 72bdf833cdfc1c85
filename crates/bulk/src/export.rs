//! Writes devices and tags as tables: one row a tag with the device's columns repeated (CSV), or two
//! sheets (XLSX). An import reads back what was written.

use crate::Format;
use crate::cell;
use crate::column::Column;
use rust_xlsxwriter::{Workbook, Worksheet, XlsxError};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::fmt;
use tagwerk_model::limits;

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportRefused {
    /// The configuration is no document.
    Document(String),
    /// It has no device of this name.
    NoDevice(String),
    /// The format holds no such table.
    Format(String),
}

impl fmt::Display for ExportRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExportRefused::Document(text) => write!(f, "the configuration cannot be read: {text}"),
            ExportRefused::NoDevice(name) => write!(f, "there is no device `{name}` to export"),
            ExportRefused::Format(text) => write!(f, "the table cannot be written: {text}"),
        }
    }
}

impl std::error::Error for ExportRefused {}

/// The devices of a document (all, or those that are named) as CSV or XLSX.
pub fn export(
    document: &str,
    format: Format,
    devices: Option<&[String]>,
) -> Result<Vec<u8>, ExportRefused> {
    let document = tagwerk_config::document_value(document.as_bytes())
        .map_err(|finding| ExportRefused::Document(finding.to_string()))?;
    let all = document["devices"].as_array().cloned().unwrap_or_default();
    let chosen: Vec<Value> = match devices {
        None => all,
        Some(names) => {
            let known: HashSet<&str> = all.iter().filter_map(|d| d["name"].as_str()).collect();
            if let Some(missing) = names.iter().find(|name| !known.contains(name.as_str())) {
                return Err(ExportRefused::NoDevice(missing.clone()));
            }
            let wanted: HashSet<&str> = names.iter().map(String::as_str).collect();
            let is_wanted = |d: &Value| d["name"].as_str().is_some_and(|n| wanted.contains(n));
            all.into_iter().filter(is_wanted).collect()
        }
    };
    write(&chosen, format)
}

/// A table with every column and one row, to be filled in.
pub fn example(format: Format) -> Result<Vec<u8>, ExportRefused> {
    let device = json!({
        "name": "boiler-1", "driver": "modbus-tcp", "enabled": true, "description": "Steam boiler 1",
        "settings": { "host": "10.0.0.5", "port": 502, "unit": 1 },
        "groups": [{ "name": "process", "interval": "1s", "tags": [{
            "name": "drum_pressure", "address": "holding:0", "type": "int16", "unit": "bar",
            "access": "read_write", "scale": { "slope": 0.01, "offset": 0 }, "range": [4, 12],
            "deadband": 0.05, "report": "change", "description": "Drum pressure",
        }] }],
    });
    write(&[device], format)
}

fn write(devices: &[Value], format: Format) -> Result<Vec<u8>, ExportRefused> {
    match format {
        Format::Xlsx => workbook(devices).map_err(|e| ExportRefused::Format(e.to_string())),
        Format::Csv | Format::Auto => {
            csv(devices).map_err(|e| ExportRefused::Format(e.to_string()))
        }
        Format::Neuron | Format::ThingsPro => {
            Err(ExportRefused::Format("only CSV and XLSX are written".to_owned()))
        }
    }
}

/// The cells of a row: JSON numbers and truth values as such, texts as they are to stand there.
type Cells = Vec<(Column, Value)>;

fn csv(devices: &[Value]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let of_devices: Vec<Cells> = devices.iter().map(device_cells).collect();
    let mut columns = device_columns(&of_devices);
    columns.extend(TAG_COLUMNS);
    // The mark tells spreadsheets that the rest is UTF-8.
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(b"\xef\xbb\xbf".to_vec());
    writer.write_record(columns.iter().map(Column::name))?;
    for (device, of_device) in devices.iter().zip(&of_devices) {
        for mut row in tag_rows(device) {
            row.extend(of_device.iter().cloned());
            let cells = columns.iter().map(|column| match find(&row, column) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            });
            writer.write_record(cells)?;
        }
    }
    Ok(writer.into_inner()?)
}

fn workbook(devices: &[Value]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let of_devices: Vec<Cells> = devices.iter().map(device_cells).collect();
    let columns = device_columns(&of_devices);
    sheet(book.add_worksheet().set_name("devices")?, &columns, of_devices.into_iter())?;
    let mut columns = vec![Column::Device];
    columns.extend(TAG_COLUMNS);
    let rows = devices.iter().flat_map(|device| {
        let name = device["name"].as_str().map(cell::guarded).unwrap_or_default();
        let rows = tag_rows(device).into_iter().filter(|row| !row.is_empty());
        rows.map(move |mut row| {
            row.push((Column::Device, Value::String(name.clone())));
            row
        })
    });
    sheet(book.add_worksheet().set_name("tags")?, &columns, rows)?;
    book.save_to_buffer()
}

fn sheet(
    sheet: &mut Worksheet,
    columns: &[Column],
    rows: impl Iterator<Item = Cells>,
) -> Result<(), XlsxError> {
    for (at, column) in columns.iter().enumerate() {
        sheet.write_string(0, at as u16, column.name())?;
    }
    sheet.set_freeze_panes(1, 0)?;
    for (row, cells) in rows.enumerate() {
        let row = row as u32 + 1;
        for (at, column) in columns.iter().enumerate() {
            let at = at as u16;
            match find(&cells, column) {
                Some(Value::Number(number)) => match exact(number) {
                    Some(float) => drop(sheet.write_number(row, at, float)?),
                    None => drop(sheet.write_string(row, at, number.to_string())?),
                },
                Some(Value::Bool(truth)) => drop(sheet.write_boolean(row, at, *truth)?),
                Some(Value::String(text)) => drop(sheet.write_string(row, at, text)?),
                _ => {}
            }
        }
    }
    Ok(())
}

/// A number that a spreadsheet holds as it is: they keep 15 digits.
fn exact(number: &serde_json::Number) -> Option<f64> {
    let float = number.as_f64()?;
    let digits = number.to_string().bytes().filter(u8::is_ascii_digit).count();
    (digits <= 15).then_some(float)
}

fn find<'c>(cells: &'c Cells, column: &Column) -> Option<&'c Value> {
    cells.iter().find(|(known, _)| known == column).map(|(_, value)| value)
}

const TAG_COLUMNS: [Column; 19] = [
    Column::Group,
    Column::Interval,
    Column::Tag,
    Column::Address,
    Column::Formula,
    Column::Type,
    Column::Unit,
    Column::Access,
    Column::Slope,
    Column::Offset,
    Column::RawLow,
    Column::RawHigh,
    Column::ValueLow,
    Column::ValueHigh,
    Column::RangeLow,
    Column::RangeHigh,
    Column::Deadband,
    Column::Report,
    Column::Description,
];

/// The columns of devices: those that every table has, and the keys that these devices use.
fn device_columns(devices: &[Cells]) -> Vec<Column> {
    let mut columns = vec![Column::Device, Column::Driver];
    let used = |wanted: &Column| devices.iter().flatten().any(|(column, _)| column == wanted);
    columns.extend([Column::Template].into_iter().filter(used));
    columns.extend([Column::Enabled, Column::DeviceDescription]);
    let mut seen: HashSet<&Column> = HashSet::new();
    for prefix in [true, false] {
        for (column, _) in devices.iter().flatten() {
            let wanted = match column {
                Column::Setting(_) => prefix,
                Column::Parameter(_) => !prefix,
                _ => false,
            };
            if wanted && seen.insert(column) && columns.len() < limits::IMPORT_COLUMNS_MAX / 2 {
                columns.push(column.clone());
            }
        }
    }
    columns.extend([Column::Overrides].into_iter().filter(used));
    columns
}

fn device_cells(device: &Value) -> Cells {
    let mut cells = Cells::new();
    let text = |key: &str| Some(Value::String(cell::guarded(device[key].as_str()?)));
    for (column, key) in [
        (Column::Device, "name"),
        (Column::Driver, "driver"),
        (Column::Template, "template"),
        (Column::DeviceDescription, "description"),
    ] {
        cells.extend(text(key).map(|value| (column, value)));
    }
    if device["enabled"].is_boolean() {
        cells.push((Column::Enabled, device["enabled"].clone()));
    }
    if device["overrides"].is_array() {
        cells.push((Column::Overrides, Value::String(device["overrides"].to_string())));
    }
    for (key, make) in
        [("settings", Column::Setting as fn(String) -> Column), ("parameters", Column::Parameter)]
    {
        if let Some(keys) = device[key].as_object() {
            flatten(keys, "", make, &mut cells);
        }
    }
    cells
}

/// Keys within keys, joined by dots where that can be undone.
fn flatten(keys: &Map<String, Value>, path: &str, make: fn(String) -> Column, cells: &mut Cells) {
    for (key, value) in keys {
        let path = match path.is_empty() {
            true => key.clone(),
            false => format!("{path}.{key}"),
        };
        let can_be_undone =
            |keys: &Map<String, Value>| !keys.is_empty() && keys.keys().all(|key| is_plain(key));
        match value {
            Value::Object(inner) if can_be_undone(inner) => flatten(inner, &path, make, cells),
            Value::Number(_) | Value::Bool(_) => cells.push((make(path), value.clone())),
            other => cells.push((make(path), Value::String(cell::written(other)))),
        }
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// One row for each tag, for each empty group, and for a device without any.
fn tag_rows(device: &Value) -> Vec<Cells> {
    let mut rows = Vec::new();
    for group in device["groups"].as_array().into_iter().flatten() {
        let mut of_group = Cells::new();
        for (column, key) in [(Column::Group, "name"), (Column::Interval, "interval")] {
            let text = group[key].as_str().map(cell::guarded);
            of_group.extend(text.map(|text| (column, Value::String(text))));
        }
        let tags = group["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
        for tag in tags {
            let mut row = of_group.clone();
            row.extend(tag_cells(tag));
            rows.push(row);
        }
        if tags.is_empty() {
            rows.push(of_group);
        }
    }
    if rows.is_empty() {
        rows.push(Cells::new());
    }
    rows
}

fn tag_cells(tag: &Value) -> Cells {
    let mut cells = Cells::new();
    for (column, key) in [
        (Column::Tag, "name"),
        (Column::Address, "address"),
        (Column::Formula, "formula"),
        (Column::Type, "type"),
        (Column::Unit, "unit"),
        (Column::Access, "access"),
        (Column::Report, "report"),
        (Column::Description, "description"),
    ] {
        let text = tag[key].as_str().map(cell::guarded);
        cells.extend(text.map(|text| (column, Value::String(text))));
    }
    let scale = &tag["scale"];
    for (column, value) in [
        (Column::Slope, &scale["slope"]),
        (Column::Offset, &scale["offset"]),
        (Column::RawLow, &scale["from"][0]),
        (Column::RawHigh, &scale["from"][1]),
        (Column::ValueLow, &scale["to"][0]),
        (Column::ValueHigh, &scale["to"][1]),
        (Column::RangeLow, &tag["range"][0]),
        (Column::RangeHigh, &tag["range"][1]),
        (Column::Deadband, &tag["deadband"]),
    ] {
        if value.is_number() {
            cells.push((column, value.clone()));
        }
    }
    cells
}
