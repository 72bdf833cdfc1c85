//! Status codes (Part 4, 7.39): the names of those that a client meets.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Status(pub u32);

impl Status {
    pub const GOOD: Status = Status(0);
    pub const BAD_DECODING: Status = Status(0x8007_0000);
    pub const BAD_ENCODING_LIMITS: Status = Status(0x8008_0000);
    pub const BAD_REQUEST_TOO_LARGE: Status = Status(0x80B8_0000);
    pub const BAD_RESPONSE_TOO_LARGE: Status = Status(0x80B9_0000);
    pub const BAD_TIMEOUT: Status = Status(0x800A_0000);
    pub const BAD_TOO_MANY_OPERATIONS: Status = Status(0x8010_0000);
    pub const BAD_TOO_MANY_MONITORED_ITEMS: Status = Status(0x80DB_0000);
    pub const BAD_NODE_ID_INVALID: Status = Status(0x8033_0000);
    pub const BAD_NODE_ID_UNKNOWN: Status = Status(0x8034_0000);
    pub const BAD_ATTRIBUTE_ID_INVALID: Status = Status(0x8035_0000);
    pub const BAD_TYPE_MISMATCH: Status = Status(0x8074_0000);
    pub const BAD_OUT_OF_RANGE: Status = Status(0x803C_0000);
    pub const BAD_FILTER_UNSUPPORTED: Status = Status(0x8044_0000);
    pub const BAD_FILTER_NOT_ALLOWED: Status = Status(0x8045_0000);
    pub const BAD_DEADBAND_INVALID: Status = Status(0x808E_0000);
    pub const BAD_NO_SUBSCRIPTION: Status = Status(0x8079_0000);
    pub const BAD_SUBSCRIPTION_ID_INVALID: Status = Status(0x8028_0000);
    pub const BAD_TOO_MANY_PUBLISH_REQUESTS: Status = Status(0x8078_0000);
    pub const BAD_USER_ACCESS_DENIED: Status = Status(0x801F_0000);
    pub const BAD_IDENTITY_TOKEN_INVALID: Status = Status(0x8020_0000);
    pub const BAD_IDENTITY_TOKEN_REJECTED: Status = Status(0x8021_0000);
    pub const BAD_CONTINUATION_POINT_INVALID: Status = Status(0x804A_0000);

    /// Without the information bits.
    pub fn code(self) -> Status {
        Status(self.0 & 0xFFFF_0000)
    }

    pub fn is_good(self) -> bool {
        self.0 >> 30 == 0
    }

    pub fn is_bad(self) -> bool {
        self.0 >> 31 != 0
    }

    /// The server's queue was too short: values before this one are lost (Part 4, 7.39.1).
    pub fn is_overflow(self) -> bool {
        self.0 & 0x0C00 == 0x0400 && self.0 & 0x0080 != 0
    }

    pub fn name(self) -> Option<&'static str> {
        let place = NAMES.binary_search_by_key(&self.code().0, |(code, _)| *code).ok()?;
        Some(NAMES[place].1)
    }

    /// Whether our application instance certificate or the channel was refused.
    pub fn is_about_certificates(self) -> bool {
        (0x8012_0000..=0x801E_0000).contains(&self.code().0)
            || matches!(self.code().0, 0x810D_0000 | 0x8114_0000)
    }

    /// Whether the request asked too much at once.
    pub fn is_too_much(self) -> bool {
        matches!(
            self.code(),
            Status::BAD_TOO_MANY_OPERATIONS
                | Status::BAD_ENCODING_LIMITS
                | Status::BAD_REQUEST_TOO_LARGE
                | Status::BAD_RESPONSE_TOO_LARGE
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "status 0x{:08X}", self.0),
        }
    }
}

