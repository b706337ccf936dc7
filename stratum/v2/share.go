package v2

// SubmitSharesStandard (§5.3.11) is a share of a standard channel.
type SubmitSharesStandard struct {
	ChannelID      uint32
	SequenceNumber uint32 // of the share in its channel
	JobID          uint32
	Nonce          uint32
	NTime          uint32 // Unix seconds
	Version        uint32 // of the header, whole
}

// Type returns TypeSubmitSharesStandard.
func (*SubmitSharesStandard) Type() Type { return TypeSubmitSharesStandard }

func (m *SubmitSharesStandard) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.u32("sequence_number", &m.SequenceNumber)
	c.u32("job_id", &m.JobID)
	c.u32("nonce", &m.Nonce)
	c.u32("ntime", &m.NTime)
	c.u32("version", &m.Version)
}

// SubmitSharesExtended (§5.3.12) is a share of an extended channel.
type SubmitSharesExtended struct {
	ChannelID      uint32
	SequenceNumber uint32 // of the share in its channel
	JobID          uint32
	Nonce          uint32
	NTime          uint32 // Unix seconds
	Version        uint32 // of the header, whole
	Extranonce     []byte // without its prefix; at most MaxExtranonce

	// TLVs are the fields that extensions add, as they stand behind the message.
	// Where no such extension was negotiated, they are to be ignored.
	TLVs []byte
}

// Type returns TypeSubmitSharesExtended.
func (*SubmitSharesExtended) Type() Type { return TypeSubmitSharesExtended }

func (m *SubmitSharesExtended) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.u32("sequence_number", &m.SequenceNumber)
	c.u32("job_id", &m.JobID)
	c.u32("nonce", &m.Nonce)
	c.u32("ntime", &m.NTime)
	c.u32("version", &m.Version)
	c.blob("extranonce", &m.Extranonce, MaxExtranonce)
	if len(m.TLVs) > trailing {
		c.fail("TLV fields", "%d bytes, at most %d fit", len(m.TLVs), trailing)
		return
	}
	c.rest(&m.TLVs)
}

// SubmitSharesSuccess (§5.3.13) accepts the shares since the last one of these.
type SubmitSharesSuccess struct {
	ChannelID               uint32
	LastSequenceNumber      uint32
	NewSubmitsAcceptedCount uint32
	NewSharesSum            uint64 // of their difficulties
}

// Type returns TypeSubmitSharesSuccess.
func (*SubmitSharesSuccess) Type() Type { return TypeSubmitSharesSuccess }

func (m *SubmitSharesSuccess) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.u32("last_sequence_number", &m.LastSequenceNumber)
	c.u32("new_submits_accepted_count", &m.NewSubmitsAcceptedCount)
	c.u64("new_shares_sum", &m.NewSharesSum)
}

// SubmitSharesError (§5.3.14) refuses one share.
type SubmitSharesError struct {
	ChannelID      uint32
	SequenceNumber uint32
	ErrorCode      string
}

// Type returns TypeSubmitSharesError.
func (*SubmitSharesError) Type() Type { return TypeSubmitSharesError }

func (m *SubmitSharesError) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.u32("sequence_number", &m.SequenceNumber)
	c.text("error_code", &m.ErrorCode)
}
