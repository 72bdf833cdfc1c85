//! The quality descriptors QDS, QDP and the upper half of SIQ and DIQ, as one set of bits.

use std::fmt;

/// Bits as they lie in the octet (IEC 60870-5-101, 7.2.6.1 to 7.2.6.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quality(pub u8);

impl Quality {
    pub const GOOD: Quality = Quality(0);
    /// Overflow: the value lies beyond the range that it is sent in.
    pub const OV: Quality = Quality(0x01);
    /// The elapsed time of a protection event is not valid.
    pub const EI: Quality = Quality(0x08);
    /// Blocked: held by an interlock or a person.
    pub const BL: Quality = Quality(0x10);
    /// Substituted by a person or an automatic source.
    pub const SB: Quality = Quality(0x20);
    /// Not topical: not refreshed in its time.
    pub const NT: Quality = Quality(0x40);
    /// Not valid.
    pub const IV: Quality = Quality(0x80);

    const NAMES: [(Quality, &'static str); 6] = [
        (Quality::IV, "IV"),
        (Quality::NT, "NT"),
        (Quality::SB, "SB"),
        (Quality::BL, "BL"),
        (Quality::EI, "EI"),
        (Quality::OV, "OV"),
    ];

    pub fn has(self, bits: Quality) -> bool {
        self.0 & bits.0 != 0
    }

    #[must_use]
    pub fn with(self, bits: Quality) -> Quality {
        Quality(self.0 | bits.0)
    }
}

/// `good`, or the names of the bits that are set: `IV NT`.
impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Quality::NAMES.iter().filter(|(bit, _)| self.has(*bit));
        match names.next() {
            None => f.write_str("good"),
            Some((_, first)) => {
                f.write_str(first)?;
                names.try_for_each(|(_, name)| write!(f, " {name}"))
            }
        }
    }
}
