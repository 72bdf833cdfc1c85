//! Reads and writes over one link, and what the controller's answers mean for the runtime.

use crate::browse;
use crate::link::{Failure, Link};
use crate::plan::{self, Block, Load, Manner, Read, Write, block_bytes_max, is_curable};
use crate::point::{Codec, Form, Point, Span};
use crate::settings::Settings;
use crate::value::{Scratch, decode, encode, shown};
use crate::words;
use std::borrow::Cow;
use tagwerk_component::{
    BoxFuture, BrowsePage, BrowseRequest, Fault, LinkContext, Open, ReadRequest, Report, Session,
    Token, WriteFault, WriteSent,
};
use tagwerk_model::{BatchBuilder, Quality, Value};
use tagwerk_proto_s7::{self as s7, Item, ItemCode, ReadAnswer, WRITE_JOB_BYTES, WriteAnswer};

/// Makes the connection to a controller.
pub struct OpenS7 {
    pub settings: Settings,
}

impl Open for OpenS7 {
    fn open<'a>(
        &'a self,
        context: &'a LinkContext,
    ) -> BoxFuture<'a, Result<Box<dyn Session>, Fault>> {
        Box::pin(async move {
            let link = Link::open(&self.settings, context).await?;
            Ok(Box::new(S7Session::new(link)) as Box<dyn Session>)
        })
    }
}

pub struct S7Session {
    pub(crate) link: Link,
    scratch: Scratch,
    /// What a write sends.
    bytes: Vec<u8>,
    /// What became of each block of the read in hand.
    codes: Vec<ItemCode>,
    /// The last read that was refused in part, by the place of its plan, and what it taught.
    refused: Option<(usize, Vec<(Block, ItemCode)>)>,
}

impl S7Session {
    pub fn new(link: Link) -> S7Session {
        let (bytes, codes) = (Vec::new(), Vec::new());
        S7Session { link, scratch: Scratch::default(), bytes, codes, refused: None }
    }

