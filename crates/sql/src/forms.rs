//! Statements that differ in nothing but their texts are read once: what stands between the texts is
//! their form, and of a form it is known which of its texts a kept plan takes.

use std::collections::HashMap;
use std::fmt::Write as _;
use tagwerk_model::limits;

/// Statements that are longer are read each time.
const BYTES_MAX: usize = 4_096;

/// Of one plan there may be several, such as with other spaces.
const FORMS_MAX: usize = 2 * limits::SQL_PLANS_MAX;

/// A statement apart from its texts, and those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    frame: String,
    texts: Vec<String>,
}

impl Form {
    /// None where it takes more than a look at its quotes to tell what is a text.
    pub fn of(statement: &str) -> Option<Form> {
        let strange = ["$", "\\", "--", "/*", "\0"];
        if statement.len() > BYTES_MAX || strange.iter().any(|mark| statement.contains(mark)) {
            return None;
        }
        let (mut frame, mut texts) = (String::with_capacity(statement.len()), Vec::new());
        let mut rest = statement;
        while let Some(at) = rest.find(['\'', '"']) {
            let (before, behind) = rest.split_at(at);
            frame.push_str(before);
            let quote = behind.chars().next()?;
            // Of another kind, such as E'', or one behind the other.
            if before.ends_with(|c: char| c.is_alphanumeric() || "_&'\"".contains(c)) {
                return None;
            }
            let inner = &behind[1..];
            let end = end_of(inner, quote)?;
            let quoted = &inner[..end];
            match quote {
                '"' => frame.push_str(&behind[..end + 2]),
                _ => {
                    frame.push('\0');
                    texts.push(quoted.replace("''", "'"));
                }
            }
            rest = &inner[end + 1..];
            if rest.starts_with(['\'', '"']) {
                return None;
            }
        }
        frame.push_str(rest);
        Some(Form { frame, texts })
    }

    /// The same with a text of its own in each place, which no statement has.
    pub fn marked(&self) -> String {
        let mut marked = String::new();
        for (place, part) in self.frame.split('\0').enumerate() {
            if place > 0 {
                let _ = write!(marked, "'{MARK}{}'", place - 1);
            }
            marked.push_str(part);
        }
        marked
    }
}

/// What a mark begins with; its place follows.
const MARK: char = '\u{1}';

/// The place that a mark stands in.
fn place_of(text: &str) -> Option<usize> {
    text.strip_prefix(MARK)?.parse().ok()
}

/// Where the quote ends, in which two stand for one.
fn end_of(inner: &str, quote: char) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + inner.get(from..)?.find(quote)?;
        if !inner[end + 1..].starts_with(quote) {
            return Some(end);
        }
        from = end + 2;
    }
}

/// What became of the texts of a form.
struct Known {
    key: String,
    /// The places of those that a plan takes, in its order.
    taken: Vec<usize>,
    /// The others: with another of them it would be another plan.
    fixed: Vec<(usize, String)>,
}

impl Known {
    /// The texts that the plan takes; none of a form with another fixed one.
    fn texts(&self, form: &Form) -> Option<Vec<String>> {
        let text = |place: usize| form.texts.get(place);
        let same = self.fixed.iter().all(|(place, fixed)| text(*place) == Some(fixed));
        let texts = self.taken.iter().map(|place| text(*place).cloned());
        same.then(|| texts.collect()).flatten()
    }
}

/// Forms by what stands between their texts.
#[derive(Default)]
pub struct Forms(HashMap<String, Vec<Known>>);

impl Forms {
    /// Under which key a plan may be kept, and its texts.
    pub fn find(&self, form: &Form) -> Option<(&str, Vec<String>)> {
        let mut known = self.0.get(&form.frame)?.iter();
        known.find_map(|known| Some((&*known.key, known.texts(form)?)))
    }

    /// Remembers which texts were taken, as the marked form says.
    pub fn keep(&mut self, form: Form, key: &str, marks: &[String]) {
        let Some(taken) = marks.iter().map(|mark| place_of(mark)).collect::<Option<Vec<_>>>()
        else {
            return;
        };
        if self.0.values().map(Vec::len).sum::<usize>() >= FORMS_MAX {
            self.0.clear();
        }
        let texts = form.texts.into_iter().enumerate();
        let fixed = texts.filter(|(place, _)| !taken.contains(place)).collect();
        let of_frame = self.0.entry(form.frame).or_default();
        of_frame.retain(|known| known.key != key);
        of_frame.push(Known { key: key.to_owned(), taken, fixed });
    }

    /// The plan is kept no longer.
    pub fn forget(&mut self, key: &str) {
        self.0.retain(|_, known| {
            known.retain(|known| known.key != key);
            !known.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(statement: &str) -> Option<(String, Vec<String>)> {
        Form::of(statement).map(|form| (form.frame, form.texts))
    }

    #[test]
    fn texts_are_told_from_the_rest() {
        let (frame, texts) =
            parts("SELECT 'a''b', \"it's\" FROM t WHERE x='' AND y IN ('c','d')").unwrap();
        assert_eq!(frame, "SELECT \0, \"it's\" FROM t WHERE x=\0 AND y IN (\0,\0)");
        assert_eq!(texts, ["a'b", "", "c", "d"]);
        assert_eq!(parts("SELECT 1"), Some(("SELECT 1".to_owned(), Vec::new())));
        for strange in [
            "SELECT E'a'",
            "SELECT 'a' -- 'b'",
            "SELECT 'a' /* ' */",
            "SELECT $$a$$",
            "SELECT 'a",
            "SELECT 'a\\'",
            "SELECT U&'a'",
            "SELECT \"a",
            "SELECT 'a'\"b\"",
        ] {
            assert_eq!(parts(strange), None, "{strange}");
        }
    }

    #[test]
    fn a_marked_form_says_where_its_texts_stand() {
        let form = Form::of("SELECT 'x' FROM t WHERE a = 'y'").unwrap();
        assert_eq!(form.marked(), "SELECT '\u{1}0' FROM t WHERE a = '\u{1}1'");
        assert_eq!(place_of("\u{1}12"), Some(12));
        assert_eq!((place_of("12"), place_of("\u{1}a")), (None, None));
    }

    #[test]
    fn a_form_is_known_again_with_the_same_fixed_texts() {
        let mut forms = Forms::default();
        let form = |unit: &str, tag: &str| {
            Form::of(&format!("SELECT date_trunc('{unit}', time) FROM t WHERE tag = '{tag}'"))
                .unwrap()
        };
        forms.keep(form("minute", "a"), "key", &["\u{1}1".to_owned()]);
        assert_eq!(forms.find(&form("minute", "b")), Some(("key", vec!["b".to_owned()])));
        assert_eq!(forms.find(&form("hour", "b")), None);
        assert_eq!(forms.find(&Form::of("SELECT 1").unwrap()), None);
    }
}
