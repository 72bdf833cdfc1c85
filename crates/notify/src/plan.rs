//! Who is to be told of what, as a configuration says it.

use crate::quiet::{Quiet, Zone};
use std::collections::HashMap;
use std::sync::Arc;
use tagwerk_alarms::alarm::Priority;
use tagwerk_component::ChannelPlan;

/// Whether a route is for the alarm of this name on a device and tag.
pub type Chooses = Arc<dyn Fn(&str, &str, &str) -> bool + Send + Sync>;

#[derive(Clone)]
pub struct Plan {
    pub edge: Arc<str>,
    pub zone: Zone,
    /// Where people reach the console.
    pub public_url: Option<Box<str>>,
    pub channels: Vec<ChannelOf>,
    pub routes: Vec<Route>,
    /// What to do about alarms, by their names.
    pub responses: HashMap<Box<str>, Box<str>>,
}

#[derive(Clone)]
pub struct ChannelOf {
    pub name: Box<str>,
    pub kind: &'static str,
    pub description: Option<Box<str>>,
    pub plan: ChannelPlan,
}

/// Which alarms are told to whom.
#[derive(Clone)]
pub struct Route {
    pub name: Box<str>,
    pub description: Option<Box<str>>,
    pub chooses: Chooses,
    pub priority_min: Priority,
    /// One at least, each later than the one before.
    pub levels: Vec<Level>,
    /// Those who were told are told again, until somebody acknowledges it.
    pub repeat_ns: Option<i64>,
    /// That it is over is told too.
    pub cleared: bool,
    /// That somebody acknowledged it is told too.
    pub acknowledged: bool,
    pub quiet: Vec<Quiet>,
    pub messages_per_hour_max: u32,
}

/// Who is told once nobody has acknowledged an alarm for so long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    pub after_ns: i64,
    /// Names of channels.
    pub to: Vec<Box<str>>,
}

impl Plan {
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| &*route.name == name)
    }

    pub fn channel(&self, name: &str) -> Option<&ChannelOf> {
        self.channels.iter().find(|channel| &*channel.name == name)
    }
}

impl Route {
    pub fn is_for(&self, alarm: &str, device: &str, tag: &str, priority: Priority) -> bool {
        priority >= self.priority_min && (self.chooses)(alarm, device, tag)
    }

    /// When the alarm is told first, counted from when it was raised.
    pub fn first_after_ns(&self) -> i64 {
        self.levels.first().map_or(0, |level| level.after_ns)
    }

    /// Channels of the first levels, each once.
    pub fn channels(&self, levels: usize) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.levels.iter().take(levels).flat_map(|level| &level.to) {
            if !names.contains(&&**name) {
                names.push(name);
            }
        }
        names
    }
}
