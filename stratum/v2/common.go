package v2

// Protocol says what a connection is for.
type Protocol uint8

// The protocols of SetupConnection.
const (
	Mining               Protocol = 0
	JobDeclaration       Protocol = 1
	TemplateDistribution Protocol = 2
)

// Flags of SetupConnection and SetupConnectionError (§5.3.1, §6.4.1). Those of
// different protocols share bits.
const (
	RequiresStandardJobs   = 1 << 0 // mining: the client can't make anything of extended jobs
	RequiresWorkSelection  = 1 << 1 // mining: the client will send SetCustomMiningJob
	RequiresVersionRolling = 1 << 2 // mining: every job must leave the version's free bits to the client

	DeclareTxData = 1 << 0 // job declaration: the client reveals the transactions of its templates
)

// Flags of SetupConnectionSuccess (§5.3.1), which are others than the client's.
const (
	RequiresFixedVersion     = 1 << 0 // mining: the server takes no other version than the job's
	RequiresExtendedChannels = 1 << 1 // mining: the server opens no standard channels
)

// SetupConnection (§3.6.1) is the first message of a client.
type SetupConnection struct {
	Protocol        Protocol
	MinVersion      uint16
	MaxVersion      uint16
	Flags           uint32
	EndpointHost    string // that the client has connected to; at most 255 bytes, as each text here
	EndpointPort    uint16
	Vendor          string // never empty
	HardwareVersion string
	Firmware        string
	DeviceID        string // empty unless the user wants to be told apart
}

// Type returns TypeSetupConnection.
func (*SetupConnection) Type() Type { return TypeSetupConnection }

func (m *SetupConnection) fields(c *coder) {
	c.u8("protocol", (*uint8)(&m.Protocol))
	c.u16("min_version", &m.MinVersion)
	c.u16("max_version", &m.MaxVersion)
	c.u32("flags", &m.Flags)
	c.text("endpoint_host", &m.EndpointHost)
	c.u16("endpoint_port", &m.EndpointPort)
	c.text("vendor", &m.Vendor)
	c.text("hardware_version", &m.HardwareVersion)
	c.text("firmware", &m.Firmware)
	c.text("device_id", &m.DeviceID)
}

// SetupConnectionSuccess (§3.6.2) accepts a connection.
type SetupConnectionSuccess struct {
	UsedVersion uint16
	Flags       uint32 // of the server
}

// Type returns TypeSetupConnectionSuccess.
func (*SetupConnectionSuccess) Type() Type { return TypeSetupConnectionSuccess }

func (m *SetupConnectionSuccess) fields(c *coder) {
	c.u16("used_version", &m.UsedVersion)
	c.u32("flags", &m.Flags)
}

// SetupConnectionError (§3.6.3) refuses a connection, which is closed then.
type SetupConnectionError struct {
	Flags     uint32 // of the client, those that the server does not support; 0 if it is something else
	ErrorCode string // of the peer's own making, to be cleaned before it is shown
}

// Type returns TypeSetupConnectionError.
func (*SetupConnectionError) Type() Type { return TypeSetupConnectionError }

func (m *SetupConnectionError) fields(c *coder) {
	c.u32("flags", &m.Flags)
	c.text("error_code", &m.ErrorCode)
}

// ChannelEndpointChanged (§3.6.4): whoever is at the other end of a channel is
// somebody else now, who has negotiated no extension.
type ChannelEndpointChanged struct {
	ChannelID uint32
}

// Type returns TypeChannelEndpointChanged.
func (*ChannelEndpointChanged) Type() Type { return TypeChannelEndpointChanged }

func (m *ChannelEndpointChanged) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
}

// Reconnect (§3.6.5) sends a client to another server of the same authority.
type Reconnect struct {
	NewHost string // empty for the present one
	NewPort uint16 // 0 for the present one
}

// Type returns TypeReconnect.
func (*Reconnect) Type() Type { return TypeReconnect }

func (m *Reconnect) fields(c *coder) {
	c.text("new_host", &m.NewHost)
	c.u16("new_port", &m.NewPort)
}
