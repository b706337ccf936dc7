package v2

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"gominer/hasher"
)

// hexBytes is a string of hex digits in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// messageVector is a payload, a header or a frame that another implementation
// published.
type messageVector struct {
	Name    string         `json:"name"`
	Payload hexBytes       `json:"payload"`
	Header  hexBytes       `json:"header"`
	Frame   hexBytes       `json:"frame"`
	BE      hexBytes       `json:"spec_bytes_BE"`
	LE      hexBytes       `json:"sri_bytes_LE"`
	Fields  map[string]any `json:"fields"`
}

// published is testdata/vectors.json.
type published struct {
	Messages []messageVector `json:"messages"`
	Strip    []struct {
		PrefixIn  hexBytes `json:"prefix_in"`
		SuffixIn  hexBytes `json:"suffix_in"`
		PrefixOut hexBytes `json:"prefix_out"`
		SuffixOut hexBytes `json:"suffix_out"`
	} `json:"bip141_strip"`
}

var vectors = sync.OnceValue(func() (v published) {
	b, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		panic(err)
	}
	return v
})

// vector returns the published message of that name.
func vector(t testing.TB, name string) messageVector {
	t.Helper()
	for _, v := range vectors().Messages {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no vector %q", name)
	return messageVector{}
}

// hash returns a hash, or a target, of n and what follows it.
func hash(n byte) (h [32]byte) {
	for i := range h {
		h[i] = n + byte(i)
	}
	return h
}

func hashesOf(ns ...byte) (out []hasher.Hash) {
	for _, n := range ns {
		out = append(out, hash(n))
	}
	return out
}

// samples are messages of every type, none of whose fields is empty.
func samples() []Message {
	text, blob := "worker.1 ✓", []byte{1, 2, 3, 4, 5}
	return []Message{
		&SetupConnection{TemplateDistribution, 2, 3, 5, "pool.example.org", 3336, "gominer", "x86", "1.0", "id"},
		&SetupConnectionSuccess{2, 3},
		&SetupConnectionError{4, "unsupported-feature-flags"},
		&ChannelEndpointChanged{7},
		&Reconnect{"other.example.org", 3337},

		&OpenStandardMiningChannel{1, text, 1.5e12, hash(1)},
		&OpenStandardMiningChannelSuccess{1, 2, hash(2), blob, 3},
		&OpenMiningChannelError{1, "unknown-user"},
		&OpenExtendedMiningChannel{1, text, 0, hash(3), 8},
		&OpenExtendedMiningChannelSuccess{1, 2, hash(4), 65535, blob, 3},
		&NewMiningJob{ChannelID: 2, JobID: 9, MinNTime: 1700000000, Version: 0x20000000, MerkleRoot: hash(5)},
		&NewMiningJob{ChannelID: 2, JobID: 10, Future: true, Version: 0x20000000, MerkleRoot: hash(6)},
		&UpdateChannel{2, 3.25e9, hash(7)},
		&UpdateChannelError{2, "invalid-channel-id"},
		&CloseChannel{2, "bye"},
		&SetExtranoncePrefix{2, bytes.Repeat([]byte{8}, MaxExtranonce)},
		&SubmitSharesStandard{1, 2, 3, 4, 5, 6},
		&SubmitSharesExtended{1, 2, 3, 4, 5, 6, blob, []byte{2, 0, 1, 1, 0, 'w'}},
		&SubmitSharesSuccess{1, 2, 3, 1 << 40},
		&SubmitSharesError{1, 2, "stale-share"},
		&NewExtendedMiningJob{1, 2, false, 3, 4, true, hashesOf(1, 2, 3), blob, []byte{9}},
		&NewExtendedMiningJob{ChannelID: 1, JobID: 3, Future: true, Version: 4, CoinbaseTxPrefix: blob, CoinbaseTxSuffix: blob},
		&SetNewPrevHash{1, 2, hash(8), 1700000000, 0x1d00ffff},
		&SetTarget{1, hash(9)},
		&SetCustomMiningJob{1, 2, blob, 3, hash(10), 4, 5, 6, blob, 7, blob, 8, hashesOf(4, 5)},
		&SetCustomMiningJobSuccess{1, 2, 3},
		&SetCustomMiningJobError{1, 2, "invalid-nbits"},
		&SetGroupChannel{1, []uint32{2, 3, 4}},

		&AllocateMiningJobToken{text, 1},
		&AllocateMiningJobTokenSuccess{1, blob, blob},
		&ProvideMissingTransactions{1, []uint16{0, 7, 65535}},
		&ProvideMissingTransactionsSuccess{1, [][]byte{blob, {6}}},
		&DeclareMiningJob{1, blob, 2, blob, blob, hashesOf(11, 12), blob},
		&DeclareMiningJobSuccess{1, blob},
		&DeclareMiningJobError{1, "invalid-job", blob},
		&PushSolution{blob, hash(13), 1, 2, 3, 4},

		&CoinbaseOutputConstraints{1, 2},
		&NewTemplate{1, true, 2, 3, blob, 4, 5, 6, blob, 7, hashesOf(14)},
		&SetNewTemplatePrevHash{1, hash(15), 2, 3, hash(16)},
		&RequestTransactionData{1},
		&RequestTransactionDataSuccess{1, blob, [][]byte{blob, blob}},
		&RequestTransactionDataError{1, "stale-template-id"},
		&SubmitSolution{1, 2, 3, 4, blob},

		&RequestExtensions{1, []uint16{2, 3}},
		&RequestExtensionsSuccess{1, []uint16{2}},
		&RequestExtensionsError{1, []uint16{3}, []uint16{2}},
	}
}

// empties are messages of every type with nothing in them.
func empties() (out []Message) {
	for _, typ := range slices.Sorted(maps.Keys(kinds)) {
		m := kinds[typ].empty()
		switch m := m.(type) { // without an option in it there is no number
		case *NewMiningJob:
			m.Future = true
		case *NewExtendedMiningJob:
			m.Future = true
		}
		out = append(out, m)
	}
	return out
}

// mustAppend returns m as a frame.
func mustAppend(t testing.TB, m Message) []byte {
	t.Helper()
	b, err := Append(nil, m)
	if err != nil {
		t.Fatalf("%v: %v", m.Type(), err)
	}
	return b
}

// frameOf returns a frame with the payload, by hand.
func frameOf(ext uint16, typ uint8, payload []byte) []byte {
	n := len(payload)
	return append([]byte{byte(ext), byte(ext >> 8), typ, byte(n), byte(n >> 8), byte(n >> 16)}, payload...)
}

// wantField checks that err is a *FieldError about the field.
func wantField(t *testing.T, err error, field string, words ...string) {
	t.Helper()
	f, ok := err.(*FieldError)
	if !ok || f.Field != field {
		t.Errorf("%v, want a FieldError about %s", err, field)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q lacks %q", err, w)
		}
	}
}
