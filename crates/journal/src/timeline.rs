//! What is known of each boot's wall clock, and the wall time of a monotonic moment seen from now.
//! A late time sync re-stamps what came before it in the same boot.

use crate::frame::Fields;
use std::time::Duration;
use tagwerk_env::{Moment, WallTime};

const POINTS_MAX: usize = 4096;
/// Offsets closer than this say nothing new.
pub(crate) const OFFSET_STEP_NS: i64 = 10_000_000;

pub(crate) type BootId = [u8; 16];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    moment: u64,
    /// Wall minus monotonic.
    offset_ns: i64,
    synchronised: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// Oldest boot first.
    boots: Vec<(BootId, Vec<Point>)>,
    points: usize,
}

impl Timeline {
    /// Returns whether it says something new.
    pub fn add(&mut self, boot: BootId, moment: Moment, wall: WallTime) -> bool {
        let point = Point {
            moment: moment.0,
            offset_ns: wall.unix_ns.saturating_sub_unsigned(moment.0),
            synchronised: wall.synchronised,
        };
        let index = match self.boots.iter().position(|(id, _)| *id == boot) {
            Some(index) => index,
            None => {
                self.boots.push((boot, Vec::new()));
                self.boots.len() - 1
            }
        };
        let points = &mut self.boots[index].1;
        let at = points.partition_point(|known| known.moment <= point.moment);
        let same = |known: &Point| {
            known.synchronised == point.synchronised
                && known.offset_ns.abs_diff(point.offset_ns) <= OFFSET_STEP_NS as u64
        };
        if at > 0 && (same(&points[at - 1]) || points[at - 1].moment == point.moment) {
            return false;
        }
        points.insert(at, point);
        self.points += 1;
        while self.points > POINTS_MAX {
            self.forget_oldest();
        }
        true
    }

    fn forget_oldest(&mut self) {
        self.points -= 1;
        if self.boots.len() > 1 && self.boots[0].1.len() == 1 {
            self.boots.remove(0);
        } else {
            self.boots[0].1.remove(0);
        }
    }

    pub fn resolve(&self, boot: &BootId, moment: Moment) -> Option<WallTime> {
        let points = self.points_of(boot)?;
        let at = points.partition_point(|point| point.moment <= moment.0);
        let before = points[..at].iter().rev().find(|point| point.synchronised);
        let after = || points[at..].iter().find(|point| point.synchronised);
        let point = before.or_else(after).or(points.last())?;
        Some(WallTime {
            unix_ns: point.offset_ns.saturating_add_unsigned(moment.0),
            synchronised: point.synchronised,
        })
    }

    /// The least and the greatest wall time that moments of `from..=to` can resolve to.
    pub fn bounds(&self, boot: &BootId, from: Moment, to: Moment) -> Option<(i64, i64)> {
        let points = self.points_of(boot)?;
        let any = points.iter().any(|point| point.synchronised);
        let offsets =
            points.iter().filter(|point| point.synchronised || !any).map(|point| point.offset_ns);
        let (least, most) = (offsets.clone().min()?, offsets.max()?);
        Some((least.saturating_add_unsigned(from.0), most.saturating_add_unsigned(to.0)))
    }

    /// The least time since `moment` of `boot`, seen at `now` of the boot `here`. What the wall clocks say
    /// counts in the least harmful way: of all offsets those that make it youngest.
    pub fn age(&self, boot: &BootId, moment: Moment, here: &BootId, now: Moment) -> Duration {
        if boot == here {
            return now.since(moment);
        }
        // This boot alone has lasted for so long.
        let least = now.since(Moment(0));
        let then = self.bounds(boot, moment, moment).filter(|_| self.is_synchronised(boot));
        let seen = self.bounds(here, now, now).filter(|_| self.is_synchronised(here));
        let (Some((_, then)), Some((seen, _))) = (then, seen) else { return least };
        least.max(Duration::from_nanos(seen.saturating_sub(then).max(0) as u64))
    }

    fn is_synchronised(&self, boot: &BootId) -> bool {
        self.points_of(boot).is_some_and(|points| points.iter().any(|point| point.synchronised))
    }

    fn points_of(&self, boot: &BootId) -> Option<&[Point]> {
        self.boots.iter().rev().find(|(id, _)| id == boot).map(|(_, points)| points.as_slice())
    }

    pub fn encoded_bytes(&self) -> usize {
        4 + self.points * 33
    }

    pub fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&(self.points as u32).to_le_bytes());
        for (boot, points) in &self.boots {
            for point in points {
                bytes.extend_from_slice(boot);
                bytes.extend_from_slice(&point.moment.to_le_bytes());
                bytes.extend_from_slice(&point.offset_ns.to_le_bytes());
                bytes.push(point.synchronised as u8);
            }
        }
    }

    pub fn decode_into(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        for _ in 0..fields.u32()? {
            let boot = fields.boot()?;
            let moment = fields.u64()?;
            let unix_ns = fields.i64()?.saturating_add_unsigned(moment);
            let synchronised = fields.u8()? != 0;
            self.add(boot, Moment(moment), WallTime { unix_ns, synchronised });
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: BootId = [1; 16];
    const S: i64 = 1_000_000_000;

    fn check(points: &[(u64, i64, bool)], moment: u64, expected: (i64, bool)) {
        let mut timeline = Timeline::default();
        for &(at, unix, synchronised) in points {
            let wall = WallTime { unix_ns: unix * S, synchronised };
            timeline.add(BOOT, Moment(at * S as u64), wall);
        }
        let wall = timeline.resolve(&BOOT, Moment(moment * S as u64)).unwrap();
        assert_eq!((wall.unix_ns / S, wall.synchronised), expected, "{points:?} at {moment}");
        let mut bytes = Vec::new();
        timeline.encode(&mut bytes);
        assert_eq!(bytes.len(), timeline.encoded_bytes());
        let mut again = Timeline::default();
        again.decode_into(&mut Fields(&bytes)).unwrap();
        assert_eq!(again.boots, timeline.boots);
    }

    #[test]
    fn resolves_by_the_offset_that_can_be_trusted() {
        // Never synchronised: the latest known offset.
        check(&[(10, 100, false)], 15, (105, false));
        check(&[(10, 100, false), (20, 5000, false)], 15, (4995, false));
        // Late sync re-stamps what came before.
        check(&[(10, 100, false), (20, 5000, true)], 15, (4995, true));
        // The latest synchronised offset at or before wins over later ones.
        check(&[(10, 1000, true), (20, 5000, true)], 15, (1005, true));
        check(&[(10, 1000, true), (20, 5000, true)], 20, (5000, true));
        // Sync lost and the clock stepped: the clock runs on from the last good offset.
        check(&[(10, 1000, true), (20, 5, false)], 30, (1020, true));
    }
}
