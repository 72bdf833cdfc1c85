//! Streams that eKuiper reads from a broker, as devices of the driver `mqtt`: disabled, and without
//! their secrets.

use super::actions;
use super::export::Export;
use super::names;
use super::report::Note;
use super::statement::Use;
use super::stream::{Kind, Stream};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tagwerk_model::DataType;

/// Where eKuiper looks for a broker, unless told.
const BROKER: &str = "mqtt://127.0.0.1:1883";

/// What rules read of a stream: by tag, where it stands in a message, and what is known of it.
pub type Wanted = BTreeMap<String, (Vec<String>, Kind)>;

#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    pub name: String,
    pub settings: Value,
    pub tags: Vec<Tag>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    pub name: String,
    pub address: String,
    pub data_type: DataType,
}

/// Adds what one statement reads.
pub fn gather(used: &Use, wanted: &mut Wanted) {
    for (tag, kind) in &used.columns {
        let slot = wanted.entry(tag.clone()).or_insert_with(|| (vec![tag.clone()], *kind));
        slot.1 = slot.1.or(*kind);
        if let Some(path) = used.paths.get(tag) {
            slot.0.clone_from(path);
        }
    }
}

impl Device {
    /// `None` where somebody must see to it.
    pub fn of(
        name: String,
        stream: &Stream,
        mut wanted: Wanted,
        export: &Export,
        told: &mut Vec<Note>,
    ) -> Option<Device> {
        let topic = stream.option("datasource")?;
        let format = stream.option("format").unwrap_or("json").to_ascii_lowercase();
        if format != "json" {
            return None;
        }
        for (column, kind) in &stream.columns {
            wanted.insert(names::tag(column), (vec![column.clone()], *kind));
        }
        if wanted.is_empty() {
            return None;
        }
        let own = export.source("mqtt", stream.option("conf_key"));
        let properties = export.properties("mqtt", &own);
        let known = actions::broker(&properties);
        let remedy = match known.is_some() {
            true => "see its settings and tags, and enable it",
            false => "name its broker, see its tags, and enable it",
        };
        let text = format!("it is read from the disabled device `{name}`, {topic}");
        told.push(Note::by_hand(text, remedy));
        let mut settings = known.unwrap_or_else(|| json!({ "url": BROKER }));
        settings["topics"] = json!([topic]);
        read_settings(&properties, &mut settings, told);
        read_time(stream, &mut settings, told);
        let tag = |(name, (path, kind)): (String, (Vec<String>, Kind))| Tag {
            name,
            address: address(&path),
            data_type: kind.data_type(),
        };
        Some(Device { name, settings, tags: wanted.into_iter().map(tag).collect() })
    }
}

fn read_settings(properties: &Map<String, Value>, settings: &mut Value, told: &mut Vec<Note>) {
    if let Some(qos @ (0 | 2)) = properties.get("qos").and_then(Value::as_u64) {
        settings["qos"] = json!(qos);
    }
    let secret = ["password", "privateKeyPath", "certificationPath"];
    let given: Vec<&str> = secret.into_iter().filter(|key| properties.contains_key(*key)).collect();
    if !given.is_empty() {
        let text = format!("{} of the source is left out", given.join(", "));
        told.push(Note::by_hand(text, "store it as a secret and name it in the settings"));
    }
}

fn read_time(stream: &Stream, settings: &mut Value, told: &mut Vec<Note>) {
    let Some(column) = stream.option("timestamp") else { return };
    let field = address(&[column.to_owned()]);
    match stream.option("timestamp_format") {
        None => settings["time"] = json!({ "field": field, "unit": "ms" }),
        Some(format) => {
            let text = format!("its time has the form `{format}`");
            let remedy = "set `time` of the device, if it is one that the driver reads";
            told.push(Note::by_hand(text, remedy));
        }
    }
}

/// A field as the driver's addresses have it: with dots where that is possible, else as a pointer.
fn address(path: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_name = |step: &str| {
        step.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && step.chars().all(plain)
    };
    let is_place = |step: &str| {
        !step.is_empty() && step.len() <= 9 && step.bytes().all(|b| b.is_ascii_digit())
    };
    let mut steps = path.iter().enumerate();
    if steps.all(|(at, step)| is_name(step) || (at > 0 && is_place(step))) {
        return path.join(".");
    }
    let escaped = path.iter().map(|step| step.replace('~', "~0").replace('/', "~1"));
    escaped.fold(String::new(), |out, step| out + "/" + &step)
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn fields_are_addresses_of_the_driver() {
        for (path, expected) in [
            (&["temperature"][..], "temperature"),
            (&["data", "0", "x-1"], "data.0.x-1"),
            (&["a.b"], "/a.b"),
            (&["0"], "/0"),
            (&["größe", "a/b~"], "/größe/a~1b~0"),
        ] {
            let path: Vec<String> = path.iter().map(|step| (*step).to_owned()).collect();
            assert_eq!(address(&path), expected);
        }
    }
}
