//! What the frames of a segment say, whatever state it is in: for recovery, for directories that
//! are damaged, and, over bytes in memory, for tools and fuzzing.

use crate::bytes::Input;
use crate::chunk::{self, Guess};
use crate::entry::{Entry, Footer, PAGE_BYTES, Page, TagsPlace};
use crate::frame::{FRAMES_AT, Header, Kind, SECOND_HEADER_AT, TRAILER_BYTES, Trailer};
use crate::rollup;
use crate::summary::Summary;
use crate::value::Values;
use crate::walk::{Source, Step, Walker};
use std::io;
use tagwerk_model::TagId;

/// Ends each group of frames that is written at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// See [`crate::Historian::position`]; true when every frame before the mark is good.
    pub position: u64,
    /// Everything before this offset had been synced and read again when the mark was written.
    pub proven_to: u64,
    /// What the retention of history took for the present, ns since 1970.
    pub now_unix_ns: i64,
}

impl Mark {
    pub fn encode(&self) -> Vec<u8> {
        let numbers = [self.position, self.proven_to, self.now_unix_ns as u64];
        numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
    }

    pub fn decode(payload: &[u8]) -> Option<Mark> {
        let mut input = Input(payload);
        let mark =
            Mark { position: input.u64()?, proven_to: input.u64()?, now_unix_ns: input.i64()? };
        input.is_empty().then_some(mark)
    }
}

#[derive(Default)]
pub(crate) struct Scanned {
    pub entries: Vec<Entry>,
    /// Of the chunks whose time was not synchronised, by their offset.
    pub guesses: Vec<(u64, Guess)>,
    pub tags: Vec<TagsPlace>,
    /// By their offsets.
    pub marks: Vec<(u64, Mark)>,
    /// Between good frames, or up to `end`.
    pub bad: Vec<(u64, u64)>,
    /// Behind the last frame that counts.
    pub end: u64,
}

/// How far the frames of a segment can be believed to be all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// To the first bad frame behind the last mark: what follows was not proven.
    Marks,
    /// Up to this offset and no further; a later segment says so.
    To(u64),
    /// All of it, as it was synced before it got its name.
    Whole,
}

/// Reads all frames below `limit`.
pub(crate) fn scan_frames<S: Source>(
    source: S,
    seed: u32,
    limit: u64,
    extent: Extent,
) -> io::Result<Scanned> {
    let limit = match extent {
        Extent::To(end) => end.min(limit),
        _ => limit,
    };
    let mut scanned = Scanned { end: FRAMES_AT, ..Scanned::default() };
    let mut walker = Walker::new(source, seed, limit);
    loop {
        match walker.step()? {
            Step::End => break,
            Step::Bad { from, to } => scanned.bad.push((from, to)),
            Step::Good { offset, header } => {
                let end = offset + header.frame_bytes();
                let payload = walker.payload(offset, &header)?;
                if !scanned.note(header.kind, offset, payload) {
                    scanned.bad.push((offset, end));
                }
                if !matches!(header.kind, Kind::Directory | Kind::Other) {
                    scanned.end = end;
                }
            }
        }
    }
    if extent == Extent::Marks {
        let proven = scanned.mark().proven_to;
        if let Some((cut, _)) = scanned.bad.iter().copied().find(|(from, _)| *from >= proven) {
            scanned.cut(cut);
        }
    }
    if let Extent::To(end) = extent {
        // Frames may be missing at the end, of a file that was cut from outside.
        scanned.end = scanned.end.max(end.min(limit));
    }
    let end = scanned.end;
    scanned.bad.retain(|(from, _)| *from < end);
    Ok(scanned)
}

impl Scanned {
    /// Takes a frame whose checksum is good; false when it cannot be understood all the same.
    fn note(&mut self, kind: Kind, offset: u64, payload: &[u8]) -> bool {
        let length = payload.len() as u32;
        match kind {
            Kind::Chunk => {
                let Some((head, columns)) = chunk::decode(payload) else {
                    return false;
                };
                let summary = Summary::of(&head, &columns);
                self.guesses.extend(head.guess.map(|guess| (offset, guess)));
                self.entries.push(Entry { summary, offset, length });
            }
            Kind::Rollup => {
                let Some((head, width, rows)) = rollup::decode(payload) else {
                    return false;
                };
                let summary = rollup::summary(&head, width, &rows);
                self.entries.push(Entry { summary, offset, length });
            }
            Kind::Tags => {
                let Some((set, revision, _)) = decode_tags(payload) else {
                    return false;
                };
                self.tags.push(TagsPlace { set, revision, offset, length });
            }
            Kind::Mark => {
                let Some(mark) = Mark::decode(payload) else {
                    return false;
                };
                self.marks.push((offset, mark));
            }
            Kind::Directory | Kind::Other => {}
        }
        true
    }

