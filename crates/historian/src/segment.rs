//! A segment as readers see it: its directory, on disk or in memory, and its chunks. Immutable.

use crate::entry::{Entry, FOOTER_BYTES_MAX, Footer, PAGE_BYTES, Page, Pages, TagsPlace};
use crate::files::Files;
use crate::frame::{
    self, FRAME_HEADER_BYTES, FrameHeader, Header, HeaderFault, Kind, SECOND_HEADER_AT,
    TRAILER_BYTES, Trailer,
};
use crate::scan::{Extent, scan_frames};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{self, AtomicU32};
use std::sync::{Arc, OnceLock};
use tagwerk_env::DiskFile;

pub(crate) enum Directory {
    Disk {
        /// Where the first page is.
        at: u64,
    },
    /// Of a segment that could not be completed, or none: the one that grows keeps it elsewhere.
    Memory(Vec<Entry>),
}

pub(crate) struct Segment {
    pub header: Header,
    pub seed: u32,
    pub path: PathBuf,
    pub bytes: u64,
    /// Without the places of tags, which may be many.
    pub footer: Footer,
    pub directory: Directory,
    files: Arc<Files>,
    /// Held open because the file has no name any more.
    pinned: Arc<OnceLock<Arc<dyn DiskFile>>>,
    rebuilt: OnceLock<Rebuilt>,
    /// One more than the last tag of each page that was read, 0 of the others: most pages that a
    /// search for a tag would look at need not be read again.
    last_tags: OnceLock<Box<[AtomicU32]>>,
}

/// What reading all frames found, when a page of the directory turned out to be damaged.
struct Rebuilt {
    entries: Vec<Entry>,
    /// Where frames should be and are not: nobody else knows of them any more.
    bad: Vec<(u64, u64)>,
}

/// Bytes of several chunks that are read at once.
const READ_BYTES_MAX: u64 = 128 * 1024;

/// Why a chunk cannot be had.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The file does not hold what was written.
    Damaged,
    Io(io::Error),
}

/// A frame, of which the payload is shown.
pub(crate) struct Payload(Vec<u8>);

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.get(FRAME_HEADER_BYTES..).unwrap_or_default()
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Io(error)
    }
}

impl Segment {
    pub fn new(
        header: Header,
        seed: u32,
        path: PathBuf,
        bytes: u64,
        mut footer: Footer,
        directory: Directory,
        files: &Arc<Files>,
    ) -> Segment {
        footer.tags = Vec::new();
        Segment {
            header,
            seed,
            path,
            bytes,
            footer,
            directory,
            files: files.clone(),
            pinned: Arc::default(),
            rebuilt: OnceLock::new(),
            last_tags: OnceLock::new(),
        }
    }

    /// The same file, of which more is known now. Who reads the old one reads on when the file
    /// goes.
    pub fn succeeded(&self, bytes: u64, footer: Footer, directory: Directory) -> Segment {
        let (header, path) = (self.header.clone(), self.path.clone());
        let mut next = Segment::new(header, self.seed, path, bytes, footer, directory, &self.files);
        next.pinned = self.pinned.clone();
        next
    }

    pub fn ordinal(&self) -> u64 {
        self.header.ordinal
    }

