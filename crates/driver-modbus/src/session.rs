//! Reads and writes over one link, and what the device's answers mean for the runtime.

use crate::address::Area;
use crate::channel::{Channel, Failure};
use crate::codec::{Scratch, decode, decode_all, encode, shown};
use crate::open::WayBack;
use crate::plan::{Line, Manner, Read, Span, Write, divide};
use crate::point::{Codec, Form};
use crate::settings::{BitWrite, WriteSingle};
use std::sync::Arc;
use tagwerk_component::{
    BoxFuture, Fault, ReadRequest, Report, Session, Token, WriteFault, WriteSent,
};
use tagwerk_model::{BatchBuilder, Quality, Value};
use tagwerk_proto_modbus::{Exception, Function, Request, Response};

pub struct ModbusSession {
    channel: Channel,
    /// While a backup is in use.
    way_back: Option<WayBack>,
    /// The serial line as it was opened.
    line: Option<Arc<Line>>,
    scratch: Scratch,
    /// What a write sends: registers, or one byte for a coil.
    words: Vec<u8>,
    backup: BackupCounts,
}

#[derive(Default)]
struct BackupCounts {
    connections: u64,
    requests: u64,
    returns: u64,
}

impl ModbusSession {
    /// With a way back to the main host if the channel leads to the backup.
    pub fn new(channel: Channel, way_back: Option<WayBack>) -> ModbusSession {
        let backup =
            BackupCounts { connections: way_back.is_some().into(), ..BackupCounts::default() };
        ModbusSession {
            channel,
            way_back,
            line: None,
            scratch: Scratch::default(),
            words: Vec::new(),
            backup,
        }
    }

    /// On a serial line opened like this.
    pub fn on(self, line: Arc<Line>) -> ModbusSession {
        ModbusSession { line: Some(line), ..self }
    }

    /// Sends a request, once, and waits for its answer.
    async fn exchange(
        &mut self,
        unit: u8,
        request: &Request<'_>,
        manner: &Manner,
    ) -> Result<(), Failure> {
        self.backup.requests += u64::from(self.way_back.is_some());
        self.channel.exchange(unit, request, manner).await
    }

    /// Before something is asked: the line is as the device wants it, and the main host is used as
    /// soon as it is back.
    async fn begin(&mut self, manner: &Manner) -> Result<(), Fault> {
        if let (Some(wanted), Some(open)) = (&manner.line, &self.line)
            && wanted != open
        {
            let mut differences =
                format!("this device wants {wanted}; the port is open with {open}");
            if wanted.to_string() == open.to_string() {
                differences = "this device wants another flow control, silence, echo or RS-485 \
                               setting than the port is open with"
                    .to_owned();
            }
            return Err(Fault::Settings(format!(
                "devices on {} disagree about the line: {differences}; give all of them the same, or \
                 move one to another port",
                open.serial.path
            )));
        }
        if let Some(way_back) = &mut self.way_back
            && let Some(channel) = way_back.found_by_now().await
        {
            self.return_to(channel);
        }
        Ok(())
    }

    fn return_to(&mut self, channel: Channel) {
        self.channel = channel;
        self.way_back = None;
        self.backup.returns += 1;
    }

    async fn read_items(&mut self, read: &Read, out: &mut BatchBuilder) -> Result<(), Fault> {
        self.begin(&read.manner).await?;
        let request = read.span.request();
        let asked = self.exchange(read.span.unit, &request, &read.manner);
        asked.await.map_err(|failure| failure.fault)?;
        let data = data_of(self.channel.answer(), &read.span)?;
        decode_all(&read.items, data, &mut self.scratch, out);
        Ok(())
    }

    async fn write_value(&mut self, write: &Write, value: &Value) -> Result<(), WriteFault> {
        let unsent = |fault| WriteFault { sent: WriteSent::No, fault };
        self.begin(&write.manner).await.map_err(unsent)?;
        if write.codec.form == Form::Bit {
            return self.write_bit(write, value).await;
        }
        self.words.clear();
        let Write { span, codec, .. } = write;
        encode(*codec, value, &mut self.words).map_err(|why| unsent(unfit(value, span, &why)))?;
        self.send_words(write, value).await
    }

