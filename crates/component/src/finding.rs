//! One problem in a configuration: where, what, and what to do about it.

use tagwerk_model::limits;

/// One step from the whole document to a place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    Key(String),
    Index(usize),
}

/// A place in a document, or in the part of it that a component sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(pub Vec<Segment>);

impl Place {
    pub fn root() -> Place {
        Place::default()
    }

    /// A key of the component's own settings.
    pub fn settings(key: &str) -> Place {
        Place::root().key("settings").key(key)
    }

    /// A key of a tag, by the position of its group and its own.
    pub fn tag(group: usize, tag: usize, key: &str) -> Place {
        Place::root().key("groups").index(group).key("tags").index(tag).key(key)
    }

    pub fn key(mut self, key: &str) -> Place {
        self.0.push(Segment::Key(key.to_owned()));
        self
    }

    pub fn index(mut self, index: usize) -> Place {
        self.0.push(Segment::Index(index));
        self
    }

    pub fn join(mut self, rest: &Place) -> Place {
        self.0.extend(rest.0.iter().cloned());
        self
    }
}

/// Whether a finding stops a configuration from being applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Error,
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub weight: Weight,
    pub place: Place,
    pub problem: String,
    pub remedy: String,
}

/// Collects findings; keeps the first [`limits::FINDINGS_MAX`] and counts the rest.
#[derive(Debug, Default)]
pub struct Findings {
    base: Place,
    list: Vec<Finding>,
    dropped: usize,
    errors: usize,
}

impl Findings {
    pub fn new() -> Findings {
        Findings::default()
    }

    /// Everything `check` reports is placed below `base`.
    pub fn within<T>(&mut self, base: &Place, check: impl FnOnce(&mut Findings) -> T) -> T {
        let outer = self.base.clone();
        self.base = outer.clone().join(base);
        let result = check(self);
        self.base = outer;
        result
    }

    pub fn error(&mut self, place: Place, problem: impl Into<String>, remedy: impl Into<String>) {
        self.add(Weight::Error, place, problem.into(), remedy.into());
    }

    pub fn warning(&mut self, place: Place, problem: impl Into<String>, remedy: impl Into<String>) {
        self.add(Weight::Warning, place, problem.into(), remedy.into());
    }

    fn add(&mut self, weight: Weight, place: Place, problem: String, remedy: String) {
        self.errors += usize::from(weight == Weight::Error);
        if self.list.len() >= limits::FINDINGS_MAX {
            self.dropped += 1;
            return;
        }
        let place = self.base.clone().join(&place);
        self.list.push(Finding { weight, place, problem, remedy });
    }

    /// Number of errors found, listed or not.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Findings beyond the limit, which are counted but not listed.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    pub fn list(&self) -> &[Finding] {
        &self.list
    }
}

/// The name among `known` that the user most likely meant by `given`: at most a third of its letters
/// wrong.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (edit_distance(given, name), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein's distance, by rows.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate().take(limits::NAME_BYTES_MAX) {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_only_when_it_is_near() {
        let known = ["interval", "timeout", "host"];
        assert_eq!(nearest("intervall", known), Some("interval"));
        assert_eq!(nearest("hots", known), None);
        assert_eq!(nearest("hast", known), Some("host"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn findings_are_placed_below_their_base_and_bounded() {
        let mut findings = Findings::new();
        let base = Place::root().key("devices").index(3);
        findings.within(&base, |f| f.error(Place::settings("host"), "p", "r"));
        assert_eq!(findings.list()[0].place, base.join(&Place::settings("host")));
        (0..500).for_each(|_| findings.warning(Place::root(), "p", "r"));
        assert_eq!(findings.list().len(), limits::FINDINGS_MAX);
        assert_eq!(findings.dropped(), 501 - limits::FINDINGS_MAX);
        assert_eq!(findings.errors(), 1);
    }
}
