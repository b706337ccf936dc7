package stratum_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/internal/mainnet"
	"gominer/stratum"
	"gominer/stratum/pool"
)

func audited(c *stratum.Config) { c.AuditJobs = true }

// template is a job and the transactions that it is made of.
type template struct {
	coinb1, coinb2 string // around an extranonce of 8 bytes
	branch         []string
	txs            []string
}

// spend returns a transaction that spends an output which never was.
func spend(n byte, witness bool) *chain.Tx {
	tx := &chain.Tx{
		Version: 2,
		In:      []chain.TxIn{{Prev: chain.OutPoint{Hash: hasher.DoubleSum([]byte{n})}, Sequence: 0xfffffffe}},
		Out:     []chain.TxOut{{Value: 1000 + int64(n), Script: []byte{0x51}}},
	}
	if witness {
		tx.In[0].Witness = [][]byte{{n}}
	}
	return tx
}

// build makes the job of a template at height 840000 that pays to two addresses
// and commits to the witnesses.
func build(t *testing.T, txs ...*chain.Tx) *template {
	t.Helper()
	tpl := &template{}
	var txids, wtxids []hasher.Hash
	for _, tx := range txs {
		tpl.txs = append(tpl.txs, hex.EncodeToString(tx.Bytes()))
		txids, wtxids = append(txids, tx.TxID()), append(wtxids, tx.WTxID())
	}
	for _, h := range chain.MerkleBranch(txids) {
		tpl.branch = append(tpl.branch, hex.EncodeToString(h[:]))
	}
	pay := func(address string) []byte {
		script, err := chain.Script(address, chain.Mainnet)
		if err != nil {
			t.Fatal(err)
		}
		return script
	}
	prefix, suffix, err := (&chain.Coinbase{
		Height: 840000, ExtranonceSize: 8, Tag: "/a pool/",
		Outputs: []chain.TxOut{
			{Value: 312500000, Script: pay("bc1qx9t2l3pyny2spqpqlye8svce70nppwtaxwdrp4")},
			{Value: 1000, Script: pay("14cZMQk89mRYQkDEj8Rn25AnGoBi5H6uer")},
			{Script: chain.CommitmentScript(chain.WitnessCommitment(wtxids))},
		},
	}).Split()
	if err != nil {
		t.Fatal(err)
	}
	tpl.coinb1, tpl.coinb2 = hex.EncodeToString(prefix), hex.EncodeToString(suffix)
	return tpl
}

// job sends a template as a job.
func (p *peer) job(id string, tpl *template) {
	p.t.Helper()
	branch, _ := json.Marshal(tpl.branch)
	if len(tpl.branch) == 0 {
		branch = []byte("[]")
	}
	p.send(`{"id":null,"method":"mining.notify","params":[%q,"%s","%s","%s",%s,"20000000","1d00ffff","65000000",false]}`,
		id, prev, tpl.coinb1, tpl.coinb2, branch)
}

// show answers mining.get_transactions.
func (p *peer) show(tpl *template) {
	p.t.Helper()
	q := p.expect("mining.get_transactions")
	txs, _ := json.Marshal(tpl.txs)
	p.answer(q, string(txs))
}

// begin shakes hands.
func (r *rig) begin() *peer {
	r.t.Helper()
	p := r.accept()
	p.handshake()
	p.difficulty(easy)
	return p
}