    /// One bit of a register, by itself or with the register around it.
    async fn write_bit(&mut self, write: &Write, value: &Value) -> Result<(), WriteFault> {
        let Write { manner, span, codec } = write;
        let unsent = |fault| WriteFault { sent: WriteSent::No, fault };
        let Value::Bool(on) = value else {
            let why = format!("{} is not true or false", shown(value));
            return Err(unsent(unfit(value, span, &why)));
        };
        let bit = 1u16 << (codec.detail & 15);
        let or = if *on { bit } else { 0 };
        if manner.bit_write != BitWrite::ReadModifyWrite {
            let request = Request::MaskWriteRegister { address: span.start, and: !bit, or };
            self.confirm(&request, write).await.map_err(|fault| {
                let remedy = "; set `bit_write: read_modify_write` if it has no function 22";
                hinted(fault, Exception::ILLEGAL_FUNCTION, remedy)
            })?;
            return match manner.read_back && span.unit != 0 {
                true => self.read_back(write, value).await,
                false => Ok(()),
            };
        }
        let request = span.request();
        let asked = self.exchange(span.unit, &request, manner);
        asked.await.map_err(|failure| {
            unsent(prefixed(failure.fault, &format!("nothing was written to {span}")))
        })?;
        let data = data_of(self.channel.answer(), span).map_err(unsent)?;
        let before = data.first_chunk().map_or(0, |word| u16::from_be_bytes(*word));
        self.words.clear();
        self.words.extend((before & !bit | or).to_be_bytes());
        self.send_words(write, value).await
    }

    /// Writes what is in `words`.
    async fn send_words(&mut self, write: &Write, value: &Value) -> Result<(), WriteFault> {
        let Write { manner, span, .. } = write;
        let words = std::mem::take(&mut self.words);
        let exchanged = manner.write_read && span.area == Area::Holding && span.unit != 0;
        let request = match exchanged {
            true => Request::ReadWriteRegisters {
                read_start: span.start,
                read_count: span.count,
                write_start: span.start,
                words: &words,
            },
            false => write_request(span, manner.write_single, &words),
        };
        let confirmed = self.confirm(&request, write).await;
        self.words = words;
        if exchanged {
            confirmed.map_err(|fault| {
                let remedy = "; leave `write_read` out if it has no function 23";
                hinted(fault, Exception::ILLEGAL_FUNCTION, remedy)
            })?;
            return self.kept(write, value);
        }
        confirmed?;
        match manner.read_back && span.unit != 0 {
            true => self.read_back(write, value).await,
            false => Ok(()),
        }
    }

    /// Sends a write and sees that the answer confirms it; broadcasts are confirmed by nobody.
    async fn confirm(&mut self, request: &Request<'_>, write: &Write) -> Result<(), WriteFault> {
        let Write { manner, span, .. } = write;
        let asked = self.exchange(span.unit, request, manner);
        asked.await.map_err(|failure| unconfirmed(failure, span))?;
        match span.unit {
            0 => Ok(()),
            _ => confirmed(self.channel.answer(), request, span),
        }
    }

    /// Reads what was written, and fails if the device kept something else.
    async fn read_back(&mut self, write: &Write, value: &Value) -> Result<(), WriteFault> {
        let Write { manner, span, .. } = write;
        let request = write.span.request();
        let asked = self.exchange(span.unit, &request, manner);
        asked.await.map_err(|failure| unsure_of(failure.fault))?;
        self.kept(write, value)
    }

