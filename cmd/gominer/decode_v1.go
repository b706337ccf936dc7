package main

import (
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/internal/units"
	"gominer/stratum/record"
	"gominer/stratum/replay"
	"gominer/stratum/v1"
)

// dialogue is what the lines so far said, as far as later ones need it.
type dialogue struct {
	from            record.Side           // who says the line in hand
	asked           map[string]v1.Message // requests by who asked, and the id as it stands
	subscribed      bool
	extranonce1     []byte
	size            int     // of extranonce2, bytes
	shareDifficulty float64 // set last; 0: none
	mask            uint32
	jobs            map[string]*v1.Notify

	v2 v2Dialogue
}

// mostRemembered bounds what a long recording makes decode keep.
const mostRemembered = 4096

func (s *dialogue) ask(id v1.ID, m v1.Message) {
	if s.asked == nil || len(s.asked) >= mostRemembered {
		s.asked = make(map[string]v1.Message)
	}
	s.asked[string(s.from)+id.String()] = m
}

func (s *dialogue) keep(m *v1.Notify) {
	if s.jobs == nil || len(s.jobs) >= mostRemembered {
		s.jobs = make(map[string]*v1.Notify)
	}
	s.jobs[m.JobID] = m
}

// line explains one line of Stratum V1.
func (d *decoder) line(input string) (*explanation, error) {
	m, err := v1.Parse([]byte(input), v1.Limits{})
	if err != nil {
		return nil, err
	}
	return d.message(m)
}

// notifyLine explains a whole mining.notify line, or its params alone.
func (d *decoder) notifyLine(input string) (*explanation, error) {
	if strings.HasPrefix(input, "[") {
		input = `{"id":null,"method":"mining.notify","params":` + input + "}"
	}
	m, err := v1.Parse([]byte(input), v1.Limits{})
	if err != nil {
		return nil, err
	}
	if _, ok := m.(*v1.Notify); !ok {
		return nil, fmt.Errorf("the line is %s, not mining.notify", nameMessage(m))
	}
	return d.message(m)
}

func nameMessage(m v1.Message) string {
	if m.Method() == "" {
		return "an answer"
	}
	return v1.CleanText(m.Method(), 60)
}

func (d *decoder) message(m v1.Message) (*explanation, error) {
	e := &explanation{Kind: m.Method()}
	switch m := m.(type) {
	case *v1.Notify:
		d.explainNotify(e, m)
	case *v1.SetDifficulty:
		e.About = "Pool to miner: the share difficulty from the next job on."
		if t, err := hasher.TargetFromDifficulty(m.Difficulty); err == nil {
			e.addTarget(&t)
		}
		d.shareDifficulty = m.Difficulty
	case *v1.SetExtranonce:
		e.About = "Pool to miner: new extranonces from the next job on."
		d.addExtranonces(e, m.Extranonce1, m.Extranonce2Size)
	case *v1.SetVersionMask:
		e.About = "Pool to miner: the header version bits that may be rolled, at once. Big-endian (BIP310)."
		e.add("mask", "", describeMask(m.Mask))
		d.mask = m.Mask
	case *v1.Submit:
		d.ask(m.ID, m)
		return e, d.explainSubmit(e, m)
	case *v1.Response:
		return e, d.explainResponse(e, m)
	default:
		d.explainCall(e, m)
	}
	return e, nil
}

func describeMask(mask uint32) string {
	return fmt.Sprintf("%08x: %s, %s versions", mask, units.Plural(uint64(bits.OnesCount32(mask)), "bit"),
		units.Count(1<<bits.OnesCount32(mask)))
}

func (d *decoder) addExtranonces(e *explanation, extranonce1 []byte, size int) {
	e.addf("extranonce1", "", "%x, %s", extranonce1, units.Plural(uint64(len(extranonce1)), "byte"))
	e.addf("extranonce2", "", "%s, for the miner to choose", units.Plural(uint64(size), "byte"))
	d.extranonce1, d.size, d.subscribed = extranonce1, size, true
}

