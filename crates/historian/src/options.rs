//! What a caller may choose. Defaults fit a gateway with some gigabytes of flash.

use crate::{Retention, Trouble};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// Called by the thread that feeds the historian; must not block.
pub type OnTrouble = Arc<dyn Fn(&Trouble) + Send + Sync>;

#[derive(Clone)]
pub struct Options {
    /// Size at which a segment is completed.
    pub segment_bytes: u64,
    /// Samples of a full chunk; it is sealed a little earlier for some tags, so that not all are
    /// sealed at once.
    pub chunk_samples: usize,
    /// Content of text, bytes or lists at which a chunk is full.
    pub chunk_content_bytes: usize,
    /// A chunk is sealed, full or not, when its first sample was taken in this long ago.
    pub seal_after: Duration,
    /// Or when the journal took in this much since.
    pub seal_journal_bytes: u64,
    /// What all segments may take. Towards it, the samples that came in first become rollups; above
    /// it, the segment that came first is removed.
    pub bytes_max: u64,
    /// Until [`crate::Historian::set_retention`].
    pub retention: Retention,
    /// Sealed chunks are written and synced when they are this large, or
    pub group_bytes: usize,
    /// this old.
    pub group_after: Duration,
    /// Sealed chunks that may wait in memory for a disk that fails. More: `append` is refused.
    pub pending_bytes_max: usize,
    /// Segments that are compacted into one have at most this size together.
    pub compact_bytes_max: u64,
    /// Bytes that one call of `maintain` may spend on compaction.
    pub compact_step_bytes: usize,
    pub on_trouble: Option<OnTrouble>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            segment_bytes: 64 * MIB,
            chunk_samples: 512,
            chunk_content_bytes: 64 * 1024,
            seal_after: Duration::from_secs(3_600),
            seal_journal_bytes: 256 * MIB,
            bytes_max: 8 * 1024 * MIB,
            retention: Retention::default(),
            group_bytes: 4 * MIB as usize,
            group_after: Duration::from_secs(10),
            pending_bytes_max: 32 * MIB as usize,
            compact_bytes_max: 128 * MIB,
            compact_step_bytes: 2 * MIB as usize,
            on_trouble: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("segment_bytes", &self.segment_bytes)
            .field("chunk_samples", &self.chunk_samples)
            .field("bytes_max", &self.bytes_max)
            .finish_non_exhaustive()
    }
}
