//! Puts an entry on a list in a source file, at its end or in its order.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};

/// Adds `entry` at the end of the array constant `name`.
pub fn add_to_array(workspace: &Workspace, path: &str, name: &str, entry: &str) -> Result<()> {
    let text = workspace.read(path)?;
    let text = with_entry(&text, name, entry).with_context(|| format!("adding to {path}"))?;
    workspace.write(path, &text)
}

fn with_entry(text: &str, name: &str, entry: &str) -> Result<String> {
    let start = text.find(&format!("const {name}:")).with_context(|| format!("no list {name}"))?;
    let open = text[start..].find("= &[").with_context(|| format!("{name} is no array"))?;
    let open = start + open + 4;
    let end = open + text[open..].find("];").with_context(|| format!("{name} has no end"))?;
    let items = text[open..end].trim_end();
    if items.contains(entry) {
        bail!("`{entry}` is on the list {name} already");
    }
    let (before, after) = (&text[..open], &text[end..]);
    Ok(match items.contains('\n') {
        true => format!("{before}{items}\n    {entry},\n{after}"),
        false if items.is_empty() => format!("{before}{entry}{after}"),
        false => format!("{before}{items}, {entry}{after}"),
    })
}

/// Adds a line among those that begin with `start`, in alphabetical order.
pub fn add_sorted(workspace: &Workspace, path: &str, start: &str, line: &str) -> Result<()> {
    let text = workspace.read(path)?;
    let text = with_line(&text, start, line).with_context(|| format!("adding to {path}"))?;
    workspace.write(path, &text)
}

fn with_line(text: &str, start: &str, line: &str) -> Result<String> {
    let like = |other: &str| other.starts_with(start);
    if text.lines().any(|other| other == line) {
        bail!("`{line}` is there already");
    }
    let before = text
        .lines()
        .position(|other| like(other) && other > line)
        .or_else(|| text.lines().collect::<Vec<_>>().iter().rposition(|o| like(o)).map(|i| i + 1))
        .with_context(|| format!("no line begins with `{start}`"))?;
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(before, line);
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_get_one_more_entry() {
        let short = "pub const LIST: &[&dyn A] = &[&b::B];\n";
        assert_eq!(
            with_entry(short, "LIST", "&c::C").unwrap(),
            "pub const LIST: &[&dyn A] = &[&b::B, &c::C];\n"
        );
        let long = "pub const LIST: &[&dyn A] = &[\n    &b::B,\n];\n";
        assert_eq!(
            with_entry(long, "LIST", "&c::C").unwrap(),
            "pub const LIST: &[&dyn A] = &[\n    &b::B,\n    &c::C,\n];\n"
        );
        assert!(with_entry(long, "LIST", "&b::B").is_err(), "already there");
    }

    #[test]
    fn lines_are_put_in_order() {
        let text = "[a]\nx-b = 1\nx-d = 1\n\nz = 1\n";
        assert_eq!(
            with_line(text, "x-", "x-c = 1").unwrap(),
            "[a]\nx-b = 1\nx-c = 1\nx-d = 1\n\nz = 1\n"
        );
        assert_eq!(
            with_line(text, "x-", "x-e = 1").unwrap(),
            "[a]\nx-b = 1\nx-d = 1\nx-e = 1\n\nz = 1\n"
        );
        assert!(with_line(text, "y-", "y-a").is_err());
    }
}
