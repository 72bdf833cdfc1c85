//! `docs/reference/functions.md`, from the texts of `crates/sql/src/functions/catalogue`, in the order in
//! which `catalogue.rs` names them, and the cases of `cases/rules/functions.case`.

use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;

const FOLDER: &str = "crates/sql/src/functions";
const CASES: &str = "cases/rules/functions.case";
const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask gen` from crates/sql/src/functions/catalogue; edit the texts there. -->

# Functions

What statements and rules can call. Each example is run by a test, and what it gives stands below it:
a row on each line, its columns in their order, text and times in quotes. Statements are told about in
the guides to [SQL](../guides/sql.md) and [rules](../guides/rules.md).
";

pub fn from(workspace: &Workspace) -> Result<String> {
    let list = workspace.read(&format!("{FOLDER}/catalogue.rs"))?;
    let names = list
        .lines()
        .filter_map(|line| line.trim().strip_prefix("include_str!(\"")?.strip_suffix("\"),"));
    let texts = names.map(|name| workspace.read(&format!("{FOLDER}/{name}")));
    let texts = texts.collect::<Result<Vec<String>>>()?;
    ensure!(!texts.is_empty(), "{FOLDER}/catalogue.rs names no texts");
    page(&texts, &workspace.read(CASES)?)
}

fn page(texts: &[String], cases: &str) -> Result<String> {
    let mut sections = Vec::new();
    for text in texts {
        sections.push(section(text, cases)?);
    }
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n| Section | Functions |\n|---|---|\n");
    for Section { title, names, .. } in &sections {
        let anchor = title.to_lowercase().replace(' ', "-").replace('\'', "");
        let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        writeln!(page, "| [{title}](#{anchor}) | {} |", names.join(" "))?;
    }
    for Section { title, about, entries, .. } in &sections {
        write!(page, "\n## {title}\n\n{about}{entries}")?;
    }
    Ok(page)
}

struct Section<'a> {
    title: &'a str,
    about: String,
    names: Vec<&'a str>,
    entries: String,
}

fn section<'a>(text: &'a str, cases: &str) -> Result<Section<'a>> {
    let mut parts = text.split("\n## ");
    let mut head = parts.next().unwrap_or_default().lines();
    let title = head.next().and_then(|line| line.strip_prefix("# ")).context("a title")?;
    let about = head.filter(|line| !line.starts_with("class: ") && !line.is_empty());
    let about = about.map(|line| format!("{line}\n\n")).collect();
    let in_rules = field(text, "class").next() == Some("rule");
    let (mut names, mut entries) = (Vec::new(), String::new());
    for part in parts {
        let name = part.lines().next().unwrap_or_default();
        let one = |key| field(part, key).next().with_context(|| format!("{name} without {key}"));
        names.push(name);
        let also =
            field(part, "also").next().map(|names| format!(" Also called {}.", quoted(names)));
        let (signature, says) = (one("signature")?, one("says")?);
        let also = also.unwrap_or_default();
        write!(entries, "**`{signature}`**: {says}.{also}\n\n```sql\n{}\n", one("example")?)?;
        if in_rules {
            let case = cases.split("\n== ").find(|case| case.starts_with(&format!("{name}: ")));
            let case = case.with_context(|| format!("{CASES} has no case `{name}: …`"))?;
            let (_, rows) = case.split_once("\nrows\n").context("a case without rows")?;
            write!(entries, "```\n\n```text\n{}\n```\n\n", rows.trim_end())?;
        } else {
            field(part, "gives").try_for_each(|row| writeln!(entries, "-- {row}"))?;
            entries.push_str("```\n\n");
        }
    }
    entries.truncate(entries.trim_end().len());
    entries.push('\n');
    Ok(Section { title, about, names, entries })
}

fn quoted(names: &str) -> String {
    names.split(", ").map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn field<'a>(part: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    part.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_a_page() {
        let plain = "# Numbers\nclass: scalar\n\nReal ones.\n\n## abs\nsignature: abs(x) → type of x\n\
                     also: magnitude, size\nsays: no sign\nexample: SELECT abs(-1) AS r\ngives: 1\n";
        let rule = "# In rules\nclass: rule\n\n## lag\nsignature: lag(x)\nsays: the row before\n\
                    example: SELECT lag(x) AS y FROM t\n";
        let cases = "# Remark\n\n== lag: an example\nsql\nSELECT lag(x) AS y FROM t\nrows\nt 1 x=2\n\
                     gives\n1 null\n";
        let page = page(&[plain.to_owned(), rule.to_owned()], cases).unwrap();
        for part in [
            "| [In rules](#in-rules) | `lag` |\n",
            "## Numbers\n\nReal ones.\n\n**`abs(x) → type of x`**: no sign. Also called `magnitude`, \
             `size`.\n\n```sql\nSELECT abs(-1) AS r\n-- 1\n```\n",
            "```sql\nSELECT lag(x) AS y FROM t\n```\n\n```text\nt 1 x=2\ngives\n1 null\n```\n",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
    }
}
