//! What an edge keeps of a made-up tag's samples: all, changes, or what leaves a deadband.

use super::curve::Curve;
use tagwerk_config::Access;
use tagwerk_config::CheckedTag;

/// What is kept, and what was kept last.
#[derive(Clone, Copy)]
pub enum Keep {
    All,
    Changes(Option<u64>),
    Beyond {
        deadband: f64,
        last: Option<f64>,
    },
    /// It can only be written.
    Nothing,
}

impl Keep {
    pub fn of(tag: &CheckedTag) -> Keep {
        match tag.deadband {
            _ if tag.access == Access::Write => Keep::Nothing,
            Some(deadband) => Keep::Beyond { deadband, last: None },
            None if tag.on_change => Keep::Changes(None),
            None => Keep::All,
        }
    }

    pub fn forget(&mut self) {
        match self {
            Keep::Changes(last) => *last = None,
            Keep::Beyond { last, .. } => *last = None,
            Keep::All | Keep::Nothing => {}
        }
    }

    pub fn takes(&mut self, curve: &Curve, at: i64) -> bool {
        match self {
            Keep::All => true,
            Keep::Nothing => false,
            Keep::Changes(last) => {
                let now = curve.step(at);
                last.replace(now) != Some(now)
            }
            Keep::Beyond { deadband, last } => {
                let now = curve.number(at);
                let takes = last.is_none_or(|last| (now - last).abs() > *deadband);
                if takes {
                    *last = Some(now);
                }
                takes
            }
        }
    }
}
