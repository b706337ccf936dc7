package v2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"gominer/hasher"
)

// Each type has a sample, and each sample is what it was after a journey.
func TestRoundTrip(t *testing.T) {
	seen := map[Type]bool{}
	for _, m := range append(samples(), empties()...) {
		seen[m.Type()] = true
		frame := mustAppend(t, m)
		got, err := Parse(frame)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%v: %+v, %v; want %+v", m.Type(), got, err, m)
			continue
		}
		if again := mustAppend(t, got); !bytes.Equal(again, frame) {
			t.Errorf("%v: %x, then %x", m.Type(), frame, again)
		}
		clear(frame)
		if !reflect.DeepEqual(got, m) {
			t.Errorf("%v keeps the bytes that it was read from", m.Type())
		}
	}
	for typ := range kinds {
		if !seen[typ] {
			t.Errorf("no sample of %v", typ)
		}
	}
	for _, m := range samples() {
		v := reflect.ValueOf(m).Elem()
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if f := v.Field(i); f.IsZero() && f.Kind() != reflect.Bool && name != "MinNTime" && name != "TLVs" && name != "MerklePath" && name != "NominalHashRate" {
				t.Errorf("the sample of %v has nothing in %s", m.Type(), name)
			}
		}
	}
}

// C2: a payload that is cut at any byte is a message with a wrong field, unless
// what is missing is what only extensions add.
func TestC2Truncated(t *testing.T) {
	for _, m := range samples() {
		frame := mustAppend(t, m)
		for n := range len(frame) {
			_, err := Parse(frame[:n])
			if err == nil {
				t.Errorf("%v cut at %d of %d: no error", m.Type(), n, len(frame))
			}
			if n < headerSize {
				continue
			}
			cut := frameOf(0, frame[2], frame[headerSize:n])
			cut[0], cut[1] = frame[0], frame[1]
			got, err := Parse(cut)
			var field *FieldError
			if share, ok := m.(*SubmitSharesExtended); ok && len(frame)-n <= len(share.TLVs) {
				want := *share
				want.TLVs = share.TLVs[:len(share.TLVs)-(len(frame)-n)]
				if len(want.TLVs) == 0 {
					want.TLVs = nil
				}
				if err != nil || !reflect.DeepEqual(got, &want) {
					t.Errorf("%v with %d bytes of its fields: %+v, %v", m.Type(), n, got, err)
				}
				continue
			}
			if !errors.As(err, &field) || field.Type != m.Type() || !strings.Contains(err.Error(), "the payload ends after") {
				t.Errorf("%v whose payload has %d of %d bytes: %v", m.Type(), n-headerSize, len(frame)-headerSize, err)
			}
		}
	}
}

