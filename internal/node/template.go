package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gominer/hasher"
	"gominer/internal/chain"
)

const (
	maxTxs   = 20_000   // the smallest transactions that relay fill a block with 16 700
	maxSmall = 64 << 10 // bytes of JSON of an optional member
	maxID    = 4 << 10  // bytes of a long poll or work id
	maxValue = 21_000_000 * 100_000_000
)

// Template is a block to be found: everything but its coinbase's payee and
// extranonce, its time and its nonce.
type Template struct {
	Height   uint32
	Version  uint32
	PrevHash hasher.Hash
	Bits     hasher.Bits
	Target   hasher.Target // of Bits
	Time     uint32        // Unix seconds: the node's clock, and not before the least time that it allows

	// VersionBits are those that have a meaning to the node: it set them, demands
	// them, or knows a deployment that they signal (BIP9). Rolling must leave them
	// alone.
	VersionBits uint32

	Value int64  // satoshis: subsidy and fees, what the coinbase may pay
	Aux   []byte // script that the node wants in the coinbase

	Txs []Tx // those behind the coinbase

	// Commitment is the witness commitment, worked out from Txs; nil where the
	// block needs none.
	Commitment *hasher.Hash

	// CommitmentDiffers says that the node gave another commitment than its own
	// transactions have.
	CommitmentDiffers bool

	LongPollID string // "": the node has no long polling
	WorkID     string // to be handed back with a block; mostly ""
}

// Tx is a transaction of a template. Its ids are those of its data.
type Tx struct {
	Data        []byte // serialized, with witness
	TxID, WTxID hasher.Hash
}

// Template asks for a block template. With the id of an earlier one
// (Template.LongPollID) the node answers when it has a better one, which may take
// hours; with "" at once.
func (c *Client) Template(ctx context.Context, longPollID string) (*Template, error) {
	rules := []string{"segwit"}
	signet, err := c.isSignet(ctx)
	if err != nil {
		return nil, err
	}
	if signet {
		rules = append(rules, "signet")
	}
	request := struct {
		Rules        []string `json:"rules"`
		Capabilities []string `json:"capabilities"`
		LongPollID   string   `json:"longpollid,omitempty"`
	}{rules, []string{"coinbasevalue", "longpoll", "workid"}, longPollID}
	timeout := c.cfg.Timeout
	if longPollID != "" {
		timeout = 0
	}
	var raw json.RawMessage
	if err := c.call(ctx, timeout, &raw, "getblocktemplate", request); err != nil {
		return nil, c.withProgress(ctx, err)
	}
	t, err := parseTemplate(raw)
	if err != nil {
		kind := ErrNotRPC
		for _, k := range []error{ErrRules, ErrSignet} {
			if errors.Is(err, k) {
				kind = k
			}
		}
		return nil, c.errorf(kind, err, "block template: %s", printable(err.Error()))
	}
	return t, nil
}

// withProgress adds to the error of a syncing node how far it is.
func (c *Client) withProgress(ctx context.Context, err error) error {
	if !errors.Is(err, ErrSyncing) {
		return err
	}
	info, infoErr := c.Info(ctx)
	if infoErr != nil || info.Headers == 0 {
		return err
	}
	return fmt.Errorf("%w; it has %d of %d blocks", err, info.Blocks, info.Headers)
}

// small is a member that has no business being large.
type small[T any] struct{ v T }

func (s *small[T]) UnmarshalJSON(b []byte) error {
	if len(b) > maxSmall {
		return fmt.Errorf("a member of %d bytes, at most %d are taken", len(b), maxSmall)
	}
	return json.Unmarshal(b, &s.v)
}

type wireTemplate struct {
	Version     *int64                   `json:"version"`
	Rules       small[[]string]          `json:"rules"`
	VBAvailable small[map[string]int]    `json:"vbavailable"`
	VBRequired  int64                    `json:"vbrequired"`
	PrevHash    *string                  `json:"previousblockhash"`
	Txs         *wireTxs                 `json:"transactions"`
	Aux         small[map[string]string] `json:"coinbaseaux"`
	Value       *int64                   `json:"coinbasevalue"`
	LongPollID  string                   `json:"longpollid"`
	Target      *string                  `json:"target"`
	MinTime     int64                    `json:"mintime"`
	CurTime     *int64                   `json:"curtime"`
	Bits        *string                  `json:"bits"`
	Height      *int64                   `json:"height"`
	Challenge   *string                  `json:"signet_challenge"`
	Commitment  *string                  `json:"default_witness_commitment"`
	WorkID      string                   `json:"workid"`
}

// wireTxs is decoded one by one, so that a list of a million empty objects is
// refused before it takes up memory.
type wireTxs []Tx

