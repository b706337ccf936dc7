package v2

import "gominer/hasher"

// MaxExtranonce is the longest extranonce prefix, and the longest extranonce, in
// bytes.
const MaxExtranonce = 32

// OpenStandardMiningChannel (§5.3.2) asks for a channel with fixed merkle roots.
type OpenStandardMiningChannel struct {
	RequestID       uint32
	UserIdentity    string
	NominalHashRate float32 // H/s, not negative
	MaxTarget       hasher.Target
}

// Type returns TypeOpenStandardMiningChannel.
func (*OpenStandardMiningChannel) Type() Type { return TypeOpenStandardMiningChannel }

func (m *OpenStandardMiningChannel) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.text("user_identity", &m.UserIdentity)
	c.rate("nominal_hash_rate", &m.NominalHashRate)
	c.target("max_target", &m.MaxTarget)
}

// OpenStandardMiningChannelSuccess (§5.3.3) opens a standard channel.
type OpenStandardMiningChannelSuccess struct {
	RequestID        uint32
	ChannelID        uint32
	Target           hasher.Target
	ExtranoncePrefix []byte // at most MaxExtranonce
	GroupChannelID   uint32
}

// Type returns TypeOpenStandardMiningChannelSuccess.
func (*OpenStandardMiningChannelSuccess) Type() Type { return TypeOpenStandardMiningChannelSuccess }

func (m *OpenStandardMiningChannelSuccess) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.u32("channel_id", &m.ChannelID)
	c.target("target", &m.Target)
	c.blob("extranonce_prefix", &m.ExtranoncePrefix, MaxExtranonce)
	c.u32("group_channel_id", &m.GroupChannelID)
}

// OpenExtendedMiningChannel (§5.3.4) asks for a channel whose merkle roots the
// client rolls.
type OpenExtendedMiningChannel struct {
	RequestID         uint32
	UserIdentity      string
	NominalHashRate   float32 // H/s, not negative
	MaxTarget         hasher.Target
	MinExtranonceSize uint16 // bytes
}

// Type returns TypeOpenExtendedMiningChannel.
func (*OpenExtendedMiningChannel) Type() Type { return TypeOpenExtendedMiningChannel }

func (m *OpenExtendedMiningChannel) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.text("user_identity", &m.UserIdentity)
	c.rate("nominal_hash_rate", &m.NominalHashRate)
	c.target("max_target", &m.MaxTarget)
	c.u16("min_extranonce_size", &m.MinExtranonceSize)
}

// OpenExtendedMiningChannelSuccess (§5.3.5) opens an extended channel.
type OpenExtendedMiningChannelSuccess struct {
	RequestID        uint32
	ChannelID        uint32
	Target           hasher.Target
	ExtranonceSize   uint16 // bytes that the client rolls; any number can stand here, more than MaxExtranonce make no sense
	ExtranoncePrefix []byte // at most MaxExtranonce
	GroupChannelID   uint32
}

// Type returns TypeOpenExtendedMiningChannelSuccess.
func (*OpenExtendedMiningChannelSuccess) Type() Type { return TypeOpenExtendedMiningChannelSuccess }

func (m *OpenExtendedMiningChannelSuccess) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.u32("channel_id", &m.ChannelID)
	c.target("target", &m.Target)
	c.u16("extranonce_size", &m.ExtranonceSize)
	c.blob("extranonce_prefix", &m.ExtranoncePrefix, MaxExtranonce)
	c.u32("group_channel_id", &m.GroupChannelID)
}

// OpenMiningChannelError (§5.3.6) refuses a channel of either kind.
type OpenMiningChannelError struct {
	RequestID uint32
	ErrorCode string
}

// Type returns TypeOpenMiningChannelError.
func (*OpenMiningChannelError) Type() Type { return TypeOpenMiningChannelError }

func (m *OpenMiningChannelError) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.text("error_code", &m.ErrorCode)
}

// UpdateChannel (§5.3.7) tells the server that a channel's hash rate has
// changed, or which target the client would take.
type UpdateChannel struct {
	ChannelID       uint32
	NominalHashRate float32 // H/s, not negative
	MaximumTarget   hasher.Target
}

// Type returns TypeUpdateChannel.
func (*UpdateChannel) Type() Type { return TypeUpdateChannel }

func (m *UpdateChannel) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.rate("nominal_hash_rate", &m.NominalHashRate)
	c.target("maximum_target", &m.MaximumTarget)
}

// UpdateChannelError (§5.3.8) refuses an UpdateChannel. Nothing answers one that
// is taken.
type UpdateChannelError struct {
	ChannelID uint32
	ErrorCode string
}

// Type returns TypeUpdateChannelError.
func (*UpdateChannelError) Type() Type { return TypeUpdateChannelError }

func (m *UpdateChannelError) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.text("error_code", &m.ErrorCode)
}

// CloseChannel (§5.3.9), from either side, ends a channel or those of a group.
type CloseChannel struct {
	ChannelID  uint32 // or a group's
	ReasonCode string
}

// Type returns TypeCloseChannel.
func (*CloseChannel) Type() Type { return TypeCloseChannel }

func (m *CloseChannel) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.text("reason_code", &m.ReasonCode)
}

// SetExtranoncePrefix (§5.3.10) gives a channel another prefix, for jobs sent
// from now on.
type SetExtranoncePrefix struct {
	ChannelID        uint32
	ExtranoncePrefix []byte // at most MaxExtranonce
}

// Type returns TypeSetExtranoncePrefix.
func (*SetExtranoncePrefix) Type() Type { return TypeSetExtranoncePrefix }

func (m *SetExtranoncePrefix) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.blob("extranonce_prefix", &m.ExtranoncePrefix, MaxExtranonce)
}

// SetTarget (§5.3.21) gives a channel another target, for jobs that are not
// being mined yet.
type SetTarget struct {
	ChannelID     uint32 // or a group's
	MaximumTarget hasher.Target
}

// Type returns TypeSetTarget.
func (*SetTarget) Type() Type { return TypeSetTarget }

func (m *SetTarget) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.target("maximum_target", &m.MaximumTarget)
}

// SetGroupChannel (§5.3.22) puts channels into a group.
type SetGroupChannel struct {
	GroupChannelID uint32
	ChannelIDs     []uint32 // at most 65535
}

// Type returns TypeSetGroupChannel.
func (*SetGroupChannel) Type() Type { return TypeSetGroupChannel }

func (m *SetGroupChannel) fields(c *coder) {
	c.u32("group_channel_id", &m.GroupChannelID)
	c.u32s("channel_ids", &m.ChannelIDs)
}
