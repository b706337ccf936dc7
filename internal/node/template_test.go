package node

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gominer/hasher"
	"gominer/internal/chain"
)

func TestParseTemplate(t *testing.T) {
	const commitment = "b45b56ec10b754f8823e6b47fb77c7b9a8d8b3a34077cbbd2ce430a1c20dfb3f"
	tests := []struct {
		file        string
		height      uint32
		version     uint32
		versionBits uint32
		value       int64
		aux         string
		txs         int
		commitment  string // "": none; "own": not known
		time        uint32
	}{
		{"btcd-simnet.json", 1, 0x20000000, 0x20000000, 50_00000000, "0b2f503253482f627463642f", 0, "", 1795233934},
		{"btcd-segwit.json", 454, 0x20400000, 0x20400000, 50_00030000, "0b2f503253482f627463642f", 3, commitment, 1795235219},
		{"core-regtest.json", 454, 0x30000000, 0x30000000, 25_00020000, "", 2, "own", 1795235219},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			tpl, err := parseTemplate(testdata(t, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if tpl.Height != tt.height || tpl.Version != tt.version || tpl.VersionBits != tt.versionBits || tpl.Value != tt.value ||
				hex.EncodeToString(tpl.Aux) != tt.aux || len(tpl.Txs) != tt.txs || tpl.Time != tt.time {
				t.Errorf("got %+v, want %+v", tpl, tt)
			}
			if tpl.Bits != 0x207fffff || tpl.Target.String() != "7fffff"+strings.Repeat("0", 58) || tpl.LongPollID == "" {
				t.Errorf("bits %v, target %v, long poll %q", tpl.Bits, tpl.Target, tpl.LongPollID)
			}
			if (tpl.Commitment != nil) != (tt.commitment != "") || tpl.CommitmentDiffers {
				t.Fatalf("commitment %v, differs %v, want %q", tpl.Commitment, tpl.CommitmentDiffers, tt.commitment)
			}
			if len(tt.commitment) == 64 && hex.EncodeToString(tpl.Commitment[:]) != tt.commitment {
				t.Errorf("commitment %x, want %s", tpl.Commitment[:], tt.commitment)
			}
		})
	}
}

