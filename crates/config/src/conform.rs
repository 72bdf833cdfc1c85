//! Checks a node against a shape, and reports everything that does not fit.

use crate::report::Report;
use crate::scalar::Scalar;
use crate::shape::{Bound, Field, Id, MapShape, Shape, Shapes, TextShape};
use crate::source::{Form, Node, shortened};
use tagwerk_component::{Duration, nearest};

impl Shapes {
    /// Whether `node` fits the whole shape.
    pub fn conform(&self, node: Node<'_>, report: &mut Report) -> bool {
        self.check(node, self.root, report)
    }

    pub fn check(&self, node: Node<'_>, id: Id, report: &mut Report) -> bool {
        match self.get(id) {
            Shape::Any => self.any_is_checked_elsewhere || check_any(node, report),
            Shape::Null => match node.scalar() {
                Some(Scalar::Null) => true,
                _ => self.wrong_type(node, id, report),
            },
            Shape::Bool => match node.scalar() {
                Some(Scalar::Bool(_)) => true,
                _ => self.wrong_type(node, id, report),
            },
            Shape::Integer { min, max } => match node.scalar() {
                Some(Scalar::Integer(n)) if (*min..=*max).contains(&n) => true,
                Some(Scalar::Integer(_) | Scalar::Huge) => {
                    let problem = format!("{} is out of range", shortened(node.text()));
                    report.error(node, problem, format!("write {}", self.expected(id)));
                    false
                }
                _ => self.wrong_type(node, id, report),
            },
            Shape::Number { min, max } => self.check_number(node, id, (*min, *max), report),
            Shape::Text(shape) => self.check_text(node, id, shape, report),
            Shape::List { first, item, min, max } => match node.form() {
                Form::List => self.check_list(node, first, *item, (*min, *max), report),
                _ => self.wrong_type(node, id, report),
            },
            Shape::Map(shape) => match node.form() {
                Form::Map => self.check_map(node, shape, report),
                _ => self.wrong_type(node, id, report),
            },
            Shape::OneOf(options) => self.check_one_of(node, id, options, report),
        }
    }

    /// Checks the keys of a map; says which of its pairs are in order.
    fn check_map(&self, node: Node<'_>, shape: &MapShape, report: &mut Report) -> bool {
        let mut found = 0;
        let mut ok = true;
        for (key, value) in node.pairs() {
            match shape.field(key.text()) {
                Some(field) => {
                    found += usize::from(field.required);
                    ok &= match field.required && self.is_empty(value, field.shape) {
                        true => self.empty(value, field, report),
                        false => self.check(value, field.shape, report),
                    };
                }
                None => match shape.others {
                    Some(others) => ok &= self.check(value, others, report),
                    None => {
                        ok = false;
                        unknown_key(key, shape, report);
                    }
                },
            }
        }
        if found == shape.fields.iter().filter(|field| field.required).count() {
            return ok;
        }
        for field in shape.fields.iter().filter(|field| field.required) {
            if node.get(&field.name).is_none() {
                let expected = self.expected(field.shape);
                report.missing(node, &field.name, format!("add `{}: …`, {expected}", field.name));
            }
        }
        false
    }

    /// Whether nothing is written where something must be.
    fn is_empty(&self, node: Node<'_>, id: Id) -> bool {
        node.scalar() == Some(Scalar::Null) && !self.form_fits(node, id)
    }

    fn empty(&self, node: Node<'_>, field: &Field, report: &mut Report) -> bool {
        let remedy = format!("write {}", self.expected(field.shape));
        report.error(node, format!("`{}` is empty", field.name), remedy);
        false
    }

    fn check_list(
        &self,
        node: Node<'_>,
        first: &[Id],
        item: Id,
        (min, max): (usize, usize),
        report: &mut Report,
    ) -> bool {
        let mut ok = (min..=max).contains(&node.len());
        if !ok {
            let remedy = match (min == max, max) {
                (true, _) => format!("give exactly {min}"),
                (false, usize::MAX) => format!("give at least {min}"),
                (false, _) => format!("give {min} to {max}"),
            };
            let items = if node.len() == 1 { "item" } else { "items" };
            report.error(node, format!("the list has {} {items}", node.len()), remedy);
        }
        for (i, node) in node.items().enumerate() {
            ok &= self.check(node, first.get(i).copied().unwrap_or(item), report);
        }
        ok
    }

