//! Packs what the console's build left, file by file, into a table that is compiled in. Runs again when the
//! console was built again.
#![allow(clippy::disallowed_methods)]

use flate2::Compression;
use flate2::write::GzEncoder;
use std::error::Error;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

const DIST: &str = "../../console/dist";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={DIST}");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let dist = Path::new(DIST);
    let mut names = Vec::new();
    list(dist, "", &mut names)?;
    names.sort();
    let mut table = "static FILES: &[File] = &[\n".to_owned();
    for (place, name) in names.iter().enumerate() {
        let plain = std::fs::read(dist.join(name))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&plain)?;
        let packed = encoder.finish()?;
        // Pictures and fonts are packed already.
        let gzip = packed.len() < plain.len() * 9 / 10;
        let file = out.join(format!("{place}.file"));
        std::fs::write(&file, if gzip { &packed } else { &plain })?;
        let mut hasher = DefaultHasher::new();
        hasher.write(&plain);
        let hash = hasher.finish();
        writeln!(
            table,
            "File {{ name: {name:?}, bytes: include_bytes!({file:?}), gzip: {gzip}, \
             etag: \"\\\"{hash:016x}\\\"\" }},"
        )?;
    }
    table.push_str("];\n");
    std::fs::write(out.join("files.rs"), table)?;
    Ok(())
}

/// None, where the console was never built. The `.gitignore` that keeps the folder is no part of it.
fn list(folder: &Path, before: &str, names: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{before}{name}");
        match entry.file_type()?.is_dir() {
            true => list(&entry.path(), &format!("{name}/"), names)?,
            false => names.push(name),
        }
    }
    Ok(())
}
