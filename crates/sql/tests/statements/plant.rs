//! A history on disk, fed as the journal would feed it, and statements over it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tagwerk_env::{Env, Moment};
use tagwerk_historian::{
    Block, BlockSet, Buckets, FoldRow, Historian, Need, Options, Payload, Scan, Span, Wanted,
};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, TagDefinition, TagId, TagSet, TagSetDefinition, Value, codec,
};
use tagwerk_sql::{Format, Limits, Pieces, Rows, Source, Sql, SqlError, TagEntry, TagTable};

pub const SECOND: i64 = 1_000_000_000;
/// 2026-11-01T00:00:00Z
pub const START: i64 = 1_793_491_200 * SECOND;

pub const LIMITS: Limits =
    Limits { memory_max: 64 << 20, rows_max: 1_000_000, time_max: Duration::from_secs(60) };

pub struct Plant {
    pub historian: Historian,
    next: u64,
    tags: Vec<TagEntry>,
    templates: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// Tags of which history was asked for samples.
    pub asked: Arc<Mutex<BTreeSet<TagId>>>,
    _folder: tempfile::TempDir,
}

pub struct Device {
    set: Arc<TagSet>,
    journal_set: Arc<BlockSet>,
}

impl Plant {
    /// Small chunks and segments, so that there are many.
    pub fn new() -> Plant {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes: 8 * 1024,
            chunk_samples: 16,
            group_bytes: 600,
            ..Options::default()
        };
        let (historian, _) = Historian::open(&Env::system(), folder.path(), options).unwrap();
        Plant {
            historian,
            next: 0,
            tags: Vec::new(),
            templates: Vec::new(),
            asked: Arc::default(),
            _folder: folder,
        }
    }

    pub fn device(&mut self, name: &str, tags: &[(&str, DataType)]) -> Device {
        let first = self.tags.len() as u32 + 1;
        let tags = tags.iter().zip(first..).map(|((name, data_type), id)| TagDefinition {
            id: TagId(id),
            name: (*name).into(),
            data_type: *data_type,
            unit: "u".into(),
        });
        let set = Arc::new(TagSet::new(TagSetDefinition {
            id: first,
            device: name.into(),
            group: "all".into(),
            tags: tags.collect(),
        }));
        let journal_set = Arc::new(BlockSet {
            id: set.id(),
            revision: 1,
            tags: set.tags().iter().map(|tag| tag.id.0).collect(),
            dictionary: codec::encode_definition(&set.definition),
        });
        let entry = |tag: &TagDefinition| TagEntry {
            id: tag.id,
            device: name.into(),
            name: (&*tag.name).into(),
            data_type: tag.data_type,
            unit: "u".into(),
        };
        self.tags.extend(set.tags().iter().map(entry));
        Device { set, journal_set }
    }

    /// The same device, whose tags have other types from now on.
    pub fn retyped(&mut self, device: &Device, data_type: DataType) -> Device {
        let mut definition = device.set.definition.clone();
        definition.tags.iter_mut().for_each(|tag| tag.data_type = data_type);
        let set = Arc::new(TagSet::new(definition));
        let journal_set = Arc::new(BlockSet {
            id: set.id(),
            revision: 2,
            tags: set.tags().iter().map(|tag| tag.id.0).collect(),
            dictionary: codec::encode_definition(&set.definition),
        });
        let own: BTreeSet<TagId> = set.tags().iter().map(|tag| tag.id).collect();
        self.tags.iter_mut().filter(|tag| own.contains(&tag.id)).for_each(|tag| {
            tag.data_type = data_type;
        });
        Device { set, journal_set }
    }

    pub fn template(&mut self, name: &str, devices: &[&str]) {
        let devices = devices.iter().map(|device| Arc::from(*device)).collect();
        self.templates.push((name.into(), devices));
    }

    /// A read of all tags; a sample without a value is bad.
    pub fn read(&mut self, device: &Device, unix_ns: i64, values: &[Option<Value>]) {
        let mut builder = BatchBuilder::new(device.set.clone(), vec![None; values.len()].into());
        for (index, value) in values.iter().enumerate() {
            match value {
                Some(value) => builder.put(index, value.as_ref()),
                None => builder.put_quality(index, Quality::BAD_TIMEOUT),
            }
        }
        let batch = builder.batch(unix_ns as u64, unix_ns, values.len() as u32);
        let mut payload = Vec::new();
        codec::encode_batch(&batch, &mut payload);
        let span = Span { from: self.next, to: self.next + values.len() as u64 };
        self.next = span.to;
        let block = Block {
            span,
            epoch: 1,
            set: device.journal_set.clone(),
            boot: [1; 16],
            moment: Moment(batch.moment_ns),
            unix_ns,
            synchronised: true,
            payload: Payload::from(&payload[..]),
        };
        self.historian.append(&block, &batch).unwrap();
    }

    pub fn maintain(&self) {
        while self.historian.maintain(&|_| Ok(())).unwrap().more {}
    }

    fn tags(&self) -> Arc<TagTable> {
        Arc::new(TagTable::new(self.tags.clone()).with_templates(self.templates.clone()))
    }

    pub fn sql(&self, folding: Folding) -> Sql {
        self.changing(folding).sql
    }

    pub fn changing(&self, folding: Folding) -> Changing {
        let tags = Arc::new(Mutex::new(self.tags()));
        let (historian, asked) = (self.historian.clone(), self.asked.clone());
        let history = History { historian, tags: tags.clone(), folding, asked };
        Changing { sql: Sql::start(&Env::system(), Arc::new(history)).unwrap(), tags }
    }
}