    fn check_number(
        &self,
        node: Node<'_>,
        id: Id,
        (min, max): (Bound, Bound),
        report: &mut Report,
    ) -> bool {
        let number = match node.scalar() {
            Some(Scalar::Integer(n)) => n as f64,
            Some(Scalar::Huge) => node.text().parse().unwrap_or(f64::INFINITY),
            Some(Scalar::Float(f)) => f,
            _ => return self.wrong_type(node, id, report),
        };
        if !number.is_finite() {
            let problem = format!("`{}` is not a finite number", shortened(node.text()));
            report.error(node, problem, format!("write {}", self.expected(id)));
            return false;
        }
        let low = min.limit.is_some_and(|m| number < m || min.excluded && number == m);
        let high = max.limit.is_some_and(|m| number > m || max.excluded && number == m);
        if low || high {
            let problem = format!("{} is out of range", shortened(node.text()));
            report.error(node, problem, format!("write {}", self.expected(id)));
        }
        !(low || high)
    }

    fn check_text(&self, node: Node<'_>, id: Id, shape: &TextShape, report: &mut Report) -> bool {
        let Some(Scalar::Text(text)) = node.scalar() else {
            return self.wrong_type(node, id, report);
        };
        if !shape.words.is_empty() && !shape.words.iter().any(|word| word == text) {
            unknown_word(node, &shape.words, report);
            return false;
        }
        if shape.duration && Duration::parse(text).is_none() {
            let problem = format!("`{}` is not a duration", shortened(text));
            report.error(node, problem, format!("write {}", self.expected(id)));
            return false;
        }
        let length = if shape.min > 0 || shape.max.is_some() { text.chars().count() } else { 0 };
        if length < shape.min || shape.max.is_some_and(|max| length > max) {
            let problem = match length {
                0 => "the text is empty".to_owned(),
                _ => format!("the text has {length} characters"),
            };
            let remedy = match shape.max {
                Some(max) if length > max => format!("shorten it to {max} characters"),
                _ => format!("write at least {} characters", shape.min),
            };
            report.error(node, problem, remedy);
            return false;
        }
        true
    }

    /// Checks against the option that the node is most likely meant to be.
    fn check_one_of(&self, node: Node<'_>, id: Id, options: &[Id], report: &mut Report) -> bool {
        if node.form() == Form::Map
            && let Some((key, words)) = self.selector(options)
            && !self.selects(node, key, &words, report)
        {
            return false;
        }
        match self.likeliest(node, options) {
            Some(option) => self.check(node, option, report),
            None => self.wrong_type(node, id, report),
        }
    }

    /// The option that the node is most likely meant to be, if it is of its kind.
    pub fn likeliest(&self, node: Node<'_>, options: &[Id]) -> Option<Id> {
        let mut fitting = options.iter().filter(|option| self.form_fits(node, **option));
        let first = fitting.next()?;
        let best = fitting.fold((self.likeness(node, *first), *first), |best, option| {
            let likeness = self.likeness(node, *option);
            if likeness > best.0 { (likeness, *option) } else { best }
        });
        Some(best.1)
    }

    /// The key whose word tells which option is meant, and the words: `type: basic`.
    fn selector(&self, options: &[Id]) -> Option<(&str, Vec<String>)> {
        let maps: Vec<&MapShape> = options
            .iter()
            .filter_map(|option| match self.get(*option) {
                Shape::Map(shape) => Some(shape),
                _ => None,
            })
            .collect();
        let word = |shape: &MapShape, key: &str| match self.get(shape.field(key)?.shape) {
            Shape::Text(text) if text.words.len() == 1 => Some(text.words[0].clone()),
            _ => None,
        };
        let (first, rest) = maps.split_first().filter(|(_, rest)| !rest.is_empty())?;
        let has = |key: &str| rest.iter().all(|shape| word(shape, key).is_some());
        let names = first.fields.iter().map(|field| field.name.as_str());
        let key = names.into_iter().find(|key| word(first, key).is_some() && has(key))?;
        Some((key, maps.iter().filter_map(|shape| word(shape, key)).collect()))
    }

    fn selects(&self, node: Node<'_>, key: &str, words: &[String], report: &mut Report) -> bool {
        let Some(value) = node.get(key) else {
            let remedy = format!("add `{key}: …`, one of {}", words_in_order(words));
            report.missing(node, key, remedy);
            return false;
        };
        let known = value.scalar().is_some_and(
            |scalar| matches!(scalar, Scalar::Text(text) if words.iter().any(|word| word == text)),
        );
        if !known {
            unknown_word(value, words, report);
        }
        known
    }

