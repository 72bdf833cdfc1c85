//! What a receiver got, as lines of JSON in the order of arrival.

use crate::format::StreamName;
use crate::range::{Range, Ranges};
use crate::report::{Tally, VerifyError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::path::PathBuf;

/// A line may have this many bytes. More: it is counted as unreadable.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// Lines whose content is compared. More: the later ones are only counted.
const CHECKED_MAX: usize = 1_000_000;
const EPOCHS_MAX: usize = 65_536;

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    stream: Option<String>,
    epoch: u32,
    seq: Option<u64>,
    from: Option<u64>,
    to: Option<u64>,
    #[serde(default)]
    replayed: bool,
    /// CRC-32C of the payload, where the receiver knows it.
    crc: Option<u32>,
}

impl Line {
    fn range(&self) -> Option<Range> {
        let (from, to) = match (self.seq, self.from, self.to) {
            (Some(seq), _, _) => (seq, seq.checked_add(1)?),
            (None, Some(from), Some(to)) => (from, to),
            _ => return None,
        };
        (from < to).then(|| Range::new(from, to))
    }
}

/// Of one stream.
#[derive(Default)]
pub struct Arrived {
    pub by_epoch: BTreeMap<u32, Ranges>,
    /// By epoch and first number: checksum of the payload.
    pub checked: BTreeMap<(u32, u64), u32>,
    pub lines: u64,
    pub duplicated: Tally,
    pub reordered: Tally,
    /// The greatest arrival so far, of live and of replayed lines.
    greatest: [(u32, u64); 2],
}

#[derive(Default)]
pub struct Received {
    pub streams: BTreeMap<StreamName, Arrived>,
    pub unreadable: u64,
}

impl Received {
    pub fn read(lines: &mut dyn BufRead) -> Result<Received, VerifyError> {
        let mut received = Received::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let got = lines.take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            let got = got.map_err(|error| VerifyError {
                attempt: "read",
                path: PathBuf::from("the receiver's lines"),
                error: error.to_string(),
            })?;
            if got == 0 {
                return Ok(received);
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            received.take(&line);
        }
    }

    fn take(&mut self, line: &[u8]) {
        let read: Option<(Line, Range, StreamName)> = (|| {
            let line: Line = serde_json::from_slice(line).ok()?;
            let stream = match &line.stream {
                None => StreamName::Samples,
                Some(name) => StreamName::from_name(name)?,
            };
            let range = line.range()?;
            Some((line, range, stream))
        })();
        match read {
            Some((line, range, stream)) => {
                self.streams.entry(stream).or_default().take(&line, range);
            }
            None => self.unreadable += 1,
        }
    }
}

impl Arrived {
    fn take(&mut self, line: &Line, range: Range) {
        self.lines += 1;
        if self.by_epoch.len() >= EPOCHS_MAX && !self.by_epoch.contains_key(&line.epoch) {
            return;
        }
        let known = self.by_epoch.entry(line.epoch).or_default().add(range);
        self.duplicated.add_part(range, known);
        let greatest = &mut self.greatest[usize::from(line.replayed)];
        if known < range.count() && (line.epoch, range.from) < *greatest {
            self.reordered.add_part(range, range.count() - known);
        }
        *greatest = (*greatest).max((line.epoch, range.to));
        if let Some(crc) = line.crc
            && self.checked.len() < CHECKED_MAX
        {
            self.checked.insert((line.epoch, range.from), crc);
        }
    }

    /// Numbers that arrived in `epoch` or a later one.
    pub fn since(&self, epoch: u32) -> Ranges {
        let mut all = Ranges::default();
        for range in self.by_epoch.range(epoch..).flat_map(|(_, ranges)| ranges.iter()) {
            all.add(range);
        }
        all
    }

    pub fn end(&self) -> u64 {
        self.by_epoch.values().map(Ranges::end).max().unwrap_or(0)
    }
}
