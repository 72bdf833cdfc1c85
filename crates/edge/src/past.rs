//! History of days that nobody measured, as if the edge had read a configuration's tags all along:
//! for demos, tests and benches. Goes the way of real samples from the journal's reader on; the
//! curves are `past/curve.rs`, what a device does besides is `past/outage.rs`.

mod curve;
mod keep;
mod outage;

use crate::registry::CATALOGUE;
use crate::run::{lock, open_store};
use crate::store::TagNumbers;
use anyhow::{Context, bail, ensure};
use curve::Curve;
use keep::Keep;
use outage::{Outages, doubtful};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_config::{Checked, CheckedDevice, CheckedGroup, CheckedTag, RESERVED_TAG, lint};
use tagwerk_env::{Env, Moment};
use tagwerk_historian::{Historian, HistoryError, Options};
use tagwerk_journal::{Block, Payload, Span};
use tagwerk_model::{
    BatchBuilder, DataType, Quality, SampleBatch, TagDefinition, TagId, TagSet, TagSetDefinition,
    codec, limits,
};
use tagwerk_runtime::OWN_GROUP;

/// What is made.
pub struct Past<'a> {
    pub data: &'a Path,
    pub config: &'a Path,
    /// How far back.
    pub length: Duration,
    /// Groups that are read more often are read this often.
    pub period: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub tags: usize,
    pub samples: u64,
    pub bytes: u64,
}

/// Groups take turns after this much of the past: samples of all tags then lie beside each other in
/// the files as those of a running edge do, while one group's curves stay in the processor's cache.
const TURN: Duration = Duration::from_secs(4 * 3600);
/// Batches between two looks at what is to be stored.
const BATCHES_AT_ONCE: u32 = 256;
/// A read comes this much after its time at most.
const JITTER_NS: u64 = 8_000_000;

/// Fills the history of a data directory that no edge has worked on yet, up to now. The tags get the
/// numbers that the edge will find when it applies the configuration.
pub fn make(env: &Env, past: &Past<'_>) -> anyhow::Result<Made> {
    let data = past.data;
    env.disk
        .create_directories(data)
        .with_context(|| format!("the data directory {} cannot be made", data.display()))?;
    let _lock = lock(env, data)?;
    let checked = read(env, past.config)?;
    let folder = data.join("history");
    let (historian, _) = Historian::open(env, &folder, Options::default())
        .with_context(|| format!("the history in {} cannot be opened", data.display()))?;
    if historian.usage().samples > 0 || env.disk.list(&data.join("journal")).is_ok() {
        bail!(
            "{} holds samples already, and made-up ones do not go among them; choose a data \
             directory where no edge has run",
            data.display()
        );
    }
    let numbers = TagNumbers::new(open_store(env, data)?);
    let now = env.clock.wall().unix_ns;
    let length = i64::try_from(past.length.as_nanos()).unwrap_or(i64::MAX);
    let range = (now.saturating_sub(length), now);
    let mut groups = groups(&checked, &numbers, past.period, range)?;
    let mut feed = Feed { historian: &historian, seq: 0, batches: 0 };
    let mut turn = range.0;
    while turn < range.1 {
        turn = turn.saturating_add(TURN.as_nanos() as i64).min(range.1);
        for group in &mut groups {
            group.read_until(turn, &mut feed)?;
        }
    }
    historian.seal_all(&|_| Ok(())).context("the end of history cannot be stored")?;
    let usage = historian.usage();
    Ok(Made { tags: checked.tag_count(), samples: usage.samples, bytes: usage.bytes })
}

fn read(env: &Env, path: &Path) -> anyhow::Result<Checked> {
    let bytes = env
        .disk
        .read(path, limits::CONFIG_BYTES_MAX as u64)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let read = lint(&bytes, &CATALOGUE);
    for finding in read.findings.iter().filter(|_| read.checked.is_none()) {
        eprintln!("{}", crate::cli::finding_line(&path.display().to_string(), finding));
    }
    read.checked.with_context(|| format!("{} is not accepted; correct it first", path.display()))
}

