//! `kill -9` at random moments, life after life in the same store.

use crate::store::process::Running;
use crate::store::promises::Promises;
use crate::store::random::Random;
use crate::store::subject::Subject;
use crate::store::writer::Commits;
use crate::store::{Form, Row};
use anyhow::Result;
use std::time::Duration;

pub fn run(subject: Subject, form: Form, mut random: Random) -> Result<Row> {
    let mut row = Row { rig: "random kills", ..Row::default() };
    let kills = if form == Form::Long { 1_000 } else { 12 };
    let mut done = 0;
    while done < kills {
        let lives = subject.lives().min(kills - done);
        one_store(subject, lives, None, &mut random, &mut row)?;
        done += lives;
    }
    let mut control = Row::default();
    one_store(subject, 3, Some(1 << 20), &mut random, &mut control)?;
    row.control_failed = control.lost > 0;
    row.control = format!("{} lost {} in 3 kills", subject.volatile(), control.lost);
    Ok(row)
}

fn one_store(
    subject: Subject,
    lives: u64,
    buffered: Option<usize>,
    random: &mut Random,
    row: &mut Row,
) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let store = scratch.path().join("store");
    let mut promises = Promises::default();
    for life in 0..lives {
        let mut writer = subject.arguments(&store);
        writer.commits = Commits::Thread;
        (writer.seed, writer.buffered) = (random.next(), buffered);
        let mut running = Running::start(&writer, &[])?;
        let wait = Duration::from_micros(random.below(60_000));
        let enough = if buffered.is_some() { subject.volatile_after() } else { 0 };
        running.until("the writer's start", |said| said.appends > enough)?;
        std::thread::sleep(wait);
        promises.add(running.kill());
        row.take(&format!("life {life}"), &subject.check(&store, &promises)?);
        if subject == Subject::Journal {
            forget_dropped(&mut promises);
        }
    }
    Ok(())
}

/// What the store has dropped by its own limits needs no proof any more.
fn forget_dropped(promises: &mut Promises) {
    let oldest = promises.oldest.clone();
    promises
        .appended
        .retain(|(stream, _, _), (to, _)| oldest.get(stream).is_none_or(|oldest| *to > *oldest));
}