#[rustfmt::skip]
const NAMES: &[(u32, &str)] = &[
    (0x00000000, "Good"),
    (0x002E0000, "GoodCompletesAsynchronously"),
    (0x002F0000, "GoodOverload"),
    (0x00300000, "GoodClamped"),
    (0x00960000, "GoodLocalOverride"),
    (0x00A50000, "GoodNoData"),
    (0x00A60000, "GoodMoreData"),
    (0x40000000, "Uncertain"),
    (0x408F0000, "UncertainNoCommunicationLastUsableValue"),
    (0x40900000, "UncertainLastUsableValue"),
    (0x40910000, "UncertainSubstituteValue"),
    (0x40920000, "UncertainInitialValue"),
    (0x40930000, "UncertainSensorNotAccurate"),
    (0x40940000, "UncertainEngineeringUnitsExceeded"),
    (0x40950000, "UncertainSubNormal"),
    (0x80000000, "Bad"),
    (0x80010000, "BadUnexpectedError"),
    (0x80020000, "BadInternalError"),
    (0x80030000, "BadOutOfMemory"),
    (0x80040000, "BadResourceUnavailable"),
    (0x80050000, "BadCommunicationError"),
    (0x80060000, "BadEncodingError"),
    (0x80070000, "BadDecodingError"),
    (0x80080000, "BadEncodingLimitsExceeded"),
    (0x80090000, "BadUnknownResponse"),
    (0x800A0000, "BadTimeout"),
    (0x800B0000, "BadServiceUnsupported"),
    (0x800C0000, "BadShutdown"),
    (0x800D0000, "BadServerNotConnected"),
    (0x800E0000, "BadServerHalted"),
    (0x800F0000, "BadNothingToDo"),
    (0x80100000, "BadTooManyOperations"),
    (0x80110000, "BadDataTypeIdUnknown"),
    (0x80120000, "BadCertificateInvalid"),
    (0x80130000, "BadSecurityChecksFailed"),
    (0x80140000, "BadCertificateTimeInvalid"),
    (0x80150000, "BadCertificateIssuerTimeInvalid"),
    (0x80160000, "BadCertificateHostNameInvalid"),
    (0x80170000, "BadCertificateUriInvalid"),
    (0x80180000, "BadCertificateUseNotAllowed"),
    (0x80190000, "BadCertificateIssuerUseNotAllowed"),
    (0x801A0000, "BadCertificateUntrusted"),
    (0x801B0000, "BadCertificateRevocationUnknown"),
    (0x801C0000, "BadCertificateIssuerRevocationUnknown"),
    (0x801D0000, "BadCertificateRevoked"),
    (0x801E0000, "BadCertificateIssuerRevoked"),
    (0x801F0000, "BadUserAccessDenied"),
    (0x80200000, "BadIdentityTokenInvalid"),
    (0x80210000, "BadIdentityTokenRejected"),
    (0x80220000, "BadSecureChannelIdInvalid"),
    (0x80230000, "BadInvalidTimestamp"),
    (0x80240000, "BadNonceInvalid"),
    (0x80250000, "BadSessionIdInvalid"),
    (0x80260000, "BadSessionClosed"),
    (0x80270000, "BadSessionNotActivated"),
    (0x80280000, "BadSubscriptionIdInvalid"),
    (0x802A0000, "BadRequestHeaderInvalid"),
    (0x802B0000, "BadTimestampsToReturnInvalid"),
    (0x802C0000, "BadRequestCancelledByClient"),
    (0x80310000, "BadNoCommunication"),
    (0x80320000, "BadWaitingForInitialData"),
    (0x80330000, "BadNodeIdInvalid"),
    (0x80340000, "BadNodeIdUnknown"),
    (0x80350000, "BadAttributeIdInvalid"),
    (0x80360000, "BadIndexRangeInvalid"),
    (0x80370000, "BadIndexRangeNoData"),
    (0x80380000, "BadDataEncodingInvalid"),
    (0x80390000, "BadDataEncodingUnsupported"),
    (0x803A0000, "BadNotReadable"),
    (0x803B0000, "BadNotWritable"),
    (0x803C0000, "BadOutOfRange"),
    (0x803D0000, "BadNotSupported"),
    (0x803E0000, "BadNotFound"),
    (0x803F0000, "BadObjectDeleted"),
    (0x80400000, "BadNotImplemented"),
    (0x80410000, "BadMonitoringModeInvalid"),
    (0x80420000, "BadMonitoredItemIdInvalid"),
    (0x80430000, "BadMonitoredItemFilterInvalid"),
    (0x80440000, "BadMonitoredItemFilterUnsupported"),
    (0x80450000, "BadFilterNotAllowed"),
    (0x80460000, "BadStructureMissing"),
    (0x80470000, "BadEventFilterInvalid"),
    (0x804A0000, "BadContinuationPointInvalid"),
    (0x804B0000, "BadNoContinuationPoints"),
    (0x804C0000, "BadReferenceTypeIdInvalid"),
    (0x804D0000, "BadBrowseDirectionInvalid"),
    (0x804E0000, "BadNodeNotInView"),
    (0x804F0000, "BadServerUriInvalid"),
    (0x80510000, "BadDiscoveryUrlMissing"),
    (0x80530000, "BadRequestTypeInvalid"),
    (0x80540000, "BadSecurityModeRejected"),
    (0x80550000, "BadSecurityPolicyRejected"),
    (0x80560000, "BadTooManySessions"),
    (0x80570000, "BadUserSignatureInvalid"),
    (0x80580000, "BadApplicationSignatureInvalid"),
    (0x80590000, "BadNoValidCertificates"),
    (0x806F0000, "BadNoMatch"),
    (0x80700000, "BadMaxAgeInvalid"),
    (0x80710000, "BadHistoryOperationInvalid"),
    (0x80720000, "BadHistoryOperationUnsupported"),
    (0x80730000, "BadWriteNotSupported"),
    (0x80740000, "BadTypeMismatch"),
    (0x80770000, "BadTooManySubscriptions"),
    (0x80780000, "BadTooManyPublishRequests"),
    (0x80790000, "BadNoSubscription"),
    (0x807A0000, "BadSequenceNumberUnknown"),
    (0x807B0000, "BadMessageNotAvailable"),
    (0x807D0000, "BadTcpServerTooBusy"),
    (0x807E0000, "BadTcpMessageTypeInvalid"),
    (0x807F0000, "BadTcpSecureChannelUnknown"),
    (0x80800000, "BadTcpMessageTooLarge"),
    (0x80810000, "BadTcpNotEnoughResources"),
    (0x80820000, "BadTcpInternalError"),
    (0x80830000, "BadTcpEndpointUrlInvalid"),
    (0x80840000, "BadRequestInterrupted"),
    (0x80850000, "BadRequestTimeout"),
    (0x80860000, "BadSecureChannelClosed"),
    (0x80870000, "BadSecureChannelTokenUnknown"),
    (0x80880000, "BadSequenceNumberInvalid"),
    (0x80890000, "BadConfigurationError"),
    (0x808A0000, "BadNotConnected"),
    (0x808B0000, "BadDeviceFailure"),
    (0x808C0000, "BadSensorFailure"),
    (0x808D0000, "BadOutOfService"),
    (0x808E0000, "BadDeadbandFilterInvalid"),
    (0x809B0000, "BadNoData"),
    (0x809D0000, "BadDataLost"),
    (0x809E0000, "BadDataUnavailable"),
    (0x80AB0000, "BadInvalidArgument"),
    (0x80AC0000, "BadConnectionRejected"),
    (0x80AD0000, "BadDisconnect"),
    (0x80AE0000, "BadConnectionClosed"),
    (0x80AF0000, "BadInvalidState"),
    (0x80B00000, "BadEndOfStream"),
    (0x80B50000, "BadWouldBlock"),
    (0x80B70000, "BadMaxConnectionsReached"),
    (0x80B80000, "BadRequestTooLarge"),
    (0x80B90000, "BadResponseTooLarge"),
    (0x80BD0000, "BadInvalidTimestampArgument"),
    (0x80BE0000, "BadProtocolVersionUnsupported"),
    (0x80C60000, "BadIdentityChangeNotSupported"),
    (0x80DB0000, "BadTooManyMonitoredItems"),
    (0x80E10000, "BadDominantValueChanged"),
    (0x80E50000, "BadTooManyArguments"),
    (0x80E60000, "BadSecurityModeInsufficient"),
    (0x80E90000, "BadLocked"),
    (0x80EA0000, "BadIndexRangeDataMismatch"),
    (0x80EC0000, "BadRequiresLock"),
    (0x810D0000, "BadCertificateChainIncomplete"),
    (0x810E0000, "BadLicenseExpired"),
    (0x810F0000, "BadLicenseLimitsExceeded"),
    (0x81100000, "BadLicenseNotAvailable"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order");
        assert_eq!(Status(0x8034_0480).to_string(), "BadNodeIdUnknown");
        assert!(Status(0x0000_0480).is_overflow());
        assert!(!Status(0x8000_0000).is_overflow());
        assert_eq!(Status(0x9999_0000).to_string(), "status 0x99990000");
        assert!(Status(0x801A_0000).is_about_certificates());
    }
}
