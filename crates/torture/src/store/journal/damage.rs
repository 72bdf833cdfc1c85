//! A journal of some 64 KiB for damage, and what each damage may cost.

use crate::store::journal::writer::{is_whole, payload, tag_set};
use crate::store::mutate::{Change, Judged, Store, StoredFile};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use tagwerk_env::Env;
use tagwerk_journal::{CommitBy, Item, Journal, Options, ReaderFilter, Stream, scan};

/// A frame with numbers.
struct Frame {
    stream: Stream,
    from: u64,
    bytes: Range<usize>,
}

/// What stands in a file.
struct Segment {
    frames: Vec<Frame>,
    /// Bytes of tag sets and of both headers.
    described: Vec<Range<usize>>,
}

pub struct JournalFiles {
    files: Vec<StoredFile>,
    segments: Vec<Segment>,
    /// What every number holds.
    wanted: BTreeMap<(Stream, u64), Vec<u8>>,
}

fn options() -> Options {
    let mut options =
        Options { commit_by: CommitBy::Caller, reserve_bytes: 0, ..Options::default() };
    for stream in [&mut options.samples, &mut options.outputs, &mut options.record] {
        (stream.segment_bytes, stream.bytes_max) = (9 * 1024, 1 << 20);
    }
    options
}

/// Some 64 KiB in two lives.
fn make(folder: &Path) -> Result<JournalFiles> {
    let env = Env::system();
    let mut wanted = BTreeMap::new();
    let mut number = 0;
    for life in 0..2 {
        let (journal, _) = Journal::open(&env, folder, options())?;
        for n in 0..14 {
            number += 1;
            let bytes = payload(number, 100 + (number as usize * 97) % 900);
            if n % 5 == 4 {
                let seq = journal.append_record(9, &bytes)?;
                wanted.insert((Stream::Record, seq), bytes);
                continue;
            }
            let stream = if n % 5 == 3 { Stream::Outputs } else { Stream::Samples };
            let set = tag_set(1 + n % 3);
            let span = journal.append_block(stream, &set, 1 + n, env.clock.now(), &bytes)?;
            wanted.insert((stream, span.from), bytes);
        }
        match life {
            0 => journal.close()?,
            _ => Stream::ALL.into_iter().try_for_each(|stream| journal.commit(stream))?,
        }
    }
    let (files, segments) = load(folder)?;
    Ok(JournalFiles { files, segments, wanted })
}

fn load(folder: &Path) -> Result<(Vec<StoredFile>, Vec<Segment>)> {
    let (mut files, mut segments) = (Vec::new(), Vec::new());
    for stream in Stream::ALL {
        let mut names: Vec<_> = std::fs::read_dir(folder.join(stream.name()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        names.sort();
        for path in names {
            let content = std::fs::read(&path)?;
            let found = scan::scan(&content);
            let mut frames = Vec::new();
            let mut described = vec![0..128, 4096..4224];
            for frame in &found.frames {
                let length = 48 + frame.payload.as_ref().map_or(0, Vec::len);
                let bytes = frame.offset as usize..frame.offset as usize + length;
                match (frame.kind, frame.span.count()) {
                    (2, _) => described.push(bytes),
                    (_, 0) => {}
                    _ => frames.push(Frame { stream, from: frame.span.from, bytes }),
                }
            }
            let path = path.strip_prefix(folder).context("inside")?.to_owned();
            files.push(StoredFile { path, content });
            segments.push(Segment { frames, described });
        }
    }
    Ok((files, segments))
}

impl JournalFiles {
    pub fn new() -> Result<JournalFiles> {
        make(tempfile::tempdir()?.path())
    }

    /// Frames that may be gone; nothing when that cannot be said.
    fn may_cost(&self, change: &Change) -> Option<BTreeSet<(Stream, u64)>> {
        let Some(hit) = &change.hit else { return None };
        let Some((index, _)) = change.changed.first() else { return Some(BTreeSet::new()) };
        let segment = &self.segments[*index];
        let meets = |bytes: &Range<usize>| bytes.start < hit.end && hit.start < bytes.end;
        // A description is there twice, and so is the header: one place costs nothing.
        if segment.described.iter().filter(|bytes| meets(bytes)).count() > 1 {
            return None;
        }
        let frames = segment.frames.iter().filter(|frame| meets(&frame.bytes));
        Some(frames.map(|frame| (frame.stream, frame.from)).collect())
    }
}

impl Store for JournalFiles {
    fn files(&self) -> &[StoredFile] {
        &self.files
    }

    fn others(&self) -> &[StoredFile] {
        &[]
    }

    fn promised(&self) -> u64 {
        self.wanted.len() as u64
    }

    fn describe(&self) -> String {
        let bytes: usize = self.files.iter().map(|file| file.content.len()).sum();
        let (segments, frames) = (self.files.len(), self.wanted.len());
        format!("a store of {bytes} bytes, {segments} segments, {frames} frames")
    }

    fn judge(&self, change: &Change, folder: &Path) -> Judged {
        let mut wrong = Vec::new();
        let journal = match Journal::open(&Env::system(), folder, options()) {
            Ok((journal, _)) => journal,
            Err(error) => {
                return Judged { wrong: vec![format!("it does not start: {error}")], lost: 0 };
            }
        };
        let mut served = BTreeSet::new();
        for stream in Stream::ALL {
            let mut reader = journal.reader(stream, 0, ReaderFilter::default());
            while let Some(item) = reader.try_next() {
                let (from, bytes) = match &item {
                    Item::Block(block) => (block.span.from, &block.payload),
                    Item::Record(record) => (record.seq, &record.payload),
                    _ => continue,
                };
                let wanted = self.wanted.get(&(stream, from));
                if !is_whole(bytes) || wanted.is_none_or(|wanted| wanted[..] != bytes[..]) {
                    wrong.push(format!("{stream} {from}: a wrong value was served"));
                }
                served.insert((stream, from));
            }
        }
        let lost: Vec<&(Stream, u64)> =
            self.wanted.keys().filter(|key| !served.contains(key)).collect();
        if let Some(hit) = self.may_cost(change) {
            for (stream, from) in lost.iter().filter(|frame| !hit.contains(**frame)) {
                wrong.push(format!("{stream} {from} was lost and not hit"));
            }
        }
        Judged { wrong, lost: lost.len() as u64 }
    }

    fn forge(&self) -> Result<Change> {
        let index = self.segments.iter().position(|segment| !segment.frames.is_empty());
        let index = index.context("a segment with frames")?;
        let mut content = self.files[index].content.clone();
        let frame = self.segments[index].frames[0].bytes.clone();
        content[frame.start + 60] ^= 1;
        let offset = (frame.start as u64).to_le_bytes();
        let place = crc32c::crc32c_append(crc32c::crc32c(&content[..124]), &offset);
        let sum = crc32c::crc32c_append(place, &content[frame.start + 48..frame.end]);
        content[frame.start + 40..frame.start + 44].copy_from_slice(&sum.to_le_bytes());
        let sum = crc32c::crc32c_append(place, &content[frame.start..frame.start + 44]);
        content[frame.start + 44..frame.start + 48].copy_from_slice(&sum.to_le_bytes());
        let text = "forged".to_owned();
        Ok(Change { text, changed: vec![(index, content)], hit: Some(frame) })
    }
}
