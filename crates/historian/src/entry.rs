//! The directory of a segment: one entry of fixed size per chunk, sorted by tag and time, in pages
//! that are read and checked one at a time; and the footer, which tells of the whole segment.

use crate::bytes::Input;
use crate::chunk::Guess;
use crate::frame::{self, FRAME_HEADER_BYTES};
use crate::rollup::Width;
use crate::summary::{Numbers, Summary};
use tagwerk_model::{DataType, Quality, TagId};

pub(crate) const ENTRY_BYTES: usize = 128;
pub(crate) const PAGE_ENTRIES: usize = 32;
pub(crate) const PAGE_BYTES: usize = PAGE_ENTRIES * ENTRY_BYTES + 8;
/// A footer that claims more is damaged.
pub(crate) const FOOTER_BYTES_MAX: u32 = 64 << 20;

const IN_ORDER: u8 = 1;
const UNSYNCHRONISED: u8 = 2;
const ONE_QUALITY: u8 = 4;
const SOURCE_TIMES: u8 = 8;
const NUMBERS: u8 = 16;
const SUM_EXACT: u8 = 32;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub summary: Summary,
    /// Where the chunk's frame is.
    pub offset: u64,
    /// Of the frame's payload.
    pub length: u32,
}

impl Entry {
    pub fn key(&self) -> (u32, i64, u64) {
        (self.summary.tag.0, self.summary.min_time, self.offset)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let s = &self.summary;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(s.in_order, IN_ORDER)
            | flag(s.unsynchronised, UNSYNCHRONISED)
            | flag(s.quality.is_some(), ONE_QUALITY)
            | flag(s.has_source_times, SOURCE_TIMES)
            | flag(s.numbers.is_some(), NUMBERS)
            | flag(s.numbers.is_some_and(|n| n.sum_exact), SUM_EXACT);
        out.extend_from_slice(&s.tag.0.to_le_bytes());
        let rollup = s.rollup.map_or(0, |width| width as u8);
        out.extend_from_slice(&[s.data_type as u8, flags, rollup, 0]);
        for number in [s.min_time as u64, s.max_time as u64, s.first_seq, s.last_seq, self.offset] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let quality = s.quality.map_or(0, |quality| quality.0);
        for number in [self.length, s.count, s.count_usable, s.count_good, s.epoch, quality] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let n = s.numbers.unwrap_or(Numbers {
            min: 0,
            max: 0,
            first: 0,
            last: 0,
            sum: 0.0,
            sum_exact: false,
            min_at: 0,
            max_at: 0,
        });
        let times = [n.min_at as u64, n.max_at as u64];
        for number in [n.min, n.max, n.sum.to_bits(), n.first, n.last].into_iter().chain(times) {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn decode(input: &mut Input<'_>) -> Option<Entry> {
        let tag = TagId(input.u32()?);
        let data_type = DataType::from_code(input.u8()?)?;
        let flags = input.u8()?;
        let rollup = match input.u8()? {
            0 => None,
            code => Some(Width::from_code(code)?),
        };
        input.u8()?;
        let (min_time, max_time) = (input.i64()?, input.i64()?);
        let (first_seq, last_seq) = (input.u64()?, input.u64()?);
        let (offset, length) = (input.u64()?, input.u32()?);
        let (count, count_usable, count_good) = (input.u32()?, input.u32()?, input.u32()?);
        let (epoch, quality) = (input.u32()?, Quality(input.u32()?));
        let (min, max, sum) = (input.u64()?, input.u64()?, f64::from_bits(input.u64()?));
        let (first, last, min_at, max_at) =
            (input.u64()?, input.u64()?, input.i64()?, input.i64()?);
        let sum_exact = flags & SUM_EXACT != 0;
        let numbers = Numbers { min, max, first, last, sum, sum_exact, min_at, max_at };
        let summary = Summary {
            tag,
            data_type,
            in_order: flags & IN_ORDER != 0,
            min_time,
            max_time,
            first_seq,
            last_seq,
            epoch,
            count,
            count_usable,
            count_good,
            quality: (flags & ONE_QUALITY != 0).then_some(quality),
            has_source_times: flags & SOURCE_TIMES != 0,
            numbers: (flags & NUMBERS != 0).then_some(numbers),
            rollup,
            unsynchronised: flags & UNSYNCHRONISED != 0,
        };
        Some(Entry { summary, offset, length })
    }
}

/// The directory's frame while it is made: room for the frame's header, then pages of entries, which
/// come in their order.
pub(crate) struct Pages {
    frame: Vec<u8>,
    seed: u32,
    entries: usize,
}

impl Pages {
    pub fn new(seed: u32) -> Pages {
        Pages { frame: vec![0; FRAME_HEADER_BYTES], seed, entries: 0 }
    }

    pub fn push(&mut self, entry: &Entry) {
        entry.encode(&mut self.frame);
        self.entries += 1;
        if self.entries.is_multiple_of(PAGE_ENTRIES) {
            self.end_page(PAGE_ENTRIES);
        }
    }

    /// How many entries came.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// The frame so far, and how many pages it has.
    pub fn finish(mut self) -> (Vec<u8>, u32) {
        match self.entries % PAGE_ENTRIES {
            0 => {}
            rest => self.end_page(rest),
        }
        (self.frame, self.entries.div_ceil(PAGE_ENTRIES) as u32)
    }

    /// Completes the page that has so many entries.
    fn end_page(&mut self, entries: usize) {
        let number = (self.entries - 1) / PAGE_ENTRIES;
        let at = FRAME_HEADER_BYTES + number * PAGE_BYTES;
        self.frame.resize(at + PAGE_ENTRIES * ENTRY_BYTES, 0);
        self.frame.extend_from_slice(&(entries as u32).to_le_bytes());
        let crc = frame::crc(self.seed ^ number as u32, &self.frame[at..]);
        self.frame.extend_from_slice(&crc.to_le_bytes());
    }
}

/// A page of the directory as it is stored: of its entries mostly few are wanted.
pub(crate) struct Page {
    bytes: Vec<u8>,
    entries: usize,
}

impl Page {
    /// Page `number` of a directory; none when it is damaged.
    pub fn read(bytes: Vec<u8>, number: u32, seed: u32) -> Option<Page> {
        let (content, crc) = bytes.get(..PAGE_BYTES)?.split_at(PAGE_BYTES - 4);
        if crc != frame::crc(seed ^ number, content).to_le_bytes() {
            return None;
        }
        let entries = Input(&content[PAGE_ENTRIES * ENTRY_BYTES..]).u32()? as usize;
        let page = Page { bytes, entries: entries.min(PAGE_ENTRIES) };
        page.stored().iter().all(is_known).then_some(page)
    }

    fn stored(&self) -> &[Stored] {
        &self.bytes.as_chunks().0[..self.entries]
    }

    /// In their order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry> {
        self.stored().iter().filter_map(|stored| Entry::decode(&mut Input(stored)))
    }

    pub fn last(&self) -> Option<Entry> {
        self.entries().next_back()
    }

    pub fn of_tag(&self, tag: u32) -> impl Iterator<Item = Entry> {
        let stored = self.stored();
        let of_tag = &stored[stored.partition_point(|stored| tag_of(stored) < tag)..];
        let mine = of_tag.iter().take_while(move |stored| tag_of(stored) == tag);
        mine.filter_map(|stored| Entry::decode(&mut Input(stored)))
    }
}

/// An entry as it stands in a page.
type Stored = [u8; ENTRY_BYTES];

/// Whether [`Entry::decode`] understands it.
fn is_known(stored: &Stored) -> bool {
    let is_width = |code| code == 0 || Width::from_code(code).is_some();
    DataType::from_code(stored[4]).is_some() && is_width(stored[6])
}

fn tag_of(stored: &Stored) -> u32 {
    stored.first_chunk().map_or(0, |tag| u32::from_le_bytes(*tag))
}

/// Where a segment tells of a tag set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagsPlace {
    pub set: u32,
    pub revision: u32,
    pub offset: u64,
    pub length: u32,
}

