//! All alarms of an edge: which tags they watch, what a batch of samples does to them, and what is due.

use super::condition::Scalar;
use super::{
    Alarm, Change, ChangeKind, Condition, Flood, Memory, Operator, Priority, Quota, Refused,
    Treatment, Verdict,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tagwerk_model::{Quality, SampleBatch, SampleRef, TagId, Value, limits};

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

/// A tag that has an alarm, and the tags that have a say in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub tag: TagId,
    pub reference: Option<Arc<Reference>>,
    pub suppression: Option<Arc<Suppression>>,
}

impl From<TagId> for Target {
    fn from(tag: TagId) -> Target {
        Target { tag, reference: None, suppression: None }
    }
}

/// The tag that others are compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub tag: TagId,
    /// As people are told, such as `press/setpoint`.
    pub name: Box<str>,
}

/// While a tag has a value, alarms are suppressed by design.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppression {
    pub tag: TagId,
    pub equals: Scalar,
    /// As people are told, such as `press/running is false`.
    pub reason: Box<str>,
}

/// Which alarm: the name of its kind, and the tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlarmKey {
    pub name: Arc<str>,
    pub tag: u32,
}

impl AlarmKey {
    /// Stands for all alarms together.
    pub(crate) fn of_all() -> AlarmKey {
        AlarmKey { name: "".into(), tag: 0 }
    }
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

/// What became of which alarm; of none: of all together.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    pub place: Option<usize>,
    pub change: Change,
}

/// One alarm of one tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    pub definition: Arc<Definition>,
    pub tag: TagId,
    pub reference: Option<Arc<Reference>>,
    suppression: Option<Arc<Suppression>>,
    pub alarm: Alarm,
    pub memory: Memory,
    /// The newest value and quality that were judged.
    pub value: Option<Value>,
    pub quality: Option<Quality>,
    due_ns: Option<i64>,
}

impl Instance {
    pub fn key(&self) -> AlarmKey {
        AlarmKey { name: self.definition.name.clone(), tag: self.tag.0 }
    }

    fn differs(&self, definition: &Definition, target: &Target) -> bool {
        self.definition.condition != definition.condition
            || self.definition.treatment != definition.treatment
            || self.reference != target.reference
            || self.suppression != target.suppression
    }
}

/// What a tag is to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Own,
    Reference,
    Suppression,
}

pub struct Alarms {
    instances: Vec<Instance>,
    by_tag: HashMap<TagId, Vec<(Role, usize)>>,
    by_key: HashMap<AlarmKey, usize>,
    due: BTreeSet<(i64, usize)>,
    /// Those to be looked at when time is known next: nothing was seen of them yet, or what suppressed
    /// them is no longer defined.
    fresh: Vec<usize>,
    written_max: u32,
    quota: Quota,
    flood: Flood,
    /// Changes that records of a count stand for.
    not_told: u64,
    /// Room for what one step brings.
    changes: Vec<Change>,
}

impl Default for Alarms {
    fn default() -> Alarms {
        Alarms::bounded(limits::ALARM_CHANGES_PER_MINUTE_MAX)
    }
}

impl Alarms {
    /// No alarms yet, of which at most so many changes are told in a minute, those by operators not
    /// counted.
    pub fn bounded(written_max: u32) -> Alarms {
        Alarms {
            instances: Vec::new(),
            by_tag: HashMap::new(),
            by_key: HashMap::new(),
            due: BTreeSet::new(),
            fresh: Vec::new(),
            written_max,
            quota: Quota::default(),
            flood: Flood::default(),
            not_told: 0,
            changes: Vec::new(),
        }
    }

    /// Replaces the definitions. An alarm that is still there, by name and tag, stays as it is; one
    /// whose condition is another begins to judge anew, and is cleared by the next sample that says so.
    /// Returns whether anything is judged otherwise than before.
    pub fn define(&mut self, definitions: Vec<(Definition, Vec<Target>)>) -> bool {
        let mut changed = false;
        let mut before: HashMap<AlarmKey, Instance> =
            self.instances.drain(..).map(|instance| (instance.key(), instance)).collect();
        self.by_tag.clear();
        self.by_key.clear();
        self.due.clear();
        self.fresh.clear();
        for (definition, targets) in definitions {
            let definition = Arc::new(definition);
            for target in targets {
                let key = AlarmKey { name: definition.name.clone(), tag: target.tag.0 };
                if !self.by_key.contains_key(&key) {
                    let kept = before.remove(&key);
                    changed |= kept.as_ref().is_none_or(|kept| kept.differs(&definition, &target));
                    self.add(key, &definition, target, kept);
                }
            }
        }
        changed || !before.is_empty()
    }

