//! A cheap handle on the bytes of one frame's payload.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// Shared bytes; cloning copies no content.
#[derive(Clone)]
pub struct Payload {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Payload {
    pub(crate) fn new(bytes: Arc<Vec<u8>>, range: Range<usize>) -> Payload {
        debug_assert!(range.end <= bytes.len());
        Payload { bytes, range }
    }

    /// The buffer for reuse, if nobody else holds it.
    pub(crate) fn into_buffer(self) -> Option<Vec<u8>> {
        Arc::try_unwrap(self.bytes).ok()
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Payload {
        Payload { bytes: Arc::new(bytes.to_vec()), range: 0..bytes.len() }
    }
}

impl Deref for Payload {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}
