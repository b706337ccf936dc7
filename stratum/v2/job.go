package v2

import (
	"bytes"
	"slices"

	"gominer/hasher"
)

// NewMiningJob (§5.3.15) is a job with a fixed merkle root, for one standard
// channel.
type NewMiningJob struct {
	ChannelID  uint32
	JobID      uint32
	Future     bool   // min_ntime is empty: a SetNewPrevHash with this JobID will come before it is mined
	MinNTime   uint32 // Unix seconds; without meaning if Future
	Version    uint32 // of the header
	MerkleRoot hasher.Hash
}

// Type returns TypeNewMiningJob.
func (*NewMiningJob) Type() Type { return TypeNewMiningJob }

func (m *NewMiningJob) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.u32("job_id", &m.JobID)
	c.optionalU32("min_ntime", &m.Future, &m.MinNTime)
	c.u32("version", &m.Version)
	c.hash("merkle_root", &m.MerkleRoot)
}

// NewExtendedMiningJob (§5.3.16) is a job whose coinbase transaction the client
// completes, for an extended channel or for a group.
type NewExtendedMiningJob struct {
	ChannelID             uint32 // or a group's
	JobID                 uint32
	Future                bool   // min_ntime is empty: a SetNewPrevHash with this JobID will come before it is mined
	MinNTime              uint32 // Unix seconds; without meaning if Future
	Version               uint32 // of the header
	VersionRollingAllowed bool
	MerklePath            []hasher.Hash // leaf to root, at most 255
	CoinbaseTxPrefix      []byte        // what stands before the extranonce's prefix, at most 65535
	CoinbaseTxSuffix      []byte        // what stands behind the extranonce, at most 65535
}

// Type returns TypeNewExtendedMiningJob.
func (*NewExtendedMiningJob) Type() Type { return TypeNewExtendedMiningJob }

func (m *NewExtendedMiningJob) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.u32("job_id", &m.JobID)
	c.optionalU32("min_ntime", &m.Future, &m.MinNTime)
	c.u32("version", &m.Version)
	c.boolean("version_rolling_allowed", &m.VersionRollingAllowed)
	c.hashes("merkle_path", &m.MerklePath, max8)
	c.blob("coinbase_tx_prefix", &m.CoinbaseTxPrefix, max16)
	c.blob("coinbase_tx_suffix", &m.CoinbaseTxSuffix, max16)
}

// Places in a serialized transaction (BIP141).
const (
	markerAt     = 4 // behind the version: the marker 0 and the flag, where the number of inputs would be
	markerSize   = 1 + 1
	witnessSize  = 1 + 1 + 32 // one element of 32 bytes
	lockTimeSize = 4
)

// StripWitness takes the marker, the flag and the witness out of the coinbase
// transaction. The specification has the server do that (§3.7.1), not every
// server does, and the merkle root would be wrong with them. A transaction
// without them stays as it is. The error, a *FieldError, says that there is a
// marker but no witness such as a coinbase has; the message is as it was then.
func (m *NewExtendedMiningJob) StripWitness() error {
	prefix, suffix := m.CoinbaseTxPrefix, m.CoinbaseTxSuffix
	if len(prefix) < markerAt+markerSize || prefix[markerAt] != 0 || prefix[markerAt+1] == 0 {
		return nil
	}
	at := len(suffix) - lockTimeSize - witnessSize
	if at < 0 || !bytes.HasPrefix(suffix[at:], []byte{1, 32}) {
		return &FieldError{m.Type(), m.ChannelID, "coinbase_tx_suffix", "there is no witness before the lock time, though the prefix announces one"}
	}
	m.CoinbaseTxPrefix = slices.Concat(prefix[:markerAt], prefix[markerAt+markerSize:])
	m.CoinbaseTxSuffix = slices.Concat(suffix[:at], suffix[at+witnessSize:])
	return nil
}

// SetNewPrevHash (§5.3.17) is a new block to mine on, with the job to do so.
type SetNewPrevHash struct {
	ChannelID uint32 // or a group's
	JobID     uint32 // of a future job
	PrevHash  hasher.Hash
	MinNTime  uint32 // Unix seconds
	Bits      hasher.Bits
}

// Type returns TypeSetNewPrevHash.
func (*SetNewPrevHash) Type() Type { return TypeSetNewPrevHash }

func (m *SetNewPrevHash) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.u32("job_id", &m.JobID)
	c.hash("prev_hash", &m.PrevHash)
	c.u32("min_ntime", &m.MinNTime)
	c.bits("nbits", &m.Bits)
}

// SetCustomMiningJob (§5.3.18) is a job that the client made itself.
type SetCustomMiningJob struct {
	ChannelID                uint32 // of an extended channel, or a group's
	RequestID                uint32
	MiningJobToken           []byte // at most 255
	Version                  uint32 // of the header
	PrevHash                 hasher.Hash
	MinNTime                 uint32 // Unix seconds
	Bits                     hasher.Bits
	CoinbaseTxVersion        uint32
	CoinbasePrefix           []byte // the script up to the extranonce, at most 255
	CoinbaseTxInputNSequence uint32
	CoinbaseTxOutputs        []byte // their number as a CompactSize, then the outputs; at most 65535
	CoinbaseTxLockTime       uint32
	MerklePath               []hasher.Hash // leaf to root, at most 255
}

// Type returns TypeSetCustomMiningJob.
func (*SetCustomMiningJob) Type() Type { return TypeSetCustomMiningJob }

func (m *SetCustomMiningJob) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.u32("request_id", &m.RequestID)
	c.blob("mining_job_token", &m.MiningJobToken, max8)
	c.u32("version", &m.Version)
	c.hash("prev_hash", &m.PrevHash)
	c.u32("min_ntime", &m.MinNTime)
	c.bits("nbits", &m.Bits)
	c.u32("coinbase_tx_version", &m.CoinbaseTxVersion)
	c.blob("coinbase_prefix", &m.CoinbasePrefix, max8)
	c.u32("coinbase_tx_input_nSequence", &m.CoinbaseTxInputNSequence)
	c.blob("coinbase_tx_outputs", &m.CoinbaseTxOutputs, max16)
	c.u32("coinbase_tx_locktime", &m.CoinbaseTxLockTime)
	c.hashes("merkle_path", &m.MerklePath, max8)
}

// SetCustomMiningJobSuccess (§5.3.19) takes a client's own job.
type SetCustomMiningJobSuccess struct {
	ChannelID uint32
	RequestID uint32
	JobID     uint32 // to submit shares with
}

// Type returns TypeSetCustomMiningJobSuccess.
func (*SetCustomMiningJobSuccess) Type() Type { return TypeSetCustomMiningJobSuccess }

func (m *SetCustomMiningJobSuccess) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.u32("request_id", &m.RequestID)
	c.u32("job_id", &m.JobID)
}

// SetCustomMiningJobError (§5.3.20) refuses a client's own job.
type SetCustomMiningJobError struct {
	ChannelID uint32
	RequestID uint32
	ErrorCode string
}

// Type returns TypeSetCustomMiningJobError.
func (*SetCustomMiningJobError) Type() Type { return TypeSetCustomMiningJobError }

func (m *SetCustomMiningJobError) fields(c *coder) {
	c.u32("channel_id", &m.ChannelID)
	c.u32("request_id", &m.RequestID)
	c.text("error_code", &m.ErrorCode)
}
