//! Compaction: segments whose chunks are small, late, expired or in no order of tags become one with
//! full chunks, tag by tag, a step at a time. The new one has its name only when it is whole, and names those it replaces.

use crate::chunk::{self, Scratch};
use crate::entry::{Entry, Footer, Pages, TagsPlace};
use crate::files::Files;
use crate::frame::{FRAMES_AT, Header, Kind, Origin, put_frame};
use crate::gather::{Cut, Gather};
use crate::retention::{Fate, Policy};
use crate::rollup::{self, Rolling, Width};
use crate::scan::{decode_tags, encode_tags};
use crate::segment::{Fault, Payload, Segment, ending, pages_at, segment_path};
use crate::walk::{Step, Walker};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tagwerk_env::{Access, Disk, DiskFile};
use tagwerk_model::codec;

/// Written at once.
const WRITE_BYTES: usize = 256 * 1024;

pub(crate) struct Compaction {
    header: Header,
    seed: u32,
    path: PathBuf,
    staged: PathBuf,
    file: Arc<dyn DiskFile>,
    inputs: Vec<Input>,
    /// Offsets of clocks learned since: boot, wall minus monotonic time.
    learned: HashMap<[u8; 16], i64>,
    policy: Policy,
    cut: Cut,
    /// Behind what was written.
    end: u64,
    buffer: Vec<u8>,
    /// Of the tag at work.
    entries: Vec<Entry>,
    /// Of those before it.
    pages: Pages,
    footer: Footer,
    scratch: Scratch,
    pub damaged: Vec<(Arc<Segment>, u64, u64)>,
    /// Samples that are left as rollups only.
    pub rolled_up: u64,
}

/// A segment with the place in its directory.
struct Input {
    segment: Arc<Segment>,
    page: u32,
    held: Vec<Entry>,
}

impl Input {
    fn first(&mut self) -> io::Result<Option<Entry>> {
        while self.held.is_empty() && self.page < self.segment.footer.pages {
            let Some(page) = self.segment.page(self.page)? else {
                return Err(io::Error::other("the directory is damaged"));
            };
            self.held = page.entries().rev().collect();
            self.page += 1;
        }
        Ok(self.held.last().copied())
    }
}

impl Compaction {
    pub fn begin(
        disk: &dyn Disk,
        folder: &Path,
        header: Header,
        segments: &[Arc<Segment>],
        learned: HashMap<[u8; 16], i64>,
        policy: Policy,
        cut: Cut,
    ) -> io::Result<Compaction> {
        let path = segment_path(folder, header.ordinal);
        let staged = path.with_extension("hist.new");
        let (beginning, seed) = header.beginning();
        let file: Arc<dyn DiskFile> = disk.open(&staged, Access::CreateNew)?.into();
        file.write_all_at(&beginning, 0)?;
        let input =
            |segment: &Arc<Segment>| Input { segment: segment.clone(), page: 0, held: Vec::new() };
        let mut compaction = Compaction {
            header,
            seed,
            path,
            staged,
            file,
            inputs: segments.iter().map(input).collect(),
            learned,
            policy,
            cut,
            end: FRAMES_AT,
            buffer: Vec::new(),
            entries: Vec::new(),
            pages: Pages::new(seed),
            footer: Footer::empty(),
            scratch: Scratch::default(),
            damaged: Vec::new(),
            rolled_up: 0,
        };
        compaction.copy_tags()?;
        Ok(compaction)
    }

    pub fn replaces(&self) -> &[u64] {
        &self.header.replaces
    }

    pub fn staged(&self) -> &Path {
        &self.staged
    }

