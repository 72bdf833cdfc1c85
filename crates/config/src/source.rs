//! The tree of a parsed document with the place of every node in the text.
//!
//! Flat and compact (16 bytes a node), because a document may hold a million tags: nodes lie in
//! document order, a collection before its members. What the nodes mean is left to others.

use crate::scalar::{self, Scalar};

/// A parsed document. Never empty.
pub struct Source {
    pub(crate) entries: Vec<Entry>,
    /// The text of all scalars, each stored at least once.
    pub(crate) texts: String,
}

#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// Scalar: where its text starts. Collection: number of entries in it, itself included.
    pub a: u32,
    /// Scalar: length of its text. Collection: number of members (pairs count once).
    pub b: u32,
    pub line: u32,
    /// Column in characters (saturating), and the form in the low byte.
    pub column_form: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Form {
    /// A scalar whose text decides what it is.
    Plain = 0,
    /// A scalar that is text whatever it looks like.
    Text = 1,
    List = 2,
    Map = 3,
}

/// A key that repeats an earlier one, reported and then passed over with its value.
const REPEATED: u32 = 0x80;
/// A text that stands in the document line by line.
const LITERAL: u32 = 0x40;
const COLUMN_MAX: u32 = (1 << 24) - 1;

impl Entry {
    pub fn new(form: Form, line: usize, column: usize) -> Entry {
        let column = u32::try_from(column).unwrap_or(COLUMN_MAX).min(COLUMN_MAX);
        Entry {
            a: 1,
            b: 0,
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column_form: column << 8 | form as u32,
        }
    }

    pub fn form(self) -> Form {
        match self.column_form & 0x3f {
            0 => Form::Plain,
            1 => Form::Text,
            2 => Form::List,
            _ => Form::Map,
        }
    }

    /// Number of entries of this node and everything in it.
    pub fn span(self) -> u32 {
        if matches!(self.form(), Form::List | Form::Map) { self.a } else { 1 }
    }

    pub fn column(self) -> u32 {
        self.column_form >> 8
    }

    pub fn is_repeated(self) -> bool {
        self.column_form & REPEATED != 0
    }

    pub fn is_literal(self) -> bool {
        self.column_form & LITERAL != 0
    }

    pub fn mark_literal(&mut self) {
        self.column_form |= LITERAL;
    }

    pub fn mark_repeated(&mut self) {
        self.column_form |= REPEATED;
    }
}

/// One node of a [`Source`].
#[derive(Clone, Copy)]
pub(crate) struct Node<'s> {
    source: &'s Source,
    at: u32,
}

impl Source {
    pub(crate) fn root(&self) -> Node<'_> {
        Node { source: self, at: 0 }
    }

    pub(crate) fn node(&self, at: u32) -> Node<'_> {
        Node { source: self, at }
    }

    pub(crate) fn text(&self, entry: Entry) -> &str {
        &self.texts[entry.a as usize..(entry.a + entry.b) as usize]
    }

    /// The path of a node as people read it: `devices[boiler-1].settings.host`.
    pub(crate) fn path(&self, target: u32) -> String {
        let mut path = String::new();
        let mut at = 0;
        while at != target {
            let node = self.node(at);
            let found = match node.form() {
                Form::Map => self.step_into_map(node, target, &mut path),
                Form::List => self.step_into_list(node, target, &mut path),
                Form::Plain | Form::Text => None,
            };
            match found {
                Some(next) => at = next,
                None => break,
            }
        }
        path
    }

    fn step_into_map(&self, map: Node<'_>, target: u32, path: &mut String) -> Option<u32> {
        for (key, value) in map.raw_pairs() {
            if target == key.at {
                push_key(path, key.text());
                return Some(target);
            }
            if target < value.at + value.entry().span() {
                push_key(path, key.text());
                return Some(value.at);
            }
        }
        None
    }

    fn step_into_list(&self, list: Node<'_>, target: u32, path: &mut String) -> Option<u32> {
        for (index, item) in list.items().enumerate() {
            if target < item.at + item.entry().span() {
                match item.name() {
                    Some(name) => path.push_str(&format!("[{name}]")),
                    None => path.push_str(&format!("[{index}]")),
                }
                return Some(item.at);
            }
        }
        None
    }
}

/// Appends `.key`, in quotes where the key would blur the path.
pub(crate) fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    match key.len() <= 64 && !key.is_empty() && key.chars().all(is_plain_in_path) {
        true => path.push_str(key),
        false => path.push_str(&format!("{:?}", shortened(key))),
    }
}

fn is_plain_in_path(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// At most 64 characters of a text, on one line, for messages.
pub(crate) fn shortened(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(64).map(visible).collect();
    if short.len() < text.len() && text.chars().nth(64).is_some() {
        short.push('…');
    }
    short
}

impl<'s> Node<'s> {
    pub fn at(self) -> u32 {
        self.at
    }

    pub fn entry(self) -> Entry {
        self.source.entries[self.at as usize]
    }

    pub fn form(self) -> Form {
        self.entry().form()
    }

    pub fn line(self) -> u32 {
        self.entry().line
    }

    /// The text of a scalar as parsed, whatever it stands for; empty for collections.
    pub fn text(self) -> &'s str {
        match self.form() {
            Form::Plain | Form::Text => self.source.text(self.entry()),
            Form::List | Form::Map => "",
        }
    }

    /// What a scalar stands for; `None` for collections.
    pub fn scalar(self) -> Option<Scalar<'s>> {
        match self.form() {
            Form::Plain => Some(scalar::resolve(self.text())),
            Form::Text => Some(Scalar::Text(self.text())),
            Form::List | Form::Map => None,
        }
    }

    /// Number of items of a list or pairs of a map.
    pub fn len(self) -> usize {
        match self.form() {
            Form::List | Form::Map => self.entry().b as usize,
            Form::Plain | Form::Text => 0,
        }
    }

    pub fn items(self) -> impl Iterator<Item = Node<'s>> {
        let end = if self.form() == Form::List { self.at + self.entry().span() } else { 0 };
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let item = self.source.node(next);
                next += item.entry().span();
                item
            })
        })
    }

    /// Keys and values, repeated keys left out.
    pub fn pairs(self) -> impl Iterator<Item = (Node<'s>, Node<'s>)> {
        self.raw_pairs().filter(|(key, _)| !key.entry().is_repeated())
    }

    pub fn raw_pairs(self) -> impl Iterator<Item = (Node<'s>, Node<'s>)> {
        let end = if self.form() == Form::Map { self.at + self.entry().span() } else { 0 };
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let key = self.source.node(next);
                let value = self.source.node(next + key.entry().span());
                next = value.at + value.entry().span();
                (key, value)
            })
        })
    }

    pub fn get(self, key: &str) -> Option<Node<'s>> {
        self.pairs().find(|(k, _)| k.text() == key).map(|(_, value)| value)
    }

    /// The `name` of an item of a list, when it can stand in a path.
    pub fn name(self) -> Option<&'s str> {
        let name = self.get("name")?;
        let text = match name.scalar()? {
            Scalar::Text(text) => text,
            _ => return None,
        };
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        (!text.is_empty() && text.len() <= 128 && text.chars().all(plain)).then_some(text)
    }
}