    async fn read_blocks(&mut self, read: &Read, out: &mut BatchBuilder) -> Result<(), Fault> {
        self.refused = None;
        self.codes.clear();
        let pdu_bytes = self.link.pdu_bytes();
        let blocks: Cow<'_, [Block]> = match pdu_bytes < read.pdu_bytes {
            true => plan::recut(read, pdu_bytes).into(),
            false => read.blocks[..].into(),
        };
        let mut rest = &blocks[..];
        while let Some((first, _)) = rest.split_first() {
            let mut load = Load::default();
            let count = rest.iter().take_while(|b| load.add(b.span.bytes, pdu_bytes)).count();
            let (now, later) = rest.split_at(count.max(1));
            match count {
                0 => self.read_long(&read.manner, first, out).await?,
                _ => self.read_job(&read.manner, now, out).await?,
            }
            rest = later;
        }
        self.judge(read, &blocks, out)
    }

    /// One job for several blocks.
    async fn read_job(
        &mut self,
        manner: &Manner,
        blocks: &[Block],
        out: &mut BatchBuilder,
    ) -> Result<(), Fault> {
        let items: Vec<Item> = blocks.iter().map(|block| item_of(&block.span)).collect();
        let what = || format!("reading {}", spans(blocks));
        self.link
            .exchange(manner, |reference, out| s7::read(reference, &items, out), what)
            .await
            .map_err(|failure| failure.fault)?;
        let pdu = self.link.answer().map_err(|why| words::not_understood(&what(), &why))?;
        if !pdu.error.is_none() {
            return Err(words::refused_job(&what(), pdu.error));
        }
        let answer = ReadAnswer::decode(&pdu, items.len());
        let answer = answer.map_err(|why| words::not_understood(&what(), &why))?;
        let mut left = blocks.iter();
        for found in answer {
            let found = found.map_err(|why| words::not_understood(&what(), &why))?;
            let Some(block) = left.next() else { break };
            match found {
                Ok(data) if data.len() >= block.span.bytes as usize => {
                    decode_block(block, data, &mut self.scratch, out);
                    self.codes.push(ItemCode::SUCCESS);
                }
                Ok(data) => {
                    let (got, wanted) = (data.len(), block.span.bytes);
                    return Err(Fault::Refused {
                        quality: Quality::BAD_COMMUNICATION,
                        reason: format!(
                            "the answer to reading {} has {got} bytes instead of {wanted}",
                            block.span
                        ),
                    });
                }
                Err(code) => self.codes.push(code),
            }
        }
        Ok(())
    }

    /// One value that is longer than a job can read, in pieces.
    async fn read_long(
        &mut self,
        manner: &Manner,
        block: &Block,
        out: &mut BatchBuilder,
    ) -> Result<(), Fault> {
        let mut data = Vec::with_capacity(block.span.bytes as usize);
        match self.read_bytes(manner, block.span, &mut data).await? {
            ItemCode::SUCCESS => {
                decode_block(block, &data, &mut self.scratch, out);
                self.codes.push(ItemCode::SUCCESS);
            }
            code => self.codes.push(code),
        }
        Ok(())
    }

    /// Appends the bytes of a span, in as many jobs as it takes, up to the first that is refused.
    pub(crate) async fn read_bytes(
        &mut self,
        manner: &Manner,
        span: Span,
        data: &mut Vec<u8>,
    ) -> Result<ItemCode, Fault> {
        let step = block_bytes_max(self.link.pdu_bytes());
        let mut start = span.start;
        while start < span.end() {
            let part = Span { start, bytes: step.min(span.end() - start), ..span };
            let what = || format!("reading {part}");
            let items = [item_of(&part)];
            self.link
                .exchange(manner, |reference, out| s7::read(reference, &items, out), what)
                .await
                .map_err(|failure| failure.fault)?;
            let pdu = self.link.answer().map_err(|why| words::not_understood(&what(), &why))?;
            if !pdu.error.is_none() {
                return Err(words::refused_job(&what(), pdu.error));
            }
            let found = ReadAnswer::decode(&pdu, 1).and_then(|mut answer| {
                answer.next().unwrap_or(Err(s7::Malformed::Items { stated: 0 }))
            });
            match found.map_err(|why| words::not_understood(&what(), &why))? {
                Ok(bytes) => match bytes.get(..part.bytes as usize) {
                    Some(bytes) => data.extend_from_slice(bytes),
                    None => {
                        let stated = bytes.len() as u16;
                        let why = s7::Malformed::Data { stated };
                        return Err(words::not_understood(&what(), &why));
                    }
                },
                Err(code) => return Ok(code),
            }
            start = part.end();
        }
        Ok(ItemCode::SUCCESS)
    }

    /// What refused blocks mean for the read as a whole.
    fn judge(
        &mut self,
        read: &Read,
        blocks: &[Block],
        out: &mut BatchBuilder,
    ) -> Result<(), Fault> {
        let bad = |code: &ItemCode| !code.is_success();
        let Some(at) = self.codes.iter().position(bad) else { return Ok(()) };
        let first = self.codes[at];
        let curable = blocks.iter().zip(&self.codes).any(|(block, code)| is_curable(block, *code));
        let whole = self.codes.iter().all(|code| *code == first) && !curable;
        let lasting = self.codes.iter().any(|code| words::is_lasting(*code));
        if whole || lasting {
            let outcome = blocks.iter().cloned().zip(self.codes.iter().copied()).collect();
            self.refused = Some((place_of(read), outcome));
            let reason = words::refused_item(&format!("reading {}", blocks[at].span), first);
            return match (whole, reason) {
                (false, Fault::Refused { reason, .. }) => {
                    // A quality that makes the runtime ask for parts, rather than give up on all.
                    Err(Fault::Refused { quality: Quality::BAD_UNKNOWN_ADDRESS, reason })
                }
                (_, fault) => Err(fault),
            };
        }
        for (block, code) in blocks.iter().zip(&self.codes).filter(|(_, code)| bad(code)) {
            let quality = words::quality_of(*code);
            block.items.iter().for_each(|item| out.put_quality(item.tag as usize, quality));
        }
        Ok(())
    }

    fn parts(&self, read: &Read) -> Option<Vec<ReadRequest>> {
        match &self.refused {
            Some((place, outcome)) if *place == place_of(read) => {
                plan::divide_by(outcome, self.link.pdu_bytes(), &read.manner)
            }
            _ => plan::divide(read),
        }
    }

    async fn write_value(&mut self, write: &Write, value: &Value) -> Result<(), WriteFault> {
        let Write { manner, point } = write;
        let span = point.span();
        self.bytes.clear();
        let encoded = encode(point.codec, value, &mut self.bytes);
        encoded.map_err(|why| unfit(value, &span, &why))?;
        let room = usize::from(self.link.pdu_bytes()).saturating_sub(WRITE_JOB_BYTES);
        if self.bytes.len() > room {
            let why = format!(
                "it takes {} bytes, and this CPU takes {room} in one job; a value is never written \
                 in two parts",
                self.bytes.len()
            );
            return Err(unfit(value, &span, &why));
        }
        self.check_string(manner, point, value).await?;
        let item = write_item(point, self.bytes.len());
        let what = || format!("writing {} to {span}", shown(value));
        let bytes = std::mem::take(&mut self.bytes);
        let build = |reference, out: &mut Vec<u8>| s7::write(reference, &item, &bytes, out);
        let sent = self.link.exchange(manner, build, what).await;
        self.bytes = bytes;
        sent.map_err(|failure| unconfirmed(failure, &span))?;
        self.confirmed(&what())?;
        match manner.read_back {
            true => self.read_back(write, value).await,
            false => Ok(()),
        }
    }

    /// Whether the controller confirms the write.
    fn confirmed(&self, what: &str) -> Result<(), WriteFault> {
        let unsure = |why: s7::Malformed| WriteFault {
            sent: WriteSent::Perhaps,
            fault: words::not_understood(what, &why),
        };
        let refused = |fault| WriteFault { sent: WriteSent::No, fault };
        let pdu = self.link.answer().map_err(unsure)?;
        if !pdu.error.is_none() {
            return Err(refused(words::refused_job(what, pdu.error)));
        }
        match WriteAnswer::decode(&pdu).map_err(unsure)?.0 {
            ItemCode::SUCCESS => Ok(()),
            code => Err(refused(words::refused_item(what, code))),
        }
    }

    /// A string is written behind its declared length, which is looked at first: a longer text
    /// would run over whatever comes behind the string.
    async fn check_string(
        &mut self,
        manner: &Manner,
        point: &Point,
        value: &Value,
    ) -> Result<(), WriteFault> {
        let (head_bytes, unit) = match point.codec.form {
            Form::Text => (1, 1),
            Form::WideText => (2, 2),
            _ => return Ok(()),
        };
        let span = Span { bytes: head_bytes, ..point.span() };
        let mut head = Vec::new();
        let refused = |fault: Fault| WriteFault {
            sent: WriteSent::No,
            fault: words::prefixed(fault, "the string's length could not be read before writing"),
        };
        let code = self.read_bytes(manner, span, &mut head).await.map_err(refused)?;
        if !code.is_success() {
            return Err(refused(words::refused_item(&format!("reading {span}"), code)));
        }
        let declared = head.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let given = self.bytes.len().saturating_sub(head_bytes as usize) / unit;
        match given <= declared {
            true => Ok(()),
            false => {
                let why = format!(
                    "it has {given} characters, but the string in the CPU has room for {declared}; \
                     check the address, and that the string was initialised"
                );
                Err(unfit(value, &point.span(), &why))
            }
        }
    }

    /// Reads what was written, and fails if the controller holds something else.
    async fn read_back(&mut self, write: &Write, value: &Value) -> Result<(), WriteFault> {
        let Write { manner, point } = write;
        let unsure = |fault: Fault| WriteFault {
            sent: WriteSent::Perhaps,
            fault: words::prefixed(
                fault,
                "the CPU confirmed the write, but reading it back failed",
            ),
        };
        let span = point.span();
        let mut data = Vec::new();
        let code = self.read_bytes(manner, span, &mut data).await.map_err(unsure)?;
        if !code.is_success() {
            return Err(unsure(words::refused_item(&format!("reading {span}"), code)));
        }
        if holds(point.codec, &data, &self.bytes) {
            return Ok(());
        }
        let kept = decode(point.codec, &data, &mut self.scratch)
            .map_or("something else".into(), |kept| shown(&kept.to_value()));
        let reason = format!(
            "{} was written to {span}, but the CPU holds {kept}; its program may write there too",
            shown(value)
        );
        Err(WriteFault {
            sent: WriteSent::No,
            fault: Fault::Refused { quality: Quality::BAD_OUT_OF_RANGE, reason },
        })
    }
}

