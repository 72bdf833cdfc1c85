//! What an unquoted scalar stands for: the core schema of YAML 1.2 (section 10.3.2), so that `no`,
//! `on` and `12:30` are text. Integers stay exact.

/// A resolved scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'s> {
    Null,
    Bool(bool),
    /// Any integer that fits; what does not is [`Scalar::Huge`].
    Integer(i128),
    Float(f64),
    /// An integer beyond 64 bits.
    Huge,
    Text(&'s str),
}

pub(crate) fn resolve(text: &str) -> Scalar<'_> {
    let first = text.as_bytes().first().copied();
    match first {
        None => Scalar::Null,
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => number(text).unwrap_or(Scalar::Text(text)),
        Some(_) => match text {
            "~" | "null" | "Null" | "NULL" => Scalar::Null,
            "true" | "True" | "TRUE" => Scalar::Bool(true),
            "false" | "False" | "FALSE" => Scalar::Bool(false),
            _ => Scalar::Text(text),
        },
    }
}

fn number(text: &str) -> Option<Scalar<'_>> {
    if let Some(digits) = text.strip_prefix("0x") {
        return integer(digits, 16, u8::is_ascii_hexdigit);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return integer(digits, 8, |b| matches!(b, b'0'..=b'7'));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return Some(in_range(text.parse::<i128>().ok()));
    }
    match unsigned {
        ".inf" | ".Inf" | ".INF" => {
            let negative = text.starts_with('-');
            return Some(Scalar::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
        }
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => {
            return Some(Scalar::Float(f64::NAN));
        }
        _ => {}
    }
    is_float(unsigned).then(|| text.parse().map(Scalar::Float).ok()).flatten()
}

fn integer(digits: &str, radix: u32, allowed: fn(&u8) -> bool) -> Option<Scalar<'_>> {
    (!digits.is_empty() && digits.as_bytes().iter().all(allowed))
        .then(|| in_range(i128::from_str_radix(digits, radix).ok()))
}

fn in_range<'s>(number: Option<i128>) -> Scalar<'s> {
    match number {
        Some(n) if n >= i128::from(i64::MIN) && n <= i128::from(u64::MAX) => Scalar::Integer(n),
        _ => Scalar::Huge,
    }
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if whole == 0 && count == 0 {
            return false;
        }
        rest = &fraction[count..];
    } else if whole == 0 {
        return false;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_follow_the_core_schema() {
        let cases = [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("true", Scalar::Bool(true)),
            ("12", Scalar::Integer(12)),
            ("-007", Scalar::Integer(-7)),
            ("+5", Scalar::Integer(5)),
            ("0x1F", Scalar::Integer(31)),
            ("0o17", Scalar::Integer(15)),
            ("18446744073709551615", Scalar::Integer(u64::MAX.into())),
            ("18446744073709551616", Scalar::Huge),
            ("1.0", Scalar::Float(1.0)),
            ("1.", Scalar::Float(1.0)),
            (".5", Scalar::Float(0.5)),
            ("-1e3", Scalar::Float(-1000.0)),
            ("-.inf", Scalar::Float(f64::NEG_INFINITY)),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text), expected, "{text}");
        }
        let texts =
            ["no", "on", "yes", "12:30", "1_000", "-", ".", "+", "1e", "0x", "0b1", "1.2.3", "NaN"];
        for text in texts {
            assert_eq!(resolve(text), Scalar::Text(text), "{text}");
        }
        assert!(matches!(resolve(".nan"), Scalar::Float(f) if f.is_nan()));
    }
}
