//! When a made-up device cannot be reached, and when a value of it is in doubt.

use super::curve::hash;

const MINUTE: i64 = 60 * 1_000_000_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// One tag of so many has some minutes of doubt a day.
const DOUBTFUL: u64 = 16;

/// The outages of one device, in the order of time.
pub struct Outages(Vec<(i64, i64)>);

impl Outages {
    /// Every third day, another device of three each day; counted from the end, so that the newest
    /// day has one.
    pub fn new(device: usize, (from, to): (i64, i64)) -> Outages {
        let mut outages = Vec::new();
        let days = (to - from + DAY - 1) / DAY;
        for day in (0..days).filter(|day| (day + device as i64) % 3 == 0) {
            let chance = hash(&[device as u64, day as u64]);
            // Between two and twenty hours before the day's end, for 5 to 25 minutes.
            let begin = to - day * DAY - (120 + (chance % 1_080) as i64) * MINUTE;
            let end = begin + (5 + (chance >> 32) as i64 % 20) * MINUTE;
            if begin > from {
                outages.push((begin, end));
            }
        }
        outages.reverse();
        Outages(outages)
    }

    /// The outage in which this time lies.
    pub fn at(&self, time: i64) -> Option<(i64, i64)> {
        let before = self.0.partition_point(|(begin, _)| *begin <= time);
        before.checked_sub(1).map(|last| self.0[last]).filter(|(_, end)| time < *end)
    }

    /// When the next one begins.
    pub fn next(&self, time: i64) -> Option<i64> {
        self.0.get(self.0.partition_point(|(begin, _)| *begin <= time)).map(|(begin, _)| *begin)
    }
}

/// Whether a tag's sensor is in doubt at this time: a quarter of an hour each day, for some tags.
pub fn doubtful(seed: u64, time: i64) -> bool {
    seed.is_multiple_of(DOUBTFUL)
        && (time / MINUTE).rem_euclid(24 * 60) / 15 == (seed >> 32) as i64 % 96
}
