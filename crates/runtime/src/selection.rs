//! Which tags of a set a sink gets.

use tagwerk_config::TagPattern;
use tagwerk_model::TagSet;

/// What a sink's patterns let through of one tag set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    Nothing,
    All,
    /// One flag per tag of the set.
    Some(Box<[bool]>),
}

impl Selection {
    pub fn of(patterns: &[TagPattern], set: &TagSet) -> Selection {
        let chosen = |tag: &str| patterns.iter().any(|p| p.matches(set.device(), set.group(), tag));
        let flags: Box<[bool]> = set.tags().iter().map(|tag| chosen(&tag.name)).collect();
        match (flags.iter().all(|f| *f), flags.iter().any(|f| *f)) {
            (true, _) => Selection::All,
            (_, false) => Selection::Nothing,
            _ => Selection::Some(flags),
        }
    }
}
