package v2

import "gominer/hasher"

// AllocateMiningJobToken (§6.4.2) asks for a token.
type AllocateMiningJobToken struct {
	UserIdentifier string
	RequestID      uint32
}

// Type returns TypeAllocateMiningJobToken.
func (*AllocateMiningJobToken) Type() Type { return TypeAllocateMiningJobToken }

func (m *AllocateMiningJobToken) fields(c *coder) {
	c.text("user_identifier", &m.UserIdentifier)
	c.u32("request_id", &m.RequestID)
}

// AllocateMiningJobTokenSuccess (§6.4.3) is the token, with what the coinbase
// transaction has to pay to.
type AllocateMiningJobTokenSuccess struct {
	RequestID         uint32
	MiningJobToken    []byte // at most 255
	CoinbaseTxOutputs []byte // their number as a CompactSize, then the outputs; at most 65535
}

// Type returns TypeAllocateMiningJobTokenSuccess.
func (*AllocateMiningJobTokenSuccess) Type() Type { return TypeAllocateMiningJobTokenSuccess }

func (m *AllocateMiningJobTokenSuccess) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.blob("mining_job_token", &m.MiningJobToken, max8)
	c.blob("coinbase_tx_outputs", &m.CoinbaseTxOutputs, max16)
}

// DeclareMiningJob (§6.4.4) shows a template to the pool.
type DeclareMiningJob struct {
	RequestID        uint32
	MiningJobToken   []byte        // at most 255
	Version          uint32        // of the header
	CoinbaseTxPrefix []byte        // with marker and flag, if the transaction has them; at most 65535
	CoinbaseTxSuffix []byte        // with the witness; at most 65535
	WtxidList        []hasher.Hash // of all transactions but the coinbase, at most 65535
	ExcessData       []byte        // at most 65535
}

// Type returns TypeDeclareMiningJob.
func (*DeclareMiningJob) Type() Type { return TypeDeclareMiningJob }

func (m *DeclareMiningJob) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.blob("mining_job_token", &m.MiningJobToken, max8)
	c.u32("version", &m.Version)
	c.blob("coinbase_tx_prefix", &m.CoinbaseTxPrefix, max16)
	c.blob("coinbase_tx_suffix", &m.CoinbaseTxSuffix, max16)
	c.hashes("wtxid_list", &m.WtxidList, max16)
	c.blob("excess_data", &m.ExcessData, max16)
}

// DeclareMiningJobSuccess (§6.4.5) agrees to a template.
type DeclareMiningJobSuccess struct {
	RequestID         uint32
	NewMiningJobToken []byte // at most 255
}

// Type returns TypeDeclareMiningJobSuccess.
func (*DeclareMiningJobSuccess) Type() Type { return TypeDeclareMiningJobSuccess }

func (m *DeclareMiningJobSuccess) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.blob("new_mining_job_token", &m.NewMiningJobToken, max8)
}

// DeclareMiningJobError (§6.4.6) refuses a template.
type DeclareMiningJobError struct {
	RequestID    uint32
	ErrorCode    string
	ErrorDetails []byte // at most 65535
}

// Type returns TypeDeclareMiningJobError.
func (*DeclareMiningJobError) Type() Type { return TypeDeclareMiningJobError }

func (m *DeclareMiningJobError) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.text("error_code", &m.ErrorCode)
	c.blob("error_details", &m.ErrorDetails, max16)
}

// ProvideMissingTransactions (§6.4.7) asks for transactions of a template that
// the pool does not have.
type ProvideMissingTransactions struct {
	RequestID             uint32
	UnknownTxPositionList []uint16 // places in DeclareMiningJob.WtxidList, from 0
}

// Type returns TypeProvideMissingTransactions.
func (*ProvideMissingTransactions) Type() Type { return TypeProvideMissingTransactions }

func (m *ProvideMissingTransactions) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.u16s("unknown_tx_position_list", &m.UnknownTxPositionList)
}

// ProvideMissingTransactionsSuccess (§6.4.8) has those transactions.
type ProvideMissingTransactionsSuccess struct {
	RequestID       uint32
	TransactionList [][]byte // in the order they were asked for
}

// Type returns TypeProvideMissingTransactionsSuccess.
func (*ProvideMissingTransactionsSuccess) Type() Type { return TypeProvideMissingTransactionsSuccess }

func (m *ProvideMissingTransactionsSuccess) fields(c *coder) {
	c.u32("request_id", &m.RequestID)
	c.blobs("transaction_list", &m.TransactionList)
}

// PushSolution (§6.4.9) is a block that was found with a declared template.
type PushSolution struct {
	Extranonce []byte // with its prefix; at most MaxExtranonce
	PrevHash   hasher.Hash
	Nonce      uint32
	NTime      uint32 // Unix seconds
	Bits       hasher.Bits
	Version    uint32
}

// Type returns TypePushSolution.
func (*PushSolution) Type() Type { return TypePushSolution }

func (m *PushSolution) fields(c *coder) {
	c.blob("extranonce", &m.Extranonce, MaxExtranonce)
	c.hash("prev_hash", &m.PrevHash)
	c.u32("nonce", &m.Nonce)
	c.u32("ntime", &m.NTime)
	c.bits("nbits", &m.Bits)
	c.u32("version", &m.Version)
}
