//! A chunk: samples of one tag with one type, column by column, and its stored form.
//!
//! Who reads it sees arrival order; sorting and merging is the readers' work.

use crate::bytes::{Input, put_blob, put_signed, put_varint};
use crate::floats;
use crate::integers::{self, Effort};
use crate::summary::Summary;
use crate::value::is_sound;
use std::sync::Arc;
use tagwerk_model::{DataType, Kind, Quality, TagId, limits};

/// The source time of a sample whose source gave none.
pub const NO_SOURCE_TIME: i64 = i64::MIN;

/// Which columns of samples are wanted. Qualities always come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub times: bool,
    pub source_times: bool,
    pub values: bool,
}

impl Wanted {
    pub const ALL: Wanted = Wanted { times: true, source_times: true, values: true };
}

/// Samples of one chunk. A stored chunk that claims more is damaged.
pub(crate) const SAMPLES_MAX: usize = 65_536;

const UNSYNCHRONISED: u8 = 1;
const SOURCE_TIMES: u8 = 2;

/// Stamped by a clock that nobody had set: which start of the machine, and what was taken for wall
/// time minus monotonic time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Guess {
    pub boot: [u8; 16],
    pub offset_ns: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub tag: TagId,
    pub data_type: DataType,
    pub unit: Arc<str>,
    pub epoch: u32,
    pub first_seq: u64,
    pub last_seq: u64,
    /// Set when the time was not synchronised.
    pub guess: Option<Guess>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub count: u32,
    pub quality: Quality,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Columns {
    pub times: Vec<i64>,
    /// With [`NO_SOURCE_TIME`] where there is none.
    pub source_times: Option<Vec<i64>>,
    pub runs: Vec<Run>,
    /// One per sample, a bad sample's is 0.
    pub bits: Vec<u64>,
    pub dictionary: Vec<Arc<[u8]>>,
}

/// Buffers to be used again.
#[derive(Default)]
pub(crate) struct Scratch {
    pub floats: floats::Scratch,
    usable: Vec<u64>,
    pub signed: Vec<i64>,
    /// A block of an open chunk.
    pub block: Vec<u8>,
}

impl Columns {
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Calls `each` with the place of every sample that has a value.
    pub fn usable(&self, each: impl FnMut(usize)) {
        usable(&self.runs, each);
    }

    /// Samples, whichever columns are there.
    pub fn count(&self) -> usize {
        self.runs.iter().map(|run| run.count as usize).sum()
    }

    /// Makes one of the runs on both sides of a place where they are of one quality.
    fn join_runs(&mut self, at: usize) {
        let both = at.checked_sub(1).and_then(|before| self.runs.get_mut(before..=at));
        if let Some([before, behind]) = both
            && before.quality == behind.quality
            && let Some(count) = before.count.checked_add(behind.count)
        {
            before.count = count;
            self.runs.remove(at);
        }
    }

    pub fn push_quality(&mut self, quality: Quality) {
        match self.runs.last_mut() {
            Some(run) if run.quality == quality => run.count += 1,
            _ => self.runs.push(Run { count: 1, quality }),
        }
    }

    pub fn all_usable(&self) -> bool {
        self.runs.iter().all(|run| !run.quality.is_bad())
    }
}

/// Values of this kind as bits: floats by their own codec, all others as whole numbers.
pub(crate) fn encode_bits(
    kind: Kind,
    bits: &[u64],
    effort: Effort,
    scratch: &mut floats::Scratch,
    signed: &mut Vec<i64>,
    out: &mut Vec<u8>,
) {
    match kind {
        Kind::F64 => floats::encode(bits, effort, scratch, out),
        _ => {
            signed.clear();
            signed.extend(bits.iter().map(|b| *b as i64));
            integers::encode(signed, effort, scratch.integers(), out);
        }
    }
}

/// Appends `count` values to `out`; `signed` is a place to work in.
pub(crate) fn decode_bits(
    kind: Kind,
    input: &mut Input<'_>,
    count: usize,
    signed: &mut Vec<i64>,
    out: &mut Vec<u64>,
) -> Option<()> {
    if kind == Kind::F64 {
        return floats::decode(input, count, signed, out);
    }
    signed.clear();
    integers::decode(input, count, signed)?;
    out.extend(signed.iter().map(|v| *v as u64));
    Some(())
}

/// Appends the stored form of a chunk of 1 to [`SAMPLES_MAX`] samples.
pub(crate) fn encode(head: &Head, columns: &Columns, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let sources = columns.source_times.as_ref();
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags = flag(head.guess.is_some(), UNSYNCHRONISED) | flag(sources.is_some(), SOURCE_TIMES);
    put_head(head, flags, columns.len(), out);
    put_varint(columns.runs.len() as u64, out);
    for run in &columns.runs {
        put_varint(u64::from(run.count), out);
        put_varint(u64::from(run.quality.0), out);
    }
    let kind = head.data_type.kind();
    integers::encode(&columns.times, Effort::Full, scratch.floats.integers(), out);
    if let Some(sources) = sources {
        put_sources(&columns.times, sources, scratch, out);
    }
    if !matches!(kind, Kind::Bool | Kind::I64 | Kind::U64 | Kind::F64) {
        put_varint(columns.dictionary.len() as u64, out);
        columns.dictionary.iter().for_each(|content| put_blob(content, out));
    }
    let Scratch { floats, usable, signed, .. } = scratch;
    let bits = if columns.all_usable() {
        &columns.bits
    } else {
        usable.clear();
        columns.usable(|place| usable.push(columns.bits[place]));
        &*usable
    };
    encode_bits(kind, bits, Effort::Full, floats, signed, out);
}

