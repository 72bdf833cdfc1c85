//! Placeholders in the texts of a template: `${host}`, `${base + 12}`; `$${` stands for `${`. Filling
//! them needs the values of the parameters, which come from the caller.

use std::fmt;

/// A value that a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Given<'v> {
    Whole(i128),
    /// A text, or a number or truth value as it was written.
    Text(&'v str),
}

/// A text with its placeholders filled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filled<'t> {
    /// The text was one placeholder, with a single name in it.
    Parameter(&'t str),
    /// The text was one placeholder with arithmetic in it.
    Whole(i128),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong<'t> {
    NotClosed,
    Empty,
    /// What stands where something else is expected.
    Unexpected(&'t str),
    Unknown(&'t str),
    NotWhole(&'t str),
    TooLarge,
    TooLong,
    TooDeep,
}

impl fmt::Display for Wrong<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::NotClosed => f.write_str("a placeholder `${` is not closed"),
            Wrong::Empty => f.write_str("a placeholder `${}` is empty"),
            Wrong::Unexpected("") => f.write_str("a placeholder ends too early"),
            Wrong::Unexpected(rest) => {
                let shown: String = rest.chars().take(16).collect();
                write!(f, "`{shown}` is not understood in a placeholder")
            }
            Wrong::Unknown(name) => write!(f, "there is no parameter `{name}`"),
            Wrong::NotWhole(name) => {
                write!(f, "`{name}` is not a whole number, and cannot be calculated with")
            }
            Wrong::TooLarge => f.write_str("the result of a placeholder does not fit 64 bits"),
            Wrong::TooLong => write!(
                f,
                "the text with its placeholders filled is longer than {} bytes",
                tagwerk_model::limits::FILLED_BYTES_MAX
            ),
            Wrong::TooDeep => f.write_str("the parentheses of a placeholder are nested too deeply"),
        }
    }
}

/// Whether there is anything to fill.
pub(crate) fn has_any(text: &str) -> bool {
    text.contains("${")
}

/// Fills all placeholders of a text.
pub(crate) fn fill<'t, 'v>(
    text: &'t str,
    value: &dyn Fn(&str) -> Option<Given<'v>>,
) -> Result<Filled<'t>, Wrong<'t>> {
    if let Some(inner) = only_placeholder(text) {
        if is_name(inner.trim()) {
            let name = inner.trim();
            return value(name).map(|_| Filled::Parameter(name)).ok_or(Wrong::Unknown(name));
        }
        return calculate(inner, value).map(Filled::Whole);
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            filled.push_str(&rest[..at - 1]);
            filled.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        filled.push_str(&rest[..at]);
        let (inner, after) = rest[at + 2..].split_once('}').ok_or(Wrong::NotClosed)?;
        let name = inner.trim();
        match is_name(name) {
            true => match value(name).ok_or(Wrong::Unknown(name))? {
                Given::Whole(n) => filled.push_str(&n.to_string()),
                Given::Text(text) => filled.push_str(text),
            },
            false => filled.push_str(&calculate(inner, value)?.to_string()),
        }
        if filled.len() > tagwerk_model::limits::FILLED_BYTES_MAX {
            return Err(Wrong::TooLong);
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(Filled::Text(filled))
}

/// The names in the placeholders of a text, as far as they can be told.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let escaped = rest[..at].ends_with('$');
        rest = &rest[at + 2..];
        if !escaped && let Some((inner, after)) = rest.split_once('}') {
            let words = inner.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            names.extend(words.filter(|word| is_name(word)));
            rest = after;
        }
    }
    names
}

/// Letters, digits and `_`, beginning with a letter.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn only_placeholder(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    (!inner.contains('}')).then_some(inner)
}

fn calculate<'t, 'v>(
    text: &'t str,
    value: &dyn Fn(&str) -> Option<Given<'v>>,
) -> Result<i128, Wrong<'t>> {
    if text.trim().is_empty() {
        return Err(Wrong::Empty);
    }
    let mut arithmetic = Arithmetic { rest: text, value, depth: 0 };
    let result = arithmetic.sum()?;
    if let Some(rest) = Some(arithmetic.rest.trim()).filter(|rest| !rest.is_empty()) {
        return Err(Wrong::Unexpected(rest));
    }
    let fits = result >= i128::from(i64::MIN) && result <= i128::from(u64::MAX);
    fits.then_some(result).ok_or(Wrong::TooLarge)
}

