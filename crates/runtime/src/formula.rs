//! Tags that are computed of others: at each read of their group, or when what they read is reported.
//! Their samples stand in the batch of that read. How a formula computes is its own business.

use crate::live::{GroupLive, Live};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tagwerk_env::Moment;
use tagwerk_model::{BatchBuilder, Quality, Value, ValueRef};

/// What computes the value of a tag. Remembers nothing.
pub trait Formula: Send + Sync {
    /// The tags that it reads, each once.
    fn inputs(&self) -> &[FormulaInput];

    /// The value for those of its inputs, in their order, none where one is bad. None: there is none.
    /// Err: it cannot be computed, and why.
    fn value(&self, inputs: &[Option<ValueRef<'_>>]) -> Result<Option<Value>, String>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaInput {
    pub device: Box<str>,
    pub tag: Box<str>,
    /// The formula says itself what it gives where this one is bad.
    pub may_be_bad: bool,
}

/// By device and tag.
pub type Formulas = HashMap<(Box<str>, Box<str>), Arc<dyn Formula>>;

/// The formulas of one group, each behind those that it reads.
#[derive(Default)]
pub(crate) struct Computed {
    steps: Vec<Step>,
}

struct Step {
    /// The tag's place in the group.
    index: usize,
    /// None: it could not be planned.
    formula: Option<Arc<dyn Formula>>,
    sources: Vec<Source>,
}

enum Source {
    /// Of the same group.
    Own(usize),
    Other {
        device: Box<str>,
        tag: Box<str>,
        /// Where it was last; a group that is changed is another.
        place: Mutex<(Weak<GroupLive>, usize)>,
    },
}

/// When and where inputs are looked for.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub live: &'a Live,
    pub now: Moment,
}

/// One input at this moment.
pub type Seen = (Option<Value>, Quality);

impl Computed {
    pub fn new(group: &GroupLive, formulas: &Formulas) -> Computed {
        let device = group.set.device();
        let mut open = Vec::new();
        for (index, tag) in group.tags.iter().enumerate().filter(|(_, t)| t.formula.is_some()) {
            let formula = formulas.get(&(device.into(), tag.name.clone())).cloned();
            let inputs = formula.as_ref().map_or(&[][..], |formula| formula.inputs());
            let sources = inputs.iter().map(|input| Source::new(group, input)).collect();
            open.push(Step { index, formula, sources });
        }
        let mut steps: Vec<Step> = Vec::with_capacity(open.len());
        while !open.is_empty() {
            let waits = |step: &Step| {
                let own = |source: &Source| match source {
                    Source::Own(read) => open.iter().any(|other| other.index == *read),
                    Source::Other { .. } => false,
                };
                step.sources.iter().any(own)
            };
            // A circle, which the check of a configuration refuses, ends with what was read before.
            let next = open.iter().position(|step| !waits(step)).unwrap_or(0);
            steps.push(open.remove(next));
        }
        Computed { steps }
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Computes every tag.
    pub fn all(&self, group: &GroupLive, builder: &mut BatchBuilder, at: At<'_>) {
        self.steps.iter().for_each(|step| step.run(group, builder, at));
    }

    /// Computes the tags that read any of these, and those that read other groups alone, and adds them.
    /// `seen` says of each tag whether it is among them.
    pub fn touched(
        &self,
        group: &GroupLive,
        builder: &mut BatchBuilder,
        at: At<'_>,
        (touched, seen): (&mut Vec<u32>, &mut [bool]),
    ) {
        for step in &self.steps {
            let is_own = |source: &Source| matches!(source, Source::Own(_));
            let is_read = |source: &Source| matches!(source, Source::Own(index) if seen[*index]);
            if step.sources.iter().any(is_read) || !step.sources.iter().any(is_own) {
                step.run(group, builder, at);
                seen[step.index] = true;
                touched.push(step.index as u32);
            }
        }
    }
}

impl Step {
    fn run(&self, group: &GroupLive, builder: &mut BatchBuilder, at: At<'_>) {
        let Some(formula) = &self.formula else {
            let reason = "the formula cannot be planned; check the configuration";
            group.explain(self.index, Some(reason));
            return builder.put_quality(self.index, Quality::BAD_CONFIGURATION);
        };
        let seen: Vec<Seen> = self.sources.iter().map(|s| s.look(builder, at)).collect();
        let time = self.sources.iter().filter_map(|source| match source {
            Source::Own(index) => builder.source_time(*index),
            Source::Other { .. } => None,
        });
        if let Some(time) = time.max() {
            builder.put_source_time(self.index, time);
        }
        let Outcome { value, mut quality, reason } = compute(&**formula, &seen);
        if let Some(value) = value {
            builder.put(self.index, value.as_ref());
            let own = builder.quality(self.index);
            quality = if own.is_good() { quality } else { own };
        }
        group.explain(self.index, reason.as_deref());
        builder.put_quality(self.index, quality);
    }
}

/// What became of a formula.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub value: Option<Value>,
    pub quality: Quality,
    /// Why there is no value.
    pub reason: Option<String>,
}

/// Computes a formula of its inputs in their order, each with its quality, and no value where that is
/// bad. What is bad makes it bad, unless the formula says otherwise.
pub fn compute(formula: &dyn Formula, seen: &[Seen]) -> Outcome {
    let mut worst = (Quality::GOOD, None);
    for (input, (_, quality)) in formula.inputs().iter().zip(seen) {
        let counts = !quality.is_bad() || !input.may_be_bad;
        if counts && quality.severity() > worst.0.severity() {
            worst = (*quality, Some(input));
        }
    }
    if let (quality, Some(input)) = worst
        && quality.is_bad()
    {
        let reason = format!("{}/{} is bad", input.device, input.tag);
        return Outcome { value: None, quality, reason: Some(reason) };
    }
    let tolerated = seen.iter().map(|(_, quality)| *quality).find(|quality| quality.is_bad());
    let values: Vec<_> = seen.iter().map(|(v, _)| v.as_ref().map(Value::as_ref)).collect();
    match formula.value(&values) {
        Ok(Some(value)) => {
            let quality = match tolerated {
                Some(_) if worst.0.is_good() => Quality::UNCERTAIN_SUB_NORMAL,
                _ => worst.0,
            };
            Outcome { value: Some(value), quality, reason: None }
        }
        Ok(None) => {
            let reason = Some("the formula gives NULL".to_owned());
            Outcome { value: None, quality: tolerated.unwrap_or(Quality::BAD_NO_DATA), reason }
        }
        Err(reason) => {
            Outcome { value: None, quality: Quality::BAD_OUT_OF_RANGE, reason: Some(reason) }
        }
    }
}

impl Source {
    fn new(group: &GroupLive, input: &FormulaInput) -> Source {
        let own = (*input.device == *group.set.device())
            .then(|| group.tags.iter().position(|tag| tag.name == input.tag));
        match own.flatten() {
            Some(index) => Source::Own(index),
            None => Source::Other {
                device: input.device.clone(),
                tag: input.tag.clone(),
                place: Mutex::new((Weak::new(), 0)),
            },
        }
    }

    fn look(&self, builder: &BatchBuilder, at: At<'_>) -> Seen {
        match self {
            Source::Own(index) => {
                let quality = builder.quality(*index);
                let value = (!quality.is_bad()).then(|| builder.value(*index).to_value());
                (value, quality)
            }
            Source::Other { device, tag, place } => {
                let mut place = place.lock();
                let known = place.0.upgrade().map(|group| (group, place.1));
                let Some((group, index)) = known.or_else(|| at.live.find(device, tag)) else {
                    return (None, Quality::BAD_CONFIGURATION);
                };
                *place = (Arc::downgrade(&group), index);
                group.now(index, at.now)
            }
        }
    }
}
