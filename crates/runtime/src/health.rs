//! How the edge fares, for a driver that shows it as tags.

use crate::Core;
use crate::live::Now;
use crate::sink::SinkLive;
use crate::view::{DeviceState, SinkState};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use tagwerk_component::{Health, HealthFigures, SinkHealth};
use tagwerk_journal::Stream;

pub(crate) struct OwnHealth {
    core: Weak<Core>,
    /// As they were when a configuration was not just being applied.
    sinks: Mutex<Vec<Arc<SinkLive>>>,
}

impl OwnHealth {
    pub fn of(core: &Arc<Core>) -> OwnHealth {
        OwnHealth { core: Arc::downgrade(core), sinks: Mutex::default() }
    }
}

impl Health for OwnHealth {
    fn figures(&self) -> Option<HealthFigures> {
        let core = self.core.upgrade()?;
        let mut sinks = self.sinks.lock();
        // Whoever applies a configuration may wait for the link that asks.
        if let Some(running) = core.running.try_lock() {
            *sinks = running.sinks();
        }
        let (now, end) = (Now::of(&*core.env.clock), core.journal.end(Stream::Samples));
        let views = sinks.iter().map(|sink| sink.view(now, end));
        let sinks = views.filter(|view| view.state != SinkState::Disabled).map(|view| SinkHealth {
            connected: view.state == SinkState::Connected,
            name: view.name,
            backlog: view.backlog_samples,
            rejected: view.rejected_messages,
        });
        let devices = core.live.devices();
        let states = devices.iter().map(|device| device.status.lock().state);
        let lost = |state: &DeviceState| {
            matches!(state, DeviceState::Offline | DeviceState::Silent | DeviceState::Failed)
        };
        Some(HealthFigures {
            devices_lost: states.filter(lost).count() as u64,
            sinks: sinks.collect(),
        })
    }
}