/// Statements over a plant that gets other tags.
pub struct Changing {
    pub sql: Sql,
    tags: Arc<Mutex<Arc<TagTable>>>,
}

impl Changing {
    pub fn change(&self, plant: &Plant) {
        *self.tags.lock().unwrap() = plant.tags();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Folding {
    Yes,
    /// There is said to be so much that two threads share the work.
    Shared,
    No,
}

struct History {
    historian: Historian,
    tags: Arc<Mutex<Arc<TagTable>>>,
    folding: Folding,
    asked: Arc<Mutex<BTreeSet<TagId>>>,
}

impl Source for History {
    fn tags(&self) -> Arc<TagTable> {
        self.tags.lock().unwrap().clone()
    }

    fn history(&self, scan: &Scan) -> Pieces {
        self.asked.lock().unwrap().extend(&scan.tags);
        Box::new(self.historian.scan(scan).map(|piece| piece.map_err(|error| error.to_string())))
    }

    fn history_columns(&self, scan: &Scan, wanted: Wanted) -> Pieces {
        self.asked.lock().unwrap().extend(&scan.tags);
        let pieces = self.historian.scan_columns(scan, wanted);
        Box::new(pieces.map(|piece| piece.map_err(|error| error.to_string())))
    }

    fn can_fold(&self, _span: &Range<i64>) -> bool {
        self.folding != Folding::No
    }

    fn folds(&self, scan: &Scan, buckets: Option<Buckets>, need: Need) -> Rows<Vec<FoldRow>> {
        let folds = self.historian.folds(scan, buckets, need);
        Box::new(folds.map(|row| row.map_err(|error| error.to_string())))
    }

    fn types(&self, tag: TagId, span: &Range<i64>) -> Option<Vec<DataType>> {
        self.historian.types(tag, span.start, span.end).ok()
    }

    fn samples_about(&self, tags: &[TagId], span: &Range<i64>) -> Option<u64> {
        match self.folding {
            Folding::Yes => self.historian.samples_about(tags, span.start, span.end),
            Folding::Shared => Some(20_000),
            // Statements are planned as if there were much to read.
            Folding::No => None,
        }
    }
}

/// The rows as CSV, without its heading.
pub async fn ask(sql: &Sql, text: &str) -> Result<Vec<String>, SqlError> {
    let mut query = sql.query(text, LIMITS).await?;
    let mut encoder = query.encoder(Format::Csv)?;
    let mut out = Vec::new();
    while let Some(batch) = query.next().await {
        out.extend(encoder.batch(&batch?)?);
    }
    let text = String::from_utf8(out).unwrap();
    Ok(text.lines().skip(1).map(str::to_owned).collect())
}

pub async fn answer(sql: &Sql, text: &str) -> Vec<String> {
    ask(sql, text).await.unwrap_or_else(|error| panic!("{text}: {error}"))
}
