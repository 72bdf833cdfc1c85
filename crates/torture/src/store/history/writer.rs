//! Writes a journal and feeds history from it as the edge does, by `run_ingest`. What it does wrong for the
//! controls: history on a disk in memory, or on one that does not sync.

use crate::store::history::clock::FeedClock;
use crate::store::history::plant::{self, Plant};
use crate::store::journal;
use crate::store::random::Random;
use crate::store::writer::{WriterArguments, say};
use anyhow::{Context, Result, bail};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tagwerk_env::{Access, Disk, DiskFile, Env, SystemDisk};
use tagwerk_historian::{Historian, Options, Trouble, run_ingest};
use tagwerk_journal::{CommitBy, Journal, Stream};
use tagwerk_testkit::simulated::SimDisk;
use tokio::sync::watch;

/// A disk may refuse the first steps; whoever runs the program starts it again.
const STARTS: u32 = 6;
const BLOCKS_A_STEP: u64 = 2;
/// In real time steps are rare.
const BLOCKS_A_STEP_REAL: u64 = 20;

pub fn options(real_time: bool) -> Options {
    Options {
        segment_bytes: 12 * 1024,
        chunk_samples: 16,
        seal_after: Duration::from_secs(160),
        seal_journal_bytes: 24 * 1024,
        retention: plant::retention(),
        group_bytes: 600,
        group_after: Duration::from_secs(if real_time { 1 } else { 30 }),
        compact_bytes_max: 128 * 1024,
        compact_step_bytes: 2_000,
        ..Options::default()
    }
}

pub fn write(arguments: &WriterArguments) -> Result<()> {
    let pause = Duration::from_micros(arguments.pause_us);
    let clock = Arc::new(FeedClock::new(arguments.real_time, pause));
    let env = Env { clock: clock.clone(), ..Env::system() };
    let mut options = journal::options(arguments);
    (options.commit_by, options.buffered_for_test) = (CommitBy::Caller, None);
    let (journal, _) = Journal::open(&env, &arguments.folder.join("journal"), options)?;
    clock.forward(plant::begins(journal.end(Stream::Samples)));
    let failed = Arc::new(AtomicBool::new(false));
    let historian = open_history(&env, arguments, &failed)?;
    say("ready");
    let (stop, stopped) = watch::channel(false);
    let mut feed = Feed {
        journal: journal.clone(),
        historian: historian.clone(),
        clock: clock.clone(),
        plant: Plant::new(),
        random: Random::new(arguments.seed),
        blocks: if arguments.real_time { BLOCKS_A_STEP_REAL } else { BLOCKS_A_STEP },
        failed: failed.clone(),
        told: [0; 3],
        excused: 0,
    };
    let (steps, fragile) = (arguments.steps, arguments.fragile);
    let mut step = 0;
    clock.on_park(Some(Box::new(move || {
        step += 1;
        feed.step();
        let broken = fragile && feed.failed.load(Ordering::Acquire);
        if step == steps || broken {
            stop.send_replace(true);
        }
    })));
    run_ingest(&historian, &journal, &env, stopped);
    clock.on_park(None);
    if fragile && failed.load(Ordering::Acquire) {
        bail!("the first error ends it");
    }
    journal.close()?;
    say("end");
    Ok(())
}

fn open_history(
    env: &Env,
    arguments: &WriterArguments,
    failed: &Arc<AtomicBool>,
) -> Result<Historian> {
    let mut env = env.clone();
    if arguments.buffered.is_some() {
        env.disk = Arc::new(SimDisk::default());
    } else if arguments.lies {
        env.disk = Arc::new(LyingDisk);
    }
    let mut options = options(arguments.real_time);
    let failed = failed.clone();
    options.on_trouble = Some(Arc::new(move |trouble| match trouble {
        // What is missing is said when it goes.
        Trouble::Healed | Trouble::RolledUp { .. } | Trouble::Missing { .. } => {}
        other => fail(&failed, &other.to_string()),
    }));
    let folder = arguments.folder.join("history");
    for _ in 1..STARTS {
        match Historian::open(&env, &folder, options.clone()) {
            Ok((historian, _)) => return Ok(historian),
            Err(error) => say(&format!("e {error}")),
        }
    }
    Ok(Historian::open(&env, &folder, options).context("history does not open")?.0)
}

fn fail(failed: &AtomicBool, text: &str) {
    say(&format!("e {text}"));
    failed.store(true, Ordering::Release);
}

struct Feed {
    journal: Journal,
    historian: Historian,
    clock: Arc<FeedClock>,
    plant: Plant,
    random: Random,
    blocks: u64,
    failed: Arc<AtomicBool>,
    /// Oldest, committed, and the position of history, as last said.
    told: [u64; 3],
    /// What was said to be gone ends here.
    excused: u64,
}

impl Feed {
    fn step(&mut self) {
        for _ in 0..self.blocks {
            self.append();
        }
        if self.random.below(3) == 0
            && let Err(error) = self.journal.commit(Stream::Samples)
        {
            fail(&self.failed, &error.to_string());
        }
        self.journal.observe_clock();
        self.tell_progress();
    }

    fn append(&mut self) {
        let (epoch, from) = (self.journal.epoch(), self.journal.end(Stream::Samples));
        let (set, count, moment, payload) = self.plant.block(epoch, from);
        let appended = self.journal.append_block(Stream::Samples, set, count, moment, &payload);
        self.clock.reach(moment);
        match appended {
            // An error before may have moved the number: then nobody can say what the time should be.
            Ok(span) if span.from != from || self.journal.epoch() != epoch => {
                fail(&self.failed, &format!("numbers jump from {from} to {}", span.from));
            }
            Ok(span) => {
                let crc = crc32c::crc32c(&payload);
                say(&format!(
                    "a {{\"stream\":\"samples\",\"epoch\":{epoch},\"from\":{from},\"to\":{},\
                     \"crc\":{crc}}}",
                    span.to
                ));
            }
            Err(error) => fail(&self.failed, &error.to_string()),
        }
        // The thread that feeds history is this one: what is gone now it can never have.
        let (oldest, had) = (self.journal.oldest(Stream::Samples), self.historian.position());
        if oldest > had.max(self.excused) {
            say(&format!("x {} {oldest}", had.max(self.excused)));
            self.excused = oldest;
        }
    }

    fn tell_progress(&mut self) {
        let now = [
            self.journal.oldest(Stream::Samples),
            self.journal.committed(Stream::Samples),
            self.historian.position(),
        ];
        for (index, word) in ["o samples", "c samples", "c history"].into_iter().enumerate() {
            if now[index] != self.told[index] {
                say(&format!("{word} {}", now[index]));
            }
        }
        self.told = now;
    }
}

/// NEGATIVE CONTROL: says that it synced.
struct LyingDisk;

struct LyingFile(Box<dyn DiskFile>);

impl Disk for LyingDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(LyingFile(SystemDisk.open(path, access)?)))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        SystemDisk.list(directory)
    }

    fn create_directories(&self, path: &Path) -> io::Result<()> {
        SystemDisk.create_directories(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        SystemDisk.remove(path)
    }

    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        SystemDisk.free_bytes(path)
    }
}

impl DiskFile for LyingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_length(length)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        self.0.preallocate(length)
    }

    fn lock(&self) -> io::Result<()> {
        self.0.lock()
    }

    fn make_private(&self) -> io::Result<()> {
        self.0.make_private()
    }
}
