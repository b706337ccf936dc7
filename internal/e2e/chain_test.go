package e2e

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"
)

// wallet is one key and its addresses, before segwit and since.
type wallet struct {
	key                        *btcec.PrivateKey
	legacy, segwit             btcutil.Address
	legacyScript, segwitScript []byte
}

func newWallet(t *testing.T, seed byte) *wallet {
	t.Helper()
	w := &wallet{}
	w.key, _ = btcec.PrivKeyFromBytes(bytes.Repeat([]byte{seed}, 32))
	hash := btcutil.Hash160(w.key.PubKey().SerializeCompressed())
	var err error
	if w.legacy, err = btcutil.NewAddressPubKeyHash(hash, &chaincfg.SimNetParams); err != nil {
		t.Fatal(err)
	}
	if w.segwit, err = btcutil.NewAddressWitnessPubKeyHash(hash, &chaincfg.SimNetParams); err != nil {
		t.Fatal(err)
	}
	w.legacyScript, w.segwitScript = script(t, w.legacy), script(t, w.segwit)
	return w
}

func script(t *testing.T, a btcutil.Address) []byte {
	t.Helper()
	s, err := txscript.PayToAddrScript(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mature is a height at which segwit is active on simnet, and at which the first
// hundreds of coinbases can be spent.
const mature = 330

// fee is what spend leaves to the miner, in satoshi.
const fee = 12_345

// spend returns a signed transaction that sends the first output of from, which
// must be the wallet's, to someAddress.
func (w *wallet) spend(t *testing.T, from *wire.MsgTx) *wire.MsgTx {
	t.Helper()
	to, err := btcutil.DecodeAddress(someAddress, &chaincfg.SimNetParams)
	if err != nil {
		t.Fatal(err)
	}
	prev := from.TxOut[0]
	id := from.TxHash()
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&id, 0), nil, nil))
	tx.AddTxOut(wire.NewTxOut(prev.Value-fee, script(t, to)))
	switch {
	case bytes.Equal(prev.PkScript, w.legacyScript):
		tx.TxIn[0].SignatureScript, err = txscript.SignatureScript(tx, 0, prev.PkScript, txscript.SigHashAll, w.key, true)
	case bytes.Equal(prev.PkScript, w.segwitScript):
		fetcher := txscript.NewCannedPrevOutputFetcher(prev.PkScript, prev.Value)
		tx.TxIn[0].Witness, err = txscript.WitnessSignature(tx, txscript.NewTxSigHashes(tx, fetcher), 0,
			prev.Value, prev.PkScript, txscript.SigHashAll, w.key, true)
	default:
		t.Fatalf("output 0 of %s pays to script %x, which is not the wallet's", id, prev.PkScript)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// send puts tx into the node's mempool.
func (n *btcd) send(t *testing.T, tx *wire.MsgTx) {
	t.Helper()
	var b bytes.Buffer
	if err := tx.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	if id := ask[string](t, n, "sendrawtransaction", hex.EncodeToString(b.Bytes())); id != tx.TxHash().String() {
		t.Fatalf("btcd: sent %s, got %s", tx.TxHash(), id)
	}
}

// block returns the block of the best chain at a height.
func (n *btcd) block(t *testing.T, height int) *btcutil.Block {
	t.Helper()
	hash := ask[string](t, n, "getblockhash", height)
	raw, err := hex.DecodeString(ask[string](t, n, "getblock", hash, 0))
	if err != nil {
		t.Fatal(err)
	}
	b, err := btcutil.NewBlockFromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	b.SetHeight(int32(height))
	return b
}

// coinbase returns the coinbase of the block at a height.
func (n *btcd) coinbase(t *testing.T, height int) *wire.MsgTx {
	t.Helper()
	return n.block(t, height).MsgBlock().Transactions[0]
}

// checkBlock holds a block to the rules and to what it must have: txs behind a
// coinbase that pays everything to payTo, and a right commitment to witnesses if
// one of txs has any.
func checkBlock(t *testing.T, b *btcutil.Block, payTo []byte, txs ...*wire.MsgTx) {
	t.Helper()
	if err := blockchain.CheckBlockSanity(b, chaincfg.SimNetParams.PowLimit, blockchain.NewMedianTime()); err != nil {
		t.Errorf("block %d: %v", b.Height(), err)
	}
	if err := blockchain.ValidateWitnessCommitment(b); err != nil {
		t.Errorf("block %d: %v", b.Height(), err)
	}
	got := b.MsgBlock().Transactions
	if len(got) != 1+len(txs) {
		t.Fatalf("block %d has %d transactions behind the coinbase, want %d", b.Height(), len(got)-1, len(txs))
	}
	witness := false
	for _, tx := range txs {
		found := false
		for _, g := range got[1:] {
			found = found || g.WitnessHash() == tx.WitnessHash()
		}
		if !found {
			t.Errorf("block %d lacks transaction %s", b.Height(), tx.TxHash())
		}
		witness = witness || tx.HasWitness()
	}
	coinbase := got[0]
	if _, ok := blockchain.ExtractWitnessCommitment(b.Transactions()[0]); ok != witness {
		t.Errorf("block %d: witness commitment %v, want %v", b.Height(), ok, witness)
	}
	if h, err := blockchain.ExtractCoinbaseHeight(b.Transactions()[0]); err != nil || h != b.Height() {
		t.Errorf("block %d: the coinbase says height %d, %v", b.Height(), h, err)
	}
	want := blockchain.CalcBlockSubsidy(b.Height(), &chaincfg.SimNetParams) + int64(len(txs))*fee
	if out := coinbase.TxOut[0]; out.Value != want || !bytes.Equal(out.PkScript, payTo) {
		t.Errorf("block %d pays %d to %x, want %d to %x", b.Height(), out.Value, out.PkScript, want, payTo)
	}
}

// checkBlocks checks the blocks above from, at least so many: a miner that finds
// a block in no time may find one more before it is stopped. The first must have
// txs, the others none.
func (n *btcd) checkBlocks(t *testing.T, from, atLeast int, payTo []byte, txs ...*wire.MsgTx) (blocks []*btcutil.Block) {
	t.Helper()
	for h := from + 1; h <= n.height(t); h++ {
		b := n.block(t, h)
		checkBlock(t, b, payTo, txs...)
		blocks, txs = append(blocks, b), nil
	}
	if len(blocks) < atLeast {
		t.Fatalf("%d blocks above height %d, want %d", len(blocks), from, atLeast)
	}
	return blocks
}
