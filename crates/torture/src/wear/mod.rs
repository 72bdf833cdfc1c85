//! What a flash device is written for each sample: journal and history together on an ext4 of their own,
//! counted by the device, beside rows in SQLite that are committed as often. `cargo xtask bench wear` shows
//! the figures.

mod writer;

pub use writer::{WriterArguments, write};

use crate::store::{Mounted, make_file_system, sparse};
use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;
use tagwerk_journal::Durability;

const RATES: [u64; 3] = [200, 1_000, 10_000];
const IMAGE_BYTES: u64 = 512 << 20;
const SECTOR_BYTES: u64 = 512;

#[derive(Args)]
pub struct Arguments {
    /// How long is counted
    #[arg(long, default_value_t = 100)]
    seconds: u64,
    /// Only these samples a second
    #[arg(long)]
    rate: Vec<u64>,
    /// Only these classes
    #[arg(long, value_enum)]
    class: Vec<Class>,
    /// A Python interpreter, for SQLite
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// The script that writes rows to SQLite
    #[arg(long)]
    sqlite: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Strict,
    Normal,
    Relaxed,
}

impl Class {
    const ALL: [Class; 3] = [Class::Strict, Class::Normal, Class::Relaxed];

    fn name(self) -> &'static str {
        match self {
            Class::Strict => "strict",
            Class::Normal => "normal",
            Class::Relaxed => "relaxed",
        }
    }

    fn durability(self) -> Durability {
        match self {
            Class::Strict => Durability::Strict,
            Class::Normal => Durability::Normal,
            Class::Relaxed => Durability::Relaxed,
        }
    }
}

/// What one writer cost its device.
#[derive(Serialize)]
struct Written {
    samples: u64,
    bytes: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct Cell {
    rate: u64,
    class: Class,
    tagwerk: Written,
    sqlite: Written,
}

/// All cells at once, each on a device of its own: they mostly wait.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut wanted = Vec::new();
    for class in Class::ALL {
        for rate in RATES {
            let class_wanted = arguments.class.is_empty() || arguments.class.contains(&class);
            if class_wanted && (arguments.rate.is_empty() || arguments.rate.contains(&rate)) {
                wanted.push((class, rate));
            }
        }
    }
    let cells = std::thread::scope(|scope| {
        let cell = |(class, rate)| {
            let ours = scope.spawn(move || measure(tagwerk(class, rate, arguments)?));
            let sqlite = scope.spawn(move || measure(sqlite(class, rate, arguments)));
            (class, rate, ours, sqlite)
        };
        let running: Vec<_> = wanted.into_iter().map(cell).collect();
        let mut cells = Vec::new();
        for (class, rate, ours, sqlite) in running {
            let ours = ours.join().map_err(|_| anyhow!("a measurement broke down"))?;
            let sqlite = sqlite.join().map_err(|_| anyhow!("a measurement broke down"))?;
            cells.push(Cell { rate, class, tagwerk: ours?, sqlite: sqlite? });
        }
        anyhow::Ok(cells)
    })?;
    println!("{}", serde_json::to_string_pretty(&cells)?);
    Ok(())
}

fn words(class: Class, rate: u64, seconds: u64) -> [String; 3] {
    [format!("--class={}", class.name()), format!("--rate={rate}"), format!("--seconds={seconds}")]
}

fn tagwerk(class: Class, rate: u64, arguments: &Arguments) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("finding this program")?);
    command.arg("wear-writer").args(words(class, rate, arguments.seconds));
    Ok(command)
}

fn sqlite(class: Class, rate: u64, arguments: &Arguments) -> Command {
    let mut command = Command::new(&arguments.python);
    command.arg(&arguments.sqlite).args(words(class, rate, arguments.seconds));
    command
}

/// Runs a writer in a new file system. It says `ready`, waits for `go`, writes, and says how many samples.
fn measure(mut command: Command) -> Result<Written> {
    let memory = Path::new("/dev/shm");
    let images = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let image_folder = tempfile::tempdir_in(images)?;
    let image = image_folder.path().join("disk.img");
    sparse(&image, IMAGE_BYTES)?;
    // Else the kernel goes on making the file system for minutes.
    make_file_system(&image, &["-E", "lazy_itable_init=0,lazy_journal_init=0"])?;
    let mounted = Mounted::new(&image, "ext4")
        .context("counting needs root and a loop device; run it as root, outside of a container")?;
    let device = device_of(&mounted.path)?;
    command.arg(mounted.path.join("store")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let child = command.spawn().context("starting a writer")?;
    let mut running = Running(child);
    let mut said = BufReader::new(running.0.stdout.take().context("the writer's output")?);
    expect(&mut said, "ready")?;
    let before = written(&mounted.path, &device)?;
    let begun = Instant::now();
    running.0.stdin.as_mut().context("the writer's input")?.write_all(b"go\n")?;
    let samples = expect(&mut said, "samples")?.parse().context("the writer's count")?;
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = written(&mounted.path, &device)? - before;
    drop(running);
    Ok(Written { samples, bytes, seconds })
}

/// Ended with its value: what it would still write at its end is not counted.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What stands behind the word that is said next.
fn expect(said: &mut BufReader<ChildStdout>, word: &str) -> Result<String> {
    let mut line = String::new();
    said.read_line(&mut line)?;
    let rest = line.trim_end().strip_prefix(word);
    Ok(rest.with_context(|| format!("the writer said `{line}`, not `{word}`"))?.trim().to_owned())
}

/// The name of the loop device that is mounted there.
fn device_of(mounted: &Path) -> Result<String> {
    let mounts = std::fs::read_to_string("/proc/mounts")?;
    let place = mounted.to_str().context("a path of plain text")?;
    let line = mounts.lines().find(|line| line.split_whitespace().nth(1) == Some(place));
    let device = line.and_then(|line| line.split_whitespace().next()?.strip_prefix("/dev/"));
    Ok(device.context("finding the loop device")?.to_owned())
}

/// Bytes that the device has been written, with all that was still in memory.
fn written(mounted: &Path, device: &str) -> Result<u64> {
    let status = Command::new("sync").arg("-f").arg(mounted).status()?;
    anyhow::ensure!(status.success(), "the file system cannot be synced");
    let stat = std::fs::read_to_string(format!("/sys/block/{device}/stat"))?;
    // Documentation/block/stat.rst: the seventh field is sectors written.
    let sectors = stat.split_whitespace().nth(6).and_then(|text| text.parse::<u64>().ok());
    Ok(sectors.context("the device's counters")? * SECTOR_BYTES)
}
