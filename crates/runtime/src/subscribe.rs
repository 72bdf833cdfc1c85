//! Live changes for those who watch: gathered for a moment, so that a fast plant does not drown a
//! browser.

use crate::Core;
use crate::live::{GroupLive, Now};
use crate::view::TagView;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_env::Moment;
use tokio::sync::watch;

/// Changes are handed over at most this often.
const EVERY: Duration = Duration::from_millis(250);

/// Which tags to watch.
#[derive(Clone, Debug, Default)]
pub struct LiveFilter {
    /// All tags of this device.
    pub device: Option<String>,
    /// `(device, tag)`; empty for all.
    pub tags: Vec<(String, String)>,
}

/// What changed since the last update.
#[derive(Default)]
pub struct LiveUpdate {
    pub tags: Vec<TagView>,
    /// Groups that were read again, as device, group and time: their unchanged values are fresh.
    pub reads: Vec<(Arc<str>, Arc<str>, i64)>,
}

/// Yields a full picture first, then changes.
pub struct LiveReceiver {
    core: Arc<Core>,
    filter: LiveFilter,
    updates: watch::Receiver<u64>,
    seen: Vec<Seen>,
    next_at: Moment,
    first: bool,
}

struct Seen {
    group: Arc<GroupLive>,
    generation: u64,
    changed: Moment,
}

impl LiveReceiver {
    pub(crate) fn new(core: Arc<Core>, filter: LiveFilter) -> LiveReceiver {
        let updates = core.live.updates.subscribe();
        let next_at = core.env.clock.now();
        LiveReceiver { core, filter, updates, seen: Vec::new(), next_at, first: true }
    }

    /// Waits for something to tell. Cancel safe.
    pub async fn next(&mut self) -> LiveUpdate {
        loop {
            self.core.env.clock.sleep_until(self.next_at).await;
            self.updates.borrow_and_update();
            let update = self.collect();
            let news = self.first || !update.tags.is_empty() || !update.reads.is_empty();
            self.next_at = self.core.env.clock.now().after(EVERY);
            if news {
                self.first = false;
                return update;
            }
            if self.updates.changed().await.is_err() {
                // The runtime has ended: nothing will ever change again.
                std::future::pending::<()>().await;
            }
        }
    }

    fn collect(&mut self) -> LiveUpdate {
        let now = Now::of(self.core.env.clock.as_ref());
        let mut update = LiveUpdate::default();
        let groups = self.core.live.groups(self.filter.device.as_deref());
        let before = std::mem::take(&mut self.seen);
        for (place, group) in groups.into_iter().enumerate() {
            // Mostly nothing comes or goes: each is where it was, of many thousands.
            let is_it = |seen: &&Seen| Arc::ptr_eq(&seen.group, &group);
            let known = before.get(place).filter(is_it).or_else(|| before.iter().find(is_it));
            let (generation, changed) =
                known.map_or((0, None), |seen| (seen.generation, Some(seen.changed)));
            let current = group.generation();
            let mut newest = changed.unwrap_or(Moment(0));
            if current != generation {
                newest = self.collect_group(&group, changed, now, &mut update);
            }
            self.seen.push(Seen { group, generation: current, changed: newest });
        }
        update
    }

    fn collect_group(
        &self,
        group: &Arc<GroupLive>,
        changed: Option<Moment>,
        now: Now,
        update: &mut LiveUpdate,
    ) -> Moment {
        let device = group.set.device();
        let wanted = |index: usize| {
            let tag = &*group.tags[index].name;
            self.filter.tags.is_empty()
                || self.filter.tags.iter().any(|(d, t)| d == device && t == tag)
        };
        match changed {
            None => update.tags.extend(
                (0..group.set.len()).filter(|i| wanted(*i)).map(|i| group.tag_view(i, now)),
            ),
            Some(since) => group.changed_after(since, |index| {
                if wanted(index) {
                    update.tags.push(group.tag_view(index, now));
                }
            }),
        }
        if (0..group.set.len()).any(wanted)
            && let Some(read) = group.last_read()
        {
            update.reads.push((Arc::from(device), group.name.clone(), now.unix(read)));
        }
        group.last_changed()
    }
}
