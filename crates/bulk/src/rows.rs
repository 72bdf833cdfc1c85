//! Reads the rows of our own tables into devices: one row a tag, with the device's columns repeated, or
//! two sheets. Reports what is wrong with the table itself; the rest is the judge's.

use crate::cell;
use crate::column::Column;
use crate::draft::{DeviceDraft, Drafts, TagDraft};
use crate::judge::{Told, shown};
use crate::table::{Place, Row, Table};
use crate::{Where, Work};
use serde_json::{Map, Value, json};

pub(crate) fn read(tables: &[Table], work: &mut Work, drafts: &mut Drafts) {
    let named = |table: &Table| {
        let sheet = table.sheet.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(sheet.as_str(), "devices" | "tags")
    };
    let ours = tables.iter().any(named);
    let mut read_any = false;
    for (index, table) in tables.iter().enumerate() {
        // Of a workbook without our sheets, the first is meant.
        if ours && !named(table) || !ours && read_any {
            let sheet = table.sheet.as_deref().unwrap_or_default();
            work.assumed.push(format!("the sheet `{sheet}` was passed over"));
            continue;
        }
        read_any = true;
        read_table(index as u32, table, work, drafts);
    }
    if !read_any && !work.told.has_errors() {
        work.refuse("the file holds no table", "compare it with an export");
    }
}

fn read_table(index: u32, table: &Table, work: &mut Work, drafts: &mut Drafts) {
    let Some(header) = table.header() else { return };
    let place = |row: usize| Place { table: index, row: row as u32 };
    let columns = columns(&table.rows[header], place(header), work);
    if !columns.contains(&Some(Column::Device)) {
        let remedy = "name the columns in the first row; one of them must be `device`";
        work.told.error(Some(place(header)), None, "there is no column `device`", remedy);
        return;
    }
    for (position, row) in table.rows.iter().enumerate().skip(header + 1) {
        if row.is_empty() {
            continue;
        }
        let extra = row.cells.get(columns.len()..).unwrap_or_default();
        if extra.iter().any(|cell| !cell.trim().is_empty()) {
            let problem =
                format!("the row has {} cells, the header {}", row.cells.len(), columns.len());
            let remedy =
                "put cells that contain the separator in quotes, or remove what is too much";
            work.told.error(Some(place(position)), None, problem, remedy);
        }
        let reader = RowReader {
            columns: &columns,
            row,
            place: place(position),
            decimal_comma: work.decimal_comma,
        };
        reader.read(&mut work.told, drafts);
    }
}

fn columns(header: &Row, place: Place, work: &mut Work) -> Vec<Option<Column>> {
    let mut columns: Vec<Option<Column>> = Vec::new();
    for cell in &header.cells {
        let column = Column::parse(cell::unguarded(cell));
        if column.is_none() && !cell.trim().is_empty() {
            let problem = format!("the column `{}` is not known", shown(cell));
            work.told.error_about(place, cell.trim(), problem, Column::remedy(cell));
        }
        if column.is_some() && columns.contains(&column) {
            let problem = format!("the column `{}` stands twice", shown(cell));
            work.told.error_about(place, cell.trim(), problem, "remove one of the two");
        }
        columns.push(column);
    }
    columns
}

struct RowReader<'a> {
    columns: &'a [Option<Column>],
    row: &'a Row,
    place: Place,
    decimal_comma: bool,
}