// C2: what a count announces is not allocated before it is there.
func TestC2Counts(t *testing.T) {
	many := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	for name, frame := range map[string][]byte{
		"hashes":       frameOf(0, 0x57, append([]byte{1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}, many...)),
		"transactions": frameOf(0, 0x56, append([]byte{1, 0, 0, 0}, many...)),
		"a giant":      frameOf(0, 0x56, append([]byte{1, 0, 0, 0, 1, 0}, many...)),
		"channels":     frameOf(0, 0x25, append([]byte{1, 0, 0, 0}, many...)),
		"positions":    frameOf(0, 0x55, append([]byte{1, 0, 0, 0}, many...)),
		"bytes":        frameOf(0, 0x76, append(make([]byte, 20), many...)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var err error
		for range 100 {
			_, err = Parse(frame)
		}
		runtime.ReadMemStats(&after)
		var field *FieldError
		if !errors.As(err, &field) || !strings.Contains(err.Error(), "and the payload ends after") {
			t.Errorf("%s: %v", name, err)
		}
		if each := (after.TotalAlloc - before.TotalAlloc) / 100; each > 2048 { // the message, the error and its words
			t.Errorf("%s: %d bytes allocated for %d", name, each, len(frame))
		}
	}
}

// C3: the upper bits of a BOOL are no one's business.
func TestC3Bool(t *testing.T) {
	for b := range 256 {
		job := mustAppend(t, &NewExtendedMiningJob{Future: true})
		job[headerSize+4+4+1+4] = byte(b)
		m, err := Parse(job)
		if err != nil || m.(*NewExtendedMiningJob).VersionRollingAllowed != (b&1 != 0) {
			t.Errorf("%#02x: %+v, %v", b, m, err)
		}
		template := mustAppend(t, &NewTemplate{})
		template[headerSize+8] = byte(b)
		m, err = Parse(template)
		if err != nil || m.(*NewTemplate).FutureTemplate != (b&1 != 0) {
			t.Errorf("%#02x: %+v, %v", b, m, err)
		}
	}
}

// C4: an OPTION holds one value or none.
func TestC4Option(t *testing.T) {
	for _, m := range []Message{&NewMiningJob{MinNTime: 7}, &NewExtendedMiningJob{MinNTime: 7}} {
		for count := range 256 {
			frame := mustAppend(t, m)
			frame[headerSize+4+4] = byte(count)
			_, err := Parse(frame)
			switch {
			case count > 1:
				wantField(t, err, "min_ntime", fmt.Sprintf("an option holds %d values", count))
			case count == 1 && err != nil:
				t.Errorf("%v: %v", m.Type(), err)
			}
		}
	}
	// What is no value does not stay from before.
	got, err := Parse(mustAppend(t, &NewMiningJob{Future: true, MinNTime: 7}))
	if err != nil || got.(*NewMiningJob).MinNTime != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// C5: messages of unknown types and extensions come as what they are, and the
// connection goes on.
func TestC5Unknown(t *testing.T) {
	var wire bytes.Buffer
	want := []Message{
		&Unknown{Extension: 0, MsgType: 0x1e, Channel: true, Payload: []byte{1, 2, 3, 4}},
		&Unknown{Extension: 0, MsgType: 0xff},
		&Unknown{Extension: 0x4000, MsgType: 0x15, Payload: bytes.Repeat([]byte{7}, 1000)},
		&Unknown{Extension: 0x7fff, MsgType: 0x00, Channel: true, Payload: []byte{1}},
		&Unknown{Extension: 0x0001, MsgType: 0x03},
		&SetTarget{1, hash(1)},
	}
	if err := NewConn(&wire, 0).Write(want...); err != nil {
		t.Fatal(err)
	}
	c := NewConn(&wire, 0)
	for _, w := range want {
		m, err := c.Read()
		if err != nil || !reflect.DeepEqual(m, w) {
			t.Errorf("%+v, %v; want %+v", m, err, w)
		}
	}
	for typ, want := range map[Type]string{
		0x1e:          "unknown message 0x1e",
		0x4000 << 8:   "unknown message 0x00 of extension 0x4000",
		0x0001 << 8:   "RequestExtensions",
		0x0001<<8 | 3: "unknown message 0x03 of extension 0x0001",
		0x72:          "SetNewPrevHash of a template",
	} {
		if typ.String() != want {
			t.Errorf("%q, want %q", typ, want)
		}
	}
	_, err := Append(nil, &Unknown{Extension: 0x8001})
	wantField(t, err, "extension_type", "0x8001")
}

// C6: the channel bit may be wrong: some messages have had another.
func TestC6ChannelBit(t *testing.T) {
	for _, m := range samples() {
		frame := mustAppend(t, m)
		frame[1] ^= 0x80
		got, err := Parse(frame)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%v: %+v, %v", m.Type(), got, err)
		}
	}
	// Those of §8, as they are sent.
	set := map[Type]bool{
		0x03: true, 0x15: true, 0x16: true, 0x17: true, 0x18: true, 0x19: true, 0x1a: true, 0x1b: true,
		0x1c: true, 0x1d: true, 0x1f: true, 0x20: true, 0x21: true, 0x22: true, 0x23: true, 0x24: true,
	}
	for _, m := range samples() {
		if frame := mustAppend(t, m); (frame[1]&0x80 != 0) != set[m.Type()] {
			t.Errorf("%v is sent with %x", m.Type(), frame[:headerSize])
		}
	}
}

// C7: the name of a worker in either byte order.
func TestC7UserIdentity(t *testing.T) {
	v := vector(t, "TLV user_identity Worker_001")
	var m SubmitSharesExtended
	if err := m.SetUserIdentity("Worker_001"); err != nil || !bytes.Equal(m.TLVs, v.LE) {
		t.Errorf("%x, %v; want %x", m.TLVs, err, v.LE)
	}
	other := []byte{3, 0, 1, 2, 0, 'h', 'i'}
	otherBE := []byte{0, 3, 1, 0, 2, 'h', 'i'}
	for name, c := range map[string]struct {
		tlvs []byte
		want string
		ok   bool
	}{
		"little-endian":             {v.LE, "Worker_001", true},
		"big-endian":                {v.BE, "Worker_001", true},
		"behind another":            {append(bytes.Clone(other), v.LE...), "Worker_001", true},
		"before another":            {append(bytes.Clone(v.LE), other...), "Worker_001", true},
		"big-endian behind another": {append(bytes.Clone(otherBE), v.BE...), "Worker_001", true},
		"empty":                     {[]byte{2, 0, 1, 0, 0}, "", true},
		"32 bytes":                  {append([]byte{2, 0, 1, 32, 0}, bytes.Repeat([]byte{'w'}, 32)...), strings.Repeat("w", 32), true},
		"none":                      {nil, "", false},
		"another":                   {other, "", false},
		"another field of the same": {[]byte{2, 0, 2, 1, 0, 'x'}, "", false},
		"cut":                       {v.LE[:9], "", false},
		"cut in the header":         {v.LE[:4], "", false},
		"something":                 {[]byte("whatever this may be"), "", false},
	} {
		m := SubmitSharesExtended{Extranonce: []byte{1}, TLVs: c.tlvs}
		got, err := Parse(mustAppend(t, &m))
		if err != nil {
			t.Fatal(err)
		}
		name2, ok, err := got.(*SubmitSharesExtended).UserIdentity()
		if name2 != c.want || ok != c.ok || err != nil {
			t.Errorf("%s: %q, %v, %v; want %q, %v", name, name2, ok, err, c.want, c.ok)
		}
	}
	long := append([]byte{2, 0, 1, 33, 0}, make([]byte, 33)...)
	_, _, err := (&SubmitSharesExtended{TLVs: long}).UserIdentity()
	wantField(t, err, "user_identity", "33 bytes, at most 32")
	wantField(t, m.SetUserIdentity(strings.Repeat("w", 33)), "user_identity", "33 bytes")
	wantField(t, m.SetUserIdentity("\xff"), "user_identity", "not UTF-8")
	_, err = Append(nil, &SubmitSharesExtended{TLVs: make([]byte, trailing+1)})
	wantField(t, err, "TLV fields", "1025 bytes")
}

// What stands behind the last field is put up with, up to a length.
func TestTrailing(t *testing.T) {
	for _, m := range samples() {
		if m.Type() == TypeSubmitSharesExtended {
			continue
		}
		frame := mustAppend(t, m)
		got, err := Parse(frameOf(uint16(frame[0])|uint16(frame[1])<<8, frame[2], append(frame[headerSize:], make([]byte, trailing)...)))
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%v: %+v, %v", m.Type(), got, err)
		}
	}
}

