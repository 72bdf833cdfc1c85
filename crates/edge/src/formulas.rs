//! The formulas of a configuration's tags: planned with the types of the tags that they read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tagwerk_config::{CheckedDevice, FormulaFinding, RESERVED_TAG};
use tagwerk_model::{DataType, Value, ValueRef};
use tagwerk_rules::{Finding, Formula as Plan, FormulaTags, Planner};
use tagwerk_runtime::{Formula, FormulaInput, Formulas, Runtime};

/// Everything that is wrong with formulas. Pure; blocks.
pub fn check(planner: &Planner, devices: &[CheckedDevice]) -> Vec<FormulaFinding> {
    let mut findings = Vec::new();
    let mut reads = Reads::new();
    let mut places: Vec<(Place, Name)> = Vec::new();
    each(planner, devices, &mut |place, (device, tag), planned| match planned {
        Err(finding) => findings.push(found(place, finding)),
        Ok(plan) => {
            let inputs = plan.inputs().iter().map(|i| (i.device.clone(), i.tag.clone()));
            let name: Name = (device.into(), tag.into());
            reads.insert(name.clone(), inputs.collect());
            places.push((place, name));
        }
    });
    let mut told = HashSet::new();
    for (place, name) in places {
        let Some(way) = circle(&reads, &name) else { continue };
        // One circle is told at the first of its tags.
        let mut members = way.clone();
        members.sort_unstable();
        if told.insert(members) {
            let problem = match &way[..] {
                [_] => "the tag is computed of itself".to_owned(),
                way => format!("the tag is computed of itself, by way of {}", way[1..].join(", ")),
            };
            let remedy = "remove one of these formulas, or write a rule, which can remember";
            findings.push(found(place, Finding::new(problem, remedy)));
        }
    }
    findings
}

/// The formulas that can be planned.
pub fn prepare(planner: &Planner, devices: &[CheckedDevice]) -> Formulas {
    let mut formulas = Formulas::new();
    each(planner, devices, &mut |_, (device, tag), planned| match planned {
        Ok(plan) => {
            formulas.insert((device.into(), tag.into()), Arc::new(Planned::new(plan)));
        }
        Err(finding) => tracing::error!(device, tag, %finding, "a formula cannot be planned"),
    });
    formulas
}

type Place = (usize, usize, usize);
/// Device and tag.
type Name = (Box<str>, Box<str>);
type Reads = HashMap<Name, Vec<Name>>;
type Seen<'a, 'b> = &'b mut dyn FnMut(Place, (&'a str, &'a str), Result<Plan, Finding>);

fn each<'a>(planner: &Planner, devices: &'a [CheckedDevice], seen: Seen<'a, '_>) {
    let groups = || devices.iter().flat_map(|device| &device.groups);
    if groups().all(|group| group.tags.iter().all(|tag| tag.formula.is_none())) {
        return;
    }
    let tags = Tags::of(devices);
    for (d, device) in devices.iter().enumerate() {
        for (g, group) in device.groups.iter().enumerate() {
            for (t, tag) in group.tags.iter().enumerate() {
                let Some(formula) = &tag.formula else { continue };
                let planned = planner.formula(&formula.text, &device.name, tag.published, &tags);
                seen((d, g, t), (&device.name, &tag.name), planned);
            }
        }
    }
}

fn found(tag: Place, finding: Finding) -> FormulaFinding {
    let Finding { line, column, problem, remedy, .. } = finding;
    FormulaFinding { tag, line, column, problem, remedy }
}

/// The way from a tag through those that it reads back to it.
fn circle(reads: &Reads, start: &Name) -> Option<Vec<String>> {
    let mut seen: HashSet<&Name> = HashSet::new();
    let mut open = vec![(start, Vec::new())];
    while let Some((name, mut way)) = open.pop() {
        way.push(format!("{}/{}", name.0, name.1));
        for next in reads.get(name).into_iter().flatten() {
            if next == start {
                return Some(way);
            }
            // What has no formula leads nowhere.
            if reads.contains_key(next) && seen.insert(next) {
                open.push((next, way.clone()));
            }
        }
    }
    None
}

/// The tags of a configuration by device.
struct Tags<'a>(HashMap<&'a str, HashMap<&'a str, DataType>>);

impl Tags<'_> {
    fn of(devices: &[CheckedDevice]) -> Tags<'_> {
        let mut tags = HashMap::new();
        for device in devices {
            let mut own: HashMap<&str, DataType> = HashMap::new();
            for tag in device.groups.iter().flat_map(|group| &group.tags) {
                if tag.access.reads() {
                    own.insert(&tag.name, tag.published);
                }
            }
            own.insert(RESERVED_TAG, DataType::Bool);
            tags.insert(&*device.name, own);
        }
        Tags(tags)
    }
}

impl FormulaTags for Tags<'_> {
    fn data_type(&self, device: &str, tag: &str) -> Option<DataType> {
        self.0.get(device)?.get(tag).copied()
    }

    fn names(&self, device: Option<&str>) -> Vec<String> {
        match device {
            None => self.0.keys().map(|name| (*name).to_owned()).collect(),
            Some(device) => {
                let tags = self.0.get(device).into_iter().flat_map(HashMap::keys);
                tags.map(|name| (*name).to_owned()).collect()
            }
        }
    }
}

/// The tags that run now by device.
pub struct Running(HashMap<Box<str>, HashMap<Box<str>, DataType>>);

impl Running {
    pub fn of(runtime: &Runtime) -> Running {
        let mut devices: HashMap<Box<str>, HashMap<Box<str>, DataType>> = HashMap::new();
        runtime.each_tag(&mut |device, _, tag| {
            if !devices.contains_key(device) {
                devices.insert(device.into(), HashMap::new());
            }
            if let Some(tags) = devices.get_mut(device) {
                tags.insert(tag.name.clone(), tag.data_type);
            }
        });
        Running(devices)
    }
}

impl FormulaTags for Running {
    fn data_type(&self, device: &str, tag: &str) -> Option<DataType> {
        self.0.get(device)?.get(tag).copied()
    }

    fn names(&self, device: Option<&str>) -> Vec<String> {
        match device {
            None => self.0.keys().map(ToString::to_string).collect(),
            Some(device) => {
                let tags = self.0.get(device).into_iter().flat_map(HashMap::keys);
                tags.map(ToString::to_string).collect()
            }
        }
    }
}

/// A formula as the runtime computes it.
pub struct Planned {
    plan: Plan,
    inputs: Vec<FormulaInput>,
}

impl Planned {
    pub fn new(plan: Plan) -> Planned {
        let input = |input: &tagwerk_rules::Input| FormulaInput {
            device: input.device.clone(),
            tag: input.tag.clone(),
            may_be_bad: input.may_be_bad,
        };
        let inputs = plan.inputs().iter().map(input).collect();
        Planned { plan, inputs }
    }
}

impl Formula for Planned {
    fn inputs(&self) -> &[FormulaInput] {
        &self.inputs
    }

    fn value(&self, inputs: &[Option<ValueRef<'_>>]) -> Result<Option<Value>, String> {
        self.plan.value(inputs)
    }
}
