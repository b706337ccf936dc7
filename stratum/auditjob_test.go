package stratum

import (
	"bytes"
	"testing"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/miner"
)

// FuzzAuditJob: whatever a pool gives for a job and its transactions, there is a
// verdict; and a job that is built of them passes.
func FuzzAuditJob(f *testing.F) {
	prefix, suffix, err := (&chain.Coinbase{Height: 7, ExtranonceSize: 8, Outputs: []chain.TxOut{{Value: 50, Script: []byte{0x51}}}}).Split()
	if err != nil {
		f.Fatal(err)
	}
	tx := &chain.Tx{Version: 2, In: []chain.TxIn{{Witness: [][]byte{{1}}}}, Out: []chain.TxOut{{Value: 1, Script: []byte{0x51}}}}
	tx.In[0].Prev.Index = 1
	plain := *tx
	plain.In = []chain.TxIn{{Prev: chain.OutPoint{Index: 2}}}
	f.Add(prefix, suffix, tx.Bytes(), plain.Bytes())
	f.Add(prefix, suffix, plain.Bytes(), plain.Bytes())
	f.Add(prefix, suffix, []byte{}, []byte{1})
	f.Add([]byte{}, []byte{}, tx.Bytes(), []byte{})
	f.Fuzz(func(t *testing.T, prefix, suffix, one, two []byte) {
		txs := [][]byte{one, two}
		j := &miner.Job{Coinbase: &miner.Coinbase{Prefix: prefix, Suffix: suffix, Extranonce1: make([]byte, 4), Extranonce2Size: 4}}
		if a := auditJob(j, txs); a.wrong == "" {
			t.Error("a job without a branch has two transactions")
		}
		txids, wtxids, witness, trouble := readTransactions(txs)
		if trouble != "" {
			return
		}
		j.Coinbase.Branch = chain.MerkleBranch(txids)
		a := auditJob(j, txs)
		if a.coinbase == nil {
			return
		}
		commitment, committed := a.coinbase.Commitment()
		sound := a.coinbase.IsCoinbase() && (!committed && !witness || committed && commitment == chain.WitnessCommitment(wtxids))
		if sound != (a.wrong == "") {
			t.Errorf("%q", a.wrong)
		}
		j.Coinbase.Branch[0] = hasher.DoubleSum(j.Coinbase.Branch[0][:])
		if a := auditJob(j, txs); a.wrong == "" {
			t.Error("another branch passes")
		}
		for _, text := range payouts(a.coinbase, chain.Mainnet) {
			if bytes.ContainsFunc([]byte(text), func(r rune) bool { return r < ' ' }) {
				t.Errorf("%q", text)
			}
		}
	})
}
