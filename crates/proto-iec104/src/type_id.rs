//! Type identifications (IEC 60870-5-101, 7.2.1): names, what an object of each consists of, and
//! its time tag.

use std::fmt;

/// What an object of a type holds, whatever its time tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    Single,
    Double,
    Step,
    Bits,
    Normalized,
    NormalizedBare,
    Scaled,
    Float,
    Counter,
    ProtectionEvent,
    ProtectionStart,
    ProtectionCircuit,
    PackedSingles,
    EndOfInitialisation,
    SingleCommand,
    DoubleCommand,
    StepCommand,
    SetNormalized,
    SetScaled,
    SetFloat,
    SetBits,
    Interrogation,
    CounterInterrogation,
    Read,
    ClockSync,
    Test,
    Reset,
    Delay,
}

impl Family {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Family::Single => "single point",
            Family::Double => "double point",
            Family::Step => "step position",
            Family::Bits => "bitstring of 32 bits",
            Family::Normalized => "normalized value",
            Family::NormalizedBare => "normalized value without quality",
            Family::Scaled => "scaled value",
            Family::Float => "short float",
            Family::Counter => "integrated total",
            Family::ProtectionEvent => "event of protection equipment",
            Family::ProtectionStart => "start events of protection equipment",
            Family::ProtectionCircuit => "output circuits of protection equipment",
            Family::PackedSingles => "packed single points",
            Family::EndOfInitialisation => "end of initialisation",
            Family::SingleCommand => "single command",
            Family::DoubleCommand => "double command",
            Family::StepCommand => "regulating step command",
            Family::SetNormalized => "normalized set point",
            Family::SetScaled => "scaled set point",
            Family::SetFloat => "short float set point",
            Family::SetBits => "bitstring command",
            Family::Interrogation => "interrogation",
            Family::CounterInterrogation => "counter interrogation",
            Family::Read => "read",
            Family::ClockSync => "clock synchronisation",
            Family::Test => "test",
            Family::Reset => "reset process",
            Family::Delay => "delay acquisition",
        }
    }

    /// Process data from a station.
    pub fn is_monitored(self) -> bool {
        self < Family::EndOfInitialisation
    }

    /// Commands to a point of the process.
    pub fn is_command(self) -> bool {
        (Family::SingleCommand..=Family::SetBits).contains(&self)
    }

    /// Bytes of one object's element, without address and time tag.
    pub(crate) fn element_bytes(self) -> usize {
        match self {
            Family::Read | Family::ClockSync => 0,
            Family::Single
            | Family::Double
            | Family::EndOfInitialisation
            | Family::SingleCommand
            | Family::DoubleCommand
            | Family::StepCommand
            | Family::Interrogation
            | Family::CounterInterrogation
            | Family::Reset => 1,
            Family::Step | Family::NormalizedBare | Family::Test | Family::Delay => 2,
            Family::Normalized
            | Family::Scaled
            | Family::SetNormalized
            | Family::SetScaled
            | Family::ProtectionEvent => 3,
            Family::SetBits | Family::ProtectionStart | Family::ProtectionCircuit => 4,
            Family::Bits
            | Family::Float
            | Family::Counter
            | Family::PackedSingles
            | Family::SetFloat => 5,
        }
    }
}

/// The time tag of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeForm {
    None,
    /// Minutes and milliseconds, 3 bytes.
    Cp24,
    /// Date and time, 7 bytes.
    Cp56,
}

impl TimeForm {
    pub(crate) fn bytes(self) -> usize {
        match self {
            TimeForm::None => 0,
            TimeForm::Cp24 => 3,
            TimeForm::Cp56 => 7,
        }
    }
}

