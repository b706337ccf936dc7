package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"gominer/internal/chain"
	"gominer/internal/units"
)

func (d *decoder) coinbase(input string) (*explanation, error) {
	b, err := unhex(input, 0)
	if err != nil {
		return nil, err
	}
	tx, err := chain.ParseTx(b)
	if err != nil {
		return nil, err
	}
	if !tx.IsCoinbase() {
		return nil, errors.New("the transaction spends an output: it is no coinbase")
	}
	e := &explanation{
		Kind: "coinbase",
		About: fmt.Sprintf("Coinbase transaction, %d bytes. Numbers are little-endian; the txid is shown reversed, as block "+
			"explorers show it.", len(b)),
	}
	d.addCoinbase(e, tx, chain.Mainnet)
	e.add("txid", "", tx.TxID().String())
	if len(tx.In[0].Witness) > 0 {
		e.add("wtxid", "", tx.WTxID().String())
	}
	return e, nil
}

// addCoinbase says what a coinbase holds; its addresses are those of a network,
// unless the user named another.
func (d *decoder) addCoinbase(e *explanation, tx *chain.Tx, n *chain.Network) {
	if d.network != nil {
		n = d.network
	}
	e.addf("tx version", "", "%d", tx.Version)
	in := &tx.In[0]
	e.addf("input script", hex.EncodeToString(in.Script), "%s of 100 at most", units.Plural(uint64(len(in.Script)), "byte"))
	if height, ok := tx.CoinbaseHeight(); ok {
		e.addf("height", "", "%d (BIP34)", height)
	}
	if text := tx.CoinbaseText(); text != "" {
		e.addf("text", "", "%q", text)
	}
	e.addf("sequence", "", "%08x", in.Sequence)
	var total int64
	for i, out := range tx.Out {
		total += out.Value
		e.add(fmt.Sprintf("output %d", i), hex.EncodeToString(out.Script), describeOutput(&out, n))
	}
	e.add("pays", "", bitcoin(total))
	if c, ok := tx.Commitment(); ok {
		e.addf("witnesses", "", "commitment %x (BIP141)", c[:])
	}
	e.addf("lock time", "", "%d", tx.LockTime)
}

func describeOutput(out *chain.TxOut, n *chain.Network) string {
	const opReturn = 0x6a
	switch address := chain.Address(out.Script, n); {
	case address != "":
		return bitcoin(out.Value) + " to " + address
	case len(out.Script) > 0 && out.Script[0] == opReturn:
		what := "data (OP_RETURN)"
		if len(out.Script) >= 38 && strings.HasPrefix(string(out.Script[1:]), "\x24\xaa\x21\xa9\xed") {
			what = "the witness commitment (BIP141)"
		}
		return bitcoin(out.Value) + ", " + what
	}
	return bitcoin(out.Value) + " to a script without an address form"
}

// bitcoin writes an amount in satoshis as BTC.
func bitcoin(sat int64) string {
	const coin = 100_000_000
	return fmt.Sprintf("%d.%08d BTC", sat/coin, sat%coin)
}

// splitCoinbase returns the coinbase around an extranonce, zeros in its place,
// and the extranonce's size in bytes: the one size with which the parts are a
// transaction. ok is false if there is none.
func splitCoinbase(coinb1, coinb2 []byte) (tx *chain.Tx, size int, ok bool) {
	const most = 48 // bytes of extranonce1 and extranonce2
	for size = 0; size <= most; size++ {
		b := append(append(append([]byte{}, coinb1...), make([]byte, size)...), coinb2...)
		if tx, err := chain.ParseTx(b); err == nil && tx.IsCoinbase() {
			return tx, size, true
		}
	}
	return nil, 0, false
}