    /// Whether the node is of the kind that the shape asks for, whatever it contains.
    fn form_fits(&self, node: Node<'_>, id: Id) -> bool {
        match (self.get(id), node.scalar()) {
            (Shape::Any, _) => true,
            (Shape::Null, scalar) => scalar == Some(Scalar::Null),
            (Shape::Bool, Some(Scalar::Bool(_))) => true,
            (Shape::Integer { .. }, Some(Scalar::Integer(_) | Scalar::Huge)) => true,
            (Shape::Number { .. }, Some(Scalar::Integer(_) | Scalar::Float(_) | Scalar::Huge)) => {
                true
            }
            (Shape::Text(_), Some(Scalar::Text(_))) => true,
            (Shape::List { .. }, _) => node.form() == Form::List,
            (Shape::Map(_), _) => node.form() == Form::Map,
            (Shape::OneOf(options), _) => options.iter().any(|o| self.form_fits(node, *o)),
            _ => false,
        }
    }

    /// How many keys of a map speak for a shape; the words in them (`type: basic`) most.
    fn likeness(&self, node: Node<'_>, id: Id) -> i64 {
        match self.get(id) {
            Shape::Map(shape) => node
                .pairs()
                .map(|(key, value)| match shape.field(key.text()).map(|f| self.get(f.shape)) {
                    Some(Shape::Text(t)) if t.words.len() == 1 => {
                        match t.words[0] == value.text() {
                            true => 100,
                            false => -100,
                        }
                    }
                    Some(_) => 1,
                    None => -1,
                })
                .sum(),
            Shape::Text(text) if !text.words.is_empty() => {
                i64::from(text.words.iter().any(|word| word == node.text()))
            }
            _ => 0,
        }
    }

    fn wrong_type(&self, node: Node<'_>, id: Id, report: &mut Report) -> bool {
        let is_secret = |shape: &Shape| matches!(shape, Shape::Map(map) if map.secret);
        if self.any_option(id, is_secret) && !matches!(node.scalar(), None | Some(Scalar::Null)) {
            crate::secret::in_clear_text(node, report);
            return false;
        }
        let expected = self.expected(id);
        let problem = format!("expected {expected}, found {}", describe(node));
        report.error(node, problem, self.type_remedy(node, id, &expected));
        false
    }

    fn type_remedy(&self, node: Node<'_>, id: Id, expected: &str) -> String {
        let text = shortened(node.text());
        let takes = |test: fn(&Shape) -> bool| self.any_option(id, test);
        let number = |s: &Shape| matches!(s, Shape::Integer { .. } | Shape::Number { .. });
        match node.scalar() {
            Some(Scalar::Text(inner)) if node.form() == Form::Text => {
                let plain = crate::scalar::resolve(inner);
                let is_number = matches!(plain, Scalar::Integer(_) | Scalar::Float(_));
                if is_number && takes(number)
                    || matches!(plain, Scalar::Bool(_)) && takes(|s| matches!(s, Shape::Bool))
                {
                    return format!("remove the quotes: {}", shortened(inner));
                }
            }
            Some(Scalar::Text("yes" | "on" | "Yes" | "On" | "YES" | "ON" | "y"))
                if takes(|s| matches!(s, Shape::Bool)) =>
            {
                return "write `true`; YAML 1.2 reads this word as a text".to_owned();
            }
            Some(Scalar::Text("no" | "off" | "No" | "Off" | "NO" | "OFF" | "n"))
                if takes(|s| matches!(s, Shape::Bool)) =>
            {
                return "write `false`; YAML 1.2 reads this word as a text".to_owned();
            }
            Some(Scalar::Float(f)) if f.fract() == 0.0 && f.abs() < 1e15 && takes(number) => {
                return format!("write `{f}`, without a decimal point");
            }
            Some(Scalar::Integer(n))
                if takes(|s| matches!(s, Shape::Text(text) if text.duration)) =>
            {
                return format!("write it with its unit, such as `{n}s` or `{n}ms`");
            }
            Some(Scalar::Null) if !takes(|s| matches!(s, Shape::Null)) => {
                return format!("write {expected}, or remove the key");
            }
            Some(Scalar::Integer(_) | Scalar::Float(_) | Scalar::Bool(_) | Scalar::Huge)
                if takes(|s| matches!(s, Shape::Text(text) if text.words.is_empty())) =>
            {
                return format!("put it in quotes: \"{text}\"");
            }
            Some(_) if takes(|s| matches!(s, Shape::List { .. })) => {
                return format!("write a list: [{text}]");
            }
            _ => {}
        }
        format!("write {expected}")
    }

    fn any_option(&self, id: Id, test: fn(&Shape) -> bool) -> bool {
        match self.get(id) {
            Shape::OneOf(options) => options.iter().any(|option| self.any_option(*option, test)),
            shape => test(shape),
        }
    }

