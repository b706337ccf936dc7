package main

import (
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strings"
	"unicode"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/internal/units"
	"gominer/stratum/v1"
	"gominer/stratum/v2"
)

// v2About says what a message of Stratum V2 is for.
var v2About = map[v2.Type]string{
	v2.TypeSetupConnection:        "Miner to pool: opens the connection. It comes before everything else.",
	v2.TypeSetupConnectionSuccess: "Pool to miner: the connection is open.",
	v2.TypeSetupConnectionError:   "Pool to miner: the connection can't be, and is closed.",
	v2.TypeChannelEndpointChanged: "Pool to miner: somebody else is at the other end of the channel now.",
	v2.TypeReconnect:              "Pool to miner: connect again, to a server of the same authority. What is empty or 0 stays.",

	v2.TypeOpenStandardMiningChannel:        "Miner to pool: asks for a standard channel, whose jobs have their merkle root.",
	v2.TypeOpenStandardMiningChannelSuccess: "Pool to miner: the standard channel is open.",
	v2.TypeOpenExtendedMiningChannel:        "Miner to pool: asks for an extended channel, whose jobs have an extranonce to roll.",
	v2.TypeOpenExtendedMiningChannelSuccess: "Pool to miner: the extended channel is open.",
	v2.TypeOpenMiningChannelError:           "Pool to miner: there will be no such channel.",
	v2.TypeNewMiningJob:                     "Pool to miner: a job of a standard channel.",
	v2.TypeNewExtendedMiningJob:             "Pool to miner: a job of an extended channel, or of all in a group.",
	v2.TypeUpdateChannel:                    "Miner to pool: the channel's hash rate, and the easiest target that it takes.",
	v2.TypeUpdateChannelError:               "Pool to miner: the channel stays as it is.",
	v2.TypeCloseChannel:                     "The channel, or those of a group, are closed.",
	v2.TypeSetExtranoncePrefix:              "Pool to miner: what comes before the extranonce in jobs from now on.",
	v2.TypeSubmitSharesStandard:             "Miner to pool: a share of a standard channel.",
	v2.TypeSubmitSharesExtended:             "Miner to pool: a share of an extended channel.",
	v2.TypeSubmitSharesSuccess:              "Pool to miner: shares were accepted, all up to the number that were not refused.",
	v2.TypeSubmitSharesError:                "Pool to miner: a share was refused.",
	v2.TypeSetNewPrevHash:                   "Pool to miner: a new block. The job named is to be mined; all others are worthless.",
	v2.TypeSetTarget:                        "Pool to miner: the target of jobs that are not mined yet.",
	v2.TypeSetCustomMiningJob:               "Miner to pool: a job of its own.",
	v2.TypeSetCustomMiningJobSuccess:        "Pool to miner: shares of the miner's own job are taken.",
	v2.TypeSetCustomMiningJobError:          "Pool to miner: shares of the miner's own job are not taken.",
	v2.TypeSetGroupChannel:                  "Pool to miner: channels are put into a group.",

	v2.TypeRequestExtensions:        "Miner to pool: asks which extensions it knows.",
	v2.TypeRequestExtensionsSuccess: "Pool to miner: the extensions that both know.",
	v2.TypeRequestExtensionsError:   "Pool to miner: extensions that it does not know, or insists on.",

	v2.TypeAllocateMiningJobToken:            "Job declaration: asks for a token.",
	v2.TypeAllocateMiningJobTokenSuccess:     "Job declaration: a token, and the outputs that the coinbase must have.",
	v2.TypeDeclareMiningJob:                  "Job declaration: a block to be.",
	v2.TypeDeclareMiningJobSuccess:           "Job declaration: the job is taken.",
	v2.TypeDeclareMiningJobError:             "Job declaration: the job is not taken.",
	v2.TypeProvideMissingTransactions:        "Job declaration: asks for transactions that are not known here.",
	v2.TypeProvideMissingTransactionsSuccess: "Job declaration: the transactions.",
	v2.TypePushSolution:                      "Job declaration: a block was found.",
	v2.TypeCoinbaseOutputConstraints:         "Template distribution: how much room the coinbase needs.",
	v2.TypeNewTemplate:                       "Template distribution: a block to be.",
	v2.TypeSetNewTemplatePrevHash:            "Template distribution: a new block. The template named goes on from it.",
	v2.TypeRequestTransactionData:            "Template distribution: asks for a template's transactions.",
	v2.TypeRequestTransactionDataSuccess:     "Template distribution: the transactions.",
	v2.TypeRequestTransactionDataError:       "Template distribution: there are no transactions.",
	v2.TypeSubmitSolution:                    "Template distribution: a block was found.",
}

