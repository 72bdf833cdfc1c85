//! Reads ThingsPro's CSV of Modbus commands: one row a command with its tag. Its columns are found by
//! name, in the spellings of its interface and of its exports. Reports what is not translated.

use crate::cell;
use crate::column::Column;
use crate::draft::Drafts;
use crate::judge::shown;
use crate::neuron::named;
use crate::table::{Place, Row, Table};
use crate::{Where, Work};
use serde_json::{Value, json};
use std::collections::HashMap;
use tagwerk_component::Duration;

/// What a column is, and the spellings of its header: letters and digits only, in small letters.
const COLUMNS: [(Field, &[&str]); 20] = [
    (Field::Device, &["remotedevname", "remotedevice", "devicename", "device"]),
    (Field::Host, &["remoteip", "ipaddress", "ip", "host"]),
    (Field::Port, &["tcpport", "remoteport", "port"]),
    (Field::Unit, &["slaveid", "unitid", "deviceid"]),
    (Field::Command, &["commandname", "command", "name"]),
    (Field::Enabled, &["enable", "enabled"]),
    (Field::Mode, &["mode", "triggermode", "trigger"]),
    (Field::Function, &["functioncode", "function", "func", "fc"]),
    (Field::Address, &["readaddress", "readstartingaddress", "startaddress", "address"]),
    (Field::WriteAddress, &["writeaddress", "writestartingaddress"]),
    (Field::Quantity, &["readquantity", "quantity", "writequantity"]),
    (Field::Interval, &["pollinterval", "pollinginterval", "interval"]),
    (Field::Order, &["endianswap", "byteorder", "endian", "swap"]),
    (Field::Type, &["datatype", "type"]),
    (Field::Tag, &["tagname", "tag"]),
    (Field::Measure, &["dataunit", "unit"]),
    (Field::Slope, &["scalingslope", "interceptslope", "slope"]),
    (Field::Offset, &["scalingoffset", "interceptoffset", "offset", "intercept"]),
    (Field::Source, &["sourcemin", "sourcemax", "pointsourcemin", "pointsourcemax"]),
    (Field::Target, &["targetmin", "targetmax", "pointtargetmin", "pointtargetmax"]),
];

