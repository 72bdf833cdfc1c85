//! The secure channel (Part 6, 6.7): messages into chunks and back, signed, encrypted and numbered.
//! Refuses anything from the other side that does not keep to what was agreed.

use crate::bytes::{Malformed, Put, Reader, Result};
use crate::limits;
use crate::policy::{Keys, NONCE_BYTES, OwnKey, PeerKey, Policy, SIGNATURE_BYTES, leaf, random};
use crate::service::{self, ResponseHeader};
use crate::status::Status;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    None = 1,
    Sign = 2,
    SignAndEncrypt = 3,
}

/// What came out of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The server agreed to talk.
    Acknowledged,
    /// The channel is open, or has a new token, for so many milliseconds.
    Opened { request: u32, lifetime_ms: u32 },
    /// The answer to a request: its type, and what follows.
    Answer { request: u32, body: Vec<u8> },
    /// The server gave up on an answer half way.
    Aborted { request: u32, status: Status, reason: String },
    /// The server closes the connection, and says why.
    Closing { status: Status, reason: String },
}

pub struct Channel {
    policy: Policy,
    mode: Mode,
    keys: Option<(Arc<OwnKey>, PeerKey)>,
    id: u32,
    nonce: Vec<u8>,
    current: Option<Token>,
    /// Messages under way when the token changed.
    previous: Option<Token>,
    sent: u32,
    received: Option<u32>,
    partial: Vec<Partial>,
    send_chunk_bytes: usize,
    send_message_bytes: usize,
    send_chunks: usize,
}

struct Token {
    id: u32,
    /// Ours to send with, theirs to receive with.
    keys: Option<(Keys, Keys)>,
}

struct Partial {
    request: u32,
    chunks: usize,
    body: Vec<u8>,
}

const SEQUENCE_WRAPS: u32 = u32::MAX - 1_024;
const BLOCK: usize = 16;

impl Channel {
    /// `keys` for every policy but `None`.
    pub fn new(policy: Policy, mode: Mode, keys: Option<(Arc<OwnKey>, PeerKey)>) -> Channel {
        Channel {
            policy,
            mode,
            keys,
            id: 0,
            nonce: Vec::new(),
            current: None,
            previous: None,
            sent: 0,
            received: None,
            partial: Vec::new(),
            send_chunk_bytes: limits::CHUNK_BYTES_MIN,
            send_message_bytes: limits::MESSAGE_BYTES_MAX,
            send_chunks: limits::MESSAGE_CHUNKS_MAX,
        }
    }

