//! `docs/reference/limits.md`, from the constants of `model::limits` and their doc comments.

use anyhow::{Context, Result, bail};

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask gen` from crates/model/src/limits.rs; edit that file instead. -->

# Limits

Every queue, batch, file and retry has a bound. This is what happens at each.

| Limit | Value | Meaning |
|---|---|---|
";

pub fn page(source: &str) -> Result<String> {
    let mut page = INTRODUCTION.to_owned();
    let mut meaning: Vec<&str> = Vec::new();
    let mut rest = source;
    while let Some((line, after)) = rest.split_once('\n') {
        rest = after;
        if let Some(text) = line.strip_prefix("///") {
            meaning.push(text.trim());
        } else if let Some(constant) = line.strip_prefix("pub const ") {
            let mut whole = constant.to_owned();
            while !whole.ends_with(';') {
                let (more, after) =
                    rest.split_once('\n').with_context(|| format!("`{constant}` has no end"))?;
                whole.push_str(more.trim());
                rest = after;
            }
            let (name, after_name) = whole.split_once(':').context("a constant without a type")?;
            let (_, value) = after_name.split_once('=').context("a constant without a value")?;
            let value = value.trim().trim_end_matches(';');
            let shown = shown(name, value).with_context(|| format!("the value of {name}"))?;
            page.push_str(&format!("| `{name}` | {shown} | {} |\n", meaning.join(" ")));
            meaning.clear();
        } else if line.is_empty() {
            meaning.clear();
        }
    }
    Ok(page)
}

/// A value as people read it: sizes in KiB and MiB, durations with their unit.
fn shown(name: &str, value: &str) -> Result<String> {
    for (call, unit) in [("from_millis", 1), ("from_secs", 1_000)] {
        let argument = value
            .strip_prefix("Duration::")
            .and_then(|rest| rest.strip_prefix(call))
            .and_then(|rest| rest.strip_prefix('('))
            .and_then(|rest| rest.strip_suffix(')'));
        if let Some(argument) = argument {
            return Ok(duration(product(argument)? * unit));
        }
    }
    let number = product(value)?;
    Ok(match name.contains("BYTES") {
        true if number.is_multiple_of(1024 * 1024) => format!("{} MiB", number / (1024 * 1024)),
        true if number.is_multiple_of(1024) => format!("{} KiB", number / 1024),
        true => format!("{number} bytes"),
        false => grouped(number),
    })
}

fn duration(millis: u64) -> String {
    let units = [("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];
    let unit = units.iter().find(|(_, unit)| millis != 0 && millis.is_multiple_of(*unit));
    let (name, unit) = unit.unwrap_or(&units[3]);
    format!("{} {name}", millis / unit)
}

/// `64 * 1024` and `10_000`.
fn product(text: &str) -> Result<u64> {
    let mut product: u64 = 1;
    for factor in text.split('*') {
        let Ok(factor) = factor.trim().replace('_', "").parse::<u64>() else {
            bail!("`{text}` is not a product of numbers");
        };
        product = product.checked_mul(factor).context("too large")?;
    }
    Ok(product)
}

/// 1234567 as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_become_rows() {
        let source = "\
/// A body. Larger:
/// refused.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A wait.
pub const WAIT: Duration = Duration::from_secs(3_600);
/// Tags.
pub const TAGS_MAX: usize = 2_000_000;
";
        let page = page(source).unwrap();
        for row in [
            "| `BODY_BYTES_MAX` | 64 KiB | A body. Larger: refused. |\n",
            "| `WAIT` | 1 h | A wait. |\n",
            "| `TAGS_MAX` | 2,000,000 | Tags. |\n",
        ] {
            assert!(page.contains(row), "{row}\n{page}");
        }
    }
}
