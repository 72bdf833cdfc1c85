//! Files of other products in `cases/import/`: the document that comes of each, what was assumed and what
//! was not translated stand beside it. Run with `UPDATE_EXPECT=1` to write them anew.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

#[path = "../../config/tests/fake/mod.rs"]
mod fake;

use std::path::{Path, PathBuf};
use tagwerk_bulk::{Format, Mode, import};

#[test]
fn files_of_other_products_are_translated_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/import");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json" || e == "csv"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 4, "only {} cases found", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case)).collect();
    assert!(wrong.is_empty(), "{}\nUPDATE_EXPECT=1 writes them anew", wrong.join("\n"));
}

fn check(case: &Path) -> Option<String> {
    let bytes = std::fs::read(case).unwrap();
    let import = import(&bytes, Format::Auto, "", Mode::Merge, &fake::LOOSE);
    let mut found =
        format!("{:?}, {} devices, {} tags\n", import.kind, import.devices, import.tags);
    for finding in &import.findings {
        let row = finding.row.map_or_else(|| "-".to_owned(), |row| row.to_string());
        let column = finding.column.as_deref().unwrap_or("-");
        found += &format!("row {row}, {column}: {}; {}\n", finding.problem, finding.remedy);
    }
    for text in &import.assumed {
        found += &format!("assumed: {text}\n");
    }
    for item in &import.not_translated {
        found += &format!("not translated: {} ({}): {}\n", item.what, item.place, item.why);
    }
    found += &import.document.unwrap_or_else(|| "no document\n".to_owned());
    let file = case.with_extension("expected");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&file, &found).unwrap();
        return None;
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let name = case.file_name().unwrap().to_string_lossy();
    (expected != found).then(|| format!("{name}\n--- expected\n{expected}--- found\n{found}"))
}
