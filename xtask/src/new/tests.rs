//! In a copy of the repository: what `new` makes compiles, passes its conformance test and keeps the
//! promise of one line on a list and two in manifests.

use super::*;
use crate::workspace::create_folder;
use std::collections::BTreeMap;
use std::path::Path;

/// A copy below the target folder, always at the same place, so that cargo knows it from last time.
fn copy_of_the_repository(name: &str) -> Workspace {
    let original = Workspace::here().unwrap();
    let root = original.target().join("xtask-new").join(name);
    if root.exists() {
        std::fs::remove_dir_all(&root).unwrap();
    }
    let wanted = |path: &str| {
        let folders = ["crates/", "xtask/", ".cargo/", "docs/decisions/", "console/src/"];
        !path.contains('/') || folders.iter().any(|folder| path.starts_with(folder))
    };
    for path in original.files().unwrap().iter().filter(|path| wanted(path)) {
        copy(&original.path(path), &root.join(path));
    }
    let workspace = Workspace { root };
    // `files` asks git, which must not find the original's repository above the copy.
    crate::steps::run(workspace.command("git").args(["init", "-q"])).unwrap();
    workspace
}

/// Keeps the time of change, by which cargo knows what is fresh.
fn copy(from: &Path, to: &Path) {
    create_folder(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
    let time = std::fs::metadata(from).unwrap().modified().unwrap();
    std::fs::File::options().write(true).open(to).unwrap().set_modified(time).unwrap();
}

fn contents(workspace: &Workspace) -> BTreeMap<String, String> {
    let files = workspace.files().unwrap().into_iter();
    files.filter_map(|path| Some((path.clone(), workspace.read(&path).ok()?))).collect()
}

/// How many lines of each file that was there before are new.
fn touched(before: &BTreeMap<String, String>, workspace: &Workspace) -> BTreeMap<String, usize> {
    let mut touched = BTreeMap::new();
    for (path, old) in before {
        let new = workspace.read(path).unwrap();
        let old: Vec<&str> = old.lines().collect();
        let count = new.lines().filter(|line| !old.contains(line)).count();
        if count > 0 {
            touched.insert(path.clone(), count);
        }
    }
    touched
}

fn name() -> Name {
    Name::parse("foo-bar").unwrap()
}

fn cargo(workspace: &Workspace, arguments: &[&str]) {
    let mut command = workspace.cargo(arguments);
    command.arg("--offline").env("CARGO_TARGET_DIR", Workspace::here().unwrap().target());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}:\n{said}", arguments.join(" "));
}

#[test]
fn a_new_driver_compiles_and_touches_three_lines() {
    let workspace = copy_of_the_repository("driver");
    let before = contents(&workspace);
    driver::create(&workspace, &name()).unwrap();
    let expected = [
        (driver::MANIFESTS[0].to_owned(), 1),
        (driver::MANIFESTS[1].to_owned(), 1),
        (driver::REGISTRY.to_owned(), 1),
    ];
    assert_eq!(touched(&before, &workspace), BTreeMap::from(expected));
    cargo(&workspace, &["test", "-p", "tagwerk-driver-foo-bar"]);
    let again = driver::create(&workspace, &name());
    assert!(again.unwrap_err().to_string().contains("is there already"));
}

#[test]
fn a_new_sink_compiles_and_touches_only_its_list() {
    let workspace = copy_of_the_repository("sink");
    let before = contents(&workspace);
    sink::create(&workspace, &name()).unwrap();
    let expected = [("crates/sinks/src/lib.rs".to_owned(), 3)];
    assert_eq!(touched(&before, &workspace), BTreeMap::from(expected));
    cargo(&workspace, &["test", "-p", "tagwerk-sinks", "foo_bar"]);
}

#[test]
fn pages_and_decisions_are_put_in_their_places() {
    let workspace = copy_of_the_repository("page");
    let before = contents(&workspace);
    page::create(&workspace, &name()).unwrap();
    decision::create(&workspace, &name()).unwrap();
    let expected =
        [("console/src/routes.tsx".to_owned(), 2), ("console/src/paths.ts".to_owned(), 1)];
    assert_eq!(touched(&before, &workspace), BTreeMap::from(expected));
    assert!(
        workspace.read("console/src/pages/FooBarPage.tsx").unwrap().contains("useTitle('Foo bar')")
    );
    let made: Vec<String> =
        workspace.files().unwrap().into_iter().filter(|p| p.ends_with("-foo-bar.md")).collect();
    assert_eq!(made.len(), 1);
    assert!(workspace.read(&made[0]).unwrap().starts_with("# 0"));
}

#[test]
fn names_are_checked() {
    for wrong in ["", "Foo", "foo_bar", "-foo", "foo-", "1foo", "foo/bar"] {
        assert!(Name::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(name().camel(), "FooBar");
    assert_eq!(name().snake(), "foo_bar");
}