/// What is known of a whole segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Footer {
    pub pages: u32,
    pub chunks: u64,
    pub samples: u64,
    pub min_time: i64,
    pub max_time: i64,
    /// The longest time that one chunk covers.
    pub span_max: u64,
    pub min_seq: u64,
    pub max_seq: u64,
    pub position: u64,
    /// How the clock was taken in chunks that are not synchronised.
    pub guesses: Vec<Guess>,
    /// The offsets that were learned later.
    pub learned: Vec<Guess>,
    pub tags: Vec<TagsPlace>,
    /// Bytes of rollups, by width. Chunks and samples above are those of samples alone.
    pub rollup_bytes: [u64; 3],
}

impl Footer {
    pub fn empty() -> Footer {
        Footer {
            pages: 0,
            chunks: 0,
            samples: 0,
            min_time: i64::MAX,
            max_time: i64::MIN,
            span_max: 0,
            min_seq: u64::MAX,
            max_seq: 0,
            position: 0,
            guesses: Vec::new(),
            learned: Vec::new(),
            tags: Vec::new(),
            rollup_bytes: [0; 3],
        }
    }

    pub fn add(&mut self, entry: &Entry) {
        let summary = &entry.summary;
        match summary.rollup {
            Some(width) => self.rollup_bytes[width as usize - 1] += u64::from(entry.length),
            None => {
                self.chunks += 1;
                self.samples += u64::from(summary.count);
            }
        }
        self.min_time = self.min_time.min(summary.min_time);
        self.max_time = self.max_time.max(summary.max_time);
        self.span_max = self.span_max.max(summary.max_time.abs_diff(summary.min_time));
        self.min_seq = self.min_seq.min(summary.first_seq);
        self.max_seq = self.max_seq.max(summary.last_seq);
    }