fn groups(
    checked: &Checked,
    numbers: &TagNumbers,
    period: Duration,
    range: (i64, i64),
) -> anyhow::Result<Vec<Group>> {
    // In the order in which the edge numbers them when it applies the document.
    numbers.prepare(checked.devices.iter().map(|device| {
        let tags = device.groups.iter().flat_map(|group| &group.tags);
        (&*device.name, tags.map(|tag| &*tag.name))
    }))?;
    let mut groups = Vec::new();
    for (place, device) in checked.devices.iter().enumerate().filter(|(_, d)| d.enabled) {
        let outages = Arc::new(Outages::new(place, range));
        let names = device.groups.iter().flat_map(|group| &group.tags).map(|tag| &*tag.name);
        let names: Vec<&str> = std::iter::once(RESERVED_TAG).chain(names).collect();
        let mut ids = numbers.tags(&device.name, &names)?.into_iter();
        let first = numbers.next_set(device.groups.len() as u32 + 1)?;
        let own = ids.next().context("the device's own tag has no number")?;
        groups.push(Group::own(device, first, own, outages.clone(), range.0));
        for (set, group) in (first + 1..).zip(&device.groups) {
            let ids: Vec<TagId> = ids.by_ref().take(group.tags.len()).collect();
            ensure!(ids.len() == group.tags.len(), "tags without a number");
            groups.push(Group::new(device, group, (set, ids), period, outages.clone(), range.0));
        }
    }
    Ok(groups)
}

/// A group of tags, and how far it has been read.
struct Group {
    journal_set: Arc<tagwerk_journal::TagSet>,
    builder: BatchBuilder,
    curves: Vec<Curve>,
    /// Empty where all of every tag is kept.
    keeps: Vec<Keep>,
    period_ns: i64,
    due: i64,
    outages: Arc<Outages>,
    /// Where the outage ends that was told.
    out_until: i64,
}

impl Group {
    fn new(
        device: &CheckedDevice,
        group: &CheckedGroup,
        (set, ids): (u32, Vec<TagId>),
        period: Duration,
        outages: Arc<Outages>,
        from: i64,
    ) -> Group {
        let definition = |(tag, id): (&CheckedTag, TagId)| TagDefinition {
            id,
            name: tag.name.clone(),
            data_type: tag.published,
            unit: Box::from(&*tag.unit),
        };
        let tags = group.tags.iter().zip(ids).map(definition).collect();
        let period_ns = group.interval.max(period).as_nanos().max(1_000_000) as i64;
        let mut made = Group::of(device, set, &group.name, tags, outages, from);
        let keeps: Vec<Keep> = group.tags.iter().map(Keep::of).collect();
        if keeps.iter().any(|keep| !matches!(keep, Keep::All)) {
            made.keeps = keeps;
        }
        made.curves = group.tags.iter().map(|tag| Curve::of(&device.name, tag, from)).collect();
        made.period_ns = period_ns;
        made.due = from + (curve::hash(&[u64::from(set)]) % period_ns as u64) as i64;
        made
    }

    /// The group of the one tag that says whether the device is online.
    fn own(device: &CheckedDevice, set: u32, id: TagId, outages: Arc<Outages>, from: i64) -> Group {
        let (name, unit) = (RESERVED_TAG.into(), "".into());
        let tag = TagDefinition { id, name, data_type: DataType::Bool, unit };
        let mut made = Group::of(device, set, OWN_GROUP, vec![tag], outages, from);
        made.curves = Vec::new();
        made
    }

    fn of(
        device: &CheckedDevice,
        id: u32,
        group: &str,
        tags: Vec<TagDefinition>,
        outages: Arc<Outages>,
        from: i64,
    ) -> Group {
        let (device, group) = (device.name.clone(), group.into());
        let set = Arc::new(TagSet::new(TagSetDefinition { id, device, group, tags }));
        let journal_set = Arc::new(tagwerk_journal::TagSet {
            id,
            revision: 1,
            tags: set.tags().iter().map(|tag| tag.id.0).collect(),
            dictionary: codec::encode_definition(&set.definition),
        });
        let scales = vec![None; set.len()].into();
        Group {
            journal_set,
            builder: BatchBuilder::new(set, scales),
            curves: Vec::new(),
            keeps: Vec::new(),
            period_ns: 0,
            due: from,
            outages,
            out_until: i64::MIN,
        }
    }

