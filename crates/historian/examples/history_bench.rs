//! Measures history: `history_bench FOLDER ingest|spread|paced|query|sqlite`, each in a process of
//! its own, so that its memory is its own. Prints one line of figures as JSON.
#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tagwerk_env::{Env, Moment};
use tagwerk_historian::{Historian, Options, Scan};
use tagwerk_journal::{Block, Payload, Span};
use tagwerk_model::{
    BatchBuilder, DataType, SampleBatch, TagDefinition, TagId, TagSet, TagSetDefinition, codec,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_795_000_000 * SECOND;
const GROUP: usize = 100;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Groups of tags that walk at random in steps of 0.01, read with some milliseconds of jitter.
struct Plant {
    groups: Vec<Group>,
    random: Random,
    seq: u64,
}

struct Group {
    journal_set: Arc<tagwerk_journal::TagSet>,
    builder: BatchBuilder,
    walk: Vec<i32>,
    period: i64,
    due: i64,
}

impl Plant {
    fn new(tags: usize, period: impl Fn(usize, usize) -> i64) -> Plant {
        let count = tags / GROUP;
        let groups = (0..count).map(|i| Group::new(i, period(i, count))).collect();
        Plant { groups, random: Random(88_172_645_463_325_252), seq: 0 }
    }

    fn read(&mut self, index: usize) -> (Block, SampleBatch) {
        let (group, random) = (&mut self.groups[index], &mut self.random);
        for (tag, walk) in group.walk.iter_mut().enumerate() {
            *walk += random.below(7) as i32 - 3;
            group.builder.put_f64(tag, f64::from(*walk) / 100.0);
        }
        let at = START + group.due + random.below(11) as i64 * 1_000_000;
        group.due += group.period;
        let batch = group.builder.batch(group.due as u64, at, GROUP as u32);
        let from = self.seq;
        self.seq += GROUP as u64;
        let block = Block {
            span: Span { from, to: self.seq },
            epoch: 1,
            set: group.journal_set.clone(),
            boot: [1; 16],
            moment: Moment(group.due as u64),
            unix_ns: at,
            synchronised: true,
            payload: Payload::from(&[0u8; 260][..]),
        };
        (block, batch)
    }

    /// The group that is due first.
    fn next(&self) -> usize {
        let due = |index: &usize| self.groups[*index].due;
        (0..self.groups.len()).min_by_key(due).unwrap_or_default()
    }
}

impl Group {
    fn new(index: usize, period: i64) -> Group {
        let tag = |tag: usize| TagDefinition {
            id: TagId((index * GROUP + tag) as u32),
            name: format!("temperature {tag}").into(),
            data_type: DataType::Float64,
            unit: "°C".into(),
        };
        let set = Arc::new(TagSet::new(TagSetDefinition {
            id: index as u32,
            device: format!("device {index}").into(),
            group: "all".into(),
            tags: (0..GROUP).map(tag).collect(),
        }));
        let journal_set = Arc::new(tagwerk_journal::TagSet {
            id: set.id(),
            revision: 1,
            tags: set.tags().iter().map(|tag| tag.id.0).collect(),
            dictionary: codec::encode_definition(&set.definition),
        });
        Group {
            journal_set,
            builder: BatchBuilder::new(set, vec![None; GROUP].into()),
            walk: vec![2_000; GROUP],
            period,
            due: index as i64 % 1_000 * 1_000_000,
        }
    }
}

fn anonymous_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let first = stat.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    first.unwrap_or(0.0) / 1e9
}

fn open(folder: &Path) -> Result<Historian> {
    let (historian, _) = Historian::open(&Env::system(), folder, Options::default())?;
    Ok(historian)
}

fn maintain(historian: &Historian) -> Result<()> {
    while historian.maintain(&|_| Ok(()))?.more {}
    Ok(())
}

