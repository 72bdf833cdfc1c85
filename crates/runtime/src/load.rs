//! How busy a device is kept.

use crate::view::Load;
use std::time::Duration;
use tagwerk_env::Moment;

/// Over how long the load of a device is counted.
const LOAD_SPAN: Duration = Duration::from_secs(5);

/// What a device is asked, over the last complete span.
#[derive(Default)]
pub(crate) struct LoadMeter {
    started: Option<Moment>,
    requests: u32,
    busy: Duration,
    last: Option<(Moment, Load)>,
}

impl LoadMeter {
    pub fn add(&mut self, from: Moment, to: Moment) {
        let started = *self.started.get_or_insert(from);
        self.requests += 1;
        self.busy += to.since(from);
        let span = to.since(started);
        if span >= LOAD_SPAN {
            let load = Load {
                requests_per_second: f64::from(self.requests) / span.as_secs_f64(),
                link_share: (self.busy.as_secs_f64() / span.as_secs_f64()).min(1.0),
            };
            *self = LoadMeter { started: Some(to), last: Some((to, load)), ..LoadMeter::default() };
        }
    }

    /// Nothing, when nothing was asked for long.
    pub fn view(&self, now: Moment) -> Load {
        let fresh = |at: &Moment| now.since(*at) < LOAD_SPAN * 2;
        self.last.filter(|(at, _)| fresh(at)).map(|(_, load)| load).unwrap_or_default()
    }
}