// TestAuditJobs: a job whose transactions are what it commits to passes, and is
// looked at once.
func TestAuditJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, audited)
		p := r.begin()
		p.job("a", build(t, spend(1, true), spend(2, false), spend(3, true)))
		p.show(build(t, spend(1, true), spend(2, false), spend(3, true)))
		if got := r.status().Traits; !slices.Contains(got, "jobs audited") {
			t.Errorf("traits %q", got)
		}
		for _, want := range []string{
			"level=INFO msg=\"job audited\"", "event=audit", "ok=true", "job=a", "height=840000", "transactions=4",
			"3.12500000 BTC to bc1qx9t2l3pyny2spqpqlye8svce70nppwtaxwdrp4 0.00001000 BTC to 14cZMQk89mRYQkDEj8Rn25AnGoBi5H6uer]",
			"/a pool/",
		} {
			if !strings.Contains(r.log.String(), want) {
				t.Errorf("%q is not in the log:\n%s", want, r.log)
			}
		}
		time.Sleep(time.Minute)
		p.quiet() // it is the same job

		r.log.reset()
		p.job("b", build(t, spend(4, true))) // pays to the same
		p.show(build(t, spend(4, true)))
		p.job("c", build(t))
		p.quiet() // too soon
		time.Sleep(20 * time.Second)
		p.quiet() // it has no transactions that could be asked for
		if got := r.log.String(); strings.Count(got, "job audited") != 2 || strings.Contains(got, "level=INFO msg=\"job audited\"") ||
			!strings.Contains(got, "transactions=1 ") {
			t.Errorf("log:\n%s", got)
		}
		r.found(3)
		for range 3 {
			p.answer(p.expect("mining.submit"), "true")
		}
		r.end()
	})
}

// TestAuditFails: whatever does not fit together is told as what differs, and
// mining goes on.
func TestAuditFails(t *testing.T) {
	whole := build(t, spend(1, true), spend(2, false), spend(3, true))
	plain := build(t, spend(1, false), spend(2, false))
	commitment := func(tpl *template) string {
		_, script, _ := strings.Cut(tpl.coinb2, "6a24aa21a9ed")
		return script[:64]
	}
	for name, test := range map[string]struct {
		change func(given, shown *template)
		wants  string
	}{
		"a transaction too few": {func(given, shown *template) { shown.txs = shown.txs[:2] },
			"hash 2 of its merkle branch is " + whole.branch[1] + ", that of its 2 transactions "},
		"three too few": {func(given, shown *template) { shown.txs = []string{} }, "its merkle branch has 2 hashes, that of its 0 transactions 0"},
		"another transaction": {func(given, shown *template) { shown.txs[0] = build(t, spend(9, true)).txs[0] },
			"hash 1 of its merkle branch is " + whole.branch[0] + ", that of its 3 transactions "},
		"another order": {func(given, shown *template) { shown.txs[0], shown.txs[1] = shown.txs[1], shown.txs[0] }, "hash 1 of its merkle branch"},
		"another witness": {func(given, shown *template) {
			tx := spend(1, true)
			tx.In[0].Witness[0][0] = 77
			shown.txs[0] = hex.EncodeToString(tx.Bytes())
		}, "its coinbase commits to the witnesses " + commitment(whole) + ", those of its 3 transactions are "},
		"no commitment": {func(given, shown *template) {
			// The output becomes one of data.
			given.coinb2 = strings.Replace(given.coinb2, "6a24aa21a9ed", "6a24000000ed", 1)
		}, "a transaction has a witness, and the coinbase commits to none"},
		"one twice": {func(given, shown *template) { shown.txs[2] = shown.txs[1] }, "stands in it twice"},
		"a coinbase": {func(given, shown *template) {
			shown.txs[1] = given.coinb1 + "0000000000000000" + given.coinb2
		}, "transaction 2 of 3 is a coinbase"},
		"no transaction": {func(given, shown *template) { shown.txs[1] = "00" }, "transaction 2 of 3: "},
		"a spending coinbase": {func(given, shown *template) {
			given.coinb1 = strings.Replace(given.coinb1, strings.Repeat("00", 32)+"ffffffff", strings.Repeat("11", 32)+"00000000", 1)
		}, "its coinbase spends an output"},
		"a broken coinbase": {func(given, shown *template) { given.coinb2 += "00" }, "its coinbase is no transaction: "},
		"too large": {func(given, shown *template) {
			for n := range byte(3) {
				tx := spend(n, false)
				tx.Out[0].Script = append([]byte{0x6a}, make([]byte, 1_400_000)...)
				shown.txs[n] = hex.EncodeToString(tx.Bytes())
			}
		}, "and no block has more than 4000000"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, audited)
				p := r.begin()
				given, shown := *whole, *whole
				shown.txs = slices.Clone(whole.txs)
				test.change(&given, &shown)
				p.job("a", &given)
				p.show(&shown)
				if got := r.status().Traits; !slices.Contains(got, "job audit failed") {
					t.Errorf("traits %q", got)
				}
				if got := r.log.String(); !strings.Contains(got, `msg="job fails the audit: `) || !strings.Contains(got, test.wants) ||
					!strings.Contains(got, "ok=false") {
					t.Errorf("%q is not told:\n%s", test.wants, got)
				}
				r.found(1)
				p.answer(p.expect("mining.submit"), "true")

				// The next job is looked at too, and it may be in order.
				time.Sleep(20 * time.Second)
				p.job("b", plain)
				p.show(plain)
				if !strings.Contains(r.log.String(), `msg="job audited"`) {
					t.Errorf("not told:\n%s", r.log)
				}
				r.end()
			})
		})
	}
}

