//! Topics with placeholders, such as `tagwerk/{edge}/{device}/{group}`.

use tagwerk_model::TagSet;

/// Placeholders of a message's topic.
pub const DATA: &[&str] = &["edge", "device", "group", "tag"];
/// Placeholders of what belongs to the connection: client id, will, status.
pub const CONNECTION: &[&str] = &["edge", "sink"];

/// Longest topic, MQTT 5 section 1.5.4.
pub const TOPIC_BYTES_MAX: usize = 65_535;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// Index into the known names.
    Placeholder(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    Unknown(String),
    Text(String),
}

impl Template {
    pub fn parse(text: &str, known: &'static [&'static str]) -> Result<Template, Problem> {
        if text.is_empty() {
            return Err(Problem::Text("there is nothing in it".into()));
        }
        if text.len() > 1024 {
            return Err(Problem::Text(format!("it has {} bytes, the limit is 1024", text.len())));
        }
        if let Some(letter) = text.chars().find(|c| matches!(c, '+' | '#') || c.is_control()) {
            return Err(Problem::Text(format!("{letter:?} cannot stand in it")));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, from_brace) = rest.split_at(at);
            if !plain.is_empty() {
                parts.push(Part::Text(plain.to_owned()));
            }
            let end = match from_brace.find('}') {
                Some(end) if end > 0 => end,
                Some(_) => return Err(Problem::Text("a `}` has no `{` before it".into())),
                None => return Err(Problem::Text("a `{` has no `}` after it".into())),
            };
            let name = &from_brace[1..end];
            match known.iter().find(|k| **k == name) {
                Some(name) => parts.push(Part::Placeholder(name)),
                None => return Err(Problem::Unknown(name.to_owned())),
            }
            rest = &from_brace[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template(parts))
    }

    pub fn per_tag(&self) -> bool {
        self.0.contains(&Part::Placeholder("tag"))
    }

    /// The topic of a message about a group, or one of its tags.
    pub fn for_data(&self, edge: &str, set: &TagSet, tag: &str) -> String {
        self.render(|name| match name {
            "edge" => edge,
            "device" => set.device(),
            "group" => set.group(),
            _ => tag,
        })
    }

    pub fn for_connection(&self, edge: &str, sink: &str) -> String {
        self.render(|name| if name == "edge" { edge } else { sink })
    }

    fn render<'a>(&self, value: impl Fn(&str) -> &'a str) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                // A name must not add levels or wildcards to the topic.
                Part::Placeholder(name) => out.extend(value(name).chars().map(|c| match c {
                    '/' | '+' | '#' => '_',
                    c if c.is_control() => '_',
                    c => c,
                })),
            }
        }
        out
    }
}

/// Why a topic that a filter made cannot be published to.
pub fn problem(topic: &str) -> Option<String> {
    if topic.is_empty() {
        return Some("the topic is empty".into());
    }
    if topic.len() > TOPIC_BYTES_MAX {
        return Some(format!("the topic has {} bytes, MQTT allows {TOPIC_BYTES_MAX}", topic.len()));
    }
    let wrong = topic.chars().find(|c| matches!(c, '+' | '#') || c.is_control())?;
    Some(format!("{wrong:?} cannot stand in the topic `{}`", topic.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagwerk_model::TagSetDefinition;

    fn check(template: &str, expected: Result<&str, Problem>) {
        let set = TagSet::new(TagSetDefinition {
            id: 1,
            device: "boiler/1".into(),
            group: "fast+#".into(),
            tags: Vec::new(),
        });
        let got = Template::parse(template, DATA).map(|t| t.for_data("e1", &set, "t\u{0}ü"));
        assert_eq!(got.as_deref().map_err(Clone::clone), expected, "{template}");
    }

    #[test]
    fn placeholders_are_replaced() {
        check("plain", Ok("plain"));
        check("a/{edge}/{device}/{group}/{tag}", Ok("a/e1/boiler_1/fast__/t_ü"));
        check("{edge}{edge}", Ok("e1e1"));
        check("a/{unit}", Err(Problem::Unknown("unit".into())));
        check("a/{}", Err(Problem::Unknown("".into())));
        check("a/{edge", Err(Problem::Text("a `{` has no `}` after it".into())));
        check("a/edge}", Err(Problem::Text("a `}` has no `{` before it".into())));
        check("", Err(Problem::Text("there is nothing in it".into())));
        check("a/#", Err(Problem::Text("'#' cannot stand in it".into())));
        check("a/+/b", Err(Problem::Text("'+' cannot stand in it".into())));
        check("a\0", Err(Problem::Text("'\\0' cannot stand in it".into())));
    }

    #[test]
    fn a_tag_in_the_topic_makes_a_message_per_tag() {
        assert!(Template::parse("{tag}", DATA).unwrap().per_tag());
        assert!(!Template::parse("tag/{group}", DATA).unwrap().per_tag());
    }
}
