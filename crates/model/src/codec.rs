//! The stored form of a batch and of a tag set's definition: what the journal keeps as payloads.
//!
//! Little-endian, no alignment. A reader of these bytes never panics and never allocates more than
//! the tag set in hand allows. The format is versioned by its first byte.

use crate::batch::{Columns, Qualities, Rows, SampleBatch, SourceTimes};
use crate::limits;
use crate::quality::Quality;
use crate::tag::{TagDefinition, TagId, TagSet, TagSetDefinition};
use crate::value::{DataType, Kind, Value};
use std::fmt;
use std::sync::Arc;

/// First byte of a stored batch.
const BATCH_V1: u8 = 1;
/// First byte of a stored tag set definition.
const SET_V1: u8 = 1;

/// Why stored bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Written by a newer version.
    Version(u8),
    /// The bytes end too early, go on too long, or contradict the tag set.
    Malformed,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Version(v) => {
                write!(f, "stored in format {v}, which this version does not know")
            }
            DecodeError::Malformed => f.write_str("stored bytes are malformed"),
        }
    }
}

impl std::error::Error for DecodeError {}

type Result<T> = std::result::Result<T, DecodeError>;

/// Appends the stored form of `batch`; its set, moment and count belong to the frame around it.
pub fn encode_batch(batch: &SampleBatch, out: &mut Vec<u8>) {
    out.push(BATCH_V1);
    match &batch.rows {
        Rows::All => put_varint(0, out),
        Rows::Some(indices) => {
            put_varint(indices.len() as u64 + 1, out);
            let mut last = 0;
            for index in indices {
                put_varint(u64::from(index - last), out);
                last = *index;
            }
        }
    }
    put_varint(u64::from(batch.expected), out);
    put_varint(u64::from(batch.suppressed), out);
    match &batch.source_times {
        SourceTimes::None => out.push(0),
        SourceTimes::One(time) => {
            out.push(1);
            out.extend_from_slice(&time.to_le_bytes());
        }
        SourceTimes::Each(times) => {
            out.push(2);
            put_integers(times, out);
        }
    }
    match &batch.qualities {
        Qualities::One(quality) => {
            put_varint(1, out);
            put_varint(batch.len() as u64, out);
            put_varint(u64::from(quality.0), out);
        }
        Qualities::Each(qualities) => {
            let runs: Vec<&[Quality]> = qualities.chunk_by(|a, b| a == b).collect();
            put_varint(runs.len() as u64, out);
            for run in runs {
                put_varint(run.len() as u64, out);
                put_varint(u64::from(run[0].0), out);
            }
        }
    }
    encode_columns(&batch.columns, out);
}

fn encode_columns(columns: &Columns, out: &mut Vec<u8>) {
    for chunk in columns.bools.chunks(8) {
        out.push(chunk.iter().enumerate().fold(0, |byte, (i, b)| byte | u8::from(*b) << i));
    }
    put_integers(&columns.i64s, out);
    // Two's complement carries every u64; the column's kind says how to read it back.
    put_integers_by(columns.u64s.len(), |i| columns.u64s[i] as i64, out);
    put_floats(&columns.f64s, out);
    for text in &columns.texts {
        put_blob(text.as_bytes(), out);
    }
    for bytes in &columns.bytes {
        put_blob(bytes, out);
    }
    for list in &columns.lists {
        put_list(list, out);
    }
}

