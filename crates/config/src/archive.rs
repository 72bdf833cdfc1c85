//! Checks where days of history go.

use crate::check::Checker;
use crate::checked::{CheckedArchive, CheckedDevice};
use crate::document::ArchiveForm;
use crate::source::{Node, shortened};
use serde::Deserialize;
use std::time::Duration;

/// Files hold days: less cannot be kept.
const KEEP_MIN: Duration = Duration::from_secs(86_400);

impl<'s> Checker<'s> {
    pub fn archive(&mut self, node: Node<'s>, devices: &[CheckedDevice]) -> Option<CheckedArchive> {
        let form = ArchiveForm::deserialize(node).ok()?;
        let folder = form.folder.get();
        if let Some(folder) = folder
            && (!folder.starts_with('/') || folder.contains('\0'))
        {
            let problem = format!("`{}` is no folder from the root on", shortened(folder));
            let place = node.get("folder").unwrap_or(node);
            self.report.error(place, problem, "write all of its path, such as `/srv/archive`");
        }
        let keep = form.keep.optional().map(|keep| keep.0);
        if let Some(keep) = keep.filter(|keep| *keep < KEEP_MIN) {
            let problem =
                format!("the archive keeps {}, less than a day", tagwerk_component::Duration(keep));
            let place = node.get("keep").unwrap_or(node);
            self.report.error(place, problem, "write `24h` or more, or remove `keep` to keep all");
        }
        let tags = self.patterns(node, ("the archive", "archive"), devices);
        Some(CheckedArchive { folder: folder?.into(), tags, keep })
    }
}
