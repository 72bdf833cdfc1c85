//! Reads what Neuron exports: nodes with their groups and tags, as its drivers' export nests them or as
//! its whole configuration lists them. Reports everything that is not translated.

use crate::draft::Drafts;
use crate::neuron_address::{self as address, Plugin, Translated};
use crate::{Work, encoding};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

pub(crate) fn read(bytes: &[u8], work: &mut Work, drafts: &mut Drafts) {
    let (text, assumed) = encoding::decode(bytes);
    work.assumed.extend(assumed.map(str::to_owned));
    let document = match tagwerk_config::document_value(text.as_bytes()) {
        Ok(document) => document,
        Err(finding) => {
            work.refuse(format!("the file is not JSON: {finding}"), "export it anew");
            return;
        }
    };
    let Some(nodes) = document["nodes"].as_array().or(document.as_array()) else {
        work.refuse("the file has no list `nodes`", "export nodes, or the whole configuration");
        return;
    };
    for node in nodes {
        Node::read(node, &document, work, drafts);
    }
    for (key, what) in [("subscriptions", "subscriptions of applications"), ("rules", "rules")] {
        let count = document[key].as_array().map_or(0, Vec::len);
        if count > 0 {
            let why = "what goes where is decided by sinks; add them by hand";
            work.not_translated(format!("{count} {what}"), key, why);
        }
    }
}

struct Node<'a> {
    name: &'a str,
    plugin: Plugin,
    /// What addresses of registers count from.
    base: u64,
}

