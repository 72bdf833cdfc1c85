//! Watched groups: one subscription for each publishing interval, monitored items in it, and items
//! that the server does not have (yet).

use crate::connection::{Answer, decode};
use crate::operation_limits::halve;
use crate::session::{OpcSession, Pending, fault};
use crate::{Group, Point, convert};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{Fault, Report, Unwatched, Watch, WatchId};
use tagwerk_env::Moment;
use tagwerk_model::{Quality, limits};
use tagwerk_proto_opcua::service::{
    self, Acknowledgement, CreatedItem, Item, Subscription, SubscriptionRequest, id,
};
use tagwerk_proto_opcua::{NodeId, Status};

/// Values in one notification: an answer of some tens of kilobytes. A server whose own messages may
/// not be larger than its answer says so only when the answer fails.
const NOTIFICATIONS_MAX: u32 = 1_000;
/// How long the server keeps a subscription that nobody asks about.
const LIFETIME: Duration = Duration::from_secs(60);
/// Missing nodes that are named in the communication log at once.
const NAMED_MAX: usize = 20;

#[derive(Default)]
pub struct Watching {
    watches: HashMap<WatchId, Watched>,
    /// By client handle, which is never used twice.
    pub items: HashMap<u32, WatchedItem>,
    /// By publishing interval in nanoseconds.
    pub subscriptions: HashMap<u64, Subscribed>,
    next_handle: u32,
    pub acknowledgements: Vec<Acknowledgement>,
    pub publishing: usize,
    pub publishing_max: Option<usize>,
    missing: BTreeSet<u32>,
    retry_at: Option<Moment>,
}

struct Watched {
    group: Arc<Group>,
    handles: Vec<u32>,
    subscription: u64,
}

pub struct WatchedItem {
    pub watch: WatchId,
    pub group: Arc<Group>,
    /// In the group's points.
    place: u32,
    subscription: u64,
    /// As the server counts it; `None` while it has no such item.
    server_id: Option<u32>,
    /// That it is missing or cannot be converted was said.
    pub told: bool,
    without_deadband: bool,
}

impl WatchedItem {
    pub fn point(&self) -> &Point {
        &self.group.points[self.place as usize]
    }
}

pub struct Subscribed {
    pub id: u32,
    interval: Duration,
    /// Silence after which something is wrong.
    patience: Duration,
    pub heard: Moment,
    pub next_sequence: u32,
    items: usize,
}

impl Watching {
    pub fn wake_at(&self) -> Option<Moment> {
        let patience = self.subscriptions.values().map(|s| s.heard.after(s.patience)).min();
        [self.retry_at, patience].into_iter().flatten().min()
    }
}

impl OpcSession {
    pub async fn watch_only(&mut self, watches: &[Watch]) -> Result<Vec<Unwatched>, Fault> {
        let wanted: HashSet<WatchId> = watches.iter().map(|watch| watch.id).collect();
        let gone: Vec<WatchId> =
            self.watching.watches.keys().filter(|id| !wanted.contains(id)).copied().collect();
        self.unwatch(&gone).await?;
        let mut refused = Vec::new();
        for watch in watches {
            if self.watching.watches.contains_key(&watch.id) {
                continue;
            }
            if let Err(reason) = self.watch_one(watch).await? {
                self.note(|| format!("`{}` cannot be watched: {reason}", watch.group));
                self.unwatch(&[watch.id]).await?;
                refused.push(Unwatched { id: watch.id, reason });
            }
        }
        self.name_missing();
        self.publish_more();
        Ok(refused)
    }

    async fn watch_one(&mut self, watch: &Watch) -> Result<Result<(), String>, Fault> {
        let group: &Arc<Group> = watch.token.get();
        let group = group.clone();
        let interval = group.settings.publishing_interval.map_or(watch.interval, |set| set.0);
        let key = interval.as_nanos() as u64;
        if !self.watching.subscriptions.contains_key(&key)
            && let Err(status) = self.subscribe(key, interval).await?
        {
            return Ok(Err(format!("the server gives no subscription: {status}")));
        }
        let watching = &mut self.watching;
        let first = watching.next_handle;
        let handles: Vec<u32> =
            (0..group.points.len() as u32).map(|place| first.wrapping_add(place)).collect();
        watching.next_handle = first.wrapping_add(handles.len() as u32);
        for (place, handle) in handles.iter().enumerate() {
            let item = WatchedItem {
                watch: watch.id,
                group: group.clone(),
                place: place as u32,
                subscription: key,
                server_id: None,
                told: false,
                without_deadband: false,
            };
            watching.items.insert(*handle, item);
        }
        if let Some(subscription) = watching.subscriptions.get_mut(&key) {
            subscription.items += handles.len();
        }
        let watched = Watched { group: group.clone(), handles: handles.clone(), subscription: key };
        watching.watches.insert(watch.id, watched);
        if let Err(status) = self.create(key, handles.clone()).await? {
            return Ok(Err(format!("the server takes no more items: {status}")));
        }
        if let Some(known_to) = watch.known_to.filter(|_| group.settings.history) {
            let there = |handle: &u32| {
                self.watching.items.get(handle).is_some_and(|item| item.server_id.is_some())
            };
            let handles: Vec<u32> = handles.into_iter().filter(there).collect();
            self.history.want(&handles, known_to);
        }
        Ok(Ok(()))
    }