func (d *decoder) explainNotify(e *explanation, m *v1.Notify) {
	d.keep(m)
	e.About = "Pool to miner: a job. version, nbits and ntime are big-endian hex; the previous hash has the bytes of each " +
		"4-byte word reversed against the header, and is shown as block explorers do."
	e.addf("job id", "", "%q", v1.CleanText(m.JobID, 256))
	e.add("previous hash", hex.EncodeToString(swapWords(m.PrevHash)), m.PrevHash.String())
	e.addf("", "", "%x in the header", m.PrevHash[:])
	tx, size, ok := splitCoinbase(m.Coinb1, m.Coinb2)
	e.add("coinb1", hex.EncodeToString(m.Coinb1), units.Plural(uint64(len(m.Coinb1)), "byte"))
	e.add("coinb2", hex.EncodeToString(m.Coinb2), units.Plural(uint64(len(m.Coinb2)), "byte"))
	if !ok {
		e.add("coinbase", "", "no size of the extranonces makes the parts a transaction")
	} else {
		if d.subscribed && len(d.extranonce1)+d.size != size {
			e.addf("note", "", "the subscription gave %s of extranonces, the coinbase has room for %d",
				units.Plural(uint64(len(d.extranonce1)+d.size), "byte"), size)
		}
		e.addf("extranonces", "", "%s between coinb1 and coinb2", units.Plural(uint64(size), "byte"))
		d.addCoinbase(e, tx, networkOf(m.Bits))
	}
	e.addf("merkle branch", "", "%s, leaf to root: %s", units.Plural(uint64(len(m.Branch)), "hash"), branchNote(len(m.Branch)))
	for i := range m.Branch {
		e.addf("", "", "%x", m.Branch[i][:])
	}
	e.addf("version", "", "%08x%s", m.Version, versionNote(m.Version))
	e.add("nbits", "", describeBits(m.Bits))
	e.add("ntime", fmt.Sprintf("%08x", m.NTime), unixTime(m.NTime))
	if m.Clean {
		e.add("clean jobs", "", "true: work on earlier jobs is worthless")
	} else {
		e.add("clean jobs", "", "false: shares of earlier jobs still count")
	}
}

// networkOf guesses the network by its easiest target.
func networkOf(b hasher.Bits) *chain.Network {
	if b == 0x207fffff {
		return chain.Regtest
	}
	return chain.Mainnet
}

// branchNote says how many transactions a branch of n hashes stands for.
func branchNote(n int) string {
	switch {
	case n == 0:
		return "the block has no other transaction"
	case n == 1:
		return "2 transactions with the coinbase"
	}
	return fmt.Sprintf("%s to %s transactions with the coinbase", units.Count(1<<(n-1)+1), units.Count(1<<n))
}

// swapWords returns the hash as mining.notify has it.
func swapWords(h hasher.Hash) []byte {
	b := make([]byte, len(h))
	for i := range b {
		b[i] = h[i/4*4+3-i%4]
	}
	return b
}

// explainSubmit says what a share holds and, where its job is known, what it is
// worth.
func (d *decoder) explainSubmit(e *explanation, m *v1.Submit) error {
	e.About = "Miner to pool: a share. All numbers are big-endian hex; extranonce2 stands as in the coinbase."
	e.addf("worker", "", "%q", v1.CleanText(m.Worker, 200))
	e.addf("job id", "", "%q", v1.CleanText(m.JobID, 256))
	e.addf("extranonce2", "", "%x, %s", m.Extranonce2, units.Plural(uint64(len(m.Extranonce2)), "byte"))
	e.add("ntime", fmt.Sprintf("%08x", m.NTime), unixTime(m.NTime))
	e.addf("nonce", "", "%08x", m.Nonce)
	if m.HasVersionBits {
		e.addf("version bits", "", "%08x, in place of the job's under the mask", m.VersionBits)
	}
	job := d.jobs[m.JobID]
	switch {
	case job == nil || !d.subscribed:
		return nil
	case len(m.Extranonce2) != d.size:
		e.addf("", "", "the subscription gave %s of extranonce2", units.Plural(uint64(d.size), "byte"))
		return nil
	}
	mask := d.mask
	if mask == 0 {
		mask = 0x1fffe000 // BIP320: what pools grant
	}
	h := replay.Header(job, d.extranonce1, m, mask)
	hash := h.Hash()
	e.addf("header", "", "%x", h[:])
	e.add("hash", "", hash.String())
	e.addf("", "", "difficulty %s%s", exact(hash.Difficulty()), d.worth(&hash, job.Bits))
	return nil
}