// v2Codes are the words of the reference implementation, as far as they don't
// speak for themselves.
var v2Codes = map[string]string{
	v2.CodeStaleShare:              "a new block came before it",
	v2.CodeInvalidJobID:            "the channel has no such job",
	v2.CodeDifficultyTooLow:        "the hash is above the target",
	v2.CodeDuplicateShare:          "submitted before",
	v2.CodeBadExtranonceSize:       "the extranonce has not the size of the channel's",
	v2.CodeInvalidVersionBit:       "a version bit that may not be rolled",
	v2.CodeUnsupportedFeatureFlags: "the flags are those that the pool does not know",
	v2.CodeMaxTargetOutOfRange:     "the pool has no share difficulty as hard as that",
	v2.CodeNoExtendedChannels:      "the connection is for standard jobs alone",
}

// frame explains a frame that was given as hex.
func (d *decoder) frame(input string) (*explanation, error) {
	b, err := unhex(input, 0)
	if err != nil {
		return nil, err
	}
	e := &explanation{Fields: []decodedField{}}
	return e, d.explainFrame(e, b)
}

const frameHeader = 2 + 1 + 3 // bytes: extension, type, length

// explainFrame says field by field what a message of Stratum V2 holds, and what
// it means with what was said before.
func (d *decoder) explainFrame(e *explanation, b []byte) error {
	m, err := v2.Parse(b)
	if err != nil {
		return fmt.Errorf("frame of Stratum V2: %w", err)
	}
	v := reflect.ValueOf(m).Elem() // every message is a struct
	e.Kind = v.Type().Name()
	e.About = fmt.Sprintf("%v of Stratum V2, %s of payload. Numbers are little-endian. %s", m.Type(),
		units.Plural(uint64(len(b)-frameHeader), "byte"), v2About[m.Type()])
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			e.add(words(f.Name), "", frameField(m, f.Name, v.Field(i)))
		}
	}
	d.v2.note(d, e, m)
	return nil
}

