//! A history of some 64 KiB for damage, with compacted segments, rollups and one that grows, beside the
//! journal that it is fed from; and what each damage may cost.

use crate::store::history::check::{Looked, look};
use crate::store::history::plant;
use crate::store::mutate::{Change, Judged, Store, StoredFile};
use crate::store::process::Running;
use crate::store::promises::Promises;
use crate::store::subject::Subject;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use tagwerk_historian::scan;

const STEPS: u64 = 330;
/// The line of the writer's output at which it is killed: always at the same state of the store.
const KILLED_AT: &str = "1000";

const HEADER_BYTES: usize = 512;
const SECOND_HEADER: Range<usize> = 3_584..4_096;
const FRAMES_AT: usize = 4_096;
const FRAME_HEADER_BYTES: usize = 20;
const MARKER: [u8; 4] = [0xF7, 0x54, 0x77, 0x48];
const TRAILER_BYTES: usize = 544;
const CHUNK: u8 = 1;
const ROLLUP: u8 = 5;

/// A chunk of samples or of rollups.
struct Frame {
    bytes: Range<usize>,
    /// Tag and times of samples; none of rollups.
    samples: Option<(u32, Vec<i64>)>,
}

struct Segment {
    frames: Vec<Frame>,
    headers: Vec<Range<usize>>,
}

pub struct HistoryFiles {
    files: Vec<StoredFile>,
    others: Vec<StoredFile>,
    segments: Vec<Segment>,
    promises: Promises,
    /// Samples of the rolled up tags when nothing is damaged.
    rolled: [u64; 2],
}

/// What a change may cost.
struct Cost {
    samples: BTreeSet<(u32, i64)>,
    rollups: bool,
}

impl HistoryFiles {
    pub fn new() -> Result<HistoryFiles> {
        let scratch = tempfile::tempdir()?;
        let folder = scratch.path().join("store");
        let mut writer = Subject::History.arguments(&folder);
        writer.steps = STEPS;
        let rule = format!("--inject=write:signal=KILL:when={KILLED_AT}");
        let strace = ["-o", "/dev/null", "--trace=write", &rule].map(str::to_owned);
        let (_, promises) = Running::start(&writer, &strace)?.wait()?;
        let (mut all, mut others) = (Vec::new(), Vec::new());
        for part in ["history", "journal/samples", "journal/outputs", "journal/record"] {
            let list = std::fs::read_dir(folder.join(part))?;
            let mut paths: Vec<_> = list.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
            paths.sort();
            for path in paths.into_iter().filter(|path| path.is_file()) {
                let content = std::fs::read(&path)?;
                let is_segment = path.extension().is_some_and(|extension| extension == "hist");
                let path = path.strip_prefix(&folder).context("inside")?.to_owned();
                let into = if is_segment { &mut all } else { &mut others };
                into.push(StoredFile { path, content });
            }
        }
        let segments = all.iter().map(|file| read_segment(&file.content)).collect();
        let rolled = look(&folder, &promises).rolled;
        Ok(HistoryFiles { files: all, others, segments, promises, rolled })
    }

    /// Nothing when that cannot be said.
    fn may_cost(&self, change: &Change) -> Option<Cost> {
        let hit = change.hit.as_ref()?;
        let mut cost = Cost { samples: BTreeSet::new(), rollups: false };
        let Some((index, _)) = change.changed.first() else { return Some(cost) };
        let meets = |bytes: &Range<usize>| bytes.start < hit.end && hit.start < bytes.end;
        let segment = &self.segments[*index];
        // The header is there twice or three times: one place costs nothing.
        if segment.headers.iter().filter(|bytes| meets(bytes)).count() > 1 {
            return None;
        }
        for frame in segment.frames.iter().filter(|frame| meets(&frame.bytes)) {
            match &frame.samples {
                Some((tag, times)) => cost.samples.extend(times.iter().map(|time| (*tag, *time))),
                None => cost.rollups = true,
            }
        }
        Some(cost)
    }

    fn hold_against(&self, looked: &mut Looked, cost: &Cost) {
        let unhit: Vec<_> =
            looked.lost.iter().filter(|sample| !cost.samples.contains(sample)).copied().collect();
        if let Some((tag, time)) = unhit.first() {
            let text = format!("{} lost and not hit: tag {tag} at {time} …", unhit.len());
            looked.wrong.push(text);
        }
        for (index, tag) in plant::ROLLED.into_iter().enumerate() {
            let hit = cost.samples.iter().filter(|(of, _)| *of == tag).count() as u64;
            let less = self.rolled[index].saturating_sub(looked.rolled[index]);
            if less > hit && !cost.rollups {
                looked.wrong.push(format!("{less} of tag {tag} lost, {hit} were hit"));
            }
        }
    }
}