func (d *decoder) worth(hash *hasher.Hash, b hasher.Bits) string {
	if t, err := b.Target(); err == nil && t.Meets(hash) {
		return ": a block"
	}
	if d.shareDifficulty == 0 {
		return ""
	}
	t, err := hasher.TargetFromDifficulty(d.shareDifficulty)
	switch {
	case err != nil:
		return ""
	case t.Meets(hash):
		return fmt.Sprintf(": a share at the difficulty set last, %s", units.Difficulty(d.shareDifficulty))
	}
	return fmt.Sprintf(": not a share at the difficulty set last, %s", units.Difficulty(d.shareDifficulty))
}

// explainResponse reads an answer as that to the request with its id, or to what
// it looks like.
func (d *decoder) explainResponse(e *explanation, r *v1.Response) error {
	key := string(d.from.Other()) + r.ID.String()
	request := d.asked[key]
	delete(d.asked, key)
	e.Kind = "answer"
	e.About = "The answer to request " + r.ID.String() + "."
	if request != nil {
		e.About = fmt.Sprintf("The answer to request %s, %s.", r.ID, request.Method())
	}
	if r.Error != nil {
		e.add("error", "", v1.CleanText(r.Error.Error(), 500)+codeNote(r.Error.Code))
		return nil
	}
	result := strings.TrimSpace(string(r.Result))
	switch request.(type) {
	case *v1.Subscribe:
		return d.explainSubscribed(e, r)
	case *v1.Configure:
		return d.explainConfigured(e, r)
	case nil:
		if strings.HasPrefix(result, "[[") {
			return d.explainSubscribed(e, r)
		}
		if strings.HasPrefix(result, "{") {
			return d.explainConfigured(e, r)
		}
	}
	switch result {
	case "true":
		e.add("result", "", "true: accepted")
	case "false":
		e.add("result", "", "false: refused")
	case "":
		e.add("result", "", "null")
	default:
		e.add("result", "", v1.CleanText(result, 500))
	}
	return nil
}

// codeNote names the codes that pools agree on.
func codeNote(code int) string {
	notes := map[int]string{
		20: "other", 21: "the job is not known any more: stale", 22: "submitted before", 23: "the hash is above the target",
		24: "the worker is not authorized", 25: "not subscribed", -3: "the method is not known",
	}
	if n, ok := notes[code]; ok {
		return ": " + n
	}
	return ""
}

func (d *decoder) explainSubscribed(e *explanation, r *v1.Response) error {
	sub, err := r.Subscribe(v1.Limits{})
	if err != nil {
		return err
	}
	e.About += " It opens the session: extranonce1 is the connection's own, as it stands in the coinbase."
	for _, s := range sub.Subscriptions {
		e.addf("subscription", "", "%s, id %q", v1.CleanText(s.Method, 100), v1.CleanText(s.ID, 100))
	}
	d.addExtranonces(e, sub.Extranonce1, sub.Extranonce2Size)
	return nil
}

func (d *decoder) explainConfigured(e *explanation, r *v1.Response) error {
	c, err := r.Configure(v1.Limits{})
	if err != nil {
		return err
	}
	e.About += " It says which extensions are granted (BIP310)."
	for _, a := range []struct {
		name   string
		answer v1.Answer
	}{
		{"version-rolling", c.VersionRolling}, {"minimum-difficulty", c.MinimumDifficulty},
		{"subscribe-extranonce", c.SubscribeExtranonce}, {"info", c.Info},
	} {
		if text := describeAnswer(a.answer); text != "" {
			e.add(a.name, "", text)
		}
	}
	for _, o := range c.Other {
		e.add(v1.CleanText(o.Name, 100), "", describeAnswer(o.Answer))
	}
	if c.Mask != 0 {
		e.add("mask", "", describeMask(c.Mask))
		d.mask = c.Mask
	}
	return nil
}
