//! How much one message may carry (Application Protocol V1.1b3, sections 4.1 and 6).

/// A PDU: function code and data.
pub const PDU_BYTES_MAX: usize = 253;
/// Coils or discrete inputs in one read.
pub const READ_BITS_MAX: u16 = 2000;
/// Registers in one read.
pub const READ_REGISTERS_MAX: u16 = 125;
/// Coils in one write.
pub const WRITE_BITS_MAX: u16 = 1968;
/// Registers in one write.
pub const WRITE_REGISTERS_MAX: u16 = 123;
/// Registers written by one read-and-write.
pub const READ_WRITE_REGISTERS_MAX: u16 = 121;
