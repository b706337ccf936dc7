package chain

import (
	"encoding/binary"
	"errors"
	"fmt"

	"gominer/hasher"
)

const (
	maxTx = 4_000_000 // bytes; a block's weight is at most 4 000 000 (BIP141)

	coin     = 100_000_000 // satoshis
	maxMoney = 21_000_000 * coin
)

// OutPoint names a transaction's output.
type OutPoint struct {
	Hash  hasher.Hash // txid
	Index uint32
}

// TxIn spends an output.
type TxIn struct {
	Prev     OutPoint
	Script   []byte // scriptSig
	Sequence uint32
	Witness  [][]byte // nil: none
}

// TxOut pays an amount to a script.
type TxOut struct {
	Value  int64 // satoshis
	Script []byte
}

// Tx is a transaction.
type Tx struct {
	Version  uint32
	In       []TxIn
	Out      []TxOut
	LockTime uint32 // height, or Unix seconds from 500 000 000 on
}

// ParseTx reads one transaction, with or without witness (BIP144), and nothing
// behind it. It refuses what no node would relay as a transaction: lengths not in
// their shortest form, no inputs or outputs, a witness marker without a witness,
// values outside 0 … 21 000 000 BTC, more than 4 000 000 bytes. The result
// shares memory with b.
func ParseTx(b []byte) (*Tx, error) {
	if len(b) > maxTx {
		return nil, fmt.Errorf("transaction of %d bytes, at most %d fit in a block", len(b), maxTx)
	}
	r := &reader{buf: b}
	t := &Tx{Version: r.uint32()}
	witness := len(r.buf) >= 2 && r.buf[0] == 0 && r.buf[1] == 1
	if witness {
		r.take(2)
	}
	t.In = make([]TxIn, r.count("inputs", 41)) // 36 + 1 + 4
	for i := range t.In {
		in := &t.In[i]
		if p := r.take(32); p != nil {
			in.Prev.Hash = hasher.Hash(p)
		}
		in.Prev.Index = r.uint32()
		in.Script = r.bytes("bytes of input script")
		in.Sequence = r.uint32()
	}
	t.Out = make([]TxOut, r.count("outputs", 9)) // 8 + 1
	for i := range t.Out {
		v := int64(r.uint64())
		if v < 0 || v > maxMoney {
			r.fail("output %d has the value %d, outside 0 … 21 000 000 BTC", i, v)
		}
		t.Out[i] = TxOut{Value: v, Script: r.bytes("bytes of output script")}
	}
	if witness {
		r.witness(t)
	}
	t.LockTime = r.uint32()
	switch {
	case r.err != nil:
		return nil, fmt.Errorf("transaction: %w", r.err)
	case len(r.buf) > 0:
		return nil, fmt.Errorf("transaction: %d bytes behind its end", len(r.buf))
	case len(t.In) == 0:
		return nil, errors.New("transaction has no inputs")
	case len(t.Out) == 0:
		return nil, errors.New("transaction has no outputs")
	}
	return t, nil
}

func (r *reader) witness(t *Tx) {
	items := 0
	for i := range t.In {
		n := r.count("witness items", 1)
		if n == 0 {
			continue
		}
		items += n
		w := make([][]byte, n)
		for j := range w {
			w[j] = r.bytes("bytes of witness")
		}
		t.In[i].Witness = w
	}
	if r.err == nil && items == 0 {
		r.fail("witness marker, but no input has a witness")
	}
}

// Bytes returns the serialization, with witness if an input has one (BIP144).
func (t *Tx) Bytes() []byte { return t.append(nil, t.hasWitness()) }

// TxID returns SHA256d of the transaction without its witness.
func (t *Tx) TxID() hasher.Hash { return hasher.DoubleSum(t.append(nil, false)) }

// WTxID returns SHA256d of the transaction with its witness; the txid if it has
// none.
func (t *Tx) WTxID() hasher.Hash { return hasher.DoubleSum(t.Bytes()) }

func (t *Tx) hasWitness() bool {
	for i := range t.In {
		if len(t.In[i].Witness) > 0 {
			return true
		}
	}
	return false
}

func (t *Tx) append(b []byte, witness bool) []byte {
	b = binary.LittleEndian.AppendUint32(b, t.Version)
	if witness {
		b = append(b, 0, 1) // marker, flag
	}
	b = appendVarInt(b, uint64(len(t.In)))
	for i := range t.In {
		in := &t.In[i]
		b = append(b, in.Prev.Hash[:]...)
		b = binary.LittleEndian.AppendUint32(b, in.Prev.Index)
		b = appendBytes(b, in.Script)
		b = binary.LittleEndian.AppendUint32(b, in.Sequence)
	}
	b = appendVarInt(b, uint64(len(t.Out)))
	for i := range t.Out {
		b = binary.LittleEndian.AppendUint64(b, uint64(t.Out[i].Value))
		b = appendBytes(b, t.Out[i].Script)
	}
	if witness {
		for i := range t.In {
			b = appendVarInt(b, uint64(len(t.In[i].Witness)))
			for _, item := range t.In[i].Witness {
				b = appendBytes(b, item)
			}
		}
	}
	return binary.LittleEndian.AppendUint32(b, t.LockTime)
}
