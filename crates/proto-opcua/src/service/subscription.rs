//! Subscriptions and monitored items (Part 4, 5.13 and 5.14).

use super::{Attribute, ReadNode, RequestHeader, id};
use crate::bytes::{Put, Reader, Result};
use crate::node_id::NodeId;
use crate::status::Status;
use crate::variant::{DataValue, ExtensionObject, skip_all_diagnostics, skip_diagnostics};

pub struct SubscriptionRequest {
    pub interval_ms: f64,
    /// Publishing cycles without any request of ours after which the server forgets it.
    pub lifetime_count: u32,
    /// Publishing cycles without news after which it says that it is there.
    pub keep_alive_count: u32,
    /// Values in one notification.
    pub notifications_max: u32,
}

pub fn create_subscription(
    header: &RequestHeader<'_>,
    request: &SubscriptionRequest,
    out: &mut Vec<u8>,
) {
    header.begin(id::CREATE_SUBSCRIPTION, out);
    out.put_f64(request.interval_ms);
    out.put_u32(request.lifetime_count);
    out.put_u32(request.keep_alive_count);
    out.put_u32(request.notifications_max);
    out.put_bool(true);
    out.put_u8(0);
}

/// As the server made it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subscription {
    pub id: u32,
    pub interval_ms: f64,
    pub lifetime_count: u32,
    pub keep_alive_count: u32,
}

impl Subscription {
    pub fn decode(reader: &mut Reader<'_>) -> Result<Subscription> {
        Ok(Subscription {
            id: reader.u32()?,
            interval_ms: reader.f64()?,
            lifetime_count: reader.u32()?,
            keep_alive_count: reader.u32()?,
        })
    }
}

pub fn delete_subscriptions(header: &RequestHeader<'_>, ids: &[u32], out: &mut Vec<u8>) {
    header.begin(id::DELETE_SUBSCRIPTIONS, out);
    out.put_count(ids.len());
    ids.iter().for_each(|id| out.put_u32(*id));
}

/// How far a value must move to be worth a report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deadband {
    Absolute(f64),
    /// Of the range of the node.
    Percent(f64),
}

/// A value to be reported.
pub struct Item<'a> {
    pub node_id: &'a NodeId,
    pub range: &'a str,
    pub handle: u32,
    pub sampling_ms: f64,
    pub deadband: Option<Deadband>,
    pub queue: u32,
}

pub fn create_items<'a>(
    header: &RequestHeader<'_>,
    subscription: u32,
    items: impl ExactSizeIterator<Item = Item<'a>>,
    out: &mut Vec<u8>,
) {
    const BOTH_TIMES: u32 = 2;
    const REPORTING: u32 = 2;
    header.begin(id::CREATE_ITEMS, out);
    out.put_u32(subscription);
    out.put_u32(BOTH_TIMES);
    out.put_count(items.len());
    for item in items {
        let attribute = Attribute::Value;
        ReadNode { node_id: item.node_id, attribute, range: item.range }.encode(out);
        out.put_u32(REPORTING);
        out.put_u32(item.handle);
        out.put_f64(item.sampling_ms);
        match item.deadband {
            None => ExtensionObject::put_null(out),
            Some(deadband) => put_filter(deadband, out),
        }
        out.put_u32(item.queue);
        // Full queues lose the oldest value.
        out.put_bool(true);
    }
}

