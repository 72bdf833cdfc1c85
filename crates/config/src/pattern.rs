//! Patterns that choose tags: `device/tag` or `device/group/tag`, with `*` and `?` within each part.

use std::fmt;

/// A pattern over tags.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TagPattern {
    device: Glob,
    group: Glob,
    tag: Glob,
    text: Box<str>,
}

impl TagPattern {
    /// Chooses every tag.
    pub fn all() -> TagPattern {
        let any = || Glob("*".into());
        TagPattern { device: any(), group: any(), tag: any(), text: "*".into() }
    }

    /// `None` when the text is not of the form.
    pub fn parse(text: &str) -> Option<TagPattern> {
        if text == "*" {
            return Some(TagPattern::all());
        }
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty() || part.chars().any(char::is_whitespace)) {
            return None;
        }
        let (device, group, tag) = match parts[..] {
            [device, tag] => (device, "*", tag),
            [device, group, tag] => (device, group, tag),
            _ => return None,
        };
        Some(TagPattern {
            device: Glob(device.into()),
            group: Glob(group.into()),
            tag: Glob(tag.into()),
            text: text.into(),
        })
    }

    pub fn matches(&self, device: &str, group: &str, tag: &str) -> bool {
        self.device.matches(device) && self.group.matches(group) && self.tag.matches(tag)
    }

    /// The device and the tag of a pattern that can choose no other.
    pub fn exact(&self) -> Option<(&str, &str)> {
        let plain = |glob: &Glob| !glob.0.contains(['*', '?']);
        let one = plain(&self.device) && plain(&self.tag) && &*self.group.0 == "*";
        one.then_some((&*self.device.0, &*self.tag.0))
    }

    /// Whether the pattern chooses something in this group, whatever its tags are called: it means
    /// all of them, or names the device.
    pub(crate) fn means_device(&self, device: &str, group: &str) -> bool {
        (&*self.tag.0 == "*" || &*self.device.0 == device) && self.matches_group(device, group)
    }

    /// Whether the pattern can choose any tag of this group.
    pub fn matches_group(&self, device: &str, group: &str) -> bool {
        self.device.matches(device) && self.group.matches(group)
    }
}

/// A pattern over names, such as those of alarms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamePattern(Glob);

impl NamePattern {
    /// Chooses every name.
    pub fn all() -> NamePattern {
        NamePattern(Glob("*".into()))
    }

    /// `None` when the text is not of the form.
    pub fn parse(text: &str) -> Option<NamePattern> {
        let fits = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '/');
        fits.then(|| NamePattern(Glob(text.into())))
    }

    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `*` stands for any characters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Glob(Box<str>);

impl Glob {
    /// Goes back only to the last `*`, hence time at most pattern × text.
    fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut rest) = (&*self.0, text);
        let mut star: Option<(&str, &str)> = None;
        loop {
            let p = pattern.chars().next();
            let t = rest.chars().next();
            match (p, t) {
                (Some('*'), _) => {
                    pattern = &pattern[1..];
                    star = Some((pattern, rest));
                }
                (Some(p), Some(t)) if p == '?' || p == t => {
                    pattern = &pattern[p.len_utf8()..];
                    rest = &rest[t.len_utf8()..];
                }
                (None, None) => return true,
                _ => {
                    let Some((after, from)) = star else { return false };
                    let Some(skipped) = from.chars().next() else { return false };
                    (pattern, rest) = (after, &from[skipped.len_utf8()..]);
                    star = Some((after, rest));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_choose_tags() {
        let cases = [
            ("*", true),
            ("*/*", true),
            ("boiler-1/*", true),
            ("boiler-?/press*", true),
            ("*/process/*", true),
            ("*/p*s/pressure", true),
            ("boiler-1/process/pressure", true),
            ("boiler-1/pressure", true),
            ("boiler/*", false),
            ("*/slow/*", false),
            ("*/temp*", false),
            ("boiler-??/*", false),
        ];
        for (text, expected) in cases {
            let pattern = TagPattern::parse(text).unwrap();
            assert_eq!(pattern.matches("boiler-1", "process", "pressure"), expected, "{text}");
        }
        let exact = |text: &str| TagPattern::parse(text).unwrap().exact().is_some();
        assert!(exact("boiler-1/pressure"));
        assert!(!exact("boiler-1/*") && !exact("b?/pressure") && !exact("boiler-1/g/pressure"));
        for wrong in ["", "a", "a/", "/a", "a//b", "a/b/c/d", "a /b"] {
            assert_eq!(TagPattern::parse(wrong), None, "{wrong}");
        }
    }
}
