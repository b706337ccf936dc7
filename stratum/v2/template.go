package v2

import "gominer/hasher"

// CoinbaseOutputConstraints (§7.1) says how much room a template has to leave in
// its coinbase transaction.
type CoinbaseOutputConstraints struct {
	CoinbaseOutputMaxAdditionalSize   uint32 // bytes
	CoinbaseOutputMaxAdditionalSigops uint16
}

// Type returns TypeCoinbaseOutputConstraints.
func (*CoinbaseOutputConstraints) Type() Type { return TypeCoinbaseOutputConstraints }

func (m *CoinbaseOutputConstraints) fields(c *coder) {
	c.u32("coinbase_output_max_additional_size", &m.CoinbaseOutputMaxAdditionalSize)
	c.u16("coinbase_output_max_additional_sigops", &m.CoinbaseOutputMaxAdditionalSigops)
}

// NewTemplate (§7.2) is a block to be, but for the outputs of its coinbase
// transaction that are the client's.
type NewTemplate struct {
	TemplateID               uint64
	FutureTemplate           bool // a SetNewTemplatePrevHash with this TemplateID will come before it is mined
	Version                  uint32
	CoinbaseTxVersion        uint32
	CoinbasePrefix           []byte // what the script begins with, at most 255
	CoinbaseTxInputSequence  uint32
	CoinbaseTxValueRemaining uint64 // satoshis for the client's outputs
	CoinbaseTxOutputsCount   uint32
	CoinbaseTxOutputs        []byte // the last outputs, without their number in front; at most 65535
	CoinbaseTxLockTime       uint32
	MerklePath               []hasher.Hash // leaf to root, at most 255
}

// Type returns TypeNewTemplate.
func (*NewTemplate) Type() Type { return TypeNewTemplate }

func (m *NewTemplate) fields(c *coder) {
	c.u64("template_id", &m.TemplateID)
	c.boolean("future_template", &m.FutureTemplate)
	c.u32("version", &m.Version)
	c.u32("coinbase_tx_version", &m.CoinbaseTxVersion)
	c.blob("coinbase_prefix", &m.CoinbasePrefix, max8)
	c.u32("coinbase_tx_input_sequence", &m.CoinbaseTxInputSequence)
	c.u64("coinbase_tx_value_remaining", &m.CoinbaseTxValueRemaining)
	c.u32("coinbase_tx_outputs_count", &m.CoinbaseTxOutputsCount)
	c.blob("coinbase_tx_outputs", &m.CoinbaseTxOutputs, max16)
	c.u32("coinbase_tx_locktime", &m.CoinbaseTxLockTime)
	c.hashes("merkle_path", &m.MerklePath, max8)
}

// SetNewTemplatePrevHash (§7.3) is the SetNewPrevHash of the template
// distribution protocol: a new block to mine on, with the template to do so.
type SetNewTemplatePrevHash struct {
	TemplateID      uint64 // of a future template
	PrevHash        hasher.Hash
	HeaderTimestamp uint32 // Unix seconds to start with
	Bits            hasher.Bits
	Target          hasher.Target // of a block; may be harder than Bits says
}

// Type returns TypeSetNewTemplatePrevHash.
func (*SetNewTemplatePrevHash) Type() Type { return TypeSetNewTemplatePrevHash }

func (m *SetNewTemplatePrevHash) fields(c *coder) {
	c.u64("template_id", &m.TemplateID)
	c.hash("prev_hash", &m.PrevHash)
	c.u32("header_timestamp", &m.HeaderTimestamp)
	c.bits("nBits", &m.Bits)
	c.target("target", &m.Target)
}

// RequestTransactionData (§7.4) asks for the transactions of a template.
type RequestTransactionData struct {
	TemplateID uint64
}

// Type returns TypeRequestTransactionData.
func (*RequestTransactionData) Type() Type { return TypeRequestTransactionData }

func (m *RequestTransactionData) fields(c *coder) {
	c.u64("template_id", &m.TemplateID)
}

// RequestTransactionDataSuccess (§7.5) has the transactions of a template.
type RequestTransactionDataSuccess struct {
	TemplateID      uint64
	ExcessData      []byte   // at most 65535
	TransactionList [][]byte // all but the coinbase
}

// Type returns TypeRequestTransactionDataSuccess.
func (*RequestTransactionDataSuccess) Type() Type { return TypeRequestTransactionDataSuccess }

func (m *RequestTransactionDataSuccess) fields(c *coder) {
	c.u64("template_id", &m.TemplateID)
	c.blob("excess_data", &m.ExcessData, max16)
	c.blobs("transaction_list", &m.TransactionList)
}

// RequestTransactionDataError (§7.6) says why there are no transactions.
type RequestTransactionDataError struct {
	TemplateID uint64
	ErrorCode  string
}

// Type returns TypeRequestTransactionDataError.
func (*RequestTransactionDataError) Type() Type { return TypeRequestTransactionDataError }

func (m *RequestTransactionDataError) fields(c *coder) {
	c.u64("template_id", &m.TemplateID)
	c.text("error_code", &m.ErrorCode)
}

// SubmitSolution (§7.7) is a block that was found with a template.
type SubmitSolution struct {
	TemplateID      uint64
	Version         uint32
	HeaderTimestamp uint32 // Unix seconds
	HeaderNonce     uint32
	CoinbaseTx      []byte // whole, with its witness; at most 65535
}

// Type returns TypeSubmitSolution.
func (*SubmitSolution) Type() Type { return TypeSubmitSolution }

func (m *SubmitSolution) fields(c *coder) {
	c.u64("template_id", &m.TemplateID)
	c.u32("version", &m.Version)
	c.u32("header_timestamp", &m.HeaderTimestamp)
	c.u32("header_nonce", &m.HeaderNonce)
	c.blob("coinbase_tx", &m.CoinbaseTx, max16)
}
