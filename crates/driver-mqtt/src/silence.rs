//! Groups of devices that have not sent for too long.

use crate::Group;
use std::time::Duration;
use tagwerk_component::{Report, Watch, WatchId};
use tagwerk_env::Moment;
use tagwerk_model::Quality;

/// Of one watched group.
pub struct Silence {
    after: Option<Duration>,
    heard: Moment,
    told: bool,
}

impl Silence {
    pub fn new(group: &Group, now: Moment) -> Silence {
        Silence { after: group.shape.silent_after, heard: now, told: false }
    }

    pub fn heard(&mut self, now: Moment) {
        self.heard = now;
        self.told = false;
    }

    /// When it is to be told that nothing has come.
    pub fn due(&self) -> Option<Moment> {
        self.after.filter(|_| !self.told).map(|after| self.heard.after(after))
    }

    /// Every tag bad, once, when that is due.
    pub fn tell(&mut self, watch: &Watch, now: Moment, out: &mut Vec<Report>) {
        if self.due().is_some_and(|due| due <= now) {
            self.told = true;
            bad(watch.id, watch.token.get(), Quality::BAD_TIMEOUT, out);
        }
    }
}

/// Every tag of a group with this quality.
pub fn bad(watch: WatchId, group: &Group, quality: Quality, out: &mut Vec<Report>) {
    out.extend(group.points.iter().map(|point| Report {
        watch,
        tag: point.index,
        value: None,
        quality,
        source_time: None,
        past: false,
    }));
}
