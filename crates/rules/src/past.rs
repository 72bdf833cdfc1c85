//! History as the batches that it was read in: the tags of a group that have a sample at the same time
//! are one, in the order of time, and at equal times in that of devices. Holds a piece of each tag.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;
use tagwerk_historian::{Piece, TagInfo};
use tagwerk_model::{
    Columns, Qualities, Quality, Rows, SampleBatch, SourceTimes, TagDefinition, TagId, TagSet,
    TagSetDefinition,
};
use tagwerk_sql::Pieces;

/// Reads tags side by side.
pub struct Past {
    sets: Vec<Arc<TagSet>>,
    next_set: u32,
    /// In the order of groups, each one's tags in a row.
    tracks: Vec<Track>,
    /// The time of each run's next sample.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
    runs: Vec<Run>,
    failed: bool,
}

/// Tracks of a group, few enough to look at each for every batch.
struct Run {
    group: usize,
    tracks: Range<usize>,
}

const RUN_TRACKS: usize = 32;

struct Track {
    /// Among the tags of its set.
    index: usize,
    pieces: Pieces,
    piece: Option<Piece>,
    at: usize,
    /// The piece was not looked at yet.
    fresh: bool,
    /// The time of its next sample.
    next: Option<i64>,
}

impl Past {
    /// `open` gives the samples of a tag.
    pub fn open(mut tags: Vec<TagInfo>, open: &dyn Fn(TagId) -> Pieces) -> Result<Past, String> {
        tags.sort_by(|a, b| (&a.device, &a.group, &a.name).cmp(&(&b.device, &b.group, &b.name)));
        let mut past = Past {
            sets: Vec::new(),
            next_set: 0,
            tracks: Vec::new(),
            heads: BinaryHeap::new(),
            runs: Vec::new(),
            failed: false,
        };
        for group in tags.chunk_by(|a, b| (&a.device, &a.group) == (&b.device, &b.group)) {
            let definition = |tag: &TagInfo| TagDefinition {
                id: tag.id,
                name: (&*tag.name).into(),
                data_type: tag.data_type,
                unit: (&*tag.unit).into(),
            };
            let place = past.sets.len();
            past.sets.push(Arc::new(TagSet::new(TagSetDefinition {
                id: place as u32,
                device: (&*group[0].device).into(),
                group: (&*group[0].group).into(),
                tags: group.iter().map(definition).collect(),
            })));
            let first = past.tracks.len();
            past.tracks.extend(group.iter().enumerate().map(|(index, tag)| Track {
                index,
                pieces: open(tag.id),
                piece: None,
                at: 0,
                fresh: false,
                next: None,
            }));
            let last = past.tracks.len();
            past.runs.extend(
                (first..last)
                    .step_by(RUN_TRACKS)
                    .map(|from| Run { group: place, tracks: from..last.min(from + RUN_TRACKS) }),
            );
        }
        past.next_set = past.sets.len() as u32;
        for track in &mut past.tracks {
            track.next = track.time()?;
        }
        (0..past.runs.len()).for_each(|run| past.wait_for(run));
        Ok(past)
    }

    /// Puts the run's next sample among those that wait.
    fn wait_for(&mut self, run: usize) {
        let tracks = &self.tracks[self.runs[run].tracks.clone()];
        if let Some(time) = tracks.iter().filter_map(|track| track.next).min() {
            self.heads.push(Reverse((time, run)));
        }
    }

    fn batch(&mut self) -> Result<Option<SampleBatch>, String> {
        let Some(Reverse((time, first))) = self.heads.pop() else { return Ok(None) };
        let group = self.runs[first].group;
        let mut runs = vec![first];
        while let Some(Reverse((other, run))) = self.heads.peek()
            && *other == time
            && self.runs[*run].group == group
        {
            runs.push(*run);
            self.heads.pop();
        }
        let all = runs.iter().flat_map(|run| self.runs[*run].tracks.clone());
        let met: Vec<usize> = all.filter(|track| self.tracks[*track].next == Some(time)).collect();
        self.know_types(group, &met);
        let batch = made(&self.sets[group], time, met.iter().map(|track| &self.tracks[*track]));
        for track in met {
            let track = &mut self.tracks[track];
            track.at += 1;
            track.next = track.time()?;
        }
        runs.into_iter().for_each(|run| self.wait_for(run));
        Ok(Some(batch))
    }

    /// A tag may have had another type or unit then.
    fn know_types(&mut self, group: usize, met: &[usize]) {
        if !met.iter().any(|track| std::mem::take(&mut self.tracks[*track].fresh)) {
            return;
        }
        let set = &self.sets[group];
        let others = met.iter().filter_map(|track| {
            let Track { index, piece, .. } = &self.tracks[*track];
            let (known, piece) = (&set.tags()[*index], piece.as_ref()?);
            let same = known.data_type == piece.data_type && *known.unit == *piece.unit;
            (!same).then(|| (*index, piece.data_type, piece.unit.clone()))
        });
        let others: Vec<_> = others.collect();
        if others.is_empty() {
            return;
        }
        let mut definition = set.definition.clone();
        definition.id = self.next_set;
        self.next_set = self.next_set.wrapping_add(1);
        for (index, data_type, unit) in others {
            definition.tags[index].data_type = data_type;
            definition.tags[index].unit = (&*unit).into();
        }
        self.sets[group] = Arc::new(TagSet::new(definition));
    }
}

