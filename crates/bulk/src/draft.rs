//! The devices of a document while a file is read into them, each part with its place in the file.

use crate::Where;
use crate::column::Column;
use crate::table::Place;
use serde_json::{Map, Value};
use std::collections::HashMap;

#[derive(Default)]
pub(crate) struct Drafts {
    pub list: Vec<DeviceDraft>,
    by_name: HashMap<String, usize>,
}

pub(crate) struct DeviceDraft {
    /// Everything but the groups.
    pub keys: Map<String, Value>,
    pub groups: Vec<GroupDraft>,
    /// The first row about it.
    pub place: Where,
    /// The file speaks of it.
    pub touched: bool,
    /// What rows have said of it: where, and in which words.
    pub said: HashMap<Column, (Place, String)>,
    by_name: HashMap<String, usize>,
    tags: HashMap<String, (usize, usize)>,
}

pub(crate) struct GroupDraft {
    /// Everything but the tags.
    pub keys: Map<String, Value>,
    pub tags: Vec<TagDraft>,
    pub place: Where,
    /// Where its interval was said, and in which words.
    pub interval: Option<(Place, String)>,
}

pub(crate) struct TagDraft {
    pub keys: Map<String, Value>,
    pub place: Where,
    pub touched: bool,
    /// Another part of the file has it already.
    pub repeated: bool,
}

impl Drafts {
    pub fn of(devices: &Value) -> Drafts {
        let mut drafts = Drafts::default();
        for device in devices.as_array().into_iter().flatten() {
            let Some(keys) = device.as_object() else { continue };
            let name = keys.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let index = drafts.add(name);
            drafts.list[index].fill(keys);
        }
        drafts
    }

    /// The device of this name, which is new if need be.
    pub fn device(&mut self, name: &str, place: Where) -> &mut DeviceDraft {
        let index = match self.by_name.get(name) {
            Some(index) => *index,
            None => self.add(name.to_owned()),
        };
        let device = &mut self.list[index];
        device.place = device.place.or(place);
        device.touched = true;
        device
    }

    fn add(&mut self, name: String) -> usize {
        let index = self.list.len();
        let mut keys = Map::new();
        keys.insert("name".to_owned(), Value::String(name.clone()));
        self.list.push(DeviceDraft {
            keys,
            groups: Vec::new(),
            place: None,
            touched: false,
            said: HashMap::new(),
            by_name: HashMap::new(),
            tags: HashMap::new(),
        });
        // Of two devices with one name, rows are about the first; the check tells of the second.
        self.by_name.entry(name).or_insert(index);
        index
    }

    /// Devices and tags that the file speaks of.
    pub fn counts(&self) -> (usize, usize) {
        let devices = self.list.iter().filter(|device| device.touched);
        let groups = devices.clone().flat_map(|device| &device.groups);
        let tags = groups.flat_map(|group| &group.tags).filter(|tag| tag.touched);
        (devices.count(), tags.count())
    }

    /// The document with these devices in place of its own.
    pub fn into_document(self, mut document: Value) -> Value {
        let devices: Vec<Value> = self.list.into_iter().map(DeviceDraft::into_value).collect();
        if let Some(keys) = document.as_object_mut() {
            keys.insert("devices".to_owned(), Value::Array(devices));
        }
        document
    }
}

impl DeviceDraft {
    fn fill(&mut self, keys: &Map<String, Value>) {
        for (key, value) in keys.iter().filter(|(key, _)| *key != "groups") {
            self.keys.insert(key.clone(), value.clone());
        }
        for group in keys.get("groups").and_then(Value::as_array).into_iter().flatten() {
            let Some(keys) = group.as_object() else { continue };
            let name = keys.get("name").and_then(Value::as_str).unwrap_or_default();
            let at = self.add_group(name.to_owned());
            for (key, value) in keys.iter().filter(|(key, _)| *key != "tags") {
                self.groups[at].keys.insert(key.clone(), value.clone());
            }
            for tag in keys.get("tags").and_then(Value::as_array).into_iter().flatten() {
                let Some(keys) = tag.as_object() else { continue };
                let name = keys.get("name").and_then(Value::as_str).unwrap_or_default();
                self.add_tag(at, name.to_owned()).keys = keys.clone();
            }
        }
    }