impl<'a> Node<'a> {
    fn read(node: &'a Value, document: &'a Value, work: &mut Work, drafts: &mut Drafts) {
        let Some(name) = node["name"].as_str().or(node["node"].as_str()) else {
            work.not_translated("a node", "", "it has no name");
            return;
        };
        let plugin_name = node["plugin"].as_str().unwrap_or_default();
        let place = format!("node {name}");
        let Some(plugin) = Plugin::named(plugin_name) else {
            let why = format!("the plug-in `{plugin_name}` has no counterpart here");
            work.not_translated("the node", place, why);
            return;
        };
        let listed = |key: &'a str, owner: &'a str| {
            let list = document[key].as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter().filter(move |item| item[owner].as_str() == Some(name))
        };
        let params = node["params"].as_object();
        let params = params.or_else(|| listed("settings", "node").next()?["params"].as_object());
        let empty = Map::new();
        let mut settings =
            Settings { given: params.unwrap_or(&empty), ours: Map::new(), used: HashSet::new() };
        let base = settings.number("address_base").unwrap_or(1);
        let driver = settings.translate(plugin, plugin_name, &place, work);
        settings.tell_unused(&place, work);
        let node_of = Node { name, plugin, base };
        let device_name = named(name, &place, work);
        let device = drafts.device(&device_name, None);
        device.keys.insert("driver".to_owned(), json!(driver));
        device.keys.insert("settings".to_owned(), Value::Object(settings.ours));
        let nested = node["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
        for group in nested.iter().chain(listed("groups", "driver")) {
            node_of.group(group, group, &device_name, work, drafts);
        }
        for tags in listed("tags", "driver") {
            node_of.group(tags, &Value::Null, &device_name, work, drafts);
        }
    }

    fn group(
        &self,
        group: &Value,
        interval: &Value,
        device_name: &str,
        work: &mut Work,
        drafts: &mut Drafts,
    ) {
        let name = group["group"].as_str().or(group["name"].as_str()).unwrap_or("default");
        let place = format!("node {}, group {name}", self.name);
        let group_name = named(name, &place, work);
        let device = drafts.device(device_name, None);
        let at = device.group(&group_name, None);
        if let Some(millis) = interval["interval"].as_u64() {
            let interval = tagwerk_component::Duration::from_millis(millis).to_string();
            device.groups[at].keys.insert("interval".to_owned(), json!(interval));
        }
        for tag in group["tags"].as_array().into_iter().flatten() {
            self.tag(tag, at, &place, device_name, work, drafts);
        }
    }

    fn tag(
        &self,
        tag: &Value,
        group: usize,
        place: &str,
        device_name: &str,
        work: &mut Work,
        drafts: &mut Drafts,
    ) {
        let Some(name) = tag["name"].as_str() else {
            work.not_translated("a tag", place, "it has no name");
            return;
        };
        let place = format!("{place}, tag {name}");
        let code = tag["type"].as_u64().unwrap_or(0);
        let Some(data_type) = data_type(code) else {
            work.not_translated("the tag", place, format!("its type {code} has no counterpart"));
            return;
        };
        let attribute = tag["attribute"].as_u64().unwrap_or(1);
        if attribute & STATIC != 0 {
            let why = "its value is kept by Neuron and not by the device";
            work.not_translated("the tag", place, why);
            return;
        }
        let (reads, writes) = (attribute & (READ | SUBSCRIBE) != 0, attribute & WRITE != 0);
        let theirs = tag["address"].as_str().unwrap_or_default();
        let translated = self.address(theirs, data_type, writes && !reads);
        let Translated { address, assumed } = match translated {
            Ok(translated) => translated,
            Err(why) => {
                let why = format!("the address `{theirs}` is not understood: {why}");
                work.not_translated("the tag", place, why);
                return;
            }
        };
        if let Some(assumed) = assumed
            && !work.assumed.contains(&assumed)
        {
            work.assumed.push(assumed);
        }
        let tag_name = named(name, &place, work);
        let device = drafts.device(device_name, None);
        if device.said_tag(&tag_name).is_some() {
            let why =
                "another group of the node has a tag of this name; names are unique in a device";
            work.not_translated("the tag", place, why);
            return;
        }
        let keys = &mut device.tag(group, &tag_name, None).keys;
        keys.insert("address".to_owned(), json!(address));
        keys.insert("type".to_owned(), json!(data_type));
        let access = match (reads, writes) {
            (true, true) => Some("read_write"),
            (false, true) => Some("write"),
            _ => None,
        };
        keys.extend(access.map(|access| ("access".to_owned(), json!(access))));
        if attribute & SUBSCRIBE != 0 && reads {
            keys.insert("report".to_owned(), json!("change"));
        }
        for key in ["description", "unit"] {
            let text = tag[key].as_str().filter(|text| !text.is_empty());
            keys.extend(text.map(|text| (key.to_owned(), json!(text))));
        }
        self.numbers(tag, data_type, &place, keys, work);
    }

    fn address(&self, theirs: &str, data_type: &str, command: bool) -> Result<Translated, String> {
        match self.plugin {
            Plugin::Modbus => address::modbus(theirs, data_type, self.base),
            Plugin::OpcUa => address::opc_ua(theirs),
            Plugin::S7 => address::s7(theirs, data_type),
            Plugin::Iec104 => address::iec_104(theirs, data_type, command),
        }
    }

    fn numbers(
        &self,
        tag: &Value,
        data_type: &str,
        place: &str,
        keys: &mut Map<String, Value>,
        work: &mut Work,
    ) {
        let number = |key: &str| tag[key].as_f64().filter(|number| *number != 0.0);
        let slope = number("decimal").filter(|slope| *slope != 1.0);
        let offset = number("bias");
        let numeric = !matches!(data_type, "bool" | "text" | "bytes");
        if slope.or(offset).is_some() && !numeric {
            work.not_translated("decimal and bias", place, "they are for numbers");
        } else if slope.or(offset).is_some() {
            let mut scale = Map::new();
            scale.extend(slope.map(|_| ("slope".to_owned(), tag["decimal"].clone())));
            scale.extend(offset.map(|_| ("offset".to_owned(), tag["bias"].clone())));
            keys.insert("scale".to_owned(), Value::Object(scale));
        }
        if number("precision").is_some() {
            let why = "values are not rounded here";
            work.not_translated("precision", place, why);
        }
        for key in ["format", "metas", "value"] {
            if !tag[key].is_null() {
                work.not_translated(key, place, "there is no counterpart");
            }
        }
    }
}

const READ: u64 = 1;
const WRITE: u64 = 2;
const SUBSCRIBE: u64 = 4;
const STATIC: u64 = 8;

/// Neuron's numbers of types.
fn data_type(code: u64) -> Option<&'static str> {
    Some(match code {
        1 => "int8",
        2 => "uint8",
        3 => "int16",
        4 | 16 => "uint16",
        5 => "int32",
        6 | 17 => "uint32",
        7 => "int64",
        8 | 18 => "uint64",
        9 => "float32",
        10 => "float64",
        11 | 12 => "bool",
        13 => "text",
        14 => "bytes",
        _ => return None,
    })
}

/// The name with what a name here may not have replaced.
pub(crate) fn named(name: &str, place: &str, work: &mut Work) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut ours: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    if !ours.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        ours.insert(0, 'x');
    }
    if ours == tagwerk_config::RESERVED_TAG {
        ours.push_str("_value");
    }
    if ours != name {
        let why = format!("it is `{ours}` now; names have letters, digits, `.`, `_` and `-`");
        work.not_translated(format!("the name `{name}`"), place, why);
    }
    ours
}

/// A node's parameters on their way into settings.
struct Settings<'a> {
    given: &'a Map<String, Value>,
    ours: Map<String, Value>,
    used: HashSet<&'static str>,
}

