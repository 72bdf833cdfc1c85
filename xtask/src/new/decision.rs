//! The next decision record.

use super::{Name, write_new};
use crate::workspace::Workspace;
use anyhow::Result;

const FOLDER: &str = "docs/decisions";

/// Makes the record and says what to do next.
pub fn create(workspace: &Workspace, name: &Name) -> Result<String> {
    let records = workspace.files()?.into_iter().filter_map(|path| {
        let file = path.strip_prefix(FOLDER)?.strip_prefix('/')?;
        file.split('-').next()?.parse::<u32>().ok()
    });
    let number = format!("{:04}", records.max().unwrap_or(0) + 1);
    let template = workspace.read(&format!("{FOLDER}/template.md"))?;
    let path = format!("{FOLDER}/{number}-{}.md", name.kebab());
    let text = template.replace("NNNN", &number).replace("Title", &name.title());
    write_new(workspace, &path, &text)?;
    Ok(format!("made {path}\nnext: write it, one page at most"))
}
