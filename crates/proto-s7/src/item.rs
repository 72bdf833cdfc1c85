//! The S7-ANY form of an address: which part of which area an item means.

/// An area of a CPU's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Area {
    Counter = 0x1C,
    Timer = 0x1D,
    Input = 0x81,
    Output = 0x82,
    Flag = 0x83,
    Block = 0x84,
}

impl Area {
    /// Whether it consists of numbered elements of two bytes rather than of bytes.
    pub fn is_numbered(self) -> bool {
        matches!(self, Area::Counter | Area::Timer)
    }
}

/// What an item counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ItemSize {
    Bit = 0x01,
    Byte = 0x02,
    Counter = 0x1C,
    Timer = 0x1D,
}

/// One variable of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    pub area: Area,
    /// Number of the data block; 0 in other areas.
    pub block: u16,
    pub size: ItemSize,
    pub count: u16,
    /// In bits, of which 24 are sent; of timers and counters their number.
    pub address: u32,
}

impl Item {
    /// A run of bytes of any area; `start` counts bytes, in timers and counters two for each
    /// element.
    pub fn bytes(area: Area, block: u16, start: u32, count: u16) -> Item {
        let (size, count, address) = match area {
            Area::Timer => (ItemSize::Timer, count.div_ceil(2), start / 2),
            Area::Counter => (ItemSize::Counter, count.div_ceil(2), start / 2),
            _ => (ItemSize::Byte, count, start.saturating_mul(8)),
        };
        Item { area, block, size, count, address }
    }

    /// One bit; `bit` from 0 to 7.
    pub fn bit(area: Area, block: u16, byte: u32, bit: u8) -> Item {
        let address = byte.saturating_mul(8).saturating_add(u32::from(bit & 7));
        Item { area, block, size: ItemSize::Bit, count: 1, address }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let [count_high, count_low] = self.count.to_be_bytes();
        let [block_high, block_low] = self.block.to_be_bytes();
        let [_, high, middle, low] = self.address.to_be_bytes();
        out.extend_from_slice(&[
            0x12,
            0x0A,
            0x10, // a variable, ten more bytes, in the form S7-ANY
            self.size as u8,
            count_high,
            count_low,
            block_high,
            block_low,
            self.area as u8,
            high,
            middle,
            low,
        ]);
    }
}