/// Reads what [`encode_batch`] wrote.
pub fn decode_batch(
    set: Arc<TagSet>,
    bytes: &[u8],
    moment_ns: u64,
    unix_ns: i64,
) -> Result<SampleBatch> {
    let mut input = Input(bytes);
    match input.byte()? {
        BATCH_V1 => {}
        other => return Err(DecodeError::Version(other)),
    }
    let rows = decode_rows(set.len(), &mut input)?;
    let count = match &rows {
        Rows::All => set.len(),
        Rows::Some(indices) => indices.len(),
    };
    let expected = input.varint_u32()?;
    let suppressed = input.varint_u32()?;
    let source_times = match input.byte()? {
        0 => SourceTimes::None,
        1 => SourceTimes::One(i64::from_le_bytes(input.array()?)),
        2 => SourceTimes::Each(input.integers(count)?),
        _ => return Err(DecodeError::Malformed),
    };
    let qualities = decode_qualities(count, &mut input)?;
    let mut counts = [0usize; Kind::ALL.len()];
    match &rows {
        Rows::All => Kind::ALL.iter().for_each(|k| counts[*k as usize] = set.count(*k)),
        Rows::Some(indices) => {
            indices.iter().for_each(|i| counts[set.kind(*i as usize) as usize] += 1);
        }
    }
    let columns = decode_columns(&counts, &mut input)?;
    if !input.0.is_empty() {
        return Err(DecodeError::Malformed);
    }
    Ok(SampleBatch {
        set,
        rows,
        moment_ns,
        unix_ns,
        source_times,
        qualities,
        columns,
        expected,
        suppressed,
    })
}

/// What a stored batch comes to, without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub count: u32,
    pub expected: u32,
    pub suppressed: u32,
    /// Runs of equal quality.
    pub qualities: Vec<(Quality, u32)>,
}

/// Reads the outline of a batch of a set with `tags` tags.
pub fn decode_outline(tags: usize, bytes: &[u8]) -> Result<Outline> {
    let mut input = Input(bytes);
    match input.byte()? {
        BATCH_V1 => {}
        other => return Err(DecodeError::Version(other)),
    }
    let count = match decode_rows(tags, &mut input)? {
        Rows::All => tags,
        Rows::Some(indices) => indices.len(),
    };
    let (expected, suppressed) = (input.varint_u32()?, input.varint_u32()?);
    match input.byte()? {
        0 => {}
        1 => drop(input.array::<8>()?),
        2 => drop(input.integers(count)?),
        _ => return Err(DecodeError::Malformed),
    }
    let (mut qualities, mut left) = (Vec::new(), count as u64);
    for _ in 0..input.varint()? {
        let length = input.varint()?;
        left = left.checked_sub(length).ok_or(DecodeError::Malformed)?;
        qualities.push((Quality(input.varint_u32()?), length as u32));
    }
    match left {
        0 => Ok(Outline { count: count as u32, expected, suppressed, qualities }),
        _ => Err(DecodeError::Malformed),
    }
}

/// Which tags of a set of `tags` tags a batch has samples of.
pub fn decode_rows_of(tags: usize, bytes: &[u8]) -> Result<Rows> {
    let mut input = Input(bytes);
    match input.byte()? {
        BATCH_V1 => decode_rows(tags, &mut input),
        other => Err(DecodeError::Version(other)),
    }
}

fn decode_rows(tags: usize, input: &mut Input<'_>) -> Result<Rows> {
    let count = input.varint()?;
    if count == 0 {
        return Ok(Rows::All);
    }
    let count = count - 1;
    if count > tags as u64 {
        return Err(DecodeError::Malformed);
    }
    let mut indices = Vec::with_capacity(count as usize);
    let mut next = 0u64;
    for i in 0..count {
        let step = input.varint()?;
        next = next.checked_add(step).ok_or(DecodeError::Malformed)?;
        if next >= tags as u64 || (i > 0 && step == 0) {
            return Err(DecodeError::Malformed);
        }
        indices.push(next as u32);
    }
    Ok(Rows::Some(indices))
}

fn decode_qualities(count: usize, input: &mut Input<'_>) -> Result<Qualities> {
    let runs = input.varint()?;
    let mut all = Vec::new();
    for run in 0..runs {
        let length = input.varint()?;
        let quality = Quality(input.varint_u32()?);
        if length > (count - all.len()) as u64 {
            return Err(DecodeError::Malformed);
        }
        if run == 0 && runs == 1 {
            return match length == count as u64 {
                true => Ok(Qualities::One(quality)),
                false => Err(DecodeError::Malformed),
            };
        }
        all.resize(all.len() + length as usize, quality);
    }
    if all.len() == count { Ok(Qualities::Each(all)) } else { Err(DecodeError::Malformed) }
}