    fn read_until(&mut self, to: i64, feed: &mut Feed<'_>) -> anyhow::Result<()> {
        if self.curves.is_empty() {
            return self.tell_state(to, feed);
        }
        while self.due < to {
            let due = self.due;
            self.due += self.period_ns;
            if due < self.out_until {
                continue;
            }
            let moment = curve::hash(&[u64::from(self.journal_set.id), due as u64]);
            let at = due + (moment % JITTER_NS) as i64;
            if let Some((begun, ended)) = self.outages.at(due) {
                self.out_until = ended;
                self.keeps.iter_mut().for_each(Keep::forget);
                // Told once for the whole group, as the runtime does.
                let quality = Quality::BAD_COMMUNICATION;
                let set = self.builder.set().clone();
                let at = begun.max(due - self.period_ns + JITTER_NS as i64);
                feed.take(self, SampleBatch::without_values(set, quality, at as u64, at))?;
                continue;
            }
            if let Some(batch) = self.read(at) {
                feed.take(self, batch)?;
            }
        }
        Ok(())
    }

    /// One read of the group: everything, or where tags report changes, what is kept of it.
    fn read(&mut self, at: i64) -> Option<SampleBatch> {
        for (index, curve) in self.curves.iter_mut().enumerate() {
            curve.put(&mut self.builder, index, at);
            if doubtful(curve.seed, at) {
                self.builder.put_quality(index, Quality::UNCERTAIN);
            }
        }
        let count = self.curves.len();
        if self.keeps.is_empty() {
            return Some(self.builder.batch(at as u64, at, count as u32));
        }
        let pairs = self.keeps.iter_mut().zip(&self.curves);
        let takes = pairs.map(|(keep, curve)| keep.takes(curve, at));
        let kept = (0..).zip(takes).filter(|(_, takes)| *takes).map(|(index, _)| index).collect();
        self.builder.part(kept, false, at as u64, at)
    }

    /// The device's own tag at the beginning, and where outages begin and end.
    fn tell_state(&mut self, to: i64, feed: &mut Feed<'_>) -> anyhow::Result<()> {
        while self.due < to {
            let at = self.due;
            let outage = self.outages.at(at);
            self.builder.put_bool(0, outage.is_none());
            let batch = self.builder.batch(at as u64, at, 1);
            feed.take(self, batch)?;
            self.due = match outage {
                Some((_, ended)) => ended,
                None => self.outages.next(at).unwrap_or(i64::MAX),
            };
        }
        Ok(())
    }
}

/// The way into history, numbered as the journal would.
struct Feed<'a> {
    historian: &'a Historian,
    seq: u64,
    batches: u32,
}

impl Feed<'_> {
    fn take(&mut self, group: &Group, batch: SampleBatch) -> anyhow::Result<()> {
        let (from, to) = (self.seq, self.seq + batch.len() as u64);
        self.seq = to;
        let block = Block {
            span: Span { from, to },
            epoch: 0,
            set: group.journal_set.clone(),
            boot: [0; 16],
            moment: Moment(batch.moment_ns),
            unix_ns: batch.unix_ns,
            synchronised: true,
            payload: Payload::from(&[][..]),
        };
        while let Err(error) = self.historian.append(&block, &batch) {
            if !matches!(error, HistoryError::Full { .. }) {
                return Err(error).context("history did not take a sample");
            }
            self.store()?;
        }
        self.batches += 1;
        if self.batches.is_multiple_of(BATCHES_AT_ONCE) {
            self.store()?;
        }
        Ok(())
    }

    fn store(&self) -> anyhow::Result<()> {
        while self.historian.maintain(&|_| Ok(())).context("history cannot be stored")?.more {}
        Ok(())
    }
}