// words takes the name of a field apart: ChannelID is "channel id".
func words(name string) string {
	name = strings.NewReplacer("NTime", "Ntime", "IDs", "Ids", "ID", "Id", "TLVs", "Tlvs").Replace(name)
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// frameField writes a field with what it means.
func frameField(m v2.Message, name string, v reflect.Value) string {
	text := frameValue(v)
	switch value := v.Interface().(type) {
	case hasher.Target:
		return fmt.Sprintf("%s: difficulty %s", text, exact(value.Difficulty()))
	case hasher.Bits:
		return describeBits(value)
	case float32:
		return units.Hashrate(float64(value))
	case uint32:
		return frameNumber(m, name, value)
	case string:
		if note := v2Codes[value]; name == "ErrorCode" && note != "" {
			text += ": " + note
		}
	}
	return text
}

func frameNumber(m v2.Message, name string, n uint32) string {
	job, future := m.(*v2.NewMiningJob)
	extended, also := m.(*v2.NewExtendedMiningJob)
	switch name {
	case "MinNTime":
		if future && job.Future || also && extended.Future {
			return "none: the job waits for SetNewPrevHash"
		}
		return unixTime(n)
	case "NTime", "HeaderTimestamp":
		return unixTime(n)
	case "Version":
		return fmt.Sprintf("%08x%s", n, versionNote(n))
	case "Nonce", "HeaderNonce":
		return fmt.Sprintf("%08x", n)
	case "Flags":
		return describeFlags(m, n)
	}
	return fmt.Sprint(n)
}

// describeFlags names the flags of the mining protocol: those of the client and
// those of the server are others.
func describeFlags(m v2.Message, flags uint32) string {
	names := []string{"requires standard jobs", "requires work selection", "requires version rolling"}
	switch m := m.(type) {
	case *v2.SetupConnection:
		switch m.Protocol {
		case v2.JobDeclaration:
			names = []string{"declares transactions"}
		case v2.TemplateDistribution:
			names = nil
		}
	case *v2.SetupConnectionSuccess:
		names = []string{"requires a fixed version", "requires extended channels"}
	}
	out := []string{fmt.Sprintf("%08x", flags)}
	for i, name := range names {
		if flags&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// frameValue writes a field of a frame: bytes as hex, text so that no terminal
// obeys it.
func frameValue(v reflect.Value) string {
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return s.String()
	}
	switch v.Kind() {
	case reflect.Slice:
		if b, ok := v.Interface().([]byte); ok {
			return fmt.Sprintf("%s, %s", hex.EncodeToString(b), units.Plural(uint64(len(b)), "byte"))
		}
		text := units.Plural(uint64(v.Len()), "element")
		for i := range v.Len() {
			text += "\n" + frameValue(v.Index(i))
		}
		return text
	case reflect.String:
		return fmt.Sprintf("%q", v1.CleanText(v.String(), 500))
	}
	return fmt.Sprint(v.Interface())
}

// v2Dialogue is what the frames so far said, as far as later ones need it.
type v2Dialogue struct{ channels map[uint32]*v2Heard }

// v2Heard is a channel.
type v2Heard struct {
	group    uint32
	extended bool
	size     int // of the extranonce
	prefix   []byte
	target   hasher.Target
	prev     *v2.SetNewPrevHash // nil: not yet
	jobs     map[uint32]*v2Job
}

// v2Job is a job of a channel.
type v2Job struct {
	future bool
	root   hasher.Hash              // of a standard job
	whole  *v2.NewExtendedMiningJob // of another; else nil
	prefix []byte
	target hasher.Target
	prev   hasher.Hash
	bits   hasher.Bits
}

// members returns a channel, or those of a group.
func (h *v2Dialogue) members(id uint32) (out []*v2Heard) {
	for n, ch := range h.channels {
		if n == id || ch.group == id {
			out = append(out, ch)
		}
	}
	return out
}

func (h *v2Dialogue) open(id uint32, ch *v2Heard) {
	if h.channels == nil || len(h.channels) >= mostRemembered {
		h.channels = make(map[uint32]*v2Heard)
	}
	ch.jobs = make(map[uint32]*v2Job)
	h.channels[id] = ch
}

// mostV2Jobs bounds the jobs of a channel that decode keeps.
const mostV2Jobs = 64

func (ch *v2Heard) take(id uint32, j v2Job) {
	j.prefix, j.target = ch.prefix, ch.target
	if ch.prev != nil {
		j.prev, j.bits = ch.prev.PrevHash, ch.prev.Bits
	}
	if len(ch.jobs) >= mostV2Jobs {
		clear(ch.jobs)
	}
	ch.jobs[id] = &j
}

// note remembers what m says, and adds what follows from what was said before.
func (h *v2Dialogue) note(d *decoder, e *explanation, m v2.Message) {
	switch m := m.(type) {
	case *v2.OpenStandardMiningChannelSuccess:
		h.open(m.ChannelID, &v2Heard{group: m.GroupChannelID, prefix: m.ExtranoncePrefix, target: m.Target})
	case *v2.OpenExtendedMiningChannelSuccess:
		h.open(m.ChannelID, &v2Heard{group: m.GroupChannelID, extended: true, size: int(m.ExtranonceSize), prefix: m.ExtranoncePrefix, target: m.Target})
	case *v2.SetGroupChannel:
		for _, id := range m.ChannelIDs {
			if ch := h.channels[id]; ch != nil {
				ch.group = m.GroupChannelID
			}
		}
	case *v2.CloseChannel:
		for id, ch := range h.channels {
			if id == m.ChannelID || ch.group == m.ChannelID {
				delete(h.channels, id)
			}
		}
	case *v2.SetExtranoncePrefix:
		if ch := h.channels[m.ChannelID]; ch != nil {
			ch.prefix = m.ExtranoncePrefix
		}
	case *v2.SetTarget:
		h.retarget(m)
	case *v2.NewMiningJob:
		if ch := h.channels[m.ChannelID]; ch != nil {
			ch.take(m.JobID, v2Job{future: m.Future, root: m.MerkleRoot})
		}
	case *v2.NewExtendedMiningJob:
		for _, ch := range h.members(m.ChannelID) {
			ch.take(m.JobID, v2Job{future: m.Future, whole: m})
		}
		d.explainCoinbase(e, m)
	case *v2.SetNewPrevHash:
		h.begin(m)
	case *v2.SubmitSharesStandard:
		h.share(e, &v2.SubmitSharesExtended{ChannelID: m.ChannelID, JobID: m.JobID, Nonce: m.Nonce, NTime: m.NTime, Version: m.Version})
	case *v2.SubmitSharesExtended:
		if name, ok, err := m.UserIdentity(); ok && err == nil {
			e.addText("worker", name)
		}
		h.share(e, m)
	}
}

// retarget gives a target to jobs that are not mined yet, and to later ones.
func (h *v2Dialogue) retarget(m *v2.SetTarget) {
	for _, ch := range h.members(m.ChannelID) {
		ch.target = m.MaximumTarget
		for _, j := range ch.jobs {
			if j.future {
				j.target = m.MaximumTarget
			}
		}
	}
}

// begin starts a future job. Earlier ones are kept: shares of them may come.
func (h *v2Dialogue) begin(m *v2.SetNewPrevHash) {
	for _, ch := range h.members(m.ChannelID) {
		ch.prev = m
		if j := ch.jobs[m.JobID]; j != nil {
			j.future, j.prev, j.bits = false, m.PrevHash, m.Bits
		}
	}
}

// explainCoinbase adds what the coinbase of a job holds.
func (d *decoder) explainCoinbase(e *explanation, m *v2.NewExtendedMiningJob) {
	tx, size, ok := splitCoinbase(m.CoinbaseTxPrefix, m.CoinbaseTxSuffix)
	if !ok {
		e.add("coinbase", "", "no size of the extranonce makes the parts a transaction")
		return
	}
	e.addf("extranonce", "", "%s between the parts, the channel's prefix among them", units.Plural(uint64(size), "byte"))
	d.addCoinbase(e, tx, chain.Mainnet)
}

// share adds what a share is worth, where its job is known.
func (h *v2Dialogue) share(e *explanation, m *v2.SubmitSharesExtended) {
	ch := h.channels[m.ChannelID]
	if ch == nil {
		return
	}
	j := ch.jobs[m.JobID]
	switch {
	case j == nil:
		return
	case j.future:
		e.add("note", "", "the job waits for SetNewPrevHash yet")
		return
	case ch.extended && len(m.Extranonce) != ch.size:
		e.addf("note", "", "the channel has an extranonce of %s", units.Plural(uint64(ch.size), "byte"))
		return
	}
	root := j.root
	if w := j.whole; w != nil {
		coinbase := append(append(append(append([]byte{}, w.CoinbaseTxPrefix...), j.prefix...), m.Extranonce...), w.CoinbaseTxSuffix...)
		root = chain.FoldBranch(hasher.DoubleSum(coinbase), w.MerklePath)
	}
	var header hasher.Header
	header.SetVersion(m.Version)
	header.SetPrevHash(j.prev)
	header.SetMerkleRoot(root)
	header.SetTime(m.NTime)
	header.SetBits(j.bits)
	header.SetNonce(m.Nonce)
	hash := header.Hash()
	e.addf("header", "", "%x", header[:])
	e.add("hash", "", hash.String())
	e.addf("", "", "difficulty %s%s", exact(hash.Difficulty()), v2Worth(&hash, j))
}

func v2Worth(hash *hasher.Hash, j *v2Job) string {
	if t, err := j.bits.Target(); err == nil && t.Meets(hash) {
		return ": a block"
	}
	d := j.target.Difficulty()
	switch {
	case math.IsInf(d, 0):
		return ""
	case j.target.Meets(hash):
		return fmt.Sprintf(": a share at the target of its job, difficulty %s", units.Difficulty(d))
	}
	return fmt.Sprintf(": not a share at the target of its job, difficulty %s", units.Difficulty(d))
}