    /// The subscription of an interval.
    async fn subscribe(
        &mut self,
        key: u64,
        interval: Duration,
    ) -> Result<Result<(), Status>, Fault> {
        let cycles = |time: Duration| {
            let cycles = time.as_nanos() / interval.as_nanos().max(1);
            u32::try_from(cycles).unwrap_or(u32::MAX).max(1)
        };
        let keep_alive_count = cycles(self.settings.keep_alive() * 4).clamp(1, 1_000);
        let request = SubscriptionRequest {
            interval_ms: interval.as_secs_f64() * 1_000.0,
            lifetime_count: cycles(LIFETIME).max(keep_alive_count.saturating_mul(3)),
            keep_alive_count,
            notifications_max: NOTIFICATIONS_MAX,
        };
        let answer = self
            .call(
                || format!("Create a subscription that sends every {} ms", request.interval_ms),
                |header, out| service::create_subscription(header, &request, out),
            )
            .await?;
        let made = match decode(answer, id::CREATE_SUBSCRIPTION, Subscription::decode)? {
            Ok(made) => made,
            Err(status) => {
                return match fault(status, "subscribing") {
                    link @ Fault::Link(_) => Err(link),
                    _ => Ok(Err(status)),
                };
            }
        };
        // A server may say anything; nothing sensible is longer than a day.
        let cycle = Duration::from_secs_f64((made.interval_ms / 1_000.0).clamp(0.001, 86_400.0));
        self.note(|| {
            format!(
                "Subscription {} sends every {} ms ({} asked), and after {} cycles without news",
                made.id, made.interval_ms, request.interval_ms, made.keep_alive_count
            )
        });
        let patience = cycle.saturating_mul(made.keep_alive_count.max(1).saturating_add(2))
            + self.connection.timeout();
        let subscribed = Subscribed {
            id: made.id,
            interval: cycle,
            patience,
            heard: self.now(),
            next_sequence: 1,
            items: 0,
        };
        self.watching.subscriptions.insert(key, subscribed);
        Ok(Ok(()))
    }

    /// Items for these handles, in as many requests as it takes. The status is for all: the server
    /// takes no more.
    async fn create(&mut self, key: u64, handles: Vec<u32>) -> Result<Result<(), Status>, Fault> {
        let mut queue = handles;
        while !queue.is_empty() {
            let count = queue.len().min(self.limits.items);
            let part: Vec<u32> = queue.drain(..count).collect();
            let (resolved, nodes) = self.resolve_items(&part);
            if resolved.is_empty() {
                continue;
            }
            let Some(subscription) = self.watching.subscriptions.get(&key).map(|s| s.id) else {
                return Ok(Ok(()));
            };
            let requested = self.requested(&resolved, &nodes);
            let answer = self
                .call(
                    || format!("Watch {} nodes, the first {}", nodes.len(), nodes[0]),
                    |header, out| {
                        let items = items(&requested, &nodes);
                        service::create_items(header, subscription, items, out);
                    },
                )
                .await?;
            match decode(answer, id::CREATE_ITEMS, service::created_items)? {
                Ok(results) => {
                    let outcome = self.created(&resolved, &results);
                    if let Some(status) = outcome.full {
                        return Ok(Err(status));
                    }
                    queue.extend(outcome.again);
                }
                Err(status)
                    if status.is_too_much()
                        && halve(&mut self.limits.items, part.len()).is_some() =>
                {
                    let limit = self.limits.items;
                    self.note(|| format!("{status}: {limit} items at once from now on"));
                    queue.splice(0..0, part);
                }
                Err(status) => {
                    return match fault(status, "watching") {
                        link @ Fault::Link(_) => Err(link),
                        _ => Ok(Err(status)),
                    };
                }
            }
        }
        Ok(Ok(()))
    }

