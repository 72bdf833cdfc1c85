//! Tag sets: which tags a block speaks of, and how a segment describes them for itself.

use crate::frame::Fields;

/// The tags of a block. `(id, revision)` names exactly one content for ever: whoever changes the
/// content gives it a new revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagSet {
    pub id: u32,
    pub revision: u32,
    pub tags: Vec<u32>,
    /// Describes the tags (device, group, names, types); opaque to the journal.
    pub dictionary: Vec<u8>,
}

impl TagSet {
    pub(crate) fn key(&self) -> (u32, u32) {
        (self.id, self.revision)
    }

    pub(crate) fn encoded_bytes(&self) -> usize {
        8 + self.tags.len() * 4 + self.dictionary.len()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_bytes());
        bytes.extend_from_slice(&(self.tags.len() as u32).to_le_bytes());
        for tag in &self.tags {
            bytes.extend_from_slice(&tag.to_le_bytes());
        }
        bytes.extend_from_slice(&(self.dictionary.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.dictionary);
        bytes
    }

    pub(crate) fn decode(id: u32, revision: u32, payload: &[u8]) -> Option<TagSet> {
        let mut fields = Fields(payload);
        let count = fields.u32()? as usize;
        let tags = fields.take(count.checked_mul(4)?)?;
        let tags = tags.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let tags = tags.collect();
        let length = fields.u32()? as usize;
        let dictionary = fields.take(length)?.to_vec();
        fields.0.is_empty().then_some(TagSet { id, revision, tags, dictionary })
    }
}
