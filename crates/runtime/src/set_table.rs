//! Tag sets by number, shared between those who write samples and those who read them back.

use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tagwerk_model::codec::{self, DecodeError};
use tagwerk_model::{TagId, TagSet};

/// The sets in use. A set that nobody holds any more is read from the journal's dictionary.
#[derive(Default)]
pub(crate) struct SetTable {
    sets: RwLock<HashMap<u32, Weak<TagSet>>>,
}

impl SetTable {
    pub fn insert(&self, set: &Arc<TagSet>) {
        let mut sets = self.sets.write();
        sets.retain(|_, set| set.strong_count() > 0);
        sets.insert(set.id(), Arc::downgrade(set));
    }

    pub fn get(&self, stored: &tagwerk_journal::TagSet) -> Result<Arc<TagSet>, DecodeError> {
        if let Some(set) = self.sets.read().get(&stored.id).and_then(Weak::upgrade)
            && set.tags().iter().map(|t| t.id).eq(stored.tags.iter().map(|id| TagId(*id)))
        {
            return Ok(set);
        }
        let definition = codec::decode_definition(stored.id, &stored.dictionary)?;
        let set = Arc::new(TagSet::new(definition));
        self.sets.write().insert(stored.id, Arc::downgrade(&set));
        Ok(set)
    }
}
