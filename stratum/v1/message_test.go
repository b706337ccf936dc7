package v1

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"gominer/hasher"
)

const (
	prevNotify = "8579e6537c226798955a36e7ec4130042fbe4639c86826ab0000000000000000"
	prevShown  = "0000000000000000c86826ab2fbe4639ec413004955a36e77c2267988579e653"
	leafHex    = "d13b2b355e2ee2409ff60658165669ea9a6701cb68871ac02d588cbeea94e5d1"
	diff1Hex   = "00000000ffff0000000000000000000000000000000000000000000000000000"
)

// canonical holds, for every message type, messages and the line that each is
// written as.
func canonical(t testing.TB) []struct {
	m    Message
	line string
} {
	prev, err := hasher.ParseHash(prevShown)
	if err != nil {
		t.Fatal(err)
	}
	leaf := hasher.Hash(unhex(t, leafHex))
	diff1, err := hasher.ParseTarget(diff1Hex)
	if err != nil {
		t.Fatal(err)
	}
	return []struct {
		m    Message
		line string
	}{
		{&Configure{ID: NumberID(1), VersionRolling: &VersionRolling{Mask: 0x1fffe000, MinBitCount: 2}, MinimumDifficulty: new(0.001),
			SubscribeExtranonce: true, Info: &Info{ConnectionURL: "u", HWVersion: "h", SWVersion: "s", HWID: "i"}, Other: []string{"x"}},
			`{"id":1,"method":"mining.configure","params":[["version-rolling","minimum-difficulty","subscribe-extranonce","info","x"],` +
				`{"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2,"minimum-difficulty.value":0.001,` +
				`"info.connection-url":"u","info.hw-version":"h","info.sw-version":"s","info.hw-id":"i"}]}`},
		{&Configure{ID: NumberID(1), MinimumDifficulty: new(0.0)},
			`{"id":1,"method":"mining.configure","params":[["minimum-difficulty"],{"minimum-difficulty.value":0}]}`},
		{&Configure{ID: NumberID(1)}, `{"id":1,"method":"mining.configure","params":[[],{}]}`},
		{&Subscribe{ID: NumberID(2)}, `{"id":2,"method":"mining.subscribe","params":[]}`},
		{&Subscribe{ID: NumberID(2), Agent: "gominer/1"}, `{"id":2,"method":"mining.subscribe","params":["gominer/1"]}`},
		{&Subscribe{ID: NumberID(2), Agent: "gominer/1", Session: `a"b`}, `{"id":2,"method":"mining.subscribe","params":["gominer/1","a\"b"]}`},
		{&Subscribe{ID: NumberID(2), Session: "s"}, `{"id":2,"method":"mining.subscribe","params":["","s"]}`},
		{&Authorize{ID: StringID("3"), Worker: "<wörker>", Password: "x\t"}, `{"id":"3","method":"mining.authorize","params":["<wörker>","x\u0009"]}`},
		{&Submit{ID: NumberID(4), Worker: "w", JobID: "j", Extranonce2: []byte{0, 0xab}, NTime: 0x52c0ccfe, Nonce: 0x96ba035d},
			`{"id":4,"method":"mining.submit","params":["w","j","00ab","52c0ccfe","96ba035d"]}`},
		{&Submit{ID: NumberID(math.MaxUint64), Worker: "w", JobID: "", Extranonce2: []byte{}, VersionBits: 0x2000, HasVersionBits: true},
			`{"id":18446744073709551615,"method":"mining.submit","params":["w","","","00000000","00000000","00002000"]}`},
		{&ExtranonceSubscribe{ID: NumberID(5)}, `{"id":5,"method":"mining.extranonce.subscribe","params":[]}`},
		{&SuggestDifficulty{ID: NumberID(6), Difficulty: 0.005}, `{"id":6,"method":"mining.suggest_difficulty","params":[0.005]}`},
		{&SuggestDifficulty{ID: NumberID(6), Difficulty: 1024, Quoted: true}, `{"id":6,"method":"mining.suggest_difficulty","params":["1024"]}`},
		{&SuggestTarget{ID: NumberID(7), Target: diff1}, `{"id":7,"method":"mining.suggest_target","params":["` + diff1Hex + `"]}`},
		{&GetTransactions{ID: NumberID(8), JobID: "j"}, `{"id":8,"method":"mining.get_transactions","params":["j"]}`},
		{&Capabilities{ID: NumberID(9), Notify: true, SetDifficulty: true, SetGoal: true, SuggestedTarget: &diff1},
			`{"id":9,"method":"mining.capabilities","params":[{"notify":{},"set_difficulty":{},"set_goal":{},"suggested_target":"` + diff1Hex + `"}]}`},
		{&Capabilities{ID: NumberID(9)}, `{"id":9,"method":"mining.capabilities","params":[{}]}`},
		{&Ping{ID: NumberID(10)}, `{"id":10,"method":"mining.ping","params":[]}`},

		{&Notify{JobID: "bf", PrevHash: prev, Coinb1: []byte{1, 0}, Coinb2: []byte{0xff}, Branch: []hasher.Hash{leaf, leaf},
			Version: 0x20000000, Bits: 0x1903a30c, NTime: 0x52c0ccfe, Clean: true},
			`{"id":null,"method":"mining.notify","params":["bf","` + prevNotify + `","0100","ff",["` + leafHex + `","` + leafHex + `"],` +
				`"20000000","1903a30c","52c0ccfe",true]}`},
		{&Notify{ID: AbsentID, Coinb1: []byte{}, Coinb2: []byte{}, Branch: []hasher.Hash{}, Bits: 0x207fffff},
			`{"method":"mining.notify","params":["","` + strings.Repeat("0", 64) + `","","",[],"00000000","207fffff","00000000",false]}`},
		{&SetDifficulty{Difficulty: 1}, `{"id":null,"method":"mining.set_difficulty","params":[1]}`},
		{&SetDifficulty{Difficulty: 1e-12}, `{"id":null,"method":"mining.set_difficulty","params":[1e-12]}`},
		{&SetDifficulty{Difficulty: 1e20, Quoted: true}, `{"id":null,"method":"mining.set_difficulty","params":["100000000000000000000"]}`},
		{&SetExtranonce{Extranonce1: []byte{8, 0, 0, 2}, Extranonce2Size: 4}, `{"id":null,"method":"mining.set_extranonce","params":["08000002",4]}`},
		{&SetVersionMask{Mask: 0xe000}, `{"id":null,"method":"mining.set_version_mask","params":["0000e000"]}`},
		{&SetGoal{Name: "g", Algorithm: "SHA256d"}, `{"id":null,"method":"mining.set_goal","params":["g",{"malgo":"SHA256d"}]}`},
		{&SetGoal{Name: "g"}, `{"id":null,"method":"mining.set_goal","params":["g"]}`},
		{&GetVersion{ID: NumberID(0)}, `{"id":0,"method":"client.get_version","params":[]}`},
		{&Reconnect{}, `{"id":null,"method":"client.reconnect","params":[]}`},
		{&Reconnect{Host: "h"}, `{"id":null,"method":"client.reconnect","params":["h"]}`},
		{&Reconnect{Port: 65535}, `{"id":null,"method":"client.reconnect","params":["",65535]}`},
		{&Reconnect{Wait: time.Second}, `{"id":null,"method":"client.reconnect","params":["",null,1]}`},
		{&Reconnect{Host: "h", Port: 3333, Wait: math.MaxInt32 * time.Second}, `{"id":null,"method":"client.reconnect","params":["h",3333,2147483647]}`},
		{&ShowMessage{Text: "a\x1b[1mb\nc\u2028"}, `{"id":null,"method":"client.show_message","params":["a\u001b[1mb\u000ac` + "\u2028" + `"]}`},

		{&Unknown{ID: NumberID(11), Name: "mining.multi_version", Params: json.RawMessage(`[4]`)}, `{"id":11,"method":"mining.multi_version","params":[4]}`},
		{&Unknown{Name: "x\"y", Params: json.RawMessage(`{"a":" \"\\ "}`)}, `{"id":null,"method":"x\"y","params":{"a":" \"\\ "}}`},
		{&Unknown{ID: AbsentID, Name: ""}, `{"method":""}`},
		{&Response{ID: NumberID(12)}, `{"id":12,"result":null,"error":null}`},
		{&Response{ID: AbsentID, Result: json.RawMessage(`[1,"a b"]`)}, `{"result":[1,"a b"],"error":null}`},
		{Accept(StringID("z")), `{"id":"z","result":true,"error":null}`},
		{Refuse(NumberID(13), CodeJobNotFound, "job not found"), `{"id":13,"result":null,"error":[21,"job not found",null]}`},
		{Refuse(ID{}, -1, ""), `{"id":null,"result":null,"error":[-1,"",null]}`},
		{TextResponse(NumberID(14), "pong"), `{"id":14,"result":"pong","error":null}`},
		{TransactionsResponse(NumberID(15), [][]byte{{1, 2}, {3}}), `{"id":15,"result":["0102","03"],"error":null}`},
		{(&SubscribeResult{Subscriptions: []Subscription{{"mining.set_difficulty", "1"}, {"mining.notify", "2"}}, Extranonce1: []byte{0xab}, Extranonce2Size: 8}).Response(NumberID(2)),
			`{"id":2,"result":[[["mining.set_difficulty","1"],["mining.notify","2"]],"ab",8],"error":null}`},
		{(&ConfigureResult{VersionRolling: Granted, Mask: 0x1fffe000, MinBitCount: 2, MinimumDifficulty: Refused, SubscribeExtranonce: Granted,
			Info: Answer{Given: true, Reason: "no thanks"}, Other: []OtherAnswer{{"x", Refused}}}).Response(NumberID(1)),
			`{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000","version-rolling.min-bit-count":2,"minimum-difficulty":false,` +
				`"subscribe-extranonce":true,"info":"no thanks","x":false},"error":null}`},
	}
}

