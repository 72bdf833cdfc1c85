//! Rules for the papers: decision records in order and complete, every limit explained.

use super::TextFile;
use crate::workspace::Workspace;
use anyhow::Result;

const DECISIONS: &str = "docs/decisions/";
const SECTIONS: [&str; 3] = ["\n## Context\n", "\n## Choice\n", "\n## Consequences\n"];
pub const LIMITS: &str = "crates/model/src/limits.rs";

pub fn check(workspace: &Workspace, files: &[TextFile]) -> Result<Vec<String>> {
    let mut complaints = check_decisions(files);
    complaints.extend(check_limits(&workspace.read(LIMITS)?));
    Ok(complaints)
}

fn check_decisions(files: &[TextFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    let records = files.iter().filter_map(|file| {
        let name = file.path.strip_prefix(DECISIONS)?;
        (name != "template.md").then_some((name, file))
    });
    for (index, (name, file)) in records.enumerate() {
        let wanted = format!("{:04}", index + 1);
        let number = name.split('-').next().unwrap_or(name);
        if number != wanted {
            complaints.push(format!("{}: expected number {wanted}, without gaps", file.path));
        }
        if !file.text.starts_with(&format!("# {number} ")) {
            complaints.push(format!("{}: must begin with `# {number} Title`", file.path));
        }
        for section in SECTIONS.iter().filter(|section| !file.text.contains(**section)) {
            complaints.push(format!("{}: no section `{}`", file.path, section.trim()));
        }
    }
    complaints
}

fn check_limits(text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut before = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("pub const ")
            && !before.starts_with("///")
        {
            let name = rest.split(':').next().unwrap_or(rest);
            complaints.push(format!("{LIMITS}: `{name}` does not say what happens at it"));
        }
        before = line;
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    #[test]
    fn decisions_are_numbered_without_gaps() {
        let record = |number: &str| {
            let text = format!("# {number} Title\n\n## Context\n\n## Choice\n\n## Consequences\n");
            file(&format!("{DECISIONS}{number}-x.md"), &text)
        };
        assert_eq!(check_decisions(&[record("0001"), record("0002")]).len(), 0);
        assert_eq!(check_decisions(&[record("0001"), record("0003")]).len(), 1);
        let empty = file(&format!("{DECISIONS}0001-x.md"), "# 0001 Title\n");
        assert_eq!(check_decisions(&[empty]).len(), 3);
    }

    #[test]
    fn limits_are_explained() {
        assert_eq!(check_limits("/// More: refused.\npub const A: usize = 1;\n").len(), 0);
        assert_eq!(check_limits("\npub const A: usize = 1;\n").len(), 1);
    }
}
