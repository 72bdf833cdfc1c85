//! A history with given samples, and pieces to compare.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_archive::TagName;
use tagwerk_env::{Env, Moment};
use tagwerk_historian::{Historian, Options, Piece, Scan, Values};
use tagwerk_journal::{Block, Payload, Span};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, SampleBatch, TagDefinition, TagId, TagSet, TagSetDefinition,
    Value, codec,
};

pub const SECOND: i64 = 1_000_000_000;
pub const DAY: i64 = 86_400 * SECOND;
/// 2026-11-18, midnight.
pub const START: i64 = 20_775 * DAY;

/// Time, code, source time, value.
pub type Sample = (i64, u32, Option<i64>, Option<Value>);

pub fn name(device: &str, tag: &str) -> TagName {
    TagName { device: device.into(), name: tag.into() }
}

pub fn samples(piece: &Piece) -> Vec<Sample> {
    let sample = |row: usize| {
        let value = piece.value(row).map(|value| value.to_value());
        (piece.times[row], piece.quality(row).0, piece.source_time(row), value)
    };
    (0..piece.len()).map(sample).collect()
}

pub fn numbers(tag: u32, times: &[i64]) -> Piece {
    let values = times.iter().map(|time| *time as f64 / 7.0).collect();
    Piece::new(TagId(tag), DataType::Float64, "bar".into(), times.to_vec(), Values::F64(values))
}

pub struct Feed {
    pub historian: Historian,
    set: Arc<TagSet>,
    next: u64,
}

impl Feed {
    /// Tags 1 and 2 of `press`.
    pub fn new(env: &Env) -> Feed {
        let options = Options { chunk_samples: 16, ..Options::default() };
        let (historian, _) = Historian::open(env, Path::new("/history"), options).unwrap();
        let tag = |id: u32| TagDefinition {
            id: TagId(id),
            name: format!("tag {id}").into(),
            data_type: DataType::Float64,
            unit: "bar".into(),
        };
        let set = Arc::new(TagSet::new(TagSetDefinition {
            id: 1,
            device: "press".into(),
            group: "fast".into(),
            tags: vec![tag(1), tag(2)],
        }));
        Feed { historian, set, next: 0 }
    }

    pub fn add(&mut self, unix_ns: i64) {
        let mut builder = BatchBuilder::new(self.set.clone(), vec![None; 2].into());
        builder.put(0, Value::F64(unix_ns as f64).as_ref());
        match unix_ns % (3 * SECOND) {
            0 => builder.put_quality(1, Quality::BAD_TIMEOUT),
            _ => builder.put(1, Value::F64(0.5).as_ref()),
        }
        self.append(&builder.batch(unix_ns as u64, unix_ns, 2));
    }

    /// A text of tag 1, whose type is another from here on.
    pub fn add_text(&mut self, unix_ns: i64, text: &str) {
        if self.set.id() == 1 {
            let tag = TagDefinition { data_type: DataType::Text, ..self.set.tags()[0].clone() };
            let definition = TagSetDefinition {
                id: 2,
                device: "press".into(),
                group: "fast".into(),
                tags: vec![tag],
            };
            self.set = Arc::new(TagSet::new(definition));
        }
        let mut builder = BatchBuilder::new(self.set.clone(), vec![None].into());
        builder.put(0, Value::Text(text.into()).as_ref());
        self.append(&builder.batch(unix_ns as u64, unix_ns, 1));
    }

    fn append(&mut self, batch: &SampleBatch) {
        let mut payload = Vec::new();
        codec::encode_batch(batch, &mut payload);
        let set = Arc::new(tagwerk_journal::TagSet {
            id: self.set.id(),
            revision: 1,
            tags: self.set.tags().iter().map(|tag| tag.id.0).collect(),
            dictionary: codec::encode_definition(&self.set.definition),
        });
        let block = Block {
            span: Span { from: self.next, to: self.next + batch.len() as u64 },
            epoch: 1,
            set,
            boot: [1; 16],
            moment: Moment(batch.moment_ns),
            unix_ns: batch.unix_ns,
            synchronised: true,
            payload: Payload::from(&payload[..]),
        };
        self.next = block.span.to;
        self.historian.append(&block, batch).unwrap();
    }

    /// Every ten minutes, from day to day, counted from the start.
    pub fn add_days(&mut self, from: i64, to: i64) {
        let step = 600 * SECOND;
        (0..(to - from) * DAY / step).for_each(|i| self.add(START + from * DAY + i * step));
    }

    pub fn read(&self, tag: u32) -> Vec<Sample> {
        let scan = Scan { tags: vec![TagId(tag)], ..Scan::default() };
        self.historian.scan(&scan).flat_map(|piece| samples(&piece.unwrap())).collect()
    }
}

pub fn hours(count: u64) -> Duration {
    Duration::from_secs(3_600 * count)
}