impl Session for S7Session {
    fn read<'a>(
        &'a mut self,
        request: &'a ReadRequest,
        out: &'a mut BatchBuilder,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self.read_blocks(request.token.get(), out))
    }

    fn write<'a>(
        &'a mut self,
        tag: &'a Token,
        value: &'a Value,
    ) -> BoxFuture<'a, Result<(), WriteFault>> {
        Box::pin(self.write_value(tag.get(), value))
    }

    /// Notices the end of the connection while nothing is asked.
    fn event<'a>(&'a mut self, _: &'a mut Vec<Report>) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self.link.idle())
    }

    fn browse<'a>(
        &'a mut self,
        request: &'a BrowseRequest<'a>,
    ) -> BoxFuture<'a, Result<BrowsePage, Fault>> {
        Box::pin(browse::page(self, request))
    }

    fn divide(&self, request: &ReadRequest) -> Option<Vec<ReadRequest>> {
        self.parts(request.token.get())
    }

    fn counters(&mut self) -> Vec<(&'static str, u64)> {
        self.link.counters()
    }
}

/// By which a read is known again; only compared while its request is held.
fn place_of(read: &Read) -> usize {
    std::ptr::from_ref(read) as usize
}

fn item_of(span: &Span) -> Item {
    Item::bytes(span.area, span.block, span.start, span.bytes as u16)
}

