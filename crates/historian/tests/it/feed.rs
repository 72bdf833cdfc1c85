//! Blocks as the journal would give them, and what history must say about them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Env, Moment};
use tagwerk_historian::{FoldRow, Historian, Need, Numbers, Opened, Options, Piece, Scan};
use tagwerk_journal::{Block, Payload, Span};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, SampleBatch, TagDefinition, TagId, TagSet, TagSetDefinition,
    Value, codec,
};

pub const FOLDER: &str = "/history";
pub const SECOND: i64 = 1_000_000_000;
pub const START: i64 = 1_795_000_000 * SECOND;

pub fn options() -> Options {
    Options {
        segment_bytes: 8 * 1024,
        chunk_samples: 16,
        group_bytes: 600,
        group_after: Duration::from_secs(5),
        ..Options::default()
    }
}

pub fn open(env: &Env, options: Options) -> (Historian, Opened) {
    Historian::open(env, Path::new(FOLDER), options).unwrap()
}

pub fn definition(id: u32, tags: &[(u32, DataType, &str)]) -> Arc<TagSet> {
    let tag = |(id, data_type, unit): &(u32, DataType, &str)| TagDefinition {
        id: TagId(*id),
        name: format!("tag {id}").into(),
        data_type: *data_type,
        unit: (*unit).into(),
    };
    Arc::new(TagSet::new(TagSetDefinition {
        id,
        device: "press".into(),
        group: "fast".into(),
        tags: tags.iter().map(tag).collect(),
    }))
}

pub fn journal_set(set: &TagSet, revision: u32) -> Arc<tagwerk_journal::TagSet> {
    Arc::new(tagwerk_journal::TagSet {
        id: set.id(),
        revision,
        tags: set.tags().iter().map(|tag| tag.id.0).collect(),
        dictionary: codec::encode_definition(&set.definition),
    })
}

/// A read of all tags of the set; a sample without a value is bad.
pub fn batch(set: &Arc<TagSet>, unix_ns: i64, values: &[Option<Value>]) -> SampleBatch {
    let mut builder = BatchBuilder::new(set.clone(), vec![None; set.len()].into());
    for (index, value) in values.iter().enumerate() {
        match value {
            Some(value) => builder.put(index, value.as_ref()),
            None => builder.put_quality(index, Quality::BAD_TIMEOUT),
        }
    }
    builder.batch(unix_ns as u64, unix_ns, values.len() as u32)
}

pub fn block(journal_set: &Arc<tagwerk_journal::TagSet>, from: u64, batch: &SampleBatch) -> Block {
    let mut payload = Vec::new();
    codec::encode_batch(batch, &mut payload);
    Block {
        span: Span { from, to: from + batch.len() as u64 },
        epoch: 1,
        set: journal_set.clone(),
        boot: [1; 16],
        moment: Moment(batch.moment_ns),
        unix_ns: batch.unix_ns,
        synchronised: true,
        payload: Payload::from(&payload[..]),
    }
}

pub type Sample = (i64, Option<Value>);

/// All samples of a tag, as a scan gives them.
pub fn read(historian: &Historian, tag: u32) -> Vec<Sample> {
    read_range(historian, tag, i64::MIN, i64::MAX, false)
}

pub fn read_range(
    historian: &Historian,
    tag: u32,
    from: i64,
    to: i64,
    newest_first: bool,
) -> Vec<Sample> {
    let request = Scan {
        tags: vec![TagId(tag)],
        from_unix_ns: from,
        to_unix_ns: to,
        newest_first,
        ..Scan::default()
    };
    let read = |together| read_together(historian, &Scan { together, ..request.clone() });
    let one_by_one = read(0);
    for together in [40, 8_192] {
        assert!(read(together) == one_by_one, "tag {tag}: pieces of {together} samples differ");
    }
    one_by_one.into_iter().map(|(sample, ..)| sample).collect()
}

/// Samples with their source times and qualities, once, as a scan gives them.
pub fn read_together(historian: &Historian, request: &Scan) -> Vec<(Sample, Option<i64>, Quality)> {
    let all = |piece: Piece| -> Vec<(Sample, Option<i64>, Quality)> {
        let all = samples(&piece).into_iter().enumerate();
        let aside = |place| (piece.source_time(place), piece.quality(place));
        all.map(|(place, sample)| (sample, aside(place).0, aside(place).1)).collect()
    };
    historian.scan(request).flat_map(|piece| all(piece.unwrap())).collect()
}

/// What can be read of a damaged history.
pub fn read_lossy(historian: &Historian, tag: u32) -> Vec<Sample> {
    let read = |together| -> Vec<Sample> {
        let request = Scan { tags: vec![TagId(tag)], together, ..Scan::default() };
        historian.scan(&request).flatten().flat_map(|piece| samples(&piece)).collect()
    };
    let one_by_one = read(0);
    assert_eq!(read(8_192), one_by_one, "what is left of tag {tag}");
    one_by_one
}

