//! A tag's recent past, straight from the journal, thinned for a chart without losing its extremes.

use crate::Core;
use crate::view::{LookBack, LookBackSample};
use std::ops::ControlFlow;
use tagwerk_model::{Quality, codec, limits};

/// Blocks looked at for one answer. More: the answer begins later, and says so.
const BLOCKS_MAX: usize = 500_000;

/// Blocking: reads segments from disk.
pub(crate) fn look_back(
    core: &Core,
    device: &str,
    tag: &str,
    from_unix_ns: i64,
    to_unix_ns: i64,
    points: usize,
) -> Option<LookBack> {
    let (group, index) = core.live.find(device, tag)?;
    let id = group.set.tags()[index].id;
    let mut samples = Vec::new();
    let mut blocks = 0;
    core.journal.look_back(id.0, from_unix_ns, to_unix_ns, &mut |block| {
        blocks += 1;
        let batch = core.sets.get(&block.set).and_then(|set| {
            codec::decode_batch(set, &block.payload, block.moment.0, block.unix_ns)
        });
        // A block that cannot be decoded is reported by the readers that deliver; a chart goes on.
        if let Ok(batch) = batch {
            let position = batch.set.tags().iter().position(|t| t.id == id);
            let found = position.and_then(|p| batch.samples().find(|s| s.index == p));
            if let Some(sample) = found {
                samples.push(LookBackSample {
                    unix_ns: block.unix_ns,
                    value: sample.value.map(|v| v.to_value()),
                    quality: sample.quality,
                });
            }
        }
        if blocks < BLOCKS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let points = points.clamp(10, limits::LOOK_BACK_POINTS_MAX);
    let all = samples.len();
    let samples = thin(samples, from_unix_ns, to_unix_ns, points);
    Some(LookBack { thinned: samples.len() < all, complete_from_unix_ns: oldest(core), samples })
}

fn oldest(core: &Core) -> Option<i64> {
    let from = core.journal.oldest(tagwerk_journal::Stream::Samples);
    let mut reader =
        core.journal.reader(tagwerk_journal::Stream::Samples, from, Default::default());
    match reader.try_next()? {
        tagwerk_journal::Item::Block(block) => Some(block.unix_ns),
        _ => None,
    }
}

/// Of each slice of time the first, the smallest, the largest and the last sample, and every change
/// of quality.
fn thin(samples: Vec<LookBackSample>, from: i64, to: i64, points: usize) -> Vec<LookBackSample> {
    if samples.len() <= points {
        return samples;
    }
    let slices = (points / 4).max(1) as i128;
    let width = ((i128::from(to) - i128::from(from)) / slices).max(1);
    let slice_of = |s: &LookBackSample| (i128::from(s.unix_ns) - i128::from(from)) / width;
    let mut kept = Vec::with_capacity(points);
    for slice in samples.chunk_by(|a, b| slice_of(a) == slice_of(b)) {
        let number = |i: &usize| {
            let value = slice[*i].value.as_ref();
            value.and_then(|v| v.as_ref().as_f64()).unwrap_or(f64::NAN)
        };
        let numbers = (0..slice.len()).filter(|i| !number(i).is_nan());
        let low = numbers.clone().min_by(|a, b| number(a).total_cmp(&number(b)));
        let high = numbers.max_by(|a, b| number(a).total_cmp(&number(b)));
        let mut wanted = vec![0, slice.len() - 1];
        wanted.extend(low);
        wanted.extend(high);
        let mut last: Option<Quality> = None;
        for (i, sample) in slice.iter().enumerate() {
            if last.is_some_and(|q| q.severity() != sample.quality.severity()) {
                wanted.push(i);
            }
            last = Some(sample.quality);
        }
        wanted.sort_unstable();
        wanted.dedup();
        kept.extend(wanted.into_iter().map(|i| slice[i].clone()));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_model::Value;

    #[test]
    fn thinning_keeps_extremes_and_changes_of_quality() {
        let samples: Vec<LookBackSample> = (0..10_000)
            .map(|i| LookBackSample {
                unix_ns: i,
                value: (i != 7_000).then_some(Value::F64(if i == 4_321 { 99.0 } else { 1.0 })),
                quality: if i == 7_000 { Quality::BAD_TIMEOUT } else { Quality::GOOD },
            })
            .collect();
        let kept = thin(samples, 0, 10_000, 100);
        assert!(kept.len() < 150, "{}", kept.len());
        assert!(kept.iter().any(|s| s.unix_ns == 4_321));
        assert!(kept.iter().any(|s| s.unix_ns == 7_000));
        assert!(kept.windows(2).all(|w| w[0].unix_ns < w[1].unix_ns));
    }
}