fn decode_columns(counts: &[usize; 7], input: &mut Input<'_>) -> Result<Columns> {
    let bool_count = counts[Kind::Bool as usize];
    let packed = input.take(bool_count.div_ceil(8))?;
    Ok(Columns {
        bools: (0..bool_count).map(|i| packed[i / 8] >> (i % 8) & 1 == 1).collect(),
        i64s: input.integers(counts[Kind::I64 as usize])?,
        u64s: input.integers(counts[Kind::U64 as usize])?.into_iter().map(|v| v as u64).collect(),
        f64s: input.floats(counts[Kind::F64 as usize])?,
        texts: (0..counts[Kind::Text as usize])
            .map(|_| {
                let bytes = input.blob()?;
                std::str::from_utf8(bytes).map(Box::from).map_err(|_| DecodeError::Malformed)
            })
            .collect::<Result<_>>()?,
        bytes: (0..counts[Kind::Bytes as usize])
            .map(|_| input.blob().map(Box::from))
            .collect::<Result<_>>()?,
        lists: (0..counts[Kind::List as usize]).map(|_| input.list()).collect::<Result<_>>()?,
    })
}

/// The stored form of a tag set's definition: the dictionary that each journal segment carries.
pub fn encode_definition(definition: &TagSetDefinition) -> Vec<u8> {
    let mut out = vec![SET_V1];
    put_blob(definition.device.as_bytes(), &mut out);
    put_blob(definition.group.as_bytes(), &mut out);
    put_varint(definition.tags.len() as u64, &mut out);
    for tag in &definition.tags {
        put_varint(u64::from(tag.id.0), &mut out);
        out.push(tag.data_type as u8);
        put_blob(tag.name.as_bytes(), &mut out);
        put_blob(tag.unit.as_bytes(), &mut out);
    }
    out
}

