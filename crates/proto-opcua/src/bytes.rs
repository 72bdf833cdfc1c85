//! Reading and writing the binary encoding (Part 6, 5.2): numbers, texts, counts. A reader never
//! gives more than the bytes that are there, and counts what a message makes it keep.

use crate::limits;
use std::fmt;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

pub type Result<T> = std::result::Result<T, Malformed>;

/// Reads one message, or a part of it.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    depth: u8,
    items_left: u32,
}

macro_rules! number {
    ($name:ident, $type:ty) => {
        pub fn $name(&mut self) -> Result<$type> {
            self.array().map(<$type>::from_le_bytes)
        }
    };
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, depth: 0, items_left: limits::MESSAGE_ITEMS_MAX }
    }

    number!(u8, u8);
    number!(u16, u16);
    number!(u32, u32);
    number!(u64, u64);
    number!(i8, i8);
    number!(i16, i16);
    number!(i32, i32);
    number!(i64, i64);
    number!(f32, f32);
    number!(f64, f64);

    pub fn bool(&mut self) -> Result<bool> {
        self.u8().map(|byte| byte != 0)
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.bytes.split_at_checked(count).ok_or(Malformed("ends in the middle"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| Malformed("ends in the middle"))
    }

    pub fn guid(&mut self) -> Result<[u8; 16]> {
        self.array()
    }

    /// A byte string; `None` where it is null.
    pub fn byte_string(&mut self) -> Result<Option<&'a [u8]>> {
        match self.i32()? {
            length if length < 0 => Ok(None),
            length => self.take(length as usize).map(Some),
        }
    }

    /// A text that is part of the protocol, and so must be UTF-8.
    pub fn text(&mut self) -> Result<Option<&'a str>> {
        let Some(bytes) = self.byte_string()? else { return Ok(None) };
        std::str::from_utf8(bytes).map(Some).map_err(|_| Malformed("a text is not UTF-8"))
    }

    /// The same, with the empty text for null.
    pub fn owned(&mut self) -> Result<Box<str>> {
        self.text().map(|text| text.unwrap_or_default().into())
    }

    /// How many elements follow, each of at least `bytes_min` bytes; a null array has none.
    pub fn count(&mut self, bytes_min: usize) -> Result<usize> {
        let count = self.i32()?.max(0) as usize;
        if count.saturating_mul(bytes_min.max(1)) > self.bytes.len() {
            return Err(Malformed("an array is longer than its message"));
        }
        let counted = u32::try_from(count).ok().and_then(|n| self.items_left.checked_sub(n));
        self.items_left = counted.ok_or(Malformed("too many elements in one message"))?;
        Ok(count)
    }

    pub fn list<T>(
        &mut self,
        bytes_min: usize,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.count(bytes_min)?;
        let mut items = Vec::with_capacity(count.min(limits::RESERVE_MAX));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Reads something that may hold more of its kind, down to a depth that no stack minds.
    pub fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= limits::DEPTH_MAX {
            return Err(Malformed("nested too deeply"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Reads bytes that lie inside what is read here, under the same limits.
    pub fn inside<'b>(&self, bytes: &'b [u8]) -> Reader<'b> {
        Reader { bytes, depth: self.depth, items_left: self.items_left }
    }

    pub fn remaining(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Appends to a message.
pub trait Put {
    fn put_u8(&mut self, value: u8);
    fn put_bytes(&mut self, bytes: &[u8]);

    fn put_bool(&mut self, value: bool) {
        self.put_u8(u8::from(value));
    }
    fn put_u16(&mut self, value: u16) {
        self.put_bytes(&value.to_le_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.put_bytes(&value.to_le_bytes());
    }
    fn put_i32(&mut self, value: i32) {
        self.put_bytes(&value.to_le_bytes());
    }
    fn put_i64(&mut self, value: i64) {
        self.put_bytes(&value.to_le_bytes());
    }
    fn put_f64(&mut self, value: f64) {
        self.put_bytes(&value.to_le_bytes());
    }
    /// A byte string or a text.
    fn put_string(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.put_i32(-1),
            Some(bytes) => {
                self.put_i32(bytes.len() as i32);
                self.put_bytes(bytes);
            }
        }
    }
    fn put_text(&mut self, text: &str) {
        self.put_string(Some(text.as_bytes()));
    }
    fn put_count(&mut self, count: usize) {
        self.put_i32(count as i32);
    }
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_beyond_the_end_or_kept_beyond_the_limits() {
        assert!(Reader::new(&[1]).u16().is_err());
        assert_eq!(Reader::new(&[0xff; 4]).byte_string(), Ok(None));
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0x7f, 0]).byte_string().is_err());
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0x7f, 0]).count(1).is_err());
        assert!(Reader::new(&[1, 0, 0, 0, 0xff]).text().is_err());
        let mut nested = Reader::new(&[]);
        fn descend(reader: &mut Reader<'_>) -> Result<()> {
            reader.nested(descend)
        }
        assert_eq!(descend(&mut nested), Err(Malformed("nested too deeply")));
    }

    #[test]
    fn elements_are_counted_over_the_whole_message() {
        let mut bytes = Vec::new();
        for _ in 0..3 {
            bytes.put_count(limits::MESSAGE_ITEMS_MAX as usize / 2);
            bytes.extend(vec![0; limits::MESSAGE_ITEMS_MAX as usize / 2]);
        }
        let mut reader = Reader::new(&bytes);
        assert!(reader.list(1, Reader::u8).is_ok());
        assert!(reader.list(1, Reader::u8).is_ok());
        assert_eq!(reader.list(1, Reader::u8), Err(Malformed("too many elements in one message")));
    }
}