pub fn samples(piece: &Piece) -> Vec<Sample> {
    let value = |place: usize| piece.value(place).map(|value| value.to_value());
    (0..piece.len()).map(|place| (piece.times[place], value(place))).collect()
}

/// Feeds history and remembers what it must say.
pub struct Feeder {
    pub set: Arc<TagSet>,
    pub journal_set: Arc<tagwerk_journal::TagSet>,
    pub blocks: Vec<(Block, SampleBatch)>,
    pub wanted: BTreeMap<u32, Vec<Sample>>,
    pub next: u64,
}

impl Feeder {
    pub fn new(set: Arc<TagSet>) -> Feeder {
        let journal_set = journal_set(&set, 1);
        Feeder { set, journal_set, blocks: Vec::new(), wanted: BTreeMap::new(), next: 0 }
    }

    pub fn add(&mut self, unix_ns: i64, values: &[Option<Value>]) -> &(Block, SampleBatch) {
        let batch = batch(&self.set, unix_ns, values);
        let block = block(&self.journal_set, self.next, &batch);
        self.next = block.span.to;
        for (tag, value) in self.set.tags().iter().zip(values) {
            self.wanted.entry(tag.id.0).or_default().push((unix_ns, value.clone()));
        }
        self.blocks.push((block, batch));
        self.blocks.last().unwrap()
    }

    /// Appends what history does not have yet, as the journal would give it again.
    pub fn replay(&self, historian: &Historian) {
        self.replay_from(historian, 0);
    }

    /// The same, when the journal has forgotten what lies below `oldest`.
    pub fn replay_from(&self, historian: &Historian, oldest: u64) {
        let position = historian.position().max(oldest);
        for (block, batch) in self.blocks.iter().filter(|(block, _)| block.span.to > position) {
            historian.append(block, batch).unwrap();
        }
    }

    /// Compares what every tag comes to with what was fed, whether samples are left or rollups.
    pub fn check_folds(&self, historian: &Historian, context: &str) {
        for (tag, wanted) in &self.wanted {
            let mut wanted = wanted.clone();
            wanted.sort_by_key(|sample| sample.0);
            let request = Scan { tags: vec![TagId(*tag)], ..Scan::default() };
            for need in [Need::default(), Need { ends: true, area: true, ..Need::default() }] {
                let rows = historian.folds(&request, None, need);
                let rows: Vec<FoldRow> = rows.flat_map(Result::unwrap).collect();
                let [row] = rows[..] else { panic!("{context}: tag {tag}: {rows:?}") };
                let fold = row.fold;
                assert_eq!(fold.samples, wanted.len() as u64, "{context}: tag {tag}");
                let ends = (wanted[0].0, wanted[wanted.len() - 1].0);
                assert_eq!((fold.min_time, fold.max_time), ends, "{context}: tag {tag}");
                let Some(numbers) = fold.numbers else { continue };
                let number = |(at, value): &Sample| Some((*at, value.as_ref()?.as_ref().as_f64()?));
                let wanted: Vec<(i64, f64)> = wanted.iter().filter_map(number).collect();
                let number = |bits| Numbers::as_f64(row.data_type, bits);
                let least = wanted.iter().fold(f64::MAX, |least, (_, value)| least.min(*value));
                let most = wanted.iter().fold(f64::MIN, |most, (_, value)| most.max(*value));
                assert_eq!((number(numbers.min), number(numbers.max)), (least, most), "{context}");
                let sum: f64 = wanted.iter().map(|(_, value)| value).sum();
                assert!((numbers.sum - sum).abs() <= sum.abs() * 1e-9, "{context}: {numbers:?}");
                if need.ends {
                    let ends = (wanted[0].0, wanted[wanted.len() - 1].0);
                    assert_eq!((numbers.first_at, numbers.last_at), ends, "{context}");
                }
            }
        }
    }

    /// Compares every tag with what was fed, in the order of time.
    pub fn check(&self, historian: &Historian, context: &str) {
        for (tag, wanted) in &self.wanted {
            let mut wanted = wanted.clone();
            wanted.sort_by_key(|sample| sample.0);
            let found = read(historian, *tag);
            assert_eq!(found.len(), wanted.len(), "{context}: tag {tag} has another number");
            assert_eq!(found, wanted, "{context}: tag {tag}");
            wanted.reverse();
            let mut found = read_range(historian, *tag, i64::MIN, i64::MAX, true);
            // Samples of equal time may come in either order.
            found.sort_by_key(|sample| std::cmp::Reverse(sample.0));
            assert_eq!(found.len(), wanted.len(), "{context}: tag {tag} backwards");
        }
    }
}
