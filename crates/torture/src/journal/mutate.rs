//! Damage to a small store: flipped bits, shortened files, zeroed ranges, swapped segments. It must start,
//! serve nothing wrong, and lose no more than what was hit.

use crate::journal::random::Random;
use crate::journal::writer::{is_whole, payload, tag_set};
use crate::journal::{Form, Row};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use tagwerk_env::Env;
use tagwerk_journal::{CommitBy, Item, Journal, Options, ReaderFilter, Stream, scan};

const MUTATIONS: u64 = 10_000;
const SHORT_MUTATIONS: u64 = 400;

/// A frame with numbers.
struct Frame {
    stream: Stream,
    from: u64,
    bytes: Range<usize>,
}

struct Segment {
    path: PathBuf,
    content: Vec<u8>,
    frames: Vec<Frame>,
    /// Bytes of tag sets and of both headers.
    described: Vec<Range<usize>>,
}

struct Store {
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
fn make(folder: &Path) -> Result<Store> {
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
    Ok(Store { segments: load(folder)?, wanted })
}

fn load(folder: &Path) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for stream in Stream::ALL {
        let mut names: Vec<PathBuf> = std::fs::read_dir(folder.join(stream.name()))?
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
            let relative = path.strip_prefix(folder).context("inside")?.to_owned();
            segments.push(Segment { path: relative, content, frames, described });
        }
    }
    Ok(segments)
}

/// One change of the store, and what it may cost.
struct Mutation {
    text: String,
    /// Segments with another content.
    changed: Vec<(usize, Vec<u8>)>,
    /// Frames that may be gone.
    hit: BTreeSet<(Stream, u64)>,
    /// What is hit beyond frames may cost more; then only what is served is judged.
    wide: bool,
}

impl Store {
    fn change(&self, index: usize, text: String, content: Vec<u8>, hit: Range<usize>) -> Mutation {
        let segment = &self.segments[index];
        let meets = |bytes: &Range<usize>| bytes.start < hit.end && hit.start < bytes.end;
        let frames = segment.frames.iter().filter(|frame| meets(&frame.bytes));
        // A description is there twice, and so is the header: one place costs nothing.
        let wide = segment.described.iter().filter(|bytes| meets(bytes)).count() > 1;
        Mutation {
            text: format!("{} {text}", segment.path.display()),
            changed: vec![(index, content)],
            hit: frames.map(|frame| (frame.stream, frame.from)).collect(),
            wide,
        }
    }

    fn mutate(&self, random: &mut Random) -> Mutation {
        let index = random.below(self.segments.len() as u64) as usize;
        let mut content = self.segments[index].content.clone();
        let length = content.len() as u64;
        let at = random.below(length) as usize;
        match random.below(10) {
            0..=5 => {
                let bit = random.below(8);
                content[at] ^= 1 << bit;
                self.change(index, format!("bit {bit} of byte {at}"), content, at..at + 1)
            }
            6..=7 => {
                content.truncate(at);
                self.change(index, format!("cut to {at}"), content, at..length as usize)
            }
            8 => {
                let end = (at + 1 + random.below(2048) as usize).min(content.len());
                content[at..end].fill(0);
                self.change(index, format!("zeros in {at}..{end}"), content, at..end)
            }
            _ => {
                let other = random.below(self.segments.len() as u64) as usize;
                let (a, b) = (&self.segments[index], &self.segments[other]);
                Mutation {
                    text: format!("{} and {} swapped", a.path.display(), b.path.display()),
                    changed: vec![(index, b.content.clone()), (other, a.content.clone())],
                    hit: BTreeSet::new(),
                    wide: true,
                }
            }
        }
    }