fn read_segment(content: &[u8]) -> Segment {
    let image = scan::scan(content);
    let (mut frames, mut at) = (Vec::new(), FRAMES_AT);
    while let Some(header) = content.get(at..at + FRAME_HEADER_BYTES)
        && header[..4] == MARKER
    {
        let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let bytes = at..at + FRAME_HEADER_BYTES + length;
        let chunk = image.chunks.iter().find(|chunk| chunk.offset == at as u64);
        match header[4] {
            CHUNK => {
                let samples = chunk.map(|chunk| (chunk.tag.0, chunk.times.clone()));
                frames.push(Frame { bytes: bytes.clone(), samples });
            }
            ROLLUP => frames.push(Frame { bytes: bytes.clone(), samples: None }),
            _ => {}
        }
        at = bytes.end;
    }
    let mut headers = vec![0..HEADER_BYTES, SECOND_HEADER];
    if image.complete {
        headers.push(content.len() - TRAILER_BYTES..content.len());
    }
    Segment { frames, headers }
}

impl Store for HistoryFiles {
    fn files(&self) -> &[StoredFile] {
        &self.files
    }

    fn others(&self) -> &[StoredFile] {
        &self.others
    }

    fn promised(&self) -> u64 {
        self.promises.numbers()
    }

    fn describe(&self) -> String {
        let bytes: usize = self.files.iter().map(|file| file.content.len()).sum();
        let frames = self.segments.iter().flat_map(|segment| &segment.frames);
        let rollups = frames.clone().filter(|frame| frame.samples.is_none()).count();
        let compacted = self.files.iter().filter(|file| file.content.get(10) == Some(&2)).count();
        format!(
            "a history of {bytes} bytes, {} segments, {compacted} of them compacted, {} chunks, \
             {rollups} of them rollups",
            self.files.len(),
            frames.count(),
        )
    }

    fn judge(&self, change: &Change, folder: &Path) -> Judged {
        let mut looked = look(folder, &self.promises);
        let damaged = change.hit.as_ref().is_none_or(|hit| !hit.is_empty());
        if damaged {
            // Those are compared with what they were: the tag beside them may be hit alone.
            looked.wrong.retain(|text| !text.contains("count and sum"));
        }
        for (index, tag) in plant::ROLLED.into_iter().enumerate() {
            if looked.rolled[index] > self.rolled[index] {
                looked.wrong.push(format!("tag {tag}: more samples than there were"));
            }
        }
        if let Some(cost) = self.may_cost(change) {
            self.hold_against(&mut looked, &cost);
        }
        let said = !looked.told.is_empty() || !looked.aside.is_empty() || looked.damaged > 0;
        if !looked.lost.is_empty() && !said {
            looked.wrong.push(format!("{} lost and nothing said", looked.lost.len()));
        }
        Judged { wrong: looked.wrong, lost: looked.lost.len() as u64 }
    }

    fn forge(&self) -> Result<Change> {
        let of = |frame: &&Frame| frame.samples.as_ref().is_some_and(|(tag, _)| *tag == 1);
        let found = self.segments.iter().enumerate().find_map(|(index, segment)| {
            Some((index, segment.frames.iter().find(of)?.bytes.clone()))
        });
        let (index, frame) = found.context("a chunk of the first tag")?;
        let mut content = self.files[index].content.clone();
        // Its values come last, in all their bits.
        content[frame.end - 1] ^= 1;
        let seed = crc32c::crc32c(&content[..HEADER_BYTES - 4]);
        let place = crc32c::crc32c_append(seed, &(frame.start as u64).to_le_bytes());
        let payload = frame.start + FRAME_HEADER_BYTES..frame.end;
        let sum = crc32c::crc32c_append(place, &content[payload]);
        content[frame.start + 12..frame.start + 16].copy_from_slice(&sum.to_le_bytes());
        let sum = crc32c::crc32c_append(place, &content[frame.start..frame.start + 16]);
        content[frame.start + 16..frame.start + 20].copy_from_slice(&sum.to_le_bytes());
        Ok(Change { text: "forged".to_owned(), changed: vec![(index, content)], hit: Some(frame) })
    }
}