func TestCanonical(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for _, c := range canonical(t) {
		t.Run(fmt.Sprintf("%T", c.m), func(t *testing.T) {
			seen[reflect.TypeOf(c.m)] = true
			b, err := Append(nil, c.m)
			if err != nil || string(b) != c.line {
				t.Errorf("Append = %s, %v\nwant %s", b, err, c.line)
			}
			m, err := Parse([]byte(c.line), Limits{})
			if err != nil || !reflect.DeepEqual(m, c.m) {
				t.Errorf("Parse = %+v, %v\nwant %+v", m, err, c.m)
			}
			if !json.Valid(b) {
				t.Errorf("%s is not JSON", b)
			}
			if got, want := IDOf(c.m), reflect.ValueOf(c.m).Elem().FieldByName("ID").Interface(); got != want {
				t.Errorf("IDOf = %v, want %v", got, want)
			}
		})
	}
	for method, empty := range calls {
		m := empty(ID{})
		if m.Method() != method {
			t.Errorf("%q makes a message of method %q", method, m.Method())
		}
		if !seen[reflect.TypeOf(m)] {
			t.Errorf("no canonical line for %T", m)
		}
	}
}

// Lines that peers send in other words than ours.
func TestDialects(t *testing.T) {
	prefix := `{"id":null,"method":`
	for _, c := range []struct{ name, line, want string }{
		{"white space", " {\t\"id\" : 1 ,\"method\":\"mining.ping\" , \"params\" : [ ] } ", `{"id":1,"method":"mining.ping","params":[]}`},
		{"escapes", `{"\u0069d":1,"method":"mining\u002eping","params":[]}`, `{"id":1,"method":"mining.ping","params":[]}`},
		{"other members", `{"jsonrpc":"2.0","id":1,"method":"mining.ping","params":[],"x":{}}`, `{"id":1,"method":"mining.ping","params":[]}`},
		{"keys have case", `{"id":1,"ID":2,"method":"mining.ping","METHOD":"x"}`, `{"id":1,"method":"mining.ping","params":[]}`},
		{"no params", `{"id":1,"method":"mining.ping"}`, `{"id":1,"method":"mining.ping","params":[]}`},
		{"null params", `{"id":1,"method":"mining.subscribe","params":null}`, `{"id":1,"method":"mining.subscribe","params":[]}`},
		{"null agent", `{"id":1,"method":"mining.subscribe","params":[null,null]}`, `{"id":1,"method":"mining.subscribe","params":[]}`},
		{"host and port after the session", `{"id":1,"method":"mining.subscribe","params":["a",null,"host","3333"]}`, `{"id":1,"method":"mining.subscribe","params":["a"]}`},
		{"no password", `{"id":1,"method":"mining.authorize","params":["w"]}`, `{"id":1,"method":"mining.authorize","params":["w",""]}`},
		{"null password", `{"id":1,"method":"mining.authorize","params":["w",null,3]}`, `{"id":1,"method":"mining.authorize","params":["w",""]}`},
		{"upper case submit", `{"id":1,"method":"mining.submit","params":["w","j","AB","52C0CCFE","96BA035D","0000E000","x",[]]}`,
			`{"id":1,"method":"mining.submit","params":["w","j","ab","52c0ccfe","96ba035d","0000e000"]}`},
		{"null version bits", `{"id":1,"method":"mining.submit","params":["w","j","ab","52c0ccfe","96ba035d",null]}`,
			`{"id":1,"method":"mining.submit","params":["w","j","ab","52c0ccfe","96ba035d"]}`},
		{"mask alone", `{"id":1,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"FFFFFFFF"}]}`,
			`{"id":1,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"ffffffff","version-rolling.min-bit-count":0}]}`},
		{"no mask", `{"id":1,"method":"mining.configure","params":[["version-rolling"]]}`,
			`{"id":1,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"ffffffff","version-rolling.min-bit-count":0}]}`},
		{"parameters of nothing asked", `{"id":1,"method":"mining.configure","params":[[],{"version-rolling.mask":5}]}`,
			`{"id":1,"method":"mining.configure","params":[[],{}]}`},
		{"short mask", prefix + `"mining.set_version_mask","params":["E000"]}`, prefix + `"mining.set_version_mask","params":["0000e000"]}`},
		{"more params", prefix + `"mining.set_extranonce","params":["AB",0,"x"]}`, prefix + `"mining.set_extranonce","params":["ab",0]}`},
		{"ckpool's digits", prefix + `"mining.set_difficulty","params":[0.0050000000000000001]}`, prefix + `"mining.set_difficulty","params":[0.005]}`},
		{"ckpool's point", prefix + `"mining.set_difficulty","params":[1000000.0]}`, prefix + `"mining.set_difficulty","params":[1000000]}`},
		{"exponent", prefix + `"mining.set_difficulty","params":[1.5E+3]}`, prefix + `"mining.set_difficulty","params":[1500]}`},
		{"quoted", prefix + `"mining.set_difficulty","params":["0.25"]}`, prefix + `"mining.set_difficulty","params":["0.25"]}`},
		{"port in quotes", prefix + `"client.reconnect","params":["h","3333","1.5"]}`, prefix + `"client.reconnect","params":["h",3333,2]}`},
		{"port 0", prefix + `"client.reconnect","params":["",0,0]}`, prefix + `"client.reconnect","params":[]}`},
		{"nulls", prefix + `"client.reconnect","params":[null,null,null]}`, prefix + `"client.reconnect","params":[]}`},
		{"goal with more", prefix + `"mining.set_goal","params":["g",{"malgo":"x","y":1}]}`, prefix + `"mining.set_goal","params":["g",{"malgo":"x"}]}`},
		{"capabilities of any type", `{"id":1,"method":"mining.capabilities","params":[{"notify":[],"x":1}]}`, `{"id":1,"method":"mining.capabilities","params":[{"notify":{}}]}`},
		{"method in an answer", `{"id":1,"method":"mining.submit","result":true,"error":null}`, `{"id":1,"result":true,"error":null}`},
		{"null method", `{"id":1,"method":null,"result":true}`, `{"id":1,"result":true,"error":null}`},
		{"error in a notification", `{"id":null,"error":null,"method":"mining.set_difficulty","params":[2]}`, prefix + `"mining.set_difficulty","params":[2]}`},
		{"negative id", `{"id":-1,"method":"mining.ping"}`, `{"id":-1,"method":"mining.ping","params":[]}`},
		{"long id", `{"id":123456789012345678901234567890,"result":1}`, `{"id":123456789012345678901234567890,"result":1,"error":null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse([]byte(strings.TrimSpace(c.line)), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			b, err := Append(nil, m)
			if err != nil || string(b) != c.want {
				t.Errorf("got  %s, %v\nwant %s", b, err, c.want)
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	for _, m := range []Message{
		&SetDifficulty{},
		&SetDifficulty{Difficulty: -1},
		&SetDifficulty{Difficulty: math.NaN()},
		&SetDifficulty{Difficulty: math.Inf(1), Quoted: true},
		&SuggestDifficulty{Difficulty: 1e300},
		&Configure{MinimumDifficulty: new(-1.0)},
		&Configure{MinimumDifficulty: new(math.NaN())},
		&Unknown{Name: "x", Params: json.RawMessage(`[1`)},
		&Unknown{Name: "x", Params: json.RawMessage(`NaN`)},
		&Unknown{Name: "x", Params: json.RawMessage("\"\xff\"")},
		&Response{Result: json.RawMessage("1\n2")},
		&Response{Result: json.RawMessage("")},
	} {
		b, err := Append([]byte("kept"), m)
		if err == nil || string(b) != "kept" {
			t.Errorf("Append(%+v) = %q, %v; want an error and nothing added", m, b, err)
		}
	}
	// A line break between tokens must not reach the wire.
	b, err := Append(nil, &Unknown{Name: "x", Params: json.RawMessage("[1,\n\r \"\\n \"]")})
	if want := `{"id":null,"method":"x","params":[1,"\n "]}`; err != nil || string(b) != want {
		t.Errorf("Append = %s, %v; want %s", b, err, want)
	}
}

func TestID(t *testing.T) {
	for _, c := range []struct {
		raw  string // "" for no member
		want ID
		num  uint64
		ok   bool
		none bool
	}{
		{"", AbsentID, 0, false, true},
		{"null", ID{}, 0, false, true},
		{"0", NumberID(0), 0, true, false},
		{"7", NumberID(7), 7, true, false},
		{`"7"`, StringID("7"), 7, true, false},
		{`"\u0037"`, StringID("7"), 7, true, false},
		{"7.0", ID{kind: idOther, text: "7.0"}, 7, true, false},
		{"7e0", ID{kind: idOther, text: "7e0"}, 7, true, false},
		{"7.5", ID{kind: idOther, text: "7.5"}, 0, false, false},
		{"-7", ID{kind: idOther, text: "-7"}, 0, false, false},
		{"1e18", ID{kind: idOther, text: "1e18"}, 0, false, false}, // above 2^53
		{"1e999", ID{kind: idOther, text: "1e999"}, 0, false, false},
		{"18446744073709551616", ID{kind: idOther, text: "18446744073709551616"}, 0, false, false},
		{`""`, StringID(""), 0, false, false},
		{`"-7"`, StringID("-7"), 0, false, false},
		{`"abc"`, StringID("abc"), 0, false, false},
	} {
		line := `{"result":1}`
		if c.raw != "" {
			line = `{"id":` + c.raw + `,"result":1}`
		}
		m, err := Parse([]byte(line), Limits{})
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		id := m.(*Response).ID
		if id != c.want {
			t.Errorf("%s: id %+v, want %+v", line, id, c.want)
		}
		if n, ok := id.Number(); n != c.num || ok != c.ok {
			t.Errorf("%s: Number = %d, %v; want %d, %v", line, n, ok, c.num, c.ok)
		}
		if id.Notification() != c.none {
			t.Errorf("%s: Notification = %v", line, id.Notification())
		}
	}
	for _, raw := range []string{"true", "[]", "{}", "[7]"} {
		var f *FieldError
		if _, err := Parse([]byte(`{"id":`+raw+`,"method":"mining.ping"}`), Limits{}); !errors.As(err, &f) || f.Field != "id" {
			t.Errorf("id %s: %v, want a FieldError of id", raw, err)
		}
	}
	for _, raw := range []string{`"` + strings.Repeat("7", 1025) + `"`, strings.Repeat("7", 1025)} {
		var l *LimitError
		if _, err := Parse([]byte(`{"id":`+raw+`,"result":1}`), Limits{}); !errors.As(err, &l) || l.Cap != "text" {
			t.Errorf("id of %d bytes: %v, want a LimitError of text", len(raw), err)
		}
	}
	for id, want := range map[ID]string{AbsentID: "none", {}: "null", NumberID(7): "7", StringID("7\u202e"): `"7\u202e"`} {
		if got := id.String(); got != want {
			t.Errorf("String = %s, want %s", got, want)
		}
	}
}