/// Batches made in advance and reused with new times, so that only history is measured.
fn ingest(
    folder: &Path,
    tags: usize,
    samples: u64,
    period: impl Fn(usize, usize) -> i64,
) -> Result<()> {
    let historian = open(folder)?;
    let mut plant = Plant::new(tags, period);
    let uniform = plant.groups.windows(2).all(|w| w[0].period == w[1].period);
    let (mut spent, mut used, mut peak) = (Duration::ZERO, 0.0, 0f64);
    let begin_mb = anonymous_mb();
    let mut rounds = 0;
    let mut queue: std::collections::BinaryHeap<std::cmp::Reverse<(i64, usize)>> =
        (0..plant.groups.len()).map(|i| std::cmp::Reverse((plant.groups[i].due, i))).collect();
    while plant.seq < samples {
        let mut blocks = Vec::new();
        for turn in 0..100 {
            let index = match uniform {
                true => (rounds * 100 + turn) % plant.groups.len(),
                false => {
                    let std::cmp::Reverse((_, index)) = queue.pop().ok_or("no group")?;
                    index
                }
            };
            blocks.push(plant.read(index));
            if !uniform {
                queue.push(std::cmp::Reverse((plant.groups[index].due, index)));
            }
        }
        rounds += 1;
        let (begun, before) = (Instant::now(), processor());
        for (block, batch) in &blocks {
            historian.append(block, batch)?;
        }
        maintain(&historian)?;
        spent += begun.elapsed();
        used += processor() - before;
        if rounds % 50 == 0 {
            peak = peak.max(anonymous_mb());
        }
    }
    let (begun, used_before, before) = (Instant::now(), processor(), historian.stats());
    historian.seal_all(&|_| Ok(()))?;
    maintain(&historian)?;
    spent += begun.elapsed();
    used += processor() - used_before;
    let usage = historian.usage();
    let stats = historian.stats();
    println!(
        "{{\"samples\":{},\"seconds\":{:.3},\"samples_per_second\":{:.0},\
         \"samples_per_processor_second\":{:.0},\"bytes\":{},\
         \"bytes_per_sample\":{:.3},\"peak_anonymous_mb\":{:.1},\"begin_mb\":{:.1},\
         \"segments\":{},\"compactions\":{},\"sealed_before_end\":{},\"chunks\":{}}}",
        usage.samples,
        spent.as_secs_f64(),
        usage.samples as f64 / spent.as_secs_f64(),
        usage.samples as f64 / used,
        usage.bytes,
        usage.bytes as f64 / usage.samples as f64,
        peak,
        begin_mb,
        stats.segments,
        stats.compactions,
        before.sealed_chunks,
        usage.chunks,
    );
    Ok(())
}

/// 10,000 samples a second for some seconds: what they cost, decoding of the journal's form
/// included.
fn paced(folder: &Path) -> Result<()> {
    let historian = open(folder)?;
    let mut plant = Plant::new(10_000, |_, _| SECOND);
    let seconds = 30;
    let (mut used, mut payload) = (0.0, Vec::new());
    for _ in 0..seconds {
        let blocks: Vec<_> = (0..plant.groups.len()).map(|i| plant.read(i)).collect();
        let begun = processor();
        for (block, batch) in &blocks {
            payload.clear();
            codec::encode_batch(batch, &mut payload);
            let batch =
                codec::decode_batch(batch.set.clone(), &payload, block.moment.0, block.unix_ns)?;
            historian.append(block, &batch)?;
        }
        maintain(&historian)?;
        used += processor() - begun;
    }
    let begun = processor();
    historian.seal_all(&|_| Ok(()))?;
    used += processor() - begun;
    println!("{{\"percent_of_a_core\":{:.2}}}", used * 100.0 / f64::from(seconds));
    Ok(())
}

