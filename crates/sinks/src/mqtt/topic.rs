//! Topics with placeholders, such as `tagwerk/{edge}/{device}/{group}`.

use crate::template::{Problem, Template};
use std::borrow::Cow;
use tagwerk_model::TagSet;

/// Placeholders of a message's topic.
pub const DATA: &[&str] = &["edge", "device", "group", "tag"];
/// Placeholders of what belongs to the connection: client id, will, status.
pub const CONNECTION: &[&str] = &["edge", "sink"];

pub fn parse(text: &str, known: &'static [&'static str]) -> Result<Template, Problem> {
    if let Some(letter) = text.chars().find(|c| matches!(c, '+' | '#') || c.is_control()) {
        return Err(Problem::Text(format!("{letter:?} cannot stand in it")));
    }
    Template::parse(text, known)
}

/// The topic of a message about a group, or one of its tags.
pub fn for_data(template: &Template, edge: &str, set: &TagSet, tag: &str) -> String {
    template.render(|name| match name {
        "edge" => level(edge),
        "device" => level(set.device()),
        "group" => level(set.group()),
        _ => level(tag),
    })
}

pub fn for_connection(template: &Template, edge: &str, sink: &str) -> String {
    template.render(|name| level(if name == "edge" { edge } else { sink }))
}

/// A name must not add levels or wildcards to the topic.
fn level(name: &str) -> Cow<'_, str> {
    let wrong = |c: char| matches!(c, '/' | '+' | '#') || c.is_control();
    match name.contains(wrong) {
        true => name.replace(wrong, "_").into(),
        false => name.into(),
    }
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
        let got = parse(template, DATA).map(|t| for_data(&t, "e1", &set, "t\u{0}ü"));
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
        assert!(parse("{tag}", DATA).unwrap().mentions("tag"));
        assert!(!parse("tag/{group}", DATA).unwrap().mentions("tag"));
    }
}