    pub fn file(&self) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = self.pinned.get() {
            return Ok(file.clone());
        }
        let opened = self.files.open(self.ordinal(), &self.path);
        match self.pinned.get() {
            // Pinned just now: its name may be gone already, and nobody else closes what was opened.
            Some(file) => {
                self.files.close(self.ordinal());
                Ok(file.clone())
            }
            None => opened,
        }
    }

    /// Keeps the file readable when its name goes.
    pub fn pin(&self) -> io::Result<()> {
        let file = self.file()?;
        let _ = self.pinned.set(file);
        self.files.close(self.ordinal());
        Ok(())
    }

    /// The stored form of a chunk, proven by its checksum.
    pub fn chunk(&self, entry: &Entry) -> Result<Payload, Fault> {
        let kind = match entry.summary.rollup {
            None => Kind::Chunk,
            Some(_) => Kind::Rollup,
        };
        self.payload(entry.offset, entry.length, kind)
    }

    pub fn payload(&self, offset: u64, length: u32, kind: Kind) -> Result<Payload, Fault> {
        if u64::from(length) > self.bytes {
            return Err(Fault::Damaged);
        }
        let mut bytes = vec![0; FRAME_HEADER_BYTES + length as usize];
        let got = self.file()?.read_at(&mut bytes, offset)?;
        let header = FrameHeader::decode(&bytes[..got], self.seed, offset);
        let header = header.filter(|header| header.kind == kind).ok_or(Fault::Damaged)?;
        let payload = Payload(bytes);
        if got < payload.0.len() || !header.is_good(&payload, self.seed, offset) {
            return Err(Fault::Damaged);
        }
        Ok(payload)
    }

    /// Shows the stored forms of chunks, one after the other, which are read at once where they lie close
    /// together. None as soon as one cannot be had, or is not understood: why, [`Segment::chunk`] says.
    pub fn each_chunk<'a>(
        &self,
        entries: impl Iterator<Item = &'a Entry> + Clone,
        buffer: &mut Vec<u8>,
        mut each: impl FnMut(&[u8]) -> Option<()>,
    ) -> Option<()> {
        let file = self.file().ok()?;
        let mut left = entries;
        while let Some(first) = left.clone().next() {
            let (count, length) = near(left.clone());
            let length = usize::try_from(length.min(self.bytes)).ok()?;
            if buffer.len() < length {
                buffer.resize(length, 0);
            }
            let got = file.read_at(&mut buffer[..length], first.offset).ok()?;
            for entry in left.by_ref().take(count) {
                let at = usize::try_from(entry.offset.checked_sub(first.offset)?).ok()?;
                let frame = buffer[..got].get(at..)?;
                let header = FrameHeader::decode(frame, self.seed, entry.offset)?;
                let payload = frame.get(FRAME_HEADER_BYTES..)?.get(..entry.length as usize)?;
                if header.kind != Kind::Chunk || !header.is_good(payload, self.seed, entry.offset) {
                    return None;
                }
                each(payload)?;
            }
        }
        Some(())
    }

    /// Appends the entries of `tag` that may have samples in `from..to`, by time.
    pub fn entries_of(&self, tag: u32, from: i64, to: i64, out: &mut Vec<Entry>) -> io::Result<()> {
        let earliest = from.saturating_sub_unsigned(self.footer.span_max);
        let wanted = |entry: &Entry| entry.summary.max_time >= from && entry.summary.min_time < to;
        let key = (tag, earliest, 0);
        if let Some(entries) = self.in_memory() {
            let start = entries.partition_point(|entry| entry.key() < key);
            let mine = entries[start..].iter().take_while(|entry| entry.summary.tag.0 == tag);
            out.extend(mine.copied().filter(wanted));
            return Ok(());
        }
        let held = out.len();
        let Some(low) = self.first_page(tag, key)? else {
            return self.entries_of(tag, from, to, out);
        };
        for number in low..self.footer.pages {
            let Some(page) = self.page(number)? else {
                out.truncate(held);
                return self.entries_of(tag, from, to, out);
            };
            out.extend(page.of_tag(tag).filter(wanted));
            let over = |last: Entry| last.summary.tag.0 > tag || last.summary.min_time >= to;
            if page.last().is_none_or(|last| last.summary.tag.0 >= tag && over(last)) {
                break;
            }
        }
        Ok(())
    }

    /// The first page that may have the entry of this key or one behind it; none when a page was found
    /// damaged.
    fn first_page(&self, tag: u32, key: (u32, i64, u64)) -> io::Result<Option<u32>> {
        let mut pages = Between::all(self.footer.pages);
        while let Some(middle) = pages.guess(tag) {
            let last = match self.last_tag(middle) {
                Some(last) if last != tag => (last, 0, 0),
                _ => {
                    let Some(page) = self.page(middle)? else { return Ok(None) };
                    page.last().map_or((tag, i64::MAX, u64::MAX), |last| last.key())
                }
            };
            pages.narrow(middle, last.0, last < key);
        }
        Ok(Some(pages.low))
    }

    /// All entries, by tag and time.
    pub fn each_entry(&self, each: &mut dyn FnMut(&Entry)) -> io::Result<()> {
        let mut given = None;
        if self.in_memory().is_none() {
            for number in 0..self.footer.pages {
                let Some(page) = self.read_page(number)? else {
                    self.rebuild()?;
                    break;
                };
                page.entries().for_each(|entry| each(&entry));
                given = page.last().map(|last| last.key());
            }
        }
        // After a damaged page the rest is given from what was rebuilt.
        let rest = self.in_memory().unwrap_or_default().iter();
        rest.filter(|entry| Some(entry.key()) > given).for_each(each);
        Ok(())
    }

    /// Page `number` from the cache or the disk; none when it is damaged, and the directory has
    /// been rebuilt in memory.
    pub fn page(&self, number: u32) -> io::Result<Option<Arc<Page>>> {
        if let Some(page) = self.files.page(self.ordinal(), number) {
            return Ok(Some(page));
        }
        let Some(page) = self.read_page(number)? else {
            self.rebuild()?;
            return Ok(None);
        };
        let page = Arc::new(page);
        if let (Some(last), Some(place)) = (page.last(), self.last_tags().get(number as usize)) {
            place.store(last.summary.tag.0.wrapping_add(1), atomic::Ordering::Relaxed);
        }
        self.files.keep_page(self.ordinal(), number, &page);
        Ok(Some(page))
    }

    fn last_tags(&self) -> &[AtomicU32] {
        self.last_tags.get_or_init(|| (0..self.footer.pages).map(|_| AtomicU32::new(0)).collect())
    }

    /// Of a page that was read before.
    fn last_tag(&self, page: u32) -> Option<u32> {
        let known = self.last_tags.get()?.get(page as usize)?;
        known.load(atomic::Ordering::Relaxed).checked_sub(1)
    }

    fn read_page(&self, number: u32) -> io::Result<Option<Page>> {
        let Directory::Disk { at } = self.directory else {
            return Ok(None);
        };
        let mut bytes = vec![0; PAGE_BYTES];
        let got = self.file()?.read_at(&mut bytes, at + u64::from(number) * PAGE_BYTES as u64)?;
        bytes.truncate(got);
        Ok(Page::read(bytes, number, self.seed))
    }

    pub fn in_memory(&self) -> Option<&[Entry]> {
        match &self.directory {
            Directory::Memory(entries) => Some(entries),
            Directory::Disk { .. } => self.rebuilt.get().map(|found| found.entries.as_slice()),
        }
    }

    /// A page of the directory was found damaged.
    pub fn is_damaged(&self) -> bool {
        self.rebuilt.get().is_some()
    }

    /// What was lost with such a page.
    pub fn lost(&self) -> &[(u64, u64)] {
        self.rebuilt.get().map_or(&[], |found| &found.bad)
    }

    fn rebuild(&self) -> io::Result<()> {
        if self.is_damaged() {
            return Ok(());
        }
        tracing::warn!(segment = %self.path.display(), "a directory of history is damaged");
        let scanned = scan_frames(self.file()?, self.seed, self.bytes, Extent::Whole)?;
        let mut bad = scanned.bad.clone();
        if let Directory::Disk { at } = self.directory {
            let directory_at = at.saturating_sub(FRAME_HEADER_BYTES as u64);
            bad.retain(|(from, _)| *from < directory_at);
            if scanned.end < directory_at && bad.last().is_none_or(|(_, to)| *to < directory_at) {
                bad.push((scanned.end, directory_at));
            }
        }
        self.rebuilt.get_or_init(|| Rebuilt { entries: scanned.sorted(), bad });
        Ok(())
    }

    /// Where the segment tells of its tags.
    pub fn tags(&self) -> io::Result<Vec<TagsPlace>> {
        let file = self.file()?;
        if let Directory::Disk { .. } = self.directory
            && let Some((_, _, footer)) = read_end(&file, self.bytes)?
        {
            return Ok(footer.tags);
        }
        Ok(scan_frames(file, self.seed, self.bytes, Extent::Whole)?.tags)
    }
}