    fn add(
        &mut self,
        key: AlarmKey,
        definition: &Arc<Definition>,
        Target { tag, reference, suppression }: Target,
        kept: Option<Instance>,
    ) {
        let place = self.instances.len();
        let mut uses = vec![(Role::Own, tag)];
        uses.extend(reference.iter().map(|reference| (Role::Reference, reference.tag)));
        uses.extend(suppression.iter().map(|suppression| (Role::Suppression, suppression.tag)));
        for (role, tag) in uses {
            self.by_tag.entry(tag).or_default().push((role, place));
        }
        let mut instance = Instance {
            definition: definition.clone(),
            tag,
            reference,
            suppression,
            alarm: Alarm::default(),
            memory: Memory::default(),
            value: None,
            quality: None,
            due_ns: None,
        };
        if let Some(kept) = kept {
            let as_before = kept.reference == instance.reference;
            if as_before && kept.definition.condition.hands_over_to(&definition.condition) {
                instance.memory = kept.memory;
            }
            (instance.alarm, instance.value, instance.quality) =
                (kept.alarm, kept.value, kept.quality);
        }
        self.instances.push(instance);
        self.by_key.insert(key, place);
        self.fresh.push(place);
        self.schedule(place);
    }

    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    pub fn find(&self, key: &AlarmKey) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    pub fn quota(&self) -> Quota {
        self.quota
    }

    pub fn flood(&self) -> &Flood {
        &self.flood
    }

    /// Changes that were counted and not told since the start.
    pub fn not_told(&self) -> u64 {
        let chattering = self.instances.iter().filter_map(|i| i.alarm.chattering());
        self.not_told + self.quota.held() + chattering.sum::<u64>()
    }

    /// Puts an alarm into the state that was written down.
    pub fn restore(&mut self, key: &AlarmKey, alarm: Alarm) -> bool {
        let Some(place) = self.find(key) else { return false };
        self.instances[place].alarm = alarm;
        self.fresh.push(place);
        self.schedule(place);
        true
    }

    /// What a condition remembered when it was written down.
    pub fn restore_memory(&mut self, key: &AlarmKey, memory: Memory) {
        let Some(place) = self.find(key) else { return };
        self.instances[place].memory = memory;
        self.schedule(place);
    }

    pub fn restore_quota(&mut self, quota: Quota) {
        self.quota = quota;
    }

    pub fn restore_flood(&mut self, flood: Flood) {
        self.flood = flood;
    }

    /// What somebody did was written down: as far as it told somebody of an alarm, it counts.
    pub fn restore_operation(&mut self, at_ns: i64, kind: ChangeKind, announced: bool) {
        if announced && kind.presents() {
            self.flood.announce(at_ns);
        }
    }

    /// Which tags are watched.
    pub fn watches(&self, tag: TagId) -> bool {
        self.by_tag.contains_key(&tag)
    }

    /// When the next alarm changes although nothing comes in.
    pub fn due_ns(&self) -> Option<i64> {
        self.next().map(|(due, _)| due)
    }

    /// What is due first, and the order among what is due at one time: 0 is what was held back.
    fn next(&self) -> Option<(i64, usize)> {
        let held = self.quota.due_ns().map(|due| (due, 0));
        let first = self.due.first().map(|(due, place)| (*due, place + 1));
        [held, first].into_iter().flatten().min()
    }

    /// Where a change stands among those that time brings.
    pub fn order(&self, at_ns: i64, key: &AlarmKey) -> (i64, usize) {
        (at_ns, self.find(key).map_or(0, |place| place + 1))
    }

    /// Lets time pass.
    pub fn advance(&mut self, now_ns: i64, noted: &mut Vec<Noted>) {
        while self.advance_once((now_ns, usize::MAX), noted) {}
    }

    /// Lets time pass until one alarm is due, at most until a place in the order of what is due. Returns
    /// false when none is.
    pub fn advance_once(&mut self, until: (i64, usize), noted: &mut Vec<Noted>) -> bool {
        if !self.fresh.is_empty() {
            self.begin(until.0, noted);
            return true;
        }
        let Some((due, order)) = self.next().filter(|next| *next <= until) else { return false };
        let Some(place) = order.checked_sub(1) else {
            let count = self.quota.end();
            self.not_told += count;
            let change =
                Change { at_ns: due, kind: ChangeKind::NotWritten, announced: false, count };
            noted.push(Noted { place: None, change });
            return true;
        };
        let Instance { definition, alarm, memory, .. } = &mut self.instances[place];
        if definition.condition.due_ns(memory).is_some_and(|silent| silent <= due) {
            *memory = Memory::Silent;
            alarm.observe(&definition.treatment, due, Verdict::Met, &mut self.changes);
        } else {
            alarm.advance(&definition.treatment, due, &mut self.changes);
        }
        self.note(place, noted);
        true
    }

    fn begin(&mut self, now_ns: i64, noted: &mut Vec<Noted>) {
        for place in std::mem::take(&mut self.fresh) {
            let Instance { definition, alarm, memory, suppression, .. } =
                &mut self.instances[place];
            definition.condition.begin(memory, now_ns);
            let reason = suppression.as_ref().map(|suppression| &*suppression.reason);
            if alarm.suppressed().is_some() && alarm.suppressed() != reason {
                alarm.suppress(&definition.treatment, now_ns, None, &mut self.changes);
            }
            self.note(place, noted);
        }
    }

