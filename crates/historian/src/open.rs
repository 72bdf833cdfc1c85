//! The chunk of a tag that is still growing, in a form that takes little memory: the newest samples
//! as they are, those before in small encoded blocks.

use crate::bytes::Input;
use crate::chunk::{Columns, Guess, Head, NO_SOURCE_TIME, Run, Scratch, decode_bits, encode_bits};
use crate::integers::{self, Effort};
use crate::value::{Interner, plain_bits};
use std::sync::Arc;
use tagwerk_model::{DataType, Kind, Quality, SampleRef, TagId};

/// Samples kept as they are before they become a block.
const RAW_SAMPLES: usize = 32;

/// What a chunk's samples must have in common.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub data_type: DataType,
    pub unit: Arc<str>,
    pub guess: Option<Guess>,
}

pub(crate) struct OpenChunk {
    pub tag: TagId,
    /// The set that described the tag last.
    pub set: Arc<tagwerk_journal::TagSet>,
    /// Samples below were taken already, here or before the last start.
    pub next: u64,
    /// Samples below are in chunks that were handed on.
    pub sealed: u64,
    data_type: DataType,
    unit: Arc<str>,
    guess: Option<Box<Guess>>,
    epoch: u32,
    first_seq: u64,
    count: u32,
    raw: Vec<(i64, u64)>,
    raw_sources: Vec<i64>,
    blocks: Vec<u8>,
    runs: Vec<Run>,
    interner: Option<Box<Interner>>,
    hint: (u8, u8),
    timed: bool,
}