    /// The nodes of these handles; those whose namespace the server does not have are missing.
    fn resolve_items(&mut self, handles: &[u32]) -> (Vec<u32>, Vec<NodeId>) {
        let mut resolved = (Vec::with_capacity(handles.len()), Vec::with_capacity(handles.len()));
        for handle in handles {
            let Some(item) = self.watching.items.get(handle) else { continue };
            match item.point().address.resolve(&self.namespaces) {
                Some(node_id) => {
                    resolved.0.push(*handle);
                    resolved.1.push(node_id);
                }
                None => self.absent(*handle, Status::BAD_NODE_ID_UNKNOWN),
            }
        }
        resolved
    }

    /// What is asked of each item, with all that must outlive the encoding.
    fn requested(
        &self,
        handles: &[u32],
        nodes: &[NodeId],
    ) -> Vec<(u32, Arc<Group>, u32, f64, bool)> {
        debug_assert_eq!(handles.len(), nodes.len());
        let item = |handle: &u32| {
            let item = self.watching.items.get(handle)?;
            let subscription = self.watching.subscriptions.get(&item.subscription);
            let interval = subscription.map_or(Duration::from_secs(1), |s| s.interval);
            let sampling = item.group.settings.sampling_interval.map_or(interval, |set| set.0);
            let sampling_ms = sampling.as_secs_f64() * 1_000.0;
            Some((*handle, item.group.clone(), item.place, sampling_ms, item.without_deadband))
        };
        handles.iter().filter_map(item).collect()
    }

    fn created(&mut self, handles: &[u32], results: &[CreatedItem]) -> Created {
        let mut outcome = Created { again: Vec::new(), full: None };
        let mut revised: Vec<(f64, u32)> = Vec::new();
        for (handle, result) in handles.iter().zip(results) {
            let Some(item) = self.watching.items.get_mut(handle) else { continue };
            if !result.status.is_bad() {
                item.server_id = Some(result.id);
                item.told = false;
                self.watching.missing.remove(handle);
                let rate = (result.sampling_ms, result.queue);
                if revised.len() < 4 && !revised.contains(&rate) {
                    revised.push(rate);
                }
                continue;
            }
            let filtered = item.group.settings.deadband().is_some() && !item.without_deadband;
            match result.status.code() {
                Status::BAD_TOO_MANY_MONITORED_ITEMS => outcome.full = Some(result.status),
                Status::BAD_FILTER_NOT_ALLOWED
                | Status::BAD_FILTER_UNSUPPORTED
                | Status::BAD_DEADBAND_INVALID
                    if filtered =>
                {
                    item.without_deadband = true;
                    outcome.again.push(*handle);
                }
                _ => self.absent(*handle, result.status),
            }
        }
        for (sampling_ms, queue) in revised {
            self.note(|| {
                format!("The server samples every {sampling_ms} ms into queues of {queue}")
            });
        }
        outcome
    }

    /// The server has no such node, or does not let it be watched: said once, and tried again
    /// later.
    fn absent(&mut self, handle: u32, status: Status) {
        let retry = self.now().after(limits::REFUSED_RETRY);
        let watching = &mut self.watching;
        let Some(item) = watching.items.get_mut(&handle) else { return };
        watching.missing.insert(handle);
        watching.retry_at.get_or_insert(retry);
        if std::mem::replace(&mut item.told, true) {
            return;
        }
        let quality = match status.code() {
            Status::BAD_NODE_ID_INVALID | Status::BAD_NODE_ID_UNKNOWN => {
                Quality::BAD_UNKNOWN_ADDRESS
            }
            _ => convert::quality(status),
        };
        let tag = item.point().index;
        let (watch, value, source_time) = (item.watch, None, None);
        self.reports.push(Report { watch, tag, value, quality, source_time, past: false });
    }

    fn name_missing(&self) {
        let missing = &self.watching.missing;
        if missing.is_empty() {
            return;
        }
        self.note(|| {
            let names: Vec<String> = missing
                .iter()
                .filter_map(|handle| self.watching.items.get(handle))
                .take(NAMED_MAX)
                .map(|item| item.point().address.to_string())
                .collect();
            let more = if missing.len() > names.len() { ", …" } else { "" };
            format!("{} nodes cannot be watched: {}{more}", missing.len(), names.join(", "))
        });
    }