impl Iterator for Past {
    type Item = Result<SampleBatch, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let batch = self.batch().transpose();
        self.failed = matches!(batch, Some(Err(_)));
        batch
    }
}

impl Track {
    fn time(&mut self) -> Result<Option<i64>, String> {
        loop {
            if let Some(time) = self.piece.as_ref().and_then(|piece| piece.times.get(self.at)) {
                return Ok(Some(*time));
            }
            match self.pieces.next() {
                None => return Ok(None),
                Some(piece) => (self.piece, self.at, self.fresh) = (Some(piece?), 0, true),
            }
        }
    }
}

fn made<'a>(
    set: &Arc<TagSet>,
    unix_ns: i64,
    tracks: impl Iterator<Item = &'a Track>,
) -> SampleBatch {
    let (mut indices, mut qualities, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let mut columns = Columns::default();
    for Track { index, piece, at, .. } in tracks {
        let Some(piece) = piece else { continue };
        indices.push(*index as u32);
        qualities.push(piece.quality(*at));
        times.extend(piece.source_time(*at));
        columns.push(piece.values.get(*at));
    }
    let count = indices.len();
    batch(set, unix_ns, (indices, qualities), columns, (times.len() == count).then_some(times))
}

/// A batch of these samples of a set.
pub fn batch(
    set: &Arc<TagSet>,
    unix_ns: i64,
    (indices, qualities): (Vec<u32>, Vec<Quality>),
    columns: Columns,
    times: Option<Vec<i64>>,
) -> SampleBatch {
    let expected = indices.len() as u32;
    let same = qualities.windows(2).all(|pair| pair[0] == pair[1]);
    SampleBatch {
        rows: if indices.len() == set.len() { Rows::All } else { Rows::Some(indices) },
        set: set.clone(),
        moment_ns: 0,
        unix_ns,
        source_times: match times {
            None => SourceTimes::None,
            Some(times) => SourceTimes::Each(times),
        },
        qualities: match qualities.first() {
            Some(one) if same => Qualities::One(*one),
            _ => Qualities::Each(qualities),
        },
        columns,
        expected,
        suppressed: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_historian::Values;
    use tagwerk_model::DataType;

    fn tag(id: u32, device: &str, group: &str) -> TagInfo {
        TagInfo {
            id: TagId(id),
            device: device.into(),
            group: group.into(),
            name: format!("t{id}").into(),
            data_type: DataType::Int64,
            unit: "".into(),
        }
    }

    fn piece(tag: TagId, data_type: DataType, samples: &[(i64, i64)]) -> Result<Piece, String> {
        let times = samples.iter().map(|(time, _)| *time).collect();
        let numbers = samples.iter().map(|(_, value)| *value);
        let values = match data_type {
            DataType::Int64 => Values::I64(numbers.collect()),
            _ => Values::F64(numbers.map(|number| number as f64).collect()),
        };
        Ok(Piece::new(tag, data_type, "".into(), times, values))
    }

    /// Device, time, and the samples as `tag=value`.
    fn shown(batch: &SampleBatch) -> String {
        let samples = batch.samples().map(|sample| {
            let tag = &batch.set.tags()[sample.index];
            let value = sample.value.map(|value| value.to_text(tag.data_type));
            format!("{}={}", tag.name, value.unwrap_or_default())
        });
        let samples: Vec<String> = samples.collect();
        format!("{} {} {}", batch.unix_ns, batch.set.device(), samples.join(" "))
    }

    #[test]
    fn what_was_read_together_is_together_again() {
        let tags = vec![tag(4, "b", "g"), tag(1, "a", "g"), tag(2, "a", "g"), tag(3, "a", "h")];
        let open = |tag: TagId| -> Pieces {
            use DataType::{Float64, Int64};
            let pieces = match tag.0 {
                1 => vec![
                    piece(tag, Int64, &[(1, 10), (2, 11), (2, 12)]),
                    piece(tag, Int64, &[(5, 13)]),
                ],
                2 => vec![piece(tag, Float64, &[(1, 20)]), piece(tag, Int64, &[(2, 21)])],
                3 => vec![piece(tag, Int64, &[(2, 30)])],
                _ => vec![piece(tag, Int64, &[(1, 40), (4, 41)]), Err("damaged".to_owned())],
            };
            Box::new(pieces.into_iter())
        };
        let mut past = Past::open(tags, &open).unwrap();
        let mut all: Vec<String> = Vec::new();
        let error = loop {
            match past.next() {
                Some(Ok(batch)) => all.push(shown(&batch)),
                Some(Err(error)) => break error,
                None => panic!("it does not tell of the damage: {all:?}"),
            }
        };
        let expected =
            ["1 a t1=10 t2=20.0", "1 b t4=40", "2 a t1=11 t2=21", "2 a t1=12", "2 a t3=30"];
        assert_eq!(all, expected);
        assert_eq!(error, "damaged");
        assert!(past.next().is_none());
    }
}
