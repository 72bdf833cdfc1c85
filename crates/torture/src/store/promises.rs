//! What a writer promised, line by line, and what came of it.

use anyhow::Result;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Everything a writer said, over all its lives.
#[derive(Clone, Default)]
pub struct Promises {
    /// By stream, epoch and first number: one past the last, and the payload's checksum.
    pub appended: BTreeMap<(String, u32, u64), (u64, u32)>,
    pub committed: BTreeMap<String, u64>,
    pub oldest: BTreeMap<String, u64>,
    /// Numbers that a full disk cost before history had them, as the writer found them gone.
    pub excused: Vec<(u64, u64)>,
    pub errors: Vec<String>,
    pub ready: bool,
    pub ended: bool,
    /// Appends that returned.
    pub appends: u64,
}

#[derive(Deserialize)]
struct Line {
    stream: String,
    epoch: u32,
    from: u64,
    to: u64,
    crc: u32,
}

impl Promises {
    pub fn take(&mut self, line: &str) {
        let Some((mark, rest)) = line.split_once(' ') else {
            self.ready |= line == "ready";
            self.ended |= line == "end";
            return;
        };
        match mark {
            "a" => {
                if let Ok(Line { stream, epoch, from, to, crc }) = serde_json::from_str(rest) {
                    self.appended.insert((stream, epoch, from), (to, crc));
                    self.appends += 1;
                }
            }
            "e" => self.errors.push(rest.to_owned()),
            "x" => {
                let numbers = rest.split_once(' ');
                let span =
                    numbers.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
                self.excused.extend(span);
            }
            "c" | "o" => {
                let Some((stream, number)) = rest.split_once(' ') else { return };
                let Ok(number) = number.parse() else { return };
                let of = if mark == "c" { &mut self.committed } else { &mut self.oldest };
                of.insert(stream.to_owned(), number);
            }
            _ => {}
        }
    }

    /// Adds what a later life said.
    pub fn add(&mut self, later: Promises) {
        self.appended.extend(later.appended);
        self.committed.extend(later.committed);
        self.oldest.extend(later.oldest);
        self.errors.extend(later.errors);
        self.excused.extend(later.excused);
        self.appends += later.appends;
        (self.ready, self.ended) = (later.ready, later.ended);
    }

    /// Only what was said to be on disk: what a power cut must leave.
    pub fn committed_only(&self) -> Promises {
        let mut kept = self.clone();
        let safe = |stream: &str| self.committed.get(stream).copied().unwrap_or(0);
        kept.appended.retain(|(stream, _, _), (to, _)| *to <= safe(stream));
        kept
    }

    pub fn numbers(&self) -> u64 {
        self.appended.iter().map(|((_, _, from), (to, _))| to - from).sum()
    }

    pub fn lines(&self) -> String {
        let mut text = String::new();
        for ((stream, epoch, from), (to, crc)) in &self.appended {
            let _ = writeln!(
                text,
                "{{\"stream\":\"{stream}\",\"epoch\":{epoch},\"from\":{from},\"to\":{to},\
                 \"crc\":{crc}}}"
            );
        }
        text
    }
}

#[derive(Debug, Default)]
pub struct Outcome {
    pub promised: u64,
    pub lost: u64,
    pub failures: Vec<String>,
}

impl Outcome {
    pub fn fail(&mut self, text: String) {
        self.failures.push(text);
    }
}

/// Copies a store, with everything below it.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_folder(&entry.path(), &target)?,
            false => {
                std::fs::copy(entry.path(), target)?;
            }
        }
    }
    Ok(())
}