// No frame may be longer than its message can be, whatever the reader allows.
func TestCaps(t *testing.T) {
	for typ, want := range map[Type]int{
		TypeSetupConnection:               1 + 2 + 2 + 4 + 256 + 2 + 4*256,
		TypeSetupConnectionSuccess:        6,
		TypeNewMiningJob:                  49,
		TypeSubmitSharesStandard:          24,
		TypeSubmitSharesExtended:          24 + 33,
		TypeSubmitSharesSuccess:           20,
		TypeSetNewPrevHash:                48,
		TypeSetTarget:                     36,
		TypeUpdateChannel:                 40,
		TypeNewExtendedMiningJob:          4 + 4 + 5 + 4 + 1 + 1 + 255*32 + 2*65537,
		TypeSetNewTemplatePrevHash:        80,
		TypeCoinbaseOutputConstraints:     6,
		TypeSetGroupChannel:               4 + 2 + 4*65535,
		TypeDeclareMiningJob:              4 + 256 + 4 + 2*65537 + 2 + 32*65535 + 65537,
		TypeRequestTransactionDataSuccess: MaxPayload,
		TypeRequestExtensionsError:        2 + 2*(2+2*65535),
	} {
		if kinds[typ].max != want {
			t.Errorf("%v: %d bytes, want %d", typ, kinds[typ].max, want)
		}
		n := min(want+trailing, MaxPayload) + 1
		if n > MaxPayload {
			continue
		}
		_, err := Parse(frameOf(0, typ.MsgType(), nil)[:3:3])
		if err == nil {
			t.Error("a header of three bytes was read")
		}
		_, err = Parse(frameOf(typ.Extension(), typ.MsgType(), make([]byte, n)))
		var limit *LimitError
		if !errors.As(err, &limit) || limit.Size != n || limit.Max != n-1 || limit.Type != typ {
			t.Errorf("%v of %d bytes: %v", typ, n, err)
		}
	}
}

