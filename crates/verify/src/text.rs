//! The report as people read it.

use crate::report::{Compared, Report, StreamReport, Tally};
use std::fmt;

/// Ranges behind a count.
const SHOWN: usize = 5;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = match self.clean_end {
            true => "ended cleanly",
            false => "in use, or not ended cleanly",
        };
        writeln!(f, "store: {ended}")?;
        self.streams.iter().try_for_each(|stream| write_stream(f, stream))?;
        for cursor in &self.cursors {
            let (name, stream, next) = (&cursor.name, cursor.stream, cursor.next);
            writeln!(f, "cursor {name}: {stream} from {next}, {} to come", cursor.pending)?;
        }
        let quarantined = &self.quarantined;
        writeln!(f, "quarantine: {} files, {} bytes", quarantined.files, quarantined.bytes)?;
        self.compared.iter().try_for_each(|compared| write_compared(f, compared))?;
        if self.wrong.is_empty() {
            return writeln!(f, "nothing is wrong");
        }
        writeln!(f, "wrong:")?;
        self.wrong.iter().try_for_each(|wrong| writeln!(f, "  {wrong}"))
    }
}

fn write_stream(f: &mut fmt::Formatter<'_>, stream: &StreamReport) -> fmt::Result {
    writeln!(
        f,
        "{}: {} numbers kept of {}..{}, in {} frames, {} segments, {} bytes",
        stream.stream,
        stream.kept,
        stream.oldest,
        stream.end,
        stream.frames,
        stream.segments,
        stream.bytes
    )?;
    let mut line = |what: &str, tally: &Tally| match tally.numbers {
        0 => Ok(()),
        numbers => writeln!(f, "  {what} {numbers}{}", ranges(tally)),
    };
    line("lost", &stream.lost)?;
    line("duplicated", &stream.duplicated)?;
    line("reordered", &stream.reordered)?;
    if stream.damaged.places > 0 {
        let damaged = &stream.damaged;
        writeln!(f, "  damaged {} places, {} bytes", damaged.places, damaged.bytes)?;
    }
    if stream.torn_end {
        writeln!(f, "  the last append did not end, or is under way")?;
    }
    for gap in &stream.gaps {
        let reader = gap.reader.as_ref().map_or(String::new(), |name| format!(" of {name}"));
        let numbers = gap.numbers.numbers;
        let (reason, records) = (gap.reason, gap.records);
        writeln!(f, "  gap{reader}: {reason}, {numbers} numbers in {records} records")?;
    }
    stream.troubles.iter().try_for_each(|text| writeln!(f, "  {text}"))
}

fn write_compared(f: &mut fmt::Formatter<'_>, compared: &Compared) -> fmt::Result {
    let Compared { stream, matched, pending, before, given_up, .. } = compared;
    writeln!(
        f,
        "{stream}, the other side: {matched} numbers there, {pending} to come, {given_up} given up, \
         {before} older than what is held"
    )?;
    for (what, tally) in [
        ("lost", &compared.lost),
        ("invented", &compared.invented),
        ("lost by the store", &compared.forgotten),
        ("different", &compared.differs),
        ("duplicated", &compared.duplicated),
        ("reordered", &compared.reordered),
    ] {
        if tally.numbers > 0 {
            writeln!(f, "  {what} {}{}", tally.numbers, ranges(tally))?;
        }
    }
    Ok(())
}

fn ranges(tally: &Tally) -> String {
    let shown: Vec<String> =
        tally.ranges.iter().take(SHOWN).map(|r| format!("{}..{}", r.from, r.to)).collect();
    let more = if tally.ranges.len() > SHOWN { ", …" } else { "" };
    format!(": {}{more}", shown.join(", "))
}