/// Pages among which the first with a tag is looked for, as one looks for a word in a book: where it
/// should be, as tags are spread mostly evenly, and every other time in the middle.
struct Between {
    low: u32,
    high: u32,
    /// The last tags of the pages before and at the end, where they are known.
    tags: (u32, Option<u32>),
    guesses: u32,
}

impl Between {
    fn all(pages: u32) -> Between {
        Between { low: 0, high: pages, tags: (0, None), guesses: 0 }
    }

    /// The page to look at next; none when there is no choice left.
    fn guess(&mut self, tag: u32) -> Option<u32> {
        let pages = u64::from(self.high.checked_sub(self.low).filter(|pages| *pages > 0)?);
        self.guesses += 1;
        let into = match self.tags {
            // How far they reach, the last page says.
            (_, None) if self.guesses == 1 => pages - 1,
            (first, Some(last)) if self.guesses.is_multiple_of(2) && last > first => {
                let (into, of) = (tag.saturating_sub(first), last - first);
                (u64::from(into) * pages / u64::from(of)).min(pages - 1)
            }
            _ => pages / 2,
        };
        Some(self.low + into as u32)
    }

    /// What the page's last tag is, and whether the page lies before what is looked for.
    fn narrow(&mut self, page: u32, last: u32, before: bool) {
        match before {
            true => (self.low, self.tags.0) = (page + 1, last),
            false => (self.high, self.tags.1) = (page, Some(last)),
        }
    }
}

