//! A driver's crate, made from `driver-sim`; one line of the registry and two of manifests outside
//! of it.

use super::{Name, list, write_new};
use crate::workspace::Workspace;
use anyhow::{Result, bail};

const MODEL: &str = "crates/driver-sim/";
pub const REGISTRY: &str = "crates/edge/src/registry.rs";
pub const MANIFESTS: [&str; 2] = ["Cargo.toml", "crates/edge/Cargo.toml"];

/// Makes the crate and says what to do next.
pub fn create(workspace: &Workspace, name: &Name) -> Result<String> {
    let (kebab, snake) = (name.kebab(), name.snake());
    let folder = format!("crates/driver-{kebab}");
    if workspace.path(&folder).exists() {
        bail!("{folder} is there already");
    }
    for path in workspace.files()?.iter().filter(|path| path.starts_with(MODEL)) {
        let target = format!("{folder}/{}", &path[MODEL.len()..]);
        write_new(workspace, &target, &renamed(&workspace.read(path)?, name))?;
    }
    let package = format!("tagwerk-driver-{kebab}");
    let line = format!("{package} = {{ path = \"{folder}\" }}");
    list::add_sorted(workspace, MANIFESTS[0], "tagwerk-", &line)?;
    let line = format!("{package}.workspace = true");
    list::add_sorted(workspace, MANIFESTS[1], "tagwerk-", &line)?;
    let entry = format!("&tagwerk_driver_{snake}::{}", name.camel());
    list::add_to_array(workspace, REGISTRY, "DRIVERS", &entry)?;
    Ok(format!(
        "made {folder} from driver-sim, and its lines in {REGISTRY}, {} and {}\n\
         next: put the protocol into src/address.rs and src/session.rs, and its settings into \
         src/lib.rs;\n      cargo test -p {package}\n      cargo xtask gen   (its reference page)",
        MANIFESTS[0], MANIFESTS[1]
    ))
}

/// The model's text with the new driver's names.
fn renamed(text: &str, name: &Name) -> String {
    let camel = name.camel();
    let header = format!(
        "//! {}: what the driver is, and the check of what a user wrote. `address.rs` reads\n\
         //! addresses, `session.rs` works an open link.\n",
        name.title()
    );
    let is_root = text.contains("impl Driver for Sim");
    let body = match text.split_once("\n\n") {
        Some((old_header, rest)) if is_root && old_header.starts_with("//!") => {
            format!("{header}\n{rest}")
        }
        _ => text.to_owned(),
    };
    body.replace("tagwerk-driver-sim", &format!("tagwerk-driver-{}", name.kebab()))
        .replace("tagwerk_driver_sim", &format!("tagwerk_driver_{}", name.snake()))
        .replace("SimSession", &format!("{camel}Session"))
        .replace("for Sim ", &format!("for {camel} "))
        .replace("struct Sim;", &format!("struct {camel};"))
        .replace("::Sim;", &format!("::{camel};"))
        .replace("::Sim)", &format!("::{camel})"))
        .replace("Sim.check", &format!("{camel}.check"))
        .replace("\"sim\"", &format!("\"{}\"", name.kebab()))
        .replace("sim://", &format!("{}://", name.kebab()))
}