// TestBlock builds the block that btcd accepted once: from its template, the
// coinbase's extranonce and the header.
func TestBlock(t *testing.T) {
	tpl, err := parseTemplate(testdata(t, "btcd-segwit.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(string(testdata(t, "btcd-segwit-block.hex")))
	raw, err := hex.DecodeString(want)
	if err != nil {
		t.Fatal(err)
	}
	header := hasher.Header(raw[:80])

	script, err := chain.Script("sb1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsq63aett", chain.Simnet)
	if err != nil {
		t.Fatal(err)
	}
	coinbase := tpl.Coinbase(script)
	coinbase.ExtranonceSize, coinbase.Tag = 12, "/gominer scratch/"
	prefix, suffix, err := coinbase.Split()
	if err != nil {
		t.Fatal(err)
	}
	extranonce, _ := hex.DecodeString("b45f2f5b" + "0000000000000000")
	tx := slices.Concat(prefix, extranonce, suffix)
	if got := chain.FoldBranch(hasher.DoubleSum(tx), tpl.Branch()); got != header.MerkleRoot() {
		t.Errorf("merkle root %v, want %v", got, header.MerkleRoot())
	}
	block, err := tpl.Block(&header, tx)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(block); got != want {
		t.Errorf("block %s\n want %s", got, want)
	}
	if h := header.Hash(); !tpl.Target.Meets(&h) {
		t.Errorf("hash %v is above the target %v", h, tpl.Target)
	}
}

// edit returns a recorded template with members replaced; nil leaves one out.
func edit(t testing.TB, file string, members map[string]any) []byte {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(testdata(t, file)))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	for k, v := range members {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseTemplateRefuses(t *testing.T) {
	type raw = json.RawMessage
	tests := []struct {
		member string
		value  any
		want   string
	}{
		{"version", nil, "version missing"},
		{"version", "1", "version is a string"},
		{"version", 1.5, "version is a number 1.5"},
		{"version", 1 << 32, "version is 4294967296"},
		{"version", raw("1e400"), "version is a number 1e400"},
		{"height", nil, "height missing"},
		{"height", 0, "height is 0"},
		{"height", -1, "height is -1"},
		{"height", 1 << 31, "height is 2147483648"},
		{"height", raw("99999999999999999999999"), "height is a number"},
		{"height", raw("null"), "height missing"},
		{"coinbasevalue", nil, "coinbasevalue missing"},
		{"coinbasevalue", -1, "coinbasevalue is -1"},
		{"coinbasevalue", 21_000_001 * 1_00000000, "coinbasevalue is 2100000100000000"},
		{"curtime", nil, "curtime missing"},
		{"curtime", 0, "curtime is 0"},
		{"curtime", 1 << 32, "curtime is"},
		{"mintime", -5, "mintime is -5"},
		{"vbrequired", 1 << 40, "vbrequired is"},
		{"vbavailable", map[string]int{"x\x1b": 32}, `bit 32 for "x"`},
		{"vbavailable", map[string]int{"x": -1}, "bit -1"},
		{"vbavailable", []int{1}, "array"},
		{"previousblockhash", nil, "previousblockhash missing"},
		{"previousblockhash", "00", "previousblockhash: hash"},
		{"previousblockhash", strings.Repeat("zz", 32), "previousblockhash"},
		{"bits", nil, "bits missing"},
		{"bits", "x", `bits is "x"`},
		{"bits", "1207fffff", "8 hex digits"},
		{"bits", "", "8 hex digits"},
		{"bits", "00000000", "target of 0"},
		{"bits", "1d800001", "negative"},
		{"bits", "ff7fffff", "above"},
		{"bits", "207ffffe", "not that of bits"},
		{"bits", 0x207fffff, "bits is a number"},
		{"target", "7f", "target"},
		{"target", strings.Repeat("f", 64), "pool's template"},
		{"longpollid", strings.Repeat("x", maxID+1), "longpollid has"},
		{"longpollid", 5, "longpollid is a number"},
		{"workid", strings.Repeat("x", maxID+1), "workid has"},
		{"coinbaseaux", map[string]string{"flags": "0"}, "coinbaseaux"},
		{"coinbaseaux", map[string]string{"flags": strings.Repeat("0", maxSmall)}, "at most"},
		{"rules", []string{"csv", "!quantum"}, "quantum"},
		{"rules", "csv", "string"},
		{"signet_challenge", "512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be430", "signetchallenge=51"},
		{"default_witness_commitment", "00", "has 1 bytes"},
		{"default_witness_commitment", "xy", "default_witness_commitment"},
		{"default_witness_commitment", strings.Repeat("00", 38), "38 bytes"},
		{"transactions", nil, "transactions missing"},
		{"transactions", raw("null"), "transactions"},
		{"transactions", "none", "not a list"},
		{"transactions", map[string]int{}, "not a list"},
		{"transactions", raw("[null]"), "transactions[0]: no data"},
		{"transactions", raw("[5]"), "transactions[0]"},
		{"transactions", raw("[" + strings.Repeat("{},", maxTxs) + "{}]"), "transactions[0]: no data"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %.30v", tt.member, tt.value), func(t *testing.T) {
			tpl, err := parseTemplate(edit(t, "core-regtest.json", map[string]any{tt.member: tt.value}))
			if err == nil {
				t.Fatalf("taken as %+v", tpl)
			}
			if !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 400 {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
	for _, b := range []string{"", "null", "[]", "5", `"x"`, "{", `{"version":`, "{}"} {
		if tpl, err := parseTemplate([]byte(b)); err == nil {
			t.Errorf("%q is taken as %+v", b, tpl)
		}
	}
}

// tx returns the first transaction of a recorded template with members replaced.
func tx(t testing.TB, members map[string]any) map[string]any {
	t.Helper()
	var file struct {
		Transactions []map[string]any `json:"transactions"`
	}
	if err := json.Unmarshal(testdata(t, "core-regtest.json"), &file); err != nil {
		t.Fatal(err)
	}
	one := file.Transactions[0]
	for k, v := range members {
		if one[k] = v; v == nil {
			delete(one, k)
		}
	}
	return one
}

func TestParseTxRefuses(t *testing.T) {
	other := strings.Repeat("11", 32)
	tests := []struct {
		member string
		value  any
		want   string
	}{
		{"data", nil, "no data"},
		{"data", "0", "data"},
		{"data", "00", "transaction"},
		{"data", 5, "data is a number"},
		{"txid", nil, "no txid"},
		{"txid", "00", "txid: hash"},
		{"txid", other, "txid is " + other},
		{"hash", nil, "no hash"},
		{"hash", other, "hash is " + other},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %.10v", tt.member, tt.value), func(t *testing.T) {
			list := []any{tx(t, nil), tx(t, map[string]any{tt.member: tt.value})}
			tpl, err := parseTemplate(edit(t, "core-regtest.json", map[string]any{"transactions": list}))
			if err == nil {
				t.Fatalf("taken as %+v", tpl)
			}
			if !strings.Contains(err.Error(), "transactions[1]: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
	many := make([]any, maxTxs+1)
	for i := range many {
		many[i] = tx(t, nil)
	}
	_, err := parseTemplate(edit(t, "core-regtest.json", map[string]any{"transactions": many}))
	if err == nil || !strings.Contains(err.Error(), "more than 20000") {
		t.Errorf("%d transactions: %v", len(many), err)
	}
}

func TestParseTemplateTakes(t *testing.T) {
	plain := func(members map[string]any) []byte { return edit(t, "btcd-simnet.json", members) }
	segwit := func(members map[string]any) []byte { return edit(t, "btcd-segwit.json", members) }
	tests := []struct {
		name string
		b    []byte
		ok   func(*Template) bool
	}{
		{"negative version", plain(map[string]any{"version": -1}), func(t *Template) bool { return t.Version == 0xffffffff }},
		{"bits without leading zeros", plain(map[string]any{"bits": "3123456", "target": nil}), func(t *Template) bool { return t.Bits == 0x03123456 }},
		{"trivial signet", plain(map[string]any{"signet_challenge": "51", "rules": []string{"!segwit", "!signet"}}), func(t *Template) bool { return true }},
		{"no long polling", plain(map[string]any{"longpollid": nil}), func(t *Template) bool { return t.LongPollID == "" }},
		{"clock behind the chain", plain(map[string]any{"mintime": 1795233999}), func(t *Template) bool { return t.Time == 1795233999 }},
		{"no aux", plain(map[string]any{"coinbaseaux": nil}), func(t *Template) bool { return t.Aux == nil }},
		{"two aux", plain(map[string]any{"coinbaseaux": map[string]string{"b": "02", "a": "01"}}), func(t *Template) bool { return bytes.Equal(t.Aux, []byte{1, 2}) }},
		{"version bits", plain(map[string]any{"vbrequired": 2, "vbavailable": map[string]int{"x": 20}}), func(t *Template) bool { return t.VersionBits == 0x20100002 }},
		{"commitment without witnesses", plain(map[string]any{"default_witness_commitment": "6a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9"}),
			func(t *Template) bool { return t.Commitment != nil && !t.CommitmentDiffers }},
		{"commitment left out", segwit(map[string]any{"default_witness_commitment": nil}), func(t *Template) bool { return t.Commitment != nil && !t.CommitmentDiffers }},
		{"foreign bare commitment", segwit(map[string]any{"default_witness_commitment": strings.Repeat("01", 32)}), func(t *Template) bool { return t.CommitmentDiffers }},
		{"foreign commitment script", segwit(map[string]any{"default_witness_commitment": "6a24aa21a9ed" + strings.Repeat("01", 32)}), func(t *Template) bool { return t.CommitmentDiffers }},
		{"unknown members", plain(map[string]any{"x": []any{map[string]any{"y": 1}}}), func(t *Template) bool { return true }},
		{"transactions twice", append(append([]byte(`{"transactions":[{}],`), `"Transactions":[],`...), plain(nil)[1:]...), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tpl, err := parseTemplate(tt.b)
			if tt.ok == nil {
				if err == nil && len(tpl.Txs) != 0 {
					t.Errorf("%d transactions, error %v", len(tpl.Txs), err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !tt.ok(tpl) {
				t.Errorf("got %+v", tpl)
			}
		})
	}
}

func TestTemplateRequest(t *testing.T) {
	tests := []struct {
		chain  string
		signet bool
	}{{"main", false}, {"simnet", false}, {"regtest", false}, {"signet", true}}
	for _, tt := range tests {
		var asked []string
		f := &fake{methods: map[string]func([]json.RawMessage) (string, error){
			"getblockchaininfo": answers(strings.Replace(regtest, "regtest", tt.chain, 1)),
			"getblocktemplate": func(params []json.RawMessage) (string, error) {
				asked = append(asked, string(params[0]))
				return string(testdata(t, "btcd-simnet.json")), nil
			},
		}}
		c := serve(t, f)
		for _, id := range []string{"", "abc"} {
			if _, err := c.Template(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		rules := `"rules":["segwit"]`
		if tt.signet {
			rules = `"rules":["segwit","signet"]`
		}
		if len(asked) != 2 || !strings.Contains(asked[0], rules) || strings.Contains(asked[0], "longpollid") || !strings.Contains(asked[1], `"longpollid":"abc"`) {
			t.Errorf("%s: asked with %q, want %s", tt.chain, asked, rules)
		}
		if n := f.count("getblockchaininfo"); n != 1 {
			t.Errorf("%s: asked %d times for the network", tt.chain, n)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	f := &fake{core: true, methods: map[string]func([]json.RawMessage) (string, error){
		"getblockchaininfo": answers(`{"chain":"main","blocks":812345,"headers":920000,"bestblockhash":"` + best + `"}`),
		"getblocktemplate":  fails(-10, "Bitcoin Core is in initial sync and waiting for blocks..."),
	}}
	c := serve(t, f)
	if _, err := c.Template(t.Context(), ""); !errors.Is(err, ErrSyncing) || !strings.Contains(err.Error(), "812345 of 920000") {
		t.Errorf("syncing: %v", err)
	}
	challenge := edit(t, "core-regtest.json", map[string]any{"signet_challenge": "5221"})
	f.set("getblocktemplate", answers(string(challenge)))
	if _, err := c.Template(t.Context(), ""); !errors.Is(err, ErrSignet) || !strings.Contains(err.Error(), "must be signed") {
		t.Errorf("signet: %v", err)
	}
	f.set("getblocktemplate", answers(string(edit(t, "core-regtest.json", map[string]any{"rules": []string{"!new"}}))))
	if _, err := c.Template(t.Context(), ""); !errors.Is(err, ErrRules) || !strings.Contains(err.Error(), "update gominer") {
		t.Errorf("rules: %v", err)
	}
	f.set("getblocktemplate", answers(`{"height":"\u001b[2J"}`))
	if _, err := c.Template(t.Context(), ""); !errors.Is(err, ErrNotRPC) || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("garbage: %v", err)
	}
}

func FuzzParseTemplate(f *testing.F) {
	for _, file := range []string{"btcd-simnet.json", "btcd-segwit.json", "core-regtest.json"} {
		f.Add(testdata(f, file))
	}
	f.Add([]byte(`{"transactions":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		tpl, err := parseTemplate(b)
		if err != nil {
			return
		}
		c := tpl.Coinbase([]byte{0x51})
		c.ExtranonceSize = 12
		prefix, suffix, err := c.Split()
		if err != nil {
			return // coinbaseaux leaves no room
		}
		var header hasher.Header
		coinbase := slices.Concat(prefix, make([]byte, 12), suffix)
		header.SetMerkleRoot(chain.FoldBranch(hasher.DoubleSum(coinbase), tpl.Branch()))
		if _, err := tpl.Block(&header, coinbase); err != nil {
			t.Errorf("no block of a template that was taken: %v", err)
		}
	})
}
