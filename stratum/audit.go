package stratum

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/miner"
	"gominer/stratum/v1"
)

// auditor asks a pool for the transactions of its jobs, and holds the jobs
// against them. loop owns all of it but results.
type auditor struct {
	job     *miner.Job // that is looked at; nil: none
	running bool       // its transactions are here
	asked   time.Time  // the latest job
	last    *miner.Coinbase
	refused int // in a row
	useless bool
	told    []string // whom the latest job pays that people were told of

	results chan *jobAudit
	wg      sync.WaitGroup
}

const (
	// auditEvery is how often a job is audited at most. The transactions of one
	// are up to 8 MB.
	auditEvery = 20 * time.Second

	auditWait    = 30 * time.Second // for the answer to begin
	mostArrival  = 2 * time.Minute  // and to end
	mostUnwanted = 3                // refusals in a row
)

// dueAudit asks for the transactions of the job in progress.
func (c *conn) dueAudit(s *schedule) {
	a := &c.audits
	switch {
	case !c.cfg.AuditJobs || !c.up || !c.ending.IsZero() || a.running:
		return
	case a.job != nil:
		if s.passed(a.asked, auditWait) && !c.arriving(s) {
			c.unaudited(errors.New("no answer to mining.get_transactions"))
		}
		return
	case c.job.Coinbase == a.last || !a.asked.IsZero() && !s.passed(a.asked, auditEvery):
		return
	case len(c.job.Coinbase.Branch) > 0 && a.useless:
		return
	}
	a.asked, a.last, a.job = s.now, c.job.Coinbase, c.job
	if len(c.job.Coinbase.Branch) == 0 { // there is none but the coinbase
		c.audit(&v1.Response{Result: []byte("[]")})
		return
	}
	id := c.wish(transactionsRequest)
	c.wire.Await(id)
	c.send(&v1.GetTransactions{ID: id, JobID: c.job.ID})
	s.passed(a.asked, auditWait)
}

// arriving reports whether a line is on its way that may take its time: that with
// the transactions. What comes behind it is not late.
func (c *conn) arriving(s *schedule) bool {
	a := &c.audits
	if a.job == nil || a.running || s.passed(a.asked, mostArrival) {
		return false
	}
	latest := c.alive.connected.Add(c.arrivals.latest())
	return latest.After(c.alive.heard) && !s.passed(latest, c.cfg.Timeouts.Ask)
}

// onTransactions takes the answer to mining.get_transactions.
func (c *conn) onTransactions(r *v1.Response) {
	a := &c.audits
	switch e := r.Error; {
	case a.job == nil || a.running:
	case e != nil && e.Code == v1.CodeJobNotFound: // it was replaced
		a.job = nil
	case e != nil && a.refused+1 < mostUnwanted:
		a.job = nil
		a.refused++
	case e != nil:
		c.unaudited(e)
	default:
		c.audit(r)
	}
}

// unaudited ends the audit: the pool does not show its transactions.
func (c *conn) unaudited(err error) {
	a := &c.audits
	a.job, a.useless = nil, true
	c.saw(traitNoTransactions)
	c.src.log.Warn("jobs with transactions are not audited: the pool does not show them", "error", err)
}

// audit holds the job against the transactions in r, on the side: there may be
// thousands.
func (c *conn) audit(r *v1.Response) {
	a, j := &c.audits, c.audits.job
	a.running = true
	a.wg.Go(func() {
		txs, err := r.Transactions()
		if err != nil {
			a.results <- &jobAudit{job: j, unreadable: err}
			return
		}
		a.results <- auditJob(j, txs)
	})
}

// onAudit tells what came of an audit.
func (c *conn) onAudit(r *jobAudit) {
	a := &c.audits
	a.job, a.running = nil, false
	if r.unreadable != nil {
		c.unaudited(r.unreadable)
		return
	}
	a.refused = 0
	attrs := []any{miner.EventKey, "audit", "ok", r.wrong == "", "job", v1.CleanText(r.job.ID, mostName),
		"height", r.job.Height, "transactions", r.transactions, "bytes", r.bytes}
	payees := []string{}
	if r.coinbase != nil {
		network := networkOf(c.cfg.User)
		attrs = append(attrs, "pays", payouts(r.coinbase, network))
		if text := v1.CleanText(r.coinbase.CoinbaseText(), mostName); text != "" {
			attrs = append(attrs, "coinbase", text)
		}
		for _, out := range r.coinbase.Out {
			if out.Value > 0 {
				payees = append(payees, string(out.Script))
			}
		}
	}
	if r.wrong != "" {
		c.saw(traitAuditFailed)
		c.src.log.Warn("job fails the audit: "+r.wrong, append(attrs, "difference", r.wrong)...)
		return
	}
	c.saw(traitAudited)
	tell := c.src.log.Debug
	if !slices.Equal(payees, a.told) {
		tell, a.told = c.src.log.Info, payees
	}
	tell("job audited", attrs...)
}

