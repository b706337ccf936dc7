package stratum

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"gominer/internal/chain"
	"gominer/miner"
)

// coinbaseOf returns the coinbase transaction that is mined, with an extranonce2
// of zeros.
func coinbaseOf(c *miner.Coinbase) (*chain.Tx, error) {
	return chain.ParseTx(slices.Concat(c.Prefix, c.Extranonce1, make([]byte, c.Extranonce2Size), c.Suffix))
}

const (
	coin     = 100_000_000       // satoshis
	allMoney = 21_000_000 * coin // that there can ever be
)

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

// mostPayouts is how many of them are shown: pools that pay in the coinbase pay
// hundreds.
const mostPayouts = 20

// payouts tells whom a coinbase pays, in its order.
func payouts(tx *chain.Tx, n *chain.Network) (texts []string) {
	more := 0
	for _, out := range tx.Out {
		switch to := chain.Address(out.Script, n); {
		case out.Value == 0: // a commitment, or other data
		case len(texts) == mostPayouts:
			more++
		default:
			if to == "" {
				to = "script " + clipped(hex.EncodeToString(out.Script))
			}
			texts = append(texts, fmt.Sprintf("%d.%08d BTC to %s", out.Value/coin, out.Value%coin, to))
		}
	}
	if more > 0 {
		texts = append(texts, fmt.Sprintf("%d more", more))
	}
	return texts
}

// clipped returns the beginning of a long text.
func clipped(s string) string {
	const most = 80 // bytes
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// networkOf returns the network of the address that a user's name begins with;
// the main one if it is none.
func networkOf(user string) *chain.Network {
	address, _, _ := strings.Cut(user, ".")
	if owners, err := chain.Networks(address); err == nil && len(owners) > 0 {
		return owners[0]
	}
	return chain.Mainnet
}