impl<'a> RowReader<'a> {
    /// A cell as it stands; `None` when it is empty.
    fn raw(&self, column: &Column) -> Option<&'a str> {
        let at = self.columns.iter().position(|known| known.as_ref() == Some(column))?;
        self.row.cells.get(at).map(String::as_str).filter(|cell| !cell.trim().is_empty())
    }

    /// A name or a word.
    fn word(&self, column: &Column) -> Option<&'a str> {
        self.raw(column).map(|cell| cell::unguarded(cell.trim()))
    }

    fn at(&self) -> Where {
        Some(self.place)
    }

    fn read(&self, told: &mut Told, drafts: &mut Drafts) {
        let Some(name) = self.word(&Column::Device) else {
            let problem = "the row names no device";
            let remedy = "write the device's name in every row";
            told.error(self.at(), Some(&Column::Device), problem, remedy);
            return;
        };
        let device = drafts.device(name, self.at());
        self.device(device, told);
        let tag = self.word(&Column::Tag);
        let group = match (self.word(&Column::Group), tag) {
            (Some(group), _) => Some(device.group(group, self.at())),
            (None, Some(tag)) => device.group_of(tag),
            (None, None) => None,
        };
        if let Some(group) = group {
            self.interval(device, group, told);
        }
        let (Some(tag), Some(group)) = (tag, group) else {
            self.without_tag(tag, group.is_some(), told);
            return;
        };
        let draft = match device.said_tag(tag) {
            None => device.tag(group, tag, self.at()),
            Some(first) => {
                let first = first.map_or_else(String::new, |place| told.row_words(place));
                let problem =
                    format!("the tag `{}` of this device stands {first} already", shown(tag));
                let remedy = "rename one of the two, or remove the row";
                told.error(self.at(), Some(&Column::Tag), problem, remedy);
                device.repeated_tag(group, tag, self.at())
            }
        };
        self.tag(draft, told);
    }

    fn without_tag(&self, tag: Option<&str>, has_group: bool, told: &mut Told) {
        if tag.is_some() {
            let problem = "the tag has no group";
            let remedy = "write the group in which it is read";
            told.error(self.at(), Some(&Column::Group), problem, remedy);
            return;
        }
        let of_tag = |column: &&Column| {
            !column.is_of_device() && !matches!(column, Column::Group | Column::Interval)
        };
        let mut filled = self.columns.iter().flatten().filter(of_tag);
        if let Some(column) = filled.find(|column| self.raw(column).is_some()) {
            let problem = format!("the row has a `{}` and no tag", column.name());
            told.error(self.at(), Some(&Column::Tag), problem, "write the tag's name");
        } else if !has_group && self.raw(&Column::Interval).is_some() {
            let problem = "the row has an `interval` and no group";
            told.error(self.at(), Some(&Column::Group), problem, "write the group's name");
        }
    }

    fn device(&self, device: &mut DeviceDraft, told: &mut Told) {
        for column in self.columns.iter().flatten().filter(|column| column.is_of_device()) {
            let Some(cell) = self.raw(column).filter(|_| *column != Column::Device) else {
                continue;
            };
            let text = cell.trim();
            match device.said.get(column) {
                Some((_, said)) if said == text => continue,
                Some((place, said)) => {
                    let problem = format!(
                        "`{}` of the device `{}` is `{}` here and `{}` {}",
                        column.name(),
                        shown(device.name()),
                        shown(text),
                        shown(said),
                        told.row_words(*place)
                    );
                    let remedy =
                        "write the same in all rows of the device, or leave the cell empty";
                    told.error(self.at(), Some(column), problem, remedy);
                    continue;
                }
                None => {}
            }
            device.said.insert(column.clone(), (self.place, text.to_owned()));
            self.device_key(column, cell, device, told);
        }
    }

    fn device_key(&self, column: &Column, cell: &str, device: &mut DeviceDraft, told: &mut Told) {
        let keys = &mut device.keys;
        let value = cell::value(cell, self.decimal_comma);
        let text = || Value::String(cell::unguarded(cell.trim()).to_owned());
        match column {
            Column::Driver => drop(keys.insert("driver".to_owned(), text())),
            Column::Template => drop(keys.insert("template".to_owned(), text())),
            Column::DeviceDescription => {
                keys.insert("description".to_owned(), json!(cell::unguarded(cell)));
            }
            Column::Enabled => match cell::truth(cell) {
                Some(enabled) => drop(keys.insert("enabled".to_owned(), json!(enabled))),
                None => {
                    let problem = format!("`{}` is neither true nor false", shown(cell));
                    told.error(self.at(), Some(column), problem, "write `true` or `false`");
                }
            },
            Column::Overrides if value.is_array() => {
                keys.insert("overrides".to_owned(), value);
            }
            Column::Overrides => {
                let problem = "the overrides are not a list in JSON";
                let remedy = "write them as `[{\"tag\": \"NAME\", \"unit\": \"bar\"}]`";
                told.error(self.at(), Some(column), problem, remedy);
            }
            Column::Setting(path) => self.within(keys, "settings", path, value, column, told),
            Column::Parameter(path) => self.within(keys, "parameters", path, value, column, told),
            _ => {}
        }
    }

    /// Puts a value where a path of keys leads.
    fn within(
        &self,
        keys: &mut Map<String, Value>,
        first: &str,
        path: &str,
        value: Value,
        column: &Column,
        told: &mut Told,
    ) {
        let mut at = keys.entry(first).or_insert_with(|| json!({}));
        for key in path.split('.') {
            if !at.is_object() && !at.is_null() {
                let problem =
                    format!("`{}` stands within what another column fills", column.name());
                told.error(self.at(), Some(column), problem, "keep one of the two columns");
                return;
            }
            if at.is_null() {
                *at = json!({});
            }
            let Value::Object(keys) = at else { return };
            at = keys.entry(key).or_insert(Value::Null);
        }
        *at = value;
    }

    fn interval(&self, device: &mut DeviceDraft, group: usize, told: &mut Told) {
        let Some(text) = self.word(&Column::Interval) else { return };
        let group = &mut device.groups[group];
        match &group.interval {
            Some((_, said)) if said == text => {}
            Some((place, said)) => {
                let problem = format!(
                    "the interval of the group `{}` is `{}` here and `{}` {}",
                    shown(group.name()),
                    shown(text),
                    shown(said),
                    told.row_words(*place)
                );
                let remedy = "write the same in all rows of the group, or use two groups";
                told.error(self.at(), Some(&Column::Interval), problem, remedy);
            }
            None => {
                group.interval = Some((self.place, text.to_owned()));
                group.place = self.at();
                group.keys.insert("interval".to_owned(), json!(text));
            }
        }
    }

    fn tag(&self, tag: &mut TagDraft, told: &mut Told) {
        for (column, key) in
            [(Column::Type, "type"), (Column::Access, "access"), (Column::Report, "report")]
        {
            if let Some(word) = self.word(&column) {
                tag.keys.insert(key.to_owned(), json!(word));
            }
        }
        for (column, key) in [
            (Column::Address, "address"),
            (Column::Formula, "formula"),
            (Column::Unit, "unit"),
            (Column::Description, "description"),
        ] {
            if let Some(text) = self.raw(&column) {
                tag.keys.insert(key.to_owned(), json!(cell::unguarded(text)));
            }
        }
        if let Some(deadband) = self.number(&Column::Deadband, told) {
            tag.keys.insert("deadband".to_owned(), deadband);
        }
        if let Some(range) = self.pair(&Column::RangeLow, &Column::RangeHigh, told) {
            tag.keys.insert("range".to_owned(), range);
        }
        let mut scale = Map::new();
        for (column, key) in [(Column::Slope, "slope"), (Column::Offset, "offset")] {
            scale.extend(self.number(&column, told).map(|number| (key.to_owned(), number)));
        }
        for (low, high, key) in
            [(Column::RawLow, Column::RawHigh, "from"), (Column::ValueLow, Column::ValueHigh, "to")]
        {
            scale.extend(self.pair(&low, &high, told).map(|pair| (key.to_owned(), pair)));
        }
        if !scale.is_empty() {
            tag.keys.insert("scale".to_owned(), Value::Object(scale));
        }
    }

    fn number(&self, column: &Column, told: &mut Told) -> Option<Value> {
        let cell = self.raw(column)?;
        let number = cell::number(cell::unguarded(cell.trim()), self.decimal_comma);
        if number.is_none() {
            let problem = format!("`{}` is not a number", shown(cell));
            let remedy = match cell.contains(',') {
                true => "write it with a decimal point and without separators of thousands",
                false => "write a number such as `0.5`, without a unit",
            };
            told.error(self.at(), Some(column), problem, remedy);
        }
        number.map(Value::Number)
    }

    fn pair(&self, low: &Column, high: &Column, told: &mut Told) -> Option<Value> {
        match (self.raw(low), self.raw(high)) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                let (low, high) = (self.number(low, told), self.number(high, told));
                Some(json!([low?, high?]))
            }
            (first, _) => {
                let (given, missing) = if first.is_some() { (low, high) } else { (high, low) };
                let problem =
                    format!("`{}` is given and `{}` is not", given.name(), missing.name());
                told.error(self.at(), Some(missing), problem, "write both, or neither");
                None
            }
        }
    }
}