impl OpenChunk {
    pub fn new(tag: TagId, set: Arc<tagwerk_journal::TagSet>, sealed: u64) -> OpenChunk {
        OpenChunk {
            tag,
            set,
            next: sealed,
            sealed,
            data_type: DataType::Bool,
            unit: "".into(),
            guess: None,
            epoch: 0,
            first_seq: 0,
            count: 0,
            raw: Vec::new(),
            raw_sources: Vec::new(),
            blocks: Vec::new(),
            runs: Vec::new(),
            interner: None,
            hint: (0, 0),
            timed: false,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn count(&self) -> usize {
        self.count as usize
    }

    pub fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// What it takes in memory for its samples.
    pub fn content_bytes(&self) -> usize {
        self.interner.as_ref().map_or(0, |interner| interner.bytes())
    }

    /// Whether a sample of this shape can join.
    pub fn fits(&self, shape: &Shape) -> bool {
        self.data_type == shape.data_type
            && self.guess.as_deref() == shape.guess.as_ref()
            && (Arc::ptr_eq(&self.unit, &shape.unit) || self.unit == shape.unit)
    }

    /// Begins a chunk; it must be empty.
    pub fn begin(&mut self, shape: &Shape, seq: u64) {
        debug_assert!(self.is_empty());
        self.data_type = shape.data_type;
        self.unit = shape.unit.clone();
        self.guess = shape.guess.map(Box::new);
        self.first_seq = seq;
        let dictionary = matches!(self.data_type.kind(), Kind::Text | Kind::Bytes | Kind::List);
        self.interner = dictionary.then(Box::default);
    }

    #[inline]
    pub fn push(
        &mut self,
        seq: u64,
        epoch: u32,
        time: i64,
        sample: &SampleRef<'_>,
        scratch: &mut Scratch,
    ) {
        let bits = match sample.value {
            None => 0,
            Some(value) => match (plain_bits(value), &mut self.interner) {
                (Some(bits), _) => bits,
                (None, Some(interner)) => interner.place_of(value),
                (None, None) => 0,
            },
        };
        match self.runs.last_mut() {
            Some(run) if run.quality == sample.quality => run.count += 1,
            _ => self.push_run(sample.quality),
        }
        if let Some(source) = sample.source_time {
            if !self.timed {
                self.begin_sources();
            }
            self.raw_sources.push(source);
        } else if self.timed {
            self.raw_sources.push(NO_SOURCE_TIME);
        }
        self.raw.push((time, bits));
        self.count += 1;
        self.epoch = epoch;
        self.next = seq + 1;
        if self.raw.len() >= RAW_SAMPLES {
            self.fold(scratch);
        }
    }

    #[cold]
    fn push_run(&mut self, quality: Quality) {
        if self.runs.is_empty() {
            self.runs.reserve_exact(1);
        }
        self.runs.push(Run { count: 1, quality });
    }

    /// Blocks before this one have no source times, which reads as none.
    #[cold]
    fn begin_sources(&mut self) {
        self.timed = true;
        self.raw_sources = vec![NO_SOURCE_TIME; self.raw.len()];
    }

    /// Makes a block of the raw samples.
    fn fold(&mut self, scratch: &mut Scratch) {
        let mut numbers = [0i64; RAW_SAMPLES];
        let mut bits = [0u64; RAW_SAMPLES];
        let count = self.raw.len();
        for (place, (time, value)) in self.raw.iter().enumerate() {
            numbers[place] = *time;
            bits[place] = *value;
        }
        let block = &mut scratch.block;
        block.clear();
        block.push(count as u8);
        block.push(u8::from(self.timed));
        integers::encode(&numbers[..count], Effort::Quick, scratch.floats.integers(), block);
        if self.timed {
            integers::encode(&self.raw_sources, Effort::Quick, scratch.floats.integers(), block);
        }
        let kind = self.data_type.kind();
        let before = scratch.floats.hint();
        scratch.floats.set_hint(self.hint);
        encode_bits(
            kind,
            &bits[..count],
            Effort::Quick,
            &mut scratch.floats,
            &mut scratch.signed,
            block,
        );
        self.hint = scratch.floats.hint();
        scratch.floats.set_hint(before);
        // Grows by little at a time: a hundred thousand tags share the memory.
        self.blocks.reserve_exact(block.len());
        self.blocks.extend_from_slice(block);
        self.raw.clear();
        self.raw_sources.clear();
    }

    pub fn head(&self) -> Head {
        Head {
            tag: self.tag,
            data_type: self.data_type,
            unit: self.unit.clone(),
            epoch: self.epoch,
            first_seq: self.first_seq,
            last_seq: self.next.saturating_sub(1),
            guess: self.guess.as_deref().copied(),
        }
    }

    /// A copy of the samples, for a reader or to be sealed.
    pub fn columns(&self) -> Columns {
        let kind = self.data_type.kind();
        let mut columns = Columns {
            times: Vec::with_capacity(self.count()),
            source_times: self.timed.then(|| Vec::with_capacity(self.count())),
            runs: self.runs.clone(),
            bits: Vec::with_capacity(self.count()),
            dictionary: self.interner.as_ref().map_or(Vec::new(), |i| i.contents().to_vec()),
        };
        let mut input = Input(&self.blocks);
        while !input.is_empty() {
            // The blocks were written a moment ago by this very program.
            if read_block(&mut input, kind, &mut columns).is_none() {
                debug_assert!(false, "a block does not come back");
                break;
            }
        }
        columns.times.extend(self.raw.iter().map(|(time, _)| *time));
        columns.bits.extend(self.raw.iter().map(|(_, bits)| *bits));
        if let Some(sources) = &mut columns.source_times {
            sources.extend_from_slice(&self.raw_sources);
        }
        columns
    }

    /// Forgets the samples.
    pub fn clear(&mut self) {
        self.count = 0;
        self.raw.clear();
        if self.raw.capacity() < RAW_SAMPLES {
            // A slow tag holds on to little.
            self.raw = Vec::new();
        }
        self.raw_sources = Vec::new();
        self.blocks = Vec::new();
        self.runs.clear();
        self.runs.shrink_to(1);
        self.interner = None;
        self.guess = None;
        self.timed = false;
    }
}

fn read_block(input: &mut Input<'_>, kind: Kind, columns: &mut Columns) -> Option<()> {
    let count = input.u8()? as usize;
    let timed = input.u8()? == 1;
    integers::decode(input, count, &mut columns.times)?;
    if let Some(sources) = &mut columns.source_times {
        if timed {
            integers::decode(input, count, sources)?;
        } else {
            sources.resize(sources.len() + count, NO_SOURCE_TIME);
        }
    }
    decode_bits(kind, input, count, &mut Vec::new(), &mut columns.bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tagwerk_model::ValueRef;

    proptest! {
        #[test]
        fn samples_come_back(
            samples in prop::collection::vec(
                (any::<i64>(), any::<i64>(), 0u32..3, prop::option::of(-5i64..5)), 1..300),
            text in any::<bool>(),
        ) {
            let data_type = if text { DataType::Text } else { DataType::Float64 };
            let shape = Shape { data_type, unit: "bar".into(), guess: None };
            let mut scratch = Scratch::default();
            let (id, revision, tags, dictionary) = (1, 1, vec![3], vec![]);
            let set = tagwerk_journal::TagSet { id, revision, tags, dictionary };
            let mut open = OpenChunk::new(TagId(3), set.into(), 0);
            for round in 0..2u64 {
                let mut wanted = Columns::default();
                let mut texts = Interner::default();
                open.begin(&shape, round * 1000);
                for (i, (time, value, quality, source)) in samples.iter().enumerate() {
                    let quality = Quality(quality << 30);
                    let name = format!("{}", value % 4);
                    let value = match (quality.is_bad(), text) {
                        (true, _) => None,
                        (_, true) => Some(ValueRef::Text(&name)),
                        _ => Some(ValueRef::F64(f64::from_bits(*value as u64))),
                    };
                    let sample = SampleRef { index: 0, value, quality, source_time: *source };
                    open.push(round * 1000 + i as u64, 1, *time, &sample, &mut scratch);
                    wanted.times.push(*time);
                    wanted.push_quality(quality);
                    wanted.bits.push(value.map_or(0, |v| texts.place_of(v)));
                    let sources = wanted.source_times.get_or_insert_default();
                    sources.push(source.unwrap_or(NO_SOURCE_TIME));
                }
                if samples.iter().all(|s| s.3.is_none()) {
                    wanted.source_times = None;
                }
                wanted.dictionary = texts.contents().to_vec();
                prop_assert_eq!(open.columns(), wanted);
                prop_assert_eq!(open.head().last_seq, round * 1000 + samples.len() as u64 - 1);
                open.clear();
            }
        }
    }
}
