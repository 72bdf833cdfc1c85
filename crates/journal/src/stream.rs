//! The three streams and ranges of sequence numbers.

use std::fmt;

/// A stream has its own segments, sequence and retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// From devices.
    Samples,
    /// Of rules, where something durable reads them.
    Outputs,
    /// Alarms, commands, audit, gaps, cursors, configuration revisions.
    Record,
}

impl Stream {
    pub const ALL: [Stream; 3] = [Stream::Samples, Stream::Outputs, Stream::Record];

    /// The folder's name, also the name shown to people.
    pub fn name(self) -> &'static str {
        match self {
            Stream::Samples => "samples",
            Stream::Outputs => "outputs",
            Stream::Record => "record",
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Stream::Samples => 0,
            Stream::Outputs => 1,
            Stream::Record => 2,
        }
    }

    pub(crate) fn code(self) -> u8 {
        self.index() as u8 + 1
    }

    pub(crate) fn from_code(code: u8) -> Option<Stream> {
        Stream::ALL.into_iter().find(|stream| stream.code() == code)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Sequence numbers `from` up to, not including, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub from: u64,
    pub to: u64,
}

impl Span {
    pub fn count(self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    /// The last sequence number inside; what [`crate::Journal::durable`] is asked for.
    pub fn last(self) -> u64 {
        self.to.saturating_sub(1)
    }
}