// TestAuditRefused: a pool that does not show its transactions is left alone, and
// mined on.
func TestAuditRefused(t *testing.T) {
	for name, test := range map[string]struct {
		say   func(p *peer, q *request)
		asked int    // until it is left alone
		why   string // that is logged
	}{
		"ckpool":         {func(p *peer, q *request) { p.answer(q, "0") }, 1, "transactions is 0"},
		"public-pool":    {func(p *peer, q *request) {}, 1, "no answer to mining.get_transactions"},
		"unknown method": {func(p *peer, q *request) { p.refuse(q, `[-32601,"Method not found",null]`) }, 3, "Method not found (code -32601)"},
		"false":          {func(p *peer, q *request) { p.answer(q, "false") }, 1, "refused without a reason"},
		"hashes":         {func(p *peer, q *request) { p.answer(q, `["xy"]`) }, 1, "transactions"},
		"too many":       {func(p *peer, q *request) { p.answer(q, `[""`+strings.Repeat(`,""`, 1<<16)+`]`) }, 1, "cap of 65536"},
		"outdated":       {func(p *peer, q *request) { p.refuse(q, `[21,"Job not found",null]`) }, 5, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, audited)
				p := r.begin()
				for n := range 5 {
					p.job(fmt.Sprint(n), build(t, spend(byte(n), true)))
					if n < test.asked {
						test.say(p, p.expect("mining.get_transactions"))
					}
					time.Sleep(31 * time.Second)
					p.quiet()
				}
				refused := strings.Contains(r.log.String(), "are not audited: the pool does not show them")
				if got := slices.Contains(r.status().Traits, "transactions not shown"); got != (test.why != "") || refused != got ||
					!strings.Contains(r.log.String(), test.why) {
					t.Errorf("%v, %v; log:\n%s", got, refused, r.log)
				}
				r.found(1)
				p.answer(p.expect("mining.submit"), "true")
				if s := r.end(); s.Shares.Accepted != 1 || len(r.failures()) != 1 {
					t.Errorf("%+v, %v", s.Shares, r.failures())
				}
			})
		})
	}
}

// TestAuditLongAnswer: the transactions of a full block are above the cap on
// lines, and take their time to come; what stands behind them is not late.
func TestAuditLongAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *stratum.Config) { c.AuditJobs, c.Timeouts.Ping = true, 0 })
		p := r.begin()
		tx := spend(1, true)
		tx.Out[0].Script = append([]byte{0x6a}, make([]byte, 700_000)...)
		tpl := build(t, tx)
		p.job("a", tpl)
		q := p.expect("mining.get_transactions")
		free := make(chan struct{}, 1) // one line after the other
		go func() {
			for q := range p.in {
				free <- struct{}{}
				switch q.Method {
				case "mining.ping":
					fmt.Fprintf(p.nc, `{"id":%s,"result":"pong","error":null}`+"\n", q.ID)
				case "mining.submit":
					fmt.Fprintf(p.nc, `{"id":%s,"result":true,"error":null}`+"\n", q.ID)
				}
				<-free
			}
		}()
		time.Sleep(4 * time.Second)
		var line bytes.Buffer
		fmt.Fprintf(&line, `{"id":%s,"result":[%q],"error":null}`+"\n", q.ID, tpl.txs[0])
		free <- struct{}{}
		for line.Len() > 0 { // for 14 s
			if _, err := p.nc.Write(line.Next(100_000)); err != nil {
				t.Fatal(err)
			}
			if line.Len() > 1_200_000 {
				r.found(1)
			}
			time.Sleep(time.Second)
		}
		<-free
		time.Sleep(10 * time.Second)
		if s := r.end(); s.Shares.Accepted == 0 || s.Shares.Lost != 0 || len(r.failures()) != 1 {
			t.Errorf("%+v, %v\n%.3000s", s.Shares, r.failures(), r.log)
		}
		if !strings.Contains(r.log.String(), `msg="job audited"`) {
			t.Errorf("log:\n%.3000s", r.log)
		}
	})
}