// What a field can't hold is refused, in either direction.
func TestFieldLimits(t *testing.T) {
	long, bytes33 := strings.Repeat("x", 256), make([]byte, 33)
	for _, c := range []struct {
		m     Message
		field string
	}{
		{&SetupConnection{Vendor: long}, "vendor"},
		{&SetupConnectionError{ErrorCode: long}, "error_code"},
		{&OpenStandardMiningChannel{UserIdentity: long}, "user_identity"},
		{&OpenStandardMiningChannelSuccess{ExtranoncePrefix: bytes33}, "extranonce_prefix"},
		{&OpenExtendedMiningChannelSuccess{ExtranoncePrefix: bytes33}, "extranonce_prefix"},
		{&SetExtranoncePrefix{ExtranoncePrefix: bytes33}, "extranonce_prefix"},
		{&SubmitSharesExtended{Extranonce: bytes33}, "extranonce"},
		{&PushSolution{Extranonce: bytes33}, "extranonce"},
		{&NewExtendedMiningJob{MerklePath: make([]hasher.Hash, 256)}, "merkle_path"},
		{&NewExtendedMiningJob{CoinbaseTxPrefix: make([]byte, 65536)}, "coinbase_tx_prefix"},
		{&NewTemplate{CoinbasePrefix: make([]byte, 256)}, "coinbase_prefix"},
		{&SetCustomMiningJob{MiningJobToken: make([]byte, 256)}, "mining_job_token"},
		{&DeclareMiningJob{WtxidList: make([]hasher.Hash, 65536)}, "wtxid_list"},
		{&ProvideMissingTransactions{UnknownTxPositionList: make([]uint16, 65536)}, "unknown_tx_position_list"},
		{&SetGroupChannel{ChannelIDs: make([]uint32, 65536)}, "channel_ids"},
		{&ProvideMissingTransactionsSuccess{TransactionList: make([][]byte, 65536)}, "transaction_list"},
		{&ProvideMissingTransactionsSuccess{TransactionList: [][]byte{make([]byte, 1<<24)}}, "transaction_list"},
		{&OpenStandardMiningChannel{NominalHashRate: -1}, "nominal_hash_rate"},
		{&OpenExtendedMiningChannel{NominalHashRate: float32(math.Inf(1))}, "nominal_hash_rate"},
		{&UpdateChannel{NominalHashRate: float32(math.NaN())}, "nominal_hash_rate"},
	} {
		b, err := Append([]byte("before"), c.m)
		wantField(t, err, c.field)
		if string(b) != "before" {
			t.Errorf("%v: %q", c.m.Type(), b)
		}
	}
	two := [][]byte{make([]byte, 1<<23), make([]byte, 1<<23)}
	_, err := Append(nil, &ProvideMissingTransactionsSuccess{TransactionList: two})
	var limit *LimitError
	if !errors.As(err, &limit) || limit.Max != MaxPayload {
		t.Errorf("two transactions of 8 MiB: %v", err)
	}

	prefix := mustAppend(t, &SetExtranoncePrefix{1, bytes.Repeat([]byte{1}, 32)})
	prefix[headerSize+4] = 33
	_, err = Parse(frameOf(0x8000, 0x19, append(prefix[headerSize:], 1)))
	wantField(t, err, "extranonce_prefix", "33 bytes, at most 32")
	for _, f := range []float32{-1, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		bits := math.Float32bits(f)
		frame := mustAppend(t, &UpdateChannel{})
		for i := range 4 {
			frame[headerSize+4+i] = byte(bits >> (8 * i))
		}
		_, err := Parse(frame)
		wantField(t, err, "nominal_hash_rate", "is no hash rate")
	}
}

