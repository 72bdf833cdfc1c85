//! Reads and writes over one link, and what the device's answers mean for the runtime.

use crate::address::Area;
use crate::codec::{Scratch, decode, decode_all, encode, shown};
use crate::link::{Failure, Link, Reply};
use crate::plan::{Read, Span, Write, divide};
use crate::point::Form;
use crate::settings::WriteSingle;
use std::sync::Arc;
use std::time::Duration;
use tagwerk_component::{
    BoxFuture, Fault, LinkContext, Open, ReadRequest, Session, Token, WriteFault, WriteSent,
};
use tagwerk_env::timeout;
use tagwerk_model::{BatchBuilder, Quality, Value};
use tagwerk_proto_modbus::{Exception, Function, Request, Response};

/// Makes the connection to a device or gateway.
pub struct OpenTcp {
    pub host: String,
    pub port: u16,
    pub connect_timeout: Duration,
}

impl Open for OpenTcp {
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async move {
            let env = &context.env;
            let peer = match self.host.contains(':') {
                true => format!("[{}]:{}", self.host, self.port),
                false => format!("{}:{}", self.host, self.port),
            };
            let deadline = env.clock.now().after(self.connect_timeout);
            let connecting = env.net.connect(&self.host, self.port);
            match timeout(&*env.clock, deadline, connecting).await {
                Some(Ok(stream)) => {
                    let link = Link::new(env.clock.clone(), stream, Arc::from(peer));
                    Ok(Box::new(TcpSession::new(link)) as Box<dyn Session>)
                }
                Some(Err(error)) => Err(Fault::Link(format!(
                    "cannot connect to {peer}: {error}; check `host`, `port` and the device's \
                     network"
                ))),
                None => Err(Fault::Link(format!(
                    "no connection to {peer} within {}; check `host`, `port`, and whether a \
                     firewall is between",
                    tagwerk_component::Duration(self.connect_timeout)
                ))),
            }
        })
    }
}

pub struct TcpSession {
    link: Link,
    scratch: Scratch,
    /// What a write sends: registers, or one byte for a coil.
    words: Vec<u8>,
}

impl TcpSession {
    pub fn new(link: Link) -> TcpSession {
        TcpSession { link, scratch: Scratch::default(), words: Vec::new() }
    }

    async fn read_items(&mut self, read: &Read, out: &mut BatchBuilder) -> Result<(), Fault> {
        let request = read.span.request();
        let asked = self.link.exchange(read.span.unit, &request, &read.manner, Reply::Expected);
        asked.await.map_err(|failure| failure.fault)?;
        let data = data_of(self.link.answer(), &read.span)?;
        decode_all(&read.items, data, &mut self.scratch, out);
        Ok(())
    }

    async fn write_value(&mut self, write: &Write, value: &Value) -> Result<(), WriteFault> {
        self.words.clear();
        let Write { manner, span, codec } = write;
        encode(*codec, value, &mut self.words).map_err(|why| {
            let reason = format!("{} was not written to {span}: {why}", shown(value));
            WriteFault {
                sent: WriteSent::No,
                fault: Fault::Refused { quality: Quality::BAD_OUT_OF_RANGE, reason },
            }
        })?;
        let request = write_request(span, manner.write_single, &self.words);
        // Unit 0 means all of them, and none of them answers.
        let reply = if span.unit == 0 { Reply::None } else { Reply::Expected };
        self.link
            .exchange(span.unit, &request, manner, reply)
            .await
            .map_err(|failure| unconfirmed(failure, span))?;
        if reply == Reply::None {
            return Ok(());
        }
        confirmed(self.link.answer(), &request, span)?;
        match manner.read_back {
            true => self.read_back(write, value).await,
            false => Ok(()),
        }
    }

    /// Reads what was written, and fails if the device kept something else.
    async fn read_back(&mut self, write: &Write, value: &Value) -> Result<(), WriteFault> {
        let Write { manner, span, codec } = write;
        let unsure = |fault: Fault| WriteFault {
            sent: WriteSent::Perhaps,
            fault: prefixed(fault, "the device confirmed the write, but reading it back failed"),
        };
        let request = span.request();
        let asked = self.link.exchange(span.unit, &request, manner, Reply::Expected);
        asked.await.map_err(|failure| unsure(failure.fault))?;
        let data = data_of(self.link.answer(), span).map_err(unsure)?;
        let same = match codec.form {
            Form::Coil => data.first().map(|byte| byte & 1) == self.words.first().copied(),
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

impl Session for TcpSession {
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

    fn divide(&self, request: &ReadRequest) -> Option<Vec<ReadRequest>> {
        divide(request.token.get())
    }

    fn counters(&mut self) -> Vec<(&'static str, u64)> {
        self.link.counters()
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
