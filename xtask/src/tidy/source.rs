//! Rules for source files: headers, names, leftovers, `unwrap`.

use super::TextFile;

const HEADER_LINES_MAX: usize = 5;

const BANNED_NAMES: [&str; 9] =
    ["util", "utils", "helper", "helpers", "common", "misc", "manager", "base", "info"];

/// Words for work left undone; split, so that this file keeps its own rule.
const LEFTOVERS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

const CODE: [&str; 7] = [".rs", ".ts", ".tsx", ".mjs", ".py", ".toml", ".css"];

pub fn check(file: &TextFile) -> Vec<String> {
    let mut complaints = check_name(&file.path);
    if CODE.iter().any(|ending| file.path.ends_with(ending)) {
        complaints.extend(check_leftovers(file));
    }
    if file.is_rust() {
        complaints.extend(check_header(file));
        complaints.extend(check_unwrap(file));
    }
    complaints
}

fn check_name(path: &str) -> Vec<String> {
    let module = [".rs", ".ts", ".tsx"].iter().any(|ending| path.ends_with(ending));
    if !module || !path.contains("src/") {
        return Vec::new();
    }
    path.split('/')
        .map(|part| part.split('.').next().unwrap_or(part))
        .filter(|name| BANNED_NAMES.contains(name))
        .map(|name| format!("{path}: `{name}` says nothing; name it after what it is for"))
        .collect()
}

fn check_header(file: &TextFile) -> Vec<String> {
    if file.path.ends_with("/tests.rs") {
        // The tests of the module in whose folder it lies; there is no more to say.
        return Vec::new();
    }
    let header = file.text.lines().take_while(|line| line.starts_with("//!"));
    match header.filter(|line| line.len() > 3).count() {
        0 => vec![format!("{}: no `//!` header saying what it is for", file.path)],
        lines if lines > HEADER_LINES_MAX => {
            vec![format!("{}: a header of {lines} lines; {HEADER_LINES_MAX} at most", file.path)]
        }
        _ => Vec::new(),
    }
}

fn check_leftovers(file: &TextFile) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let found = LEFTOVERS.iter().any(|word| {
            line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == *word)
        });
        let with_issue =
            line.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if found && !with_issue {
            complaints.push(format!("{}:{}: undone work without an issue", file.path, index + 1));
        }
    }
    complaints
}

fn check_unwrap(file: &TextFile) -> Vec<String> {
    if file.is_test() {
        return Vec::new();
    }
    file.lines_without_tests()
        .into_iter()
        .filter(|(_, line)| line.contains(concat!(".unw", "rap()")))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, _)| {
            format!("{}:{number}: use `expect(\"why it cannot happen\")`", file.path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    fn complaints(path: &str, text: &str) -> usize {
        check(&file(path, text)).len()
    }

    #[test]
    fn each_rule_notices_its_breach() {
        assert_eq!(complaints("crates/a/src/b.rs", "//! For this.\nfn f() {}\n"), 0);
        assert_eq!(complaints("crates/a/src/b.rs", "fn f() {}\n"), 1, "no header");
        assert_eq!(complaints("crates/a/src/b.rs", &"//! x\n".repeat(6)), 1, "long header");
        assert_eq!(complaints("crates/a/src/utils.rs", "//! x\n"), 1, "name");
        assert_eq!(complaints("console/src/info/a.ts", "\n"), 1, "name of a folder");
        let left = format!("//! x\n// {} later\n", LEFTOVERS[0]);
        assert_eq!(complaints("crates/a/src/b.rs", &left), 1);
        let with_issue = format!("//! x\n// {} #12 later\n", LEFTOVERS[0]);
        assert_eq!(complaints("crates/a/src/b.rs", &with_issue), 0);
        let unwraps = format!("//! x\nfn f() {{ x.unw{} }}\n", "rap()");
        assert_eq!(complaints("crates/a/src/b.rs", &unwraps), 1);
        assert_eq!(complaints("crates/a/tests/b.rs", &unwraps), 0);
    }
}