// Parse wants one frame, no more and no less.
func TestParseLength(t *testing.T) {
	frame := mustAppend(t, &SetTarget{})
	for _, b := range [][]byte{nil, frame[:5], frame[:6], frame[:len(frame)-1], append(bytes.Clone(frame), 0)} {
		if _, err := Parse(b); err == nil {
			t.Errorf("%d bytes were read", len(b))
		}
	}
}

func TestStripWitness(t *testing.T) {
	v := vectors().Strip[0]
	m := NewExtendedMiningJob{CoinbaseTxPrefix: v.PrefixIn, CoinbaseTxSuffix: v.SuffixIn}
	in := bytes.Clone(v.PrefixIn)
	for range 2 { // a second time there is nothing to strip
		if err := m.StripWitness(); err != nil || !bytes.Equal(m.CoinbaseTxPrefix, v.PrefixOut) || !bytes.Equal(m.CoinbaseTxSuffix, v.SuffixOut) {
			t.Errorf("%x, %x, %v", m.CoinbaseTxPrefix, m.CoinbaseTxSuffix, err)
		}
	}
	if !bytes.Equal(v.PrefixIn, in) {
		t.Error("the bytes of the message were changed")
	}
	for name, suffix := range map[string][]byte{
		"nothing":          nil,
		"too short":        make([]byte, 37),
		"no witness there": make([]byte, 60),
		"only a lock time": {0, 0, 0, 0},
	} {
		m := NewExtendedMiningJob{CoinbaseTxPrefix: v.PrefixIn, CoinbaseTxSuffix: suffix}
		wantField(t, m.StripWitness(), "coinbase_tx_suffix", "no witness")
		if !bytes.Equal(m.CoinbaseTxPrefix, v.PrefixIn) {
			t.Errorf("%s: the prefix was changed", name)
		}
	}
	for _, prefix := range [][]byte{nil, {1, 0, 0, 0, 0}, {1, 0, 0, 0, 1, 0}, {1, 0, 0, 0, 0, 0}} {
		m := NewExtendedMiningJob{CoinbaseTxPrefix: prefix}
		if err := m.StripWitness(); err != nil || !bytes.Equal(m.CoinbaseTxPrefix, prefix) {
			t.Errorf("%x: %x, %v", prefix, m.CoinbaseTxPrefix, err)
		}
	}
}

// Frames arrive whole however the bytes come.
func TestConnRead(t *testing.T) {
	var wire bytes.Buffer
	want := append(samples(), &ProvideMissingTransactionsSuccess{TransactionList: [][]byte{make([]byte, 200_000)}}, &SetTarget{})
	if err := NewConn(&wire, 0).Write(want...); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.Reader{
		"at once":             bytes.NewReader(wire.Bytes()),
		"byte by byte":        iotest.OneByteReader(bytes.NewReader(wire.Bytes())),
		"half reads":          iotest.HalfReader(bytes.NewReader(wire.Bytes())),
		"error with the data": iotest.DataErrReader(bytes.NewReader(wire.Bytes())),
	} {
		c := NewConn(duplex{r, nil}, 0)
		var got []Message
		for {
			m, err := c.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, m)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d messages, want %d", name, len(got), len(want))
		}
		if cap(c.buf) > bufferKept {
			t.Errorf("%s: the buffer still has %d bytes", name, cap(c.buf))
		}
	}
}