/// Reads what [`encode_definition`] wrote.
pub fn decode_definition(id: u32, bytes: &[u8]) -> Result<TagSetDefinition> {
    let mut input = Input(bytes);
    match input.byte()? {
        SET_V1 => {}
        other => return Err(DecodeError::Version(other)),
    }
    let device = input.text()?;
    let group = input.text()?;
    let count = input.varint()?;
    // Four bytes is the least that one tag takes.
    if count > (input.0.len() / 4) as u64 {
        return Err(DecodeError::Malformed);
    }
    let mut tags = Vec::with_capacity(count as usize);
    for _ in 0..count {
        tags.push(TagDefinition {
            id: TagId(input.varint_u32()?),
            data_type: DataType::from_code(input.byte()?).ok_or(DecodeError::Malformed)?,
            name: input.text()?,
            unit: input.text()?,
        });
    }
    if !input.0.is_empty() {
        return Err(DecodeError::Malformed);
    }
    Ok(TagSetDefinition { id, device, group, tags })
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_blob(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_list(items: &[Value], out: &mut Vec<u8>) {
    put_varint(items.len() as u64, out);
    for item in items {
        out.push(item.kind() as u8);
        match item {
            Value::Bool(v) => out.push(u8::from(*v)),
            Value::I64(v) => out.extend_from_slice(&v.to_le_bytes()),
            Value::U64(v) => out.extend_from_slice(&v.to_le_bytes()),
            Value::F64(v) => out.extend_from_slice(&v.to_bits().to_le_bytes()),
            Value::Text(v) => put_blob(v.as_bytes(), out),
            Value::Bytes(v) => put_blob(v, out),
            Value::List(v) => put_list(v, out),
        }
    }
}

fn put_integers(values: &[i64], out: &mut Vec<u8>) {
    put_integers_by(values.len(), |i| values[i], out);
}

/// Smallest value, then each value's distance from it in the fewest whole bytes of 0, 1, 2, 4, 8.
fn put_integers_by(count: usize, value: impl Fn(usize) -> i64, out: &mut Vec<u8>) {
    if count == 0 {
        return;
    }
    let (mut low, mut high) = (value(0), value(0));
    for i in 1..count {
        low = low.min(value(i));
        high = high.max(value(i));
    }
    let width = match high.wrapping_sub(low) as u64 {
        0 => 0u8,
        1..=0xFF => 1,
        0x100..=0xFFFF => 2,
        0x1_0000..=0xFFFF_FFFF => 4,
        _ => 8,
    };
    out.push(width);
    out.extend_from_slice(&low.to_le_bytes());
    out.reserve(count * width as usize);
    let distance = |i: usize| value(i).wrapping_sub(low) as u64;
    match width {
        0 => {}
        1 => out.extend((0..count).map(|i| distance(i) as u8)),
        2 => out.extend((0..count).flat_map(|i| (distance(i) as u16).to_le_bytes())),
        4 => out.extend((0..count).flat_map(|i| (distance(i) as u32).to_le_bytes())),
        _ => out.extend((0..count).flat_map(|i| distance(i).to_le_bytes())),
    }
}

/// Four bytes each where every value is exactly a single-precision number, else eight. NaN takes
/// eight, so that its payload bits survive.
fn put_floats(values: &[f64], out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let single =
        values.iter().all(|v| !v.is_nan() && f64::from(*v as f32).to_bits() == v.to_bits());
    if single {
        out.push(4);
        out.extend(values.iter().flat_map(|v| (*v as f32).to_bits().to_le_bytes()));
    } else {
        out.push(8);
        out.extend(values.iter().flat_map(|v| v.to_bits().to_le_bytes()));
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(DecodeError::Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(DecodeError::Malformed);
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Malformed)
    }

    fn varint_u32(&mut self) -> Result<u32> {
        u32::try_from(self.varint()?).map_err(|_| DecodeError::Malformed)
    }

    fn blob(&mut self) -> Result<&'a [u8]> {
        let length = self.varint()?;
        if length > limits::VALUE_BYTES_MAX as u64 {
            return Err(DecodeError::Malformed);
        }
        self.take(length as usize)
    }

    fn text(&mut self) -> Result<Box<str>> {
        std::str::from_utf8(self.blob()?).map(Box::from).map_err(|_| DecodeError::Malformed)
    }

    /// A list is flat: the elements of a stored list are never lists.
    fn list(&mut self) -> Result<Box<[Value]>> {
        let count = self.varint()?;
        if count > limits::LIST_ITEMS_MAX as u64 {
            return Err(DecodeError::Malformed);
        }
        (0..count)
            .map(|_| {
                Ok(match self.byte()? {
                    0 => Value::Bool(self.byte()? != 0),
                    1 => Value::I64(i64::from_le_bytes(self.array()?)),
                    2 => Value::U64(u64::from_le_bytes(self.array()?)),
                    3 => Value::F64(f64::from_bits(u64::from_le_bytes(self.array()?))),
                    4 => Value::Text(self.text()?),
                    5 => Value::Bytes(self.blob()?.into()),
                    _ => return Err(DecodeError::Malformed),
                })
            })
            .collect()
    }

    fn integers(&mut self, count: usize) -> Result<Vec<i64>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let width = self.byte()? as usize;
        let low = i64::from_le_bytes(self.array()?);
        if !matches!(width, 0 | 1 | 2 | 4 | 8) {
            return Err(DecodeError::Malformed);
        }
        let bytes = self.take(count * width)?;
        let value = |distance: u64| low.wrapping_add(distance as i64);
        Ok(match width {
            0 => vec![low; count],
            1 => bytes.iter().map(|b| value(u64::from(*b))).collect(),
            _ => bytes
                .chunks_exact(width)
                .map(|chunk| {
                    let mut wide = [0u8; 8];
                    wide[..width].copy_from_slice(chunk);
                    value(u64::from_le_bytes(wide))
                })
                .collect(),
        })
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f64>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        match self.byte()? {
            4 => Ok(self
                .take(count * 4)?
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f64::from(f32::from_bits(u32::from_le_bytes(*b))))
                .collect()),
            8 => Ok(self
                .take(count * 8)?
                .as_chunks::<8>()
                .0
                .iter()
                .map(|b| f64::from_bits(u64::from_le_bytes(*b)))
                .collect()),
            _ => Err(DecodeError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests;
