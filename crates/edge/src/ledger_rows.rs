//! The ledger as rows of SQL, an hour at a time.

use crate::ledger::{Books, Range as Minutes, place, tell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tagwerk_historian::Scan;
use tagwerk_ledger::{Account, Asked, MINUTE_NS, Minute, Row, SetInfo, Sharing, SinkShare, Told};
use tagwerk_model::{Quality, Severity, TagId};
use tagwerk_sql::{Cancel, DeliveryRow, LedgerRow, Rows, SinkRow, TagTable};

/// Minutes that are made at once.
const AT_ONCE: i64 = 60;
/// Rows by tag and sink that are made at once; a minute has more where it must.
const ROWS_AT_ONCE: i64 = 50_000;

/// Hours of whole minutes that begin in a span, as far as the ledger knows any.
struct Hours {
    next: i64,
    end: i64,
    at_once: i64,
    cancel: Cancel,
}

impl Hours {
    fn new(books: &Books, span: &Range<i64>, cancel: Cancel) -> Hours {
        let now = books.env.clock.wall().unix_ns;
        let known = books.ledger.known_from_ns().unwrap_or(now);
        let from = span.start.max(known);
        let next = from.div_euclid(MINUTE_NS) + i64::from(from.rem_euclid(MINUTE_NS) != 0);
        let end = span.end.min(now.saturating_add(1)).saturating_sub(1).div_euclid(MINUTE_NS) + 1;
        Hours { next, end, at_once: AT_ONCE, cancel }
    }

    /// Shorter ones where a minute has so many rows.
    fn of_rows(self, a_minute: usize) -> Hours {
        let at_once = ROWS_AT_ONCE / (a_minute.max(1) as i64);
        Hours { at_once: at_once.clamp(1, AT_ONCE), ..self }
    }
}

impl Iterator for Hours {
    type Item = Minutes;

    fn next(&mut self) -> Option<Minutes> {
        if self.next >= self.end || self.cancel.load(Ordering::Relaxed) {
            return None;
        }
        let (from, to) = (self.next, (self.next + self.at_once).min(self.end));
        self.next = to;
        Some(Minutes { from, to, interval: 1 })
    }
}

pub fn sink_rows(books: Books, span: Range<i64>, cancel: Cancel) -> Rows<SinkRow> {
    let hours = Hours::new(&books, &span, cancel);
    Box::new(hours.flat_map(move |minutes| {
        let told = tell(&books, minutes, None);
        let names: Vec<Arc<str>> = told.sinks.iter().map(|s| s.sharing.name().into()).collect();
        let mut rows = Vec::new();
        for (unix_ns, interval) in told.intervals {
            for (sink, share) in names.iter().zip(interval.sinks) {
                let most = share.lost.iter().max_by_key(|(_, samples)| **samples);
                rows.push(Ok(SinkRow {
                    unix_ns,
                    sink: sink.clone(),
                    expected: share.expected,
                    delivered: share.delivered,
                    pending: share.pending,
                    rejected: share.rejected,
                    lost: share.lost_samples(),
                    reason: most.map(|(reason, _)| Arc::from(*reason)),
                }));
            }
        }
        rows
    }))
}

pub fn rows(
    books: Books,
    known: &TagTable,
    span: Range<i64>,
    tags: &[TagId],
    cancel: Cancel,
) -> Rows<LedgerRow> {
    let wanted: HashSet<TagId> = tags.iter().copied().collect();
    let of = known.tags().iter().filter(|tag| wanted.contains(&tag.id));
    let names: HashMap<TagId, Arc<str>> = of.map(|tag| (tag.id, tag.name.clone())).collect();
    let hours = Hours::new(&books, &span, cancel.clone());
    Box::new(hours.flat_map(move |minutes| {
        hour(&books, minutes, &names, &cancel).unwrap_or_else(|error| vec![Err(error)])
    }))
}

/// A tag's account of a minute and what became of it on the way to each sink that takes the tag.
pub fn delivery_rows(
    books: Books,
    known: &TagTable,
    span: Range<i64>,
    tags: &[TagId],
    cancel: Cancel,
) -> Rows<DeliveryRow> {
    let wanted: HashSet<TagId> = tags.iter().copied().collect();
    let of = known.tags().iter().filter(|tag| wanted.contains(&tag.id));
    let names: HashMap<TagId, Arc<str>> = of.map(|tag| (tag.id, tag.name.clone())).collect();
    let sinks = books.runtime.sink_tags();
    let hours = Hours::new(&books, &span, cancel.clone()).of_rows(names.len() * sinks.len());
    Box::new(hours.flat_map(move |minutes| {
        let made = summed_up(&books, minutes, &names, &cancel);
        let made = made.map(|summed| delivered(&books, summed, &names, &cancel));
        made.unwrap_or_else(|error| vec![Err(error)])
    }))
}

fn delivered(
    books: &Books,
    summed: SummedUp,
    names: &HashMap<TagId, Arc<str>>,
    cancel: &Cancel,
) -> Vec<Result<DeliveryRow, String>> {
    let SummedUp { told, counted } = summed;
    let mut records: HashMap<i64, Vec<Arc<Minute>>> = HashMap::new();
    for minute in told.minutes {
        records.entry(minute.minute * MINUTE_NS).or_default().push(minute);
    }
    let patterns = books.runtime.sink_tags();
    let sinks: Vec<Sharing> =
        patterns.iter().map(|(name, _)| books.ledger.sharing(place(books, name))).collect();
    let mut made = Vec::new();
    for rows in told.rows.chunk_by(|a, b| a.from_ns == b.from_ns) {
        if cancel.load(Ordering::Relaxed) {
            break;
        }
        let records = records.remove(&rows[0].from_ns).unwrap_or_default();
        let mut layout = None;
        for ((_, patterns), sharing) in patterns.iter().zip(&sinks) {
            let delivery = books.ledger.delivery(&records, sharing, &mut layout);
            for row in rows {
                let stored = stored(row, &counted);
                let shares = delivery.of_tags(&row.set, &stored);
                for (tag, share) in row.set.tags.iter().zip(shares) {
                    let Some(name) = names.get(tag) else { continue };
                    let set = &row.set;
                    if patterns.iter().any(|p| p.matches(&set.device, &set.group, name)) {
                        let tag = of_tag(row, *tag, name, &counted);
                        made.push(Ok(delivery_row(tag, sharing.name(), &share)));
                    }
                }
            }
        }
    }
    made
}

/// Stored samples of each tag of the group.
fn stored(row: &Row, counted: &Counted) -> Vec<u64> {
    let even = row.account.stored / u64::from(row.account.size.max(1));
    let of = |tag: &TagId| match is_even(&row.account) {
        true => even,
        false => counted.get(&(*tag, row.from_ns)).into_iter().flat_map(BTreeMap::values).sum(),
    };
    row.set.tags.iter().map(of).collect()
}

fn delivery_row(tag: LedgerRow, sink: &str, share: &SinkShare) -> DeliveryRow {
    let most = share.lost.iter().max_by_key(|(_, samples)| **samples);
    DeliveryRow {
        tag,
        sink: sink.into(),
        delivered: share.delivered,
        pending: share.pending,
        rejected: share.rejected,
        lost: share.lost_samples(),
        lost_reason: most.map(|(reason, _)| Arc::from(*reason)),
    }
}

type Made = Vec<Result<LedgerRow, String>>;

fn hour(
    books: &Books,
    minutes: Minutes,
    names: &HashMap<TagId, Arc<str>>,
    cancel: &Cancel,
) -> Result<Made, String> {
    let SummedUp { told, counted } = summed_up(books, minutes, names, cancel)?;
    let mut rows = Made::new();
    for row in &told.rows {
        for tag in &row.set.tags {
            if let Some(name) = names.get(tag) {
                rows.push(Ok(of_tag(row, *tag, name, &counted)));
            }
        }
    }
    Ok(rows)
}

/// What the accounts say of some minutes, and what they leave to be counted by tag.
struct SummedUp {
    told: Told,
    counted: Counted,
}

fn summed_up(
    books: &Books,
    minutes: Minutes,
    names: &HashMap<TagId, Arc<str>>,
    cancel: &Cancel,
) -> Result<SummedUp, String> {
    let schedules = books.runtime.schedules();
    let now_ns = books.env.clock.wall().unix_ns;
    let Minutes { from, to, interval } = minutes;
    let asked = Asked { from, to, interval, now_ns, schedules: &schedules };
    let wanted = |set: &SetInfo| set.tags.iter().any(|tag| names.contains_key(tag));
    let told = books.ledger.tell(&asked, &wanted);
    let uneven: Vec<TagId> = {
        let sets = told.rows.iter().filter(|row| !is_even(&row.account)).map(|row| &row.set);
        let tags = sets.flat_map(|set| set.tags.iter().copied());
        let chosen: HashSet<TagId> = tags.filter(|tag| names.contains_key(tag)).collect();
        chosen.into_iter().collect()
    };
    let counted = count(books, uneven, from * MINUTE_NS..to * MINUTE_NS, cancel)?;
    Ok(SummedUp { told, counted })
}

/// Each tag of the group has the same share.
fn is_even(account: &Account) -> bool {
    let size = u64::from(account.size.max(1));
    account.even && account.stored.is_multiple_of(size) && account.suppressed.is_multiple_of(size)
}

/// Stored samples of a tag in a minute by quality.
type Counted = HashMap<(TagId, i64), BTreeMap<Quality, u64>>;

fn count(
    books: &Books,
    tags: Vec<TagId>,
    span: Range<i64>,
    cancel: &Cancel,
) -> Result<Counted, String> {
    let mut counted = Counted::new();
    if tags.is_empty() {
        return Ok(counted);
    }
    if let Some(why) = books.history_off() {
        return Err(why);
    }
    let scan = Scan {
        tags,
        from_unix_ns: span.start,
        to_unix_ns: span.end,
        cancel: Some(cancel.clone()),
        ..Scan::default()
    };
    for piece in books.historian.scan(&scan) {
        let piece = piece.map_err(|error| error.to_string())?;
        for (place, time) in piece.times.iter().enumerate() {
            let minute = time.div_euclid(MINUTE_NS) * MINUTE_NS;
            let by_quality = counted.entry((piece.tag, minute)).or_default();
            *by_quality.entry(piece.quality(place).with_detail(0)).or_default() += 1;
        }
    }
    Ok(counted)
}

fn of_tag(row: &Row, tag: TagId, name: &Arc<str>, counted: &Counted) -> LedgerRow {
    let account = &row.account;
    let size = u64::from(account.size.max(1));
    let missed = account.missed_samples() / size;
    let expected = account.expected() / size;
    let (good, uncertain, bad) = if is_even(account) {
        (account.good() / size, account.uncertain / size, account.bad_samples() / size)
    } else {
        let mut sums = (0, 0, 0);
        for (quality, samples) in counted.get(&(tag, row.from_ns)).into_iter().flatten() {
            match quality.severity() {
                Severity::Good => sums.0 += samples,
                Severity::Uncertain => sums.1 += samples,
                Severity::Bad => sums.2 += samples,
            }
        }
        sums
    };
    let stored = good + uncertain + bad;
    let suppressed = expected.saturating_sub(missed + stored);
    let missing = account.missed.iter().max_by_key(|(_, n)| **n).map(|(why, _)| why.text());
    let worst = account.bad.iter().max_by_key(|(_, n)| **n).map(|(quality, _)| quality.reason());
    let reason = match (missed, bad) {
        (0, 0) => None,
        (0, _) => worst,
        _ => missing,
    };
    LedgerRow {
        unix_ns: row.from_ns,
        device: row.set.device.clone(),
        group: row.set.group.clone(),
        tag: name.clone(),
        expected: stored + suppressed + missed,
        good,
        uncertain,
        bad,
        suppressed,
        missed,
        stored,
        reason: reason.map(Into::into),
    }
}
