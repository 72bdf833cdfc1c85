//! All alarms of an edge: which tags they watch, what a batch of samples does to them, and what is due.

use super::{Alarm, Change, Condition, Operator, Priority, Refused, Treatment};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tagwerk_model::{Quality, SampleBatch, TagId, Value};

/// One kind of alarm, raised for each of its tags by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub name: Arc<str>,
    pub priority: Priority,
    pub condition: Condition,
    pub treatment: Treatment,
    /// What it means.
    pub text: Option<Arc<str>>,
    /// What to do.
    pub response: Option<Arc<str>>,
}

/// Which alarm: the name of its kind, and the tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlarmKey {
    pub name: Arc<str>,
    pub tag: u32,
}

/// When a batch was read: by the clock of all alarms, which never goes back, and as shown to people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub logical_ns: i64,
    pub unix_ns: i64,
}

impl Stamp {
    /// A time of the alarms' clock as shown to people.
    pub fn unix(&self, logical_ns: i64) -> i64 {
        self.unix_ns.saturating_add(logical_ns.saturating_sub(self.logical_ns))
    }
}

/// What became of which alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    pub place: usize,
    pub change: Change,
}

/// One alarm of one tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    pub definition: Arc<Definition>,
    pub tag: TagId,
    pub alarm: Alarm,
    /// The newest value and quality that were judged.
    pub value: Option<Value>,
    pub quality: Option<Quality>,
    due_ns: Option<i64>,
}

impl Instance {
    pub fn key(&self) -> AlarmKey {
        AlarmKey { name: self.definition.name.clone(), tag: self.tag.0 }
    }
}

#[derive(Default)]
pub struct Alarms {
    instances: Vec<Instance>,
    by_tag: HashMap<TagId, Vec<usize>>,
    by_key: HashMap<AlarmKey, usize>,
    due: BTreeSet<(i64, usize)>,
    /// Room for what one step brings.
    changes: Vec<Change>,
}

impl Alarms {
    /// Replaces the definitions. An alarm that is still there, by name and tag, stays as it is; one
    /// whose condition is another begins to judge anew, and is cleared by the next sample that says so.
    pub fn define(&mut self, definitions: Vec<(Definition, Vec<TagId>)>) {
        let mut before: HashMap<AlarmKey, Instance> =
            self.instances.drain(..).map(|instance| (instance.key(), instance)).collect();
        self.by_tag.clear();
        self.by_key.clear();
        self.due.clear();
        for (definition, tags) in definitions {
            let definition = Arc::new(definition);
            for tag in tags {
                let key = AlarmKey { name: definition.name.clone(), tag: tag.0 };
                if self.by_key.contains_key(&key) {
                    continue;
                }
                let mut instance = before.remove(&key).unwrap_or_else(|| Instance {
                    definition: definition.clone(),
                    tag,
                    alarm: Alarm::default(),
                    value: None,
                    quality: None,
                    due_ns: None,
                });
                (instance.definition, instance.due_ns) = (definition.clone(), None);
                let place = self.instances.len();
                self.instances.push(instance);
                self.by_tag.entry(tag).or_default().push(place);
                self.by_key.insert(key, place);
                self.schedule(place);
            }
        }
    }

    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    pub fn find(&self, key: &AlarmKey) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// Puts an alarm into the state that was written down.
    pub fn restore(&mut self, key: &AlarmKey, alarm: Alarm) -> bool {
        let Some(place) = self.find(key) else { return false };
        self.instances[place].alarm = alarm;
        self.schedule(place);
        true
    }

    /// Which tags are watched.
    pub fn watches(&self, tag: TagId) -> bool {
        self.by_tag.contains_key(&tag)
    }

    /// When the next alarm changes although nothing comes in.
    pub fn due_ns(&self) -> Option<i64> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Lets time pass.
    pub fn advance(&mut self, now_ns: i64, noted: &mut Vec<Noted>) {
        while let Some((due, place)) = self.due.first().copied()
            && due <= now_ns
        {
            let Instance { definition, alarm, .. } = &mut self.instances[place];
            alarm.advance(&definition.treatment, due, &mut self.changes);
            self.note(place, noted);
        }
    }

    /// Judges a batch of samples that was read at `at_ns`.
    pub fn take(&mut self, batch: &SampleBatch, at_ns: i64, noted: &mut Vec<Noted>) {
        self.advance(at_ns, noted);
        let tags = batch.set.tags();
        for sample in batch.samples() {
            let Some(places) = self.by_tag.get(&tags[sample.index].id) else { continue };
            for place in places.clone() {
                let Instance { definition, alarm, value, quality, .. } = &mut self.instances[place];
                let was = alarm.is_met();
                let verdict = definition.condition.judge(was, sample.value, sample.quality);
                *quality = Some(sample.quality);
                *value = sample.value.map(|value| value.to_value());
                alarm.observe(&definition.treatment, at_ns, verdict, &mut self.changes);
                self.note(place, noted);
            }
        }
    }

    /// Does what somebody asked for.
    pub fn operate(
        &mut self,
        place: usize,
        at_ns: i64,
        operator: Operator,
        noted: &mut Vec<Noted>,
    ) -> Result<(), Refused> {
        let Instance { definition, alarm, .. } = &mut self.instances[place];
        let done = alarm.operate(&definition.treatment, at_ns, operator, &mut self.changes);
        self.note(place, noted);
        done
    }

    /// Suppresses an alarm by design, with the reason, or ends that.
    pub fn suppress(
        &mut self,
        place: usize,
        at_ns: i64,
        reason: Option<&str>,
        noted: &mut Vec<Noted>,
    ) {
        self.instances[place].alarm.suppress(at_ns, reason, &mut self.changes);
        self.note(place, noted);
    }

    fn note(&mut self, place: usize, noted: &mut Vec<Noted>) {
        noted.extend(self.changes.drain(..).map(|change| Noted { place, change }));
        self.schedule(place);
    }

    fn schedule(&mut self, place: usize) {
        let Instance { definition, alarm, due_ns, .. } = &mut self.instances[place];
        let due = alarm.due_ns(&definition.treatment);
        if due == *due_ns {
            return;
        }
        if let Some(before) = std::mem::replace(due_ns, due) {
            self.due.remove(&(before, place));
        }
        if let Some(due) = due {
            self.due.insert((due, place));
        }
    }
}
