//! Services (Part 4, 5): requests as a client writes them, answers as it reads them.

mod attribute;
mod session;
mod subscription;
mod view;

pub use attribute::{
    Attribute, HistoryNode, HistoryResult, ReadNode, WriteNode, history_data, history_read,
    history_results, read, read_results, write, write_results,
};
pub use session::{
    ActivateSession, Application, CreateSession, Endpoint, Session, TokenKind, TokenPolicy,
    UserToken, activate_session, activate_session_result, close_session, create_session, endpoints,
    get_endpoints,
};
pub use subscription::{
    Acknowledgement, CreatedItem, Deadband, Item, Notification, Publish, Subscription,
    SubscriptionRequest, create_items, create_subscription, created_items, delete_items,
    delete_subscriptions, notification, publish, republish, statuses,
};
pub use view::{Direction, Path, Reference, References, browse, browse_next, paths, references};

use crate::bytes::{Malformed, Put, Reader, Result};
use crate::channel::Mode;
use crate::node_id::NodeId;
use crate::status::Status;
use crate::variant::{ExtensionObject, skip_diagnostics};

/// Numbers of the binary encodings of messages (Part 6, annex A).
pub mod id {
    pub const SERVICE_FAULT: u32 = 397;
    pub const GET_ENDPOINTS: u32 = 428;
    pub const OPEN_CHANNEL: u32 = 446;
    pub const OPEN_CHANNEL_RESPONSE: u32 = 449;
    pub const CLOSE_CHANNEL: u32 = 452;
    pub const CREATE_SESSION: u32 = 461;
    pub const ACTIVATE_SESSION: u32 = 467;
    pub const CLOSE_SESSION: u32 = 473;
    pub const BROWSE: u32 = 527;
    pub const BROWSE_NEXT: u32 = 533;
    pub const TRANSLATE_PATHS: u32 = 554;
    pub const READ: u32 = 631;
    pub const HISTORY_READ: u32 = 664;
    pub const WRITE: u32 = 673;
    pub const CREATE_ITEMS: u32 = 751;
    pub const DELETE_ITEMS: u32 = 781;
    pub const CREATE_SUBSCRIPTION: u32 = 787;
    pub const PUBLISH: u32 = 826;
    pub const REPUBLISH: u32 = 832;
    pub const DELETE_SUBSCRIPTIONS: u32 = 847;

    /// The answer to a request has the number three further on.
    pub const fn answer_to(request: u32) -> u32 {
        request + 3
    }
}

/// What each request begins with.
pub struct RequestHeader<'a> {
    /// The session's secret, from [`Session`].
    pub token: &'a NodeId,
    /// In ticks.
    pub now: i64,
    pub handle: u32,
    pub timeout_ms: u32,
}

impl RequestHeader<'_> {
    fn begin(&self, id: u32, out: &mut Vec<u8>) {
        NodeId::standard(id).encode(out);
        self.token.encode(out);
        out.put_i64(self.now);
        out.put_u32(self.handle);
        // No diagnostics, no audit entry.
        out.put_u32(0);
        out.put_string(None);
        out.put_u32(self.timeout_ms);
        ExtensionObject::put_null(out);
    }
}

/// What each answer begins with.
pub struct ResponseHeader;

impl ResponseHeader {
    /// The status by which the server refused the request as a whole, if it did.
    pub fn decode(
        reader: &mut Reader<'_>,
        expected: u32,
    ) -> Result<std::result::Result<(), Status>> {
        let id = NodeId::decode(reader)?.standard_number();
        reader.i64()?;
        reader.u32()?;
        let status = Status(reader.u32()?);
        skip_diagnostics(reader)?;
        for _ in 0..reader.count(4)? {
            reader.byte_string()?;
        }
        ExtensionObject::decode(reader)?;
        if id == Some(id::SERVICE_FAULT) || status.is_bad() {
            // A fault that says it is none is one all the same.
            return Ok(Err(if status.is_bad() { status } else { Status(0x8000_0000) }));
        }
        if id != Some(expected) {
            return Err(Malformed("the answer belongs to another request"));
        }
        Ok(Ok(()))
    }
}

/// The beginning of a request for a channel; nonce and lifetime follow.
pub(crate) fn open_channel(out: &mut Vec<u8>, now: i64, renew: bool, mode: Mode, timeout_ms: u32) {
    let header = RequestHeader { token: &NodeId::NULL, now, handle: 0, timeout_ms };
    header.begin(id::OPEN_CHANNEL, out);
    out.put_u32(0);
    out.put_i32(i32::from(renew));
    out.put_i32(mode as i32);
}

pub(crate) fn close_channel(out: &mut Vec<u8>, now: i64) {
    let header = RequestHeader { token: &NodeId::NULL, now, handle: 0, timeout_ms: 0 };
    header.begin(id::CLOSE_CHANNEL, out);
}

fn put_texts(texts: &[&str], out: &mut Vec<u8>) {
    out.put_count(texts.len());
    texts.iter().for_each(|text| out.put_text(text));
}

fn skip_texts(reader: &mut Reader<'_>) -> Result<()> {
    for _ in 0..reader.count(4)? {
        reader.byte_string()?;
    }
    Ok(())
}

fn bytes(reader: &mut Reader<'_>) -> Result<Vec<u8>> {
    Ok(reader.byte_string()?.unwrap_or_default().to_vec())
}