    pub fn add_guess(&mut self, guess: Guess) {
        if !self.guesses.contains(&guess) {
            self.guesses.push(guess);
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.pages.to_le_bytes());
        let times = [self.min_time as u64, self.max_time as u64, self.span_max];
        let seqs = [self.min_seq, self.max_seq, self.position];
        for number in [self.chunks, self.samples].into_iter().chain(times).chain(seqs) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for guesses in [&self.guesses, &self.learned] {
            out.extend_from_slice(&(guesses.len() as u32).to_le_bytes());
            for guess in guesses {
                out.extend_from_slice(&guess.boot);
                out.extend_from_slice(&guess.offset_ns.to_le_bytes());
            }
        }
        out.extend_from_slice(&(self.tags.len() as u32).to_le_bytes());
        for place in &self.tags {
            out.extend_from_slice(&place.set.to_le_bytes());
            out.extend_from_slice(&place.revision.to_le_bytes());
            out.extend_from_slice(&place.offset.to_le_bytes());
            out.extend_from_slice(&place.length.to_le_bytes());
        }
        if self.rollup_bytes != [0; 3] {
            self.rollup_bytes.iter().for_each(|bytes| out.extend_from_slice(&bytes.to_le_bytes()));
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Option<Footer> {
        let mut input = Input(bytes);
        let pages = input.u32()?;
        let (chunks, samples) = (input.u64()?, input.u64()?);
        let (min_time, max_time, span_max) = (input.i64()?, input.i64()?, input.u64()?);
        let (min_seq, max_seq, position) = (input.u64()?, input.u64()?, input.u64()?);
        let guesses = read_guesses(&mut input)?;
        let learned = read_guesses(&mut input)?;
        let count = input.u32()? as usize;
        if count > input.0.len() / 20 {
            return None;
        }
        let place = |input: &mut Input<'_>| {
            let (set, revision) = (input.u32()?, input.u32()?);
            Some(TagsPlace { set, revision, offset: input.u64()?, length: input.u32()? })
        };
        let tags = (0..count).map(|_| place(&mut input)).collect::<Option<_>>()?;
        let rollup_bytes = match input.is_empty() {
            true => [0; 3],
            false => [input.u64()?, input.u64()?, input.u64()?],
        };
        input.is_empty().then_some(Footer {
            pages,
            chunks,
            samples,
            min_time,
            max_time,
            span_max,
            min_seq,
            max_seq,
            position,
            guesses,
            learned,
            tags,
            rollup_bytes,
        })
    }
}

fn read_guesses(input: &mut Input<'_>) -> Option<Vec<Guess>> {
    let count = input.u32()? as usize;
    if count > input.0.len() / 24 {
        return None;
    }
    (0..count).map(|_| Some(Guess { boot: input.array()?, offset_ns: input.i64()? })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_pages_and_footers_come_back() {
        let entry = |tag: u32| Entry {
            summary: Summary {
                tag: TagId(tag),
                data_type: DataType::Float32,
                in_order: true,
                min_time: -7,
                max_time: 9,
                first_seq: 1,
                last_seq: u64::MAX,
                epoch: 4,
                count: 5,
                count_usable: 4,
                count_good: 3,
                quality: (tag.is_multiple_of(2)).then_some(Quality::BAD_TIMEOUT),
                has_source_times: tag.is_multiple_of(3),
                numbers: (!tag.is_multiple_of(5)).then_some(Numbers {
                    min: 1,
                    max: 2,
                    first: 3,
                    last: 4,
                    sum: -0.5,
                    sum_exact: false,
                    min_at: -1,
                    max_at: i64::MAX,
                }),
                rollup: Width::from_code(tag as u8 % 4),
                unsynchronised: false,
            },
            offset: 1 << 40,
            length: 17,
        };
        let entries: Vec<Entry> = (0..40).map(entry).collect();
        let mut pages = Pages::new(5);
        entries.iter().for_each(|entry| pages.push(entry));
        let (frame, count) = pages.finish();
        let bytes = &frame[FRAME_HEADER_BYTES..];
        assert_eq!((count, bytes.len()), (2, 2 * PAGE_BYTES));
        let page = |number: u32, of: u32| {
            Page::read(bytes[number as usize * PAGE_BYTES..].to_vec(), of, 5)
        };
        let (first, second) = (page(0, 0).unwrap(), page(1, 1).unwrap());
        let back: Vec<Entry> = first.entries().chain(second.entries()).collect();
        assert_eq!(back, entries);
        assert!(page(0, 1).is_none(), "a page in another place");
        assert_eq!(second.last(), entries.last().copied());
        for tag in 30..42 {
            let of_tag = entries[32..].iter().copied().filter(|entry| entry.summary.tag.0 == tag);
            assert!(second.of_tag(tag).eq(of_tag), "{tag}");
        }
        let mut footer = Footer::empty();
        entries.iter().for_each(|entry| footer.add(entry));
        footer.add_guess(Guess { boot: [1; 16], offset_ns: -3 });
        footer.tags.push(TagsPlace { set: 1, revision: 2, offset: 3, length: 4 });
        let bytes = footer.encode();
        assert_eq!(Footer::decode(&bytes), Some(footer));
        // Without rollups a footer ends before their sizes.
        for end in (0..bytes.len()).filter(|end| *end != bytes.len() - 24) {
            assert_eq!(Footer::decode(&bytes[..end]), None);
        }
    }
}