    fn cut(&mut self, at: u64) {
        self.entries.retain(|entry| entry.offset < at);
        self.guesses.retain(|(offset, _)| *offset < at);
        self.tags.retain(|place| place.offset < at);
        self.marks.retain(|(offset, _)| *offset < at);
        self.end = self.end.min(at);
    }

    /// The last good one.
    pub fn mark(&self) -> Mark {
        self.marks.last().map_or(Mark::default(), |(_, mark)| *mark)
    }

    pub fn footer(&self) -> Footer {
        let mut footer = Footer::empty();
        self.entries.iter().for_each(|entry| footer.add(entry));
        self.guesses.iter().for_each(|(_, guess)| footer.add_guess(*guess));
        footer.tags = self.tags.clone();
        footer
    }

    pub fn sorted(mut self) -> Vec<Entry> {
        self.entries.sort_by_key(Entry::key);
        self.entries
    }
}

/// Set, revision and the dictionary's bytes.
pub(crate) fn decode_tags(payload: &[u8]) -> Option<(u32, u32, &[u8])> {
    let mut input = Input(payload);
    let (set, revision) = (input.u32()?, input.u32()?);
    Some((set, revision, input.0))
}

pub(crate) fn encode_tags(set: u32, revision: u32, dictionary: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(dictionary.len() + 8);
    out.extend_from_slice(&set.to_le_bytes());
    out.extend_from_slice(&revision.to_le_bytes());
    out.extend_from_slice(dictionary);
    out
}

/// A segment seen as bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// Era and ordinal, when a copy of the header is good.
    pub segment: Option<(u32, u64)>,
    /// The trailer, the footer and every page of the directory are good.
    pub complete: bool,
    pub chunks: Vec<ImageChunk>,
    /// Byte ranges that are no frame.
    pub bad: Vec<(u64, u64)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ImageChunk {
    pub offset: u64,
    pub tag: TagId,
    pub times: Vec<i64>,
    pub values: Values,
}

/// Reads the image of one segment; never panics, whatever the bytes are.
pub fn scan(image: &[u8]) -> Image {
    let second = image.get(SECOND_HEADER_AT as usize..).unwrap_or_default();
    let end = image.len().saturating_sub(TRAILER_BYTES);
    let trailer = image.get(end..).unwrap_or_default();
    let header = Header::decode(image)
        .or_else(|_| Header::decode(second))
        .or_else(|_| Header::decode(trailer));
    let Ok((header, seed)) = header else {
        return Image::default();
    };
    let complete = read_directory(image, trailer).is_some();
    let limit = if complete { end as u64 } else { image.len() as u64 };
    // Reading from memory cannot fail.
    let scanned = scan_frames(image, seed, limit, Extent::Whole).unwrap_or_default();
    let chunk = |entry: &Entry| {
        let start = entry.offset as usize + crate::frame::FRAME_HEADER_BYTES;
        let (head, columns) = chunk::decode(image.get(start..start + entry.length as usize)?)?;
        let kind = head.data_type.kind();
        let values = Values::from_bits(kind, columns.bits, &columns.dictionary);
        Some(ImageChunk { offset: entry.offset, tag: head.tag, times: columns.times, values })
    };
    let chunks = scanned.entries.iter().filter_map(chunk).collect();
    let segment = Some((header.era, header.ordinal));
    Image { segment, complete, chunks, bad: scanned.bad }
}

fn read_directory(image: &[u8], trailer: &[u8]) -> Option<Vec<Entry>> {
    let (trailer, seed) = Trailer::decode(trailer)?;
    let end = image.len().checked_sub(TRAILER_BYTES)?;
    let start = end.checked_sub(trailer.footer_bytes as usize)?;
    let footer = image.get(start..end)?;
    if crate::frame::crc(seed, footer) != trailer.footer_crc {
        return None;
    }
    let footer = Footer::decode(footer)?;
    let mut entries = Vec::new();
    for number in 0..footer.pages {
        let at = trailer.directory_at as usize + crate::frame::FRAME_HEADER_BYTES;
        let page = image.get(at.checked_add(number as usize * PAGE_BYTES)?..)?.get(..PAGE_BYTES)?;
        entries.extend(Page::read(page.to_vec(), number, seed)?.entries());
    }
    Some(entries)
}
