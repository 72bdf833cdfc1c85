//! What a CPU says when it does not do what was asked: return codes of single items, and classes
//! and codes of whole jobs, in words.

use std::fmt;

/// The return code of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemCode(pub u8);

impl ItemCode {
    pub const HARDWARE: ItemCode = ItemCode(0x01);
    pub const ACCESS_DENIED: ItemCode = ItemCode(0x03);
    pub const OUT_OF_RANGE: ItemCode = ItemCode(0x05);
    pub const TYPE_NOT_SUPPORTED: ItemCode = ItemCode(0x06);
    pub const TYPE_INCONSISTENT: ItemCode = ItemCode(0x07);
    pub const NO_OBJECT: ItemCode = ItemCode(0x0A);
    pub const SUCCESS: ItemCode = ItemCode(0xFF);

    pub fn is_success(self) -> bool {
        self == ItemCode::SUCCESS
    }

    pub fn words(self) -> &'static str {
        match self {
            ItemCode::HARDWARE => "hardware fault",
            ItemCode::ACCESS_DENIED => "access denied",
            ItemCode::OUT_OF_RANGE => "address out of range",
            ItemCode::TYPE_NOT_SUPPORTED => "data type not supported",
            ItemCode::TYPE_INCONSISTENT => "data type inconsistent",
            ItemCode::NO_OBJECT => "object does not exist",
            ItemCode::SUCCESS => "success",
            _ => "unknown code",
        }
    }
}

impl fmt::Display for ItemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02X} ({})", self.0, self.words())
    }
}

/// Class and code of an error that concerns a whole job; class in the upper byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    pub const NONE: ErrorCode = ErrorCode(0);
    /// What an S7-1200 or S7-1500 answers while PUT/GET is not permitted.
    pub const NOT_AVAILABLE: ErrorCode = ErrorCode(0x8104);
    pub const PROTECTED: ErrorCode = ErrorCode(0xD241);

    pub fn is_none(self) -> bool {
        self == ErrorCode::NONE
    }

    pub fn class(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// Whether the CPU's protection, or its lack of permission for PUT/GET, is the reason.
    pub fn is_protection(self) -> bool {
        matches!(self.0, 0x8104 | 0xD217 | 0xD240 | 0xD241 | 0xD242)
    }

    pub fn words(self) -> &'static str {
        match self.0 {
            0x0000 => "no error",
            0x0110 => "invalid block number",
            0x0111 => "invalid request length",
            0x0112 => "invalid parameter",
            0x0113 => "invalid block type",
            0x0114 => "block not found",
            0x011C => "the CPU is not in the state for it",
            0x8001 => "the request is not valid now",
            0x8101 => "out of memory",
            0x8104 => "service not available, or not permitted",
            0x8301 => "not enough memory",
            0x8304 => "no more resources",
            0x8402 => "not possible in the object's present state",
            0x8404 => "the function cannot be performed",
            0x8500 => "the message has a wrong length or form",
            0xD201 => "wrong block name",
            0xD209 => "the block does not exist",
            0xD20E => "no more blocks",
            0xD210 => "invalid block number",
            0xD240 | 0xD241 | 0xD217 => "not permitted by the CPU's protection level",
            0xD242 => "not permitted for safety blocks",
            0xD401 | 0xD402 => "the CPU does not give this information",
            0xD404 => "too many diagnostic connections",
            0xD405 => "the CPU does not have this service",
            0xD406 => "not available at present",
            0xDC01 => "invalid parameter of the service",
            _ => match self.class() {
                0x81 => "application relationship",
                0x82 => "object definition",
                0x83 => "no resources available",
                0x84 => "service processing",
                0x85 => "wrong request",
                0x87 => "access refused",
                0xD2 => "block service",
                0xD4 => "information service",
                0xD6 | 0xD8 | 0xDC => "parameter or data of the service",
                _ => "unknown error",
            },
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [class, code] = self.0.to_be_bytes();
        write!(f, "error class 0x{class:02X} code 0x{code:02X} ({})", self.words())
    }
}
