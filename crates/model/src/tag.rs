//! Tags and the sets in which they are read. A tag's number is never reused, so that old samples
//! keep their meaning.

use crate::value::{DataType, Kind};
use std::fmt;

/// A tag's number on one edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagId(pub u32);

impl fmt::Display for TagId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a reader of samples must know of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagDefinition {
    pub id: TagId,
    pub name: Box<str>,
    /// The type of the value as published: `float64` for a scaled integer.
    pub data_type: DataType,
    pub unit: Box<str>,
}

/// The tags of one group of one device, in the order in which batches hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagSetDefinition {
    pub id: u32,
    pub device: Box<str>,
    pub group: Box<str>,
    pub tags: Vec<TagDefinition>,
}

/// The layout that a batch needs to find a tag's value: which column, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub struct TagSet {
    pub definition: TagSetDefinition,
    kinds: Box<[Kind]>,
    slots: Box<[u32]>,
    counts: [u32; Kind::ALL.len()],
}

impl TagSet {
    pub fn new(definition: TagSetDefinition) -> TagSet {
        let mut counts = [0u32; Kind::ALL.len()];
        let kinds: Box<[Kind]> = definition.tags.iter().map(|t| t.data_type.kind()).collect();
        let slots = kinds
            .iter()
            .map(|kind| {
                let slot = counts[*kind as usize];
                counts[*kind as usize] += 1;
                slot
            })
            .collect();
        TagSet { definition, kinds, slots, counts }
    }

    pub fn id(&self) -> u32 {
        self.definition.id
    }

    pub fn device(&self) -> &str {
        &self.definition.device
    }

    pub fn group(&self) -> &str {
        &self.definition.group
    }

    pub fn tags(&self) -> &[TagDefinition] {
        &self.definition.tags
    }

    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    pub fn kind(&self, index: usize) -> Kind {
        self.kinds[index]
    }

    /// The place of tag `index` in the column of its kind, in a batch that holds every tag.
    pub fn slot(&self, index: usize) -> usize {
        self.slots[index] as usize
    }

    /// How many tags of the set are of this kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.counts[kind as usize] as usize
    }
}