fn put_filter(deadband: Deadband, out: &mut Vec<u8>) {
    const DATA_CHANGE_FILTER: u32 = 724;
    const STATUS_OR_VALUE: u32 = 1;
    let (kind, width) = match deadband {
        Deadband::Absolute(width) => (1, width),
        Deadband::Percent(width) => (2, width),
    };
    ExtensionObject::put(DATA_CHANGE_FILTER, out, |out| {
        out.put_u32(STATUS_OR_VALUE);
        out.put_u32(kind);
        out.put_f64(width);
    });
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CreatedItem {
    pub status: Status,
    pub id: u32,
    pub sampling_ms: f64,
    pub queue: u32,
}

pub fn created_items(reader: &mut Reader<'_>) -> Result<Vec<CreatedItem>> {
    let results = reader.list(23, |reader| {
        let item = CreatedItem {
            status: Status(reader.u32()?),
            id: reader.u32()?,
            sampling_ms: reader.f64()?,
            queue: reader.u32()?,
        };
        ExtensionObject::decode(reader)?;
        Ok(item)
    })?;
    skip_all_diagnostics(reader)?;
    Ok(results)
}

pub fn delete_items(
    header: &RequestHeader<'_>,
    subscription: u32,
    items: &[u32],
    out: &mut Vec<u8>,
) {
    header.begin(id::DELETE_ITEMS, out);
    out.put_u32(subscription);
    out.put_count(items.len());
    items.iter().for_each(|id| out.put_u32(*id));
}

/// Statuses, one per thing asked for.
pub fn statuses(reader: &mut Reader<'_>) -> Result<Vec<Status>> {
    let results = reader.list(4, |reader| reader.u32().map(Status))?;
    skip_all_diagnostics(reader)?;
    Ok(results)
}

/// A notification that has been received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    pub subscription: u32,
    pub sequence: u32,
}

/// Lets the server send one notification.
pub fn publish(header: &RequestHeader<'_>, received: &[Acknowledgement], out: &mut Vec<u8>) {
    header.begin(id::PUBLISH, out);
    out.put_count(received.len());
    for one in received {
        out.put_u32(one.subscription);
        out.put_u32(one.sequence);
    }
}

/// Asks again for a notification that did not come.
pub fn republish(header: &RequestHeader<'_>, subscription: u32, sequence: u32, out: &mut Vec<u8>) {
    header.begin(id::REPUBLISH, out);
    out.put_u32(subscription);
    out.put_u32(sequence);
}

/// One thing that a notification says.
#[derive(Clone, Debug, PartialEq)]
pub enum Notification {
    Value {
        handle: u32,
        value: DataValue,
    },
    /// The subscription has ended, or changed.
    Status(Status),
}

/// What stands around the notifications of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    pub subscription: u32,
    pub sequence: u32,
    /// Without news: the sequence is that of the next notification.
    pub is_keep_alive: bool,
}

impl Publish {
    /// Hands over what is in it, piece by piece.
    pub fn decode(reader: &mut Reader<'_>, take: impl FnMut(Notification)) -> Result<Publish> {
        let subscription = reader.u32()?;
        for _ in 0..reader.count(4)? {
            reader.u32()?;
        }
        reader.bool()?;
        let (sequence, count) = notification(reader, take)?;
        Ok(Publish { subscription, sequence, is_keep_alive: count == 0 })
    }
}

/// A notification message: its sequence number, and how many parts it had.
pub fn notification(
    reader: &mut Reader<'_>,
    mut take: impl FnMut(Notification),
) -> Result<(u32, usize)> {
    const DATA_CHANGE: u32 = 811;
    const STATUS_CHANGE: u32 = 820;
    let sequence = reader.u32()?;
    reader.i64()?;
    let parts = reader.count(3)?;
    for _ in 0..parts {
        let type_id = NodeId::decode(reader)?.standard_number();
        let body = match reader.u8()? {
            0 => &[],
            _ => reader.byte_string()?.unwrap_or_default(),
        };
        let mut inside = reader.inside(body);
        match type_id {
            Some(DATA_CHANGE) => {
                for _ in 0..inside.count(5)? {
                    let handle = inside.u32()?;
                    take(Notification::Value { handle, value: DataValue::decode(&mut inside)? });
                }
            }
            Some(STATUS_CHANGE) => {
                let status = Status(inside.u32()?);
                skip_diagnostics(&mut inside)?;
                take(Notification::Status(status));
            }
            // Events, which were not asked for.
            _ => {}
        }
    }
    Ok((sequence, parts))
}