fn timed<T>(repeat: u32, mut run: impl FnMut() -> Result<T>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..repeat {
        let begun = Instant::now();
        run()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Over what `ingest` left in the folder.
fn query(folder: &Path) -> Result<()> {
    let begun = Instant::now();
    let historian = open(folder)?;
    let opened = begun.elapsed().as_secs_f64() * 1e3;
    let usage = historian.usage();
    let newest = usage.newest_unix_ns.unwrap_or(0);
    let tags: Vec<TagId> = historian.tags().iter().map(|tag| tag.id).collect();
    let mut tag = 0;
    let hour = timed(50, || {
        tag += 97;
        let request = Scan {
            tags: vec![tags[tag % tags.len()]],
            from_unix_ns: newest - 3_600 * SECOND,
            ..Scan::default()
        };
        let mut count = 0;
        for piece in historian.scan(&request) {
            count += piece?.len();
        }
        Ok(count)
    })?;
    let minutes = timed(20, || {
        tag += 97;
        let ten = (0..10).map(|i| tags[(tag + i * 31) % tags.len()]).collect();
        let request = Scan { tags: ten, from_unix_ns: newest - 86_400 * SECOND, ..Scan::default() };
        let mut sums = std::collections::BTreeMap::new();
        for piece in historian.scan(&request) {
            let piece = piece?;
            let tagwerk_historian::Values::F64(values) = &piece.values else { continue };
            for (time, value) in piece.times.iter().zip(values) {
                let sum = sums.entry((piece.tag, time / (60 * SECOND))).or_insert((0u32, 0.0));
                *sum = (sum.0 + 1, sum.1 + value);
            }
        }
        Ok(sums.len())
    })?;
    let everything = Scan { tags: tags.clone(), ..Scan::default() };
    let averages = timed(3, || {
        let mut sums = vec![(0u64, 0.0); tags.len()];
        for chunk in historian.chunks(&everything) {
            let chunk = chunk?;
            let summary = chunk.summary();
            if let Some(numbers) = summary.numbers {
                let sum = &mut sums[summary.tag.0 as usize];
                *sum = (sum.0 + u64::from(summary.count_usable), sum.1 + numbers.sum);
            }
        }
        Ok(sums)
    })?;
    let scan = timed(3, || {
        let mut sum = (0, 0.0);
        for piece in historian.scan(&everything) {
            let piece = piece?;
            let tagwerk_historian::Values::F64(values) = &piece.values else { continue };
            sum = (sum.0 + piece.len(), sum.1 + values.iter().sum::<f64>());
        }
        Ok(sum)
    })?;
    let chart = timed(20, || {
        tag += 97;
        Ok(historian.chart(tags[tag % tags.len()], i64::MIN, i64::MAX, 1_000)?)
    })?;
    println!(
        "{{\"open_ms\":{opened:.1},\"last_hour_ms\":{hour:.3},\"minutes_of_a_day_ms\":{minutes:.2},\
         \"averages_ms\":{averages:.1},\"scan_ms\":{scan:.1},\"chart_ms\":{chart:.2},\
         \"samples\":{},\"anonymous_mb\":{:.1}}}",
        usage.samples,
        anonymous_mb(),
    );
    Ok(())
}

/// Rows in SQLite as one would keep them: (tag, time), value, quality.
fn sqlite(folder: &Path, samples: u64) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("rows.sqlite");
    let mut database = rusqlite::Connection::open(&path)?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         CREATE TABLE samples (tag INTEGER, time INTEGER, value REAL, quality INTEGER,
                               PRIMARY KEY (tag, time)) WITHOUT ROWID;",
    )?;
    let mut plant = Plant::new(10_000, |_, _| SECOND);
    let mut spent = Duration::ZERO;
    while plant.seq < samples {
        let index = plant.next();
        let (block, batch) = plant.read(index);
        let begun = Instant::now();
        let transaction = database.transaction()?;
        {
            let mut insert = transaction
                .prepare_cached("INSERT OR IGNORE INTO samples VALUES (?1, ?2, ?3, ?4)")?;
            for sample in batch.samples() {
                let tag = batch.set.tags()[sample.index].id.0;
                let value = sample.value.and_then(|value| value.as_f64());
                insert.execute((tag, block.unix_ns, value, sample.quality.0))?;
            }
        }
        transaction.commit()?;
        spent += begun.elapsed();
    }
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let bytes = std::fs::metadata(&path)?.len();
    println!(
        "{{\"samples\":{samples},\"samples_per_second\":{:.0},\"bytes_per_sample\":{:.2}}}",
        samples as f64 / spent.as_secs_f64(),
        bytes as f64 / samples as f64,
    );
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let folder = Path::new(arguments.get(1).ok_or("FOLDER is missing")?);
    let samples = arguments.get(3).map_or(Ok(50_000_000), |text| text.parse())?;
    match arguments.get(2).map(String::as_str) {
        Some("ingest") => ingest(folder, 10_000, samples, |_, _| SECOND),
        // From a second to a day, as many groups in each decade.
        Some("spread") => ingest(folder, 100_000, samples, |index, count| {
            (86_400f64.powf(index as f64 / count as f64) * 1e3) as i64 * 1_000_000
        }),
        Some("paced") => paced(folder),
        Some("query") => query(folder),
        Some("sqlite") => sqlite(folder, samples),
        _ => Err("ingest, spread, paced, query or sqlite".into()),
    }
}