    pub fn policy(&self) -> Policy {
        self.policy
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub fn keys(&self) -> Option<&(Arc<OwnKey>, PeerKey)> {
        self.keys.as_ref()
    }

    /// The first message of a connection.
    pub fn hello(url: &str, out: &mut Vec<u8>) {
        out.put_bytes(b"HELF");
        out.put_u32(32 + url.len() as u32);
        for number in [
            0,
            limits::CHUNK_BYTES_MAX,
            limits::CHUNK_BYTES_MAX,
            limits::MESSAGE_BYTES_MAX,
            limits::MESSAGE_CHUNKS_MAX,
        ] {
            out.put_u32(number as u32);
        }
        out.put_text(url);
    }

    /// Asks for the channel, or for a new token of an open one. `now` in ticks.
    pub fn open(
        &mut self,
        request: u32,
        now: i64,
        lifetime_ms: u32,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut body = Vec::new();
        service::open_channel(&mut body, now, self.current.is_some(), self.mode, lifetime_ms);
        if self.policy == Policy::None {
            // Empty rather than null, which some servers insist upon.
            body.put_string(Some(&[]));
        } else {
            self.nonce = random::<NONCE_BYTES>()?.to_vec();
            body.put_string(Some(&self.nonce));
        }
        body.put_u32(lifetime_ms);
        let start = out.len();
        out.put_bytes(b"OPNF\0\0\0\0");
        out.put_u32(self.id);
        out.put_text(&self.policy.uri());
        let sequence = self.next_sequence();
        let Some((own, peer)) = &self.keys else {
            out.put_string(None);
            out.put_string(None);
            out.put_u32(sequence);
            out.put_u32(request);
            out.put_bytes(&body);
            set_length(out, start, 0);
            return Ok(());
        };
        out.put_string(Some(&own.certificate));
        out.put_string(Some(&peer.thumbprint));
        let secret = out.len();
        out.put_u32(sequence);
        out.put_u32(request);
        out.put_bytes(&body);
        // The length of the padding takes two bytes where the key is longer than 2048 bits.
        let length_bytes = if peer.bytes() > 256 { 2 } else { 1 };
        let used = out.len() - secret + length_bytes + own.bytes();
        let padding = used.next_multiple_of(peer.block(self.policy)) - used;
        out.resize(out.len() + 1 + padding, padding as u8);
        if length_bytes == 2 {
            out.put_u8((padding >> 8) as u8);
        }
        let more = secret + peer.encrypted(self.policy, used + padding) - out.len();
        set_length(out, start, more);
        let signature = own.sign(self.policy, &out[start..])?;
        out.put_bytes(&signature);
        let encrypted = peer.encrypt(self.policy, &out[secret..])?;
        out.truncate(secret);
        out.put_bytes(&encrypted);
        Ok(())
    }

    /// Cuts a request into chunks.
    pub fn send(&mut self, request: u32, body: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let room = self.chunk_room();
        let chunks = body.len().div_ceil(room).max(1);
        if body.len() > self.send_message_bytes || chunks > self.send_chunks {
            return Err(Malformed("the request is longer than the server takes"));
        }
        for (number, part) in body.chunks(room).enumerate() {
            let kind = if number + 1 == chunks { b"MSGF" } else { b"MSGC" };
            self.send_chunk(kind, request, part, out)?;
        }
        Ok(())
    }

    /// The last message.
    pub fn close(&mut self, request: u32, now: i64, out: &mut Vec<u8>) -> Result<()> {
        let mut body = Vec::new();
        service::close_channel(&mut body, now);
        self.send_chunk(b"CLOF", request, &body, out)
    }

    fn chunk_room(&self) -> usize {
        let all = self.send_chunk_bytes - 16;
        match self.mode {
            Mode::None => all - 8,
            Mode::Sign => all - 8 - SIGNATURE_BYTES,
            Mode::SignAndEncrypt => all / BLOCK * BLOCK - 8 - 1 - SIGNATURE_BYTES,
        }
    }

    fn send_chunk(
        &mut self,
        kind: &[u8; 4],
        request: u32,
        part: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let sequence = self.next_sequence();
        let token = self.current.as_ref().ok_or(Malformed("the channel is not open"))?;
        let start = out.len();
        out.put_bytes(kind);
        out.put_u32(0);
        out.put_u32(self.id);
        out.put_u32(token.id);
        let secret = out.len();
        out.put_u32(sequence);
        out.put_u32(request);
        out.put_bytes(part);
        let Some((keys, _)) = &token.keys else {
            set_length(out, start, 0);
            return Ok(());
        };
        if self.mode == Mode::SignAndEncrypt {
            let used = out.len() - secret + 1 + SIGNATURE_BYTES;
            let padding = used.next_multiple_of(BLOCK) - used;
            out.resize(out.len() + 1 + padding, padding as u8);
        }
        set_length(out, start, SIGNATURE_BYTES);
        let signature = keys.sign(&out[start..]);
        out.put_bytes(signature.as_ref());
        if self.mode == Mode::SignAndEncrypt {
            keys.encrypt(&mut out[secret..])?;
        }
        Ok(())
    }

    fn next_sequence(&mut self) -> u32 {
        self.sent = if self.sent >= SEQUENCE_WRAPS { 1 } else { self.sent + 1 };
        self.sent
    }

    /// Opens one chunk in place; `None` while the message goes on.
    pub fn receive(&mut self, chunk: &mut [u8]) -> Result<Option<Message>> {
        let kind = chunk.get(..4).ok_or(Malformed("a chunk without a head"))?;
        match kind {
            b"ACKF" => self.acknowledged(&chunk[8..]).map(Some),
            b"ERRF" => {
                let (status, reason) = error_body(&chunk[8..])?;
                Ok(Some(Message::Closing { status, reason }))
            }
            b"OPNF" => self.opened(chunk).map(Some),
            b"MSGF" | b"MSGC" | b"MSGA" => self.message(chunk),
            _ => Err(Malformed("a chunk of an impossible kind")),
        }
    }

    fn acknowledged(&mut self, body: &[u8]) -> Result<Message> {
        let mut reader = Reader::new(body);
        let (_version, receive) = (reader.u32()?, reader.u32()? as usize);
        let (_send, message, chunks) = (reader.u32()?, reader.u32()? as usize, reader.u32()?);
        if receive < limits::CHUNK_BYTES_MIN {
            return Err(Malformed("the server takes only chunks of less than 8192 bytes"));
        }
        self.send_chunk_bytes = receive.min(limits::CHUNK_BYTES_MAX);
        // Zero stands for no limit.
        if message > 0 {
            self.send_message_bytes = message.min(limits::MESSAGE_BYTES_MAX);
        }
        if chunks > 0 {
            self.send_chunks = (chunks as usize).min(limits::MESSAGE_CHUNKS_MAX);
        }
        Ok(Message::Acknowledged)
    }

    fn opened(&mut self, chunk: &[u8]) -> Result<Message> {
        let mut reader = Reader::new(&chunk[8..]);
        let _channel = reader.u32()?;
        if reader.text()? != Some(&self.policy.uri()) {
            return Err(Malformed("the server answers with another security policy"));
        }
        let sender = reader.byte_string()?;
        let _receiver = reader.byte_string()?;
        let head = chunk.len() - reader.remaining().len();
        let plain;
        let mut body = match &self.keys {
            None => reader,
            Some((own, peer)) => {
                if sender.map(leaf) != Some(&peer.certificate) {
                    return Err(Malformed("the server answers with another certificate"));
                }
                let mut whole = chunk[..head].to_vec();
                whole.extend(own.decrypt(self.policy, &chunk[head..])?);
                let signed = whole.len().checked_sub(peer.bytes()).filter(|end| *end > head);
                let signed = signed.ok_or(Malformed("a message that is too short"))?;
                peer.verify(self.policy, &whole[..signed], &whole[signed..])?;
                whole.truncate(signed);
                let end = without_padding(&whole, own.bytes() > 256)?;
                whole.truncate(end);
                plain = whole.get(head..).ok_or(Malformed("a message that is too short"))?.to_vec();
                Reader::new(&plain)
            }
        };
        self.check_sequence(body.u32()?)?;
        let request = body.u32()?;
        let header = ResponseHeader::decode(&mut body, service::id::OPEN_CHANNEL_RESPONSE)?;
        if let Err(status) = header {
            let reason = "the server does not open a secure channel".to_owned();
            return Ok(Message::Closing { status, reason });
        }
        let _version = body.u32()?;
        self.id = body.u32()?;
        let id = body.u32()?;
        let _created = body.i64()?;
        let lifetime_ms = body.u32()?;
        let nonce = body.byte_string()?.unwrap_or_default();
        let keys = match self.policy {
            Policy::None => None,
            _ if nonce.len() < NONCE_BYTES => {
                return Err(Malformed("the server's random number is too short"));
            }
            policy => Some((
                Keys::derive(policy, nonce, &self.nonce),
                Keys::derive(policy, &self.nonce, nonce),
            )),
        };
        self.previous = self.current.take();
        self.current = Some(Token { id, keys });
        Ok(Message::Opened { request, lifetime_ms })
    }

    fn message(&mut self, chunk: &mut [u8]) -> Result<Option<Message>> {
        let kind = chunk[3];
        let mut reader = Reader::new(&chunk[8..]);
        let (channel, token_id) = (reader.u32()?, reader.u32()?);
        if channel != self.id {
            return Err(Malformed("a message of another channel"));
        }
        let range = self.unseal(token_id, chunk)?;
        let mut reader = Reader::new(&chunk[range]);
        self.check_sequence(reader.u32()?)?;
        let request = reader.u32()?;
        let part = reader.remaining();
        match kind {
            b'A' => {
                self.partial.retain(|partial| partial.request != request);
                let (status, reason) = error_body(part)?;
                Ok(Some(Message::Aborted { request, status, reason }))
            }
            b'C' => self.keep(request, part).map(|()| None),
            _ => {
                let place = self.partial.iter().position(|partial| partial.request == request);
                let Some(place) = place else {
                    return Ok(Some(Message::Answer { request, body: part.to_vec() }));
                };
                self.keep(request, part)?;
                let body = self.partial.swap_remove(place).body;
                Ok(Some(Message::Answer { request, body }))
            }
        }
    }

    /// Decrypts and verifies; gives the place of the sequence header and what follows.
    fn unseal(&mut self, token_id: u32, chunk: &mut [u8]) -> Result<std::ops::Range<usize>> {
        const HEAD: usize = 16;
        if self.current.as_ref().is_some_and(|token| token.id == token_id) {
            self.previous = None;
        }
        let token = [&self.current, &self.previous]
            .into_iter()
            .flatten()
            .find(|token| token.id == token_id)
            .ok_or(Malformed("a message under a token that was not agreed"))?;
        let Some((_, keys)) = &token.keys else { return Ok(HEAD..chunk.len()) };
        if self.mode == Mode::SignAndEncrypt {
            keys.decrypt(&mut chunk[HEAD..])?;
        }
        let signed = chunk.len().checked_sub(SIGNATURE_BYTES).filter(|end| *end > HEAD);
        let signed = signed.ok_or(Malformed("a message that is too short"))?;
        keys.verify(&chunk[..signed], &chunk[signed..])?;
        let end = match self.mode {
            Mode::SignAndEncrypt => without_padding(&chunk[..signed], false)?,
            _ => signed,
        };
        if end < HEAD { Err(Malformed("a message that is too short")) } else { Ok(HEAD..end) }
    }

    /// Numbers go up by one, and start over near the end of their range (Part 6, 6.7.2.4).
    fn check_sequence(&mut self, number: u32) -> Result<()> {
        let fits = self.received.is_none_or(|last| {
            number == last.wrapping_add(1) || (last >= SEQUENCE_WRAPS && number < 1_024)
        });
        self.received = Some(number);
        if fits { Ok(()) } else { Err(Malformed("messages are missing, repeated or reordered")) }
    }

    fn keep(&mut self, request: u32, part: &[u8]) -> Result<()> {
        let held: usize = self.partial.iter().map(|partial| partial.body.len()).sum();
        if held + part.len() > limits::MESSAGE_BYTES_MAX {
            return Err(Malformed("a message is longer than was agreed"));
        }
        let place = self.partial.iter().position(|partial| partial.request == request);
        let place = match place {
            Some(place) => place,
            None if self.partial.len() >= limits::PARTIAL_MESSAGES_MAX => {
                return Err(Malformed("too many messages are left unfinished"));
            }
            None => {
                self.partial.push(Partial { request, chunks: 0, body: Vec::new() });
                self.partial.len() - 1
            }
        };
        let partial = &mut self.partial[place];
        partial.chunks += 1;
        if partial.chunks > limits::MESSAGE_CHUNKS_MAX {
            return Err(Malformed("a message has more chunks than was agreed"));
        }
        partial.body.extend_from_slice(part);
        Ok(())
    }
}

/// Of the chunk that begins at `start`, and will be so many bytes longer than it is.
fn set_length(out: &mut [u8], start: usize, more: usize) {
    let length = out.len() - start + more;
    out[start + 4..start + 8].copy_from_slice(&(length as u32).to_le_bytes());
}

/// Where the padding at the end of a decrypted message begins.
fn without_padding(plain: &[u8], two_bytes: bool) -> Result<usize> {
    let wrong = Malformed("a message is padded wrongly");
    let (rest, high) = match (two_bytes, plain.split_last()) {
        (true, Some((high, rest))) => (rest, usize::from(*high)),
        _ => (plain, 0),
    };
    let low = usize::from(*rest.last().ok_or(wrong)?);
    rest.len().checked_sub((high << 8 | low) + 1).ok_or(wrong)
}

fn error_body(body: &[u8]) -> Result<(Status, String)> {
    let mut reader = Reader::new(body);
    let status = Status(reader.u32()?);
    let reason = reader.byte_string()?.unwrap_or_default();
    // Shown to people: as much as fits a line.
    let shown = String::from_utf8_lossy(&reason[..reason.len().min(200)]);
    Ok((status, shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()))
}
