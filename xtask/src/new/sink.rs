//! A sink's file, with its line on the list of sinks.

use super::{Name, list, write_new};
use crate::workspace::Workspace;
use anyhow::{Result, bail};

const LIST: &str = "crates/sinks/src/lib.rs";
const MODEL: &str = include_str!("sink.rs.txt");

/// Makes the file and says what to do next.
pub fn create(workspace: &Workspace, name: &Name) -> Result<String> {
    let (snake, camel) = (name.snake(), name.camel());
    let path = format!("crates/sinks/src/{snake}.rs");
    if workspace.path(&format!("crates/sinks/src/{snake}")).exists() {
        bail!("crates/sinks/src/{snake} is there already");
    }
    let text = MODEL
        .replace("NAME_KEBAB", name.kebab())
        .replace("NAME_TITLE", &name.title())
        .replace("NameCamel", &camel);
    write_new(workspace, &path, &text)?;
    list::add_sorted(workspace, LIST, "mod ", &format!("mod {snake};"))?;
    list::add_sorted(workspace, LIST, "pub use ", &format!("pub use {snake}::{camel};"))?;
    list::add_to_array(workspace, LIST, "SINKS", &format!("&{camel}"))?;
    Ok(format!(
        "made {path}, and its lines in {LIST}\nnext: put the protocol into its session;\n      \
         cargo test -p tagwerk-sinks {snake}\n      cargo xtask gen   (its reference page)"
    ))
}
