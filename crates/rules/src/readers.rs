//! Who reads what. Rules that read the same columns of the same table, and nothing else, have its rows
//! gathered once for all of them.

use crate::board::Running;
use crate::feed::{Feed, Reading};
use crate::source::Source;
use arrow::array::RecordBatch;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

#[derive(Default)]
pub(crate) struct Readers {
    devices: HashMap<Arc<str>, Arc<Who>>,
    /// Those who read all samples.
    every: Arc<Who>,
    groups: Vec<Group>,
    /// Groups that have rows.
    fed: Vec<usize>,
}

/// The readers of a device.
#[derive(Default)]
pub(crate) struct Who {
    /// All rules, by their names.
    pub rules: Vec<Arc<str>>,
    /// Those among them that are in no group.
    pub alone: Vec<Arc<str>>,
    groups: Vec<usize>,
}

struct Group {
    feed: Feed,
    members: Arc<[Arc<str>]>,
}

impl Readers {
    pub fn among(running: &BTreeMap<Arc<str>, Running>) -> Readers {
        let (groups, group_of) = groups(running);
        let mut devices: HashMap<Arc<str>, Vec<Arc<str>>> = HashMap::new();
        let mut every: Vec<Arc<str>> = Vec::new();
        for (name, running) in running {
            match running.feeds.iter().any(Feed::is_samples) {
                true => every.push(name.clone()),
                false => {
                    let own = running.feeds.iter().filter_map(Feed::devices).flatten();
                    for device in own {
                        let readers = devices.entry(device.clone()).or_default();
                        if readers.last() != Some(name) {
                            readers.push(name.clone());
                        }
                    }
                }
            }
        }
        let who = |rules: Vec<Arc<str>>| {
            let grouped = rules.iter().filter_map(|name| group_of.get(name).copied());
            let mut groups: Vec<usize> = grouped.collect();
            groups.sort_unstable();
            groups.dedup();
            let alone = rules.iter().filter(|name| !group_of.contains_key(*name)).cloned();
            Arc::new(Who { alone: alone.collect(), groups, rules })
        };
        // A rule's own output is no input of it.
        let devices = devices.into_iter().map(|(device, mut readers)| {
            readers.extend(every.iter().cloned());
            readers.retain(|name| *name != device);
            readers.sort();
            (device, who(readers))
        });
        Readers { devices: devices.collect(), every: who(every), groups, fed: Vec::new() }
    }

    pub fn of(&self, device: &str) -> Arc<Who> {
        self.devices.get(device).unwrap_or(&self.every).clone()
    }

    /// A reading of a device, of a rule or of another, becomes rows of the groups among its readers.
    pub fn gather(&mut self, who: &Who, reading: &Reading<'_>, of_rule: bool) {
        for place in &who.groups {
            let feed = &mut self.groups[*place].feed;
            // What a rule gives is no sample of a device's.
            if of_rule && feed.is_samples() {
                continue;
            }
            if feed.rows() == 0 {
                self.fed.push(*place);
            }
            feed.push(reading);
        }
    }

    /// The rows gathered since this was asked last, and whose they are.
    pub fn gathered(&mut self) -> Option<(RecordBatch, Arc<[Arc<str>]>)> {
        loop {
            let group = &mut self.groups[self.fed.pop()?];
            if let Some(rows) = group.feed.finish() {
                return Some((rows, group.members.clone()));
            }
        }
    }
}

/// What rules read, and which do.
type Alike<'a> = Vec<(&'a Source, Vec<Arc<str>>)>;

/// Rules of which at least two read the same, and in which of the groups each is.
fn groups(running: &BTreeMap<Arc<str>, Running>) -> (Vec<Group>, HashMap<Arc<str>, usize>) {
    let mut alike: HashMap<(&str, &[usize]), Alike<'_>> = HashMap::new();
    for (name, running) in running {
        let Some(source) = running.source() else { continue };
        // One that reads what it gives itself has other rows than others.
        if !running.feeds[0].is_samples() && running.feeds[0].wants(name) {
            continue;
        }
        let named = alike.entry((&source.table, &source.used)).or_default();
        match named.iter_mut().find(|(known, _)| known.stream == source.stream) {
            Some((_, members)) => members.push(name.clone()),
            None => named.push((source, vec![name.clone()])),
        }
    }
    let (mut groups, mut group_of) = (Vec::new(), HashMap::new());
    for (source, members) in alike.into_values().flatten().filter(|(_, own)| own.len() > 1) {
        group_of.extend(members.iter().map(|name| (name.clone(), groups.len())));
        groups.push(Group { feed: Feed::new(source), members: members.into() });
    }
    (groups, group_of)
}