    /// Definitions of the tags that are in the inputs.
    fn copy_tags(&mut self) -> io::Result<()> {
        let mut seen = HashSet::new();
        let segments: Vec<Arc<Segment>> = self.inputs.iter().map(|i| i.segment.clone()).collect();
        for segment in segments {
            let mut tags = HashSet::new();
            segment.each_entry(&mut |entry| {
                if self.policy.fate(&entry.summary) != Fate::Go {
                    tags.insert(entry.summary.tag);
                }
            })?;
            for place in segment.tags()? {
                if !seen.insert((place.set, place.revision)) {
                    continue;
                }
                let Ok(payload) = segment.payload(place.offset, place.length, Kind::Tags) else {
                    continue;
                };
                let Some((set, revision, dictionary)) = decode_tags(&payload) else { continue };
                let definition = codec::decode_definition(set, dictionary);
                let wanted = definition.is_ok_and(|d| d.tags.iter().any(|t| tags.contains(&t.id)));
                if wanted {
                    let payload = encode_tags(set, revision, dictionary);
                    let (offset, length) = (self.put(Kind::Tags, &payload)?, payload.len() as u32);
                    self.footer.tags.push(TagsPlace { set, revision, offset, length });
                } else {
                    // Another segment may have tags of it that are wanted.
                    seen.remove(&(place.set, place.revision));
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, kind: Kind, payload: &[u8]) -> io::Result<u64> {
        let offset = self.end + self.buffer.len() as u64;
        put_frame(kind, self.seed, offset, payload, &mut self.buffer);
        if self.buffer.len() >= WRITE_BYTES {
            self.write()?;
        }
        Ok(offset)
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.end)?;
        self.end += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Works through tags until about `bytes` were read; false when all are done.
    pub fn step(&mut self, bytes: usize) -> io::Result<bool> {
        let mut done = 0;
        while done < bytes {
            let mut tag = None;
            for input in &mut self.inputs {
                let first = input.first()?.map(|entry| entry.summary.tag);
                tag = match (tag, first) {
                    (Some(a), Some(b)) => Some(std::cmp::min(a, b)),
                    (a, b) => a.or(b),
                };
            }
            let Some(tag) = tag else { return Ok(false) };
            let (mut chunks, mut rollups) = (Vec::new(), Vec::new());
            for (index, input) in self.inputs.iter_mut().enumerate() {
                while let Some(entry) = input.first()?.filter(|entry| entry.summary.tag == tag) {
                    input.held.pop();
                    done += entry.length as usize + crate::entry::ENTRY_BYTES;
                    match (self.policy.fate(&entry.summary), entry.summary.rollup) {
                        (Fate::Go, _) => {}
                        (Fate::Roll(width), _) => rollups.push((index, entry, width)),
                        (Fate::Stay, Some(width)) => rollups.push((index, entry, width)),
                        (Fate::Stay, None) => chunks.push((index, entry)),
                    }
                }
            }
            chunks.sort_by_key(|(_, entry)| (entry.summary.min_time, entry.summary.first_seq));
            self.merge(&chunks)?;
            rollups.sort_by_key(|(_, entry, _)| (entry.summary.min_time, entry.summary.first_seq));
            self.roll(&rollups)?;
            self.entries.sort_by_key(Entry::key);
            self.entries.drain(..).for_each(|entry| self.pages.push(&entry));
        }
        Ok(true)
    }

    /// The chunks of one tag, by their first times.
    fn merge(&mut self, chunks: &[(usize, Entry)]) -> io::Result<()> {
        let mut gather = Gather::default();
        for (at, (index, entry)) in chunks.iter().enumerate() {
            let Some(bytes) = self.stored(*index, entry)? else { continue };
            let next = chunks.get(at + 1).map(|(_, next)| next.summary.min_time);
            let apart = next.is_none_or(|next| entry.summary.max_time < next);
            let full = entry.summary.count as usize * 4 >= self.cut.samples * 3;
            if gather.is_empty() && full && apart && !entry.summary.unsynchronised {
                self.copy(entry, &bytes)?;
                continue;
            }
            let Some((mut head, mut columns)) = chunk::decode(&bytes) else {
                // Its checksum is good: of a later version. It is kept as it is.
                self.copy(entry, &bytes)?;
                continue;
            };
            self.correct(&mut head, &mut columns);
            if !gather.fits(&head) {
                self.seal(gather.take(None, self.cut))?;
            }
            gather.push(&head, columns);
            if let Some(next) = next {
                self.seal(gather.take(Some(next), self.cut))?;
            }
        }
        self.seal(gather.take(None, self.cut))
    }

    /// The chunk's stored form; none when it is damaged, which is noted.
    fn stored(&mut self, index: usize, entry: &Entry) -> io::Result<Option<Payload>> {
        let segment = self.inputs[index].segment.clone();
        match segment.chunk(entry) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Fault::Io(error)) => Err(error),
            Err(Fault::Damaged) => {
                let end = entry.offset + u64::from(entry.length);
                self.damaged.push((segment, entry.offset, end));
                Ok(None)
            }
        }
    }

    /// Gives samples the right times, where they are known now.
    fn correct(&self, head: &mut chunk::Head, columns: &mut chunk::Columns) {
        let learned = head.guess.and_then(|guess| Some((guess, *self.learned.get(&guess.boot)?)));
        if let Some((guess, offset)) = learned {
            let shift = offset.wrapping_sub(guess.offset_ns);
            columns.times.iter_mut().for_each(|time| *time = time.saturating_add(shift));
            head.guess = None;
        }
    }

    /// Samples and rollups of one tag that become rollups, or stay what they are.
    fn roll(&mut self, chunks: &[(usize, Entry, Width)]) -> io::Result<()> {
        let mut rolling = Rolling::default();
        for (index, entry, width) in chunks {
            let Some(bytes) = self.stored(*index, entry)? else { continue };
            let taken = match entry.summary.rollup {
                Some(_) => rollup::decode(&bytes).map(|(head, _, rows)| {
                    rolling.add_rows(&head, *width, &rows);
                }),
                None => chunk::decode(&bytes).map(|(mut head, mut columns)| {
                    self.correct(&mut head, &mut columns);
                    self.rolled_up += u64::from(entry.summary.count);
                    rolling.add_samples(head, columns, *width);
                }),
            };
            if taken.is_none() {
                // Its checksum is good: of a later version. It is kept as it is.
                self.copy(entry, &bytes)?;
            }
        }
        for (head, width, rows) in rolling.finish() {
            for rows in rows.chunks(rollup::ROWS) {
                let (bytes, summary) = rollup::seal(&head, width, rows, &mut self.scratch);
                let offset = self.put(Kind::Rollup, &bytes)?;
                self.note(Entry { summary, offset, length: bytes.len() as u32 });
            }
        }
        Ok(())
    }

    fn copy(&mut self, entry: &Entry, bytes: &[u8]) -> io::Result<()> {
        let kind = if entry.summary.rollup.is_some() { Kind::Rollup } else { Kind::Chunk };
        let offset = self.put(kind, bytes)?;
        self.note(Entry { summary: entry.summary, offset, length: bytes.len() as u32 });
        Ok(())
    }

    fn seal(&mut self, chunks: Vec<(chunk::Head, chunk::Columns)>) -> io::Result<()> {
        for (head, columns) in chunks {
            let (bytes, summary) = chunk::seal(&head, &columns, &mut self.scratch);
            if let Some(guess) = head.guess {
                self.footer.add_guess(guess);
            }
            let offset = self.put(Kind::Chunk, &bytes)?;
            self.note(Entry { summary, offset, length: bytes.len() as u32 });
        }
        Ok(())
    }

    fn note(&mut self, entry: Entry) {
        self.footer.add(&entry);
        self.entries.push(entry);
    }

    /// Completes the file, proves it and gives it its name; none when nothing is left of the
    /// inputs.
    pub fn finish(
        mut self,
        disk: &dyn Disk,
        folder: &Path,
        files: &Arc<Files>,
    ) -> io::Result<Option<Segment>> {
        let chunks = self.pages.entries();
        if chunks == 0 {
            disk.remove(&self.staged)?;
            return Ok(None);
        }
        self.write()?;
        self.footer.position = self.header.position;
        let learned =
            |(boot, offset): (&[u8; 16], &i64)| chunk::Guess { boot: *boot, offset_ns: *offset };
        self.footer.learned = self.learned.iter().map(learned).collect();
        let end = ending(&self.header, self.end, self.pages, &mut self.footer);
        self.file.write_all_at(&end, self.end)?;
        self.file.sync_data()?;
        prove(&self.file, self.seed, self.end, chunks)?;
        disk.rename(&self.staged, &self.path)?;
        disk.sync_directory(folder)?;
        Ok(Some(Segment::new(
            self.header,
            self.seed,
            self.path,
            self.end + end.len() as u64,
            self.footer,
            pages_at(self.end),
            files,
        )))
    }

    /// The new segment's header. It says no more is stored than those said that it replaces: what the
    /// segment that grows holds may be cut off at the next start, and the journal is to give it again.
    pub fn header(
        ordinal: u64,
        created_unix_ns: i64,
        ended: Vec<crate::frame::Ended>,
        segments: &[Arc<Segment>],
    ) -> Header {
        let told = |segment: &Arc<Segment>| segment.header.position.max(segment.footer.position);
        let position = segments.iter().map(told).max().unwrap_or_default();
        let era = segments.first().map_or(1, |segment| segment.header.era);
        let replaces = segments.iter().map(|segment| segment.ordinal()).collect();
        let origin = Origin::Compacted;
        Header { origin, era, ordinal, created_unix_ns, position, ended, replaces }
    }
}

/// Reads all frames again, up to `end`.
fn prove(file: &Arc<dyn DiskFile>, seed: u32, end: u64, wanted: usize) -> io::Result<()> {
    let mut walker = Walker::new(file.clone(), seed, end);
    let mut chunks = 0;
    loop {
        match walker.step()? {
            Step::Good { header, .. } => {
                chunks += usize::from(matches!(header.kind, Kind::Chunk | Kind::Rollup));
            }
            Step::Bad { .. } => break,
            Step::End if chunks == wanted => return Ok(()),
            Step::End => break,
        }
    }
    Err(io::Error::other("the disk gives back something else than was written"))
}