/// How many of the first chunks one read is to bring, and its length. What lies between them is read
/// too, where it is less than they.
fn near<'a>(entries: impl Iterator<Item = &'a Entry>) -> (usize, u64) {
    let frame = |entry: &Entry| FRAME_HEADER_BYTES as u64 + u64::from(entry.length);
    let (mut count, mut length, mut from, mut wanted) = (0, 0, 0, 0);
    for entry in entries {
        if count == 0 {
            from = entry.offset;
        }
        wanted += frame(entry);
        let reach = entry.offset.checked_sub(from).map(|before| before + frame(entry));
        let Some(reach) = reach.filter(|reach| *reach >= length) else { break };
        if count > 0 && (reach > 2 * wanted || reach > READ_BYTES_MAX) {
            break;
        }
        (count, length) = (count + 1, reach);
    }
    (count, length)
}

/// The header of a file, from whichever copy is good.
pub(crate) fn read_header(
    file: &Arc<dyn DiskFile>,
    length: u64,
) -> io::Result<Result<(Header, u32), HeaderFault>> {
    let mut bytes = [0; frame::HEADER_BYTES];
    let end = length.saturating_sub(TRAILER_BYTES as u64);
    let mut fault = HeaderFault::Damaged;
    for at in [0, SECOND_HEADER_AT, end] {
        let got = file.read_at(&mut bytes, at)?;
        match Header::decode(&bytes[..got]) {
            Ok(found) => return Ok(Ok(found)),
            Err(newer @ HeaderFault::Newer(_)) => fault = newer,
            Err(HeaderFault::Damaged) => {}
        }
    }
    Ok(Err(fault))
}

/// Trailer, seed and footer of a complete segment.
pub(crate) fn read_end(
    file: &Arc<dyn DiskFile>,
    length: u64,
) -> io::Result<Option<(Trailer, u32, Footer)>> {
    let Some(end) = length.checked_sub(TRAILER_BYTES as u64) else {
        return Ok(None);
    };
    let mut bytes = [0; TRAILER_BYTES];
    let got = file.read_at(&mut bytes, end)?;
    let Some((trailer, seed)) = Trailer::decode(&bytes[..got]) else {
        return Ok(None);
    };
    if trailer.footer_bytes > FOOTER_BYTES_MAX || u64::from(trailer.footer_bytes) > end {
        return Ok(None);
    }
    let mut footer = vec![0; trailer.footer_bytes as usize];
    let got = file.read_at(&mut footer, end - u64::from(trailer.footer_bytes))?;
    if got < footer.len() || frame::crc(seed, &footer) != trailer.footer_crc {
        return Ok(None);
    }
    Ok(Footer::decode(&footer).map(|footer| (trailer, seed, footer)))
}

/// The bytes that complete a segment whose frames end at `end`; sets the footer's pages.
pub(crate) fn ending(header: &Header, end: u64, pages: Pages, footer: &mut Footer) -> Vec<u8> {
    let (_, seed) = header.encode();
    let (mut out, count) = pages.finish();
    footer.pages = count;
    let stored = footer.encode();
    out.extend_from_slice(&stored);
    let (head, payload) = out.split_at_mut(FRAME_HEADER_BYTES);
    head.copy_from_slice(&frame::frame_header(Kind::Directory, seed, end, payload));
    let trailer = Trailer {
        header: header.clone(),
        directory_at: end,
        footer_bytes: stored.len() as u32,
        footer_crc: frame::crc(seed, &stored),
    };
    out.extend_from_slice(&trailer.encode());
    out
}

/// Where the pages are in a segment that [`ending`] completed.
pub(crate) fn pages_at(directory_at: u64) -> Directory {
    Directory::Disk { at: directory_at + FRAME_HEADER_BYTES as u64 }
}

pub(crate) fn segment_path(folder: &Path, ordinal: u64) -> PathBuf {
    folder.join(format!("{ordinal:010}.hist"))
}

/// The ordinal in a segment's name.
pub(crate) fn ordinal_of(name: &Path) -> Option<u64> {
    let name = name.to_str()?.strip_suffix(".hist")?;
    (name.len() >= 10 && name.bytes().all(|b| b.is_ascii_digit())).then(|| name.parse().ok())?
}