    /// Whether the data in the last answer is what was written.
    fn kept(&mut self, write: &Write, value: &Value) -> Result<(), WriteFault> {
        let Write { span, codec, .. } = write;
        let data = match Response::decode(self.channel.answer()) {
            Ok(Response::RegistersReadWritten { words }) if words.len() == span.data_bytes() => {
                words
            }
            _ => data_of(self.channel.answer(), span).map_err(unsure_of)?,
        };
        let Codec { form, .. } = *codec;
        let same = match form {
            Form::Coil => data.first().map(|byte| byte & 1) == self.words.first().copied(),
            Form::Bit => {
                let kept = decode(*codec, 0, data, &mut self.scratch);
                kept.is_some_and(|kept| kept.to_value() == *value)
            }
            _ => data == self.words,
        };
        if same {
            return Ok(());
        }
        let kept = decode(*codec, 0, data, &mut self.scratch)
            .map_or("something else".into(), |kept| shown(&kept.to_value()));
        let reason = format!("{} was written to {span}, but the device kept {kept}", shown(value));
        Err(WriteFault {
            sent: WriteSent::No,
            fault: Fault::Refused { quality: Quality::BAD_OUT_OF_RANGE, reason },
        })
    }
}

impl Session for ModbusSession {
    fn read<'a>(
        &'a mut self,
        request: &'a ReadRequest,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self.read_items(request.token.get(), out))
    }

    fn write<'a>(
        &'a mut self,
        tag: &'a Token,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>> {
        Box::pin(self.write_value(tag.get(), value))
    }

    /// Devices report nothing by themselves; the time goes into finding the main host again.
    fn event<'a>(&'a mut self, _: &'a mut Vec<Report>) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async {
            match &mut self.way_back {
                None => std::future::pending().await,
                Some(way_back) => {
                    let channel = way_back.found().await;
                    self.return_to(channel);
                    Ok(())
                }
            }
        })
    }

    fn divide(&self, request: &ReadRequest) -> Option<Vec<ReadRequest>> {
        divide(request.token.get())
    }

    fn counters(&mut self) -> Vec<(&'static str, u64)> {
        let mut counters = self.channel.counters();
        let counts = std::mem::take(&mut self.backup);
        counters.extend([
            ("connections to the backup", counts.connections),
            ("requests through the backup", counts.requests),
            ("returns to the main host", counts.returns),
        ]);
        counters
    }
}

/// The data of a read's answer, as much as was asked for.
fn data_of<'a>(pdu: &'a [u8], span: &Span) -> Result<&'a [u8], Fault> {
    let function = span.area.read_function();
    let data = match Response::decode(pdu) {
        Ok(Response::Coils { bits } | Response::DiscreteInputs { bits }) => bits,
        Ok(Response::HoldingRegisters { words } | Response::InputRegisters { words }) => words,
        Ok(Response::Refused { exception, .. }) => return Err(refusal(exception, function, span)),
        Ok(_) => return Err(not_understood(function, span, "it belongs to another function")),
        Err(wrong) => return Err(not_understood(function, span, &wrong.to_string())),
    };
    if data.len() != span.data_bytes() {
        let why = format!("it has {} bytes of data instead of {}", data.len(), span.data_bytes());
        return Err(not_understood(function, span, &why));
    }
    Ok(data)
}

fn write_request<'a>(span: &Span, single: WriteSingle, words: &'a [u8]) -> Request<'a> {
    let several = single == WriteSingle::Never;
    let start = span.start;
    match (span.area, words) {
        (Area::Coil, bits) if several => Request::WriteCoils { start, count: 1, bits },
        (Area::Coil, bits) => Request::WriteCoil { address: start, on: bits.first() == Some(&1) },
        (_, &[high, low]) if !several => {
            Request::WriteRegister { address: start, value: u16::from_be_bytes([high, low]) }
        }
        (_, words) => Request::WriteRegisters { start, words },
    }
}

