//! Exception codes (Application Protocol V1.1b3, section 7).

use std::fmt;

/// Why a server refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exception(pub u8);

impl Exception {
    pub const ILLEGAL_FUNCTION: Exception = Exception(1);
    pub const ILLEGAL_ADDRESS: Exception = Exception(2);
    pub const ILLEGAL_VALUE: Exception = Exception(3);
    pub const DEVICE_FAILURE: Exception = Exception(4);
    /// Accepted, but it takes long.
    pub const ACKNOWLEDGE: Exception = Exception(5);
    pub const BUSY: Exception = Exception(6);
    pub const MEMORY_PARITY: Exception = Exception(8);
    pub const GATEWAY_PATH: Exception = Exception(10);
    /// The device behind a gateway did not answer.
    pub const GATEWAY_TARGET: Exception = Exception(11);

    pub fn name(self) -> &'static str {
        match self.0 {
            1 => "illegal function",
            2 => "illegal data address",
            3 => "illegal data value",
            4 => "device failure",
            5 => "acknowledge: accepted, still working on it",
            6 => "device busy",
            7 => "negative acknowledge",
            8 => "memory parity error",
            10 => "gateway path unavailable",
            11 => "gateway target device failed to respond",
            _ => "a code that Modbus does not define",
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exception {} ({})", self.0, self.name())
    }
}
