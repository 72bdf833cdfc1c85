//! Writes a journal: blocks and records of every stream, commits, cursors.

use crate::store::random::Random;
use crate::store::writer::{Commits, WriterArguments, say};
use anyhow::Result;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Env;
use tagwerk_journal::{CommitBy, Cursor, Durability, Full, Journal, Options, Span, Stream, TagSet};

pub fn options(arguments: &WriterArguments) -> Options {
    let mut options = Options {
        commit_by: match arguments.commits {
            Commits::Caller => CommitBy::Caller,
            Commits::Thread => CommitBy::Thread,
        },
        reserve_bytes: arguments.reserve_kib * 1024,
        buffered_for_test: arguments.buffered,
        ..Options::default()
    };
    for stream in [&mut options.samples, &mut options.outputs, &mut options.record] {
        stream.segment_bytes = arguments.segment_kib * 1024;
        stream.bytes_max = arguments.stream_kib * 1024;
        stream.tail_bytes = 16 * 1024;
        stream.durability = Durability::Normal;
    }
    if arguments.keep_oldest {
        options.samples.full = Full::Newest;
        options.outputs.full = Full::Newest;
    }
    options
}

/// A payload that says whether it is whole: `count` bytes made from a number that stands first.
pub fn payload(number: u64, count: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    let mut random = Random::new(number);
    while bytes.len() < 8 + count {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(8 + count);
    bytes
}

pub fn is_whole(bytes: &[u8]) -> bool {
    let Some(number) = bytes.first_chunk::<8>() else { return false };
    bytes == payload(u64::from_le_bytes(*number), bytes.len() - 8)
}

pub fn tag_set(id: u32) -> Arc<TagSet> {
    Arc::new(TagSet { id, revision: 1, tags: vec![id, id + 1], dictionary: vec![id as u8; 40] })
}

pub fn write(arguments: &WriterArguments) -> Result<()> {
    let env = Env::system();
    let (journal, _) = Journal::open(&env, &arguments.folder, options(arguments))?;
    let mut writer =
        Writer { journal, env, random: Random::new(arguments.seed), arguments, told: [(0, 0); 3] };
    say("ready");
    let mut step = 0;
    while arguments.steps == 0 || step < arguments.steps {
        writer.step()?;
        writer.tell_progress();
        step += 1;
        if arguments.pause_us > 0 {
            let now = writer.env.clock.now();
            writer.env.clock.park_until(now.after(Duration::from_micros(arguments.pause_us)));
        }
    }
    writer.journal.close()?;
    writer.tell_progress();
    say("end");
    Ok(())
}

struct Writer<'a> {
    journal: Journal,
    env: Env,
    random: Random,
    arguments: &'a WriterArguments,
    /// Oldest and committed, as last said.
    told: [(u64, u64); 3],
}

impl Writer<'_> {
    fn step(&mut self) -> Result<()> {
        match self.random.below(20) {
            0..=11 => self.append(Stream::Samples),
            12..=13 => self.append(Stream::Outputs),
            14 => self.append(Stream::Record),
            15 => {
                let end = self.journal.end(Stream::Samples);
                let at = self.journal.oldest(Stream::Samples).midpoint(end);
                let cursor = Cursor::new(Stream::Samples, at);
                let saved = self.journal.save_cursor("sink/far", &cursor);
                self.settle(saved.map_err(|error| error.to_string()))
            }
            16 => {
                self.journal.observe_clock();
                Ok(())
            }
            _ if self.arguments.commits == Commits::Thread => Ok(()),
            n => {
                let stream = Stream::ALL[(n as usize) % 3];
                let done = match self.arguments.lies {
                    true => Ok(()),
                    false => self.journal.commit(stream).map_err(|error| error.to_string()),
                };
                self.settle(done)
            }
        }
    }

    fn append(&mut self, stream: Stream) -> Result<()> {
        let count = 1 + self.random.below(9) as u32;
        let size = self.random.below(1500) as usize;
        let bytes = payload(self.random.next(), size);
        let appended = match stream {
            Stream::Record => {
                self.journal.append_record(9, &bytes).map(|seq| Span { from: seq, to: seq + 1 })
            }
            _ => {
                let set = tag_set(1 + 2 * self.random.below(4) as u32);
                let moment = self.env.clock.now();
                self.journal.append_block(stream, &set, count, moment, &bytes)
            }
        };
        let Span { from, to } = match appended {
            Ok(span) => span,
            Err(error) => return self.settle(Err(error.to_string())),
        };
        let (epoch, crc) = (self.journal.epoch(), crc32c::crc32c(&bytes));
        say(&format!(
            "a {{\"stream\":\"{stream}\",\"epoch\":{epoch},\"from\":{from},\"to\":{to},\"crc\":{crc}}}"
        ));
        Ok(())
    }

    fn settle(&mut self, outcome: Result<(), String>) -> Result<()> {
        let Err(error) = outcome else { return Ok(()) };
        say(&format!("e {error}"));
        if self.arguments.fragile {
            anyhow::bail!(error);
        }
        Ok(())
    }

    fn tell_progress(&mut self) {
        for (stream, told) in Stream::ALL.into_iter().zip(&mut self.told) {
            let committed = match self.arguments.lies {
                true => self.journal.end(stream),
                false => self.journal.committed(stream),
            };
            let now = (self.journal.oldest(stream), committed);
            if now.0 != told.0 {
                say(&format!("o {stream} {}", now.0));
            }
            if now.1 != told.1 {
                say(&format!("c {stream} {}", now.1));
            }
            *told = now;
        }
    }
}
