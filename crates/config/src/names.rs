//! What names may be made of: they stand in paths, topics, patterns and tables.

use tagwerk_model::limits::NAME_BYTES_MAX;

/// Tags called so would hide a device's own state, which is published as `device/status`.
pub const RESERVED_TAG: &str = "status";

/// What is wrong with a name and what to do, or `None`.
pub(crate) type Wrong = Option<(String, String)>;

/// Names of edges, devices, groups and sinks: ASCII letters, digits, `.`, `_`, `-`, beginning with a
/// letter or digit.
pub(crate) fn check_name(name: &str) -> Wrong {
    check(
        name,
        |c| c.is_ascii_alphanumeric(),
        |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'),
        "use letters from a to z, digits, `.`, `_` and `-`, beginning with a letter or digit",
    )
}

/// Names of tags may have letters and digits of any script, and begin with `_` as well.
pub(crate) fn check_tag_name(name: &str) -> Wrong {
    if name == RESERVED_TAG {
        let problem = "the tag name `status` is taken by the device's own state".to_owned();
        return Some((problem, "choose another name, such as `state`".to_owned()));
    }
    check(
        name,
        |c| c.is_alphanumeric() || c == '_',
        |c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'),
        "use letters, digits, `.`, `_` and `-`, beginning with a letter, a digit or `_`",
    )
}

fn check(name: &str, first: fn(char) -> bool, other: fn(char) -> bool, rule: &str) -> Wrong {
    if name.is_empty() {
        return Some(("the name is empty".to_owned(), "give it a name".to_owned()));
    }
    if name.len() > NAME_BYTES_MAX {
        let problem = format!("the name has {} bytes", name.len());
        return Some((problem, format!("shorten it to {NAME_BYTES_MAX} bytes")));
    }
    let wrong = name.chars().enumerate().find(|(i, c)| match i {
        0 => !first(*c),
        _ => !other(*c),
    });
    let (_, c) = wrong?;
    let shown = match c {
        ' ' => "a space".to_owned(),
        c if c.is_control() || c.is_whitespace() => format!("the character U+{:04X}", u32::from(c)),
        c => format!("`{c}`"),
    };
    let place = if name.starts_with(c) { "begins with" } else { "contains" };
    let better: String = name.chars().map(|c| if other(c) { c } else { '_' }).collect();
    let better = better.trim_start_matches(|c| !first(c));
    let rule = match better.is_empty() {
        true => rule.to_owned(),
        false => format!("{rule}, such as `{better}`"),
    };
    Some((format!("the name {place} {shown}"), rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_break_paths_are_refused_with_a_better_one() {
        for good in ["boiler-1", "A", "0", "a.b_c"] {
            assert_eq!(check_name(good), None, "{good}");
        }
        for good in ["Füllstand", "_x", "温度", "a.b"] {
            assert_eq!(check_tag_name(good), None, "{good}");
        }
        for bad in ["", "-a", ".a", "a/b", "a b", "a*", "é", "a\u{a0}b", &"x".repeat(129)] {
            assert!(check_name(bad).is_some(), "{bad}");
        }
        assert!(check_name("boiler 1").unwrap().1.ends_with("such as `boiler_1`"));
        assert!(check_tag_name("status").is_some());
        assert!(check_tag_name("a/b").is_some());
    }
}
