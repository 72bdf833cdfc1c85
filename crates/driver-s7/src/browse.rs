//! Looking inside a controller: its data blocks where it lists them, and the bytes of one block,
//! read on trial. Names and types of variables are in the engineering project, not in the
//! controller.

use crate::plan::Manner;
use crate::point::Span;
use crate::session::S7Session;
use crate::words;
use std::sync::Arc;
use tagwerk_component::{BrowseNode, BrowsePage, BrowseRequest, Fault};
use tagwerk_model::{DataType, Quality, Value};
use tagwerk_proto_s7::{self as s7, Area, Function, ItemCode, Status};

/// Blocks on one page, each of which is asked for its length.
const BLOCKS_PER_PAGE: usize = 40;
/// Parts of an answer. More: the rest is left out; no CPU has so many blocks.
const PARTS_MAX: usize = 200;
/// Bytes of one node inside a block, and nodes on one page.
const NODE_BYTES: u32 = 16;
const NODES_PER_PAGE: u32 = 32;
/// The longest data block that has addresses.
const BLOCK_BYTES_MAX: u32 = 1 << 16;

pub async fn page(
    session: &mut S7Session,
    request: &BrowseRequest<'_>,
) -> Result<BrowsePage, Fault> {
    let manner = match request.token {
        Some(token) => token.get::<Arc<Manner>>().clone(),
        None => return Err(refused("the device's plan has no way to browse it".into())),
    };
    if request.from.is_empty() {
        return blocks(session, &manner, request.after).await;
    }
    let number = request.from.strip_prefix("DB").and_then(|number| number.parse().ok());
    let number: u16 = number.ok_or_else(|| {
        refused(format!("`{}` is nothing that can be browsed; data blocks are `DB1`", request.from))
    })?;
    inside(session, &manner, number, request.after).await
}

fn refused(reason: String) -> Fault {
    Fault::Refused { quality: Quality::BAD_NOT_SUPPORTED, reason }
}

/// The data blocks that the controller lists.
async fn blocks(
    session: &mut S7Session,
    manner: &Manner,
    after: Option<&str>,
) -> Result<BrowsePage, Fault> {
    let mut payload = Vec::new();
    let listed = ask(session, manner, Function::ListDataBlocks, &mut payload).await?;
    if let Err(why) = listed {
        return Err(refused(format!(
            "the CPU does not list its data blocks ({why}), as S7-1200 and S7-1500 do not; look \
             inside one by its number, such as `DB1`, and take names and types from the \
             engineering project"
        )));
    }
    let mut numbers: Vec<u16> = s7::blocks(&payload).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let after: Option<u16> = after.and_then(|after| after.parse().ok());
    let mut rest = numbers.into_iter().filter(|number| after.is_none_or(|after| *number > after));
    let now: Vec<u16> = rest.by_ref().take(BLOCKS_PER_PAGE).collect();
    let more = rest.next().and(now.last().map(u16::to_string));
    let mut nodes = Vec::with_capacity(now.len());
    for number in now {
        let length = stated_length(session, manner, number).await?;
        nodes.push(BrowseNode {
            id: format!("DB{number}"),
            name: format!("DB{number}"),
            inside: true,
            description: length.map(|bytes| format!("{bytes} bytes")),
            ..BrowseNode::default()
        });
    }
    Ok(BrowsePage { nodes, more })
}

