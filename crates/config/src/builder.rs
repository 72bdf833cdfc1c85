//! Builds the tree of a document from what a parser meets, for YAML and JSON alike: bounds nesting
//! and the expansion of aliases, finds repeated keys.

use crate::report::{LocatedFinding, Report};
use crate::source::{Entry, Form, Source, shortened};
use std::collections::HashMap;
use tagwerk_model::limits;

/// Scalars up to this length are looked up before their text is stored again.
const SHORT: usize = 24;
const SHORT_SLOTS: usize = 512;

pub(crate) struct Builder {
    source: Source,
    open: Vec<Open>,
    anchors: HashMap<usize, u32>,
    aliased: usize,
    /// Where in `texts` short scalars lie, by their hash: keys and types repeat endlessly.
    short: Vec<(u32, u32)>,
    pub report: Report,
}

struct Open {
    at: u32,
    members: u32,
    /// In a map: the next node is a value.
    value_next: bool,
}

/// Where a node begins: line from 1, column from 1.
pub(crate) type Place = (usize, usize);

impl Builder {
    pub fn new(bytes: usize) -> Builder {
        let source = Source {
            entries: Vec::with_capacity(bytes / 12),
            texts: String::with_capacity(bytes / 4),
        };
        Builder {
            source,
            open: Vec::new(),
            anchors: HashMap::new(),
            aliased: 0,
            short: vec![(0, 0); SHORT_SLOTS],
            report: Report::default(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.source.entries.is_empty()
    }

    pub fn finish(self) -> (Source, Report) {
        (self.source, self.report)
    }

    pub fn scalar(&mut self, text: &str, form: Form, place: Place) -> u32 {
        let (a, b) = self.store(text);
        let at = self.push(Entry { a, b, ..Entry::new(form, place.0, place.1) });
        self.added();
        at
    }

    pub fn mark_literal(&mut self, at: u32) {
        self.source.entries[at as usize].mark_literal();
    }

    pub fn begin(&mut self, form: Form, place: Place) -> Result<u32, LocatedFinding> {
        if self.open.len() >= limits::CONFIG_DEPTH_MAX {
            return Err(too_deep(place));
        }
        if self.open.last().is_some_and(|open| self.is_key_next(open)) {
            let at = self.source.entries.len() as u32;
            self.report.error_at(at, "a list or a mapping stands as a key", "make the key a text");
        }
        let at = self.push(Entry::new(form, place.0, place.1));
        self.open.push(Open { at, members: 0, value_next: false });
        Ok(at)
    }

    pub fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let end = self.source.entries.len() as u32;
        let entry = &mut self.source.entries[open.at as usize];
        entry.a = end - open.at;
        entry.b = open.members;
        if entry.form() == Form::Map {
            self.find_repeated_keys(open.at, open.members as usize);
        }
        self.added();
    }

    pub fn anchor(&mut self, id: usize, at: u32) {
        if id != 0 {
            self.anchors.insert(id, at);
        }
    }

    /// Puts a copy of an anchored node.
    pub fn alias(&mut self, id: usize, place: Place) -> Result<(), LocatedFinding> {
        let anchored = self.anchors.get(&id).copied();
        let inside = |at: u32| self.open.iter().any(|open| open.at == at);
        let Some(at) = anchored.filter(|at| !inside(*at)) else {
            let at = self.scalar("", Form::Plain, place);
            let remedy = "write the value out here";
            self.report.error_at(at, "an alias stands inside the node that it names", remedy);
            return Ok(());
        };
        let (begin, span) = (at as usize, self.source.entries[at as usize].span() as usize);
        self.aliased += span;
        if self.aliased > limits::ALIAS_NODES_MAX {
            return Err(LocatedFinding::error(
                place,
                format!("aliases add more than {} nodes to the document", limits::ALIAS_NODES_MAX),
                "write the values out, or nest aliases less",
            ));
        }
        if self.open.len() + self.height(begin, span) > limits::CONFIG_DEPTH_MAX {
            return Err(too_deep(place));
        }
        self.source.entries.extend_from_within(begin..begin + span);
        self.added();
        Ok(())
    }

    /// How many collections of the tree at `begin` lie within one another.
    fn height(&self, begin: usize, span: usize) -> usize {
        let mut ends: Vec<usize> = Vec::new();
        let mut height = 0;
        for at in begin..begin + span {
            while ends.last().is_some_and(|end| *end <= at) {
                ends.pop();
            }
            let entry = self.source.entries[at];
            if matches!(entry.form(), Form::List | Form::Map) {
                ends.push(at + entry.span() as usize);
                height = height.max(ends.len());
            }
        }
        height
    }

    fn push(&mut self, entry: Entry) -> u32 {
        let at = self.source.entries.len() as u32;
        self.source.entries.push(entry);
        at
    }

    fn is_key_next(&self, open: &Open) -> bool {
        !open.value_next && self.source.entries[open.at as usize].form() == Form::Map
    }

    /// Counts a finished node as a member of the collection around it.
    fn added(&mut self) {
        let Some(open) = self.open.last_mut() else { return };
        match self.source.entries[open.at as usize].form() {
            Form::Map => {
                open.members += u32::from(!open.value_next);
                open.value_next = !open.value_next;
            }
            _ => open.members += 1,
        }
    }

    fn store(&mut self, text: &str) -> (u32, u32) {
        if text.len() > SHORT {
            return self.append(text);
        }
        let hash =
            text.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
        let slot = (hash ^ hash >> 15) as usize % SHORT_SLOTS;
        let (a, b) = self.short[slot];
        if &self.source.texts[a as usize..(a + b) as usize] == text {
            return (a, b);
        }
        let stored = self.append(text);
        self.short[slot] = stored;
        stored
    }

    fn append(&mut self, text: &str) -> (u32, u32) {
        let a = self.source.texts.len() as u32;
        self.source.texts.push_str(text);
        (a, text.len() as u32)
    }

    fn find_repeated_keys(&mut self, map: u32, pairs: usize) {
        let mut repeated: Vec<(u32, u32)> = Vec::new();
        if pairs <= 12 {
            let mut seen = [(0u32, ""); 12];
            for (i, (key, _)) in self.source.node(map).raw_pairs().take(12).enumerate() {
                seen[i] = (key.at(), key.text());
                let first = seen[..i].iter().find(|(_, text)| *text == key.text());
                repeated.extend(first.map(|(at, _)| (key.at(), *at)));
            }
        } else {
            let mut seen = HashMap::with_capacity(pairs);
            for (key, _) in self.source.node(map).raw_pairs() {
                let first = *seen.entry(key.text()).or_insert(key.at());
                repeated.extend((first != key.at()).then_some((key.at(), first)));
            }
        }
        for (at, first) in repeated {
            self.source.entries[at as usize].mark_repeated();
            let key = self.source.node(at);
            let problem = format!(
                "the key `{}` is repeated; it is on line {} already",
                shortened(key.text()),
                self.source.node(first).line()
            );
            self.report.error_at(at, problem, "keep one of the two");
        }
    }
}

fn too_deep(place: Place) -> LocatedFinding {
    let max = limits::CONFIG_DEPTH_MAX;
    LocatedFinding::error(
        place,
        format!("the document is nested deeper than {max} levels (CONFIG_DEPTH_MAX)"),
        "check the brackets and the indentation, or nest less",
    )
}