impl Settings<'_> {
    fn number(&mut self, key: &'static str) -> Option<u64> {
        self.used.insert(key);
        let value = self.given.get(key)?;
        value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    fn text(&mut self, key: &'static str) -> Option<String> {
        self.used.insert(key);
        self.given.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.ours.insert(key.to_owned(), value.into());
    }

    fn millis(&mut self, theirs: &'static str, ours: &str) {
        if let Some(millis) = self.number(theirs).filter(|millis| *millis > 0) {
            self.put(ours, tagwerk_component::Duration::from_millis(millis).to_string());
        }
    }

    /// Fills the settings; the driver's name.
    fn translate(
        &mut self,
        plugin: Plugin,
        plugin_name: &str,
        place: &str,
        work: &mut Work,
    ) -> &'static str {
        match plugin {
            Plugin::Modbus => self.modbus(plugin_name, place, work),
            Plugin::OpcUa => {
                if let Some(url) = self.text("url") {
                    self.put("endpoint", url);
                }
                if let Some(user) = self.text("username") {
                    self.put("identity", "user");
                    self.put("user", user);
                    self.secret("password", place, work);
                }
                "opcua"
            }
            Plugin::S7 => {
                self.host_and_port();
                for key in ["rack", "slot"] {
                    if let Some(number) = self.number(key) {
                        self.put(key, number);
                    }
                }
                "s7"
            }
            Plugin::Iec104 => {
                self.host_and_port();
                for key in ["ca", "common_address"] {
                    if let Some(number) = self.number(key) {
                        self.put("common_address", number);
                    }
                }
                "iec104"
            }
        }
    }

    fn host_and_port(&mut self) {
        if let Some(host) = self.text("host") {
            self.put("host", host);
        }
        if let Some(port) = self.number("port") {
            self.put("port", port);
        }
    }

    fn secret(&mut self, key: &'static str, place: &str, work: &mut Work) {
        self.used.insert(key);
        let node = place.trim_start_matches("node ");
        let name: String =
            node.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let name = format!("{name}-{key}").trim_start_matches('_').to_owned();
        self.put(key, json!({ "secret": name }));
        let why = format!("secrets are kept apart; store it with `tagwerk secret set {name}`");
        work.not_translated(key, place, why);
    }

    fn modbus(&mut self, plugin_name: &str, place: &str, work: &mut Work) -> &'static str {
        let rtu = plugin_name.to_ascii_uppercase().contains("RTU");
        let serial = rtu && self.number("link") == Some(0);
        if serial {
            self.serial();
        } else {
            self.host_and_port();
            if rtu {
                self.put("framing", "rtu");
            }
            if let Some(host) = self.text("backup_host") {
                self.put("backup_host", host);
                if let Some(port) = self.number("backup_port") {
                    self.put("backup_port", port);
                }
            }
        }
        self.used.extend(["backup_port", "link", "transport_mode", "check_header"]);
        self.millis("timeout", "timeout");
        self.millis("interval", "pause");
        if let Some(retries) = self.number("max_retries") {
            self.put("retries", retries);
        }
        // The numbers of the orders, as Neuron lists them.
        let orders = ["ABCD", "BADC", "DCBA", "CDAB"];
        for key in ["endianess", "endianness"] {
            let number = self.number(key).and_then(|n| usize::try_from(n).ok());
            if let Some(order) = number.and_then(|n| orders.get(n.checked_sub(1)?)) {
                self.put("byte_order", *order);
                work.assumed.push(format!("{place}: its byte order was read as {order}"));
            }
        }
        if self.number("connection_mode") == Some(1) {
            let why = "devices that dial in are not supported; the edge connects to the device";
            work.not_translated("connection_mode server", place, why);
        }
        if serial { "modbus-serial" } else { "modbus-tcp" }
    }

    fn serial(&mut self) {
        const BAUDS: [u64; 10] =
            [115_200, 57_600, 38_400, 19_200, 9600, 4800, 2400, 1800, 1200, 600];
        if let Some(path) = self.text("device") {
            self.put("port", path);
        }
        if let Some(baud) = self.number("baud") {
            let named = usize::try_from(baud).ok().and_then(|index| BAUDS.get(index));
            self.put("baud", named.copied().unwrap_or(baud));
        }
        let parity = self.number("parity").and_then(|parity| match parity {
            0 => Some("none"),
            1 => Some("odd"),
            2 => Some("even"),
            _ => None,
        });
        if let Some(parity) = parity {
            self.put("parity", parity);
        }
        if let Some(stop) = self.number("stop").filter(|stop| *stop < 2) {
            self.put("stop_bits", stop + 1);
        }
        if let Some(data) = self.number("data").filter(|data| *data < 4) {
            self.put("data_bits", data + 5);
        }
    }

    fn tell_unused(&self, place: &str, work: &mut Work) {
        for (key, value) in self.given {
            let nothing = value.is_null() || value == "" || value == &json!(false);
            if !nothing && !self.used.contains(key.as_str()) {
                let why = "there is no counterpart, or another default does";
                work.not_translated(format!("parameter {key}"), place, why);
            }
        }
    }
}