/// A type identification, by the name that the standard gives it.
#[allow(non_camel_case_types, reason = "the standard's own names")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum TypeId {
    M_SP_NA_1 = 1,
    M_SP_TA_1 = 2,
    M_DP_NA_1 = 3,
    M_DP_TA_1 = 4,
    M_ST_NA_1 = 5,
    M_ST_TA_1 = 6,
    M_BO_NA_1 = 7,
    M_BO_TA_1 = 8,
    M_ME_NA_1 = 9,
    M_ME_TA_1 = 10,
    M_ME_NB_1 = 11,
    M_ME_TB_1 = 12,
    M_ME_NC_1 = 13,
    M_ME_TC_1 = 14,
    M_IT_NA_1 = 15,
    M_IT_TA_1 = 16,
    M_EP_TA_1 = 17,
    M_EP_TB_1 = 18,
    M_EP_TC_1 = 19,
    M_PS_NA_1 = 20,
    M_ME_ND_1 = 21,
    M_SP_TB_1 = 30,
    M_DP_TB_1 = 31,
    M_ST_TB_1 = 32,
    M_BO_TB_1 = 33,
    M_ME_TD_1 = 34,
    M_ME_TE_1 = 35,
    M_ME_TF_1 = 36,
    M_IT_TB_1 = 37,
    M_EP_TD_1 = 38,
    M_EP_TE_1 = 39,
    M_EP_TF_1 = 40,
    C_SC_NA_1 = 45,
    C_DC_NA_1 = 46,
    C_RC_NA_1 = 47,
    C_SE_NA_1 = 48,
    C_SE_NB_1 = 49,
    C_SE_NC_1 = 50,
    C_BO_NA_1 = 51,
    C_SC_TA_1 = 58,
    C_DC_TA_1 = 59,
    C_RC_TA_1 = 60,
    C_SE_TA_1 = 61,
    C_SE_TB_1 = 62,
    C_SE_TC_1 = 63,
    C_BO_TA_1 = 64,
    M_EI_NA_1 = 70,
    C_IC_NA_1 = 100,
    C_CI_NA_1 = 101,
    C_RD_NA_1 = 102,
    C_CS_NA_1 = 103,
    C_TS_NA_1 = 104,
    C_RP_NA_1 = 105,
    C_CD_NA_1 = 106,
    C_TS_TA_1 = 107,
}