/// The bytes of one block, sixteen to a node, with what they hold now.
async fn inside(
    session: &mut S7Session,
    manner: &Manner,
    number: u16,
    after: Option<&str>,
) -> Result<BrowsePage, Fault> {
    let start: u32 = after.and_then(|after| after.parse().ok()).unwrap_or(0);
    let length = match stated_length(session, manner, number).await? {
        Some(length) => length,
        None => tried_length(session, manner, number).await?,
    };
    let end = length.min(start.saturating_add(NODE_BYTES * NODES_PER_PAGE));
    let mut data = Vec::new();
    if start < end {
        let span = span(number, start, end - start);
        let code = session.read_bytes(manner, span, &mut data).await?;
        if !code.is_success() {
            return Err(words::refused_item(&format!("reading {span}"), code));
        }
    }
    let nodes = data.chunks(NODE_BYTES as usize).enumerate().map(|(index, bytes)| {
        let first = start + index as u32 * NODE_BYTES;
        let address = format!("DB{number}.DBB{first}/{}", bytes.len());
        BrowseNode {
            id: address.clone(),
            name: format!("Bytes {first} to {}", first + bytes.len() as u32 - 1),
            address: Some(address),
            data_type: Some(DataType::Bytes),
            write: true,
            value: Some(Value::Bytes(bytes.into())),
            ..BrowseNode::default()
        }
    });
    let nodes = nodes.collect();
    Ok(BrowsePage { nodes, more: (end < length).then(|| end.to_string()) })
}

fn span(block: u16, start: u32, bytes: u32) -> Span {
    Span { area: Area::Block, block, start, bytes }
}

/// A block's length as the controller states it; `None` where it does not.
async fn stated_length(
    session: &mut S7Session,
    manner: &Manner,
    number: u16,
) -> Result<Option<u32>, Fault> {
    let mut payload = Vec::new();
    let answered = ask(session, manner, Function::DataBlock(number), &mut payload).await?;
    let size = answered.ok().and_then(|()| s7::block_size(&payload).ok());
    Ok(size.filter(|size| size.number == number).map(|size| size.bytes.into()))
}

/// A block's length found by reading single bytes, in sixteen steps.
async fn tried_length(session: &mut S7Session, manner: &Manner, number: u16) -> Result<u32, Fault> {
    let (mut low, mut high) = (0, BLOCK_BYTES_MAX);
    while low < high {
        // The first try is byte 0, which tells a block that is missing from one that is short.
        let middle = if high == BLOCK_BYTES_MAX && low == 0 { 0 } else { (low + high) / 2 };
        let mut data = Vec::new();
        match session.read_bytes(manner, span(number, middle, 1), &mut data).await? {
            ItemCode::SUCCESS => low = middle + 1,
            ItemCode::OUT_OF_RANGE => high = middle,
            code => {
                return Err(words::refused_item(
                    &format!("reading DB{number} byte {middle}"),
                    code,
                ));
            }
        }
    }
    Ok(low)
}

/// Asks about the controller itself, through all parts of the answer; the inner error says in words
/// why it gives none.
async fn ask(
    session: &mut S7Session,
    manner: &Manner,
    function: Function,
    payload: &mut Vec<u8>,
) -> Result<Result<(), String>, Fault> {
    let what = match function {
        Function::ListDataBlocks => "listing data blocks".to_owned(),
        Function::DataBlock(number) => format!("asking for the length of DB{number}"),
        Function::StatusList { id, .. } => format!("reading system status list {id:04X}"),
    };
    let mut next = None;
    for _ in 0..PARTS_MAX {
        let build = |reference, out: &mut Vec<u8>| match next {
            None => s7::ask(reference, function, out),
            Some(next) => s7::go_on(reference, function, next, out),
        };
        let asked = session.link.exchange(manner, build, || what.clone()).await;
        asked.map_err(|failure| failure.fault)?;
        let status = session.link.answer().and_then(|pdu| Status::decode(&pdu));
        let status = match status {
            Ok(status) => status,
            Err(why) => return Ok(Err(why.to_string())),
        };
        if !status.error.is_none() {
            return Ok(Err(status.error.to_string()));
        }
        if !status.code.is_success() {
            return Ok(Err(status.code.to_string()));
        }
        payload.extend_from_slice(status.payload);
        next = status.more;
        if next.is_none() {
            break;
        }
    }
    Ok(Ok(()))
}