/// Headers that are understood and have no counterpart.
const WITHOUT_COUNTERPART: [(&str, &str); 6] = [
    ("fptout", "writes are not repeated here when data stays away"),
    ("faultprotection", "writes are not repeated here when data stays away"),
    ("fpmode", "writes are not repeated here when data stays away"),
    ("fpvalue", "writes are not repeated here when data stays away"),
    ("statusterm", "nothing is written when the edge stops"),
    ("initialdelay", "the runtime decides when devices are first asked"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Field {
    Device,
    Host,
    Port,
    Unit,
    Command,
    Enabled,
    Mode,
    Function,
    Address,
    WriteAddress,
    Quantity,
    Interval,
    Order,
    Type,
    Tag,
    Measure,
    Slope,
    Offset,
    Source,
    Target,
}

fn plain(header: &str) -> String {
    header.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// Whether a line can be the header of such a file, and not one of ours.
pub(crate) fn is_header(line: &str) -> bool {
    let names: Vec<String> = line.split([',', ';', '\t']).map(plain).collect();
    let has = |field: Field| {
        let spellings = COLUMNS.iter().find(|(known, _)| *known == field).map(|(_, names)| *names);
        names.iter().any(|name| spellings.is_some_and(|list| list.contains(&name.as_str())))
    };
    has(Field::Function) && has(Field::Address) && (has(Field::Command) || has(Field::Tag))
}

pub(crate) fn read(tables: &[Table], work: &mut Work, drafts: &mut Drafts) {
    let Some(table) = tables.first() else { return };
    let Some(header) = table.header() else {
        work.refuse("the file is empty", "export the commands anew");
        return;
    };
    let mut columns: HashMap<Field, Vec<usize>> = HashMap::new();
    for (at, cell) in table.rows[header].cells.iter().enumerate() {
        let name = plain(cell);
        match COLUMNS.iter().find(|(_, names)| names.contains(&name.as_str())) {
            Some((field, _)) => columns.entry(*field).or_default().push(at),
            None if name.is_empty() => {}
            None => {
                let known = WITHOUT_COUNTERPART.iter().find(|(known, _)| name.contains(known));
                let why = known.map_or("the column is not known", |(_, why)| why);
                work.not_translated(format!("column {}", shown(cell)), "header", why);
            }
        }
    }
    for field in [Field::Function, Field::Address] {
        if !columns.contains_key(&field) {
            let problem =
                format!("there is no column for the {}", format!("{field:?}").to_lowercase());
            let remedy = "choose the format of the file, or name the columns as ThingsPro does";
            work.refuse(problem, remedy);
            return;
        }
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (position, row) in table.rows.iter().enumerate().skip(header + 1) {
        if !row.is_empty() {
            let place = Place { table: 0, row: position as u32 };
            Command { columns: &columns, row, place, counts: &mut counts }.read(work, drafts);
        }
    }
}

struct Command<'a> {
    columns: &'a HashMap<Field, Vec<usize>>,
    row: &'a Row,
    place: Place,
    /// How often each name of a tag has been seen in its device.
    counts: &'a mut HashMap<String, usize>,
}

impl Command<'_> {
    fn nth(&self, field: Field, nth: usize) -> Option<&str> {
        let at = self.columns.get(&field)?.get(nth)?;
        self.row.cells.get(*at).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
    }

    fn text(&self, field: Field) -> Option<&str> {
        self.nth(field, 0)
    }

    fn number(&self, field: Field, nth: usize, work: &mut Work) -> Option<Value> {
        let cell = self.nth(field, nth)?;
        let number = cell::number(cell, work.decimal_comma);
        if number.is_none() {
            let problem = format!("`{}` is not a number", shown(cell));
            work.told.error(self.at(), None, problem, "correct the cell");
        }
        number.map(Value::Number)
    }

    fn whole(&self, field: Field, work: &mut Work) -> Option<u64> {
        let cell = self.text(field)?;
        let hexadecimal = cell.strip_prefix("0x").or(cell.strip_prefix("0X"));
        let number = match hexadecimal {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => cell.parse().ok(),
        };
        if number.is_none() {
            let problem = format!("`{}` is not a whole number", shown(cell));
            work.told.error(self.at(), None, problem, "correct the cell");
        }
        number
    }

    fn at(&self) -> Where {
        Some(self.place)
    }

    fn read(mut self, work: &mut Work, drafts: &mut Drafts) {
        let command =
            self.text(Field::Command).or(self.text(Field::Tag)).unwrap_or("tag").to_owned();
        let row = format!("row {}, command {}", self.row.number, shown(&command));
        if self.text(Field::Enabled).and_then(cell::truth) == Some(false) {
            work.not_translated("the command", row, "it is switched off");
            return;
        }
        let Some(function) = self.whole(Field::Function, work) else {
            let problem = "the command has no function code";
            work.told.error(self.at(), None, problem, "write the number of a function");
            return;
        };
        let (area, access) = match function {
            1 => ("coil", None),
            2 => ("discrete", None),
            3 | 23 => ("holding", None),
            4 => ("input", None),
            5 | 15 => ("coil", Some("write")),
            6 | 16 => ("holding", Some("write")),
            other => {
                work.not_translated("the command", row, format!("function {other} is not known"));
                return;
            }
        };
        if function == 23 {
            let why = "the part that writes is left out; add a tag with `access: write` for it";
            work.not_translated("function 23", row.clone(), why);
        }
        let field = match (access, self.text(Field::WriteAddress)) {
            (Some(_), Some(_)) => Field::WriteAddress,
            _ => Field::Address,
        };
        let Some(address) = self.whole(field, work) else {
            work.told.error(self.at(), None, "the command has no address", "write the register");
            return;
        };
        let bits = matches!(area, "coil" | "discrete");
        let Some(data_type) = self.data_type(bits, &row, work) else { return };
        let mut ours = format!("{area}:{address}");
        let quantity = self.whole(Field::Quantity, work).unwrap_or(1);
        if matches!(data_type, "text" | "bytes") {
            ours.push_str(&format!("/{}", quantity * 2));
        } else if quantity > registers(data_type) {
            let why = format!("it reads {quantity}; only the first value was made a tag");
            work.not_translated("the quantity", row.clone(), why);
        }
        if let Some(order) = self.order(data_type, &row, work) {
            ours.push_str(&format!("#{order}"));
        }
        self.tag(&command, &row, (ours, data_type, access), work, drafts);
    }

    fn tag(
        &mut self,
        command: &str,
        row: &str,
        (address, data_type, access): (String, &str, Option<&str>),
        work: &mut Work,
        drafts: &mut Drafts,
    ) {
        let device_name = self.device(row, work, drafts);
        let millis = self.whole(Field::Interval, work).unwrap_or(1000);
        let interval = Duration::from_millis(millis).to_string();
        let tag = self.text(Field::Tag).unwrap_or(command).to_owned();
        let mut tag_name = named(&tag, row, work);
        let seen = self.counts.entry(format!("{device_name}/{tag_name}")).or_default();
        *seen += 1;
        if *seen > 1 {
            tag_name = format!("{tag_name}_{seen}");
            let why = format!("the name is taken in this device; it is `{tag_name}` now");
            work.not_translated(format!("the name {}", shown(&tag)), row.to_owned(), why);
        }
        let scale = self.scale(work);
        let measure = self.text(Field::Measure).map(str::to_owned);
        let on_change = self.text(Field::Mode).is_some_and(|mode| plain(mode).contains("change"));
        let place = self.at();
        let device = drafts.device(&device_name, place);
        let group = device.group(&format!("every-{interval}"), place);
        device.groups[group].keys.insert("interval".to_owned(), json!(interval));
        let keys = &mut device.tag(group, &tag_name, place).keys;
        keys.insert("address".to_owned(), json!(address));
        keys.insert("type".to_owned(), json!(data_type));
        keys.extend(access.map(|access| ("access".to_owned(), json!(access))));
        keys.extend(measure.map(|unit| ("unit".to_owned(), json!(unit))));
        keys.extend(scale.map(|scale| ("scale".to_owned(), scale)));
        if on_change && access.is_some() {
            let why = "writing whenever a value changes needs a rule";
            work.not_translated("mode data change", row.to_owned(), why);
        }
    }

    /// The device of the row, with its settings.
    fn device(&self, row: &str, work: &mut Work, drafts: &mut Drafts) -> String {
        let host = self.text(Field::Host).map(str::to_owned);
        let unit = self.whole(Field::Unit, work);
        let port = self.whole(Field::Port, work);
        let name = match self.text(Field::Device) {
            Some(name) => name.to_owned(),
            None => format!("modbus-{}", unit.unwrap_or(1)),
        };
        let name = named(&name, row, work);
        let device = drafts.device(&name, self.at());
        let keys = &mut device.keys;
        keys.entry("driver").or_insert(json!("modbus-tcp"));
        let settings = keys.entry("settings").or_insert(json!({}));
        let Value::Object(settings) = settings else { return name };
        for (key, value) in [
            ("host", host.map(Value::String)),
            ("port", port.map(Value::from)),
            ("unit", unit.map(Value::from)),
        ] {
            settings.extend(value.map(|value| (key.to_owned(), value)));
        }
        if !settings.contains_key("host") && !work.told.has_told(self.place, "settings.host") {
            let problem = format!("the host of the device `{}` is not in the file", shown(&name));
            let remedy = "add a column `ip`, with the device's address";
            let column = Column::Setting("host".to_owned());
            work.told.error(self.at(), Some(&column), problem, remedy);
            settings.insert("host".to_owned(), json!("host"));
        }
        name
    }

    fn data_type(&self, bits: bool, row: &str, work: &mut Work) -> Option<&'static str> {
        let given = self.text(Field::Type).map(plain);
        Some(match given.as_deref() {
            None if bits => "bool",
            None => "uint16",
            Some("boolean" | "bool" | "bit") => "bool",
            Some("int8") => "int8",
            Some("uint8") => "uint8",
            Some("int16") => "int16",
            Some("uint16" | "word") => "uint16",
            Some("int32") => "int32",
            Some("uint32" | "dword") => "uint32",
            Some("int64") => "int64",
            Some("uint64") => "uint64",
            Some("float" | "float32") => "float32",
            Some("double" | "float64") => "float64",
            Some("string") => "text",
            Some("raw" | "bytearray") => "bytes",
            Some(other) => {
                let why = format!("its type `{}` has no counterpart", shown(other));
                work.not_translated("the command", row.to_owned(), why);
                return None;
            }
        })
    }

    fn order(&self, data_type: &str, row: &str, work: &mut Work) -> Option<&'static str> {
        let given = plain(self.text(Field::Order)?);
        let which = match given.as_str() {
            "" | "none" | "bigendian" | "big" | "abcd" => return None,
            "bigendianbyteswap" | "byte" | "byteswap" | "badc" => 1,
            "littleendian" | "little" | "byteword" | "bytewordswap" | "dcba" => 2,
            "littleendianbyteswap" | "word" | "wordswap" | "cdab" => 3,
            other => {
                let why = format!("the byte order `{}` is not known", shown(other));
                work.not_translated("the byte order", row.to_owned(), why);
                return None;
            }
        };
        match registers(data_type) {
            4 => Some(["", "BADCFEHG", "HGFEDCBA", "GHEFCDAB"][which]),
            2 => Some(["", "BADC", "DCBA", "CDAB"][which]),
            _ if matches!(data_type, "int16" | "uint16" | "text") && which < 3 => Some("BA"),
            _ => None,
        }
    }

    fn scale(&self, work: &mut Work) -> Option<Value> {
        let pair = |field: Field, work: &mut Work| {
            let (low, high) = (self.number(field, 0, work), self.number(field, 1, work));
            low.zip(high).filter(|(low, high)| low != high)
        };
        if let Some((from, to)) = pair(Field::Source, work).zip(pair(Field::Target, work)) {
            return Some(json!({ "from": [from.0, from.1], "to": [to.0, to.1] }));
        }
        let slope = self.number(Field::Slope, 0, work);
        let offset = self.number(Field::Offset, 0, work);
        let is = |value: &Option<Value>, number: f64| {
            value.as_ref().and_then(Value::as_f64).is_none_or(|value| value == number)
        };
        if is(&slope, 1.0) && is(&offset, 0.0)
            || slope.as_ref().is_some_and(|s| s.as_f64() == Some(0.0))
        {
            return None;
        }
        let slope = slope.unwrap_or(json!(1));
        Some(json!({ "slope": slope, "offset": offset.unwrap_or(json!(0)) }))
    }
}

/// Registers of one value.
fn registers(data_type: &str) -> u64 {
    match data_type {
        "int32" | "uint32" | "float32" => 2,
        "int64" | "uint64" | "float64" => 4,
        _ => 1,
    }
}
