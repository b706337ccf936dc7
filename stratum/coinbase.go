package stratum

import (
	"slices"

	"gominer/internal/chain"
	"gominer/miner"
)

// coinbaseOf returns the coinbase transaction that is mined, with an extranonce2
// of zeros.
func coinbaseOf(c *miner.Coinbase) (*chain.Tx, error) {
	return chain.ParseTx(slices.Concat(c.Prefix, c.Extranonce1, make([]byte, c.Extranonce2Size), c.Suffix))
}

// allMoney is how many satoshis there can ever be.
const allMoney = 21_000_000 * 100_000_000

// valueOf returns what a coinbase pays in all, in satoshis; 0 if that is more
// than there is.
func valueOf(tx *chain.Tx) uint64 {
	sum := uint64(0)
	for _, out := range tx.Out {
		if sum += uint64(out.Value); sum > allMoney {
			return 0
		}
	}
	return sum
}