    /// Writes the store with the change to an empty folder.
    fn lay_out(&self, mutation: &Mutation, folder: &Path) -> Result<()> {
        for stream in Stream::ALL {
            let inside = folder.join(stream.name());
            std::fs::create_dir_all(&inside)?;
            for entry in std::fs::read_dir(&inside)? {
                std::fs::remove_file(entry?.path())?;
            }
        }
        for (index, segment) in self.segments.iter().enumerate() {
            let changed = mutation.changed.iter().find(|(of, _)| *of == index);
            let content = changed.map_or(&segment.content, |(_, content)| content);
            std::fs::write(folder.join(&segment.path), content)?;
        }
        Ok(())
    }

    /// Opens what is there; says what is wrong, and how many frames were lost.
    fn judge(&self, mutation: &Mutation, folder: &Path) -> (Vec<String>, u64) {
        let mut wrong = Vec::new();
        let journal = match Journal::open(&Env::system(), folder, options()) {
            Ok((journal, _)) => journal,
            Err(error) => return (vec![format!("it does not start: {error}")], 0),
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
        for (stream, from) in &lost {
            if !mutation.wide && !mutation.hit.contains(&(*stream, *from)) {
                wrong.push(format!("{stream} {from} was lost and not hit"));
            }
        }
        (wrong, lost.len() as u64)
    }
}

pub fn run(form: Form, mut random: Random) -> Result<Row> {
    let mut row = Row { rig: "mutations", ..Row::default() };
    let made = tempfile::tempdir()?;
    let store = make(made.path())?;
    let bytes: usize = store.segments.iter().map(|segment| segment.content.len()).sum();
    row.notes.push(format!(
        "a store of {bytes} bytes, {} segments, {} frames",
        store.segments.len(),
        store.wanted.len()
    ));
    let scratch = in_memory()?;
    let count = if form == Form::Long { MUTATIONS } else { SHORT_MUTATIONS };
    let (mut frames_lost, mut most) = (0, 0);
    for _ in 0..count {
        let mutation = store.mutate(&mut random);
        store.lay_out(&mutation, scratch.path())?;
        let (wrong, lost) = store.judge(&mutation, scratch.path());
        row.tried += 1;
        row.promised += store.wanted.len() as u64;
        frames_lost += lost;
        if !mutation.wide {
            most = most.max(lost.saturating_sub(mutation.hit.len() as u64));
        }
        wrong.into_iter().for_each(|text| row.fail(format!("{}: {text}", mutation.text)));
        let _ = std::fs::remove_dir_all(scratch.path().join("quarantine"));
    }
    row.notes.push(format!("{frames_lost} frames lost, {most} at most that were not hit"));
    control(&store, scratch.path(), &mut row)?;
    Ok(row)
}

/// A value changed by somebody who also computes checksums: the one thing that the journal cannot see and
/// that the rig therefore must.
fn control(store: &Store, scratch: &Path, row: &mut Row) -> Result<()> {
    let index = store.segments.iter().position(|segment| !segment.frames.is_empty());
    let index = index.context("a segment with frames")?;
    let mut content = store.segments[index].content.clone();
    let frame = store.segments[index].frames[0].bytes.clone();
    content[frame.start + 60] ^= 1;
    let header = content[..124].to_vec();
    let place = crc32c::crc32c_append(crc32c::crc32c(&header), &(frame.start as u64).to_le_bytes());
    let sum = crc32c::crc32c_append(place, &content[frame.start + 48..frame.end]);
    content[frame.start + 40..frame.start + 44].copy_from_slice(&sum.to_le_bytes());
    let sum = crc32c::crc32c_append(place, &content[frame.start..frame.start + 44]);
    content[frame.start + 44..frame.start + 48].copy_from_slice(&sum.to_le_bytes());
    let mutation = store.change(index, "forged".to_owned(), content, frame);
    store.lay_out(&mutation, scratch)?;
    let (wrong, _) = store.judge(&mutation, scratch);
    row.control_failed = !wrong.is_empty();
    row.control =
        format!("a forged value was {}", if wrong.is_empty() { "believed" } else { "found" });
    Ok(())
}

/// Syncs cost nothing there.
fn in_memory() -> Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    Ok(if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? })
}
