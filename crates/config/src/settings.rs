//! Checks the settings of a component against its schema, and finds the component by its name.

use crate::check::Checker;
use crate::conform::quoted;
use crate::names::check_name;
use crate::report::Report;
use crate::scalar::Scalar;
use crate::shape::{Shape, Shapes};
use crate::source::{Form, Node, shortened};
use crate::syntax;
use serde_json::{Map, Value};
use std::sync::{Arc, OnceLock};
use tagwerk_component::{Findings, Segment, Spec, Weight, nearest};

/// A driver or a sink, with its schema compiled when it is first needed.
pub(crate) struct Component<T: ?Sized + 'static> {
    pub component: &'static T,
    pub spec: Arc<Spec>,
    shapes: Arc<OnceLock<Shapes>>,
}

impl<T: ?Sized> Clone for Component<T> {
    fn clone(&self) -> Component<T> {
        let Component { component, spec, shapes } = self;
        Component { component: *component, spec: spec.clone(), shapes: shapes.clone() }
    }
}

impl<T: ?Sized> Component<T> {
    pub fn new(component: &'static T, spec: Spec) -> Component<T> {
        Component { component, spec: Arc::new(spec), shapes: Arc::default() }
    }

    pub fn shapes(&self) -> &Shapes {
        self.shapes.get_or_init(|| Shapes::compile(self.spec.settings.as_value()))
    }
}

/// Settings to check a component with.
pub(crate) struct Settings {
    pub value: Value,
    /// The keys whose values stand in for missing or wrong ones, so that the rest of a device can be
    /// checked; findings about them are not told.
    stand_ins: Vec<String>,
    pub sound: bool,
}

impl Settings {
    pub fn hides(&self, place: &[Segment]) -> bool {
        if self.sound {
            return false;
        }
        match place {
            [Segment::Key(settings), Segment::Key(key), ..] if settings == "settings" => {
                self.stand_ins.contains(key)
            }
            [Segment::Key(settings)] => settings == "settings",
            _ => false,
        }
    }
}

impl<'s> Checker<'s> {
    /// Finds the component that `key` of `owner` names.
    pub fn component<T: ?Sized>(
        report: &mut Report,
        owner: Node<'s>,
        key: &str,
        what: &str,
        name: &str,
        list: &[Component<T>],
    ) -> Option<Component<T>> {
        if let Some(found) = list.iter().find(|component| component.spec.name == name) {
            return Some(found.clone());
        }
        let known: Vec<&str> = list.iter().map(|component| component.spec.name).collect();
        let all = match known.is_empty() {
            true => "none are known".to_owned(),
            false => format!("known are {}", quoted(&known)),
        };
        let remedy = match nearest(name, known.iter().copied()) {
            Some(near) => format!("write `{near}`; {all}"),
            None => format!("choose another; {all}"),
        };
        let node = owner.get(key).unwrap_or(owner);
        report.error(node, format!("there is no {what} `{}`", shortened(name)), remedy);
        None
    }

    /// Checks `settings` of `owner`, which `path` names. `None` when not even a stand-in can be made.
    pub fn settings<T: ?Sized>(
        &mut self,
        owner: Node<'s>,
        path: (&str, Option<&str>),
        component: &Component<T>,
    ) -> Option<Settings> {
        let shapes = component.shapes();
        let node = owner.get("settings").filter(|node| node.form() == Form::Map);
        let Some(node) = node else {
            return self.settings_left_out(owner, component);
        };
        if shapes.conform(node, &mut self.report) {
            self.secrets(node, path, shapes);
            return Some(Settings { value: node.to_json(), stand_ins: Vec::new(), sound: true });
        }
        let Value::Object(mut value) = example(&component.spec)? else { return None };
        let Shape::Map(shape) = shapes.get(shapes.root) else { return None };
        for (key, given) in node.pairs() {
            let Some(field) = shape.field(key.text()) else { continue };
            let mut unheard = Report::default();
            if shapes.check(given, field.shape, &mut unheard) {
                value.insert(key.text().to_owned(), given.to_json());
            } else if !field.required {
                value.remove(key.text());
            }
        }
        // Optional keys of the example that the user did not write have no say.
        value.retain(|key, _| {
            node.get(key).is_some() || shape.field(key).is_some_and(|f| f.required)
        });
        let is_stand_in =
            |key: &str| node.get(key).is_none_or(|given| value.get(key) != Some(&given.to_json()));
        let fields = shape.fields.iter().map(|field| field.name.clone());
        let stand_ins = fields.filter(|name| is_stand_in(name)).collect();
        Some(Settings { value: Value::Object(value), stand_ins, sound: false })
    }

    /// Notes the secrets that settings name.
    fn secrets(&mut self, settings: Node<'s>, (list, name): (&str, Option<&str>), shapes: &Shapes) {
        let mut found = Vec::new();
        let mut path = format!("{list}/{}/settings", name.unwrap_or("?"));
        shapes.secrets(settings, shapes.root, &mut path, &mut found);
        for (node, path) in found {
            if let Some((problem, remedy)) = check_name(node.text()) {
                self.report.error(node, problem, remedy);
            }
            self.secrets.push((path, node.text().to_owned()));
        }
    }

    fn settings_left_out<T: ?Sized>(
        &mut self,
        owner: Node<'s>,
        component: &Component<T>,
    ) -> Option<Settings> {
        let shapes = component.shapes();
        // A value of the wrong type has been reported by the document's own schema.
        let left_out = owner.get("settings").is_none_or(|node| node.scalar() == Some(Scalar::Null));
        let Shape::Map(shape) = shapes.get(shapes.root) else {
            if left_out {
                let remedy = format!("add `settings:`, {}", shapes.expected(shapes.root));
                self.report.missing(owner, "settings", remedy);
            }
            return None;
        };
        let required: Vec<&str> =
            shape.fields.iter().filter(|f| f.required).map(|f| f.name.as_str()).collect();
        if required.is_empty() {
            let value = Value::Object(Map::new());
            return Some(Settings { value, stand_ins: Vec::new(), sound: true });
        }
        if left_out {
            let remedy = format!("add `settings:` with {}", quoted(&required));
            self.report.missing(owner, "settings", remedy);
        }
        let stand_ins = shape.fields.iter().map(|field| field.name.clone()).collect();
        example(&component.spec).map(|value| Settings { value, stand_ins, sound: false })
    }

    /// Takes over what a component found below `owner`; `locate` finds the parts that were handed to
    /// the component by position.
    pub fn take_over(
        &mut self,
        owner: Node<'s>,
        findings: &Findings,
        settings: &Settings,
        locate: impl Fn(&[Segment]) -> Option<(Node<'s>, usize)>,
    ) {
        for finding in findings.list() {
            let segments = &finding.place.0;
            if settings.hides(segments) {
                continue;
            }
            let (node, used) = locate(segments).unwrap_or((owner, 0));
            let place = tagwerk_component::Place(segments[used..].to_vec());
            self.report.component(node, &place, finding.weight, &finding.problem, &finding.remedy);
        }
        let listed = findings.list().iter().filter(|f| f.weight == Weight::Error).count();
        self.report.dropped(findings.dropped(), findings.errors() - listed);
    }
}

/// The component's own example of its settings.
fn example(spec: &Spec) -> Option<Value> {
    let (source, _) = syntax::read(spec.example.as_bytes()).ok()?;
    Some(source.root().to_json())
}