    pub fn name(&self) -> &str {
        self.keys.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    /// The position of a group, which is new if need be.
    pub fn group(&mut self, name: &str, place: Where) -> usize {
        let at = match self.by_name.get(name) {
            Some(at) => *at,
            None => self.add_group(name.to_owned()),
        };
        let group = &mut self.groups[at];
        group.place = group.place.or(place);
        at
    }

    fn add_group(&mut self, name: String) -> usize {
        let at = self.groups.len();
        let mut keys = Map::new();
        keys.insert("name".to_owned(), Value::String(name.clone()));
        self.groups.push(GroupDraft { keys, tags: Vec::new(), place: None, interval: None });
        self.by_name.entry(name).or_insert(at);
        at
    }

    /// The group that has a tag already.
    pub fn group_of(&self, tag: &str) -> Option<usize> {
        self.tags.get(tag).map(|(group, _)| *group)
    }

    /// The place where the file has spoken of a tag before.
    pub fn said_tag(&self, name: &str) -> Option<Where> {
        let (group, tag) = self.tags.get(name)?;
        let tag = &self.groups[*group].tags[*tag];
        tag.touched.then_some(tag.place)
    }

    /// A tag of the document, or a new one; in this group from now on.
    pub fn tag(&mut self, group: usize, name: &str, place: Where) -> &mut TagDraft {
        let known = self.tags.get(name).copied();
        let keys = known.map(|(g, t)| self.groups[g].tags[t].keys.clone());
        let tag = match known {
            Some((g, t)) if g == group => &mut self.groups[g].tags[t],
            Some((g, t)) => {
                // Moved: its place in the other group stays behind, empty.
                self.groups[g].tags[t].keys.clear();
                self.add_tag(group, name.to_owned())
            }
            None => self.add_tag(group, name.to_owned()),
        };
        if let Some(keys) = keys {
            tag.keys = keys;
        }
        tag.place = place;
        tag.touched = true;
        tag
    }

    /// A tag that the file has twice: kept apart, so that its other mistakes are told, too.
    pub fn repeated_tag(&mut self, group: usize, name: &str, place: Where) -> &mut TagDraft {
        let mut keys = Map::new();
        keys.insert("name".to_owned(), Value::String(name.to_owned()));
        let tags = &mut self.groups[group].tags;
        tags.push(TagDraft { keys, place, touched: true, repeated: true });
        let last = tags.len() - 1;
        &mut tags[last]
    }

    fn add_tag(&mut self, group: usize, name: String) -> &mut TagDraft {
        let at = self.groups[group].tags.len();
        let mut keys = Map::new();
        keys.insert("name".to_owned(), Value::String(name.clone()));
        let tag = TagDraft { keys, place: None, touched: false, repeated: false };
        self.groups[group].tags.push(tag);
        self.tags.insert(name, (group, at));
        &mut self.groups[group].tags[at]
    }

    fn into_value(self) -> Value {
        let mut keys = self.keys;
        let groups: Vec<Value> = self.groups.into_iter().map(GroupDraft::into_value).collect();
        if !groups.is_empty() {
            keys.insert("groups".to_owned(), Value::Array(groups));
        }
        Value::Object(keys)
    }
}

impl GroupDraft {
    pub fn name(&self) -> &str {
        self.keys.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    fn into_value(self) -> Value {
        let mut keys = self.keys;
        let tags = self.tags.into_iter().filter(|tag| !tag.keys.is_empty());
        let tags: Vec<Value> = tags.map(|tag| Value::Object(tag.keys)).collect();
        if !tags.is_empty() {
            keys.insert("tags".to_owned(), Value::Array(tags));
        }
        Value::Object(keys)
    }
}
