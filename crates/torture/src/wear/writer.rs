//! The program whose writing is counted: groups of 100 tags, read once a second, into a journal and from
//! there into history, with the edge's own thread and settings.

use crate::wear::Class;
use anyhow::Result;
use clap::Args;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::{Env, Moment};
use tagwerk_historian::{BlockSet, Historian, Options, run_ingest};
use tagwerk_journal::{Durability, Item, Journal, ReaderFilter, Stream};
use tagwerk_model::{
    BatchBuilder, DataType, TagDefinition, TagId, TagSet, TagSetDefinition, codec,
};
use tokio::sync::watch;

const GROUP: usize = 100;
const SECOND: Duration = Duration::from_secs(1);
/// About what two chunks hold: history that has run for long has chunks of every fill, and its segment has
/// the names of all tags.
const FILLS: u64 = 960;

#[derive(Args)]
pub struct WriterArguments {
    folder: PathBuf,
    #[arg(long)]
    rate: u64,
    #[arg(long, value_enum)]
    class: Class,
    #[arg(long)]
    seconds: u64,
}

pub fn write(arguments: &WriterArguments) -> Result<()> {
    let env = Env::system();
    let folder = arguments.folder.join("history");
    let (historian, _) = Historian::open(&env, &folder, Options::default())?;
    let mut plant = Plant::new(arguments.rate as usize / GROUP);
    let journal = open(&env, arguments, Durability::Relaxed)?;
    plant.fill(&env, &journal, &historian)?;
    journal.close()?;
    drop(journal);
    let journal = open(&env, arguments, arguments.class.durability())?;
    let (stop, stopped) = watch::channel(false);
    let feeding = {
        let (historian, journal, env) = (historian.clone(), journal.clone(), env.clone());
        std::thread::spawn(move || run_ingest(&historian, &journal, &env, stopped))
    };
    // It reads again what is not in full chunks, and passes over it.
    let mut seen = None;
    while seen != Some(historian.stats().doubles) {
        seen = Some(historian.stats().doubles);
        env.clock.park_until(env.clock.now().after(SECOND));
    }
    println!("ready");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let before = plant.appended;
    plant.run(&env, &journal, arguments.seconds)?;
    println!("samples {}", plant.appended - before);
    // Until it is killed: a clean end would write chunks that are not full.
    std::io::stdin().lock().read_line(&mut line)?;
    drop(stop);
    let _ = feeding.join();
    Ok(())
}

fn open(env: &Env, arguments: &WriterArguments, durability: Durability) -> Result<Journal> {
    let mut options = tagwerk_journal::Options::default();
    // The image of the device is small.
    (options.samples.bytes_max, options.reserve_bytes) = (200 << 20, 0);
    (options.samples.durability, options.outputs.durability) = (durability, durability);
    Ok(Journal::open(env, &arguments.folder.join("journal"), options)?.0)
}

/// Temperatures that walk at random in steps of 0.01.
struct Plant {
    groups: Vec<Group>,
    appended: u64,
}

struct Group {
    set: Arc<BlockSet>,
    builder: BatchBuilder,
    walk: Vec<i32>,
    random: u64,
}

impl Plant {
    fn new(groups: usize) -> Plant {
        Plant { groups: (0..groups).map(Group::new).collect(), appended: 0 }
    }

    /// Brings every tag's chunk to a fill of its own, as after a long time.
    fn fill(&mut self, env: &Env, journal: &Journal, historian: &Historian) -> Result<()> {
        let mut reader = journal.reader(Stream::Samples, 0, ReaderFilter::default());
        let now = env.clock.now();
        for round in 0..FILLS {
            let ago = (FILLS - round) * SECOND.as_nanos() as u64;
            for group in &mut self.groups {
                let moment = Moment(now.0.saturating_sub(ago));
                let filled = |tag: &u32| fill_of(group.set.tags[*tag as usize]) >= FILLS - round;
                let tags = (0..GROUP as u32).filter(filled).collect();
                self.appended += group.append(journal, moment, tags)?;
            }
            while let Some(item) = reader.try_next() {
                let Item::Block(block) = item else { continue };
                let definition = codec::decode_definition(block.set.id, &block.set.dictionary)?;
                let set = Arc::new(TagSet::new(definition));
                let (moment, unix_ns) = (block.moment.0, block.unix_ns);
                let batch = codec::decode_batch(set, &block.payload, moment, unix_ns)?;
                historian.append(&block, &batch)?;
            }
            while historian.maintain(&|_| Ok(()))?.more {}
        }
        Ok(())
    }

    /// Every group once a second, one after the other.
    fn run(&mut self, env: &Env, journal: &Journal, seconds: u64) -> Result<()> {
        let begun = env.clock.now();
        let apart = SECOND / self.groups.len() as u32;
        for second in 0..seconds {
            for (index, group) in self.groups.iter_mut().enumerate() {
                let due = begun.after(SECOND * second as u32 + apart * index as u32);
                if due > env.clock.now() {
                    env.clock.park_until(due);
                }
                let tags = (0..GROUP as u32).collect();
                self.appended += group.append(journal, env.clock.now(), tags)?;
            }
        }
        env.clock.park_until(begun.after(SECOND * seconds as u32));
        Ok(())
    }
}

/// From 1 to [`FILLS`], evenly over the tags.
fn fill_of(tag: u32) -> u64 {
    u64::from(tag) * 7_919 % FILLS + 1
}

impl Group {
    fn new(index: usize) -> Group {
        let tag = |tag: usize| TagDefinition {
            id: TagId((index * GROUP + tag) as u32),
            name: format!("temperature {tag}").into(),
            data_type: DataType::Float64,
            unit: "°C".into(),
        };
        let set = Arc::new(TagSet::new(TagSetDefinition {
            id: index as u32 + 1,
            device: format!("device {index}").into(),
            group: "all".into(),
            tags: (0..GROUP).map(tag).collect(),
        }));
        let block_set = BlockSet {
            id: set.id(),
            revision: 1,
            tags: set.tags().iter().map(|tag| tag.id.0).collect(),
            dictionary: codec::encode_definition(&set.definition),
        };
        let builder = BatchBuilder::new(set, vec![None; GROUP].into());
        let random = 88_172_645_463_325_252 + index as u64;
        Group { set: Arc::new(block_set), builder, walk: vec![2_000; GROUP], random }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % limit
    }

    /// How many samples were appended.
    fn append(&mut self, journal: &Journal, moment: Moment, tags: Vec<u32>) -> Result<u64> {
        for tag in 0..GROUP {
            self.walk[tag] += self.below(7) as i32 - 3;
            self.builder.put_f64(tag, f64::from(self.walk[tag]) / 100.0);
        }
        let Some(batch) = self.builder.part(tags, false, moment.0, 0) else { return Ok(0) };
        let mut payload = Vec::new();
        codec::encode_batch(&batch, &mut payload);
        let count = batch.len() as u32;
        journal.append_block(Stream::Samples, &self.set, count, moment, &payload)?;
        Ok(u64::from(count))
    }
}