const TYPES: [(TypeId, &str, Family, TimeForm); 55] = {
    use Family::*;
    use TimeForm::{Cp24, Cp56, None};
    use TypeId::*;
    [
        (M_SP_NA_1, "M_SP_NA_1", Single, None),
        (M_SP_TA_1, "M_SP_TA_1", Single, Cp24),
        (M_DP_NA_1, "M_DP_NA_1", Double, None),
        (M_DP_TA_1, "M_DP_TA_1", Double, Cp24),
        (M_ST_NA_1, "M_ST_NA_1", Step, None),
        (M_ST_TA_1, "M_ST_TA_1", Step, Cp24),
        (M_BO_NA_1, "M_BO_NA_1", Bits, None),
        (M_BO_TA_1, "M_BO_TA_1", Bits, Cp24),
        (M_ME_NA_1, "M_ME_NA_1", Normalized, None),
        (M_ME_TA_1, "M_ME_TA_1", Normalized, Cp24),
        (M_ME_NB_1, "M_ME_NB_1", Scaled, None),
        (M_ME_TB_1, "M_ME_TB_1", Scaled, Cp24),
        (M_ME_NC_1, "M_ME_NC_1", Float, None),
        (M_ME_TC_1, "M_ME_TC_1", Float, Cp24),
        (M_IT_NA_1, "M_IT_NA_1", Counter, None),
        (M_IT_TA_1, "M_IT_TA_1", Counter, Cp24),
        (M_EP_TA_1, "M_EP_TA_1", ProtectionEvent, Cp24),
        (M_EP_TB_1, "M_EP_TB_1", ProtectionStart, Cp24),
        (M_EP_TC_1, "M_EP_TC_1", ProtectionCircuit, Cp24),
        (M_PS_NA_1, "M_PS_NA_1", PackedSingles, None),
        (M_ME_ND_1, "M_ME_ND_1", NormalizedBare, None),
        (M_SP_TB_1, "M_SP_TB_1", Single, Cp56),
        (M_DP_TB_1, "M_DP_TB_1", Double, Cp56),
        (M_ST_TB_1, "M_ST_TB_1", Step, Cp56),
        (M_BO_TB_1, "M_BO_TB_1", Bits, Cp56),
        (M_ME_TD_1, "M_ME_TD_1", Normalized, Cp56),
        (M_ME_TE_1, "M_ME_TE_1", Scaled, Cp56),
        (M_ME_TF_1, "M_ME_TF_1", Float, Cp56),
        (M_IT_TB_1, "M_IT_TB_1", Counter, Cp56),
        (M_EP_TD_1, "M_EP_TD_1", ProtectionEvent, Cp56),
        (M_EP_TE_1, "M_EP_TE_1", ProtectionStart, Cp56),
        (M_EP_TF_1, "M_EP_TF_1", ProtectionCircuit, Cp56),
        (C_SC_NA_1, "C_SC_NA_1", SingleCommand, None),
        (C_DC_NA_1, "C_DC_NA_1", DoubleCommand, None),
        (C_RC_NA_1, "C_RC_NA_1", StepCommand, None),
        (C_SE_NA_1, "C_SE_NA_1", SetNormalized, None),
        (C_SE_NB_1, "C_SE_NB_1", SetScaled, None),
        (C_SE_NC_1, "C_SE_NC_1", SetFloat, None),
        (C_BO_NA_1, "C_BO_NA_1", SetBits, None),
        (C_SC_TA_1, "C_SC_TA_1", SingleCommand, Cp56),
        (C_DC_TA_1, "C_DC_TA_1", DoubleCommand, Cp56),
        (C_RC_TA_1, "C_RC_TA_1", StepCommand, Cp56),
        (C_SE_TA_1, "C_SE_TA_1", SetNormalized, Cp56),
        (C_SE_TB_1, "C_SE_TB_1", SetScaled, Cp56),
        (C_SE_TC_1, "C_SE_TC_1", SetFloat, Cp56),
        (C_BO_TA_1, "C_BO_TA_1", SetBits, Cp56),
        (M_EI_NA_1, "M_EI_NA_1", EndOfInitialisation, None),
        (C_IC_NA_1, "C_IC_NA_1", Interrogation, None),
        (C_CI_NA_1, "C_CI_NA_1", CounterInterrogation, None),
        (C_RD_NA_1, "C_RD_NA_1", Read, None),
        (C_CS_NA_1, "C_CS_NA_1", ClockSync, Cp56),
        (C_TS_NA_1, "C_TS_NA_1", Test, None),
        (C_RP_NA_1, "C_RP_NA_1", Reset, None),
        (C_CD_NA_1, "C_CD_NA_1", Delay, None),
        (C_TS_TA_1, "C_TS_TA_1", Test, Cp56),
    ]
};

impl TypeId {
    /// All types that are encoded and decoded here, by their numbers.
    pub fn all() -> impl Iterator<Item = TypeId> {
        TYPES.iter().map(|(id, ..)| *id)
    }

    pub fn code(self) -> u8 {
        self as u8
    }

    pub fn from_code(code: u8) -> Option<TypeId> {
        TypeId::all().find(|id| id.code() == code)
    }

    pub fn from_name(name: &str) -> Option<TypeId> {
        TypeId::all().find(|id| id.name().eq_ignore_ascii_case(name))
    }

    /// As in the standard: `M_SP_NA_1`.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    pub fn family(self) -> Family {
        self.entry().2
    }

    pub fn time(self) -> TimeForm {
        self.entry().3
    }

    /// Bytes of one object without its address.
    pub(crate) fn object_bytes(self) -> usize {
        self.family().element_bytes().saturating_add(self.time().bytes())
    }

    fn entry(self) -> &'static (TypeId, &'static str, Family, TimeForm) {
        TYPES.iter().find(|(id, ..)| *id == self).unwrap_or(&TYPES[0])
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_own_entry() {
        for (id, name, family, time) in TYPES {
            assert_eq!(format!("{id:?}"), name);
            assert_eq!(TypeId::from_code(id.code()), Some(id));
            assert_eq!(TypeId::from_name(&name.to_lowercase()), Some(id));
            assert_eq!((id.family(), id.time()), (family, time));
        }
        let known = (0..=255).filter(|code| TypeId::from_code(*code).is_some()).count();
        assert_eq!(known, TYPES.len());
    }
}
