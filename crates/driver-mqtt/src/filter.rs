//! Topic filters: how they are written, and which topics they fit (MQTT 5, sections 4.7 and 4.8.2).

use tagwerk_mqtt::TOPIC_BYTES_MAX;

/// A filter as it is subscribed to, such as `plant/+/state` or `$share/edges/plant/#`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filter {
    text: String,
    /// Where the filter of topics begins in it, behind the name of a shared subscription.
    topics: usize,
}

impl Filter {
    /// Reads a filter, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Filter, String> {
        if text.len() > TOPIC_BYTES_MAX {
            let length = text.len();
            return Err(format!("it has {length} bytes, MQTT allows {TOPIC_BYTES_MAX}"));
        }
        if let Some(letter) = text.chars().find(|c| c.is_control()) {
            return Err(format!("{letter:?} cannot stand in it"));
        }
        let topics = match text.strip_prefix("$share/") {
            None => 0,
            Some(rest) => match rest.split_once('/') {
                Some((name, _)) if !name.is_empty() && !name.contains(['+', '#']) => {
                    "$share/".len() + name.len() + 1
                }
                _ => return Err("a shared subscription is `$share/NAME/FILTER`".to_owned()),
            },
        };
        let levels = &text[topics..];
        if levels.is_empty() {
            return Err("there is nothing in it".to_owned());
        }
        let count = levels.split('/').count();
        for (place, level) in levels.split('/').enumerate() {
            if level.contains('#') && (level != "#" || place + 1 != count) {
                return Err("`#` stands alone in the last level".to_owned());
            }
            if level.contains('+') && level != "+" {
                return Err("`+` stands alone in its level".to_owned());
            }
        }
        Ok(Filter { text: text.to_owned(), topics })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_shared(&self) -> bool {
        self.topics > 0
    }

    pub fn fits(&self, topic: &str) -> bool {
        let filter = &self.text[self.topics..];
        // Topics of the broker's own are not meant by a wildcard (section 4.7.2).
        if topic.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.split('/');
        for wanted in filter.split('/') {
            match (wanted, levels.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_fitted_as_the_standard_says() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/b", "a", false),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("+", "a", true),
            ("+", "/a", false),
            ("+/+", "/a", true),
            ("a/+/c", "a/b/c", true),
            ("a/+/c", "a/b/d", false),
            ("#", "a/b/c", true),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/#", "ab", false),
            ("#", "$SYS/uptime", false),
            ("+/uptime", "$SYS/uptime", false),
            ("$SYS/#", "$SYS/uptime", true),
            ("$share/g/a/#", "a/b", true),
            ("$share/g/#", "$SYS/uptime", false),
            ("ä/+", "ä/ö", true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().fits(topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn filters_that_no_broker_takes_are_refused() {
        for wrong in [
            "",
            "a/#/b",
            "a#",
            "a/b+",
            "+a",
            "$share/g",
            "$share//a",
            "$share/g/",
            "$share/+/a",
            "a\0",
        ] {
            assert!(Filter::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Filter::parse("$share/g/a").unwrap().is_shared());
    }
}
