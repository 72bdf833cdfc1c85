//! What a caller may choose. Defaults fit a gateway with some gigabytes of flash.

use crate::Stream;
use std::time::Duration;

/// How long appended data may stay unproven on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every append returns after its fdatasync.
    Strict,
    /// At most 200 ms.
    Normal,
    /// At most 5 s.
    Relaxed,
}

/// What happens to an append when the disk is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The oldest segment is dropped and the append tried once more.
    Oldest,
    /// The append fails; what is stored stays. (An append to `record` first makes `samples` drop
    /// its oldest segment, if that stream may.)
    Newest,
}

/// Who runs the group commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitBy {
    /// A thread of the journal's own.
    Thread,
    /// Only [`crate::Journal::commit`], [`crate::Journal::durable`] and strict appends sync, on the
    /// caller's thread. For simulations that must repeat exactly.
    Caller,
}

#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// Size of a segment file; at most a quarter of `bytes_max` and 1 GiB is used.
    pub segment_bytes: u64,
    /// The oldest segments are removed when the stream is larger.
    pub bytes_max: u64,
    pub segments_max: usize,
    /// Segments are removed when everything in them is older. Counted on the monotonic clock; over a
    /// restart of the machine as the least that the known wall clocks allow, so that a wrong clock
    /// deletes nothing.
    pub age_max: Option<Duration>,
    /// Recent frames kept in memory for readers at the tail.
    pub tail_bytes: usize,
    pub durability: Durability,
    pub full: Full,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub samples: StreamOptions,
    pub outputs: StreamOptions,
    pub record: StreamOptions,
    pub commit_by: CommitBy,
    /// Space kept for `record` and for the configuration: a file that is removed when the disk is full
    /// and made again when there is room. 0: none.
    pub reserve_bytes: u64,
    /// What `quarantine/` may hold. More: the oldest pieces are removed; the newest stays.
    pub quarantine_bytes_max: u64,
    /// NEGATIVE CONTROL of the kill rig, never for real use: holds up to this many bytes in user
    /// space across appends, so that a `kill -9` must lose data and the rig must notice.
    pub buffered_for_test: Option<usize>,
}

const MIB: u64 = 1 << 20;

impl Default for Options {
    fn default() -> Options {
        let stream = |segment_mib: u64, max_mib: u64, tail_kib: usize| StreamOptions {
            segment_bytes: segment_mib * MIB,
            bytes_max: max_mib * MIB,
            segments_max: 4096,
            age_max: None,
            tail_bytes: tail_kib * 1024,
            durability: Durability::Normal,
            full: Full::Oldest,
        };
        Options {
            samples: stream(64, 2048, 8192),
            outputs: stream(16, 256, 1024),
            // Old audit is not dropped for want of space: old samples are.
            record: StreamOptions { full: Full::Newest, ..stream(4, 64, 512) },
            commit_by: CommitBy::Thread,
            reserve_bytes: 16 * MIB,
            quarantine_bytes_max: 256 * MIB,
            buffered_for_test: None,
        }
    }
}

impl Options {
    pub fn stream(&self, stream: Stream) -> &StreamOptions {
        match stream {
            Stream::Samples => &self.samples,
            Stream::Outputs => &self.outputs,
            Stream::Record => &self.record,
        }
    }
}
