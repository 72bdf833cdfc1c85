//! The cause of transmission (IEC 60870-5-101, 7.2.3).

use std::fmt;

/// Why an ASDU was sent, 0 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cause(u8);

impl Cause {
    pub const PERIODIC: Cause = Cause(1);
    pub const BACKGROUND: Cause = Cause(2);
    pub const SPONTANEOUS: Cause = Cause(3);
    pub const INITIALISED: Cause = Cause(4);
    pub const REQUESTED: Cause = Cause(5);
    pub const ACTIVATION: Cause = Cause(6);
    pub const ACTIVATION_CONFIRMATION: Cause = Cause(7);
    pub const DEACTIVATION: Cause = Cause(8);
    pub const DEACTIVATION_CONFIRMATION: Cause = Cause(9);
    pub const ACTIVATION_TERMINATION: Cause = Cause(10);
    pub const REMOTE_COMMAND: Cause = Cause(11);
    pub const LOCAL_COMMAND: Cause = Cause(12);
    /// Answers to a general interrogation; groups 1 to 16 follow.
    pub const INTERROGATED: Cause = Cause(20);
    /// Answers to a counter interrogation; groups 1 to 4 follow.
    pub const COUNTERS_INTERROGATED: Cause = Cause(37);
    pub const UNKNOWN_TYPE: Cause = Cause(44);
    pub const UNKNOWN_CAUSE: Cause = Cause(45);
    pub const UNKNOWN_COMMON_ADDRESS: Cause = Cause(46);
    pub const UNKNOWN_OBJECT_ADDRESS: Cause = Cause(47);

    /// The lower six bits of `code`.
    pub const fn new(code: u8) -> Cause {
        Cause(code & 0x3F)
    }

    pub const fn code(self) -> u8 {
        self.0
    }

    /// The other side does not know the type, cause, station or object.
    pub fn is_unknown(self) -> bool {
        (44..=47).contains(&self.0)
    }

    /// Part of the answer to a general or group interrogation.
    pub fn is_interrogated(self) -> bool {
        (20..=36).contains(&self.0)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            1 => "periodic",
            2 => "background scan",
            3 => "spontaneous",
            4 => "initialised",
            5 => "requested",
            6 => "activation",
            7 => "activation confirmation",
            8 => "deactivation",
            9 => "deactivation confirmation",
            10 => "activation termination",
            11 => "return information by a remote command",
            12 => "return information by a local command",
            13 => "file transfer",
            20 => "general interrogation",
            group @ 21..=36 => {
                return write!(f, "interrogation of group {}", group.saturating_sub(20));
            }
            37 => "counter interrogation",
            group @ 38..=41 => {
                return write!(f, "interrogation of counter group {}", group.saturating_sub(37));
            }
            44 => "unknown type",
            45 => "unknown cause of transmission",
            46 => "unknown common address",
            47 => "unknown object address",
            other => return write!(f, "cause {other}"),
        };
        f.write_str(name)
    }
}

/// The P/N bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sign {
    #[default]
    Positive,
    Negative,
}
