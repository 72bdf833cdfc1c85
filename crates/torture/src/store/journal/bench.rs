//! What the journal does in a second: appends in one thread, bytes beside what the disk takes, and a day's
//! backlog drained while new data goes on. Prints figures as JSON; `cargo xtask bench journal` shows them.

use crate::store::journal::writer::tag_set;
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tagwerk_env::Env;
use tagwerk_journal::{Durability, Item, Journal, Options, ReaderFilter, Stream, TagSet};

/// Samples of a block, each a number of eight bytes: a group of 1,000 tags.
const BLOCK_SAMPLES: u32 = 1_000;
const BLOCK_BYTES: usize = 8 * BLOCK_SAMPLES as usize;
/// 1,000 tags a second for a day.
const DAY_BLOCKS: u64 = 86_400;
/// New data while the backlog is drained: far more often than in that day, since it takes so short a time.
const LIVE_EVERY: Duration = Duration::from_millis(5);
/// What may be written in all; the journal drops the rest.
const BYTES_MAX: u64 = 3 << 30;

#[derive(Args)]
pub struct BenchArguments {
    /// An empty folder on the disk that is measured
    folder: PathBuf,
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

#[derive(Serialize)]
struct Figures {
    relaxed_samples_per_second: f64,
    relaxed_bytes_per_second: f64,
    normal_bytes_per_second: f64,
    normal_bytes_per_sync: u64,
    dd_bytes_per_second: f64,
    drain_samples: u64,
    drain_samples_per_second: f64,
    drain_times_live: f64,
    live_late_ms_max: u64,
    anonymous_kib_before: u64,
    anonymous_kib_most: u64,
}

pub fn bench(arguments: &BenchArguments) -> Result<()> {
    let time = Duration::from_secs(arguments.seconds);
    let relaxed = append(&arguments.folder.join("relaxed"), Durability::Relaxed, time)?;
    let normal = append(&arguments.folder.join("normal"), Durability::Normal, time)?;
    let per_sync = normal.bytes / normal.syncs.max(1);
    let dd = dd(&arguments.folder.join("dd"), per_sync, normal.bytes)?;
    let drained = drain(&arguments.folder.join("backlog"))?;
    let figures = Figures {
        relaxed_samples_per_second: relaxed.samples as f64 / relaxed.seconds,
        relaxed_bytes_per_second: relaxed.bytes as f64 / relaxed.seconds,
        normal_bytes_per_second: normal.bytes as f64 / normal.seconds,
        normal_bytes_per_sync: per_sync,
        dd_bytes_per_second: dd,
        drain_samples: drained.samples,
        drain_samples_per_second: drained.samples as f64 / drained.seconds,
        drain_times_live: drained.samples as f64 / drained.seconds / f64::from(BLOCK_SAMPLES),
        live_late_ms_max: drained.late.as_millis() as u64,
        anonymous_kib_before: drained.anonymous_before,
        anonymous_kib_most: drained.anonymous_most,
    };
    println!("{}", serde_json::to_string_pretty(&figures)?);
    Ok(())
}

fn open(folder: &Path, durability: Durability) -> Result<Journal> {
    let mut options = Options::default();
    (options.samples.bytes_max, options.samples.durability) = (BYTES_MAX, durability);
    Ok(Journal::open(&Env::system(), folder, options)?.0)
}

/// A payload that differs from block to block.
fn fill(payload: &mut [u8], number: u64) {
    for (place, chunk) in payload.chunks_exact_mut(8).enumerate() {
        let value = 20.0 + (number as f64).mul_add(0.01, place as f64);
        chunk.copy_from_slice(&value.to_le_bytes());
    }
}

fn append_one(journal: &Journal, set: &std::sync::Arc<TagSet>, payload: &[u8]) -> Result<()> {
    let moment = Env::system().clock.now();
    journal.append_block(Stream::Samples, set, BLOCK_SAMPLES, moment, payload)?;
    Ok(())
}

struct Appended {
    samples: u64,
    bytes: u64,
    syncs: u64,
    seconds: f64,
}

/// Appends in one thread for a while, and ends with everything on disk.
fn append(folder: &Path, durability: Durability, time: Duration) -> Result<Appended> {
    let journal = open(folder, durability)?;
    let (clock, set) = (Env::system().clock, tag_set(1));
    let mut payload = vec![0; BLOCK_BYTES];
    fill(&mut payload, 1);
    let (begun, mut blocks) = (Instant::now(), 0u64);
    while begun.elapsed() < time {
        payload[..8].copy_from_slice(&blocks.to_le_bytes());
        let moment = clock.now();
        journal.append_block(Stream::Samples, &set, BLOCK_SAMPLES, moment, &payload)?;
        blocks += 1;
    }
    journal.commit(Stream::Samples)?;
    let seconds = begun.elapsed().as_secs_f64();
    let stats = journal.stats().samples;
    journal.close()?;
    std::fs::remove_dir_all(folder)?;
    let samples = blocks * u64::from(BLOCK_SAMPLES);
    Ok(Appended { samples, bytes: stats.appended_bytes, syncs: stats.syncs, seconds })
}

/// `dd` that syncs after as many bytes as the journal did.
fn dd(file: &Path, block: u64, bytes: u64) -> Result<f64> {
    let begun = Instant::now();
    let count = (bytes / block.max(1)).max(1);
    let status = Command::new("dd")
        .args(["if=/dev/zero", "oflag=dsync", "status=none"])
        .arg(format!("of={}", file.display()))
        .args([format!("bs={block}"), format!("count={count}")])
        .status()
        .context("starting dd")?;
    anyhow::ensure!(status.success(), "dd failed");
    let seconds = begun.elapsed().as_secs_f64();
    std::fs::remove_file(file)?;
    Ok((count * block) as f64 / seconds)
}

struct Drained {
    samples: u64,
    seconds: f64,
    late: Duration,
    anonymous_before: u64,
    anonymous_most: u64,
}

/// Reads a day's backlog while 200 blocks a second are new and a second reader waits at the end.
fn drain(folder: &Path) -> Result<Drained> {
    let journal = open(folder, Durability::Relaxed)?;
    let set = tag_set(1);
    let mut payload = vec![0; BLOCK_BYTES];
    for number in 0..DAY_BLOCKS {
        fill(&mut payload, number);
        append_one(&journal, &set, &payload)?;
    }
    journal.commit(Stream::Samples)?;
    let anonymous_before = anonymous_kib()?;
    let end = journal.end(Stream::Samples);
    let mut past = journal.reader(Stream::Samples, 0, ReaderFilter::default());
    let mut live = journal.reader(Stream::Samples, end, ReaderFilter::default());
    let (mut samples, mut late, mut anonymous_most) = (0, Duration::ZERO, anonymous_before);
    let begun = Instant::now();
    let (mut next, mut written) = (begun, None);
    while past.position() < end {
        let now = Instant::now();
        if now >= next {
            append_one(&journal, &set, &payload)?;
            (next, written) = (next + LIVE_EVERY, Some(next));
            anonymous_most = anonymous_most.max(anonymous_kib()?);
        }
        // What is new goes first.
        if let (Some(Item::Block(_)), Some(due)) = (live.try_next(), written) {
            late = late.max(due.elapsed());
        }
        match past.try_next() {
            Some(Item::Block(block)) => samples += block.span.count(),
            other => anyhow::bail!("the backlog has a hole: {other:?}"),
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    journal.close()?;
    std::fs::remove_dir_all(folder)?;
    Ok(Drained { samples, seconds, late, anonymous_before, anonymous_most })
}

fn anonymous_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).context("reading RssAnon")
}
