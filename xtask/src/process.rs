//! A program started by the workshop: in its own process group, its output read line by line, ended
//! together with whoever started it.

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a program may take to end when it is asked to.
const END: Duration = Duration::from_secs(15);

pub struct Running {
    name: String,
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts a program; everything it prints goes to `log` as well.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Running> {
        // In a group of its own, so that Ctrl-C reaches the workshop alone, which then ends its
        // programs in order.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {name} ({})", command.get_program().display()))?;
        let (sender, lines) = channel();
        let file =
            std::fs::File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let outputs: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            child.stdout.take().map(|out| Box::new(out) as Box<_>),
            child.stderr.take().map(|err| Box::new(err) as Box<_>),
        ];
        for output in outputs.into_iter().flatten() {
            let sender = sender.clone();
            let mut file = file.try_clone().context("sharing the log file")?;
            std::thread::spawn(move || {
                let mut reader = BufReader::new(output);
                let mut line = Vec::new();
                while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                    // A log that cannot be written must not stop the program that logs.
                    drop(file.write_all(&line));
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    drop(sender.send(text));
                    line.clear();
                }
            });
        }
        Ok(Running { name: name.to_owned(), child, lines })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line for which `find` gives something.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        limit: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let until = Instant::now() + limit;
        let mut last = Vec::new();
        loop {
            let line = match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{} did not print {what} within {limit:?}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let said = last.join("\n");
                    return Err(anyhow!("{} ended before it printed {what}:\n{said}", self.name));
                }
            };
            if let Some(found) = find(&line) {
                return Ok(found);
            }
            last.push(line);
            if last.len() > 20 {
                last.remove(0);
            }
        }
    }

    /// The line of JSON with which our test programs say that they are ready.
    pub fn ready_line(&mut self) -> Result<serde_json::Value> {
        self.wait_for("its ready line", Duration::from_secs(30), |line| {
            serde_json::from_str::<serde_json::Value>(line).ok().filter(|v| v.is_object())
        })
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks the program to end, and waits; after a while it is killed.
    pub fn end(&mut self) -> Result<()> {
        if self.ended().is_some() {
            return Ok(());
        }
        self.signal(Signal::TERM);
        let until = Instant::now() + END;
        while Instant::now() < until {
            if self.ended().is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal(Signal::KILL);
        self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        bail!("{} did not end within {END:?} and was killed", self.name);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = Pid::from_raw(self.child.id() as i32) {
            // It may just have ended by itself.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("{error:#}");
        }
    }
}
