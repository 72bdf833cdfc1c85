//! What a server sends of itself: notifications in their order, lost ones asked for again, values
//! made into reports.

use crate::connection::{Answer, decode};
use crate::convert;
use crate::session::{OpcSession, Pending};
use tagwerk_component::{Fault, Report};
use tagwerk_model::Quality;
use tagwerk_proto_opcua::service::{self, Acknowledgement, Notification, Publish, id};
use tagwerk_proto_opcua::{DataValue, Reader, Status, Variant, time};

/// Requests of which the server answers one with each notification.
const PUBLISHING_MAX: usize = 16;
/// Notifications that are asked for again when some were lost. More: counted as lost.
const REPUBLISH_MAX: u32 = 32;

impl OpcSession {
    /// Keeps enough requests with the server for it to send what it has.
    pub fn publish_more(&mut self) {
        let wanted = match self.watching.subscriptions.len() {
            0 => 0,
            count => (count + 2).min(PUBLISHING_MAX),
        };
        let wanted = wanted.min(self.watching.publishing_max.unwrap_or(wanted));
        while self.watching.publishing < wanted {
            let received = std::mem::take(&mut self.watching.acknowledgements);
            let sent = self.begin(
                Pending::Publish,
                || "Ask for the next notification".to_owned(),
                |header, out| service::publish(header, &received, out),
            );
            if sent.is_err() {
                break;
            }
            self.watching.publishing += 1;
        }
    }

    pub fn published(&mut self, answer: Answer) -> Result<(), Fault> {
        self.watching.publishing = self.watching.publishing.saturating_sub(1);
        let mut arrived = Vec::new();
        let result = decode(answer, id::PUBLISH, |reader: &mut Reader<'_>| {
            Publish::decode(reader, |notification| arrived.push(notification))
        })?;
        let publish = match result {
            Ok(publish) => publish,
            Err(status) => return self.not_published(status),
        };
        let now = self.now();
        let known = self.watching.subscriptions.values_mut().find(|s| s.id == publish.subscription);
        // One that was deleted meanwhile.
        let Some(subscribed) = known else { return Ok(()) };
        subscribed.heard = now;
        let expected = subscribed.next_sequence;
        // 0 is never a number of a notification (Part 4, 5.13.1.1): behind the last comes 1.
        let after = publish.sequence.checked_add(1).unwrap_or(1);
        subscribed.next_sequence = if publish.is_keep_alive { publish.sequence } else { after };
        let lost = publish.sequence.wrapping_sub(expected);
        if lost > 0 && publish.sequence > expected {
            self.counts.gaps += u64::from(lost);
            self.ask_again(publish.subscription, expected, lost);
        }
        if !publish.is_keep_alive {
            let (subscription, sequence) = (publish.subscription, publish.sequence);
            self.watching.acknowledgements.push(Acknowledgement { subscription, sequence });
        }
        self.notified(arrived)?;
        self.publish_more();
        Ok(())
    }

    fn not_published(&mut self, status: Status) -> Result<(), Fault> {
        match status.code() {
            Status::BAD_NO_SUBSCRIPTION if self.watching.subscriptions.is_empty() => Ok(()),
            Status::BAD_TOO_MANY_PUBLISH_REQUESTS if self.watching.publishing > 0 => {
                self.watching.publishing_max = Some(self.watching.publishing);
                Ok(())
            }
            _ => Err(Fault::Link(format!("the server sends no notifications: {status}"))),
        }
    }

    fn ask_again(&mut self, subscription: u32, from: u32, lost: u32) {
        self.note(|| format!("{lost} notifications of subscription {subscription} are missing"));
        for sequence in (from..).take(lost.min(REPUBLISH_MAX) as usize) {
            let _ = self.begin(
                Pending::Republish { subscription },
                || format!("Ask again for notification {sequence} of {subscription}"),
                |header, out| service::republish(header, subscription, sequence, out),
            );
        }
    }

    pub fn republished(&mut self, _subscription: u32, answer: Answer) -> Result<(), Fault> {
        let mut arrived = Vec::new();
        let result = decode(answer, id::REPUBLISH, |reader: &mut Reader<'_>| {
            service::notification(reader, |notification| arrived.push(notification))
        })?;
        match result {
            Ok(_) => {
                self.counts.gaps = self.counts.gaps.saturating_sub(1);
                self.notified(arrived)
            }
            // It no longer has it: the gap stands, and is counted.
            Err(_) => Ok(()),
        }
    }

    fn notified(&mut self, arrived: Vec<Notification>) -> Result<(), Fault> {
        self.reports.reserve(arrived.len());
        for notification in arrived {
            match notification {
                Notification::Value { handle, value } => self.report(handle, value),
                Notification::Status(status) if status.is_bad() => {
                    return Err(Fault::Link(format!(
                        "the server has ended a subscription: {status}"
                    )));
                }
                Notification::Status(_) => {}
            }
        }
        Ok(())
    }

    /// A value of a watched item; later, when its structure is not known yet.
    fn report(&mut self, handle: u32, data: DataValue) {
        let data = match &data.value {
            Some(Variant::ExtensionObject(_) | Variant::Array(_) | Variant::Variant(_))
                if !self.is_ready(data.value.as_ref()) =>
            {
                self.ask_types();
                match self.postpone(handle, data) {
                    Some(data) => data,
                    None => return,
                }
            }
            _ => data,
        };
        self.report_present(handle, &data);
    }

    /// Reports what waited for the server to say how structures are made.
    pub fn report_resolved(&mut self) {
        for (handle, data) in std::mem::take(&mut self.unresolved) {
            match self.is_ready(data.value.as_ref()) {
                true => self.report_present(handle, &data),
                false => self.unresolved.push((handle, data)),
            }
        }
    }

    fn report_present(&mut self, handle: u32, data: &DataValue) {
        let ticks = data.source_ticks.or(data.server_ticks);
        self.history.present(handle, ticks);
        if data.status.is_overflow() {
            self.counts.overflows += 1;
        }
        if let Some(report) = self.report_of(handle, data, false) {
            self.reports.push(report);
        }
    }

    /// A report of what the server says; why a value does not fit its tag is noted once.
    pub fn report_of(&mut self, handle: u32, data: &DataValue, past: bool) -> Option<Report> {
        // One that is no longer watched.
        let item = self.watching.items.get_mut(&handle)?;
        let (watch, tag) = (item.watch, item.point().index);
        let mut quality = convert::quality(data.status);
        let mut value = None;
        if !quality.is_bad() {
            let converted = match &data.value {
                Some(variant) => convert::to_point_value(variant, item.point(), &self.types),
                None => Err("the server has no value".into()),
            };
            match converted {
                Ok(converted) => {
                    value = Some(converted);
                    item.told = false;
                }
                Err(reason) => {
                    quality = Quality::BAD_ENCODING;
                    if !std::mem::replace(&mut item.told, true) {
                        let address = item.point().address.clone();
                        self.note(|| format!("`{address}`: {reason}"));
                    }
                }
            }
        }
        let source_time = data.source_ticks.or(data.server_ticks).and_then(time::unix_ns);
        Some(Report { watch, tag, value, quality, source_time, past })
    }
}
