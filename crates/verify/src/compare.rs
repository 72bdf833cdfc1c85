//! A store held against another, or against what a receiver got.

use crate::folder::Folder;
use crate::format::{STREAMS, StreamName};
use crate::range::{Range, Ranges};
use crate::received::{Arrived, Received};
use crate::record::Notes;
use crate::report::{Compared, Tally, VerifyError};
use crate::stream::{Entry, StreamReader};
use std::cmp::Ordering;
use std::collections::BTreeMap;

fn next_numbered(reader: &mut StreamReader<'_>) -> Option<Entry> {
    loop {
        let entry = reader.next()?;
        if entry.to > entry.from {
            return Some(entry);
        }
    }
}

/// Walks both stores side by side.
pub fn compare_stores(
    store: &dyn Folder,
    second: &dyn Folder,
) -> Result<Vec<Compared>, VerifyError> {
    let mut all = Vec::new();
    for name in STREAMS {
        let mut left = StreamReader::open(store, name)?;
        let mut right = StreamReader::open(second, name)?;
        let mut found = Compared { stream: name.name(), ..Compared::default() };
        let (mut a, mut b) = (next_numbered(&mut left), next_numbered(&mut right));
        // Held by one alone; judged when both ends are known.
        let (mut only_left, mut only_right) = (Ranges::default(), Ranges::default());
        loop {
            let order = match (&a, &b) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(x), Some(y)) => (x.from, x.epoch).cmp(&(y.from, y.epoch)),
            };
            match order {
                Ordering::Equal => {
                    if let (Some(x), Some(y)) = (&a, &b) {
                        found.match_entries(x, y);
                    }
                    (a, b) = (next_numbered(&mut left), next_numbered(&mut right));
                }
                Ordering::Less => {
                    only_left.add(a.take().map_or(Range::new(0, 0), |e| Range::new(e.from, e.to)));
                    a = next_numbered(&mut left);
                }
                Ordering::Greater => {
                    only_right.add(b.take().map_or(Range::new(0, 0), |e| Range::new(e.from, e.to)));
                    b = next_numbered(&mut right);
                }
            }
        }
        let (begin, end) = (right.oldest(), right.position());
        for range in only_left.iter() {
            found.pending += range.to.saturating_sub(range.from.max(end));
            found.before += range.to.min(begin).saturating_sub(range.from);
            found.lost.add(Range::new(range.from.max(begin), range.to.min(end)));
        }
        for range in only_right.iter() {
            found.before += range.to.min(left.oldest()).saturating_sub(range.from);
            found.invented.add(Range::new(range.from.max(left.oldest()), range.to));
        }
        all.push(found);
    }
    Ok(all)
}

impl Compared {
    fn match_entries(&mut self, x: &Entry, y: &Entry) {
        let range = Range::new(x.from, x.to);
        match x.to == y.to && x.digest == y.digest {
            true => self.matched += range.count(),
            false => self.differs.add(range),
        }
    }
}

/// Holds every stream that the lines speak of against the store; the samples in any case.
pub fn compare_lines(
    store: &dyn Folder,
    received: &Received,
    notes: &Notes,
    reader: Option<&str>,
) -> Result<Vec<Compared>, VerifyError> {
    let mut all = Vec::new();
    let nothing = Arrived::default();
    for name in STREAMS {
        let arrived = match received.streams.get(&name) {
            Some(arrived) => arrived,
            None if name == StreamName::Samples => &nothing,
            None => continue,
        };
        let mut found = compare_arrived(store, name, arrived, notes, reader)?;
        if name == StreamName::Samples {
            found.unreadable_lines = received.unreadable;
        }
        all.push(found);
    }
    Ok(all)
}

fn compare_arrived(
    store: &dyn Folder,
    name: StreamName,
    arrived: &Arrived,
    notes: &Notes,
    reader: Option<&str>,
) -> Result<Compared, VerifyError> {
    let mut found = Compared {
        stream: name.name(),
        duplicated: arrived.duplicated.clone(),
        reordered: arrived.reordered.clone(),
        ..Compared::default()
    };
    let done = Done::new(arrived, notes, reader);
    let mut stream = StreamReader::open(store, name)?;
    let mut held: BTreeMap<u32, Ranges> = BTreeMap::new();
    let mut since: Option<(u32, Ranges)> = None;
    while let Some(entry) = next_numbered(&mut stream) {
        let range = Range::new(entry.from, entry.to);
        held.entry(entry.epoch).or_default().add(range);
        if since.as_ref().is_none_or(|(epoch, _)| *epoch != entry.epoch) {
            since = Some((entry.epoch, arrived.since(entry.epoch)));
        }
        let Some((_, got)) = &since else { continue };
        if let Some(crc) = arrived.checked.get(&(entry.epoch, entry.from))
            && *crc != entry.crc
        {
            found.differs.add(range);
            continue;
        }
        found.matched += got.common(range);
        for part in got.outside(range) {
            done.judge(part, &mut found);
        }
    }
    // What arrived and is not held.
    let (oldest, missing) = (stream.oldest(), stream.missing().clone());
    for (epoch, ranges) in &arrived.by_epoch {
        let mut rest = ranges.clone();
        for known in held.range(..=epoch).flat_map(|(_, ranges)| ranges.iter()) {
            rest.remove(known);
        }
        for range in rest.iter() {
            found.before += range.to.min(oldest).saturating_sub(range.from);
            let kept = Range::new(range.from.max(oldest), range.to.max(oldest));
            for part in missing.inside(kept) {
                found.forgotten.add(part);
            }
            for part in missing.outside(kept) {
                found.invented.add(part);
            }
        }
    }
    Ok(found)
}

/// What the receiver should have by now.
struct Done<'a> {
    /// Everything below, and the ranges above.
    next: u64,
    above: Ranges,
    lost: &'a Ranges,
}

impl Done<'_> {
    fn new<'a>(arrived: &Arrived, notes: &'a Notes, reader: Option<&str>) -> Done<'a> {
        let lost = notes.lost_by(reader.unwrap_or_default());
        let Some(cursor) = reader.and_then(|name| notes.cursors.get(name)) else {
            return Done { next: arrived.end(), above: Ranges::default(), lost };
        };
        let mut above = Ranges::default();
        for (from, to) in &cursor.ranges {
            above.add(Range::new(*from, *to));
        }
        Done { next: cursor.next, above, lost }
    }

    /// Numbers that are held and did not arrive.
    fn judge(&self, range: Range, found: &mut Compared) {
        let below = Range::new(range.from, range.to.min(self.next));
        let rest = Range::new(range.from.max(self.next), range.to.max(self.next));
        let due = std::iter::once(below).chain(self.above.inside(rest));
        let mut judged = 0;
        for part in due.filter(|part| part.count() > 0) {
            judged += part.count();
            found.given_up += self.lost.common(part);
            self.lost.outside(part).into_iter().for_each(|part| found.lost.add(part));
        }
        found.pending += range.count() - judged;
    }
}

impl Tally {
    /// Counts `numbers` of `range`, which hold somewhere inside it.
    pub fn add_part(&mut self, range: Range, numbers: u64) {
        if numbers == range.count() {
            self.add(range);
        } else if numbers > 0 {
            self.numbers = self.numbers.saturating_add(numbers);
            self.show(range);
        }
    }
}