// jobAudit is what the transactions of a job show.
type jobAudit struct {
	job          *miner.Job
	unreadable   error     // what came is no list of transactions
	coinbase     *chain.Tx // with an extranonce2 of zeros; nil if it is no transaction
	transactions int       // the coinbase included
	bytes        int       // of them all
	wrong        string    // what differs; "": nothing
}

// mostBlock is how many bytes the transactions of a block can have (BIP141).
const mostBlock = 4_000_000

// auditJob holds a job against its transactions but for the coinbase. What a
// share commits to must be a block that nodes take, as far as that shows: the
// merkle branch, and the witnesses (BIP141).
func auditJob(j *miner.Job, txs [][]byte) *jobAudit {
	a := &jobAudit{job: j, transactions: 1 + len(txs)}
	size := len(j.Coinbase.Prefix) + len(j.Coinbase.Extranonce1) + j.Coinbase.Extranonce2Size + len(j.Coinbase.Suffix)
	a.bytes = size
	for _, b := range txs {
		a.bytes += len(b)
	}
	cb, err := coinbaseOf(j.Coinbase)
	if err == nil {
		a.coinbase = cb
	}
	txids, wtxids, witness, trouble := readTransactions(txs)
	switch {
	case err != nil:
		a.wrong = "its coinbase is no transaction: " + err.Error()
	case !cb.IsCoinbase():
		a.wrong = "its coinbase spends an output"
	case trouble != "":
		a.wrong = trouble
	case a.bytes > mostBlock:
		a.wrong = fmt.Sprintf("its transactions have %d bytes, and no block has more than %d", a.bytes, mostBlock)
	default:
		if a.wrong = auditBranch(j.Coinbase.Branch, txids); a.wrong == "" {
			a.wrong = auditWitness(cb, wtxids, witness)
		}
	}
	return a
}

// readTransactions returns the ids of transactions, and whether one has a
// witness. trouble says what is wrong with them.
func readTransactions(txs [][]byte) (txids, wtxids []hasher.Hash, witness bool, trouble string) {
	known := make(map[hasher.Hash]bool, len(txs))
	for i, b := range txs {
		tx, err := chain.ParseTx(b)
		if err != nil {
			return nil, nil, false, fmt.Sprintf("transaction %d of %d: %v", i+1, len(txs), err)
		}
		id, wid := tx.TxID(), tx.WTxID()
		switch {
		case tx.IsCoinbase():
			return nil, nil, false, fmt.Sprintf("transaction %d of %d is a coinbase", i+1, len(txs))
		case known[id]:
			return nil, nil, false, fmt.Sprintf("transaction %v stands in it twice", id)
		}
		known[id] = true
		witness = witness || id != wid
		txids, wtxids = append(txids, id), append(wtxids, wid)
	}
	return txids, wtxids, witness, ""
}

func auditBranch(branch, txids []hasher.Hash) string {
	want := chain.MerkleBranch(txids)
	if len(branch) != len(want) {
		return fmt.Sprintf("its merkle branch has %d hashes, that of its %d transactions %d", len(branch), len(txids), len(want))
	}
	for i := range want {
		if branch[i] != want[i] {
			return fmt.Sprintf("hash %d of its merkle branch is %x, that of its %d transactions %x", i+1, branch[i][:], len(txids), want[i][:])
		}
	}
	return ""
}

func auditWitness(coinbase *chain.Tx, wtxids []hasher.Hash, witness bool) string {
	got, committed := coinbase.Commitment()
	switch want := chain.WitnessCommitment(wtxids); {
	case !committed && witness:
		return "a transaction has a witness, and the coinbase commits to none"
	case committed && got != want:
		return fmt.Sprintf("its coinbase commits to the witnesses %x, those of its %d transactions are %x", got[:], len(wtxids), want[:])
	}
	return ""
}
