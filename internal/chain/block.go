package chain

import (
	"errors"
	"fmt"

	"gominer/hasher"
)

// MerkleBranch returns the path from the coinbase to the merkle root, leaf to
// root: Stratum's merkle branch. txids are those of the transactions behind the
// coinbase, in block order.
func MerkleBranch(txids []hasher.Hash) []hasher.Hash {
	var branch []hasher.Hash
	// level[0] stands for the coinbase's side, which is not known.
	level := append(make([]hasher.Hash, 1, len(txids)+2), txids...)
	for len(level) > 1 {
		branch = append(branch, level[1])
		if len(level)%2 == 1 {
			level = append(level, level[len(level)-1])
		}
		for i := 2; i < len(level); i += 2 {
			level[i/2] = join(level[i], level[i+1])
		}
		level = level[:len(level)/2]
	}
	return branch
}

// FoldBranch returns the merkle root over leaf, the coinbase's txid, and its
// branch.
func FoldBranch(leaf hasher.Hash, branch []hasher.Hash) hasher.Hash {
	for _, h := range branch {
		leaf = join(leaf, h)
	}
	return leaf
}

func join(left, right hasher.Hash) hasher.Hash {
	var pair [64]byte
	copy(pair[:32], left[:])
	copy(pair[32:], right[:])
	return hasher.DoubleSum(pair[:])
}

// WitnessCommitment returns the commitment to the witnesses of a block (BIP141)
// whose coinbase has the reserved value of 32 zero bytes, as Block writes it.
// wtxids are those of the transactions behind the coinbase, in block order.
func WitnessCommitment(wtxids []hasher.Hash) hasher.Hash {
	// The coinbase counts as zero; so is the reserved value.
	return join(FoldBranch(hasher.Hash{}, MerkleBranch(wtxids)), hasher.Hash{})
}

// Block returns the serialized block of a header, a coinbase and the serialized
// transactions behind it. Where the coinbase has a witness commitment and no
// witness, as Stratum's has not, it is given the reserved value of 32 zero bytes
// that the commitment counts on (BIP141).
func Block(header *hasher.Header, coinbase []byte, txs [][]byte) ([]byte, error) {
	t, err := ParseTx(coinbase)
	if err != nil {
		return nil, fmt.Errorf("coinbase: %w", err)
	}
	if !t.IsCoinbase() {
		return nil, errors.New("coinbase: the transaction spends an output")
	}
	if _, ok := t.Commitment(); ok && !t.hasWitness() {
		t.In[0].Witness = [][]byte{make([]byte, 32)}
	}
	size := len(header) + 9 + len(coinbase) + 36 // count; marker, flag and witness
	for _, tx := range txs {
		size += len(tx)
	}
	b := append(make([]byte, 0, size), header[:]...)
	b = appendVarInt(b, uint64(1+len(txs)))
	b = t.append(b, t.hasWitness())
	for _, tx := range txs {
		b = append(b, tx...)
	}
	return b, nil
}