    /// Judges a batch of samples that was read at `at_ns`. What the whole batch says of suppression and
    /// of two tags is counted, not what its first half does: suppression begins before anything is
    /// judged, and ends after.
    pub fn take(&mut self, batch: &SampleBatch, at_ns: i64, noted: &mut Vec<Noted>) {
        self.advance(at_ns, noted);
        let tags = batch.set.tags();
        let (mut own, mut compared, mut released) = (Vec::new(), Vec::new(), Vec::new());
        for sample in batch.samples() {
            let Some(uses) = self.by_tag.get(&tags[sample.index].id) else { continue };
            for (role, place) in uses.clone() {
                match role {
                    Role::Own => own.push((place, sample)),
                    Role::Reference => {
                        let Instance { definition, memory, .. } = &mut self.instances[place];
                        let condition = &definition.condition;
                        condition.take_reference(memory, sample.value, sample.quality);
                        compared.push(place);
                    }
                    Role::Suppression => match self.suppresses(place, &sample) {
                        Some(true) => self.suppress(place, at_ns, true, noted),
                        Some(false) => released.push(place),
                        None => {}
                    },
                }
            }
        }
        for (place, sample) in own {
            if self.judge(place, &sample, at_ns, noted) {
                compared.push(place);
            }
        }
        compared.sort_unstable();
        compared.dedup();
        for place in compared {
            let Instance { definition, alarm, memory, .. } = &mut self.instances[place];
            let verdict = definition.condition.compare(memory, alarm.is_met());
            alarm.observe(&definition.treatment, at_ns, verdict, &mut self.changes);
            self.note(place, noted);
        }
        for place in released {
            self.suppress(place, at_ns, false, noted);
        }
    }

    /// Returns true where the value is yet to be compared with that of another tag.
    fn judge(
        &mut self,
        place: usize,
        sample: &SampleRef<'_>,
        at_ns: i64,
        noted: &mut Vec<Noted>,
    ) -> bool {
        let instance = &mut self.instances[place];
        instance.quality = Some(sample.quality);
        instance.value = sample.value.map(|value| value.to_value());
        let Instance { definition, alarm, memory, .. } = instance;
        let was = alarm.is_met();
        let sampled = (sample.value, sample.quality);
        let verdict = definition.condition.take(memory, was, at_ns, sampled);
        if matches!(definition.condition, Condition::Deviation { .. }) {
            return true;
        }
        alarm.observe(&definition.treatment, at_ns, verdict, &mut self.changes);
        self.note(place, noted);
        false
    }

    fn suppresses(&self, place: usize, sample: &SampleRef<'_>) -> Option<bool> {
        let suppression = self.instances[place].suppression.as_ref()?;
        suppression.equals.equals(sample.value.filter(|_| !sample.quality.is_bad())?)
    }

    /// Suppresses an alarm by design, or ends that.
    fn suppress(&mut self, place: usize, at_ns: i64, on: bool, noted: &mut Vec<Noted>) {
        let Instance { definition, alarm, suppression, .. } = &mut self.instances[place];
        let reason = suppression.as_ref().filter(|_| on).map(|suppression| &*suppression.reason);
        alarm.suppress(&definition.treatment, at_ns, reason, &mut self.changes);
        self.note(place, noted);
    }

    /// Does what somebody asked for. That is told always.
    pub fn operate(
        &mut self,
        place: usize,
        at_ns: i64,
        operator: Operator,
        noted: &mut Vec<Noted>,
    ) -> Result<(), Refused> {
        while self.advance_once((at_ns, usize::MAX), noted) {}
        let Instance { definition, alarm, .. } = &mut self.instances[place];
        let done = alarm.operate(&definition.treatment, at_ns, operator, &mut self.changes);
        for change in self.changes.drain(..) {
            if change.announced && change.kind.presents() {
                self.flood.announce(change.at_ns);
            }
            noted.push(Noted { place: Some(place), change });
        }
        self.schedule(place);
        done
    }

    /// Passes on what came by itself, as far as it is told.
    fn note(&mut self, place: usize, noted: &mut Vec<Noted>) {
        for change in self.changes.drain(..) {
            self.not_told += change.count * u64::from(change.kind == ChangeKind::Steady);
            if change.announced && change.kind.presents() {
                self.flood.announce(change.at_ns);
            }
            if self.quota.admit(change.at_ns, self.written_max) {
                noted.push(Noted { place: Some(place), change });
            }
        }
        self.schedule(place);
    }

    fn schedule(&mut self, place: usize) {
        let Instance { definition, alarm, memory, due_ns, .. } = &mut self.instances[place];
        let turns = alarm.due_ns(&definition.treatment);
        let due = [turns, definition.condition.due_ns(memory)].into_iter().flatten().min();
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
