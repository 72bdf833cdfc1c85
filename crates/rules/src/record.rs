//! What rules write into the journal's record stream: from time to time all that they remember, in
//! parts that fit a record.

use crate::force::Named;
use serde::{Deserialize, Serialize};

/// What rules remember, and up to which sample.
pub const SNAPSHOT_KIND: u16 = 50;
/// Which versions of lookup tables are in force from which sample on.
pub const TABLES_KIND: u16 = 56;
/// Bytes of one part.
const PART_BYTES: usize = 192 * 1024;

/// From the sample at this place on rules look up in these versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablesRecord {
    pub position: u64,
    pub tables: Named,
}

pub struct Snapshot {
    pub position: u64,
    /// The versions of lookup tables that were in force then.
    pub tables: Named,
    pub rules: Vec<SavedRule>,
}

pub struct SavedRule {
    pub name: String,
    /// It has taken all samples before this.
    pub position: u64,
    /// Rows given that the keeper has not met in the stream yet.
    pub unseen: u64,
    /// Rows of this name before this place are another rule's.
    pub outputs_from: u64,
    pub state: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    /// The first of those that the rules have reached.
    position: u64,
    /// Name, unseen rows, where its rows begin, and bytes of the state.
    rules: Vec<(String, u64, u64, usize)>,
    /// What each has reached; where there are none, all have reached the same.
    #[serde(default)]
    positions: Vec<u64>,
    #[serde(default)]
    tables: Named,
}

/// Begins each part: which it is, of how many.
const PART_HEAD: usize = 8;

pub fn parts(snapshot: &Snapshot) -> Result<Vec<Vec<u8>>, String> {
    let of =
        |rule: &SavedRule| (rule.name.clone(), rule.unseen, rule.outputs_from, rule.state.len());
    let rules = snapshot.rules.iter().map(of);
    let tables = snapshot.tables.clone();
    let positions = snapshot.rules.iter().map(|rule| rule.position).collect();
    let position = snapshot.position;
    let head = Head { position, rules: rules.collect(), positions, tables };
    let head = serde_json::to_vec(&head).map_err(|error| error.to_string())?;
    let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
    bytes.extend(head);
    for rule in &snapshot.rules {
        bytes.extend(&rule.state);
    }
    let many = bytes.len().div_ceil(PART_BYTES) as u32;
    let part = |(place, part): (usize, &[u8])| {
        let mut payload = Vec::with_capacity(PART_HEAD + part.len());
        payload.extend((place as u32).to_le_bytes());
        payload.extend(many.to_le_bytes());
        payload.extend(part);
        payload
    };
    Ok(bytes.chunks(PART_BYTES).enumerate().map(part).collect())
}

/// Takes a part; gives the snapshot when it was the last of one that is whole.
pub fn gather(gathering: &mut Vec<u8>, payload: &[u8]) -> Option<Snapshot> {
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(payload.get(at..at + 4)?.try_into().ok()?))
    };
    let (place, many) = (number(0)?, number(4)?);
    if place == 0 {
        gathering.clear();
    }
    if gathering.len() != place as usize * PART_BYTES {
        gathering.clear();
        return None;
    }
    gathering.extend(&payload[PART_HEAD..]);
    if place + 1 != many {
        return None;
    }
    let bytes = std::mem::take(gathering);
    let length = usize::try_from(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)).ok()?;
    let head: Head = serde_json::from_slice(bytes.get(8..8usize.checked_add(length)?)?).ok()?;
    let mut rest = bytes.get(8 + length..)?;
    let mut rules = Vec::with_capacity(head.rules.len());
    let mut positions = head.positions.into_iter();
    for (name, unseen, outputs_from, length) in head.rules {
        let position = positions.next().unwrap_or(head.position);
        let (state, others) = rest.split_at_checked(length)?;
        rest = others;
        rules.push(SavedRule { name, position, unseen, outputs_from, state: state.to_vec() });
    }
    Some(Snapshot { position: head.position, tables: head.tables, rules })
}
