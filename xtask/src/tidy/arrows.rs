//! Which crate may use which: the table under "Directions" in ARCHITECTURE.md, held against every
//! Cargo.toml.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};

/// What tests of any crate may use besides.
const FOR_TESTS: [&str; 4] = ["testkit", "env", "driver-sim", "plant"];
const PREFIX: &str = "tagwerk-";

/// One row of the table: rooms, as names or `name-*`, and what they may use.
struct Row {
    rooms: Vec<String>,
    may_use: Vec<String>,
}

pub fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let table = table(&workspace.read("ARCHITECTURE.md")?)?;
    let mut complaints = Vec::new();
    let mut manifests = Vec::new();
    for name in workspace.crates()? {
        manifests.push((name.clone(), format!("crates/{name}/Cargo.toml")));
    }
    manifests.push(("xtask".to_owned(), "xtask/Cargo.toml".to_owned()));
    for (name, path) in manifests {
        let manifest: toml::Table =
            workspace.read(&path)?.parse().with_context(|| format!("reading {path}"))?;
        complaints.extend(check_crate(&table, &name, &path, &manifest));
    }
    Ok(complaints)
}

fn check_crate(table: &[Row], name: &str, path: &str, manifest: &toml::Table) -> Vec<String> {
    let mut complaints = Vec::new();
    let package = manifest.get("package").and_then(|p| p.get("name")).and_then(|n| n.as_str());
    let wanted = if name == "xtask" { "xtask".to_owned() } else { format!("{PREFIX}{name}") };
    if package != Some(wanted.as_str()) {
        complaints.push(format!("{path}: the package of this folder is named `{wanted}`"));
    }
    let Some(row) = table.iter().find(|row| row.rooms.iter().any(|room| fits(room, name))) else {
        complaints.push(format!(
            "{path}: `{name}` has no row in the table of ARCHITECTURE.md; a new room needs one"
        ));
        return complaints;
    };
    for (section, extra) in [
        ("dependencies", [].as_slice()),
        ("build-dependencies", &[]),
        ("dev-dependencies", &FOR_TESTS),
    ] {
        let dependencies = manifest.get(section).and_then(|d| d.as_table());
        for dependency in dependencies.into_iter().flat_map(|table| table.keys()) {
            let Some(room) = dependency.strip_prefix(PREFIX) else { continue };
            let allowed = row.may_use.iter().any(|pattern| fits(pattern, room));
            if !allowed && !extra.contains(&room) {
                complaints.push(format!(
                    "{path}: `{name}` may not use `{room}` ({section}); a new arrow needs a \
                     decision record and a change of the table in ARCHITECTURE.md"
                ));
            }
        }
    }
    complaints
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

/// The rows of the table under the heading "Directions".
fn table(architecture: &str) -> Result<Vec<Row>> {
    let part = architecture.split("\n## ").find(|part| part.starts_with("Directions"));
    let part = part.context("ARCHITECTURE.md has no heading `## Directions`")?;
    let rows: Vec<Row> = part
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix('|')?.split('|').collect();
            let rooms = names(cells.first()?);
            let may_use = names(cells.get(1)?);
            (!rooms.is_empty()).then_some(Row { rooms, may_use })
        })
        .collect();
    if rows.is_empty() {
        bail!("ARCHITECTURE.md has no table below `## Directions`");
    }
    Ok(rows)
}

/// What stands between backticks.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# A\n\n## Directions\n\n| Room | May use |\n|---|---|\n\
                         | `model` | nothing |\n| `driver-*`, `sinks` | `model`, `proto-*` |\n\n## B\n";

    fn complaints(name: &str, dependencies: &str) -> usize {
        let manifest = format!("[package]\nname = \"tagwerk-{name}\"\n{dependencies}");
        check_crate(&table(TABLE).unwrap(), name, "Cargo.toml", &manifest.parse().unwrap()).len()
    }

    #[test]
    fn arrows_are_held_against_the_table() {
        let uses = |name: &str| format!("[dependencies]\ntagwerk-{name}.workspace = true\n");
        assert_eq!(complaints("driver-x", &uses("proto-y")), 0);
        assert_eq!(complaints("driver-x", &uses("journal")), 1);
        assert_eq!(complaints("model", &uses("sinks")), 1);
        assert_eq!(complaints("new", ""), 1, "a room without a row");
        assert_eq!(complaints("model", "[dev-dependencies]\ntagwerk-testkit.path = \"x\"\n"), 0);
        assert_eq!(complaints("model", &uses("testkit")), 1, "for tests only");
    }
}