/// Sums and products of whole numbers, names and parentheses.
struct Arithmetic<'t, 'f, 'v> {
    rest: &'t str,
    value: &'f dyn Fn(&str) -> Option<Given<'v>>,
    depth: usize,
}

const DEPTH_MAX: usize = 16;

impl<'t> Arithmetic<'t, '_, '_> {
    fn sum(&mut self) -> Result<i128, Wrong<'t>> {
        let mut sum = self.product()?;
        loop {
            let next = if self.eat('+') {
                sum.checked_add(self.product()?)
            } else if self.eat('-') {
                sum.checked_sub(self.product()?)
            } else {
                return Ok(sum);
            };
            sum = next.ok_or(Wrong::TooLarge)?;
        }
    }

    fn product(&mut self) -> Result<i128, Wrong<'t>> {
        let mut product = self.factor()?;
        while self.eat('*') {
            product = product.checked_mul(self.factor()?).ok_or(Wrong::TooLarge)?;
        }
        Ok(product)
    }

    fn factor(&mut self) -> Result<i128, Wrong<'t>> {
        if self.eat('-') {
            return self.deeper(|this| this.factor()).map(|n| -n);
        }
        if self.eat('(') {
            let inner = self.deeper(|this| this.sum())?;
            return match self.eat(')') {
                true => Ok(inner),
                false => Err(Wrong::Unexpected(self.rest.trim())),
            };
        }
        let rest = self.rest.trim_start();
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let (word, after) = rest.split_at(length);
        if is_name(word) {
            let given = (self.value)(word).ok_or(Wrong::Unknown(word))?;
            let Given::Whole(number) = given else { return Err(Wrong::NotWhole(word)) };
            self.rest = after;
            return Ok(number);
        }
        if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Wrong::Unexpected(rest));
        }
        self.rest = after;
        word.parse::<u64>().map(i128::from).map_err(|_| Wrong::TooLarge)
    }

    fn deeper(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<i128, Wrong<'t>>,
    ) -> Result<i128, Wrong<'t>> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Wrong::TooDeep);
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn eat(&mut self, mark: char) -> bool {
        match self.rest.trim_start().strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<Given<'static>> {
        match name {
            "base" => Some(Given::Whole(100)),
            "host" => Some(Given::Text("10.0.0.5")),
            _ => None,
        }
    }

    #[test]
    fn placeholders_are_filled() {
        let text = |text: &str| Ok(Filled::Text(text.to_owned()));
        let cases = [
            ("holding:${base}", text("holding:100")),
            ("holding:${ base+12 }", text("holding:112")),
            ("${base}.${base * 2}", text("100.200")),
            ("a ${host}:${base - 1} b", text("a 10.0.0.5:99 b")),
            ("$${base} $5 ${base}", text("${base} $5 100")),
            ("${host}", Ok(Filled::Parameter("host"))),
            ("${base}", Ok(Filled::Parameter("base"))),
            ("${2 * (base - 1) - -3}", Ok(Filled::Whole(201))),
            ("${base", Err(Wrong::NotClosed)),
            ("x${}", Err(Wrong::Empty)),
            ("x${bse}", Err(Wrong::Unknown("bse"))),
            ("x${host + 1}", Err(Wrong::NotWhole("host"))),
            ("x${base / 2}", Err(Wrong::Unexpected("/ 2"))),
            ("x${base +}", Err(Wrong::Unexpected(""))),
            ("x${9999999999 * 9999999999 * base}", Err(Wrong::TooLarge)),
            ("x${1a}", Err(Wrong::Unexpected("1a"))),
        ];
        for (given, expected) in cases {
            assert_eq!(fill(given, &value), expected, "{given}");
        }
        assert_eq!(names("$${no} ${base + 2*host} ${x"), ["base", "host"]);
        let deep = format!("x${{{}1{}}}", "(".repeat(40), ")".repeat(40));
        assert_eq!(fill(&deep, &value), Err(Wrong::TooDeep));
    }
}