    /// The shape in words: `a whole number from 1 to 247`.
    pub fn expected(&self, id: Id) -> String {
        match self.get(id) {
            Shape::Any => "a value".to_owned(),
            Shape::Null => "nothing".to_owned(),
            Shape::Bool => "`true` or `false`".to_owned(),
            Shape::Integer { min, max } => {
                let all = (i128::from(i64::MIN), i128::from(u64::MAX));
                match (*min == all.0, *max == all.1) {
                    (true, true) => "a whole number".to_owned(),
                    (false, true) => format!("a whole number not below {min}"),
                    (true, false) => format!("a whole number up to {max}"),
                    (false, false) => format!("a whole number from {min} to {max}"),
                }
            }
            Shape::Number { min, max } => match (min.limit, max.limit) {
                (Some(min), Some(max)) => format!("a number from {min} to {max}"),
                (Some(limit), None) if min.excluded => format!("a number above {limit}"),
                (Some(limit), None) => format!("a number not below {limit}"),
                (None, Some(limit)) => format!("a number up to {limit}"),
                (None, None) => "a number".to_owned(),
            },
            Shape::Text(text) if text.duration => {
                let example = text.example.as_deref().unwrap_or("1s");
                format!("a duration such as `{example}`")
            }
            Shape::Text(text) => match (text.words.len(), &text.example) {
                (0, Some(example)) => format!("a text such as `{example}`"),
                (0, None) => "a text".to_owned(),
                (1, _) => format!("`{}`", text.words[0]),
                _ => format!("one of {}", words_in_order(&text.words)),
            },
            Shape::List { .. } => "a list".to_owned(),
            Shape::Map(shape) => {
                let keys: Vec<&str> =
                    shape.fields.iter().filter(|f| f.required).map(|f| f.name.as_str()).collect();
                match keys.is_empty() {
                    true => "a mapping".to_owned(),
                    false => format!("a mapping with {}", quoted(&keys)),
                }
            }
            Shape::OneOf(options) => {
                let mut options: Vec<String> = options
                    .iter()
                    .filter(|option| !matches!(self.get(**option), Shape::Null))
                    .map(|option| self.expected(*option))
                    .collect();
                options.dedup();
                options.join(", or ")
            }
        }
    }
}

/// What a user sees in the document: `the text "abc"`.
pub(crate) fn describe(node: Node<'_>) -> String {
    let text = shortened(node.text());
    match (node.form(), node.scalar()) {
        (Form::List, _) => "a list".to_owned(),
        (Form::Map, _) => "a mapping".to_owned(),
        (_, Some(Scalar::Null)) => "nothing".to_owned(),
        (_, Some(Scalar::Bool(_))) => format!("`{text}`"),
        (_, Some(Scalar::Integer(_) | Scalar::Float(_) | Scalar::Huge)) => {
            format!("the number {text}")
        }
        _ => format!("the text \"{text}\""),
    }
}

/// Values that mean nothing in JSON, which settings are handed over as.
fn check_any(node: Node<'_>, report: &mut Report) -> bool {
    let mut ok = true;
    match node.form() {
        Form::List => node.items().for_each(|item| ok &= check_any(item, report)),
        Form::Map => node.pairs().for_each(|(_, value)| ok &= check_any(value, report)),
        Form::Text => {}
        Form::Plain => match node.scalar() {
            Some(Scalar::Float(f)) if !f.is_finite() => {
                ok = false;
                let problem = format!("`{}` is not a finite number", shortened(node.text()));
                report.error(node, problem, "write a number, or put the text in quotes");
            }
            Some(Scalar::Huge) => {
                ok = false;
                let problem = format!("{} does not fit 64 bits", shortened(node.text()));
                report.error(node, problem, "write a smaller number, or put the digits in quotes");
            }
            _ => {}
        },
    }
    ok
}

fn unknown_word(node: Node<'_>, words: &[String], report: &mut Report) {
    let all = words_in_order(words);
    let remedy = match nearest(node.text(), words.iter().map(String::as_str)) {
        Some(word) => format!("write `{word}`, or another of {all}"),
        None => format!("write one of {all}"),
    };
    let problem = match node.scalar() {
        Some(Scalar::Text(text)) => format!("`{}` is not known here", shortened(text)),
        _ => format!("expected a word, found {}", describe(node)),
    };
    report.error(node, problem, remedy);
}

