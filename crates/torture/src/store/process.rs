//! The writer as a process, and what it said. Ended with its value, by its own id.

use crate::store::promises::Promises;
use crate::store::writer::{Commits, WriterArguments};
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A run that needs longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Running {
    child: Child,
    said: Arc<Said>,
    reader: Option<JoinHandle<()>>,
}

/// What the writer said, and who waits for more.
#[derive(Default)]
struct Said {
    state: Mutex<(Promises, Output)>,
    more: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Output {
    #[default]
    Open,
    /// The writer has ended, or is about to.
    Ended,
}

impl Said {
    fn lock(&self) -> MutexGuard<'_, (Promises, Output)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is enough or the writer has ended; nothing when neither comes.
    fn until(&self, enough: impl Fn(&Promises) -> bool) -> Option<Output> {
        let waits = |state: &mut (Promises, Output)| state.1 == Output::Open && !enough(&state.0);
        let waited = self.more.wait_timeout_while(self.lock(), PATIENCE, waits);
        let (state, timed) = waited.unwrap_or_else(PoisonError::into_inner);
        if enough(&state.0) {
            return Some(Output::Open);
        }
        (!timed.timed_out()).then_some(state.1)
    }
}

/// The command line of the writer.
fn words(arguments: &WriterArguments) -> Vec<String> {
    let mut words = vec![
        "store-writer".to_owned(),
        arguments.folder.display().to_string(),
        format!("--subject={}", arguments.subject.name()),
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
        (arguments.real_time, "--real-time"),
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
        let said = Arc::new(Said::default());
        let out = child.stdout.take().context("the writer's output")?;
        let into = said.clone();
        let reader = std::thread::spawn(move || {
            let mut lines = BufReader::new(out);
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
                // A line that a kill cut off was not said.
                if line.ends_with('\n') {
                    into.lock().0.take(line.trim_end());
                    into.more.notify_all();
                }
                line.clear();
            }
            into.lock().1 = Output::Ended;
            into.more.notify_all();
        });
        Ok(Running { child, said, reader: Some(reader) })
    }

    /// What was said so far.
    pub fn promises(&self) -> Promises {
        self.said.lock().0.clone()
    }

    /// Waits until the writer has said enough.
    pub fn until(&mut self, what: &str, enough: impl Fn(&Promises) -> bool) -> Result<Duration> {
        let begun = Instant::now();
        match self.said.until(enough) {
            Some(Output::Open) => Ok(begun.elapsed()),
            Some(Output::Ended) => {
                let status = self.child.wait()?;
                anyhow::bail!("waiting for {what}: the writer ended ({status})")
            }
            None => anyhow::bail!("waiting for {what}: nothing in {PATIENCE:?}"),
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
        if self.said.until(|_| false).is_none() {
            let _ = self.child.kill();
            anyhow::bail!("the writer does not end");
        }
        let (status, promises) = self.end();
        Ok((status.context("the writer's end")?, promises))
    }

    fn end(&mut self) -> (Option<ExitStatus>, Promises) {
        let status = self.child.wait().ok();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        (status, std::mem::take(&mut self.said.lock().0))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