/// What a write names: one bit, or what follows a string's declared length, or the value's bytes.
fn write_item(point: &Point, bytes: usize) -> Item {
    let Point { area, block, start, codec } = *point;
    let start = match codec.form {
        Form::Bit => return Item::bit(area, block, start, codec.length as u8),
        Form::Text => start + 1,
        Form::WideText => start + 2,
        _ => start,
    };
    Item::bytes(area, block, start, bytes as u16)
}

/// Whether bytes read back are those that were written.
fn holds(codec: Codec, data: &[u8], written: &[u8]) -> bool {
    match codec.form {
        Form::Bit => {
            data.first().map(|byte| byte >> (codec.length & 7) & 1) == written.first().copied()
        }
        Form::Text => data.get(1..).is_some_and(|data| data.starts_with(written)),
        Form::WideText => data.get(2..).is_some_and(|data| data.starts_with(written)),
        _ => data == written,
    }
}

fn decode_block(block: &Block, data: &[u8], scratch: &mut Scratch, out: &mut BatchBuilder) {
    for item in &block.items {
        let bytes = data.get(item.place as usize..).unwrap_or_default();
        match decode(item.codec, bytes, scratch) {
            Ok(value) => out.put(item.tag as usize, value),
            Err(quality) => out.put_quality(item.tag as usize, quality),
        }
    }
}

/// Some of the spans, for messages.
fn spans(blocks: &[Block]) -> String {
    const SHOWN_MAX: usize = 4;
    let shown: Vec<String> =
        blocks.iter().take(SHOWN_MAX).map(|block| block.span.to_string()).collect();
    match blocks.len().saturating_sub(SHOWN_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn unfit(value: &Value, span: &Span, why: &str) -> WriteFault {
    let reason = format!("{} was not written to {span}: {why}", shown(value));
    WriteFault {
        sent: WriteSent::No,
        fault: Fault::Refused { quality: Quality::BAD_OUT_OF_RANGE, reason },
    }
}

/// A write that got no answer says whether it may have been done.
fn unconfirmed(Failure { fault, sent }: Failure, span: &Span) -> WriteFault {
    let prefix = match sent {
        WriteSent::No => format!("nothing was written to {span}"),
        WriteSent::Perhaps => format!("the write to {span} was sent but not confirmed"),
    };
    WriteFault { sent, fault: words::prefixed(fault, &prefix) }
}