func (l *wireTxs) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return errors.New("transactions: missing")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return errors.New("transactions: not a list")
	}
	*l = nil // the member may stand there twice
	for i := 0; d.More(); i++ {
		if i == maxTxs {
			return fmt.Errorf("transactions: more than %d", maxTxs)
		}
		var w struct {
			Data *string `json:"data"`
			TxID *string `json:"txid"`
			Hash *string `json:"hash"`
		}
		if err := d.Decode(&w); err != nil {
			return fmt.Errorf("transactions[%d]: %w", i, jsonError(err))
		}
		tx, err := parseTx(w.Data, w.TxID, w.Hash)
		if err != nil {
			return fmt.Errorf("transactions[%d]: %w", i, err)
		}
		*l = append(*l, tx)
	}
	return nil
}

// parseTx checks that a transaction is one and has the ids that the node gives
// it: a wrong one would cost a block.
func parseTx(data, txid, hash *string) (Tx, error) {
	if data == nil {
		return Tx{}, errors.New("no data")
	}
	raw, err := hex.DecodeString(*data)
	if err != nil {
		return Tx{}, fmt.Errorf("data: %w", err)
	}
	parsed, err := chain.ParseTx(raw)
	if err != nil {
		return Tx{}, err
	}
	tx := Tx{Data: raw, TxID: parsed.TxID(), WTxID: parsed.WTxID()}
	for _, id := range []struct {
		name string
		got  *string
		want hasher.Hash
	}{{"txid", txid, tx.TxID}, {"hash", hash, tx.WTxID}} {
		if id.got == nil {
			return Tx{}, fmt.Errorf("no %s", id.name)
		}
		h, err := hasher.ParseHash(*id.got)
		if err != nil {
			return Tx{}, fmt.Errorf("%s: %w", id.name, err)
		}
		if h != id.want {
			return Tx{}, fmt.Errorf("%s is %v, its data has %v", id.name, h, id.want)
		}
	}
	return tx, nil
}

