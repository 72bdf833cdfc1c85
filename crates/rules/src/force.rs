//! Which version of each lookup table is in force from which sample on, so that samples that are taken
//! again meet the same rows.

use crate::lookup::Versions;
use crate::record::TablesRecord;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tagwerk_sql::Lookup;

/// Versions by the names of their tables.
pub type Named = BTreeMap<Arc<str>, Arc<str>>;

pub struct Force {
    versions: Box<dyn Versions>,
    /// Of the samples taken so far.
    now: BTreeMap<Arc<str>, Arc<Lookup>>,
    /// Written down for samples that are not taken yet, in the order of their places.
    coming: VecDeque<TablesRecord>,
    /// Those that there are, as whoever reads them said last.
    offered: BTreeMap<Arc<str>, Arc<Lookup>>,
    kept: Option<BTreeSet<Arc<str>>>,
}

impl Force {
    /// As a snapshot at `position` says, with the changes that were written down for what comes after.
    pub fn new(
        versions: Box<dyn Versions>,
        position: u64,
        snapshot: &Named,
        changes: Vec<TablesRecord>,
    ) -> Force {
        let (now, offered) = (BTreeMap::new(), BTreeMap::new());
        let coming = changes.into();
        let mut force = Force { versions, now, coming, offered, kept: None };
        force.enter(snapshot);
        force.reach(position);
        force
    }

    /// These versions and no others; those that are not there any more are left out.
    fn enter(&mut self, named: &Named) {
        let mut now = BTreeMap::new();
        for (table, version) in named {
            let is = |lookup: &&Arc<Lookup>| lookup.version == *version;
            let known = self.now.get(table).filter(is).or(self.offered.get(table).filter(is));
            let found = known.cloned().or_else(|| {
                let loaded = self.versions.load(table, version)?;
                Some(Arc::new(loaded))
            });
            match found {
                Some(found) => drop(now.insert(table.clone(), found)),
                None => {
                    let (table, version) = (&**table, &**version);
                    tracing::warn!(table, version, "a version of a table is not there any more");
                }
            }
        }
        self.now = now;
    }

    pub fn offer(&mut self, tables: Vec<Arc<Lookup>>) {
        self.offered = tables.into_iter().map(|table| (table.name.clone(), table)).collect();
    }

    pub fn now(&self) -> impl Iterator<Item = &Arc<Lookup>> {
        self.now.values()
    }

    pub fn named(&self) -> Named {
        let of = |(name, lookup): (&Arc<str>, &Arc<Lookup>)| (name.clone(), lookup.version.clone());
        self.now.iter().map(of).collect()
    }

    /// Where the next change is, of those that were written down.
    pub fn next_change(&self) -> Option<u64> {
        self.coming.front().map(|change| change.position)
    }

    /// Makes those changes that are for samples from `position` on, or before it. True, where there were
    /// any.
    pub fn reach(&mut self, position: u64) -> bool {
        let mut reached = None;
        while let Some(change) = self.coming.front()
            && change.position <= position
        {
            reached = self.coming.pop_front();
        }
        let Some(reached) = reached else { return false };
        self.enter(&reached.tables);
        true
    }

    /// What has to be written down before it is done: tables that no rule has read so far from here on,
    /// and other versions from the end on, which what rules gave so far is before.
    pub fn wanted(
        &self,
        used: &BTreeSet<Arc<str>>,
        (position, end): (u64, u64),
    ) -> Vec<TablesRecord> {
        if !self.coming.is_empty() {
            return Vec::new();
        }
        let before = self.named();
        let offered =
            |name: &Arc<str>| Some((name.clone(), self.offered.get(name)?.version.clone()));
        let wanted: Named = used
            .iter()
            .filter_map(|name| {
                offered(name).or_else(|| Some((name.clone(), before.get(name)?.clone())))
            })
            .collect();
        let mut first = before.clone();
        first.retain(|name, _| wanted.contains_key(name));
        for (name, version) in &wanted {
            first.entry(name.clone()).or_insert_with(|| version.clone());
        }
        let mut changes = Vec::new();
        if first != before {
            changes.push(TablesRecord { position, tables: first.clone() });
        }
        if wanted != first {
            changes.push(TablesRecord { position: end, tables: wanted });
        }
        changes
    }

    /// They are written down.
    pub fn expect(&mut self, changes: Vec<TablesRecord>) {
        self.coming.extend(changes);
    }

    /// A start needs what a snapshot that was just written says, and what was written down since.
    pub fn keep_needed(&mut self) {
        let coming = self.coming.iter().flat_map(|change| change.tables.values());
        let needed: BTreeSet<Arc<str>> =
            self.now.values().map(|lookup| &lookup.version).chain(coming).cloned().collect();
        if self.kept.as_ref() != Some(&needed) {
            self.versions.keep(&needed);
            self.kept = Some(needed);
        }
    }
}