fn unknown_key(key: Node<'_>, shape: &MapShape, report: &mut Report) {
    if matches!(key.form(), Form::List | Form::Map) {
        return; // Reported when it was read.
    }
    let name = key.text();
    let known: Vec<&str> = shape.fields.iter().map(|field| field.name.as_str()).collect();
    let remedy = match shape.nearest(name) {
        Some(near) => format!("write `{near}`, or remove it"),
        None if name == "<<" => {
            "merge keys are not part of YAML 1.2; write the keys out".to_owned()
        }
        None if known.is_empty() => "remove it; there are no keys here".to_owned(),
        None => format!("remove it; the keys here are {}", quoted(&known)),
    };
    report.error(key, format!("the key `{}` is not known here", shortened(name)), remedy);
}

fn words_in_order(words: &[String]) -> String {
    quoted(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// `a`, `b` and `c`.
pub(crate) fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax;
    use schemars::JsonSchema;
    use std::collections::BTreeMap;

    /// Settings with everything that settings have been seen to hold.
    #[derive(JsonSchema)]
    #[schemars(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Settings {
        login: Option<Login>,
        #[schemars(length(min = 1, max = 3))]
        hosts: Option<Vec<String>>,
        factors: Option<BTreeMap<String, f64>>,
        serial: Option<Serial>,
        #[schemars(range(min = 0.0, max = 1.0))]
        share: Option<f64>,
        offset: Option<i64>,
        pair: Option<(u8, String)>,
        either: Option<Either>,
        tree: Option<Box<Settings>>,
        anything: Option<serde_json::Value>,
    }

    #[derive(JsonSchema)]
    #[schemars(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
    #[allow(dead_code)]
    enum Login {
        Anonymous,
        Password { user: String, secret: String },
        Certificate { file: String },
    }

    #[derive(JsonSchema)]
    #[schemars(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Serial {
        path: String,
        parity: Parity,
    }

    #[derive(JsonSchema)]
    #[schemars(rename_all = "lowercase")]
    #[allow(dead_code)]
    enum Parity {
        None,
        Even,
        /// With words of its own.
        Odd,
    }

    #[derive(JsonSchema)]
    #[schemars(untagged)]
    #[allow(dead_code)]
    enum Either {
        Number(u16),
        Text(String),
    }

    #[track_caller]
    fn check(yaml: &str, expected: &[&str]) {
        let shapes = Shapes::compile(schemars::schema_for!(Settings).as_value());
        let (source, mut report) =
            syntax::read(yaml.as_bytes()).unwrap_or_else(|finding| panic!("{finding}"));
        let ok = shapes.conform(source.root(), &mut report);
        let (findings, _) = report.finish(&source);
        assert_eq!(ok, expected.is_empty());
        let found: Vec<String> =
            findings.iter().map(|f| format!("{}: {}; {}", f.path, f.problem, f.remedy)).collect();
        assert_eq!(found, expected, "{yaml}");
    }

    #[test]
    fn settings_of_every_kind_are_checked_where_they_are_wrong() {
        check("{}", &[]);
        check("{ login: { type: anonymous }, hosts: [a], factors: { x: 1 }, share: 0.5 }", &[]);
        check("{ pair: [1, a], either: 5, tree: { either: x }, anything: [{ a: no }] }", &[]);
        check("{ login: , offset: -9223372036854775808, serial: { path: a, parity: odd } }", &[]);
        check(
            "{ login: { type: password, usr: a, secret: b } }",
            &[
                "login.user: `user` is missing; add `user: …`, a text",
                "login.usr: the key `usr` is not known here; write `user`, or remove it",
            ],
        );
        check(
            "{ login: { type: pasword } }",
            &["login.type: `pasword` is not known here; write `password`, or another of \
               `anonymous`, `password` and `certificate`"],
        );
        check(
            "{ hosts: [], factors: { x: a }, share: 1.5 }",
            &[
                "hosts: the list has 0 items; give 1 to 3",
                "factors.x: expected a number, found the text \"a\"; write a number",
                "share: 1.5 is out of range; write a number from 0 to 1",
            ],
        );
        check(
            "{ serial: { path: 5, parity: evn }, tree: { tree: { shar: 1 } } }",
            &[
                "serial.path: expected a text, found the number 5; put it in quotes: \"5\"",
                "serial.parity: `evn` is not known here; write `even`, or another of \
                 `none`, `even` and `odd`",
                "tree.tree.shar: the key `shar` is not known here; write `share`, or remove it",
            ],
        );
        check(
            "{ pair: [300, 1], either: [], anything: .nan }",
            &[
                "pair[0]: 300 is out of range; write a whole number from 0 to 255",
                "pair[1]: expected a text, found the number 1; put it in quotes: \"1\"",
                "either: expected a whole number from 0 to 65535, or a text, found a list; \
                 write a whole number from 0 to 65535, or a text",
                "anything: `.nan` is not a finite number; write a number, or put the text in quotes",
            ],
        );
    }
}
