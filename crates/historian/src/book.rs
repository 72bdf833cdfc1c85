//! The newest definition of every tag that history knows.

use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_model::{DataType, TagId, TagSetDefinition};

/// A tag as its newest definition names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagInfo {
    pub id: TagId,
    pub device: Arc<str>,
    pub group: Arc<str>,
    pub name: Arc<str>,
    pub data_type: DataType,
    pub unit: Arc<str>,
}

#[derive(Default)]
pub(crate) struct Book {
    tags: HashMap<u32, Record>,
}

struct Record {
    set: Arc<Set>,
    name: Arc<str>,
    data_type: DataType,
    unit: Arc<str>,
}

struct Set {
    device: Arc<str>,
    group: Arc<str>,
}

impl Book {
    /// What `definition` says is newer than all before.
    pub fn put(&mut self, definition: &TagSetDefinition, units: &[Arc<str>]) {
        let set = Arc::new(Set {
            device: (&*definition.device).into(),
            group: (&*definition.group).into(),
        });
        for (tag, unit) in definition.tags.iter().zip(units) {
            let name = (&*tag.name).into();
            let record =
                Record { set: set.clone(), name, data_type: tag.data_type, unit: unit.clone() };
            self.tags.insert(tag.id.0, record);
        }
    }

    /// What `definition` says is older than all before: only unknown tags are taken.
    pub fn put_older(&mut self, mut definition: TagSetDefinition) {
        definition.tags.retain(|tag| !self.tags.contains_key(&tag.id.0));
        if !definition.tags.is_empty() {
            let units: Vec<Arc<str>> =
                definition.tags.iter().map(|tag| (&*tag.unit).into()).collect();
            self.put(&definition, &units);
        }
    }

    pub fn get(&self, tag: TagId) -> Option<TagInfo> {
        self.tags.get(&tag.0).map(|record| record.told(tag.0))
    }

    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// All, by their numbers.
    pub fn list(&self) -> Vec<TagInfo> {
        let mut all: Vec<TagInfo> = self.tags.iter().map(|(id, record)| record.told(*id)).collect();
        all.sort_by_key(|tag| tag.id);
        all
    }
}

impl Record {
    fn told(&self, id: u32) -> TagInfo {
        TagInfo {
            id: TagId(id),
            device: self.set.device.clone(),
            group: self.set.group.clone(),
            name: self.name.clone(),
            data_type: self.data_type,
            unit: self.unit.clone(),
        }
    }
}