/// How chunks begin.
pub(crate) fn put_head(head: &Head, flags: u8, count: usize, out: &mut Vec<u8>) {
    put_varint(u64::from(head.tag.0), out);
    out.extend_from_slice(&[head.data_type as u8, flags]);
    put_blob(head.unit.as_bytes(), out);
    put_varint(count as u64, out);
    put_varint(u64::from(head.epoch), out);
    put_varint(head.first_seq, out);
    put_varint(head.last_seq - head.first_seq, out);
    if let Some(guess) = &head.guess {
        out.extend_from_slice(&guess.boot);
        put_signed(guess.offset_ns, out);
    }
}

/// Which samples have one as runs, then the times of those, by themselves or by their distance to
/// the gateway's time.
fn put_sources(times: &[i64], sources: &[i64], scratch: &mut Scratch, out: &mut Vec<u8>) {
    let has = |time: &i64| *time != NO_SOURCE_TIME;
    let runs: Vec<usize> = sources.chunk_by(|a, b| has(a) == has(b)).map(<[i64]>::len).collect();
    out.push(u8::from(sources.first().is_some_and(has)));
    put_varint(runs.len() as u64, out);
    runs.iter().for_each(|run| put_varint(*run as u64, out));
    let plain: Vec<i64> = sources.iter().copied().filter(has).collect();
    let distance = |(source, time): (&i64, &i64)| source.wrapping_sub(*time);
    let both = sources.iter().zip(times).filter(|(source, _)| has(source));
    let distances: Vec<i64> = both.map(distance).collect();
    let (mut a, mut b) = (vec![0], vec![1]);
    integers::encode(&plain, Effort::Full, scratch.floats.integers(), &mut a);
    integers::encode(&distances, Effort::Full, scratch.floats.integers(), &mut b);
    out.extend_from_slice(if a.len() <= b.len() { &a } else { &b });
}

/// Spans that have source times and that have not, and how many have.
type Spans = (Vec<(bool, usize, usize)>, usize);

fn read_spans(input: &mut Input<'_>, samples: usize) -> Option<Spans> {
    let mut present = input.u8()? == 1;
    let mut spans = Vec::new();
    let mut total = 0;
    for _ in 0..input.varint()? {
        let length = input.varint()?;
        if length == 0 || length > (samples - total) as u64 {
            return None;
        }
        spans.push((present, total, total + length as usize));
        total += length as usize;
        present = !present;
    }
    let count = spans.iter().filter(|s| s.0).map(|s| s.2 - s.1).sum();
    (total == samples).then_some((spans, count))
}

fn skip_sources(input: &mut Input<'_>, samples: usize) -> Option<()> {
    let (_, count) = read_spans(input, samples)?;
    input.u8()?;
    integers::skip(input, count)
}

fn read_sources(input: &mut Input<'_>, times: &[i64], out: &mut Vec<i64>) -> Option<()> {
    let (spans, count) = read_spans(input, times.len())?;
    let by_distance = match input.u8()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let mut numbers = Vec::new();
    integers::decode(input, count, &mut numbers)?;
    let mut numbers = numbers.into_iter();
    let at = out.len();
    out.resize(at + times.len(), NO_SOURCE_TIME);
    let sources = &mut out[at..];
    for (_, from, to) in spans.into_iter().filter(|span| span.0) {
        for place in from..to {
            let number = numbers.next()?;
            sources[place] = if by_distance { number.wrapping_add(times[place]) } else { number };
        }
    }
    Some(())
}

/// Only the head of a stored chunk, and how many samples it has.
pub(crate) fn decode_head(bytes: &[u8]) -> Option<(Head, usize)> {
    read_head(&mut Input(bytes)).map(|(head, count, _)| (head, count))
}

pub(crate) fn read_head(input: &mut Input<'_>) -> Option<(Head, usize, u8)> {
    let tag = TagId(input.varint_u32()?);
    let data_type = DataType::from_code(input.u8()?)?;
    let flags = input.u8()?;
    if flags & !(UNSYNCHRONISED | SOURCE_TIMES) != 0 {
        return None;
    }
    let unit = std::str::from_utf8(input.blob(limits::VALUE_BYTES_MAX)?).ok()?.into();
    let count = usize::try_from(input.varint()?).ok()?;
    if count == 0 || count > SAMPLES_MAX {
        return None;
    }
    let epoch = input.varint_u32()?;
    let first_seq = input.varint()?;
    let last_seq = first_seq.checked_add(input.varint()?)?;
    let guess = match flags & UNSYNCHRONISED {
        0 => None,
        _ => Some(Guess { boot: input.array()?, offset_ns: input.signed()? }),
    };
    Some((Head { tag, data_type, unit, epoch, first_seq, last_seq, guess }, count, flags))
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Head, Columns)> {
    decode_some(bytes, Wanted::ALL)
}

