//! Quality of a sample, after OPC UA: a severity, a reason, and a detail of our own.
//!
//! The upper 16 bits are the upper half of an OPC UA StatusCode (Part 4, 7.39; values in Part 6,
//! annex A). The lower 16, OPC UA's information bits, hold the protocol's own code, such as the
//! number of a Modbus exception; 0 where there is none.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quality(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Good,
    Uncertain,
    Bad,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Good => "good",
            Severity::Uncertain => "uncertain",
            Severity::Bad => "bad",
        }
    }
}

/// Code, name, and what it means in words a plant engineer uses.
const REASONS: &[(Quality, &str, &str)] = &[
    (Quality::GOOD, "Good", "good"),
    (Quality::UNCERTAIN, "Uncertain", "uncertain"),
    (
        Quality::UNCERTAIN_LAST_USABLE,
        "UncertainLastUsableValue",
        "the last value known; no fresh one",
    ),
    (Quality::BAD, "Bad", "bad"),
    (Quality::BAD_INTERNAL, "BadInternalError", "a fault inside the edge"),
    (Quality::BAD_COMMUNICATION, "BadCommunicationError", "the device's answer was not understood"),
    (Quality::BAD_TIMEOUT, "BadTimeout", "the device does not answer"),
    (Quality::BAD_WAITING, "BadWaitingForInitialData", "not read yet"),
    (Quality::BAD_UNKNOWN_ADDRESS, "BadNodeIdUnknown", "the device has no such address"),
    (Quality::BAD_NOT_READABLE, "BadNotReadable", "cannot be read"),
    (Quality::BAD_OUT_OF_RANGE, "BadOutOfRange", "the value is out of range"),
    (Quality::BAD_NOT_SUPPORTED, "BadNotSupported", "the device does not support this request"),
    (Quality::BAD_ENCODING, "BadDecodingError", "the value cannot be decoded as the tag's type"),
    (Quality::BAD_CONFIGURATION, "BadConfigurationError", "the settings do not fit the device"),
    (Quality::BAD_NOT_CONNECTED, "BadNotConnected", "no connection to the device"),
    (Quality::BAD_DEVICE_FAILURE, "BadDeviceFailure", "the device reports a failure"),
    (Quality::BAD_SENSOR_FAILURE, "BadSensorFailure", "the sensor reports a failure"),
    (Quality::BAD_OUT_OF_SERVICE, "BadOutOfService", "out of service"),
    (Quality::BAD_DEVICE_BUSY, "BadResourceUnavailable", "the device is busy"),
    (
        Quality::BAD_GATEWAY,
        "BadServerNotConnected",
        "the gateway cannot reach the device behind it",
    ),
    (Quality::BAD_NO_DATA, "BadNoData", "there is no value"),
    (
        Quality::UNCERTAIN_SUB_NORMAL,
        "UncertainSubNormal",
        "computed without some of the tags that it reads",
    ),
];

impl Quality {
    pub const GOOD: Quality = Quality(0);
    pub const UNCERTAIN: Quality = Quality(0x4000_0000);
    pub const UNCERTAIN_LAST_USABLE: Quality = Quality(0x4090_0000);
    pub const UNCERTAIN_SUB_NORMAL: Quality = Quality(0x4095_0000);
    pub const BAD: Quality = Quality(0x8000_0000);
    pub const BAD_INTERNAL: Quality = Quality(0x8002_0000);
    pub const BAD_DEVICE_BUSY: Quality = Quality(0x8004_0000);
    pub const BAD_COMMUNICATION: Quality = Quality(0x8005_0000);
    pub const BAD_ENCODING: Quality = Quality(0x8007_0000);
    pub const BAD_TIMEOUT: Quality = Quality(0x800A_0000);
    pub const BAD_GATEWAY: Quality = Quality(0x800D_0000);
    pub const BAD_WAITING: Quality = Quality(0x8032_0000);
    pub const BAD_UNKNOWN_ADDRESS: Quality = Quality(0x8034_0000);
    pub const BAD_NOT_READABLE: Quality = Quality(0x803A_0000);
    pub const BAD_OUT_OF_RANGE: Quality = Quality(0x803C_0000);
    pub const BAD_NOT_SUPPORTED: Quality = Quality(0x803D_0000);
    pub const BAD_CONFIGURATION: Quality = Quality(0x8089_0000);
    pub const BAD_NOT_CONNECTED: Quality = Quality(0x808A_0000);
    pub const BAD_DEVICE_FAILURE: Quality = Quality(0x808B_0000);
    pub const BAD_SENSOR_FAILURE: Quality = Quality(0x808C_0000);
    pub const BAD_OUT_OF_SERVICE: Quality = Quality(0x808D_0000);
    pub const BAD_NO_DATA: Quality = Quality(0x809B_0000);

    /// The same reason with the protocol's own code as its detail.
    pub const fn with_detail(self, detail: u16) -> Quality {
        Quality(self.0 & 0xFFFF_0000 | detail as u32)
    }

    pub fn detail(self) -> u16 {
        self.0 as u16
    }

    pub fn severity(self) -> Severity {
        match self.0 >> 30 {
            0 => Severity::Good,
            1 => Severity::Uncertain,
            _ => Severity::Bad,
        }
    }

    pub fn is_good(self) -> bool {
        self.severity() == Severity::Good
    }

    pub fn is_bad(self) -> bool {
        self.severity() == Severity::Bad
    }

    /// The OPC UA name of the reason.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// The reason in plain words, with the protocol's code where there is one.
    pub fn reason(self) -> String {
        match self.detail() {
            0 => self.entry().2.to_owned(),
            detail => format!("{} (code {detail})", self.entry().2),
        }
    }

    fn entry(self) -> &'static (Quality, &'static str, &'static str) {
        let plain = Quality(self.0 & 0xFFFF_0000);
        REASONS.iter().find(|(code, ..)| *code == plain).unwrap_or(match self.severity() {
            Severity::Good => &REASONS[0],
            Severity::Uncertain => &REASONS[1],
            Severity::Bad => &REASONS[3],
        })
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.severity().name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_reason_and_detail_are_kept_apart() {
        let quality = Quality::BAD_UNKNOWN_ADDRESS.with_detail(2);
        assert_eq!(quality.severity(), Severity::Bad);
        assert_eq!(quality.name(), "BadNodeIdUnknown");
        assert_eq!(quality.reason(), "the device has no such address (code 2)");
        assert_eq!(Quality(0x80FF_0000).name(), "Bad", "an unknown reason is still bad");
        assert!(Quality(0x0003_0000).is_good());
    }
}
