package v2

// Error codes of the reference implementation. The specification leaves them to
// implementations (§3.5): whoever gets one that he does not know may log it and
// no more.
const (
	CodeUnsupportedFeatureFlags    = "unsupported-feature-flags"
	CodeUnsupportedProtocol        = "unsupported-protocol"
	CodeProtocolVersionMismatch    = "protocol-version-mismatch"
	CodeNoExtendedChannels         = "extended-channels-not-supported-for-standard-jobs"
	CodeInvalidUserIdentity        = "invalid-user-identity"
	CodeUnknownUser                = "unknown-user"
	CodeInvalidNominalHashrate     = "invalid-nominal-hashrate"
	CodeMaxTargetOutOfRange        = "max-target-out-of-range"
	CodeMinExtranonceSizeTooLarge  = "min-extranonce-size-too-large"
	CodeChannelCapacityExhausted   = "channel-capacity-exhausted"
	CodeInvalidChannelID           = "invalid-channel-id"
	CodeInvalidShare               = "invalid-share"
	CodeStaleShare                 = "stale-share"
	CodeInvalidJobID               = "invalid-job-id"
	CodeDifficultyTooLow           = "difficulty-too-low"
	CodeDuplicateShare             = "duplicate-share"
	CodeBadExtranonceSize          = "bad-extranonce-size"
	CodeVersionRollingNotAllowed   = "version-rolling-not-allowed"
	CodeInvalidVersionBit          = "invalid-non-rollable-version-bit"
	CodeJobDeclarationNotSupported = "jd-not-supported"
)