/// Whether the answer confirms just what was asked.
fn confirmed(pdu: &[u8], request: &Request<'_>, span: &Span) -> Result<(), WriteFault> {
    let function = request.function();
    let unsure = |fault| WriteFault { sent: WriteSent::Perhaps, fault };
    let response = Response::decode(pdu)
        .map_err(|wrong| unsure(not_understood(function, span, &wrong.to_string())))?;
    let same = match (response, request) {
        (Response::Refused { exception, .. }, _) => {
            // Accepted and still at work, or handed on to a device that went silent: it may have
            // been done. Every other exception says that it was not.
            let sent = match exception {
                Exception::ACKNOWLEDGE | Exception::GATEWAY_TARGET => WriteSent::Perhaps,
                _ => WriteSent::No,
            };
            return Err(WriteFault { sent, fault: refusal(exception, function, span) });
        }
        (Response::CoilWritten { address, on }, Request::WriteCoil { address: a, on: o }) => {
            (address, on) == (*a, *o)
        }
        (
            Response::RegisterWritten { address, value },
            Request::WriteRegister { address: a, value: v },
        ) => (address, value) == (*a, *v),
        (
            Response::RegisterMasked { address, and, or },
            Request::MaskWriteRegister { address: a, and: n, or: o },
        ) => (address, and, or) == (*a, *n, *o),
        // What the device kept is seen in the data.
        (Response::RegistersReadWritten { words }, Request::ReadWriteRegisters { .. }) => {
            words.len() == span.data_bytes()
        }
        (Response::CoilsWritten { start, count }, Request::WriteCoils { .. })
        | (Response::RegistersWritten { start, count }, Request::WriteRegisters { .. }) => {
            (start, count) == (span.start, span.count)
        }
        _ => false,
    };
    match same {
        true => Ok(()),
        false => {
            Err(unsure(not_understood(function, span, "it confirms another address or value")))
        }
    }
}

/// An exception, by what the runtime does next.
fn refusal(exception: Exception, function: Function, span: &Span) -> Fault {
    let reason = format!("the device refused {function} of {span} with {exception}");
    let quality = match exception {
        // Only this unit is silent; the gateway and its other units are not.
        Exception::GATEWAY_TARGET => return Fault::Silent(reason),
        Exception::ILLEGAL_FUNCTION => Quality::BAD_NOT_SUPPORTED,
        Exception::ILLEGAL_ADDRESS => Quality::BAD_UNKNOWN_ADDRESS,
        Exception::ILLEGAL_VALUE => Quality::BAD_OUT_OF_RANGE,
        Exception::ACKNOWLEDGE | Exception::BUSY => Quality::BAD_DEVICE_BUSY,
        Exception::GATEWAY_PATH => Quality::BAD_GATEWAY,
        _ => Quality::BAD_DEVICE_FAILURE,
    };
    Fault::Refused { quality: quality.with_detail(exception.0.into()), reason }
}

/// The value is not one that the tag can take.
fn unfit(value: &Value, span: &Span, why: &str) -> Fault {
    let reason = format!("{} was not written to {span}: {why}", shown(value));
    Fault::Refused { quality: Quality::BAD_OUT_OF_RANGE, reason }
}

/// Adds what to do to a refusal with this code.
fn hinted(mut fault: WriteFault, exception: Exception, remedy: &str) -> WriteFault {
    if let Fault::Refused { quality, reason } = &mut fault.fault
        && quality.detail() == u16::from(exception.0)
        && fault.sent == WriteSent::No
    {
        reason.push_str(remedy);
    }
    fault
}

fn unsure_of(fault: Fault) -> WriteFault {
    WriteFault {
        sent: WriteSent::Perhaps,
        fault: prefixed(fault, "the device confirmed the write, but reading it back failed"),
    }
}

fn not_understood(function: Function, span: &Span, why: &str) -> Fault {
    Fault::Refused {
        quality: Quality::BAD_COMMUNICATION,
        reason: format!("the answer to {function} of {span} was not understood: {why}"),
    }
}

/// A write that got no answer says whether it may have been done.
fn unconfirmed(Failure { fault, sent }: Failure, span: &Span) -> WriteFault {
    let prefix = match sent {
        WriteSent::No => format!("nothing was written to {span}"),
        WriteSent::Perhaps => format!("the write to {span} was sent but not confirmed"),
    };
    WriteFault { sent, fault: prefixed(fault, &prefix) }
}

fn prefixed(fault: Fault, prefix: &str) -> Fault {
    let joined = |text: String| format!("{prefix}: {text}");
    match fault {
        Fault::Settings(text) => Fault::Settings(joined(text)),
        Fault::Link(text) => Fault::Link(joined(text)),
        Fault::Silent(text) => Fault::Silent(joined(text)),
        Fault::Refused { quality, reason } => Fault::Refused { quality, reason: joined(reason) },
    }
}
