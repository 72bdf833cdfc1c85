//! What the devices of a link subscribe to: one subscription for each filter, whoever wants it, and who
//! is meant by a message.

use crate::Group;
use crate::filter::Filter;
use crate::inbox::Arrived;
use std::collections::BTreeMap;
use tagwerk_component::{Watch, WatchId};
use tagwerk_mqtt::{Subscription, quality_of_service};

/// Largest identifier of a subscription (MQTT 5, section 3.8.2.1.2).
const IDENTIFIER_MAX: u32 = 268_435_455;

#[derive(Default)]
pub struct Subscriptions(BTreeMap<Filter, Subscribed>);

struct Subscribed {
    identifier: u32,
    qos: u8,
    retained: bool,
    /// Why the broker refuses it.
    denied: Option<String>,
    watchers: Vec<WatchId>,
    /// For whom it was last asked, and so who is meant by messages that the broker had kept.
    fresh: Vec<WatchId>,
}

/// What to tell the broker.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub subscribe: Vec<Filter>,
    pub unsubscribe: Vec<Filter>,
}

impl Subscriptions {
    /// Takes over who watches.
    pub fn update(&mut self, watches: &[Watch]) -> Change {
        let mut wanted: BTreeMap<Filter, Subscribed> = BTreeMap::new();
        for watch in watches {
            let shape = &watch.token.get::<Group>().shape;
            for filter in &shape.filters {
                let entry = wanted.entry(filter.clone()).or_insert_with(|| Subscribed {
                    identifier: identifier(filter),
                    qos: 0,
                    retained: false,
                    denied: None,
                    watchers: Vec::new(),
                    fresh: Vec::new(),
                });
                entry.qos = entry.qos.max(shape.qos);
                entry.retained |= shape.retained;
                entry.watchers.push(watch.id);
                if shape.retained {
                    entry.fresh.push(watch.id);
                }
            }
        }
        let gone = self.0.keys().filter(|filter| !wanted.contains_key(*filter));
        let unsubscribe = gone.cloned().collect();
        let mut subscribe = Vec::new();
        for (filter, entry) in &mut wanted {
            match self.0.get(filter) {
                Some(known) if known.serves(entry) => entry.fresh.clone_from(&known.fresh),
                Some(known) => {
                    // What the broker has kept is news to the new ones alone.
                    entry.fresh.retain(|id| !known.watchers.contains(id));
                    subscribe.push(filter.clone());
                }
                None => subscribe.push(filter.clone()),
            }
        }
        self.0 = wanted;
        Change { subscribe, unsubscribe }
    }

    /// As it is asked for; `None` when nobody wants the filter.
    pub fn wanted<'a>(&self, filter: &'a Filter) -> Option<Subscription<'a>> {
        self.0.get(filter).map(|entry| Subscription {
            filter: filter.as_str(),
            qos: quality_of_service(entry.qos),
            retained: entry.retained,
            identifier: Some(entry.identifier),
        })
    }

    pub fn contains(&self, filter: &Filter) -> bool {
        self.0.get(filter).is_some_and(|entry| entry.denied.is_none())
    }

    /// What the broker says to a subscription; whether it grants one that it had refused.
    pub fn answered(&mut self, filter: &Filter, outcome: Result<(), String>) -> bool {
        let Some(entry) = self.0.get_mut(filter) else { return false };
        let was_denied = entry.denied.is_some();
        entry.denied = outcome.err();
        was_denied && entry.denied.is_none()
    }

    pub fn denied(&self) -> impl Iterator<Item = &Filter> {
        self.0.iter().filter(|(_, entry)| entry.denied.is_some()).map(|(filter, _)| filter)
    }

    /// Why a group gets nothing of one of its filters, and whether it gets nothing at all.
    pub fn refusal(&self, watch: &Watch) -> Option<(String, bool)> {
        let filters = &watch.token.get::<Group>().shape.filters;
        let denied = |filter| self.0.get(filter).and_then(|entry| entry.denied.clone());
        let reasons: Vec<String> = filters.iter().filter_map(denied).collect();
        let all = reasons.len() == filters.len();
        (!reasons.is_empty()).then(|| (reasons.join("; "), all))
    }

    /// Whether a group is meant by a message.
    pub fn means(&self, arrived: &Arrived, watch: &Watch) -> bool {
        let shape = &watch.token.get::<Group>().shape;
        shape.filters.iter().any(|filter| {
            let Some(entry) = self.0.get(filter) else { return false };
            let watchers = if arrived.retain { &entry.fresh } else { &entry.watchers };
            // The broker says for which subscriptions it sends the message; where filters overlap it
            // may send one for each.
            let ids = &arrived.subscriptions;
            (ids.is_empty() || ids.contains(&entry.identifier))
                && watchers.contains(&watch.id)
                && filter.fits(&arrived.topic)
        })
    }
}

impl Subscribed {
    /// Whether nothing has to be asked for the sake of another set of watchers.
    fn serves(&self, other: &Subscribed) -> bool {
        let known = other.fresh.iter().all(|id| self.watchers.contains(id));
        self.denied.is_none() && known && (self.qos, self.retained) == (other.qos, other.retained)
    }
}

/// The same for the same filter at all times: a kept session holds messages with identifiers of an
/// earlier connection. FNV-1a.
pub fn identifier(filter: &Filter) -> u32 {
    let hash = filter
        .as_str()
        .bytes()
        .fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % IDENTIFIER_MAX + 1
}
