//! The writer as a process, and what it said. Ended with its value, by its own id.

use crate::journal::check::Promises;
use crate::journal::writer::{Commits, WriterArguments};
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A run that needs longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn arguments(folder: &Path) -> WriterArguments {
    WriterArguments {
        folder: folder.to_owned(),
        seed: 1,
        steps: 0,
        commits: Commits::Caller,
        segment_kib: 16,
        stream_kib: 192,
        reserve_kib: 0,
        keep_oldest: false,
        pause_us: 0,
        buffered: None,
        lies: false,
        fragile: false,
    }
}

pub struct Running {
    child: Child,
    promises: Arc<Mutex<Promises>>,
    reader: Option<JoinHandle<()>>,
}

/// The command line of the writer.
fn words(arguments: &WriterArguments) -> Vec<String> {
    let mut words = vec![
        "journal-writer".to_owned(),
        arguments.folder.display().to_string(),
        format!("--seed={}", arguments.seed),
        format!("--steps={}", arguments.steps),
        format!("--segment-kib={}", arguments.segment_kib),
        format!("--stream-kib={}", arguments.stream_kib),
        format!("--reserve-kib={}", arguments.reserve_kib),
        format!("--pause-us={}", arguments.pause_us),
    ];
    if arguments.commits == Commits::Thread {
        words.push("--commits=thread".to_owned());
    }
    words.extend(arguments.buffered.map(|bytes| format!("--buffered={bytes}")));
    for (given, word) in [
        (arguments.keep_oldest, "--keep-oldest"),
        (arguments.lies, "--lies"),
        (arguments.fragile, "--fragile"),
    ] {
        if given {
            words.push(word.to_owned());
        }
    }
    words
}

impl Running {
    /// Starts the writer, under `strace` with these options if there are any.
    pub fn start(arguments: &WriterArguments, strace: &[String]) -> Result<Running> {
        let program = std::env::current_exe().context("finding this program")?;
        let mut command = match strace.is_empty() {
            true => Command::new(&program),
            false => {
                let mut command = Command::new("strace");
                command.args(["-f", "-qq"]).args(strace).arg(&program);
                command
            }
        };
        command.args(words(arguments));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("starting the writer (strace must be there)")?;
        let promises = Arc::new(Mutex::new(Promises::default()));
        let out = child.stdout.take().context("the writer's output")?;
        let into = promises.clone();
        let reader = std::thread::spawn(move || {
            let mut lines = BufReader::new(out);
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
                // A line that a kill cut off was not said.
                if line.ends_with('\n') {
                    into.lock().unwrap_or_else(PoisonError::into_inner).take(line.trim_end());
                }
                line.clear();
            }
        });
        Ok(Running { child, promises, reader: Some(reader) })
    }

    /// What was said so far.
    pub fn promises(&self) -> Promises {
        self.promises.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks again and again until the writer has said enough.
    pub fn until(&mut self, what: &str, said: impl Fn(&Promises) -> bool) -> Result<Duration> {
        let begun = Instant::now();
        loop {
            if said(&self.promises.lock().unwrap_or_else(PoisonError::into_inner)) {
                return Ok(begun.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("waiting for {what}: the writer ended ({status})");
            }
            if begun.elapsed() > PATIENCE {
                anyhow::bail!("waiting for {what}: nothing in {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn kill(mut self) -> Promises {
        // An error means that it has ended already.
        let _ = self.child.kill();
        self.end().1
    }

    /// Waits for its end, and for the last line.
    pub fn wait(mut self) -> Result<(ExitStatus, Promises)> {
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                anyhow::bail!("the writer does not end");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let (status, promises) = self.end();
        Ok((status.context("the writer's end")?, promises))
    }

    fn end(&mut self) -> (Option<ExitStatus>, Promises) {
        let status = self.child.wait().ok();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        (status, std::mem::take(&mut self.promises.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