// parseTemplate reads the result of getblocktemplate.
func parseTemplate(b []byte) (*Template, error) {
	var w wireTemplate
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, jsonError(err)
	}
	var missing []string
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"version", w.Version != nil}, {"previousblockhash", w.PrevHash != nil}, {"transactions", w.Txs != nil},
		{"coinbasevalue", w.Value != nil}, {"curtime", w.CurTime != nil}, {"bits", w.Bits != nil}, {"height", w.Height != nil},
	} {
		if !m.given {
			missing = append(missing, m.name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%s missing", strings.Join(missing, ", "))
	}
	if err := w.checkRules(); err != nil {
		return nil, err
	}
	t := &Template{Txs: *w.Txs, LongPollID: w.LongPollID, WorkID: w.WorkID}
	for _, fill := range []func(*Template) error{w.numbers, w.versionBits, w.work, w.aux, w.commitment} {
		if err := fill(t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// checkRules refuses a template that demands a rule which this code does not
// follow (BIP9: those marked with an exclamation mark), and one whose block must
// be signed (BIP325).
func (w *wireTemplate) checkRules() error {
	known := []string{"csv", "segwit", "taproot", "signet", "testdummy"}
	for _, rule := range w.Rules.v {
		if name, must := strings.CutPrefix(rule, "!"); must && !slices.Contains(known, name) {
			return fmt.Errorf("%w: its block must follow the rule %q, which this version does not know: update gominer", ErrRules, clean(name))
		}
	}
	const anyoneCanSpend = "51" // OP_TRUE
	if w.Challenge != nil && *w.Challenge != "" && *w.Challenge != anyoneCanSpend {
		return fmt.Errorf("%w: blocks of this signet must be signed for the challenge %.80q, which gominer cannot do: mine on another network, or on a signet of your own with signetchallenge=51", ErrSignet, *w.Challenge)
	}
	return nil
}

func (w *wireTemplate) numbers(t *Template) error {
	for _, n := range []struct {
		name        string
		v           int64
		least, most int64
	}{
		{"version", *w.Version, math.MinInt32, math.MaxUint32},
		{"vbrequired", w.VBRequired, math.MinInt32, math.MaxUint32},
		{"height", *w.Height, 1, math.MaxInt32},
		{"coinbasevalue", *w.Value, 0, maxValue},
		{"curtime", *w.CurTime, 1, math.MaxUint32},
		{"mintime", w.MinTime, 0, math.MaxUint32},
	} {
		if n.v < n.least || n.v > n.most {
			return fmt.Errorf("%s is %d, outside %d … %d", n.name, n.v, n.least, n.most)
		}
	}
	for name, id := range map[string]string{"longpollid": w.LongPollID, "workid": w.WorkID} {
		if len(id) > maxID {
			return fmt.Errorf("%s has %d bytes, at most %d are taken", name, len(id), maxID)
		}
	}
	t.Version = uint32(*w.Version)
	t.Height = uint32(*w.Height)
	t.Value = *w.Value
	t.Time = uint32(max(*w.CurTime, w.MinTime))
	return nil
}

// versionBits collects the bits with a meaning. The top three only say that the
// others are BIP9's.
func (w *wireTemplate) versionBits(t *Template) error {
	t.VersionBits = t.Version | uint32(w.VBRequired)
	for name, bit := range w.VBAvailable.v {
		if bit < 0 || bit > 31 {
			return fmt.Errorf("vbavailable has bit %d for %q", bit, clean(name))
		}
		t.VersionBits |= 1 << bit
	}
	return nil
}

func (w *wireTemplate) work(t *Template) (err error) {
	if t.PrevHash, err = hasher.ParseHash(*w.PrevHash); err != nil {
		return fmt.Errorf("previousblockhash: %w", err)
	}
	bits, err := strconv.ParseUint(*w.Bits, 16, 32) // btcd writes no leading zeros
	if err != nil {
		return fmt.Errorf("bits is %.80q, want 8 hex digits", *w.Bits)
	}
	t.Bits = hasher.Bits(bits)
	if t.Target, err = t.Bits.Target(); err != nil {
		return fmt.Errorf("bits: %w", err)
	}
	if w.Target == nil {
		return nil
	}
	target, err := hasher.ParseTarget(*w.Target)
	if err != nil {
		return err
	}
	if target != t.Target {
		return fmt.Errorf("target %v is not that of bits %v: this is a pool's template, not a node's", target, t.Bits)
	}
	return nil
}

// aux joins the values of coinbaseaux; the keys have no meaning in a block.
func (w *wireTemplate) aux(t *Template) error {
	for _, key := range slices.Sorted(maps.Keys(w.Aux.v)) {
		b, err := hex.DecodeString(w.Aux.v[key])
		if err != nil {
			return fmt.Errorf("coinbaseaux %q: %w", clean(key), err)
		}
		t.Aux = append(t.Aux, b...)
	}
	return nil
}

// commitment works out the witness commitment where one is wanted. Bitcoin Core
// gives the output's script, and always; btcd the bare hash, and only if a
// transaction has a witness.
func (w *wireTemplate) commitment(t *Template) error {
	wanted := w.Commitment != nil
	wtxids := make([]hasher.Hash, len(t.Txs))
	for i, tx := range t.Txs {
		wtxids[i] = tx.WTxID
		wanted = wanted || tx.WTxID != tx.TxID
	}
	if !wanted {
		return nil
	}
	own := chain.WitnessCommitment(wtxids)
	t.Commitment = &own
	if w.Commitment == nil {
		return nil
	}
	given, err := hex.DecodeString(*w.Commitment)
	if err != nil {
		return fmt.Errorf("default_witness_commitment: %w", err)
	}
	script := chain.CommitmentScript(own)
	switch mark := script[:len(script)-len(own)]; {
	case len(given) >= len(script) && bytes.HasPrefix(given, mark):
		t.CommitmentDiffers = !bytes.HasPrefix(given, script)
	case len(given) == len(own):
		t.CommitmentDiffers = !bytes.Equal(given, own[:])
	default:
		return fmt.Errorf("default_witness_commitment has %d bytes and is neither a commitment's script nor its hash", len(given))
	}
	return nil
}

// Branch returns the merkle path of the coinbase.
func (t *Template) Branch() []hasher.Hash {
	txids := make([]hasher.Hash, len(t.Txs))
	for i, tx := range t.Txs {
		txids[i] = tx.TxID
	}
	return chain.MerkleBranch(txids)
}

// Coinbase returns a coinbase that pays everything to script. The caller gives
// it an extranonce and a tag.
func (t *Template) Coinbase(script []byte) chain.Coinbase {
	c := chain.Coinbase{
		Height:  t.Height,
		Aux:     t.Aux,
		Outputs: []chain.TxOut{{Value: t.Value, Script: script}},
	}
	if t.Commitment != nil {
		c.Outputs = append(c.Outputs, chain.TxOut{Script: chain.CommitmentScript(*t.Commitment)})
	}
	return c
}

// Block returns the serialized block of a header and a coinbase made for t.
func (t *Template) Block(header *hasher.Header, coinbase []byte) ([]byte, error) {
	txs := make([][]byte, len(t.Txs))
	for i, tx := range t.Txs {
		txs[i] = tx.Data
	}
	return chain.Block(header, coinbase, txs)
}