// TestAuditBlocks audits jobs as real blocks would have been given out.
func TestAuditBlocks(t *testing.T) {
	// Block 170, with the first payment ever.
	const (
		coinb1 = "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0704ffff001d0102"
		coinb2 = "ffffffff0100f2052a01000000434104d46c4968bde02899d2aa0963367c7a6ce34eec332b32e42e5f3407e052d64ac625da6f0718e7" +
			"b302140434bd725706957c092db53805b821a85b23a7ac61725bac00000000"
		payment = "0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd3704000000004847304402204e45e16932b8af51" +
			"4961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4acdd12909d831cc56cbbac4622082221a8768d" +
			"1d0901ffffffff0200ca9a3b00000000434104ae1a62fe09c5f51b13905f07f06b99a2f7159b2225f374cd378d71302fa28414e7aab3739" +
			"7f554a7df5f142c21c1b7303b8a0626f1baded5c72a704f7e6cd84cac00286bee0000000043410411db93e1dcdb8a016b49840f8c53bc1" +
			"eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3ac00000000"
		branch = "169e1e83e930853391bc6f35f605c6754cfead57cf8387639d3b4096c54f18f4"
	)
	genesis := mainnet.Jobs()[0]
	for name, test := range map[string]struct {
		subscribed, notify, transactions string
		wants                            []string
	}{
		"170": {`[[],"",0]`,
			`["170","` + prev + `","` + coinb1 + `","` + coinb2 + `",["` + branch + `"],"00000001","1d00ffff","496ab951",true]`,
			`["` + payment + `"]`,
			[]string{`msg="job audited"`, "transactions=2", "50.00000000 BTC to script 4104d46c4968bde02899d2aa0963367c7a6ce34eec332b32e42e5f3407e052d64ac625da6f0718e7"}},
		"genesis": {fmt.Sprintf(`[[],%q,%d]`, genesis.Extranonce1, len(genesis.Extranonce2)/2), string(genesis.Params()), "",
			[]string{`msg="job audited"`, "transactions=1", "The Times 03/Jan/2009 Chancellor"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, audited)
				p := r.accept()
				p.handshakeAs(test.subscribed)
				p.send(`{"id":null,"method":"mining.notify","params":%s}`, test.notify)
				if test.transactions != "" {
					p.answer(p.expect("mining.get_transactions"), test.transactions)
				}
				for _, want := range test.wants {
					if synctest.Wait(); !strings.Contains(r.log.String(), want) {
						t.Errorf("%q is not in the log:\n%s", want, r.log)
					}
				}
				r.end()
			})
		})
	}
}

// TestAuditBuiltInPool: the pool's jobs are what it says they are.
func TestAuditBuiltInPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := pool.DefaultConfig()
		simulated := pool.NewSimulated()
		simulated.Transactions, cfg.Source = 300, simulated
		v := openPool(t, cfg)
		r := start(t, func(c *stratum.Config) { c.AuditJobs = true })
		nc, err := v.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.dialed().reply <- nc
		time.Sleep(time.Second)
		if got := r.log.String(); !slices.Contains(r.status().Traits, "jobs audited") || !strings.Contains(got, "transactions=301") ||
			strings.Contains(got, "WARN") {
			t.Errorf("traits %q, log:\n%s", r.status().Traits, got)
		}
		r.end()
		v.shut()
		<-v.ended
	})
}