/// The same, of which columns that nobody wants are empty.
pub(crate) fn decode_some(bytes: &[u8], wanted: Wanted) -> Option<(Head, Columns)> {
    let mut columns = Columns::default();
    let head = decode_onto(bytes, wanted, &mut Vec::new(), &mut columns)?;
    Some((head, columns))
}

/// The same, behind the samples that `columns` has, of which as much was wanted. Values that stand in a
/// dictionary can have none before them. `signed` is a place to work in.
pub(crate) fn decode_onto(
    bytes: &[u8],
    wanted: Wanted,
    signed: &mut Vec<i64>,
    columns: &mut Columns,
) -> Option<Head> {
    let mut input = Input(bytes);
    let (head, count, flags) = read_head(&mut input)?;
    let (runs_at, at) = (columns.runs.len(), columns.count());
    let usable = read_runs(&mut input, count, columns)?;
    let has_sources = flags & SOURCE_TIMES != 0;
    // They may be stored by their distance to the times.
    let sources = has_sources && wanted.source_times;
    match wanted.times || sources {
        true => integers::decode(&mut input, count, &mut columns.times)?,
        false => integers::skip(&mut input, count)?,
    }
    if sources {
        let all = columns.source_times.get_or_insert_default();
        all.resize(at, NO_SOURCE_TIME);
        let times = columns.times.len() - count;
        read_sources(&mut input, &columns.times[times..], all)?;
    } else if has_sources {
        skip_sources(&mut input, count)?;
    }
    if let Some(all) = &mut columns.source_times {
        all.resize(at + count, NO_SOURCE_TIME);
    }
    if wanted.values {
        let kind = head.data_type.kind();
        read_values(&mut input, kind, (count, usable), (runs_at, signed), columns)?;
    }
    columns.join_runs(runs_at);
    Some(head)
}

/// How many of the samples have a value.
fn read_runs(input: &mut Input<'_>, count: usize, columns: &mut Columns) -> Option<usize> {
    let (mut total, mut usable) = (0, 0);
    for _ in 0..input.varint()? {
        let run = Run { count: input.varint_u32()?, quality: Quality(input.varint_u32()?) };
        total += run.count as usize;
        if run.count == 0 || total > count {
            return None;
        }
        usable += if run.quality.is_bad() { 0 } else { run.count as usize };
        columns.runs.push(run);
    }
    (total == count).then_some(usable)
}

fn read_values(
    input: &mut Input<'_>,
    kind: Kind,
    (count, usable): (usize, usize),
    (runs_at, signed): (usize, &mut Vec<i64>),
    columns: &mut Columns,
) -> Option<()> {
    let dictionary = has_dictionary(kind);
    let at = columns.bits.len();
    if dictionary {
        for _ in 0..input.varint()? {
            let content = input.blob(usize::MAX)?;
            if !is_sound(kind, content) {
                return None;
            }
            columns.dictionary.push(content.into());
        }
    }
    decode_bits(kind, input, usable, signed, &mut columns.bits)?;
    let places = columns.dictionary.len() as u64;
    if !input.is_empty() || (dictionary && columns.bits.iter().any(|place| *place >= places)) {
        return None;
    }
    if usable != count {
        spread((at, count), &columns.runs[runs_at..], &mut columns.bits);
    }
    Some(())
}

/// Puts the values from one place on in the places of the usable samples.
fn spread((at, count): (usize, usize), runs: &[Run], bits: &mut Vec<u64>) {
    let packed = bits.split_off(at);
    bits.resize(at + count, 0);
    let mut next = packed.into_iter();
    usable(runs, |place| bits[at + place] = next.next().unwrap_or_default());
}

/// Calls `each` with the place of every sample that has a value.
fn usable(runs: &[Run], mut each: impl FnMut(usize)) {
    let mut place = 0;
    for run in runs {
        let end = place + run.count as usize;
        if !run.quality.is_bad() {
            (place..end).for_each(&mut each);
        }
        place = end;
    }
}

/// Kinds whose values stand in the chunk's dictionary.
pub(crate) fn has_dictionary(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Bytes | Kind::List)
}

/// The stored form with its summary.
pub(crate) fn seal(head: &Head, columns: &Columns, scratch: &mut Scratch) -> (Vec<u8>, Summary) {
    let mut bytes = Vec::with_capacity(columns.len() * 2 + 64);
    encode(head, columns, scratch, &mut bytes);
    let summary = Summary::of(head, columns);
    (bytes, summary)
}

#[cfg(test)]
mod tests;