    async fn unwatch(&mut self, ids: &[WatchId]) -> Result<(), Fault> {
        let mut by_subscription: HashMap<u64, Vec<u32>> = HashMap::new();
        for id in ids {
            let Some(watched) = self.watching.watches.remove(id) else { continue };
            debug_assert_eq!(watched.group.points.len(), watched.handles.len());
            let server_ids = by_subscription.entry(watched.subscription).or_default();
            for handle in &watched.handles {
                self.watching.missing.remove(handle);
                self.history.forget(*handle);
                let item = self.watching.items.remove(handle);
                server_ids.extend(item.and_then(|item| item.server_id));
            }
            if let Some(subscribed) = self.watching.subscriptions.get_mut(&watched.subscription) {
                subscribed.items = subscribed.items.saturating_sub(watched.handles.len());
            }
        }
        for (key, server_ids) in by_subscription {
            let Some(subscribed) = self.watching.subscriptions.get(&key) else { continue };
            let subscription = subscribed.id;
            if subscribed.items == 0 {
                self.watching.subscriptions.remove(&key);
                self.call(
                    || format!("Delete subscription {subscription}"),
                    |header, out| service::delete_subscriptions(header, &[subscription], out),
                )
                .await
                .map(drop)?;
                continue;
            }
            for part in server_ids.chunks(self.limits.items) {
                self.call(
                    || format!("Stop watching {} nodes", part.len()),
                    |header, out| service::delete_items(header, subscription, part, out),
                )
                .await
                .map(drop)?;
            }
        }
        Ok(())
    }

    /// What watching needs from time to time.
    pub fn keep_watching(&mut self, now: Moment) -> Result<(), Fault> {
        let silent =
            self.watching.subscriptions.values().find(|s| now >= s.heard.after(s.patience));
        if let Some(silent) = silent {
            let seconds = silent.patience.as_secs();
            let text = format!("subscription {} has been silent for {seconds} s", silent.id);
            return Err(Fault::Link(text));
        }
        if self.watching.retry_at.is_some_and(|moment| now >= moment) {
            self.watching.retry_at = None;
            self.retry_missing(now);
        }
        self.publish_more();
        Ok(())
    }

    /// Asks again for as many missing nodes as fit one request; the others have their turn next.
    fn retry_missing(&mut self, now: Moment) {
        let mut missing = self.watching.missing.iter().copied();
        let Some(first) = missing.next() else { return };
        self.watching.retry_at = Some(now.after(limits::REFUSED_RETRY));
        let Some(key) = self.watching.items.get(&first).map(|item| item.subscription) else {
            self.watching.missing.remove(&first);
            return;
        };
        let items = &self.watching.items;
        let same = |handle: &u32| items.get(handle).is_some_and(|i| i.subscription == key);
        let all: Vec<u32> = self.watching.missing.iter().copied().filter(same).collect();
        let handles: Vec<u32> = all.into_iter().take(self.limits.items).collect();
        let Some(subscription) = self.watching.subscriptions.get(&key).map(|s| s.id) else {
            return;
        };
        let (handles, nodes) = self.resolve_items(&handles);
        if handles.is_empty() {
            return;
        }
        let requested = self.requested(&handles, &nodes);
        let what = Pending::Create { subscription: key, handles };
        let _ = self.begin(
            what,
            || format!("Watch {} nodes that were missing", nodes.len()),
            |header, out| {
                let items = items_of(&requested, &nodes);
                service::create_items(header, subscription, items, out);
            },
        );
    }

    pub fn recreated(
        &mut self,
        _subscription: u64,
        handles: &[u32],
        answer: Answer,
    ) -> Result<(), Fault> {
        if let Ok(results) = decode(answer, id::CREATE_ITEMS, service::created_items)? {
            let found = self.watching.missing.len();
            self.created(handles, &results);
            let found = found - self.watching.missing.len().min(found);
            if found > 0 {
                self.note(|| format!("{found} nodes that were missing are there"));
            }
        }
        Ok(())
    }
}

struct Created {
    /// To be asked for once more, without a deadband.
    again: Vec<u32>,
    /// The server takes no more.
    full: Option<Status>,
}

fn items<'a>(
    requested: &'a [(u32, Arc<Group>, u32, f64, bool)],
    nodes: &'a [NodeId],
) -> impl ExactSizeIterator<Item = Item<'a>> {
    requested.iter().zip(nodes).map(|((handle, group, place, sampling_ms, bare), node_id)| Item {
        node_id,
        range: &group.points[*place as usize].address.range,
        handle: *handle,
        sampling_ms: *sampling_ms,
        deadband: group.settings.deadband().filter(|_| !bare),
        queue: group.settings.queue,
    })
}

use items as items_of;
