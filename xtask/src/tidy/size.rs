//! The size of functions and files, as a ratchet: what is listed in `tidy-exceptions.txt` may
//! shrink, not grow, and nothing new may be longer than the limits. Reads code as rustfmt writes it.

use super::TextFile;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::collections::BTreeMap;

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;
const LIST: &str = "xtask/tidy-exceptions.txt";
const LIST_HEADER: &str = "# Longer than the limits, and not to grow: `cargo xtask tidy --shrink` \
                           lowers these numbers.\n";

/// A file's path, or `path fn name`, and its lines.
type Sizes = BTreeMap<String, usize>;

pub fn check(workspace: &Workspace, files: &[TextFile]) -> Result<Vec<String>> {
    Ok(compare(&measure(files), &listed(workspace)?))
}

pub fn shrink(workspace: &Workspace, files: &[TextFile]) -> Result<()> {
    let measured = measure(files);
    let mut text = LIST_HEADER.to_owned();
    for (item, lines) in listed(workspace)? {
        if let Some(now) = measured.get(&item) {
            text.push_str(&format!("{} {item}\n", lines.min(*now)));
        }
    }
    workspace.write(LIST, &text)
}

fn compare(measured: &Sizes, listed: &Sizes) -> Vec<String> {
    let mut complaints = Vec::new();
    for (item, lines) in measured {
        match listed.get(item) {
            None => complaints.push(format!("{item}: {lines} lines, {} at most", limit(item))),
            Some(allowed) if lines > allowed => {
                complaints
                    .push(format!("{item}: {lines} lines; it had {allowed}, do not let it grow"));
            }
            Some(_) => {}
        }
    }
    for (item, allowed) in listed {
        if measured.get(item).is_none_or(|lines| lines < allowed) {
            complaints.push(format!("{item}: it shrank; note it with `cargo xtask tidy --shrink`"));
        }
    }
    complaints
}

fn limit(item: &str) -> usize {
    if item.contains(" fn ") { FUNCTION_LINES_MAX } else { FILE_LINES_MAX }
}

fn listed(workspace: &Workspace) -> Result<Sizes> {
    let mut sizes = Sizes::new();
    for line in workspace.read(LIST)?.lines().filter(|line| !line.starts_with('#')) {
        let (lines, item) = line.split_once(' ').with_context(|| format!("{LIST}: `{line}`"))?;
        let lines = lines.parse().with_context(|| format!("{LIST}: `{line}`"))?;
        sizes.insert(item.to_owned(), lines);
    }
    Ok(sizes)
}

/// Everything beyond its limit.
fn measure(files: &[TextFile]) -> Sizes {
    let mut sizes = Sizes::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        let typescript = file.path.ends_with(".ts") || file.path.ends_with(".tsx");
        let generated = file.path.contains("__generated__");
        if !(file.is_rust() || typescript && !generated) {
            continue;
        }
        let lines = file.lines_without_tests();
        if lines.len() > FILE_LINES_MAX {
            sizes.insert(file.path.clone(), lines.len());
        }
        if file.is_rust() {
            for (name, count) in functions(&lines) {
                if count > FUNCTION_LINES_MAX {
                    sizes.insert(format!("{} fn {name}", file.path), count);
                }
            }
        }
    }
    sizes
}

/// Names and lines of functions, outermost ones first.
fn functions<'a>(lines: &[(usize, &'a str)]) -> Vec<(&'a str, usize)> {
    let mut found = Vec::new();
    for (start, (_, line)) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let end = lines[start..].iter().position(|(_, later)| {
            let at_indent = later.len() - later.trim_start().len() == indent;
            // The body's end, or that of a signature without one.
            at_indent && (later.trim_start().starts_with('}') || later.ends_with(';'))
        });
        let one_line = line.ends_with('}') || line.ends_with(';');
        if let Some(count) = end.filter(|_| !one_line) {
            found.push((name, count + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let words = before.split_whitespace().all(|word| {
        word.starts_with("pub") || matches!(word, "async" | "const" | "unsafe" | "extern" | "\"C\"")
    });
    let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (words && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    fn long_function(lines: usize) -> TextFile {
        let body = "        x();\n".repeat(lines - 2);
        file("a.rs", &format!("impl A {{\n    pub async fn f(&self) {{\n{body}    }}\n}}\n"))
    }

    #[test]
    fn long_functions_and_files_are_measured() {
        assert_eq!(measure(&[long_function(70)]), Sizes::new());
        let expected = Sizes::from([("a.rs fn f".to_owned(), 71)]);
        assert_eq!(measure(&[long_function(71)]), expected);
        let expected = Sizes::from([("b.rs".to_owned(), 601)]);
        assert_eq!(measure(&[file("b.rs", &"x\n".repeat(601))]), expected);
        assert_eq!(measure(&[file("x/tests/b.rs", &"x\n".repeat(601))]), Sizes::new());
    }

    #[test]
    fn the_list_is_a_ratchet() {
        let sizes = |lines| Sizes::from([("a.rs fn f".to_owned(), lines)]);
        assert_eq!(compare(&sizes(80), &Sizes::new()).len(), 1, "new");
        assert_eq!(compare(&sizes(80), &sizes(80)).len(), 0, "listed");
        assert_eq!(compare(&sizes(81), &sizes(80)).len(), 1, "grew");
        assert_eq!(compare(&sizes(79), &sizes(80)).len(), 1, "shrank");
        assert_eq!(compare(&Sizes::new(), &sizes(80)).len(), 1, "no longer beyond the limit");
    }
}
