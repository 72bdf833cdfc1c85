//! Numbers of a few bits each, one behind the other, and single bits for the floats.

/// Values that share one width.
pub(crate) const PACK: usize = 64;

pub(crate) fn width(value: u64) -> u32 {
    64 - value.leading_zeros()
}

pub(crate) fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends up to [`PACK`] values of `width` bits, lowest bits first.
pub(crate) fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mut word = 0u64;
    let mut used = 0;
    let end = out.len() + packed_bytes(values.len(), width);
    for value in values {
        word |= value << used;
        used += width;
        if used >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            used -= 64;
            word = if used == 0 { 0 } else { value >> (width - used) };
        }
    }
    let rest = end - out.len();
    out.extend_from_slice(&word.to_le_bytes()[..rest]);
}

/// Values of more bits than this are rare, and read one by one.
const NARROW: usize = 32;
/// Behind the bits of the last value of a group, so that eight bytes can be read wherever one begins.
const GROUP_BYTES: usize = NARROW + 8;
const PADDED: usize = 7 * NARROW + GROUP_BYTES;

/// Reads what [`pack`] wrote, of which there must be enough: at most [`PACK`] values. What stands
/// behind it makes no difference, but that it need not be copied then.
pub(crate) fn unpack(bytes: &[u8], width: u32, out: &mut [i64]) {
    debug_assert!(out.len() <= PACK && width <= 64);
    debug_assert!(bytes.len() >= packed_bytes(out.len(), width));
    macro_rules! narrow {
        ($($width:literal)*) => {
            match width {
                0 => out.fill(0),
                $($width => unpack_narrow::<$width>(bytes, out),)*
                _ => unpack_wide(bytes, width, out),
            }
        };
    }
    narrow!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
}

/// Eight values of a width take as many bytes as one has bits; with the width known, where each of
/// them begins is known too.
fn unpack_narrow<const W: usize>(bytes: &[u8], out: &mut [i64]) {
    if bytes.len() >= 7 * W + GROUP_BYTES {
        return unpack_groups::<W>(bytes, out);
    }
    let mut padded = [0; PADDED];
    padded[..bytes.len()].copy_from_slice(bytes);
    unpack_groups::<W>(&padded, out);
}

#[inline(always)]
fn unpack_groups<const W: usize>(bytes: &[u8], out: &mut [i64]) {
    let mask = (1u64 << W) - 1;
    let value = |group: &[u8; GROUP_BYTES], place: usize| {
        let at = place * W;
        let eight = group[at / 8..].first_chunk::<8>().copied().unwrap_or_default();
        (u64::from_le_bytes(eight) >> (at % 8) & mask) as i64
    };
    let group = |number: usize| {
        bytes[number * W..].first_chunk::<GROUP_BYTES>().unwrap_or(&[0; GROUP_BYTES])
    };
    let (groups, rest) = out.as_chunks_mut::<8>();
    for (number, out) in groups.iter_mut().enumerate() {
        let group = group(number);
        for (place, out) in out.iter_mut().enumerate() {
            *out = value(group, place);
        }
    }
    let last = group(groups.len());
    for (place, out) in rest.iter_mut().enumerate() {
        *out = value(last, place);
    }
}

fn unpack_wide(bytes: &[u8], width: u32, out: &mut [i64]) {
    // One word more than the widest pack, so that the second half of a value is always there.
    let mut words = [0u64; PACK + 1];
    let (whole, rest) = bytes[..packed_bytes(out.len(), width)].as_chunks::<8>();
    for (word, chunk) in words.iter_mut().zip(whole) {
        *word = u64::from_le_bytes(*chunk);
    }
    if !rest.is_empty() && whole.len() < words.len() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        words[whole.len()] = u64::from_le_bytes(last);
    }
    let mask = u64::MAX >> (64 - width);
    let mut at = 0u32;
    for out in out {
        let (word, shift) = ((at / 64) as usize & (PACK - 1), at % 64);
        let low = words[word] >> shift;
        // Twice, for a shift by 64 is not defined.
        let high = words[word + 1] << 1 << (63 - shift);
        *out = ((low | high) & mask) as i64;
        at += width;
    }
}

/// Single bits, highest first.
#[derive(Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    word: u64,
    used: u32,
}

impl BitWriter {
    /// The lowest `count` bits of `value`.
    pub fn put(&mut self, value: u64, count: u32) {
        if count == 0 {
            return;
        }
        let value = value & (u64::MAX >> (64 - count));
        let free = 64 - self.used;
        if count < free {
            self.word |= value << (free - count);
            self.used += count;
            return;
        }
        let over = count - free;
        self.word |= value >> over;
        self.bytes.extend_from_slice(&self.word.to_be_bytes());
        self.word = if over == 0 { 0 } else { value << (64 - over) };
        self.used = over;
    }

    pub fn finish(mut self) -> Vec<u8> {
        let rest = self.used.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&self.word.to_be_bytes()[..rest]);
        self.bytes
    }
}

pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, at: 0 }
    }

    #[inline]
    pub fn take(&mut self, count: u32) -> Option<u64> {
        if count == 0 {
            return Some(0);
        }
        if count > 56 {
            let high = self.take(count - 32)?;
            return Some(high << 32 | self.take(32)?);
        }
        if self.at + count as usize > self.bytes.len() * 8 {
            return None;
        }
        let start = self.at / 8;
        let word = match self.bytes.get(start..start + 8) {
            Some(eight) => u64::from_be_bytes(eight.try_into().ok()?),
            None => {
                let mut last = [0; 8];
                last[..self.bytes.len() - start].copy_from_slice(&self.bytes[start..]);
                u64::from_be_bytes(last)
            }
        };
        let value = word << (self.at % 8) >> (64 - count);
        self.at += count as usize;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packs(values in prop::collection::vec(any::<u64>(), 0..=PACK), width in 0u32..=64) {
            let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
            let values: Vec<u64> = values.into_iter().map(|v| v & mask).collect();
            let mut bytes = Vec::new();
            pack(&values, width, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_bytes(values.len(), width));
            let mut back = vec![-1; values.len()];
            unpack(&bytes, width, &mut back);
            let back: Vec<u64> = back.into_iter().map(|v| v as u64).collect();
            prop_assert_eq!(&back, &values);
            // And with other numbers behind it.
            bytes.extend_from_slice(&[0xFF; PADDED]);
            let mut again = vec![-1; values.len()];
            unpack(&bytes, width, &mut again);
            prop_assert_eq!(again.into_iter().map(|v| v as u64).collect::<Vec<u64>>(), values);
        }

        #[test]
        fn single_bits(parts in prop::collection::vec((any::<u64>(), 0u32..=64), 0..60)) {
            let mut writer = BitWriter::default();
            parts.iter().for_each(|(value, count)| writer.put(*value, *count));
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            for (value, count) in parts {
                let mask = if count == 0 { 0 } else { u64::MAX >> (64 - count) };
                prop_assert_eq!(reader.take(count), Some(value & mask));
            }
            prop_assert_eq!(reader.take(8), None);
        }
    }
}
